//! Records that repeat what was met are taken without being parsed: the same comes out as when everything is parsed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use leastwise::catalog::{Catalog, Needs};
use leastwise::ingest::{Collect, Ingested, Input, Limits, Recorder, Run, run};
use leastwise::record::{Event, RecordError, SessionContext, UserIdentity};
use leastwise::usage::{Caps, Scope};

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

/// A call on an object: what differs from one kind of call to the other, and the key in all places that name it.
fn on_object(id: usize, kind: &ObjectKind, key: &str) -> String {
    let ObjectKind { name, request, resources, outcome, region } = kind;
    let parts = [request, resources, outcome].map(|part| part.replace("KEY", key));
    let [request, resources, outcome] = parts;
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE:s","arn":"arn:aws:sts::111122223333:assumed-role/r/s","accountId":"111122223333","accessKeyId":"ASIA1","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/r","accountId":"111122223333","userName":"r"}},"attributes":{{"creationDate":"2026-01-01T09:00:00Z","mfaAuthenticated":"false"}}}}}},"eventTime":"2026-01-01T10:00:{:02}Z","eventSource":"s3.amazonaws.com","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"10.0.0.1","userAgent":"[aws-cli/2]",{outcome}"requestParameters":{{{request}}},"responseElements":null,"additionalEventData":{{"x":{id}}},"requestID":"r{id}","eventID":"{id:08x}-0000-4000-8000-000000000000","readOnly":true,"resources":[{resources}],"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"111122223333","eventCategory":"Data"}}"#,
        id % 60
    )
}

struct ObjectKind {
    name: &'static str,
    request: String,
    resources: String,
    outcome: String,
    region: &'static str,
}

