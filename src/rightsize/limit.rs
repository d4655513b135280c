//! What limits a role beside its own policies: the permissions boundary, and the policies of its organization.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use super::ActionSet;
use super::grant::{Expander, Grant, GrantedStatement, deny, union};
use crate::catalog::ActionId;
use crate::ident::Arn;
use crate::inventory::{Guardrail, Organization, Role};
use crate::policy::{Effect, Policy, PrincipalElement, PrincipalPattern, ResourceElement, Statement};

/// Services whose resources obey resource control policies, as far as known for sure in September 2026; others are added now and then, and
/// for a service that is not here nothing is called blocked by one.
///
/// See: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>
const UNDER_RCPS: &[&str] = &["dynamodb", "ecr", "kms", "logs", "s3", "secretsmanager", "sqs", "sts"];

/// A set of policies that must allow a request for it to pass, beside the identity policies: a permissions boundary, or one
/// level of an organization's service control policies.
#[derive(Clone, Debug, Default)]
pub struct Limit<'a> {
    /// `boundary` or `scp`.
    pub layer: &'static str,
    /// What it is called in the report.
    pub name: String,
    /// Its policies; a request must be allowed by one of them and denied by none.
    pub policies: Vec<&'a Policy>,
    /// No policy of it is missing. Of a limit that is not whole only the denies count.
    pub is_whole: bool,
}

/// One level of an organization's resource control policies: what nobody may do to the resources of an account.
#[derive(Clone, Debug, Default)]
pub struct ResourceLimit<'a> {
    /// The account whose resources it protects.
    pub account: String,
    /// What it is called in the report.
    pub name: String,
    /// Its policies.
    pub policies: Vec<&'a Policy>,
}

/// The levels of service control policies that bind an account's principals.
pub fn limits_of_account<'o>(organization: &'o Organization, account: &str) -> Vec<Limit<'o>> {
    let levels = organization.levels(account, Guardrail::Scp);
    let limit = |level: &crate::inventory::Level<'o>| Limit {
        layer: "scp",
        name: format!("the service control policies of {}", level.target.title()),
        policies: level.policies.iter().filter_map(|policy| policy.document.as_ref()).collect(),
        is_whole: level.is_whole(),
    };
    levels.iter().map(limit).collect()
}

/// The levels of resource control policies that deny something without a condition, for every account of the organization.
pub fn resource_limits(organization: &Organization) -> Vec<ResourceLimit<'_>> {
    let denies = |policy: &&Policy| policy.statements.iter().any(denies_for_sure);
    let mut limits = Vec::new();
    for account in organization.targets.keys().filter(|id| id.len() == 12 && !id.contains('-')) {
        for level in organization.levels(account, Guardrail::Rcp) {
            let documents = level.policies.iter().filter_map(|policy| policy.document.as_ref());
            let policies: Vec<&Policy> = documents.filter(denies).collect();
            if !policies.is_empty() {
                let name = format!("the resource control policies of {}", level.target.title());
                limits.push(ResourceLimit { account: account.clone(), name, policies });
            }
        }
    }
    limits
}

fn denies_for_sure(statement: &Statement) -> bool {
    let everyone = |element: &PrincipalElement| match element {
        PrincipalElement::Only(patterns) => {
            patterns.iter().any(|pattern| matches!(pattern, PrincipalPattern::Everyone { .. }))
        }
        PrincipalElement::Except(_) => false,
    };
    statement.effect == Effect::Deny
        && statement.conditions.is_empty()
        && !statement.has_unknown
        && statement.principal.as_ref().is_none_or(everyone)
}

/// A limit, expanded over the catalog.
#[derive(Clone, Debug)]
pub(super) struct LimitGrant<'a> {
    /// `boundary`, `scp` or `rcp`.
    pub(super) layer: &'static str,
    pub(super) name: String,
    grant: Grant<'a>,
    /// Counts as a whole; else its denies alone do.
    is_whole: bool,
    /// For resources of this account only.
    account: Option<String>,
}

/// All limits of one role, in the order they are told.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits<'a> {
    pub(super) all: Vec<LimitGrant<'a>>,
}

