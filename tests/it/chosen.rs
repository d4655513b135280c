//! `leastwise rightsize`: the proposals for chosen roles are those of the audit, byte for byte, in every form.

use std::fs;
use std::path::Path;
use std::process::Command;

use leastwise::report::{Language, Proposals, Report};
use serde_json::Value;

use crate::support::root;

/// Runs the program in a folder without a settings file above it.
fn run(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let done =
        Command::new(env!("CARGO_BIN_EXE_leastwise")).args(arguments).current_dir(dir).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

fn sample(part: &str) -> String {
    root().join(part).display().to_string()
}

/// The options by which the sample's report was made.
fn inputs(option: bool) -> Vec<String> {
    let logs = sample("sample-logs");
    let mut all = if option { vec!["--source".to_owned(), logs] } else { vec![logs] };
    for (option, part) in [
        ("--iam", "sample-logs/iam"),
        ("--kubernetes", "sample-logs/kubernetes"),
        ("--airflow-dags", "sample-logs/airflow-dags.json"),
    ] {
        all.extend([option.to_owned(), sample(part)]);
    }
    all
}

fn words<'w>(first: &[&'w str], rest: &'w [String]) -> Vec<&'w str> {
    first.iter().copied().chain(rest.iter().map(String::as_str)).collect()
}

fn committed() -> Report {
    serde_json::from_slice(&fs::read(root().join("reports/report.json")).unwrap()).unwrap()
}

