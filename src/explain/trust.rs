//! What a role's trust policy says to a caller.

use super::gap::{Gap, closest, gaps};
use super::{Explanation, Place, Verdict};
use crate::eval::trust::{Caller, admits_with, issuer, request};
use crate::eval::{Context, Truth};
use crate::inventory::{Attached, AttachedKind, Role};
use crate::policy::{Effect, Policy, PolicyKind, render};

/// A trust policy beside a caller.
pub(super) struct TrustView {
    /// Whether the caller is admitted.
    pub(super) admits: Truth,
    /// A statement that denies for sure.
    pub(super) denying: Option<usize>,
    /// The Allow statement that applies, or comes nearest.
    pub(super) nearest: Option<Gap>,
}

pub(super) fn view(trust: &Policy, caller: &Caller, context: &Context) -> TrustView {
    let request = request(trust, caller, context.clone());
    let denies = gaps(trust, PolicyKind::Trust, &request, |statement| statement.effect == Effect::Deny);
    let allows = gaps(trust, PolicyKind::Trust, &request, |statement| statement.effect == Effect::Allow);
    TrustView {
        admits: admits_with(trust, caller, context.clone()),
        denying: denies.iter().find(|gap| gap.applies.is_true()).map(|gap| gap.index),
        nearest: closest(allows),
    }
}

/// Where a statement of a role's trust policy stands.
pub(super) fn trust_place(role: &Role, trust: &Policy, index: usize, part: &str) -> Place {
    Place {
        part: part.to_owned(),
        policy: format!("trust policy of {}", role.name),
        policy_arn: None,
        file: role.origin.file.clone(),
        at: format!("{}/AssumeRolePolicyDocument/Statement/{index}", role.origin.at),
        index,
        sid: trust.statements.get(index).and_then(|statement| statement.sid.clone()),
        document: statement(trust, index),
    }
}

/// Where a statement of an attached policy stands.
pub(super) fn place(attached: &Attached, policy: &Policy, index: usize, part: &str) -> Place {
    let below = if attached.kind == AttachedKind::Inline { "/PolicyDocument" } else { "" };
    let at = match attached.kind {
        // A managed policy's document is one of its versions, whose place the snapshot does not keep.
        AttachedKind::Inline => format!("{}{below}/Statement/{index}", attached.origin.at),
        AttachedKind::Managed | AttachedKind::AwsManaged => attached.origin.at.clone(),
    };
    Place {
        part: part.to_owned(),
        policy: attached.name.clone(),
        policy_arn: attached.arn.clone(),
        file: attached.origin.file.clone(),
        at,
        index,
        sid: policy.statements.get(index).and_then(|statement| statement.sid.clone()),
        document: statement(policy, index),
    }
}

/// One statement as JSON.
pub(super) fn statement(policy: &Policy, index: usize) -> serde_json::Value {
    let alone =
        Policy { statements: policy.statements.get(index).cloned().into_iter().collect(), ..policy.clone() };
    render(&alone).get("Statement").and_then(|list| list.get(0)).cloned().unwrap_or_default()
}

/// Fills in what a refusing, or undecided, trust policy has to say: statement, mismatches, conditions, cause and reason.
pub(super) fn tell(
    explanation: &mut Explanation,
    role: &Role,
    trust: &Policy,
    view: TrustView,
    caller: &Caller,
) {
    let who = shown(caller);
    if let Some(index) = view.denying {
        explanation.verdict = Verdict::Denied;
        explanation.explicit = true;
        explanation.cause = "explicit-deny".to_owned();
        explanation.reason = format!("A statement of the trust policy of {} denies {who}.", role.name);
        explanation.statement = Some(trust_place(role, trust, index, "denies"));
        return;
    }
    let Some(gap) = view.nearest else {
        explanation.cause = "no-statement".to_owned();
        explanation.reason = format!("The trust policy of {} has no Allow statement.", role.name);
        return;
    };
    let part = if gap.applies.is_true() { "allows" } else { "nearest" };
    explanation.statement = Some(trust_place(role, trust, gap.index, part));
    if gap.applies.is_true() {
        return;
    }
    let (cause, reason) = cause(&gap, caller, &who, role);
    explanation.cause = cause.to_owned();
    explanation.reason = reason;
    explanation.mismatches = gap.mismatches;
    explanation.failed_conditions = if gap.applies.is_false() { gap.failed } else { gap.open };
}

