//! What everyone does on one day.

use std::rc::Rc;

use serde_json::{Value, json};

use super::calls::{self, Call};
use super::cast::Cast;
use super::clock::{self, DAY, HOUR, MINUTE, iso};
use super::dags;
use super::incidents::INCIDENTS;
use super::mixes::*;
use super::random::Rng;
use super::record;
use super::stage::{Logged, Record, Stage, Subject, github_provider, kubernetes};
use super::truth::Session;

pub(crate) const BOTO: &str =
    "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#6.12.40 md/arch#x86_64 lang/python#3.13.7";
pub(crate) const GO: &str = "aws-sdk-go-v2/1.39.0 os/linux lang/go#1.25.1 md/GOOS#linux md/GOARCH#arm64";
pub(crate) const JAVA: &str =
    "aws-sdk-java/2.33.4 md/io#sync md/http#Apache ua/2.1 os/Linux#6.12.40 lang/java#21.0.8";
const ACTIONS: &str = "aws-sdk-js/3.876.0 ua/2.1 os/linux#6.11.0-1018-azure lang/js md/nodejs#24.5.0 configure-aws-credentials-for-github-actions";
pub(crate) const GCP: &str = "google-cloud-sdk gcloud/541.0.0 aws-sdk-python";

/// The world in motion: what lasts longer than a day.
pub(crate) struct Play<'a> {
    pub(crate) cast: &'a Cast,
    rng: Rng,
    start: i64,
    days: i64,
    /// Percent of the usual volume, drawn per seed.
    volume: i64,
    user: Rc<Session>,
    /// Nothing in the logs is broken.
    is_tidy: bool,
}

impl<'a> Play<'a> {
    pub(crate) fn new(cast: &'a Cast, seed: u64, start: i64, days: i64) -> Self {
        let rng = Rng::new(seed).fork("play", 0);
        let volume = if seed == super::SAMPLE_SEED { 100 } else { rng.fork("volume", 0).range(40, 130) };
        let user = Stage::new(cast, rng.clone()).user(start - 700 * DAY);
        Self { cast, rng, start, days, volume, user, is_tidy: super::is_tidy(seed) }
    }

    /// Everything recorded on a day. `pass` is above 0 only when the world is scaled up: more of the same, other sessions.
    pub(crate) fn day(&self, index: i64, pass: u64) -> Vec<Record> {
        let rng = self.rng.fork("day", index.unsigned_abs() * 1_000_003 + pass);
        let mut day = Day {
            stage: Stage::new(self.cast, rng.fork("stage", 0)),
            cast: self.cast,
            rng,
            start: self.start + index * DAY,
            volume: self.volume,
            is_tidy: self.is_tidy,
        };
        day.shop();
        day.pods();
        day.argo();
        day.airflow();
        day.astronomer();
        day.deployments(index);
        day.machines();
        day.people(&self.user);
        day.other_clouds();
        if pass == 0 {
            day.background();
            self.incidents(&mut day, index);
        }
        day.stage.records
    }

    /// What happens once, each on a day of its own as far as there are days.
    fn incidents(&self, day: &mut Day<'_>, index: i64) {
        for (number, incident) in INCIDENTS.iter().enumerate() {
            if number as i64 % self.days == index {
                incident(day, &self.user);
            }
        }
    }
}

pub(crate) struct Day<'a> {
    pub(crate) stage: Stage<'a>,
    pub(crate) cast: &'a Cast,
    pub(crate) rng: Rng,
    pub(crate) start: i64,
    pub(crate) volume: i64,
    pub(crate) is_tidy: bool,
}

/// When, where and how much a session works.
pub(crate) struct Shift {
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) region: String,
    /// Kinds of calls the session's author knows; each is made at least once.
    pub(crate) kinds: i64,
    pub(crate) more: i64,
}

