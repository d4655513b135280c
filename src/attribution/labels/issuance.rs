//! What one call that issued credentials tells of who asked for them.

use super::{Basis, Opener, SESSION_TAG, pipeline, platform, pod};
use crate::ident::POD_IDENTITY;
use crate::record::IdentityType;
use crate::usage::{IssuanceFacts, IssuanceKind, Text};

/// Kind, name and what it rests on.
type Told = (&'static str, String, Basis);

/// Programs that say in their user agents who they are; part of it in lower case, and what they are called.
///
/// The exact forms vary with the version, so only the word is looked for.
const TOOLS: &[(&str, &str)] = &[
    ("terraform/", "terraform"),
    ("opentofu/", "opentofu"),
    ("pulumi", "pulumi"),
    ("crossplane", "crossplane"),
    ("aws-controllers-k8s", "ack"),
    ("argocd", "argo-cd"),
    ("jenkins", "jenkins"),
];

/// Who opened the session, when it was no principal of AWS.
pub(super) fn opener(issuance: &IssuanceFacts) -> Option<Opener> {
    let text = |text: &Option<Text>| text.as_deref().map(str::to_owned);
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

/// `sourceIdentity`: Roles Anywhere writes the certificate's common name into it, everybody else what he likes.
pub(super) fn source_identity(identity: &str, is_by_certificate: bool) -> Told {
    match identity.strip_prefix("CN=").filter(|_| is_by_certificate) {
        Some(name) => ("certificate", name.to_owned(), Basis::Tags),
        None => ("source-identity", identity.to_owned(), Basis::SessionName),
    }
}

/// What one issuance on the way from the workload tells; `cluster` is the name of the workload's, when it is known.
pub(super) fn told(issuance: &IssuanceFacts, cluster: Option<&str>) -> Vec<Told> {
    let mut found = Vec::new();
    let by_certificate = issuance.kind == IssuanceKind::RolesAnywhere
        || issuance.caller.invoked_by.as_deref() == Some("rolesanywhere.amazonaws.com");
    let by_pod_identity = issuance.caller.invoked_by.as_deref() == Some(POD_IDENTITY);
    if by_certificate {
        // Roles Anywhere writes the certificate's subject into the tags itself.
        let name = tag(issuance, "x509Subject/CN").map(str::to_owned);
        found.extend(name.map(|name| ("certificate", name, Basis::Tags)));
    }
    if let Some(identity) = &issuance.source_identity {
        let told = source_identity(identity, by_certificate);
        // The tag says the same with more certainty.
        if found.is_empty() || told.0 != "certificate" {
            found.push(told);
        }
    }
    if !by_certificate && !by_pod_identity {
        found.extend(session_tags(issuance));
        found.extend(tool(issuance).map(|tool| ("tool", tool.to_owned(), Basis::UserAgent)));
    }
    match issuance.kind {
        IssuanceKind::AssumeRoleWithWebIdentity => {
            let subject = issuance.subject.as_deref().unwrap_or_default();
            let claims = pipeline::claims(subject);
            found.extend(claims.into_iter().map(|(kind, value)| (kind, value, Basis::Token)));
        }
        IssuanceKind::AssumeRole if by_pod_identity => found.extend(of_pod(issuance, cluster)),
        IssuanceKind::AssumeRole => {
            let name = issuance.session_name.as_deref().unwrap_or_default();
            if let Some(connection) = platform::airflow_connection(name) {
                found.push(("airflow-connection", connection.to_owned(), Basis::SessionName));
            } else if let Some(workflow) = pod::argo(name) {
                found.extend(of_workflow(workflow, Basis::SessionName));
            }
        }
        _ => {}
    }
    found
}

fn tag<'i>(issuance: &'i IssuanceFacts, wanted: &str) -> Option<&'i str> {
    issuance.tags.iter().find(|(key, _)| &**key == wanted).map(|(_, value)| &**value)
}

/// Tags of the session, those handed down the chain included. What a token or an assertion says is its issuer's word; in an
/// `AssumeRole` the caller says it. The names that EKS and Roles Anywhere give are told as what they stand for.
fn session_tags(issuance: &IssuanceFacts) -> impl Iterator<Item = Told> {
    const OF_SERVICES: &[&str] = &["eks-cluster-", "kubernetes-", "x509"];
    let basis = match issuance.kind {
        IssuanceKind::AssumeRoleWithWebIdentity | IssuanceKind::AssumeRoleWithSaml => Basis::Token,
        _ => Basis::SessionTags,
    };
    let own = issuance.tags.iter().filter(|(key, _)| !OF_SERVICES.iter().any(|start| key.starts_with(start)));
    own.map(move |(key, value)| (SESSION_TAG, format!("{key}={value}"), basis))
}

fn tool(issuance: &IssuanceFacts) -> Option<&'static str> {
    let agent = issuance.user_agent.as_deref()?.to_ascii_lowercase();
    TOOLS.iter().find(|(part, _)| agent.contains(part)).map(|(_, tool)| *tool)
}

/// The pod that EKS Pod Identity names in its tags; without tags the letters it puts into the session's name.
fn of_pod(issuance: &IssuanceFacts, cluster: Option<&str>) -> Vec<Told> {
    let Some(name) = tag(issuance, "kubernetes-pod-name") else {
        let prefix = issuance.session_name.as_deref().and_then(|name| pod::prefix(name, cluster));
        return prefix
            .map(|prefix| ("pod-prefix", prefix.to_owned(), Basis::ServiceSession))
            .into_iter()
            .collect();
    };
    let workflow = pod::argo(name);
    // Each run of a workflow has pods of its own.
    let group = workflow.map_or_else(|| pod::group(name), |(workflow, _)| format!("{workflow}-*"));
    let mut found = vec![("pod", group, Basis::Tags)];
    found.extend(workflow.into_iter().flat_map(|workflow| of_workflow(workflow, Basis::PodName)));
    found
}

fn of_workflow((workflow, template): (&str, Option<&str>), basis: Basis) -> Vec<Told> {
    let template = template.map(|name| ("argo-template", name.to_owned(), basis));
    [("argo-workflow", workflow.to_owned(), basis)].into_iter().chain(template).collect()
}
