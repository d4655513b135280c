//! The granted side as a folder of files: many accounts, each read with its own credentials, whatever fails named.

mod folder;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde_json::{Value, json};

use super::ask::{Account, Unread};
use super::caller::Caller;
use super::calls::{self, CALLS, Call, Part};
use super::organizations::Tree;
use super::shape::pretty;
use super::{AssumeRole, Aws, AwsError, ecs, eks, iam, organizations, trails};
use crate::ident::Time;

pub use folder::{FolderError, write_folder};

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Which pieces.
    pub parts: BTreeSet<Part>,
    /// Where to look for clusters, trails and keys; empty is the Region of the settings.
    pub regions: Vec<String>,
    /// Which accounts; empty is every active one of the organization where a member role is given, else the caller's own.
    pub accounts: Vec<String>,
    /// The role to take on in other accounts: a name, or a path and a name.
    pub member_role: Option<String>,
    /// What its trust policy asks for under `sts:ExternalId`.
    pub external_id: Option<String>,
    /// The present moment: keys are asked for up to here.
    pub now: Time,
}

impl Plan {
    /// The calls it would make, in the order they are made.
    pub fn calls(&self) -> Vec<&'static Call> {
        let others = !self.accounts.is_empty() || self.member_role.is_some();
        let is_made = |call: &&Call| match call.part {
            // The roles whose last accessed data are asked for are found there.
            _ if **call == calls::GET_ACCOUNT_AUTHORIZATION_DETAILS => {
                self.parts.contains(&Part::Iam) || self.parts.contains(&Part::LastAccessed)
            }
            Some(part) => self.parts.contains(&part),
            None => **call == calls::GET_CALLER_IDENTITY || **call == calls::ASSUME_ROLE && others,
        };
        CALLS.iter().filter(is_made).collect()
    }
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Text by path below the snapshot's folder.
    pub files: BTreeMap<String, String>,
    /// What could not be read; sorted. One of the files names it too.
    pub unread: Vec<Unread>,
    /// The accounts that were looked at.
    pub accounts: Vec<String>,
}

/// Why there is no snapshot at all.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Nobody is known to AWS.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Which accounts to read is not known.
    #[error("which member accounts to read is not known: {0}")]
    NoAccounts(String),
}

/// Reads what the plan says.
///
/// # Errors
///
/// AWS does not know the caller, or the list of accounts cannot be had. Everything else is named among the
/// [unread](Snapshot::unread).
pub fn take(aws: &Aws, plan: &Plan) -> Result<Snapshot, SnapshotError> {
    let Caller { account: own, partition } = aws.run(aws.caller())?;
    let mut taken = Snapshot::default();
    let here = Account { aws: aws.clone(), id: own.clone() };
    let tree = if plan.parts.contains(&Part::Organization) {
        aws.run(organizations::organization(&here)).unwrap_or_else(|unread| {
            taken.unread.push(unread);
            None
        })
    } else {
        None
    };
    let accounts = accounts(plan, &own, tree.as_ref(), &taken.unread)?;
    if let Some(tree) = tree {
        taken.files.insert("organization.json".to_owned(), pretty(&tree.json));
    }
    let regions = regions(aws, plan);
    if plan.parts.contains(&Part::PublicKeys) {
        for region in &regions {
            match aws.run(trails::recent_keys(&here, region, plan.now)) {
                Ok(keys) => {
                    taken.files.insert(format!("public-keys/{region}.json"), pretty(&keys));
                }
                Err(unread) => taken.unread.push(unread),
            }
        }
    }
    // Waiting for answers takes no processor: accounts go side by side.
    let read: Vec<Snapshot> = accounts
        .par_iter()
        .map(|id| match entered(&here, id, &partition, plan) {
            Ok(account) => one_account(&account, plan, &regions),
            Err(unread) => Snapshot { unread: vec![unread], ..Snapshot::default() },
        })
        .collect();
    for account in read {
        taken.files.extend(account.files);
        taken.unread.extend(account.unread);
    }
    taken.unread.sort();
    taken.accounts = accounts;
    describe(&mut taken, plan, &regions);
    Ok(taken)
}

fn accounts(
    plan: &Plan,
    own: &str,
    tree: Option<&Tree>,
    unread: &[Unread],
) -> Result<Vec<String>, SnapshotError> {
    if !plan.accounts.is_empty() {
        let named: BTreeSet<&String> = plan.accounts.iter().collect();
        return Ok(named.into_iter().cloned().collect());
    }
    if plan.member_role.is_none() {
        return Ok(vec![own.to_owned()]);
    }
    match tree {
        Some(tree) => Ok(tree.active.keys().cloned().collect()),
        None => Err(SnapshotError::NoAccounts(match unread.first() {
            Some(unread) => format!("{}: {}", unread.what, unread.error),
            None => "the organization was not read".to_owned(),
        })),
    }
}

fn regions(aws: &Aws, plan: &Plan) -> Vec<String> {
    let mut regions: Vec<String> = match plan.regions.as_slice() {
        [] => aws.region().map(str::to_owned).into_iter().collect(),
        some => some.to_vec(),
    };
    regions.sort();
    regions.dedup();
    regions
}

