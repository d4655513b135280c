//! A live Kubernetes cluster, read and never written: the lists that `kubectl get -o json` prints, as manifests.
//!
//! Behind the Cargo feature `kubernetes`, because its client brings many packages that nobody needs who gives files. Whom to talk to is told
//! by the files and the environment that `kubectl` uses (`KUBECONFIG`, the current context, or the pod's own ServiceAccount).

#[cfg(feature = "kubernetes")]
mod client;

use crate::inventory::Manifest;

/// What a cluster said.
#[derive(Clone, Debug, Default)]
pub struct ClusterRead {
    /// The objects, a manifest for each kind.
    pub manifests: Vec<Manifest>,
    /// Kinds that could not be read, each a sentence.
    pub unread: Vec<String>,
}

/// Why a cluster cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// This program was built without it.
    #[error("this build cannot read a live cluster: it was built without the Cargo feature `kubernetes`")]
    NotBuilt,
    /// No cluster is configured, or its settings cannot be used.
    #[error("no cluster is configured that could be read: {0}")]
    Settings(String),
    /// The cluster does not take the credentials.
    #[error("the cluster `{cluster}` does not take the credentials: {reason}")]
    Unauthorized {
        /// As the configuration calls it.
        cluster: String,
        /// What the server says.
        reason: String,
    },
    /// Nothing at all could be read.
    #[error("the cluster `{cluster}` cannot be read: {reason}")]
    Unreachable {
        /// As the configuration calls it.
        cluster: String,
        /// What the client says.
        reason: String,
    },
}

/// Reads the ServiceAccounts of the cluster of the current context, and what runs as them.
///
/// # Errors
///
/// There is no configuration, nothing could be read, or this build lacks the feature.
pub fn read() -> Result<ClusterRead, ClusterError> {
    #[cfg(feature = "kubernetes")]
    return client::read();
    #[cfg(not(feature = "kubernetes"))]
    Err(ClusterError::NotBuilt)
}
