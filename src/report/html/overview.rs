//! The first screen: what the audit found, in one sentence, six numbers and six charts.

use super::markup::Markup;
use super::{Context, chart, findings, risks, workloads};
use crate::report::summary::{advice, by_excess, count, number, percent};
use crate::report::text::window;
use crate::report::{Attribution, IntegrityStatus, ProposalVerdict, Role, Severity, Workload};

/// Rows of a chart; the tables below have them all.
pub(super) const ROWS: usize = 8;
/// Accounts in the strip chart; the coverage part has them all.
const STRIPS: usize = 40;

pub(super) fn write(page: &mut Markup, context: &Context<'_>) {
    let report = context.report;
    let verdicts = context.summary.verdicts;
    page.raw("<section id=\"overview\" aria-labelledby=\"overview-title\">\n");
    page.raw("<p class=\"kicker\">Least-privilege audit</p>\n<h1 id=\"overview-title\">");
    if verdicts.total() == 0 {
        page.text(&count(report.roles.len() as u64, "role", "roles"))
            .raw(" in use, and no grant to compare with");
    } else {
        page.number(verdicts.used).raw(" of ").number(verdicts.total()).raw(" granted permissions were used");
    }
    page.raw("</h1>\n<p class=\"lead\">");
    page.text(&count(report.roles.len() as u64, "role", "roles"))
        .raw(", ")
        .text(&window(report))
        .raw("</p>\n");
    let reasons = report.incompleteness();
    if !reasons.is_empty() {
        page.raw("<div class=\"notice\" role=\"note\"><p><strong>This report is not complete.</strong> It cannot vouch for ");
        page.raw("what was not read; see <a href=\"#coverage\">coverage</a>.</p>")
            .sentences("plain", &reasons)
            .raw("</div>\n");
    }
    tiles(page, context);
    page.raw("<figure class=\"card\"><figcaption>What became of every granted permission</figcaption><div class=\"tall\">");
    chart::verdict_bar(page, verdicts, verdicts.total());
    page.raw("</div>");
    chart::legend(page, verdicts);
    page.raw("</figure>\n<div class=\"pair\">\n");
    excess(page, context);
    busiest(page, context);
    page.raw("</div>\n<div class=\"pair\">\n");
    if verdicts.total() > 0 {
        risks::powers(page, report);
    }
    risks::by_kind(page, context);
    page.raw("</div>\n");
    strips(page, context);
    page.raw("</section>\n");
}

fn tiles(page: &mut Markup, context: &Context<'_>) {
    let report = context.report;
    let summary = &context.summary;
    page.raw("<dl class=\"tiles\">");
    let verdicts = summary.verdicts;
    let unused = format!("{} permissions", number(verdicts.unused));
    tile(page, "", "Shown to be unused", &percent(verdicts.unused, verdicts.total()), &unused);
    let of = |verdict: ProposalVerdict| {
        summary.proposals.iter().find(|(of, _)| *of == verdict).map_or(0, |(_, n)| *n)
    };
    let replace = of(ProposalVerdict::Replace);
    tile(
        page,
        if summary.proven == replace { "good" } else { "warn" },
        "Smaller policies proven",
        &format!("{} of {}", number(summary.proven), number(replace)),
        &format!("{} to delete", count(of(ProposalVerdict::DeleteRole), "further role", "further roles")),
    );
    let (requests, allowed) = summary.replayed;
    tile(
        page,
        if requests == allowed { "good" } else { "bad" },
        "Seen requests still allowed",
        &percent(allowed, requests),
        &format!("{} of {} replayed", number(allowed), number(requests)),
    );
    let calls: u64 = summary.attribution.iter().map(|(_, n)| n).sum();
    let unknown: u64 =
        summary.attribution.iter().filter(|(grade, _)| *grade == Attribution::Unknown).map(|(_, n)| n).sum();
    tile(
        page,
        "",
        "Calls traced to a workload",
        &percent(calls - unknown, calls),
        &count(report.workloads.len() as u64, "workload", "workloads"),
    );
    let urgent: u64 =
        summary.severities.iter().filter(|(severity, _)| *severity >= Severity::High).map(|(_, n)| n).sum();
    tile(
        page,
        if urgent > 0 { "bad" } else { "good" },
        "Critical and high findings",
        &number(urgent),
        &format!("of {}", count(report.findings.len() as u64, "finding", "findings")),
    );
    let integrity = &report.coverage.integrity;
    let (class, detail) = match integrity.status {
        IntegrityStatus::Verified => {
            ("good", format!("{} checked", count(integrity.files_verified, "file", "files")))
        }
        IntegrityStatus::Failed => ("bad", count(integrity.problems.len() as u64, "problem", "problems")),
        IntegrityStatus::NotChecked => ("", "no digest file checked".to_owned()),
    };
    tile(page, class, "Log integrity", &integrity.status.as_str().replace('-', " "), &detail);
    page.raw("</dl>\n");
}

