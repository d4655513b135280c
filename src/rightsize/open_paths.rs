//! Which ways to more access a grant opens: all their steps must be possible together, on resources and under conditions that go
//! together, and a role that is passed must be there and trust the service it is passed to.

use std::collections::{BTreeMap, BTreeSet};

use super::ActionSet;
use super::draft::widened;
use super::effective::{Surroundings, layered};
use super::effort::Effort;
use super::escalation::{ESCALATION_PATHS, EscalationPath};
use super::grant::{Expander, Grant, union};
use crate::catalog::{ActionInfo, Catalog};
use crate::eval::Truth;
use crate::eval::trust::{Caller, admits};
use crate::ident::Arn;
use crate::inventory::{Account, Role};
use crate::policy::{Effect, PrincipalElement, PrincipalPattern};
use crate::proof::{LayeredGrant, Shared, Step, Together};

const PASS_ROLE: &str = "iam:PassRole";
const PASSED_TO: &str = "iam:PassedToService";

/// Services that a role passed by an action of a service may go to, where it is not the service itself.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html>
const OTHER_SERVICES: &[(&str, &[&str])] = &[
    ("apprunner", &["build.apprunner.amazonaws.com", "tasks.apprunner.amazonaws.com"]),
    ("autoscaling", &["ec2.amazonaws.com"]),
    ("batch", &["batch.amazonaws.com", "ecs-tasks.amazonaws.com"]),
    ("datapipeline", &["datapipeline.amazonaws.com", "ec2.amazonaws.com"]),
    ("ecs", &["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"]),
    ("elasticmapreduce", &["ec2.amazonaws.com", "elasticmapreduce.amazonaws.com"]),
    ("imagebuilder", &["ec2.amazonaws.com", "imagebuilder.amazonaws.com"]),
];

/// The roles of an account that services may be given, as far as the roles' trust policies tell.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Passable {
    /// ARNs of roles by the service they trust, sorted.
    by_service: BTreeMap<String, BTreeSet<String>>,
    /// ARNs of roles that trust everybody.
    by_anyone: BTreeSet<String>,
}

impl Passable {
    /// Of one account. A role whose own policies allow nothing gives nothing, and is left out.
    pub fn of(account: &Account) -> Self {
        let mut passable = Self::default();
        for role in account.roles.values().filter(|role| gives_something(role)) {
            let Some(trust) = &role.trust else {
                // Whom it trusts is not known.
                passable.by_anyone.insert(role.arn.clone());
                continue;
            };
            let allows = trust.statements.iter().filter(|statement| statement.effect == Effect::Allow);
            for pattern in allows.filter_map(|statement| statement.principal.as_ref()).flat_map(named) {
                let (service, admitted) = match pattern {
                    PrincipalPattern::Service(name) => {
                        (without_region(name), admits(trust, &Caller::Service(name.clone())))
                    }
                    PrincipalPattern::Federated(name) => (name.clone(), Truth::Unknown),
                    PrincipalPattern::Everyone { .. } => {
                        passable.by_anyone.insert(role.arn.clone());
                        continue;
                    }
                    PrincipalPattern::Aws(_) | PrincipalPattern::CanonicalUser(_) => continue,
                };
                if !admitted.is_false() {
                    passable.by_service.entry(service).or_default().insert(role.arn.clone());
                }
            }
        }
        passable
    }

    /// The roles a service may be given, but for the role that would pass them: itself it has.
    fn to(&self, service: &str, own: &str) -> Vec<String> {
        let named = self.by_service.get(service).into_iter().flatten();
        let all: BTreeSet<&String> = named.chain(&self.by_anyone).filter(|arn| arn.as_str() != own).collect();
        all.into_iter().cloned().collect()
    }
}

/// What a principal element may admit; of one that excludes, anybody.
fn named(element: &PrincipalElement) -> &[PrincipalPattern] {
    const ANYONE: &[PrincipalPattern] = &[PrincipalPattern::Everyone { written_as_aws: false }];
    match element {
        PrincipalElement::Only(patterns) => patterns,
        PrincipalElement::Except(_) => ANYONE,
    }
}

