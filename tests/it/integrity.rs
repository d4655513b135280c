//! Digest chains: what CloudTrail wrote passes, and whatever was done to it is found and named.

mod end_to_end;
mod evidence;
mod signer;

use leastwise::integrity::{
    Asked, Digest, Found, FoundDigest, FoundFile, Kind, Metadata, Outcome, PublicKeys, Verdict, Verification,
    sha256, string_to_sign, verify,
};
use serde_json::Value;

use crate::support::corpus;
use signer::{ACCOUNT, Bucket, REGION, hex, key, keys, log_key};

/// What there is to say, without the places that repeat in every line.
fn said(found: &Found) -> Vec<String> {
    said_when(found, Asked::default())
}

fn said_when(found: &Found, asked: Asked) -> Vec<String> {
    let mut lines = shorten(&verify(found, Some(&keys()), asked));
    // The order of what was found does not matter.
    let mut turned = found.clone();
    turned.digests.reverse();
    turned.files.reverse();
    assert_eq!(shorten(&verify(&turned, Some(&keys()), asked)), lines);
    lines.retain(|line| !line.starts_with("note"));
    lines
}

fn shorten(verification: &Verification) -> Vec<String> {
    let short = |text: &str| {
        text.split_inclusive(['`', ' ', '/'])
            .filter(|part| part.matches('/').count() == 0 || part.len() < 3)
            .collect::<String>()
            .replace(&format!("{ACCOUNT}_CloudTrail"), "")
            .replace(&format!("_{REGION}"), "")
            .replace(".json.gz", "")
    };
    let entries = verification.entries.iter().map(|entry| short(&entry.to_string()));
    let holes = verification.holes.iter().map(ToString::to_string);
    let notes = verification.notes.iter().map(|note| format!("note: {note}"));
    entries.chain(holes).chain(notes).collect()
}

/// Six hours of one trail, with files in the second and the fifth.
fn six_hours() -> Bucket {
    let mut bucket = Bucket::new("t", "2024-06-01T00:00:00Z");
    bucket.hour(&[]);
    bucket.hour(&["{\"Records\":[1]}", "{\"Records\":[22]}"]);
    bucket.quiet(2);
    bucket.hour(&["{\"Records\":[333]}"]);
    bucket.hour(&[]);
    bucket
}

fn files(bucket: &Bucket) -> Vec<String> {
    let logs = bucket.objects.iter().filter(|object| !object.is_digest());
    logs.map(|object| object.key.clone()).collect()
}

