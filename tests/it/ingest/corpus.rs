//! The whole corpus of real input in one run, and one real bucket counted a second way.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::ingest;
use crate::support::corpus;

#[test]
fn all_real_input_is_read_in_one_run_and_accounted_for() {
    let Some(corpus) = corpus() else { return };
    let collected = ingest(&[&corpus], 2);
    let counts = collected.objects;
    assert!(counts.listed > 4_000 && counts.read > 2_000, "{counts:?}");
    assert_eq!(counts.failed + counts.skipped + counts.read, counts.listed);
    // Broken and strange files are named; nothing that is no log fails.
    for issue in &collected.issues {
        assert!(!issue.detail.contains("AKIA"), "{issue:?}");
    }
    let n_malformed: u64 = collected.malformed.values().sum();
    let issues: Vec<_> =
        collected.issues.iter().map(|i| (i.kind, i.object.rsplit('/').next().unwrap())).collect();
    let one = collected.collector.into_ledger().finish().unwrap();
    assert!(one.counts.balances(), "{:?}", one.counts);
    assert_eq!(one.counts.malformed, n_malformed);
    assert!(one.counts.counted > 12_000, "{:?}", one.counts);
    assert!(issues.len() < 20, "{issues:?}");
    let again = ingest(&[&corpus], 1).collector.into_ledger().finish().unwrap();
    assert_eq!(one, again, "one worker or two");
}

#[test]
fn a_real_bucket_with_overlapping_trails_counts_each_event_once() {
    let Some(corpus) = corpus() else { return };
    let bucket = corpus.join("sans504-s3-ransomware-lab");
    let (mut n_records, mut ids) = (0_u64, HashSet::new());
    for path in files(&bucket) {
        let mut text = String::new();
        MultiGzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
        let log: serde_json::Value = serde_json::from_str(&text).unwrap();
        for record in log["Records"].as_array().unwrap() {
            n_records += 1;
            ids.insert(record["eventID"].as_str().unwrap().to_owned());
        }
    }
    let collected = ingest(&[&bucket], 2);
    assert_eq!(collected.issues, []);
    assert_eq!(collected.objects.read, collected.objects.listed);
    let usage = collected.collector.into_ledger().finish().unwrap();
    assert_eq!(usage.counts.read, n_records);
    assert_eq!(usage.counts.duplicates, n_records - ids.len() as u64);
    assert!(usage.counts.duplicates > 1_000, "{:?}", usage.counts);
    assert_eq!(usage.counts.counted + usage.counts.copies, ids.len() as u64);
    assert_eq!(usage.counts.conflicting, 0, "the duplicates are equal to the byte");
    for row in usage.rows.iter() {
        assert!(ids.contains(&*row.sample()), "{}", row.sample());
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "gz") {
            found.push(path);
        }
    }
    found
}
