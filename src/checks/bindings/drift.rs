//! Bindings that differ from what is observed.

use std::collections::{BTreeMap, BTreeSet};

use super::super::trust::who_came;
use super::super::{Case, counted, document, event, some_of};
use super::{Binding, covered_clusters, subject_of};
use crate::attribution::WorkloadKind;
use crate::finding::{Code, Confidence, Evidence, Finding, Severity};
use crate::rightsize::issuances_by_role;

fn place(binding: &Binding) -> Option<Evidence> {
    binding.origin.as_ref().map(|origin| document(origin, ""))
}

/// `assumed-not-annotated`: a ServiceAccount whose manifests are here assumed a role that nothing binds it to.
pub(in crate::checks) fn assumed_not_annotated(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let covered = covered_clusters(case.inventory);
    let with_associations: BTreeSet<String> = case
        .inventory
        .clusters
        .values()
        .filter(|cluster| !cluster.associations.is_empty())
        .map(|cluster| case.inventory.cluster_id(&cluster.arn))
        .collect();
    for binding in case.bindings {
        let mut unbound: Vec<(&str, &str, u64)> = Vec::new();
        for (role, seen) in &binding.observed {
            // What is bound is known only where the manifests, or the associations, of the cluster are.
            let irsa = seen.irsa > 0 && covered.contains(binding.cluster.as_str());
            let pod = seen.pod_identity > 0 && with_associations.contains(&binding.cluster);
            if (irsa || pod) && !binding.is_bound_to(role) {
                unbound.push((role, &seen.event, seen.irsa + seen.pod_identity));
            }
        }
        let Some((_, first, _)) = unbound.first() else { continue };
        let severity = if binding.annotated.is_some() { Severity::Medium } else { Severity::Low };
        let bound = match &binding.annotated {
            Some(role) => format!("It is annotated with `{role}`."),
            None if binding.origin.is_some() => "It carries no annotation.".to_owned(),
            None => "The manifests of its cluster have no such ServiceAccount.".to_owned(),
        };
        let seen: Vec<String> = unbound
            .iter()
            .map(|(role, _, sessions)| format!("{role} ({})", counted(*sessions, "session")))
            .collect();
        findings.push(
            Finding::new(Code::AssumedNotAnnotated, subject_of(binding), severity, event(first))
                .title(format!(
                    "ServiceAccount {}/{} assumed a role that nothing binds it to",
                    binding.namespace, binding.service_account
                ))
                .detail(format!("Assumed: {}. {bound}", some_of(seen.iter().map(String::as_str))))
                .evidence(unbound.iter().skip(1).map(|(_, id, _)| event(id)))
                .evidence(place(binding)),
        );
    }
}

/// `irsa-after-pod-identity`: a ServiceAccount with an association still exchanges tokens for sessions.
pub(in crate::checks) fn irsa_after_pod_identity(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for binding in case.bindings.iter().filter(|binding| !binding.associated.is_empty()) {
        let mut still = binding.observed.iter().filter(|(_, seen)| seen.irsa > 0).peekable();
        let Some((_, first)) = still.peek().map(|(role, seen)| (role.as_str(), *seen)) else { continue };
        let roles: Vec<&str> = still.clone().map(|(role, _)| role.as_str()).collect();
        let is_other = roles.iter().any(|role| !binding.associated.contains(*role));
        let severity = if is_other { Severity::Medium } else { Severity::Low };
        let sessions: u64 = still.clone().map(|(_, seen)| seen.irsa).sum();
        let last = first.last.map(|time| format!(", last at {time}")).unwrap_or_default();
        findings.push(
            Finding::new(Code::IrsaAfterPodIdentity, subject_of(binding), severity, event(&first.event))
                .title(format!(
                    "ServiceAccount {}/{} still uses IRSA beside its Pod Identity association",
                    binding.namespace, binding.service_account
                ))
                .detail(format!(
                    "{} by IRSA{last}, of {}. The association binds it to {}.",
                    counted(sessions, "session"),
                    some_of(roles),
                    some_of(binding.associated.iter().map(String::as_str))
                ))
                .evidence(still.map(|(_, seen)| event(&seen.event)))
                .evidence(place(binding)),
        );
    }
}

/// `node-role-fallback`: pods of a bound ServiceAccount run without what the webhook would give them.
pub(in crate::checks) fn node_role_fallback(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for binding in case.bindings {
        let bound = binding.annotated.iter().chain(&binding.associated).next();
        let (Some(role), Some(without)) = (bound, binding.pods_without_credentials()) else { continue };
        if without == 0 {
            continue;
        }
        let bare =
            binding.pods.iter().filter(|pod| pod.credentials == Some(crate::inventory::PodCredentials::None));
        let names: Vec<&str> = bare.clone().map(|pod| pod.name.as_str()).collect();
        let running = binding.pods.iter().filter(|pod| pod.credentials.is_some()).count();
        let mut places = bare.map(|pod| document(&pod.origin, ""));
        let Some(first) = places.next() else { continue };
        findings.push(
            Finding::new(Code::NodeRoleFallback, subject_of(binding), Severity::Medium, first)
                .title(format!(
                    "{} of {running} running pods of ServiceAccount {}/{} have no credentials of their own",
                    without, binding.namespace, binding.service_account
                ))
                .detail(format!(
                    "The ServiceAccount is bound to `{role}`, and the webhook put nothing into {}: their calls to AWS are made as the node's role, or fail.",
                    some_of(names)
                ))
                .evidence(places.take(15)),
        );
    }
}

