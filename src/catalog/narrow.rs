//! What a request shows about the actions it needs beside, or in place of, the one its name tells.
//!
//! Most of it is data (`data/narrowing.tsv`); here are the rules that need more than the presence of a parameter.

use super::curated::Mode;
use super::facts::{Facts, request_members};
use super::resource::{Target, own};
use super::{Catalog, Evidence, Need, Resource};
use crate::ident::{Action, Arn};
use crate::record::{Event, Json};

/// A row of the table, made ready.
#[derive(Debug)]
pub(super) struct Narrowing {
    /// Parameters, any of which shows it; `tags` means tags given on creation.
    pub(super) when: Vec<&'static str>,
    /// In place of another action, or beside them.
    pub(super) mode: Mode,
    pub(super) target: Target,
}

/// Rules by name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Special {
    /// The source is read, the target written.
    Copy,
    /// The source is read; into the target, a directory bucket, there is a session.
    CopyInto,
    /// Each element of a transaction is an action of its own.
    Transaction,
    /// The first word of the statement tells the action.
    Statement,
    /// The data key is read from one key and written with another.
    ReEncrypt,
    /// The action is the HTTP verb, the resource the path; these are the possible paths.
    Path(&'static str),
}

impl Special {
    /// The rule for an event, if it has one. Source and name are in lower case.
    pub(super) fn of(source: &str, name: &str) -> Option<Self> {
        match (source, name) {
            ("s3" | "s3-outposts", "copyobject" | "uploadpartcopy") => Some(Self::Copy),
            ("s3express", "copyobject" | "uploadpartcopy") => Some(Self::CopyInto),
            ("dynamodb", "transactwriteitems") => Some(Self::Transaction),
            ("dynamodb", "executestatement" | "batchexecutestatement" | "executetransaction") => {
                Some(Self::Statement)
            }
            ("kms", "reencrypt") => Some(Self::ReEncrypt),
            _ => None,
        }
    }
}

/// Whether the request holds one of the parameters.
pub(super) fn shows(facts: &Facts<'_>, when: &[&str]) -> bool {
    when.iter().any(|wanted| match wanted.strip_suffix('*') {
        Some(start) => {
            facts.has_member(|key| key.get(..start.len()).is_some_and(|k| k.eq_ignore_ascii_case(start)))
        }
        None if *wanted == "tags" => has_tags(facts.event),
        None => match wanted.split_once('=') {
            Some((name, value)) => has_value(facts.event, name, value),
            None => facts.has_member(|key| key.eq_ignore_ascii_case(wanted)),
        },
    })
}

/// Whether a parameter has a value: a text, or a flag.
fn has_value(event: &Event<'_>, name: &str, wanted: &str) -> bool {
    let is = |value: Json<'_>| match value.as_bool() {
        Some(flag) => flag == (wanted == "true"),
        None => value.text().is_some_and(|text| text.eq_ignore_ascii_case(wanted)),
    };
    request_members(event).any(|(key, value)| key.eq_ignore_ascii_case(name) && is(value))
}

/// Whether tags are given: under any of the names services use (`tags`, `userPoolTags`, `tagsList`, …), and not an empty list.
fn has_tags(event: &Event<'_>) -> bool {
    const NAMES: [&str; 6] = ["tags", "tag", "tagList", "tagSet", "tagsSet", "tagging"];
    const ENDS: [&str; 4] = ["Tags", "TagList", "TagsList", "TagSet"];
    let is_list = |value: Json<'_>| value.elements().next().is_some() || value.members().next().is_some();
    request_members(event).any(|(key, value)| {
        NAMES.iter().any(|name| key.eq_ignore_ascii_case(name)) && holds_any(value)
            // Options such as `propagateTags` are words or flags.
            || ENDS.iter().any(|end| key.ends_with(end) || key.eq_ignore_ascii_case(end)) && is_list(value)
    })
}

fn holds_any(value: Json<'_>) -> bool {
    value.text().is_some() || value.elements().next().is_some() || value.members().next().is_some()
}

