//! Who did what, kept by the generator itself while it plays: nothing here asks the tool, or knows its rules.
//!
//! Only what a delivered, readable record shows is entered; what really happened but no trail recorded goes to `invisible`.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Value, json};

use super::cast::{Cast, Role};
use super::clock;

/// How well the logs can prove a session's workload, from best to worst.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Grade {
    Exact,
    Session,
    Inferred,
    Unknown,
}

impl Grade {
    fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Session => "session",
            Self::Inferred => "inferred",
            Self::Unknown => "unknown",
        }
    }
}

/// One set of credentials.
#[derive(Debug)]
pub(crate) struct Session {
    /// Role ARN with its path, user ARN or root ARN.
    pub(crate) principal: String,
    pub(crate) account: String,
    /// Empty for users and root.
    pub(crate) role_name: String,
    /// `AROA…`, `AIDA…`, or the account id of root.
    pub(crate) principal_id: String,
    pub(crate) session_name: String,
    pub(crate) key: String,
    pub(crate) created: i64,
    /// `webIdFederationData.federatedProvider`.
    pub(crate) provider: Option<String>,
    pub(crate) is_instance: bool,
    /// `inScopeOf`: issuer type and the ARN of what got the credentials.
    pub(crate) scope: Option<(&'static str, String)>,
    /// Every call is made by this service under the session's identity.
    pub(crate) invoked_by: Option<&'static str>,
    pub(crate) agent: String,
    pub(crate) address: String,
    pub(crate) is_console: bool,
    /// The id of what ran; `None` when no record can tell.
    pub(crate) workload: Option<String>,
    pub(crate) grade: Grade,
    /// Roles on the way.
    pub(crate) via: Vec<String>,
    /// Whether the truth has met the session.
    pub(crate) counted: Cell<bool>,
}

impl Session {
    pub(crate) fn is_role(&self) -> bool {
        !self.role_name.is_empty()
    }

    /// The ARN the calls are made under.
    pub(crate) fn arn(&self) -> String {
        if self.is_role() {
            format!("arn:aws:sts::{}:assumed-role/{}/{}", self.account, self.role_name, self.session_name)
        } else {
            self.principal.clone()
        }
    }
}

/// An action a call needed, by AWS's documentation of the operation.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    pub(crate) action: String,
    /// `*` where the action takes no resource; the truth lists none then.
    pub(crate) resources: Vec<String>,
    /// CloudTrail never shows the action itself.
    pub(crate) is_inferred: bool,
    /// The documentation leaves open which further resources are authorised: more may be reported.
    pub(crate) is_open: bool,
}

/// What became of a call.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Used,
    Denied { action: String, layer: &'static str, explicit: bool },
    Unproven,
}

/// What one record adds to the truth.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A call by a principal.
    Call { session: Rc<Session>, needs: Vec<Need>, outcome: Outcome },
    /// A distinct event that is no principal's call: issuance to a subject, AWS's own doings.
    Other,
    /// Another account's copy of a call.
    Copy,
    /// A record that lacks what an event needs.
    Malformed,
}

#[derive(Debug, Default)]
struct UsedAction {
    calls: u64,
    is_observed: bool,
    is_open: bool,
    resources: BTreeSet<String>,
    workloads: BTreeSet<String>,
}

#[derive(Debug)]
struct Share {
    sessions: u64,
    calls: u64,
    denied: u64,
    grade: Grade,
    via: Vec<String>,
}

#[derive(Debug, Default)]
struct Principal {
    calls: u64,
    denied: u64,
    unproven: u64,
    unattributed: u64,
    first: Option<i64>,
    last: Option<i64>,
    used: BTreeMap<String, UsedAction>,
    refused: BTreeMap<(String, &'static str, bool), u64>,
    shares: BTreeMap<String, Share>,
}

/// The whole account of a world.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    principals: BTreeMap<String, Principal>,
    days: BTreeMap<String, u64>,
    first: Option<i64>,
    last: Option<i64>,
    pub(crate) read: u64,
    pub(crate) duplicates: u64,
    pub(crate) copies: u64,
    pub(crate) malformed: u64,
    pub(crate) counted: u64,
    pub(crate) lost_to_the_cut: u64,
    pub(crate) objects: BTreeMap<&'static str, u64>,
    /// The object cut off, the account it belongs to, and the records it still gives.
    pub(crate) cut: Option<(String, String, u64)>,
}

impl Truth {
    /// The first delivery of a record.
    pub(crate) fn enter(&mut self, time: i64, entry: &Entry) {
        self.read += 1;
        match entry {
            Entry::Copy => self.copies += 1,
            Entry::Malformed => self.malformed += 1,
            Entry::Other | Entry::Call { .. } => {
                self.counted += 1;
                *self.days.entry(clock::day(time)).or_default() += 1;
                widen(&mut self.first, &mut self.last, time);
            }
        }
        if let Entry::Call { session, needs, outcome } = entry {
            self.enter_call(time, session, session.grade, needs, outcome);
        }
    }

