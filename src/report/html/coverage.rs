//! What was read, and what could have been seen.

use super::Context;
use super::chart::Strip;
use super::markup::Markup;
use crate::report::{AccountCoverage, Coverage, IntegrityStatus};

/// Gaps listed per Region; the rest is counted.
const MAX_GAPS: usize = 5;
/// Problems and chains listed.
const MAX_PROBLEMS: usize = 100;

pub(super) fn write(page: &mut Markup, context: &Context<'_>) {
    let coverage = &context.report.coverage;
    page.raw("<section id=\"coverage\" aria-labelledby=\"coverage-title\">\n<h2 id=\"coverage-title\">Coverage</h2>\n");
    page.raw(
        "<p class=\"intro\">Absence of use means something only where the logs would have shown the use. ",
    );
    page.raw("This is what was read and what it can show.</p>\n<div class=\"pair\">");
    counters(page, coverage);
    page.raw("</div>");
    issues(page, coverage);
    accounts(page, context);
    integrity(page, coverage);
    page.raw("</section>\n");
}

fn counters(page: &mut Markup, coverage: &Coverage) {
    let objects = coverage.objects;
    page.raw("<div class=\"card\"><h3>Log objects</h3><dl class=\"ledger\">");
    for (word, n) in [
        ("listed", objects.listed),
        ("read", objects.read),
        ("skipped on purpose", objects.skipped),
        ("failed", objects.failed),
    ] {
        counter(page, word, n);
    }
    if coverage.retries > 0 {
        counter(page, "requests that had to be repeated", coverage.retries);
    }
    page.raw("</dl>");
    if !coverage.skipped.is_empty() {
        page.raw("<p class=\"meta\">");
        for (reason, n) in &coverage.skipped {
            page.raw("<span><span class=\"muted\">").text(reason).raw("</span> ").number(*n).raw("</span>");
        }
        page.raw("</p>");
    }
    let events = coverage.events;
    page.raw("</div><div class=\"card\"><h3>Events</h3><dl class=\"ledger\">");
    for (word, n) in [
        ("read", events.read),
        ("delivered more than once", events.duplicates),
        ("other accounts' copies", events.copies),
        ("not usable", events.malformed),
        ("outside the window", events.outside_window),
        ("calls counted", events.counted),
    ] {
        counter(page, word, n);
    }
    page.raw("</dl><p class=\"meta\"><span><span class=\"muted\">of these, AWS for itself</span> ")
        .number(coverage.aws_itself);
    page.raw("</span>");
    for (reason, n) in &coverage.no_principal {
        page.raw("<span><span class=\"muted\">").text(reason).raw("</span> ").number(*n).raw("</span>");
    }
    page.raw("</p></div>");
}

fn counter(page: &mut Markup, word: &str, n: u64) {
    page.raw("<div>").element("dt", "", word).raw("<dd>").number(n).raw("</dd></div>");
}

fn issues(page: &mut Markup, coverage: &Coverage) {
    if !coverage.issues.is_empty() {
        page.raw("<h3>What could not be read</h3>");
        page.table(
            true,
            "Objects that could not be read, or not to their end",
            &["Object", "Kind", "What is wrong", "#Events read"],
        );
        page.raw("<tbody>");
        for issue in &coverage.issues {
            page.raw("<tr><th scope=\"row\">").code(&issue.object).raw("</th>").element(
                "td",
                "",
                &issue.kind,
            );
            page.element("td", "", &issue.detail).number_cell(issue.events_read).raw("</tr>\n");
        }
        page.end_table();
    }
    if !coverage.grant_problems.is_empty() {
        page.raw("<h3>What could not be understood on the granted side</h3>")
            .sentences("plain", &coverage.grant_problems);
    }
}

