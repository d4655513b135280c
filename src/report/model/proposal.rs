//! What to do about a role, with its proofs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ident::Time;

/// What to do about a role.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Proposal {
    /// See [`ProposalVerdict`].
    pub verdict: ProposalVerdict,
    /// The policies that replace the role's own.
    pub policies: Vec<ProposedPolicy>,
    /// The trust policy that replaces the role's; `null` when it stays.
    pub trust: Option<ProposedTrust>,
    /// Whether the new policies allow anything the old ones did not.
    pub proof: Proof,
    /// Whether the new policies still allow what was seen.
    pub replay: Replay,
    /// One role per workload, where several share this one.
    pub split: Vec<Split>,
    /// Why a role that several workloads share is not split, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_split: Option<String>,
    /// How far the proposal's resources are generalised; `null` where nothing is proposed.
    #[serde(default)]
    pub resources: Option<ResourcesAt>,
    /// How a policy learned from the first four fifths of the window would have served the last fifth; `null` where no policy is
    /// proposed.
    #[serde(default)]
    pub held_out: Option<HeldOut>,
    /// The policies as they are, for comparison.
    #[serde(default)]
    pub current: Vec<ProposedPolicy>,
    /// The trust policy as it is; `null` when the snapshot does not hold it.
    #[serde(default)]
    pub current_trust: Option<Value>,
    /// Patterns that stand for several observed resources, sorted.
    #[serde(default)]
    pub generalised: Vec<Generalised>,
    /// Further narrowing that is offered and not made, because it rests on inference; each a sentence.
    #[serde(default)]
    pub suggestions: Vec<String>,
    /// Why the verdict is what it is, each a sentence.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// How far resources are generalised.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourcesAt {
    /// The resources seen.
    Exact,
    /// Stable prefixes of those seen.
    Prefix,
    /// Every resource of the types seen.
    Type,
    /// As they were granted.
    Granted,
}

impl ResourcesAt {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Type => "type",
            Self::Granted => "granted",
        }
    }
}

/// How a policy learned from the first four fifths of the window would have served the last fifth.
///
/// It rests on the first and last time of each distinct request and counts requests, not calls. It tells how often the role does
/// what it had not done before; it promises nothing for the time after the window.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct HeldOut {
    /// Where the last fifth begins.
    #[schemars(with = "String")]
    pub learned_until: Time,
    /// Distinct requests seen in the last fifth that the role's own policies granted.
    pub requests: u64,
    /// Of these, the ones never seen before it.
    pub first_seen: u64,
    /// What each way of generalising resources would have allowed, narrowest first.
    pub levels: Vec<HeldOutLevel>,
}

impl HeldOut {
    /// The outcome of one way of generalising resources.
    pub fn at(&self, resources: ResourcesAt) -> Option<&HeldOutLevel> {
        self.levels.iter().find(|level| level.resources == resources)
    }
}

/// One way of generalising resources, learned early and replayed late.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct HeldOutLevel {
    /// How far resources are generalised.
    pub resources: ResourcesAt,
    /// Requests of the last fifth it would have allowed.
    pub retained: u64,
    /// Of the requests never seen before, those it would have allowed.
    pub first_seen_retained: u64,
    /// `retained` of all requests of the last fifth, 0 to 1; `null` when there were none. One minus it is the under-privilege rate.
    pub share: Option<f64>,
}

/// A pattern that stands for several observed resources.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Generalised {
    /// The pattern in the proposal.
    pub pattern: String,
    /// How many observed resources it stands for.
    pub stands_for: u64,
    /// The rule that made it, in a few words.
    pub rule: String,
}

/// What to do about a role.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProposalVerdict {
    /// Replace its policies by the proposed ones.
    Replace,
    /// Delete it: a fully covered window shows no use.
    DeleteRole,
    /// Leave it.
    Keep,
    /// What is known does not suffice.
    #[default]
    CannotTell,
}

