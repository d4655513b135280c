//! What ran below a workload, as far as logs tell: a pod, an Argo template, an Airflow DAG, a branch.
//!
//! A label never changes a workload's id and never proves an attribution. It says what it rests on: a token's subject and the session tags EKS
//! sets are proof; names of pods, sessions and ServiceAccounts follow conventions, and user agents are the caller's own words.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::dag::Dags;
use super::{Attribution, Grade, WorkloadKind};
use crate::ident::POD_IDENTITY;
use crate::inventory::Inventory;
use crate::record::IdentityType;
use crate::usage::{Agents, IssuanceFacts, IssuanceKind, SessionFacts, Usage};

/// Labels kept of one workload in one role.
pub const MOST_LABELS: usize = 64;
/// Openers kept of one workload in one role.
pub const MOST_OPENERS: usize = 32;
/// Longer texts are no names.
const LONGEST_VALUE: usize = 256;

/// What a label rests on.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Basis {
    /// The subject of the token that was exchanged.
    Token,
    /// Session tags that EKS sets.
    Tags,
    /// A session name that an AWS service made up.
    ServiceSession,
    /// The ServiceAccount's name follows a convention.
    ServiceAccount,
    /// The pod's name follows a convention.
    PodName,
    /// The session's name, which its opener chose.
    SessionName,
    /// The user agent, which the caller chose.
    UserAgent,
}

impl Basis {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Tags => "tags",
            Self::ServiceSession => "service-session",
            Self::ServiceAccount => "service-account",
            Self::PodName => "pod-name",
            Self::SessionName => "session-name",
            Self::UserAgent => "user-agent",
        }
    }

    /// How much it proves.
    pub fn grade(self) -> Grade {
        match self {
            Self::Token | Self::Tags => Grade::Exact,
            Self::ServiceSession => Grade::Session,
            Self::ServiceAccount | Self::PodName | Self::SessionName | Self::UserAgent => Grade::Inferred,
        }
    }
}

/// One label.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Label {
    /// `airflow-connection | airflow-dag | airflow-dag-key | airflow-operator | argo-template | argo-workflow | astronomer-component |
    /// astronomer-deployment | certificate | environment | pod | pod-prefix | ref | run-phase | source-identity | trigger`.
    pub kind: &'static str,
    /// The name.
    pub value: String,
    /// See [`Basis`].
    pub basis: Basis,
}

/// Who opened a session at the start of a chain: what a trust policy for this workload alone has to admit.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Opener {
    /// A token of an OIDC provider.
    Token {
        /// ARN, or a built-in provider's host.
        provider: String,
        /// `sub`.
        subject: String,
    },
    /// An assertion of a SAML provider.
    Saml {
        /// ARN.
        provider: String,
        /// `saml:sub`.
        subject: String,
    },
    /// An AWS service.
    Service(String),
}

/// The labels of a workload's sessions: each with the id of an event that shows it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Labels {
    /// Sorted; at most [`MOST_LABELS`].
    pub all: BTreeMap<Label, String>,
    /// More were met than are kept.
    pub is_cut: bool,
    /// Who opened its sessions; at most [`MOST_OPENERS`], or none of them counts.
    pub openers: BTreeSet<Opener>,
    /// More were met than are kept.
    pub openers_cut: bool,
}

impl Labels {
    fn open(&mut self, opener: Opener) {
        self.openers.insert(opener);
        if self.openers.len() > MOST_OPENERS {
            self.openers.pop_last();
            self.openers_cut = true;
        }
    }

    fn insert(&mut self, label: Label, event: &str) {
        let known = self.all.entry(label).or_insert_with(|| event.to_owned());
        if event < known.as_str() {
            event.clone_into(known);
        }
        if self.all.len() > MOST_LABELS {
            self.all.pop_last();
            self.is_cut = true;
        }
    }

    /// Takes in another workload's, or another session's, labels.
    pub fn extend(&mut self, other: &Self) {
        self.is_cut |= other.is_cut;
        self.openers_cut |= other.openers_cut;
        other.openers.iter().for_each(|opener| self.open(opener.clone()));
        for (label, event) in &other.all {
            self.insert(label.clone(), event);
        }
    }
}

/// Looks labels up, session by session.
pub(super) struct Labeller<'a> {
    by_event: HashMap<&'a str, &'a IssuanceFacts>,
    agents: &'a Agents,
    dags: Dags<'a>,
}

