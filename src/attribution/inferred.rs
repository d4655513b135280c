//! Workloads inferred where the issuance is not in the logs: trust policies and Pod Identity associations that leave one only.

use std::collections::BTreeSet;

use super::resolve::{BY_ASSOCIATION, BY_TRUST, LAMBDA, Resolver, Step, one};
use super::trust::{self, Subject};
use super::{Grade, Workload, WorkloadKind, ids, sessions};
use crate::ident::{Arn, POD_IDENTITY};
use crate::inventory::{PodIdentityAssociation, Role};
use crate::usage::SessionFacts;

/// Hops over trust policies alone.
const MAX_TRUST_HOPS: usize = 8;

impl Resolver<'_> {
    /// The one ServiceAccount that Pod Identity associations bind to the role.
    pub(super) fn sole_association(&self, role_arn: &str) -> Option<Workload> {
        self.sole_bound(|association| {
            association.role_arn == role_arn || association.target_role_arn.as_deref() == Some(role_arn)
        })
    }

    /// The one ServiceAccount whose pods get from one role to the other by a Pod Identity association.
    pub(super) fn sole_target(&self, role_arn: &str, target: &str) -> Option<Workload> {
        self.sole_bound(|association| {
            association.role_arn == role_arn && association.target_role_arn.as_deref() == Some(target)
        })
    }

    fn sole_bound(&self, is_wanted: impl Fn(&PodIdentityAssociation) -> bool) -> Option<Workload> {
        let mut found = BTreeSet::new();
        for cluster in self.inventory.clusters.values() {
            for association in &cluster.associations {
                if is_wanted(association) {
                    let (namespace, name) = (&association.namespace, &association.service_account);
                    found.insert(ids::kubernetes(&cluster.arn, namespace, name, self.inventory));
                }
            }
        }
        one(found)
    }

    pub(super) fn by_trust(&self, role: &Role, facts: &SessionFacts) -> Option<Step> {
        let provider = facts.federated_provider.as_deref();
        let (mut workload, via) = self.trusted(role, provider, MAX_TRUST_HOPS)?;
        let pod_role = workload.kind == WorkloadKind::Kubernetes && via.is_empty() && provider.is_none();
        let by_association = pod_role && self.sole_association(&role.arn).as_ref() == Some(&workload);
        let reason = if by_association { BY_ASSOCIATION } else { BY_TRUST };
        if via.is_empty() && workload == ids::service(LAMBDA, &role.name, None) {
            // Only Lambda can have opened the session, and it names sessions after the function.
            let function = sessions::session_name(facts).and_then(ids::function_of_session);
            workload = ids::service(LAMBDA, &role.name, function);
        }
        Some(Step::Start { workload, grade: Grade::Inferred, reason, evidence: Vec::new(), via })
    }

    /// The one workload behind all sessions of a role of which nothing but its id is known.
    pub(super) fn trusted_alone(&self, role: &Role) -> Option<(Workload, Vec<String>)> {
        self.trusted(role, None, MAX_TRUST_HOPS)
    }

    /// The one workload a role's trust policy admits, and the roles between the two.
    fn trusted(&self, role: &Role, provider: Option<&str>, hops: usize) -> Option<(Workload, Vec<String>)> {
        let hops = hops.checked_sub(1)?;
        let mut found = BTreeSet::new();
        for subject in trust::admitted(role, provider)? {
            found.insert(match subject {
                Subject::Principal(arn) if !arn.contains(":user/") => {
                    let (workload, mut via) = match self.inventory.role(&arn) {
                        Some(role) => self.trusted(role, None, hops)?,
                        // A role of an account of which nothing is here.
                        None => {
                            let account = self.unknown_account(&arn)?;
                            (ids::workload(WorkloadKind::Account, account), Vec::new())
                        }
                    };
                    via.push(arn);
                    (workload, via)
                }
                subject => (self.subject(subject, role)?, Vec::new()),
            });
        }
        one(found)
    }

    fn subject(&self, subject: Subject, role: &Role) -> Option<Workload> {
        match subject {
            Subject::Web { provider, subject } => {
                ids::web_identity_pattern(&provider, &subject, self.inventory)
            }
            Subject::Pod { cluster, namespace, service_account } => {
                Some(ids::kubernetes(&cluster, &namespace, &service_account, self.inventory))
            }
            Subject::Service(service) if service == POD_IDENTITY => self.sole_association(&role.arn),
            Subject::Service(service) => {
                Some(ids::service_with_role(&service, &role.arn, &role.name, None, self.inventory))
            }
            Subject::Account(account) => {
                let unknown = self.unknown_account_id(&account);
                unknown.then(|| ids::workload(WorkloadKind::Account, &account))
            }
            Subject::Principal(arn) => Some(ids::workload(WorkloadKind::IamUser, &arn)),
        }
    }

    /// The account of an ARN when neither its logs nor its snapshot are here.
    pub(super) fn unknown_account<'b>(&self, arn: &'b str) -> Option<&'b str> {
        let account = Arn::parse(arn)?.account;
        self.unknown_account_id(account).then_some(account)
    }

    fn unknown_account_id(&self, account: &str) -> bool {
        !self.inventory.accounts.contains_key(account)
            && !self.usage.observation.regions.contains_key(account)
    }
}
