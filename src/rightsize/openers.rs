//! Statements of a trust policy, limited to those who came.
//!
//! Each function takes a statement and gives the same one with fewer admitted: a principal fewer, or a condition more. So the result is
//! narrower by construction; it is proven all the same.

use std::collections::BTreeSet;

use crate::ident::POD_IDENTITY;
use crate::ident::glob::Glob;
use crate::policy::{ActionElement, Condition, Effect, PrincipalElement, PrincipalPattern, Statement};

/// What kind of callers a statement lets in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Web identities.
    Web,
    /// Users of SAML providers.
    Saml,
    /// Users, roles and accounts.
    Aws,
    /// EKS Pod Identity alone.
    Pods,
    /// Other services, several kinds at once, or something nobody knows.
    Other,
}

/// The kind of an Allow statement's principals.
pub(super) fn kind(statement: &Statement) -> Kind {
    let Some(PrincipalElement::Only(patterns)) = &statement.principal else { return Kind::Other };
    if statement.effect != Effect::Allow || statement.has_unknown || patterns.is_empty() {
        return Kind::Other;
    }
    let one = |pattern: &PrincipalPattern| match pattern {
        PrincipalPattern::Federated(text) if text.contains(":saml-provider/") => Kind::Saml,
        PrincipalPattern::Federated(_) => Kind::Web,
        PrincipalPattern::Aws(_) | PrincipalPattern::Everyone { .. } => Kind::Aws,
        PrincipalPattern::Service(name) if name == POD_IDENTITY => Kind::Pods,
        PrincipalPattern::Service(_) | PrincipalPattern::CanonicalUser(_) => Kind::Other,
    };
    let mut kinds = patterns.iter().map(one);
    let Some(first) = kinds.next() else { return Kind::Other };
    let action = match first {
        Kind::Web => "sts:AssumeRoleWithWebIdentity",
        Kind::Saml => "sts:AssumeRoleWithSAML",
        Kind::Aws | Kind::Pods | Kind::Other => "sts:AssumeRole",
    };
    if kinds.all(|kind| kind == first) && allows(statement, action) { first } else { Kind::Other }
}

/// Whether the statement names the action, or a pattern that covers it.
pub(super) fn allows(statement: &Statement, action: &str) -> bool {
    match &statement.action {
        ActionElement::Only(patterns) => patterns.iter().any(|one| Glob::ignoring_case(one).matches(action)),
        ActionElement::Except(_) => false,
    }
}

/// The principals, as written.
pub(super) fn patterns(statement: &Statement) -> &[PrincipalPattern] {
    match &statement.principal {
        Some(PrincipalElement::Only(patterns)) => patterns,
        _ => &[],
    }
}

/// The statement for one of its principals.
pub(super) fn for_principal(statement: &Statement, pattern: &PrincipalPattern) -> Statement {
    Statement { principal: Some(PrincipalElement::Only(vec![pattern.clone()])), ..statement.clone() }
}

/// The statement with `key` compared with exactly these values; what it said about `key` before must hold as well.
pub(super) fn limited<'v>(
    statement: &Statement,
    operator: &str,
    key: &str,
    values: impl IntoIterator<Item = &'v str>,
) -> Statement {
    let mut narrow = statement.clone();
    let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
    let is_said = narrow.conditions.iter().any(|one| {
        one.operator == operator
            && one.key.eq_ignore_ascii_case(key)
            && sorted(&one.values) == sorted(&values)
    });
    if is_said {
        return narrow;
    }
    // A document holds one list for one operator and key: exact values stand in for those that were there.
    narrow.conditions.retain(|one| !(one.operator == operator && one.key.eq_ignore_ascii_case(key)));
    narrow.conditions.push(Condition { operator: operator.to_owned(), key: key.to_owned(), values });
    narrow
}

fn sorted(values: &[String]) -> BTreeSet<&String> {
    values.iter().collect()
}

/// The statement for a principal of AWS, limited to these roles and users. The principal stays: naming a role in its place would let the
/// role in whatever its own policies say.
pub(super) fn for_callers(
    statement: &Statement,
    pattern: &PrincipalPattern,
    arns: &BTreeSet<&str>,
) -> Statement {
    let own = for_principal(statement, pattern);
    let is_exact = match pattern {
        PrincipalPattern::Aws(text) => arns.len() == 1 && arns.contains(text.as_str()),
        _ => false,
    };
    if is_exact { own } else { limited(&own, "ArnEquals", "aws:PrincipalArn", arns.iter().copied()) }
}

/// The statement for Pod Identity, limited to ServiceAccounts of one namespace by the session tags EKS sets.
///
/// See: <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html>
pub(super) fn for_pods<'v>(
    statement: &Statement,
    namespace: &str,
    service_accounts: impl IntoIterator<Item = &'v str>,
) -> Statement {
    let narrow = for_namespaces(statement, [namespace]);
    limited(&narrow, "StringEquals", "aws:RequestTag/kubernetes-service-account", service_accounts)
}

/// The same, limited to namespaces.
pub(super) fn for_namespaces<'v>(
    statement: &Statement,
    namespaces: impl IntoIterator<Item = &'v str>,
) -> Statement {
    limited(statement, "StringEquals", "aws:RequestTag/kubernetes-namespace", namespaces)
}

/// The pattern of all subjects of one namespace, repository or project; `None` for subjects that have no such part.
pub(super) fn group_of(subject: &str) -> Option<String> {
    let is_known =
        ["system:serviceaccount:", "repo:", "project_path:"].iter().any(|start| subject.starts_with(start));
    let parts = if subject.starts_with("system:") { 3 } else { 2 };
    let end = subject.match_indices(':').nth(parts - 1).map(|(at, _)| at)?;
    // A wildcard in a subject's own text would admit others.
    let head = subject.get(..=end).filter(|head| is_known && !head.contains(['*', '?', '$']))?;
    Some(format!("{head}*"))
}
