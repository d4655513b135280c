//! The ledger on disk: in pieces or at once, killed or not, it is the same ledger.

mod bucket;
mod kills;
mod queries;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::AtomicBool;

use leastwise::analyze::{self, Ingestion, Settings, Stored};
use leastwise::ingest::Quiet;
use leastwise::report::{self, Format};
use leastwise::store::{Store, StoreError, Writer};
use leastwise::usage::Scope;
use serde_json::Value;

use crate::support::root;

/// The log objects of the sample, by their paths below it; sorted.
fn sample_objects() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join("sample-logs")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().contains("AWSLogs") {
                found.push(path.strip_prefix(root().join("sample-logs")).unwrap().to_owned());
            }
        }
    }
    found.sort();
    assert!(found.len() > 40, "{}", found.len());
    found
}

/// Copies objects of the sample below `logs`.
fn bring(objects: &[PathBuf], logs: &Path) {
    for object in objects {
        let to = logs.join(object);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(root().join("sample-logs").join(object), to).unwrap();
    }
}

/// Without what was granted: all that a store may change is there, and no role is right-sized.
fn settings(logs: &Path, store: Option<&Path>) -> Settings {
    Settings {
        sources: vec![logs.to_string_lossy().into_owned()],
        kubernetes: vec![root().join("sample-logs/kubernetes")],
        store: store.map(Path::to_owned),
        ..Settings::default()
    }
}

/// The same, with what was granted and so with proposals.
fn with_grants(settings: &Settings) -> Settings {
    Settings { iam: vec![root().join("sample-logs/iam")], ..settings.clone() }
}

fn ingest(settings: &Settings, how: &Ingestion<'_>) -> Stored {
    analyze::ingest(settings, how, None, &Quiet, &AtomicBool::new(false)).unwrap()
}

/// The report as JSON.
fn audit(settings: &Settings) -> String {
    let audited = analyze::audit(settings, None, &Quiet, &AtomicBool::new(false)).unwrap();
    let mut out = Vec::new();
    report::write(Format::Json, &audited.report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Where two texts differ, short enough to be read.
fn assert_same(found: &str, expected: &str) {
    for (n, (a, b)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(a, b, "line {n}");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn a_store_filled_in_pieces_gives_the_report_of_one_run() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, store) = (dir.path().join("logs"), dir.path().join("store"));
    let mut objects = sample_objects();
    // Late and early objects come together, so that sessions and duplicates reach over the runs.
    objects.sort_by_key(|path| path.to_string_lossy().bytes().map(usize::from).sum::<usize>() % 7);
    let n = objects.len();
    let how = Ingestion::new(&store, dir.path());
    let (settings, plain) = (settings(&logs, Some(&store)), settings(&logs, None));
    let mut n_added = 0;
    for part in [&objects[..n / 3], &objects[n / 3..n / 2], &objects[n / 2..]] {
        bring(part, &logs);
        let stored = ingest(&settings, &how);
        n_added += stored.added;
        assert_eq!((stored.changed, stored.added, stored.listed), (0, part.len() as u64, n_added));
    }
    let expected = audit(&plain);
    assert_same(&audit(&settings), &expected);

    // Nothing is new: nothing is read.
    let again = ingest(&settings, &how);
    // What is no log is passed over by its name, known or not.
    let n_skipped: u64 = again.skipped.values().sum();
    assert_eq!((again.added, again.events, again.known), (0, 0, n as u64 - n_skipped));
    // One segment of all.
    let compacted = ingest(&settings, &Ingestion { compact: true, ..how });
    assert_eq!(compacted.size.0, 1);
    assert_same(&audit(&settings), &expected);
    // One object at a time, which makes segments become fewer on the way.
    let small = dir.path().join("small");
    let few = Settings { store: Some(small.clone()), threads: 2, ..settings.clone() };
    let stored = ingest(&few, &Ingestion { commit_every: 1, ..Ingestion::new(&small, dir.path()) });
    assert_eq!(stored.added, n as u64);
    assert!(stored.size.0 < 20, "{} segments of {n}", stored.size.0);
    assert_same(&audit(&few), &expected);
    // Shards that were read apart, one of them twice.
    let parts: Vec<PathBuf> = (0..3).map(|shard| dir.path().join(format!("part-{shard}"))).collect();
    for (shard, part) in (0..).zip(&parts) {
        ingest(&plain, &Ingestion { shard: Some((shard, 3)), ..Ingestion::new(part, dir.path()) });
    }
    let whole = dir.path().join("whole");
    let all = [parts.clone(), parts[..1].to_vec()].concat();
    let reduced = analyze::reduce(&all, &whole, false, &leastwise::aws::Settings::default()).unwrap();
    assert_eq!(reduced.added, n as u64);
    let whole = Settings { store: Some(whole), ..settings };
    assert_same(&audit(&whole), &expected);
    assert_same(&audit(&with_grants(&whole)), &audit(&with_grants(&plain)));
}

#[test]
fn a_window_over_a_store_is_a_window_over_the_logs() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, store) = (dir.path().join("logs"), dir.path().join("store"));
    bring(&sample_objects(), &logs);
    let settings = settings(&logs, Some(&store));
    ingest(&settings, &Ingestion::new(&store, dir.path()));
    let expected: Value =
        serde_json::from_str(&audit(&Settings { store: None, ..settings.clone() })).unwrap();
    let day = |part: usize| -> leastwise::ident::Time {
        let from: leastwise::ident::Time = expected["window"]["from"].as_str().unwrap().parse().unwrap();
        from.plus_seconds(part as i64 * 86_400 + 12_345)
    };
    for windowed in [
        Settings { since: Some(day(3)), until: Some(day(9)), ..settings.clone() },
        Settings { regions: vec!["eu-west-1".to_owned()], ..settings.clone() },
    ] {
        let plain = audit(&Settings { store: None, ..windowed.clone() });
        assert_same(&audit(&windowed), &plain);
    }
}

