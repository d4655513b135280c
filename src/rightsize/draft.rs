//! The old statements, clipped.
//!
//! Every (action, resource) pair of a draft comes from one old Allow statement and keeps that statement's conditions, so a draft
//! lies inside the old grant by construction; the prover checks it afterwards all the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::effort::{Effort, Stopped};
use super::generalise::{Pattern, generalise, plain};
use super::grant::{Expander, Grant, GrantedStatement};
use super::pattern::{Asked, Reach, ResourcePattern};
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
    told: &Told<'_>,
    level: Option<ResourceLevel>,
    expander: &Expander<'_>,
    effort: &Effort<'_>,
) -> Result<Draft, Stopped> {
    let mut draft = Draft::default();
    for (index, allow) in grant.allows.iter().enumerate() {
        let from = Clipped { allow, index, group: draft.group(allow), effort };
        let rest = draft.whole(&from, plan, expander)?;
        effort.spend(told.by_action.len())?;
        for one in told.by_action.values() {
            if one.is_in(&plan.narrow, allow) {
                draft.used(&from, one, level)?;
            }
        }
        if let Some(statement) = rest {
            draft.verbatim.push((allow.version, statement, allow.at));
        }
    }
    for group in &mut draft.groups {
        group.except.retain(|_, actions| !actions.is_empty());
    }
    draft.groups.retain(|group| !group.pairs.is_empty() || !group.except.is_empty());
    draft.drop_redundant(effort)?;
    Ok(draft)
}

/// The statement that is being clipped.
struct Clipped<'f> {
    allow: &'f GrantedStatement<'f>,
    /// Its place among the statements that allow.
    index: usize,
    /// The place of the draft's group for its conditions.
    group: usize,
    effort: &'f Effort<'f>,
}

/// One use.
struct Seen<'a> {
    one: &'a Use,
    /// Places, among the statements that allow, of those that can have granted it.
    reached_by: Vec<usize>,
}

/// The uses of one action.
struct Used<'a> {
    name: String,
    id: Option<ActionId>,
    uses: Vec<Seen<'a>>,
    /// Every required type of resource was told at least once.
    complete: bool,
    /// A call succeeded that no statement seems to reach and that no resource policy can explain: the event's resource is not the one
    /// IAM looked at.
    distrusted: bool,
}

/// What was used, held against the statements that allow; the same for every level.
pub(super) struct Told<'a> {
    by_action: BTreeMap<String, Used<'a>>,
}