fn accounts(page: &mut Markup, context: &Context<'_>) {
    let accounts = &context.report.coverage.accounts;
    if accounts.is_empty() {
        return;
    }
    let strip = Strip::of(context.report);
    page.raw("<h3>Accounts and Regions</h3>");
    page.table(
        false,
        "What the logs show, by account and Region",
        &["Account", "Region", "Over the window", "First event", "Last event", "Gaps"],
    );
    page.raw("<tbody>");
    for account in accounts {
        one_account(page, account, strip);
    }
    page.end_table();
    page.table(false, "Data events seen, by account", &["Account", "Data events seen", "Not seen"])
        .raw("<tbody>");
    for account in accounts {
        page.raw("<tr><th scope=\"row\"><span class=\"mono\">").text(&account.account).raw("</span></th>");
        for wanted in [true, false] {
            let names: Vec<&str> = account
                .data_events
                .iter()
                .filter(|(_, seen)| **seen == wanted)
                .map(|(name, _)| name.as_str())
                .collect();
            page.element("td", "", &names.join(", "));
        }
        page.raw("</tr>\n");
    }
    page.end_table();
}

fn one_account(page: &mut Markup, account: &AccountCoverage, strip: Option<Strip>) {
    for region in &account.regions {
        page.raw("<tr><th scope=\"row\"><span class=\"mono\">").text(&account.account).raw("</span></th>");
        page.element("td", "one", &region.region).raw("<td class=\"wide-cell\">");
        if let Some(strip) = strip {
            let who = format!("account {}, {}", account.account, region.region);
            strip.draw(page, &who, std::slice::from_ref(region));
        }
        page.raw("</td><td>").time(region.first).raw("</td><td>").time(region.last).raw("</td><td>");
        for gap in region.gaps.iter().take(MAX_GAPS) {
            page.raw("<span class=\"item\">")
                .time(Some(gap.from))
                .raw(" to ")
                .time(Some(gap.to))
                .raw("</span> ");
        }
        if region.gaps.len() > MAX_GAPS {
            page.raw("<span class=\"muted\">and ")
                .number((region.gaps.len() - MAX_GAPS) as u64)
                .raw(" more</span>");
        }
        page.raw("</td></tr>\n");
    }
}

fn integrity(page: &mut Markup, coverage: &Coverage) {
    let integrity = &coverage.integrity;
    page.raw("<h3>Integrity of the logs</h3><p>");
    match integrity.status {
        IntegrityStatus::Verified => page.badge("good", "verified"),
        IntegrityStatus::Failed => page.badge("bad", "failed"),
        IntegrityStatus::NotChecked => page.badge("", "not checked"),
    };
    page.raw(" ").number(integrity.digests).raw(" digest files; ").number(integrity.files_verified);
    page.raw(" log files verified, ").number(integrity.files_unverified).raw(" not covered by a digest.</p>");
    page.sentences("plain", integrity.problems.get(..MAX_PROBLEMS).unwrap_or(&integrity.problems));
    if integrity.problems.len() > MAX_PROBLEMS {
        page.raw("<p class=\"muted\">and ")
            .number((integrity.problems.len() - MAX_PROBLEMS) as u64)
            .raw(" more; report.json has them</p>");
    }
    page.sentences("plain", &integrity.notes);
    if integrity.chains.is_empty() {
        return;
    }
    page.table(
        true,
        "Chains of digest files, by account, Region and trail",
        &["Account", "Region", "Trail", "From", "To", "#Digests", "#Valid", "#Log files", "#Valid files"],
    );
    page.raw("<tbody>");
    for chain in integrity.chains.iter().take(MAX_PROBLEMS) {
        page.raw("<tr><th scope=\"row\"><span class=\"mono\">").text(&chain.account).raw("</span></th>");
        page.element("td", "", &chain.region);
        page.raw("<td>").text(&chain.trail).raw(if chain.backfill {
            " (backfill)</td><td>"
        } else {
            "</td><td>"
        });
        page.time(Some(chain.from)).raw("</td><td>").time(Some(chain.to)).raw("</td>");
        page.number_cell(chain.digests).number_cell(chain.digests_valid);
        page.number_cell(chain.files).number_cell(chain.files_valid).raw("</tr>\n");
    }
    page.end_table();
}
