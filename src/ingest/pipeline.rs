//! The workers: objects are taken from one list, results are merged once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;

use super::object::{Worker, add};
use super::source::{self, Object};
use super::{Collect, IngestError, Input, Limits};
use crate::ident::TimeRange;
use crate::record::RecordError;

/// How a run goes.
pub struct Run<'r> {
    /// Caps.
    pub limits: Limits,
    /// Objects whose path says that they cannot matter for this window are skipped as `outside-window`.
    pub window: TimeRange,
    /// Number of workers; 0 is one per core.
    pub threads: usize,
    /// Told of every object.
    pub progress: &'r dyn Progress,
    /// When true, workers finish their object and stop; the rest is skipped as `cancelled`.
    pub cancel: &'r AtomicBool,
}

/// Sees how far a run is. Called by all workers.
pub trait Progress: Sync {
    /// So many objects were found.
    fn listed(&self, objects: u64);
    /// One object is done: its size as stored, and the number of its records.
    fn object(&self, bytes: u64, records: u64);
}

/// Looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn listed(&self, _: u64) {}
    fn object(&self, _: u64, _: u64) {}
}

/// Where every object went.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ObjectCounts {
    /// Found in the sources.
    pub listed: u64,
    /// Read, to the end or up to a break that is named as an issue.
    pub read: u64,
    /// Passed over, by kind in [`Ingested::skipped`].
    pub skipped: u64,
    /// Nothing could be read; named as an issue.
    pub failed: u64,
}

impl ObjectCounts {
    /// Whether the counters add up.
    pub fn balances(&self) -> bool {
        self.listed == self.read + self.skipped + self.failed
    }
}

/// Something that is wrong with one object.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Issue {
    /// Path as given.
    pub object: String,
    /// `truncated-gzip`, `corrupt-gzip`, `trailing-bytes`, `not-gzip`, `not-json`, `not-utf8`, `too-deep`, `too-large`,
    /// `no-records`, `empty` or `fetch-failed`.
    pub kind: &'static str,
    /// For a person; holds no text of the log.
    pub detail: String,
    /// Events read from the object all the same.
    pub events_read: u64,
}

/// An [`Issue`] whose object is still at hand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Trouble {
    pub(super) kind: &'static str,
    pub(super) detail: String,
}

/// What a run gives.
#[derive(Clone, Debug)]
pub struct Ingested<C> {
    /// All workers' collectors in one.
    pub collector: C,
    /// See [`ObjectCounts`].
    pub objects: ObjectCounts,
    /// Objects passed over, by kind: `digest`, `insight`, `network-activity`, `aggregated`, `outside-window`, `other-file`,
    /// `not-a-log`, `cancelled`.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Records passed over in objects that were read, by kind: `network-activity`, `insight`, `aggregated`,
    /// `control-message`. They are not part of the collector's counts.
    pub skipped_records: BTreeMap<&'static str, u64>,
    /// Records that are no events, by reason.
    pub malformed: BTreeMap<RecordError, u64>,
    /// Sorted by object.
    pub issues: Vec<Issue>,
    /// The run was cancelled before everything was read.
    pub is_cancelled: bool,
}

/// Reads all inputs. `make` makes a worker's empty collector.
///
/// Gives the same for the same input, whatever the number of workers, if the collector's merge is associative and
/// commutative.
pub fn run<C: Collect>(
    inputs: Vec<Input>,
    run: &Run<'_>,
    make: impl Fn() -> C + Sync,
) -> Result<Ingested<C>, IngestError> {
    let objects = source::list(inputs)?;
    run.progress.listed(objects.len() as u64);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(run.threads)
        .build()
        .map_err(|source| IngestError::Workers { threads: run.threads, source })?;
    let next = AtomicUsize::new(0);
    let work = |_| {
        let mut worker = Worker::new(make(), run.limits);
        while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
            step(&mut worker, object, run);
        }
        worker
    };
    let n_workers = pool.current_num_threads().min(objects.len()).max(1);
    let workers: Vec<Worker<C>> =
        pool.install(|| (0..n_workers).into_par_iter().with_max_len(1).map(work).collect());
    let mut ingested = Ingested {
        collector: make(),
        objects: ObjectCounts { listed: objects.len() as u64, ..ObjectCounts::default() },
        skipped: BTreeMap::new(),
        skipped_records: BTreeMap::new(),
        malformed: BTreeMap::new(),
        issues: Vec::new(),
        is_cancelled: false,
    };
    for worker in workers {
        ingested.objects.read += worker.n_read;
        ingested.objects.failed += worker.n_failed;
        add(&mut ingested.skipped, worker.skipped);
        add(&mut ingested.skipped_records, worker.skipped_records);
        add(&mut ingested.malformed, worker.malformed);
        ingested.issues.extend(worker.issues);
        ingested.collector = ingested.collector.merge(worker.collector);
    }
    ingested.objects.skipped = ingested.skipped.values().sum();
    ingested.is_cancelled = ingested.skipped.contains_key("cancelled");
    ingested.issues.sort_unstable();
    Ok(ingested)
}

fn step<C: Collect>(worker: &mut Worker<C>, object: &Object, run: &Run<'_>) {
    if run.cancel.load(Ordering::Relaxed) {
        *worker.skipped.entry("cancelled").or_default() += 1;
        return;
    }
    let (bytes, records) = worker.object(object, run);
    run.progress.object(bytes, records);
}
