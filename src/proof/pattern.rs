//! Patterns as sequences of tokens.
//!
//! The prover does not share the evaluator's matcher: it needs letters for policy variables, and a second, independent reading of
//! the same text is what makes the evaluator a judge of its witnesses.

use std::collections::HashMap;

use crate::ident::glob::Piece;
use crate::policy::{Template, TemplatePiece, Variable, Version};

/// One character, or one letter that stands for the value of a policy variable.
pub(super) type Symbol = u32;

/// Symbols from here on are letters; all characters lie below.
pub(super) const FIRST_LETTER: Symbol = 0x11_0000;

/// `:` as a symbol.
pub(super) const COLON: Symbol = ':' as u32;

/// Whether a symbol is a letter.
pub(super) const fn is_letter(symbol: Symbol) -> bool {
    symbol >= FIRST_LETTER
}

/// One position of a pattern.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Token {
    /// Exactly this symbol.
    Is(Symbol),
    /// `?`; with `colon` it also takes `:`. It never takes a letter: a value has any length.
    One {
        /// Takes `:` too.
        colon: bool,
    },
    /// `*`; with `colon` it also takes `:` and letters, whose values may hold colons.
    Run {
        /// Takes `:` too.
        colon: bool,
    },
}

/// A `*` that takes everything.
pub(super) const ANYTHING: Token = Token::Run { colon: true };

/// Whether wildcards in the first five parts of an ARN pattern cross colons (the readings of the IAM page, of the S3 guide, and of a
/// plain glob).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Crossing {
    /// Never, but for a `*` that ends the whole pattern: what AWS's own check does.
    Never,
    /// Also a `*` that ends its part.
    AtPartEnd,
    /// Always.
    Always,
}

/// One consistent way of reading the places where the sources disagree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Reading {
    /// See [`Crossing`].
    pub(super) crossing: Crossing,
    /// Whether a pattern with fewer than six parts is padded with `*` (else it is compared as it stands).
    pub(super) pad_short: bool,
    /// Whether variables in the first five parts are replaced (else they are text).
    pub(super) early_variables: bool,
    /// What a pattern with fewer than six parts does in `NotResource`.
    pub(super) short_except: ShortExcept,
}

/// What a pattern with fewer than six parts does in `NotResource`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ShortExcept {
    /// It switches the statement off: that it does not match is not turned round.
    SwitchesOff,
    /// It excludes what it matches.
    Excludes,
    /// The wider of the two for an Allow, the narrower for a Deny: no consistent reading, but an upper bound of both.
    Widest,
}

impl Reading {
    /// The documented reading, which the evaluator follows too.
    pub(super) const DOCUMENTED: Self = Self {
        crossing: Crossing::Never,
        pad_short: true,
        early_variables: true,
        short_except: ShortExcept::SwitchesOff,
    };

    /// The documented reading, widened where a short pattern stands in `NotResource`.
    pub(super) const WIDEST: Self = Self { short_except: ShortExcept::Widest, ..Self::DOCUMENTED };

    /// What sets this reading apart from the documented one, for a reason text.
    pub(super) fn describe(self) -> String {
        let mut parts = Vec::new();
        match self.crossing {
            Crossing::Never => {}
            Crossing::AtPartEnd => parts.push("a `*` at the end of an ARN part runs past the colon"),
            Crossing::Always => parts.push("`*` crosses the colons of an ARN"),
        }
        if !self.pad_short {
            parts.push("short ARN patterns are compared as they stand");
        }
        if self.short_except == ShortExcept::Excludes {
            parts.push("a short ARN pattern in `NotResource` excludes what it matches");
        }
        if !self.early_variables {
            parts.push("variables in the first five ARN parts are plain text");
        }
        parts.join(" and ")
    }
}

/// The letters given out so far. Equal variables get equal letters; a default makes another variable.
#[derive(Debug, Default)]
pub(super) struct Letters {
    by_text: HashMap<String, Symbol>,
    variables: Vec<Variable>,
}

impl Letters {
    fn letter(&mut self, variable: &Variable) -> Symbol {
        let text = match &variable.default {
            Some(default) => format!("{},{default}", variable.key),
            None => variable.key.clone(),
        };
        if let Some(letter) = self.by_text.get(&text) {
            return *letter;
        }
        let letter = FIRST_LETTER.saturating_add(u32::try_from(self.variables.len()).unwrap_or(u32::MAX / 2));
        self.variables.push(variable.clone());
        self.by_text.insert(text, letter);
        letter
    }

