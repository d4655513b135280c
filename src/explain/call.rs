//! A refused call beside the policies of whoever made it.

use super::assume::{judge, lets_tag};
use super::nearest::nearest;
use super::own::{named_policy, own_policies};
use super::refusal::{Asker, Refusal, resource_name};
use super::{Agreement, EventShown, Explanation, Suggestion, Verdict, Witness, suggest};
use crate::eval::Context;
use crate::eval::trust::{Caller, admits, issuer};
use crate::ident::{Arn, POD_IDENTITY};
use crate::inventory::{Inventory, Role};

/// Explains a refused call.
pub fn explain(refusal: &Refusal, inventory: &Inventory) -> Explanation {
    let mut explanation = Explanation::new(&refusal.asker);
    let denial = &refusal.denial;
    explanation.action.clone_from(&refusal.action);
    explanation.resource = resource_name(&refusal.resource);
    // A decoded message alone is no event.
    explanation.event = (!refusal.id.is_empty()).then(|| event(refusal));
    let is_assumption = refusal.source == "sts.amazonaws.com" && refusal.name.starts_with("AssumeRole");
    // A role's resource-based policy is its trust policy.
    let layer = if is_assumption && denial.layer == "resource" { "trust" } else { denial.layer };
    let is_pod = refusal.name == "AssumeRoleForPodIdentity";
    // EKS says no more than that the role did not let it in.
    let layer = if is_pod && refusal.is_about_role() { "trust" } else { layer };
    let log = Witness { layer: layer.to_owned(), verdict: Verdict::Denied, explicit: denial.explicit };
    if is_assumption {
        assumption(&mut explanation, refusal, inventory);
    } else if is_pod {
        pod_identity(&mut explanation, refusal, inventory);
    } else {
        own_policies(&mut explanation, refusal, inventory);
    }
    reconcile(&mut explanation, &log);
    account_setting(&mut explanation, refusal);
    explanation.policy.clone_from(&denial.policy);
    explanation.log = Some(log);
    explanation.verdict = Verdict::Denied;
    guardrail(&mut explanation, refusal);
    if explanation.statement.as_ref().is_none_or(|statement| statement.part != "denies") {
        let named = named_policy(&explanation, inventory);
        explanation.statement = named.or(explanation.statement.take());
    }
    more_to_know(&mut explanation, refusal);
    explanation
}

fn event(refusal: &Refusal) -> EventShown {
    EventShown {
        id: refusal.id.clone(),
        time: refusal.time.to_string(),
        last: refusal.last.to_string(),
        source: refusal.source.clone(),
        name: refusal.name.clone(),
        region: refusal.region.clone(),
        error_code: refusal.error_code.clone(),
        error_message: refusal.error_message.clone(),
        calls: refusal.n_calls(),
        resources: refusal.n_resources(),
    }
}

/// A refused role assumption: the trust policy and, for a principal of AWS, its own policies.
fn assumption(explanation: &mut Explanation, refusal: &Refusal, inventory: &Inventory) {
    if ["identity", "boundary"].contains(&refusal.denial.layer) {
        own_policies(explanation, refusal, inventory);
    } else if let Some(role) = &refusal.role {
        judge(explanation, role, &refusal.asker, &refusal.context, inventory);
    } else {
        explanation.reason = "The record does not say which role was asked for.".to_owned();
    }
    token_fault(explanation, refusal, inventory);
}

