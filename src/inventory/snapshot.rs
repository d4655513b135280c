//! `aws iam get-account-authorization-details` and the files that may lie beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::ecs::EcsPage;
use super::last_accessed::LastAccessedPage;
use super::launch::LaunchTemplates;
use super::organization::OrganizationPage;
use super::page::{self, AttachedPolicy, Authorization, Eks, InlinePolicy, Oidc, Outline, Shape};
use super::trail::Trails;
use super::{
    Account, Attached, AttachedKind, Group, Inventory, InventoryError, Origin, PodIdentityAssociation, Role,
    User, document,
};
use crate::ident::Arn;
use crate::policy::{Policy, PolicyKind};

/// Collects the values of all files; [`Builder::finish`] ties them together, so that their order does not matter.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) inventory: Inventory,
    /// Managed policies by ARN.
    managed: BTreeMap<String, Managed>,
    /// Users' groups, users' and roles' managed policies and boundaries, resolved at the end.
    pending: Vec<Pending>,
    /// Client ids of providers known by URL only.
    pub(super) oidc_urls: Vec<(String, Vec<String>, Origin)>,
    pub(super) associations: Vec<(String, PodIdentityAssociation)>,
    /// By account: pages that said `IsTruncated`, and last pages.
    pages: BTreeMap<String, (usize, usize, Origin)>,
    /// Roles and instance profiles that hold them, by ARN.
    profiles: Vec<(String, String)>,
}

/// A managed policy as something attached.
fn attached_of(arn: &str, name: Option<&str>, document: Option<Policy>, origin: Origin) -> Attached {
    let by_aws = Arn::parse(arn).is_some_and(|arn| arn.account == "aws");
    let last = arn.rsplit('/').next().unwrap_or(arn);
    Attached {
        name: name.unwrap_or(last).to_owned(),
        arn: Some(arn.to_owned()),
        kind: if by_aws { AttachedKind::AwsManaged } else { AttachedKind::Managed },
        via_group: None,
        document,
        origin,
    }
}

struct Managed {
    document: Option<Policy>,
    origin: Origin,
}

/// What a principal's record says about policies kept elsewhere.
struct Pending {
    account: String,
    arn: String,
    kind: PrincipalKind,
    attached: Vec<AttachedPolicy>,
    boundary: Option<String>,
    groups: Vec<String>,
    origin: Origin,
}

#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum PrincipalKind {
    Group,
    User,
    Role,
}

impl Builder {
    /// Reads one file: a value, several values after each other, or a list of values. `false` when nothing in it belongs to
    /// a snapshot.
    pub(super) fn file(&mut self, file: &str, text: &str) -> Result<bool, InventoryError> {
        let mut known = false;
        for (value, pointer) in values(file, text)? {
            let at = |error: &serde_json::Error| json_error(file, text, value, error);
            if !value.trim_start().starts_with('{') {
                continue;
            }
            let outline: Outline = serde_json::from_str(value).map_err(|error| at(&error))?;
            match outline.shape() {
                Shape::Authorization => {
                    let page = serde_json::from_str(value).map_err(|error| at(&error))?;
                    self.authorization(page, file, &pointer)?;
                }
                Shape::Oidc => {
                    let oidc: Oidc = serde_json::from_str(value).map_err(|error| at(&error))?;
                    self.oidc(oidc, file, &pointer);
                }
                Shape::Eks => {
                    let eks: Eks = serde_json::from_str(value).map_err(|error| at(&error))?;
                    self.eks(eks, file, &pointer)?;
                }
                Shape::Trails => {
                    let trails: Trails = serde_json::from_str(value).map_err(|error| at(&error))?;
                    let origin = Origin { file: file.to_owned(), at: pointer.clone() };
                    for trail in trails.into_trails(&origin) {
                        match self.inventory.trails.iter_mut().find(|known| known.arn == trail.arn) {
                            Some(known) => known.merge(trail),
                            None => self.inventory.trails.push(trail),
                        }
                    }
                    self.inventory.trails.sort_by(|a, b| a.arn.cmp(&b.arn));
                }
                Shape::Organization => {
                    let page: OrganizationPage<'_> =
                        serde_json::from_str(value).map_err(|error| at(&error))?;
                    self.organization(page, file, &pointer);
                }
                Shape::Saml => {
                    let saml: page::Saml = serde_json::from_str(value).map_err(|error| at(&error))?;
                    self.saml(saml, file, &pointer);
                }
                Shape::InstanceProfiles => {
                    let page: page::InstanceProfiles =
                        serde_json::from_str(value).map_err(|error| at(&error))?;
                    let holds = |profile: &page::ProfileDetail| {
                        profile
                            .roles
                            .iter()
                            .map(|role| (role.arn.clone(), profile.arn.clone()))
                            .collect::<Vec<_>>()
                    };
                    self.profiles.extend(page.instance_profiles.iter().flat_map(holds));
                }
                Shape::LastAccessed => {
                    let page: LastAccessedPage = serde_json::from_str(value).map_err(|error| at(&error))?;
                    match page.read() {
                        Ok((arn, seen)) => self.inventory.last_accessed.entry(arn).or_default().merge(seen),
                        Err(why) => self.problem(&Origin { file: file.to_owned(), at: pointer.clone() }, why),
                    }
                }
                Shape::Ecs => {
                    let page: EcsPage = serde_json::from_str(value).map_err(|error| at(&error))?;
                    page.add_to(&mut self.inventory.ecs);
                }
                Shape::Failures => {
                    let failures: page::Failures = serde_json::from_str(value).map_err(|error| at(&error))?;
                    for page::Unread { what, error } in failures.leastwise_failures {
                        let text = format!("the snapshot could not read {what}: {error}");
                        self.problem(&Origin { file: file.to_owned(), at: pointer.clone() }, &text);
                    }
                }
                Shape::PublicKeys => {
                    if let Err(error) = self.inventory.public_keys.add_json(value) {
                        let origin = Origin { file: file.to_owned(), at: pointer.clone() };
                        self.problem(&origin, &error.to_string());
                    }
                }
                Shape::Manifest => {}
                Shape::LaunchTemplates => {
                    let templates: LaunchTemplates =
                        serde_json::from_str(value).map_err(|error| at(&error))?;
                    templates.add_to(&mut self.inventory.launch_templates);
                }
                Shape::Other => continue,
            }
            known = true;
        }
        Ok(known)
    }