    /// What a letter stands for.
    pub(super) fn variable(&self, letter: Symbol) -> Option<&Variable> {
        self.variables.get(usize::try_from(letter.checked_sub(FIRST_LETTER)?).ok()?)
    }

    /// All letters with their variables.
    pub(super) fn all(&self) -> impl Iterator<Item = (Symbol, &Variable)> {
        (FIRST_LETTER..).zip(&self.variables)
    }
}

/// The symbols of a plain text.
pub(super) fn symbols(text: &str) -> impl Iterator<Item = Symbol> {
    text.chars().map(u32::from)
}

/// Plain text as tokens.
pub(super) fn plain(text: &str) -> Vec<Token> {
    symbols(text).map(Token::Is).collect()
}

/// A text with wildcards and no variables: everything crosses.
pub(super) fn glob(text: &str) -> Vec<Token> {
    normal(text.chars().map(token))
}

const fn token(c: char) -> Token {
    match c {
        '*' => ANYTHING,
        '?' => Token::One { colon: true },
        c => Token::Is(c as u32),
    }
}

/// Text of a `Resource` element or a condition value: wildcards if `wild`, variables if the version has them.
pub(super) fn text(text: &str, version: Version, wild: bool, letters: &mut Letters) -> Vec<Token> {
    let piece = |piece: Piece| match piece {
        Piece::Char(c) => Token::Is(u32::from(c)),
        Piece::AnyRun | Piece::AnyRunInPart if wild => ANYTHING,
        Piece::AnyChar | Piece::AnyCharInPart if wild => Token::One { colon: true },
        Piece::AnyRun | Piece::AnyRunInPart => Token::Is(u32::from('*')),
        Piece::AnyChar | Piece::AnyCharInPart => Token::Is(u32::from('?')),
    };
    Template::parse(text, version)
        .pieces
        .into_iter()
        .map(|one| match one {
            TemplatePiece::Plain(plain) => piece(plain),
            TemplatePiece::Variable(variable) => Token::Is(letters.letter(&variable)),
        })
        .collect()
}

/// Whether a text holds a variable that needs a value (escapes need none).
pub(super) fn has_variable(text: &str, version: Version) -> bool {
    text.contains("${") && Template::parse(text, version).has_variables()
}

/// Which disputed constructs an ARN pattern holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Disputed {
    /// A wildcard in the first five parts.
    pub(super) crossing: bool,
    /// A wildcard there that is not a `*` at the end of its part.
    pub(super) inner_crossing: bool,
    /// Fewer than six parts.
    pub(super) short: bool,
    /// A variable in the first five parts.
    pub(super) early_variable: bool,
}

/// Finds the disputed constructs of a pattern.
pub(super) fn disputed(pattern: &str, version: Version, letters: &mut Letters) -> Disputed {
    let tokens = text(pattern, version, true, letters);
    if is_everything(&tokens) {
        return Disputed::default();
    }
    let parts = split(&tokens);
    let mut found = Disputed { short: parts.len() < 6, ..Disputed::default() };
    for part in parts.iter().take(5) {
        for (at, token) in part.iter().enumerate() {
            match token {
                Token::Is(symbol) => found.early_variable |= is_letter(*symbol),
                Token::Run { .. } if at + 1 == part.len() => found.crossing = true,
                _ => (found.crossing, found.inner_crossing) = (true, true),
            }
        }
    }
    found
}

/// An ARN pattern under a reading.
pub(super) fn arn(pattern: &str, version: Version, reading: Reading, letters: &mut Letters) -> Vec<Token> {
    let mut tokens = text(pattern, version, true, letters);
    if is_everything(&tokens) {
        return vec![ANYTHING];
    }
    if !reading.early_variables && disputed(pattern, version, letters).early_variable {
        tokens = text(pattern, Version::V2008, true, letters);
    }
    let mut parts: Vec<Vec<Token>> = split(&tokens).into_iter().map(<[Token]>::to_vec).collect();
    if reading.pad_short && parts.len() < 6 {
        parts.resize(6, vec![ANYTHING]);
    }
    join_arn(&parts, reading.crossing)
}

/// The pattern of an `Arn…` condition operator: part by part, never across; `None` when it has fewer than six parts.
pub(super) fn arn_value(pattern: &str, version: Version, letters: &mut Letters) -> Option<Vec<Token>> {
    let tokens = text(pattern, version, true, letters);
    let parts: Vec<Vec<Token>> = split(&tokens).into_iter().map(<[Token]>::to_vec).collect();
    if parts.len() < 6 {
        return None;
    }
    let mut joined = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            joined.push(Token::Is(COLON));
        }
        joined.extend(part.iter().map(|token| within(*token, index >= 5)));
    }
    Some(normal(joined))
}

