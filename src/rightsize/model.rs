//! What right-sizing says about a role, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use super::{ActionSet, EscalationPath, ResourceLevel, Sensitive};
use crate::catalog::{Catalog, Evidence};
use crate::ident::{Action, Time};
use crate::inventory::Origin;
use crate::policy::{Condition, Policy, ResourceElement};
use crate::proof::Proof;
use crate::usage::Text;

/// What is said of one granted action. A smaller one wins over a greater one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ActionVerdict {
    /// An event shows it, or proves it.
    Used,
    /// A boundary, an organization policy or a deny takes every allowed request away.
    Blocked,
    /// CloudTrail does not log it, or logs it as a data event whose logging was not seen on in this account.
    Unobservable,
    /// The window is shorter than asked for, or logs are missing: absence proves nothing.
    Undetermined,
    /// CloudTrail would have shown it, and did not, over a covered window.
    Unused,
}

impl ActionVerdict {
    /// All verdicts, in order of precedence.
    pub const ALL: [Self; 5] =
        [Self::Used, Self::Blocked, Self::Unobservable, Self::Undetermined, Self::Unused];

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Blocked => "blocked",
            Self::Unobservable => "unobservable",
            Self::Undetermined => "undetermined",
            Self::Unused => "unused",
        }
    }
}

/// Which policy allowed a use.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum GrantedBy {
    /// A statement of the role's own policies grants at least one of the requests seen.
    Identity,
    /// None does, and resources of this kind can carry policies of their own: one of those must have.
    ResourcePolicy,
    /// The snapshot does not hold all of the role's policies.
    Unknown,
    /// Nothing in the snapshot grants it: the policies have changed since the call.
    NotGranted,
}

impl GrantedBy {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::ResourcePolicy => "resource-policy",
            Self::Unknown => "unknown",
            Self::NotGranted => "not-granted",
        }
    }
}

/// One action that was used, over all resources.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsedAction {
    /// The action.
    pub action: Action,
    /// The best evidence met.
    pub evidence: Evidence,
    /// Distinct calls.
    pub calls: u64,
    /// ARNs and ARN patterns it was used on, as far as told.
    pub resources: BTreeSet<String>,
    /// Earliest call.
    pub first: Time,
    /// Latest call.
    pub last: Time,
    /// Workload ids.
    pub workloads: BTreeSet<String>,
    /// See [`GrantedBy`].
    pub granted_by: GrantedBy,
    /// `eventID` of the earliest call.
    pub sample: Text,
}

/// Where a statement stands.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct StatementAt {
    /// `identity`, `boundary`, `scp` or `rcp`.
    pub layer: &'static str,
    /// The policy's name.
    pub policy: String,
    /// Where the policy was read.
    pub origin: Origin,
    /// Its place in the policy, counted from zero.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
}

/// Granted actions that a layer takes away.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlockedBy {
    /// `identity` (a deny of the role's own policies), `boundary`, `scp` or `rcp`: the layer that takes the last of them away.
    pub layer: &'static str,
    /// What takes them away.
    pub name: String,
    /// Of these nothing is left.
    pub actions: ActionSet,
    /// The Deny statements that take a part of them or all of them, those of other layers too; none where a layer simply does not
    /// allow them. Sorted by layer and place.
    pub statements: Vec<StatementAt>,
}

/// What is left of one Allow statement: its actions on its resources under its conditions, without what [`Self::limited_by`] takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EffectiveStatement {
    /// Where it stands.
    pub at: StatementAt,
    /// The catalog actions of which something is left.
    pub actions: ActionSet,
    /// The catalog actions of which nothing is left.
    pub blocked: ActionSet,
    /// On what, as written.
    pub resource: Option<ResourceElement>,
    /// Under these conditions.
    pub conditions: Vec<Condition>,
    /// What takes a part of it: some resources, or the requests for which conditions hold.
    pub limited_by: Vec<LimitedBy>,
}

