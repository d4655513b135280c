//! What may lie beside an account's snapshot: trails and their selectors, launch templates; and what an audit makes of them.

use std::fs;
use std::process::{Command, Stdio};

use leastwise::inventory::{ArnRange, Selected, Selector};
use serde_json::{Value, json};

use super::{folder, problems, read};

const PAGE: &str = r#"{"UserDetailList":[],"GroupDetailList":[],"Policies":[],"RoleDetailList":[]}"#;
const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";

fn selectors(text: &str) -> Vec<Selector> {
    let file = format!(r#"{{"TrailARN":"{TRAIL}",{text}}}"#);
    let inventory = read(&[("account.json", PAGE), ("selectors.json", &file)]).unwrap();
    assert_eq!(problems(&inventory), [""; 0]);
    let [trail] = inventory.trails.as_slice() else { panic!("{:?}", inventory.trails) };
    trail.selectors.clone().unwrap()
}

#[test]
fn selectors_old_and_new_say_what_a_trail_records() {
    let data = |kind: &str, reads, writes, is_narrowed| Selector {
        what: Selected::Data(kind.to_owned()),
        reads,
        writes,
        is_narrowed,
        within: Vec::new(),
    };
    let within = |range: ArnRange, of: Selector| Selector { within: vec![range], ..of };
    let management = |excluded: &[&str], reads, writes| Selector {
        what: Selected::Management { excluded: excluded.iter().map(|source| (*source).to_owned()).collect() },
        reads,
        writes,
        is_narrowed: false,
        within: Vec::new(),
    };
    let s3 = "AWS::S3::Object";
    for (text, expected) in [
        (
            r#""EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true,"DataResources":[],"ExcludeManagementEventSources":["kms.amazonaws.com"]}]"#,
            vec![management(&["kms.amazonaws.com"], true, true)],
        ),
        (
            r#""EventSelectors":[{"ReadWriteType":"WriteOnly","IncludeManagementEvents":false,"DataResources":[
                {"Type":"AWS::S3::Object","Values":["arn:aws:s3"]},{"Type":"AWS::Lambda::Function","Values":["arn:aws:lambda:eu-west-1:1:function:f"]}]}]"#,
            vec![
                data(s3, false, true, false),
                within(
                    ArnRange::Exactly("arn:aws:lambda:eu-west-1:1:function:f".to_owned()),
                    data("AWS::Lambda::Function", false, true, true),
                ),
            ],
        ),
        (
            r#""EventSelectors":[{"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3:::logs/","arn:aws:s3:::"]}]}]"#,
            vec![management(&[], true, true), data(s3, true, true, false)],
        ),
        (
            r#""AdvancedEventSelectors":[{"Name":"m","FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]},
                {"Field":"eventSource","NotEquals":["kms.amazonaws.com","rdsdata.amazonaws.com"]},{"Field":"readOnly","Equals":["false"]}]},
                {"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::S3::Object"]}]},
                {"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::S3::Object"]},
                {"Field":"resources.ARN","StartsWith":["arn:aws:s3:::b/"]},{"Field":"readOnly","Equals":["true"]}]},
                {"FieldSelectors":[{"Field":"eventCategory","Equals":["NetworkActivity"]},{"Field":"eventSource","Equals":["ec2.amazonaws.com"]}]}]"#,
            vec![
                management(&["kms.amazonaws.com", "rdsdata.amazonaws.com"], false, true),
                data(s3, true, true, false),
                within(ArnRange::StartsWith("arn:aws:s3:::b/".to_owned()), data(s3, true, false, true)),
            ],
        ),
        (
            r#""AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},
                {"Field":"resources.type","Equals":["AWS::S3::Object"]},{"Field":"eventName","NotEquals":["GetObject"]}]}]"#,
            vec![data(s3, true, true, true)],
        ),
        // Of a bucket, and not all of its events; of all but a bucket.
        (
            r#""AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},
                {"Field":"resources.type","Equals":["AWS::S3::Object"]},{"Field":"resources.ARN","StartsWith":["arn:aws:s3:::b/"]},
                {"Field":"eventName","Equals":["PutObject"]}]},{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},
                {"Field":"resources.type","Equals":["AWS::S3::Object"]},{"Field":"resources.ARN","NotStartsWith":["arn:aws:s3:::b/"]}]}]"#,
            vec![data(s3, true, true, true), data(s3, true, true, true)],
        ),
        // A bucket without its slash is that bucket.
        (
            r#""EventSelectors":[{"IncludeManagementEvents":false,"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3:::b"]}]}]"#,
            vec![within(ArnRange::StartsWith("arn:aws:s3:::b/".to_owned()), data(s3, true, true, true))],
        ),
    ] {
        assert_eq!(selectors(text), expected, "{text}");
    }
}

