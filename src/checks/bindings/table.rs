//! Per ServiceAccount, side by side: what it is bound to, whether the role trusts it, and what was observed.

use std::collections::{BTreeMap, BTreeSet};

use super::super::trust::may_admit_service_account;
use crate::ident::{Arn, POD_IDENTITY, Time};
use crate::inventory::{Inventory, Origin, PodCredentials, PodOwner, ServiceAccount};
use crate::usage::{IssuanceFacts, IssuanceKind, Usage};

/// The audience of IRSA's tokens unless annotated otherwise.
pub(super) const USUAL_AUDIENCE: &str = "sts.amazonaws.com";

/// What a role's trust policy says to the ServiceAccount bound to it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Trust {
    /// It may admit it.
    Admits,
    /// It does not.
    Refuses,
    /// The account's snapshot has no such role.
    RoleMissing,
    /// The snapshot does not hold the role's account.
    Unknown,
}

impl Trust {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admits => "admits",
            Self::Refuses => "refuses",
            Self::RoleMissing => "role-missing",
            Self::Unknown => "unknown",
        }
    }
}

/// What the logs show of a ServiceAccount and one role.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Observed {
    /// Sessions opened by IRSA.
    pub irsa: u64,
    /// Sessions opened by EKS Pod Identity.
    pub pod_identity: u64,
    /// Attempts that were refused.
    pub denied: u64,
    /// The latest success, or the latest attempt if none succeeded.
    pub last: Option<Time>,
    /// `eventID` of that one.
    pub event: String,
}

/// One ServiceAccount.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Binding {
    /// The issuer, cluster ARN or folder name; empty when nothing tells.
    pub cluster: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub service_account: String,
    /// `eks.amazonaws.com/role-arn`.
    pub annotated: Option<String>,
    /// `eks.amazonaws.com/audience`.
    pub audience: Option<String>,
    /// Roles of its Pod Identity associations, sorted.
    pub associated: BTreeSet<String>,
    /// Target roles of these, sorted.
    pub targets: BTreeSet<String>,
    /// What the annotated role's trust policy says; of the associated role's when there is no annotation.
    pub trust: Option<Trust>,
    /// By role, what was observed; chained roles are not here.
    pub observed: BTreeMap<String, Observed>,
    /// Pods and controllers that run as it.
    pub pods: Vec<PodOwner>,
    /// The manifest.
    pub origin: Option<Origin>,
}

impl Binding {
    /// Whether a running pod got what the binding promises; `None` without a running pod.
    pub fn pods_without_credentials(&self) -> Option<usize> {
        let running: Vec<_> = self.pods.iter().filter_map(|pod| pod.credentials).collect();
        (!running.is_empty()).then(|| running.iter().filter(|given| **given == PodCredentials::None).count())
    }

    /// Whether it is bound to this role in any way.
    pub(super) fn is_bound_to(&self, role: &str) -> bool {
        self.annotated.as_deref() == Some(role)
            || self.associated.contains(role)
            || self.targets.contains(role)
    }
}

type Key = (String, String, String);

/// Whether a cluster's text says which cluster it is: a folder's name does not.
pub(super) fn is_resolved(cluster: &str) -> bool {
    Arn::parse(cluster).is_some() || cluster.contains('.')
}

/// Every ServiceAccount that is bound, runs something or was observed; sorted by cluster, namespace and name.
pub fn bindings(inventory: &Inventory, usage: &Usage) -> Vec<Binding> {
    let mut rows: BTreeMap<Key, Binding> = BTreeMap::new();
    for account in &inventory.service_accounts {
        let cluster = account.cluster.clone().unwrap_or_default();
        let row = row(&mut rows, (cluster, account.namespace.clone(), account.name.clone()));
        row.annotated.clone_from(&account.role_arn);
        row.audience.clone_from(&account.audience);
        row.trust = account.role_arn.as_deref().map(|role| trust(inventory, role, account));
        row.origin = Some(account.origin.clone());
    }
    for owner in &inventory.pod_owners {
        let cluster = owner.cluster.clone().unwrap_or_default();
        let key = (cluster, owner.namespace.clone(), owner.service_account.clone());
        // Most pods of a cluster have nothing to do with AWS: only those of known ServiceAccounts are told.
        if let Some(row) = rows.get_mut(&key) {
            row.pods.push(owner.clone());
        }
    }
    for cluster in inventory.clusters.values() {
        let id = inventory.cluster_id(&cluster.arn);
        for association in &cluster.associations {
            let wanted = (id.clone(), association.namespace.clone(), association.service_account.clone());
            let key = place(&rows, wanted);
            let row = row(&mut rows, key);
            row.associated.insert(association.role_arn.clone());
            row.targets.extend(association.target_role_arn.clone());
            if row.trust.is_none() {
                row.trust = Some(pod_identity_trust(inventory, &association.role_arn));
            }
        }
    }
    for issuance in &usage.issuances {
        let (Some((wanted, is_irsa)), Some(role)) = (subject(issuance, inventory), &issuance.role_arn) else {
            continue;
        };
        let key = place(&rows, wanted);
        let seen = row(&mut rows, key).observed.entry(role.to_string()).or_default();
        let succeeded_before = seen.irsa + seen.pod_identity > 0;
        match (issuance.denied, is_irsa) {
            (true, _) => seen.denied += issuance.times(),
            (false, true) => seen.irsa += issuance.times(),
            (false, false) => seen.pod_identity += issuance.times(),
        }
        let (time, event) = issuance.last();
        let is_first_success = !issuance.denied && !succeeded_before;
        let is_later = seen.last.is_none_or(|last| (last, seen.event.as_str()) <= (time, event));
        if is_first_success || (issuance.denied != succeeded_before && is_later) {
            seen.last = Some(time);
            seen.event = event.to_string();
        }
    }
    rows.into_values().collect()
}

