//! What an operation's input says about the roles it passes and the resources it is about, where a parameter's name alone does not
//! say it.
//!
//! Roles: every text that is a role by its name, shape or pattern; whether the operation passes them is known where the action needs
//! `iam:PassRole` beside it. Resources: which parameter fills a variable of an ARN format, when the two have different names.

use std::collections::{BTreeMap, BTreeSet};

use leastwise::catalog::{Catalog, Levels, is_same_name, stem};

use super::models::{Leaf, Member, Operation};

/// What was found for one operation.
#[derive(Default)]
pub(super) struct Found {
    /// `[parent.]parameter=letter`.
    roles: BTreeSet<String>,
    /// `type/Variable=parameter`.
    templates: BTreeSet<String>,
}

/// How much was found in all operations.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(name, count)| (*name, *count))
    }
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.templates.is_empty()
    }

    pub(super) fn add(&mut self, other: Self) {
        self.roles.extend(other.roles);
        self.templates.extend(other.templates);
    }

    /// The operation's line in the catalog's text.
    pub(super) fn line(&self, name: &str) -> String {
        let list = |texts: &BTreeSet<String>| texts.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let line = format!("~{name}\t{}\t{}", list(&self.roles), list(&self.templates));
        line.trim_end_matches('\t').to_owned() + "\n"
    }
}

/// What the input of an operation that needs these actions says.
pub(super) fn of(catalog: &Catalog, operation: &Operation, actions: &[String], tally: &mut Tally) -> Found {
    let infos = actions.iter().filter_map(|action| catalog.info(catalog.find(action)?));
    let infos: Vec<_> = infos.filter(|info| info.action().service() == operation.prefix).collect();
    let mut found = Found::default();
    let passes = infos.iter().any(|info| info.dependent_actions().any(|action| action == "iam:PassRole"));
    let writes = infos.iter().any(|info| !info.levels().is_read_only() && info.levels() != Levels::TAGGING);
    if passes || writes {
        found.roles.extend(operation.leaves.iter().filter_map(|leaf| role(leaf, passes)));
    }
    if passes {
        tally.count("pass-role-operations");
        if found.roles.is_empty() {
            tally.count("pass-role-operations-without-a-parameter");
        }
    } else if !found.roles.is_empty() {
        tally.count("pass-role-candidates");
    }
    // EC2 tells resources by the form of their ids, API Gateway by paths, and S3 has names of its own in events.
    if operation.protocol != "ec2" && !["apigateway", "s3"].contains(&operation.prefix.as_str()) {
        let creates = CREATING.iter().any(|verb| operation.name.starts_with(verb));
        for info in &infos {
            for part in info.resource_types() {
                for format in &part.kind.formats {
                    let variables = variables(format);
                    let is_sole = variables.len() == 1;
                    for variable in &variables {
                        let place = Place {
                            kind: part.kind.name,
                            variable: plain_variable(variable),
                            is_sole,
                            creates,
                        };
                        match place.bound(&operation.members) {
                            Bound::ByName => tally.count("arn-variables-by-name"),
                            Bound::ByArn => tally.count("arn-variables-by-arn"),
                            Bound::By(member) => {
                                found.templates.insert(format!(
                                    "{}/{variable}={}",
                                    part.kind.name,
                                    first_lower(member)
                                ));
                            }
                            Bound::Not if creates => tally.count("arn-variables-of-what-is-created"),
                            Bound::Not => tally.count("arn-variables-not-bound"),
                        }
                    }
                }
            }
        }
    }
    leave_out_what_is_ambiguous(&mut found.templates);
    for _ in &found.templates {
        tally.count("arn-variables-by-template");
    }
    found
}

/// First words of operations whose resource's id AWS gives.
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

/// A parameter that holds a role, an instance profile or a launch template, with its letter (see `catalog::pass_role`).
fn role(leaf: &Leaf, passes: bool) -> Option<String> {
    let name = leaf.name.to_ascii_lowercase();
    let parent = leaf.parent.to_ascii_lowercase();
    let ends = |text: &str, ends: &[&str]| ends.iter().any(|end| text.ends_with(end));
    let is_profile = name.contains("instanceprofile")
        || (parent.contains("instanceprofile") && ["name", "arn"].contains(&name.as_str()));
    let is_template = ["launchtemplateid", "launchtemplatename"].contains(&name.as_str());
    let is_role =
        ends(&name, &["role", "rolearn", "rolearns", "rolename", "rolenames", "roleoverride", "iamroles"])
            || ends(&leaf.shape.to_ascii_lowercase(), &["rolearn", "rolename"])
            || leaf.pattern.contains(":role");
    let is_arn = ends(&name, &["arn", "arns"]) || leaf.pattern.trim_start_matches('^').starts_with("arn");
    let letter = match (is_profile, is_template, is_role) {
        (true, ..) if passes => 'P',
        (_, true, _) if passes => 'T',
        (false, false, true) if passes && is_arn => 'R',
        (false, false, true) if passes => 'N',
        (false, false, true) => 'r',
        _ => return None,
    };
    let parent = if parent.is_empty() { String::new() } else { first_lower(&leaf.parent) + "." };
    Some(format!("{parent}{}={letter}", first_lower(&leaf.name)))
}

/// A variable of a resource type's format.
struct Place<'a> {
    kind: &'a str,
    variable: &'a str,
    /// The format has no other variable.
    is_sole: bool,
    creates: bool,
}

