//! Removal in stages from end to end: a trial planned, under way, complete, denying something, and taken back.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";
const ARN: &str = "arn:aws:iam::111122223333:role/app";

fn run(dir: &tempfile::TempDir, arguments: &[&str]) -> (i32, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .args(arguments)
        .current_dir(dir.path())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

/// One event of the role's session in June 2024.
fn event(day: u32, hour: u32, name: &str, more: &Value) -> Value {
    let mut event = json!({
        "eventVersion": "1.08", "eventID": format!("{day:08}-{hour:04}-0000-0000-{:012}", name.len()),
        "eventTime": format!("2024-06-{day:02}T{hour:02}:10:00Z"),
        "eventSource": "ec2.amazonaws.com", "eventName": name, "awsRegion": "eu-west-1",
        "eventType": "AwsApiCall", "eventCategory": "Management", "managementEvent": true, "readOnly": true,
        "recipientAccountId": ACCOUNT, "sourceIPAddress": "10.0.0.1", "userAgent": "test",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:one", "accountId": ACCOUNT,
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/one"), "accessKeyId": "ASIAEXAMPLE000000000",
            "sessionContext": {"sessionIssuer": {
                "type": "Role", "principalId": "AROAEXAMPLE", "arn": ARN, "userName": "app", "accountId": ACCOUNT,
            }},
        },
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

/// Two reads and a write on each day.
fn days(last: u32) -> Vec<Value> {
    let write = json!({"readOnly": false, "requestParameters": {"tagSet": {}}});
    let reads =
        (1..=last).flat_map(|day| [1, 23].map(|hour| event(day, hour, "DescribeInstances", &json!({}))));
    reads.chain((1..=last).map(|day| event(day, 11, "CreateTags", &write))).collect()
}

/// An administrator puts the trial on, at noon of the eighth.
fn put() -> Value {
    event(
        8,
        12,
        "PutRolePolicy",
        &json!({
            "eventSource": "iam.amazonaws.com", "awsRegion": "us-east-1", "readOnly": false,
            "requestParameters": {"roleName": "app", "policyName": "leastwise-trial", "policyDocument": "{}"},
            "userIdentity": {"type": "IAMUser", "accountId": ACCOUNT, "principalId": "AIDAEXAMPLE", "userName": "admin",
                "arn": format!("arn:aws:iam::{ACCOUNT}:user/admin"), "accessKeyId": "AKIAEXAMPLE000000000"},
        }),
    )
}

/// The role is refused a VPC, by this kind of policy.
fn refused(day: u32, by: &str) -> Value {
    event(
        day,
        12,
        "CreateVpc",
        &json!({
            "readOnly": false, "errorCode": "Client.UnauthorizedOperation",
            "errorMessage": format!(
                "You are not authorized to perform this operation. User: arn:aws:sts::{ACCOUNT}:assumed-role/app/one is not authorized to \
                 perform: ec2:CreateVpc on resource: arn:aws:ec2:eu-west-1:{ACCOUNT}:vpc/* with an explicit deny in {by}"
            ),
        }),
    )
}

/// A folder with these events, and the role with its policy and these further ones.
fn folder(events: &[Value], more: &[(&str, Value)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for sub in ["logs", "iam"] {
        fs::create_dir(folder.path().join(sub)).unwrap();
    }
    let mut policies =
        vec![json!({"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Resource": "*",
            "Action": ["ec2:DescribeInstances", "ec2:DescribeVpcs", "ec2:CreateVpc", "ec2:CreateTags"],
        }]}})];
    policies
        .extend(more.iter().map(|(name, document)| json!({"PolicyName": name, "PolicyDocument": document})));
    let snapshot = json!({"UserDetailList": [], "GroupDetailList": [], "Policies": [], "RoleDetailList": [{
        "Arn": ARN, "RoleName": "app", "Path": "/", "RoleId": "AROAEXAMPLE", "CreateDate": "2020-01-01T00:00:00Z",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole",
        }]},
        "RolePolicyList": policies,
    }]});
    fs::write(folder.path().join("logs/a.json"), json!({"Records": events}).to_string()).unwrap();
    fs::write(folder.path().join("iam/iam.json"), snapshot.to_string()).unwrap();
    folder
}

