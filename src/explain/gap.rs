//! What keeps one statement from applying to a request.

use super::nearest::nearest;
use super::{Condition, Mismatch, Nearest};
use crate::eval::{
    Context, ContextValue, Principal, Request, RequestResource, Truth, holds, match_statement,
};
use crate::policy::{
    ActionElement, Comparison, Operator, Policy, PolicyKind, PrincipalElement, ResourceElement, Statement,
};

/// Values of a statement that are shown.
const MOST_SHOWN: usize = 20;
/// How far a statement about another service is.
const UNRELATED: usize = 4_000;

/// One statement beside a request.
pub(super) struct Gap {
    /// Number of the statement in its document.
    pub(super) index: usize,
    /// Whether it applies.
    pub(super) applies: Truth,
    /// Elements that do not fit, or may not.
    pub(super) mismatches: Vec<Mismatch>,
    /// Conditions that do not hold.
    pub(super) failed: Vec<Condition>,
    /// Conditions of which it is not known.
    pub(super) open: Vec<Condition>,
    /// Small is near.
    rank: usize,
}

impl Gap {
    /// Small is near.
    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    /// Whether the statement has anything to do with the call: its action fits, or its resource does and the action is of the same
    /// service.
    pub(super) fn is_related(&self) -> bool {
        self.rank < UNRELATED
    }
}

/// The statements of a document with one effect, each beside the request.
pub(super) fn gaps<'p>(
    policy: &'p Policy,
    kind: PolicyKind,
    request: &Request,
    wanted: impl Fn(&Statement) -> bool + 'p,
) -> Vec<Gap> {
    policy
        .statements
        .iter()
        .enumerate()
        .filter(|(_, statement)| wanted(statement))
        .map(|(index, statement)| gap(index, statement, kind, policy, request))
        .collect()
}

/// The one that comes nearest to applying; the first of several.
pub(super) fn closest(gaps: Vec<Gap>) -> Option<Gap> {
    gaps.into_iter().min_by_key(|gap| (gap.rank, gap.index))
}

fn gap(index: usize, statement: &Statement, kind: PolicyKind, policy: &Policy, request: &Request) -> Gap {
    let found = match_statement(statement, kind, policy.version, request);
    let mut mismatches = Vec::new();
    let mut rank = 0;
    if let Some(matched) = found.principal
        && !matched.truth().is_true()
    {
        let mismatch = principal(statement, &request.principal);
        rank += 400 + near(mismatch.nearest.as_ref());
        mismatches.push(mismatch);
    }
    if !found.action.is_true() {
        let mismatch = action(&statement.action, &request.action);
        // Another service's statement says nothing about this call.
        rank += if same_service(&statement.action, &request.action) { 800 } else { UNRELATED };
        rank += near(mismatch.nearest.as_ref());
        mismatches.push(mismatch);
    }
    if !found.resource.is_true()
        && let Some(element) = &statement.resource
    {
        let mismatch = resource(element, &request.resource);
        rank += 400 + near(mismatch.nearest.as_ref());
        mismatches.push(mismatch);
    }
    let (mut failed, mut open) = (Vec::new(), Vec::new());
    for condition in &statement.conditions {
        let shown = || shown(condition, &request.context);
        match holds(condition, policy.version, &request.context) {
            Truth::True => {}
            Truth::False => {
                let shown = shown();
                rank += 200 + near(shown.nearest.as_ref());
                failed.push(shown);
            }
            Truth::Unknown => {
                rank += 20;
                open.push(shown());
            }
        }
    }
    Gap { index, applies: found.applies(), mismatches, failed, open, rank }
}

/// How much a nearest match takes away from being far.
fn near(nearest: Option<&Nearest>) -> usize {
    match nearest.map(|nearest| nearest.difference.as_str()) {
        Some("case" | "one-letter" | "literal-wildcard") => 0,
        Some("few-letters" | "immutable-subject" | "path" | "provider-account") => 10,
        Some("namespace" | "service-account" | "ref" | "issuer" | "account") => 40,
        Some(_) => 60,
        None => 90,
    }
}