impl ProposalVerdict {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::DeleteRole => "delete-role",
            Self::Keep => "keep",
            Self::CannotTell => "cannot-tell",
        }
    }
}

/// A policy document with its place.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ProposedPolicy {
    /// The policy's name.
    pub name: String,
    /// The ARN of a managed policy that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// See [`Attach`].
    pub attach: Attach,
    /// The size AWS counts: characters without white space.
    pub characters: u64,
    /// The IAM JSON policy document.
    pub document: Value,
}

/// How a policy is attached.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attach {
    /// Embedded in the role.
    #[default]
    Inline,
    /// A managed policy.
    Managed,
}

impl Attach {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Managed => "managed",
        }
    }
}

/// A trust policy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ProposedTrust {
    /// The IAM JSON policy document.
    pub document: Value,
    /// Who can no longer assume the role, sorted.
    pub removed: Vec<String>,
    /// Who can newly assume the role; empty unless a workload is split off.
    pub added: Vec<String>,
    /// Whether the new trust policy admits anyone the old one did not.
    #[serde(default)]
    pub proof: Proof,
    /// Whole namespaces, repositories or projects are named: those that came are too many to be listed within the quota.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grouped: bool,
}

/// Whether the new policies allow anything the old ones did not.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Proof {
    /// See [`NoNewAccess`].
    pub no_new_access: NoNewAccess,
    /// A request only the new policies allow, when refuted.
    pub witness: Option<Value>,
    /// What the answer rests on, or why there is none; each a sentence.
    pub reasons: Vec<String>,
    /// Whether it holds under every reading of the places where AWS's pages disagree; what is proven does.
    #[serde(default)]
    pub every_reading: bool,
}

/// The answer of a proof.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoNewAccess {
    /// Every request the new policies allow, the old ones allow too.
    Proven,
    /// The witness is allowed by the new policies only.
    Refuted,
    /// Neither could be shown.
    #[default]
    Unknown,
}

impl NoNewAccess {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Refuted => "refuted",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether the new policies still allow what was seen.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Replay {
    /// Distinct requests seen to succeed through the role's own policies.
    pub requests: u64,
    /// Of these, allowed by the new policies.
    pub allowed: u64,
    /// The others, each as `ACTION on RESOURCE`; sorted.
    pub lost: Vec<String>,
    /// For each of these, in the same order, the statement to blame, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blame: Vec<String>,
    /// Distinct requests that a resource's policy granted, not the role's own: they do not depend on the proposal.
    #[serde(default)]
    pub granted_otherwise: u64,
}

impl Replay {
    /// What was lost, each with what is to blame.
    pub fn losses(&self) -> impl Iterator<Item = String> + '_ {
        let blame = self.blame.iter().map(Some).chain(std::iter::repeat(None));
        self.lost.iter().zip(blame).map(|(lost, blame)| match blame {
            Some(blame) => format!("{lost}: {blame}"),
            None => lost.clone(),
        })
    }
}

/// One workload's own role, where several workloads share one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Split {
    /// The workload's id.
    pub workload: String,
    /// A name for its role.
    pub role_name: String,
    /// The policies it needs.
    pub policies: Vec<ProposedPolicy>,
    /// The trust policy that admits it alone; `null` when the old one does not tell the workloads apart.
    pub trust: Option<Value>,
    /// What to change so that the workload takes its own role, as a sentence.
    #[serde(default)]
    pub change: String,
    /// What it loses beside the shared role.
    #[serde(default)]
    pub loses: Loss,
    /// Whether it allows anything the shared role does not.
    #[serde(default)]
    pub proof: Proof,
    /// Whether it allows what the workload was seen to do.
    #[serde(default)]
    pub replay: Replay,
}

/// What a workload loses that leaves a shared role.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Loss {
    /// Actions of the shared role that its own role lacks.
    pub actions: u64,
    /// Of these, the ones other workloads used; sorted.
    pub used_by_others: Vec<String>,
}
