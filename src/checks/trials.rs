//! Trials under way: one that denied something, and one that ran for as long as was asked for.

use super::{Case, RoleCase, counted, event, some_of};
use crate::finding::{Code, Evidence, Finding, Severity};
use crate::rightsize::{Running, TrialVerdict};

fn with_verdict<'c>(
    case: &'c Case<'_>,
    verdict: TrialVerdict,
) -> impl Iterator<Item = (&'c RoleCase<'c>, &'c Running)> {
    let running = case.roles.iter().filter_map(|one| Some((one, one.stage.running.as_ref()?)));
    running.filter(move |(_, running)| running.verdict == verdict)
}

/// Where a trial was begun, as evidence.
fn begun(running: &Running) -> Evidence {
    match (&running.event, running.since) {
        (Some(id), _) => event(id),
        (None, Some(since)) => Evidence::Fact(format!("`{}` was put on the role by {since}", running.name)),
        (None, None) => Evidence::Fact(format!("`{}` is on the role", running.name)),
    }
}

pub(super) fn trial_denied(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (one, running) in with_verdict(case, TrialVerdict::RollBack) {
        let calls: u64 = running.denied.iter().map(|denial| denial.calls).sum();
        let actions = some_of(running.denied.iter().map(|denial| denial.action.as_str()));
        let detail = match running.denied.is_empty() {
            true => running.reasons.join(" "),
            false => {
                let workloads = running.denied.iter().flat_map(|denial| &denial.workloads);
                let workloads: std::collections::BTreeSet<&str> = workloads.map(String::as_str).collect();
                let by = match workloads.is_empty() {
                    true => String::new(),
                    false => format!(" by {}", some_of(workloads)),
                };
                format!(
                    "On day {} of {} the trial `{}` has denied {}{by}: {actions}.",
                    running.days,
                    running.watch_days,
                    running.name,
                    counted(calls, "call")
                )
            }
        };
        let samples = running.denied.iter().map(|denial| event(&denial.sample));
        findings.push(
            Finding::new(Code::TrialDenied, one.arn, Severity::High, begun(running))
                .detail(detail)
                .evidence(samples),
        );
    }
}

pub(super) fn trial_complete(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (one, running) in with_verdict(case, TrialVerdict::Remove) {
        let detail = format!("The trial `{}`: {}", running.name, running.reasons.join(" "));
        findings
            .push(Finding::new(Code::TrialComplete, one.arn, Severity::Low, begun(running)).detail(detail));
    }
}
