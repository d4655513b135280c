//! What a role's policies really give: what is left of each statement after the role's own denies, its boundary and the policies of
//! its organization, with the statements that take away.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::grant::{Expander, Grant};
use super::limit::{Limit, Source, is_under_rcps};
use super::{ActionSet, BlockedBy, EffectiveStatement, LimitedBy, StatementAt};
use crate::catalog::ActionId;
use crate::ident::Arn;
use crate::policy::Statement;
use crate::proof::{ActionGrant, Budget, Cut, Effective, GrantLayer, LayerReach, LayeredGrant, Place};

/// Everything beside its own policies that decides what a role may do.
#[derive(Clone, Debug, Default)]
pub(super) struct Surroundings<'a> {
    /// In the order they are told.
    pub(super) limits: Vec<Limit<'a>>,
    /// Condition keys that have these values in every request of the role.
    pub(super) facts: Vec<(&'static str, String)>,
}

/// The condition keys AWS sets from the role itself.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
pub(super) fn facts(role: &str, organization: Option<&str>) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("aws:PrincipalArn", role.to_owned()),
        ("aws:PrincipalType", "AssumedRole".to_owned()),
        ("aws:PrincipalIsAWSService", "false".to_owned()),
    ];
    facts.extend(Arn::parse(role).map(|arn| ("aws:PrincipalAccount", arn.account.to_owned())));
    facts.extend(organization.map(|id| ("aws:PrincipalOrgID", id.to_owned())));
    facts
}

/// Rows, of all statements of a role together, that tell what takes a part of one: a statement may meet thousands of denies.
const MOST_LIMITS: usize = 5_000;

/// What is left of a grant.
#[derive(Clone, Debug, Default)]
pub(super) struct EffectiveGrant {
    /// Actions of which nothing is left.
    pub(super) blocked: ActionSet,
    /// The same by the layer that takes the last of them away.
    pub(super) blocked_by: Vec<BlockedBy>,
    /// For each Allow statement.
    pub(super) statements: Vec<EffectiveStatement>,
    /// Actions of which it could not be told.
    pub(super) unsure: ActionSet,
    /// What else takes a part of some statement, and is not listed there.
    pub(super) n_untold: usize,
}

/// The layers of a grant in its surroundings, ready to be asked.
pub(super) fn layered(grant: &Grant<'_>, around: &Surroundings<'_>) -> LayeredGrant {
    let own = GrantLayer { policies: grant.policies.clone(), ..GrantLayer::default() };
    let limits = around.limits.iter().map(|limit| GrantLayer {
        policies: limit.policies.iter().map(|source| source.document).collect(),
        is_open: !limit.is_whole,
        reach: limit.of_account.map(|account| LayerReach { account, actions: is_under_rcps }),
    });
    let layers: Vec<GrantLayer<'_>> = std::iter::once(own).chain(limits).collect();
    let facts: Vec<(&str, &str)> = around.facts.iter().map(|(key, value)| (*key, value.as_str())).collect();
    LayeredGrant::new(&layers, &facts, Budget::default())
}

/// What is left of a grant in its surroundings.
pub(super) fn effective(
    grant: &Grant<'_>,
    around: &Surroundings<'_>,
    expander: &Expander<'_>,
) -> EffectiveGrant {
    let mut statements: BTreeMap<Place, EffectiveStatement> =
        grant.allows.iter().filter_map(|allow| Some((allow.at, start(grant, allow.at)?))).collect();
    let mut found = EffectiveGrant::default();
    if grant.denies.is_empty() && around.limits.is_empty() {
        for allow in &grant.allows {
            if let Some(statement) = statements.get_mut(&allow.at) {
                statement.actions.extend(&allow.actions);
            }
        }
        found.statements = statements.into_values().collect();
        return found;
    }
    let mut layers = layered(grant, around);
    let mut limited: BTreeMap<(Place, Cut), ActionSet> = BTreeMap::new();
    let mut untold: BTreeSet<(Place, Cut)> = BTreeSet::new();
    let mut blocked: BTreeMap<usize, (ActionSet, BTreeSet<(usize, Place)>)> = BTreeMap::new();
    for class in classes(grant, around, expander) {
        let Some(info) = class.iter().next().and_then(|id| expander.catalog.info(id)) else { continue };
        let answer: &ActionGrant = &layers.action(info.action());
        match answer.effective {
            // A statement whose own conditions cannot hold is not taken away by anything.
            Effective::Granted | Effective::NotGranted => {}
            Effective::Unknown => {
                found.unsure.extend(&class);
                // Not looked at: nothing is known to be taken away.
                if answer.left.is_empty() {
                    for allow in grant.allows.iter().filter(|allow| allow.actions.intersects(&class)) {
                        if let Some(statement) = statements.get_mut(&allow.at) {
                            statement.actions.extend(&class);
                        }
                    }
                }
            }
            Effective::Blocked { layer } => {
                found.blocked.extend(&class);
                let (actions, by) = blocked.entry(layer).or_default();
                actions.extend(&class);
                let cuts = answer.left.iter().flat_map(|left| &left.cuts);
                by.extend(cuts.filter_map(|cut| Some((cut.layer, cut.statement?))));
            }
        }
        for left in &answer.left {
            let Some(statement) = statements.get_mut(&left.statement) else { continue };
            if left.is_open {
                statement.actions.extend(&class);
                for cut in &left.cuts {
                    let known = limited.contains_key(&(left.statement, *cut));
                    if known || limited.len() < MOST_LIMITS {
                        limited.entry((left.statement, *cut)).or_default().extend(&class);
                    } else {
                        untold.insert((left.statement, *cut));
                    }
                }
            } else {
                statement.blocked.extend(&class);
            }
        }
    }
    for ((place, cut), actions) in limited {
        if let Some(statement) = statements.get_mut(&place) {
            statement.limited_by.push(limit(grant, around, cut, actions));
        }
    }
    found.n_untold = untold.len();
    found.blocked_by = blocked
        .into_iter()
        .map(|(layer, (actions, by))| {
            let (layer, name) = layer_name(around, layer);
            let statements =
                by.into_iter().filter_map(|(layer, place)| Some(at(grant, around, layer, place)?.0));
            BlockedBy { layer, name, actions, statements: statements.collect() }
        })
        .collect();
    found.statements = statements.into_values().collect();
    found
}

