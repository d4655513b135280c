//! The objects a store was made from.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::path::{Component, Path, PathBuf};

use hashbrown::{DefaultHashBuilder, HashMap};
use serde_json::json;

use super::StoreError;
use super::columns::{Columns, Rows};
use crate::ident::{Time, TimeRange, fixed};
use crate::ingest::{self, Fate, Issue, LogKey, ObjectCounts, ObjectRef, Outcome};
use crate::integrity::FileHours;

/// Troubles that may be gone the next time.
const PASSING: [&str; 6] = ["fetch-failed", "deleted", "denied", "kms-denied", "archived", "changed"];

/// What a digest file is passed over as by those who read logs.
pub(super) const DIGEST: &str = "digest";

/// One object as the store keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ObjectRow {
    /// What it is known by: the whole path, or `s3://…`.
    pub(super) key: String,
    /// As the user named it.
    pub(super) name: String,
    pub(super) etag: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) modified: Option<i64>,
    pub(super) fate: Fate,
    pub(super) records: u64,
    pub(super) events: u64,
    pub(super) malformed: u64,
    /// SHA-256 of what was inflated, when all could be.
    pub(super) sha256: Option<[u8; 32]>,
    /// Records passed over, by kind.
    pub(super) skipped: BTreeMap<&'static str, u64>,
    /// Kind and what is to be said; the trouble that came first is first.
    pub(super) issues: Vec<(&'static str, String)>,
    /// What a check against digest files needs of it is here, or cannot be had.
    pub(super) has_proof: bool,
}

impl ObjectRow {
    /// `with_proof`: whether the run kept hashes and digest files.
    pub(super) fn of(
        outcome: Outcome,
        key: String,
        mut issues: Vec<(&'static str, String)>,
        with_proof: bool,
    ) -> Self {
        issues.sort_by_key(|(kind, _)| outcome.issue != Some(*kind));
        let would_prove = matches!(outcome.fate, Fate::Read | Fate::Skipped(DIGEST));
        let ObjectRef { name, size, etag, last_modified } = outcome.object;
        Self {
            key,
            name,
            etag,
            size,
            modified: last_modified.map(Time::unix),
            fate: outcome.fate,
            records: outcome.records,
            events: outcome.events,
            malformed: outcome.malformed,
            sha256: outcome.sha256,
            skipped: outcome.skipped,
            issues,
            has_proof: with_proof || !would_prove,
        }
    }

    /// As the run told it that read the object.
    pub(super) fn outcome(&self) -> Outcome {
        Outcome {
            object: self.object(),
            fate: self.fate,
            records: self.records,
            events: self.events,
            issue: self
                .issues
                .first()
                .map(|(kind, _)| *kind)
                .filter(|_| !matches!(self.fate, Fate::Skipped(_))),
            sha256: self.sha256,
            malformed: self.malformed,
            skipped: self.skipped.clone(),
            number: None,
        }
    }

    pub(super) fn object(&self) -> ObjectRef {
        ObjectRef {
            name: self.name.clone(),
            size: self.size,
            etag: self.etag.clone(),
            last_modified: self.modified.map(Time::from_unix),
        }
    }

    fn is_passing(&self) -> bool {
        self.fate == Fate::Failed && self.issues.iter().any(|(kind, _)| PASSING.contains(kind))
    }
}

pub(super) fn columns(rows: &[ObjectRow]) -> Columns {
    let fate = |row: &ObjectRow| match row.fate {
        Fate::Read => ("read", None),
        Fate::Failed => ("failed", None),
        Fate::Skipped(kind) => ("skipped", Some(kind)),
    };
    let skipped: Vec<Option<String>> =
        rows.iter().map(|row| (!row.skipped.is_empty()).then(|| json!(row.skipped).to_string())).collect();
    let issues: Vec<Option<String>> =
        rows.iter().map(|row| (!row.issues.is_empty()).then(|| json!(row.issues).to_string())).collect();
    Columns::default()
        .text("key", rows.iter().map(|row| Some(row.key.as_str())))
        .text("name", rows.iter().map(|row| Some(row.name.as_str())))
        .text("etag", rows.iter().map(|row| row.etag.as_deref()))
        .i64("size", rows.iter().map(|row| row.size.and_then(|size| i64::try_from(size).ok())))
        .i64("modified", rows.iter().map(|row| row.modified))
        .text("fate", rows.iter().map(|row| Some(fate(row).0)))
        .text("kind", rows.iter().map(|row| fate(row).1))
        .u64("records", rows.iter().map(|row| row.records))
        .u64("events", rows.iter().map(|row| row.events))
        .u64("malformed", rows.iter().map(|row| row.malformed))
        .bytes("sha256", rows.iter().map(|row| row.sha256.as_ref().map(<[u8; 32]>::as_slice)))
        .text("skipped", skipped.iter().map(Option::as_deref))
        .text("issues", issues.iter().map(Option::as_deref))
        .bool("again", rows.iter().map(|row| Some(row.is_passing())))
        .bool("proof", rows.iter().map(|row| Some(row.has_proof)))
}

pub(super) fn read(rows: &Rows) -> Result<Vec<ObjectRow>, StoreError> {
    let mut objects = Vec::with_capacity(rows.len());
    let names = rows.text("key")?.zip(rows.text("name")?).zip(rows.text("etag")?);
    let marks = rows.i64("size")?.zip(rows.i64("modified")?);
    let fates = rows.text("fate")?.zip(rows.text("kind")?);
    let counts = rows.u64("records")?.zip(rows.u64("events")?).zip(rows.u64("malformed")?);
    let said = rows.text("skipped")?.zip(rows.text("issues")?);
    let said = said.zip(rows.bytes("sha256")?.zip(rows.bool("proof")?));
    for (((((key, name), etag), (size, modified)), fate), (counts, ((skipped, issues), (sha256, proof)))) in
        names.zip(marks).zip(fates).zip(counts.zip(said))
    {
        let damaged = || rows.damaged(format!("object {} cannot be read", objects.len()));
        let skipped: BTreeMap<String, u64> =
            serde_json::from_str(skipped.unwrap_or("{}")).map_err(|_| damaged())?;
        let issues: Vec<(String, String)> =
            serde_json::from_str(issues.unwrap_or("[]")).map_err(|_| damaged())?;
        objects.push(ObjectRow {
            key: key.ok_or_else(damaged)?.to_owned(),
            name: name.ok_or_else(damaged)?.to_owned(),
            etag: etag.map(str::to_owned),
            size: size.and_then(|size| u64::try_from(size).ok()),
            modified,
            fate: match fate {
                (Some("read"), _) => Fate::Read,
                (Some("failed"), _) => Fate::Failed,
                (Some("skipped"), kind) => Fate::Skipped(fixed(kind.unwrap_or_default())),
                _ => return Err(damaged()),
            },
            records: counts.0.0,
            events: counts.0.1,
            malformed: counts.1,
            sha256: sha256.and_then(|hash| hash.try_into().ok()),
            skipped: skipped.into_iter().map(|(kind, n)| (fixed(&kind), n)).collect(),
            issues: issues.into_iter().map(|(kind, detail)| (fixed(&kind), detail)).collect(),
            has_proof: proof.unwrap_or_default(),
        });
    }
    Ok(objects)
}

/// What became of all objects of a store, as [`ingest::Ingested`] tells it of a run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReadObjects {
    /// See [`ObjectCounts`].
    pub counts: ObjectCounts,
    /// Objects passed over, by kind.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Records passed over, by kind.
    pub skipped_records: BTreeMap<&'static str, u64>,
    /// Records that are no events.
    pub malformed: u64,
    /// Sorted by object.
    pub issues: Vec<Issue>,
    /// When the log files that were read were delivered.
    pub files: FileHours,
}

