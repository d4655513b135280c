//! AWS Controllers for Kubernetes: the controller of IAM holds a role's inline policies in the role itself.

use serde_json::{Map, Value, json};

use super::names::{Names, kebab};
use super::plan::{Account, Change, comments};
use super::yaml;
use crate::report::json::compact;

const API: &str = "iam.services.k8s.aws/v1alpha1";

/// <https://aws-controllers-k8s.github.io/community/reference/iam/v1alpha1/role/>
pub(super) fn write(account: &Account<'_>) -> String {
    let mut names = Names::default();
    let mut out = comments("#", account.head());
    for change in &account.roles {
        let remarks = std::iter::once(format!("Role {}", change.role.arn)).chain(change.remarks());
        let mut head = comments("#", remarks);
        let resources = resources(change, &mut names);
        if resources.is_empty() {
            let missing = "The controller needs the role's trust policy, which the snapshot does not hold: nothing is written.";
            out.push_str(&format!("---\n{head}{}", comments("#", [missing.to_owned()])));
        }
        for resource in resources {
            out.push_str(&format!("---\n{}{}", std::mem::take(&mut head), yaml::block(&resource, 0)));
        }
    }
    out
}

fn resources(change: &Change<'_>, names: &mut Names) -> Vec<Value> {
    let Some(trust) = change.trust.or(change.proposal().current_trust.as_ref()) else { return Vec::new() };
    let role = &change.role.name;
    let mut resources = Vec::new();
    // Policies that stay attached, and new ones by reference; the controller detaches every other one.
    let mut references = Vec::new();
    for policy in &change.managed {
        let name = names.claim(kebab(&[&policy.name]), "-");
        resources.push(json!({
            "apiVersion": API,
            "kind": "Policy",
            "metadata": {"name": name},
            "spec": {"name": policy.name, "policyDocument": compact(&policy.document)},
        }));
        references.push(json!({"from": {"name": name}}));
    }
    let inline: Map<String, Value> = change
        .inline
        .iter()
        .map(|policy| (policy.name.clone(), Value::from(compact(&policy.document))))
        .collect();
    let mut spec = Map::new();
    spec.insert("name".to_owned(), json!(role));
    spec.insert("path".to_owned(), json!(change.path()));
    spec.insert("assumeRolePolicyDocument".to_owned(), json!(compact(trust)));
    if !inline.is_empty() {
        spec.insert("inlinePolicies".to_owned(), Value::Object(inline));
    }
    if !references.is_empty() {
        spec.insert("policyRefs".to_owned(), Value::Array(references));
    }
    let annotations = json!({
        "services.k8s.aws/adoption-policy": "adopt-or-create",
        "services.k8s.aws/adoption-fields": compact(&json!({"name": role})),
        "services.k8s.aws/deletion-policy": "retain",
    });
    resources.push(json!({
        "apiVersion": API,
        "kind": "Role",
        "metadata": {"name": names.claim(kebab(&[role]), "-"), "annotations": annotations},
        "spec": spec,
    }));
    resources
}
