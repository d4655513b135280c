//! ServiceAccounts, their roles and what was observed: the table and each finding of drift.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::root;

const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF";
const CLUSTER: &str = "arn:aws:eks:eu-west-1:111122223333:cluster/prod";
const ACCOUNT: &str = "111122223333";

fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

/// A world of one account and one cluster, put together by each test.
#[derive(Default)]
struct World {
    roles: Vec<Value>,
    associations: Vec<Value>,
    manifests: String,
    records: Vec<Value>,
}

impl World {
    /// A role that trusts these ServiceAccounts (`ns:name`) by IRSA, and Pod Identity when `pods`.
    fn role(mut self, name: &str, subjects: &[&str], pods: bool) -> Self {
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

    fn association(mut self, namespace: &str, name: &str, role: &str) -> Self {
        self.associations.push(json!({"clusterName": "prod", "namespace": namespace, "serviceAccount": name, "roleArn": arn(role),
            "associationArn": "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1"}));
        self
    }

    fn service_account(self, namespace: &str, name: &str, role: Option<&str>) -> Self {
        let annotations =
            role.map(|role| json!({"eks.amazonaws.com/role-arn": arn(role)})).unwrap_or(json!({}));
        self.yaml(&json!({"kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace, "annotations": annotations}}))
    }

    fn yaml(mut self, object: &Value) -> Self {
        self.manifests += &format!("---\n{object}\n");
        self
    }

    fn record(&mut self, more: Value) {
        let n = self.records.len();
        let mut record = json!({"eventVersion": "1.11", "eventTime": format!("2026-03-01T{:02}:00:00Z", n % 24), "awsRegion": "eu-west-1",
            "sourceIPAddress": "192.0.2.1", "recipientAccountId": ACCOUNT, "eventType": "AwsApiCall", "managementEvent": true,
            "eventCategory": "Management", "requestID": "r", "readOnly": true, "eventID": format!("event-{n}")});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.records.push(record);
    }

    /// A call in a session that was just opened under key `key`.
    fn call(&mut self, role: &str, key: &str) {
        let time = self.records.last().unwrap()["eventTime"].clone();
        self.record(json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances", "eventTime": time,
            "userIdentity": {"type": "AssumedRole", "principalId": format!("AROA{role}:s"), "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/s"),
            "accountId": ACCOUNT, "accessKeyId": key, "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": format!("AROA{role}"),
            "arn": arn(role), "accountId": ACCOUNT, "userName": role}, "attributes": {"creationDate": time}}}}));
    }

    fn irsa(mut self, subject: &str, role: &str, refused: bool) -> Self {
        let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}");
        let subject = format!("system:serviceaccount:{subject}");
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

    fn pod(mut self, namespace: &str, name: &str, role: &str) -> Self {
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

    fn audit(&self) -> Value {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let page = json!({"RoleDetailList": self.roles, "UserDetailList": [], "GroupDetailList": [], "Policies": []});
        write("iam/account.json", &page.to_string());
        let cluster = json!({"cluster": {"arn": CLUSTER, "name": "prod", "identity": {"oidc": {"issuer": format!("https://{ISSUER}")}}},
            "associations": self.associations});
        write("iam/cluster.json", &cluster.to_string());
        write("kubernetes/prod/all.yaml", &self.manifests);
        write("logs/log.json", &json!({"Records": self.records}).to_string());
        audit(dir.path(), &dir.path().join("logs"), &dir.path().join("iam"), &dir.path().join("kubernetes"))
    }
}

fn audit(dir: &Path, logs: &Path, iam: &Path, kubernetes: &Path) -> Value {
    let out = dir.join("out");
    let output = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .arg("audit")
        .arg(logs)
        .args([Path::new("--iam"), iam, Path::new("--kubernetes"), kubernetes, Path::new("--out"), &out])
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
    assert!(detail.contains("one letter off"), "{detail}");
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
