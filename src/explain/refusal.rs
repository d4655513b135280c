//! A refused call, taken out of its record; and all of a log, alike ones counted together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::session::{Passed, Sessions};
use crate::catalog::{Catalog, Resource};
use crate::eval::{Context, ContextValue, Principal, RequestResource};
use crate::ident::{Action, Arn, Time, role_arn_from_session};
use crate::record::{Denial, Event, IdentityType, Outcome};

/// Texts of a record longer than this are no names.
const LONGEST_TEXT: usize = 2_048;
/// The longest encoded message STS takes.
const LONGEST_ENCODED: usize = 10_240;
/// Kinds of refusals kept of one log; more are counted.
const MOST_KINDS: usize = 5_000;
/// Resources told apart in one kind of refusal.
const MOST_RESOURCES: usize = 1_000;
/// Needs of one call looked at.
const MOST_NEEDS: usize = 64;
/// Calls told apart in one kind of refusal.
const MOST_CALLS: usize = 100_000;

/// Who was refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Asker {
    /// A token of an OIDC provider.
    Token { provider: Option<String>, subject: String, audience: Option<String> },
    /// An assertion of a SAML provider.
    Saml { provider: String, audience: Option<String> },
    /// An AWS service for itself.
    Service(String),
    /// A user, role or session; `policies` is the user or role whose policies count.
    Aws { principal: Principal, policies: String },
    /// A caller the record does not name.
    Unnamed,
}

impl Asker {
    /// The name to show.
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Self::Token { subject, .. } => Some(subject.clone()),
            Self::Saml { provider, .. } => Some(provider.clone()),
            Self::Service(name) => Some(name.clone()),
            Self::Aws { policies, .. } => Some(policies.clone()),
            Self::Unnamed => None,
        }
    }
}

/// One refused call, and those refused just the same.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(super) id: String,
    pub(super) time: Time,
    pub(super) last: Time,
    /// Event ids: a record may be delivered twice.
    pub(super) ids: BTreeSet<String>,
    /// Names of the resources.
    pub(super) resources: BTreeSet<String>,
    pub(super) source: String,
    pub(super) name: String,
    pub(super) region: String,
    pub(super) error_code: Option<String>,
    /// One line, shortened, without blobs.
    pub(super) error_message: Option<String>,
    pub(super) denial: Denial,
    pub(super) asker: Asker,
    pub(super) account: Option<String>,
    pub(super) action: Option<String>,
    pub(super) resource: RequestResource,
    /// What else the call needed, by the catalog, when the log does not name the action that was refused.
    pub(super) others: Vec<(String, RequestResource)>,
    pub(super) context: Context,
    /// The role a role assumption asked for.
    pub(super) role: Option<String>,
    /// The cluster of a refused `AssumeRoleForPodIdentity`.
    pub(super) cluster: Option<String>,
    /// The encoded reason, when the log has the whole of it.
    pub(super) encoded: Option<String>,
    /// The encoded reason was cut off on its way into the log.
    pub(super) is_blob_cut: bool,
    /// The access key the call was made with.
    pub(super) key_id: Option<String>,
    /// What the session was limited to when it was opened, where the log holds that.
    pub(super) passed: Option<Passed>,
    /// Statements that denied, by the decoded message.
    pub(super) denied_by: Vec<String>,
}

