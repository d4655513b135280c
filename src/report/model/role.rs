//! One role: who used it, what was used, what is granted.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Granted, LogEvidence, Proposal, Stage};
use crate::ident::Time;

/// One role.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Role {
    /// With path.
    pub arn: String,
    /// The account id.
    pub account: String,
    /// The role's name.
    pub name: String,
    /// `AROA…`, where the snapshot tells: a role made again under the same name has another.
    #[serde(default)]
    pub id: Option<String>,
    /// When it was made, where the snapshot tells.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub created: Option<Time>,
    /// Its permissions boundary; `null` when it has none.
    #[serde(default)]
    pub boundary: Option<Boundary>,
    /// Whether the snapshot holds the role; if not, what it was granted is not known.
    pub in_snapshot: bool,
    /// What stands behind the log files of its account; absent when there are no digest files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity: Option<LogEvidence>,
    /// Distinct calls, denied ones included.
    pub calls: u64,
    /// Distinct denied calls.
    pub denied_calls: u64,
    /// Time of the first call.
    #[schemars(with = "Option<String>")]
    pub first_seen: Option<Time>,
    /// Time of the last call.
    #[schemars(with = "Option<String>")]
    pub last_seen: Option<Time>,
    /// Who used it, sorted by id.
    pub workloads: Vec<RoleWorkload>,
    /// What was used, sorted by action.
    pub used: Vec<UsedAction>,
    /// What was refused, sorted by action, then layer.
    pub denied: Vec<DeniedAction>,
    /// See [`Granted`].
    pub granted: Granted,
    /// Granted actions whose verdict is `unused`, sorted.
    pub unused_actions: Vec<String>,
    /// Services all of whose granted actions are `unused`, sorted.
    pub unused_services: Vec<String>,
    /// What to do about it.
    pub proposal: Proposal,
    /// How the removal is made in stages, and the trial under way; absent where nothing is to be taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// How much power the role has, and how much of it is needed.
    pub privilege: Privilege,
    /// Calls that succeeded whose action the catalog does not know: `EVENT_SOURCE EVENT_NAME` to count.
    #[serde(default)]
    pub unmapped: BTreeMap<String, u64>,
    /// Calls that failed in a way that proves nothing (throttling, …).
    #[serde(default)]
    pub unproven_calls: u64,
}

/// A permissions boundary.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Boundary {
    /// The policy's name.
    pub name: String,
    /// Its ARN.
    pub arn: Option<String>,
    /// The IAM JSON policy document; `null` when the snapshot names the policy and lacks its text.
    pub document: Option<serde_json::Value>,
}

/// A workload's share in a role's use.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct RoleWorkload {
    /// The workload's id.
    pub id: String,
    /// Distinct sessions.
    pub sessions: u64,
    /// Distinct calls, denied ones included.
    pub calls: u64,
    /// The weakest grade among its sessions.
    pub attribution: Attribution,
    /// ARNs of the roles on the way from the workload to this role, in order.
    pub via: Vec<String>,
    /// What ran below the workload when it used this role; sorted, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<super::Label>,
}

/// How an attribution was proven.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attribution {
    /// Joined to the issuance by access key id.
    Exact,
    /// By role id and session name, or by session tags.
    Session,
    /// The issuance is not in the logs, but the role's trust policy admits exactly one subject.
    Inferred,
    /// Nothing proves it.
    #[default]
    Unknown,
}

impl Attribution {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Session => "session",
            Self::Inferred => "inferred",
            Self::Unknown => "unknown",
        }
    }
}

/// An action that was used.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct UsedAction {
    /// `s3:GetObject`.
    pub action: String,
    /// Distinct calls.
    pub calls: u64,
    /// See [`Evidence`].
    pub evidence: Evidence,
    /// ARNs (or ARN patterns), sorted.
    pub resources: Vec<String>,
    /// Time of the first call.
    #[schemars(with = "Option<String>")]
    pub first_seen: Option<Time>,
    /// Time of the last call.
    #[schemars(with = "Option<String>")]
    pub last_seen: Option<Time>,
    /// Workload ids, sorted.
    pub workloads: Vec<String>,
    /// See [`GrantedBy`].
    pub granted_by: GrantedBy,
    /// `eventID` of the earliest call.
    #[serde(default)]
    pub sample: String,
}

/// How it is known that an action was used.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// An event shows it.
    #[default]
    Observed,
    /// CloudTrail never shows it; another event's parameters prove it.
    Inferred,
}

