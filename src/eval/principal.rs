//! Who asks, and whom a `Principal` element names.

use super::Truth;
use crate::ident::{Arn, is_account_id};
use crate::policy::{PrincipalElement, PrincipalPattern};

/// Who makes a request.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Principal {
    /// Nobody signed the request.
    Anonymous,
    /// An account's root user.
    Root {
        /// The account id.
        account: String,
    },
    /// An IAM user.
    User {
        /// With path.
        arn: String,
    },
    /// A role, whichever of its sessions.
    Role {
        /// With path.
        arn: String,
    },
    /// One session of a role.
    Session {
        /// `arn:…:sts::ACCOUNT:assumed-role/NAME/SESSION`.
        arn: String,
    },
    /// A session got by `GetFederationToken`.
    FederatedUser {
        /// `arn:…:sts::ACCOUNT:federated-user/NAME`.
        arn: String,
        /// The user who got it, if known.
        user: Option<String>,
    },
    /// An AWS service acting for itself.
    Service(String),
    /// Someone an OIDC or SAML provider vouches for: the provider's ARN, or a built-in provider's host.
    Federated(String),
    /// An S3 canonical user id.
    CanonicalUser(String),
}

impl Principal {
    /// The principal an ARN names; `None` when it names none.
    pub fn from_arn(text: &str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        let (kind, _) = arn.resource.split_once('/').unwrap_or((arn.resource, ""));
        let text = text.to_owned();
        match (arn.service, kind) {
            ("iam", "root") => Some(Self::Root { account: arn.account.to_owned() }),
            ("iam", "user") => Some(Self::User { arn: text }),
            ("iam", "role") => Some(Self::Role { arn: text }),
            ("iam", "oidc-provider" | "saml-provider") => Some(Self::Federated(text)),
            ("sts", "assumed-role") => Some(Self::Session { arn: text }),
            ("sts", "federated-user") => Some(Self::FederatedUser { arn: text, user: None }),
            _ => None,
        }
    }

    /// The account the principal belongs to, if it belongs to one as an identity.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Root { account } => Some(account),
            Self::User { arn }
            | Self::Role { arn }
            | Self::Session { arn }
            | Self::FederatedUser { arn, .. } => Arn::parse(arn).map(|arn| arn.account),
            Self::Anonymous | Self::Service(_) | Self::Federated(_) | Self::CanonicalUser(_) => None,
        }
    }

    /// The role's account and name, for a role and its sessions.
    pub(super) fn role(&self) -> Option<(&str, &str)> {
        match self {
            Self::Role { arn } => role_of(arn),
            Self::Session { arn } => {
                let arn = Arn::parse(arn)?;
                Some((arn.account, arn.assumed_role()?.0))
            }
            _ => None,
        }
    }

    /// Whether the principal is a service-linked role, which SCPs and RCPs leave alone; a session ARN shows it by the reserved name.
    pub fn is_service_linked(&self) -> bool {
        match self {
            Self::Role { arn } => arn.contains(":role/aws-service-role/"),
            _ => self.role().is_some_and(|(_, name)| name.starts_with("AWSServiceRoleFor")),
        }
    }
}

/// Account and name of a role ARN.
pub(super) fn role_of(arn: &str) -> Option<(&str, &str)> {
    let arn = Arn::parse(arn)?;
    Some((arn.account, arn.role_name()?))
}

/// How a `Principal` element reaches a principal. It decides which other policies must agree.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Reach {
    /// Not at all.
    None,
    /// Through its account, which delegates the decision to its own policies.
    Account,
    /// Through its role, or the user behind a federated session: boundary and session policy still limit.
    Role,
    /// By its own ARN or by `*`.
    Direct,
}

/// How an element surely reaches a principal, and how it would if what is not known were known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PrincipalMatch {
    /// At least this.
    pub sure: Reach,
    /// At most this.
    pub possible: Reach,
}

impl PrincipalMatch {
    const NONE: Self = Self { sure: Reach::None, possible: Reach::None };

    fn sure(reach: Reach) -> Self {
        Self { sure: reach, possible: reach }
    }

    fn perhaps(reach: Reach) -> Self {
        Self { sure: Reach::None, possible: reach }
    }

    fn or(self, other: Self) -> Self {
        Self { sure: self.sure.max(other.sure), possible: self.possible.max(other.possible) }
    }

