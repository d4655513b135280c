//! A newer catalog than the embedded one, made of AWS's service reference and kept in a folder of the user's.
//!
//! The folder holds the documents as they came (`documents/PREFIX.json`), what is known of them (`state.json`) and the catalog made of
//! them (`catalog.tsv`). Each file is written beside its place and renamed, and a document replaces an older one only after it was read
//! and found sound; so a run that is killed leaves a folder that works, and the next run goes on where it stopped.

mod cache;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;

use self::cache::{Cache, Known};
use super::Catalog;
use super::reference::{self, Document, DocumentError};
use crate::ident::Time;

/// The largest document taken, in bytes; AWS's largest has some 5 MB.
pub const LARGEST_DOCUMENT: usize = 32 << 20;
/// All documents together, in bytes.
const LARGEST_REFERENCE: usize = 1 << 30;
/// Services an index may list; AWS has some 460.
const MOST_SERVICES: usize = 5_000;
/// A document with less than this share of the actions known before, in percent, is taken for a broken one.
const LEAST_SHARE: usize = 80;
/// Fewer actions lost than this prove nothing.
const FEW_LOST: usize = 5;
/// The same for the catalog as a whole, in percent.
const LEAST_SHARE_OF_ALL: usize = 98;

/// Where documents come from.
pub trait Fetch: Sync {
    /// The document at a path of the reference (`/`, `/v1/s3/s3.json`), of at most [`LARGEST_DOCUMENT`] bytes, unless it still is the
    /// one with this `ETag`.
    ///
    /// # Errors
    ///
    /// Whatever kept the document from coming whole, in words for the user.
    fn fetch(&self, path: &str, etag: Option<&str>) -> Result<Fetched, FetchError>;
}

/// An answer to [`Fetch::fetch`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fetched {
    /// The document is the one known.
    Unchanged,
    /// A document, and what the server calls this state of it.
    Document {
        /// Its bytes, whole.
        body: Vec<u8>,
        /// `ETag`.
        etag: Option<String>,
    },
}

/// Why a document could not be fetched.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// A refresh of the catalog in a folder.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// The folder; made when it is not there.
    pub to: PathBuf,
    /// Today, `YYYY-MM-DD`: the catalog's date where AWS gives none.
    pub today: String,
    /// Documents fetched at a time.
    pub at_a_time: usize,
    /// Takes documents, and a catalog, that lost many of the actions known before: AWS does retire services.
    pub allow_fewer: bool,
}

/// What a refresh did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Refreshed {
    /// The catalog's date.
    pub date: String,
    /// Services of the catalog.
    pub services: usize,
    /// Actions of the catalog.
    pub actions: usize,
    /// Documents that are new or changed.
    pub taken: usize,
    /// Documents that were here already.
    pub unchanged: usize,
    /// Documents that could not be fetched or are not sound, with the reason, by service or file. What was known before stays.
    pub refused: Vec<(String, String)>,
    /// Services of which the service reference does not tell; the embedded catalog's stay.
    pub kept_services: Vec<String>,
    /// Actions the embedded catalog does not have.
    pub new_actions: usize,
    /// Actions of the embedded catalog that are gone.
    pub gone_actions: Vec<String>,
    /// The catalog's file.
    pub file: PathBuf,
}

/// Why there is no refreshed catalog.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// A file or folder cannot be read or written.
    #[error("`{}`", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The list of services cannot be fetched.
    #[error("the list of services cannot be fetched")]
    NoIndex(#[source] FetchError),
    /// The list of services is none.
    #[error("the list of services is not of its shape: {0}")]
    Index(String),
    /// Not one document could be taken.
    #[error("no document of the service reference could be taken{}", .0.as_deref().map(|why| format!("; the first: {why}")).unwrap_or_default())]
    Nothing(Option<String>),
    /// The catalog would lose too much; the old one stays.
    #[error("the catalog would have {actions} actions where it had {before}; nothing was replaced")]
    Shrunk {
        /// Actions it would have.
        actions: usize,
        /// Actions it has.
        before: usize,
    },
    /// The folder's catalog is not as a refresh writes it.
    #[error("`{}` is no catalog: {why}", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// One service of the index.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    service: String,
    url: String,
    /// Seconds since 1970.
    #[serde(default)]
    modified: Option<i64>,
}

impl Entry {
    /// The document's path. Hosts are not taken from the index: all is fetched from where the index came from.
    fn path(&self) -> String {
        let path =
            self.url.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
        let is_plain = |path: &&str| {
            path.len() <= 256
                && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
                && !path.contains("..")
                && !path.contains("//")
        };
        let own = || format!("/v1/{0}/{0}.json", self.service.to_ascii_lowercase());
        path.filter(is_plain).map_or_else(own, str::to_owned)
    }
}

