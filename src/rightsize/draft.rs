//! The old statements, clipped.
//!
//! Every (action, resource) pair of a draft comes from one old Allow statement and keeps that statement's conditions, so a draft
//! lies inside the old grant by construction; the prover checks it afterwards all the same.

use std::collections::{BTreeMap, BTreeSet};

use super::generalise::{Pattern, generalise, plain};
use super::grant::{Expander, Grant, GrantedStatement};
use super::pattern::{Reach, ResourcePattern};
use super::propose::observed;
use super::{ActionSet, Generalised, ResourceLevel, compare};
use crate::attribution::Use;
use crate::catalog::{ActionId, Catalog, Resource, filled};
use crate::ident::glob::Glob;
use crate::policy::{ActionElement, Condition, ResourceElement, Statement, Version};
use crate::proof::{Budget, Granting};

/// Which granted actions stay, and how.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Stay with the resources they were granted on.
    pub(super) whole: ActionSet,
    /// Stay on the resources they were used on.
    pub(super) narrow: ActionSet,
    /// Patterns that name no known action stay too.
    pub(super) keep_unknown: bool,
    /// Services of which actions were used that the catalog does not know: whatever was granted of them stays.
    pub(super) unknown_services: BTreeSet<String>,
}

/// Where a statement of the old policies stands: policy, statement.
pub(super) type Place = (usize, usize);

/// One group of pairs under the same conditions.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Texts of a policy of version 2008 that would read differently in a newer one.
    pub(super) old_syntax: bool,
    pub(super) conditions: Vec<Condition>,
    /// Action, then resource pattern, with the first statement it came from.
    pub(super) pairs: BTreeMap<String, BTreeMap<String, Place>>,
    /// Excepted resources (`NotResource`), then actions.
    pub(super) except: BTreeMap<Vec<String>, BTreeMap<String, Place>>,
}

/// The clipped statements.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) groups: Vec<Group>,
    /// `NotAction` statements that stay as they are.
    pub(super) verbatim: Vec<(Version, Statement, Place)>,
    pub(super) generalised: BTreeSet<Generalised>,
    /// What stayed wide and why, each a sentence.
    pub(super) notes: BTreeSet<String>,
}

/// Clips the grant to the plan. `level` is `None` to leave all resources as they were granted.
pub(super) fn clip(
    grant: &Grant<'_>,
    plan: &Plan,
    uses: &[Use],
    level: Option<ResourceLevel>,
    expander: &Expander<'_>,
) -> Draft {
    let catalog = expander.catalog;
    let mut draft = Draft::default();
    let told = Told::new(uses, grant, catalog);
    for allow in &grant.allows {
        let rest = draft.whole(allow, plan, expander);
        for one in told.by_action.values() {
            if !one.is_in(&plan.narrow, allow) {
                continue;
            }
            draft.used(allow, one, level, grant);
        }
        if let Some(statement) = rest {
            draft.verbatim.push((allow.version, statement, allow.at));
        }
    }
    draft.groups.iter_mut().for_each(|group| group.except.retain(|_, actions| !actions.is_empty()));
    draft.drop_redundant();
    draft
}

/// One use, and the statements that can have granted it when the event tells condition keys; `None` when it tells none.
struct Seen<'a> {
    one: &'a Use,
    granting: Option<Vec<Place>>,
}

impl Seen<'_> {
    fn is_reached_by(&self, allow: &GrantedStatement<'_>) -> bool {
        let may_grant = self.granting.as_ref().is_none_or(|places| places.contains(&allow.at));
        may_grant && allow.resources.reach(&self.one.resource) > Reach::No
    }
}

/// The uses of one action.
struct Used<'a> {
    name: String,
    id: Option<ActionId>,
    uses: Vec<Seen<'a>>,
    /// Every required type of resource was told at least once.
    complete: bool,
}

struct Told<'a> {
    by_action: BTreeMap<String, Used<'a>>,
}

