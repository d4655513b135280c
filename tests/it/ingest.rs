//! Tests of ingest: bad input, carriers, and the promise that order and split do not matter.

mod carriers;
mod corpus;
mod ledger;
mod objects;
mod repeats;
mod sources;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use flate2::Compression;
use flate2::write::GzEncoder;
use leastwise::catalog::{Evidence, Need, Needs, Resource, Verdict};
use leastwise::ident::TimeRange;
use leastwise::ingest::{Ingested, Input, Limits, Recorder, Run, run};
use leastwise::record::Event;
use leastwise::usage::{Scope, Usage};

/// A mapping good enough to see what ingest does with needs: one action per event, on the resource it names.
pub(crate) fn toy_needs(event: &Event<'_>) -> Needs {
    let service = event.source.split('.').next().unwrap_or_default();
    let action = format!("{service}:{}", event.name).parse();
    let resource = event
        .resources
        .elements()
        .find_map(|item| item.get("ARN").text())
        .or_else(|| event.request.get("resource").text())
        .map_or(Resource::Unknown("not told"), |arn| Resource::Arn(arn.to_owned()));
    let need = |action| Need {
        action,
        resources: vec![resource],
        evidence: Evidence::Observed,
        context: event
            .request
            .get("context")
            .text()
            .map(|v| ("k:c".to_owned(), v.to_owned()))
            .into_iter()
            .collect(),
    };
    match action {
        Ok(action) => Needs { verdict: Verdict::Mapped, needs: vec![need(action)], rule: "toy" },
        Err(_) => Needs { verdict: Verdict::Unknown, needs: Vec::new(), rule: "toy" },
    }
}

pub(crate) type Toy = fn(&Event<'_>) -> Needs;
pub(crate) type Collected = Ingested<Recorder<Toy>>;

/// Reads `inputs` with caps for tests.
pub(crate) fn ingest_with(
    inputs: Vec<Input>,
    threads: usize,
    limits: Limits,
    window: TimeRange,
) -> Collected {
    let scope = Scope { window, ..Scope::default() };
    let cancel = AtomicBool::new(false);
    let settings = Run { limits, window, threads, ..Run::new(&cancel) };
    let collected = run(inputs, &settings, || Recorder::new(scope.clone(), toy_needs as Toy)).unwrap();
    assert!(collected.objects.balances(), "{:?}", collected.objects);
    collected
}

pub(crate) fn ingest(paths: &[&Path], threads: usize) -> Collected {
    let inputs = paths.iter().map(|path| Input::Path(PathBuf::from(path))).collect();
    ingest_with(inputs, threads, Limits::default(), TimeRange::ALWAYS)
}

/// Reads one named object that holds `bytes`.
pub(crate) fn ingest_bytes(name: &str, bytes: &[u8], limits: Limits) -> (Collected, Usage) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut collected = ingest_with(vec![Input::Path(path)], 1, limits, TimeRange::ALWAYS);
    for issue in &mut collected.issues {
        issue.object = issue.object.rsplit('/').next().unwrap().to_owned();
    }
    let usage = collected.collector.clone().into_ledger().finish().unwrap();
    assert!(usage.counts.balances(), "{:?}", usage.counts);
    (collected, usage)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A whole record with id number `n`.
pub(crate) fn record(n: u64) -> String {
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","principalId":"AIDA1","arn":"arn:aws:iam::111122223333:user/u","accountId":"111122223333","accessKeyId":"AKIA1","userName":"u"}},"eventTime":"2026-01-0{}T10:00:{:02}Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","awsRegion":"us-east-1","requestParameters":null,"responseElements":null,"eventID":"{n:08x}-0000-0000-0000-000000000000","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}}"#,
        1 + n % 9,
        n % 60,
    )
}

/// `{"Records":[…]}` of records numbered by `ids`.
pub(crate) fn log(ids: impl IntoIterator<Item = u64>) -> String {
    let records: Vec<String> = ids.into_iter().map(record).collect();
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}
