//! What the subject of a CI system's token tells of the run: branch, environment, phase.

/// Claims that subjects are made of, in the systems whose subjects are `KEY:VALUE` pairs; a value ends where the next claim begins.
///
/// See: <https://docs.github.com/en/actions/reference/security/oidc#customizing-the-token-claims>
const CLAIMS: &[&str] = &[
    "actor",
    "base_ref",
    "commit",
    "context",
    "environment",
    "event_name",
    "head_ref",
    "job_workflow_ref",
    "pipeline",
    "project",
    "project_path",
    "pull_request",
    "ref",
    "ref_type",
    "repo",
    "repository",
    "repository_owner",
    "run_phase",
    "step",
    "workflow",
    "workspace",
];

/// Kind and value of each label; none for subjects that name no run.
pub(super) fn claims(subject: &str) -> Vec<(&'static str, String)> {
    if subject.starts_with("system:serviceaccount:") {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Some(name) = claim(subject, "environment").or_else(|| bitbucket_environment(subject)) {
        found.push(("environment", name.to_owned()));
    }
    if let Some(name) = claim(subject, "ref") {
        found.push(("ref", name.to_owned()));
    } else if let Some((_, name)) = subject.split_once("/vcs-ref/") {
        found.push(("ref", name.to_owned()));
    }
    if subject.ends_with(":pull_request") || subject.contains(":pull_request:") {
        found.push(("trigger", "pull_request".to_owned()));
    }
    found.extend(claim(subject, "run_phase").map(|phase| ("run-phase", phase.to_owned())));
    // `OWNER/REPO/.github/workflows/FILE@REF`: which branch it was is told apart.
    if let Some(workflow) = claim(subject, "job_workflow_ref") {
        let file = workflow.split('@').next().unwrap_or_default();
        found.push(("workflow", file.to_owned()));
    }
    found
}

/// The value of a claim; some systems put colons into values, so it ends at the next known claim.
fn claim<'s>(subject: &'s str, key: &str) -> Option<&'s str> {
    let at_start = subject.strip_prefix(key).and_then(|rest| rest.strip_prefix(':'));
    let rest = at_start.or_else(|| Some(subject.split_once(&format!(":{key}:"))?.1))?;
    let ends = |claim: &&str| {
        let inside = rest.find(&format!(":{claim}:"));
        inside.or_else(|| rest.strip_suffix(*claim)?.strip_suffix(':').map(str::len))
    };
    let end = CLAIMS.iter().filter_map(ends).min().unwrap_or(rest.len());
    rest.get(..end).filter(|value| !value.is_empty())
}

/// Bitbucket's subjects are `{REPOSITORY}:{ENVIRONMENT}:{STEP}`, the environment's id only where a step has one.
fn bitbucket_environment(subject: &str) -> Option<&str> {
    let mut parts = subject.split(':');
    let [Some(repository), Some(environment), Some(step), None] =
        [parts.next(), parts.next(), parts.next(), parts.next()]
    else {
        return None;
    };
    let is_id = |part: &str| part.starts_with('{') && part.ends_with('}');
    [repository, environment, step].into_iter().all(is_id).then_some(environment)
}

#[cfg(test)]
mod tests {
    use super::claims;

    #[test]
    fn subjects_of_pipelines_tell_what_ran() {
        for (subject, expected) in [
            ("repo:a/b:ref:refs/heads/main", vec![("ref", "refs/heads/main")]),
            ("repo:a@1/b@2:environment:production", vec![("environment", "production")]),
            ("repo:a/b:environment:eu:blue", vec![("environment", "eu:blue")]),
            ("repo:a/b:pull_request", vec![("trigger", "pull_request")]),
            (
                "repo:a/b:environment:prod:pull_request",
                vec![("environment", "prod"), ("trigger", "pull_request")],
            ),
            (
                "environment:prod:repo:a/b:job_workflow_ref:o/r/.github/workflows/w.yml@refs/heads/main",
                vec![("environment", "prod"), ("workflow", "o/r/.github/workflows/w.yml")],
            ),
            ("project_path:g/p:ref_type:branch:ref:main", vec![("ref", "main")]),
            ("organization:o:project:p:workspace:w:run_phase:apply", vec![("run-phase", "apply")]),
            ("organization:o:pipeline:p:ref:refs/heads/x:commit:c:step:s", vec![("ref", "refs/heads/x")]),
            (
                "org/o/project/p/user/u/vcs-origin/github.com/a/b/vcs-ref/refs/heads/x",
                vec![("ref", "refs/heads/x")],
            ),
            ("{r-1}:{e-1}:{s-1}", vec![("environment", "{e-1}")]),
            ("{r-1}:{s-1}", vec![]),
            ("system:serviceaccount:ref:x", vec![]),
            ("109876543210987654321", vec![]),
        ] {
            let found = claims(subject);
            let found: Vec<(&str, &str)> =
                found.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
            assert_eq!(found, expected, "{subject}");
        }
    }
}
