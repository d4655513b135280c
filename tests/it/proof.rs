//! Tests of the prover: published tables, AWS's own policies, and the evaluator as judge.

use std::collections::BTreeMap;
use std::time::Instant;

use leastwise::policy::{ActionElement, Effect, Policy, PolicyKind, parse_value};
use leastwise::proof::{Proof, Settings, Verdict, no_new_access};
use serde_json::{Value, json};

use crate::support;

mod effective;
mod hostile;
mod lens;
mod prowler;
mod random;
mod replay;
mod small_world;
mod together;

fn policy(value: &Value, kind: PolicyKind) -> Policy {
    parse_value(value, kind).unwrap_or_else(|error| panic!("{error}: {value}"))
}

/// Every so many of AWS's policies; all of them when the random pairs are asked to be many, too.
fn step() -> usize {
    if std::env::var_os("LEASTWISE_PROOF_PAIRS").is_some() { 1 } else { 6 }
}

fn check(old: &Policy, new: &Policy) -> Proof {
    no_new_access(&[old], &[new], &Settings::identity_layer())
}

#[test]
fn worked_pairs_have_the_expected_verdict() {
    let Some(cases) = support::policy_cases() else { return };
    let (mut passed, mut wrong) = (BTreeMap::new(), Vec::new());
    for case in support::json_lines(&cases.join("worked-subset/cases.jsonl")) {
        let side = |name: &str| policy(&case[name], PolicyKind::Identity);
        let proof = check(&side("old"), &side("new"));
        let proven = proof.verdict == Verdict::Proven;
        *passed.entry(format!("{:?}", proof.verdict)).or_insert(0) += 1;
        if proven != (case["expected"] == "proven") {
            wrong.push(format!("{}: {proof:?}", case["id"]));
        }
    }
    eprintln!("worked-subset: {passed:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(passed.values().sum::<usize>(), 52);
}

#[test]
fn access_analyzer_samples_have_the_published_verdict() {
    let Some(cases) = support::policy_cases() else { return };
    let (mut total, mut one_reading, mut wrong) = (0, 0, Vec::new());
    for file in ["aws_samples", "terraform_validator"] {
        for case in support::json_lines(&cases.join(format!("check-no-new-access/{file}.jsonl"))) {
            let kind = if case["policy_type"].as_str().unwrap().to_lowercase().contains("resource") {
                PolicyKind::Resource
            } else {
                PolicyKind::Identity
            };
            let proof = check(&policy(&case["existing"], kind), &policy(&case["new"], kind));
            total += 1;
            // AWS's check lets `*` stop at colons, and AWS's pages do not all say so.
            let of_one_reading =
                proof.reasons.iter().any(|reason| reason.contains("AWS's own check follows"));
            let expected = match case["expected"] == "PASS" {
                true if of_one_reading => Verdict::Unknown,
                true => Verdict::Proven,
                false => Verdict::Refuted,
            };
            one_reading += usize::from(of_one_reading);
            if proof.verdict != expected {
                wrong.push(format!("{} {} {}: {proof:?}", case["src"], case["candidate"], case["expected"]));
            }
        }
    }
    eprintln!(
        "check-no-new-access: {} of {total}, {one_reading} under AWS's reading alone",
        total - wrong.len()
    );
    assert_eq!((total, one_reading), (114, 2));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn managed_policies_are_within_themselves() {
    let Some(cases) = support::policy_cases() else { return };
    let (mut times, mut wrong) = (Vec::new(), Vec::new());
    for case in support::json_lines(&cases.join("aws-managed/managed_policies.jsonl")).iter().step_by(step())
    {
        let policy = policy(&case["document"], PolicyKind::Identity);
        let start = Instant::now();
        let proof = check(&policy, &policy);
        times.push((start.elapsed(), case["name"].to_string()));
        if proof.verdict != Verdict::Proven {
            wrong.push(format!("{}: {proof:?}", case["name"]));
        }
    }
    times.sort();
    eprintln!(
        "managed policies against themselves: {} of {} proven; median {:?}, 99 % {:?}, slowest {:?}",
        times.len() - wrong.len(),
        times.len(),
        times[times.len() / 2].0,
        times[times.len() * 99 / 100].0,
        times.last().unwrap(),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Takes something away from a policy; the whole must then not be within what is left.
fn narrowed(policy: &Policy, turn: usize) -> Option<Policy> {
    let mut less = policy.clone();
    let allows: Vec<usize> =
        (0..less.statements.len()).filter(|at| less.statements[*at].effect == Effect::Allow).collect();
    let at = *allows.get(turn % allows.len().max(1))?;
    match turn % 3 {
        0 => {
            less.statements.remove(at);
        }
        1 => {
            let ActionElement::Only(actions) = &mut less.statements[at].action else { return None };
            let text = &mut actions[0];
            // One character less: another action, or a wider one if it was the `*` that came before.
            if text.ends_with('*') {
                return None;
            }
            text.pop();
        }
        _ => {
            let ActionElement::Only(actions) = &mut less.statements[at].action else { return None };
            actions.remove(0);
        }
    }
    Some(less)
}

#[test]
fn managed_policies_are_not_within_narrowed_ones() {
    let Some(cases) = support::policy_cases() else { return };
    let (mut tally, mut odd): (BTreeMap<&str, usize>, Vec<String>) = (BTreeMap::new(), Vec::new());
    for (turn, case) in support::json_lines(&cases.join("aws-managed/managed_policies.jsonl"))
        .iter()
        .enumerate()
        .step_by(step())
    {
        let whole = policy(&case["document"], PolicyKind::Identity);
        let Some(less) = narrowed(&whole, turn) else { continue };
        let proof = check(&less, &whole);
        let outcome = match proof.verdict {
            Verdict::Refuted => {
                assert!(
                    random::is_counterexample(&proof.witness.unwrap(), &less, &whole),
                    "{}",
                    case["name"]
                );
                "refuted"
            }
            // What was taken away is granted a second time.
            Verdict::Proven => "redundant",
            Verdict::Unknown => {
                odd.push(format!("{}: {:?}", case["name"], proof.reasons));
                "unknown"
            }
        };
        *tally.entry(outcome).or_default() += 1;
        // The other way round is always proven.
        let back = check(&whole, &less);
        if turn % 3 != 1 && back.verdict != Verdict::Proven {
            odd.push(format!("{}: narrowed, {:?}", case["name"], back));
        }
    }
    eprintln!("managed policies against narrowed ones: {tally:?}");
    for line in odd.iter().take(12) {
        eprintln!("  {}", line.chars().take(400).collect::<String>());
    }
    let total: usize = tally.values().sum();
    assert!(
        total * step() > 1_200 && odd.len() * 50 < total,
        "less than 2 % unknown of {total}:\n{}",
        odd.join("\n")
    );
    assert!(tally["refuted"] * 10 > total * 9, "{tally:?}");
}

/// A permission of the iam-lens tables as a document of one statement.
fn permission(value: &Value) -> Policy {
    let mut statement = json!({"Effect": value["effect"], "Action": value["action"]});
    for (from, to) in [("resource", "Resource"), ("notResource", "NotResource"), ("conditions", "Condition")]
    {
        if let Some(part) = value.get(from) {
            statement[to] = part.clone();
        }
    }
    policy(&json!({"Version": "2012-10-17", "Statement": [statement]}), PolicyKind::Identity)
}

#[test]
fn inclusion_tables_of_iam_lens() {
    let Some(cases) = support::policy_cases() else { return };
    let disputed: BTreeMap<String, bool> = support::json_lines(&cases.join("DISPUTED.jsonl"))
        .iter()
        .filter(|row| row["suite"] == "iam-lens/unit_tests")
        .filter_map(|row| {
            let name = row["case"].as_str()?.strip_prefix("permissionIncludesTests: ")?;
            Some((name.to_owned(), row["reading"].as_bool()?))
        })
        .collect();
    let (mut total, mut wrong, mut read_our_way) = (0, Vec::new(), Vec::new());
    for row in support::json_lines(&cases.join("iam-lens/unit_tests.jsonl")) {
        if row["table"] != "permissionIncludesTests" {
            continue;
        }
        let case = &row["case"];
        let name = case["name"].as_str().unwrap();
        let expected = disputed.get(name).copied().unwrap_or_else(|| case["included"].as_bool().unwrap());
        if disputed.contains_key(name) {
            read_our_way.push(name.to_owned());
        }
        let proof = check(&permission(&case["permission"]), &permission(&case["otherPermission"]));
        total += 1;
        if (proof.verdict == Verdict::Proven) != expected {
            wrong.push(format!("{name}: {proof:?}"));
        }
    }
    eprintln!(
        "iam-lens inclusion: {} of {total}; disputed, our reading asserted: {read_our_way:?}",
        total - wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((total, read_our_way.len()), (26, 3));
}

/// Principals of the iam-lens tables, as trust policies.
#[test]
fn principal_inclusion_tables_of_iam_lens() {
    let Some(cases) = support::policy_cases() else { return };
    let trust = |value: &Value| -> Option<Policy> {
        let mut statement = json!({"Effect": "Allow", "Action": "sts:AssumeRole"});
        if let Some(principal) = value.get("principal") {
            statement["Principal"] =
                if principal.get("wildcard").is_some() { json!("*") } else { principal.clone() };
        } else {
            statement["NotPrincipal"] = value.get("notPrincipal")?.clone();
        }
        Some(policy(&json!({"Version": "2012-10-17", "Statement": [statement]}), PolicyKind::Resource))
    };
    let (mut total, mut skipped, mut wrong) = (0, 0, Vec::new());
    for row in support::json_lines(&cases.join("iam-lens/unit_tests.jsonl")) {
        if row["table"] != "principalIncludesTests" {
            continue;
        }
        let case = &row["case"];
        // A side without any principal is a notion of that program's.
        let (Some(old), Some(new)) = (trust(&case["permission"]), trust(&case["otherPermission"])) else {
            skipped += 1;
            continue;
        };
        let proof = check(&old, &new);
        total += 1;
        if (proof.verdict == Verdict::Proven) != case["included"].as_bool().unwrap() {
            wrong.push(format!("{}: {proof:?}", case["name"]));
        }
    }
    eprintln!(
        "iam-lens principal inclusion: {} of {total}, {skipped} without a principal left out",
        total - wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(total >= 20);
}

#[test]
fn a_witness_names_what_there_is_where_that_shows_the_same() {
    let only = |kind, statement: Value| {
        let none = json!({"Effect": "Allow", "Principal": "*", "Action": "glue:GetJob", "Resource": "*"});
        let mut none = [none, statement.clone()];
        if statement.get("Principal").is_none() {
            none[0].as_object_mut().unwrap().remove("Principal");
        }
        let [old, new] = [&none[..1], &none[1..]]
            .map(|some| policy(&json!({"Version": "2012-10-17", "Statement": some}), kind));
        let proof = check(&old, &new);
        assert_eq!(proof.verdict, Verdict::Refuted, "{statement}");
        proof.witness.unwrap()
    };
    for (action, resource, named) in [
        ("sqs:DeleteQueue", "*", "arn:aws:sqs:us-east-1:111122223333:example"),
        ("dynamodb:DeleteTable", "*", "arn:aws:dynamodb:us-east-1:111122223333:table/example"),
        ("ec2:DescribeInstances", "*", "*"),
        // What the policy says goes before what AWS's examples are called.
        (
            "dynamodb:DeleteTable",
            "arn:aws:dynamodb:*:999900001111:table/orders-*",
            "999900001111:table/orders-",
        ),
    ] {
        let witness =
            only(PolicyKind::Identity, json!({"Effect": "Allow", "Action": action, "Resource": resource}));
        assert!(witness.resource.ends_with(named), "{action}: {witness:?}");
        assert_eq!(witness.action, action);
    }
    let account = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "999900001111"}, "Resource": "*"});
    let witness = only(PolicyKind::Resource, account);
    let principal = witness.principal.clone().unwrap();
    assert!(!principal.ends_with(['/', ':']) && principal.contains("999900001111"), "{witness:?}");
}

#[test]
fn lost_denies_unknown_members_and_disputed_patterns_are_told() {
    let document = |statements: Value| {
        policy(&json!({"Version": "2012-10-17", "Statement": statements}), PolicyKind::Identity)
    };
    let old = document(json!([
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"},
    ]));
    let new = document(json!([{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]));
    let strict = no_new_access(&[&old], &[&new], &Settings::default());
    assert_eq!((strict.verdict, strict.lost_denies.as_slice()), (Verdict::Unknown, &[(0, 1)][..]));
    assert!(strict.reasons[0].contains("drops a deny"), "{strict:?}");
    assert_eq!(check(&old, &new).verdict, Verdict::Proven);

    // Two attached policies: the deny of one cuts the allow of the other.
    let a = document(json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]));
    let b = document(json!([{"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"}]));
    let whole = no_new_access(&[&a, &b], &[&a], &Settings::default());
    assert_eq!(whole.verdict, Verdict::Refuted);
    assert!(whole.witness.unwrap().action.to_ascii_lowercase().starts_with("s3:delete"));

    let mut strange = new.clone();
    strange.unknown.push("/Statement/0/Sidd".to_owned());
    let proof = check(&old, &strange);
    assert!(proof.verdict == Verdict::Unknown && proof.reasons[0].contains("/Statement/0/Sidd"), "{proof:?}");

    // Only if `*` stops at colons is the second stack outside the first, and AWS's pages disagree on that.
    let not_mine = |name: &str| format!("arn:aws:cloudformation:*:*:stack/{name}/*");
    let guarded = document(json!([
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "cloudformation:*", "Resource": not_mine("Mine")},
    ]));
    let other =
        document(json!([{"Effect": "Allow", "Action": "cloudformation:*", "Resource": not_mine("Other")}]));
    let proof = check(&guarded, &other);
    assert_eq!(proof.verdict, Verdict::Unknown);
    assert!(proof.reasons.iter().any(|reason| reason.contains("crosses the colons")), "{proof:?}");
}
