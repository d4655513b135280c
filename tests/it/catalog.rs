//! Tests of the catalog and of the step from an event to actions and resources.

mod beside;
mod corpus;
mod hostile;
mod narrowing;
mod operations;
mod refresh;
mod resources;
mod reviewed;
mod visibility;

use leastwise::catalog::{Catalog, Evidence, Needs, Resource, Verdict};
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
        ("s3.amazonaws.com", "ListRegionalBuckets", "s3-outposts:ListRegionalBuckets"),
        ("bedrock.amazonaws.com", "RetrieveAndGenerateStream", "bedrock:RetrieveAndGenerate"),
        ("cloudsearch.amazonaws.com", "UploadDocuments", "cloudsearch:document"),
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
        ("codecatalyst.amazonaws.com", "GetSpace", Verdict::NoPermission),
        ("cognito-idp.amazonaws.com", "GetUserAuthFactors", Verdict::NoPermission),
    ] {
        let found = needs(&format!(r#"{{"eventSource":"{source}","eventName":"{name}"}}"#));
        assert_eq!((found.verdict, found.needs.len()), (verdict, 0), "{source} {name}");
    }
}

/// `action evidence: resources {context}` of each need, resources as a person would read them.
fn told(record: &str) -> Vec<String> {
    let text = |resource: &Resource| match resource {
        Resource::Arn(arn) => arn.clone(),
        Resource::None => "*".to_owned(),
        Resource::Unknown(_) => "?".to_owned(),
        Resource::InstanceProfile(name) => format!("profile:{name}"),
        Resource::LaunchTemplate(id) => format!("template:{id}"),
    };
    let needs = needs(record).needs;
    let lines = needs.iter().map(|need| {
        let mark = if need.evidence == Evidence::Inferred { "~" } else { "" };
        let resources: Vec<_> = need.resources.iter().map(text).collect();
        let context: Vec<_> = need.context.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        format!("{mark}{} {}{}", need.action, resources.join(","), context.concat())
    });
    lines.collect()
}

/// A record of this event with these request parameters and further members.
fn call(source: &str, name: &str, request: &str, more: &str) -> Vec<String> {
    told(&format!(
        r#"{{"eventSource":"{source}.amazonaws.com","eventName":"{name}","requestParameters":{request}{more}}}"#
    ))
}

#[test]
fn a_mapping_is_told_in_full() {
    let catalog = Catalog::embedded();
    let mapping = catalog.map("s3.amazonaws.com", "CopyObject");
    assert_eq!(
        (mapping.actions, mapping.rule),
        (vec!["s3:GetObject".to_owned(), "s3:PutObject".to_owned()], "exception")
    );
    assert!(mapping.resources.is_empty() && mapping.needs.is_empty());
    let mapping = catalog.map("sts", "GetCallerIdentity");
    assert_eq!((mapping.actions.len(), mapping.verdict, mapping.rule), (0, "no-permission", "no-permission"));
    assert_eq!(catalog.map("s3", "MakeCoffee").verdict, "unknown");
    assert_eq!(catalog.map("dms", "DescribeDataProviders").rule, "guessed");

    let fragment = r#"{"requestParameters":{"bucketName":"b","key":"k","versionId":"1"},"recipientAccountId":"123456789012"}"#;
    let mapping = catalog.map_record("s3", "GetObject", fragment).unwrap();
    assert_eq!(
        (mapping.actions, mapping.resources),
        (vec!["s3:GetObjectVersion".to_owned()], vec!["arn:aws:s3:::b/k".to_owned()])
    );
    let records = format!(
        r#"{{"Records":[{{"eventName":"PutObject"}},{{"eventName":"GetObject",{}]}}"#,
        fragment.strip_prefix('{').unwrap()
    );
    assert_eq!(catalog.map_record("s3", "GetObject", &records).unwrap().needs.len(), 1);
    for (record, message) in [
        ("[1]", "the record is not an object"),
        ("{", "not valid JSON"),
        (r#"{"eventName":"X"}"#, "the record is of `X`"),
    ] {
        let error = catalog.map_record("s3", "GetObject", record).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn what_each_resource_rests_on_is_told() {
    let catalog = Catalog::embedded();
    let key = "arn:aws:kms:eu-west-1:123456789012:key/k";
    let table = "arn:aws:dynamodb:eu-west-1:123456789012:table/t";
    for (source, event, members, action, arn, word) in [
        ("kms", "Encrypt", format!(r#""resources":[{{"ARN":"{key}"}}]"#), "kms:Encrypt", key, "resources"),
        (
            "kms",
            "Encrypt",
            format!(r#""requestParameters":{{"keyId":"{key}"}}"#),
            "kms:Encrypt",
            key,
            "request",
        ),
        (
            "dynamodb",
            "PutItem",
            r#""requestParameters":{"tableName":"t"}"#.to_owned(),
            "dynamodb:PutItem",
            table,
            "service",
        ),
        (
            "eks",
            "DescribeCluster",
            r#""requestParameters":{"name":"c"}"#.to_owned(),
            "eks:DescribeCluster",
            "arn:aws:eks:eu-west-1:123456789012:cluster/c",
            "format",
        ),
        (
            "ec2",
            "RunInstances",
            r#""requestParameters":{"subnetId":"subnet-0123456789abcdef0"}"#.to_owned(),
            "ec2:RunInstances",
            "arn:aws:ec2:eu-west-1:123456789012:instance/*",
            "type",
        ),
        (
            "s3",
            "CopyObject",
            r#""requestParameters":{"bucketName":"b","key":"k","x-amz-copy-source":"c/d"}"#.to_owned(),
            "s3:GetObject",
            "arn:aws:s3:::c/d",
            "rule",
        ),
    ] {
        let record = format!(r#"{{"awsRegion":"eu-west-1","recipientAccountId":"123456789012",{members}}}"#);
        let mapping = catalog.map_record(source, event, &record).unwrap();
        let need = mapping.needs.iter().find(|need| need.action == action).unwrap();
        let from = need.provenance.get(arn).unwrap_or_else(|| panic!("{arn}: {need:?}"));
        assert_eq!(from.split(':').next(), Some(word), "{source} {event}");
        assert!(need.resources.iter().all(|arn| need.provenance.contains_key(arn)), "{need:?}");
    }
}
