//! Workloads and attributions as plain data.

/// What kind of thing a workload is; the word before the first colon of its id.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the variants are the words of the id scheme")]
pub enum WorkloadKind {
    Kubernetes,
    GithubActions,
    GitlabCi,
    TerraformCloud,
    Bitbucket,
    CircleCi,
    Buildkite,
    Oidc,
    Saml,
    Sso,
    Ec2,
    Ecs,
    Lambda,
    Service,
    IamUser,
    Root,
    Account,
}

impl WorkloadKind {
    /// The word used in ids and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::GithubActions => "github-actions",
            Self::GitlabCi => "gitlab-ci",
            Self::TerraformCloud => "terraform-cloud",
            Self::Bitbucket => "bitbucket",
            Self::CircleCi => "circleci",
            Self::Buildkite => "buildkite",
            Self::Oidc => "oidc",
            Self::Saml => "saml",
            Self::Sso => "sso",
            Self::Ec2 => "ec2",
            Self::Ecs => "ecs",
            Self::Lambda => "lambda",
            Self::Service => "service",
            Self::IamUser => "iam-user",
            Self::Root => "root",
            Self::Account => "account",
        }
    }
}

/// What ran.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Workload {
    /// `KIND:…`, as the contract spells it.
    pub id: String,
    /// See [`WorkloadKind`].
    pub kind: WorkloadKind,
    /// Kubernetes: the issuer or cluster ARN.
    pub cluster: Option<String>,
    /// Kubernetes namespace.
    pub namespace: Option<String>,
    /// Kubernetes ServiceAccount.
    pub service_account: Option<String>,
}

/// How an attribution was proven. Ordered: a smaller grade is better evidence.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Grade {
    /// Joined to the issuance by access key id.
    Exact,
    /// By role id and session name (with the creation date where there is one), or by session tags.
    Session,
    /// The issuance is not in the logs, but the role's trust policy admits exactly one subject.
    Inferred,
    /// Nothing proves it.
    Unknown,
}

impl Grade {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Session => "session",
            Self::Inferred => "inferred",
            Self::Unknown => "unknown",
        }
    }
}

/// Who is behind one session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attribution {
    /// The IAM principal whose permissions the session uses: role ARN (with path), user ARN, root ARN; `None` for a service or
    /// a foreign account.
    pub principal: Option<String>,
    /// The workload at the start of the chain; `None` when nothing proves one.
    pub workload: Option<Workload>,
    /// See [`Grade`].
    pub grade: Grade,
    /// ARNs of the roles on the way from the workload to this session's role, in order, this session's role excluded.
    pub via: Vec<String>,
    /// Event ids that prove it.
    pub evidence: Vec<String>,
    /// Why the workload is unknown, or what the grade rests on.
    pub reason: String,
    /// The session acts for AWS itself (service-linked role, EC2 infrastructure): not a workload's permissions.
    pub is_service: bool,
}
