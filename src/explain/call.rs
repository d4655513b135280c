//! A refused call beside the policies of whoever made it.

use super::assume::judge;
use super::own::{named_policy, own_policies};
use super::refusal::{Asker, Refusal, resource_name};
use super::{Agreement, EventShown, Explanation, Suggestion, Verdict, Witness, suggest};
use crate::eval::Context;
use crate::eval::trust::{Caller, admits};
use crate::ident::POD_IDENTITY;
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
    let log = Witness { layer: layer.to_owned(), verdict: Verdict::Denied, explicit: denial.explicit };
    if is_assumption {
        assumption(&mut explanation, refusal, inventory);
    } else if refusal.name == "AssumeRoleForPodIdentity" {
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
    token_fault(explanation, refusal);
}

/// Errors of STS that no policy decides: the message says what is wrong with the token or the session.
fn token_fault(explanation: &mut Explanation, refusal: &Refusal) {
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
        "InvalidIdentityToken" if says("openidconnect provider") => (
            "provider-missing",
            "The account has no OIDC provider for the token's issuer.",
            "Create an OIDC provider for the issuer in the role's account; a cluster made anew has a new issuer.",
        ),
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
    explanation.layer = match cause {
        "credentials-expired" => "unknown",
        "session-too-long" => "trust",
        _ => "identity-provider",
    }
    .to_owned();
    explanation.explicit = false;
    explanation.cause = cause.to_owned();
    explanation.reason = match explanation.reason.is_empty() {
        true => reason.to_owned(),
        false => {
            let policy = std::mem::take(&mut explanation.reason);
            explanation.notes.push(format!("Beside that: {policy}"));
            reason.to_owned()
        }
    };
    explanation.suggestion = Some(Suggestion {
        is_proposal: true,
        change: change.to_owned(),
        target: if explanation.layer == "identity-provider" && cause != "token-expired" {
            "identity-provider"
        } else {
            "request"
        }
        .to_owned(),
        arn: explanation.resource.clone(),
        file: None,
        at: None,
        document: None,
        checked: false,
    });
    // The trust policy was never asked, so it is no second witness.
    explanation.snapshot = None;
}

/// EKS could not take the role of an association: the record names the cluster only.
fn pod_identity(explanation: &mut Explanation, refusal: &Refusal, inventory: &Inventory) {
    explanation.layer = "trust".to_owned();
    explanation.cause = "no-statement".to_owned();
    explanation.resource.clone_from(&refusal.cluster);
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
                let refuses = role.trust.as_ref().is_some_and(|trust| !admits(trust, &caller).is_true());
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
        explanation.notes.push(
            "The message speaks of an explicit deny; none stands in the policies of the snapshot.".to_owned(),
        );
    }
    explanation.agreement = match snapshot {
        Some(witness) if is_told && witness.layer == log.layer => {
            match (witness.verdict, witness.explicit == log.explicit) {
                (Verdict::Denied, true) => Agreement::Agree,
                // A web identity's refusal never says whether a statement denied.
                (Verdict::Denied, false) if log.layer == "trust" => Agreement::Agree,
                (Verdict::Denied, false) | (Verdict::Allowed, _) => Agreement::Differ,
                (Verdict::Unknown, _) => Agreement::OneWitness,
            }
        }
        _ => Agreement::OneWitness,
    };
    if explanation.agreement == Agreement::Differ {
        explanation.notes.push(match log.layer.as_str() {
            "trust" => "The log and the snapshot differ: by the snapshot the trust policy admits the caller. It was changed since, the role was just made (IAM takes a while to spread a change), or a service control policy or session policy refused.".to_owned(),
            _ => "The log and the snapshot differ: the log's word stands for the moment of the call, the snapshot's for its own.".to_owned(),
        });
        if explanation.cause == "admitted" || explanation.cause == "not-told" {
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
    let is_untold = explanation.cause == "not-told"
        && explanation.snapshot.as_ref().is_none_or(|witness| witness.layer != explanation.layer);
    // The organization's files hold the statement, or the lack of one.
    let is_told = explanation
        .snapshot
        .as_ref()
        .is_some_and(|witness| witness.layer == "scp" && witness.verdict == Verdict::Denied);
    let (what, owner) = match explanation.layer.as_str() {
        "identity" if is_untold => ("the caller's identity policies", "the role's or user's owner"),
        "boundary" if is_untold => ("the caller's permissions boundary", "the owner of the boundary"),
        "scp" if is_told => {
            explanation.cause = "guardrail".to_owned();
            return;
        }
        "scp" => ("a service control policy", "whoever runs the organization"),
        "rcp" => ("a resource control policy", "whoever runs the organization"),
        "vpc-endpoint" => ("the policy of the VPC endpoint", "whoever runs the network"),
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
