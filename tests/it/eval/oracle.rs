//! The evaluator against a slow and obvious one.
//!
//! The obvious evaluator knows no globs, no three values and no short cuts: it matches texts by trying every way, answers one fully known
//! request with yes or no, and settles what is unknown by trying the values it could have.

use leastwise::eval::{
    Context, ContextValue, Layer, Layers, Principal, Request, RequestResource, Verdict, decide,
};
use leastwise::policy::{
    ActionElement, Condition, Effect, Policy, PrincipalElement, PrincipalPattern, ResourceElement, Statement,
    Version,
};
use proptest::prelude::*;

const ACCOUNT: &str = "111122223333";
const OTHER: &str = "444455556666";
const KEYS: [&str; 2] = ["aws:k", "aws:list"];

/// A fully known context: a value for `aws:k`, a list for `aws:list`.
#[derive(Clone, Debug)]
struct World {
    one: Option<String>,
    many: Option<Vec<String>>,
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|taken| like(rest, &text[taken..])),
        Some(('?', rest)) => !text.is_empty() && like(rest, &text[1..]),
        Some((c, rest)) => text.first() == Some(c) && like(rest, &text[1..]),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    like(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
}

fn action_applies(element: &ActionElement, action: &str) -> bool {
    let lower = |text: &str| text.to_ascii_lowercase();
    let listed = |patterns: &[String]| patterns.iter().any(|p| matches(&lower(p), &lower(action)));
    match element {
        ActionElement::Only(patterns) => listed(patterns),
        ActionElement::Except(patterns) => !listed(patterns),
    }
}

/// Patterns of the generator have all six parts, or are `*`; variables are `${aws:k}` only.
fn resource_applies(element: &ResourceElement, resource: &str, world: &World) -> bool {
    let one = |pattern: &String| -> Option<bool> {
        if pattern == "*" {
            return Some(true);
        }
        let filled = match (pattern.contains("${aws:k}"), &world.one) {
            (false, _) => pattern.clone(),
            // The generator's values hold no wildcard, so they may stand in the pattern.
            (true, Some(value)) => pattern.replace("${aws:k}", value),
            (true, None) => return None,
        };
        let (pattern, resource): (Vec<_>, Vec<_>) =
            (filled.splitn(6, ':').collect(), resource.splitn(6, ':').collect());
        Some(pattern.len() == resource.len() && pattern.iter().zip(&resource).all(|(p, r)| matches(p, r)))
    };
    match element {
        ResourceElement::Only(patterns) => patterns.iter().any(|pattern| one(pattern) == Some(true)),
        ResourceElement::Except(patterns) => patterns.iter().all(|pattern| one(pattern) == Some(false)),
    }
}

fn condition_holds(condition: &Condition, world: &World) -> bool {
    let absent = match &*condition.key {
        "aws:k" => world.one.is_none(),
        _ => world.many.is_none(),
    };
    let values: Vec<&String> = match &*condition.key {
        "aws:k" => world.one.iter().collect(),
        _ => world.many.iter().flatten().collect(),
    };
    let equal = |value: &str| {
        let fits = |policy: &String| match &*condition.operator {
            text if text.contains("Like") => matches(policy, value),
            _ => policy == value,
        };
        condition.values.iter().any(fits) != condition.operator.contains("Not")
    };
    match &*condition.operator {
        "Null" => condition.values.iter().any(|value| (value == "true") == absent),
        operator if operator.ends_with("IfExists") && absent => true,
        operator if operator.starts_with("ForAllValues") => values.iter().all(|value| equal(value)),
        operator if operator.starts_with("ForAnyValue") => values.iter().any(|value| equal(value)),
        operator if absent => operator.contains("Not"),
        _ => values.iter().all(|value| equal(value)),
    }
}

/// How strongly a principal is named: 0 not, 1 account, 2 role, 3 itself. The asker is a session of role `app` of the first account.
fn strength(element: &PrincipalElement) -> u8 {
    let of = |pattern: &PrincipalPattern| match pattern {
        PrincipalPattern::Everyone { .. } => 3,
        PrincipalPattern::Aws(text) if text == SESSION => 3,
        PrincipalPattern::Aws(text) if text == ROLE => 2,
        PrincipalPattern::Aws(text) if text == ACCOUNT || text == &format!("arn:aws:iam::{ACCOUNT}:root") => {
            1
        }
        _ => 0,
    };
    match element {
        PrincipalElement::Only(patterns) => patterns.iter().map(of).max().unwrap_or(0),
        PrincipalElement::Except(patterns) if patterns.iter().all(|pattern| of(pattern) == 0) => 3,
        PrincipalElement::Except(_) => 0,
    }
}

