//! The lists, page by page.

use kube::config::Kubeconfig;
use kube::core::Request;
use kube::core::params::ListParams;
use kube::{Client, Config};
use serde_json::{Value, json};

use super::{ClusterError, ClusterRead};
use crate::inventory::{Manifest, Text};

/// Objects on a page.
const PAGE: u32 = 500;
/// Pages of one kind; a server that never ends is none.
const MOST_PAGES: usize = 10_000;
/// Characters shown of what a server says.
const LONGEST: usize = 300;

/// What is read: the path of a list, and the kind of its items. Kinds that a cluster does not have are passed over.
const LISTS: &[(&str, &str)] = &[
    ("/api/v1/serviceaccounts", "ServiceAccount"),
    ("/api/v1/pods", "Pod"),
    ("/apis/apps/v1/daemonsets", "DaemonSet"),
    ("/apis/apps/v1/deployments", "Deployment"),
    ("/apis/apps/v1/statefulsets", "StatefulSet"),
    ("/apis/batch/v1/cronjobs", "CronJob"),
    ("/apis/batch/v1/jobs", "Job"),
    ("/apis/argoproj.io/v1alpha1/clusterworkflowtemplates", "ClusterWorkflowTemplate"),
    ("/apis/argoproj.io/v1alpha1/cronworkflows", "CronWorkflow"),
    ("/apis/argoproj.io/v1alpha1/workflows", "Workflow"),
    ("/apis/argoproj.io/v1alpha1/workflowtemplates", "WorkflowTemplate"),
];

pub(super) fn read() -> Result<ClusterRead, ClusterError> {
    let settings = |error: &dyn std::fmt::Display| ClusterError::Settings(short(&error.to_string()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| settings(&error))?;
    runtime.block_on(async {
        let config = Config::infer().await.map_err(|error| settings(&error))?;
        let cluster = cluster_name();
        let client = Client::try_from(config).map_err(|error| settings(&error))?;
        let mut found = ClusterRead::default();
        let shown = cluster.clone().unwrap_or_else(|| "of this pod".to_owned());
        for (path, kind) in LISTS {
            match list(&client, path, kind).await {
                Ok(Some(objects)) => found.manifests.push(Manifest {
                    text: Text { name: format!("live cluster {shown}, {kind}"), text: objects.to_string() },
                    cluster: cluster.clone(),
                }),
                Ok(None) => {}
                Err(error) => {
                    let said = match &error {
                        kube::Error::Api(answer) => format!("{} ({})", answer.message, answer.code),
                        other => other.to_string(),
                    };
                    found.unread.push(format!("{kind} of cluster `{shown}`: {}", short(&said)));
                }
            }
        }
        if found.manifests.is_empty() {
            let reason = found
                .unread
                .into_iter()
                .next()
                .unwrap_or_else(|| "it has no list of ServiceAccounts".to_owned());
            return Err(ClusterError::Unreachable { cluster: shown, reason });
        }
        Ok(found)
    })
}

/// All objects of a kind; `None` when the cluster does not know it.
async fn list(client: &Client, path: &str, kind: &str) -> Result<Option<Value>, kube::Error> {
    let mut items = Vec::new();
    let mut next: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let parameters =
            ListParams { limit: Some(PAGE), continue_token: next.take(), ..ListParams::default() };
        let request = Request::new(path).list(&parameters).map_err(kube::Error::BuildRequest)?;
        let page: Value = match client.request(request).await {
            Ok(page) => page,
            Err(kube::Error::Api(answer)) if answer.code == 404 => return Ok(None),
            Err(error) => return Err(error),
        };
        for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            let mut item = item.clone();
            // A list tells the kind of its items once.
            if let Some(object) = item.as_object_mut() {
                object.insert("kind".to_owned(), kind.into());
            }
            items.push(item);
        }
        next = page.pointer("/metadata/continue").and_then(Value::as_str).map(str::to_owned);
        if next.as_deref().is_none_or(str::is_empty) {
            break;
        }
    }
    Ok(Some(json!({"kind": "List", "items": items})))
}

/// The current context's cluster: an ARN as `aws eks update-kubeconfig` writes it, a name otherwise.
fn cluster_name() -> Option<String> {
    let config = Kubeconfig::read().ok()?;
    let current = config.current_context?;
    let context = config.contexts.into_iter().find(|context| context.name == current)?.context?;
    let name = context.cluster;
    // eksctl writes NAME.REGION.eksctl.io.
    let bare = name
        .strip_suffix(".eksctl.io")
        .and_then(|rest| rest.rsplit_once('.'))
        .map(|(name, _)| name.to_owned());
    Some(bare.unwrap_or(name))
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
