//! Tests of rightsize: a role and what was seen of it in, verdicts and a smaller policy out.

use std::collections::{BTreeMap, BTreeSet};

use leastwise::attribution::{Grade, PrincipalAccess, Use, Workload, WorkloadKind, WorkloadShare};
use leastwise::catalog::{Catalog, Evidence, Resource};
use leastwise::ident::Time;
use leastwise::inventory::{Attached, AttachedKind, Origin, Role};
use leastwise::policy::{Policy, PolicyKind, parse, render};
use leastwise::proof::{self, Verdict};
use leastwise::record::IdentityType;
use leastwise::rightsize::{
    ActionNames, ActionVerdict, Coverage, GrantedBy, Losses, ProposalVerdict, Quotas, ResourceLevel,
    RightSized, RightSizer, Settings, Subject, Unobservable,
};
use leastwise::usage::{IssuanceFacts, IssuanceKind, Observation, RegionObservation, SessionFacts};
use proptest::prelude::*;

mod beside;
mod cloudsplaining;
mod effective;
mod held_out;
mod hostile;
mod paths;
mod peers;
mod sensitive;
mod split;
mod suggest;
mod trial;
mod trust;
mod unknown;
mod variables;
mod visible;

const ACCOUNT: &str = "111122223333";
const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// Ten days with events in every hour, and these kinds of data events.
fn observation(data_types: &[&str]) -> Observation {
    let start = "2026-01-01".parse::<Time>().unwrap().unix() / 3_600;
    let hours: BTreeSet<i64> = (start..start + 240).collect();
    let span = Some((Time::from_unix(start * 3_600), Time::from_unix((start + 240) * 3_600 - 1)));
    let account = || BTreeSet::from([ACCOUNT.into()]);
    Observation {
        regions: [(ACCOUNT.into(), [("eu-west-1".into(), RegionObservation { span, hours })].into())].into(),
        data_events: BTreeMap::new(),
        data_types: [(ACCOUNT.into(), data_types.iter().map(|kind| (*kind).into()).collect())].into(),
        management_reads: account(),
        management_writes: account(),
        kms: account(),
        span,
    }
}

const S3: &[&str] = &["AWS::S3::Object"];

