//! Whom trust policies admit.

use leastwise::eval::Principal;
use leastwise::eval::Truth::{self, False, True, Unknown};
use leastwise::eval::trust::{Caller, admits, exact_subjects};
use leastwise::policy::{Policy, PolicyKind, parse_value};
use serde_json::{Value, json};

const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC";
const KEY: &str = "oidc.eks.eu-west-1.amazonaws.com/id/ABC";
const OTHER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/XYZ";

fn trust(statement: Value) -> Policy {
    parse_value(&json!({"Version": "2012-10-17", "Statement": statement}), PolicyKind::Trust).unwrap()
}

fn web(conditions: Value) -> Policy {
    trust(json!({
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": conditions,
    }))
}

fn pod(subject: &str) -> Caller {
    Caller::WebIdentity {
        provider: PROVIDER.to_owned(),
        subject: subject.to_owned(),
        audience: Some("sts.amazonaws.com".to_owned()),
    }
}

#[test]
fn web_identities_are_admitted_by_provider_and_claims() {
    let sub = format!("{KEY}:sub");
    let cases: &[(Value, Truth)] = &[
        (
            json!({"StringEquals": {sub.clone(): "system:serviceaccount:shop:api", format!("{KEY}:aud"): "sts.amazonaws.com"}}),
            True,
        ),
        (json!({"StringEquals": {sub.clone(): "system:serviceaccount:shop:web"}}), False),
        (json!({"StringLike": {sub.clone(): "system:serviceaccount:shop:*"}}), True),
        (json!({"StringEquals": {sub.clone(): "system:serviceaccount:shop:*"}}), False),
        (json!({}), True),
        (json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}}), Unknown),
        // A claim of another provider is never in the token.
        (json!({"StringEquals": {format!("{OTHER}:sub"): "system:serviceaccount:shop:api"}}), False),
        (json!({"StringEqualsIfExists": {format!("{OTHER}:sub"): "nobody"}}), True),
    ];
    for (conditions, expected) in cases {
        assert_eq!(
            admits(&web(conditions.clone()), &pod("system:serviceaccount:shop:api")),
            *expected,
            "{conditions}"
        );
    }
    let stranger = Caller::WebIdentity {
        provider: PROVIDER.replace("ABC", "XYZ"),
        subject: "system:serviceaccount:shop:api".to_owned(),
        audience: None,
    };
    assert_eq!(admits(&web(json!({})), &stranger), False);
}

#[test]
fn other_callers_are_admitted_by_name() {
    let role = |text: &str| Caller::Aws(Principal::from_arn(text).unwrap());
    let session = "arn:aws:sts::111122223333:assumed-role/Deploy/run-1";
    for (principal, caller, expected) in [
        (json!({"Service": "ec2.amazonaws.com"}), Caller::Service("ec2.amazonaws.com".to_owned()), True),
        (json!({"Service": "ec2.amazonaws.com"}), Caller::Service("ecs.amazonaws.com".to_owned()), False),
        (json!({"AWS": "111122223333"}), role(session), True),
        (json!({"AWS": "arn:aws:iam::111122223333:role/ci/Deploy"}), role(session), True),
        (json!({"AWS": "arn:aws:iam::444455556666:role/ci/Deploy"}), role(session), False),
        (json!({"AWS": session}), role("arn:aws:iam::111122223333:role/ci/Deploy"), Unknown),
        (json!({"AWS": "AROAEXAMPLEID"}), role(session), False),
        (json!("*"), role(session), True),
    ] {
        let policy = trust(
            json!([{"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole", "sts:TagSession"]}]),
        );
        assert_eq!(admits(&policy, &caller), expected, "{principal} {caller:?}");
    }
    let saml = "arn:aws:iam::111122223333:saml-provider/Corp";
    let policy = trust(json!({
        "Effect": "Allow", "Principal": {"Federated": saml}, "Action": "sts:AssumeRoleWithSAML",
        "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
    }));
    let caller = |audience: Option<&str>| Caller::Saml {
        provider: saml.to_owned(),
        audience: audience.map(str::to_owned),
    };
    assert_eq!(admits(&policy, &caller(Some("https://signin.aws.amazon.com/saml"))), True);
    assert_eq!(admits(&policy, &caller(Some("https://example.com"))), False);
    assert_eq!(admits(&policy, &caller(None)), Unknown);
}

#[test]
fn a_deny_in_the_trust_policy_wins() {
    let policy = trust(json!([
        {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:*"},
        {"Effect": "Deny", "Principal": "*", "Action": "sts:*",
         "Condition": {"StringLike": {format!("{KEY}:sub"): "system:serviceaccount:test:*"}}},
    ]));
    assert_eq!(admits(&policy, &pod("system:serviceaccount:test:x")), False);
    assert_eq!(admits(&policy, &pod("system:serviceaccount:shop:x")), True);
}

#[test]
fn subjects_are_listed_when_the_trust_lists_them() {
    let sub = format!("{KEY}:sub");
    let aud = format!("{KEY}:aud");
    let (a, b) = ("system:serviceaccount:shop:a", "system:serviceaccount:shop:b");
    let cases: &[(Value, Option<&[&str]>)] = &[
        (json!({"StringEquals": {sub.clone(): a, aud.clone(): "sts.amazonaws.com"}}), Some(&[a])),
        (json!({"StringLike": {sub.clone(): [a, b]}}), Some(&[a, b])),
        (
            json!({"StringEquals": {sub.clone(): [a, b]}, "StringLike": {sub.to_uppercase(): "*:b"}}),
            Some(&[b]),
        ),
        (json!({"StringLike": {sub.clone(): "system:serviceaccount:shop:*"}}), None),
        (json!({"StringEqualsIfExists": {sub.clone(): a}}), None),
        (json!({"ForAllValues:StringEquals": {sub.clone(): a}}), None),
        (json!({"ForAnyValue:StringEquals": {sub.clone(): a}}), Some(&[a])),
        (json!({"StringEquals": {sub.clone(): "${aws:username}"}}), None),
        (json!({"StringEquals": {aud.clone(): "sts.amazonaws.com"}}), None),
        (json!({"StringEquals": {format!("{OTHER}:sub"): a}}), Some(&[])),
    ];
    for (conditions, expected) in cases {
        for provider in [PROVIDER, KEY] {
            let found = exact_subjects(&web(conditions.clone()), provider);
            let subjects = found.map(|found| found.subjects.into_iter().collect::<Vec<_>>());
            let expected = expected.map(|all| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            assert_eq!(subjects, expected, "{conditions} {provider}");
        }
    }
    let audiences = exact_subjects(&web(cases[0].0.clone()), PROVIDER).unwrap().audiences.unwrap();
    assert_eq!(audiences.into_iter().collect::<Vec<_>>(), ["sts.amazonaws.com"]);
    assert_eq!(exact_subjects(&web(cases[1].0.clone()), PROVIDER).unwrap().audiences, None);
    // Nobody of a provider that the trust does not name.
    let other = exact_subjects(&web(json!({})), &PROVIDER.replace("ABC", "XYZ")).unwrap();
    assert!(other.subjects.is_empty());
}

#[test]
fn one_open_statement_opens_the_list() {
    let policy = trust(json!([
        {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity",
         "Condition": {"StringEquals": {format!("{KEY}:sub"): "system:serviceaccount:shop:a"}}},
        {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity"},
    ]));
    assert_eq!(exact_subjects(&policy, PROVIDER), None);
}
