//! Is there a text that is in some languages and not in others?
//!
//! A breadth-first search over tuples of state sets, one set per pattern, held as one bit string. The path found is a shortest
//! witness. Every step is paid for from a [`Meter`], so that a hostile pattern ends in "unknown", never in a blow-up.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use hashbrown::HashSet;

use super::budget::{Exhausted, Meter};
use super::pattern::{COLON, Symbol, Token, is_letter};

/// Patterns of which at least one (`positive`) or none must match.
pub(super) struct Clause<'a> {
    /// At least one must match; else none.
    pub(super) positive: bool,
    /// The alternatives.
    pub(super) patterns: Vec<&'a [Token]>,
}

/// Stands for every character no live pattern names.
const OTHER: Symbol = u32::MAX;

/// Work that one word costs that is kept in memory: the whole of a default budget fills some hundred megabytes.
const KEPT: u64 = 8;

type Bits = Vec<u64>;

struct Product {
    words: usize,
    start: Bits,
    accept: Bits,
    /// Positions of `*`, for the empty run.
    runs: Bits,
    crossing_runs: Bits,
    crossing_ones: Bits,
    part_runs: Bits,
    part_ones: Bits,
    /// Positions of each literal symbol.
    literals: BTreeMap<Symbol, Bits>,
    /// Positions of literal symbols, and the symbol at each position ([`OTHER`] elsewhere).
    named: Bits,
    symbols: Vec<Symbol>,
    /// Mask of all positions of a clause.
    positives: Vec<Bits>,
    negatives: Bits,
    /// Final crossing `*` of a negative pattern: whatever follows, it matches.
    doomed: Bits,
}

fn set(bits: &mut Bits, at: usize) {
    if let Some(word) = bits.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}

fn unite(into: &mut [u64], more: &[u64]) {
    for (into, more) in into.iter_mut().zip(more) {
        *into |= more;
    }
}

fn meets(a: &[u64], b: &[u64]) -> bool {
    a.iter().zip(b).any(|(a, b)| a & b != 0)
}

fn all_meet(a: &[u64], b: &[u64], c: &[u64]) -> bool {
    a.iter().zip(b).zip(c).any(|((a, b), c)| a & b & c != 0)
}