#[test]
fn the_documented_text_is_signed() {
    let text = string_to_sign("a", "b", "c", &sha256(b"abc"), None);
    assert_eq!(text, "a\nb/c\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\nnull");
    let Some(corpus) = corpus() else { return };
    let cases = std::fs::read_to_string(corpus.join("digests/aws-cli-string-to-sign.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&cases).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let of = |name: &str| case[name].as_str();
        let hash = sha256(of("inflatedDigest").unwrap().as_bytes());
        let place = (of("digestS3Bucket").unwrap(), of("digestS3Object").unwrap());
        let end = of("digestEndTime").unwrap();
        assert_eq!(
            string_to_sign(end, place.0, place.1, &hash, of("previousDigestSignature")),
            of("expectedStringToSign").unwrap()
        );
    }
}

/// A key, digest and signature that were made and checked with other programs.
mod vector {
    pub(super) const KEY: &str = "MIIBCgKCAQEA+W0CK/vb7knSK9ZA3FGr00XK+6kVc1it1F0Eq2TdmhhixsOBv5vMDWoHkTxw/NQROoaGimGJXkpivUl1AwovQaiSAr52+0zzWZ8sqRY2KB6OORc12zSTI3CSHhis8/1fCaa1+nMGuhaI/lYmWAsZi35BAyeCQGyjkN1DytA5LVktorQUJfp8m786U8v0y8j2et0S+NkQ7y9znANOoupPH4GMVGmdF0rbxLit8d2ho4CHYCMOqcMXZV5A4oEqy7LubNOoAcb8OQB8aKGIrOxZqN9mAnv4xOSrvVNg8v+BCwQmGeco8KtvTrUttltIU9f6WJqb8QRhsres51oCzjnXewIDAQAB";
    pub(super) const FINGERPRINT: &str = "3f2fde745afd672ff8351cdd06a602c7";
    pub(super) const DIGEST: &str = r#"{"awsAccountId":"111122223333","digestStartTime":"2024-06-01T00:00:00Z","digestEndTime":"2024-06-01T01:00:00Z","digestS3Bucket":"b","digestS3Object":"AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2024/06/01/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20240601T010000Z.json.gz","digestPublicKeyFingerprint":"3f2fde745afd672ff8351cdd06a602c7","digestSignatureAlgorithm":"SHA256withRSA","newestEventTime":null,"oldestEventTime":null,"previousDigestS3Bucket":null,"previousDigestS3Object":null,"previousDigestHashValue":null,"previousDigestHashAlgorithm":null,"previousDigestSignature":null,"logFiles":[{"s3Bucket":"b","s3Object":"AWSLogs/111122223333/CloudTrail/us-east-1/2024/06/01/111122223333_CloudTrail_us-east-1_20240601T0005Z_AAAAAAAAAAAAAAAA.json.gz","hashValue":"26a792db36a3afba23b1dd277fcc9f15a7313c4a92e4e4cc0494846af345ecff","hashAlgorithm":"SHA-256","newestEventTime":null,"oldestEventTime":null}]}"#;
    pub(super) const SIGNATURE: &str = "557d69ffeb42d371fe8d1c00a96b016037069069f6d2d61366bec4a1aba689255edb7959de22e72b8078545937b23e3fb9cb7c09ad9daa245aded18bb112425ea5bd828670b9cd7ae551309599bd9c1ca4863690cb5e08c10a1d715b6cd31a38f76d5110bce9bf474be6640d070d8f2332a08e232d51d371ed1c9699193fdecca0cea000d7e8ac001b6dd1081aafaa55e73fd950c5b33be5ff60dcca4c5ffd1e9d77e37ddc29d09d1b90ad250695fc6b1bcfcb1b3f4ad1631a6c8d20c9360870fef3258b7e625f67039a5b4c9d80a0e98fe0f9cbce124f176f77038264bc5b02cfc516771b8ca8f237d1d571b551a0beab713cd991318a215fadf3a5290a6cc5";
}

#[test]
fn a_vector_made_elsewhere_passes_from_end_to_end() {
    let mut keys = PublicKeys::default();
    let list =
        serde_json::json!({"PublicKeyList": [{"Value": vector::KEY, "Fingerprint": vector::FINGERPRINT}]});
    keys.add_json(&list.to_string()).unwrap();
    let digest = Digest::parse(vector::DIGEST.as_bytes()).unwrap();
    let hash = sha256(vector::DIGEST.as_bytes());
    assert_eq!(hex(&hash), "9134730dbd8b0b476addaa270096ceaa7ba7013eeba8588ad02b9994134428f4");
    let text = digest.string_to_sign(&hash);
    assert_eq!(
        hex(&sha256(text.as_bytes())),
        "2a965ec4b661d37818d401c3c523db1186b1f46031f83559805074bb1610c249"
    );
    assert_eq!(keys.verify(vector::FINGERPRINT, &text, vector::SIGNATURE), Verdict::Valid);
    let name = format!("s3://b/{}", digest.object);
    let signature = Some(vector::SIGNATURE.to_owned());
    let metadata = Some(Metadata { signature, ..Metadata::default() });
    let file = digest.files[0].object.clone();
    let found = Found {
        digests: vec![FoundDigest { name, hash, content: Ok(digest), metadata }],
        files: vec![FoundFile { name: format!("s3://b/{file}"), hash: Ok(sha256(b"{\"Records\":[]}")) }],
    };
    let verification = verify(&found, Some(&keys), Asked::default());
    assert_eq!(verification.problems(), [""; 0]);
    assert_eq!(verification.outcome(), Outcome::Verified);
    let counts = verification.counts;
    assert_eq!((counts.digests_valid, counts.files_valid, counts.files_unverified), (1, 1, 0));
}

#[test]
fn keys_are_taken_in_both_forms_and_only_under_their_own_fingerprint() {
    let bare = key_der();
    // SubjectPublicKeyInfo: rsaEncryption, then the bare key as a bit string.
    let head = [
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
        0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
    ];
    let wrapped = [&head[..], &bare].concat();
    let twice = [&head[..], &wrapped].concat();
    for (der, expected) in [
        (bare.clone(), Verdict::Invalid),
        (wrapped, Verdict::Invalid),
        (twice, Verdict::UnusableKey),
        (bare[..200].to_vec(), Verdict::UnusableKey),
        (vec![], Verdict::UnusableKey),
        (vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff], Verdict::UnusableKey),
    ] {
        let mut keys = PublicKeys::default();
        let fingerprint = signer::fingerprint(&der);
        keys.add(&fingerprint, Some(der));
        assert_eq!(keys.verify(&fingerprint, "text", "00"), expected);
        assert_eq!(keys.verify("other", "text", "00"), Verdict::NoKey);
    }
    let mut keys = PublicKeys::default();
    keys.add("00112233445566778899aabbccddeeff", Some(bare));
    assert_eq!(keys.verify("00112233445566778899aabbccddeeff", "text", "00"), Verdict::UnusableKey);
    for text in ["", "[]", "{}", "{\"PublicKeyList\": [{}]}", "{\"PublicKeyList\": []} x"] {
        assert!(PublicKeys::default().add_json(text).is_err(), "{text}");
    }
}

