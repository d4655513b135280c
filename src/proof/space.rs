//! Languages of one dimension (actions, resources, principals, values of a key) and the question whether they are empty.
//!
//! A language is a conjunction of clauses: "matches one of these patterns", "matches none of those". Adding a clause simplifies at
//! once what single patterns can decide; only what is left goes to the automaton. Everything is remembered, because a proof asks
//! the same questions over and over.

use std::collections::BTreeSet;
use std::rc::Rc;

use hashbrown::HashMap;

use super::arena::Arena;
use super::automaton::{self, Clause};
use super::budget::{Exhausted, Meter};
use super::pattern::{self, Symbol, Token};
use super::shape::{Pattern, Traits, backs_differ, fronts_differ, replace};

/// Number of a pattern.
type PatternId = u32;
/// Number of a set of alternatives.
pub(super) type ListId = u32;
/// Number of a language.
pub(super) type LanguageId = u32;

/// The language without a text.
pub(super) const EMPTY: LanguageId = 0;
/// The language of all texts of the space.
pub(super) const ALL: LanguageId = 1;

/// Alternatives, sorted.
#[derive(Debug, Default, Eq, Hash, PartialEq)]
struct List {
    patterns: Vec<PatternId>,
}

/// A conjunction: one of each list of `all_of`, none of `none_of` (both sorted).
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Language {
    all_of: Vec<ListId>,
    none_of: Vec<PatternId>,
}

/// All languages of one dimension.
#[derive(Debug)]
pub(super) struct Space {
    patterns: Arena<Pattern>,
    traits: Vec<Traits>,
    lists: Arena<List>,
    languages: Arena<Option<Language>>,
    added: HashMap<(LanguageId, bool, ListId), LanguageId>,
    inside: HashMap<(PatternId, PatternId), bool>,
    meeting: HashMap<(PatternId, PatternId), bool>,
}

impl Space {
    /// A space whose texts are those of `universe`.
    pub(super) fn new(universe: Vec<Token>) -> Self {
        let mut space = Self {
            patterns: Arena::new(),
            traits: Vec::new(),
            lists: Arena::new(),
            languages: Arena::new(),
            added: HashMap::new(),
            inside: HashMap::new(),
            meeting: HashMap::new(),
        };
        space.languages.put(None);
        let everything = space.list([universe]);
        space.languages.put(Some(Language { all_of: vec![everything], none_of: Vec::new() }));
        space
    }

    fn pattern(&mut self, tokens: Vec<Token>) -> PatternId {
        let pattern = Pattern { tokens };
        let traits = Traits::of(&pattern);
        let id = self.patterns.put(pattern);
        if id as usize == self.traits.len() {
            self.traits.push(traits);
        }
        id
    }

    fn traits(&self, id: PatternId) -> Traits {
        self.traits.get(id as usize).copied().unwrap_or_default()
    }

    /// The set of alternatives.
    pub(super) fn list(&mut self, patterns: impl IntoIterator<Item = Vec<Token>>) -> ListId {
        let patterns: BTreeSet<PatternId> = patterns.into_iter().map(|tokens| self.pattern(tokens)).collect();
        self.lists.put(List { patterns: patterns.into_iter().collect() })
    }

    fn list_of(&mut self, mut patterns: Vec<PatternId>) -> ListId {
        patterns.sort_unstable();
        patterns.dedup();
        self.lists.put(List { patterns })
    }

    /// The alternatives of a list as tokens.
    pub(super) fn patterns_of(&self, list: ListId) -> Vec<Vec<Token>> {
        self.lists.at(list).patterns.iter().map(|id| self.patterns.at(*id).tokens.clone()).collect()
    }

    /// Lists that hold in every text of `language`.
    pub(super) fn positive_lists(&self, language: LanguageId) -> Vec<ListId> {
        self.languages
            .at(language)
            .as_ref()
            .as_ref()
            .map(|language| language.all_of.clone())
            .unwrap_or_default()
    }

