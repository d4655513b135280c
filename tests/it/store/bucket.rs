//! The ledger in a bucket: the same ledger, whatever the network, other runs and the axe do to the runs that write it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use leastwise::analyze::{self, Ingestion, Settings};
use leastwise::aws::{Only, Shelf};
use leastwise::store::{Place, Store, StoreError, Writer};
use leastwise::usage::Scope;
use serde_json::{Value, json};

use super::{assert_same, audit, bring, ingest, sample_objects, settings, text, with_grants};
use crate::s3::program::{command, told};
use crate::s3::server::{Fault, Request, Server};
use crate::s3::{chance, put};
use crate::support::root;

const STORE: &str = "s3://kept/audits/ledger";

/// A server's folder with the bucket `kept`, and a place for logs.
struct Ground {
    root: tempfile::TempDir,
    logs: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("kept")).unwrap();
        Self { root, logs: tempfile::tempdir().unwrap() }
    }

    fn start(&self, faults: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> Server {
        Server::start(self.root.path(), faults)
    }

    fn settings(&self, server: &Server) -> Settings {
        Settings { aws: server.settings(), ..settings(self.logs.path(), Some(Path::new(STORE))) }
    }

    fn how(&self) -> Ingestion<'_> {
        Ingestion::new(Path::new(STORE), self.logs.path())
    }

    /// Names of the store's files.
    fn files(&self) -> BTreeSet<String> {
        let below = self.root.path().join("kept/audits/ledger");
        let mut found = BTreeSet::new();
        let mut open = vec![below.clone()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(dir).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.insert(path.strip_prefix(&below).unwrap().to_string_lossy().into_owned());
                }
            }
        }
        found
    }
}

fn place(server: &Server) -> Place {
    Place::of(Path::new(STORE), &server.settings()).unwrap()
}

fn shelf(server: &Server) -> Shelf {
    Shelf::open(&server.settings(), STORE).unwrap().unwrap()
}

/// Puts another text in the place of a small file, which somebody may renew at the same moment.
fn replace(shelf: &Shelf, name: &str, bytes: &[u8]) {
    loop {
        let mark = shelf.get(name).unwrap().map(|(_, mark)| mark);
        let only = mark.as_deref().map_or(Only::New, Only::Marked);
        if shelf.put(name, bytes, only).unwrap().is_some() {
            return;
        }
    }
}

