//! From a folder of log and digest files to exit statuses and verdicts.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use wiremock::matchers::header;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::signer::{ACCOUNT, BUCKET, Bucket, Object, REGION, another_key_list, key_list, log_key};
use crate::s3::program::{command, told};
use crate::s3::server::{Fault, Server};

/// The content of a log file with one call of a role, at this minute.
fn record(time: &str, id: u32) -> String {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/busy");
    json!({"Records": [{
        "eventVersion": "1.08", "eventID": format!("00000000-0000-0000-0000-{id:012}"), "eventTime": time,
        "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances", "awsRegion": REGION,
        "eventType": "AwsApiCall", "eventCategory": "Management", "managementEvent": true, "readOnly": true,
        "recipientAccountId": ACCOUNT, "sourceIPAddress": "10.0.0.1", "userAgent": "test",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:one", "accountId": ACCOUNT,
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/busy/one"), "accessKeyId": "ASIAEXAMPLE000000000",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "userName": "busy", "accountId": ACCOUNT}},
        },
    }]})
    .to_string()
}

/// A folder with a snapshot and two lists of public keys, of which `keys.json` is the right one.
pub(super) fn ground() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    write("iam.json", snapshot().to_string());
    write("keys.json", key_list());
    write("other-keys.json", another_key_list());
    folder
}

/// Six hours with a call in each.
pub(super) fn busy() -> Bucket {
    let mut bucket = Bucket::new("t", "2024-06-01T00:00:00Z");
    for hour in 0..6 {
        bucket.hour(&[&record(&format!("2024-06-01T{hour:02}:05:00Z"), hour)]);
    }
    bucket
}

/// Writes a bucket as `aws s3 sync` would, gzipped; side files hold the metadata of digests on demand.
pub(super) fn write(bucket: &Bucket, folder: &Path, side_files: bool) {
    write_some(&bucket.objects, folder, side_files);
}

fn write_some<'b>(objects: impl IntoIterator<Item = &'b Object>, folder: &Path, side_files: bool) {
    for object in objects {
        let path = folder.join(&object.key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&object.text).unwrap();
        fs::write(&path, gzip.finish().unwrap()).unwrap();
        if let Some(signature) = object.signature.as_ref().filter(|_| side_files) {
            let mut head =
                json!({"Metadata": {"signature": signature, "signature-algorithm": "SHA256withRSA"}});
            if object.key.contains("_backfill") {
                head["Metadata"]["backfill-generation-timestamp"] = "2024-06-02T00:00:00.000Z".into();
            }
            fs::write(folder.join(format!("{}.metadata.json", object.key)), head.to_string()).unwrap();
        }
    }
}

