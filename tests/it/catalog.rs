//! Tests of the catalog and of the step from an event to actions and resources.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use leastwise::catalog::{Catalog, Evidence, Needs, Resource, Verdict, Visibility};
use leastwise::record::{Event, Outcome, with_json};
use serde_json::Value;

use crate::support;

/// What the catalog makes of a record given by its telling members.
fn needs(record: &str) -> Needs {
    let head = r#""eventID":"1","eventTime":"2026-01-01T00:00:00Z","eventType":"AwsApiCall","awsRegion":"eu-west-1","recipientAccountId":"123456789012","#;
    let record = record.replacen('{', &format!("{{{head}"), 1);
    with_json(&record, |json| Catalog::embedded().needs(&Event::parse(json).unwrap())).unwrap()
}

#[test]
fn an_event_is_told_by_the_first_action_it_needs() {
    for (source, name, action) in [
        ("s3.amazonaws.com", "GetObject", "s3:GetObject"),
        ("s3.amazonaws.com", "HeadObject", "s3:GetObject"),
        ("s3.amazonaws.com", "ListObjects", "s3:ListBucket"),
        ("s3.amazonaws.com", "HeadBucket", "s3:ListBucket"),
        ("s3.amazonaws.com", "ListBuckets", "s3:ListAllMyBuckets"),
        ("s3.amazonaws.com", "GetBucketCors", "s3:GetBucketCORS"),
        ("lambda.amazonaws.com", "Invoke", "lambda:InvokeFunction"),
        ("lambda.amazonaws.com", "ListFunctions20150331", "lambda:ListFunctions"),
        ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "lambda:UpdateFunctionCode"),
        ("cloudfront.amazonaws.com", "CreateDistribution2020_05_31", "cloudfront:CreateDistribution"),
        ("monitoring.amazonaws.com", "DescribeAlarms", "cloudwatch:DescribeAlarms"),
        ("sts.amazonaws.com", "AssumeRole", "sts:AssumeRole"),
    ] {
        let found = needs(&format!(r#"{{"eventSource":"{source}","eventName":"{name}"}}"#));
        assert_eq!(found.verdict, Verdict::Mapped, "{source} {name}");
        assert_eq!(found.needs[0].action.as_str(), action, "{source} {name}");
        assert!(found.needs.iter().all(|need| !need.resources.is_empty()), "{source} {name}");
    }
}

#[test]
fn an_event_nobody_knows_is_unknown_and_one_without_permission_says_so() {
    for (source, name, verdict) in [
        ("s3.amazonaws.com", "MakeCoffee", Verdict::Unknown),
        ("coffee.amazonaws.com", "GetObject", Verdict::Unknown),
        ("sts.amazonaws.com", "GetCallerIdentity", Verdict::NoPermission),
        ("sts.amazonaws.com", "AssumeRoleWithWebIdentity", Verdict::NoPermission),
        ("signin.amazonaws.com", "ConsoleLogin", Verdict::NoPermission),
    ] {
        let found = needs(&format!(r#"{{"eventSource":"{source}","eventName":"{name}"}}"#));
        assert_eq!((found.verdict, found.needs.len()), (verdict, 0), "{source} {name}");
    }
}

#[test]
fn only_the_object_counts_where_a_record_names_object_and_bucket() {
    let found = needs(
        r#"{"eventSource":"s3.amazonaws.com","eventName":"GetObject","resources":[
            {"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/a/b.txt"},
            {"type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::b","accountId":"123456789012"}]}"#,
    );
    assert_eq!(found.needs[0].resources, [Resource::Arn("arn:aws:s3:::b/a/b.txt".to_owned())]);
}

#[test]
fn one_parameter_does_not_fill_two_places_of_an_arn() {
    let found = needs(
        r#"{"eventSource":"cloudformation.amazonaws.com","eventName":"UpdateStack","requestParameters":{"stackName":"shop"}}"#,
    );
    let stack = "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/*";
    assert_eq!(found.needs[0].resources, [Resource::Arn(stack.to_owned())]);
}

#[test]
fn where_an_action_would_show() {
    let catalog = Catalog::embedded();
    let visibility = |text: &str| catalog.visibility(catalog.find(text).unwrap());
    assert_eq!(visibility("ec2:RunInstances"), Visibility::Management);
    assert_eq!(visibility("s3:GetObject"), Visibility::Data { types: vec!["AWS::S3::Object"] });
    assert!(matches!(visibility("iam:PassRole"), Visibility::NeverLogged { .. }));
    assert_eq!(visibility("s3:ReplicateObject"), Visibility::NoPublicOperation);
}

/// Calls `each` with every CloudTrail record anywhere in a folder of real input, whatever the container.
fn each_record(dir: &Path, each: &mut dyn FnMut(&str)) {
    let mut entries: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            each_record(&path, each);
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut inflated = Vec::new();
            // A cut-off archive still gives what is before the cut.
            let _ = flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut inflated);
            bytes = inflated;
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        if !text.contains("eventSource") {
            continue;
        }
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => records_in(&value, each),
            Err(_) => text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .for_each(|value| records_in(&value, each)),
        }
    }
}

