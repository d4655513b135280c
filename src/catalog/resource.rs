//! Which resources a call was about.
//!
//! In order of trust: the event's own `resources`, ARNs among the request's parameters, ARNs put together from the
//! request's parameters by the catalog's formats, ARNs in the response. Only what a policy can name for the action comes out.
//!
//! What a call creates and AWS names itself (`i-0abc…`) is not in the request, so the permission cannot have been checked on
//! it: such places hold `*`, which is also what AWS shows in the decoded denial of such a call.

pub(super) mod own;
mod provenance;

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Resource;
use super::curated::Curated;
use super::facts::{Facts, Field};
use super::format::{ArnFormat, Segment};
use super::index::{ActionInfo, Levels};
use super::naming::{is_same_name as is_same, stem, strip_end};
use super::need::CUT;
use crate::ident::Action;

/// Distinct resources told apart per call; beyond, the call is said to be about more.
const MOST_RESOURCES: usize = 256;

const UNNAMED: &str = "the event names no resource of the action's kinds";
const WILDCARD: &str = "a name in the event holds a wildcard character";
const TOO_MANY: &str = "the call is about more resources than are told apart";

/// An action with its resource types made ready for binding.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) action: Action,
    pub(super) levels: Levels,
    kinds: Vec<Kind>,
    /// Its name says that something new comes of it.
    pub(super) creates: bool,
}

#[derive(Debug)]
struct Kind {
    name: &'static str,
    required: bool,
    formats: Vec<Format>,
}

#[derive(Debug)]
struct Format {
    arn: ArnFormat<'static>,
    /// The variables other than partition, Region and account.
    variables: Vec<Variable>,
}

#[derive(Debug)]
struct Variable {
    name: &'static str,
    /// The operation's parameter that fills it, by the model of the operation's input; known where the names differ.
    parameter: Option<&'static str>,
}

impl Target {
    pub(super) fn of(info: &ActionInfo<'_>) -> Self {
        Self::with_templates(info, "")
    }

    /// The action as one operation needs it; `templates` is what the model of the operation's input says ([`super::section::Input`]).
    pub(super) fn with_templates(info: &ActionInfo<'_>, templates: &'static str) -> Self {
        let kinds = info.resource_types().map(|part| Kind {
            name: part.kind.name,
            required: part.required || is_always_needed(info.action(), part.kind.name),
            formats: part
                .kind
                .formats
                .iter()
                .map(|format| Format::of(format, part.kind.name, templates))
                .collect(),
        });
        let name = info.action().name();
        Self {
            action: info.action().clone(),
            levels: info.levels(),
            kinds: kinds.collect(),
            creates: CREATING.iter().any(|verb| name.starts_with(verb)),
        }
    }

    /// The resources of an event that policies can name for the action. Never empty.
    pub(super) fn resources(&self, facts: &Facts<'_>) -> Vec<Resource> {
        let listed: Vec<Cow<'_, str>> = facts.listed().map(Cow::Borrowed).collect();
        let of_the_action = |arn: &str| self.kinds.iter().any(|kind| kind.is_of(arn));
        let own = own::candidates(facts, &self.action);
        let is_odd = |arn: &str| !is_plain(arn) && of_the_action(arn);
        if listed.iter().any(|arn| is_odd(arn)) || own.exact.iter().any(|arn| is_odd(arn)) {
            return vec![Resource::Unknown(WILDCARD)];
        }
        let own: Vec<Cow<'_, str>> = own.all().into_iter().map(Cow::Owned).collect();
        self.bind(facts, &listed, &own)
    }

    /// Like [`Target::resources`], for an action that tags what the call creates: nothing the request names by its ARN, for that was
    /// there before.
    pub(super) fn resources_created(&self, facts: &Facts<'_>) -> Vec<Resource> {
        if let Some(created) = own::created(facts) {
            return self.patterns_among(&[created]);
        }
        let given: Vec<_> = facts.request.iter().filter_map(as_arn).collect();
        let mut resources = self.resources(facts);
        let is_given = |resource: &Resource| matches!(resource, Resource::Arn(arn) if given.iter().any(|one| **one == **arn));
        resources.retain(|resource| !is_given(resource));
        if resources.is_empty() { vec![Resource::Unknown(UNNAMED)] } else { resources }
    }

