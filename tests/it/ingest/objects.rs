//! Objects: what is read, skipped, failed, and how it is named.

use std::fs;

use super::{gzip, ingest, ingest_bytes, ingest_with, log, record};
use leastwise::ident::TimeRange;
use leastwise::ingest::{Input, Limits};

/// One named object: issues as `kind`s, number of events read, and whether it counts as read.
fn check(name: &str, bytes: &[u8], kinds: &[&str], events: u64, is_read: bool) {
    let limits = Limits { object_bytes: 1 << 20, ..Limits::default() };
    let (collected, usage) = ingest_bytes(name, bytes, limits);
    let found: Vec<_> = collected.issues.iter().map(|issue| issue.kind).collect();
    assert_eq!(found, kinds, "{name}: {:?}", collected.issues);
    assert_eq!(usage.counts.read - usage.counts.malformed, events, "{name}: {:?}", usage.counts);
    assert_eq!(
        (collected.objects.read, collected.objects.failed),
        (is_read.into(), (!is_read).into()),
        "{name}"
    );
    for issue in &collected.issues {
        assert_eq!(issue.events_read, events, "{name}");
        assert!(!issue.detail.is_empty() && issue.detail.len() < 200, "{name}: {}", issue.detail);
    }
}

#[test]
fn bad_input_is_named_and_its_readable_head_counts() {
    let whole = log(0..10);
    let gz = gzip(whole.as_bytes());
    let with = |tail: &[u8]| [gz.as_slice(), tail].concat();
    let flipped = |at: usize| {
        let mut bytes = gz.clone();
        bytes[at] ^= 0xff;
        bytes
    };
    check("whole.json.gz", &gz, &[], 10, true);
    check("whole.json", whole.as_bytes(), &[], 10, true);
    check("whole", &gz, &[], 10, true);
    check("not-compressed.json.gz", whole.as_bytes(), &[], 10, true);
    check("bom.json", format!("\u{feff}{whole}").as_bytes(), &[], 10, true);
    check("crlf.json", whole.replace(",\"", ",\r\n\"").as_bytes(), &[], 10, true);
    check("members.json.gz", &[gz.clone(), gzip(log(10..15).as_bytes())].concat(), &[], 15, true);
    check("trailing.json.gz", &with(b"rest"), &["trailing-bytes"], 10, true);
    check("trailing-zeros.json.gz", &with(&[0; 600]), &["trailing-bytes"], 10, true);
    check("no-trailer.json.gz", &gz[..gz.len() - 5], &["truncated-gzip"], 10, true);
    check("checksum.json.gz", &flipped(gz.len() - 6), &["corrupt-gzip"], 10, true);
    check("header-only.json.gz", &gz[..7], &["truncated-gzip"], 0, false);
    check("empty.json.gz", b"", &["empty"], 0, false);
    check("blank.json", b" \n\t ", &["empty"], 0, false);
    check("empty-member.json.gz", &gzip(b""), &["empty"], 0, false);
    check("no-events.json.gz", &gzip(br#"{"Records":[]}"#), &[], 0, true);
    check("noise.json.gz", b"certainly no log", &["not-gzip"], 0, false);
    check("noise.json", b"certainly no log", &["not-json"], 0, false);
    check("other.json", br#"{"Policies":[{"PolicyName":"x"}]}"#, &["no-records"], 0, false);
    check("numbers.json", br#"{"Records":[7,null]}"#, &["no-records"], 0, false);
    check("scalar.json", b"7", &["not-json"], 0, false);
    check("bomb.json.gz", &gzip(&vec![b' '; 50 << 20]), &["too-large"], 0, false);
    check("zeros.json.gz", &gzip(&vec![0; 50 << 20]), &["too-large"], 0, false);
    check("large.json", format!("{whole}{}", " ".repeat(2 << 20)).as_bytes(), &["too-large"], 10, true);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    check("deep.json", deep.as_bytes(), &["too-deep"], 0, false);
    let deep_record = record(1).replace("null", &format!("{}{}", "[".repeat(400), "]".repeat(400)));
    check(
        "deep-record.json",
        format!(r#"{{"Records":[{},{deep_record}]}}"#, record(0)).as_bytes(),
        &["too-deep"],
        1,
        true,
    );
}

#[test]
fn a_text_that_breaks_keeps_what_came_before() {
    let whole = log(0..10);
    let third = whole.find("00000003-").unwrap();
    check("cut.json", &whole.as_bytes()[..third], &["not-json"], 3, true);
    check("cut-in-gzip.json.gz", &gzip(&whole.as_bytes()[..third]), &["not-json"], 3, true);
    check("cut-in-first.json", &whole.as_bytes()[..200], &["not-json"], 0, false);
    check("cut-at-end.json", &whole.as_bytes()[..whole.len() - 2], &["not-json"], 10, true);
    let broken = whole.replace("00000003-0000", "00000003-\"0000");
    check("quote.json", broken.as_bytes(), &["not-json"], 3, true);
    let broken = whole.replace(r#""eventID":"00000003"#, r#""eventID":tru,"x":"00000003"#);
    check("literal.json", broken.as_bytes(), &["not-json"], 3, true);
    let array = format!("[{},{}", record(0), record(1));
    check("array-cut.json", array.as_bytes(), &["not-json"], 2, true);
    let pretty = whole.replace(",", ",\n  ").replace('{', "{\n  ");
    check("pretty-cut.json", &pretty.as_bytes()[..pretty.len() - 300], &["not-json"], 9, true);
    let half = gzip(log(0..2000).as_bytes());
    let (collected, usage) = ingest_bytes("half.json.gz", &half[..half.len() / 2], Limits::default());
    assert_eq!(collected.issues[0].kind, "truncated-gzip");
    assert!(usage.counts.read > 500 && usage.counts.read < 1_500, "{:?}", usage.counts);
}

#[test]
fn one_text_that_is_not_utf8_costs_one_record() {
    let mut bytes = log(0..5).into_bytes();
    let at = String::from_utf8(bytes.clone()).unwrap().find("00000002-").unwrap();
    bytes[at] = 0xff;
    let (collected, usage) = ingest_bytes("latin.json", &bytes, Limits::default());
    assert_eq!((usage.counts.counted, usage.counts.malformed), (4, 1));
    assert_eq!(collected.issues[0].kind, "not-utf8");
    assert_eq!(collected.issues[0].events_read, 4);
}

#[test]
fn what_a_caller_writes_after_a_break_never_becomes_an_event() {
    // The quote before the break turns the texts behind it inside out.
    let forged = r#"x},{"eventVersion":"1.08","eventTime":"2026-01-01T00:00:00Z","eventSource":"iam.amazonaws.com","eventName":"Forged","eventID":"f"},{"y":""#;
    let second = record(1).replace("null", &serde_json::to_string(forged).unwrap());
    let text = format!(r#"{{"Records":[{},{{"a":"b"c"}},{second}]}}"#, record(0));
    let (_, usage) = ingest_bytes("forged.json", text.as_bytes(), Limits::default());
    assert!(usage.rows.iter().all(|row| &*row.call.name != "Forged"));
    assert_eq!(usage.counts.read, 1);
}

#[test]
fn records_that_are_no_events_are_counted_by_reason() {
    let text = format!(
        r#"{{"Records":[{},7,{{"eventVersion":"1.08","eventName":"X","eventID":"1"}},{{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"X","eventID":"1","eventTime":"soon"}}]}}"#,
        record(0)
    );
    let (collected, usage) = ingest_bytes("mixed.json", text.as_bytes(), Limits::default());
    assert_eq!((usage.counts.read, usage.counts.malformed, usage.counts.counted), (4, 3, 1));
    assert_eq!(collected.malformed.values().sum::<u64>(), 3);
    assert_eq!(collected.malformed.len(), 3);
    assert!(collected.issues.is_empty());
}

#[test]
fn records_without_an_id_are_events_all_the_same() {
    let old = record(0).replace(r#""eventID":"00000000-0000-0000-0000-000000000000","#, "");
    let other = old.replace("ListBuckets", "ListAllBuckets");
    let text = format!(r#"{{"Records":[{old},{other},{}]}}"#, old.replace(",\"", " ,\n \""));
    let (_, usage) = ingest_bytes("old.json", text.as_bytes(), Limits::default());
    assert_eq!((usage.counts.counted, usage.counts.duplicates, usage.counts.malformed), (2, 1, 0));
    assert!(usage.rows.iter().next().unwrap().sample().starts_with("no-id-"));
}

#[test]
fn kinds_that_repeat_other_events_are_no_use() {
    let network = record(1).replace("\"Management\"", "\"NetworkActivity\"");
    let insight = r#"{"eventVersion":"1.08","eventTime":"2026-01-01T00:00:00Z","eventType":"AwsCloudTrailInsight","eventID":"1","eventCategory":"Insight"}"#;
    let aggregated = r#"{"eventVersion":"1.0","accountId":"1","eventId":"2","eventCategory":"Aggregated","eventTime":"2026-01-01T00:00:00Z"}"#;
    let text = format!(r#"{{"Records":[{network},{insight},{aggregated},{}]}}"#, record(0));
    let (collected, usage) = ingest_bytes("kinds.json", text.as_bytes(), Limits::default());
    assert_eq!((usage.counts.read, usage.counts.counted), (1, 1));
    let skipped: Vec<_> = collected.skipped_records.into_iter().collect();
    assert_eq!(skipped, [("aggregated", 1), ("insight", 1), ("network-activity", 1)]);
}

#[test]
fn a_folder_is_read_with_everything_else_in_it_accounted_for() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let tree = "AWSLogs/o-a1/111122223333";
    put(&format!("{tree}/CloudTrail/us-east-1/2026/01/02/a.json.gz"), &gzip(log(0..3).as_bytes()));
    put(&format!("{tree}/CloudTrail/us-east-1/2026/01/02/strange.json"), b"{\"a\":1}");
    put(&format!("{tree}/CloudTrail/us-east-1/2020/01/02/old.json.gz"), &gzip(log(3..4).as_bytes()));
    put(&format!("{tree}/CloudTrail-Digest/us-east-1/2026/01/02/d.json.gz"), &gzip(b"{}"));
    put(&format!("{tree}/CloudTrail-Insight/us-east-1/2026/01/02/i.json.gz"), &gzip(b"{}"));
    put("README.md", b"# logs");
    put("values.yaml", b"a: 1");
    put("notes.txt", b"remember the milk");
    put("iam.json", b"{\"UserDetailList\":[]}");
    put("policy.json", b"{\"Version\":\"2012-10-17\",\"Statement\":[]}");
    put("renamed", &gzip(log(5..7).as_bytes()));
    put("digest.json", b"{\"digestS3Object\":\"x\",\"logFiles\":[]}");
    put("plain.json.gz", b"this was never compressed");
    put("text.json", b"nor is this JSON");
    #[cfg(unix)]
    std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
    let window = TimeRange { from: "2026-01-01".parse().unwrap(), to: "2026-02-01".parse().unwrap() };
    let read =
        |threads| ingest_with(vec![Input::Path(dir.path().into())], threads, Limits::default(), window);
    let collected = read(3);
    assert_eq!((collected.objects.listed, collected.objects.read, collected.objects.failed), (14, 2, 3));
    let skipped: Vec<_> = collected.skipped.clone().into_iter().collect();
    let expected =
        [("digest", 2), ("insight", 1), ("not-a-log", 3), ("other-file", 2), ("outside-window", 1)];
    assert_eq!(skipped, expected);
    let issues: Vec<_> =
        collected.issues.iter().map(|issue| (issue.object.rsplit('/').next().unwrap(), issue.kind)).collect();
    assert_eq!(
        issues,
        [("strange.json", "no-records"), ("plain.json.gz", "not-gzip"), ("text.json", "not-json")]
    );
    let usage = collected.collector.into_ledger().finish().unwrap();
    assert_eq!(usage.counts.counted, 5);
    assert_eq!(read(1).collector.into_ledger().finish().unwrap(), usage);
}

#[test]
fn a_stream_is_an_object_and_a_missing_path_is_an_error() {
    let stream = Input::Stream("-".to_owned(), Box::new(std::io::Cursor::new(gzip(log(0..4).as_bytes()))));
    let collected = ingest_with(vec![stream], 2, Limits::default(), TimeRange::ALWAYS);
    assert_eq!(collected.objects.read, 1);
    assert_eq!(collected.collector.into_ledger().finish().unwrap().counts.counted, 4);
    let cancel = std::sync::atomic::AtomicBool::new(true);
    let settings = leastwise::ingest::Run { threads: 1, ..leastwise::ingest::Run::new(&cancel) };
    let make = || {
        leastwise::ingest::Recorder::new(leastwise::usage::Scope::default(), super::toy_needs as super::Toy)
    };
    let missing = leastwise::ingest::run(vec![Input::Path("/nonexistent/logs".into())], &settings, make);
    assert_eq!(missing.map(|_| ()).unwrap_err().to_string(), "cannot read `/nonexistent/logs`");
    let stream = Input::Stream("-".to_owned(), Box::new(std::io::empty()));
    let cancelled = leastwise::ingest::run(vec![stream], &settings, make).unwrap();
    assert!(cancelled.is_cancelled && cancelled.objects.balances());
    assert_eq!(cancelled.skipped.get("cancelled"), Some(&1));
    let nothing = tempfile::tempdir().unwrap();
    assert_eq!(ingest(&[nothing.path()], 2).objects.listed, 0);
}
