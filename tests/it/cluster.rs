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
    cluster_of(move |path, _| answer(path))
}

/// As [`cluster`], with the token that came along.
fn cluster_of(
    answer: impl Fn(&str, Option<&str>) -> (u16, Value) + Send + Sync + 'static,
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

type Answer = dyn Fn(&str, Option<&str>) -> (u16, Value);

fn serve(mut stream: TcpStream, asked: &Mutex<Vec<String>>, answer: &Answer) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let heads: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let token = heads.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then(|| value.strip_prefix("Bearer "))?
    });
    assert!(first.starts_with("GET "), "nothing is written: {first}");
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let (status, body) = answer(&path, token);
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

/// A configuration whose context is of `user` and perhaps names a namespace.
fn config(url: &str, user: &Value, namespace: Option<&str>) -> String {
    let mut context = json!({"cluster": "arn:aws:eks:eu-west-1:111122223333:cluster/prod", "user": "me"});
    if let Some(namespace) = namespace {
        context["namespace"] = json!(namespace);
    }
    json!({"apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "arn:aws:eks:eu-west-1:111122223333:cluster/prod", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": user}], "contexts": [{"name": "here", "context": context}]})
    .to_string()
}

fn audit(url: &str) -> (i32, Value, String) {
    audit_with(&config(url, &json!({}), None))
}

fn audit_with(config: &str) -> (i32, Value, String) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config"), config).unwrap();
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

#[test]
fn an_explanation_knows_the_live_cluster() {
    let (url, _) = cluster(|path| match path {
        _ if path.starts_with("/api/v1/serviceaccounts") => list(&json!([account("checkout")]), None),
        _ if path.starts_with("/apis/argoproj.io") => failure(404),
        _ => list(&json!([]), None),
    });
    let dir = tempfile::tempdir().unwrap();
    let issuer = "oidc.eks.eu-west-1.amazonaws.com/id/A";
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": format!("arn:aws:iam::111122223333:oidc-provider/{issuer}")},
        "Condition": {"StringEquals": {format!("{issuer}:aud"): "sts.amazonaws.com", format!("{issuer}:sub"): "system:serviceaccount:shop:chekout"}}}]});
    let role = json!({"RoleName": "app", "RoleId": "AROAAPP", "Path": "/", "Arn": "arn:aws:iam::111122223333:role/app",
        "AssumeRolePolicyDocument": trust, "RolePolicyList": [], "AttachedManagedPolicies": []});
    fs::write(dir.path().join("iam.json"), json!({"RoleDetailList": [role]}).to_string()).unwrap();
    fs::write(dir.path().join("config"), config(&url, &json!({}), None)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .args([
            "explain",
            "--role",
            "app",
            "--subject",
            "system:serviceaccount:shop:checkout",
            "--iam",
            "iam.json",
        ])
        .args(["--kubernetes", "live", "--format", "json"])
        .current_dir(dir.path())
        .env_clear()
        .env("HOME", dir.path())
        .env("KUBECONFIG", dir.path().join("config"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["layer"], &found["cause"]), (&json!("trust"), &json!("subject")), "{found}");
    assert_eq!(found["failed_conditions"][0]["nearest"]["difference"], "one-letter");
}

