//! From each session to the workload at the start of its chain.
//!
//! Each step back is one call that issued credentials; it is found, in this order, by
//!
//! 1. the access key it issued (`exact`), unless that key is masked or seen with several sessions;
//! 2. role id, session name and the moment the session began (`session`): forward access sessions and Identity Center use other keys
//!    than were issued, and keys may be missing;
//! 3. role id and session name alone, when every issuance that fits in time has the same origin (`session`).
//!
//! Where no issuance is found, the record's own evidence counts (`inScopeOf`, `ec2RoleDelivery`, both set by AWS: `session`), then a
//! trust policy or Pod Identity associations that admit one workload only (`inferred`). Session names are chosen by the caller and prove
//! nothing, except where only AWS can open the session (Lambda, Identity Center). Where issuances by several callers fit, and all of
//! these callers lead to one workload by one way, it is that workload; which of the callers it was is not known.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::{Origin, Origins};
use super::sessions::{self, Join, Miss, Sessions};
use super::{Attribution, Grade, Workload, WorkloadKind, ids};
use crate::ident::{Arn, POD_IDENTITY};
use crate::inventory::Inventory;
use crate::record::IdentityType;
use crate::usage::{IssuanceFacts, IssuanceKind, SessionFacts, Usage};

/// Issuances looked at that all fit one session, by different callers.
const MOST_ALIKE: usize = 64;

/// Names the workload behind each session of `usage`, in the order of [`Usage::sessions`].
///
/// The result for a session depends on the facts only, not on their order.
pub fn resolve(usage: &Usage, inventory: &Inventory) -> Vec<Attribution> {
    let resolver = Resolver { sessions: Sessions::new(usage), usage, inventory };
    let mut origins = Origins::default();
    let attribution = |facts| resolver.attribution(facts, &mut origins);
    let mut found: Vec<_> = usage.sessions.iter().map(attribution).collect();
    ids::unify(&mut found, inventory);
    found
}

pub(super) struct Resolver<'a> {
    pub(super) sessions: Sessions<'a>,
    pub(super) usage: &'a Usage,
    pub(super) inventory: &'a Inventory,
}

/// One step towards the start of a chain.
pub(super) enum Step {
    /// The chain starts here.
    Start { workload: Workload, grade: Grade, reason: &'static str, evidence: Vec<String>, via: Vec<String> },
    /// The session at this index opened it.
    Parent { node: usize, grade: Grade, evidence: String },
    /// Nothing proves where it comes from.
    Unknown { reason: String },
}

impl Step {
    fn start(workload: Workload, grade: Grade, reason: &'static str) -> Self {
        Self::Start { workload, grade, reason, evidence: Vec::new(), via: Vec::new() }
    }
}

pub(super) const LAMBDA: &str = "lambda.amazonaws.com";
const ECS: &str = "ecs-tasks.amazonaws.com";

pub(super) const BY_KEY: &str = "joined to the issuance by access key id";
pub(super) const BY_NAME: &str = "joined to the issuance by role, session name and time";
const BY_RECORD: &str = "the record itself names it";
const BY_SCOPE: &str = "the record says for whom AWS issued the credentials";
const BY_FEDERATION: &str = "the record shows the token's subject";
const BY_SIGN_IN: &str = "only Identity Center opens sessions of this role, and names them after the user";
pub(super) const BY_TRUST: &str =
    "the issuance is not in the logs; the role's trust policy admits only this workload";
pub(super) const BY_ASSOCIATION: &str =
    "the role is bound to this ServiceAccount only, by a Pod Identity association";

impl Resolver<'_> {
    fn attribution(&self, facts: &SessionFacts, origins: &mut Origins) -> Attribution {
        let principal = sessions::principal(facts, self.inventory);
        let is_service = sessions::is_service(facts, principal.as_deref());
        let origin = match self.sessions.node(facts) {
            Some(index) => match self.step(index, false) {
                Step::Parent { node, grade, evidence } => {
                    origins.of(self, node).through(self.role_at(node), grade, evidence)
                }
                end => Origin::of(end),
            },
            None => Origin::of(unknown("the session is not in the logs")),
        };
        origin.attribution(principal, is_service)
    }

