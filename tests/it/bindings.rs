//! ServiceAccounts, their roles and what was observed: the table and each finding of drift.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::root;

pub(crate) const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF";
const CLUSTER: &str = "arn:aws:eks:eu-west-1:111122223333:cluster/prod";
pub(crate) const ACCOUNT: &str = "111122223333";

pub(crate) fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

/// A world of one account and one cluster, put together by each test.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) roles: Vec<Value>,
    pub(crate) policies: Vec<Value>,
    pub(crate) associations: Vec<Value>,
    pub(crate) manifests: String,
    pub(crate) records: Vec<Value>,
}

impl World {
    /// A role that trusts these ServiceAccounts (`ns:name`) by IRSA, and Pod Identity when `pods`.
    pub(crate) fn role(mut self, name: &str, subjects: &[&str], pods: bool) -> Self {
        let mut trust = Vec::new();
        if !subjects.is_empty() {
            let subjects: Vec<String> =
                subjects.iter().map(|one| format!("system:serviceaccount:{one}")).collect();
            trust.push(json!({"Effect": "Allow", "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}")},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {format!("{ISSUER}:sub"): subjects, format!("{ISSUER}:aud"): "sts.amazonaws.com"}}}));
        }
        if pods {
            trust.push(json!({"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}));
        }
        self.roles.push(json!({"Path": "/", "RoleName": name, "RoleId": format!("AROA{name}"), "Arn": arn(name),
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": trust},
            "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}}}],
            "AttachedManagedPolicies": [], "InstanceProfileList": []}));
        self
    }

    /// A role with a trust policy of its own.
    pub(crate) fn trusting(mut self, name: &str, statements: Value) -> Self {
        self = self.role(name, &[], false);
        self.roles.last_mut().unwrap()["AssumeRolePolicyDocument"]["Statement"] = statements;
        self
    }

    pub(crate) fn association(mut self, namespace: &str, name: &str, role: &str) -> Self {
        self.associations.push(json!({"clusterName": "prod", "namespace": namespace, "serviceAccount": name, "roleArn": arn(role),
            "associationArn": "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1"}));
        self
    }

    pub(crate) fn service_account(self, namespace: &str, name: &str, role: Option<&str>) -> Self {
        let annotations =
            role.map(|role| json!({"eks.amazonaws.com/role-arn": arn(role)})).unwrap_or(json!({}));
        self.yaml(&json!({"kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace, "annotations": annotations}}))
    }

    fn yaml(mut self, object: &Value) -> Self {
        self.manifests += &format!("---\n{object}\n");
        self
    }

    pub(crate) fn record(&mut self, more: Value) {
        let n = self.records.len();
        let mut record = json!({"eventVersion": "1.11", "eventTime": format!("2026-03-01T{:02}:00:00Z", n % 24), "awsRegion": "eu-west-1",
            "sourceIPAddress": "192.0.2.1", "recipientAccountId": ACCOUNT, "eventType": "AwsApiCall", "managementEvent": true,
            "eventCategory": "Management", "requestID": "r", "readOnly": true, "eventID": format!("event-{n}")});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.records.push(record);
    }

    /// A call in a session that was just opened under key `key`.
    pub(crate) fn call(&mut self, role: &str, key: &str) {
        let time = self.records.last().unwrap()["eventTime"].clone();
        self.record(json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances", "eventTime": time,
            "userIdentity": {"type": "AssumedRole", "principalId": format!("AROA{role}:s"), "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/s"),
            "accountId": ACCOUNT, "accessKeyId": key, "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": format!("AROA{role}"),
            "arn": arn(role), "accountId": ACCOUNT, "userName": role}, "attributes": {"creationDate": time}}}}));
    }

    pub(crate) fn irsa(self, subject: &str, role: &str, refused: bool) -> Self {
        self.token(ISSUER, &format!("system:serviceaccount:{subject}"), role, refused)
    }

    /// A token of an issuer is exchanged.
    fn token(mut self, issuer: &str, subject: &str, role: &str, refused: bool) -> Self {
        let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}");
        let key = format!("ASIAIRSA{:012}", self.records.len());
        let answer = if refused {
            json!({"errorCode": "AccessDenied", "errorMessage": "An unknown error occurred", "responseElements": null})
        } else {
            json!({"responseElements": {"credentials": {"accessKeyId": key}, "assumedRoleUser": {"assumedRoleId": format!("AROA{role}:s"),
                "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/s")}, "audience": "sts.amazonaws.com"}})
        };
        let mut event = json!({"eventSource": "sts.amazonaws.com", "eventName": "AssumeRoleWithWebIdentity",
            "userIdentity": {"type": "WebIdentityUser", "userName": subject, "identityProvider": provider,
                "principalId": format!("{provider}:sts.amazonaws.com:{subject}")},
            "requestParameters": {"roleArn": arn(role), "roleSessionName": "s"}});
        event.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        self.record(event);
        if !refused {
            self.call(role, &key);
        }
        self
    }

    pub(crate) fn pod(mut self, namespace: &str, name: &str, role: &str) -> Self {
        let key = format!("ASIAPODS{:012}", self.records.len());
        let tag = |key: &str, value: &str| json!({"key": key, "value": value});
        self.record(json!({"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
            "userIdentity": {"type": "AWSService", "invokedBy": "pods.eks.amazonaws.com"},
            "requestParameters": {"roleArn": arn(role), "roleSessionName": "s", "tags": [tag("eks-cluster-arn", CLUSTER),
                tag("kubernetes-namespace", namespace), tag("kubernetes-service-account", name)]},
            "responseElements": {"credentials": {"accessKeyId": key}, "assumedRoleUser": {"assumedRoleId": format!("AROA{role}:s"),
                "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/s")}}}));
        self.call(role, &key);
        self
    }

    /// Writes `iam`, `kubernetes` and `logs` below a folder.
    pub(crate) fn write(&self, dir: &Path) {
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let page = json!({"RoleDetailList": self.roles, "UserDetailList": [], "GroupDetailList": [], "Policies": self.policies});
        write("iam/account.json", &page.to_string());
        let cluster = json!({"cluster": {"arn": CLUSTER, "name": "prod", "identity": {"oidc": {"issuer": format!("https://{ISSUER}")}}},
            "associations": self.associations});
        write("iam/cluster.json", &cluster.to_string());
        write("kubernetes/prod/all.yaml", &self.manifests);
        write("logs/log.json", &json!({"Records": self.records}).to_string());
    }

    fn audit(&self) -> Value {
        let dir = tempfile::tempdir().unwrap();
        self.write(dir.path());
        audit(dir.path(), &dir.path().join("logs"), &dir.path().join("iam"), &dir.path().join("kubernetes"))
    }
}

