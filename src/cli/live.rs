//! `--iam live` and `--kubernetes live`: the granted side as it is now, without a file in between.

use leastwise::analyze::Settings;
use leastwise::aws::{self, Part};
use leastwise::cluster::{self, ClusterError};
use leastwise::inventory::{Manifest, Text};

use super::snapshot::{self, What};
use super::{Failure, Terminal};

/// The word for it.
pub(super) const LIVE: &str = "live";

/// What was read.
#[derive(Debug, Default)]
pub(super) struct LiveRead {
    pub(super) snapshots: Vec<Text>,
    pub(super) manifests: Vec<Manifest>,
    /// What of a cluster could not be.
    pub(super) unread: Vec<String>,
    /// Parts of the snapshot are missing; it names them.
    pub(super) is_cut: bool,
}

/// What is to be read.
#[derive(Debug)]
pub(super) struct Live {
    iam: bool,
    kubernetes: bool,
}

impl Live {
    pub(super) fn of(iam: &[String], kubernetes: &[String]) -> Self {
        Self {
            iam: iam.iter().any(|path| path == LIVE),
            kubernetes: kubernetes.iter().any(|path| path == LIVE),
        }
    }

    /// Reads and adds to the settings. What could not be read is named among what was, so the report tells it too.
    pub(super) fn read(&self, settings: &mut Settings, terminal: &Terminal) -> Result<(), Failure> {
        // Keys grant nothing.
        let read = self.parts(&settings.aws, &[Part::PublicKeys], terminal)?;
        settings.snapshots.extend(read.snapshots);
        settings.manifests.extend(read.manifests);
        // The snapshot itself names what it lacks.
        settings.unread.extend(read.unread);
        Ok(())
    }

    /// Reads all parts but some.
    pub(super) fn parts(
        &self,
        settings: &aws::Settings,
        without: &[Part],
        terminal: &Terminal,
    ) -> Result<LiveRead, Failure> {
        let mut read = LiveRead::default();
        if self.kubernetes {
            let found = cluster::read().map_err(|error| failure(&error))?;
            for unread in &found.unread {
                terminal.warning(&format!("not read: {unread}"));
            }
            read.unread.extend(found.unread);
            read.manifests.extend(found.manifests);
        }
        if self.iam {
            let mut plan = What::default().plan()?;
            plan.parts.retain(|part| !without.contains(part));
            let taken = snapshot::take(settings, &plan, terminal)?;
            read.is_cut = !taken.unread.is_empty();
            let texts =
                taken.files.into_iter().map(|(name, text)| Text { name: format!("live/{name}"), text });
            read.snapshots.extend(texts);
        }
        Ok(read)
    }
}

fn failure(error: &ClusterError) -> Failure {
    match error {
        ClusterError::NotBuilt => Failure::usage(error).hint(
            "build it with `cargo install --features kubernetes`, or give files: `kubectl get serviceaccounts,pods,deployments -A -o yaml`",
        ),
        ClusterError::Settings(_) => Failure::failed(error)
            .hint("set KUBECONFIG, or choose a context: `kubectl config use-context NAME` (`kubectl get serviceaccounts` shows whether it works)"),
        ClusterError::Unauthorized { .. } => Failure::failed(error).hint(
            "they are expired, or of somebody the cluster does not know: renew them (`aws sso login`, `aws eks update-kubeconfig --name CLUSTER`); `kubectl auth whoami` shows whether it works",
        ),
        ClusterError::Unreachable { .. } => Failure::failed(error).hint(
            "check network, credentials and rights: listing serviceaccounts and pods in all namespaces suffices (`kubectl auth can-i list pods -A`)",
        ),
    }
}
