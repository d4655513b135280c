//! Objects that come from a source, a scripted one here: filters, outcomes, what is missing, what is cancelled.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use leastwise::ingest::{
    DigestFile, Fate, Feed, FetchError, Fetched, Ingested, Input, Known, ObjectRef, Recorder, Run, Source,
    SourceError, Transfer, preview, run,
};
use leastwise::usage::Scope;
use sha2::{Digest as _, Sha256};

use super::{Toy, gzip, log, toy_needs};

const DAY: &str = "s3://b/AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/02";

/// Gives its objects in order; a body that is missing is an error.
#[derive(Clone, Default)]
struct Script {
    objects: Vec<(String, Option<Vec<u8>>)>,
    /// Wanted objects beyond these are never given.
    most: Option<usize>,
    fails: bool,
}

impl Source for Script {
    fn name(&self) -> &str {
        "s3://b/"
    }

    fn read(&self, feed: &Feed<'_>) -> Result<Transfer, SourceError> {
        if self.fails {
            let cause = "there is no such bucket".into();
            return Err(SourceError { name: self.name().to_owned(), cause, hint: Some("check".to_owned()) });
        }
        let mut transfer = Transfer { lists: 1, ..Transfer::default() };
        for (name, body) in &self.objects {
            if feed.is_stopped() {
                break;
            }
            let size = body.as_ref().map(|body| body.len() as u64);
            let object = ObjectRef {
                name: name.clone(),
                size,
                etag: Some(format!("\"{}\"", name.len())),
                last_modified: None,
            };
            if !feed.wants(&object) || self.most.is_some_and(|most| transfer.gets >= most as u64) {
                continue;
            }
            transfer.gets += 1;
            let fetched = body.clone().map(|bytes| Fetched {
                served_etag: None,
                bytes,
                etag: None,
                metadata: vec![("signature".to_owned(), "00ff".to_owned())],
                guard: None,
            });
            let gone =
                FetchError { kind: "deleted", detail: "it was deleted after it was listed".to_owned() };
            feed.put(object, fetched.ok_or(gone));
        }
        feed.miss("s3://b/AWSLogs/444455556666/".to_owned(), "list-denied", "AccessDenied".to_owned());
        Ok(transfer)
    }
}

