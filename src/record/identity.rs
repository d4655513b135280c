//! `userIdentity`: who made the call.
//!
//! See: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>

use super::Json;
use crate::ident::Time;

/// `userIdentity.type`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the variants are AWS's words")]
pub enum IdentityType {
    Root,
    IamUser,
    AssumedRole,
    Role,
    FederatedUser,
    SamlUser,
    WebIdentityUser,
    AwsAccount,
    AwsService,
    IdentityCenterUser,
    Directory,
    Unknown,
    /// No `type` member: service events write `{"accountId": …, "invokedBy": …}`, or `userIdentity` is null.
    Missing,
    /// A type this version does not know.
    Other,
}

impl IdentityType {
    /// From AWS's spelling; `None` is a missing member.
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            None => Self::Missing,
            Some("Root") => Self::Root,
            Some("IAMUser") => Self::IamUser,
            Some("AssumedRole") => Self::AssumedRole,
            Some("Role") => Self::Role,
            Some("FederatedUser") => Self::FederatedUser,
            Some("SAMLUser") => Self::SamlUser,
            Some("WebIdentityUser") => Self::WebIdentityUser,
            Some("AWSAccount") => Self::AwsAccount,
            Some("AWSService") => Self::AwsService,
            Some("IdentityCenterUser") => Self::IdentityCenterUser,
            Some("Directory") => Self::Directory,
            Some("Unknown") => Self::Unknown,
            Some(_) => Self::Other,
        }
    }
}

/// The identity of one record. Empty texts are `None`.
#[derive(Clone, Copy, Debug)]
pub struct UserIdentity<'a> {
    /// `type`.
    pub kind: IdentityType,
    /// `principalId`: `AIDA…`, `AROA…:session`, an account id, or provider, audience and subject of a web identity.
    pub principal_id: Option<&'a str>,
    /// `arn`: the user, or the session (`assumed-role/NAME/SESSION`, without the role's path).
    pub arn: Option<&'a str>,
    /// `accountId` of the entity that granted the permissions.
    pub account_id: Option<&'a str>,
    /// `accessKeyId`; may be missing even for sessions, and one value may stand for many sessions in masked logs.
    pub access_key_id: Option<&'a str>,
    /// `userName`; for a web identity the token's subject.
    pub user_name: Option<&'a str>,
    /// `identityProvider` (web identity and SAML issuance only).
    pub identity_provider: Option<&'a str>,
    /// `invokedBy`: an AWS service made the request (on behalf of the identity, when one is given).
    pub invoked_by: Option<&'a str>,
    /// `inScopeOf.sourceArn` or `inScopeOf.credentialsIssuedTo`, with `inScopeOf.issuerType`.
    pub in_scope_of: Option<&'a str>,
    /// `inScopeOf.issuerType`, such as `AWS::Lambda::Function`.
    pub in_scope_of_type: Option<&'a str>,
    /// `onBehalfOf.userId`: the Identity Center user.
    pub on_behalf_of: Option<&'a str>,
    /// `credentialId` of bearer-token callers.
    pub credential_id: Option<&'a str>,
    /// `invokedByDelegate.accountId`: a product provider using temporary delegation.
    pub delegate_account: Option<&'a str>,
    /// `sessionContext`.
    pub session: SessionContext<'a>,
}

/// `userIdentity.sessionContext`; all `None` when absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionContext<'a> {
    /// `sessionIssuer.type`.
    pub issuer_type: Option<&'a str>,
    /// `sessionIssuer.arn`: the role with its path.
    pub issuer_arn: Option<&'a str>,
    /// `sessionIssuer.principalId`: the role's unique id (`AROA…`).
    pub issuer_id: Option<&'a str>,
    /// `sessionIssuer.accountId`.
    pub issuer_account: Option<&'a str>,
    /// `sessionIssuer.userName`: the role's name.
    pub issuer_name: Option<&'a str>,
    /// `attributes.creationDate`: equals the issuance's `eventTime`.
    pub creation: Option<Time>,
    /// `attributes.mfaAuthenticated`.
    pub mfa: Option<bool>,
    /// `webIdFederationData.federatedProvider`.
    pub federated_provider: Option<&'a str>,
    /// The subject in `webIdFederationData.attributes`, where the record shows one.
    pub federated_subject: Option<&'a str>,
    /// `sourceIdentity`.
    pub source_identity: Option<&'a str>,
    /// `ec2RoleDelivery`: `1.0` or `2.0` for instance profile credentials.
    pub ec2_role_delivery: Option<&'a str>,
    /// `assumedRoot`.
    pub assumed_root: Option<bool>,
}

