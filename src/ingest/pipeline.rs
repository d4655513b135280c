//! The workers: objects are taken from one list, results are merged once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};

use rayon::prelude::*;

use super::feed::{Arrival, Feed, Known, ObjectRef, Source, SourceError, Tally, Transfer, why_skip};
use super::object::{Worker, add};
use super::source::{self, Listed, Object};
use super::{Collect, IngestError, Input, Limits};
use crate::ident::TimeRange;
use crate::integrity::FileHours;
use crate::record::RecordError;

/// Fetched objects that wait for a worker, besides those the source holds.
const WAITING: usize = 16;

/// How a run goes.
#[derive(Clone, Copy)]
pub struct Run<'r> {
    /// Caps.
    pub limits: Limits,
    /// Objects whose path says that they cannot matter for this window are skipped as `outside-window`.
    pub window: TimeRange,
    /// Number of workers; 0 is one per core. In a pool of rayon's, that pool's are taken.
    pub threads: usize,
    /// Told of every object.
    pub progress: &'r dyn Progress,
    /// When true, workers finish their object and stop; the rest is skipped as `cancelled`.
    pub cancel: &'r AtomicBool,
    /// The same, set by whoever wants what was read so far, and will run again for the rest.
    pub pause: Option<&'r AtomicBool>,
    /// Objects that an earlier run read are skipped as `already-read`.
    pub known: Option<&'r dyn Known>,
    /// Whether [`Ingested::outcomes`] is kept.
    pub outcomes: bool,
    /// Whether outcomes tell the SHA-256 of what was inflated.
    pub hashes: bool,
    /// Whether records are left alone: objects are inflated and hashed only, and count as read when that went well.
    pub only_hashes: bool,
    /// Takes digest files, which are not opened without it. They count as skipped either way.
    pub digests: Option<&'r (dyn Fn(DigestFile) + Sync)>,
    /// Whether objects with network activity events are opened, for a collector that takes these.
    pub network_activity: bool,
}

impl<'r> Run<'r> {
    /// Everything, with the default caps, a worker per core, and nobody looking.
    pub fn new(cancel: &'r AtomicBool) -> Self {
        Self {
            limits: Limits::default(),
            window: TimeRange::ALWAYS,
            threads: 0,
            progress: &Quiet,
            cancel,
            pause: None,
            known: None,
            outcomes: false,
            hashes: false,
            only_hashes: false,
            digests: None,
            network_activity: false,
        }
    }

    /// Whether nothing new is to be begun.
    pub(super) fn is_stopped(&self) -> bool {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        is_set(self.cancel) || self.pause.is_some_and(is_set)
    }
}

/// What CloudTrail wrote to vouch for its log files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DigestFile {
    /// Where it lies.
    pub object: ObjectRef,
    /// Inflated, byte for byte; or what is wrong with the object.
    pub text: Result<Vec<u8>, String>,
    /// See [`super::Fetched::metadata`]; empty for files.
    pub metadata: Vec<(String, String)>,
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
    /// `no-records`, `empty`; of objects that could not be fetched `fetch-failed`, `deleted`, `denied`, `kms-denied`, `archived`,
    /// `changed`; of parts of a source that could not be listed `list-failed`, `list-denied`.
    pub kind: &'static str,
    /// For a person; holds no text of the log.
    pub detail: String,
    /// Events read from the object all the same.
    pub events_read: u64,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fate {
    /// Read, to the end or up to a break.
    Read,
    /// Passed over, of this kind.
    Skipped(&'static str),
    /// Nothing could be read.
    Failed,
}

/// What became of one object.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Outcome {
    /// The object; its `etag` is that of what was read.
    pub object: ObjectRef,
    /// See [`Fate`].
    pub fate: Fate,
    /// Records given to the collector.
    pub records: u64,
    /// Of these, events.
    pub events: u64,
    /// The kind of the first [`Issue`] it has.
    pub issue: Option<&'static str>,
    /// SHA-256 of the inflated bytes, when asked for and when all could be inflated.
    pub sha256: Option<[u8; 32]>,
    /// Of the records, those that are no events.
    pub malformed: u64,
    /// Of the records, those passed over, by kind.
    pub skipped: BTreeMap<&'static str, u64>,
    /// The number under which the collector was told of the object; another one in each run. None for one that was not opened.
    pub number: Option<u32>,
}

