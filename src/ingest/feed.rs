//! Objects that come from elsewhere: a [`Source`] lists and fetches them, a [`Feed`] takes them to the workers.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};

use super::pipeline::{Fate, Issue, Outcome, Run};
use super::{LogKey, LogKind};
use crate::ident::{Time, TimeRange};

/// An object as its source lists it.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectRef {
    /// The path as given with `/` separators, or `s3://BUCKET/KEY`; unique in a run.
    pub name: String,
    /// Bytes as stored; `None` where nobody knows before reading.
    pub size: Option<u64>,
    /// The source's mark of this content. `None` where there is none: such an object cannot be known from an earlier run by name alone.
    pub etag: Option<String>,
    /// When it was written.
    pub last_modified: Option<Time>,
}

/// Tells which objects were read before, by an earlier run.
pub trait Known: Sync {
    /// Whether this very content was read; such objects are skipped as `already-read`.
    fn is_known(&self, object: &ObjectRef) -> bool;
}

/// A place that lists objects and fetches those that are wanted.
pub trait Source: Send + Sync {
    /// As the user named it.
    fn name(&self) -> &str;

    /// Lists everything that may matter for [`Feed::window`]; asks [`Feed::wants`] once for each object, and gives each one that is wanted
    /// to [`Feed::put`] once. Returns when all is done or, soon after [`Feed::is_stopped`], when what was under way is given.
    ///
    /// A part that cannot be listed goes to [`Feed::miss`]; an error is for a source of which nothing can be listed.
    fn read(&self, feed: &Feed<'_>) -> Result<Transfer, SourceError>;
}

/// Why a source cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{name}`")]
pub struct SourceError {
    /// As the user named it.
    pub name: String,
    /// What went wrong.
    #[source]
    pub cause: Box<dyn Error + Send + Sync>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What reading a source took.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Transfer {
    /// Requests that listed, attempts included.
    pub lists: u64,
    /// Requests that fetched, attempts included.
    pub gets: u64,
    /// Of all these, attempts after a first one.
    pub retries: u64,
    /// Answers that asked to slow down.
    pub throttled: u64,
    /// Bytes of the objects fetched.
    pub bytes: u64,
}

impl Transfer {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            lists: self.lists + other.lists,
            gets: self.gets + other.gets,
            retries: self.retries + other.retries,
            throttled: self.throttled + other.throttled,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// A whole object.
pub struct Fetched {
    /// As stored.
    pub bytes: Vec<u8>,
    /// The mark of what was fetched, where it is not the one listed.
    pub etag: Option<String>,
    /// The mark that came with the content, listed or not.
    pub served_etag: Option<String>,
    /// What the source keeps beside the content (`x-amz-meta-…` without its beginning); a digest's signature is there.
    pub metadata: Vec<(String, String)>,
    /// Let go when the bytes are read: what bounds the bytes in flight.
    pub guard: Option<Box<dyn Send>>,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("bytes", &self.bytes.len())
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

/// Why one object could not be fetched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FetchError {
    /// `fetch-failed`, `deleted`, `denied`, `kms-denied`, `archived` or `changed`.
    pub kind: &'static str,
    /// For a person, with what to do.
    pub detail: String,
}

/// What a source hands to a worker.
pub(super) struct Arrival {
    pub(super) object: ObjectRef,
    pub(super) fetched: Result<Fetched, FetchError>,
}

/// What is known of a run's sources; shared by all their feeds.
#[derive(Default)]
pub(super) struct Tally {
    /// Local objects, which progress counts too.
    before: u64,
    pub(super) listed: AtomicU64,
    wanted: AtomicU64,
    put: AtomicU64,
    pub(super) bytes_wanted: AtomicU64,
    /// A source failed: nothing more is worth fetching.
    pub(super) stop: AtomicBool,
    pub(super) rest: Mutex<Rest>,
}

/// What needs a lock.
#[derive(Default)]
pub(super) struct Rest {
    pub(super) skipped: BTreeMap<&'static str, u64>,
    pub(super) issues: Vec<Issue>,
    pub(super) outcomes: Vec<Outcome>,
}

impl Tally {
    pub(super) fn after(before: u64) -> Self {
        Self { before, ..Self::default() }
    }