fn tile(page: &mut Markup, class: &'static str, name: &str, value: &str, detail: &str) {
    page.raw("<div class=\"tile ")
        .raw(class)
        .raw("\">")
        .element("dt", "", name)
        .element("dd", "value", value);
    page.element("dd", "detail", detail).raw("</div>");
}

fn excess(page: &mut Markup, context: &Context<'_>) {
    let roles: Vec<&Role> =
        by_excess(context.report).into_iter().filter(|role| role.granted.actions > 0).collect();
    page.raw("<figure class=\"card\"><figcaption>Roles by excess</figcaption>");
    if roles.is_empty() {
        page.raw("<p class=\"muted\">No role's grant is known; give a snapshot with <code>--iam</code>.</p></figure>\n");
        return;
    }
    let most = roles.iter().map(|role| role.granted.verdicts.total()).max().unwrap_or(0);
    page.raw("<ol class=\"bars\">");
    for role in roles.iter().take(ROWS) {
        page.raw("<li><div class=\"label\">");
        page.raw("<span>");
        context.anchors.role_name(page, role);
        if let Some(worst) = context.worst.get(role.arn.as_str()) {
            page.raw(" ");
            findings::severity(page, *worst);
        }
        let verdicts = role.granted.verdicts;
        page.raw("</span><span class=\"muted\">").number(verdicts.unused).raw(" unused, ");
        page.text(&percent(verdicts.unused, verdicts.total()))
            .raw(" · score ")
            .number(role.privilege.before.score);
        page.raw(" · ").text(advice(role.proposal.verdict)).raw("</span></div>");
        chart::verdict_bar(page, verdicts, most);
        page.raw("</li>");
    }
    page.raw("</ol>");
    more(page, roles.len(), "#roles", "roles");
    page.raw("</figure>\n");
}

fn busiest(page: &mut Markup, context: &Context<'_>) {
    let mut all: Vec<&Workload> = context.report.workloads.iter().collect();
    all.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.id.cmp(&b.id)));
    page.raw("<figure class=\"card\"><figcaption>Calls per workload</figcaption>");
    let Some(first) = all.first() else {
        page.raw("<p class=\"muted\">No workload could be named.</p></figure>\n");
        return;
    };
    page.raw("<ol class=\"bars\">");
    for workload in all.iter().take(ROWS) {
        page.raw("<li><div class=\"label\">");
        context.anchors.workload(page, &workload.id);
        page.raw("<span class=\"muted\">").text(&count(workload.calls, "call", "calls")).raw("</span></div>");
        let label = format!("{}: {}", workloads::short(&workload.id), count(workload.calls, "call", "calls"));
        chart::bar(page, "plain", workload.calls, first.calls, &label);
        page.raw("</li>");
    }
    page.raw("</ol>");
    more(page, all.len(), "#workloads", "workloads");
    page.raw("</figure>\n");
}

pub(super) fn more(page: &mut Markup, total: usize, link: &'static str, word: &'static str) {
    if total > ROWS {
        page.raw("<p class=\"more\"><a href=\"")
            .raw(link)
            .raw("\">All ")
            .number(total as u64)
            .raw(" ")
            .raw(word);
        page.raw("</a></p>");
    }
}

fn strips(page: &mut Markup, context: &Context<'_>) {
    let accounts = &context.report.coverage.accounts;
    let Some(strip) = chart::Strip::of(context.report).filter(|_| !accounts.is_empty()) else {
        return;
    };
    page.raw("<figure class=\"card\"><figcaption>Log coverage by account");
    if strip.days == 1 {
        page.raw(" and day");
    } else {
        page.raw(", ").text(&strip.days.to_string()).raw(" days a cell");
    }
    page.raw("</figcaption><div class=\"strips\">");
    for account in accounts.iter().take(STRIPS) {
        page.raw("<div class=\"strip-row\"><span class=\"mono\">").text(&account.account).raw("</span>");
        strip.draw(page, &format!("account {}", account.account), &account.regions);
        page.raw("<span class=\"muted\">").text(&count(account.regions.len() as u64, "Region", "Regions"));
        page.raw("</span></div>");
    }
    let window = &context.report.window;
    page.raw("<div class=\"strip-row axis\"><span></span><span class=\"ends\"><span>").time(window.from);
    page.raw("</span><span>").time(window.to).raw("</span></span><span></span></div></div>");
    if accounts.len() > STRIPS {
        page.raw("<p class=\"more\"><a href=\"#coverage\">All ")
            .number(accounts.len() as u64)
            .raw(" accounts</a></p>");
    }
    page.raw("</figure>\n");
}