    /// The role whose session stands at a node.
    pub(super) fn role_at(&self, node: usize) -> Option<String> {
        let facts = self.sessions.nodes.get(node)?.facts;
        sessions::principal(facts, self.inventory).filter(|arn| arn.contains(":role/"))
    }

    /// `is_parent`: the question is about a caller somewhere up a chain, not about the session asked for.
    pub(super) fn step(&self, index: usize, is_parent: bool) -> Step {
        self.step_looking(index, is_parent, true)
    }

    /// `both_ways`: where several issuances fit, their callers are looked at too; not again from there, so that this ends.
    fn step_looking(&self, index: usize, is_parent: bool, both_ways: bool) -> Step {
        let Some(node) = self.sessions.nodes.get(index) else {
            return Step::Unknown { reason: String::new() };
        };
        let facts = node.facts;
        if let Some(account) = facts.delegate_account.as_deref() {
            return Step::start(ids::workload(WorkloadKind::Account, account), Grade::Session, BY_RECORD);
        }
        let principal = sessions::principal(facts, self.inventory);
        match facts.kind {
            IdentityType::IamUser => match principal {
                Some(arn) => Step::start(ids::workload(WorkloadKind::IamUser, &arn), Grade::Exact, BY_RECORD),
                None => unknown("the record names no user"),
            },
            IdentityType::Root => self.root(index, facts),
            IdentityType::FederatedUser => self.federated_user(index, facts),
            IdentityType::WebIdentityUser => match web_subject(facts, self.inventory) {
                Some(workload) => Step::start(workload, Grade::Exact, BY_RECORD),
                None => unknown("the record names no subject"),
            },
            IdentityType::SamlUser => match (&facts.identity_provider, &facts.user_name) {
                (Some(provider), Some(subject)) => {
                    Step::start(ids::saml(provider, subject), Grade::Exact, BY_RECORD)
                }
                _ => unknown("the record names no subject"),
            },
            IdentityType::AwsAccount => self.foreign(facts, node.span.map(|(_, last)| last)),
            IdentityType::AssumedRole | IdentityType::Role => match principal {
                Some(arn) => self.role(index, facts, &arn, is_parent, both_ways),
                None => unknown("the record names no role"),
            },
            IdentityType::AwsService | IdentityType::Missing => unknown("AWS itself made the call"),
            _ => match facts.on_behalf_of.as_deref() {
                Some(user) => Step::start(ids::workload(WorkloadKind::Sso, user), Grade::Exact, BY_RECORD),
                None => unknown("the record names no principal"),
            },
        }
    }

    fn root(&self, index: usize, facts: &SessionFacts) -> Step {
        if let Ok(join) = self.sessions.join(index)
            && let Some(step) = self.issued(join, facts, None)
        {
            return step;
        }
        if facts.is_assumed_root {
            return unknown("a session of the root user, opened by an `AssumeRoot` that is not in the logs");
        }
        match root_account(facts) {
            Some(account) => Step::start(ids::workload(WorkloadKind::Root, account), Grade::Exact, BY_RECORD),
            None => unknown("the record names no account"),
        }
    }

    fn federated_user(&self, index: usize, facts: &SessionFacts) -> Step {
        if let Ok(join) = self.sessions.join(index)
            && let Some(step) = self.issued(join, facts, None)
        {
            return step;
        }
        match facts.issuer_arn.as_deref() {
            Some(issuer) if issuer.ends_with(":root") => match Arn::parse(issuer) {
                Some(arn) => {
                    Step::start(ids::workload(WorkloadKind::Root, arn.account), Grade::Session, BY_RECORD)
                }
                None => unknown("the record names no account"),
            },
            Some(issuer) => {
                Step::start(ids::workload(WorkloadKind::IamUser, issuer), Grade::Session, BY_RECORD)
            }
            None => unknown("the record does not name the user who asked for the session"),
        }
    }

