//! Where logs come from, as the user names it.

use std::borrow::Cow;
use std::io::Read;
use std::path::PathBuf;

use super::{AuditError, Settings};
use crate::aws::{self, Aws, Bucket, EventHistory};
use crate::ingest::Input;
use crate::inventory::{Inventory, Selected, Selector, Trail};

/// How addresses of tables begin.
const TABLE: &str = "athena:";
/// How addresses of the event history begin.
pub(super) const EVENT_HISTORY: &str = "cloudtrail:";

/// Sources as ingest takes them: `-` is the reader, an address a place at AWS, everything else a path.
pub fn inputs(
    sources: &[String],
    stdin: Option<Box<dyn Read + Send>>,
    settings: &aws::Settings,
) -> Result<Vec<Input>, AuditError> {
    let (mut stdin, mut connected) = (stdin, None);
    let mut inputs = Vec::new();
    for source in sources {
        if ["s3://", EVENT_HISTORY, TABLE].iter().any(|scheme| source.starts_with(scheme)) {
            // One way for all, and none for runs that stay on this machine.
            let aws: &Aws = match &connected {
                Some(aws) => aws,
                None => connected.insert(Aws::connect(settings)?),
            };
            if let Some(places) = aws::table_locations(aws, source) {
                let places = places?;
                let buckets = places.iter().filter_map(|place| Bucket::parse(aws, place));
                inputs.extend(buckets.map(|bucket| Input::Source(Box::new(bucket))));
                continue;
            }
            let bucket = Bucket::parse(aws, source).map(|bucket| Input::Source(Box::new(bucket)));
            let history = || EventHistory::parse(aws, source).map(|history| Input::Source(Box::new(history)));
            inputs.push(bucket.or_else(history).ok_or_else(|| AuditError::Address(source.clone()))?);
        } else if source == "-"
            && let Some(reader) = stdin.take()
        {
            inputs.push(Input::Stream("-".to_owned(), reader));
        } else {
            inputs.push(Input::Path(PathBuf::from(source)));
        }
    }
    Ok(inputs)
}

/// What the sources could have shown at all: where all are the event history, whatever the account's trails record beside it.
pub(super) fn trails<'i>(settings: &Settings, inventory: &'i Inventory) -> Cow<'i, [Trail]> {
    let is_history = |source: &String| source.starts_with(EVENT_HISTORY);
    if settings.sources.is_empty() || !settings.sources.iter().all(is_history) {
        return Cow::Borrowed(&inventory.trails);
    }
    let what = Selected::Management { excluded: Vec::new() };
    Cow::Owned(vec![Trail {
        arn: "event-history".to_owned(),
        is_multi_region: Some(true),
        is_organization: true,
        selectors: Some(vec![Selector {
            what,
            reads: true,
            writes: true,
            is_narrowed: false,
            within: Vec::new(),
        }]),
        ..Trail::default()
    }])
}
