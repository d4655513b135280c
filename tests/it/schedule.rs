//! What unattended runs rely on: exceptions, gates, metrics, messages as JSON, and what changes of trails do to verdicts.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

const ACCOUNT: &str = "111122223333";
const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/t";

/// Runs the program; gives its exit status, standard output and standard error.
fn run(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let done =
        Command::new(env!("CARGO_BIN_EXE_leastwise")).args(arguments).current_dir(dir).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

/// One event of a role's session in June 2024.
fn event(day: u32, hour: u32, service: &str, name: &str, more: &Value) -> Value {
    let mut event = json!({
        "eventVersion": "1.08", "eventID": format!("{day:08}-{hour:04}-0000-0000-{:012}", name.len() + service.len()),
        "eventTime": format!("2024-06-{day:02}T{hour:02}:10:00Z"),
        "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "awsRegion": "eu-west-1",
        "eventType": "AwsApiCall", "eventCategory": "Management", "managementEvent": true, "readOnly": true,
        "recipientAccountId": ACCOUNT, "sourceIPAddress": "10.0.0.1", "userAgent": "test",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:one", "accountId": ACCOUNT,
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/busy/one"), "accessKeyId": "ASIAEXAMPLE000000000",
            "sessionContext": {"sessionIssuer": {
                "type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/busy"), "userName": "busy", "accountId": ACCOUNT,
            }},
        },
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

/// Two weeks, on each day two reads, and on the days told a write.
fn two_weeks(writes: std::ops::RangeInclusive<u32>) -> Vec<Value> {
    let reads =
        (1..=14).flat_map(|day| [1, 23].map(|hour| event(day, hour, "ec2", "DescribeInstances", &json!({}))));
    let writes = writes.map(|day| event(day, 12, "ec2", "CreateTags", &json!({"readOnly": false})));
    reads.chain(writes).collect()
}

/// Objects of two buckets, so that it is not one chosen bucket alone whose events are recorded.
fn objects(days: std::ops::RangeInclusive<u32>) -> Vec<Value> {
    let get = |day: u32, hour: u32, bucket: &str| {
        let arn = format!("arn:aws:s3:::{bucket}");
        let more = json!({
            "eventCategory": "Data", "managementEvent": false,
            "requestParameters": {"bucketName": bucket, "key": "k"},
            "resources": [{"type": "AWS::S3::Object", "ARN": format!("{arn}/k")}, {"type": "AWS::S3::Bucket", "ARN": arn}],
        });
        event(day, hour, "s3", "GetObject", &more)
    };
    days.flat_map(|day| [(6, "b"), (7, "c")].map(|(hour, bucket)| get(day, hour, bucket))).collect()
}

/// A call that changes the trail, on a day at noon or six hours later.
fn change(day: u32, hour: u32, name: &str) -> Value {
    let key = if name.ends_with("Logging") { "name" } else { "trailName" };
    event(day, hour, "cloudtrail", name, &json!({"readOnly": false, "requestParameters": {key: TRAIL}}))
}

fn role(name: &str) -> Value {
    json!({
        "Arn": format!("arn:aws:iam::{ACCOUNT}:role/{name}"), "RoleName": name, "Path": "/", "RoleId": format!("AROA{name}"),
        "CreateDate": "2020-01-01T00:00:00Z",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole",
        }]},
        "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["ec2:DescribeVpcs", "ec2:CreateVpc", "s3:GetObject"], "Resource": "*",
        }]}}],
    })
}

/// A folder with these events, and a snapshot with one role that does nothing beside these trails.
fn folder(events: &[Value], trails: &[Value]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for sub in ["logs", "iam"] {
        fs::create_dir(folder.path().join(sub)).unwrap();
    }
    let write = |name: &str, value: &Value| fs::write(folder.path().join(name), value.to_string()).unwrap();
    write("logs/a.json", &json!({"Records": events}));
    write(
        "iam/iam.json",
        &json!({"UserDetailList": [], "GroupDetailList": [], "Policies": [], "RoleDetailList": [role("idle")]}),
    );
    for (number, trail) in trails.iter().enumerate() {
        write(&format!("iam/trail{number}.json"), trail);
    }
    folder
}

