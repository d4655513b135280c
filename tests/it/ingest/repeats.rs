//! Records that repeat what was met are taken without being parsed: the same comes out as when everything is parsed.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use leastwise::catalog::{Catalog, Needs};
use leastwise::ingest::{Collect, Ingested, Input, Limits, Recorder, Run, run};
use leastwise::record::{Event, RecordError, SessionContext, UserIdentity};
use leastwise::usage::Scope;

use super::{gzip, ingest_bytes};
use crate::support;
use crate::world::{self, Options};

fn read<C: Collect>(folder: &Path, repeats: bool, make: impl Fn() -> C + Sync) -> Ingested<C> {
    let cancel = AtomicBool::new(false);
    let limits = Limits { repeats, ..Limits::default() };
    let settings = Run { limits, threads: 2, ..Run::new(&cancel) };
    run(vec![Input::Path(PathBuf::from(folder))], &settings, make).unwrap()
}

fn assert_same(folder: &Path) {
    let recorder = || Recorder::new(Scope::default(), |event| Catalog::embedded().needs(event));
    let (with, without) = (read(folder, true, recorder), read(folder, false, recorder));
    assert_eq!(with.objects, without.objects);
    assert_eq!(with.issues, without.issues);
    assert_eq!(with.malformed, without.malformed);
    assert_eq!(with.skipped_records, without.skipped_records);
    let of = |ingested: Ingested<_>| {
        let recorder: Recorder<_> = ingested.collector;
        recorder.into_ledger().finish().unwrap()
    };
    let (with, without) = (of(with), of(without));
    assert_eq!(with.counts, without.counts);
    assert_eq!(with.sessions, without.sessions);
    assert!(with == without, "rows or issuances differ");
}

#[test]
fn real_logs_come_out_the_same() {
    let Some(corpus) = support::corpus() else { return };
    assert_same(&corpus);
}

#[test]
fn a_busy_world_comes_out_the_same() {
    let world = tempfile::tempdir().unwrap();
    world::write(world.path(), Options { seed: 8, days: 2, scale: 4 }).unwrap();
    assert_same(world.path());
}

fn record(id: u32, more: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/u","accountId":"111122223333","accessKeyId":"AKIA1"}},"eventTime":"2026-01-01T10:00:{:02}Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"us-east-1","requestParameters":{{"key":"a \"b\" {{[ c\\"}},"responseElements":null,{more}"eventID":"{id:08x}-0000-4000-8000-000000000000","readOnly":true,"resources":[{{"ARN":"arn:aws:s3:::b/k"}}],"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"111122223333","eventCategory":"Data"}}"#,
        id % 60
    )
}

/// Both ways of reading one object.
fn assert_object(text: &str) {
    let of = |repeats| {
        let limits = Limits { repeats, ..Limits::default() };
        let (collected, usage) = ingest_bytes("x.json.gz", &gzip(text.as_bytes()), limits);
        (collected.objects, collected.issues, collected.malformed, collected.skipped_records, usage)
    };
    let (with, without) = (of(true), of(false));
    assert!(with == without, "{text}\n{with:#?}\n{without:#?}");
}

