//! Condition literals: one operator with one key and its values, as languages and ranges.

use super::key;
use super::pattern::{self, Letters, Token};
use super::space::{ListId, Space};
use crate::ident::Time;
use crate::policy::{
    AddressRange, Comparison, Condition, Operator, Order, SetQualifier, Version, address_range, boolean,
};

/// What a literal asks of one value of its key.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) enum Test {
    /// Text in one of the patterns, with case.
    Text(ListId),
    /// An ARN in one of the patterns.
    Arn(ListId),
    /// Text whose folded form is one of these.
    Folded(ListId),
    /// A number that stands so to one of these.
    Number(Order, Vec<Point>),
    /// A date that stands so to one of these.
    Date(Order, Vec<Point>),
    /// An address in one of these blocks.
    Ip(Vec<AddressRange>),
    /// `true` (first) or `false` (second) is wanted.
    Bool(bool, bool),
    /// The key is absent (first) or present (second).
    Null(bool, bool),
    /// The key has exactly one value, so that a variable with it is replaced.
    Resolved,
    /// The key has exactly these values: a fact about an observed request.
    Fact(Vec<String>),
    /// The key is absent: a fact about an observed request.
    Absent,
    /// Nothing is known; equal operator, values and version have equal truth.
    #[default]
    Unknown,
    /// As before, and the text that makes it itself.
    Opaque(String),
}

/// Twice a billionth is one, so that there is a point between any two values a policy can write.
pub(super) type Point = i128;

/// One operator with one key and its values.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Literal {
    /// Lower case.
    pub(super) key: String,
    /// The set qualifier.
    pub(super) quantifier: Option<SetQualifier>,
    /// `…IfExists`.
    pub(super) if_exists: bool,
    /// The `Not…` form: the test must fail.
    pub(super) negated: bool,
    /// See [`Test`].
    pub(super) test: Test,
    /// With the key present, the truth is not documented; the text makes the literal itself.
    pub(super) vague: Option<String>,
    /// No operator IAM knows: nothing is known of the truth.
    pub(super) unknown: bool,
}

impl Literal {
    /// The literal of a condition as written in a policy of this version.
    pub(super) fn new(
        condition: &Condition,
        version: Version,
        texts: &mut Space,
        folds: &mut Space,
        letters: &mut Letters,
    ) -> Self {
        let parsed = Operator::parse(&condition.operator);
        let negated = parsed.is_some_and(|operator| operator.negated);
        let comparison = parsed.map(|operator| operator.base);
        let key = condition.key.to_lowercase();
        let values = &condition.values;
        let has_variables = values.iter().any(|value| pattern::has_variable(value, version));
        let mut sorted = values.clone();
        sorted.sort();
        sorted.dedup();
        // Everything that makes an undecidable condition itself.
        let identity = || {
            let version = if has_variables || values.iter().any(|v| v.contains("${")) {
                format!("{version:?}")
            } else {
                String::new()
            };
            format!("{} {version} {sorted:?}", condition.operator.to_lowercase())
        };
        let tokens = |texts: &mut Letters, wild: bool| -> Vec<Vec<Token>> {
            values.iter().map(|value| pattern::normal(pattern::text(value, version, wild, texts))).collect()
        };
        let test = match comparison {
            Some(Comparison::StringEquals) => Some(Test::Text(texts.list(tokens(letters, false)))),
            Some(Comparison::StringLike) => Some(Test::Text(texts.list(tokens(letters, true)))),
            Some(Comparison::StringEqualsIgnoreCase) => {
                let folded: Vec<_> = tokens(letters, false).iter().map(|t| pattern::folded(t)).collect();
                Some(Test::Folded(folds.list(folded)))
            }
            Some(Comparison::Arn) => {
                let patterns: Option<Vec<_>> =
                    values.iter().map(|value| pattern::arn_value(value, version, letters)).collect();
                patterns.map(|patterns| Test::Arn(texts.list(patterns)))
            }
            Some(Comparison::Numeric(order)) => all(&sorted, number, negated).map(|v| Test::Number(order, v)),
            Some(Comparison::Date(order)) => all(&sorted, date, negated).map(|v| Test::Date(order, v)),
            Some(Comparison::IpAddress) => all(&sorted, address_range, negated).map(Test::Ip),
            Some(Comparison::Bool) => booleans(values).map(|(yes, no)| Test::Bool(yes, no)),
            Some(Comparison::Null) => booleans(values).map(|(yes, no)| Test::Null(yes, no)),
            Some(Comparison::BinaryEquals) | None => None,
        };
        let undocumented = negated && values.is_empty();
        let vague = (test.is_none() || undocumented).then(identity);
        Self {
            key,
            quantifier: parsed.and_then(|operator| operator.set),
            if_exists: parsed.is_some_and(|operator| operator.if_exists),
            negated,
            test: test.unwrap_or_else(|| Test::Opaque(String::new())),
            vague,
            unknown: comparison.is_none()
                || (comparison == Some(Comparison::Null) && booleans(values).is_none()),
        }
    }

    /// The literal of a bare test.
    pub(super) fn bare(key: &str, test: Test) -> Self {
        Self { key: key.to_lowercase(), test, ..Self::default() }
    }

