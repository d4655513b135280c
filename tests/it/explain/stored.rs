//! Events by their id in a store.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, header};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{path, refused, role, run, run_with};
use crate::support::root;

const GRANTED: &[&str] = &["--iam", "sample-logs/iam", "--kubernetes", "sample-logs/kubernetes"];

fn ingest(source: &str, store: &Path) {
    let (exit, _, err) = run(&["ingest", source, "--store", path(store)]);
    assert!(exit == 0 || exit == 4, "{err}");
}

fn explained(args: &[&str]) -> (i32, String, String) {
    run(&[&["explain"], args, GRANTED].concat())
}

#[test]
fn an_event_of_a_store_is_explained_as_the_event_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    ingest("sample-logs", &store);
    let (_, out, err) = explained(&["sample-logs", "--format", "json"]);
    let all: Vec<Value> = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
    let ids: Vec<&str> = all.iter().map(|one| one["event"]["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), super::SAMPLE.len());
    for id in &ids {
        for format in ["text", "json"] {
            let (exit, by_log, _) = explained(&["sample-logs", "--event", id, "--format", format]);
            // One object of the sample was cut off; the store's event is read from its own object.
            assert_eq!(exit, 4);
            let (exit, by_store, err) = explained(&["--store", path(&store), id, "--format", format]);
            assert_eq!(exit, 0, "{err}");
            assert_eq!(by_store, by_log, "{id}");
        }
    }
    // Several at once, by either way to name them.
    let (exit, out, err) =
        explained(&["--store", path(&store), ids[1], ids[0], "--event", ids[2], "--format", "json"]);
    assert_eq!(exit, 0, "{err}");
    let found: Vec<Value> = serde_json::from_str(&out).unwrap();
    let found: Vec<&str> = found.iter().map(|one| one["event"]["id"].as_str().unwrap()).collect();
    assert_eq!(found, ids[..3]);
    // An id nobody has; no id; a log where an id should be.
    let (exit, _, err) = explained(&["--store", path(&store), "00000000-0000-4000-8000-000000000000"]);
    assert_eq!(exit, 3, "{err}");
    assert!(err.contains("has no event `00000000-0000-4000-8000-000000000000`"), "{err}");
    let (exit, _, err) = explained(&["--store", path(&store)]);
    assert_eq!(exit, 2, "{err}");
    assert!(err.contains("no event of the store is named"), "{err}");
    let (exit, _, err) = explained(&["--store", path(&store), "sample-logs"]);
    assert_eq!(exit, 2, "{err}");
    assert!(err.contains("leave --store away"), "{err}");
    let (exit, _, err) = explained(&["--store", path(&dir.path().join("none")), ids[0]]);
    assert_eq!(exit, 1, "{err}");
    assert!(err.contains("there is no store"), "{err}");
}

/// A refused call, and one that was not.
fn log(dir: &Path, id: &str) -> PathBuf {
    let message = "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because no identity-based policy allows the s3:GetObject action";
    let mut denied = refused("s3.amazonaws.com", "GetObject", "AccessDenied", message);
    denied["eventID"] = json!(id);
    let mut used = refused("s3.amazonaws.com", "GetObject", "AccessDenied", message);
    used["eventID"] = json!("used-1");
    used.as_object_mut().unwrap().retain(|key, _| !key.starts_with("error"));
    let file = dir.join("log.json");
    fs::write(&file, json!({"Records": [denied, used]}).to_string()).unwrap();
    file
}

#[test]
fn an_object_that_is_not_as_it_was_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    // An id that is no GUID is found as well.
    let file = log(dir.path(), "odd id");
    ingest(path(&file), &store);
    let ask = |id: &str| run(&["explain", "--store", path(&store), id, "--format", "json"]);
    let (exit, out, err) = ask("odd id");
    assert_eq!(exit, 0, "{err}");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["action"], "s3:GetObject");
    let (exit, _, err) = ask("used-1");
    assert_eq!(exit, 3, "{err}");
    assert!(err.contains("event `used-1` was not refused"), "{err}");
    // Changed, and not read again.
    log(dir.path(), "another id");
    let (exit, _, err) = ask("odd id");
    assert_eq!(exit, 1, "{err}");
    assert!(
        err.contains("`odd id`") && err.contains("log.json`") && err.contains("was changed since"),
        "{err}"
    );
    // Changed, and read again: what was in it before does not count.
    filetime(&file);
    ingest(path(&file), &store);
    assert_eq!(ask("odd id").0, 3);
    assert_eq!(ask("another id").0, 0);
    // Gone.
    fs::remove_file(&file).unwrap();
    let (exit, _, err) = ask("another id");
    assert_eq!(exit, 1, "{err}");
    assert!(
        err.contains("log.json`")
            && err.contains("cannot be read now")
            && err.contains("bring the object back"),
        "{err}"
    );
}

