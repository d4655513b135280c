//! Tests of the catalog and of the step from an event to actions and resources.

use leastwise::catalog::{Catalog, Needs, Resource, Verdict, Visibility};
use leastwise::record::{Event, with_json};

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
fn where_an_action_would_show() {
    let catalog = Catalog::embedded();
    let visibility = |text: &str| catalog.visibility(catalog.find(text).unwrap());
    assert_eq!(visibility("ec2:RunInstances"), Visibility::Management);
    assert_eq!(visibility("s3:GetObject"), Visibility::Data { types: vec!["AWS::S3::Object"] });
    assert!(matches!(visibility("iam:PassRole"), Visibility::NeverLogged { .. }));
    assert_eq!(visibility("s3:ReplicateObject"), Visibility::NoPublicOperation);
}
