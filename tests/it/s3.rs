//! Log objects in S3: a real server in this process, with the faults of a network.

pub(crate) mod server;

mod evidence;
mod history;
pub(crate) mod program;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use leastwise::aws::{Aws, Bucket};
use leastwise::ident::TimeRange;
use leastwise::ingest::{Ingested, Input, Preview, Recorder, Run, preview, run};
use leastwise::usage::Scope;

use self::server::{Fault, Request, Server};
use crate::ingest::{Toy, gzip, log, toy_needs};

/// Per object of a made bucket.
const RECORDS: u64 = 3;

pub(crate) fn put(root: &Path, key: &str, bytes: &[u8]) {
    let path = root.join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A bucket `logs` with `n` objects of four accounts, two Regions and many days, every event once.
fn bucket(n: u64) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for number in 0..n {
        let account = 111_122_223_330 + number % 4;
        let region = ["eu-west-1", "us-east-1"][(number / 4 % 2) as usize];
        let (day, hour) = (1 + number / 8 % 28, number / 224 % 24);
        let key = format!(
            "logs/p/AWSLogs/o-a1/{account}/CloudTrail/{region}/2026/02/{day:02}/{account}_CloudTrail_{region}_202602{day:02}T{hour:02}05Z_{number:016}.json.gz"
        );
        put(root.path(), &key, &gzip(log(number * RECORDS..(number + 1) * RECORDS).as_bytes()));
    }
    root
}

fn read(server: &Server, url: &str, settings: &Run<'_>) -> Ingested<Recorder<Toy>> {
    let aws = Aws::connect(&server.settings()).unwrap();
    let inputs = vec![Input::Source(Box::new(Bucket::parse(&aws, url).unwrap()))];
    let done = run(inputs, settings, || Recorder::new(Scope::default(), toy_needs as Toy)).unwrap();
    assert!(done.objects.balances(), "{:?}", done.objects);
    done
}

/// Why nothing can be read: the cause, and the advice.
fn refused(server: &Server, url: &str) -> (String, String) {
    let cancel = AtomicBool::new(false);
    let aws = Aws::connect(&server.settings()).unwrap();
    let inputs = vec![Input::Source(Box::new(Bucket::parse(&aws, url).unwrap()))];
    let error = run(inputs, &Run::new(&cancel), || Recorder::new(Scope::default(), toy_needs as Toy));
    let leastwise::ingest::IngestError::Source(error) = error.map(|_| ()).unwrap_err() else { panic!() };
    (error.cause.to_string(), error.hint.unwrap_or_default())
}

