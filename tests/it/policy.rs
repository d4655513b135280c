//! The policy language: reading, writing and refusing documents.

mod accessors;
mod peers;
mod suites;

use leastwise::policy::{
    ActionElement, Condition, Effect, Policy, PolicyError, PolicyKind, PrincipalElement, PrincipalPattern,
    ResourceElement, Statement, Version, parse, parse_value, refusals, render, size,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{json_lines, policy_cases};

fn identity(text: &str) -> Policy {
    parse(text, PolicyKind::Identity).unwrap()
}

fn refusal(text: &str) -> String {
    parse(text, PolicyKind::Identity).unwrap_err().to_string()
}

#[test]
fn one_value_needs_no_brackets_and_scalars_need_no_quotes() {
    let policy = identity(
        r#"{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*","Condition":
           {"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"s3:max-keys":[10, 1.50, "7"]}}}}"#,
    );
    let statement = &policy.statements[0];
    assert_eq!(statement.action, ActionElement::Only(vec!["s3:Get*".to_owned()]));
    assert_eq!(statement.conditions[0].values, ["true"]);
    assert_eq!(statement.conditions[1].values, ["10", "1.5", "7"]);
    assert_eq!((policy.version, policy.version_written), (Version::V2008, false));
    assert!(policy.lints.is_empty() && policy.unknown.is_empty());
}

#[test]
fn percent_encoded_documents_are_decoded_once() {
    let plain = identity(r#"{"Statement":[{"Effect":"Deny","Action":"a:b%25","Resource":"é"}]}"#);
    let encoded = "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Deny%22%2C%22Action%22%3A%22a%3Ab%2525%22%2C%22Resource%22%3A%22%C3%A9%22%7D%5D%7D";
    assert_eq!(identity(encoded), plain);
    assert_eq!(parse_value(&json!(encoded), PolicyKind::Identity).unwrap(), plain);
    assert_eq!(refusal("%7B%2"), "percent-encoding does not decode to text (byte 3)");
    assert_eq!(parse("%7B%FF", PolicyKind::Identity), Err(PolicyError::Encoding { offset: 1 }));
}

#[test]
fn repeated_elements_mean_what_iam_makes_of_them() {
    let policy = identity(
        r#"{"Statement":[{"Effect":"Deny","Effect":"Allow","Action":"a:B","Action":["a:C"],"Resource":"x","Resource":"y"}]}"#,
    );
    let statement = &policy.statements[0];
    assert_eq!(statement.effect, Effect::Allow);
    assert_eq!(statement.action, ActionElement::Only(vec!["a:B".to_owned(), "a:C".to_owned()]));
    assert_eq!(statement.resource, Some(ResourceElement::Only(vec!["x".to_owned(), "y".to_owned()])));
    assert_eq!(policy.lints.len(), 3, "{:?}", policy.lints);
    assert!(!statement.has_unknown);
}

#[test]
fn what_has_no_documented_meaning_is_marked() {
    for (text, pointer) in [
        (
            r#"{"Statement":{"Effect":"Allow","Action":"a:B","Resource":"*","Condtion":{}}}"#,
            "/Statement/Condtion",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"a:B","Resource":"*","Condition":{"StringEquals":{"k":"1","k":"2"}}}}"#,
            "/Statement/Condition/StringEquals/k",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"a:B","Resource":"*","Condition":{},"Condition":{}}}"#,
            "/Statement/Condition",
        ),
    ] {
        let policy = identity(text);
        assert_eq!(policy.unknown, [pointer], "{text}");
        assert!(policy.statements[0].has_unknown, "{text}");
    }
    let policy = identity(r#"{"Comment/~":"x","Statement":[]}"#);
    assert_eq!(policy.unknown, ["/Comment~1~0"]);
}