impl<'a> Limits<'a> {
    pub(super) fn new(
        limits: &[Limit<'a>],
        resources: &[ResourceLimit<'a>],
        expander: &Expander<'_>,
    ) -> Self {
        let grant = |policies: &[&'a Policy]| {
            let mut grant = Grant::of(policies.iter().copied(), expander);
            // An ARN of fewer parts is read differently in different kinds of policies.
            grant.denies.retain(|deny| !has_short_arn(deny.statement));
            grant
        };
        let is_known = |policy: &&Policy| {
            policy.unknown.is_empty() && !policy.statements.iter().any(|statement| statement.has_unknown)
        };
        let own = limits.iter().map(|limit| LimitGrant {
            layer: limit.layer,
            name: limit.name.clone(),
            grant: grant(&limit.policies),
            is_whole: limit.is_whole && limit.policies.iter().all(is_known),
            account: None,
        });
        let covered = LazyCell::new(|| -> ActionSet {
            expander.catalog.all().filter(|id| is_under_rcps(*id, expander)).collect()
        });
        let of_resources = resources.iter().map(|limit| {
            let mut grant = grant(&limit.policies);
            grant.denies.retain(|deny| denies_for_sure(deny.statement));
            for deny in &mut grant.denies {
                deny.actions = std::sync::Arc::new(deny.actions.intersection(&covered));
            }
            let account = Some(limit.account.clone());
            LimitGrant { layer: "rcp", name: limit.name.clone(), grant, is_whole: false, account }
        });
        Self { all: own.chain(of_resources).collect() }
    }
}

fn is_under_rcps(id: ActionId, expander: &Expander<'_>) -> bool {
    // A grant is retired whatever the organization says.
    expander.catalog.info(id).is_some_and(|info| {
        UNDER_RCPS.contains(&info.action().service()) && info.action().as_str() != "kms:RetireGrant"
    })
}

fn has_short_arn(statement: &Statement) -> bool {
    let short = |text: &String| text != "*" && text.split(':').count() < 6;
    match &statement.resource {
        None => false,
        Some(ResourceElement::Only(texts) | ResourceElement::Except(texts)) => texts.iter().any(short),
    }
}

impl LimitGrant<'_> {
    /// Takes away what the limit surely leaves nothing of.
    pub(super) fn narrow(&self, actions: &mut ActionSet, allow: &GrantedStatement<'_>) {
        if self.account.as_ref().is_some_and(|account| !lies_in(allow, account)) {
            return;
        }
        deny(actions, allow, &self.grant.denies);
        if self.is_whole {
            let within = self.grant.allows.iter().filter(|other| other.resources.overlaps(&allow.resources));
            *actions = actions.intersection(&union(within));
        }
    }
}

/// The limits of the accounts whose resources a role's policies name; of the others nothing is surely taken away.
pub(super) fn relevant<'a>(limits: &'a [ResourceLimit<'a>], role: &Role) -> Vec<ResourceLimit<'a>> {
    if limits.is_empty() {
        return Vec::new();
    }
    let documents = role.policies.iter().filter_map(|attached| attached.document.as_ref());
    let statements = documents.flat_map(|document| &document.statements);
    let named = statements.filter_map(|statement| match &statement.resource {
        Some(ResourceElement::Only(texts)) => Some(texts),
        _ => None,
    });
    let accounts: BTreeSet<&str> =
        named.flatten().filter_map(|text| Some(Arn::parse(text)?.account)).collect();
    limits.iter().filter(|limit| accounts.contains(limit.account.as_str())).cloned().collect()
}

/// Whether everything a statement allows is about resources of one account: no wildcard may stand before the account.
fn lies_in(allow: &GrantedStatement<'_>, account: &str) -> bool {
    let is_there = |text: &str| {
        Arn::parse(text).is_some_and(|arn| {
            arn.account == account
                && ![arn.partition, arn.service, arn.region].iter().any(|part| part.contains(['*', '?', '$']))
        })
    };
    !allow.resources.except
        && !allow.resources.patterns.is_empty()
        && allow.resources.patterns.iter().all(|pattern| is_there(pattern.text))
}

/// The accounts of these that the organization does not know.
pub fn unknown_accounts<'i>(
    organization: &Organization,
    accounts: impl IntoIterator<Item = &'i String>,
) -> BTreeSet<&'i str> {
    accounts.into_iter().filter(|account| !organization.knows(account)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::policy::{PolicyKind, parse};

    fn policy(kind: PolicyKind, statement: &str) -> Policy {
        parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#), kind).unwrap()
    }

    /// What is blocked of a grant, as `layer: action, …`.
    fn blocked(identity: &str, limits: &[(&'static str, &str, bool)], rcp: Option<&str>) -> Vec<String> {
        let catalog = Catalog::embedded();
        let expander = Expander::new(catalog);
        let identity = policy(PolicyKind::Identity, identity);
        let documents: Vec<Policy> =
            limits.iter().map(|(_, text, _)| policy(PolicyKind::Scp, text)).collect();
        let limits: Vec<Limit<'_>> = limits
            .iter()
            .zip(&documents)
            .map(|((layer, _, is_whole), policy)| Limit {
                layer,
                name: String::new(),
                policies: vec![policy],
                is_whole: *is_whole,
            })
            .collect();
        let rcp = rcp.map(|text| policy(PolicyKind::Rcp, text));
        let resources: Vec<ResourceLimit<'_>> = rcp
            .iter()
            .map(|policy| ResourceLimit {
                account: "111122223333".to_owned(),
                name: String::new(),
                policies: vec![policy],
            })
            .collect();
        let limits = Limits::new(&limits, &resources, &expander);
        let found = Grant::of([&identity], &expander).blocked_by(&limits);
        let names = |set: &ActionSet| {
            let names: Vec<_> = set.iter().map(|id| catalog.info(id).unwrap().action().to_string()).collect();
            names.join(", ")
        };
        found
            .iter()
            .map(|(limit, set)| format!("{}: {}", limit.map_or("deny", |limit| limit.layer), names(set)))
            .collect()
    }

    const GRANT: &str =
        r#"{"Effect":"Allow","Action":["sqs:SendMessage","sqs:PurgeQueue","sns:Publish"],"Resource":"*"}"#;
    const ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    const SQS: &str = r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*"}"#;
    const NO_PURGE: &str = r#"{"Effect":"Deny","Action":"sqs:PurgeQueue","Resource":"*"}"#;

    #[test]
    fn each_blocked_action_stands_with_the_layer_that_takes_the_last_of_it() {
        let no_purge = format!("{ALL},{NO_PURGE}");
        let levels = [("boundary", ALL, true), ("scp", no_purge.as_str(), true), ("scp", SQS, true)];
        assert_eq!(blocked(GRANT, &levels, None), ["scp: sqs:PurgeQueue", "scp: sns:Publish"]);
        let own = format!("{GRANT},{NO_PURGE}");
        assert_eq!(blocked(&own, &levels, None), ["deny: sqs:PurgeQueue", "scp: sns:Publish"]);
    }

    #[test]
    fn of_a_level_that_is_not_whole_only_the_denies_count() {
        let denies = format!("{SQS},{NO_PURGE}");
        assert_eq!(blocked(GRANT, &[("scp", &denies, false)], None), ["scp: sqs:PurgeQueue"]);
    }

    #[test]
    fn conditions_and_short_arns_block_nothing_for_sure() {
        for text in [
            r#"{"Effect":"Deny","Action":"sqs:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}"#,
            r#"{"Effect":"Deny","Action":"sqs:*","NotResource":"arn:aws:sns"}"#,
        ] {
            assert_eq!(blocked(GRANT, &[("scp", &format!("{ALL},{text}"), true)], None), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_resource_control_policy_reaches_the_resources_of_its_account_only() {
        let deny = |extra: &str| {
            format!(r#"{{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"{extra}}}"#)
        };
        let on = |resource: &str| {
            format!(
                r#"{{"Effect":"Allow","Action":["sqs:PurgeQueue","sns:Publish"],"Resource":"{resource}"}}"#
            )
        };
        let own = on("arn:aws:sqs:eu-west-1:111122223333:q");
        // SNS does not obey them.
        assert_eq!(blocked(&own, &[], Some(&deny(""))), ["rcp: sqs:PurgeQueue"]);
        for elsewhere in
            [on("*"), on("arn:aws:sqs:*:111122223333:q"), on("arn:aws:sqs:eu-west-1:444455556666:q")]
        {
            assert_eq!(blocked(&elsewhere, &[], Some(&deny(""))), [""; 0], "{elsewhere}");
        }
        let outsiders = deny(r#","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-1"}}"#);
        assert_eq!(blocked(&own, &[], Some(&outsiders)), [""; 0]);
    }

    #[test]
    fn services_under_resource_control_policies_are_known_and_sorted() {
        assert!(UNDER_RCPS.is_sorted());
        assert!(UNDER_RCPS.iter().all(|service| Catalog::embedded().has_service(service)));
    }
}
