//! The bundle for auditors of a report whose logs lie in a bucket: listed as read, and checked against the bucket or a copy of it.

use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::program::{command, copy, sample, told};
use super::server::{Fault, Request, Server};
use crate::support::root;

/// Runs the program in `dir`.
fn run(server: &Server, dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = command(server, arguments);
    command.current_dir(dir);
    told(command)
}

/// What was granted, as options.
fn grants() -> [String; 4] {
    let path = |name: &str| root().join(name).to_string_lossy().into_owned();
    ["--iam".to_owned(), path("sample-logs/iam"), "--kubernetes".to_owned(), path("sample-logs/kubernetes")]
}

/// Every file below, as a key.
fn keys(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => waiting.push(path),
                false => found.push(path.strip_prefix(dir).unwrap().to_string_lossy().into_owned()),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_bundle_lists_what_was_read_of_a_bucket_and_is_checked_against_it_or_a_copy() {
    let dir = sample();
    let at = dir.path();
    let server = Server::start(at, |_: &Request| Fault::None);
    let grants = grants();
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    let with = |arguments: &[&str]| run(&server, at, &[arguments, &grants].concat());
    let (code, _, stderr) = with(&["audit", "s3://sample/AWSLogs", "--out", "report", "--quiet"]);
    assert_eq!(code, 4, "the sample is not complete: {stderr}");
    let (code, _, stderr) = with(&["evidence", "report", "--out", "bundle", "--logs", "s3://sample/AWSLogs"]);
    assert_eq!(code, 4, "{stderr}");

    // Bucket, key, ETag, size and hash of each object.
    let table = fs::read_to_string(at.join("bundle/input/objects.csv")).unwrap();
    assert!(table.starts_with("object,kind,bytes,sha256,bucket,key,etag\r\n"), "{table}");
    let logs: Vec<String> =
        keys(&at.join("sample")).into_iter().filter(|key| key.contains("/CloudTrail")).collect();
    let mut n_listed = 0;
    for line in table.lines().filter(|line| line.starts_with("s3://")) {
        let fields: Vec<&str> = line.splitn(7, ',').collect();
        let [object, kind, bytes, sha256, bucket, key, etag] = fields[..] else { panic!("{line}") };
        assert_eq!((object, kind, bucket), (format!("s3://sample/{key}").as_str(), "logs", "sample"));
        let raw = fs::read(at.join("sample").join(key)).unwrap();
        assert_eq!(bytes, raw.len().to_string());
        assert_eq!(sha256, Sha256::digest(&raw).iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        assert!(etag.len() > 8, "{line}");
        n_listed += 1;
    }
    assert!(n_listed > 40 && n_listed <= logs.len(), "{n_listed} of {}", logs.len());
    let events = fs::read_to_string(at.join("bundle/samples/events.csv")).unwrap();
    assert!(events.matches("s3://sample/AWSLogs").count() > 50, "{events}");

    // Against the bucket, and from the bucket again.
    let (code, stdout, stderr) =
        with(&["evidence", "verify", "bundle", "--logs", "s3://sample/AWSLogs", "--again"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("the audit was made again and gives the same report"), "{stdout}");

    // Against a copy, with nothing to reach.
    copy(&at.join("sample/AWSLogs"), &at.join("copied"));
    drop(server);
    let silent = Server::start(&at.join("copied"), |_: &Request| Fault::Cut);
    let check = |copied: &str| {
        let of = format!("s3://sample/AWSLogs={copied}");
        run(&silent, at, &[&["evidence", "verify", "bundle", "--logs-copy", &of], grants.as_slice()].concat())
    };
    let (code, stdout, stderr) = check("copied");
    assert_eq!(code, 0, "{stdout}{stderr}");
    let of = "s3://sample/AWSLogs=copied";
    let again = ["evidence", "verify", "bundle", "--again", "--logs-copy", of];
    let (code, stdout, stderr) = run(&silent, at, &[&again, grants.as_slice()].concat());
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("the audit was made again and gives the same report"), "{stdout}");
    let one = at.join("copied").join(logs[n_listed / 2].strip_prefix("AWSLogs/").unwrap());
    let kept = fs::read(&one).unwrap();
    let mut changed = kept.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&one, changed).unwrap();
    let said = "input/objects.csv: it does not follow from the report and the inputs";
    let (code, stdout, _) = check("copied");
    assert!(code == 10 && stdout.contains(said), "a changed byte: {stdout}");
    fs::remove_file(&one).unwrap();
    let (code, stdout, _) = check("copied");
    assert!(code == 10 && stdout.contains(said), "an object is missing: {stdout}");
    fs::write(&one, kept).unwrap();
    assert_eq!(check("copied").0, 0);
}

#[test]
fn a_bucket_that_changed_is_found_and_one_that_cannot_be_read_whole_gives_no_bundle() {
    let dir = sample();
    let at = dir.path();
    let server = Server::start(at, |request: &Request| {
        let is_gone = request.path.starts_with("locked") || request.is_get && request.path.contains("half/");
        if is_gone { Fault::Error(403, "AccessDenied", "Access Denied") } else { Fault::None }
    });
    copy(&at.join("sample/AWSLogs"), &at.join("half/AWSLogs"));
    copy(&at.join("sample/AWSLogs"), &at.join("locked/AWSLogs"));
    let grants = grants();
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    let with = |arguments: &[&str]| run(&server, at, &[arguments, &grants].concat());
    assert_eq!(with(&["audit", "s3://sample/AWSLogs", "--out", "report", "--quiet"]).0, 4);
    for bucket in ["s3://half/AWSLogs", "s3://locked/AWSLogs"] {
        let (code, stdout, stderr) = with(&["evidence", "report", "--out", "bundle", "--logs", bucket]);
        assert_eq!((code, stdout.as_str()), (1, ""), "{bucket}: {stderr}");
        assert!(stderr.contains("cannot read") && !at.join("bundle").exists(), "{bucket}: {stderr}");
    }
    assert_eq!(with(&["evidence", "report", "--out", "bundle", "--logs", "s3://sample/AWSLogs"]).0, 4);
    let (code, stdout, _) = with(&["evidence", "verify", "bundle", "--logs", "s3://sample/AWSLogs"]);
    assert_eq!(code, 0, "{stdout}");
    let one = keys(&at.join("sample")).into_iter().find(|key| key.contains("/CloudTrail/")).unwrap();
    let path = at.join("sample").join(one);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let (code, stdout, _) = with(&["evidence", "verify", "bundle", "--logs", "s3://sample/AWSLogs"]);
    assert_eq!(code, 10, "{stdout}");
    assert!(stdout.contains("input/objects.csv: it does not follow"), "{stdout}");
    let (code, _, stderr) = with(&["evidence", "verify", "bundle", "--logs-copy", "sample=copied"]);
    assert!(code == 2 && stderr.contains("s3://BUCKET/PREFIX=DIR"), "{stderr}");
}
