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
    for action in [
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
        "ecs:RunTask",
        "glue:GetTable",
        "iam:CreateRole",
        "kms:Decrypt",
        "lambda:PublishVersion",
        "lambda:UpdateFunctionCode",
        "rds-data:ExecuteSql",
        "s3:GetBucketPolicy",
        "secretsmanager:GetSecretValue",
        "sqs:PurgeQueue",
        "ssm:GetParameter",
        "ssm:SendCommand",
        "states:StartExecution",
        "sts:AssumeRole",
    ] {
        assert_eq!(visibility(action), Visibility::Management, "{action}");
    }
    for (action, types) in [
        ("bedrock:InvokeAgent", &["AWS::Bedrock::AgentAlias"][..]),
        ("cloudwatch:PutMetricData", &["AWS::CloudWatch::Metric"]),
        ("dynamodb:PutItem", &["AWS::DynamoDB::Table"]),
        ("ebs:GetSnapshotBlock", &["AWS::EC2::Snapshot"]),
        ("kinesis:PutRecord", &["AWS::Kinesis::Stream"]),
        ("lambda:InvokeFunction", &["AWS::Lambda::Function"]),
        ("rds-data:ExecuteStatement", &["AWS::RDS::DBCluster"]),
        ("redshift-data:GetStatementResult", &["AWS::Redshift::Cluster"]),
        ("s3vectors:QueryVectors", &["AWS::S3Vectors::Index"]),
        ("sns:Publish", &["AWS::SNS::PlatformEndpoint", "AWS::SNS::Topic"]),
        ("sqs:SendMessage", &["AWS::SQS::Queue"]),
        ("states:SendTaskSuccess", &["AWS::StepFunctions::Activity", "AWS::StepFunctions::StateMachine"]),
    ] {
        assert_eq!(visibility(action), Visibility::Data { types: types.to_vec() }, "{action}");
    }
}

#[test]
fn kinds_of_data_events_without_named_actions_take_the_data_plane_and_leave_management() {
    let catalog = Catalog::embedded();
    let visibility = |text: &str| catalog.visibility(catalog.find(text).unwrap());
    for (action, types) in [
        // Works on the resource type the kind is named for.
        ("iotsitewise:CancelPipelineExecution", &["AWS::IoTSiteWise::Pipeline"][..]),
        ("sagemaker:StopJob", &["AWS::SageMaker::Job"]),
        // A call of the data plane by its name.
        ("sagemaker:QueryLineage", &["AWS::SageMaker::Job"]),
    ] {
        assert_eq!(visibility(action), Visibility::Data { types: types.to_vec() }, "{action}");
    }
    for action in [
        "iotsitewise:CreatePipeline",
        "iotsitewise:DescribePipeline",
        "iotsitewise:PutStorageConfiguration",
        "quicksight:UpdateFlowPermissions",
        "sagemaker:CreateJob",
        "sagemaker:ListJobs",
        "sagemaker:StopTrainingJob",
        "sagemaker:PutModelPackageGroupPolicy",
    ] {
        assert_eq!(visibility(action), Visibility::Management, "{action}");
    }
}

