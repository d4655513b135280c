//! Whether conditions hold.

use super::Truth;
use super::request::{Context, ContextValue};
use super::value::{Outcome, compare, null};
use crate::policy::{Comparison, Condition, Operator, SetQualifier, Version};

/// Whether all of `conditions` hold; true for none.
pub fn conditions_hold(conditions: &[Condition], version: Version, context: &Context) -> Truth {
    Truth::all(conditions.iter().map(|condition| holds(condition, version, context)))
}

/// Whether one condition holds.
///
/// Values of a key are alternatives; for a negated operator none of them may match. An operator IAM does not know, a negated operator
/// over malformed values and a negated operator over a list are not documented, hence unknown.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html>
pub fn holds(condition: &Condition, version: Version, context: &Context) -> Truth {
    let Some(operator) = Operator::parse(&condition.operator) else { return Truth::Unknown };
    let value = context.value(&condition.key);
    if operator.base == Comparison::Null {
        return holds_null(&operator, condition, value);
    }
    let single = |value: &str| one_value(&operator, condition, value, version, context);
    match (operator.set, value) {
        (_, ContextValue::Unknown) => Truth::Unknown,
        (_, ContextValue::Absent) if operator.if_exists => Truth::True,
        (None, ContextValue::Absent) => operator.negated.into(),
        (None, ContextValue::One(value)) => single(value),
        // A list under an operator for one value: the positive form never matches, the negated one is documented nowhere.
        (None, ContextValue::Many(_)) if operator.negated => Truth::Unknown,
        (None, ContextValue::Many(_)) => Truth::False,
        (Some(SetQualifier::ForAllValues), ContextValue::Absent) => Truth::True,
        (Some(SetQualifier::ForAnyValue), ContextValue::Absent) => Truth::False,
        (Some(_), ContextValue::One(value)) => single(value),
        (Some(SetQualifier::ForAllValues), ContextValue::Many(values)) => {
            Truth::all(values.iter().map(|value| single(value)))
        }
        (Some(SetQualifier::ForAnyValue), ContextValue::Many(values)) => {
            Truth::any(values.iter().map(|value| single(value)))
        }
    }
}

/// One value of the request against all values of the policy.
fn one_value(
    operator: &Operator,
    condition: &Condition,
    value: &str,
    version: Version,
    context: &Context,
) -> Truth {
    let (mut malformed, mut unknown) = (false, false);
    for policy_value in &condition.values {
        match compare(operator.base, operator.takes_variables(), policy_value, value, version, context) {
            Outcome::Match => return (!operator.negated).into(),
            Outcome::NoMatch => {}
            Outcome::Malformed => malformed = true,
            Outcome::Unknown => unknown = true,
        }
    }
    if unknown || (operator.negated && (malformed || condition.values.is_empty())) {
        return Truth::Unknown;
    }
    operator.negated.into()
}

fn holds_null(operator: &Operator, condition: &Condition, value: &ContextValue) -> Truth {
    let absent = match value {
        ContextValue::One(_) => Truth::False,
        ContextValue::Many(values) => values.is_empty().into(),
        ContextValue::Absent => Truth::True,
        ContextValue::Unknown => Truth::Unknown,
    };
    // `true` and `false` together always hold, also when the key is not known.
    let accepts = |absent: Truth| Truth::any(condition.values.iter().map(|value| null(value, absent)));
    let plain = match (accepts(Truth::True), accepts(Truth::False)) {
        (if_absent, if_present) if if_absent == if_present => if_absent,
        _ => accepts(absent),
    };
    // Access Analyzer's policy check reference says that `ForAllValues:Null` always holds and `ForAnyValue:Null` never; others found that
    // the qualifier changes nothing. Only what both say is said.
    match operator.set {
        Some(SetQualifier::ForAllValues) if plain != Truth::True => Truth::Unknown,
        Some(SetQualifier::ForAnyValue) if plain != Truth::False => Truth::Unknown,
        _ => plain,
    }
}