impl Day<'_> {
    pub(crate) fn fork(&self, label: &str) -> Rng {
        self.rng.fork(label, 0)
    }

    pub(crate) fn region(&self, account: usize) -> String {
        self.cast.regions[account].clone()
    }

    pub(crate) fn shift(&self, from: i64, account: usize, kinds: i64, more: i64) -> Shift {
        let more = (more * self.volume / 100).max(0);
        Shift { from, until: from + 50 * MINUTE, region: self.region(account), kinds, more }
    }

    /// Each kind once, then a mixture. Most work is of the first kinds.
    pub(crate) fn work(
        &mut self,
        session: &Rc<Session>,
        shift: &Shift,
        r: &mut Rng,
        make: &dyn Fn(&Cast, i64, &mut Rng) -> Call,
    ) {
        for turn in 0..shift.kinds + shift.more {
            let kind = if turn < shift.kinds {
                turn
            } else {
                r.range(0, shift.kinds - 1).min(r.range(0, shift.kinds - 1))
            };
            let time = r.range(shift.from, shift.until - 1);
            let call = make(self.cast, kind, r);
            self.stage.call(session, call, time, &shift.region);
        }
    }

    /// Checkout, catalog and search: one ServiceAccount and one role each.
    fn shop(&mut self) {
        let cast = self.cast;
        let apps = &cast.clusters[0];
        let mut r = self.fork("shop");
        for hour in [2, 9, 15, 20] {
            let time = self.start + hour * HOUR + r.range(0, 300);
            let name = format!("aws-sdk-java-{}", time * 1000 + r.range(0, 999));
            let session = self.stage.irsa("checkout", apps, ("shop", "checkout"), (&name, JAVA), time);
            let shift = self.shift(time + 1, 0, 9, 28);
            self.work(&session, &shift, &mut r, &checkout);
        }
        for hour in [7, 16] {
            // The client still talks to the global endpoint: the issuance lies in us-east-1, the use elsewhere.
            let time = self.start + hour * HOUR + r.range(0, 300);
            let account = kubernetes(apps, "shop", "catalog");
            let endpoint = ("us-east-1", "sts.amazonaws.com");
            let name = format!("botocore-session-{time}");
            let session = self.stage.web_identity(
                "catalog",
                &account.borrow(),
                (&name, BOTO),
                endpoint,
                time,
                Logged::Yes,
            );
            let shift = self.shift(time + 2, 0, 5, 24);
            self.work(&session, &shift, &mut r, &catalog);
        }
        let time = self.start + 11 * HOUR + r.range(0, 300);
        let name = time.to_string() + &r.digits(9);
        let session = self.stage.irsa("search", apps, ("shop", "search"), (&name, GO), time);
        let shift = self.shift(time + 1, 0, 2, 22);
        self.work(&session, &shift, &mut r, &search);
    }

    /// EKS Pod Identity: the node asks EKS, EKS assumes the role with the pod's names as session tags.
    fn pods(&mut self) {
        let cast = self.cast;
        let apps = &cast.clusters[0];
        let region = self.region(0);
        let mut r = self.fork("pods");
        let node_id = format!("i-{}", r.hex(17));
        for quarter in 0..4 {
            let time = self.start + quarter * 6 * HOUR + r.range(60, 600);
            let mut node = self.stage.service_role(
                "eks-node",
                "ec2.amazonaws.com",
                &node_id,
                Value::Null,
                6,
                (time, &region),
            );
            node.is_instance = true;
            node.workload = Some(format!("ec2:{}", node.role_name));
            let node = Rc::new(node);
            let shift = self.shift(time + 1, 0, 3, 6);
            self.work(&node, &shift, &mut r, &node_calls);

            let time = time + 20 * MINUTE;
            self.stage.call(&node, calls::pod_identity(apps), time, &region);
            let pod = format!("payments-api-{}-{}", r.hex(9), r.hex(5));
            let name = pod_session_name(&apps.name, &pod, &mut r);
            let tag = |key: &str, value: &str| json!({"key": key, "value": value});
            let tags = [
                tag("eks-cluster-arn", &apps.arn),
                tag("eks-cluster-name", &apps.name),
                tag("kubernetes-namespace", "payments"),
                tag("kubernetes-service-account", "payments-api"),
                tag("kubernetes-pod-name", &pod),
                tag("kubernetes-pod-uid", &r.uuid()),
            ];
            let keys: Vec<&Value> = tags.iter().map(|tag| &tag["key"]).collect();
            let more = json!({"durationSeconds": 21_600, "tags": tags, "transitiveTagKeys": keys});
            let service = "pods.eks.amazonaws.com";
            let mut session =
                self.stage.service_role("payments-api", service, &name, more, 6, (time, &region));
            // Nobody comes as this ServiceAccount through IRSA, so the cluster is named as Pod Identity names it.
            session.workload = Some(format!("kubernetes:{}/payments/payments-api", apps.arn));
            let session = Rc::new(session);
            let shift = self.shift(time + 1, 0, 2, 20);
            self.work(&session, &shift, &mut r, &payments);
        }
    }

    /// Two namespaces share a role whose trust has a wildcard; workflows chain into the data account.
    fn argo(&mut self) {
        let cast = self.cast;
        let apps = &cast.clusters[0];
        let mut r = self.fork("argo");
        let region = self.region(0);
        for (namespace, account, hours) in [
            ("argo-batch", "argo-batch-runner", &[1, 5, 13, 21][..]),
            ("argo-ml", "argo-ml-runner", &[4, 18]),
        ] {
            for hour in hours {
                let time = self.start + hour * HOUR + r.range(0, 500);
                let name = format!("botocore-session-{time}");
                let session =
                    self.stage.irsa("argo-workflows", apps, (namespace, account), (&name, BOTO), time);
                let shift = self.shift(time + 1, 0, 3, 9);
                let folder = account.to_owned();
                self.work(&session, &shift, &mut r, &move |cast, kind, r| artifacts(cast, kind, &folder, r));
                let time = time + 9 * MINUTE;
                let name = format!("lake-{account}-{}", r.hex(6));
                let lake = self.stage.chain(&session, "lake-writer", &name, &[], time, &region);
                let shift = self.shift(time + 1, 1, 5, 8);
                self.work(&lake, &shift, &mut r, &lake_writer);
            }
        }
    }

    /// Airflow in the cluster assumes a role per connection; Airflow on ECS runs as its task role.
    fn airflow(&mut self) {
        let cast = self.cast;
        let apps = &cast.clusters[0];
        let mut r = self.fork("airflow");
        let region = self.region(0);
        let agent = |dag| format!("{BOTO} {}", dags::agent(dag));
        let connections = [
            ("dag-orders", "airflow_orders_db", 0, agent(dags::ORDERS)),
            ("dag-inventory", "airflow_inventory", 1, agent(dags::INVENTORY)),
        ];
        for hour in [0, 6, 12, 18] {
            let time = self.start + hour * HOUR + r.range(700, 900);
            let name = format!("botocore-session-{time}");
            let worker =
                self.stage.irsa("airflow-worker", apps, ("airflow", "airflow-worker"), (&name, BOTO), time);
            let shift = self.shift(time + 1, 0, 3, 4);
            self.work(&worker, &shift, &mut r, &airflow_worker);
            for (role, connection, account, agent) in &connections {
                let time = time + r.range(30, 1200);
                let session = self.stage.chain(&worker, role, connection, &[], time, &region);
                let session = Rc::new(Session { agent: agent.clone(), ..Rc::try_unwrap(session).unwrap() });
                let shift = self.shift(time + 1, *account, 2, 7);
                let account = *account;
                self.work(&session, &shift, &mut r, &move |cast, kind, r| dag_calls(cast, kind, account, r));
            }
        }
        for hour in [3, 15] {
            let time = self.start + hour * HOUR + r.range(0, 900);
            let (task, service) = (r.hex(32), "ecs-tasks.amazonaws.com");
            let mut session =
                self.stage.service_role("airflow-task", service, &task, Value::Null, 6, (time, &region));
            session.agent = agent(dags::FINANCE);
            session.workload = Some(format!("ecs:{}", session.role_name));
            let session = Rc::new(session);
            let shift = self.shift(time + 1, 0, 3, 9);
            self.work(&session, &shift, &mut r, &airflow_task);
        }
    }

    /// One Astronomer deployment: its components share a role; its cluster is Astronomer's own.
    fn astronomer(&mut self) {
        let cast = self.cast;
        let namespace = cast.astro_namespace.clone();
        let mut r = self.fork("astro");
        for (component, hour) in [("worker", 2), ("scheduler", 10), ("triggerer", 17)] {
            let time = self.start + hour * HOUR + r.range(0, 900);
            let account = format!("{namespace}-{component}-serviceaccount");
            let name = format!("botocore-session-{time}");
            let subject = (namespace.as_str(), account.as_str());
            let session = self.stage.irsa("astro", &cast.astro, subject, (&name, BOTO), time);
            let shift = self.shift(time + 1, 1, 2, 9);
            self.work(&session, &shift, &mut r, &astro_calls);
        }
        let time = self.start + 8 * HOUR + r.range(0, 900);
        let name = format!("aws-go-sdk-{time}000000000");
        let session =
            self.stage.irsa("compactor", &cast.clusters[1], ("lake", "compactor"), (&name, GO), time);
        let shift = self.shift(time + 1, 1, 3, 10);
        self.work(&session, &shift, &mut r, &compactor_calls);
    }

    pub(crate) fn github(&mut self, role: &str, sub: &str, workload: &str, time: i64) -> Rc<Session> {
        let cast = self.cast;
        let provider = github_provider(&cast.accounts[0]);
        let subject = Subject {
            provider: &provider,
            audience: "sts.amazonaws.com",
            sub,
            workload: workload.to_owned(),
        };
        let region = self.region(0);
        let host = format!("sts.{region}.amazonaws.com");
        let endpoint = (region.as_str(), host.as_str());
        self.stage.web_identity(role, &subject, ("GitHubActions", ACTIONS), endpoint, time, Logged::Yes)
    }

    /// GitHub Actions with both forms of subject, and what CloudFormation does with the role it was passed.
    fn deployments(&mut self, index: i64) {
        let cast = self.cast;
        let brand = cast.brand;
        let mut r = self.fork("deploy");
        let region = self.region(0);
        for (hour, sub) in [
            (10, format!("repo:{brand}/shop:ref:refs/heads/main")),
            (14, format!("repo:{brand}/shop:pull_request")),
        ] {
            let time = self.start + hour * HOUR + r.range(0, 900);
            let workload = format!("github-actions:{brand}/shop");
            let session = self.github("deploy-shop", &sub, &workload, time);
            let shift = self.shift(time + 1, 0, 6, 2);
            self.work(&session, &shift, &mut r, &move |cast, kind, r| deploy_shop(cast, kind, index, r));
        }
        let sub =
            format!("repo:{brand}@{}/infra@{}:environment:production", cast.owner_id, cast.repository_id);
        let time = self.start + 11 * HOUR + r.range(0, 900);
        let session = self.github("deploy-infra", &sub, &format!("github-actions:{brand}/infra"), time);
        let shift = self.shift(time + 1, 0, 3, 5);
        self.work(&session, &shift, &mut r, &|cast, kind, r| match kind {
            0 => calls::describe_all("ec2", "DescribeInstances"),
            1 => calls::describe_cluster(cast, &cast.clusters[0]),
            _ => calls::run_instances(cast, 0, r),
        });

        let time = self.start + 10 * HOUR + 20 * MINUTE;
        let service = "cloudformation.amazonaws.com";
        let mut session = self.stage.service_role(
            "cfn-exec",
            service,
            "AWSCloudFormation",
            Value::Null,
            1,
            (time, &region),
        );
        session.invoked_by = Some(service);
        session.workload = Some(format!("service:{service}/{}", session.role_name));
        let session = Rc::new(session);
        let shift = self.shift(time + 1, 0, 1, 3);
        self.work(&session, &shift, &mut r, &|cast, _, r| {
            calls::put_alarm(cast, 0, &format!("shop-errors-{}", r.range(1, 3)))
        });
    }

    /// An instance with a profile, and two Lambda functions.
    fn machines(&mut self) {
        let cast = self.cast;
        let mut r = self.fork("machines");
        let region = self.region(0);
        let instance = format!("i-{}", r.hex(17));
        for quarter in 0..4 {
            let time = self.start + quarter * 6 * HOUR + r.range(900, 1500);
            let mut session = self.stage.service_role(
                "legacy-reports",
                "ec2.amazonaws.com",
                &instance,
                Value::Null,
                6,
                (time, &region),
            );
            session.is_instance = true;
            session.agent = BOTO.to_owned();
            session.workload = Some(format!("ec2:{}", session.role_name));
            let session = Rc::new(session);
            let mut shift = self.shift(time + 1, 0, 4, 22);
            shift.until = time + 4 * HOUR;
            self.work(&session, &shift, &mut r, &reports);
        }
        for hour in [5, 16] {
            let time = self.start + hour * HOUR + r.range(0, 900);
            let (function, service) = ("thumbnails", "lambda.amazonaws.com");
            let mut session =
                self.stage.service_role("thumbnails", service, function, Value::Null, 12, (time, &region));
            session.scope = Some(("AWS::Lambda::Function", cast.arn(0, "lambda", "function:thumbnails")));
            session.workload = Some("lambda:thumbnails".to_owned());
            let session = Rc::new(session);
            let shift = self.shift(time + 1, 0, 2, 30);
            self.work(&session, &shift, &mut r, &thumbnails);
        }
        let time = self.start + 3 * HOUR + r.range(0, 900);
        let arn = cast.arn(0, "lambda", "function:nightly-cleanup");
        let session = self.stage.in_scope("nightly", "nightly-cleanup", arn, time);
        let shift = self.shift(time + 1, 0, 2, 4);
        self.work(&session, &shift, &mut r, &|_, kind, _| {
            calls::describe_all("ec2", if kind == 0 { "DescribeInstances" } else { "DescribeSnapshots" })
        });
    }

    /// Identity Center, Okta, and the IAM user everyone forgot.
    fn people(&mut self, user: &Rc<Session>) {
        let cast = self.cast;
        let mut r = self.fork("people");
        let region = self.region(0);
        let is_weekend = (self.start / DAY + 3) % 7 >= 5;
        if !is_weekend {
            let provider = cast.sso_provider();
            for (name, hour) in [("maria.lopez", 8), ("jun.sato", 13)] {
                let time = self.start + hour * HOUR + r.range(0, 900);
                let person = cast.person(name);
                let workload = format!("sso:{person}");
                let session = self.stage.saml("power-users", &provider, &person, workload, time, &region);
                self.stage.sign_in(&session, time + 4);
                let shift = self.shift(time + 5, 0, 3, 9);
                self.work(&session, &shift, &mut r, &power_user);
            }
            let time = self.start + 9 * HOUR + r.range(0, 900);
            let person = cast.person("nina.berg");
            let workload = format!("saml:Okta/{person}");
            let session = self.stage.saml("okta-support", "Okta", &person, workload, time, &region);
            let shift = self.shift(time + 1, 0, 2, 4);
            self.work(&session, &shift, &mut r, &|cast, kind, r| match kind {
                0 => calls::describe_all("ec2", "DescribeInstances"),
                _ => calls::parameter(cast, 0, r.word(&["/support/queue", "/support/macro"])),
            });
        }
        let time = self.start + 7 * HOUR + r.range(0, 900);
        let provider = format!("arn:aws:iam::{}:oidc-provider/{}", cast.accounts[0], cast.okta_host());
        let person = cast.person("omar.haddad");
        let subject = Subject {
            provider: &provider,
            audience: &cast.okta_client,
            sub: &person,
            workload: format!("oidc:{}/{person}", cast.okta_host()),
        };
        let host = format!("sts.{region}.amazonaws.com");
        let endpoint = (region.as_str(), host.as_str());
        let agent =
            "aws-cli/2.28.20 md/awscrt#0.27.6 ua/2.1 os/macos#24.6.0 md/arch#arm64 lang/python#3.13.7";
        let session =
            self.stage.web_identity("okta-cli", &subject, ("omar", agent), endpoint, time, Logged::Yes);
        let shift = self.shift(time + 1, 0, 1, 3);
        self.work(&session, &shift, &mut r, &|_, _, _| calls::describe_all("ec2", "DescribeInstances"));

        let from = self.start + 6 * HOUR;
        let mut shift = self.shift(from, 0, 2, 10);
        shift.until = self.start + 20 * HOUR;
        self.work(user, &shift, &mut r, &|_, kind, _| match kind {
            0 => calls::describe_all("ecr", "GetAuthorizationToken"),
            _ => calls::describe_all("ec2", "DescribeInstances"),
        });
        let time = self.start + 19 * HOUR + r.range(0, 900);
        let tags = [("cost-center", "7300"), ("report", "monthly")];
        let name = format!("billing-{}", clock::day(time));
        let billing = self.stage.chain(user, "billing-export", &name, &tags, time, &region);
        let shift = self.shift(time + 1, 0, 2, 4);
        self.work(&billing, &shift, &mut r, &billing_calls);
    }

    /// A Google service account, through the provider AWS has built in.
    fn other_clouds(&mut self) {
        let cast = self.cast;
        let mut r = self.fork("google");
        let time = self.start + 4 * HOUR + r.range(0, 900);
        let sub = cast.google_subject.clone();
        let subject = Subject {
            provider: "accounts.google.com",
            audience: &sub,
            sub: &sub,
            workload: format!("oidc:accounts.google.com/{sub}"),
        };
        let region = self.region(0);
        let host = format!("sts.{region}.amazonaws.com");
        let endpoint = (region.as_str(), host.as_str());
        let session =
            self.stage.web_identity("gcp-export", &subject, ("export", GCP), endpoint, time, Logged::Yes);
        let shift = self.shift(time + 1, 0, 2, 10);
        let exports = cast.bucket("exports");
        self.work(&session, &shift, &mut r, &move |cast, kind, r| match kind {
            0 => calls::get_object(cast, &exports, &format!("bigquery/part-{:03}.parquet", r.range(0, 11))),
            _ => calls::list_objects(cast, &exports, "bigquery/"),
        });
    }

    /// AWS's own doings: every hour something, in every Region that is logged.
    fn background(&mut self) {
        let cast = self.cast;
        let mut r = self.fork("background");
        for account in 0..2 {
            let id = &cast.accounts[account];
            for region in [self.region(account), "us-east-1".to_owned()] {
                for hour in 0..24 {
                    let time = self.start + hour * HOUR + r.range(0, HOUR - 1);
                    let mut call = calls::list_objects(cast, &cast.bucket("trail"), "");
                    call.name = "GetBucketAcl";
                    call.is_data = false;
                    call.params = json!({"bucketName": cast.bucket("trail"), "acl": "",
                        "Host": format!("{}.s3.{region}.amazonaws.com", cast.bucket("trail"))});
                    call.resources = json!([{"accountId": id, "type": "AWS::S3::Bucket",
                        "ARN": super::cast::bucket_arn(&cast.bucket("trail"))}]);
                    let shared = r.uuid();
                    let scene = record::Scene { time, region: &region, account: id, shared: Some(&shared) };
                    let value =
                        record::api_call(&record::service("cloudtrail.amazonaws.com"), &call, &scene, &mut r);
                    self.stage.note(time, id, &region, &value);
                }
            }
            let time = self.start + r.range(0, DAY - 1);
            let key = cast.kms_key(account);
            let record = json!({"eventVersion": "1.11", "userIdentity": {"accountId": id, "invokedBy": "AWS Internal"},
                "eventTime": iso(time), "eventSource": "kms.amazonaws.com", "eventName": "RotateKey",
                "awsRegion": cast.regions[account], "sourceIPAddress": "AWS Internal", "userAgent": "AWS Internal",
                "requestParameters": null, "responseElements": null, "eventID": r.uuid(), "readOnly": false,
                "resources": [{"accountId": id, "type": "AWS::KMS::Key", "ARN": key}], "eventType": "AwsServiceEvent",
                "managementEvent": true, "recipientAccountId": id, "serviceEventDetails": {"keyId": cast.key_id},
                "eventCategory": "Management"});
            self.stage.note(time, id, &cast.regions[account], &record);
        }
        let region = self.region(0);
        for _ in 0..3 {
            let time = self.start + r.range(0, DAY - 1);
            let call = calls::describe_all("ec2", "DescribeNetworkInterfaces");
            self.stage.service_linked(&call, time, &region);
        }
    }
}