fn audit(dir: &Path, logs: &Path, iam: &Path, kubernetes: &Path) -> Value {
    let out = dir.join("out");
    let output = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .arg("audit")
        .arg(logs)
        .args([Path::new("--iam"), iam, Path::new("--kubernetes"), kubernetes, Path::new("--out"), &out])
        // The worlds here are a few hours long.
        .args(["--min-window", "0h"])
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!([0, 4].contains(&output.status.code().unwrap()), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&std::fs::read_to_string(out.join("report.json")).unwrap()).unwrap()
}

/// `namespace/name: state` of each row.
fn states(report: &Value) -> BTreeMap<String, String> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    report["bindings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (format!("{}/{}", text(row, "namespace"), text(row, "service_account")), text(row, "state"))
        })
        .collect()
}

/// The one finding of a code, with its subject, severity and detail; each has evidence, a fix and controls.
fn finding(report: &Value, code: &str) -> Option<(String, String, String)> {
    let mut found = report["findings"].as_array().unwrap().iter().filter(|one| one["code"] == code);
    let one = found.next()?;
    assert!(found.next().is_none(), "several {code}");
    assert!(!one["evidence"].as_array().unwrap().is_empty(), "{one}");
    assert!(
        !one["fix"].as_str().unwrap().is_empty() && !one["controls"]["SOC2"].as_array().unwrap().is_empty()
    );
    let text = |key: &str| one[key].as_str().unwrap().to_owned();
    Some((text("subject"), text("severity"), text("detail")))
}

#[test]
fn what_is_bound_trusted_and_used_is_in_order() {
    let world = World::default()
        .role("api", &["shop:api"], false)
        .role("pay", &[], true)
        .service_account("shop", "api", Some("api"))
        .service_account("pay", "pay", None)
        .service_account("shop", "plain", None)
        .association("pay", "pay", "pay")
        .irsa("shop:api", "api", false)
        .pod("pay", "pay", "pay");
    let report = world.audit();
    let states = states(&report);
    let found: Vec<(&str, &str)> =
        states.iter().map(|(name, state)| (name.as_str(), state.as_str())).collect();
    assert_eq!(found, [("pay/pay", "ok"), ("shop/api", "ok"), ("shop/plain", "unbound")]);
    for code in [
        "assumed-not-annotated",
        "irsa-after-pod-identity",
        "node-role-fallback",
        "several-roles",
        "role-across-boundaries",
        "service-account-not-bound",
    ] {
        assert_eq!(finding(&report, code), None, "{code}");
    }
}

