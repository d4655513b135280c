//! Plain facts taken from records: sessions, issued credentials, calls.

use std::sync::Arc;

use crate::ident::Time;
use crate::record::IdentityType;

/// Text shared between many facts.
pub type Text = Arc<str>;

/// Index of a session in the merged ledger; stable within one merged ledger, sorted by the session's facts.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId(pub u32);

/// Everything a record says about who called. Two records with equal facts are the same session to us.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "see `record::UserIdentity`, whose members these are")]
pub struct SessionFacts {
    pub kind: IdentityType,
    pub account: Option<Text>,
    pub principal_id: Option<Text>,
    pub arn: Option<Text>,
    pub access_key: Option<Text>,
    pub user_name: Option<Text>,
    pub identity_provider: Option<Text>,
    pub invoked_by: Option<Text>,
    pub in_scope_of: Option<Text>,
    pub in_scope_of_type: Option<Text>,
    pub on_behalf_of: Option<Text>,
    pub delegate_account: Option<Text>,
    pub issuer_type: Option<Text>,
    pub issuer_arn: Option<Text>,
    pub issuer_id: Option<Text>,
    pub creation: Option<Time>,
    pub federated_provider: Option<Text>,
    pub federated_subject: Option<Text>,
    pub source_identity: Option<Text>,
    pub ec2_role_delivery: Option<Text>,
    pub is_assumed_root: bool,
}

/// Which call issued the credentials.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the variants are the names of AWS's operations")]
pub enum IssuanceKind {
    AssumeRole,
    AssumeRoleWithWebIdentity,
    AssumeRoleWithSaml,
    AssumeRoot,
    GetFederationToken,
    GetSessionToken,
    /// `rolesanywhere:CreateSession`.
    RolesAnywhere,
    /// `eks-auth:AssumeRoleForPodIdentity` (names the cluster and the node only).
    PodIdentity,
}

/// One event that issued credentials (succeeded), or tried to (`denied`).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IssuanceFacts {
    /// `eventTime`; equals the later records' `creationDate`.
    pub time: Time,
    /// `eventID` of the record (the richest of its copies).
    pub event_id: Text,
    /// See [`IssuanceKind`].
    pub kind: IssuanceKind,
    /// Whether the call was refused, by permissions or because the token was not accepted; see `error`.
    pub denied: bool,
    /// Who asked.
    pub caller: SessionFacts,
    /// `recipientAccountId`.
    pub recipient_account: Option<Text>,
    /// `awsRegion`.
    pub region: Text,
    /// `responseElements.credentials.accessKeyId`.
    pub issued_key: Option<Text>,
    /// The role asked for: `requestParameters.roleArn`, with its path (from `resources` or the denial text if need be).
    pub role_arn: Option<Text>,
    /// `responseElements.assumedRoleUser.assumedRoleId` (`AROA…:session`), or the federated user's id.
    pub assumed_role_id: Option<Text>,
    /// `responseElements.assumedRoleUser.arn`, or the federated user's ARN.
    pub assumed_arn: Option<Text>,
    /// `requestParameters.roleSessionName`.
    pub session_name: Option<Text>,
    /// Web identity: the issuer's provider ARN or built-in host. SAML: the provider ARN of `principalArn`. Roles Anywhere: the
    /// trust anchor's ARN. Pod Identity: the cluster's name.
    pub provider: Option<Text>,
    /// Web identity or SAML: the subject. Pod Identity's target roles: the external id, `REGION/ACCOUNT/CLUSTER/NAMESPACE/SERVICE_ACCOUNT`, which
    /// EKS gives where session tags are off.
    ///
    /// See: <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-assign-target-role.html>
    pub subject: Option<Text>,
    /// Web identity: the audience.
    pub audience: Option<Text>,
    /// Session tags and principal tags, sorted; capped in number and length.
    pub tags: Vec<(Text, Text)>,
    /// `sourceIdentity`.
    pub source_identity: Option<Text>,
    /// `externalId` was given.
    pub has_external_id: bool,
    /// `userAgent`, shortened.
    pub user_agent: Option<Text>,
    /// The error code and message of a denied issuance, shortened.
    pub error: Option<(Text, Text)>,
    /// See [`Others`].
    pub others: Option<Others>,
}

/// Further issuances that differ in their moment, key and generated parts of names only, which one stands for; see
/// [`crate::usage::Keep`].
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Others {
    /// How many.
    pub count: u64,
    /// The time of the latest.
    pub last: Time,
    /// Its `eventID`.
    pub event: Text,
}

impl IssuanceFacts {
    /// How many issuances it stands for, itself included.
    pub fn times(&self) -> u64 {
        1 + self.others.as_ref().map_or(0, |others| others.count)
    }

    /// The time of the latest of them, and its `eventID`.
    pub fn last(&self) -> (Time, &Text) {
        let own = (self.time, &self.event_id);
        self.others.as_ref().map_or(own, |others| own.max((others.last, &others.event)))
    }
}

/// What the denial of a call says.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DenialFacts {
    /// `errorCode`.
    pub code: Text,
    /// `errorMessage`, shortened.
    pub message: Option<Text>,
}

/// What became of the calls of a row.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CallOutcome {
    /// Succeeded, or failed after authorization: use.
    Used {
        /// The error code of a call that failed for another reason than permission.
        failed: Option<Text>,
    },
    /// Refused: never use.
    Denied(DenialFacts),
    /// Failed in a way that proves nothing (throttling, bad credentials).
    Unproven(Text),
}
