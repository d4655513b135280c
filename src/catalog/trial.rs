//! Writes of policies that try a removal: what they say is kept, because a trial's time counts from the write that began it.

use crate::record::Event;

/// How policies of trials are called: this alone, or with a hyphen and more behind it.
pub const TRIAL_NAME: &str = "leastwise-trial";

/// How the keys begin under which [`Need::context`](super::Need::context) tells such a write: the role's name (empty where the call names
/// none), a slash, and the policy's name or ARN. The value is the document, empty where the call holds none. No condition key of AWS begins
/// so.
pub const TRIAL_KEY: &str = "leastwise:";

/// Bytes of a document; IAM's largest has a third of it without its blanks.
const LONGEST: usize = 32 << 10;

/// Whether a policy of this name tries a removal.
pub fn is_trial_name(name: &str) -> bool {
    name.strip_prefix(TRIAL_NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The key and the value of a call that puts a trial's policy on a role, takes it off, or changes it.
pub(super) fn told(event: &Event<'_>) -> Option<(String, String)> {
    if event.source != "iam.amazonaws.com" {
        return None;
    }
    let text = |name: &str| event.request.get(name).text();
    let policy = match event.name {
        "PutRolePolicy" | "DeleteRolePolicy" => text("policyName"),
        "AttachRolePolicy" | "DetachRolePolicy" | "CreatePolicyVersion" | "SetDefaultPolicyVersion" => {
            text("policyArn")
        }
        "PutRolePermissionsBoundary" => text("permissionsBoundary"),
        "CreatePolicy" => event.response.get("policy").get("arn").text(),
        _ => None,
    };
    let policy = policy.filter(|policy| policy.rsplit('/').next().is_some_and(is_trial_name))?;
    let document = text("policyDocument").filter(|document| document.len() <= LONGEST).unwrap_or_default();
    let key = format!("{TRIAL_KEY}{}/{policy}", text("roleName").unwrap_or_default());
    Some((key, document.to_owned()))
}
