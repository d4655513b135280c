//! Every kind of identity that AWS's documentation and public logs show: a world of its own, each record written from the form of its
//! event, one role or more a kind, and what has to be said of each. It shares nothing with the generator of the sample.

mod log;
mod many;
mod platforms;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use leastwise::attribution::{Access, access, resolve};
use leastwise::catalog::Catalog;
use leastwise::ingest::{Input, Recorder, Run, run};
use leastwise::inventory::{self, Inventory};
use leastwise::usage::{Keep, Ledger, Scope};
use serde_json::{Value, json};

use log::{FOREIGN, Log, MAIN, OTHER, provider, role_arn};

/// The cluster that comes both ways, and its issuer.
const CLUSTER: &str = "arn:aws:eks:eu-west-1:111122223333:cluster/production";
const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF";
/// A cluster of which the snapshot does not know the issuer.
const EDGE: &str = "arn:aws:eks:eu-west-1:111122223333:cluster/edge";
const GITHUB: &str = "token.actions.githubusercontent.com";
const STS: &str = "sts.amazonaws.com";

/// The log, the granted side, and what is true of each role.
#[derive(Default)]
struct World {
    log: Log,
    roles: Vec<Value>,
    associations: Vec<Value>,
    truth: BTreeMap<String, BTreeSet<String>>,
}

impl World {
    /// `WORKLOAD GRADE [VIA…] {LABEL=VALUE…}` of one workload of a role (or user), or `? REASON` for calls that nobody can be named for.
    fn expect(&mut self, role: &str, what: &str) {
        let principal =
            if role.contains(":user/") || role.ends_with(":root") { role.to_owned() } else { role_arn(role) };
        self.truth.entry(principal).or_default().insert(what.to_owned());
    }

    /// A role of the snapshot with these trust statements.
    fn role(&mut self, name: &str, trust: Value) {
        let arn = role_arn(name);
        let id: String = arn.to_uppercase().chars().filter(char::is_ascii_alphanumeric).collect();
        self.roles.push(json!({"Path": "/", "RoleName": name, "RoleId": format!("AROA{id}"), "Arn": arn,
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": trust}, "RolePolicyList": [], "AttachedManagedPolicies": [],
            "InstanceProfileList": []}));
    }

