//! Calls that a session policy refused: the call that opened the session tells of it, inline and by ARN.

use super::*;

const KEY: &str = "ASIAEXAMPLEEXAMPLE01";
const MANAGED: &str = "arn:aws:iam::111111111111:policy/limits/OnlyQueues";

/// A role allowed everything, and a managed policy that is attached to nobody.
fn inventory() -> Inventory {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("account.json");
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]});
    let page = json!({"RoleDetailList": [role("app", json!([]), json!([anything()]))], "UserDetailList": [], "GroupDetailList": [],
        "Policies": [{"PolicyName": "OnlyQueues", "PolicyId": "ANPAEXAMPLE", "Arn": MANAGED, "Path": "/limits/", "DefaultVersionId": "v1",
            "PolicyVersionList": [{"Document": document, "VersionId": "v1", "IsDefaultVersion": true}]}]});
    std::fs::write(&file, page.to_string()).unwrap();
    inventory::read(&[file], &[]).unwrap()
}

/// The call that opened the session, with these session policies.
fn opened(parameters: Value) -> Value {
    let mut request = json!({"roleArn": "arn:aws:iam::111111111111:role/app", "roleSessionName": "s"});
    request.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    json!({"eventVersion": "1.08", "eventID": "00000000-0000-4000-8000-000000000001", "eventTime": "2026-01-02T03:00:00Z",
        "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "awsRegion": "eu-west-1", "recipientAccountId": "111111111111",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111111111111:user/u", "accountId": "111111111111", "principalId": "AIDA1"},
        "requestParameters": request,
        "responseElements": {"credentials": {"accessKeyId": KEY, "expiration": "Jan 2, 2026, 4:00:00 AM"},
            "assumedRoleUser": {"assumedRoleId": "AROAapp:s", "arn": "arn:aws:sts::111111111111:assumed-role/app/s"}}})
}

/// A call of that session, refused without a word about why.
fn refused(key: &str, message: &str) -> Value {
    json!({"eventVersion": "1.08", "eventID": "00000000-0000-4000-8000-000000000002", "eventTime": "2026-01-02T03:04:05Z",
        "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "eu-west-1", "recipientAccountId": "111111111111",
        "errorCode": "AccessDenied", "errorMessage": message,
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111111111111:assumed-role/app/s", "accountId": "111111111111",
            "principalId": "AROAapp:s", "accessKeyId": key,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111111111111:role/app", "accountId": "111111111111"}}},
        "requestParameters": {"bucketName": "b", "key": "k"}, "responseElements": null,
        "resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k"}]})
}

const SILENT: &str = "Access Denied";

fn explained(parameters: Value, key: &str, message: &str) -> Explanation {
    let records = [refused(key, message), opened(parameters)];
    let mut found = of_records(&records, &inventory());
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[test]
fn a_managed_policy_of_the_snapshot_refuses() {
    let found = explained(json!({"policyArns": [{"arn": MANAGED}]}), KEY, SILENT);
    assert_eq!(
        (found.layer.as_str(), found.explicit, found.cause.as_str()),
        ("session", false, "no-allow"),
        "{found:?}"
    );
    let suggestion = found.suggestion.unwrap();
    assert_eq!(suggestion.target, "request");
    assert!(suggestion.checked && suggestion.change.contains("session policies"), "{suggestion:?}");
    // The log says the same.
    let message = "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/k\" because no session policy allows the s3:GetObject action";
    let found = explained(json!({"policyArns": [{"arn": MANAGED}]}), KEY, message);
    assert_eq!(
        (found.layer.as_str(), found.agreement),
        ("session", leastwise::explain::Agreement::Agree),
        "{found:?}"
    );
}

#[test]
fn a_policy_passed_inline_refuses() {
    let deny = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*"}]});
    let found = explained(json!({"policy": deny.to_string()}), KEY, SILENT);
    assert_eq!((found.layer.as_str(), found.explicit), ("session", true), "{found:?}");
    let statement = found.statement.unwrap();
    assert_eq!((statement.index, statement.part.as_str()), (1, "denies"), "{statement:?}");
    // Together with the managed one what either allows is allowed; a deny of either holds.
    let allow =
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}});
    let found =
        explained(json!({"policy": allow.to_string(), "policyArns": [{"arn": MANAGED}]}), KEY, SILENT);
    assert_ne!(found.layer, "session", "{found:?}");
    assert!(found.notes.iter().any(|note| note.contains("its session policies")), "{found:?}");
}

#[test]
fn what_the_snapshot_does_not_hold_is_unknown_and_named() {
    let aws = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let found = explained(json!({"policyArns": [{"arn": MANAGED}, {"arn": aws}]}), KEY, SILENT);
    assert_eq!(found.layer, "unknown", "{found:?}");
    let names = |found: &Explanation, text: &str| found.notes.iter().any(|note| note.contains(text));
    assert!(names(&found, aws) && !names(&found, MANAGED), "{found:?}");
    let witness = found.snapshot.as_ref().unwrap();
    assert_eq!((witness.layer.as_str(), witness.verdict), ("session", leastwise::explain::Verdict::Unknown));
    let found = explained(json!({"policy": "{\"Statement\": 1}"}), KEY, SILENT);
    assert!(names(&found, "cannot be read"), "{found:?}");
}

#[test]
fn another_session_of_the_role_is_not_limited() {
    let found = explained(json!({"policyArns": [{"arn": MANAGED}]}), "ASIAEXAMPLEEXAMPLE02", SILENT);
    assert!(
        found.layer == "unknown" && found.notes.iter().all(|note| !note.contains("session policies are")),
        "{found:?}"
    );
    assert_eq!(found.snapshot.unwrap().layer, "identity");
    let found = explained(json!({}), KEY, SILENT);
    assert_eq!(found.snapshot.unwrap().layer, "identity");
}
