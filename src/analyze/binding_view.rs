//! The table of bindings, for the report.

use std::collections::BTreeSet;

use crate::checks::{Binding, Trust};
use crate::report;

/// Rows of ServiceAccounts that have anything to do with AWS. `shows` says whether the logs of a role's account would show its sessions.
pub(super) fn bindings(table: &[Binding], shows: impl Fn(&str) -> bool) -> Vec<report::Binding> {
    table.iter().map(|binding| one(binding, &shows)).collect()
}

fn one(binding: &Binding, shows: &impl Fn(&str) -> bool) -> report::Binding {
    report::Binding {
        cluster: Some(binding.cluster.clone()).filter(|cluster| !cluster.is_empty()),
        namespace: binding.namespace.clone(),
        service_account: binding.service_account.clone(),
        annotated_role: binding.annotated.clone(),
        associated_roles: binding.associated.iter().cloned().collect(),
        trust: binding.trust.map(|trust| trust.as_str().to_owned()),
        observed: binding
            .observed
            .iter()
            .map(|(role, seen)| report::ObservedBinding {
                role: role.clone(),
                irsa: seen.irsa,
                pod_identity: seen.pod_identity,
                denied: seen.denied,
                last_seen: seen.last,
                event: seen.event.clone(),
            })
            .collect(),
        pods: binding.pods.len() as u64,
        pods_without_credentials: binding.pods_without_credentials().map(|n| n as u64),
        state: state(binding, shows).to_owned(),
        file: binding.origin.as_ref().map(|origin| origin.file.clone()),
    }
}

fn state(binding: &Binding, shows: &impl Fn(&str) -> bool) -> &'static str {
    let bound: BTreeSet<&str> = binding
        .annotated
        .iter()
        .chain(&binding.associated)
        .chain(&binding.targets)
        .map(String::as_str)
        .collect();
    let used: BTreeSet<&str> = binding
        .observed
        .iter()
        .filter(|(_, seen)| seen.irsa + seen.pod_identity > 0)
        .map(|(role, _)| role.as_str())
        .collect();
    let refused = binding.observed.values().any(|seen| seen.denied > 0);
    if bound.is_empty() && used.is_empty() {
        return if refused { "refused" } else { "unbound" };
    }
    if matches!(binding.trust, Some(Trust::Refuses | Trust::RoleMissing)) {
        return "not-bound";
    }
    if !used.is_subset(&bound) {
        // Without the manifest nothing is known of how it is bound.
        let is_known = binding.origin.is_some() || !binding.associated.is_empty();
        return if is_known { "drift" } else { "not-judged" };
    }
    if !used.is_empty() {
        return "ok";
    }
    if refused {
        return "refused";
    }
    if bound.iter().all(|role| shows(role)) { "never-assumed" } else { "not-judged" }
}