#[test]
fn descriptions_and_selectors_of_one_trail_come_together_from_several_files() {
    let described = format!(
        r#"{{"trailList":[{{"Name":"main","TrailARN":"{TRAIL}","HomeRegion":"eu-west-1","IsMultiRegionTrail":true,"IsOrganizationTrail":false}},
            {{"Name":"other","TrailARN":"{TRAIL}-2","HomeRegion":"us-east-1"}}]}}"#
    );
    let selectors = format!(r#"{{"TrailARN":"{TRAIL}","EventSelectors":[{{"ReadWriteType":"ReadOnly"}}]}}"#);
    for names in [["a.json", "b.json"], ["b.json", "a.json"]] {
        let inventory =
            read(&[("account.json", PAGE), (names[0], &described), (names[1], &selectors)]).unwrap();
        let [main, other] = inventory.trails.as_slice() else { panic!("{:?}", inventory.trails) };
        assert_eq!(
            (main.account(), main.is_multi_region, main.home_region.as_deref()),
            ("111122223333", Some(true), Some("eu-west-1"))
        );
        assert_eq!(main.selectors.as_ref().map(Vec::len), Some(1));
        assert_eq!((other.is_multi_region, other.selectors.is_none()), (None, true));
    }
}

#[test]
fn a_launch_template_is_its_profile_when_all_versions_agree() {
    let version = |number: i64, id: &str, name: &str, profile: Value| {
        json!({"LaunchTemplateId": id, "LaunchTemplateName": name, "VersionNumber": number,
            "LaunchTemplateData": {"ImageId": "ami-1", "IamInstanceProfile": profile}})
    };
    let web = json!({"Arn": "arn:aws:iam::111122223333:instance-profile/web"});
    let first = json!({"LaunchTemplateVersions": [
        version(1, "lt-1", "web", web.clone()), version(2, "lt-1", "web", web.clone()),
        version(1, "lt-2", "mixed", web), version(2, "lt-2", "mixed", json!({"Name": "other"})),
        version(1, "lt-3", "bare", Value::Null)]});
    let again = json!({"LaunchTemplateVersions": [version(3, "lt-3", "bare", Value::Null)]});
    let inventory =
        read(&[("account.json", PAGE), ("lt.json", &first.to_string()), ("lt2.json", &again.to_string())])
            .unwrap();
    assert_eq!(problems(&inventory), [""; 0]);
    let profile = |template: &str| inventory.profile_of_launch_template(template);
    assert_eq!(profile("lt-1"), Some("arn:aws:iam::111122223333:instance-profile/web"));
    assert_eq!(profile("web"), profile("lt-1"));
    for unresolved in ["lt-2", "mixed", "lt-3", "lt-4", ""] {
        assert_eq!(profile(unresolved), None, "{unresolved}");
    }
}

