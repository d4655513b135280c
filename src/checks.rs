//! The checks that turn an analysis into findings.
//!
//! A check is a function from the [`Case`] to findings; [`run`] is the one list of them. What a code means, how its severity is
//! chosen and what to do is told by [`crate::finding::Code::info`]; a check only decides where it applies and says what was
//! seen. A role AWS owns (service-linked, permission set) is left out where its owner could change nothing.

mod bindings;
mod grants;
mod logs;
mod trials;
mod trust;
mod usage;

pub use bindings::{Binding, Observed, Trust, bindings};

use crate::attribution::{Access, PrincipalAccess};
use crate::catalog::Catalog;
use crate::finding::{Evidence, Finding};
use crate::inventory::{Inventory, Origin, Role};
use crate::rightsize::{Comparison, Coverage, Privilege, Proposal, Stage};
use crate::usage::Usage;

/// Everything known about one role.
#[derive(Clone, Copy, Debug)]
pub struct RoleCase<'a> {
    /// With path.
    pub arn: &'a str,
    /// The snapshot's side, when it is there.
    pub role: Option<&'a Role>,
    /// What the role did.
    pub access: &'a PrincipalAccess,
    /// Granted against used.
    pub comparison: &'a Comparison,
    /// What to do about it.
    pub proposal: &'a Proposal,
    /// How much power it has.
    pub privilege: &'a Privilege,
    /// How a removal is made in stages, and the trial under way.
    pub stage: &'a Stage,
}

/// Everything the checks look at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The granted side.
    pub inventory: &'a Inventory,
    /// The merged ledger.
    pub usage: &'a Usage,
    /// What each principal did.
    pub access: &'a Access,
    /// ServiceAccounts with what they are bound to and what was observed; see [`bindings`].
    pub bindings: &'a [Binding],
    /// What the logs could have shown.
    pub coverage: &'a Coverage<'a>,
    /// Sorted by ARN.
    pub roles: &'a [RoleCase<'a>],
    /// Objects that could not be read, or not to the end.
    pub broken_objects: &'a [String],
    /// The catalog the comparison used.
    pub catalog: &'a Catalog,
}

/// All findings, worst first, then by code and subject.
pub fn run(case: &Case<'_>) -> Vec<Finding> {
    let checks: [fn(&Case<'_>, &mut Vec<Finding>); 24] = [
        bindings::service_account_not_bound,
        bindings::annotated_never_assumed,
        bindings::assumed_not_annotated,
        bindings::irsa_after_pod_identity,
        bindings::node_role_fallback,
        bindings::role_across_boundaries,
        bindings::several_roles,
        grants::blocked_grant,
        grants::pass_role_wildcard,
        grants::privilege_escalation,
        grants::proposal_not_proven,
        grants::unused_permissions,
        grants::unused_role,
        grants::wildcard_action,
        grants::wildcard_resource,
        logs::incomplete_logs,
        trials::trial_complete,
        trials::trial_denied,
        trust::unused_trust,
        trust::wide_trust,
        usage::denied_in_use,
        usage::role_not_in_snapshot,
        usage::root_use,
        usage::shared_and_unattributed,
    ];
    let mut findings = Vec::new();
    for check in checks {
        check(case, &mut findings);
    }
    sort(&mut findings);
    findings
}

/// Worst first, then by code and subject.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        b.severity.cmp(&a.severity).then_with(|| (a.code, &a.subject).cmp(&(b.code, &b.subject)))
    });
}

/// The roles of the snapshot whose policies their owner can change.
fn own_roles<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a RoleCase<'a>, &'a Role)> {
    case.roles.iter().filter_map(|one| {
        let role = one.role?;
        (!role.is_service_linked() && !role.is_permission_set()).then_some((one, role))
    })
}

/// A place in the snapshot as evidence.
fn document(origin: &Origin, at: &str) -> Evidence {
    Evidence::Document { file: origin.file.clone(), at: format!("{}{at}", origin.at) }
}

fn event(id: &str) -> Evidence {
    Evidence::Event { id: id.to_owned() }
}

/// `1 call`, `2 calls`.
fn counted(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// The first few of a list as text, and how many more there are.
fn some_of<'t>(list: impl IntoIterator<Item = &'t str>) -> String {
    const SHOWN: usize = 8;
    let all: Vec<&str> = list.into_iter().collect();
    let shown = all.iter().take(SHOWN).map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}
