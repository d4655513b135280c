//! The policies of whoever made a call: identity policies and permissions boundary.

use super::assume::known_role;
use super::gap::{closest, gaps};
use super::refusal::{Asker, Refusal, resource_name};
use super::session::Resolved;
use super::trust::place;
use super::{Explanation, Place, Suggestion, Verdict, Witness, suggest};
use crate::eval::{
    Context, Decision, Layer, Layers, Principal, Request, RequestResource, Verdict as Decided,
    action_matches, complete_context, decide,
};
use crate::ident::Arn;
use crate::inventory::{Attached, AttachedKind, Guardrail, Inventory, OrganizationPolicy, Role};
use crate::policy::{Effect, Policy, PolicyKind, Statement, Version};

/// The layers that the snapshot, or the call that opened the session, may hold of a caller, by the words of the log.
const LAYERS: &[&str] = &["identity", "boundary", "scp", "session"];

fn attached_of(policy: &OrganizationPolicy) -> Attached {
    Attached {
        name: policy.name.clone(),
        arn: policy.arn.clone(),
        kind: AttachedKind::Managed,
        via_group: None,
        document: policy.document.clone(),
        origin: policy.origin.clone(),
    }
}

/// The statement of the organization's policy that the log names, where the files hold it.
pub(super) fn named_policy(explanation: &Explanation, inventory: &Inventory) -> Option<Place> {
    let id = explanation.policy.as_deref()?.rsplit('/').next()?;
    let policy = inventory.organization.as_ref()?.policies.get(id)?;
    let action = explanation.action.as_deref()?;
    let document = policy.document.as_ref()?;
    let denies = |statement: &Statement| {
        statement.effect == Effect::Deny && !action_matches(&statement.action, action).is_false()
    };
    let index = document.statements.iter().position(denies)?;
    Some(place(&attached_of(policy), document, index, "denies"))
}

/// The policies attached to a user or role, with their documents.
struct Own<'i> {
    arn: String,
    policies: &'i [Attached],
    boundary: Option<&'i Attached>,
    /// The levels of service control policies that bind its account.
    levels: Vec<OwnLevel>,
}

/// One level of service control policies, as attached policies.
struct OwnLevel {
    title: String,
    policies: Vec<Attached>,
    is_whole: bool,
}

/// None bind a service-linked role.
fn levels(arn: &str, inventory: &Inventory) -> Vec<OwnLevel> {
    let is_service_linked = arn.contains(":role/aws-service-role/");
    let (Some(organization), Some(parsed), false) =
        (&inventory.organization, Arn::parse(arn), is_service_linked)
    else {
        return Vec::new();
    };
    let levels = organization.levels(parsed.account, Guardrail::Scp).into_iter();
    levels
        .map(|level| OwnLevel {
            title: level.target.title(),
            is_whole: level.is_whole(),
            policies: level.policies.iter().map(|policy| attached_of(policy)).collect(),
        })
        .collect()
}

impl<'i> Own<'i> {
    fn find(arn: &str, inventory: &'i Inventory) -> Option<Self> {
        let account = Arn::parse(arn)?.account;
        if let Some(user) = inventory.accounts.get(account).and_then(|account| account.users.get(arn)) {
            return Some(Self {
                arn: user.arn.clone(),
                policies: &user.policies,
                boundary: user.boundary.as_ref(),
                levels: levels(&user.arn, inventory),
            });
        }
        // An ARN made from a session's lacks the path.
        let by_name = || inventory.role_by_name(account, Arn::parse(arn)?.role_name()?);
        let role = known_role(arn, inventory).or_else(by_name)?;
        Some(Self {
            arn: role.arn.clone(),
            policies: &role.policies,
            boundary: role.boundary.as_ref(),
            levels: levels(&role.arn, inventory),
        })
    }

    fn documents(&self) -> Vec<(&'i Attached, &'i Policy)> {
        self.policies.iter().filter_map(|attached| Some((attached, attached.document.as_ref()?))).collect()
    }

