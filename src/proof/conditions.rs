//! Can these conditions hold together?
//!
//! A set of signed literals is satisfiable if the literals of each key are. For one key the ways it can be present are tried in turn:
//! absent, one value, several values. Whatever AWS does not document is left free, so that "no" is always proven.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::arena::Arena;
use super::budget::{Exhausted, Meter};
use super::key::{self, Kind};
use super::literal::{self, Literal, Point, Test};
use super::pattern::{self, ANYTHING, Letters, Symbol, Token};
use super::space::{self, Space};
use crate::policy::{AddressRange, Condition, Order, SetQualifier, Version, address_range, boolean};

/// Number of a literal.
pub(super) type LiteralId = u32;
/// Number of a set of signed literals.
pub(super) type SetId = u32;

/// The set that always holds.
pub(super) const NO_CONDITION: SetId = 0;
/// The set that never holds.
pub(super) const NEVER: SetId = u32::MAX;

/// A literal that holds (`true`) or does not.
type Signed = (LiteralId, bool);

/// The values a variable is given in an example.
pub(super) type Values<'a> = &'a dyn Fn(Symbol) -> Option<Vec<Symbol>>;

/// How a key may be present.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Known {
    /// Not at all.
    Absent,
    /// With these values.
    Values(Vec<String>),
    /// In some way that no example was found for.
    Somehow,
}

/// All condition literals of a question.
#[derive(Debug)]
pub(super) struct Conditions {
    texts: Space,
    folds: Space,
    literals: Arena<Literal>,
    sets: Arena<Vec<Signed>>,
    added: HashMap<(SetId, LiteralId, bool), SetId>,
    groups: HashMap<Vec<Signed>, bool>,
    /// Keys under a set operator: they may hold a list.
    listed: HashSet<String>,
}

impl Conditions {
    pub(super) fn new() -> Self {
        let mut sets = Arena::new();
        sets.put(Vec::new());
        Self {
            texts: Space::new(vec![ANYTHING]),
            folds: Space::new(vec![ANYTHING]),
            literals: Arena::new(),
            sets,
            added: HashMap::new(),
            groups: HashMap::new(),
            listed: HashSet::new(),
        }
    }

    /// The literal of a condition. All literals of a question are made before the first set is.
    pub(super) fn literal(
        &mut self,
        condition: &Condition,
        version: Version,
        letters: &mut Letters,
    ) -> LiteralId {
        let literal = Literal::new(condition, version, &mut self.texts, &mut self.folds, letters);
        if literal.quantifier.is_some() {
            self.listed.insert(literal.key.clone());
        }
        self.literals.put(literal)
    }

    /// The literal of a bare test of a key.
    pub(super) fn bare(&mut self, key: &str, test: Test) -> LiteralId {
        self.literals.put(Literal::bare(key, test))
    }

    /// The set with one more literal.
    pub(super) fn and(
        &mut self,
        set: SetId,
        literal: LiteralId,
        sign: bool,
        meter: &mut Meter,
    ) -> Result<SetId, Exhausted> {
        if set == NEVER {
            return Ok(NEVER);
        }
        if let Some(known) = self.added.get(&(set, literal, sign)) {
            return Ok(*known);
        }
        let old = self.sets.at(set);
        meter.spend(1_000 + 40 * old.len() as u64)?;
        let new = if old.contains(&(literal, sign)) {
            set
        } else if old.contains(&(literal, !sign)) {
            NEVER
        } else {
            let key = self.literals.at(literal).key.clone();
            let mut group: Vec<Signed> =
                old.iter().copied().filter(|(id, _)| self.literals.at(*id).key == key).collect();
            group.push((literal, sign));
            group.sort_unstable();
            if self.group_holds(&group, meter)? {
                let mut all = old.as_ref().clone();
                all.push((literal, sign));
                all.sort_unstable();
                self.sets.put(all)
            } else {
                NEVER
            }
        };
        self.added.insert((set, literal, sign), new);
        Ok(new)
    }

