//! Could this caller assume this role?

use super::nearest::nearest;
use super::provider::{candidates, no_web_identity, provider_arn, provider_fault};
use super::refusal::Asker;
use super::trust::{self, shown};
use super::{Agreement, Explanation, Nearest, Suggestion, Verdict, Witness, own, suggest};
use crate::eval::trust::{Caller, admits_with};
use crate::eval::{Context, ContextValue, Principal, Truth};
use crate::ident::{Arn, POD_IDENTITY, role_arn_from_session};
use crate::inventory::{Inventory, Role, ServiceAccount};
use crate::policy::Policy;

/// The audience of tokens made for STS, unless a ServiceAccount's annotation says another.
const USUAL_AUDIENCE: &str = "sts.amazonaws.com";
/// Providers AWS knows without a provider in the account.
pub(super) const BUILT_IN: &[&str] =
    &["accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"];

/// A question without a log: could `subject` assume `role`?
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Assumption {
    /// ARN or name.
    pub role: String,
    /// A token's `sub`, the ARN of a user, role or session, or a service such as `ec2.amazonaws.com`.
    pub subject: String,
    /// The token's `aud`; without it, what the ServiceAccount's annotation says, else `sts.amazonaws.com`.
    pub audience: Option<String>,
    /// Where the token comes from: a provider's ARN, an issuer, or a cluster's ARN or name. Without it, what the trust policy or the
    /// manifests leave to choose from.
    pub provider: Option<String>,
    /// `ExternalId` of an `AssumeRole`.
    pub external_id: Option<String>,
}

/// Answers from the snapshot alone.
pub fn assumption(question: &Assumption, inventory: &Inventory) -> Explanation {
    let (subject, read_as) = service_account_in_short(&question.subject);
    let subject = subject.as_str();
    let mut context = Context::open();
    let asker = if let Some(principal) = Principal::from_arn(subject) {
        let policies = role_arn_from_session(subject).unwrap_or_else(|| subject.to_owned());
        let policies = known_role(&policies, inventory).map_or(policies, |role| role.arn.clone());
        context.set("aws:PrincipalArn", ContextValue::One(policies.clone()));
        // The question holds everything the request would.
        let external_id = question.external_id.clone().map_or(ContextValue::Absent, ContextValue::One);
        context.set("sts:ExternalId", external_id);
        Asker::Aws { principal, policies }
    } else if subject.ends_with(".amazonaws.com") && !subject.contains([':', '/']) {
        Asker::Service(subject.to_owned())
    } else {
        Asker::Token {
            provider: question.provider.clone(),
            subject: subject.to_owned(),
            audience: question.audience.clone().or_else(|| Some(usual_audience(subject, inventory))),
        }
    };
    let mut explanation = Explanation::new(&asker);
    judge(&mut explanation, &question.role, &asker, &context, inventory);
    explanation.notes.extend(read_as);
    explanation
}

/// `NAMESPACE/NAME`, as people write ServiceAccounts, in the words of its tokens; and what to say about it.
fn service_account_in_short(text: &str) -> (String, Option<String>) {
    let is_label = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
    };
    match text.split_once('/') {
        Some((namespace, name)) if is_label(namespace) && !namespace.contains('.') && is_label(name) => {
            let subject = format!("system:serviceaccount:{namespace}:{name}");
            let note = format!(
                "`{text}` is taken for ServiceAccount {namespace}/{name}, whose tokens say `{subject}`."
            );
            (subject, Some(note))
        }
        _ => (text.to_owned(), None),
    }
}

impl Explanation {
    /// Nothing is known yet.
    pub(super) fn new(asker: &Asker) -> Self {
        Self {
            verdict: Verdict::Unknown,
            layer: "unknown".to_owned(),
            explicit: false,
            action: None,
            resource: None,
            principal: asker.shown(),
            cause: "not-told".to_owned(),
            reason: String::new(),
            policy: None,
            statement: None,
            missing: None,
            mismatches: Vec::new(),
            failed_conditions: Vec::new(),
            suggestion: None,
            event: None,
            log: None,
            snapshot: None,
            agreement: Agreement::OneWitness,
            notes: Vec::new(),
        }
    }
}

/// The audience that a ServiceAccount's annotation asks tokens for, or the usual one.
fn usual_audience(subject: &str, inventory: &Inventory) -> String {
    let annotated = service_accounts(subject, inventory).find_map(|account| account.audience.clone());
    annotated.unwrap_or_else(|| USUAL_AUDIENCE.to_owned())
}

