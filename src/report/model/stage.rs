//! How a removal is made in stages: a trial that denies first, a time to watch, then the removal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Attach, Proof, ProposedPolicy, Replay};
use crate::ident::Time;

/// How a removal is made in stages.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Stage {
    /// Days to watch a trial that is yet to begin.
    pub watch_days: u64,
    /// The trial that can be begun; `null` when one is under way, or when none can be made.
    pub trial: Option<Trial>,
    /// The trial under way, as the snapshot has it.
    pub running: Option<RunningTrial>,
    /// Why there is no trial, or why not another one; each a sentence.
    pub reasons: Vec<String>,
}

/// What a trial does.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialKind {
    /// A policy that denies what would go.
    #[default]
    Deny,
    /// A policy that denies everything, because the role would go.
    DenyAll,
    /// A permissions boundary that allows what is proposed.
    Boundary,
}

impl TrialKind {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::DenyAll => "deny-all",
            Self::Boundary => "boundary",
        }
    }
}

/// A trial that can be begun.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Trial {
    /// See [`TrialKind`].
    pub kind: TrialKind,
    /// The policy that is put on the role; of a boundary, the managed policy that is set as such.
    pub policy: ProposedPolicy,
    /// Whether it leaves nothing but what is proposed; if not, the removal takes away more than was tried.
    pub exact: bool,
    /// Whether everything proposed stays allowed under the trial.
    pub proof: Proof,
    /// Whether everything seen stays allowed under the trial.
    pub replay: Replay,
    /// What else it does, each a sentence.
    pub notes: Vec<String>,
}

/// A trial under way.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct RunningTrial {
    /// See [`TrialKind`].
    pub kind: TrialKind,
    /// How its policy is attached; a boundary is a managed policy.
    pub attach: Attach,
    /// The policy's name.
    pub name: String,
    /// Its ARN, when it is managed.
    pub arn: Option<String>,
    /// When it began, at the latest; `null` when the logs do not show it.
    #[schemars(with = "Option<String>")]
    pub since: Option<Time>,
    /// `eventID` of the call that began it, where it is one.
    pub event: Option<String>,
    /// Whole days from then to the end of the logs.
    pub days: u64,
    /// Days to watch, as its statements say.
    pub watch_days: u64,
    /// Whether it takes away all that the proposal does; `null` when nothing is proposed.
    pub covers_proposal: Option<bool>,
    /// What it denied, sorted by action.
    pub denied: Vec<TrialDenial>,
    /// What to do.
    pub verdict: TrialVerdict,
    /// Why, each a sentence.
    pub reasons: Vec<String>,
}

/// Calls that a trial denied.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct TrialDenial {
    /// The action.
    pub action: String,
    /// On what, as far as told; sorted.
    pub resources: Vec<String>,
    /// Distinct calls.
    pub calls: u64,
    /// Time of the first.
    #[schemars(with = "Option<String>")]
    pub first_seen: Option<Time>,
    /// Time of the last.
    #[schemars(with = "Option<String>")]
    pub last_seen: Option<Time>,
    /// Workload ids, sorted.
    pub workloads: Vec<String>,
    /// `eventID` of the first.
    pub sample: String,
}

/// What to do about a trial.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialVerdict {
    /// Go on watching.
    #[default]
    Continue,
    /// What was tried can be removed.
    Remove,
    /// Take the trial away.
    RollBack,
}

impl TrialVerdict {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Remove => "remove",
            Self::RollBack => "roll-back",
        }
    }
}
