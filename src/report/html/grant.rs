//! What takes a grant away, and what takes a part of it, in words.

use std::collections::BTreeMap;

use crate::report::summary::count;
use crate::report::{BlockedBy, Condition, EffectiveStatement, LimitedBy, StatementAt};

/// Statements named in one line.
const NAMED: usize = 4;

/// What takes actions away: the layer, how many, and by which statements.
pub(super) fn blocked_by(by: &BlockedBy) -> String {
    let actions = count(by.actions.len() as u64, "action", "actions");
    let statements = listed(&by.statements);
    if statements.is_empty() {
        format!("{}: {actions}", by.name)
    } else {
        format!("{}: {actions}, by {statements}", by.name)
    }
}

/// What takes a part of what is granted, each once with the greatest number of actions of one statement.
pub(super) fn limits(effective: &[EffectiveStatement]) -> Vec<String> {
    let mut known: BTreeMap<(&str, &str, String), u64> = BTreeMap::new();
    for by in effective.iter().flat_map(|statement| &statement.limited_by) {
        let actions = known.entry((&by.layer, &by.name, by_what(by))).or_default();
        *actions = (*actions).max(by.actions);
    }
    known
        .into_iter()
        .map(|((_, name, what), n)| {
            let it = if n == 1 { "it" } else { "them" };
            format!(
                "{name}: {} allowed in part; {what} takes the rest of {it}",
                count(n, "action", "actions")
            )
        })
        .collect()
}

fn by_what(by: &LimitedBy) -> String {
    match &by.statement {
        Some(at) if by.conditions.is_empty() => listed(std::slice::from_ref(at)),
        Some(at) => format!("{}, where {},", listed(std::slice::from_ref(at)), conditions(&by.conditions)),
        None => "what it does not allow".to_owned(),
    }
}

fn listed(statements: &[StatementAt]) -> String {
    let one = |at: &StatementAt| match &at.sid {
        Some(sid) => format!("{sid} of {}", at.policy),
        None => format!("statement {} of {}", at.statement + 1, at.policy),
    };
    let mut named: Vec<String> = statements.iter().take(NAMED).map(one).collect();
    if statements.len() > NAMED {
        named.push(format!("{} more", statements.len() - NAMED));
    }
    named.join(", ")
}

fn conditions(conditions: &[Condition]) -> String {
    let one = |condition: &Condition| {
        let mut values: Vec<&str> = condition.values.iter().take(NAMED).map(String::as_str).collect();
        if condition.values.len() > NAMED {
            values.push("…");
        }
        format!("{} {} {}", condition.key, condition.operator, values.join(" or "))
    };
    conditions.iter().map(one).collect::<Vec<_>>().join(" and ")
}
