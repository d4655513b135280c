//! What roles are granted, and need not be.

use std::collections::BTreeSet;

use super::{Case, RoleCase, counted, document, event, own_roles, some_of};
use crate::catalog::{Catalog, Levels, Resource};
use crate::eval::action_matches;
use crate::finding::{Code, Confidence, Evidence, Finding, Severity};
use crate::ident::glob::Glob;
use crate::inventory::{Attached, Role};
use crate::policy::{ActionElement, Effect, ResourceElement, Statement};
use crate::proof::Verdict;
use crate::rightsize::{ActionVerdict, ProposalVerdict};

/// Services whose unused grants matter more, because they manage identities.
const IDENTITY_SERVICES: &[&str] = &["iam", "sts", "organizations", "sso", "sso-directory", "identitystore"];

/// Actions that a wildcard covers beyond the used ones before it is worth a finding.
const MANY_UNUSED: usize = 5;

/// `unused-role`: a covered window without any use or assumption.
pub(super) fn unused_role(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (one, role) in own_roles(case) {
        if one.proposal.verdict != ProposalVerdict::DeleteRole {
            continue;
        }
        let power = one.privilege;
        let is_harmless = power.escalation_paths.is_empty() && power.escalation_paths_undetermined.is_empty();
        let severity = if is_harmless { Severity::Medium } else { Severity::High };
        let last = role.last_used.map_or_else(
            || "The snapshot tells of no last use.".to_owned(),
            |time| format!("IAM itself last saw it used at {time}."),
        );
        findings.push(
            Finding::new(Code::UnusedRole, one.arn, severity, document(&role.origin, ""))
                .title(format!("Role {} was not used at all", role.name))
                .detail(format!(
                    "No call of the role and no issuance of its credentials in the covered window. {last}"
                ))
                .evidence(window_fact(case)),
        );
    }
}

fn window_fact(case: &Case<'_>) -> Option<Evidence> {
    let window = case.coverage.window()?;
    Some(Evidence::Fact(format!("The logs cover {} to {}.", window.from, window.to)))
}

/// `unused-permissions` and `unused-service`, for roles that were used.
pub(super) fn unused_permissions(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (one, role) in own_roles(case) {
        let unused = one.comparison.with_verdict(ActionVerdict::Unused);
        if unused.is_empty() || one.proposal.verdict == ProposalVerdict::DeleteRole {
            continue;
        }
        let names: Vec<&str> = one.comparison.names(ActionVerdict::Unused, case.catalog).collect();
        let manages = unused
            .iter()
            .filter_map(|id| case.catalog.info(id))
            .any(|info| info.levels().contains(Levels::PERMISSIONS_MANAGEMENT));
        let severity = if manages && has_wide_resource(role) { Severity::Medium } else { Severity::Low };
        findings.push(
            Finding::new(Code::UnusedPermissions, one.arn, severity, document(&role.origin, ""))
                .title(format!(
                    "{} of {} actions granted to {} were not used",
                    names.len(),
                    one.comparison.n_granted(),
                    role.name
                ))
                .detail(format!(
                    "CloudTrail would have shown them over the covered window: {}.",
                    some_of(names)
                ))
                .evidence(window_fact(case)),
        );
        let services: Vec<&str> = one.comparison.unused_services.iter().map(String::as_str).collect();
        if !services.is_empty() {
            let severity = match services.iter().any(|service| IDENTITY_SERVICES.contains(service)) {
                true => Severity::Medium,
                false => Severity::Low,
            };
            findings.push(
                Finding::new(Code::UnusedService, one.arn, severity, document(&role.origin, ""))
                    .title(format!(
                        "Role {} used nothing of {}",
                        role.name,
                        counted(services.len() as u64, "granted service")
                    ))
                    .detail(format!("Services without any use: {}.", some_of(services)))
                    .evidence(window_fact(case)),
            );
        }
    }
}

/// `blocked-grant`.
pub(super) fn blocked_grant(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (one, role) in own_roles(case) {
        let blocked = one.comparison.with_verdict(ActionVerdict::Blocked);
        if blocked.is_empty() {
            continue;
        }
        let manages = blocked
            .iter()
            .filter_map(|id| case.catalog.info(id))
            .any(|info| info.levels().contains(Levels::PERMISSIONS_MANAGEMENT));
        let severity = if manages { Severity::Low } else { Severity::Info };
        let names = one.comparison.names(ActionVerdict::Blocked, case.catalog);
        findings.push(
            Finding::new(Code::BlockedGrant, one.arn, severity, document(&role.origin, ""))
                .title(format!(
                    "Another layer takes {} from {}",
                    counted(blocked.len() as u64, "granted action"),
                    role.name
                ))
                .detail(format!("Taken away: {}.", some_of(names))),
        );
    }
}