/// The manifests' ServiceAccounts that a token's subject names; of several clusters, perhaps.
pub(super) fn service_accounts<'i>(
    subject: &str,
    inventory: &'i Inventory,
) -> impl Iterator<Item = &'i ServiceAccount> + use<'i> {
    let parts = subject.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let parts = parts.map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
    inventory.service_accounts.iter().filter(move |account| {
        parts
            .as_ref()
            .is_some_and(|(namespace, name)| account.namespace == *namespace && account.name == *name)
    })
}

/// The role of an ARN, or the only one of a name. An ARN made from a session lacks the path.
pub(super) fn known_role<'i>(text: &str, inventory: &'i Inventory) -> Option<&'i Role> {
    if let Some(role) = inventory.role(text) {
        return Some(role);
    }
    match Arn::parse(text) {
        // What was built from a session's ARN is a name, not a path.
        Some(_) => None,
        None => {
            let mut named = inventory.roles().filter(|role| role.name == text);
            named.next().filter(|_| named.next().is_none())
        }
    }
}

/// Writes what the snapshot says to `asker` assuming `role` into the explanation.
pub(super) fn judge(
    explanation: &mut Explanation,
    role_text: &str,
    asker: &Asker,
    context: &Context,
    inventory: &Inventory,
) {
    explanation.resource.get_or_insert_with(|| role_text.to_owned());
    let Some(role) = known_role(role_text, inventory) else {
        role_missing(explanation, role_text, asker, inventory);
        return;
    };
    explanation.resource = Some(role.arn.clone());
    let Some(caller) = caller(explanation, role, asker, context, inventory) else { return };
    explanation.action.get_or_insert_with(|| action(&caller).to_owned());
    let Some(policy) = &role.trust else {
        explanation.reason = format!("The snapshot has no trust policy of {}.", role.name);
        return;
    };
    let view = trust::view(policy, &caller, context);
    let admits = view.admits;
    explanation.layer = "trust".to_owned();
    explanation.verdict = match admits {
        Truth::True => Verdict::Allowed,
        Truth::False => Verdict::Denied,
        Truth::Unknown => Verdict::Unknown,
    };
    trust::tell(explanation, role, policy, view, &caller);
    manifests(explanation, role, asker, inventory);
    let unregistered = provider_fault(role, &caller, inventory);
    match admits {
        Truth::False => {
            if explanation.cause != "explicit-deny" {
                explanation.missing = suggest::missing_trust(&caller);
            }
            if !explanation.explicit {
                let misspelt = suggest::misspelt_caller(explanation, &caller, inventory);
                let trust = suggest::trust(explanation, role, policy, &caller, context);
                explanation.suggestion = misspelt.or(trust);
                alternative(explanation);
            }
        }
        Truth::True => admitted(explanation, role, asker, &caller, context, inventory),
        Truth::Unknown => {}
    }
    if !admits.is_true() {
        own_policies_too(explanation, role, asker, context, inventory);
    }
    if let Some((cause, reason, suggestion)) = unregistered {
        // STS looks at the token before it looks at the trust policy.
        if admits.is_false() {
            let later = std::mem::take(&mut explanation.reason);
            explanation.notes.push(format!("The trust policy would refuse as well: {later}"));
        }
        explanation.verdict = Verdict::Denied;
        explanation.layer = "identity-provider".to_owned();
        explanation.explicit = false;
        explanation.cause = cause.to_owned();
        explanation.reason = reason;
        explanation.suggestion = Some(suggestion);
    }
    tag_session(explanation, role, policy, &caller);
    explanation.snapshot = Some(Witness {
        layer: explanation.layer.clone(),
        verdict: explanation.verdict,
        explicit: explanation.explicit,
    });
    if explanation.verdict == Verdict::Allowed {
        explanation.layer = "none".to_owned();
    }
}

fn action(caller: &Caller) -> &'static str {
    match caller {
        Caller::WebIdentity { .. } => "sts:AssumeRoleWithWebIdentity",
        Caller::Saml { .. } => "sts:AssumeRoleWithSAML",
        Caller::Service(_) | Caller::Aws(_) => "sts:AssumeRole",
    }
}

