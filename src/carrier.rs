//! Files that carry policies: bare documents, what the AWS CLI prints, snapshots, Terraform plans and states, CloudFormation templates.
//!
//! A file gives the sets it carries: one for each role with all policies attached to it, one for each policy that stands alone.
//! What a file does not tell (a value known after apply, a function of CloudFormation, a managed policy whose text is elsewhere) is
//! kept as a sentence and is never guessed: a [comparison](compare) that rests on such a set is `unknown`.
//!
//! | file | told by | sets |
//! |---|---|---|
//! | policy document, as JSON or YAML | anything else | the document |
//! | what `aws iam get-role-policy`, `get-policy-version`, `s3api get-bucket-policy` … print | the member around the document | the document |
//! | `aws iam get-account-authorization-details` | `RoleDetailList`, … | roles, with their boundaries and trust policies |
//! | `terraform show -json` of a plan or a state, and `terraform.tfstate` | `planned_values`, `values`, `terraform_version` | roles, and policies that nothing in it attaches |
//! | CloudFormation template, as JSON or YAML, or what `aws cloudformation get-template` prints | `Resources`, `TemplateBody` | the same |

mod cloudformation;
mod comparison;
mod error;
mod intrinsic;
mod printed;
mod snapshot;
mod terraform;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IgnoredAny;

pub use comparison::{Part, compare};
pub use error::CarrierError;
pub use snapshot::of_inventory;

use crate::policy::{Policy, PolicyKind, parse, parse_value};

/// Which side of a change is asked for: a Terraform plan holds both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// As it is.
    Old,
    /// As it will be.
    New,
}

/// Documents that apply together, as far as they are known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Documents {
    /// Those whose text is there.
    pub policies: Vec<Policy>,
    /// ARNs of attached managed policies whose text the file lacks.
    pub absent: BTreeSet<String>,
    /// What is not known of them, each a sentence with its place.
    pub unknown: Vec<String>,
}

/// A permissions boundary, as a file tells it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Boundary {
    /// The file says nothing of boundaries.
    #[default]
    Untold,
    /// There is none.
    None,
    /// This one.
    Policy {
        /// Its ARN, or how the file names it.
        arn: String,
        /// Its text, where the file has it.
        document: Option<Box<Policy>>,
    },
}

/// One set of policies.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Carried {
    /// What it may be asked for by: ARN, name, address in the file. Empty for a bare document.
    pub names: Vec<String>,
    /// A role's; else a policy that stands alone.
    pub is_role: bool,
    /// What grants: inline and managed policies, or the document that stands alone.
    pub identity: Documents,
    /// A role's trust policy.
    pub trust: Documents,
    /// See [`Boundary`].
    pub boundary: Boundary,
}

impl Carried {
    /// A document without an owner.
    fn bare(policy: Policy) -> Self {
        let identity = Documents { policies: vec![policy], ..Documents::default() };
        Self { identity, ..Self::default() }
    }

    /// Whether `name` asks for this set.
    pub fn is_called(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// Puts in the texts of managed policies that are known from elsewhere, by ARN.
    pub fn resolve(&mut self, managed: &BTreeMap<String, Policy>) {
        let absent = std::mem::take(&mut self.identity.absent);
        for arn in absent {
            match managed.get(&arn) {
                Some(policy) => self.identity.policies.push(policy.clone()),
                None => {
                    self.identity.absent.insert(arn);
                }
            }
        }
        if let Boundary::Policy { arn, document: document @ None } = &mut self.boundary {
            *document = managed.get(arn).cloned().map(Box::new);
        }
    }
}

/// Which members a file has, to tell what it is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Outline {
    #[serde(rename = "RoleDetailList")]
    roles: Option<IgnoredAny>,
    #[serde(rename = "UserDetailList")]
    users: Option<IgnoredAny>,
    #[serde(rename = "GroupDetailList")]
    groups: Option<IgnoredAny>,
    #[serde(rename = "Resources")]
    resources: Option<IgnoredAny>,
    #[serde(rename = "TemplateBody")]
    template: Option<IgnoredAny>,
    planned_values: Option<IgnoredAny>,
    terraform_version: Option<IgnoredAny>,
}

