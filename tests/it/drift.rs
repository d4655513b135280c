//! Drift between two made worlds is the made difference, no more and no less.

mod ledgers;
mod managed;
mod refused;
mod worlds;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::root;

const ACCOUNT: &str = "111122223333";

fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})
}

fn trust(service: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]})
}

/// A role as `get-account-authorization-details` prints it.
fn role(name: &str, id: &str, policies: &[(&str, Value)], trust: &Value, boundary: Option<&str>) -> Value {
    let inline: Vec<Value> = policies
        .iter()
        .map(|(name, document)| json!({"PolicyName": name, "PolicyDocument": document}))
        .collect();
    let mut role = json!({
        "Path": "/", "RoleName": name, "RoleId": id, "Arn": arn(name), "CreateDate": "2025-01-01T00:00:00Z",
        "AssumeRolePolicyDocument": trust, "InstanceProfileList": [], "RolePolicyList": inline, "AttachedManagedPolicies": [], "Tags": []
    });
    if let Some(boundary) = boundary {
        role["PermissionsBoundary"] =
            json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary});
    }
    role
}

fn snapshot(dir: &Path, name: &str, roles: &[Value]) {
    let fence = format!("arn:aws:iam::{ACCOUNT}:policy/fence");
    let fence = json!({
        "PolicyName": "fence", "PolicyId": "ANPA1", "Arn": fence, "Path": "/", "DefaultVersionId": "v1", "AttachmentCount": 0, "IsAttachable": true,
        "PolicyVersionList": [{"Document": allow("s3:*", "*"), "VersionId": "v1", "IsDefaultVersion": true, "CreateDate": "2025-01-01T00:00:00Z"}]
    });
    let all =
        json!({"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": roles, "Policies": [fence]});
    fs::write(dir.join(name), all.to_string()).unwrap();
}

fn drift(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .arg("drift")
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// `CODE SUBJECT`, sorted.
fn codes(found: &Value) -> Vec<String> {
    let changes = found["changes"].as_array().unwrap();
    let mut codes: Vec<String> = changes
        .iter()
        .map(|change| {
            format!(
                "{} {}",
                change["code"].as_str().unwrap(),
                change["subject"].as_str().unwrap().rsplit('/').next().unwrap()
            )
        })
        .collect();
    codes.sort();
    codes
}

fn found(dir: &Path, arguments: &[&str]) -> Value {
    let (_, stdout, stderr) = drift(dir, &[arguments, &["--format", "json"]].concat());
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"))
}

/// Two moments of one account.
fn two_moments(dir: &Path) {
    let ec2 = trust("ec2.amazonaws.com");
    let both = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}, "Action": "sts:AssumeRole"}]});
    let fence = format!("arn:aws:iam::{ACCOUNT}:policy/fence");
    let reads = allow("s3:Get*", "*");
    let rewritten = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "One", "Effect": "Allow", "Action": ["s3:Get*", "s3:GetObject"], "Resource": ["*"]}
    ]});
    snapshot(
        dir,
        "old.json",
        &[
            role("same", "AROA01", &[("p", reads.clone())], &ec2, None),
            role("rewritten", "AROA02", &[("p", reads.clone())], &ec2, None),
            role("widened", "AROA03", &[("p", reads.clone())], &ec2, None),
            role("narrowed", "AROA04", &[("p", allow("s3:*", "*"))], &ec2, None),
            role("moved", "AROA05", &[("p", allow("sqs:*", "*"))], &ec2, None),
            role("trusted", "AROA06", &[("p", reads.clone())], &ec2, None),
            role("fenced", "AROA07", &[("p", reads.clone())], &ec2, None),
            role("freed", "AROA08", &[("p", reads.clone())], &ec2, Some(&fence)),
            role("again", "AROA09", &[("p", reads.clone())], &ec2, None),
            role("gone", "AROA10", &[("p", reads.clone())], &ec2, None),
        ],
    );
    snapshot(
        dir,
        "new.json",
        &[
            role("same", "AROA01", &[("p", reads.clone())], &ec2, None),
            role("rewritten", "AROA02", &[("q", rewritten)], &ec2, None),
            role(
                "widened",
                "AROA03",
                &[("p", reads.clone()), ("more", allow("iam:PassRole", "*"))],
                &ec2,
                None,
            ),
            role("narrowed", "AROA04", &[("p", reads.clone())], &ec2, None),
            role("moved", "AROA05", &[("p", allow("sns:*", "*"))], &ec2, None),
            role("trusted", "AROA06", &[("p", reads.clone())], &both, None),
            role("fenced", "AROA07", &[("p", reads.clone())], &ec2, Some(&fence)),
            role("freed", "AROA08", &[("p", reads.clone())], &ec2, None),
            role("again", "AROA99", &[("p", reads.clone())], &ec2, None),
            role("made", "AROA11", &[("p", reads)], &ec2, None),
        ],
    );
}