#[test]
fn who_may_list_one_namespace_only_gets_that_one_and_is_told() {
    let (url, asked) = cluster(|path| match path {
        _ if path.starts_with("/apis/argoproj.io") => failure(404),
        _ if path.starts_with("/api/v1/namespaces/shop/serviceaccounts") && !path.contains("continue=") => {
            list(&json!([account("a")]), Some("next"))
        }
        _ if path.starts_with("/api/v1/namespaces/shop/serviceaccounts") => {
            list(&json!([account("b")]), None)
        }
        _ if path.starts_with("/api/v1/namespaces/shop/pods") => list(&json!([]), None),
        _ => failure(403),
    });
    let (exit, report, stderr) = audit_with(&config(&url, &json!({}), Some("shop")));
    assert_eq!(exit, 4, "{stderr}");
    let bound: Vec<&str> = report["bindings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["service_account"].as_str().unwrap())
        .collect();
    assert_eq!(bound, ["a", "b"]);
    let unread = report["coverage"]["grant_problems"].to_string();
    assert!(
        unread.contains("ServiceAccount of cluster") && unread.contains("outside namespace `shop`"),
        "{unread}"
    );
    assert!(
        unread.contains("DaemonSet of cluster"),
        "what the namespace refuses too is missing as a whole: {unread}"
    );
    assert!(asked.lock().unwrap().iter().all(|path| !path.contains("namespaces/shop/cluster")));
    // A namespace's name is part of a path, and comes from a file.
    let (exit, _, stderr) = audit_with(&config(&url, &json!({}), Some("../../shop")));
    assert_eq!(exit, 1, "{stderr}");
    assert!(asked.lock().unwrap().iter().all(|path| !path.contains("..")));
}

#[test]
fn an_expired_token_is_told_at_once() {
    let (url, asked) = cluster_of(|_, token| {
        assert_eq!(token, Some("old-token"));
        (
            401,
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Unauthorized", "message": "Unauthorized", "code": 401}),
        )
    });
    let (exit, report, stderr) = audit_with(&config(&url, &json!({"token": "old-token"}), None));
    assert_eq!((exit, report), (1, Value::Null), "{stderr}");
    assert!(stderr.contains("does not take the credentials") && stderr.contains("aws sso login"), "{stderr}");
    assert!(!stderr.contains("old-token"), "{stderr}");
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn a_configuration_that_cannot_be_used_is_named_and_not_shown() {
    let user = json!({"token": "secret-token"});
    let good = config("http://127.0.0.1:1", &user, None);
    let cut = "apiVersion: v1\nkind: Config\nusers:\n- name: me\n  user: {token: secret-token\n";
    let no_context = good.replace("\"current-context\":\"here\",", "");
    let other_context = good.replace("\"current-context\":\"here\"", "\"current-context\":\"there\"");
    let wrong_shape = good.replace("\"secret-token\"", "[\"secret-token\"]");
    for (text, part) in [
        (cut, "not YAML of the right shape at line"),
        (&wrong_shape, "not YAML of the right shape"),
        (&no_context, "current context"),
        (&other_context, "there"),
        // Nobody listens there.
        (&good, "cannot be read"),
    ] {
        let (exit, _, stderr) = audit_with(text);
        assert_eq!(exit, 1, "{text}: {stderr}");
        assert!(stderr.contains(part), "{part} in {stderr}");
        assert!(!stderr.contains("secret-token"), "{stderr}");
        assert!(stderr.contains("hint: "), "{stderr}");
    }
}

#[test]
fn credential_plugins_are_asked_and_what_they_print_is_not_shown() {
    let (url, asked) = cluster_of(|path, token| match (token, path) {
        (Some("plugin-token"), _) if path.starts_with("/apis/argoproj.io") => failure(404),
        (Some("plugin-token"), _) if path.starts_with("/api/v1/serviceaccounts") => {
            list(&json!([account("a")]), None)
        }
        (Some("plugin-token"), _) => list(&json!([]), None),
        _ => failure(403),
    });
    let plugin = |script: &str| {
        json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", script],
            "env": [{"name": "LEVEL", "value": "plugin"}], "interactiveMode": "Never"}})
    };
    let credential = "printf '%s' '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"'$LEVEL'-token\"}}'";
    let (exit, report, stderr) = audit_with(&config(&url, &plugin(credential), None));
    assert_eq!(exit, 0, "{stderr}");
    assert_eq!(report["bindings"][0]["service_account"], "a");
    let before = asked.lock().unwrap().len();
    for (script, part) in [
        ("echo plugin-token; exit 3", "credential plugin failed (exit status: 3)"),
        ("echo plugin-token", "is no `ExecCredential`"),
        ("echo '{\"token\": [\"plugin-token\"'", "is no `ExecCredential`"),
        (
            "printf '%s' '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\"}'",
            "status",
        ),
    ] {
        let (exit, _, stderr) = audit_with(&config(&url, &plugin(script), None));
        assert_eq!(exit, 1, "{script}: {stderr}");
        assert!(stderr.contains(part), "{part} in {stderr}");
        assert!(!stderr.contains("plugin-token"), "{stderr}");
    }
    let missing = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/no/such/plugin", "interactiveMode": "Never"}});
    let (exit, _, stderr) = audit_with(&config(&url, &missing, None));
    assert_eq!(exit, 1, "{stderr}");
    assert!(stderr.contains("credential plugin cannot be started"), "{stderr}");
    assert_eq!(asked.lock().unwrap().len(), before, "nobody is asked without credentials");
}
