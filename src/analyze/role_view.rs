//! From comparisons, proposals and findings to the report's types. No decision is made here.

use crate::attribution::PrincipalAccess;
use crate::catalog::{Catalog, Evidence};
use crate::checks::RoleCase;
use crate::ident::Arn;
use crate::inventory;
use crate::policy;
use crate::proof::{Proof, Verdict};
use crate::report;
use crate::rightsize::{
    self, ActionSet, ActionVerdict, Attach, GrantedBy, HeldOut, HeldOutLevel, Power, Privilege, Proposal,
    ProposalVerdict, ProposedPolicy, ResourceLevel,
};

use super::{stage_view, view};

/// The report's entry of one role.
pub(super) fn role(parts: &RoleCase<'_>, catalog: &Catalog) -> report::Role {
    let arn = Arn::parse(parts.arn);
    let access = parts.access;
    let names = |verdict| parts.comparison.names(verdict, catalog).map(str::to_owned).collect::<Vec<_>>();
    report::Role {
        integrity: None,
        arn: parts.arn.to_owned(),
        account: arn.map_or_else(String::new, |arn| arn.account.to_owned()),
        name: arn.and_then(|arn| arn.role_name()).unwrap_or(parts.arn).to_owned(),
        id: parts.role.map(|role| role.id.clone()).filter(|id| !id.is_empty()),
        created: parts.role.and_then(|role| role.created),
        boundary: parts.role.and_then(|role| role.boundary.as_ref()).map(boundary),
        in_snapshot: parts.role.is_some(),
        calls: access.calls,
        denied_calls: access.denied_calls,
        first_seen: access.span.map(|(first, _)| first),
        last_seen: access.span.map(|(_, last)| last),
        workloads: view::role_workloads(access),
        used: parts.comparison.used.iter().map(|used| used_action(used, access)).collect(),
        denied: view::denied(access),
        granted: super::grant_view::granted(parts.comparison, catalog),
        unused_actions: names(ActionVerdict::Unused),
        unused_services: parts.comparison.unused_services.clone(),
        proposal: proposal(parts.proposal, parts.role),
        privilege: privilege(parts.privilege, catalog),
        stage: stage_view::stage(parts.stage),
        unmapped: access
            .unknown_actions
            .iter()
            .map(|((source, name), calls)| (format!("{source} {name}"), *calls))
            .collect(),
        unproven_calls: access.unproven,
    }
}

fn used_action(used: &rightsize::UsedAction, access: &PrincipalAccess) -> report::UsedAction {
    report::UsedAction {
        action: used.action.to_string(),
        // One call on several resources is one call.
        calls: access.calls_by_action.get(&used.action).copied().unwrap_or(used.calls),
        evidence: match used.evidence {
            Evidence::Observed => report::Evidence::Observed,
            Evidence::Inferred => report::Evidence::Inferred,
        },
        resources: used.resources.iter().cloned().collect(),
        first_seen: Some(used.first),
        last_seen: Some(used.last),
        workloads: used.workloads.iter().cloned().collect(),
        granted_by: match used.granted_by {
            GrantedBy::Identity => report::GrantedBy::Identity,
            GrantedBy::ResourcePolicy => report::GrantedBy::ResourcePolicy,
            GrantedBy::Unknown => report::GrantedBy::Unknown,
            GrantedBy::NotGranted => report::GrantedBy::NotGranted,
        },
        sample: used.sample.to_string(),
    }
}

fn proposal(proposal: &Proposal, role: Option<&inventory::Role>) -> report::Proposal {
    let policies = |list: &[ProposedPolicy]| list.iter().map(policy).collect::<Vec<_>>();
    let trust = proposal.trust.as_ref().map(|trust| report::ProposedTrust {
        document: policy::render(&trust.document),
        removed: trust.removed.clone(),
        added: trust.added.clone(),
        proof: proof(&trust.proof),
        grouped: trust.is_grouped,
    });
    report::Proposal {
        verdict: match proposal.verdict {
            ProposalVerdict::Replace => report::ProposalVerdict::Replace,
            ProposalVerdict::DeleteRole => report::ProposalVerdict::DeleteRole,
            ProposalVerdict::Keep => report::ProposalVerdict::Keep,
            ProposalVerdict::CannotTell => report::ProposalVerdict::CannotTell,
        },
        policies: policies(&proposal.policies),
        trust,
        proof: proof(&proposal.proof),
        replay: replay(&proposal.replay),
        split: proposal
            .split
            .iter()
            .map(|split| report::Split {
                workload: split.workload.clone(),
                role_name: split.role_name.clone(),
                policies: policies(&split.policies),
                trust: split.trust.as_ref().map(policy::render),
                change: split.change.clone(),
                loses: report::Loss {
                    actions: split.lost_actions as u64,
                    used_by_others: split.lost_used_by_others.clone(),
                },
                proof: proof(&split.proof),
                replay: replay(&split.replay),
            })
            .collect(),
        not_split: proposal.not_split.clone(),
        resources: (proposal.verdict == ProposalVerdict::Replace).then(|| resources_at(proposal.resources)),
        held_out: proposal.held_out.as_ref().map(held_out),
        current: role.map(current).unwrap_or_default(),
        current_trust: role.and_then(|role| role.trust.as_ref()).map(policy::render),
        reasons: proposal.reasons.clone(),
        generalised: proposal
            .generalised
            .iter()
            .map(|one| report::Generalised {
                pattern: one.pattern.clone(),
                stands_for: one.stands_for as u64,
                rule: one.rule.to_owned(),
            })
            .collect(),
        suggestions: proposal.suggestions.clone(),
    }
}

