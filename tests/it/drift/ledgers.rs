//! Ledgers as sides: against each other, against reports and snapshots, and one against itself in two windows.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::worlds::{self, audit};
use super::{codes, drift, found};
use crate::bindings::World;
use crate::s3::program::{command, told};
use crate::s3::put;
use crate::s3::server::{Fault, Request, Server};

fn leastwise(dir: &Path, arguments: &[&str]) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_leastwise")).args(arguments).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Writes a world into `dir/name`, and its ledger there.
fn ledger(world: &World, dir: &Path, name: &str) {
    let at = dir.join(name);
    fs::create_dir_all(&at).unwrap();
    world.write(&at);
    leastwise(&at, &["ingest", "logs", "--store", "ledger"]);
}

/// A world and what became of it: a role more is taken, a use is new, another is gone, a call is refused.
fn two_worlds(dir: &Path) -> (World, World) {
    let before = worlds::base();
    let mut after = worlds::base().role("extra", &["shop:api"], false).irsa("shop:api", "extra", false);
    after.records.remove(3);
    ledger(&before, dir, "old");
    ledger(&after, dir, "new");
    (before, after)
}

#[test]
fn two_ledgers_differ_in_what_was_seen() {
    let dir = tempfile::tempdir().unwrap();
    two_worlds(dir.path());
    let found = found(dir.path(), &["old/ledger", "new/ledger"]);
    assert_eq!(codes(&found), ["binding-changed api", "new-use extra", "vanished-use pay"]);
    let binding = &found["changes"][0];
    assert_eq!(binding["code"], "binding-changed");
    let details = binding["details"].to_string();
    assert!(details.contains("role/api before") && details.contains("role/extra now"), "{details}");
    let not_compared = found["not_compared"].to_string();
    for word in ["old/ledger is a ledger without a snapshot", "new/ledger is a ledger", "Findings"] {
        assert!(not_compared.contains(word), "{word}: {not_compared}");
    }
    assert!(found["notes"].to_string().contains("extra") || found["notes"] == json!([]), "{found:#}");
    assert_eq!(self::found(dir.path(), &["old/ledger", "old/ledger"])["changes"], json!([]));
}

#[test]
fn ledgers_with_their_grants_are_compared_as_audits_are() {
    let dir = tempfile::tempdir().unwrap();
    let (before, after) = two_worlds(dir.path());
    let sides = [
        "--old-iam",
        "old/iam",
        "--old-kubernetes",
        "old/kubernetes",
        "--new-iam",
        "new/iam",
        "--new-kubernetes",
        "new/kubernetes",
    ];
    let found = found(dir.path(), &[&["old/ledger", "new/ledger"][..], &sides].concat());
    let side = |world: &World, name: &str| {
        let at = dir.path().join("audit").join(name);
        fs::create_dir_all(&at).unwrap();
        ::leastwise::drift::Side::of_report(audit(world, &at))
    };
    let (old, new) = (side(&before, "old"), side(&after, "new"));
    let audits = ::leastwise::drift::compare(&old, &new, None);
    let audits: Value = serde_json::to_value(&audits).unwrap();
    let codes = |found: &Value| {
        codes(found).into_iter().filter(|code| !code.starts_with("finding-")).collect::<Vec<_>>()
    };
    assert_eq!(codes(&found), codes(&audits));
    assert!(codes(&found).contains(&"role-created extra".to_owned()), "{found:#}");
    assert_eq!(found["not_compared"], json!([]));
}

#[test]
fn a_ledger_against_a_report_or_a_snapshot_is_compared_as_far_as_both_tell() {
    let dir = tempfile::tempdir().unwrap();
    two_worlds(dir.path());
    leastwise(
        &dir.path().join("old"),
        &[
            "audit",
            "logs",
            "--iam",
            "iam",
            "--kubernetes",
            "kubernetes",
            "--out",
            "report",
            "--min-window",
            "0h",
            "--quiet",
        ],
    );
    let against_report = found(dir.path(), &["old/report", "new/ledger"]);
    assert_eq!(codes(&against_report), ["binding-changed api", "new-use extra", "vanished-use pay"]);
    let not_compared = against_report["not_compared"].to_string();
    for word in ["new/ledger is a ledger without a snapshot", "Findings", "only one side has manifests"] {
        assert!(not_compared.contains(word), "{word}: {not_compared}");
    }
    let against_snapshot = found(dir.path(), &["old/iam/account.json", "new/ledger"]);
    assert_eq!(against_snapshot["changes"], json!([]));
    let not_compared = against_snapshot["not_compared"].to_string();
    for word in ["is a ledger without a snapshot", "only one side is an audit's report or a ledger"] {
        assert!(not_compared.contains(word), "{word}: {not_compared}");
    }
    // With its grants the ledger is compared with a snapshot by what is granted.
    let granted = found(dir.path(), &["old/iam/account.json", "new/ledger", "--new-iam", "new/iam"]);
    assert_eq!(codes(&granted), ["role-created extra"]);
}

