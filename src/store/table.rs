//! A store that is read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::StoreError;
use super::digests;
use super::lock::Lock;
use super::manifest::{FileInfo, Manifest};
use super::objects::{self, Known, ReadObjects};
use super::place::Place;
use super::segment;
use crate::ident::{Time, TimeRange, fixed};
use crate::ingest::{DigestFile, Issue, Outcome};
use crate::integrity::PublicKeys;
use crate::usage::{Caps, Ledger, Reading, Restorer, Scope};

/// A store as it was at one moment: what runs write meanwhile is not seen.
#[derive(Debug)]
pub struct Store {
    pub(super) place: Place,
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
    /// What digest files are held against, where it was asked for.
    pub evidence: Option<Evidence>,
    /// The last run into the store had not come to its end when this was read: what it had not read yet is no proof of anything.
    pub is_unfinished: bool,
}

/// Digest files, and the log files they may name.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// As a run gives them.
    pub digests: Vec<DigestFile>,
    /// Of every object that counts, as a run gives them.
    pub outcomes: Vec<Outcome>,
}

impl Store {
    /// Whether a folder is a store, as far as its looks tell.
    pub fn is_at(dir: &Path) -> bool {
        Manifest::path(dir).is_file()
    }

    /// Opens a store for reading.
    pub fn open(place: impl Into<Place>) -> Result<Self, StoreError> {
        let place = place.into();
        let is_folder = place.shelf().is_none() && place.dir().is_dir();
        let lock = if is_folder { Lock::read(place.dir()) } else { None };
        let manifest = match Manifest::read(&place)? {
            Some(manifest) => manifest,
            None => return Err(missing(&place)?),
        };
        Ok(Self { place, manifest, _lock: lock })
    }

    /// Makes one ledger of everything, as if all objects had been read at once with this scope. Only what resources were folded
    /// to stays as it is: see [`Caps`].
    pub fn restore(&self, scope: Scope) -> Result<Restored, StoreError> {
        restore(&self.place, &self.manifest, scope, false)
    }

    /// The objects known to it. `base` is where relative paths begin.
    pub fn known(&self, base: &Path) -> Result<Known, StoreError> {
        known(&self.place, &self.manifest, base)
    }

    /// Events before this moment were let go.
    pub fn kept_from(&self) -> Option<Time> {
        self.manifest.kept_from
    }

    /// CloudTrail's public keys kept in the store.
    pub fn public_keys(&self) -> PublicKeys {
        self.manifest.keys()
    }

    /// Whether it keeps what proves its logs.
    pub fn keeps_proof(&self) -> bool {
        self.manifest.keeps_proof
    }

    /// The same, with digest files and the hashes of log files.
    pub fn restore_with_evidence(&self, scope: Scope) -> Result<Restored, StoreError> {
        restore(&self.place, &self.manifest, scope, true)
    }
}

/// The objects a manifest knows.
pub(super) fn known(place: &Place, manifest: &Manifest, base: &Path) -> Result<Known, StoreError> {
    let mut known = Known::new(base);
    let is_objects = |file: &&FileInfo| file.path.ends_with("/objects.parquet");
    let files = manifest.segments.iter().flat_map(|segment| &segment.files);
    place.bring(files.filter(is_objects))?;
    for (segment, number) in manifest.segments.iter().zip(0..) {
        if let Some(rows) = segment::table(place, segment, "objects", Some(&Known::COLUMNS))? {
            known.read(&rows, number, &segment.replaced)?;
        }
    }
    Ok(known)
}

pub(super) fn missing(place: &Place) -> Result<StoreError, StoreError> {
    let is_empty = match place.shelf() {
        Some(shelf) => shelf.some(1)?.is_empty(),
        None => fs::read_dir(place.dir()).map_or(true, |mut entries| entries.next().is_none()),
    };
    let name = place.name("");
    Ok(if is_empty { StoreError::Missing(name) } else { StoreError::NotAStore(name) })
}

pub(super) fn restore(
    place: &Place,
    manifest: &Manifest,
    scope: Scope,
    with_evidence: bool,
) -> Result<Restored, StoreError> {
    let window = scope.window;
    let mut restorer = Restorer::new(Reading { scope, from: manifest.kept_from }, Caps::default());
    let mut objects = ReadObjects::default();
    let mut evidence = Evidence::default();
    let mut catalogs = BTreeSet::new();
    for segment in &manifest.segments {
        place.bring(&segment.files)?;
        catalogs.extend(segment.catalog.iter().cloned());
        let mut counts: Vec<bool> = Vec::new();
        if let Some(rows) = segment::table(place, segment, "objects", None)? {
            let rows = objects::read(&rows)?;
            for (row, number) in rows.iter().zip(0..) {
                let is_replaced = segment.replaced.binary_search(&number).is_ok();
                counts.push(!is_replaced && objects.add(row, &window, with_evidence));
            }
            let does_count = |number: u32| counts.get(number as usize).copied().unwrap_or_default();
            if with_evidence {
                let counted = rows.iter().zip(0..).filter(|(_, number)| does_count(*number));
                evidence.outcomes.extend(counted.map(|(row, _)| row.outcome()));
            }
            let digests = segment::table(place, segment, "digests", None)?.filter(|_| with_evidence);
            if let Some(table) = digests {
                let object = |number: u32| {
                    let row = rows.get(number as usize).filter(|_| does_count(number))?;
                    Some((number, row.object()))
                };
                let found = digests::read(&table, object)?;
                evidence.digests.extend(found.into_iter().map(|(_, file)| file));
            }
        }
        // Numbers of objects matter to a store that is being written; here they only tell what counts.
        take(place, segment, &mut restorer, |number| {
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
    Ok(Restored {
        ledger: restorer.into_ledger(),
        objects,
        catalogs,
        kept_from: manifest.kept_from,
        evidence: with_evidence.then_some(evidence),
        is_unfinished: manifest.is_unfinished,
    })
}

/// Takes one segment in.
pub(super) fn take(
    place: &Place,
    segment: &super::manifest::Segment,
    restorer: &mut Restorer,
    object: impl Fn(u32) -> Option<u32>,
) -> Result<(), StoreError> {
    let (sessions, tables) = segment::tables(place, segment)?;
    let issuances = segment::issuances(place, segment)?;
    let mut taking = restorer.take(sessions, tables, issuances.iter().map(|row| row.event));
    segment::deliveries(place, segment, |deliveries| taking.deliveries(deliveries, &object))?;
    taking.issuances(issuances);
    Ok(())
}

/// Everything from a moment on.
pub(super) fn since(from: Time) -> TimeRange {
    TimeRange { from, ..TimeRange::ALWAYS }
}