#[test]
fn a_role_assumed_without_a_binding_is_found() {
    let world = World::default()
        .role("api", &["shop:api"], false)
        .role("other", &["shop:api"], false)
        .service_account("shop", "api", Some("api"))
        .irsa("shop:api", "other", false);
    let report = world.audit();
    assert_eq!(states(&report)["shop/api"], "drift");
    let (subject, severity, detail) = finding(&report, "assumed-not-annotated").unwrap();
    assert_eq!((subject.as_str(), severity.as_str()), (&*format!("{ISSUER}/shop/api"), "medium"));
    assert!(detail.contains("role/other (1 session)") && detail.contains("annotated with"), "{detail}");
    // Without the cluster's manifests nothing is known of its bindings.
    let blind = World { manifests: String::new(), ..world };
    let report = blind.audit();
    assert_eq!(finding(&report, "assumed-not-annotated"), None);
    assert_eq!(states(&report)["shop/api"], "not-judged");
}

#[test]
fn irsa_beside_an_association_is_found() {
    let world = World::default()
        .role("pay", &["pay:pay"], true)
        .service_account("pay", "pay", Some("pay"))
        .association("pay", "pay", "pay")
        .irsa("pay:pay", "pay", false)
        .pod("pay", "pay", "pay");
    let report = world.audit();
    let (_, severity, detail) = finding(&report, "irsa-after-pod-identity").unwrap();
    assert_eq!(severity, "low");
    assert!(detail.contains("1 session by IRSA"), "{detail}");
    let row = &report["bindings"][0];
    assert_eq!((&row["observed"][0]["irsa"], &row["observed"][0]["pod_identity"]), (&json!(1), &json!(1)));
}

#[test]
fn pods_without_injected_credentials_are_found() {
    let pod = |name: &str, env: Value| json!({"kind": "Pod", "metadata": {"name": name, "namespace": "shop"}, "spec": {"nodeName": "n", "serviceAccountName": "api", "containers": [{"env": env}]}});
    let world = World::default()
        .role("api", &["shop:api"], false)
        .service_account("shop", "api", Some("api"))
        .yaml(&pod("api-old", json!([])))
        .yaml(&pod("api-new", json!([{"name": "AWS_ROLE_ARN"}, {"name": "AWS_WEB_IDENTITY_TOKEN_FILE"}])))
        .yaml(&json!({"kind": "Deployment", "metadata": {"name": "api", "namespace": "shop"}, "spec": {"template": {"spec": {"serviceAccountName": "api"}}}}))
        .irsa("shop:api", "api", false);
    let report = world.audit();
    let (_, severity, detail) = finding(&report, "node-role-fallback").unwrap();
    assert_eq!(severity, "medium");
    assert!(detail.contains("`api-old`") && !detail.contains("api-new"), "{detail}");
    let row = &report["bindings"][0];
    assert_eq!((&row["pods"], &row["pods_without_credentials"]), (&json!(3), &json!(1)));
}

#[test]
fn a_binding_that_cannot_work_says_why_with_the_nearest_match() {
    let world = World::default()
        .role("api", &["shop:apis"], false)
        .service_account("shop", "api", Some("api"))
        .irsa("shop:api", "api", true);
    let report = world.audit();
    assert_eq!(states(&report)["shop/api"], "not-bound");
    let (_, _, detail) = finding(&report, "service-account-not-bound").unwrap();
    assert!(detail.contains("one letter off") && detail.ends_with("It tried: 1 refusal."), "{detail}");
    let missing = World::default()
        .role("api", &["shop:api"], false)
        .service_account("shop", "api", Some("apis"))
        .irsa("shop:api", "api", false);
    let (_, _, detail) = finding(&missing.audit(), "service-account-not-bound").unwrap();
    assert!(detail.contains("has no role") && detail.contains("one letter off"), "{detail}");
    // An association whose role does not trust EKS.
    let pods = World::default()
        .role("pay", &[], false)
        .role("api", &["shop:api"], false)
        .service_account("pay", "pay", None)
        .association("pay", "pay", "pay")
        .irsa("shop:api", "api", false);
    let (subject, _, detail) = finding(&pods.audit(), "service-account-not-bound").unwrap();
    assert!(subject.ends_with("/pay/pay") && !detail.is_empty(), "{subject} {detail}");
}