    /// Like [`Target::resources`], for an action whose resources a rule already knows: these, and nothing put together.
    pub(super) fn resources_among(&self, candidates: &[String]) -> Vec<Resource> {
        if self.kinds.is_empty() {
            return vec![Resource::None];
        }
        if candidates.iter().any(|arn| !is_plain(arn)) {
            return vec![Resource::Unknown(WILDCARD)];
        }
        self.patterns_among(candidates)
    }

    /// The patterns that are of one of the action's types; a rule of this crate made them.
    pub(super) fn patterns_among(&self, patterns: &[String]) -> Vec<Resource> {
        let of_the_action = patterns.iter().filter(|arn| self.kinds.iter().any(|kind| kind.is_of(arn)));
        let resources: Vec<_> = of_the_action.cloned().map(Resource::Arn).collect();
        if resources.is_empty() { vec![Resource::Unknown(UNNAMED)] } else { resources }
    }

    fn bind(&self, facts: &Facts<'_>, listed: &[Cow<'_, str>], own: &[Cow<'_, str>]) -> Vec<Resource> {
        if self.kinds.is_empty() {
            return vec![Resource::None];
        }
        let mut found = Found::default();
        let mut open: Vec<&Kind> = self.kinds.iter().collect();
        open.retain(|kind| !found.take(kind, listed));
        let is_listed = open.len() < self.kinds.len();
        open.retain(|kind| !found.take(kind, own));
        // A service that lists resources lists all of them; only a type that must be there is looked for further.
        open.retain(|kind| kind.required || !is_listed);
        if !open.is_empty() {
            let arns: Vec<_> = facts.request.iter().filter_map(as_arn).collect();
            open.retain(|kind| !found.take(kind, &arns));
            open.retain(|kind| !found.take(kind, &self.built(facts, kind)));
        }
        // The response tells what the request only implied, such as the caller's own user. What was created is no witness.
        let needs_more =
            |found: &Found, open: &[&Kind]| found.arns.is_empty() || open.iter().any(|kind| kind.required);
        if !self.creates && needs_more(&found, &open) {
            let arns: Vec<_> = facts.response.iter().filter_map(as_arn).collect();
            open.retain(|kind| !found.take(kind, &arns));
        }
        open.retain(|kind| kind.required);
        if self.levels.contains(Levels::TAGGING) && !found.arns.is_empty() {
            // A call tags one thing: the types AWS lists as required are those it may be of.
            open.clear();
        }
        if self.creates && found.arns.is_empty() && !has_parameters(facts) {
            // Denied calls come without parameters: what was to be created is not known, not even that AWS would have named it.
            return vec![Resource::Unknown(if facts.is_cut { CUT } else { UNNAMED })];
        }
        if self.creates || !found.arns.is_empty() {
            open.retain(|kind| !found.take_patterns(kind.anywhere(facts)));
        }
        if found.arns.is_empty() || !open.is_empty() {
            return vec![Resource::Unknown(if facts.is_cut { CUT } else { UNNAMED })];
        }
        if found.arns.len() > MOST_RESOURCES {
            return vec![Resource::Unknown(TOO_MANY)];
        }
        found.arns.into_iter().map(Resource::Arn).collect()
    }

    /// ARNs of a kind put together from the request's parameters.
    fn built(&self, facts: &Facts<'_>, kind: &Kind) -> Vec<Cow<'static, str>> {
        let is_sole =
            self.kinds.len() == 1 || (kind.required && self.kinds.iter().filter(|k| k.required).count() == 1);
        let build = |format: &Format| {
            let values: Vec<_> = format
                .variables
                .iter()
                .map(|variable| {
                    let alone = is_sole && format.variables.len() == 1;
                    values(facts, self.action.service(), kind, format, variable, alone)
                })
                .collect();
            let n_open = values.iter().filter(|values| values.is_empty()).count();
            // Of the types a call that tags lists as required, the thing is one.
            let must_be = kind.required && !(self.levels.contains(Levels::TAGGING) && self.kinds.len() > 1);
            if n_open == values.len() || (n_open > 0 && !must_be) {
                return Vec::new();
            }
            // One variable may have many values (`instanceIds`), the others lend their first.
            let many = values.iter().map(Vec::len).max().unwrap_or(0);
            (0..many)
                .filter_map(|place| {
                    let value = |variable: &str| {
                        let at = format.variables.iter().position(|known| known.name == variable)?;
                        let values = values.get(at)?;
                        values.get(place).or_else(|| values.first()).copied()
                    };
                    format.fill(facts, value).map(Cow::Owned)
                })
                .collect()
        };
        kind.formats.iter().flat_map(build).collect()
    }
}

/// First words of the names of actions that bring something new into being.
const CREATING: [&str; 11] = [
    "Allocate",
    "Copy",
    "Create",
    "Import",
    "Launch",
    "Provision",
    "Purchase",
    "Register",
    "Request",
    "Restore",
    "Run",
];

/// Whether the event holds the call's parameters: of calls that were denied, and of very large ones, it does not.
fn has_parameters(facts: &Facts<'_>) -> bool {
    let request = facts.event.request;
    request.is_object() && request.get("omitted").as_bool() != Some(true)
}

/// Types AWS documents as optional that nearly every call needs: an instance without a volume is the exception.
fn is_always_needed(action: &Action, kind: &str) -> bool {
    action.as_str() == "ec2:RunInstances" && kind == "volume"
}

impl Kind {
    fn is_of(&self, arn: &str) -> bool {
        self.formats.iter().any(|format| format.arn.matches(arn))
    }