/// Reads the sets a file carries. `file` is how messages name it.
///
/// # Errors
///
/// See [`CarrierError`]. A set that is only partly known is no error.
pub fn read(file: &str, text: &str, side: Side) -> Result<Vec<Carried>, CarrierError> {
    let text = text.trim_start_matches('\u{feff}');
    // A list, a text or no JSON at all is none of the shapes.
    let is_object = text.trim_start().starts_with('{');
    let outline: Outline =
        if is_object { serde_json::from_str(text).unwrap_or_default() } else { Outline::default() };
    if outline.roles.is_some() || outline.users.is_some() || outline.groups.is_some() {
        return snapshot::read(file, text);
    }
    if outline.planned_values.is_some() || outline.terraform_version.is_some() {
        return terraform::read(file, text, side);
    }
    if outline.resources.is_some() || outline.template.is_some() {
        return cloudformation::read(file, text);
    }
    let printed = if is_object { printed::document(text) } else { None };
    let json = printed.unwrap_or_else(|| text.to_owned());
    match document(&json) {
        Ok(policy) => Ok(vec![Carried::bare(policy)]),
        // What is written as JSON is held to JSON, as AWS holds it: YAML would read over a comma too many.
        Err(error) => match yaml(text).filter(|_| !is_object) {
            Some(value) if value.get("Resources").is_some() => cloudformation::read(file, &value.to_string()),
            Some(value) if value.get("Statement").is_some() => {
                let policy = value_document(&value).map_err(|source| CarrierError::Document {
                    file: file.to_owned(),
                    at: String::new(),
                    source,
                })?;
                Ok(vec![Carried::bare(policy)])
            }
            _ => Err(CarrierError::Document { file: file.to_owned(), at: String::new(), source: error }),
        },
    }
}

/// The one set of a file that is meant: the one called `name`, else the only role, else the only one there is.
///
/// # Errors
///
/// When none is called so, or several could be meant.
pub fn choose(file: &str, sets: Vec<Carried>, name: Option<&str>) -> Result<Carried, CarrierError> {
    let names = |sets: &[Carried]| sets.iter().filter_map(|set| set.names.first().cloned()).collect();
    let candidates: Vec<&Carried> = match name {
        // A bare document has no name, and is what it is whoever is asked for.
        Some(name) => sets.iter().filter(|set| set.names.is_empty() || set.is_called(name)).collect(),
        None if sets.iter().any(|set| set.is_role) => sets.iter().filter(|set| set.is_role).collect(),
        None => sets.iter().collect(),
    };
    match (&*candidates, name) {
        ([only], _) => Ok((*only).clone()),
        ([], None) => Err(CarrierError::Nothing { file: file.to_owned() }),
        ([], Some(name)) => {
            Err(CarrierError::NotFound { file: file.to_owned(), name: name.to_owned(), names: names(&sets) })
        }
        (several, _) => Err(CarrierError::Several {
            file: file.to_owned(),
            names: several.iter().filter_map(|set| set.names.first().cloned()).collect(),
        }),
    }
}

/// A document of any kind: one with principals is a resource or trust policy, anything else an identity policy.
fn document(text: &str) -> Result<Policy, crate::policy::PolicyError> {
    of_any_kind(|kind| parse(text, kind))
}

/// The same, of a value.
fn value_document(value: &serde_json::Value) -> Result<Policy, crate::policy::PolicyError> {
    of_any_kind(|kind| parse_value(value, kind))
}

fn of_any_kind(
    read: impl Fn(PolicyKind) -> Result<Policy, crate::policy::PolicyError>,
) -> Result<Policy, crate::policy::PolicyError> {
    read(PolicyKind::Identity)
        .or_else(|error| read(PolicyKind::Resource).or_else(|_| read(PolicyKind::Trust)).map_err(|_| error))
}

/// A YAML document as JSON; CloudFormation's short forms become the long ones. `None` when it is no YAML, or no mapping.
fn yaml(text: &str) -> Option<serde_json::Value> {
    let value: serde_norway::Value = serde_norway::from_str(text).ok()?;
    intrinsic::to_json(&value).filter(serde_json::Value::is_object)
}

/// A JSON pointer one step longer.
fn below(at: &str, step: impl std::fmt::Display) -> String {
    format!("{at}/{}", step.to_string().replace('~', "~0").replace('/', "~1"))
}
