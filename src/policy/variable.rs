//! Policy variables: `${aws:username}`, `${key, 'default'}`, `${*}`.

use super::Version;
use crate::ident::glob::Piece;

/// A text with wildcards and variables, parsed once.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Template {
    /// In order.
    pub pieces: Vec<TemplatePiece>,
}

/// One position of a [`Template`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum TemplatePiece {
    /// A character or wildcard of the text itself.
    Plain(Piece),
    /// Stands for a value of the request; whatever that holds is literal.
    Variable(Variable),
}

/// A policy variable.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Variable {
    /// The condition key, in lower case.
    pub key: String,
    /// Used when the request lacks the key.
    pub default: Option<String>,
}

impl Template {
    /// Parses `text` as IAM reads it under `version`: variables exist since 2012 only, before that `${…}` is plain text.
    ///
    /// What begins like a variable and is not closed stays plain text.
    pub fn parse(text: &str, version: Version) -> Self {
        let mut pieces = Vec::new();
        let plain =
            |text: &str, pieces: &mut Vec<_>| pieces.extend(Piece::parse(text).map(TemplatePiece::Plain));
        if version == Version::V2008 {
            plain(text, &mut pieces);
            return Self { pieces };
        }
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((inside, after)) = close(after) else { break };
            plain(before, &mut pieces);
            let piece = match inside {
                "*" => TemplatePiece::Plain(Piece::Char('*')),
                "?" => TemplatePiece::Plain(Piece::Char('?')),
                "$" => TemplatePiece::Plain(Piece::Char('$')),
                // No name, no variable.
                inside if inside.trim().is_empty() => {
                    plain("${", &mut pieces);
                    plain(inside, &mut pieces);
                    TemplatePiece::Plain(Piece::Char('}'))
                }
                inside => TemplatePiece::Variable(Variable::parse(inside)),
            };
            pieces.push(piece);
            rest = after;
        }
        plain(rest, &mut pieces);
        Self { pieces }
    }

    /// Whether a variable stands in the text.
    pub fn has_variables(&self) -> bool {
        self.variables().next().is_some()
    }

    /// The variables, in order.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.pieces.iter().filter_map(|piece| match piece {
            TemplatePiece::Variable(variable) => Some(variable),
            TemplatePiece::Plain(_) => None,
        })
    }

    /// The parts of an ARN pattern: at most six, split at the first five colons of the text itself, never at one inside a variable.
    pub fn arn_parts(&self) -> Vec<Vec<TemplatePiece>> {
        let mut parts = vec![Vec::new()];
        for piece in &self.pieces {
            if parts.len() < 6 && *piece == TemplatePiece::Plain(Piece::Char(':')) {
                parts.push(Vec::new());
            } else if let Some(part) = parts.last_mut() {
                part.push(piece.clone());
            }
        }
        parts
    }
}

impl Variable {
    fn parse(inside: &str) -> Self {
        let (key, default) = match inside.split_once(',') {
            Some((key, default)) => {
                let default = default.trim();
                let unquoted = default.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
                (key, Some(unquoted.unwrap_or(default).to_owned()))
            }
            None => (inside, None),
        };
        Self { key: key.trim().to_lowercase(), default }
    }
}

/// Splits `after` at the brace that closes a variable; a brace inside a quoted default does not.
fn close(after: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    for (at, c) in after.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '}' if !quoted => return Some((after.get(..at)?, after.get(at + 1..)?)),
            _ => {}
        }
    }
    // An unpaired quote is no reason to lose the variable.
    after.split_once('}')
}
