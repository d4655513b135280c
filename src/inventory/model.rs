//! The granted side as plain data.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ecs, LastAccessed, LaunchTemplate, Organization, Trail};
use crate::ident::Time;
use crate::integrity::PublicKeys;
use crate::policy::Policy;

/// Where a piece of the snapshot was read.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    /// The file, as named by the user.
    pub file: String,
    /// JSON pointer (or line, for YAML) inside it.
    pub at: String,
}

/// How a policy is attached.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AttachedKind {
    /// Embedded in the principal.
    Inline,
    /// A customer managed policy.
    Managed,
    /// A policy AWS maintains.
    AwsManaged,
}

/// A policy attached to a principal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attached {
    /// The policy's name.
    pub name: String,
    /// ARN of a managed policy.
    pub arn: Option<String>,
    /// See [`AttachedKind`].
    pub kind: AttachedKind,
    /// Reached through this group (users only).
    pub via_group: Option<String>,
    /// The document; `None` when the snapshot names the policy but lacks its text: the grant is then not fully known.
    pub document: Option<Policy>,
    /// Where it was read.
    pub origin: Origin,
}

/// An IAM role.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Role {
    /// With path.
    pub arn: String,
    /// The role's name.
    pub name: String,
    /// `/` or `/…/`.
    pub path: String,
    /// `AROA…`.
    pub id: String,
    /// The account id.
    pub account: String,
    /// `AssumeRolePolicyDocument`.
    pub trust: Option<Policy>,
    /// Inline and managed policies, in snapshot order.
    pub policies: Vec<Attached>,
    /// The permissions boundary.
    pub boundary: Option<Attached>,
    /// `RoleLastUsed.LastUsedDate`.
    pub last_used: Option<Time>,
    /// `CreateDate`.
    pub created: Option<Time>,
    /// `MaxSessionDuration`, in seconds.
    pub max_session: Option<i64>,
    /// Sorted by key.
    pub tags: Vec<(String, String)>,
    /// ARNs of instance profiles that hold the role.
    pub instance_profiles: Vec<String>,
    /// Where it was read.
    pub origin: Origin,
}

impl Role {
    /// A role AWS owns (`/aws-service-role/…`): its policy cannot be changed and is left out of proposals.
    pub fn is_service_linked(&self) -> bool {
        self.path.starts_with("/aws-service-role/")
    }

    /// A role of Identity Center (`/aws-reserved/sso.amazonaws.com/…`), changed through its permission set only.
    pub fn is_permission_set(&self) -> bool {
        self.path.starts_with("/aws-reserved/sso.amazonaws.com/")
    }
}

/// An IAM user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// With path.
    pub arn: String,
    /// The user's name.
    pub name: String,
    /// `AIDA…`.
    pub id: String,
    /// The account id.
    pub account: String,
    /// Own policies and those of the groups.
    pub policies: Vec<Attached>,
    /// The permissions boundary.
    pub boundary: Option<Attached>,
    /// Where it was read.
    pub origin: Origin,
}

/// An IAM group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Group {
    /// With path.
    pub arn: String,
    /// The group's name.
    pub name: String,
    /// Attached policies.
    pub policies: Vec<Attached>,
}

/// An OIDC identity provider of an account.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct OidcProvider {
    /// `arn:…:oidc-provider/HOST/PATH`.
    pub arn: String,
    /// Audiences registered.
    pub client_ids: Vec<String>,
}

/// One account's IAM.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Account {
    /// By ARN.
    pub roles: BTreeMap<String, Role>,
    /// By ARN.
    pub users: BTreeMap<String, User>,
    /// By ARN.
    pub groups: BTreeMap<String, Group>,
    /// Sorted.
    pub oidc_providers: Vec<OidcProvider>,
    /// ARNs.
    pub saml_providers: BTreeSet<String>,
}

/// An EKS cluster.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cluster {
    /// `arn:…:cluster/NAME`.
    pub arn: String,
    /// The OIDC issuer without `https://`.
    pub issuer: Option<String>,
    /// Pod Identity associations.
    pub associations: Vec<PodIdentityAssociation>,
}

