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
//! | `Organization`, `Roots`, `OrganizationalUnits`, `Accounts` (units and accounts with `ParentId`), `Policies`: `[{"PolicySummary", "Content", "Targets": [{"TargetId"}]}]`; or a root with nested `Children` and `Policies` | an organization's tree, SCPs and RCPs | `leastwise snapshot` |
//! | `SAMLProviderList` | SAML providers | `aws iam list-saml-providers` |
//! | `InstanceProfiles` | instance profiles and their roles | `aws iam list-instance-profiles` |
//! | `ServicesLastAccessed`, with the principal's `Arn` | what IAM last saw of a role | `aws iam get-service-last-accessed-details` |
//! | `services`, `taskDefinition`, `tasks` | ECS services, and the roles of what they run | `aws ecs describe-services`, `describe-task-definition`, `describe-tasks` |
//! | `PublicKeyList` | CloudTrail's public keys (they grant nothing, and check digest files) | `aws cloudtrail list-public-keys` |
//! | `leastwiseSnapshot`, `leastwiseFailures` | what a snapshot says of itself, and what it could not read | `leastwise snapshot` |
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
mod ecs;
mod error;
mod issuer;
mod kubernetes;
mod last_accessed;
mod launch;
mod model;
mod organization;
mod page;
mod public_key;
mod read;
mod snapshot;
mod trail;

pub use airflow::read_airflow_dags;
pub use ecs::Ecs;
pub use error::InventoryError;
pub use last_accessed::{LastAccessed, ServiceAccess};
pub use launch::LaunchTemplate;
pub use model::{
    Account, Attached, AttachedKind, Cluster, Group, HelmServiceAccount, Inventory, OidcProvider, Origin,
    PodCredentials, PodIdentityAssociation, PodOwner, Role, ServiceAccount, User,
};
pub use organization::{Guardrail, Level, Organization, OrganizationPolicy, Target};
pub use public_key::{find_public_keys, read_public_keys};
pub use read::{Manifest, Sources, Text, parse, read, read_all};
pub use trail::{ArnRange, Selected, Selector, Trail};
