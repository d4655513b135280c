//! The sample: it is what its generator writes, and the audit of it says what the generator knows to be true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use leastwise::ident::glob::Glob;
use serde_json::{Value, json};

use crate::support::root;
use crate::world::{self, Options};

#[test]
fn the_sample_is_what_its_generator_writes() {
    let fresh = tempfile::tempdir().unwrap();
    world::write(fresh.path(), Options::SAMPLE).unwrap();
    let expected = files(fresh.path());
    let mut found = files(&root().join("sample-logs"));
    found.remove(Path::new("README.md"));
    let hint = "run `cargo sample-logs`";
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{hint}");
    for (path, bytes) in &expected {
        assert!(found[path] == *bytes, "{} differs: {hint}", path.display());
    }
    let size: usize = found.values().map(Vec::len).sum();
    assert!(size < 5 << 20, "the sample has {size} bytes");
}

/// What `audit` exits with when an object could not be read to its end.
const INCOMPLETE: i32 = 4;

#[test]
fn the_audit_of_the_sample_says_what_really_happened() {
    let (code, report) = audit(&root().join("sample-logs"), &[]);
    assert_eq!(code, INCOMPLETE);
    let truth = read_json(&root().join("sample-logs/truth.json"));
    assert_true(&truth, &report);
}

