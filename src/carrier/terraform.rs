//! Terraform: what `terraform show -json` prints of a plan or a state, and `terraform.tfstate`.
//!
//! A plan holds both sides of a change: its prior state is the old one, its planned values the new one. An attribute that is only known after
//! apply is absent from planned values; where its configuration refers to one resource of the plan and nothing else, it is that resource.
//!
//! See: <https://developer.hashicorp.com/terraform/internals/json-format>

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Boundary, Carried, CarrierError, Documents, Side, of_any_kind};
use crate::policy::{Policy, parse};

/// Resource policies, and the attribute they stand in.
const RESOURCE_POLICIES: &[(&str, &str)] = &[
    ("aws_ecr_repository_policy", "policy"),
    ("aws_kms_key", "policy"),
    ("aws_kms_key_policy", "policy"),
    ("aws_organizations_policy", "content"),
    ("aws_s3_bucket_policy", "policy"),
    ("aws_secretsmanager_secret_policy", "policy"),
    ("aws_sns_topic_policy", "policy"),
    ("aws_sqs_queue_policy", "policy"),
];

#[derive(Deserialize)]
struct Show {
    values: Option<Values>,
    planned_values: Option<Values>,
    prior_state: Option<Prior>,
    #[serde(default)]
    configuration: Configuration,
    /// `terraform.tfstate`.
    resources: Option<Vec<StateResource>>,
}

#[derive(Default, Deserialize)]
struct Values {
    #[serde(default)]
    root_module: Module,
}

