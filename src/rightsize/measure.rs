//! How much power a set of policies gives, in parts: no part is folded into another.

use std::collections::BTreeMap;

use super::draft::widened;
use super::grant::{Grant, GrantedStatement};
use super::open_paths::Paths;
use super::pattern::Resources;
use super::{ActionSet, Power, Sensitive};
use crate::catalog::{ActionId, Catalog, Levels};
use crate::ident::glob::Glob;

/// What is the same for all roles.
#[derive(Debug)]
pub(super) struct Yardstick {
    /// Actions that can be limited to some resource.
    on_resources: ActionSet,
    /// By service, the resource part of each format with its variables widened, and the actions that act on it.
    types: BTreeMap<&'static str, Vec<(Glob, ActionSet)>>,
    sensitive: Vec<(Sensitive, ActionSet)>,
}

impl Yardstick {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let takes_resource =
            |id: &ActionId| catalog.info(*id).is_some_and(|info| info.resource_types().next().is_some());
        Self {
            on_resources: catalog.all().filter(takes_resource).collect(),
            types: types(catalog),
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
        paths: Paths,
        catalog: &Catalog,
    ) -> Power {
        let on_resources = live.intersection(&self.on_resources);
        let broad = self.broad(grant).intersection(&on_resources);
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
            escalation_paths: paths.open,
            undetermined_paths: paths.undetermined,
        }
    }

    /// The actions some statement grants on every resource of one of their types.
    fn broad(&self, grant: &Grant<'_>) -> ActionSet {
        let mut broad = ActionSet::default();
        for allow in &grant.allows {
            let taking = allow.actions.intersection(&self.on_resources);
            // All but a few is as broad as all.
            if allow.resources.except || allow.resources.is_everything() {
                broad.extend(&taking);
                continue;
            }
            for (service, pattern) in wide_patterns(allow) {
                let everywhere = service == "*";
                let types = self.types.iter().filter(|(own, _)| everywhere || **own == service);
                for (all, actions) in types.flat_map(|(_, types)| types) {
                    let new =
                        || taking.intersects(actions) && !taking.intersection(actions).is_subset(&broad);
                    if new() && pattern.subsumes(all) {
                        broad.extend(&taking.intersection(actions));
                    }
                }
            }
        }
        broad
    }
}

/// The kinds of resources of all actions.
fn types(catalog: &Catalog) -> BTreeMap<&'static str, Vec<(Glob, ActionSet)>> {
    let mut by_format: BTreeMap<(&str, &str), ActionSet> = BTreeMap::new();
    for id in catalog.all() {
        let kinds = catalog.info(id).into_iter().flat_map(|info| info.resource_types());
        for format in kinds.flat_map(|kind| kind.kind.formats.iter().copied()) {
            if let Some(type_of) = service_and_resource(format) {
                by_format.entry(type_of).or_default().insert(id);
            }
        }
    }
    let mut types: BTreeMap<&str, Vec<(Glob, ActionSet)>> = BTreeMap::new();
    for ((service, resource), actions) in by_format {
        types.entry(service).or_default().push((Glob::new(&widened(resource)), actions));
    }
    types
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

/// The weight of an action nobody uses, by its heaviest access level.
pub(super) fn weight(levels: Levels) -> u64 {
    let weights =
        [(Levels::PERMISSIONS_MANAGEMENT, 10), (Levels::WRITE, 3), (Levels::TAGGING, 2), (Levels::READ, 1)];
    weights.into_iter().find(|(level, _)| levels.contains(*level)).map_or(0, |(_, weight)| weight)
}
