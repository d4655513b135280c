//! What limits a role beside its own policies: the permissions boundary, and the policies of its organization.

use std::collections::BTreeSet;

use crate::ident::{Action, Arn};
use crate::inventory::{Guardrail, Level, Organization, Origin, Role};
use crate::policy::{Effect, Policy, ResourceElement};

/// Services whose resources obey resource control policies, as far as known for sure in September 2026; others are added now and then, and
/// for a service that is not here nothing is called blocked by one.
///
/// See: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>
const UNDER_RCPS: &[&str] = &["dynamodb", "ecr", "kms", "logs", "s3", "secretsmanager", "sqs", "sts"];

/// A policy with what it is called and where it was read.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it was read; `None` for a policy that was made here.
    pub origin: Option<&'a Origin>,
    /// The document.
    pub document: &'a Policy,
}

/// A set of policies that must allow a request for it to pass, beside the identity policies: a permissions boundary, or one
/// level of an organization's service control policies.
#[derive(Clone, Debug, Default)]
pub struct Limit<'a> {
    /// `boundary` or `scp`.
    pub layer: &'static str,
    /// What it is called in the report.
    pub name: String,
    /// Its policies; a request must be allowed by one of them and denied by none.
    pub policies: Vec<Source<'a>>,
    /// No policy of it is missing. Of a limit that is not whole only the denies count.
    pub is_whole: bool,
    /// It binds requests on the resources of this account only, and cannot allow anything: a level of resource control policies.
    pub of_account: Option<&'a str>,
}

/// The levels of service control policies that bind an account's principals.
pub fn limits_of_account<'o>(organization: &'o Organization, account: &str) -> Vec<Limit<'o>> {
    let limit = |level: &Level<'o>| Limit {
        layer: "scp",
        name: format!("the service control policies of {}", level.target.title()),
        policies: sources(level),
        is_whole: level.is_whole(),
        of_account: None,
    };
    organization.levels(account, Guardrail::Scp).iter().map(limit).collect()
}

/// The levels of resource control policies that deny something, for every account of the organization.
pub fn resource_limits(organization: &Organization) -> Vec<Limit<'_>> {
    let denies = |source: &Source<'_>| {
        source.document.statements.iter().any(|statement| statement.effect == Effect::Deny)
    };
    let mut limits = Vec::new();
    for account in organization.targets.keys().filter(|id| id.len() == 12 && !id.contains('-')) {
        for level in organization.levels(account, Guardrail::Rcp) {
            let mut policies = sources(&level);
            policies.retain(denies);
            if !policies.is_empty() {
                let name = format!("the resource control policies of {}", level.target.title());
                let of_account = Some(account.as_str());
                limits.push(Limit { layer: "rcp", name, policies, is_whole: false, of_account });
            }
        }
    }
    limits
}

fn sources<'o>(level: &Level<'o>) -> Vec<Source<'o>> {
    let source = |policy: &&'o crate::inventory::OrganizationPolicy| {
        let document = policy.document.as_ref()?;
        Some(Source { name: &policy.name, origin: Some(&policy.origin), document })
    };
    level.policies.iter().filter_map(source).collect()
}

/// Whether resource control policies reach the action at all.
pub(super) fn is_under_rcps(action: &Action) -> bool {
    // A grant is retired whatever the organization says.
    UNDER_RCPS.contains(&action.service()) && action.as_str() != "kms:RetireGrant"
}

/// The limits of the role's own account, and of the accounts whose resources its policies name.
pub(super) fn relevant<'a>(limits: &[Limit<'a>], role: &Role) -> Vec<Limit<'a>> {
    if limits.is_empty() {
        return Vec::new();
    }
    let documents = role.policies.iter().filter_map(|attached| attached.document.as_ref());
    let statements = documents.flat_map(|document| &document.statements);
    let named = statements.filter_map(|statement| match &statement.resource {
        Some(ResourceElement::Only(texts)) => Some(texts),
        _ => None,
    });
    let mut accounts: BTreeSet<&str> =
        named.flatten().filter_map(|text| Some(Arn::parse(text)?.account)).collect();
    accounts.insert(&role.account);
    let is_near = |limit: &&Limit<'_>| limit.of_account.is_some_and(|account| accounts.contains(account));
    limits.iter().filter(is_near).cloned().collect()
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

    #[test]
    fn services_under_resource_control_policies_are_known_and_sorted() {
        assert!(UNDER_RCPS.is_sorted());
        assert!(UNDER_RCPS.iter().all(|service| Catalog::embedded().has_service(service)));
    }
}
