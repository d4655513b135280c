//! A look at files and objects without reading them as logs: their hashes, and where some events lie in them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use memchr::memmem;
use sha2::{Digest as _, Sha256};

use super::decode::{Decoder, GZIP};
use super::feed::{Feed, Fetched, ObjectRef, Source, SourceError, Tally, Transfer};
use super::pipeline::{DigestFile, Run, read_sources};
use super::source::{self, Object};
use super::{IngestError, Input, LogKey};
use crate::ident::{TimeRange, hex};

/// What a look at one file or object tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Surveyed {
    /// The path as given, with `/` separators, or `s3://BUCKET/KEY`.
    pub name: String,
    /// Size as stored.
    pub bytes: u64,
    /// SHA-256 of the bytes as stored, in lower-case hexadecimal.
    pub sha256: String,
    /// The ETag of the content that was read, of objects that have one.
    pub etag: Option<String>,
    /// Events that were looked for and lie here, with the offset of their `eventID` in the inflated text.
    pub events: Vec<(String, u64)>,
}

/// Looks at every file of the paths, whatever its kind, and at the objects of sources that may hold events of the window (and at digest
/// files); sorted by name within each. What cannot be opened or fetched is an error: a list of inputs with a hole is none.
pub fn survey(
    inputs: Vec<Input>,
    window: TimeRange,
    events: &BTreeSet<&str>,
) -> Result<Vec<Surveyed>, IngestError> {
    let listed = source::list(inputs)?;
    let mut look = Look { events, decoder: Decoder::new(), most: super::Limits::default().object_bytes };
    let mut raw = Vec::new();
    let mut local = |object: &Object| -> Result<Surveyed, IngestError> {
        let unreadable = |source| IngestError::Unreadable { path: object.about.name.clone(), source };
        raw.clear();
        object.open().and_then(|mut file| file.read_to_end(&mut raw)).map_err(unreadable)?;
        Ok(look.at(object.about.name.clone(), None, &raw, object.is_expected))
    };
    let mut all = listed.objects.iter().map(&mut local).collect::<Result<Vec<_>, _>>()?;
    if !listed.sources.is_empty() {
        all.extend(remote(&listed.sources, window, &mut look)?);
    }
    Ok(all)
}

/// The objects of sources, read one after the other as they come; sorted by name.
fn remote(
    sources: &[Box<dyn Source>],
    window: TimeRange,
    look: &mut Look<'_>,
) -> Result<Vec<Surveyed>, IngestError> {
    let cancel = AtomicBool::new(false);
    // Digest files are inputs too: without somebody who takes them they would be passed over.
    let digests = |_: DigestFile| {};
    let run = Run { window, digests: Some(&digests), ..Run::new(&cancel) };
    let tally = Tally::default();
    let unreadable =
        |path: String, detail: String| IngestError::Unreadable { path, source: io::Error::other(detail) };
    let mut all = Vec::new();
    let mut failed = None;
    std::thread::scope(|scope| -> Result<(), IngestError> {
        let (sender, receiver) = sync_channel(1);
        let reading = read_sources(scope, sources, &run, &tally, Some(sender));
        // To the end even after a failure: those who send must not wait for ever.
        for arrival in receiver {
            match arrival.fetched {
                Ok(Fetched { bytes, served_etag, guard, .. }) => {
                    let is_expected = LogKey::parse(&arrival.object.name).is_some();
                    let etag = served_etag.or(arrival.object.etag);
                    all.push(look.at(arrival.object.name, etag, &bytes, is_expected));
                    drop(guard);
                }
                Err(error) => {
                    failed.get_or_insert(unreadable(arrival.object.name, error.detail));
                    tally.stop.store(true, Ordering::Relaxed);
                }
            }
        }
        reading.finish()?;
        Ok(())
    })?;
    let missed = tally.rest().issues.pop().map(|issue| unreadable(issue.object, issue.detail));
    if let Some(error) = failed.or(missed) {
        return Err(error);
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// What is looked for.
struct Look<'e> {
    events: &'e BTreeSet<&'e str>,
    decoder: Decoder,
    most: usize,
}

impl Look<'_> {
    fn at(&mut self, name: String, etag: Option<String>, raw: &[u8], is_expected: bool) -> Surveyed {
        let sha256 = hex(&Sha256::digest(raw));
        let mut found = Vec::new();
        if !self.events.is_empty() && (raw.starts_with(&GZIP) || is_expected) {
            let (text, length, _) = self.decoder.decode(raw, self.most);
            let text = text.get(..length).unwrap_or_default();
            for at in memmem::find_iter(text, "\"eventID\"") {
                if let Some(id) = id_behind(text.get(at + 9..).unwrap_or_default())
                    && self.events.contains(id)
                {
                    found.push((id.to_owned(), at as u64));
                }
            }
        }
        Surveyed { name, bytes: raw.len() as u64, sha256, etag, events: found }
    }
}

/// A folder that holds copies of objects of a bucket, under the same keys: what `aws s3 sync` makes. Read as if it were the bucket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalCopy {
    /// `s3://BUCKET/PREFIX`.
    url: String,
    dir: PathBuf,
}

impl LocalCopy {
    /// The copy of what lies below an address.
    pub fn new(url: &str, dir: PathBuf) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), dir }
    }
}

impl Source for LocalCopy {
    fn name(&self) -> &str {
        &self.url
    }

    fn read(&self, feed: &Feed<'_>) -> Result<Transfer, SourceError> {
        let broken = |cause: io::Error| SourceError {
            name: self.dir.display().to_string(),
            cause: Box::new(cause),
            hint: Some("copy what the bundle lists: aws s3 sync s3://BUCKET/PREFIX DIR".to_owned()),
        };
        let mut waiting = vec![(self.dir.clone(), self.url.clone())];
        while let Some((folder, url)) = waiting.pop() {
            for entry in fs::read_dir(&folder).map_err(broken)? {
                let entry = entry.map_err(broken)?;
                let name = format!("{url}/{}", entry.file_name().to_string_lossy());
                let path = entry.path();
                if path.is_dir() {
                    waiting.push((path, name));
                    continue;
                }
                let object = ObjectRef { name, ..ObjectRef::default() };
                if feed.wants(&object) {
                    let bytes = fs::read(&path).map_err(broken)?;
                    let fetched =
                        Fetched { bytes, etag: None, served_etag: None, metadata: Vec::new(), guard: None };
                    feed.put(object, Ok(fetched));
                }
                if feed.is_stopped() {
                    return Ok(Transfer::default());
                }
            }
        }
        Ok(Transfer::default())
    }
}

/// The string behind a key's quote: `: "ID"`.
fn id_behind(text: &[u8]) -> Option<&str> {
    let text = text.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', text)?;
    str::from_utf8(text.get(..end)?).ok()
}