#[test]
fn case_of_element_names_is_a_lint() {
    let policy =
        identity(r#"{"version":"2012-10-17","statement":[{"effect":"Allow","ACTION":"*","resource":"*"}]}"#);
    assert_eq!(policy.version, Version::V2012);
    assert_eq!(policy.lints.len(), 5, "{:?}", policy.lints);
    assert_eq!(policy.lints[0], "/version: the element is spelled `Version`");
}

#[test]
fn errors_name_the_place_and_what_was_expected() {
    for (text, message) in [
        ("{", "not valid JSON at line 1, column 1: EOF while parsing an object"),
        ("[]", "at ``: expected a policy object, found a list of 0"),
        ("{}", "at ``: `Statement` is missing"),
        (r#"{"Statement":7}"#, "at `/Statement`: expected a statement or a list of statements, found `7`"),
        (r#"{"Statement":[{"Effect":"Allow"}]}"#, "at `/Statement/0`: `Action` is missing"),
        (
            r#"{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}"#,
            "at `/Statement/0/Effect`: expected `Allow` or `Deny`, found `allow`",
        ),
        (
            r#"{"Statement":[{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}]}"#,
            "at `/Statement/0`: `Action` and `NotAction` exclude each other",
        ),
        (
            r#"{"Statement":[{"Effect":"Allow","Action":["*",{}],"Resource":"*"}]}"#,
            "at `/Statement/0/Action/1`: expected a string or a list of strings, found an object of 0",
        ),
        (r#"{"Statement":[{"Effect":"Allow","Action":"*"}]}"#, "at `/Statement/0`: `Resource` is missing"),
        (
            r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
            "at `/Statement/0`: `Principal` cannot stand in this kind of policy (identity-based policy)",
        ),
        (
            r#"{"Version":"2012-10-18","Statement":[]}"#,
            "at `/Version`: expected `2012-10-17` or `2008-10-17`, found `2012-10-18`",
        ),
        (
            r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":"x"}}]}"#,
            "at `/Statement/0/Condition/StringEquals`: expected an object of condition keys, found `x`",
        ),
    ] {
        assert_eq!(refusal(text), message);
    }
    let deep = "[".repeat(100_000);
    assert!(refusal(&deep).contains("recursion limit"), "{}", refusal(&deep));
    assert!(matches!(parse(&"x".repeat(2 << 20), PolicyKind::Identity), Err(PolicyError::TooLarge { .. })));
}

#[test]
fn principals_keep_how_they_were_written() {
    let trust = |text: &str| {
        let text =
            format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{text},"Action":"sts:AssumeRole"}}}}"#);
        parse(&text, PolicyKind::Trust).unwrap().statements.remove(0).principal.unwrap()
    };
    assert_eq!(
        trust(r#""*""#),
        PrincipalElement::Only(vec![PrincipalPattern::Everyone { written_as_aws: false }])
    );
    assert_eq!(
        trust(r#"{"AWS":["*","1"],"Service":"ec2.amazonaws.com"}"#),
        PrincipalElement::Only(vec![
            PrincipalPattern::Everyone { written_as_aws: true },
            PrincipalPattern::Aws("1".to_owned()),
            PrincipalPattern::Service("ec2.amazonaws.com".to_owned()),
        ])
    );
}

#[test]
fn size_counts_no_white_space_outside_strings() {
    let policy = identity(
        "{\n  \"Version\" : \"2012-10-17\",\n \"Statement\": [ {\"Effect\":\"Allow\",\"Action\":[\"s3:Get Object\"],\"Resource\":\"é\"} ] }",
    );
    let compact = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get Object","Resource":"é"}]}"#;
    assert_eq!(render(&policy).to_string(), compact);
    assert_eq!(size(&policy), compact.chars().count());
}

#[test]
fn every_aws_managed_policy_comes_back_with_the_same_meaning() {
    let Some(cases) = policy_cases() else { return };
    let (mut n_policies, mut n_statements) = (0, 0);
    for case in json_lines(&cases.join("aws-managed/managed_policies.jsonl")) {
        let name = case["name"].as_str().unwrap();
        let policy = parse_value(&case["document"], PolicyKind::Identity)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(policy.unknown.is_empty(), "{name}: {:?}", policy.unknown);
        let rendered = render(&policy);
        let again = parse_value(&rendered, PolicyKind::Identity).unwrap();
        assert_eq!(again.statements, policy.statements, "{name}");
        assert_eq!(
            (again.version, again.version_written),
            (policy.version, policy.version_written),
            "{name}"
        );
        assert_eq!(loosened(&rendered), loosened(&case["document"]), "{name}");
        assert_eq!(refusals(&policy, PolicyKind::Identity), Vec::<String>::new(), "{name}");
        n_policies += 1;
        n_statements += policy.statements.len();
    }
    eprintln!(
        "aws-managed/managed_policies: {n_policies} of {n_policies} come back, {n_statements} statements"
    );
    assert_eq!((n_policies, n_statements), (1644, 9031));
}

/// A document without the freedom the grammar gives: every list of one as the plain value, every scalar as text.
///
/// Written apart from the library, so that a value lost by reading *and* writing shows. Keys go by name, for which the elements' order
/// does not matter.
fn loosened(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => loosened(&items[0]),
        Value::Array(items) => items.iter().map(loosened).collect(),
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), loosened(value))).collect(),
        Value::Bool(value) => value.to_string().into(),
        Value::Number(number) => number.to_string().into(),
        other => other.clone(),
    }
}