    /// Whether the element reaches the principal at least as far as `reach`.
    pub fn at_least(self, reach: Reach) -> Truth {
        if self.sure >= reach {
            Truth::True
        } else if self.possible >= reach {
            Truth::Unknown
        } else {
            Truth::False
        }
    }

    /// Whether the element matches the principal at all.
    pub fn truth(self) -> Truth {
        self.at_least(Reach::Account)
    }
}

/// How `element` reaches `principal`. `NotPrincipal` reaches everyone it does not name as `*` does.
pub fn reach(element: &PrincipalElement, principal: &Principal) -> PrincipalMatch {
    let named = |patterns: &[PrincipalPattern]| {
        patterns.iter().map(|pattern| one(pattern, principal)).fold(PrincipalMatch::NONE, PrincipalMatch::or)
    };
    match element {
        PrincipalElement::Only(patterns) => named(patterns),
        PrincipalElement::Except(patterns) => match named(patterns).truth() {
            Truth::True => PrincipalMatch::NONE,
            Truth::Unknown => PrincipalMatch::perhaps(Reach::Direct),
            Truth::False => PrincipalMatch::sure(Reach::Direct),
        },
    }
}

fn one(pattern: &PrincipalPattern, principal: &Principal) -> PrincipalMatch {
    let direct_if = |equal: bool| PrincipalMatch::sure(if equal { Reach::Direct } else { Reach::None });
    match (pattern, principal) {
        (PrincipalPattern::Everyone { .. }, _) => PrincipalMatch::sure(Reach::Direct),
        (PrincipalPattern::Service(named), Principal::Service(name)) => direct_if(named == name),
        (PrincipalPattern::Federated(named), Principal::Federated(provider)) => direct_if(named == provider),
        (PrincipalPattern::CanonicalUser(named), Principal::CanonicalUser(id)) => direct_if(named == id),
        (PrincipalPattern::Aws(named), principal) => aws(named, principal),
        _ => PrincipalMatch::NONE,
    }
}

/// An `AWS` value: account id, root ARN, or the ARN of a user, role or session. The unique id of a deleted entity matches nobody.
fn aws(named: &str, principal: &Principal) -> PrincipalMatch {
    let account = if is_account_id(named) {
        Some(named)
    } else {
        Arn::parse(named).filter(|arn| arn.service == "iam" && arn.resource == "root").map(|arn| arn.account)
    };
    if let Some(account) = account {
        return match principal {
            Principal::Root { account: own } if own == account => PrincipalMatch::sure(Reach::Direct),
            principal if principal.account() == Some(account) => PrincipalMatch::sure(Reach::Account),
            _ => PrincipalMatch::NONE,
        };
    }
    match principal {
        Principal::User { arn } if arn == named => PrincipalMatch::sure(Reach::Direct),
        Principal::Session { arn } if arn == named => PrincipalMatch::sure(Reach::Direct),
        Principal::FederatedUser { arn, .. } if arn == named => PrincipalMatch::sure(Reach::Direct),
        Principal::Role { .. } | Principal::Session { .. } => {
            // A session ARN lacks the role's path, and a role's name is unique in its account whatever the case: names are compared.
            let same_role = |other: Option<(&str, &str)>| match (principal.role(), other) {
                (Some((account, name)), Some((other_account, other_name))) => {
                    account == other_account && name.eq_ignore_ascii_case(other_name)
                }
                _ => false,
            };
            if same_role(role_of(named)) {
                return PrincipalMatch::sure(Reach::Role);
            }
            let named_session =
                Arn::parse(named).and_then(|arn| arn.assumed_role().map(|(role, _)| (arn.account, role)));
            // The element names one session; the request says no more than the role.
            if matches!(principal, Principal::Role { .. }) && same_role(named_session) {
                return PrincipalMatch::perhaps(Reach::Direct);
            }
            PrincipalMatch::NONE
        }
        Principal::FederatedUser { arn, user } => match (user, Arn::parse(named), Arn::parse(arn)) {
            (Some(user), ..) if user == named => PrincipalMatch::sure(Reach::Role),
            (None, Some(named), Some(own))
                if named.account == own.account && named.resource.starts_with("user/") =>
            {
                PrincipalMatch::perhaps(Reach::Role)
            }
            _ => PrincipalMatch::NONE,
        },
        _ => PrincipalMatch::NONE,
    }
}