#[derive(Deserialize)]
struct Prior {
    values: Option<Values>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Module {
    address: String,
    resources: Vec<ShownResource>,
    child_modules: Vec<Module>,
}

#[derive(Deserialize)]
struct ShownResource {
    address: String,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    values: Map<String, Value>,
}

#[derive(Deserialize)]
struct StateResource {
    #[serde(default)]
    module: String,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    #[serde(default)]
    index_key: Value,
    #[serde(default)]
    attributes: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Configuration {
    root_module: ConfiguredModule,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfiguredModule {
    resources: Vec<ConfiguredResource>,
    module_calls: BTreeMap<String, ModuleCall>,
}

#[derive(Deserialize)]
struct ModuleCall {
    #[serde(default)]
    module: ConfiguredModule,
}

#[derive(Deserialize)]
struct ConfiguredResource {
    address: String,
    #[serde(default)]
    expressions: Map<String, Value>,
}

/// One resource, however it was written.
struct Resource {
    address: String,
    module: String,
    is_data: bool,
    kind: String,
    name: String,
    values: Map<String, Value>,
}

/// Reads the sets of one side.
pub(super) fn read(file: &str, text: &str, side: Side) -> Result<Vec<Carried>, CarrierError> {
    let show: Show = serde_json::from_str(text).map_err(|error| CarrierError::Shape {
        file: file.to_owned(),
        kind: "Terraform plan or state",
        reason: error.to_string(),
    })?;
    let mut resources = Vec::new();
    let root = match side {
        Side::Old if show.planned_values.is_some() => show.prior_state.and_then(|prior| prior.values),
        _ => show.planned_values.or(show.values),
    };
    if let Some(values) = root {
        gather(values.root_module, &mut resources);
    }
    for resource in show.resources.into_iter().flatten() {
        for instance in resource.instances {
            let index = match &instance.index_key {
                Value::Null => String::new(),
                key => format!("[{key}]"),
            };
            let dot = if resource.module.is_empty() { "" } else { "." };
            resources.push(Resource {
                address: format!("{}{dot}{}.{}{index}", resource.module, resource.kind, resource.name),
                module: resource.module.clone(),
                is_data: resource.mode == "data",
                kind: resource.kind.clone(),
                name: resource.name.clone(),
                values: instance.attributes,
            });
        }
    }
    let mut references = BTreeMap::new();
    configured(&show.configuration.root_module, "", &mut references);
    Reader { file, resources, references }.sets()
}

fn gather(module: Module, to: &mut Vec<Resource>) {
    // As deep as the JSON, whose reader has capped that.
    to.extend(module.resources.into_iter().map(|one| Resource {
        address: one.address,
        module: module.address.clone(),
        is_data: one.mode == "data",
        kind: one.kind,
        name: one.name,
        values: one.values,
    }));
    module.child_modules.into_iter().for_each(|child| gather(child, to));
}

/// What each attribute refers to, by `MODULE.PATH|TYPE.NAME|ATTRIBUTE`, the path without `module.` and indexes.
fn configured(module: &ConfiguredModule, path: &str, to: &mut BTreeMap<String, Vec<String>>) {
    for resource in &module.resources {
        for (attribute, expression) in &resource.expressions {
            let found: Vec<String> = expression
                .get("references")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect();
            to.insert(format!("{path}|{}|{attribute}", resource.address), found);
        }
    }
    for (name, call) in &module.module_calls {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        configured(&call.module, &path, to);
    }
}

/// `module.a["x"].module.b` as `a.b`.
fn module_path(address: &str) -> String {
    let mut bare = String::new();
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for c in address.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if depth > 0 => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            c if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    let parts: Vec<&str> = bare.split('.').collect();
    parts.chunks(2).filter_map(|pair| pair.get(1).copied()).collect::<Vec<_>>().join(".")
}

struct Reader<'t> {
    file: &'t str,
    resources: Vec<Resource>,
    references: BTreeMap<String, Vec<String>>,
}

/// What an attribute says.
enum Text<'r> {
    Known(&'r str),
    /// Only known after apply, and this resource's.
    Of(&'r Resource),
    /// `null`, or not there in a state.
    Nothing,
    Unknown(String),
}

impl Reader<'_> {
    fn sets(&self) -> Result<Vec<Carried>, CarrierError> {
        let mut roles: Vec<(&Resource, Carried)> = Vec::new();
        for role in self.of("aws_iam_role") {
            roles.push((role, self.role(role)?));
        }
        let mut attached: BTreeSet<&str> = BTreeSet::new();
        // What may belong to any role.
        let mut loose = Vec::new();
        for policy in self.of("aws_iam_role_policy") {
            let documents = self.documents(policy, "policy")?;
            self.give(policy, "role", &documents, &mut roles, &mut loose);
        }
        for attachment in self.of("aws_iam_role_policy_attachment") {
            let documents = self.managed(attachment, "policy_arn", &mut attached)?;
            self.give(attachment, "role", &documents, &mut roles, &mut loose);
        }
        for attachment in self.of("aws_iam_policy_attachment") {
            let documents = self.managed(attachment, "policy_arn", &mut attached)?;
            match attachment.values.get("roles") {
                Some(Value::Null) => {}
                Some(Value::Array(names)) => {
                    for name in names {
                        match name.as_str() {
                            Some(name) => hand(name, &documents, &mut roles),
                            None => loose.push(later(attachment, "roles")),
                        }
                    }
                }
                _ => loose.push(later(attachment, "roles")),
            }
        }
        for exclusive in self.of("aws_iam_role_policy_attachments_exclusive") {
            let mut documents = Documents::default();
            match exclusive.values.get("policy_arns") {
                Some(Value::Array(arns)) => {
                    for arn in arns.iter().filter_map(Value::as_str) {
                        self.by_arn(arn, &mut documents, &mut attached)?;
                    }
                }
                _ => documents.unknown.push(later(exclusive, "policy_arns")),
            }
            self.give(exclusive, "role_name", &documents, &mut roles, &mut loose);
        }
        for (role, set) in &mut roles {
            let mut documents = Documents::default();
            if let Some(Value::Array(arns)) = role.values.get("managed_policy_arns") {
                for arn in arns {
                    match arn.as_str() {
                        Some(arn) => self.by_arn(arn, &mut documents, &mut attached)?,
                        None => documents.unknown.push(later(role, "managed_policy_arns")),
                    }
                }
            }
            append(&mut set.identity, &documents);
            set.identity.unknown.extend(loose.iter().cloned());
        }
        let mut all: Vec<Carried> = roles.into_iter().map(|(_, set)| set).collect();
        for policy in self.of("aws_iam_policy").filter(|one| !attached.contains(one.address.as_str())) {
            all.push(self.alone(policy, "policy")?);
        }
        for (kind, attribute) in RESOURCE_POLICIES {
            for policy in self.of(kind) {
                all.push(self.alone(policy, attribute)?);
            }
        }
        Ok(all)
    }

    fn of<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Resource> {
        self.resources.iter().filter(move |one| !one.is_data && one.kind == kind)
    }

    fn role(&self, role: &Resource) -> Result<Carried, CarrierError> {
        let mut set = Carried { is_role: true, ..self.named(role) };
        set.trust = self.documents(role, "assume_role_policy")?;
        for (index, inline) in
            role.values.get("inline_policy").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            match inline.get("policy") {
                Some(Value::String(text)) if text.trim().is_empty() => {}
                Some(Value::String(text)) => {
                    let at = format!("{}.inline_policy[{index}]", role.address);
                    set.identity.policies.push(self.document(text, &at)?);
                }
                // An empty block means that there is to be none.
                Some(Value::Null) => {}
                _ => set.identity.unknown.push(later(role, "inline_policy")),
            }
        }
        set.boundary = match self.text(role, "permissions_boundary", "aws_iam_policy") {
            Text::Nothing => Boundary::None,
            Text::Known("") => Boundary::None,
            Text::Known(arn) => {
                let document =
                    self.policy_with(arn).map(|policy| self.documents(policy, "policy")).transpose()?;
                boundary(arn, document)
            }
            Text::Of(policy) => boundary(&policy.address, Some(self.documents(policy, "policy")?)),
            Text::Unknown(reason) => Boundary::Policy { arn: reason, document: None },
        };
        Ok(set)
    }

