//! Encoded reasons that AWS is asked about, and the granted side as it is now.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{path, refused, role, run, run_with};

const KEYS: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// An encoded reason, whole.
fn blob(letter: char) -> String {
    format!("{}-_9", letter.to_string().repeat(300))
}

/// The answer as STS gives it: `principal` was refused `action`.
fn decoded(action: &str) -> String {
    let message = json!({"allowed": false, "explicitDeny": false, "matchedStatements": {"items": []}, "failures": {"items": []},
        "context": {"principal": {"id": "AROAapp:s", "name": "s", "arn": "arn:aws:sts::111111111111:assumed-role/app/s"},
            "action": action, "resource": "arn:aws:ec2:eu-west-1:111111111111:instance/i-1",
            "conditions": {"items": [{"key": "ec2:Region", "values": {"items": [{"value": "eu-west-1"}]}}]}}});
    let text = message.to_string().replace('"', "&quot;");
    format!(
        "<DecodeAuthorizationMessageResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><DecodeAuthorizationMessageResult>\
         <DecodedMessage>{text}</DecodedMessage></DecodeAuthorizationMessageResult><ResponseMetadata><RequestId>1</RequestId>\
         </ResponseMetadata></DecodeAuthorizationMessageResponse>"
    )
}

/// What was posted as a form.
fn form(request: &Request) -> BTreeMap<String, String> {
    let text = String::from_utf8(request.body.clone()).unwrap();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

struct Sts {
    runtime: Runtime,
    server: MockServer,
}

impl Sts {
    fn new(answer: impl Fn(&BTreeMap<String, String>) -> (u16, String) + Send + Sync + 'static) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(async {
            let server = MockServer::start().await;
            let respond = move |request: &Request| {
                let (status, body) = answer(&form(request));
                ResponseTemplate::new(status).set_body_raw(body, "text/xml")
            };
            Mock::given(method("POST")).respond_with(respond).mount(&server).await;
            server
        });
        Self { runtime, server }
    }

    /// The actions asked for, with the Regions their signatures name.
    fn asked(&self) -> Vec<(String, String)> {
        let requests = self.runtime.block_on(self.server.received_requests()).unwrap();
        let region = |request: &Request| {
            let signed = request.headers["authorization"].to_str().unwrap().to_owned();
            signed.split('/').nth(2).unwrap().to_owned()
        };
        requests.iter().map(|request| (form(request)["Action"].clone(), region(request))).collect()
    }
}

fn failure(status: u16, code: &str, message: &str) -> (u16, String) {
    let text = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    );
    (status, text)
}

struct Case {
    dir: tempfile::TempDir,
    iam: PathBuf,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let iam = dir.path().join("iam.json");
        let allowed = json!({"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"});
        let page = json!({"RoleDetailList": [role("app", json!([]), allowed)], "UserDetailList": [], "GroupDetailList": [], "Policies": []});
        std::fs::write(&iam, page.to_string()).unwrap();
        Self { dir, iam }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    /// A log of refused calls, one for each operation and encoded reason.
    fn log(&self, calls: &[(&str, &str)]) -> PathBuf {
        let records: Vec<Value> = calls
            .iter()
            .map(|(name, blob)| {
                let message = format!(
                    "You are not authorized to perform this operation. Encoded authorization failure message: {blob}"
                );
                refused("ec2.amazonaws.com", name, "Client.UnauthorizedOperation", &message)
            })
            .collect();
        self.file("log.json", &json!({"Records": records}).to_string())
    }

    fn explain(&self, sts: &Sts, args: &[&str]) -> (i32, Value, String) {
        let url = sts.server.uri();
        let mut all = vec!["explain", "--iam", path(&self.iam), "--format", "json", "--endpoint-url", &url];
        all.extend(args);
        let (exit, out, err) = run_with(&all, KEYS);
        (exit, serde_json::from_str(&out).unwrap_or(Value::Null), err)
    }
}

#[test]
fn aws_is_asked_for_each_encoded_reason_of_a_log() {
    let sts = Sts::new(|form| {
        assert_eq!(form["Action"], "DecodeAuthorizationMessage");
        let message = &form["EncodedMessage"];
        if *message == blob('A') {
            (200, decoded("ec2:StopInstances"))
        } else if *message == blob('B') {
            (200, decoded("iam:PassRole"))
        } else {
            failure(400, "InvalidAuthorizationMessageException", "Message is invalid")
        }
    });
    let case = Case::new();
    let log = case.log(&[("StopInstances", &blob('A')), ("RunInstances", &blob('B'))]);
    let (exit, found, err) = case.explain(&sts, &[path(&log), "--decoded", "live"]);
    assert_eq!(exit, 0, "{err}");
    let mut rows: Vec<(&str, &str, &str)> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |pointer: &str| one.pointer(pointer).and_then(Value::as_str).unwrap();
            (text("/event/name"), text("/action"), text("/layer"))
        })
        .collect();
    rows.sort_unstable();
    // What was refused is not what the event's name says: only the decoded reason tells.
    assert_eq!(
        rows,
        [("RunInstances", "iam:PassRole", "identity"), ("StopInstances", "ec2:StopInstances", "identity")]
    );
    assert!(!found.to_string().contains("AAAA") && !found.to_string().contains("DecodeAuthorizationMessage"));
    let event = found[0]["event"]["id"].as_str().unwrap();
    // No Region is set: the event's counts.
    assert_eq!(sts.asked(), vec![("DecodeAuthorizationMessage".to_owned(), "eu-west-1".to_owned()); 2]);
    let (exit, _, err) =
        case.explain(&sts, &[path(&log), "--event", event, "--decoded", "live", "--region", "eu-central-1"]);
    assert_eq!(exit, 0, "{err}");
    assert_eq!(sts.asked().last().unwrap().1, "eu-central-1");

    // One that AWS does not take is named, and explained as far as the log goes.
    let log = case.log(&[("StopInstances", &blob('A')), ("RunInstances", &blob('C'))]);
    let (exit, found, err) = case.explain(&sts, &[path(&log), "--decoded", "live"]);
    assert_eq!(exit, 4, "{err}");
    assert!(err.contains("`RunInstances-") && err.contains("Message is invalid"), "{err}");
    assert_eq!(found.as_array().map(Vec::len), Some(2));
    // Without the option nobody is asked.
    let before = sts.asked().len();
    assert_eq!(case.explain(&sts, &[path(&log)]).0, 0);
    assert_eq!(sts.asked().len(), before);
}

