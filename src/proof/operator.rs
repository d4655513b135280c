//! The names of condition operators.

/// `ForAllValues:` or `ForAnyValue:`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Quantifier {
    /// Every value of the request.
    All,
    /// Some value of the request.
    Any,
}

/// What an operator compares.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Comparison {
    /// `StringEquals`: wildcards are characters.
    Equals,
    /// `StringLike`.
    Like,
    /// `StringEqualsIgnoreCase`.
    EqualsIgnoringCase,
    /// `ArnEquals`, `ArnLike`.
    Arn,
    /// `Numeric…`.
    Number(Order),
    /// `Date…`.
    Date(Order),
    /// `Bool`.
    Bool,
    /// `IpAddress`.
    Ip,
    /// `Null`.
    Null,
    /// `BinaryEquals`, or no operator at all.
    Opaque,
}

/// How a number or a date of the request stands to the policy's.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An operator's name, taken apart.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Operator {
    /// The set qualifier.
    pub(super) quantifier: Option<Quantifier>,
    /// See [`Comparison`].
    pub(super) comparison: Comparison,
    /// The `Not…` form.
    pub(super) negated: bool,
    /// `…IfExists`.
    pub(super) if_exists: bool,
    /// No operator IAM knows.
    pub(super) unknown: bool,
}

impl Operator {
    /// Reads a name without regard to case.
    pub(super) fn parse(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let (quantifier, text) = if let Some(rest) = text.strip_prefix("forallvalues:") {
            (Some(Quantifier::All), rest)
        } else if let Some(rest) = text.strip_prefix("foranyvalue:") {
            (Some(Quantifier::Any), rest)
        } else {
            (None, text.as_str())
        };
        let (text, if_exists) = text.strip_suffix("ifexists").map_or((text, false), |base| (base, true));
        let known = match text {
            "stringequals" => Some((Comparison::Equals, false)),
            "stringnotequals" => Some((Comparison::Equals, true)),
            "stringequalsignorecase" => Some((Comparison::EqualsIgnoringCase, false)),
            "stringnotequalsignorecase" => Some((Comparison::EqualsIgnoringCase, true)),
            "stringlike" => Some((Comparison::Like, false)),
            "stringnotlike" => Some((Comparison::Like, true)),
            "arnequals" | "arnlike" => Some((Comparison::Arn, false)),
            "arnnotequals" | "arnnotlike" => Some((Comparison::Arn, true)),
            "bool" => Some((Comparison::Bool, false)),
            "ipaddress" => Some((Comparison::Ip, false)),
            "notipaddress" => Some((Comparison::Ip, true)),
            "binaryequals" => Some((Comparison::Opaque, false)),
            "null" if !if_exists => Some((Comparison::Null, false)),
            _ => text
                .strip_prefix("numeric")
                .and_then(order)
                .map(|(order, negated)| (Comparison::Number(order), negated))
                .or_else(|| {
                    let (order, negated) = order(text.strip_prefix("date")?)?;
                    Some((Comparison::Date(order), negated))
                }),
        };
        let (comparison, negated) = known.unwrap_or((Comparison::Opaque, false));
        Self { quantifier, comparison, negated, if_exists, unknown: known.is_none() }
    }
}

fn order(text: &str) -> Option<(Order, bool)> {
    Some(match text {
        "equals" => (Order::Equal, false),
        "notequals" => (Order::Equal, true),
        "lessthan" => (Order::Less, false),
        "lessthanequals" => (Order::LessOrEqual, false),
        "greaterthan" => (Order::Greater, false),
        "greaterthanequals" => (Order::GreaterOrEqual, false),
        _ => return None,
    })
}
