//! What is left of a grant after denies and limits, and which statements take what away.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::budget::{Budget, Exhausted};
use super::engine::{self, Block, Clause, Engine, Place, Region, Rule};
use super::index::{ActionIndex, Matching};
use super::literal::Test;
use super::pattern::{self, Reading, Token};
use crate::ident::Action;
use crate::policy::{Effect, Policy};

/// Policies that are in force together. The first layer of a [`LayeredGrant`] grants (a principal's own policies), each further one
/// limits: a permissions boundary, or one level of an organization's policies.
#[derive(Clone, Debug, Default)]
pub struct GrantLayer<'p> {
    /// The documents.
    pub policies: Vec<&'p Policy>,
    /// A limit of which some text is missing or not understood: what it does not allow may be allowed all the same. Its denies count.
    pub is_open: bool,
    /// Binds some requests only.
    pub reach: Option<LayerReach<'p>>,
}

/// The requests a layer binds.
#[derive(Clone, Copy, Debug)]
pub struct LayerReach<'p> {
    /// Those on resources of this account, as their ARNs tell: where an ARN names no account, nothing is known.
    pub account: &'p str,
    /// Those for these actions.
    pub actions: fn(&Action) -> bool,
}

/// Whether some request for an action is allowed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Effective {
    /// The first layer allows some request, and nothing given takes all of them away. What other policies do is not known here.
    Granted,
    /// No statement of the first layer allows a request for the action.
    NotGranted,
    /// Allowed by the first layer, and taken away by the others or by its own denies.
    Blocked {
        /// Index of the layer that takes the last of it away: zero is the first layer's own denies.
        layer: usize,
    },
    /// Readings of the places where AWS's pages disagree give different answers, or the budget did not suffice.
    Unknown,
}

/// Something that takes part of a grant away, or all of it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Cut {
    /// Index of the layer.
    pub layer: usize,
    /// The Deny statement; `None`: the layer's Allow statements leave something out.
    pub statement: Option<Place>,
}

/// What becomes of what one statement allows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Left {
    /// The Allow statement of the first layer.
    pub statement: Place,
    /// Whether something of it is left, or may be.
    pub is_open: bool,
    /// Everything that takes from it, each looked at by itself; sorted.
    pub cuts: Vec<Cut>,
}

/// What is left of one action.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ActionGrant {
    /// Over all statements.
    pub effective: Effective,
    /// For each statement that allows the action, in order; empty where the budget was spent before it was looked at.
    pub left: Vec<Left>,
}

impl ActionGrant {
    /// The budget was spent before the action was looked at.
    const fn unknown() -> Self {
        Self { effective: Effective::Unknown, left: Vec::new() }
    }
}

/// Layers of policies, prepared once and asked for every action of the catalog. The budget is for all questions together.
#[derive(Debug)]
pub struct LayeredGrant {
    readings: Vec<OneReading>,
    known: HashMap<(Matching, u64), Rc<ActionGrant>>,
}

/// The layers under one reading.
#[derive(Debug)]
pub(super) struct OneReading {
    pub(super) engine: Engine,
    layers: Vec<PreparedLayer>,
    index: ActionIndex,
    /// The requests of the principal.
    start: Option<Region>,
}

#[derive(Debug)]
struct PreparedLayer {
    parts: Vec<Part>,
    is_open: bool,
    actions: Option<fn(&Action) -> bool>,
}

/// One block of a rule.
#[derive(Debug)]
struct Part {
    place: Place,
    effect: Effect,
    action: Clause,
    /// For any action.
    block: Rc<Block>,
}

/// The blocks of a layer that speak of one action; what is left of a block are its other parts.
#[derive(Debug, Default)]
pub(super) struct Speaking {
    allows: Vec<(Place, Rc<Block>)>,
    denies: Vec<(Place, Rc<Block>)>,
    is_open: bool,
}

