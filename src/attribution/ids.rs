//! Workload ids: who a token, an issuing service or a long-term identity stands for.
//!
//! The forms are a contract with users; each constructor shows one. Text from tokens is kept as it is, so ids must be escaped
//! wherever they are shown.

use std::collections::BTreeSet;

use super::{Attribution, Workload, WorkloadKind};
use crate::ident::Arn;
use crate::inventory::Inventory;

/// Host of GitHub's issuer; enterprises may have a path of their own below it.
const GITHUB: &str = "token.actions.githubusercontent.com";
/// GitHub Enterprise Server issues under its own host and this path.
const GITHUB_SERVER_PATH: &str = "/_services/token";

pub(super) fn workload(kind: WorkloadKind, rest: &str) -> Workload {
    Workload {
        id: format!("{}:{rest}", kind.as_str()),
        kind,
        cluster: None,
        namespace: None,
        service_account: None,
    }
}

/// `kubernetes:CLUSTER/NAMESPACE/SERVICE_ACCOUNT`, with the cluster as the credentials' way names it: the issuer for IRSA, the
/// ARN for Pod Identity. A bare name becomes the ARN of the one cluster the snapshot knows by it.
pub(super) fn kubernetes(
    cluster: &str,
    namespace: &str,
    service_account: &str,
    inventory: &Inventory,
) -> Workload {
    let named = inventory.cluster_by_name(cluster).map(|cluster| cluster.arn.clone());
    let cluster = named.unwrap_or_else(|| cluster.strip_prefix("https://").unwrap_or(cluster).to_owned());
    in_cluster(cluster, namespace, service_account)
}

fn in_cluster(cluster: String, namespace: &str, service_account: &str) -> Workload {
    Workload {
        namespace: Some(namespace.to_owned()),
        service_account: Some(service_account.to_owned()),
        ..Workload {
            cluster: Some(cluster.clone()),
            ..workload(WorkloadKind::Kubernetes, &format!("{cluster}/{namespace}/{service_account}"))
        }
    }
}

/// Gives a ServiceAccount that came both ways, through IRSA and through Pod Identity, one id: the issuer's.
///
/// Only where the snapshot or the manifests tie the cluster's ARN to the issuer; see [`Inventory::cluster_id`].
pub(super) fn unify(attributions: &mut [Attribution], inventory: &Inventory) {
    let by_issuer: BTreeSet<Workload> = attributions
        .iter()
        .filter_map(|attribution| attribution.workload.as_ref())
        .filter(|workload| workload.cluster.as_deref().is_some_and(|cluster| Arn::parse(cluster).is_none()))
        .cloned()
        .collect();
    for workload in attributions.iter_mut().filter_map(|attribution| attribution.workload.as_mut()) {
        let (Some(cluster), Some(namespace), Some(account)) =
            (&workload.cluster, &workload.namespace, &workload.service_account)
        else {
            continue;
        };
        let tied = in_cluster(inventory.cluster_id(cluster), namespace, account);
        if by_issuer.contains(&tied) {
            *workload = tied;
        }
    }
}

/// The workload behind a web identity token.
///
/// `provider` is what the issuance names: `arn:P:iam::A:oidc-provider/HOST/PATH`, or the host of a provider built into IAM.
/// `subject` is the token's `sub`. Subjects made by a custom template are read by their `key:value` pairs; one that does not tell
/// the repository, project or workspace stays whole: `oidc:HOST/PATH/SUBJECT`.
pub(super) fn web_identity(provider: &str, subject: &str, inventory: &Inventory) -> Workload {
    let issuer = issuer(provider);
    if let Some((namespace, name)) = service_account(subject) {
        return kubernetes(issuer, namespace, name, inventory);
    }
    let host = issuer.split('/').next().unwrap_or(issuer);
    let known = match host {
        GITHUB => github(subject),
        _ if issuer.ends_with(GITHUB_SERVER_PATH) => github(subject),
        "oidc.circleci.com" => circleci(subject),
        "api.bitbucket.org" => bitbucket(issuer, subject),
        "agent.buildkite.com" => buildkite(subject),
        // These two are often self-hosted: the subject's form tells.
        _ => gitlab(subject).or_else(|| terraform_cloud(subject)),
    };
    known.unwrap_or_else(|| workload(WorkloadKind::Oidc, &format!("{issuer}/{subject}")))
}

