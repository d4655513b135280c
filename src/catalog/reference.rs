//! AWS's service reference: one JSON document for each service, and how its facts become a catalog.
//!
//! See: <https://docs.aws.amazon.com/service-authorization/latest/reference/service-reference.html>

mod merge;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

pub(super) use merge::merged;

/// Longest name of a service, action, resource type or key taken in; AWS's are below 100.
const LONGEST_NAME: usize = 256;
/// More of anything than a document of AWS's ever had, by a factor of ten.
const MOST: usize = 20_000;

/// One service as the service reference tells it, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    /// The IAM prefix, in lower case.
    pub prefix: String,
    /// The schema's version, such as `v1.4`.
    pub version: String,
    /// By lower-case name.
    pub(super) actions: BTreeMap<String, Action>,
    /// ARN formats and condition keys by the resource type's name.
    pub(super) types: BTreeMap<String, (Vec<String>, Vec<String>)>,
    /// By lower-case name; of operations that stand several times, for one client each, all actions.
    pub(super) operations: BTreeMap<String, Operation>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Action {
    pub(super) name: String,
    pub(super) levels: super::Levels,
    pub(super) types: Vec<String>,
    pub(super) keys: Vec<String>,
    pub(super) is_shown: bool,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Operation {
    pub(super) name: String,
    /// `prefix:Action`; empty when the service has no mapping for the operation yet.
    pub(super) actions: BTreeSet<String>,
    /// What `iam:PassedToService` may be.
    pub(super) passed_to: BTreeSet<String>,
}

/// Why a document is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DocumentError {
    /// No JSON, or JSON of another shape.
    #[error("not of the shape of a service reference: {0}")]
    Shape(String),
    /// The schema's version is none this program knows.
    #[error("schema version `{0}` is not known; this program reads v1")]
    Version(String),
    /// It is the document of another service.
    #[error("it is about `{0}`")]
    OtherService(String),
    /// No action, or far too many of something.
    #[error("it has {count} {what}")]
    Count {
        /// Actions, resource types, …
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// A name or an ARN format that cannot be one.
    #[error("`{0}` cannot be a name or an ARN format")]
    Name(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawDocument {
    name: String,
    version: String,
    actions: Vec<RawAction>,
    #[serde(default)]
    resources: Vec<RawResource>,
    #[serde(default)]
    operations: Vec<RawOperation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawAction {
    name: String,
    #[serde(default)]
    action_condition_keys: Vec<String>,
    #[serde(default)]
    annotations: RawAnnotations,
    #[serde(default)]
    resources: Vec<RawName>,
    #[serde(default)]
    supported_by: BTreeMap<String, bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawAnnotations {
    properties: RawProperties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawProperties {
    is_list: bool,
    is_permission_management: bool,
    is_tagging_only: bool,
    is_write: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawName {
    name: String,
}

#[derive(Deserialize)]
struct RawResource {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "ARNFormats", default)]
    formats: Vec<String>,
    #[serde(rename = "ConditionKeys", default)]
    keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawOperation {
    name: String,
    #[serde(default)]
    authorized_actions: Vec<RawAuthorized>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawAuthorized {
    name: String,
    service: String,
    #[serde(default)]
    context: BTreeMap<String, Vec<String>>,
}

/// What AWS calls the flag that proves an action to show in management events.
const SHOWN: &str = "IAM Access Analyzer Policy Generation";

impl Document {
    /// Reads and checks one document; unknown members are passed over, as AWS adds some within a major version.
    ///
    /// # Errors
    ///
    /// Whatever is not a document of version 1 with at least one action, and any name that could not stand in a policy.
    pub fn read(json: &[u8]) -> Result<Self, DocumentError> {
        let raw: RawDocument = serde_json::from_slice(json).map_err(|error| {
            // The message tells place and cause; what it quotes is a stranger's.
            DocumentError::Shape(error.to_string().chars().filter(|c| !c.is_control()).take(200).collect())
        })?;
        if raw.version != "v1" && !raw.version.starts_with("v1.") {
            return Err(DocumentError::Version(raw.version.chars().take(20).collect()));
        }
        let n_named: usize = raw.actions.iter().map(|action| action.resources.len()).sum();
        for (what, count) in [
            ("actions", raw.actions.len()),
            ("resource types", raw.resources.len()),
            ("operations", raw.operations.len()),
        ] {
            if count > MOST || (what == "actions" && count == 0) {
                return Err(DocumentError::Count { what, count });
            }
        }
        if n_named > MOST * 10 {
            return Err(DocumentError::Count { what: "resource types of actions", count: n_named });
        }
        let prefix = checked(raw.name, is_word)?.to_ascii_lowercase();
        let mut types = BTreeMap::new();
        for kind in raw.resources {
            let formats = all_checked(kind.formats, is_format)?;
            if !formats.is_empty() {
                types.insert(checked(kind.name, is_text)?, (formats, all_checked(kind.keys, is_text)?));
            }
        }
        let mut actions = BTreeMap::new();
        for action in raw.actions {
            let name = checked(action.name, is_word)?;
            let mut kinds = Vec::new();
            for kind in action.resources {
                // A type without an ARN format cannot be named in a policy.
                let kind = checked(kind.name, is_text)?;
                if types.contains_key(&kind) && !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            let is_shown = action.supported_by.get(SHOWN).copied().unwrap_or(false);
            let keys = all_checked(action.action_condition_keys, is_text)?;
            let levels = action.annotations.properties.levels();
            actions.insert(name.to_ascii_lowercase(), Action { name, levels, types: kinds, keys, is_shown });
        }
        let mut operations: BTreeMap<String, Operation> = BTreeMap::new();
        for raw in raw.operations {
            let name = checked(raw.name, is_word)?;
            let operation = operations
                .entry(name.to_ascii_lowercase())
                .or_insert_with(|| Operation { name, ..Operation::default() });
            for action in raw.authorized_actions {
                let (service, name) = (checked(action.service, is_word)?, checked(action.name, is_word)?);
                operation.actions.insert(format!("{}:{name}", service.to_ascii_lowercase()));
                for (key, values) in action.context {
                    if key.eq_ignore_ascii_case("iam:PassedToService") {
                        operation.passed_to.extend(all_checked(values, is_host)?);
                    }
                }
            }
            if operation.actions.len() > MOST {
                return Err(DocumentError::Count {
                    what: "actions of an operation",
                    count: operation.actions.len(),
                });
            }
        }
        Ok(Self { prefix, version: raw.version, actions, types, operations })
    }

    /// Number of actions.
    pub fn n_actions(&self) -> usize {
        self.actions.len()
    }

    /// Number of operations whose actions the document tells.
    pub fn n_mapped_operations(&self) -> usize {
        self.operations.values().filter(|operation| !operation.actions.is_empty()).count()
    }
}

impl RawProperties {
    /// The flags are not exclusive; none of them is a read.
    fn levels(&self) -> super::Levels {
        use super::Levels;
        let flags = [
            (self.is_permission_management, Levels::PERMISSIONS_MANAGEMENT),
            (self.is_tagging_only, Levels::TAGGING),
            (self.is_write, Levels::WRITE),
            (self.is_list, Levels::LIST),
        ];
        let set = flags
            .into_iter()
            .filter(|(is, _)| *is)
            .fold(Levels::default(), |set, (_, level)| set.union(level));
        if set == Levels::default() { Levels::READ } else { set }
    }
}

fn checked(text: String, is: fn(&str) -> bool) -> Result<String, DocumentError> {
    if !text.is_empty() && text.len() <= LONGEST_NAME && is(&text) {
        Ok(text)
    } else {
        Err(DocumentError::Name(text.chars().filter(|c| !c.is_control()).take(60).collect()))
    }
}

fn all_checked(texts: Vec<String>, is: fn(&str) -> bool) -> Result<Vec<String>, DocumentError> {
    texts.into_iter().map(|text| checked(text, is)).collect()
}

/// A prefix, an action or an operation.
pub(super) fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// A resource type or a condition key, which the catalog's text separates by tabs and commas.
fn is_text(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && !text.contains([',', '*'])
}

fn is_format(text: &str) -> bool {
    text.starts_with("arn:") && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-*${}:_/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Levels;

    const DOCUMENT: &str = r#"{"Name":"S3","Version":"v1.4","New":1,"Actions":[
        {"Name":"GetObject","Resources":[{"Name":"object"},{"Name":"nothing"}],"SupportedBy":{"IAM Access Analyzer Policy Generation":true}},
        {"Name":"TagThing","Annotations":{"Properties":{"IsWrite":true,"IsTaggingOnly":true,"IsNew":true}}}],
        "Resources":[{"Name":"object","ARNFormats":["arn:${Partition}:s3:::${BucketName}/${ObjectName}"]},{"Name":"nothing"}],
        "Operations":[{"Name":"Get","AuthorizedActions":[{"Name":"GetObject","Service":"S3"}]},{"Name":"get","AuthorizedActions":
        [{"Name":"PassRole","Service":"iam","Context":{"iam:PassedToService":["s3.amazonaws.com"]}}]},{"Name":"Other"}]}"#;

    #[test]
    fn a_document_reads_and_what_is_new_in_it_is_passed_over() {
        let document = Document::read(DOCUMENT.as_bytes()).unwrap();
        assert_eq!(
            (document.prefix.as_str(), document.n_actions(), document.n_mapped_operations()),
            ("s3", 2, 1)
        );
        let get = &document.actions["getobject"];
        assert_eq!(
            (get.levels, get.types.as_slice(), get.is_shown),
            (Levels::READ, &["object".to_owned()][..], true)
        );
        let tag = &document.actions["tagthing"];
        assert_eq!((tag.levels, tag.is_shown), (Levels::WRITE.union(Levels::TAGGING), false));
        let operation = &document.operations["get"];
        assert_eq!(operation.actions.iter().collect::<Vec<_>>(), ["iam:PassRole", "s3:GetObject"]);
        assert_eq!(operation.passed_to.iter().collect::<Vec<_>>(), ["s3.amazonaws.com"]);
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        let instead =
            |a: &str, b: &str| Document::read(DOCUMENT.replacen(a, b, 1).as_bytes()).unwrap_err().to_string();
        for (a, b, message) in [
            ("v1.4", "v2.0", "schema version `v2.0` is not known; this program reads v1"),
            ("\"S3\"", "\"s 3\"", "`s 3` cannot be a name or an ARN format"),
            (
                "\"S3\"",
                "7",
                "not of the shape of a service reference: invalid type: integer `7`, expected a string at line 1 column 9",
            ),
            ("\"TagThing\"", "\"Tag*\"", "`Tag*` cannot be a name or an ARN format"),
            ("\"TagThing\"", "\"Tag\\tThing\"", "`TagThing` cannot be a name or an ARN format"),
            (
                "arn:${Partition}",
                "urn:${Partition}",
                "`urn:${Partition}:s3:::${BucketName}/${ObjectName}` cannot be a name or an ARN format",
            ),
        ] {
            assert_eq!(instead(a, b), message);
        }
        for none in ["", "[]", "{}", "null", "<html>"] {
            assert!(matches!(Document::read(none.as_bytes()), Err(DocumentError::Shape(_))), "{none}");
        }
        let empty = r#"{"Name":"s3","Version":"v1.4","Actions":[]}"#;
        assert_eq!(Document::read(empty.as_bytes()).unwrap_err().to_string(), "it has 0 actions");
        let deep = "[".repeat(100_000);
        assert!(matches!(Document::read(deep.as_bytes()), Err(DocumentError::Shape(_))));
    }
}
