//! What was done, and who did it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, counted, document, event, own_roles, some_of};
use crate::catalog::Levels;
use crate::finding::{Code, Evidence, Finding, Severity};
use crate::ident::Arn;
use crate::record::IdentityType;
use crate::usage::{CallOutcome, Text};

/// `denied-in-use`: one finding per principal that was refused.
pub(super) fn denied_in_use(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (arn, access) in &case.access.principals {
        if access.denied.is_empty() {
            continue;
        }
        let mut severity = Severity::Info;
        let mut lines = BTreeSet::new();
        for denied in &access.denied {
            let manages = denied
                .action
                .as_ref()
                .and_then(|action| case.catalog.find(action.as_str()))
                .and_then(|id| case.catalog.info(id))
                .is_some_and(|info| info.levels().contains(Levels::PERMISSIONS_MANAGEMENT));
            let guardrail =
                denied.explicit || matches!(denied.layer, "scp" | "rcp" | "boundary" | "vpc-endpoint");
            severity = severity.max(match (manages, guardrail) {
                (true, _) => Severity::Medium,
                (false, false) => Severity::Low,
                (false, true) => Severity::Info,
            });
            let what = match &denied.action {
                Some(action) => action.to_string(),
                None => format!("{} {}", denied.event.0, denied.event.1),
            };
            lines.insert(format!("{what} ({}, {})", denied.layer, counted(denied.calls, "call")));
        }
        let mut samples = access.denied.iter().map(|denied| event(&denied.sample_event));
        if let Some(first) = samples.next() {
            findings.push(
                Finding::new(Code::DeniedInUse, arn, severity, first)
                    .title(format!("Refused: {} of {}", counted(access.denied_calls, "call"), name_of(arn)))
                    .detail(format!("Refused: {}.", some_of(lines.iter().map(String::as_str))))
                    .evidence(samples.take(15)),
            );
        }
    }
}

/// A role's or user's name, or the text itself.
fn name_of(arn: &str) -> &str {
    Arn::parse(arn).and_then(|arn| arn.resource.rsplit('/').next()).unwrap_or(arn)
}

/// `role-not-in-snapshot`.
pub(super) fn role_not_in_snapshot(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for one in case.roles.iter().filter(|one| one.role.is_none()) {
        let account = Arn::parse(one.arn).map_or("", |arn| arn.account);
        let known = case.inventory.accounts.contains_key(account);
        let severity = if known { Severity::Medium } else { Severity::Low };
        let detail = match known {
            true => "The account's snapshot has no such role: it was deleted or recreated since.",
            false => "No snapshot of its account was given.",
        };
        let calls =
            Evidence::Fact(format!("The logs hold {} of the role.", counted(one.access.calls, "call")));
        findings.push(
            Finding::new(Code::RoleNotInSnapshot, one.arn, severity, calls)
                .title(format!("Role {} was used and is not in the snapshot", name_of(one.arn)))
                .detail(detail)
                .evidence(one.access.uses.iter().take(3).map(|used| event(&used.sample))),
        );
    }
}

/// What the root user of one account did.
#[derive(Default)]
struct RootCalls<'a> {
    calls: u64,
    changed_something: bool,
    names: BTreeSet<&'a str>,
    samples: BTreeSet<Text>,
}

/// `root-use`: one finding per account.
pub(super) fn root_use(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let mut by_account: BTreeMap<&str, RootCalls<'_>> = BTreeMap::new();
    for row in case.usage.rows.iter() {
        let Some(session) = case.usage.sessions.get(row.session.0 as usize) else { continue };
        // Calls AWS makes with root's identity while delivering a service are nobody's log-in.
        let by_service = session.invoked_by.as_deref().is_some_and(|by| by != "signin.amazonaws.com");
        if session.kind != IdentityType::Root || by_service {
            continue;
        }
        let account =
            session.account.as_deref().or(row.call.recipient_account.as_deref()).unwrap_or("unknown");
        let root = by_account.entry(account).or_default();
        root.calls += row.calls;
        root.changed_something |=
            row.call.read_only == Some(false) && matches!(row.call.outcome, CallOutcome::Used { .. });
        root.names.insert(&row.call.name);
        root.samples.insert(row.sample());
    }
    for (account, root) in by_account {
        let severity = if root.changed_something { Severity::Critical } else { Severity::High };
        let mut samples = root.samples.iter().map(|sample| event(sample));
        if let Some(first) = samples.next() {
            findings.push(
                Finding::new(Code::RootUse, format!("root:{account}"), severity, first)
                    .title(format!("The root user of account {account} made {}", counted(root.calls, "call")))
                    .detail(format!("Calls: {}.", some_of(root.names)))
                    .evidence(samples.take(15)),
            );
        }
    }
}

/// `shared-role` and `unattributed-use`.
pub(super) fn shared_and_unattributed(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (one, role) in own_roles(case) {
        if one.access.workloads.len() > 1 {
            let ids: Vec<&str> =
                one.access.workloads.iter().map(|share| share.workload.id.as_str()).collect();
            let actions_of = |id: &str| -> BTreeSet<String> {
                let uses = one.access.uses.iter().filter(|used| used.workloads.contains(id));
                uses.map(|used| used.action.as_str().to_ascii_lowercase()).collect()
            };
            let distinct: BTreeSet<BTreeSet<String>> = ids.iter().map(|id| actions_of(id)).collect();
            let severity = if distinct.len() > 1 { Severity::Medium } else { Severity::Low };
            findings.push(
                Finding::new(Code::SharedRole, one.arn, severity, document(&role.origin, ""))
                    .title(format!("{} workloads share role {}", ids.len(), role.name))
                    .detail(format!("Workloads: {}.", some_of(ids))),
            );
        }
        let lost: u64 = one.access.unattributed.values().sum();
        if lost > 0 {
            let severity = if one.access.workloads.is_empty() { Severity::Medium } else { Severity::Low };
            let reasons = one
                .access
                .unattributed
                .iter()
                .map(|(reason, calls)| Evidence::Fact(format!("{}: {reason}", counted(*calls, "call"))));
            findings.push(
                Finding::new(Code::UnattributedUse, one.arn, severity, document(&role.origin, ""))
                    .title(format!("{lost} of {} calls of {} could not be traced to a workload", one.access.calls, role.name))
                    .detail("Nothing in the logs proves which workload held these sessions; session names alone are no proof.")
                    .evidence(reasons),
            );
        }
    }
}
