//! Encoded refusals with their message decoded.

use serde_json::{Value, json};

use super::{path, refused, role, run};

/// A message as the AWS CLI prints it.
fn decoded(action: &str, explicit: bool, conditions: &[(&str, &str)], statements: Value) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(key, value)| json!({"key": key, "values": {"items": [{"value": value}]}}))
        .collect();
    let message = json!({"allowed": false, "explicitDeny": explicit, "matchedStatements": {"items": statements}, "failures": {"items": []},
        "context": {"principal": {"id": "AROAapp:s", "name": "app", "arn": "arn:aws:sts::111111111111:assumed-role/app/s"},
            "action": action, "resource": "arn:aws:ec2:eu-west-1:111111111111:instance/i-1", "conditions": {"items": conditions}}});
    json!({"DecodedMessage": message.to_string()})
}

/// The explanation the command line gives of a message, beside a role with these statements.
fn explained(message: &Value, allowed: Value, event: Option<&Value>) -> (i32, Value, String) {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let page = json!({"RoleDetailList": [role("app", json!([]), allowed)], "UserDetailList": [], "GroupDetailList": [], "Policies": []});
    let iam = write("iam.json", page.to_string());
    let message = write("decoded.json", message.to_string());
    let event = event.map(|event| write("event.json", event.to_string()));
    let mut args = vec!["explain", "--decoded", path(&message), "--iam", path(&iam), "--format", "json"];
    if let Some(event) = &event {
        args.extend(["--event", path(event)]);
    }
    let (exit, out, err) = run(&args);
    (exit, serde_json::from_str(&out).unwrap_or(Value::Null), err)
}

#[test]
fn a_decoded_message_tells_action_resource_and_conditions() {
    let describe = json!({"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"});
    let tagged = json!({"Sid": "OnlyOurs", "Effect": "Allow", "Action": "ec2:*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "core"}}});
    let denies = json!([{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}, {"Sid": "Never", "Effect": "Deny", "Action": "ec2:StopInstances", "Resource": "*"}]);
    let everything = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let of_scp = json!([{"statementId": "Guard", "effect": "DENY"}]);
    for (message, allowed, layer, explicit, cause) in [
        (decoded("ec2:StopInstances", false, &[], json!([])), describe, "identity", false, "no-allow"),
        (
            decoded("ec2:StopInstances", false, &[("aws:ResourceTag/team", "data")], json!([])),
            tagged,
            "identity",
            false,
            "condition",
        ),
        (
            decoded("ec2:StopInstances", true, &[], json!([{"statementId": "Never", "effect": "DENY"}])),
            denies,
            "identity",
            true,
            "explicit-deny",
        ),
        // Denied by something that is not in the snapshot: the message names no kind of policy.
        (decoded("ec2:StopInstances", true, &[], of_scp), everything, "unknown", true, "explicit-deny"),
    ] {
        let (exit, found, err) = explained(&message, allowed, None);
        assert_eq!(exit, 0, "{err}");
        assert_eq!(
            (&found["layer"], &found["explicit"], &found["cause"]),
            (&json!(layer), &json!(explicit), &json!(cause)),
            "{found:#}"
        );
        assert_eq!(
            (&found["action"], &found["resource"]),
            (&json!("ec2:StopInstances"), &json!("arn:aws:ec2:eu-west-1:111111111111:instance/i-1"))
        );
        assert_eq!(found["event"], Value::Null);
        match cause {
            "condition" => {
                let failed = &found["failed_conditions"][0];
                assert_eq!((&failed["expected"], &failed["actual"]), (&json!(["core"]), &json!(["data"])));
                assert_eq!(found["statement"]["sid"], "OnlyOurs");
            }
            "no-allow" => assert_eq!(found["suggestion"]["checked"], true),
            _ if layer == "identity" => assert_eq!(found["statement"]["sid"], "Never"),
            _ => {
                let notes = found["notes"].to_string();
                assert!(notes.contains("By the decoded message `Guard` denied it"), "{notes}");
            }
        }
    }
}

#[test]
fn a_decoded_message_is_heard_beside_its_event() {
    let blob = "x".repeat(300);
    let text = format!(
        "You are not authorized to perform this operation. Encoded authorization failure message: {blob}"
    );
    let event = refused("ec2.amazonaws.com", "StopInstances", "Client.UnauthorizedOperation", &text);
    let describe = json!({"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"});
    let (exit, found, err) =
        explained(&decoded("ec2:StopInstances", false, &[], json!([])), describe.clone(), Some(&event));
    assert_eq!(exit, 0, "{err}");
    assert_eq!((&found["event"]["name"], &found["layer"]), (&json!("StopInstances"), &json!("identity")));
    assert_eq!(found["resource"], "arn:aws:ec2:eu-west-1:111111111111:instance/i-1");
    assert!(
        !found.to_string().contains("DecodeAuthorizationMessage"),
        "nothing is left to decode: {found:#}"
    );
    // The message of another call.
    let (exit, _, err) =
        explained(&decoded("ec2:RunInstances", false, &[], json!([])), describe.clone(), Some(&event));
    assert_eq!(exit, 2, "{err}");
    assert!(err.contains("ec2:RunInstances") && err.contains("no refused call"), "{err}");
    // And what is no message.
    for (text, part) in [
        (json!({"a": 1}), "context.action"),
        (json!({"DecodedMessage": "{"}), "not JSON"),
        (json!({"allowed": true, "context": {"action": "ec2:X"}}), "was allowed"),
    ] {
        let (exit, _, err) = explained(&text, describe.clone(), None);
        assert_eq!(exit, 2, "{err}");
        assert!(err.contains(part), "{part} in {err}");
    }
}