/// What `rightsize` says of the role.
fn proposed(dir: &tempfile::TempDir) -> Value {
    let arguments =
        ["rightsize", "app", "--source", "logs", "--iam", "iam", "--watch", "3d", "--format", "json"];
    let (exit, stdout, stderr) = run(dir, &arguments);
    assert_eq!(exit, 0, "{stderr}");
    let mut value: Value = serde_json::from_str(&stdout).unwrap();
    value["roles"][0].take()
}

/// The trial that is planned after two weeks without one.
fn trial() -> Value {
    let role = proposed(&folder(&days(14), &[]));
    assert_eq!(role["proposal"]["verdict"], "replace", "{role:#}");
    let trial = &role["stage"]["trial"];
    assert_eq!(
        (&trial["kind"], &trial["policy"]["name"]),
        (&json!("deny"), &json!("leastwise-trial")),
        "{role:#}"
    );
    assert_eq!(trial["proof"]["no_new_access"], "proven");
    assert_eq!(role["stage"]["watch_days"], 3);
    let document = trial["policy"]["document"].clone();
    let text = document.to_string();
    assert!(text.contains("LeastwiseTrial3d1"), "{document:#}");
    document
}

#[test]
fn a_trial_under_way_is_recognised_and_judged() {
    let document = trial();
    let tried = |events: &[Value]| proposed(&folder(events, &[("leastwise-trial", document.clone())]));
    let began = [put()];
    let before = proposed(&folder(&days(14), &[]))["proposal"]["policies"].clone();
    type Case<'c> = (&'c str, Vec<Value>, &'c str, u64, &'c [&'c str]);
    let cases: [Case<'_>; 6] = [
        ("under way", [&days(10)[..], &began].concat(), "continue", 2, &[]),
        ("complete", [&days(14)[..], &began].concat(), "remove", 6, &[]),
        (
            "denied",
            [&days(14)[..], &began, &[refused(9, "an identity-based policy")]].concat(),
            "roll-back",
            6,
            &["ec2:CreateVpc"],
        ),
        (
            "refused by another",
            [&days(14)[..], &began, &[refused(9, "a service control policy")]].concat(),
            "remove",
            6,
            &[],
        ),
        (
            "refused before",
            [&days(14)[..], &began, &[refused(7, "an identity-based policy")]].concat(),
            "remove",
            6,
            &[],
        ),
        ("begun nobody knows when", days(14), "continue", 0, &[]),
    ];
    for (what, events, verdict, n, denied) in cases {
        let role = tried(&events);
        let running = &role["stage"]["running"];
        assert_eq!(running["verdict"], verdict, "{what}: {running:#}");
        assert_eq!(running["days"], n, "{what}: {running:#}");
        assert_eq!(running["watch_days"], 3, "{what}");
        let found: Vec<&str> =
            running["denied"].as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
        assert_eq!(found, denied, "{what}");
        let is_known = what != "begun nobody knows when";
        assert_eq!(running["since"].as_str(), is_known.then_some("2024-06-08T12:10:00Z"), "{what}");
        assert!(role["stage"]["trial"].is_null(), "{what}");
        // What the trial denies counts as granted all the same: the proposal is the one it was made for.
        assert_eq!(role["proposal"]["verdict"], "replace", "{what}");
        assert_eq!(role["proposal"]["policies"], before, "{what}");
        assert_eq!(role["granted"]["blocked"], 0, "{what}");
        if what == "denied" {
            let denial = &running["denied"][0];
            assert_eq!(denial["calls"], 1);
            assert_eq!(denial["first_seen"], "2024-06-09T12:10:00Z");
            assert_eq!(denial["resources"], json!([format!("arn:aws:ec2:eu-west-1:{ACCOUNT}:vpc/*")]));
        }
    }
}

/// An administrator's call about a policy of the role, at noon.
fn written(day: u32, name: &str, policy: &str, document: &Value) -> Value {
    let mut event = put();
    event["eventName"] = json!(name);
    event["eventID"] = json!(format!("{day:08}-0012-0000-{:04}-{:012}", name.len(), policy.len()));
    event["eventTime"] = json!(format!("2024-06-{day:02}T12:10:00Z"));
    event["requestParameters"] = json!({"roleName": "app", "policyName": policy});
    if !document.is_null() {
        event["requestParameters"]["policyDocument"] = json!(format!("{document:#}"));
    }
    event
}

#[test]
fn a_trial_s_time_counts_from_the_write_since_which_it_denies_what_it_denies() {
    let document = trial();
    let put = |day, document: &Value| written(day, "PutRolePolicy", "leastwise-trial", document);
    let other =
        |day| written(day, "PutRolePolicy", "own", &json!({"Version": "2012-10-17", "Statement": []}));
    let off = |day| written(day, "DeleteRolePolicy", "leastwise-trial", &Value::Null);
    let (mut more, mut less) = (document.clone(), document.clone());
    more["Statement"].as_array_mut().unwrap().push(
        json!({"Sid": "LeastwiseTrial3d9", "Effect": "Deny", "Action": "ec2:DeleteVpc", "Resource": "*"}),
    );
    more["Statement"][0]["Sid"] = json!("LeastwiseTrial14d1");
    less["Statement"][0]["Action"] = json!("ec2:DescribeVpcs");
    assert!(document["Statement"][0]["Action"].to_string().contains("ec2:CreateV"), "{document:#}");
    let (same, none) = (&document, &Value::Null);
    for (what, writes, since) in [
        ("written again as it was", vec![put(4, same), put(7, same), put(10, same)], Some(4)),
        ("written again in other words", vec![put(4, &more), put(10, same)], Some(4)),
        ("another policy written later", vec![put(4, same), other(9)], Some(4)),
        (
            "taken off another policy",
            vec![put(4, same), written(9, "DeleteRolePolicy", "own", none)],
            Some(4),
        ),
        ("denied less before", vec![put(4, &less), put(10, same)], Some(10)),
        ("denied less for a time", vec![put(4, same), put(7, &less), put(10, same)], Some(10)),
        ("taken off for a time", vec![put(4, same), off(7), put(10, same)], Some(10)),
        // Of calls that say the same a ledger keeps the first and the last.
        (
            "taken off, and written twice since",
            vec![put(4, same), off(7), put(10, same), put(11, same)],
            Some(11),
        ),
        ("taken off and put on in one second", vec![put(4, same), off(10), put(10, same)], Some(10)),
        ("content left out of the log", vec![put(4, same), put(10, none)], Some(10)),
        ("taken off since", vec![put(4, same), off(10)], None),
        ("another trial's name", vec![written(10, "PutRolePolicy", "leastwise-trial-other", same)], None),
    ] {
        let events = [days(14), writes].concat();
        let dir = folder(&events, &[("leastwise-trial", document.clone())]);
        let role = proposed(&dir);
        let running = &role["stage"]["running"];
        let expected = since.map(|day| format!("2024-06-{day:02}T12:10:00Z"));
        assert_eq!(running["since"].as_str(), expected.as_deref(), "{what}: {running:#}");
        let days = since.map_or(0, |day| 14 - day);
        assert_eq!(running["days"], days, "{what}");
        let verdict = if days >= 3 { "remove" } else { "continue" };
        assert_eq!(running["verdict"], verdict, "{what}: {running:#}");
        // A ledger keeps what it takes; one case of each outcome shows it.
        if !matches!(what, "written again in other words" | "denied less for a time" | "taken off since") {
            continue;
        }
        assert_eq!(run(&dir, &["ingest", "logs", "--store", "store"]).0, 0);
        let (_, stdout, stderr) =
            run(&dir, &["audit", "--store", "store", "--iam", "iam", "--format", "json"]);
        let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
        let stored = report["roles"].as_array().unwrap().iter().find(|role| role["arn"] == ARN).unwrap();
        assert_eq!(stored["stage"]["running"]["since"], running["since"], "{what}");
        assert!(!stdout.contains("leastwise:"), "{what}");
    }
}

#[test]
fn a_managed_trial_s_time_counts_from_when_it_was_put_on_as_it_is() {
    let own = format!("arn:aws:iam::{ACCOUNT}:policy/leastwise-trial-app");
    let other = format!("arn:aws:iam::{ACCOUNT}:policy/leastwise-trial-other");
    let trial = |effect: &str, actions: &[&str]| json!({"Version": "2012-10-17", "Statement": [{"Sid": "LeastwiseTrial3d1", "Effect": effect, "Action": actions, "Resource": "*"}]});
    let call = |day: u32, name: &str, parameters: Value| {
        let mut event = written(day, name, "", &Value::Null);
        event["responseElements"] = json!({"policy": {"arn": own}});
        event["requestParameters"] = parameters;
        event
    };
    let kept = ["ec2:DescribeInstances", "ec2:CreateTags"];
    let gone = ["ec2:DescribeVpcs", "ec2:CreateVpc"];
    let boundary = trial("Allow", &kept);
    let deny = trial("Deny", &gone);
    let deny_less = trial("Deny", &gone[..1]);
    let (on, off) = ("PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary");
    let limit = |day, arn: &str| call(day, on, json!({"roleName": "app", "permissionsBoundary": arn}));
    let no_limit = |day| call(day, off, json!({"roleName": "app"}));
    let attach = |day, name: &str, arn: &str| call(day, name, json!({"roleName": "app", "policyArn": arn}));
    let made = |day, document: &Value| {
        call(
            day,
            "CreatePolicy",
            json!({"policyName": "leastwise-trial-app", "policyDocument": document.to_string()}),
        )
    };
    let version = |day, document: &Value| {
        call(
            day,
            "CreatePolicyVersion",
            json!({"policyArn": own, "policyDocument": document.to_string(), "setAsDefault": true}),
        )
    };
    let (put, taken) = ("AttachRolePolicy", "DetachRolePolicy");
    type Case<'c> = (&'c str, &'c Value, Vec<Value>, u64);
    let cases: [Case<'_>; 9] = [
        ("limited twice", &boundary, vec![limit(4, &own), limit(10, &own)], 4),
        (
            "limited otherwise for a time",
            &boundary,
            vec![limit(4, &own), limit(7, &other), limit(10, &own)],
            10,
        ),
        ("not limited for a time", &boundary, vec![limit(4, &own), no_limit(7), limit(10, &own)], 10),
        ("attached beside another", &deny, vec![attach(4, put, &own), attach(9, put, &other)], 4),
        ("taken off another", &deny, vec![attach(4, put, &own), attach(9, taken, &other)], 4),
        (
            "attached anew",
            &deny,
            vec![attach(4, put, &own), attach(7, taken, &own), attach(10, put, &own)],
            10,
        ),
        ("written again", &deny, vec![made(3, &deny), attach(4, put, &own), version(9, &deny)], 4),
        ("first with less", &deny, vec![made(3, &deny_less), attach(4, put, &own), version(9, &deny)], 9),
        ("first with nobody knows what", &deny, vec![attach(4, put, &own), version(9, &deny)], 9),
    ];
    for (what, document, writes, since) in cases {
        let dir = folder(&[days(14), writes].concat(), &[]);
        let path = dir.path().join("iam/iam.json");
        let mut snapshot: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        snapshot["Policies"] = json!([{"PolicyName": "leastwise-trial-app", "Arn": own, "Path": "/", "DefaultVersionId": "v1",
            "PolicyVersionList": [{"Document": document, "VersionId": "v1", "IsDefaultVersion": true}]}]);
        let role = &mut snapshot["RoleDetailList"][0];
        if document["Statement"][0]["Effect"] == "Allow" {
            role["PermissionsBoundary"] =
                json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": own});
        } else {
            role["AttachedManagedPolicies"] =
                json!([{"PolicyName": "leastwise-trial-app", "PolicyArn": own}]);
        }
        fs::write(&path, snapshot.to_string()).unwrap();
        let running = &proposed(&dir)["stage"]["running"];
        assert_eq!(running["since"], format!("2024-06-{since:02}T12:10:00Z"), "{what}: {running:#}");
    }
}

#[test]
fn a_trial_taken_back_is_forgotten_and_what_it_denied_is_kept() {
    let success = event(
        12,
        12,
        "CreateVpc",
        &json!({
            "readOnly": false, "requestParameters": {"cidrBlock": "10.0.0.0/16"},
            "responseElements": {"vpc": {"vpcId": "vpc-0123456789abcdef0"}},
        }),
    );
    let events = [&days(14)[..], &[put(), refused(9, "an identity-based policy"), success]].concat();
    let role = proposed(&folder(&events, &[]));
    assert!(role["stage"]["running"].is_null(), "{role:#}");
    let kept = role["proposal"]["policies"].to_string();
    assert!(kept.contains("ec2:CreateV"), "{kept}");
    let next = &role["stage"]["trial"]["policy"]["document"];
    let denied = next["Statement"].as_array().unwrap().iter().filter(|one| one["Resource"] == "*");
    let denied: Vec<String> = denied.map(|one| one["Action"].to_string()).collect();
    assert_eq!(denied, ["\"ec2:DescribeVpcs\""], "{next:#}");
}

#[test]
fn findings_and_pages_tell_of_the_trial() {
    let document = trial();
    for (events, code, said) in [
        ([&days(14)[..], &[put()]].concat(), "trial-complete", "go on to removal"),
        (
            [&days(14)[..], &[put(), refused(9, "an identity-based policy")]].concat(),
            "trial-denied",
            "roll back",
        ),
    ] {
        let dir = folder(&events, &[("leastwise-trial", document.clone())]);
        let (exit, _, stderr) =
            run(&dir, &["audit", "logs", "--iam", "iam", "--out", "out", "--fail-on", "high"]);
        assert_eq!(exit, if code == "trial-denied" { 10 } else { 0 }, "{stderr}");
        let read = |name: &str| fs::read_to_string(dir.path().join("out").join(name)).unwrap();
        let report: Value = serde_json::from_str(&read("report.json")).unwrap();
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.iter().filter(|finding| finding["code"] == code).count(), 1, "{code}");
        for page in ["report.html", "report.md"] {
            assert!(read(page).contains(said), "{page} lacks `{said}`");
        }
        let arguments = ["rightsize", "app", "--report", "out", "--staged"];
        let (_, text, _) = run(&dir, &arguments);
        assert!(text.contains(said) && text.contains("Stage 3: replace the policies"), "{text}");
        assert!(!text.contains("Stage 1"), "{text}");
    }
    let dir = folder(&days(14), &[]);
    let (_, text, _) = run(&dir, &["rightsize", "app", "--source", "logs", "--iam", "iam", "--staged"]);
    for said in [
        "Stage 1: try",
        "Stage 2: watch for 14 days",
        "Stage 3: replace",
        "back: $ aws iam delete-role-policy",
    ] {
        assert!(text.contains(said), "`{said}`\n{text}");
    }
    let staged = |format: &str| {
        run(&dir, &["rightsize", "app", "--source", "logs", "--iam", "iam", "--staged", "--format", format])
    };
    assert!(staged("aws-cli").1.contains("leastwise-trial"));
    assert!(staged("terraform").1.contains("resource \"aws_iam_role_policy\" \"app_trial\""));
    let (exit, _, stderr) = staged("cdk");
    assert_eq!(exit, 2);
    assert!(stderr.contains("removals in stages are not written as cdk"), "{stderr}");
    let (exit, _, _) = run(
        &dir,
        &[
            "rightsize",
            "app",
            "--source",
            "logs",
            "--iam",
            "iam",
            "--staged",
            "--format",
            "aws-cli",
            "--out",
            "own",
        ],
    );
    assert_eq!(exit, 0);
    for file in ["staged/111122223333.sh", "trials/111122223333/app.json", "proposals.json"] {
        assert!(dir.path().join("own").join(file).is_file(), "{file}");
    }
}
