//! The program as its users meet it: arguments in; exit status, standard output and standard error out.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::root;

/// A run in an empty environment, so that nobody's settings decide a test.
fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leastwise"));
    command.args(args).current_dir(dir).env_clear().stdin(Stdio::null());
    command
}

fn run(dir: &Path, args: &[&str]) -> (i32, String, String) {
    told(&command(dir, args).output().unwrap())
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// One call of a role, with a session name of the caller's choice.
fn record(session: &str) -> String {
    let name =
        serde_json::to_string(&format!("arn:aws:sts::111122223333:assumed-role/app/{session}")).unwrap();
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE:x","arn":{name},
        "accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{{"sessionIssuer":{{"type":"Role",
        "principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/app","accountId":"111122223333",
        "userName":"app"}}}}}},"eventTime":"2026-03-01T10:00:00Z","eventSource":"ec2.amazonaws.com",
        "eventName":"DescribeInstances","awsRegion":"eu-central-1","sourceIPAddress":"192.0.2.1","userAgent":"x",
        "requestParameters":null,"responseElements":null,"requestID":"r","eventID":"11111111-0000-4000-8000-000000000001",
        "readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333",
        "eventCategory":"Management"}}"#
    )
}

/// A folder with `logs/one.json`, `empty/`, and a log that breaks off in `broken/`.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["logs", "empty", "broken"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let log = format!("{{\"Records\":[{}]}}", record("session"));
    fs::write(dir.path().join("logs/one.json"), &log).unwrap();
    fs::write(dir.path().join("broken/one.json"), &log).unwrap();
    fs::write(dir.path().join("broken/two.json"), &log[..log.len() - 40]).unwrap();
    fs::write(dir.path().join("empty/notes.txt"), "nothing to see").unwrap();
    dir
}

#[test]
fn every_exit_status_means_what_the_table_says() {
    let dir = folder();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--help"], 0, ""),
        (&["--version"], 0, ""),
        (&["schema", "report"], 0, ""),
        (&["audit", "logs"], 0, ""),
        (&["audit", "logs", "--fail-on", "none"], 0, ""),
        (&["audit", "broken"], 4, "warning: the report is not complete"),
        (&["audit", "empty"], 3, "hint: looked for CloudTrail log files"),
        (&["audit", "missing"], 3, "cannot read `missing`"),
        (&["audit", "logs", "--iam", "missing"], 1, "the granted side cannot be read"),
        (&["audit", "logs", "--out", "logs/one.json"], 1, "cannot write `logs/one.json`"),
        (&[], 2, "Usage: leastwise"),
        (&["shred"], 2, "unrecognized subcommand 'shred'"),
        (&["audit"], 2, "there is no SOURCE"),
        (&["audit", "logs", "--since", "yesterday"], 2, "a time looks like"),
        (&["audit", "logs", "--since", "2026-02-02", "--until", "2026-02-01"], 2, "the window is empty"),
        (&["audit", "logs", "--format", "docx"], 2, "this version writes no `docx`; it writes text, json"),
        (&["audit", "logs", "--format", "json", "--format", "csv"], 2, "hint: give it with --out DIR"),
        #[cfg(not(feature = "kubernetes"))]
        (&["audit", "logs", "--kubernetes", "live"], 2, "without the Cargo feature `kubernetes`"),
        #[cfg(feature = "kubernetes")]
        (&["audit", "logs", "--kubernetes", "live"], 1, "no cluster is configured"),
        (&["audit", "logs", "--terraform", "t.json"], 2, "this version cannot do `--terraform` yet"),
        (&["audit", "athena:db"], 2, "`athena:db` is no address of a table"),
        (&["audit", "logs", "--config", "missing.toml"], 2, "cannot read `missing.toml`"),
        (&["man", "shred"], 2, "there is no subcommand `shred`"),
    ];
    for (args, expected, said) in cases {
        let (exit, stdout, stderr) = run(dir.path(), args);
        assert_eq!(exit, *expected, "{args:?}\n{stdout}\n{stderr}");
        assert!(stderr.contains(said), "{args:?} says `{said}`\n{stderr}");
        if *expected >= 1 && *expected != 4 {
            assert!(stdout.is_empty(), "{args:?} prints no data when there is none\n{stdout}");
            assert!(stderr.starts_with("error: ") || args.is_empty(), "{args:?}\n{stderr}");
        }
    }
}