/// Runs the program; gives its exit status, standard output and standard error.
pub(super) fn run(arguments: &[&str]) -> (i32, String, String) {
    let done =
        Command::new(env!("CARGO_BIN_EXE_leastwise")).args(arguments).current_dir("/").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[test]
fn verify_logs_says_what_is_whole_and_what_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let keys = at("keys.json");
    fs::write(&keys, key_list()).unwrap();
    let write_as = |name: &str, change: &dyn Fn(&mut Bucket), side_files: bool| {
        let mut bucket = busy();
        change(&mut bucket);
        let path = folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        write(&bucket, &path, side_files);
        at(name)
    };
    let log = |bucket: &Bucket| bucket.objects.iter().find(|object| !object.is_digest()).unwrap().key.clone();

    let whole = write_as("whole", &|_| (), true);
    let (exit, out, error) = run(&["verify-logs", &whole, "--public-keys", &keys]);
    assert_eq!(exit, 0, "{out}{error}");
    assert!(
        out.contains("6/6 digest files valid\n6/6 log files valid\n") && out.ends_with("Result: verified\n"),
        "{out}"
    );

    // Without side files the newest is not checked, and everything else is.
    let copy = write_as("copy", &|_| (), false);
    let (exit, out, _) = run(&["verify-logs", &copy, "--public-keys", &keys]);
    assert_eq!(exit, 0, "{out}");
    assert!(out.contains("5/6 digest files valid\n5/6 log files valid\n"), "{out}");
    assert!(out.contains("its signature is not here"), "{out}");

    let (exit, out, error) = run(&["verify-logs", &copy]);
    assert_eq!(exit, 4, "{out}");
    assert!(out.ends_with("Result: not checked\n") && error.contains("--public-keys"), "{out}{error}");

    let tampered = write_as(
        "tampered",
        &|bucket| {
            let key = log(bucket);
            bucket.object(&key).text = b"{\"Records\":[]}".to_vec();
        },
        true,
    );
    let (exit, out, _) = run(&["verify-logs", &tampered, "--public-keys", &keys, "--format", "json"]);
    let integrity: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, &integrity["status"], &integrity["files_verified"]), (4, &json!("failed"), &json!(5)));
    assert_eq!(integrity["files"][0]["status"], "hash-mismatch");
    assert_eq!(integrity["holes"][0]["from"], "2024-06-01T00:00:00Z");

    // The window may end before the harm; what is asked for beyond the chain is missing.
    let asked = |since: &str, until: &str| {
        run(&["verify-logs", &tampered, "--public-keys", &keys, "--since", since, "--until", until]).0
    };
    assert_eq!(asked("2024-06-01T02:00:00Z", "2024-06-01T06:00:00Z"), 0);
    assert_eq!(asked("2024-06-01T02:00:00Z", "2024-06-02"), 4);

    let bad = at("bad.json");
    fs::write(&bad, "{}").unwrap();
    let (exit, _, error) = run(&["verify-logs", &whole, "--public-keys", &bad]);
    assert_eq!(exit, 1);
    assert!(error.contains("holds no public keys") && error.contains("hint:"), "{error}");
    fs::create_dir(folder.path().join("empty")).unwrap();
    assert_eq!(run(&["verify-logs", &at("empty"), "--public-keys", &keys]).0, 3);
    assert_eq!(run(&["verify-logs", &at("absent"), "--public-keys", &keys]).0, 3);
    assert_eq!(run(&["verify-logs"]).0, 2);
    // A digest that is cut off on its way, and a folder of keys.
    let key = busy().digests()[2].clone();
    let path = Path::new(&whole).join(&key);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    fs::create_dir(folder.path().join("keys")).unwrap();
    fs::rename(&keys, folder.path().join("keys/public-keys-eu-west-1.json")).unwrap();
    let (exit, out, _) = run(&["verify-logs", &whole, "--public-keys", &at("keys")]);
    assert_eq!(exit, 4);
    assert!(out.contains("INVALID: invalid format (truncated-gzip"), "{out}");
    assert!(out.contains("5/6 digest files valid"), "{out}");
}

/// A role that does one thing and may do another, and one that does nothing.
pub(super) fn snapshot() -> Value {
    let role = |name: &str| {
        json!({
            "Arn": format!("arn:aws:iam::{ACCOUNT}:role/{name}"), "RoleName": name, "Path": "/", "RoleId": format!("AROA{name}"),
            "CreateDate": "2020-01-01T00:00:00Z",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole",
            }]},
            "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": ["ec2:DescribeInstances", "ec2:DescribeVpcs"], "Resource": "*",
            }]}}],
        })
    };
    json!({"UserDetailList": [], "GroupDetailList": [], "Policies": [], "RoleDetailList": [role("busy"), role("idle")]})
}