impl<'a> Labeller<'a> {
    pub(super) fn new(usage: &'a Usage, inventory: &'a Inventory) -> Self {
        let mut by_event: HashMap<&str, &IssuanceFacts> = HashMap::new();
        for issuance in &usage.issuances {
            // Ids of made-up records may repeat: the same one wins whatever the order.
            let known = by_event.entry(&issuance.event_id).or_insert(issuance);
            *known = (*known).min(issuance);
        }
        Self { by_event, agents: &usage.agents, dags: Dags::new(&inventory.airflow_dags) }
    }

    /// The labels of one session.
    pub(super) fn of(&self, facts: &SessionFacts, attribution: &Attribution) -> Labels {
        let mut labels = Labels::default();
        let Some(workload) = &attribution.workload else { return labels };
        let issued = attribution.evidence.iter().filter_map(|id| self.by_event.get(id.as_str()).copied());
        for issuance in issued {
            let event = &*issuance.event_id;
            if let Some(opener) = opener(issuance) {
                labels.open(opener);
            }
            for (kind, value, basis) in of_issuance(issuance) {
                add(&mut labels, kind, &value, basis, event);
            }
        }
        let first = attribution.evidence.first().map_or("", String::as_str);
        if workload.kind == WorkloadKind::Kubernetes
            && let (Some(namespace), Some(account)) = (&workload.namespace, &workload.service_account)
            && let Some((deployment, component)) = astronomer(namespace, account)
        {
            add(&mut labels, "astronomer-deployment", deployment, Basis::ServiceAccount, first);
            add(&mut labels, "astronomer-component", component, Basis::ServiceAccount, first);
        }
        let (principal, arn, key) = (&facts.principal_id, &facts.arn, &facts.access_key);
        if let Some(tasks) = self.agents.of(principal.as_deref(), arn.as_deref(), key.as_deref()) {
            for (task, (_, event)) in tasks {
                if let Some(operator) = &task.operator {
                    add(&mut labels, "airflow-operator", operator, Basis::UserAgent, event);
                }
                match task.dag_key.as_deref().map(|key| (key, self.dags.name(key))) {
                    Some((_, Some(name))) => add(&mut labels, "airflow-dag", name, Basis::UserAgent, event),
                    Some((key, None)) => add(&mut labels, "airflow-dag-key", key, Basis::UserAgent, event),
                    None => {}
                }
            }
        }
        labels
    }
}

fn add(labels: &mut Labels, kind: &'static str, value: &str, basis: Basis, event: &str) {
    let value: String = value.chars().take(LONGEST_VALUE).collect();
    if !value.is_empty() {
        labels.insert(Label { kind, value, basis }, event);
    }
}

/// Who opened the session, when it was no principal of AWS.
fn opener(issuance: &IssuanceFacts) -> Option<Opener> {
    let text = |text: &Option<crate::usage::Text>| text.as_deref().map(str::to_owned);
    match issuance.kind {
        IssuanceKind::AssumeRoleWithWebIdentity => {
            Some(Opener::Token { provider: text(&issuance.provider)?, subject: text(&issuance.subject)? })
        }
        IssuanceKind::AssumeRoleWithSaml => {
            Some(Opener::Saml { provider: text(&issuance.provider)?, subject: text(&issuance.subject)? })
        }
        IssuanceKind::AssumeRole if issuance.caller.kind == IdentityType::AwsService => {
            text(&issuance.caller.invoked_by).map(Opener::Service)
        }
        _ => None,
    }
}