impl ReadObjects {
    /// Takes in one object; false when its name says that it cannot matter for the window, so that it is passed over as it would
    /// be if it were listed now.
    /// `digests`: whether digest files are looked at, which are passed over for what they are without it.
    pub(super) fn add(&mut self, row: &ObjectRow, window: &TimeRange, digests: bool) -> bool {
        self.counts.listed += 1;
        let is_read =
            |key: &LogKey<'_>| key.kind.skipped().is_none() || digests && key.kind == ingest::LogKind::Digest;
        let key = LogKey::parse(&row.name).filter(is_read);
        let is_outside = key.is_some_and(|key| !key.may_hold(window));
        let fate = if is_outside { Fate::Skipped("outside-window") } else { row.fate };
        if !is_outside {
            self.malformed += row.malformed;
            for (kind, n) in &row.skipped {
                *self.skipped_records.entry(kind).or_default() += n;
            }
        }
        match fate {
            Fate::Read => {
                self.counts.read += 1;
                self.files.see(&row.name);
            }
            Fate::Failed => self.counts.failed += 1,
            Fate::Skipped(kind) => {
                self.counts.skipped += 1;
                *self.skipped.entry(kind).or_default() += 1;
                return !is_outside;
            }
        }
        self.issues.extend(row.issues.iter().map(|(kind, detail)| Issue {
            object: row.name.clone(),
            kind,
            detail: detail.clone(),
            events_read: row.events,
        }));
        true
    }
}

/// An object met before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    version: u64,
    /// Place among the segments, and number there.
    pub(super) place: (u32, u32),
    /// It could not be fetched: worth another try.
    again: bool,
    /// See [`ObjectRow::has_proof`].
    has_proof: bool,
}

