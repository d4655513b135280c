//! The refused calls of a log, or of a store: the reading half of `leastwise explain`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::AuditError;
use super::sources::EVENT_HISTORY;
use crate::aws::{self, Aws};
use crate::catalog::Catalog;
use crate::explain::{Refusal, Refusals};
use crate::ingest::{self, Collect, Issue, Progress, Run};
use crate::record::{Event, RecordError, with_json};
use crate::store::{Place, ReadFrom, Store, StoreError};

/// Which refused calls to look for, and as whom to read.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Ids of events; none is every refused call.
    pub events: BTreeSet<String>,
    /// How to reach buckets and the event history.
    pub aws: aws::Settings,
}

/// What a log holds of refused calls.
#[derive(Clone, Debug, Default)]
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

/// Why an event of a store cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum StoredEventError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No run read such an event into it.
    #[error("the store `{}` has no event `{id}`", .dir.display())]
    NotThere {
        /// The event's id.
        id: String,
        /// The store's folder.
        dir: PathBuf,
    },
    /// A store keeps which permissions a call needed, not the record; and its object is not to be had any more.
    #[error("event `{id}` was read from {}, and {why}", .object)]
    Gone {
        /// The event's id.
        id: String,
        /// The object, as messages name it.
        object: String,
        /// What is the matter with it.
        why: &'static str,
        /// The error of reading, when there was one.
        source: Option<Box<AuditError>>,
    },
}

#[derive(Clone)]
struct Finder {
    refusals: Refusals,
}

impl Collect for Finder {
    const NETWORK_ACTIVITY: bool = true;

    fn event(&mut self, event: &Event<'_>) {
        self.refusals.add(event, Catalog::embedded());
    }

    fn malformed(&mut self, _: RecordError) {}

    fn skipped(&mut self, _: &'static str) {}

    fn merge(self, other: Self) -> Self {
        Self { refusals: self.refusals.merge(other.refusals) }
    }
}

/// Reads the sources (`-` is `stdin`) and keeps what was refused of what is wanted.
///
/// # Errors
///
/// A source that cannot be read at all, and sources without any log.
pub fn refusals(
    sources: &[String],
    wanted: &Wanted,
    stdin: Option<Box<dyn Read + Send>>,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Refused, AuditError> {
    let (refusals, issues) = read(sources, wanted, stdin, progress, cancel)?;
    Ok(refused(refusals, issues))
}

fn refused(refusals: Refusals, issues: Vec<Issue>) -> Refused {
    Refused {
        n_not_refused: refusals.n_not_refused(),
        is_cut: refusals.is_cut(),
        refusals: refusals.into_list(),
        issues,
    }
}

fn read(
    sources: &[String],
    wanted: &Wanted,
    stdin: Option<Box<dyn Read + Send>>,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<(Refusals, Vec<Issue>), AuditError> {
    let inputs = super::inputs(sources, stdin, &wanted.aws)?;
    let run = Run { progress, network_activity: true, ..Run::new(cancel) };
    let found = ingest::run(inputs, &run, || Finder { refusals: Refusals::of_events(&wanted.events) })?;
    if found.objects.listed == found.objects.skipped && !found.is_cancelled {
        let skipped: BTreeMap<String, u64> =
            found.skipped.into_iter().map(|(kind, n)| (kind.to_owned(), n)).collect();
        return Err(AuditError::NoInput { sources: sources.to_vec(), skipped });
    }
    Ok((found.collector.refusals, found.issues))
}

/// The events of a store, each read again from the object the store read it from: what is said of them is what is said of the
/// events themselves.
///
/// # Errors
///
/// An id the store does not have, and an object that is gone, was changed, or never had a name.
pub fn stored_refusals(
    dir: &Path,
    wanted: &Wanted,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Refused, StoredEventError> {
    let places = Store::open(Place::of(dir, &wanted.aws)?)?.read_from(&wanted.events)?;
    let mut refusals = Refusals::default();
    for id in &wanted.events {
        let Some(places) = places.get(id).filter(|places| !places.is_empty()) else {
            return Err(StoredEventError::NotThere { id: id.clone(), dir: dir.to_owned() });
        };
        let one = Wanted { events: BTreeSet::from([id.clone()]), aws: wanted.aws.clone() };
        let mut missed = None;
        let mut found = None;
        for place in places {
            match again(place, id, &one, progress, cancel) {
                Ok(refusals) => {
                    found = Some(refusals);
                    break;
                }
                // The first one stands: a run most often names what it reads in one way only.
                Err(error) => missed = missed.or(Some(error)),
            }
        }
        match (found, missed) {
            (Some(found), _) => refusals = refusals.merge(found),
            (None, Some(error)) => return Err(error),
            (None, None) => {}
        }
    }
    Ok(refused(refusals, Vec::new()))
}

/// One event out of one object.
fn again(
    place: &ReadFrom,
    id: &str,
    wanted: &Wanted,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Refusals, StoredEventError> {
    let gone = |object: String, why, source: Option<AuditError>| StoredEventError::Gone {
        id: id.to_owned(),
        object,
        why,
        source: source.map(Box::new),
    };
    let object = format!("`{}`", place.name);
    if place.name == "-" {
        return Err(gone("standard input".to_owned(), "a store keeps no records", None));
    }
    let (refusals, issues) = if place.name.starts_with(EVENT_HISTORY) {
        let told = from_history(place, id, wanted);
        (told.map_err(|error| gone(object.clone(), "it cannot be asked for now", Some(error)))?, Vec::new())
    } else {
        let told = read(std::slice::from_ref(&place.key), wanted, None, progress, cancel);
        told.map_err(|error| gone(object.clone(), "that cannot be read now", Some(error)))?
    };
    if refusals.n_not_refused() == 0 && refusals.is_empty() {
        let why = match issues.is_empty() {
            true => "it is not there any more: the object was changed since",
            false => "that cannot be read to its end now",
        };
        return Err(gone(object, why, None));
    }
    Ok(refusals)
}

/// Pages of the event history have no names that stay; its events have.
fn from_history(place: &ReadFrom, id: &str, wanted: &Wanted) -> Result<Refusals, AuditError> {
    // `cloudtrail:/ACCOUNT/CloudTrail/REGION/…`
    let region = place.name.split('/').nth(3).unwrap_or_default();
    let record = aws::lookup_event(&Aws::connect(&wanted.aws)?, region, id)?;
    let mut refusals = Refusals::of_events(&wanted.events);
    if let Some(record) = record {
        // What is no record here was none when it was first read.
        let _ = with_json(&record, |json| {
            if let Ok(event) = Event::parse(json) {
                refusals.add(&event, Catalog::embedded());
            }
        });
    }
    Ok(refusals)
}
