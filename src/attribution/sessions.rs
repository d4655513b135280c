//! Sessions and issuances, indexed so that each session finds the call that began it.

use std::collections::HashMap;

use super::ids;
use crate::ident::{Arn, Time, role_arn_from_session, spanning};
use crate::inventory::Inventory;
use crate::record::IdentityType;
use crate::usage::{IssuanceFacts, IssuanceKind, LONGEST_SESSION, SessionFacts, Usage, is_access_key_id};

/// `creationDate` equals the issuance's `eventTime`; clocks of two services may differ by this many seconds.
pub(super) const TOLERANCE: i64 = 5;

/// The service that exchanges certificates for sessions.
const ROLES_ANYWHERE: &str = "rolesanywhere.amazonaws.com";

/// One identity as records show it, with the time it was seen.
pub(super) struct Node<'a> {
    pub(super) facts: &'a SessionFacts,
    /// Earliest and latest call.
    pub(super) span: Option<(Time, Time)>,
}

/// How a session was joined to its issuance.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Join {
    /// By access key id.
    Key(usize),
    /// By role and session name.
    Name(usize),
}

/// Why no issuance was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Miss {
    /// Several fit, by different callers.
    Ambiguous,
    /// None fits.
    None,
}

/// Everything [`super::resolve`] looks things up in. Indices are into `nodes` and `issuances`.
pub(super) struct Sessions<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// Successful ones, by time and event id.
    pub(super) issuances: Vec<&'a IssuanceFacts>,
    node_of: HashMap<&'a SessionFacts, usize>,
    by_principal_id: HashMap<&'a str, Vec<usize>>,
    issued_key: HashMap<&'a str, Vec<usize>>,
    issued_id: HashMap<&'a str, Vec<usize>>,
    issued_name: HashMap<(&'a str, &'a str, &'a str), Vec<usize>>,
    /// Keys seen in use, and whether all uses can be of one session.
    used_keys: HashMap<&'a str, bool>,
}

impl<'a> Sessions<'a> {
    pub(super) fn new(usage: &'a Usage) -> Self {
        let mut spans: HashMap<u32, (Time, Time)> = HashMap::new();
        // A row of a session that stands for others tells of their times too.
        let own = |id: u32| usage.groups.get(id as usize).and_then(|group| group.span);
        for row in usage.rows.iter().filter(|row| own(row.session.0).is_none()) {
            let seen = (row.first, row.last);
            let span = spans.entry(row.session.0).or_insert(seen);
            *span = spanning(*span, seen);
        }
        let mut issuances: Vec<_> = usage.issuances.iter().filter(|issuance| !issuance.denied).collect();
        issuances.sort_by(|a, b| (a.time, &a.event_id, *a).cmp(&(b.time, &b.event_id, *b)));
        let mut sessions = Self {
            nodes: Vec::with_capacity(usage.sessions.len()),
            issuances,
            node_of: HashMap::new(),
            by_principal_id: HashMap::new(),
            issued_key: HashMap::new(),
            issued_id: HashMap::new(),
            issued_name: HashMap::new(),
            used_keys: HashMap::new(),
        };
        for (facts, id) in usage.sessions.iter().zip(0_u32..) {
            sessions.add_node(facts, own(id).or_else(|| spans.get(&id).copied()));
        }
        for (index, issuance) in sessions.issuances.clone().into_iter().enumerate() {
            // A caller is a session too, seen at least when it called.
            sessions.add_node(&issuance.caller, Some((issuance.time, issuance.time)));
            sessions.add_issuance(index, issuance);
        }
        sessions.judge_keys();
        sessions
    }

    fn add_node(&mut self, facts: &'a SessionFacts, span: Option<(Time, Time)>) {
        let new = self.nodes.len();
        let index = *self.node_of.entry(facts).or_insert(new);
        if index == new {
            self.nodes.push(Node { facts, span });
            if let Some(id) = facts.principal_id.as_deref() {
                self.by_principal_id.entry(id).or_default().push(new);
            }
            return;
        }
        if let (Some(node), Some(span)) = (self.nodes.get_mut(index), span) {
            node.span = Some(spanning(node.span.unwrap_or(span), span));
        }
    }

    fn add_issuance(&mut self, index: usize, issuance: &'a IssuanceFacts) {
        if let Some(key) = issuance.issued_key.as_deref().filter(|key| is_access_key_id(key)) {
            self.issued_key.entry(key).or_default().push(index);
        }
        if let Some(id) = issuance.assumed_role_id.as_deref() {
            self.issued_id.entry(id).or_default().push(index);
        }
        if let Some(name) = issued_role_session(issuance) {
            self.issued_name.entry(name).or_default().push(index);
        }
    }

