//! Trust policies that admit exactly who assumed the role, and who is bound to it.
//!
//! Subjects of OIDC providers are listed word for word. An account, a role or a user stays and is limited by `aws:PrincipalArn`; Pod Identity by
//! the tags EKS sets; a SAML provider by its audience. Other services stay as they are: how they come is not always in the logs.

use std::collections::{BTreeMap, BTreeSet};

use super::openers::{
    Kind, for_callers, for_namespaces, for_pods, for_principal, group_of, kind, limited, patterns,
};
use super::{AccountCoverage, Expected, Quotas, Subject, TrustProposal};
use crate::attribution::{Opener, Workload, WorkloadKind, WorkloadShare};
use crate::eval::trust::{Caller, admits};
use crate::eval::{Principal, reach};
use crate::ident::POD_IDENTITY;
use crate::ident::glob::Glob;
use crate::policy::{
    Condition, Effect, Policy, PrincipalElement, PrincipalPattern, Statement, Version, size,
};
use crate::proof::{self, Verdict};
use crate::record::IdentityType;
use crate::usage::{IssuanceFacts, IssuanceKind};

/// How those that came are named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Naming {
    /// Each by itself.
    One,
    /// By namespace, repository or project, where that many do not fit into a trust policy.
    Group,
}

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
    [Naming::One, Naming::Group].into_iter().find_map(|naming| limited_to(old, subject, naming, quotas))
}

fn limited_to(old: &Policy, subject: &Subject<'_>, naming: Naming, quotas: &Quotas) -> Option<TrustProposal> {
    let mut removed = BTreeSet::new();
    let mut statements = Vec::new();
    for statement in &old.statements {
        match kind(statement) {
            Kind::Web => web(statement, subject, naming, &mut statements, &mut removed)?,
            Kind::Saml => saml(statement, subject, &mut statements, &mut removed),
            Kind::Aws => aws(statement, subject, &mut statements, &mut removed),
            Kind::Pods => pods(statement, subject, naming, &mut statements, &mut removed),
            // How AWS's own services come is not always in the logs.
            Kind::Other => statements.push(statement.clone()),
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
    let new = Policy::of(old.version, statements);
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
        is_grouped: naming == Naming::Group,
    })
}

/// The web identities of a statement, limited to the subjects that came and those that are bound; `None` when they cannot be listed.
fn web(
    statement: &Statement,
    subject: &Subject<'_>,
    naming: Naming,
    statements: &mut Vec<Statement>,
    removed: &mut BTreeSet<String>,
) -> Option<()> {
    let issued: Vec<&IssuanceFacts> = of_kind(subject, IssuanceKind::AssumeRoleWithWebIdentity).collect();
    // Nobody came: what is bound may be new, and an empty list of subjects is the owner's to write.
    if issued.is_empty() {
        statements.push(statement.clone());
        return Some(());
    }
    if issued.iter().any(|issuance| issuance.provider.is_none() || issuance.subject.is_none()) {
        return None;
    }
    let mut narrowed = Vec::new();
    for pattern in patterns(statement) {
        let PrincipalPattern::Federated(provider) = pattern else { continue };
        let seen: Vec<_> = issued.iter().copied().filter(|one| is_of(one, provider)).collect();
        let bound: BTreeSet<&str> = bound_to(subject, statement, provider);
        match admitting(statement, provider, &seen, &bound, naming)? {
            Some(narrow) => narrowed.push(narrow),
            None => {
                removed.insert(provider.clone());
            }
        }
        removed.extend(no_longer(statement, provider, &seen, &bound, naming));
    }
    statements.extend(unless_the_same(statement, narrowed));
    Some(())
}

/// Subjects of this provider that are bound to the role and that the statement admits today.
fn bound_to<'s>(subject: &Subject<'s>, statement: &Statement, provider: &str) -> BTreeSet<&'s str> {
    let alone = Policy::of(Version::V2012, vec![statement.clone()]);
    let admits = |bound: &str| {
        let caller =
            Caller::WebIdentity { provider: provider.to_owned(), subject: bound.to_owned(), audience: None };
        !admits(&alone, &caller).is_false()
    };
    subject
        .expected
        .iter()
        .filter_map(|expected| match expected {
            Expected::Web { issuer, subject } => {
                let is_here = issuer.as_deref().is_none_or(|issuer| issuer == host_of(provider));
                (is_here && admits(subject)).then_some(subject.as_str())
            }
            Expected::Pod { .. } => None,
        })
        .collect()
}