#[test]
fn an_object_that_changed_counts_as_it_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, store) = (dir.path().join("logs"), dir.path().join("store"));
    let objects = sample_objects();
    bring(&objects, &logs);
    let settings = settings(&logs, Some(&store));
    let how = Ingestion::new(&store, dir.path());
    // First one object is cut off, and another holds what a third one holds too.
    let whole = fs::read(logs.join(&objects[5])).unwrap();
    fs::write(logs.join(&objects[5]), &whole[..whole.len() / 2]).unwrap();
    fs::copy(logs.join(&objects[8]), logs.join(&objects[7])).unwrap();
    let first = ingest(&settings, &how);
    assert!(first.issues.iter().any(|issue| issue.kind == "truncated-gzip"), "{:?}", first.issues);
    bring(&objects[5..8], &logs);
    // A copy is as old as the moment it was made.
    for object in &objects[5..8] {
        let file = fs::File::options().write(true).open(logs.join(object)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000))
            .unwrap();
    }
    let second = ingest(&settings, &how);
    assert_eq!((second.added, second.changed), (3, 3));
    let expected = audit(&Settings { store: None, ..settings.clone() });
    assert_same(&audit(&settings), &expected);
    ingest(&settings, &Ingestion { compact: true, ..how });
    assert_same(&audit(&settings), &expected);
}

#[test]
fn what_is_older_than_what_is_kept_goes_and_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, store) = (dir.path().join("logs"), dir.path().join("store"));
    let record = |day: &str, id: &str| {
        format!(
            r#"{{"eventVersion":"1.08","eventTime":"{day}T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","awsRegion":"eu-west-1","eventID":"{id}","userIdentity":{{"type":"IAMUser","principalId":"AIDA1","arn":"arn:aws:iam::111122223333:user/u","accountId":"111122223333"}},"eventType":"AwsApiCall","managementEvent":true,"readOnly":true,"recipientAccountId":"111122223333","eventCategory":"Management"}}"#
        )
    };
    for (n, day) in ["2026-03-14", "2026-04-30", "2026-05-01", "2026-06-02"].iter().enumerate() {
        let below = logs.join(format!("AWSLogs/111122223333/CloudTrail/eu-west-1/{}", day.replace('-', "/")));
        fs::create_dir_all(&below).unwrap();
        let name = format!("111122223333_CloudTrail_eu-west-1_{}T1015Z_abcdefgh.json", day.replace('-', ""));
        fs::write(below.join(name), format!("{{\"Records\":[{}]}}", record(day, &format!("id-{n}"))))
            .unwrap();
    }
    let settings = settings(&logs, Some(&store));
    let how = Ingestion::new(&store, dir.path());
    assert_eq!(ingest(&settings, &how).events, 4);
    let keep = Ingestion { keep_from: Some("2026-05-20".parse().unwrap()), ..how };
    for _ in 0..2 {
        // The month of the moment is kept whole.
        let stored = ingest(&settings, &keep);
        assert_eq!(
            (stored.added, stored.outside_window),
            (0, 1),
            "the day before the month is looked at: sessions reach over it"
        );
        let report: Value = serde_json::from_str(&audit(&settings)).unwrap();
        assert_eq!(report["coverage"]["events"]["counted"], 2);
        assert_eq!(report["window"]["from"], "2026-05-01T10:00:00Z");
    }
    assert!(!store.join("events/account=111122223333/region=eu-west-1/month=2026-03").exists());
    assert!(store.join("events/account=111122223333/region=eu-west-1/month=2026-05").exists());
}