    /// `language` and "one of `list`" (or, not `positive`, "none of `list`").
    pub(super) fn and(
        &mut self,
        language: LanguageId,
        positive: bool,
        list: ListId,
        meter: &mut Meter,
    ) -> Result<LanguageId, Exhausted> {
        if let Some(known) = self.added.get(&(language, positive, list)) {
            return Ok(*known);
        }
        let Some(old) = self.languages.at(language).as_ref().clone() else { return Ok(EMPTY) };
        let new = if positive { self.restrict(old, list, meter)? } else { self.exclude(old, list, meter)? };
        let id = match new {
            Some(new) if !self.is_empty(&new, meter)? => self.languages.put(Some(new)),
            _ => EMPTY,
        };
        self.added.insert((language, positive, list), id);
        Ok(id)
    }

    /// What is in both languages.
    pub(super) fn meeting_of(
        &mut self,
        one: LanguageId,
        other: LanguageId,
        meter: &mut Meter,
    ) -> Result<LanguageId, Exhausted> {
        let Some(theirs) = self.languages.at(other).as_ref().clone() else { return Ok(EMPTY) };
        let mut both = one;
        for list in theirs.all_of {
            both = self.and(both, true, list, meter)?;
        }
        let none = self.list_of(theirs.none_of);
        self.and(both, false, none, meter)
    }

    fn restrict(
        &mut self,
        mut language: Language,
        list: ListId,
        meter: &mut Meter,
    ) -> Result<Option<Language>, Exhausted> {
        let mut incoming = list;
        let mut kept = Vec::new();
        for old in std::mem::take(&mut language.all_of) {
            let (a, b, exact) = self.intersect(old, incoming, meter)?;
            if !exact {
                kept.push(a);
            }
            incoming = b;
        }
        kept.push(incoming);
        kept.sort_unstable();
        kept.dedup();
        language.all_of = kept;
        self.simplify(language, meter)
    }

    fn exclude(
        &mut self,
        mut language: Language,
        list: ListId,
        meter: &mut Meter,
    ) -> Result<Option<Language>, Exhausted> {
        language.none_of.extend(&self.lists.at(list).patterns);
        language.none_of.sort_unstable();
        language.none_of.dedup();
        self.simplify(language, meter)
    }

    /// The intersection of two sets of alternatives: when every overlapping pair has a smaller member, one list of those (`exact`,
    /// returned second); else both lists without what cannot be in the intersection.
    fn intersect(
        &mut self,
        a: ListId,
        b: ListId,
        meter: &mut Meter,
    ) -> Result<(ListId, ListId, bool), Exhausted> {
        if a == b {
            return Ok((a, b, true));
        }
        let (left, right) = (self.lists.at(a), self.lists.at(b));
        let open = |space: &Self, list: &List| -> Vec<PatternId> {
            list.patterns.iter().copied().filter(|id| !space.traits(*id).plain).collect()
        };
        let (open_left, open_right) = (open(self, &left), open(self, &right));
        let (mut both, mut exact) = (Vec::new(), true);
        let mut keep = [BTreeSet::new(), BTreeSet::new()];
        for (these, theirs, open_theirs, flip) in
            [(&left, &right, &open_right, false), (&right, &left, &open_left, true)]
        {
            meter.spend((these.patterns.len() * (open_theirs.len() + 1)) as u64 * 8)?;
            for one in these.patterns.iter().copied() {
                if !self.traits(one).plain {
                    continue;
                }
                let mut pair = |other: PatternId| {
                    let [left, right] = &mut keep;
                    let (own_side, other_side) = if flip { (right, left) } else { (left, right) };
                    own_side.insert(one);
                    other_side.insert(other);
                };
                if theirs.patterns.binary_search(&one).is_ok() {
                    both.push(one);
                    pair(one);
                }
                for other in open_theirs {
                    if self.inside(one, *other, meter)? {
                        both.push(one);
                        pair(*other);
                    } else if self.traits(*other).letters && self.meet(one, *other, meter)? {
                        exact = false;
                        pair(*other);
                    }
                }
            }
        }
        let [mut keep_left, mut keep_right] = keep;
        meter.spend((open_left.len() * open_right.len()) as u64 * 8)?;
        for one in &open_left {
            for other in &open_right {
                if !self.meet(*one, *other, meter)? {
                    continue;
                }
                keep_left.insert(*one);
                keep_right.insert(*other);
                if self.inside(*one, *other, meter)? {
                    both.push(*one);
                } else if self.inside(*other, *one, meter)? {
                    both.push(*other);
                } else {
                    exact = false;
                }
            }
        }
        if exact {
            let both = self.list_of(both);
            return Ok((both, both, true));
        }
        let left = self.list_of(keep_left.into_iter().collect());
        let right = self.list_of(keep_right.into_iter().collect());
        Ok((left, right, false))
    }

