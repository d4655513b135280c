//! EKS clusters, and the ServiceAccounts that Pod Identity binds to roles.

use aws_sdk_eks::Client;
use aws_sdk_eks::types::PodIdentityAssociation;
use serde_json::{Value, json};

use super::ask::{Account, Unread, pages};
use super::calls;
use super::shape::{Object, sorted};

/// The clusters of a Region by name, each as `describe-cluster` prints it, with its associations beside it. A cluster that fails leaves
/// the others.
pub(super) async fn clusters(
    account: &Account,
    region: &str,
) -> Result<(Vec<(String, Value)>, Vec<Unread>), Unread> {
    let client = Client::new(account.aws.in_region(region).config());
    let mut names: Vec<String> = Vec::new();
    let asked = client.list_clusters().into_paginator();
    pages!(account, &calls::LIST_CLUSTERS, region, asked, |page| names
        .extend(page.clusters().iter().cloned()))?;
    names.sort();
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for name in names {
        match cluster(account, &client, region, &name).await {
            Ok(value) => found.push((name, value)),
            Err(unread) => failed.push(unread),
        }
    }
    Ok((found, failed))
}

async fn cluster(account: &Account, client: &Client, region: &str, name: &str) -> Result<Value, Unread> {
    let on = format!("{name} in {region}");
    let asked = client.describe_cluster().name(name).send();
    let described = account.ask(&calls::DESCRIBE_CLUSTER, &on, asked).await?;
    let cluster = described.cluster().map(|cluster| {
        let issuer = cluster.identity().and_then(|identity| identity.oidc()).and_then(|oidc| oidc.issuer());
        Object::default()
            .text("name", cluster.name())
            .text("arn", cluster.arn())
            .time("createdAt", cluster.created_at())
            .text("version", cluster.version())
            .text("roleArn", cluster.role_arn())
            .value("identity", issuer.map(|issuer| json!({"oidc": {"issuer": issuer}})))
            .build()
    });
    let mut ids: Vec<String> = Vec::new();
    let listed = client.list_pod_identity_associations().cluster_name(name).into_paginator();
    pages!(account, &calls::LIST_ASSOCIATIONS, on.as_str(), listed, |page| {
        ids.extend(page.associations().iter().filter_map(|one| one.association_id()).map(str::to_owned));
    })?;
    let mut associations = Vec::new();
    for id in ids {
        // The list leaves out the role.
        let asked = client.describe_pod_identity_association().cluster_name(name).association_id(&id).send();
        let described = account.ask(&calls::DESCRIBE_ASSOCIATION, &format!("{id} of {on}"), asked).await?;
        associations.extend(described.association().map(association));
    }
    Ok(Object::default()
        .value("cluster", cluster)
        .value("associations", Some(sorted(associations, &["namespace", "serviceAccount", "associationId"])))
        .build())
}

fn association(association: &PodIdentityAssociation) -> Value {
    Object::default()
        .text("clusterName", association.cluster_name())
        .text("namespace", association.namespace())
        .text("serviceAccount", association.service_account())
        .text("roleArn", association.role_arn())
        .text("associationArn", association.association_arn())
        .text("associationId", association.association_id())
        .value("disableSessionTags", association.disable_session_tags().map(Into::into))
        .text("targetRoleArn", association.target_role_arn())
        .build()
}
