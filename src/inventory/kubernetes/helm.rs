//! ServiceAccounts in Helm values, as far as they are plain: charts by convention take `serviceAccount.name` and `.annotations`.

use serde_norway::Value;

use super::{AUDIENCE, ROLE_ARN, is_placeholder};
use crate::inventory::{HelmServiceAccount, Origin};

/// Values nest by subchart and component; deeper than this is no chart.
const MAX_DEPTH: usize = 16;
/// Bindings taken from one file.
const MOST: usize = 1_000;

/// Whether a document may be a values file: a mapping that is no object of Kubernetes.
pub(super) fn is_values(value: &Value) -> bool {
    value.is_mapping() && value.get("kind").is_none() && value.get("apiVersion").is_none()
}

/// The values inside a Flux `HelmRelease` or an Argo CD `Application`, with the namespace they are for.
pub(super) fn embedded(value: &Value) -> Option<(&Value, Option<&str>)> {
    let text =
        |path: &[&str]| path.iter().try_fold(value, |value, key| value.get(*key)).and_then(Value::as_str);
    match value.get("kind").and_then(Value::as_str)? {
        "HelmRelease" => {
            let values = value.get("spec")?.get("values")?;
            let namespace = text(&["spec", "targetNamespace"]).or_else(|| text(&["metadata", "namespace"]));
            Some((values, namespace))
        }
        "Application" => {
            let values = value.get("spec")?.get("source")?.get("helm")?.get("valuesObject")?;
            Some((values, text(&["spec", "destination", "namespace"])))
        }
        _ => None,
    }
}

/// Every mapping with a role annotation below a key that speaks of a ServiceAccount.
pub(super) fn service_accounts(
    values: &Value,
    namespace: Option<&str>,
    cluster: Option<&str>,
    origin: &Origin,
) -> Vec<HelmServiceAccount> {
    let mut found = Vec::new();
    let mut open: Vec<(&Value, String, usize)> = vec![(values, String::new(), 0)];
    while let Some((value, path, depth)) = open.pop() {
        let Some(members) = value.as_mapping() else { continue };
        let annotation = |key: &str| {
            let text = value.get("annotations")?.get(key)?.as_str()?.trim();
            (!text.is_empty() && !is_placeholder(text)).then(|| text.to_owned())
        };
        if let Some(role_arn) = annotation(ROLE_ARN) {
            let name = value.get("name").and_then(Value::as_str);
            found.push(HelmServiceAccount {
                cluster: cluster.map(str::to_owned),
                namespace: namespace.map(str::to_owned),
                name: name.filter(|name| !name.is_empty() && !is_placeholder(name)).map(str::to_owned),
                role_arn,
                audience: annotation(AUDIENCE),
                origin: Origin {
                    at: format!("{} {}", origin.at, path.trim_start_matches('.')),
                    ..origin.clone()
                },
            });
            if found.len() == MOST {
                break;
            }
        }
        if depth < MAX_DEPTH {
            for (key, below) in members {
                let Some(key) = key.as_str() else { continue };
                if below.is_mapping() {
                    open.push((below, format!("{path}.{key}"), depth + 1));
                }
            }
        }
    }
    found.sort();
    found
}
