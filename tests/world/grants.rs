//! Who is granted what, and what can be said of it beforehand.

use serde_json::{Value, json};

use super::cast::{Cast, Cluster, GITHUB, Managed, bucket_arn};
use super::clock;
use super::random::Rng;

impl Cast {
    /// Services of the application cluster.
    pub(crate) fn hire_shop(&mut self, r: &mut Rng) {
        let apps = self.clusters[0].clone();
        let (orders, catalog, secret) = (self.bucket("orders"), self.bucket("catalog"), self.bucket("vault"));
        let (kms, own) =
            (self.kms_key(0), |cast: &Self, service: &str, rest: &str| cast.arn(0, service, rest));

        let table = own(self, "dynamodb", "table/orders");
        let secrets = own(self, "secretsmanager", "secret:checkout/*");
        let parameters = own(self, "ssm", "parameter/checkout/*");
        let function = own(self, "lambda", "function:thumbnails");
        let queue = own(self, "sqs", "orders");
        let data = self.add_managed(
            0,
            "checkout-data",
            document(&[
                allow(&["s3:*"], &[&bucket_arn(&orders), &objects(&orders)]),
                allow(
                    &["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
                    &[&table],
                ),
            ]),
        );
        let role = self.add_at(
            r,
            "checkout",
            0,
            "/workloads/",
            None,
            irsa(&apps, "shop", "checkout", "StringEquals"),
        );
        role.managed.push(data);
        role.inline.push((
            "secrets-and-calls",
            document(&[
                allow(&["secretsmanager:GetSecretValue"], &[&secrets]),
                allow(&["kms:Decrypt"], &[&kms]),
                allow(&["ssm:GetParameter", "ssm:GetParameters"], &[&parameters]),
                allow(&["lambda:InvokeFunction"], &[&function]),
                allow(&["sqs:SendMessage"], &[&queue]),
            ]),
        ));
        role.verdicts = vec![
            ("s3:GetObject", "used"),
            ("s3:PutObject", "used"),
            ("s3:ListBucket", "used"),
            ("s3:DeleteObject", "unused"),
            ("s3:DeleteBucket", "unused"),
            ("s3:PutBucketPolicy", "unused"),
            ("dynamodb:DescribeTable", "used"),
            ("dynamodb:GetItem", "unobservable"),
            ("dynamodb:PutItem", "unobservable"),
            ("ssm:GetParameters", "unused"),
            ("lambda:InvokeFunction", "used"),
            ("sqs:SendMessage", "unobservable"),
            ("kms:Decrypt", "used"),
        ];
        role.invisible = vec!["dynamodb:GetItem", "dynamodb:PutItem", "sqs:SendMessage"];
        role.proposal = Some("replace");

        let parameter = own(self, "ssm", "parameter/catalog/feed-url");
        let role = self.add(r, "catalog", 0, irsa(&apps, "shop", "catalog", "StringEquals"));
        role.inline.push((
            "catalog",
            document(&[
                allow(&["s3:Get*", "s3:List*"], &[&bucket_arn(&catalog), &objects(&catalog)]),
                allow(&["s3:DeleteObject"], &[&objects(&catalog)]),
                deny(&["s3:DeleteObject*"], &[&objects(&catalog)]),
                allow(&["ssm:GetParameter"], &[&parameter]),
            ]),
        ));
        role.verdicts = vec![
            ("s3:GetObject", "used"),
            ("s3:ListBucket", "used"),
            ("s3:DeleteObject", "blocked"),
            ("s3:GetBucketPolicy", "unused"),
            ("ssm:GetParameter", "used"),
        ];
        role.not_by_own_policies = vec!["s3:GetObjectTagging"];

        let role = self.add(r, "search", 0, irsa(&apps, "shop", "search", "StringEquals"));
        role.inline.push((
            "everything-but-the-vault",
            document(&[
                json!({"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "NotResource": objects(&secret)}),
                allow(&["s3:ListBucket"], &[&bucket_arn(&catalog)]),
            ]),
        ));
        role.verdicts =
            vec![("s3:GetObject", "used"), ("s3:GetObjectVersion", "unused"), ("s3:ListBucket", "used")];

        let pod_identity = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]});
        let payments_secrets = own(self, "secretsmanager", "secret:payments/*");
        let boundary = self.add_managed(
            0,
            "workload-boundary",
            document(&[
                allow(
                    &["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret", "s3:GetObject"],
                    &["*"],
                ),
                allow(&["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"], &["*"]),
            ]),
        );
        let role = self.add(r, "payments-api", 0, pod_identity.clone());
        role.boundary = Some(boundary);
        role.inline.push((
            "payments",
            document(&[
                allow(&["secretsmanager:*"], &[&payments_secrets]),
                allow(&["kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"], &[&kms]),
            ]),
        ));
        role.verdicts = vec![
            ("secretsmanager:GetSecretValue", "used"),
            ("secretsmanager:DescribeSecret", "unused"),
            ("secretsmanager:PutSecretValue", "blocked"),
            ("secretsmanager:DeleteSecret", "blocked"),
            ("kms:Decrypt", "used"),
            ("kms:GenerateDataKey", "unused"),
            ("kms:CreateGrant", "blocked"),
        ];
        role.proposal = Some("replace");

        let cluster_arn = apps.arn.clone();
        let role = self.add(r, "eks-node", 0, service_trust("ec2.amazonaws.com"));
        role.profile = Some(role.name.clone());
        role.inline.push((
            "node",
            document(&[
                allow(&["eks-auth:AssumeRoleForPodIdentity"], &[&cluster_arn]),
                allow(&["ec2:DescribeInstances", "ec2:DescribeVolumes", "ecr:GetAuthorizationToken"], &["*"]),
                allow(&["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], &["*"]),
            ]),
        ));
        role.verdicts = vec![
            ("eks-auth:AssumeRoleForPodIdentity", "used"),
            ("ec2:DescribeInstances", "used"),
            ("ec2:DescribeVolumes", "unused"),
            ("ecr:BatchGetImage", "used"),
        ];
    }

    /// Argo Workflows, Airflow in a cluster and on ECS, Astronomer, and the roles they chain into.
    pub(crate) fn hire_pipelines(&mut self, r: &mut Rng) {
        let apps = self.clusters[0].clone();
        let data = self.clusters[1].clone();
        let (artifacts, dags, lake) = (self.bucket("artifacts"), self.bucket("dags"), self.bucket("lake"));
        let accounts = self.accounts.clone();
        let brand = self.brand;
        let role_arn =
            |account: usize, nick: &str| format!("arn:aws:iam::{}:role/{brand}-{nick}", accounts[account]);

        let role = self.add(r, "argo-workflows", 0, irsa(&apps, "argo-*", "*", "StringLike"));
        role.inline.push((
            "artifacts-and-lake",
            document(&[
                allow(&["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], &[&objects(&artifacts)]),
                allow(&["s3:ListBucket"], &[&bucket_arn(&artifacts)]),
                allow(&["sts:AssumeRole"], &[&role_arn(1, "lake-writer")]),
            ]),
        ));
        role.verdicts = vec![
            ("s3:GetObject", "used"),
            ("s3:PutObject", "used"),
            ("s3:DeleteObject", "unused"),
            ("sts:AssumeRole", "used"),
        ];

        let (job, workgroup, kms) =
            (self.arn(1, "glue", "job/compact"), self.arn(1, "athena", "workgroup/lake"), self.kms_key(1));
        let role = self.add(r, "lake-writer", 1, principal_trust(&[&role_arn(0, "argo-workflows")]));
        role.inline.push((
            "lake",
            document(&[
                allow(&["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], &[&objects(&lake)]),
                allow(&["glue:StartJobRun", "glue:GetJobRun", "glue:BatchStopJobRun"], &[&job]),
                allow(&["athena:StartQueryExecution"], &[&workgroup]),
                allow(&["kms:GenerateDataKey", "kms:Decrypt"], &[&kms]),
            ]),
        ));
        role.verdicts = vec![
            ("s3:GetObject", "unobservable"),
            ("s3:PutObject", "unobservable"),
            ("s3:DeleteObject", "unobservable"),
            ("glue:StartJobRun", "used"),
            ("glue:BatchStopJobRun", "unused"),
            ("kms:GenerateDataKey", "used"),
            // Objects are read unseen, and S3 may have kept a bucket key.
            ("kms:Decrypt", "undetermined"),
        ];
        role.invisible = vec!["s3:PutObject"];

        let role = self.add(r, "airflow-worker", 0, irsa(&apps, "airflow", "airflow-worker", "StringEquals"));
        role.inline.push((
            "connections",
            document(&[
                allow(&["sts:AssumeRole"], &[&role_arn(0, "dag-orders"), &role_arn(1, "dag-inventory")]),
                allow(&["s3:GetObject"], &[&objects(&dags)]),
                allow(&["s3:ListBucket"], &[&bucket_arn(&dags)]),
                allow(&["logs:PutLogEvents"], &["*"]),
            ]),
        ));
        role.verdicts =
            vec![("sts:AssumeRole", "used"), ("s3:GetObject", "used"), ("logs:PutLogEvents", "unobservable")];
        role.invisible = vec!["logs:PutLogEvents"];

        let (workgroup, job) =
            (self.arn(0, "athena", "workgroup/orders"), self.arn(0, "glue", "job/orders-daily"));
        let user = self.user_arn();
        let role = self.add(r, "dag-orders", 0, principal_trust(&[&role_arn(0, "airflow-worker"), &user]));
        role.inline.push((
            "orders",
            document(&[
                allow(&["athena:StartQueryExecution", "athena:StopQueryExecution"], &[&workgroup]),
                allow(&["glue:*"], &[&job]),
            ]),
        ));
        role.verdicts = vec![
            ("athena:StartQueryExecution", "used"),
            ("athena:StopQueryExecution", "unused"),
            ("glue:StartJobRun", "used"),
            ("glue:DeleteJob", "unused"),
        ];

        let (job, machine) =
            (self.arn(1, "glue", "job/inventory"), self.arn(1, "states", "stateMachine:inventory"));
        let role = self.add(r, "dag-inventory", 1, principal_trust(&[&role_arn(0, "airflow-worker")]));
        role.inline.push((
            "inventory",
            document(&[
                allow(&["glue:StartJobRun", "glue:GetJobRun"], &[&job]),
                allow(&["states:StartExecution", "states:StopExecution"], &[&machine]),
            ]),
        ));
        role.verdicts = vec![
            ("glue:StartJobRun", "used"),
            ("states:StartExecution", "used"),
            ("states:StopExecution", "unused"),
        ];

        let (machine, secret) = (
            self.arn(0, "states", "stateMachine:reporting"),
            self.arn(0, "secretsmanager", "secret:airflow/*"),
        );
        let role = self.add(r, "airflow-task", 0, service_trust("ecs-tasks.amazonaws.com"));
        role.inline.push((
            "task",
            document(&[
                allow(&["states:StartExecution"], &[&machine]),
                allow(&["secretsmanager:GetSecretValue"], &[&secret]),
                allow(&["s3:ListBucket"], &[&bucket_arn(&dags)]),
            ]),
        ));

        let astro = self.astro.clone();
        let namespace = self.astro_namespace.clone();
        let (workgroup, parameters) =
            (self.arn(1, "athena", "workgroup/orion"), self.arn(1, "ssm", "parameter/astro/*"));
        let role = self.add(r, "astro", 1, irsa(&astro, &namespace, "*", "StringLike"));
        role.inline.push((
            "deployment",
            document(&[
                allow(&["athena:*"], &[&workgroup]),
                allow(&["ssm:GetParameter"], &[&parameters]),
                allow(&["lambda:InvokeFunction"], &["*"]),
            ]),
        ));
        role.verdicts = vec![
            ("athena:StartQueryExecution", "used"),
            ("athena:DeleteWorkGroup", "unused"),
            ("ssm:GetParameter", "used"),
            ("lambda:InvokeFunction", "unobservable"),
        ];

        let (twin, table) = (self.bucket("compacted"), self.arn(1, "dynamodb", "table/offsets"));
        let role = self.add(r, "compactor", 1, irsa(&data, "lake", "compactor", "StringEquals"));
        role.inline.push((
            "compaction",
            document(&[
                allow(&["s3:*"], &[&bucket_arn(&twin), &objects(&twin)]),
                allow(&["dynamodb:DescribeTable", "dynamodb:UpdateItem"], &[&table]),
            ]),
        ));
        role.verdicts = vec![
            ("s3:GetObject", "unobservable"),
            ("s3:DeleteObject", "unobservable"),
            ("s3:DeleteBucket", "unused"),
            ("dynamodb:DescribeTable", "used"),
            ("dynamodb:UpdateItem", "unobservable"),
        ];
        role.invisible = vec!["s3:GetObject", "s3:PutObject", "dynamodb:UpdateItem"];
    }

    /// GitHub Actions, CloudFormation, and what they deploy.
    pub(crate) fn hire_deployers(&mut self, r: &mut Rng) {
        let account = self.accounts[0].clone();
        let brand = self.brand;
        let role_arn = |nick: &str| format!("arn:aws:iam::{account}:role/{brand}-{nick}");
        let github = |sub: String| {
            let provider = format!("arn:aws:iam::{account}:oidc-provider/{GITHUB}");
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": provider},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {format!("{GITHUB}:aud"): "sts.amazonaws.com"},
                              "StringLike": {format!("{GITHUB}:sub"): sub}}}]})
        };
        let functions = self.arn(0, "lambda", "function:*");
        let stacks = self.arn(0, "cloudformation", "stack/shop-*/*");
        let ecs = [self.arn(0, "ecs", "service/web/*"), self.arn(0, "ecs", "task-definition/*:*")];
        let role = self.add(r, "deploy-shop", 0, github(format!("repo:{brand}/shop:*")));
        role.inline.push((
            "deploy",
            document(&[
                allow(
                    &["lambda:CreateFunction", "lambda:UpdateFunctionCode", "lambda:DeleteFunction"],
                    &[&functions],
                ),
                allow(&["cloudformation:*"], &[&stacks]),
                allow(&["ecs:UpdateService"], &[&ecs[0]]),
                allow(&["ecs:RegisterTaskDefinition"], &["*"]),
                allow(
                    &["iam:PassRole"],
                    &[&role_arn("thumbnails"), &role_arn("cfn-exec"), &role_arn("airflow-task")],
                ),
            ]),
        ));
        role.verdicts = vec![
            ("lambda:CreateFunction", "used"),
            ("lambda:UpdateFunctionCode", "used"),
            ("lambda:DeleteFunction", "unused"),
            ("cloudformation:UpdateStack", "used"),
            ("cloudformation:DeleteStack", "unused"),
            ("iam:PassRole", "used"),
            ("ecs:RegisterTaskDefinition", "used"),
        ];
        role.proposal = Some("replace");

        let (owner, repository) = (self.owner_id.clone(), self.repository_id.clone());
        let sub = format!("repo:{brand}@{owner}/infra@{repository}:environment:production");
        let admin = "arn:aws:iam::aws:policy/AdministratorAccess".to_owned();
        self.managed.push(Managed {
            account: 0,
            arn: admin.clone(),
            document: document(&[allow(&["*"], &["*"])]),
        });
        let role = self.add(r, "deploy-infra", 0, github(sub));
        role.managed.push(admin);
        role.verdicts = vec![
            ("ec2:RunInstances", "used"),
            ("iam:PassRole", "used"),
            ("iam:CreateUser", "unused"),
            ("ec2:DescribeInstances", "used"),
        ];

        let alarms = self.arn(0, "cloudwatch", "alarm:*");
        let role = self.add(r, "cfn-exec", 0, service_trust("cloudformation.amazonaws.com"));
        role.inline.push((
            "provision",
            document(&[allow(&["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"], &[&alarms])]),
        ));
        role.verdicts = vec![("cloudwatch:PutMetricAlarm", "used"), ("cloudwatch:DeleteAlarms", "unused")];

        let images = self.bucket("images");
        let role = self.add(r, "thumbnails", 0, service_trust("lambda.amazonaws.com"));
        role.inline.push((
            "images",
            document(&[
                allow(&["s3:GetObject", "s3:PutObject"], &[&objects(&images)]),
                allow(&["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], &["*"]),
            ]),
        ));
        role.verdicts = vec![
            ("s3:GetObject", "used"),
            ("s3:PutObject", "used"),
            ("logs:CreateLogGroup", "unused"),
            ("logs:PutLogEvents", "unobservable"),
        ];
        role.invisible = vec!["logs:PutLogEvents"];

        let role = self.add(r, "nightly", 0, service_trust("lambda.amazonaws.com"));
        role.inline.push((
            "cleanup",
            document(&[allow(
                &["ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:DeleteSnapshot"],
                &["*"],
            )]),
        ));
        role.verdicts = vec![
            ("ec2:DescribeInstances", "used"),
            ("ec2:DescribeSnapshots", "used"),
            ("ec2:DeleteSnapshot", "unused"),
        ];

        let reports = self.bucket("reports");
        let role = self.add(r, "legacy-reports", 0, service_trust("ec2.amazonaws.com"));
        role.profile = Some(format!("{}-profile", role.name));
        role.inline.push((
            "reports",
            document(&[
                allow(
                    &["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
                    &[&bucket_arn(&reports), &objects(&reports)],
                ),
                allow(&["cloudwatch:PutMetricAlarm", "ec2:DescribeInstances"], &["*"]),
            ]),
        ));
        role.verdicts = vec![("s3:PutObject", "used"), ("cloudwatch:PutMetricAlarm", "unused")];
    }

    /// People and other clouds.
    pub(crate) fn hire_people(&mut self, r: &mut Rng) {
        let account = self.accounts[0].clone();
        let saml = |provider: &str| {
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
                "Principal": {"Federated": format!("arn:aws:iam::{account}:saml-provider/{provider}")},
                "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
                "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}}]})
        };
        let hash = r.hex(16);
        let path = format!("/aws-reserved/sso.amazonaws.com/{}/", self.regions[0]);
        let provider = self.sso_provider();
        let name = Some(format!("AWSReservedSSO_PowerUsers_{hash}"));
        let role = self.add_at(r, "power-users", 0, &path, name, saml(&provider));
        role.inline.push((
            "AwsSSOInlinePolicy",
            json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"}]}),
        ));
        role.verdicts = vec![("ec2:DescribeInstances", "used"), ("eks:DescribeCluster", "used")];

        let parameters = self.arn(0, "ssm", "parameter/support/*");
        let role = self.add(r, "okta-support", 0, saml("Okta"));
        role.inline.push((
            "support",
            document(&[
                allow(&["ec2:DescribeInstances", "ec2:RebootInstances"], &["*"]),
                allow(&["ssm:GetParameter", "ssm:PutParameter"], &[&parameters]),
            ]),
        ));
        role.verdicts = vec![
            ("ec2:DescribeInstances", "used"),
            ("ec2:RebootInstances", "unused"),
            ("ssm:GetParameter", "used"),
            ("ssm:PutParameter", "unused"),
        ];

        let okta = self.okta_host();
        let web = |federated: String, host: &str, key: &str, value: &str| {
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": federated},
                "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {format!("{host}:{key}"): value}}}]})
        };
        let federated = format!("arn:aws:iam::{account}:oidc-provider/{okta}");
        let client = self.okta_client.clone();
        let role = self.add(r, "okta-cli", 0, web(federated, &okta, "aud", &client));
        role.inline
            .push(("cli", document(&[allow(&["ec2:DescribeInstances", "ssm:DescribeParameters"], &["*"])])));
        role.verdicts = vec![("ec2:DescribeInstances", "used"), ("ssm:DescribeParameters", "unused")];

        let (exports, subject) = (self.bucket("exports"), self.google_subject.clone());
        let trust = web("accounts.google.com".to_owned(), "accounts.google.com", "sub", &subject);
        let role = self.add(r, "gcp-export", 0, trust);
        role.inline.push((
            "exports",
            document(&[
                allow(&["s3:GetObject"], &[&objects(&exports)]),
                allow(&["s3:ListBucket"], &[&bucket_arn(&exports)]),
            ]),
        ));

        let reports = self.bucket("reports");
        let user = self.user_arn();
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": user},
            "Action": ["sts:AssumeRole", "sts:TagSession"]}]});
        let role = self.add(r, "billing-export", 0, trust);
        role.inline.push((
            "billing",
            document(&[allow(
                &["s3:ListBucket", "s3:GetObject"],
                &[&bucket_arn(&reports), &objects(&reports)],
            )]),
        ));
    }