/// The one workload all tokens with a subject like `pattern` belong to, or `None`: `repo:acme/app:*` is one repository whatever the
/// branch, `repo:acme/*` is not.
pub(super) fn web_identity_pattern(provider: &str, pattern: &str, inventory: &Inventory) -> Option<Workload> {
    let Some(wildcard) = pattern.find(['*', '?']) else {
        return Some(web_identity(provider, pattern, inventory));
    };
    // Only claims that are closed before the first wildcard are the same for all.
    let closed = pattern.get(..=pattern.get(..wildcard)?.rfind(':')?)?;
    let workload = web_identity(provider, closed, inventory);
    let by_claim = [
        WorkloadKind::GithubActions,
        WorkloadKind::GitlabCi,
        WorkloadKind::TerraformCloud,
        WorkloadKind::Buildkite,
    ];
    by_claim.contains(&workload.kind).then_some(workload)
}

/// Host and path of an OIDC provider, from its ARN or as a built-in provider's name.
pub(super) fn issuer(provider: &str) -> &str {
    // AWS's own pages spell Cognito's provider in two ways.
    if provider == "cognito-identity.amazon.com" {
        return "cognito-identity.amazonaws.com";
    }
    let bare = provider.split_once(":oidc-provider/").map_or(provider, |(_, issuer)| issuer);
    bare.strip_prefix("https://").unwrap_or(bare).trim_end_matches('/')
}

/// `system:serviceaccount:NAMESPACE:NAME`, of whatever issuer.
fn service_account(subject: &str) -> Option<(&str, &str)> {
    let (namespace, name) = subject.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}

/// `github-actions:OWNER/REPO` from `repo:O/R:…` and from the immutable `repo:O@ID/R@ID:…`.
fn github(subject: &str) -> Option<Workload> {
    let slug = claim(subject, "repo", &[]).or_else(|| claim(subject, "repository", &[]))?;
    let (owner, repository) = slug.split_once('/')?;
    let name = |part: &str| match part.rsplit_once('@') {
        Some((name, id)) if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) => name.to_owned(),
        _ => part.to_owned(),
    };
    let (owner, repository) = (name(owner), name(repository));
    let plain = !owner.is_empty() && !repository.is_empty() && !repository.contains('/');
    plain.then(|| workload(WorkloadKind::GithubActions, &format!("{owner}/{repository}")))
}

/// `gitlab-ci:PROJECT_PATH` from `project_path:GROUP/PROJECT:ref_type:…`.
fn gitlab(subject: &str) -> Option<Workload> {
    let path = claim(subject, "project_path", &[])?;
    path.contains('/').then(|| workload(WorkloadKind::GitlabCi, path))
}

/// `terraform-cloud:ORG/PROJECT/WORKSPACE` from `organization:O:project:P:workspace:W:run_phase:…`.
fn terraform_cloud(subject: &str) -> Option<Workload> {
    let keys = ["organization", "project", "workspace", "run_phase"];
    let [organization, project, workspace] =
        ["organization", "project", "workspace"].map(|key| claim(subject, key, &keys));
    Some(workload(WorkloadKind::TerraformCloud, &format!("{}/{}/{}", organization?, project?, workspace?)))
}

/// `buildkite:ORG/PIPELINE` from `organization:O:pipeline:P:ref:…`.
fn buildkite(subject: &str) -> Option<Workload> {
    let (organization, pipeline) = (claim(subject, "organization", &[])?, claim(subject, "pipeline", &[])?);
    Some(workload(WorkloadKind::Buildkite, &format!("{organization}/{pipeline}")))
}

/// `circleci:ORG_ID/PROJECT_ID` from `org/O/project/P/user/U…`.
fn circleci(subject: &str) -> Option<Workload> {
    let parts: Vec<&str> = subject.split('/').collect();
    let after = |key: &str| {
        let place = parts.iter().position(|part| *part == key)?;
        parts.get(place + 1).filter(|value| !value.is_empty())
    };
    Some(workload(WorkloadKind::CircleCi, &format!("{}/{}", after("org")?, after("project")?)))
}

