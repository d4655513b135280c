//! Refusals by an organization's policies, with its files at hand.

use leastwise::explain::{Agreement, Verdict};
use leastwise::inventory::{self, Inventory};
use serde_json::{Value, json};

use super::{anything, of_record, refused, role};

const ACCOUNT: &str = "111111111111";
const ON: &str = "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: sqs:PurgeQueue on resource: arn:aws:sqs:eu-west-1:111111111111:q";

fn organization(unit: Value) -> Inventory {
    let policy = |id: &str, kind: &str, statements: Value, target: &str| {
        json!({"PolicySummary": {"Id": id, "Arn": format!("arn:aws:organizations::999999999999:policy/o-1/{kind}/{id}"), "Name": id, "Type": kind},
            "Content": json!({"Version": "2012-10-17", "Statement": statements}), "Targets": [{"TargetId": target}]})
    };
    let file = json!({
    "Organization": {"Id": "o-1", "MasterAccountId": "999999999999"},
    "Roots": [{"Id": "r-1", "Name": "Root"}],
    "OrganizationalUnits": [{"Id": "ou-1", "Name": "work", "ParentId": "r-1"}],
    "Accounts": [{"Id": ACCOUNT, "Name": "shop", "ParentId": "ou-1"}],
    "Policies": [
        policy("p-root", "SERVICE_CONTROL_POLICY", json!([anything()]), "r-1"),
        policy("p-unit", "SERVICE_CONTROL_POLICY", unit, "ou-1"),
        policy("p-own", "SERVICE_CONTROL_POLICY", json!([anything()]), ACCOUNT),
        policy("p-rcp", "RESOURCE_CONTROL_POLICY", json!([{"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]), "r-1"),
    ]});
    let page = json!({"RoleDetailList": [role("app", json!([]), anything())], "UserDetailList": [], "GroupDetailList": [], "Policies": []});
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("all.json"), format!("{page}\n{file}")).unwrap();
    let inventory = inventory::read(&[dir.path().to_owned()], &[]).unwrap();
    assert_eq!(inventory.problems, [""; 0]);
    inventory
}

fn record(tail: &str) -> Value {
    refused("sqs.amazonaws.com", "PurgeQueue", "AccessDenied", format!("{ON} {tail}").trim_end())
}

#[test]
fn the_level_and_statement_that_deny_are_named() {
    let denies = organization(
        json!([anything(), {"Sid": "NoPurge", "Effect": "Deny", "Action": "sqs:Purge*", "Resource": "*"}]),
    );
    for tail in ["with an explicit deny in a service control policy", ""] {
        let found = of_record(&record(tail), &denies);
        assert_eq!((found.layer.as_str(), found.explicit), ("scp", true), "{found:#?}");
        let statement = found.statement.as_ref().unwrap();
        assert_eq!(
            (statement.policy.as_str(), statement.sid.as_deref(), statement.index),
            ("p-unit", Some("NoPurge"), 1)
        );
        assert_eq!(found.suggestion.as_ref().unwrap().target, "guardrail");
        assert_eq!(found.cause, "guardrail");
    }
    let found = of_record(&record("with an explicit deny in a service control policy"), &denies);
    assert_eq!(found.agreement, Agreement::Agree);
}

#[test]
fn a_level_that_does_not_allow_is_named_with_what_is_missing() {
    let narrow = organization(json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]));
    let found =
        of_record(&record("because no service control policy allows the sqs:PurgeQueue action"), &narrow);
    assert_eq!(
        (found.layer.as_str(), found.explicit, found.agreement),
        ("scp", false, Agreement::Agree),
        "{found:#?}"
    );
    assert!(found.reason.contains("service control policies of unit ou-1 (work)"), "{}", found.reason);
    assert_eq!(found.missing.as_ref().unwrap()["Action"], "sqs:PurgeQueue");
    let suggestion = found.suggestion.unwrap();
    assert!(
        suggestion.checked && suggestion.change.contains("whoever runs the organization"),
        "{suggestion:?}"
    );
}

#[test]
fn policies_that_allow_now_differ_from_the_log_and_a_named_rcp_is_looked_up() {
    let open = organization(json!([anything()]));
    let found = of_record(&record("with an explicit deny in a service control policy"), &open);
    assert_eq!((found.layer.as_str(), found.agreement), ("scp", Agreement::Differ), "{found:#?}");
    let arn = "arn:aws:organizations::999999999999:policy/o-1/RESOURCE_CONTROL_POLICY/p-rcp";
    let found =
        of_record(&record(&format!("with an explicit deny in a resource control policy: {arn}")), &open);
    assert_eq!((found.layer.as_str(), found.verdict), ("rcp", Verdict::Denied));
    let statement = found.statement.unwrap();
    assert_eq!((statement.policy.as_str(), statement.part.as_str()), ("p-rcp", "denies"));
}