/// Whether some policy of the role allows something, or is not known.
fn gives_something(role: &Role) -> bool {
    role.policies.iter().any(|attached| {
        attached.document.as_ref().is_none_or(|policy| {
            !policy.unknown.is_empty()
                || policy.statements.iter().any(|statement| statement.effect == Effect::Allow)
        })
    })
}

/// `states.eu-west-1.amazonaws.com` and `states.amazonaws.com.cn` are `states.amazonaws.com`.
fn without_region(service: &str) -> String {
    let name = service.strip_suffix(".cn").unwrap_or(service);
    let Some(labels) = name.strip_suffix(".amazonaws.com") else { return service.to_owned() };
    let is_region =
        |label: &str| label.split('-').count() > 2 && label.ends_with(|c: char| c.is_ascii_digit());
    let labels = labels.rsplit_once('.').filter(|(_, last)| is_region(last)).map_or(labels, |(head, _)| head);
    format!("{labels}.amazonaws.com")
}

/// Who asks, and what there is to be passed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing<'a> {
    pub(super) role: &'a str,
    /// `None`: the account's roles are not known, and any may be there.
    pub(super) passable: Option<&'a Passable>,
}

impl Passing<'_> {
    fn partition(&self) -> &str {
        Arn::parse(self.role).map_or("aws", |arn| arn.partition)
    }
}

/// Ways to more access; each list sorted by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    pub(super) open: Vec<&'static EscalationPath>,
    /// Those of which it could not be told, with the reason as a clause.
    pub(super) undetermined: Vec<(&'static EscalationPath, String)>,
}

/// Of two ways to go the same path, the better.
fn either(one: Together, other: Together) -> Together {
    match (one, other) {
        (Together::Possible, _) | (_, Together::Possible) => Together::Possible,
        (Together::Impossible, other) => other,
        (undecided, _) => undecided,
    }
}

/// The ways that are open, or may be.
pub(super) fn open_paths(
    grant: &Grant<'_>,
    live: &ActionSet,
    around: &Surroundings<'_>,
    passing: Passing<'_>,
    expander: &Expander<'_>,
    effort: &Effort<'_>,
) -> Paths {
    let catalog = expander.catalog;
    // What nothing stands in the way of.
    let is_bare = grant.denies.is_empty() && around.limits.is_empty();
    let free = grant
        .allows
        .iter()
        .filter(|allow| is_bare && allow.resources.is_everything() && allow.statement.conditions.is_empty());
    let free = union(free);
    let holds = |set: &ActionSet, action: &str| catalog.find(action).is_some_and(|id| set.contains(id));
    let mut layers = None;
    let mut ways = |path: &EscalationPath| {
        if !path.actions.iter().all(|action| holds(live, action)) {
            return Together::Impossible;
        }
        let is_free = path.actions.iter().all(|action| holds(&free, action));
        let mut ask = |passed: Option<(&str, Vec<String>)>| {
            if is_free {
                return Together::Possible;
            }
            if let Err(stopped) = effort.go_on() {
                return Together::Undecided(stopped.to_string());
            }
            let layers = layers.get_or_insert_with(|| layered(grant, around));
            can_do(path, passed, layers, passing.partition(), catalog)
        };
        if !path.actions.contains(&PASS_ROLE) {
            return ask(None);
        }
        services(path).iter().fold(Together::Impossible, |found, service| {
            if found == Together::Possible {
                return found;
            }
            let roles = match passing.passable {
                None => vec![format!("arn:{}:iam::*:role/*", passing.partition())],
                Some(passable) => passable.to(service, passing.role),
            };
            if roles.is_empty() { found } else { either(found, ask(Some((service, roles)))) }
        })
    };
    let mut paths = Paths::default();
    for path in ESCALATION_PATHS {
        match ways(path) {
            Together::Possible => paths.open.push(path),
            Together::Impossible => {}
            Together::Undecided(reason) => paths.undetermined.push((path, reason)),
        }
    }
    paths
}