/// What one issuance on the way from the workload tells.
fn of_issuance(issuance: &IssuanceFacts) -> Vec<(&'static str, String, Basis)> {
    let mut found = Vec::new();
    let by_certificate = issuance.kind == IssuanceKind::RolesAnywhere
        || issuance.caller.invoked_by.as_deref() == Some("rolesanywhere.amazonaws.com");
    if by_certificate {
        // Roles Anywhere writes the certificate's subject into tags and source identity itself.
        let name = issuance
            .tags
            .iter()
            .find(|(key, _)| &**key == "x509Subject/CN")
            .map(|(_, value)| value.to_string());
        let name =
            name.or_else(|| issuance.source_identity.as_deref()?.strip_prefix("CN=").map(str::to_owned));
        found.extend(name.map(|name| ("certificate", name, Basis::Tags)));
    } else if let Some(identity) = &issuance.source_identity {
        found.push(("source-identity", identity.to_string(), Basis::SessionName));
    }
    match issuance.kind {
        IssuanceKind::AssumeRoleWithWebIdentity => {
            let subject = issuance.subject.as_deref().unwrap_or_default();
            found.extend(of_subject(subject).into_iter().map(|(kind, value)| (kind, value, Basis::Token)));
        }
        IssuanceKind::AssumeRole if issuance.caller.invoked_by.as_deref() == Some(POD_IDENTITY) => {
            let tag = |wanted: &str| {
                issuance.tags.iter().find(|(key, _)| &**key == wanted).map(|(_, value)| &**value)
            };
            match tag("kubernetes-pod-name") {
                Some(pod) => {
                    let workflow = argo(pod);
                    // Each run of a workflow has pods of its own.
                    let group =
                        workflow.map_or_else(|| pod_group(pod), |(workflow, _)| format!("{workflow}-*"));
                    found.push(("pod", group, Basis::Tags));
                    if let Some((workflow, template)) = workflow {
                        found.push(("argo-workflow", workflow.to_owned(), Basis::PodName));
                        found.extend(template.map(|name| ("argo-template", name.to_owned(), Basis::PodName)));
                    }
                }
                None => {
                    let prefix = issuance.session_name.as_deref().and_then(pod_prefix);
                    found.extend(
                        prefix.map(|prefix| ("pod-prefix", prefix.to_owned(), Basis::ServiceSession)),
                    );
                }
            }
        }
        IssuanceKind::AssumeRole => {
            let name = issuance.session_name.as_deref().unwrap_or_default();
            if let Some(connection) = airflow_connection(name) {
                found.push(("airflow-connection", connection.to_owned(), Basis::SessionName));
            } else if let Some((workflow, template)) = argo(name) {
                found.push(("argo-workflow", workflow.to_owned(), Basis::SessionName));
                found.extend(template.map(|name| ("argo-template", name.to_owned(), Basis::SessionName)));
            }
        }
        _ => {}
    }
    found
}

/// The claims of a CI system's subject that tell one run's kind from another's: branch, environment, phase.
fn of_subject(subject: &str) -> Vec<(&'static str, String)> {
    if subject.starts_with("system:serviceaccount:") {
        return Vec::new();
    }
    let after = |key: &str, ends: &[&str]| {
        let marker = format!(":{key}:");
        let rest = subject.split_once(&marker)?.1;
        let end = ends.iter().filter_map(|end| rest.find(&format!(":{end}"))).min().unwrap_or(rest.len());
        rest.get(..end).map(str::to_owned)
    };
    let mut found = Vec::new();
    if let Some(environment) = after("environment", &["ref:", "job_workflow_ref:", "actor:"]) {
        found.push(("environment", environment));
    }
    if let Some(name) = after("ref", &["commit:", "step:", "environment:", "job_workflow_ref:", "actor:"]) {
        found.push(("ref", name));
    } else if let Some((_, name)) = subject.split_once("/vcs-ref/") {
        found.push(("ref", name.to_owned()));
    }
    if subject.ends_with(":pull_request") || subject.contains(":pull_request:") {
        found.push(("trigger", "pull_request".to_owned()));
    }
    if let Some(phase) = after("run_phase", &[]) {
        found.push(("run-phase", phase));
    }
    found
}

/// A pod's name without what a controller appended to tell its pods apart, so that a thousand pods of one Deployment are one label.
fn pod_group(pod: &str) -> String {
    let parts: Vec<&str> = pod.split('-').collect();
    let is_random = |part: &str| part.len() == 5 && part.bytes().all(is_safe_letter);
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    // A ReplicaSet's hash stands before it; some distributions write both in hexadecimal.
    let is_hash = |part: &str| {
        (8..=10).contains(&part.len()) && is_plain(part) && part.bytes().any(|byte| byte.is_ascii_digit())
    };
    let is_last = |part: &str| part.len() == 5 && is_plain(part);
    let keep = match parts.as_slice() {
        [head @ .., hash, random] if !head.is_empty() && is_hash(hash) && is_last(random) => head.len(),
        [head @ .., random] if !head.is_empty() && is_random(random) => head.len(),
        _ => return pod.to_owned(),
    };
    parts.get(..keep).map(|head| head.join("-")).unwrap_or_default() + "-*"
}

