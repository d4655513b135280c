//! Observed calls: which statements granted them, and would a new set still allow them?

use super::budget::{Budget, Exhausted};
use super::confirm;
use super::engine::{self, Block, Clause, Engine, Place, Region, Rule};
use super::index::ActionIndex;
use super::literal::Test;
use super::pattern::{self, Reading, ShortExcept, Token};
use super::subset::unreadable;
use super::witness::{self, Witness};
use crate::catalog::Resource;
use crate::ident::Action;
use crate::policy::{Effect, Policy};

/// A call that was seen to succeed. What the log does not tell is left open.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Observed {
    /// What was done.
    pub action: Action,
    /// On what.
    pub resource: ObservedResource,
    /// Condition keys of the request of which the log tells the values (none: the key was absent). A key that is not named is
    /// open.
    pub context: Vec<(String, Vec<String>)>,
}

/// What a call was made on.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ObservedResource {
    /// Exactly this.
    Arn(String),
    /// One of these; `*` stands for what is not known.
    Pattern(String),
    /// The action takes no resource.
    None,
    /// Not known.
    Unknown,
}

impl From<&Resource> for ObservedResource {
    fn from(resource: &Resource) -> Self {
        match resource {
            Resource::Arn(arn) if arn.contains('*') => Self::Pattern(arn.clone()),
            Resource::Arn(arn) => Self::Arn(arn.clone()),
            Resource::None => Self::None,
            Resource::Unknown(_) | Resource::InstanceProfile(_) | Resource::LaunchTemplate(_) => {
                Self::Unknown
            }
        }
    }
}

impl Observed {
    /// All requests compatible with the observation.
    pub(super) fn block(&self, engine: &mut Engine) -> Option<Block> {
        let action = (true, engine.actions.list([pattern::action(self.action.as_str())?]));
        let resource = match &self.resource {
            ObservedResource::Arn(arn) => Some(pattern::plain(arn)),
            ObservedResource::Pattern(text) => Some(pattern::normal(text.chars().map(|c| match c {
                '*' => pattern::ANYTHING,
                c => Token::Is(u32::from(c)),
            }))),
            ObservedResource::None => Some(pattern::plain("*")),
            ObservedResource::Unknown => None,
        };
        let resource = resource.map(|tokens| (true, engine.resources.list([tokens])));
        let literals = self
            .context
            .iter()
            .map(|(key, values)| {
                let test = if values.is_empty() { Test::Absent } else { Test::Fact(values.clone()) };
                engine.conditions.bare(key, test)
            })
            .collect();
        Some(Block { principal: None, action, resource, owner: None, literals })
    }
}

/// Which Allow statements of a set of policies have a say in calls; made once, asked often.
#[derive(Debug)]
pub struct Granting {
    engine: Engine,
    rules: Vec<Rule>,
    index: ActionIndex,
}

impl Granting {
    /// Prepares a set of policies.
    pub fn new(policies: &[&Policy], budget: Budget) -> Self {
        let mut engine = Engine::new(Reading::WIDEST, budget);
        let mut rules = engine.rules(policies);
        rules.retain(|rule| rule.effect == Effect::Allow);
        let index = ActionIndex::new(&engine.actions, clauses(&rules));
        Self { engine, rules, index }
    }

    /// The Allow statements that may have granted the call, in order. Denies are not looked at: the call succeeded.
    ///
    /// # Errors
    ///
    /// When the budget does not suffice for this call.
    pub fn statements(&mut self, observed: &Observed) -> Result<Vec<Place>, Exhausted> {
        self.engine.meter.refill();
        let matching = self.index.matching(&observed.action);
        if matching.is_empty() {
            return Ok(Vec::new());
        }
        let Some(scope) = observed.block(&mut self.engine) else { return Ok(Vec::new()) };
        let Some(region) = self.engine.within(Region::EVERYTHING, &scope)? else { return Ok(Vec::new()) };
        let mut places = Vec::new();
        for rule in &self.rules {
            for block in &rule.blocks {
                if matching.admit(block.action) && self.engine.within(region, block)?.is_some() {
                    places.push(rule.place);
                    break;
                }
            }
        }
        Ok(places)
    }
}

/// The Allow statements of `policies` that may have granted one call. For many calls make a [`Granting`].
///
/// # Errors
///
/// When the budget does not suffice.
pub fn granted(observed: &Observed, policies: &[&Policy], budget: Budget) -> Result<Vec<Place>, Exhausted> {
    Granting::new(policies, budget).statements(observed)
}

fn clauses(rules: &[Rule]) -> impl Iterator<Item = Clause> {
    rules.iter().flat_map(|rule| &rule.blocks).map(|block| block.action)
}

