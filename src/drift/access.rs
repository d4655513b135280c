//! What is granted, and to whom: roles, their policies, trust policies and boundaries.

use std::collections::BTreeSet;

use super::{Change, Code, RoleSide, Side, at};
use crate::carrier::Boundary;
use crate::finding::Severity;
use crate::ident::Arn;
use crate::policy::{Policy, PolicyKind, parse};
use crate::proof::{Proof, Settings, Verdict, no_new_access};
use crate::report::Report;

/// Compares all roles; gives the number of those that are the same.
pub(super) fn compare(
    old: &Side,
    new: &Side,
    changes: &mut Vec<Change>,
    not_compared: &mut Vec<String>,
) -> u64 {
    for side in [old, new] {
        if !side.has_grants {
            not_compared.push(format!(
                "Roles, their policies, trust policies and boundaries: {} is a ledger without a snapshot of what is granted.",
                side.name
            ));
        }
    }
    if !old.has_grants || !new.has_grants {
        return 0;
    }
    let mut unchanged = 0;
    let mut met: BTreeSet<&str> = BTreeSet::new();
    for role in new.roles.values() {
        match old.role(&role.arn) {
            Some(before) => {
                met.insert(&before.arn);
                let n = changes.len();
                both(before, role, (old, new), changes, not_compared);
                unchanged += u64::from(changes.len() == n);
            }
            None if old.is_whole && is_covered(old, &role.arn) => {
                let details = vec![format!("It was made at {}.", at(role.created))];
                let details = if role.created.is_some() { details } else { Vec::new() };
                let title = format!("Role {} was created", name(&role.arn));
                changes.push(Change::new(Code::RoleCreated, &role.arn, title).details(details));
            }
            None => not_compared.push(format!("Role {} is not in {}.", role.arn, old.name)),
        }
    }
    for role in old.roles.values().filter(|role| !met.contains(role.arn.as_str())) {
        if new.is_whole && is_covered(new, &role.arn) {
            let title = format!("Role {} was deleted", name(&role.arn));
            changes.push(Change::new(Code::RoleDeleted, &role.arn, title));
        } else {
            not_compared.push(format!("Role {} is not in {}.", role.arn, new.name));
        }
    }
    unchanged
}

/// Whether a side says anything of the account of a role.
fn is_covered(side: &Side, arn: &str) -> bool {
    let Some(account) = Arn::parse(arn).map(|arn| arn.account) else { return true };
    side.roles.keys().any(|key| Arn::parse(key).is_none_or(|own| own.account == account))
}

fn name(arn: &str) -> &str {
    Arn::parse(arn).and_then(|arn| arn.role_name()).unwrap_or(arn)
}

fn both(
    old: &RoleSide,
    new: &RoleSide,
    sides: (&Side, &Side),
    changes: &mut Vec<Change>,
    not_compared: &mut Vec<String>,
) {
    let subject = if Arn::parse(&new.arn).is_some() { &new.arn } else { &old.arn };
    let is_recreated = match (&old.id, &new.id) {
        (Some(before), Some(after)) => before != after,
        _ => matches!((old.created, new.created), (Some(before), Some(after)) if before != after),
    };
    if is_recreated {
        let title = format!("Role {} was deleted and made again", name(subject));
        let details = vec![
            format!(
                "It is another role under the same name: it was made at {} and at {}.",
                at(old.created),
                at(new.created)
            ),
            "Policies of resources that named the old role by its id do not know the new one.".to_owned(),
        ];
        changes.push(Change::new(Code::RoleRecreated, subject, title).details(details));
    }
    let before: Vec<&Policy> = old.policies.iter().collect();
    let after: Vec<&Policy> = new.policies.iter().collect();
    let unknown: Vec<&String> = old.unknown.iter().chain(&new.unknown).collect();
    if let [first, ..] = unknown.as_slice() {
        if old.unknown != new.unknown || old.policies != new.policies {
            not_compared.push(format!("The policies of {subject} are not fully known: {first}."));
        }
    } else {
        let words = ("The policies", [Code::GrantWidened, Code::GrantNarrowed, Code::GrantUndecided]);
        sets((&before, &after), subject, words, changes);
        proposals(old, new, subject, sides, changes);
    }
    match (&old.trust, &new.trust) {
        (Some(before), Some(after)) => {
            let words = ("The trust policy", [Code::TrustWidened, Code::TrustNarrowed, Code::TrustUndecided]);
            sets((&[before], &[after]), subject, words, changes);
        }
        (None, None) => {}
        _ => not_compared.push(format!("The trust policy of {subject} is told on one side only.")),
    }
    boundaries(old, new, subject, changes, not_compared);
}

