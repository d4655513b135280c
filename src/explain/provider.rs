//! Where a token comes from: its provider, and what the account knows of it.

use super::assume::{BUILT_IN, service_accounts};
use super::nearest::nearest;
use super::{Explanation, Suggestion, Verdict, Witness, trust};
use crate::eval::Context;
use crate::eval::trust::{Caller, admits_with, issuer};
use crate::ident::{Arn, POD_IDENTITY};
use crate::inventory::{Inventory, Role};
use crate::policy::{PrincipalElement, PrincipalPattern};

/// A provider's ARN from what a user says: an ARN, an issuer, a cluster.
pub(super) fn provider_arn(text: &str, role: &Role, inventory: &Inventory) -> String {
    if text.contains(":oidc-provider/") || BUILT_IN.contains(&text) {
        return text.to_owned();
    }
    let bare = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
    let issuer = if Arn::parse(text).is_some() || !bare.contains('.') {
        inventory.cluster_id(text)
    } else {
        bare.to_owned()
    };
    let partition = Arn::parse(&role.arn).map_or("aws", |arn| arn.partition);
    format!("arn:{partition}:iam::{}:oidc-provider/{issuer}", role.account)
}

/// The providers a token may come from: those of the ServiceAccount's clusters that the trust policy names; else all it names; else the clusters'.
pub(super) fn candidates(role: &Role, subject: &str, inventory: &Inventory) -> Vec<String> {
    let named: std::collections::BTreeSet<String> = role
        .trust
        .iter()
        .flat_map(|trust| &trust.statements)
        .filter_map(|statement| match &statement.principal {
            Some(PrincipalElement::Only(patterns)) => Some(patterns),
            _ => None,
        })
        .flatten()
        .filter_map(|pattern| match pattern {
            PrincipalPattern::Federated(provider) if !provider.contains(":saml-provider/") => {
                Some(provider.clone())
            }
            _ => None,
        })
        .collect();
    let clusters: Vec<String> = service_accounts(subject, inventory)
        .filter_map(|account| account.cluster.as_deref())
        .filter(|cluster| cluster.contains('.'))
        .map(|cluster| provider_arn(cluster, role, inventory))
        .collect();
    let both: Vec<String> = named.iter().filter(|provider| clusters.contains(provider)).cloned().collect();
    if !both.is_empty() {
        return both;
    }
    match named.is_empty() {
        // A role made for Pod Identity is asked for by Pod Identity.
        true if trusts_pod_identity(role) => Vec::new(),
        true => clusters,
        false => named.into_iter().collect(),
    }
}

fn trusts_pod_identity(role: &Role) -> bool {
    let caller = Caller::Service(POD_IDENTITY.to_owned());
    role.trust.as_ref().is_some_and(|trust| !admits_with(trust, &caller, Context::open()).is_false())
}

/// A token asks for a role that trusts no token: it may trust Pod Identity.
pub(super) fn no_web_identity(
    explanation: &mut Explanation,
    role: &Role,
    subject: &str,
    inventory: &Inventory,
) {
    explanation.verdict = Verdict::Denied;
    explanation.layer = "trust".to_owned();
    explanation.action.get_or_insert_with(|| "sts:AssumeRoleWithWebIdentity".to_owned());
    explanation.cause = "no-statement".to_owned();
    explanation.snapshot =
        Some(Witness { layer: "trust".to_owned(), verdict: Verdict::Denied, explicit: false });
    explanation.reason = format!("The trust policy of {} admits no web identity at all.", role.name);
    let parts = subject.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let (true, Some((namespace, name))) = (trusts_pod_identity(role), parts) else { return };
    let bound = inventory
        .clusters
        .values()
        .flat_map(|cluster| cluster.associations.iter().map(move |association| (cluster, association)));
    let own: Vec<_> = bound.filter(|(_, one)| one.role_arn == role.arn).collect();
    if own.iter().any(|(_, one)| one.namespace == namespace && one.service_account == name) {
        explanation.verdict = Verdict::Allowed;
        explanation.layer = "none".to_owned();
        explanation.cause = "admitted".to_owned();
        explanation.action = Some("sts:AssumeRole".to_owned());
        explanation.reason = format!(
            "Not by web identity: {} trusts EKS Pod Identity, and an association binds {namespace}/{name} to it.",
            role.name
        );
        explanation.snapshot =
            Some(Witness { layer: "trust".to_owned(), verdict: Verdict::Allowed, explicit: false });
        return;
    }
    explanation.cause = "no-association".to_owned();
    let subjects: Vec<String> = own
        .iter()
        .map(|(_, one)| format!("system:serviceaccount:{}:{}", one.namespace, one.service_account))
        .collect();
    let near = nearest(&subjects, subject, false);
    let known = match &near {
        Some(near) => format!("the nearest is `{}`: {}", near.value, near.detail),
        None => format!("{} other associations name the role", own.len()),
    };
    explanation.reason = format!(
        "{} trusts EKS Pod Identity, and no association binds {namespace}/{name} to it; {known}.",
        role.name
    );
    explanation.suggestion = Some(Suggestion {
        is_proposal: true,
        change: format!(
            "Associate ServiceAccount {namespace}/{name} with the role (`aws eks create-pod-identity-association`)."
        ),
        target: "annotation".to_owned(),
        arn: Some(role.arn.clone()),
        file: None,
        at: None,
        document: None,
        checked: false,
    });
}

/// What the account's OIDC providers lack for the token; nothing when the snapshot does not list them.
pub(super) fn provider_fault(
    role: &Role,
    caller: &Caller,
    inventory: &Inventory,
) -> Option<(&'static str, String, Suggestion)> {
    let Caller::WebIdentity { provider, audience, .. } = caller else { return None };
    let providers = &inventory.accounts.get(&role.account)?.oidc_providers;
    if providers.is_empty() || BUILT_IN.contains(&provider.as_str()) {
        return None;
    }
    let suggestion = |change: String| Suggestion {
        is_proposal: true,
        change,
        target: "identity-provider".to_owned(),
        arn: Some(provider.clone()),
        file: None,
        at: None,
        document: None,
        checked: false,
    };
    let Some(known) = providers.iter().find(|known| issuer(&known.arn) == issuer(provider)) else {
        let names: Vec<String> = providers.iter().map(|known| known.arn.clone()).collect();
        let near = nearest(&names, provider, false)
            .map(|near| format!(" The nearest is `{}`: {}.", near.value, near.detail))
            .unwrap_or_default();
        return Some((
            "provider-missing",
            format!("Account {} has no OIDC provider for `{}`.{near}", role.account, issuer(provider)),
            suggestion(format!(
                "Create an OIDC provider for `https://{}` in account {}.",
                issuer(provider),
                role.account
            )),
        ));
    };
    let audience = audience.as_deref()?;
    if known.client_ids.is_empty() || known.client_ids.iter().any(|id| id == audience) {
        return None;
    }
    Some((
        "audience-not-registered",
        format!(
            "The OIDC provider `{}` does not register the audience `{audience}`; it registers {}.",
            known.arn,
            trust::listed(&known.client_ids)
        ),
        suggestion(format!(
            "Ask for tokens with one of the registered audiences, or register `{audience}` with the provider."
        )),
    ))
}
