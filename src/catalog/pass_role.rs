//! `iam:PassRole`, which CloudTrail never shows.
//!
//! A successful write call that hands a role to a service had the permission to pass it. Roles are found by the form of
//! their ARN anywhere in the request. The catalog names the parameters of each operation that hold roles, by ARN or by name, as the
//! model of the operation's input and the action's dependent actions tell. The project's own table goes before both: it names
//! parameters they do not know, and those in which a role's ARN is only data.

use std::collections::BTreeMap;

use super::curated::{Curated, PassRole, Passed};
use super::facts::{Facts, Field};
use super::narrow::need;
use super::resource::Target;
use super::{Catalog, Evidence, Need, Resource};
use crate::ident::{Arn, is_name_char};
use crate::record::Outcome;

/// What applies to all events of one primary action.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rows: Vec<&'static PassRole>,
    parameters: Vec<Parameter>,
    /// The call cannot pass a role.
    never: bool,
    /// The only service AWS's table lets the operation pass roles to.
    to: Option<&'static str>,
}

/// A parameter that holds a role, as the model of the operation's input says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    /// The parameter around it; empty at the top.
    pub(super) parent: &'static str,
    pub(super) key: &'static str,
    pub(super) what: Passed,
    /// AWS documents that the operation passes it; without that, a role's ARN in it is taken for passed, a name is not.
    pub(super) is_documented: bool,
}

impl Parameter {
    /// Reads what [`super::section::Input::roles`] says: `R` a role's ARN, `N` an ARN or a name, `P` an instance profile,
    /// `T` a launch template, `r` a role whose passing is not documented.
    pub(super) fn all(roles: &'static str) -> impl Iterator<Item = Self> {
        roles.split(',').filter_map(|row| {
            let (path, letter) = row.split_once('=')?;
            let (parent, key) = path.split_once('.').unwrap_or(("", path));
            let what = match letter {
                "P" => Passed::InstanceProfile,
                "T" => Passed::LaunchTemplate,
                _ => Passed::Role,
            };
            Some(Self { parent, key, what, is_documented: letter != "r" })
        })
    }

    fn is(&self, field: &Field<'_>) -> bool {
        field.key.eq_ignore_ascii_case(self.key) && field.parent.eq_ignore_ascii_case(self.parent)
    }
}

/// First words of the names of calls that take away: a role they name is not passed.
const TAKING_AWAY: [&str; 13] = [
    "Cancel",
    "Delete",
    "Deregister",
    "Detach",
    "Disable",
    "Disassociate",
    "Forget",
    "Remove",
    "Revoke",
    "Stop",
    "Tag",
    "Terminate",
    "Untag",
];

impl Rules {
    /// The rules for an action; `told` is what the service reference says of its operation, several values separated by commas, and
    /// `roles` what the model of its input says.
    pub(super) fn of(target: &Target, told: Option<&'static str>, roles: &'static str) -> Self {
        let (prefix, name) = (target.action.service(), target.action.name());
        let rows: Vec<_> = Curated::embedded().pass_role(prefix, name).collect();
        let parameters: Vec<_> = Parameter::all(roles).collect();
        let is_listed = rows.iter().any(|row| !matches!(row.what, Passed::Data));
        // Some calls that only read run with a role they are given.
        let is_documented = parameters.iter().any(|parameter| parameter.is_documented);
        let is_data = rows.iter().any(|row| row.parameter == "*" && matches!(row.what, Passed::Data));
        let takes_away = TAKING_AWAY.iter().any(|verb| name.starts_with(verb));
        Self {
            never: (target.levels.is_read_only() && !is_documented)
                || (is_data && !is_listed)
                || (takes_away && !is_listed && !is_documented),
            rows,
            parameters,
            to: told.filter(|to| !to.is_empty() && !to.contains(',')),
        }
    }

    /// The operation's parameters that hold roles, by the model of its input.
    pub(super) fn parameters(&self) -> &[Parameter] {
        if self.never { &[] } else { &self.parameters }
    }