/// The caller as a reader would name it.
pub(super) fn shown(caller: &Caller) -> String {
    match caller {
        Caller::WebIdentity { subject, .. } => format!("`{subject}`"),
        Caller::Saml { provider, .. } => format!("users of `{provider}`"),
        Caller::Service(name) => format!("`{name}`"),
        Caller::Aws(principal) => {
            super::gap::named(principal).map_or_else(|| "the caller".to_owned(), |name| format!("`{name}`"))
        }
    }
}

/// Word and sentence for what keeps the nearest statement from applying.
fn cause(gap: &Gap, caller: &Caller, who: &str, role: &Role) -> (&'static str, String) {
    let name = &role.name;
    let element = |wanted: &str| gap.mismatches.iter().find(|mismatch| mismatch.element == wanted);
    let host = match caller {
        Caller::WebIdentity { provider, .. } => issuer(provider),
        _ => "",
    };
    if let Some(mismatch) = element("Principal").or_else(|| element("NotPrincipal")) {
        let is_web = matches!(caller, Caller::WebIdentity { .. });
        let trusts_issuers = mismatch.expected.iter().any(|text| text.contains(":oidc-provider/"));
        if is_web && trusts_issuers {
            let near = mismatch.nearest.as_ref().map(|near| format!(": {}", near.detail)).unwrap_or_default();
            let reason = format!(
                "The token comes from `{host}`, and the trust policy of {name} trusts {}{near}.",
                listed(&mismatch.expected)
            );
            return ("issuer", reason);
        }
        let reason = format!("The trust policy of {name} trusts {}, not {who}.", listed(&mismatch.expected));
        return ("principal", reason);
    }
    if let Some(mismatch) = element("Action").or_else(|| element("NotAction")) {
        let asked = mismatch.actual.as_deref().unwrap_or_default();
        return (
            "no-statement",
            format!("No statement of the trust policy of {name} allows `{asked}` to {who}."),
        );
    }
    let failed = gap.failed.iter().chain(&gap.open);
    let mut best: Option<(&'static str, String)> = None;
    for condition in failed {
        let claim = condition.key.strip_prefix(&format!("{host}:")).filter(|_| !host.is_empty());
        let word = match claim {
            Some("sub") => "subject",
            Some("aud") => "audience",
            _ => "condition",
        };
        let actual = match (condition.actual.as_slice(), condition.state.as_str()) {
            ([], "absent") => "the request has no such key".to_owned(),
            ([], _) => "its value in the request is not known".to_owned(),
            (values, _) => format!("the request has {}", listed(values)),
        };
        let near = condition.nearest.as_ref().map(|near| format!(" ({})", near.detail)).unwrap_or_default();
        let must =
            if condition.operator.to_ascii_lowercase().contains("not") { "must not be" } else { "must be" };
        let reason =
            format!("`{}` {must} {}, and {actual}{near}.", condition.key, listed(&condition.expected));
        // The subject says most about a mistake; the audience next.
        let better = match (&best, word) {
            (None, _)
            | (Some(("condition", _)), "subject" | "audience")
            | (Some(("audience", _)), "subject") => true,
            (Some(_), _) => false,
        };
        if better {
            best = Some((word, reason));
        }
    }
    best.unwrap_or_else(|| {
        (
            "not-told",
            format!("Whether the trust policy of {name} admits {who} cannot be told from the snapshot."),
        )
    })
}

/// Some values as text.
pub(super) fn listed(values: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = values.iter().take(SHOWN).map(|value| format!("`{value}`")).collect();
    match values.len().saturating_sub(SHOWN) {
        0 if shown.is_empty() => "nothing".to_owned(),
        0 => shown.join(" or "),
        more => format!("{} or {more} more", shown.join(", ")),
    }
}
