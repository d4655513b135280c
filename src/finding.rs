//! Findings: what an audit has to say, as plain data.
//!
//! A check states what happened; [`Code`] holds everything that is the same for all findings of its kind: what the code
//! means, how its severity is chosen, what to do, and which controls of SOC 2 and ISO 27001 the finding is evidence for.

mod code;
mod exception;
mod id;
mod page;

pub use code::{Code, CodeInfo, Controls};
pub use exception::{Excepted, Exception, excepted, unmatched};
pub use page::{index, page};

/// How bad it is. Ordered: `Critical` is greatest.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Worth knowing; nothing to do by itself.
    Info,
    /// Tidy up when convenient.
    Low,
    /// Plan a change.
    Medium,
    /// Change soon.
    High,
    /// Change now.
    Critical,
}

impl Severity {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// What it asks for.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Info => "worth knowing; nothing to do by itself",
            Self::Low => "tidy up when convenient",
            Self::Medium => "plan a change",
            Self::High => "change soon",
            Self::Critical => "change now",
        }
    }
}

/// How sure the finding is. Ordered: `High` is greatest.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Confidence {
    /// Something the logs or the snapshot lack could turn it round.
    Low,
    /// It rests on an inference, named in the detail.
    Medium,
    /// It follows from what was read.
    High,
}

impl Confidence {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Where a reader can look for themselves.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Evidence {
    /// A CloudTrail event.
    Event {
        /// Its `eventID`.
        id: String,
    },
    /// A place in a snapshot or manifest.
    Document {
        /// The file, as named by the user.
        file: String,
        /// JSON pointer inside it (or line, for YAML); empty for the whole file.
        at: String,
    },
    /// A fact about the logs or the grant that no single event or place shows, as a sentence.
    Fact(String),
}

/// One thing an audit found. INVARIANT: at most one finding per code and subject, and never without evidence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// 32 hexadecimal digits of a hash of code and subject: the same finding has the same id in every run.
    pub id: String,
    /// See [`Code`].
    pub code: Code,
    /// See [`Severity`].
    pub severity: Severity,
    /// See [`Confidence`].
    pub confidence: Confidence,
    /// ARN, account id or workload id.
    pub subject: String,
    /// One line.
    pub title: String,
    /// What was seen, in sentences.
    pub detail: String,
    /// Sorted; not empty.
    pub evidence: Vec<Evidence>,
    /// What to do.
    pub fix: String,
}

impl Finding {
    /// A finding with the code's own title and fix, to be told more exactly by the caller.
    pub fn new(code: Code, subject: impl Into<String>, severity: Severity, evidence: Evidence) -> Self {
        let subject = subject.into();
        let info = code.info();
        Self {
            id: id::of(code, &subject),
            code,
            severity,
            confidence: Confidence::High,
            subject,
            title: info.title.to_owned(),
            detail: String::new(),
            evidence: vec![evidence],
            fix: info.fix.to_owned(),
        }
    }

    /// The controls this finding is evidence for.
    pub fn controls(&self) -> Controls {
        self.code.info().controls
    }

    /// Sets the detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Replaces the code's title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Replaces the code's fix.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// Sets the confidence.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Adds evidence; the list stays sorted and without repeats.
    #[must_use]
    pub fn evidence(mut self, more: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(more);
        self.evidence.sort();
        self.evidence.dedup();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_and_confidences_compare() {
        assert!(Severity::Critical > Severity::High && Severity::Low > Severity::Info);
        assert!(Confidence::High > Confidence::Medium && Confidence::Medium > Confidence::Low);
    }

    #[test]
    fn the_same_finding_has_the_same_id_whatever_it_says() {
        let one = |subject: &str, severity| {
            Finding::new(Code::UnusedRole, subject, severity, Evidence::Fact("x".to_owned()))
        };
        let a = one("arn:aws:iam::111122223333:role/a", Severity::High);
        let b = one("arn:aws:iam::111122223333:role/a", Severity::Low).detail("other").title("other");
        assert_eq!(a.id, b.id);
        assert_eq!(a.id.len(), 32);
        assert_ne!(a.id, one("arn:aws:iam::111122223333:role/b", Severity::High).id);
    }

    #[test]
    fn evidence_is_sorted_and_said_once() {
        let event = |id: &str| Evidence::Event { id: id.to_owned() };
        let finding = Finding::new(Code::RootUse, "111122223333", Severity::High, event("b"))
            .evidence([event("a"), event("b")]);
        assert_eq!(finding.evidence, [event("a"), event("b")]);
    }
}