    /// A key that several principals, or sessions of different age, are seen with is masked or made up.
    fn judge_keys(&mut self) {
        let mut seen: HashMap<&str, (Option<&str>, Option<Time>)> = HashMap::new();
        let mut good: HashMap<&'a str, bool> = HashMap::new();
        for node in &self.nodes {
            let facts = node.facts;
            let Some(key) = facts.access_key.as_deref() else { continue };
            let ok = good.entry(key).or_insert_with(|| is_access_key_id(key));
            let known = seen.entry(key).or_default();
            let principal = facts.principal_id.as_deref().or(facts.arn.as_deref());
            *ok &= known.0.is_none() || principal.is_none() || known.0 == principal;
            known.0 = known.0.or(principal);
            // A forward access session may state a creation of its own.
            if facts.invoked_by.is_none() {
                *ok &= known.1.zip(facts.creation).is_none_or(|(a, b)| near(a, b));
                known.1 = known.1.or(facts.creation);
            }
        }
        self.used_keys = good;
    }

    /// Whether an access key id can stand for one session.
    pub(super) fn is_good_key(&self, key: &str) -> bool {
        self.used_keys.get(key).copied().unwrap_or_else(|| is_access_key_id(key))
    }

    pub(super) fn node(&self, facts: &SessionFacts) -> Option<usize> {
        self.node_of.get(facts).copied()
    }

    /// The session behind the resource owner's copy of a call: one with the same principal id, seen in its own account's logs.
    pub(super) fn own_copy(&self, facts: &SessionFacts, time: Time) -> Option<usize> {
        let ids = self.by_principal_id.get(facts.principal_id.as_deref()?)?;
        let own = |index: &&usize| {
            self.nodes.get(**index).is_some_and(|node| node.facts.kind != IdentityType::AwsAccount)
        };
        let mut found: Vec<usize> = ids.iter().filter(own).copied().collect();
        // Of several sessions of one name, the last that began before the call.
        found.retain(|index| {
            self.creation(*index).is_none_or(|creation| creation <= time.plus_seconds(TOLERANCE))
        });
        let latest = found.iter().filter_map(|index| self.creation(*index)).max();
        if latest.is_some() {
            found.retain(|index| self.creation(*index) == latest);
        }
        found.into_iter().min_by_key(|index| self.nodes.get(*index).map(|node| node.facts))
    }

    fn creation(&self, index: usize) -> Option<Time> {
        self.nodes.get(index)?.facts.creation
    }

    /// The issuance that began the session at `index`.
    pub(super) fn join(&self, index: usize) -> Result<Join, Miss> {
        let Some(node) = self.nodes.get(index) else { return Err(Miss::None) };
        let facts = node.facts;
        let key = facts.access_key.as_deref().filter(|key| self.is_good_key(key));
        if let Some(issued) = key.and_then(|key| self.issued_key.get(key)) {
            let fitting = || issued.iter().copied().filter(|index| self.fits(*index, node));
            // A key issued to two different sessions is no evidence.
            if fitting().count() == issued.len()
                && let Some(one) = self.one_origin(issued)
            {
                return Ok(Join::Key(one));
            }
        }
        self.by_name(node).map(Join::Name)
    }

    fn by_name(&self, node: &Node<'_>) -> Result<usize, Miss> {
        let found = self.fitting(node);
        if found.is_empty() {
            return Err(Miss::None);
        }
        self.one_origin(&found).ok_or(Miss::Ambiguous)
    }

    /// All issuances that fit the session at `index` by role, session name and time.
    pub(super) fn candidates(&self, index: usize) -> Vec<usize> {
        self.nodes.get(index).map(|node| self.fitting(node)).unwrap_or_default()
    }

    fn fitting(&self, node: &Node<'_>) -> Vec<usize> {
        let facts = node.facts;
        let mut found = Vec::new();
        if let Some(creation) = facts.creation {
            found = self.named(node, creation.plus_seconds(-TOLERANCE), creation.plus_seconds(TOLERANCE));
        }
        // A session that began at another moment than all issuances of its name is none of them; only forward access sessions may
        // state a moment of their own.
        if found.is_empty() && (facts.creation.is_none() || facts.invoked_by.is_some()) {
            let (first, last) = node.span.unwrap_or((Time::from_unix(i64::MAX), Time::from_unix(i64::MIN)));
            found = self.named(node, last.plus_seconds(-LONGEST_SESSION), first.plus_seconds(TOLERANCE));
        }
        found
    }