/// Errors of STS that no policy decides: the message says what is wrong with the token or the session.
fn token_fault(explanation: &mut Explanation, refusal: &Refusal, inventory: &Inventory) {
    let code = refusal.error_code.as_deref().unwrap_or_default();
    let message = refusal.error_message.as_deref().unwrap_or_default();
    let bare = code.strip_suffix("Exception").unwrap_or(code);
    let says = |part: &str| message.to_ascii_lowercase().contains(part);
    let (cause, reason, change) = match bare {
        "ExpiredToken" if refusal.name == "AssumeRole" => (
            "credentials-expired",
            "The caller's own credentials had expired.",
            "Open a new session before the old one ends.",
        ),
        "ExpiredToken" => (
            "token-expired",
            "The token had expired when it was presented.",
            "Let the program read its token file again before each exchange (recent SDKs do), and check the clock.",
        ),
        "InvalidIdentityToken" if says("openidconnect provider") => {
            provider_missing(explanation, message, inventory);
            return;
        }
        "InvalidIdentityToken" if says("audience") || says("claim: aud") => (
            "audience-not-registered",
            "The provider does not register the token's audience.",
            "Ask for a token with the audience the provider registers (most often `sts.amazonaws.com`); a pod whose ServiceAccount lacks the annotation presents the cluster's own token.",
        ),
        "InvalidIdentityToken" | "IDPRejectedClaim" | "IDPCommunicationError" => (
            "token-refused",
            "STS did not accept the token: the issuer's keys could not be read, or the signature or a claim is wrong.",
            "Check that the issuer's `/.well-known/openid-configuration` and its keys can be reached from the internet.",
        ),
        "ValidationError" if says("durationseconds") => (
            "session-too-long",
            "The session asked for is longer than the role allows.",
            "Ask for a shorter session, or raise the role's maximum session duration.",
        ),
        _ => return,
    };
    let layer = match cause {
        "credentials-expired" => "unknown",
        "session-too-long" => "trust",
        _ => "identity-provider",
    };
    let is_request = layer != "identity-provider" || cause == "token-expired";
    let target = if is_request { "request" } else { "identity-provider" };
    before_policies(
        explanation,
        layer,
        cause,
        reason,
        proposal(change, target, explanation.resource.clone()),
    );
}

/// A proposal in words alone.
fn proposal(change: &str, target: &str, arn: Option<String>) -> Suggestion {
    Suggestion {
        is_proposal: true,
        change: change.to_owned(),
        target: target.to_owned(),
        arn,
        file: None,
        at: None,
        document: None,
        checked: false,
    }
}

/// STS refused before it asked any policy.
fn before_policies(
    explanation: &mut Explanation,
    layer: &str,
    cause: &str,
    reason: &str,
    suggestion: Suggestion,
) {
    explanation.layer = layer.to_owned();
    explanation.explicit = false;
    explanation.cause = cause.to_owned();
    let policy = std::mem::replace(&mut explanation.reason, reason.to_owned());
    if !policy.is_empty() {
        explanation.notes.push(format!("Beside that: {policy}"));
    }
    explanation.suggestion = Some(suggestion);
    // The trust policy was never asked, so it is no second witness.
    explanation.snapshot = None;
}

/// The message names the issuer that the account has no provider for.
fn provider_missing(explanation: &mut Explanation, message: &str, inventory: &Inventory) {
    let named = message.split_once("https://").and_then(|(_, rest)| rest.split_whitespace().next());
    let named = named.map(|issuer| issuer.trim_end_matches(['.', '/'])).filter(|issuer| !issuer.is_empty());
    let shown = named.map_or_else(|| "the token's issuer".to_owned(), |issuer| format!("`{issuer}`"));
    let mut reason = format!("The account has no OIDC provider for {shown}.");
    let account = explanation.resource.as_deref().and_then(Arn::parse).map(|arn| arn.account);
    let known: Vec<String> = inventory
        .accounts
        .iter()
        .filter(|(id, _)| account.is_none_or(|account| account == *id))
        .flat_map(|(_, account)| &account.oidc_providers)
        .map(|provider| issuer(&provider.arn).to_owned())
        .collect();
    let near = named.and_then(|issuer| nearest(&known, issuer, false));
    reason += &near
        .map(|near| format!(" The nearest one that it has is `{}`: {}.", near.value, near.detail))
        .unwrap_or_default();
    let cluster = named.and_then(|named| inventory.cluster(named));
    if let Some(cluster) = cluster {
        reason += &format!(" It is the issuer of cluster `{}`.", cluster.name());
    }
    let change = format!(
        "Create an OIDC provider for {shown} in the role's account; a cluster made anew has a new issuer."
    );
    let suggestion = proposal(&change, "identity-provider", explanation.resource.clone());
    before_policies(explanation, "identity-provider", "provider-missing", &reason, suggestion);
}

