//! What is granted: principals and policies of the accounts at a moment, clusters and their bindings.

mod model;

pub use model::{
    Account, Attached, AttachedKind, Cluster, Group, Inventory, OidcProvider, Origin, PodIdentityAssociation,
    Role, ServiceAccount, User,
};
