//! Reads the events that issue credentials.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>. The session token that such
//! records carry is a live secret; it is never read.

use super::session::SessionView;
use super::text::{Texts, shortened};
use super::{IssuanceFacts, IssuanceKind, Text, denial};
use crate::record::{Event, Json, Outcome};

/// AWS admits 50 session tags; transitive ones come on top.
const MOST_TAGS: usize = 100;
/// AWS's limits on a tag's key and value.
const LONGEST_TAG: (usize, usize) = (128, 256);
/// User agents are kept up to this many bytes.
const LONGEST_AGENT: usize = 256;

/// Which issuing call an event is, if any.
fn kind(event: &Event<'_>) -> Option<IssuanceKind> {
    Some(match (event.source, event.name) {
        ("sts.amazonaws.com", "AssumeRole") => IssuanceKind::AssumeRole,
        ("sts.amazonaws.com", "AssumeRoleWithWebIdentity") => IssuanceKind::AssumeRoleWithWebIdentity,
        ("sts.amazonaws.com", "AssumeRoleWithSAML") => IssuanceKind::AssumeRoleWithSaml,
        ("sts.amazonaws.com", "AssumeRoot") => IssuanceKind::AssumeRoot,
        ("sts.amazonaws.com", "GetFederationToken") => IssuanceKind::GetFederationToken,
        ("sts.amazonaws.com", "GetSessionToken") => IssuanceKind::GetSessionToken,
        ("rolesanywhere.amazonaws.com", "CreateSession") => IssuanceKind::RolesAnywhere,
        ("eks-auth.amazonaws.com", "AssumeRoleForPodIdentity") => IssuanceKind::PodIdentity,
        _ => return None,
    })
}

/// Whether the call was refused; `None` when it failed in a way that says nothing about who may do what.
fn is_denied(event: &Event<'_>) -> Option<bool> {
    // The token was not accepted: as good as a refusal for whoever looks for the reason.
    const TOKENS: [&str; 4] =
        ["InvalidIdentityToken", "ExpiredToken", "IDPRejectedClaim", "IDPCommunicationError"];
    match event.outcome() {
        Outcome::Succeeded => Some(false),
        Outcome::Denied => Some(true),
        Outcome::FailedAuthorized | Outcome::FailedUnproven => {
            let code = event.error_code.unwrap_or_default();
            TOKENS.iter().any(|token| code.trim_end_matches("Exception") == *token).then_some(true)
        }
    }
}

/// What an event says about credentials issued; `None` when it is no such event.
pub(super) fn read(event: &Event<'_>, id: &str, texts: &mut Texts) -> Option<IssuanceFacts> {
    let kind = kind(event)?;
    let denied = is_denied(event)?;
    let (request, identity) = (event.request, &event.identity);
    // Roles Anywhere answers with a list of one.
    let set = event.response.get("credentialSet").elements().next().unwrap_or(Json::NULL);
    let response = if set.is_object() { set } else { event.response };
    let assumed = response.get("assumedRoleUser");
    let federated = response.get("federatedUser");
    let assumed_role_id = assumed.get("assumedRoleId").text().or(federated.get("federatedUserId").text());

    let is_web = kind == IssuanceKind::AssumeRoleWithWebIdentity;
    let is_saml = kind == IssuanceKind::AssumeRoleWithSaml;
    let provider = match kind {
        IssuanceKind::AssumeRoleWithWebIdentity => {
            identity.identity_provider.or_else(|| response.get("provider").text())
        }
        IssuanceKind::AssumeRoleWithSaml => request
            .get("principalArn")
            .text()
            .or_else(|| resource_of_type(event.resources, "AWS::IAM::SAMLProvider", ":saml-provider/"))
            .or(identity.identity_provider),
        IssuanceKind::PodIdentity => request.get("clusterName").text(),
        IssuanceKind::RolesAnywhere => request.get("trustAnchorArn").text(),
        _ => None,
    };
    let subject = match kind {
        IssuanceKind::AssumeRoleWithWebIdentity => {
            identity.user_name.or_else(|| response.get("subjectFromWebIdentityToken").text())
        }
        IssuanceKind::AssumeRoleWithSaml => response.get("subject").text().or(identity.user_name),
        IssuanceKind::RolesAnywhere => event.response.get("subjectArn").text(),
        _ => None,
    };
    let audience = if is_web || is_saml {
        response.get("audience").text().or_else(|| audience_of(identity.principal_id?, provider?, subject?))
    } else {
        None
    };
    let role_arn = request
        .get("roleArn")
        .text()
        .or_else(|| resource_of_type(event.resources, "AWS::IAM::Role", ":role/"))
        .or_else(|| event.error_message.and_then(denial::role_arn))
        .or_else(|| response.get("roleArn").text());
    let root = (kind == IssuanceKind::AssumeRoot).then(|| root_arn(event)).flatten();
    let assumed_arn = assumed.get("arn").text().or(federated.get("arn").text()).or(root.as_deref());
    let session_name = request
        .get("roleSessionName")
        .text()
        .or_else(|| (kind == IssuanceKind::GetFederationToken).then(|| request.get("name").text())?)
        .or_else(|| assumed.get("assumedRoleId").text()?.split_once(':').map(|(_, name)| name));
    let caller = SessionView::of(identity).to_facts(texts);
    Some(IssuanceFacts {
        time: event.time,
        event_id: texts.intern(id),
        kind,
        denied,
        caller,
        recipient_account: texts.option(event.recipient_account),
        region: texts.intern(event.region),
        issued_key: texts.option(response.at(&["credentials", "accessKeyId"]).text()),
        role_arn: texts.option(role_arn),
        assumed_role_id: texts.option(assumed_role_id),
        assumed_arn: texts.option(assumed_arn),
        session_name: texts.option(session_name),
        provider: texts.option(provider),
        subject: texts.option(subject),
        audience: texts.option(audience),
        tags: tags(request, texts),
        source_identity: texts
            .option(request.get("sourceIdentity").text().or_else(|| response.get("sourceIdentity").text())),
        has_external_id: !request.get("externalId").is_null(),
        user_agent: texts.option(event.user_agent.map(|text| shortened(text, LONGEST_AGENT))),
        error: denied.then(|| {
            let message = event.error_message.map(denial::kept).unwrap_or_default();
            (texts.intern(event.error_code.unwrap_or_default()), texts.intern(message))
        }),
    })
}

