//! The folder a refreshed catalog is kept in.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::RefreshError;
use crate::ident::hex;

/// The largest catalog loaded, in bytes; the embedded one has 1.3 MB.
const LARGEST_CATALOG: usize = 64 << 20;
/// Folders in folders, and files, looked at for documents.
const DEEPEST: usize = 8;
const MOST_FILES: usize = 20_000;
const CATALOG: &str = "catalog.tsv";
const STATE: &str = "state.json";
const DOCUMENTS: &str = "documents";

/// The folder, and what it is known to hold.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    state: State,
}

/// `state.json`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct State {
    /// The run that is under way, or was when it was killed.
    run: u64,
    /// The last run that came to its end.
    finished: u64,
    /// By prefix.
    documents: BTreeMap<String, Known>,
}

/// What is known of a document.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Known {
    /// Of the file, in lower-case hexadecimal.
    pub(super) sha256: String,
    /// Of the answer it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    /// In the index it was fetched by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modified: Option<i64>,
    /// The run that found it to be current.
    run: u64,
}

impl Known {
    pub(super) fn of(body: &[u8], etag: Option<String>, modified: Option<i64>) -> Self {
        Self { sha256: sha256(body), etag: etag.filter(|etag| etag.len() <= 256), modified, run: 0 }
    }
}

impl Cache {
    /// Opens the folder, made if need be. A state that does not read counts as none: all is fetched again.
    pub(super) fn open(folder: &Path) -> Result<Self, RefreshError> {
        let documents = folder.join(DOCUMENTS);
        fs::create_dir_all(&documents).map_err(|source| RefreshError::Io { path: documents, source })?;
        let mut state = state(folder);
        if state.finished >= state.run {
            state.run = state.finished + 1;
        }
        Ok(Self { folder: folder.to_owned(), state })
    }

    /// What is known of a document whose file is here and is what it was.
    pub(super) fn known(&self, prefix: &str) -> Option<Known> {
        let known = self.state.documents.get(prefix)?;
        let body = read_limited(&self.document_file(prefix), super::LARGEST_DOCUMENT).ok()?.ok()?;
        (sha256(&body) == known.sha256).then(|| known.clone())
    }

    /// Whether a document was fetched by the run that is under way: one that was killed goes on.
    pub(super) fn is_of_this_run(&self, known: &Known) -> bool {
        known.run == self.state.run
    }

    /// Writes a document, then that it is known; killed between the two, the document is fetched again.
    pub(super) fn keep(&mut self, prefix: &str, body: &[u8], known: Known) -> Result<(), RefreshError> {
        replace(&self.document_file(prefix), body)?;
        self.state.documents.insert(prefix.to_owned(), Known { run: self.state.run, ..known });
        self.write_state()
    }

    /// Notes that a document was found to be current.
    pub(super) fn still_current(&mut self, prefix: &str, modified: Option<i64>) -> Result<(), RefreshError> {
        if let Some(known) = self.state.documents.get_mut(prefix) {
            known.run = self.state.run;
            known.modified = modified.or(known.modified);
        }
        self.write_state()
    }

    /// Every document whose file is what it was, by prefix.
    pub(super) fn documents(&self) -> Result<Vec<(String, Vec<u8>)>, RefreshError> {
        let mut found = Vec::new();
        for (prefix, known) in &self.state.documents {
            let path = self.document_file(prefix);
            if let Ok(Ok(body)) = read_limited(&path, super::LARGEST_DOCUMENT)
                && sha256(&body) == known.sha256
            {
                found.push((prefix.clone(), body));
            }
        }
        Ok(found)
    }

    /// Writes the catalog and ends the run.
    pub(super) fn finish(&mut self, text: &str) -> Result<(), RefreshError> {
        replace(&self.catalog_file(), text.as_bytes())?;
        self.state.finished = self.state.run;
        self.write_state()
    }

    pub(super) fn catalog_file(&self) -> PathBuf {
        self.folder.join(CATALOG)
    }

    /// Prefixes are words, checked where they come in.
    fn document_file(&self, prefix: &str) -> PathBuf {
        self.folder.join(DOCUMENTS).join(format!("{prefix}.json"))
    }

    fn write_state(&self) -> Result<(), RefreshError> {
        let path = self.folder.join(STATE);
        let text = serde_json::to_string_pretty(&self.state)
            .map_err(|error| RefreshError::Io { path: path.clone(), source: error.into() })?;
        replace(&path, text.as_bytes())
    }
}

fn state(folder: &Path) -> State {
    let body = read_limited(&folder.join(STATE), super::LARGEST_DOCUMENT).ok().and_then(Result::ok);
    let mut state: State = body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    // Names become file names.
    state.documents.retain(|prefix, _| !prefix.is_empty() && crate::catalog::reference::is_word(prefix));
    state
}

/// File and text of the catalog in a folder.
pub(super) fn catalog_text(folder: &Path) -> Result<(PathBuf, String), RefreshError> {
    let path = folder.join(CATALOG);
    let broken = |why: &str| RefreshError::Broken { path: path.clone(), why: why.to_owned() };
    let body = read_limited(&path, LARGEST_CATALOG)?.map_err(|why| broken(&why))?;
    let text = String::from_utf8(body).map_err(|_| broken("it is not text"))?;
    Ok((path, text))
}

/// The file's bytes; the inner error says that it is too large.
pub(super) fn read_limited(path: &Path, limit: usize) -> Result<Result<Vec<u8>, String>, RefreshError> {
    let failed = |source| RefreshError::Io { path: path.to_owned(), source };
    let mut body = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limit as u64 + 1).read_to_end(&mut body).map_err(failed)?;
    Ok(if body.len() > limit { Err(format!("it has more than {limit} bytes")) } else { Ok(body) })
}

/// All `.json` files of a folder, sorted.
pub(super) fn json_files(folder: &Path) -> Result<Vec<PathBuf>, RefreshError> {
    let (mut files, mut open) = (Vec::new(), vec![(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = open.pop() {
        let failed = |source| RefreshError::Io { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                open.extend((depth < DEEPEST).then(|| (path, depth + 1)));
            } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
                files.push(path);
            }
        }
        if files.len() > MOST_FILES {
            let source = io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {MOST_FILES} files"));
            return Err(RefreshError::Io { path: folder, source });
        }
    }
    files.sort();
    Ok(files)
}

/// Puts a whole file in the place of another, so that a reader finds the one or the other.
fn replace(path: &Path, body: &[u8]) -> Result<(), RefreshError> {
    let beside = path.with_extension(format!("partial-{}", std::process::id()));
    let written = File::create(&beside)
        .and_then(|mut file| {
            file.write_all(body)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|source| {
        let _ = fs::remove_file(&beside);
        RefreshError::Io { path: path.to_owned(), source }
    })
}

fn sha256(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}