impl Cluster {
    /// The name at the end of the ARN.
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

/// An EKS Pod Identity association.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct PodIdentityAssociation {
    /// Kubernetes namespace.
    pub namespace: String,
    /// ServiceAccount name.
    pub service_account: String,
    /// The role.
    pub role_arn: String,
    /// The target role, when the association chains.
    pub target_role_arn: Option<String>,
    /// `disableSessionTags`.
    pub session_tags_disabled: bool,
}

/// A Kubernetes ServiceAccount from a manifest.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct ServiceAccount {
    /// The cluster its folder is for: as [`Inventory::cluster_id`] spells it when the snapshot knows a cluster of the folder's
    /// name, else the folder's name. `None` when no folder says.
    pub cluster: Option<String>,
    /// Namespace; `default` when the manifest has none.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `eks.amazonaws.com/role-arn`.
    pub role_arn: Option<String>,
    /// `eks.amazonaws.com/audience`.
    pub audience: Option<String>,
    /// Where it was read.
    pub origin: Origin,
}

/// What the EKS webhook gave a running pod to get credentials with.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PodCredentials {
    /// A token for IRSA.
    Irsa,
    /// A token for EKS Pod Identity.
    PodIdentity,
    /// Nothing: its calls to AWS, if any, are the node's.
    None,
}

/// A pod, or a controller that makes pods.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PodOwner {
    /// As [`ServiceAccount::cluster`].
    pub cluster: Option<String>,
    /// Namespace; `default` when the manifest has none.
    pub namespace: String,
    /// `Pod`, `Deployment`, `CronWorkflow`, …
    pub kind: String,
    /// Name, or what generated names begin with.
    pub name: String,
    /// The ServiceAccount its pods run as; `default` when it names none.
    pub service_account: String,
    /// For a pod that runs on a node: what it was given.
    pub credentials: Option<PodCredentials>,
    /// Where it was read.
    pub origin: Origin,
}

/// A role annotation in Helm values: a ServiceAccount that some chart will make.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct HelmServiceAccount {
    /// As [`ServiceAccount::cluster`].
    pub cluster: Option<String>,
    /// The release's namespace, where the file tells it.
    pub namespace: Option<String>,
    /// The ServiceAccount's name, where the values tell it; charts make one up otherwise.
    pub name: Option<String>,
    /// `eks.amazonaws.com/role-arn`.
    pub role_arn: String,
    /// `eks.amazonaws.com/audience`.
    pub audience: Option<String>,
    /// Where it was read, with the path of keys.
    pub origin: Origin,
}

/// Everything known about the granted side.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Inventory {
    /// By account id.
    pub accounts: BTreeMap<String, Account>,
    /// By ARN.
    pub clusters: BTreeMap<String, Cluster>,
    /// Sorted.
    pub service_accounts: Vec<ServiceAccount>,
    /// Pods and their controllers; sorted.
    pub pod_owners: Vec<PodOwner>,
    /// Role annotations in Helm values; sorted.
    pub helm_values: Vec<HelmServiceAccount>,
    /// CloudTrail's public keys.
    pub public_keys: PublicKeys,
    /// Issuers of clusters that `clusters` does not know the issuer of, by account and cluster name: learnt from manifests.
    pub learnt_issuers: BTreeMap<(String, String), String>,
    /// Ids of Airflow DAGs, to name the keys in user agents by; sorted.
    pub airflow_dags: Vec<String>,
    /// Sorted by ARN.
    pub trails: Vec<Trail>,
    /// Sorted by id.
    pub launch_templates: Vec<LaunchTemplate>,
    /// The organization the accounts belong to, where a file tells of it.
    pub organization: Option<Organization>,
    /// What IAM last saw of a principal, by ARN: a second witness beside the logs.
    pub last_accessed: BTreeMap<String, LastAccessed>,
    /// Managed policies by ARN, attached to something or not: a session may be limited to one that is attached to nobody.
    pub managed: BTreeMap<String, Attached>,
    /// ECS services and the roles of their tasks.
    pub ecs: Ecs,
    /// ARNs of roles that were read several times with different contents, in the order read; of each the first copy counts.
    pub contradictions: Vec<String>,
    /// Things that could not be understood, each a sentence with file and position; the report shows them.
    pub problems: Vec<String>,
}

