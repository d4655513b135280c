//! Which resources an event was about, and which roles it passed.

use leastwise::catalog::{Catalog, Resource};
use leastwise::record::{Event, with_json};

use super::{call, needs};

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
        ("batch", "DeleteComputeEnvironment", format!(r#"{{"serviceRole":"{role}"}}"#), ""),
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

/// The parameters are those of the operations' models; the ARN formats name them otherwise.
#[test]
fn the_model_of_an_input_tells_which_parameter_fills_an_arn() {
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:eu-west-1:123456789012:{rest}");
    for (source, name, request, expected) in [
        (
            "rds",
            "ModifyDBClusterSnapshotAttribute",
            r#"{"dBClusterSnapshotIdentifier":"s"}"#,
            arn("rds", "cluster-snapshot:s"),
        ),
        ("rds", "StopDBCluster", r#"{"dBClusterIdentifier":"c"}"#, arn("rds", "cluster:c")),
        ("eks", "DescribeUpdate", r#"{"name":"c","updateId":"u"}"#, arn("eks", "cluster/c")),
        (
            "ssm",
            "DeleteMaintenanceWindow",
            r#"{"windowId":"mw-0123456789abcdef0"}"#,
            arn("ssm", "maintenancewindow/mw-0123456789abcdef0"),
        ),
        (
            "ssm",
            "GetPatchBaseline",
            r#"{"baselineId":"pb-0123456789abcdef0"}"#,
            arn("ssm", "patchbaseline/pb-0123456789abcdef0"),
        ),
        ("scheduler", "GetSchedule", r#"{"name":"s","groupName":"g"}"#, arn("scheduler", "schedule/g/s")),
        ("macie2", "GetAllowList", r#"{"id":"l"}"#, arn("macie2", "allow-list/l")),
        ("synthetics", "StartCanary", r#"{"name":"c"}"#, arn("synthetics", "canary:c")),
        ("events", "DeleteConnection", r#"{"name":"c"}"#, arn("events", "connection/c")),
        ("mobiletargeting", "GetApp", r#"{"applicationId":"a"}"#, arn("mobiletargeting", "apps/a")),
        (
            "quicksight",
            "DescribeDataSet",
            r#"{"awsAccountId":"123456789012","dataSetId":"d"}"#,
            arn("quicksight", "dataset/d"),
        ),
    ] {
        let told = call(source, name, request, "");
        let resources = told[0].split_once(' ').unwrap().1;
        assert!(resources.split(',').any(|arn| arn == expected), "{source} {name}: {told:?}, not {expected}");
    }
}

#[test]
fn the_model_of_an_input_tells_where_roles_are_given() {
    let catalog = Catalog::embedded();
    let passes = |source: &str, event: &str| -> Vec<String> {
        let passes = catalog.map(source, event).passes;
        passes.iter().map(|role| format!("{} {} {}", role.parameter, role.what, role.documented)).collect()
    };
    for (source, event, role) in [
        ("lambda", "CreateFunction20150331", "role role true"),
        ("ecs", "RegisterTaskDefinition", "executionRoleArn role false"),
        ("firehose", "CreateDeliveryStream", "kinesisStreamSourceConfiguration.roleARN role false"),
        ("ec2", "RunInstances", "iamInstanceProfile.arn instance-profile true"),
        ("ec2", "RunInstances", "launchTemplate.launchTemplateId launch-template true"),
        ("glue", "CreateCrawler", "role role false"),
    ] {
        assert!(
            passes(source, event).contains(&role.to_owned()),
            "{source} {event}: {:?}",
            passes(source, event)
        );
    }
    // Roles are worked on there, not passed.
    for (source, event) in [("iam", "CreateRole"), ("sts", "AssumeRole"), ("s3", "GetObject")] {
        assert_eq!(passes(source, event), [""; 0], "{source} {event}");
    }
    let role = "arn:aws:iam::123456789012:role/R";
    let passed = |source: &str, event: &str, request: &str| -> Vec<String> {
        let told = call(source, event, request, "");
        told.into_iter().filter_map(|line| line.strip_prefix("~iam:PassRole ").map(str::to_owned)).collect()
    };
    // AWS documents it of calls that take a role away, too.
    assert_eq!(
        passed(
            "rds",
            "RemoveRoleFromDBInstance",
            &format!(r#"{{"dBInstanceIdentifier":"d","roleArn":"{role}"}}"#)
        ),
        [format!("{role} iam:PassedToService=rds.amazonaws.com")]
    );
    // By name, where no row of the project's own table says so.
    assert_eq!(
        passed("imagebuilder", "CreateImage", r#"{"imageRecipeArn":"x","executionRole":"R"}"#),
        ["arn:aws:iam::123456789012:role/*R iam:PassedToService=imagebuilder.amazonaws.com"]
    );
    // There, the table says that it is an instance profile, and goes before the model.
    assert_eq!(
        passed("elasticmapreduce", "RunJobFlow", r#"{"name":"c","jobFlowRole":"P"}"#),
        ["profile:P iam:PassedToService=ec2.amazonaws.com"]
    );
    // What a caller writes down is no role that is passed.
    for (source, event, request) in [
        (
            "lambda",
            "UpdateFunctionConfiguration20150331v2",
            format!(r#"{{"environment":{{"variables":{{"ROLE":"{role}"}}}}}}"#),
        ),
        (
            "cloudformation",
            "CreateStack",
            format!(r#"{{"stackName":"s","parameters":[{{"parameterKey":"R","parameterValue":"{role}"}}]}}"#),
        ),
        ("sqs", "CreateQueue", format!(r#"{{"queueName":"q","tags":{{"owner":"{role}"}}}}"#)),
        ("dms", "CreateMigrationProject", r#"{"instanceProfileIdentifier":"p"}"#.to_owned()),
    ] {
        assert_eq!(passed(source, event, &request), [""; 0], "{source} {event}");
    }
}

#[test]
fn an_alias_is_resolved_by_the_record_or_not_at_all() {
    let key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let listed = format!(r#","resources":[{{"type":"AWS::KMS::Key","ARN":"{key}"}}]"#);
    for alias in ["alias/app", "alias/aws/ssm", "arn:aws:kms:eu-west-1:123456789012:alias/app"] {
        let request = format!(r#"{{"keyId":"{alias}"}}"#);
        assert_eq!(call("kms", "Encrypt", &request, &listed), [format!("kms:Encrypt {key}")], "{alias}");
        assert_eq!(call("kms", "Encrypt", &request, ""), ["kms:Encrypt ?"], "{alias}");
    }
    // Of a function's alias, the function counts.
    for function in ["f:live", "arn:aws:lambda:eu-west-1:123456789012:function:f:live"] {
        assert_eq!(
            call("lambda", "Invoke", &format!(r#"{{"functionName":"{function}"}}"#), ""),
            ["lambda:InvokeFunction arn:aws:lambda:eu-west-1:123456789012:function:f"]
        );
    }
}

#[test]
fn what_real_events_taught() {
    // A security group's id does not name a resource group.
    let launched = call(
        "ec2",
        "RunInstances",
        r#"{"instancesSet":{"items":[{"imageId":"ami-0123456789abcdef0"}]},"groupSet":{"items":[{"groupId":"sg-0123456789abcdef0"}]}}"#,
        "",
    );
    assert!(!launched[0].contains("resource-groups"), "{launched:?}");
    // A table is tagged, not its streams.
    assert_eq!(
        call("dynamodb", "CreateTable", r#"{"tableName":"t","tags":[{"key":"a","value":"b"}]}"#, "")[1],
        "~dynamodb:TagResource arn:aws:dynamodb:eu-west-1:123456789012:table/t"
    );
    // Some records of a copy list both objects.
    let listed = r#","resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::to/k"},{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::from/k"}]"#;
    assert_eq!(
        call("s3", "CopyObject", r#"{"bucketName":"to","key":"k","x-amz-copy-source":"from/k"}"#, listed),
        ["s3:GetObject arn:aws:s3:::from/k", "s3:PutObject arn:aws:s3:::to/k"]
    );
    assert_eq!(
        call("iam", "CreateServiceLinkedRole", r#"{"aWSServiceName":"ecs.amazonaws.com"}"#, ""),
        ["iam:CreateServiceLinkedRole arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/*"]
    );
    // A denied call without parameters hides what was to be created.
    assert_eq!(call("iam", "CreateUser", "null", ""), ["iam:CreateUser ?"]);
    assert_eq!(
        call("ec2", "CreateInternetGateway", "{}", ""),
        ["ec2:CreateInternetGateway arn:aws:ec2:eu-west-1:123456789012:internet-gateway/*"]
    );
}

#[test]
fn arns_lie_in_the_partition_account_and_region_of_the_call() {
    let arns = |region: &str,
                account: &str,
                identity: &str,
                source: &str,
                name: &str,
                request: &str|
     -> Vec<String> {
        let record = format!(
            r#"{{"eventID":"1","eventTime":"2026-01-01T00:00:00Z","eventType":"AwsApiCall","awsRegion":"{region}","recipientAccountId":"{account}",
                "eventSource":"{source}.amazonaws.com","eventName":"{name}","requestParameters":{request}{identity}}}"#
        );
        let needs =
            with_json(&record, |json| Catalog::embedded().needs(&Event::parse(json).unwrap())).unwrap();
        let resources = needs.needs.into_iter().flat_map(|need| need.resources);
        resources
            .map(|resource| match resource {
                Resource::Arn(arn) => arn,
                other => format!("{other:?}"),
            })
            .collect()
    };
    let function = r#"{"functionName":"f"}"#;
    let object = r#"{"bucketName":"b","key":"k"}"#;
    for (region, partition) in [
        ("eu-west-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("cn-northwest-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-gov-east-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("us-isof-south-1", "aws-iso-f"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("eusc-de-east-1", "aws-eusc"),
    ] {
        let account = "444455556666";
        assert_eq!(
            arns(region, account, "", "lambda", "GetFunction20150331v2", function),
            [format!("arn:{partition}:lambda:{region}:{account}:function:f")]
        );
        assert_eq!(
            arns(region, account, "", "s3", "GetObject", object),
            [format!("arn:{partition}:s3:::b/k")]
        );
        assert_eq!(
            arns(
                region,
                account,
                "",
                "s3",
                "CopyObject",
                r#"{"bucketName":"b","key":"k","x-amz-copy-source":"c/d"}"#
            ),
            [format!("arn:{partition}:s3:::c/d"), format!("arn:{partition}:s3:::b/k")]
        );
        // Global services have no Region in their ARNs.
        assert_eq!(
            arns(region, account, "", "iam", "CreateRole", r#"{"roleName":"R","path":"/p/"}"#),
            [format!("arn:{partition}:iam::{account}:role/p/R")]
        );
        assert_eq!(
            arns(
                region,
                account,
                "",
                "dynamodb",
                "TransactWriteItems",
                r#"{"requestItems":[{"operation":"Put","tableName":"t"}]}"#
            ),
            [format!("arn:{partition}:dynamodb:{region}:{account}:table/t")]
        );
        // The caller's own ARN is the better witness: records of global services carry a Region that says little.
        let identity = format!(
            r#","userIdentity":{{"type":"AssumedRole","arn":"arn:{partition}:sts::{account}:assumed-role/R/s"}}"#
        );
        assert_eq!(
            arns("", account, &identity, "s3", "GetObject", object),
            [format!("arn:{partition}:s3:::b/k")]
        );
        let passed = arns(region, account, &identity, "glue", "CreateJob", r#"{"name":"j","role":"R"}"#);
        assert!(passed.contains(&format!("arn:{partition}:iam::{account}:role/*R")), "{passed:?}");
    }
}

#[test]
fn a_name_does_not_stand_for_the_id_that_aws_gives() {
    for (source, name, request, expected) in [
        (
            "ec2",
            "CreateLaunchTemplate",
            r#"{"CreateLaunchTemplateRequest":{"LaunchTemplateName":"web"}}"#,
            "ec2:CreateLaunchTemplate arn:aws:ec2:eu-west-1:123456789012:launch-template/*",
        ),
        (
            "ec2",
            "DeleteLaunchTemplate",
            r#"{"DeleteLaunchTemplateRequest":{"LaunchTemplateName":"web"}}"#,
            "ec2:DeleteLaunchTemplate ?",
        ),
        (
            "ec2",
            "DeleteLaunchTemplate",
            r#"{"DeleteLaunchTemplateRequest":{"LaunchTemplateId":"lt-0123456789abcdef0"}}"#,
            "ec2:DeleteLaunchTemplate arn:aws:ec2:eu-west-1:123456789012:launch-template/lt-0123456789abcdef0",
        ),
        // Lightsail's ARNs hold UUIDs.
        ("lightsail", "StopInstance", r#"{"instanceName":"web"}"#, "lightsail:StopInstance ?"),
        // Where the name is what the ARN holds, it stays.
        (
            "ec2",
            "DeleteKeyPair",
            r#"{"keyName":"k"}"#,
            "ec2:DeleteKeyPair arn:aws:ec2:eu-west-1:123456789012:key-pair/k",
        ),
        (
            "states",
            "CreateStateMachine",
            r#"{"name":"m"}"#,
            "states:CreateStateMachine arn:aws:states:eu-west-1:123456789012:stateMachine:m",
        ),
    ] {
        assert_eq!(call(source, name, request, ""), [expected], "{source} {name}");
    }
}