    /// The resource owner's copy of a call from another account.
    fn foreign(&self, facts: &SessionFacts, time: Option<crate::ident::Time>) -> Step {
        let own_copy = time.and_then(|time| self.sessions.own_copy(facts, time)).filter(|index| {
            let node = self.sessions.nodes.get(*index);
            node.is_some_and(|node| sessions::principal(node.facts, self.inventory).is_some())
        });
        if let Some(node) = own_copy {
            return Step::Parent { node, grade: Grade::Session, evidence: String::new() };
        }
        let account = facts.account.as_deref();
        let Some(account) = account else { return unknown("the record names no account") };
        let id = facts.principal_id.as_deref().unwrap_or_default();
        let user = self
            .inventory
            .accounts
            .get(account)
            .and_then(|known| known.users.values().find(|user| !user.id.is_empty() && user.id == id));
        if let Some(user) = user {
            return Step::start(ids::workload(WorkloadKind::IamUser, &user.arn), Grade::Exact, BY_RECORD);
        }
        let role = id.split(':').next().and_then(|id| self.inventory.role_by_id(id));
        // The logs of the caller's account are not here, but its snapshot may be.
        let inferred = role.and_then(|role| self.trusted_alone(role));
        let (workload, grade, reason, mut via) = match inferred {
            Some((workload, via)) => (workload, Grade::Inferred, BY_TRUST, via),
            None => (ids::workload(WorkloadKind::Account, account), Grade::Exact, BY_RECORD, Vec::new()),
        };
        via.extend(role.map(|role| role.arn.clone()));
        Step::Start { workload, grade, reason, evidence: Vec::new(), via }
    }

    fn role(&self, index: usize, facts: &SessionFacts, arn: &str, is_parent: bool, both_ways: bool) -> Step {
        let name = sessions::role_name(arn);
        if let Some(service) = service_of_linked_role(arn) {
            return Step::start(ids::service(service, name, None), Grade::Exact, BY_RECORD);
        }
        if name.starts_with("aws:") {
            return unknown("AWS's own infrastructure made the call");
        }
        let mut is_untagged_pod = false;
        let miss = match self.sessions.join(index) {
            Ok(join) => match self.issued(join, facts, Some(arn)) {
                Some(step) => return step,
                None => {
                    is_untagged_pod = self.is_by_pod_identity(join);
                    Miss::None
                }
            },
            Err(miss) => miss,
        };
        if miss == Miss::Ambiguous
            && both_ways
            && let Some(step) = self.alike(index, facts, arn)
        {
            return step;
        }
        let scope = (facts.in_scope_of_type.as_deref().unwrap_or_default(), facts.in_scope_of.as_deref());
        match scope {
            ("AWS::Lambda::Function", Some(function)) => {
                let workload = ids::service(LAMBDA, name, ids::function_name(function));
                return Step::start(workload, Grade::Session, BY_SCOPE);
            }
            ("AWS::EC2::Instance", _) => {
                return Step::start(ids::workload(WorkloadKind::Ec2, name), Grade::Session, BY_SCOPE);
            }
            (kind, _) if kind.starts_with("AWS::ECS::") => {
                let workload = ids::service_with_role(ECS, arn, name, None, self.inventory);
                return Step::start(workload, Grade::Session, BY_SCOPE);
            }
            _ => {}
        }
        if facts.ec2_role_delivery.is_some() {
            return Step::start(ids::workload(WorkloadKind::Ec2, name), Grade::Session, BY_SCOPE);
        }
        if let (Some(provider), Some(subject)) = (&facts.federated_provider, &facts.federated_subject) {
            let workload = ids::web_identity(provider, subject, self.inventory);
            return Step::start(workload, Grade::Session, BY_FEDERATION);
        }
        if let Some(user) = sessions::identity_center_user(facts, arn) {
            return Step::start(ids::workload(WorkloadKind::Sso, user), Grade::Session, BY_SIGN_IN);
        }
        // The snapshot's role is this one only if it has the same unique id: a recreated role may trust others.
        let role = self
            .inventory
            .role(arn)
            .filter(|role| sessions::role_id(facts).is_none_or(|id| role.id.is_empty() || role.id == id));
        if miss == Miss::None
            && let Some(step) = role.and_then(|role| self.by_trust(role, facts))
        {
            return step;
        }
        // Nothing tells accounts apart when the records do not say who recorded them.
        let accounts_known = !self.usage.observation.regions.is_empty();
        if is_parent
            && accounts_known
            && let Some(account) = self.unknown_account(arn)
        {
            return Step::start(ids::workload(WorkloadKind::Account, account), Grade::Exact, BY_RECORD);
        }
        if is_untagged_pod {
            return unknown(
                "EKS opened the session without session tags, and no single association tells for which ServiceAccount",
            );
        }
        Step::Unknown { reason: self.why_unknown(facts, arn, miss) }
    }

