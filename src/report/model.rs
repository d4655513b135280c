//! `leastwise.report/v1`: the shape of `report.json`, as plain data.
//!
//! These are structs of their own rather than the analysis' types, so that the analysis may change without breaking those who
//! read reports. Fields may be added; none is renamed or removed without a new [`SCHEMA`]. Arrays are sorted by their key, times
//! are RFC 3339 UTC, and a value that is not known is `null`.

mod binding;
mod coverage;
mod finding;
mod grant;
mod proposal;
mod proposals;
mod role;
mod stage;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use binding::*;
pub use coverage::*;
pub use finding::*;
pub use grant::*;
pub use proposal::*;
pub use proposals::*;
pub use role::*;
pub use stage::*;

use crate::ident::Time;

/// The version of the report's shape, as written in its first field.
pub const SCHEMA: &str = "leastwise.report/v1";

/// A finished audit.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[schemars(title = "leastwise report, version 1")]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// What made the report.
    pub tool: Tool,
    /// The window looked at.
    pub window: Window,
    /// What was asked for.
    #[serde(default)]
    pub settings: Settings,
    /// What was read, and what could have been seen.
    pub coverage: Coverage,
    /// What ran, sorted by id.
    pub workloads: Vec<Workload>,
    /// Kubernetes ServiceAccounts with what binds them to roles and what was observed; sorted by cluster, namespace and name.
    #[serde(default)]
    pub bindings: Vec<Binding>,
    /// The roles granted or used, sorted by ARN.
    pub roles: Vec<Role>,
    /// Calls for which no workload could be named, sorted by role, then reason.
    pub unattributed: Vec<Unattributed>,
    /// What there is to say, sorted by severity (worst first), then code, then subject.
    pub findings: Vec<Finding>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tool: Tool::default(),
            window: Window::default(),
            settings: Settings::default(),
            coverage: Coverage::default(),
            workloads: Vec::new(),
            bindings: Vec::new(),
            roles: Vec::new(),
            unattributed: Vec::new(),
            findings: Vec::new(),
        }
    }
}

/// What was asked for: with the same settings and the same input the same report comes out.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Settings {
    /// `--since`, resolved; `null` when the first event begins the window.
    #[schemars(with = "Option<String>")]
    pub since: Option<Time>,
    /// `--until`, resolved; `null` when the last event ends the window.
    #[schemars(with = "Option<String>")]
    pub until: Option<Time>,
    /// `--account`.
    pub accounts: Vec<String>,
    /// `--role`.
    pub roles: Vec<String>,
    /// `--region-filter`.
    pub regions: Vec<String>,
    /// `--resources`: `exact`, `prefix` or `type`.
    pub resources: String,
    /// `--unobservable`: `keep` or `drop`.
    pub unobservable: String,
    /// `--min-window`, in seconds.
    #[serde(default)]
    pub min_window: i64,
    /// `--min-coverage`, in per mille.
    #[serde(default)]
    pub min_coverage: Option<u32>,
    /// `--watch`, in seconds; 0 is two weeks.
    #[serde(default)]
    pub watch: i64,
    /// `--action-names`: `shortest` or `whole`.
    #[serde(default)]
    pub action_names: String,
    /// `--max-excess`: unused actions that a proposal may keep where it would not fit otherwise.
    #[serde(default)]
    pub max_excess: usize,
    /// `--split-names`.
    #[serde(default)]
    pub split_names: String,
    /// Accounts the settings file says should have logs.
    #[serde(default)]
    pub expected_accounts: Vec<String>,
    /// Findings the settings file says somebody answers for.
    #[serde(default)]
    pub exceptions: Vec<ExceptionSetting>,
}

/// An exception as the settings file has it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ExceptionSetting {
    /// Findings of this code; `null` is every code.
    pub code: Option<String>,
    /// Findings whose subject matches this pattern; `null` is every subject.
    pub subject: Option<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// From this moment on it counts no more.
    #[schemars(with = "String")]
    pub expires: Time,
}

/// What made the report.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Tool {
    /// `leastwise`.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// The IAM catalog used.
    pub catalog: CatalogInfo,
}

impl Default for Tool {
    fn default() -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            catalog: CatalogInfo::default(),
        }
    }
}

/// The IAM catalog used.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct CatalogInfo {
    /// The day the catalog was taken from AWS's Service Authorization Reference.
    pub date: String,
    /// `embedded`, or what it was refreshed from.
    #[serde(default)]
    pub source: String,
    /// Number of services.
    pub services: u64,
    /// Number of actions.
    pub actions: u64,
}

/// The window looked at, half-open: `from` is inside, `to` is not.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Window {
    /// The first moment inside; `null` when there was neither a limit nor an event.
    #[schemars(with = "Option<String>")]
    pub from: Option<Time>,
    /// The first moment after.
    #[schemars(with = "Option<String>")]
    pub to: Option<Time>,
    /// Length in days, rounded up.
    pub days: u64,
}

/// What ran.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Workload {
    /// `KIND:…`.
    pub id: String,
    /// `kubernetes`, `github-actions`, `ec2`, …: the word before the id's first colon.
    pub kind: String,
    /// Kubernetes: the issuer or the cluster's ARN.
    pub cluster: Option<String>,
    /// Kubernetes: the namespace.
    pub namespace: Option<String>,
    /// Kubernetes: the ServiceAccount.
    pub service_account: Option<String>,
    /// ARNs of the roles it used, sorted.
    pub roles: Vec<String>,
    /// Distinct sessions.
    pub sessions: u64,
    /// Distinct calls, denied ones included.
    pub calls: u64,
    /// Of these, denied.
    pub denied: u64,
    /// What ran below the workload, as far as the logs tell; sorted, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// More labels were met than are listed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub labels_cut: bool,
}

/// What ran below a workload: a pod, an Argo template, an Airflow DAG, a branch. A label proves nothing about who called; `attribution`
/// says how much stands behind it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Label {
    /// `airflow-connection | airflow-dag | airflow-dag-key | airflow-operator | argo-template | argo-workflow | astronomer-component |
    /// astronomer-deployment | certificate | emr-component | emr-role | environment | pod | pod-prefix | ref | run-phase | session-tag |
    /// source-identity | tool | trigger | workflow`.
    pub kind: String,
    /// The name.
    pub value: String,
    /// What it rests on: `token | tags | session-tags | service-session | service-account | pod-name | session-name |
    /// user-agent`.
    pub basis: String,
    /// How much that proves.
    pub attribution: Attribution,
    /// `eventID` of an event that shows it.
    pub event: String,
}

/// Calls for which no workload could be named.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Unattributed {
    /// The role's ARN.
    pub role: String,
    /// Distinct calls.
    pub calls: u64,
    /// Why, as a sentence.
    pub reason: String,
}
