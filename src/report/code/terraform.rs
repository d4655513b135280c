//! Terraform: `aws_iam_role_policy`, `aws_iam_policy` and their attachments.

use serde_json::Value;

use super::hcl;
use super::names::{Names, snake};
use super::plan::{Account, Change, comments};
use crate::report::ProposedPolicy;

/// Documents as `aws_iam_policy_document` data sources.
pub(super) fn documents(account: &Account<'_>) -> String {
    write(account, &|name, document, out| {
        out.push_str(&data_source(name, document));
        format!("data.aws_iam_policy_document.{name}.json")
    })
}

/// Documents as `jsonencode` expressions.
pub(super) fn inline(account: &Account<'_>) -> String {
    write(account, &|_, document, _| format!("jsonencode({})", hcl::value(document, 2)))
}

/// Says what stands for a document under a name, and writes it into the text before if it needs a block of its own.
type Document<'f> = &'f dyn Fn(&str, &Value, &mut String) -> String;

fn write(account: &Account<'_>, document: Document<'_>) -> String {
    let mut names = Names::default();
    let mut out = comments("#", account.head());
    for change in &account.roles {
        out.push('\n');
        out.push_str(&comments("#", [format!("Role {}", change.role.arn)]));
        out.push_str(&comments("#", change.remarks()));
        for policy in &change.inline {
            let name = names.claim(snake(&[&change.role.name, &policy.name]), "_");
            role_policy(change, policy, &name, document, &mut out);
        }
        for policy in &change.managed {
            let name = names.claim(snake(&[&policy.name]), "_");
            managed_policy(change, policy, &name, document, &mut out);
        }
        if let Some(trust) = change.trust {
            let name = names.claim(snake(&[&change.role.name, "trust"]), "_");
            out.push_str("\n# The narrower trust policy: set it as the role's `assume_role_policy` where the role is declared.\n");
            let expression = document(&name, trust, &mut out);
            out.push_str(&format!("output {} {{\n  value = {expression}\n}}\n", hcl::string(&name)));
        }
    }
    out
}

fn role_policy(
    change: &Change<'_>,
    policy: &ProposedPolicy,
    name: &str,
    document: Document<'_>,
    out: &mut String,
) {
    out.push('\n');
    let expression = document(name, &policy.document, out);
    if change.current_inline(&policy.name).is_some() {
        let id = hcl::string(&format!("{}:{}", change.role.name, policy.name));
        out.push_str(&format!("import {{\n  to = aws_iam_role_policy.{name}\n  id = {id}\n}}\n\n"));
    }
    out.push_str(&format!(
        "resource \"aws_iam_role_policy\" \"{name}\" {{\n  name   = {}\n  role   = {}\n  policy = {expression}\n}}\n",
        hcl::string(&policy.name),
        hcl::string(&change.role.name),
    ));
}

fn managed_policy(
    change: &Change<'_>,
    policy: &ProposedPolicy,
    name: &str,
    document: Document<'_>,
    out: &mut String,
) {
    out.push('\n');
    let expression = document(name, &policy.document, out);
    out.push_str(&format!(
        "resource \"aws_iam_policy\" \"{name}\" {{\n  name   = {}\n  policy = {expression}\n}}\n\n\
         resource \"aws_iam_role_policy_attachment\" \"{name}\" {{\n  role       = {}\n  policy_arn = aws_iam_policy.{name}.arn\n}}\n",
        hcl::string(&policy.name),
        hcl::string(&change.role.name),
    ));
}

/// An inline policy whose document is an expression of JSON.
pub(super) fn inline_block(name: &str, policy: &str, role: &str, document: &str) -> String {
    format!(
        "resource \"aws_iam_role_policy\" \"{name}\" {{\n  name   = {}\n  role   = {}\n  policy = jsonencode({document})\n}}\n",
        hcl::string(policy),
        hcl::string(role),
    )
}

/// A managed policy, attached.
pub(super) fn managed_block(name: &str, policy: &str, role: &str, document: &str) -> String {
    format!(
        "resource \"aws_iam_policy\" \"{name}\" {{\n  name   = {}\n  policy = jsonencode({document})\n}}\n\n\
         resource \"aws_iam_role_policy_attachment\" \"{name}\" {{\n  role       = {}\n  policy_arn = aws_iam_policy.{name}.arn\n}}\n",
        hcl::string(policy),
        hcl::string(role),
    )
}

/// As the data source `aws_iam_policy_document` of Terraform's AWS provider documents it.
fn data_source(name: &str, document: &Value) -> String {
    let mut out = format!("data \"aws_iam_policy_document\" \"{name}\" {{\n");
    for (key, argument) in [("Version", "version"), ("Id", "policy_id")] {
        if let Some(text) = document.get(key).and_then(Value::as_str) {
            out.push_str(&format!("  {argument} = {}\n", hcl::string(text)));
        }
    }
    out.push_str(&statements(document));
    out.push_str("}\n\n");
    out
}

/// The document's statements as blocks of a data source.
pub(super) fn statements(document: &Value) -> String {
    one_or_many(document.get("Statement")).map(statement).collect()
}

fn statement(statement: &Value) -> String {
    let mut out = String::from("\n  statement {\n");
    for (key, argument) in [("Sid", "sid"), ("Effect", "effect")] {
        if let Some(text) = statement.get(key).and_then(Value::as_str) {
            out.push_str(&format!("    {argument} = {}\n", hcl::string(text)));
        }
    }
    for (key, argument) in [
        ("Action", "actions"),
        ("NotAction", "not_actions"),
        ("Resource", "resources"),
        ("NotResource", "not_resources"),
    ] {
        if let Some(value) = statement.get(key) {
            out.push_str(&format!("    {argument} = {}\n", hcl::strings(&texts(value), 4)));
        }
    }
    for (key, block) in [("Principal", "principals"), ("NotPrincipal", "not_principals")] {
        match statement.get(key) {
            Some(Value::Object(kinds)) => {
                for (kind, identifiers) in kinds {
                    out.push_str(&principals(block, kind, &texts(identifiers)));
                }
            }
            Some(everyone) => out.push_str(&principals(block, "*", &texts(everyone))),
            None => {}
        }
    }
    if let Some(Value::Object(operators)) = statement.get("Condition") {
        for (operator, keys) in operators {
            for (key, values) in keys.as_object().into_iter().flatten() {
                let values: Vec<String> = one_or_many(Some(values)).map(scalar).collect();
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                out.push_str(&format!(
                    "\n    condition {{\n      test     = {}\n      variable = {}\n      values   = {}\n    }}\n",
                    hcl::string(operator),
                    hcl::string(key),
                    hcl::strings(&values, 6),
                ));
            }
        }
    }
    out.push_str("  }\n");
    out
}

fn principals(block: &str, kind: &str, identifiers: &[&str]) -> String {
    format!(
        "\n    {block} {{\n      type        = {}\n      identifiers = {}\n    }}\n",
        hcl::string(kind),
        hcl::strings(identifiers, 6)
    )
}

/// A list, or the one thing that stands for a list of one.
fn one_or_many(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (many, one) = match value {
        Some(Value::Array(items)) => (items.as_slice(), None),
        other => (&[][..], other),
    };
    many.iter().chain(one)
}

fn texts(value: &Value) -> Vec<&str> {
    one_or_many(Some(value)).filter_map(Value::as_str).collect()
}

/// Numbers and truth values of conditions are strings to IAM.
fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