impl Refresh {
    /// Fetches what is new or changed and makes the catalog. `progress` is told how many of how many documents are done.
    ///
    /// # Errors
    ///
    /// When there is nothing to make a catalog of, or it would lose too much: what was there before then stays.
    pub fn run(
        &self,
        source: &dyn Fetch,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Refreshed, RefreshError> {
        let cache = Cache::open(&self.to)?;
        let entries = index(source)?;
        let loaded = load(&self.to).ok();
        // What a new document is compared with.
        let before = loaded.as_ref().unwrap_or_else(|| Catalog::embedded());
        let shared = Mutex::new((cache, Refreshed::default(), 0_usize));
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let failed = Mutex::new(None);
        let work = || {
            while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = self.one(entry, source, before, &shared) {
                    *failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
                    return;
                }
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, entries.len());
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.at_a_time.clamp(1, 16) {
                scope.spawn(work);
            }
        });
        if let Some(error) = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            return Err(error);
        }
        let (cache, refreshed, _) = shared.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let newest = entries.iter().filter_map(|entry| entry.modified).max();
        self.finish(cache, refreshed, newest, before)
    }

    /// Takes the documents of a folder, as another machine brought them, and makes the catalog: every `.json` file at any depth
    /// that is a document, whatever it is called.
    ///
    /// # Errors
    ///
    /// As [`Refresh::run`], and when the folder cannot be read.
    pub fn run_from(&self, folder: &Path) -> Result<Refreshed, RefreshError> {
        let mut cache = Cache::open(&self.to)?;
        let loaded = load(&self.to).ok();
        // What a new document is compared with.
        let before = loaded.as_ref().unwrap_or_else(|| Catalog::embedded());
        let (mut refreshed, mut newest) = (Refreshed::default(), None);
        let mut found: BTreeMap<String, (Document, PathBuf, Vec<u8>)> = BTreeMap::new();
        for path in cache::json_files(folder)? {
            let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            let body = match cache::read_limited(&path, LARGEST_DOCUMENT)? {
                Ok(body) => body,
                Err(why) => {
                    refreshed.refused.push((name, why));
                    continue;
                }
            };
            if let Ok(entries) = serde_json::from_slice::<Vec<Entry>>(&body) {
                newest = newest.max(entries.iter().filter_map(|entry| entry.modified).max());
                continue;
            }
            match self.sound(&body, None, before) {
                // Two of one service: the newer schema, else the later name.
                Ok(document)
                    if found
                        .get(&document.prefix)
                        .is_none_or(|(other, ..)| other.version <= document.version) =>
                {
                    found.insert(document.prefix.clone(), (document, path, body));
                }
                Ok(_) => {}
                Err(why) => refreshed.refused.push((name, why)),
            }
        }
        for (prefix, (_, _, body)) in found {
            let known = Known::of(&body, None, None);
            if cache.known(&prefix).is_some_and(|old| old.sha256 == known.sha256) {
                refreshed.unchanged += 1;
            } else {
                refreshed.taken += 1;
            }
            cache.keep(&prefix, &body, known)?;
        }
        self.finish(cache, refreshed, newest, before)
    }

    fn finish(
        &self,
        mut cache: Cache,
        mut refreshed: Refreshed,
        newest: Option<i64>,
        before: &Catalog,
    ) -> Result<Refreshed, RefreshError> {
        refreshed.refused.sort();
        let mut documents = Vec::new();
        for (prefix, body) in cache.documents()? {
            match read(&body, Some(&prefix)) {
                Ok(document) => documents.push(document),
                // It was sound when it was kept: by an older version of this program, perhaps.
                Err(why) => refreshed.refused.push((prefix, why)),
            }
        }
        if documents.is_empty() {
            return Err(RefreshError::Nothing(
                refreshed.refused.first().map(|(name, why)| format!("{name}: {why}")),
            ));
        }
        let day = |seconds: i64| Time::from_unix(seconds).to_string().chars().take(10).collect::<String>();
        let date = newest
            .filter(|seconds| (0..=253_402_300_799).contains(seconds))
            .map_or_else(|| self.today.clone(), day);
        let (text, kept) = reference::merged(Catalog::embedded(), &documents, &date, SOURCE);
        let file = cache.catalog_file();
        let broken = |why: String| RefreshError::Broken { path: file.clone(), why };
        // A catalog borrows its text for good; a process makes one.
        let text: &'static str = Box::leak(text.into_boxed_str());
        let catalog = Catalog::read(text).map_err(|error| broken(error.to_string()))?;
        catalog.verify().map_err(|error| broken(error.to_string()))?;
        let (actions, had) = (catalog.n_actions(), before.n_actions());
        if actions * 100 < had * LEAST_SHARE_OF_ALL && !self.allow_fewer {
            return Err(RefreshError::Shrunk { actions, before: had });
        }
        cache.finish(text)?;
        Ok(Refreshed {
            date,
            services: catalog.n_services(),
            actions,
            kept_services: kept.services,
            new_actions: kept.new_actions,
            gone_actions: kept.gone_actions,
            file,
            ..refreshed
        })
    }

    /// One document: skipped when it is here, else fetched, checked and kept.
    fn one(
        &self,
        entry: &Entry,
        source: &dyn Fetch,
        before: &Catalog,
        shared: &Shared,
    ) -> Result<(), RefreshError> {
        let lock = || shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = {
            let mut shared = lock();
            let known = shared.0.known(&entry.service);
            let is_current = known.as_ref().is_some_and(|known| {
                shared.0.is_of_this_run(known)
                    || (entry.modified.is_some() && known.modified == entry.modified)
            });
            if is_current {
                shared.1.unchanged += 1;
                return Ok(());
            }
            known
        };
        let refuse = |why: String| lock().1.refused.push((entry.service.clone(), why));
        let etag = known.as_ref().and_then(|known| known.etag.as_deref());
        let (body, etag) = match source.fetch(&entry.path(), etag) {
            Ok(Fetched::Document { body, etag }) => (body, etag),
            Ok(Fetched::Unchanged) => {
                let mut shared = lock();
                shared.1.unchanged += 1;
                return shared.0.still_current(&entry.service, entry.modified);
            }
            Err(error) => {
                refuse(error.to_string());
                return Ok(());
            }
        };
        if body.len() > LARGEST_DOCUMENT {
            refuse(format!("it has {} bytes, more than the {LARGEST_DOCUMENT} taken", body.len()));
            return Ok(());
        }
        if let Err(why) = self.sound(&body, Some(&entry.service), before) {
            refuse(why);
            return Ok(());
        }
        let mut shared = lock();
        shared.2 += body.len();
        if shared.2 > LARGEST_REFERENCE {
            drop(shared);
            refuse(format!("all documents together have more than {LARGEST_REFERENCE} bytes"));
            return Ok(());
        }
        shared.1.taken += 1;
        let known = Known::of(&body, etag, entry.modified);
        shared.0.keep(&entry.service, &body, known)
    }

    /// A document that has not lost most of what was known of its service.
    fn sound(&self, body: &[u8], prefix: Option<&str>, before: &Catalog) -> Result<Document, String> {
        let document = read(body, prefix)?;
        let (had, has) = (before.actions_of_service(&document.prefix).count(), document.n_actions());
        let is_loss = has + FEW_LOST <= had && has * 100 < had * LEAST_SHARE;
        if is_loss && !self.allow_fewer {
            return Err(format!("it has {has} actions where {had} are known"));
        }
        Ok(document)
    }
}

