//! The labels of one session, from its issuances, its own records and its user agents.

use std::collections::HashMap;

use super::dag::Dags;
use super::{Basis, LONGEST_VALUE, Label, Labels, issuance, platform};
use crate::attribution::{Attribution, Workload, WorkloadKind};
use crate::inventory::Inventory;
use crate::usage::{Agents, IssuanceFacts, SessionFacts, Usage};

/// Looks labels up, session by session.
pub(in crate::attribution) struct Labeller<'a> {
    by_event: HashMap<&'a str, &'a IssuanceFacts>,
    agents: &'a Agents,
    dags: Dags<'a>,
    inventory: &'a Inventory,
}

impl<'a> Labeller<'a> {
    pub(in crate::attribution) fn new(usage: &'a Usage, inventory: &'a Inventory) -> Self {
        let mut by_event: HashMap<&str, &IssuanceFacts> = HashMap::new();
        for issuance in &usage.issuances {
            // Ids of made-up records may repeat: the same one wins whatever the order.
            let known = by_event.entry(&issuance.event_id).or_insert(issuance);
            *known = (*known).min(issuance);
        }
        Self { by_event, agents: &usage.agents, dags: Dags::new(&inventory.airflow_dags), inventory }
    }

    /// The labels of one session; `call` is the id of a call it made.
    pub(in crate::attribution) fn of(
        &self,
        facts: &SessionFacts,
        attribution: &Attribution,
        call: &str,
    ) -> Labels {
        let mut labels = Labels::default();
        let Some(workload) = &attribution.workload else { return labels };
        let issued = attribution.evidence.iter().filter_map(|id| self.by_event.get(id.as_str()).copied());
        let cluster = workload.cluster.as_deref().and_then(|cluster| self.inventory.cluster(cluster));
        let cluster = cluster.map(crate::inventory::Cluster::name);
        for issuance in issued {
            let event = &*issuance.event_id;
            if let Some(opener) = issuance::opener(issuance) {
                labels.open(opener);
            }
            for (kind, value, basis) in issuance::told(issuance, cluster) {
                add(&mut labels, kind, &value, basis, event);
            }
        }
        // Set once and carried along the whole chain: every later record shows it.
        if let Some(identity) = &facts.source_identity {
            let (kind, value, basis) = issuance::source_identity(identity, is_by_certificate(workload));
            add(&mut labels, kind, &value, basis, call);
        }
        let first = attribution.evidence.first().map_or(call, String::as_str);
        of_service_account(&mut labels, workload, first);
        let (principal, arn, key) = (&facts.principal_id, &facts.arn, &facts.access_key);
        if let Some(tasks) = self.agents.of(principal.as_deref(), arn.as_deref(), key.as_deref()) {
            for (task, (_, event)) in tasks {
                if let Some(operator) = &task.operator {
                    add(&mut labels, "airflow-operator", operator, Basis::UserAgent, event);
                }
                match task.dag_key.as_deref().map(|key| (key, self.dags.name(key))) {
                    Some((_, Some(name))) => add(&mut labels, "airflow-dag", name, Basis::UserAgent, event),
                    Some((key, None)) => add(&mut labels, "airflow-dag-key", key, Basis::UserAgent, event),
                    None => {}
                }
            }
        }
        labels
    }
}

/// What the name of a ServiceAccount tells by the conventions of platforms.
fn of_service_account(labels: &mut Labels, workload: &Workload, event: &str) {
    let (WorkloadKind::Kubernetes, Some(namespace), Some(account)) =
        (workload.kind, &workload.namespace, &workload.service_account)
    else {
        return;
    };
    if let Some((deployment, component)) = platform::astronomer(namespace, account) {
        add(labels, "astronomer-deployment", deployment, Basis::ServiceAccount, event);
        add(labels, "astronomer-component", component, Basis::ServiceAccount, event);
    }
    if let Some((component, role)) = platform::emr_on_eks(account) {
        add(labels, "emr-component", component, Basis::ServiceAccount, event);
        add(labels, "emr-role", &role, Basis::ServiceAccount, event);
    }
}

fn is_by_certificate(workload: &Workload) -> bool {
    workload.kind == WorkloadKind::Service && workload.id.starts_with("service:rolesanywhere.amazonaws.com/")
}

fn add(labels: &mut Labels, kind: &'static str, value: &str, basis: Basis, event: &str) {
    let value: String = value.chars().take(LONGEST_VALUE).collect();
    if !value.is_empty() {
        labels.insert(Label { kind, value, basis }, event);
    }
}
