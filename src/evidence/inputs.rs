//! What the report was made from: every file with its hash, and where the sample events lie.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::EvidenceError;
use super::population::Table;
use super::samples::Located;
use crate::ident::TimeRange;
use crate::ingest::{self, Input};

/// One file that was read.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct InputFile {
    /// As named, with `/` separators, or `s3://BUCKET/KEY`.
    pub name: String,
    /// `logs` or `grants`.
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