impl LayeredGrant {
    /// Prepares the layers. `facts` are condition keys of which every request of the principal has the same values.
    ///
    /// A statement with members IAM does not define is no deny for sure, and an Allow of a limit that has one leaves its layer open.
    pub fn new(layers: &[GrantLayer<'_>], facts: &[(&str, &str)], budget: Budget) -> Self {
        let all: Vec<&Policy> = layers.iter().flat_map(|layer| layer.policies.iter().copied()).collect();
        let readings = engine::readings(&all)
            .into_iter()
            .map(|reading| OneReading::new(reading, layers, facts, budget))
            .collect();
        Self { readings, known: HashMap::new() }
    }

    /// What is left of one action. Actions that no statement tells apart share one answer.
    pub fn action(&mut self, action: &Action) -> Rc<ActionGrant> {
        let Some((documented, others)) = self.readings.split_first_mut() else {
            return Rc::new(ActionGrant { effective: Effective::Unknown, left: Vec::new() });
        };
        let Ok(matching) = documented.matching(action) else { return Rc::new(ActionGrant::unknown()) };
        let key = (matching, documented.reaching(action));
        if let Some(known) = self.known.get(&key) {
            return Rc::clone(known);
        }
        let mut answer = documented.action(action, &key.0);
        for other in others {
            if matches!(answer.effective, Effective::Granted | Effective::Unknown) {
                break;
            }
            let also = match other.matching(action) {
                Ok(matching) => other.action(action, &matching),
                Err(_) => ActionGrant::unknown(),
            };
            for left in &mut answer.left {
                let is_spent = also.left.is_empty() && also.effective == Effective::Unknown;
                left.is_open |=
                    is_spent || also.left.iter().any(|one| one.statement == left.statement && one.is_open);
            }
            let agrees = matches!(
                (answer.effective, also.effective),
                (Effective::Blocked { .. }, Effective::Blocked { .. })
                    | (Effective::NotGranted, Effective::NotGranted)
            );
            if !agrees {
                answer.effective = Effective::Unknown;
            }
        }
        let answer = Rc::new(answer);
        self.known.insert(key, Rc::clone(&answer));
        answer
    }

    /// The layers under each reading, the documented one first.
    pub(super) fn readings(&mut self) -> &mut [OneReading] {
        &mut self.readings
    }
}

impl OneReading {
    fn new(reading: Reading, layers: &[GrantLayer<'_>], facts: &[(&str, &str)], budget: Budget) -> Self {
        let mut engine = Engine::new(reading, budget);
        let layers: Vec<PreparedLayer> = layers
            .iter()
            .enumerate()
            .map(|(index, layer)| PreparedLayer::new(&mut engine, layer, index > 0))
            .collect();
        let parts = layers.iter().flat_map(|layer| &layer.parts);
        let index = ActionIndex::new(&engine.actions, parts.map(|part| part.action));
        let literals = facts
            .iter()
            .map(|(key, value)| engine.conditions.bare(key, Test::Fact(vec![(*value).to_owned()])))
            .collect();
        let action = (false, engine.actions.list([]));
        let principal = Block { principal: None, action, resource: None, owner: None, literals };
        let start = engine.within(Region::EVERYTHING, &principal).ok().flatten();
        Self { engine, layers, index, start }
    }

    /// Which of the layers that bind some actions only bind this one, as bits.
    fn reaching(&self, action: &Action) -> u64 {
        let partial = self.layers.iter().filter_map(|layer| layer.actions);
        partial.take(64).enumerate().fold(0, |bits, (at, binds)| bits | (u64::from(binds(action)) << at))
    }

    /// Which clauses speak of an action.
    pub(super) fn matching(&mut self, action: &Action) -> Result<Matching, Exhausted> {
        self.engine.meter.spend(self.index.cost())?;
        Ok(self.index.matching(action))
    }

    /// What speaks of an action, layer by layer.
    pub(super) fn speaking(
        &mut self,
        action: &Action,
        matching: &Matching,
    ) -> Result<Vec<Speaking>, Exhausted> {
        let parts: usize = self.layers.iter().map(|layer| layer.parts.len()).sum();
        self.engine.meter.spend(20 * parts as u64)?;
        let layers = self.layers.iter().map(|layer| {
            if layer.actions.is_some_and(|binds| !binds(action)) {
                return Speaking { is_open: true, ..Speaking::default() };
            }
            let mut speaking = Speaking { is_open: layer.is_open, ..Speaking::default() };
            for part in layer.parts.iter().filter(|part| matching.admit(part.action)) {
                let blocks = match part.effect {
                    Effect::Allow => &mut speaking.allows,
                    Effect::Deny => &mut speaking.denies,
                };
                blocks.push((part.place, Rc::clone(&part.block)));
            }
            speaking
        });
        Ok(layers.collect())
    }

    fn action(&mut self, action: &Action, matching: &Matching) -> ActionGrant {
        let Ok(layers) = self.speaking(action, matching) else { return ActionGrant::unknown() };
        let mut left: BTreeMap<Place, (bool, BTreeSet<Cut>)> = BTreeMap::new();
        // The deepest layer that something reached before the last of it was gone.
        let mut deepest = None;
        let (mut granted, mut unsure) = (false, false);
        let Some((own, start)) = layers.first().zip(self.start) else {
            return ActionGrant { effective: Effective::NotGranted, left: Vec::new() };
        };
        for (place, block) in &own.allows {
            let region = match self.engine.within(start, block) {
                Ok(Some(region)) => region,
                Ok(None) => continue,
                Err(Exhausted::Work) => return ActionGrant::unknown(),
                Err(_) => {
                    unsure = true;
                    left.entry(*place).or_default().0 = true;
                    continue;
                }
            };
            let is_open = match self.descend(&layers, region, 1) {
                Ok(descent) => {
                    granted |= !descent.left.is_empty();
                    deepest = deepest.max(descent.deepest);
                    !descent.left.is_empty()
                }
                Err(_) => {
                    unsure = true;
                    true
                }
            };
            let entry = left.entry(*place).or_default();
            entry.0 |= is_open;
            // Without the means to tell, nothing is said.
            entry.1.extend(self.cuts(&layers, region).unwrap_or_default());
        }
        let effective = match deepest {
            _ if granted => Effective::Granted,
            _ if unsure => Effective::Unknown,
            Some(layer) => Effective::Blocked { layer },
            None => Effective::NotGranted,
        };
        let left = left
            .into_iter()
            .map(|(statement, (is_open, cuts))| Left { statement, is_open, cuts: cuts.into_iter().collect() })
            .collect();
        ActionGrant { effective, left }
    }

    /// What of a region that the first layer allows is left after all layers, up to `limit` pieces.
    ///
    /// One way is followed to its end before the next: where something is left, it is found soon.
    fn descend(&mut self, layers: &[Speaking], region: Region, limit: usize) -> Result<Descent, Exhausted> {
        let engine = &mut self.engine;
        let mut descent = Descent::default();
        let mut visited = 0;
        // (what is left so far, the layer, its denies that were looked at)
        let mut open = vec![(region, 0_usize, 0_usize)];
        'pieces: while let Some((region, at, from)) = open.pop() {
            visited += 1;
            engine.meter.pieces(visited)?;
            let Some(layer) = layers.get(at) else {
                descent.left.push(region);
                if descent.left.len() >= limit {
                    break;
                }
                continue;
            };
            // One block that covers a piece is much cheaper than many cuts.
            if from == 0 {
                for (_, deny) in &layer.denies {
                    if engine.covered(region, deny)? {
                        descent.deepest = descent.deepest.max(Some(at));
                        continue 'pieces;
                    }
                }
            }
            for (index, (_, deny)) in layer.denies.iter().enumerate().skip(from) {
                if engine.within(region, deny)?.is_some() {
                    let mut outside = Vec::new();
                    engine.minus(region, deny, &mut outside)?;
                    if outside.is_empty() {
                        descent.deepest = descent.deepest.max(Some(at));
                    }
                    open.extend(outside.into_iter().rev().map(|piece| (piece, at, index + 1)));
                    continue 'pieces;
                }
            }
            let next = at + 1;
            match layers.get(next) {
                Some(limit) if !limit.is_open => {
                    let before = open.len();
                    for (_, allow) in limit.allows.iter().rev() {
                        open.extend(engine.within(region, allow)?.map(|inside| (inside, next, 0)));
                    }
                    if open.len() == before {
                        descent.deepest = descent.deepest.max(Some(next));
                    }
                }
                _ => open.push((region, next, 0)),
            }
        }
        Ok(descent)
    }

