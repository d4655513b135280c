//! Reading the files of the granted side.

use std::fs;
use std::path::{Path, PathBuf};

use super::snapshot::Builder;
use super::{Inventory, InventoryError, issuer, kubernetes};

/// More than the snapshot of the largest account the quotas allow (5,000 users, 5,000 roles, 5,000 policies).
const MAX_SNAPSHOT_BYTES: u64 = 1 << 30;
/// Far more than one manifest file.
const MAX_MANIFEST_BYTES: u64 = 64 << 20;
/// Folders below a given folder; links are not followed into cycles deeper than this.
const MAX_DEPTH: usize = 32;

/// A document that is no file: read from AWS or from a cluster by this run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text {
    /// What messages call it.
    pub name: String,
    /// JSON, or YAML for a manifest.
    pub text: String,
}

/// Kubernetes objects of one cluster that are no file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Manifest {
    /// The objects.
    pub text: Text,
    /// The cluster's ARN, issuer or name.
    pub cluster: Option<String>,
}

/// Where the granted side is read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Snapshots: files, or folders of JSON files, of one or several accounts.
    pub iam: Vec<PathBuf>,
    /// Snapshots at hand.
    pub snapshots: Vec<Text>,
    /// A file that must hold an organization.
    pub organization: Option<PathBuf>,
    /// Manifests: files, or folders with a folder per cluster.
    pub kubernetes: Vec<PathBuf>,
    /// Manifests at hand.
    pub manifests: Vec<Manifest>,
}

/// Reads snapshots (`iam`: files or folders of JSON files, of one or several accounts) and manifests (`kubernetes`: files or
/// folders, a folder per cluster).
///
/// # Errors
///
/// A snapshot that cannot be opened or is not of AWS's shape. A single policy document that cannot be read, and any manifest, is
/// a problem of the inventory instead.
pub fn read(iam: &[PathBuf], kubernetes: &[PathBuf]) -> Result<Inventory, InventoryError> {
    read_all(&Sources { iam: iam.to_vec(), kubernetes: kubernetes.to_vec(), ..Sources::default() })
}

/// Reads everything there is.
///
/// # Errors
///
/// As [`read`], and an `organization` that holds none.
pub fn read_all(sources: &Sources) -> Result<Inventory, InventoryError> {
    let mut builder = Builder::default();
    for path in &sources.iam {
        if !path.is_dir() {
            let name = path.display().to_string();
            let text = text(path, MAX_SNAPSHOT_BYTES)?;
            if !builder.file(&name, &text)? {
                return Err(InventoryError::NotASnapshot { file: name });
            }
            continue;
        }
        let mut known = false;
        for file in files(path, &["json"])? {
            let name = file.display().to_string();
            let text = text(&file, MAX_SNAPSHOT_BYTES)?;
            if builder.file(&name, &text)? {
                known = true;
            } else {
                builder.unknown_file(&name);
            }
        }
        if !known {
            return Err(InventoryError::NoSnapshot { folder: path.display().to_string() });
        }
    }
    for Text { name, text } in &sources.snapshots {
        builder.file(name, text)?;
    }
    if let Some(path) = &sources.organization {
        let name = path.display().to_string();
        builder.file(&name, &text(path, MAX_SNAPSHOT_BYTES)?)?;
        if builder.inventory.organization.is_none() {
            return Err(InventoryError::NotAnOrganization { file: name });
        }
    }
    let mut inventory = builder.finish();
    for path in &sources.kubernetes {
        manifests(&mut inventory, path)?;
    }
    for Manifest { text, cluster } in &sources.manifests {
        let cluster = cluster.as_deref().map(|cluster| inventory.cluster_id(cluster));
        kubernetes::add(&mut inventory, &text.name, &text.text, cluster.as_deref());
    }
    issuer::learn(&mut inventory);
    inventory.service_accounts.sort();
    inventory.service_accounts.dedup();
    inventory.pod_owners.sort();
    inventory.pod_owners.dedup();
    inventory.helm_values.sort();
    inventory.helm_values.dedup();
    inventory.problems.sort();
    inventory.problems.dedup();
    Ok(inventory)
}

/// Reads the text of one snapshot file, which messages call `file`.
///
/// # Errors
///
/// As [`read`].
pub fn parse(file: &str, text: &str) -> Result<Inventory, InventoryError> {
    let mut builder = Builder::default();
    if !builder.file(file, text)? {
        return Err(InventoryError::NotASnapshot { file: file.to_owned() });
    }
    Ok(builder.finish())
}

fn manifests(inventory: &mut Inventory, path: &Path) -> Result<(), InventoryError> {
    let (root, list) = if path.is_dir() {
        (path, files(path, &["yaml", "yml", "json"])?)
    } else {
        (path.parent().unwrap_or(path), vec![path.to_owned()])
    };
    for file in list {
        let name = file.display().to_string();
        let cluster = cluster_of(inventory, root, &file);
        match text(&file, MAX_MANIFEST_BYTES) {
            Ok(text) => kubernetes::add(inventory, &name, &text, cluster.as_deref()),
            Err(error @ InventoryError::Io { .. }) if file == path => return Err(error),
            Err(error) => inventory.problems.push(error.to_string()),
        }
    }
    Ok(())
}

/// The cluster a manifest is for: a folder on the way to it, the given folder included, that is named like a cluster of the
/// snapshot; else the first folder below the given one.
fn cluster_of(inventory: &Inventory, root: &Path, file: &Path) -> Option<String> {
    let below: Vec<_> = file.strip_prefix(root).ok()?.parent()?.components().collect();
    let mut names: Vec<String> =
        below.iter().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let first = names.first().cloned();
    names.extend(root.file_name().map(|name| name.to_string_lossy().into_owned()));
    let known = names.iter().find(|name| inventory.cluster_by_name(name).is_some());
    known.map(|name| inventory.cluster_id(name)).or(first)
}

/// All files below `folder` with one of the extensions, sorted, so that messages and choices do not depend on the system.
pub(super) fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, InventoryError> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let failed = |source| InventoryError::Io { file: folder.display().to_string(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                if depth < MAX_DEPTH {
                    open.push((path, depth + 1));
                }
            } else if path
                .extension()
                .is_some_and(|found| extensions.iter().any(|wanted| found.eq_ignore_ascii_case(wanted)))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A file's text, without a byte order mark.
pub(super) fn text(path: &Path, limit: u64) -> Result<String, InventoryError> {
    let file = path.display().to_string();
    let failed = |source| InventoryError::Io { file: file.clone(), source };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > limit {
        return Err(InventoryError::TooLarge { file, bytes, limit });
    }
    let mut text = fs::read_to_string(path).map_err(failed)?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}