    /// Issuances of the session's role and name between two moments, both included. Sessions of one name may be many, so the time is
    /// looked up, not searched.
    fn named(&self, node: &Node<'_>, from: Time, to: Time) -> Vec<usize> {
        let time = |index: &usize| self.issuances.get(*index).map(|issuance| issuance.time);
        let by_id = node.facts.principal_id.as_deref().and_then(|id| self.issued_id.get(id));
        let by_name = role_session(node.facts).and_then(|name| self.issued_name.get(&name));
        let mut found = Vec::new();
        for list in [by_id, by_name].into_iter().flatten() {
            let start = list.partition_point(|index| time(index) < Some(from));
            let in_time = list.iter().skip(start).take_while(|index| time(index) <= Some(to));
            found.extend(in_time.copied().filter(|index| self.fits(*index, node)));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether the issuance can have begun the session: same role and name, and the calls lie in its lifetime.
    fn fits(&self, index: usize, node: &Node<'_>) -> bool {
        let Some(issuance) = self.issuances.get(index) else { return false };
        let in_time = node.span.is_none_or(|(first, last)| {
            issuance.time <= first.plus_seconds(TOLERANCE)
                && last <= issuance.time.plus_seconds(LONGEST_SESSION)
        });
        let same = match issuance.kind {
            IssuanceKind::AssumeRoot => node.facts.kind == IdentityType::Root,
            IssuanceKind::GetSessionToken => {
                issuance.caller.principal_id.is_none()
                    || issuance.caller.principal_id == node.facts.principal_id
            }
            IssuanceKind::PodIdentity => false,
            // Its own event may leave out which session it began.
            IssuanceKind::RolesAnywhere if issued_role_session(issuance).is_none() => {
                let role = issuance.role_arn.as_deref().and_then(Arn::parse);
                let issued = role.and_then(|arn| Some((arn.account, arn.role_name()?)));
                issued.is_some()
                    && issued == role_session(node.facts).map(|(account, role, _)| (account, role))
            }
            _ => match (issuance.assumed_role_id.as_deref(), node.facts.principal_id.as_deref()) {
                (Some(issued), Some(used)) if is_unique_id(issued) && is_unique_id(used) => issued == used,
                (Some(issued), Some(used)) if issued == used => true,
                _ => match (issued_role_session(issuance), role_session(node.facts)) {
                    (Some(issued), Some(used)) => issued == used,
                    _ => false,
                },
            },
        };
        in_time && same
    }

    /// The first of several issuances when all have the same origin, else none. The owner's copy of a call says less than the
    /// caller's, so it comes last.
    fn one_origin(&self, issuances: &[usize]) -> Option<usize> {
        let facts: Vec<_> =
            issuances.iter().filter_map(|index| Some((*index, *self.issuances.get(*index)?))).collect();
        let rich: Vec<_> = facts
            .iter()
            .copied()
            .filter(|(_, issuance)| issuance.caller.kind != IdentityType::AwsAccount)
            .collect();
        let mut facts = if rich.is_empty() { facts } else { rich };
        // Roles Anywhere writes two events about one session: its own, and the `AssumeRole` it makes, which tells the tags.
        let is_anywhere = |issuance: &IssuanceFacts| {
            issuance.kind == IssuanceKind::AssumeRole
                && issuance.caller.invoked_by.as_deref() == Some(ROLES_ANYWHERE)
        };
        if facts.iter().any(|(_, issuance)| is_anywhere(issuance)) {
            facts.retain(|(_, issuance)| issuance.kind != IssuanceKind::RolesAnywhere);
        }
        let (first, origin) = facts.first().map(|(index, issuance)| (*index, origin(issuance)))?;
        facts.iter().all(|(_, issuance)| self::origin(issuance) == origin).then_some(first)
    }
}

/// What two issuances must share to begin sessions of one workload.
type Origin<'a> = (IssuanceKind, Vec<Option<&'a str>>, Option<Time>, Vec<(&'a str, &'a str)>);

fn origin(issuance: &IssuanceFacts) -> Origin<'_> {
    let caller = &issuance.caller;
    let texts = vec![
        issuance.provider.as_deref(),
        issuance.subject.as_deref(),
        issuance.role_arn.as_deref(),
        issuance.session_name.as_deref(),
        caller.principal_id.as_deref().or(caller.arn.as_deref()),
        caller.invoked_by.as_deref(),
    ];
    // Pods of one ServiceAccount differ in these tags only.
    let tags = issuance.tags.iter().map(|(key, value)| (&**key, &**value));
    let tags = tags.filter(|(key, _)| !key.starts_with("kubernetes-pod-")).collect();
    (issuance.kind, texts, caller.creation, tags)
}

/// `AROA…:session` with a real-looking id; other texts are masked or belong to something else.
fn is_unique_id(id: &str) -> bool {
    id.starts_with("AROA") && id.contains(':')
}

pub(super) fn near(a: Time, b: Time) -> bool {
    a.unix().abs_diff(b.unix()) <= TOLERANCE.unsigned_abs()
}