/// The letters Kubernetes makes names up of: no vowels, so that no words appear.
///
/// See: `k8s.io/apimachinery/pkg/util/rand`.
fn is_safe_letter(byte: u8) -> bool {
    b"bcdfghjklmnpqrstvwxz2456789".contains(&byte)
}

/// Workflow and template in the name of an Argo pod: `WORKFLOW-TEMPLATE-HASH`, the hash being a 32-bit number; the workflow ends in what
/// tells its runs apart (five letters of Kubernetes, or a cron workflow's time), which is left out.
///
/// See: `argoproj/argo-workflows`, `workflow/util/pod_name.go`.
fn argo(pod: &str) -> Option<(&str, Option<&str>)> {
    let (head, hash) = pod.rsplit_once('-')?;
    let is_hash = (7..=10).contains(&hash.len())
        && hash.bytes().all(|byte| byte.is_ascii_digit())
        && hash.parse::<u64>().is_ok_and(|hash| hash <= u64::from(u32::MAX));
    if !is_hash {
        return None;
    }
    let is_run = |part: &str| {
        let is_random = part.len() == 5 && part.bytes().all(is_safe_letter);
        let is_time = part.len() == 10 && part.bytes().all(|byte| byte.is_ascii_digit());
        is_random || is_time
    };
    let mut start = 0_usize;
    for part in head.split('-') {
        if start > 0 && is_run(part) {
            let workflow = head.get(..start.checked_sub(1)?)?;
            let template = head.get(start + part.len()..)?.strip_prefix('-').filter(|name| !name.is_empty());
            return Some((workflow, template));
        }
        start += part.len() + 1;
    }
    None
}

/// The pod's first letters in `eks-CLUSTER-POD-UUID`: ten of the cluster's name, ten of the pod's.
fn pod_prefix(session: &str) -> Option<&str> {
    const UUID: usize = 36;
    let rest = session.strip_prefix("eks-")?;
    let (head, uuid) = rest.split_at_checked(rest.len().checked_sub(UUID)?)?;
    let is_uuid = uuid.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    let head = head.strip_suffix('-')?;
    // Either part may hold dashes: only where the cluster's part is known to be full can the two be told apart.
    let pod = head.get(10..).and_then(|rest| rest.strip_prefix('-'));
    let pod = pod.or_else(|| head.split_once('-').map(|(_, pod)| pod))?;
    (is_uuid && !pod.is_empty() && pod.len() <= 10).then_some(pod)
}

/// The connection in a session name of Airflow: `Airflow_CONNECTION`, in lower case since the name is slugified.
fn airflow_connection(session: &str) -> Option<&str> {
    let (head, connection) = session.split_at_checked("airflow_".len())?;
    (head.eq_ignore_ascii_case("airflow_") && !connection.is_empty()).then_some(connection)
}

/// Components of an Airflow deployment that have a ServiceAccount of their own.
const COMPONENTS: &[&str] = &["api-server", "dag-processor", "scheduler", "triggerer", "webserver", "worker"];

