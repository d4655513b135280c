//! Whom a role's trust policy admits.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html>

use std::collections::BTreeSet;

use super::principal::{Principal, reach};
use super::request::{Context, ContextValue, Request, RequestResource};
use super::statement::{action_matches, match_statement};
use super::truth::Truth;
use crate::ident::Arn;
use crate::policy::{
    Comparison, Condition, Effect, Operator, Policy, PolicyKind, SetQualifier, Statement, Version,
};

const WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";

/// Someone who would assume a role, with what is known of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Caller {
    /// `AssumeRoleWithWebIdentity`.
    WebIdentity {
        /// The provider's ARN, or a built-in provider's host.
        provider: String,
        /// The token's `sub`.
        subject: String,
        /// The token's `aud`; `None` when not known.
        audience: Option<String>,
    },
    /// `AssumeRoleWithSAML`.
    Saml {
        /// The provider's ARN.
        provider: String,
        /// `SAML:aud`; `None` when not known.
        audience: Option<String>,
    },
    /// A service by its principal name, such as `ec2.amazonaws.com`.
    Service(String),
    /// A user, role or session by `AssumeRole`. What the caller's own policies say is not asked here.
    Aws(Principal),
}

/// Whether `trust` admits `caller`, as far as the trust policy alone decides.
///
/// Condition keys the caller does not carry are unknown, except the claims of other providers, which a token never has.
pub fn admits(trust: &Policy, caller: &Caller) -> Truth {
    admits_with(trust, caller, Context::open())
}

/// [`admits`], with more known of the request's context.
pub fn admits_with(trust: &Policy, caller: &Caller, context: Context) -> Truth {
    let request = request(trust, caller, context);
    let applies = |effect: Effect| {
        Truth::any(trust.statements.iter().filter(|statement| statement.effect == effect).map(|statement| {
            match_statement(statement, PolicyKind::Trust, trust.version, &request).applies()
        }))
    };
    applies(Effect::Allow).and(!applies(Effect::Deny))
}

/// The request by which `caller` asks for a role whose trust policy is `trust`: what the caller's kind tells is added to `context`.
pub fn request(trust: &Policy, caller: &Caller, mut context: Context) -> Request {
    let (principal, action) = match caller {
        Caller::WebIdentity { provider, subject, audience } => {
            let host = issuer(provider);
            for key in trust.statements.iter().flat_map(|statement| &statement.conditions).map(|c| &c.key) {
                if claim_of(key).is_some_and(|(other, _)| !other.eq_ignore_ascii_case(host)) {
                    context.set(key, ContextValue::Absent);
                }
            }
            context.set(&format!("{host}:sub"), ContextValue::One(subject.clone()));
            if let Some(audience) = audience {
                context.set(&format!("{host}:aud"), ContextValue::One(audience.clone()));
            }
            context.set("aws:FederatedProvider", ContextValue::One(provider.clone()));
            (Principal::Federated(provider.clone()), WEB_IDENTITY)
        }
        Caller::Saml { provider, audience } => {
            if let Some(audience) = audience {
                context.set("SAML:aud", ContextValue::One(audience.clone()));
            }
            (Principal::Federated(provider.clone()), "sts:AssumeRoleWithSAML")
        }
        Caller::Service(name) => (Principal::Service(name.clone()), "sts:AssumeRole"),
        Caller::Aws(principal) => (principal.clone(), "sts:AssumeRole"),
    };
    Request {
        principal,
        action: action.to_owned(),
        resource: RequestResource::Unknown,
        resource_account: None,
        context,
    }
}

/// The subjects a trust policy admits from one provider, when they can be listed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExactSubjects {
    /// All subjects that can be admitted; none when the trust admits nobody of the provider.
    pub subjects: BTreeSet<String>,
    /// All audiences that can be admitted; `None` when some statement leaves the audience open.
    pub audiences: Option<BTreeSet<String>>,
}