fn same_service(element: &ActionElement, action: &str) -> bool {
    let service = |text: &str| text.split(':').next().unwrap_or_default().to_ascii_lowercase();
    match element {
        ActionElement::Only(patterns) => patterns.iter().any(|pattern| service(pattern) == service(action)),
        ActionElement::Except(_) => true,
    }
}

fn principal(statement: &Statement, asking: &Principal) -> Mismatch {
    let (element, patterns) = match &statement.principal {
        Some(PrincipalElement::Only(patterns)) => ("Principal", patterns.as_slice()),
        Some(PrincipalElement::Except(patterns)) => ("NotPrincipal", patterns.as_slice()),
        None => ("Principal", &[][..]),
    };
    let expected: Vec<String> = patterns.iter().map(|pattern| pattern.written().1.to_owned()).collect();
    let actual = named(asking);
    let nearest = actual.as_deref().and_then(|actual| nearest(&expected, actual, false));
    Mismatch { element: element.to_owned(), expected: few(&expected), actual, nearest }
}

/// How a `Principal` element would name who asks.
pub(super) fn named(principal: &Principal) -> Option<String> {
    match principal {
        Principal::Anonymous => None,
        Principal::Root { account } => Some(account.clone()),
        Principal::User { arn }
        | Principal::Role { arn }
        | Principal::Session { arn }
        | Principal::FederatedUser { arn, .. } => Some(arn.clone()),
        Principal::Service(name) | Principal::Federated(name) | Principal::CanonicalUser(name) => {
            Some(name.clone())
        }
    }
}

fn action(element: &ActionElement, action: &str) -> Mismatch {
    let (name, patterns) = match element {
        ActionElement::Only(patterns) => ("Action", patterns),
        ActionElement::Except(patterns) => ("NotAction", patterns),
    };
    // `s3:Get` and `s3:Put` are two letters apart and nothing alike: only a typo counts.
    let typo = nearest(patterns, action, true).filter(|near| near.difference == "one-letter");
    Mismatch {
        element: name.to_owned(),
        expected: few(patterns),
        actual: Some(action.to_owned()),
        nearest: typo,
    }
}

fn resource(element: &ResourceElement, asked: &RequestResource) -> Mismatch {
    let (name, patterns) = match element {
        ResourceElement::Only(patterns) => ("Resource", patterns),
        ResourceElement::Except(patterns) => ("NotResource", patterns),
    };
    let actual = match asked {
        RequestResource::Arn(arn) | RequestResource::Pattern(arn) => Some(arn.clone()),
        RequestResource::None => Some("*".to_owned()),
        RequestResource::Unknown => None,
    };
    let nearest = actual.as_deref().and_then(|actual| nearest(patterns, actual, true));
    Mismatch { element: name.to_owned(), expected: few(patterns), actual, nearest }
}

/// A condition as it is shown, with what the request has.
fn shown(condition: &crate::policy::Condition, context: &Context) -> Condition {
    let (actual, state) = match context.value(&condition.key) {
        ContextValue::One(value) => (vec![value.clone()], "present"),
        ContextValue::Many(values) => (few(values), "present"),
        ContextValue::Absent => (Vec::new(), "absent"),
        ContextValue::Unknown => (Vec::new(), "unknown"),
    };
    let operator = Operator::parse(&condition.operator);
    let is_negated = operator.is_some_and(|operator| operator.negated);
    let wildcards =
        operator.is_some_and(|operator| matches!(operator.base, Comparison::StringLike | Comparison::Arn));
    let compares_texts = operator.is_none_or(|operator| {
        use Comparison::{Arn, StringEquals, StringEqualsIgnoreCase, StringLike};
        matches!(operator.base, StringEquals | StringEqualsIgnoreCase | StringLike | Arn)
    });
    let nearest = match actual.as_slice() {
        [one] if !is_negated && compares_texts => nearest(&condition.values, one, wildcards),
        _ => None,
    };
    Condition {
        operator: condition.operator.clone(),
        key: condition.key.clone(),
        expected: few(&condition.values),
        actual,
        state: state.to_owned(),
        nearest,
    }
}

fn few(values: &[String]) -> Vec<String> {
    values.iter().take(MOST_SHOWN).cloned().collect()
}
