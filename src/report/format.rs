//! The formats a report is written in.

use std::fmt;
use std::str::FromStr;

use super::Language;

/// A format a report is written in.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Format {
    /// For a terminal.
    Text,
    /// `report.json`, the machine's form.
    Json,
    /// One JSON object a line: the run, then each workload, role and finding.
    Ndjson,
    /// For a pull request or a ticket.
    Markdown,
    /// One self-contained page.
    Html,
    /// One row per action of each role.
    Csv,
    /// SARIF 2.1.0.
    Sarif,
    /// AWS Security Finding Format, for `aws securityhub batch-import-findings`.
    Asff,
    /// Open Cybersecurity Schema Framework 1.6: compliance findings.
    Ocsf,
    /// OSCAL assessment results, against controls of NIST SP 800-53.
    Oscal,
    /// Proposed policies as code; a file per account.
    Code(Language),
}

impl Format {
    /// All, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        const REPORTS: [Format; 10] = [
            Format::Text,
            Format::Json,
            Format::Ndjson,
            Format::Markdown,
            Format::Html,
            Format::Csv,
            Format::Sarif,
            Format::Asff,
            Format::Ocsf,
            Format::Oscal,
        ];
        REPORTS.into_iter().chain(Language::ALL.into_iter().map(Self::Code))
    }

    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Sarif => "sarif",
            Self::Asff => "asff",
            Self::Ocsf => "ocsf",
            Self::Oscal => "oscal",
            Self::Code(language) => language.as_str(),
        }
    }

    /// Its file in a report folder; for code the folder of its files.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Text => "report.txt",
            Self::Json => "report.json",
            Self::Ndjson => "report.ndjson",
            Self::Markdown => "report.md",
            Self::Html => "report.html",
            Self::Csv => "report.csv",
            Self::Sarif => "findings.sarif",
            Self::Asff => "findings.asff.json",
            Self::Ocsf => "findings.ocsf.json",
            Self::Oscal => "assessment-results.oscal.json",
            Self::Code(_) => "code",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that names no format of this version.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this version writes no `{0}`; it writes {list}", list = words())]
pub struct UnknownFormat(String);

fn words() -> String {
    Format::all().map(Format::as_str).collect::<Vec<_>>().join(", ")
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| UnknownFormat(text.chars().take(32).collect()))
    }
}