impl Outcome {
    pub(super) fn of(object: ObjectRef, fate: Fate) -> Self {
        Self {
            object,
            fate,
            records: 0,
            events: 0,
            issue: None,
            sha256: None,
            malformed: 0,
            skipped: BTreeMap::new(),
            number: None,
        }
    }
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
    /// `not-a-log`, `already-read`, `cancelled`.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Records passed over in objects that were read, by kind: `network-activity`, `insight`, `aggregated`,
    /// `control-message`. They are not part of the collector's counts.
    pub skipped_records: BTreeMap<&'static str, u64>,
    /// Records that are no events, by reason.
    pub malformed: BTreeMap<RecordError, u64>,
    /// Sorted by object.
    pub issues: Vec<Issue>,
    /// What became of each object, those skipped as `already-read` or `cancelled` left out; sorted. Empty unless [`Run::outcomes`].
    pub outcomes: Vec<Outcome>,
    /// When the log files that were read were delivered.
    pub files: FileHours,
    /// What the sources took; zeros when all was local.
    pub transfer: Transfer,
    /// The run was cancelled before everything was read.
    pub is_cancelled: bool,
}

/// What a run would read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Preview {
    /// Objects found.
    pub listed: u64,
    /// Of these, objects that would be read.
    pub objects: u64,
    /// Their bytes as stored.
    pub bytes: u64,
    /// Of `objects`, those that come from a source over the network.
    pub remote_objects: u64,
    /// Of `bytes`, theirs.
    pub remote_bytes: u64,
    /// Objects that would be passed over, by kind.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Parts that could not be listed.
    pub issues: Vec<Issue>,
    /// What finding this out took.
    pub transfer: Transfer,
    /// Cancelled before everything was listed.
    pub is_cancelled: bool,
}

/// Lists all inputs and reads nothing.
pub fn preview(inputs: Vec<Input>, run: &Run<'_>) -> Result<Preview, IngestError> {
    let Listed { objects, sources } = source::list(inputs)?;
    let mut preview = Preview { listed: objects.len() as u64, ..Preview::default() };
    for object in &objects {
        match object.skip.or_else(|| why_skip(&object.about, run)) {
            Some(kind) => *preview.skipped.entry(kind).or_default() += 1,
            None => {
                preview.objects += 1;
                preview.bytes += object.about.size.unwrap_or_default();
            }
        }
    }
    let tally = Tally::default();
    let transfer = thread::scope(|scope| read_sources(scope, &sources, run, &tally, None).finish())?;
    let listed = tally.listed.load(Ordering::Relaxed);
    let bytes = tally.bytes_wanted.load(Ordering::Relaxed);
    let rest = tally.rest.into_inner().unwrap_or_else(PoisonError::into_inner);
    preview.remote_objects = listed - rest.skipped.values().sum::<u64>();
    preview.remote_bytes = bytes;
    preview.listed += listed;
    preview.objects += preview.remote_objects;
    preview.bytes += bytes;
    add(&mut preview.skipped, rest.skipped);
    preview.issues = rest.issues;
    preview.issues.sort_unstable();
    preview.transfer = transfer;
    preview.is_cancelled = run.cancel.load(Ordering::Relaxed);
    Ok(preview)
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
    let Listed { objects, sources } = source::list(inputs)?;
    let n_local = objects.len() as u64;
    run.progress.listed(n_local);
    let pool = own_pool(run)?;
    let tally = Tally::after(n_local);
    let (sender, receiver) = mpsc::sync_channel(WAITING);
    // With nobody left to send, a worker that waits is told so.
    let sender = (!sources.is_empty()).then_some(sender);
    let n_workers = in_pool(pool.as_ref(), rayon::current_num_threads);
    let n_workers = if sources.is_empty() { n_workers.min(objects.len()) } else { n_workers }.max(1);
    let next = AtomicUsize::new(0);
    let numbers = AtomicU32::new(0);
    let (workers, transfer) = thread::scope(|scope| {
        // INVARIANT: owned here, so that it goes before the sources are waited for, even when a worker panics.
        let receiver: Mutex<Receiver<Arrival>> = Mutex::new(receiver);
        let reading = read_sources(scope, &sources, run, &tally, sender);
        let work = |_| {
            let mut worker = Worker::new(make(), run, &numbers);
            while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
                step(&mut worker, object, run);
            }
            while let Some(arrival) = receive(&receiver) {
                let (bytes, records) = worker.arrival(arrival);
                run.progress.object(bytes, records);
            }
            worker.let_go();
            worker
        };
        let workers: Vec<Worker<'_, C>> =
            in_pool(pool.as_ref(), || (0..n_workers).into_par_iter().with_max_len(1).map(work).collect());
        drop(receiver);
        (workers, reading.finish())
    });
    let transfer = transfer?;
    let n_missing = tally.missing();
    let n_remote = tally.listed.load(Ordering::Relaxed);
    let rest = tally.rest.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut ingested = Ingested {
        collector: make(),
        objects: ObjectCounts { listed: n_local + n_remote, ..ObjectCounts::default() },
        skipped: rest.skipped,
        skipped_records: BTreeMap::new(),
        malformed: BTreeMap::new(),
        issues: rest.issues,
        outcomes: rest.outcomes,
        files: FileHours::default(),
        transfer,
        is_cancelled: !sources.is_empty() && run.is_stopped(),
    };
    let merge = |worker: Worker<'_, C>| {
        ingested.objects.read += worker.n_read;
        ingested.objects.failed += worker.n_failed;
        add(&mut ingested.skipped, worker.skipped);
        add(&mut ingested.skipped_records, worker.skipped_records);
        add(&mut ingested.malformed, worker.malformed);
        ingested.issues.extend(worker.issues);
        ingested.outcomes.extend(worker.outcomes);
        ingested.files.merge(worker.files);
        worker.collector
    };
    // By a worker, in the room that reading has just given back.
    let collectors = workers.into_iter().map(merge).collect::<Vec<_>>();
    ingested.collector = in_pool(pool.as_ref(), || collectors.into_iter().fold(make(), C::merge));
    if n_missing > 0 {
        *ingested.skipped.entry(CANCELLED).or_default() += n_missing;
    }
    ingested.objects.skipped = ingested.skipped.values().sum();
    ingested.is_cancelled |= ingested.skipped.contains_key(CANCELLED);
    ingested.issues.sort_unstable();
    ingested.outcomes.sort_unstable();
    Ok(ingested)
}