    /// The set with those literals of another whose key passes `of`.
    pub(super) fn join(
        &mut self,
        set: SetId,
        other: SetId,
        of: fn(&str) -> bool,
        meter: &mut Meter,
    ) -> Result<SetId, Exhausted> {
        let mut joint = set;
        for (literal, sign) in self.sets.at(other).iter().copied() {
            if of(&self.literals.at(literal).key) {
                joint = self.and(joint, literal, sign, meter)?;
            }
        }
        Ok(joint)
    }

    fn group_holds(&mut self, group: &[Signed], meter: &mut Meter) -> Result<bool, Exhausted> {
        if let Some(known) = self.groups.get(group) {
            return Ok(*known);
        }
        let none = |_: Symbol| None;
        let answer = !self.ways(group, true, &none, meter)?.is_empty();
        self.groups.insert(group.to_vec(), answer);
        Ok(answer)
    }

    /// The literals of a set by key, each with the ways its key may be present.
    pub(super) fn examples(
        &mut self,
        set: SetId,
        values: Values<'_>,
        meter: &mut Meter,
    ) -> Result<Vec<(String, Vec<Known>)>, Exhausted> {
        let mut groups: BTreeMap<String, Vec<Signed>> = BTreeMap::new();
        for signed in self.sets.at(set).iter() {
            groups.entry(self.literals.at(signed.0).key.clone()).or_default().push(*signed);
        }
        let mut found = Vec::new();
        for (key, group) in groups {
            let ways = self.ways(&group, false, values, meter)?;
            found.push((key, ways));
        }
        Ok(found)
    }

    /// The ways the key of a group may be present so that all its literals hold; with `first`, at most one.
    fn ways(
        &mut self,
        group: &[Signed],
        first: bool,
        values: Values<'_>,
        meter: &mut Meter,
    ) -> Result<Vec<Known>, Exhausted> {
        let literals: Vec<(Rc<Literal>, bool)> =
            group.iter().map(|(id, sign)| (self.literals.at(*id), *sign)).collect();
        let Some((some, _)) = literals.first() else { return Ok(vec![Known::Absent]) };
        let key = some.key.clone();
        let kind = key::kind(&key);
        for (literal, sign) in &literals {
            if let (Test::Fact(fact), true) = (&literal.test, sign) {
                let holds = self.holds_with(&literals, fact, kind, meter)?;
                return Ok(if holds { vec![Known::Values(fact.clone())] } else { Vec::new() });
            }
        }
        let mut ways = Vec::new();
        if literals.iter().all(|(literal, sign)| literal.when_absent().is_none_or(|truth| truth == *sign)) {
            ways.push(Known::Absent);
        }
        if first && !ways.is_empty() {
            return Ok(ways);
        }
        // Present: literals that ask nothing of the value are settled; the free ones are left out.
        let mut asking = Vec::new();
        for (literal, sign) in &literals {
            match literal.when_present() {
                Some(truth) if truth != *sign => return Ok(ways),
                Some(_) => {}
                None if literal.is_vague() => {}
                None => asking.push((Rc::clone(literal), *sign)),
            }
        }
        let unresolved = asking.iter().any(|(l, sign)| l.test == Test::Resolved && !sign);
        let resolved = asking.iter().any(|(l, sign)| l.test == Test::Resolved && *sign);
        asking.retain(|(literal, _)| literal.test != Test::Resolved);
        if !unresolved && let Some(example) = self.value(&asking, kind, values, meter)? {
            ways.push(example.map_or(Known::Somehow, |value| Known::Values(vec![value])));
            if first {
                return Ok(ways);
            }
        }
        if !resolved && (kind == Kind::List || self.listed.contains(&key)) {
            ways.extend(self.list(&asking, kind, values, meter)?);
        }
        Ok(ways)
    }