    /// Several issuances fit, by different callers, and all of them lead to one workload by one way: pods of one ServiceAccount, each
    /// with a session of its own, which open sessions of another role under one name.
    fn alike(&self, index: usize, facts: &SessionFacts, arn: &str) -> Option<Step> {
        let candidates = self.sessions.candidates(index);
        if candidates.len() > MOST_ALIKE {
            return None;
        }
        let (mut ways, mut weakest, mut all) = (BTreeSet::new(), Grade::Session, Vec::new());
        for candidate in candidates {
            let (workload, own, evidence, via) = match self.issued(Join::Name(candidate), facts, Some(arn))? {
                Step::Start { workload, grade, evidence, via, .. } => (workload, grade, evidence, via),
                Step::Parent { node, grade, evidence } => match self.step_looking(node, true, false) {
                    Step::Start { workload, grade: own, evidence: mut found, mut via, .. } => {
                        found.push(evidence);
                        via.extend(self.role_at(node));
                        (workload, own.max(grade), found, via)
                    }
                    _ => return None,
                },
                Step::Unknown { .. } => return None,
            };
            weakest = weakest.max(own);
            all.extend(evidence);
            ways.insert((workload, via));
        }
        let (workload, via) = one(ways)?;
        all.truncate(MOST_ALIKE);
        let reason = if weakest == Grade::Inferred { BY_TRUST } else { BY_NAME };
        Some(Step::Start { workload, grade: weakest, reason, evidence: all, via })
    }

    /// The step over an issuance; `None` when the issuance itself does not tell.
    fn issued(&self, join: Join, facts: &SessionFacts, role_arn: Option<&str>) -> Option<Step> {
        let (index, grade, by) = match join {
            Join::Key(index) => (index, Grade::Exact, BY_KEY),
            Join::Name(index) => (index, Grade::Session, BY_NAME),
        };
        let issuance = *self.sessions.issuances.get(index)?;
        let event = issuance.event_id.to_string();
        let start = |workload| {
            let evidence = vec![event.clone()];
            Some(Step::Start { workload, grade, reason: by, evidence, via: Vec::new() })
        };
        let role_arn = role_arn.or(issuance.role_arn.as_deref()).unwrap_or_default();
        match issuance.kind {
            IssuanceKind::AssumeRoleWithWebIdentity => start(web_issuance(issuance, self.inventory)?),
            IssuanceKind::AssumeRoleWithSaml => start(saml_issuance(issuance, facts, role_arn)?),
            IssuanceKind::RolesAnywhere => {
                start(ids::service("rolesanywhere.amazonaws.com", sessions::role_name(role_arn), None))
            }
            IssuanceKind::PodIdentity => None,
            IssuanceKind::AssumeRole
            | IssuanceKind::AssumeRoot
            | IssuanceKind::GetFederationToken
            | IssuanceKind::GetSessionToken => match issuance.caller.kind {
                IdentityType::AwsService | IdentityType::Missing => {
                    match self.service_issuance(issuance, facts, role_arn)? {
                        (workload, None) => start(workload),
                        (workload, Some(reason)) => {
                            let evidence = vec![event];
                            Some(Step::Start {
                                workload,
                                grade: Grade::Inferred,
                                reason,
                                evidence,
                                via: Vec::new(),
                            })
                        }
                    }
                }
                _ => self.caller(issuance, grade, event),
            },
        }
    }

    /// Whether EKS named the pod in the tags of the session at a node.
    fn is_tagged(&self, node: usize) -> bool {
        let joined = self.sessions.join(node).ok();
        let issuance =
            joined.and_then(|(Join::Key(index) | Join::Name(index))| self.sessions.issuances.get(index));
        issuance.is_some_and(|issuance| pod_of_tags(issuance, self.inventory).is_some())
    }