#[test]
fn a_store_in_a_bucket_gives_the_report_of_one_run() {
    let ground = Ground::new();
    let server = ground.start(|_: &Request| Fault::None);
    let settings = ground.settings(&server);
    let mut objects = sample_objects();
    objects.sort_by_key(|path| path.to_string_lossy().bytes().map(usize::from).sum::<usize>() % 7);
    let n = objects.len();
    for part in [&objects[..n / 3], &objects[n / 3..n / 2], &objects[n / 2..]] {
        bring(part, ground.logs.path());
        let stored = ingest(&settings, &ground.how());
        assert_eq!((stored.changed, stored.added), (0, part.len() as u64));
    }
    let plain = Settings { store: None, ..settings.clone() };
    let expected = audit(&plain);
    assert_same(&audit(&settings), &expected);
    let again = ingest(&settings, &ground.how());
    assert_eq!((again.added, again.events), (0, 0));

    // One segment of all; what a reader has opened stays, and goes a day later.
    let reader = Store::open(place(&server)).unwrap();
    let compacted = ingest(&settings, &Ingestion { compact: true, ..ground.how() });
    assert_eq!(compacted.size.0, 1);
    assert_eq!(reader.restore(Scope::default()).unwrap().objects.counts.listed, n as u64);
    assert_same(&audit(&settings), &expected);
    let shelf = shelf(&server);
    let manifest: Value = serde_json::from_slice(&shelf.get("store.json").unwrap().unwrap().0).unwrap();
    let retired = manifest["retired"].as_object().unwrap();
    let files = ground.files();
    assert!(retired.len() > 30 && retired.keys().all(|name| files.contains(name)));
    let mut older = manifest.clone();
    for time in older["retired"].as_object_mut().unwrap().values_mut() {
        *time = json!("2020-01-01T00:00:00Z");
    }
    replace(&shelf, "store.json", older.to_string().as_bytes());
    drop(Writer::open(place(&server)).unwrap());
    let files = ground.files();
    assert!(retired.keys().all(|name| !files.contains(name)));
    assert_same(&audit(&with_grants(&settings)), &audit(&with_grants(&plain)));

    // Shards that were read apart, one into a folder and two into the bucket.
    let folder = tempfile::tempdir().unwrap();
    let parts = [folder.path().to_owned(), "s3://kept/part-1".into(), "s3://kept/part-2".into()];
    for (shard, part) in (0..).zip(&parts) {
        let how = Ingestion { shard: Some((shard, 3)), ..Ingestion::new(part, ground.logs.path()) };
        ingest(&plain, &how);
    }
    let whole = Path::new("s3://kept/whole");
    let reduced = analyze::reduce(&parts, whole, false, &server.settings()).unwrap();
    assert_eq!(reduced.added, n as u64);
    let whole = Settings { store: Some(whole.to_owned()), ..settings.clone() };
    assert_same(&audit(&whole), &expected);
    let sql = "SELECT COUNT(*) AS n FROM objects";
    let rows = analyze::query(&whole, Path::new("s3://kept/whole"), sql).unwrap().rows;
    assert_eq!(rows, analyze::query(&settings, Path::new(STORE), sql).unwrap().rows);

    // Old months go.
    let kept = Ingestion { keep_from: Some("2100-01-01".parse().unwrap()), ..ground.how() };
    assert_eq!(ingest(&settings, &kept).size.1, 0);
}

#[test]
fn a_bad_network_loses_nothing_and_writes_nothing_twice() {
    let ground = Ground::new();
    let server = ground.start(|request: &Request| match chance(request.number) % 1_000 {
        0..100 => Fault::Error(503, "SlowDown", "Please reduce your request rate."),
        100..110 => Fault::Cut,
        110..120 if request.is_get => Fault::CutBody,
        120..130 if request.is_get => Fault::Short,
        // It is done, and nobody is told.
        130..180 if request.method == "PUT" => Fault::CutAfter,
        180..200 if request.method == "PUT" => {
            Fault::Error(409, "ConditionalRequestConflict", "Others write at this moment.")
        }
        _ => Fault::None,
    });
    bring(&sample_objects()[..12], ground.logs.path());
    let settings = ground.settings(&server);
    let stored = ingest(&settings, &Ingestion { commit_every: 1, ..ground.how() });
    assert_eq!(stored.added, 12);
    assert_same(&audit(&settings), &audit(&Settings { store: None, ..settings.clone() }));
}

#[test]
fn a_write_refused_because_others_write_is_tried_again() {
    let ground = Ground::new();
    let refused = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&refused);
    let server = ground.start(move |request: &Request| {
        if request.method == "PUT" && seen.lock().unwrap().insert(request.path.clone()) {
            return Fault::Error(409, "ConditionalRequestConflict", "Others write at this moment.");
        }
        Fault::None
    });
    bring(&sample_objects()[..3], ground.logs.path());
    let settings = ground.settings(&server);
    assert_eq!(ingest(&settings, &ground.how()).added, 3);
    let refused = refused.lock().unwrap();
    for part in ["store.json", "lock", ".parquet"] {
        assert!(refused.iter().any(|path| path.ends_with(part)), "{part}: {refused:?}");
    }
    assert_same(&audit(&settings), &audit(&Settings { store: None, ..settings.clone() }));
}