fn of_kind<'s>(subject: &Subject<'s>, kind: IssuanceKind) -> impl Iterator<Item = &'s IssuanceFacts> {
    subject.issuances.iter().copied().filter(move |issuance| issuance.kind == kind)
}

/// SAML providers that came, each with the audience its assertions named. Persons are not listed: they change, and the provider knows them.
fn saml(
    statement: &Statement,
    subject: &Subject<'_>,
    statements: &mut Vec<Statement>,
    removed: &mut BTreeSet<String>,
) {
    let issued: Vec<&IssuanceFacts> = of_kind(subject, IssuanceKind::AssumeRoleWithSaml).collect();
    if issued.is_empty() {
        statements.push(statement.clone());
        return;
    }
    let mut narrowed = Vec::new();
    for pattern in patterns(statement) {
        let PrincipalPattern::Federated(provider) = pattern else { continue };
        let seen: Vec<_> =
            issued.iter().filter(|one| one.provider.as_deref() == Some(provider.as_str())).collect();
        if seen.is_empty() {
            removed.insert(provider.clone());
            continue;
        }
        let own = for_principal(statement, pattern);
        let audiences: Option<BTreeSet<&str>> = seen.iter().map(|one| one.audience.as_deref()).collect();
        let says = statement.conditions.iter().any(|one| one.key.eq_ignore_ascii_case("SAML:aud"));
        narrowed.push(match audiences {
            Some(audiences) if !says => limited(&own, "StringEquals", "SAML:aud", audiences),
            _ => own,
        });
    }
    statements.extend(unless_the_same(statement, narrowed));
}

/// Accounts, roles and users, limited to the roles and users that came.
fn aws(
    statement: &Statement,
    subject: &Subject<'_>,
    statements: &mut Vec<Statement>,
    removed: &mut BTreeSet<String>,
) {
    let issued: Vec<&IssuanceFacts> = of_kind(subject, IssuanceKind::AssumeRole)
        .filter(|one| !matches!(one.caller.kind, IdentityType::AwsService | IdentityType::Missing))
        .collect();
    // The owner's copy of a foreign call names no role; then nobody can be left out.
    let callers: Option<BTreeSet<&str>> = issued.iter().map(|one| caller(one)).collect();
    let says = statement.conditions.iter().any(|one| one.key.eq_ignore_ascii_case("aws:PrincipalArn"));
    let callers = match callers {
        Some(callers) if !callers.is_empty() && !says => callers,
        _ => {
            statements.push(statement.clone());
            return;
        }
    };
    let mut narrowed = Vec::new();
    for pattern in patterns(statement) {
        let came: BTreeSet<&str> = callers.iter().copied().filter(|arn| is_admitted(pattern, arn)).collect();
        if came.is_empty() {
            removed.insert(match pattern {
                PrincipalPattern::Aws(text) => text.clone(),
                _ => "*".to_owned(),
            });
        } else {
            narrowed.push(for_callers(statement, pattern, &came));
        }
    }
    statements.extend(unless_the_same(statement, narrowed));
}

/// The statement itself when taking it apart by principal took nothing away.
fn unless_the_same(statement: &Statement, narrowed: Vec<Statement>) -> Vec<Statement> {
    let is_whole = narrowed.len() == patterns(statement).len();
    match is_whole && narrowed.iter().all(|one| one.conditions == statement.conditions) {
        true => vec![statement.clone()],
        false => narrowed,
    }
}

/// The role or user whose `AssumeRole` this was.
fn caller(issuance: &IssuanceFacts) -> Option<&str> {
    let facts = &issuance.caller;
    let is_role = |arn: &&str| arn.contains(":role/");
    match facts.kind {
        IdentityType::IamUser => facts.arn.as_deref(),
        _ => facts.issuer_arn.as_deref().filter(is_role),
    }
}

/// Whether a principal of a trust policy covers a role or user.
fn is_admitted(pattern: &PrincipalPattern, arn: &str) -> bool {
    let Some(principal) = Principal::from_arn(arn) else { return false };
    let element = PrincipalElement::Only(vec![pattern.clone()]);
    !reach(&element, &principal).truth().is_false()
}