#[test]
fn a_hole_makes_unused_undetermined_and_every_finding_says_what_stands_behind_it() {
    let folder = ground();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let audit = |name: &str, change: &dyn Fn(&mut Bucket), keys: bool| {
        let mut bucket = busy();
        change(&mut bucket);
        write(&bucket, &folder.path().join(name), true);
        let (logs, iam, key_file) = (at(name), at("iam.json"), at("keys.json"));
        let mut arguments = vec!["audit", &logs, "--iam", &iam, "--format", "json", "--min-window", "0d"];
        if keys {
            arguments.extend(["--public-keys", &key_file]);
        }
        let (exit, out, error) = run(&arguments);
        (exit, serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{out}{error}")))
    };
    let verdicts = |report: &Value| {
        let of = |word: &str| {
            report["roles"]
                .as_array()
                .unwrap()
                .iter()
                .map(|role| role["granted"]["verdicts"][word].as_u64().unwrap())
                .sum::<u64>()
        };
        (of("used"), of("unused"), of("undetermined"))
    };
    let (exit, report) = audit("whole", &|_| (), true);
    assert_eq!((exit, verdicts(&report)), (0, (1, 3, 0)));
    let integrity = &report["coverage"]["integrity"];
    assert_eq!(integrity["status"], "verified");
    assert_eq!(
        (&integrity["digests"], &integrity["files_verified"], &integrity["files_unverified"]),
        (&json!(6), &json!(6), &json!(0))
    );
    assert_eq!(report["coverage"]["accounts"][0]["integrity"], "verified");
    assert!(report["roles"].as_array().unwrap().iter().all(|role| role["integrity"] == "verified"));
    let findings = report["findings"].as_array().unwrap();
    assert!(!findings.is_empty() && findings.iter().all(|finding| finding["integrity"] == "verified"));

    let remove = |bucket: &mut Bucket| {
        let mut logs = bucket.objects.iter().filter(|object| !object.is_digest());
        let key = logs.nth(2).unwrap().key.clone();
        bucket.remove(&key);
    };
    let (exit, report) = audit("missing", &remove, true);
    assert_eq!((exit, verdicts(&report)), (4, (1, 0, 3)), "{}", report["coverage"]["integrity"]);
    assert_eq!(report["coverage"]["integrity"]["status"], "failed");
    assert!(report["roles"].as_array().unwrap().iter().all(|role| role["integrity"] == "failed"));
    // Without keys nothing is checked, and nothing changes.
    let (exit, report) = audit("unchecked", &|_| (), false);
    assert_eq!((exit, verdicts(&report)), (0, (1, 3, 0)));
    assert_eq!(report["coverage"]["integrity"]["status"], "not-checked");
    // Without any digest file there is nothing to say.
    let (exit, report) = audit("bare", &|bucket| bucket.objects.retain(|object| !object.is_digest()), false);
    assert_eq!((exit, verdicts(&report)), (0, (1, 3, 0)));
    assert!(report["coverage"]["accounts"][0].get("integrity").is_none());
}

#[test]
fn a_digest_that_says_that_nothing_was_delivered_proves_it() {
    let folder = ground();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let mut bucket = Bucket::new("t", "2024-06-01T00:00:00Z");
    bucket.hour(&[&record("2024-06-01T00:05:00Z", 1)]);
    bucket.quiet(40);
    bucket.hour(&[&record("2024-06-02T17:05:00Z", 2)]);
    let audit = |name: &str, bucket: &Bucket, more: &[&str]| {
        write(bucket, &folder.path().join(name), true);
        let (logs, iam) = (at(name), at("iam.json"));
        let arguments = ["audit", &logs, "--iam", &iam, "--format", "json", "--min-window", "0d"];
        let (_, out, error) = run(&[&arguments[..], more].concat());
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{error}"));
        let roles = report["roles"].as_array().unwrap();
        let of = |word: &str| -> u64 {
            roles.iter().map(|role| role["granted"]["verdicts"][word].as_u64().unwrap()).sum()
        };
        let region = &report["coverage"]["accounts"][0]["regions"][0];
        (of("unused"), of("undetermined"), region["gaps"].as_array().unwrap().len())
    };
    let keys = at("keys.json");
    let keys = ["--public-keys", keys.as_str()];
    // Forty hours without a log file look like missing logs, unless valid digest files speak of them.
    assert_eq!(audit("whole", &bucket, &[]), (0, 3, 1));
    assert_eq!(audit("whole", &bucket, &keys), (3, 0, 0));
    // One of them is gone, or is not what CloudTrail wrote.
    let key = bucket.digests()[20].clone();
    let mut without = bucket.clone();
    without.remove(&key);
    assert_eq!(audit("without", &without, &keys), (0, 3, 0));
    bucket.edit(&key, |digest| digest["digestStartTime"] = json!("2024-06-01T10:00:00Z"), false);
    assert_eq!(audit("changed", &bucket, &keys), (0, 3, 0));
}

/// Changes a bucket.
type Harm = dyn Fn(&mut Bucket);

/// The key of a log file, by the hour.
fn log(bucket: &Bucket, n: usize) -> String {
    bucket.objects.iter().filter(|object| !object.is_digest()).nth(n).unwrap().key.clone()
}

/// Changes two objects together.
fn swap(bucket: &mut Bucket, a: &str, b: &str, what: fn(&mut Object, &mut Object)) {
    let mut one = bucket.object(a).clone();
    what(&mut one, bucket.object(b));
    *bucket.object(a) = one;
}

#[test]
fn every_attack_is_found_by_the_check_and_by_the_audit() {
    let folder = ground();
    let at = |name: &str| folder.path().join(name).display().to_string();
    // What was done, the words of the AWS CLI (or of what it does not look at), and whether absence still proves something.
    let cases: [(&str, &Harm, &str, &str, &str, bool); 11] = [
        (
            "one byte of a log file",
            &|bucket| {
                let object = bucket.object(&log(bucket, 2).clone());
                object.text =
                    String::from_utf8(object.text.clone()).unwrap().replace("10.0.0.1", "10.0.0.2").into();
            },
            "keys.json",
            "INVALID: hash value doesn't match",
            "hash-mismatch",
            false,
        ),
        (
            "a log file removed",
            &|bucket| drop(bucket.remove(&log(bucket, 2).clone())),
            "keys.json",
            "INVALID: not found",
            "not-found",
            false,
        ),
        (
            "two log files in each other's place",
            &|bucket| {
                let (a, b) = (log(bucket, 2), log(bucket, 3));
                swap(bucket, &a, &b, |one, other| std::mem::swap(&mut one.text, &mut other.text));
            },
            "keys.json",
            "INVALID: hash value doesn't match",
            "hash-mismatch",
            false,
        ),
        (
            "a digest file removed",
            &|bucket| drop(bucket.remove(&bucket.digests()[2].clone())),
            "keys.json",
            "INVALID: not found",
            "not-found",
            false,
        ),
        (
            "two digest files in each other's place",
            &|bucket| {
                let (a, b) = (bucket.digests()[2].clone(), bucket.digests()[3].clone());
                swap(bucket, &a, &b, |one, other| {
                    std::mem::swap(&mut one.text, &mut other.text);
                    std::mem::swap(&mut one.signature, &mut other.signature);
                });
            },
            "keys.json",
            "INVALID: has been moved from its original location",
            "moved",
            false,
        ),
        (
            "one byte of a digest file",
            &|bucket| {
                let object = bucket.object(&bucket.digests()[2].clone());
                let text = String::from_utf8(object.text.clone()).unwrap();
                object.text = text.replace("\"newestEventTime\":null", "\"newestEventTime\": null").into();
            },
            "keys.json",
            "INVALID: signature verification failed",
            "signature-failed",
            false,
        ),
        (
            "signatures swapped",
            &|bucket| {
                let (a, b) = (bucket.digests()[2].clone(), bucket.digests()[3].clone());
                swap(bucket, &a, &b, |one, other| std::mem::swap(&mut one.signature, &mut other.signature));
            },
            "keys.json",
            "INVALID: signature verification failed",
            "signature-failed",
            false,
        ),
        (
            "signed by a key that is not AWS's",
            &|_| (),
            "other-keys.json",
            "INVALID: public key not found in region eu-west-1 for fingerprint",
            "key-not-found",
            false,
        ),
        (
            "hours cut out of the middle",
            &|bucket| {
                for hour in [2, 2] {
                    bucket.remove(&log(bucket, hour).clone());
                    bucket.remove(&bucket.digests()[hour].clone());
                }
            },
            "keys.json",
            "2024-06-01T02:00:00Z to 2024-06-01T04:00:00Z: no readable digest file speaks of this time",
            "not-found",
            false,
        ),
        (
            "a log file injected",
            &|bucket| {
                let key = log_key(REGION, "2024-06-01T03:20:00Z".parse().unwrap(), "INJECTED00000000");
                let text = record("2024-06-01T03:15:00Z", 99).into();
                bucket.objects.push(Object { key, text, signature: None });
            },
            "keys.json",
            "INVALID: named by no digest",
            "named-by-no-digest",
            // More than was delivered hides nothing.
            true,
        ),
        (
            "a digest file replaced by one that was made later",
            &|bucket| {
                bucket.remove(&bucket.digests()[2].clone());
                let mut later = Bucket::new("t", "2024-06-01T02:00:00Z");
                later.hour_with(&[&record("2024-06-01T02:05:00Z", 2)], "_backfill");
                bucket.objects.extend(later.objects.into_iter().filter(Object::is_digest));
            },
            "keys.json",
            "1/1 backfill digest files valid",
            "not-found",
            true,
        ),
    ];
    for (n, (what, harm, keys, said, status, proves)) in cases.into_iter().enumerate() {
        let mut bucket = busy();
        harm(&mut bucket);
        let (logs, keys) = (at(&n.to_string()), at(keys));
        write(&bucket, Path::new(&logs), true);
        let (exit, out, error) = run(&["verify-logs", &logs, "--public-keys", &keys]);
        assert_eq!(exit, 4, "{what}: {out}{error}");
        assert!(out.contains(said) && out.ends_with("Result: failed\n"), "{what}: no `{said}` in\n{out}");
        let (_, json, _) = run(&["verify-logs", &logs, "--public-keys", &keys, "--format", "json"]);
        let integrity: Value = serde_json::from_str(&json).unwrap();
        let files = integrity["files"].as_array().unwrap();
        assert!(files.iter().any(|file| file["status"] == status), "{what}: {json}");
        // The audit finds the same, straight from the logs and through a store, and says what absence is worth.
        let iam = at("iam.json");
        let rest = ["--iam", &iam, "--format", "json", "--min-window", "0d"];
        let direct = run(&[&["audit", &logs, "--public-keys", &keys], &rest[..]].concat());
        let store = at(&format!("{n}-store"));
        run(&["ingest", &logs, "--store", &store, "--public-keys", &keys]);
        let stored = run(&[&["audit", "--store", &store], &rest[..]].concat());
        assert_eq!((direct.0, &direct.1), (stored.0, &stored.1), "{what}");
        assert_eq!(direct.0, 4, "{what}: {}", direct.2);
        let report: Value = serde_json::from_str(&direct.1).unwrap();
        assert_eq!(report["coverage"]["integrity"], integrity, "{what}");
        for role in report["roles"].as_array().unwrap() {
            let verdicts = &role["granted"]["verdicts"];
            let of = |word: &str| verdicts[word].as_u64().unwrap();
            assert_eq!((of("unused") > 0, of("undetermined") > 0), (proves, !proves), "{what}: {verdicts}");
            assert_eq!(role["integrity"], "failed", "{what}");
        }
        let findings = report["findings"].as_array().unwrap();
        assert!(findings.iter().all(|finding| finding["integrity"] == "failed"), "{what}");
        let unused =
            findings.iter().filter(|finding| finding["code"].as_str().unwrap().starts_with("unused"));
        assert_eq!(unused.count() > 0, proves, "{what}: {findings:#?}");
    }
}

#[test]
fn a_store_filled_in_pieces_grades_evidence_as_the_logs_do() {
    let folder = ground();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let cases: [(&str, &Harm, bool, &str); 6] = [
        ("whole", &|_| (), true, "verified"),
        ("copy", &|_| (), false, "verified"),
        (
            "missing",
            &|bucket| {
                let key = log(bucket, 2);
                bucket.remove(&key);
            },
            true,
            "failed",
        ),
        (
            "changed",
            &|bucket| {
                let key = log(bucket, 1);
                bucket.object(&key).text = record("2024-06-01T01:06:00Z", 9).into();
            },
            true,
            "failed",
        ),
        (
            "unlinked",
            &|bucket| {
                let key = bucket.digests()[3].clone();
                bucket.remove(&key);
            },
            true,
            "failed",
        ),
        (
            "broken",
            &|bucket| {
                let key = bucket.digests()[2].clone();
                bucket.object(&key).text = b"{\"digestEndTime\": 1}".to_vec();
            },
            true,
            "failed",
        ),
    ];
    for (name, harm, side_files, status) in cases {
        let mut bucket = busy();
        harm(&mut bucket);
        let (logs, store) = (at(name), at(&format!("{name}-store")));
        // Digests and the files they name come in different runs.
        for part in 0..3 {
            let some = bucket.objects.iter().enumerate().filter(|(n, _)| n * 7 % 3 == part);
            write_some(some.map(|(_, object)| object), Path::new(&logs), side_files);
            let keys = at("keys.json");
            let ingest = ["ingest", &logs, "--store", &store, "--commit-every", "2"];
            // The first run says that proof is to be kept; those after it go on with it.
            let (exit, _, error) = run(&if part == 0 {
                [&ingest[..], &["--public-keys", &keys]].concat()
            } else {
                ingest.to_vec()
            });
            assert!(exit == 0 || name == "broken", "{name}: {error}");
        }
        let (iam, keys) = (at("iam.json"), at("keys.json"));
        let windows: [&[&str]; 2] =
            [&[], &["--since", "2024-06-01T02:00:00Z", "--until", "2024-06-01T06:00:00Z"]];
        for compact in [false, true] {
            for (window, n) in windows.into_iter().zip(0..) {
                let rest = [&["--iam", &iam, "--format", "json", "--min-window", "0d"], window].concat();
                let direct = ["audit", logs.as_str(), "--public-keys", &keys];
                let (exit, expected, _) = run(&[&direct, rest.as_slice()].concat());
                let (own, found, error) = run(&[&["audit", "--store", &store], rest.as_slice()].concat());
                assert_eq!((own, &found), (exit, &expected), "{name} {window:?} {error}");
                let report: Value = serde_json::from_str(&found).unwrap();
                if n == 0 {
                    assert_eq!(report["coverage"]["integrity"]["status"], status, "{name}");
                    assert!(report["coverage"]["integrity"]["digests"].as_u64().unwrap() >= 5);
                }
            }
            if !compact {
                assert_eq!(run(&["ingest", "--store", &store, "--compact"]).0, 0);
            }
        }
    }
    // Of a store whose last run was cut short nothing is said: what it had not read would look missing.
    let manifest = Path::new(&at("whole-store")).join("store.json");
    let mut value: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    value["is_unfinished"] = json!(true);
    fs::write(&manifest, value.to_string()).unwrap();
    let store = at("whole-store");
    let (_, out, _) = run(&["audit", "--store", &store, "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    let integrity = &report["coverage"]["integrity"];
    assert_eq!(integrity["status"], "not-checked");
    assert!(integrity["notes"][0].as_str().unwrap().contains("cut short"), "{integrity}");
}

#[test]
fn proof_is_kept_when_asked_for_and_what_was_read_without_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("keys.json"), key_list()).unwrap();
    let (logs, store, keys) = (at("logs"), at("store"), at("keys.json"));
    let mut bucket = busy();
    write(&bucket, Path::new(&logs), true);
    let audit = |arguments: &[&str]| {
        let (exit, out, error) = run(&[&["audit"], arguments, &["--format", "json"]].concat());
        assert_eq!(exit, 0, "{error}");
        out
    };
    let status = |report: &str| {
        let report: Value = serde_json::from_str(report).unwrap();
        let integrity = &report["coverage"]["integrity"];
        (integrity["status"].as_str().unwrap().to_owned(), integrity["notes"].to_string())
    };
    // Nobody asks: nothing is hashed, and the report is the one without.
    let (exit, out, _) = run(&["ingest", &logs, "--store", &store]);
    assert_eq!(exit, 0);
    assert!(!Path::new(&store).join("segments/00000001/digests.parquet").exists(), "{out}");
    assert_eq!(audit(&["--store", &store]), audit(&[&logs]));
    let (word, notes) = status(&audit(&["--store", &store, "--public-keys", &keys]));
    assert_eq!(word, "not-checked");
    assert!(notes.contains("leastwise ingest --verify-logs"), "{notes}");
    // Somebody asks: six log files, six digest files and their side files are read again, and count once.
    let (exit, out, error) = run(&["ingest", &logs, "--store", &store, "--public-keys", &keys]);
    assert_eq!(exit, 0, "{error}");
    assert!(out.contains("18 new objects (0 read again)") && out.contains("18 were read again for"), "{out}");
    assert!(!error.contains("another content"), "{error}");
    let direct = audit(&[&logs, "--public-keys", &keys]);
    assert_eq!(status(&direct).0, "verified");
    assert_eq!(audit(&["--store", &store]), direct);
    // It stays so, without being asked for again.
    bucket.hour(&[&record("2024-06-01T06:05:00Z", 6)]);
    write(&bucket, Path::new(&logs), true);
    let newest = bucket.objects.len() - 2;
    write_some(&bucket.objects[newest..], Path::new(&logs), true);
    for store in [&store, &at("other")] {
        let first = if store.ends_with("other") { vec!["--public-keys", keys.as_str()] } else { Vec::new() };
        assert_eq!(run(&[&["ingest", &logs, "--store", store][..], &first].concat()).0, 0);
        let direct = audit(&[&logs, "--public-keys", &keys]);
        assert_eq!(status(&direct).0, "verified");
        assert_eq!(&audit(&["--store", store]), &direct);
        assert!(run(&["ingest", &logs, "--store", store]).1.starts_with("0 new objects"));
    }
    // Shards keep it too.
    let parts = [at("part-0"), at("part-1")];
    for (shard, part) in ["0/2", "1/2"].iter().zip(&parts) {
        let map = ["map", &logs, "--shard", shard, "--out", part, "--public-keys", &keys];
        assert_eq!(run(&map).0, 0);
    }
    let whole = at("whole");
    assert_eq!(run(&["reduce", &parts[0], &parts[1], "--store", &whole]).0, 0);
    assert_eq!(audit(&["--store", &whole]), audit(&[&logs, "--public-keys", &keys]));
    // Keys among the grants ask for it, as they do in an audit.
    fs::create_dir(at("iam")).unwrap();
    fs::write(at("iam/iam.json"), snapshot().to_string()).unwrap();
    fs::rename(&keys, at("iam/public-keys.json")).unwrap();
    let iam = at("iam");
    let stored = audit(&[&logs, "--store", &at("granted"), "--iam", &iam]);
    assert_eq!(stored, audit(&[&logs, "--iam", &iam]));
    assert_eq!(status(&stored).0, "verified");
}

#[test]
fn a_bucket_s_own_metadata_are_kept_in_the_store() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join(BUCKET)).unwrap();
    let server = Server::start(root.path(), |_| Fault::None);
    let aws = leastwise::aws::Aws::connect(&server.settings()).unwrap();
    let config = aws_sdk_s3::config::Builder::from(aws.config()).force_path_style(true).build();
    let client = aws_sdk_s3::Client::from_conf(config);
    for object in &busy().objects {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&object.text).unwrap();
        let mut put = client.put_object().bucket(BUCKET).key(&object.key).body(gzip.finish().unwrap().into());
        if let Some(signature) = &object.signature {
            put = put.metadata("signature", signature).metadata("signature-algorithm", "SHA256withRSA");
        }
        aws.run(put.send()).unwrap();
    }
    let keys = root.path().join("keys.json");
    fs::write(&keys, key_list()).unwrap();
    let source = format!("s3://{BUCKET}/");
    let store = format!("s3://{BUCKET}-kept/store");
    fs::create_dir(root.path().join(format!("{BUCKET}-kept"))).unwrap();
    let rest = ["--path-style", "--public-keys", keys.to_str().unwrap(), "--format", "json"];
    let direct = told(command(&server, &[&["audit", &source], rest.as_slice()].concat()));
    let stored = told(command(&server, &[&["audit", &source, "--store", &store], rest.as_slice()].concat()));
    assert_eq!((stored.0, &stored.1), (direct.0, &direct.1), "{}", stored.2);
    assert_eq!(
        told(command(&server, &["audit", "--store", &store, "--path-style", "--format", "json"])).1,
        direct.1
    );
    // Nobody who does not ask for it pays for digest files.
    server.gets.lock().unwrap().clear();
    let (exit, out, _) =
        told(command(&server, &["ingest", &source, "--store", &format!("{store}-2"), "--path-style"]));
    assert_eq!(exit, 0);
    assert!(out.starts_with("12 new objects"), "{out}");
    let asked = server.gets.lock().unwrap().clone();
    assert_eq!(asked.iter().filter(|path| path.contains("/CloudTrail/")).count(), 6, "{asked:?}");
    assert!(!asked.iter().any(|path| path.contains("CloudTrail-Digest")), "{asked:?}");
    let report: Value = serde_json::from_str(&direct.1).unwrap();
    let integrity = &report["coverage"]["integrity"];
    // All six: the newest, too, whose signature stands in the metadata only.
    assert_eq!(
        (&integrity["status"], &integrity["chains"][0]["digests_valid"]),
        (&json!("verified"), &json!(6))
    );
}