/// The exact subjects that `trust` admits by web identity from `provider` (a provider ARN, or an issuer without `https://`).
///
/// Only `StringEquals` on the provider's `sub` (and `StringLike` without wildcards) lists subjects. `None` when a statement may admit more
/// than it lists: no condition on `sub`, a wildcard, `…IfExists`, `ForAllValues`, a variable, a member IAM does not define.
pub fn exact_subjects(trust: &Policy, provider: &str) -> Option<ExactSubjects> {
    let host = issuer(provider);
    let caller = named_provider(trust, provider);
    let mut found = ExactSubjects { subjects: BTreeSet::new(), audiences: Some(BTreeSet::new()) };
    if !trust.unknown.is_empty() {
        return None;
    }
    for statement in trust.statements.iter().filter(|statement| statement.effect == Effect::Allow) {
        let principal = statement.principal.as_ref()?;
        if action_matches(&statement.action, WEB_IDENTITY).is_false()
            || reach(principal, &caller).truth().is_false()
            || needs_another_providers_claim(statement, host)
        {
            continue;
        }
        found.subjects.extend(listed(statement, &format!("{host}:sub"), trust.version)?);
        let audiences = listed(statement, &format!("{host}:aud"), trust.version);
        found.audiences = found.audiences.zip(audiences).map(|(mut all, more)| {
            all.extend(more);
            all
        });
    }
    // What a deny (or a second condition) keeps out for sure is not admitted.
    found.subjects.retain(|subject| {
        let caller = Caller::WebIdentity {
            provider: provider_text(&caller),
            subject: subject.clone(),
            audience: None,
        };
        !admits(trust, &caller).is_false()
    });
    Some(found)
}

/// The provider as the trust policy names it, when only its issuer is given.
fn named_provider(trust: &Policy, provider: &str) -> Principal {
    use crate::policy::{PrincipalElement, PrincipalPattern};
    let is_named_fully = Arn::parse(provider).is_some();
    let host = issuer(provider);
    let named = trust
        .statements
        .iter()
        .filter_map(|statement| match &statement.principal {
            Some(PrincipalElement::Only(patterns)) => Some(patterns),
            _ => None,
        })
        .flatten()
        .find_map(|pattern| match pattern {
            PrincipalPattern::Federated(text) if issuer(text).eq_ignore_ascii_case(host) => {
                Some(text.clone())
            }
            _ => None,
        });
    Principal::Federated(match named {
        Some(named) if !is_named_fully => named,
        _ => provider.to_owned(),
    })
}

fn provider_text(principal: &Principal) -> String {
    match principal {
        Principal::Federated(text) => text.clone(),
        _ => String::new(),
    }
}

/// The prefix of a provider's condition keys: its URL without the scheme.
pub fn issuer(provider: &str) -> &str {
    let path = provider.split_once(":oidc-provider/").map_or(provider, |(_, path)| path);
    path.strip_prefix("https://").unwrap_or(path)
}

/// Splits an OIDC claim key into issuer and claim; `None` for AWS's own keys, whose prefix has no dot.
fn claim_of(key: &str) -> Option<(&str, &str)> {
    key.rsplit_once(':').filter(|(issuer, _)| issuer.contains('.'))
}

/// Whether a condition can only hold with a claim of a provider other than `host`: then nobody of `host` satisfies it.
fn needs_another_providers_claim(statement: &Statement, host: &str) -> bool {
    statement.conditions.iter().any(|condition| {
        let foreign = claim_of(&condition.key).is_some_and(|(other, _)| !other.eq_ignore_ascii_case(host));
        let absent = Context::closed();
        foreign && super::condition::holds(condition, Version::V2008, &absent).is_false()
    })
}

/// The values that all conditions of `statement` on `key` admit; `None` when they admit more than they list.
fn listed(statement: &Statement, key: &str, version: Version) -> Option<BTreeSet<String>> {
    if statement.has_unknown {
        return None;
    }
    statement
        .conditions
        .iter()
        .filter(|condition| condition.key.eq_ignore_ascii_case(key))
        .filter_map(|condition| exact_values(condition, version))
        .reduce(|mut all, values| {
            all.retain(|value| values.contains(value));
            all
        })
}

/// The values a condition admits, when it admits just these.
fn exact_values(condition: &Condition, version: Version) -> Option<BTreeSet<String>> {
    let operator = Operator::parse(&condition.operator)?;
    let lists = !operator.negated
        && !operator.if_exists
        && operator.set != Some(SetQualifier::ForAllValues)
        && match operator.base {
            Comparison::StringEquals => true,
            Comparison::StringLike => condition.values.iter().all(|value| !value.contains(['*', '?'])),
            _ => false,
        };
    let has_variable = version == Version::V2012 && condition.values.iter().any(|value| value.contains("${"));
    (lists && !has_variable).then(|| condition.values.iter().cloned().collect())
}