#[test]
fn killed_at_any_moment_it_goes_on_where_it_was() {
    const KILLS: usize = 50;
    let ground = Ground::new();
    let server = ground.start(|_: &Request| Fault::None);
    bring(&sample_objects()[..6], ground.logs.path());
    let logs = text(ground.logs.path()).to_owned();
    let expected = audit(&settings(ground.logs.path(), None));
    let start = |store: &str| {
        let args = ["ingest", &logs, "--store", store, "--path-style", "--commit-every", "1"];
        let mut command = command(&server, &args);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let clock = Instant::now();
    assert!(start("s3://kept/first").wait().unwrap().success());
    let whole = u64::try_from(clock.elapsed().as_micros()).unwrap();
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let (mut kills, mut finished, mut round) = (0, 0, 0);
    while kills < KILLS || finished == 0 {
        round += 1;
        let store = format!("s3://kept/store-{round}");
        let mut known = 0;
        loop {
            let mut child = start(&store);
            if kills < KILLS {
                let moment = chance(seed.wrapping_add(round * 1_000 + kills as u64)) % whole;
                thread::sleep(Duration::from_micros(moment));
                child.kill().unwrap();
            }
            let is_done = child.wait().unwrap().success();
            kills += usize::from(!is_done);
            let folder = ground.root.path().join(format!("kept/store-{round}"));
            // The mark of a run that is dead runs out after two minutes; here somebody knows that it is dead.
            let _ = fs::remove_file(folder.join("lock"));
            if folder.join("store.json").exists() {
                let place = Place::of(Path::new(&store), &server.settings()).unwrap();
                let restored = Store::open(place).unwrap().restore(Scope::default()).unwrap();
                assert!(restored.objects.counts.listed >= known);
                known = restored.objects.counts.listed;
            }
            if is_done {
                break;
            }
        }
        finished += 1;
        let of_store = Settings {
            aws: server.settings(),
            store: Some(store.into()),
            ..settings(ground.logs.path(), None)
        };
        assert_same(&audit(&of_store), &expected);
    }
    eprintln!("{kills} kills, {finished} stores finished");
}

#[test]
fn of_two_runs_at_once_one_comes_through_and_the_other_says_so() {
    let ground = Ground::new();
    let server = ground.start(|_: &Request| Fault::None);
    bring(&sample_objects()[..6], ground.logs.path());
    let args = ["ingest", text(ground.logs.path()), "--store", STORE, "--path-style"];
    let mut first = Writer::open(place(&server)).unwrap();
    let (code, _, error) = told(command(&server, &args));
    assert_eq!(code, 1, "{error}");
    for words in ["another run is writing", "process", "s3://kept/audits/ledger/lock", "runs out at", "wait"]
    {
        assert!(error.contains(words), "`{words}` is not in: {error}");
    }
    // The first one sleeps for longer than its mark lasts.
    let shelf = shelf(&server);
    let mut mark: Value = serde_json::from_slice(&shelf.get("lock").unwrap().unwrap().0).unwrap();
    mark["until"] = json!("2020-01-01T00:00:00Z");
    replace(&shelf, "lock", mark.to_string().as_bytes());
    let (code, _, error) = told(command(&server, &args));
    assert_eq!(code, 0, "{error}");
    // Then it wakes up, and does not write over what was written.
    let error = first.keep_from("2100-01-01".parse().unwrap()).unwrap_err();
    assert!(matches!(error, StoreError::Overtaken(_)), "{error}");
    assert!(
        error.to_string().contains("s3://kept/audits/ledger") && error.to_string().contains("run it again")
    );
    drop(first);
    let settings = ground.settings(&server);
    assert_same(&audit(&settings), &audit(&Settings { store: None, ..settings.clone() }));
    // The mark was given back, or never taken: the next run begins at once.
    assert_eq!(ingest(&settings, &ground.how()).added, 0);
    // A mark that cannot be read is nobody's to take.
    replace(&shelf, "lock", b"?");
    let (code, _, error) = told(command(&server, &args));
    assert!(code == 1 && error.contains("remove it if nobody is at work"), "{code} {error}");
}

#[test]
fn what_cannot_be_used_is_said_with_what_to_do() {
    let ground = Ground::new();
    bring(&sample_objects()[..6], ground.logs.path());
    let logs = text(ground.logs.path());
    let said = |server: &Server, args: &[&str], status: i32, words: &[&str]| {
        let (code, _, error) = told(command(server, &[args, &["--path-style"]].concat()));
        assert_eq!(code, status, "{args:?}: {error}");
        for word in words {
            assert!(error.contains(word), "{args:?}: `{word}` is not in: {error}");
        }
    };
    let fill = ["ingest", logs, "--store", STORE];
    let server = ground.start(|_: &Request| Fault::None);
    said(
        &server,
        &["audit", "--store", STORE],
        1,
        &["no store in `s3://kept/audits/ledger`", "leastwise ingest"],
    );
    said(&server, &["query", "root-use", "--store", STORE], 1, &["no store in"]);
    said(&server, &["ingest", logs, "--store", "s3://missing/x"], 1, &["NoSuchBucket", "check the name"]);
    said(
        &server,
        &["ingest", logs, "--store", "s3://"],
        2,
        &["is no place for a store", "s3://BUCKET/PREFIX"],
    );
    put(ground.root.path(), "kept/photos/1.jpg", b"x");
    said(&server, &["ingest", logs, "--store", "s3://kept"], 1, &["is not empty and no store"]);
    said(&server, &["audit", "--store", "s3://kept"], 1, &["is not empty and no store"]);

    // Nothing may be put: nothing is there afterwards.
    let message = "User is not authorized to perform: s3:PutObject on resource";
    let denying = ground.start(move |request: &Request| match request.method == "PUT" {
        true => Fault::Error(403, "AccessDenied", message),
        false => Fault::None,
    });
    said(
        &denying,
        &fill,
        1,
        &["s3 PutObject on `s3://kept/audits/ledger/lock`", "not authorized", "permissions"],
    );
    assert!(ground.files().is_empty());
    // Files may be put, the manifest may not: the store stays as it was.
    said(&server, &fill, 0, &[]);
    let before = shelf(&server).get("store.json").unwrap().unwrap();
    bring(&sample_objects()[6..9], ground.logs.path());
    let denying = ground.start(move |request: &Request| {
        match request.method == "PUT" && request.path.ends_with("store.json") {
            true => Fault::Error(403, "AccessDenied", message),
            false => Fault::None,
        }
    });
    said(&denying, &fill, 1, &["s3 PutObject on `s3://kept/audits/ledger/store.json`"]);
    assert_eq!(shelf(&server).get("store.json").unwrap().unwrap(), before);
    // No room for what waits to be put into the bucket, and for what is brought from there.
    for args in [&fill[..], &["audit", "--store", STORE]] {
        let limited = format!(
            "trap '' XFSZ; ulimit -f 4; exec {} {} --path-style",
            env!("CARGO_BIN_EXE_leastwise"),
            args.join(" ")
        );
        let mut command = command(&server, &[]);
        let environment: Vec<_> =
            command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
        command = std::process::Command::new("sh");
        command.args(["-c", &limited]).env_clear().envs(environment).env("TMPDIR", ground.logs.path());
        let (code, _, error) = told(command);
        assert_eq!(code, 1, "{error}");
        for words in ["cannot write", text(ground.logs.path()), "nothing is lost", "TMPDIR"] {
            assert!(error.contains(words), "{args:?}: `{words}` is not in: {error}");
        }
        assert_eq!(shelf(&server).get("store.json").unwrap().unwrap(), before);
    }
    assert!(fs::read_dir(ground.logs.path()).unwrap().all(|entry| entry.unwrap().file_name() == "AWSLogs"));
    said(&server, &fill, 0, &[]);
    let settings = ground.settings(&server);
    assert_same(&audit(&settings), &audit(&Settings { store: None, ..settings.clone() }));

    // A file that the manifest names is gone.
    let manifest: Value =
        serde_json::from_slice(&shelf(&server).get("store.json").unwrap().unwrap().0).unwrap();
    let name = manifest["segments"][0]["files"][1]["path"].as_str().unwrap();
    let path = ground.root.path().join("kept/audits/ledger").join(name);
    let aside = ground.root.path().join("aside");
    fs::rename(&path, &aside).unwrap();
    said(&server, &["audit", "--store", STORE], 1, &["s3 GetObject on `s3://kept/audits/ledger/segments/"]);
    fs::rename(&aside, &path).unwrap();
    // A newer schema, of whatever shape.
    replace(&shelf(&server), "store.json", br#"{"schema": "leastwise.store/v9", "parts": 7}"#);
    for args in [&fill[..], &["audit", "--store", STORE]] {
        said(&server, args, 1, &["leastwise.store/v9", "leastwise.store/v1", "newer leastwise"]);
    }
}

#[test]
fn a_bucket_that_is_busy_for_longer_than_ten_attempts_loses_nothing() {
    let ground = Ground::new();
    let objects = sample_objects();
    bring(&objects[..3], ground.logs.path());
    let open = ground.start(|_: &Request| Fault::None);
    let cases = [
        ("PUT", "/lock"),
        ("PUT", ".parquet"),
        ("PUT", "/store.json"),
        ("GET", "/store.json"),
        ("GET", ".parquet"),
    ];
    let stores: Vec<String> = (0..cases.len()).map(|n| format!("s3://kept/busy-{n}")).collect();
    let logs = text(ground.logs.path());
    let fill = |server: &Server, store: &str| {
        told(command(server, &["ingest", logs, "--store", store, "--path-style"]))
    };
    for store in &stores {
        assert_eq!(fill(&open, store).0, 0);
    }
    bring(&objects[3..5], ground.logs.path());
    // The pauses between the attempts take half a minute: side by side.
    thread::scope(|scope| {
        for ((method, part), store) in cases.into_iter().zip(&stores) {
            let (ground, open, fill) = (&ground, &open, &fill);
            scope.spawn(move || {
                let shelf = Shelf::open(&open.settings(), store).unwrap().unwrap();
                let before = shelf.get("store.json").unwrap();
                let busy = ground.start(move |request: &Request| {
                    match request.method == method && request.path.ends_with(part) {
                        true => Fault::Error(503, "SlowDown", "Please reduce your request rate."),
                        false => Fault::None,
                    }
                });
                let (code, _, error) = fill(&busy, store);
                assert_eq!(code, 1, "{method} {part}: {error}");
                let operation = if method == "PUT" { "s3 PutObject on" } else { "s3 GetObject on" };
                for words in [operation, "SlowDown", "run again later"] {
                    assert!(error.contains(words), "{method} {part}: `{words}` is not in: {error}");
                }
                assert_eq!(shelf.get("store.json").unwrap(), before, "{method} {part}");
            });
        }
    });
    for store in &stores {
        // It goes on where the store ends, and nobody holds the lock.
        let (code, out, error) = fill(&open, store);
        assert!(code == 0 && out.starts_with("2 new objects"), "{out}{error}");
        let place = Place::of(Path::new(store), &open.settings()).unwrap();
        let restored = Store::open(place).unwrap().restore(Scope::default()).unwrap();
        assert_eq!(restored.objects.counts.listed, 5);
    }
    // Of the one whose files were half there, the report.
    let store = Some(stores[1].as_str().into());
    let of_store = Settings { aws: open.settings(), store, ..settings(ground.logs.path(), None) };
    assert_same(&audit(&of_store), &audit(&settings(ground.logs.path(), None)));
}

#[test]
fn a_run_that_lasts_keeps_its_lock_and_one_that_is_killed_loses_it_in_two_minutes() {
    let ground = Ground::new();
    let server = ground.start(|_: &Request| Fault::None);
    let shelf = shelf(&server);
    let mark = || {
        let mark: Value = serde_json::from_slice(&shelf.get("lock").unwrap().unwrap().0).unwrap();
        let time = |name: &str| mark[name].as_str().unwrap().parse::<leastwise::ident::Time>().unwrap();
        (time("since"), time("until"))
    };
    let writer = Writer::open(place(&server)).unwrap();
    let (since, first) = mark();
    assert_eq!(first, since.plus_seconds(120));
    // It is renewed as long as the run goes on.
    while mark().1 == first {
        thread::sleep(Duration::from_millis(200));
    }
    let (same, second) = mark();
    assert!(same == since && second > first);
    drop(writer);
    // Given back: the next one need not wait.
    assert!(mark().1 <= shelf.now());
    let _next = Writer::open(place(&server)).unwrap();
}

/// Whether a policy document allows this; its resources end in `*` or are whole.
fn allows(policy: &Value, action: &str, resource: &str) -> bool {
    let one_of = |value: &Value, is: &dyn Fn(&str) -> bool| match value {
        Value::String(text) => is(text),
        Value::Array(texts) => texts.iter().any(|text| is(text.as_str().unwrap())),
        _ => panic!("{value}"),
    };
    policy["Statement"].as_array().unwrap().iter().any(|statement| {
        one_of(&statement["Action"], &|text| text == action)
            && one_of(&statement["Resource"], &|text| match text.strip_suffix('*') {
                Some(start) => resource.starts_with(start),
                None => resource == text,
            })
    })
}

#[test]
fn logs_and_store_are_used_under_exactly_the_policy_that_permissions_prints() {
    let ground = Ground::new();
    for object in &sample_objects()[..8] {
        let bytes = fs::read(root().join("sample-logs").join(object)).unwrap();
        put(ground.root.path(), &format!("logs/org/{}", text(object)), &bytes);
    }
    let open = ground.start(|_: &Request| Fault::None);
    let for_this = [
        "permissions",
        "--for",
        "audit,store",
        "--bucket",
        "logs/org",
        "--store",
        "s3://kept/audits/ledger",
        "--key",
        "arn:aws:kms:eu-west-1:111122223333:key/1",
        "--store-key",
        "arn:aws:kms:eu-west-1:111122223333:key/2",
    ];
    let (code, policy, error) = told(command(&open, &for_this));
    assert_eq!((code, error.as_str()), (0, ""));
    let policy: Value = serde_json::from_str(&policy).unwrap();
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 6, "{policy}");
    let server = |policy: Value, deny: &'static str| {
        ground.start(move |request: &Request| {
            let (bucket, key) = request.path.split_once('/').unwrap_or((&request.path, ""));
            let (action, resource) = match (request.method.as_str(), key) {
                ("GET", "") => ("s3:ListBucket", format!("arn:aws:s3:::{bucket}")),
                ("GET", key) => ("s3:GetObject", format!("arn:aws:s3:::{bucket}/{key}")),
                ("PUT", key) => ("s3:PutObject", format!("arn:aws:s3:::{bucket}/{key}")),
                ("DELETE", key) => ("s3:DeleteObject", format!("arn:aws:s3:::{bucket}/{key}")),
                other => panic!("a call that is in no row: {other:?}"),
            };
            match action != deny && allows(&policy, action, &resource) {
                true => Fault::None,
                false => Fault::Error(403, "AccessDenied", "not in the policy"),
            }
        })
    };
    let whole = server(policy.clone(), "");
    let run = ["audit", "s3://logs/org/AWSLogs", "--store", STORE, "--path-style", "--format", "json"];
    let (code, report, error) = told(command(&whole, &run));
    assert_eq!(code, 0, "{error}");
    let direct =
        told(command(&open, &["audit", "s3://logs/org/AWSLogs", "--path-style", "--format", "json"]));
    assert_same(&report, &direct.1);
    // What nobody needs any more is removed.
    put(ground.root.path(), "kept/audits/ledger/segments/old/x.parquet", b"x");
    let old = fs::File::options()
        .write(true)
        .open(ground.root.path().join("kept/audits/ledger/segments/old/x.parquet"));
    old.unwrap()
        .set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        .unwrap();
    let (code, _, error) = told(command(&server(policy.clone(), "s3:DeleteObject"), &run));
    assert!(code == 1 && error.contains("s3 DeleteObject"), "{code} {error}");
    assert_eq!(told(command(&whole, &run)).0, 0);
    assert!(!ground.files().contains("segments/old/x.parquet"));
    for (action, words) in [
        ("s3:ListBucket", "s3 ListObjectsV2"),
        ("s3:GetObject", "s3 GetObject"),
        ("s3:PutObject", "s3 PutObject"),
    ] {
        let (code, _, error) = told(command(&server(policy.clone(), action), &run));
        assert!(
            code == 1 && error.contains(words) && error.contains("leastwise permissions"),
            "{action}: {code} {error}"
        );
    }
}

