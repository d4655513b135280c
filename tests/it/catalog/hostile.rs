//! Events that are not as AWS writes them, and services and actions the catalog does not know: told as they are, never a panic.

use std::collections::BTreeSet;

use leastwise::catalog::{Catalog, Resource, Verdict};
use leastwise::record::{Event, with_json};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{call, needs};

/// Every resource a record leads to is of a type of its action, or says why there is none.
fn check(record: &Value) -> Result<(), TestCaseError> {
    let catalog = Catalog::embedded();
    let found =
        with_json(&record.to_string(), |json| Event::parse(json).ok().map(|event| catalog.needs(&event)))
            .expect("written as JSON");
    let Some(found) = found else { return Ok(()) };
    prop_assert_eq!(found.verdict == Verdict::Mapped, !found.needs.is_empty());
    for need in &found.needs {
        let info = catalog.info(catalog.find(need.action.as_str()).expect("a known action")).unwrap();
        prop_assert!(!need.resources.is_empty());
        for resource in &need.resources {
            match resource {
                Resource::Arn(arn) => {
                    let is_of = info.resource_types().any(|part| part.kind.is_of(arn));
                    prop_assert!(is_of, "{} is no resource of {} in {}", arn, need.action, record);
                    prop_assert!(!arn.contains("${"), "{} is a policy variable", arn);
                    prop_assert!(!arn.chars().any(char::is_control), "{:?}", arn);
                }
                Resource::None => prop_assert_eq!(info.resource_types().count(), 0, "{}", need.action),
                Resource::Unknown(why) => prop_assert!(!why.is_empty()),
                Resource::InstanceProfile(_) | Resource::LaunchTemplate(_) => {
                    prop_assert_eq!(need.action.as_str(), "iam:PassRole");
                }
            }
        }
    }
    Ok(())
}

/// Texts that mean something to a policy, an ARN, a path or a terminal, and ordinary ones.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("web".to_owned()),
        Just("*".to_owned()),
        Just("a?b".to_owned()),
        Just("${aws:username}".to_owned()),
        Just("arn:aws:s3:::b/../k".to_owned()),
        Just("arn:aws:iam::123456789012:role/x/R".to_owned()),
        Just("arn:aws-cn:s3:::b".to_owned()),
        Just("arn:::::".to_owned()),
        Just("i-0123456789abcdef0".to_owned()),
        Just("https://sqs.eu-west-1.amazonaws.com/123456789012/q".to_owned()),
        Just("%zz%2".to_owned()),
        Just(String::new()),
        "\\PC{0,12}",
        "[a-z0-9:/-]{1,40}",
        Just("\u{1b}[31m\u{202e}\n".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..3)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

/// Parameters the rules look for.
fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "bucketName",
        "key",
        "versionId",
        "x-amz-copy-source",
        "x-amz-acl",
        "tags",
        "tagSpecificationSet",
        "items",
        "name",
        "roleName",
        "roleArn",
        "role",
        "functionName",
        "layerName",
        "queueUrl",
        "topicArn",
        "subscriptionArn",
        "tableName",
        "indexName",
        "requestItems",
        "transactItems",
        "operation",
        "statement",
        "Put",
        "keyId",
        "destinationKeyId",
        "secretId",
        "path",
        "cluster",
        "service",
        "family",
        "taskDefinition",
        "iamInstanceProfile",
        "launchTemplate",
        "launchTemplateId",
        "instancesSet",
        "instanceId",
        "logGroupName",
        "logStreamName",
        "repositoryName",
        "registryId",
        "serviceNamespace",
        "restApiId",
        "stageName",
        "resourceType",
        "resourceId",
        "omitted",
        "policyName",
        "userName",
        "stackName",
        "arn",
        "id",
    ])
    .prop_map(str::to_owned)
}

