//! From a folder of log and digest files to exit statuses and verdicts.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::signer::{ACCOUNT, Bucket, REGION, key_list};

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

/// Six hours with a call in each.
fn busy() -> Bucket {
    let mut bucket = Bucket::new("t", "2024-06-01T00:00:00Z");
    for hour in 0..6 {
        bucket.hour(&[&record(&format!("2024-06-01T{hour:02}:05:00Z"), hour)]);
    }
    bucket
}

/// Writes a bucket as `aws s3 sync` would, gzipped; side files hold the metadata of digests on demand.
fn write(bucket: &Bucket, folder: &Path, side_files: bool) {
    for object in &bucket.objects {
        let path = folder.join(&object.key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&object.text).unwrap();
        fs::write(&path, gzip.finish().unwrap()).unwrap();
        if let Some(signature) = object.signature.as_ref().filter(|_| side_files) {
            let head = json!({"Metadata": {"signature": signature, "signature-algorithm": "SHA256withRSA"}});
            fs::write(folder.join(format!("{}.metadata.json", object.key)), head.to_string()).unwrap();
        }
    }
}

/// Runs the program; gives its exit status, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
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
fn snapshot() -> Value {
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
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("iam.json"), snapshot().to_string()).unwrap();
    fs::write(at("keys.json"), key_list()).unwrap();
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
