//! A store that is written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hashbrown::HashMap;

use super::StoreError;
use super::digests::Numbered;
use super::lock::Lock;
use super::manifest::{Manifest, Segment};
use super::objects::{Before, DIGEST, Known, ObjectRow, Seen};
use super::place::Place;
use super::table::{Store, known, missing, since};
use super::{compact, segment};
use crate::ident::{Time, spanning};
use crate::ingest::{DigestFile, Fate, Issue, LogKey, Outcome};
use crate::integrity::PublicKeys;
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
    /// Digest files, see [`crate::ingest::Run::digests`].
    pub digests: Vec<DigestFile>,
    /// The catalog that told what the calls needed.
    pub catalog: String,
    /// Whether the run has read all it was to read.
    pub is_last: bool,
    /// What the run kept for a check against digest files; none when nobody asked for it.
    pub proof: Option<Proof>,
}

/// What is kept besides hashes and digest files, so that a check needs nothing else.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// Public keys to keep, with those that were kept before or without.
    pub keys: PublicKeys,
    /// Regions whose keys of a time are still to be had.
    pub keys_wanted: BTreeMap<String, (Time, Time)>,
}

/// What a batch brought.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Added {
    /// Objects that were not known before, or are known anew.
    pub objects: u64,
    /// Of these, objects that were read before with another content.
    pub changed: u64,
    /// Of these, objects that were read before without what proves them.
    pub proven: u64,
    /// Deliveries of events.
    pub events: u64,
    /// Deliveries that were left out because their events are older than what is kept.
    pub too_old: u64,
}

/// The one writer of a store.
#[derive(Debug)]
pub struct Writer {
    place: Place,
    manifest: Manifest,
    lock: Lock,
}

/// What a run that was killed before its first manifest leaves.
const OWN: [&str; 5] = ["lock", "readers", "segments", "events", "store.json.new"];

impl Writer {
    /// Opens a store for writing, or makes one in a new or empty place. What a killed run left is swept away.
    pub fn open(place: impl Into<Place>) -> Result<Self, StoreError> {
        let place = place.into();
        let dir = place.dir();
        fs::create_dir_all(dir).map_err(StoreError::io("create", dir))?;
        if Manifest::read(&place)?.is_none() && has_others(&place)? {
            return Err(missing(&place)?);
        }
        let lock = Lock::write(&place)?;
        // Another run may have finished in between.
        let mut manifest = Manifest::read(&place)?.unwrap_or_default();
        if let Some(shelf) = place.shelf() {
            manifest.sweep_bucket(shelf)?;
        } else if let Some(_alone) = Lock::sweep(dir) {
            manifest.sweep(dir)?;
        }
        Ok(Self { place, manifest, lock })
    }

    /// The name of the next segment.
    fn name(&self) -> String {
        format!("{:08}{}", self.manifest.next, self.lock.suffix())
    }

    /// Makes it so.
    fn publish(&mut self, manifest: Manifest) -> Result<(), StoreError> {
        self.manifest = manifest.publish(&self.place, &self.manifest)?;
        Ok(())
    }

    /// Whether the store keeps what proves its logs; once it does, it goes on.
    pub fn keeps_proof(&self) -> bool {
        self.manifest.keeps_proof
    }

    /// See [`Proof`].
    pub fn proof(&self) -> Proof {
        Proof { keys: self.manifest.keys(), keys_wanted: self.manifest.keys_wanted.clone() }
    }

    /// The objects known so far. `base` is where relative paths begin.
    pub fn known(&self, base: &Path) -> Result<Known, StoreError> {
        known(&self.place, &self.manifest, base)
    }

    /// Events before this moment were let go; objects that hold nothing later need not be read.
    pub fn kept_from(&self) -> Option<Time> {
        self.manifest.kept_from
    }