/// What becomes of an observed call under a new set of policies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Retained {
    /// Still allowed, in every context compatible with what was seen.
    Kept,
    /// The old set did not allow it: a resource policy did, or the policies were others then.
    NotGrantedByIdentity,
    /// A request like the one seen was allowed and no longer is; the evaluator agrees.
    Lost {
        /// The old statement that allowed it.
        statement: Place,
        /// The new statement that denies it; `None` when the new set only fails to allow it.
        denied_by: Option<Place>,
        /// The request.
        witness: Witness,
    },
    /// Could not be shown either way.
    Unknown {
        /// Why, as a sentence.
        reason: String,
    },
}

/// Replays observed calls against a new set of policies; made once, asked often.
#[derive(Debug)]
pub struct Replay<'p> {
    old: Vec<&'p Policy>,
    new: Vec<&'p Policy>,
    readings: Vec<OneReading>,
    unreadable: Option<String>,
}

#[derive(Debug)]
struct OneReading {
    reading: Reading,
    engine: Engine,
    old: Vec<Rule>,
    new: Vec<Rule>,
    index: ActionIndex,
}

impl<'p> Replay<'p> {
    /// Prepares an old and a new set of policies.
    pub fn new(old: &[&'p Policy], new: &[&'p Policy], budget: Budget) -> Self {
        let both: Vec<&Policy> = old.iter().chain(new).copied().collect();
        let readings = engine::readings(&both)
            .into_iter()
            .map(|reading| {
                let mut engine = Engine::new(reading, budget);
                let old = engine.rules(old);
                let new = engine.rules(new);
                let index = ActionIndex::new(&engine.actions, clauses(&old).chain(clauses(&new)));
                OneReading { reading, engine, old, new, index }
            })
            .collect();
        let unreadable = unreadable(old, "old").or_else(|| unreadable(new, "new"));
        Self { old: old.to_vec(), new: new.to_vec(), readings, unreadable }
    }

    /// Whether the call is still allowed.
    pub fn retained(&mut self, observed: &Observed) -> Retained {
        if let Some(reason) = &self.unreadable {
            return Retained::Unknown { reason: reason.clone() };
        }
        let mut answer = Retained::NotGrantedByIdentity;
        for one in &mut self.readings {
            one.engine.meter.refill();
            let found = one
                .retained(observed, &self.old, &self.new)
                .unwrap_or_else(|exhausted| Retained::Unknown { reason: exhausted.to_string() });
            if one.reading == Reading::DOCUMENTED {
                if matches!(found, Retained::Lost { .. } | Retained::Unknown { .. }) {
                    return found;
                }
                answer = found;
                continue;
            }
            // Only where a switched-off statement is the reason can another reading grant what the documented one does not.
            if answer != Retained::Kept && one.reading.short_except == ShortExcept::SwitchesOff {
                continue;
            }
            if found == Retained::Kept {
                answer = Retained::Kept;
            } else if !matches!(found, Retained::Kept | Retained::NotGrantedByIdentity) {
                return Retained::Unknown {
                    reason: format!("kept under the documented reading; not if {}", one.reading.describe()),
                };
            }
        }
        answer
    }
}

impl OneReading {
    fn retained(
        &mut self,
        observed: &Observed,
        old: &[&Policy],
        new: &[&Policy],
    ) -> Result<Retained, Exhausted> {
        let Some(scope) = observed.block(&mut self.engine) else { return Ok(Retained::NotGrantedByIdentity) };
        // Only what speaks of this action matters.
        let matching = self.index.matching(&observed.action);
        let relevant = |rules: &[Rule]| -> Vec<Rule> {
            rules
                .iter()
                .filter_map(|rule| {
                    let blocks: Vec<Block> =
                        rule.blocks.iter().filter(|block| matching.admit(block.action)).cloned().collect();
                    (!blocks.is_empty()).then_some(Rule { blocks, ..*rule })
                })
                .collect()
        };
        let (inner, outer) = (relevant(&self.old), relevant(&self.new));
        let engine = &mut self.engine;
        let escapes = engine.escapes(&inner, &outer, Some(&scope), 8)?;
        let Some(first) = escapes.first() else {
            let granted = engine.is_granted(&inner, &scope)?;
            return Ok(if granted { Retained::Kept } else { Retained::NotGrantedByIdentity });
        };
        for escape in &escapes {
            for request in witness::requests(engine, escape.region)? {
                if let Some(witness) = confirm::only(&request, old, new) {
                    let denied_by = confirm::denied_by(&witness, new);
                    return Ok(Retained::Lost { statement: escape.place, denied_by, witness });
                }
            }
        }
        let (policy, statement) = first.place;
        Ok(Retained::Unknown {
            reason: format!(
                "statement {statement} of old policy {policy} granted more than the new set is known to, and no request shows it"
            ),
        })
    }
}

/// Whether a call that `old` allowed is allowed by `new`. For many calls make a [`Replay`].
pub fn retained(observed: &Observed, old: &[&Policy], new: &[&Policy], budget: Budget) -> Retained {
    Replay::new(old, new, budget).retained(observed)
}
