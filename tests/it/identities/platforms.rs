//! Platforms on top: Airflow in all its ways, Astronomer, Argo Workflows, EMR on EKS, CI tools and controllers in the cluster.

use serde_json::{Value, json};

use super::log::{Session, provider};
use super::{CLUSTER, EDGE, ISSUER, MAIN, PODS, STS, World, pod_tags};

/// The key of `example_dag`, and one that no list names.
const KNOWN: &str = "678f35b8-00e5-5deb-a595-2a64c2c3bcc6";
const UNKNOWN: &str = "5f2c7c1e-5d5e-5b0e-9c6e-0f2a4f5f3a11";

fn dag(operator: &str, key: &str) -> Value {
    json!({"userAgent": format!("Boto3/1.40.21 md/Botocore#1.40.21 Airflow/3.0.6 AmPP/9.12.0 Caller/{operator} DagRunKey/{key}")})
}

fn irsa(w: &mut World, role: &str, namespace: &str, account: &str) -> Session {
    let subject = format!("system:serviceaccount:{namespace}:{account}");
    w.log.web(role, "botocore-session-1780272859", (&provider(ISSUER), STS, &subject))
}

pub(super) fn all(w: &mut World) {
    airflow(w);
    astronomer(w);
    argo(w);
    emr(w);
    tools(w);
}

fn airflow(w: &mut World) {
    let id = format!("kubernetes:{ISSUER}/airflow/airflow-worker");
    // Workers by IRSA, a role a connection; the session's name is slugified, older versions kept its letters.
    let worker = irsa(w, "airflow-worker", "airflow", "airflow-worker");
    w.log.call(&worker);
    w.expect("airflow-worker", &format!("{id} exact [] {{}}"));
    let orders = w.log.assume(&worker, "dag-orders", "airflow_orders_db");
    w.log.call_as(&orders, dag("AthenaOperator", KNOWN));
    w.expect("dag-orders", &format!("{id} exact [airflow-worker] {{airflow-connection=orders_db airflow-dag=example_dag airflow-operator=AthenaOperator}}"));
    let exports = w.log.assume(&worker, "dag-exports", "Airflow_Exports");
    w.log.call_as(&exports, dag("S3ListOperator", UNKNOWN));
    w.expect("dag-exports", &format!("{id} exact [airflow-worker] {{airflow-connection=Exports airflow-dag-key={UNKNOWN} airflow-operator=S3ListOperator}}"));
    // On ECS, EC2 and MWAA the user agent is all there is.
    let task = w.log.service(
        "airflow-ecs",
        "0123456789abcdef0123456789abcdef",
        "ecs-tasks.amazonaws.com",
        json!({}),
    );
    w.log.call_as(&task, dag("EcsRunTaskOperator", KNOWN));
    w.expect(
        "airflow-ecs",
        "ecs:airflow-ecs exact [] {airflow-dag=example_dag airflow-operator=EcsRunTaskOperator}",
    );
    let instance =
        w.log.session("airflow-ec2", "i-0abcdef0123456789").in_context(json!({"ec2RoleDelivery": "2.0"}));
    w.log.call_as(&instance, dag("X", "00000000-0000-0000-0000-000000000000"));
    w.expect("airflow-ec2", "ec2:airflow-ec2 session [] {airflow-operator=X}");
    let managed = w.log.service("airflow-mwaa", "AmazonMWAA-airflow", "airflow.amazonaws.com", json!({}));
    w.log.call_as(&managed, dag("GlueJobOperator", KNOWN));
    w.expect("airflow-mwaa", "service:airflow.amazonaws.com/airflow-mwaa exact [] {airflow-dag=example_dag airflow-operator=GlueJobOperator}");
    // In Google's cloud, federated.
    let google = ("accounts.google.com", "109876543210987654321", "109876543210987654321");
    let session = w.log.web("airflow-gcp", "botocore-session-1780272860", google);
    w.log.call_as(&session, dag("GCSToS3Operator", KNOWN));
    w.expect("airflow-gcp", "oidc:accounts.google.com/109876543210987654321 exact [] {airflow-dag=example_dag airflow-operator=GCSToS3Operator}");
}

/// One annotated role that all components of a deployment share.
fn astronomer(w: &mut World) {
    for component in ["api-server", "dag-processor", "scheduler", "triggerer", "webserver", "worker"] {
        let account = format!("vega-1234-{component}-serviceaccount");
        let session = irsa(w, "astronomer", "vega-1234", &account);
        w.log.call(&session);
        w.expect("astronomer", &format!("kubernetes:{ISSUER}/vega-1234/{account} exact [] {{astronomer-component={component} astronomer-deployment=vega-1234}}"));
    }
    let session = irsa(w, "astronomer", "vega-1234", "vega-1234-kpo");
    w.log.call(&session);
    w.expect("astronomer", &format!("kubernetes:{ISSUER}/vega-1234/vega-1234-kpo exact [] {{astronomer-component=kpo astronomer-deployment=vega-1234}}"));
}

