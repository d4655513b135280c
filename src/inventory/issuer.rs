//! Which OIDC issuer a cluster has, learnt from its ServiceAccounts and the roles they are annotated with.
//!
//! A folder of manifests names a cluster; a ServiceAccount in it is annotated with a role; the role's trust policy admits exactly that
//! ServiceAccount from an issuer: then the issuer is the cluster's. A folder whose roles disagree teaches nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inventory, Role, ServiceAccount};
use crate::ident::glob::Glob;
use crate::policy::{Effect, PrincipalElement, PrincipalPattern};

/// Fills [`Inventory::learnt_issuers`] and spells the clusters of ServiceAccounts accordingly.
pub(super) fn learn(inventory: &mut Inventory) {
    let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for account in &inventory.service_accounts {
        let (Some(cluster), Some(role)) = (&account.cluster, &account.role_arn) else { continue };
        // A cluster of which the snapshot tells the ARN only is spelled by it.
        let name = cluster.rsplit_once(":cluster/").map_or(cluster.as_str(), |(_, name)| name);
        let Some(role) = inventory.role(role) else { continue };
        let issuers = found.entry((role.account.clone(), name.to_owned())).or_default();
        issuers.extend(issuers_that_admit(role, account));
    }
    for (cluster, issuers) in found {
        let mut issuers = issuers.into_iter();
        if let (Some(issuer), None) = (issuers.next(), issuers.next()) {
            inventory.learnt_issuers.insert(cluster, issuer);
        }
    }
    let mut accounts = std::mem::take(&mut inventory.service_accounts);
    for account in &mut accounts {
        account.cluster = account.cluster.take().map(|cluster| inventory.cluster_id(&cluster));
    }
    inventory.service_accounts = accounts;
    // Every owner of a cluster spells it as its ServiceAccounts do.
    let mut owners = std::mem::take(&mut inventory.pod_owners);
    for owner in &mut owners {
        owner.cluster = owner.cluster.take().map(|cluster| inventory.cluster_id(&cluster));
    }
    inventory.pod_owners = owners;
    let mut values = std::mem::take(&mut inventory.helm_values);
    for value in &mut values {
        value.cluster = value.cluster.take().map(|cluster| inventory.cluster_id(&cluster));
    }
    inventory.helm_values = values;
}

/// The issuers from which the role's trust policy admits the ServiceAccount by name.
fn issuers_that_admit(role: &Role, account: &ServiceAccount) -> BTreeSet<String> {
    let subject = format!("system:serviceaccount:{}:{}", account.namespace, account.name);
    let mut issuers = BTreeSet::new();
    for statement in role.trust.iter().flat_map(|trust| &trust.statements) {
        let (Effect::Allow, Some(PrincipalElement::Only(principals))) =
            (statement.effect, &statement.principal)
        else {
            continue;
        };
        for principal in principals {
            let PrincipalPattern::Federated(provider) = principal else { continue };
            let Some((_, issuer)) = provider.split_once(":oidc-provider/") else { continue };
            let key = format!("{issuer}:sub");
            let admits = statement.conditions.iter().any(|condition| {
                let operator = condition.operator.to_ascii_lowercase();
                let matches = |value: &String| match operator.as_str() {
                    "stringequals" => *value == subject,
                    "stringlike" => Glob::new(value).matches(&subject),
                    _ => false,
                };
                condition.key.eq_ignore_ascii_case(&key) && condition.values.iter().any(matches)
            });
            if admits {
                issuers.insert(issuer.to_owned());
            }
        }
    }
    issuers
}
