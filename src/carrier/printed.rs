//! What the AWS CLI prints around a document.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The members a document stands in, by command.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    /// `iam get-role-policy`, `get-user-policy`, `get-group-policy`.
    policy_document: Option<Box<RawValue>>,
    /// `s3api get-bucket-policy`, `kms get-key-policy`, `lambda get-policy`, `efs describe-file-system-policy`; `organizations
    /// describe-policy` has its text one step below.
    policy: Option<Box<RawValue>>,
    /// `secretsmanager get-resource-policy`.
    resource_policy: Option<Box<RawValue>>,
    /// `glue get-resource-policy`.
    policy_in_json: Option<Box<RawValue>>,
    /// `sso-admin get-inline-policy-for-permission-set`.
    inline_policy: Option<Box<RawValue>>,
    /// `ecr get-repository-policy`, `get-registry-policy`.
    #[serde(rename = "policyText")]
    policy_text: Option<Box<RawValue>>,
    /// `iam get-policy-version`.
    policy_version: Option<PolicyVersion>,
    /// `iam get-role`.
    role: Option<Role>,
    /// `sns get-topic-attributes`, `sqs get-queue-attributes`.
    attributes: Option<Attributes>,
    /// `accessanalyzer get-generated-policy`.
    #[serde(rename = "generatedPolicyResult")]
    generated: Option<Generated>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyVersion {
    document: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Role {
    assume_role_policy_document: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    policy: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OrganizationPolicy {
    content: Box<RawValue>,
}

#[derive(Deserialize)]
struct Generated {
    #[serde(rename = "generatedPolicies")]
    policies: Vec<GeneratedPolicy>,
}

#[derive(Deserialize)]
struct GeneratedPolicy {
    policy: Box<RawValue>,
}

/// The document inside what the AWS CLI prints, as it was written; `None` when the text is none of that.
pub(super) fn document(text: &str) -> Option<String> {
    let printed: Printed = serde_json::from_str(text).ok()?;
    let of_organization = |raw: &RawValue| {
        serde_json::from_str::<OrganizationPolicy>(raw.get()).ok().map(|policy| policy.content)
    };
    let generated =
        printed.generated.and_then(|result| match <[GeneratedPolicy; 1]>::try_from(result.policies) {
            Ok([only]) => Some(only.policy),
            Err(_) => None,
        });
    let document = printed
        .policy_document
        .or(printed.policy_version.map(|version| version.document))
        .or(printed.role.map(|role| role.assume_role_policy_document))
        .or(printed.attributes.map(|attributes| attributes.policy))
        .or(printed.resource_policy)
        .or(printed.policy_text)
        .or(printed.policy_in_json)
        .or(printed.inline_policy)
        .or(generated)
        .or(printed.policy.map(|raw| of_organization(&raw).unwrap_or(raw)))?;
    // A string holds the document, as JSON or percent-encoded.
    serde_json::from_str::<String>(document.get()).ok().or_else(|| Some(document.get().to_owned()))
}