/// A number that looks random, the same for the same input.
pub(crate) fn chance(of: u64) -> u64 {
    of.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

#[test]
fn a_tenth_of_the_answers_lost_loses_no_object_and_reads_none_twice() {
    let n = std::env::var("LEASTWISE_S3_OBJECTS").ok().and_then(|n| n.parse().ok()).unwrap_or(3_000);
    let root = bucket(n);
    let faults = |request: &Request| match chance(request.number) % 1_000 {
        0..100 => Fault::Error(503, "SlowDown", "Please reduce your request rate."),
        100..110 => Fault::Cut,
        110..120 if request.is_get => Fault::CutBody,
        120..125 if request.is_get => Fault::Short,
        125..130 if request.is_get => Fault::WrongEtag,
        130..140 => Fault::Slow(Duration::from_millis(40)),
        _ => Fault::None,
    };
    let server = Server::start(root.path(), faults);
    let cancel = AtomicBool::new(false);
    let start = std::time::Instant::now();
    let done = read(&server, "s3://logs/p/", &Run { threads: 2, outcomes: true, ..Run::new(&cancel) });
    eprintln!("{n} objects in {:.1} s: {:?}", start.elapsed().as_secs_f64(), done.transfer);
    assert_eq!((done.objects.listed, done.objects.read, done.issues.len()), (n, n, 0));
    let usage = done.collector.into_ledger().finish().unwrap();
    assert_eq!((usage.counts.read, usage.counts.counted), (n * RECORDS, n * RECORDS));
    assert!(done.outcomes.windows(2).all(|pair| pair[0].object.name < pair[1].object.name));
    // What went out beyond one request for each object was counted as a retry, and nothing else was.
    let asked = server.gets.lock().unwrap().len() as u64;
    assert_eq!(done.transfer.gets, asked);
    assert!(done.transfer.retries >= asked - n && asked > n, "{:?}", done.transfer);
    assert!(done.transfer.throttled > n / 20 && done.transfer.throttled < n / 5, "{:?}", done.transfer);
}

#[test]
fn only_the_days_asked_for_are_listed_and_every_way_to_name_a_part_works() {
    let root = bucket(2_240);
    put(
        root.path(),
        "logs/p/AWSLogs/o-a1/111122223331/CloudTrail-Digest/eu-west-1/2026/02/05/d.json.gz",
        &gzip(b"{}"),
    );
    put(root.path(), "logs/p/README.md", b"# logs");
    put(root.path(), "logs/elsewhere/deep/down/below/more/x.json.gz", &gzip(log(90_000..90_001).as_bytes()));
    put(root.path(), "logs/p/AWSLogs-old/x.json", log(90_001..90_002).as_bytes());
    let server = Server::start(root.path(), |_: &Request| Fault::None);
    let cancel = AtomicBool::new(false);
    let counts = |url: &str, from: &str, to: &str| {
        let window = TimeRange {
            from: from.parse().unwrap_or(TimeRange::ALWAYS.from),
            to: to.parse().unwrap_or(TimeRange::ALWAYS.to),
        };
        let done = read(&server, url, &Run { window, ..Run::new(&cancel) });
        assert!(done.issues.is_empty(), "{:?}", done.issues);
        (done.objects.listed, done.objects.read)
    };
    // Eighty objects a day; the days 8 to 11 for one day, with two before and one after.
    let day = "s3://logs/p/AWSLogs/o-a1/111122223331/CloudTrail/eu-west-1/2026/02/05";
    for (url, from, to, expected) in [
        ("s3://logs", "", "", (2_244, 2_242)),
        ("s3://logs/", "2026-02-10", "2026-02-11", (323, 322)),
        ("s3://logs/p", "2026-02-10", "", (80 * 21 + 2, 80 * 21 + 1)),
        ("s3://logs/p/AWSLogs", "", "2026-02-03", (80 * 3, 80 * 3)),
        ("s3://logs/p/AWSLogs/o-a1/111122223330", "", "", (560, 560)),
        (day, "", "", (10, 10)),
        (day, "2026-02-20", "", (0, 0)),
        (&format!("{day}/111122223331_CloudTrail"), "", "", (10, 10)),
        ("s3://logs/p/AWSLogs-old/x.json", "", "", (1, 1)),
        ("s3://logs/nothing", "", "", (0, 0)),
    ] {
        assert_eq!(counts(url, from, to), expected, "{url} {from} {to}");
    }
}

#[test]
fn a_preview_lists_and_fetches_nothing() {
    let root = bucket(500);
    let server = Server::start(root.path(), |_: &Request| Fault::None);
    let aws = Aws::connect(&server.settings()).unwrap();
    let cancel = AtomicBool::new(false);
    let inputs = vec![Input::Source(Box::new(Bucket::parse(&aws, "s3://logs/p/").unwrap()))];
    let found: Preview = preview(inputs, &Run::new(&cancel)).unwrap();
    assert_eq!((found.objects, found.remote_objects, found.transfer.gets), (500, 500, 0));
    assert!(found.bytes > 500 * 200 && found.transfer.lists >= 8, "{found:?}");
    assert!(server.gets.lock().unwrap().is_empty());
}

#[test]
fn what_nobody_can_read_is_an_error_that_says_what_to_do() {
    let root = bucket(8);
    let message = "User: arn:aws:iam::1:user/u is not authorized to perform: s3:ListBucket";
    for (url, fault, cause, advice) in [
        ("s3://missing/p/", Fault::None, "NoSuchBucket", "check the name"),
        (
            "s3://logs/p/",
            Fault::Error(403, "AccessDenied", message),
            "not authorized to perform: s3:ListBucket",
            "policies",
        ),
        (
            "s3://logs/p/",
            Fault::Error(403, "InvalidAccessKeyId", "No such key."),
            "InvalidAccessKeyId",
            "renew them",
        ),
        ("s3://logs/p/", Fault::Error(400, "ExpiredToken", "Expired."), "ExpiredToken", "aws sso login"),
        (
            "s3://logs/p/",
            Fault::Error(301, "PermanentRedirect", "Elsewhere."),
            "PermanentRedirect",
            "--region",
        ),
    ] {
        let server = Server::start(root.path(), move |_: &Request| fault.clone());
        let (found, hint) = refused(&server, url);
        assert!(found.contains(cause) && found.contains("s3 ListObjectsV2"), "{found}");
        assert!(hint.contains(advice), "{hint}");
    }
    let server = Server::start(root.path(), |_: &Request| Fault::None);
    let mut settings = server.settings();
    settings.credentials =
        Some(leastwise::aws::Credentials::new(server::KEY, "another secret", None, None, "tests"));
    let aws = Aws::connect(&settings).unwrap();
    let cancel = AtomicBool::new(false);
    let inputs = vec![Input::Source(Box::new(Bucket::parse(&aws, "s3://logs/p/").unwrap()))];
    let error = run(inputs, &Run::new(&cancel), || Recorder::new(Scope::default(), toy_needs as Toy));
    let text = format!("{:?}", error.map(|_| ()).unwrap_err());
    assert!(text.contains("SignatureDoesNotMatch") && !text.contains("another secret"), "{text}");
}

#[test]
fn every_object_refused_is_an_error_and_some_are_issues() {
    let root = bucket(40);
    let denied = "User is not authorized to perform: kms:Decrypt on the resource";
    let server = Server::start(root.path(), move |request: &Request| match request.is_get {
        true => Fault::Error(403, "AccessDenied", denied),
        false => Fault::None,
    });
    let (cause, _) = refused(&server, "s3://logs/p/");
    assert!(cause.contains("kms:Decrypt on the key"), "{cause}");

    let server = Server::start(root.path(), move |request: &Request| {
        let is_in = |text: &str| request.path.contains(text) || request.query.contains(text);
        match request.is_get {
            true if is_in("/111122223331/") && is_in("eu-west-1") => {
                Fault::Error(403, "AccessDenied", denied)
            }
            true if is_in("_0000000000000002.") => Fault::Error(404, "NoSuchKey", "Gone."),
            true if is_in("_0000000000000008.") => Fault::Error(403, "InvalidObjectState", "In an archive."),
            false if is_in("111122223333%2FCloudTrail%2Fus-east-1") => {
                Fault::Error(403, "AccessDenied", "No.")
            }
            _ => Fault::None,
        }
    });
    let cancel = AtomicBool::new(false);
    let done = read(&server, "s3://logs/p/", &Run::new(&cancel));
    let mut kinds: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for issue in &done.issues {
        *kinds.entry(issue.kind).or_default() += 1;
        assert!(issue.object.starts_with("s3://logs/p/AWSLogs/o-a1/"), "{issue:?}");
        assert!(issue.kind == "list-denied" || issue.detail.contains(';'), "{issue:?}");
    }
    let kinds: Vec<_> = kinds.into_iter().collect();
    assert_eq!(kinds, [("archived", 1), ("deleted", 1), ("kms-denied", 5), ("list-denied", 1)]);
    assert_eq!((done.objects.listed, done.objects.read, done.objects.failed), (35, 28, 7));
}

#[test]
fn a_bucket_in_another_region_is_found_there_and_the_reader_pays() {
    let root = bucket(8);
    let server = Server::start(root.path(), |request: &Request| match request.payer {
        true => Fault::Elsewhere("ap-south-1"),
        false => Fault::Error(403, "AccessDenied", "Requester pays."),
    });
    assert!(refused(&server, "s3://logs/p/").0.contains("AccessDenied"));
    let settings = leastwise::aws::Settings { requester_pays: true, ..server.settings() };
    let aws = Aws::connect(&settings).unwrap();
    let cancel = AtomicBool::new(false);
    let inputs = vec![Input::Source(Box::new(Bucket::parse(&aws, "s3://logs/p/").unwrap()))];
    let done = run(inputs, &Run::new(&cancel), || Recorder::new(Scope::default(), toy_needs as Toy)).unwrap();
    assert_eq!(done.objects.read, 8);
}

#[test]
fn a_role_of_the_log_account_is_taken_on_with_its_external_id() {
    let root = bucket(8);
    let server = Server::start(root.path(), |_: &Request| Fault::None);
    let arn = "arn:aws:iam::111122223333:role/logs".to_owned();
    let with = |external_id: Option<&str>| leastwise::aws::Settings {
        // The server takes none but the role's.
        credentials: Some(leastwise::aws::Credentials::new("AKIACALLER", "caller", None, None, "tests")),
        assume_role: Some(leastwise::aws::AssumeRole {
            arn: arn.clone(),
            external_id: external_id.map(str::to_owned),
        }),
        ..server.settings()
    };
    let error = Aws::connect(&with(None)).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("sts AssumeRole on `{arn}`: AccessDenied: not authorized to perform: sts:AssumeRole")
    );
    let aws = Aws::connect(&with(Some("outside"))).unwrap();
    let cancel = AtomicBool::new(false);
    let inputs = vec![Input::Source(Box::new(Bucket::parse(&aws, "s3://logs/p/").unwrap()))];
    let done = run(inputs, &Run::new(&cancel), || Recorder::new(Scope::default(), toy_needs as Toy)).unwrap();
    assert_eq!(done.objects.read, 8);
}

/// Raises the flag when some objects are read.
struct Impatient<'c>(&'c AtomicBool, std::sync::atomic::AtomicU64);

impl leastwise::ingest::Progress for Impatient<'_> {
    fn listed(&self, _: u64) {}

    fn object(&self, _: u64, _: u64) {
        if self.1.fetch_add(1, Ordering::Relaxed) == 50 {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_cancelled_run_keeps_what_was_under_way() {
    let root = bucket(2_000);
    let server = Server::start(root.path(), |request: &Request| match request.is_get {
        true => Fault::Slow(Duration::from_millis(20)),
        false => Fault::None,
    });
    let cancel = AtomicBool::new(false);
    let progress = Impatient(&cancel, 0.into());
    let done = read(&server, "s3://logs/p/", &Run { progress: &progress, ..Run::new(&cancel) });
    assert!(done.is_cancelled && done.objects.read >= 50 && done.objects.read < 1_500, "{:?}", done.objects);
    // Every request that went out gave an object that was read.
    assert_eq!(server.gets.lock().unwrap().len() as u64, done.objects.read);
    let usage = done.collector.into_ledger().finish().unwrap();
    assert_eq!(usage.counts.counted, done.objects.read * RECORDS);
}
