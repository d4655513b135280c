//! What lies beside an account's IAM in a snapshot: OIDC providers, clusters and Pod Identity associations.

use super::organization::OrganizationPage;
use super::page::{Association, ClusterDetail, ClusterEntry, Eks, Oidc, OidcEntry, Saml};
use super::snapshot::{Builder, shape};
use super::{InventoryError, OidcProvider, Origin, PodIdentityAssociation};
use crate::ident::Arn;

impl Builder {
    pub(super) fn oidc(&mut self, oidc: Oidc, file: &str, pointer: &str) {
        for entry in oidc.list.into_iter().chain([oidc.single]) {
            let origin = Origin { file: file.to_owned(), at: pointer.to_owned() };
            match entry {
                OidcEntry { arn: Some(arn), client_ids, .. } => self.oidc_provider(&arn, client_ids, &origin),
                OidcEntry { arn: None, url: Some(url), client_ids } => {
                    self.oidc_urls.push((bare_issuer(&url).to_owned(), client_ids, origin));
                }
                OidcEntry { arn: None, url: None, .. } => {}
            }
        }
    }

    fn oidc_provider(&mut self, arn: &str, client_ids: Vec<String>, origin: &Origin) {
        let Some(account) = Arn::parse(arn).map(|arn| arn.account.to_owned()) else {
            self.problem(origin, &format!("expected the ARN of an OIDC provider, found `{arn}`"));
            return;
        };
        let providers = &mut self.account(&account).oidc_providers;
        match providers.iter_mut().find(|known| known.arn == arn) {
            Some(known) => known.client_ids.extend(client_ids),
            None => providers.push(OidcProvider { arn: arn.to_owned(), client_ids }),
        }
    }

    pub(super) fn saml(&mut self, saml: Saml, file: &str, pointer: &str) {
        for entry in saml.list {
            let Some(account) = Arn::parse(&entry.arn).map(|arn| arn.account.to_owned()) else {
                let origin = Origin { file: file.to_owned(), at: pointer.to_owned() };
                self.problem(&origin, &format!("expected the ARN of a SAML provider, found `{}`", entry.arn));
                continue;
            };
            self.account(&account).saml_providers.insert(entry.arn);
        }
    }

    pub(super) fn organization(&mut self, page: OrganizationPage<'_>, file: &str, pointer: &str) {
        let origin = Origin { file: file.to_owned(), at: pointer.to_owned() };
        let mut problems = Vec::new();
        let organization = self.inventory.organization.get_or_insert_default();
        page.add_to(organization, &origin, &mut |origin, text| {
            problems.push((origin.clone(), text.to_owned()))
        });
        for (origin, text) in problems {
            self.problem(&origin, &text);
        }
    }

    pub(super) fn eks(&mut self, eks: Eks, file: &str, pointer: &str) -> Result<(), InventoryError> {
        let origin = Origin { file: file.to_owned(), at: pointer.to_owned() };
        let listed = eks.clusters.into_iter().filter_map(|entry| match entry {
            ClusterEntry::Detail(cluster) | ClusterEntry::Wrapped { cluster } => Some(*cluster),
            ClusterEntry::Name(_) => None,
        });
        let context = eks.cluster.as_ref().map(|cluster| cluster.arn.clone());
        for cluster in eks.cluster.into_iter().chain(listed) {
            self.cluster(cluster, &origin)?;
        }
        for association in eks.association.into_iter().chain(eks.associations) {
            self.association(association, context.as_deref(), &origin);
        }
        Ok(())
    }

    fn cluster(&mut self, detail: ClusterDetail, origin: &Origin) -> Result<(), InventoryError> {
        if Arn::parse(&detail.arn).is_none_or(|arn| arn.service != "eks") {
            return Err(shape(origin, &format!("expected the ARN of a cluster, found `{}`", detail.arn)));
        }
        let issuer = detail.identity.oidc.issuer.map(|issuer| bare_issuer(&issuer).to_owned());
        let cluster = self.inventory.clusters.entry(detail.arn.clone()).or_default();
        cluster.arn.clone_from(&detail.arn);
        cluster.issuer = cluster.issuer.take().or(issuer);
        for association in detail.associations {
            self.association(association, Some(&detail.arn), origin);
        }
        Ok(())
    }

    fn association(&mut self, association: Association, context: Option<&str>, origin: &Origin) {
        let cluster = association
            .cluster_arn
            .or_else(|| cluster_of_association(association.association_arn.as_deref()?))
            .or_else(|| context.map(str::to_owned))
            .or_else(|| association.cluster_name.clone());
        let (Some(cluster), Some(role_arn)) = (cluster, association.role_arn) else {
            // `list-pod-identity-associations` leaves the role out; `describe-pod-identity-association` has it.
            let text = format!(
                "the Pod Identity association of `{}/{}` names no cluster or no role",
                association.namespace, association.service_account
            );
            self.problem(origin, &text);
            return;
        };
        let binding = PodIdentityAssociation {
            namespace: association.namespace,
            service_account: association.service_account,
            role_arn,
            target_role_arn: association.target_role_arn.filter(|arn| !arn.is_empty()),
            session_tags_disabled: association.disable_session_tags.unwrap_or(false),
        };
        self.associations.push((cluster, binding));
    }

    /// Gives client ids read with a URL only to the listed provider of that URL.
    pub(super) fn tie_oidc(&mut self) {
        for (url, client_ids, origin) in std::mem::take(&mut self.oidc_urls) {
            let suffix = format!(":oidc-provider/{url}");
            let mut owners = self
                .inventory
                .accounts
                .values_mut()
                .flat_map(|account| &mut account.oidc_providers)
                .filter(|provider| provider.arn.ends_with(&suffix));
            match (owners.next(), owners.next()) {
                (Some(provider), None) => provider.client_ids.extend(client_ids),
                _ => self.problem(&origin, &format!("no single provider ARN is known for the URL `{url}`")),
            }
        }
        for account in self.inventory.accounts.values_mut() {
            account.oidc_providers.sort();
            for provider in &mut account.oidc_providers {
                provider.client_ids.sort();
                provider.client_ids.dedup();
            }
        }
    }

    /// Hangs associations under their clusters; one known by name only needs exactly one cluster of that name.
    pub(super) fn tie_associations(&mut self) {
        for (cluster, association) in std::mem::take(&mut self.associations) {
            let arn = if Arn::parse(&cluster).is_some() {
                Some(cluster.clone())
            } else {
                self.inventory.cluster_by_name(&cluster).map(|known| known.arn.clone())
            };
            let Some(arn) = arn else {
                let text =
                    format!("no single cluster is known for the Pod Identity associations of `{cluster}`");
                self.problem(&Origin { file: cluster, at: String::new() }, &text);
                continue;
            };
            let known = self.inventory.clusters.entry(arn.clone()).or_default();
            known.arn = arn;
            known.associations.push(association);
        }
        for cluster in self.inventory.clusters.values_mut() {
            cluster.associations.sort();
            cluster.associations.dedup();
        }
    }
}

/// An issuer's host and path.
fn bare_issuer(url: &str) -> &str {
    let bare = url.trim().strip_prefix("https://").unwrap_or(url.trim());
    bare.trim_end_matches('/')
}

/// `arn:P:eks:R:A:podidentityassociation/CLUSTER/ID` names its cluster.
fn cluster_of_association(arn: &str) -> Option<String> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "eks")?;
    let (name, _) = arn.resource.strip_prefix("podidentityassociation/")?.split_once('/')?;
    Some(format!("arn:{}:eks:{}:{}:cluster/{name}", arn.partition, arn.region, arn.account))
}
