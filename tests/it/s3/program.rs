//! The program reads buckets: the same report as from the folder, previews, signals.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use leastwise::store::Store;
use leastwise::usage::Scope;
use serde_json::Value;

use super::server::{Fault, KEY, Request, SECRET, Server};
use crate::support::root;

pub(crate) fn command(server: &Server, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leastwise"));
    command
        .args(args)
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ENDPOINT_URL", server.url())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null());
    command
}

/// Exit status, standard output, standard error.
pub(crate) fn told(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A folder with the sample as bucket `sample`.
pub(super) fn sample() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&root().join("sample-logs/AWSLogs"), &dir.path().join("sample/AWSLogs"));
    dir
}

pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { std::fs::copy(&path, &target).map(|_| ()).unwrap() }
    }
}

#[test]
fn the_report_from_the_bucket_is_the_report_from_the_folder() {
    let dir = sample();
    let server = Server::start(dir.path(), |_: &Request| Fault::None);
    let (iam, kubernetes) = (root().join("sample-logs/iam"), root().join("sample-logs/kubernetes"));
    let rest =
        ["--format", "json", "--iam", iam.to_str().unwrap(), "--kubernetes", kubernetes.to_str().unwrap()];
    let folder = dir.path().join("sample/AWSLogs");
    let folder = folder.to_str().unwrap();
    let (code, expected, _) = told(command(&server, &[&["audit", folder], rest.as_slice()].concat()));
    let (other, found, stderr) = told(command(
        &server,
        &[&["audit", "s3://sample/AWSLogs", "--path-style"], rest.as_slice()].concat(),
    ));
    assert_eq!((other, code), (4, 4), "{stderr}");
    assert!(found.replace("s3://sample/AWSLogs", folder) == expected, "the reports differ");
}

#[test]
fn a_table_is_read_from_where_its_files_lie() {
    let dir = super::bucket(200);
    super::put(
        dir.path(),
        "logs/elsewhere/x.json.gz",
        &crate::ingest::gzip(crate::ingest::log(9_000..9_001).as_bytes()),
    );
    let server = Server::start(dir.path(), |_: &Request| Fault::None);
    let audit = |sources: &[&str]| {
        let rest = ["--path-style", "--format", "json"];
        let (code, out, error) = told(command(&server, &[&["audit"], sources, &rest].concat()));
        assert_eq!(code, 0, "{sources:?}: {error}");
        out
    };
    for (table, places) in [
        ("athena:lake.flat", &["s3://logs/p/AWSLogs/"][..]),
        ("athena:lake.split", &["s3://logs/p/AWSLogs/", "s3://logs/elsewhere/"]),
        ("athena:lake.projected", &["s3://logs/p/AWSLogs/o-a1/"]),
    ] {
        assert!(audit(&[table]) == audit(places), "{table}");
    }
    let (code, out, _) = told(command(&server, &["audit", "athena:lake.split", "--path-style", "--dry-run"]));
    assert!(code == 0 && out.starts_with("Would read 201 objects"), "{out}");
    let (code, policy, _) = told(command(&server, &["permissions", "--for", "athena"]));
    assert!(
        code == 0 && policy.contains("glue:GetTable") && policy.contains("glue:GetPartitions"),
        "{policy}"
    );
}

#[test]
fn an_event_of_a_store_is_read_again_from_its_object_alone() {
    let dir = sample();
    let server = Server::start(dir.path(), |_: &Request| Fault::None);
    let (store, iam) = (dir.path().join("store"), root().join("sample-logs/iam"));
    let (store, iam) = (store.to_str().unwrap(), iam.to_str().unwrap());
    let (code, _, stderr) =
        told(command(&server, &["ingest", "s3://sample/AWSLogs", "--path-style", "--store", store]));
    // One object of the sample was cut off.
    assert_eq!(code, 4, "{stderr}");
    let folder = dir.path().join("sample/AWSLogs");
    let (_, all, _) =
        told(command(&server, &["explain", folder.to_str().unwrap(), "--iam", iam, "--format", "json"]));
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    // A refusal of one call, so that the log says no more of it than the event.
    let one = all.iter().find(|one| one["event"]["calls"] == 1).unwrap();
    server.gets.lock().unwrap().clear();
    let id = one["event"]["id"].as_str().unwrap();
    let args = ["explain", "--store", store, id, "--path-style", "--iam", iam, "--format", "json"];
    let (code, found, stderr) = told(command(&server, &args));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(&serde_json::from_str::<Value>(&found).unwrap(), one);
    let asked = server.gets.lock().unwrap().clone();
    assert_eq!(asked.len(), 1, "{asked:?}");
    // The bucket's life cycle takes it away.
    std::fs::remove_dir_all(&folder).unwrap();
    let (code, _, stderr) = told(command(&server, &args));
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("s3://sample/AWSLogs") && stderr.contains("bring the object back"), "{stderr}");
}