/// EKS could not take the role of an association: the record names the cluster only.
fn pod_identity(explanation: &mut Explanation, refusal: &Refusal, inventory: &Inventory) {
    explanation.layer = "trust".to_owned();
    explanation.cause = "no-statement".to_owned();
    explanation.resource.clone_from(&refusal.cluster);
    explanation.missing = suggest::missing_trust(&Caller::Service(POD_IDENTITY.to_owned()));
    explanation.suggestion = Some(Suggestion {
        document: explanation.missing.clone(),
        ..proposal(
            "Let the trust policy of the associated role admit EKS Pod Identity, `sts:TagSession` included.",
            "trust-policy",
            None,
        )
    });
    let name = refusal.cluster.as_deref().unwrap_or_default();
    explanation.reason = format!(
        "EKS was not allowed to assume the role that is associated with the pod's ServiceAccount in cluster `{name}`."
    );
    let caller = Caller::Service(POD_IDENTITY.to_owned());
    let Some(cluster) = inventory.cluster(name) else {
        explanation
            .notes
            .push(format!("The snapshot has no cluster `{name}`, so its associations are not known."));
        return;
    };
    let mut roles: Vec<&Role> = Vec::new();
    for association in &cluster.associations {
        match inventory.role(&association.role_arn) {
            None => explanation.notes.push(format!(
                "{}/{} is associated with `{}`, which the snapshot does not have.",
                association.namespace, association.service_account, association.role_arn
            )),
            Some(role) => {
                let refuses = role
                    .trust
                    .as_ref()
                    .is_some_and(|trust| !admits(trust, &caller).is_true() || !lets_tag(trust, POD_IDENTITY));
                if refuses && !roles.iter().any(|known| known.arn == role.arn) {
                    roles.push(role);
                    explanation.notes.push(format!(
                        "{}/{} is associated with {}, whose trust policy does not admit EKS Pod Identity.",
                        association.namespace, association.service_account, role.name
                    ));
                }
            }
        }
    }
    if let [role] = roles.as_slice() {
        let asker = Asker::Service(POD_IDENTITY.to_owned());
        judge(explanation, &role.arn, &asker, &Context::open(), inventory);
    } else if roles.is_empty() && !cluster.associations.is_empty() {
        explanation.notes.push(
            "By the snapshot every role that is associated in the cluster admits EKS Pod Identity: a trust policy or an association was changed since."
                .to_owned(),
        );
    }
}