fn join_arn(parts: &[Vec<Token>], crossing: Crossing) -> Vec<Token> {
    let complete = parts.len() >= 6;
    let mut tokens = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            tokens.push(Token::Is(COLON));
        }
        let free = crossing == Crossing::Always || (complete && index >= 5);
        tokens.extend(part.iter().enumerate().map(|(at, token)| {
            let ends_part = at + 1 == part.len();
            let ends_pattern = ends_part && index + 1 == parts.len();
            let run_crosses = ends_pattern || (ends_part && crossing == Crossing::AtPartEnd);
            within(*token, free || (run_crosses && matches!(token, Token::Run { .. })))
        }));
    }
    normal(tokens)
}

const fn within(token: Token, colon: bool) -> Token {
    match token {
        Token::One { .. } => Token::One { colon },
        Token::Run { .. } => Token::Run { colon },
        Token::Is(_) => token,
    }
}

fn is_everything(tokens: &[Token]) -> bool {
    !tokens.is_empty() && tokens.iter().all(|token| *token == ANYTHING)
}

/// At most six parts, split at the first five colons. Variables are single tokens by now, so their colons do not count.
fn split(tokens: &[Token]) -> Vec<&[Token]> {
    tokens.splitn(6, |token| *token == Token::Is(COLON)).collect()
}

/// The one form of equal wildcard runs: every `?` before the `*`, one `*` per run.
pub(super) fn normal(tokens: impl IntoIterator<Item = Token>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    for token in tokens {
        match (out.last().copied(), token) {
            (Some(Token::Run { colon: a }), Token::Run { colon: b }) => {
                out.pop();
                out.push(Token::Run { colon: a || b });
            }
            (Some(run @ Token::Run { colon: a }), Token::One { colon: b }) if a == b => {
                out.pop();
                out.push(token);
                out.push(run);
            }
            _ => out.push(token),
        }
    }
    out
}

/// An action pattern, folded; `None` for what never matches an action: no colon (but for `*`), more than one, an empty part, or a
/// character no action has.
pub(super) fn action(pattern: &str) -> Option<Vec<Token>> {
    if !pattern.is_empty() && pattern.bytes().all(|b| b == b'*') {
        return Some(any_action());
    }
    let (service, name) = pattern.split_once(':')?;
    if service.is_empty() || name.is_empty() || name.contains([':', ' ', ',']) || service.contains([' ', ','])
    {
        return None;
    }
    let part = |text: &str| -> Vec<Token> {
        let tokens = text.chars().flat_map(char::to_lowercase).map(|c| within(token(c), false));
        // A service and a name are never empty.
        let first = text.bytes().all(|b| b == b'*').then_some(Token::One { colon: false });
        tokens.chain(first).collect()
    };
    Some(normal(part(service).into_iter().chain([Token::Is(COLON)]).chain(part(name))))
}

/// Every action: a non-empty service and a non-empty name.
pub(super) fn any_action() -> Vec<Token> {
    let part = [Token::One { colon: false }, Token::Run { colon: false }];
    part.into_iter().chain([Token::Is(COLON)]).chain(part).collect()
}

/// Tokens with every letter widened to `*`: the language over all values of the variables.
pub(super) fn wide(tokens: &[Token]) -> Vec<Token> {
    normal(tokens.iter().map(|token| match token {
        Token::Is(symbol) if is_letter(*symbol) => ANYTHING,
        token => *token,
    }))
}

/// Whether a pattern takes a text without wildcards (letters are taken by themselves and by crossing `*` only).
pub(super) fn takes(pattern: &[Token], fixed: &[Token]) -> bool {
    if pattern.len() < 128 {
        return takes_short(pattern, fixed);
    }
    // Live positions, the last one meaning "all consumed". An empty run lets the next position live too.
    let close = |live: &mut Vec<bool>| {
        for (at, token) in pattern.iter().enumerate() {
            if matches!(token, Token::Run { .. })
                && live.get(at) == Some(&true)
                && let Some(next) = live.get_mut(at + 1)
            {
                *next = true;
            }
        }
    };
    let mut live = vec![false; pattern.len() + 1];
    if let Some(first) = live.first_mut() {
        *first = true;
    }
    close(&mut live);
    for token in fixed {
        let Token::Is(symbol) = *token else { return false };
        let mut next = vec![false; live.len()];
        for ((at, token), _) in pattern.iter().enumerate().zip(&live).filter(|(_, live)| **live) {
            let (steps, stays) = match token {
                Token::Is(own) => (*own == symbol, false),
                Token::One { colon } => (!is_letter(symbol) && (*colon || symbol != COLON), false),
                Token::Run { colon } => (false, *colon || !is_letter(symbol) && symbol != COLON),
            };
            if steps && let Some(slot) = next.get_mut(at + 1) {
                *slot = true;
            }
            if stays && let Some(slot) = next.get_mut(at) {
                *slot = true;
            }
        }
        close(&mut next);
        live = next;
    }
    live.last() == Some(&true)
}

