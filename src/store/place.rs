//! Where a store lies: in a folder, or in a bucket with a folder of this run's own before it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::StoreError;
use super::manifest::FileInfo;
use crate::aws::{Settings, Shelf};

/// A folder or `s3://BUCKET/PREFIX`. Clones are the same place.
#[derive(Clone, Debug)]
pub struct Place {
    /// The store itself, or what was brought here of it.
    dir: PathBuf,
    far: Option<Arc<Far>>,
}

/// A store in a bucket.
#[derive(Debug)]
struct Far {
    shelf: Shelf,
    /// What was brought here, and what waits to be put there.
    _folder: TempDir,
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Place {
    fn from(dir: &P) -> Self {
        Self { dir: dir.as_ref().to_owned(), far: None }
    }
}

impl Place {
    /// A folder's path, or the address of a part of a bucket, which must be there and open to these settings.
    pub fn of(address: &Path, settings: &Settings) -> Result<Self, StoreError> {
        let url = match address.to_str() {
            Some(text) if text.contains("://") => text,
            _ => return Ok(address.into()),
        };
        let shelf = Shelf::open(settings, url)?.ok_or_else(|| StoreError::Address(url.to_owned()))?;
        let folder = TempDir::with_prefix("leastwise-store-")
            .map_err(StoreError::io("create a folder in", &std::env::temp_dir()))?;
        Ok(Self { dir: folder.path().to_owned(), far: Some(Arc::new(Far { shelf, _folder: folder })) })
    }

    /// The folder files are read from and written to.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The bucket, of a store in one.
    pub(super) fn shelf(&self) -> Option<&Shelf> {
        self.far.as_ref().map(|far| &far.shelf)
    }

    /// For messages: the store, or a file of it.
    pub(super) fn name(&self, file: &str) -> PathBuf {
        match self.shelf() {
            Some(shelf) => PathBuf::from(shelf.url(file)),
            None if file.is_empty() => self.dir.clone(),
            None => self.dir.join(file),
        }
    }

    /// Has files at hand that will be asked for: many at a time take less time than one after another.
    pub(super) fn bring<'f>(&self, files: impl IntoIterator<Item = &'f FileInfo>) -> Result<(), StoreError> {
        let Some(shelf) = self.shelf() else { return Ok(()) };
        let is_far = |file: &&FileInfo| !self.dir.join(&file.path).exists();
        let wanted: Vec<(String, u64)> =
            files.into_iter().filter(is_far).map(|file| (file.path.clone(), file.bytes)).collect();
        Ok(shelf.get_files(&self.dir, &wanted)?)
    }

    /// Where a file lies; it must be as long as it was.
    pub(super) fn file(&self, file: &FileInfo) -> Result<PathBuf, StoreError> {
        self.bring([file])?;
        let path = self.dir.join(&file.path);
        let found = std::fs::metadata(&path).map_err(StoreError::io("read", &path))?.len();
        if found != file.bytes {
            let detail = format!("it has {found} bytes and should have {}", file.bytes);
            return Err(StoreError::Damaged { path: self.name(&file.path), detail });
        }
        Ok(path)
    }
}
