//! The oracle: one function per kind of call, each stating which IAM actions on which resources AWS documents for it.
//!
//! Shapes follow real records: names of parameters, `resources[]` where CloudTrail writes it, suffixed event names.
//! See: <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use serde_json::{Value, json};

use super::cast::{Cast, bucket_arn};
use super::random::Rng;
use super::truth::{Need, Outcome, Session};

/// One API call, ready to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) source: &'static str,
    pub(crate) name: &'static str,
    pub(crate) params: Value,
    pub(crate) response: Value,
    pub(crate) extra: Value,
    pub(crate) resources: Value,
    pub(crate) is_data: bool,
    pub(crate) read_only: bool,
    pub(crate) error: Option<(&'static str, String)>,
    /// A service made it on the caller's behalf (forward access session).
    pub(crate) on_behalf: Option<&'static str>,
    pub(crate) needs: Vec<Need>,
    pub(crate) outcome: Outcome,
}

/// The account, as an index into the cast, whose Region and id a call's ARNs carry.
pub(crate) type Place = usize;

pub(crate) fn need(action: &str, resource: impl Into<String>) -> Need {
    Need { action: action.to_owned(), resources: vec![resource.into()], is_inferred: false, is_open: false }
}

fn inferred(action: &str, resource: impl Into<String>) -> Need {
    Need { is_inferred: true, ..need(action, resource) }
}

fn call(source: &'static str, name: &'static str, read_only: bool, params: Value, needs: Vec<Need>) -> Call {
    Call {
        source,
        name,
        params,
        response: Value::Null,
        extra: Value::Null,
        resources: Value::Null,
        is_data: false,
        read_only,
        error: None,
        on_behalf: None,
        needs,
        outcome: Outcome::Used,
    }
}

impl Call {
    fn responding(mut self, response: Value) -> Self {
        self.response = response;
        self
    }

    fn touching(mut self, resources: Value) -> Self {
        self.resources = resources;
        self
    }

    /// Failed after authorization.
    pub(crate) fn failing(mut self, code: &'static str, message: &str) -> Self {
        self.error = Some((code, message.to_owned()));
        self.response = Value::Null;
        self
    }

    /// Failed in a way from which nothing follows.
    pub(crate) fn throttled(mut self) -> Self {
        self.outcome = Outcome::Unproven;
        self.failing("ThrottlingException", "Rate exceeded")
    }

    /// Refused with AWS's standard sentence, which names the kind of policy.
    pub(crate) fn refused(
        self,
        session: &Session,
        code: &'static str,
        layer: &'static str,
        explicit: Option<&str>,
    ) -> Self {
        let kind = match layer {
            "scp" => "service control policy",
            "boundary" => "permissions boundary",
            _ => "identity-based policy",
        };
        let need = &self.needs[0];
        let mut message = format!(
            "User: {} is not authorized to perform: {} on resource: {} ",
            session.arn(),
            need.action,
            need.resources[0]
        );
        match explicit {
            Some(policy) => {
                message.push_str(&format!("with an explicit deny in {} {kind}{policy}", article(kind)))
            }
            None => message.push_str(&format!("because no {kind} allows the {} action", need.action)),
        }
        self.refused_with(code, &message, layer, explicit.is_some())
    }

