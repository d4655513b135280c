//! Tests of the prover: published tables, AWS's own policies, and the evaluator as judge.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use leastwise::policy::{Policy, PolicyKind, parse_value};
use leastwise::proof::{Proof, Settings, Verdict, no_new_access};
use serde_json::Value;

use crate::support;

mod random;

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn policy(value: &Value, kind: PolicyKind) -> Policy {
    parse_value(value, kind).unwrap_or_else(|error| panic!("{error}: {value}"))
}

fn check(old: &Policy, new: &Policy) -> Proof {
    no_new_access(&[old], &[new], &Settings::identity_layer())
}

#[test]
fn worked_pairs_have_the_expected_verdict() {
    let Some(cases) = support::policy_cases() else { return };
    let (mut passed, mut wrong) = (BTreeMap::new(), Vec::new());
    for case in lines(&cases.join("worked-subset/cases.jsonl")) {
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
    let (mut total, mut wrong) = (0, Vec::new());
    for file in ["aws_samples", "terraform_validator"] {
        for case in lines(&cases.join(format!("check-no-new-access/{file}.jsonl"))) {
            let kind = if case["policy_type"].as_str().unwrap().to_lowercase().contains("resource") {
                PolicyKind::Resource
            } else {
                PolicyKind::Identity
            };
            let proof = check(&policy(&case["existing"], kind), &policy(&case["new"], kind));
            total += 1;
            if (proof.verdict == Verdict::Proven) != (case["expected"] == "PASS") {
                wrong.push(format!("{} {} {}: {proof:?}", case["src"], case["candidate"], case["expected"]));
            }
        }
    }
    eprintln!("check-no-new-access: {} of {total}", total - wrong.len());
    for line in &wrong {
        eprintln!("  {line}");
    }
}

#[test]
fn managed_policies_are_within_themselves() {
    let Some(cases) = support::policy_cases() else { return };
    let (mut times, mut wrong) = (Vec::new(), Vec::new());
    for case in lines(&cases.join("aws-managed/managed_policies.jsonl")) {
        let policy = policy(&case["document"], PolicyKind::Identity);
        let start = Instant::now();
        let proof = check(&policy, &policy);
        times.push((start.elapsed(), case["name"].to_string()));
        if proof.verdict != Verdict::Proven || !proof.every_reading {
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
