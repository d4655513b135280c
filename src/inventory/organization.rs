//! An organization: its tree of roots, units and accounts, and the policies that limit what happens below each of them.
//!
//! See: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_authorization_policies.html>

mod page;

use std::collections::{BTreeMap, BTreeSet};

use super::Origin;
use crate::ident::is_account_id;
use crate::policy::Policy;

pub(super) use page::OrganizationPage;

/// Roots, five levels of units, an account: a longer way is a circle.
const MAX_LEVELS: usize = 16;

/// What an organization's policy limits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Guardrail {
    /// A service control policy limits the principals of member accounts.
    Scp,
    /// A resource control policy limits what anybody does to resources of member accounts.
    Rcp,
}

impl Guardrail {
    /// Organizations' word for it.
    pub const fn policy_type(self) -> &'static str {
        match self {
            Self::Scp => "SERVICE_CONTROL_POLICY",
            Self::Rcp => "RESOURCE_CONTROL_POLICY",
        }
    }

    fn of_type(text: &str) -> Option<Self> {
        [Self::Scp, Self::Rcp].into_iter().find(|kind| kind.policy_type() == text)
    }
}

/// A policy of an organization.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OrganizationPolicy {
    /// `p-…`.
    pub id: String,
    /// `arn:…:organizations::…:policy/…`.
    pub arn: Option<String>,
    /// Its name.
    pub name: String,
    /// See [`Guardrail`].
    pub kind: Guardrail,
    /// The document; `None` when the files name the policy but lack its text.
    pub document: Option<Policy>,
    /// Where it was read.
    pub origin: Origin,
}

/// A root, an organizational unit or an account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Target {
    /// `r-…`, `ou-…` or an account id.
    pub id: String,
    /// Its name, where it is told.
    pub name: Option<String>,
    /// The root or unit it hangs below; none for a root.
    pub parent: Option<String>,
    /// Ids of the policies attached to it.
    pub policies: BTreeSet<String>,
    /// An account that is closed, or about to be.
    pub is_closed: bool,
}

impl Target {
    fn is_root(&self) -> bool {
        self.id.starts_with("r-")
    }

    /// `root r-…`, `unit ou-… (workloads)`, `account 111122223333 (prod)`.
    pub fn title(&self) -> String {
        let kind = match self.id.as_bytes() {
            [b'r', b'-', ..] => "root",
            [b'o', b'u', ..] => "unit",
            _ => "account",
        };
        match &self.name {
            Some(name) if kind != "root" => format!("{kind} {} ({name})", self.id),
            _ => format!("{kind} {}", self.id),
        }
    }
}

/// The policies of one kind that are attached at one place on the way from the root to an account.
#[derive(Clone, Debug)]
pub struct Level<'o> {
    /// Where.
    pub target: &'o Target,
    /// Which.
    pub policies: Vec<&'o OrganizationPolicy>,
}

impl Level<'_> {
    /// Whether all of the level is known: if not, what it does not allow may be allowed all the same.
    pub fn is_whole(&self) -> bool {
        !self.policies.is_empty() && self.policies.iter().all(|policy| policy.document.is_some())
    }
}

/// An organization, as far as the files tell.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Organization {
    /// `o-…`.
    pub id: Option<String>,
    /// The account that no policy of the organization limits.
    pub management_account: Option<String>,
    /// Roots, units and accounts by id.
    pub targets: BTreeMap<String, Target>,
    /// By id.
    pub policies: BTreeMap<String, OrganizationPolicy>,
    /// The kinds of policies that are switched on; `None` when no file says.
    pub enabled: Option<BTreeSet<Guardrail>>,
}

impl Organization {
    /// Whether the account is a member, the management account included.
    pub fn knows(&self, account: &str) -> bool {
        self.targets.contains_key(account) || self.management_account.as_deref() == Some(account)
    }

    /// The accounts that are not closed, as far as the files tell.
    pub fn active_accounts(&self) -> impl Iterator<Item = &str> {
        let members =
            self.targets.values().filter(|target| !target.is_closed).map(|target| target.id.as_str());
        members.filter(|id| is_account_id(id)).chain(self.management_account.as_deref())
    }