    fn is_whole(&self) -> bool {
        self.policies.iter().all(|attached| attached.document.is_some())
    }
}

/// What one layer of the principal's own policies says.
struct Said<'i> {
    decision: Decision,
    documents: Vec<(&'i Attached, &'i Policy)>,
}

fn ask<'i>(documents: Vec<(&'i Attached, &'i Policy)>, is_whole: bool, request: &Request) -> Said<'i> {
    let decision = decision(documents.iter().map(|(_, policy)| *policy).collect(), is_whole, request);
    Said { decision, documents }
}

/// What these policies alone decide, as identity policies.
fn decision(policies: Vec<&Policy>, is_whole: bool, request: &Request) -> Decision {
    let identity = Layer { policies, incomplete: !is_whole };
    // The layer alone is asked, so the resource counts as the principal's own account's.
    let request =
        Request { resource_account: request.principal.account().map(str::to_owned), ..request.clone() };
    match is_strict(&request) {
        // A role's or key's own policy must agree in AWS; here it is left out of the question.
        true => decide_alone(&request, identity),
        false => decide(&request, &Layers { identity, ..Layers::default() }),
    }
}

fn is_strict(request: &Request) -> bool {
    request.action.to_ascii_lowercase().starts_with("sts:assumerole")
        || request.action.to_ascii_lowercase().starts_with("kms:")
}

/// A decision of identity policies for an action that needs another policy too: that one is taken to agree.
fn decide_alone(request: &Request, identity: Layer<'_>) -> Decision {
    let Some(all) = agreeing(request.principal.account().unwrap_or_default()) else {
        return Decision { verdict: Decided::Unknown, layer: None, statements: Vec::new() };
    };
    let layers = Layers { identity, resource: Some(Layer::of([&all])), ..Layers::default() };
    let mut decision = decide(request, &layers);
    decision.statements.retain(|place| place.layer == PolicyKind::Identity);
    decision
}

/// A resource policy that delegates everything to an account.
fn agreeing(account: &str) -> Option<Policy> {
    let text = serde_json::json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": account}, "Action": "*", "Resource": "*"}]});
    crate::policy::parse_value(&text, PolicyKind::Resource).ok()
}

fn request(principal: &Principal, action: &str, resource: &RequestResource, context: &Context) -> Request {
    let mut context = context.clone();
    complete_context(&mut context, principal);
    Request {
        principal: principal.clone(),
        action: action.to_owned(),
        resource: resource.clone(),
        resource_account: None,
        context,
    }
}

/// The principal's identity policies and boundary beside the call.
pub(super) fn own_policies(explanation: &mut Explanation, refusal: &Refusal, inventory: &Inventory) {
    let Asker::Aws { principal, policies } = &refusal.asker else {
        explanation.reason = "The record names no user or role whose policies could be looked up.".to_owned();
        return;
    };
    let Some(own) = Own::find(policies, inventory) else {
        explanation.reason = format!("The snapshot does not hold `{policies}`.");
        return;
    };
    explanation.principal = Some(own.arn.clone());
    let Some(action) = &refusal.action else {
        explanation.reason = "Neither the message nor the event tells which action was refused.".to_owned();
        return;
    };
    let session = refusal.passed.as_ref().map(|passed| passed.resolve(inventory));
    explanation.notes.extend(session.as_ref().and_then(Resolved::gap));
    // The message names one action; without it, each that the call needed is looked at.
    let asked =
        std::iter::once((action, &refusal.resource)).chain(refusal.others.iter().map(|(a, r)| (a, r)));
    for (action, resource) in asked {
        let request = request(principal, action, resource, &refusal.context);
        let told = tell_own(explanation, &own, session.as_ref(), &request, refusal.denial.layer);
        if told == Verdict::Denied {
            explanation.action = Some(action.clone());
            explanation.resource = resource_name(resource);
            return;
        }
    }
}