#[test]
fn one_role_on_both_sides_and_several_roles_on_one_are_found() {
    let world = World::default()
        .role("shared", &["shop:api", "pay:pay"], false)
        .role("extra", &["shop:api"], false)
        .service_account("shop", "api", Some("shared"))
        .service_account("pay", "pay", Some("shared"))
        .irsa("shop:api", "shared", false)
        .irsa("pay:pay", "shared", false)
        .irsa("shop:api", "extra", false);
    let report = world.audit();
    let (subject, severity, detail) = finding(&report, "role-across-boundaries").unwrap();
    assert_eq!((subject, severity.as_str()), (arn("shared"), "low"));
    assert!(detail.contains("`pay`") && detail.contains("`shop`"), "{detail}");
    let (subject, severity, _) = finding(&report, "several-roles").unwrap();
    assert_eq!((subject.as_str(), severity.as_str()), (&*format!("{ISSUER}/shop/api"), "info"));
}

#[test]
fn a_binding_that_is_never_used_is_found() {
    let world = || {
        World::default()
            .role("api", &["shop:api", "shop:other"], false)
            .role("idle", &["shop:idle"], false)
            .role("pay", &[], true)
            .role("else", &["shop:other"], false)
            .irsa("shop:other", "else", false)
    };
    let said = |report: &Value| finding(report, "annotated-never-assumed");
    // Nobody used it.
    let (subject, severity, detail) =
        said(&world().service_account("shop", "idle", Some("idle")).audit()).unwrap();
    assert_eq!((subject.as_str(), severity.as_str()), (&*format!("{ISSUER}/shop/idle"), "low"));
    assert!(detail.contains("Nobody used the role"), "{detail}");
    // Another one did, and pods run as it: they call AWS as the node.
    let deployment = json!({"kind": "Deployment", "metadata": {"name": "api", "namespace": "shop"}, "spec": {"template": {"spec": {"serviceAccountName": "api"}}}});
    let shared = world().service_account("shop", "api", Some("api")).yaml(&deployment).irsa(
        "shop:other",
        "api",
        false,
    );
    let (_, severity, detail) = said(&shared.audit()).unwrap();
    assert_eq!(severity, "medium");
    assert!(detail.contains("1 pod or controller run as it: they call AWS as the node's role"), "{detail}");
    // A ServiceAccount of the same name in another cluster is another one.
    let elsewhere = world().service_account("shop", "idle", Some("idle"));
    let elsewhere = elsewhere.token(
        "oidc.eks.eu-west-1.amazonaws.com/id/FFFF",
        "system:serviceaccount:shop:idle",
        "idle",
        false,
    );
    assert_eq!(said(&elsewhere.audit()).unwrap().1, "medium");
    // An association counts like an annotation.
    let (subject, _, detail) = said(&world().association("pay", "pay", "pay").audit()).unwrap();
    assert!(
        subject.ends_with("/pay/pay") && detail.starts_with("It is associated with"),
        "{subject} {detail}"
    );
    // Both came.
    let used = world().service_account("shop", "api", Some("api")).association("pay", "pay", "pay");
    assert_eq!(said(&used.irsa("shop:api", "api", false).pod("pay", "pay", "pay").audit()), None);
}