impl Refusal {
    /// What the record says, when it is a refused call: denied by a policy, or, for STS, a token or a session that was not accepted.
    pub fn of(event: &Event<'_>, catalog: &Catalog) -> Option<Self> {
        let denied = event.outcome() == Outcome::Denied;
        if !denied && !is_token_refusal(event) {
            return None;
        }
        let code = event.error_code.unwrap_or_default();
        let denial = Denial::parse(code, event.error_message, event.name);
        let needs = catalog.needs(event);
        let primary = needs.needs.first();
        let action = denial
            .action
            .as_ref()
            .map(|action| action.as_str().to_owned())
            .or_else(|| primary.map(|need| need.action.as_str().to_owned()))
            .or_else(|| by_name(event, catalog));
        let resource = match &denial.resource {
            Some(text) => named_resource(text),
            None => primary
                .and_then(|need| need.resources.first())
                .map_or(RequestResource::Unknown, needed_resource),
        };
        let all = needs.needs.iter().flat_map(|need| {
            let named = |resource| (need.action.as_str().to_owned(), needed_resource(resource));
            need.resources.iter().map(named)
        });
        let others =
            if denial.action.is_some() { Vec::new() } else { all.skip(1).take(MOST_NEEDS).collect() };
        let asker = asker(event);
        let blob = event.error_message.and_then(Denial::encoded_part);
        let is_cut = event.error_message.is_some_and(|text| text.trim_end().ends_with("..."))
            || blob.is_some_and(|blob| blob.len() > LONGEST_ENCODED);
        let role = (event.source == "sts.amazonaws.com" && event.name.starts_with("AssumeRole"))
            .then(|| role(event, &denial))
            .flatten();
        let is_pod = event.name == "AssumeRoleForPodIdentity";
        let cluster = is_pod.then(|| event.request.get("clusterName").text().map(kept)).flatten();
        let mut context = context(event);
        for (key, value) in primary.into_iter().flat_map(|need| &need.context) {
            context.set(key, ContextValue::One(value.clone()));
        }
        if let Asker::Aws { policies, .. } = &asker {
            context.set("aws:PrincipalArn", ContextValue::One(policies.clone()));
        }
        Some(Self {
            id: kept(event.id),
            time: event.time,
            last: event.time,
            ids: BTreeSet::from([kept(event.id)]),
            resources: resource_name(&resource).into_iter().collect(),
            source: kept(event.source),
            name: kept(event.name),
            region: kept(event.region),
            error_code: event.error_code.map(kept),
            error_message: event.error_message.map(Denial::shown),
            is_blob_cut: denial.encoded && is_cut,
            encoded: blob.filter(|_| !is_cut).map(str::to_owned),
            denial,
            account: event.identity.account_id.or(event.recipient_account).map(kept),
            asker,
            action,
            resource,
            others,
            context,
            role,
            cluster,
            key_id: event.identity.access_key_id.map(kept),
            passed: None,
            denied_by: Vec::new(),
        })
    }

    /// `eventID` of the earliest of the calls.
    pub fn event_id(&self) -> &str {
        &self.id
    }

    /// The encoded reason, when there is one and the log has the whole of it.
    pub fn encoded(&self) -> Option<&str> {
        self.encoded.as_deref().filter(|_| self.denial.encoded)
    }

    /// There is an encoded reason, and the log has only its beginning.
    pub fn is_encoded_cut(&self) -> bool {
        self.denial.encoded && self.is_blob_cut
    }

    /// Whether EKS says that the role of an association did not let it in.
    pub(super) fn is_about_role(&self) -> bool {
        let message = self.error_message.as_deref().unwrap_or_default();
        message.contains("permissions to assume the associated role")
    }

    /// Where the call was made.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// How many different resources the calls were about, as far as counted.
    pub(super) fn n_resources(&self) -> u64 {
        self.resources.len() as u64
    }

    /// How many calls were refused alike, as far as counted.
    pub(super) fn n_calls(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Calls with equal keys were refused alike.
    fn key(&self) -> Key {
        let texts = [
            self.asker.shown(),
            self.action.clone(),
            Some(self.source.clone()),
            Some(self.name.clone()),
            Some(self.denial.layer.to_owned()),
            self.denial.policy.clone(),
            self.role.clone(),
            self.error_code.clone(),
        ];
        (texts, self.denial.explicit)
    }

    /// One of two that are alike: the earlier one, with both counted.
    fn and(self, other: Self) -> Self {
        let is_first = (self.time, &self.id) <= (other.time, &other.id);
        let (mut first, second) = if is_first { (self, other) } else { (other, self) };
        first.last = first.last.max(second.last);
        first.resources.extend(second.resources);
        first.ids.extend(second.ids);
        keep_smallest(&mut first.resources, MOST_RESOURCES);
        keep_smallest(&mut first.ids, MOST_CALLS);
        first
    }
}

/// Drops the greatest beyond `most`: whatever the order of a log's records, the same are kept.
fn keep_smallest(set: &mut BTreeSet<String>, most: usize) {
    while set.len() > most {
        set.pop_last();
    }
}

type Key = ([Option<String>; 8], bool);

/// The refusals of a log, alike ones counted together. Order and merging do not change what is kept; beyond [`MOST_KINDS`] kinds some
/// are left out, and [`Refusals::is_cut`] says so.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    by_kind: BTreeMap<Key, Refusal>,
    /// Only these events; none is all.
    wanted: BTreeSet<String>,
    n_not_refused: u64,
    is_cut: bool,
    sessions: Sessions,
}