fn records_in(value: &Value, each: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(members)
            if members.contains_key("eventSource") && members.contains_key("eventName") =>
        {
            each(&value.to_string());
        }
        Value::Object(members) => members.values().for_each(|value| records_in(value, each)),
        Value::Array(elements) => elements.iter().for_each(|value| records_in(value, each)),
        Value::String(text) if text.contains("eventSource") => {
            if let Ok(value) = serde_json::from_str(text) {
                records_in(&value, each);
            }
        }
        _ => {}
    }
}

#[test]
fn real_events_map_to_actions_that_exist_and_resources_of_their_types() {
    let Some(corpus) = support::corpus() else { return };
    let catalog = Catalog::embedded();
    let mut verdicts: BTreeMap<(Verdict, &str), u64> = BTreeMap::new();
    let mut unknown: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut resources: BTreeMap<&str, u64> = BTreeMap::new();
    let mut unnamed: BTreeMap<String, u64> = BTreeMap::new();
    let mut passed = BTreeSet::new();
    each_record(&corpus, &mut |record| {
        with_json(record, |json| {
            let Ok(event) = Event::parse(json) else { return };
            let found = catalog.needs(&event);
            if event.outcome() == Outcome::Succeeded {
                *verdicts.entry((found.verdict, found.rule)).or_default() += 1;
                if found.verdict == Verdict::Unknown {
                    *unknown.entry((event.source.to_owned(), event.name.to_owned())).or_default() += 1;
                }
            }
            assert_eq!(found.verdict == Verdict::Mapped, !found.needs.is_empty(), "{record}");
            for need in &found.needs {
                let id = catalog
                    .find(need.action.as_str())
                    .unwrap_or_else(|| panic!("{} in {record}", need.action));
                let info = catalog.info(id).unwrap();
                assert!(!need.resources.is_empty(), "{record}");
                assert!(need.context.is_sorted(), "{record}");
                if need.action.as_str() == "iam:PassRole" {
                    passed.insert(format!(
                        "{} {} {:?} {:?}",
                        event.source, event.name, need.resources, need.context
                    ));
                    assert_eq!(need.evidence, Evidence::Inferred);
                }
                for resource in &need.resources {
                    let kind = match resource {
                        Resource::Arn(arn) => {
                            let is_of = info.resource_types().any(|part| part.kind.is_of(arn));
                            assert!(is_of, "{arn} is no resource of {}", need.action);
                            if arn.contains('*') { "pattern" } else { "whole" }
                        }
                        Resource::None => {
                            assert_eq!(info.resource_types().count(), 0, "{}", need.action);
                            "none"
                        }
                        Resource::Unknown(_) => {
                            if event.outcome() == Outcome::Succeeded {
                                *unnamed.entry(format!("{} {}", event.name, need.action)).or_default() += 1;
                            }
                            "unknown"
                        }
                        Resource::InstanceProfile(_) => "instance profile",
                        Resource::LaunchTemplate(_) => "launch template",
                    };
                    *resources.entry(kind).or_default() += 1;
                }
            }
        })
        .unwrap_or_default();
    });
    eprintln!(
        "verdicts {verdicts:#?}\nunknown {unknown:#?}\nresources {resources:#?}\nunnamed {unnamed:#?}\npassed {passed:#?}"
    );
}