    /// The levels of policies that bind an account, from the root down. Empty when none do: for the management account, for an
    /// account the files do not know, and where the kind is not switched on.
    pub fn levels(&self, account: &str, kind: Guardrail) -> Vec<Level<'_>> {
        if self.management_account.as_deref() == Some(account)
            || self.enabled.as_ref().is_some_and(|enabled| !enabled.contains(&kind))
        {
            return Vec::new();
        }
        let mut levels = Vec::new();
        let mut next = self.targets.get(account);
        while let Some(target) = next.filter(|_| levels.len() < MAX_LEVELS) {
            let attached = target.policies.iter().filter_map(|id| self.policies.get(id));
            levels.push(Level { target, policies: attached.filter(|policy| policy.kind == kind).collect() });
            next = target.parent.as_ref().and_then(|parent| self.targets.get(parent));
        }
        // Files without one policy of a kind say nothing about that kind, rather than that nothing is allowed.
        if levels.iter().all(|level| level.policies.is_empty()) {
            return Vec::new();
        }
        levels.reverse();
        levels
    }

    /// What keeps the tree from being whole, each a sentence.
    pub(super) fn gaps(&self) -> Vec<String> {
        if self.policies.is_empty() {
            return vec![
                "the organization's files hold no service control policy and no resource control policy: what they limit is not known"
                    .to_owned(),
            ];
        }
        let mut gaps = Vec::new();
        for target in self.targets.values().filter(|target| !target.is_root()) {
            match &target.parent {
                None => gaps.push(format!(
                    "the organization's files do not tell what {} hangs below: policies above it are not known",
                    target.title()
                )),
                Some(parent) if !self.targets.contains_key(parent) => gaps.push(format!(
                    "the organization's files lack `{parent}`, which {} hangs below: policies there and above are not known",
                    target.title()
                )),
                Some(_) => {}
            }
        }
        for target in self.targets.values() {
            gaps.extend(target.policies.iter().filter(|id| !self.policies.contains_key(*id)).map(|id| {
                format!(
                    "the organization's files lack policy `{id}`, which is attached to {}",
                    target.title()
                )
            }));
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(id: &str, parent: Option<&str>, policies: &[&str]) -> (String, Target) {
        let target = Target {
            id: id.to_owned(),
            name: None,
            parent: parent.map(str::to_owned),
            policies: policies.iter().map(|id| (*id).to_owned()).collect(),
            is_closed: false,
        };
        (id.to_owned(), target)
    }

    fn policy(id: &str, kind: Guardrail) -> (String, OrganizationPolicy) {
        let policy = OrganizationPolicy {
            id: id.to_owned(),
            arn: None,
            name: id.to_owned(),
            kind,
            document: None,
            origin: Origin::default(),
        };
        (id.to_owned(), policy)
    }

    fn organization() -> Organization {
        Organization {
            management_account: Some("1".to_owned()),
            targets: [
                target("r-1", None, &["p-full", "p-rcp"]),
                target("ou-1", Some("r-1"), &["p-ou"]),
                target("1", Some("r-1"), &["p-full"]),
                target("2", Some("ou-1"), &["p-full"]),
                target("ou-x", Some("ou-y"), &[]),
                target("ou-y", Some("ou-x"), &["p-gone"]),
                target("3", Some("ou-x"), &["p-full"]),
            ]
            .into(),
            policies: [
                policy("p-full", Guardrail::Scp),
                policy("p-ou", Guardrail::Scp),
                policy("p-rcp", Guardrail::Rcp),
            ]
            .into(),
            ..Organization::default()
        }
    }

    fn levels(organization: &Organization, account: &str, kind: Guardrail) -> Vec<String> {
        let levels = organization.levels(account, kind);
        let names =
            |level: &Level<'_>| level.policies.iter().map(|p| p.id.as_str()).collect::<Vec<_>>().join("+");
        levels.iter().map(|level| format!("{}: {}", level.target.id, names(level))).collect()
    }

    #[test]
    fn levels_go_from_the_root_to_the_account() {
        let mut organization = organization();
        assert_eq!(levels(&organization, "2", Guardrail::Scp), ["r-1: p-full", "ou-1: p-ou", "2: p-full"]);
        assert_eq!(levels(&organization, "2", Guardrail::Rcp), ["r-1: p-rcp", "ou-1: ", "2: "]);
        assert_eq!(levels(&organization, "1", Guardrail::Scp), [""; 0], "the management account");
        assert_eq!(levels(&organization, "9", Guardrail::Scp), [""; 0], "an unknown account");
        assert_eq!(levels(&organization, "3", Guardrail::Scp).len(), MAX_LEVELS, "a circle ends");
        organization.enabled = Some([Guardrail::Rcp].into());
        assert_eq!(levels(&organization, "2", Guardrail::Scp), [""; 0], "switched off");
        assert!(organization.knows("1") && organization.knows("2") && !organization.knows("9"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut organization = organization();
        organization.targets.extend([target("4", None, &[]), target("5", Some("ou-9"), &[])]);
        let gaps = organization.gaps();
        let about = |part: &str| gaps.iter().filter(|gap| gap.contains(part)).count();
        assert_eq!(
            (gaps.len(), about("account 4"), about("`ou-9`"), about("`p-gone`")),
            (3, 1, 1, 1),
            "{gaps:?}"
        );
    }
}