    fn enter_call(&mut self, time: i64, session: &Session, grade: Grade, needs: &[Need], outcome: &Outcome) {
        let principal = self.principals.entry(session.principal.clone()).or_default();
        principal.calls += 1;
        widen(&mut principal.first, &mut principal.last, time);
        match outcome {
            Outcome::Used => {
                for need in needs {
                    let used = principal.used.entry(need.action.clone()).or_default();
                    used.calls += 1;
                    used.is_observed |= !need.is_inferred;
                    used.is_open |= need.is_open;
                    used.resources.extend(need.resources.iter().filter(|arn| *arn != "*").cloned());
                    used.workloads.extend(session.workload.clone());
                }
            }
            Outcome::Denied { action, layer, explicit } => {
                principal.denied += 1;
                *principal.refused.entry((action.clone(), layer, *explicit)).or_default() += 1;
            }
            Outcome::Unproven => principal.unproven += 1,
        }
        let Some(workload) = &session.workload else {
            principal.unattributed += 1;
            return;
        };
        let share = principal.shares.entry(workload.clone()).or_insert_with(|| Share {
            sessions: 0,
            calls: 0,
            denied: 0,
            grade,
            via: session.via.clone(),
        });
        share.calls += 1;
        share.denied += u64::from(matches!(outcome, Outcome::Denied { .. }));
        share.grade = share.grade.max(grade);
        share.sessions += u64::from(!session.counted.replace(true));
        for role in &session.via {
            if !share.via.contains(role) {
                share.via.push(role.clone());
            }
        }
    }

    /// As written beside the logs.
    pub(crate) fn to_json(&self, cast: &Cast) -> Value {
        let nothing = Principal::default();
        let mut workloads: BTreeMap<&str, (BTreeSet<&str>, u64, u64, u64)> = BTreeMap::new();
        for (arn, principal) in &self.principals {
            for (id, share) in &principal.shares {
                let entry = workloads.entry(id).or_default();
                if arn.contains(":role/") {
                    entry.0.insert(arn);
                }
                entry.1 += share.sessions;
                entry.2 += share.calls;
                entry.3 += share.denied;
            }
        }
        let workloads: Vec<Value> = workloads
            .iter()
            .map(|(id, (roles, sessions, calls, denied))| {
                let kind = id.split(':').next();
                json!({"id": id, "kind": kind, "roles": roles, "sessions": sessions, "calls": calls, "denied": denied})
            })
            .collect();
        let mut roles: Vec<Value> = cast
            .roles()
            .map(|role| {
                let mut value = self.principals.get(&role.arn).unwrap_or(&nothing).to_json(&role.arn);
                value["in_snapshot"] = json!(role.in_snapshot);
                let is_incomplete = self.cut.as_ref().is_some_and(|(_, account, _)| *account == role.account);
                value["verdicts"] = json!(verdicts(role, is_incomplete));
                value["invisible"] = json!(role.invisible);
                value["not_by_own_policies"] = json!(role.not_by_own_policies);
                // Where logs are missing nobody can say that a role was not used.
                value["proposal"] =
                    json!(role.proposal.filter(|verdict| !(is_incomplete && *verdict == "delete-role")));
                value
            })
            .collect();
        roles.sort_by(|a, b| a["arn"].as_str().cmp(&b["arn"].as_str()));
        let others: Vec<Value> = self
            .principals
            .iter()
            .filter(|(arn, _)| !arn.contains(":role/"))
            .map(|(arn, principal)| principal.to_json(arn))
            .collect();
        json!({
            "what": "What really happened in these logs, by the generator's own account (tests/world).",
            "window": {"from": self.first.map(clock::iso), "to": self.last.map(clock::iso)},
            "objects": self.objects,
            "cut_off": self.cut.as_ref().map(|(object, account, events)| json!({"object": object, "account": account, "events_read": events})),
            "events": {
                "read": self.read,
                "duplicates": self.duplicates,
                "copies": self.copies,
                "malformed": self.malformed,
                "outside_window": 0,
                "counted": self.counted,
            },
            "events_lost_to_the_cut": self.lost_to_the_cut,
            "counted_by_day": self.days,
            "data_events": cast.data_events(),
            "workloads": workloads,
            "roles": roles,
            "users_and_root": others,
        })
    }
}

impl Principal {
    fn to_json(&self, arn: &str) -> Value {
        let used: Vec<Value> = self
            .used
            .iter()
            .map(|(action, used)| {
                json!({
                    "action": action,
                    "calls": used.calls,
                    "evidence": if used.is_observed { "observed" } else { "inferred" },
                    "resources": used.resources,
                    "more_resources_possible": used.is_open,
                    "workloads": used.workloads,
                })
            })
            .collect();
        let denied: Vec<Value> = self
            .refused
            .iter()
            .map(|((action, layer, explicit), calls)| {
                json!({"action": action, "layer": layer, "explicit": explicit, "calls": calls})
            })
            .collect();
        let workloads: Vec<Value> = self
            .shares
            .iter()
            .map(|(id, share)| {
                json!({"id": id, "sessions": share.sessions, "calls": share.calls, "attribution": share.grade.word(), "via": share.via})
            })
            .collect();
        json!({
            "arn": arn,
            "calls": self.calls,
            "denied_calls": self.denied,
            "unproven_calls": self.unproven,
            "unattributed_calls": self.unattributed,
            "first_seen": self.first.map(clock::iso),
            "last_seen": self.last.map(clock::iso),
            "workloads": workloads,
            "used": used,
            "denied": denied,
        })
    }
}

/// The cast's verdicts; where logs of the account are missing, absence proves nothing.
fn verdicts(role: &Role, is_incomplete: bool) -> BTreeMap<&'static str, &'static str> {
    let settle = |verdict| if is_incomplete && verdict == "unused" { "undetermined" } else { verdict };
    role.verdicts.iter().map(|(action, verdict)| (*action, settle(verdict))).collect()
}

fn widen(first: &mut Option<i64>, last: &mut Option<i64>, time: i64) {
    *first = Some(first.map_or(time, |t| t.min(time)));
    *last = Some(last.map_or(time, |t| t.max(time)));
}
