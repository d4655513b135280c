//! The shapes AWS prints, as far as they are read; everything else in them is ignored.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>

use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde_json::value::RawValue;

/// Which members a value has, to tell what it is.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Outline {
    #[serde(rename = "UserDetailList")]
    users: Option<IgnoredAny>,
    #[serde(rename = "GroupDetailList")]
    groups: Option<IgnoredAny>,
    #[serde(rename = "RoleDetailList")]
    roles: Option<IgnoredAny>,
    #[serde(rename = "Policies")]
    policies: Option<IgnoredAny>,
    /// An organization's units and accounts have `Policies` of their own.
    #[serde(rename = "PolicyTypes", alias = "Children")]
    organization: Option<IgnoredAny>,
    #[serde(rename = "OpenIDConnectProviderList", alias = "OpenIDConnectProviders", alias = "ClientIDList")]
    oidc: Option<IgnoredAny>,
    #[serde(rename = "cluster")]
    cluster: Option<IgnoredAny>,
    #[serde(rename = "clusters")]
    clusters: Option<IgnoredAny>,
    #[serde(rename = "association")]
    association: Option<IgnoredAny>,
    #[serde(rename = "associations")]
    associations: Option<IgnoredAny>,
    #[serde(
        rename = "trailList",
        alias = "Trail",
        alias = "EventSelectors",
        alias = "AdvancedEventSelectors"
    )]
    trails: Option<IgnoredAny>,
    #[serde(rename = "LaunchTemplateVersions")]
    launch_templates: Option<IgnoredAny>,
}

/// What one value of a snapshot is; a file may mix the EKS shapes, hence two flags.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// A page of `get-account-authorization-details`.
    Authorization,
    /// OIDC providers.
    Oidc,
    /// Clusters and Pod Identity associations.
    Eks,
    /// CloudTrail's trails and what they record.
    Trails,
    /// EC2's launch templates.
    LaunchTemplates,
    /// Something else.
    Other,
}

impl Outline {
    pub(super) fn shape(&self) -> Shape {
        let details = self.users.is_some() || self.groups.is_some() || self.roles.is_some();
        if details || (self.policies.is_some() && self.organization.is_none()) {
            Shape::Authorization
        } else if self.oidc.is_some() {
            Shape::Oidc
        } else if self.cluster.is_some()
            || self.clusters.is_some()
            || self.association.is_some()
            || self.associations.is_some()
        {
            Shape::Eks
        } else if self.trails.is_some() {
            Shape::Trails
        } else if self.launch_templates.is_some() {
            Shape::LaunchTemplates
        } else {
            Shape::Other
        }
    }
}

/// One page of `get-account-authorization-details`.
#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Authorization<'a> {
    #[serde(borrow)]
    pub(super) user_detail_list: Vec<UserDetail<'a>>,
    #[serde(borrow)]
    pub(super) group_detail_list: Vec<GroupDetail<'a>>,
    #[serde(borrow)]
    pub(super) role_detail_list: Vec<RoleDetail<'a>>,
    #[serde(borrow)]
    pub(super) policies: Vec<ManagedPolicy<'a>>,
    pub(super) is_truncated: bool,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleDetail<'a> {
    pub(super) arn: String,
    #[serde(default)]
    pub(super) role_name: Option<String>,
    #[serde(default)]
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) role_id: String,
    #[serde(borrow, default)]
    pub(super) assume_role_policy_document: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) role_policy_list: Vec<InlinePolicy<'a>>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(super) attached_managed_policies: Vec<AttachedPolicy>,
    #[serde(default)]
    pub(super) permissions_boundary: Option<Boundary>,
    #[serde(default)]
    pub(super) role_last_used: Option<LastUsed>,
    #[serde(default)]
    pub(super) create_date: Option<String>,
    #[serde(default)]
    pub(super) max_session_duration: Option<i64>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    #[serde(default)]
    pub(super) instance_profile_list: Vec<InstanceProfile>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UserDetail<'a> {
    pub(super) arn: String,
    #[serde(default)]
    pub(super) user_name: Option<String>,
    #[serde(default)]
    pub(super) user_id: String,
    #[serde(borrow, default)]
    pub(super) user_policy_list: Vec<InlinePolicy<'a>>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(super) attached_managed_policies: Vec<AttachedPolicy>,
    #[serde(default)]
    pub(super) permissions_boundary: Option<Boundary>,
    #[serde(default)]
    pub(super) group_list: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GroupDetail<'a> {
    pub(super) arn: String,
    #[serde(default)]
    pub(super) group_name: Option<String>,
    #[serde(borrow, default)]
    pub(super) group_policy_list: Vec<InlinePolicy<'a>>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(super) attached_managed_policies: Vec<AttachedPolicy>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InlinePolicy<'a> {
    #[serde(default)]
    pub(super) policy_name: String,
    #[serde(borrow, default)]
    pub(super) policy_document: Option<&'a RawValue>,
}

