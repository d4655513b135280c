//! The granted side of one role, expanded over the catalog.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::ActionSet;
use super::limit::{LimitGrant, Limits};
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
        let ids = self.catalog.expand(pattern);
        !ids.is_empty() && ids.into_iter().all(|id| self.no_permission.contains(id))
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
            grant.push(policy, expander);
        }
        grant
    }

    /// Of policies given as such.
    pub(super) fn of(policies: impl IntoIterator<Item = &'a Policy>, expander: &Expander<'_>) -> Self {
        let mut grant = Self::default();
        policies.into_iter().for_each(|policy| grant.push(policy, expander));
        grant
    }

    fn push(&mut self, policy: &'a Policy, expander: &Expander<'_>) {
        let index = self.policies.len();
        self.policies.push(policy);
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

    /// Of the allowed actions, those of which a deny or a limit takes every allowed request away.
    ///
    /// Claimed only when it is certain: a deny must have no condition and name (or cover) the whole of what the statement allows; a
    /// limit takes away what none of its statements could allow on an overlapping resource.
    pub(super) fn blocked(&self, limits: &Limits<'_>) -> ActionSet {
        let mut blocked = ActionSet::default();
        self.blocked_by(limits).iter().for_each(|(_, actions)| blocked.extend(actions));
        blocked
    }

    /// The same by what takes the last allowed request away: `None` is a deny of the policies themselves, the rest is in the order of
    /// the limits. An action stands with one of them, though others may take it away as well.
    pub(super) fn blocked_by<'l>(
        &self,
        limits: &'l Limits<'a>,
    ) -> Vec<(Option<&'l LimitGrant<'a>>, ActionSet)> {
        // What each statement still allows, narrowed limit by limit.
        let mut open: Vec<ActionSet> =
            self.allows.iter().map(|allow| ActionSet::clone(&allow.actions)).collect();
        let mut before = self.actions();
        let mut blocked = Vec::new();
        for limit in std::iter::once(None).chain(limits.all.iter().map(Some)) {
            for (allow, actions) in self.allows.iter().zip(&mut open) {
                match limit {
                    None => deny(actions, allow, &self.denies),
                    Some(limit) => limit.narrow(actions, allow),
                }
            }
            let mut after = ActionSet::default();
            open.iter().for_each(|actions| after.extend(actions));
            before.remove_all(&after);
            if !before.is_empty() {
                blocked.push((limit, before));
            }
            before = after;
        }
        blocked
    }
}

/// Takes away what denies without conditions cover wholly.
pub(super) fn deny<'s, 'a: 's>(
    actions: &mut ActionSet,
    allow: &GrantedStatement<'_>,
    denies: impl IntoIterator<Item = &'s GrantedStatement<'a>>,
) {
    for deny in denies {
        if deny.statement.conditions.is_empty()
            && !deny.statement.has_unknown
            && deny.actions.intersects(actions)
            && deny.resources.contains_all(&allow.resources)
        {
            actions.remove_all(&deny.actions);
        }
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
    use super::super::Limit;
    use super::*;
    use crate::policy::{PolicyKind, parse};

    fn policy(statements: &str) -> Policy {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        parse(&text, PolicyKind::Identity).unwrap()
    }

    fn blocked(identity: &str, limits: &[&str]) -> Vec<String> {
        let catalog = Catalog::embedded();
        let expander = Expander::new(catalog);
        let (identity, limits) =
            (policy(identity), limits.iter().map(|text| policy(text)).collect::<Vec<_>>());
        let limits: Vec<_> = limits
            .iter()
            .map(|policy| Limit { layer: "scp", name: String::new(), policies: vec![policy], is_whole: true })
            .collect();
        let limits = Limits::new(&limits, &[], &expander);
        let set = Grant::of([&identity], &expander).blocked(&limits);
        set.iter().map(|id| catalog.info(id).unwrap().action().to_string()).collect()
    }

    #[test]
    fn only_what_is_wholly_taken_away_is_blocked() {
        let grant = r#"{"Effect":"Allow","Action":["sqs:SendMessage","sqs:PurgeQueue"],"Resource":"arn:aws:sqs:*:1:q"}"#;
        let with = |deny: &str| blocked(&format!("{grant},{deny}"), &[]);
        let all = ["sqs:PurgeQueue"];
        assert_eq!(with(r#"{"Effect":"Deny","Action":"sqs:Purge*","Resource":"*"}"#), all);
        assert_eq!(with(r#"{"Effect":"Deny","NotAction":"sqs:S*","Resource":"arn:aws:sqs:*:1:*"}"#), all);
        assert_eq!(with(r#"{"Effect":"Deny","Action":"sqs:Purge*","NotResource":"arn:aws:sns:*:*:*"}"#), all);
        for partial in [
            r#"{"Effect":"Deny","Action":"sqs:Purge*","Resource":"arn:aws:sqs:eu-west-1:1:q"}"#,
            r#"{"Effect":"Deny","Action":"sqs:Purge*","NotResource":"arn:aws:sqs:*:1:q"}"#,
            r#"{"Effect":"Deny","Action":"sqs:Purge*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#,
        ] {
            assert_eq!(with(partial), [""; 0], "{partial}");
        }
    }

    #[test]
    fn each_limit_must_allow() {
        let grant = r#"{"Effect":"Allow","Action":["sqs:SendMessage","sns:Publish"],"Resource":"*"}"#;
        let allow = |action: &str, resource: &str| {
            format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}"#)
        };
        let (sqs, some_sqs) = (allow("sqs:*", "*"), allow("sqs:*", "arn:aws:sqs:*:1:q"));
        let (all, sns) = (allow("*", "*"), allow("sns:*", "*"));
        assert_eq!(blocked(grant, &[&all]), [""; 0]);
        assert_eq!(blocked(grant, &[&sqs]), ["sns:Publish"]);
        assert_eq!(blocked(grant, &[&some_sqs]), ["sns:Publish"]);
        assert_eq!(blocked(grant, &[&sqs, &sns]), ["sns:Publish", "sqs:SendMessage"]);
        // One live statement is enough.
        let two = format!("{grant},{}", allow("sns:Publish", "arn:aws:sns:*:1:t"));
        let deny = r#"{"Effect":"Deny","Action":"sns:Publish","Resource":"arn:aws:sns:*:1:t"}"#;
        assert_eq!(blocked(&two, &[&format!("{all},{deny}")]), [""; 0]);
    }

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