    /// The kind in the event's account and Region, whatever the name.
    fn anywhere(&self, facts: &Facts<'_>) -> Vec<String> {
        self.formats.iter().filter_map(|format| format.fill(facts, |_| None)).collect()
    }
}

impl Format {
    fn of(text: &'static str, kind: &str, templates: &'static str) -> Self {
        let arn = ArnFormat::parse(text);
        let variables = arn.segments().iter().filter_map(|segment| match segment {
            Segment::Variable(name) if !matches!(*name, "Partition" | "Region" | "Account") => Some(*name),
            _ => None,
        });
        let parameter = |name: &str| {
            let rows = templates.split(',').filter_map(|row| row.split_once('='));
            let mut rows = rows.filter_map(|(place, parameter)| Some((place.rsplit_once('/')?, parameter)));
            rows.find(|((of, variable), _)| *variable == name && of.eq_ignore_ascii_case(kind))
        };
        let variables = variables
            .map(|name| Variable { name, parameter: parameter(name).map(|(_, parameter)| parameter) })
            .collect();
        Self { arn, variables }
    }

    /// The ARN with these values, `*` where there is none; `None` when the account is not known.
    fn fill<'v>(&self, facts: &Facts<'_>, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let mut text = String::new();
        for segment in self.arn.segments() {
            match segment {
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Any => text.push('*'),
                Segment::Variable("Partition") => text.push_str(facts.partition),
                Segment::Variable("Region") => text.push_str(non_empty(facts.event.region)?),
                Segment::Variable("Account") => text.push_str(facts.account?),
                Segment::Variable(name) => {
                    let value = value(name).unwrap_or("*");
                    // `/a/b` of a parameter in `parameter/${…}` brings its slash along.
                    let doubled = text.ends_with('/') && value.starts_with('/');
                    text.push_str(if doubled { value.get(1..).unwrap_or_default() } else { value });
                }
            }
        }
        self.arn.matches(&text).then_some(text)
    }
}

fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// What has been found so far.
#[derive(Default)]
struct Found {
    arns: BTreeSet<String>,
}