/// Pod Identity, limited to the ServiceAccounts that came and those with an association, by the tags EKS sets.
fn pods(
    statement: &Statement,
    subject: &Subject<'_>,
    naming: Naming,
    statements: &mut Vec<Statement>,
    removed: &mut BTreeSet<String>,
) {
    let issued: Vec<&IssuanceFacts> = of_kind(subject, IssuanceKind::AssumeRole)
        .filter(|one| one.caller.invoked_by.as_deref() == Some(POD_IDENTITY))
        .collect();
    fn tag<'t>(issuance: &'t IssuanceFacts, wanted: &str) -> Option<&'t str> {
        issuance.tags.iter().find(|(key, _)| &**key == wanted).map(|(_, value)| &**value)
    }
    let came: Option<BTreeSet<(&str, &str)>> = issued
        .iter()
        .map(|one| Some((tag(one, "kubernetes-namespace")?, tag(one, "kubernetes-service-account")?)))
        .collect();
    let mut is_tagged = true;
    let mut pods = came.unwrap_or_else(|| {
        is_tagged = false;
        BTreeSet::new()
    });
    for expected in subject.expected {
        if let Expected::Pod { namespace, service_account, without_tags } = expected {
            is_tagged &= !without_tags;
            pods.insert((namespace, service_account));
        }
    }
    if !is_tagged {
        statements.push(statement.clone());
    } else if pods.is_empty() {
        removed.insert(POD_IDENTITY.to_owned());
    } else {
        let mut namespaces: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (namespace, account) in pods {
            namespaces.entry(namespace).or_default().insert(account);
        }
        match naming {
            // One statement a namespace: two lists in one statement would admit each with each.
            Naming::One => statements.extend(
                namespaces.into_iter().map(|(namespace, accounts)| for_pods(statement, namespace, accounts)),
            ),
            Naming::Group => statements.push(for_namespaces(statement, namespaces.into_keys())),
        }
    }
}

/// The old trust policy limited to one workload; `None` when it does not tell the workload from others, or when that is not proven.
pub(super) fn trust_of(old: &Policy, share: &WorkloadShare) -> Option<Policy> {
    let mut new = Vec::new();
    let allowing = |wanted: Kind| old.statements.iter().filter(move |statement| kind(statement) == wanted);
    let chained = share.via.last().map(String::as_str);
    let user =
        (share.workload.kind == WorkloadKind::IamUser).then(|| share.workload.id.strip_prefix("iam-user:"));
    if let Some(arn) = chained.or_else(|| user.flatten()) {
        let found = allowing(Kind::Aws).find_map(|statement| {
            let pattern = patterns(statement).iter().find(|pattern| is_admitted(pattern, arn))?;
            Some(for_callers(statement, pattern, &BTreeSet::from([arn])))
        });
        new.push(found?);
    } else {
        let labels = &share.labels;
        if labels.openers_cut {
            return None;
        }
        let known: BTreeSet<Opener> = match labels.openers.is_empty() {
            true => by_id(&share.workload).into_iter().collect(),
            false => labels.openers.clone(),
        };
        let mut tokens: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for opener in &known {
            match opener {
                Opener::Token { provider, subject } => {
                    tokens.entry(provider).or_default().insert(subject);
                }
                Opener::Saml { .. } | Opener::Service(_) => new.push(for_opener(old, opener, share)?),
            }
        }
        for (provider, subjects) in tokens {
            new.push(for_tokens(old, provider, &subjects)?);
        }
    }
    new.dedup();
    if new.is_empty() {
        return None;
    }
    let new = Policy::of(old.version, new);
    (proof::no_new_access(&[old], &[&new], &proof::Settings::default()).verdict == Verdict::Proven)
        .then_some(new)
}

/// The subject of a ServiceAccount whose issuance is not in the logs.
fn by_id(workload: &Workload) -> Option<Opener> {
    let (cluster, namespace, name) =
        (workload.cluster.as_ref()?, workload.namespace.as_ref()?, workload.service_account.as_ref()?);
    Some(Opener::Token {
        provider: cluster.clone(),
        subject: format!("system:serviceaccount:{namespace}:{name}"),
    })
}

fn for_tokens(old: &Policy, provider: &str, subjects: &BTreeSet<&str>) -> Option<Statement> {
    let host = host_of(provider);
    old.statements.iter().filter(|statement| kind(statement) == Kind::Web).find_map(|statement| {
        let pattern = patterns(statement).iter().find(|pattern| match pattern {
            PrincipalPattern::Federated(named) => host_of(named) == host,
            _ => false,
        })?;
        let mut narrow = for_principal(statement, pattern);
        let key = format!("{host}:sub");
        narrow.conditions.retain(|one| !one.key.eq_ignore_ascii_case(&key));
        narrow.conditions.push(equals(&key, subjects.iter().copied()));
        Some(narrow)
    })
}