    fn named(&self, resource: &Resource) -> Carried {
        let of = |attribute: &str| resource.values.get(attribute).and_then(Value::as_str).map(str::to_owned);
        let names = [Some(resource.address.clone()), of("name"), of("arn"), of("unique_id")];
        Carried {
            names: names.into_iter().flatten().filter(|name| !name.is_empty()).collect(),
            ..Carried::default()
        }
    }

    fn alone(&self, policy: &Resource, attribute: &str) -> Result<Carried, CarrierError> {
        Ok(Carried { identity: self.documents(policy, attribute)?, ..self.named(policy) })
    }

    /// The document in an attribute.
    fn documents(&self, resource: &Resource, attribute: &str) -> Result<Documents, CarrierError> {
        let mut documents = Documents::default();
        match resource.values.get(attribute) {
            Some(Value::String(text)) => {
                let at = format!("{}.{attribute}", resource.address);
                documents.policies.push(self.document(text, &at)?);
            }
            _ => documents.unknown.push(later(resource, attribute)),
        }
        Ok(documents)
    }

    fn document(&self, text: &str, at: &str) -> Result<Policy, CarrierError> {
        of_any_kind(|kind| parse(text, kind)).map_err(|source| CarrierError::Document {
            file: self.file.to_owned(),
            at: at.to_owned(),
            source,
        })
    }

    /// The policy a `policy_arn` names.
    fn managed<'s>(
        &'s self,
        attachment: &'s Resource,
        attribute: &str,
        attached: &mut BTreeSet<&'s str>,
    ) -> Result<Documents, CarrierError> {
        let mut documents = Documents::default();
        match self.text(attachment, attribute, "aws_iam_policy") {
            Text::Known(arn) => self.by_arn(arn, &mut documents, attached)?,
            Text::Of(policy) => {
                attached.insert(&policy.address);
                append(&mut documents, &self.documents(policy, "policy")?);
            }
            Text::Nothing => documents.unknown.push(later(attachment, attribute)),
            Text::Unknown(reason) => documents.unknown.push(reason),
        }
        Ok(documents)
    }