fn argo(w: &mut World) {
    // A ServiceAccount of its own, the namespace's default one, and a pod that tells workflow and template.
    for (role, account) in [("argo-own", "etl-runner"), ("argo-default", "default")] {
        let session = irsa(w, role, "argo", account);
        w.log.call(&session);
        w.expect(role, &format!("kubernetes:{ISSUER}/argo/{account} exact [] {{}}"));
        let chained = w.log.assume(&session, &format!("{role}-lake"), "etl-x7k2p-load-1234567890");
        w.log.call(&chained);
        w.expect(
            &format!("{role}-lake"),
            &format!(
                "kubernetes:{ISSUER}/argo/{account} exact [{role}] {{argo-template=load argo-workflow=etl}}"
            ),
        );
    }
    let uuid = "498124c2-a555-40bf-9059-ca9a26821eb0";
    let asked = json!({"tags": pod_tags(EDGE, "argo", "runner", "etl-x7k2p-transform-1234567890")});
    let session = w.log.service("argo-pod", &format!("eks-edge-etl-x7k2p-{uuid}"), PODS, asked);
    w.log.call(&session);
    w.expect(
        "argo-pod",
        &format!(
            "kubernetes:{EDGE}/argo/runner exact [] {{argo-template=transform argo-workflow=etl pod=etl-*}}"
        ),
    );
    assert_ne!(EDGE, CLUSTER);
}

fn emr(w: &mut World) {
    // `JobRole` in base 36.
    let account = format!("emr-containers-sa-spark-driver-{MAIN}-{}", base36("JobRole"));
    let session = irsa(w, "JobRole", "analytics", &account);
    w.log.call(&session);
    w.expect(
        "JobRole",
        &format!(
            "kubernetes:{ISSUER}/analytics/{account} exact [] {{emr-component=spark-driver emr-role=JobRole}}"
        ),
    );
}

/// A text as one large number in base 36, by long division.
fn base36(text: &str) -> String {
    let mut number: Vec<u32> = text.bytes().map(u32::from).collect();
    let mut digits = Vec::new();
    while number.iter().any(|byte| *byte > 0) {
        let mut rest = 0;
        for byte in &mut number {
            let value = rest * 256 + *byte;
            *byte = value / 36;
            rest = value % 36;
        }
        digits.push(char::from_digit(rest, 36).unwrap());
    }
    digits.iter().rev().collect()
}

fn tools(w: &mut World) {
    let agent = |text: &str| json!({"userAgent": text});
    // Controllers in the cluster are their ServiceAccounts; what they run shows where they take another role.
    for (namespace, account, agent_text, tool) in [
        ("jenkins", "jenkins-agent", "aws-cli/2.28.20 Jenkins/2.516", "jenkins"),
        ("argocd", "argocd-application-controller", "argocd/v3.1.0", "argo-cd"),
        ("crossplane-system", "provider-aws-s3", "crossplane-provider-aws/1.0", "crossplane"),
        ("ack-system", "ack-s3-controller", "aws-controllers-k8s/s3-v1.1.0 aws-sdk-go-v2/1.39.0", "ack"),
    ] {
        let role = format!("tool-{tool}");
        let session = irsa(w, &role, namespace, account);
        w.log.call(&session);
        w.expect(&role, &format!("kubernetes:{ISSUER}/{namespace}/{account} exact [] {{}}"));
        let target =
            w.log.assume_with(&session, &format!("{role}-target"), "s", json!({}), agent(agent_text));
        w.log.call(&target);
        w.expect(
            &format!("{role}-target"),
            &format!("kubernetes:{ISSUER}/{namespace}/{account} exact [{role}] {{tool={tool}}}"),
        );
    }
    let operator = w.log.user("operator");
    w.expect(
        &format!("arn:aws:iam::{MAIN}:user/operator"),
        &format!("iam-user:arn:aws:iam::{MAIN}:user/operator exact [] {{}}"),
    );
    for (tool, text) in [
        (
            "terraform",
            "APN/1.0 HashiCorp/1.0 Terraform/1.13.1 (+https://www.terraform.io) terraform-provider-aws/6.9.0",
        ),
        ("pulumi", "APN/1.0 Pulumi/1.0 PulumiAws/7.4.0"),
    ] {
        let role = format!("tool-{tool}");
        let session =
            w.log.assume_with(&operator, &role, "aws-go-sdk-1780272859000000000", json!({}), agent(text));
        w.log.call(&session);
        w.expect(&role, &format!("iam-user:arn:aws:iam::{MAIN}:user/operator exact [] {{tool={tool}}}"));
    }
}
