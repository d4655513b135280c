//! What the roles could do to harm, and the kinds of findings, each counted over the whole report.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::markup::Markup;
use super::overview::{ROWS, more};
use super::{Context, chart, findings};
use crate::report::summary::{count, number};
use crate::report::{Power, Report, Severity};

/// Kinds of power that are counted, in the words of a role's own part, and whether a role has any of it.
type Kind = (&'static str, fn(&Power) -> bool);

const KINDS: [Kind; 5] = [
    ("Have ways to more power", |power| power.escalation_paths > 0),
    ("Return or make credentials", |power| has(power, "credentials")),
    ("Change who may reach a resource", |power| has(power, "exposure")),
    ("Return stored data", |power| has(power, "data")),
    ("Act on every resource of a type", |power| power.broad_actions > 0),
];

fn has(power: &Power, kind: &str) -> bool {
    power.sensitive.iter().any(|one| one.kind == kind && one.actions > 0)
}

/// How many roles have each kind of power, now and with the proposals; a role without one stays as it is.
pub(super) fn powers(page: &mut Markup, report: &Report) {
    let counted = KINDS.map(|(name, holds)| {
        let privileges = report.roles.iter().map(|role| &role.privilege);
        let now = privileges.clone().filter(|one| holds(&one.before)).count() as u64;
        let then = privileges.filter(|one| holds(one.after.as_ref().unwrap_or(&one.before))).count() as u64;
        (name, now, then)
    });
    page.raw("<figure class=\"card\"><figcaption>Roles by what they may do, now and as proposed</figcaption><ol class=\"bars\">");
    for (name, now, then) in counted {
        page.raw("<li><div class=\"label\"><span>").raw(name).raw("</span><span class=\"muted\">");
        let words = format!("{}, {} as proposed", count(now, "role", "roles"), number(then));
        page.text(&words).raw("</span></div>");
        chart::remaining(page, then, now, report.roles.len() as u64, &format!("{name}: {words}"));
        page.raw("</li>");
    }
    page.raw("</ol></figure>\n");
}

/// One kind of finding: its worst severity and how many there are.
pub(super) fn kinds(report: &Report) -> Vec<(&str, Severity, u64)> {
    let mut kinds: BTreeMap<&str, (Severity, u64)> = BTreeMap::new();
    for finding in &report.findings {
        let (worst, n) = kinds.entry(finding.code.as_str()).or_insert((finding.severity, 0));
        *worst = (*worst).max(finding.severity);
        *n += 1;
    }
    let mut kinds: Vec<_> = kinds.into_iter().map(|(code, (worst, n))| (code, worst, n)).collect();
    kinds.sort_by_key(|(code, worst, n)| (Reverse(*worst), Reverse(*n), *code));
    kinds
}

/// Findings by kind; a click shows those of the kind alone.
pub(super) fn by_kind(page: &mut Markup, context: &Context<'_>) {
    let kinds = kinds(context.report);
    page.raw("<figure class=\"card\"><figcaption>Findings by kind</figcaption>");
    let Some(most) = kinds.iter().map(|(_, _, n)| *n).max() else {
        page.raw("<p class=\"muted\">Nothing to report.</p></figure>\n");
        return;
    };
    page.raw("<ol class=\"bars\">");
    for (code, worst, n) in kinds.iter().take(ROWS) {
        page.raw("<li><div class=\"label\"><span><a href=\"#findings\"")
            .attribute("data-kind", code)
            .raw(">");
        page.text(code).raw("</a> ");
        findings::severity(page, *worst);
        let words = count(*n, "finding", "findings");
        page.raw("</span><span class=\"muted\">").text(&words).raw("</span></div>");
        chart::bar(page, "plain", *n, most, &format!("{code}: {words}"));
        page.raw("</li>");
    }
    page.raw("</ol>");
    more(page, kinds.len(), "#findings", "kinds");
    page.raw("</figure>\n");
}
