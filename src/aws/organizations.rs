//! An organization's tree and the policies that limit its accounts.

use std::collections::BTreeMap;

use aws_sdk_organizations::Client;
use aws_sdk_organizations::error::ProvideErrorMetadata;
use aws_sdk_organizations::types::{PolicySummary, PolicyType, PolicyTypeSummary};
use serde_json::Value;

use super::ask::{Account, Unread, pages};
use super::calls;
use super::shape::{Object, document, sorted};

/// Five levels of units below the root are what AWS allows.
const MAX_DEPTH: usize = 16;

/// What was read.
pub(super) struct Tree {
    /// Sorted JSON, as `inventory` reads it.
    pub(super) json: Value,
    /// Accounts that are active, by id.
    pub(super) active: BTreeMap<String, String>,
}

/// Reads everything; `None` when the account is in no organization.
pub(super) async fn organization(account: &Account) -> Result<Option<Tree>, Unread> {
    let client = Client::new(account.aws.config());
    let head = match client.describe_organization().send().await {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("AWSOrganizationsNotInUseException") => return Ok(None),
        Err(error) => return Err(account.unread(&calls::DESCRIBE_ORGANIZATION, "", &error)),
    };
    let head = head.organization().map(|found| {
        Object::default()
            .text("Id", found.id())
            .text("Arn", found.arn())
            .text("FeatureSet", found.feature_set().map(|set| set.as_str()))
            .text("MasterAccountArn", found.master_account_arn())
            .text("MasterAccountId", found.master_account_id())
            .build()
    });
    let mut roots = Vec::new();
    pages!(account, &calls::LIST_ROOTS, "", client.list_roots().into_paginator(), |page| {
        roots.extend(page.roots().iter().cloned());
    })?;
    let mut tree =
        Walk { account, client: &client, units: Vec::new(), accounts: Vec::new(), active: BTreeMap::new() };
    for root in roots.iter().filter_map(|root| root.id()) {
        tree.below(root).await?;
    }
    let Walk { units, accounts, active, .. } = tree;
    let mut policies = Vec::new();
    for kind in [PolicyType::ServiceControlPolicy, PolicyType::ResourceControlPolicy] {
        policies.extend(self::policies(account, &client, &kind).await?);
    }
    let types = |types: &[PolicyTypeSummary]| {
        let one = |one: &PolicyTypeSummary| {
            Object::default()
                .text("Type", one.r#type().map(|kind| kind.as_str()))
                .text("Status", one.status().map(|status| status.as_str()))
                .build()
        };
        sorted(types.iter().map(one), &["Type"])
    };
    let roots = roots.iter().map(|root| {
        Object::default()
            .text("Id", root.id())
            .text("Arn", root.arn())
            .text("Name", root.name())
            .value("PolicyTypes", Some(types(root.policy_types())))
            .build()
    });
    let json = Object::default()
        .value("Organization", head)
        .list("Roots", roots, &["Id"])
        .list("OrganizationalUnits", units, &["Id"])
        .list("Accounts", accounts, &["Id"])
        .value("Policies", Some(Value::Array(policies)))
        .build();
    Ok(Some(Tree { json, active }))
}

struct Walk<'w> {
    account: &'w Account,
    client: &'w Client,
    units: Vec<Value>,
    accounts: Vec<Value>,
    active: BTreeMap<String, String>,
}

impl Walk<'_> {
    /// Everything below a root, level by level.
    async fn below(&mut self, root: &str) -> Result<(), Unread> {
        let mut level = vec![root.to_owned()];
        for _ in 0..MAX_DEPTH {
            let mut next = Vec::new();
            for parent in &level {
                self.accounts_of(parent).await?;
                let asked = self.client.list_organizational_units_for_parent().parent_id(parent);
                pages!(self.account, &calls::LIST_UNITS, parent.as_str(), asked.into_paginator(), |page| {
                    for unit in page.organizational_units() {
                        next.extend(unit.id().map(str::to_owned));
                        self.units.push(
                            Object::default()
                                .text("Id", unit.id())
                                .text("Arn", unit.arn())
                                .text("Name", unit.name())
                                .text("ParentId", Some(parent))
                                .build(),
                        );
                    }
                })?;
            }
            if next.is_empty() {
                break;
            }
            level = next;
        }
        Ok(())
    }

    async fn accounts_of(&mut self, parent: &str) -> Result<(), Unread> {
        let asked = self.client.list_accounts_for_parent().parent_id(parent);
        pages!(self.account, &calls::LIST_ACCOUNTS, parent, asked.into_paginator(), |page| {
            for account in page.accounts() {
                let status = account.status().map(|status| status.as_str());
                // `State` takes the place of `Status`.
                let state = account.state().map(|state| state.as_str());
                if let (Some(id), Some("ACTIVE")) = (account.id(), state.or(status)) {
                    self.active.insert(id.to_owned(), account.name().unwrap_or_default().to_owned());
                }
                self.accounts.push(
                    Object::default()
                        .text("Id", account.id())
                        .text("Arn", account.arn())
                        .text("Name", account.name())
                        .text("State", state)
                        .text("Status", status)
                        .text("ParentId", Some(parent))
                        .build(),
                );
            }
        })
    }
}

/// The policies of one kind, each with its text and its targets, sorted by id.
async fn policies(account: &Account, client: &Client, kind: &PolicyType) -> Result<Vec<Value>, Unread> {
    let mut summaries: Vec<PolicySummary> = Vec::new();
    let asked = client.list_policies().filter(kind.clone()).into_paginator();
    pages!(account, &calls::LIST_POLICIES, kind.as_str(), asked, |page| {
        summaries.extend(page.policies().iter().cloned());
    })?;
    summaries.sort_by(|a, b| a.id().cmp(&b.id()));
    let mut policies = Vec::new();
    for summary in &summaries {
        let Some(id) = summary.id() else { continue };
        let described = client.describe_policy().policy_id(id).send();
        let described = account.ask(&calls::DESCRIBE_POLICY, id, described).await?;
        let content = described.policy().and_then(|policy| policy.content()).map(document);
        let mut targets = Vec::new();
        let asked = client.list_targets_for_policy().policy_id(id).into_paginator();
        pages!(account, &calls::LIST_TARGETS, id, asked, |page| {
            targets.extend(page.targets().iter().map(|target| {
                Object::default()
                    .text("TargetId", target.target_id())
                    .text("Arn", target.arn())
                    .text("Name", target.name())
                    .text("Type", target.r#type().map(|kind| kind.as_str()))
                    .build()
            }));
        })?;
        let summary = Object::default()
            .text("Id", summary.id())
            .text("Arn", summary.arn())
            .text("Name", summary.name())
            .text("Description", summary.description())
            .text("Type", Some(kind.as_str()))
            .value("AwsManaged", Some(summary.aws_managed().into()))
            .build();
        policies.push(
            Object::default()
                .value("PolicySummary", Some(summary))
                .value("Content", content)
                .list("Targets", targets, &["TargetId"])
                .build(),
        );
    }
    Ok(policies)
}