/// A trail of all management events and all S3 objects, as two commands print it.
fn trail(arn: &str) -> [Value; 2] {
    [
        json!({"trailList": [{"TrailARN": arn, "HomeRegion": "eu-west-1", "IsMultiRegionTrail": true}]}),
        json!({"TrailARN": arn, "EventSelectors": [{
            "ReadWriteType": "All", "IncludeManagementEvents": true,
            "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
        }]}),
    ]
}

#[test]
fn what_a_trail_records_is_what_it_recorded_on_each_day() {
    let of = |parts: &[Vec<Value>]| parts.concat();
    let all = || two_weeks(1..=14);
    let steady = trail("arn:aws:cloudtrail:eu-west-1:111122223333:trail/other");
    let own = trail(TRAIL);
    let (vpcs, create, get) = ("ec2:DescribeVpcs", "ec2:CreateVpc", "s3:GetObject");
    let denied = || {
        let mut denied = change(4, 12, "PutEventSelectors");
        denied["errorCode"] = "AccessDenied".into();
        denied
    };
    type Case<'c> = (&'c str, Vec<Value>, &'c [Value], &'c [&'c str]);
    let cases: [Case<'_>; 12] = [
        ("nothing changed", of(&[all(), objects(1..=14)]), &[], &[create, vpcs, get]),
        (
            "seen on both sides",
            of(&[all(), objects(1..=14), vec![change(4, 12, "PutEventSelectors")]]),
            &[],
            &[create, vpcs, get],
        ),
        ("a week without objects is no silence", of(&[all(), objects(5..=14)]), &[], &[create, vpcs, get]),
        (
            "switched on on day 4",
            of(&[all(), objects(5..=14), vec![change(4, 12, "PutEventSelectors")]]),
            &[],
            &[create, vpcs],
        ),
        (
            "switched off on day 10",
            of(&[all(), objects(1..=9), vec![change(10, 12, "UpdateTrail")]]),
            &[],
            &[create, vpcs],
        ),
        (
            "a refused change is none",
            of(&[all(), objects(5..=14), vec![denied()]]),
            &[],
            &[create, vpcs, get],
        ),
        ("the snapshot tells", all(), &own, &[create, vpcs, get]),
        (
            "and tells nothing of the time before a change",
            of(&[all(), vec![change(4, 12, "PutEventSelectors")]]),
            &own,
            &[create, vpcs],
        ),
        (
            "a trail beside it was not changed",
            of(&[all(), vec![change(4, 12, "PutEventSelectors")]]),
            &steady,
            &[create, vpcs, get],
        ),
        (
            "writes on one side",
            of(&[two_weeks(5..=14), objects(1..=14), vec![change(4, 12, "PutEventSelectors")]]),
            &[],
            &[vpcs, get],
        ),
        (
            "stopped for six hours",
            of(&[all(), objects(1..=14), vec![change(4, 12, "StopLogging"), change(4, 18, "StartLogging")]]),
            &[],
            &[],
        ),
        (
            "stopped, and another trail goes on",
            of(&[all(), vec![change(4, 12, "StopLogging"), change(4, 18, "StartLogging")]]),
            &steady,
            &[create, vpcs, get],
        ),
    ];
    for (what, events, trails, unused) in cases {
        let folder = folder(&events, trails);
        let (exit, out, error) = run(folder.path(), &["audit", "logs", "--iam", "iam", "--format", "json"]);
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{what}: {exit} {error}"));
        let roles = report["roles"].as_array().unwrap();
        let idle = roles.iter().find(|role| role["name"] == "idle").unwrap();
        let names: Vec<&str> =
            idle["unused_actions"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(names, unused, "{what}: {}", idle["proposal"]["reasons"]);
        if unused.is_empty() {
            let reasons = idle["proposal"].to_string();
            assert!(
                reasons.contains("was stopped between 2024-06-04T12:10:00Z and 2024-06-04T18:10:00Z"),
                "{reasons}"
            );
            assert!(report["coverage"]["hours"]["percent"].as_f64().unwrap() < 100.0);
        }
    }
}

#[test]
fn a_short_window_proves_nothing_unless_asked_to() {
    let events: Vec<Value> = two_weeks(1..=14)
        .into_iter()
        .filter(|event| event["eventTime"].as_str().unwrap() < "2024-06-03")
        .collect();
    let folder = folder(&events, &[]);
    let verdict = |more: &[&str]| {
        let arguments = [&["audit", "logs", "--iam", "iam", "--format", "json"][..], more].concat();
        let report: Value = serde_json::from_str(&run(folder.path(), &arguments).1).unwrap();
        let roles = report["roles"].as_array().unwrap();
        let idle = roles.iter().find(|role| role["name"] == "idle").unwrap().clone();
        (idle["proposal"]["verdict"].as_str().unwrap().to_owned(), idle["proposal"].to_string())
    };
    let (word, reasons) = verdict(&[]);
    assert_eq!(word, "cannot-tell");
    assert!(reasons.contains("less than 7 days (`--min-window`)"), "{reasons}");
    assert_eq!(verdict(&["--min-window", "1d"]).0, "delete-role");
    assert_eq!(run(folder.path(), &["audit", "logs", "--min-window", "soon"]).0, 2);
}

#[test]
fn exceptions_hide_until_they_expire_and_are_told_of_when_nobody_needs_them() {
    let folder = folder(&two_weeks(1..=14), &[]);
    let audit = |settings: &str| {
        fs::write(folder.path().join("leastwise.toml"), settings).unwrap();
        let arguments = ["audit", "logs", "--iam", "iam", "--format", "json", "--fail-on", "low"];
        let (exit, out, error) = run(folder.path(), &arguments);
        (exit, serde_json::from_str::<Value>(&out).unwrap_or(Value::Null), error)
    };
    let exception = |match_: &str, expires: &str| {
        format!("[[exceptions]]\n{match_}\nreason = \"known\"\nowner = \"team-a\"\nexpires = \"{expires}\"\n")
    };
    let (exit, report, _) = audit("");
    let before = report["findings"].as_array().unwrap().len();
    assert_eq!(exit, 10);
    assert!(before > 0 && report["findings"][0].get("exception").is_none());

    let (exit, report, _) = audit(&exception("subject = \"*\"", "2999-01-01"));
    assert_eq!((exit, report["findings"].as_array().unwrap().len()), (0, before));
    assert_eq!(
        report["findings"][0]["exception"],
        json!({"reason": "known", "owner": "team-a", "expires": "2999-01-01T00:00:00Z", "expired": false})
    );
    let one = exception("code = \"unused-role\"\nsubject = \"arn:aws:iam::*:role/idle\"", "2999-01-01");
    let (_, report, _) = audit(&one);
    let excepted = |report: &Value| {
        let findings = report["findings"].as_array().unwrap();
        findings
            .iter()
            .filter(|one| one.get("exception").is_some())
            .map(|one| one["code"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(excepted(&report), ["unused-role"]);

    let (exit, report, error) = audit(&exception("subject = \"*\"", "2024-01-01"));
    assert_eq!((exit, &report["findings"][0]["exception"]["expired"]), (10, &json!(true)));
    assert!(error.contains("expired 2024-01-01T00:00:00Z; the finding counts again"), "{error}");

    let (_, report, _) = audit(&exception("code = \"root-use\"", "2999-01-01"));
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), before + 1);
    let unmatched = findings.iter().find(|one| one["code"] == "unmatched-exception").unwrap();
    assert_eq!(unmatched["subject"], "root-use *");

    for (settings, expected) in [
        (exception("", "2999-01-01"), "names neither `code` nor `subject`"),
        (exception("code = \"unused-rule\"", "2999-01-01"), "there is no finding `unused-rule`"),
        (exception("code = \"root-use\"", "soon"), "`expires`"),
        (
            "[[exceptions]]\ncode = \"root-use\"\nowner = \"a\"\nexpires = \"2999-01-01\"\n".to_owned(),
            "reason",
        ),
        (exception("code = \"root-use\"", "2999-01-01").replace("team-a", " "), "`owner` is empty"),
    ] {
        let (exit, _, error) = audit(&settings);
        assert_eq!(exit, 2, "{settings}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_gate_on_coverage_counts_the_hours_of_all_accounts() {
    let folder = folder(&two_weeks(1..=14), &[]);
    let settings = "[[accounts]]\nid = \"999988887777\"\nname = \"the other\"\n";
    fs::write(folder.path().join("leastwise.toml"), settings).unwrap();
    let audit = |more: &[&str]| {
        let arguments = [&["audit", "logs", "--iam", "iam", "--format", "json"][..], more].concat();
        let (exit, out, error) = run(folder.path(), &arguments);
        (exit, serde_json::from_str::<Value>(&out).unwrap_or(Value::Null), error)
    };
    let (exit, report, _) = audit(&[]);
    let hours = &report["coverage"]["hours"];
    assert_eq!((exit, &hours["percent"]), (0, &json!(50.0)));
    assert_eq!(hours["lacking"], json!([{"account": "999988887777", "all": 335, "covered": 0}]));
    assert_eq!(report["coverage"]["accounts"][0]["regions"][0]["hours_with_events"], 42);
    assert_eq!(audit(&["--min-coverage", "50"]).0, 0);
    let (exit, report, error) = audit(&["--min-coverage", "50.1"]);
    assert_eq!((exit, &report["coverage"]["hours"]["required"]), (4, &json!(50.1)));
    assert!(error.contains("the logs cover 50 % of the window (335 of 670 hours of all accounts), and 50.1 % is asked for; account 999988887777 has 0 of 335 hours"), "{error}");
    assert_eq!(audit(&["--min-coverage", "101"]).0, 2);
    // A silence of three days.
    let events: Vec<Value> = two_weeks(1..=14)
        .into_iter()
        .filter(|event| !["05", "06", "07"].contains(&&event["eventTime"].as_str().unwrap()[8..10]))
        .collect();
    fs::write(folder.path().join("logs/a.json"), json!({"Records": events}).to_string()).unwrap();
    fs::write(folder.path().join("leastwise.toml"), "").unwrap();
    let (_, report, _) = audit(&[]);
    assert_eq!(
        report["coverage"]["hours"]["lacking"],
        json!([{"account": ACCOUNT, "all": 335, "covered": 335 - 73}])
    );
}

/// Holds a text against the grammar of Prometheus' text format, version 0.0.4, and gives its samples.
///
/// See: <https://prometheus.io/docs/instrumenting/exposition_formats/>
fn exposition(text: &str) -> Vec<(String, f64)> {
    let is_name = |name: &str, colon: bool| {
        let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_' || colon && c == ':';
        name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
    };
    assert!(text.ends_with('\n') && !text.contains('\r'), "{text:?}");
    let mut families: Vec<&str> = Vec::new();
    let mut samples: Vec<(String, f64)> = Vec::new();
    let mut helped = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name, true) && !help.is_empty() && !families.contains(&name), "{line}");
            // A backslash would begin an escape.
            assert!(!help.contains('\\'), "{line}");
            helped = Some(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(helped == Some(name) && kind == "gauge", "{line}");
            families.push(name);
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            // All samples of a family stand together, below its type.
            assert_eq!(families.last(), Some(&name), "{line}");
            if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
                let mut rest = labels.strip_prefix('{').and_then(|labels| labels.strip_suffix('}')).unwrap();
                while !rest.is_empty() {
                    let (label, after) = rest.split_once("=\"").unwrap();
                    assert!(is_name(label, false), "{line}");
                    let end = (0..after.len())
                        .find(|at| after[*at..].starts_with('"') && !after[..*at].ends_with('\\'))
                        .unwrap();
                    rest = &after[end + 1..];
                    rest = rest.strip_prefix(',').unwrap_or(rest);
                }
            }
            assert!(samples.iter().all(|(known, _)| known != series), "{line} stands twice");
            samples.push((series.to_owned(), value.parse().unwrap()));
        }
    }
    samples
}

#[test]
fn metrics_are_files_for_prometheus_and_lines_for_cloudwatch() {
    let folder = folder(&two_weeks(1..=14), &[]);
    let file = folder.path().join("leastwise.prom");
    fs::write(&file, "old").unwrap();
    let arguments =
        ["audit", "logs", "--iam", "iam", "--metrics", "leastwise.prom", "--emf", "--fail-on", "low"];
    let (exit, _, error) = run(folder.path(), &arguments);
    assert_eq!(exit, 10);
    let text = fs::read_to_string(&file).unwrap();
    for line in [
        "leastwise_objects{state=\"read\"} 1",
        "leastwise_events{state=\"counted\"} 42",
        "leastwise_granted_actions{verdict=\"used\"} 0",
        "leastwise_roles{proposal=\"delete-role\"} 1",
        "leastwise_integrity_status{status=\"not-checked\"} 1",
        "leastwise_coverage_percent 100",
        "leastwise_incomplete 0",
        "leastwise_exit_status 10",
        "# TYPE leastwise_duration_seconds gauge",
    ] {
        assert!(text.lines().any(|own| own == line), "no `{line}` in\n{text}");
    }
    let newest = "2024-06-14T23:10:00Z".parse::<leastwise::ident::Time>().unwrap().unix();
    assert!(text.contains(&format!("leastwise_newest_event_timestamp_seconds {newest}\n")), "{text}");
    let samples = exposition(&text);
    assert!(samples.len() > 30 && samples.iter().all(|(name, _)| name.starts_with("leastwise_")));
    let emf: Value = error.lines().find_map(|line| serde_json::from_str(line).ok()).unwrap();
    let metrics = emf["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
    assert!(!metrics.is_empty() && metrics.len() <= 100);
    for metric in metrics {
        assert!(emf[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
    }
    assert_eq!((&emf["EventsCounted"], &emf["ExitStatus"]), (&json!(42.0), &json!(10.0)));
    assert!(emf["_aws"]["Timestamp"].as_i64().unwrap() > 1_700_000_000_000);
    // Whoever watches the file sees that a run failed, and none of the numbers of the one before.
    let arguments = ["audit", "iam", "--metrics", "leastwise.prom"];
    assert_eq!(run(folder.path(), &arguments).0, 3);
    let samples = exposition(&fs::read_to_string(&file).unwrap());
    assert_eq!(samples.len(), 3);
    assert_eq!(samples[0], ("leastwise_exit_status".to_owned(), 3.0));
    assert!(samples[1].1 > 1_700_000_000.0, "{samples:?}");
    // What an account is called comes from a log.
    let mut events = two_weeks(1..=14);
    events[3]["recipientAccountId"] = "1\"2\\3\n4,5}".into();
    fs::write(folder.path().join("logs/a.json"), json!({"Records": events}).to_string()).unwrap();
    run(folder.path(), &["audit", "logs", "--metrics", "leastwise.prom"]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        exposition(&text).iter().any(|(name, _)| name.starts_with("leastwise_uncovered_hours{")),
        "{text}"
    );
    let (exit, _, error) = run(folder.path(), &["audit", "logs", "--metrics", "absent/leastwise.prom"]);
    assert_eq!(exit, 1);
    assert!(error.contains("the metrics cannot be written to"), "{error}");
}

#[test]
fn messages_are_json_lines_when_asked_for() {
    let folder = folder(&two_weeks(1..=14), &[]);
    fs::write(folder.path().join("logs/b.json.gz"), b"\x1f\x8b\x08\x00").unwrap();
    let lines = |arguments: &[&str]| {
        let (exit, out, error) = run(folder.path(), arguments);
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        (exit, out, error.lines().map(parse).collect::<Vec<Value>>())
    };
    let (exit, out, messages) =
        lines(&["audit", "logs", "--iam", "iam", "--out", "report", "--log-format", "json"]);
    assert_eq!(exit, 4);
    assert!(out.contains("leastwise audit"), "data stays as it is");
    let levels: Vec<&str> = messages.iter().map(|message| message["level"].as_str().unwrap()).collect();
    assert!(levels.contains(&"info") && levels.contains(&"warning"), "{messages:?}");
    assert!(messages.iter().all(|message| message["time"].as_str().unwrap().ends_with('Z')));
    let (exit, _, messages) = lines(&["audit", "absent", "--log-format=json"]);
    assert_eq!((exit, messages.len(), &messages[0]["level"]), (3, 1, &json!("error")));
    assert!(messages[0].to_string().contains("absent"), "{messages:?}");
    let (exit, _, messages) = lines(&["audit", "--no-such-option", "--log-format", "json"]);
    assert_eq!((exit, messages.len()), (2, 1));
    assert!(messages[0]["message"].as_str().unwrap().contains("--no-such-option"));
    let (_, _, messages) = lines(&["audit", "logs", "--quiet", "--log-format", "json"]);
    assert_eq!(messages.len(), 0);
}

#[test]
fn a_log_file_that_holds_nothing_shows_that_logs_come() {
    // Calls on the first five days and on the last one.
    let is_busy = |event: &Value| {
        let day: u32 = event["eventTime"].as_str().unwrap()[8..10].parse().unwrap();
        day <= 5 || day == 14
    };
    let events: Vec<Value> = two_weeks(1..=14).into_iter().filter(is_busy).collect();
    let folder = folder(&events, &[]);
    let audit = |source: &[&str]| {
        let arguments = [&["audit"], source, &["--iam", "iam", "--format", "json"]].concat();
        let (_, out, error) = run(folder.path(), &arguments);
        serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{out}{error}"))
    };
    let told = |report: &Value| {
        let region = &report["coverage"]["accounts"][0]["regions"][0];
        let gaps = region["gaps"].as_array().unwrap().len();
        let verdicts = &report["roles"][1]["granted"]["verdicts"];
        let hours = &report["coverage"]["hours"];
        (
            hours["covered"].clone(),
            gaps,
            verdicts["unused"].as_u64().unwrap() > 0,
            region["hours_with_files"].clone(),
        )
    };
    let report = audit(&["logs"]);
    assert_eq!(report["roles"][1]["name"], "idle");
    // From the sixth day to the fourteenth, one o'clock.
    assert_eq!(
        told(&report),
        (json!(335 - 8 * 24 - 1), 1, false, Value::Null),
        "{}",
        report["coverage"]["hours"]
    );
    for day in 6..14 {
        let name = format!("logs/{ACCOUNT}_CloudTrail_eu-west-1_202406{day:02}T1205Z_abcdefgh.json");
        fs::write(folder.path().join(name), "{\"Records\":[]}").unwrap();
    }
    let report = audit(&["logs"]);
    assert_eq!(told(&report), (json!(335), 0, true, json!(8)));
    assert_eq!(report["coverage"]["accounts"][0]["regions"][0]["hours_without_files"], 335 - 8);
    // A store knows it as well.
    assert_eq!(run(folder.path(), &["ingest", "logs", "--store", "store"]).0, 0);
    assert_eq!(audit(&["--store", "store"]), report);
}

#[test]
fn accounts_and_regions_that_should_have_logs_and_have_none_are_told() {
    let other = "222233334444";
    let audit = |folder: &TempDir| {
        let (_, out, error) = run(
            folder.path(),
            &[
                "audit",
                "logs",
                "--iam",
                "iam",
                "--format",
                "json",
                "--since",
                "2024-06-01",
                "--until",
                "2024-06-15",
            ],
        );
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{error}"));
        report["coverage"].clone()
    };
    // The organization's trail delivers for each account that is not closed; of one there is not even a folder.
    let [mut described, selectors] = trail("arn:aws:cloudtrail:eu-west-1:111122223333:trail/org");
    let organization = json!({
        "Organization": {"Id": "o-a1", "MasterAccountId": ACCOUNT},
        "Accounts": [
            {"Id": ACCOUNT, "Name": "main", "Status": "ACTIVE"}, {"Id": other, "Name": "silent", "State": "ACTIVE"},
            {"Id": "333344445555", "Name": "closed", "Status": "SUSPENDED"},
        ],
    });
    let lacking = json!([{"account": other, "all": 336, "covered": 0}]);
    for (is_organization, percent, lacking) in [(true, 50.0, lacking), (false, 100.0, Value::Null)] {
        described["trailList"][0]["IsOrganizationTrail"] = json!(is_organization);
        let folder =
            folder(&two_weeks(1..=14), &[described.clone(), selectors.clone(), organization.clone()]);
        let hours = audit(&folder)["hours"].clone();
        assert_eq!(
            (&hours["percent"], hours.get("lacking").unwrap_or(&Value::Null)),
            (&json!(percent), &lacking),
            "{hours}"
        );
    }
    // Log files that hold nothing, a day each, are all that comes of an account in which nothing happens.
    let quiet = folder(&two_weeks(1..=14), &[]);
    for day in 1..=14 {
        let name = format!("logs/{other}_CloudTrail_eu-west-1_202406{day:02}T1205Z_abcdefgh.json");
        fs::write(quiet.path().join(name), "{\"Records\":[]}").unwrap();
    }
    let coverage = audit(&quiet);
    assert_eq!(coverage["hours"]["percent"], 100.0);
    assert_eq!(coverage["accounts"][1]["account"], other);
    assert_eq!(
        coverage["accounts"][1]["regions"],
        json!([{"region": "eu-west-1", "first": null, "last": null, "hours_with_events": 0, "hours_with_files": 14,
            "hours_without_files": 336 - 14, "gaps": []}])
    );
    // A Region that stops midway has a gap to the end. Beside a busier one it says nothing more; the busiest says that logs are missing.
    let elsewhere = |events: Vec<Value>, days: std::ops::RangeInclusive<u32>| -> Vec<Value> {
        let of_days = events.into_iter().filter(|event| {
            let day: u32 = event["eventTime"].as_str().unwrap()[8..10].parse().unwrap();
            days.contains(&day)
        });
        let there = of_days.map(|mut event| {
            event["awsRegion"] = json!("us-east-1");
            event["eventID"] = json!(event["eventID"].as_str().unwrap().replace("-0000-", "-0001-"));
            event
        });
        there.collect()
    };
    let gap = json!([{"from": "2024-06-06T00:00:00Z", "to": "2024-06-15T00:00:00Z"}]);
    let busier = [two_weeks(1..=14), elsewhere(two_weeks(1..=14), 1..=5)].concat();
    let coverage = audit(&folder(&busier, &[]));
    assert_eq!(
        (&coverage["accounts"][0]["regions"][1]["gaps"], &coverage["hours"]["percent"]),
        (&gap, &json!(100.0))
    );
    let only = elsewhere(two_weeks(1..=14), 1..=5);
    let coverage = audit(&folder(&only, &[]));
    assert_eq!(coverage["accounts"][0]["regions"][0]["gaps"], gap);
    assert_eq!(coverage["hours"]["lacking"], json!([{"account": ACCOUNT, "all": 336, "covered": 5 * 24}]));
}
