//! The table of roles, then a part for each.

use super::markup::Markup;
use super::{Context, chart, findings, role};
use crate::report::summary::{advice, by_excess, number};
use crate::report::{ProposalVerdict, Role, Severity};

/// With so many roles or fewer, every part is open from the start.
const OPEN_UP_TO: usize = 3;

pub(super) fn write(page: &mut Markup, context: &Context<'_>) {
    let roles = by_excess(context.report);
    page.raw("<section id=\"roles\" aria-labelledby=\"roles-title\">\n<h2 id=\"roles-title\">Roles</h2>\n");
    if roles.is_empty() {
        page.raw("<p class=\"muted\">No role was granted or used.</p></section>\n");
        return;
    }
    page.raw("<div class=\"tools\" hidden data-tools><label class=\"search\"><span>Search roles</span><input type=\"search\" ");
    page.raw("data-filter=\"role-rows role-list\" autocomplete=\"off\"></label><button type=\"button\" data-open=\"role-list\" ");
    page.raw("aria-pressed=\"false\">Open all</button><output aria-live=\"polite\" data-count=\"role-rows\"></output></div>\n");
    let columns = [
        "Role",
        "Verdicts",
        "#Granted",
        "#Used",
        "#Unused",
        "#Undeter&shy;mined",
        "#Unobserv&shy;able",
        "#Blocked",
        "#Excess score",
        "Risk",
        "#Calls",
        "Proposal",
    ];
    page.raw("<div class=\"many\">");
    page.table(
        true,
        "Every role by excess: granted permissions by verdict, excess score, worst finding, and the proposal",
        &columns,
    );
    page.raw("<tbody id=\"role-rows\">");
    let most = roles.iter().map(|role| role.granted.verdicts.total()).max().unwrap_or(0);
    for role in &roles {
        row(page, context, role, most);
    }
    page.end_table().raw("</div>");
    page.raw("<div id=\"role-list\" class=\"role-list\">\n");
    for role in &roles {
        let is_open = roles.len() <= OPEN_UP_TO;
        role::write(page, context, role, is_open);
    }
    page.raw("</div></section>\n");
}

fn row(page: &mut Markup, context: &Context<'_>, role: &Role, most: u64) {
    let verdicts = role.granted.verdicts;
    page.raw("<tr data-row").attribute("data-key", &role.arn).raw("><th scope=\"row\">");
    context.anchors.role_name(page, role);
    page.raw(" ").element("span", "account", &role.account).raw("</th><td class=\"wide-cell\" data-v=\"");
    page.digits(verdicts.unused).raw("\">");
    chart::verdict_bar(page, verdicts, most);
    page.raw("</td>");
    if role.in_snapshot {
        page.number_cell(role.granted.actions);
    } else {
        page.raw("<td class=\"n muted\" data-v=\"0\">not known</td>");
    }
    for n in [
        verdicts.used,
        verdicts.unused,
        verdicts.undetermined,
        verdicts.unobservable,
        verdicts.blocked,
        role.privilege.before.score,
    ] {
        page.number_cell(n);
    }
    let worst = context.worst.get(role.arn.as_str()).copied();
    let rank =
        worst.map_or(0, |worst| 1 + Severity::ALL.iter().rev().position(|one| *one == worst).unwrap_or(0));
    page.raw("<td data-v=\"").digits(rank as u64).raw("\">");
    match worst {
        Some(worst) => findings::severity(page, worst),
        None => {
            page.raw("<span class=\"muted\">none found</span>");
        }
    }
    page.raw("</td>").number_cell(role.calls).raw("<td>");
    proposal_badge(page, role);
    page.raw("</td></tr>\n");
}

/// What the proposal says, with whether it is proven.
pub(super) fn proposal_badge(page: &mut Markup, role: &Role) {
    let proposal = &role.proposal;
    let words = advice(proposal.verdict);
    match proposal.verdict {
        ProposalVerdict::Replace if proposal.is_proven() => {
            page.badge("good", &format!("{words}, proven"));
        }
        ProposalVerdict::Replace => {
            let lost = proposal.replay.lost.len() as u64;
            let why = if lost > 0 { format!(", {} lost", number(lost)) } else { ", not proven".to_owned() };
            page.badge("warn", &format!("{words}{why}"));
        }
        ProposalVerdict::DeleteRole => {
            page.badge("bad", words);
        }
        ProposalVerdict::Keep | ProposalVerdict::CannotTell => {
            page.badge("", words);
        }
    }
}