#[test]
fn audits_of_other_worlds_say_what_really_happened() {
    for seed in [2, 3, 4] {
        let world = tempfile::tempdir().unwrap();
        let truth = world::write(world.path(), Options { seed, days: 3, scale: 1 }).unwrap();
        // Three days are a window too short to prove anything, unless one asks for it.
        let (code, report) = audit(world.path(), &["--min-window", "1d"]);
        assert_eq!(code, if seed % 2 == 0 { 0 } else { INCOMPLETE }, "seed {seed}");
        assert_true(&truth, &report);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let out = |threads: &str| {
        let out = tempfile::tempdir().unwrap();
        run_audit(&root().join("sample-logs"), out.path(), &["--threads", threads]);
        files(out.path())
    };
    assert!(out("1") == out("2"));
}

#[test]
fn events_outside_the_window_are_counted_apart() {
    let truth = read_json(&root().join("sample-logs/truth.json"));
    let (_, report) = audit(&root().join("sample-logs"), &["--since", "2026-06-08", "--until", "2026-06-11"]);
    let days = truth["counted_by_day"].as_object().unwrap();
    let inside: u64 = days
        .iter()
        .filter(|(day, _)| ("2026-06-08".."2026-06-11").contains(&day.as_str()))
        .map(|(_, count)| count.as_u64().unwrap())
        .sum();
    let events = &report["coverage"]["events"];
    assert_eq!(events["counted"], json!(inside));
    let sum: u64 = ["duplicates", "copies", "malformed", "outside_window", "counted"]
        .iter()
        .map(|name| events[name].as_u64().unwrap())
        .sum();
    assert_eq!(events["read"], json!(sum));
}

/// Written by `tests/update`; see CONTRIBUTING.md.
#[test]
fn the_reports_are_those_of_the_sample() {
    let out = tempfile::tempdir().unwrap();
    run_audit(Path::new("sample-logs"), out.path(), &[]);
    let (expected, found) = (files(out.path()), files(&root().join("reports")));
    let hint = "run `tests/update` and look at what changed";
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{hint}");
    for (path, bytes) in &expected {
        assert!(found[path] == *bytes, "{} differs: {hint}", path.display());
    }
}

/// Audits a world from the package's root, as the README does.
fn run_audit(world: &Path, out: &Path, more: &[&str]) -> i32 {
    let run = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .current_dir(root())
        .arg("audit")
        .arg(world)
        .arg("--iam")
        .arg(world.join("iam"))
        .arg("--kubernetes")
        .arg(world.join("kubernetes"))
        .arg("--airflow-dags")
        .arg(world.join("airflow-dags.json"))
        .arg("--out")
        .arg(out)
        .args(more)
        .output()
        .unwrap();
    let code = run.status.code().unwrap();
    assert!([0, INCOMPLETE].contains(&code), "{code}: {}", String::from_utf8_lossy(&run.stderr));
    code
}

fn audit(world: &Path, more: &[&str]) -> (i32, Value) {
    let out = tempfile::tempdir().unwrap();
    let code = run_audit(world, out.path(), more);
    (code, read_json(&out.path().join("report.json")))
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn assert_true(truth: &Value, report: &Value) {
    let mut wrong = Differences::default();
    wrong.coverage(truth, report);
    wrong.workloads(truth, report);
    wrong.roles(truth, report);
    let shown: Vec<_> = wrong.0.iter().take(60).cloned().collect();
    assert!(
        wrong.0.is_empty(),
        "{} differences (truth against report):\n{}",
        wrong.0.len(),
        shown.join("\n")
    );
}

/// Where the report says something else than the truth.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn check(&mut self, what: &str, truth: &Value, found: &Value) {
        if truth != found {
            self.0.push(format!("{what}: {truth} against {found}"));
        }
    }

    fn coverage(&mut self, truth: &Value, report: &Value) {
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        let objects = &report["coverage"]["objects"];
        let read = number(&truth["objects"]["logs"]) + number(&truth["objects"]["cut-off"]);
        self.check("objects read", &json!(read), &objects["read"]);
        self.check("objects failed", &json!(0), &objects["failed"]);
        let sum: u64 = ["read", "skipped", "failed"].iter().map(|name| number(&objects[name])).sum();
        self.check("objects listed", &json!(sum), &objects["listed"]);
        for (kind, name) in [("digest", "digests"), ("insight", "insights")] {
            self.check(kind, &truth["objects"][name], &report["coverage"]["skipped"][kind]);
        }
        let issues = list(&report["coverage"]["issues"]);
        let cut = &truth["cut_off"];
        self.check("issues", &json!(usize::from(!cut.is_null())), &json!(issues.len()));
        for issue in issues {
            self.check("kind of issue", &json!("truncated-gzip"), &issue["kind"]);
            self.check("records read of the cut-off object", &cut["events_read"], &issue["events_read"]);
            let is_it = text(&issue["object"]).ends_with(text(&cut["object"]));
            self.check("the cut-off object", &json!(true), &json!(is_it));
        }
        for (name, count) in truth["events"].as_object().unwrap() {
            self.check(&format!("events {name}"), count, &report["coverage"]["events"][name]);
        }
        self.check("window", &truth["window"]["from"], &report["window"]["from"]);
        for account in list(&report["coverage"]["accounts"]) {
            for (service, is_on) in truth["data_events"][text(&account["account"])].as_object().unwrap() {
                self.check(&format!("data events of {service}"), is_on, &account["data_events"][service]);
            }
        }
    }

    fn workloads(&mut self, truth: &Value, report: &Value) {
        let found = by(&report["workloads"], "id");
        let expected = by(&truth["workloads"], "id");
        self.same_keys("workloads", &expected, &found);
        for (id, workload) in expected {
            let Some(found) = found.get(id) else { continue };
            for member in ["kind", "roles", "sessions", "calls", "denied"] {
                self.check(&format!("{id} {member}"), &workload[member], &found[member]);
            }
        }
    }

    fn roles(&mut self, truth: &Value, report: &Value) {
        let found = by(&report["roles"], "arn");
        let expected = by(&truth["roles"], "arn");
        self.same_keys("roles", &expected, &found);
        for (arn, role) in expected {
            let Some(found) = found.get(arn) else { continue };
            let name = arn.rsplit('/').next().unwrap_or_default();
            for member in
                ["in_snapshot", "calls", "denied_calls", "first_seen", "last_seen", "unproven_calls"]
            {
                self.check(&format!("{name} {member}"), &role[member], &found[member]);
            }
            let unattributed: u64 = list(&report["unattributed"])
                .filter(|entry| entry["role"] == role["arn"])
                .map(|entry| entry["calls"].as_u64().unwrap())
                .sum();
            self.check(&format!("{name} unattributed"), &role["unattributed_calls"], &json!(unattributed));
            self.shares(name, role, found);
            self.used(name, role, found);
            self.denied(name, role, found);
            self.verdicts(name, role, found);
            self.proposal(name, role, found);
        }
    }

    fn shares(&mut self, name: &str, role: &Value, found: &Value) {
        let (expected, found) = (by(&role["workloads"], "id"), by(&found["workloads"], "id"));
        self.same_keys(&format!("{name} workloads"), &expected, &found);
        for (id, share) in expected {
            let Some(found) = found.get(id) else { continue };
            for member in ["sessions", "calls", "attribution", "via"] {
                self.check(&format!("{name} {id} {member}"), &share[member], &found[member]);
            }
        }
    }

    fn used(&mut self, name: &str, role: &Value, found: &Value) {
        let not_own: BTreeSet<&str> = list(&role["not_by_own_policies"]).map(text).collect();
        let (expected, found) = (by(&role["used"], "action"), by(&found["used"], "action"));
        self.same_keys(&format!("{name} used"), &expected, &found);
        for (action, used) in expected {
            let Some(found) = found.get(action) else { continue };
            let what = format!("{name} {action}");
            for member in ["calls", "evidence", "workloads"] {
                self.check(&format!("{what} {member}"), &used[member], &found[member]);
            }
            if used["more_resources_possible"] == json!(true) {
                let patterns: Vec<Glob> = list(&found["resources"]).map(|arn| Glob::new(text(arn))).collect();
                for arn in list(&used["resources"]) {
                    let is_covered = patterns.iter().any(|pattern| pattern.matches(text(arn)));
                    self.check(&format!("{what} covers {arn}"), &json!(true), &json!(is_covered));
                }
            } else {
                self.check(&format!("{what} resources"), &used["resources"], &found["resources"]);
            }
            let is_own = found["granted_by"] == json!("identity");
            self.check(
                &format!("{what} granted by its own policies"),
                &json!(!not_own.contains(action)),
                &json!(is_own),
            );
        }
    }

    fn denied(&mut self, name: &str, role: &Value, found: &Value) {
        let sum = |denied: &Value| {
            let mut sums: BTreeMap<String, u64> = BTreeMap::new();
            for entry in list(denied) {
                let key = json!([entry["action"], entry["layer"], entry["explicit"]]).to_string();
                *sums.entry(key).or_default() += entry["calls"].as_u64().unwrap();
            }
            json!(sums)
        };
        self.check(&format!("{name} denied"), &sum(&role["denied"]), &sum(&found["denied"]));
    }

    fn verdicts(&mut self, name: &str, role: &Value, found: &Value) {
        let granted = &found["granted"];
        let of = |action: &str| {
            let is_in = |names: &Value| list(names).any(|name| text(name).eq_ignore_ascii_case(action));
            let is_used = list(&found["used"]).any(|used| text(&used["action"]).eq_ignore_ascii_case(action));
            let lists = [
                ("unused", is_in(&found["unused_actions"])),
                ("undetermined", is_in(&granted["undetermined_actions"])),
                ("unobservable", is_in(&granted["unobservable_actions"])),
                ("blocked", is_in(&granted["blocked_actions"])),
                ("used", is_used),
            ];
            lists.iter().filter(|(_, is_in)| *is_in).map(|(verdict, _)| *verdict).collect::<Vec<_>>()
        };
        for (action, verdict) in role["verdicts"].as_object().unwrap() {
            self.check(&format!("{name} verdict on {action}"), &json!([verdict]), &json!(of(action)));
        }
        for action in list(&role["invisible"]).map(text) {
            let is_called_unused = of(action).contains(&"unused");
            self.check(
                &format!("{name} really used {action}: called unused"),
                &json!(false),
                &json!(is_called_unused),
            );
        }
    }

    fn proposal(&mut self, name: &str, role: &Value, found: &Value) {
        let proposal = &found["proposal"];
        if !role["proposal"].is_null() {
            self.check(&format!("{name} proposal"), &role["proposal"], &proposal["verdict"]);
        }
        self.check(&format!("{name} lost requests"), &json!([]), &proposal["replay"]["lost"]);
        let is_refuted = proposal["proof"]["no_new_access"] == json!("refuted");
        self.check(&format!("{name} proof refuted"), &json!(false), &json!(is_refuted));
    }

    fn same_keys(&mut self, what: &str, truth: &BTreeMap<&str, &Value>, found: &BTreeMap<&str, &Value>) {
        for key in truth.keys().filter(|key| !found.contains_key(*key)) {
            self.0.push(format!("{what}: `{key}` is missing"));
        }
        for key in found.keys().filter(|key| !truth.contains_key(*key)) {
            self.0.push(format!("{what}: `{key}` is too much"));
        }
    }
}

fn list(value: &Value) -> std::slice::Iter<'_, Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn by<'a>(entries: &'a Value, key: &str) -> BTreeMap<&'a str, &'a Value> {
    list(entries).map(|entry| (text(&entry[key]), entry)).collect()
}

/// Relative paths and contents of everything below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}