    /// Names a file of a snapshot folder that holds nothing of a snapshot.
    pub(super) fn unknown_file(&mut self, file: &str) {
        let origin = Origin { file: file.to_owned(), at: String::new() };
        self.problem(&origin, "not recognised as a part of a snapshot, left out");
    }

    pub(super) fn problem(&mut self, origin: &Origin, text: &str) {
        let place = if origin.at.is_empty() { String::new() } else { format!(" at `{}`", origin.at) };
        self.inventory.problems.push(format!("`{}`{place}: {text}", origin.file));
    }

    fn authorization(
        &mut self,
        page: Authorization<'_>,
        file: &str,
        pointer: &str,
    ) -> Result<(), InventoryError> {
        let origin = |list: &str, index: usize| Origin {
            file: file.to_owned(),
            at: format!("{pointer}/{list}/{index}"),
        };
        let mut accounts = BTreeSet::new();
        for (index, policy) in page.policies.into_iter().enumerate() {
            self.managed_policy(policy, origin("Policies", index))?;
        }
        for (index, detail) in page.group_detail_list.into_iter().enumerate() {
            let origin = origin("GroupDetailList", index);
            let (account, name, _) = principal(&detail.arn, "group/", &origin)?;
            let group = Group {
                name: detail.group_name.unwrap_or(name),
                policies: self.inline(detail.group_policy_list, "GroupPolicyList", &origin),
                arn: detail.arn.clone(),
            };
            accounts.insert(account.clone());
            if self.is_new(&account, &detail.arn, |known| known.groups.contains_key(&detail.arn), &origin) {
                self.account(&account).groups.insert(detail.arn.clone(), group);
                self.pending.push(Pending {
                    account,
                    arn: detail.arn,
                    kind: PrincipalKind::Group,
                    attached: detail.attached_managed_policies,
                    boundary: None,
                    groups: Vec::new(),
                    origin,
                });
            }
        }
        for (index, detail) in page.user_detail_list.into_iter().enumerate() {
            let origin = origin("UserDetailList", index);
            let (account, name, _) = principal(&detail.arn, "user/", &origin)?;
            let user = User {
                arn: detail.arn.clone(),
                name: detail.user_name.unwrap_or(name),
                id: detail.user_id,
                account: account.clone(),
                policies: self.inline(detail.user_policy_list, "UserPolicyList", &origin),
                boundary: None,
                origin: origin.clone(),
            };
            accounts.insert(account.clone());
            if self.is_new(&account, &detail.arn, |known| known.users.contains_key(&detail.arn), &origin) {
                self.account(&account).users.insert(detail.arn.clone(), user);
                self.pending.push(Pending {
                    account,
                    arn: detail.arn,
                    kind: PrincipalKind::User,
                    attached: detail.attached_managed_policies,
                    boundary: detail.permissions_boundary.map(|boundary| boundary.permissions_boundary_arn),
                    groups: detail.group_list,
                    origin,
                });
            }
        }
        for (index, detail) in page.role_detail_list.into_iter().enumerate() {
            accounts.insert(self.role(detail, origin("RoleDetailList", index))?);
        }
        for account in accounts {
            let origin = Origin { file: file.to_owned(), at: pointer.to_owned() };
            let (truncated, last, _) = self.pages.entry(account).or_insert((0, 0, origin));
            *(if page.is_truncated { truncated } else { last }) += 1;
        }
        Ok(())
    }

