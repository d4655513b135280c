//! Actions that undo what was done, offered in words: within the window nothing had to be undone.

use std::collections::BTreeSet;

use super::{ActionVerdict, Comparison};
use crate::catalog::Catalog;

/// Pairs of one sentence.
const MAX_PAIRS: usize = 12;

/// Beginnings of names that undo each other.
const PAIRS: &[(&str, &str)] = &[
    ("Add", "Remove"),
    ("Allocate", "Release"),
    ("Associate", "Disassociate"),
    ("Attach", "Detach"),
    ("Authorize", "Revoke"),
    ("Create", "Delete"),
    ("Enable", "Disable"),
    ("Import", "Delete"),
    ("Put", "Delete"),
    ("Register", "Deregister"),
    ("Run", "Terminate"),
    ("Start", "Stop"),
    ("Subscribe", "Unsubscribe"),
    ("Tag", "Untag"),
];

/// Granted actions that undo a used one and were not used themselves: within the window nothing had to be undone.
pub(super) fn life_cycles(comparison: &Comparison, catalog: &Catalog) -> Option<String> {
    let unused = comparison.with_verdict(ActionVerdict::Unused);
    let mut pairs = BTreeSet::new();
    for info in comparison.with_verdict(ActionVerdict::Used).iter().filter_map(|id| catalog.info(id)) {
        let (service, name) = (info.action().service(), info.action().name());
        for (make, undo) in PAIRS {
            let Some(rest) = name.strip_prefix(make) else { continue };
            let undone = catalog.find_in(service, &format!("{undo}{rest}"));
            if let Some(undone) = undone.filter(|id| unused.contains(*id)).and_then(|id| catalog.info(id)) {
                pairs.insert(format!("`{}` beside `{}`", undone.action(), info.action()));
            }
        }
    }
    let more = pairs.len().saturating_sub(MAX_PAIRS);
    let shown: Vec<String> = pairs.into_iter().take(MAX_PAIRS).collect();
    (!shown.is_empty()).then(|| {
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!(
            "Unused so far, but they undo what was used: {}{more}. Keep those that an update, a rollback or a clean-up will need.",
            shown.join(", ")
        )
    })
}
