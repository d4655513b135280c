//! Which files count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use aws_smithy_types::base64;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::place::Place;
use crate::aws::{Only, Shelf};
use crate::ident::Time;
use crate::integrity::PublicKeys;

/// The schema this version writes, and the newest it reads.
pub(super) const SCHEMA: &str = "leastwise.store/v1";
const NAME: &str = "store.json";
/// Seconds for which files in a bucket stay after the last manifest that named them: somebody may read by it.
const GRACE: i64 = 86_400;
/// Written first, renamed when it is whole.
const NEW: &str = "store.json.new";

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Manifest {
    pub(super) schema: String,
    /// The number of the next segment.
    pub(super) next: u64,
    /// Events before this moment were let go.
    #[serde(default)]
    pub(super) kept_from: Option<Time>,
    /// Places the last run could not list, with the kind of trouble and what is to be said about it.
    #[serde(default)]
    pub(super) unlisted: Vec<(String, String, String)>,
    /// What was written last is a part of what a run was to read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_unfinished: bool,
    /// Hashes of log files and digest files are kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) keeps_proof: bool,
    /// CloudTrail's public keys that digest files were signed with: fingerprint, and DER in Base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) public_keys: BTreeMap<String, String>,
    /// Regions whose keys of a time could not be had yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) keys_wanted: BTreeMap<String, (Time, Time)>,
    pub(super) segments: Vec<Segment>,
    /// In a bucket: files that no manifest names any more, since when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) retired: BTreeMap<String, Time>,
    /// In a bucket: the mark of this text.
    #[serde(skip)]
    pub(super) mark: Option<String>,
}

/// What was written in one go.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Segment {
    pub(super) name: String,
    /// The catalog that told which actions its calls needed.
    pub(super) catalog: BTreeSet<String>,
    /// Number of deliveries.
    pub(super) events: u64,
    pub(super) objects: u64,
    /// Numbers of objects that were read again since, or let go.
    #[serde(default)]
    pub(super) replaced: Vec<u32>,
    pub(super) files: Vec<FileInfo>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct FileInfo {
    /// Below the store, with `/`.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// Of events: the month they lie in, `YYYY-MM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) month: Option<String>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            next: 1,
            kept_from: None,
            unlisted: Vec::new(),
            is_unfinished: false,
            keeps_proof: false,
            public_keys: BTreeMap::new(),
            keys_wanted: BTreeMap::new(),
            segments: Vec::new(),
            retired: BTreeMap::new(),
            mark: None,
        }
    }
}

impl Manifest {
    /// Where it lies.
    pub(super) fn path(dir: &Path) -> PathBuf {
        dir.join(NAME)
    }

    /// Its name, and where the one that counts can be read.
    pub(super) fn at_hand(place: &Place) -> Result<(String, PathBuf), StoreError> {
        let path = place.dir().join(NAME);
        if let Some(shelf) = place.shelf() {
            let text = shelf.get(NAME)?.map(|(text, _)| text).unwrap_or_default();
            fs::write(&path, text).map_err(StoreError::io("write", &path))?;
        }
        Ok((NAME.to_owned(), path))
    }

