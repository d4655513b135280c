//! The formats a report is written in.

use std::fmt;
use std::str::FromStr;

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
}

impl Format {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Json, Self::Ndjson, Self::Markdown, Self::Html, Self::Csv, Self::Sarif];

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
        }
    }

    /// Its file in a report folder.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Text => "report.txt",
            Self::Json => "report.json",
            Self::Ndjson => "report.ndjson",
            Self::Markdown => "report.md",
            Self::Html => "report.html",
            Self::Csv => "report.csv",
            Self::Sarif => "findings.sarif",
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
#[error("this version writes no `{0}`; it writes {list}", list = Format::ALL.map(Format::as_str).join(", "))]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| UnknownFormat(text.chars().take(32).collect()))
    }
}