/// `bitbucket:WORKSPACE/{REPOSITORY_UUID}`: the workspace from the issuer's path, the repository from the subject's start.
fn bitbucket(issuer: &str, subject: &str) -> Option<Workload> {
    let (_, rest) = issuer.split_once("/workspaces/")?;
    let workspace = rest.split('/').next().filter(|workspace| !workspace.is_empty())?;
    let repository = subject.split(':').next().filter(|repository| repository.starts_with('{'))?;
    Some(workload(WorkloadKind::Bitbucket, &format!("{workspace}/{repository}")))
}

/// The value of `key` in a subject of `key:value` pairs in any order: the text up to the next colon, or, where values may hold
/// colons, up to the next of `keys`.
fn claim<'a>(subject: &'a str, key: &str, keys: &[&str]) -> Option<&'a str> {
    let start = if subject.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')) {
        key.len() + 1
    } else {
        let marker = format!(":{key}:");
        subject.find(&marker)? + marker.len()
    };
    let rest = subject.get(start..)?;
    let end = if keys.is_empty() {
        rest.find(':')
    } else {
        keys.iter().filter_map(|next| rest.find(&format!(":{next}:"))).min()
    };
    let value = end.map_or(Some(rest.trim_end_matches(':')), |end| rest.get(..end))?;
    (!value.is_empty()).then_some(value)
}

/// `saml:PROVIDER_NAME/SUBJECT`.
pub(super) fn saml(provider: &str, subject: &str) -> Workload {
    let name = provider.split_once(":saml-provider/").map_or(provider, |(_, name)| name);
    workload(WorkloadKind::Saml, &format!("{name}/{subject}"))
}

/// Whether a role is a permission set's: only Identity Center hands out its sessions, and sets their names.
pub(super) fn is_permission_set_role(role_arn: &str) -> bool {
    role_arn.contains(":role/aws-reserved/sso.amazonaws.com/")
}

/// A workload of the AWS service that was given credentials of the role: `ec2:ROLE`, `ecs:ROLE`, `lambda:FUNCTION` when the function
/// is known, else `service:PRINCIPAL/ROLE`.
pub(super) fn service(principal: &str, role_name: &str, function: Option<&str>) -> Workload {
    let principal = service_principal(principal);
    match (principal.as_str(), function) {
        ("ec2.amazonaws.com", _) => workload(WorkloadKind::Ec2, role_name),
        ("ecs-tasks.amazonaws.com", _) => workload(WorkloadKind::Ecs, role_name),
        ("lambda.amazonaws.com", Some(function)) => workload(WorkloadKind::Lambda, function),
        _ => workload(WorkloadKind::Service, &format!("{principal}/{role_name}")),
    }
}

/// One name for a service that has several: trust policies name a service by Region, with China's suffix, or by two principals that act
/// as one, where the log has another of its names.
fn service_principal(principal: &str) -> String {
    // China writes some principals with its own suffix.
    let bare = principal.strip_suffix(".cn").unwrap_or(principal);
    match bare {
        // MWAA's roles have to trust both; so have the roles of functions at CloudFront's edge.
        "airflow-env.amazonaws.com" => return "airflow.amazonaws.com".to_owned(),
        "edgelambda.amazonaws.com" => return "lambda.amazonaws.com".to_owned(),
        _ => {}
    }
    let is_region = |text: &str| {
        let mut parts = text.split('-');
        let is_last = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        parts.clone().count() >= 3
            && parts.next().is_some_and(|part| part.len() == 2)
            && parts.next_back().is_some_and(is_last)
    };
    match bare.split('.').collect::<Vec<_>>().as_slice() {
        [service, region, "amazonaws", "com"] if is_region(region) => format!("{service}.amazonaws.com"),
        _ => bare.to_owned(),
    }
}

