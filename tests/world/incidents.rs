//! What happens only once in a while: denials of every form, failures, forgeries, and records the logs do without.

use std::rc::Rc;

use serde_json::{Value, json};

use super::calls;
use super::clock::{HOUR, MINUTE};
use super::mixes::{artifacts, billing_calls, dag_calls, pod_session_name, search};
use super::play::{BOTO, Day, GCP, GO, JAVA, Shift};
use super::stage::{Logged, Subject, kubernetes};
use super::truth::Session;

pub(crate) type Incident = fn(&mut Day<'_>, &Rc<Session>);

pub(crate) const INCIDENTS: &[Incident] = &[
    |day, user| day.sessions_older_than_the_logs(user),
    |day, user| day.forged_session_names(user),
    |day, user| day.denials_of_workloads(user),
    |day, user| day.denials_of_people(user),
    |day, user| day.denials_of_deployers(user),
    |day, user| day.refused_web_identity(user),
    |day, user| day.failures_that_are_no_denials(user),
    |day, user| day.root_signs_in(user),
    |day, user| day.a_record_without_a_time(user),
];

impl Day<'_> {
    /// Sessions issued before the first object: one role admits a single subject, the other one a whole pattern.
    fn sessions_older_than_the_logs(&mut self, _: &Rc<Session>) {
        let cast = self.cast;
        let apps = &cast.clusters[0];
        let mut r = self.fork("older");
        // Credentials last an hour: only the very first calls of the logs can rest on an issuance before them.
        let issued = self.start - 25 * MINUTE;
        let shift = |day: &Self, kinds, more| Shift {
            until: day.start + 30 * MINUTE,
            ..day.shift(day.start + 60, 0, kinds, more)
        };
        let account = kubernetes(apps, "shop", "search");
        let endpoint = (apps.region.as_str(), "sts.amazonaws.com");
        let name = issued.to_string() + "000000001";
        let session = self.stage.web_identity(
            "search",
            &account.borrow(),
            (&name, GO),
            endpoint,
            issued,
            Logged::TooEarly,
        );
        let span = shift(self, 2, 4);
        self.work(&session, &span, &mut r, &search);

        let name = format!("botocore-session-{issued}");
        let session = self.stage.unexplained("argo-workflows", apps.provider(), &name, issued);
        let span = shift(self, 2, 5);
        self.work(&session, &span, &mut r, &|cast, kind, r| artifacts(cast, kind, "argo-batch-runner", r));
    }

    /// Session names are the caller's choice: these imitate a pod, and a connection of Airflow.
    fn forged_session_names(&mut self, user: &Rc<Session>) {
        let cast = self.cast;
        let mut r = self.fork("forged");
        let region = self.region(0);
        let time = self.start + 12 * HOUR + r.range(0, 900);
        let name = pod_session_name(&cast.clusters[0].name, "payments-api-0", &mut r);
        let tags = [("kubernetes-namespace", "payments"), ("kubernetes-service-account", "payments-api")];
        let session = self.stage.chain(user, "billing-export", &name, &tags, time, &region);
        let span = self.shift(time + 1, 0, 2, 2);
        self.work(&session, &span, &mut r, &billing_calls);
        let session = self.stage.chain(user, "dag-orders", "airflow_orders_db", &[], time + 5, &region);
        let span = self.shift(time + 6, 0, 2, 2);
        self.work(&session, &span, &mut r, &|cast, kind, r| dag_calls(cast, kind, 0, r));
    }

    fn denials_of_workloads(&mut self, _: &Rc<Session>) {
        let cast = self.cast;
        let apps = &cast.clusters[0];
        let region = self.region(0);
        let mut r = self.fork("denials");
        let time = self.start + 13 * HOUR;

        let session =
            self.stage.irsa("catalog", apps, ("shop", "catalog"), ("botocore-session-1", BOTO), time);
        let call = calls::parameter(cast, 0, "/checkout/api-key").refused(
            &session,
            "AccessDenied",
            "identity",
            None,
        );
        self.stage.call(&session, call, time + 1, &region);
        let catalog = cast.bucket("catalog");
        for n in 0..3 {
            let call = calls::delete_object(cast, &catalog, &format!("feeds/old-{n}.csv")).refused(
                &session,
                "AccessDenied",
                "identity",
                Some(""),
            );
            self.stage.call(&session, call, time + 10 + n, &region);
        }

        let name = pod_session_name(&apps.name, "payments-api-9", &mut r);
        let tag = |key: &str, value: &str| json!({"key": key, "value": value});
        let more = json!({"tags": [tag("eks-cluster-arn", &apps.arn), tag("kubernetes-namespace", "payments"),
            tag("kubernetes-service-account", "payments-api")], "durationSeconds": 21_600});
        let service = "pods.eks.amazonaws.com";
        let mut session = self.stage.service_role("payments-api", service, &name, more, 6, (time, &region));
        session.workload = Some(format!("kubernetes:{}/payments/payments-api", apps.arn));
        let session = Rc::new(session);
        for n in 0..2 {
            let call = calls::secret(cast, 0, "PutSecretValue", "payments/rotation-Xy12Zq").refused(
                &session,
                "AccessDenied",
                "boundary",
                None,
            );
            self.stage.call(&session, call, time + 30 + n, &region);
        }

        let subject = ("airflow", "airflow-worker");
        let session = self.stage.irsa("airflow-worker", apps, subject, ("botocore-session-2", BOTO), time);
        let target = &cast.role("deploy-infra").arn;
        let mut call = calls::assume_role(target, "airflow_admin", &[]);
        // STS leaves out the parameters of a refused AssumeRole; the role is in the message only.
        call.params = Value::Null;
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {target}",
            session.arn()
        );
        self.stage.call(
            &session,
            call.refused_with("AccessDenied", &message, "unknown", false),
            time + 40,
            &region,
        );
    }

    fn denials_of_people(&mut self, _: &Rc<Session>) {
        let cast = self.cast;
        let region = self.region(0);
        let mut r = self.fork("people-denied");
        let time = self.start + 15 * HOUR;
        let person = cast.person("nina.berg");
        let workload = format!("saml:Okta/{person}");
        let session = self.stage.saml("okta-support", "Okta", &person, workload, time, &region);
        // EC2's two forms: one names the kind of policy, the other one leaves it to the encoded text, cut off at 1 KB.
        let encoded = format!("Encoded authorization failure message: {}...", r.base36(900));
        let call = calls::terminate_instances(cast, 0, &mut r);
        let need = call.needs[0].clone();
        let sentence = format!(
            "You are not authorized to perform this operation. User: {} is not authorized to perform: {} on resource: {} \
             because no identity-based policy allows the {} action. {encoded}",
            session.arn(),
            need.action,
            need.resources[0],
            need.action
        );
        let call = call.refused_with("Client.UnauthorizedOperation", &sentence, "identity", false);
        self.stage.call(&session, call, time + 20, &region);
        let bare = format!("You are not authorized to perform this operation. {encoded}");
        let call = calls::describe_all("ec2", "DescribeVpcs").refused_with(
            "Client.UnauthorizedOperation",
            &bare,
            "unknown",
            false,
        );
        self.stage.call(&session, call, time + 25, &region);

        let sub = cast.google_subject.clone();
        let subject = Subject {
            provider: "accounts.google.com",
            audience: &sub,
            sub: &sub,
            workload: format!("oidc:accounts.google.com/{sub}"),
        };
        let host = format!("sts.{region}.amazonaws.com");
        let endpoint = (region.as_str(), host.as_str());
        let session =
            self.stage.web_identity("gcp-export", &subject, ("export", GCP), endpoint, time, Logged::Yes);
        // S3 says no more than this when the bucket is another organization's affair.
        for n in 0..4 {
            let call = calls::get_object(cast, &cast.bucket("vault"), &format!("ledger-{n}.csv"))
                .refused_with("AccessDenied", "Access Denied", "unknown", false);
            self.stage.call(&session, call, time + 60 + n, &region);
        }
    }

    fn denials_of_deployers(&mut self, _: &Rc<Session>) {
        let cast = self.cast;
        let region = self.region(0);
        let time = self.start + 16 * HOUR;
        let sub = format!(
            "repo:{}@{}/infra@{}:environment:production",
            cast.brand, cast.owner_id, cast.repository_id
        );
        let workload = format!("github-actions:{}/infra", cast.brand);
        let session = self.github("deploy-infra", &sub, &workload, time);
        let policy = format!(
            ": arn:aws:organizations::{}:policy/{}/service_control_policy/p-0examp1e",
            cast.accounts[1], cast.organization
        );
        let call =
            calls::create_database(cast, 0, "shop").refused(&session, "AccessDenied", "scp", Some(&policy));
        self.stage.call(&session, call, time + 9, &region);
    }

    fn refused_web_identity(&mut self, _: &Rc<Session>) {
        let cast = self.cast;
        let account = kubernetes(&cast.clusters[0], "shop", "debug-shell");
        let region = self.region(0);
        let host = format!("sts.{region}.amazonaws.com");
        let time = self.start + 17 * HOUR;
        for n in 0..3 {
            let endpoint = (region.as_str(), host.as_str());
            self.stage.web_identity_refused("checkout", &account.borrow(), endpoint, time + n * 30);
        }
    }

    fn failures_that_are_no_denials(&mut self, _: &Rc<Session>) {
        let cast = self.cast;
        let region = self.region(0);
        let time = self.start + 18 * HOUR;
        let apps = &cast.clusters[0];
        let name = format!("aws-sdk-java-{}", time * 1000);
        let session = self.stage.irsa("checkout", apps, ("shop", "checkout"), (&name, JAVA), time);
        for n in 0..5 {
            let call = calls::parameter(cast, 0, "/checkout/api-key").throttled();
            self.stage.call(&session, call, time + 5 + n, &region);
        }
        let call = calls::get_object(cast, &cast.bucket("orders"), "orders/2026/none.json")
            .failing("NoSuchKey", "The specified key does not exist.");
        self.stage.call(&session, call, time + 20, &region);
        let call = calls::secret(cast, 0, "GetSecretValue", "checkout/retired-Kp93Lm")
            .failing("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
        self.stage.call(&session, call, time + 21, &region);
    }

    fn root_signs_in(&mut self, _: &Rc<Session>) {
        let time = self.start + 22 * HOUR;
        let session = self.stage.root(1, time);
        self.stage.sign_in(&session, time);
        let call = calls::describe_all("iam", "GetAccountSummary");
        self.stage.call(&session, call, time + 30, "us-east-1");
    }

    fn a_record_without_a_time(&mut self, _: &Rc<Session>) {
        if self.is_tidy {
            return;
        }
        let cast = self.cast;
        let mut r = self.fork("malformed");
        let region = self.region(1);
        let record = json!({"eventVersion": "1.11", "userIdentity": null, "eventSource": "glue.amazonaws.com",
            "eventName": "GetJobRun", "awsRegion": region, "eventID": r.uuid(), "recipientAccountId": cast.accounts[1]});
        self.stage.malformed(self.start + 5 * HOUR, &cast.accounts[1], &region, &record);
    }
}