/// A role that reads a bucket each day of two weeks and launches once from a template.
pub(crate) fn logs() -> String {
    let record = |day: u32, source: &str, name: &str, category: &str, more: &str| {
        format!(
            r#"{{"eventVersion":"1.08","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE:x","arn":"arn:aws:sts::111122223333:assumed-role/app/x",
            "accountId":"111122223333","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/app",
            "accountId":"111122223333","userName":"app"}}}}}},"eventTime":"2026-03-{day:02}T10:00:00Z","eventSource":"{source}.amazonaws.com",
            "eventName":"{name}","awsRegion":"eu-west-1","eventID":"{day}-{name}","eventType":"AwsApiCall","recipientAccountId":"111122223333",
            "eventCategory":"{category}","managementEvent":{}{more}}}"#,
            category == "Management"
        )
    };
    let mut records = Vec::new();
    for day in 1..=15 {
        let object = r#","readOnly":true,"requestParameters":{"bucketName":"b","key":"k"},"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/k"}]"#;
        records.push(record(day, "s3", "GetObject", "Data", object));
        records.push(record(day, "ec2", "DescribeInstances", "Management", r#","readOnly":true"#));
    }
    let named = r#","readOnly":true,"requestParameters":{"roleName":"web"}"#;
    records.push(record(4, "iam", "GetRole", "Management", named));
    let unknown = r#","readOnly":true,"requestParameters":{"roleName":"gone"}"#;
    records.push(record(5, "iam", "GetRole", "Management", unknown));
    let launch = r#","readOnly":false,"requestParameters":{"launchTemplate":{"launchTemplateId":"lt-1"}}"#;
    records.push(record(3, "ec2", "RunInstances", "Management", launch));
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

#[test]
fn an_audit_tells_what_could_be_seen_and_resolves_the_template() {
    let role = |path: &str, name: &str, profile: &str, statements: &str| {
        format!(
            r#"{{"Path":"{path}","RoleName":"{name}","RoleId":"AROAEXAMPLE{name}","Arn":"arn:aws:iam::111122223333:role{path}{name}","CreateDate":"2025-01-01T00:00:00Z",
            "AssumeRolePolicyDocument":{{"Version":"2012-10-17","Statement":[]}},"InstanceProfileList":[{profile}],
            "RolePolicyList":[{{"PolicyName":"p","PolicyDocument":{{"Version":"2012-10-17","Statement":[{statements}]}}}}],"AttachedManagedPolicies":[],"Tags":[]}}"#
        )
    };
    let app = role(
        "/",
        "app",
        "",
        r#"{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:GetObjectAcl","ec2:DescribeInstances","ec2:RunInstances","iam:PassRole","lambda:InvokeFunction"],"Resource":"*"}"#,
    );
    let profile = r#"{"InstanceProfileName":"web","Arn":"arn:aws:iam::111122223333:instance-profile/web","Path":"/","Roles":[]}"#;
    let web =
        role("/svc/", "web", profile, r#"{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}"#);
    let account = format!(
        r#"{{"UserDetailList":[],"GroupDetailList":[],"Policies":[],"RoleDetailList":[{app},{web}]}}"#
    );
    let template = r#"{"LaunchTemplateVersions":[{"LaunchTemplateId":"lt-1","LaunchTemplateName":"web","VersionNumber":1,
        "LaunchTemplateData":{"IamInstanceProfile":{"Name":"web"}}}]}"#;
    let trails = format!(
        r#"{{"trailList":[{{"TrailARN":"{TRAIL}","IsMultiRegionTrail":true,"HomeRegion":"eu-west-1"}}]}}"#
    );
    let selectors = |values: &str| {
        format!(
            r#"{{"TrailARN":"{TRAIL}","EventSelectors":[{{"ReadWriteType":"All","IncludeManagementEvents":true,"DataResources":[
            {{"Type":"AWS::S3::Object","Values":["{values}"]}},{{"Type":"AWS::Lambda::Function","Values":["arn:aws:lambda"]}}]}}]}}"#
        )
    };
    let audit = |beside: &[(&str, &str)]| -> Value {
        let dir =
            folder(&[&[("iam/account.json", account.as_str()), ("iam/lt.json", template)], beside].concat());
        fs::write(dir.path().join("log.json"), logs()).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_leastwise"))
            .args(["audit", "log.json", "--iam", "iam", "--format", "json", "--role", "app"])
            .current_dir(dir.path())
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let unused = |report: &Value| report["roles"][0]["unused_actions"].clone();
    let kinds = |report: &Value| report["coverage"]["accounts"][0]["data_event_kinds"].clone();

    // By the logs alone: reads of objects were recorded all the time, but of one bucket, where all are granted; writes and Lambda never.
    let report = audit(&[]);
    assert_eq!(unused(&report), json!([]));
    assert_eq!(report["roles"][0]["granted"]["undetermined_actions"], json!(["s3:GetObjectAcl"]));
    let seen = json!([{"region": "eu-west-1", "first_day": "2026-03-01T00:00:00Z", "last_day": "2026-03-15T00:00:00Z", "days": 15, "reads": true, "writes": false}]);
    assert_eq!(
        kinds(&report),
        json!([{"kind": "AWS::S3::Object", "recorded": "unknown", "regions": seen.clone()}])
    );
    let passed =
        report["roles"][0]["used"].as_array().unwrap().iter().find(|used| used["action"] == "iam:PassRole");
    assert_eq!(passed.unwrap()["resources"], json!(["arn:aws:iam::111122223333:role/svc/web"]));
    // IAM's calls name roles without their path; the snapshot knows it.
    let read =
        report["roles"][0]["used"].as_array().unwrap().iter().find(|used| used["action"] == "iam:GetRole");
    assert_eq!(
        read.unwrap()["resources"],
        json!(["arn:aws:iam::111122223333:role/*gone", "arn:aws:iam::111122223333:role/svc/web"])
    );

    // The trail records both, and Lambda: nobody used them.
    let all = [("iam/trails.json", trails.as_str()), ("iam/selectors.json", &selectors("arn:aws:s3"))];
    let report = audit(&all);
    assert_eq!(unused(&report), json!(["lambda:InvokeFunction", "s3:GetObjectAcl", "s3:PutObject"]));
    assert_eq!(
        kinds(&report),
        json!([{"kind": "AWS::Lambda::Function", "recorded": "all", "regions": []}, {"kind": "AWS::S3::Object", "recorded": "all", "regions": seen}])
    );
    assert_eq!(report["coverage"]["accounts"][0]["trails"], json!([TRAIL]));

    // Of one bucket only: what happened elsewhere would not show.
    let some = [("iam/trails.json", trails.as_str()), ("iam/selectors.json", &selectors("arn:aws:s3:::b/"))];
    assert_eq!(unused(&audit(&some)), json!(["lambda:InvokeFunction"]));
}