/// The log's word and the snapshot's, side by side.
fn reconcile(explanation: &mut Explanation, log: &Witness) {
    let snapshot = explanation.snapshot.clone();
    let is_told = log.layer != "unknown";
    let is_provider = explanation.layer == "identity-provider";
    if is_told && !is_provider {
        explanation.layer.clone_from(&log.layer);
        explanation.explicit = log.explicit || explanation.explicit && log.layer == "trust";
    } else if matches!(explanation.layer.as_str(), "none" | "unknown") {
        explanation.layer = "unknown".to_owned();
        explanation.explicit = log.explicit;
    } else if snapshot.as_ref().is_none_or(|witness| witness.verdict != Verdict::Denied) && !is_provider {
        explanation.layer = "unknown".to_owned();
    } else if log.explicit && !explanation.explicit {
        // Older messages say that something denies explicitly, and not what; a missing allow is not it.
        explanation.layer = "unknown".to_owned();
        explanation.explicit = true;
        explanation.cause = "explicit-deny".to_owned();
        let implicit = std::mem::replace(
            &mut explanation.reason,
            "The message speaks of an explicit deny; none stands in the policies of the snapshot.".to_owned(),
        );
        explanation.notes.push(format!("The snapshot's policies would refuse as well: {implicit}"));
        // What they lack is not what refused.
        explanation.suggestion = None;
    }
    explanation.agreement = match snapshot {
        Some(witness) if is_told && witness.layer == log.layer => {
            match (witness.verdict, witness.explicit == log.explicit) {
                (Verdict::Denied, true) => Agreement::Agree,
                // A web identity's refusal never says whether a statement denied.
                (Verdict::Denied, false) if log.layer == "trust" && !log.explicit => Agreement::Agree,
                (Verdict::Denied, false) | (Verdict::Allowed, _) => Agreement::Differ,
                (Verdict::Unknown, _) => Agreement::OneWitness,
            }
        }
        _ => Agreement::OneWitness,
    };
    if explanation.agreement == Agreement::Differ {
        explanation.notes.push(match log.layer.as_str() {
            "trust" if !log.explicit => "The log and the snapshot differ: by the snapshot the trust policy admits the caller. It was changed since, the role was just made (IAM takes a while to spread a change), or a service control policy or session policy refused.".to_owned(),
            _ => "The log and the snapshot differ: the log's word stands for the moment of the call, the snapshot's for its own.".to_owned(),
        });
        if log.explicit && explanation.snapshot.as_ref().is_some_and(|own| own.verdict == Verdict::Denied) {
            // A missing allow is not the statement that denied.
            let implicit = std::mem::take(&mut explanation.reason);
            explanation.notes.push(format!("The snapshot's policies would refuse as well: {implicit}"));
            explanation.cause = "not-told".to_owned();
        } else if explanation.cause == "admitted" || explanation.cause == "not-told" {
            explanation.cause = "admitted".to_owned();
            explanation.reason = format!(
                "The log says that the {} layer refused; by the snapshot it allows the call now.",
                log.layer
            );
        }
    }
}

/// Refusals by a setting of the account, which no policy can lift.
fn account_setting(explanation: &mut Explanation, refusal: &Refusal) {
    let message = refusal.error_message.as_deref().unwrap_or_default();
    if message != "IAM user access not activated" {
        return;
    }
    explanation.cause = "account-setting".to_owned();
    explanation.reason =
        "Billing data is closed to IAM users and roles by a setting of the account.".to_owned();
    explanation.suggestion = Some(Suggestion {
        is_proposal: true,
        change: "Activate IAM access to billing in the account's settings; only its root user can."
            .to_owned(),
        target: "account".to_owned(),
        arn: None,
        file: None,
        at: None,
        document: None,
        checked: false,
    });
}