impl<'a> Told<'a> {
    fn new(uses: &'a [Use], grant: &Grant<'_>, catalog: &Catalog) -> Self {
        let mut by_action: BTreeMap<String, Used<'a>> = BTreeMap::new();
        let mut granting: Option<Granting> = None;
        for one in uses {
            let id = catalog.find(one.action.as_str());
            let name = id
                .and_then(|id| catalog.info(id))
                .map_or_else(|| one.action.to_string(), |info| info.action().to_string());
            let used = by_action.entry(name.to_ascii_lowercase()).or_insert_with(|| Used {
                name,
                id,
                uses: Vec::new(),
                complete: true,
            });
            let places = if one.context.is_empty() {
                None
            } else {
                let granting =
                    granting.get_or_insert_with(|| Granting::new(&grant.policies, Budget::default()));
                // A budget spent leaves the question to the resources alone.
                granting.statements(&observed(one)).ok()
            };
            used.uses.push(Seen { one, granting: places });
        }
        for used in by_action.values_mut() {
            used.complete = used.id.is_none_or(|id| names_required_types(id, &used.uses, catalog));
        }
        Self { by_action }
    }
}

impl Used<'_> {
    /// Whether the action is to be narrowed and the statement names it. Actions the catalog does not know are narrowed.
    fn is_in(&self, narrow: &ActionSet, allow: &GrantedStatement<'_>) -> bool {
        let wanted = self.id.is_none_or(|id| narrow.contains(id));
        wanted && self.uses.first().is_some_and(|seen| allow.names(&seen.one.action, self.id))
    }
}