/// What takes a part of what a statement allows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LimitedBy {
    /// `identity`, `boundary`, `scp` or `rcp`.
    pub layer: &'static str,
    /// What takes it away.
    pub name: String,
    /// The Deny statement; `None` where the layer's Allow statements leave something out.
    pub statement: Option<StatementAt>,
    /// The conditions of the Deny statement.
    pub conditions: Vec<Condition>,
    /// Of these actions a part is taken away.
    pub actions: ActionSet,
}

/// Granted against used, of one role.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Comparison {
    /// Whether the snapshot holds the role.
    pub in_snapshot: bool,
    /// Every catalog action some identity policy allows, by verdict. INVARIANT: the sets are disjoint.
    ///
    /// Actions that need no permission (`sts:GetCallerIdentity`, …) are left out: granting them means nothing.
    pub granted: BTreeMap<ActionVerdict, ActionSet>,
    /// The blocked actions by what takes them away, in the order the layers are looked at.
    pub blocked_by: Vec<BlockedBy>,
    /// What is left of each Allow statement, in the order of the policies.
    pub effective: Vec<EffectiveStatement>,
    /// What IAM's last accessed data show since the window began and the logs do not: actions, or services (without a colon) where IAM
    /// tells no more.
    pub last_accessed: BTreeMap<String, Time>,
    /// Sorted by action.
    pub used: Vec<UsedAction>,
    /// Services with granted actions of which every one is unused; sorted.
    pub unused_services: Vec<String>,
    /// Patterns of Allow statements that name no action the catalog knows; sorted.
    pub unknown_patterns: Vec<String>,
    /// Why the grant is not fully known, each a sentence; empty when it is.
    pub grant_unknown: Vec<String>,
    /// Why absence of use proves nothing for the account as a whole, each a sentence; empty when the window is covered.
    pub not_covered: Vec<String>,
    /// Services of which calls used actions the catalog does not know.
    pub unknown_services: BTreeSet<String>,
    /// Of the unobservable actions, those that calls of used ones may have needed without any event to show it: they stay whatever is asked.
    pub beside: ActionSet,
    /// Of the used actions, those that calls of other used ones may have needed too without any event to show it, perhaps on other resources.
    pub used_beside: ActionSet,
    /// Of the used actions, those that may have been used on further resources without the logs showing it: they keep their resources.
    pub used_partly: ActionSet,
    /// Why absence proves nothing for some granted actions (reads not recorded, KMS left out, …), each a sentence.
    pub partly_blind: Vec<String>,
}

impl Comparison {
    /// The granted actions with this verdict.
    pub fn with_verdict(&self, verdict: ActionVerdict) -> &ActionSet {
        static NONE: ActionSet = ActionSet::empty();
        self.granted.get(&verdict).unwrap_or(&NONE)
    }

    /// Number of granted actions; the verdicts' numbers add up to it.
    pub fn n_granted(&self) -> usize {
        self.granted.values().map(ActionSet::len).sum()
    }

    /// Number of granted actions with this verdict.
    pub fn n_with(&self, verdict: ActionVerdict) -> usize {
        self.with_verdict(verdict).len()
    }

    /// All granted actions.
    pub fn all_granted(&self) -> ActionSet {
        self.granted.values().fold(ActionSet::default(), |mut all, set| {
            all.extend(set);
            all
        })
    }

    /// The names of the granted actions with this verdict, sorted.
    pub fn names<'c>(
        &'c self,
        verdict: ActionVerdict,
        catalog: &'c Catalog,
    ) -> impl Iterator<Item = &'c str> + use<'c> {
        self.with_verdict(verdict).iter().filter_map(|id| Some(catalog.info(id)?.action().as_str()))
    }

    /// Granted actions by service, then verdict; sorted.
    pub fn by_service<'c>(
        &'c self,
        catalog: &'c Catalog,
    ) -> BTreeMap<&'c str, BTreeMap<ActionVerdict, usize>> {
        let mut services: BTreeMap<&str, BTreeMap<ActionVerdict, usize>> = BTreeMap::new();
        for (verdict, set) in &self.granted {
            for info in set.iter().filter_map(|id| catalog.info(id)) {
                *services.entry(info.action().service()).or_default().entry(*verdict).or_default() += 1;
            }
        }
        services
    }
}

