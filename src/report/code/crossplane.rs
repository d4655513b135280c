//! Crossplane: managed resources of the AWS IAM provider, for roles that exist.

use serde_json::{Value, json};

use super::names::{Names, kebab};
use super::plan::{Account, Change, comments};
use super::yaml;
use crate::report::json::compact;

const API: &str = "iam.aws.upbound.io/v1beta1";
/// Where the provider keeps the name of the thing in AWS.
const EXTERNAL_NAME: &str = "crossplane.io/external-name";

/// <https://marketplace.upbound.io/providers/upbound/provider-aws-iam>
pub(super) fn write(account: &Account<'_>) -> String {
    let mut names = Names::default();
    let mut out = comments("#", account.head());
    for change in &account.roles {
        let remarks = std::iter::once(format!("Role {}", change.role.arn)).chain(change.remarks());
        let mut head = comments("#", remarks);
        for resource in resources(account, change, &mut names) {
            out.push_str(&format!("---\n{}{}", std::mem::take(&mut head), yaml::block(&resource, 0)));
        }
    }
    out
}

fn resources(account: &Account<'_>, change: &Change<'_>, names: &mut Names) -> Vec<Value> {
    let role = &change.role.name;
    let mut resources = Vec::new();
    for policy in &change.inline {
        // The provider's own id is `ROLE:POLICY`; it takes the role from the parameters.
        let metadata = json!({
            "name": names.claim(kebab(&[role, &policy.name]), "-"),
            "annotations": {EXTERNAL_NAME: policy.name},
        });
        let parameters = json!({"role": role, "policy": compact(&policy.document)});
        resources.push(resource("RolePolicy", metadata, parameters));
    }
    for policy in &change.managed {
        let name = names.claim(kebab(&[&policy.name]), "-");
        let metadata = json!({"name": name, "annotations": {EXTERNAL_NAME: policy.name}});
        resources.push(resource("Policy", metadata, json!({"policy": compact(&policy.document)})));
        let arn = format!("arn:{}:iam::{}:policy/{}", account.partition, account.id, policy.name);
        let parameters = json!({"role": role, "policyArn": arn});
        resources.push(resource("RolePolicyAttachment", json!({"name": name}), parameters));
    }
    if let Some(trust) = change.trust {
        let metadata =
            json!({"name": names.claim(kebab(&[role]), "-"), "annotations": {EXTERNAL_NAME: role}});
        let parameters = json!({"path": change.path(), "assumeRolePolicy": compact(trust)});
        let mut narrowed = resource("Role", metadata, parameters);
        if let Some(spec) = narrowed.get_mut("spec").and_then(Value::as_object_mut) {
            // The role stays when the resource goes.
            spec.insert("managementPolicies".to_owned(), json!(["Observe", "Update", "LateInitialize"]));
        }
        resources.push(narrowed);
    }
    resources
}

fn resource(kind: &str, metadata: Value, parameters: Value) -> Value {
    json!({"apiVersion": API, "kind": kind, "metadata": metadata, "spec": {"forProvider": parameters}})
}
