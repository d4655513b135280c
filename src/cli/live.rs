//! `--iam live` and `--kubernetes live`: the granted side as it is now, without a file in between.

use leastwise::analyze::Settings;
use leastwise::aws::Part;
use leastwise::cluster::{self, ClusterError};
use leastwise::inventory::Text;

use super::snapshot::{self, What};
use super::{Failure, Terminal};

/// The word for it.
pub(super) const LIVE: &str = "live";

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
        if self.kubernetes {
            let found = cluster::read().map_err(|error| failure(&error))?;
            for unread in &found.unread {
                terminal.warning(&format!("not read: {unread}"));
            }
            settings.unread.extend(found.unread);
            settings.manifests.extend(found.manifests);
        }
        if self.iam {
            let mut plan = What::default().plan()?;
            // Keys grant nothing.
            plan.parts.remove(&Part::PublicKeys);
            let taken = snapshot::take(&settings.aws, &plan, terminal)?;
            let texts =
                taken.files.into_iter().map(|(name, text)| Text { name: format!("live/{name}"), text });
            settings.snapshots.extend(texts);
        }
        Ok(())
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
