//! What two reports (or ledgers) observed: use, refusals, workloads, bindings, findings.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Code, Side};
use crate::report::{Binding, Finding, Report, Role, Workload, count};

pub(super) fn compare(old: &Side, new: &Side, changes: &mut Vec<Change>, not_compared: &mut Vec<String>) {
    let (Some(before), Some(after)) = (&old.report, &new.report) else {
        if old.report.is_some() != new.report.is_some() {
            not_compared.push(
                "Use, refusals, workloads, bindings and findings: only one side is an audit's report or a ledger."
                    .to_owned(),
            );
        }
        return;
    };
    let is_alike = is_asked_alike(before, after);
    uses(before, after, is_alike, changes);
    denials(before, after, is_alike, changes);
    if !is_alike {
        not_compared.push(
            "Workloads, bindings, findings, and roles that one side lacks: the sides were asked for different accounts, roles or Regions."
                .to_owned(),
        );
        return;
    }
    let seen = Seen::of(before, after);
    workloads(before, after, &seen, changes);
    bindings(before, after, changes, not_compared);
    if old.has_grants && new.has_grants {
        findings(before, after, changes);
    } else {
        not_compared.push("Findings: one side is a ledger without a snapshot of what is granted.".to_owned());
    }
}

/// Whether both were asked for the same accounts, roles and Regions.
fn is_asked_alike(before: &Report, after: &Report) -> bool {
    let asked = |report: &Report| {
        let settings = &report.settings;
        let set = |texts: &[String]| texts.iter().cloned().collect::<BTreeSet<String>>();
        [set(&settings.accounts), set(&settings.roles), set(&settings.regions)]
    };
    asked(before) == asked(after)
}

/// What to keep in mind when reading the changes.
pub(super) fn notes(old: &Side, new: &Side) -> Vec<String> {
    let mut notes = Vec::new();
    for side in [old, new] {
        notes.extend(side.problems.iter().map(|problem| format!("{}: {problem}.", side.name)));
    }
    let (Some(before), Some(after)) = (&old.report, &new.report) else { return notes };
    let span = |report: &Report| {
        let end =
            |time: Option<crate::ident::Time>| time.map_or_else(|| "?".to_owned(), |time| time.to_string());
        let days = count(report.window.days, "day", "days");
        format!("{days} ({} to {})", end(report.window.from), end(report.window.to))
    };
    if before.window.days != after.window.days {
        notes.push(format!(
            "{} looks at {}, {} at {}: what the shorter window did not show may be in use all the same.",
            old.name,
            span(before),
            new.name,
            span(after)
        ));
    }
    for (side, report) in [(old, before), (new, after)] {
        let reasons = report.incompleteness();
        if let [first, ..] = reasons.as_slice() {
            notes.push(format!(
                "{} is not complete ({first}): what it does not show may have happened all the same.",
                side.name
            ));
        }
    }
    let made_by = |report: &Report| {
        let tool = &report.tool;
        format!("{} {} with the catalog of {}", tool.name, tool.version, tool.catalog.date)
    };
    if made_by(before) != made_by(after) {
        notes.push(format!(
            "{} was made by {}, {} by {}: some actions and findings may differ for that alone.",
            old.name,
            made_by(before),
            new.name,
            made_by(after)
        ));
    }
    notes
}

/// Something of each role, by ARN; of reports that were asked for different things only of roles that are in both.
fn by_role(
    (before, after): (&Report, &Report),
    is_alike: bool,
    of: impl Fn(&Role) -> BTreeSet<String>,
) -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let map = |report: &Report| -> BTreeMap<String, BTreeSet<String>> {
        report.roles.iter().map(|role| (role.arn.clone(), of(role))).collect()
    };
    let (mut old, mut new) = (map(before), map(after));
    let arns: BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
    let mut both = BTreeMap::new();
    for arn in arns {
        match (old.remove(&arn), new.remove(&arn)) {
            (None, _) | (_, None) if !is_alike => {}
            (then, now) => drop(both.insert(arn, (then.unwrap_or_default(), now.unwrap_or_default()))),
        }
    }
    both
}

/// One change for each role and direction in which something came or went.
fn come_and_gone(
    both: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>,
    [come, gone]: [(Code, &str); 2],
    changes: &mut Vec<Change>,
) {
    for (arn, (then, now)) in both {
        for ((code, word), more, less) in [(come, &now, &then), (gone, &then, &now)] {
            let told: Vec<String> = more.difference(less).cloned().collect();
            if !told.is_empty() {
                let title = format!("{} {word}", count(told.len() as u64, "action", "actions"));
                changes.push(Change::new(code, &arn, title).details(told));
            }
        }
    }
}

/// Actions used on one side only, by role.
fn uses(before: &Report, after: &Report, is_alike: bool, changes: &mut Vec<Change>) {
    let used = |role: &Role| role.used.iter().map(|used| used.action.clone()).collect();
    let both = by_role((before, after), is_alike, used);
    come_and_gone(
        both,
        [(Code::NewUse, "not used before"), (Code::VanishedUse, "no longer seen in use")],
        changes,
    );
}

/// Actions refused on one side only, by role and by what refused them.
fn denials(before: &Report, after: &Report, is_alike: bool, changes: &mut Vec<Change>) {
    let denied = |role: &Role| {
        let told = role.denied.iter().map(|denied| {
            let how = if denied.explicit { " explicitly" } else { "" };
            format!("{} (refused{how} by: {})", denied.action, denied.layer)
        });
        told.collect()
    };
    let both = by_role((before, after), is_alike, denied);
    come_and_gone(
        both,
        [
            (Code::NewDenials, "refused that were not refused before"),
            (Code::VanishedDenials, "no longer refused"),
        ],
        changes,
    );
}

