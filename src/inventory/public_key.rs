//! CloudTrail's public keys, saved beforehand.

use std::path::{Path, PathBuf};

use super::InventoryError;
use super::read::{files, text};
use crate::integrity::PublicKeys;

/// A key takes half a kilobyte, and a Region makes one a month.
const MAX_BYTES: u64 = 64 << 20;

/// The keys among the files of the granted side: files, or folders with JSON files. What holds none is passed over.
///
/// # Errors
///
/// A path that cannot be read, and a list of keys that is none.
pub fn find_public_keys(paths: &[PathBuf]) -> Result<PublicKeys, InventoryError> {
    let mut keys = PublicKeys::default();
    for path in paths {
        let is_folder = path.is_dir();
        for file in if is_folder { files(path, &["json"])? } else { vec![path.clone()] } {
            match text(&file, MAX_BYTES) {
                Ok(list) if list.contains("\"PublicKeyList\"") => add(&mut keys, &file, &list)?,
                Ok(_) | Err(InventoryError::TooLarge { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(keys)
}

fn add(keys: &mut PublicKeys, file: &Path, list: &str) -> Result<(), InventoryError> {
    keys.add_json(list).map_err(|error| InventoryError::PublicKeys {
        file: file.display().to_string(),
        detail: error.to_string(),
    })
}

/// Reads what `aws cloudtrail list-public-keys` prints: files, or folders in which every JSON file with a `PublicKeyList` is taken.
///
/// # Errors
///
/// A path that cannot be read, a file of another shape, and a folder without any key.
pub fn read_public_keys(paths: &[PathBuf]) -> Result<PublicKeys, InventoryError> {
    let mut keys = PublicKeys::default();
    for path in paths {
        let name = path.display().to_string();
        let is_folder = path.is_dir();
        let before = keys.len();
        for file in if is_folder { files(path, &["json"])? } else { vec![path.clone()] } {
            let list = text(&file, MAX_BYTES);
            let list = match list {
                // What else lies in the folder of a snapshot may be larger.
                Err(InventoryError::TooLarge { .. }) if is_folder => continue,
                list => list?,
            };
            if is_folder && !list.contains("\"PublicKeyList\"") {
                continue;
            }
            add(&mut keys, &file, &list)?;
        }
        if is_folder && keys.len() == before {
            let detail = "no file in it has a `PublicKeyList`".to_owned();
            return Err(InventoryError::PublicKeys { file: name, detail });
        }
    }
    Ok(keys)
}