/// Calls on objects of every kind that S3 has, and some that are odd.
fn object_kinds() -> Vec<ObjectKind> {
    let request = r#""bucketName":"b","Host":"b.s3.amazonaws.com","key":"KEY""#;
    let (object, bucket) = (
        r#"{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/KEY"}"#,
        r#"{"accountId":"111122223333","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::b"}"#,
    );
    let both = format!("{object},{bucket}");
    let kind = |name, request: &str, resources: &str, outcome: &str| ObjectKind {
        name,
        request: request.to_owned(),
        resources: resources.to_owned(),
        outcome: outcome.to_owned(),
        region: "us-east-1",
    };
    let names = [
        "GetObject",
        "HeadObject",
        "PutObject",
        "DeleteObject",
        "GetObjectAcl",
        "PutObjectAcl",
        "GetObjectTagging",
        "PutObjectTagging",
        "CreateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
        "AbortMultipartUpload",
        "ListParts",
        "RestoreObject",
        "SelectObjectContent",
        "GetObjectAttributes",
        "GetObjectLegalHold",
        "PutObjectRetention",
        "GetObjectTorrent",
        "ListObjects",
        "DeleteObjects",
        "CopyObject",
        "UploadPartCopy",
        "WriteGetObjectResponse",
        "NobodyKnowsThis",
    ];
    let mut kinds: Vec<_> = names.iter().map(|name| kind(name, request, &both, "")).collect();
    let with = |more: &str| format!("{request},{more}");
    let other = r#"{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::other/KEY"}"#;
    kinds.extend([
        kind("GetObject", request, &format!("{bucket},{object}"), ""),
        kind("GetObject", request, object, ""),
        kind("GetObject", request, bucket, ""),
        kind("GetObject", request, "", ""),
        kind("GetObject", request, &format!("{other},{bucket}"), ""),
        kind("GetObject", request, &format!("{object},{other}"), ""),
        kind("GetObject", request, &both.replace("s3:::b/", "ec2:::b/"), ""),
        kind("GetObject", request, &both.replace("s3:::b/KEY", "s3:::b/x/KEY"), ""),
        kind("GetObject", request, &both.replace("b/KEY", "b/KEY/KEY"), ""),
        kind("GetObject", &with(r#""versionId":"KEY""#), &both, ""),
        kind("GetObject", &with(r#""versionId":"v1""#), &both, ""),
        kind("GetObject", &with(r#""key":"other""#), &both, ""),
        kind("GetObject", &with(r#""Key":"KEY""#), &both, ""),
        kind("GetObject", &with(r#""deep":{"key":["KEY",1]}"#), &both, ""),
        kind("PutObject", &with(r#""x-amz-acl":"private","x-amz-tagging":"KEY=1""#), &both, ""),
        kind("CopyObject", &with(r#""x-amz-copy-source":"b/KEY""#), &both, ""),
        kind("CopyObject", &with(r#""x-amz-copy-source":"source/a""#), &both, ""),
        kind("CopyObject", &with(r#""x-amz-copy-source":"source/KEY""#), &format!("{both},{other}"), ""),
        kind("GetObject", &request.replace("\"b\"", "\"KEY\""), &both, ""),
        kind("GetObject", &request.replace("\"b\"", "\"x--x-s3\""), &both, ""),
        kind(
            "GetObject",
            &request.replace("\"b\"", "\"arn:aws:s3:us-east-1:111122223333:accesspoint/p\""),
            &both,
            "",
        ),
        kind("GetObject", request, &both, r#""errorCode":"AccessDenied","errorMessage":"Access Denied","#),
        kind(
            "GetObject",
            request,
            &both,
            r#""errorCode":"AccessDenied","errorMessage":"User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/KEY\" because no identity-based policy allows the s3:GetObject action","#,
        ),
        kind("GetObject", request, &both, r#""errorCode":"NoSuchKey","errorMessage":"no KEY","#),
        kind("GetObject", request, &both, r#""errorCode":"NoSuchKey","errorMessage":"The specified key does not exist.","#),
    ]);
    kinds.push(ObjectKind { region: "", ..kind("GetObject", request, &both, "") });
    kinds
}

/// Keys as they stand in JSON: some plain, some that mean something else somewhere, some short enough to stand everywhere by chance.
fn object_keys() -> Vec<String> {
    let mut keys: Vec<String> =
        (0..40).map(|n| format!("events/KIND/day={:02}/part-{n:05}.parquet", n % 7)).collect();
    let odd = [
        "b",
        "s3",
        "key",
        "KEY",
        "ARN",
        "arn",
        "arn:aws:s3:::b/x",
        "arn%3Aaws",
        "HIDDEN_DUE_TO_SECURITY_REASONS",
        "true",
        "null",
        "1",
        "/a",
        "a/",
        "//",
        "a//b",
        ".",
        "..",
        "-",
        "*",
        "a?",
        "${aws:username}",
        "a b",
        "a%20b",
        "a:b",
        "a+b",
        "a,b",
        "a@b",
        "a=b",
        "\\\"",
        "\\u0061",
        "\\\\",
        "ü",
        "a\\u0000",
        "b/b",
        "object/a",
        "a/object",
        "bucketName",
        "GetObject",
        "us-east-1",
        "111122223333",
        "i-0123456789abcdef0",
        "role/r",
        "AWS::S3::Object",
        "",
    ];
    keys.extend(odd.map(str::to_owned));
    let letters = ["a", "b", "/", "."];
    keys.extend(letters.iter().flat_map(|a| letters.iter().map(move |b| format!("{a}{b}"))));
    keys.push("long/".repeat(110));
    keys
}

#[test]
fn calls_on_other_objects_come_out_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (kinds, keys) = (object_kinds(), object_keys());
    let (mut number, mut n_records) = (0, 0);
    for first in keys.chunks(20) {
        let records: Vec<String> = kinds
            .iter()
            .enumerate()
            .flat_map(|(at, kind)| first.iter().map(move |key| (at, kind, key)))
            .map(|(at, kind, key)| {
                n_records += 1;
                // What was met with another kind of call is compared, and says nothing here.
                on_object(n_records, kind, &key.replace("KIND", &at.to_string()))
            })
            .collect();
        number += 1;
        let text = format!(r#"{{"Records":[{}]}}"#, records.join(","));
        std::fs::write(folder.path().join(format!("{number}.json.gz")), gzip(text.as_bytes())).unwrap();
    }
    // As it is, and with so little kept exact that everything folds.
    for caps in [Caps::default(), Caps { objects: 8, resources: 8, messages: 4, rows: 16, ..Caps::default() }]
    {
        let of = |repeats| {
            let n_asked = AtomicUsize::new(0);
            let needs = |event: &Event<'_>| {
                n_asked.fetch_add(1, Ordering::Relaxed);
                Catalog::embedded().needs(event)
            };
            let ingested =
                read(folder.path(), repeats, || Recorder::with_caps(Scope::default(), caps, &needs));
            assert!(ingested.issues.is_empty(), "{:?}", ingested.issues);
            let usage = ingested.collector.into_ledger().finish().unwrap();
            (usage, n_asked.into_inner())
        };
        let ((with, asked), (without, asked_without)) = (of(true), of(false));
        assert_eq!(with.counts, without.counts);
        assert_eq!(with.counts.counted, n_records as u64);
        assert!(with == without, "rows differ under {caps:?}");
        // Each worker looks at each kind once, and at what is not plain.
        assert!(asked * 4 < asked_without * 3, "{asked} of {asked_without} were parsed");
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
