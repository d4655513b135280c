//! Condition operators.

/// A condition operator, taken apart.
///
/// Operator names are read without case, as IAM's own documents vary in it.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Operator {
    /// `ForAllValues:` or `ForAnyValue:`.
    pub set: Option<SetQualifier>,
    /// What is compared, and how.
    pub base: Comparison,
    /// `StringNotEquals`, `NotIpAddress`, …: true when no policy value matches.
    pub negated: bool,
    /// `…IfExists`: true when the key is absent.
    pub if_exists: bool,
}

/// How an operator treats a key with several values.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SetQualifier {
    /// Every value of the request must satisfy the operator; so does an absent key.
    ForAllValues,
    /// Some value of the request must satisfy the operator.
    ForAnyValue,
}

/// The comparison an operator makes between one request value and one policy value.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Comparison {
    /// `StringEquals`: `*` and `?` are characters.
    StringEquals,
    /// `StringEqualsIgnoreCase`.
    StringEqualsIgnoreCase,
    /// `StringLike`: `*` and `?` are wildcards.
    StringLike,
    /// `Numeric…`.
    Numeric(Order),
    /// `Date…`.
    Date(Order),
    /// `Bool`.
    Bool,
    /// `BinaryEquals`: base-64 texts.
    BinaryEquals,
    /// `IpAddress`: CIDR blocks.
    IpAddress,
    /// `ArnEquals` and `ArnLike`, which mean the same: six parts, each with wildcards.
    Arn,
    /// `Null`: whether the key is absent.
    Null,
}

/// Which orders an ordering operator accepts, request value on the left.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the variants are AWS's words")]
pub enum Order {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

impl Operator {
    /// Takes `text` apart; `None` when IAM knows no such operator.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (set, rest) = match lower.split_once(':') {
            Some(("forallvalues", rest)) => (Some(SetQualifier::ForAllValues), rest),
            Some(("foranyvalue", rest)) => (Some(SetQualifier::ForAnyValue), rest),
            Some(_) => return None,
            None => (None, &*lower),
        };
        let (name, if_exists) = match rest.strip_suffix("ifexists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        let (base, negated) = match name {
            "stringequals" => (Comparison::StringEquals, false),
            "stringnotequals" => (Comparison::StringEquals, true),
            "stringequalsignorecase" => (Comparison::StringEqualsIgnoreCase, false),
            "stringnotequalsignorecase" => (Comparison::StringEqualsIgnoreCase, true),
            "stringlike" => (Comparison::StringLike, false),
            "stringnotlike" => (Comparison::StringLike, true),
            "bool" => (Comparison::Bool, false),
            "binaryequals" => (Comparison::BinaryEquals, false),
            "ipaddress" => (Comparison::IpAddress, false),
            "notipaddress" => (Comparison::IpAddress, true),
            "arnequals" | "arnlike" => (Comparison::Arn, false),
            "arnnotequals" | "arnnotlike" => (Comparison::Arn, true),
            // The absent key is what `Null` asks about: it takes no `IfExists`.
            "null" if !if_exists => (Comparison::Null, false),
            name => {
                let (order, negated, family): (_, _, fn(Order) -> Comparison) =
                    if let Some(order) = name.strip_prefix("numeric") {
                        let (order, negated) = Order::parse(order)?;
                        (order, negated, Comparison::Numeric)
                    } else {
                        let (order, negated) = Order::parse(name.strip_prefix("date")?)?;
                        (order, negated, Comparison::Date)
                    };
                (family(order), negated)
            }
        };
        Some(Self { set, base, negated, if_exists })
    }

    /// Whether policy variables are replaced in this operator's values.
    pub fn takes_variables(&self) -> bool {
        matches!(
            self.base,
            Comparison::StringEquals
                | Comparison::StringEqualsIgnoreCase
                | Comparison::StringLike
                | Comparison::Arn
                | Comparison::Bool
        )
    }
}

impl Order {
    fn parse(lower: &str) -> Option<(Self, bool)> {
        Some(match lower {
            "equals" => (Order::Equals, false),
            "notequals" => (Order::Equals, true),
            "lessthan" => (Order::LessThan, false),
            "lessthanequals" => (Order::LessThanEquals, false),
            "greaterthan" => (Order::GreaterThan, false),
            "greaterthanequals" => (Order::GreaterThanEquals, false),
            _ => return None,
        })
    }

    /// Whether a request value that stands in `ordering` to the policy value is accepted.
    pub fn accepts(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Order::Equals => ordering.is_eq(),
            Order::LessThan => ordering.is_lt(),
            Order::LessThanEquals => ordering.is_le(),
            Order::GreaterThan => ordering.is_gt(),
            Order::GreaterThanEquals => ordering.is_ge(),
        }
    }
}

/// A boolean of a policy or a request, as `Bool` and `Null` read it: `true` and `false` in any case.
pub fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let operator = Operator::parse("ForAllValues:stringNotLikeIfExists").unwrap();
        assert_eq!(
            operator,
            Operator {
                set: Some(SetQualifier::ForAllValues),
                base: Comparison::StringLike,
                negated: true,
                if_exists: true
            }
        );
        assert_eq!(
            Operator::parse("DateGreaterThanEquals").map(|o| o.base),
            Some(Comparison::Date(Order::GreaterThanEquals))
        );
    }

    #[test]
    fn what_iam_does_not_know_is_no_operator() {
        for text in [
            "",
            "StringEqual",
            "NullIfExists",
            "BinaryNotEquals",
            "For:Bool",
            "numericlike",
            "BoolIfExistsIfExists",
        ] {
            assert_eq!(Operator::parse(text), None, "{text}");
        }
    }
}