#[test]
fn a_dry_run_tells_objects_requests_and_price() {
    let dir = sample();
    let server = Server::start(dir.path(), |_: &Request| Fault::None);
    let args = [
        "audit",
        "s3://sample/",
        "--path-style",
        "--dry-run",
        "--since",
        "2026-06-08",
        "--until",
        "2026-06-10",
    ];
    let (code, text, _) = told(command(&server, &args));
    assert_eq!(code, 0);
    assert!(text.starts_with("Would read ") && text.contains("Estimated price: less than $0.01"), "{text}");
    let (_, json, _) = told(command(&server, &[args.as_slice(), &["--format", "json"]].concat()));
    let value: Value = serde_json::from_str(&json).unwrap();
    assert!(value["objects"].as_u64().unwrap() > 10, "{value}");
    assert_eq!(value["requests"]["get"], value["objects"]);
    assert!(value["price"]["requests"].as_f64().unwrap() > 0.0);
    assert!(server.gets.lock().unwrap().is_empty());
    // Of what goes into a store, only what the store does not know.
    let store = dir.path().join("store");
    let store = store.to_str().unwrap();
    let ingest = ["ingest", "s3://sample/", "--path-style", "--store", store];
    let (code, before, _) = told(command(&server, &[ingest.as_slice(), &["--dry-run"]].concat()));
    assert!(
        code == 0 && before.starts_with("Would read ") && !std::path::Path::new(store).exists(),
        "{before}"
    );
    assert!(server.gets.lock().unwrap().is_empty());
    assert_eq!(told(command(&server, &ingest)).0, 4, "one object of the sample was cut off");
    let n = server.gets.lock().unwrap().len();
    assert!(before.starts_with(&format!("Would read {n} objects, ")), "{n}: {before}");
    for run in [ingest.as_slice(), &["audit", "s3://sample/", "--path-style", "--store", store]] {
        let (code, after, _) = told(command(&server, &[run, &["--dry-run"]].concat()));
        assert!(
            code == 0 && after.starts_with("Would read 0 objects, ") && after.contains("already-read"),
            "{after}"
        );
    }
    // Digest files are looked at when they are asked for.
    let (_, _, error) =
        told(command(&server, &[ingest.as_slice(), &["--dry-run", "--verify-logs"]].concat()));
    assert_eq!(error, "");
    assert_eq!(server.gets.lock().unwrap().len(), n);
}