const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/run";
const ROLE: &str = "arn:aws:iam::111122223333:role/app";

#[derive(Clone, Debug)]
struct Case {
    identity: Vec<Policy>,
    boundary: Option<Policy>,
    session: Option<Policy>,
    scps: Vec<Policy>,
    resource: Option<Policy>,
    action: &'static str,
    arn: &'static str,
    account: &'static str,
}

/// The page's flow chart, word for word.
fn obvious(case: &Case, world: &World) -> Verdict {
    let applies = |statement: &Statement| {
        action_applies(&statement.action, case.action)
            && statement.resource.as_ref().is_none_or(|element| resource_applies(element, case.arn, world))
            && statement.conditions.iter().all(|condition| condition_holds(condition, world))
    };
    let says = |policy: &Policy, effect: Effect, least: u8| {
        policy.statements.iter().any(|statement| {
            statement.effect == effect
                && applies(statement)
                && statement.principal.as_ref().is_none_or(|element| {
                    let escapes = effect == Effect::Deny
                        && case.boundary.is_some()
                        && matches!(element, PrincipalElement::Except(_));
                    escapes || strength(element) >= least
                })
        })
    };
    let every = case
        .identity
        .iter()
        .chain(&case.boundary)
        .chain(&case.session)
        .chain(&case.scps)
        .chain(&case.resource);
    if every.into_iter().any(|policy| says(policy, Effect::Deny, 1)) {
        return Verdict::ExplicitDeny;
    }
    let allows = |policy: &Policy| says(policy, Effect::Allow, 1);
    let identity = case.identity.iter().any(allows);
    let limits = case.boundary.iter().all(allows) && case.session.iter().all(allows);
    let by_resource = |least| case.resource.as_ref().is_some_and(|policy| says(policy, Effect::Allow, least));
    let granted = if case.account == ACCOUNT {
        by_resource(3) || (by_resource(2) && limits) || (identity && limits)
    } else {
        by_resource(1) && identity && limits
    };
    if granted && case.scps.iter().all(allows) { Verdict::Allowed } else { Verdict::ImplicitDeny }
}

fn fast(case: &Case, context: Context) -> Verdict {
    let request = Request {
        principal: Principal::from_arn(SESSION).unwrap(),
        action: case.action.to_owned(),
        resource: RequestResource::Arn(case.arn.to_owned()),
        resource_account: Some(case.account.to_owned()),
        context,
    };
    let layers = Layers {
        identity: Layer::of(&case.identity),
        boundary: case.boundary.as_ref().map(|policy| Layer::of([policy])),
        session: case.session.as_ref().map(|policy| Layer::of([policy])),
        scps: case.scps.iter().map(|policy| Layer::of([policy])).collect(),
        rcps: Vec::new(),
        vpc_endpoint: None,
        resource: case.resource.as_ref().map(|policy| Layer::of([policy])),
    };
    decide(&request, &layers).verdict
}

fn known(world: &World) -> Context {
    let mut context = Context::closed();
    if let Some(value) = &world.one {
        context.set(KEYS[0], ContextValue::One(value.clone()));
    }
    if let Some(values) = &world.many {
        context.set(KEYS[1], ContextValue::Many(values.clone()));
    }
    context
}

fn any_world() -> impl Strategy<Value = World> {
    let value = || prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("ab".to_owned())];
    (proptest::option::of(value()), proptest::option::of(proptest::collection::vec(value(), 1..3)))
        .prop_map(|(one, many)| World { one, many })
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let values = proptest::collection::vec(proptest::sample::select(vec!["a", "b", "a*", "?b", "*"]), 1..3);
    let scalar = proptest::sample::select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringNotLike",
        "StringEqualsIfExists",
        "StringNotLikeIfExists",
    ]);
    let set = proptest::sample::select(vec![
        "ForAllValues:StringEquals",
        "ForAllValues:StringNotLike",
        "ForAnyValue:StringLike",
        "ForAnyValue:StringNotEquals",
        "ForAnyValue:StringEqualsIfExists",
    ]);
    let texts = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect();
    prop_oneof![
        (scalar, values.clone()).prop_map(move |(operator, values)| Condition {
            operator: operator.to_owned(),
            key: KEYS[0].to_owned(),
            values: texts(values),
        }),
        (set, values).prop_map(move |(operator, values)| Condition {
            operator: operator.to_owned(),
            key: KEYS[1].to_owned(),
            values: texts(values),
        }),
        (proptest::sample::select(KEYS.to_vec()), any::<bool>()).prop_map(|(key, value)| Condition {
            operator: "Null".to_owned(),
            key: key.to_owned(),
            values: vec![value.to_string()],
        }),
    ]
}