fn row(rows: &mut BTreeMap<Key, Binding>, key: Key) -> &mut Binding {
    let (cluster, namespace, service_account) = key.clone();
    rows.entry(key).or_insert_with(|| Binding { cluster, namespace, service_account, ..Binding::default() })
}

/// The row for a ServiceAccount of a known cluster: its own; else the one of that name from manifests that do not say which cluster they are for.
fn place(rows: &BTreeMap<Key, Binding>, wanted: Key) -> Key {
    if rows.contains_key(&wanted) {
        return wanted;
    }
    let mut same = rows.keys().filter(|(cluster, namespace, name)| {
        !is_resolved(cluster) && *namespace == wanted.1 && *name == wanted.2
    });
    match (same.next(), same.next()) {
        (Some(key), None) => key.clone(),
        _ => wanted,
    }
}

/// Which ServiceAccount an issuance was for, and whether by IRSA.
fn subject(issuance: &IssuanceFacts, inventory: &Inventory) -> Option<(Key, bool)> {
    match issuance.kind {
        IssuanceKind::AssumeRoleWithWebIdentity => {
            let subject = issuance.subject.as_deref()?.strip_prefix("system:serviceaccount:")?;
            let (namespace, name) = subject.split_once(':')?;
            let issuer = crate::eval::trust::issuer(issuance.provider.as_deref()?);
            Some(((inventory.cluster_id(issuer), namespace.to_owned(), name.to_owned()), true))
        }
        IssuanceKind::AssumeRole if issuance.caller.invoked_by.as_deref() == Some(POD_IDENTITY) => {
            let tag = |wanted: &str| {
                issuance.tags.iter().find(|(key, _)| &**key == wanted).map(|(_, value)| &**value)
            };
            let cluster = tag("eks-cluster-arn").or_else(|| tag("eks-cluster-name"))?;
            let (namespace, name) = (tag("kubernetes-namespace")?, tag("kubernetes-service-account")?);
            Some(((inventory.cluster_id(cluster), namespace.to_owned(), name.to_owned()), false))
        }
        _ => None,
    }
}

fn trust(inventory: &Inventory, role_arn: &str, account: &ServiceAccount) -> Trust {
    let Some(role) = inventory.role(role_arn) else { return missing(inventory, role_arn) };
    let audience = account.audience.as_deref().unwrap_or(USUAL_AUDIENCE);
    match may_admit_service_account(role, &account.namespace, &account.name, Some(audience)) {
        true => Trust::Admits,
        false => Trust::Refuses,
    }
}

fn pod_identity_trust(inventory: &Inventory, role_arn: &str) -> Trust {
    let Some(role) = inventory.role(role_arn) else { return missing(inventory, role_arn) };
    let Some(policy) = &role.trust else { return Trust::Unknown };
    let caller = crate::eval::trust::Caller::Service(POD_IDENTITY.to_owned());
    match crate::eval::trust::admits(policy, &caller).is_false() {
        true => Trust::Refuses,
        false => Trust::Admits,
    }
}

fn missing(inventory: &Inventory, role_arn: &str) -> Trust {
    let known = Arn::parse(role_arn).is_some_and(|arn| inventory.accounts.contains_key(arn.account));
    if known { Trust::RoleMissing } else { Trust::Unknown }
}

/// The clusters of which the manifests are here.
pub(super) fn covered_clusters(inventory: &Inventory) -> BTreeSet<&str> {
    inventory.service_accounts.iter().map(|account| account.cluster.as_deref().unwrap_or_default()).collect()
}
