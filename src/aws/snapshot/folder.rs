//! A snapshot on disk.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::{MANIFEST, Snapshot};

/// Why a snapshot cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder holds something else.
    #[error("`{0}` is not empty and no snapshot (it has no snapshot.json)")]
    NotASnapshot(PathBuf),
    /// A file that no snapshot wrote stands in the way.
    #[error("`{0}` is in the way: an earlier snapshot did not write it")]
    InTheWay(PathBuf),
    /// The system refuses.
    #[error("cannot write `{0}`: {1}")]
    Io(PathBuf, #[source] io::Error),
}

/// Writes the files, and removes those of an earlier snapshot that are no more. Whatever else lies in the folder stays.
///
/// # Errors
///
/// The folder holds files and no snapshot, or the system refuses; nothing is removed before everything is written.
pub fn write_folder(snapshot: &Snapshot, folder: &Path) -> Result<(), FolderError> {
    let earlier = earlier(folder)?;
    for name in snapshot.files.keys() {
        let path = folder.join(name);
        if path.exists() && !earlier.contains(name) {
            return Err(FolderError::InTheWay(path));
        }
    }
    for (name, text) in &snapshot.files {
        let path = folder.join(name);
        let failed = |error| FolderError::Io(path.clone(), error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        // Whole or not at all: an audit may read the folder meanwhile.
        let beside = path.with_extension("json.new");
        fs::write(&beside, text).and_then(|()| fs::rename(&beside, &path)).map_err(failed)?;
    }
    for name in earlier.iter().filter(|name| !snapshot.files.contains_key(*name)) {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FolderError::Io(path, error));
            }
            _ => {}
        }
        // Folders that became empty go too; one that did not stays.
        for parent in path.ancestors().skip(1).take_while(|parent| *parent != folder) {
            if fs::remove_dir(parent).is_err() {
                break;
            }
        }
    }
    Ok(())
}

/// The files an earlier snapshot wrote here.
fn earlier(folder: &Path) -> Result<BTreeSet<String>, FolderError> {
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(FolderError::Io(folder.to_owned(), error)),
    };
    if is_empty {
        return Ok(BTreeSet::new());
    }
    let manifest = fs::read_to_string(folder.join(MANIFEST)).ok();
    let manifest = manifest.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let Some(files) = manifest.as_ref().and_then(|manifest| manifest.get("files")?.as_array()) else {
        return Err(FolderError::NotASnapshot(folder.to_owned()));
    };
    // The list is text from a file: only plain paths below the folder are touched.
    let is_below = |name: &str| {
        !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
    };
    let names = files.iter().filter_map(Value::as_str).filter(|name| is_below(name)).map(str::to_owned);
    Ok(names.chain([MANIFEST.to_owned()]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(files: &[(&str, &str)]) -> Snapshot {
        let mut names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let manifest = serde_json::json!({"leastwiseSnapshot": "v1", "files": names}).to_string();
        let mut all: std::collections::BTreeMap<String, String> =
            files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        all.insert(MANIFEST.to_owned(), manifest);
        Snapshot { files: all, ..Snapshot::default() }
    }

    #[test]
    fn the_next_snapshot_replaces_the_last_one_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("snapshot");
        write_folder(&snapshot(&[("1/a.json", "1"), ("1/r/eks/c.json", "2")]), &folder).unwrap();
        fs::write(folder.join("1/ecs.json"), "mine").unwrap();
        write_folder(&snapshot(&[("1/a.json", "3"), ("2/a.json", "4")]), &folder).unwrap();
        let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
        assert_eq!(text("1/a.json").as_deref(), Some("3"));
        assert_eq!(text("2/a.json").as_deref(), Some("4"));
        assert_eq!(text("1/ecs.json").as_deref(), Some("mine"));
        assert!(!folder.join("1/r").exists(), "what is no more is gone, with its folders");
        let way = write_folder(&snapshot(&[("1/ecs.json", "5")]), &folder).unwrap_err();
        assert!(matches!(way, FolderError::InTheWay(_)), "{way}");
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine.json"), "{}").unwrap();
        let error = write_folder(&snapshot(&[("a.json", "1")]), dir.path()).unwrap_err();
        assert!(matches!(error, FolderError::NotASnapshot(_)), "{error}");
        // A list that points elsewhere is not followed.
        let outside = dir.path().join("outside.json");
        fs::write(&outside, "keep").unwrap();
        let inside = dir.path().join("s");
        fs::create_dir(&inside).unwrap();
        fs::write(
            inside.join(MANIFEST),
            r#"{"leastwiseSnapshot":"v1","files":["../outside.json","/etc/hostname",""]}"#,
        )
        .unwrap();
        write_folder(&snapshot(&[("a.json", "1")]), &inside).unwrap();
        assert_eq!(fs::read_to_string(outside).unwrap(), "keep");
    }
}
