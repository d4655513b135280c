//! Changes of managed policies and boundaries, which no call on the role itself makes; and what is only said in more words.

use super::*;

fn policy(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{name}")
}

/// A snapshot whose managed policies have these documents; `shared` is attached to `one` and `two`, `fence` their sibling's boundary.
fn account(dir: &Path, name: &str, shared: &Value, fence: &Value, lone: &Value) {
    let ec2 = trust("ec2.amazonaws.com");
    let attached = |name: &str, id: &str| {
        let mut role = role(name, id, &[], &ec2, None);
        role["AttachedManagedPolicies"] = json!([{"PolicyName": "shared", "PolicyArn": policy("shared")}]);
        role
    };
    let roles = [
        attached("one", "AROA01"),
        attached("two", "AROA02"),
        role("fenced", "AROA03", &[("p", allow("s3:*", "*"))], &ec2, Some(&policy("fence"))),
        role("lone", "AROA04", &[("p", lone.clone())], &ec2, None),
    ];
    let managed = |name: &str, document: &Value| {
        json!({"PolicyName": name, "PolicyId": format!("ANPA{name}"), "Arn": policy(name), "Path": "/", "DefaultVersionId": "v1",
            "AttachmentCount": 1, "IsAttachable": true, "PolicyVersionList": [{"Document": document, "VersionId": "v1", "IsDefaultVersion": true}]})
    };
    let all = json!({"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": roles,
        "Policies": [managed("shared", shared), managed("fence", fence)]});
    fs::write(dir.join(name), all.to_string()).unwrap();
}

#[test]
fn who_changed_a_managed_policy_or_a_boundary_stands_beside_every_role_it_reaches() {
    let dir = tempfile::tempdir().unwrap();
    let same = allow("sqs:SendMessage", "*");
    account(dir.path(), "old.json", &allow("s3:Get*", "*"), &allow("s3:Get*", "*"), &same);
    account(dir.path(), "new.json", &allow("s3:*", "*"), &allow("s3:*", "*"), &same);
    let at = "2025-06-01T10:00:00Z";
    let version =
        |name: &str| json!({"policyArn": policy(name), "policyDocument": "{}", "setAsDefault": true});
    let records = json!({"Records": [
        write("shared-1", at, "CreatePolicyVersion", &version("shared")),
        write("fence-1", at, "SetDefaultPolicyVersion", &json!({"policyArn": policy("fence"), "versionId": "v2"})),
        write("other-1", at, "CreatePolicyVersion", &version("elsewhere")),
    ]});
    fs::create_dir(dir.path().join("logs")).unwrap();
    fs::write(dir.path().join("logs/a.json"), records.to_string()).unwrap();
    let found = found(dir.path(), &["old.json", "new.json", "--logs", "logs"]);
    let told: Vec<(&str, Vec<&str>)> = found["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let writes = change["writes"].as_array().unwrap().iter();
            let events = writes.map(|write| write["event"].as_str().unwrap()).collect();
            (change["code"].as_str().unwrap(), events)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("boundary-widened", vec!["fence-1"]),
            ("grant-widened", vec!["shared-1"]),
            ("grant-widened", vec!["shared-1"])
        ],
        "{found:#}"
    );
    for change in &found["changes"].as_array().unwrap()[1..] {
        assert!(change["details"].to_string().contains("lead from the old policies to the new"), "{change}");
    }
    assert_eq!(found["other_writes"].as_array().unwrap().len(), 1);
    assert_eq!(found["other_writes"][0]["event"], "other-1");
}

#[test]
fn a_deny_of_what_was_not_allowed_is_told_and_trips_no_gate() {
    let dir = tempfile::tempdir().unwrap();
    let (shared, fence) = (allow("s3:Get*", "*"), allow("s3:Get*", "*"));
    account(dir.path(), "old.json", &shared, &fence, &allow("s3:GetObject", "*"));
    let mut denying = allow("s3:GetObject", "*");
    let deny = json!({"Effect": "Deny", "Action": "ec2:*", "Resource": "*"});
    denying["Statement"].as_array_mut().unwrap().push(deny);
    account(dir.path(), "new.json", &shared, &fence, &denying);
    let found = found(dir.path(), &["old.json", "new.json"]);
    assert_eq!(codes(&found), ["grant-undecided lone"]);
    assert!(found["changes"][0]["title"].as_str().unwrap().contains("allow less than before"), "{found:#}");
    assert!(found["changes"][0]["details"][0].as_str().unwrap().contains("nothing more is allowed"));
    assert_eq!(drift(dir.path(), &["old.json", "new.json", "--fail-on", "low"]).0, 0);
    // The other way round a deny is gone, which may open what policies of resources allow.
    let back = self::found(dir.path(), &["new.json", "old.json"]);
    assert_eq!(
        (codes(&back), &back["changes"][0]["severity"]),
        (vec!["grant-undecided lone".to_owned()], &json!("medium"))
    );
}
