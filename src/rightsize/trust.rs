//! Trust policies that admit exactly who assumed the role through an identity provider.
//!
//! Only statements for OIDC providers are rewritten: their subjects are in the logs word for word. Statements for AWS principals
//! and services stay as they are.

use std::collections::BTreeSet;

use super::pack::policy as document;
use super::{AccountCoverage, Quotas, Subject, TrustProposal};
use crate::ident::glob::Glob;
use crate::policy::{
    ActionElement, Condition, Effect, Policy, PrincipalElement, PrincipalPattern, Statement, size,
};
use crate::proof::{self, Verdict};
use crate::usage::{IssuanceFacts, IssuanceKind};

/// Subjects that are too many to list: a pattern is then the better answer, and the owner's to choose.
const MAX_SUBJECTS: usize = 20;

/// A trust policy narrower than the role's own, when who assumed the role is fully known; `None` when it is not, when nothing
/// would change, or when the result is not proven to be narrower.
pub(super) fn narrower_trust(
    subject: &Subject<'_>,
    coverage: &AccountCoverage,
    quotas: &Quotas,
) -> Option<TrustProposal> {
    let role = subject.role?;
    let old = role.trust.as_ref()?;
    if !coverage.shows_assumptions() || role.is_service_linked() || role.is_permission_set() {
        return None;
    }
    let web: Vec<&IssuanceFacts> = subject
        .issuances
        .iter()
        .copied()
        .filter(|issuance| issuance.kind == IssuanceKind::AssumeRoleWithWebIdentity)
        .collect();
    if web.is_empty() || web.iter().any(|issuance| issuance.provider.is_none() || issuance.subject.is_none())
    {
        return None;
    }
    let mut removed = BTreeSet::new();
    let mut statements = Vec::new();
    for statement in &old.statements {
        match providers(statement) {
            None => statements.push(statement.clone()),
            Some(providers) => {
                for provider in providers {
                    let seen: Vec<_> = web.iter().copied().filter(|one| is_of(one, provider)).collect();
                    match admitting(statement, provider, &seen)? {
                        Some(narrow) => statements.push(narrow),
                        None => {
                            removed.insert(provider.to_owned());
                        }
                    }
                    removed.extend(no_longer(statement, provider, &seen));
                }
            }
        }
    }
    // A Sid that stood on one statement may now stand on several.
    let mut taken = BTreeSet::new();
    for statement in &mut statements {
        if let Some(sid) = &statement.sid
            && !taken.insert(sid.clone())
        {
            statement.sid = None;
        }
    }
    if statements.is_empty() || statements == old.statements {
        return None;
    }
    let new = document(old.version, statements);
    // Policies may be attached to a role without limit of kind, but a trust policy has one document and one quota.
    if size(&new) > quotas.trust.max(size(old)) {
        return None;
    }
    let proof = proof::no_new_access(&[old], &[&new], &proof::Settings::default());
    (proof.verdict == Verdict::Proven).then(|| TrustProposal {
        document: new,
        removed: removed.into_iter().collect(),
        added: Vec::new(),
        proof,
    })
}

/// A trust policy for one subject of one provider, from the role's own statement for it.
pub(super) fn trust_of(old: &Policy, host: &str, subject: &str) -> Option<Policy> {
    for statement in &old.statements {
        for provider in providers(statement).unwrap_or_default() {
            if host_of(provider) != host {
                continue;
            }
            let mut narrow = statement.clone();
            narrow.principal =
                Some(PrincipalElement::Only(vec![PrincipalPattern::Federated(provider.to_owned())]));
            let key = format!("{host}:sub");
            narrow.conditions.retain(|one| !one.key.eq_ignore_ascii_case(&key));
            narrow.conditions.push(equals(&key, [subject]));
            let new = document(old.version, vec![narrow]);
            if proof::no_new_access(&[old], &[&new], &proof::Settings::default()).verdict == Verdict::Proven {
                return Some(new);
            }
        }
    }
    None
}

