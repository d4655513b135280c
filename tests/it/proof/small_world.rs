//! A world small enough to ask every question in it.
//!
//! Each dimension holds everything the patterns can tell apart and one thing none of them names, so a pair of policies that differs
//! anywhere differs here. The evaluator answers every request of the world; the prover must agree with it, in both directions.

use leastwise::eval::{Context, ContextValue, Principal, Request, RequestResource, match_statement};
use leastwise::policy::{Policy, PolicyKind};
use leastwise::proof::{Settings, Verdict, no_new_access};
use serde_json::{Value, json};

use super::policy;

const ACTIONS: [&str; 4] = ["a:x", "a:xy", "a:z", "b:x"];
const RESOURCES: [&str; 4] = ["arn:aws:s:::p", "arn:aws:s:::p/1", "arn:aws:s:::q", "arn:aws:t:::p"];
/// `None`: the key is absent.
const VALUES: [Option<&str>; 4] = [None, Some("1"), Some("12"), Some("3")];

const ACTION_ELEMENTS: [(&str, &str); 4] =
    [("Action", "a:x"), ("Action", "a:x*"), ("Action", "*"), ("NotAction", "a:*")];
const RESOURCE_ELEMENTS: [(&str, &str); 4] = [
    ("Resource", "arn:aws:s:::p"),
    ("Resource", "arn:aws:s:::p*"),
    ("Resource", "*"),
    ("NotResource", "arn:aws:s:::p"),
];
const CONDITIONS: [(&str, &str); 6] = [
    ("", ""),
    ("StringEquals", "1"),
    ("StringNotEquals", "1"),
    ("StringLike", "1*"),
    ("StringLikeIfExists", "1*"),
    ("Null", "true"),
];

/// Every statement of the world.
fn statements(effect: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for (action, actions) in ACTION_ELEMENTS {
        for (resource, resources) in RESOURCE_ELEMENTS {
            for (operator, value) in CONDITIONS {
                let mut one = json!({"Effect": effect, action: actions, resource: resources});
                if !operator.is_empty() {
                    one["Condition"] = json!({operator: {"aws:username": value}});
                }
                all.push(one);
            }
        }
    }
    all
}

fn document(statements: &[&Value]) -> Policy {
    policy(&json!({"Version": "2012-10-17", "Statement": statements}), PolicyKind::Identity)
}

/// Every request of the world.
fn requests() -> Vec<Request> {
    let mut all = Vec::new();
    for action in ACTIONS {
        for resource in RESOURCES {
            for value in VALUES {
                let mut context = Context::closed();
                if let Some(value) = value {
                    context.set("aws:username", ContextValue::One(value.to_owned()));
                }
                all.push(Request {
                    principal: Principal::Role { arn: "arn:aws:iam::1:role/x".to_owned() },
                    action: action.to_owned(),
                    resource: RequestResource::Arn(resource.to_owned()),
                    resource_account: None,
                    context,
                });
            }
        }
    }
    all
}

/// Which requests statements apply to, as bits.
fn applies(statement: &Value, requests: &[Request]) -> u64 {
    let one = document(&[statement]);
    let mut bits = 0;
    for (at, request) in requests.iter().enumerate() {
        let found = match_statement(&one.statements[0], PolicyKind::Identity, one.version, request).applies();
        assert!(found.is_true() || found.is_false(), "everything is known here: {statement}");
        bits |= u64::from(found.is_true()) << at;
    }
    bits
}

#[test]
fn the_prover_agrees_with_every_answer_of_a_small_world() {
    let requests = requests();
    assert_eq!(requests.len(), 64, "one bit each");
    let read = |effect: &str| -> Vec<(Value, u64)> {
        statements(effect).into_iter().map(|one| (one.clone(), applies(&one, &requests))).collect()
    };
    let (allows, denies) = (read("Allow"), read("Deny"));
    let (mut pairs, mut proven, mut refuted) = (0_u32, 0_u32, 0_u32);
    let mut judge = |old: &[&(Value, u64)], new: &[&(Value, u64)]| {
        let side = |all: &[&(Value, u64)]| {
            let of = |effect: &str| {
                let mut some =
                    all.iter().filter(|(value, _)| value["Effect"] == effect).map(|(_, bits)| bits);
                some.by_ref().fold(0, |all, bits| all | bits)
            };
            let documents: Vec<&Value> = all.iter().map(|(value, _)| value).collect();
            (document(&documents), of("Allow") & !of("Deny"))
        };
        let ((old, old_bits), (new, new_bits)) = (side(old), side(new));
        let proof = no_new_access(&[&old], &[&new], &Settings::identity_layer());
        let is_new = new_bits & !old_bits != 0;
        let expected = if is_new { Verdict::Refuted } else { Verdict::Proven };
        assert_eq!(proof.verdict, expected, "{old:?}\n{new:?}\n{proof:?}");
        if let Some(witness) = &proof.witness {
            assert!(super::random::is_counterexample(witness, &old, &new), "{witness:?}");
        }
        pairs += 1;
        proven += u32::from(!is_new);
        refuted += u32::from(is_new);
    };
    // Every Allow against every Allow; on ordinary days every fifth against every one, which meets all kinds on both sides.
    let step = if super::step() == 1 { 1 } else { 5 };
    for old in allows.iter().step_by(step) {
        for new in &allows {
            judge(&[old], &[new]);
        }
    }
    // Two Allows and a Deny against one, and the other way round; of these every so many.
    let n = allows.len();
    for turn in (0..n * n * n).step_by(389 * step) {
        let (a, b, c) = (turn % n, turn / n % n, turn / n / n);
        let (one, other, deny) = (&allows[a], &allows[b], &denies[c]);
        let third = &allows[(a + b + c) % n];
        judge(&[one, other, deny], &[third, deny]);
        judge(&[one, third], &[other, deny]);
    }
    eprintln!("small world: {pairs} pairs, {proven} proven, {refuted} refuted, none unknown");
    assert!(proven > 300 && refuted > 1_000);
}
