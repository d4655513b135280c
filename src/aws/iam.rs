//! IAM: who there is, what they are granted, and what IAM last saw them do.

use std::time::Duration;

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{
    AccessAdvisorUsageGranularityType, AttachedPermissionsBoundary, AttachedPolicy, GroupDetail,
    InstanceProfile, JobStatusType, ManagedPolicyDetail, PolicyDetail, RoleDetail, ServiceLastAccessed, Tag,
    UserDetail,
};
use serde_json::Value;
use tokio::task::JoinSet;

use super::ask::{Account, Unread, pages};
use super::calls;
use super::shape::{Object, document, sorted, texts};

/// The most that IAM gives on a page.
const PAGE: i32 = 1_000;
/// Jobs of last accessed data under way at a time: IAM's own limit on calls is low, and the same for everybody in the account.
const JOBS: usize = 4;
/// Between two questions whether a job is done; doubled up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Questions about one job.
const MOST_QUESTIONS: usize = 40;

/// A page of everything: `get-account-authorization-details`. Half of it would be worse than none, so a page that fails fails all.
pub(super) async fn authorization(account: &Account) -> Result<Value, Unread> {
    let client = Client::new(account.aws.config());
    let call = calls::GET_ACCOUNT_AUTHORIZATION_DETAILS;
    let (mut users, mut groups, mut roles, mut policies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let paginator = client.get_account_authorization_details().max_items(PAGE).into_paginator();
    pages!(account, &call, "", paginator, |page| {
        users.extend(page.user_detail_list().iter().map(user));
        groups.extend(page.group_detail_list().iter().map(group));
        roles.extend(page.role_detail_list().iter().map(role));
        policies.extend(page.policies().iter().map(managed));
    })?;
    Ok(Object::default()
        .list("UserDetailList", users, &["Arn"])
        .list("GroupDetailList", groups, &["Arn"])
        .list("RoleDetailList", roles, &["Arn"])
        .list("Policies", policies, &["Arn"])
        .build())
}

fn user(user: &UserDetail) -> Value {
    Object::default()
        .text("Path", user.path())
        .text("UserName", user.user_name())
        .text("UserId", user.user_id())
        .text("Arn", user.arn())
        .time("CreateDate", user.create_date())
        .list("UserPolicyList", user.user_policy_list().iter().map(inline), &["PolicyName"])
        .value("GroupList", Some(texts(user.group_list())))
        .list(
            "AttachedManagedPolicies",
            user.attached_managed_policies().iter().map(attached),
            &["PolicyArn"],
        )
        .value("PermissionsBoundary", user.permissions_boundary().map(boundary))
        .list("Tags", user.tags().iter().map(tag), &["Key"])
        .build()
}

fn group(group: &GroupDetail) -> Value {
    Object::default()
        .text("Path", group.path())
        .text("GroupName", group.group_name())
        .text("GroupId", group.group_id())
        .text("Arn", group.arn())
        .time("CreateDate", group.create_date())
        .list("GroupPolicyList", group.group_policy_list().iter().map(inline), &["PolicyName"])
        .list(
            "AttachedManagedPolicies",
            group.attached_managed_policies().iter().map(attached),
            &["PolicyArn"],
        )
        .build()
}

fn role(role: &RoleDetail) -> Value {
    let used = role.role_last_used().map(|used| {
        Object::default().time("LastUsedDate", used.last_used_date()).text("Region", used.region()).build()
    });
    Object::default()
        .text("Path", role.path())
        .text("RoleName", role.role_name())
        .text("RoleId", role.role_id())
        .text("Arn", role.arn())
        .time("CreateDate", role.create_date())
        .value("AssumeRolePolicyDocument", role.assume_role_policy_document().map(document))
        .list("InstanceProfileList", role.instance_profile_list().iter().map(profile), &["Arn"])
        .list("RolePolicyList", role.role_policy_list().iter().map(inline), &["PolicyName"])
        .list(
            "AttachedManagedPolicies",
            role.attached_managed_policies().iter().map(attached),
            &["PolicyArn"],
        )
        .value("PermissionsBoundary", role.permissions_boundary().map(boundary))
        .list("Tags", role.tags().iter().map(tag), &["Key"])
        .value("RoleLastUsed", used)
        .build()
}

/// With the default version only, which is the one in force.
fn managed(policy: &ManagedPolicyDetail) -> Value {
    let in_force = policy.policy_version_list().iter().filter(|version| match policy.default_version_id() {
        Some(id) => version.version_id() == Some(id),
        None => version.is_default_version(),
    });
    let versions = in_force.map(|version| {
        Object::default()
            .value("Document", version.document().map(document))
            .text("VersionId", version.version_id())
            .value("IsDefaultVersion", Some(true.into()))
            .time("CreateDate", version.create_date())
            .build()
    });
    Object::default()
        .text("PolicyName", policy.policy_name())
        .text("PolicyId", policy.policy_id())
        .text("Arn", policy.arn())
        .text("Path", policy.path())
        .text("DefaultVersionId", policy.default_version_id())
        .value("AttachmentCount", policy.attachment_count().map(Into::into))
        .value("PermissionsBoundaryUsageCount", policy.permissions_boundary_usage_count().map(Into::into))
        .value("IsAttachable", Some(policy.is_attachable().into()))
        .time("CreateDate", policy.create_date())
        .time("UpdateDate", policy.update_date())
        .list("PolicyVersionList", versions, &["VersionId"])
        .build()
}

fn inline(policy: &PolicyDetail) -> Value {
    Object::default()
        .text("PolicyName", policy.policy_name())
        .value("PolicyDocument", policy.policy_document().map(document))
        .build()
}

fn attached(policy: &AttachedPolicy) -> Value {
    Object::default().text("PolicyName", policy.policy_name()).text("PolicyArn", policy.policy_arn()).build()
}

fn boundary(boundary: &AttachedPermissionsBoundary) -> Value {
    Object::default()
        .text("PermissionsBoundaryType", boundary.permissions_boundary_type().map(|kind| kind.as_str()))
        .text("PermissionsBoundaryArn", boundary.permissions_boundary_arn())
        .build()
}

fn tag(tag: &Tag) -> Value {
    Object::default().text("Key", Some(tag.key())).text("Value", Some(tag.value())).build()
}

fn profile(profile: &InstanceProfile) -> Value {
    let role = |role: &aws_sdk_iam::types::Role| {
        Object::default().text("RoleName", Some(role.role_name())).text("Arn", Some(role.arn())).build()
    };
    Object::default()
        .text("Path", Some(profile.path()))
        .text("InstanceProfileName", Some(profile.instance_profile_name()))
        .text("InstanceProfileId", Some(profile.instance_profile_id()))
        .text("Arn", Some(profile.arn()))
        .time("CreateDate", Some(profile.create_date()))
        .list("Roles", profile.roles().iter().map(role), &["Arn"])
        .build()
}

/// `list-instance-profiles`.
pub(super) async fn instance_profiles(account: &Account) -> Result<Value, Unread> {
    let client = Client::new(account.aws.config());
    let mut profiles = Vec::new();
    let paginator = client.list_instance_profiles().max_items(PAGE).into_paginator();
    pages!(account, &calls::LIST_INSTANCE_PROFILES, "", paginator, |page| {
        profiles.extend(page.instance_profiles().iter().map(profile));
    })?;
    Ok(Object::default().list("InstanceProfiles", profiles, &["Arn"]).build())
}

/// `list-open-id-connect-providers`, each with what `get-open-id-connect-provider` adds.
pub(super) async fn oidc_providers(account: &Account) -> Result<Value, Unread> {
    let client = Client::new(account.aws.config());
    let listed = client.list_open_id_connect_providers().send();
    let listed = account.ask(&calls::LIST_OIDC_PROVIDERS, "", listed).await?;
    let mut providers = Vec::new();
    for arn in listed.open_id_connect_provider_list().iter().filter_map(|provider| provider.arn()) {
        let asked = client.get_open_id_connect_provider().open_id_connect_provider_arn(arn).send();
        let found = account.ask(&calls::GET_OIDC_PROVIDER, arn, asked).await?;
        providers.push(
            Object::default()
                .text("Arn", Some(arn))
                .text("Url", found.url())
                .value("ClientIDList", Some(texts(found.client_id_list())))
                .value("ThumbprintList", Some(texts(found.thumbprint_list())))
                .time("CreateDate", found.create_date())
                .build(),
        );
    }
    Ok(Object::default().list("OpenIDConnectProviderList", providers, &["Arn"]).build())
}

/// `list-saml-providers`.
pub(super) async fn saml_providers(account: &Account) -> Result<Value, Unread> {
    let client = Client::new(account.aws.config());
    let listed = account.ask(&calls::LIST_SAML_PROVIDERS, "", client.list_saml_providers().send()).await?;
    let providers = listed.saml_provider_list().iter().map(|provider| {
        Object::default()
            .text("Arn", provider.arn())
            .time("ValidUntil", provider.valid_until())
            .time("CreateDate", provider.create_date())
            .build()
    });
    Ok(Object::default().list("SAMLProviderList", providers, &["Arn"]).build())
}

/// `get-service-last-accessed-details` of each role, some at a time. A role that fails leaves the others.
pub(super) async fn last_accessed(account: &Account, roles: Vec<String>) -> (Value, Vec<Unread>) {
    let mut waiting = roles.into_iter();
    let mut jobs = JoinSet::new();
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    loop {
        while jobs.len() < JOBS
            && let Some(role) = waiting.next()
        {
            let account = account.clone();
            jobs.spawn(async move { one_last_accessed(&account, &role).await });
        }
        match jobs.join_next().await {
            None => break,
            Some(Ok(Ok(seen))) => found.push(seen),
            Some(Ok(Err(unread))) => failed.push(unread),
            Some(Err(died)) => failed.push(Unread {
                what: format!("last accessed data of a role of account {}", account.id),
                error: died.to_string(),
                hint: None,
            }),
        }
    }
    (sorted(found, &["Arn"]), failed)
}

async fn one_last_accessed(account: &Account, role: &str) -> Result<Value, Unread> {
    let client = Client::new(account.aws.config());
    let started = client
        .generate_service_last_accessed_details()
        .arn(role)
        .granularity(AccessAdvisorUsageGranularityType::ActionLevel)
        .send();
    let started = account.ask(&calls::GENERATE_LAST_ACCESSED, role, started).await?;
    let job = started.job_id().unwrap_or_default().to_owned();
    let (mut services, mut marker, mut wait) = (Vec::new(), None, FIRST_WAIT);
    for _ in 0..MOST_QUESTIONS {
        let asked = client.get_service_last_accessed_details().job_id(&job).set_marker(marker.clone()).send();
        let answer = account.ask(&calls::GET_LAST_ACCESSED, role, asked).await?;
        match answer.job_status() {
            JobStatusType::Completed => {
                services.extend(answer.services_last_accessed().iter().map(service));
                marker = answer.marker().map(str::to_owned).filter(|_| answer.is_truncated());
                if marker.is_none() {
                    return Ok(Object::default()
                        .text("Arn", Some(role))
                        .text("JobStatus", Some("COMPLETED"))
                        .text("JobType", Some("ACTION_LEVEL"))
                        .list("ServicesLastAccessed", services, &["ServiceNamespace"])
                        .build());
                }
            }
            JobStatusType::InProgress => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            other => {
                let why = answer.error().map(|error| format!("{}: {}", error.code(), error.message()));
                return Err(job_failed(account, role, &why.unwrap_or_else(|| other.as_str().to_owned())));
            }
        }
    }
    Err(job_failed(account, role, "IAM did not finish the job"))
}

fn job_failed(account: &Account, role: &str, why: &str) -> Unread {
    let why: String = why.chars().filter(|c| !c.is_control()).take(300).collect();
    Unread {
        what: format!("iam GetServiceLastAccessedDetails on {role} of account {}", account.id),
        error: why,
        hint: Some("run again later, or leave it out with --skip last-accessed".to_owned()),
    }
}

fn service(service: &ServiceLastAccessed) -> Value {
    let tracked = service.tracked_actions_last_accessed().iter().map(|action| {
        Object::default()
            .text("ActionName", action.action_name())
            .time("LastAccessedTime", action.last_accessed_time())
            .text("LastAccessedRegion", action.last_accessed_region())
            .build()
    });
    let tracked: Vec<Value> = tracked.collect();
    let has_any = !tracked.is_empty();
    Object::default()
        .text("ServiceName", Some(service.service_name()))
        .time("LastAuthenticated", service.last_authenticated())
        .text("ServiceNamespace", Some(service.service_namespace()))
        .text("LastAuthenticatedEntity", service.last_authenticated_entity())
        .text("LastAuthenticatedRegion", service.last_authenticated_region())
        .value("TotalAuthenticatedEntities", service.total_authenticated_entities().map(Into::into))
        .value("TrackedActionsLastAccessed", has_any.then(|| sorted(tracked, &["ActionName"])))
        .build()
}
