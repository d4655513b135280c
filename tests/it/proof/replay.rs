//! Observed calls: attribution to statements, replay, and what layers leave of a grant.

use std::time::Instant;

use leastwise::ident::Action;
use leastwise::policy::{ActionElement, Effect, Policy, PolicyKind, ResourceElement};
use leastwise::proof::{
    Budget, Effective, GrantLayer, Granting, LayeredGrant, Observed, ObservedResource, Replay, Retained,
    Settings, Verdict, granted, no_new_access, retained,
};
use serde_json::json;

use super::policy;
use crate::support;

fn identity(statements: serde_json::Value) -> Policy {
    policy(&json!({"Version": "2012-10-17", "Statement": statements}), PolicyKind::Identity)
}

fn call(action: &str, resource: ObservedResource, context: &[(&str, &[&str])]) -> Observed {
    Observed {
        action: action.parse().unwrap(),
        resource,
        context: context
            .iter()
            .map(|(key, values)| ((*key).to_owned(), values.iter().map(|v| (*v).to_owned()).collect()))
            .collect(),
    }
}

fn arn(text: &str) -> ObservedResource {
    ObservedResource::Arn(text.to_owned())
}

#[test]
fn calls_are_attributed_to_the_statements_that_can_have_granted_them() {
    let set = identity(json!([
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/${aws:username}/*"},
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}},
        {"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": ["x"]}}},
        {"Effect": "Deny", "Action": "*", "Resource": "*"},
    ]));
    let statements = |observed: &Observed| -> Vec<usize> {
        granted(observed, &[&set], Budget::default())
            .unwrap()
            .into_iter()
            .map(|(_, statement)| statement)
            .collect()
    };
    let get = |resource, context: &[(&str, &[&str])]| statements(&call("S3:getObject", resource, context));
    assert_eq!(get(arn("arn:aws:s3:::a/bob/x"), &[]), [0, 1, 2]);
    assert_eq!(get(arn("arn:aws:s3:::a/bob/x"), &[("aws:SourceIp", &["192.0.2.1"])]), [0, 1]);
    assert_eq!(get(arn("arn:aws:s3:::a/bob/x"), &[("aws:username", &[])]), [0, 2]);
    assert_eq!(get(arn("arn:aws:s3:::b"), &[("aws:SourceIp", &["10.1.1.1"])]), [2]);
    assert_eq!(get(ObservedResource::Pattern("arn:aws:s3:::*".into()), &[]), [0, 1, 2]);
    assert_eq!(get(ObservedResource::Unknown, &[]), [0, 1, 2]);
    let run =
        |context: &[(&str, &[&str])]| statements(&call("ec2:RunInstances", ObservedResource::None, context));
    assert_eq!(run(&[]), [2, 3, 4]);
    assert_eq!(run(&[("aws:MultiFactorAuthPresent", &["false"])]), [2, 4]);
    assert_eq!(run(&[("aws:TagKeys", &["y", "z"])]), [2, 3]);
    assert_eq!(statements(&call("iam:GetUser", ObservedResource::None, &[])), [0_usize; 0]);
}

#[test]
fn replay_keeps_loses_and_knows_what_it_does_not_know() {
    let old = identity(json!([
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"},
    ]));
    let replay = |new: serde_json::Value, observed: &Observed| {
        retained(observed, &[&old], &[&identity(new)], Budget::default())
    };
    let get = call("s3:GetObject", arn("arn:aws:s3:::a/x"), &[("aws:SourceIp", &["10.1.2.3"])]);
    let on = |resource: &str| json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}]);
    assert_eq!(replay(on("arn:aws:s3:::a/*"), &get), Retained::Kept);
    let Retained::Lost { statement, denied_by, witness } = replay(on("arn:aws:s3:::b/*"), &get) else {
        panic!("lost")
    };
    assert_eq!(denied_by, None);
    assert_eq!((statement, witness.resource.as_str()), ((0, 0), "arn:aws:s3:::a/x"));
    // The event's address is known, so a condition on it can be judged; one on an unknown key cannot be kept.
    let under = |condition: serde_json::Value| json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": condition}]);
    assert_eq!(replay(under(json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})), &get), Retained::Kept);
    assert!(matches!(
        replay(under(json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}})), &get),
        Retained::Lost { .. }
    ));
    assert!(matches!(
        replay(under(json!({"Bool": {"aws:SecureTransport": "true"}})), &get),
        Retained::Lost { .. }
    ));
    // A new deny is to blame itself.
    let denied = json!([
        {"Effect": "Deny", "Action": "s3:Put*", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"},
    ]);
    assert!(matches!(replay(denied, &get), Retained::Lost { denied_by: Some((0, 2)), .. }));
    // What the old set denied anyway was granted by something else.
    let delete = call("s3:DeleteObject", arn("arn:aws:s3:::a/x"), &[]);
    assert_eq!(replay(on("*"), &delete), Retained::NotGrantedByIdentity);
    // A resource of which only the form is known must be kept in all its forms.
    let some = call("s3:GetObject", ObservedResource::Pattern("arn:aws:s3:::a/*".into()), &[]);
    assert_eq!(replay(on("arn:aws:s3:::a*"), &some), Retained::Kept);
    assert!(matches!(replay(on("arn:aws:s3:::a/x"), &some), Retained::Lost { .. }));
}

fn layer(policy: &Policy) -> GrantLayer<'_> {
    GrantLayer { policies: vec![policy], ..GrantLayer::default() }
}

#[test]
fn layers_block_what_the_first_one_grants() {
    let first = identity(json!([
        {"Effect": "Allow", "Action": ["s3:*", "ec2:*", "iam:GetUser"], "Resource": "*"},
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:*:*:a"},
        {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:Put*", "Resource": "arn:aws:s3:::a/*"},
    ]));
    let boundary = identity(json!([
        {"Effect": "Allow", "Action": ["s3:*", "ec2:Describe*"], "Resource": "*"},
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:*:*:b"},
    ]));
    let scp = identity(json!([
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:GetBucketAcl", "Resource": "*"},
        {"Effect": "Deny", "Action": "ec2:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}},
    ]));
    let layers = [layer(&first), layer(&boundary), layer(&scp)];
    let mut grant = LayeredGrant::new(&layers, &[], Budget::default());
    for (action, expected) in [
        ("s3:GetObject", Effective::Granted),
        ("s3:PutObject", Effective::Granted),
        ("s3:DeleteObject", Effective::Blocked { layer: 0 }),
        ("s3:GetBucketAcl", Effective::Blocked { layer: 2 }),
        ("ec2:DescribeInstances", Effective::Granted),
        ("ec2:RunInstances", Effective::Blocked { layer: 1 }),
        ("sqs:SendMessage", Effective::Blocked { layer: 1 }),
        ("iam:GetUser", Effective::Blocked { layer: 1 }),
        ("iam:PassRole", Effective::NotGranted),
    ] {
        let action: Action = action.parse().unwrap();
        assert_eq!(grant.action(&action).effective, expected, "{action}");
    }
}

/// Cuts policies of AWS down to some of their actions: the cut is proven, what was kept replays, what was dropped is lost.
#[test]
fn cut_down_managed_policies_are_proven_and_replay() {
    let Some(cases) = support::policy_cases() else { return };
    let budget = Budget::default();
    let (mut proofs, mut kept, mut half, mut lost, mut still, mut odd) = (0, 0, 0, 0, 0, Vec::new());
    let start = Instant::now();
    let all = support::json_lines(&cases.join("aws-managed/managed_policies.jsonl"));
    for case in all.iter().step_by(8 * super::step()) {
        let old = policy(&case["document"], PolicyKind::Identity);
        let mut new = old.clone();
        let (mut used, mut dropped) = (Vec::new(), Vec::new());
        for statement in new.statements.iter_mut().filter(|statement| statement.effect == Effect::Allow) {
            let Some(ResourceElement::Only(resources)) = &statement.resource else { continue };
            // A resource that lies in the first pattern.
            let resource = match resources[0].as_str() {
                "*" => ObservedResource::Arn("arn:aws:any:eu-west-1:111122223333:thing/x".to_owned()),
                text if text.contains("${") => continue,
                text => ObservedResource::Arn(text.replace(['*', '?'], "x")),
            };
            let ActionElement::Only(actions) = &mut statement.action else { continue };
            let every: Vec<String> = std::mem::take(actions);
            for (index, text) in every.into_iter().enumerate() {
                let call = text.parse().ok().map(|action| Observed {
                    action,
                    resource: resource.clone(),
                    context: Vec::new(),
                });
                if index % 4 == 0 {
                    actions.push(text);
                    used.extend(call);
                } else {
                    dropped.extend(call);
                }
            }
        }
        let proof = no_new_access(&[&old], &[&new], &Settings::default());
        if proof.verdict != Verdict::Proven {
            odd.push(format!("{}: {proof:?}", case["name"]));
        }
        proofs += 1;
        let mut replay = Replay::new(&[&old], &[&new], budget);
        let mut granting = Granting::new(&[&old], budget);
        for call in used.iter().take(20) {
            assert!(!granting.statements(call).unwrap().is_empty(), "{call:?}");
            match replay.retained(call) {
                Retained::Kept => kept += 1,
                // A condition on the key that names the account or the region contradicts the made-up ARN, or a deny does.
                Retained::NotGrantedByIdentity => {}
                // A second statement granted it, too, and has lost it.
                Retained::Lost { .. } => half += 1,
                other => odd.push(format!("{}: {call:?} {other:?}", case["name"])),
            }
        }
        for call in dropped.iter().take(20) {
            match replay.retained(call) {
                Retained::Lost { .. } => lost += 1,
                Retained::Kept | Retained::NotGrantedByIdentity => still += 1,
                unknown @ Retained::Unknown { .. } => {
                    odd.push(format!("{}: {call:?} {unknown:?}", case["name"]))
                }
            }
        }
    }
    eprintln!(
        "cut down: {proofs} policies; {kept} used calls kept, {half} by one statement of several, {lost} dropped calls lost, {still} granted otherwise; {} odd; {:?}",
        odd.len(),
        start.elapsed()
    );
    for line in odd.iter().take(10) {
        eprintln!("  {}", line.chars().take(600).collect::<String>());
    }
    assert!(
        kept * super::step() > 300 && lost * super::step() > 500 && half * 20 < kept,
        "the calls are there"
    );
    assert!(odd.len() * 50 <= proofs + kept + lost, "at most 2 % undecided:\n{}", odd.join("\n"));
}

#[test]
fn thousands_of_questions_about_one_role_share_their_work() {
    let set = identity(json!([
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"},
    ]));
    let mut grant = LayeredGrant::new(&[layer(&set)], &[], Budget::default());
    let start = Instant::now();
    let granted = (0..20_000)
        .filter(|n| {
            let action: Action =
                format!("s3:{}{n}", if n % 5 == 0 { "Delete" } else { "Get" }).parse().unwrap();
            grant.action(&action).effective == Effective::Granted
        })
        .count();
    eprintln!("20,000 actions of one role in {:?}", start.elapsed());
    assert_eq!(granted, 16_000);
}
