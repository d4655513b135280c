//! A store that is read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::lock::Lock;
use super::manifest::Manifest;
use super::objects::{self, ReadObjects};
use super::segment;
use crate::ident::{Time, TimeRange, fixed};
use crate::ingest::Issue;
use crate::usage::{Caps, Ledger, Reading, Restorer, Scope};

/// A store as it was at one moment: what runs write meanwhile is not seen.
#[derive(Debug)]
pub struct Store {
    pub(super) dir: PathBuf,
    pub(super) manifest: Manifest,
    _lock: Option<Lock>,
}

/// Everything in a store.
#[derive(Debug)]
pub struct Restored {
    /// The ledger of all that was read.
    pub ledger: Ledger,
    /// What became of the objects.
    pub objects: ReadObjects,
    /// The catalogs that told which actions the calls needed.
    pub catalogs: BTreeSet<String>,
    /// Events before this moment were let go.
    pub kept_from: Option<Time>,
}

impl Store {
    /// Whether a folder is a store, as far as its looks tell.
    pub fn is_at(dir: &Path) -> bool {
        Manifest::path(dir).is_file()
    }

    /// Opens a store for reading.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let lock = if dir.is_dir() { Lock::read(dir) } else { None };
        let manifest = Manifest::read(dir)?.ok_or_else(|| missing(dir))?;
        Ok(Self { dir: dir.to_owned(), manifest, _lock: lock })
    }

    /// Makes one ledger of everything, as if all objects had been read at once with this scope. Only what resources were folded
    /// to stays as it is: see [`Caps`].
    pub fn restore(&self, scope: Scope) -> Result<Restored, StoreError> {
        restore(&self.dir, &self.manifest, scope)
    }
}

pub(super) fn missing(dir: &Path) -> StoreError {
    let is_empty = fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    if is_empty { StoreError::Missing(dir.to_owned()) } else { StoreError::NotAStore(dir.to_owned()) }
}

pub(super) fn restore(dir: &Path, manifest: &Manifest, scope: Scope) -> Result<Restored, StoreError> {
    let window = scope.window;
    let mut restorer = Restorer::new(Reading { scope, from: manifest.kept_from }, Caps::default());
    let mut objects = ReadObjects::default();
    let mut catalogs = BTreeSet::new();
    for segment in &manifest.segments {
        catalogs.extend(segment.catalog.iter().cloned());
        let mut counts: Vec<bool> = Vec::new();
        if let Some(rows) = segment::table(dir, segment, "objects", None)? {
            for (row, number) in objects::read(&rows)?.iter().zip(0..) {
                let is_replaced = segment.replaced.binary_search(&number).is_ok();
                counts.push(!is_replaced && objects.add(row, &window));
            }
        }
        // Numbers of objects matter to a store that is being written; here they only tell what counts.
        take(dir, segment, &mut restorer, |number| {
            counts.get(number as usize).copied().unwrap_or_default().then_some(0)
        })?;
    }
    restorer.malformed(objects.malformed);
    let unlisted = manifest.unlisted.iter().map(|(object, kind, detail)| Issue {
        object: object.clone(),
        kind: fixed(kind),
        detail: detail.clone(),
        events_read: 0,
    });
    objects.issues.extend(unlisted);
    objects.issues.sort_unstable();
    Ok(Restored { ledger: restorer.into_ledger(), objects, catalogs, kept_from: manifest.kept_from })
}

/// Takes one segment in.
pub(super) fn take(
    dir: &Path,
    segment: &super::manifest::Segment,
    restorer: &mut Restorer,
    object: impl Fn(u32) -> Option<u32>,
) -> Result<(), StoreError> {
    let (sessions, tables) = segment::tables(dir, segment)?;
    let issuances = segment::issuances(dir, segment)?;
    let mut taking = restorer.take(sessions, tables, issuances.iter().map(|row| row.event));
    segment::deliveries(dir, segment, |deliveries| taking.deliveries(deliveries, &object))?;
    taking.issuances(issuances);
    Ok(())
}

/// Everything from a moment on.
pub(super) fn since(from: Time) -> TimeRange {
    TimeRange { from, ..TimeRange::ALWAYS }
}
