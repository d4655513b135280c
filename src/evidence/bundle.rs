//! The files of a bundle.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{EvidenceError, Inputs, SIGNATURE, SUMS, SecretKey, TIME_STAMP, TimeStamper};
use super::{controls, population, samples, texts};
use crate::ident::hex;
use crate::report::{self, Format, Report};

/// One file: its path inside the bundle with `/` separators, and its bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    /// `population/roles.csv` and its like.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A bundle before it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bundle {
    /// Sorted by name; without sums and signatures.
    pub files: Vec<File>,
}

/// Everything that follows from the report, and from the inputs where they are at hand. `original` is the report as it was read: it
/// is kept to the byte.
pub fn derived(original: &[u8], report: &Report, inputs: Option<&Inputs>) -> Bundle {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    files.insert("report.json".to_owned(), original.to_vec());
    for format in [Format::Html, Format::Markdown, Format::Sarif, Format::Ocsf, Format::Oscal] {
        files.insert(format.file_name().to_owned(), written(format, report));
    }
    files.insert("population/permissions.csv".to_owned(), written(Format::Csv, report));
    for (name, text) in [
        ("population/roles.csv", population::roles(report)),
        ("population/workloads.csv", population::workloads(report)),
        ("population/findings.csv", population::findings(report)),
        ("samples/events.csv", samples::events(report, inputs)),
        ("controls.csv", controls::table(report)),
        ("sign-off.md", texts::sign_off(report)),
        ("README.txt", texts::readme(report, inputs)),
    ] {
        files.insert(name.to_owned(), text.into_bytes());
    }
    if let Some(inputs) = inputs {
        files.insert("input/objects.csv".to_owned(), inputs.table().into_bytes());
        if let Some(table) = inputs.ledger_table() {
            files.insert("input/ledger.csv".to_owned(), table.into_bytes());
        }
    }
    let statement = json!({"coverage": report.coverage, "window": report.window});
    files.insert("input/coverage.json".to_owned(), lines(&statement));
    let settings = json!({"tool": report.tool, "schema": report.schema, "settings": report.settings});
    files.insert("input/settings.json".to_owned(), lines(&settings));
    let manifest = manifest(report, inputs, &files);
    files.insert("manifest.json".to_owned(), lines(&manifest));
    Bundle { files: files.into_iter().map(|(name, bytes)| File { name, bytes }).collect() }
}

fn written(format: Format, report: &Report) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = report::write(format, report, &mut out);
    out
}

fn lines(value: &serde_json::Value) -> Vec<u8> {
    let mut text = report::json_text(value);
    text.push('\n');
    text.into_bytes()
}

/// What a reader has to know before opening anything else.
fn manifest(
    report: &Report,
    inputs: Option<&Inputs>,
    files: &BTreeMap<String, Vec<u8>>,
) -> serde_json::Value {
    let trails: std::collections::BTreeSet<&String> =
        report.coverage.accounts.iter().flat_map(|account| &account.trails).collect();
    json!({
        "schema": "leastwise.evidence/v1",
        "tool": report.tool,
        "window": report.window,
        "trails": trails,
        "accounts": report.coverage.accounts.iter().map(|account| &account.account).collect::<Vec<_>>(),
        "objects": report.coverage.objects,
        "events": report.coverage.events,
        "integrity": report.coverage.integrity,
        "complete": report.incompleteness().is_empty(),
        "incomplete_because": report.incompleteness(),
        "inputs": inputs.map(|inputs| json!({
            "files": inputs.files.len(),
            "bytes": inputs.files.iter().map(|file| file.bytes).sum::<u64>(),
            "list_sha256": hex(&Sha256::digest(inputs.table())),
        })),
        "files": files.iter().map(|(name, bytes)| json!({"name": name, "bytes": bytes.len()})).collect::<Vec<_>>(),
    })
}

impl Bundle {
    /// The text of [`SUMS`], as `sha256sum` writes it.
    pub fn sums(&self) -> String {
        let hashes = self.files.iter().map(|file| (file.name.as_str(), hex(&Sha256::digest(&file.bytes))));
        listed(hashes)
    }
}

/// Names with their hashes, as `sha256sum` writes them.
pub(super) fn listed<'f>(hashes: impl Iterator<Item = (&'f str, String)>) -> String {
    hashes.map(|(name, hash)| format!("{hash}  {name}\n")).collect()
}

/// Writes a bundle into a folder that does not exist yet, or is empty: all of it, or nothing.
pub fn write(
    bundle: &Bundle,
    dir: &Path,
    key: Option<&SecretKey>,
    time_stamp: Option<TimeStamper<'_>>,
) -> Result<Vec<PathBuf>, EvidenceError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| EvidenceError::File { path, source }
    };
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) || dir.is_file() {
        return Err(EvidenceError::Occupied(dir.to_owned()));
    }
    let sums = bundle.sums();
    let mut all: Vec<(&str, Vec<u8>)> =
        bundle.files.iter().map(|file| (file.name.as_str(), file.bytes.clone())).collect();
    if let Some(key) = key {
        all.push((SIGNATURE, key.sign(sums.as_bytes())?.into_bytes()));
    }
    if let Some(time_stamp) = time_stamp {
        all.push((TIME_STAMP, time_stamp(sums.as_bytes())?));
    }
    all.push((SUMS, sums.into_bytes()));
    // Made beside its place, and moved there when it is whole.
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed(parent))?;
    let temporary =
        tempfile::Builder::new().prefix(".evidence-").tempdir_in(parent).map_err(failed(parent))?;
    for (name, bytes) in &all {
        let path = temporary.path().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed(folder))?;
        }
        fs::write(&path, bytes).map_err(failed(&path))?;
    }
    if dir.is_dir() {
        fs::remove_dir(dir).map_err(failed(dir))?;
    }
    let made = temporary.keep();
    fs::rename(&made, dir).map_err(|source| {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_dir_all(&made);
        EvidenceError::File { path: dir.to_owned(), source }
    })?;
    set_readable(dir);
    Ok(all.iter().map(|(name, _)| dir.join(name)).collect())
}

/// Temporary folders are the owner's alone; a bundle is handed on.
#[cfg(unix)]
fn set_readable(dir: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o755));
}

#[cfg(not(unix))]
fn set_readable(_: &Path) {}