/// Asks identity policies, then the boundary; writes down what refuses. `layer` is the one the log names, or `unknown`.
fn tell_own(
    explanation: &mut Explanation,
    own: &Own<'_>,
    session: Option<&Resolved>,
    request: &Request,
    layer: &str,
) -> Verdict {
    let identity = ask(own.documents(), own.is_whole(), request);
    let boundary = own.boundary.map(|boundary| {
        let documents = boundary.document.as_ref().map(|policy| (boundary, policy));
        ask(documents.into_iter().collect(), boundary.document.is_some(), request)
    });
    let session = session.map(|session| ask(session.documents(), session.is_whole(), request));
    let levels: Vec<Said<'_>> = own
        .levels
        .iter()
        .map(|level| {
            let documents = level.policies.iter().filter_map(|one| Some((one, one.document.as_ref()?)));
            ask(documents.collect(), level.is_whole, request)
        })
        .collect();
    let refuses =
        |said: &Said<'_>| matches!(said.decision.verdict, Decided::ExplicitDeny | Decided::ImplicitDeny);
    let witness = |layer: &str, said: &Said<'_>| Witness {
        layer: layer.to_owned(),
        verdict: match said.decision.verdict {
            Decided::Allowed => Verdict::Allowed,
            Decided::ExplicitDeny | Decided::ImplicitDeny => Verdict::Denied,
            Decided::Unknown => Verdict::Unknown,
        },
        explicit: said.decision.verdict == Decided::ExplicitDeny,
    };
    // The layer the log names is looked at first: several may refuse, and the message names one.
    let mut order: Vec<(&str, &Said<'_>)> = vec![("identity", &identity)];
    order.extend(boundary.as_ref().map(|said| ("boundary", said)));
    order.extend(session.as_ref().map(|said| ("session", said)));
    // Of several levels the first that refuses is told.
    let level = levels.iter().position(&refuses);
    let shown = level.or((!levels.is_empty()).then_some(0));
    order.extend(shown.and_then(|at| levels.get(at)).map(|said| ("scp", said)));
    let title = level.and_then(|at| own.levels.get(at)).map(|level| level.title.as_str());
    order.sort_by_key(|(name, said)| {
        let denies = said.decision.verdict == Decided::ExplicitDeny;
        (*name != layer, !denies)
    });
    let others: Vec<&str> =
        order.iter().filter(|(name, said)| *name != layer && refuses(said)).map(|(name, _)| *name).collect();
    let refusing = order.iter().find(|(_, said)| refuses(said)).copied();
    let is_named = ["identity", "boundary"].contains(&layer)
        || layer == "scp" && shown.is_some()
        || layer == "session" && session.is_some();
    let Some((name, said)) = refusing.filter(|(name, _)| !is_named || *name == layer) else {
        // What a session is limited to may be all there is to it.
        let is_open = |said: &Said<'_>| said.decision.verdict == Decided::Unknown;
        let open = order.iter().find(|(name, said)| *name == "session" && is_open(said));
        let first = open.or(order.first()).copied();
        explanation.snapshot = first.map(|(name, said)| witness(name, said));
        allowed(explanation, own, &order, layer);
        return explanation.snapshot.as_ref().map_or(Verdict::Unknown, |witness| witness.verdict);
    };
    explanation.snapshot = Some(witness(name, said));
    if layer == "unknown" || layer == name {
        refused(explanation, own, name, title, said, request);
    }
    for other in others.iter().filter(|other| **other != name) {
        explanation
            .notes
            .push(format!("The {other} layer refuses it as well: mending one reveals the other."));
    }
    Verdict::Denied
}

