//! What runs as a ServiceAccount: pods, and the controllers that make them.

use serde_norway::Value;

use crate::inventory::{Origin, PodCredentials, PodOwner};

/// Environment variables that the EKS Pod Identity webhook puts into containers for IRSA.
const IRSA: &[&str] = &["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
/// And those for EKS Pod Identity.
const POD_IDENTITY: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
/// Containers looked at in one pod.
const MOST_CONTAINERS: usize = 64;

/// Where a kind keeps the pod's spec; `None` for kinds that make no pods.
///
/// Argo's templates may each name a ServiceAccount; see [`owners`].
fn pod_spec<'v>(kind: &str, value: &'v Value) -> Option<&'v Value> {
    let path: &[&str] = match kind {
        "Pod" => &["spec"],
        "Deployment"
        | "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicationController"
        | "Job"
        | "Rollout" => &["spec", "template", "spec"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
        "Workflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate" => &["spec"],
        "CronWorkflow" => &["spec", "workflowSpec"],
        _ => return None,
    };
    path.iter().try_fold(value, |value, key| value.get(*key))
}

/// The pods or controllers of one document; none for other kinds, and for pods whose controller is asked instead.
pub(super) fn owners(value: &Value, origin: &Origin, cluster: Option<&str>) -> Vec<PodOwner> {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    let Some(spec) = pod_spec(kind, value) else { return Vec::new() };
    let metadata = value.get("metadata").unwrap_or(&Value::Null);
    let text = |key: &str| metadata.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(name) = text("name").or_else(|| text("generateName")) else { return Vec::new() };
    if super::is_placeholder(name) {
        return Vec::new();
    }
    let account = |spec: &Value| {
        let named = ["serviceAccountName", "serviceAccount"].iter().find_map(|key| spec.get(*key)?.as_str());
        named.filter(|name| !name.is_empty() && !super::is_placeholder(name)).map(str::to_owned)
    };
    let own = account(spec);
    let is_running = kind == "Pod" && spec.get("nodeName").and_then(Value::as_str).is_some();
    let make = |service_account: String| PodOwner {
        cluster: cluster.map(str::to_owned),
        namespace: text("namespace").unwrap_or("default").to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        service_account,
        credentials: is_running.then(|| credentials(spec)),
        origin: origin.clone(),
    };
    let mut accounts = vec![own.clone().unwrap_or_else(|| "default".to_owned())];
    // `template.serviceAccountName` wins over the workflow's.
    let templates = spec.get("templates").and_then(Value::as_sequence).map(Vec::as_slice).unwrap_or_default();
    accounts.extend(templates.iter().filter_map(account));
    accounts.sort();
    accounts.dedup();
    accounts.into_iter().map(make).collect()
}

/// What the webhook injected into a running pod.
fn credentials(spec: &Value) -> PodCredentials {
    let containers = ["containers", "initContainers"]
        .iter()
        .filter_map(|key| spec.get(*key).and_then(Value::as_sequence))
        .flatten()
        .take(MOST_CONTAINERS);
    let names: Vec<&str> = containers
        .filter_map(|container| container.get("env").and_then(Value::as_sequence))
        .flatten()
        .filter_map(|variable| variable.get("name").and_then(Value::as_str))
        .collect();
    if IRSA.iter().all(|name| names.contains(name)) {
        PodCredentials::Irsa
    } else if names.contains(&POD_IDENTITY) {
        PodCredentials::PodIdentity
    } else {
        PodCredentials::None
    }
}
