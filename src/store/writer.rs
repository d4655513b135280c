//! A store that is written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hashbrown::HashMap;

use super::StoreError;
use super::lock::Lock;
use super::manifest::{Manifest, Segment};
use super::objects::{Before, Known, ObjectRow};
use super::table::{Store, missing, since};
use super::{compact, segment};
use crate::ident::Time;
use crate::ingest::{Fate, Issue, LogKey, Outcome};
use crate::usage::Ledger;

/// What a run read.
#[derive(Debug)]
pub struct Batch {
    /// Made for the default scope and caps.
    pub ledger: Ledger,
    /// See [`crate::ingest::Ingested::outcomes`].
    pub outcomes: Vec<Outcome>,
    /// See [`crate::ingest::Ingested::issues`].
    pub issues: Vec<Issue>,
    /// The catalog that told what the calls needed.
    pub catalog: String,
}

/// What a batch brought.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Added {
    /// Objects that were not known before, or are known anew.
    pub objects: u64,
    /// Of these, objects that were read before with another content.
    pub changed: u64,
    /// Deliveries of events.
    pub events: u64,
    /// Deliveries that were left out because their events are older than what is kept.
    pub too_old: u64,
}

/// The one writer of a store.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    manifest: Manifest,
    _lock: Lock,
}

