//! What ran below a workload, as far as logs tell: a pod, an Argo template, an Airflow DAG, a branch.
//!
//! A label never changes a workload's id and never proves an attribution. It says what it rests on: a token's subject and the session tags EKS
//! sets are proof; names of pods, sessions and ServiceAccounts follow conventions, and user agents are the caller's own words.

mod dag;
mod issuance;
mod labeller;
mod pipeline;
mod platform;
mod pod;

use std::collections::{BTreeMap, BTreeSet};

use super::Grade;

pub(super) use labeller::Labeller;

/// Labels kept of one workload in one role.
pub const MOST_LABELS: usize = 64;
/// Openers kept of one workload in one role.
pub const MOST_OPENERS: usize = 32;
/// Of these a session may have any number, and each session other ones: so many are kept.
const MOST_SESSION_TAGS: usize = 16;
/// Longer texts are no names.
const LONGEST_VALUE: usize = 256;

/// The kind of label that session tags get.
const SESSION_TAG: &str = "session-tag";

/// What a label rests on.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Basis {
    /// The subject of the token that was exchanged.
    Token,
    /// Session tags that EKS sets.
    Tags,
    /// Session tags that the session's opener chose.
    SessionTags,
    /// A session name that an AWS service made up.
    ServiceSession,
    /// The ServiceAccount's name follows a convention.
    ServiceAccount,
    /// The pod's name follows a convention.
    PodName,
    /// The session's name, which its opener chose.
    SessionName,
    /// The user agent, which the caller chose.
    UserAgent,
}

impl Basis {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Tags => "tags",
            Self::SessionTags => "session-tags",
            Self::ServiceSession => "service-session",
            Self::ServiceAccount => "service-account",
            Self::PodName => "pod-name",
            Self::SessionName => "session-name",
            Self::UserAgent => "user-agent",
        }
    }

    /// How much it proves.
    pub fn grade(self) -> Grade {
        match self {
            Self::Token | Self::Tags => Grade::Exact,
            Self::ServiceSession => Grade::Session,
            Self::ServiceAccount
            | Self::PodName
            | Self::SessionName
            | Self::SessionTags
            | Self::UserAgent => Grade::Inferred,
        }
    }
}

/// One label.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Label {
    /// `airflow-connection | airflow-dag | airflow-dag-key | airflow-operator | argo-template | argo-workflow | astronomer-component |
    /// astronomer-deployment | certificate | emr-component | emr-role | environment | pod | pod-prefix | ref | run-phase | session-tag |
    /// source-identity | tool | trigger | workflow`.
    pub kind: &'static str,
    /// The name.
    pub value: String,
    /// See [`Basis`].
    pub basis: Basis,
}

/// Who opened a session at the start of a chain: what a trust policy for this workload alone has to admit.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Opener {
    /// A token of an OIDC provider.
    Token {
        /// ARN, or a built-in provider's host.
        provider: String,
        /// `sub`.
        subject: String,
    },
    /// An assertion of a SAML provider.
    Saml {
        /// ARN.
        provider: String,
        /// `saml:sub`.
        subject: String,
    },
    /// An AWS service.
    Service(String),
}

/// The labels of a workload's sessions: each with the id of an event that shows it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Labels {
    /// Sorted; at most [`MOST_LABELS`].
    pub all: BTreeMap<Label, String>,
    /// More were met than are kept.
    pub is_cut: bool,
    /// Who opened its sessions; at most [`MOST_OPENERS`], or none of them counts.
    pub openers: BTreeSet<Opener>,
    /// More were met than are kept.
    pub openers_cut: bool,
}

impl Labels {
    fn open(&mut self, opener: Opener) {
        self.openers.insert(opener);
        if self.openers.len() > MOST_OPENERS {
            self.openers.pop_last();
            self.openers_cut = true;
        }
    }

    fn insert(&mut self, label: Label, event: &str) {
        let known = self.all.entry(label).or_insert_with(|| event.to_owned());
        if event < known.as_str() {
            event.clone_into(known);
        }
        // The smallest are kept, of each kind and of all: so the order in which they come changes nothing.
        let tags = self.all.keys().filter(|label| label.kind == SESSION_TAG);
        if tags.clone().count() > MOST_SESSION_TAGS {
            let last = tags.max().cloned();
            last.map(|last| self.all.remove(&last));
            self.is_cut = true;
        }
        if self.all.len() > MOST_LABELS {
            self.all.pop_last();
            self.is_cut = true;
        }
    }

    /// Takes in another workload's, or another session's, labels.
    pub fn extend(&mut self, other: &Self) {
        self.is_cut |= other.is_cut;
        self.openers_cut |= other.openers_cut;
        other.openers.iter().for_each(|opener| self.open(opener.clone()));
        for (label, event) in &other.all {
            self.insert(label.clone(), event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bounded_whatever_their_order() {
        let label = |n: usize| match n % 3 {
            0 => Label { kind: SESSION_TAG, value: format!("{n:05}"), basis: Basis::SessionTags },
            1 => Label { kind: "pod", value: format!("{n:05}"), basis: Basis::Tags },
            _ => Label { kind: "tool", value: format!("{:05}", n % 30), basis: Basis::UserAgent },
        };
        let (mut one, mut other) = (Labels::default(), Labels::default());
        for n in 0..999 {
            one.insert(label(n), "e");
            other.insert(label(998 - n), "e");
        }
        assert_eq!(one, other);
        assert!(one.is_cut && one.all.len() == MOST_LABELS);
        let few: Labels = (0..999).filter(|n| n % 3 != 1).fold(Labels::default(), |mut all, n| {
            all.insert(label(n), "e");
            all
        });
        let n_tags = few.all.keys().filter(|label| label.kind == SESSION_TAG).count();
        // Tags that are another one in each session do not push out the rest.
        assert_eq!((n_tags, few.all.len()), (MOST_SESSION_TAGS, MOST_SESSION_TAGS + 10));
    }
}