    /// Truth with the key absent; `None` where AWS does not say.
    pub(super) fn when_absent(&self) -> Option<bool> {
        if self.unknown {
            return None;
        }
        match (&self.test, self.quantifier) {
            (Test::Absent, _) => Some(true),
            (Test::Resolved | Test::Fact(_), _) | (Test::Null(..), Some(SetQualifier::ForAnyValue)) => {
                Some(false)
            }
            (Test::Null(..), Some(SetQualifier::ForAllValues)) => Some(true),
            (Test::Null(absent, _), None) => Some(*absent),
            (_, Some(SetQualifier::ForAllValues)) => Some(true),
            _ if self.if_exists => Some(true),
            (_, Some(SetQualifier::ForAnyValue)) => (!self.negated).then_some(false),
            (_, None) => Some(self.negated),
        }
    }

    /// Truth with the key present, for literals that ask nothing of its values; `None` for all others.
    pub(super) fn when_present(&self) -> Option<bool> {
        match (&self.test, self.quantifier) {
            (Test::Absent, _) | (Test::Null(..), Some(SetQualifier::ForAnyValue)) => Some(false),
            (Test::Null(..), Some(SetQualifier::ForAllValues)) => Some(true),
            (Test::Null(_, present), None) => Some(*present),
            _ => None,
        }
    }

    /// Whether the literal's truth with the key present is anybody's guess.
    pub(super) fn is_vague(&self) -> bool {
        self.unknown || self.vague.is_some()
    }

    /// What kind of value the test takes for granted; `None` for text.
    pub(super) const fn assumes(&self) -> Option<key::Kind> {
        match self.test {
            Test::Arn(_) => Some(key::Kind::Arn),
            Test::Number(..) => Some(key::Kind::Number),
            Test::Date(..) => Some(key::Kind::Date),
            Test::Ip(_) => Some(key::Kind::Ip),
            Test::Bool(..) => Some(key::Kind::Bool),
            _ => None,
        }
    }
}

/// All values read; `None` when the truth of one that cannot be read is not documented. A word among the values of a positive operator
/// matches nothing, so it is left out; whatever might be a number, a date or an address in some other notation is not a word.
fn all<T>(values: &[String], read: impl Fn(&str) -> Option<T>, negated: bool) -> Option<Vec<T>> {
    let is_word = |value: &str| !value.contains(|c: char| c.is_ascii_digit() || matches!(c, ':' | '$' | '*'));
    values.iter().filter(|value| negated || !is_word(value)).map(|value| read(value)).collect()
}

/// Reads `true` and `false` values: whether the first and the second are among them.
fn booleans(values: &[String]) -> Option<(bool, bool)> {
    let mut found = (false, false);
    for value in values {
        match boolean(value)? {
            true => found.0 = true,
            false => found.1 = true,
        }
    }
    Some(found)
}

/// Half-billionths of one.
const ONE: i128 = 2_000_000_000;

/// A decimal number with at most nine places after the point.
pub(super) fn number(text: &str) -> Option<Point> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 24
        || fraction.len() > 9
        || !all_digits(whole)
        || !all_digits(fraction)
    {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let fraction: i128 = if fraction.is_empty() { 0 } else { format!("{fraction:0<9}").parse().ok()? };
    let value = whole * ONE + fraction * 2;
    Some(if negative { -value } else { value })
}

/// A number as text; points between two numbers are written a little above.
pub(super) fn number_text(point: Point) -> String {
    let (sign, magnitude) = if point < 0 { ("-", -point) } else { ("", point) };
    let (whole, rest) = (magnitude / ONE, magnitude % ONE);
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    // `rest` counts half-billionths: ten digits after the point.
    format!("{sign}{whole}.{:010}", rest * 5).trim_end_matches('0').to_owned()
}

/// A date in one of the ISO forms, or seconds since the epoch. Fractions and eight digits (a date or a number?) are left alone.
pub(super) fn date(text: &str) -> Option<Point> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return (text.len() != 8 && text.len() < 12).then(|| number(text)).flatten();
    }
    if text.contains(['.', ',']) {
        return None;
    }
    Some(i128::from(text.parse::<Time>().ok()?.unix()) * ONE)
}

/// A date as text, to the second.
pub(super) fn date_text(point: Point) -> String {
    Time::from_unix(i64::try_from(point.div_euclid(ONE)).unwrap_or(0)).to_string()
}

/// An address as text.
pub(super) fn address_text(v6: bool, bits: u128) -> String {
    if v6 {
        std::net::Ipv6Addr::from(bits).to_string()
    } else {
        std::net::Ipv4Addr::from(u32::try_from(bits).unwrap_or(u32::MAX)).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_are_read_exactly() {
        assert_eq!(number("5"), number("5.000"));
        assert_eq!(number("-0.5").map(number_text).as_deref(), Some("-0.5"));
        assert!(number("5") < number("5.000000001"));
        for text in ["", ".5", "1e3", "5.0000000001", "abc", "--1", "1_000"] {
            assert_eq!(number(text), None, "{text}");
        }
        assert_eq!(date("2023-07-10T12:16:15Z"), date("1688991375"));
        assert_eq!(date("20230710"), None);
    }
}