#[test]
fn no_management_event_of_real_logs_is_one_of_an_action_only_data_events_would_show() {
    let Some(corpus) = support::corpus() else { return };
    let catalog = Catalog::embedded();
    // Made-up records, and one older than the kind of data event it would be today.
    let excused = ["ec2-instance-connect:OpenTunnel", "s3:GetObject"];
    let (mut checked, mut wrong) = (BTreeSet::new(), BTreeSet::new());
    each_record(&corpus, &mut |record| {
        let Ok(value) = serde_json::from_str::<Value>(record) else { return };
        if value["eventCategory"] != "Management" && value["managementEvent"] != true {
            return;
        }
        let (Some(source), Some(name)) = (value["eventSource"].as_str(), value["eventName"].as_str()) else {
            return;
        };
        // The action an event bears the name of: the others it needs may well show in data events.
        let prefix = source.strip_suffix(".amazonaws.com").unwrap_or(source);
        let prefix = if prefix == "monitoring" { "cloudwatch" } else { prefix };
        let Some(id) = catalog.find_in(prefix, name) else { return };
        let action = catalog.info(id).unwrap().action().to_string();
        if matches!(catalog.visibility(id), Visibility::Data { .. }) && !excused.contains(&action.as_str()) {
            wrong.insert(action.clone());
        }
        checked.insert(action);
    });
    assert!(checked.len() > 300, "only {} actions of management events were found", checked.len());
    assert_eq!(wrong, BTreeSet::new());
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
fn what_the_request_shows_narrows_the_actions() {
    let s3 = |name: &str, request: &str| call("s3", name, request, "");
    let object = "arn:aws:s3:::b/k";
    for (name, request, expected) in [
        ("GetObject", r#"{"bucketName":"b","key":"k"}"#, vec![format!("s3:GetObject {object}")]),
        (
            "GetObject",
            r#"{"bucketName":"b","key":"k","versionId":"v"}"#,
            vec![format!("s3:GetObjectVersion {object}")],
        ),
        ("HeadObject", r#"{"bucketName":"b","key":"k"}"#, vec![format!("s3:GetObject {object}")]),
        (
            "DeleteObject",
            r#"{"bucketName":"b","key":"k","versionId":"v"}"#,
            vec![format!("s3:DeleteObjectVersion {object}")],
        ),
        (
            "PutObject",
            r#"{"bucketName":"b","key":"k","X-Amz-Acl":"private","x-amz-tagging":"a=b"}"#,
            vec![
                format!("s3:PutObject {object}"),
                format!("~s3:PutObjectAcl {object}"),
                format!("~s3:PutObjectTagging {object}"),
            ],
        ),
        (
            "PutObject",
            r#"{"bucketName":"b","key":"k","x-amz-object-lock-mode":"GOVERNANCE","x-amz-object-lock-legal-hold":"ON"}"#,
            vec![
                format!("s3:PutObject {object}"),
                format!("~s3:PutObjectRetention {object}"),
                format!("~s3:PutObjectLegalHold {object}"),
            ],
        ),
        (
            "CopyObject",
            r#"{"bucketName":"b","key":"k","x-amz-copy-source":"/other/a%2Fb"}"#,
            vec!["s3:GetObject arn:aws:s3:::other/a/b".to_owned(), format!("s3:PutObject {object}")],
        ),
        (
            "CopyObject",
            r#"{"bucketName":"b","key":"k","x-amz-copy-source":"other/a?versionId=3"}"#,
            vec!["s3:GetObjectVersion arn:aws:s3:::other/a".to_owned(), format!("s3:PutObject {object}")],
        ),
        (
            "ListObjects",
            r#"{"list-type":"2","bucketName":"b","prefix":"k"}"#,
            vec!["s3:ListBucket arn:aws:s3:::b".to_owned()],
        ),
        ("HeadBucket", r#"{"bucketName":"b"}"#, vec!["s3:ListBucket arn:aws:s3:::b".to_owned()]),
        (
            "CompleteMultipartUpload",
            r#"{"bucketName":"b","key":"k","uploadId":"u"}"#,
            vec![format!("s3:PutObject {object}")],
        ),
        (
            "GetObject",
            r#"{"bucketName":"b--use1-az4--x-s3","key":"k"}"#,
            vec![
                "s3express:CreateSession arn:aws:s3express:eu-west-1:123456789012:bucket/b--use1-az4--x-s3"
                    .to_owned(),
            ],
        ),
        (
            "GetObject",
            r#"{"bucketName":"arn:aws:s3:eu-west-1:123456789012:accesspoint/ap","key":"k"}"#,
            vec!["s3:GetObject arn:aws:s3:eu-west-1:123456789012:accesspoint/ap/object/k".to_owned()],
        ),
        // A key that would be a wildcard in a policy is not handed on.
        ("GetObject", r#"{"bucketName":"b","key":"*"}"#, vec!["s3:GetObject ?".to_owned()]),
        ("GetObject", r#"{"bucketName":"b","key":"${aws:username}"}"#, vec!["s3:GetObject ?".to_owned()]),
    ] {
        assert_eq!(s3(name, request), expected, "{name} {request}");
    }
}

#[test]
fn transactions_statements_and_keys_are_taken_apart() {
    let table = |name: &str| format!("arn:aws:dynamodb:eu-west-1:123456789012:table/{name}");
    assert_eq!(
        call(
            "dynamodb",
            "TransactWriteItems",
            r#"{"requestItems":[{"operation":"Put","tableName":"a"},{"operation":"ConditionCheck","TableName":"b"}]}"#,
            ""
        ),
        [format!("dynamodb:ConditionCheckItem {}", table("b")), format!("dynamodb:PutItem {}", table("a"))]
    );
    let listed = format!(r#","resources":[{{"type":"AWS::DynamoDB::Table","ARN":"{}"}}]"#, table("a"));
    assert_eq!(
        call("dynamodb", "ExecuteStatement", r#"{"statement":"update a set x = ***"}"#, &listed),
        [format!("dynamodb:PartiQLUpdate {}", table("a"))]
    );
    let hidden = needs(
        r#"{"eventSource":"dynamodb.amazonaws.com","eventName":"ExecuteStatement","requestParameters":null}"#,
    );
    assert_eq!((hidden.verdict, hidden.needs.len()), (Verdict::Unknown, 0));
    assert_eq!(
        call("dynamodb", "Query", r#"{"tableName":"a","indexName":"i"}"#, ""),
        [format!("dynamodb:Query {0},{0}/index/i", table("a"))]
    );
    let key = |id: &str| format!("arn:aws:kms:eu-west-1:123456789012:key/{id}");
    let keys = format!(r#","resources":[{{"ARN":"{}"}},{{"ARN":"{}"}}]"#, key("from"), key("to"));
    assert_eq!(
        call("kms", "ReEncrypt", r#"{"destinationKeyId":"to"}"#, &keys),
        [format!("kms:ReEncryptFrom {}", key("from")), format!("kms:ReEncryptTo {}", key("to"))]
    );
    let via = format!(
        r#","userIdentity":{{"type":"AssumedRole","invokedBy":"secretsmanager.amazonaws.com"}},"resources":[{{"ARN":"{}"}}]"#,
        key("k")
    );
    assert_eq!(
        call("kms", "Decrypt", "null", &via),
        [format!("kms:Decrypt {} kms:ViaService=secretsmanager.eu-west-1.amazonaws.com", key("k"))]
    );
}

#[test]
fn roles_assumed_with_tags_and_shared_sources() {
    let role = "arn:aws:iam::123456789012:role/path/R";
    assert_eq!(
        call(
            "sts",
            "AssumeRole",
            &format!(r#"{{"roleArn":"{role}","tags":[{{"key":"a","value":"b"}}],"sourceIdentity":"me"}}"#),
            ""
        ),
        [
            format!("sts:AssumeRole {role}"),
            format!("~sts:TagSession {role}"),
            format!("~sts:SetSourceIdentity {role}")
        ]
    );
    let scaling =
        call("autoscaling", "PutScalingPolicy", r#"{"serviceNamespace":"ecs","policyName":"p"}"#, "");
    assert!(scaling[0].starts_with("application-autoscaling:PutScalingPolicy"), "{scaling:?}");
    let scaling =
        call("autoscaling", "PutScalingPolicy", r#"{"autoScalingGroupName":"g","policyName":"p"}"#, "");
    assert_eq!(
        scaling,
        [
            "autoscaling:PutScalingPolicy arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:*:autoScalingGroupName/g"
        ]
    );
    assert_eq!(
        call("apigateway", "UpdateStage", r#"{"restApiId":"a1","stageName":"live"}"#, ""),
        ["apigateway:PATCH arn:aws:apigateway:eu-west-1::/restapis/a1/stages/live"]
    );
}

#[test]
fn resources_are_put_together_in_each_services_way() {
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:eu-west-1:123456789012:{rest}");
    for (source, name, request, expected) in [
        (
            "lambda",
            "Invoke",
            r#"{"functionName":"f"}"#,
            format!("lambda:InvokeFunction {}", arn("lambda", "function:f")),
        ),
        (
            "lambda",
            "GetFunction20150331v2",
            r#"{"functionName":"123456789012:function:f:live"}"#,
            format!("lambda:GetFunction {}", arn("lambda", "function:f")),
        ),
        (
            "sqs",
            "SendMessage",
            r#"{"queueUrl":"https://sqs.eu-west-1.amazonaws.com/123456789012/q"}"#,
            format!("sqs:SendMessage {}", arn("sqs", "q")),
        ),
        (
            "ssm",
            "GetParameter",
            r#"{"name":"/a/b"}"#,
            format!("ssm:GetParameter {}", arn("ssm", "parameter/a/b")),
        ),
        (
            "secretsmanager",
            "GetSecretValue",
            r#"{"secretId":"db"}"#,
            format!("secretsmanager:GetSecretValue {}", arn("secretsmanager", "secret:db-??????")),
        ),
        (
            "ec2",
            "StopInstances",
            r#"{"instancesSet":{"items":[{"instanceId":"i-0123456789abcdef0"}]}}"#,
            format!("ec2:StopInstances {}", arn("ec2", "instance/i-0123456789abcdef0")),
        ),
        (
            "ec2",
            "DeleteNatGateway",
            r#"{"DeleteNatGatewayRequest":{"NatGatewayId":"nat-0123456789abcdef0"}}"#,
            format!("ec2:DeleteNatGateway {}", arn("ec2", "natgateway/nat-0123456789abcdef0")),
        ),
        (
            "rds",
            "DeleteDBInstance",
            r#"{"dBInstanceIdentifier":"d"}"#,
            format!("rds:DeleteDBInstance {}", arn("rds", "db:d")),
        ),
        (
            "ecs",
            "UpdateService",
            r#"{"cluster":"c","service":"s"}"#,
            format!("ecs:UpdateService {}", arn("ecs", "service/c/s")),
        ),
        (
            "eks",
            "DescribeCluster",
            r#"{"name":"c"}"#,
            format!("eks:DescribeCluster {}", arn("eks", "cluster/c")),
        ),
        (
            "cloudtrail",
            "StopLogging",
            r#"{"name":"arn:aws:cloudtrail:eu-west-1:123456789012:trail/t"}"#,
            format!("cloudtrail:StopLogging {}", arn("cloudtrail", "trail/t")),
        ),
        ("iam", "GetRole", r#"{"roleName":"R"}"#, "iam:GetRole arn:aws:iam::123456789012:role/*R".to_owned()),
        ("ec2", "DescribeInstances", "{}", "ec2:DescribeInstances *".to_owned()),
        (
            "ec2",
            "DisassociateRouteTable",
            r#"{"associationId":"rtbassoc-06c42ea03f0967f18"}"#,
            "ec2:DisassociateRouteTable ?".to_owned(),
        ),
        ("dynamodb", "PutItem", r#"{"omitted":true}"#, "dynamodb:PutItem ?".to_owned()),
        (
            "iam",
            "CreateRole",
            r#"{"roleName":"R","path":"/p/"}"#,
            "iam:CreateRole arn:aws:iam::123456789012:role/p/R".to_owned(),
        ),
    ] {
        assert_eq!(call(source, name, request, ""), [expected], "{source} {name} {request}");
    }
}

#[test]
fn what_a_launch_needs() {
    let found = call(
        "ec2",
        "RunInstances",
        r#"{"instancesSet":{"items":[{"imageId":"ami-0123456789abcdef0"}]},"subnetId":"subnet-0123456789abcdef0","iamInstanceProfile":{"name":"app"},
            "tagSpecificationSet":{"items":[{"resourceType":"instance","tags":[{"key":"a","value":"b"}]}]}}"#,
        r#","responseElements":{"instancesSet":{"items":[{"instanceId":"i-0123456789abcdef0"}]}}"#,
    );
    let arn = |rest: &str| format!("arn:aws:ec2:eu-west-1:123456789012:{rest}");
    let resources = [
        arn("instance/*"),
        arn("network-interface/*"),
        arn("security-group/*"),
        arn("subnet/subnet-0123456789abcdef0"),
        arn("volume/*"),
        "arn:aws:ec2:eu-west-1::image/ami-0123456789abcdef0".to_owned(),
    ];
    assert_eq!(
        found,
        [
            format!("ec2:RunInstances {}", resources.join(",")),
            "~iam:PassRole profile:app iam:PassedToService=ec2.amazonaws.com".to_owned(),
            format!("~ec2:CreateTags {} ec2:CreateAction=RunInstances", arn("instance/*")),
        ]
    );
}

#[test]
fn roles_are_passed_by_successful_writes_alone() {
    let role = "arn:aws:iam::123456789012:role/service-role/R";
    let passed = |source: &str, name: &str, request: &str, more: &str| -> Vec<String> {
        let found = call(source, name, request, more);
        found.into_iter().filter_map(|line| line.strip_prefix("~iam:PassRole ").map(str::to_owned)).collect()
    };
    for (source, name, request, expected) in [
        (
            "lambda",
            "CreateFunction20150331",
            format!(r#"{{"functionName":"f","role":"{role}"}}"#),
            format!("{role} iam:PassedToService=lambda.amazonaws.com"),
        ),
        (
            "ecs",
            "RegisterTaskDefinition",
            format!(r#"{{"family":"f","taskRoleArn":"{role}"}}"#),
            format!("{role} iam:PassedToService=ecs-tasks.amazonaws.com"),
        ),
        (
            "glue",
            "CreateJob",
            r#"{"name":"j","role":"R"}"#.to_owned(),
            "arn:aws:iam::123456789012:role/*R iam:PassedToService=glue.amazonaws.com".to_owned(),
        ),
        (
            "iam",
            "AddRoleToInstanceProfile",
            r#"{"roleName":"R","instanceProfileName":"p"}"#.to_owned(),
            "arn:aws:iam::123456789012:role/*R iam:PassedToService=ec2.amazonaws.com".to_owned(),
        ),
        (
            "ec2",
            "RunInstances",
            r#"{"launchTemplate":{"launchTemplateId":"lt-0123456789abcdef0"}}"#.to_owned(),
            "template:lt-0123456789abcdef0 iam:PassedToService=ec2.amazonaws.com".to_owned(),
        ),
    ] {
        assert_eq!(passed(source, name, &request, ""), [expected], "{source} {name}");
    }
    let none: &[(&str, &str, String, &str)] = &[
        ("sts", "AssumeRole", format!(r#"{{"roleArn":"{role}"}}"#), ""),
        ("iam", "GetRole", format!(r#"{{"roleName":"{role}"}}"#), ""),
        ("iam", "AttachRolePolicy", r#"{"roleName":"R"}"#.to_owned(), ""),
        ("eks", "CreateAccessEntry", format!(r#"{{"name":"c","principalArn":"{role}"}}"#), ""),
        ("kms", "CreateGrant", format!(r#"{{"granteePrincipal":"{role}"}}"#), ""),
        ("rds", "RemoveRoleFromDBInstance", format!(r#"{{"roleArn":"{role}"}}"#), ""),
        (
            "lambda",
            "CreateFunction20150331",
            format!(r#"{{"role":"{role}"}}"#),
            r#","errorCode":"AccessDenied""#,
        ),
        (
            "s3",
            "PutBucketPolicy",
            format!(
                r#"{{"bucketName":"b","bucketPolicy":{{"Statement":[{{"Principal":{{"AWS":"{role}"}}}}]}}}}"#
            ),
            "",
        ),
        // A template whose instances came up without a profile passed none.
        (
            "ec2",
            "RunInstances",
            r#"{"launchTemplate":{"launchTemplateId":"lt-0123456789abcdef0"}}"#.to_owned(),
            r#","responseElements":{"instancesSet":{"items":[{"instanceId":"i-0123456789abcdef0"}]}}"#,
        ),
    ];
    for (source, name, request, more) in none {
        assert_eq!(passed(source, name, request, more), Vec::<String>::new(), "{source} {name}");
    }
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
fn the_lock_tells_what_the_catalog_was_made_of() {
    let path = support::root().join("src/catalog/data/catalog.lock.toml");
    let lock: toml::Value = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let count = |name: &str| lock["counts"][name].as_integer().unwrap();
    let catalog = Catalog::embedded();
    assert_eq!(count("actions"), i64::try_from(catalog.n_actions()).unwrap());
    assert_eq!(count("services"), i64::try_from(catalog.n_services()).unwrap());
    let borne = catalog.all().filter(|id| catalog.info(*id).unwrap().has_operation()).count();
    assert_eq!(count("actions-borne-by-operations"), i64::try_from(borne).unwrap());
    assert!(
        count("operations-mapped") * 1_000 >= count("operations") * 985,
        "fewer than 98.5 % of the operations are mapped"
    );
    for input in ["actions", "dependent-actions", "operations"] {
        assert_eq!(lock["inputs"][input]["sha256"].as_str().map(str::len), Some(64), "{input}");
    }
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