#[test]
fn odd_texts_come_out_the_same() {
    let (a, b, c) = (record(1, ""), record(2, ""), record(3, ""));
    let list = |records: &[&str]| format!(r#"{{"Records":[{}]}}"#, records.join(","));
    let spaced = b.replace("\":", "\" :\n ").replace(",\"", " ,\t\"");
    let changed = |from: &str, to: &str| {
        assert!(b.contains(from), "{from}");
        b.replacen(from, to, 1)
    };
    for text in [
        list(&[&a, &b, &c]),
        list(&[&a, &a, &b, &a]),
        list(&[&a, &spaced, &c]),
        list(&[&a, &changed("eventName", "event\\u004eame"), &c]),
        list(&[&a, &changed("00000002-", "\\u00300000002-"), &c]),
        list(&[&a, &changed("2026-01-01T10:00:02Z", "2026-01-01T10:00:02.5Z"), &c]),
        list(&[&a, &changed("2026-01-01T10:00:02Z", "yesterday"), &c]),
        list(&[&a, &changed("\"eventID\"", "\"eventName\":\"PutObject\",\"eventID\""), &c]),
        list(&[&a, &changed("us-east-1", "eu-west-1"), &c]),
        list(&[&a, &changed("user/u", "user/v"), &changed("00000002", "00000009"), &c]),
        list(&[&a, &record(2, r#""sharedEventID":"s","#), &record(4, r#""sharedEventID":"s","#)]),
        list(&[
            &a,
            &record(
                2,
                r#""addendum":{"reason":"UPDATED_DATA","originalEventID":"00000001-0000-4000-8000-000000000000"},"#,
            ),
        ]),
        list(&[&a, &record(2, r#""additionalEventData":{"x":[{"y":"}]\\\""},1.5e3,true]},"#), &c]),
        list(&[&a, &record(2, r#""eventID":"00000007-0000-4000-8000-000000000000","#), &c]),
        list(&[
            &a,
            &record(2, r#""errorCode":"AccessDenied","errorMessage":"no","#),
            &record(5, r#""errorCode":"AccessDenied","errorMessage":"no","#),
        ]),
        list(&[&a, "{}", "7", &c]),
        list(&[&a, "{}", &c]),
        list(&["{}", "{}"]),
        list(&[&a, r#"{"detail":{"eventID":"x"}}"#, &c]),
        list(&[&a, &format!(r#"{{"detail":{c},"detail-type":"AWS API Call via CloudTrail"}}"#)]),
        list(&[&a, &changed("\"readOnly\":true", "\"readOnly\":truth"), &c]),
        list(&[&a, &changed("\"responseElements\":null", "\"responseElements\":01"), &c]),
        list(&[&a, &changed("\"AwsApiCall\"", "\"AwsCloudTrailInsight\""), &c]),
        list(&[&a, &changed("s3.amazonaws.com", "aws:s3"), &c]),
        list(&[]),
        format!("{} ", list(&[&a, &b])),
        format!("{}x", list(&[&a, &b])),
        format!("\u{feff}{}", list(&[&a, &b])),
        list(&[&a, &b]).replace("]}", "],\"more\":1}"),
        list(&[&a, &b]).replace("Records", "records"),
        list(&[&a, &b]).replacen("{\"Records\"", "{\"x\":{},\"Records\"", 1),
        list(&[&a, &changed("user/u", &"[".repeat(300)), &c]),
        list(&[
            &a,
            &changed(
                "\"responseElements\":null",
                &format!("\"responseElements\":{}{}", "[".repeat(300), "]".repeat(300)),
            ),
            &c,
        ]),
    ] {
        assert_object(&text);
    }
}

#[test]
fn a_text_cut_anywhere_comes_out_the_same() {
    let text = format!(r#"{{"Records":[{},{},{}]}}"#, record(1, ""), record(1, ""), record(2, ""));
    for end in (0..text.len()).step_by(3) {
        assert_object(&text[..end]);
    }
}

/// Sees that what an event needed rests on no more of its caller than the ledger promises.
struct Blinded;

impl Collect for Blinded {
    fn event(&mut self, event: &Event<'_>) {
        let catalog = Catalog::embedded();
        let told = catalog.needs(event);
        if event.source == "iam.amazonaws.com" {
            return;
        }
        let identity = &event.identity;
        let partition = |arn: &str| format!("arn:{}:x", arn.split(':').nth(1).unwrap_or_default());
        let (arn, issuer) = (identity.arn.map(partition), identity.session.issuer_arn.map(partition));
        let blinded = UserIdentity {
            arn: arn.as_deref(),
            principal_id: None,
            access_key_id: None,
            user_name: None,
            identity_provider: None,
            in_scope_of: None,
            in_scope_of_type: None,
            on_behalf_of: None,
            credential_id: None,
            delegate_account: None,
            session: SessionContext { issuer_arn: issuer.as_deref(), ..SessionContext::default() },
            ..*identity
        };
        let blind: Needs = catalog.needs(&Event { identity: blinded, ..*event });
        assert_eq!(blind, told, "{} {}", event.source, event.name);
    }

    fn malformed(&mut self, _: RecordError) {}
    fn skipped(&mut self, _: &'static str) {}

    fn merge(self, _: Self) -> Self {
        self
    }
}

#[test]
fn what_a_call_needed_does_not_rest_on_who_made_it() {
    if let Some(corpus) = support::corpus() {
        read(&corpus, true, || Blinded);
    }
    read(&support::root().join("sample-logs"), true, || Blinded);
}
