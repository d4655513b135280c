//! ServiceAccounts from Kubernetes manifests, and what runs as them.
//!
//! Read are YAML files (several documents each) and JSON files, as written for `kubectl apply` or printed by
//! `kubectl get -o yaml|json`; lists (`kind: List`, `ServiceAccountList`) are taken apart. The annotations that matter are
//! those of the EKS Pod Identity webhook: `eks.amazonaws.com/role-arn` and `eks.amazonaws.com/audience`.
//!
//! Pods, their controllers and Argo's workflows tell which ServiceAccount they run as ([`PodOwner`](super::PodOwner)); a pod that runs also tells
//! which credentials the webhook gave it. Helm values (a file of its own, `HelmRelease`, `Application`) are read where a mapping carries
//! the role annotation itself ([`HelmServiceAccount`](super::HelmServiceAccount)); what a template makes of it is not known.
//!
//! Templates (Helm, `${…}`) are often no valid YAML: such a file is named as a problem, and what it holds is not known.

mod helm;
mod pods;

use serde_norway::Value;

use super::{Inventory, Origin, ServiceAccount};

/// Lists may hold lists; deeper than this is no manifest.
const MAX_LIST_DEPTH: usize = 4;
const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
const AUDIENCE: &str = "eks.amazonaws.com/audience";

/// Adds the ServiceAccounts of one file to `inventory`; `cluster` is what its folder says.
///
/// serde_norway caps the nesting of a document at 128 and refuses alias bombs.
pub(super) fn add(inventory: &mut Inventory, file: &str, text: &str, cluster: Option<&str>) {
    for (index, document) in serde_norway::Deserializer::from_str(text).enumerate() {
        let at = format!("document {}", index + 1);
        match <Value as serde::Deserialize>::deserialize(document) {
            Ok(value) => {
                let origin = Origin { file: file.to_owned(), at };
                if helm::is_values(&value) {
                    inventory.helm_values.extend(helm::service_accounts(&value, None, cluster, &origin));
                } else {
                    objects(inventory, &value, &origin, cluster, 0);
                }
            }
            Err(error) => {
                // Parsing cannot go on after a syntax error.
                let template = if text.contains("{{") { " (it looks like a template)" } else { "" };
                inventory.problems.push(format!("`{file}` {at} is no valid YAML{template}: {error}"));
                return;
            }
        }
    }
}

fn objects(inventory: &mut Inventory, value: &Value, origin: &Origin, cluster: Option<&str>, depth: usize) {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    if kind == "ServiceAccount" {
        match service_account(value, origin, cluster) {
            Ok(account) => inventory.service_accounts.push(account),
            Err(reason) => inventory.problems.push(format!("`{}` {}: {reason}", origin.file, origin.at)),
        }
    } else if let Some((values, namespace)) = helm::embedded(value) {
        inventory.helm_values.extend(helm::service_accounts(values, namespace, cluster, origin));
    } else if kind.ends_with("List") {
        let items = value.get("items").and_then(Value::as_sequence).map(Vec::as_slice).unwrap_or_default();
        if depth == MAX_LIST_DEPTH {
            inventory.problems.push(format!("`{}` {}: lists are nested too deep", origin.file, origin.at));
            return;
        }
        for (index, item) in items.iter().enumerate() {
            let at = format!("{} item {}", origin.at, index + 1);
            objects(inventory, item, &Origin { at, ..origin.clone() }, cluster, depth + 1);
        }
    } else {
        inventory.pod_owners.extend(pods::owners(value, origin, cluster));
    }
}