    fn role(&mut self, detail: page::RoleDetail<'_>, origin: Origin) -> Result<String, InventoryError> {
        let (account, name, path) = principal(&detail.arn, "role/", &origin)?;
        let trust = match detail.assume_role_policy_document {
            None => {
                self.problem(&origin, "the role has no trust policy");
                None
            }
            Some(raw) => self.document(raw, PolicyKind::Trust, &below(&origin, "AssumeRolePolicyDocument")),
        };
        let mut tags: Vec<_> = detail.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
        tags.sort();
        let mut instance_profiles: Vec<_> =
            detail.instance_profile_list.into_iter().map(|profile| profile.arn).collect();
        instance_profiles.sort();
        let time = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let role = Role {
            arn: detail.arn.clone(),
            name: detail.role_name.unwrap_or(name),
            path: detail.path.unwrap_or(path),
            id: detail.role_id,
            account: account.clone(),
            trust,
            policies: self.inline(detail.role_policy_list, "RolePolicyList", &origin),
            boundary: None,
            last_used: time(detail.role_last_used.and_then(|used| used.last_used_date)),
            created: time(detail.create_date),
            max_session: detail.max_session_duration,
            tags,
            instance_profiles,
            origin: origin.clone(),
        };
        if self.contradicts(&role, &detail.attached_managed_policies)
            && !self.inventory.contradictions.contains(&role.arn)
        {
            self.inventory.contradictions.push(role.arn.clone());
        }
        if self.is_new(&account, &detail.arn, |known| known.roles.contains_key(&detail.arn), &origin) {
            self.account(&account).roles.insert(detail.arn.clone(), role);
            self.pending.push(Pending {
                account: account.clone(),
                arn: detail.arn,
                kind: PrincipalKind::Role,
                attached: detail.attached_managed_policies,
                boundary: detail.permissions_boundary.map(|boundary| boundary.permissions_boundary_arn),
                groups: Vec::new(),
                origin,
            });
        }
        Ok(account)
    }

    /// Whether the role was read before and was another one then, or had other policies or another trust policy.
    fn contradicts(&self, role: &Role, attached: &[AttachedPolicy]) -> bool {
        let before = self.inventory.accounts.get(&role.account).and_then(|known| known.roles.get(&role.arn));
        let Some(before) = before else { return false };
        fn inline(role: &Role) -> BTreeMap<&str, Option<&Policy>> {
            role.policies.iter().map(|one| (one.name.as_str(), one.document.as_ref())).collect()
        }
        let names = |attached: &[AttachedPolicy]| -> BTreeSet<String> {
            attached.iter().map(|one| one.policy_arn.clone()).collect()
        };
        let was_attached = self.pending.iter().find(|pending| pending.arn == role.arn);
        before.id != role.id
            || before.trust != role.trust
            || inline(before) != inline(role)
            || was_attached.is_some_and(|was| names(&was.attached) != names(attached))
    }

    pub(super) fn account(&mut self, account: &str) -> &mut Account {
        self.inventory.accounts.entry(account.to_owned()).or_default()
    }

    /// Pages and files may repeat a principal; the first one read counts.
    fn is_new(
        &mut self,
        account: &str,
        arn: &str,
        known: impl Fn(&Account) -> bool,
        origin: &Origin,
    ) -> bool {
        let repeated = self.inventory.accounts.get(account).is_some_and(known);
        if repeated {
            self.problem(origin, &format!("`{arn}` was read before; this copy is not used"));
        }
        !repeated
    }

