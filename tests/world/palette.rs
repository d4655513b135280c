//! What the roles of a large organization work on: kinds of resources, the calls that touch them, and what is granted along with those.

/// One kind of resource. In texts, `{a}` is the account, `{r}` the Region, `{n}` the resource's name.
pub(super) struct Kind {
    /// Of its IAM actions.
    pub(super) prefix: &'static str,
    /// Of its event source, without the domain.
    pub(super) source: &'static str,
    pub(super) arn: &'static str,
    /// Written as `resources[]` with this type.
    pub(super) shown_as: Option<&'static str>,
    pub(super) calls: &'static [Made],
    /// Granted along, and never used.
    pub(super) beside: &'static [&'static str],
}

/// A call: event name, action, parameters. Without parameters it is about no resource, and granted on all.
pub(super) type Made = (&'static str, &'static str, &'static str);

const fn kind(
    (prefix, source): (&'static str, &'static str),
    arn: &'static str,
    calls: &'static [Made],
    beside: &'static [&'static str],
) -> Kind {
    Kind { prefix, source, arn, shown_as: None, calls, beside }
}

const fn shown(kind: Kind, shown_as: &'static str) -> Kind {
    Kind { shown_as: Some(shown_as), ..kind }
}

/// Names by AWS's service authorization reference.
pub(super) const KINDS: &[Kind] = &[
    shown(
        kind(
            ("s3", "s3"),
            "arn:aws:s3:::{n}-{a}/*",
            &[
                ("GetObject", "GetObject", r#"{"bucketName":"{n}-{a}","key":"in/{k}.json"}"#),
                ("PutObject", "PutObject", r#"{"bucketName":"{n}-{a}","key":"out/{k}.json"}"#),
                ("DeleteObject", "DeleteObject", r#"{"bucketName":"{n}-{a}","key":"out/{k}.json"}"#),
            ],
            &[
                "GetObjectVersion",
                "PutObjectTagging",
                "AbortMultipartUpload",
                "PutObjectAcl",
                "RestoreObject",
            ],
        ),
        "AWS::S3::Object",
    ),
    kind(
        ("dynamodb", "dynamodb"),
        "arn:aws:dynamodb:{r}:{a}:table/{n}",
        &[
            ("DescribeTable", "DescribeTable", r#"{"tableName":"{n}"}"#),
            ("UpdateTable", "UpdateTable", r#"{"tableName":"{n}"}"#),
            ("ListTables", "ListTables", ""),
        ],
        &[
            "GetItem",
            "PutItem",
            "Query",
            "Scan",
            "DeleteTable",
            "DeleteItem",
            "BatchWriteItem",
            "CreateTable",
        ],
    ),
    kind(
        ("sqs", "sqs"),
        "arn:aws:sqs:{r}:{a}:{n}",
        &[
            (
                "GetQueueAttributes",
                "GetQueueAttributes",
                r#"{"queueUrl":"https://sqs.{r}.amazonaws.com/{a}/{n}"}"#,
            ),
            ("PurgeQueue", "PurgeQueue", r#"{"queueUrl":"https://sqs.{r}.amazonaws.com/{a}/{n}"}"#),
        ],
        &["SendMessage", "ReceiveMessage", "DeleteMessage", "DeleteQueue", "SetQueueAttributes"],
    ),
    kind(
        ("sns", "sns"),
        "arn:aws:sns:{r}:{a}:{n}",
        &[
            ("GetTopicAttributes", "GetTopicAttributes", r#"{"topicArn":"arn:aws:sns:{r}:{a}:{n}"}"#),
            (
                "Subscribe",
                "Subscribe",
                r#"{"topicArn":"arn:aws:sns:{r}:{a}:{n}","protocol":"sqs","endpoint":"arn:aws:sqs:{r}:{a}:{n}"}"#,
            ),
        ],
        &["Publish", "DeleteTopic", "SetTopicAttributes", "ListSubscriptionsByTopic"],
    ),
    kind(
        ("secretsmanager", "secretsmanager"),
        "arn:aws:secretsmanager:{r}:{a}:secret:{n}/*",
        &[
            (
                "GetSecretValue",
                "GetSecretValue",
                r#"{"secretId":"arn:aws:secretsmanager:{r}:{a}:secret:{n}/db-Ab12Cd"}"#,
            ),
            (
                "DescribeSecret",
                "DescribeSecret",
                r#"{"secretId":"arn:aws:secretsmanager:{r}:{a}:secret:{n}/db-Ab12Cd"}"#,
            ),
        ],
        &["PutSecretValue", "DeleteSecret", "RotateSecret", "UpdateSecret"],
    ),
    kind(
        ("ssm", "ssm"),
        "arn:aws:ssm:{r}:{a}:parameter/{n}/*",
        &[
            ("GetParameter", "GetParameter", r#"{"name":"/{n}/{k}","withDecryption":true}"#),
            ("PutParameter", "PutParameter", r#"{"name":"/{n}/{k}","type":"String"}"#),
            ("DescribeParameters", "DescribeParameters", ""),
        ],
        &["GetParameters", "GetParametersByPath", "DeleteParameter", "GetParameterHistory"],
    ),
    shown(
        kind(
            ("kms", "kms"),
            "arn:aws:kms:{r}:{a}:key/{u}",
            &[
                ("Decrypt", "Decrypt", r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#),
                ("DescribeKey", "DescribeKey", r#"{"keyId":"arn:aws:kms:{r}:{a}:key/{u}"}"#),
            ],
            &["Encrypt", "GenerateDataKey", "CreateGrant", "ScheduleKeyDeletion", "PutKeyPolicy"],
        ),
        "AWS::KMS::Key",
    ),
    kind(
        ("lambda", "lambda"),
        "arn:aws:lambda:{r}:{a}:function:{n}",
        &[
            (
                "UpdateFunctionCode20150331v2",
                "UpdateFunctionCode",
                r#"{"functionName":"{n}","publish":true}"#,
            ),
            ("GetFunction20150331v2", "GetFunction", r#"{"functionName":"{n}"}"#),
            ("ListFunctions20150331", "ListFunctions", ""),
        ],
        &[
            "InvokeFunction",
            "DeleteFunction",
            "AddPermission",
            "UpdateFunctionConfiguration",
            "CreateFunction",
        ],
    ),
    kind(
        ("ecs", "ecs"),
        "arn:aws:ecs:{r}:{a}:service/main/{n}",
        &[
            ("UpdateService", "UpdateService", r#"{"cluster":"main","service":"{n}","desiredCount":3}"#),
            ("DescribeServices", "DescribeServices", r#"{"cluster":"main","services":["{n}"]}"#),
            ("ListClusters", "ListClusters", ""),
        ],
        &["DeleteService", "CreateService"],
    ),
    kind(
        ("ecr", "ecr"),
        "arn:aws:ecr:{r}:{a}:repository/{n}",
        &[
            (
                "BatchGetImage",
                "BatchGetImage",
                r#"{"repositoryName":"{n}","imageIds":[{"imageTag":"stable"}]}"#,
            ),
            ("PutImage", "PutImage", r#"{"repositoryName":"{n}","imageTag":"stable"}"#),
            ("GetAuthorizationToken", "GetAuthorizationToken", ""),
        ],
        &["GetDownloadUrlForLayer", "BatchDeleteImage", "DeleteRepository", "SetRepositoryPolicy"],
    ),
    kind(
        ("logs", "logs"),
        "arn:aws:logs:{r}:{a}:log-group:/{n}:*",
        &[
            ("CreateLogStream", "CreateLogStream", r#"{"logGroupName":"/{n}","logStreamName":"{k}"}"#),
            ("DescribeLogGroups", "DescribeLogGroups", ""),
        ],
        &["PutLogEvents", "DeleteLogGroup", "PutRetentionPolicy", "FilterLogEvents"],
    ),
    kind(
        ("cloudwatch", "monitoring"),
        "arn:aws:cloudwatch:{r}:{a}:alarm:{n}-*",
        &[
            (
                "PutMetricAlarm",
                "PutMetricAlarm",
                r#"{"alarmName":"{n}-{k}","metricName":"Errors","evaluationPeriods":3}"#,
            ),
            ("DeleteAlarms", "DeleteAlarms", r#"{"alarmNames":["{n}-{k}"]}"#),
        ],
        &["SetAlarmState", "EnableAlarmActions", "DisableAlarmActions"],
    ),
    kind(
        ("ec2", "ec2"),
        "arn:aws:ec2:{r}:{a}:volume/*",
        &[
            ("DescribeInstances", "DescribeInstances", ""),
            ("DescribeVolumes", "DescribeVolumes", ""),
            ("DescribeSecurityGroups", "DescribeSecurityGroups", ""),
        ],
        &["DeleteVolume", "AttachVolume", "DetachVolume", "ModifyVolume"],
    ),
    kind(
        ("rds", "rds"),
        "arn:aws:rds:{r}:{a}:db:{n}",
        &[
            (
                "CreateDBSnapshot",
                "CreateDBSnapshot",
                r#"{"dBInstanceIdentifier":"{n}","dBSnapshotIdentifier":"{n}-{k}"}"#,
            ),
            ("RebootDBInstance", "RebootDBInstance", r#"{"dBInstanceIdentifier":"{n}"}"#),
            ("DescribeDBInstances", "DescribeDBInstances", ""),
        ],
        &["DeleteDBInstance", "ModifyDBInstance", "StopDBInstance"],
    ),
    kind(
        ("route53", "route53"),
        "arn:aws:route53:::hostedzone/{Z}",
        &[
            ("ListResourceRecordSets", "ListResourceRecordSets", r#"{"hostedZoneId":"{Z}"}"#),
            ("ListHostedZones", "ListHostedZones", ""),
        ],
        &["ChangeResourceRecordSets", "DeleteHostedZone", "GetHostedZone"],
    ),
    kind(
        ("states", "states"),
        "arn:aws:states:{r}:{a}:stateMachine:{n}",
        &[
            (
                "StartExecution",
                "StartExecution",
                r#"{"stateMachineArn":"arn:aws:states:{r}:{a}:stateMachine:{n}"}"#,
            ),
            (
                "DescribeStateMachine",
                "DescribeStateMachine",
                r#"{"stateMachineArn":"arn:aws:states:{r}:{a}:stateMachine:{n}"}"#,
            ),
        ],
        &["UpdateStateMachine", "DeleteStateMachine", "ListExecutions"],
    ),
    kind(
        ("glue", "glue"),
        "arn:aws:glue:{r}:{a}:job/{n}",
        &[
            ("StartJobRun", "StartJobRun", r#"{"jobName":"{n}"}"#),
            ("GetJobRun", "GetJobRun", r#"{"jobName":"{n}","runId":"jr_{k}"}"#),
        ],
        &["BatchStopJobRun", "UpdateJob", "DeleteJob", "GetJob"],
    ),
    kind(
        ("athena", "athena"),
        "arn:aws:athena:{r}:{a}:workgroup/{n}",
        &[
            (
                "StartQueryExecution",
                "StartQueryExecution",
                r#"{"queryString":"***OMITTED***","workGroup":"{n}"}"#,
            ),
            ("GetWorkGroup", "GetWorkGroup", r#"{"workGroup":"{n}"}"#),
        ],
        &["DeleteWorkGroup", "UpdateWorkGroup", "GetQueryResults", "StopQueryExecution"],
    ),
    kind(
        ("events", "events"),
        "arn:aws:events:{r}:{a}:rule/{n}",
        &[
            ("PutRule", "PutRule", r#"{"name":"{n}","scheduleExpression":"rate(1 day)"}"#),
            ("DescribeRule", "DescribeRule", r#"{"name":"{n}"}"#),
        ],
        &["DeleteRule", "DisableRule", "PutTargets", "RemoveTargets"],
    ),
    kind(
        ("kinesis", "kinesis"),
        "arn:aws:kinesis:{r}:{a}:stream/{n}",
        &[
            ("DescribeStreamSummary", "DescribeStreamSummary", r#"{"streamName":"{n}"}"#),
            (
                "IncreaseStreamRetentionPeriod",
                "IncreaseStreamRetentionPeriod",
                r#"{"streamName":"{n}","retentionPeriodHours":48}"#,
            ),
        ],
        &["PutRecord", "GetRecords", "DeleteStream", "MergeShards"],
    ),
    kind(
        ("codebuild", "codebuild"),
        "arn:aws:codebuild:{r}:{a}:project/{n}",
        &[
            ("StartBuild", "StartBuild", r#"{"projectName":"{n}"}"#),
            ("BatchGetProjects", "BatchGetProjects", r#"{"names":["{n}"]}"#),
        ],
        &["UpdateProject", "DeleteProject", "StopBuild"],
    ),
    kind(
        ("cloudformation", "cloudformation"),
        "arn:aws:cloudformation:{r}:{a}:stack/{n}/*",
        &[
            ("DescribeStacks", "DescribeStacks", r#"{"stackName":"{n}"}"#),
            ("ValidateTemplate", "ValidateTemplate", ""),
        ],
        &["UpdateStack", "DeleteStack", "CreateChangeSet", "ExecuteChangeSet"],
    ),
    kind(
        ("iam", "iam"),
        "arn:aws:iam::{a}:role/{n}-*",
        &[("GetRole", "GetRole", r#"{"roleName":"{n}-{k}"}"#), ("ListRoles", "ListRoles", "")],
        &["PassRole", "PutRolePolicy", "AttachRolePolicy", "CreateRole", "UpdateAssumeRolePolicy"],
    ),
];

pub(super) const TEAMS: &[&str] = &[
    "payments",
    "checkout",
    "ledger",
    "search",
    "catalog",
    "growth",
    "identity",
    "risk",
    "fraud",
    "media",
    "maps",
    "mobile",
    "partner",
    "pricing",
    "returns",
    "shipping",
    "support",
    "tax",
    "vendor",
    "warehouse",
    "billing",
    "content",
    "insight",
    "privacy",
];

pub(super) const PARTS: &[&str] = &[
    "api",
    "worker",
    "ingest",
    "export",
    "scheduler",
    "gateway",
    "mailer",
    "index",
    "cache",
    "sync",
    "report",
    "webhook",
    "migrator",
    "cleanup",
    "backfill",
    "proxy",
    "router",
    "loader",
    "scorer",
    "archive",
];
