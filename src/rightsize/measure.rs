//! How much power a set of policies gives, in parts: no part is folded into another.

use super::draft::widened;
use super::escalation::EscalationPath;
use super::grant::{Grant, GrantedStatement};
use super::pattern::Resources;
use super::{ActionSet, Power, Sensitive};
use crate::catalog::{ActionId, Catalog, Levels};
use crate::ident::glob::Glob;

/// What is the same for all roles.
#[derive(Debug)]
pub(super) struct Yardstick {
    /// Actions that can be limited to some resource.
    on_resources: ActionSet,
    sensitive: Vec<(Sensitive, ActionSet)>,
}

impl Yardstick {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let takes_resource =
            |id: &ActionId| catalog.info(*id).is_some_and(|info| info.resource_types().next().is_some());
        Self {
            on_resources: catalog.all().filter(takes_resource).collect(),
            sensitive: Sensitive::ALL.into_iter().map(|kind| (kind, kind.actions(catalog))).collect(),
        }
    }

    /// Measures a grant. `live` are the actions it leaves after everything that takes actions away, `used` those that were seen,
    /// `unused` those that were shown to be unused, `paths` the ways to more access it opens.
    pub(super) fn measure(
        &self,
        grant: &Grant<'_>,
        live: &ActionSet,
        (used, unused): (&ActionSet, &ActionSet),
        paths: Vec<&'static EscalationPath>,
        catalog: &Catalog,
    ) -> Power {
        let on_resources = live.intersection(&self.on_resources);
        let broad = self.broad(grant, catalog).intersection(&on_resources);
        let weight = |actions: &ActionSet| -> u64 {
            actions
                .iter()
                .filter_map(|id| Some((id, catalog.info(id)?)))
                .map(|(id, info)| weight(info.levels()) * if broad.contains(id) { 2 } else { 1 })
                .sum()
        };
        let mut unseen = live.clone();
        unseen.remove_all(used);
        Power {
            actions: live.len(),
            weight: weight(live),
            excess: weight(&live.intersection(unused)),
            gap: weight(&unseen),
            resource_actions: on_resources.len(),
            broad_actions: broad.len(),
            sensitive: self.sensitive.iter().map(|(kind, set)| (*kind, live.intersection(set))).collect(),
            escalation_paths: paths,
        }
    }

    /// The actions some statement grants on every resource of one of their types.
    fn broad(&self, grant: &Grant<'_>, catalog: &Catalog) -> ActionSet {
        let mut broad = ActionSet::default();
        for allow in &grant.allows {
            let taking = allow.actions.intersection(&self.on_resources);
            // All but a few is as broad as all.
            if allow.resources.except || allow.resources.is_everything() {
                broad.extend(&taking);
                continue;
            }
            let wide = wide_patterns(allow);
            if wide.is_empty() {
                continue;
            }
            for id in taking.iter().filter(|id| covers_a_type(&wide, *id, catalog)) {
                broad.insert(id);
            }
        }
        broad
    }
}

/// Service and resource part of the patterns that could cover a whole type.
fn wide_patterns<'a>(allow: &'a GrantedStatement<'_>) -> Vec<(&'a str, Glob)> {
    let Resources { patterns, .. } = &allow.resources;
    patterns
        .iter()
        .filter(|pattern| !pattern.has_variables)
        .filter_map(|pattern| {
            let (service, resource) = service_and_resource(pattern.text)?;
            resource.contains('*').then(|| (service, Glob::new(resource)))
        })
        .collect()
}

fn service_and_resource(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let service = parts.nth(2)?;
    Some((service, parts.nth(2)?))
}

fn covers_a_type(patterns: &[(&str, Glob)], id: ActionId, catalog: &Catalog) -> bool {
    let Some(info) = catalog.info(id) else { return false };
    info.resource_types().flat_map(|kind| &kind.kind.formats).any(|format| {
        service_and_resource(format).is_some_and(|(service, resource)| {
            let mut own = patterns.iter().filter(|(other, _)| *other == service || *other == "*").peekable();
            own.peek().is_some() && {
                let all = Glob::new(&widened(resource));
                own.any(|(_, pattern)| pattern.subsumes(&all))
            }
        })
    })
}

/// The weight of an action nobody uses, by its heaviest access level.
pub(super) fn weight(levels: Levels) -> u64 {
    let weights =
        [(Levels::PERMISSIONS_MANAGEMENT, 10), (Levels::WRITE, 3), (Levels::TAGGING, 2), (Levels::READ, 1)];
    weights.into_iter().find(|(level, _)| levels.contains(*level)).map_or(0, |(_, weight)| weight)
}