fn key_der() -> Vec<u8> {
    key().public().as_ref().to_vec()
}

#[test]
fn what_cloudtrail_delivered_passes() {
    let bucket = six_hours();
    let verification = verify(&bucket.in_place(), Some(&keys()), Asked::default());
    assert_eq!(
        (verification.outcome(), verification.problems(), verification.entries.len()),
        (Outcome::Verified, vec![], 0)
    );
    let counts = verification.counts;
    assert_eq!((counts.digests, counts.digests_valid), (6, 6));
    assert_eq!((counts.files, counts.files_valid, counts.files_unverified), (3, 3, 0));
    let [chain] = &verification.chains[..] else { panic!("{:?}", verification.chains) };
    assert_eq!((chain.account.as_str(), chain.region.as_str(), chain.trail.as_str()), (ACCOUNT, REGION, "t"));
    assert_eq!(
        (chain.from.to_string(), chain.to.to_string()),
        ("2024-06-01T00:00:00Z".to_owned(), "2024-06-01T06:00:00Z".to_owned())
    );
}

#[test]
fn a_copy_without_metadata_passes_but_for_its_newest_digest() {
    let verification = verify(&six_hours().copied(), Some(&keys()), Asked::default());
    assert_eq!((verification.outcome(), verification.problems()), (Outcome::Verified, vec![]));
    assert_eq!((verification.counts.digests, verification.counts.digests_valid), (6, 5));
    assert_eq!(verification.notes.len(), 1, "{:?}", verification.notes);
    let [entry] = &verification.entries[..] else { panic!("{:?}", verification.entries) };
    assert_eq!(entry.status.as_str(), "unsigned");
}

#[test]
fn without_keys_hashes_are_compared_and_nothing_is_called_verified() {
    let mut bucket = six_hours();
    let verification = verify(&bucket.copied(), None, Asked::default());
    assert_eq!((verification.outcome(), verification.problems()), (Outcome::NotChecked, vec![]));
    assert_eq!(verification.counts.files_unverified, 3);
    let log = files(&bucket)[0].clone();
    bucket.object(&log).text.push(b' ');
    assert_eq!(verify(&bucket.copied(), None, Asked::default()).outcome(), Outcome::Failed);
    // A digest that was changed without its signature is found by the hash in the next one.
    let mut bucket = six_hours();
    let digest = bucket.digests()[1].clone();
    bucket.edit(&digest, |digest| digest["logFiles"] = Value::Array(vec![]), false);
    let problems = verify(&bucket.copied(), None, Asked::default()).problems();
    assert!(problems.iter().any(|problem| problem.contains("hash value doesn't match")), "{problems:?}");
}

