//! The lists, page by page.

use kube::client::AuthError;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| ClusterError::Settings(short(&error.to_string())))?;
    runtime.block_on(async {
        let Context { config, cluster, namespace } = context().await?;
        let client = Client::try_from(config).map_err(|error| ClusterError::Settings(said(&error)))?;
        let mut found = ClusterRead::default();
        let shown = cluster.clone().unwrap_or_else(|| "of this pod".to_owned());
        for (path, kind) in LISTS {
            let mut listed = list(&client, path, kind).await;
            let refusal = listed.as_ref().err().filter(|error| code(error) == Some(403)).map(said);
            if let (Some(said), Some(namespace), Some(below)) =
                (refusal, &namespace, namespace.as_deref().and_then(|name| in_namespace(path, name)))
                && let Ok(Some(some)) = list(&client, &below, kind).await
            {
                found
                    .unread
                    .push(format!("{kind} of cluster `{shown}` outside namespace `{namespace}`: {said}"));
                listed = Ok(Some(some));
            }
            match listed {
                Ok(Some(objects)) => found.manifests.push(Manifest {
                    text: Text { name: format!("live cluster {shown}, {kind}"), text: objects.to_string() },
                    cluster: cluster.clone(),
                }),
                Ok(None) => {}
                // Credentials that are not taken for one list are taken for none, and an exec plugin is asked each time.
                Err(error) if code(&error) == Some(401) && found.manifests.is_empty() => {
                    return Err(ClusterError::Unauthorized { cluster: shown, reason: said(&error) });
                }
                Err(error) => found.unread.push(format!("{kind} of cluster `{shown}`: {}", said(&error))),
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

/// What the configuration says of the cluster.
struct Context {
    config: Config,
    /// An ARN as `aws eks update-kubeconfig` writes it, a name otherwise; none inside a pod.
    cluster: Option<String>,
    /// The namespace it names, or the pod's own.
    namespace: Option<String>,
}

/// The current context of kubectl's files, or the pod this runs in when there are none.
async fn context() -> Result<Context, ClusterError> {
    let settings = |error: &KubeconfigError| ClusterError::Settings(unusable(error));
    let files = match Kubeconfig::read() {
        Ok(files) => files,
        Err(error) if is_absent(&error) => {
            let config = Config::incluster().map_err(|_| settings(&error))?;
            let namespace = Some(config.default_namespace.clone());
            return Ok(Context { config, cluster: None, namespace });
        }
        Err(error) => return Err(settings(&error)),
    };
    let named = files.contexts.iter().find(|context| Some(&context.name) == files.current_context.as_ref());
    let context = named.and_then(|named| named.context.clone());
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(files, &options).await.map_err(|error| settings(&error))?;
    let Some(context) = context else { return Ok(Context { config, cluster: None, namespace: None }) };
    let name = context.cluster;
    // eksctl writes NAME.REGION.eksctl.io.
    let bare = name
        .strip_suffix(".eksctl.io")
        .and_then(|rest| rest.rsplit_once('.'))
        .map(|(name, _)| name.to_owned());
    Ok(Context { config, cluster: Some(bare.unwrap_or(name)), namespace: context.namespace })
}

/// There are no files of kubectl's.
fn is_absent(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(error, _) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Why the files cannot be used. A parser shows the lines it stumbles over, and tokens may stand in them: only the place is told.
fn unusable(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(error) => {
            let place = error.location().map(|place| format!(" at line {}", place.line()));
            format!("the configuration is not YAML of the right shape{}", place.unwrap_or_default())
        }
        other => short(&other.to_string()),
    }
}

/// Why there are no credentials. What a credential plugin printed is never shown: it may be a token.
fn uncredited(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecRun { out, .. } => {
            format!("the context's credential plugin failed ({})", out.status)
        }
        AuthError::AuthExecParse(_) => {
            "what the context's credential plugin printed is no `ExecCredential`".to_owned()
        }
        AuthError::AuthExecStart(error) => {
            format!("the context's credential plugin cannot be started: {error}")
        }
        AuthError::AuthExec(_) => "the context's credentials cannot be had".to_owned(),
        other => other.to_string(),
    }
}

/// The path of the same list in one namespace; none for kinds that have no namespace.
fn in_namespace(path: &str, namespace: &str) -> Option<String> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let (group, kind) = path.rsplit_once('/')?;
    let has_one = is_name(namespace) && !kind.starts_with("cluster");
    has_one.then(|| format!("{group}/namespaces/{namespace}/{kind}"))
}

/// The status a server answered with.
fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(answer) => Some(answer.code),
        _ => None,
    }
}

/// What the server said, or what kept it from answering.
fn said(error: &kube::Error) -> String {
    let mut text = match error {
        kube::Error::Api(answer) => format!("{} ({})", answer.message, answer.code),
        kube::Error::Auth(error) => return short(&uncredited(error)),
        kube::Error::Service(_) => "no answer".to_owned(),
        other => other.to_string(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<AuthError>() {
            return short(&uncredited(error));
        }
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    short(&text)
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
