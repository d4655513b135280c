//! CloudFormation templates: plain resources. A function is replaced where it needs nothing from outside the text, or names a resource of the
//! same template; otherwise what it stands for is unknown.
//!
//! See: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::intrinsic::{Plain, function, plain, to_json};
use super::{Boundary, Carried, CarrierError, Documents, below, of_any_kind};
use crate::policy::{PolicyError, parse, parse_value};

/// Transforms that leave the resources a template writes out as they are.
const HARMLESS_TRANSFORMS: &[&str] = &["AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"];

/// Resource policies, and the property they stand in.
const RESOURCE_POLICIES: &[(&str, &str)] = &[
    ("AWS::KMS::Key", "KeyPolicy"),
    ("AWS::KMS::ReplicaKey", "KeyPolicy"),
    ("AWS::Organizations::Policy", "Content"),
    ("AWS::S3::BucketPolicy", "PolicyDocument"),
    ("AWS::SNS::TopicPolicy", "PolicyDocument"),
    ("AWS::SQS::QueuePolicy", "PolicyDocument"),
    ("AWS::SecretsManager::ResourcePolicy", "ResourcePolicy"),
];

#[derive(Deserialize)]
struct Printed {
    #[serde(rename = "TemplateBody")]
    body: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    #[serde(default)]
    transform: Option<Value>,
    resources: BTreeMap<String, Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    condition: Option<String>,
    #[serde(default)]
    properties: BTreeMap<String, Box<RawValue>>,
}

/// A template's resources on their way to sets.
struct Reader<'t> {
    file: &'t str,
    resources: BTreeMap<String, Resource>,
    /// What makes every set uncertain.
    unknown: Vec<String>,
}

/// Reads a template as JSON, or what `aws cloudformation get-template` prints.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Carried>, CarrierError> {
    let shape = |reason: String| CarrierError::Shape {
        file: file.to_owned(),
        kind: "CloudFormation template",
        reason,
    };
    if let Ok(Printed { body: Some(body) }) = serde_json::from_str(text) {
        let inner = match serde_json::from_str::<String>(body.get()) {
            Ok(inner) if serde_json::from_str::<&RawValue>(&inner).is_ok() => inner,
            Ok(inner) => {
                let value: serde_norway::Value =
                    serde_norway::from_str(&inner).map_err(|error| shape(error.to_string()))?;
                to_json(&value).ok_or_else(|| shape("a key is no text".to_owned()))?.to_string()
            }
            Err(_) => body.get().to_owned(),
        };
        return template(file, &inner);
    }
    template(file, text)
}

fn template(file: &str, text: &str) -> Result<Vec<Carried>, CarrierError> {
    let shape = |error: serde_json::Error| CarrierError::Shape {
        file: file.to_owned(),
        kind: "CloudFormation template",
        reason: error.to_string(),
    };
    let template: Template = serde_json::from_str(text).map_err(shape)?;
    let mut unknown = Vec::new();
    let transforms = match template.transform {
        None => Vec::new(),
        Some(Value::Array(all)) => all,
        Some(one) => vec![one],
    };
    for transform in transforms {
        if !transform.as_str().is_some_and(|name| HARMLESS_TRANSFORMS.contains(&name)) {
            unknown.push(format!("`/Transform` may change every resource: {transform}"));
        }
    }
    let mut resources = BTreeMap::new();
    for (id, raw) in template.resources {
        if id.starts_with("Fn::") {
            unknown.push(format!("`{}` makes resources when the stack is made", below("/Resources", &id)));
            continue;
        }
        let resource: Resource = serde_json::from_str(raw.get()).map_err(|error| CarrierError::Shape {
            file: file.to_owned(),
            kind: "CloudFormation template",
            reason: format!("at `{}`: {error}", below("/Resources", &id)),
        })?;
        resources.insert(id, resource);
    }
    Reader { file, resources, unknown }.sets()
}

/// A managed policy that is attached.
enum Attached {
    /// The one with this logical id.
    Own(String),
    /// By ARN.
    Arn(String),
    Unknown(String),
    Nothing,
}

