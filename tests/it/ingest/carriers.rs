//! One record in every carrier it comes in.

use super::{gzip, ingest_bytes, record};
use leastwise::ingest::Limits;

/// One named object holding records 0 and 1 in some carrier.
fn check(name: &str, text: &str) {
    for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
        let (collected, usage) = ingest_bytes(name, &bytes, Limits::default());
        assert_eq!(collected.issues, [], "{name}");
        assert_eq!((usage.counts.counted, usage.counts.malformed), (2, 0), "{name}: {:?}", usage.counts);
        let ids: Vec<_> = usage.rows.iter().map(|row| row.sample()).collect();
        assert_eq!(ids, ["00000000-0000-0000-0000-000000000000".into()], "{name}");
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

#[test]
fn a_record_is_the_same_in_every_carrier() {
    let (a, b) = (record(0), record(1));
    let pretty = |text: &str| {
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(text).unwrap()).unwrap()
    };
    check("records", &format!(r#"{{"Records":[{a},{b}]}}"#));
    check("lower-case", &format!(r#"{{"records":[{a},{b}]}}"#));
    check("with-more", &format!(r#"{{"a":[{{"Records":0}}],"Records":[{a},{b}],"z":{{}}}}"#));
    check("array", &format!("[{a},{b}]"));
    check("lines", &format!("{a}\n{b}\n"));
    check("lines-with-crlf", &format!("{a}\r\n\r\n{b}"));
    check("concatenated", &format!("{a}{b}"));
    check("concatenated-logs", &format!(r#"{{"Records":[{a}]}} {{"Records":[{b}]}}"#));
    check("pretty-values", &format!("{}\n{}\n", pretty(&a), pretty(&b)));
    let bridge = |record: &str, kind: &str| {
        format!(
            r#"{{"version":"0","id":"x","detail-type":"AWS {kind} via CloudTrail","source":"aws.s3","detail":{record}}}"#
        )
    };
    check("event-bridge", &format!("{}\n{}", bridge(&a, "API Call"), bridge(&b, "Console Signin")));
    let lookup = |record: &str| {
        format!(
            r#"{{"EventId":"x","EventName":"ListBuckets","ReadOnly":"true","CloudTrailEvent":{}}}"#,
            quoted(record)
        )
    };
    check("lookup", &format!(r#"{{"Events":[{},{}],"NextToken":"t"}}"#, lookup(&a), lookup(&b)));
    check("lookup-lines", &format!("{}\n{}", lookup(&a), lookup(&b)));
    let logs = |records: &[&String]| {
        let events: Vec<String> = records
            .iter()
            .map(|record| format!(r#"{{"id":"1","timestamp":1,"message":{}}}"#, quoted(record)))
            .collect();
        format!(
            r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logEvents":[{}]}}"#,
            events.join(",")
        )
    };
    check("subscription", &logs(&[&a, &b]));
    check("subscriptions", &format!("{}{}", logs(&[&a]), logs(&[&b])));
    check("export", &format!("2026-01-01T10:00:00.000Z {a}\n2026-01-01T10:00:00.000Z {b}\n"));
    let message =
        format!(r#"{{"Type":"Notification","Message":{}}}"#, quoted(&format!(r#"{{"Records":[{a},{b}]}}"#)));
    check("sns", &message);
    check("sqs", &format!(r#"{{"Messages":[{{"MessageId":"m","Body":{}}}]}}"#, quoted(&message)));
    let lake = |record: &str| format!(r#"{{"eventjson":{}}}"#, quoted(record));
    check("lake", &format!("[{},{}]", lake(&a), lake(&b)));
}

#[test]
fn what_only_looks_like_a_record_is_none() {
    for text in [
        // Notifications of S3 about log files, and streams of tables: not CloudTrail.
        r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"2025-03-01T14:23:10.616Z","eventName":"ObjectCreated:Put","userIdentity":{"principalId":"AWS:AIDA"}}]}"#,
        r#"{"Records":[{"eventID":"1","eventVersion":"1.1","eventSource":"aws:dynamodb","eventName":"INSERT","eventTime":"2025-03-01T14:23:10Z"}]}"#,
        // An EventBridge event of another kind, with a detail its sender wrote.
        &format!(r#"{{"detail-type":"Order Placed","source":"shop","detail":{}}}"#, record(0)),
        r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata"}"#,
        r#"[{"message":"plain text"},{"message":"{\"a\":1}"}]"#,
        r#"[1,2,3]"#,
        "[]",
    ] {
        let (collected, usage) = ingest_bytes("x.json", text.as_bytes(), Limits::default());
        assert_eq!(usage.counts.read, 0, "{text}");
        assert_eq!(collected.objects.failed, 1, "{text}");
        assert_eq!(collected.issues[0].kind, "no-records", "{text}");
    }
}

#[test]
fn a_control_message_is_passed_over_and_counted() {
    let control = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination."}]}"#;
    let (collected, usage) =
        ingest_bytes("x.json", format!("{control}\n{}", record(0)).as_bytes(), Limits::default());
    assert_eq!(collected.skipped_records.get("control-message"), Some(&1));
    assert_eq!(usage.counts.read, 1);
}

#[test]
fn bad_lines_are_counted_and_the_others_read() {
    let text = format!("{}\nnot json\n{}\n{{\"cut\":\n{}\n", record(0), record(1), record(2));
    let (collected, usage) = ingest_bytes("x.ndjson", text.as_bytes(), Limits::default());
    assert_eq!((usage.counts.counted, usage.counts.malformed), (3, 2));
    assert_eq!(collected.issues[0].detail, "2 lines hold no JSON; the first is line 2");
    assert_eq!(collected.objects.read, 1);
}

#[test]
fn carriers_in_carriers_end_somewhere() {
    let mut text = record(0);
    for _ in 0..12 {
        text = format!(r#"{{"message":{}}}"#, quoted(&text));
    }
    let (collected, _) = ingest_bytes("x.json", text.as_bytes(), Limits::default());
    assert_eq!(collected.issues[0].kind, "no-records");
}

#[test]
fn lines_that_never_close_do_not_cost_the_square_of_their_size() {
    let open = "{\"cut\":\n".repeat(200_000);
    let text = format!("{open}{}\n", record(0));
    let (collected, usage) = ingest_bytes("x.ndjson", text.as_bytes(), Limits::default());
    assert_eq!((usage.counts.counted, usage.counts.malformed), (1, 200_000));
    assert_eq!(collected.issues.len(), 1);
}