    fn is_by_pod_identity(&self, join: Join) -> bool {
        let (Join::Key(index) | Join::Name(index)) = join;
        let issuance = self.sessions.issuances.get(index);
        issuance.is_some_and(|issuance| issuance.caller.invoked_by.as_deref() == Some(POD_IDENTITY))
    }

    fn caller(&self, issuance: &IssuanceFacts, grade: Grade, event: String) -> Option<Step> {
        // A Pod Identity association with a target role: EKS assumes it with the first role's session, and hands the tags on or says the pod's
        // ServiceAccount in the external id.
        if issuance.caller.invoked_by.as_deref() == Some(POD_IDENTITY)
            && let Some((workload, reason)) = pod_of(issuance, self.inventory)
        {
            let first = sessions::principal(&issuance.caller, self.inventory);
            return Some(Step::Start {
                workload,
                grade: grade.max(Grade::Session),
                reason,
                evidence: vec![event],
                via: first.into_iter().collect(),
            });
        }
        let node = self.sessions.node(&issuance.caller)?;
        // Without tags the first role's own session may tell, else the one association that leads from it to this role.
        if issuance.caller.invoked_by.as_deref() == Some(POD_IDENTITY)
            && !self.is_tagged(node)
            && let Some(first) = sessions::principal(&issuance.caller, self.inventory)
            && let Some(workload) = self.sole_target(&first, issuance.role_arn.as_deref()?)
        {
            let evidence = vec![event];
            let reason = BY_ASSOCIATION;
            return Some(Step::Start {
                workload,
                grade: Grade::Inferred,
                reason,
                evidence,
                via: vec![first],
            });
        }
        Some(Step::Parent { node, grade, evidence: event })
    }

    /// The workload of credentials an AWS service asked for, with the reason when it is only inferred.
    fn service_issuance(
        &self,
        issuance: &IssuanceFacts,
        facts: &SessionFacts,
        role_arn: &str,
    ) -> Option<(Workload, Option<&'static str>)> {
        let service = issuance.caller.invoked_by.as_deref()?;
        if service == POD_IDENTITY {
            return match pod_of_tags(issuance, self.inventory) {
                Some(workload) => Some((workload, None)),
                None => Some((self.sole_association(role_arn)?, Some(BY_ASSOCIATION))),
            };
        }
        let scope = facts.in_scope_of.as_deref().and_then(ids::function_name);
        let function = scope.or_else(|| sessions::session_name(facts).and_then(ids::function_of_session));
        let name = sessions::role_name(role_arn);
        Some((ids::service_with_role(service, role_arn, name, function, self.inventory), None))
    }

    /// Why no issuance was found. The texts hold no ids, so that calls can be counted by them.
    fn why_unknown(&self, facts: &SessionFacts, arn: &str, miss: Miss) -> String {
        let account = Arn::parse(arn).map(|arn| arn.account).unwrap_or_default();
        let observation = &self.usage.observation;
        let begins = observation
            .begins(account)
            .into_iter()
            .chain(self.sessions.issuances.first().map(|first| first.time))
            .min();
        let good_key = facts.access_key.as_deref().is_none_or(|key| self.sessions.is_good_key(key));
        let text = if miss == Miss::Ambiguous {
            "several issuances with different callers fit the session"
        } else if !observation.regions.contains_key(account) && !observation.regions.is_empty() {
            "the logs of the role's account are not here"
        } else if facts.creation.zip(begins).is_some_and(|(creation, begins)| creation < begins) {
            "the session began before the logs"
        } else if !observation.regions.is_empty() && !observation.management_reads.contains(account) {
            "the logs show no read-only events (a write-only trail hides how sessions begin)"
        } else if !good_key {
            "the access key id is masked or shared by several sessions, and no issuance fits by role, session name and time"
        } else {
            "no issuance in the logs fits the session"
        };
        // Whoever may assume a role chooses the name, so its form is a hint for the reader and no more.
        let form = sessions::session_name(facts).and_then(ids::service_by_form);
        match form.filter(|_| facts.federated_provider.is_none()) {
            Some(service) => {
                format!("{text}; its name has the form that {service} gives, which proves nothing")
            }
            None => text.to_owned(),
        }
    }
}