impl Evidence {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Inferred => "inferred",
        }
    }
}

/// Which policy allowed a used action.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantedBy {
    /// The role's own policies.
    Identity,
    /// The resource's policy, without the role's own.
    ResourcePolicy,
    /// The snapshot does not tell.
    #[default]
    Unknown,
    /// Nothing in the snapshot: the grant has changed since, or lies outside it.
    NotGranted,
}

impl GrantedBy {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::ResourcePolicy => "resource-policy",
            Self::Unknown => "unknown",
            Self::NotGranted => "not-granted",
        }
    }
}

/// One kind of refusal.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct DeniedAction {
    /// The action, or the event's name where the action is not known.
    pub action: String,
    /// Distinct calls.
    pub calls: u64,
    /// Which policies refused: `identity`, `boundary`, `scp`, `rcp`, `session`, `resource`, `trust`, `vpc-endpoint`, `unknown`.
    pub layer: String,
    /// A statement says Deny, rather than none saying Allow.
    pub explicit: bool,
    /// On what, as far as told; sorted.
    pub resources: Vec<String>,
    /// The message of the earliest call, shortened.
    pub sample: String,
}

/// How much power a role has, and how much of it is needed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Privilege {
    /// Actions granted.
    pub granted_actions: u64,
    /// Actions used.
    pub used_actions: u64,
    /// The share of granted actions that is unused, 0 to 1.
    pub unused_ratio: f64,
    /// Weight of the unused granted actions by access level: list 0, read 1, tagging 2, write 3, permissions management 10.
    #[serde(default)]
    pub unused_weight: u64,
    /// Ways to more power that the current policies open, sorted.
    pub escalation_paths: Vec<String>,
    /// Of these, the ones the proposal closes.
    pub escalation_paths_removed: Vec<String>,
    /// Ways of which it could not be told whether the current policies open them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalation_paths_undetermined: Vec<UndeterminedPath>,
    /// What the policies as they are give, in parts.
    #[serde(default)]
    pub before: Power,
    /// What the proposed ones give; `null` where nothing is proposed.
    #[serde(default)]
    pub after: Option<Power>,
    /// The share of the last fifth's requests, 0 to 1, that a policy learned from the time before, with resources as the proposal has
    /// them, would have refused; `null` where nothing was held out.
    #[serde(default)]
    pub under_privilege: Option<f64>,
    /// How much of the proposal is proven; `null` where nothing is proposed.
    #[serde(default)]
    pub proof: Option<ProofCoverage>,
}

/// A way to more power that may be open or not.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct UndeterminedPath {
    /// Its name.
    pub name: String,
    /// Why it could not be told, as a clause.
    pub reason: String,
}

/// How much of a proposal rests on proofs.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ProofCoverage {
    /// Statements of the proposal.
    pub statements: u64,
    /// Of these, the ones proven to allow nothing new.
    pub proven: u64,
    /// Distinct requests seen to succeed through the role's own policies.
    pub requests: u64,
    /// Of these, the ones proven to be allowed still.
    pub allowed: u64,
    /// Further requests that something else granted.
    pub granted_otherwise: u64,
}

/// What a set of policies gives, in parts, and one score of them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Power {
    /// Actions granted and not taken away by a deny, a boundary or an organization policy.
    pub actions: u64,
    /// Their weight, by access level: list 0, read 1, tagging 2, write 3, permissions management 10; twice that where the action is
    /// granted on every resource of a type.
    #[serde(default)]
    pub weight: u64,
    /// Weight of those whose verdict is `unused`, the same way.
    #[serde(default)]
    pub excess: u64,
    /// `excess` of `weight`, in whole per cent, rounded half up; 0 where nothing weighs anything.
    #[serde(default)]
    pub score: u64,
    /// Weight of all that were not seen in use, those that the logs could not have shown included, the same way.
    pub gap: u64,
    /// Of the actions, those that can be limited to some resource.
    pub resource_actions: u64,
    /// Of these, the ones granted on every resource of a type.
    pub broad_actions: u64,
    /// Sensitive actions by kind.
    pub sensitive: Vec<SensitiveActions>,
    /// Number of ways to more power that are open.
    pub escalation_paths: u64,
}

/// Sensitive actions of one kind.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct SensitiveActions {
    /// `credentials`: returns or makes credentials; `data`: returns stored data; `exposure`: changes who may reach a resource.
    pub kind: String,
    /// How many are granted.
    pub actions: u64,
    /// Their names, sorted; only of the proposed policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}