impl Reader<'_> {
    fn sets(self) -> Result<Vec<Carried>, CarrierError> {
        let mut sets: BTreeMap<&str, Carried> = BTreeMap::new();
        // What may belong to any role.
        let mut loose: Vec<String> = self.unknown.clone();
        for (id, role) in self.of("AWS::IAM::Role") {
            sets.insert(id, self.role(id, role)?);
        }
        let mut alone = Vec::new();
        for (id, policy) in self.resources.iter() {
            let (names, name_of, element) = match policy.kind.as_str() {
                "AWS::IAM::Policy" => ("Roles", "PolicyName", "PolicyDocument"),
                "AWS::IAM::ManagedPolicy" => ("Roles", "ManagedPolicyName", "PolicyDocument"),
                "AWS::IAM::RolePolicy" => ("RoleName", "PolicyName", "PolicyDocument"),
                kind => {
                    if let Some((_, element)) = RESOURCE_POLICIES.iter().find(|(known, _)| *known == kind) {
                        alone.push(self.alone(id, policy, element, None)?);
                    }
                    continue;
                }
            };
            let documents = self.documents(id, policy, element)?;
            let mut is_attached = false;
            for target in self.targets(id, policy, names, &sets) {
                match target {
                    Ok(role) => {
                        is_attached = true;
                        if let Some(set) = sets.get_mut(role.as_str()) {
                            append(&mut set.identity, &documents);
                        }
                    }
                    Err(reason) => loose.push(reason),
                }
            }
            let by_roles = self.resources.values().any(|one| {
                one.properties.get("ManagedPolicyArns").is_some_and(|raw| names_resource(raw, id))
            });
            if !is_attached && !by_roles {
                alone.push(self.alone(id, policy, element, Some(name_of))?);
            }
        }
        let mut all: Vec<Carried> = sets.into_values().collect();
        for set in &mut all {
            set.identity.unknown.extend(loose.iter().cloned());
            set.trust.unknown.extend(self.unknown.iter().cloned());
        }
        for set in &mut alone {
            set.identity.unknown.extend(self.unknown.iter().cloned());
        }
        all.extend(alone);
        Ok(all)
    }

    fn of<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = (&'s str, &'s Resource)> {
        self.resources
            .iter()
            .filter(move |(_, resource)| resource.kind == kind)
            .map(|(id, resource)| (id.as_str(), resource))
    }

    fn role(&self, id: &str, role: &Resource) -> Result<Carried, CarrierError> {
        let at = below(&below("/Resources", id), "Properties");
        let mut set = Carried { names: vec![id.to_owned()], is_role: true, ..Carried::default() };
        if let Some(Ok(Value::String(name))) = role.properties.get("RoleName").map(|raw| value(raw)) {
            set.names.push(name);
        }
        if let Some(reason) = conditional(id, role) {
            set.identity.unknown.push(reason.clone());
            set.trust.unknown.push(reason);
        }
        match role.properties.get("AssumeRolePolicyDocument") {
            Some(raw) => self.document(raw, &below(&at, "AssumeRolePolicyDocument"), &mut set.trust)?,
            None => set.trust.unknown.push(format!("`{at}` has no `AssumeRolePolicyDocument`")),
        }
        if let Some(raw) = role.properties.get("Policies") {
            self.inline(raw, &below(&at, "Policies"), &mut set.identity)?;
        }
        if let Some(raw) = role.properties.get("ManagedPolicyArns") {
            let at = below(&at, "ManagedPolicyArns");
            match value(raw) {
                Ok(Value::Array(items)) => {
                    for (index, item) in items.iter().enumerate() {
                        match self.attached(item, &below(&at, index)) {
                            Attached::Own(policy) => {
                                if let Some(resource) = self.resources.get(&policy) {
                                    let documents = self.documents(&policy, resource, "PolicyDocument")?;
                                    append(&mut set.identity, &documents);
                                }
                            }
                            Attached::Arn(arn) => _ = set.identity.absent.insert(arn),
                            Attached::Unknown(reason) => set.identity.unknown.push(reason),
                            Attached::Nothing => {}
                        }
                    }
                }
                Ok(_) => set.identity.unknown.push(format!("`{at}` is no list of ARNs")),
                Err(reason) => set.identity.unknown.push(format!("`{at}`: {reason}")),
            }
        }
        set.boundary = match role.properties.get("PermissionsBoundary").map(|raw| value(raw)) {
            None => Boundary::None,
            Some(Ok(item)) => match self.attached(&item, &below(&at, "PermissionsBoundary")) {
                Attached::Nothing => Boundary::None,
                Attached::Arn(arn) => Boundary::Policy { arn, document: None },
                Attached::Own(policy) => {
                    let mut documents = Documents::default();
                    if let Some(resource) = self.resources.get(&policy) {
                        documents = self.documents(&policy, resource, "PolicyDocument")?;
                    }
                    let document = match (documents.policies.pop(), documents.unknown.is_empty()) {
                        (Some(policy), true) => Some(Box::new(policy)),
                        _ => None,
                    };
                    Boundary::Policy { arn: policy, document }
                }
                Attached::Unknown(reason) => Boundary::Policy { arn: reason, document: None },
            },
            Some(Err(reason)) => Boundary::Policy { arn: reason, document: None },
        };
        Ok(set)
    }

    /// A policy resource that nothing of the template attaches, or a resource's own policy.
    fn alone(
        &self,
        id: &str,
        policy: &Resource,
        element: &str,
        name: Option<&str>,
    ) -> Result<Carried, CarrierError> {
        let mut names = vec![id.to_owned()];
        if let Some(Ok(Value::String(name))) =
            name.and_then(|name| policy.properties.get(name)).map(|raw| value(raw))
        {
            names.push(name);
        }
        Ok(Carried { names, identity: self.documents(id, policy, element)?, ..Carried::default() })
    }

    /// The inline policies of a role.
    fn inline(&self, raw: &RawValue, at: &str, to: &mut Documents) -> Result<(), CarrierError> {
        let Ok(items) = serde_json::from_str::<Vec<Box<RawValue>>>(raw.get()) else {
            to.unknown.push(format!("`{at}` is only known when the stack is made"));
            return Ok(());
        };
        for (index, item) in items.iter().enumerate() {
            let at = below(at, index);
            if let Ok(Value::Object(map)) = value(item)
                && function(&map).is_some()
            {
                match plain(&Value::Object(map), &at) {
                    Plain::Nothing => {}
                    Plain::Unknown(reason) => to.unknown.push(reason),
                    Plain::Value(_) => to.unknown.push(format!("`{at}` is no policy")),
                }
                continue;
            }
            let members: BTreeMap<String, Box<RawValue>> =
                serde_json::from_str(item.get()).unwrap_or_default();
            match members.get("PolicyDocument") {
                Some(raw) => self.document(raw, &below(&at, "PolicyDocument"), to)?,
                None => to.unknown.push(format!("`{at}` has no `PolicyDocument`")),
            }
        }
        Ok(())
    }

    /// The document of a policy resource.
    fn documents(&self, id: &str, policy: &Resource, element: &str) -> Result<Documents, CarrierError> {
        let at = below(&below("/Resources", id), "Properties");
        let mut documents = Documents::default();
        documents.unknown.extend(conditional(id, policy));
        match policy.properties.get(element) {
            Some(raw) => self.document(raw, &below(&at, element), &mut documents)?,
            None => documents.unknown.push(format!("`{at}` has no `{element}`")),
        }
        Ok(documents)
    }

    fn document(&self, raw: &RawValue, at: &str, to: &mut Documents) -> Result<(), CarrierError> {
        let failed = |source: PolicyError| CarrierError::Document {
            file: self.file.to_owned(),
            at: at.to_owned(),
            source,
        };
        let written = match value(raw) {
            Ok(written) => written,
            Err(reason) => {
                to.unknown.push(format!("`{at}`: {reason}"));
                return Ok(());
            }
        };
        match plain(&written, at) {
            // As it was written, so that duplicate keys are seen.
            Plain::Value(value) if value == written && value.is_object() => {
                to.policies.push(of_any_kind(|kind| parse(raw.get(), kind)).map_err(failed)?);
            }
            Plain::Value(value) => {
                to.policies.push(of_any_kind(|kind| parse_value(&value, kind)).map_err(failed)?);
            }
            Plain::Nothing => {}
            Plain::Unknown(reason) => to.unknown.push(reason),
        }
        Ok(())
    }

    /// The roles of this template a policy is attached to. A name that is no role's of the template is somebody else's role.
    fn targets(
        &self,
        id: &str,
        policy: &Resource,
        element: &str,
        roles: &BTreeMap<&str, Carried>,
    ) -> Vec<Result<String, String>> {
        let at = below(&below(&below("/Resources", id), "Properties"), element);
        let items = match policy.properties.get(element).map(|raw| value(raw)) {
            None => return Vec::new(),
            Some(Ok(Value::Array(items))) => items,
            Some(Ok(one)) => vec![one],
            Some(Err(reason)) => return vec![Err(format!("`{at}`: {reason}"))],
        };
        let one = |(index, item): (usize, &Value)| match item {
            Value::Object(map) => match function(map) {
                Some(("Ref", Value::String(role))) if roles.contains_key(role.as_str()) => {
                    Some(Ok(role.clone()))
                }
                _ => match plain(item, &below(&at, index)) {
                    Plain::Value(Value::String(name)) => named(&name, roles).map(Ok),
                    Plain::Nothing => None,
                    Plain::Value(_) => Some(Err(format!("`{at}` is no list of roles"))),
                    Plain::Unknown(reason) => Some(Err(reason)),
                },
            },
            Value::String(name) => named(name, roles).map(Ok),
            _ => Some(Err(format!("`{at}` is no list of roles"))),
        };
        items.iter().enumerate().filter_map(one).collect()
    }

    fn attached(&self, item: &Value, at: &str) -> Attached {
        if let Value::Object(map) = item {
            let own =
                |id: &str| self.resources.get(id).is_some_and(|one| one.kind == "AWS::IAM::ManagedPolicy");
            match function(map) {
                Some(("Ref", Value::String(id))) if own(id) => return Attached::Own(id.clone()),
                Some(("Fn::GetAtt", Value::Array(path))) => {
                    if let [Value::String(id), Value::String(attribute)] = path.as_slice()
                        && attribute == "PolicyArn"
                        && own(id)
                    {
                        return Attached::Own(id.clone());
                    }
                }
                // AWS's own policies are the same in every partition: the text names one, whatever the partition is called.
                Some(("Fn::Sub", Value::String(text)))
                    if text.starts_with("arn:${AWS::Partition}:iam::aws:policy/")
                        && text.matches("${").count() == 1 =>
                {
                    return Attached::Arn(text.replace("${AWS::Partition}", "aws"));
                }
                _ => {}
            }
        }
        match plain(item, at) {
            Plain::Value(Value::String(arn)) => Attached::Arn(arn),
            Plain::Value(_) => Attached::Unknown(format!("`{at}` is no ARN")),
            Plain::Nothing => Attached::Nothing,
            Plain::Unknown(reason) => Attached::Unknown(reason),
        }
    }
}