/// The providers of a statement that lets web identities in and nobody else; `None` for any other statement.
fn providers(statement: &Statement) -> Option<Vec<&str>> {
    let ActionElement::Only(actions) = &statement.action else { return None };
    let Some(PrincipalElement::Only(principals)) = &statement.principal else { return None };
    let web = "sts:AssumeRoleWithWebIdentity";
    if statement.effect != Effect::Allow
        || statement.has_unknown
        || !actions.iter().any(|action| Glob::ignoring_case(action).matches(web))
    {
        return None;
    }
    principals
        .iter()
        .map(|principal| match principal {
            PrincipalPattern::Federated(provider) if !provider.contains(":saml-provider/") => {
                Some(provider.as_str())
            }
            _ => None,
        })
        .collect()
}

/// The issuer's host and path, as condition keys begin with it.
fn host_of(provider: &str) -> &str {
    provider.split_once(":oidc-provider/").map_or(provider, |(_, host)| host)
}

fn is_of(issuance: &IssuanceFacts, provider: &str) -> bool {
    issuance.provider.as_deref().is_some_and(|seen| host_of(seen) == host_of(provider))
}

/// The statement for this provider and these assumptions: outer `None` when they cannot be listed, inner `None` when there are none.
#[expect(clippy::option_option, reason = "two ways to have no statement, told in the doc comment")]
fn admitting(statement: &Statement, provider: &str, seen: &[&IssuanceFacts]) -> Option<Option<Statement>> {
    let subjects: BTreeSet<&str> = seen.iter().filter_map(|one| one.subject.as_deref()).collect();
    if subjects.is_empty() {
        return Some(None);
    }
    if subjects.len() > MAX_SUBJECTS {
        return None;
    }
    let host = host_of(provider);
    let (sub, aud) = (format!("{host}:sub"), format!("{host}:aud"));
    let audiences: Option<BTreeSet<&str>> = seen.iter().map(|one| one.audience.as_deref()).collect();
    // Built-in providers put other claims behind `aud`; their audiences stay as they are.
    let audiences = audiences.filter(|_| provider.contains(":oidc-provider/"));
    let mut narrow = statement.clone();
    narrow.principal = Some(PrincipalElement::Only(vec![PrincipalPattern::Federated(provider.to_owned())]));
    narrow.conditions.retain(|one| {
        !one.key.eq_ignore_ascii_case(&sub) && (audiences.is_none() || !one.key.eq_ignore_ascii_case(&aud))
    });
    narrow.conditions.extend(audiences.map(|audiences| equals(&aud, audiences)));
    narrow.conditions.push(equals(&sub, subjects));
    Some(Some(if says_the_same(&narrow, statement) { statement.clone() } else { narrow }))
}

/// Whether two statements differ in the order of their conditions and values only.
fn says_the_same(a: &Statement, b: &Statement) -> bool {
    let sorted = |statement: &Statement| {
        let mut conditions: Vec<(String, String, Vec<String>)> = statement
            .conditions
            .iter()
            .map(|one| {
                let mut values = one.values.clone();
                values.sort();
                (one.operator.clone(), one.key.to_ascii_lowercase(), values)
            })
            .collect();
        conditions.sort();
        conditions
    };
    a.principal == b.principal && sorted(a) == sorted(b)
}

fn equals<'v>(key: &str, values: impl IntoIterator<Item = &'v str>) -> Condition {
    Condition {
        operator: "StringEquals".to_owned(),
        key: key.to_owned(),
        values: values.into_iter().map(str::to_owned).collect(),
    }
}

/// What the old statement's subjects said and the new one's do not.
fn no_longer(statement: &Statement, provider: &str, seen: &[&IssuanceFacts]) -> Vec<String> {
    let host = host_of(provider);
    let key = format!("{host}:sub");
    let mut old = statement.conditions.iter().filter(|one| one.key.eq_ignore_ascii_case(&key)).peekable();
    if old.peek().is_none() {
        return vec![format!("any subject of {host}")];
    }
    let subjects: BTreeSet<&str> = seen.iter().filter_map(|one| one.subject.as_deref()).collect();
    old.flat_map(|one| &one.values).filter(|value| !subjects.contains(value.as_str())).cloned().collect()
}
