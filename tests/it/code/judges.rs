//! Each form read back: Terraform by python-hcl2, CloudFormation by cfn-lint, CDK and Pulumi's TypeScript by their compiler and by running
//! them, scripts by bash with AWS's command line against a server. No tool of Pulumi's YAML, Crossplane or ACK runs here without their engine or
//! a cluster: those are read as YAML and held against the members their own definitions name (`tests/data/code/members.tsv`).

use std::path::Path;
use std::process::Command;

use leastwise::report::Language;
use serde_json::Value;

use super::{Said, says_the_same};
use crate::support::{node_modules, python_tool, root};

/// What a program prints, as JSON.
fn run(command: &mut Command) -> Value {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn yaml(path: &Path) -> Vec<Value> {
    let file = std::fs::read_to_string(path).unwrap();
    serde_norway::Deserializer::from_str(&file)
        .map(|document| serde::Deserialize::deserialize(document).unwrap())
        .filter(|document: &Value| !document.is_null())
        .collect()
}

#[test]
fn terraform_by_python_hcl2() {
    for language in [Language::Terraform, Language::TerraformInline] {
        says_the_same(language, |path| {
            let found = run(Command::new(python_tool("python"))
                .arg(root().join("tests/tools/terraform.py"))
                .arg(path));
            let policies = found["policies"].as_object().unwrap();
            policies
                .iter()
                .map(|(name, policy)| {
                    let role =
                        policy["role"].as_str().map_or_else(|| role_of_trust(path, name), str::to_owned);
                    (role, text(&policy["name"]), policy["document"].clone())
                })
                .collect()
        });
    }
}

/// An output is named after the role whose trust policy it is; the comment above the role's resources has its name.
fn role_of_trust(path: &Path, output: &str) -> String {
    let file = std::fs::read_to_string(path).unwrap();
    let roles = file
        .lines()
        .filter_map(|line| line.strip_prefix("# Role arn:"))
        .map(|arn| arn.rsplit('/').next().unwrap());
    let snake = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_lowercase();
    let mut owners = roles.filter(|role| {
        let name = snake(role);
        output == format!("{name}_trust") || output == format!("r_{name}_trust")
    });
    owners.next().unwrap_or_else(|| panic!("no role for {output}")).to_owned()
}

/// Policies of a template, and the trust policies in its metadata.
fn of_template(template: &Value) -> Vec<Said> {
    let mut said = Vec::new();
    for resource in template["Resources"].as_object().into_iter().flat_map(|resources| resources.values()) {
        let properties = &resource["Properties"];
        let (role, name) = match resource["Type"].as_str().unwrap() {
            "AWS::IAM::RolePolicy" => (&properties["RoleName"], &properties["PolicyName"]),
            "AWS::IAM::ManagedPolicy" => (&properties["Roles"][0], &properties["ManagedPolicyName"]),
            "AWS::CDK::Metadata" => continue,
            other => panic!("{other}"),
        };
        said.push((text(role), text(name), properties["PolicyDocument"].clone()));
    }
    for (role, note) in template["Metadata"]["LeastwiseRoles"].as_object().into_iter().flatten() {
        if let Some(trust) = note.get("AssumeRolePolicyDocument") {
            said.push((role.clone(), "trust".to_owned(), trust.clone()));
        }
    }
    said
}

#[test]
fn cloudformation_by_cfn_lint() {
    for language in [Language::CloudFormation, Language::CloudFormationJson] {
        says_the_same(language, |path| {
            let file = std::fs::read_to_string(path).unwrap();
            // Hard-wired partitions, and principals that do not exist, are no faults of the form.
            let lint = Command::new(python_tool("cfn-lint"))
                .args(["--non-zero-exit-code", "error", "--template"])
                .arg(path)
                .output()
                .unwrap();
            assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
            let template = match language {
                Language::CloudFormationJson => serde_json::from_str(&file).unwrap(),
                _ => yaml(path).remove(0),
            };
            of_template(&template)
        });
    }
}

#[test]
fn cdk_by_the_compiler_and_the_cdk() {
    says_the_same(Language::Cdk, |path| {
        let found = run(Command::new("node")
            .env("NODE_PATH", node_modules())
            .arg(root().join("tests/tools/typescript.cjs"))
            .arg("cdk")
            .arg(path));
        let mut said: Vec<Said> =
            found["templates"].as_array().unwrap().iter().flat_map(of_template).collect();
        for (role, trust) in found["trust"].as_object().unwrap() {
            said.push((role.clone(), "trust".to_owned(), trust.clone()));
        }
        said
    });
}

#[test]
fn pulumi_by_running_it() {
    says_the_same(Language::Pulumi, |path| {
        let found = run(Command::new("node")
            .env("NODE_PATH", node_modules())
            .arg(root().join("tests/tools/typescript.cjs"))
            .arg("pulumi")
            .arg(path));
        let declared = found["declared"].as_array().unwrap();
        let mut said = Vec::new();
        for one in declared {
            let inputs = &one["inputs"];
            let role = match one["type"].as_str().unwrap() {
                "RolePolicy" => text(&inputs["role"]),
                "Policy" => {
                    let arn = format!("arn-of:{}", text(&one["name"]));
                    let mut attachments = declared.iter().filter(|other| other["inputs"]["policyArn"] == arn);
                    text(&attachments.next().unwrap()["inputs"]["role"])
                }
                _ => continue,
            };
            let document = serde_json::from_str(inputs["policy"].as_str().unwrap()).unwrap();
            said.push((role, text(&inputs["name"]), document));
        }
        let file = std::fs::read_to_string(path).unwrap();
        for (name, trust) in found["exported"].as_object().unwrap() {
            // The export follows the role's comment.
            let before = file.split(&format!("export const {name} ")).next().unwrap();
            let arn = before.lines().rev().find_map(|line| line.strip_prefix("// Role ")).unwrap();
            let role = arn.rsplit('/').next().unwrap().to_owned();
            said.push((role, "trust".to_owned(), serde_json::from_str(trust.as_str().unwrap()).unwrap()));
        }
        said
    });
}

#[test]
fn pulumi_yaml() {
    /// What Pulumi makes of a text that holds no interpolation, reading from its beginning: `$$` is a `$`, `${` begins an expression.
    fn plain(text: &str) -> String {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            assert!(!after.starts_with('{'), "interpolates: {text}");
            out.push('$');
            rest = after.strip_prefix('$').unwrap_or(after);
        }
        out + rest
    }
    fn literal(value: &Value) -> Value {
        match value {
            Value::String(text) => Value::from(plain(text)),
            Value::Array(items) => items.iter().map(literal).collect(),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(key, value)| (plain(key), literal(value))).collect())
            }
            other => other.clone(),
        }
    }
    says_the_same(Language::PulumiYaml, |path| {
        let program = yaml(path).remove(0);
        assert_eq!(program["runtime"], "yaml");
        let resources = program["resources"].as_object().unwrap();
        let mut said = Vec::new();
        for (name, resource) in resources {
            let properties = &resource["properties"];
            assert_eq!(faults(&text(&resource["type"]), properties), [""; 0], "{name}");
            let role = match resource["type"].as_str().unwrap() {
                "aws:iam:RolePolicy" => &properties["role"],
                "aws:iam:Policy" => {
                    let arn = format!("${{{name}.arn}}");
                    &resources.values().find(|other| other["properties"]["policyArn"] == arn).unwrap()["properties"]
                        ["role"]
                }
                "aws:iam:RolePolicyAttachment" => continue,
                other => panic!("{other}"),
            };
            said.push((text(role), text(&properties["name"]), literal(&properties["policy"]["fn::toJSON"])));
        }
        for (name, output) in program["outputs"].as_object().into_iter().flatten() {
            let file = std::fs::read_to_string(path).unwrap();
            let mut roles = file
                .lines()
                .filter_map(|line| line.strip_prefix("# Role arn:"))
                .map(|arn| arn.rsplit('/').next().unwrap());
            let kebab = |role: &str| role.replace(|c: char| !c.is_ascii_alphanumeric(), "-").to_lowercase();
            let role = roles.find(|role| format!("{}-trust", kebab(role)) == *name).unwrap().to_owned();
            said.push((role, "trust".to_owned(), literal(&output["fn::toJSON"])));
        }
        said
    });
}