#[test]
fn wrong_usage_and_missing_credentials_say_what_to_do() {
    let dir = sample();
    let server = Server::start(dir.path(), |_: &Request| Fault::None);
    for (args, code, text) in [
        (&["audit", "s3://"][..], 2, "is no address of a source"),
        (&["audit", "s3://sample", "--assume-role", "audit"], 2, "wants the ARN of a role"),
        (&["audit", "s3://sample", "--external-id", "x"], 2, "goes with `--assume-role`"),
        (&["audit", "athena:lake"], 2, "is no address of a table: `athena:DATABASE.TABLE`"),
        (&["audit", "athena:lake.gone"], 1, "glue GetTable on lake.gone"),
        (&["audit", "athena:lake.parquet"], 1, "name the place of the log files themselves"),
        (&["audit", "athena:lake.view"], 1, "it is a view"),
        (&["audit", "s3://sample/none", "--path-style"], 3, "no CloudTrail log in s3://sample/none"),
        (&["audit", "s3://missing", "--path-style"], 1, "hint: check the name"),
        (&["audit", "s3://sample", "--profile", "nobody"], 1, "hint:"),
    ] {
        let (found, _, stderr) = told(command(&server, args));
        assert!(found == code && stderr.contains(text), "{args:?}: {found} {stderr}");
    }
    let mut without = command(&server, &["audit", "s3://sample", "--path-style"]);
    without.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let (code, _, stderr) = told(without);
    assert!(code == 1 && stderr.contains("set AWS_PROFILE or give --profile"), "{stderr}");
    assert!(!stderr.contains(SECRET));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_with_a_report_that_says_so_and_a_second_one_at_once() {
    let dir = super::bucket(2_000);
    // Most objects do not come before the signal was sent, however long this process is kept waiting.
    let (is_sent, n) = (Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
    let of_server = Arc::clone(&is_sent);
    let server = Server::start(dir.path(), move |request: &Request| match request.is_get {
        true if n.fetch_add(1, Ordering::Relaxed) >= 60 && !of_server.load(Ordering::Relaxed) => {
            Fault::Until(Arc::clone(&of_server))
        }
        true => Fault::Slow(Duration::from_millis(100)),
        false => Fault::None,
    });
    let signal = |child: &std::process::Child, name: &str| {
        let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    };
    let wait_for_gets = |n: usize| {
        while server.gets.lock().unwrap().len() < n {
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let start = || {
        let mut command = command(&server, &["audit", "s3://logs/p", "--path-style", "--format", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let child = start();
    wait_for_gets(30);
    signal(&child, "TERM");
    std::thread::sleep(Duration::from_millis(300));
    is_sent.store(true, Ordering::Relaxed);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let objects = &report["coverage"]["objects"];
    assert_eq!(report["coverage"]["is_cancelled"], true);
    assert!(objects["read"].as_u64().unwrap() > 0 && objects["skipped"].as_u64().unwrap() > 0, "{objects}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("the run was cancelled"));

    let before = server.gets.lock().unwrap().len();
    let child = start();
    wait_for_gets(before + 20);
    signal(&child, "INT");
    // The first one is heard before the second one is sent, or both count as one.
    std::thread::sleep(Duration::from_millis(30));
    signal(&child, "INT");
    let code = child.wait_with_output().unwrap().status.code();
    // The run may just have come to its end.
    assert!(matches!(code, Some(130 | 4)), "{code:?}");
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_what_was_read_in_the_store_and_the_next_run_reads_the_rest() {
    const ALL: usize = 300;
    let dir = super::bucket(ALL as u64);
    let (is_sent, n) = (Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
    let of_server = Arc::clone(&is_sent);
    let server = Server::start(dir.path(), move |request: &Request| {
        match request.is_get && n.fetch_add(1, Ordering::Relaxed) >= 60 {
            true => Fault::Until(Arc::clone(&of_server)),
            false => Fault::None,
        }
    });
    let store = dir.path().join("store");
    let run = ["ingest", "s3://logs/p", "--path-style", "--store", store.to_str().unwrap()];
    let child = command(&server, &run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while server.gets.lock().unwrap().len() <= 60 {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(300));
    is_sent.store(true, Ordering::Relaxed);
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(error.contains("the run was cancelled; what it read is in the store"), "{error}");
    let stored = Store::open(&store).unwrap().restore(Scope::default()).unwrap().objects.counts.read as usize;
    assert!((60..ALL).contains(&stored), "{stored}");
    server.gets.lock().unwrap().clear();
    let (code, out, error) = told(command(&server, &run));
    assert!(code == 0 && out.starts_with(&format!("{} new objects", ALL - stored)), "{out}{error}");
    assert_eq!(server.gets.lock().unwrap().len(), ALL - stored);
    let audit = |source: &[&str]| told(command(&server, &[&["audit", "--format", "json"], source].concat()));
    let (direct, stored) =
        (audit(&["s3://logs/p", "--path-style"]), audit(&["--store", store.to_str().unwrap()]));
    assert!((direct.0, &direct.1) == (stored.0, &stored.1), "the reports differ");
}