#[test]
fn logs_and_a_report_give_what_the_audit_says() {
    let dir = tempfile::tempdir().unwrap();
    let report = sample("reports");
    let logs = inputs(true);
    let roles = ["northwind-checkout", "*:role/northwind-dag-orders"];
    let (exit, from_logs, stderr) =
        run(dir.path(), &words(&["rightsize", roles[0], roles[1], "--format", "json"], &logs));
    // Some object of the sample breaks off, so nothing that rests on it is whole.
    assert_eq!(exit, 4, "{stderr}");
    assert!(stderr.contains("what was read is not complete: "), "{stderr}");
    let (exit, from_report, _) =
        run(dir.path(), &["rightsize", roles[0], roles[1], "--report", &report, "--format", "json"]);
    assert_eq!(exit, 4);
    assert_eq!(from_logs, from_report);
    let proposals: Proposals = serde_json::from_str(&from_logs).unwrap();
    let said: Vec<_> = proposals.roles.iter().map(|role| (&role.arn, &role.proposal)).collect();
    let audit = committed();
    let is_chosen = |name: &str| ["northwind-checkout", "northwind-dag-orders"].contains(&name);
    let chosen = audit.roles.iter().filter(|role| is_chosen(&role.name));
    let expected: Vec<_> = chosen.map(|role| (&role.arn, &role.proposal)).collect();
    assert_eq!(expected.len(), 2);
    assert_eq!(said, expected);
    let (exit, schema, _) = run(dir.path(), &["schema", "proposals"]);
    assert_eq!(exit, 0);
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let value: Value = serde_json::from_str(&from_logs).unwrap();
    let errors: Vec<_> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&value)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn every_language_is_the_audits() {
    let dir = tempfile::tempdir().unwrap();
    let (report, logs) = (sample("reports"), inputs(false));
    let mut arguments = vec!["audit", "--role", "northwind-search", "--out", "whole"];
    arguments.extend(Language::ALL.iter().flat_map(|language| ["--format", language.as_str()]));
    let (exit, _, stderr) = run(dir.path(), &words(&arguments, &logs));
    assert_eq!(exit, 4, "{stderr}");
    for language in Language::ALL.map(Language::as_str) {
        let (_, stdout, _) =
            run(dir.path(), &["rightsize", "northwind-search", "--report", &report, "--format", language]);
        let folder = dir.path().join("whole/code").join(language);
        let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{language}");
        assert_eq!(stdout, fs::read_to_string(&files[0]).unwrap(), "{language}");
    }
    let policy = "policies/210920738480/northwind-search.json";
    let arguments =
        ["rightsize", "northwind-search", "northwind-gcp-export", "--report", &report, "--out", "own"];
    let (_, _, stderr) = run(dir.path(), &arguments);
    assert!(stderr.contains("proposals written to own"), "{stderr}");
    let bytes = |folder: &Path| fs::read(folder.join(policy)).unwrap();
    assert_eq!(bytes(&dir.path().join("own")), bytes(&dir.path().join("whole")));
    assert_eq!(bytes(&dir.path().join("own")), bytes(&root().join("reports")));
    // What an earlier run proposed and this one does not, goes; what is not ours stays.
    fs::write(dir.path().join("own/policies/mine.json"), "{}").unwrap();
    run(
        dir.path(),
        &["rightsize", "northwind-search", "--report", &report, "--out", "own", "--format", "cdk"],
    );
    let names = |folder: &str| {
        let entries = fs::read_dir(dir.path().join(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("own/policies/210920738480"), ["northwind-search.json"]);
    assert_eq!(names("own/policies"), ["210920738480", "mine.json"]);
    assert_eq!(names("own"), ["code", "policies", "proposals.json", "trials"]);
}

#[test]
fn a_person_reads_what_it_rests_on() {
    let dir = tempfile::tempdir().unwrap();
    let (_, text, _) = run(dir.path(), &["rightsize", "northwind-search", "--report", &sample("reports")]);
    for said in [
        "arn:aws:iam::210920738480:role/",
        "  Proposal   replace policies",
        "  Proof      proven: allows nothing that the present policies do not",
        "observed requests are still allowed",
        "  Size       1 policy, 254 characters → 1 policy, 235 characters",
        "Inline policy everything-but-the-vault (235 characters)",
        "\"Version\": \"2012-10-17\"",
    ] {
        assert!(text.contains(said), "`{said}`\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "a pipe sees no colours");
}

#[test]
fn every_exit_status_has_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let mut report = committed();
    report.coverage.issues.clear();
    report.coverage.objects.failed = 0;
    report.coverage.events.malformed = 0;
    report.coverage.grant_problems.clear();
    assert!(report.incompleteness().is_empty(), "{:?}", report.incompleteness());
    let mut unproven = report.clone();
    let search = unproven.roles.iter_mut().find(|role| role.name == "northwind-search").unwrap();
    search.proposal.replay.lost.push("s3:GetObject on arn:aws:s3:::b/k".to_owned());
    let write = |name: &str, value: &Value| fs::write(dir.path().join(name), value.to_string()).unwrap();
    write("whole.json", &serde_json::to_value(&report).unwrap());
    write("unproven.json", &serde_json::to_value(&unproven).unwrap());
    let mut newer = serde_json::to_value(&report).unwrap();
    newer["schema"] = "leastwise.report/v9".into();
    write("newer.json", &newer);
    write("other.json", &serde_json::json!({"RoleDetailList": []}));
    fs::create_dir(dir.path().join("audited")).unwrap();
    write("audited/report.json", &serde_json::to_value(&report).unwrap());
    let search = "northwind-search";
    let cases: &[(&[&str], i32, &str)] = &[
        (&[search, "--report", "whole.json"], 0, ""),
        (&["northwind-old-batch", "--report", "whole.json"], 0, ""),
        (&["northwind-astro", "--report", "whole.json"], 4, "northwind-astro: there is no proposal: "),
        (&[search, "--report", "unproven.json"], 4, "northwind-search: the proposal is not proven"),
        (&["northwind-serach", "--report", "whole.json"], 3, "did you mean northwind-search"),
        (&["zzzzzzzz", "--report", "whole.json"], 3, "a ROLE is a name or an ARN"),
        (&[search, "nobody*", "--report", "whole.json"], 3, "there is no role `nobody*`"),
        (
            &[search, "--report", "newer.json"],
            1,
            "is of schema `leastwise.report/v9`, and this version reads",
        ),
        (&[search, "--report", "other.json"], 1, "is no report of leastwise"),
        (&[search, "--report", "missing.json"], 1, "cannot read `missing.json`"),
        (&[search, "--report", "whole.json", "--source", "logs"], 2, "not from both"),
        (&[search, "--report", "whole.json", "--format", "html"], 2, "`rightsize` writes no `html`"),
        (
            &[search, "--report", "whole.json", "--format", "cdk", "--format", "ack"],
            2,
            "several formats need a folder",
        ),
        (&[search, "--report", "whole.json", "--out", "audited"], 2, "holds the report of an audit"),
        (&[search, "--report", "whole.json", "--role", "x"], 2, "takes no `--role`"),
        (&[search], 2, "there is no SOURCE"),
        (&["--report", "whole.json"], 2, "<ROLE>"),
    ];
    for (arguments, expected, said) in cases {
        let (exit, stdout, stderr) = run(dir.path(), &[&["rightsize"], *arguments].concat());
        assert_eq!(exit, *expected, "{arguments:?}\n{stdout}\n{stderr}");
        assert!(stderr.contains(said), "{arguments:?} says `{said}`\n{stderr}");
        assert_eq!(stdout.is_empty(), *expected != 0 && *expected != 4, "{arguments:?}\n{stdout}");
    }
    assert!(!dir.path().join("audited/policies").exists(), "nothing is half written");
    // From logs, too, a name that is none is told with those that are.
    let logs = inputs(true);
    let (exit, stdout, stderr) = run(dir.path(), &words(&["rightsize", "northwind-serach"], &logs));
    assert_eq!((exit, stdout.as_str()), (3, ""), "{stderr}");
    assert!(stderr.contains("did you mean northwind-search"), "{stderr}");
}
