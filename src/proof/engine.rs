//! Statements as regions, and the difference of regions.
//!
//! A region is a language of principals, one of actions, one of resources, and a set of condition literals; all four must hold. What
//! one set of policies allows and another does not is found by cutting the other's regions out of the first's.

use std::collections::HashSet;

use super::budget::{Budget, Exhausted, Meter};
use super::conditions::{Conditions, LiteralId, NEVER, NO_CONDITION, SetId};
use super::literal::Test;
use super::pattern::{self, ANYTHING, Disputed, Letters, Reading, ShortExcept, Token};
use super::space::{ALL, EMPTY, LanguageId, ListId, Space};
use crate::ident::{Arn, is_account_id};
use crate::policy::{
    ActionElement, Effect, Policy, PrincipalElement, PrincipalPattern, ResourceElement, Statement, Version,
};

/// Where a statement stands: index of the policy in its set, index of the statement in the policy.
pub type Place = (usize, usize);

/// "One of the list" or "none of the list".
pub(super) type Clause = (bool, ListId);

/// One rectangle of a statement.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Block {
    pub(super) principal: Option<Clause>,
    pub(super) action: Clause,
    pub(super) resource: Option<Clause>,
    /// A second clause on the resource: whose it must be.
    pub(super) owner: Option<Clause>,
    pub(super) literals: Vec<LiteralId>,
}

impl Block {
    /// Its clauses on the resource; all must hold.
    fn on_resource(&self) -> impl Iterator<Item = Clause> + use<> {
        self.owner.into_iter().chain(self.resource)
    }
}

/// One statement.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) place: Place,
    pub(super) effect: Effect,
    pub(super) blocks: Vec<Block>,
}

/// A non-empty set of requests.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Region {
    pub(super) principal: LanguageId,
    pub(super) action: LanguageId,
    pub(super) resource: LanguageId,
    pub(super) conditions: SetId,
}

impl Region {
    /// Every request.
    pub(super) const EVERYTHING: Self =
        Self { principal: ALL, action: ALL, resource: ALL, conditions: NO_CONDITION };
}

/// Something one set allows and, as far as could be shown, the other does not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Escape {
    pub(super) region: Region,
    /// The statement of the first set that allows it.
    pub(super) place: Place,
    /// The statement of the other set that denies it; `None`: no statement allows it.
    pub(super) denied_by: Option<Place>,
}

/// The working state of one question under one reading.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) principals: Space,
    pub(super) actions: Space,
    pub(super) resources: Space,
    pub(super) conditions: Conditions,
    pub(super) letters: Letters,
    pub(super) meter: Meter,
    reading: Reading,
}

impl Engine {
    pub(super) fn new(reading: Reading, budget: Budget) -> Self {
        Self {
            principals: Space::new(vec![ANYTHING]),
            actions: Space::new(pattern::any_action()),
            resources: Space::new(vec![ANYTHING]),
            conditions: Conditions::new(),
            letters: Letters::default(),
            meter: Meter::new(budget),
            reading,
        }
    }

    /// How the disputed points are read.
    pub(super) const fn reading(&self) -> Reading {
        self.reading
    }

