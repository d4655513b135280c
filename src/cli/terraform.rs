//! `--terraform-dir`: the user's Terraform files, read before the logs so that a wrong name is told at once.

use std::fs;
use std::path::{Component, Path, PathBuf};

use leastwise::report::Report;
use leastwise::terraform::{self, File};

use super::{Failure, Terminal};

/// A Terraform file somebody wrote has some kilobytes.
const MAX_FILE: u64 = 4 << 20;
/// Of one run.
const MAX_FILES: usize = 10_000;
/// Of one run, in bytes.
const MAX_TOTAL: u64 = 256 << 20;
const MAX_DEPTH: usize = 24;

/// What a folder declares.
pub(super) struct Declared {
    dir: String,
    files: Vec<File>,
    problems: Vec<String>,
    bytes: u64,
}

impl Declared {
    /// All `.tf` files below the folder. Hidden folders (`.terraform` holds copies of modules) and links are not followed.
    pub(super) fn read(dir: &Path) -> Result<Self, Failure> {
        let shown = dir.display();
        if !dir.is_dir() {
            return Err(Failure::usage(format!("`{shown}` is no folder"))
                .hint("--terraform-dir takes the folder your Terraform files lie in"));
        }
        let mut declared = Self { dir: from_here(dir), files: Vec::new(), problems: Vec::new(), bytes: 0 };
        declared.walk(dir, "", 0);
        if declared.files.is_empty() {
            declared.problems.push(format!("no Terraform file (.tf) could be read in `{shown}`"));
        }
        Ok(declared)
    }

    fn walk(&mut self, dir: &Path, below: &str, depth: usize) {
        let entries = fs::read_dir(dir).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let mut entries = match entries {
            Ok(entries) if depth <= MAX_DEPTH => entries,
            Ok(_) => {
                return self.problems.push(format!("Terraform folder `{below}` lies too deep: not read"));
            }
            Err(error) => {
                return self.problems.push(format!("Terraform folder `{below}` could not be read: {error}"));
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let file_name = entry.file_name();
            let Some(name) = file_name.to_str() else {
                if file_name.to_string_lossy().ends_with(".tf") {
                    self.problems.push(format!(
                        "a Terraform file in `{below}` has a name that is not UTF-8: not read"
                    ));
                }
                continue;
            };
            let relative = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            let kind = entry.file_type().ok();
            if kind.is_some_and(|kind| kind.is_dir()) {
                if !name.starts_with('.') {
                    self.walk(&entry.path(), &relative, depth + 1);
                }
            } else if name.ends_with(".tf.json") {
                self.problems.push(format!("Terraform file `{relative}` is in the JSON form: not read"));
            } else if name.ends_with(".tf") {
                match self.file(&entry.path(), kind.is_some_and(|kind| kind.is_file())) {
                    Ok(text) => self.files.push(File { name: relative, text }),
                    Err(why) => {
                        self.problems.push(format!("Terraform file `{relative}` was not read: {why}"))
                    }
                }
            }
        }
    }

    fn file(&mut self, path: &Path, is_file: bool) -> Result<String, String> {
        if !is_file {
            return Err("it is a link, not a file".to_owned());
        }
        let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
        if size > MAX_FILE {
            return Err(format!("it is larger than {} MiB", MAX_FILE >> 20));
        }
        if self.files.len() >= MAX_FILES || self.bytes + size > MAX_TOTAL {
            return Err(format!("there are more than {MAX_FILES} files or {} MiB", MAX_TOTAL >> 20));
        }
        self.bytes += size;
        fs::read_to_string(path).map_err(|error| error.to_string())
    }

    /// Points the report's findings to the lines, says what could not be read, and gives the patch.
    pub(super) fn meet(self, report: &mut Report, terminal: &Terminal) -> String {
        let edits = terraform::edit(&self.files, report);
        edits.locate(&self.dir, report);
        for problem in self.problems.iter().chain(&edits.problems) {
            terminal.warning(problem);
            report.coverage.grant_problems.push(problem.clone());
        }
        terminal.note(&format!(
            "Terraform: {} of {} roles with a proposal are edited in the patch",
            edits.edited.len(),
            edits.edited.len() + edits.n_refused
        ));
        edits.patch(&self.problems)
    }
}

/// The folder as seen from the working directory, with `/` between names; empty when it is the working directory.
fn from_here(dir: &Path) -> String {
    let here = std::env::current_dir().ok();
    let whole = dir.canonicalize().ok();
    let inside = here.and_then(|here| Some(whole?.strip_prefix(here.canonicalize().ok()?).ok()?.to_owned()));
    let path: PathBuf = inside.unwrap_or_else(|| dir.to_owned());
    let names: Vec<String> = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    names.join("/").replacen("//", "/", 1)
}