/// `privilege-escalation`.
pub(super) fn privilege_escalation(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (one, role) in own_roles(case) {
        let paths = &one.privilege.escalation_paths;
        let undetermined = &one.privilege.escalation_paths_undetermined;
        if paths.is_empty() && undetermined.is_empty() {
            continue;
        }
        let in_doubt = undetermined.first().map(|(_, reason)| {
            let names = some_of(undetermined.iter().map(|(name, _)| *name));
            format!("It could not be told whether these are open: {names} ({reason}).")
        });
        if paths.is_empty() {
            let finding = Finding::new(
                Code::PrivilegeEscalation,
                one.arn,
                Severity::Medium,
                document(&role.origin, ""),
            );
            let n = counted(undetermined.len() as u64, "way");
            findings.push(
                finding
                    .title(format!("Role {} may have {n} to more access", role.name))
                    .detail(in_doubt.unwrap_or_default())
                    .confidence(Confidence::Low),
            );
            continue;
        }
        let all_removed = one.privilege.escalation_paths_removed.len() == paths.len();
        let severity = if all_removed { Severity::Medium } else { Severity::High };
        findings.push(
            Finding::new(Code::PrivilegeEscalation, one.arn, severity, document(&role.origin, ""))
                .title(format!(
                    "Role {} has {} to more access",
                    role.name,
                    counted(paths.len() as u64, "way")
                ))
                .detail(
                    [
                        Some(format!(
                            "Open now: {}. The proposal closes {} of them.",
                            some_of(paths.iter().copied()),
                            one.privilege.escalation_paths_removed.len()
                        )),
                        in_doubt,
                    ]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" "),
                )
                // Conditions and trust policies that surely stand in the way close a path; what cannot be told does not.
                .confidence(Confidence::Medium),
        );
    }
}

/// `proposal-not-proven`: a smaller policy was sought and could not be shown to be safe.
pub(super) fn proposal_not_proven(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (one, role) in own_roles(case) {
        let proof = &one.proposal.proof;
        let refuted = proof.verdict == Verdict::Refuted;
        let unproven = one.proposal.verdict == ProposalVerdict::CannotTell
            && one.comparison.grant_unknown.is_empty()
            && (refuted || !proof.reasons.is_empty() || !one.proposal.replay.lost.is_empty());
        let loses = !one.proposal.replay.lost.is_empty();
        if !(unproven || refuted || loses) {
            continue;
        }
        let severity = if refuted { Severity::Medium } else { Severity::Low };
        let reasons: Vec<&str> =
            proof.reasons.iter().chain(&one.proposal.replay.lost).map(String::as_str).collect();
        findings.push(
            Finding::new(Code::ProposalNotProven, one.arn, severity, document(&role.origin, ""))
                .title(format!("No smaller policy for {} could be proven safe", role.name))
                .detail(format!("Reasons: {}.", some_of(reasons))),
        );
    }
}

/// `wildcard-action`: one finding per role, naming the statements.
pub(super) fn wildcard_action(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (one, role) in own_roles(case) {
        let used: BTreeSet<_> = one.comparison.with_verdict(ActionVerdict::Used).iter().collect();
        let mut worst: Option<Severity> = None;
        let mut patterns = BTreeSet::new();
        let mut places = Vec::new();
        for (attached, index, statement) in allows(role) {
            for pattern in wide_patterns(&statement.action, case.catalog) {
                let covered = case.catalog.expand(&pattern.text);
                let n_unused = covered.iter().filter(|id| !used.contains(id)).count();
                if n_unused < MANY_UNUSED && !pattern.is_except {
                    continue;
                }
                let severity = if pattern.text == "*" && is_everything(statement.resource.as_ref()) {
                    Severity::High
                } else if pattern.is_except
                    || covered
                        .iter()
                        .filter_map(|id| case.catalog.info(*id))
                        .any(|info| info.levels().contains(Levels::PERMISSIONS_MANAGEMENT))
                {
                    Severity::Medium
                } else {
                    Severity::Low
                };
                worst = worst.max(Some(severity));
                patterns.insert(pattern.shown);
                places.push(document(&attached.origin, &format!("/Statement/{index}")));
            }
        }
        if let (Some(severity), Some(place)) = (worst, places.first().cloned()) {
            findings.push(
                Finding::new(Code::WildcardAction, one.arn, severity, place)
                    .title(format!("Role {} is granted actions by wildcard", role.name))
                    .detail(format!(
                        "Patterns that cover more than was used: {}.",
                        some_of(patterns.iter().map(String::as_str))
                    ))
                    .evidence(places),
            );
        }
    }
}

/// A pattern of an `Action` element, or a `NotAction` element as a whole.
struct WidePattern {
    text: String,
    shown: String,
    is_except: bool,
}