/// The service that gives sessions names of this form. A hint for readers: anybody can choose such a name.
///
/// See: the names in public samples of each service's events; ECS's and CodeBuild's are not documented.
pub(super) fn service_by_form(session: &str) -> Option<&'static str> {
    let all = |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|byte| is(&byte));
    let is_uuid = |text: &str| {
        text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    };
    let ends_in_uuid = |text: &str| text.len() > 37 && text.get(text.len() - 36..).is_some_and(is_uuid);
    match session {
        "GlueJobRunnerSession" => Some("AWS Glue"),
        "AmazonMWAA-airflow" => Some("Amazon MWAA"),
        "AWSCloudFormation" => Some("AWS CloudFormation"),
        "SageMaker" => Some("Amazon SageMaker"),
        "CLOUDWATCH_LOGS_DELIVERY_SESSION" => Some("AWS CloudTrail"),
        _ if session.strip_prefix("AWSCodeBuild-").is_some_and(is_uuid) => Some("AWS CodeBuild"),
        _ if session.starts_with("eks-") && ends_in_uuid(session) => Some("EKS Pod Identity"),
        _ if session
            .strip_prefix("i-")
            .is_some_and(|id| [8, 17].contains(&id.len()) && all(id, u8::is_ascii_hexdigit)) =>
        {
            Some("Amazon EC2")
        }
        _ if session.len() == 32 && all(session, u8::is_ascii_hexdigit) => Some("Amazon ECS"),
        _ => None,
    }
}

/// The same for a role whose ARN is known: ECS tasks are told by their service, `ecs:ROLE/CLUSTER/SERVICE`, when the snapshot names the one
/// that runs with the role.
pub(super) fn service_with_role(
    principal: &str,
    role_arn: &str,
    role_name: &str,
    function: Option<&str>,
    inventory: &Inventory,
) -> Workload {
    let general = service(principal, role_name, function);
    match inventory.ecs.service(role_arn) {
        Some(service) if general.kind == WorkloadKind::Ecs => {
            workload(WorkloadKind::Ecs, &format!("{role_name}/{service}"))
        }
        _ => general,
    }
}

/// The function's name in a Lambda ARN (`…:function:NAME[:QUALIFIER]`).
pub(super) fn function_name(arn: &str) -> Option<&str> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "lambda")?;
    arn.resource.strip_prefix("function:")?.split(':').next().filter(|name| !name.is_empty())
}