impl Product {
    fn new(clauses: &[Clause<'_>]) -> Self {
        let total: usize = clauses.iter().flat_map(|c| &c.patterns).map(|p| p.len() + 1).sum();
        let words = total.div_ceil(64).max(1);
        let none = vec![0; words];
        let mut product = Self {
            words,
            start: none.clone(),
            accept: none.clone(),
            runs: none.clone(),
            crossing_runs: none.clone(),
            crossing_ones: none.clone(),
            part_runs: none.clone(),
            part_ones: none.clone(),
            literals: BTreeMap::new(),
            named: none.clone(),
            symbols: vec![OTHER; total],
            positives: Vec::new(),
            negatives: none.clone(),
            doomed: none.clone(),
        };
        let mut at = 0;
        for clause in clauses {
            let mut mask = none.clone();
            for pattern in &clause.patterns {
                set(&mut product.start, at);
                for (index, token) in pattern.iter().enumerate() {
                    let here = at + index;
                    set(&mut mask, here);
                    match token {
                        Token::Is(symbol) => {
                            set(&mut product.named, here);
                            if let Some(place) = product.symbols.get_mut(here) {
                                *place = *symbol;
                            }
                            set(product.literals.entry(*symbol).or_insert_with(|| none.clone()), here);
                        }
                        Token::One { colon: true } => set(&mut product.crossing_ones, here),
                        Token::One { colon: false } => set(&mut product.part_ones, here),
                        Token::Run { colon } => {
                            set(&mut product.runs, here);
                            let kind =
                                if *colon { &mut product.crossing_runs } else { &mut product.part_runs };
                            set(kind, here);
                            if *colon && !clause.positive && index + 1 == pattern.len() {
                                set(&mut product.doomed, here);
                            }
                        }
                    }
                }
                at += pattern.len();
                set(&mut mask, at);
                set(&mut product.accept, at);
                at += 1;
            }
            if clause.positive {
                product.positives.push(mask);
            } else {
                unite(&mut product.negatives, &mask);
            }
        }
        let mut start = std::mem::take(&mut product.start);
        product.close(&mut start);
        product.start = start;
        product
    }

    /// Adds what an empty run reaches. `*` never follows `*`, so one pass is enough.
    fn close(&self, bits: &mut Bits) {
        let mut carry = 0;
        for (word, runs) in bits.iter_mut().zip(&self.runs) {
            let skipping = *word & runs;
            *word |= (skipping << 1) | carry;
            carry = skipping >> 63;
        }
    }

    fn step(&self, from: &[u64], symbol: Symbol) -> Bits {
        let literal = self.literals.get(&symbol);
        let (letter, colon) = (symbol != OTHER && is_letter(symbol), symbol == COLON);
        let mut next = match literal {
            Some(literal) => literal.clone(),
            None => vec![0; self.words],
        };
        // So far where one moves on; what a wildcard takes comes beside.
        if !letter {
            unite(&mut next, &self.crossing_ones);
            if !colon {
                unite(&mut next, &self.part_ones);
            }
        }
        let parts = !letter && !colon;
        let mut carry = 0;
        for ((moving, word), (crossing, part)) in
            next.iter_mut().zip(from).zip(self.crossing_runs.iter().zip(&self.part_runs))
        {
            let staying = word & if parts { crossing | part } else { *crossing };
            let moved = *moving & word;
            *moving = (moved << 1) | carry | staying;
            carry = moved >> 63;
        }
        self.close(&mut next);
        next
    }

    fn accepts(&self, bits: &[u64]) -> bool {
        self.positives.iter().all(|mask| all_meet(bits, mask, &self.accept))
            && !all_meet(bits, &self.negatives, &self.accept)
    }

    /// Whether no continuation can be accepted.
    fn is_dead(&self, bits: &[u64]) -> bool {
        meets(bits, &self.doomed) || self.positives.iter().any(|mask| !meets(bits, mask))
    }

    /// The symbols worth trying: each that a live pattern names, `:` and one other where a wildcard is live.
    fn alphabet(&self, bits: &[u64]) -> Vec<Symbol> {
        let mut symbols = Vec::new();
        for (index, (word, named)) in bits.iter().zip(&self.named).enumerate() {
            let mut live = word & named;
            while live != 0 {
                let at = index * 64 + live.trailing_zeros() as usize;
                symbols.extend(self.symbols.get(at));
                live &= live - 1;
            }
        }
        symbols.sort_unstable();
        symbols.dedup();
        let crossing = meets(bits, &self.crossing_runs) || meets(bits, &self.crossing_ones);
        if crossing && !symbols.contains(&COLON) {
            symbols.push(COLON);
        }
        if crossing || meets(bits, &self.part_runs) || meets(bits, &self.part_ones) {
            symbols.push(OTHER);
        }
        symbols
    }

    /// A character no pattern names, to be written for [`OTHER`].
    fn other(&self) -> Symbol {
        "xzqwkjvy0987654321abcdefghilmnoprstuXZQWKJVYABCDEFGHILMNOPRSTU-_"
            .chars()
            .chain('\u{a1}'..='\u{ff}')
            .chain('\u{4e00}'..='\u{9fff}')
            .map(u32::from)
            .find(|symbol| !self.literals.contains_key(symbol))
            .unwrap_or(u32::from('\u{10fffd}'))
    }
}

/// A shortest text in every positive clause and in no negative one; letters may be part of it.
pub(super) fn witness(clauses: &[Clause<'_>], meter: &mut Meter) -> Result<Option<Vec<Symbol>>, Exhausted> {
    let product = Product::new(clauses);
    let mut query = meter.query();
    let mut seen: HashSet<Rc<[u64]>> = HashSet::new();
    // Each entry: its bits, and where it came from.
    let mut trail: Vec<(usize, Symbol)> = Vec::new();
    let mut queue: VecDeque<(Rc<[u64]>, usize)> = VecDeque::new();
    if product.is_dead(&product.start) {
        return Ok(None);
    }
    let start: Rc<[u64]> = product.start.as_slice().into();
    seen.insert(Rc::clone(&start));
    trail.push((usize::MAX, OTHER));
    queue.push_back((start, 0));
    while let Some((bits, index)) = queue.pop_front() {
        query.tuple(meter)?;
        if product.accepts(&bits) {
            let mut path = Vec::new();
            let mut at = index;
            while let Some((parent, symbol)) = trail.get(at).copied() {
                if parent == usize::MAX {
                    break;
                }
                path.push(if symbol == OTHER { product.other() } else { symbol });
                at = parent;
            }
            path.reverse();
            return Ok(Some(path));
        }
        let alphabet = product.alphabet(&bits);
        meter.spend(((alphabet.len() + product.literals.len()) * (product.words * 2 + 20)) as u64)?;
        for symbol in alphabet {
            let next = product.step(&bits, symbol);
            if product.is_dead(&next) {
                continue;
            }
            let next: Rc<[u64]> = next.into();
            if seen.insert(Rc::clone(&next)) {
                // It is kept: what many long patterns leave behind each time is paid for by the word.
                meter.spend(product.words as u64 * KEPT)?;
                trail.push((index, symbol));
                queue.push_back((next, trail.len() - 1));
            }
        }
    }
    Ok(None)
}