    /// Several values (or an empty list): what scalar operators do then is not documented, set operators keep their meaning.
    fn list(
        &mut self,
        asking: &[(Rc<Literal>, bool)],
        kind: Kind,
        values: Values<'_>,
        meter: &mut Meter,
    ) -> Result<Option<Known>, Exhausted> {
        // `ForAllValues` that holds and `ForAnyValue` that does not bind every value; the others demand one.
        let quantified = |all: bool| {
            asking
                .iter()
                .filter(move |(literal, sign)| match literal.quantifier {
                    Some(SetQualifier::ForAllValues) => *sign == all,
                    Some(SetQualifier::ForAnyValue) => *sign != all,
                    None => false,
                })
                .cloned()
                .collect::<Vec<_>>()
        };
        let every = quantified(true);
        let mut members = Vec::new();
        let mut complete = true;
        for demand in quantified(false) {
            let mut constraints = every.clone();
            constraints.push(demand);
            match self.value(&constraints, kind, values, meter)? {
                None => return Ok(None),
                Some(Some(value)) => members.push(value),
                Some(None) => complete = false,
            }
        }
        members.sort();
        members.dedup();
        if members.len() == 1 {
            // One value is the case before; a second makes it a list, where the other constraints allow one.
            if let Some(Some(second)) = self.value(&every, kind, values, meter)? {
                members.push(second);
            }
        }
        Ok(Some(if complete { Known::Values(members) } else { Known::Somehow }))
    }

    /// Whether one value can pass all tests; with an example where one was found. Families that do not touch each other (text,
    /// folded text, numbers, …) are decided apart, which can only add values.
    fn value(
        &mut self,
        asking: &[(Rc<Literal>, bool)],
        kind: Kind,
        values: Values<'_>,
        meter: &mut Meter,
    ) -> Result<Option<Option<String>>, Exhausted> {
        // (literal, whether its test must pass)
        let tests: Vec<(Rc<Literal>, bool)> = asking
            .iter()
            .filter(|(literal, _)| !literal.is_vague())
            .map(|(literal, sign)| (Rc::clone(literal), *sign != literal.negated))
            .collect();
        let mut candidates = Vec::new();
        if tests.iter().any(|(literal, _)| matches!(literal.test, Test::Bool(..))) {
            for text in ["true", "false"] {
                if self.passes(&tests, text, Some(values), meter)? {
                    return Ok(Some(Some(text.to_owned())));
                }
            }
            if !malformed(&tests, Kind::Bool, kind) {
                return Ok(None);
            }
        }
        for family in [Kind::Number, Kind::Date] {
            let numeric: Vec<(Order, &[Point], bool)> = tests
                .iter()
                .filter_map(|(literal, pass)| match (&literal.test, family) {
                    (Test::Number(order, points), Kind::Number) | (Test::Date(order, points), Kind::Date) => {
                        Some((*order, points.as_slice(), *pass))
                    }
                    _ => None,
                })
                .collect();
            if numeric.is_empty() {
                continue;
            }
            // Each constant is held against each.
            let n: u64 = numeric.iter().map(|(_, points, _)| points.len() as u64).sum();
            meter.spend(n.saturating_mul(n).saturating_mul(10))?;
            let fits = |point: Point| {
                numeric
                    .iter()
                    .all(|(order, points, pass)| points.iter().any(|c| order.accepts(point.cmp(c))) == *pass)
            };
            // Whole units first, because they read better and dates have no fractions.
            let unit = 2_000_000_000;
            let constants = || numeric.iter().flat_map(|(_, points, _)| points.iter().copied());
            let found = [0, unit, -unit, 1, -1]
                .into_iter()
                .flat_map(|step| constants().map(move |constant| constant + step))
                .chain([0])
                .find(|point| fits(*point));
            match found {
                Some(point) if family == Kind::Number => candidates.push(literal::number_text(point)),
                Some(point) => candidates.push(literal::date_text(point)),
                None if malformed(&tests, family, kind) => {}
                None => return Ok(None),
            }
        }
        let blocks: Vec<(&[AddressRange], bool)> = tests
            .iter()
            .filter_map(|(literal, pass)| match &literal.test {
                Test::Ip(blocks) => Some((blocks.as_slice(), *pass)),
                _ => None,
            })
            .collect();
        if !blocks.is_empty() {
            let n: u64 = blocks.iter().map(|(blocks, _)| blocks.len() as u64).sum();
            meter.spend(n.saturating_mul(n).saturating_mul(10))?;
            match address(&blocks) {
                Some(text) => candidates.push(text),
                None if malformed(&tests, Kind::Ip, kind) => {}
                None => return Ok(None),
            }
        }
        match self.text(&tests, kind, values, meter)? {
            Some(texts) => candidates.extend(texts),
            None => return Ok(None),
        }
        for candidate in candidates {
            if self.passes(&tests, &candidate, Some(values), meter)? {
                return Ok(Some(Some(candidate)));
            }
        }
        Ok(Some(None))
    }