/// Runs the program.
pub(super) fn leastwise(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leastwise")).args(args).env("NO_COLOR", "1").output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_cannot_be_used_is_said_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, store) = (dir.path().join("logs"), dir.path().join("store"));
    bring(&sample_objects()[..12], &logs);
    let said = |args: &[&str], status: i32, words: &[&str]| {
        let output = leastwise(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {error}");
        for word in words {
            assert!(error.contains(word), "{args:?}: `{word}` is not in: {error}");
        }
    };
    let fill = ["ingest", text(&logs), "--store", text(&store)];
    said(&["audit", "--store", text(&store)], 1, &["no store in", "leastwise ingest"]);
    said(&["audit", "--store", text(&logs)], 1, &["no store", "new folder"]);
    said(&["ingest", text(&logs), "--store", text(&logs)], 1, &["no store", "new folder"]);
    said(
        &["ingest", text(&logs), "--store", "gs://bucket/ledger"],
        2,
        &["gs://bucket/ledger", "s3://BUCKET"],
    );
    said(&["ingest", text(&logs)], 2, &["no store", "--store"]);
    said(&["ingest", "--store", text(&store)], 2, &["no SOURCE"]);
    said(&["ingest", text(&dir.path().join("nowhere")), "--store", text(&store)], 3, &["nowhere"]);
    {
        let _other = Writer::open(&store).unwrap();
        said(&fill, 1, &["another run is writing", "process", "wait"]);
    }
    said(&fill, 0, &[]);
    // The manifest's place is a full disk: the store stays as it was.
    bring(&sample_objects()[12..20], &logs);
    let before = fs::read(store.join("store.json")).unwrap();
    std::os::unix::fs::symlink("/dev/full", store.join("store.json.new")).unwrap();
    said(&fill, 1, &["cannot write", "store.json.new", "no room", "nothing is lost"]);
    assert_eq!(fs::read(store.join("store.json")).unwrap(), before);
    fs::remove_file(store.join("store.json.new")).unwrap();
    // So is the place of its files.
    let limited = format!(
        "trap '' XFSZ; ulimit -f 4; exec {} ingest {} --store {}",
        env!("CARGO_BIN_EXE_leastwise"),
        text(&logs),
        text(&store)
    );
    let output = Command::new("sh").args(["-c", &limited]).env("TMPDIR", dir.path()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot write") && error.contains("nothing is lost"), "{error}");
    assert_eq!(fs::read(store.join("store.json")).unwrap(), before);
    Store::open(&store).unwrap().restore(Scope::default()).unwrap();
    said(&fill, 0, &[]);
    let expected = audit(&settings(&logs, None));
    assert_same(&audit(&settings(&logs, Some(&store))), &expected);
    // A file is shorter than it was.
    let manifest = fs::read_to_string(store.join("store.json")).unwrap();
    let value: Value = serde_json::from_str(&manifest).unwrap();
    let victim = store.join(value["segments"][0]["files"][1]["path"].as_str().unwrap());
    let whole = fs::read(&victim).unwrap();
    fs::write(&victim, &whole[..whole.len() - 1]).unwrap();
    said(&["audit", "--store", text(&store)], 1, &["is damaged", "backup"]);
    fs::write(&victim, vec![0; whole.len()]).unwrap();
    said(&["audit", "--store", text(&store)], 1, &["is damaged", "backup"]);
    fs::write(&victim, &whole).unwrap();
    // A manifest that names a file elsewhere.
    fs::write(store.join("store.json"), manifest.replacen("segments/", "../segments/", 1)).unwrap();
    said(&["audit", "--store", text(&store)], 1, &["outside the store"]);
    // A newer schema, of whatever shape.
    fs::write(store.join("store.json"), r#"{"schema": "leastwise.store/v9", "parts": 7}"#).unwrap();
    for args in [&fill[..], &["audit", "--store", text(&store)]] {
        said(args, 1, &["leastwise.store/v9", "leastwise.store/v1", "newer leastwise"]);
    }
}

#[test]
fn readers_and_writers_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, store) = (dir.path().join("logs"), dir.path().join("store"));
    let objects = sample_objects();
    bring(&objects[..10], &logs);
    let settings = settings(&logs, Some(&store));
    let how = Ingestion { commit_every: 1, ..Ingestion::new(&store, dir.path()) };
    ingest(&settings, &how);
    let reader = Store::open(&store).unwrap();
    bring(&objects[10..12], &logs);
    ingest(&settings, &Ingestion { compact: true, ..how });
    // What it opened is still there, although nobody names it any more.
    let before = reader.restore(Scope::default()).unwrap();
    assert_eq!(before.objects.counts.listed, 10);
    drop(reader);
    let files = || walk(&store.join("events")) + walk(&store.join("segments"));
    let with_rest = files();
    drop(Writer::open(&store).unwrap());
    assert!(files() < with_rest, "the next run sweeps up");
    assert!(matches!(Store::open(&dir.path().join("none")), Err(StoreError::Missing(_))));
}

fn walk(dir: &Path) -> usize {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { walk(&path) } else { 1 })
        .sum()
}
