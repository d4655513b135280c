//! What is left of a grant after denies and limits.

use std::collections::HashMap;

use super::budget::{Budget, Exhausted};
use super::engine::{Block, Engine, Region, Rule};
use super::index::{ActionIndex, Matching};
use super::pattern::Reading;
use crate::ident::Action;
use crate::policy::{Effect, Policy};

/// Whether some request for an action is allowed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Effective {
    /// The first layer allows some request, and nothing given takes all of them away. What other policies do is not known here.
    Granted,
    /// No statement of the first layer allows the action.
    NotGranted,
    /// Allowed by the first layer, and taken away by this one.
    Blocked {
        /// Index of the layer: zero is the first layer's own denies.
        layer: usize,
        /// By a Deny statement; else because the layer allows none of it.
        explicit: bool,
    },
    /// The budget did not suffice.
    Unknown,
}

/// Layers of policies: the first grants (a principal's own policies), each further one limits (a permissions boundary, one level of
/// SCPs). Made once, asked for every action of the catalog.
#[derive(Debug)]
pub struct LayeredGrant {
    engine: Engine,
    layers: Vec<Vec<Rule>>,
    index: ActionIndex,
    known: HashMap<Matching, Effective>,
}

impl LayeredGrant {
    /// Prepares the layers, each the documents in force together.
    pub fn new(layers: &[&[&Policy]], budget: Budget) -> Self {
        let mut engine = Engine::new(Reading::WIDEST, budget);
        let layers: Vec<Vec<Rule>> = layers.iter().map(|policies| engine.rules(policies)).collect();
        let index = ActionIndex::new(&engine.actions, layers.iter().flatten().flat_map(|rule| &rule.blocks));
        Self { engine, layers, index, known: HashMap::new() }
    }

    /// What is left of one action. Actions that no statement tells apart share one answer.
    pub fn action(&mut self, action: &Action) -> Effective {
        let matching = self.index.matching(action);
        if let Some(known) = self.known.get(&matching) {
            return *known;
        }
        self.engine.meter.refill();
        let answer = self.decide(&matching).unwrap_or(Effective::Unknown);
        self.known.insert(matching, answer);
        answer
    }

    fn decide(&mut self, matching: &Matching) -> Result<Effective, Exhausted> {
        let all_actions = (false, self.engine.actions.list([]));
        // The action is settled by the index: what is left of a block are its other parts.
        let blocks = |rules: &[Rule], effect: Effect| -> Vec<Rule> {
            rules
                .iter()
                .filter(|rule| rule.effect == effect)
                .map(|rule| Rule {
                    blocks: rule
                        .blocks
                        .iter()
                        .filter(|block| matching.admit(block.action))
                        .map(|block| Block { action: all_actions, ..block.clone() })
                        .collect(),
                    ..*rule
                })
                .collect()
        };
        let mut pieces = vec![Region::EVERYTHING];
        for (layer, rules) in self.layers.iter().enumerate() {
            let mut inside = Vec::new();
            for block in blocks(rules, Effect::Allow).iter().flat_map(|rule| &rule.blocks) {
                for piece in &pieces {
                    if let Some(region) = self.engine.within(*piece, block)?
                        && !inside.contains(&region)
                    {
                        inside.push(region);
                        self.engine.meter.pieces(inside.len())?;
                    }
                }
            }
            if inside.is_empty() {
                return Ok(match layer {
                    0 => Effective::NotGranted,
                    layer => Effective::Blocked { layer, explicit: false },
                });
            }
            let denies = blocks(rules, Effect::Deny);
            pieces = self.engine.minus_all(inside, denies.iter())?;
            if pieces.is_empty() {
                return Ok(Effective::Blocked { layer, explicit: true });
            }
        }
        Ok(Effective::Granted)
    }
}

/// What `layers` leave of one action. For many actions make a [`LayeredGrant`].
pub fn effective(action: &Action, layers: &[&[&Policy]], budget: Budget) -> Effective {
    LayeredGrant::new(layers, budget).action(action)
}