/// Compares two sets of policies, by meaning.
fn sets(
    (old, new): (&[&Policy], &[&Policy]),
    subject: &str,
    (what, [widened, narrowed, undecided]): (&str, [Code; 3]),
    changes: &mut Vec<Change>,
) {
    if old == new {
        return;
    }
    let settings = Settings::default();
    let more = no_new_access(old, new, &settings);
    let less = no_new_access(new, old, &settings);
    let verb = if what.ends_with('s') { "allow" } else { "allows" };
    for (proof, code, word) in [(&more, widened, "more"), (&less, narrowed, "less")] {
        if proof.verdict == Verdict::Refuted {
            let title = format!("{what} of {} {verb} {word} than before", name(subject));
            changes.push(Change { witness: witness(proof), ..Change::new(code, subject, title) });
        }
    }
    if more.verdict == Verdict::Unknown
        || less.verdict == Verdict::Unknown && more.verdict != Verdict::Refuted
    {
        // Proven not to allow more, it may allow less at worst: as with a deny of what was not allowed, which cuts what resource
        // policies allow.
        let is_harmless = more.verdict == Verdict::Proven;
        let title = format!(
            "Whether {} of {} {verb} {} than before could not be decided",
            what.to_lowercase(),
            name(subject),
            if is_harmless { "less" } else { "more" }
        );
        let reasons = if is_harmless {
            let other =
                less.reasons.iter().map(|reason| format!("Whether nothing is lost is open: {reason}."));
            std::iter::once("It is proven that nothing more is allowed.".to_owned()).chain(other).collect()
        } else {
            more.reasons.iter().chain(&less.reasons).cloned().collect()
        };
        let mut change = Change::new(undecided, subject, title).details(reasons);
        if is_harmless {
            Severity::Info.as_str().clone_into(&mut change.severity);
        }
        changes.push(change);
    }
}

fn witness(proof: &Proof) -> Option<serde_json::Value> {
    let witness = proof.witness.as_ref()?;
    Some(serde_json::json!({
        "action": witness.action,
        "resource": witness.resource,
        "principal": witness.principal,
        "context": witness.context,
    }))
}

/// Whether two sets of policies allow the same, as far as that is proven.
pub(super) fn is_same(a: &[Policy], b: &[Policy]) -> bool {
    let (a, b): (Vec<&Policy>, Vec<&Policy>) = (a.iter().collect(), b.iter().collect());
    let settings = Settings::default();
    a == b
        || no_new_access(&a, &b, &settings).verdict == Verdict::Proven
            && no_new_access(&b, &a, &settings).verdict == Verdict::Proven
}

/// Whether what was proposed then is in place now, or what was in place then is proposed again.
fn proposals(
    old: &RoleSide,
    new: &RoleSide,
    subject: &str,
    (before, after): (&Side, &Side),
    changes: &mut Vec<Change>,
) {
    if old.policies == new.policies {
        return;
    }
    let proposed = |report: &Report| -> Option<Vec<Policy>> {
        let role = report.roles.iter().find(|role| role.arn == subject)?;
        let documents = role.proposal.policies.iter();
        let policies: Option<Vec<Policy>> =
            documents.map(|policy| parse(&policy.document.to_string(), PolicyKind::Identity).ok()).collect();
        policies.filter(|policies| !policies.is_empty())
    };
    if let Some(then) = before.report.as_ref().and_then(proposed)
        && is_same(&then, &new.policies)
    {
        let title = format!("What was proposed for {} is in place", name(subject));
        changes.push(Change::new(Code::ProposalApplied, subject, title));
    }
    if let Some(now) = after.report.as_ref().and_then(proposed)
        && is_same(&now, &old.policies)
    {
        let title = format!("{} had what is proposed for it, and has it no longer", name(subject));
        changes.push(Change::new(Code::ProposalUndone, subject, title));
    }
}

fn boundaries(
    old: &RoleSide,
    new: &RoleSide,
    subject: &str,
    changes: &mut Vec<Change>,
    not_compared: &mut Vec<String>,
) {
    let short = name(subject);
    match (&old.boundary, &new.boundary) {
        (Boundary::Untold, Boundary::Untold) | (Boundary::None, Boundary::None) => {}
        (Boundary::Untold, _) | (_, Boundary::Untold) => {
            if [&old.boundary, &new.boundary].iter().any(|one| matches!(one, Boundary::Policy { .. })) {
                not_compared.push(format!("The permissions boundary of {subject} is told on one side only."));
            }
        }
        (Boundary::None, Boundary::Policy { arn, .. }) => {
            let title = format!("{short} got a permissions boundary");
            changes.push(Change::new(Code::BoundarySet, subject, title).details(vec![arn.clone()]));
        }
        (Boundary::Policy { arn, .. }, Boundary::None) => {
            let title = format!("{short} lost its permissions boundary");
            changes.push(Change::new(Code::BoundaryRemoved, subject, title).details(vec![arn.clone()]));
        }
        (Boundary::Policy { arn: was, document: before }, Boundary::Policy { arn: is, document: after }) => {
            match (before, after) {
                (Some(before), Some(after)) => {
                    let codes = [Code::BoundaryWidened, Code::BoundaryNarrowed, Code::BoundaryUndecided];
                    sets((&[before], &[after]), subject, ("The permissions boundary", codes), changes);
                }
                _ if was != is => {
                    let title = format!("{short} has another permissions boundary, whose text is not known");
                    let details = vec![format!("{was} before, {is} now.")];
                    changes.push(Change::new(Code::BoundaryUndecided, subject, title).details(details));
                }
                _ => {}
            }
        }
    }
}