fn named(name: &str, roles: &BTreeMap<&str, Carried>) -> Option<String> {
    roles.iter().find(|(_, set)| set.is_called(name)).map(|(id, _)| (*id).to_owned())
}

/// Whether a property's text names a resource of the template.
fn names_resource(raw: &RawValue, id: &str) -> bool {
    fn names(value: &Value, id: &str) -> bool {
        match value {
            Value::String(text) => text == id,
            Value::Array(items) => items.iter().any(|item| names(item, id)),
            Value::Object(map) => map.values().any(|value| names(value, id)),
            _ => false,
        }
    }
    value(raw).is_ok_and(|value| names(&value, id))
}

fn conditional(id: &str, resource: &Resource) -> Option<String> {
    let condition = resource.condition.as_deref()?;
    Some(format!("`{}` exists only under the condition `{condition}`", below("/Resources", id)))
}

fn append(to: &mut Documents, more: &Documents) {
    to.policies.extend(more.policies.iter().cloned());
    to.unknown.extend(more.unknown.iter().cloned());
}

fn value(raw: &RawValue) -> Result<Value, String> {
    serde_json::from_str(raw.get()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;

    fn statements(set: &Carried) -> usize {
        set.identity.policies.iter().map(|policy| policy.statements.len()).sum()
    }

    fn sets(resources: &str) -> Vec<Carried> {
        read("t.json", &format!(r#"{{"Resources":{{{resources}}}}}"#)).unwrap()
    }

    #[test]
    fn a_role_gathers_what_is_attached_to_it() {
        let role = format!(
            r#""R":{{"Type":"AWS::IAM::Role","Properties":{{"RoleName":"app","AssumeRolePolicyDocument":{DOCUMENT},
            "Policies":[{{"PolicyName":"p","PolicyDocument":{DOCUMENT}}},{{"Ref":"AWS::NoValue"}}],
            "ManagedPolicyArns":[{{"Ref":"M"}},"arn:aws:iam::aws:policy/ReadOnlyAccess",{{"Fn::Sub":"arn:${{AWS::Partition}}:iam::aws:policy/X"}}],
            "PermissionsBoundary":"arn:aws:iam::1:policy/b"}}}},
            "M":{{"Type":"AWS::IAM::ManagedPolicy","Properties":{{"PolicyDocument":{DOCUMENT}}}}},
            "P":{{"Type":"AWS::IAM::Policy","Properties":{{"PolicyName":"x","Roles":[{{"Ref":"R"}}],"PolicyDocument":{DOCUMENT}}}}},
            "Q":{{"Type":"AWS::IAM::RolePolicy","Properties":{{"PolicyName":"y","RoleName":"app","PolicyDocument":{DOCUMENT}}}}},
            "L":{{"Type":"AWS::IAM::ManagedPolicy","Properties":{{"ManagedPolicyName":"loose","PolicyDocument":{DOCUMENT}}}}},
            "B":{{"Type":"AWS::S3::Bucket"}}"#
        );
        let all = sets(&role);
        assert_eq!(all.len(), 2);
        let role = &all[0];
        assert!(role.is_role && role.is_called("app") && role.is_called("R"));
        assert_eq!((statements(role), role.trust.policies.len()), (4, 1));
        assert_eq!(
            role.identity.absent.iter().collect::<Vec<_>>(),
            ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/X"]
        );
        assert_eq!(role.identity.unknown, [""; 0]);
        assert_eq!(
            role.boundary,
            Boundary::Policy { arn: "arn:aws:iam::1:policy/b".to_owned(), document: None }
        );
        assert!(!all[1].is_role && all[1].is_called("loose"));
    }

    #[test]
    fn what_is_only_known_later_is_told_and_not_guessed() {
        let role = |property: &str| {
            format!(
                r#""R":{{"Type":"AWS::IAM::Role","Properties":{{"AssumeRolePolicyDocument":{DOCUMENT},{property}}}}}"#
            )
        };
        let sub = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":{"Fn::Sub":"arn:aws:s3:::${B}/*"}}]}"#;
        for (template, place) in [
            (
                role(&format!(r#""Policies":[{{"PolicyName":"p","PolicyDocument":{sub}}}]"#)),
                "/Policies/0/PolicyDocument/Statement/0/Resource",
            ),
            (role(r#""Policies":[{"Fn::If":["c",{},{}]}]"#), "/Policies/0"),
            (role(r#""Policies":{"Ref":"P"}"#), "/Policies"),
            (role(r#""ManagedPolicyArns":{"Ref":"P"}"#), "/ManagedPolicyArns"),
            (role(r#""ManagedPolicyArns":[{"Ref":"P"}]"#), "/ManagedPolicyArns/0"),
            (
                format!(
                    r#"{},"P":{{"Type":"AWS::IAM::Policy","Properties":{{"Roles":[{{"Fn::ImportValue":"x"}}],"PolicyDocument":{DOCUMENT}}}}}"#,
                    role(r#""Path":"/""#)
                ),
                "/Resources/P/Properties/Roles/0",
            ),
            (role(r#""Path":"/""#).replace(r#""Type""#, r#""Condition":"C","Type""#), "condition `C`"),
            (
                format!(r#"{},"Fn::ForEach::X":["a",["b"],{{}}]"#, role(r#""Path":"/""#)),
                "/Resources/Fn::ForEach::X",
            ),
        ] {
            let all = sets(&template);
            let text = all[0].identity.unknown.join(" ");
            assert!(text.contains(place), "{template}: {text}");
        }
        let macros = format!(r#"{{"Transform":"Mine","Resources":{{{}}}}}"#, role(r#""Path":"/""#));
        assert!(!read("t", &macros).unwrap()[0].identity.unknown.is_empty());
    }
}