    fn by_arn<'s>(
        &'s self,
        arn: &str,
        documents: &mut Documents,
        attached: &mut BTreeSet<&'s str>,
    ) -> Result<(), CarrierError> {
        match self.policy_with(arn) {
            Some(policy) => {
                attached.insert(&policy.address);
                append(documents, &self.documents(policy, "policy")?);
            }
            None => _ = documents.absent.insert(arn.to_owned()),
        }
        Ok(())
    }

    /// The managed policy with this ARN; a data source tells the text of AWS's.
    fn policy_with(&self, arn: &str) -> Option<&Resource> {
        self.resources.iter().find(|one| {
            one.kind == "aws_iam_policy" && one.values.get("arn").and_then(Value::as_str) == Some(arn)
        })
    }

    /// An attribute that is a text or refers to a resource of a kind.
    fn text<'s>(&'s self, resource: &'s Resource, attribute: &str, kind: &'s str) -> Text<'s> {
        match resource.values.get(attribute) {
            Some(Value::String(text)) => return Text::Known(text),
            Some(Value::Null) => return Text::Nothing,
            Some(_) => return Text::Unknown(later(resource, attribute)),
            None => {}
        }
        let key =
            format!("{}|{}.{}|{attribute}", module_path(&resource.module), resource.kind, resource.name);
        let Some(references) = self.references.get(&key) else {
            // Not configured, or a state, where all that is set is written out.
            return Text::Nothing;
        };
        // `aws_iam_role.app.name` comes with `aws_iam_role.app`; of an instance both have its index.
        let mut named: BTreeSet<&str> = BTreeSet::new();
        for reference in references {
            let mut parts = reference.split(['.', '[']);
            match (parts.next(), parts.next()) {
                (Some(first), Some(name)) if first == kind => _ = named.insert(name),
                _ => return Text::Unknown(later(resource, attribute)),
            }
        }
        let mut meant = named.iter().flat_map(|name| {
            self.of(kind).filter(move |one| one.name == **name && one.module == resource.module)
        });
        match (meant.next(), meant.next(), named.len()) {
            (Some(only), None, 1) => Text::Of(only),
            _ => Text::Unknown(later(resource, attribute)),
        }
    }

    /// Adds documents to the role an attribute names.
    fn give(
        &self,
        resource: &Resource,
        attribute: &str,
        documents: &Documents,
        roles: &mut [(&Resource, Carried)],
        loose: &mut Vec<String>,
    ) {
        match self.text(resource, attribute, "aws_iam_role") {
            Text::Known(name) => hand(name, documents, roles),
            Text::Of(role) => {
                for (_, set) in roles.iter_mut().filter(|(one, _)| one.address == role.address) {
                    append(&mut set.identity, documents);
                }
            }
            Text::Nothing => loose.push(later(resource, attribute)),
            Text::Unknown(reason) => loose.push(reason),
        }
    }
}

/// A role that is not in the file is somebody else's.
fn hand(name: &str, documents: &Documents, roles: &mut [(&Resource, Carried)]) {
    for (_, set) in roles.iter_mut().filter(|(_, set)| set.is_called(name)) {
        append(&mut set.identity, documents);
    }
}

fn boundary(arn: &str, documents: Option<Documents>) -> Boundary {
    let document = documents.filter(|one| one.unknown.is_empty()).and_then(|mut one| one.policies.pop());
    Boundary::Policy { arn: arn.to_owned(), document: document.map(Box::new) }
}

fn append(to: &mut Documents, more: &Documents) {
    // A role's own lists repeat in a state what resources of their own attach.
    let new = more.policies.iter().filter(|policy| !to.policies.contains(policy)).cloned();
    let new: Vec<Policy> = new.collect();
    to.policies.extend(new);
    to.absent.extend(more.absent.iter().cloned());
    to.unknown.extend(more.unknown.iter().cloned());
}

fn later(resource: &Resource, attribute: &str) -> String {
    format!("`{}.{attribute}` is only known after apply", resource.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_paths_have_neither_indexes_nor_words() {
        for (address, path) in [
            ("", ""),
            ("module.a", "a"),
            ("module.a[\"x.y]\"].module.b[0]", "a.b"),
            ("module.a[\"q\\\"]\"]", "a"),
        ] {
            assert_eq!(module_path(address), path, "{address}");
        }
    }
}