    /// Drops alternatives that an excluded pattern covers and exclusions that touch nothing; `None` when nothing is left.
    fn simplify(&mut self, mut language: Language, meter: &mut Meter) -> Result<Option<Language>, Exhausted> {
        if language.none_of.is_empty() {
            let some = language.all_of.iter().all(|list| !self.lists.at(*list).patterns.is_empty());
            return Ok(some.then_some(language));
        }
        let open_none: Vec<PatternId> =
            language.none_of.iter().copied().filter(|id| !self.traits(*id).plain).collect();
        for list in &mut language.all_of {
            let old = self.lists.at(*list);
            let mut left = Vec::with_capacity(old.patterns.len());
            meter.spend((old.patterns.len() * (open_none.len() + 1)) as u64 * 8)?;
            'alternatives: for one in &old.patterns {
                if language.none_of.binary_search(one).is_ok() {
                    continue;
                }
                for none in &open_none {
                    if self.inside(*one, *none, meter)? {
                        continue 'alternatives;
                    }
                }
                left.push(*one);
            }
            if left.is_empty() {
                return Ok(None);
            }
            if left.len() < old.patterns.len() {
                *list = self.list_of(left);
            }
        }
        // An exclusion matters only where it meets some alternative of every list.
        for list in &language.all_of {
            let list = self.lists.at(*list);
            let mut left = Vec::new();
            for none in &language.none_of {
                for one in &list.patterns {
                    meter.spend(8)?;
                    if self.meet(*one, *none, meter)? {
                        left.push(*none);
                        break;
                    }
                }
            }
            language.none_of = left;
        }
        language.all_of.sort_unstable();
        language.all_of.dedup();
        Ok(Some(language))
    }

    /// Whether no text is in the language, whatever the values of the variables. Answers "no" when in doubt.
    fn is_empty(&mut self, language: &Language, meter: &mut Meter) -> Result<bool, Exhausted> {
        let lists: Vec<Rc<List>> = language.all_of.iter().map(|list| self.lists.at(*list)).collect();
        if lists.iter().any(|list| list.patterns.is_empty()) {
            return Ok(true);
        }
        if language.none_of.is_empty() && lists.len() == 1 {
            return Ok(false);
        }
        let none: Vec<Rc<Pattern>> = language.none_of.iter().map(|id| self.patterns.at(*id)).collect();
        let plain_none: Vec<&[Token]> =
            none.iter().filter(|p| !p.has_letters()).map(|p| p.tokens.as_slice()).collect();
        let every_none: Vec<&[Token]> = none.iter().map(|p| p.tokens.as_slice()).collect();
        // A whole list covered by exclusions, letters taken as they are, is empty for every value.
        for list in &lists {
            if !none.is_empty() && list.patterns.iter().any(|id| self.traits(*id).letters) {
                let patterns: Vec<Rc<Pattern>> =
                    list.patterns.iter().map(|id| self.patterns.at(*id)).collect();
                let clauses = [
                    Clause {
                        positive: true,
                        patterns: patterns.iter().map(|p| p.tokens.as_slice()).collect(),
                    },
                    Clause { positive: false, patterns: every_none.clone() },
                ];
                if automaton::witness(&clauses, meter)?.is_none() {
                    return Ok(true);
                }
            }
        }
        let Some((first, others)) = lists.split_first() else { return Ok(false) };
        let wide = |space: &Self, id: PatternId| pattern::wide(&space.patterns.at(id).tokens);
        let others: Vec<Vec<Vec<Token>>> =
            others.iter().map(|list| list.patterns.iter().map(|id| wide(self, *id)).collect()).collect();
        for id in &first.patterns {
            let one = self.patterns.at(*id);
            if one.has_letters() && !none.is_empty() {
                let clauses = [
                    Clause { positive: true, patterns: vec![one.tokens.as_slice()] },
                    Clause { positive: false, patterns: every_none.clone() },
                ];
                if automaton::witness(&clauses, meter)?.is_none() {
                    continue;
                }
            }
            let one = pattern::wide(&one.tokens);
            let mut clauses = vec![Clause { positive: true, patterns: vec![one.as_slice()] }];
            clauses.extend(
                others.iter().map(|list| Clause {
                    positive: true,
                    patterns: list.iter().map(Vec::as_slice).collect(),
                }),
            );
            if !plain_none.is_empty() {
                clauses.push(Clause { positive: false, patterns: plain_none.clone() });
            }
            if automaton::witness(&clauses, meter)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether every text of `one` is a text of `other`, for every value of the variables.
    fn inside(&mut self, one: PatternId, other: PatternId, meter: &mut Meter) -> Result<bool, Exhausted> {
        if one == other {
            return Ok(true);
        }
        let (traits, other_traits) = (self.traits(one), self.traits(other));
        if other_traits.fixed {
            // Two different texts, or a pattern with more than one text.
            return Ok(false);
        }
        let (a, b) = (self.patterns.at(one), self.patterns.at(other));
        if fronts_differ(a.prefix(traits), b.prefix(other_traits)) {
            return Ok(false);
        }
        if other_traits.headed {
            return Ok(traits.prefix >= other_traits.prefix);
        }
        if backs_differ(a.suffix(traits), b.suffix(other_traits)) {
            return Ok(false);
        }
        if traits.fixed {
            meter.spend((a.tokens.len() * b.tokens.len()) as u64)?;
            return Ok(pattern::takes(&b.tokens, &a.tokens));
        }
        if let Some(known) = self.inside.get(&(one, other)) {
            return Ok(*known);
        }
        let clauses = [
            Clause { positive: true, patterns: vec![a.tokens.as_slice()] },
            Clause { positive: false, patterns: vec![b.tokens.as_slice()] },
        ];
        let answer = automaton::witness(&clauses, meter)?.is_none();
        self.inside.insert((one, other), answer);
        Ok(answer)
    }

    /// Whether two patterns have a text in common for some values of the variables.
    fn meet(&mut self, one: PatternId, other: PatternId, meter: &mut Meter) -> Result<bool, Exhausted> {
        if one == other {
            return Ok(true);
        }
        let (traits, other_traits) = (self.traits(one), self.traits(other));
        if traits.plain && other_traits.plain {
            return Ok(false);
        }
        let (a, b) = (self.patterns.at(one), self.patterns.at(other));
        if !traits.letters && !other_traits.letters {
            if fronts_differ(a.prefix(traits), b.prefix(other_traits)) {
                return Ok(false);
            }
            // Whatever begins as far as the head is a text of `head*`.
            if (traits.headed && other_traits.prefix >= traits.prefix)
                || (other_traits.headed && traits.prefix >= other_traits.prefix)
            {
                return Ok(true);
            }
            if backs_differ(a.suffix(traits), b.suffix(other_traits)) {
                return Ok(false);
            }
            if traits.plain {
                return self.inside(one, other, meter);
            }
            if other_traits.plain {
                return self.inside(other, one, meter);
            }
        }
        let key = (one.min(other), one.max(other));
        if let Some(known) = self.meeting.get(&key) {
            return Ok(*known);
        }
        let (a, b) = (pattern::wide(&a.tokens), pattern::wide(&b.tokens));
        let clauses = [
            Clause { positive: true, patterns: vec![a.as_slice()] },
            Clause { positive: true, patterns: vec![b.as_slice()] },
        ];
        let answer = automaton::witness(&clauses, meter)?.is_some();
        self.meeting.insert(key, answer);
        Ok(answer)
    }

    /// A text of the language with the letters replaced by the given values (`None`: the variable has no value, so patterns with
    /// it match nothing), preferably one that also matches `liked`.
    pub(super) fn example(
        &self,
        language: LanguageId,
        values: &dyn Fn(Symbol) -> Option<Vec<Symbol>>,
        liked: &[Vec<Token>],
        meter: &mut Meter,
    ) -> Result<Option<Vec<Symbol>>, Exhausted> {
        let Some(language) = self.languages.at(language).as_ref().clone() else { return Ok(None) };
        let concrete = |id: &PatternId| replace(&self.patterns.at(*id).tokens, values);
        let lists: Vec<Vec<Vec<Token>>> = language
            .all_of
            .iter()
            .map(|list| self.lists.at(*list).patterns.iter().filter_map(concrete).collect())
            .collect();
        let none: Vec<Vec<Token>> = language.none_of.iter().filter_map(concrete).collect();
        for liked in liked.iter().map(Some).chain([None]) {
            let mut clauses: Vec<Clause<'_>> = lists
                .iter()
                .map(|list| Clause { positive: true, patterns: list.iter().map(Vec::as_slice).collect() })
                .collect();
            clauses.push(Clause { positive: false, patterns: none.iter().map(Vec::as_slice).collect() });
            clauses.extend(liked.map(|liked| Clause { positive: true, patterns: vec![liked.as_slice()] }));
            if let Some(found) = automaton::witness(&clauses, meter)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A text of the language with the letters widened to `*`, exclusions with letters left out.
    pub(super) fn wide_example(
        &self,
        language: LanguageId,
        meter: &mut Meter,
    ) -> Result<Option<Vec<Symbol>>, Exhausted> {
        let Some(language) = self.languages.at(language).as_ref().clone() else { return Ok(None) };
        let lists: Vec<Vec<Vec<Token>>> = language
            .all_of
            .iter()
            .map(|list| {
                self.lists
                    .at(*list)
                    .patterns
                    .iter()
                    .map(|id| pattern::wide(&self.patterns.at(*id).tokens))
                    .collect()
            })
            .collect();
        let none: Vec<Rc<Pattern>> = language
            .none_of
            .iter()
            .map(|id| self.patterns.at(*id))
            .filter(|pattern| !pattern.has_letters())
            .collect();
        let mut clauses: Vec<Clause<'_>> = lists
            .iter()
            .map(|list| Clause { positive: true, patterns: list.iter().map(Vec::as_slice).collect() })
            .collect();
        clauses
            .push(Clause { positive: false, patterns: none.iter().map(|p| p.tokens.as_slice()).collect() });
        automaton::witness(&clauses, meter)
    }

    /// Whether a pattern of the list holds a variable.
    pub(super) fn has_letters(&self, list: ListId) -> bool {
        self.lists.at(list).patterns.iter().any(|id| self.traits(*id).letters)
    }

    /// Whether a plain text matches one of the alternatives; patterns whose variables have no value match nothing.
    pub(super) fn list_matches(
        &self,
        list: ListId,
        text: &str,
        values: &dyn Fn(Symbol) -> Option<Vec<Symbol>>,
        meter: &mut Meter,
    ) -> Result<bool, Exhausted> {
        let text = pattern::plain(text);
        for id in &self.lists.at(list).patterns {
            let Some(one) = replace(&self.patterns.at(*id).tokens, values) else { continue };
            meter.spend((one.len() * text.len()) as u64)?;
            if pattern::takes(&one, &text) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