#[test]
fn one_ledger_is_compared_with_itself_in_two_windows() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = worlds::base();
    // The second day: the same, but one ServiceAccount is quiet.
    let second: Vec<Value> = world.records.iter().take(2).cloned().collect();
    for (n, mut record) in second.into_iter().enumerate() {
        let text = record.to_string().replace("2026-03-01T", "2026-03-02T").replace("ASIAIRSA", "ASIALATE");
        record = serde_json::from_str(&text).unwrap();
        record["eventID"] = json!(format!("late-{n}"));
        world.records.push(record);
    }
    ledger(&world, dir.path(), "one");
    let found = found(
        dir.path(),
        &["one/ledger", "one/ledger", "--old-until", "2026-03-02", "--new-since", "2026-03-02"],
    );
    assert_eq!(
        codes(&found),
        ["vanished-denials pay", "vanished-use api", "vanished-use pay", "vanished-workload pay"]
    );
}

#[test]
fn windows_and_grants_are_refused_where_they_would_say_nothing() {
    let dir = tempfile::tempdir().unwrap();
    two_worlds(dir.path());
    for option in [["--old-iam", "old/iam"], ["--old-since", "1d"], ["--old-kubernetes", "old/kubernetes"]] {
        let (exit, stdout, stderr) =
            drift(dir.path(), &["old/iam/account.json", "new/ledger", option[0], option[1]]);
        assert_eq!((exit, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains("is no ledger"), "{stderr}");
    }
    // A store of a version to come, and one that is damaged.
    fs::create_dir_all(dir.path().join("v9")).unwrap();
    fs::write(dir.path().join("v9/store.json"), "{\"schema\": \"leastwise.store/v9\"}").unwrap();
    fs::create_dir_all(dir.path().join("torn")).unwrap();
    fs::write(dir.path().join("torn/store.json"), "{\"schema\": ").unwrap();
    for (side, said) in [("v9", "leastwise.store/v9"), ("torn", "store.json")] {
        let (exit, stdout, stderr) = drift(dir.path(), &[side, "new/ledger"]);
        assert_eq!((exit, stdout.as_str()), (1, ""), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[test]
fn a_report_that_was_asked_for_some_roles_does_not_call_the_others_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let world = worlds::base();
    ledger(&world, dir.path(), "one");
    let common = ["--iam", "iam", "--kubernetes", "kubernetes", "--min-window", "0h", "--quiet"];
    let at = dir.path().join("one");
    leastwise(&at, &[&["audit", "logs", "--out", "all"][..], &common].concat());
    leastwise(&at, &[&["audit", "logs", "--role", "api", "--out", "some"][..], &common].concat());
    let found = found(dir.path(), &["one/all", "one/some"]);
    assert_eq!(found["changes"], json!([]), "{found:#}");
    assert!(found["not_compared"].to_string().contains("asked for different accounts"), "{found:#}");
}

#[test]
fn ledgers_in_a_bucket_are_compared_as_those_in_folders() {
    let dir = tempfile::tempdir().unwrap();
    two_worlds(dir.path());
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("kept")).unwrap();
    let server = Server::start(root.path(), |_: &Request| Fault::None);
    let run = |arguments: &[&str]| {
        let mut command = command(&server, &[arguments, &["--path-style"]].concat());
        command.current_dir(dir.path());
        told(command)
    };
    for name in ["old", "new"] {
        let (logs, store) = (format!("{name}/logs"), format!("s3://kept/{name}"));
        assert_eq!(run(&["ingest", &logs, "--store", &store]).0, 0);
        let log = fs::read(dir.path().join(&logs).join("log.json")).unwrap();
        put(root.path(), &format!("kept/{name}-logs/log.json"), &log);
    }
    let grants = ["--old-iam", "old/iam", "--new-iam", "new/iam"];
    let window = ["--old-until", "2026-03-02", "--new-since", "2026-03-01"];
    for more in [&[][..], &grants, &window] {
        let told = |sides: &[&str], logs: &str| {
            run(&[&["drift"], sides, more, &["--logs", logs, "--format", "json"]].concat())
        };
        let (exit, expected, error) = told(&["old/ledger", "new/ledger"], "new/logs");
        let expected: Value = serde_json::from_str(&expected).unwrap_or_else(|_| panic!("{error}"));
        assert!(!expected["changes"].as_array().unwrap().is_empty());
        for (sides, logs) in [
            (["s3://kept/old", "s3://kept/new"], "s3://kept/new-logs/"),
            (["old/ledger", "s3://kept/new"], "new/logs"),
        ] {
            let (own, found, error) = told(&sides, logs);
            assert_eq!(own, exit, "{error}");
            let found = found.replace("s3://kept/old", "old/ledger").replace("s3://kept/new", "new/ledger");
            assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), expected);
        }
    }
    for (arguments, exit, said) in [
        (["s3://kept/none", "s3://kept/new"], 1, "there is no store in `s3://kept/none`"),
        (["s3://kept/new", "s3://missing/x"], 1, "check the name"),
        (["old/ledger", "gs://kept/new"], 2, "is no place for a store"),
    ] {
        let (own, out, error) = run(&[&["drift"][..], &arguments].concat());
        assert_eq!((own, out.as_str()), (exit, ""), "{error}");
        assert!(error.contains(said), "{error}");
    }
    let (exit, _, error) = run(&["drift", "old/ledger", "new/ledger", "--logs", "s3://missing/logs"]);
    assert!(exit == 1 && error.contains("check the name"), "{exit} {error}");
}