/// An account as its member role; the caller's own as the caller.
fn entered(here: &Account, id: &str, partition: &str, plan: &Plan) -> Result<Account, Unread> {
    if id == here.id {
        return Ok(here.clone());
    }
    let Some(name) = plan.member_role.as_deref().map(|name| name.trim_start_matches('/')) else {
        return Err(Unread {
            what: format!("account {id}"),
            error: format!("the credentials are of account {}, and no role to take on is named", here.id),
            hint: Some("name the role that other accounts have for this with --member-role".to_owned()),
        });
    };
    let role = AssumeRole {
        arn: format!("arn:{partition}:iam::{id}:role/{name}"),
        external_id: plan.external_id.clone(),
    };
    let aws = here.aws.assume(&role).map_err(|error| {
        let call = calls::ASSUME_ROLE;
        Unread::new(format!("account {id}: {} {} on {}", call.service, call.operation, role.arn), &error)
    })?;
    Ok(Account { aws, id: id.to_owned() })
}

/// Everything of one account.
fn one_account(account: &Account, plan: &Plan, regions: &[String]) -> Snapshot {
    let mut taken = Snapshot::default();
    let id = &account.id;
    let mut roles = Vec::new();
    if plan.parts.contains(&Part::Iam) {
        let aws = &account.aws;
        let parts = [
            ("authorization-details", aws.run(iam::authorization(account))),
            ("instance-profiles", aws.run(iam::instance_profiles(account))),
            ("oidc-providers", aws.run(iam::oidc_providers(account))),
            ("saml-providers", aws.run(iam::saml_providers(account))),
        ];
        for (name, read) in parts {
            match read {
                Ok(value) => {
                    roles.extend(role_arns(&value));
                    taken.files.insert(format!("{id}/{name}.json"), pretty(&value));
                }
                Err(unread) => taken.unread.push(unread),
            }
        }
    }
    if plan.parts.contains(&Part::LastAccessed) {
        if !plan.parts.contains(&Part::Iam) {
            match account.aws.run(iam::authorization(account)) {
                Ok(value) => roles.extend(role_arns(&value)),
                Err(unread) => taken.unread.push(unread),
            }
        }
        let (seen, unread) = account.aws.run(iam::last_accessed(account, roles));
        taken.unread.extend(unread);
        if seen.as_array().is_some_and(|seen| !seen.is_empty()) {
            taken.files.insert(format!("{id}/last-accessed.json"), pretty(&seen));
        }
    }
    if plan.parts.contains(&Part::Eks) {
        for region in regions {
            match account.aws.run(eks::clusters(account, region)) {
                Ok((clusters, unread)) => {
                    taken.unread.extend(unread);
                    for (name, value) in clusters {
                        taken.files.insert(format!("{id}/{region}/eks/{name}.json"), pretty(&value));
                    }
                }
                Err(unread) => taken.unread.push(unread),
            }
        }
    }
    if plan.parts.contains(&Part::Ecs) {
        for region in regions {
            let (values, unread) = account.aws.run(ecs::services(account, region));
            taken.unread.extend(unread);
            if !values.is_empty() {
                taken.files.insert(format!("{id}/{region}/ecs.json"), pretty(&Value::Array(values)));
            }
        }
    }
    if plan.parts.contains(&Part::Trails) {
        let (values, unread) = account.aws.run(trails::trails(account, regions));
        taken.unread.extend(unread);
        if !values.is_empty() {
            taken.files.insert(format!("{id}/trails.json"), pretty(&Value::Array(values)));
        }
    }
    taken
}

/// The roles of a page, AWS's own left out: nobody can change what those may do.
fn role_arns(page: &Value) -> Vec<String> {
    let roles = page.get("RoleDetailList").and_then(Value::as_array);
    let arns = roles.into_iter().flatten().filter_map(|role| role.get("Arn")?.as_str());
    arns.filter(|arn| !arn.contains(":role/aws-service-role/")).map(str::to_owned).collect()
}

/// What the snapshot says of itself, and what it lacks. No time: the same account gives the same bytes.
fn describe(taken: &mut Snapshot, plan: &Plan, regions: &[String]) {
    if !taken.unread.is_empty() {
        let unread: Vec<Value> = taken.unread.iter().map(Unread::json).collect();
        taken.files.insert(FAILURES.to_owned(), pretty(&json!({"leastwiseFailures": unread})));
    }
    let parts: Vec<&str> = plan.parts.iter().map(|part| part.as_str()).collect();
    let files: Vec<&String> = taken.files.keys().collect();
    let manifest = json!({
        "leastwiseSnapshot": "v1",
        "parts": parts,
        "accounts": taken.accounts,
        "regions": regions,
        "files": files,
    });
    taken.files.insert(MANIFEST.to_owned(), pretty(&manifest));
}

const FAILURES: &str = "failures.json";
const MANIFEST: &str = "snapshot.json";