impl<'a> UserIdentity<'a> {
    /// Reads the `userIdentity` member; anything but an object reads as an identity without a type.
    pub fn parse(json: Json<'a>) -> Self {
        let mut identity = Self {
            kind: IdentityType::Missing,
            principal_id: None,
            arn: None,
            account_id: None,
            access_key_id: None,
            user_name: None,
            identity_provider: None,
            invoked_by: None,
            in_scope_of: None,
            in_scope_of_type: None,
            on_behalf_of: None,
            credential_id: None,
            delegate_account: None,
            session: SessionContext::default(),
        };
        for (key, value) in json.members() {
            match key {
                "type" => identity.kind = IdentityType::parse(value.text()),
                "principalId" => identity.principal_id = value.text(),
                "arn" => identity.arn = value.text(),
                "accountId" => identity.account_id = value.text(),
                "accessKeyId" => identity.access_key_id = value.text(),
                "userName" => identity.user_name = value.text(),
                "identityProvider" => identity.identity_provider = value.text(),
                "invokedBy" => identity.invoked_by = value.text(),
                "credentialId" => identity.credential_id = value.text(),
                "inScopeOf" => {
                    let issued = value.get("credentialsIssuedTo").text();
                    identity.in_scope_of = issued.or_else(|| value.get("sourceArn").text());
                    identity.in_scope_of_type = value.get("issuerType").text();
                }
                "onBehalfOf" => identity.on_behalf_of = value.get("userId").text(),
                "invokedByDelegate" => identity.delegate_account = value.get("accountId").text(),
                "sessionContext" => identity.session = SessionContext::parse(value),
                _ => {}
            }
        }
        identity
    }

    /// The session name of a role session: the part of `principalId` after the colon, else the last part of the ARN.
    pub fn session_name(&self) -> Option<&'a str> {
        if !matches!(self.kind, IdentityType::AssumedRole | IdentityType::AwsAccount) {
            return None;
        }
        let from_id = self.principal_id.and_then(|id| id.split_once(':')).map(|(_, name)| name);
        let from_arn = || self.arn.and_then(|arn| arn.rsplit_once('/')).map(|(_, name)| name);
        from_id.or_else(from_arn).filter(|name| !name.is_empty())
    }
}

impl<'a> SessionContext<'a> {
    fn parse(json: Json<'a>) -> Self {
        let mut session = Self::default();
        for (key, value) in json.members() {
            match key {
                "sessionIssuer" => {
                    session.issuer_type = value.get("type").text();
                    session.issuer_arn = value.get("arn").text();
                    session.issuer_id = value.get("principalId").text();
                    session.issuer_account = value.get("accountId").text();
                    session.issuer_name = value.get("userName").text();
                }
                "attributes" => {
                    session.creation = value.get("creationDate").text().and_then(|text| text.parse().ok());
                    session.mfa = value.get("mfaAuthenticated").as_bool();
                }
                "webIdFederationData" => {
                    session.federated_provider = value.get("federatedProvider").text();
                    session.federated_subject = federated_subject(value.get("attributes"));
                }
                "sourceIdentity" => session.source_identity = value.text(),
                "ec2RoleDelivery" => session.ec2_role_delivery = value.text(),
                "assumedRoot" => session.assumed_root = value.as_bool(),
                _ => {}
            }
        }
        session
    }
}

/// The token's subject among `PROVIDER:CLAIM` members; Amazon and Facebook have names of their own for it.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif>
fn federated_subject(attributes: Json<'_>) -> Option<&str> {
    const KEYS: &[&str] = &["www.amazon.com:user_id", "graph.facebook.com:id"];
    let is_subject = |key: &str| key == "sub" || key.ends_with(":sub") || KEYS.contains(&key);
    attributes.members().find_map(|(key, value)| value.text().filter(|_| is_subject(key)))
}
