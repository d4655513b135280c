//! The smallest change that would allow a call, as a proposal.

use serde_json::json;

use super::{Condition as Failed, Explanation, Suggestion};
use crate::eval::trust::{Caller, admits_with, issuer};
use crate::eval::{Context, RequestResource};
use crate::ident::POD_IDENTITY;
use crate::inventory::{Inventory, Role};
use crate::policy::Version;
use crate::policy::{
    ActionElement, Comparison, Condition, Effect, Operator, Policy, PrincipalElement, PrincipalPattern,
    ResourceElement, Statement, render, size,
};

/// A trust policy's default quota in characters; AWS raises it to twice as much on request.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const TRUST_QUOTA: usize = 2_048;

/// How the trust policy would admit the caller: a value added where one condition on a token's claim stands in the way, else a
/// statement of its own. Nobody else is admitted by it.
pub(super) fn trust(
    explanation: &mut Explanation,
    role: &Role,
    old: &Policy,
    caller: &Caller,
    context: &Context,
) -> Option<Suggestion> {
    let index = explanation.statement.as_ref().map(|place| place.index);
    let added = index
        .filter(|_| explanation.mismatches.is_empty())
        .and_then(|index| with_values(old, index, &explanation.failed_conditions));
    let (new, change) = match added {
        Some((new, what)) => (new, format!("Let the trust policy of {} also accept {what}.", role.name)),
        None => {
            let statement = admitting(caller)?;
            let mut new = old.clone();
            new.statements.push(statement);
            (
                new,
                format!(
                    "Add a statement to the trust policy of {} that admits exactly this caller.",
                    role.name
                ),
            )
        }
    };
    let size = size(&new);
    if size > TRUST_QUOTA {
        explanation.notes.push(format!(
            "The changed trust policy has {size} characters; the default quota is {TRUST_QUOTA}, and AWS grants up to twice that."
        ));
    }
    let checked = admits_with(&new, caller, context.clone()).is_true();
    Some(Suggestion {
        is_proposal: true,
        change,
        target: "trust-policy".to_owned(),
        arn: Some(role.arn.clone()),
        file: Some(role.origin.file.clone()),
        at: Some(format!("{}/AssumeRolePolicyDocument", role.origin.at)),
        document: Some(render(&new)),
        checked,
    })
}

/// The document with the request's values added to the failed conditions; `None` when a value would not help.
fn with_values(old: &Policy, index: usize, failed: &[Failed]) -> Option<(Policy, String)> {
    let mut new = old.clone();
    let statement = new.statements.get_mut(index)?;
    let mut added = Vec::new();
    for one in failed {
        let value = one.actual.first()?;
        let operator = Operator::parse(&one.operator)?;
        let lists =
            matches!(operator.base, Comparison::StringEquals | Comparison::StringLike) && !operator.negated;
        // A value with a wildcard in it would admit others under `StringLike`.
        if !lists || one.actual.len() != 1 || value.contains(['*', '?']) {
            return None;
        }
        let condition = statement
            .conditions
            .iter_mut()
            .find(|known| known.operator == one.operator && known.key == one.key)?;
        condition.values.push(value.clone());
        added.push(format!("`{value}` as `{}`", one.key));
    }
    (!added.is_empty()).then(|| (new, added.join(" and ")))
}

/// A statement that admits the caller and nobody else; `None` for a caller no statement can name.
fn admitting(caller: &Caller) -> Option<Statement> {
    let equals = |key: String, value: &str| Condition {
        operator: "StringEquals".to_owned(),
        key,
        values: vec![value.to_owned()],
    };
    let (pattern, actions, conditions) = match caller {
        Caller::WebIdentity { provider, subject, audience } => {
            let host = issuer(provider);
            let mut conditions = vec![equals(format!("{host}:sub"), subject)];
            conditions.extend(audience.as_deref().map(|audience| equals(format!("{host}:aud"), audience)));
            (PrincipalPattern::Federated(provider.clone()), vec!["sts:AssumeRoleWithWebIdentity"], conditions)
        }
        // An assertion's subject is not at hand, and a provider as a whole is more than this caller.
        Caller::Saml { .. } => return None,
        Caller::Service(name) => {
            let mut actions = vec!["sts:AssumeRole"];
            actions.extend((name == POD_IDENTITY).then_some("sts:TagSession"));
            (PrincipalPattern::Service(name.clone()), actions, Vec::new())
        }
        Caller::Aws(principal) => {
            let name = super::gap::named(principal)?;
            let role = crate::ident::role_arn_from_session(&name).unwrap_or(name);
            (PrincipalPattern::Aws(role), vec!["sts:AssumeRole"], Vec::new())
        }
    };
    Some(Statement {
        sid: None,
        effect: Effect::Allow,
        principal: Some(PrincipalElement::Only(vec![pattern])),
        action: ActionElement::Only(actions.into_iter().map(str::to_owned).collect()),
        resource: None,
        conditions,
        has_unknown: false,
    })
}

/// A statement that allows one action on one resource.
pub(super) fn allowing(action: &str, resource: &RequestResource) -> Statement {
    let resource = super::refusal::resource_name(resource).unwrap_or_else(|| "*".to_owned());
    Statement {
        sid: None,
        effect: Effect::Allow,
        principal: None,
        action: ActionElement::Only(vec![action.to_owned()]),
        resource: Some(ResourceElement::Only(vec![resource])),
        conditions: Vec::new(),
        has_unknown: false,
    }
}

/// A statement as JSON.
pub(super) fn as_json(statement: &Statement) -> serde_json::Value {
    let alone = Policy::of(Version::V2012, vec![statement.clone()]);
    render(&alone).get("Statement").and_then(|list| list.get(0)).cloned().unwrap_or_else(|| json!(null))
}

/// When the manifests know the ServiceAccount the trust policy names and not the one that asked, the caller is misspelt: then nothing in IAM
/// has to change.
pub(super) fn misspelt_caller(
    explanation: &Explanation,
    caller: &Caller,
    inventory: &Inventory,
) -> Option<Suggestion> {
    let Caller::WebIdentity { subject, .. } = caller else { return None };
    let nearest = explanation.failed_conditions.iter().find_map(|failed| failed.nearest.as_ref())?;
    if !["case", "one-letter", "few-letters", "namespace"].contains(&nearest.difference.as_str()) {
        return None;
    }
    let known = |subject: &str| {
        let (namespace, name) = subject.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        inventory
            .service_accounts
            .iter()
            .find(|account| account.namespace == namespace && account.name == name)
    };
    let meant = known(&nearest.value)?;
    if known(subject).is_some() {
        return None;
    }
    Some(Suggestion {
        is_proposal: true,
        change: format!(
            "Run the pod as ServiceAccount `{}` of namespace `{}`, which exists and which the trust policy names; `{subject}` is in no manifest.",
            meant.name, meant.namespace
        ),
        target: "request".to_owned(),
        arn: None,
        file: Some(meant.origin.file.clone()),
        at: Some(meant.origin.at.clone()),
        document: None,
        checked: false,
    })
}

/// The statement that would admit the caller, as JSON.
pub(super) fn missing_trust(caller: &Caller) -> Option<serde_json::Value> {
    admitting(caller).map(|statement| as_json(&statement))
}
