//! The event history: pages of every Region at the pace AWS allows, and a report that knows what it cannot show.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use leastwise::analyze::{self, Settings};
use leastwise::ingest::Quiet;
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, header, method};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::ingest::record;

const TARGET: &str = "CloudTrail_20131101.LookupEvents";

/// Three pages a Region, each with two events; every third answer asks to wait.
struct Pages {
    asked: Arc<AtomicU64>,
}

impl Respond for Pages {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        if number % 3 == 2 {
            let text = json!({"__type": "ThrottlingException", "message": "Rate exceeded"});
            return ResponseTemplate::new(400).set_body_json(text);
        }
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(asked["MaxResults"], 50);
        assert!(asked["StartTime"].as_f64().is_some(), "{asked}");
        let authorization = request.headers["authorization"].to_str().unwrap();
        let region = u64::from(authorization.contains("/us-east-1/"));
        let page: u64 = asked["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let event = |n: u64| {
            let id = region * 100 + page * 10 + n;
            json!({"EventId": format!("{id}"), "EventTime": 1_767_500_000 + id, "CloudTrailEvent": record(id)})
        };
        let mut answer = json!({"Events": [event(0), event(1)]});
        if page < 2 {
            answer["NextToken"] = json!((page + 1).to_string());
        }
        ResponseTemplate::new(200).set_body_json(answer)
    }
}

async fn sts(server: &MockServer) {
    let identity = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
        <Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/u</Arn><UserId>AIDA</UserId>\
        </GetCallerIdentityResult></GetCallerIdentityResponse>";
    Mock::given(method("POST"))
        .and(body_string_contains("Action=GetCallerIdentity"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(identity, "text/xml"))
        .mount(server)
        .await;
}

fn settings(server: &MockServer, source: &str) -> Settings {
    Settings {
        sources: vec![source.to_owned()],
        aws: leastwise::aws::Settings {
            region: Some("eu-west-1".to_owned()),
            endpoint_url: Some(server.uri()),
            credentials: Some(leastwise::aws::Credentials::new("AKIA", "secret", None, None, "tests")),
            ..leastwise::aws::Settings::default()
        },
        ..Settings::default()
    }
}

#[test]
fn pages_of_all_regions_are_read_at_two_requests_a_second() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        sts(&server).await;
        let pages = Pages { asked: Arc::clone(&asked) };
        Mock::given(header("x-amz-target", TARGET)).respond_with(pages).mount(&server).await;
        server
    });
    let cancel = AtomicBool::new(false);
    let start = Instant::now();
    let settings = settings(&server, "cloudtrail:eu-west-1,us-east-1");
    let report = analyze::audit(&settings, None, &Quiet, &cancel).unwrap().report;
    // The third page of a Region is asked for a second after the first at the earliest.
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(report.coverage.events.counted, 12);
    assert_eq!((report.coverage.objects.listed, report.coverage.objects.read), (6, 6));
    assert_eq!(report.coverage.retries, asked.load(Ordering::Relaxed) - 6);
    let account = report.coverage.accounts.iter().find(|account| account.account == "111122223333").unwrap();
    assert_eq!(account.trails, ["event-history"]);
    assert!(account.data_events.values().all(|seen| !seen));
}

/// A role that may read objects and describe instances, and a trail that records every object's data events.
fn snapshot(dir: &Path) {
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "ec2:DescribeInstances"], "Resource": "*"}]});
    let account = json!({"RoleDetailList": [{
        "RoleName": "app", "RoleId": "AROA1", "Arn": "arn:aws:iam::111122223333:role/app", "Path": "/",
        "CreateDate": "2020-01-01T00:00:00Z", "AttachedManagedPolicies": [],
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
        "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": policy}]}]});
    let trail = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/t";
    let trails =
        json!({"trailList": [{"TrailARN": trail, "HomeRegion": "eu-west-1", "IsMultiRegionTrail": true}]});
    let selectors = json!({"TrailARN": trail, "EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": true,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]});
    for (name, value) in [("account.json", account), ("trails.json", trails), ("selectors.json", selectors)] {
        std::fs::write(dir.join(name), value.to_string()).unwrap();
    }
}

#[test]
fn no_data_event_is_ever_missed_by_a_history_that_cannot_hold_one() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let events: Vec<String> = (0..9).map(record).collect();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        sts(&server).await;
        let events: Vec<Value> = events.iter().map(|text| json!({"CloudTrailEvent": text})).collect();
        Mock::given(header("x-amz-target", TARGET))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"Events": events})))
            .mount(&server)
            .await;
        server
    });
    let dir = tempfile::tempdir().unwrap();
    snapshot(dir.path());
    let cancel = AtomicBool::new(false);
    let unobservable = |sources: Vec<String>| {
        let settings = Settings { sources, iam: vec![dir.path().to_owned()], ..settings(&server, "") };
        let report = analyze::audit(&settings, None, &Quiet, &cancel).unwrap().report;
        let role = report.roles.iter().find(|role| role.name == "app").unwrap();
        role.granted.verdicts.unobservable
    };
    // By the history one of the two actions is never shown; by the trail's own logs both are.
    assert_eq!(unobservable(vec!["cloudtrail:eu-west-1".to_owned()]), 1);
    let logs = tempfile::tempdir().unwrap();
    let file = logs.path().join("log.json");
    std::fs::write(&file, format!("{{\"Records\":[{}]}}", events.join(","))).unwrap();
    assert_eq!(unobservable(vec![file.to_string_lossy().into_owned()]), 0);
}

#[test]
fn a_refused_region_is_named_and_all_refused_is_an_error() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        sts(&server).await;
        let denied = json!({"__type": "AccessDeniedException", "message": "not authorized to perform: cloudtrail:LookupEvents"});
        Mock::given(header("x-amz-target", TARGET))
            .and(|request: &Request| request.headers["authorization"].to_str().unwrap().contains("/sa-east-1/"))
            .respond_with(ResponseTemplate::new(400).set_body_json(denied))
            .mount(&server)
            .await;
        let one = json!({"Events": [{"EventTime": 1_767_500_000, "CloudTrailEvent": record(1)}]});
        Mock::given(header("x-amz-target", TARGET))
            .respond_with(ResponseTemplate::new(200).set_body_json(one))
            .mount(&server)
            .await;
        server
    });
    let cancel = AtomicBool::new(false);
    let both = settings(&server, "cloudtrail:eu-west-1,sa-east-1");
    let audited = analyze::audit(&both, None, &Quiet, &cancel).unwrap();
    assert!(!audited.is_complete);
    let issues: Vec<_> =
        audited.report.coverage.issues.iter().map(|issue| (&*issue.object, &*issue.kind)).collect();
    assert_eq!(issues, [("cloudtrail:/111122223333/CloudTrail/sa-east-1/", "list-denied")]);
    let error =
        analyze::audit(&settings(&server, "cloudtrail:sa-east-1"), None, &Quiet, &cancel).unwrap_err();
    assert_eq!(error.to_string(), "cannot read `cloudtrail:sa-east-1`");
    let error = analyze::audit(&settings(&server, "cloudtrail:../x"), None, &Quiet, &cancel).unwrap_err();
    assert!(error.to_string().contains("is no address"), "{error}");
}