    /// Objects that were wanted and never came.
    pub(super) fn missing(&self) -> u64 {
        self.wanted.load(Ordering::Relaxed).saturating_sub(self.put.load(Ordering::Relaxed))
    }

    pub(super) fn rest(&self) -> std::sync::MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way from a source to the workers.
pub struct Feed<'r> {
    run: &'r Run<'r>,
    tally: &'r Tally,
    /// None only counts.
    sender: Option<SyncSender<Arrival>>,
}

impl<'r> Feed<'r> {
    pub(super) fn new(run: &'r Run<'r>, tally: &'r Tally, sender: Option<SyncSender<Arrival>>) -> Self {
        Self { run, tally, sender }
    }

    /// Events of this time matter.
    pub fn window(&self) -> TimeRange {
        self.run.window
    }

    /// Bytes of an object beyond which nothing more of it is read.
    pub fn most_bytes(&self) -> usize {
        self.run.limits.object_bytes
    }

    /// Whether nothing is to be fetched: the run only wants to know what there is.
    pub fn is_preview(&self) -> bool {
        self.sender.is_none()
    }

    /// Whether to come to an end: what is under way is finished, nothing new is begun.
    pub fn is_stopped(&self) -> bool {
        self.run.is_stopped() || self.tally.stop.load(Ordering::Relaxed)
    }

    /// Counts a listed object; true when it is to be fetched.
    pub fn wants(&self, object: &ObjectRef) -> bool {
        let listed = self.tally.listed.fetch_add(1, Ordering::Relaxed) + 1;
        self.run.progress.listed(self.tally.before + listed);
        match why_skip(object, self.run).or_else(|| (!is_candidate(&object.name)).then_some("other-file")) {
            Some(kind) => {
                let mut rest = self.tally.rest();
                *rest.skipped.entry(kind).or_default() += 1;
                if self.run.outcomes && kind != ALREADY_READ {
                    rest.outcomes.push(Outcome::of(object.clone(), Fate::Skipped(kind)));
                }
                false
            }
            None => {
                self.tally.bytes_wanted.fetch_add(object.size.unwrap_or_default(), Ordering::Relaxed);
                let is_fetched = self.sender.is_some();
                self.tally.wanted.fetch_add(u64::from(is_fetched), Ordering::Relaxed);
                is_fetched
            }
        }
    }

    /// Hands a wanted object over; waits while the workers have enough to do, and tells whether they had.
    pub fn put(&self, object: ObjectRef, fetched: Result<Fetched, FetchError>) -> bool {
        let Some(sender) = &self.sender else { return false };
        // Without a receiver the run is over, and the object counts as missing.
        let (is_put, had_enough) = match sender.try_send(Arrival { object, fetched }) {
            Ok(()) => (true, false),
            Err(TrySendError::Full(arrival)) => (sender.send(arrival).is_ok(), true),
            Err(TrySendError::Disconnected(_)) => (false, false),
        };
        self.tally.put.fetch_add(u64::from(is_put), Ordering::Relaxed);
        had_enough
    }

    /// A part of the source that could not be listed: `place` is a prefix, `kind` one of `list-failed` and `list-denied`.
    pub fn miss(&self, place: String, kind: &'static str, detail: String) {
        self.tally.rest().issues.push(Issue { object: place, kind, detail, events_read: 0 });
    }
}

/// The kind of objects that [`Known`] knows.
pub(super) const ALREADY_READ: &str = "already-read";

/// Why an object is not opened at all.
pub(super) fn why_skip(object: &ObjectRef, run: &Run<'_>) -> Option<&'static str> {
    let key = LogKey::parse(&object.name);
    let is_digest = key.is_some_and(|key| key.kind == LogKind::Digest);
    if let Some(key) = key
        && !(is_digest && run.digests.is_some())
        && !(key.kind == LogKind::NetworkActivity && run.network_activity)
        && let Some(kind) = key.kind.skipped()
    {
        return Some(kind);
    }
    if key.is_some_and(|key| !key.may_hold(&run.window)) {
        return Some("outside-window");
    }
    run.known.is_some_and(|known| known.is_known(object)).then_some(ALREADY_READ)
}

/// Whether a name is that of a log.
fn is_candidate(name: &str) -> bool {
    LogKey::parse(name).is_some() || super::source::has_log_name(name)
}