impl Refusals {
    /// Takes the events with these ids; all when none is named.
    pub fn of_events(ids: &BTreeSet<String>) -> Self {
        Self { wanted: ids.clone(), ..Self::default() }
    }

    /// Looks at one event.
    pub fn add(&mut self, event: &Event<'_>, catalog: &Catalog) {
        self.sessions.add(event);
        if !self.wanted.is_empty() && !self.wanted.contains(event.id) {
            return;
        }
        match Refusal::of(event, catalog) {
            Some(refusal) => self.insert(refusal),
            None => self.n_not_refused += 1,
        }
    }

    fn insert(&mut self, refusal: Refusal) {
        let key = refusal.key();
        let refusal = match self.by_kind.remove(&key) {
            Some(known) => known.and(refusal),
            None => refusal,
        };
        self.by_kind.insert(key, refusal);
        if self.by_kind.len() > MOST_KINDS {
            self.by_kind.pop_last();
            self.is_cut = true;
        }
    }

    /// Both together.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        other.by_kind.into_values().for_each(|refusal| self.insert(refusal));
        self.n_not_refused += other.n_not_refused;
        self.is_cut |= other.is_cut;
        self.sessions.merge(other.sessions);
        self
    }

    /// Whether no refused call was met.
    pub fn is_empty(&self) -> bool {
        self.by_kind.is_empty()
    }

    /// Calls looked at that were not refused.
    pub fn n_not_refused(&self) -> u64 {
        self.n_not_refused
    }

    /// More kinds of refusals were met than are kept.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// By time of the first call, then event id.
    pub fn into_list(self) -> Vec<Refusal> {
        let sessions = self.sessions;
        let mut list: Vec<Refusal> = self.by_kind.into_values().collect();
        for refusal in &mut list {
            refusal.passed = refusal.key_id.as_deref().and_then(|key| sessions.of(key)).cloned();
        }
        list.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        list
    }
}

/// The action that the event's name stands for, where this very record needed none: services act without permissions of their own, and a
/// token is exchanged without any.
fn by_name(event: &Event<'_>, catalog: &Catalog) -> Option<String> {
    let mapped = catalog.map(event.source, event.name).actions.first().cloned();
    let prefix = event.source.split('.').next().filter(|prefix| !prefix.is_empty())?;
    let plain =
        || format!("{prefix}:{}", event.name).parse::<Action>().ok().map(|action| action.as_str().to_owned());
    mapped.or_else(plain)
}

pub(super) fn kept(text: &str) -> String {
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= LONGEST_TEXT).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().to_owned()
}

/// Whether STS did not accept a token, or would not open a session as asked: no policy refused, and the workload stands there all the same.
fn is_token_refusal(event: &Event<'_>) -> bool {
    const CODES: &[&str] = &[
        "InvalidIdentityToken",
        "ExpiredToken",
        "IDPRejectedClaim",
        "IDPCommunicationError",
        "ValidationError",
    ];
    let code = event.error_code.unwrap_or_default();
    let bare = code.strip_suffix("Exception").unwrap_or(code);
    event.source == "sts.amazonaws.com" && event.name.starts_with("AssumeRole") && CODES.contains(&bare)
}