    fn inline(&mut self, list: Vec<InlinePolicy<'_>>, member: &str, origin: &Origin) -> Vec<Attached> {
        list.into_iter()
            .enumerate()
            .map(|(index, policy)| {
                let origin = below(origin, &format!("{member}/{index}"));
                let document = match policy.policy_document {
                    None => {
                        self.problem(&origin, "the policy has no document");
                        None
                    }
                    Some(raw) => self.document(raw, PolicyKind::Identity, &below(&origin, "PolicyDocument")),
                };
                Attached {
                    name: policy.policy_name,
                    arn: None,
                    kind: AttachedKind::Inline,
                    via_group: None,
                    document,
                    origin,
                }
            })
            .collect()
    }

    fn document(&mut self, raw: &RawValue, kind: PolicyKind, origin: &Origin) -> Option<Policy> {
        match document::read(raw, kind) {
            Ok(policy) => Some(policy),
            Err(reason) => {
                self.problem(origin, &format!("the policy document cannot be read: {reason}"));
                None
            }
        }
    }

    fn managed_policy(
        &mut self,
        policy: page::ManagedPolicy<'_>,
        origin: Origin,
    ) -> Result<(), InventoryError> {
        if Arn::parse(&policy.arn).is_none_or(|arn| arn.service != "iam") {
            return Err(shape(&origin, &format!("expected the ARN of a policy, found `{}`", policy.arn)));
        }
        let default = policy.default_version_id.as_deref();
        let version = policy.policy_version_list.iter().enumerate().find(|(_, version)| match default {
            Some(id) => version.version_id.as_deref() == Some(id),
            None => version.is_default_version,
        });
        let document = match version {
            Some((index, page::PolicyVersion { document: Some(raw), .. })) => {
                let origin = below(&origin, &format!("PolicyVersionList/{index}/Document"));
                self.document(raw, PolicyKind::Identity, &origin)
            }
            _ => {
                self.problem(
                    &origin,
                    &format!("the default version of `{}` is not in the snapshot", policy.arn),
                );
                None
            }
        };
        match self.managed.get(&policy.arn) {
            None => {
                self.managed.insert(policy.arn, Managed { document, origin });
            }
            Some(known) if known.document == document => {}
            Some(_) => {
                let text =
                    format!("`{}` was read before with another text; this one is not used", policy.arn);
                self.problem(&origin, &text);
            }
        }
        Ok(())
    }

    /// Resolves what points from one record to another and sorts everything.
    pub(super) fn finish(mut self) -> Inventory {
        let mut missing = BTreeSet::new();
        // Groups come first: users inherit what they hold.
        self.pending.sort_by(|a, b| (a.kind, &a.account, &a.arn).cmp(&(b.kind, &b.account, &b.arn)));
        for pending in std::mem::take(&mut self.pending) {
            let mut policies: Vec<Attached> = pending
                .attached
                .iter()
                .map(|policy| {
                    self.attached(&policy.policy_arn, policy.policy_name.as_deref(), &pending, &mut missing)
                })
                .collect();
            let boundary =
                pending.boundary.as_deref().map(|arn| self.attached(arn, None, &pending, &mut missing));
            for group in &pending.groups {
                policies.extend(self.inherited(group, &pending));
            }
            let account = self.account(&pending.account);
            match pending.kind {
                PrincipalKind::Group => {
                    if let Some(group) = account.groups.get_mut(&pending.arn) {
                        group.policies.extend(policies);
                    }
                }
                PrincipalKind::User => {
                    if let Some(user) = account.users.get_mut(&pending.arn) {
                        user.policies.extend(policies);
                        user.boundary = boundary;
                    }
                }
                PrincipalKind::Role => {
                    if let Some(role) = account.roles.get_mut(&pending.arn) {
                        role.policies.extend(policies);
                        role.boundary = boundary;
                    }
                }
            }
        }
        self.inventory.managed = std::mem::take(&mut self.managed)
            .into_iter()
            .map(|(arn, managed)| {
                let attached = attached_of(&arn, None, managed.document, managed.origin);
                (arn, attached)
            })
            .collect();
        self.tie_profiles();
        self.tie_oidc();
        self.tie_associations();
        for (account, (truncated, last, origin)) in std::mem::take(&mut self.pages) {
            if truncated > 0 && last == 0 {
                let text = format!(
                    "the snapshot of account {account} is cut off: its last page says `IsTruncated`, and no further page was given"
                );
                self.problem(&origin, &text);
            }
        }
        if let Some(organization) = &self.inventory.organization {
            self.inventory.problems.extend(organization.gaps());
        }
        self.inventory.problems.sort();
        self.inventory.problems.dedup();
        self.inventory
    }

