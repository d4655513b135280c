//! A look at files without reading them as logs: their hashes, and where some events lie in them.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::PathBuf;

use memchr::memmem;
use sha2::{Digest as _, Sha256};

use super::decode::{Decoder, GZIP};
use super::source::{self, Object};
use super::{IngestError, Input, Limits};
use crate::ident::hex;

/// What a look at one file tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Surveyed {
    /// The path as given, with `/` separators.
    pub name: String,
    /// Size as stored.
    pub bytes: u64,
    /// SHA-256 of the bytes as stored, in lower-case hexadecimal.
    pub sha256: String,
    /// Events that were looked for and lie here, with the offset of their `eventID` in the inflated text.
    pub events: Vec<(String, u64)>,
}

/// Looks at every file of the paths, whatever its kind; sorted by path within each. What cannot be opened is an error: a list of
/// inputs with a hole is none.
pub fn survey(
    paths: &[PathBuf],
    events: &BTreeSet<&str>,
    limits: &Limits,
) -> Result<Vec<Surveyed>, IngestError> {
    let objects = source::list(paths.iter().cloned().map(Input::Path).collect())?.objects;
    let mut decoder = Decoder::new();
    let finder = memmem::Finder::new("\"eventID\"");
    let mut raw = Vec::new();
    let mut look = |object: &Object| -> Result<Surveyed, IngestError> {
        let unreadable = |source| IngestError::Unreadable { path: object.about.name.clone(), source };
        raw.clear();
        object.open().and_then(|mut file| file.read_to_end(&mut raw)).map_err(unreadable)?;
        let sha256 = hex(&Sha256::digest(&raw));
        let mut found = Vec::new();
        if !events.is_empty() && (raw.starts_with(&GZIP) || object.is_expected) {
            let (text, length, _) = decoder.decode(&raw, limits.object_bytes);
            let text = text.get(..length).unwrap_or_default();
            for at in finder.find_iter(text) {
                if let Some(id) = id_behind(text.get(at + 9..).unwrap_or_default())
                    && events.contains(id)
                {
                    found.push((id.to_owned(), at as u64));
                }
            }
        }
        Ok(Surveyed { name: object.about.name.clone(), bytes: raw.len() as u64, sha256, events: found })
    };
    objects.iter().map(&mut look).collect()
}

/// The string behind a key's quote: `: "ID"`.
fn id_behind(text: &[u8]) -> Option<&str> {
    let text = text.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', text)?;
    str::from_utf8(text.get(..end)?).ok()
}
