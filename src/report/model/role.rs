//! One role: who used it, what was used, what is granted.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LogEvidence, Proposal};
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

/// What a role is granted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Granted {
    /// Number of granted actions.
    pub actions: u64,
    /// The granted actions by verdict; they add up to `actions`.
    pub verdicts: Verdicts,
    /// The same by service, sorted by service.
    #[serde(default)]
    pub services: Vec<ServiceGrant>,
    /// Granted actions for which the window is too short, or logs are missing; sorted.
    #[serde(default)]
    pub undetermined_actions: Vec<String>,
    /// Granted actions CloudTrail does not show; sorted.
    #[serde(default)]
    pub unobservable_actions: Vec<String>,
    /// Granted actions that a boundary, SCP, RCP or deny takes away anyway; sorted.
    #[serde(default)]
    pub blocked_actions: Vec<String>,
    /// The same by the layer that takes them away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<BlockedBy>,
    /// What IAM's last accessed data show since the window began and the logs do not; sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_accessed: Vec<LastAccessed>,
    /// Why the grant is not fully known (a policy whose text is missing, …), each a sentence.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Why absence of use proves nothing, for all granted actions or for some; each a sentence.
    #[serde(default)]
    pub blind: Vec<String>,
}

/// Granted actions that a layer takes away.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BlockedBy {
    /// `identity` (a deny of the role's own policies), `boundary`, `scp` or `rcp`.
    pub layer: String,
    /// What takes them away.
    pub name: String,
    /// Of these nothing is left; sorted.
    pub actions: Vec<String>,
}

/// Something that IAM saw and the logs do not show.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct LastAccessed {
    /// An action, or a service where IAM tells no more.
    pub name: String,
    /// The last attempt.
    #[schemars(with = "String")]
    pub at: Time,
}

/// One service of what a role is granted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ServiceGrant {
    /// The service prefix, such as `s3`.
    pub service: String,
    /// Number of granted actions.
    pub actions: u64,
    /// The granted actions by verdict.
    pub verdicts: Verdicts,
}

/// Granted actions by verdict.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Verdicts {
    /// An event shows or proves the use.
    pub used: u64,
    /// CloudTrail would have shown it over a covered window, and did not.
    pub unused: u64,
    /// The window is too short or logs are missing: absence proves nothing.
    pub undetermined: u64,
    /// CloudTrail never logs it, or the data event is not switched on.
    pub unobservable: u64,
    /// A boundary, SCP, RCP or deny takes it away anyway.
    pub blocked: u64,
}

impl Verdicts {
    /// All of them.
    pub const fn total(&self) -> u64 {
        self.used + self.unused + self.undetermined + self.unobservable + self.blocked
    }
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
    /// What the policies as they are give, in parts.
    #[serde(default)]
    pub before: Power,
    /// What the proposed ones give; `null` where nothing is proposed.
    #[serde(default)]
    pub after: Option<Power>,
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