/// Deployment and component in a ServiceAccount of Astronomer: `DEPLOYMENT-COMPONENT-serviceaccount`, or `DEPLOYMENT-kpo` for pods that tasks
/// start. The namespace is the deployment's, or ends in it.
fn astronomer<'w>(namespace: &str, account: &'w str) -> Option<(&'w str, &'w str)> {
    let (deployment, component) = match account.strip_suffix("-serviceaccount") {
        Some(head) => COMPONENTS.iter().find_map(|component| {
            let deployment = head.strip_suffix(component)?.strip_suffix('-')?;
            Some((deployment, head.get(deployment.len() + 1..)?))
        })?,
        None => (account.strip_suffix("-kpo")?, account.get(account.len() - 3..)?),
    };
    let is_own =
        namespace == deployment || namespace.strip_suffix(deployment).is_some_and(|head| head.ends_with('-'));
    (is_own && !deployment.is_empty()).then_some((deployment, component))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argo_pods_name_workflow_and_template() {
        for (pod, expected) in [
            ("etl-daily-x7k2p-transform-orders-1234567890", Some(("etl-daily", Some("transform-orders")))),
            ("etl-daily-x7k2p-1234567890", Some(("etl-daily", None))),
            ("nightly-1767225600-load-987654321", Some(("nightly", Some("load")))),
            // A Deployment's, a StatefulSet's and a Job's pods are none.
            ("checkout-6d4cf56db6-x7k2p", None),
            ("db-0", None),
            ("report-28401120-x7k2p", None),
            // No run can be told from the workflow's name.
            ("hello-world-1234567890", None),
            ("etl-x7k2p-step-9999999999", None),
            ("1234567890", None),
            ("", None),
        ] {
            assert_eq!(argo(pod), expected, "{pod}");
        }
    }

    #[test]
    fn pods_of_one_controller_are_one_label() {
        for (pod, expected) in [
            ("checkout-6d4cf56db6-x7k2p", "checkout-*"),
            ("agent-x7k2p", "agent-*"),
            ("db-0", "db-0"),
            ("app1-v1-56b9f94b4-dvd5c", "app1-v1-*"),
            ("x7k2p", "x7k2p"),
            ("payments-hello", "payments-hello"),
        ] {
            assert_eq!(pod_group(pod), expected, "{pod}");
        }
    }

    #[test]
    fn pod_identity_session_names_hold_the_pods_first_letters() {
        let uuid = "498124c2-a555-40bf-9059-ca9a26821eb0";
        for (session, expected) in [
            (format!("eks-eksworksho-app1-{uuid}"), Some("app1")),
            (format!("eks-northwind--payments-a-{uuid}"), Some("payments-a")),
            (format!("eks-prod-payments-a-{uuid}"), Some("payments-a")),
            (format!("eks-prod-{uuid}"), None),
            ("eks-prod-app1-not-a-uuid".to_owned(), None),
            ("é".repeat(40), None),
        ] {
            assert_eq!(pod_prefix(&session), expected, "{session}");
        }
    }

    #[test]
    fn astronomer_names_deployment_and_component() {
        for (namespace, account, expected) in [
            ("vega-1234", "vega-1234-worker-serviceaccount", Some(("vega-1234", "worker"))),
            ("vega-1234", "vega-1234-dag-processor-serviceaccount", Some(("vega-1234", "dag-processor"))),
            ("vega-1234", "vega-1234-kpo", Some(("vega-1234", "kpo"))),
            ("astronomer-vega-1234", "vega-1234-scheduler-serviceaccount", Some(("vega-1234", "scheduler"))),
            ("shop", "vega-1234-worker-serviceaccount", None),
            ("shop", "shop-cleaner-serviceaccount", None),
            ("shop", "kpo", None),
            ("", "-kpo", None),
        ] {
            assert_eq!(astronomer(namespace, account), expected, "{namespace} {account}");
        }
    }

    #[test]
    fn subjects_of_pipelines_tell_what_ran() {
        for (subject, expected) in [
            ("repo:a/b:ref:refs/heads/main", vec![("ref", "refs/heads/main")]),
            ("repo:a@1/b@2:environment:production", vec![("environment", "production")]),
            ("repo:a/b:pull_request", vec![("trigger", "pull_request")]),
            ("project_path:g/p:ref_type:branch:ref:main", vec![("ref", "main")]),
            ("organization:o:project:p:workspace:w:run_phase:apply", vec![("run-phase", "apply")]),
            ("organization:o:pipeline:p:ref:refs/heads/x:commit:c:step:s", vec![("ref", "refs/heads/x")]),
            (
                "org/o/project/p/user/u/vcs-origin/github.com/a/b/vcs-ref/refs/heads/x",
                vec![("ref", "refs/heads/x")],
            ),
            ("system:serviceaccount:ref:x", vec![]),
            ("109876543210987654321", vec![]),
        ] {
            let found = of_subject(subject);
            let found: Vec<(&str, &str)> =
                found.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
            assert_eq!(found, expected, "{subject}");
        }
    }

    #[test]
    fn labels_are_bounded_whatever_their_order() {
        let label = |n: usize| Label { kind: "pod", value: format!("{n:05}"), basis: Basis::Tags };
        let (mut one, mut other) = (Labels::default(), Labels::default());
        for n in 0..1_000 {
            one.insert(label(n), "e");
            other.insert(label(999 - n), "e");
        }
        assert_eq!(one, other);
        assert!(one.is_cut && one.all.len() == MOST_LABELS);
    }
}