/// Reads from the source (another bucket, perhaps a version), writes to the target.
pub(super) fn copy(catalog: &Catalog, facts: &Facts<'_>, targets: &[Target]) -> Vec<Need> {
    let source = facts.parameter(&["x-amz-copy-source"]).and_then(|text| Source::of(facts, text));
    targets
        .iter()
        .map(|target| {
            let is_read = target.levels.is_read_only();
            let read = source.as_ref().filter(|_| is_read).and_then(|source| source.read(catalog));
            read.unwrap_or_else(|| {
                let mut resources = if is_read {
                    vec![Resource::Unknown(UNNAMED_SOURCE)]
                } else {
                    target.resources(facts)
                };
                // Some records list the source beside the target.
                let is_source = |resource: &Resource| {
                    matches!((resource, &source), (Resource::Arn(arn), Some(source)) if *arn == source.arn)
                };
                if resources.len() > 1 {
                    resources.retain(|resource| !is_source(resource));
                }
                need(target.action.clone(), resources, Evidence::Observed)
            })
        })
        .collect()
}

const UNNAMED_SOURCE: &str = "the event does not name the copy's source";

/// Adds what reading a copy's source needs; a source in another directory bucket is read in a session like the one there is.
pub(super) fn read_source(catalog: &Catalog, facts: &Facts<'_>, needs: &mut Vec<Need>) {
    let source = facts.parameter(&["x-amz-copy-source"]).and_then(|text| Source::of(facts, text));
    let Some(read) = source.and_then(|source| source.read(catalog)) else {
        let unnamed = catalog.find("s3:GetObject").and_then(|id| catalog.info(id)).map(|info| {
            need(info.action().clone(), vec![Resource::Unknown(UNNAMED_SOURCE)], Evidence::Observed)
        });
        return needs.extend(unnamed);
    };
    match needs.iter_mut().find(|need| need.action == read.action) {
        Some(same) => {
            same.resources.extend(read.resources);
            same.resources.sort();
            same.resources.dedup();
        }
        None => needs.push(read),
    }
}

/// What a copy reads.
struct Source {
    arn: String,
    has_version: bool,
    /// The ARN is a directory bucket's.
    in_directory: bool,
}

impl Source {
    /// `x-amz-copy-source`: `bucket/key`, `/bucket/key` or an access point's ARN, percent-encoded, perhaps with `?versionId=`.
    fn of(facts: &Facts<'_>, text: &str) -> Option<Self> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let path = percent_decoded(path.trim_start_matches('/'))?;
        let bucket = path.split('/').next().unwrap_or_default();
        let in_directory = bucket.ends_with("--x-s3");
        let arn = if in_directory {
            let region = Some(facts.event.region).filter(|region| !region.is_empty())?;
            format!("arn:{}:s3express:{region}:{}:bucket/{bucket}", facts.partition, facts.account?)
        } else if Arn::parse(&path).is_some() {
            path
        } else {
            format!("arn:{}:s3:::{path}", facts.partition)
        };
        Some(Self { arn, has_version: query.starts_with("versionId="), in_directory })
    }

    fn read(&self, catalog: &Catalog) -> Option<Need> {
        let action = match (self.in_directory, self.has_version) {
            (true, _) => "s3express:CreateSession",
            (false, true) => "s3:GetObjectVersion",
            (false, false) => "s3:GetObject",
        };
        let target = Target::of(&catalog.info(catalog.find(action)?)?);
        let resources = target.resources_among(std::slice::from_ref(&self.arn));
        Some(need(target.action, resources, Evidence::Observed))
    }
}

/// Undoes `%2F` and its like; `None` when what comes out is no text.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit =
            |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(high * 16 + low);
    }
    String::from_utf8(bytes).ok()
}

