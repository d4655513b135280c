//! A report folder: the files of every run, those asked for, and the policies.

use crate::ident::{is_account_id, is_name_char};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Format, Language, Proposal, Proposals, ProposedPolicy, Report, Stage, code, json, write};

/// Written in every folder, whatever else is asked for.
const ALWAYS: [Format; 4] = [Format::Json, Format::Html, Format::Markdown, Format::Sarif];

/// A folder that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{path}`", path = path.display())]
pub struct FolderError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// Writes `report.json`, `report.html`, `report.md`, `findings.sarif`, the formats asked for, and one file per proposed policy
/// (`policies/ACCOUNT/ROLE_NAME.json`, or `ROLE_NAME.1.json`, … when there are several; trust policies in `trust/`, policies of trials in
/// `trials/`). Code goes to
/// `code/LANGUAGE/`, a file per account.
///
/// Each file appears whole or not at all. `report.json` comes last, so that a folder with a new one is complete. Policies an
/// earlier report in the same folder proposed, and this one does not, are removed; nothing else is.
pub fn write_folder(report: &Report, dir: &Path, formats: &[Format]) -> Result<Vec<PathBuf>, FolderError> {
    create(dir)?;
    let mut written = write_documents(report, dir, earlier(dir))?;
    let mut formats: Vec<Format> = ALWAYS.iter().chain(formats).copied().collect();
    formats.sort_by_key(|format| (*format == Format::Json, *format));
    formats.dedup();
    for format in formats {
        if let Format::Code(language) = format {
            written.extend(write_code(report, dir, language)?);
            continue;
        }
        let path = dir.join(format.file_name());
        replace(&path, |out| write(format, report, out))?;
        written.push(path);
    }
    Ok(written)
}

/// The file that a folder of proposals is known by.
const PROPOSALS: &str = "proposals.json";

/// Writes the proposals for the roles of a report: the policies as [`write_folder`] does, the code asked for, and `proposals.json`
/// last. Policies that an earlier run proposed there, and this one does not, are removed; nothing else is.
///
/// Removals in stages go to `staged/` instead of `code/`.
pub fn write_proposals(
    report: &Report,
    dir: &Path,
    languages: &[Language],
    staged: bool,
) -> Result<Vec<PathBuf>, FolderError> {
    create(dir)?;
    let text = fs::read(dir.join(PROPOSALS)).ok();
    let old: Option<Proposals> = text.and_then(|text| serde_json::from_slice(&text).ok());
    let parts = old
        .iter()
        .flat_map(|old| &old.roles)
        .map(|role| (&*role.account, &*role.name, &role.proposal, role.stage.as_ref()));
    let stale = documents(parts).into_iter().map(|(name, _)| name).collect();
    let mut written = write_documents(report, dir, stale)?;
    for language in languages {
        if !staged {
            written.extend(write_code(report, dir, *language)?);
            continue;
        }
        create(&dir.join("staged"))?;
        for (name, text) in code::staged_files(*language, report) {
            let path = dir.join(name);
            replace(&path, |out| out.write_all(text.as_bytes()))?;
            written.push(path);
        }
    }
    let path = dir.join(PROPOSALS);
    replace(&path, |out| super::write_proposals_json(report, out))?;
    written.push(path);
    Ok(written)
}

/// Every policy document of a report; those of `stale` that are not among them go.
fn write_documents(
    report: &Report,
    dir: &Path,
    stale: BTreeSet<PathBuf>,
) -> Result<Vec<PathBuf>, FolderError> {
    let mut written = Vec::new();
    let mut names = BTreeSet::new();
    for (name, document) in documents(parts(report)) {
        let path = dir.join(&name);
        if let Some(parent) = path.parent() {
            create(parent)?;
        }
        replace(&path, |out| json::pretty(document, out))?;
        names.insert(name);
        written.push(path);
    }
    for name in stale.difference(&names) {
        // A file that is already gone is as good as removed.
        let path = dir.join(name);
        fs::remove_file(&path)
            .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
            .map_err(|source| FolderError { path, source })?;
    }
    Ok(written)
}

/// Writes the change to the user's own Terraform files as `code/terraform.patch`; without one, the patch of an earlier report in
/// the same folder goes, because it no longer belongs to what the folder says.
pub fn write_patch(patch: Option<&str>, dir: &Path) -> Result<(), FolderError> {
    let code = dir.join("code");
    let path = code.join("terraform.patch");
    match patch {
        Some(text) => {
            create(&code)?;
            replace(&path, |out| out.write_all(text.as_bytes()))
        }
        None => fs::remove_file(&path)
            .or_else(|error| match error.kind() {
                // No folder is no patch; what writes the report says what is wrong with the folder.
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(()),
                _ => Err(error),
            })
            .map_err(|source| FolderError { path, source }),
    }
}

