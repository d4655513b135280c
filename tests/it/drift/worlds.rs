//! A made world, a made difference of every kind, and what drift says of it: that difference, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use leastwise::analyze::{self, Settings};
use leastwise::drift::{self, Code, Drift, Side};
use leastwise::ingest::Quiet;
use leastwise::report::Report;
use serde_json::{Value, json};

use super::allow;
use crate::bindings::{ACCOUNT, World, arn};

/// Two ServiceAccounts with a role each, a function, a role nobody uses, a fence.
pub(super) fn base() -> World {
    let lambda = json!([{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]);
    let mut world = World::default()
        .role("api", &["shop:api"], false)
        .role("pay", &["shop:pay"], false)
        .trusting("mailer", lambda.clone())
        .trusting("spare", lambda)
        .service_account("shop", "api", Some("api"))
        .service_account("shop", "pay", Some("pay"))
        .irsa("shop:api", "api", false)
        .irsa("shop:pay", "pay", false);
    call(&mut world, PAY, "DescribeVolumes", true);
    call(&mut world, API, "DescribeRegions", false);
    inline(&mut world, "api", actions(&["ec2:DescribeInstances", "ec2:DescribeRegions", "ec2:DescribeVpcs"]));
    for (name, action) in [("moat", "ec2:Describe*"), ("fence", "ec2:*"), ("wall", "*")] {
        world.policies.push(json!({
            "PolicyName": name, "PolicyId": format!("ANPA{name}"), "Arn": policy(name), "Path": "/", "DefaultVersionId": "v1",
            "AttachmentCount": 0, "IsAttachable": true,
            "PolicyVersionList": [{"Document": allow(action, "*"), "VersionId": "v1", "IsDefaultVersion": true}]
        }));
    }
    fence(&mut world, "spare", Some("fence"));
    world
}

/// Role, session name and access key of the sessions in the world.
const API: [&str; 3] = ["api", "s", "ASIAIRSA000000000000"];
const PAY: [&str; 3] = ["pay", "s", "ASIAIRSA000000000002"];
const MAILER: [&str; 3] = ["mailer", "mailer", "ASIAMAILER0000000000"];

fn fence(world: &mut World, name: &str, boundary: Option<&str>) {
    role(world, name)["PermissionsBoundary"] = match boundary {
        Some(boundary) => {
            json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": policy(boundary)})
        }
        None => Value::Null,
    };
}

fn trusting(world: &mut World, name: &str, statement: Value) {
    role(world, name)["AssumeRolePolicyDocument"]["Statement"] = json!([statement]);
}

fn policy(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{name}")
}

fn role<'w>(world: &'w mut World, name: &str) -> &'w mut Value {
    world.roles.iter_mut().find(|role| role["RoleName"] == name).unwrap()
}

fn inline(world: &mut World, name: &str, document: Value) {
    role(world, name)["RolePolicyList"] = json!([{"PolicyName": "p", "PolicyDocument": document}]);
}

/// A call in a session, refused when `denied`.
fn call(world: &mut World, [name, session, key]: [&str; 3], event: &str, denied: bool) {
    world.record(json!({"eventSource": "ec2.amazonaws.com", "eventName": event,
        "userIdentity": {"type": "AssumedRole", "principalId": format!("AROA{name}:{session}"), "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"),
            "accountId": ACCOUNT, "accessKeyId": key, "sessionContext": {"sessionIssuer": {"type": "Role",
            "principalId": format!("AROA{name}"), "arn": arn(name), "accountId": ACCOUNT, "userName": name}}}}));
    if denied {
        let message = format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session} is not authorized to perform: ec2:{event} because no identity-based policy allows the ec2:{event} action"
        );
        let last = world.records.last_mut().unwrap();
        last["errorCode"] = json!("Client.UnauthorizedOperation");
        last["errorMessage"] = json!(message);
    }
}

/// The session of `api` takes another role, and calls with it.
fn chain(world: &mut World, to: [&str; 3]) {
    let [name, session, key] = to;
    call(world, API, "AssumeRole", false);
    let last = world.records.last_mut().unwrap();
    last["eventSource"] = json!("sts.amazonaws.com");
    last["requestParameters"] = json!({"roleArn": arn(name), "roleSessionName": session});
    last["responseElements"] = json!({"credentials": {"accessKeyId": key}, "assumedRoleUser": {
        "assumedRoleId": format!("AROA{name}:{session}"), "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}")}});
    call(world, to, "DescribeInstances", false);
}

pub(super) fn audit(world: &World, dir: &Path) -> Report {
    world.write(dir);
    let settings = Settings {
        sources: vec![dir.join("logs").to_string_lossy().into_owned()],
        iam: vec![dir.join("iam")],
        kubernetes: vec![dir.join("kubernetes")],
        ..Settings::default()
    };
    analyze::audit(&settings, None, &Quiet, &AtomicBool::new(false)).unwrap().report
}