#[test]
fn the_difference_is_what_was_made() {
    let dir = tempfile::tempdir().unwrap();
    two_moments(dir.path());
    let found = found(dir.path(), &["old.json", "new.json"]);
    assert_eq!(
        codes(&found),
        [
            "boundary-removed freed",
            "boundary-set fenced",
            "grant-narrowed moved",
            "grant-narrowed narrowed",
            "grant-widened moved",
            "grant-widened widened",
            "role-created made",
            "role-deleted gone",
            "role-recreated again",
            "trust-widened trusted",
        ]
    );
    assert_eq!(found["unchanged_roles"], 2);
    assert_eq!(found["not_compared"], json!([]));
    let widened = found["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["subject"] == arn("widened"))
        .unwrap();
    assert_eq!(widened["witness"]["action"], "iam:PassRole");
    let schema: Value = {
        let output =
            Command::new(env!("CARGO_BIN_EXE_leastwise")).args(["schema", "drift"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    jsonschema::validator_for(&schema).unwrap().validate(&found).unwrap();

    // The other way round the difference is the same, turned round.
    let back = self::found(dir.path(), &["new.json", "old.json"]);
    assert_eq!(
        codes(&back),
        [
            "boundary-removed fenced",
            "boundary-set freed",
            "grant-narrowed moved",
            "grant-narrowed widened",
            "grant-widened moved",
            "grant-widened narrowed",
            "role-created gone",
            "role-deleted made",
            "role-recreated again",
            "trust-narrowed trusted",
        ]
    );
    assert_eq!(self::found(dir.path(), &["old.json", "old.json"])["changes"], json!([]));
}

#[test]
fn a_gate_trips_at_its_severity() {
    let dir = tempfile::tempdir().unwrap();
    two_moments(dir.path());
    for (arguments, status) in [
        (&["old.json", "new.json"][..], 0),
        (&["old.json", "new.json", "--fail-on", "high"], 10),
        (&["old.json", "new.json", "--fail-on", "critical"], 0),
        (&["old.json", "old.json", "--fail-on", "low"], 0),
    ] {
        assert_eq!(drift(dir.path(), arguments).0, status, "{arguments:?}");
    }
    let (_, text, _) = drift(dir.path(), &["old.json", "new.json"]);
    assert!(text.contains("for example iam:PassRole on"), "{text}");
    let (_, markdown, _) = drift(dir.path(), &["old.json", "new.json", "--format", "markdown"]);
    assert!(markdown.contains("| high | grant-widened |"), "{markdown}");
}

/// A write event of IAM.
fn write(id: &str, time: &str, call: &str, request: &Value) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": time, "eventSource": "iam.amazonaws.com", "eventName": call, "awsRegion": "us-east-1",
        "eventID": id, "eventType": "AwsApiCall", "eventCategory": "Management", "managementEvent": true, "readOnly": false,
        "recipientAccountId": ACCOUNT, "requestParameters": request, "responseElements": null,
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAADMIN:mallory", "accountId": ACCOUNT,
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/admin/mallory"),
            "sessionContext": {"sourceIdentity": "m@example.com", "sessionIssuer": {"type": "Role", "arn": arn("admin"), "principalId": "AROAADMIN", "userName": "admin", "accountId": ACCOUNT}}
        }
    })
}