/// What the logs of either side show of ServiceAccounts: told by their bindings, and so not again by their workloads.
struct Seen(BTreeSet<(String, String, String)>);

impl Seen {
    fn of(before: &Report, after: &Report) -> Self {
        let rows = before.bindings.iter().chain(&after.bindings);
        let of = |row: &Binding| -> Vec<(String, String, String)> {
            let seen = row.observed.iter().map(|seen| seen.role.clone());
            seen.map(|role| (row.namespace.clone(), row.service_account.clone(), role)).collect()
        };
        Self(rows.flat_map(of).collect())
    }

    fn holds(&self, workload: &Workload, role: &str) -> bool {
        let (Some(namespace), Some(name)) = (&workload.namespace, &workload.service_account) else {
            return false;
        };
        self.0.contains(&(namespace.clone(), name.clone(), role.to_owned()))
    }
}

fn workloads(before: &Report, after: &Report, seen: &Seen, changes: &mut Vec<Change>) {
    fn by_id(report: &Report) -> BTreeMap<&str, &Workload> {
        report.workloads.iter().map(|workload| (workload.id.as_str(), workload)).collect()
    }
    let (old, new) = (by_id(before), by_id(after));
    for (id, now) in &new {
        let Some(then) = old.get(id) else {
            let title = "A workload that was not seen before";
            changes.push(Change::new(Code::NewWorkload, *id, title).details(now.roles.clone()));
            continue;
        };
        let lacks = |one: &Workload, other: &Workload| -> Vec<String> {
            let roles = one.roles.iter().filter(|role| !other.roles.contains(role) && !seen.holds(now, role));
            roles.cloned().collect()
        };
        let come = lacks(now, then).into_iter().map(|role| format!("{role}: not seen before"));
        let gone = lacks(then, now).into_iter().map(|role| format!("{role}: no longer seen"));
        let details: Vec<String> = come.chain(gone).collect();
        if !details.is_empty() {
            let title = "A workload was seen with other roles than before";
            changes.push(Change::new(Code::WorkloadRolesChanged, *id, title).details(details));
        }
    }
    for (id, then) in old.iter().filter(|(id, _)| !new.contains_key(*id)) {
        let title = "A workload that is no longer seen";
        changes.push(Change::new(Code::VanishedWorkload, *id, title).details(then.roles.clone()));
    }
}

/// What a binding says, by what it says it of.
type Says = Vec<(&'static str, String)>;

/// Whether manifests or associations tell of a binding; else only the logs do.
fn is_declared(binding: &Binding) -> bool {
    binding.file.is_some() || binding.annotated_role.is_some() || !binding.associated_roles.is_empty()
}

fn bindings(before: &Report, after: &Report, changes: &mut Vec<Change>, not_compared: &mut Vec<String>) {
    let tells = |report: &Report| report.bindings.iter().any(is_declared);
    let declared = tells(before) && tells(after);
    if tells(before) != tells(after) {
        not_compared.push(
            "What ServiceAccounts are bound to: only one side has manifests or Pod Identity associations."
                .to_owned(),
        );
    }
    let key = |binding: &Binding| {
        let cluster = binding.cluster.clone().unwrap_or_else(|| "?".to_owned());
        format!("{cluster}/{}/{}", binding.namespace, binding.service_account)
    };
    let says = |binding: &Binding| -> Says {
        let roles = |is_wanted: fn(&crate::report::ObservedBinding) -> bool| {
            let roles = binding.observed.iter().filter(|seen| is_wanted(seen)).map(|seen| seen.role.clone());
            listed(&roles.collect::<Vec<_>>())
        };
        let mut says = Vec::new();
        if declared {
            says = vec![
                ("annotation", binding.annotated_role.clone().unwrap_or_else(|| "none".to_owned())),
                ("associations", listed(&binding.associated_roles)),
                ("trust", binding.trust.clone().unwrap_or_else(|| "not bound".to_owned())),
                ("state", binding.state.clone()),
            ];
        }
        says.push(("seen with", roles(|seen| seen.irsa + seen.pod_identity > 0)));
        says.push(("refused by", roles(|seen| seen.denied > 0)));
        says
    };
    // A row that only the logs tell of comes and goes with its workload.
    let is_told = |binding: &Binding, report: &Report| {
        let is_its = |workload: &Workload| {
            workload.namespace.as_ref() == Some(&binding.namespace)
                && workload.service_account.as_ref() == Some(&binding.service_account)
        };
        !(declared && is_declared(binding)) && report.workloads.iter().any(is_its)
    };
    let by_key = |report: &Report| -> BTreeMap<String, (bool, Says)> {
        let rows = report.bindings.iter().filter(|row| declared || !row.observed.is_empty());
        rows.map(|row| (key(row), (is_told(row, report), says(row)))).collect()
    };
    let (old, new) = (by_key(before), by_key(after));
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let (title, details) = match (old.get(key), new.get(key)) {
            (Some((_, then)), Some((_, now))) if then == now => continue,
            (Some((_, then)), Some((_, now))) => {
                let differ = then.iter().zip(now).filter(|((_, was), (_, is))| was != is);
                let details =
                    differ.map(|((what, was), (_, is))| format!("{what}: {was} before, {is} now")).collect();
                ("The binding of a ServiceAccount changed", details)
            }
            (None, Some((is_told, now))) if !is_told => ("A ServiceAccount is new", sentences(now)),
            (Some((is_told, then)), None) if !is_told => ("A ServiceAccount is gone", sentences(then)),
            _ => continue,
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
