//! What there is to say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LogEvidence;
use crate::finding;
use crate::ident::Time;

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
    /// What shows it, sorted.
    pub evidence: Vec<FindingEvidence>,
    /// What to do.
    pub fix: String,
    /// Controls it speaks to, by framework: `{"SOC2": ["CC6.3"]}`.
    pub controls: BTreeMap<String, Vec<String>>,
    /// Somebody answers for it; while this lasts it does not count for `--fail-on`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<Exception>,
    /// What stands behind the log files of the subject's account (of all accounts, when the subject is in none); absent when there are no
    /// digest files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity: Option<LogEvidence>,
    /// Where the subject is declared, when the infrastructure code is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Finding {
    /// The evidence as sentences, in its order.
    pub fn evidence_texts(&self) -> Vec<String> {
        let text = |evidence: &FindingEvidence| match evidence {
            FindingEvidence::Event(id) => format!("CloudTrail event {id}"),
            FindingEvidence::Document { file, at } if at.is_empty() => file.clone(),
            FindingEvidence::Document { file, at } => format!("{file} at {at}"),
            FindingEvidence::Fact(text) => text.clone(),
        };
        self.evidence.iter().map(text).collect()
    }

    /// Whether somebody answers for it at the moment.
    pub fn is_excepted(&self) -> bool {
        self.exception.as_ref().is_some_and(|exception| !exception.expired)
    }
}

/// That somebody knows of a finding and answers for it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Exception {
    /// Why.
    pub reason: String,
    /// Who.
    pub owner: String,
    /// Until when.
    #[schemars(with = "String")]
    pub expires: Time,
    /// That moment is over, and the finding counts.
    pub expired: bool,
}

/// Where a reader can look for themselves.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingEvidence {
    /// The `eventID` of a CloudTrail event.
    Event(String),
    /// A place in a snapshot or manifest.
    Document {
        /// The file, as named by the user.
        file: String,
        /// JSON pointer inside it (or line, for YAML); empty for the whole file.
        at: String,
    },
    /// A fact about the logs or the grant, as a sentence.
    Fact(String),
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

impl From<finding::Severity> for Severity {
    fn from(severity: finding::Severity) -> Self {
        match severity {
            finding::Severity::Info => Self::Info,
            finding::Severity::Low => Self::Low,
            finding::Severity::Medium => Self::Medium,
            finding::Severity::High => Self::High,
            finding::Severity::Critical => Self::Critical,
        }
    }
}

impl From<finding::Finding> for Finding {
    fn from(finding: finding::Finding) -> Self {
        let controls = finding.controls();
        let listed = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<String>>();
        Self {
            id: finding.id,
            code: finding.code.as_str().to_owned(),
            severity: finding.severity.into(),
            confidence: match finding.confidence {
                finding::Confidence::Low => Confidence::Low,
                finding::Confidence::Medium => Confidence::Medium,
                finding::Confidence::High => Confidence::High,
            },
            subject: finding.subject,
            title: finding.title,
            detail: finding.detail,
            evidence: finding
                .evidence
                .into_iter()
                .map(|evidence| match evidence {
                    finding::Evidence::Event { id } => FindingEvidence::Event(id),
                    finding::Evidence::Document { file, at } => FindingEvidence::Document { file, at },
                    finding::Evidence::Fact(text) => FindingEvidence::Fact(text),
                })
                .collect(),
            fix: finding.fix,
            controls: BTreeMap::from([
                ("SOC2".to_owned(), listed(controls.soc2)),
                ("ISO27001".to_owned(), listed(controls.iso27001)),
                ("NIST80053".to_owned(), listed(controls.nist_800_53)),
            ]),
            exception: None,
            integrity: None,
            location: None,
        }
    }
}