fn wide_patterns(element: &ActionElement, catalog: &Catalog) -> Vec<WidePattern> {
    match element {
        ActionElement::Only(patterns) => patterns
            .iter()
            .filter(|pattern| pattern.contains(['*', '?']) && !catalog.expand(pattern).is_empty())
            .map(|pattern| WidePattern { text: pattern.clone(), shown: pattern.clone(), is_except: false })
            .collect(),
        ActionElement::Except(patterns) => vec![WidePattern {
            text: "*".to_owned(),
            shown: format!("NotAction {}", patterns.join(", ")),
            is_except: true,
        }],
    }
}

/// `wildcard-resource`: statements on `*` whose used actions were seen on a few named resources.
pub(super) fn wildcard_resource(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (one, role) in own_roles(case) {
        let mut worst: Option<Severity> = None;
        let mut actions = BTreeSet::new();
        let mut evidence = Vec::new();
        for (attached, index, statement) in allows(role) {
            if !is_everything(statement.resource.as_ref()) {
                continue;
            }
            for used in &one.access.uses {
                let Resource::Arn(_) = &used.resource else { continue };
                let limitable = case
                    .catalog
                    .find(used.action.as_str())
                    .and_then(|id| case.catalog.info(id))
                    .filter(|info| info.resource_types().next().is_some());
                let Some(info) =
                    limitable.filter(|_| action_matches(&statement.action, used.action.as_str()).is_true())
                else {
                    continue;
                };
                let severity = if info.levels().is_read_only() { Severity::Low } else { Severity::Medium };
                worst = worst.max(Some(severity));
                if actions.insert(used.action.to_string()) {
                    evidence.push(event(&used.sample));
                }
                evidence.push(document(&attached.origin, &format!("/Statement/{index}")));
            }
        }
        if let (Some(severity), Some(first)) = (worst, evidence.first().cloned()) {
            findings.push(
                Finding::new(Code::WildcardResource, one.arn, severity, first)
                    .title(format!("Role {} may act on all resources, and used a few", role.name))
                    .detail(format!(
                        "Actions seen on named resources: {}.",
                        some_of(actions.iter().map(String::as_str))
                    ))
                    .evidence(evidence.into_iter().take(16)),
            );
        }
    }
}

/// `pass-role-wildcard`.
pub(super) fn pass_role_wildcard(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (one, role) in own_roles(case) {
        let mut worst: Option<(Severity, Evidence)> = None;
        for (attached, index, statement) in allows(role) {
            if !action_matches(&statement.action, "iam:PassRole").is_true()
                || !passes_any_role(statement.resource.as_ref())
            {
                continue;
            }
            let limited = statement
                .conditions
                .iter()
                .any(|condition| condition.key.eq_ignore_ascii_case("iam:PassedToService"));
            let severity = if limited { Severity::Medium } else { Severity::High };
            if worst.as_ref().is_none_or(|(other, _)| *other < severity) {
                worst = Some((severity, document(&attached.origin, &format!("/Statement/{index}"))));
            }
        }
        if let Some((severity, place)) = worst {
            let passed: BTreeSet<&str> = passed_roles(one);
            let seen = match passed.is_empty() {
                true => "No pass of a role was seen.".to_owned(),
                false => format!("Seen to pass: {}.", some_of(passed)),
            };
            findings.push(
                Finding::new(Code::PassRoleWildcard, one.arn, severity, place)
                    .title(format!("Role {} may pass any role to a service", role.name))
                    .detail(seen),
            );
        }
    }
}

fn passed_roles<'a>(one: &RoleCase<'a>) -> BTreeSet<&'a str> {
    let arns =
        one.access.uses.iter().filter(|used| used.action.as_str().eq_ignore_ascii_case("iam:PassRole"));
    arns.filter_map(|used| match &used.resource {
        Resource::Arn(arn) => Some(arn.as_str()),
        _ => None,
    })
    .collect()
}

/// Allow statements of the role's documents, with the policy they stand in and their index.
fn allows(role: &Role) -> impl Iterator<Item = (&Attached, usize, &Statement)> {
    role.policies.iter().flat_map(|attached| {
        let statements = attached.document.iter().flat_map(|document| document.statements.iter().enumerate());
        statements
            .filter(|(_, statement)| statement.effect == Effect::Allow)
            .map(move |(index, statement)| (attached, index, statement))
    })
}

fn has_wide_resource(role: &Role) -> bool {
    allows(role).any(|(_, _, statement)| is_everything(statement.resource.as_ref()))
}

fn is_everything(element: Option<&ResourceElement>) -> bool {
    match element {
        Some(ResourceElement::Only(patterns)) => {
            patterns.iter().any(|pattern| Glob::new(pattern).is_everything())
        }
        Some(ResourceElement::Except(_)) => true,
        None => false,
    }
}

fn passes_any_role(element: Option<&ResourceElement>) -> bool {
    let any = |pattern: &String| {
        Glob::new(pattern).is_everything() || pattern.ends_with(":role/*") || pattern.ends_with(":*")
    };
    match element {
        Some(ResourceElement::Only(patterns)) => patterns.iter().any(any),
        Some(ResourceElement::Except(_)) => true,
        None => false,
    }
}