#[test]
fn whatever_was_done_to_log_files_is_found() {
    let log = |bucket: &Bucket, at: usize| files(bucket)[at].clone();
    // Tampered.
    let mut bucket = six_hours();
    let key = log(&bucket, 1);
    bucket.object(&key).text = b"{\"Records\":[23]}".to_vec();
    let lines = said(&bucket.in_place());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("hash value doesn't match"), "{lines:?}");
    let hole = format!(
        "Account {ACCOUNT}, {REGION}, 2024-06-01T01:00:00Z to 2024-06-01T02:00:00Z: a log file of this time is missing or changed."
    );
    assert_eq!(lines[1], hole);
    // Missing.
    let mut bucket = six_hours();
    let key = log(&bucket, 1);
    let gone = bucket.remove(&key);
    let lines = said(&bucket.in_place());
    assert!(lines[0].ends_with("INVALID: not found"), "{lines:?}");
    assert_eq!(lines[1], hole);
    // Moved: missing where it was, and no file of its own where it is.
    let mut bucket = six_hours();
    bucket.object(&key).key = key.replace("/06/01/", "/06/02/");
    let lines = said(&bucket.in_place());
    assert!(lines.iter().any(|line| line.contains("not found (a copy of it lies at")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("a further copy (its content is that of")), "{lines:?}");
    // A further copy is told, and is no fault.
    let mut bucket = six_hours();
    bucket.objects.push(signer::Object { key: key.replace("AWSLogs/", "backup/AWSLogs/"), ..gone.clone() });
    let verification = verify(&bucket.in_place(), Some(&keys()), Asked::default());
    assert_eq!((verification.outcome(), verification.entries.len()), (Outcome::Verified, 1));
    assert_eq!(verification.counts.files_unverified, 1);
    // Injected, in an hour digests speak of.
    let injected = |minute: &str| {
        let mut bucket = six_hours();
        let key = log_key(REGION, minute.parse().unwrap(), "INJECTED00000000");
        bucket.objects.push(signer::Object { key, text: b"{\"Records\":[4]}".to_vec(), signature: None });
        bucket
    };
    for (minute, expected) in [
        ("2024-06-01T00:00:00Z", true),
        ("2024-06-01T03:59:00Z", true),
        ("2024-06-01T05:45:00Z", true),
        // It may be named by the next digest.
        ("2024-06-01T05:46:00Z", false),
        ("2024-06-01T09:00:00Z", false),
        ("2024-05-31T23:59:00Z", false),
    ] {
        let bucket = injected(minute);
        let lines = said(&bucket.in_place());
        assert_eq!(
            lines.iter().any(|line| line.contains("named by no digest")),
            expected,
            "{minute} {lines:?}"
        );
        let verification = verify(&bucket.copied(), Some(&keys()), Asked::default());
        assert_eq!(verification.outcome() == Outcome::Failed, expected, "{minute}");
        assert_eq!(verification.counts.files_unverified, 1, "{minute}");
    }
    // What could not be inflated.
    let bucket = six_hours();
    let mut found = bucket.in_place();
    found.files[0].hash = Err("truncated-gzip".to_owned());
    let lines = said(&found);
    assert!(lines[0].ends_with("INVALID: invalid format (truncated-gzip)"), "{lines:?}");
}