/// A file per account; those of accounts that are no longer there go.
fn write_code(report: &Report, dir: &Path, language: Language) -> Result<Vec<PathBuf>, FolderError> {
    let own = dir.join("code").join(language.as_str());
    let files: Vec<(PathBuf, String)> =
        code::files(language, report).into_iter().map(|(name, text)| (dir.join(name), text)).collect();
    create(&own)?;
    let unreadable = |source| FolderError { path: own.clone(), source };
    for entry in fs::read_dir(&own).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_ours = path.extension().is_some_and(|extension| extension == language.extension())
            && path.file_stem().is_some_and(|stem| is_account_id(&stem.to_string_lossy()));
        if is_ours && !files.iter().any(|(file, _)| *file == path) {
            fs::remove_file(&path).map_err(|source| FolderError { path, source })?;
        }
    }
    for (path, text) in &files {
        replace(path, |out| out.write_all(text.as_bytes()))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// The policy files an earlier report in this folder wrote; none when there is no report one can read.
fn earlier(dir: &Path) -> BTreeSet<PathBuf> {
    let report: Option<Report> =
        fs::read(dir.join(Format::Json.file_name())).ok().and_then(|text| serde_json::from_slice(&text).ok());
    report
        .map(|report| documents(parts(&report)).into_iter().map(|(name, _)| name).collect())
        .unwrap_or_default()
}

/// What a role has documents of.
type Parts<'r> = (&'r str, &'r str, &'r Proposal, Option<&'r Stage>);

/// Account, name, proposal and stages of each role.
fn parts(report: &Report) -> impl Iterator<Item = Parts<'_>> {
    report.roles.iter().map(|role| (&*role.account, &*role.name, &role.proposal, role.stage.as_ref()))
}

/// Every policy document with its path inside the folder; no path occurs twice.
fn documents<'r>(roles: impl Iterator<Item = Parts<'r>>) -> Vec<(PathBuf, &'r serde_json::Value)> {
    let mut taken = BTreeSet::new();
    let mut found = Vec::new();
    for (account, name, proposal, stage) in roles {
        let dir = Path::new("policies").join(file_name(account));
        let stem = file_name(name);
        for (at, ProposedPolicy { document, .. }) in proposal.policies.iter().enumerate() {
            let stem = if proposal.policies.len() > 1 { format!("{stem}.{}", at + 1) } else { stem.clone() };
            found.push((free(&mut taken, &dir, &stem), document));
        }
        if let Some(trust) = &proposal.trust {
            let dir = Path::new("trust").join(file_name(account));
            found.push((free(&mut taken, &dir, &stem), &trust.document));
        }
        if let Some(trial) = stage.and_then(|stage| stage.trial.as_ref()) {
            let dir = Path::new("trials").join(file_name(account));
            found.push((free(&mut taken, &dir, &stem), &trial.policy.document));
        }
    }
    found
}

/// A path that no other document has, also on file systems that do not tell cases apart.
fn free(taken: &mut BTreeSet<String>, dir: &Path, stem: &str) -> PathBuf {
    let mut path = dir.join(format!("{stem}.json"));
    let mut n = 2;
    while !taken.insert(path.to_string_lossy().to_lowercase()) {
        path = dir.join(format!("{stem}~{n}.json"));
        n += 1;
    }
    path
}

/// A role name or account id as one path component: IAM allows `[\w+=,.@-]`, a log may hold anything.
pub(super) fn file_name(text: &str) -> String {
    let mut name: String = text.chars().map(|c| if is_name_char(c) { c } else { '_' }).take(128).collect();
    // Neither hidden nor a step upward, and never empty.
    if name.is_empty() || name.starts_with('.') {
        name.insert(0, '_');
    }
    name
}

fn create(dir: &Path) -> Result<(), FolderError> {
    fs::create_dir_all(dir).map_err(|source| FolderError { path: dir.to_owned(), source })
}

/// Writes beside the file and puts it in place when it is whole.
fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), FolderError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let result = File::create(&temporary).and_then(|file| {
        let mut out = BufWriter::new(file);
        fill(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, path)
    });
    result.map_err(|source| {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_file(&temporary);
        FolderError { path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_their_folder() {
        for (text, expected) in [
            ("App-Role_1+=,.@", "App-Role_1+=,.@"),
            ("../../etc/passwd", "_.._.._etc_passwd"),
            ("..", "_.."),
            ("", "_"),
            ("C:\\x", "C__x"),
            ("a\nb\u{202e}", "a_b_"),
        ] {
            assert_eq!(file_name(text), expected);
        }
    }

    #[test]
    fn no_path_is_given_twice() {
        let mut taken = BTreeSet::new();
        let paths: Vec<PathBuf> =
            ["X.1", "x.1", "X.1"].iter().map(|stem| free(&mut taken, Path::new("p"), stem)).collect();
        assert_eq!(paths, [Path::new("p/X.1.json"), Path::new("p/x.1~2.json"), Path::new("p/X.1~3.json")]);
    }
}