    /// The text families: `None` when no text passes, else candidates.
    fn text(
        &mut self,
        tests: &[(Rc<Literal>, bool)],
        kind: Kind,
        values: Values<'_>,
        meter: &mut Meter,
    ) -> Result<Option<Vec<String>>, Exhausted> {
        let mut language = space::ALL;
        let mut without_arns = space::ALL;
        for (literal, pass) in tests {
            match literal.test {
                Test::Text(list) => {
                    language = self.texts.and(language, *pass, list, meter)?;
                    without_arns = self.texts.and(without_arns, *pass, list, meter)?;
                }
                Test::Arn(list) => language = self.texts.and(language, *pass, list, meter)?,
                _ => {}
            }
        }
        if language == space::EMPTY && without_arns != space::EMPTY && malformed(tests, Kind::Arn, kind) {
            language = without_arns;
        }
        if language == space::EMPTY {
            return Ok(None);
        }
        let mut folded = space::ALL;
        if tests.iter().any(|(literal, _)| matches!(literal.test, Test::Folded(_))) {
            for (literal, pass) in tests {
                if let Test::Folded(list) = literal.test {
                    folded = self.folds.and(folded, *pass, list, meter)?;
                }
            }
            // What holds of the text holds of its folded form.
            for list in self.texts.positive_lists(language) {
                let patterns: Vec<Vec<Token>> =
                    self.texts.patterns_of(list).iter().map(|tokens| pattern::folded(tokens)).collect();
                let list = self.folds.list(patterns);
                folded = self.folds.and(folded, true, list, meter)?;
            }
            if folded == space::EMPTY {
                return Ok(None);
            }
        }
        let part = [Token::One { colon: false }, Token::Run { colon: false }];
        let liked: Vec<Vec<Token>> = match kind {
            Kind::Arn => vec![pattern::glob("arn:aws:s3:::?*"), part.to_vec()],
            _ => vec![part.to_vec()],
        };
        let mut texts = Vec::new();
        for (space, language) in [(&self.texts, language), (&self.folds, folded)] {
            if let Some(example) = space.example(language, values, &liked, meter)? {
                texts.push(example.into_iter().filter_map(char::from_u32).collect());
            }
        }
        Ok(Some(texts))
    }

