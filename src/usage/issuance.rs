//! Reads the events that issue credentials.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>. The session token that such
//! records carry is a live secret; it is never read.

use std::borrow::Cow;

use super::event_id::EventKey;
use super::session::Caller;
use super::text::{Fingerprint, limited, shortened};
use super::{IssuanceKind, Text, denial};
use crate::ident::{POD_IDENTITY, Time};
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

/// Number of texts in a [`Form`].
pub(super) const N_TEXTS: usize = 12;

/// What an event says about credentials issued.
#[derive(Debug)]
pub(super) struct Issuing<'a> {
    pub(super) kind: IssuanceKind,
    pub(super) denied: bool,
    pub(super) has_external_id: bool,
    pub(super) time: Time,
    pub(super) caller: Caller<'a>,
    /// See [`Form::texts`].
    pub(super) texts: [Option<Cow<'a, str>>; N_TEXTS],
    /// Bits of the texts that ended in the session's name.
    pub(super) named: u16,
    pub(super) name: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) tags: Vec<(&'a str, &'a str)>,
}

/// Where the assumed role's id and ARN stand among the texts.
pub(super) const ASSUMED: [usize; 2] = [0, 1];
/// Where stands what another account's copy may tell: besides the two, role ARN to source identity.
pub(super) const FILLED: [usize; 7] = [0, 1, 4, 5, 6, 7, 8];

impl<'a> Issuing<'a> {
    /// `None` when it is no such event.
    pub(super) fn read(event: &Event<'a>) -> Option<Self> {
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
            // What others give as an external id is between them and the role's owner.
            IssuanceKind::AssumeRole if identity.invoked_by == Some(POD_IDENTITY) => {
                request.get("externalId").text()
            }
            _ => None,
        };
        let audience = if is_web || is_saml {
            response
                .get("audience")
                .text()
                .or_else(|| audience_of(identity.principal_id?, provider?, subject?))
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
        let assumed_arn = assumed.get("arn").text().or(federated.get("arn").text());
        let name = request
            .get("roleSessionName")
            .text()
            .or_else(|| (kind == IssuanceKind::GetFederationToken).then(|| request.get("name").text())?)
            .or_else(|| assumed.get("assumedRoleId").text()?.split_once(':').map(|(_, name)| name))
            .map(limited);
        let refusal = denied.then(|| {
            let message = event.error_message.map(denial::kept).unwrap_or_default();
            (event.error_code.unwrap_or_default(), message)
        });
        let source_identity =
            request.get("sourceIdentity").text().or_else(|| response.get("sourceIdentity").text());
        let agent = event.user_agent.map(|text| shortened(text, LONGEST_AGENT));
        let borrowed = |text: Option<&'a str>| text.map(limited).map(Cow::Borrowed);
        let mut texts = [
            borrowed(assumed_role_id),
            borrowed(assumed_arn).or(root.map(Cow::Owned)),
            borrowed(event.recipient_account),
            borrowed(Some(event.region)),
            borrowed(role_arn),
            borrowed(provider),
            borrowed(subject),
            borrowed(audience),
            borrowed(source_identity),
            borrowed(agent),
            borrowed(refusal.map(|(code, _)| code)),
            borrowed(refusal.map(|(_, message)| message)),
        ];
        let mut named = 0;
        if let Some(name) = name {
            for at in ASSUMED {
                let Some(Some(Cow::Borrowed(text))) = texts.get_mut(at) else { continue };
                if let Some(head) = text.strip_suffix(name).filter(|head| head.ends_with([':', '/'])) {
                    *text = head;
                    named |= 1 << at;
                }
            }
        }
        Some(Self {
            kind,
            denied,
            has_external_id: !request.get("externalId").is_null(),
            time: event.time,
            caller: Caller::of(identity),
            texts,
            named,
            name,
            key: response.at(&["credentials", "accessKeyId"]).text().map(limited),
            tags: tags(request),
        })
    }

    pub(super) fn fingerprint(&self) -> u64 {
        let mut print = Fingerprint::new();
        self.caller.fingerprint(&mut print);
        print.number(self.kind as u64 * 4 + u64::from(self.denied) * 2 + u64::from(self.has_external_id));
        print.time(Some(self.time));
        self.texts.iter().for_each(|text| print.option(text.as_deref()));
        print.number(u64::from(self.named));
        print.option(self.name);
        print.option(self.key);
        for (key, value) in &self.tags {
            print.text(key);
            print.text(value);
        }
        print.value()
    }
}

/// Takes a session's name off the texts that end in it; gives the bits of these.
pub(super) fn cut_names(texts: &mut [Option<&str>; N_TEXTS], name: &str) -> u16 {
    let mut named = 0;
    for at in ASSUMED {
        let Some(Some(text)) = texts.get_mut(at) else { continue };
        if let Some(head) = text.strip_suffix(name).filter(|head| head.ends_with([':', '/'])) {
            *text = head;
            named |= 1 << at;
        }
    }
    named
}

/// One issuance as partial tables have it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuedRow {
    /// The event's key.
    pub event: EventKey,
    /// It is no correction; a correction's facts come before the original's.
    pub is_original: bool,
    /// Of all it says; decides between differing deliveries.
    pub fingerprint: u64,
    /// `eventTime`.
    pub time: Time,
    /// See [`IssuanceKind`].
    pub kind: IssuanceKind,
    /// See [`IssuanceFacts::denied`].
    pub denied: bool,
    /// See [`IssuanceFacts::has_external_id`].
    pub has_external_id: bool,
    /// Number of the caller among the sessions.
    pub caller: u32,
    /// Session name.
    pub name: Option<Text>,
    /// Access key id that was issued.
    pub key: Option<Text>,
    /// Assumed role's id and ARN, recipient account, Region, role ARN, provider, subject, audience, source identity, user agent,
    /// error code, error message.
    pub texts: [Option<Text>; N_TEXTS],
    /// Session and principal tags, sorted.
    pub tags: Vec<(Text, Text)>,
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
fn tags<'a>(request: Json<'a>) -> Vec<(&'a str, &'a str)> {
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
    found
}