fn identity(statements: &str) -> Policy {
    parse(&format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#), PolicyKind::Identity).unwrap()
}

fn attached(name: &str, document: Policy) -> Attached {
    Attached {
        name: name.to_owned(),
        arn: None,
        kind: AttachedKind::Inline,
        via_group: None,
        document: Some(document),
        origin: Origin::default(),
    }
}

fn role(policies: &[&str]) -> Role {
    let policies = policies
        .iter()
        .enumerate()
        .map(|(n, text)| attached(&format!("policy-{n}"), identity(text)))
        .collect();
    Role {
        arn: ROLE.to_owned(),
        name: "app".to_owned(),
        path: "/".to_owned(),
        id: "AROAEXAMPLE".to_owned(),
        account: ACCOUNT.to_owned(),
        trust: None,
        policies,
        boundary: None,
        last_used: None,
        created: None,
        max_session: None,
        tags: Vec::new(),
        instance_profiles: Vec::new(),
        origin: Origin::default(),
    }
}

/// `s3:GetObject arn:…`, `ec2:DescribeInstances *` (no resource type), or `ec2:RunInstances ?` (not told).
fn used(text: &str) -> Use {
    let (action, resource) = text.split_once(' ').unwrap();
    let time = "2026-01-02T03:04:05Z".parse().unwrap();
    Use {
        action: action.parse().unwrap(),
        resource: match resource {
            "*" => Resource::None,
            "?" => Resource::Unknown("not told"),
            arn => Resource::Arn(arn.to_owned()),
        },
        evidence: if action == "iam:PassRole" { Evidence::Inferred } else { Evidence::Observed },
        context: BTreeMap::new(),
        shown: BTreeMap::new(),
        calls: 1,
        first: time,
        last: time,
        workloads: BTreeSet::new(),
        via_services: BTreeSet::new(),
        sample: "00000000-0000-0000-0000-000000000001".into(),
        untraced: 0,
        regions: BTreeSet::from(["eu-west-1".to_owned()]),
    }
}

fn access(uses: &[&str]) -> PrincipalAccess {
    let mut uses: Vec<Use> = uses.iter().map(|text| used(text)).collect();
    uses.sort_by(|a, b| (&a.action, &a.resource).cmp(&(&b.action, &b.resource)));
    PrincipalAccess { calls: uses.len() as u64, uses, ..PrincipalAccess::default() }
}

fn right_size_in(role: &Role, uses: &[&str], observation: &Observation, settings: Settings) -> RightSized {
    let (losses, access) = (Losses::default(), access(uses));
    let coverage = Coverage::new(observation, &losses, &settings);
    let access = (!uses.is_empty()).then_some(&access);
    let subject = Subject { arn: ROLE, role: Some(role), access, ..Subject::default() };
    RightSizer::new(Catalog::embedded(), settings).right_size(&subject, &coverage)
}

fn right_size(role: &Role, uses: &[&str]) -> RightSized {
    right_size_in(role, uses, &observation(S3), Settings::default())
}

/// The statements of all proposed documents as JSON, as they are spelled.
fn spelled(result: &RightSized) -> serde_json::Value {
    let documents = result.proposal.policies.iter().map(|policy| render(&policy.document));
    documents.flat_map(|document| document["Statement"].as_array().unwrap().clone()).collect()
}

/// The statements of all proposed documents as JSON, with what is allowed by whole names: how they are spelled is another matter.
fn proposed(result: &RightSized) -> serde_json::Value {
    let documents = result.proposal.policies.iter().map(|policy| render(&policy.document));
    let statements = documents.flat_map(|document| document["Statement"].as_array().unwrap().clone());
    let spelled_out = |mut statement: serde_json::Value| {
        if statement["Effect"] == "Allow" && !statement["Action"].is_null() {
            let patterns: Vec<String> = match &statement["Action"] {
                serde_json::Value::String(one) => vec![one.clone()],
                many => serde_json::from_value(many.clone()).unwrap(),
            };
            let names: Vec<String> = patterns
                .into_iter()
                .flat_map(|pattern| match named(&pattern) {
                    none if none.is_empty() => vec![pattern],
                    names => names,
                })
                .collect();
            statement["Action"] = match &*names {
                [only] => only.clone().into(),
                _ => names.into(),
            };
        }
        statement
    };
    statements.map(spelled_out).collect()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

fn verdict_of(result: &RightSized, action: &str) -> Option<ActionVerdict> {
    let id = Catalog::embedded().find(action).unwrap();
    ActionVerdict::ALL.into_iter().find(|verdict| result.comparison.with_verdict(*verdict).contains(id))
}

#[test]
fn each_granted_action_gets_one_verdict() {
    let mut role = role(&[
        r#"[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:ListBucket","iam:PassRole","dynamodb:GetItem","sqs:*","sts:GetCallerIdentity","sns:Publish"],"Resource":"*"}]"#,
        r#"[{"Effect":"Deny","Action":"sqs:PurgeQueue","Resource":"*"}]"#,
    ]);
    role.boundary =
        Some(attached("boundary", identity(r#"[{"Effect":"Allow","NotAction":"sns:*","Resource":"*"}]"#)));
    let result = right_size(
        &role,
        &["s3:GetObject arn:aws:s3:::b/k", "sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:q"],
    );
    for (action, verdict) in [
        ("s3:GetObject", ActionVerdict::Used),
        ("s3:PutObject", ActionVerdict::Unused),
        ("s3:ListBucket", ActionVerdict::Unused),
        ("sqs:SendMessage", ActionVerdict::Used),
        ("sqs:CreateQueue", ActionVerdict::Unused),
        ("iam:PassRole", ActionVerdict::Unobservable),
        ("dynamodb:GetItem", ActionVerdict::Unobservable),
        ("sqs:PurgeQueue", ActionVerdict::Blocked),
        ("sns:Publish", ActionVerdict::Blocked),
    ] {
        assert_eq!(verdict_of(&result, action), Some(verdict), "{action}");
    }
    assert_eq!(verdict_of(&result, "sts:GetCallerIdentity"), None, "it needs no permission");
    let total: usize = ActionVerdict::ALL.iter().map(|verdict| result.comparison.n_with(*verdict)).sum();
    assert_eq!(total, result.comparison.n_granted());
    assert!(result.comparison.used.iter().all(|used| used.granted_by == GrantedBy::Identity));
}

#[test]
fn missing_logs_make_absence_prove_nothing() {
    let role = role(&[
        r#"[{"Effect":"Allow","Action":["sqs:ListMessageMoveTasks","sqs:CreateQueue"],"Resource":"*"}]"#,
    ]);
    let uses = ["sqs:CreateQueue arn:aws:sqs:eu-west-1:111122223333:q"];
    let long = Settings { since: "2025-12-01".parse().ok(), ..Settings::default() };
    let result = right_size_in(&role, &uses, &observation(S3), long);
    assert_eq!(verdict_of(&result, "sqs:ListMessageMoveTasks"), Some(ActionVerdict::Undetermined));
    assert_eq!(result.proposal.verdict, ProposalVerdict::CannotTell);

    let mut write_only = observation(S3);
    write_only.management_reads.clear();
    let result = right_size_in(&role, &uses, &write_only, Settings::default());
    assert_eq!(verdict_of(&result, "sqs:ListMessageMoveTasks"), Some(ActionVerdict::Undetermined));
    // What cannot be judged stays as it was granted, what was used is narrowed.
    assert_eq!(result.proposal.verdict, ProposalVerdict::Replace);
    assert_eq!(
        proposed(&result),
        json(
            r#"[{"Effect":"Allow","Action":"sqs:ListMessageMoveTasks","Resource":"*"},
                {"Effect":"Allow","Action":"sqs:CreateQueue","Resource":"arn:aws:sqs:eu-west-1:111122223333:q"}]"#
        )
    );
}

#[test]
fn statements_are_clipped_to_what_was_used() {
    for (name, policies, uses, expected) in [
        (
            "conditions, Sids and denies stay word for word",
            &[
                r#"[{"Sid":"Objects","Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],"Condition":{"Bool":{"aws:SecureTransport":"true"}}},
                {"Sid":"Never","Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]"#,
            ][..],
            &["s3:GetObject arn:aws:s3:::b/k", "s3:ListBucket arn:aws:s3:::b"][..],
            r#"[{"Sid":"Objects","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b","Condition":{"Bool":{"aws:SecureTransport":"true"}}},
                {"Sid":"Objects2","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/k","Condition":{"Bool":{"aws:SecureTransport":"true"}}},
                {"Sid":"Never","Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]"#,
        ),
        (
            "a pattern is never wider than the old one",
            &[r#"[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/in/1*"}]"#],
            &[
                "s3:GetObject arn:aws:s3:::b/in/10",
                "s3:GetObject arn:aws:s3:::b/in/11",
                "s3:GetObject arn:aws:s3:::b/in/12",
                "s3:GetObject arn:aws:s3:::b/in/13",
                "s3:GetObject arn:aws:s3:::b/in/14",
            ],
            r#"[{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::b/in/10","arn:aws:s3:::b/in/11","arn:aws:s3:::b/in/12","arn:aws:s3:::b/in/13","arn:aws:s3:::b/in/14"]}]"#,
        ),
        (
            "NotAction becomes a list, a variable keeps its pattern",
            &[r#"[{"Effect":"Allow","NotAction":"iam:*","Resource":"arn:aws:s3:::home/${aws:username}/*"}]"#],
            &["s3:GetObject arn:aws:s3:::home/ann/k"],
            r#"[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::home/${aws:username}/*"}]"#,
        ),
        (
            "resources that the event does not tell stay as granted",
            &[
                r#"[{"Effect":"Allow","Action":"sqs:*","Resource":["arn:aws:sqs:*:*:a","arn:aws:sqs:*:*:b"]}]"#,
            ],
            &["sqs:SendMessage ?"],
            r#"[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":["arn:aws:sqs:*:*:a","arn:aws:sqs:*:*:b"]}]"#,
        ),
        (
            "actions without a resource type keep the asterisk",
            &[r#"[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]"#],
            &["ec2:DescribeInstances *"],
            r#"[{"Effect":"Allow","Action":"ec2:DescribeInstances","Resource":"*"}]"#,
        ),
        (
            "a statement of which nothing was used goes; a narrower twin is enough",
            &[
                r#"[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"},{"Effect":"Allow","Action":"sns:*","Resource":"*"}]"#,
                r#"[{"Sid":"Twin","Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:111122223333:q"}]"#,
            ],
            &["sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:q"],
            r#"[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:111122223333:q"}]"#,
        ),
        (
            "which of two conditions was met the event does not tell: both stay",
            &[
                r#"[{"Effect":"Allow","Action":"sqs:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/a":"1"}}},
                {"Effect":"Allow","Action":"sqs:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/b":"1"}}}]"#,
            ],
            &["sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:q"],
            r#"[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:111122223333:q","Condition":{"StringEquals":{"aws:ResourceTag/a":"1"}}},
                {"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:111122223333:q","Condition":{"StringEquals":{"aws:ResourceTag/b":"1"}}}]"#,
        ),
        (
            "a passed role is named, and its conditions stay",
            &[
                r#"[{"Effect":"Allow","Action":["iam:PassRole","lambda:CreateFunction"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}]"#,
            ],
            &[
                "iam:PassRole arn:aws:iam::111122223333:role/worker",
                "lambda:CreateFunction arn:aws:lambda:eu-west-1:111122223333:function:f",
            ],
            r#"[{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111122223333:role/worker","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}},
                {"Effect":"Allow","Action":"lambda:CreateFunction","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:f","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}]"#,
        ),
    ] {
        let settings = Settings { unobservable: Unobservable::Drop, ..Settings::default() };
        let result = right_size_in(&role(policies), uses, &observation(S3), settings);
        assert_eq!(
            result.proposal.verdict,
            ProposalVerdict::Replace,
            "{name}: {:?}",
            result.proposal.reasons
        );
        assert_eq!(proposed(&result), json(expected), "{name}");
        assert_eq!(result.proposal.proof.verdict, Verdict::Proven, "{name}");
        assert_eq!(result.proposal.replay.requests, uses.len() as u64, "{name}");
        assert_eq!(result.proposal.replay.allowed, uses.len() as u64, "{name}");
    }
}

#[test]
fn what_the_event_tells_decides_which_statement_granted_it() {
    let to = |service: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{{"StringEquals":{{"iam:PassedToService":"{service}.amazonaws.com"}}}}}}"#
        )
    };
    let role = role(&[&format!("[{},{}]", to("lambda"), to("ecs-tasks"))]);
    let mut access = access(&["iam:PassRole arn:aws:iam::111122223333:role/worker"]);
    access.uses[0].context.insert("iam:PassedToService".to_owned(), "lambda.amazonaws.com".to_owned());
    let (losses, settings) = (Losses::default(), Settings::default());
    let observation = observation(S3);
    let coverage = Coverage::new(&observation, &losses, &settings);
    let subject = Subject { arn: ROLE, role: Some(&role), access: Some(&access), ..Subject::default() };
    let result = RightSizer::new(Catalog::embedded(), settings).right_size(&subject, &coverage);
    let statement = to("lambda").replace(r#""*""#, r#""arn:aws:iam::111122223333:role/worker""#);
    assert_eq!(proposed(&result), json(&format!("[{statement}]")));
    assert_eq!(result.proposal.replay.allowed, 1);
}

#[test]
fn what_cannot_be_seen_stays_as_granted_unless_asked_otherwise() {
    let role = role(&[
        r#"[{"Effect":"Allow","Action":["dynamodb:*","sqs:CreateQueue"],"Resource":"arn:aws:dynamodb:*:*:table/t"}]"#,
    ]);
    let uses = ["dynamodb:DescribeTable arn:aws:dynamodb:eu-west-1:111122223333:table/t"];
    let kept = right_size(&role, &uses);
    assert_eq!(kept.proposal.verdict, ProposalVerdict::Replace);
    let text = proposed(&kept).to_string();
    assert!(text.contains("dynamodb:GetItem") && !text.contains("\"dynamodb:DeleteTable\""), "{text}");
    let drop = Settings { unobservable: Unobservable::Drop, ..Settings::default() };
    let dropped = right_size_in(&role, &uses, &observation(S3), drop);
    assert_eq!(
        proposed(&dropped),
        json(
            r#"[{"Effect":"Allow","Action":"dynamodb:DescribeTable","Resource":"arn:aws:dynamodb:eu-west-1:111122223333:table/t"}]"#
        )
    );
}

#[test]
fn names_are_as_short_as_they_may_be_or_whole() {
    let names = |granted: &str, action_names| {
        let role = role(&[&format!(r#"[{{"Effect":"Allow","Action":{granted},"Resource":"*"}}]"#)]);
        let settings = Settings { action_names, unobservable: Unobservable::Drop, ..Settings::default() };
        let uses = ["sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:q", "ec2:DescribeInstances *"];
        let result = right_size_in(&role, &uses, &observation(S3), settings);
        let documents = result.proposal.policies.iter().map(|policy| render(&policy.document).to_string());
        documents.collect::<String>()
    };
    for granted in [r#""*""#, r#"["sqs:*","ec2:Describe*"]"#] {
        let short = names(granted, ActionNames::Shortest);
        assert!(short.contains("\"sqs:Sen*\"") && short.contains("\"ec2:DescribeInstances\""), "{short}");
        let whole = names(granted, ActionNames::Whole);
        assert!(whole.contains("\"sqs:SendMessage\"") && whole.len() > short.len(), "{whole}");
    }
    // A list of names says nothing of tomorrow's, and neither does what stands for it.
    let listed = r#"["sqs:SendMessage","sqs:PurgeQueue","ec2:DescribeInstances","sns:Publish"]"#;
    let short = names(listed, ActionNames::Shortest);
    assert!(short.contains("\"sqs:SendMessage\"") && !short.contains(":Sen*"), "{short}");
    // What the catalog does not know may be what the wildcard would match.
    let strange = names(r#"["sqs:*","sqs:SendSail","ec2:*"]"#, ActionNames::Shortest);
    assert!(strange.contains("\"sqs:SendM*\""), "{strange}");
}

#[test]
fn a_role_that_nobody_assumed_may_go() {
    let granted = r#"[{"Effect":"Allow","Action":["sqs:*","s3:GetObject"],"Resource":"*"}]"#;
    let mut role = role(&[granted]);
    assert_eq!(right_size(&role, &[]).proposal.verdict, ProposalVerdict::DeleteRole);
    let mut write_only = observation(S3);
    write_only.management_reads.clear();
    let result = right_size_in(&role, &[], &write_only, Settings::default());
    assert_ne!(result.proposal.verdict, ProposalVerdict::DeleteRole, "the assumption would not show");
    role.last_used = "2026-01-05".parse().ok();
    assert_eq!(right_size(&role, &[]).proposal.verdict, ProposalVerdict::CannotTell, "IAM saw a use");
    role.path = "/aws-service-role/x.amazonaws.com/".to_owned();
    assert_eq!(right_size(&role, &[]).proposal.verdict, ProposalVerdict::Keep);
}

/// Who granted `*` was seen asking who it is and exchanging a token: neither needs a grant, so neither is lost, and neither is kept.
#[test]
fn calls_that_need_no_permission_lose_nothing() {
    let role = role(&[r#"[{"Effect":"Allow","Action":"*","Resource":"*"}]"#]);
    let uses = [
        "sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:q",
        "sts:GetCallerIdentity *",
        "sts:AssumeRoleWithWebIdentity arn:aws:iam::111122223333:role/other",
    ];
    let settings = Settings { unobservable: Unobservable::Drop, ..Settings::default() };
    let result = right_size_in(&role, &uses, &observation(S3), settings);
    assert_eq!(result.proposal.verdict, ProposalVerdict::Replace, "{:?}", result.proposal.reasons);
    let replay = &result.proposal.replay;
    assert_eq!((replay.requests, replay.allowed, replay.granted_otherwise), (1, 1, 2));
    let text = proposed(&result).to_string();
    assert!(text.contains("sqs:SendMessage") && !text.contains("sts:GetCallerIdentity"), "{text}");
}

#[test]
fn a_minimal_role_is_kept_and_an_unknown_one_not_judged() {
    let minimal = role(&[
        r#"[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:111122223333:q"}]"#,
    ]);
    let uses = ["sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:q"];
    assert_eq!(right_size(&minimal, &uses).proposal.verdict, ProposalVerdict::Keep);
    let mut unknown = role(&[r#"[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]"#]);
    unknown.policies[0].document = None;
    assert_eq!(right_size(&unknown, &uses).proposal.verdict, ProposalVerdict::CannotTell);
}

#[test]
fn an_administrator_loses_the_ways_to_more_and_keeps_nothing_unused_to_be_shorter() {
    let admin = role(&[r#"[{"Effect":"Allow","Action":"*","Resource":"*"}]"#]);
    let uses = ["s3:GetObject arn:aws:s3:::b/k", "sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:q"];
    let under = |unobservable, max_excess, quotas| {
        let settings = Settings { unobservable, max_excess, quotas, ..Settings::default() };
        right_size_in(&admin, &uses, &observation(S3), settings)
    };
    let is_smaller = |result: &RightSized| {
        let proposal = &result.proposal;
        assert_eq!(proposal.verdict, ProposalVerdict::Replace, "{:?}", proposal.reasons);
        assert!(proposal.policies.len() <= 11);
        let removed = &result.privilege.escalation_paths_removed;
        assert!(removed.contains(&"iam:PutRolePolicy"), "{removed:?}");
    };
    is_smaller(&under(Unobservable::Drop, 0, Quotas::default()));
    // Thousands of actions that the logs could not have shown find room.
    is_smaller(&under(Unobservable::Keep, 0, Quotas::default()));
    // With less room they do not.
    let less = |managed_policies| Quotas { managed_policies, ..Quotas::default() };
    let tight =
        |n: &usize| under(Unobservable::Keep, 0, less(*n)).proposal.verdict != ProposalVerdict::Replace;
    let less = less((0..10).rev().find(tight).unwrap());
    let keep = under(Unobservable::Keep, 0, less);
    eprintln!("{:?}", keep.proposal.reasons);
    assert_eq!(keep.proposal.verdict, ProposalVerdict::CannotTell);
    assert!(keep.proposal.policies.is_empty());
    let reasons = keep.proposal.reasons.join("\n");
    assert!(reasons.contains("does not fit into IAM's quotas"), "{reasons}");
    // Of the levels of resources, one needs fewer than the others.
    let told = reasons.split("--max-excess ").skip(1).map(|rest| rest.split_once('`').unwrap().0);
    let takes = told.map(|text| text.parse::<usize>().unwrap()).min().unwrap();
    assert_eq!(under(Unobservable::Keep, takes - 1, less).proposal.verdict, ProposalVerdict::CannotTell);
    let wider = under(Unobservable::Keep, takes, less);
    is_smaller(&wider);
    assert!(
        wider.proposal.reasons.iter().any(|reason| reason.starts_with(&format!("{takes} granted actions")))
    );
}

/// A few statements over a small world, so that they overlap.
fn statement() -> impl Strategy<Value = String> {
    let action = prop::sample::select(vec![
        r#""Action":"*""#,
        r#""Action":"s3:*""#,
        r#""Action":["s3:Get*","sqs:SendMessage"]"#,
        r#""Action":["s3:GetObject","s3:PutObject"]"#,
        r#""NotAction":["iam:*","s3:Put*"]"#,
        r#""Action":"sqs:*""#,
    ]);
    let resource = prop::sample::select(vec![
        r#""Resource":"*""#,
        r#""Resource":["arn:aws:s3:::a/*","arn:aws:sqs:*:*:q*"]"#,
        r#""Resource":"arn:aws:s3:::*/in/*""#,
        r#""Resource":"arn:aws:s3:::a/${aws:PrincipalTag/team}/*""#,
        r#""NotResource":"arn:aws:s3:::b/*""#,
    ]);
    let condition = prop::sample::select(vec![
        "",
        "",
        r#","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}"#,
        r#","Condition":{"BoolIfExists":{"aws:SecureTransport":"true"}}"#,
    ]);
    let effect = prop::sample::select(vec!["Allow", "Allow", "Allow", "Deny"]);
    (effect, action, resource, condition).prop_map(|(effect, action, resource, condition)| {
        // A deny of everything leaves nothing to propose.
        let resource = if effect == "Deny" { r#""Resource":"arn:aws:s3:::*/secret/*""# } else { resource };
        format!(r#"{{"Effect":"{effect}",{action},{resource}{condition}}}"#)
    })
}

/// The catalog's names a pattern stands for.
fn named(pattern: &str) -> Vec<String> {
    let catalog = Catalog::embedded();
    let name = |id| Some(catalog.info(id)?.action().to_string());
    catalog.expand(pattern).into_iter().filter_map(name).collect()
}

fn one_use() -> impl Strategy<Value = String> {
    let objects = "(s3:GetObject|s3:PutObject) arn:aws:s3:::[abc]/(in|out)/[0-9]{1,2}";
    let queues = "sqs:(SendMessage|PurgeQueue) arn:aws:sqs:eu-west-1:111122223333:(q|jobs)-?[0-9]";
    prop_oneof![4 => objects, 2 => queues, 1 => "ec2:DescribeInstances \\*", 1 => "s3:ListBucket arn:aws:s3:::[ab]"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_proposal_is_proven_and_loses_nothing(
        policies in prop::collection::vec(prop::collection::vec(statement(), 1..4), 1..3),
        uses in prop::collection::btree_set(one_use(), 1..14),
        exact in any::<bool>(),
    ) {
        let texts: Vec<String> = policies.iter().map(|statements| format!("[{}]", statements.join(","))).collect();
        let role = role(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let uses: Vec<&str> = uses.iter().map(String::as_str).collect();
        let settings = Settings {
            resources: if exact { ResourceLevel::Exact } else { ResourceLevel::Prefix },
            unobservable: Unobservable::Drop,
            ..Settings::default()
        };
        let result = right_size_in(&role, &uses, &observation(S3), settings);
        let proposal = &result.proposal;
        prop_assert_ne!(proposal.verdict, ProposalVerdict::CannotTell, "{:?}", proposal.reasons);
        prop_assert_eq!(proposal.proof.verdict, Verdict::Proven);
        prop_assert_eq!(&proposal.replay.lost, &Vec::<String>::new());
        prop_assert_eq!(proposal.replay.requests, proposal.replay.allowed);
        // The same asked again, from outside, about the documents as they would be written.
        let written: Vec<Policy> = proposal
            .policies
            .iter()
            .map(|policy| parse(&render(&policy.document).to_string(), PolicyKind::Identity).unwrap())
            .collect();
        if proposal.verdict == ProposalVerdict::Replace {
            let old: Vec<&Policy> = role.policies.iter().filter_map(|policy| policy.document.as_ref()).collect();
            let new: Vec<&Policy> = written.iter().collect();
            let proof = proof::no_new_access(&old, &new, &proof::Settings::default());
            prop_assert_eq!(proof.verdict, Verdict::Proven);
            // Nothing unused is granted any more, as long as it fits without wildcards.
            let used: BTreeSet<&str> = uses.iter().filter_map(|text| text.split(' ').next()).collect();
            for statement in proposed(&result).as_array().unwrap() {
                if statement["Effect"] == "Allow" {
                    let actions = match &statement["Action"] {
                        serde_json::Value::String(one) => vec![one.clone()],
                        many => serde_json::from_value(many.clone()).unwrap(),
                    };
                    for action in actions.iter().flat_map(|pattern| named(pattern)) {
                        // Data keys may be kept, and used without an event of KMS.
                        let is_key = ["kms:Decrypt", "kms:GenerateDataKey"].contains(&action.as_str());
                        prop_assert!(is_key || used.contains(action.as_str()), "{} in {:?}", action, used);
                    }
                }
            }
        }
    }
}

const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/ABCD";
const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABCD";

fn assumed_by(subject: &str) -> IssuanceFacts {
    let caller = SessionFacts {
        kind: IdentityType::WebIdentityUser,
        account: None,
        principal_id: None,
        arn: None,
        access_key: None,
        user_name: None,
        identity_provider: None,
        invoked_by: None,
        in_scope_of: None,
        in_scope_of_type: None,
        on_behalf_of: None,
        delegate_account: None,
        issuer_type: None,
        issuer_arn: None,
        issuer_id: None,
        creation: None,
        federated_provider: None,
        federated_subject: None,
        source_identity: None,
        ec2_role_delivery: None,
        is_assumed_root: false,
    };
    IssuanceFacts {
        time: "2026-01-02T00:00:00Z".parse().unwrap(),
        event_id: "00000000-0000-0000-0000-000000000002".into(),
        kind: IssuanceKind::AssumeRoleWithWebIdentity,
        denied: false,
        caller,
        recipient_account: Some(ACCOUNT.into()),
        region: "eu-west-1".into(),
        issued_key: None,
        role_arn: Some(ROLE.into()),
        assumed_role_id: None,
        assumed_arn: None,
        session_name: None,
        provider: Some(PROVIDER.into()),
        subject: Some(subject.into()),
        audience: Some("sts.amazonaws.com".into()),
        tags: Vec::new(),
        source_identity: None,
        has_external_id: false,
        user_agent: None,
        error: None,
        others: None,
    }
}

fn trust(conditions: &str) -> Policy {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Federated":"{PROVIDER}"}},"Action":"sts:AssumeRoleWithWebIdentity"{conditions}}}]}}"#
    );
    parse(&text, PolicyKind::Trust).unwrap()
}

fn trusted(conditions: &str, subjects: &[&str], observation: &Observation) -> Option<serde_json::Value> {
    let mut role = role(&[r#"[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]"#]);
    role.trust = Some(trust(conditions));
    let issuances: Vec<IssuanceFacts> = subjects.iter().map(|subject| assumed_by(subject)).collect();
    let issuances: Vec<&IssuanceFacts> = issuances.iter().collect();
    let (losses, settings) = (Losses::default(), Settings::default());
    let coverage = Coverage::new(observation, &losses, &settings);
    let subject = Subject { arn: ROLE, role: Some(&role), issuances: &issuances, ..Subject::default() };
    let result = RightSizer::new(Catalog::embedded(), settings).right_size(&subject, &coverage);
    let trust = result.proposal.trust?;
    assert_eq!(trust.proof.verdict, Verdict::Proven);
    assert!(trust.added.is_empty() && !trust.removed.is_empty());
    Some(render(&trust.document)["Statement"][0]["Condition"].clone())
}

#[test]
fn a_wide_trust_is_narrowed_to_who_assumed_the_role() {
    let pod = "system:serviceaccount:shop:api";
    let wide = format!(r#","Condition":{{"StringLike":{{"{ISSUER}:sub":"system:serviceaccount:shop:*"}}}}"#);
    let exact =
        json(&format!(r#"{{"StringEquals":{{"{ISSUER}:aud":"sts.amazonaws.com","{ISSUER}:sub":"{pod}"}}}}"#));
    let seen = observation(S3);
    assert_eq!(trusted(&wide, &[pod, pod], &seen), Some(exact.clone()));
    assert_eq!(trusted("", &[pod], &seen), Some(exact));
    // Already exact; nobody seen; somebody the old policy does not admit; assumptions that would not show.
    let same = format!(
        r#","Condition":{{"StringEquals":{{"{ISSUER}:sub":"{pod}","{ISSUER}:aud":"sts.amazonaws.com"}}}}"#
    );
    assert_eq!(trusted(&same, &[pod], &seen), None);
    assert_eq!(trusted(&wide, &[], &seen), None);
    assert_eq!(trusted(&wide, &["system:serviceaccount:other:api"], &seen), None);
    let mut write_only = observation(S3);
    write_only.management_reads.clear();
    assert_eq!(trusted(&wide, &[pod], &write_only), None);
}

#[test]
fn nothing_a_service_linked_role_is_granted_is_called_unused() {
    let mut role = role(&[r#"[{"Effect":"Allow","Action":"ec2:CreateNetworkInterface","Resource":"*"}]"#]);
    assert_eq!(
        verdict_of(&right_size(&role, &[]), "ec2:CreateNetworkInterface"),
        Some(ActionVerdict::Unused),
        "another role's would be"
    );
    role.path = "/aws-service-role/rds.amazonaws.com/".to_owned();
    let result = right_size(&role, &[]);
    assert_eq!(verdict_of(&result, "ec2:CreateNetworkInterface"), Some(ActionVerdict::Undetermined));
    assert_eq!(result.proposal.verdict, ProposalVerdict::Keep);
}