#[test]
fn whatever_was_done_to_digests_is_found() {
    type Change = fn(&mut Bucket, &[String]);
    let cases: [(&str, Change, &[&str]); 11] = [
        (
            "a log file is no longer named",
            |bucket, digests| {
                bucket.edit(&digests[1], |digest| digest["logFiles"] = Value::Array(vec![]), false)
            },
            &["signature verification failed", "the digest file of this time is not valid"],
        ),
        (
            "the newest is changed",
            |bucket, digests| bucket.edit(&digests[5], |digest| digest["x"] = 1.into(), false),
            &["signature verification failed", "2024-06-01T05:00:00Z to 2024-06-01T06:00:00Z"],
        ),
        (
            "one is missing",
            |bucket, digests| drop(bucket.remove(&digests[2])),
            &["INVALID: not found", "2024-06-01T02:00:00Z to 2024-06-01T03:00:00Z: no readable digest file"],
        ),
        (
            "two changed places",
            |bucket, digests| {
                bucket.object(&digests[2]).key = "x".to_owned();
                bucket.object(&digests[3]).key.clone_from(&digests[2]);
                bucket.object("x").key.clone_from(&digests[3]);
            },
            &["has been moved from its original location", "2024-06-01T02:00:00Z to 2024-06-01T04:00:00Z"],
        ),
        (
            "it is no digest any more",
            |bucket, digests| bucket.object(&digests[2]).text = b"{}".to_vec(),
            &["INVALID: invalid format", "2024-06-01T02:00:00Z to 2024-06-01T03:00:00Z"],
        ),
        (
            "signed with a key nobody knows",
            |bucket, digests| {
                bucket.edit(&digests[2], |digest| digest["digestPublicKeyFingerprint"] = "abc".into(), true);
            },
            &["public key not found in region eu-west-1 for fingerprint abc"],
        ),
        (
            "by another algorithm",
            |bucket, digests| {
                bucket.edit(&digests[2], |digest| digest["digestSignatureAlgorithm"] = "none".into(), true);
            },
            &["invalid format", "signed by an unknown algorithm, `none`"],
        ),
        // With the private key in hand signatures agree; the texts still contradict each other.
        (
            "another digest in the place of one",
            |bucket, digests| bucket.edit(&digests[2], |digest| digest["x"] = 1.into(), true),
            &["`previousDigestHashValue` is not the hash", "`previousDigestSignature` is not the signature"],
        ),
        (
            "the chain passes one by",
            |bucket, digests| {
                let one = bucket.object(&digests[1]).clone();
                let text: Value = serde_json::from_slice(&one.text).unwrap();
                let hash = hex(&sha256(&one.text));
                let signature = one.signature.unwrap();
                bucket.edit(
                    &digests[3],
                    |digest| {
                        digest["previousDigestS3Object"] = text["digestS3Object"].clone();
                        digest["previousDigestHashValue"] = hash.into();
                        digest["previousDigestSignature"] = signature.into();
                    },
                    true,
                );
            },
            &["no later digest names it"],
        ),
        (
            "it names one that is newer",
            |bucket, digests| {
                let newer = digests[4].clone();
                bucket.edit(&digests[2], |digest| digest["previousDigestS3Object"] = newer.into(), true);
            },
            &["it names a digest before it that is not older"],
        ),
        (
            "the metadata's signature is another's",
            |bucket, digests| {
                let other = bucket.object(&digests[1]).signature.clone();
                bucket.object(&digests[2]).signature = other;
            },
            &["signature verification failed"],
        ),
    ];
    for (what, change, expected) in cases {
        let mut bucket = six_hours();
        let digests = bucket.digests();
        change(&mut bucket, &digests);
        let lines = said(&bucket.in_place()).join("\n");
        for expected in expected {
            assert!(lines.contains(expected), "{what}: no `{expected}` in\n{lines}");
        }
    }
}

#[test]
fn a_copy_hides_only_what_the_metadata_alone_would_show() {
    let judged = |change: &dyn Fn(&mut Bucket, &[String])| {
        let mut bucket = six_hours();
        let digests = bucket.digests();
        change(&mut bucket, &digests);
        said(&bucket.copied()).join("\n")
    };
    let none = judged(&|_, _| ());
    assert!(none.ends_with("not checked: its signature is not here"), "{none}");
    let changed = judged(&|bucket, digests| bucket.edit(&digests[2], |digest| digest["x"] = 1.into(), false));
    assert!(changed.contains("signature verification failed (its hash is not the one in"), "{changed}");
    // A later digest that is not valid proves nothing about the one before, and hides nothing either.
    let both = judged(&|bucket, digests| {
        bucket.edit(&digests[3], |digest| digest["previousDigestSignature"] = "00".into(), false);
    });
    assert!(both.contains("the only signature of it stands in a digest that is not valid"), "{both}");
    let missing = judged(&|bucket, digests| drop(bucket.remove(&digests[3])));
    assert!(missing.contains("INVALID: not found"), "{missing}");
    assert!(missing.matches("its signature is not here").count() == 2, "{missing}");
}

