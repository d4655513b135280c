//! Who wrote grants, and when: the write events of IAM in the logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use super::access::is_same;
use super::{Change, Code, DriftError, RoleSide, Side};
use crate::carrier::Boundary;
use crate::ident::Arn;
use crate::ingest::{self, Collect, Input, Run};
use crate::policy::{Policy, PolicyKind, parse};
use crate::record::{Event, Outcome, RecordError};

/// Calls that change what a role is granted, or who may assume it.
///
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>
const WRITES: [&str; 15] = [
    "AttachRolePolicy",
    "CreatePolicy",
    "CreatePolicyVersion",
    "CreateRole",
    "DeletePolicy",
    "DeletePolicyVersion",
    "DeleteRole",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
    "SetDefaultPolicyVersion",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
];

/// Documents longer than this are not kept; IAM takes none that is.
const LONGEST_DOCUMENT: usize = 64 << 10;

/// One call that wrote a grant.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, schemars::JsonSchema)]
pub struct Write {
    /// `eventTime`.
    pub time: String,
    /// `eventID`.
    pub event: String,
    /// The account.
    pub account: String,
    /// `PutRolePolicy` and its like.
    pub call: String,
    /// Who made it: the ARN of the session or user.
    pub by: String,
    /// `sourceIdentity`, where there is one.
    pub source_identity: Option<String>,
    /// The role's name, where the call names one.
    pub role: Option<String>,
    /// The policy's name or ARN, where the call names one.
    pub policy: Option<String>,
    /// The document that was written, as it was written.
    #[serde(skip)]
    pub document: Option<String>,
}

/// The writes of a log, earliest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct History {
    /// Sorted; each call once.
    pub writes: BTreeSet<Write>,
    /// Objects that could not be read to their end: the history may have holes.
    pub broken_objects: u64,
}

/// Reads the writes of IAM out of logs. Merging is a union, so that order and repetition change nothing.
pub fn read_history(inputs: Vec<Input>, threads: usize) -> Result<History, DriftError> {
    let cancel = AtomicBool::new(false);
    let run = Run { threads, ..Run::new(&cancel) };
    let read = ingest::run(inputs, &run, Writes::default)?;
    Ok(History { writes: read.collector.0, broken_objects: read.issues.len() as u64 })
}

#[derive(Default)]
struct Writes(BTreeSet<Write>);

impl Collect for Writes {
    fn event(&mut self, event: &Event<'_>) {
        if event.source != "iam.amazonaws.com"
            || !WRITES.contains(&event.name)
            || event.outcome() != Outcome::Succeeded
        {
            return;
        }
        let text = |name: &str| event.request.get(name).as_str().map(str::to_owned);
        let document = text("policyDocument").or_else(|| text("assumeRolePolicyDocument"));
        let identity = &event.identity;
        self.0.insert(Write {
            time: event.time.to_string(),
            event: event.id.to_owned(),
            account: event.recipient_account.unwrap_or_default().to_owned(),
            call: event.name.to_owned(),
            by: identity
                .arn
                .or(identity.invoked_by)
                .or(identity.principal_id)
                .unwrap_or("unknown")
                .to_owned(),
            source_identity: identity.session.source_identity.map(str::to_owned),
            role: text("roleName"),
            policy: text("policyName").or_else(|| text("policyArn")).or_else(|| text("permissionsBoundary")),
            document: document.filter(|document| document.len() <= LONGEST_DOCUMENT),
        });
    }

    fn malformed(&mut self, _: RecordError) {}

    fn skipped(&mut self, _: &'static str) {}

    fn merge(mut self, mut other: Self) -> Self {
        self.0.append(&mut other.0);
        self
    }
}

impl History {
    /// Puts each write beside the change it explains; gives those that explain none.
    pub(super) fn explain(&self, old: &Side, new: &Side, changes: &mut [Change]) -> Vec<Write> {
        let mut explaining: BTreeSet<&Write> = BTreeSet::new();
        for change in changes.iter_mut() {
            let calls = calls_of(change.code);
            if calls.is_empty() {
                continue;
            }
            let sides = [old.role(&change.subject), new.role(&change.subject)];
            let managed = self.managed(change, sides.into_iter().flatten());
            let is_of_role = |write: &Write| names_role(write, &change.subject);
            let is_of_policy = |write: &Write| {
                write.role.is_none() && write.policy.as_deref().is_some_and(|arn| managed.contains(arn))
            };
            let writes: Vec<&Write> = self
                .writes
                .iter()
                .filter(|write| calls.contains(&write.call.as_str()))
                .filter(|write| is_of_role(write) || is_of_policy(write))
                .collect();
            change.writes = writes.iter().map(|write| (*write).clone()).collect();
            explaining.extend(&writes);
            if let [Some(before), Some(after)] = sides {
                change.details.extend(self.rebuilt(change.code, before, after, &writes));
            }
        }
        self.writes.iter().filter(|write| !explaining.contains(write)).cloned().collect()
    }