#[test]
fn what_a_bucket_gains_is_read_into_the_store_and_nothing_else() {
    let ground = Ground::new();
    let objects = sample_objects();
    let deliver = |part: &[std::path::PathBuf]| {
        for object in part {
            let bytes = fs::read(root().join("sample-logs").join(object)).unwrap();
            put(ground.root.path(), &format!("logs/{}", text(object)), &bytes);
        }
    };
    let gone = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let of_server = std::sync::Arc::clone(&gone);
    let server = ground.start(move |request: &Request| {
        let gone = of_server.lock().unwrap();
        match request.is_get && !gone.is_empty() && request.path.ends_with(&*gone) {
            true => Fault::Error(404, "NoSuchKey", "The specified key does not exist."),
            false => Fault::None,
        }
    });
    let folder = tempfile::tempdir().unwrap();
    for store in [STORE.into(), folder.path().join("ledger")] {
        let _ = fs::remove_dir_all(ground.root.path().join("logs"));
        let settings = Settings {
            sources: vec!["s3://logs/AWSLogs/".to_owned()],
            store: Some(store.clone()),
            ..ground.settings(&server)
        };
        let plain = Settings { store: None, ..settings.clone() };
        let how = Ingestion::new(&store, Path::new(""));
        let reads = || {
            let gets = std::mem::take(&mut *server.gets.lock().unwrap());
            gets.iter().filter(|path| path.starts_with("logs/")).count()
        };
        let n = objects.len();
        deliver(&objects[..n / 2]);
        reads();
        let first = ingest(&settings, &how);
        // What is passed over by its name is not fetched.
        let fetched = reads();
        assert!(fetched > 20 && fetched <= n / 2 && first.known == 0, "{fetched} of {}", n / 2);
        assert_eq!((ingest(&settings, &how).added, reads()), (0, 0));
        // Late ones among them, and one that is deleted between the listing and its turn.
        deliver(&objects[n / 2..]);
        let late = objects[n / 2..].iter().rev().find(|path| text(path).contains("/CloudTrail/")).unwrap();
        let victim = late.file_name().unwrap().to_str().unwrap().to_owned();
        gone.lock().unwrap().clone_from(&victim);
        let second = ingest(&settings, &how);
        assert!(
            second.issues.iter().any(|issue| issue.kind == "deleted" && issue.object.ends_with(&victim)),
            "{:?}",
            second.issues
        );
        assert_eq!(second.added as usize, n - n / 2);
        reads();
        gone.lock().unwrap().clear();
        // It came back: it is read, and nothing else is.
        let third = ingest(&settings, &how);
        assert_eq!((third.added, third.changed, reads()), (1, 1, 1));
        // Events that lie in two objects count once, over all runs.
        let twice = text(&objects[3]).replace(".json", "-again.json");
        put(
            ground.root.path(),
            &format!("logs/{twice}"),
            &fs::read(root().join("sample-logs").join(&objects[3])).unwrap(),
        );
        assert_eq!(ingest(&settings, &how).added, 1);
        let expected = audit(&plain);
        reads();
        assert_same(&audit(&settings), &expected);
        assert_eq!(reads(), 0);
        let value: Value = serde_json::from_str(&expected).unwrap();
        assert!(value["coverage"]["events"]["duplicates"].as_u64().unwrap() > 0);
    }
}