/// The role is not there: misspelt, in another account, or deleted.
fn role_missing(explanation: &mut Explanation, text: &str, asker: &Asker, inventory: &Inventory) {
    let account = Arn::parse(text).map(|arn| arn.account.to_owned());
    let known = account.as_deref().is_some_and(|account| inventory.accounts.contains_key(account));
    let named = inventory.roles().filter(|role| role.name == text).count();
    if named > 1 {
        explanation.cause = "role-missing".to_owned();
        explanation.reason = format!("{named} accounts have a role `{text}`: give its ARN.");
        return;
    }
    if account.is_some() && !known {
        let near = nearest_role(text, inventory);
        let is_snapshot = !inventory.accounts.is_empty();
        explanation.cause =
            if is_snapshot { "account-not-in-snapshot" } else { "role-not-in-snapshot" }.to_owned();
        explanation.reason = match &account {
            Some(account) if is_snapshot => {
                format!("The snapshot does not hold account {account}, so nothing is known of `{text}`.")
            }
            _ => format!("There is no snapshot to look up `{text}` in: give one with --iam."),
        };
        if let Some(near) = near {
            explanation.notes.push(format!("The snapshot has `{}`: {}.", near.value, near.detail));
        }
        return;
    }
    if inventory.accounts.is_empty() {
        explanation.cause = "role-not-in-snapshot".to_owned();
        explanation.reason = format!("There is no snapshot to look up `{text}` in: give one with --iam.");
        return;
    }
    explanation.verdict = Verdict::Denied;
    explanation.layer = "trust".to_owned();
    explanation.cause = "role-missing".to_owned();
    explanation.reason = format!("The snapshot has no role `{text}`.");
    explanation.snapshot =
        Some(Witness { layer: "trust".to_owned(), verdict: Verdict::Denied, explicit: false });
    let Some(near) = nearest_role(text, inventory) else { return };
    explanation.reason =
        format!("The snapshot has no role `{text}`; it has `{}`: {}.", near.value, near.detail);
    let annotated = match asker {
        Asker::Token { subject, .. } => {
            service_accounts(subject, inventory).find(|account| account.role_arn.as_deref() == Some(text))
        }
        _ => None,
    };
    explanation.suggestion = Some(Suggestion {
        is_proposal: true,
        change: match annotated {
            Some(account) => format!(
                "Annotate ServiceAccount {}/{} with `{}`.",
                account.namespace, account.name, near.value
            ),
            None => format!("Ask for `{}`.", near.value),
        },
        target: if annotated.is_some() { "annotation" } else { "request" }.to_owned(),
        arn: Some(near.value.clone()),
        file: annotated.map(|account| account.origin.file.clone()),
        at: annotated.map(|account| account.origin.at.clone()),
        document: None,
        checked: false,
    });
    explanation.mismatches.push(super::Mismatch {
        element: "Role".to_owned(),
        expected: vec![near.value.clone()],
        actual: Some(text.to_owned()),
        nearest: Some(near),
    });
}

fn nearest_role(text: &str, inventory: &Inventory) -> Option<Nearest> {
    let names: Vec<String> = inventory
        .roles()
        .map(|role| if Arn::parse(text).is_some() { role.arn.clone() } else { role.name.clone() })
        .collect();
    nearest(&names, text, false)
}

/// The caller as the trust policy sees it; writes why when it cannot be told.
fn caller(
    explanation: &mut Explanation,
    role: &Role,
    asker: &Asker,
    context: &Context,
    inventory: &Inventory,
) -> Option<Caller> {
    match asker {
        Asker::Service(name) => Some(Caller::Service(name.clone())),
        Asker::Saml { provider, audience } => {
            Some(Caller::Saml { provider: provider.clone(), audience: audience.clone() })
        }
        Asker::Aws { principal, .. } => Some(Caller::Aws(principal.clone())),
        Asker::Unnamed => {
            explanation.reason = "The record does not name the caller.".to_owned();
            None
        }
        Asker::Token { provider, subject, audience } => {
            let make = |provider: String| Caller::WebIdentity {
                provider,
                subject: subject.clone(),
                audience: audience.clone(),
            };
            if let Some(text) = provider {
                return Some(make(provider_arn(text, role, inventory)));
            }
            let candidates = candidates(role, subject, inventory);
            if candidates.is_empty() {
                no_web_identity(explanation, role, subject, inventory);
                return None;
            }
            let mut all: Vec<(Truth, Caller)> = candidates
                .into_iter()
                .map(|provider| {
                    let caller = make(provider);
                    let admits = role
                        .trust
                        .as_ref()
                        .map_or(Truth::Unknown, |trust| admits_with(trust, &caller, context.clone()));
                    (admits, caller)
                })
                .collect();
            if all.len() > 1 {
                explanation.notes.push(format!(
                    "The question names no issuer, and {} come into question; --provider says which.",
                    all.len()
                ));
            }
            // The kindest answer; among equals the first by name.
            let best = all.iter().map(|(admits, _)| *admits).max()?;
            let place = all.iter().position(|(admits, _)| *admits == best)?;
            Some(all.swap_remove(place).1)
        }
    }
}

