//! The questions: no new access, and nothing lost.

use super::budget::{Budget, Exhausted};
use super::confirm;
use super::engine::{self, Engine, Escape, Place};
use super::pattern::{Reading, ShortExcept};
use super::witness::{self, Witness};
use crate::policy::Policy;

/// How a proof is to be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// How much work it may take.
    pub budget: Budget,
    /// Whether every deny of the old set must be kept, because resource policies nobody has seen may allow what it cut. Without
    /// it a lost deny is a reason, no obstacle: what AWS's own check does.
    pub keep_denies: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { budget: Budget::default(), keep_denies: true }
    }
}

impl Settings {
    /// Looks at the identity layer alone.
    pub fn identity_layer() -> Self {
        Self { keep_denies: false, ..Self::default() }
    }
}

/// The answer to "does the new set allow nothing the old one did not?".
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing new, for every principal, action, resource and context.
    Proven,
    /// There is a request only the new set allows; the evaluator agrees.
    Refuted,
    /// Neither could be shown.
    #[default]
    Unknown,
}

/// A verdict with what it rests on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Proof {
    /// See [`Verdict`].
    pub verdict: Verdict,
    /// When refuted: a request that only the new set allows.
    pub witness: Option<Witness>,
    /// What the answer rests on, or why there is none; each a sentence.
    pub reasons: Vec<String>,
    /// Denies of the old set that the new set does not hold: indexes of policy and statement.
    pub lost_denies: Vec<Place>,
}

impl Proof {
    fn unknown(reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], ..Self::default() }
    }
}

/// How many remainders are looked at for a request that can be confirmed.
const ESCAPES: usize = 24;

/// Is everything `new` allows also allowed by `old`? Each is the whole set of policies that apply together.
pub fn no_new_access(old: &[&Policy], new: &[&Policy], settings: &Settings) -> Proof {
    if let Some(reason) = unreadable(old, "old").or_else(|| unreadable(new, "new")) {
        return Proof::unknown(reason);
    }
    let both: Vec<&Policy> = old.iter().chain(new).copied().collect();
    if let Some(reason) = of_two_kinds(&both) {
        return Proof::unknown(reason);
    }
    let mut proof = Proof { verdict: Verdict::Proven, ..Proof::default() };
    let mut open = Vec::new();
    for reading in engine::readings(&both) {
        match under(reading, old, new, settings, &mut proof) {
            Ok(true) => {}
            Ok(false) if reading == Reading::DOCUMENTED => return proof,
            // Nobody could tell from AWS's pages that it does not read it so.
            Ok(false) => open.push(reading.describe()),
            Err(exhausted) => return Proof::unknown(exhausted.to_string()),
        }
    }
    if open.is_empty() {
        return proof;
    }
    let told =
        |if_so: &_| format!("proven under the reading that AWS's own check follows; not proven if {if_so}");
    Proof { reasons: open.iter().map(told).collect(), ..Proof::default() }
}

/// One reading. On failure under the documented one, `proof` says why.
fn under(
    reading: Reading,
    old: &[&Policy],
    new: &[&Policy],
    settings: &Settings,
    proof: &mut Proof,
) -> Result<bool, Exhausted> {
    let mut engine = Engine::new(reading, settings.budget);
    let inner = engine.rules(new);
    let outer = engine.rules(old);
    let documented = reading == Reading::DOCUMENTED;
    let escapes = match engine.escapes(&inner, &outer, None, if documented { ESCAPES } else { 1 }) {
        Ok(escapes) => escapes,
        Err(exhausted) if documented => {
            // Too much to decide, but a plain request may show the difference.
            engine.meter.refill();
            let guesses = engine.guesses(&inner, &outer, ESCAPES)?;
            let guess = refute(&mut engine, &guesses, old, new);
            if guess.verdict == Verdict::Refuted {
                *proof = guess;
                return Ok(false);
            }
            return Err(exhausted);
        }
        Err(exhausted) => return Err(exhausted),
    };
    if !escapes.is_empty() {
        if documented {
            *proof = refute(&mut engine, &escapes, old, new);
        }
        return Ok(false);
    }
    // A deny that one reading switches off is lost only under the other.
    if documented || reading.short_except == ShortExcept::Excludes {
        let lost = engine.lost_denies(&outer, &inner)?;
        if let Some((policy, statement)) = lost.first() {
            let reason = format!(
                "the new set drops a deny (old policy {policy}, statement {statement}), which also cuts what resource policies allow"
            );
            let is_new = proof.lost_denies.is_empty();
            if settings.keep_denies {
                proof.verdict = Verdict::Unknown;
            }
            if is_new {
                proof.reasons.push(reason);
                proof.lost_denies = lost;
            }
            if settings.keep_denies {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Looks for a request that the evaluator confirms.
fn refute(engine: &mut Engine, escapes: &[Escape], old: &[&Policy], new: &[&Policy]) -> Proof {
    engine.meter.refill();
    let mut possible = None;
    for escape in escapes.iter().take(ESCAPES) {
        let Ok(requests) = witness::requests(engine, escape.region) else { break };
        for request in requests {
            if let Some(witness) = confirm::only(&request, new, old) {
                return Proof {
                    verdict: Verdict::Refuted,
                    witness: Some(witness),
                    reasons: vec![describe(escape)],
                    ..Proof::default()
                };
            }
            possible.get_or_insert((request, *escape));
        }
    }
    let mut reasons: Vec<String> = escapes.first().map(describe).into_iter().collect();
    reasons.push(match possible {
        Some((request, _)) => format!(
            "a request such as `{}` on `{}` could not be confirmed to be new access",
            request.action, request.resource
        ),
        None => "no request that shows it was found".to_owned(),
    });
    Proof { reasons, ..Proof::default() }
}

fn describe(escape: &Escape) -> String {
    let (policy, statement) = escape.place;
    match escape.denied_by {
        Some((by_policy, by_statement)) => format!(
            "statement {statement} of new policy {policy} reaches what statement {by_statement} of old policy {by_policy} denies"
        ),
        None => {
            format!("statement {statement} of new policy {policy} reaches beyond what the old set allows")
        }
    }
}

/// Why the sets cannot be compared: what stands at a resource speaks of that resource alone, and says who; what is attached to somebody
/// does neither.
fn of_two_kinds(policies: &[&Policy]) -> Option<String> {
    let mut statements = policies.iter().flat_map(|policy| &policy.statements);
    let named = statements.next()?.principal.is_some();
    statements.any(|statement| statement.principal.is_some() != named).then(|| {
        "some policies name principals, as those at resources and trust policies do, and some do not, as those attached to principals: the two kinds cannot be compared".to_owned()
    })
}

/// Why a set cannot be reasoned about at all.
pub(super) fn unreadable(policies: &[&Policy], which: &str) -> Option<String> {
    for (index, policy) in policies.iter().enumerate() {
        let member = policy.unknown.first().cloned().or_else(|| {
            policy.statements.iter().position(|s| s.has_unknown).map(|at| format!("/Statement/{at}"))
        });
        if let Some(member) = member {
            return Some(format!("{which} policy {index} has a member IAM does not define, at `{member}`"));
        }
    }
    None
}
