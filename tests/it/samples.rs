//! The sample: it is what its generator writes, and the audit of it says what the generator knows to be true.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;
use crate::world::{self, Options};

#[test]
fn the_sample_is_what_its_generator_writes() {
    let fresh = tempfile::tempdir().unwrap();
    world::write(fresh.path(), Options::SAMPLE).unwrap();
    let expected = files(fresh.path());
    let mut found = files(&root().join("sample-logs"));
    found.remove(Path::new("README.md"));
    let hint = "run `cargo sample-logs`";
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{hint}");
    for (path, bytes) in &expected {
        assert!(found[path] == *bytes, "{} differs: {hint}", path.display());
    }
    let size: usize = found.values().map(Vec::len).sum();
    assert!(size < 5 << 20, "the sample has {size} bytes");
}

/// Relative paths and contents of everything below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}