#[test]
fn a_window_tells_what_is_missing_at_its_ends() {
    let mut bucket = six_hours();
    let digests = bucket.digests();
    let asked = |since: &str, until: &str| Asked { since: since.parse().ok(), until: until.parse().ok() };
    // The chain starts inside: nothing says that anything is missing.
    assert_eq!(said_when(&bucket.in_place(), asked("2024-05-31", "2024-06-01T06:00:00Z")), [""; 0]);
    // The newest digest may be on its way.
    assert_eq!(said_when(&bucket.in_place(), asked("2024-06-01", "2024-06-01T08:00:00Z")), [""; 0]);
    let lines = said_when(&bucket.in_place(), asked("2024-06-01", "2024-06-01T09:00:00Z"));
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].contains("T06:00:00Z to 2024-06-01T09:00:00Z: the chain of digest files ends before"),
        "{lines:?}"
    );
    // The oldest names one before it: missing when the window reaches there, and only told when nobody asked.
    drop(bucket.remove(&digests[0]));
    assert_eq!(said(&bucket.in_place()), [""; 0]);
    assert_eq!(said_when(&bucket.in_place(), asked("2024-06-01T01:00:00Z", "2024-06-01T06:00:00Z")), [""; 0]);
    let lines = said_when(&bucket.in_place(), asked("2024-06-01T00:30:00Z", "2024-06-01T06:00:00Z"));
    assert!(lines[0].contains("INVALID: not found"), "{lines:?}");
    assert!(
        lines[1].contains("00:30:00Z to 2024-06-01T01:00:00Z: the digest files of this time are missing"),
        "{lines:?}"
    );
    // Files that belong to hours nobody asked for are not looked for.
    let key = files(&bucket)[2].clone();
    drop(bucket.remove(&key));
    assert_eq!(said_when(&bucket.in_place(), asked("2024-06-01T01:00:00Z", "2024-06-01T04:00:00Z")), [""; 0]);
}

#[test]
fn validation_that_was_off_leaves_a_hole_and_nothing_else() {
    let mut bucket = Bucket::new("t", "2024-06-01T00:00:00Z");
    bucket.hour(&["{\"Records\":[1]}"]);
    bucket.off(7_200);
    bucket.hour(&["{\"Records\":[22]}"]);
    bucket.hour(&[]);
    let lines = said(&bucket.in_place());
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("T01:00:00Z to 2024-06-01T03:00:00Z: log file validation was off"),
        "{lines:?}"
    );
}

#[test]
fn trails_regions_and_backfilled_digests_have_chains_of_their_own() {
    let mut all = six_hours();
    let mut second = Bucket::new("shadow", "2024-06-01T00:00:00Z");
    second.quiet(2);
    second.hour(&["{\"Records\":[4444]}"]);
    second.quiet(3);
    let mut third = Bucket::elsewhere("t", "us-east-1", "2024-06-01T00:30:00Z");
    third.quiet(6);
    all.objects.extend(second.objects.iter().chain(&third.objects).cloned());
    let verification = verify(&all.in_place(), Some(&keys()), Asked::default());
    assert_eq!((verification.problems(), verification.chains.len()), (vec![], 3));
    assert_eq!((verification.counts.digests_valid, verification.counts.files_valid), (18, 4));
    // A file of the shadow trail is no injected file; without the trail's digests it looks like one.
    all.objects.retain(|object| !object.key.contains("_shadow_"));
    let problems = verify(&all.in_place(), Some(&keys()), Asked::default()).problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("named by no digest"), "{problems:?}");

    // A digest that is missing, and was made later.
    let mut bucket = six_hours();
    let digests = bucket.digests();
    drop(bucket.remove(&digests[2]));
    let mut backfill = Bucket::new("t", "2024-06-01T02:00:00Z");
    backfill.hour_with(&[], "_backfill");
    bucket.objects.extend(backfill.objects);
    let verification = verify(&bucket.in_place(), Some(&keys()), Asked::default());
    assert_eq!(verification.holes, []);
    assert_eq!((verification.counts.backfill, verification.counts.backfill_valid), (1, 1));
    assert_eq!(verification.problems().len(), 1, "the regular digest is missing all the same");
    assert!(verification.entries.iter().all(|entry| entry.kind == Kind::Digest));
    let mut found = bucket.in_place();
    for digest in &mut found.digests {
        let metadata = digest.metadata.as_mut().unwrap();
        metadata.backfill_generated = None;
    }
    let problems = verify(&found, Some(&keys()), Asked::default()).problems();
    assert!(problems.iter().any(|problem| problem.starts_with("(backfill) digest file")), "{problems:?}");
}