fn for_opener(old: &Policy, opener: &Opener, share: &WorkloadShare) -> Option<Statement> {
    let allowing = |wanted: Kind| old.statements.iter().filter(move |statement| kind(statement) == wanted);
    match opener {
        Opener::Token { provider, subject } => for_tokens(old, provider, &BTreeSet::from([subject.as_str()])),
        Opener::Saml { provider, subject } => allowing(Kind::Saml).find_map(|statement| {
            let pattern = patterns(statement)
                .iter()
                .find(|pattern| matches!(pattern, PrincipalPattern::Federated(named) if named == provider))?;
            Some(limited(&for_principal(statement, pattern), "StringEquals", "SAML:sub", [subject.as_str()]))
        }),
        Opener::Service(name) if name == POD_IDENTITY => {
            let (namespace, account) =
                (share.workload.namespace.as_deref()?, share.workload.service_account.as_deref()?);
            let is_pods = |statement: &&Statement| {
                patterns(statement)
                    .iter()
                    .any(|one| matches!(one, PrincipalPattern::Service(named) if named == name))
            };
            let statement = old.statements.iter().filter(|one| one.effect == Effect::Allow).find(is_pods)?;
            let own = for_principal(statement, &PrincipalPattern::Service(name.clone()));
            Some(for_pods(&own, namespace, [account]))
        }
        Opener::Service(name) => {
            let wanted = PrincipalPattern::Service(name.clone());
            let statement = old
                .statements
                .iter()
                .find(|one| one.effect == Effect::Allow && patterns(one).contains(&wanted))?;
            Some(for_principal(statement, &wanted))
        }
    }
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
fn admitting(
    statement: &Statement,
    provider: &str,
    seen: &[&IssuanceFacts],
    bound: &BTreeSet<&str>,
    naming: Naming,
) -> Option<Option<Statement>> {
    let mut subjects: BTreeSet<&str> = seen.iter().filter_map(|one| one.subject.as_deref()).collect();
    subjects.extend(bound);
    if subjects.is_empty() {
        return Some(None);
    }
    let host = host_of(provider);
    let (sub, aud) = (format!("{host}:sub"), format!("{host}:aud"));
    let audiences: Option<BTreeSet<&str>> = seen.iter().map(|one| one.audience.as_deref()).collect();
    // Built-in providers put other claims behind `aud`; their audiences stay as they are.
    let audiences = audiences.filter(|_| provider.contains(":oidc-provider/") && !seen.is_empty());
    let mut narrow = statement.clone();
    narrow.principal = Some(PrincipalElement::Only(vec![PrincipalPattern::Federated(provider.to_owned())]));
    narrow.conditions.retain(|one| {
        !one.key.eq_ignore_ascii_case(&sub) && (audiences.is_none() || !one.key.eq_ignore_ascii_case(&aud))
    });
    narrow.conditions.extend(audiences.map(|audiences| equals(&aud, audiences)));
    narrow.conditions.push(match naming {
        Naming::One => equals(&sub, subjects),
        Naming::Group => {
            let groups: Option<BTreeSet<String>> = subjects.into_iter().map(group_of).collect();
            let values = groups?.into_iter().collect();
            Condition { operator: "StringLike".to_owned(), key: sub, values }
        }
    });
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
fn no_longer(
    statement: &Statement,
    provider: &str,
    seen: &[&IssuanceFacts],
    bound: &BTreeSet<&str>,
    naming: Naming,
) -> Vec<String> {
    let host = host_of(provider);
    let key = format!("{host}:sub");
    let mut old = statement.conditions.iter().filter(|one| one.key.eq_ignore_ascii_case(&key)).peekable();
    if old.peek().is_none() {
        return vec![format!("any subject of {host}")];
    }
    let mut subjects: BTreeSet<&str> = seen.iter().filter_map(|one| one.subject.as_deref()).collect();
    subjects.extend(bound);
    let stays = |value: &str| match naming {
        Naming::One => subjects.contains(value),
        Naming::Group => subjects
            .iter()
            .filter_map(|subject| group_of(subject))
            .any(|group| group == value || Glob::new(&group).matches(value)),
    };
    old.flat_map(|one| &one.values).filter(|value| !stays(value)).cloned().collect()
}