#[test]
fn live_keys_are_asked_for_where_and_when_the_digests_are() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(MockServer::start());
    let mut list: Value = serde_json::from_str(&key_list()).unwrap();
    list["PublicKeyList"][0]["ValidityEndTime"] = json!(1_900_000_000);
    let say = |answer: ResponseTemplate| {
        runtime.block_on(async {
            server.reset().await;
            let target = header("x-amz-target", "CloudTrail_20131101.ListPublicKeys");
            Mock::given(target).respond_with(answer).mount(&server).await;
        });
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    write(&busy(), &folder.path().join("logs"), true);
    let (logs, store) = (at("logs"), at("store"));
    let run = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_leastwise"))
            .args(arguments)
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "AKIATEST")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_ENDPOINT_URL", server.uri())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir("/")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
    };
    say(ResponseTemplate::new(200).set_body_json(&list));
    let (exit, out, error) = run(&["verify-logs", &logs, "--public-keys", "live"]);
    assert_eq!(exit, 0, "{out}{error}");
    assert!(out.contains("6/6 digest files valid"), "{out}");
    let asked = runtime.block_on(server.received_requests()).unwrap();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].headers["authorization"].to_str().unwrap().contains(&format!("/{REGION}/cloudtrail/")));
    let body: Value = serde_json::from_slice(&asked[0].body).unwrap();
    // Six hours from 2024-06-01, and two more on both sides.
    let (from, to) = (body["StartTime"].as_f64().unwrap(), body["EndTime"].as_f64().unwrap());
    assert_eq!((from as i64, to as i64), (1_717_200_000 - 7_200, 1_717_200_000 + 8 * 3_600));

    // Every night: the keys are asked for once, and the audit needs nothing more.
    let nightly = ["ingest", &logs, "--store", &store, "--verify-logs"];
    let asked = || runtime.block_on(server.received_requests()).unwrap().len();
    for expected in [2, 2] {
        let (exit, _, error) = run(&nightly);
        assert_eq!((exit, asked()), (0, expected), "{error}");
    }
    for source in [vec![logs.as_str(), "--public-keys", "live"], vec!["--store", &store]] {
        let arguments = [&["audit"], source.as_slice(), &["--format", "json"]].concat();
        let (exit, out, error) = run(&arguments);
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((exit, &report["coverage"]["integrity"]["status"]), (0, &json!("verified")), "{error}");
    }
    assert_eq!(asked(), 3);
    // Refused: nothing is called valid, and the reason is told.
    let denied = json!({"__type": "AccessDeniedException", "message": "not authorized to perform: cloudtrail:ListPublicKeys"});
    say(ResponseTemplate::new(400).set_body_json(denied));
    let (exit, out, error) = run(&["verify-logs", &logs, "--public-keys", "live"]);
    assert_eq!(exit, 4);
    assert!(out.ends_with("Result: not checked\n"), "{out}");
    assert!(
        error.contains("public keys are missing: cloudtrail ListPublicKeys on eu-west-1")
            && error.contains("policies"),
        "{error}"
    );
    let (_, out, _) = run(&["audit", &logs, "--public-keys", "live", "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["coverage"]["integrity"]["status"], "not-checked");
    assert!(report["coverage"]["grant_problems"].to_string().contains("ListPublicKeys"), "{report}");
    // Of a store, too; what could not be had is asked for by the next run that may.
    let late = at("late");
    let nightly = ["ingest", &logs, "--store", &late, "--verify-logs"];
    let (exit, _, error) = run(&nightly);
    assert_eq!(exit, 4);
    assert!(error.contains("public keys are missing") && error.contains("asks again"), "{error}");
    say(ResponseTemplate::new(200).set_body_json(&list));
    let status = || {
        let (_, out, _) = run(&["audit", "--store", &late, "--format", "json"]);
        let report: Value = serde_json::from_str(&out).unwrap();
        report["coverage"]["integrity"]["status"].clone()
    };
    assert_eq!(status(), "not-checked");
    let (exit, out, error) = run(&nightly);
    assert_eq!((exit, asked()), (0, 1), "{error}");
    assert!(out.starts_with("0 new objects"), "{out}");
    assert_eq!(status(), "verified");
}