/// The services a path may pass a role to.
fn services(path: &EscalationPath) -> BTreeSet<String> {
    let prefixes = path.actions.iter().filter(|action| **action != PASS_ROLE);
    let prefixes = prefixes.filter_map(|action| action.split_once(':').map(|(prefix, _)| prefix));
    prefixes
        .flat_map(|prefix| match OTHER_SERVICES.iter().find(|(known, _)| *known == prefix) {
            Some((_, services)) => services.iter().map(|service| (*service).to_owned()).collect(),
            None => vec![format!("{prefix}.amazonaws.com")],
        })
        .collect()
}

/// Whether one session may take all steps of a path, with one of these roles passed to this service.
fn can_do(
    path: &EscalationPath,
    passed: Option<(&str, Vec<String>)>,
    layers: &mut LayeredGrant,
    partition: &str,
    catalog: &Catalog,
) -> Together {
    let infos: Vec<ActionInfo<'_>> =
        path.actions.iter().filter_map(|action| catalog.info(catalog.find(action)?)).collect();
    let steps: Vec<Step<'_>> = infos
        .iter()
        .map(|info| match &passed {
            Some((service, roles)) if info.action().as_str() == PASS_ROLE => {
                Step { action: info.action(), resources: roles.clone(), context: vec![(PASSED_TO, *service)] }
            }
            _ => {
                Step { action: info.action(), resources: asked_for_on(info, partition), context: Vec::new() }
            }
        })
        .collect();
    layers.together(&steps, &shared(&infos, partition))
}

/// The ARNs of a format, in one partition.
fn arns(format: &str, partition: &str) -> String {
    let text = widened(format);
    text.strip_prefix("arn:*:").map_or_else(|| text.clone(), |rest| format!("arn:{partition}:{rest}"))
}

/// What an action may be asked for on.
fn asked_for_on(info: &ActionInfo<'_>, partition: &str) -> Vec<String> {
    let mut resources: Vec<String> = info
        .resource_types()
        .flat_map(|one| &one.kind.formats)
        .map(|format| arns(format, partition))
        .collect();
    if info.resource_types().all(|one| !one.required) {
        resources.push("*".to_owned());
    }
    resources
}

/// Steps that work on resources of one kind work on one resource: what was made is what is started.
fn shared(infos: &[ActionInfo<'_>], partition: &str) -> Vec<Shared> {
    let mut shared = Vec::new();
    let kinds = |info: &ActionInfo<'_>| -> BTreeSet<String> {
        let required = info.resource_types().filter(|one| one.required);
        required.flat_map(|one| &one.kind.formats).map(|format| arns(format, partition)).collect()
    };
    for (first, one) in infos.iter().enumerate() {
        for (second, other) in infos.iter().enumerate().skip(first + 1) {
            let formats: Vec<String> = kinds(one).intersection(&kinds(other)).cloned().collect();
            if !formats.is_empty() {
                shared.push(Shared { steps: (first, second), formats });
            }
        }
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_by_their_names_without_regions() {
        for (name, plain) in [
            ("states.eu-west-1.amazonaws.com", "states.amazonaws.com"),
            ("ec2.amazonaws.com.cn", "ec2.amazonaws.com"),
            ("tasks.apprunner.amazonaws.com", "tasks.apprunner.amazonaws.com"),
            ("bedrock-agentcore.amazonaws.com", "bedrock-agentcore.amazonaws.com"),
            ("example.com", "example.com"),
        ] {
            assert_eq!(without_region(name), plain);
        }
    }

    #[test]
    fn the_table_of_services_is_sorted() {
        assert!(OTHER_SERVICES.is_sorted_by_key(|(prefix, _)| *prefix));
        assert!(
            OTHER_SERVICES.iter().all(|(prefix, services)| {
                Catalog::embedded().has_service(prefix) && services.is_sorted()
            })
        );
    }
}