#[test]
fn the_readme_and_the_help_have_the_same_table_of_exit_statuses() {
    let dir = tempfile::tempdir().unwrap();
    let (_, help, _) = run(dir.path(), &["--help"]);
    let table = help.split("Exit status:\n").nth(1).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut n_rows = 0;
    for row in table.lines() {
        let (status, meaning) = row.trim().split_once(' ').unwrap();
        let expected = format!("| {status} | {} |", meaning.trim());
        assert!(readme.replace('`', "").contains(&expected), "{expected}");
        n_rows += 1;
    }
    assert_eq!(n_rows, 6);
}

#[test]
fn data_goes_to_standard_output_and_talk_to_standard_error() {
    let dir = folder();
    let (_, stdout, stderr) = run(dir.path(), &["audit", "logs", "--out", "out", "--format", "json"]);
    assert!(stderr.contains("report written to out/report.html"), "{stderr}");
    assert!(
        !stderr.contains('\r') && !stderr.contains('\u{1b}'),
        "a pipe sees no bar and no colours: {stderr}"
    );
    assert_eq!(stdout, fs::read_to_string(dir.path().join("out/report.json")).unwrap());
    for file in ["report.html", "report.md", "findings.sarif"] {
        assert!(dir.path().join("out").join(file).is_file(), "{file}");
    }
    let (_, stdout, stderr) = run(dir.path(), &["audit", "logs", "--out", "out", "--quiet"]);
    assert!(stdout.starts_with("leastwise audit  2026-03-01T10:00:00Z to "), "{stdout}");
    assert_eq!(stderr, "");
}