fn unknown(reason: &str) -> Step {
    Step::Unknown { reason: reason.to_owned() }
}

pub(super) fn one<T: Ord>(set: BTreeSet<T>) -> Option<T> {
    let mut set = set.into_iter();
    set.next().filter(|_| set.next().is_none())
}

fn root_account(facts: &SessionFacts) -> Option<&str> {
    facts.account.as_deref().or_else(|| Arn::parse(facts.arn.as_deref()?).map(|arn| arn.account))
}

/// The service in the path of a service-linked role.
fn service_of_linked_role(arn: &str) -> Option<&str> {
    let (_, rest) = arn.split_once(":role/aws-service-role/")?;
    rest.split('/').next()
}

/// The workload of a `WebIdentityUser` record; `principalId` is provider, audience and subject joined by colons.
fn web_subject(facts: &SessionFacts, inventory: &Inventory) -> Option<Workload> {
    Some(ids::web_identity(facts.identity_provider.as_deref()?, facts.user_name.as_deref()?, inventory))
}

fn web_issuance(issuance: &IssuanceFacts, inventory: &Inventory) -> Option<Workload> {
    let provider = issuance.provider.as_deref().or(issuance.caller.identity_provider.as_deref())?;
    let subject = issuance.subject.as_deref().or(issuance.caller.user_name.as_deref())?;
    Some(ids::web_identity(provider, subject, inventory))
}

fn saml_issuance(issuance: &IssuanceFacts, facts: &SessionFacts, role_arn: &str) -> Option<Workload> {
    let provider = issuance.provider.as_deref().or(issuance.caller.identity_provider.as_deref());
    // Anybody may call his own provider `AWSSSO_…`; the path of a permission set's role is AWS's alone.
    let asked = issuance.role_arn.as_deref().unwrap_or_default();
    if ids::is_permission_set_role(role_arn) || ids::is_permission_set_role(asked) {
        let user = sessions::session_name(facts).or(issuance.session_name.as_deref())?;
        return Some(ids::workload(WorkloadKind::Sso, user));
    }
    let subject = issuance.subject.as_deref().or(issuance.caller.user_name.as_deref());
    Some(ids::saml(provider?, subject.or(issuance.session_name.as_deref())?))
}

/// The ServiceAccount that EKS opened a target role's session for, and how that is known.
fn pod_of(issuance: &IssuanceFacts, inventory: &Inventory) -> Option<(Workload, &'static str)> {
    let by_tags = || Some((pod_of_tags(issuance, inventory)?, "session tags set by EKS name the pod"));
    let by_id = || {
        let workload = pod_of_external_id(issuance, inventory)?;
        Some((workload, "the external id given by EKS names the ServiceAccount"))
    };
    by_tags().or_else(by_id)
}

/// The ServiceAccount in the external id `REGION/ACCOUNT/CLUSTER/NAMESPACE/SERVICE_ACCOUNT`.
fn pod_of_external_id(issuance: &IssuanceFacts, inventory: &Inventory) -> Option<Workload> {
    let parts: Vec<&str> = issuance.subject.as_deref()?.split('/').collect();
    let [region, account, cluster, namespace, service_account] = parts.as_slice() else { return None };
    if parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let partition = Arn::parse(issuance.role_arn.as_deref()?)?.partition;
    let cluster = format!("arn:{partition}:eks:{region}:{account}:cluster/{cluster}");
    Some(ids::kubernetes(&cluster, namespace, service_account, inventory))
}

/// The ServiceAccount in the session tags that EKS sets.
fn pod_of_tags(issuance: &IssuanceFacts, inventory: &Inventory) -> Option<Workload> {
    let tags: BTreeMap<&str, &str> = issuance.tags.iter().map(|(key, value)| (&**key, &**value)).collect();
    let tag = |key: &str| tags.get(key).copied().filter(|value| !value.is_empty());
    let cluster = tag("eks-cluster-arn").or_else(|| tag("eks-cluster-name"))?;
    Some(ids::kubernetes(
        cluster,
        tag("kubernetes-namespace")?,
        tag("kubernetes-service-account")?,
        inventory,
    ))
}
