//! ServiceAccounts and the roles they name.

mod drift;
mod table;

use std::collections::BTreeSet;

use super::{Case, counted, document, event, some_of};
use crate::eval::trust::issuer;
use crate::explain::{Assumption, assumption};
use crate::finding::{Code, Evidence, Finding, Severity};
use crate::ident::{Arn, POD_IDENTITY};
use crate::usage::IssuanceFacts;

pub(super) use drift::{
    assumed_not_annotated, irsa_after_pod_identity, node_role_fallback, role_across_boundaries, several_roles,
};
pub use table::{Binding, Observed, Trust, bindings};
use table::{USUAL_AUDIENCE, covered_clusters};

/// What a ServiceAccount is called in findings.
fn subject_of(binding: &Binding) -> String {
    let cluster = if binding.cluster.is_empty() { "unknown-cluster" } else { binding.cluster.as_str() };
    format!("{cluster}/{}/{}", binding.namespace, binding.service_account)
}

/// `service-account-not-bound`: the annotation or association names a role that does not exist or does not trust the ServiceAccount.
pub(super) fn service_account_not_bound(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for binding in case.bindings {
        let Some(role_arn) =
            binding.annotated.as_deref().or_else(|| binding.associated.first().map(String::as_str))
        else {
            continue;
        };
        if !matches!(binding.trust, Some(Trust::Refuses | Trust::RoleMissing)) {
            continue;
        }
        let role = case.inventory.role(role_arn);
        let refused = binding.observed.get(role_arn).filter(|seen| seen.denied > 0);
        let places = binding.origin.iter().map(|origin| document(origin, ""));
        let places = places.chain(role.map(|role| document(&role.origin, "")));
        let places = places.chain(refused.map(|seen| event(&seen.event)));
        let fact = || Evidence::Fact(format!("A Pod Identity association names `{role_arn}`."));
        let mut places = places.chain(binding.annotated.is_none().then(fact));
        let Some(first) = places.next() else { continue };
        findings.push(
            Finding::new(Code::ServiceAccountNotBound, subject_of(binding), Severity::Medium, first)
                .title(format!(
                    "ServiceAccount {}/{} cannot assume the role it names",
                    binding.namespace, binding.service_account
                ))
                .detail(match refused {
                    Some(seen) => {
                        format!(
                            "{} It tried: {}.",
                            why_not(case, binding, role_arn),
                            counted(seen.denied, "refusal")
                        )
                    }
                    None => why_not(case, binding, role_arn),
                })
                .evidence(places),
        );
    }
    for values in &case.inventory.helm_values {
        let known =
            Arn::parse(&values.role_arn).is_some_and(|arn| case.inventory.accounts.contains_key(arn.account));
        if !known || case.inventory.role(&values.role_arn).is_some() {
            continue;
        }
        let subject = format!("{}#{}", values.origin.file, values.origin.at);
        findings.push(
            Finding::new(
                Code::ServiceAccountNotBound,
                subject,
                Severity::Medium,
                document(&values.origin, ""),
            )
            .title("Helm values annotate a ServiceAccount with a role that does not exist")
            .detail(format!("The snapshot of the account has no role `{}`.", values.role_arn)),
        );
    }
}

/// Why a bound role cannot be assumed, with the nearest match.
fn why_not(case: &Case<'_>, binding: &Binding, role_arn: &str) -> String {
    let is_annotated = binding.annotated.is_some();
    let subject = match is_annotated {
        true => format!("system:serviceaccount:{}:{}", binding.namespace, binding.service_account),
        false => POD_IDENTITY.to_owned(),
    };
    let provider = case.inventory.cluster(&binding.cluster).and_then(|cluster| cluster.issuer.clone());
    let question = Assumption {
        role: role_arn.to_owned(),
        subject,
        audience: is_annotated.then(|| binding.audience.clone().unwrap_or_else(|| USUAL_AUDIENCE.to_owned())),
        // A cluster whose issuer no trust policy names is told apart from a wrong subject.
        provider: provider.map(|text| issuer(&text).to_owned()).filter(|_| is_annotated),
        external_id: None,
    };
    assumption(&question, case.inventory).reason
}

/// `annotated-never-assumed`: over a covered window no session of the role came from the ServiceAccount that is bound to it, by annotation or by
/// association.
pub(super) fn annotated_never_assumed(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for binding in case.bindings {
        let bound = binding.annotated.iter().chain(&binding.associated).collect::<BTreeSet<_>>();
        let mut silent: Vec<(&str, bool)> = Vec::new();
        for role_arn in bound {
            let Some(role) = case.inventory.role(role_arn) else { continue };
            let shows = case.coverage.account(&role.account).shows_assumptions();
            if shows && !may_have_come(case, binding, role_arn) {
                let access = case.access.principals.get(role_arn);
                silent.push((role_arn, access.is_some_and(|access| !access.workloads.is_empty())));
            }
        }
        let Some((first, _)) = silent.first() else { continue };
        let others = silent.iter().any(|(_, others)| *others);
        let severity = if others { Severity::Medium } else { Severity::Low };
        let fact = match others {
            true => "Other workloads used the role in the window.",
            false => "Nobody used the role in the window.",
        };
        let by_pod_identity = binding.annotated.as_deref() != Some(*first);
        let how = if by_pod_identity { "is associated with" } else { "names" };
        // What runs as it calls AWS as the node, if it calls at all.
        let pods = match binding.pods.len() {
            0 => String::new(),
            n => format!(
                " {} run as it: they call AWS as the node's role, or not at all.",
                counted(n as u64, "pod or controller")
            ),
        };
        let roles = some_of(silent.iter().map(|(role, _)| *role));
        let mut places = binding.origin.iter().map(|origin| document(origin, ""));
        let told = Evidence::Fact(fact.to_owned());
        let place = places
            .next()
            .unwrap_or_else(|| Evidence::Fact(format!("A Pod Identity association names {roles}.")));
        findings.push(
            Finding::new(Code::AnnotatedNeverAssumed, subject_of(binding), severity, place)
                .title(format!(
                    "ServiceAccount {}/{} never assumed the role it {how}",
                    binding.namespace, binding.service_account
                ))
                .detail(format!("It {how} {roles}. {fact}{pods}"))
                .evidence([told]),
        );
    }
}

/// Whether a session of the role came from the ServiceAccount, or may have: issued credentials that were never used are an assumption all the
/// same, and pods without session tags are not told apart.
fn may_have_come(case: &Case<'_>, binding: &Binding, role_arn: &str) -> bool {
    if binding.observed.get(role_arn).is_some_and(|seen| seen.irsa + seen.pod_identity > 0) {
        return true;
    }
    let is_here = |cluster: &str| {
        !table::is_resolved(&binding.cluster) || case.inventory.cluster_id(cluster) == binding.cluster
    };
    let access = case.access.principals.get(role_arn);
    let came = access.into_iter().flat_map(|access| &access.workloads).any(|share| {
        let workload = &share.workload;
        workload.namespace.as_deref() == Some(&binding.namespace)
            && workload.service_account.as_deref() == Some(&binding.service_account)
            && workload.cluster.as_deref().is_some_and(is_here)
    });
    let is_untagged = |issuance: &&IssuanceFacts| {
        issuance.caller.invoked_by.as_deref() == Some(POD_IDENTITY)
            && issuance.role_arn.as_deref() == Some(role_arn)
            && !issuance.tags.iter().any(|(key, _)| &**key == "kubernetes-service-account")
    };
    let by_association = binding.associated.contains(role_arn);
    came || by_association && case.usage.issuances.iter().any(|issuance| is_untagged(&issuance))
}