/// What the manifests say about the ServiceAccount behind a token.
fn manifests(explanation: &mut Explanation, role: &Role, asker: &Asker, inventory: &Inventory) {
    let Asker::Token { subject, .. } = asker else { return };
    if inventory.service_accounts.is_empty() || !subject.starts_with("system:serviceaccount:") {
        return;
    }
    let mut found = service_accounts(subject, inventory).peekable();
    if found.peek().is_none() {
        explanation.notes.push(format!("No manifest has a ServiceAccount for `{subject}`."));
    }
    for account in found.take(3) {
        let place = format!("`{}` {}", account.origin.file, account.origin.at);
        match account.role_arn.as_deref() {
            None => explanation.notes.push(format!(
                "ServiceAccount {}/{} ({place}) carries no `eks.amazonaws.com/role-arn`: its pods get no token for AWS.",
                account.namespace, account.name
            )),
            Some(named) if named != role.arn => explanation.notes.push(format!(
                "ServiceAccount {}/{} ({place}) is annotated with another role: `{named}`.",
                account.namespace, account.name
            )),
            Some(_) => {}
        }
    }
}

/// The other way to mend a near miss.
fn alternative(explanation: &mut Explanation) {
    let of_condition = explanation.failed_conditions.iter().find_map(|failed| failed.nearest.as_ref());
    let of_element = explanation.mismatches.iter().find_map(|mismatch| mismatch.nearest.as_ref());
    let Some(near) = of_condition
        .or(of_element)
        .filter(|near| ["case", "one-letter", "few-letters"].contains(&near.difference.as_str()))
    else {
        return;
    };
    let note = match explanation.suggestion.as_ref().map(|suggestion| suggestion.target.as_str()) {
        Some("trust-policy") => format!(
            "If the caller is misspelt, correct it to `{}` instead: then nothing in IAM changes.",
            near.value
        ),
        Some("request") => "If the trust policy is misspelt, correct it there instead.".to_owned(),
        _ => return,
    };
    explanation.notes.push(note);
}

/// The trust policy admits the caller: for a principal of AWS, its own policies have a say too.
fn admitted(
    explanation: &mut Explanation,
    role: &Role,
    asker: &Asker,
    caller: &Caller,
    context: &Context,
    inventory: &Inventory,
) {
    explanation.cause = "admitted".to_owned();
    explanation.reason = format!("The trust policy of {} admits {}.", role.name, shown(caller));
    if let Asker::Aws { principal, policies } = asker {
        own::own_policies_on_assume(explanation, role, principal, policies, context, inventory);
    }
}

/// The trust policy refuses: what the caller's own policies say is worth knowing before it is changed.
fn own_policies_too(
    explanation: &mut Explanation,
    role: &Role,
    asker: &Asker,
    context: &Context,
    inventory: &Inventory,
) {
    let Asker::Aws { principal, policies } = asker else { return };
    let mut own = Explanation::new(asker);
    own.verdict = Verdict::Allowed;
    own::own_policies_on_assume(&mut own, role, principal, policies, context, inventory);
    explanation.principal.clone_from(&own.principal);
    if own.verdict == Verdict::Denied {
        explanation.notes.push(format!("The {} layer refuses it as well: {}", own.layer, own.reason));
    }
}

/// Whether the trust policy lets a service pass session tags, which is an action of its own.
pub(super) fn lets_tag(policy: &Policy, service: &str) -> bool {
    policy.statements.iter().any(|statement| {
        statement.effect == crate::policy::Effect::Allow
            && crate::eval::action_matches(&statement.action, "sts:TagSession").is_true()
            && statement.principal.as_ref().is_some_and(|principal| {
                crate::eval::reach(principal, &Principal::Service(service.to_owned())).truth().is_true()
            })
    })
}

/// Pod Identity passes session tags.
fn tag_session(explanation: &mut Explanation, role: &Role, policy: &Policy, caller: &Caller) {
    let Caller::Service(name) = caller else { return };
    if name != POD_IDENTITY || explanation.verdict != Verdict::Allowed {
        return;
    }
    if lets_tag(policy, name) {
        return;
    }
    explanation.verdict = Verdict::Denied;
    explanation.cause = "no-statement".to_owned();
    explanation.action = Some("sts:TagSession".to_owned());
    explanation.reason = format!(
        "The trust policy of {} allows `{name}` no `sts:TagSession`, which EKS Pod Identity needs.",
        role.name
    );
    explanation.missing = suggest::missing_trust(caller);
    let mut changed = Explanation { statement: None, ..explanation.clone() };
    explanation.suggestion = suggest::trust(&mut changed, role, policy, caller, &Context::open());
}
