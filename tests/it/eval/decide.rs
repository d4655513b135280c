//! Decisions with their reasons, and what stays unknown.

use leastwise::eval::Verdict::{self, Allowed, ExplicitDeny, ImplicitDeny, Unknown};
use leastwise::eval::{
    Context, Decision, Layer, Layers, Principal, Request, RequestResource, StatementRef, decide,
};
use leastwise::policy::{Policy, PolicyKind, parse, parse_value};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

fn policy(kind: PolicyKind, statements: Value) -> Policy {
    parse_value(&json!({"Version": "2012-10-17", "Statement": statements}), kind).unwrap()
}

fn allow(action: &str) -> Policy {
    policy(PolicyKind::Identity, json!({"Effect": "Allow", "Action": action, "Resource": "*"}))
}

fn request(action: &str, resource: RequestResource) -> Request {
    Request {
        principal: Principal::from_arn(ROLE).unwrap(),
        action: action.to_owned(),
        resource,
        resource_account: Some("111122223333".to_owned()),
        context: Context::open(),
    }
}

fn object() -> RequestResource {
    RequestResource::Arn("arn:aws:s3:::b/k".to_owned())
}

#[test]
fn a_decision_names_the_statements_behind_it() {
    let own = policy(
        PolicyKind::Identity,
        json!([
            {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"},
            {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"},
        ]),
    );
    let deny = policy(PolicyKind::Scp, json!({"Effect": "Deny", "Action": "s3:Put*", "Resource": "*"}));
    let all = allow("*");
    let layers = Layers {
        identity: Layer::of([&all, &own]),
        scps: vec![Layer::of([&all]), Layer::of([&all, &deny])],
        ..Layers::default()
    };
    let place = |layer, level, policy, statement| StatementRef { layer, level, policy, statement };
    assert_eq!(
        decide(&request("s3:PutObject", object()), &layers),
        Decision {
            verdict: ExplicitDeny,
            layer: Some(PolicyKind::Scp),
            statements: vec![place(PolicyKind::Scp, 1, 1, 0)]
        }
    );
    assert_eq!(
        decide(&request("s3:GetObject", object()), &layers).statements,
        [
            place(PolicyKind::Scp, 0, 0, 0),
            place(PolicyKind::Scp, 1, 0, 0),
            place(PolicyKind::Identity, 0, 0, 0),
            place(PolicyKind::Identity, 0, 1, 1),
        ]
    );
}

#[test]
fn an_implicit_deny_names_the_layer_that_lacks_an_allow() {
    let (all, some) = (allow("*"), allow("ec2:*"));
    let only = |layers: Layers<'_>| {
        let decision = decide(&request("s3:GetObject", object()), &layers);
        assert_eq!(decision.verdict, ImplicitDeny);
        decision.layer.unwrap()
    };
    let identity = Layer::of([&all]);
    assert_eq!(only(Layers::default()), PolicyKind::Identity);
    let scps = vec![Layer::of([&all]), Layer::of([&some])];
    assert_eq!(only(Layers { identity: identity.clone(), scps, ..Layers::default() }), PolicyKind::Scp);
    let boundary = Some(Layer::of([&some]));
    assert_eq!(
        only(Layers { identity: identity.clone(), boundary, ..Layers::default() }),
        PolicyKind::Boundary
    );
    let session = Some(Layer::of([&some]));
    assert_eq!(only(Layers { identity, session, ..Layers::default() }), PolicyKind::Session);
}

#[test]
fn what_is_missing_is_not_guessed() {
    let all = allow("*");
    let verdict = |layers: &Layers<'_>, resource| decide(&request("s3:GetObject", resource), layers).verdict;
    // A policy of which only the name is known may allow and may deny.
    let known_and_unknown =
        Layers { identity: Layer { policies: vec![&all], incomplete: true }, ..Layers::default() };
    assert_eq!(verdict(&known_and_unknown, object()), Unknown);
    let guarded = Layers { identity: Layer::of([&all]), scps: vec![Layer::unknown()], ..Layers::default() };
    assert_eq!(verdict(&guarded, object()), Unknown);
    // An allow of everything does not depend on which resource it is; one of a bucket does.
    let bucket = policy(
        PolicyKind::Identity,
        json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}),
    );
    let of = |policy| Layers { identity: Layer::of([policy]), ..Layers::default() };
    assert_eq!(verdict(&of(&all), RequestResource::Unknown), Allowed);
    assert_eq!(verdict(&of(&bucket), RequestResource::Unknown), Unknown);
    let pattern = |text: &str| RequestResource::Pattern(text.to_owned());
    assert_eq!(verdict(&of(&bucket), pattern("arn:aws:s3:::b/logs/*")), Allowed);
    assert_eq!(verdict(&of(&bucket), pattern("arn:aws:s3:::*/logs/x")), Unknown);
    assert_eq!(verdict(&of(&bucket), pattern("arn:aws:s3:::c/*")), ImplicitDeny);
}

#[test]
fn what_iam_does_not_define_makes_no_claim() {
    for statement in [
        json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringSounds": {"k": "v"}}}),
        json!({"Effect": "Allow", "Action": "*", "Resource": "*", "When": "later"}),
    ] {
        let own = policy(PolicyKind::Identity, statement);
        let layers = Layers { identity: Layer::of([&own]), ..Layers::default() };
        assert_eq!(decide(&request("s3:GetObject", object()), &layers).verdict, Unknown);
    }
}

fn assume(target: &str, principal: &str, identity: bool) -> Verdict {
    let trust = policy(
        PolicyKind::Trust,
        json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}),
    );
    let own = allow("sts:AssumeRole");
    let layers = Layers {
        identity: if identity { Layer::of([&own]) } else { Layer::default() },
        resource: Some(Layer::of([&trust])),
        ..Layers::default()
    };
    decide(&request("sts:AssumeRole", RequestResource::Arn(target.to_owned())), &layers).verdict
}

#[test]
fn a_trust_policy_must_allow_even_at_home() {
    let other = "arn:aws:iam::111122223333:role/other";
    assert_eq!(assume(other, "111122223333", true), Allowed);
    assert_eq!(assume(other, "111122223333", false), ImplicitDeny);
    assert_eq!(assume(other, ROLE, false), Allowed);
    assert_eq!(assume(other, "arn:aws:iam::111122223333:role/third", true), ImplicitDeny);
    // A role assumes itself only when it is named, not through its account.
    assert_eq!(assume(ROLE, "111122223333", true), ImplicitDeny);
    assert_eq!(assume(ROLE, ROLE, true), Allowed);
}

#[test]
fn hostile_documents_are_decided() {
    let pattern = "*a".repeat(2_000);
    let text = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "s3:*", "Resource": [format!("arn:aws:s3:::{pattern}"), "${".repeat(3_000)],
        "Condition": {"StringLike": {"aws:k": [pattern, "${aws:k}".repeat(500)]},
                      "NumericLessThan": {"aws:n": "9".repeat(5_000)}, "DateEquals": {"aws:d": "-".repeat(99)}},
    }]});
    let own = parse(&text.to_string(), PolicyKind::Identity).unwrap();
    let layers = Layers { identity: Layer::of([&own]), ..Layers::default() };
    let mut request =
        request("s3:GetObject", RequestResource::Arn(format!("arn:aws:s3:::{}", "a".repeat(1_000))));
    let long = "a".repeat(1_000);
    request.context = Context::closed().with("aws:k", &long).with("aws:n", "1").with("aws:d", "2026-01-01");
    assert_eq!(decide(&request, &layers).verdict, ImplicitDeny);
}
