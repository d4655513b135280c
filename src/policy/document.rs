//! `Policy`, `Statement` and their elements.

/// The `Version` element. It switches policy variables on and off, so it is part of a statement's meaning.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// `2008-10-17`, also the meaning of an absent element: `${…}` is plain text.
    #[default]
    V2008,
    /// `2012-10-17`: policy variables are replaced.
    V2012,
}

/// `Effect`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the variants are AWS's words")]
pub enum Effect {
    Allow,
    Deny,
}

/// Where a policy is attached, which decides what it may hold and how it is evaluated.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PolicyKind {
    /// Managed or inline policy of a user, group or role.
    Identity,
    /// Permissions boundary.
    Boundary,
    /// Session policy passed to an `AssumeRole*` call.
    Session,
    /// A role's trust policy.
    Trust,
    /// Resource-based policy.
    Resource,
    /// Service control policy.
    Scp,
    /// Resource control policy.
    Rcp,
    /// VPC endpoint policy.
    VpcEndpoint,
}

/// One parsed document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// See [`Version`].
    pub version: Version,
    /// Whether the document wrote a `Version` at all.
    pub version_written: bool,
    /// `Id`, for resource policies.
    pub id: Option<String>,
    /// In the order written.
    pub statements: Vec<Statement>,
    /// JSON pointers of members IAM does not define. A proof that touches such a document is `unknown`.
    pub unknown: Vec<String>,
    /// What a careful reader would be told: duplicate keys merged, wrong case of an element name, …, each with its pointer.
    pub lints: Vec<String>,
}

impl Policy {
    /// A document of these statements and nothing else.
    pub fn of(version: Version, statements: Vec<Statement>) -> Self {
        Self { version, version_written: true, id: None, statements, unknown: Vec::new(), lints: Vec::new() }
    }
}

/// One statement. Texts are kept as written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    /// `Sid`.
    pub sid: Option<String>,
    /// `Effect`.
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`; `None` in identity policies.
    pub principal: Option<PrincipalElement>,
    /// `Action` or `NotAction`.
    pub action: ActionElement,
    /// `Resource` or `NotResource`; `None` in trust policies, where it means the role itself.
    pub resource: Option<ResourceElement>,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// Whether the statement has a member IAM does not define.
    pub has_unknown: bool,
}

/// `Action` (`Only`) or `NotAction` (`Except`): patterns over `service:Name`, compared without case.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ActionElement {
    /// The listed patterns.
    Only(Vec<String>),
    /// Everything but the listed patterns.
    Except(Vec<String>),
}

/// `Resource` (`Only`) or `NotResource` (`Except`): ARN patterns, compared with case.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ResourceElement {
    /// The listed patterns.
    Only(Vec<String>),
    /// Everything but the listed patterns.
    Except(Vec<String>),
}

/// `Principal` (`Only`) or `NotPrincipal` (`Except`).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum PrincipalElement {
    /// The listed principals.
    Only(Vec<PrincipalPattern>),
    /// Everyone but the listed principals.
    Except(Vec<PrincipalPattern>),
}

/// One value of a `Principal` element.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PrincipalPattern {
    /// `"*"` or `{"AWS": "*"}`; `written_as_aws` keeps which one.
    Everyone {
        /// The text was `{"AWS": "*"}`.
        written_as_aws: bool,
    },
    /// `AWS`: an account id, a root, user, role or session ARN, or the unique id of a deleted principal.
    Aws(String),
    /// `Service`.
    Service(String),
    /// `Federated`: an OIDC or SAML provider ARN, or a built-in provider's host.
    Federated(String),
    /// `CanonicalUser`.
    CanonicalUser(String),
}

impl PrincipalPattern {
    /// Type and text as an object in a `Principal` element has them: `AWS` and `*` for everyone.
    pub fn written(&self) -> (&'static str, &str) {
        match self {
            Self::Everyone { .. } => ("AWS", "*"),
            Self::Aws(text) => ("AWS", text),
            Self::Service(text) => ("Service", text),
            Self::Federated(text) => ("Federated", text),
            Self::CanonicalUser(text) => ("CanonicalUser", text),
        }
    }
}

/// One operator applied to one key.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Condition {
    /// As written, with set qualifier and `IfExists`: `ForAllValues:StringEqualsIfExists`.
    pub operator: String,
    /// As written; compared without case.
    pub key: String,
    /// Numbers and booleans are texts here, as IAM compares them.
    pub values: Vec<String>,
}