fn service_account(value: &Value, origin: &Origin, cluster: Option<&str>) -> Result<ServiceAccount, String> {
    let metadata = value.get("metadata").unwrap_or(&Value::Null);
    let text = |key: &str| metadata.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    // `{{ .Values.name }}` is valid YAML: a mapping whose key is a mapping.
    if metadata.get("name").is_some_and(Value::is_mapping) {
        return Err("the ServiceAccount's name is a template".to_owned());
    }
    let name = text("name").ok_or("the ServiceAccount has no name")?;
    let namespace = text("namespace").unwrap_or("default");
    let annotation = |key: &str| {
        let value = metadata.get("annotations")?.get(key)?.as_str()?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    for part in [name, namespace] {
        if is_placeholder(part) {
            return Err(format!("the ServiceAccount's name `{part}` is a placeholder"));
        }
    }
    let role_arn = annotation(ROLE_ARN);
    if let Some(placeholder) = role_arn.as_deref().filter(|arn| is_placeholder(arn)) {
        return Err(format!(
            "the role of ServiceAccount `{namespace}/{name}` is a placeholder: `{placeholder}`"
        ));
    }
    Ok(ServiceAccount {
        cluster: cluster.map(str::to_owned),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        role_arn,
        audience: annotation(AUDIENCE),
        origin: origin.clone(),
    })
}

/// Text a template engine has yet to fill in.
fn is_placeholder(text: &str) -> bool {
    text.contains("${") || text.contains("{{") || text.contains('<')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let mut inventory = Inventory::default();
        add(&mut inventory, "f.yaml", text, Some("prod"));
        let spell = |account: &ServiceAccount| {
            let role = account.role_arn.as_deref().unwrap_or("-");
            let audience = account.audience.as_deref().unwrap_or("-");
            let cluster = account.cluster.as_deref().unwrap_or("-");
            format!(
                "{cluster}/{}/{} {role} {audience} {}",
                account.namespace, account.name, account.origin.at
            )
        };
        (inventory.service_accounts.iter().map(spell).collect(), inventory.problems)
    }

    #[test]
    fn documents_and_lists_are_taken_apart() {
        let text = "
apiVersion: v1
kind: ServiceAccount
metadata:
  name: a
  namespace: n
  annotations:
    eks.amazonaws.com/role-arn: arn:aws:iam::1:role/x
    eks.amazonaws.com/audience: mine
---
# nothing here
---
kind: Deployment
metadata: 3
---
kind: List
items:
- {kind: ServiceAccount, metadata: {name: b}}
- {kind: ServiceAccountList, items: [{kind: ServiceAccount, metadata: {name: c, annotations: null}}]}
";
        let (found, problems) = read(text);
        assert_eq!(
            found,
            [
                "prod/n/a arn:aws:iam::1:role/x mine document 1",
                "prod/default/b - - document 4 item 1",
                "prod/default/c - - document 4 item 2 item 1",
            ]
        );
        assert_eq!(problems, Vec::<String>::new());
    }

    #[test]
    fn pods_and_controllers_tell_what_they_run_as() {
        let text = "
{kind: Deployment, metadata: {name: api, namespace: shop}, spec: {template: {spec: {serviceAccountName: api}}}}
---
{kind: CronJob, metadata: {name: nightly}, spec: {jobTemplate: {spec: {template: {spec: {}}}}}}
---
{kind: Workflow, metadata: {generateName: etl-, namespace: argo}, spec: {serviceAccountName: runner, templates: [{serviceAccountName: loader}, {name: x}]}}
---
{kind: Pod, metadata: {name: a}, spec: {nodeName: n, serviceAccountName: s, containers: [{env: [{name: AWS_ROLE_ARN}, {name: AWS_WEB_IDENTITY_TOKEN_FILE}]}]}}
---
{kind: Pod, metadata: {name: b}, spec: {nodeName: n, serviceAccountName: s, containers: [{env: [{name: AWS_CONTAINER_CREDENTIALS_FULL_URI}]}]}}
---
{kind: Pod, metadata: {name: c}, spec: {nodeName: n, serviceAccountName: s, containers: [{}]}}
---
{kind: Pod, metadata: {name: d}, spec: {serviceAccountName: '${NAME}'}}
---
{kind: ConfigMap, metadata: {name: m}, spec: {serviceAccountName: x}}
";
        let mut inventory = Inventory::default();
        add(&mut inventory, "f.yaml", text, Some("prod"));
        let found: Vec<String> = inventory
            .pod_owners
            .iter()
            .map(|one| {
                format!(
                    "{} {}/{} as {} {:?}",
                    one.kind, one.namespace, one.name, one.service_account, one.credentials
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                "Deployment shop/api as api None",
                "CronJob default/nightly as default None",
                "Workflow argo/etl- as loader None",
                "Workflow argo/etl- as runner None",
                "Pod default/a as s Some(Irsa)",
                "Pod default/b as s Some(PodIdentity)",
                "Pod default/c as s Some(None)",
                "Pod default/d as default None",
            ]
        );
        assert_eq!(inventory.problems, Vec::<String>::new());
    }

    #[test]
    fn helm_values_are_read_as_far_as_they_are_plain() {
        let role = "arn:aws:iam::111122223333:role/x";
        let text = format!(
            "
serviceAccount: {{create: true, annotations: {{eks.amazonaws.com/role-arn: '{role}'}}}}
worker: {{serviceAccount: {{name: w, annotations: {{eks.amazonaws.com/role-arn: '{role}'}}}}}}
other: {{serviceAccount: {{name: o, annotations: {{eks.amazonaws.com/role-arn: '${{ROLE}}'}}}}}}
---
kind: HelmRelease
metadata: {{name: r, namespace: flux}}
spec: {{targetNamespace: apps, values: {{serviceAccount: {{name: h, annotations: {{eks.amazonaws.com/role-arn: '{role}'}}}}}}}}
"
        );
        let mut inventory = Inventory::default();
        add(&mut inventory, "values.yaml", &text, None);
        let found: Vec<String> = inventory
            .helm_values
            .iter()
            .map(|one| {
                let (name, namespace) = (one.name.as_deref(), one.namespace.as_deref());
                format!("{}/{} {}", namespace.unwrap_or("-"), name.unwrap_or("-"), one.origin.at)
            })
            .collect();
        assert_eq!(
            found,
            [
                "-/- document 1 serviceAccount",
                "-/w document 1 worker.serviceAccount",
                "apps/h document 2 serviceAccount",
            ]
        );
        assert!(inventory.service_accounts.is_empty() && inventory.problems.is_empty());
    }

    #[test]
    fn json_is_read_like_yaml() {
        let (found, _) = read(r#"{"kind":"ServiceAccount","metadata":{"name":"j","namespace":"k"}}"#);
        assert_eq!(found, ["prod/k/j - - document 1"]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, part) in [
            ("kind: ServiceAccount\nmetadata:\n  name: {{ .Values.x }}\n", "template"),
            ("kind: ServiceAccount\nmetadata: {name: '${NAME}'}\n", "placeholder"),
            (
                "kind: ServiceAccount\nmetadata: {name: a, annotations: {eks.amazonaws.com/role-arn: '${X}'}}",
                "placeholder",
            ),
            ("kind: ServiceAccount\nmetadata: {}\n", "no name"),
            ("a: [1, 2\n", "no valid YAML"),
        ] {
            let (found, problems) = read(text);
            assert_eq!(found, Vec::<String>::new(), "{text}");
            assert!(problems.len() == 1 && problems[0].contains(part), "{text}: {problems:?}");
        }
    }

    #[test]
    fn nesting_and_aliases_are_capped() {
        let deep = format!("a: {}1{}", "[".repeat(5000), "]".repeat(5000));
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let below = level - 1;
            bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{below}"); 9].join(","));
        }
        for text in [deep, bomb] {
            let (found, problems) = read(&text);
            assert!(found.is_empty() && problems.len() == 1, "{problems:?}");
        }
    }
}