fn asker(event: &Event<'_>) -> Asker {
    let identity = &event.identity;
    match event.name {
        "AssumeRoleWithWebIdentity" => {
            return match identity.user_name {
                Some(subject) => Asker::Token {
                    provider: identity.identity_provider.map(kept),
                    subject: kept(subject),
                    audience: audience(event, subject),
                },
                None => Asker::Unnamed,
            };
        }
        "AssumeRoleWithSAML" => {
            let provider = event.request.get("principalArn").text();
            return match provider.or(identity.identity_provider) {
                Some(provider) => Asker::Saml { provider: kept(provider), audience: None },
                None => Asker::Unnamed,
            };
        }
        _ => {}
    }
    if let (IdentityType::AwsService, Some(service)) = (identity.kind, identity.invoked_by) {
        return Asker::Service(kept(service));
    }
    let named = Denial::principal(event.error_message).filter(|text| Principal::from_arn(text).is_some());
    let Some(arn) = identity.arn.or(named) else { return Asker::Unnamed };
    let Some(principal) = Principal::from_arn(arn) else { return Asker::Unnamed };
    let issuer = identity.session.issuer_arn.filter(|arn| arn.contains(":role/"));
    let policies = match &principal {
        Principal::Session { arn } => issuer.map(kept).or_else(|| role_arn_from_session(arn)),
        _ => Some(kept(arn)),
    };
    Asker::Aws { principal, policies: policies.unwrap_or_else(|| kept(arn)) }
}

/// `principalId` is provider, audience and subject with colons between, and colons in the outer two.
fn audience(event: &Event<'_>, subject: &str) -> Option<String> {
    let identity = &event.identity;
    let rest = identity.principal_id?.strip_prefix(identity.identity_provider?)?.strip_prefix(':')?;
    rest.strip_suffix(subject)?.strip_suffix(':').filter(|audience| !audience.is_empty()).map(kept)
}

/// The role asked for: in the parameters, among the resources, or (a denied `AssumeRole` has neither) in the message.
fn role(event: &Event<'_>, denial: &Denial) -> Option<String> {
    let listed = || {
        event
            .resources
            .elements()
            .find_map(|item| item.get("ARN").text().filter(|arn| arn.contains(":role/")))
    };
    let told = || denial.resource.as_deref().filter(|text| text.contains(":role/"));
    event.request.get("roleArn").text().or_else(listed).or_else(told).map(kept)
}

pub(super) fn named_resource(text: &str) -> RequestResource {
    match text {
        "*" => RequestResource::None,
        text if Arn::parse(text).is_none() => RequestResource::Unknown,
        text if text.contains('*') => RequestResource::Pattern(kept(text)),
        text => RequestResource::Arn(kept(text)),
    }
}

fn needed_resource(resource: &Resource) -> RequestResource {
    match resource {
        Resource::Arn(arn) if arn.contains('*') => RequestResource::Pattern(kept(arn)),
        Resource::Arn(arn) => RequestResource::Arn(kept(arn)),
        Resource::None => RequestResource::None,
        Resource::Unknown(_) | Resource::InstanceProfile(_) | Resource::LaunchTemplate(_) => {
            RequestResource::Unknown
        }
    }
}

/// The resource as text: `*` for an action that takes none.
pub(super) fn resource_name(resource: &RequestResource) -> Option<String> {
    match resource {
        RequestResource::Arn(arn) | RequestResource::Pattern(arn) => Some(arn.clone()),
        RequestResource::None => Some("*".to_owned()),
        RequestResource::Unknown => None,
    }
}

/// The condition keys that a record tells.
fn context(event: &Event<'_>) -> Context {
    let mut context = Context::open();
    let mut tell = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            context.set(key, ContextValue::One(kept(value)));
        }
    };
    let identity = &event.identity;
    tell("aws:RequestedRegion", Some(event.region).filter(|region| !region.is_empty()));
    tell("aws:SourceIp", event.source_ip.filter(|address| address.parse::<IpAddr>().is_ok()));
    tell("aws:SourceVpce", event.vpc_endpoint.filter(|id| id.starts_with("vpce-")));
    tell("aws:SourceIdentity", identity.session.source_identity);
    tell("aws:PrincipalAccount", identity.account_id);
    tell("sts:RoleSessionName", event.request.get("roleSessionName").text());
    tell("sts:ExternalId", event.request.get("externalId").text());
    let mfa = identity.session.mfa.map(|mfa| if mfa { "true" } else { "false" });
    tell("aws:MultiFactorAuthPresent", mfa);
    context
}
