//! The shapes of an organization's files.
//!
//! AWS's own answers tell a unit's parent and a policy's targets only by what was asked for. So the members of
//! `describe-organization`, `list-roots`, `list-organizational-units-for-parent`, `list-accounts` and `describe-policy` are taken
//! with two more: `ParentId`, and `Targets` as `list-targets-for-policy` prints them. A tree nested by `Children`, each with its
//! `Policies`, is taken as well.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Guardrail, Organization, OrganizationPolicy, Target};
use crate::inventory::{Origin, document};
use crate::policy::{Policy, PolicyKind};

/// Nesting beyond this is no organization.
const MAX_DEPTH: usize = 16;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in crate::inventory) struct OrganizationPage<'a> {
    organization: Option<Head>,
    #[serde(borrow)]
    roots: Vec<Node<'a>>,
    #[serde(borrow)]
    organizational_units: Vec<Node<'a>>,
    #[serde(borrow)]
    accounts: Vec<Node<'a>>,
    #[serde(borrow)]
    policies: Vec<Entry<'a>>,
    #[serde(borrow)]
    policy: Option<Entry<'a>>,
    /// The page is one node of a nested tree.
    #[serde(borrow)]
    children: Option<Vec<Node<'a>>>,
    id: Option<String>,
    arn: Option<String>,
    name: Option<String>,
    policy_types: Option<Vec<PolicyType>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Head {
    id: String,
    #[serde(default)]
    master_account_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node<'a> {
    id: String,
    #[serde(default)]
    arn: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    parent_id: Option<String>,
    /// Of an account; `State` takes the place of `Status`.
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    policy_types: Option<Vec<PolicyType>>,
    #[serde(borrow, default)]
    policies: Vec<Entry<'a>>,
    #[serde(borrow, default)]
    children: Vec<Node<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyType {
    r#type: String,
    status: String,
}

/// `describe-policy`'s `Policy`, or a summary with the text beside it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(default)]
    policy_summary: Option<Summary>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    arn: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(default)]
    targets: Vec<TargetSummary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    id: String,
    #[serde(default)]
    arn: Option<String>,
    #[serde(default)]
    name: Option<String>,
    r#type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TargetSummary {
    target_id: String,
}

impl OrganizationPage<'_> {
    /// Adds what the page says; `problem` takes what could not be understood, with the place.
    pub(in crate::inventory) fn add_to(
        self,
        organization: &mut Organization,
        origin: &Origin,
        problem: &mut dyn FnMut(&Origin, &str),
    ) {
        let mut reader = Reader { organization, origin, problem };
        if let Some(head) = self.organization {
            reader.organization.id = Some(head.id);
            reader.organization.management_account = head.master_account_id;
        }
        if let (Some(id), true) = (self.id, self.children.is_some() || self.policy_types.is_some()) {
            reader.node(
                Node {
                    id,
                    arn: self.arn,
                    name: self.name,
                    parent_id: None,
                    state: None,
                    status: None,
                    policy_types: self.policy_types,
                    policies: self.policies,
                    children: self.children.unwrap_or_default(),
                },
                None,
                "",
                0,
            );
        } else {
            for (index, entry) in self.policies.into_iter().enumerate() {
                reader.policy(entry, None, &format!("/Policies/{index}"));
            }
        }
        if let Some(entry) = self.policy {
            reader.policy(entry, None, "/Policy");
        }
        for (list, nodes) in [
            ("Roots", self.roots),
            ("OrganizationalUnits", self.organizational_units),
            ("Accounts", self.accounts),
        ] {
            for (index, node) in nodes.into_iter().enumerate() {
                reader.node(node, None, &format!("/{list}/{index}"), 0);
            }
        }
    }
}

struct Reader<'r> {
    organization: &'r mut Organization,
    origin: &'r Origin,
    problem: &'r mut dyn FnMut(&Origin, &str),
}