fn any_policy(with_principal: bool) -> impl Strategy<Value = Policy> {
    let actions = proptest::collection::vec(
        proptest::sample::select(vec!["*", "s3:*", "S3:get*", "s3:PutObject", "s3:?etObject", "ec2:*"]),
        1..3,
    );
    let resources = proptest::collection::vec(
        proptest::sample::select(vec![
            "*",
            "arn:aws:s3:::b/*",
            "arn:aws:s3:::b/a",
            "arn:aws:s3:::b/${aws:k}",
            "arn:*:s3:*:*:b/?",
            "arn:aws:s3:::c",
        ]),
        1..3,
    );
    let principals = proptest::collection::vec(
        proptest::sample::select(vec!["*", SESSION, ROLE, ACCOUNT, OTHER, "arn:aws:iam::111122223333:root"]),
        1..3,
    );
    let statement = (
        proptest::bool::weighted(0.75),
        (proptest::bool::weighted(0.8), actions),
        (proptest::bool::weighted(0.8), resources),
        (proptest::bool::weighted(0.8), principals),
        proptest::collection::vec(any_condition(), 0..3),
    )
        .prop_map(move |(allow, actions, resources, principals, conditions)| {
            let texts = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let pattern = |text: &str| match text {
                "*" => PrincipalPattern::Everyone { written_as_aws: true },
                text => PrincipalPattern::Aws(text.to_owned()),
            };
            let named: Vec<_> = principals.1.iter().map(|text| pattern(text)).collect();
            let principal =
                if principals.0 { PrincipalElement::Only(named) } else { PrincipalElement::Except(named) };
            Statement {
                sid: None,
                effect: if allow { Effect::Allow } else { Effect::Deny },
                principal: with_principal.then_some(principal),
                action: match actions {
                    (true, list) => ActionElement::Only(texts(list)),
                    (false, list) => ActionElement::Except(texts(list)),
                },
                resource: Some(match resources {
                    (true, list) => ResourceElement::Only(texts(list)),
                    (false, list) => ResourceElement::Except(texts(list)),
                }),
                conditions,
                has_unknown: false,
            }
        });
    proptest::collection::vec(statement, 1..3).prop_map(|statements| Policy {
        version: Version::V2012,
        version_written: true,
        id: None,
        statements,
        unknown: Vec::new(),
        lints: Vec::new(),
    })
}

fn any_case() -> impl Strategy<Value = Case> {
    (
        proptest::collection::vec(any_policy(false), 0..3),
        proptest::option::of(any_policy(false)),
        proptest::option::of(any_policy(false)),
        proptest::collection::vec(any_policy(false), 0..2),
        proptest::option::of(any_policy(true)),
        proptest::sample::select(vec!["s3:GetObject", "s3:PutObject", "ec2:Run"]),
        proptest::sample::select(vec!["arn:aws:s3:::b/a", "arn:aws:s3:::b/ab", "arn:aws:s3:::c"]),
        proptest::sample::select(vec![ACCOUNT, OTHER]),
    )
        .prop_map(|(identity, boundary, session, scps, resource, action, arn, account)| Case {
            identity,
            boundary,
            session,
            scps,
            resource,
            action,
            arn,
            account,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn known_requests_are_decided_as_the_page_says(case in any_case(), world in any_world()) {
        prop_assert_eq!(fast(&case, known(&world)), obvious(&case, &world), "{:?}", world);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_unknown_never_turns_into_a_claim(case in any_case(), worlds in proptest::collection::vec(any_world(), 12)) {
        // Nothing is told of the context: a sure verdict must hold in every world.
        let claimed = fast(&case, Context::open());
        for world in &worlds {
            let found = obvious(&case, world);
            match claimed {
                Verdict::Unknown => {}
                // An explicit deny that depends on the context may stand beside an implicit one that does not.
                Verdict::ImplicitDeny => prop_assert_ne!(found, Verdict::Allowed, "{:?}", world),
                claimed => prop_assert_eq!(claimed, found, "{:?}", world),
            }
        }
    }

    #[test]
    fn an_allow_never_takes_away_and_a_deny_never_gives(case in any_case(), extra in any_policy(false), world in any_world()) {
        let before = fast(&case, known(&world));
        let with = |keep: Effect| {
            let mut case = case.clone();
            let mut extra = extra.clone();
            extra.statements.retain(|statement| statement.effect == keep);
            case.identity.push(extra);
            fast(&case, known(&world))
        };
        prop_assert!(before != Verdict::Allowed || with(Effect::Allow) == Verdict::Allowed);
        prop_assert!(before == Verdict::Allowed || with(Effect::Deny) != Verdict::Allowed);
    }
}