    /// Whether a value passes all tests, as far as it can be told.
    fn passes(
        &self,
        tests: &[(Rc<Literal>, bool)],
        value: &str,
        values: Option<Values<'_>>,
        meter: &mut Meter,
    ) -> Result<bool, Exhausted> {
        for (literal, pass) in tests {
            if self.test(literal, value, values, meter)?.is_some_and(|truth| truth != *pass) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a value passes a literal's test; `None` if that cannot be told (malformed, or a variable of unknown value).
    fn test(
        &self,
        literal: &Literal,
        value: &str,
        values: Option<Values<'_>>,
        meter: &mut Meter,
    ) -> Result<Option<bool>, Exhausted> {
        let lowered;
        let (space, list, value) = match &literal.test {
            Test::Text(list) | Test::Arn(list) => (&self.texts, *list, value),
            Test::Folded(list) => {
                lowered = value.to_lowercase();
                (&self.folds, *list, lowered.as_str())
            }
            Test::Number(order, points) => {
                return Ok(literal::number(value).map(|v| points.iter().any(|c| order.accepts(v.cmp(c)))));
            }
            Test::Date(order, points) => {
                return Ok(literal::date(value).map(|v| points.iter().any(|c| order.accepts(v.cmp(c)))));
            }
            Test::Ip(blocks) => {
                return Ok(address_range(value)
                    .filter(|v| v.first == v.last)
                    .map(|v| blocks.iter().any(|b| b.v6 == v.v6 && b.first <= v.first && v.last <= b.last)));
            }
            Test::Bool(yes, no) => return Ok(boolean(value).map(|v| if v { *yes } else { *no })),
            _ => return Ok(None),
        };
        if matches!(literal.test, Test::Arn(_)) && value.split(':').count() < 6 {
            return Ok(None);
        }
        let none = |_: Symbol| None;
        if let Some(values) = values {
            return space.list_matches(list, value, values, meter).map(Some);
        }
        if space.list_matches(list, value, &none, meter)? {
            return Ok(Some(true));
        }
        Ok(if space.has_letters(list) { None } else { Some(false) })
    }

    /// Whether all literals can hold when the key has these values.
    fn holds_with(
        &mut self,
        literals: &[(Rc<Literal>, bool)],
        fact: &[String],
        kind: Kind,
        meter: &mut Meter,
    ) -> Result<bool, Exhausted> {
        let single = match fact {
            [single] if kind != Kind::List => Some(single),
            _ => None,
        };
        for (literal, sign) in literals {
            if let Test::Fact(other) = &literal.test {
                if (other == fact) != *sign {
                    return Ok(false);
                }
                continue;
            }
            if let Some(truth) = literal.when_present() {
                if truth != *sign {
                    return Ok(false);
                }
                continue;
            }
            if literal.test == Test::Resolved {
                if kind != Kind::List && single.is_some() != *sign {
                    return Ok(false);
                }
                continue;
            }
            if literal.is_vague() {
                continue;
            }
            let truth = match (literal.quantifier, single) {
                (None, Some(value)) => {
                    self.test(literal, value, None, meter)?.map(|pass| pass != literal.negated)
                }
                (None, None) => None,
                (Some(quantifier), _) => {
                    let (mut any, mut all, mut told) = (false, true, true);
                    for value in fact {
                        match self.test(literal, value, None, meter)? {
                            Some(pass) => {
                                let pass = pass != literal.negated;
                                any |= pass;
                                all &= pass;
                            }
                            None => told = false,
                        }
                    }
                    match quantifier {
                        SetQualifier::ForAnyValue if any => Some(true),
                        SetQualifier::ForAllValues if !all => Some(false),
                        SetQualifier::ForAnyValue => told.then_some(false),
                        SetQualifier::ForAllValues => told.then_some(true),
                    }
                }
            };
            if truth.is_some_and(|truth| truth != *sign) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether the tests of a family allow a value that does not parse: positive operators are false then, negated ones anybody's
/// guess. Keys known to hold the family's kind always parse.
fn malformed(tests: &[(Rc<Literal>, bool)], family: Kind, kind: Kind) -> bool {
    kind != family
        && tests
            .iter()
            .filter(|(literal, _)| literal.assumes() == Some(family))
            .all(|(literal, pass)| literal.negated || !pass)
}

/// An address in (or outside) all these blocks.
fn address(blocks: &[(&[AddressRange], bool)]) -> Option<String> {
    let fits = |v6: bool, bits: u128| {
        blocks.iter().all(|(blocks, pass)| {
            blocks.iter().any(|b| b.v6 == v6 && b.first <= bits && bits <= b.last) == *pass
        })
    };
    let ends = blocks.iter().flat_map(|(blocks, _)| blocks.iter()).flat_map(|block| {
        let top = if block.v6 { u128::MAX } else { u128::from(u32::MAX) };
        [Some(block.first), Some(block.last), block.first.checked_sub(1), block.last.checked_add(1)]
            .into_iter()
            .flatten()
            .filter(move |bits| *bits <= top)
            .map(|bits| (block.v6, bits))
    });
    // One address of each family that no policy is likely to name: the documentation ranges.
    let usual = [(false, 0xcb00_7101), (true, 0x2001_0db8_u128 << 96 | 1)];
    ends.chain(usual).find(|(v6, bits)| fits(*v6, *bits)).map(|(v6, bits)| literal::address_text(v6, bits))
}
