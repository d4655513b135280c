//! One request value against one policy value.

use std::cmp::Ordering;

use super::Truth;
use super::request::{Context, ContextValue};
use crate::ident::glob::{Colons, Glob, Piece, ShortArn};
use crate::policy::{Comparison, Order, Template, TemplatePiece, Version, address_range, boolean, instant};

/// What comparing two values gives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// The values compare as the operator's positive form wants.
    Match,
    /// They do not.
    NoMatch,
    /// One of the two is not of the operator's type. A positive operator does not match then; what a negated one does is
    /// documented nowhere.
    Malformed,
    /// A policy variable has a value that is not known.
    Unknown,
}

/// A template with its variables replaced.
pub(super) enum Replaced<T> {
    /// All variables had a value.
    Value(T),
    /// A variable has neither a value nor a default.
    NoValue,
    /// A variable's value is not known.
    Unknown,
}

/// Replaces the variables of `pieces`; what a variable holds is literal.
pub(super) fn replace<'p>(
    pieces: impl IntoIterator<Item = &'p TemplatePiece>,
    context: &Context,
) -> Replaced<Vec<Piece>> {
    let mut replaced = Vec::new();
    let mut unknown = false;
    for piece in pieces {
        match piece {
            TemplatePiece::Plain(piece) => replaced.push(*piece),
            TemplatePiece::Variable(variable) => match (context.value(&variable.key), &variable.default) {
                (ContextValue::One(text), _) | (ContextValue::Absent, Some(text)) => {
                    replaced.extend(text.chars().map(Piece::Char));
                }
                // A key with several values cannot stand in for one text.
                (ContextValue::Absent | ContextValue::Many(_), None) => return Replaced::NoValue,
                (ContextValue::Unknown | ContextValue::Many(_), _) => unknown = true,
            },
        }
    }
    if unknown { Replaced::Unknown } else { Replaced::Value(replaced) }
}

/// Compares a request value with a policy value that may hold variables.
pub(super) fn compare(
    base: Comparison,
    takes_variables: bool,
    policy_value: &str,
    value: &str,
    version: Version,
    context: &Context,
) -> Outcome {
    let version = if takes_variables { version } else { Version::V2008 };
    let template = Template::parse(policy_value, version);
    let parts = match base {
        Comparison::Arn => template.arn_parts(),
        _ => vec![template.pieces],
    };
    let mut replaced = Vec::with_capacity(parts.len());
    for part in &parts {
        match replace(part, context) {
            Replaced::Value(pieces) => replaced.push(pieces),
            // Null never equals: no positive match, and the negated form holds.
            Replaced::NoValue => return Outcome::NoMatch,
            Replaced::Unknown => return Outcome::Unknown,
        }
    }
    if base == Comparison::Arn {
        return compare_arns(replaced, value);
    }
    let pieces: Vec<Piece> = replaced.into_iter().flatten().collect();
    if base == Comparison::StringLike {
        return matched(Glob::from_pieces(pieces).matches(value));
    }
    let text: String = pieces.iter().map(as_written).collect();
    match base {
        Comparison::StringEquals => matched(text == value),
        Comparison::StringEqualsIgnoreCase => matched(text.to_lowercase() == value.to_lowercase()),
        Comparison::Numeric(order) => ordered(order, Decimal::parse(value), Decimal::parse(&text)),
        Comparison::Date(order) => ordered(order, instant(value), instant(&text)),
        Comparison::Bool => match (boolean(value), boolean(&text)) {
            (Some(a), Some(b)) => matched(a == b),
            _ => Outcome::Malformed,
        },
        Comparison::BinaryEquals => matched(text == value),
        Comparison::IpAddress => match (address_range(value), address_range(&text)) {
            // A request comes from one address.
            (Some(address), Some(block)) if address.first == address.last => matched(block.holds(&address)),
            _ => Outcome::Malformed,
        },
        Comparison::StringLike | Comparison::Arn | Comparison::Null => Outcome::Malformed,
    }
}

fn matched(yes: bool) -> Outcome {
    if yes { Outcome::Match } else { Outcome::NoMatch }
}

/// The character a piece was in the policy's text.
fn as_written(piece: &Piece) -> char {
    match piece {
        Piece::Char(c) => *c,
        Piece::AnyChar | Piece::AnyCharInPart => '?',
        Piece::AnyRun | Piece::AnyRunInPart => '*',
    }
}

/// Six parts against six parts. A lone `*` matches every ARN.
fn compare_arns(parts: Vec<Vec<Piece>>, value: &str) -> Outcome {
    let is_arn = value.starts_with("arn:") && value.splitn(6, ':').count() == 6;
    let is_everything =
        matches!(&*parts, [only] if !only.is_empty() && only.iter().all(|p| *p == Piece::AnyRun));
    if !is_arn || (parts.len() < 6 && !is_everything) {
        return Outcome::Malformed;
    }
    match Glob::from_arn_parts(parts, Colons::Stop, ShortArn::Refuse) {
        Some(glob) => matched(glob.matches(value)),
        None => Outcome::Malformed,
    }
}

fn ordered<T: Ord>(order: Order, value: Option<T>, policy_value: Option<T>) -> Outcome {
    match (value, policy_value) {
        (Some(value), Some(policy_value)) => matched(order.accepts(value.cmp(&policy_value))),
        _ => Outcome::Malformed,
    }
}

/// `Null` takes `true` or `false`: whether the key is absent.
pub(super) fn null(policy_value: &str, absent: Truth) -> Truth {
    match boolean(policy_value) {
        Some(true) => absent,
        Some(false) => !absent,
        None => Truth::Unknown,
    }
}

/// A decimal number compared digit by digit, so that no precision is lost.
#[derive(Debug, Eq, PartialEq)]
struct Decimal {
    negative: bool,
    /// Without leading zeros.
    whole: String,
    /// Without trailing zeros.
    fraction: String,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) => (text.starts_with('-'), digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Self { negative: negative && !zero, whole: whole.to_owned(), fraction: fraction.to_owned() })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |a: &Self, b: &Self| {
            (a.whole.len(), &a.whole, &a.fraction).cmp(&(b.whole.len(), &b.whole, &b.fraction))
        };
        match (self.negative, other.negative) {
            (false, false) => size(self, other),
            (true, true) => size(other, self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_digits() {
        let less = |a: &str, b: &str| Decimal::parse(a).unwrap() < Decimal::parse(b).unwrap();
        assert!(less("9007199254740992", "9007199254740993"));
        assert!(less("-2", "-1.5") && less("-1", "0") && less("0.09", "0.1") && less("9", "10"));
        assert_eq!(Decimal::parse("-0.0"), Decimal::parse("0"));
        for text in ["", ".", "-", "1e3", "NaN", "0x1", "1 2", "²"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
