//! `--kubernetes live` against a server that answers like a cluster's API.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// Answers lists; returns the URL and what was asked.
fn cluster(
    answer: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (of_server, answer) = (Arc::clone(&asked), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            serve(stream, &of_server, &*answer);
        }
    });
    (url, asked)
}

fn serve(mut stream: TcpStream, asked: &Mutex<Vec<String>>, answer: &dyn Fn(&str) -> (u16, Value)) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    assert!(first.starts_with("GET "), "nothing is written: {first}");
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let (status, body) = answer(&path);
    asked.lock().unwrap().push(path);
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

fn list(items: &Value, more: Option<&str>) -> (u16, Value) {
    (
        200,
        json!({"kind": "SomethingList", "apiVersion": "v1", "metadata": {"continue": more.unwrap_or("")}, "items": items}),
    )
}

fn failure(code: u16) -> (u16, Value) {
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "message": "pods is forbidden", "code": code}),
    )
}

fn account(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/app"}}})
}

fn audit(url: &str) -> (i32, Value, String) {
    let dir = tempfile::tempdir().unwrap();
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "arn:aws:eks:eu-west-1:111122223333:cluster/prod", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "arn:aws:eks:eu-west-1:111122223333:cluster/prod", "user": "me"}}]});
    fs::write(dir.path().join("config"), config.to_string()).unwrap();
    fs::write(dir.path().join("log.json"), crate::inventory::logs()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .args(["audit", "log.json", "--kubernetes", "live", "--format", "json"])
        .current_dir(dir.path())
        .env_clear()
        .env("HOME", dir.path())
        .env("KUBECONFIG", dir.path().join("config"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), report, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn service_accounts_are_listed_page_by_page_and_nothing_is_written() {
    let (url, asked) = cluster(|path| match path {
        _ if path.starts_with("/api/v1/serviceaccounts") && !path.contains("continue=") => {
            list(&json!([account("a")]), Some("next"))
        }
        _ if path.starts_with("/api/v1/serviceaccounts") => list(&json!([account("b")]), None),
        _ if path.starts_with("/apis/argoproj.io") => failure(404),
        _ => list(&json!([]), None),
    });
    let (exit, report, stderr) = audit(&url);
    assert_eq!(exit, 0, "{stderr}");
    let bound: Vec<&str> = report["bindings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["service_account"].as_str().unwrap())
        .collect();
    assert_eq!(bound, ["a", "b"], "{}", report["bindings"]);
    assert!(report["bindings"].to_string().contains("arn:aws:eks:eu-west-1:111122223333:cluster/prod"));
    assert!(
        asked.lock().unwrap().iter().any(|path| path.contains("limit=500") && path.contains("continue=next"))
    );
}

#[test]
fn what_may_not_be_listed_is_named_and_a_cluster_that_refuses_all_is_an_error() {
    let (url, _) = cluster(|path| match path {
        _ if path.starts_with("/api/v1/pods") => failure(403),
        _ if path.starts_with("/apis/argoproj.io") => failure(404),
        _ => list(&json!([]), None),
    });
    let (exit, report, stderr) = audit(&url);
    assert_eq!(exit, 4, "{stderr}");
    assert!(stderr.contains("not read: Pod of cluster"), "{stderr}");
    assert!(report["coverage"]["grant_problems"].to_string().contains("pods is forbidden"));
    let (url, _) = cluster(|_| failure(403));
    let (exit, _, stderr) = audit(&url);
    assert_eq!(exit, 1, "{stderr}");
    assert!(stderr.contains("cannot be read") && stderr.contains("kubectl auth can-i"), "{stderr}");
}