    /// Refused with this text.
    pub(crate) fn refused_with(
        mut self,
        code: &'static str,
        message: &str,
        layer: &'static str,
        explicit: bool,
    ) -> Self {
        self.outcome = Outcome::Denied { action: self.needs[0].action.clone(), layer, explicit };
        self.failing(code, message)
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with('i') { "an" } else { "a" }
}

/// A forward access session: the service asks KMS in the caller's name.
pub(crate) fn kms(
    cast: &Cast,
    place: Place,
    operation: &'static str,
    service: &'static str,
    context: Value,
) -> Call {
    let key = cast.kms_key(place);
    let action = format!("kms:{operation}");
    let mut params = json!({"encryptionContext": context});
    if operation == "Decrypt" {
        params["encryptionAlgorithm"] = json!("SYMMETRIC_DEFAULT");
    } else {
        params["keyId"] = json!(key);
        params["keySpec"] = json!("AES_256");
    }
    let mut call = call("kms", operation, true, params, vec![need(&action, &*key)])
        .touching(json!([{"accountId": cast.accounts[place], "type": "AWS::KMS::Key", "ARN": key}]));
    call.on_behalf = Some(service);
    call
}

fn s3_object(
    cast: &Cast,
    name: &'static str,
    action: &str,
    read_only: bool,
    bucket: &str,
    key: &str,
) -> Call {
    let arn = format!("{}/{key}", bucket_arn(bucket));
    let host = format!("{bucket}.s3.{}.amazonaws.com", cast.regions[0]);
    let mut call = call(
        "s3",
        name,
        read_only,
        json!({"bucketName": bucket, "Host": host, "key": key}),
        vec![need(action, &*arn)],
    )
    .touching(json!([{"type": "AWS::S3::Object", "ARN": arn},
                {"accountId": cast.accounts[0], "type": "AWS::S3::Bucket", "ARN": bucket_arn(bucket)}]));
    call.is_data = true;
    call.extra = json!({"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 0,
        "AuthenticationMethod": "AuthHeader", "bytesTransferredOut": key.len() * 37});
    call
}

pub(crate) fn get_object(cast: &Cast, bucket: &str, key: &str) -> Call {
    s3_object(cast, "GetObject", "s3:GetObject", true, bucket, key)
}

pub(crate) fn head_object(cast: &Cast, bucket: &str, key: &str) -> Call {
    s3_object(cast, "HeadObject", "s3:GetObject", true, bucket, key)
}

pub(crate) fn get_object_tagging(cast: &Cast, bucket: &str, key: &str) -> Call {
    let mut call = s3_object(cast, "GetObjectTagging", "s3:GetObjectTagging", true, bucket, key);
    call.params["tagging"] = json!("");
    call
}

pub(crate) fn put_object(cast: &Cast, bucket: &str, key: &str) -> Call {
    s3_object(cast, "PutObject", "s3:PutObject", false, bucket, key)
        .responding(json!({"x-amz-server-side-encryption": "AES256"}))
}

pub(crate) fn delete_object(cast: &Cast, bucket: &str, key: &str) -> Call {
    s3_object(cast, "DeleteObject", "s3:DeleteObject", false, bucket, key)
}

/// `ListObjectsV2`, which CloudTrail calls `ListObjects` with `list-type` 2.
pub(crate) fn list_objects(cast: &Cast, bucket: &str, prefix: &str) -> Call {
    let host = format!("{bucket}.s3.{}.amazonaws.com", cast.regions[0]);
    let params = json!({"list-type": "2", "bucketName": bucket, "encoding-type": "url", "prefix": prefix, "Host": host});
    let mut call = call("s3", "ListObjects", true, params, vec![need("s3:ListBucket", bucket_arn(bucket))])
        .touching(
            json!([{"type": "AWS::S3::Object", "ARNPrefix": format!("{}/{prefix}", bucket_arn(bucket))},
            {"accountId": cast.accounts[0], "type": "AWS::S3::Bucket", "ARN": bucket_arn(bucket)}]),
        );
    call.is_data = true;
    call
}

pub(crate) fn secret(cast: &Cast, place: Place, operation: &'static str, name: &str) -> Call {
    let arn = cast.arn(place, "secretsmanager", &format!("secret:{name}"));
    let action = format!("secretsmanager:{operation}");
    call(
        "secretsmanager",
        operation,
        operation.starts_with("Get"),
        json!({"secretId": arn}),
        vec![need(&action, &*arn)],
    )
}

pub(crate) fn parameter(cast: &Cast, place: Place, name: &str) -> Call {
    let arn = cast.arn(place, "ssm", &format!("parameter{name}"));
    call(
        "ssm",
        "GetParameter",
        true,
        json!({"name": name, "withDecryption": true}),
        vec![need("ssm:GetParameter", &*arn)],
    )
    .touching(json!([{"accountId": cast.accounts[place], "ARN": arn}]))
}

pub(crate) fn describe_table(cast: &Cast, place: Place, table: &str) -> Call {
    let arn = cast.arn(place, "dynamodb", &format!("table/{table}"));
    call(
        "dynamodb",
        "DescribeTable",
        true,
        json!({"tableName": table}),
        vec![need("dynamodb:DescribeTable", &*arn)],
    )
    .touching(json!([{"accountId": cast.accounts[place], "type": "AWS::DynamoDB::Table", "ARN": arn}]))
}

pub(crate) fn invoke(cast: &Cast, place: Place, function: &str) -> Call {
    let arn = cast.arn(place, "lambda", &format!("function:{function}"));
    let params = json!({"functionName": arn, "invocationType": "RequestResponse"});
    let mut call = call("lambda", "Invoke", false, params, vec![need("lambda:InvokeFunction", &*arn)])
        .touching(json!([{"accountId": cast.accounts[place], "type": "AWS::Lambda::Function", "ARN": arn}]));
    call.is_data = true;
    call
}

pub(crate) fn start_query(cast: &Cast, place: Place, workgroup: &str, r: &mut Rng) -> Call {
    let arn = cast.arn(place, "athena", &format!("workgroup/{workgroup}"));
    let params =
        json!({"queryString": "***OMITTED***", "workGroup": workgroup, "clientRequestToken": r.uuid()});
    call("athena", "StartQueryExecution", false, params, vec![need("athena:StartQueryExecution", arn)])
        .responding(json!({"queryExecutionId": r.uuid()}))
}

pub(crate) fn start_job_run(cast: &Cast, place: Place, job: &str, r: &mut Rng) -> Call {
    let arn = cast.arn(place, "glue", &format!("job/{job}"));
    call("glue", "StartJobRun", false, json!({"jobName": job}), vec![need("glue:StartJobRun", arn)])
        .responding(json!({"jobRunId": format!("jr_{}", r.hex(40))}))
}

pub(crate) fn job_run(cast: &Cast, place: Place, job: &str, r: &mut Rng) -> Call {
    let arn = cast.arn(place, "glue", &format!("job/{job}"));
    let params = json!({"jobName": job, "runId": format!("jr_{}", r.hex(40)), "predecessorsIncluded": false});
    call("glue", "GetJobRun", true, params, vec![need("glue:GetJobRun", arn)])
}

pub(crate) fn start_execution(cast: &Cast, place: Place, machine: &str, r: &mut Rng) -> Call {
    let arn = cast.arn(place, "states", &format!("stateMachine:{machine}"));
    let run = r.uuid();
    let execution = arn.replace(":stateMachine:", ":execution:");
    call(
        "states",
        "StartExecution",
        false,
        json!({"stateMachineArn": arn, "name": run}),
        vec![need("states:StartExecution", &*arn)],
    )
    .responding(json!({"executionArn": format!("{execution}:{run}")}))
}

/// A read that takes no resource: policies must say `*`.
pub(crate) fn describe_all(source: &'static str, name: &'static str) -> Call {
    let params = match source {
        "ec2" => json!({"filterSet": {}, "maxResults": 100}),
        _ => Value::Null,
    };
    call(source, name, true, params, vec![need(&format!("{source}:{name}"), "*")])
}

pub(crate) fn describe_cluster(cast: &Cast, cluster: &super::cast::Cluster) -> Call {
    debug_assert!(cast.accounts.contains(&cluster.account));
    call(
        "eks",
        "DescribeCluster",
        true,
        json!({"name": cluster.name}),
        vec![need("eks:DescribeCluster", &*cluster.arn)],
    )
}

pub(crate) fn put_alarm(cast: &Cast, place: Place, name: &str) -> Call {
    let arn = cast.arn(place, "cloudwatch", &format!("alarm:{name}"));
    let params = json!({"alarmName": name, "namespace": "AWS/Lambda", "metricName": "Errors", "statistic": "Sum",
        "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 3, "period": 60, "threshold": 5.0});
    call("monitoring", "PutMetricAlarm", false, params, vec![need("cloudwatch:PutMetricAlarm", arn)])
}

pub(crate) fn pull_image(cast: &Cast, place: Place, repository: &str) -> Call {
    let arn = cast.arn(place, "ecr", &format!("repository/{repository}"));
    let params = json!({"registryId": cast.accounts[place], "repositoryName": repository,
        "imageIds": [{"imageTag": "stable"}]});
    call("ecr", "BatchGetImage", true, params, vec![need("ecr:BatchGetImage", &*arn)])
        .touching(json!([{"accountId": cast.accounts[place], "ARN": arn}]))
}

pub(crate) fn pod_identity(cluster: &super::cast::Cluster) -> Call {
    let params = json!({"clusterName": cluster.name, "token": "HIDDEN_DUE_TO_SECURITY_REASONS"});
    call(
        "eks-auth",
        "AssumeRoleForPodIdentity",
        true,
        params,
        vec![need("eks-auth:AssumeRoleForPodIdentity", &*cluster.arn)],
    )
}

pub(crate) fn update_function_code(cast: &Cast, place: Place, function: &str) -> Call {
    let arn = cast.arn(place, "lambda", &format!("function:{function}"));
    let params = json!({"functionName": function, "publish": true, "dryRun": false});
    call(
        "lambda",
        "UpdateFunctionCode20150331v2",
        false,
        params,
        vec![need("lambda:UpdateFunctionCode", &*arn)],
    )
    .responding(
        json!({"functionName": function, "functionArn": arn, "runtime": "python3.13", "version": "$LATEST",
            "role": cast.role("thumbnails").arn, "packageType": "Zip"}),
    )
}

/// Creating a function hands it its execution role: `iam:PassRole`, which CloudTrail never shows.
pub(crate) fn create_function(cast: &Cast, place: Place, function: &str) -> Call {
    let arn = cast.arn(place, "lambda", &format!("function:{function}"));
    let role = &cast.role("thumbnails").arn;
    let params = json!({"functionName": function, "runtime": "python3.13", "role": role, "handler": "app.handler",
        "code": {}, "timeout": 30, "memorySize": 256, "publish": false, "packageType": "Zip"});
    let needs = vec![need("lambda:CreateFunction", &*arn), inferred("iam:PassRole", role.as_str())];
    call("lambda", "CreateFunction20150331", false, params, needs)
        .responding(json!({"functionName": function, "functionArn": arn, "role": role, "state": "Pending"}))
}

/// Creating or updating a stack with a service role passes that role to CloudFormation.
pub(crate) fn write_stack(cast: &Cast, place: Place, name: &'static str, stack: &str, id: &str) -> Call {
    let arn = cast.arn(place, "cloudformation", &format!("stack/{stack}/{id}"));
    let role = &cast.role("cfn-exec").arn;
    let params = json!({"stackName": stack, "roleARN": role,
        "capabilities": ["CAPABILITY_NAMED_IAM"]});
    let mut primary = need(&format!("cloudformation:{name}"), &*arn);
    primary.is_open = true;
    call("cloudformation", name, false, params, vec![primary, inferred("iam:PassRole", role.as_str())])
        .responding(json!({"stackId": arn}))
}

pub(crate) fn register_task_definition(cast: &Cast, place: Place, family: &str, revision: i64) -> Call {
    let arn = cast.arn(place, "ecs", &format!("task-definition/{family}:{revision}"));
    let role = &cast.role("airflow-task").arn;
    let params = json!({"family": family, "taskRoleArn": role, "networkMode": "awsvpc", "cpu": "512", "memory": "1024",
        "containerDefinitions": [{"name": "task", "image": "airflow:stable", "essential": true}]});
    let mut primary = need("ecs:RegisterTaskDefinition", &*arn);
    primary.is_open = true;
    call(
        "ecs",
        "RegisterTaskDefinition",
        false,
        params,
        vec![primary, inferred("iam:PassRole", role.as_str())],
    )
    .responding(json!({"taskDefinition": {"taskDefinitionArn": arn, "family": family, "revision": revision,
            "taskRoleArn": role, "status": "ACTIVE"}}))
}

pub(crate) fn update_service(cast: &Cast, place: Place, service: &str) -> Call {
    let arn = cast.arn(place, "ecs", &format!("service/web/{service}"));
    let params = json!({"cluster": "web", "service": service, "forceNewDeployment": true});
    call("ecs", "UpdateService", false, params, vec![need("ecs:UpdateService", &*arn)])
        .responding(json!({"service": {"serviceArn": arn, "serviceName": service, "status": "ACTIVE",
            "clusterArn": cast.arn(place, "ecs", "cluster/web")}}))
}

/// Launching with an instance profile passes the role behind it; the request names only the profile.
pub(crate) fn run_instances(cast: &Cast, place: Place, r: &mut Rng) -> Call {
    let (image, subnet, group) =
        (format!("ami-{}", r.hex(17)), format!("subnet-{}", r.hex(17)), format!("sg-{}", r.hex(17)));
    let profile = format!("{}-profile", cast.role("legacy-reports").name);
    let id = format!("i-{}", r.hex(17));
    let params = json!({"instancesSet": {"items": [{"imageId": image, "minCount": 1, "maxCount": 1}]},
        "groupSet": {"items": [{"groupId": group}]}, "instanceType": "t3.small", "subnetId": subnet,
        "blockDeviceMapping": {}, "monitoring": {"enabled": false}, "iamInstanceProfile": {"name": profile}});
    let response = json!({"reservationId": format!("r-{}", r.hex(17)), "ownerId": cast.accounts[place], "groupSet": {},
        "instancesSet": {"items": [{"instanceId": id, "imageId": image, "subnetId": subnet,
            "instanceState": {"code": 0, "name": "pending"},
            "iamInstanceProfile": {"arn": format!("arn:aws:iam::{}:instance-profile/{profile}", cast.accounts[place])}}]}});
    let image = format!("arn:aws:ec2:{}::image/{image}", cast.regions[place]);
    let resources = vec![
        image,
        cast.arn(place, "ec2", &format!("subnet/{subnet}")),
        cast.arn(place, "ec2", &format!("security-group/{group}")),
    ];
    let launch = Need { resources, is_open: true, ..need("ec2:RunInstances", "") };
    let pass = inferred("iam:PassRole", &*cast.role("legacy-reports").arn);
    call("ec2", "RunInstances", false, params, vec![launch, pass]).responding(response)
}

pub(crate) fn terminate_instances(cast: &Cast, place: Place, r: &mut Rng) -> Call {
    let id = format!("i-{}", r.hex(17));
    let arn = cast.arn(place, "ec2", &format!("instance/{id}"));
    let params = json!({"instancesSet": {"items": [{"instanceId": id}]}});
    call("ec2", "TerminateInstances", false, params, vec![need("ec2:TerminateInstances", arn)])
}

pub(crate) fn create_database(cast: &Cast, place: Place, name: &str) -> Call {
    let arn = cast.arn(place, "rds", &format!("db:{name}"));
    let params =
        json!({"dBInstanceIdentifier": name, "dBInstanceClass": "db.r7g.large", "engine": "postgres"});
    call("rds", "CreateDBInstance", false, params, vec![need("rds:CreateDBInstance", arn)])
}

/// `AssumeRole`; tags sent along need `sts:TagSession`, which CloudTrail never shows by itself.
pub(crate) fn assume_role(role: &str, name: &str, tags: &[(&str, &str)]) -> Call {
    let mut params = json!({"roleArn": role, "roleSessionName": name, "durationSeconds": 3600});
    let mut needs = vec![need("sts:AssumeRole", role)];
    if !tags.is_empty() {
        let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        params["tags"] = json!(tags);
        needs.push(inferred("sts:TagSession", role));
    }
    call("sts", "AssumeRole", true, params, needs)
}
