//! The whole flow on one page: logs and grants in, one report out.

use std::path::PathBuf;

use crate::ident::Time;
pub use crate::rightsize::{ResourceLevel, Unobservable};

/// What to audit and how.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Files, folders, or `-` for the reader given beside the settings.
    pub sources: Vec<String>,
    /// IAM snapshots: files or folders.
    pub iam: Vec<PathBuf>,
    /// Kubernetes manifests: files or folders.
    pub kubernetes: Vec<PathBuf>,
    /// Start of the window, inclusive; none is the first event.
    pub since: Option<Time>,
    /// End of the window, exclusive; none is just after the last event.
    pub until: Option<Time>,
    /// Report on these accounts only; empty is all.
    pub accounts: Vec<String>,
    /// Report on these roles (names or ARNs, `*` and `?` allowed) only; empty is all.
    pub roles: Vec<String>,
    /// Count events of these Regions only; empty is all.
    pub regions: Vec<String>,
    /// See [`ResourceLevel`].
    pub resources: ResourceLevel,
    /// See [`Unobservable`].
    pub unobservable: Unobservable,
    /// Number of workers; 0 is one per core.
    pub threads: usize,
}
