//! Whom roles trust.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, RoleCase, counted, document, event, own_roles, some_of};
use crate::eval::action_matches;
use crate::eval::trust::{Caller, admits, exact_subjects, issuer};
use crate::finding::{Code, Confidence, Evidence, Finding, Severity};
use crate::ident::glob::Glob;
use crate::ident::{Arn, is_account_id};
use crate::inventory::Role;
use crate::policy::{Condition, Effect, Policy, PrincipalElement, PrincipalPattern, Statement, Version};
use crate::rightsize::issuances_by_role;
use crate::usage::{IssuanceFacts, IssuanceKind};

/// Issuers that many customers share: a token of one of them says nothing without its subject.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html>
const SHARED_ISSUERS: &[&str] = &[
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "app.terraform.io",
    "agent.buildkite.com",
    "accounts.google.com",
    "cognito-identity.amazonaws.com",
    "api.bitbucket.org",
    "oidc.vercel.com",
    "api.pulumi.com/oidc",
];

const WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";

/// Who assumed a role, from the issuances in the logs.
#[derive(Default)]
struct Assumed<'a> {
    subjects: BTreeSet<(&'a str, &'a str)>,
    services: BTreeSet<&'a str>,
    arns: BTreeSet<&'a str>,
    accounts: BTreeSet<&'a str>,
    providers: BTreeSet<&'a str>,
    /// Some issuances stand for others, whose callers' session names are not told.
    stand_for_others: bool,
}