    /// Everything that takes something from a region, each by itself.
    fn cuts(&mut self, layers: &[Speaking], region: Region) -> Result<Vec<Cut>, Exhausted> {
        let mut cuts = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            if index > 0 && !layer.is_open && !self.is_inside(region, &layer.allows)? {
                cuts.push(Cut { layer: index, statement: None });
            }
            for (place, deny) in &layer.denies {
                if self.engine.within(region, deny)?.is_some() {
                    cuts.push(Cut { layer: index, statement: Some(*place) });
                }
            }
        }
        Ok(cuts)
    }

    /// Whether a region lies wholly in the blocks.
    fn is_inside(&mut self, region: Region, blocks: &[(Place, Rc<Block>)]) -> Result<bool, Exhausted> {
        for (_, block) in blocks {
            if self.engine.covered(region, block)? {
                return Ok(true);
            }
        }
        let rules: Vec<Rule> = blocks
            .iter()
            .map(|(place, block)| Rule {
                place: *place,
                effect: Effect::Allow,
                blocks: vec![Block::clone(block)],
            })
            .collect();
        Ok(self.engine.minus_all(vec![region], rules.iter())?.is_empty())
    }

    /// What is left, after all layers, of the first layer's grant of what `speaking` speaks of inside `scope`, up to `limit` pieces.
    pub(super) fn left_of(
        &mut self,
        speaking: &[Speaking],
        scope: &Block,
        limit: usize,
    ) -> Result<Vec<Region>, Exhausted> {
        let Some((own, start)) = speaking.first().zip(self.start) else { return Ok(Vec::new()) };
        let Some(scope) = self.engine.within(start, scope)? else { return Ok(Vec::new()) };
        let mut left = Vec::new();
        for (_, allow) in &own.allows {
            if left.len() < limit
                && let Some(region) = self.engine.within(scope, allow)?
            {
                let found = self.descend(speaking, region, limit - left.len())?.left;
                left.extend(found.into_iter().filter(|piece| !left.contains(piece)).collect::<Vec<_>>());
            }
        }
        Ok(left)
    }
}