    fn trust_service(&mut self, name: &str, services: &[&str]) {
        self.role(
            name,
            json!([{"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}]),
        );
    }

    fn trust_web(&mut self, name: &str, host: &str, operator: &str, subject: &str) {
        self.role(name, json!([{"Effect": "Allow", "Principal": {"Federated": provider(host)}, "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {operator: {format!("{host}:sub"): subject, format!("{host}:aud"): STS}}}]));
    }

    fn associate(&mut self, cluster: &str, namespace: &str, account: &str, role: &str, target: Option<&str>) {
        let mut one = json!({"namespace": namespace, "serviceAccount": account, "roleArn": role_arn(role), "clusterArn": cluster});
        if let Some(target) = target {
            one["targetRoleArn"] = json!(role_arn(target));
        }
        self.associations.push(one);
    }

    fn inventory(&self) -> Inventory {
        let dir = tempfile::tempdir().unwrap();
        let page = json!({"RoleDetailList": self.roles, "UserDetailList": [], "GroupDetailList": [], "Policies": []});
        let clusters = json!([{"cluster": {"arn": CLUSTER, "name": "production", "identity": {"oidc": {"issuer": format!("https://{ISSUER}")}}}},
            {"cluster": {"arn": EDGE, "name": "edge"}}]);
        let mut text = page.to_string();
        for cluster in clusters.as_array().unwrap() {
            text += &format!("\n{cluster}");
        }
        text += &format!("\n{}", json!({"associations": self.associations}));
        std::fs::write(dir.path().join("snapshot.json"), text).unwrap();
        let mut inventory = inventory::read(&[dir.path().to_owned()], &[]).unwrap();
        assert_eq!(inventory.problems, Vec::<String>::new());
        inventory.airflow_dags = vec!["example_dag".to_owned()];
        inventory
    }
}

/// ServiceAccounts by web identity, whatever the issuer.
fn kubernetes(w: &mut World) {
    let eks = provider(ISSUER);
    for (role, issuer, audience, subject, expected) in [
        ("irsa", ISSUER, STS, "system:serviceaccount:shop:checkout", "/shop/checkout exact [] {}"),
        (
            "irsa-openshift",
            "rh-oidc.s3.us-east-1.amazonaws.com/2abc",
            "openshift",
            "system:serviceaccount:openshift-ingress:router",
            "/openshift-ingress/router exact [] {}",
        ),
        (
            "irsa-gke",
            "container.googleapis.com/v1/projects/p/locations/l/clusters/c",
            STS,
            "system:serviceaccount:a:b",
            "/a/b exact [] {}",
        ),
        (
            "irsa-dual-stack",
            "oidc-eks.eu-west-1.api.aws/id/ABCD",
            STS,
            "system:serviceaccount:a:b",
            "/a/b exact [] {}",
        ),
        (
            "irsa-plugin",
            ISSUER,
            STS,
            "system:serviceaccount:argo:awf-aws-executor-plugin",
            "/argo/awf-aws-executor-plugin exact [] {}",
        ),
    ] {
        let session = w.log.web(role, "1699456147945229070", (&provider(issuer), audience, subject));
        w.log.call(&session);
        w.expect(role, &format!("kubernetes:{issuer}{expected}"));
    }
    let issuer = "oidc.eks.cn-north-1.amazonaws.com.cn/id/CC";
    let china = "arn:aws-cn:iam::111122223333:role/irsa-china";
    let theirs = format!("arn:aws-cn:iam::{MAIN}:oidc-provider/{issuer}");
    let session = w.log.web(
        china,
        "botocore-session-1",
        (&theirs, "sts.amazonaws.com.cn", "system:serviceaccount:n:s"),
    );
    w.log.call(&session);
    w.expect(china, &format!("kubernetes:{issuer}/n/s exact [] {{}}"));

    // The global endpoint's records lie in us-east-1, the calls elsewhere.
    let subject = (eks.as_str(), STS, "system:serviceaccount:shop:global");
    let session = w.log.web_with(
        "irsa-global",
        "botocore-session-2",
        subject,
        json!({}),
        json!({"awsRegion": "us-east-1"}),
    );
    w.log.call(&session);
    w.expect("irsa-global", &format!("kubernetes:{ISSUER}/shop/global exact [] {{}}"));

    // No issuance: one subject trusted, several, and a record that shows the subject itself.
    let federated = |attributes: Value| json!({"webIdFederationData": {"federatedProvider": provider(ISSUER), "attributes": attributes}});
    w.trust_web("irsa-old", ISSUER, "StringEquals", "system:serviceaccount:shop:old");
    w.trust_web("irsa-old-wide", ISSUER, "StringLike", "system:serviceaccount:shop:*");
    for (role, expected) in [
        ("irsa-old", format!("kubernetes:{ISSUER}/shop/old inferred [] {{}}")),
        ("irsa-old-wide", "? no issuance in the logs fits the session".to_owned()),
    ] {
        let session = w.log.session(role, "botocore-session-3").in_context(federated(json!({})));
        w.log.call(&session);
        w.expect(role, &expected);
    }
    let shown = federated(
        json!({format!("{ISSUER}:aud"): STS, format!("{ISSUER}:sub"): "system:serviceaccount:shop:shown"}),
    );
    let session = w.log.session("irsa-shown", "botocore-session-4").in_context(shown);
    w.log.call(&session);
    w.expect("irsa-shown", &format!("kubernetes:{ISSUER}/shop/shown session [] {{}}"));
}

fn pod_tags(cluster: &str, namespace: &str, account: &str, pod: &str) -> Value {
    let tag = |key: &str, value: &str| json!({"key": key, "value": value});
    json!([
        tag("eks-cluster-arn", cluster),
        tag("eks-cluster-name", cluster.rsplit('/').next().unwrap()),
        tag("kubernetes-namespace", namespace),
        tag("kubernetes-service-account", account),
        tag("kubernetes-pod-name", pod),
        tag("kubernetes-pod-uid", "91eee131-0000-4000-8000-000000000001")
    ])
}

const PODS: &str = "pods.eks.amazonaws.com";

/// EKS Pod Identity: tags on and off, target roles, both ways at once.
fn pod_identity(w: &mut World) {
    let uuid = "498124c2-a555-40bf-9059-ca9a26821eb0";
    let name = |pod: &str| format!("eks-edge-{pod}-{uuid}");
    let tagged = |account: &str, pod: &str| json!({"durationSeconds": 21600, "tags": pod_tags(EDGE, "pay", account, pod)});
    let session = w.log.service("pod", &name("api-7d9f8b"), PODS, tagged("api", "api-7d9f8b6c55-x7k2p"));
    w.log.call(&session);
    w.expect("pod", &format!("kubernetes:{EDGE}/pay/api exact [] {{pod=api-*}}"));

    w.associate(EDGE, "pay", "quiet", "pod-untagged", None);
    w.associate(EDGE, "pay", "one", "pod-untagged-two", None);
    w.associate(EDGE, "pay", "two", "pod-untagged-two", None);
    for (role, expected) in [
        ("pod-untagged", format!("kubernetes:{EDGE}/pay/quiet inferred [] {{pod-prefix=quiet-0}}")),
        ("pod-untagged-two", "? EKS opened the session without session tags, and no single association tells for which ServiceAccount".to_owned()),
    ] {
        let session = w.log.service(role, &name("quiet-0"), PODS, json!({}));
        w.log.call(&session);
        w.expect(role, &expected);
    }

    // Target roles across accounts, in the three ways the second call may be recorded.
    let first = w.log.service("pod-first", &name("cross-0"), PODS, tagged("cross", "cross-0"));
    let by_eks = first.with(json!({"invokedBy": PODS})).without("accessKeyId");
    let target = w.log.assume_with(
        &by_eks,
        &format!("{OTHER}:target-by-eks"),
        &name("cross-0"),
        json!({"tags": pod_tags(EDGE, "pay", "cross", "cross-0")}),
        json!({}),
    );
    w.log.call(&target);
    w.expect(
        &format!("{OTHER}:target-by-eks"),
        &format!("kubernetes:{EDGE}/pay/cross session [pod-first] {{pod=cross-0}}"),
    );
    let target = w.log.assume(&first, &format!("{OTHER}:target-by-session"), &name("cross-0"));
    w.log.call(&target);
    w.expect(
        &format!("{OTHER}:target-by-session"),
        &format!("kubernetes:{EDGE}/pay/cross exact [pod-first] {{pod=cross-0}}"),
    );
    w.expect("pod-first", &format!("kubernetes:{EDGE}/pay/cross exact [] {{pod=cross-0}}"));
    let hidden = w.log.service("pod-hidden", &name("hidden-0"), PODS, json!({}));
    w.associate(EDGE, "pay", "hidden", "pod-hidden", Some(&format!("{OTHER}:target-untagged")));
    w.expect("pod-hidden", &format!("kubernetes:{EDGE}/pay/hidden inferred [] {{pod-prefix=hidden-0}}"));
    let by_eks = hidden.with(json!({"invokedBy": PODS}));
    let target = w.log.assume(&by_eks, &format!("{OTHER}:target-untagged"), &name("hidden-0"));
    w.log.call(&target);
    w.expect(
        &format!("{OTHER}:target-untagged"),
        &format!("kubernetes:{EDGE}/pay/hidden inferred [pod-hidden] {{pod-prefix=hidden-0}}"),
    );
    // Without tags EKS says the ServiceAccount in the external id; nobody else's external id says anything.
    let shared = format!("{OTHER}:target-by-external-id");
    for account in ["left", "right"] {
        w.associate(EDGE, "pay", account, "pod-shared", Some(&shared));
        let first = w.log.service("pod-shared", &name(account), PODS, json!({}));
        let by_eks = first.with(json!({"invokedBy": PODS}));
        let asked = json!({"externalId": format!("eu-west-1/{MAIN}/edge/pay/{account}")});
        let target = w.log.assume_with(&by_eks, &shared, &name(account), asked, json!({}));
        w.log.call(&target);
        w.expect(
            &shared,
            &format!("kubernetes:{EDGE}/pay/{account} session [pod-shared] {{pod-prefix={account}}}"),
        );
    }
    w.expect("pod-shared", "? EKS opened the session without session tags, and no single association tells for which ServiceAccount");
    let user = w.log.user("external-id");
    let asked = json!({"externalId": format!("eu-west-1/{MAIN}/edge/pay/left")});
    let target = w.log.assume_with(&user, "external-id-of-a-user", "x", asked, json!({}));
    w.log.call(&target);
    let arn = format!("arn:aws:iam::{MAIN}:user/external-id");
    for principal in [&arn, "external-id-of-a-user"] {
        w.expect(principal, &format!("iam-user:{arn} exact [] {{}}"));
    }

    // The snapshot ties issuer and ARN of this cluster: both ways are one workload.
    let asked = json!({"tags": pod_tags(CLUSTER, "shop", "both", "both-0")});
    let pod = w.log.service("both-pod", &format!("eks-production-both-0-{uuid}"), PODS, asked);
    let web = w.log.web(
        "both-irsa",
        "botocore-session-5",
        (&provider(ISSUER), STS, "system:serviceaccount:shop:both"),
    );
    w.log.call(&pod);
    w.log.call(&web);
    w.expect("both-pod", &format!("kubernetes:{ISSUER}/shop/both exact [] {{pod=both-0}}"));
    w.expect("both-irsa", &format!("kubernetes:{ISSUER}/shop/both exact [] {{}}"));
    // The node asks for it; its own call belongs to the node.
    let node = w
        .log
        .service("node", "i-0abcdef0123456789", "ec2.amazonaws.com", json!({}))
        .in_context(json!({"ec2RoleDelivery": "2.0"}));
    let asked =
        json!({"requestParameters": {"clusterName": "edge", "token": "HIDDEN_DUE_TO_SECURITY_REASONS"}});
    w.log.record(MAIN, "eks-auth", "AssumeRoleForPodIdentity", &node.identity, asked);
    w.expect("node", "ec2:node exact [] {}");
}

/// CI systems and other issuers of tokens.
fn pipelines(w: &mut World) {
    let bitbucket = "api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc";
    for (role, host, audience, subject, expected) in [
        (
            "gha-branch",
            GITHUB,
            STS,
            "repo:acme/app:ref:refs/heads/main",
            "github-actions:acme/app exact [] {ref=refs/heads/main}",
        ),
        (
            "gha-tag",
            GITHUB,
            STS,
            "repo:acme/app:ref:refs/tags/v1",
            "github-actions:acme/app exact [] {ref=refs/tags/v1}",
        ),
        (
            "gha-environment",
            GITHUB,
            STS,
            "repo:acme@101/app@202:environment:production",
            "github-actions:acme/app exact [] {environment=production}",
        ),
        (
            "gha-pull",
            GITHUB,
            STS,
            "repo:acme/app:pull_request",
            "github-actions:acme/app exact [] {trigger=pull_request}",
        ),
        (
            "gha-custom",
            GITHUB,
            STS,
            "environment:prod:repo:acme/app:job_workflow_ref:acme/ci/.github/workflows/d.yml@refs/heads/main",
            "github-actions:acme/app exact [] {environment=prod workflow=acme/ci/.github/workflows/d.yml}",
        ),
        (
            "gha-nameless",
            GITHUB,
            STS,
            "repository_owner:acme",
            "oidc:token.actions.githubusercontent.com/repository_owner:acme exact [] {}",
        ),
        (
            "ghes",
            "ghe.acme.example/_services/token",
            STS,
            "repo:acme/inner:ref:refs/heads/dev",
            "github-actions:acme/inner exact [] {ref=refs/heads/dev}",
        ),
        (
            "gitlab",
            "gitlab.com",
            "https://gitlab.com",
            "project_path:acme/infra:ref_type:branch:ref:main",
            "gitlab-ci:acme/infra exact [] {ref=main}",
        ),
        (
            "gitlab-own",
            "git.acme.example",
            "https://git.acme.example",
            "project_path:acme/deep/er/app:ref_type:tag:ref:v2",
            "gitlab-ci:acme/deep/er/app exact [] {ref=v2}",
        ),
        (
            "terraform-cloud",
            "app.terraform.io",
            "aws.workload.identity",
            "organization:acme:project:Default Project:workspace:net:run_phase:apply",
            "terraform-cloud:acme/Default Project/net exact [] {run-phase=apply}",
        ),
        (
            "circleci",
            "oidc.circleci.com/org/o-1",
            "o-1",
            "org/o-1/project/p-1/user/u-1/vcs-origin/github.com/acme/app/vcs-ref/refs/heads/main",
            "circleci:o-1/p-1 exact [] {ref=refs/heads/main}",
        ),
        (
            "bitbucket",
            bitbucket,
            "ari:cloud:bitbucket::workspace/w-1",
            "{r-1}:{e-1}:{s-1}",
            "bitbucket:acme/{r-1} exact [] {environment={e-1}}",
        ),
        (
            "buildkite",
            "agent.buildkite.com",
            "aws",
            "organization:acme:pipeline:deploy:ref:refs/heads/main:commit:c0:step:s",
            "buildkite:acme/deploy exact [] {ref=refs/heads/main}",
        ),
        (
            "okta",
            "acme.okta.com",
            "0oaclient",
            "ann@acme.example",
            "oidc:acme.okta.com/ann@acme.example exact [] {}",
        ),
        (
            "okta-path",
            "acme.okta.com/oauth2/default",
            "0oaclient",
            "0oaclient",
            "oidc:acme.okta.com/oauth2/default/0oaclient exact [] {}",
        ),
        (
            "other-oidc",
            "idp.acme.example/realms/x",
            "aws",
            "svc:7",
            "oidc:idp.acme.example/realms/x/svc:7 exact [] {}",
        ),
    ] {
        let session = w.log.web(role, "GitHubActions", (&provider(host), audience, subject));
        w.log.call(&session);
        w.expect(role, expected);
    }
    for (role, host, audience, subject) in [
        ("google", "accounts.google.com", "109876543210987654321", "109876543210987654321"),
        ("amazon", "www.amazon.com", "amzn1.application.1", "amzn1.account.A"),
        ("facebook", "graph.facebook.com", "1234", "5678"),
        ("cognito", "cognito-identity.amazonaws.com", "eu-west-1:pool", "eu-west-1:user-1"),
    ] {
        let session = w.log.web(role, "export", (host, audience, subject));
        w.log.call(&session);
        w.expect(role, &format!("oidc:{host}/{subject} exact [] {{}}"));
    }
    // Built-in providers name their claims in the records, and the page on CloudTrail spells Cognito's host in another way.
    for (role, host, attributes, id) in [
        (
            "google-old",
            "accounts.google.com",
            json!({"accounts.google.com:sub": "1098"}),
            "accounts.google.com/1098",
        ),
        (
            "amazon-old",
            "www.amazon.com",
            json!({"www.amazon.com:app_id": "a", "www.amazon.com:user_id": "u"}),
            "www.amazon.com/u",
        ),
        (
            "cognito-old",
            "cognito-identity.amazon.com",
            json!({"cognito-identity.amazonaws.com:sub": "eu-west-1:u"}),
            "cognito-identity.amazonaws.com/eu-west-1:u",
        ),
    ] {
        let session = w.log.session(role, "s").in_context(
            json!({"webIdFederationData": {"federatedProvider": host, "attributes": attributes}}),
        );
        w.log.call(&session);
        w.expect(role, &format!("oidc:{id} session [] {{}}"));
    }
    // Tags in the token are the issuer's word.
    let subject = (provider("idp.acme.example"), STS, "svc");
    let asked = json!({"principalTags": {"CostCenter": "24680"}, "transitiveTagKeys": ["CostCenter"], "sourceIdentity": "svc"});
    let session = w.log.web_with("token-tags", "s", (&subject.0, subject.1, subject.2), asked, json!({}));
    w.log.call(&session.in_context(json!({"sourceIdentity": "svc"})));
    w.expect(
        "token-tags",
        "oidc:idp.acme.example/svc exact [] {session-tag=CostCenter=24680 source-identity=svc}",
    );
    // With keys instead of a token the action passes tags.
    let user = w.log.user("gha-keys");
    let tag = |key: &str, value: &str| json!({"key": key, "value": value});
    let asked = json!({"tags": [tag("GitHub", "Actions"), tag("Repository", "acme/app"), tag("Workflow", "deploy"), tag("Branch", "main")]});
    let session = w.log.assume_with(&user, "gha-by-key", "GitHubActions", asked, json!({}));
    w.log.call(&session);
    w.expect("gha-by-key", &format!("iam-user:arn:aws:iam::{MAIN}:user/gha-keys exact [] {{session-tag=Branch=main session-tag=GitHub=Actions session-tag=Repository=acme/app session-tag=Workflow=deploy}}"));
    w.expect(
        &format!("arn:aws:iam::{MAIN}:user/gha-keys"),
        &format!("iam-user:arn:aws:iam::{MAIN}:user/gha-keys exact [] {{}}"),
    );
}

/// SAML, Identity Center, and what imitates it.
fn people(w: &mut World) {
    let session = w.log.saml("saml", "nina", "Okta", json!({"principalTags": {"team": "support"}}));
    w.log.call(&session);
    w.expect("saml", "saml:Okta/nina exact [] {session-tag=team=support}");
    let set = "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef";
    let issued = w.log.saml(set, "maria@acme.example", "AWSSSO_0a1b_DO_NOT_DELETE", json!({}));
    // The key that is used is not the one that was issued.
    let used = issued.with(json!({"accessKeyId": "ASIAQ7XKOTHERKEY0001", "onBehalfOf": {"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::1:identitystore/d"}}));
    w.log.call(&used);
    w.expect(set, "sso:maria@acme.example session [] {}");
    let early = w.log.session(set, "jun@acme.example");
    w.log.call(&early);
    w.expect(set, "sso:jun@acme.example session [] {}");
    // A provider that only calls itself like Identity Center's.
    let forged = w.log.saml("not-sso", "maria@acme.example", "AWSSSO_0a1b_DO_NOT_DELETE", json!({}));
    w.log.call(&forged);
    w.expect("not-sso", "saml:AWSSSO_0a1b_DO_NOT_DELETE/maria@acme.example exact [] {}");
}

fn world() -> World {
    let mut world = World::default();
    kubernetes(&mut world);
    pod_identity(&mut world);
    pipelines(&mut world);
    people(&mut world);
    services::of_aws(&mut world);
    services::privileged(&mut world);
    services::chains(&mut world);
    services::imitations(&mut world);
    platforms::all(&mut world);
    world
}

fn ledger(folder: &Path) -> Ledger {
    let cancel = AtomicBool::new(false);
    let settings = Run { threads: 2, ..Run::new(&cancel) };
    let recorder = || Recorder::new(Scope::default(), |event| Catalog::embedded().needs(event));
    let found = run(vec![Input::Path(folder.to_owned())], &settings, recorder).unwrap();
    assert!(
        found.issues.is_empty() && found.malformed.is_empty(),
        "{:?} {:?}",
        found.issues,
        found.malformed
    );
    found.collector.into_ledger()
}

/// What is said of every principal, spelled like the truth.
fn said(access: &Access) -> BTreeMap<String, BTreeSet<String>> {
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let short = |arn: &String| arn.split_once(":role/").map_or(arn.clone(), |(_, name)| name.to_owned());
    for (principal, one) in &access.principals {
        let lines = said.entry(principal.clone()).or_default();
        for share in &one.workloads {
            let via: Vec<String> = share.via.iter().map(short).collect();
            let labels: Vec<String> =
                share.labels.all.keys().map(|label| format!("{}={}", label.kind, label.value)).collect();
            lines.insert(format!(
                "{} {} [{}] {{{}}}",
                share.workload.id,
                share.grade.as_str(),
                via.join(" "),
                labels.join(" ")
            ));
        }
        lines.extend(one.unattributed.keys().map(|reason| format!("? {reason}")));
    }
    said
}

/// Records in files of so many, in an order that a number makes.
fn write(folder: &Path, records: &[Value], per_file: usize, turn: usize) {
    let mut order: Vec<&Value> = records.iter().collect();
    order.rotate_left(turn % records.len());
    if turn % 2 == 1 {
        order.reverse();
    }
    for (n, part) in order.chunks(per_file).enumerate() {
        // Names say nothing of the order.
        let name = format!("{:03}.json", (n * 7919 + turn) % 997);
        std::fs::write(folder.join(name), json!({"Records": part}).to_string()).unwrap();
    }
}

#[test]
fn every_kind_of_identity_is_named_as_it_is() {
    let world = world();
    let inventory = world.inventory();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &world.log.records, 40, 0);
    let usage = ledger(folder.path()).finish().unwrap();
    let access = access(&usage, &resolve(&usage, &inventory), &inventory);
    let said = said(&access);
    let mut wrong = Vec::new();
    for principal in world.truth.keys().chain(said.keys()).collect::<BTreeSet<_>>() {
        let (truth, found) = (world.truth.get(principal), said.get(principal));
        if truth != found {
            wrong.push(format!("{principal}\n  truth {truth:#?}\n  found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), world.truth.len(), wrong.join("\n"));
    assert!(world.truth.len() >= 100, "{}", world.truth.len());
    // AWS's own doings are nobody's.
    assert_eq!(access.aws_itself, services::OF_AWS_ITSELF + issued_by_aws(&world.log.records));
}

/// Records of AWS services that ask for credentials: calls by AWS itself.
fn issued_by_aws(records: &[Value]) -> u64 {
    let by_service = |record: &&Value| record["userIdentity"]["type"] == "AWSService";
    records.iter().filter(by_service).count() as u64
}

#[test]
fn files_in_any_order_say_the_same_with_or_without_all_sessions_kept() {
    let world = world();
    let inventory = world.inventory();
    let mut first: Option<Access> = None;
    for (per_file, turn) in [(40, 0), (1, 1), (7, 58), (13, 101), (1_000, 33)] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &world.log.records, per_file, turn);
        let ledger = ledger(folder.path());
        for keep in [Keep::Alike, Keep::All] {
            let usage = ledger.clone().finish_with(keep).unwrap();
            let access = access(&usage, &resolve(&usage, &inventory), &inventory);
            match &first {
                None => first = Some(access),
                Some(first) => assert_eq!(&access, first, "{per_file} {turn} {keep:?}"),
            }
        }
    }
}