/// One action per element of a DynamoDB transaction, on that element's table.
pub(super) fn transaction(catalog: &Catalog, facts: &Facts<'_>) -> Option<Vec<Need>> {
    const OPERATIONS: [(&str, &str); 4] = [
        ("ConditionCheck", "dynamodb:ConditionCheckItem"),
        ("Put", "dynamodb:PutItem"),
        ("Update", "dynamodb:UpdateItem"),
        ("Delete", "dynamodb:DeleteItem"),
    ];
    let request = facts.event.request;
    let elements = || {
        ["requestItems", "transactItems"].into_iter().flat_map(|key| request.get_ignore_case(key).elements())
    };
    let is_of = |element: &Json<'_>, operation: &str| {
        let named = element
            .get_ignore_case("operation")
            .text()
            .is_some_and(|text| text.eq_ignore_ascii_case(operation));
        named || element.get_ignore_case(operation).is_object()
    };
    // An element that hides what it is may be any of them.
    if !elements().all(|element| OPERATIONS.iter().any(|(operation, _)| is_of(&element, operation))) {
        return None;
    }
    let mut needs = Vec::new();
    for (operation, action) in OPERATIONS {
        let of_this = |element: &Json<'_>| is_of(element, operation);
        if !elements().any(|element| of_this(&element)) {
            continue;
        }
        let tables = elements().filter(of_this).filter_map(|element| {
            let inner = element.get_ignore_case(operation);
            element.get_ignore_case("tableName").text().or_else(|| inner.get_ignore_case("tableName").text())
        });
        let target = Target::of(&catalog.info(catalog.find(action)?)?);
        let arns: Vec<_> = tables.filter_map(|table| table_arn(facts, table)).collect();
        let resources = if arns.is_empty() { target.resources(facts) } else { target.resources_among(&arns) };
        needs.push(need(target.action, resources, Evidence::Observed));
    }
    (!needs.is_empty()).then_some(needs)
}

/// One action per kind of PartiQL statement; `None` when a statement is hidden or is of no known kind.
pub(super) fn statement(catalog: &Catalog, facts: &Facts<'_>) -> Option<Vec<Need>> {
    const VERBS: [(&str, &str); 4] = [
        ("SELECT", "dynamodb:PartiQLSelect"),
        ("INSERT", "dynamodb:PartiQLInsert"),
        ("UPDATE", "dynamodb:PartiQLUpdate"),
        ("DELETE", "dynamodb:PartiQLDelete"),
    ];
    let mut seen = [false; VERBS.len()];
    for text in facts.parameters("statement") {
        let word = text.split_whitespace().next()?;
        let word =
            if word.eq_ignore_ascii_case("EXISTS") || word.starts_with("EXISTS(") { "SELECT" } else { word };
        let place = VERBS.iter().position(|(verb, _)| word.eq_ignore_ascii_case(verb))?;
        *seen.get_mut(place)? = true;
    }
    let mut needs = Vec::new();
    for ((_, action), _) in VERBS.iter().zip(seen).filter(|(_, seen)| *seen) {
        let target = Target::of(&catalog.info(catalog.find(action)?)?);
        let resources = target.resources(facts);
        needs.push(need(target.action, resources, Evidence::Observed));
    }
    (!needs.is_empty()).then_some(needs)
}

/// A table by its name: as the record lists it, else in the account and Region of the call.
fn table_arn(facts: &Facts<'_>, table: &str) -> Option<String> {
    if table.starts_with("arn:") {
        return Some(table.to_owned());
    }
    let mut listed = facts.listed();
    let is_it =
        |arn: &&str| Arn::parse(arn).is_some_and(|arn| arn.resource.strip_prefix("table/") == Some(table));
    if let Some(arn) = listed.find(is_it) {
        return Some(arn.to_owned());
    }
    let region = Some(facts.event.region).filter(|region| !region.is_empty())?;
    Some(format!("arn:{}:dynamodb:{region}:{}:table/{table}", facts.partition, facts.account?))
}