/// What each form of a trust policy is called: operator and condition, severity, what the finding says. Role names are the rows' numbers.
#[test]
fn each_way_of_trusting_more_than_is_used_is_found() {
    const GITHUB: &str = "token.actions.githubusercontent.com";
    let web = |host: &str, condition: Value| {
        json!([{"Effect": "Allow", "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}")},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}])
    };
    let eks = |operator: &str, subject: &str| {
        web(
            ISSUER,
            json!({operator: {format!("{ISSUER}:sub"): subject}, "StringEquals": {format!("{ISSUER}:aud"): "sts.amazonaws.com"}}),
        )
    };
    let github = |subject: &str| {
        web(
            GITHUB,
            json!({"StringLike": {format!("{GITHUB}:sub"): subject}, "StringEquals": {format!("{GITHUB}:aud"): "sts.amazonaws.com"}}),
        )
    };
    let aws = |principal: Value, condition: Value| json!([{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole", "Condition": condition}]);
    let google = |condition: Value| json!([{"Effect": "Allow", "Principal": {"Federated": "accounts.google.com"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}]);
    let rows = [
        (eks("StringLike", "*"), "high", "Any subject"),
        (eks("StringLike", "system:serviceaccount:*:api"), "high", "several namespaces"),
        (
            eks("StringLike", "system:serviceaccount:shop:*"),
            "medium",
            "Several ServiceAccounts of one namespace",
        ),
        (
            web(ISSUER, json!({"StringEquals": {format!("{ISSUER}:aud"): "sts.amazonaws.com"}})),
            "high",
            "no condition on `sub`",
        ),
        (
            web(ISSUER, json!({"StringEquals": {format!("{ISSUER}:sub"): "system:serviceaccount:shop:api"}})),
            "medium",
            "No condition on the audience",
        ),
        (
            web(
                ISSUER,
                json!({"StringEquals": {format!("{ISSUER}:sub"): "system:serviceaccount:shop:*", format!("{ISSUER}:aud"): "sts.amazonaws.com"}}),
            ),
            "low",
            "it admits nobody",
        ),
        (
            web(
                ISSUER,
                json!({"ForAllValues:StringEquals": {format!("{ISSUER}:sub"): "x"}, "StringEquals": {format!("{ISSUER}:aud"): "sts.amazonaws.com"}}),
            ),
            "high",
            "also holds without one",
        ),
        (
            web(GITHUB, json!({"StringEquals": {format!("{GITHUB}:aud"): "sts.amazonaws.com"}})),
            "critical",
            "no condition on `sub`",
        ),
        (github("repo:acme/*"), "high", "Several repositories"),
        (github("repo:acme/app:*"), "medium", "Every ref or pull request"),
        (github("repo:acme/app:pull_request"), "medium", "Every ref or pull request"),
        (
            google(json!({"StringEquals": {"accounts.google.com:oaud": "aws"}})),
            "critical",
            "no condition on `sub`",
        ),
        (aws(json!("arn:aws:iam::999988887777:root"), json!({})), "medium", "without an external id"),
        (aws(json!(format!("arn:aws:iam::{ACCOUNT}:root")), json!({})), "info", "whole account is trusted"),
        (aws(json!("*"), json!({})), "critical", "Everyone is trusted."),
        (
            aws(json!("*"), json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}})),
            "high",
            "limited by conditions only",
        ),
        (
            json!([{"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::999988887777:root"}, "Action": "sts:AssumeRole"}]),
            "critical",
            "`NotPrincipal`",
        ),
        // In order.
        (
            web(
                ISSUER,
                json!({"StringEquals": {format!("{ISSUER}:sub"): "system:serviceaccount:shop:api", format!("{ISSUER}:aud"): "sts.amazonaws.com"}}),
            ),
            "",
            "",
        ),
        (github("repo:acme/app:ref:refs/heads/main"), "", ""),
        (
            aws(json!("arn:aws:iam::999988887777:root"), json!({"StringEquals": {"sts:ExternalId": "x"}})),
            "",
            "",
        ),
        (
            google(
                json!({"StringEquals": {"accounts.google.com:sub": "1098", "accounts.google.com:aud": "1098"}}),
            ),
            "",
            "",
        ),
    ];
    let mut world = World::default().role("api", &["shop:api"], false).irsa("shop:api", "api", false);
    for (n, (statements, ..)) in rows.iter().enumerate() {
        world = world.trusting(&format!("row-{n:02}"), statements.clone());
    }
    let report = world.audit();
    let found: BTreeMap<&str, &Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["code"] == "wide-trust")
        .map(|one| (one["subject"].as_str().unwrap(), one))
        .collect();
    for (n, (statements, severity, part)) in rows.iter().enumerate() {
        let one = found.get(arn(&format!("row-{n:02}")).as_str());
        match severity.is_empty() {
            true => assert_eq!(one, None, "{statements}"),
            false => {
                let one = one.unwrap_or_else(|| panic!("nothing is said of {statements}"));
                assert_eq!(one["severity"], *severity, "{statements} {one}");
                let detail = one["detail"].as_str().unwrap();
                assert!(
                    detail.contains(part) && detail.contains("no workload that used it"),
                    "{statements} {one}"
                );
                assert!(
                    !one["evidence"].as_array().unwrap().is_empty()
                        && !one["fix"].as_str().unwrap().is_empty()
                );
                assert!(!one["controls"]["SOC2"].as_array().unwrap().is_empty(), "{one}");
            }
        }
    }
}