fn script() -> Script {
    let mut objects: Vec<_> = (0..40)
        .map(|n| (format!("{DAY}/{n:03}.json.gz"), Some(gzip(log(n * 10..n * 10 + 10).as_bytes()))))
        .collect();
    objects.push((format!("{DAY}/gone.json.gz"), None));
    objects.push(("s3://b/other.parquet".to_owned(), Some(b"PAR1".to_vec())));
    objects.push((
        DAY.replace("CloudTrail", "CloudTrail-Digest") + "/d.json.gz",
        Some(gzip(br#"{"logFiles":[]}"#)),
    ));
    Script { objects, ..Script::default() }
}

fn ingest(source: Script, settings: &Run<'_>) -> Ingested<Recorder<Toy>> {
    let done = run(vec![Input::Source(Box::new(source))], settings, || {
        Recorder::new(Scope::default(), toy_needs as Toy)
    });
    let done = done.unwrap();
    assert!(done.objects.balances(), "{:?}", done.objects);
    done
}

#[test]
fn every_object_of_a_source_is_accounted_for() {
    let cancel = AtomicBool::new(false);
    for threads in [1, 3] {
        let settings = Run { threads, outcomes: true, hashes: true, ..Run::new(&cancel) };
        let done = ingest(script(), &settings);
        assert_eq!((done.objects.listed, done.objects.read, done.objects.failed), (43, 40, 1));
        let skipped: Vec<_> = done.skipped.iter().map(|(kind, n)| (*kind, *n)).collect();
        assert_eq!(skipped, [("digest", 1), ("other-file", 1)]);
        let issues: Vec<_> = done.issues.iter().map(|issue| issue.kind).collect();
        assert_eq!(issues, ["deleted", "list-denied"]);
        assert_eq!(done.transfer.gets, 41);
        assert_eq!(done.outcomes.len(), 43);
        let first = &done.outcomes[1];
        assert_eq!((first.fate, first.records, first.issue), (Fate::Read, 10, None), "{first:?}");
        let expected: [u8; 32] = Sha256::digest(log(0..10).as_bytes()).into();
        assert_eq!(first.sha256, Some(expected));
        let gone = done.outcomes.iter().find(|outcome| outcome.fate == Fate::Failed).unwrap();
        assert_eq!(gone.issue, Some("deleted"));
        assert_eq!(done.collector.into_ledger().finish().unwrap().counts.counted, 400);
    }
}

/// Knows every other object.
struct Half;

impl Known for Half {
    fn is_known(&self, object: &ObjectRef) -> bool {
        object.name.ends_with("0.json.gz") && object.etag.is_some()
    }
}

#[test]
fn objects_an_earlier_run_read_are_not_fetched_again() {
    let cancel = AtomicBool::new(false);
    let done = ingest(script(), &Run { known: Some(&Half), outcomes: true, ..Run::new(&cancel) });
    assert_eq!(done.skipped.get("already-read"), Some(&4));
    assert_eq!((done.objects.read, done.transfer.gets, done.outcomes.len()), (36, 37, 39));
    let before =
        preview(vec![Input::Source(Box::new(script()))], &Run { known: Some(&Half), ..Run::new(&cancel) });
    let before = before.unwrap();
    assert_eq!((before.listed, before.objects, before.transfer.gets), (43, 37, 0));
    let bytes: usize =
        script().objects.iter().take(40).map(|(_, body)| body.as_ref().map_or(0, Vec::len)).sum();
    assert!(before.bytes > 0 && before.bytes < bytes as u64 && before.bytes == before.remote_bytes);
    assert_eq!(before.issues.len(), 1);
}

#[test]
fn digests_are_handed_over_with_what_lies_beside_them() {
    let cancel = AtomicBool::new(false);
    let taken = Mutex::new(Vec::new());
    let take = |digest: DigestFile| taken.lock().unwrap().push(digest);
    let done = ingest(script(), &Run { digests: Some(&take), ..Run::new(&cancel) });
    assert_eq!(done.skipped.get("digest"), Some(&1));
    let taken = taken.into_inner().unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].text.as_deref(), Ok(br#"{"logFiles":[]}"#.as_slice()));
    assert_eq!(taken[0].metadata, [("signature".to_owned(), "00ff".to_owned())]);
}

#[test]
fn what_was_wanted_and_never_came_counts_as_cancelled() {
    let cancel = AtomicBool::new(false);
    let done = ingest(Script { most: Some(5), ..script() }, &Run::new(&cancel));
    assert_eq!((done.objects.read, done.skipped.get("cancelled")), (5, Some(&36)));
    assert!(done.is_cancelled);
}

/// Raises the flag after some objects.
struct Impatient<'c>(&'c AtomicBool, AtomicU64);

impl leastwise::ingest::Progress for Impatient<'_> {
    fn listed(&self, _: u64) {}

    fn object(&self, _: u64, _: u64) {
        if self.1.fetch_add(1, Ordering::Relaxed) == 3 {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_cancelled_run_reads_what_was_under_way_and_says_so() {
    let cancel = AtomicBool::new(false);
    let progress = Impatient(&cancel, AtomicU64::new(0));
    let many =
        Script { objects: script().objects.into_iter().cycle().take(4_000).collect(), ..Script::default() };
    let done = ingest(many, &Run { progress: &progress, threads: 2, ..Run::new(&cancel) });
    assert!(done.is_cancelled);
    assert!(done.objects.read >= 4 && done.objects.read < 200, "{:?}", done.objects);
}

#[test]
fn a_source_of_which_nothing_can_be_listed_is_an_error() {
    let cancel = AtomicBool::new(false);
    let inputs = [Script { fails: true, ..script() }, script()];
    let inputs = inputs.map(|source| Input::Source(Box::new(source))).into_iter().collect();
    let make = || Recorder::new(Scope::default(), toy_needs as Toy);
    let error = run(inputs, &Run::new(&cancel), make).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read `s3://b/`");
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "there is no such bucket");
}