/// The members a kind of resource has: path to type, and whether it is required.
fn members(kind: &str) -> std::collections::BTreeMap<String, (String, bool)> {
    let text = std::fs::read_to_string(root().join("tests/data/code/members.tsv")).unwrap();
    let rows =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect::<Vec<_>>());
    let own = rows.filter(|row| row[0] == kind);
    let all: std::collections::BTreeMap<_, _> =
        own.map(|row| (row[1].to_owned(), (row[2].to_owned(), row.get(3) == Some(&"!")))).collect();
    assert!(!all.is_empty(), "{kind} is no kind of resource");
    all
}

/// What is wrong with a resource by the definition of its kind: members it does not know, of another type, or lacking.
fn faults(kind: &str, value: &Value) -> Vec<String> {
    fn walk(
        value: &Value,
        at: &str,
        members: &std::collections::BTreeMap<String, (String, bool)>,
        faults: &mut Vec<String>,
    ) {
        let Value::Object(own) = value else { return };
        let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        for (name, value) in own {
            let path = path(name);
            let Some((kind, _)) = members.get(&path) else {
                faults.push(format!("{path} is unknown"));
                continue;
            };
            let fits = match kind.as_str() {
                "string" => value.is_string(),
                "number" => value.is_number(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                "map" => value.as_object().is_some_and(|all| all.values().all(Value::is_string)),
                // A text, or what Pulumi makes one of.
                "document" => value.is_string() || value["fn::toJSON"].is_object(),
                other => panic!("{other}"),
            };
            if !fits {
                faults.push(format!("{path} is no {kind}"));
            }
            match value {
                Value::Array(items) => items.iter().for_each(|item| walk(item, &path, members, faults)),
                Value::Object(_) if kind == "object" => walk(value, &path, members, faults),
                _ => {}
            }
        }
        for (member, (_, required)) in members.iter().filter(|(_, (_, required))| *required) {
            let name =
                if at.is_empty() { Some(member.as_str()) } else { member.strip_prefix(&format!("{at}.")) };
            if let Some(name) =
                name.filter(|name| *required && !name.contains('.') && !own.contains_key(*name))
            {
                faults.push(format!("{} is lacking", path(name)));
            }
        }
    }
    let mut found = Vec::new();
    walk(value, "", &members(kind), &mut found);
    found
}

/// A resource of Kubernetes by the definition of its kind.
fn check_resource(resource: &Value) {
    let kind = format!("{} {}", text(&resource["apiVersion"]), text(&resource["kind"]));
    assert_eq!(faults(&kind, &resource["spec"]), [""; 0], "{resource:#}");
    let known = ["apiVersion", "kind", "metadata", "spec"];
    assert!(resource.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{resource:#}");
}

#[test]
fn a_resource_that_its_definition_refuses_is_refused() {
    let role = "iam.services.k8s.aws/v1alpha1 Role";
    let whole = serde_json::json!({"name": "r", "assumeRolePolicyDocument": "{}", "policyRefs": [{"from": {"name": "p"}}]});
    assert_eq!(faults(role, &whole), [""; 0]);
    for (pointer, value, fault) in [
        ("/policyRefs/0/from/name", serde_json::json!(1), "policyRefs.from.name is no string"),
        ("/policyRefs/0/from", serde_json::json!({"nome": "p"}), "policyRefs.from.nome is unknown"),
        ("/name", Value::Null, "name is no string"),
    ] {
        let mut broken = whole.clone();
        *broken.pointer_mut(pointer).unwrap() = value;
        assert_eq!(faults(role, &broken), [fault]);
    }
    assert_eq!(faults(role, &serde_json::json!({"name": "r"})), ["assumeRolePolicyDocument is lacking"]);
    assert_eq!(faults("aws:iam:RolePolicy", &serde_json::json!({"role": "r"})), ["policy is lacking"]);
}

/// Names and annotations as Kubernetes takes them.
fn check_metadata(resource: &Value) {
    let name = resource["metadata"]["name"].as_str().unwrap();
    assert!(name.len() <= 253 && name.starts_with(|c: char| c.is_ascii_alphanumeric()), "{name}");
    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
    for value in resource["metadata"]["annotations"].as_object().into_iter().flat_map(|all| all.values()) {
        assert!(value.is_string(), "{value}");
    }
}

fn document(value: &Value) -> Value {
    serde_json::from_str(value.as_str().unwrap()).unwrap()
}

#[test]
fn crossplane() {
    says_the_same(Language::Crossplane, |path| {
        let resources = yaml(path);
        let mut said = Vec::new();
        for resource in &resources {
            check_metadata(resource);
            check_resource(resource);
            assert_eq!(resource["apiVersion"], "iam.aws.upbound.io/v1beta1");
            let parameters = &resource["spec"]["forProvider"];
            let external = &resource["metadata"]["annotations"]["crossplane.io/external-name"];
            match resource["kind"].as_str().unwrap() {
                "RolePolicy" => {
                    said.push((text(&parameters["role"]), text(external), document(&parameters["policy"])))
                }
                "Policy" => {
                    let end = format!("policy/{}", external.as_str().unwrap());
                    let attachment = resources
                        .iter()
                        .find(|other| {
                            other["spec"]["forProvider"]["policyArn"]
                                .as_str()
                                .is_some_and(|arn| arn.ends_with(&end))
                        })
                        .unwrap();
                    let role = text(&attachment["spec"]["forProvider"]["role"]);
                    said.push((role, text(external), document(&parameters["policy"])));
                }
                "RolePolicyAttachment" => {}
                "Role" => {
                    assert!(
                        !resource["spec"]["managementPolicies"]
                            .as_array()
                            .unwrap()
                            .contains(&"Delete".into())
                    );
                    said.push((
                        text(external),
                        "trust".to_owned(),
                        document(&parameters["assumeRolePolicy"]),
                    ));
                }
                other => panic!("{other}"),
            }
        }
        said
    });
}

#[test]
fn ack() {
    says_the_same(Language::Ack, |path| {
        let resources = yaml(path);
        let mut said = Vec::new();
        for resource in &resources {
            check_metadata(resource);
            check_resource(resource);
            assert_eq!(resource["apiVersion"], "iam.services.k8s.aws/v1alpha1");
            if resource["kind"] != "Role" {
                continue;
            }
            let spec = &resource["spec"];
            let role = text(&spec["name"]);
            assert_eq!(resource["metadata"]["annotations"]["services.k8s.aws/deletion-policy"], "retain");
            for (name, inline) in spec["inlinePolicies"].as_object().into_iter().flatten() {
                said.push((role.clone(), name.clone(), document(inline)));
            }
            for reference in spec["policyRefs"].as_array().into_iter().flatten() {
                let name = &reference["from"]["name"];
                let policy = resources
                    .iter()
                    .find(|other| other["kind"] == "Policy" && other["metadata"]["name"] == *name)
                    .unwrap();
                said.push((
                    role.clone(),
                    text(&policy["spec"]["name"]),
                    document(&policy["spec"]["policyDocument"]),
                ));
            }
            said.push((role, "any trust".to_owned(), document(&spec["assumeRolePolicyDocument"])));
        }
        // The controller is always told a trust policy: the narrower one where there is one, else the present one.
        let trusts = super::narrower_trusts();
        said.into_iter()
            .filter_map(|(role, name, document)| match name.as_str() {
                "any trust" => {
                    let narrower = trusts.contains(&role);
                    narrower.then(|| (role, "trust".to_owned(), document))
                }
                _ => Some((role, name, document)),
            })
            .collect()
    });
}
