//! Wildcards.
//!
//! [`Glob`] is the program's only wildcard: actions, ARNs and condition values are all matched here, and nobody builds a regular
//! expression from policy text. Matching takes at most (pattern × text) steps whatever the pattern, so a hostile pattern costs
//! no more than its length.
//!
//! How `*` treats the colons of an ARN is disputed between AWS's own pages, so it is an argument ([`Colons`]): evaluation uses one
//! reading, a proof must hold under all of them.

mod arn;
mod language;

use std::fmt;

pub use arn::{Colons, ShortArn, split_arn_pattern};

/// One position of a pattern.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Piece {
    /// This character and no other.
    Char(char),
    /// `?`: any one character.
    AnyChar,
    /// `*`: any run of characters, the empty one included.
    AnyRun,
    /// `?` that stays inside its ARN part: any one character but `:`.
    AnyCharInPart,
    /// `*` that stays inside its ARN part: any run without `:`.
    AnyRunInPart,
}

impl Piece {
    /// The pieces of a pattern text: `*` and `?` are wildcards, everything else is itself.
    pub fn parse(text: &str) -> impl Iterator<Item = Piece> {
        text.chars().map(|c| match c {
            '*' => Piece::AnyRun,
            '?' => Piece::AnyChar,
            c => Piece::Char(c),
        })
    }

    /// Whether this is one of the two kinds of `*`.
    pub fn is_run(self) -> bool {
        matches!(self, Piece::AnyRun | Piece::AnyRunInPart)
    }

    /// Whether this position can take `symbol`.
    pub fn takes(self, symbol: char) -> bool {
        match self {
            Piece::Char(c) => c == symbol,
            Piece::AnyChar | Piece::AnyRun => true,
            Piece::AnyCharInPart | Piece::AnyRunInPart => symbol != ':',
        }
    }
}

/// A pattern with `*` and `?`.
///
/// Patterns made by [`Glob::ignoring_case`] hold folded pieces and fold what they are compared with. Two globs are only
/// meaningfully compared with each other when both respect case or both ignore it.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Glob {
    /// INVARIANT: in a run of equal-kind wildcards, every `?` stands before the `*`, and there is at most one `*`.
    pieces: Box<[Piece]>,
    ignores_case: bool,
}

impl Glob {
    /// A pattern that respects case, as ARNs and `StringLike` do.
    pub fn new(text: &str) -> Self {
        Self::from_pieces(Piece::parse(text))
    }

    /// A pattern that ignores case, as actions do.
    pub fn ignoring_case(text: &str) -> Self {
        let pieces = Piece::parse(text).map(|piece| match piece {
            Piece::Char(c) => Piece::Char(fold(c)),
            wildcard => wildcard,
        });
        Self { ignores_case: true, ..Self::from_pieces(pieces) }
    }

    /// A pattern that matches `text` alone, whatever characters it has.
    pub fn literal(text: &str) -> Self {
        Self::from_pieces(text.chars().map(Piece::Char))
    }

    /// A pattern that respects case, from its positions.
    pub fn from_pieces(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let mut normal: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (normal.last().copied(), piece) {
                // `**` is `*`.
                (Some(last), _) if last.is_run() && last == piece => {}
                // `*?` is `?*`, so that equal languages look alike more often and `*` is never followed by its own `?`.
                (Some(Piece::AnyRun), Piece::AnyChar) | (Some(Piece::AnyRunInPart), Piece::AnyCharInPart) => {
                    normal.insert(normal.len() - 1, piece);
                }
                _ => normal.push(piece),
            }
        }
        Self { pieces: normal.into(), ignores_case: false }
    }

    /// The positions, normalised; folded when the pattern ignores case.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether the pattern was made to ignore case.
    pub fn ignores_case(&self) -> bool {
        self.ignores_case
    }

    /// The one text this pattern matches, when it has no wildcard (folded when the pattern ignores case).
    pub fn as_literal(&self) -> Option<String> {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Char(c) => Some(*c),
                _ => None,
            })
            .collect()
    }

    /// Whether the pattern is `*`.
    pub fn is_everything(&self) -> bool {
        matches!(*self.pieces, [Piece::AnyRun])
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let folded = |c: char| if self.ignores_case { fold(c) } else { c };
        // Most patterns are a literal with at most one `*` at the end: settle those without more ado.
        let mut rest = text.chars();
        let mut pieces = self.pieces.iter();
        loop {
            match pieces.as_slice().first() {
                None => return rest.as_str().is_empty(),
                Some(Piece::AnyRun) if pieces.len() == 1 => return true,
                Some(piece) if piece.is_run() => break,
                Some(piece) => match rest.next() {
                    Some(c) if piece.takes(folded(c)) => pieces.next(),
                    _ => return false,
                },
            };
        }
        language::accepts(pieces.as_slice(), rest.map(folded))
    }

    /// Whether everything `other` matches is matched by `self`.
    ///
    /// `true` is always right. The search is exact but bounded: past the bound, which no pattern seen in a real policy comes
    /// near, the answer is `false`.
    pub fn subsumes(&self, other: &Glob) -> bool {
        language::includes(&self.pieces, &other.pieces)
    }

    /// Whether some text matches both.
    pub fn overlaps(&self, other: &Glob) -> bool {
        self.intersection(other).is_some()
    }

    /// A shortest text that matches both, if there is any; folded when the patterns ignore case.
    pub fn intersection(&self, other: &Glob) -> Option<String> {
        language::common_text(&self.pieces, &other.pieces)
    }
}

/// Folds case one character at a time, as far as that leaves one character.
fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

impl fmt::Display for Glob {
    /// The normalised pattern. Wildcards that stay inside an ARN part look like all others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Char(c) => f.write_char(*c),
            Piece::AnyChar | Piece::AnyCharInPart => f.write_char('?'),
            Piece::AnyRun | Piece::AnyRunInPart => f.write_char('*'),
        })
    }
}

#[cfg(test)]
mod tests;