impl Found {
    /// Takes the candidates of a kind; whether there was any.
    fn take(&mut self, kind: &Kind, candidates: &[Cow<'_, str>]) -> bool {
        let mut any = false;
        for arn in candidates.iter().filter(|arn| kind.is_of(arn)) {
            any = true;
            if self.arns.len() > MOST_RESOURCES {
                break;
            }
            if !self.arns.contains(&**arn) {
                self.arns.insert(arn.clone().into_owned());
            }
        }
        any
    }

    /// Takes patterns already known to be of the kind; whether there was any.
    fn take_patterns(&mut self, patterns: Vec<String>) -> bool {
        let any = !patterns.is_empty();
        self.arns.extend(patterns);
        any
    }
}

/// By byte: whether a text that holds it may mean something else than itself in a policy, or hold control characters. Beyond ASCII
/// these are U+0080 to U+009F, whose first byte is 0xC2.
#[expect(clippy::indexing_slicing, reason = "looked at when this is compiled")]
const IS_ODD: [bool; 256] = {
    let mut is_odd = [false; 256];
    let mut byte = 0;
    while byte < is_odd.len() {
        is_odd[byte] = matches!(byte, 0x00..0x20 | 0x24 | 0x2a | 0x3f | 0x7f | 0xc2);
        byte += 1;
    }
    is_odd
};

/// Whether a text from a log can stand in a policy as itself: `*`, `?` and `${…}` would mean something there.
fn is_plain(text: &str) -> bool {
    // Nearly all texts are settled without looking at characters.
    let is_odd = |byte: u8| IS_ODD.get(usize::from(byte)).copied().unwrap_or_default();
    let any_odd = text.bytes().fold(false, |any, byte| any | is_odd(byte));
    !any_odd || (!text.contains(['*', '?']) && !text.contains("${") && !text.chars().any(char::is_control))
}

/// A field's value as an ARN: as written, or with the `%3A` and `%2F` of a path parameter undone.
fn as_arn<'e>(field: &Field<'e>) -> Option<Cow<'e, str>> {
    let value = field.value;
    if !value.starts_with("arn") || value.len() > 2_048 || !is_plain(value) {
        return None;
    }
    if value.starts_with("arn:") {
        return Some(Cow::Borrowed(value));
    }
    let undone = value.starts_with("arn%3A").then(|| value.replace("%3A", ":").replace("%2F", "/"));
    undone.filter(|text| !text.contains('%')).map(Cow::Owned)
}

/// The request's values for a variable of a kind's format: by the variable's own name, by the curated table, by the model of the
/// operation's input, by the name without `Id`, `Name` or `Arn`, by the kind's name, and, when nothing else is asked for, by `name`,
/// `id` or `arn`.
fn values<'e>(
    facts: &Facts<'e>,
    service: &str,
    kind: &Kind,
    format: &Format,
    variable: &Variable,
    alone: bool,
) -> Vec<&'e str> {
    // `stackName` is a stack's name, and so it is not also its id; where two parts are asked for, the kind's name tells neither.
    let single = format.variables.len() == 1;
    let (variable, told) = (variable.name, variable.parameter);
    let variable = variable.strip_suffix("WithPath").unwrap_or(variable);
    let variable = variable.strip_suffix("WithoutLeadingSlash").unwrap_or(variable);
    let bare = stem(variable);
    let alias = Curated::embedded().parameter(service, variable);
    let levels: [&dyn Fn(&Field<'_>) -> bool; 6] = [
        &|field| is_same(field.key, variable),
        &|field| alias.is_some_and(|alias| is_same(field.key, alias)),
        &|field| told.is_some_and(|told| is_same(field.key, told)),
        &|field| !bare.is_empty() && is_same(stem(field.key), bare),
        &|field| single && is_same(stem(field.key), kind.name),
        &|field| alone && field.depth == 1 && GENERIC.iter().any(|name| is_same(field.key, name)),
    ];
    // An id that AWS gives (`lt-0abc…`) is not the name the request gives: a policy with the name in its place would match nothing.
    let wants_id = strip_end(variable, "Id").is_some();
    let may_be = |field: &Field<'_>| {
        // A security group's id is no name of a resource group, though both parameters are called a group.
        let is_of_another_kind = service == "ec2"
            && !wants_id
            && (strip_end(field.key, "id").is_some() || own::is_known_ec2_id(field.value));
        (!wants_id && !is_of_another_kind)
            || [alias, told].into_iter().flatten().any(|told| is_same(field.key, told))
            || (wants_id
                && strip_end(field.key, "name").is_none()
                && (service != "ec2" || own::is_ec2_id(field.value)))
    };
    for level in levels {
        let is_value = |field: &&Field<'e>| {
            !field.value.starts_with("arn:") && is_telling(field.value) && level(field) && may_be(field)
        };
        let Some(depth) = facts.request.iter().filter(is_value).map(|field| field.depth).min() else {
            continue;
        };
        let at_depth = facts.request.iter().filter(is_value).filter(|field| field.depth <= depth + 1);
        return at_depth.map(|field| field.value).take(MOST_RESOURCES + 1).collect();
    }
    Vec::new()
}

/// What single-resource calls call their resource.
const GENERIC: [&str; 7] =
    ["name", "id", "identifier", "resourceId", "resourceName", "resourceIdentifier", "resource"];

/// Values CloudTrail writes in place of secrets tell nothing, and a `*` or `?` in a name would widen a policy.
fn is_telling(value: &str) -> bool {
    value.len() <= 1_024 && is_plain(value) && !value.starts_with("HIDDEN_")
}