/// [`Catalog::source`] of a refreshed catalog.
const SOURCE: &str = "service-reference";

/// The catalog a refresh left in a folder.
///
/// # Errors
///
/// No catalog there, or one that is not as it was written.
pub fn load(folder: &Path) -> Result<Catalog, RefreshError> {
    let (file, text) = cache::catalog_text(folder)?;
    let broken = |why: String| RefreshError::Broken { path: file.clone(), why };
    // A catalog borrows its text for good; a process loads one.
    let catalog =
        Catalog::read(Box::leak(text.into_boxed_str())).map_err(|error| broken(error.to_string()))?;
    catalog.verify().map_err(|error| broken(error.to_string()))?;
    Ok(catalog)
}

fn index(source: &dyn Fetch) -> Result<Vec<Entry>, RefreshError> {
    let body = match source.fetch("/", None).map_err(RefreshError::NoIndex)? {
        Fetched::Document { body, .. } => body,
        Fetched::Unchanged => Vec::new(),
    };
    let shape =
        |why: String| RefreshError::Index(why.chars().filter(|c| !c.is_control()).take(200).collect());
    let mut entries: Vec<Entry> = serde_json::from_slice(&body).map_err(|error| shape(error.to_string()))?;
    if entries.is_empty() || entries.len() > MOST_SERVICES {
        return Err(shape(format!("it lists {} services", entries.len())));
    }
    for entry in &mut entries {
        let name = &mut entry.service;
        if name.is_empty() || name.len() > 64 || !reference::is_word(name) {
            return Err(shape(format!("`{name}` is no service prefix")));
        }
        name.make_ascii_lowercase();
    }
    let mut seen = BTreeSet::new();
    entries.retain(|entry| seen.insert(entry.service.clone()));
    Ok(entries)
}

type Shared = Mutex<(Cache, Refreshed, usize)>;

/// A document about the service asked for.
fn read(body: &[u8], prefix: Option<&str>) -> Result<Document, String> {
    let document = Document::read(body).map_err(|error| error.to_string())?;
    match prefix {
        Some(prefix) if prefix != document.prefix => {
            Err(DocumentError::OtherService(document.prefix).to_string())
        }
        _ => Ok(document),
    }
}
