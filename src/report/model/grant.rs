//! What a role is granted, and what is left of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ident::Time;

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
    /// What is left of each Allow statement of the role's own policies, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effective: Vec<EffectiveStatement>,
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
    /// `identity` (a deny of the role's own policies), `boundary`, `scp` or `rcp`: the one that takes the last of them away.
    pub layer: String,
    /// What takes them away.
    pub name: String,
    /// Of these nothing is left; sorted.
    pub actions: Vec<String>,
    /// The Deny statements that take a part of them or all of them, those of other layers too; none where a layer does not allow
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<StatementAt>,
}

/// Where a statement stands.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct StatementAt {
    /// `identity`, `boundary`, `scp` or `rcp`.
    pub layer: String,
    /// The policy's name.
    pub policy: String,
    /// The file it was read from.
    pub file: String,
    /// JSON pointer of the policy in the file.
    pub at: String,
    /// The statement's place in the policy, counted from zero.
    pub statement: u64,
    /// Its `Sid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

/// What is left of one Allow statement: its actions on its resources under its conditions, without what `limited_by` takes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct EffectiveStatement {
    /// Where it stands.
    pub from: StatementAt,
    /// Number of actions of which something is left.
    pub actions: u64,
    /// Number of actions of which nothing is left.
    pub blocked: u64,
    /// On these resources, as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// On all but these, as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_resources: Vec<String>,
    /// Where all of these hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What takes a part of it away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited_by: Vec<LimitedBy>,
}

/// What takes a part of what a statement allows: some resources, or the requests for which its conditions hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct LimitedBy {
    /// `identity` (a deny of the role's own policies), `boundary`, `scp` or `rcp`.
    pub layer: String,
    /// What takes it away.
    pub name: String,
    /// The Deny statement; absent where the layer's Allow statements leave something out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<StatementAt>,
    /// The conditions of the Deny statement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Number of actions of which a part is taken away.
    pub actions: u64,
}

/// One operator applied to one key.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Condition {
    /// As written, such as `StringNotEqualsIfExists`.
    pub operator: String,
    /// As written, such as `aws:RequestedRegion`.
    pub key: String,
    /// As written.
    pub values: Vec<String>,
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
