//! Pulumi programs: TypeScript and YAML.

use serde_json::{Map, Value, json};

use super::names::{Names, kebab, snake};
use super::plan::{Account, Change, comments};
use super::typescript::{string, value};
use super::yaml as yaml_form;
use crate::report::ProposedPolicy;

/// How an inline policy that exists is taken over instead of made: `ROLE:POLICY`.
///
/// <https://www.pulumi.com/registry/packages/aws/api-docs/iam/rolepolicy/#import>
fn import(change: &Change<'_>, policy: &ProposedPolicy) -> Option<String> {
    change.current_inline(&policy.name).map(|_| format!("{}:{}", change.role.name, policy.name))
}

pub(super) fn typescript(account: &Account<'_>) -> String {
    let (mut names, mut exports) = (Names::default(), Names::default());
    let mut out = comments("//", account.head());
    out.push_str("import * as aws from \"@pulumi/aws\";\n");
    for change in &account.roles {
        out.push('\n');
        let remarks = std::iter::once(format!("Role {}", change.role.arn)).chain(change.remarks());
        out.push_str(&comments("//", remarks));
        for policy in &change.inline {
            let name = names.claim(kebab(&[&change.role.name, &policy.name]), "-");
            let options = import(change, policy)
                .map(|id| format!(", {{ import: {} }}", string(&id)))
                .unwrap_or_default();
            out.push_str(&format!(
                "new aws.iam.RolePolicy({}, {{\n  role: {},\n  name: {},\n  policy: JSON.stringify({}),\n}}{options});\n",
                string(&name),
                string(&change.role.name),
                string(&policy.name),
                value(&policy.document, 2),
            ));
        }
        for policy in &change.managed {
            let name = string(&names.claim(kebab(&[&policy.name]), "-"));
            out.push_str(&format!(
                "new aws.iam.RolePolicyAttachment({name}, {{\n  role: {},\n  policyArn: new aws.iam.Policy({name}, {{\n    name: {},\n    policy: JSON.stringify({}),\n  }}).arn,\n}});\n",
                string(&change.role.name),
                string(&policy.name),
                value(&policy.document, 4),
            ));
        }
        if let Some(trust) = change.trust {
            out.push_str("// The narrower trust policy: set it as the role's `assumeRolePolicy` where the role is declared.\n");
            let name = exports.claim(snake(&[&change.role.name, "trust"]), "_");
            out.push_str(&format!("export const {name} = JSON.stringify({});\n", value(trust, 0)));
        }
    }
    out
}

/// <https://www.pulumi.com/docs/iac/languages-sdks/yaml/yaml-language-reference/>
pub(super) fn yaml(account: &Account<'_>) -> String {
    let mut names = Names::default();
    let mut resources = Map::new();
    let mut outputs = Map::new();
    let json_of = |document: &Value| json!({"fn::toJSON": literal(document)});
    for change in &account.roles {
        for policy in &change.inline {
            let name = names.claim(kebab(&[&change.role.name, &policy.name]), "-");
            let mut resource = json!({
                "type": "aws:iam:RolePolicy",
                "properties": {
                    "role": text(&change.role.name),
                    "name": text(&policy.name),
                    "policy": json_of(&policy.document),
                },
            });
            if let (Some(id), Some(members)) = (import(change, policy), resource.as_object_mut()) {
                members.insert("options".to_owned(), json!({"import": text(&id)}));
            }
            resources.insert(name, resource);
        }
        for policy in &change.managed {
            let name = names.claim(kebab(&[&policy.name]), "-");
            let attachment = names.claim(kebab(&[&policy.name, "attachment"]), "-");
            let properties =
                json!({"role": text(&change.role.name), "policyArn": format!("${{{name}.arn}}")});
            resources.insert(
                name,
                json!({
                    "type": "aws:iam:Policy",
                    "properties": {"name": text(&policy.name), "policy": json_of(&policy.document)},
                }),
            );
            resources.insert(
                attachment,
                json!({"type": "aws:iam:RolePolicyAttachment", "properties": properties}),
            );
        }
        if let Some(trust) = change.trust {
            let name = names.claim(kebab(&[&change.role.name, "trust"]), "-");
            outputs.insert(name, json_of(trust));
        }
    }
    let mut program = Map::new();
    program.insert("name".to_owned(), json!(format!("rightsized-{}", account.id)));
    program.insert("runtime".to_owned(), json!("yaml"));
    program.insert("resources".to_owned(), Value::Object(resources));
    if !outputs.is_empty() {
        program.insert("outputs".to_owned(), Value::Object(outputs));
    }
    let remarks = account
        .roles
        .iter()
        .flat_map(|change| std::iter::once(format!("Role {}", change.role.arn)).chain(change.remarks()));
    let head = comments("#", account.head().into_iter().chain(remarks));
    format!("---\n{head}{}", yaml_form::block(&Value::Object(program), 0))
}

/// A text in which Pulumi finds nothing to interpolate: it reads `$$` as `$` wherever it stands, before a brace or not.
fn text(text: &str) -> Value {
    Value::from(doubled(text))
}

fn doubled(text: &str) -> String {
    text.replace('$', "$$")
}

fn literal(value: &Value) -> Value {
    match value {
        Value::String(string) => text(string),
        Value::Array(items) => items.iter().map(literal).collect(),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| (doubled(key), literal(value));
            Value::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}
