//! ServiceAccounts and their roles, side by side.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ident::Time;

/// A Kubernetes ServiceAccount: what it is bound to, whether the role trusts it, and what the logs show.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Binding {
    /// The issuer, the cluster's ARN or its folder's name; `null` when nothing tells.
    pub cluster: Option<String>,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub service_account: String,
    /// The role of `eks.amazonaws.com/role-arn`.
    pub annotated_role: Option<String>,
    /// Roles of its Pod Identity associations.
    pub associated_roles: Vec<String>,
    /// What the bound role's trust policy says to it: `admits | refuses | role-missing | unknown`; `null` when it is not bound.
    pub trust: Option<String>,
    /// What was observed, by role; roles reached through another role are not here.
    pub observed: Vec<ObservedBinding>,
    /// Pods and controllers of the manifests that run as it.
    pub pods: u64,
    /// Of the pods that run on a node, those without credentials of their own; `null` when no running pod is in the manifests.
    pub pods_without_credentials: Option<u64>,
    /// `ok | not-bound | refused | never-assumed | drift | unbound | not-judged`: bound, trusted and used; the role is missing or does not trust it;
    /// only refusals were seen; never seen; something else was seen than is bound; nothing binds it; the logs could not have shown it.
    pub state: String,
    /// The manifest that has it.
    pub file: Option<String>,
}

/// What the logs show of a ServiceAccount and one role.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ObservedBinding {
    /// The role's ARN.
    pub role: String,
    /// Sessions opened by IRSA.
    pub irsa: u64,
    /// Sessions opened by EKS Pod Identity.
    pub pod_identity: u64,
    /// Attempts that were refused.
    pub denied: u64,
    /// The latest.
    #[schemars(with = "Option<String>")]
    pub last_seen: Option<Time>,
    /// Its `eventID`.
    pub event: String,
}