#[test]
fn published_digests_are_read_and_those_that_start_a_chain_say_so() {
    let Some(corpus) = corpus() else { return };
    let mut n = 0;
    for (file, n_files, has_previous) in [
        ("aws-docs-1.json", 1, true),
        ("aws-docs-2.json", 0, true),
        ("elastic-integrations-cloudtrail-digest.json", 3, true),
        ("otel-contrib-cloudtrail-digest.json", 1, true),
        ("panther-4.json", 1, true),
        ("panther-5.json", 0, false),
    ] {
        let text = std::fs::read(corpus.join("digests").join(file)).unwrap();
        let digest = Digest::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!((digest.files.len(), digest.previous.is_some()), (n_files, has_previous), "{file}");
        let name = format!("s3://{}/{}", digest.bucket, digest.object);
        let found = Found {
            digests: vec![FoundDigest { name, hash: sha256(&text), content: Ok(digest), metadata: None }],
            files: vec![],
        };
        let verification = verify(&found, Some(&keys()), Asked::default());
        // Its files are not here, and the first digest of a copy has no signature.
        assert_eq!(verification.counts.files as usize, n_files, "{file}");
        assert_eq!(verification.outcome() == Outcome::Failed, n_files > 0, "{file}");
        assert_eq!(
            verification.notes.iter().any(|note| note.contains("goes on before")),
            has_previous,
            "{file}"
        );
        n += 1;
    }
    assert_eq!(n, 6);
    let text = std::fs::read(corpus.join("digests/aws-docs-3.json")).unwrap();
    assert!(Digest::parse(&text).is_err(), "a sign file of query results is no digest");
    let mut keys = PublicKeys::default();
    keys.add_json(&std::fs::read_to_string(corpus.join("digests/aws-cli-list-public-keys.json")).unwrap())
        .unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys.verify("7f3f401420072e50a65a141430817ab3", "text", "00"), Verdict::Invalid);
}

#[test]
fn metadata_come_from_s3_or_from_a_side_file() {
    let expected = Metadata {
        signature: Some("ab".to_owned()),
        algorithm: Some("SHA256withRSA".to_owned()),
        backfill_generated: None,
    };
    let pairs = [("Signature", "ab"), ("x-amz-meta-signature-algorithm", "SHA256withRSA"), ("other", "x")];
    assert_eq!(Metadata::from_pairs(pairs), expected);
    for text in [
        r#"{"ContentLength": 3, "Metadata": {"signature": "ab", "signature-algorithm": "SHA256withRSA"}}"#,
        r#"{"x-amz-meta-signature": "ab", "x-amz-meta-signature-algorithm": "SHA256withRSA"}"#,
    ] {
        assert_eq!(Metadata::from_side_file(text.as_bytes()), Some(expected.clone()));
    }
    for text in ["", "[]", "{}", r#"{"Metadata": {"other": "x"}}"#] {
        assert_eq!(Metadata::from_side_file(text.as_bytes()), None, "{text}");
    }
}