/// Whether for each type of resource AWS requires for the action some resource was told; if not, the events hide one.
fn names_required_types(id: ActionId, uses: &[Seen<'_>], catalog: &Catalog) -> bool {
    let Some(info) = catalog.info(id) else { return true };
    let arns = || {
        uses.iter().filter_map(|seen| match &seen.one.resource {
            Resource::Arn(arn) => Some(arn.as_str()),
            _ => None,
        })
    };
    info.resource_types().filter(|kind| kind.required).all(|kind| {
        kind.kind.formats.iter().any(|format| {
            let format = Glob::new(&widened(format));
            // An ARN from an event may hold wildcards itself.
            arns().any(|arn| format.overlaps(&Glob::new(arn)))
        })
    })
}

/// An ARN format with `*` for its variables.
pub(super) fn widened(format: &str) -> String {
    filled(format, |_| "*")
}

/// The part of an action pattern that lies in one service, if any: the pattern itself, or the whole service when the pattern names
/// all. `all` is `service:*`.
fn within(pattern: &str, all: &str) -> Option<String> {
    if pattern == "*" || pattern == "*:*" {
        return Some(all.to_owned());
    }
    let overlaps = Glob::new(&pattern.to_ascii_lowercase()).overlaps(&Glob::new(all));
    // A pattern whose service holds a wildcard may name more than this service; it stays inside what was granted all the same.
    overlaps.then(|| pattern.to_owned())
}

impl Draft {
    /// Adds what stays on the resources it was granted on. A `NotAction` statement of which everything stays is handed back.
    fn whole(
        &mut self,
        allow: &GrantedStatement<'_>,
        plan: &Plan,
        expander: &Expander<'_>,
    ) -> Option<Statement> {
        let staying = allow.actions.intersection(&plan.whole);
        let names = |set: &ActionSet| -> Vec<String> {
            set.iter().filter_map(|id| Some(expander.catalog.info(id)?.action().to_string())).collect()
        };
        let actions = match &allow.statement.action {
            ActionElement::Except(_) if allow.actions.is_subset(&plan.whole) => {
                return Some(allow.statement.clone());
            }
            ActionElement::Except(patterns) => {
                let mut texts = names(&staying);
                for service in &plan.unknown_services {
                    let (all, start) = (format!("{service}:*"), format!("{service}:"));
                    if patterns.iter().any(|pattern| within(pattern, &all).is_some()) {
                        // Which of the unknown actions it leaves out cannot be written but as it is.
                        return Some(allow.statement.clone());
                    }
                    texts.retain(|text| !text.starts_with(&start));
                    texts.push(all);
                }
                texts
            }
            ActionElement::Only(patterns) => {
                let mut texts = Vec::new();
                let mut covered = ActionSet::default();
                for pattern in patterns {
                    let named = expander.expand_pattern(pattern);
                    let keep_text = if named.is_empty() {
                        plan.keep_unknown && !expander.needs_no_permission(pattern)
                    } else {
                        named.is_subset(&plan.whole)
                    };
                    if keep_text {
                        covered.extend(&named);
                        texts.push(pattern.clone());
                        continue;
                    }
                    for service in &plan.unknown_services {
                        if let Some(text) = within(pattern, &format!("{service}:*")) {
                            covered.extend(&expander.expand_pattern(&text));
                            texts.push(text);
                        }
                    }
                }
                let mut single = staying;
                single.remove_all(&covered);
                texts.extend(names(&single));
                texts
            }
        };
        for action in actions {
            self.add_as_granted(allow, &action);
        }
        None
    }

    /// Adds one used action with the resources of its uses that the statement reaches.
    fn used(
        &mut self,
        allow: &GrantedStatement<'_>,
        used: &Used<'_>,
        level: Option<ResourceLevel>,
        grant: &Grant<'_>,
    ) {
        let reached: Vec<&Use> =
            used.uses.iter().filter(|seen| seen.is_reached_by(allow)).map(|seen| seen.one).collect();
        // A call that succeeded, that no statement seems to reach, and that no resource policy can explain: the event's resource is
        // not the one IAM looked at.
        let distrusted = used.uses.iter().map(|seen| seen.one).any(|one| {
            !compare::has_resource_policy(one)
                && !grant.allows.iter().any(|other| {
                    other.names(&one.action, used.id) && other.resources.reach(&one.resource) > Reach::No
                })
        });
        if distrusted {
            self.notes.insert(format!(
                "`{}` keeps its resources: a call succeeded on a resource that no statement seems to name.",
                used.name
            ));
            return self.add_as_granted(allow, &used.name);
        }
        if reached.is_empty() {
            return;
        }
        let untold = reached.iter().any(|one| !matches!(one.resource, Resource::Arn(_) | Resource::None));
        let Some(level) = level else { return self.add_as_granted(allow, &used.name) };
        if untold || !used.complete || is_old_syntax(allow) {
            if !allow.resources.is_everything() || untold || !used.complete {
                self.notes.insert(format!(
                    "`{}` keeps its resources: the events do not tell all of those it was used on.",
                    used.name
                ));
            }
            return self.add_as_granted(allow, &used.name);
        }
        let mut arns = BTreeSet::new();
        for one in reached {
            match &one.resource {
                Resource::Arn(arn) => {
                    arns.insert(arn.clone());
                }
                _ if allow.resources.except => return self.add_as_granted(allow, &used.name),
                _ => {
                    let all = allow.resources.patterns.iter().filter(|pattern| pattern.may_match("*"));
                    all.for_each(|pattern| self.add(allow, &used.name, pattern.text));
                }
            }
        }
        for pattern in generalise(&arns, level) {
            self.add_clipped(allow, &used.name, &pattern);
        }
    }

    /// Adds a pattern if it lies inside the statement's resources, else the ARNs it stands for, else the statement's own patterns.
    fn add_clipped(&mut self, allow: &GrantedStatement<'_>, action: &str, pattern: &Pattern) {
        let inside = |text: &str| allow.resources.contains(&ResourcePattern::new(text, Version::V2012));
        if inside(&pattern.text) {
            if let Some(rule) = pattern.rule {
                self.generalised.insert(Generalised {
                    pattern: pattern.text.clone(),
                    stands_for: pattern.of.len(),
                    rule,
                });
            }
            return self.add(allow, action, &pattern.text);
        }
        for arn in &pattern.of {
            let exact = plain(arn);
            if inside(&exact) {
                self.add(allow, action, &exact);
                continue;
            }
            if allow.resources.except {
                return self.add_as_granted(allow, action);
            }
            let observed = ResourcePattern::new(arn, Version::V2008);
            for own in allow.resources.patterns.iter().filter(|own| own.overlaps(&observed)) {
                self.add(allow, action, own.text);
            }
        }
    }

    fn add(&mut self, allow: &GrantedStatement<'_>, action: &str, pattern: &str) {
        let group = self.group(allow);
        group.pairs.entry(action.to_owned()).or_default().entry(pattern.to_owned()).or_insert(allow.at);
    }

    fn add_as_granted(&mut self, allow: &GrantedStatement<'_>, action: &str) {
        match &allow.statement.resource {
            Some(ResourceElement::Only(patterns)) => {
                patterns.iter().for_each(|pattern| self.add(allow, action, pattern));
            }
            Some(ResourceElement::Except(patterns)) => {
                let group = self.group(allow);
                group
                    .except
                    .entry(patterns.clone())
                    .or_default()
                    .entry(action.to_owned())
                    .or_insert(allow.at);
            }
            // An identity policy without resources grants nothing; the parser refuses it.
            None => {}
        }
    }

    fn group(&mut self, allow: &GrantedStatement<'_>) -> &mut Group {
        let old_syntax = is_old_syntax(allow);
        let conditions = &allow.statement.conditions;
        let same = |group: &Group| group.old_syntax == old_syntax && group.conditions == *conditions;
        let place = self.groups.iter().position(same).unwrap_or(self.groups.len());
        if place == self.groups.len() {
            self.groups.push(Group {
                old_syntax,
                conditions: conditions.clone(),
                pairs: BTreeMap::new(),
                except: BTreeMap::new(),
            });
        }
        // The index is that of the group found, or of the one just added.
        #[expect(clippy::indexing_slicing, reason = "see above")]
        &mut self.groups[place]
    }

    /// Takes away pairs that another pair of the same action covers: on a wider resource, under the same conditions or fewer.
    fn drop_redundant(&mut self) {
        struct Pair {
            group: usize,
            pattern: String,
            version: Version,
        }
        let mut by_action: BTreeMap<String, Vec<Pair>> = BTreeMap::new();
        for (index, group) in self.groups.iter().enumerate() {
            let version = if group.old_syntax { Version::V2008 } else { Version::V2012 };
            for (action, patterns) in &group.pairs {
                let pairs =
                    patterns.keys().map(|pattern| Pair { group: index, pattern: pattern.clone(), version });
                by_action.entry(action.to_ascii_lowercase()).or_default().extend(pairs);
            }
        }
        let fewer = |a: &Group, b: &Group| a.conditions.iter().all(|one| b.conditions.contains(one));
        let mut redundant: Vec<(usize, String, String)> = Vec::new();
        for (action, pairs) in &by_action {
            if pairs.len() < 2 {
                continue;
            }
            let read: Vec<_> =
                pairs.iter().map(|pair| ResourcePattern::new(&pair.pattern, pair.version)).collect();
            let mut gone = vec![false; pairs.len()];
            for (at, (pair, own)) in pairs.iter().zip(&read).enumerate() {
                let covered = pairs.iter().zip(&read).enumerate().any(|(other_at, (other, theirs))| {
                    other_at != at
                        && !gone.get(other_at).copied().unwrap_or(true)
                        && self
                            .groups
                            .get(other.group)
                            .zip(self.groups.get(pair.group))
                            .is_some_and(|(a, b)| fewer(a, b))
                        && (theirs.subsumes(own) && (other.version == pair.version || !theirs.has_variables))
                });
                if covered {
                    if let Some(gone) = gone.get_mut(at) {
                        *gone = true;
                    }
                    redundant.push((pair.group, action.clone(), pair.pattern.clone()));
                }
            }
        }
        for (group, action, pattern) in redundant {
            if let Some(group) = self.groups.get_mut(group) {
                for (name, patterns) in &mut group.pairs {
                    if name.eq_ignore_ascii_case(&action) {
                        patterns.remove(&pattern);
                    }
                }
                group.pairs.retain(|_, patterns| !patterns.is_empty());
            }
        }
    }
}

/// Whether the statement's texts would read differently in a document of version 2012.
fn is_old_syntax(allow: &GrantedStatement<'_>) -> bool {
    allow.version == Version::V2008 && holds_variables(allow.statement)
}

/// Whether something in the statement would be a variable, were its document of version 2012.
pub(super) fn holds_variables(statement: &Statement) -> bool {
    let resources: &[String] = match &statement.resource {
        Some(ResourceElement::Only(patterns) | ResourceElement::Except(patterns)) => patterns,
        None => &[],
    };
    resources
        .iter()
        .chain(statement.conditions.iter().flat_map(|one| &one.values))
        .any(|text| text.contains("${"))
}
