//! One role per workload, where several workloads share one.

use std::collections::BTreeSet;

use super::draft::{Plan, Told, clip};
use super::effort::{Effort, Stopped};
use super::grant::{Expander, Grant};
use super::propose::{named, replay, write};
use super::trust::trust_of;
use super::{Settings, SplitNames, SplitRole, Subject};
use crate::attribution::{Opener, Use, WorkloadShare};
use crate::ident::POD_IDENTITY;
use crate::inventory::Role;
use crate::policy::Policy;
use crate::proof::{self, Verdict};

/// Workloads beyond which one role each is no advice any more.
const MAX_WORKLOADS: usize = 20;

/// What the parts of a role are made from.
pub(super) struct Shared<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) grant: &'a Grant<'a>,
    pub(super) plan: &'a Plan,
    pub(super) settings: &'a Settings,
    pub(super) names: &'a SplitNames,
    pub(super) expander: &'a Expander<'a>,
    pub(super) effort: &'a Effort<'a>,
}

impl Shared<'_> {
    /// A role for each workload, sorted by workload; none when only one uses the role. The error says why a shared role is not split.
    ///
    /// Each part is proven like the whole, and allows what its workload was seen to do. What was done in sessions that nobody can be named for
    /// stays in every part: it may be anybody's.
    pub(super) fn split(&self) -> Result<Vec<SplitRole>, String> {
        let (Some(role), Some(access)) = (self.subject.role, self.subject.access) else {
            return Ok(Vec::new());
        };
        let n = access.workloads.len();
        if n < 2 {
            return Ok(Vec::new());
        }
        if n > MAX_WORKLOADS {
            return Err(format!(
                "{n} workloads share the role: a role for each is no advice beyond {MAX_WORKLOADS}."
            ));
        }
        let mut names = BTreeSet::new();
        access.workloads.iter().map(|share| self.part(share, role, &access.uses, &mut names)).collect()
    }

    fn part(
        &self,
        share: &WorkloadShare,
        role: &Role,
        uses: &[Use],
        names: &mut BTreeSet<String>,
    ) -> Result<SplitRole, String> {
        let workload = &share.workload;
        let is_own =
            |one: &&Use| one.workloads.contains(&workload.id) || one.untraced > 0 || one.workloads.is_empty();
        let own: Vec<Use> = uses.iter().filter(is_own).cloned().collect();
        let Self { grant, plan, settings, expander, effort, .. } = self;
        let not_worked_out =
            |stopped: Stopped| format!("The part of `{}` was not worked out: {stopped}.", workload.id);
        let told = Told::new(&own, grant, expander.catalog, effort).map_err(not_worked_out)?;
        let draft =
            clip(grant, plan, &told, Some(settings.resources), expander, effort).map_err(not_worked_out)?;
        let written = write(&draft, grant, expander, settings, effort)
            .map_err(not_worked_out)?
            .map_err(|reason| format!("The part of `{}` cannot be written: {reason}", workload.id))?;
        let new: Vec<&Policy> = written.documents.iter().map(|document| &document.policy).collect();
        let proof = proof::no_new_access(&grant.policies, &new, &proof::Settings::default());
        let replay = replay(grant, &new, &own, effort).map_err(not_worked_out)?;
        if proof.verdict != Verdict::Proven || !replay.lost.is_empty() {
            return Err(format!("The part of `{}` could not be proven to be safe.", workload.id));
        }
        let kept = Grant::of(new.iter().copied(), expander).actions();
        let mut lost = grant.actions();
        lost.remove_all(&kept);
        let by_others = uses.iter().filter(|one| !is_own(one)).filter(|one| {
            let id = expander.catalog.find(one.action.as_str());
            id.is_none_or(|id| lost.contains(id))
        });
        let by_others: BTreeSet<String> = by_others.map(|one| one.action.to_string()).collect();
        let role_name = self.names.free(&role.name, workload, names);
        Ok(SplitRole {
            workload: workload.id.clone(),
            lost_actions: lost.len(),
            lost_used_by_others: by_others.into_iter().collect(),
            policies: named(written.documents, &role_name, None),
            change: change(share, role, &role_name),
            role_name,
            trust: role.trust.as_ref().and_then(|trust| trust_of(trust, share)),
            proof,
            replay,
        })
    }
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
