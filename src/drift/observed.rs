//! What two reports observed: use, workloads, bindings, findings.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Code, Side};
use crate::report::{Binding, Finding, Report, Role, count};

pub(super) fn compare(old: &Side, new: &Side, changes: &mut Vec<Change>, not_compared: &mut Vec<String>) {
    let (Some(before), Some(after)) = (&old.report, &new.report) else {
        if old.report.is_some() != new.report.is_some() {
            not_compared
                .push("Use, bindings and findings: only one side is the report of an audit.".to_owned());
        }
        return;
    };
    uses(before, after, changes);
    workloads(before, after, changes);
    bindings(before, after, changes);
    findings(before, after, changes);
}

/// Actions used on one side only, by role.
fn uses(before: &Report, after: &Report, changes: &mut Vec<Change>) {
    let by_arn = |report: &'_ Report| -> BTreeMap<String, BTreeSet<String>> {
        let used = |role: &Role| role.used.iter().map(|used| used.action.clone()).collect();
        report.roles.iter().map(|role| (role.arn.clone(), used(role))).collect()
    };
    let (old, new) = (by_arn(before), by_arn(after));
    let none = BTreeSet::new();
    let arns: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for arn in arns {
        let (then, now) = (old.get(arn).unwrap_or(&none), new.get(arn).unwrap_or(&none));
        for (code, more, less, word) in
            [(Code::NewUse, now, then, "not used before"), (Code::VanishedUse, then, now, "no longer used")]
        {
            let actions: Vec<String> = more.difference(less).cloned().collect();
            if !actions.is_empty() {
                let title = format!("{} {word}", count(actions.len() as u64, "action", "actions"));
                changes.push(Change::new(code, arn, title).details(actions));
            }
        }
    }
}

fn workloads(before: &Report, after: &Report, changes: &mut Vec<Change>) {
    let ids = |report: &Report| -> BTreeMap<String, Vec<String>> {
        report.workloads.iter().map(|workload| (workload.id.clone(), workload.roles.clone())).collect()
    };
    let (old, new) = (ids(before), ids(after));
    for (id, roles) in new.iter().filter(|(id, _)| !old.contains_key(*id)) {
        changes.push(
            Change::new(Code::NewWorkload, id, "A workload that was not seen before").details(roles.clone()),
        );
    }
    for (id, roles) in old.iter().filter(|(id, _)| !new.contains_key(*id)) {
        changes.push(
            Change::new(Code::VanishedWorkload, id, "A workload that is no longer seen")
                .details(roles.clone()),
        );
    }
}

fn bindings(before: &Report, after: &Report, changes: &mut Vec<Change>) {
    let key = |binding: &Binding| {
        let cluster = binding.cluster.clone().unwrap_or_else(|| "?".to_owned());
        format!("{cluster}/{}/{}", binding.namespace, binding.service_account)
    };
    let says = |binding: &Binding| -> Vec<(&'static str, String)> {
        vec![
            ("annotation", binding.annotated_role.clone().unwrap_or_else(|| "none".to_owned())),
            ("associations", listed(&binding.associated_roles)),
            ("trust", binding.trust.clone().unwrap_or_else(|| "not bound".to_owned())),
            ("state", binding.state.clone()),
        ]
    };
    let by_key = |report: &Report| -> BTreeMap<String, Vec<(&'static str, String)>> {
        report.bindings.iter().map(|binding| (key(binding), says(binding))).collect()
    };
    let (old, new) = (by_key(before), by_key(after));
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let (title, details) = match (old.get(key), new.get(key)) {
            (Some(then), Some(now)) if then == now => continue,
            (Some(then), Some(now)) => {
                let differ = then.iter().zip(now).filter(|((_, was), (_, is))| was != is);
                let details =
                    differ.map(|((what, was), (_, is))| format!("{what}: {was} before, {is} now")).collect();
                ("The binding of a ServiceAccount changed", details)
            }
            (None, Some(now)) => ("A ServiceAccount is new", sentences(now)),
            (Some(then), None) => ("A ServiceAccount is gone", sentences(then)),
            (None, None) => continue,
        };
        changes.push(Change::new(Code::BindingChanged, key, title).details(details));
    }
}

fn sentences(says: &[(&str, String)]) -> Vec<String> {
    says.iter().map(|(what, value)| format!("{what}: {value}")).collect()
}

fn listed(texts: &[String]) -> String {
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

fn findings(before: &Report, after: &Report, changes: &mut Vec<Change>) {
    let by_id = |report: &'_ Report| -> BTreeMap<String, Finding> {
        report.findings.iter().map(|finding| (finding.id.clone(), finding.clone())).collect()
    };
    let (old, new) = (by_id(before), by_id(after));
    let titled = |code: Code, finding: &Finding| {
        let details = vec![format!("{}: {}", finding.code, finding.detail)];
        Change::new(code, &finding.subject, &finding.title).details(details)
    };
    let mut opened: Vec<Change> = Vec::new();
    for finding in new.iter().filter(|(id, _)| !old.contains_key(*id)).map(|(_, finding)| finding) {
        let severity = finding.severity.as_str().to_owned();
        opened.push(Change { severity, ..titled(Code::FindingOpened, finding) });
    }
    let closed = old.iter().filter(|(id, _)| !new.contains_key(*id));
    opened.extend(closed.map(|(_, finding)| titled(Code::FindingClosed, finding)));
    changes.extend(opened);
}
