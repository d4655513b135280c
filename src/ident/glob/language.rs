//! The languages of patterns: membership, inclusion, intersection.
//!
//! A pattern is read as an automaton whose states are its positions; a `*` position keeps itself alive and lets its successor
//! live beside it.

use std::collections::{HashMap, VecDeque};

use super::Piece;

/// Bound on the (position, state set) pairs one inclusion question may visit.
const INCLUSION_BUDGET: usize = 20_000;

/// A set of positions of a pattern, the accepting one (past the last piece) included.
#[derive(Clone, Eq, PartialEq)]
struct States(Vec<u64>);

impl States {
    fn empty(n_pieces: usize) -> Self {
        Self(vec![0; n_pieces / 64 + 1])
    }

    fn start(pieces: &[Piece]) -> Self {
        let mut states = Self::empty(pieces.len());
        states.enter(pieces, 0);
        states
    }

    /// Adds `position` and, where it is a `*`, all positions reachable by its matching nothing.
    fn enter(&mut self, pieces: &[Piece], mut position: usize) {
        loop {
            if let Some(word) = self.0.get_mut(position / 64) {
                *word |= 1 << (position % 64);
            }
            match pieces.get(position) {
                Some(piece) if piece.is_run() => position += 1,
                _ => return,
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                (left != 0).then(|| {
                    left &= left - 1;
                    index * 64 + bit
                })
            })
        })
    }

    fn step(&self, pieces: &[Piece], symbol: char) -> Self {
        let mut next = Self::empty(pieces.len());
        for position in self.iter() {
            if let Some(piece) = pieces.get(position).filter(|piece| piece.takes(symbol)) {
                next.enter(pieces, if piece.is_run() { position } else { position + 1 });
            }
        }
        next
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    fn accepts(&self, pieces: &[Piece]) -> bool {
        self.0.get(pieces.len() / 64).is_some_and(|word| word >> (pieces.len() % 64) & 1 == 1)
    }

    fn is_subset_of(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, theirs)| own & !theirs == 0)
    }
}

/// Whether `pieces` match the whole of `text`.
pub(super) fn accepts(pieces: &[Piece], text: impl Iterator<Item = char>) -> bool {
    let mut states = States::start(pieces);
    for symbol in text {
        states = states.step(pieces, symbol);
        if states.is_empty() {
            return false;
        }
    }
    states.accepts(pieces)
}

/// A character that stands for every character the patterns do not name.
///
/// A wildcard of `inner` may produce any character, but a character that `outer` does not name is taken by the fewest positions of
/// `outer`; so texts made of it decide inclusion. A colon is the exception, since some wildcards refuse it: it is tried too.
fn fresh(one: &[Piece], two: &[Piece]) -> char {
    let named = |c: char| one.iter().chain(two).any(|piece| *piece == Piece::Char(c));
    ('x'..='z').chain('\u{e000}'..='\u{f8ff}').find(|c| !named(*c)).unwrap_or('\u{10ffff}')
}

/// Whether every text that `inner` matches is matched by `outer`.
pub(super) fn includes(outer: &[Piece], inner: &[Piece]) -> bool {
    if outer == inner || outer == [Piece::AnyRun] {
        return true;
    }
    // Most pairs differ in their first letters already.
    let is_letter = |piece: &Piece| matches!(piece, Piece::Char(_));
    let same = outer.iter().zip(inner).take_while(|(own, theirs)| own == theirs && is_letter(own)).count();
    let (_, outer) = outer.split_at_checked(same).unwrap_or((&[], outer));
    let (_, inner) = inner.split_at_checked(same).unwrap_or((&[], inner));
    if outer.first().is_some_and(is_letter) {
        // Whatever else `inner` may begin with, that is not all of it.
        return false;
    }
    let fresh = fresh(outer, inner);
    // Of each position of `inner`, the smallest sets of `outer` positions seen: what fails from a set fails from its subsets, so
    // larger sets need no look.
    let mut seen: HashMap<usize, Vec<States>> = HashMap::new();
    let mut todo = vec![(0, States::start(outer))];
    let mut visited = 0;
    while let Some((position, states)) = todo.pop() {
        let smallest = seen.entry(position).or_default();
        if smallest.iter().any(|known| known.is_subset_of(&states)) {
            continue;
        }
        smallest.retain(|known| !states.is_subset_of(known));
        smallest.push(states.clone());
        visited += 1;
        if visited > INCLUSION_BUDGET {
            return false;
        }
        let Some(piece) = inner.get(position) else {
            if states.accepts(outer) {
                continue;
            }
            return false;
        };
        let symbols: &[char] = match piece {
            Piece::Char(c) => &[*c],
            Piece::AnyChar | Piece::AnyRun => &[fresh, ':'],
            Piece::AnyCharInPart | Piece::AnyRunInPart => &[fresh],
        };
        let after = if piece.is_run() { position } else { position + 1 };
        for symbol in symbols {
            todo.push((after, states.step(outer, *symbol)));
        }
        if piece.is_run() {
            todo.push((position + 1, states));
        }
    }
    true
}

/// A shortest text that both match.
pub(super) fn common_text(one: &[Piece], two: &[Piece]) -> Option<String> {
    // Breadth first over pairs of positions; each pair remembers where it came from and by which character.
    let width = two.len() + 1;
    let index = |i: usize, j: usize| i * width + j;
    let fresh = fresh(one, two);
    let mut came: Vec<Option<(usize, Option<char>)>> = vec![None; (one.len() + 1) * width];
    let mut todo = VecDeque::from([((0, 0), 0, None)]);
    let goal = index(one.len(), two.len());
    while let Some(((i, j), from, symbol)) = todo.pop_front() {
        let here = index(i, j);
        match came.get_mut(here) {
            Some(slot @ None) => *slot = Some((from, symbol)),
            _ => continue,
        }
        if here == goal {
            break;
        }
        let (a, b) = (one.get(i).copied(), two.get(j).copied());
        // A `*` may end here: that adds no character, so it is looked at first, which keeps the search in order of length.
        if a.is_some_and(Piece::is_run) {
            todo.push_front(((i + 1, j), here, None));
        }
        if b.is_some_and(Piece::is_run) {
            todo.push_front(((i, j + 1), here, None));
        }
        // Or both take one more character.
        if let (Some(a), Some(b)) = (a, b) {
            let symbol = match (a, b) {
                (Piece::Char(c), _) | (_, Piece::Char(c)) => c,
                _ => fresh,
            };
            if a.takes(symbol) && b.takes(symbol) {
                let after = |piece: Piece, at: usize| if piece.is_run() { at } else { at + 1 };
                todo.push_back(((after(a, i), after(b, j)), here, Some(symbol)));
            }
        }
    }
    let mut text = Vec::new();
    let mut at = goal;
    while at != 0 {
        let (from, symbol) = (*came.get(at)?)?;
        text.extend(symbol);
        at = from;
    }
    text.reverse();
    Some(text.into_iter().collect())
}