enum Bound<'m> {
    /// The parameter's name tells, so the catalog need not.
    ByName,
    /// A parameter holds the whole ARN.
    ByArn,
    By(&'m str),
    Not,
}

impl Place<'_> {
    fn bound<'m>(&self, members: &'m [Member]) -> Bound<'m> {
        let is_arn = |member: &&Member| ends_ignoring_case(&member.name, &["arn", "arns"]);
        let (arns, texts): (Vec<&Member>, Vec<&Member>) = members.iter().partition(is_arn);
        let own = stem(self.variable);
        let by_name = |member: &&Member| {
            is_same_name(&member.name, self.variable)
                || (!own.is_empty() && is_same_name(stem(&member.name), own))
                || (self.is_sole && is_same_name(stem(&member.name), self.kind))
        };
        if texts.iter().any(by_name) {
            return Bound::ByName;
        }
        let names_it = |member: &&Member| {
            let stem = stem(&member.name);
            stem.is_empty() || is_same_name(stem, "resource") || self.is_about(stem)
        };
        if arns.iter().any(names_it) {
            return Bound::ByArn;
        }
        let wants_id = ends_ignoring_case(self.variable, &["id"]);
        let may_be = |member: &&&Member| !(wants_id && ends_ignoring_case(&member.name, &["name"]));
        let only = |is: &dyn Fn(&Member) -> bool| {
            let mut found = texts.iter().filter(may_be).filter(|member| is(member));
            let first = found.next()?;
            found.next().is_none().then_some(first.name.as_str())
        };
        let generic =
            |member: &Member| stem(&member.name).is_empty() || is_same_name(&member.name, "identifier");
        let by_path = only(&|member| {
            let Some(segment) = &member.segment else { return false };
            let here = is_same_name(segment, own) || (self.is_sole && is_same_name(segment, self.kind));
            here && (generic(member) || self.is_about(stem(&member.name)))
        });
        if let Some(name) = by_path {
            return Bound::By(name);
        }
        if self.creates && wants_id {
            return Bound::Not;
        }
        let is_telling = !["", "resource", "resourcepath"].contains(&own.to_ascii_lowercase().as_str());
        let by_shape = only(&|member| {
            is_telling
                && is_same_name(&member.shape, self.variable)
                && (generic(member) || self.is_about(stem(&member.name)))
        });
        let by_part = || {
            only(&|member| {
                let stem = stem(&member.name);
                !stem.is_empty()
                    && !ends_ignoring_case(&member.name, &["versions", "status", "type", "token", "key"])
                    && !["new", "old", "previous", "next", "parent"]
                        .iter()
                        .any(|word| starts_ignoring_case(stem, word))
                    && self.is_about(stem)
            })
        };
        by_shape.or_else(by_part).map_or(Bound::Not, Bound::By)
    }

    /// Whether a parameter's stem is the end of what the variable, or the resource type, is called, or the other way round.
    fn is_about(&self, stem_of_parameter: &str) -> bool {
        let own = stem(self.variable);
        let is_telling = !["", "resource", "resourcepath"].contains(&own.to_ascii_lowercase().as_str());
        (is_telling && are_related(stem_of_parameter, own))
            || (self.is_sole && are_related(stem_of_parameter, self.kind))
    }
}

/// Whether one of two names is the end of the other: `DBCluster` and `cluster`.
fn are_related(a: &str, b: &str) -> bool {
    let plain = |text: &str| -> String {
        let text: String =
            text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let text = text.strip_suffix('s').unwrap_or(&text).replace("application", "app");
        text.strip_suffix("resource").filter(|head| !head.is_empty()).unwrap_or(&text).to_owned()
    };
    let (a, b) = (plain(a), plain(b));
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    short.len() >= 3 && long.ends_with(&short)
}

/// A parameter that fills two places of one ARN, or the sole place of two types, tells neither.
fn leave_out_what_is_ambiguous(templates: &mut BTreeSet<String>) {
    let mut by_member: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for row in templates.iter() {
        if let Some((place, member)) = row.split_once('=')
            && let Some((kind, variable)) = place.rsplit_once('/')
        {
            by_member.entry(member.to_owned()).or_default().insert((kind.to_owned(), variable.to_owned()));
        }
    }
    templates.retain(|row| {
        let Some((place, member)) = row.split_once('=') else { return false };
        let Some((kind, variable)) = place.rsplit_once('/') else { return false };
        let others = by_member.get(member).into_iter().flatten();
        // The same variable of several types is the part they share: the cluster of a node group and of an add-on.
        !others.into_iter().any(|(other_kind, other)| {
            (other_kind == kind && other != variable)
                || (other_kind != kind && other != variable)
                || (other_kind != kind
                    && ["Id", "Name", "ResourceId", "ResourceName", "Identifier"].contains(&other.as_str()))
        })
    });
}

/// The variables of a format other than partition, Region and account.
fn variables(format: &str) -> Vec<&str> {
    let parts = format.split("${").skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name);
    parts.filter(|name| !["Partition", "Region", "Account"].contains(name)).collect()
}

fn plain_variable(variable: &str) -> &str {
    let variable = variable.strip_suffix("WithPath").unwrap_or(variable);
    variable.strip_suffix("WithoutLeadingSlash").unwrap_or(variable)
}

/// As CloudTrail writes a member's name.
fn first_lower(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + chars.as_str())
}

fn ends_ignoring_case(text: &str, ends: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    ends.iter().any(|end| text.ends_with(end))
}

fn starts_ignoring_case(text: &str, start: &str) -> bool {
    text.to_ascii_lowercase().starts_with(start)
}