/// The snapshot's policies refuse: name the statement, or the missing one.
fn refused(
    explanation: &mut Explanation,
    own: &Own<'_>,
    name: &str,
    level: Option<&str>,
    said: &Said<'_>,
    request: &Request,
) {
    let what = match (name, level) {
        ("boundary", _) => format!("permissions boundary of `{}`", short(&own.arn)),
        ("session", _) => "session policies that the session was opened with".to_owned(),
        ("scp", Some(level)) => format!("service control policies of {level}"),
        _ => format!("identity policies of `{}`", short(&own.arn)),
    };
    let target = match name {
        "boundary" => "boundary",
        "scp" => "guardrail",
        "session" => "request",
        _ => "identity-policy",
    };
    explanation.layer = name.to_owned();
    explanation.explicit = said.decision.verdict == Decided::ExplicitDeny;
    if explanation.explicit {
        let denying = said.decision.statements.first();
        let place = denying.and_then(|found| {
            let (attached, policy) = said.documents.get(found.policy)?;
            Some((place(attached, policy, found.statement, "denies"), *attached))
        });
        explanation.cause = "explicit-deny".to_owned();
        explanation.reason = match &place {
            Some((_, attached)) => format!("A statement of `{}` denies `{}`.", attached.name, request.action),
            None => format!("A statement of the {what} denies `{}`.", request.action),
        };
        explanation.suggestion = place.as_ref().map(|(place, attached)| Suggestion {
            is_proposal: true,
            change: format!(
                "Take `{}` on {} out of statement {} of `{}`: while it denies, no other statement can allow the call.",
                request.action,
                resource_name(&request.resource).map_or_else(|| "the resource".to_owned(), |name| format!("`{name}`")),
                place.index,
                attached.name
            ),
            target: target.to_owned(),
            arn: attached.arn.clone().or_else(|| (name != "session").then(|| own.arn.clone())),
            file: Some(place.file.clone()),
            at: Some(place.at.clone()),
            document: None,
            checked: false,
        });
        explanation.statement = place.map(|(place, _)| place);
        return;
    }
    explanation.cause = "no-allow".to_owned();
    explanation.reason = format!("No statement of the {what} allows `{}` on this resource.", request.action);
    let statement = suggest::allowing(&request.action, &request.resource);
    explanation.missing = Some(suggest::as_json(&statement));
    nearest_allow(explanation, said, request);
    let added = Policy::of(Version::V2012, vec![statement]);
    let with_it = said.documents.iter().map(|(_, policy)| *policy).chain([&added]).collect();
    let checked = decision(with_it, true, request).verdict == Decided::Allowed;
    let place = own.boundary.filter(|_| name == "boundary");
    explanation.suggestion = Some(Suggestion {
        is_proposal: true,
        change: match (place, level.filter(|_| name == "scp")) {
            (Some(boundary), _) => {
                format!("Add this statement to the permissions boundary `{}`.", boundary.name)
            }
            (None, Some(level)) => {
                format!("Ask whoever runs the organization to add this statement to a policy of {level}.")
            }
            (None, None) if name == "session" => {
                "Open the session with session policies that hold this statement, or with none.".to_owned()
            }
            (None, None) => format!("Add this statement to a policy of `{}`.", short(&own.arn)),
        },
        target: target.to_owned(),
        arn: place.and_then(|boundary| boundary.arn.clone()).or_else(|| {
            let its_own = !["scp", "session"].contains(&name);
            its_own.then(|| own.arn.clone())
        }),
        file: place.map(|boundary| boundary.origin.file.clone()),
        at: place.map(|boundary| boundary.origin.at.clone()),
        document: explanation.missing.clone(),
        checked,
    });
}

/// The Allow statement that comes nearest, over all documents of the layer, when it has anything to do with the call.
fn nearest_allow(explanation: &mut Explanation, said: &Said<'_>, request: &Request) {
    let mut found: Vec<(usize, super::gap::Gap)> = Vec::new();
    for (number, (_, policy)) in said.documents.iter().enumerate() {
        let allows =
            gaps(policy, PolicyKind::Identity, request, |statement| statement.effect == Effect::Allow);
        found.extend(closest(allows).map(|gap| (number, gap)));
    }
    let nearest = found
        .into_iter()
        .filter(|(_, gap)| gap.is_related())
        .min_by_key(|(number, gap)| (gap.rank(), *number));
    let Some((number, gap)) = nearest else { return };
    let Some((attached, policy)) = said.documents.get(number) else { return };
    explanation.statement = Some(place(attached, policy, gap.index, "nearest"));
    explanation.mismatches = gap.mismatches;
    explanation.failed_conditions = gap.failed;
    if explanation.mismatches.is_empty()
        && let [failed, ..] = explanation.failed_conditions.as_slice()
    {
        explanation.cause = "condition".to_owned();
        explanation.reason = format!(
            "Statement {} of `{}` allows it under a condition that does not hold: `{}` must be {}, and the request has {}.",
            gap.index,
            attached.name,
            failed.key,
            super::trust::listed(&failed.expected),
            super::trust::listed(&failed.actual)
        );
    }
}

