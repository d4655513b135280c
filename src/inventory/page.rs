//! The shapes AWS prints, as far as they are read; everything else in them is ignored.
//!
//! See: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Which members a value has, to tell what it is.
pub(super) struct Outline(BTreeSet<String>);

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A member may stand twice; what it is is told all the same.
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Outline;

            fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
                text.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
                let mut members = BTreeSet::new();
                while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                    members.insert(name);
                }
                Ok(Outline(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// What one value of a snapshot is; a file may mix the EKS shapes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// A page of `get-account-authorization-details`.
    Authorization,
    /// An organization's tree and policies.
    Organization,
    /// OIDC providers.
    Oidc,
    /// SAML providers.
    Saml,
    /// Instance profiles.
    InstanceProfiles,
    /// What IAM last saw of a principal.
    LastAccessed,
    /// Clusters and Pod Identity associations.
    Eks,
    /// ECS services, task definitions and tasks.
    Ecs,
    /// CloudTrail's trails and what they record.
    Trails,
    /// CloudTrail's public keys, which the digest chain is verified with; nothing is granted by them.
    PublicKeys,
    /// EC2's launch templates.
    LaunchTemplates,
    /// What `leastwise snapshot` says of itself.
    Manifest,
    /// What `leastwise snapshot` could not read.
    Failures,
    /// Something else.
    Other,
}

/// The first of these that a value has a member of.
const SHAPES: &[(Shape, &[&str])] = &[
    (Shape::Authorization, &["UserDetailList", "GroupDetailList", "RoleDetailList"]),
    // An organization's units and accounts have `Policies` of their own.
    (
        Shape::Organization,
        &["Organization", "Roots", "OrganizationalUnits", "Accounts", "PolicyTypes", "Children", "Policy"],
    ),
    (Shape::Authorization, &["Policies"]),
    (Shape::Oidc, &["OpenIDConnectProviderList", "OpenIDConnectProviders", "ClientIDList"]),
    (Shape::Saml, &["SAMLProviderList"]),
    (Shape::InstanceProfiles, &["InstanceProfiles"]),
    (Shape::LastAccessed, &["ServicesLastAccessed"]),
    (Shape::Eks, &["cluster", "clusters", "association", "associations"]),
    (Shape::Ecs, &["services", "taskDefinition", "tasks"]),
    (Shape::Trails, &["trailList", "Trail", "EventSelectors", "AdvancedEventSelectors"]),
    (Shape::PublicKeys, &["PublicKeyList"]),
    (Shape::LaunchTemplates, &["LaunchTemplateVersions"]),
    (Shape::Failures, &["leastwiseFailures"]),
    (Shape::Manifest, &["leastwiseSnapshot"]),
];

impl Outline {
    pub(super) fn shape(&self) -> Shape {
        let has = |members: &[&str]| members.iter().any(|member| self.0.contains(*member));
        SHAPES.iter().find(|(_, members)| has(members)).map_or(Shape::Other, |(shape, _)| *shape)
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

/// `list-saml-providers`.
#[derive(serde::Deserialize)]
pub(super) struct Saml {
    #[serde(rename = "SAMLProviderList")]
    pub(super) list: Vec<SamlEntry>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SamlEntry {
    pub(super) arn: String,
}

/// `list-instance-profiles`.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InstanceProfiles {
    pub(super) instance_profiles: Vec<ProfileDetail>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ProfileDetail {
    pub(super) arn: String,
    #[serde(default)]
    pub(super) roles: Vec<ProfileRole>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ProfileRole {
    pub(super) arn: String,
}

/// What `leastwise snapshot` could not read.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failures {
    pub(super) leastwise_failures: Vec<Unread>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unread {
    pub(super) what: String,
    pub(super) error: String,
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