/// Which objects a store knows; what it knows of each are 40 bytes, whatever the length of names.
#[derive(Debug)]
pub struct Known {
    /// Where relative paths begin.
    base: PathBuf,
    seeds: [DefaultHashBuilder; 2],
    all: HashMap<(u64, u64), Seen>,
    /// Whether what has no proof is to be read again for it.
    wants_proof: bool,
}

/// What became of an object before.
pub(super) enum Before {
    New,
    /// This content was read.
    Same,
    /// This content was read, and what proves it was not kept.
    Unproven(Seen),
    /// Another content was read, or none could be.
    Other(Seen),
}

impl Known {
    pub(super) fn new(base: &Path) -> Self {
        Self {
            base: base.to_owned(),
            seeds: [DefaultHashBuilder::default(), DefaultHashBuilder::default()],
            all: HashMap::new(),
            wants_proof: false,
        }
    }

    /// From now on what was read without what proves it counts as not read.
    pub fn want_proof(&mut self) {
        self.wants_proof = true;
    }

    /// Number of objects known.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What an object is known by; none for a stream.
    pub(super) fn key(&self, name: &str) -> Option<String> {
        if name == "-" {
            return None;
        }
        if name.contains("://") || name.starts_with("cloudtrail:") {
            return Some(name.to_owned());
        }
        let whole = self.base.join(name);
        let plain: PathBuf = whole.components().filter(|part| *part != Component::CurDir).collect();
        Some(plain.to_string_lossy().into_owned())
    }

    fn hash(&self, key: &str) -> (u64, u64) {
        let [a, b] = &self.seeds;
        (a.hash_one(key), b.hash_one(key))
    }

    fn version(&self, etag: Option<&str>, size: Option<u64>, modified: Option<i64>) -> u64 {
        let [seed, _] = &self.seeds;
        // What has an ETag may be copied, with another time.
        seed.hash_one((etag, size, modified.filter(|_| etag.is_none())))
    }

    pub(super) fn insert(&mut self, row: &ObjectRow, place: (u32, u32)) {
        let version = self.version(row.etag.as_deref(), row.size, row.modified);
        let seen = Seen { version, place, again: row.is_passing(), has_proof: row.has_proof };
        self.all.insert(self.hash(&row.key), seen);
    }

    pub(super) fn read(&mut self, rows: &Rows, segment: u32, replaced: &[u32]) -> Result<(), StoreError> {
        let marks = rows.text("etag")?.zip(rows.i64("size")?).zip(rows.i64("modified")?);
        let flags = rows.bool("again")?.zip(rows.bool("proof")?);
        let all = rows.text("key")?.zip(marks).zip(flags);
        for (((key, ((etag, size), modified)), (again, proof)), number) in all.zip(0_u32..) {
            if replaced.binary_search(&number).is_ok() {
                continue;
            }
            let version = self.version(etag, size.and_then(|size| u64::try_from(size).ok()), modified);
            let seen = Seen {
                version,
                place: (segment, number),
                again: again.unwrap_or_default(),
                has_proof: proof.unwrap_or_default(),
            };
            self.all.insert(self.hash(key.unwrap_or_default()), seen);
        }
        Ok(())
    }

    /// The columns that [`Known::read`] looks at.
    pub(super) const COLUMNS: [&'static str; 6] = ["key", "etag", "size", "modified", "again", "proof"];

    /// Of an object that another store knows.
    pub(super) fn before_row(&self, row: &ObjectRow) -> Before {
        let Some(seen) = self.all.get(&self.hash(&row.key)) else { return Before::New };
        let is_same = seen.version == self.version(row.etag.as_deref(), row.size, row.modified);
        match is_same && (!seen.again || row.is_passing()) {
            true if row.has_proof && !seen.has_proof => Before::Unproven(*seen),
            true => Before::Same,
            false => Before::Other(*seen),
        }
    }

    pub(super) fn before(&self, object: &ObjectRef) -> Before {
        let Some(seen) = self.key(&object.name).and_then(|key| self.all.get(&self.hash(&key))) else {
            return Before::New;
        };
        let modified = object.last_modified.map(Time::unix);
        let has_mark = object.etag.is_some() || modified.is_some();
        let is_same = has_mark && seen.version == self.version(object.etag.as_deref(), object.size, modified);
        match is_same && !seen.again {
            true if self.wants_proof && !seen.has_proof => Before::Unproven(*seen),
            true => Before::Same,
            false => Before::Other(*seen),
        }
    }
}

impl ingest::Known for Known {
    fn is_known(&self, object: &ObjectRef) -> bool {
        matches!(self.before(object), Before::Same)
    }
}