fn report(world: &World) -> Report {
    audit(world, tempfile::tempdir().unwrap().path())
}

/// `CODE LAST-PART-OF-SUBJECT`; of findings, with the finding's code.
pub(super) fn told(found: &Drift) -> BTreeSet<String> {
    let tell = |change: &drift::Change| {
        let subject = change.subject.rsplit(['/', ':']).next().unwrap();
        let finding = match change.code {
            Code::FindingOpened | Code::FindingClosed => change.details[0].split(": ").next().unwrap(),
            _ => "",
        };
        format!("{} {finding} {subject}", change.code.as_str()).replace("  ", " ")
    };
    let all: BTreeSet<String> = found.changes.iter().map(tell).collect();
    assert_eq!(all.len(), found.changes.len(), "each change is told once");
    all
}

type Made = (&'static str, fn(&mut World), &'static [&'static str]);

/// Each kind of difference, what is done, and all that must be said of it.
const MADE: &[Made] = &[
    ("nothing", |_| {}, &[]),
    (
        "the same said in other words",
        |world| {
            let names =
                ["EC2:describevpcs", "ec2:DescribeRegions", "ec2:DescribeInstances", "ec2:DescribeVpcs"];
            inline(world, "api", actions(&names));
        },
        &[],
    ),
    (
        "a grant that was as small as it gets is widened",
        |world| inline(world, "pay", actions(&["ec2:DescribeInstances", "ec2:DescribeVpcs"])),
        &["finding-opened unused-permissions pay", "grant-widened pay", "proposal-undone pay"],
    ),
    (
        "what was proposed is put in place",
        |world| inline(world, "api", actions(&["ec2:DescribeInstances", "ec2:DescribeRegions"])),
        &["finding-closed unused-permissions api", "grant-narrowed api", "proposal-applied api"],
    ),
    (
        "a grant is moved",
        |world| inline(world, "spare", actions(&["ec2:DescribeVolumes"])),
        &["grant-narrowed spare", "grant-widened spare"],
    ),
    (
        "trust is widened",
        |world| {
            let services = ["lambda.amazonaws.com", "ec2.amazonaws.com"];
            trusting(
                world,
                "mailer",
                json!({"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}),
            );
        },
        &["trust-widened mailer"],
    ),
    (
        "trust is narrowed",
        |world| {
            trusting(
                world,
                "mailer",
                json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}),
            );
        },
        &["trust-narrowed mailer"],
    ),
    ("a boundary is set", |world| fence(world, "mailer", Some("fence")), &["boundary-set mailer"]),
    ("a boundary is removed", |world| fence(world, "spare", None), &["boundary-removed spare"]),
    ("a boundary is widened", |world| fence(world, "spare", Some("wall")), &["boundary-widened spare"]),
    ("a boundary is narrowed", |world| fence(world, "spare", Some("moat")), &["boundary-narrowed spare"]),
    (
        "a boundary whose text is not known",
        |world| fence(world, "spare", Some("elsewhere")),
        &["boundary-undecided spare"],
    ),
    (
        "a role is created",
        |world| *world = world.clone().role("fresh", &[], true),
        &["finding-opened unused-role fresh", "role-created fresh"],
    ),
    (
        "a role is deleted",
        |world| world.roles.retain(|role| role["RoleName"] != "spare"),
        &["finding-closed unused-role spare", "role-deleted spare"],
    ),
    (
        "a role is made again under its name",
        |world| role(world, "spare")["RoleId"] = json!("AROAANOTHER"),
        &["role-recreated spare"],
    ),
    (
        "a use is new",
        |world| call(world, API, "DescribeVpcs", false),
        &["finding-closed unused-permissions api", "new-use api"],
    ),
    (
        "a use is no longer seen",
        |world| world.records.retain(|record| record["eventName"] != "DescribeRegions"),
        &["vanished-use api"],
    ),
    (
        "a workload is new",
        |world| call(world, MAILER, "DescribeInstances", false),
        &["finding-closed unused-role mailer", "new-use mailer", "new-workload mailer"],
    ),
    (
        "a workload is no longer seen",
        |world| world.records.retain(|record| !record.to_string().contains("role/pay")),
        &[
            "binding-changed pay",
            "finding-closed denied-in-use pay",
            "finding-opened annotated-never-assumed pay",
            "finding-opened unused-role pay",
            "vanished-denials pay",
            "vanished-use pay",
            "vanished-workload pay",
        ],
    ),
    (
        "a workload takes another role on its way",
        |world| chain(world, MAILER),
        &[
            "finding-closed unused-role mailer",
            "finding-opened unused-trust mailer",
            "new-use api",
            "new-use mailer",
            "workload-roles-changed api",
        ],
    ),
    (
        "a call is refused",
        |world| call(world, API, "RunInstances", true),
        &["finding-opened denied-in-use api", "new-denials api"],
    ),
    (
        "a call is no longer refused",
        |world| world.records.retain(|record| record["eventName"] != "DescribeVolumes"),
        &["finding-closed denied-in-use pay", "vanished-denials pay"],
    ),
    (
        "a ServiceAccount names another role",
        |world| world.manifests = world.manifests.replace("role/pay", "role/spare"),
        &[
            "binding-changed pay",
            "finding-opened annotated-never-assumed pay",
            "finding-opened assumed-not-annotated pay",
            "finding-opened service-account-not-bound pay",
        ],
    ),
    (
        "a ServiceAccount is new",
        |world| *world = world.clone().service_account("shop", "new", Some("spare")),
        &[
            "binding-changed new",
            "finding-opened annotated-never-assumed new",
            "finding-opened service-account-not-bound new",
        ],
    ),
    (
        "the root user is used",
        |world| {
            world.record(json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances",
                "userIdentity": {"type": "Root", "principalId": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:root"), "accountId": ACCOUNT}}));
        },
        &["finding-opened root-use 111122223333", "new-workload 111122223333"],
    ),
];

fn actions(names: &[&str]) -> Value {
    json!({"Version": "2012-10-17", "Statement": {"Sid": "Some", "Effect": "Allow", "Action": names, "Resource": ["*"]}})
}

#[test]
fn each_made_difference_is_told_and_nothing_else() {
    let before = base();
    let old = Side::of_report(report(&before));
    let mut wrong = String::new();
    let mut met: BTreeSet<Code> = BTreeSet::new();
    for (name, make, expected) in MADE {
        let mut after = before.clone();
        make(&mut after);
        let new = Side::of_report(report(&after));
        let there = drift::compare(&old, &new, None);
        met.extend(there.changes.iter().map(|change| change.code));
        let expected: BTreeSet<String> = expected.iter().map(|&text| text.to_owned()).collect();
        if told(&there) != expected {
            wrong += &format!("{name}: {:#?}\nand should be {expected:#?}\n", told(&there));
        }
        assert_eq!(there.not_compared, Vec::<String>::new(), "{name}");
    }
    assert!(wrong.is_empty(), "{wrong}");
    // Whether one can be decided is not a matter of worlds but of proofs.
    let undecided = [Code::GrantUndecided, Code::TrustUndecided];
    let expected: BTreeSet<Code> = Code::ALL.into_iter().filter(|code| !undecided.contains(code)).collect();
    assert_eq!(met, expected, "every kind of difference was made");
}

/// Everything at once is the sum of all, the other way round its mirror image, and a side against itself nothing.
#[test]
fn the_other_way_round_each_difference_is_its_mirror_image() {
    let before = base();
    let old = Side::of_report(report(&before));
    let mirrored = |code: Code| match code {
        Code::RoleCreated => Code::RoleDeleted,
        Code::RoleDeleted => Code::RoleCreated,
        Code::GrantWidened => Code::GrantNarrowed,
        Code::GrantNarrowed => Code::GrantWidened,
        Code::TrustWidened => Code::TrustNarrowed,
        Code::TrustNarrowed => Code::TrustWidened,
        Code::BoundarySet => Code::BoundaryRemoved,
        Code::BoundaryRemoved => Code::BoundarySet,
        Code::BoundaryWidened => Code::BoundaryNarrowed,
        Code::BoundaryNarrowed => Code::BoundaryWidened,
        Code::ProposalApplied => Code::ProposalUndone,
        Code::ProposalUndone => Code::ProposalApplied,
        Code::NewUse => Code::VanishedUse,
        Code::VanishedUse => Code::NewUse,
        Code::NewWorkload => Code::VanishedWorkload,
        Code::VanishedWorkload => Code::NewWorkload,
        Code::NewDenials => Code::VanishedDenials,
        Code::VanishedDenials => Code::NewDenials,
        Code::FindingOpened => Code::FindingClosed,
        Code::FindingClosed => Code::FindingOpened,
        same => same,
    };
    for (name, make, _) in MADE {
        let mut after = before.clone();
        make(&mut after);
        let new = Side::of_report(report(&after));
        let codes = |found: &Drift, turn: bool| -> BTreeSet<(Code, String)> {
            let turned = |code| if turn { mirrored(code) } else { code };
            found.changes.iter().map(|change| (turned(change.code), change.subject.clone())).collect()
        };
        let there = codes(&drift::compare(&old, &new, None), false);
        let back = codes(&drift::compare(&new, &old, None), true);
        assert_eq!(there, back, "{name}");
        assert_eq!(drift::compare(&new, &new, None).changes, [], "{name}");
    }
}