#[derive(Clone, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttachedPolicy {
    #[serde(default)]
    pub(super) policy_name: Option<String>,
    pub(super) policy_arn: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Boundary {
    pub(super) permissions_boundary_arn: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LastUsed {
    #[serde(default)]
    pub(super) last_used_date: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InstanceProfile {
    pub(super) arn: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ManagedPolicy<'a> {
    pub(super) arn: String,
    #[serde(default)]
    pub(super) default_version_id: Option<String>,
    #[serde(borrow, default)]
    pub(super) policy_version_list: Vec<PolicyVersion<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyVersion<'a> {
    #[serde(default)]
    pub(super) version_id: Option<String>,
    #[serde(default)]
    pub(super) is_default_version: bool,
    #[serde(borrow, default)]
    pub(super) document: Option<&'a RawValue>,
}

/// `list-open-id-connect-providers`, `get-open-id-connect-provider`, or the two joined in a list.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Oidc {
    #[serde(rename = "OpenIDConnectProviderList", alias = "OpenIDConnectProviders")]
    pub(super) list: Vec<OidcEntry>,
    #[serde(flatten)]
    pub(super) single: OidcEntry,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct OidcEntry {
    #[serde(rename = "Arn", alias = "OpenIDConnectProviderArn")]
    pub(super) arn: Option<String>,
    #[serde(rename = "Url")]
    pub(super) url: Option<String>,
    #[serde(rename = "ClientIDList")]
    pub(super) client_ids: Vec<String>,
}

/// `describe-cluster`, `describe-pod-identity-association`, and lists of either.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Eks {
    pub(super) cluster: Option<ClusterDetail>,
    pub(super) clusters: Vec<ClusterEntry>,
    pub(super) association: Option<Association>,
    pub(super) associations: Vec<Association>,
}

/// `list-clusters` prints bare names, which say nothing here. The wrapped form comes first: any object would pass as a detail.
#[derive(serde::Deserialize)]
#[serde(untagged)]
pub(super) enum ClusterEntry {
    Wrapped { cluster: Box<ClusterDetail> },
    Detail(Box<ClusterDetail>),
    Name(#[expect(dead_code, reason = "recognised, not used")] String),
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct ClusterDetail {
    pub(super) arn: String,
    pub(super) identity: Identity,
    #[serde(rename = "podIdentityAssociations", alias = "associations")]
    pub(super) associations: Vec<Association>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Identity {
    pub(super) oidc: Issuer,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Issuer {
    pub(super) issuer: Option<String>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Association {
    pub(super) cluster_name: Option<String>,
    pub(super) cluster_arn: Option<String>,
    pub(super) namespace: String,
    pub(super) service_account: String,
    pub(super) role_arn: Option<String>,
    pub(super) association_arn: Option<String>,
    pub(super) disable_session_tags: Option<bool>,
    pub(super) target_role_arn: Option<String>,
}

/// A list, or the single element some tools write instead of a list of one; `null` is empty.
fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum OneOrMany<T> {
        Many(Vec<T>),
        One(T),
        Null(()),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(list) => list,
        OneOrMany::One(one) => vec![one],
        OneOrMany::Null(()) => Vec::new(),
    })
}
