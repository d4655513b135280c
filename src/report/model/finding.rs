//! What there is to say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing to say about one subject.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Finding {
    /// A hash of code and subject: the same in every run.
    pub id: String,
    /// The kind of finding in kebab-case, such as `unused-role`.
    pub code: String,
    /// See [`Severity`].
    pub severity: Severity,
    /// See [`Confidence`].
    pub confidence: Confidence,
    /// The ARN or workload id it speaks of.
    pub subject: String,
    /// One line.
    pub title: String,
    /// The whole story.
    pub detail: String,
    /// What shows it, each a sentence or an event id.
    pub evidence: Vec<String>,
    /// What to do.
    pub fix: String,
    /// Controls it speaks to, by framework: `{"SOC2": ["CC6.3"]}`.
    pub controls: BTreeMap<String, Vec<String>>,
    /// Where the subject is declared, when the infrastructure code is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// A line of a file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Location {
    /// Path relative to the working directory.
    pub file: String,
    /// From 1.
    pub line: u64,
}

/// How bad it is. Ordered: the greater is the worse.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants are the usual words")]
pub enum Severity {
    #[default]
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// All, worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How sure it is. Ordered: the greater is the surer.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants are the usual words")]
pub enum Confidence {
    #[default]
    Low,
    Medium,
    High,
}

impl Confidence {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
