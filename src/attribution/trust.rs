//! What a trust policy tells when the logs do not show how a session began.

use std::collections::BTreeSet;

use super::ids;
use crate::eval::trust;
use crate::ident::glob::Glob;
use crate::ident::{Arn, POD_IDENTITY, is_account_id};
use crate::inventory::Role;
use crate::policy::{
    ActionElement, Condition, Effect, Policy, PrincipalElement, PrincipalPattern, Statement,
};

/// Somebody a trust policy lets in, named without wildcards.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Subject {
    /// A token's subject at a provider, possibly a pattern.
    Web { provider: String, subject: String },
    /// An AWS service.
    Service(String),
    /// A user or role.
    Principal(String),
    /// Everybody an account lets assume the role.
    Account(String),
    /// The pods of one ServiceAccount, by the session tags the trust policy asks for.
    Pod { cluster: String, namespace: String, service_account: String },
}

/// Everybody the role's trust policy admits; `None` when somebody in it cannot be named: everyone, SAML subjects, tokens without
/// a condition on their subject, session ARNs.
///
/// `provider` narrows the question to sessions of one OIDC provider, when the session shows it: where the policy knows that provider,
/// nobody without its token can have opened the session. For principals other than tokens, deny
/// statements and further conditions are not looked at: they can only take subjects away.
pub(super) fn admitted(role: &Role, provider: Option<&str>) -> Option<BTreeSet<Subject>> {
    let trust = role.trust.as_ref().filter(|trust| trust.unknown.is_empty())?;
    let mut subjects = BTreeSet::new();
    let by_token = provider.is_some_and(|provider| knows(trust, provider));
    for statement in &trust.statements {
        if statement.effect == Effect::Allow && assumes(&statement.action) {
            subjects.extend(subjects_of(trust, statement, role, provider, by_token)?);
        }
    }
    Some(subjects)
}

/// Whether the policy lets tokens of the provider in.
fn knows(trust: &Policy, provider: &str) -> bool {
    let issuer = ids::issuer(provider);
    let allows = trust.statements.iter().filter(|statement| statement.effect == Effect::Allow);
    let principals = allows.filter_map(|statement| match &statement.principal {
        Some(PrincipalElement::Only(principals)) => Some(principals),
        _ => None,
    });
    principals.flatten().any(
        |principal| matches!(principal, PrincipalPattern::Federated(text) if ids::issuer(text) == issuer),
    )
}

/// Whether the statement is about assuming the role at all (`sts:TagSession` alone lets nobody in).
fn assumes(action: &ActionElement) -> bool {
    match action {
        ActionElement::Except(_) => true,
        ActionElement::Only(patterns) => patterns.iter().any(|pattern| {
            let pattern = Glob::ignoring_case(pattern);
            ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"]
                .iter()
                .any(|name| pattern.matches(name))
        }),
    }
}

fn subjects_of(
    trust: &Policy,
    statement: &Statement,
    role: &Role,
    provider: Option<&str>,
    by_token: bool,
) -> Option<Vec<Subject>> {
    let PrincipalElement::Only(principals) = statement.principal.as_ref()? else {
        return None;
    };
    let mut found = Vec::new();
    for principal in principals {
        match principal {
            PrincipalPattern::Service(_) | PrincipalPattern::Aws(_) if by_token => {}
            PrincipalPattern::Service(service) if service == POD_IDENTITY => {
                found.push(pod(statement).unwrap_or_else(|| Subject::Service(service.clone())));
            }
            PrincipalPattern::Service(service) => found.push(Subject::Service(service.clone())),
            PrincipalPattern::Federated(federated) if !federated.contains(":saml-provider/") => {
                let theirs = ids::issuer(federated);
                if provider.is_some_and(|provider| ids::issuer(provider) != theirs) {
                    continue;
                }
                let subjects: Vec<String> = match trust::exact_subjects(trust, federated) {
                    Some(exact) => exact.subjects.into_iter().collect(),
                    // Patterns may still name one workload.
                    None => pinned_values(&statement.conditions, &format!("{theirs}:sub"))?,
                };
                let web = |subject| Subject::Web { provider: federated.clone(), subject };
                found.extend(subjects.into_iter().map(web));
            }
            PrincipalPattern::Aws(text) => found.push(aws(text, role)?),
            // Everyone, SAML subjects and canonical users cannot be told apart.
            _ => return None,
        }
    }
    Some(found)
}

fn aws(text: &str, role: &Role) -> Option<Subject> {
    let account = match Arn::parse(text) {
        Some(arn) if arn.resource == "root" => arn.account,
        Some(arn) if arn.service == "iam" && !text.contains(['*', '?']) => {
            return Some(Subject::Principal(text.to_owned()));
        }
        Some(_) => return None,
        None => text,
    };
    // Inside the role's own account the root stands for every principal that may assume it.
    (is_account_id(account) && account != role.account).then(|| Subject::Account(account.to_owned()))
}

/// The pod a Pod Identity statement is narrowed to by the tags EKS sets.
fn pod(statement: &Statement) -> Option<Subject> {
    let one = |tag: &str| {
        let mut values = pinned_values(&statement.conditions, &format!("aws:requesttag/{tag}"))?.into_iter();
        values.next().filter(|value| !value.contains(['*', '?']) && values.next().is_none())
    };
    Some(Subject::Pod {
        cluster: one("eks-cluster-arn")?,
        namespace: one("kubernetes-namespace")?,
        service_account: one("kubernetes-service-account")?,
    })
}

/// The values `key` is compared with (patterns, under `StringLike`); `None` when nothing pins the key, or a variable does.
fn pinned_values(conditions: &[Condition], key: &str) -> Option<Vec<String>> {
    let pins = |condition: &&Condition| {
        let operator = condition.operator.to_ascii_lowercase();
        let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
        condition.key.eq_ignore_ascii_case(key)
            && matches!(operator, "stringequals" | "stringlike")
            && !condition.values.iter().any(|value| value.contains("${"))
    };
    let pinned = conditions.iter().find(pins)?;
    // `StringEquals` compares literally: a `*` in it is no wildcard, and no token has such a subject.
    let literal = pinned.operator.to_ascii_lowercase().ends_with("stringequals");
    let values = pinned.values.iter().filter(|value| !literal || !value.contains(['*', '?']));
    Some(values.cloned().collect())
}