/// The ARN in `resources` of one type; items without a type are told by their ARN.
fn resource_of_type<'a>(resources: Json<'a>, wanted: &str, part: &str) -> Option<&'a str> {
    resources.elements().find_map(|item| {
        let arn = item.get("ARN").text()?;
        match item.get("type").text() {
            Some(kind) => (kind == wanted).then_some(arn),
            None => arn.contains(part).then_some(arn),
        }
    })
}

/// `principalId` is provider, audience and subject with colons between, and colons in the outer two.
fn audience_of<'a>(principal_id: &'a str, provider: &str, subject: &str) -> Option<&'a str> {
    let rest = principal_id.strip_prefix(provider)?.strip_prefix(':')?;
    rest.strip_suffix(subject)?.strip_suffix(':').filter(|audience| !audience.is_empty())
}

/// The root whose credentials `AssumeRoot` issues: `targetPrincipal` is an account id or an ARN.
fn root_arn(event: &Event<'_>) -> Option<String> {
    let target = event.request.get("targetPrincipal").text()?;
    if target.starts_with("arn:") {
        return Some(target.to_owned());
    }
    let partition = event.identity.arn.and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    Some(format!("arn:{partition}:iam::{target}:root"))
}

/// Session tags, principal tags and those handed down a chain, sorted; the call's own win over handed-down ones.
fn tags(request: Json<'_>, texts: &mut Texts) -> Vec<(Text, Text)> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for member in ["tags", "principalTags", "incomingTransitiveTags"] {
        let value = request.get(member);
        let listed = value.elements().filter_map(|tag| {
            let key = tag.get_ignore_case("key").as_str()?;
            Some((key, tag.get_ignore_case("value").as_str().unwrap_or_default()))
        });
        let named = value.members().filter_map(|(key, value)| Some((key, value.as_str()?)));
        for (key, value) in listed.chain(named).take(MOST_TAGS) {
            let key = shortened(key, LONGEST_TAG.0);
            if found.len() < MOST_TAGS && !found.iter().any(|(known, _)| *known == key) {
                found.push((key, shortened(value, LONGEST_TAG.1)));
            }
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(key, value)| (texts.intern(key), texts.intern(value))).collect()
}

/// Fills what `own` does not tell from another account's copy of the same call.
pub(super) fn fill(own: &mut IssuanceFacts, copy: &IssuanceFacts) {
    let pairs = [
        (&mut own.issued_key, &copy.issued_key),
        (&mut own.role_arn, &copy.role_arn),
        (&mut own.assumed_role_id, &copy.assumed_role_id),
        (&mut own.assumed_arn, &copy.assumed_arn),
        (&mut own.session_name, &copy.session_name),
        (&mut own.provider, &copy.provider),
        (&mut own.subject, &copy.subject),
        (&mut own.audience, &copy.audience),
        (&mut own.source_identity, &copy.source_identity),
    ];
    for (mine, theirs) in pairs {
        if mine.is_none() {
            mine.clone_from(theirs);
        }
    }
    if own.tags.is_empty() {
        own.tags.clone_from(&copy.tags);
    }
    own.has_external_id |= copy.has_external_id;
}