#[test]
fn standard_input_is_a_source() {
    let dir = folder();
    let mut child = command(dir.path(), &["audit", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = fs::read(dir.path().join("logs/one.json")).unwrap();
    child.stdin.take().unwrap().write_all(&log).unwrap();
    let (exit, stdout, stderr) = told(&child.wait_with_output().unwrap());
    assert_eq!(exit, 0, "{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["coverage"]["events"]["counted"], 1);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = folder();
    for args in [&["schema", "report"][..], &["completions", "bash"], &["audit", "logs"], &["--help"]] {
        let mut child =
            command(dir.path(), args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let (exit, _, stderr) = told(&child.wait_with_output().unwrap());
        assert_eq!((exit, stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn hostile_names_reach_no_terminal() {
    let dir = folder();
    let name = "\u{1b}]0;owned\u{7}\u{202e}.json";
    fs::write(dir.path().join("logs").join(name), "{").unwrap();
    let log = format!("{{\"Records\":[{}]}}", record("\u{1b}[2J\u{9b}31m\u{202e}<script>"));
    fs::write(dir.path().join("logs/two.json"), log).unwrap();
    for args in [
        &["audit", "logs"][..],
        &["audit", "logs", "--format", "json"],
        &["audit", "logs", "--format", "markdown"],
        &["audit", "logs", "--format", "html"],
        &["audit", "logs", "--iam", name],
        &["audit", name],
        &["audit", "logs", "--since", name],
        &[name],
    ] {
        let (exit, stdout, stderr) = run(dir.path(), args);
        assert_ne!(exit, 101, "{args:?}\n{stderr}");
        for text in [&stdout, &stderr] {
            let acts = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!text.contains(acts), "{args:?}\n{text:?}");
        }
    }
}

#[test]
fn the_settings_file_is_found_upward_and_the_command_line_wins() {
    let dir = folder();
    let below = dir.path().join("a/b");
    fs::create_dir_all(&below).unwrap();
    let settings = dir.path().join("leastwise.toml");
    fs::write(
        &settings,
        "sources = [\"logs\"]\nformat = [\"ndjson\"]\nsince = \"2026-01-01\"\nfail-on = \"none\"\n",
    )
    .unwrap();
    let (exit, stdout, stderr) = run(&below, &["audit"]);
    assert_eq!(exit, 0, "{stderr}");
    assert!(stdout.starts_with("{\"type\":\"run\""), "{stdout}");
    assert!(stderr.contains("settings from"), "{stderr}");
    let (_, stdout, _) = run(&below, &["audit", "--format", "json", "--since", "2026-02-01"]);
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["window"]["from"], "2026-02-01T00:00:00Z");

    for (text, said) in [
        ("colour = true\n", "unknown field `colour`"),
        ("since = \"later\"\n", "a time looks like"),
        ("format = [\"docx\"]\n", "this version writes no `docx`"),
        ("sources = [", "is not a settings file"),
    ] {
        fs::write(&settings, text).unwrap();
        let (exit, _, stderr) = run(&below, &["audit"]);
        assert_eq!(exit, 2, "{text}\n{stderr}");
        assert!(stderr.contains(said), "{said}\n{stderr}");
    }
}

#[test]
fn manual_pages_and_completions_know_every_subcommand() {
    let dir = tempfile::tempdir().unwrap();
    let (_, page, _) = run(dir.path(), &["man"]);
    for name in subcommands(dir.path()) {
        let escaped = name.replace('-', "\\-");
        assert!(page.contains(&format!("leastwise\\-{escaped}(1)")), "{name}");
        let (exit, page, _) = run(dir.path(), &["man", &name]);
        assert!(exit == 0 && page.contains(&format!(".TH leastwise-{name} 1")), "{name}\n{page}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (exit, script, _) = run(dir.path(), &["completions", shell]);
        assert!(exit == 0 && script.contains("fail-on"), "{shell}");
    }
}

/// The names in the help's list of commands.
fn subcommands(dir: &Path) -> Vec<String> {
    let (_, help, _) = run(dir, &["--help"]);
    let list = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    let names: Vec<String> =
        list.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect();
    assert!(names.iter().any(|name| name == "audit"), "{names:?}");
    names
}

/// The help of every subcommand, as users see it: a change of the command line is a change of this file.
///
/// `UPDATE_SNAPSHOTS=1 cargo test` writes it anew.
#[test]
fn the_help_is_what_was_agreed() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = String::new();
    let mut add = |args: &[&str]| {
        let (exit, help, stderr) = run(dir.path(), args);
        assert_eq!((exit, stderr.as_str()), (0, ""), "{args:?}");
        all.push_str(&format!("$ leastwise {}\n{help}\n", args.join(" ")));
    };
    add(&["--help"]);
    for name in subcommands(dir.path()) {
        add(&[&name, "--help"]);
    }
    let path = root().join("tests/data/cli/help.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &all).unwrap();
    }
    let agreed = fs::read_to_string(&path).unwrap();
    for (at, (now, then)) in all.lines().zip(agreed.lines()).enumerate() {
        assert_eq!(now, then, "line {} of {}", at + 1, path.display());
    }
    assert_eq!(
        all.lines().count(),
        agreed.lines().count(),
        "UPDATE_SNAPSHOTS=1 cargo test writes the file anew"
    );
}

/// Files of policies, and what `prove` says of them.
fn prove(files: &[(&str, &str)], old: &[&str], new: &[&str], more: &[&str]) -> (i32, serde_json::Value) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let mut arguments = vec!["prove", "--format", "json", "--old"];
    arguments.extend(old);
    arguments.push("--new");
    arguments.extend(new);
    arguments.extend(more);
    let (status, out, err) = run(dir.path(), &arguments);
    (status, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}")))
}

#[test]
fn prove_tells_three_verdicts_by_status() {
    let statement = |effect: &str, action: &str, more: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"*"{more}}}}}"#
        )
    };
    let (wide, narrow) = (statement("Allow", "s3:*", ""), statement("Allow", "s3:Get*", ""));
    let deny = statement("Deny", "s3:Delete*", "");
    let strange = statement("Allow", "s3:Get*", r#","Sidd":"x""#);
    let files = [("wide", &*wide), ("narrow", &*narrow), ("deny", &*deny), ("strange", &*strange)];

    let (status, proof) = prove(&files, &["wide"], &["narrow"], &[]);
    assert_eq!((status, &proof["no_new_access"]), (0, &serde_json::json!("proven")));
    let (status, proof) = prove(&files, &["narrow"], &["wide"], &[]);
    assert_eq!((status, &proof["no_new_access"]), (10, &serde_json::json!("refuted")));
    assert!(proof["witness"]["action"].as_str().unwrap().starts_with("s3:"), "{proof}");
    let (status, proof) = prove(&files, &["wide"], &["strange"], &[]);
    assert_eq!((status, &proof["no_new_access"]), (4, &serde_json::json!("unknown")));
    assert!(proof["reasons"][0].as_str().unwrap().contains("Sidd"), "{proof}");

    // Sets of files: the deny of one cuts the allow of the other, and is kept or not.
    assert_eq!(prove(&files, &["wide", "deny"], &["wide"], &[]).0, 10);
    assert_eq!(prove(&files, &["wide", "deny"], &["narrow", "deny"], &["--keep-denies"]).0, 0);
    assert_eq!(prove(&files, &["wide", "deny"], &["narrow"], &["--keep-denies"]).0, 4);

    // What stands at a resource and what is attached to a principal say different things by the same words.
    let anyone = statement("Allow", "*", r#","Principal":"*""#);
    let (status, proof) = prove(&[("at", &anyone), ("narrow", &narrow)], &["at"], &["narrow"], &[]);
    assert_eq!((status, &proof["no_new_access"]), (4, &serde_json::json!("unknown")), "{proof}");
    assert!(proof["reasons"][0].as_str().unwrap().contains("cannot be compared"), "{proof}");

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("broken"), r#"{"Statement": 5}"#).unwrap();
    let (status, out, err) = run(dir.path(), &["prove", "--old", "broken", "--new", "broken"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("`broken` is no policy") && err.contains("/Statement"), "{err}");
}

#[test]
fn prove_reads_documents_as_the_aws_cli_prints_them() {
    let document =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    let less = document.replace("s3:*", "s3:Get*");
    let text = serde_json::to_string(&less).unwrap();
    let encoded: String = less.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let resource = less.replace(r#""Effect""#, r#""Principal":"*","Effect""#);
    let wide = document.replace(r#""Effect""#, r#""Principal":"*","Effect""#);
    for (old, new) in [
        (document, less.clone()),
        (document, format!(r#"{{"PolicyVersion":{{"VersionId":"v1","Document":{less}}}}}"#)),
        (document, format!(r#"{{"RoleName":"r","PolicyName":"p","PolicyDocument":{less}}}"#)),
        (document, format!(r#"{{"PolicyDocument":{text}}}"#)),
        (document, format!(r#"{{"PolicyDocument":"{encoded}"}}"#)),
        (&*wide, format!(r#"{{"Policy":{}}}"#, serde_json::to_string(&resource).unwrap())),
        (&*wide, format!(r#"{{"ResourcePolicy":{}}}"#, serde_json::to_string(&resource).unwrap())),
        (&*wide, format!(r#"{{"Attributes":{{"Policy":{}}}}}"#, serde_json::to_string(&resource).unwrap())),
    ] {
        let files = [("old.json", old), ("new.json", &*new)];
        assert_eq!(prove(&files, &["old.json"], &["new.json"], &[]).0, 0, "{new}");
        assert_eq!(prove(&files, &["new.json"], &["old.json"], &[]).0, 10, "{new}");
    }
    let trust = |principal: &str| {
        format!(
            r#"{{"Role":{{"RoleName":"r","AssumeRolePolicyDocument":{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"}}]}}}}}}"#
        )
    };
    let (account, role) = (trust("111122223333"), trust("arn:aws:iam::111122223333:role/x"));
    let files = [("account", &*account), ("role", &*role)];
    assert_eq!(prove(&files, &["account"], &["role"], &[]).0, 0);
    assert_eq!(prove(&files, &["role"], &["account"], &[]).0, 10);
}