/// As [`takes`], with the live positions in one word.
fn takes_short(pattern: &[Token], fixed: &[Token]) -> bool {
    let close = |live: u128| {
        let runs = pattern.iter().enumerate().filter(|(_, token)| matches!(token, Token::Run { .. }));
        runs.fold(live, |live, (at, _)| live | ((live >> at) & 1) << (at + 1))
    };
    let mut live = close(1);
    for token in fixed {
        let Token::Is(symbol) = *token else { return false };
        let mut next = 0;
        for (at, token) in pattern.iter().enumerate().filter(|(at, _)| (live >> at) & 1 == 1) {
            next |= match token {
                Token::Is(own) => u128::from(*own == symbol) << (at + 1),
                Token::One { colon } => {
                    u128::from(!is_letter(symbol) && (*colon || symbol != COLON)) << (at + 1)
                }
                Token::Run { colon } => u128::from(*colon || !is_letter(symbol) && symbol != COLON) << at,
            };
        }
        if next == 0 {
            return false;
        }
        live = close(next);
    }
    (live >> pattern.len()) & 1 == 1
}

/// Tokens with case folded, letters kept.
pub(super) fn folded(tokens: &[Token]) -> Vec<Token> {
    let mut out = Vec::with_capacity(tokens.len());
    for token in tokens {
        match token {
            Token::Is(symbol) => match char::from_u32(*symbol) {
                Some(c) => out.extend(c.to_lowercase().map(|c| Token::Is(u32::from(c)))),
                None => out.push(*token),
            },
            token => out.push(*token),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(tokens: &[Token]) -> String {
        tokens
            .iter()
            .map(|token| match token {
                Token::Is(s) => {
                    char::from_u32(*s).map_or_else(|| format!("<{}>", s - FIRST_LETTER), String::from)
                }
                Token::One { colon: true } => "?".into(),
                Token::One { colon: false } => "¿".into(),
                Token::Run { colon: true } => "*".into(),
                Token::Run { colon: false } => "+".into(),
            })
            .collect()
    }

    #[test]
    fn readings_differ_only_in_the_first_five_parts() {
        let mut letters = Letters::default();
        let mut arn = |text: &str, crossing, pad_short| {
            let reading = Reading { crossing, pad_short, ..Reading::DOCUMENTED };
            show(&arn(text, Version::V2012, reading, &mut letters))
        };
        use Crossing::{Always, AtPartEnd, Never};
        assert_eq!(arn("arn:*:s3:::b/*?x", Never, true), "arn:+:s3:::b/?*x");
        assert_eq!(arn("arn:*:s3:x*y::b/*", AtPartEnd, true), "arn:*:s3:x+y::b/*");
        assert_eq!(arn("arn:*:s3:x*y::b/*", Always, true), "arn:*:s3:x*y::b/*");
        assert_eq!(arn("arn:aws:ec2:*:instance/*", Never, true), "arn:aws:ec2:+:instance/+:*");
        assert_eq!(arn("arn:aws:ec2:*:instance/*", Never, false), "arn:aws:ec2:+:instance/*");
        assert_eq!(arn("**", Never, true), "*");
        assert_eq!(
            arn("arn:aws:s3:::h/${aws:username}/${ AWS:username }${*}", Never, true),
            "arn:aws:s3:::h/<0>/<0>*"
        );
    }

    #[test]
    fn what_is_no_action_pattern_never_matches() {
        assert_eq!(show(&action("S3:Get*").unwrap()), "s3:get+");
        assert_eq!(show(&action("s3:*").unwrap()), "s3:¿+");
        assert_eq!(show(&action("*").unwrap()), "¿+:¿+");
        for text in ["", "s3", "*Object", "s3:", ":Get", "s3:a:b", "s3:Get Object", "s3:Get,Put"] {
            assert_eq!(action(text), None, "{text}");
        }
    }
}