impl Inventory {
    /// All roles of all accounts, by ARN.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.accounts.values().flat_map(|account| account.roles.values())
    }

    /// The texts of all managed policies that something is attached to, by ARN.
    pub fn managed_policies(&self) -> BTreeMap<String, Policy> {
        let of = |account: &Account| -> Vec<Attached> {
            let roles = account.roles.values().flat_map(|role| role.policies.iter().chain(&role.boundary));
            let users = account.users.values().flat_map(|user| user.policies.iter().chain(&user.boundary));
            let groups = account.groups.values().flat_map(|group| &group.policies);
            roles.chain(users).chain(groups).cloned().collect()
        };
        let attached = self.accounts.values().flat_map(of);
        attached.filter_map(|one| Some((one.arn?, one.document?))).collect()
    }

    /// The role with this ARN.
    pub fn role(&self, arn: &str) -> Option<&Role> {
        let account = crate::ident::Arn::parse(arn)?.account;
        self.accounts.get(account)?.roles.get(arn)
    }

    /// The role with this unique id (`AROA…`), which survives neither deletion nor recreation.
    pub fn role_by_id(&self, id: &str) -> Option<&Role> {
        self.roles().find(|role| !id.is_empty() && role.id == id)
    }

    /// The role in this instance profile: an ARN, or a name together with the account.
    pub fn role_of_instance_profile(&self, profile: &str, account: Option<&str>) -> Option<&Role> {
        let holds = |role: &&Role| {
            role.instance_profiles.iter().any(|arn| {
                arn == profile
                    || (account == Some(role.account.as_str()) && arn.rsplit('/').next() == Some(profile))
            })
        };
        self.roles().find(holds)
    }

    /// The instance profile (ARN or name) that the launch template with this id or name launches with; `None` when the snapshot
    /// does not know it, or its versions differ.
    pub fn profile_of_launch_template(&self, template: &str) -> Option<&str> {
        let mut found =
            self.launch_templates.iter().filter(|known| known.id == template || known.name == template);
        found.next().filter(|_| found.next().is_none())?.profile()
    }

    /// The one cluster called `name`; `None` when there is none or more than one.
    pub fn cluster_by_name(&self, name: &str) -> Option<&Cluster> {
        let mut named = self.clusters.values().filter(|cluster| cluster.name() == name);
        named.next().filter(|_| named.next().is_none())
    }

    /// The cluster with this ARN, issuer (with or without `https://`) or name.
    pub fn cluster(&self, text: &str) -> Option<&Cluster> {
        let bare = text.strip_prefix("https://").unwrap_or(text);
        self.clusters
            .get(text)
            .or_else(|| self.clusters.values().find(|cluster| cluster.issuer.as_deref() == Some(bare)))
            .or_else(|| self.cluster_by_name(text))
    }

    /// How workload ids spell a cluster given by ARN, issuer or name: its issuer when the snapshot or the manifests tell it (so that
    /// a ServiceAccount seen through IRSA and through Pod Identity is one workload), else its ARN, else the text itself.
    pub fn cluster_id(&self, text: &str) -> String {
        let known = self.cluster(text);
        if let Some(Cluster { issuer: Some(issuer), .. }) = known {
            return issuer.clone();
        }
        let named = known.map_or(text, |cluster| cluster.arn.as_str());
        match self.learnt_issuer(named) {
            Some(issuer) => issuer.to_owned(),
            None => named.strip_prefix("https://").unwrap_or(named).to_owned(),
        }
    }

    /// The issuer that manifests tell for a cluster's ARN or name.
    fn learnt_issuer(&self, cluster: &str) -> Option<&str> {
        let Some(arn) = crate::ident::Arn::parse(cluster) else {
            let mut named = self.learnt_issuers.iter().filter(|((_, name), _)| name == cluster);
            return named.next().filter(|_| named.next().is_none()).map(|(_, issuer)| issuer.as_str());
        };
        let name = arn.resource.strip_prefix("cluster/")?;
        let issuer = self.learnt_issuers.get(&(arn.account.to_owned(), name.to_owned()))?;
        // An issuer of EKS names its Region; a cluster of the same name elsewhere is another one.
        let region = issuer.strip_prefix("oidc.eks.").and_then(|rest| rest.split('.').next());
        region.is_none_or(|region| region == arn.region).then_some(issuer)
    }

    /// The role with this account and name (session ARNs carry no path).
    pub fn role_by_name(&self, account: &str, name: &str) -> Option<&Role> {
        self.accounts.get(account)?.roles.values().find(|role| role.name == name)
    }
}
