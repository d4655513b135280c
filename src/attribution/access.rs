//! Usage per IAM principal, with the workloads behind it: what right-sizing starts from.

use std::collections::{BTreeMap, BTreeSet};

use super::{Grade, Labels, Workload};
use crate::catalog::{Evidence, Resource};
use crate::ident::{Action, Time};
use crate::usage::Text;

/// One action on one resource by one principal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Use {
    /// The action.
    pub action: Action,
    /// On what (instance profiles resolved to their role where the snapshot tells).
    pub resource: Resource,
    /// The best evidence met.
    pub evidence: Evidence,
    /// Condition keys and values every call of this use showed; keys that varied are left out.
    pub context: BTreeMap<String, String>,
    /// Condition keys every call of this use showed, with all the values shown; a key of more than [`Use::MOST_VALUES`] is left out.
    pub shown: BTreeMap<String, BTreeSet<String>>,
    /// Distinct calls.
    pub calls: u64,
    /// Earliest call.
    pub first: Time,
    /// Latest call.
    pub last: Time,
    /// Workload ids, sorted; calls nobody could be named for are not here.
    pub workloads: BTreeSet<String>,
    /// Calls nobody could be named for.
    pub untraced: u64,
    /// Services that made the call on the principal's behalf (`invokedBy` of forward access sessions).
    pub via_services: BTreeSet<String>,
    /// `eventID` of the earliest call.
    pub sample: Text,
    /// Region and account of the calls, for building patterns.
    pub regions: BTreeSet<String>,
}

impl Use {
    /// Values kept of a condition key.
    pub const MOST_VALUES: usize = 32;

    /// Takes in the condition keys of one more call.
    pub(super) fn show(&mut self, shown: &BTreeMap<String, String>) {
        self.context.retain(|key, value| shown.get(key) == Some(value));
        self.shown.retain(|key, values| match shown.get(key) {
            Some(value) => {
                values.insert(value.clone());
                values.len() <= Self::MOST_VALUES
            }
            None => false,
        });
    }
}

/// One kind of refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denied {
    /// The action the denial names, else the event's primary action; `None` when neither is known.
    pub action: Option<Action>,
    /// What CloudTrail calls it: `eventSource` and `eventName`.
    pub event: (Text, Text),
    /// On what, as far as told.
    pub resources: BTreeSet<String>,
    /// `identity | boundary | scp | rcp | session | resource | trust | vpc-endpoint | unknown`.
    pub layer: &'static str,
    /// An explicit deny.
    pub explicit: bool,
    /// Distinct calls.
    pub calls: u64,
    /// Earliest and latest call.
    pub first: Time,
    /// Latest call.
    pub last: Time,
    /// Workload ids.
    pub workloads: BTreeSet<String>,
    /// The message of the earliest call, shortened, secrets removed.
    pub sample: String,
    /// `eventID` of the earliest call.
    pub sample_event: Text,
}

/// A workload's share in a principal's use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WorkloadShare {
    /// Who.
    pub workload: Workload,
    /// Distinct sessions.
    pub sessions: u64,
    /// Distinct calls, denied ones included.
    pub calls: u64,
    /// Of these, denied.
    pub denied: u64,
    /// The weakest grade among its sessions.
    pub grade: Grade,
    /// Roles on the way, the union over its sessions in order of first appearance of each distinct chain.
    pub via: Vec<String>,
    /// What ran below the workload.
    pub labels: Labels,
}

/// Everything one principal did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PrincipalAccess {
    /// Sorted by action, then resource.
    pub uses: Vec<Use>,
    /// Sorted.
    pub denied: Vec<Denied>,
    /// Used calls whose action the catalog does not know, or only guesses: `(eventSource, eventName)` to count.
    pub unknown_actions: BTreeMap<(Text, Text), u64>,
    /// Sorted by workload id.
    pub workloads: Vec<WorkloadShare>,
    /// Calls nobody could be named for, by reason.
    pub unattributed: BTreeMap<String, u64>,
    /// Distinct calls that used each action: a call on several resources counts once.
    pub calls_by_action: BTreeMap<Action, u64>,
    /// Distinct calls, denied ones included.
    pub calls: u64,
    /// Distinct denied calls.
    pub denied_calls: u64,
    /// Earliest and latest call.
    pub span: Option<(Time, Time)>,
    /// Calls that failed without proving anything.
    pub unproven: u64,
    /// Calls by roles of this ARN that are not the current one (deleted and made again), by their unique id. They are counted in
    /// all the rest.
    pub earlier_roles: BTreeMap<String, u64>,
}

/// All principals.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Access {
    /// By principal ARN (role with path, user, root).
    pub principals: BTreeMap<String, PrincipalAccess>,
    /// Calls by AWS itself (service events, service-linked roles), by what they were; not any workload's use.
    pub aws_itself: u64,
    /// Calls with no principal at all, by reason.
    pub no_principal: BTreeMap<String, u64>,
}