    /// `None` when there is none.
    pub(super) fn read(place: &Place) -> Result<Option<Self>, StoreError> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let path = place.name(NAME);
        let (text, mark) = match place.shelf() {
            Some(shelf) => match shelf.get(NAME)? {
                Some((text, mark)) => (text, Some(mark)),
                None => return Ok(None),
            },
            None => match fs::read(&path) {
                Ok(text) => (text, None),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(StoreError::io("read", &path)(error)),
            },
        };
        let damaged =
            |error: serde_json::Error| StoreError::Damaged { path: path.clone(), detail: error.to_string() };
        // A newer manifest may have any shape.
        let head: Head = serde_json::from_slice(&text).map_err(damaged)?;
        if head.schema != SCHEMA {
            let found = head.schema.chars().take(64).collect();
            return Err(StoreError::Newer { dir: place.name(""), found, known: SCHEMA });
        }
        let mut manifest: Self = serde_json::from_slice(&text).map_err(damaged)?;
        manifest.mark = mark;
        for file in manifest.segments.iter().flat_map(|segment| &segment.files) {
            let is_below =
                Path::new(&file.path).components().all(|part| matches!(part, Component::Normal(_)));
            if !is_below {
                let detail = "it names a file outside the store".to_owned();
                return Err(StoreError::Damaged { path, detail });
            }
        }
        Ok(Some(manifest))
    }

    /// Takes the place of the one before, at once. In a bucket the files it names go there before, and it is refused when another
    /// run has written meanwhile.
    pub(super) fn publish(mut self, place: &Place, before: &Self) -> Result<Self, StoreError> {
        let Some(shelf) = place.shelf() else {
            self.write(place.dir())?;
            return Ok(self);
        };
        let (old, new) = (before.named(), self.named());
        let added: Vec<String> = new.difference(&old).map(|path| (*path).to_owned()).collect();
        let gone: Vec<String> = old.difference(&new).map(|path| (*path).to_owned()).collect();
        shelf.put_files(place.dir(), &added)?;
        let now = shelf.now();
        self.retired.extend(gone.into_iter().map(|path| (path, now)));
        let text = self.text().map_err(StoreError::io("write", &place.name(NAME)))?;
        let only = before.mark.as_deref().map_or(Only::New, Only::Marked);
        self.mark = shelf.put(NAME, &text, only)?;
        if self.mark.is_some() { Ok(self) } else { Err(StoreError::Overtaken(place.name(""))) }
    }

    /// The keys kept.
    pub(super) fn keys(&self) -> PublicKeys {
        let mut keys = PublicKeys::default();
        for (fingerprint, text) in &self.public_keys {
            keys.add(fingerprint, base64::decode(text).ok());
        }
        keys
    }

    /// Keeps keys.
    pub(super) fn add_keys(&mut self, keys: &PublicKeys) {
        let texts = keys.usable().map(|(fingerprint, der)| (fingerprint.to_owned(), base64::encode(der)));
        self.public_keys.extend(texts);
    }

    fn text(&self) -> std::io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// The files that count.
    fn named(&self) -> BTreeSet<&str> {
        self.segments.iter().flat_map(|segment| &segment.files).map(|file| file.path.as_str()).collect()
    }

    fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let (path, new) = (dir.join(NAME), dir.join(NEW));
        let text = self.text().map_err(StoreError::io("write", &new))?;
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        });
        written.map_err(StoreError::io("write", &new))?;
        fs::rename(&new, &path).map_err(StoreError::io("replace", &path))?;
        sync_dir(dir)
    }

    /// Removes what no manifest has named for a day: what a killed run left, and what was let go.
    pub(super) fn sweep_bucket(&mut self, shelf: &Shelf) -> Result<(), StoreError> {
        let line = shelf.now().plus_seconds(-GRACE);
        let mut found = shelf.list("segments/")?;
        found.extend(shelf.list("events/")?);
        let named = self.named();
        let since = |path: &String, written: Time| self.retired.get(path).copied().unwrap_or(written);
        let old =
            |(path, written): &(String, Time)| !named.contains(path.as_str()) && since(path, *written) < line;
        let gone: Vec<String> = found.iter().filter(|one| old(one)).map(|(path, _)| path.clone()).collect();
        shelf.delete(&gone)?;
        let left: BTreeSet<&String> =
            found.iter().map(|(path, _)| path).filter(|path| !gone.contains(path)).collect();
        self.retired.retain(|path, _| left.contains(path));
        Ok(())
    }

    /// Removes what no manifest names: what a killed run left, and what was let go.
    pub(super) fn sweep(&self, dir: &Path) -> Result<(), StoreError> {
        let named: BTreeSet<PathBuf> = self
            .segments
            .iter()
            .flat_map(|segment| &segment.files)
            .map(|file| dir.join(&file.path))
            .collect();
        for folder in ["segments", "events"] {
            sweep_folder(&dir.join(folder), &named)?;
        }
        Ok(())
    }
}

/// Whether nothing is left in the folder.
fn sweep_folder(folder: &Path, named: &BTreeSet<PathBuf>) -> Result<bool, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(StoreError::io("list", folder)(error)),
    };
    let mut is_empty = true;
    for entry in entries {
        let path = entry.map_err(StoreError::io("list", folder))?.path();
        let is_dir = fs::symlink_metadata(&path).map_err(StoreError::io("read", &path))?.is_dir();
        let is_gone = if is_dir {
            sweep_folder(&path, named)? && fs::remove_dir(&path).is_ok()
        } else if named.contains(&path) {
            false
        } else {
            fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
            true
        };
        is_empty &= is_gone;
    }
    Ok(is_empty)
}

/// Brings a folder's names to the disk, where the system can.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    match File::open(dir).and_then(|file| file.sync_all()) {
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            Err(StoreError::io("write", dir)(error))
        }
        // Not every system lets folders be opened.
        _ => Ok(()),
    }
}