impl<'a> Told<'a> {
    pub(super) fn new(
        uses: impl IntoIterator<Item = &'a Use>,
        grant: &Grant<'_>,
        catalog: &Catalog,
        effort: &Effort<'_>,
    ) -> Result<Self, Stopped> {
        let mut by_action: BTreeMap<String, Used<'a>> = BTreeMap::new();
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
                distrusted: false,
            });
            used.uses.push(Seen { one, reached_by: Vec::new() });
        }
        let mut granting: Option<Granting> = None;
        for used in by_action.values_mut() {
            used.complete = used.id.is_none_or(|id| names_required_types(id, &used.uses, catalog));
            let Some(first) = used.uses.first().map(|seen| &seen.one.action) else { continue };
            effort.spend(grant.allows.len())?;
            let naming: Vec<(usize, &GrantedStatement<'_>)> =
                grant.allows.iter().enumerate().filter(|(_, allow)| allow.names(first, used.id)).collect();
            for seen in &mut used.uses {
                let asked = Asked::new(&seen.one.resource);
                for (index, allow) in &naming {
                    effort.spend(1 + allow.resources.patterns.len())?;
                    if allow.resources.reach(&asked) > Reach::No {
                        seen.reached_by.push(*index);
                    }
                }
                used.distrusted |= seen.reached_by.is_empty() && !compare::has_resource_policy(seen.one);
                if !seen.one.context.is_empty() {
                    let granting =
                        granting.get_or_insert_with(|| Granting::new(&grant.policies, Budget::default()));
                    // A budget spent leaves the question to the resources alone.
                    if let Ok(places) = granting.statements(&observed(seen.one)) {
                        let may_grant = |index: &usize| {
                            grant.allows.get(*index).is_some_and(|allow| places.contains(&allow.at))
                        };
                        seen.reached_by.retain(may_grant);
                    }
                }
            }
        }
        Ok(Self { by_action })
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
        from: &Clipped<'_>,
        plan: &Plan,
        expander: &Expander<'_>,
    ) -> Result<Option<Statement>, Stopped> {
        let allow = from.allow;
        let staying = allow.actions.intersection(&plan.whole);
        let names = |set: &ActionSet| -> Vec<String> {
            set.iter().filter_map(|id| Some(expander.catalog.info(id)?.action().to_string())).collect()
        };
        let actions = match &allow.statement.action {
            ActionElement::Except(_) if allow.actions.is_subset(&plan.whole) => {
                return Ok(Some(allow.statement.clone()));
            }
            ActionElement::Except(patterns) => {
                let mut texts = names(&staying);
                for service in &plan.unknown_services {
                    let (all, start) = (format!("{service}:*"), format!("{service}:"));
                    if patterns.iter().any(|pattern| within(pattern, &all).is_some()) {
                        // Which of the unknown actions it leaves out cannot be written but as it is.
                        return Ok(Some(allow.statement.clone()));
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
            self.add_as_granted(from, &action)?;
        }
        Ok(None)
    }

    /// Adds one used action with the resources of its uses that the statement reaches.
    fn used(
        &mut self,
        from: &Clipped<'_>,
        used: &Used<'_>,
        level: Option<ResourceLevel>,
    ) -> Result<(), Stopped> {
        let allow = from.allow;
        if used.distrusted {
            self.notes.insert(format!(
                "`{}` keeps its resources: a call succeeded on a resource that no statement seems to name.",
                used.name
            ));
            return self.add_as_granted(from, &used.name);
        }
        from.effort.spend(used.uses.len())?;
        let reached: Vec<&Use> = used
            .uses
            .iter()
            .filter(|seen| seen.reached_by.binary_search(&from.index).is_ok())
            .map(|seen| seen.one)
            .collect();
        if reached.is_empty() {
            return Ok(());
        }
        let untold = reached.iter().any(|one| !matches!(one.resource, Resource::Arn(_) | Resource::None));
        let Some(level) = level else { return self.add_as_granted(from, &used.name) };
        if untold || !used.complete || is_old_syntax(allow) {
            if !allow.resources.is_everything() || untold || !used.complete {
                self.notes.insert(format!(
                    "`{}` keeps its resources: the events do not tell all of those it was used on.",
                    used.name
                ));
            }
            return self.add_as_granted(from, &used.name);
        }
        let mut arns = BTreeSet::new();
        for one in reached {
            match &one.resource {
                Resource::Arn(arn) => {
                    arns.insert(arn.clone());
                }
                _ if allow.resources.except => return self.add_as_granted(from, &used.name),
                _ => {
                    let all = allow.resources.patterns.iter().filter(|pattern| pattern.may_match("*"));
                    for pattern in all {
                        self.add(from, &used.name, pattern.text)?;
                    }
                }
            }
        }
        for pattern in generalise(&arns, level) {
            self.add_clipped(from, &used.name, &pattern)?;
        }
        Ok(())
    }

    /// Adds a pattern if it lies inside the statement's resources, else the ARNs it stands for, else the statement's own patterns.
    fn add_clipped(&mut self, from: &Clipped<'_>, action: &str, pattern: &Pattern) -> Result<(), Stopped> {
        let allow = from.allow;
        let inside = |text: &str| {
            from.effort.spend(allow.resources.patterns.len())?;
            Ok(allow.resources.contains(&ResourcePattern::new(text, Version::V2012)))
        };
        if inside(&pattern.text)? {
            if let Some(rule) = pattern.rule {
                self.generalised.insert(Generalised {
                    pattern: pattern.text.clone(),
                    stands_for: pattern.of.len(),
                    rule,
                });
            }
            return self.add(from, action, &pattern.text);
        }
        for arn in &pattern.of {
            let exact = plain(arn);
            if inside(&exact)? {
                self.add(from, action, &exact)?;
                continue;
            }
            if allow.resources.except {
                return self.add_as_granted(from, action);
            }
            let observed = ResourcePattern::new(arn, Version::V2008);
            for own in allow.resources.patterns.iter().filter(|own| own.overlaps(&observed)) {
                self.add(from, action, own.text)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, from: &Clipped<'_>, action: &str, pattern: &str) -> Result<(), Stopped> {
        from.effort.keep(1)?;
        if let Some(group) = self.groups.get_mut(from.group) {
            let patterns = group.pairs.entry(action.to_owned()).or_default();
            patterns.entry(pattern.to_owned()).or_insert(from.allow.at);
        }
        Ok(())
    }

    fn add_as_granted(&mut self, from: &Clipped<'_>, action: &str) -> Result<(), Stopped> {
        match &from.allow.statement.resource {
            Some(ResourceElement::Only(patterns)) => {
                patterns.iter().try_for_each(|pattern| self.add(from, action, pattern))
            }
            Some(ResourceElement::Except(patterns)) => {
                from.effort.keep(1)?;
                from.effort.spend(patterns.len())?;
                if let Some(group) = self.groups.get_mut(from.group) {
                    if !group.except.contains_key(patterns) {
                        group.except.insert(patterns.clone(), BTreeMap::new());
                    }
                    if let Some(actions) = group.except.get_mut(patterns) {
                        actions.entry(action.to_owned()).or_insert(from.allow.at);
                    }
                }
                Ok(())
            }
            // An identity policy without resources grants nothing; the parser refuses it.
            None => Ok(()),
        }
    }

    /// The place of the group with a statement's conditions, which is made if there is none.
    fn group(&mut self, allow: &GrantedStatement<'_>) -> usize {
        let old_syntax = is_old_syntax(allow);
        let conditions = &allow.statement.conditions;
        let same = |group: &Group| group.old_syntax == old_syntax && group.conditions == *conditions;
        let known = self.groups.iter().position(same);
        known.unwrap_or_else(|| {
            self.groups.push(Group {
                old_syntax,
                conditions: conditions.clone(),
                pairs: BTreeMap::new(),
                except: BTreeMap::new(),
            });
            self.groups.len() - 1
        })
    }

    /// Takes away pairs that another pair of the same action covers: on a wider resource, under the same conditions or fewer. Actions with
    /// the same pairs are looked at together.
    fn drop_redundant(&mut self, effort: &Effort<'_>) -> Result<(), Stopped> {
        struct Target<'d> {
            group: usize,
            version: Version,
            read: ResourcePattern<'d>,
        }
        /// An action as one group spells it, and where its pairs stand among those of the action.
        struct Spelled<'d> {
            group: usize,
            name: &'d str,
            patterns: Vec<&'d str>,
        }
        let mut numbers: HashMap<(usize, &str), usize> = HashMap::new();
        let mut targets: Vec<Target<'_>> = Vec::new();
        let mut by_action: BTreeMap<String, (Vec<usize>, Vec<Spelled<'_>>)> = BTreeMap::new();
        for (index, group) in self.groups.iter().enumerate() {
            let version = if group.old_syntax { Version::V2008 } else { Version::V2012 };
            for (name, patterns) in &group.pairs {
                let (own, spelled) = by_action.entry(name.to_ascii_lowercase()).or_default();
                for pattern in patterns.keys() {
                    own.push(*numbers.entry((index, pattern)).or_insert_with(|| {
                        targets.push(Target {
                            group: index,
                            version,
                            read: ResourcePattern::new(pattern, version),
                        });
                        targets.len() - 1
                    }));
                }
                let patterns = patterns.keys().map(String::as_str).collect();
                spelled.push(Spelled { group: index, name, patterns });
            }
        }
        let groups = &self.groups;
        let fewer = |a: usize, b: usize| {
            let both = groups.get(a).zip(groups.get(b));
            a == b || both.is_some_and(|(a, b)| a.conditions.iter().all(|one| b.conditions.contains(one)))
        };
        let covers = |wide: &Target<'_>, narrow: &Target<'_>| {
            fewer(wide.group, narrow.group)
                && wide.read.subsumes(&narrow.read)
                && (wide.version == narrow.version || !wide.read.has_variables)
        };
        let mut judged: HashMap<&[usize], Vec<bool>> = HashMap::new();
        let mut redundant: Vec<(usize, String, String)> = Vec::new();
        for (own, spelled) in by_action.values() {
            let n = own.len();
            if n < 2 {
                continue;
            }
            if !judged.contains_key(own.as_slice()) {
                effort.spend(n.saturating_mul(n))?;
                let read: Vec<&Target<'_>> = own.iter().filter_map(|number| targets.get(*number)).collect();
                let mut gone = vec![false; read.len()];
                for (at, narrow) in read.iter().enumerate() {
                    let mut others = read.iter().zip(&gone).enumerate();
                    let covered =
                        others.any(|(other, (wide, gone))| other != at && !gone && covers(wide, narrow));
                    if let Some(gone) = gone.get_mut(at) {
                        *gone = covered;
                    }
                }
                judged.insert(own.as_slice(), gone);
            }
            let gone = judged.get(own.as_slice()).into_iter().flatten();
            let pairs = spelled.iter().flat_map(|one| one.patterns.iter().map(move |pattern| (one, pattern)));
            let going = pairs.zip(gone).filter(|(_, gone)| **gone);
            redundant.extend(
                going.map(|((one, pattern), _)| (one.group, one.name.to_owned(), (*pattern).to_owned())),
            );
        }
        for (group, name, pattern) in redundant {
            let Some(group) = self.groups.get_mut(group) else { continue };
            if let Some(patterns) = group.pairs.get_mut(&name) {
                patterns.remove(&pattern);
                if patterns.is_empty() {
                    group.pairs.remove(&name);
                }
            }
        }
        Ok(())
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
