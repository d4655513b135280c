//! What a store is made of and what it was read from, for those who check it.

use std::path::PathBuf;

use super::manifest::Manifest;
use super::{Store, StoreError};

impl Store {
    /// Every file that counts, the manifest first: its name below the store, with `/`, and where it can be read.
    pub fn files(&self) -> Result<Vec<(String, PathBuf)>, StoreError> {
        let manifest = Manifest::at_hand(&self.place)?;
        let all = || self.manifest.segments.iter().flat_map(|segment| &segment.files);
        self.place.bring(all())?;
        let mut files = vec![manifest];
        for file in all() {
            files.push((file.path.clone(), self.place.file(file)?));
        }
        Ok(files)
    }
}
