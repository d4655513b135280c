//! Logs into a store, and a store's ledger out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::vouching::{self, Gatherer, Keys};
use super::{AuditError, Gathered, Settings, inputs};
use crate::aws;
use crate::ident::{Time, TimeRange};
use crate::ingest::{self, Issue, Known as _, ObjectRef, Progress, Recorder, Run};
use crate::integrity::{Asked, PublicKeys};
use crate::inventory;
use crate::record::Event;
use crate::store::{Batch, Known, Place, Store, StoreError, Writer};
use crate::usage::{Keep, Scope, Usage};

/// How logs go into a store.
#[derive(Clone, Copy, Debug)]
pub struct Ingestion<'s> {
    /// The store: a folder, made when there is none, or `s3://BUCKET/PREFIX`.
    pub store: &'s Path,
    /// Where relative paths of sources begin.
    pub base: &'s Path,
    /// Events before this moment are let go, whole months at a time.
    pub keep_from: Option<Time>,
    /// What was read is written down after so many objects: a run that is killed later goes on from there.
    pub commit_every: u64,
    /// Make one segment of all.
    pub compact: bool,
    /// Read only the objects of this shard, of so many: each object is in one, whoever asks.
    pub shard: Option<(u64, u64)>,
    /// Keep what a check against digest files needs, so that an audit of the store needs nothing more. It is kept all the same when keys
    /// are given (also in the snapshots that the settings name), and by a store that began to.
    pub keep_proof: bool,
}

impl<'s> Ingestion<'s> {
    /// The usual way.
    pub fn new(store: &'s Path, base: &'s Path) -> Self {
        Self {
            store,
            base,
            keep_from: None,
            commit_every: 20_000,
            compact: false,
            shard: None,
            keep_proof: false,
        }
    }
}

/// What went into a store.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stored {
    /// Objects found in the sources.
    pub listed: u64,
    /// Objects read, or passed over for the first time.
    pub added: u64,
    /// Of these, objects read before with another content, which now counts instead.
    pub changed: u64,
    /// Of those added, objects read again because what proves them had not been kept.
    pub proven: u64,
    /// Objects known from before.
    pub known: u64,
    /// Objects passed over because of their day.
    pub outside_window: u64,
    /// Deliveries of events written down.
    pub events: u64,
    /// Deliveries left out because they are older than what is kept.
    pub too_old: u64,
    /// What is wrong with objects of this run.
    pub issues: Vec<Issue>,
    /// Keys that AWS was asked for and did not tell; the next run that may asks again.
    pub unread_keys: BTreeSet<aws::Unread>,
    /// Records of this run that are no events.
    pub malformed: u64,
    /// Files found in the sources that hold no CloudTrail events, by kind.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Segments and deliveries in the store now.
    pub size: (usize, u64),
    /// The run was cancelled; what it had read is in the store.
    pub is_cancelled: bool,
}

/// Bytes of objects, as stored, after which what was read is written down.
const COMMIT_BYTES: u64 = 4 << 30;

/// Lets a run pause when it has read enough to be written down.
struct Pausing<'p> {
    inner: &'p dyn Progress,
    pause: &'p AtomicBool,
    commit_every: u64,
    objects: AtomicU64,
    bytes: AtomicU64,
}