/// Layers that lie outside the snapshot: who can change them, and what the log says of them.
fn guardrail(explanation: &mut Explanation, refusal: &Refusal) {
    let denial = &refusal.denial;
    // The log may know of a deny where the snapshot has a missing allow.
    let is_untold = explanation.cause == "not-told"
        && explanation.snapshot.as_ref().is_none_or(|witness| {
            witness.layer != explanation.layer || explanation.explicit && !witness.explicit
        });
    // The organization's files, or the call that opened the session, hold the statement, or the lack of one.
    let is_told = explanation
        .snapshot
        .as_ref()
        .is_some_and(|witness| witness.layer == explanation.layer && witness.verdict == Verdict::Denied);
    let (what, owner) = match explanation.layer.as_str() {
        "identity" if is_untold => ("the caller's identity policies", "the role's or user's owner"),
        "boundary" if is_untold => ("the caller's permissions boundary", "the owner of the boundary"),
        "trust" if is_untold && explanation.explicit => ("the role's trust policy", "the role's owner"),
        "scp" if is_told => {
            explanation.cause = "guardrail".to_owned();
            return;
        }
        "scp" => ("a service control policy", "whoever runs the organization"),
        "rcp" => ("a resource control policy", "whoever runs the organization"),
        "vpc-endpoint" => ("the policy of the VPC endpoint", "whoever runs the network"),
        "session" if is_told => return,
        "session" => ("the session policy passed when the role was assumed", "whoever opens the session"),
        "resource" => ("the resource's own policy", "the resource's owner"),
        "unknown" => {
            if explanation.cause == "not-told" {
                if explanation.explicit {
                    explanation.cause = "explicit-deny".to_owned();
                }
                let why = std::mem::take(&mut explanation.reason);
                explanation.notes.extend(Some(why).filter(|why| !why.is_empty()));
                let own = if explanation.snapshot.is_some() { "" } else { "the caller's own policies, " };
                explanation.reason = format!(
                    "Neither the log nor the snapshot tells which layer refused: it may be {own}the resource's own policy, a session policy, an organization policy or a VPC endpoint policy."
                );
            }
            return;
        }
        _ => return,
    };
    if is_untold && !explanation.reason.is_empty() {
        explanation.notes.push(std::mem::take(&mut explanation.reason));
    }
    let action = explanation.action.clone().unwrap_or_else(|| refusal.name.clone());
    explanation.cause = if explanation.explicit { "explicit-deny" } else { "no-allow" }.to_owned();
    if ["scp", "rcp", "vpc-endpoint"].contains(&explanation.layer.as_str()) {
        explanation.cause = "guardrail".to_owned();
    }
    let named = denial.policy.as_deref().map(|arn| format!(" (`{arn}`)")).unwrap_or_default();
    explanation.reason = match explanation.explicit {
        true => format!("By the log, a statement of {what}{named} denies `{action}`."),
        false => format!("By the log, no statement of {what}{named} allows `{action}`."),
    };
    let statement = suggest::allowing(&action, &refusal.resource);
    let on = resource_name(&refusal.resource).map(|name| format!(" on `{name}`")).unwrap_or_default();
    let change = match explanation.explicit {
        true => format!(
            "Ask {owner} to except `{action}`{on} for this caller from the statement that denies it in {what}{named}."
        ),
        false => format!("Ask {owner} to allow `{action}`{on} to this caller in {what}{named}."),
    };
    if !explanation.explicit {
        explanation.missing = Some(suggest::as_json(&statement));
    }
    explanation.suggestion = Some(Suggestion {
        is_proposal: true,
        change,
        target: match explanation.layer.as_str() {
            "session" => "request",
            "trust" => "trust-policy",
            "identity" => "identity-policy",
            "boundary" => "boundary",
            "resource" => "resource-policy",
            _ => "guardrail",
        }
        .to_owned(),
        arn: denial.policy.clone(),
        file: None,
        at: None,
        document: None,
        checked: false,
    });
}

/// What helps beyond the explanation itself.
fn more_to_know(explanation: &mut Explanation, refusal: &Refusal) {
    let denial = &refusal.denial;
    if denial.encoded {
        let account = refusal.account.as_deref().unwrap_or("the caller's account");
        let cut = match refusal.is_blob_cut {
            true => {
                " CloudTrail cut it off at 1 KB, so the one in the error the client got is needed (`--encoded`)."
            }
            false => "",
        };
        explanation.notes.push(format!(
            "The message ends in an encoded reason: `aws sts decode-authorization-message --encoded-message …` in account {account} reads it, for whoever is allowed `sts:DecodeAuthorizationMessage`, and so does `--decoded live`.{cut}"
        ));
    }
    if let Some(id) = &denial.authorization_id {
        explanation.notes.push(format!(
            "`iam:GetAuthorizationDetails` with authorization id {id} tells AWS's whole evaluation, for whoever is allowed `iam:TroubleshootAccess`."
        ));
    }
    if explanation.statement.as_ref().is_none_or(|place| place.part != "denies")
        && !refusal.denied_by.is_empty()
    {
        explanation.notes.push(format!(
            "By the decoded message {} denied it; no policy of the snapshot has it.",
            refusal.denied_by.join(" and ")
        ));
    }
    let count = refusal.n_resources();
    if count > 1 {
        explanation.notes.push(format!("{count} resources were refused alike; the first one is shown."));
    }
}
