//! Patterns of a space, and what they begin and end with: most pairs are told apart by that alone.

use super::pattern::{ANYTHING, Symbol, Token, is_letter};

/// A text with wildcards and letters.
#[derive(Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Pattern {
    pub(super) tokens: Vec<Token>,
}

impl Pattern {
    /// What stands before the first wildcard.
    pub(super) fn prefix(&self, traits: Traits) -> &[Token] {
        self.tokens.get(..traits.prefix).unwrap_or_default()
    }

    /// What stands behind the last wildcard.
    pub(super) fn suffix(&self, traits: Traits) -> &[Token] {
        self.tokens.get(self.tokens.len().saturating_sub(traits.suffix)..).unwrap_or_default()
    }

    pub(super) fn has_letters(&self) -> bool {
        self.tokens.iter().any(|token| matches!(token, Token::Is(symbol) if is_letter(*symbol)))
    }
}

/// What is known of a pattern without looking at its tokens again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traits {
    /// One text: no wildcard, no letter.
    pub(super) plain: bool,
    pub(super) letters: bool,
    /// No wildcard; letters may be there.
    pub(super) fixed: bool,
    /// `head*`: every text that begins with the prefix, and nothing else.
    pub(super) headed: bool,
    /// Tokens before the first wildcard.
    pub(super) prefix: usize,
    /// Tokens behind the last wildcard.
    pub(super) suffix: usize,
}

impl Traits {
    pub(super) fn of(pattern: &Pattern) -> Self {
        let is_text = |token: &&Token| matches!(token, Token::Is(_));
        let tokens = &pattern.tokens;
        let prefix = tokens.iter().take_while(is_text).count();
        let (letters, fixed) = (pattern.has_letters(), prefix == tokens.len());
        Self {
            plain: fixed && !letters,
            letters,
            fixed,
            headed: prefix + 1 == tokens.len() && tokens.last() == Some(&ANYTHING),
            prefix,
            suffix: tokens.iter().rev().take_while(is_text).count(),
        }
    }
}

/// Whether two beginnings of texts rule each other out.
pub(super) fn fronts_differ(a: &[Token], b: &[Token]) -> bool {
    let n = a.len().min(b.len());
    a.get(..n) != b.get(..n)
}

/// Whether two ends of texts rule each other out.
pub(super) fn backs_differ(a: &[Token], b: &[Token]) -> bool {
    let n = a.len().min(b.len());
    a.get(a.len() - n..) != b.get(b.len() - n..)
}

/// Tokens with letters replaced by values; `None` when one has none.
pub(super) fn replace(
    tokens: &[Token],
    values: &dyn Fn(Symbol) -> Option<Vec<Symbol>>,
) -> Option<Vec<Token>> {
    let mut out = Vec::with_capacity(tokens.len());
    for token in tokens {
        match token {
            Token::Is(symbol) if is_letter(*symbol) => {
                out.extend(values(*symbol)?.into_iter().map(Token::Is))
            }
            token => out.push(*token),
        }
    }
    Some(out)
}
