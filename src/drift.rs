//! What changed between two moments: grants, trust, boundaries, use, bindings, findings and proposals; and who changed it.
//!
//! Two sides of any kind are compared, as far as both tell: reports of an audit, ledgers, snapshots of IAM, plans and states of
//! Terraform, CloudFormation templates. A grant that is written differently and means the same is no change; one that allows more comes with a
//! request that only the new side allows, one that allows less with a request that only the old side allows. What cannot be decided
//! is said to be undecided, never left out.

mod access;
mod history;
mod observed;
mod render;
mod side;

use serde::Serialize;

pub use history::{History, Write, read_history};
pub use render::{schema, write_json, write_markdown, write_text};
pub use side::{DriftError, RoleSide, Side};

use crate::finding::Severity;
use crate::ident::Time;

/// What kind of change.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is told by its `info`")]
pub enum Code {
    RoleCreated,
    RoleDeleted,
    RoleRecreated,
    GrantWidened,
    GrantNarrowed,
    GrantUndecided,
    TrustWidened,
    TrustNarrowed,
    TrustUndecided,
    BoundarySet,
    BoundaryRemoved,
    BoundaryWidened,
    BoundaryNarrowed,
    BoundaryUndecided,
    ProposalApplied,
    ProposalUndone,
    NewUse,
    VanishedUse,
    NewWorkload,
    VanishedWorkload,
    WorkloadRolesChanged,
    NewDenials,
    VanishedDenials,
    BindingChanged,
    FindingOpened,
    FindingClosed,
}

impl Code {
    /// All, in the order of the enum.
    pub const ALL: [Self; 26] = [
        Self::RoleCreated,
        Self::RoleDeleted,
        Self::RoleRecreated,
        Self::GrantWidened,
        Self::GrantNarrowed,
        Self::GrantUndecided,
        Self::TrustWidened,
        Self::TrustNarrowed,
        Self::TrustUndecided,
        Self::BoundarySet,
        Self::BoundaryRemoved,
        Self::BoundaryWidened,
        Self::BoundaryNarrowed,
        Self::BoundaryUndecided,
        Self::ProposalApplied,
        Self::ProposalUndone,
        Self::NewUse,
        Self::VanishedUse,
        Self::NewWorkload,
        Self::VanishedWorkload,
        Self::WorkloadRolesChanged,
        Self::NewDenials,
        Self::VanishedDenials,
        Self::BindingChanged,
        Self::FindingOpened,
        Self::FindingClosed,
    ];

    /// The word in outputs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoleCreated => "role-created",
            Self::RoleDeleted => "role-deleted",
            Self::RoleRecreated => "role-recreated",
            Self::GrantWidened => "grant-widened",
            Self::GrantNarrowed => "grant-narrowed",
            Self::GrantUndecided => "grant-undecided",
            Self::TrustWidened => "trust-widened",
            Self::TrustNarrowed => "trust-narrowed",
            Self::TrustUndecided => "trust-undecided",
            Self::BoundarySet => "boundary-set",
            Self::BoundaryRemoved => "boundary-removed",
            Self::BoundaryWidened => "boundary-widened",
            Self::BoundaryNarrowed => "boundary-narrowed",
            Self::BoundaryUndecided => "boundary-undecided",
            Self::ProposalApplied => "proposal-applied",
            Self::ProposalUndone => "proposal-undone",
            Self::NewUse => "new-use",
            Self::VanishedUse => "vanished-use",
            Self::NewWorkload => "new-workload",
            Self::VanishedWorkload => "vanished-workload",
            Self::WorkloadRolesChanged => "workload-roles-changed",
            Self::NewDenials => "new-denials",
            Self::VanishedDenials => "vanished-denials",
            Self::BindingChanged => "binding-changed",
            Self::FindingOpened => "finding-opened",
            Self::FindingClosed => "finding-closed",
        }
    }

    /// What it weighs for a gate. A finding that was opened weighs what the finding does.
    pub const fn severity(self) -> Severity {
        match self {
            Self::GrantWidened | Self::TrustWidened | Self::BoundaryRemoved | Self::BoundaryWidened => {
                Severity::High
            }
            Self::RoleRecreated
            | Self::GrantUndecided
            | Self::TrustUndecided
            | Self::BoundaryUndecided
            | Self::ProposalUndone => Severity::Medium,
            Self::RoleCreated
            | Self::BindingChanged
            | Self::NewWorkload
            | Self::WorkloadRolesChanged
            | Self::NewDenials => Severity::Low,
            Self::RoleDeleted
            | Self::GrantNarrowed
            | Self::TrustNarrowed
            | Self::BoundarySet
            | Self::BoundaryNarrowed
            | Self::ProposalApplied
            | Self::NewUse
            | Self::VanishedUse
            | Self::VanishedWorkload
            | Self::VanishedDenials
            | Self::FindingOpened
            | Self::FindingClosed => Severity::Info,
        }
    }
}

