//! The granted side of one role, expanded over the catalog.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::ActionSet;
use super::limit::Source;
use super::pattern::Resources;
use crate::catalog::{ActionId, Catalog};
use crate::ident::Action;
use crate::ident::glob::Glob;
use crate::inventory::Role;
use crate::policy::{ActionElement, Effect, Policy, Statement, Version};

/// Actions that need no permission: granting them means nothing, and they are never called unused.
///
/// `AssumeRoleWithSAML` and `AssumeRoleWithWebIdentity` are called without AWS credentials; only the trust policy counts.
///
/// See: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
const NO_PERMISSION_NEEDED: &[&str] = &[
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:GetCallerIdentity",
    "sts:GetSessionToken",
];

/// Whether a call of the action works whatever any policy says.
pub(super) fn works_without_permission(action: &Action) -> bool {
    NO_PERMISSION_NEEDED.iter().any(|name| name.eq_ignore_ascii_case(action.as_str()))
}

/// Expands action elements over the catalog, each distinct one once for all roles.
#[derive(Debug)]
pub(super) struct Expander<'c> {
    pub(super) catalog: &'c Catalog,
    known: Mutex<HashMap<ActionElement, Arc<ActionSet>>>,
    no_permission: ActionSet,
    all: ActionSet,
}

impl<'c> Expander<'c> {
    pub(super) fn new(catalog: &'c Catalog) -> Self {
        let no_permission: ActionSet =
            NO_PERMISSION_NEEDED.iter().filter_map(|name| catalog.find(name)).collect();
        let mut all: ActionSet = catalog.all().collect();
        all.remove_all(&no_permission);
        Self { catalog, known: Mutex::default(), no_permission, all }
    }

    /// The catalog actions an element names, without those that need no permission.
    pub(super) fn expand(&self, element: &ActionElement) -> Arc<ActionSet> {
        // A poisoned lock only means that another thread died between two whole insertions.
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = lock().get(element) {
            return Arc::clone(set);
        }
        let named = |patterns: &[String]| {
            let mut set: ActionSet =
                patterns.iter().flat_map(|pattern| self.catalog.expand(pattern)).collect();
            set.remove_all(&self.no_permission);
            set
        };
        let set = match element {
            ActionElement::Only(patterns) => named(patterns),
            ActionElement::Except(patterns) => {
                let mut set = self.all.clone();
                set.remove_all(&named(patterns));
                set
            }
        };
        Arc::clone(lock().entry(element.clone()).or_insert_with(|| Arc::new(set)))
    }

    /// The catalog actions one pattern names, without those that need no permission.
    pub(super) fn expand_pattern(&self, pattern: &str) -> Arc<ActionSet> {
        self.expand(&ActionElement::Only(vec![pattern.to_owned()]))
    }

    /// Whether a pattern names nothing but actions that need no permission.
    pub(super) fn needs_no_permission(&self, pattern: &str) -> bool {
        let glob = Glob::ignoring_case(pattern);
        NO_PERMISSION_NEEDED.iter().any(|name| glob.matches(name) && self.catalog.find(name).is_some())
            && self.expand_pattern(pattern).is_empty()
    }
}

/// One statement of a role's policies.
#[derive(Clone, Debug)]
pub(super) struct GrantedStatement<'a> {
    /// Index of the policy in [`Grant::policies`], and of the statement in the policy.
    pub(super) at: (usize, usize),
    pub(super) statement: &'a Statement,
    pub(super) version: Version,
    /// The catalog actions it names.
    pub(super) actions: Arc<ActionSet>,
    pub(super) resources: Resources<'a>,
}

impl<'a> GrantedStatement<'a> {
    fn new(
        at: (usize, usize),
        policy: &'a Policy,
        statement: &'a Statement,
        expander: &Expander<'_>,
    ) -> Self {
        Self {
            at,
            statement,
            version: policy.version,
            actions: expander.expand(&statement.action),
            resources: Resources::new(statement.resource.as_ref(), policy.version),
        }
    }

    /// Whether it names this action, known to the catalog or not.
    pub(super) fn names(&self, action: &Action, id: Option<ActionId>) -> bool {
        if let Some(id) = id {
            return self.actions.contains(id);
        }
        let hit = |patterns: &[String]| {
            patterns.iter().any(|pattern| Glob::ignoring_case(pattern).matches(action.as_str()))
        };
        match &self.statement.action {
            ActionElement::Only(patterns) => hit(patterns),
            ActionElement::Except(patterns) => !hit(patterns),
        }
    }
}

/// The identity policies of one role.
#[derive(Clone, Debug, Default)]
pub(super) struct Grant<'a> {
    /// Those whose text is known, in snapshot order.
    pub(super) policies: Vec<&'a Policy>,
    /// The same with what they are called.
    pub(super) sources: Vec<Source<'a>>,
    pub(super) allows: Vec<GrantedStatement<'a>>,
    pub(super) denies: Vec<GrantedStatement<'a>>,
    /// Why the grant is not fully known, each a sentence.
    pub(super) unknown: Vec<String>,
}

impl<'a> Grant<'a> {
    pub(super) fn new(role: &'a Role, expander: &Expander<'_>) -> Self {
        let mut grant = Self::default();
        for attached in &role.policies {
            let Some(policy) = &attached.document else {
                grant.unknown.push(format!("The text of policy `{}` is not in the snapshot.", attached.name));
                continue;
            };
            if !policy.unknown.is_empty() || policy.statements.iter().any(|statement| statement.has_unknown) {
                grant.unknown.push(format!("Policy `{}` has elements IAM does not define.", attached.name));
            }
            let source = Source { name: &attached.name, origin: Some(&attached.origin), document: policy };
            grant.push(source, expander);
        }
        grant
    }

    /// Of policies given as such.
    pub(super) fn of(policies: impl IntoIterator<Item = &'a Policy>, expander: &Expander<'_>) -> Self {
        let mut grant = Self::default();
        for document in policies {
            grant.push(Source { name: "", origin: None, document }, expander);
        }
        grant
    }

    fn push(&mut self, source: Source<'a>, expander: &Expander<'_>) {
        let (index, policy) = (self.policies.len(), source.document);
        self.policies.push(policy);
        self.sources.push(source);
        for (place, statement) in policy.statements.iter().enumerate() {
            let read = GrantedStatement::new((index, place), policy, statement, expander);
            match statement.effect {
                Effect::Allow => self.allows.push(read),
                Effect::Deny => self.denies.push(read),
            }
        }
    }

    /// Every catalog action some statement allows.
    pub(super) fn actions(&self) -> ActionSet {
        union(&self.allows)
    }
}

pub(super) fn union<'s, 'a: 's>(statements: impl IntoIterator<Item = &'s GrantedStatement<'a>>) -> ActionSet {
    statements.into_iter().fold(ActionSet::default(), |mut all, statement| {
        all.extend(&statement.actions);
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_no_permission_is_not_granted() {
        let catalog = Catalog::embedded();
        let expander = Expander::new(catalog);
        for pattern in ["*", "sts:*", "sts:GetCallerIdentity"] {
            let set = expander.expand_pattern(pattern);
            assert!(!set.contains(catalog.find("sts:GetCallerIdentity").unwrap()), "{pattern}");
        }
        assert!(
            expander.needs_no_permission("sts:GetCallerIdentity") && !expander.needs_no_permission("sts:*")
        );
    }
}
