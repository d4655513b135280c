//! Is one set of carried policies a subset of another?

use super::{Boundary, Carried, Documents};
use crate::policy::Policy;
use crate::proof::{Proof, Settings, Verdict, no_new_access};

/// What of a set is compared.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Part {
    /// What grants, with its boundary.
    #[default]
    Identity,
    /// A role's trust policy; a document that stands alone is itself.
    Trust,
}

/// Reasons shown at most.
const MOST_REASONS: usize = 20;

/// Whether `new` allows nothing that `old` did not; each is the union of its sets.
///
/// What is unknown of either makes the answer `unknown`. A managed policy both have and neither tells the text of is left out of both: whatever
/// it allows stays allowed, as long as every deny stays too.
pub fn compare(old: &[Carried], new: &[Carried], part: Part, settings: &Settings) -> Proof {
    let (old_documents, new_documents) = (documents(old, part), documents(new, part));
    let mut reasons: Vec<String> = Vec::new();
    for (side, all) in [("old", &old_documents), ("new", &new_documents)] {
        let unknown = all.iter().flat_map(|documents| &documents.unknown);
        reasons.extend(unknown.map(|reason| format!("the {side} set is not fully known: {reason}")));
    }
    let absent = |all: &[&Documents]| -> std::collections::BTreeSet<String> {
        all.iter().flat_map(|documents| documents.absent.iter().cloned()).collect()
    };
    let (old_absent, new_absent) = (absent(&old_documents), absent(&new_documents));
    reasons.extend(old_absent.symmetric_difference(&new_absent).map(|arn| {
        let side = if old_absent.contains(arn) { "old" } else { "new" };
        format!("only the {side} set has `{arn}`, and its text is not here; `--managed` with a snapshot that holds it tells it")
    }));
    if !reasons.is_empty() {
        reasons.dedup();
        reasons.truncate(MOST_REASONS);
        return Proof { reasons, ..Proof::default() };
    }
    let policies = |all: &[&Documents]| -> Vec<Policy> {
        all.iter().flat_map(|documents| documents.policies.iter().cloned()).collect()
    };
    let (old_policies, new_policies) = (policies(&old_documents), policies(&new_documents));
    let shared = !old_absent.is_empty();
    let settings = Settings { keep_denies: settings.keep_denies || shared, ..*settings };
    let mut proof = no_new_access(
        &old_policies.iter().collect::<Vec<_>>(),
        &new_policies.iter().collect::<Vec<_>>(),
        &settings,
    );
    if shared {
        let named: Vec<&str> = old_absent.iter().map(String::as_str).collect();
        if proof.verdict == Verdict::Refuted {
            let witness = proof.witness.take();
            proof.verdict = Verdict::Unknown;
            proof.reasons.extend(witness.map(|witness| {
                format!(
                    "`{}` on `{}` is new unless a policy allows it whose text is not here",
                    witness.action, witness.resource
                )
            }));
        }
        proof.reasons.push(format!("both sets have policies whose text is not here: {}", named.join(", ")));
    }
    if part == Part::Identity {
        boundaries(old, new, &settings, &mut proof);
    }
    proof
}

fn documents(sets: &[Carried], part: Part) -> Vec<&Documents> {
    let of = |set: &Carried| part == Part::Trust && set.is_role;
    sets.iter().map(|set| if of(set) { &set.trust } else { &set.identity }).collect()
}

/// What the boundaries of the two sides do to a proof about policies alone.
fn boundaries(old: &[Carried], new: &[Carried], settings: &Settings, proof: &mut Proof) {
    let of = |sets: &[Carried]| -> Vec<Boundary> {
        sets.iter().map(|set| set.boundary.clone()).filter(|one| *one != Boundary::Untold).collect()
    };
    let (old, new) = (of(old), of(new));
    // Files that say nothing of boundaries leave them as they are.
    let (Some(old), Some(new)) = (old.first(), new.first()) else { return };
    let reason = match (old, new) {
        (Boundary::Policy { arn, .. }, Boundary::None) => {
            format!("the new role lacks the permissions boundary `{arn}` of the old one")
        }
        (Boundary::Policy { arn: old, document: a }, Boundary::Policy { arn: new, document: b }) => {
            match (a, b) {
                (None, None) if old == new => return,
                (Some(a), Some(b))
                    if no_new_access(&[a.as_ref()], &[b.as_ref()], settings).verdict == Verdict::Proven =>
                {
                    return;
                }
                _ => format!("the permissions boundary `{new}` is not known to lie inside `{old}`"),
            }
        }
        _ => return,
    };
    if proof.verdict == Verdict::Proven {
        proof.verdict = Verdict::Unknown;
    }
    proof.reasons.push(reason);
}