    /// Instance profiles listed apart from the roles they hold.
    fn tie_profiles(&mut self) {
        for (role, profile) in std::mem::take(&mut self.profiles) {
            let account = Arn::parse(&role).map(|arn| arn.account.to_owned()).unwrap_or_default();
            let known =
                self.inventory.accounts.get_mut(&account).and_then(|account| account.roles.get_mut(&role));
            let Some(known) = known.filter(|known| !known.instance_profiles.contains(&profile)) else {
                continue;
            };
            known.instance_profiles.push(profile);
            known.instance_profiles.sort();
        }
    }

    fn attached(
        &mut self,
        arn: &str,
        name: Option<&str>,
        pending: &Pending,
        missing: &mut BTreeSet<(String, String)>,
    ) -> Attached {
        let found = self.managed.get(arn).map(|managed| (managed.document.clone(), managed.origin.clone()));
        let (document, origin) = found.unwrap_or_else(|| {
            if missing.insert((pending.origin.file.clone(), arn.to_owned())) {
                let text = format!("the text of `{arn}` is not in the snapshot: what it grants is not known");
                self.problem(&pending.origin, &text);
            }
            (None, pending.origin.clone())
        });
        attached_of(arn, name, document, origin)
    }

    /// The policies a user has through a group.
    fn inherited(&mut self, group: &str, pending: &Pending) -> Vec<Attached> {
        let account = self.account(&pending.account);
        let found = account.groups.values().find(|known| known.name == group);
        if let Some(found) = found {
            let inherit =
                |policy: &Attached| Attached { via_group: Some(group.to_owned()), ..policy.clone() };
            return found.policies.iter().map(inherit).collect();
        }
        self.problem(
            &pending.origin,
            &format!("the group `{group}` is not in the snapshot: what it grants is not known"),
        );
        // A policy without text keeps the user's grant from looking fully known.
        vec![Attached {
            name: group.to_owned(),
            arn: None,
            kind: AttachedKind::Inline,
            via_group: Some(group.to_owned()),
            document: None,
            origin: pending.origin.clone(),
        }]
    }
}

/// The values of a file with their JSON pointers: values written after each other, lists taken apart.
fn values<'a>(file: &str, text: &'a str) -> Result<Vec<(&'a str, String)>, InventoryError> {
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<&'a RawValue>() {
        let value = value.map_err(|error| json_error(file, text, text, &error))?.get();
        if value.trim_start().starts_with('[') {
            let elements: Vec<&'a RawValue> =
                serde_json::from_str(value).map_err(|error| json_error(file, text, value, &error))?;
            found.extend(
                elements.iter().enumerate().map(|(index, element)| (element.get(), format!("/{index}"))),
            );
        } else {
            found.push((value, String::new()));
        }
    }
    Ok(found)
}

/// Moves an error's position inside `value` to its place in the whole `text`.
fn json_error(file: &str, text: &str, value: &str, error: &serde_json::Error) -> InventoryError {
    let offset = (value.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let before = text.get(..offset).unwrap_or_default();
    let lines = before.bytes().filter(|byte| *byte == b'\n').count();
    let columns = before.rsplit('\n').next().map_or(0, str::len);
    let mut reason = error.to_string();
    if let Some(end) = reason.rfind(" at line ") {
        reason.truncate(end);
    }
    InventoryError::Json {
        file: file.to_owned(),
        line: lines + error.line().max(1),
        column: error.column() + if error.line() <= 1 { columns } else { 0 },
        reason,
    }
}

/// Account, name and path of a principal's ARN.
fn principal(text: &str, prefix: &str, origin: &Origin) -> Result<(String, String, String), InventoryError> {
    let parts = || {
        let arn = Arn::parse(text).filter(|arn| arn.service == "iam")?;
        let rest = arn.resource.strip_prefix(prefix)?;
        let (path, name) = rest.rsplit_once('/').unwrap_or(("", rest));
        let path = if path.is_empty() { "/".to_owned() } else { format!("/{path}/") };
        Some((arn.account.to_owned(), name.to_owned(), path))
    };
    let kind = prefix.trim_end_matches('/');
    parts().ok_or_else(|| shape(origin, &format!("expected the ARN of a {kind}, found `{}`", short(text))))
}

pub(super) fn shape(origin: &Origin, reason: &str) -> InventoryError {
    InventoryError::Shape { file: origin.file.clone(), pointer: origin.at.clone(), reason: reason.to_owned() }
}

fn below(origin: &Origin, member: &str) -> Origin {
    Origin { file: origin.file.clone(), at: format!("{}/{member}", origin.at) }
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}
