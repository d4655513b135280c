//! What the report was made from: every file with its hash, and where the sample events lie.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::EvidenceError;
use super::population::Table;
use super::samples::Located;
use crate::ingest;

/// One file that was read.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct InputFile {
    /// As named, with `/` separators.
    pub name: String,
    /// `logs` or `grants`.
    pub kind: &'static str,
    /// Size as stored.
    pub bytes: u64,
    /// SHA-256 of the bytes as stored, in hexadecimal.
    pub sha256: String,
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
    /// Reads logs and grants again: hashes every file, and looks for the events named.
    pub fn read(
        logs: &[PathBuf],
        grants: &[PathBuf],
        events: &BTreeSet<&str>,
    ) -> Result<Self, EvidenceError> {
        let mut inputs = Self::default();
        for (kind, paths, wanted) in [("logs", logs, events), ("grants", grants, &BTreeSet::new())] {
            let limits = ingest::Limits::default();
            for file in ingest::survey(paths, wanted, &limits)? {
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
                });
            }
        }
        inputs.files.sort();
        inputs.files.dedup();
        Ok(inputs)
    }

    pub(super) fn table(&self) -> String {
        let mut table = Table::new(&["object", "kind", "bytes", "sha256"]);
        for file in &self.files {
            table.row(&[&file.name, file.kind, &file.bytes.to_string(), &file.sha256]);
        }
        table.text()
    }
}