/// `several-roles`: a ServiceAccount, or a pipeline, takes several roles directly.
pub(in crate::checks) fn several_roles(case: &Case<'_>, findings: &mut Vec<Finding>) {
    several_roles_of_pipelines(case, findings);
    for binding in case.bindings {
        let taken: Vec<(&String, &super::Observed)> =
            binding.observed.iter().filter(|(_, seen)| seen.irsa + seen.pod_identity > 0).collect();
        // A target role is taken through the association's own.
        let direct = taken.iter().filter(|(role, _)| !binding.targets.contains(*role)).count();
        let (true, Some((_, first))) = (direct > 1, taken.first()) else { continue };
        let counts: Vec<String> = taken
            .iter()
            .map(|(role, seen)| format!("{role} ({})", counted(seen.irsa + seen.pod_identity, "session")))
            .collect();
        findings.push(
            Finding::new(Code::SeveralRoles, subject_of(binding), Severity::Info, event(&first.event))
                .title(format!(
                    "ServiceAccount {}/{} used {direct} roles",
                    binding.namespace, binding.service_account
                ))
                .detail(format!("Roles: {}.", some_of(counts.iter().map(String::as_str))))
                .evidence(place(binding))
                .evidence(taken.iter().skip(1).map(|(_, seen)| event(&seen.event))),
        );
    }
}

fn several_roles_of_pipelines(case: &Case<'_>, findings: &mut Vec<Finding>) {
    use WorkloadKind::{Bitbucket, Buildkite, CircleCi, GithubActions, GitlabCi, TerraformCloud};
    let kinds = [Bitbucket, Buildkite, CircleCi, GithubActions, GitlabCi, TerraformCloud];
    let mut taken: BTreeMap<&str, BTreeMap<&str, (Option<&str>, u64)>> = BTreeMap::new();
    for (role, access) in &case.access.principals {
        // A chained role stands behind the one that opened the chain.
        let direct = |share: &&crate::attribution::WorkloadShare| {
            share.via.is_empty() && kinds.contains(&share.workload.kind)
        };
        for share in access.workloads.iter().filter(direct) {
            let mut uses = access.uses.iter().filter(|used| used.workloads.contains(&share.workload.id));
            let sample = uses.next().map(|used| &*used.sample);
            taken.entry(&share.workload.id).or_default().insert(role, (sample, share.sessions));
        }
    }
    for (workload, roles) in taken.into_iter().filter(|(_, roles)| roles.len() > 1) {
        let mut events = roles.values().filter_map(|(sample, _)| *sample).map(event);
        let fact = || Evidence::Fact(counted(roles.len() as u64, "role"));
        let first = events.next().unwrap_or_else(fact);
        let named: Vec<String> = roles
            .iter()
            .map(|(role, (_, sessions))| format!("{role} ({})", counted(*sessions, "session")))
            .collect();
        findings.push(
            Finding::new(Code::SeveralRoles, workload, Severity::Info, first)
                .title(format!("{workload} used {} roles", roles.len()))
                .detail(format!("Roles: {}.", some_of(named.iter().map(String::as_str))))
                .evidence(events),
        );
    }
}

/// `role-across-boundaries`: one role serves several namespaces, clusters or deployment environments.
pub(in crate::checks) fn role_across_boundaries(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let issuances = issuances_by_role(case.usage);
    for (one, role) in super::super::own_roles(case) {
        let mut namespaces: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut clusters: BTreeSet<&str> = BTreeSet::new();
        let mut environments: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
        for share in &one.access.workloads {
            let workload = &share.workload;
            // A chained role stands behind the one that opened the chain.
            if !share.via.is_empty() {
                continue;
            }
            if workload.kind == WorkloadKind::Kubernetes
                && let (Some(cluster), Some(namespace)) = (&workload.cluster, &workload.namespace)
            {
                clusters.insert(cluster);
                namespaces.insert((cluster, namespace));
            }
            for (label, id) in &share.labels.all {
                if label.kind == "environment" {
                    environments.entry(&workload.id).or_default().insert((&label.value, id));
                }
            }
        }
        let several_environments: BTreeSet<(&str, &str)> = environments.values().flatten().copied().collect();
        let names: BTreeSet<&str> = several_environments.iter().map(|(name, _)| *name).collect();
        let mut said = Vec::new();
        if clusters.len() > 1 {
            said.push(format!("Clusters: {}.", some_of(clusters.iter().copied())));
        }
        if namespaces.len() > 1 {
            let shown: BTreeSet<&str> = namespaces.iter().map(|(_, namespace)| *namespace).collect();
            said.push(format!("Namespaces: {}.", some_of(shown)));
        }
        if names.len() > 1 {
            said.push(format!("Environments: {}.", some_of(names.iter().copied())));
        }
        if said.is_empty() {
            continue;
        }
        let severity = if clusters.len() > 1 || names.len() > 1 { Severity::Medium } else { Severity::Low };
        let sessions: u64 = one.access.workloads.iter().map(|share| share.sessions).sum();
        findings.push(
            Finding::new(Code::RoleAcrossBoundaries, one.arn, severity, document(&role.origin, ""))
                .title(format!("Role {} serves workloads on both sides of a boundary", role.name))
                .detail(said.join(" "))
                .confidence(Confidence::High)
                .evidence([Evidence::Fact(counted(sessions, "session"))])
                .evidence(several_environments.iter().map(|(_, id)| event(id)).take(8))
                .evidence(who_came(one, issuances.get(one.arn).map_or(&[], Vec::as_slice)).1),
        );
    }
}