fn event() -> impl Strategy<Value = Value> {
    let call = prop::sample::select(vec![
        ("s3", "GetObject"),
        ("s3", "CopyObject"),
        ("s3", "DeleteObjects"),
        ("s3", "PutBucketReplication"),
        ("ec2", "RunInstances"),
        ("ec2", "StopInstances"),
        ("ec2", "CreateTags"),
        ("iam", "CreateRole"),
        ("iam", "GetRole"),
        ("iam", "AddRoleToInstanceProfile"),
        ("lambda", "CreateFunction20150331"),
        ("lambda", "PublishLayerVersion20181031"),
        ("sqs", "SendMessage"),
        ("sns", "Publish"),
        ("dynamodb", "Query"),
        ("dynamodb", "TransactWriteItems"),
        ("dynamodb", "ExecuteStatement"),
        ("kms", "ReEncrypt"),
        ("kms", "Decrypt"),
        ("sts", "AssumeRole"),
        ("ssm", "GetParameters"),
        ("ssm", "SendCommand"),
        ("ecs", "RunTask"),
        ("ecs", "RegisterTaskDefinition"),
        ("logs", "CreateLogStream"),
        ("secretsmanager", "GetSecretValue"),
        ("secretsmanager", "CreateSecret"),
        ("ecr", "BatchGetImage"),
        ("apigateway", "UpdateStage"),
        ("autoscaling", "PutScalingPolicy"),
        ("cloudformation", "UpdateStack"),
        ("rds", "CreateDBInstance"),
        ("glue", "CreateJob"),
        ("eks", "CreateCluster"),
        ("states", "StartExecution"),
        ("execute-api", "Invoke"),
        ("batch", "SubmitJob"),
        ("nosuch", "GetObject"),
        ("s3", "MakeCoffee"),
    ]);
    let region = prop::sample::select(vec!["eu-west-1", "cn-north-1", "us-gov-west-1", "", "*", "mars-1"]);
    let members = |n| {
        prop::collection::vec((key(), value()), 0..n)
            .prop_map(|members| members.into_iter().collect::<Value>())
    };
    let odd = prop_oneof![6 => members(6), 1 => value()];
    let resources = prop_oneof![
        4 => Just(Value::Null),
        2 => prop::collection::vec(text(), 0..3)
            .prop_map(|arns| arns.into_iter().map(|arn| json!({"ARN": arn, "type": "AWS::S3::Object"})).collect()),
        1 => value(),
    ];
    (call, region, odd, members(3), resources).prop_map(|((source, name), region, request, response, resources)| {
        json!({
            "eventID": "1", "eventTime": "2026-01-01T00:00:00Z", "eventType": "AwsApiCall", "awsRegion": region,
            "recipientAccountId": "123456789012", "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
            "requestParameters": request, "responseElements": response, "resources": resources,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_parameters_each_resource_is_of_its_actions_types(record in event()) {
        check(&record)?;
    }
}

/// An event of each action's name, its parameters of the wrong type.
#[test]
fn parameters_of_the_wrong_type_break_no_action_of_the_catalog() {
    let catalog = Catalog::embedded();
    let names = ["name", "arn", "id", "tags", "roleArn", "bucketName", "key", "resources", "items"];
    let wrong = [json!(7), json!([[null]]), json!({"": {"items": [[]]}}), json!(true)];
    let request: Value = names
        .iter()
        .zip(wrong.iter().cycle())
        .map(|(name, wrong)| ((*name).to_owned(), wrong.clone()))
        .collect();
    let mut verdicts = BTreeSet::new();
    for id in catalog.all() {
        let action = catalog.info(id).unwrap().action().clone();
        let record = json!({
            "eventID": "1", "eventTime": "2026-01-01T00:00:00Z", "eventType": "AwsApiCall", "awsRegion": "eu-west-1",
            "eventSource": format!("{}.amazonaws.com", action.service()), "eventName": action.name(),
            "requestParameters": &request, "recipientAccountId": 5,
        });
        check(&record).unwrap();
        verdicts.insert(catalog.map(action.service(), action.name()).verdict);
    }
    assert!(verdicts.contains("mapped"), "{verdicts:?}");
}

#[test]
fn what_the_catalog_does_not_know_is_told_with_its_reason() {
    for (source, name, rule) in [
        ("coffee.amazonaws.com", "Brew", "unknown-service"),
        ("s3.amazonaws.com", "BrewObject", "unknown-event"),
        ("monitoring.amazonaws.com", "BrewAlarm", "unknown-event"),
        ("s3.amazonaws.com", "GetObject\u{0}", "unknown-event"),
        ("s3.amazonaws.com", "*", "unknown-event"),
    ] {
        let record = json!({"eventSource": source, "eventName": name}).to_string();
        let found = needs(&record);
        assert_eq!(
            (found.verdict, found.rule, found.needs.len()),
            (Verdict::Unknown, rule, 0),
            "{source} {name}"
        );
    }
    // An element that hides which of the actions it is.
    let half = r#"{"requestItems":[{"operation":"Put","tableName":"t"},{"tableName":"u"}]}"#;
    let found = needs(&format!(
        r#"{{"eventSource":"dynamodb.amazonaws.com","eventName":"TransactWriteItems","requestParameters":{half}}}"#
    ));
    assert_eq!((found.verdict, found.rule), (Verdict::Unknown, "hidden-request"));
    // One of several actions, and the record does not tell which.
    for request in ["null", r#"{"requestItems":[]}"#, r#"{"requestItems":7}"#, r#"{"omitted":true}"#] {
        for name in ["TransactWriteItems", "ExecuteStatement", "BatchExecuteStatement"] {
            let found = needs(&format!(
                r#"{{"eventSource":"dynamodb.amazonaws.com","eventName":"{name}","requestParameters":{request}}}"#
            ));
            assert_eq!((found.verdict, found.rule), (Verdict::Unknown, "hidden-request"), "{name} {request}");
        }
    }
}

#[test]
fn truncated_parameters_make_the_resource_unknown_and_never_none() {
    for (source, name) in [
        ("s3", "PutObject"),
        ("dynamodb", "PutItem"),
        ("lambda", "UpdateFunctionConfiguration20150331v2"),
        ("kms", "Encrypt"),
    ] {
        for request in [
            r#"{"omitted":true,"reason":"requestParameters too large"}"#,
            "null",
            r#"{"requestParameters":"***"}"#,
        ] {
            let told = call(source, name, request, "");
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].ends_with(" ?"), "{told:?}");
        }
    }
    let why = |request: &str| {
        let record = format!(
            r#"{{"eventSource":"dynamodb.amazonaws.com","eventName":"PutItem","requestParameters":{request}}}"#
        );
        needs(&record).needs[0].resources.clone()
    };
    assert_eq!(why(r#"{"omitted":true}"#), [Resource::Unknown("the event leaves parameters out")]);
    assert_eq!(why("null"), [Resource::Unknown("the event names no resource of the action's kinds")]);
}

#[test]
fn a_guessed_action_is_used_and_the_call_is_still_told_as_not_known() {
    let catalog = Catalog::embedded();
    let candidates = catalog.candidates("dms.amazonaws.com", "DescribeDataProviders");
    assert_eq!(candidates.services, ["dms"]);
    assert_eq!(candidates.actions, catalog.expand("dms:*"));
    let record = r#"{"Records":[{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:x",
        "arn":"arn:aws:sts::111122223333:assumed-role/app/x","accountId":"111122223333","sessionContext":{"sessionIssuer":
        {"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/app","accountId":"111122223333","userName":"app"}}},
        "eventTime":"2026-03-02T10:00:00Z","eventSource":"dms.amazonaws.com","eventName":"DescribeDataProviders","awsRegion":"eu-west-1",
        "eventID":"1","eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"}]}"#;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("log.json"), record).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .args(["audit", "log.json", "--format", "json"])
        .current_dir(dir.path())
        .env_clear()
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["roles"][0]["used"][0]["action"], "dms:ListDataProviders");
    assert_eq!(report["roles"][0]["unmapped"], json!({"dms.amazonaws.com DescribeDataProviders": 1}));
}