    /// The statements of a set of policies.
    pub(super) fn rules(&mut self, policies: &[&Policy]) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (policy_index, policy) in policies.iter().enumerate() {
            for (index, statement) in policy.statements.iter().enumerate() {
                let blocks = self.blocks(statement, policy.version);
                rules.push(Rule { place: (policy_index, index), effect: statement.effect, blocks });
            }
        }
        rules
    }

    fn blocks(&mut self, statement: &Statement, version: Version) -> Vec<Block> {
        let Some(action) = self.action(&statement.action) else { return Vec::new() };
        let principal = match &statement.principal {
            None => None,
            Some(element) => match self.principal(element) {
                Some(clause) => Some(clause),
                None => return Vec::new(),
            },
        };
        let literals: Vec<LiteralId> = statement
            .conditions
            .iter()
            .map(|condition| self.conditions.literal(condition, version, &mut self.letters))
            .collect();
        let short_applies = match self.reading.short_except {
            ShortExcept::SwitchesOff => false,
            ShortExcept::Excludes => true,
            ShortExcept::Widest => statement.effect == Effect::Allow,
        };
        self.resource(statement.resource.as_ref(), version, short_applies)
            .into_iter()
            .map(|(resource, resolved)| Block {
                principal,
                action,
                resource,
                owner: None,
                literals: literals.iter().copied().chain(resolved).collect(),
            })
            .collect()
    }

    /// `None`: the statement matches no action.
    fn action(&mut self, element: &ActionElement) -> Option<Clause> {
        let (positive, patterns) = match element {
            ActionElement::Only(patterns) => (true, patterns),
            ActionElement::Except(patterns) => (false, patterns),
        };
        let valid: Vec<Vec<Token>> = patterns.iter().filter_map(|text| pattern::action(text)).collect();
        if patterns.is_empty() || (positive && valid.is_empty()) {
            return None;
        }
        Some((positive, self.actions.list(valid)))
    }

    /// `None`: the statement matches nobody.
    fn principal(&mut self, element: &PrincipalElement) -> Option<Clause> {
        let (positive, principals) = match element {
            PrincipalElement::Only(principals) => (true, principals),
            PrincipalElement::Except(principals) => (false, principals),
        };
        if principals.is_empty() {
            return None;
        }
        let patterns: Vec<Vec<Token>> = principals.iter().flat_map(principal_patterns).collect();
        Some((positive, self.principals.list(patterns)))
    }

    /// The resource clause of each rectangle, with the literals its variables bring. A pattern whose variable has no value matches
    /// nothing; a whole `NotResource` with one does not apply.
    fn resource(
        &mut self,
        element: Option<&ResourceElement>,
        version: Version,
        short_applies: bool,
    ) -> Vec<(Option<Clause>, Vec<LiteralId>)> {
        let (positive, patterns) = match element {
            None => return vec![(None, Vec::new())],
            Some(ResourceElement::Only(patterns)) => (true, patterns),
            Some(ResourceElement::Except(patterns)) => (false, patterns),
        };
        if patterns.is_empty() {
            return Vec::new();
        }
        // (keys that need a value, the patterns that need just those)
        let mut groups: Vec<(Vec<String>, Vec<Vec<Token>>)> = Vec::new();
        for text in patterns {
            let short = pattern::disputed(text, version, &mut self.letters).short;
            if short && !positive && !short_applies {
                return Vec::new();
            }
            let tokens = pattern::arn(text, version, self.reading, &mut self.letters);
            let mut keys: Vec<String> = tokens
                .iter()
                .filter_map(|token| match token {
                    Token::Is(symbol) => self.letters.variable(*symbol),
                    _ => None,
                })
                .filter(|variable| variable.default.is_none())
                .map(|variable| variable.key.clone())
                .collect();
            keys.sort();
            keys.dedup();
            match groups.iter_mut().find(|(known, _)| !positive || *known == keys) {
                Some((known, patterns)) => {
                    known.extend(keys);
                    patterns.push(tokens);
                }
                None => groups.push((keys, vec![tokens])),
            }
        }
        groups
            .into_iter()
            .map(|(mut keys, patterns)| {
                keys.sort();
                keys.dedup();
                let resolved = keys.iter().map(|key| self.conditions.bare(key, Test::Resolved)).collect();
                (Some((positive, self.resources.list(patterns))), resolved)
            })
            .collect()
    }

    /// The requests of `region` that also lie in `block`.
    pub(super) fn within(&mut self, region: Region, block: &Block) -> Result<Option<Region>, Exhausted> {
        self.meter.spend(300)?;
        let meter = &mut self.meter;
        let (positive, list) = block.action;
        let action = self.actions.and(region.action, positive, list, meter)?;
        if action == EMPTY {
            return Ok(None);
        }
        let mut resource = region.resource;
        for (positive, list) in block.on_resource() {
            resource = self.resources.and(resource, positive, list, meter)?;
        }
        if resource == EMPTY {
            return Ok(None);
        }
        let principal = match block.principal {
            Some((positive, list)) => self.principals.and(region.principal, positive, list, meter)?,
            None => region.principal,
        };
        if principal == EMPTY {
            return Ok(None);
        }
        let mut conditions = region.conditions;
        for literal in &block.literals {
            conditions = self.conditions.and(conditions, *literal, true, meter)?;
            if conditions == NEVER {
                return Ok(None);
            }
        }
        Ok(Some(Region { principal, action, resource, conditions }))
    }

    /// Whether `region` lies wholly in `block`.
    pub(super) fn covered(&mut self, region: Region, block: &Block) -> Result<bool, Exhausted> {
        self.meter.spend(300)?;
        let meter = &mut self.meter;
        let (positive, list) = block.action;
        if self.actions.and(region.action, !positive, list, meter)? != EMPTY {
            return Ok(false);
        }
        for (positive, list) in block.on_resource() {
            if self.resources.and(region.resource, !positive, list, meter)? != EMPTY {
                return Ok(false);
            }
        }
        if let Some((positive, list)) = block.principal
            && self.principals.and(region.principal, !positive, list, meter)? != EMPTY
        {
            return Ok(false);
        }
        for literal in &block.literals {
            if self.conditions.and(region.conditions, *literal, false, meter)? != NEVER {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Disjoint pieces of `region` outside `block`: one constraint of the block is peeled off at a time.
    pub(super) fn minus(
        &mut self,
        region: Region,
        block: &Block,
        out: &mut Vec<Region>,
    ) -> Result<(), Exhausted> {
        if self.within(region, block)?.is_none() {
            out.push(region);
            return Ok(());
        }
        let mut inside = region;
        let meter = &mut self.meter;
        let (positive, list) = block.action;
        let outside = self.actions.and(inside.action, !positive, list, meter)?;
        if outside != EMPTY {
            out.push(Region { action: outside, ..inside });
        }
        inside.action = self.actions.and(inside.action, positive, list, meter)?;
        for (positive, list) in block.on_resource() {
            let outside = self.resources.and(inside.resource, !positive, list, meter)?;
            if outside != EMPTY {
                out.push(Region { resource: outside, ..inside });
            }
            inside.resource = self.resources.and(inside.resource, positive, list, meter)?;
        }
        if let Some((positive, list)) = block.principal {
            let outside = self.principals.and(inside.principal, !positive, list, meter)?;
            if outside != EMPTY {
                out.push(Region { principal: outside, ..inside });
            }
            inside.principal = self.principals.and(inside.principal, positive, list, meter)?;
        }
        for literal in &block.literals {
            let outside = self.conditions.and(inside.conditions, *literal, false, meter)?;
            if outside != NEVER {
                out.push(Region { conditions: outside, ..inside });
            }
            inside.conditions = self.conditions.and(inside.conditions, *literal, true, meter)?;
        }
        Ok(())
    }

    /// The pieces outside all blocks of the rules.
    pub(super) fn minus_all<'a>(
        &mut self,
        pieces: Vec<Region>,
        rules: impl Iterator<Item = &'a Rule> + Clone,
    ) -> Result<Vec<Region>, Exhausted> {
        let mut pieces = pieces;
        // One block that covers a piece is much cheaper than many cuts.
        let mut left = Vec::new();
        'pieces: for piece in pieces {
            for block in rules.clone().flat_map(|rule| &rule.blocks) {
                if self.covered(piece, block)? {
                    continue 'pieces;
                }
            }
            left.push(piece);
        }
        pieces = left;
        for block in rules.flat_map(|rule| &rule.blocks) {
            if pieces.is_empty() {
                break;
            }
            let mut left = Vec::with_capacity(pieces.len());
            for piece in pieces {
                self.minus(piece, block, &mut left)?;
                self.meter.pieces(left.len())?;
            }
            pieces = left;
        }
        Ok(pieces)
    }

    /// What `inner` allows inside `scope` and `outer` does not, up to `limit` pieces.
    pub(super) fn escapes(
        &mut self,
        inner: &[Rule],
        outer: &[Rule],
        scope: Option<&Block>,
        limit: usize,
    ) -> Result<Vec<Escape>, Exhausted> {
        let mut escapes = Vec::new();
        for rule in inner.iter().filter(|rule| rule.effect == Effect::Allow) {
            for block in &rule.blocks {
                let start = match scope {
                    Some(scope) => self.within(Region::EVERYTHING, scope)?,
                    None => Some(Region::EVERYTHING),
                };
                let Some(start) = start else { return Ok(escapes) };
                let Some(region) = self.within(start, block)? else { continue };
                self.escapes_of(region, rule.place, inner, outer, &mut escapes)?;
                if escapes.len() >= limit {
                    return Ok(escapes);
                }
            }
        }
        Ok(escapes)
    }

    /// Regions in which a request that escapes may lie, when finding out costs too much: what a deny of `outer` cuts from an allow of
    /// `inner`, and allows of `inner` as they are.
    pub(super) fn guesses(
        &mut self,
        inner: &[Rule],
        outer: &[Rule],
        limit: usize,
    ) -> Result<Vec<Escape>, Exhausted> {
        // A deny that is there in the same words takes nothing away.
        let own: HashSet<&Block> = denies(inner).flat_map(|rule| &rule.blocks).collect();
        let lost: Vec<&Rule> =
            denies(outer).filter(|deny| !deny.blocks.iter().all(|block| own.contains(block))).collect();
        let mut guesses = Vec::new();
        for rule in inner.iter().filter(|rule| rule.effect == Effect::Allow) {
            for block in &rule.blocks {
                let Some(region) = self.within(Region::EVERYTHING, block)? else { continue };
                guesses.push(Escape { region, place: rule.place, denied_by: None });
                for deny in &lost {
                    for block in &deny.blocks {
                        if let Some(region) = self.within(region, block)? {
                            guesses.push(Escape { region, place: rule.place, denied_by: Some(deny.place) });
                        }
                    }
                    if guesses.len() >= limit {
                        return Ok(guesses);
                    }
                }
            }
        }
        Ok(guesses)
    }

    fn escapes_of(
        &mut self,
        region: Region,
        place: Place,
        inner: &[Rule],
        outer: &[Rule],
        escapes: &mut Vec<Escape>,
    ) -> Result<(), Exhausted> {
        // The inner denies are taken off last, from what is left: a deny that was carried over then covers its own remainder at
        // once, where cutting all denies out of the whole region first would make pieces without number.
        for rule in denies(outer) {
            for block in &rule.blocks {
                let Some(denied) = self.within(region, block)? else { continue };
                for region in self.minus_all(vec![denied], denies(inner))? {
                    escapes.push(Escape { region, place, denied_by: Some(rule.place) });
                }
            }
        }
        let allows = outer.iter().filter(|rule| rule.effect == Effect::Allow);
        let beyond = self.minus_all(vec![region], allows)?;
        for region in self.minus_all(beyond, denies(inner))? {
            escapes.push(Escape { region, place, denied_by: None });
        }
        Ok(())
    }

    /// Whether the rules allow some request inside `scope`.
    pub(super) fn is_granted(&mut self, rules: &[Rule], scope: &Block) -> Result<bool, Exhausted> {
        let Some(scope) = self.within(Region::EVERYTHING, scope)? else { return Ok(false) };
        for block in rules.iter().filter(|rule| rule.effect == Effect::Allow).flat_map(|rule| &rule.blocks) {
            if let Some(region) = self.within(scope, block)? {
                let denies = rules.iter().filter(|rule| rule.effect == Effect::Deny);
                if !self.minus_all(vec![region], denies)?.is_empty() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The denies of `old` that are not wholly within denies of `new`.
    pub(super) fn lost_denies(&mut self, old: &[Rule], new: &[Rule]) -> Result<Vec<Place>, Exhausted> {
        let mut lost = Vec::new();
        for rule in old.iter().filter(|rule| rule.effect == Effect::Deny) {
            for block in &rule.blocks {
                let Some(region) = self.within(Region::EVERYTHING, block)? else { continue };
                let denies = new.iter().filter(|rule| rule.effect == Effect::Deny);
                if !self.minus_all(vec![region], denies)?.is_empty() {
                    lost.push(rule.place);
                    break;
                }
            }
        }
        Ok(lost)
    }
}

fn denies(rules: &[Rule]) -> impl Iterator<Item = &Rule> + Clone {
    rules.iter().filter(|rule| rule.effect == Effect::Deny)
}

/// The readings that differ on these policies, the documented one first.
pub(super) fn readings(policies: &[&Policy]) -> Vec<Reading> {
    use super::pattern::Crossing;
    let mut found = Disputed::default();
    let mut short_excluded = false;
    let mut letters = Letters::default();
    for policy in policies {
        for statement in &policy.statements {
            let patterns = match &statement.resource {
                Some(ResourceElement::Only(patterns) | ResourceElement::Except(patterns)) => patterns,
                None => continue,
            };
            for text in patterns {
                let one = pattern::disputed(text, policy.version, &mut letters);
                found.crossing |= one.crossing;
                found.inner_crossing |= one.inner_crossing;
                found.short |= one.short;
                short_excluded |= one.short && matches!(statement.resource, Some(ResourceElement::Except(_)));
                found.early_variable |= one.early_variable;
            }
        }
    }
    let crossings: &[Crossing] = match (found.crossing, found.inner_crossing) {
        (false, _) => &[Crossing::Never],
        (true, false) => &[Crossing::Never, Crossing::Always],
        (true, true) => &[Crossing::Never, Crossing::AtPartEnd, Crossing::Always],
    };
    let mut readings = Vec::new();
    let shorts: &[ShortExcept] = match short_excluded {
        true => &[ShortExcept::SwitchesOff, ShortExcept::Excludes],
        false => &[ShortExcept::SwitchesOff],
    };
    let (yes, both) = (&[true][..], &[true, false][..]);
    for pad_short in if found.short { both } else { yes } {
        for early_variables in if found.early_variable { both } else { yes } {
            for short_except in shorts {
                readings.extend(crossings.iter().map(|crossing| Reading {
                    crossing: *crossing,
                    pad_short: *pad_short,
                    early_variables: *early_variables,
                    short_except: *short_except,
                }));
            }
        }
    }
    readings
}

/// A principal as patterns over `KIND:text`.
fn principal_patterns(principal: &PrincipalPattern) -> Vec<Vec<Token>> {
    match principal {
        PrincipalPattern::Everyone { .. } => vec![vec![ANYTHING]],
        PrincipalPattern::Aws(text) => aws_patterns(text),
        one => {
            let (kind, text) = one.written();
            vec![pattern::plain(&format!("{kind}:{text}"))]
        }
    }
}

/// An account (by id or root ARN) is everyone in it; a role is also its sessions, a user its federated sessions.
fn aws_patterns(text: &str) -> Vec<Vec<Token>> {
    let of_account = |account: &str| {
        let arn = pattern::glob(&format!("AWS:arn:*:*::{account}:*"));
        let part = |token: Token| if token == ANYTHING { Token::Run { colon: false } } else { token };
        let n = arn.len().saturating_sub(1);
        let everyone = arn.into_iter().enumerate().map(|(at, t)| if at < n { part(t) } else { t }).collect();
        vec![everyone, pattern::plain(&format!("AWS:{account}"))]
    };
    if is_account_id(text) {
        return of_account(text);
    }
    let mut patterns = vec![pattern::plain(&format!("AWS:{text}"))];
    let Some(arn) = Arn::parse(text) else { return patterns };
    if arn.service == "iam" && arn.resource == "root" {
        return of_account(arn.account);
    }
    let sessions = if let Some(role) = arn.role_name() {
        format!("assumed-role/{role}/")
    } else if let Some(user) = arn.resource.strip_prefix("user/").filter(|_| arn.service == "iam") {
        format!("federated-user/{}", user.rsplit('/').next().unwrap_or(user))
    } else {
        return patterns;
    };
    let mut tokens = pattern::plain(&format!("AWS:arn:{}:sts::{}:{sessions}", arn.partition, arn.account));
    if arn.role_name().is_some() {
        tokens.push(ANYTHING);
    }
    patterns.push(tokens);
    patterns
}