impl Reader<'_> {
    fn at(&self, pointer: &str) -> Origin {
        Origin { file: self.origin.file.clone(), at: format!("{}{pointer}", self.origin.at) }
    }

    fn node(&mut self, node: Node<'_>, parent: Option<&str>, pointer: &str, depth: usize) {
        if depth > MAX_DEPTH {
            let place = self.at(pointer);
            (self.problem)(&place, "the tree is nested too deeply to be an organization's");
            return;
        }
        // `arn:P:organizations::MANAGEMENT_ACCOUNT:account/o-…/…`
        let owner = node.arn.as_deref().and_then(crate::ident::Arn::parse).map(|arn| arn.account.to_owned());
        if self.organization.management_account.is_none() {
            self.organization.management_account = owner.filter(|account| account.len() == 12);
        }
        if let Some(types) = node.policy_types {
            let on = types.iter().filter(|kind| kind.status == "ENABLED");
            let on = on.filter_map(|kind| Guardrail::of_type(&kind.r#type));
            // A unit has no such list; a root's counts.
            if node.id.starts_with("r-") {
                self.organization.enabled.get_or_insert_default().extend(on);
            }
        }
        for (index, entry) in node.policies.into_iter().enumerate() {
            self.policy(entry, Some(&node.id), &format!("{pointer}/Policies/{index}"));
        }
        let target = self.target(&node.id);
        target.name = target.name.take().or(node.name);
        target.is_closed |= node.state.or(node.status).is_some_and(|state| state != "ACTIVE");
        let parent = node.parent_id.as_deref().or(parent);
        target.parent = target.parent.take().or(parent.map(str::to_owned));
        for (index, child) in node.children.into_iter().enumerate() {
            self.node(child, Some(&node.id), &format!("{pointer}/Children/{index}"), depth + 1);
        }
    }

    fn target(&mut self, id: &str) -> &mut Target {
        let new = || Target { id: id.to_owned(), ..Target::default() };
        self.organization.targets.entry(id.to_owned()).or_insert_with(new)
    }

    fn policy(&mut self, entry: Entry<'_>, target: Option<&str>, pointer: &str) {
        let origin = self.at(pointer);
        let (id, arn, name, kind) = match entry.policy_summary {
            Some(summary) => (Some(summary.id), summary.arn, summary.name, Some(summary.r#type)),
            None => (entry.id, entry.arn, entry.name, entry.r#type),
        };
        let Some(id) = id else {
            (self.problem)(&origin, "a policy of the organization has no `Id`");
            return;
        };
        let Some(kind) = kind.as_deref().and_then(Guardrail::of_type) else {
            // Tag policies, backup policies, declarative policies: they authorize nothing.
            return;
        };
        let attached = entry.targets.into_iter().map(|target| target.target_id);
        for target in attached.chain(target.map(str::to_owned)) {
            self.target(&target).policies.insert(id.clone());
        }
        let document = match entry.content {
            Some(raw) => document::read(raw, policy_kind(kind)).map_err(|reason| {
                (self.problem)(&origin, &format!("the text of policy `{id}` cannot be read: {reason}"));
            }),
            None => full_access(&id).ok_or(()),
        };
        let document = document.ok();
        match self.organization.policies.get_mut(&id) {
            Some(known) if known.document.is_none() => known.document = document,
            Some(known) if document.is_none() || known.document == document => {}
            Some(_) => (self.problem)(
                &origin,
                &format!("policy `{id}` was read before with another text; this one is not used"),
            ),
            None => {
                let name = name.unwrap_or_else(|| id.clone());
                let policy = OrganizationPolicy { id: id.clone(), arn, name, kind, document, origin };
                self.organization.policies.insert(id, policy);
            }
        }
    }
}

fn policy_kind(kind: Guardrail) -> PolicyKind {
    match kind {
        Guardrail::Scp => PolicyKind::Scp,
        Guardrail::Rcp => PolicyKind::Rcp,
    }
}

/// The text of AWS's own policies, which allow everything.
fn full_access(id: &str) -> Option<Policy> {
    if !["p-FullAWSAccess", "p-RCPFullAWSAccess"].contains(&id) {
        return None;
    }
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    crate::policy::parse(text, PolicyKind::Scp).ok()
}
