//! The refused calls of a log: the reading half of `leastwise explain`.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::AtomicBool;

use super::AuditError;
use crate::catalog::Catalog;
use crate::explain::{Refusal, Refusals};
use crate::ingest::{self, Collect, Issue, Progress, Run};
use crate::record::{Event, RecordError};

/// What a log holds of refused calls.
#[derive(Clone, Debug)]
pub struct Refused {
    /// By time; alike ones counted together.
    pub refusals: Vec<Refusal>,
    /// Calls looked at that were not refused.
    pub n_not_refused: u64,
    /// More kinds of refusals were met than are kept.
    pub is_cut: bool,
    /// Objects that could not be read, or not to the end.
    pub issues: Vec<Issue>,
}

#[derive(Clone)]
struct Finder {
    refusals: Refusals,
}

impl Collect for Finder {
    fn event(&mut self, event: &Event<'_>) {
        self.refusals.add(event, Catalog::embedded());
    }

    fn malformed(&mut self, _: RecordError) {}

    fn skipped(&mut self, _: &'static str) {}

    fn merge(self, other: Self) -> Self {
        Self { refusals: self.refusals.merge(other.refusals) }
    }
}

/// Reads the sources (`-` is `stdin`) and keeps what was refused: the event `event_id`, or all.
///
/// # Errors
///
/// A source that cannot be read at all, and sources without any log.
pub fn refusals(
    sources: &[String],
    event_id: Option<&str>,
    stdin: Option<Box<dyn Read + Send>>,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Refused, AuditError> {
    let inputs = super::inputs(sources, stdin, &crate::aws::Settings::default())?;
    let run = Run { progress, ..Run::new(cancel) };
    let found = ingest::run(inputs, &run, || Finder { refusals: Refusals::new(event_id) })?;
    if found.objects.listed == found.objects.skipped && !found.is_cancelled {
        let skipped: BTreeMap<String, u64> =
            found.skipped.into_iter().map(|(kind, n)| (kind.to_owned(), n)).collect();
        return Err(AuditError::NoInput { sources: sources.to_vec(), skipped });
    }
    let refusals = found.collector.refusals;
    Ok(Refused {
        n_not_refused: refusals.n_not_refused(),
        is_cut: refusals.is_cut(),
        refusals: refusals.into_list(),
        issues: found.issues,
    })
}
