//! Policies made to be expensive: every question ends within its budget, with an answer or with a reason.

use std::time::Instant;

use leastwise::policy::PolicyKind;
use leastwise::proof::{
    Budget, Effective, GrantLayer, LayeredGrant, Observed, ObservedResource, Replay, Retained, Settings,
    Verdict, no_new_access,
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

/// Old and new sets whose comparison grows faster than they do.
fn growing(n: usize) -> Vec<(&'static str, Value, Value)> {
    let wide = || json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let excluding = |effect: &str| -> Vec<Value> {
        (0..n)
            .map(|at| {
                json!({"Effect": effect, "NotAction": format!("s3:G*{at}*"),
                    "NotResource": format!("arn:aws:s3:::*{at}*?*a*/*")})
            })
            .collect()
    };
    let with = |mut statements: Vec<Value>, more: Value| {
        statements.push(more);
        document(statements)
    };
    let reversed = |mut statements: Vec<Value>| {
        statements.reverse();
        statements
    };
    let list = |from: usize| -> Value {
        (from..from + 10 * n).map(|at| json!(format!("arn:aws:s3:::*{at}*/?*"))).collect()
    };
    let numbers = |from: usize| -> Value { (from..from + 50 * n).map(|at| json!(at.to_string())).collect() };
    let limited = |from: usize| {
        json!({"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"NumericEquals": {"s3:max-keys": numbers(from)},
                "IpAddress": {"aws:SourceIp": (0..20 * n).map(|at| format!("10.{}.{}.0/25", at / 256, at % 256)).collect::<Vec<_>>()}}})
    };
    vec![
        (
            "denies of all but some, in another order",
            with(excluding("Deny"), wide()),
            with(reversed(excluding("Deny")), wide()),
        ),
        ("allows of all but some", document(excluding("Allow")), document(reversed(excluding("Allow")))),
        (
            "denies that are all kept, under an allow too many",
            with(excluding("Deny"), json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})),
            with(excluding("Deny"), wide()),
        ),
        ("long lists of patterns", document(vec![allow(list(0))]), document(vec![allow(list(1))])),
        ("many numbers and addresses", document(vec![limited(1)]), document(vec![limited(0)])),
    ]
}

#[test]
fn what_grows_beyond_the_budget_is_unknown_and_says_so() {
    let budget = Budget { work: 4_000_000, ..Budget::default() };
    let settings = Settings { budget, ..Settings::default() };
    let mut n_spent = 0;
    for (name, old, new) in growing(120) {
        let (old, new) = (policy(&old, PolicyKind::Identity), policy(&new, PolicyKind::Identity));
        let proof = no_new_access(&[&old], &[&new], &settings);
        match proof.verdict {
            // The same statements in another order allow the same.
            Verdict::Proven => assert!(old.statements.len() > 1, "{name}"),
            Verdict::Refuted => {
                assert!(super::random::is_counterexample(&proof.witness.unwrap(), &old, &new), "{name}");
            }
            Verdict::Unknown => {
                let is_spent = proof.reasons.iter().any(|reason| reason.contains("budget of"));
                assert!(is_spent, "{name}: {:?}", proof.reasons);
                n_spent += 1;
            }
        }
        // A grant that is asked for many actions: once the budget is spent, the rest is unknown at once.
        let layer = GrantLayer { policies: vec![&old], ..GrantLayer::default() };
        let mut grant = LayeredGrant::new(&[layer.clone(), layer], &[], budget);
        let catalog = leastwise::catalog::Catalog::embedded();
        let answers: Vec<Effective> = catalog
            .expand("s3:*")
            .into_iter()
            .map(|id| grant.action(catalog.info(id).unwrap().action()).effective)
            .collect();
        assert!(answers.iter().all(|answer| *answer != Effective::NotGranted), "{name}: {answers:?}");
    }
    assert!(n_spent > 0, "the shapes are too small to spend a budget");
}

#[test]
fn many_requests_together_have_a_bound_too() {
    let (_, old, new) = growing(10).swap_remove(0);
    let (old, new) = (policy(&old, PolicyKind::Identity), policy(&new, PolicyKind::Identity));
    let request = |n: usize| Observed {
        action: "s3:GetObject".parse().unwrap(),
        resource: ObservedResource::Arn(format!(
            "arn:aws:s3:::b7a/{}",
            "x".repeat(n % 50) + &"y".repeat(n / 50)
        )),
        context: Vec::new(),
    };
    let is_spent = |retained: Retained| match retained {
        Retained::Unknown { reason } => {
            assert!(reason.contains("budget of work"), "{reason}");
            true
        }
        _ => false,
    };
    let replay = |work: u64| Replay::new(&[&old], &[&new], Budget { work, ..Budget::default() });
    // Twice what the first takes.
    let mut work = 1_000;
    while is_spent(replay(work / 2).retained(&request(0))) {
        work *= 2;
    }
    let mut replay = replay(work);
    let spent = (0..20_000).find(|n| is_spent(replay.retained(&request(*n))));
    assert!(spent.is_some_and(|n| n > 30), "{spent:?}");
}
