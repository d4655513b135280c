//! From the pairs of a draft to statements.
//!
//! Within a group, actions with the same resources share a statement, or resources with the same actions do, whichever is shorter.
//! A statement never holds a pair the draft does not: merging lists of actions with lists of resources any further would grant
//! every combination.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, Group, Place, holds_variables};
use super::grant::Grant;
use crate::policy::{ActionElement, Condition, Effect, ResourceElement, Statement, Version};

/// A statement on its way into a document.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// The version its document must have.
    pub(super) version: Version,
    pub(super) statement: Statement,
}

/// All statements of a draft in stable order, and the old denies behind them, verbatim.
pub(super) fn assemble(draft: &Draft, grant: &Grant<'_>) -> Vec<Piece> {
    let mut allows: Vec<(Piece, BTreeSet<Place>)> = Vec::new();
    for group in &draft.groups {
        let by_action = by_action(group);
        let by_resource = by_resource(group);
        allows.extend(if length(&by_resource) < length(&by_action) { by_resource } else { by_action });
        for (excepted, actions) in &group.except {
            let resource = ResourceElement::Except(excepted.clone());
            allows.push(piece(group, actions.keys().cloned().collect(), resource, actions.values().copied()));
        }
    }
    for (version, statement, place) in &draft.verbatim {
        allows.push((piece_of(*version, statement.clone()), BTreeSet::from([*place])));
    }
    allows.sort_by_cached_key(|(piece, places)| (sort_key(&piece.statement), places.clone()));

    let mut sids = Sids::default();
    let mut pieces = Vec::new();
    // Denies first choose their Sids, because they stay word for word.
    let denies: Vec<Piece> = grant
        .denies
        .iter()
        .map(|deny| {
            let mut piece = piece_of(deny.version, deny.statement.clone());
            piece.statement.sid = sids.claim(deny.statement.sid.as_deref());
            piece
        })
        .collect();
    for (mut piece, places) in allows {
        let mut old = places.iter().map(|place| sid_at(grant, *place));
        let first = old.next().flatten();
        let sid = if old.all(|sid| sid == first) { first } else { None };
        piece.statement.sid = sids.claim(sid);
        pieces.push(piece);
    }
    pieces.extend(denies);
    pieces
}

fn sid_at<'a>(grant: &Grant<'a>, (policy, statement): Place) -> Option<&'a str> {
    grant.policies.get(policy)?.statements.get(statement)?.sid.as_deref()
}

fn piece_of(version: Version, statement: Statement) -> Piece {
    let old = version == Version::V2008 && holds_variables(&statement);
    Piece { version: if old { Version::V2008 } else { Version::V2012 }, statement }
}

fn by_action(group: &Group) -> Vec<(Piece, BTreeSet<Place>)> {
    let mut shared: BTreeMap<Vec<&String>, Vec<&String>> = BTreeMap::new();
    for (action, patterns) in &group.pairs {
        shared.entry(patterns.keys().collect()).or_default().push(action);
    }
    pieces(group, shared.into_iter().map(|(patterns, actions)| (actions, patterns)))
}

fn by_resource(group: &Group) -> Vec<(Piece, BTreeSet<Place>)> {
    let mut actions_of: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
    for (action, patterns) in &group.pairs {
        for pattern in patterns.keys() {
            actions_of.entry(pattern).or_default().push(action);
        }
    }
    let mut shared: BTreeMap<Vec<&String>, Vec<&String>> = BTreeMap::new();
    for (pattern, actions) in actions_of {
        shared.entry(actions).or_default().push(pattern);
    }
    pieces(group, shared)
}

fn pieces<'a>(
    group: &'a Group,
    rectangles: impl IntoIterator<Item = (Vec<&'a String>, Vec<&'a String>)>,
) -> Vec<(Piece, BTreeSet<Place>)> {
    let rectangle = |(actions, patterns): (Vec<&String>, Vec<&String>)| {
        let mut places = BTreeSet::new();
        for action in &actions {
            let of = group.pairs.get(*action);
            places.extend(patterns.iter().filter_map(|pattern| of?.get(*pattern).copied()));
        }
        let resource = ResourceElement::Only(patterns.into_iter().cloned().collect());
        piece(group, actions.into_iter().cloned().collect(), resource, places)
    };
    rectangles.into_iter().map(rectangle).collect()
}

fn piece(
    group: &Group,
    mut actions: Vec<String>,
    resource: ResourceElement,
    places: impl IntoIterator<Item = Place>,
) -> (Piece, BTreeSet<Place>) {
    actions.sort_by_cached_key(|action| action.to_ascii_lowercase());
    let statement = Statement {
        sid: None,
        effect: Effect::Allow,
        principal: None,
        action: ActionElement::Only(actions),
        resource: Some(resource),
        conditions: group.conditions.clone(),
        has_unknown: false,
    };
    let version = if group.old_syntax { Version::V2008 } else { Version::V2012 };
    (Piece { version, statement }, places.into_iter().collect())
}

/// Roughly the characters of the statements; enough to choose between two ways of writing the same pairs.
fn length(pieces: &[(Piece, BTreeSet<Place>)]) -> usize {
    let list = |texts: &[String]| texts.iter().map(|text| text.len() + 3).sum::<usize>();
    let condition = |one: &Condition| one.operator.len() + one.key.len() + 8 + list(&one.values);
    let one = |(piece, _): &(Piece, BTreeSet<Place>)| {
        let statement = &piece.statement;
        let (ActionElement::Only(actions) | ActionElement::Except(actions)) = &statement.action;
        let resources = match &statement.resource {
            Some(ResourceElement::Only(texts) | ResourceElement::Except(texts)) => list(texts),
            None => 0,
        };
        48 + list(actions) + resources + statement.conditions.iter().map(condition).sum::<usize>()
    };
    pieces.iter().map(one).sum()
}

/// Service of the first action, then the action, then the resource.
fn sort_key(statement: &Statement) -> (String, String, String) {
    let (ActionElement::Only(actions) | ActionElement::Except(actions)) = &statement.action;
    let action = actions.first().map(|action| action.to_ascii_lowercase()).unwrap_or_default();
    let service = action.split(':').next().unwrap_or_default().to_owned();
    let resource = match &statement.resource {
        Some(ResourceElement::Only(texts) | ResourceElement::Except(texts)) => texts.join(" "),
        None => String::new(),
    };
    (service, resource, action)
}

/// Sids are unique in a document; a Sid taken twice gets a number.
#[derive(Default)]
struct Sids(BTreeSet<String>);

impl Sids {
    fn claim(&mut self, sid: Option<&str>) -> Option<String> {
        let sid = sid?;
        let numbered = (2..).map(|n| format!("{sid}{n}"));
        let free = std::iter::once(sid.to_owned()).chain(numbered).find(|sid| !self.0.contains(sid))?;
        self.0.insert(free.clone());
        Some(free)
    }
}