/// What to do about a role.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ProposalVerdict {
    /// Replace its policies by the proposed ones.
    Replace,
    /// Delete it.
    DeleteRole,
    /// Leave it.
    Keep,
    /// What is known does not suffice.
    #[default]
    CannotTell,
}

impl ProposalVerdict {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::DeleteRole => "delete-role",
            Self::Keep => "keep",
            Self::CannotTell => "cannot-tell",
        }
    }
}

/// How a proposed policy is attached.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Attach {
    /// Embedded in the role.
    Inline,
    /// A customer managed policy.
    Managed,
}

impl Attach {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Managed => "managed",
        }
    }
}

/// One policy of a proposal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProposedPolicy {
    /// Its name.
    pub name: String,
    /// See [`Attach`].
    pub attach: Attach,
    /// The size IAM counts.
    pub characters: usize,
    /// The document.
    pub document: Policy,
}

/// Whether the new policies still allow what was seen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Replay {
    /// Distinct requests seen to succeed through the role's own policies.
    pub requests: u64,
    /// Of these, still allowed.
    pub allowed: u64,
    /// The others, each as `ACTION on RESOURCE`; sorted.
    pub lost: Vec<String>,
    /// For each of these, in the same order, the statement to blame, in words.
    pub blame: Vec<String>,
    /// Distinct requests that the role's own policies did not grant (a resource's policy did), so that they cannot be lost here.
    pub granted_otherwise: u64,
}

impl Replay {
    /// Writes down a request that is lost, with what is to blame.
    pub(super) fn lose(&mut self, request: String, blame: String) {
        self.lost.push(request);
        self.blame.push(blame);
    }
}

/// How a policy learned from the first four fifths of the window would have served the last fifth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeldOut {
    /// Where the last fifth begins.
    pub learned_until: Time,
    /// Distinct requests of the last fifth that the role's own policies granted.
    pub requests: usize,
    /// Of these, the ones first seen in the last fifth.
    pub first_seen: usize,
    /// For each way of generalising resources, narrowest first.
    pub levels: Vec<HeldOutLevel>,
}

/// One way of generalising resources, learned early and replayed late.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeldOutLevel {
    /// `None`: resources as they were granted, so that only actions were taken away.
    pub resources: Option<ResourceLevel>,
    /// Requests of the last fifth it would have allowed.
    pub retained: usize,
    /// Of the requests first seen in the last fifth, those it would have allowed.
    pub first_seen_retained: usize,
}

/// A pattern that stands for several observed resources.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Generalised {
    /// The pattern in the proposal.
    pub pattern: String,
    /// How many observed resources it stands for.
    pub stands_for: usize,
    /// The rule that made it, in a few words.
    pub rule: &'static str,
}

/// A trust policy that admits who assumed the role.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustProposal {
    /// The document.
    pub document: Policy,
    /// What the old trust policy admits and this one does not, each a pattern or a principal; sorted.
    pub removed: Vec<String>,
    /// Who can newly assume the role: always empty but for a role split off, which is a new role.
    pub added: Vec<String>,
    /// Whether the new documents allow anything the old ones did not.
    pub proof: Proof,
    /// Whole namespaces, repositories or projects are named: those that came are too many to be listed one by one.
    pub is_grouped: bool,
}

/// One workload's own role, where several workloads share one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SplitRole {
    /// The workload's id.
    pub workload: String,
    /// A name for its role.
    pub role_name: String,
    /// What it needs.
    pub policies: Vec<ProposedPolicy>,
    /// Who may assume it; `None` when the old trust policy does not tell the workloads apart.
    pub trust: Option<Policy>,
    /// What binds the workload to it, as a sentence.
    pub change: String,
    /// Actions of the shared role that it does not have.
    pub lost_actions: usize,
    /// Of these, the ones other workloads used and this one did not; sorted.
    pub lost_used_by_others: Vec<String>,
    /// That it allows nothing the shared role does not.
    pub proof: Proof,
    /// That it allows what the workload was seen to do.
    pub replay: Replay,
}