/// The function's name in the name of a session that Lambda opened; `awslambda_N_TIME` sessions are Lambda's own check of a role
/// when a function is created, and name none.
pub(super) fn function_of_session(session_name: &str) -> Option<&str> {
    let own_check = session_name
        .strip_prefix("awslambda_")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_'));
    (!own_check && !session_name.is_empty()).then_some(session_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::Grade;
    use crate::inventory::Cluster;

    #[test]
    fn tokens_name_workloads() {
        let eks = "arn:aws:iam::1:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC";
        let github = "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com";
        let gitlab = "arn:aws:iam::1:oidc-provider/gitlab.example.org";
        let terraform = "arn:aws:iam::1:oidc-provider/app.terraform.io";
        let bitbucket = "arn:aws:iam::1:oidc-provider/api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc";
        let table = [
            (eks, "system:serviceaccount:ns:sa", "kubernetes:oidc.eks.eu-west-1.amazonaws.com/id/ABC/ns/sa"),
            (
                "arn:aws:iam::1:oidc-provider/container.googleapis.com/v1/projects/p/locations/l/clusters/c",
                "system:serviceaccount:a:b",
                "kubernetes:container.googleapis.com/v1/projects/p/locations/l/clusters/c/a/b",
            ),
            (
                eks,
                "system:serviceaccount:ns",
                "oidc:oidc.eks.eu-west-1.amazonaws.com/id/ABC/system:serviceaccount:ns",
            ),
            (
                eks,
                "system:serviceaccount:a:b:c",
                "oidc:oidc.eks.eu-west-1.amazonaws.com/id/ABC/system:serviceaccount:a:b:c",
            ),
            (github, "repo:acme/app:ref:refs/heads/main", "github-actions:acme/app"),
            (github, "repo:acme/app:environment:prod:x", "github-actions:acme/app"),
            (github, "repo:acme/app:pull_request", "github-actions:acme/app"),
            (github, "repo:acme/app", "github-actions:acme/app"),
            (github, "repo:acme@123/app@456:ref:refs/heads/main", "github-actions:acme/app"),
            (github, "repo:acme@corp/app@456:ref:refs/tags/v@1", "github-actions:acme@corp/app"),
            (
                github,
                "environment:prod:repo:acme/app:job_workflow_ref:o/r/.github/workflows/w.yml@refs/heads/main",
                "github-actions:acme/app",
            ),
            (github, "repository:acme/app:actor:me", "github-actions:acme/app"),
            (
                github,
                "job_workflow_ref:o/r/.github/workflows/w.yml@refs/heads/main",
                "oidc:token.actions.githubusercontent.com/job_workflow_ref:o/r/.github/workflows/w.yml@refs/heads/main",
            ),
            (
                github,
                "repository_id:7:repository_owner:acme",
                "oidc:token.actions.githubusercontent.com/repository_id:7:repository_owner:acme",
            ),
            (
                "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com/acme-corp",
                "repo:acme/app:ref:refs/heads/main",
                "github-actions:acme/app",
            ),
            (
                "arn:aws:iam::1:oidc-provider/ghe.acme.test/_services/token",
                "repo:a/b:x",
                "github-actions:a/b",
            ),
            // Another issuer may say anything: only GitHub's says who a GitHub repository is.
            (
                "arn:aws:iam::1:oidc-provider/evil.test",
                "repo:acme/app:ref:x",
                "oidc:evil.test/repo:acme/app:ref:x",
            ),
            (gitlab, "project_path:g/sub/p:ref_type:branch:ref:main", "gitlab-ci:g/sub/p"),
            (
                terraform,
                "organization:acme:project:Default Project:workspace:net:run_phase:plan",
                "terraform-cloud:acme/Default Project/net",
            ),
            (
                terraform,
                "organization:acme:workspace:net",
                "oidc:app.terraform.io/organization:acme:workspace:net",
            ),
            (
                "arn:aws:iam::1:oidc-provider/oidc.circleci.com/org/o-1",
                "org/o-1/project/p-1/user/u-1/vcs-origin/github.com/a/b/vcs-ref/refs/heads/main",
                "circleci:o-1/p-1",
            ),
            (bitbucket, "{r-1}:{e-1}:{s-1}", "bitbucket:acme/{r-1}"),
            (
                "arn:aws:iam::1:oidc-provider/agent.buildkite.com",
                "organization:acme:pipeline:deploy:ref:refs/heads/main:commit:c:step:s",
                "buildkite:acme/deploy",
            ),
            (
                "accounts.google.com",
                "109876543210987654321",
                "oidc:accounts.google.com/109876543210987654321",
            ),
            (
                "cognito-identity.amazonaws.com",
                "eu-west-1:u",
                "oidc:cognito-identity.amazonaws.com/eu-west-1:u",
            ),
            (
                "arn:aws:iam::1:oidc-provider/acme.okta.com/oauth2/default",
                "u",
                "oidc:acme.okta.com/oauth2/default/u",
            ),
        ];
        for (provider, subject, expected) in table {
            assert_eq!(
                web_identity(provider, subject, &Inventory::default()).id,
                expected,
                "{provider} {subject}"
            );
        }
    }

    #[test]
    fn patterns_of_subjects_name_a_workload_when_their_fixed_part_does() {
        let github = "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com";
        let terraform = "arn:aws:iam::1:oidc-provider/app.terraform.io";
        for (provider, pattern, expected) in [
            (github, "repo:acme/app:*", Some("github-actions:acme/app")),
            (github, "repo:acme/app:ref:refs/heads/rel-*", Some("github-actions:acme/app")),
            (github, "repo:acme/app:ref:refs/heads/main", Some("github-actions:acme/app")),
            (github, "repo:acme/app*", None),
            (github, "repo:acme/*", None),
            (github, "*", None),
            (terraform, "organization:a:project:p:workspace:w:run_phase:*", Some("terraform-cloud:a/p/w")),
            (terraform, "organization:a:project:p:workspace:w:*", Some("terraform-cloud:a/p/w")),
            (terraform, "organization:a:project:p:workspace:*:run_phase:*", None),
            ("arn:aws:iam::1:oidc-provider/x.test", "system:serviceaccount:n:*", None),
            (
                "arn:aws:iam::1:oidc-provider/x.test",
                "system:serviceaccount:n:s",
                Some("kubernetes:x.test/n/s"),
            ),
        ] {
            let found = web_identity_pattern(provider, pattern, &Inventory::default());
            assert_eq!(found.map(|workload| workload.id).as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn a_service_account_that_came_both_ways_has_one_id_when_the_snapshot_ties_them() {
        let arn = "arn:aws:eks:eu-west-1:1:cluster/prod";
        let mut inventory = Inventory::default();
        let provider = "arn:aws:iam::1:oidc-provider/oidc.test/id/A";
        let irsa = web_identity(provider, "system:serviceaccount:n:s", &inventory);
        assert_eq!(irsa.id, "kubernetes:oidc.test/id/A/n/s");
        assert_eq!(
            (irsa.cluster.as_deref(), irsa.namespace.as_deref(), irsa.service_account.as_deref()),
            (Some("oidc.test/id/A"), Some("n"), Some("s"))
        );
        let pod = |name: &str, inventory: &Inventory| kubernetes(arn, "n", name, inventory);
        let ids = |inventory: &Inventory| {
            let found = |workload| Attribution {
                principal: None,
                workload: Some(workload),
                grade: Grade::Exact,
                via: Vec::new(),
                evidence: Vec::new(),
                reason: String::new(),
                is_service: false,
            };
            let mut all = [irsa.clone(), pod("s", inventory), pod("other", inventory)].map(found);
            unify(&mut all, inventory);
            all.map(|attribution| attribution.workload.map(|workload| workload.id).unwrap_or_default())
        };
        let apart = [irsa.id.clone(), format!("kubernetes:{arn}/n/s"), format!("kubernetes:{arn}/n/other")];
        assert_eq!(ids(&inventory), apart);
        let cluster =
            Cluster { arn: arn.to_owned(), issuer: Some("oidc.test/id/A".to_owned()), ..Cluster::default() };
        inventory.clusters.insert(arn.to_owned(), cluster);
        assert_eq!(ids(&inventory), [irsa.id.clone(), irsa.id.clone(), format!("kubernetes:{arn}/n/other")]);
        assert_eq!(kubernetes("prod", "n", "s", &inventory).cluster.as_deref(), Some(arn));
    }

    #[test]
    fn services_and_sign_in() {
        for (principal, function, expected) in [
            ("ec2.amazonaws.com", None, "ec2:R"),
            ("ec2.amazonaws.com.cn", None, "ec2:R"),
            ("ecs-tasks.amazonaws.com", None, "ecs:R"),
            ("lambda.amazonaws.com", Some("f"), "lambda:f"),
            ("lambda.amazonaws.com", None, "service:lambda.amazonaws.com/R"),
            ("glue.amazonaws.com", Some("f"), "service:glue.amazonaws.com/R"),
            ("states.eu-west-1.amazonaws.com", None, "service:states.amazonaws.com/R"),
            ("logs.us-gov-west-1.amazonaws.com", None, "service:logs.amazonaws.com/R"),
            ("airflow-env.amazonaws.com", None, "service:airflow.amazonaws.com/R"),
            ("edgelambda.amazonaws.com", Some("f"), "lambda:f"),
            ("not.a-region.amazonaws.com", None, "service:not.a-region.amazonaws.com/R"),
        ] {
            assert_eq!(service(principal, "R", function).id, expected);
        }
        assert_eq!(function_name("arn:aws:lambda:r:1:function:f:$LATEST"), Some("f"));
        assert_eq!(function_name("arn:aws:s3:::function:f"), None);
        assert_eq!(function_of_session("awslambda_0_20230710115500"), None);
        assert_eq!(function_of_session("my-function"), Some("my-function"));
        assert_eq!(
            saml("arn:aws:iam::1:saml-provider/Okta", "ann@example.org").id,
            "saml:Okta/ann@example.org"
        );
    }

    #[test]
    fn names_that_services_give_have_forms() {
        for (name, expected) in [
            ("GlueJobRunnerSession", Some("AWS Glue")),
            ("AmazonMWAA-airflow", Some("Amazon MWAA")),
            ("AWSCodeBuild-498124c2-a555-40bf-9059-ca9a26821eb0", Some("AWS CodeBuild")),
            ("AWSCodeBuild-main", None),
            ("eks-prod-api-498124c2-a555-40bf-9059-ca9a26821eb0", Some("EKS Pod Identity")),
            ("498124c2-a555-40bf-9059-ca9a26821eb0", None),
            ("i-0abcdef0123456789", Some("Amazon EC2")),
            ("i-am-a-person", None),
            ("0123456789abcdef0123456789abcdef", Some("Amazon ECS")),
            ("botocore-session-1700000000", None),
            ("", None),
        ] {
            assert_eq!(service_by_form(name), expected, "{name}");
        }
    }
}
