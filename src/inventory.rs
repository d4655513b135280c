//! What is granted: principals and policies of the accounts at a moment, clusters and their bindings.
//!
//! # Snapshots
//!
//! A snapshot is a JSON file, or a folder of them at any depth. Each file holds one value, several after each other (pages
//! appended), or a list of values. What a value is follows from its members:
//!
//! | members | is | from |
//! |---|---|---|
//! | `RoleDetailList`, `UserDetailList`, `GroupDetailList`, `Policies` (any) | a page of one account's IAM | `aws iam get-account-authorization-details` |
//! | `OpenIDConnectProviderList` or `OpenIDConnectProviders`: `[{"Arn", "Url"?, "ClientIDList"?}]` | OIDC providers | `aws iam list-open-id-connect-providers` |
//! | `Url`, `ClientIDList`, optionally `Arn` | one OIDC provider | `aws iam get-open-id-connect-provider` |
//! | `cluster`: `{"arn", "name", "identity": {"oidc": {"issuer"}}}` | an EKS cluster | `aws eks describe-cluster` |
//! | `clusters`: `[{"arn", …}]` or `[{"cluster": {…}}]` | several | |
//! | `association` or `associations`: `{"clusterName", "clusterArn"?, "namespace", "serviceAccount", "roleArn", "associationArn"?, "disableSessionTags"?, "targetRoleArn"?}` | Pod Identity associations, beside `cluster` or alone | `aws eks describe-pod-identity-association` |
//! | `trailList`, or `Trail` | CloudTrail's trails | `aws cloudtrail describe-trails`, `get-trail` |
//! | `TrailARN` with `EventSelectors` or `AdvancedEventSelectors` | what one trail records | `aws cloudtrail get-event-selectors` |
//! | `LaunchTemplateVersions` | launch templates, and the instance profiles they launch with | `aws ec2 describe-launch-template-versions` |
//!
//! Pages and files of several accounts are merged; the account of a principal is the one in its ARN. A file without any of these is an
//! error when named alone, and a problem in a folder. What is broken in one policy document is a [problem](Inventory::problems): the
//! principal stays, the policy is there without a document, and nobody can take the grant for fully known.
//!
//! # Manifests
//!
//! Kubernetes ServiceAccounts are read from YAML and JSON; a folder per cluster says which cluster they belong to. Where the snapshot
//! lacks the cluster's issuer, the roles its ServiceAccounts are annotated with may tell it (see [`Inventory::cluster_id`]).

mod airflow;
mod binding;
mod document;
mod error;
mod issuer;
mod kubernetes;
mod launch;
mod model;
mod page;
mod read;
mod snapshot;
mod trail;

pub use airflow::read_airflow_dags;
pub use error::InventoryError;
pub use launch::LaunchTemplate;
pub use model::{
    Account, Attached, AttachedKind, Cluster, Group, HelmServiceAccount, Inventory, OidcProvider, Origin,
    PodCredentials, PodIdentityAssociation, PodOwner, Role, ServiceAccount, User,
};
pub use read::read;
pub use trail::{Selected, Selector, Trail};