/// What to do about a role, with the proofs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Proposal {
    /// See [`ProposalVerdict`].
    pub verdict: ProposalVerdict,
    /// The policies that replace the role's own. Empty unless the verdict is to replace; then empty means that the role needs none.
    pub policies: Vec<ProposedPolicy>,
    /// `None` when the trust policy stays.
    pub trust: Option<TrustProposal>,
    /// Whether the new documents allow anything the old ones did not.
    pub proof: Proof,
    /// How far resources were generalised; `None` when they stay as they were granted.
    pub resources: Option<ResourceLevel>,
    /// See [`Replay`].
    pub replay: Replay,
    /// `None` unless the verdict is to replace.
    pub held_out: Option<HeldOut>,
    /// Sorted by workload; empty unless several workloads share the role.
    pub split: Vec<SplitRole>,
    /// Why a role that several workloads share is not split, as a sentence.
    pub not_split: Option<String>,
    /// Sorted.
    pub generalised: Vec<Generalised>,
    /// Further narrowing that is offered and not made, because it rests on inference; each a sentence.
    pub suggestions: Vec<String>,
    /// Why the verdict is what it is, each a sentence.
    pub reasons: Vec<String>,
}

/// What a set of policies gives, in parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Power {
    /// Actions granted and not taken away by a deny or a limit.
    pub actions: usize,
    /// Their weight, by access level: list 0, read 1, tagging 2, write 3, permissions management 10; twice that where the action is
    /// granted on every resource of a type.
    pub weight: u64,
    /// Weight of those that were shown to be unused.
    pub excess: u64,
    /// Weight of all that were not seen in use, those that the logs could not have shown included.
    pub gap: u64,
    /// Of the actions, those that can be limited to some resource.
    pub resource_actions: usize,
    /// Of these, the ones granted on every resource of one of their types.
    pub broad_actions: usize,
    /// Of the actions, the sensitive ones, by kind.
    pub sensitive: Vec<(Sensitive, ActionSet)>,
    /// Ways to more access that are open; sorted.
    pub escalation_paths: Vec<&'static EscalationPath>,
    /// Ways of which it could not be told, each with the reason as a clause; sorted.
    pub undetermined_paths: Vec<(&'static EscalationPath, String)>,
}

impl Power {
    /// The share of the weight that was shown to be unused, in whole per cent, rounded half up; 0 where nothing weighs anything.
    pub const fn score(&self) -> u64 {
        match self.weight {
            0 => 0,
            weight => (self.excess * 200 + weight) / (2 * weight),
        }
    }
}

/// How much power a role has, and how much of it is needed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Privilege {
    /// Number of granted actions.
    pub granted_actions: usize,
    /// Number of granted actions that were used.
    pub used_actions: usize,
    /// Share of the granted actions that are `unused`, 0 to 1; 0 when nothing is granted.
    pub unused_ratio: f64,
    /// Weight of the unused granted actions by access level: list 0, read 1, tagging 2, write 3, permissions management 10.
    pub unused_weight: u64,
    /// Ways to more access that the current policies open; sorted.
    pub escalation_paths: Vec<&'static str>,
    /// Of these, the ones the proposal closes; sorted.
    pub escalation_paths_removed: Vec<&'static str>,
    /// Ways of which it could not be told whether the current policies open them, each with the reason as a clause; sorted.
    pub escalation_paths_undetermined: Vec<(&'static str, String)>,
    /// The policies as they are.
    pub before: Power,
    /// The policies as proposed; `None` when there is no other proposal.
    pub after: Option<Power>,
    /// The share of the last fifth's requests, 0 to 1, that a policy learned from the time before, with resources as the proposal has
    /// them, would have refused; `None` where nothing was held out.
    pub under_privilege: Option<f64>,
    /// How much of the proposal is proven; `None` where nothing is proposed.
    pub proof: Option<ProofCoverage>,
}

/// How much of a proposal rests on proofs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProofCoverage {
    /// Statements of the proposal.
    pub statements: usize,
    /// Of these, the ones proven to allow nothing new.
    pub proven: usize,
    /// Distinct requests seen to succeed through the role's own policies.
    pub requests: u64,
    /// Of these, the ones proven to be allowed still.
    pub allowed: u64,
    /// Further requests that something else granted.
    pub granted_otherwise: u64,
}