/// Account, role name and session name a session shows.
fn role_session(facts: &SessionFacts) -> Option<(&str, &str, &str)> {
    let arn = Arn::parse(facts.arn.as_deref()?)?;
    if let Some((role, session)) = arn.assumed_role() {
        return Some((arn.account, role, session));
    }
    Some((arn.account, arn.role_name()?, session_name(facts)?))
}

/// Account, role name and session name an issuance promises.
fn issued_role_session(issuance: &IssuanceFacts) -> Option<(&str, &str, &str)> {
    if let Some(arn) = issuance.assumed_arn.as_deref().and_then(Arn::parse)
        && let Some((role, session)) = arn.assumed_role()
    {
        return Some((arn.account, role, session));
    }
    let arn = Arn::parse(issuance.role_arn.as_deref()?)?;
    Some((arn.account, arn.role_name()?, issuance.session_name.as_deref()?))
}

/// The session's name: chosen by whoever opened it, so no proof of anything.
pub(super) fn session_name(facts: &SessionFacts) -> Option<&str> {
    let from_id = facts.principal_id.as_deref().and_then(|id| id.split_once(':')).map(|(_, name)| name);
    let from_arn = || Arn::parse(facts.arn.as_deref()?)?.assumed_role().map(|(_, name)| name);
    from_id.or_else(from_arn).filter(|name| !name.is_empty())
}

/// The unique id of a session's role (`AROA…`), when the record shows a real one.
pub(super) fn role_id(facts: &SessionFacts) -> Option<&str> {
    let from_principal = || facts.principal_id.as_deref()?.split_once(':').map(|(id, _)| id);
    facts.issuer_id.as_deref().or_else(from_principal).filter(|id| id.starts_with("AROA"))
}

/// The IAM principal whose permissions the identity uses.
pub(super) fn principal(facts: &SessionFacts, inventory: &Inventory) -> Option<String> {
    let account = facts.account.as_deref();
    match facts.kind {
        IdentityType::AssumedRole | IdentityType::Role => role_arn(facts, inventory),
        IdentityType::Root => {
            let own = facts.arn.as_deref().filter(|arn| arn.ends_with(":root"));
            own.map(str::to_owned).or_else(|| Some(format!("arn:aws:iam::{}:root", account?)))
        }
        IdentityType::IamUser => {
            let known = || {
                let id = facts.principal_id.as_deref()?;
                let users = &inventory.accounts.get(account?)?.users;
                users.values().find(|user| user.id == id).map(|user| user.arn.clone())
            };
            let made = || Some(format!("arn:aws:iam::{}:user/{}", account?, facts.user_name.as_deref()?));
            facts.arn.as_deref().map(str::to_owned).or_else(known).or_else(made)
        }
        // A federated user acts with (a part of) the permissions of the user who called `GetFederationToken`.
        IdentityType::FederatedUser => facts.issuer_arn.as_deref().map(str::to_owned),
        _ => None,
    }
}

fn role_arn(facts: &SessionFacts, inventory: &Inventory) -> Option<String> {
    let is_role = |text: &&str| Arn::parse(text).is_some_and(|arn| arn.role_name().is_some());
    let own = facts.arn.as_deref();
    if let Some(arn) = facts.issuer_arn.as_deref().filter(is_role).or(own.filter(is_role)) {
        return Some(arn.to_owned());
    }
    if let Some(role) = role_id(facts).and_then(|id| inventory.role_by_id(id)) {
        return Some(role.arn.clone());
    }
    // The session's ARN has no path: the snapshot may know it.
    let arn = Arn::parse(own?)?;
    let (name, _) = arn.assumed_role()?;
    let known = inventory.role_by_name(arn.account, name).map(|role| role.arn.clone());
    known.or_else(|| role_arn_from_session(own?))
}

/// Whether the identity is AWS itself: a service, a service-linked role, EC2's own infrastructure.
pub(super) fn is_service(facts: &SessionFacts, principal: Option<&str>) -> bool {
    match facts.kind {
        IdentityType::AwsService => true,
        IdentityType::Missing => true,
        IdentityType::AssumedRole | IdentityType::Role => principal.is_some_and(|arn| {
            let infrastructure =
                Arn::parse(arn).and_then(|arn| arn.role_name()).is_some_and(|name| name.starts_with("aws:"));
            infrastructure || arn.contains(":role/aws-service-role/")
        }),
        _ => false,
    }
}

/// The name at the end of a role ARN.
pub(super) fn role_name(arn: &str) -> &str {
    Arn::parse(arn).and_then(|arn| arn.role_name()).unwrap_or(arn)
}

/// The user of an Identity Center session: only Identity Center opens sessions of these roles, and names them after the user.
pub(super) fn identity_center_user<'a>(facts: &'a SessionFacts, principal: &str) -> Option<&'a str> {
    if !ids::is_permission_set_role(principal) {
        return None;
    }
    session_name(facts).or(facts.on_behalf_of.as_deref())
}
