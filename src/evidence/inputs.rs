//! What the report was made from: every file with its hash, and where the sample events lie.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::EvidenceError;
use super::population::Table;
use super::samples::Located;
use crate::ident::{TimeRange, hex};
use crate::ingest::{self, Fate, Input};
use crate::store::Store;
use crate::usage::Scope;

/// One file that was read.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct InputFile {
    /// As named, with `/` separators, or `s3://BUCKET/KEY`.
    pub name: String,
    /// `logs`, `grants` or `ledger`.
    pub kind: &'static str,
    /// Size as stored.
    pub bytes: u64,
    /// SHA-256 of the bytes as stored, in hexadecimal.
    pub sha256: String,
    /// The ETag that was read, of an object of S3.
    pub etag: Option<String>,
}

impl InputFile {
    /// Bucket and key, of an object of S3.
    fn place(&self) -> Option<(&str, &str)> {
        self.name.strip_prefix("s3://")?.split_once('/')
    }
}

/// What the report was made from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Inputs {
    /// Sorted by name.
    pub files: Vec<InputFile>,
    /// Where events lie, by event id; the first place by name.
    pub located: BTreeMap<String, Located>,
    /// What the ledger was made from, of a report that was made from one; sorted by name.
    pub ledger: Vec<LedgerObject>,
}

/// An object that a ledger was made from, as it was when it was read.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct LedgerObject {
    /// As named, or `s3://BUCKET/KEY`.
    pub name: String,
    /// Size as stored.
    pub bytes: Option<u64>,
    /// Of an object of S3.
    pub etag: Option<String>,
    /// `read`, `failed`, or why it was passed over.
    pub fate: &'static str,
    /// Events counted.
    pub events: u64,
    /// SHA-256 of the inflated text, in hexadecimal: the hash that CloudTrail's digest files tell. None where it could not be inflated, and
    /// in a ledger that keeps no proof of its logs.
    pub text_sha256: Option<String>,
}

impl Inputs {
    /// Reads logs and grants again: hashes every file and every object that may hold events of the window, and looks for the
    /// events named.
    pub fn read(
        logs: Vec<Input>,
        grants: &[PathBuf],
        window: TimeRange,
        events: &BTreeSet<&str>,
    ) -> Result<Self, EvidenceError> {
        let mut inputs = Self::default();
        let grants = grants.iter().cloned().map(Input::Path).collect();
        for (kind, of, wanted) in [("logs", logs, events), ("grants", grants, &BTreeSet::new())] {
            for file in ingest::survey(of, window, wanted)? {
                for (event, offset) in file.events {
                    let offset = Some(offset);
                    let place = Located { object: file.name.clone(), offset, sha256: file.sha256.clone() };
                    let known = inputs.located.entry(event).or_insert_with(|| place.clone());
                    if place < *known {
                        *known = place;
                    }
                }
                inputs.files.push(InputFile {
                    name: file.name,
                    kind,
                    bytes: file.bytes,
                    sha256: file.sha256,
                    etag: file.etag,
                });
            }
        }
        inputs.files.sort();
        inputs.files.dedup();
        Ok(inputs)
    }

    /// Adds a store: the files it is made of, with their hashes, what it was read from, and for events that were not found in any log the
    /// object they were read from, without an offset.
    pub fn add_store(
        &mut self,
        store: &Store,
        name: &str,
        window: TimeRange,
        events: &BTreeSet<&str>,
    ) -> Result<(), EvidenceError> {
        for (below, path) in store.files()? {
            let bytes = std::fs::read(&path).map_err(|source| EvidenceError::File { path, source })?;
            self.files.push(InputFile {
                name: format!("{}/{below}", name.trim_end_matches('/')),
                kind: "ledger",
                bytes: bytes.len() as u64,
                sha256: hex(&Sha256::digest(&bytes)),
                etag: None,
            });
        }
        self.files.sort();
        let restored = store.restore_with_evidence(Scope { window, ..Scope::default() })?;
        for outcome in restored.evidence.unwrap_or_default().outcomes {
            self.ledger.push(LedgerObject {
                name: outcome.object.name,
                bytes: outcome.object.size,
                etag: outcome.object.etag,
                fate: match outcome.fate {
                    Fate::Read => "read",
                    Fate::Failed => "failed",
                    Fate::Skipped(why) => why,
                },
                events: outcome.events,
                text_sha256: outcome.sha256.map(|hash| hex(&hash)),
            });
        }
        self.ledger.sort();
        let missing: BTreeSet<String> = events
            .iter()
            .filter(|event| !self.located.contains_key(**event))
            .map(|event| (*event).to_owned())
            .collect();
        for (event, places) in store.read_from(&missing)? {
            if let Some(place) = places.into_iter().next() {
                let located = Located { object: place.name, offset: None, sha256: String::new() };
                self.located.insert(event, located);
            }
        }
        Ok(())
    }

    /// What the ledger was made from, where there is one.
    pub(super) fn ledger_table(&self) -> Option<String> {
        if self.ledger.is_empty() {
            return None;
        }
        let mut table = Table::new(&["object", "bytes", "etag", "became", "events", "text_sha256"]);
        for object in &self.ledger {
            table.row(&[
                &object.name,
                &object.bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
                object.etag.as_deref().unwrap_or_default(),
                object.fate,
                &object.events.to_string(),
                object.text_sha256.as_deref().unwrap_or_default(),
            ]);
        }
        Some(table.text())
    }

    /// Takes the ETags that a bundle's table lists for objects whose copies have none: a copy is known by size and hash.
    pub(super) fn adopt_etags(&mut self, table: &str) {
        let lines: BTreeSet<&str> = table.lines().collect();
        for file in &mut self.files {
            let Some((bucket, key)) = file.place().filter(|_| file.etag.is_none()) else { continue };
            let mut row = Table::new(&[]);
            row.row(&[&file.name, file.kind, &file.bytes.to_string(), &file.sha256, bucket, key, ""]);
            let text = row.text();
            let start = text.trim();
            // The smallest line with this beginning, if any has it, is right behind it in order.
            let listed = lines.range(start..).next().and_then(|line| line.strip_prefix(start));
            file.etag = listed.map(unquoted).filter(|etag| !etag.is_empty());
        }
    }

    pub(super) fn table(&self) -> String {
        let mut table = Table::new(&["object", "kind", "bytes", "sha256", "bucket", "key", "etag"]);
        for file in &self.files {
            let (bucket, key) = file.place().unwrap_or_default();
            let etag = file.etag.as_deref().unwrap_or_default();
            table.row(&[&file.name, file.kind, &file.bytes.to_string(), &file.sha256, bucket, key, etag]);
        }
        table.text()
    }
}

/// A field of a table as it was before it was quoted.
fn unquoted(field: &str) -> String {
    match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => field.to_owned(),
    }
}