/// Any JSON, with the language's own words over-represented so that the reader gets past the first check.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("Allow".to_owned()),
        Just("2012-10-17".to_owned()),
        Just("*".to_owned()),
        Just("${aws:username".to_owned()),
        Just("%7B%".to_owned()),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        word.prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("Version".to_owned()),
        Just("Statement".to_owned()),
        Just("Effect".to_owned()),
        Just("Action".to_owned()),
        Just("Resource".to_owned()),
        Just("Principal".to_owned()),
        Just("Condition".to_owned()),
        Just("AWS".to_owned()),
        Just("StringEquals".to_owned()),
        ".{0,6}",
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[a-zA-Z:*?${}é\" ]{0,10}", 0..4)
}

fn any_statement() -> impl Strategy<Value = Statement> {
    let condition = ("[a-zA-Z:]{1,6}", "[a-z:]{1,3}", texts())
        .prop_map(|(operator, key, values)| Condition { operator, key, values });
    let conditions = proptest::collection::vec(condition, 0..3).prop_map(|mut conditions| {
        // JSON groups by operator and has one member per key.
        conditions.sort_by(|a, b| (&a.operator, &a.key).cmp(&(&b.operator, &b.key)));
        conditions.dedup_by(|a, b| (&a.operator, &a.key) == (&b.operator, &b.key));
        conditions
    });
    (
        proptest::option::of("[a-z]{0,3}"),
        any::<bool>(),
        any::<bool>(),
        texts(),
        any::<bool>(),
        texts(),
        conditions,
    )
        .prop_map(|(sid, allow, only_a, actions, only_r, resources, conditions)| Statement {
            sid,
            effect: if allow { Effect::Allow } else { Effect::Deny },
            principal: None,
            action: if only_a { ActionElement::Only(actions) } else { ActionElement::Except(actions) },
            resource: Some(if only_r {
                ResourceElement::Only(resources)
            } else {
                ResourceElement::Except(resources)
            }),
            conditions,
            has_unknown: false,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_makes_the_reader_panic(value in any_json(), text in ".{0,60}") {
        for kind in [PolicyKind::Identity, PolicyKind::Trust, PolicyKind::Rcp] {
            let from_value = parse_value(&value, kind);
            // A text may itself be a percent-encoded document; anything else reads the same both ways.
            if !value.is_string() {
                prop_assert_eq!(&parse(&value.to_string(), kind), &from_value);
            }
            let _ = parse(&text, kind);
            if let Ok(policy) = from_value {
                prop_assert_eq!(&parse_value(&render(&policy), kind).unwrap().statements.len(), &policy.statements.len());
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back(
        statements in proptest::collection::vec(any_statement(), 0..4),
        written in any::<bool>(),
    ) {
        let policy = Policy {
            version: if written { Version::V2012 } else { Version::V2008 },
            version_written: written,
            id: None,
            statements,
            unknown: Vec::new(),
            lints: Vec::new(),
        };
        let rendered = render(&policy);
        let again = parse(&rendered.to_string(), PolicyKind::Identity).unwrap();
        prop_assert_eq!(&again.statements, &policy.statements);
        prop_assert_eq!(size(&policy), rendered.to_string().chars().count());
    }
}
