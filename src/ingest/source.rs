//! What there is to read: files, folders, standard input.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use super::LogKey;
use super::decode::GZIP;
use super::feed::{ObjectRef, Source, SourceError};
use crate::ident::Time;

/// Something a caller names.
pub enum Input {
    /// A file, or a folder with everything in it.
    Path(PathBuf),
    /// A stream, read once; the name stands in reports.
    Stream(String, Box<dyn Read + Send>),
    /// Objects that are listed and fetched while the run goes on.
    Source(Box<dyn Source>),
}

/// Why a run cannot start.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A path that was named cannot be read at all.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// As given.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A source that was named cannot be read at all.
    #[error(transparent)]
    Source(SourceError),
    /// The workers could not be started.
    #[error("cannot start {threads} workers")]
    Workers {
        /// As asked for.
        threads: usize,
        /// What the system says.
        source: rayon::ThreadPoolBuildError,
    },
}

/// What there is: local objects at once, the others as sources tell.
pub(super) struct Listed {
    pub(super) objects: Vec<Object>,
    pub(super) sources: Vec<Box<dyn Source>>,
}

/// One local object to read.
pub(super) struct Object {
    /// Its name is the path as given, with `/` separators.
    pub(super) about: ObjectRef,
    pub(super) place: Place,
    /// Somebody named it, or CloudTrail's layout says so: it should hold records.
    pub(super) is_expected: bool,
    /// Why it is not opened.
    pub(super) skip: Option<&'static str>,
}

pub(super) enum Place {
    File(PathBuf),
    /// Taken by the worker that reads it.
    Stream(Mutex<Option<Box<dyn Read + Send>>>),
    /// It could not be listed.
    Broken(io::Error),
}

impl Object {
    /// Opens it; the reader is capped by the caller.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.place {
            Place::File(path) => Ok(Box::new(File::open(path)?)),
            Place::Stream(stream) => {
                let taken = stream.lock().map(|mut stream| stream.take()).unwrap_or_default();
                taken.ok_or_else(|| io::Error::other("the stream was read before"))
            }
            Place::Broken(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

/// The objects of all inputs, sorted by name within each input.
pub(super) fn list(inputs: Vec<Input>) -> Result<Listed, IngestError> {
    let (mut objects, mut sources) = (Vec::new(), Vec::new());
    for input in inputs {
        match input {
            Input::Stream(name, stream) => {
                let place = Place::Stream(Mutex::new(Some(stream)));
                let about = ObjectRef { name, ..ObjectRef::default() };
                objects.push(Object { about, place, is_expected: true, skip: None });
            }
            Input::Source(source) => sources.push(source),
            Input::Path(path) => {
                let name = display(&path);
                let unreadable = |source| IngestError::Unreadable { path: name.clone(), source };
                let metadata = fs::metadata(&path).map_err(unreadable)?;
                if metadata.is_dir() {
                    fs::read_dir(&path).map_err(unreadable)?;
                    folder(&path, &mut objects);
                } else {
                    let about = about(&path, &metadata);
                    objects.push(Object { about, place: Place::File(path), is_expected: true, skip: None });
                }
            }
        }
    }
    Ok(Listed { objects, sources })
}

/// A file as a source lists it. The time of the last change stands in for an ETag.
fn about(path: &Path, metadata: &fs::Metadata) -> ObjectRef {
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let last_modified = changed.and_then(|since| i64::try_from(since.as_secs()).ok()).map(Time::from_unix);
    ObjectRef { name: display(path), size: Some(metadata.len()), etag: None, last_modified }
}

/// Everything below `root`, folders and files in the order of their names. A folder reached a second time, through links, is
/// not entered again.
fn folder(root: &Path, objects: &mut Vec<Object>) {
    let mut entered = BTreeSet::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let name = display(&path);
        let broken = |error| {
            let about = ObjectRef { name, ..ObjectRef::default() };
            Object { about, place: Place::Broken(error), is_expected: true, skip: None }
        };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                let is_new = fs::canonicalize(&path).is_ok_and(|real| entered.insert(real));
                if !is_new {
                    continue;
                }
                match entries(&path) {
                    // The last in is the first out.
                    Ok(paths) => waiting.extend(paths.into_iter().rev()),
                    Err(error) => objects.push(broken(error)),
                }
            }
            Ok(metadata) if metadata.is_file() => objects.push(file(path, &metadata)),
            // Sockets, devices and pipes are no logs, and opening one may block.
            Ok(metadata) => objects.push(Object { skip: Some("other-file"), ..file(path, &metadata) }),
            Err(error) => objects.push(broken(error)),
        }
    }
}

fn entries(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort_unstable();
    Ok(paths)
}

/// One file of a folder: read when its name or its first bytes look like a log.
fn file(path: PathBuf, metadata: &fs::Metadata) -> Object {
    let about = about(&path, metadata);
    let is_expected = LogKey::parse(&about.name).is_some();
    let is_candidate = is_expected || has_log_name(&about.name) || has_gzip_magic(&path);
    Object { about, place: Place::File(path), is_expected, skip: (!is_candidate).then_some("other-file") }
}

pub(super) fn has_log_name(name: &str) -> bool {
    const ENDINGS: [&str; 6] = [".json", ".gz", ".ndjson", ".jsonl", ".log", ".txt"];
    ENDINGS.iter().any(|ending| {
        let start = name.len().saturating_sub(ending.len());
        name.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(ending))
    })
}

fn has_gzip_magic(path: &Path) -> bool {
    let mut magic = [0; 2];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == GZIP
}

/// A path as reports show it: with `/`, whatever the system uses.
fn display(path: &Path) -> String {
    let text = path.to_string_lossy();
    if std::path::MAIN_SEPARATOR == '/' {
        text.into_owned()
    } else {
        text.replace(std::path::MAIN_SEPARATOR, "/")
    }
}
