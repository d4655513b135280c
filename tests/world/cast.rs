//! The cast: accounts, clusters, roles with their policies and trust, and the names of what they work on.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::clock;
use super::random::Rng;

/// An IAM role and what is known about it beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) in_snapshot: bool,
    trust: Value,
    inline: Vec<(&'static str, Value)>,
    managed: Vec<String>,
    boundary: Option<String>,
    profile: Option<String>,
    last_used: Option<i64>,
    /// Verdicts on granted actions that follow from the cast alone, whatever was drawn.
    pub(crate) verdicts: Vec<(&'static str, &'static str)>,
    /// Actions really used that no trail of the account records: never to be called unused.
    pub(crate) invisible: Vec<&'static str>,
    /// Used actions that another policy than the role's own allowed.
    pub(crate) not_by_own_policies: Vec<&'static str>,
    /// The only sensible verdict on the role, where there is just one.
    pub(crate) proposal: Option<&'static str>,
}

/// A customer managed or AWS managed policy.
#[derive(Clone, Debug)]
struct Managed {
    account: usize,
    arn: String,
    document: Value,
}

/// One EKS cluster.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) region: String,
    /// Host and path, without `https://`.
    pub(crate) issuer: String,
}

impl Cluster {
    pub(crate) fn provider(&self) -> String {
        format!("arn:aws:iam::{}:oidc-provider/{}", self.account, self.issuer)
    }
}

/// Everyone and everything the play knows by name.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) organization: String,
    /// The application account, whose trail records data events of S3 and Lambda, and the data account, whose trail does not.
    pub(crate) accounts: [String; 2],
    pub(crate) regions: [String; 2],
    pub(crate) clusters: [Cluster; 2],
    /// Astronomer's own cluster: known by its issuer only; its provider lives in the data account.
    pub(crate) astro: Cluster,
    pub(crate) astro_namespace: String,
    pub(crate) brand: &'static str,
    roles: BTreeMap<&'static str, Role>,
    managed: Vec<Managed>,
    pub(crate) user_id: String,
    pub(crate) user_key: String,
    pub(crate) key_id: String,
    pub(crate) owner_id: String,
    pub(crate) repository_id: String,
    pub(crate) google_subject: String,
    pub(crate) okta_client: String,
    suffix: String,
}

const BRANDS: &[&str] = &["northwind", "kestrel", "lumen", "tidepool", "harbor"];
const REGIONS: &[[&str; 2]] =
    &[["eu-west-1", "eu-central-1"], ["us-west-2", "ca-central-1"], ["ap-southeast-2", "ap-northeast-1"]];

