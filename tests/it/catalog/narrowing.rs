//! What a request shows about the actions it needs.

use leastwise::catalog::{Catalog, Verdict};

use super::{call, needs};

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

/// The events are those of the pages named, shortened.
#[test]
fn documented_events_are_narrowed() {
    let object = "arn:aws:s3:::b/k";
    let table = "arn:aws:dynamodb:eu-west-1:123456789012:table/Music";
    let listed = format!(
        r#","resources":[{{"accountId":"123456789012","type":"AWS::DynamoDB::Table","ARN":"{table}"}}]"#
    );
    let key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let key_listed = format!(r#","resources":[{{"ARN":"{key}","accountId":"123456789012"}}]"#);
    let directory = "arn:aws:s3express:eu-west-1:123456789012:bucket/b--euw1-az1--x-s3";
    let directory_listed = format!(
        r#","resources":[{{"type":"AWS::S3Express::Object","ARNPrefix":"{directory}/"}},{{"type":"AWS::S3Express::DirectoryBucket","ARN":"{directory}"}}]"#
    );
    let in_bucket = r#"{"bucketName":"b","key":"k"#;
    let cases: &[(&str, &str, String, &str, Vec<String>)] = &[
        // Amazon S3 User Guide, CloudTrail events: a batch of deletions is one record of the bucket.
        ("s3", "DeleteObjects", r#"{"bucketName":"b","delete":""}"#.to_owned(), "", vec!["s3:DeleteObject arn:aws:s3:::b/*".to_owned()]),
        ("s3", "DeleteObjects", r#"{"bucketName":"b","delete":"","x-amz-bypass-governance-retention":"true"}"#.to_owned(), "", vec![
            "s3:DeleteObject arn:aws:s3:::b/*".to_owned(),
            "~s3:BypassGovernanceRetention arn:aws:s3:::b/*".to_owned(),
        ]),
        // Amazon S3 User Guide, multipart upload and permissions.
        ("s3", "CreateMultipartUpload", format!(r#"{in_bucket}","uploads":"","x-amz-grant-read":"id=1","x-amz-tagging":"a=b","x-amz-object-lock-retain-until-date":"2027-01-01"}}"#), "", vec![
            format!("s3:PutObject {object}"),
            format!("~s3:PutObjectAcl {object}"),
            format!("~s3:PutObjectTagging {object}"),
            format!("~s3:PutObjectRetention {object}"),
        ]),
        ("s3", "UploadPart", format!(r#"{in_bucket}","partNumber":"1","uploadId":"u"}}"#), "", vec![format!("s3:PutObject {object}")]),
        ("s3", "UploadPartCopy", format!(r#"{in_bucket}","partNumber":"1","uploadId":"u","x-amz-copy-source":"/other/a"}}"#), "", vec![
            "s3:GetObject arn:aws:s3:::other/a".to_owned(),
            format!("s3:PutObject {object}"),
        ]),
        ("s3", "AbortMultipartUpload", format!(r#"{in_bucket}","uploadId":"u"}}"#), "", vec![format!("s3:AbortMultipartUpload {object}")]),
        ("s3", "ListParts", format!(r#"{in_bucket}","uploadId":"u"}}"#), "", vec![format!("s3:ListMultipartUploadParts {object}")]),
        // Amazon S3 API Reference: GetObjectAttributes, GetObjectAcl, GetObjectTagging, PutObjectRetention, CreateBucket.
        ("s3", "GetObjectAttributes", format!(r#"{in_bucket}","attributes":""}}"#), "", vec![
            format!("s3:GetObject {object}"),
            format!("s3:GetObjectAttributes {object}"),
        ]),
        ("s3", "GetObjectAttributes", format!(r#"{in_bucket}","attributes":"","versionId":"v"}}"#), "", vec![
            format!("s3:GetObjectVersion {object}"),
            format!("s3:GetObjectVersionAttributes {object}"),
        ]),
        ("s3", "GetObjectAcl", format!(r#"{in_bucket}","acl":"","versionId":"v"}}"#), "", vec![format!("s3:GetObjectVersionAcl {object}")]),
        ("s3", "PutObjectAcl", format!(r#"{in_bucket}","acl":"","x-amz-acl":"public-read"}}"#), "", vec![format!("s3:PutObjectAcl {object}")]),
        ("s3", "GetObjectTagging", format!(r#"{in_bucket}","tagging":"","versionId":"v"}}"#), "", vec![format!("s3:GetObjectVersionTagging {object}")]),
        ("s3", "PutObjectRetention", format!(r#"{in_bucket}","retention":"","x-amz-bypass-governance-retention":"true"}}"#), "", vec![
            format!("s3:PutObjectRetention {object}"),
            format!("~s3:BypassGovernanceRetention {object}"),
        ]),
        ("s3", "CreateBucket", r#"{"bucketName":"b","x-amz-acl":"private","x-amz-bucket-object-lock-enabled":"true","x-amz-object-ownership":"ObjectWriter"}"#.to_owned(), "", vec![
            "s3:CreateBucket arn:aws:s3:::b".to_owned(),
            "~s3:PutBucketAcl arn:aws:s3:::b".to_owned(),
            "~s3:PutBucketObjectLockConfiguration arn:aws:s3:::b".to_owned(),
            "~s3:PutBucketVersioning arn:aws:s3:::b".to_owned(),
            "~s3:PutBucketOwnershipControls arn:aws:s3:::b".to_owned(),
        ]),
        // Amazon S3 User Guide, logging for directory buckets: the session is what is authorised.
        ("s3express", "CreateSession", r#"{"bucketName":"b--euw1-az1--x-s3","x-amz-create-session-mode":"ReadWrite"}"#.to_owned(), &directory_listed, vec![format!("s3express:CreateSession {directory}")]),
        // Amazon S3 User Guide, S3 Object Lambda: the access point's ARN stands for the bucket.
        ("s3", "GetObject", r#"{"bucketName":"arn:aws:s3-object-lambda:eu-west-1:123456789012:accesspoint/ap","key":"k"}"#.to_owned(), "", vec![
            "s3-object-lambda:GetObject arn:aws:s3-object-lambda:eu-west-1:123456789012:accesspoint/ap".to_owned(),
        ]),
        // Amazon DynamoDB Developer Guide, understanding log file entries.
        ("dynamodb", "TransactWriteItems", r#"{"requestItems":[{"operation":"Put","tableName":"Music"},{"operation":"Update","tableName":"Music"},{"operation":"Delete","TableName":"Music"},{"operation":"ConditionCheck","TableName":"Music"}]}"#.to_owned(), &listed,
            ["ConditionCheckItem", "PutItem", "UpdateItem", "DeleteItem"].map(|action| format!("dynamodb:{action} {table}")).to_vec()),
        ("dynamodb", "BatchExecuteStatement", r#"{"requestItems":[{"statement":"UPDATE Music SET Album = ***(Redacted) WHERE Artist = 'No One You Know'"},{"statement":"INSERT INTO Music VALUE {'Artist' : ***(Redacted)}"}]}"#.to_owned(), &listed, vec![
            format!("dynamodb:PartiQLInsert {table}"),
            format!("dynamodb:PartiQLUpdate {table}"),
        ]),
        // AWS KMS Developer Guide, log entries for CreateGrant and RetireGrant.
        ("kms", "CreateGrant", format!(r#"{{"keyId":"{key}","granteePrincipal":"arn:aws:iam::123456789012:role/R","operations":["Encrypt","RetireGrant"]}}"#), &key_listed, vec![format!("kms:CreateGrant {key}")]),
        ("kms", "RetireGrant", "null".to_owned(), &key_listed, vec![format!("kms:RetireGrant {key}")]),
        // IAM User Guide, CloudTrail integration: a source identity.
        ("sts", "AssumeRole", r#"{"roleArn":"arn:aws:iam::111122223333:role/EC2-dev","roleSessionName":"JohnDoe-EC2-dev","sourceIdentity":"JohnDoe"}"#.to_owned(), "", vec![
            "sts:AssumeRole arn:aws:iam::111122223333:role/EC2-dev".to_owned(),
            "~sts:SetSourceIdentity arn:aws:iam::111122223333:role/EC2-dev".to_owned(),
        ]),
        // API Gateway Developer Guide, control plane permissions: the verb on the path.
        ("apigateway", "CreateRestApi", r#"{"createRestApiInput":{"name":"a"}}"#.to_owned(), "", vec!["apigateway:POST arn:aws:apigateway:eu-west-1::/restapis".to_owned()]),
        ("apigateway", "DeleteRestApi", r#"{"restApiId":"a1"}"#.to_owned(), "", vec!["apigateway:DELETE arn:aws:apigateway:eu-west-1::/restapis/a1".to_owned()]),
        ("apigateway", "PutMethodResponse", r#"{"restApiId":"a1","resourceId":"r1","httpMethod":"GET","statusCode":"200"}"#.to_owned(), "", vec!["apigateway:PUT arn:aws:apigateway:eu-west-1::/restapis/a1/resources/r1/methods/GET/responses/200".to_owned()]),
        // Amazon EC2 Spot documentation, RegisterScalableTarget: Application Auto Scaling under Auto Scaling's source.
        ("autoscaling", "RegisterScalableTarget", r#"{"serviceNamespace":"ec2","resourceId":"spot-fleet-request/sfr-73fbd2ce-aa30-494c-8788-1cee4EXAMPLE","scalableDimension":"ec2:spot-fleet-request:TargetCapacity"}"#.to_owned(), "", vec![
            "application-autoscaling:RegisterScalableTarget arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/*".to_owned(),
        ]),
    ];
    for (source, name, request, more, expected) in cases {
        assert_eq!(&call(source, name, request, more), expected, "{source} {name} {request}");
    }
}

#[test]
fn every_row_of_the_narrowing_table_shows_in_a_request_and_only_there() {
    let catalog = Catalog::embedded();
    let table = include_str!("../../../src/catalog/data/narrowing.tsv");
    let rows =
        table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect::<Vec<_>>());
    let mut checked = 0;
    for row in rows {
        let (prefix, action) = (row[0], row[4]);
        let source =
            catalog.sources_of(prefix).into_iter().find(|source| *source == "monitoring").unwrap_or(prefix);
        for event in row[1].split(' ') {
            let bare = call(source, event, r#"{"other":"x"}"#, "");
            let has = |told: &[String]| {
                told.iter().any(|line| line.trim_start_matches('~').split(' ').next() == Some(action))
            };
            assert!(!has(&bare), "{source} {event} {action}: {bare:?}");
            for when in row[2].split(' ') {
                let (parameter, value) = when.split_once('=').unwrap_or((when, "x"));
                let parameter = parameter.replace('*', "read");
                let value = if when == "tags" {
                    r#"[{"key":"a","value":"b"}]"#.to_owned()
                } else {
                    format!("\"{value}\"")
                };
                let told = call(source, event, &format!(r#"{{"{parameter}":{value}}}"#), "");
                assert!(has(&told), "{source} {event} {when}: {told:?}");
                let is_more = told.len() > bare.len();
                assert_eq!(row[3].starts_with("also"), is_more, "{source} {event} {when}: {told:?}");
                checked += 1;
            }
        }
    }
    assert!(checked > 80, "{checked} rows and events");
}

#[test]
fn tags_on_creation_need_the_action_that_tags_as_documented() {
    for (source, event, action) in [
        ("sagemaker", "CreateModel", "sagemaker:AddTags"),
        ("sagemaker", "CreateTrainingJob", "sagemaker:AddTags"),
        ("rds", "CreateDBInstance", "rds:AddTagsToResource"),
        ("sqs", "CreateQueue", "sqs:TagQueue"),
        ("iam", "CreateRole", "iam:TagRole"),
    ] {
        let needed = |request: &str| {
            let told = call(source, event, request, "");
            told.iter().filter(|line| line.trim_start_matches('~').split(' ').next() == Some(action)).count()
        };
        assert_eq!(needed(r#"{"tags":[{"key":"a","value":"b"}]}"#), 1, "{source} {event}");
        assert_eq!((needed(r#"{"tags":[]}"#), needed("{}")), (0, 0), "{source} {event}");
    }
}

#[test]
fn copies_from_and_into_directory_buckets_are_sessions() {
    let directory = |name: &str| {
        format!(
            "s3express:CreateSession arn:aws:s3express:eu-west-1:123456789012:bucket/{name}--euw1-az1--x-s3"
        )
    };
    let copy = |source: &str, into: &str, from: &str| {
        call(
            source,
            "CopyObject",
            &format!(r#"{{"bucketName":"{into}","key":"k","x-amz-copy-source":"{from}"}}"#),
            "",
        )
    };
    assert_eq!(
        copy("s3", "b", "a--euw1-az1--x-s3/x"),
        [directory("a"), "s3:PutObject arn:aws:s3:::b/k".to_owned()]
    );
    for source in ["s3", "s3express"] {
        assert_eq!(
            copy(source, "b--euw1-az1--x-s3", "a/x?versionId=1"),
            [directory("b"), "s3:GetObjectVersion arn:aws:s3:::a/x".to_owned()]
        );
        let both = copy(source, "b--euw1-az1--x-s3", "a--euw1-az1--x-s3/x");
        assert_eq!(both, [format!("{},{}", directory("a"), directory("b").split(' ').nth(1).unwrap())]);
    }
    let unnamed = call("s3express", "CopyObject", r#"{"bucketName":"b--euw1-az1--x-s3","key":"k"}"#, "");
    assert_eq!(unnamed, [directory("b"), "s3:GetObject ?".to_owned()]);
}

#[test]
fn keys_are_told_apart_by_what_the_request_calls_them() {
    let key = |id: &str| format!("arn:aws:kms:eu-west-1:123456789012:key/{id}");
    let re_encrypt = |request: &str, listed: &[&str]| {
        let listed: Vec<_> = listed.iter().map(|id| format!(r#"{{"ARN":"{}"}}"#, key(id))).collect();
        call("kms", "ReEncrypt", request, &format!(r#","resources":[{}]"#, listed.join(",")))
    };
    let told = |from: &str, to: &str| [format!("kms:ReEncryptFrom {from}"), format!("kms:ReEncryptTo {to}")];
    let arns = format!(r#"{{"sourceKeyId":"{}","destinationKeyId":"{}"}}"#, key("a"), key("b"));
    let ids = r#"{"sourceKeyId":"a","destinationKeyId":"b"}"#;
    for request in [arns.as_str(), ids] {
        for listed in [&["a", "b"][..], &["b", "a"], &[]] {
            assert_eq!(re_encrypt(request, listed), told(&key("a"), &key("b")), "{request} {listed:?}");
        }
    }
    assert_eq!(re_encrypt(r#"{"destinationKeyId":"a"}"#, &["a", "b"]), told(&key("b"), &key("a")));
    // With itself, or under names that tell nothing.
    assert_eq!(re_encrypt(ids, &["c"]), told(&key("c"), &key("c")));
    let aliases = r#"{"sourceKeyId":"alias/a","destinationKeyId":"alias/b"}"#;
    assert_eq!(re_encrypt(aliases, &["a", "b"]), told(&key("a"), &key("b")));
    assert_eq!(re_encrypt(aliases, &[]), told("?", "?"));

    // An alias's name begins as its ARN does.
    let alias = "arn:aws:kms:eu-west-1:123456789012:alias/app/main";
    let create = r#"{"aliasName":"alias/app/main","targetKeyId":"a"}"#;
    assert_eq!(call("kms", "CreateAlias", create, ""), [format!("kms:CreateAlias {alias},{}", key("a"))]);
}

#[test]
fn what_is_created_is_tagged_and_not_what_is_there() {
    let balancer = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/0123456789abcdef";
    let tags = r#""tags":[{"key":"a","value":"b"}]"#;
    for (source, name, request, expected) in [
        (
            "ecs",
            "RunTask",
            r#""cluster":"c","taskDefinition":"f:3""#.to_owned(),
            "~ecs:TagResource arn:aws:ecs:eu-west-1:123456789012:task/c/*",
        ),
        (
            "ecs",
            "RunTask",
            r#""taskDefinition":"arn:aws:ecs:eu-west-1:123456789012:task-definition/f:3""#.to_owned(),
            "~ecs:TagResource arn:aws:ecs:eu-west-1:123456789012:task/default/*",
        ),
        (
            "elasticloadbalancing",
            "CreateListener",
            format!(r#""loadBalancerArn":"{balancer}","port":443"#),
            "~elasticloadbalancing:AddTags ?",
        ),
        (
            "ssm",
            "PutParameter",
            r#""name":"/a/b""#.to_owned(),
            "~ssm:AddTagsToResource arn:aws:ssm:eu-west-1:123456789012:parameter/a/b",
        ),
        ("sts", "GetFederationToken", r#""name":"n""#.to_owned(), "~sts:TagSession ?"),
        (
            "apigateway",
            "CreateStage",
            r#""restApiId":"a1","createStageInput":{"tags":{"a":"b"}}"#.to_owned(),
            "~apigateway:PUT ?",
        ),
    ] {
        let told = call(source, name, &format!("{{{request},{tags}}}"), "");
        assert_eq!(told.last().map(String::as_str), Some(expected), "{source} {name}: {told:?}");
    }
}

#[test]
fn flags_show_what_is_needed_when_they_are_set() {
    for (flag, needed) in
        [("true", true), ("\"true\"", true), ("false", false), ("null", false), ("[]", false)]
    {
        let told = call("states", "UpdateStateMachine", &format!(r#"{{"publish":{flag}}}"#), "");
        assert_eq!(
            told.iter().any(|line| line.contains("PublishStateMachineVersion")),
            needed,
            "{flag}: {told:?}"
        );
    }
    let deleted = r#"{"dBInstanceIdentifier":"d","finalDBSnapshotIdentifier":"s"}"#;
    assert!(call("rds", "DeleteDBInstance", deleted, "")[1].starts_with("~rds:CreateDBSnapshot "));
}