    /// Writes down what a run read.
    pub fn add(&mut self, batch: Batch, known: &mut Known) -> Result<Added, StoreError> {
        let name = self.name();
        let mut manifest = self.manifest.clone();
        let mut issues: BTreeMap<String, Vec<(&'static str, String)>> = BTreeMap::new();
        for issue in batch.issues {
            issues.entry(issue.object).or_default().push((issue.kind, issue.detail));
        }
        let mut added = Added::default();
        let mut rows: Vec<ObjectRow> = Vec::new();
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let mut of_digests: HashMap<String, u32> = HashMap::new();
        manifest.is_unfinished = !batch.is_last;
        let with_proof = batch.proof.is_some();
        if let Some(proof) = batch.proof {
            manifest.keeps_proof = true;
            manifest.add_keys(&proof.keys);
            manifest.keys_wanted = proof.keys_wanted;
        }
        for outcome in batch.outcomes {
            if matches!(outcome.fate, Fate::Skipped("outside-window" | "cancelled" | "already-read")) {
                continue;
            }
            let number = u32::try_from(rows.len()).map_err(|_| StoreError::TooMany)?;
            let of_run = outcome.number;
            match known.before(&outcome.object) {
                Before::Same => continue,
                Before::New => {}
                Before::Unproven(seen) => {
                    added.proven += 1;
                    manifest.replace(seen);
                }
                Before::Other(seen) => {
                    added.changed += 1;
                    manifest.replace(seen);
                }
            }
            let said = issues.remove(&outcome.object.name).unwrap_or_default();
            let key = known.key(&outcome.object.name);
            let key = key.unwrap_or_else(|| format!("{}#{name}.{number}", outcome.object.name));
            if outcome.fate == Fate::Skipped(DIGEST) {
                of_digests.insert(outcome.object.name.clone(), number);
            }
            rows.push(ObjectRow::of(outcome, key, said, with_proof));
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
            let own = |manifest: &Manifest| {
                let Manifest { unlisted, is_unfinished, keeps_proof, public_keys, keys_wanted, .. } =
                    manifest;
                (unlisted.clone(), *is_unfinished, *keeps_proof, public_keys.len(), keys_wanted.clone())
            };
            let is_changed = own(&manifest) != own(&self.manifest);
            if is_changed || self.manifest.next == 1 {
                self.publish(manifest)?;
            }
            return Ok(added);
        }
        let number = |file: DigestFile| Some((*of_digests.get(&file.object.name)?, file));
        let mut digests: Vec<Numbered> = batch.digests.into_iter().filter_map(number).collect();
        digests.sort_unstable_by_key(|(number, _)| *number);
        let partial = batch.ledger.into_partial()?;
        let number = |of_run: u32| numbers.get(&of_run).copied();
        let (mut segment, too_old) =
            segment::write(self.place.dir(), &name, &partial, &rows, &digests, number, manifest.kept_from)?;
        segment.catalog.insert(batch.catalog);
        (added.events, added.too_old) = (segment.events, too_old);
        let place = u32::try_from(manifest.segments.len()).map_err(|_| StoreError::TooMany)?;
        manifest.segments.push(segment);
        manifest.next += 1;
        self.publish(manifest)?;
        for (row, number) in rows.iter().zip(0..) {
            known.insert(row, (place, number));
        }
        Ok(added)
    }

    /// Takes in everything of another store, such as one shard of the objects that was read elsewhere; objects known here are left
    /// out.
    pub fn absorb(&mut self, part: impl Into<Place>, known: &mut Known) -> Result<Added, StoreError> {
        let other = Store::open(part)?;
        let name = self.name();
        let mut manifest = self.manifest.clone();
        let sources: Vec<(&Place, &Segment)> =
            other.manifest.segments.iter().map(|segment| (&other.place, segment)).collect();
        let mut added = Added::default();
        let keep = |row: &ObjectRow| match known.before_row(row) {
            Before::Same => false,
            Before::New => true,
            Before::Unproven(seen) => {
                added.proven += 1;
                manifest.replace(seen);
                true
            }
            Before::Other(seen) => {
                added.changed += 1;
                manifest.replace(seen);
                true
            }
        };
        let (merged, rows) =
            compact::merge(self.place.dir(), &sources, self.manifest.kept_from, &name, keep)?;
        (added.objects, added.events) = (rows.len() as u64, merged.events);
        manifest.keeps_proof |= other.manifest.keeps_proof;
        manifest.public_keys.extend(other.manifest.public_keys.clone());
        for (region, times) in &other.manifest.keys_wanted {
            let known = manifest.keys_wanted.entry(region.clone()).or_insert(*times);
            *known = spanning(*known, *times);
        }
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
        self.publish(manifest)?;
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
            if let Some(rows) = segment::table(&self.place, segment, "objects", Some(&["name"]))? {
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
        self.publish(manifest)?;
        self.sweep()
    }

    /// Makes fewer segments of many: all, or those of about one size when there are many of them, so that the work stays in
    /// proportion to what is new. What no longer counts goes. Gives the number of segments that became others.
    pub fn compact(&mut self, all: bool) -> Result<usize, StoreError> {
        let mut n = 0;
        while let Some(chosen) = compact::choose(&self.manifest.segments, all && n == 0) {
            n += chosen.len();
            let mut manifest = self.manifest.clone();
            let name = self.name();
            let sources: Vec<(&Place, &Segment)> = chosen
                .iter()
                .filter_map(|place| Some((&self.place, self.manifest.segments.get(*place)?)))
                .collect();
            let dir = self.place.dir();
            let (merged, _) = compact::merge(dir, &sources, manifest.kept_from, &name, |_| true)?;
            let mut place = 0;
            manifest.segments.retain(|_| {
                place += 1;
                !chosen.contains(&(place - 1))
            });
            manifest.segments.push(merged);
            manifest.next += 1;
            self.publish(manifest)?;
            self.sweep()?;
        }
        Ok(n)
    }

    /// Removes files nobody names any more, unless somebody reads them: then the next run does.
    fn sweep(&self) -> Result<(), StoreError> {
        // In a bucket they stay for a day.
        if self.place.shelf().is_some() {
            return Ok(());
        }
        match Lock::sweep(self.place.dir()) {
            Some(_alone) => self.manifest.sweep(self.place.dir()),
            None => Ok(()),
        }
    }

    /// Numbers for a message: segments and deliveries.
    pub fn size(&self) -> (usize, u64) {
        (self.manifest.segments.len(), self.manifest.segments.iter().map(|segment| segment.events).sum())
    }
}

/// Whether a place that has no manifest holds something that no run of this program leaves.
fn has_others(place: &Place) -> Result<bool, StoreError> {
    let is_other = |name: &str| !OWN.contains(&name);
    if let Some(shelf) = place.shelf() {
        let first = |name: &String| name.split('/').next().is_some_and(is_other);
        return Ok(shelf.some(100)?.iter().any(first));
    }
    let dir = place.dir();
    let mut entries = fs::read_dir(dir).map_err(StoreError::io("list", dir))?;
    Ok(entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_none_or(is_other))))
}

impl Manifest {
    /// An object no longer counts.
    fn replace(&mut self, seen: Seen) {
        let (segment, number) = seen.place;
        if let Some(segment) = self.segments.get_mut(segment as usize) {
            replace(segment, number);
        }
    }
}

/// An object of a segment no longer counts.
fn replace(segment: &mut Segment, number: u32) {
    if let Err(place) = segment.replaced.binary_search(&number) {
        segment.replaced.insert(place, number);
    }
}