#[test]
fn a_reason_that_the_log_cut_off_is_taken_from_the_clients_error() {
    let sts = Sts::new(|form| {
        assert_eq!(form["EncodedMessage"], blob('A'));
        (200, decoded("ec2:StopInstances"))
    });
    let case = Case::new();
    let log = case.log(&[("StopInstances", &format!("{}...", "A".repeat(200)))]);
    let (exit, _, err) = case.explain(&sts, &[path(&log), "--decoded", "live"]);
    assert_eq!(exit, 4, "{err}");
    assert!(err.contains("only the beginning of 1 encoded reason") && err.contains("--encoded"), "{err}");
    assert!(sts.asked().is_empty(), "AWS decodes whole messages only");
    let error = format!(
        "An error occurred (UnauthorizedOperation) when calling the StopInstances operation: You are not authorized to perform this operation. Encoded authorization failure message: {}\n",
        blob('A')
    );
    for (name, text) in [("error.txt", error), ("bare.txt", format!("{}\n", blob('A')))] {
        let file = case.file(name, &text);
        let (exit, found, err) =
            case.explain(&sts, &[path(&log), "--encoded", path(&file), "--region", "eu-west-1"]);
        assert_eq!(exit, 0, "{err}");
        assert_eq!(
            (&found["event"]["name"], &found["action"]),
            (&json!("StopInstances"), &json!("ec2:StopInstances"))
        );
        // And without any event.
        let (exit, found, err) = case.explain(&sts, &["--encoded", path(&file), "--region", "eu-west-1"]);
        assert_eq!(exit, 0, "{err}");
        assert_eq!((&found["event"], &found["layer"]), (&Value::Null, &json!("identity")));
    }
    let words = case.file("words.txt", "Access Denied");
    let (exit, _, err) = case.explain(&sts, &["--encoded", path(&words)]);
    assert_eq!(exit, 2, "{err}");
    assert!(err.contains("holds no encoded message"), "{err}");
}

#[test]
fn what_keeps_aws_from_decoding_is_said() {
    let case = Case::new();
    let log = case.log(&[("StopInstances", &blob('A')), ("RunInstances", &blob('B'))]);
    for (status, code, message, parts) in [
        (
            403,
            "AccessDenied",
            "User: arn:aws:iam::111111111111:user/u is not authorized to perform: sts:DecodeAuthorizationMessage",
            ["AccessDenied", "permissions --for explain"],
        ),
        (
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
            ["is expired", "aws sso login"],
        ),
        (
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid",
            ["is invalid", "--profile"],
        ),
    ] {
        let sts = Sts::new(move |_| failure(status, code, message));
        let (exit, found, err) =
            case.explain(&sts, &[path(&log), "--decoded", "live", "--region", "eu-west-1"]);
        assert_eq!((exit, &found), (1, &Value::Null), "{err}");
        for part in parts {
            assert!(err.contains(part), "{part} in {err}");
        }
        assert_eq!(sts.asked().len(), 1, "what holds for all is not asked again");
    }
    // The message of another account, given by itself.
    let sts = Sts::new(|_| failure(400, "InvalidAuthorizationMessageException", "Message is invalid"));
    let file = case.file("error.txt", &blob('A'));
    let (exit, _, err) = case.explain(&sts, &["--encoded", path(&file), "--region", "eu-west-1"]);
    assert_eq!(exit, 1, "{err}");
    assert!(err.contains("Message is invalid") && err.contains("account whose call was refused"), "{err}");
    // A role is taken on first.
    let sts = Sts::new(|form| match form["Action"].as_str() {
        "AssumeRole" => {
            assert_eq!(form["ExternalId"], "x1");
            failure(403, "AccessDenied", "not authorized to perform: sts:AssumeRole")
        }
        action => panic!("{action}"),
    });
    let taken =
        ["--assume-role", "arn:aws:iam::111111111111:role/r", "--external-id", "x1", "--region", "eu-west-1"];
    let mut args = vec![path(&log), "--decoded", "live"];
    args.extend(taken);
    let (exit, _, err) = case.explain(&sts, &args);
    assert_eq!(exit, 1, "{err}");
    assert!(err.contains("sts AssumeRole on `arn:aws:iam::111111111111:role/r`"), "{err}");
    // Nobody to ask as.
    let (exit, _, err) = run(&["explain", path(&log), "--iam", path(&case.iam), "--decoded", "live"]);
    assert_eq!(exit, 1, "{err}");
}

#[test]
fn the_policy_for_decoding_is_one_action() {
    let (exit, out, err) = run(&["permissions", "--for", "explain"]);
    assert_eq!(exit, 0, "{err}");
    let policy: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        policy["Statement"],
        json!([{"Sid": "Explain", "Effect": "Allow", "Action": ["sts:DecodeAuthorizationMessage"], "Resource": "*"}])
    );
}