/// A pool of workers, unless the caller already works in one.
fn own_pool(run: &Run<'_>) -> Result<Option<rayon::ThreadPool>, IngestError> {
    let threads = run.threads;
    let build = || rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let own = rayon::current_thread_index().is_none().then(build).transpose();
    own.map_err(|source| IngestError::Workers { threads, source })
}

/// Works in a pool, or in that of the caller.
fn in_pool<T: Send>(pool: Option<&rayon::ThreadPool>, work: impl FnOnce() -> T + Send) -> T {
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// The kind of objects that were not read because the run ended before.
const CANCELLED: &str = "cancelled";

fn step<C: Collect>(worker: &mut Worker<'_, C>, object: &Object, run: &Run<'_>) {
    if run.is_stopped() {
        *worker.skipped.entry(CANCELLED).or_default() += 1;
        return;
    }
    let (bytes, records) = worker.object(object);
    run.progress.object(bytes, records);
}

/// The next fetched object; `None` when no more will come.
fn receive(receiver: &Mutex<Receiver<Arrival>>) -> Option<Arrival> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Threads that read sources, one each.
pub(super) struct Reading<'scope> {
    threads: Vec<ScopedJoinHandle<'scope, Result<Transfer, SourceError>>>,
}

pub(super) fn read_sources<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    sources: &'env [Box<dyn Source>],
    run: &'env Run<'env>,
    tally: &'env Tally,
    sender: Option<SyncSender<Arrival>>,
) -> Reading<'scope> {
    let mut threads = Vec::new();
    for source in sources {
        let feed = Feed::new(run, tally, sender.clone());
        threads.push(scope.spawn(move || {
            let read = source.read(&feed);
            if read.is_err() {
                tally.stop.store(true, Ordering::Relaxed);
            }
            read
        }));
    }
    Reading { threads }
}

impl Reading<'_> {
    /// Waits for all; the first error is the run's.
    pub(super) fn finish(self) -> Result<Transfer, IngestError> {
        let read: Vec<Result<Transfer, SourceError>> = self
            .threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        let mut total = Transfer::default();
        for transfer in read {
            total = total.plus(transfer.map_err(IngestError::Source)?);
        }
        Ok(total)
    }
}