    /// The roles a successful event passed, one need per service they were passed to.
    pub(super) fn needs(&self, catalog: &Catalog, facts: &Facts<'_>, target: &Target) -> Vec<Need> {
        if self.never || facts.event.outcome() != Outcome::Succeeded {
            return Vec::new();
        }
        let mut by_service: BTreeMap<String, Vec<Resource>> = BTreeMap::new();
        let mut pass = |service: String, resource| {
            let resources = by_service.entry(service).or_default();
            if !resources.contains(&resource) {
                resources.push(resource);
            }
        };
        let prefix = target.action.service();
        let everything_is_data =
            self.rows.iter().any(|row| row.parameter == "*" && matches!(row.what, Passed::Data));
        let mut has_profile = false;
        for field in &facts.request {
            let row = self.rows.iter().find(|row| names(row.parameter, field));
            let told =
                || self.parameters.iter().find(|parameter| parameter.is_documented && parameter.is(field));
            let what = row
                .map(|row| row.what)
                .or(everything_is_data.then_some(Passed::Data))
                .or_else(|| told().map(|parameter| parameter.what));
            if matches!(what, Some(Passed::Data)) {
                continue;
            }
            let to = || {
                row.and_then(|row| row.to).map_or_else(|| passed_to(prefix, field, self.to), str::to_owned)
            };
            match role_arn(field.value) {
                Some(IamArn::Role) => pass(to(), Resource::Arn(field.value.to_owned())),
                Some(IamArn::InstanceProfile) => {
                    has_profile = true;
                    pass("ec2.amazonaws.com".to_owned(), Resource::InstanceProfile(field.value.to_owned()));
                }
                None => match what {
                    Some(Passed::Role) if is_name(field.value) => pass(to(), role_named(facts, field.value)),
                    Some(Passed::InstanceProfile) if is_name(field.value) => {
                        has_profile = true;
                        pass(to(), Resource::InstanceProfile(field.value.to_owned()));
                    }
                    _ => {}
                },
            }
        }
        if !has_profile {
            self.launch_template(facts, &mut pass);
        }
        let pass_role =
            || catalog.find("iam:PassRole").and_then(|id| catalog.info(id)).map(|info| info.action().clone());
        let Some(action) = (!by_service.is_empty()).then(pass_role).flatten() else { return Vec::new() };
        let needs = by_service.into_iter().map(|(service, mut resources)| {
            resources.sort();
            let mut passed = need(action.clone(), resources, Evidence::Inferred);
            passed.context.push(("iam:PassedToService".to_owned(), service));
            passed
        });
        needs.collect()
    }

    /// A launch template names the profile; only where the call's answer does not show it is it left to be looked up.
    fn launch_template(&self, facts: &Facts<'_>, pass: &mut impl FnMut(String, Resource)) {
        let templates = facts.request.iter().filter_map(|field| {
            let row = self.rows.iter().find(|row| names(row.parameter, field));
            let told = || self.parameters.iter().find(|parameter| parameter.is(field));
            let what = row.map(|row| row.what).or_else(|| told().map(|parameter| parameter.what))?;
            let to = row.and_then(|row| row.to).unwrap_or("ec2.amazonaws.com");
            matches!(what, Passed::LaunchTemplate).then_some((to, field.value))
        });
        let Some((service, template)) = templates.take(1).next() else { return };
        let profiles = facts
            .response
            .iter()
            .filter(|field| matches!(role_arn(field.value), Some(IamArn::InstanceProfile)));
        let mut shown = false;
        for field in profiles {
            shown = true;
            pass(service.to_owned(), Resource::InstanceProfile(field.value.to_owned()));
        }
        // The answer lists the instances: one without a profile had none to pass.
        let lists_instances = facts.response.iter().any(|field| field.key == "instanceId");
        if !shown && !lists_instances {
            pass(service.to_owned(), Resource::LaunchTemplate(template.to_owned()));
        }
    }
}

enum IamArn {
    Role,
    InstanceProfile,
}

/// Whether a text is the ARN of a role (not of a session, not a pattern) or of an instance profile.
fn role_arn(text: &str) -> Option<IamArn> {
    if !text.starts_with("arn:") || text.len() > 2_048 || text.contains(['*', '?', '$', ' ', '\n', ',']) {
        return None;
    }
    let arn = Arn::parse(text).filter(|arn| arn.service == "iam" && arn.region.is_empty())?;
    let of = |kind| arn.resource.strip_prefix(kind).is_some_and(|path| !path.is_empty());
    if of("role/") {
        Some(IamArn::Role)
    } else if of("instance-profile/") {
        Some(IamArn::InstanceProfile)
    } else {
        None
    }
}

/// Whether a text can be the name of a role or instance profile.
fn is_name(text: &str) -> bool {
    text.len() <= 128 && text.chars().all(|c| c == '/' || is_name_char(c))
}

/// The role of this name in the event's account, its path open.
fn role_named(facts: &Facts<'_>, name: &str) -> Resource {
    match facts.account {
        Some(account) => Resource::Arn(format!("arn:{}:iam::{account}:role/*{name}", facts.partition)),
        None => Resource::Unknown("the event does not tell the role's account"),
    }
}

/// Whether a field is the parameter a row names: as itself (`jobFlowRole`), as the container (`iamInstanceProfile.name`), or as
/// anything inside (`tags.*`).
fn names(parameter: &str, field: &Field<'_>) -> bool {
    if let Some(container) = parameter.strip_suffix(".*") {
        return field.parent.eq_ignore_ascii_case(container);
    }
    let inside = field.parent.eq_ignore_ascii_case(parameter)
        && ["name", "arn"].iter().any(|key| field.key.eq_ignore_ascii_case(key));
    inside || field.key.eq_ignore_ascii_case(parameter)
}

/// The service the role in this parameter goes to: by the project's table, else by AWS's, else the called service's own name.
fn passed_to(prefix: &str, field: &Field<'_>, told: Option<&'static str>) -> String {
    Curated::embedded()
        .passed_to(prefix, field.key)
        .or(told)
        .map_or_else(|| format!("{prefix}.amazonaws.com"), str::to_owned)
}
