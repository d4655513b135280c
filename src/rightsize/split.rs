//! One role per workload, where several workloads share one.

use std::collections::BTreeSet;

use super::draft::{Plan, clip};
use super::grant::{Expander, Grant};
use super::propose::{named, replay, write};
use super::trust::trust_of;
use super::{Settings, SplitRole, Subject};
use crate::attribution::{Grade, Opener, Use, Workload, WorkloadShare};
use crate::ident::POD_IDENTITY;
use crate::inventory::Role;
use crate::policy::Policy;
use crate::proof::{self, Verdict};

/// Longest name of a role.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_NAME: usize = 64;

/// Workloads beyond which one role each is no advice any more.
const MAX_WORKLOADS: usize = 20;

/// A role for each workload, sorted by workload; empty unless at least two workloads share the role, each use of the role was traced to
/// some of them, and every part is proven like the whole.
pub(super) fn split(
    subject: &Subject<'_>,
    grant: &Grant<'_>,
    plan: &Plan,
    settings: &Settings,
    expander: &Expander<'_>,
) -> Vec<SplitRole> {
    let (Some(role), Some(access)) = (subject.role, subject.access) else { return Vec::new() };
    let known = access.workloads.iter().all(|share| share.grade != Grade::Unknown);
    let n = access.workloads.len();
    let traced = access.unattributed.is_empty() && access.uses.iter().all(|one| !one.workloads.is_empty());
    if !(2..=MAX_WORKLOADS).contains(&n) || !known || !traced {
        return Vec::new();
    }
    let mut names = BTreeSet::new();
    let mut roles = Vec::new();
    for share in &access.workloads {
        let workload = &share.workload;
        let own: Vec<Use> =
            access.uses.iter().filter(|one| one.workloads.contains(&workload.id)).cloned().collect();
        let draft = clip(grant, plan, &own, Some(settings.resources), expander);
        let Ok(written) = write(&draft, grant, expander, settings) else { return Vec::new() };
        let new: Vec<&Policy> = written.documents.iter().map(|document| &document.policy).collect();
        let proof = proof::no_new_access(&grant.policies, &new, &proof::Settings::default());
        let replayed = replay(&grant.policies, &new, &own);
        if proof.verdict != Verdict::Proven || !replayed.lost.is_empty() {
            return Vec::new();
        }
        let role_name = free_name(&role.name, workload, &mut names);
        roles.push(SplitRole {
            workload: workload.id.clone(),
            policies: named(written.documents, &role_name, None),
            change: change(share, role, &role_name),
            role_name,
            trust: role.trust.as_ref().and_then(|trust| trust_of(trust, share)),
        });
    }
    roles
}

/// What binds the workload to its own role.
fn change(share: &WorkloadShare, role: &Role, name: &str) -> String {
    let arn = role.arn.strip_suffix(&role.name).map(|head| format!("{head}{name}")).unwrap_or_default();
    let workload = &share.workload;
    if let Some(caller) = share.via.last() {
        return format!(
            "Let `{caller}` assume `{arn}` for this workload, and allow it to in its own policy."
        );
    }
    match (&workload.namespace, &workload.service_account) {
        (Some(namespace), Some(account)) => {
            let by_pods = share
                .labels
                .openers
                .iter()
                .any(|one| matches!(one, Opener::Service(name) if name == POD_IDENTITY));
            match by_pods {
                true => format!("Point the Pod Identity association of {namespace}/{account} at `{arn}`."),
                false => format!(
                    "Annotate ServiceAccount {namespace}/{account} with `eks.amazonaws.com/role-arn: {arn}`, and restart its pods."
                ),
            }
        }
        _ => format!("Let the workload take `{arn}` in place of the shared role."),
    }
}

/// `ROLE-WORKLOAD` in the characters and the length IAM allows, with a number when taken.
fn free_name(role: &str, workload: &Workload, taken: &mut BTreeSet<String>) -> String {
    let suffix = workload
        .service_account
        .as_deref()
        .or_else(|| workload.id.rsplit(['/', ':']).find(|part| !part.is_empty()))
        .unwrap_or("workload");
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_".contains(c);
    let clean: String = suffix.chars().map(|c| if allowed(c) { c } else { '-' }).take(MAX_NAME / 2).collect();
    let name = |number: usize| {
        let tail = if number == 1 { format!("-{clean}") } else { format!("-{clean}-{number}") };
        let head: String = role.chars().take(MAX_NAME.saturating_sub(tail.len())).collect();
        format!("{head}{tail}")
    };
    let free = (1..).map(name).find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(free.clone());
    free
}
