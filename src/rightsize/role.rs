//! One role, from its two sides to all that is said about it.

use std::collections::BTreeMap;

use super::compare::compare;
use super::escalation::open_paths;
use super::grant::{Expander, Grant, Limit};
use super::propose::{Start, allowed_actions};
use super::trust::narrower_trust;
use super::{ActionVerdict, Comparison, Coverage, Privilege, Proposal, ProposalVerdict, Settings};
use crate::attribution::PrincipalAccess;
use crate::catalog::{Catalog, Levels};
use crate::ident::Arn;
use crate::inventory::Role;
use crate::usage::{IssuanceFacts, Usage};

/// One role as the snapshot and the logs know it.
#[derive(Clone, Debug, Default)]
pub struct Subject<'a> {
    /// With path.
    pub arn: &'a str,
    /// `None` when the snapshot lacks the role.
    pub role: Option<&'a Role>,
    /// `None` when no session of the role is in the logs.
    pub access: Option<&'a PrincipalAccess>,
    /// Calls that issued credentials of the role, refused ones left out; see [`issuances_by_role`].
    pub issuances: &'a [&'a IssuanceFacts],
    /// Every level of the organization's service control policies that binds the role. The boundary is taken from the role.
    pub limits: Vec<Limit<'a>>,
}

impl<'a> Subject<'a> {
    /// The account the role belongs to.
    pub fn account(&self) -> &'a str {
        Arn::parse(self.arn).map_or("", |arn| arn.account)
    }

    /// Whether somebody was seen to hold credentials of the role.
    pub fn was_assumed(&self) -> bool {
        !self.issuances.is_empty()
            || self.access.is_some_and(|access| access.calls > 0 || !access.workloads.is_empty())
    }
}

/// The calls that issued credentials, by the role they were issued for; refused calls are left out.
pub fn issuances_by_role(usage: &Usage) -> BTreeMap<&str, Vec<&IssuanceFacts>> {
    let mut by_role: BTreeMap<&str, Vec<&IssuanceFacts>> = BTreeMap::new();
    for issuance in usage.issuances.iter().filter(|issuance| !issuance.denied) {
        if let Some(role) = &issuance.role_arn {
            by_role.entry(role).or_default().push(issuance);
        }
    }
    by_role
}

/// Everything said about one role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RightSized {
    /// See [`Comparison`].
    pub comparison: Comparison,
    /// See [`Proposal`].
    pub proposal: Proposal,
    /// See [`Privilege`].
    pub privilege: Privilege,
}

/// Right-sizes roles; made once for all of them, because roles share patterns. May be used from several threads.
#[derive(Debug)]
pub struct RightSizer<'c> {
    expander: Expander<'c>,
    settings: Settings,
}

impl<'c> RightSizer<'c> {
    /// Over this catalog.
    pub fn new(catalog: &'c Catalog, settings: Settings) -> Self {
        Self { expander: Expander::new(catalog), settings }
    }

    /// Compares and proposes.
    pub fn right_size(&self, subject: &Subject<'_>, coverage: &Coverage<'_>) -> RightSized {
        let catalog = self.expander.catalog;
        let account = coverage.account(subject.account());
        let grant = subject.role.map(|role| Grant::new(role, &self.expander));
        let limits = self.limits(subject);
        let created = subject.role.and_then(|role| role.created);
        let mut comparison =
            compare(grant.as_ref(), &limits, subject.access, &account, created, &self.expander);
        if subject.role.is_some_and(Role::is_service_linked) {
            leave_to_aws(&mut comparison);
        }
        let start = Start {
            subject,
            comparison: &comparison,
            coverage: &account,
            settings: &self.settings,
            expander: &self.expander,
        };
        let mut proposal = start.propose(grant.as_ref());
        if comparison.not_covered.is_empty() && proposal.verdict != ProposalVerdict::DeleteRole {
            proposal.trust = narrower_trust(subject, &account, &self.settings.quotas);
        }
        let privilege = self.privilege(&comparison, &proposal, catalog);
        RightSized { comparison, proposal, privilege }
    }

    /// The boundary and the levels above it. One whose text is missing limits nothing for sure, and is left out.
    fn limits<'a>(&self, subject: &Subject<'a>) -> Vec<Grant<'a>> {
        let boundary = subject.role.and_then(|role| role.boundary.as_ref()?.document.as_ref());
        let boundary = boundary.map(|policy| Grant::of([policy], &self.expander));
        let levels =
            subject.limits.iter().map(|limit| Grant::of(limit.policies.iter().copied(), &self.expander));
        boundary.into_iter().chain(levels).collect()
    }

    fn privilege(&self, comparison: &Comparison, proposal: &Proposal, catalog: &Catalog) -> Privilege {
        let granted_actions = comparison.n_granted();
        let n_unused = comparison.n_with(ActionVerdict::Unused);
        // What is blocked is not power.
        let mut live = comparison.all_granted();
        live.remove_all(comparison.with_verdict(ActionVerdict::Blocked));
        let open = open_paths(&live, catalog);
        let after = match proposal.verdict {
            ProposalVerdict::Replace => Some(allowed_actions(&proposal.policies, &self.expander)),
            ProposalVerdict::DeleteRole => Some(super::ActionSet::empty()),
            ProposalVerdict::Keep | ProposalVerdict::CannotTell => None,
        };
        let still_open = after.as_ref().map_or_else(|| open.clone(), |after| open_paths(after, catalog));
        #[expect(clippy::cast_precision_loss, reason = "numbers of actions")]
        let unused_ratio = if granted_actions == 0 { 0.0 } else { n_unused as f64 / granted_actions as f64 };
        Privilege {
            granted_actions,
            used_actions: comparison.n_with(ActionVerdict::Used),
            unused_ratio,
            unused_weight: comparison
                .with_verdict(ActionVerdict::Unused)
                .iter()
                .filter_map(|id| catalog.info(id))
                .map(|info| weight(info.levels()))
                .sum(),
            escalation_paths: open.iter().map(|path| path.name).collect(),
            escalation_paths_removed: open
                .iter()
                .filter(|path| !still_open.contains(path))
                .map(|path| path.name)
                .collect(),
        }
    }
}

/// What a service does with its service-linked role is counted as AWS's own calls, so the role's calls are no measure of its use:
/// nothing it is granted is called unused.
fn leave_to_aws(comparison: &mut Comparison) {
    if let Some(unused) = comparison.granted.remove(&ActionVerdict::Unused) {
        comparison.granted.entry(ActionVerdict::Undetermined).or_default().extend(&unused);
        comparison.unused_services.clear();
        let why = "AWS uses and owns a service-linked role; its calls are counted as AWS's own.";
        comparison.partly_blind.push(why.to_owned());
    }
}

/// The weight of an action nobody uses, by its heaviest access level.
fn weight(levels: Levels) -> u64 {
    let weights =
        [(Levels::PERMISSIONS_MANAGEMENT, 10), (Levels::WRITE, 3), (Levels::TAGGING, 2), (Levels::READ, 1)];
    weights.into_iter().find(|(level, _)| levels.contains(*level)).map_or(0, |(_, weight)| weight)
}
