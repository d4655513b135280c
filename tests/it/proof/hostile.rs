//! Policies made to be expensive: every question ends within its budget, with an answer or with a reason.

use std::time::Instant;

use leastwise::policy::PolicyKind;
use leastwise::proof::{
    Effective, GrantLayer, LayeredGrant, Observed, ObservedResource, Replay, Settings, Verdict, no_new_access,
};
use serde_json::{Value, json};

use super::policy;

fn allow(resources: Value) -> Value {
    json!({"Effect": "Allow", "Action": "s3:*", "Resource": resources})
}

fn document(statements: Vec<Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// `arn:aws:s3:::*a*b*c…`, letters chosen by `seed`.
fn entangled(stars: usize, seed: usize) -> String {
    let letters =
        (0..stars).map(|n| format!("*{}", (b'a' + ((n * 7 + seed * 3 + n * n * seed) % 4) as u8) as char));
    format!("arn:aws:s3:::{}*", letters.collect::<String>())
}

#[test]
fn entangled_wildcards_and_hundreds_of_denies_end_within_the_budget() {
    let many = |stars: usize, n: usize, from: usize| -> Value {
        (from..from + n).map(|seed| entangled(stars, seed)).collect()
    };
    let denies = |n: usize| -> Vec<Value> {
        (0..n)
            .map(|seed| {
                json!({"Effect": "Deny", "Action": [format!("s3:*{}*", (b'a' + (seed % 26) as u8) as char)],
                    "Resource": [entangled(3, seed), entangled(2, seed + 1)],
                    "Condition": {"StringLike": {format!("aws:PrincipalTag/k{}", seed % 9): format!("*{seed}*")}}})
            })
            .collect()
    };
    let with_denies = |n: usize| {
        let mut statements = vec![json!({"Effect": "Allow", "Action": "*", "Resource": "*"})];
        statements.extend(denies(n));
        document(statements)
    };
    let reversed = |n: usize| {
        let mut statements = denies(n);
        statements.reverse();
        statements.push(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
        document(statements)
    };
    let cases = [
        (
            "one long pattern against another",
            document(vec![allow(many(40, 1, 1))]),
            document(vec![allow(many(40, 1, 2))]),
        ),
        (
            "many patterns against many",
            document(vec![allow(many(12, 40, 0))]),
            document(vec![allow(many(12, 40, 40))]),
        ),
        (
            "many excluded patterns",
            document(vec![json!({"Effect": "Allow", "Action": "s3:*", "NotResource": many(8, 60, 0)})]),
            document(vec![json!({"Effect": "Allow", "Action": "s3:*", "NotResource": many(8, 60, 60)})]),
        ),
        ("a hundred denies against fewer", with_denies(100), with_denies(50)),
        ("hundreds of denies in another order", with_denies(300), reversed(300)),
        (
            "one pattern of 300 stars",
            document(vec![allow(json!([entangled(300, 1)]))]),
            document(vec![allow(json!([entangled(299, 3)]))]),
        ),
        (
            "hundreds of variables",
            document(vec![allow(
                (0..300).map(|n| json!(format!("arn:aws:s3:::${{aws:PrincipalTag/k{n}}}/*"))).collect(),
            )]),
            document(vec![allow(
                (0..300).map(|n| json!(format!("arn:aws:s3:::${{aws:PrincipalTag/k{n}}}*"))).collect(),
            )]),
        ),
    ];
    for (name, old, new) in cases {
        let (old, new) = (policy(&old, PolicyKind::Identity), policy(&new, PolicyKind::Identity));
        let start = Instant::now();
        let proof = no_new_access(&[&old], &[&new], &Settings::identity_layer());
        eprintln!("{name}: {:?} in {:?} {:?}", proof.verdict, start.elapsed(), proof.reasons);
        match proof.verdict {
            Verdict::Proven => {}
            Verdict::Refuted => {
                assert!(super::random::is_counterexample(&proof.witness.unwrap(), &old, &new), "{name}")
            }
            Verdict::Unknown => assert!(!proof.reasons.is_empty(), "{name}"),
        }
        let observed = Observed {
            action: "s3:GetObject".parse().unwrap(),
            resource: ObservedResource::Pattern("arn:aws:s3:::*a*b*".to_owned()),
            context: Vec::new(),
        };
        let start = Instant::now();
        let retained = Replay::new(&[&old], &[&new], Settings::default().budget).retained(&observed);
        let layer = GrantLayer { policies: vec![&new], ..GrantLayer::default() };
        let mut grant = LayeredGrant::new(&[layer], &[], Settings::default().budget);
        let effective = grant.action(&observed.action).effective;
        eprintln!("  replay {:?}, {effective:?} in {:?}", std::mem::discriminant(&retained), start.elapsed());
        assert_ne!(effective, Effective::NotGranted, "{name}");
    }
}