/// The snapshot's own policies do not refuse, or it cannot be told.
fn allowed(explanation: &mut Explanation, own: &Own<'_>, order: &[(&str, &Said<'_>)], layer: &str) {
    let all_allow = order.iter().all(|(_, said)| said.decision.verdict == Decided::Allowed);
    if !all_allow {
        explanation.notes.push(format!(
            "Whether the snapshot's policies of `{}` allow the call depends on what the log does not tell.",
            short(&own.arn)
        ));
        return;
    }
    let statement = order.first().and_then(|(_, said)| {
        let found = said.decision.statements.first()?;
        let (attached, policy) = said.documents.get(found.policy)?;
        Some(place(attached, policy, found.statement, "allows"))
    });
    explanation.statement = statement;
    let also = |name: &str| order.iter().any(|(layer, _)| *layer == name);
    let limits = [
        ("boundary", "its boundary"),
        ("session", "its session policies"),
        ("scp", "the organization's service control policies"),
    ];
    let limits = limits.into_iter().filter(|(name, _)| also(name)).map(|(_, words)| words);
    let limits: Vec<&str> = std::iter::once("its identity policies").chain(limits).collect();
    let limits = match limits.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} and {last} allow", first.join(", ")),
        _ => format!("{} allow", limits.concat()),
    };
    if LAYERS.contains(&layer) && also(layer) {
        explanation.notes.push(format!("By the snapshot {limits} the call: they have changed since."));
    } else {
        explanation
            .notes
            .push(format!("By the snapshot {limits} the call; the refusal comes from elsewhere."));
    }
}

/// The part of an `AssumeRole` that the caller's own policies decide, after the trust policy has admitted it.
pub(super) fn own_policies_on_assume(
    explanation: &mut Explanation,
    role: &Role,
    principal: &Principal,
    policies: &str,
    context: &Context,
    inventory: &Inventory,
) {
    let Some(own) = Own::find(policies, inventory) else {
        explanation.verdict = Verdict::Unknown;
        explanation
            .notes
            .push(format!("The snapshot does not hold `{policies}`, whose own policies must allow it too."));
        return;
    };
    explanation.principal = Some(own.arn.clone());
    let resource = RequestResource::Arn(role.arn.clone());
    let request = request(principal, "sts:AssumeRole", &resource, context);
    // Within an account a trust policy that names the role or user itself suffices.
    if let Some(trust) = &role.trust {
        let layers = Layers { resource: Some(Layer::of([trust])), ..Layers::default() };
        let asked = Request { resource_account: Some(role.account.clone()), ..request.clone() };
        if decide(&asked, &layers).verdict == Decided::Allowed {
            let denied =
                ask(own.documents(), own.is_whole(), &request).decision.verdict == Decided::ExplicitDeny;
            if !denied && own.boundary.is_none() && own.levels.is_empty() {
                return;
            }
        }
    }
    let statement = explanation.statement.take();
    match tell_own(explanation, &own, None, &request, "unknown") {
        Verdict::Denied => explanation.verdict = Verdict::Denied,
        Verdict::Unknown => explanation.verdict = Verdict::Unknown,
        Verdict::Allowed => {
            explanation.verdict = Verdict::Allowed;
            explanation.notes.retain(|note| !note.contains("the refusal comes from elsewhere"));
            explanation.statement = statement;
        }
    }
}

/// The name at the end of an ARN.
fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
