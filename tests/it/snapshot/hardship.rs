//! What goes wrong between here and AWS.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::server::{Answer, Request, Server};
use super::{KEYS, files, leastwise, parsed, snapshot};

const OWN: &str = "111122223333";

fn identity() -> Answer {
    Answer::xml(format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{OWN}:user/reader</Arn><UserId>AIDA</UserId><Account>{OWN}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    ))
}

fn details(account: &str, roles: &[&str], marker: Option<&str>) -> Answer {
    let role = |name: &&str| {
        // AWS encodes all documents.
        let trust = super::server::encoded(r#"{"Version":"2012-10-17","Statement":[]}"#);
        format!(
            "<member><Path>/</Path><RoleName>{name}</RoleName><RoleId>AROA{name}</RoleId><Arn>arn:aws:iam::{account}:role/{name}</Arn><CreateDate>2025-01-01T00:00:00Z</CreateDate><AssumeRolePolicyDocument>{trust}</AssumeRolePolicyDocument></member>"
        )
    };
    let roles: String = roles.iter().map(role).collect();
    let more = match marker {
        Some(marker) => format!("<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>"),
        None => "<IsTruncated>false</IsTruncated>".to_owned(),
    };
    Answer::xml(format!(
        "<GetAccountAuthorizationDetailsResponse><GetAccountAuthorizationDetailsResult>{more}<RoleDetailList>{roles}</RoleDetailList></GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>"
    ))
}

/// What an empty account answers.
fn nothing(request: &Request) -> Option<Answer> {
    let operation = request.operation.as_str();
    Some(match operation {
        "GetCallerIdentity" => identity(),
        "ListInstanceProfiles" => Answer::xml(
            "<ListInstanceProfilesResponse><ListInstanceProfilesResult><IsTruncated>false</IsTruncated><InstanceProfiles/></ListInstanceProfilesResult></ListInstanceProfilesResponse>",
        ),
        "ListOpenIDConnectProviders" | "ListSAMLProviders" => {
            Answer::xml(format!("<{operation}Response><{operation}Result/></{operation}Response>"))
        }
        _ => return None,
    })
}

/// Runs `snapshot --only iam` against a server that answers the one big question by page, and the rest as an empty account.
fn pages(
    answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
) -> (tempfile::TempDir, i32, String, usize) {
    static NONE: AtomicUsize = AtomicUsize::new(0);
    let _ = &NONE;
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let server = Server::new(None, move |request| {
        if request.operation == "GetAccountAuthorizationDetails" {
            return Some(answer(request, count.fetch_add(1, Ordering::SeqCst)));
        }
        nothing(request)
    });
    let dir = tempfile::tempdir().unwrap();
    let (exit, stderr) = snapshot(dir.path(), &server, &["--out", "snap", "--only", "iam"]);
    let n = asked.load(Ordering::SeqCst);
    (dir, exit, stderr, n)
}

fn page_of(request: &Request) -> Answer {
    match request.form.get("Marker").map(String::as_str) {
        None => details(OWN, &["b"], Some("two")),
        Some("two") => details(OWN, &["c"], Some("three")),
        Some(_) => details(OWN, &["a"], None),
    }
}

#[test]
fn pages_come_together_sorted_through_throttling_and_cut_connections() {
    let (dir, exit, stderr, n) = pages(|request, n| match n {
        1 => Answer::Error(400, "Throttling", "Rate exceeded".to_owned()),
        3 => Answer::Cut,
        4 => Answer::Error(503, "ServiceUnavailable", "later".to_owned()),
        _ => page_of(request),
    });
    assert_eq!(exit, 0, "{stderr}");
    assert_eq!(n, 6, "three pages and three tries more");
    let found = parsed(&files(&dir.path().join("snap"))[&format!("{OWN}/authorization-details.json")]);
    let names: Vec<&str> = found["RoleDetailList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["RoleName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(
        found["RoleDetailList"][0]["AssumeRolePolicyDocument"],
        json!({"Version": "2012-10-17", "Statement": []})
    );
}

#[test]
fn a_page_that_fails_halfway_leaves_no_half_account() {
    let (dir, exit, stderr, _) = pages(|request, n| match n {
        2 => Answer::Error(400, "ValidationError", "the marker is not valid".to_owned()),
        _ => page_of(request),
    });
    assert_eq!(exit, 4, "{stderr}");
    let found = files(&dir.path().join("snap"));
    assert!(!found.contains_key(&format!("{OWN}/authorization-details.json")), "{:?}", found.keys());
    assert!(found.contains_key(&format!("{OWN}/instance-profiles.json")), "the rest is there");
    let failures = parsed(&found["failures.json"]);
    assert_eq!(
        failures["leastwiseFailures"][0]["what"],
        format!("iam GetAccountAuthorizationDetails on page 3 of account {OWN}")
    );
    assert!(failures["leastwiseFailures"][0]["error"].as_str().unwrap().contains("the marker is not valid"));
    assert!(stderr.contains("not read: iam GetAccountAuthorizationDetails on page 3"), "{stderr}");
    // An audit of the folder says so too.
    fs::write(dir.path().join("log.json"), crate::inventory::logs()).unwrap();
    let (exit, _, stderr) = leastwise(dir.path(), &["audit", "log.json", "--iam", "snap"], &[]);
    assert_eq!(exit, 4, "{stderr}");
}

#[test]
fn without_credentials_or_with_wrong_ones_it_says_what_to_do() {
    let server = Server::new(None, |request| {
        Some(Answer::Error(
            403,
            "InvalidClientTokenId",
            format!("The security token included in the request is invalid: {}", request.operation),
        ))
    });
    let dir = tempfile::tempdir().unwrap();
    let args = ["snapshot", "--out", "snap", "--endpoint-url", &server.url, "--region", "eu-west-1"];
    for (environment, said) in [(&[][..], "AWS_PROFILE"), (KEYS, "expired or not valid")] {
        let (exit, stdout, stderr) = leastwise(dir.path(), &args, environment);
        assert_eq!((exit, stdout.as_str()), (1, ""), "{stderr}");
        assert!(
            stderr.contains("error: sts GetCallerIdentity")
                && stderr.contains("hint:")
                && stderr.contains(said),
            "{stderr}"
        );
    }
    assert!(!dir.path().join("snap").exists(), "nothing is written");
}

#[test]
fn wrong_usage_is_told_before_anything_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("full")).unwrap();
    fs::write(dir.path().join("full/mine.txt"), "x").unwrap();
    for (args, said) in [
        (&["snapshot"][..], "--out"),
        (&["snapshot", "--dry-run", "--account", "12"], "`12` is no account id"),
        (&["snapshot", "--dry-run", "--member-external-id", "x"], "--member-role"),
        (&["snapshot", "--dry-run", "--member-role", "arn:aws:iam::1:role/x"], "is no name of a role"),
        (&["snapshot", "--dry-run", "--only", "iam", "--skip", "iam"], "no part left"),
        (&["snapshot", "--dry-run", "--only", "everything"], "invalid value"),
        (&["permissions", "--for", "everything"], "invalid value"),
    ] {
        let (exit, stdout, stderr) = leastwise(dir.path(), args, &[]);
        assert_eq!((exit, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
    let server = Server::new(None, |request| match request.operation.as_str() {
        "GetAccountAuthorizationDetails" => Some(details(OWN, &[], None)),
        _ => nothing(request),
    });
    let (exit, stderr) = snapshot(dir.path(), &server, &["--out", "full", "--only", "iam"]);
    assert_eq!(exit, 1, "{stderr}");
    assert!(stderr.contains("`full` is not empty and no snapshot"), "{stderr}");
    assert_eq!(files(&dir.path().join("full")).len(), 1, "the folder is as it was");
}

#[test]
fn member_accounts_are_read_with_their_external_id_and_one_that_refuses_is_named() {
    let keys: &'static Mutex<Vec<String>> = Box::leak(Box::default());
    let server = Server::new(None, move |request| match request.operation.as_str() {
        "AssumeRole" if request.form["RoleArn"] == "arn:aws:iam::222233334444:role/audit/reader" => {
            assert_eq!(request.form["ExternalId"], "x-1");
            Some(Answer::xml(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAMEMBER</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::222233334444:assumed-role/reader/x</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>",
            ))
        }
        "AssumeRole" => {
            Some(Answer::Error(403, "AccessDenied", "not authorized to perform: sts:AssumeRole".to_owned()))
        }
        "GetAccountAuthorizationDetails" => {
            keys.lock().unwrap().push(request.access_key.clone());
            let account = if request.access_key == "ASIAMEMBER" { "222233334444" } else { OWN };
            Some(details(account, &["r"], None))
        }
        _ => nothing(request),
    });
    let dir = tempfile::tempdir().unwrap();
    let accounts = format!("{OWN},222233334444,333344445555");
    let (exit, stderr) = snapshot(
        dir.path(),
        &server,
        &[
            "--out",
            "snap",
            "--only",
            "iam",
            "--account",
            &accounts,
            "--member-role",
            "audit/reader",
            "--member-external-id",
            "x-1",
        ],
    );
    assert_eq!(exit, 4, "{stderr}");
    let found = files(&dir.path().join("snap"));
    for account in [OWN, "222233334444"] {
        let text = &found[&format!("{account}/authorization-details.json")];
        assert!(text.contains(&format!("arn:aws:iam::{account}:role/r")), "{text}");
    }
    let mut keys = keys.lock().unwrap().clone();
    keys.sort();
    assert_eq!(keys, ["AKIATEST", "ASIAMEMBER"]);
    let failures = parsed(&found["failures.json"]);
    assert_eq!(failures["leastwiseFailures"].as_array().unwrap().len(), 1);
    assert!(
        failures["leastwiseFailures"][0]["what"]
            .as_str()
            .unwrap()
            .starts_with("account 333344445555: sts AssumeRole")
    );
    assert_eq!(parsed(&found["snapshot.json"])["accounts"], json!([OWN, "222233334444", "333344445555"]));
}

#[test]
fn another_account_without_a_role_to_take_on_is_named() {
    let server = Server::new(None, |request| match request.operation.as_str() {
        "GetAccountAuthorizationDetails" => Some(details(OWN, &["r"], None)),
        _ => nothing(request),
    });
    let dir = tempfile::tempdir().unwrap();
    let accounts = format!("222233334444,{OWN}");
    let (exit, stderr) =
        snapshot(dir.path(), &server, &["--out", "snap", "--only", "iam", "--account", &accounts]);
    assert_eq!(exit, 4, "{stderr}");
    assert!(
        stderr.contains("not read: account 222233334444") && stderr.contains("--member-role"),
        "{stderr}"
    );
    assert!(files(&dir.path().join("snap")).contains_key(&format!("{OWN}/authorization-details.json")));
    // Whose accounts are not known cannot be read at all.
    let (exit, stderr) =
        snapshot(dir.path(), &server, &["--out", "none", "--only", "iam", "--member-role", "reader"]);
    assert_eq!(exit, 2, "{stderr}");
    assert!(stderr.contains("the organization was not read") && stderr.contains("--account"), "{stderr}");
}