/// One change. INVARIANT: at most one per code and subject, save uses, which are told by action in one change.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Change {
    /// See [`Code`].
    pub code: Code,
    /// `info`, `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// The ARN of a role, a workload's id, a ServiceAccount or the subject of a finding.
    pub subject: String,
    /// One line.
    pub title: String,
    /// More of it, a sentence each.
    pub details: Vec<String>,
    /// A request that only one side allows, where that is what changed.
    pub witness: Option<serde_json::Value>,
    /// Calls in the log that changed it, earliest first.
    pub writes: Vec<Write>,
}

impl Change {
    pub(crate) fn new(code: Code, subject: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity().as_str().to_owned(),
            subject: subject.into(),
            title: title.into(),
            details: Vec::new(),
            witness: None,
            writes: Vec::new(),
        }
    }

    pub(crate) fn details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }
}

/// What was compared, and what came out.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[schemars(title = "leastwise drift, version 1")]
pub struct Drift {
    /// `leastwise.drift/v1`.
    pub schema: String,
    /// The old side, as named.
    pub old: String,
    /// The new side, as named.
    pub new: String,
    /// Sorted by severity (worst first), then subject, then code.
    pub changes: Vec<Change>,
    /// What was not compared, because one side does not tell; a sentence each.
    pub not_compared: Vec<String>,
    /// What to keep in mind when reading the changes (windows of different length, logs that are not whole, …); a sentence each.
    pub notes: Vec<String>,
    /// Roles that are the same on both sides.
    pub unchanged_roles: u64,
    /// Writes to grants in the log that led to no change that is left; earliest first.
    pub other_writes: Vec<Write>,
}

impl Drift {
    /// The worst change.
    pub fn worst(&self) -> Option<Severity> {
        let severities =
            [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
        let of = |word: &str| severities.into_iter().find(|severity| severity.as_str() == word);
        self.changes.iter().filter_map(|change| of(&change.severity)).max()
    }
}

/// Compares two sides; `history` tells who wrote what in between.
pub fn compare(old: &Side, new: &Side, history: Option<&History>) -> Drift {
    let mut changes = Vec::new();
    let mut not_compared = Vec::new();
    let unchanged_roles = access::compare(old, new, &mut changes, &mut not_compared);
    observed::compare(old, new, &mut changes, &mut not_compared);
    let mut other_writes = Vec::new();
    if let Some(history) = history {
        other_writes = history.explain(old, new, &mut changes);
    }
    let rank = |change: &Change| {
        ["critical", "high", "medium", "low", "info"].iter().position(|word| *word == change.severity)
    };
    changes.sort_by(|a, b| {
        rank(a).cmp(&rank(b)).then_with(|| a.subject.cmp(&b.subject)).then_with(|| a.code.cmp(&b.code))
    });
    Drift {
        schema: "leastwise.drift/v1".to_owned(),
        old: old.name.clone(),
        new: new.name.clone(),
        changes,
        not_compared,
        notes: observed::notes(old, new),
        unchanged_roles,
        other_writes,
    }
}

/// A moment as outputs show it.
pub(crate) fn at(time: Option<Time>) -> String {
    time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
}