#[test]
fn the_log_tells_who_changed_what_and_whether_that_is_all() {
    let dir = tempfile::tempdir().unwrap();
    two_moments(dir.path());
    let text = |document: Value| document.to_string();
    let put = |id: &str, role: &str, policy: &str, document: Value| {
        write(
            id,
            "2025-06-01T10:00:00Z",
            "PutRolePolicy",
            &json!({"roleName": role, "policyName": policy, "policyDocument": text(document)}),
        )
    };
    let records = json!({"Records": [
        put("e1", "widened", "more", allow("iam:PassRole", "*")),
        put("e2", "narrowed", "p", allow("s3:Put*", "*")),
        put("e3", "moved", "other", allow("sns:*", "*")),
        write("e4", "2025-06-01T11:00:00Z", "DeleteRolePermissionsBoundary", &json!({"roleName": "freed"})),
        write("e5", "2025-06-01T12:00:00Z", "UpdateRole", &json!({"roleName": "same"})),
        write("e6", "2025-06-01T12:00:00Z", "DeleteRole", &json!({"roleName": "gone"})),
    ]});
    fs::create_dir(dir.path().join("logs")).unwrap();
    fs::write(dir.path().join("logs/a.json"), records.to_string()).unwrap();
    let found = found(dir.path(), &["old.json", "new.json", "--logs", "logs"]);
    let change = |code: &str, role: &str| {
        let changes = found["changes"].as_array().unwrap().iter();
        changes
            .clone()
            .find(|change| change["code"] == code && change["subject"] == arn(role))
            .unwrap_or_else(|| panic!("{code} {role}"))
            .clone()
    };
    let widened = change("grant-widened", "widened");
    assert_eq!(widened["writes"][0]["event"], "e1");
    assert_eq!(widened["writes"][0]["by"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/admin/mallory"));
    assert_eq!(widened["writes"][0]["source_identity"], "m@example.com");
    let details = |change: &Value| change["details"].to_string();
    assert!(details(&widened).contains("lead from the old policies to the new"), "{widened}");
    assert!(details(&change("grant-narrowed", "narrowed")).contains("do not lead to the new"));
    assert!(
        details(&change("grant-widened", "moved")).contains("do not lead to the new"),
        "the old policy is still there"
    );
    assert_eq!(change("boundary-removed", "freed")["writes"][0]["event"], "e4");
    assert_eq!(change("role-deleted", "gone")["writes"][0]["event"], "e6");
    assert_eq!(change("trust-widened", "trusted")["writes"], json!([]), "nothing in the log says who");
    let others = found["other_writes"].as_array().unwrap();
    assert_eq!(others.iter().map(|write| write["event"].as_str().unwrap()).collect::<Vec<_>>(), ["e5"]);
}

#[test]
fn two_reports_differ_in_use_findings_and_proposals() {
    let dir = tempfile::tempdir().unwrap();
    let report: Value =
        serde_json::from_slice(&fs::read(root().join("reports/report.json")).unwrap()).unwrap();
    let mut later = report.clone();
    let roles = later["roles"].as_array_mut().unwrap();
    let at = roles.iter().position(|role| role["name"] == "northwind-payments-api").unwrap();
    // What was proposed is put in place, an action is no longer used, another is.
    roles[at]["proposal"]["current"] = roles[at]["proposal"]["policies"].clone();
    let vanished = roles[at]["used"].as_array_mut().unwrap().remove(0)["action"].clone();
    roles[at]["used"][0]["action"] = json!("secretsmanager:DescribeSecret");
    let closed = later["findings"].as_array_mut().unwrap().remove(0);
    later["findings"][0]["id"] = json!("0".repeat(32));
    later["findings"][0]["severity"] = json!("critical");
    let gone = later["workloads"].as_array_mut().unwrap().remove(0);
    later["bindings"][0]["state"] = json!("drift");
    fs::write(dir.path().join("later.json"), later.to_string()).unwrap();
    fs::write(dir.path().join("report.json"), report.to_string()).unwrap();
    let found = found(dir.path(), &["report.json", "later.json"]);
    let codes: Vec<&str> =
        found["changes"].as_array().unwrap().iter().map(|change| change["code"].as_str().unwrap()).collect();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            "binding-changed",
            "finding-closed",
            "finding-closed",
            "finding-opened",
            "grant-narrowed",
            "new-use",
            "proposal-applied",
            "vanished-use",
            "vanished-workload",
        ]
    );
    let text = found.to_string();
    for word in [
        vanished.as_str().unwrap(),
        closed["title"].as_str().unwrap(),
        gone["id"].as_str().unwrap(),
        "secretsmanager:DescribeSecret",
    ] {
        assert!(text.contains(word), "{word}");
    }
    assert_eq!(found["changes"][0]["severity"], "critical", "an opened finding weighs what it is");
    let (status, ..) = drift(dir.path(), &["report.json", "later.json", "--fail-on", "critical"]);
    assert_eq!(status, 10);

    // And back: what had been put in place is undone.
    let back = self::found(dir.path(), &["later.json", "report.json"]);
    assert!(
        back["changes"].as_array().unwrap().iter().any(|change| change["code"] == "proposal-undone"),
        "{back:#}"
    );
}

#[test]
fn code_is_held_against_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    two_moments(dir.path());
    let resource = |name: &str, kind: &str, values: Value| json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "values": values});
    let state = json!({"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {"resources": [
        resource("w", "aws_iam_role", json!({"name": "widened", "arn": arn("widened"), "assume_role_policy": trust("ec2.amazonaws.com").to_string(), "inline_policy": [], "managed_policy_arns": [], "permissions_boundary": ""})),
        resource("w", "aws_iam_role_policy", json!({"name": "p", "role": "widened", "policy": allow("s3:Get*", "*").to_string()})),
    ]}}});
    fs::write(dir.path().join("state.json"), state.to_string()).unwrap();
    let found = found(dir.path(), &["state.json", "new.json"]);
    assert_eq!(codes(&found), ["grant-widened widened"]);
    assert!(
        found["not_compared"].to_string().contains("is not in state.json"),
        "other roles are not called new"
    );
}