pub(super) fn replay(replay: &crate::rightsize::Replay) -> report::Replay {
    report::Replay {
        requests: replay.requests,
        allowed: replay.allowed,
        lost: replay.lost.clone(),
        blame: replay.blame.clone(),
        granted_otherwise: replay.granted_otherwise,
    }
}

/// The policies as they are, for comparison beside the proposed ones.
fn current(role: &inventory::Role) -> Vec<report::ProposedPolicy> {
    role.policies
        .iter()
        .filter_map(|attached| {
            let document = attached.document.as_ref()?;
            Some(report::ProposedPolicy {
                name: attached.name.clone(),
                arn: attached.arn.clone(),
                attach: match attached.kind {
                    inventory::AttachedKind::Inline => report::Attach::Inline,
                    inventory::AttachedKind::Managed | inventory::AttachedKind::AwsManaged => {
                        report::Attach::Managed
                    }
                },
                characters: policy::size(document) as u64,
                document: policy::render(document),
            })
        })
        .collect()
}

fn boundary(attached: &inventory::Attached) -> report::Boundary {
    report::Boundary {
        name: attached.name.clone(),
        arn: attached.arn.clone(),
        document: attached.document.as_ref().map(policy::render),
    }
}

fn policy(proposed: &ProposedPolicy) -> report::ProposedPolicy {
    report::ProposedPolicy {
        name: proposed.name.clone(),
        arn: None,
        attach: match proposed.attach {
            Attach::Inline => report::Attach::Inline,
            Attach::Managed => report::Attach::Managed,
        },
        characters: proposed.characters as u64,
        document: policy::render(&proposed.document),
    }
}

pub(super) fn proof(proof: &Proof) -> report::Proof {
    report::Proof {
        no_new_access: match proof.verdict {
            Verdict::Proven => report::NoNewAccess::Proven,
            Verdict::Refuted => report::NoNewAccess::Refuted,
            Verdict::Unknown => report::NoNewAccess::Unknown,
        },
        witness: proof.witness.as_ref().map(|witness| {
            serde_json::json!({
                "action": witness.action,
                "resource": witness.resource,
                "principal": witness.principal,
                "context": witness.context,
            })
        }),
        reasons: proof.reasons.clone(),
        every_reading: proof.verdict == Verdict::Proven,
    }
}

const fn resources_at(level: Option<ResourceLevel>) -> report::ResourcesAt {
    match level {
        Some(ResourceLevel::Exact) => report::ResourcesAt::Exact,
        Some(ResourceLevel::Prefix) => report::ResourcesAt::Prefix,
        Some(ResourceLevel::Type) => report::ResourcesAt::Type,
        None => report::ResourcesAt::Granted,
    }
}

fn held_out(check: &HeldOut) -> report::HeldOut {
    let level = |level: &HeldOutLevel| {
        #[expect(clippy::cast_precision_loss, reason = "numbers of distinct requests of one role")]
        let share = level.retained as f64 / check.requests.max(1) as f64;
        report::HeldOutLevel {
            resources: resources_at(level.resources),
            retained: level.retained as u64,
            first_seen_retained: level.first_seen_retained as u64,
            share: (check.requests > 0).then_some(share),
        }
    };
    report::HeldOut {
        learned_until: check.learned_until,
        requests: check.requests as u64,
        first_seen: check.first_seen as u64,
        levels: check.levels.iter().map(level).collect(),
    }
}

fn privilege(privilege: &Privilege, catalog: &Catalog) -> report::Privilege {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    report::Privilege {
        granted_actions: privilege.granted_actions as u64,
        used_actions: privilege.used_actions as u64,
        unused_ratio: privilege.unused_ratio,
        unused_weight: privilege.unused_weight,
        escalation_paths: texts(&privilege.escalation_paths),
        escalation_paths_removed: texts(&privilege.escalation_paths_removed),
        escalation_paths_undetermined: privilege
            .escalation_paths_undetermined
            .iter()
            .map(|(name, reason)| report::UndeterminedPath {
                name: (*name).to_owned(),
                reason: reason.clone(),
            })
            .collect(),
        before: power(&privilege.before, None),
        after: privilege.after.as_ref().map(|after| power(after, Some(catalog))),
        under_privilege: privilege.under_privilege,
        proof: privilege.proof.map(|proof| report::ProofCoverage {
            statements: proof.statements as u64,
            proven: proof.proven as u64,
            requests: proof.requests,
            allowed: proof.allowed,
            granted_otherwise: proof.granted_otherwise,
        }),
    }
}

/// The names of the sensitive actions are told where a catalog is given.
fn power(power: &Power, catalog: Option<&Catalog>) -> report::Power {
    let names = |set: &ActionSet| {
        let ids = set.iter().filter_map(|id| catalog?.info(id));
        ids.map(|info| info.action().to_string()).collect()
    };
    report::Power {
        actions: power.actions as u64,
        weight: power.weight,
        excess: power.excess,
        score: power.score(),
        gap: power.gap,
        resource_actions: power.resource_actions as u64,
        broad_actions: power.broad_actions as u64,
        sensitive: power
            .sensitive
            .iter()
            .map(|(kind, set)| report::SensitiveActions {
                kind: kind.as_str().to_owned(),
                actions: set.len() as u64,
                names: names(set),
            })
            .collect(),
        escalation_paths: power.escalation_paths.len() as u64,
    }
}