/// The row of an Allow statement, with no action yet.
fn start(grant: &Grant<'_>, place: Place) -> Option<EffectiveStatement> {
    let (at, statement) = locate(&grant.sources, "identity", place)?;
    Some(EffectiveStatement {
        at,
        actions: ActionSet::empty(),
        blocked: ActionSet::empty(),
        resource: statement.resource.clone(),
        conditions: statement.conditions.clone(),
        limited_by: Vec::new(),
    })
}

/// Something that takes a part of these actions.
fn limit(grant: &Grant<'_>, around: &Surroundings<'_>, cut: Cut, actions: ActionSet) -> LimitedBy {
    let (layer, name) = layer_name(around, cut.layer);
    let source = cut.statement.and_then(|place| at(grant, around, cut.layer, place));
    let (statement, conditions) = match source {
        Some((place, statement)) => (Some(place), statement.conditions.clone()),
        None => (None, Vec::new()),
    };
    LimitedBy { layer, name, statement, conditions, actions }
}

/// The contract's word for a layer and what it is called.
fn layer_name(around: &Surroundings<'_>, layer: usize) -> (&'static str, String) {
    match layer.checked_sub(1).and_then(|index| around.limits.get(index)) {
        Some(limit) => (limit.layer, limit.name.clone()),
        None => ("identity", "a deny of its own policies".to_owned()),
    }
}

/// Where a statement of a layer stands, and the statement.
fn at<'a>(
    grant: &Grant<'a>,
    around: &Surroundings<'a>,
    layer: usize,
    place: Place,
) -> Option<(StatementAt, &'a Statement)> {
    match layer.checked_sub(1) {
        None => locate(&grant.sources, "identity", place),
        Some(index) => {
            let limit = around.limits.get(index)?;
            locate(&limit.policies, limit.layer, place)
        }
    }
}

fn locate<'a>(
    sources: &[Source<'a>],
    layer: &'static str,
    (policy, index): Place,
) -> Option<(StatementAt, &'a Statement)> {
    let source = sources.get(policy)?;
    let statement = source.document.statements.get(index)?;
    let at = StatementAt {
        layer,
        policy: source.name.to_owned(),
        origin: source.origin.cloned().unwrap_or_default(),
        statement: index,
        sid: statement.sid.clone(),
    };
    Some((at, statement))
}

/// The granted actions, those together that no statement tells apart, by their first action.
fn classes(grant: &Grant<'_>, around: &Surroundings<'_>, expander: &Expander<'_>) -> Vec<ActionSet> {
    let catalog = expander.catalog;
    let limits = around.limits.iter().flat_map(|limit| &limit.policies);
    let limits = limits.flat_map(|source| &source.document.statements);
    let own = grant.allows.iter().chain(&grant.denies).map(|statement| Arc::clone(&statement.actions));
    let mut sets: HashSet<Arc<ActionSet>> = own.collect();
    sets.extend(limits.map(|statement| expander.expand(&statement.action)));
    if around.limits.iter().any(|limit| limit.of_account.is_some()) {
        let reached = |id: &ActionId| catalog.info(*id).is_some_and(|info| is_under_rcps(info.action()));
        sets.insert(Arc::new(catalog.all().filter(reached).collect()));
    }
    // Each set gives the members it has of a class a class of their own. Only what is in a set is looked at.
    let granted = grant.actions();
    let mut class_of: HashMap<ActionId, usize> = granted.iter().map(|id| (id, 0)).collect();
    let mut n_classes = 1;
    for set in sets {
        let mut moved: HashMap<usize, usize> = HashMap::new();
        for id in set.intersection(&granted).iter() {
            if let Some(class) = class_of.get_mut(&id) {
                *class = *moved.entry(*class).or_insert_with(|| {
                    n_classes += 1;
                    n_classes - 1
                });
            }
        }
    }
    let mut classes: BTreeMap<usize, ActionSet> = BTreeMap::new();
    for id in granted.iter() {
        if let Some(class) = class_of.get(&id) {
            classes.entry(*class).or_default().insert(id);
        }
    }
    let mut classes: Vec<ActionSet> = classes.into_values().collect();
    classes.sort_by_cached_key(|class| class.iter().next());
    classes
}