impl Writer {
    /// Opens a store for writing, or makes one in a new or empty folder. What a killed run left is swept away.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(StoreError::io("create", dir))?;
        let known = Manifest::read(dir)?;
        if known.is_none() {
            // A run that was killed before its first manifest leaves these.
            const OWN: [&str; 5] = ["lock", "readers", "segments", "events", "store.json.new"];
            let mut entries = fs::read_dir(dir).map_err(StoreError::io("list", dir))?;
            let is_other = entries
                .any(|entry| entry.is_ok_and(|entry| !OWN.iter().any(|own| entry.file_name() == *own)));
            if is_other {
                return Err(missing(dir));
            }
        }
        let lock = Lock::write(dir)?;
        // Another run may have finished in between.
        let manifest = Manifest::read(dir)?.unwrap_or_default();
        if let Some(_alone) = Lock::sweep(dir) {
            manifest.sweep(dir)?;
        }
        Ok(Self { dir: dir.to_owned(), manifest, _lock: lock })
    }

    /// The objects known so far. `base` is where relative paths begin.
    pub fn known(&self, base: &Path) -> Result<Known, StoreError> {
        let mut known = Known::new(base);
        for (segment, place) in self.manifest.segments.iter().zip(0..) {
            if let Some(rows) = segment::table(&self.dir, segment, "objects", Some(&Known::COLUMNS))? {
                known.read(&rows, place, &segment.replaced)?;
            }
        }
        Ok(known)
    }

    /// Events before this moment were let go; objects that hold nothing later need not be read.
    pub fn kept_from(&self) -> Option<Time> {
        self.manifest.kept_from
    }

    /// Writes down what a run read.
    pub fn add(&mut self, batch: Batch, known: &mut Known) -> Result<Added, StoreError> {
        let name = format!("{:08}", self.manifest.next);
        let mut manifest = self.manifest.clone();
        let mut issues: BTreeMap<String, Vec<(&'static str, String)>> = BTreeMap::new();
        for issue in batch.issues {
            issues.entry(issue.object).or_default().push((issue.kind, issue.detail));
        }
        let mut added = Added::default();
        let mut rows: Vec<ObjectRow> = Vec::new();
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        for outcome in batch.outcomes {
            if matches!(outcome.fate, Fate::Skipped("outside-window" | "cancelled" | "already-read")) {
                continue;
            }
            let number = u32::try_from(rows.len()).map_err(|_| StoreError::TooMany)?;
            let of_run = outcome.number;
            match known.before(&outcome.object) {
                Before::Same => continue,
                Before::New => {}
                Before::Other(seen) => {
                    added.changed += 1;
                    let (segment, number) = seen.place;
                    if let Some(segment) = manifest.segments.get_mut(segment as usize) {
                        replace(segment, number);
                    }
                }
            }
            let said = issues.remove(&outcome.object.name).unwrap_or_default();
            let key = known.key(&outcome.object.name);
            let key = key.unwrap_or_else(|| format!("{}#{name}.{number}", outcome.object.name));
            rows.push(ObjectRow::of(outcome, key, said));
            if let Some(of_run) = of_run {
                numbers.insert(of_run, number);
            }
        }
        added.objects = rows.len() as u64;
        // What is left was said of no object, but of a place that could not be listed.
        manifest.unlisted = issues
            .into_iter()
            .flat_map(|(place, said)| {
                said.into_iter().map(move |(kind, detail)| (place.clone(), kind.to_owned(), detail))
            })
            .collect();
        if rows.is_empty() {
            if manifest.unlisted != self.manifest.unlisted || self.manifest.next == 1 {
                manifest.write(&self.dir)?;
            }
            self.manifest = manifest;
            return Ok(added);
        }
        let partial = batch.ledger.into_partial();
        let number = |of_run: u32| numbers.get(&of_run).copied();
        let (mut segment, too_old) =
            segment::write(&self.dir, &name, &partial, &rows, number, manifest.kept_from)?;
        segment.catalog.insert(batch.catalog);
        (added.events, added.too_old) = (segment.events, too_old);
        let place = u32::try_from(manifest.segments.len()).map_err(|_| StoreError::TooMany)?;
        manifest.segments.push(segment);
        manifest.next += 1;
        manifest.write(&self.dir)?;
        self.manifest = manifest;
        for (row, number) in rows.iter().zip(0..) {
            known.insert(row, (place, number));
        }
        Ok(added)
    }

    /// Takes in everything of another store, such as one shard of the objects that was read elsewhere; objects known here are left
    /// out.
    pub fn absorb(&mut self, part: &Path, known: &mut Known) -> Result<Added, StoreError> {
        let other = Store::open(part)?;
        let name = format!("{:08}", self.manifest.next);
        let mut manifest = self.manifest.clone();
        let sources: Vec<(&Path, &Segment)> =
            other.manifest.segments.iter().map(|segment| (other.dir.as_path(), segment)).collect();
        let mut added = Added::default();
        let keep = |row: &ObjectRow| match known.before_row(row) {
            Before::Same => false,
            Before::New => true,
            Before::Other(seen) => {
                added.changed += 1;
                let (segment, number) = seen.place;
                if let Some(segment) = manifest.segments.get_mut(segment as usize) {
                    replace(segment, number);
                }
                true
            }
        };
        let (merged, rows) = compact::merge(&self.dir, &sources, self.manifest.kept_from, &name, keep)?;
        (added.objects, added.events) = (rows.len() as u64, merged.events);
        for unlisted in &other.manifest.unlisted {
            if !manifest.unlisted.contains(unlisted) {
                manifest.unlisted.push(unlisted.clone());
            }
        }
        if !rows.is_empty() {
            let place = u32::try_from(manifest.segments.len()).map_err(|_| StoreError::TooMany)?;
            manifest.segments.push(merged);
            manifest.next += 1;
            for (row, number) in rows.iter().zip(0..) {
                known.insert(row, (place, number));
            }
        }
        manifest.write(&self.dir)?;
        self.manifest = manifest;
        if rows.is_empty() { self.sweep().map(|()| added) } else { Ok(added) }
    }

    /// Lets go of what lies before a moment: events, and the objects that hold nothing else. Whole months go, so that what is kept
    /// begins with the month of the moment.
    pub fn keep_from(&mut self, moment: Time) -> Result<(), StoreError> {
        let (year, month, _) = moment.date();
        let Ok(from) = format!("{year:04}-{month:02}-01").parse::<Time>() else { return Ok(()) };
        if self.manifest.kept_from.is_some_and(|known| known >= from) {
            return Ok(());
        }
        let mut manifest = self.manifest.clone();
        manifest.kept_from = Some(from);
        let first = format!("{year:04}-{month:02}");
        let window = since(from);
        for segment in &mut manifest.segments {
            segment.files.retain(|file| file.month.as_ref().is_none_or(|month| *month >= first));
            if let Some(rows) = segment::table(&self.dir, segment, "objects", Some(&["name"]))? {
                for (name, number) in rows.text("name")?.zip(0..) {
                    let key = name.and_then(LogKey::parse);
                    if key.is_some_and(|key| !key.may_hold(&window)) {
                        replace(segment, number);
                    }
                }
            }
        }
        manifest.segments.retain(|segment| {
            segment.files.iter().any(|file| file.month.is_some())
                || (segment.replaced.len() as u64) < segment.objects
        });
        manifest.write(&self.dir)?;
        self.manifest = manifest;
        self.sweep()
    }

    /// Makes fewer segments of many: all, or those of about one size when there are many of them, so that the work stays in
    /// proportion to what is new. What no longer counts goes. Gives the number of segments that became others.
    pub fn compact(&mut self, all: bool) -> Result<usize, StoreError> {
        let mut n = 0;
        while let Some(chosen) = compact::choose(&self.manifest.segments, all && n == 0) {
            n += chosen.len();
            let mut manifest = self.manifest.clone();
            let name = format!("{:08}", manifest.next);
            let sources: Vec<(&Path, &Segment)> = chosen
                .iter()
                .filter_map(|place| Some((self.dir.as_path(), self.manifest.segments.get(*place)?)))
                .collect();
            let (merged, _) = compact::merge(&self.dir, &sources, manifest.kept_from, &name, |_| true)?;
            let mut place = 0;
            manifest.segments.retain(|_| {
                place += 1;
                !chosen.contains(&(place - 1))
            });
            manifest.segments.push(merged);
            manifest.next += 1;
            manifest.write(&self.dir)?;
            self.manifest = manifest;
            self.sweep()?;
        }
        Ok(n)
    }

    /// Removes files nobody names any more, unless somebody reads them: then the next run does.
    fn sweep(&self) -> Result<(), StoreError> {
        match Lock::sweep(&self.dir) {
            Some(_alone) => self.manifest.sweep(&self.dir),
            None => Ok(()),
        }
    }

    /// Numbers for a message: segments and deliveries.
    pub fn size(&self) -> (usize, u64) {
        (self.manifest.segments.len(), self.manifest.segments.iter().map(|segment| segment.events).sum())
    }
}

/// An object of a segment no longer counts.
fn replace(segment: &mut Segment, number: u32) {
    if let Err(place) = segment.replaced.binary_search(&number) {
        segment.replaced.insert(place, number);
    }
}