/// `wide-trust` says who used the role, each with sessions, and points to events.
#[test]
fn who_came_is_told_beside_trust_that_is_too_wide() {
    let wide = json!([{"Effect": "Allow", "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}")},
        "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringLike": {format!("{ISSUER}:sub"): "system:serviceaccount:*"},
        "StringEquals": {format!("{ISSUER}:aud"): "sts.amazonaws.com"}}}]);
    let world = World::default()
        .trusting("wide", wide)
        .irsa("shop:api", "wide", false)
        .irsa("shop:api", "wide", false)
        .irsa("pay:pay", "wide", false);
    let report = world.audit();
    let (_, severity, detail) = finding(&report, "wide-trust").unwrap();
    assert_eq!(severity, "high");
    assert!(detail.contains("shop/api (2 sessions)") && detail.contains("pay/pay (1 session)"), "{detail}");
    let found = report["findings"].as_array().unwrap();
    let one = found.iter().find(|one| one["code"] == "wide-trust").unwrap();
    // The statement, and the first event of each who came.
    let evidence = one["evidence"].to_string();
    assert!(evidence.contains("/AssumeRolePolicyDocument/Statement/0"), "{evidence}");
    assert!(
        evidence.contains("event-0") && evidence.contains("event-4") && !evidence.contains("event-2"),
        "{evidence}"
    );
}

#[test]
fn principals_that_never_came_environments_and_several_roles_of_a_pipeline_are_found() {
    let github = "token.actions.githubusercontent.com";
    let trust = json!([{"Effect": "Allow", "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{github}")},
        "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {format!("{github}:aud"): "sts.amazonaws.com",
        format!("{github}:sub"): ["repo:acme/app:environment:prod", "repo:acme/app:environment:test", "repo:acme/gone:ref:refs/heads/main"]}}}]);
    let world = World::default()
        .trusting("deploy", trust.clone())
        .trusting("publish", trust)
        .token(github, "repo:acme/app:environment:prod", "deploy", false)
        .token(github, "repo:acme/app:environment:test", "deploy", false)
        .token(github, "repo:acme/app:environment:prod", "publish", false);
    let report = world.audit();
    let unused: Vec<&Value> =
        report["findings"].as_array().unwrap().iter().filter(|one| one["code"] == "unused-trust").collect();
    let detail = |role: &str| {
        unused.iter().find(|one| one["subject"] == arn(role)).unwrap()["detail"].as_str().unwrap()
    };
    assert_eq!(detail("deploy"), "Never seen: `repo:acme/gone:ref:refs/heads/main`.");
    assert!(detail("publish").contains("environment:test"), "{}", detail("publish"));
    let (subject, severity, detail) = finding(&report, "role-across-boundaries").unwrap();
    assert_eq!((subject, severity.as_str()), (arn("deploy"), "medium"));
    assert!(detail.contains("`prod`") && detail.contains("`test`"), "{detail}");
    let (subject, severity, detail) = finding(&report, "several-roles").unwrap();
    assert_eq!((subject.as_str(), severity.as_str()), ("github-actions:acme/app", "info"));
    assert!(
        detail.contains("role/deploy (2 sessions)") && detail.contains("role/publish (1 session)"),
        "{detail}"
    );
}

#[test]
fn helm_values_with_a_role_that_does_not_exist_are_found() {
    let world = World::default()
        .role("api", &["shop:api"], false)
        .yaml(&json!({"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": arn("gone")}}}))
        .irsa("shop:api", "api", false);
    let (subject, _, detail) = finding(&world.audit(), "service-account-not-bound").unwrap();
    assert!(subject.contains("all.yaml#document") && detail.contains("role/gone"), "{subject} {detail}");
}

#[test]
fn the_samples_bindings_are_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let logs = root().join("sample-logs");
    let report = audit(dir.path(), &logs, &logs.join("iam"), &logs.join("kubernetes"));
    let states = states(&report);
    let not_ok: Vec<_> = states.iter().filter(|(_, state)| *state != "ok").collect();
    let found: Vec<(&str, &str)> =
        not_ok.iter().map(|(name, state)| (name.as_str(), state.as_str())).collect();
    // Astronomer's cluster has no manifests here, and one ServiceAccount only ever tried.
    assert_eq!(
        found,
        [
            ("deneb-1664/deneb-1664-scheduler-serviceaccount", "not-judged"),
            ("deneb-1664/deneb-1664-triggerer-serviceaccount", "not-judged"),
            ("deneb-1664/deneb-1664-worker-serviceaccount", "not-judged"),
            ("shop/debug-shell", "refused"),
        ]
    );
}