/// Makes the time of the last change another one, whatever the clock's resolution.
fn filetime(file: &Path) {
    let file = fs::File::options().append(true).open(file).unwrap();
    file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(10)).unwrap();
}

#[test]
fn an_event_that_came_by_standard_input_cannot_be_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let text = fs::read(log(dir.path(), "a-1")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_leastwise"));
    command.args(["ingest", "-", "--store", path(&store)]).current_dir(root()).env_clear();
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&text).unwrap();
    assert!(child.wait().unwrap().success());
    let (exit, _, err) = run(&["explain", "--store", path(&store), "a-1"]);
    assert_eq!(exit, 1, "{err}");
    assert!(err.contains("standard input") && err.contains("keeps no records"), "{err}");
}

#[test]
fn an_event_of_the_history_is_asked_for_by_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let records: Value = serde_json::from_slice(&fs::read(log(dir.path(), "h-1")).unwrap()).unwrap();
    let record = records["Records"][0].to_string();
    let event = json!({"EventId": "h-1", "EventTime": 1_772_359_200, "CloudTrailEvent": record});
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        let identity = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
            <Account>111111111111</Account><Arn>arn:aws:iam::111111111111:user/u</Arn><UserId>AIDA</UserId>\
            </GetCallerIdentityResult></GetCallerIdentityResponse>";
        Mock::given(body_string_contains("Action=GetCallerIdentity"))
            .respond_with(ResponseTemplate::new(200).set_body_raw(identity, "text/xml"))
            .mount(&server)
            .await;
        let answer = move |request: &Request| {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            let events = match asked.pointer("/LookupAttributes/0") {
                None => json!([event]),
                Some(one) if *one == json!({"AttributeKey": "EventId", "AttributeValue": "h-1"}) => json!([event]),
                Some(_) => json!([]),
            };
            ResponseTemplate::new(200).set_body_json(json!({"Events": events}))
        };
        Mock::given(header("x-amz-target", "CloudTrail_20131101.LookupEvents")).respond_with(answer).mount(&server).await;
        server
    });
    let url = server.uri();
    let keys =
        [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_ENDPOINT_URL", url.as_str())];
    let (exit, _, err) = run_with(&["ingest", "cloudtrail:eu-west-1", "--store", path(&store)], &keys);
    assert_eq!(exit, 0, "{err}");
    let iam = dir.path().join("iam.json");
    let page = json!({"RoleDetailList": [role("app", json!([]), json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}))]});
    fs::write(&iam, page.to_string()).unwrap();
    let ask = ["explain", "--store", path(&store), "h-1", "--iam", path(&iam), "--format", "json"];
    let (exit, out, err) = run_with(&ask, &keys);
    assert_eq!(exit, 0, "{err}");
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&found["event"]["id"], &found["layer"], &found["agreement"]),
        (&json!("h-1"), &json!("identity"), &json!("agree"))
    );
    // After ninety days the history has it no more; without credentials it cannot be asked.
    let (exit, _, err) = run(&ask);
    assert_eq!(exit, 1, "{err}");
    assert!(err.contains("cannot be asked for now"), "{err}");
}
