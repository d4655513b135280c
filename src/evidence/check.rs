//! Whether a bundle is what it says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::bundle::{self, Bundle, derived};
use super::{Comments, EvidenceError, InputReader, PublicKey, SIGNATURE, SUMS, TIME_STAMP, samples, sign};
use crate::ident::hex;
use crate::report::Report;

/// Something that is wrong.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Problem {
    /// The file of the bundle.
    pub file: String,
    /// What is wrong with it, as a sentence without its end.
    pub what: String,
}

/// What became of the signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signature {
    /// It is the key's.
    Good,
    /// There is one, and no key to check it with.
    NotChecked,
    /// There is none.
    None,
    /// See the problems.
    Bad,
}

/// The outcome.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Sorted; empty when everything holds.
    pub problems: Vec<Problem>,
    /// Files whose hash is right.
    pub files: usize,
    /// Files made again from the report, and found equal.
    pub made_again: usize,
    /// See [`Signature`].
    pub signature: Signature,
    /// What whoever signed wrote beside a good signature, where it was not this program; anybody's text.
    pub comments: Option<Comments>,
    /// Whether a time stamp lies beside.
    pub has_time_stamp: bool,
    /// The report inside, if it can be read.
    pub report: Option<Report>,
}

/// Checks a bundle: every hash, nothing missing and nothing more, the signature, and that everything follows from the report.
///
/// `inputs` reads logs and grants again for the events named, where they are at hand; files that need them are then compared too.
pub fn verify(
    dir: &Path,
    key: Option<&PublicKey>,
    inputs: Option<InputReader<'_>>,
) -> Result<Checked, EvidenceError> {
    let found = read_all(dir)?;
    let mut problems = Vec::new();
    let mut problem =
        |file: &str, what: &str| problems.push(Problem { file: file.to_owned(), what: what.to_owned() });
    let text_of = |name: &str| found.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let Some(sums) = text_of(SUMS) else {
        return Err(EvidenceError::File {
            path: dir.join(SUMS),
            source: std::io::Error::new(std::io::ErrorKind::NotFound, "this is no evidence bundle"),
        });
    };
    let mut listed = BTreeMap::new();
    for line in sums.lines() {
        match line.split_once("  ") {
            Some((sum, name)) => drop(listed.insert(name.to_owned(), sum.to_owned())),
            None => problem(SUMS, "a line is not `HASH  NAME`"),
        }
    }
    let mut files = 0;
    for (name, sum) in &listed {
        match found.get(name) {
            None => problem(name, "it is listed and missing"),
            Some(bytes) if hex(&Sha256::digest(bytes)) != *sum => {
                problem(name, "its hash is not the one listed")
            }
            Some(_) => files += 1,
        }
    }
    for name in found.keys() {
        if !listed.contains_key(name) && ![SUMS, SIGNATURE, TIME_STAMP].contains(&name.as_str()) {
            problem(name, "it is not listed");
        }
    }
    // A list that was written otherwise may mean the same, and is not what was signed.
    if sums != bundle::listed(listed.iter().map(|(name, sum)| (name.as_str(), sum.clone()))) {
        problem(SUMS, "it is not written as a bundle's list is");
    }
    let signed = text_of(SIGNATURE);
    let signature = match (&signed, key) {
        (None, None) => Signature::None,
        (None, Some(_)) => {
            problem(SIGNATURE, "it is missing");
            Signature::Bad
        }
        (Some(_), None) => Signature::NotChecked,
        (Some(signature), Some(key)) => match key.check(signature, sums.as_bytes()) {
            Ok(()) => Signature::Good,
            Err(reason) => {
                problem(SIGNATURE, &format!("it is not the key's signature of {SUMS}: {reason}"));
                Signature::Bad
            }
        },
    };
    if let Some(reason) = signed.as_deref().and_then(sign::altered) {
        problem(SIGNATURE, reason);
    }
    let original = found.get("report.json").cloned().unwrap_or_default();
    let report: Option<Report> = serde_json::from_slice(&original).ok();
    let mut made_again = 0;
    match &report {
        None => problem("report.json", "it cannot be read as a report"),
        Some(report) => {
            let mut inputs = inputs.map(|read| read(report, &samples::ids(report))).transpose()?;
            if let (Some(inputs), Some(table)) = (&mut inputs, text_of("input/objects.csv")) {
                inputs.adopt_etags(&table);
            }
            let again = derived(&original, report, inputs.as_ref());
            made_again = compare(&again, &found, inputs.is_some(), &mut problem);
        }
    }
    let stamp = found.get(TIME_STAMP);
    if let Some(Err(error)) = stamp.map(|stamp| super::response(stamp, sums.as_bytes())) {
        problem(TIME_STAMP, &format!("it is no time stamp of {SUMS}: {error}"));
    }
    problems.sort();
    problems.dedup();
    let has_time_stamp = stamp.is_some();
    let comments =
        signed.filter(|_| signature == Signature::Good).and_then(|text| Comments::of_others(&text));
    Ok(Checked { problems, files, made_again, signature, comments, has_time_stamp, report })
}

/// Files that hold what only the inputs tell; without them they cannot be made again.
const OF_INPUTS: [&str; 5] =
    ["input/objects.csv", "input/ledger.csv", "samples/events.csv", "manifest.json", "README.txt"];

fn compare(
    again: &Bundle,
    found: &BTreeMap<String, Vec<u8>>,
    has_inputs: bool,
    problem: &mut impl FnMut(&str, &str),
) -> usize {
    let mut equal = 0;
    let had_inputs = found.contains_key("input/objects.csv");
    for file in &again.files {
        if OF_INPUTS.contains(&file.name.as_str()) && has_inputs != had_inputs {
            continue;
        }
        match found.get(&file.name) {
            Some(bytes) if *bytes == file.bytes => equal += 1,
            Some(_) => problem(&file.name, "it does not follow from the report and the inputs"),
            None => problem(&file.name, "it is missing"),
        }
    }
    equal
}

/// Every file below, by its path with `/` separators.
fn read_all(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, EvidenceError> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![(dir.to_owned(), String::new())];
    while let Some((folder, before)) = waiting.pop() {
        let failed = |source| EvidenceError::File { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = format!("{before}{}", entry.file_name().to_string_lossy());
            let path = entry.path();
            if path.is_dir() {
                waiting.push((path, format!("{name}/")));
            } else {
                let bytes = fs::read(&path).map_err(|source| EvidenceError::File { path, source })?;
                found.insert(name, bytes);
            }
        }
    }
    Ok(found)
}