/// What came through the layers.
#[derive(Debug, Default)]
struct Descent {
    left: Vec<Region>,
    /// The deepest layer that took a piece away.
    deepest: Option<usize>,
}

impl PreparedLayer {
    fn new(engine: &mut Engine, layer: &GrantLayer<'_>, is_limit: bool) -> Self {
        let owner = layer.reach.map(|reach| {
            let part = Token::Run { colon: false };
            let mut tokens = pattern::plain("arn:");
            for _ in 0..3 {
                tokens.extend([part, Token::Is(pattern::COLON)]);
            }
            tokens.extend(pattern::plain(&format!("{}:", reach.account)));
            tokens.push(pattern::ANYTHING);
            (true, engine.resources.list([tokens]))
        });
        let mut rules = engine.rules(&layer.policies);
        let statement = |place: Place| layer.policies.get(place.0)?.statements.get(place.1);
        let mut is_open = layer.is_open || layer.policies.iter().any(|policy| !policy.unknown.is_empty());
        rules.retain(|rule| {
            let is_vague = statement(rule.place).is_none_or(|statement| statement.has_unknown);
            is_open |= is_vague;
            !is_vague || (rule.effect == Effect::Allow && !is_limit)
        });
        for block in rules.iter_mut().flat_map(|rule| &mut rule.blocks) {
            block.owner = owner;
        }
        // What only some requests are bound by can take away, and not allow.
        let is_open = is_open || owner.is_some();
        let any_action = (false, engine.actions.list([]));
        let part = |rule: &Rule, block: Block| Part {
            place: rule.place,
            effect: rule.effect,
            action: block.action,
            block: Rc::new(Block { action: any_action, ..block }),
        };
        let parts = rules
            .into_iter()
            .flat_map(|mut rule| {
                let blocks = std::mem::take(&mut rule.blocks);
                blocks.into_iter().map(move |block| part(&rule, block))
            })
            .collect();
        Self { parts, is_open, actions: layer.reach.map(|reach| reach.actions) }
    }
}