    /// ARNs of managed policies whose versions can make such a change: those the role has, had, or was given in between; of a change of
    /// the boundary, the boundaries.
    fn managed<'w>(
        &'w self,
        change: &Change,
        sides: impl Iterator<Item = &'w RoleSide>,
    ) -> BTreeSet<&'w str> {
        let is_of_boundary = calls_of(change.code).contains(&"PutRolePermissionsBoundary");
        let mut arns: BTreeSet<&str> = BTreeSet::new();
        for side in sides {
            match &side.boundary {
                Boundary::Policy { arn, .. } if is_of_boundary => _ = arns.insert(arn),
                _ if is_of_boundary => {}
                _ => arns
                    .extend(side.named.keys().map(String::as_str).filter(|name| Arn::parse(name).is_some())),
            }
        }
        let giving = if is_of_boundary { "PutRolePermissionsBoundary" } else { "AttachRolePolicy" };
        let given =
            self.writes.iter().filter(|write| write.call == giving && names_role(write, &change.subject));
        arns.extend(given.filter_map(|write| write.policy.as_deref()));
        arns
    }

    /// Whether the writes lead from the old grant to the new one, as a sentence.
    fn rebuilt(&self, code: Code, old: &RoleSide, new: &RoleSide, writes: &[&Write]) -> Option<String> {
        let (what, outcome) = match code {
            Code::TrustWidened | Code::TrustNarrowed => ("trust policy", trust(old, writes, new)),
            Code::GrantWidened | Code::GrantNarrowed if !old.named.is_empty() || !new.named.is_empty() => {
                ("policies", policies(old, writes, new))
            }
            _ => return None,
        };
        Some(match outcome {
            Ok(true) => format!("The writes in the log lead from the old {what} to the new."),
            Ok(false) => format!(
                "The writes in the log do not lead to the new {what}: something was changed that these logs do not show."
            ),
            Err(reason) => {
                format!("Whether the writes in the log lead to the new {what} cannot be told: {reason}.")
            }
        })
    }
}

/// Whether a call names this role, in its account where the subject tells one.
fn names_role(write: &Write, subject: &str) -> bool {
    match Arn::parse(subject) {
        Some(arn) => {
            write.account == arn.account && write.role.is_some() && arn.role_name() == write.role.as_deref()
        }
        None => write.role.as_deref() == Some(subject),
    }
}

fn trust(old: &RoleSide, writes: &[&Write], new: &RoleSide) -> Result<bool, String> {
    let mut state = old.trust.clone();
    for write in writes {
        state = Some(document(write, PolicyKind::Trust)?);
    }
    match (state, &new.trust) {
        (Some(state), Some(after)) => Ok(is_same(&[state], std::slice::from_ref(after))),
        _ => Err("one side has no trust policy".to_owned()),
    }
}

/// Plays the writes on the old policies.
fn policies(old: &RoleSide, writes: &[&Write], new: &RoleSide) -> Result<bool, String> {
    let mut state: BTreeMap<&str, Policy> =
        old.named.iter().map(|(name, policy)| (name.as_str(), policy.clone())).collect();
    for write in writes {
        let Some(name) = write.policy.as_deref() else {
            return Err(format!("{} names no policy", write.event));
        };
        match write.call.as_str() {
            "PutRolePolicy" => drop(state.insert(name, document(write, PolicyKind::Identity)?)),
            "DeleteRolePolicy" | "DetachRolePolicy" => drop(state.remove(name)),
            "AttachRolePolicy" => {
                let text = new.named.get(name).or_else(|| old.named.get(name));
                let text = text.ok_or_else(|| format!("the text of {name} is on neither side"))?;
                state.insert(name, text.clone());
            }
            // A new version counts once it is the default; which it is, the new side tells.
            _ => {
                if let (Some(policy), true) = (new.named.get(name), state.contains_key(name)) {
                    state.insert(name, policy.clone());
                }
            }
        }
    }
    Ok(is_same(&state.into_values().collect::<Vec<_>>(), &new.policies))
}

fn document(write: &Write, kind: PolicyKind) -> Result<Policy, String> {
    let text = write.document.as_deref().ok_or_else(|| format!("{} shows no document", write.event))?;
    parse(text, kind).map_err(|error| format!("the document of {} cannot be read: {error}", write.event))
}

/// Calls that can make such a change.
fn calls_of(code: Code) -> &'static [&'static str] {
    match code {
        Code::RoleCreated => &["CreateRole"],
        Code::RoleDeleted => &["DeleteRole"],
        Code::RoleRecreated => &["CreateRole", "DeleteRole"],
        Code::GrantWidened
        | Code::GrantNarrowed
        | Code::GrantUndecided
        | Code::ProposalApplied
        | Code::ProposalUndone => &[
            "AttachRolePolicy",
            "CreatePolicyVersion",
            "DeleteRolePolicy",
            "DetachRolePolicy",
            "PutRolePolicy",
            "SetDefaultPolicyVersion",
        ],
        Code::TrustWidened | Code::TrustNarrowed | Code::TrustUndecided => &["UpdateAssumeRolePolicy"],
        Code::BoundarySet
        | Code::BoundaryRemoved
        | Code::BoundaryWidened
        | Code::BoundaryNarrowed
        | Code::BoundaryUndecided => &[
            "CreatePolicyVersion",
            "DeleteRolePermissionsBoundary",
            "PutRolePermissionsBoundary",
            "SetDefaultPolicyVersion",
        ],
        Code::NewUse
        | Code::VanishedUse
        | Code::NewWorkload
        | Code::VanishedWorkload
        | Code::WorkloadRolesChanged
        | Code::NewDenials
        | Code::VanishedDenials
        | Code::BindingChanged
        | Code::FindingOpened
        | Code::FindingClosed => &[],
    }
}