    /// Roles nobody uses, and AWS's own.
    pub(crate) fn hire_the_rest(&mut self, r: &mut Rng) {
        let table = self.arn(0, "dynamodb", "table/batch");
        let role = self.add(r, "old-batch", 0, service_trust("batch.amazonaws.com"));
        role.inline.push((
            "batch",
            document(&[allow(
                &["dynamodb:DescribeTable", "dynamodb:DeleteTable", "dynamodb:Scan"],
                &[&table],
            )]),
        ));
        role.verdicts = vec![("dynamodb:DescribeTable", "unused"), ("dynamodb:DeleteTable", "unused")];
        // Nobody assumed it, and the logs would show that, whatever data events they leave out.
        role.proposal = Some("delete-role");

        let user = self.user_arn();
        let parameters = self.arn(1, "ssm", "parameter/import/*");
        let role = self.add(r, "retired-importer", 1, principal_trust(&[&user]));
        role.last_used = Some(clock::date(2026, 3, 14) + 7 * clock::HOUR);
        role.inline.push((
            "import",
            document(&[allow(&["ssm:GetParameter", "ssm:DeleteParameter"], &[&parameters])]),
        ));
        role.verdicts = vec![("ssm:GetParameter", "unused"), ("ssm:DeleteParameter", "unused")];
        role.proposal = Some("delete-role");

        let trust = service_trust("eks.amazonaws.com");
        let name = Some("AWSServiceRoleForAmazonEKS".to_owned());
        let role = self.add_at(r, "slr-eks", 0, "/aws-service-role/eks.amazonaws.com/", name, trust);
        let arn = "arn:aws:iam::aws:policy/aws-service-role/AmazonEKSServiceRolePolicy".to_owned();
        role.managed.push(arn.clone());
        let reads = allow(&["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], &["*"]);
        self.managed.push(Managed { account: 0, arn, document: document(&[reads]) });
    }
}

fn objects(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}/*")
}

pub(crate) fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

pub(crate) fn allow(actions: &[&str], resources: &[&str]) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

fn deny(actions: &[&str], resources: &[&str]) -> Value {
    json!({"Effect": "Deny", "Action": actions, "Resource": resources})
}

fn service_trust(service: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]})
}

fn principal_trust(arns: &[&str]) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": arns}, "Action": "sts:AssumeRole"}]})
}

fn irsa(cluster: &Cluster, namespace: &str, name: &str, operator: &str) -> Value {
    let subject = format!("system:serviceaccount:{namespace}:{name}");
    let mut conditions = json!({"StringEquals": {format!("{}:aud", cluster.issuer): "sts.amazonaws.com"}});
    conditions[operator][format!("{}:sub", cluster.issuer)] = json!(subject);
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": cluster.provider()},
        "Action": "sts:AssumeRoleWithWebIdentity", "Condition": conditions}]})
}