impl<'a> Assumed<'a> {
    /// Over all issuances of one role.
    fn by(issuances: &[&'a IssuanceFacts]) -> Self {
        let mut assumed = Self::default();
        issuances.iter().for_each(|issuance| assumed.add(issuance));
        assumed
    }

    fn add(&mut self, issuance: &'a IssuanceFacts) {
        if let Some(provider) = issuance.provider.as_deref() {
            self.providers.insert(provider);
            if issuance.kind == IssuanceKind::AssumeRoleWithWebIdentity {
                self.subjects.extend(issuance.subject.as_deref().map(|subject| (issuer(provider), subject)));
            }
        }
        self.stand_for_others |= issuance.others.is_some();
        let caller = &issuance.caller;
        self.services.extend(caller.invoked_by.as_deref());
        self.arns.extend(caller.arn.as_deref());
        self.arns.extend(caller.issuer_arn.as_deref());
        self.accounts.extend(caller.account.as_deref());
    }
}

/// Events shown of those who came.
const MOST_EVENTS: usize = 8;

/// Who was seen to use a role: a sentence with counts, and the earliest event of each of the first few.
pub(super) fn who_came(one: &RoleCase<'_>, issued: &[&IssuanceFacts]) -> (String, Vec<Evidence>) {
    let shares = &one.access.workloads;
    let named: Vec<String> = shares
        .iter()
        .map(|share| format!("{} ({})", share.workload.id, counted(share.sessions, "session")))
        .collect();
    let text = match named.is_empty() {
        true => "The logs show no workload that used it.".to_owned(),
        false => format!("The logs show who used it: {}.", some_of(named.iter().map(String::as_str))),
    };
    let mut first: BTreeMap<&str, (crate::ident::Time, &str)> = BTreeMap::new();
    for issuance in issued {
        let caller = &issuance.caller;
        let who = issuance.subject.as_deref().or(caller.arn.as_deref()).or(caller.invoked_by.as_deref());
        let this = (issuance.time, &*issuance.event_id);
        let known = first.entry(who.unwrap_or_default()).or_insert(this);
        *known = this.min(*known);
    }
    let events = first.into_values().map(|(_, id)| event(id)).take(MOST_EVENTS).collect();
    (text, events)
}

/// `wide-trust`: one finding per role, with the worst of what is wrong, and who used it.
pub(super) fn wide_trust(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let issuances = issuances_by_role(case.usage);
    for (one, role) in own_roles(case) {
        let Some(trust) = &role.trust else { continue };
        let mut faults: Vec<(Severity, String, usize)> = Vec::new();
        for (index, statement) in trust.statements.iter().enumerate() {
            if statement.effect == Effect::Allow {
                faults.extend(
                    statement_faults(statement, role)
                        .into_iter()
                        .map(|(severity, text)| (severity, text, index)),
                );
            }
        }
        let Some(worst) = faults.iter().map(|(severity, ..)| *severity).max() else { continue };
        let place =
            |index: usize| document(&role.origin, &format!("/AssumeRolePolicyDocument/Statement/{index}"));
        let (came, events) = who_came(one, issuances.get(one.arn).map_or(&[], Vec::as_slice));
        let texts = faults.iter().map(|(_, text, _)| text.as_str()).chain([came.as_str()]);
        let texts: Vec<&str> = texts.collect();
        let mut places = faults.iter().map(|(.., index)| place(*index));
        if let Some(first) = places.next() {
            findings.push(
                Finding::new(Code::WideTrust, one.arn, worst, first)
                    .title(format!("The trust policy of {} admits more than it should", role.name))
                    .detail(texts.join(" "))
                    .evidence(places)
                    .evidence(events),
            );
        }
    }
}

/// What is wrong with one Allow statement, each a sentence with its severity.
fn statement_faults(statement: &Statement, role: &Role) -> Vec<(Severity, String)> {
    let mut faults = Vec::new();
    let patterns = match &statement.principal {
        Some(PrincipalElement::Only(patterns)) => patterns.as_slice(),
        Some(PrincipalElement::Except(_)) => {
            faults.push((
                Severity::Critical,
                "`NotPrincipal` with Allow admits everyone but a few.".to_owned(),
            ));
            return faults;
        }
        None => return faults,
    };
    for pattern in patterns {
        match pattern {
            PrincipalPattern::Everyone { .. } => faults.push(everyone(&statement.conditions)),
            PrincipalPattern::Aws(text) => faults.extend(whole_account(text, statement, role)),
            PrincipalPattern::Federated(provider)
                if action_matches(&statement.action, WEB_IDENTITY).is_true() =>
            {
                faults.extend(web_identity_faults(provider, &statement.conditions));
            }
            _ => {}
        }
    }
    faults
}

fn everyone(conditions: &[Condition]) -> (Severity, String) {
    const NARROWING: &[&str] = &[
        "aws:principalorgid",
        "sts:externalid",
        "aws:principalarn",
        "aws:sourcearn",
        "aws:principalaccount",
    ];
    let narrowed = conditions.iter().any(|condition| {
        NARROWING.contains(&condition.key.to_ascii_lowercase().as_str()) && is_positive(condition)
    });
    match narrowed {
        true => (Severity::High, "Everyone is trusted, limited by conditions only.".to_owned()),
        false => (Severity::Critical, "Everyone is trusted.".to_owned()),
    }
}

/// An account as a whole: another one without an external id, or the role's own.
fn whole_account(text: &str, statement: &Statement, role: &Role) -> Option<(Severity, String)> {
    let account = match Arn::parse(text) {
        Some(arn) if arn.resource == "root" => arn.account,
        Some(_) => return None,
        None if is_account_id(text) => text,
        None => return None,
    };
    let limited = statement.conditions.iter().any(|condition| {
        let key = condition.key.to_ascii_lowercase();
        matches!(key.as_str(), "sts:externalid" | "aws:principalorgid" | "aws:principalarn")
            && is_positive(condition)
    });
    if limited {
        return None;
    }
    Some(match account == role.account {
        true => (
            Severity::Info,
            "The role's whole account is trusted: whoever in it is allowed `sts:AssumeRole` on the role may assume it.".to_owned(),
        ),
        false => (Severity::Medium, format!("The whole account {account} is trusted, without an external id.")),
    })
}

/// An operator under which an absent key does not let the request in.
fn is_positive(condition: &Condition) -> bool {
    let operator = condition.operator.to_ascii_lowercase();
    !operator.starts_with("forallvalues:") && !operator.ends_with("ifexists") && !operator.contains("not")
}

fn web_identity_faults(provider: &str, conditions: &[Condition]) -> Vec<(Severity, String)> {
    let host = issuer(provider);
    let is_shared =
        SHARED_ISSUERS.iter().any(|shared| host == *shared || host.starts_with(&format!("{shared}/")));
    let on = |claim: &str| -> Vec<&Condition> {
        let key = format!("{host}:{claim}");
        conditions.iter().filter(|condition| condition.key.eq_ignore_ascii_case(&key)).collect()
    };
    let open = if is_shared { Severity::Critical } else { Severity::High };
    let mut faults = Vec::new();
    let subjects = on("sub");
    let binding: Vec<&&Condition> = subjects.iter().filter(|condition| is_positive(condition)).collect();
    if binding.is_empty() {
        let why = match subjects.is_empty() {
            true => format!("Any subject of `{host}` is trusted: no condition on `sub`."),
            false => {
                format!("Any subject of `{host}` is trusted: the condition on `sub` also holds without one.")
            }
        };
        faults.push((open, why));
    }
    for condition in binding {
        let is_like = condition.operator.to_ascii_lowercase().contains("like");
        for value in &condition.values {
            faults.extend(subject_fault(value, is_like, is_shared, host));
        }
    }
    // A provider registers its audiences, so a missing condition is not open by itself; with a wide subject it is.
    let oaud = conditions.iter().any(|condition| condition.key.eq_ignore_ascii_case(&format!("{host}:oaud")));
    if !on("aud").iter().any(|condition| is_positive(condition)) && !oaud {
        faults.push((Severity::Medium, format!("No condition on the audience (`{host}:aud`).")));
    }
    faults
}

fn subject_fault(value: &str, is_like: bool, is_shared: bool, host: &str) -> Option<(Severity, String)> {
    let has_wildcard = value.contains(['*', '?']);
    if has_wildcard && !is_like {
        let text = format!("`StringEquals` compares `{value}` letter by letter: it admits nobody.");
        return Some((Severity::Low, text));
    }
    let is_whole_provider = Glob::new(value).is_everything();
    if is_whole_provider && is_like {
        let severity = if is_shared { Severity::Critical } else { Severity::High };
        return Some((severity, format!("Any subject of `{host}` is trusted: `{value}`.")));
    }
    if let Some(rest) = value.strip_prefix("system:serviceaccount:") {
        let namespace = rest.split(':').next().unwrap_or_default();
        return match (has_wildcard, namespace.contains(['*', '?'])) {
            (true, true) => Some((
                Severity::High,
                format!("ServiceAccounts of several namespaces are trusted: `{value}`."),
            )),
            (true, false) => Some((
                Severity::Medium,
                format!("Several ServiceAccounts of one namespace are trusted: `{value}`."),
            )),
            _ => None,
        };
    }
    if let Some(rest) = value.strip_prefix("repo:") {
        let mut parts = rest.splitn(2, ':');
        let repository = parts.next().unwrap_or_default();
        let context = parts.next().unwrap_or_default();
        if repository.contains(['*', '?']) {
            return Some((Severity::High, format!("Several repositories are trusted: `{value}`.")));
        }
        if context.starts_with("pull_request") || Glob::new(context).is_everything() {
            return Some((
                Severity::Medium,
                format!("Every ref or pull request of a repository is trusted: `{value}`."),
            ));
        }
    }
    has_wildcard.then(|| (Severity::Medium, format!("Several subjects are trusted: `{value}`.")))
}

/// `unused-trust`: principals of the trust policy that never assumed a role others did assume.
pub(super) fn unused_trust(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let issuances = issuances_by_role(case.usage);
    for (one, role) in own_roles(case) {
        let (Some(trust), Some(issued)) = (&role.trust, issuances.get(one.arn)) else { continue };
        if !case.coverage.account(&role.account).shows_assumptions() {
            continue;
        }
        let seen = Assumed::by(issued);
        let mut unused: Vec<(Severity, String, usize)> = Vec::new();
        for (index, statement) in trust.statements.iter().enumerate() {
            let Some(PrincipalElement::Only(patterns)) = &statement.principal else { continue };
            if statement.effect != Effect::Allow {
                continue;
            }
            for pattern in patterns {
                unused.extend(
                    never_came(pattern, statement, role, &seen)
                        .into_iter()
                        .map(|(severity, text)| (severity, text, index)),
                );
            }
        }
        let Some(worst) = unused.iter().map(|(severity, ..)| *severity).max() else { continue };
        let mut places = unused.iter().map(|(.., index)| {
            document(&role.origin, &format!("/AssumeRolePolicyDocument/Statement/{index}"))
        });
        if let Some(first) = places.next() {
            findings.push(
                Finding::new(Code::UnusedTrust, one.arn, worst, first)
                    .title(format!("The trust policy of {} admits principals that never came", role.name))
                    .detail(format!(
                        "Never seen: {}.",
                        some_of(unused.iter().map(|(_, text, _)| text.as_str()))
                    ))
                    .confidence(Confidence::Medium)
                    .evidence(places),
            );
        }
    }
}

/// What of one principal pattern never assumed the role; nothing when it did, or when it cannot be told.
fn never_came(
    pattern: &PrincipalPattern,
    statement: &Statement,
    role: &Role,
    seen: &Assumed<'_>,
) -> Vec<(Severity, String)> {
    match pattern {
        PrincipalPattern::Service(service) if !seen.services.contains(service.as_str()) => {
            vec![(Severity::Low, service.clone())]
        }
        PrincipalPattern::Aws(text) => {
            let (came, account) = match Arn::parse(text) {
                Some(arn) if arn.resource == "root" => (seen.accounts.contains(arn.account), arn.account),
                // One of the sessions that others stand for may have come.
                Some(arn) if arn.assumed_role().is_some() && seen.stand_for_others => (true, arn.account),
                Some(arn) => (seen.arns.contains(text.as_str()), arn.account),
                None => (seen.accounts.contains(text.as_str()), text.as_str()),
            };
            let severity = if account == role.account { Severity::Low } else { Severity::Medium };
            if came { Vec::new() } else { vec![(severity, text.clone())] }
        }
        PrincipalPattern::Federated(provider) if seen.providers.contains(provider.as_str()) => {
            // The provider is in use: look at the subjects it lists.
            let listed = statement_subjects(statement, provider);
            let host = issuer(provider);
            listed
                .into_iter()
                .filter(|subject| !seen.subjects.contains(&(host, subject.as_str())))
                .map(|subject| (Severity::Medium, subject))
                .collect()
        }
        PrincipalPattern::Federated(provider) => vec![(Severity::Medium, provider.clone())],
        _ => Vec::new(),
    }
}

/// The subjects one statement lists exactly; empty when it does not list them.
fn statement_subjects(statement: &Statement, provider: &str) -> BTreeSet<String> {
    let alone = Policy::of(Version::V2012, vec![statement.clone()]);
    exact_subjects(&alone, provider).map(|exact| exact.subjects).unwrap_or_default()
}

/// Whether a role's trust policy may admit this ServiceAccount of some cluster, by any provider it names.
pub(super) fn may_admit_service_account(
    role: &Role,
    namespace: &str,
    name: &str,
    audience: Option<&str>,
) -> bool {
    let Some(trust) = &role.trust else { return true };
    let subject = format!("system:serviceaccount:{namespace}:{name}");
    let patterns = trust.statements.iter().filter_map(|statement| match &statement.principal {
        Some(PrincipalElement::Only(patterns)) => Some(patterns),
        _ => None,
    });
    patterns.flatten().any(|pattern| match pattern {
        PrincipalPattern::Federated(provider) => !admits(
            trust,
            &Caller::WebIdentity {
                provider: provider.clone(),
                subject: subject.clone(),
                audience: audience.map(str::to_owned),
            },
        )
        .is_false(),
        PrincipalPattern::Everyone { .. } => true,
        _ => false,
    })
}