/// `resources` lists the source key first, then the destination, or one key that is both; the parameters, where they name keys, tell which is
/// which.
pub(super) fn re_encrypt(facts: &Facts<'_>, targets: &[Target]) -> Vec<Need> {
    let listed: Vec<&str> = facts.listed().collect();
    let (source, destination) = (own::kms_key(facts, "sourceKeyId"), own::kms_key(facts, "destinationKeyId"));
    let place_of = |name: &Option<String>| listed.iter().position(|arn| name.as_deref() == Some(*arn));
    let keys = match (listed.as_slice(), place_of(&source), place_of(&destination)) {
        ([both], ..) => [Some((*both).to_owned()), Some((*both).to_owned())],
        ([first, second], Some(1), _) | ([first, second], _, Some(0)) => {
            [Some((*second).to_owned()), Some((*first).to_owned())]
        }
        ([first, second], ..) => [Some((*first).to_owned()), Some((*second).to_owned())],
        _ => [source, destination],
    };
    let needs = targets.iter().zip(keys).map(|(target, key)| {
        let key: Vec<String> = key.into_iter().collect();
        need(target.action.clone(), target.resources_among(&key), Evidence::Observed)
    });
    needs.collect()
}

/// The first of the paths all of whose parameters the request gives, as an API Gateway ARN.
pub(super) fn path(facts: &Facts<'_>, target: &Target, paths: &str) -> Need {
    let arns: Vec<_> = paths.split(' ').filter_map(|path| filled(facts, path)).take(1).collect();
    need(target.action.clone(), target.resources_among(&arns), Evidence::Observed)
}

fn filled(facts: &Facts<'_>, path: &str) -> Option<String> {
    let mut text = format!("arn:{}:apigateway:{}::", facts.partition, facts.event.region);
    let mut rest = path;
    while let Some((before, tail)) = rest.split_once('{') {
        let (name, after) = tail.split_once('}')?;
        let value = facts.parameter(&[name])?;
        text.push_str(before);
        text.push_str(&if value.starts_with("arn:") {
            value.replace(':', "%3A").replace('/', "%2F")
        } else {
            value.to_owned()
        });
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

/// `ec2:CreateTags` for calls that tag what they create, on the kinds of things tagged.
pub(super) fn tags_on_create(catalog: &Catalog, facts: &Facts<'_>, action: &Action) -> Option<Need> {
    if action.service() != "ec2" || action.as_str() == "ec2:CreateTags" {
        return None;
    }
    let is_specification = |key: &str| {
        key.eq_ignore_ascii_case("tagSpecificationSet") || key.eq_ignore_ascii_case("tagSpecification")
    };
    let mut kinds: Vec<&str> = Vec::new();
    for (_, value) in request_members(facts.event).filter(|(key, _)| is_specification(key)) {
        let lists = [value, value.get("items"), value.get("item")];
        let specifications = lists
            .into_iter()
            .flat_map(Json::elements)
            .chain(lists.into_iter().filter(|list| list.is_object()));
        for specification in specifications {
            let has_tags = specification.members().any(|(key, tags)| is_tag_list(key) && holds_any(tags));
            let kind = specification.get_ignore_case("resourceType").text();
            kinds.extend(kind.filter(|_| has_tags));
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return None;
    }
    let region = Some(facts.event.region).filter(|region| !region.is_empty())?;
    let target = Target::of(&catalog.info(catalog.find("ec2:CreateTags")?)?);
    let account = facts.account?;
    let arns: Vec<_> = kinds
        .iter()
        .map(|kind| {
            let account = if matches!(*kind, "image" | "snapshot") { "" } else { account };
            format!("arn:{}:ec2:{region}:{account}:{kind}/*", facts.partition)
        })
        .collect();
    let mut tags = need(target.action.clone(), target.patterns_among(&arns), Evidence::Inferred);
    tags.context.push(("ec2:CreateAction".to_owned(), action.name().to_owned()));
    Some(tags)
}

/// `tag`, `tags`, `tagSet`: but not the `tag: 1` counters that EC2's wrapped requests are sprinkled with.
fn is_tag_list(key: &str) -> bool {
    ["tag", "tags", "tagSet"].iter().any(|name| key.eq_ignore_ascii_case(name))
}

/// A need without context.
pub(super) fn need(action: Action, resources: Vec<Resource>, evidence: Evidence) -> Need {
    Need { action, resources, evidence, context: Vec::new() }
}