impl Cast {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = Rng::new(seed);
        let mut r = rng.fork("cast", 0);
        let brand = BRANDS[(seed.wrapping_sub(1) % BRANDS.len() as u64) as usize];
        let regions = REGIONS[(seed.wrapping_sub(1) % REGIONS.len() as u64) as usize].map(str::to_owned);
        let accounts = [format!("2109{}", r.digits(8)), format!("5406{}", r.digits(8))];
        let cluster = |r: &mut Rng, name: String, account: &str, region: &str| Cluster {
            arn: format!("arn:aws:eks:{region}:{account}:cluster/{name}"),
            issuer: format!("oidc.eks.{region}.amazonaws.com/id/{}", r.text(b"0123456789ABCDEF", 32)),
            account: account.to_owned(),
            region: region.to_owned(),
            name,
        };
        let clusters = [
            cluster(&mut r, format!("{brand}-apps"), &accounts[0], &regions[0]),
            cluster(&mut r, format!("{brand}-data"), &accounts[1], &regions[1]),
        ];
        let astro = cluster(&mut r, "hosted-by-astronomer".to_owned(), &accounts[1], "us-east-2");
        let mut cast = Self {
            organization: format!("o-{}", r.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 10)),
            astro_namespace: format!("{}-{}", r.word(&["orion", "vega", "altair", "deneb"]), r.digits(4)),
            accounts,
            regions,
            clusters,
            astro,
            brand,
            roles: BTreeMap::new(),
            managed: Vec::new(),
            user_id: r.aws_id("AIDA"),
            user_key: r.aws_id("AKIA"),
            key_id: r.uuid(),
            owner_id: r.digits(7),
            repository_id: r.digits(9),
            google_subject: format!("1{}", r.digits(20)),
            okta_client: format!("0oa{}", r.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 17)),
            suffix: r.hex(6),
        };
        cast.hire(&mut r);
        cast
    }

    pub(crate) fn role(&self, name: &str) -> &Role {
        &self.roles[name]
    }

    pub(crate) fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    pub(crate) fn bucket(&self, name: &str) -> String {
        format!("{}-{name}-{}", self.brand, self.suffix)
    }

    /// The KMS key of an account.
    pub(crate) fn kms_key(&self, account: usize) -> String {
        format!("arn:aws:kms:{}:{}:key/{}", self.regions[account], self.accounts[account], self.key_id)
    }

    /// An ARN in an account's own Region.
    pub(crate) fn arn(&self, account: usize, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.regions[account], self.accounts[account])
    }

    pub(crate) fn user_arn(&self) -> String {
        format!("arn:aws:iam::{}:user/{}-ci-legacy", self.accounts[0], self.brand)
    }

    pub(crate) fn person(&self, name: &str) -> String {
        format!("{name}@{}.example", self.brand)
    }

    pub(crate) fn data_events(&self) -> Value {
        json!({
            &self.accounts[0]: {"s3": true, "lambda": true, "dynamodb": false},
            &self.accounts[1]: {"s3": false, "lambda": false, "dynamodb": false},
        })
    }

    fn add(&mut self, r: &mut Rng, nick: &'static str, account: usize, trust: Value) -> &mut Role {
        self.add_at(r, nick, account, "/", None, trust)
    }

    fn add_at(
        &mut self,
        r: &mut Rng,
        nick: &'static str,
        account: usize,
        path: &str,
        name: Option<String>,
        trust: Value,
    ) -> &mut Role {
        let name = name.unwrap_or_else(|| format!("{}-{nick}", self.brand));
        let account = self.accounts[account].clone();
        let role = Role {
            arn: format!("arn:aws:iam::{account}:role{path}{name}"),
            name,
            path: path.to_owned(),
            id: r.aws_id("AROA"),
            account,
            in_snapshot: true,
            trust,
            inline: Vec::new(),
            managed: Vec::new(),
            boundary: None,
            profile: None,
            last_used: None,
            verdicts: Vec::new(),
            invisible: Vec::new(),
            not_by_own_policies: Vec::new(),
            proposal: None,
        };
        self.roles.entry(nick).or_insert(role)
    }

    fn add_managed(&mut self, account: usize, name: &str, document: Value) -> String {
        let arn = format!("arn:aws:iam::{}:policy/{}-{name}", self.accounts[account], self.brand);
        self.managed.push(Managed { account, arn: arn.clone(), document });
        arn
    }

    fn hire(&mut self, r: &mut Rng) {
        self.hire_shop(r);
        self.hire_pipelines(r);
        self.hire_deployers(r);
        self.hire_people(r);
        self.hire_the_rest(r);
    }

    /// Services of the application cluster.
    fn hire_shop(&mut self, r: &mut Rng) {
        let apps = self.clusters[0].clone();
        let (orders, catalog, secret) = (self.bucket("orders"), self.bucket("catalog"), self.bucket("vault"));
        let (kms, own) = (self.kms_key(0), |cast: &Self, service: &str, rest: &str| cast.arn(0, service, rest));

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
        let role =
            self.add_at(r, "checkout", 0, "/workloads/", None, irsa(&apps, "shop", "checkout", "StringEquals"));
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
                allow(
                    &["s3:Get*", "s3:List*", "s3:DeleteObject"],
                    &[&bucket_arn(&catalog), &objects(&catalog)],
                ),
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
        role.verdicts = vec![("s3:GetObject", "used"), ("s3:GetObjectVersion", "unused"), ("s3:ListBucket", "used")];

        let pod_identity = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]});
        let payments_secrets = own(self, "secretsmanager", "secret:payments/*");
        let boundary = self.add_managed(
            0,
            "workload-boundary",
            document(&[
                allow(&["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret", "s3:GetObject"], &["*"]),
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
    fn hire_pipelines(&mut self, r: &mut Rng) {
        let apps = self.clusters[0].clone();
        let data = self.clusters[1].clone();
        let (artifacts, dags, lake) = (self.bucket("artifacts"), self.bucket("dags"), self.bucket("lake"));
        let accounts = self.accounts.clone();
        let brand = self.brand;
        let role_arn = |account: usize, nick: &str| format!("arn:aws:iam::{}:role/{brand}-{nick}", accounts[account]);

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
            ("kms:Decrypt", "unused"),
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
        role.verdicts = vec![
            ("sts:AssumeRole", "used"),
            ("s3:GetObject", "used"),
            ("logs:PutLogEvents", "unobservable"),
        ];
        role.invisible = vec!["logs:PutLogEvents"];

        let (workgroup, job) = (self.arn(0, "athena", "workgroup/orders"), self.arn(0, "glue", "job/orders-daily"));
        let user = self.user_arn();
        let role =
            self.add(r, "dag-orders", 0, principal_trust(&[&role_arn(0, "airflow-worker"), &user]));
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

        let (job, machine) = (self.arn(1, "glue", "job/inventory"), self.arn(1, "states", "stateMachine:inventory"));
        let role = self.add(r, "dag-inventory", 1, principal_trust(&[&role_arn(0, "airflow-worker")]));
        role.inline.push((
            "inventory",
            document(&[
                allow(&["glue:StartJobRun", "glue:GetJobRun"], &[&job]),
                allow(&["states:StartExecution", "states:StopExecution"], &[&machine]),
            ]),
        ));
        role.verdicts =
            vec![("glue:StartJobRun", "used"), ("states:StartExecution", "used"), ("states:StopExecution", "unused")];

        let (machine, secret) =
            (self.arn(0, "states", "stateMachine:reporting"), self.arn(0, "secretsmanager", "secret:airflow/*"));
        let role = self.add(r, "airflow-task", 0, service_trust("ecs-tasks.amazonaws.com"));
        role.inline.push((
            "task",
            document(&[
                allow(&["states:StartExecution"], &[&machine]),
                allow(&["secretsmanager:GetSecretValue"], &[&secret]),
                allow(&["s3:ListBucket"], &[&bucket_arn(&dags)]),
            ]),
        ));
        role.proposal = Some("keep");

        let astro = self.astro.clone();
        let namespace = self.astro_namespace.clone();
        let (workgroup, parameters) = (self.arn(1, "athena", "workgroup/orion"), self.arn(1, "ssm", "parameter/astro/*"));
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
    fn hire_deployers(&mut self, r: &mut Rng) {
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
        self.managed.push(Managed { account: 0, arn: admin.clone(), document: document(&[allow(&["*"], &["*"])]) });
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
    fn hire_people(&mut self, r: &mut Rng) {
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
        role.inline.push(("cli", document(&[allow(&["ec2:DescribeInstances", "ssm:DescribeParameters"], &["*"])])));
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
    fn hire_the_rest(&mut self, r: &mut Rng) {
        let table = self.arn(0, "dynamodb", "table/batch");
        let role = self.add(r, "old-batch", 0, service_trust("batch.amazonaws.com"));
        role.inline.push((
            "batch",
            document(&[allow(&["dynamodb:DescribeTable", "dynamodb:DeleteTable", "dynamodb:Scan"], &[&table])]),
        ));
        role.verdicts = vec![
            ("dynamodb:DescribeTable", "unused"),
            ("dynamodb:DeleteTable", "unused"),
            ("dynamodb:Scan", "unobservable"),
        ];

        let user = self.user_arn();
        let parameters = self.arn(1, "ssm", "parameter/import/*");
        let role = self.add(r, "retired-importer", 1, principal_trust(&[&user]));
        role.last_used = Some(clock::date(2026, 3, 14) + 7 * clock::HOUR);
        role.inline
            .push(("import", document(&[allow(&["ssm:GetParameter", "ssm:DeleteParameter"], &[&parameters])])));
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

    pub(crate) fn sso_provider(&self) -> String {
        format!("AWSSSO_{}_DO_NOT_DELETE", self.suffix)
    }

    pub(crate) fn okta_host(&self) -> String {
        format!("{}.okta.com", self.brand)
    }

    /// An account as `aws iam get-account-authorization-details` prints it.
    pub(crate) fn account_snapshot(&self, account: usize) -> Value {
        let id = &self.accounts[account];
        let created = "2024-11-05T10:00:00+00:00";
        let attached = |arns: &[String]| -> Vec<Value> {
            arns.iter().map(|arn| json!({"PolicyName": last(arn), "PolicyArn": arn})).collect()
        };
        let roles: Vec<Value> = self
            .roles
            .values()
            .filter(|role| &role.account == id)
            .map(|role| {
                let profiles: Vec<Value> = role
                    .profile
                    .iter()
                    .map(|name| {
                        json!({"Path": "/", "InstanceProfileName": name, "InstanceProfileId": format!("AIPA{}", &role.id[4..]),
                            "Arn": format!("arn:aws:iam::{id}:instance-profile/{name}"), "CreateDate": created,
                            "Roles": [{"Path": role.path, "RoleName": role.name, "RoleId": role.id, "Arn": role.arn,
                                "CreateDate": created, "AssumeRolePolicyDocument": role.trust}]})
                    })
                    .collect();
                let inline: Vec<Value> = role
                    .inline
                    .iter()
                    .map(|(name, document)| json!({"PolicyName": name, "PolicyDocument": document}))
                    .collect();
                let mut value = json!({"Path": role.path, "RoleName": role.name, "RoleId": role.id, "Arn": role.arn,
                    "CreateDate": created, "AssumeRolePolicyDocument": role.trust, "InstanceProfileList": profiles,
                    "RolePolicyList": inline, "AttachedManagedPolicies": attached(&role.managed), "Tags": [],
                    "RoleLastUsed": {}});
                if let Some(boundary) = &role.boundary {
                    value["PermissionsBoundary"] =
                        json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary});
                }
                if let Some(time) = role.last_used {
                    value["RoleLastUsed"] = json!({"LastUsedDate": clock::iso(time).replace('Z', "+00:00"),
                        "Region": self.regions[account]});
                }
                value
            })
            .collect();
        let policies: Vec<Value> = self
            .managed
            .iter()
            .filter(|policy| policy.account == account)
            .map(|policy| {
                json!({"PolicyName": last(&policy.arn), "PolicyId": format!("ANPA{:0>10}EXAMPLE", policy.arn.len()),
                    "Arn": policy.arn, "Path": "/", "DefaultVersionId": "v1", "AttachmentCount": 1,
                    "PermissionsBoundaryUsageCount": 0, "IsAttachable": true, "CreateDate": created, "UpdateDate": created,
                    "PolicyVersionList": [{"Document": policy.document, "VersionId": "v1", "IsDefaultVersion": true,
                        "CreateDate": created}]})
            })
            .collect();
        let (mut users, mut groups) = (Vec::new(), Vec::new());
        if account == 0 {
            let group = format!("{}-machines", self.brand);
            let name = last(&self.user_arn()).to_owned();
            users.push(json!({"Path": "/", "UserName": name, "UserId": self.user_id, "Arn": self.user_arn(),
                "CreateDate": created, "GroupList": [group], "UserPolicyList": [], "AttachedManagedPolicies": [],
                "Tags": []}));
            let statements = [
                allow(&["ecr:GetAuthorizationToken", "ec2:DescribeInstances"], &["*"]),
                allow(&["sts:AssumeRole", "sts:TagSession"], &[&self.role("billing-export").arn]),
                allow(&["sts:AssumeRole"], &[&self.role("dag-orders").arn, &self.role("retired-importer").arn]),
            ];
            groups.push(json!({"Path": "/", "GroupName": group, "GroupId": "AGPA0000000000EXAMPLE",
                "Arn": format!("arn:aws:iam::{id}:group/{group}"), "CreateDate": created,
                "GroupPolicyList": [{"PolicyName": "machines", "PolicyDocument": document(&statements)}],
                "AttachedManagedPolicies": []}));
        }
        json!({"UserDetailList": users, "GroupDetailList": groups, "RoleDetailList": roles, "Policies": policies})
    }

    /// `eks describe-cluster` and the Pod Identity associations.
    pub(crate) fn eks_files(&self) -> Vec<(String, Value)> {
        let mut files = Vec::new();
        for cluster in &self.clusters {
            let value = json!({"cluster": {"name": cluster.name, "arn": cluster.arn, "version": "1.34", "status": "ACTIVE",
                "identity": {"oidc": {"issuer": format!("https://{}", cluster.issuer)}}}});
            files.push((format!("eks-cluster-{}.json", cluster.name), value));
        }
        let apps = &self.clusters[0];
        let id = format!("a-{}", &self.key_id.replace('-', "")[..17]);
        let association = json!({"clusterName": apps.name, "namespace": "payments", "serviceAccount": "payments-api",
            "roleArn": self.role("payments-api").arn, "associationId": id, "disableSessionTags": false,
            "associationArn": format!("arn:aws:eks:{}:{}:podidentityassociation/{}/{id}", apps.region, apps.account, apps.name)});
        files.push((format!("eks-associations-{}.json", apps.name), json!({"associations": [association]})));
        files
    }

    /// ServiceAccount manifests by cluster name and file name.
    pub(crate) fn manifests(&self) -> Vec<(String, String, String)> {
        let apps = [
            ("shop", &["checkout", "catalog", "search"][..]),
            ("payments", &["payments-api"]),
            ("argo-batch", &["argo-batch-runner"]),
            ("argo-ml", &["argo-ml-runner"]),
            ("airflow", &["airflow-worker"]),
        ];
        let role_of = |name: &str| match name {
            "payments-api" => None,
            "argo-batch-runner" | "argo-ml-runner" => Some(&self.role("argo-workflows").arn),
            name => Some(&self.role(name).arn),
        };
        let manifest = |namespace: &str, name: &str| {
            let annotation = role_of(name).map_or_else(String::new, |arn| {
                format!("  annotations:\n    eks.amazonaws.com/role-arn: {arn}\n")
            });
            format!("apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: {namespace}\n{annotation}")
        };
        let mut files = Vec::new();
        for (namespace, names) in apps {
            let text: Vec<String> = names.iter().map(|name| manifest(namespace, name)).collect();
            files.push((self.clusters[0].name.clone(), format!("{namespace}.yaml"), text.join("---\n")));
        }
        files.push((self.clusters[1].name.clone(), "lake.yaml".to_owned(), manifest("lake", "compactor")));
        files
    }
}

/// The issuer of GitHub Actions.
pub(crate) const GITHUB: &str = "token.actions.githubusercontent.com";

pub(crate) fn bucket_arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

fn objects(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}/*")
}

fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn allow(actions: &[&str], resources: &[&str]) -> Value {
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
