//! What each statement of a proposed policy rests on: what was seen, or why it stays without having been seen.

use serde_json::Value;

use super::markup::Markup;
use crate::ident::glob::Glob;
use crate::report::summary::count;
use crate::report::{ProposedPolicy, Role, UsedAction};

/// Used actions told of one statement; the table of used actions has all.
const SHOWN: usize = 12;

pub(super) fn write(page: &mut Markup, role: &Role) {
    let statements: Vec<(&ProposedPolicy, usize, &Value)> =
        role.proposal.policies.iter().flat_map(|policy| numbered(policy)).collect();
    if statements.is_empty() {
        return;
    }
    page.raw("<h5>What each statement rests on</h5>");
    let caption = format!("What each statement proposed for {} rests on", role.name);
    page.table(false, &caption, &["Statement", "Seen", "Kept without having been seen"]).raw("<tbody>");
    for (policy, number, statement) in statements {
        page.raw("<tr><th scope=\"row\">");
        page.text(&policy.name).raw(" <span class=\"muted\">statement ").number(number as u64).raw("</span>");
        if let Some(sid) = statement.get("Sid").and_then(Value::as_str) {
            page.raw(" ").code(sid);
        }
        page.raw("</th><td>");
        let is_allow = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
        let actions = globs(statement.get("Action"), true);
        let names: Option<&[Glob]> = Some(actions.as_slice()).filter(|_| is_allow && !actions.is_empty());
        match names {
            Some(names) => seen(page, role, statement, names),
            None => {
                page.raw("<span class=\"muted\">–</span>");
            }
        }
        page.raw("</td><td class=\"words-cell\">");
        match names {
            Some(names) => kept(page, role, names),
            None if is_allow => {
                page.raw("as it was granted: it says which actions are left out");
            }
            None => {
                page.raw("as it was: it takes permissions away");
            }
        }
        page.raw("</td></tr>\n");
    }
    page.end_table();
}

/// The statements of a policy, counted from 1.
fn numbered(policy: &ProposedPolicy) -> Vec<(&ProposedPolicy, usize, &Value)> {
    let statements: Vec<&Value> = match policy.document.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    (1..).zip(statements).map(|(number, statement)| (policy, number, statement)).collect()
}

/// A text, or a list of texts, as patterns.
fn globs(value: Option<&Value>, ignores_case: bool) -> Vec<Glob> {
    let texts: Vec<&str> = match value {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => vec![text],
        _ => Vec::new(),
    };
    let new = |text: &str| if ignores_case { Glob::ignoring_case(text) } else { Glob::new(text) };
    texts.into_iter().map(new).collect()
}

fn matches(globs: &[Glob], text: &str) -> bool {
    globs.iter().any(|glob| glob.matches(text))
}

/// Used actions that the statement names, on resources that it names (or that are not told).
fn seen(page: &mut Markup, role: &Role, statement: &Value, actions: &[Glob]) {
    let resources = globs(statement.get("Resource"), false);
    let covers = |used: &&UsedAction| {
        let on = resources.is_empty()
            || used.resources.is_empty()
            || used.resources.iter().any(|one| {
                // What was seen may itself be told as a pattern.
                let seen = Glob::new(one);
                resources.iter().any(|pattern| pattern.subsumes(&seen) || pattern.overlaps(&seen))
            });
        matches(actions, &used.action) && on
    };
    let used: Vec<&UsedAction> = role.used.iter().filter(covers).collect();
    if used.is_empty() {
        page.raw("<span class=\"muted\">nothing</span>");
        return;
    }
    page.raw("<ul class=\"plain\">");
    for one in used.iter().take(SHOWN) {
        page.raw("<li>").code(&one.action).raw(" ").text(&count(one.calls, "call", "calls"));
        page.raw(", ").raw(one.evidence.as_str()).raw(", last ").time(one.last_seen);
        if !one.sample.is_empty() {
            page.raw(" <span class=\"muted\">event ").code(&one.sample).raw("</span>");
        }
        page.raw("</li>");
    }
    if used.len() > SHOWN {
        page.raw("<li class=\"muted\">and ").number((used.len() - SHOWN) as u64).raw(" more</li>");
    }
    page.raw("</ul>");
}

/// Granted actions that the statement names and that nobody was seen using, by the reason they stay.
fn kept(page: &mut Markup, role: &Role, actions: &[Glob]) {
    let lists = [
        ("the logs cannot show", &role.granted.unobservable_actions),
        ("undetermined", &role.granted.undetermined_actions),
        ("taken away elsewhere", &role.granted.blocked_actions),
    ];
    let mut is_first = true;
    for (why, list) in lists {
        let kept: Vec<String> = list.iter().filter(|action| matches(actions, action)).cloned().collect();
        if !kept.is_empty() {
            page.raw(if is_first { "" } else { "<br>" });
            page.text(&format!("{} {why}: ", count(kept.len() as u64, "action", "actions"))).few(&kept, 3);
            is_first = false;
        }
    }
    if is_first {
        page.raw("<span class=\"muted\">nothing</span>");
    }
}