impl Progress for Pausing<'_> {
    fn listed(&self, objects: u64) {
        self.inner.listed(objects);
    }

    fn object(&self, bytes: u64, records: u64) {
        self.inner.object(bytes, records);
        if bytes > 0 {
            let objects = self.objects.fetch_add(1, Ordering::Relaxed) + 1;
            let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
            if objects >= self.commit_every || bytes >= COMMIT_BYTES {
                self.pause.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Knows what a store knows, and all that belongs to other shards.
struct Sharded<'k> {
    known: &'k Known,
    shard: Option<(u64, u64)>,
}

impl ingest::Known for Sharded<'_> {
    fn is_known(&self, object: &ObjectRef) -> bool {
        // FNV-1a: the same everywhere, so that shards read on different machines fit together.
        let hash = object.name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let is_own = self.shard.is_none_or(|(shard, of)| (hash >> 16) % of.max(1) == shard);
        !is_own || self.known.is_known(object)
    }
}

/// Makes one store of several, such as those that read a shard each; objects that several hold count once.
pub fn reduce(
    parts: &[PathBuf],
    store: &Path,
    compact: bool,
    aws: &aws::Settings,
) -> Result<Stored, AuditError> {
    let mut writer = Writer::open(Place::of(store, aws)?)?;
    let mut known = writer.known(Path::new(""))?;
    let mut stored = Stored::default();
    for part in parts {
        let added = writer.absorb(Place::of(part, aws)?, &mut known)?;
        stored.added += added.objects;
        stored.changed += added.changed;
        stored.proven += added.proven;
        stored.events += added.events;
    }
    writer.compact(compact)?;
    stored.size = writer.size();
    Ok(stored)
}

/// The keys that are given, in the settings or among the grants they name.
fn keys_given(settings: &Settings) -> Result<PublicKeys, AuditError> {
    let mut keys = inventory::find_public_keys(&settings.iam)?;
    keys.merge(settings.public_keys.clone());
    Ok(keys)
}

/// Whether keys are given, or to be had: then log files are to be checked.
pub(super) fn wants_proof(settings: &Settings) -> Result<bool, AuditError> {
    Ok(settings.live_keys || !keys_given(settings)?.is_empty())
}

/// The objects a store knows, from when on it keeps events, and whether it keeps what proves its logs, or will. None when there is no store
/// yet.
pub(super) fn known(
    settings: &Settings,
    dir: &Path,
    base: &Path,
) -> Result<Option<(Known, Option<Time>, bool)>, AuditError> {
    let store = match Store::open(Place::of(dir, &settings.aws)?) {
        Ok(store) => store,
        Err(StoreError::Missing(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut known = store.known(base)?;
    let keeps_proof = store.keeps_proof() || wants_proof(settings)?;
    if keeps_proof {
        known.want_proof();
    }
    Ok(Some((known, store.kept_from(), keeps_proof)))
}

/// Reads what the store does not know of the sources, and writes it into the store.
pub fn ingest(
    settings: &Settings,
    how: &Ingestion<'_>,
    stdin: Option<Box<dyn Read + Send>>,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Stored, AuditError> {
    let mut writer = Writer::open(Place::of(how.store, &settings.aws)?)?;
    if let Some(from) = how.keep_from {
        writer.keep_from(from)?;
    }
    let catalog = settings.catalog();
    let catalog_name = format!("{} ({})", catalog.date(), catalog.source());
    let mut known = writer.known(how.base)?;
    let keys = keys_given(settings)?;
    let keeps_proof = how.keep_proof || !keys.is_empty() || settings.live_keys || writer.keeps_proof();
    if keeps_proof {
        known.want_proof();
    }
    let always = TimeRange::ALWAYS;
    let from = settings.since.unwrap_or(always.from);
    let window = TimeRange {
        from: writer.kept_from().map_or(from, |kept| kept.max(from)),
        to: settings.until.unwrap_or(always.to),
    };
    // A stream is read once, so a run with one does not pause.
    let has_stream = settings.sources.iter().any(|source| source == "-");
    let mut stdin = stdin;
    let mut stored = Stored::default();
    let mut n_done = 0;
    while !settings.sources.is_empty() {
        let pause = AtomicBool::new(false);
        let pausing = Pausing {
            inner: progress,
            pause: &pause,
            commit_every: how.commit_every.clamp(1, 1 << 29),
            objects: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        };
        let digest_files = Mutex::new(Vec::new());
        let take = |file| digest_files.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        let run = Run {
            window,
            threads: settings.threads,
            progress: &pausing,
            pause: (!has_stream).then_some(&pause),
            known: Some(&Sharded { known: &known, shard: how.shard }),
            outcomes: true,
            hashes: keeps_proof,
            digests: if keeps_proof { Some(&take) } else { None },
            ..Run::new(cancel)
        };
        let ingested = ingest::run(inputs(&settings.sources, stdin.take(), &settings.aws)?, &run, || {
            Recorder::new(Scope::default(), |event: &Event<'_>| catalog.needs(event))
        })?;
        let skipped = |kind: &str| ingested.skipped.get(kind).copied().unwrap_or_default();
        stored.listed = ingested.objects.listed;
        // Those known since this run began are not known from before.
        stored.known = match how.shard {
            // Those of other shards are passed over in the same way.
            Some(_) => 0,
            None => skipped("already-read").saturating_sub(n_done),
        };
        stored.outside_window = skipped("outside-window");
        stored.malformed += ingested.malformed.values().sum::<u64>();
        let mut others = ingested.skipped.clone();
        others.retain(|kind, _| !["already-read", "outside-window", "cancelled"].contains(kind));
        stored.skipped = others;
        let is_first = stored.issues.is_empty();
        let of_objects = ingested.issues.iter().filter(|issue| {
            is_first || ingested.outcomes.iter().any(|outcome| outcome.object.name == issue.object)
        });
        stored.issues.extend(of_objects.cloned());
        n_done += ingested
            .outcomes
            .iter()
            .filter(|outcome| outcome.number.is_some() && !known.is_known(&outcome.object))
            .count() as u64;
        let is_rest = ingested.is_cancelled;
        stored.is_cancelled = cancel.load(Ordering::Relaxed);
        let is_last = !is_rest || !stored.is_cancelled && !pause.load(Ordering::Relaxed);
        let digests = digest_files.into_inner().unwrap_or_else(PoisonError::into_inner);
        let proof = keeps_proof.then(|| {
            let mut proof = writer.proof();
            proof.keys.merge(keys.clone());
            let live = settings.live_keys.then_some(&settings.aws);
            stored.unread_keys = vouching::keys_for(&digests, &mut proof, live);
            proof
        });
        let batch = Batch {
            ledger: ingested.collector.into_ledger(),
            outcomes: ingested.outcomes,
            issues: ingested.issues,
            digests,
            catalog: catalog_name.clone(),
            is_last,
            proof,
        };
        let added = writer.add(batch, &mut known)?;
        stored.added += added.objects;
        stored.changed += added.changed;
        stored.proven += added.proven;
        stored.events += added.events;
        stored.too_old += added.too_old;
        if is_last || stored.is_cancelled {
            break;
        }
    }
    if !stored.is_cancelled {
        writer.compact(how.compact)?;
    }
    stored.size = writer.size();
    stored.issues.sort_unstable();
    Ok(stored)
}

/// Everything in a store, summed up, and what became of the objects.
///
/// With `keys`, or with those the store keeps, its digest files are checked as those of logs that are read directly; none is checked
/// without.
pub(super) fn gather(
    settings: &Settings,
    dir: &Path,
    keys: Option<Keys<'_>>,
    keep: Keep,
) -> Result<(Usage, Gathered), AuditError> {
    let scope = Scope { window: settings.window(), regions: settings.regions.iter().cloned().collect() };
    let store = Store::open(Place::of(dir, &settings.aws)?)?;
    let mut notes = Vec::new();
    let keys = keys
        .map(|keys| keys.with(store.public_keys()))
        .filter(|keys| !keys.are_none())
        .filter(|_| {
            if !store.keeps_proof() {
                notes.push(
                    "Nothing was checked: hashes and digest files are kept by `leastwise ingest --verify-logs`, which reads again what was read without."
                        .to_owned(),
                );
            }
            store.keeps_proof()
        });
    let restored = match keys {
        Some(_) => store.restore_with_evidence(scope)?,
        None => store.restore(scope)?,
    };
    let usage = restored.ledger.finish_with(keep)?;
    let objects = restored.objects;
    let catalog = settings.catalog();
    let own = format!("{} ({})", catalog.date(), catalog.source());
    let others: Vec<String> = restored.catalogs.into_iter().filter(|known| *known != own).collect();
    let mut problems = Vec::new();
    if !others.is_empty() {
        problems.push(format!(
            "what the calls in the store needed was told by other catalogs than this one: {}; to have it told anew, read the logs into a new store",
            others.join(", ")
        ));
    }
    let evidence = restored.evidence.filter(|_| !restored.is_unfinished);
    if keys.is_some() && restored.is_unfinished {
        notes.push(
            "The last run into the store was cut short: what it had not read looks missing, so nothing was checked. `leastwise ingest` goes on where it ended."
                .to_owned(),
        );
    }
    let asked = Asked { since: settings.since.max(restored.kept_from), until: settings.until };
    let verification = keys.zip(evidence).map(|(keys, evidence)| {
        let gatherer = Gatherer::default();
        evidence.digests.into_iter().for_each(|file| gatherer.take(file));
        let (verification, unread) = gatherer.verify(evidence.outcomes, &keys, asked);
        problems.extend(unread);
        verification
    });
    let gathered = Gathered {
        objects: objects.counts,
        skipped: objects.skipped,
        skipped_records: objects.skipped_records,
        n_malformed: objects.malformed,
        issues: objects.issues,
        files: objects.files,
        transfer: ingest::Transfer::default(),
        is_cancelled: false,
        problems,
        verification,
        notes,
    };
    Ok((usage, gathered))
}

impl From<StoreError> for AuditError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}
