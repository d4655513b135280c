//! CloudFormation: `AWS::IAM::RolePolicy` and `AWS::IAM::ManagedPolicy`, attached to roles by name.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::names::{Names, camel};
use super::plan::{Account, OF_TEMPLATES, comments, unresolved};
use super::yaml as yaml_form;
use crate::report::json::pretty;

/// The template as YAML, with the remarks as comments.
pub(super) fn yaml(account: &Account<'_>) -> String {
    let remarks = account
        .of_stack(OF_TEMPLATES)
        .flat_map(|change| std::iter::once(format!("Role {}", change.role.arn)).chain(change.remarks()));
    let head = comments("#", account.head_of_stack(OF_TEMPLATES).into_iter().chain(remarks));
    format!("---\n{head}{}", yaml_form::block(&template(account), 0))
}

/// The template as JSON, with the remarks in its metadata.
pub(super) fn json(account: &Account<'_>) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail, and the writer gives UTF-8.
    let _ = pretty(&template(account), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Several templates, by account.
pub(super) fn json_by_account(accounts: &[Account<'_>], out: &mut dyn Write) -> io::Result<()> {
    let all: Map<String, Value> =
        accounts.iter().map(|account| (account.id.to_owned(), template(account))).collect();
    pretty(&Value::Object(all), out)
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-rolepolicy.html>
fn template(account: &Account<'_>) -> Value {
    let mut names = Names::default();
    let mut resources = Map::new();
    let mut notes = Map::new();
    for change in account.of_stack(OF_TEMPLATES) {
        for policy in &change.inline {
            let name = names.claim(camel(&[&change.role.name, &policy.name]), "");
            let properties = json!({
                "RoleName": change.role.name,
                "PolicyName": policy.name,
                "PolicyDocument": policy.document,
            });
            resources.insert(name, json!({"Type": "AWS::IAM::RolePolicy", "Properties": properties}));
        }
        for policy in &change.managed {
            let name = names.claim(camel(&[&policy.name]), "");
            let properties = json!({
                "ManagedPolicyName": policy.name,
                "Roles": [change.role.name],
                "PolicyDocument": policy.document,
            });
            resources.insert(name, json!({"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}));
        }
        let remarks: Vec<String> = change.remarks().iter().map(|remark| unresolved(remark)).collect();
        let mut note = Map::from_iter([("Remarks".to_owned(), json!(remarks))]);
        if let Some(trust) = change.trust {
            // A template cannot change the trust policy of a role that another stack owns.
            note.insert("AssumeRolePolicyDocument".to_owned(), trust.clone());
        }
        notes.insert(change.role.name.clone(), Value::Object(note));
    }
    for (name, why) in account.not_of_stack(OF_TEMPLATES) {
        notes.insert(name.to_owned(), json!({"Remarks": [why]}));
    }
    let mut template = Map::new();
    template.insert("AWSTemplateFormatVersion".to_owned(), json!("2010-09-09"));
    let description = format!("Right-sized policies of account {}, proposed by leastwise.", account.id);
    template.insert("Description".to_owned(), json!(description));
    if !notes.is_empty() {
        template.insert("Metadata".to_owned(), json!({"LeastwiseRoles": notes}));
    }
    template.insert("Resources".to_owned(), Value::Object(resources));
    Value::Object(template)
}
