//! A trial under way: recognised in the snapshot by its name and shape, and judged by what the logs show since.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::super::grant::Grant;
use super::super::{AccountCoverage, Attach, Comparison, Proposal, ProposalVerdict, Subject};
use super::{SID, TrialKind, open};
use crate::attribution::Attribution;
use crate::catalog::{Resource, TRIAL_KEY, is_trial_name};
use crate::ident::{Action, Arn, Time};
use crate::inventory::{Attached, AttachedKind, Inventory, Role};
use crate::policy::{ActionElement, Effect, Policy, PolicyKind, ResourceElement, parse};
use crate::proof::{self, Budget, Observed, ObservedResource, Retained, Verdict};
use crate::record::Denial;
use crate::usage::{CallOutcome, Row, Text, Usage};

/// A trial in the snapshot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Running {
    /// See [`TrialKind`].
    pub kind: TrialKind,
    /// Of a boundary: managed.
    pub attach: Attach,
    /// The policy's name.
    pub name: String,
    /// Its ARN, where it has one.
    pub arn: Option<String>,
    /// Days to watch, as its statements say.
    pub watch_days: u64,
    /// The write that began it, or the last that may have; `None` when the logs show none. Writing it again, with all that it denies now,
    /// begins nothing anew.
    pub since: Option<Time>,
    /// `eventID` of that write, where it is one call.
    pub event: Option<String>,
    /// Whole days between then and the end of the logs.
    pub days: u64,
    /// Whether it takes away all that the proposal does; `None` without a proposal.
    pub covers_proposal: Option<bool>,
    /// What it denied; sorted by action.
    pub denied: Vec<TrialDenial>,
    /// See [`TrialVerdict`].
    pub verdict: TrialVerdict,
    /// Why, each a sentence.
    pub reasons: Vec<String>,
}

/// Calls that a trial denied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrialDenial {
    /// The action.
    pub action: Action,
    /// On what, as far as told.
    pub resources: BTreeSet<String>,
    /// Distinct calls.
    pub calls: u64,
    /// Earliest call.
    pub first: Time,
    /// Latest call.
    pub last: Time,
    /// Workload ids.
    pub workloads: BTreeSet<String>,
    /// `eventID` of the earliest call.
    pub sample: Text,
}

/// What to do about a trial.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TrialVerdict {
    /// Go on watching.
    Continue,
    /// Nothing was denied for as long as was asked for: what was tried can be removed.
    Remove,
    /// Something was denied that is needed, or may be: take the trial away.
    RollBack,
}

impl TrialVerdict {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Remove => "remove",
            Self::RollBack => "roll-back",
        }
    }
}

/// What the logs show about a role with a trial.
#[derive(Clone, Debug, Default)]
pub struct TrialSeen<'u> {
    /// Calls that wrote the role's policies or its boundary, or the trial's managed policy.
    writes: Vec<TrialWrite<'u>>,
    /// Refused calls of the role, with the workload.
    refused: Vec<(Row<'u>, Option<&'u str>)>,
}

/// Calls alike that wrote a policy of a role.
#[derive(Clone, Debug)]
struct TrialWrite<'u> {
    call: &'u str,
    first: Time,
    last: Time,
    /// `eventID` of the first.
    sample: Text,
    /// Of a trial's policy: its name or ARN, and the document, empty where the call holds none.
    told: Option<(&'u str, &'u str)>,
}

impl TrialWrite<'_> {
    fn at_first(&self) -> (Time, Option<&str>) {
        (self.first, Some(&self.sample))
    }

    fn at_last(&self) -> (Time, Option<&str>) {
        (self.last, (self.first == self.last).then_some(&*self.sample))
    }
}

/// What a write did to a trial.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wrote {
    /// Put it on, or wrote it again, with all that it denies now.
    Keeps,
    /// Wrote it, or may have, with less or nobody knows what.
    MayBegin,
    /// Took it off.
    Ends,
}

/// What the logs show about the roles of the snapshot with a trial, by ARN.
pub fn trials<'u>(
    usage: &'u Usage,
    attributions: &'u [Attribution],
    inventory: &Inventory,
) -> BTreeMap<String, TrialSeen<'u>> {
    let mut seen: BTreeMap<String, TrialSeen<'u>> = BTreeMap::new();
    let mut by_name: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut by_policy: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for role in inventory.roles() {
        let Some(found) = find(role) else { continue };
        seen.insert(role.arn.clone(), TrialSeen::default());
        by_name.insert((&role.account, &role.name), &role.arn);
        if let Some(arn) = &found.attached.arn {
            by_policy.entry(arn).or_default().push(&role.arn);
        }
    }
    if seen.is_empty() {
        return seen;
    }
    for row in usage.rows.iter() {
        if &*row.call.source == "iam.amazonaws.com"
            && matches!(row.call.outcome, CallOutcome::Used { failed: None })
        {
            let account = row.call.recipient_account.as_deref().unwrap_or_default();
            let needs = || row.call.needs.needs.iter();
            let told = needs().flat_map(|need| &need.context).find_map(|(key, document)| {
                let (role, policy) = key.strip_prefix(TRIAL_KEY)?.split_once('/')?;
                Some((role, (policy, document.as_str())))
            });
            let names = needs().flat_map(|need| &need.resources).filter_map(role_name);
            let mut arns: BTreeSet<&str> =
                names.filter_map(|name| by_name.get(&(account, name)).copied()).collect();
            if let Some((_, (policy, _))) = told.filter(|(role, _)| role.is_empty()) {
                arns.extend(by_policy.get(policy).into_iter().flatten());
            }
            for arn in arns {
                if let Some(written) = seen.get_mut(arn) {
                    written.writes.push(TrialWrite {
                        call: &row.call.name,
                        first: row.first,
                        last: row.last,
                        sample: row.sample(),
                        told: told.map(|(_, told)| told),
                    });
                }
            }
        }
        if !matches!(row.call.outcome, CallOutcome::Denied(_)) {
            continue;
        }
        let Some(attribution) = attributions.get(row.session.0 as usize) else { continue };
        let of = attribution.principal.as_ref().and_then(|arn| seen.get_mut(arn));
        if let Some(of) = of {
            of.refused.push((row, attribution.workload.as_ref().map(|workload| workload.id.as_str())));
        }
    }
    seen
}

/// The name of the role that a call was made on.
fn role_name(resource: &Resource) -> Option<&str> {
    match resource {
        Resource::Arn(text) => {
            let resource = Arn::parse(text)?.resource.strip_prefix("role/")?;
            resource.rsplit('/').next().map(|name| name.trim_start_matches('*'))
        }
        _ => None,
    }
}

/// A trial as the snapshot has it.
pub(in super::super) struct Found<'r> {
    kind: TrialKind,
    attached: &'r Attached,
    document: &'r Policy,
    watch_days: u64,
}

/// The trial on a role: by its name, and by statements that say so and do nothing else.
pub(in super::super) fn find(role: &Role) -> Option<Found<'_>> {
    let marked = |attached: &'_ Attached| {
        let statements = &attached.document.as_ref()?.statements;
        let days = statements.iter().map(|statement| {
            let rest = statement.sid.as_deref()?.strip_prefix(SID)?;
            rest.split_once('d')?.0.parse::<u64>().ok()
        });
        days.collect::<Option<BTreeSet<u64>>>()?.pop_last()
    };
    for attached in role.policies.iter().filter(|attached| is_trial_name(&attached.name)) {
        let (Some(document), Some(watch_days)) = (&attached.document, marked(attached)) else { continue };
        if document.statements.iter().all(|statement| statement.effect == Effect::Deny) {
            let kind = if denies_all(document) { TrialKind::DenyAll } else { TrialKind::Deny };
            return Some(Found { kind, attached, document, watch_days });
        }
    }
    let attached = role.boundary.as_ref().filter(|attached| is_trial_name(&attached.name))?;
    let watch_days = marked(attached)?;
    Some(Found { kind: TrialKind::Boundary, attached, document: attached.document.as_ref()?, watch_days })
}

fn denies_all(policy: &Policy) -> bool {
    let is_all = |texts: &[String]| texts.iter().any(|text| text == "*");
    policy.statements.iter().any(|statement| {
        matches!(&statement.action, ActionElement::Only(texts) if is_all(texts))
            && matches!(&statement.resource, Some(ResourceElement::Only(texts)) if is_all(texts))
            && statement.conditions.is_empty()
    })
}

/// The role as it is without its trial: what a trial denies for a while is granted all the same.
pub(in super::super) fn without_trial(role: &Role) -> Cow<'_, Role> {
    let Some(found) = find(role) else { return Cow::Borrowed(role) };
    let mut own = role.clone();
    match found.kind {
        TrialKind::Boundary => own.boundary = None,
        TrialKind::Deny | TrialKind::DenyAll => {
            own.policies.retain(|attached| attached != found.attached);
        }
    }
    Cow::Owned(own)
}

/// What a trial is judged by.
pub(in super::super) struct Judge<'j> {
    pub(in super::super) subject: &'j Subject<'j>,
    pub(in super::super) seen: &'j TrialSeen<'j>,
    /// Without the trial.
    pub(in super::super) grant: &'j Grant<'j>,
    pub(in super::super) comparison: &'j Comparison,
    pub(in super::super) proposal: &'j Proposal,
    pub(in super::super) coverage: &'j AccountCoverage,
}

impl Judge<'_> {
    pub(in super::super) fn judge(&self, found: &Found<'_>) -> Running {
        let (since, event) = self.begun(found).map_or((None, None), |(at, event)| (Some(at), event));
        let end = self.coverage.window.map(|window| window.to);
        let seconds = since.zip(end).map_or(0, |(since, end)| end.unix().saturating_sub(since.unix()));
        let mut running = Running {
            kind: found.kind,
            attach: match (found.kind, found.attached.kind) {
                (TrialKind::Boundary, _) | (_, AttachedKind::Managed | AttachedKind::AwsManaged) => {
                    Attach::Managed
                }
                (_, AttachedKind::Inline) => Attach::Inline,
            },
            name: found.attached.name.clone(),
            arn: found.attached.arn.clone(),
            watch_days: found.watch_days,
            since,
            event: event.map(str::to_owned),
            days: u64::try_from(seconds.max(0) / 86_400).unwrap_or(0),
            covers_proposal: self.covers(found),
            denied: since.map(|since| self.denied(found, since)).unwrap_or_default(),
            verdict: TrialVerdict::Continue,
            reasons: Vec::new(),
        };
        (running.verdict, running.reasons) = self.verdict(&running);
        running
    }

    /// The earliest write since which the trial was there with all that it denies now; where none is known to be that, the last that may
    /// have begun it: then the trial counts as younger than it is, never as older.
    fn begun(&self, found: &Found<'_>) -> Option<(Time, Option<&str>)> {
        let writes = || {
            let all = self.seen.writes.iter();
            all.filter_map(|write| Some((write, self.wrote(found, write)?)))
        };
        let last = |effects: &[Wrote]| {
            let some = writes().filter(|(_, effect)| effects.contains(effect));
            some.map(|(write, _)| write.at_last()).max()
        };
        // What was written at the same second as it was taken off was written after that: it is there.
        let holds = |broken: Option<(Time, _)>, at: Time| broken.is_none_or(|(broken, _)| at >= broken);
        let broken = last(&[Wrote::MayBegin, Wrote::Ends]);
        let kept = writes().filter(|(_, effect)| *effect == Wrote::Keeps).filter_map(|(write, _)| {
            let times = [write.at_first(), write.at_last()];
            times.into_iter().find(|(at, _)| holds(broken, *at))
        });
        let ended = last(&[Wrote::Ends]);
        kept.min().or_else(|| last(&[Wrote::MayBegin]).filter(|(at, _)| holds(ended, *at)))
    }

    /// What a write did to the trial; `None` where it has nothing to do with it.
    fn wrote(&self, found: &Found<'_>, write: &TrialWrite<'_>) -> Option<Wrote> {
        let is_boundary = found.kind == TrialKind::Boundary;
        let is_inline = !is_boundary && found.attached.kind == AttachedKind::Inline;
        let own = if is_inline { Some(found.attached.name.as_str()) } else { found.attached.arn.as_deref() };
        let is_own = write.told.is_some_and(|(policy, _)| Some(policy) == own);
        // A ledger that was made before writes told which policy they are about tells it of none.
        let is_untold = || self.seen.writes.iter().all(|write| write.told.is_none());
        let document = write.told.map_or("", |(_, document)| document);
        let content = || if self.denies_as_much(found, document) { Wrote::Keeps } else { Wrote::MayBegin };
        match write.call {
            "PutRolePolicy" if is_inline && is_own => Some(content()),
            "DeleteRolePolicy" if is_inline && is_own => Some(Wrote::Ends),
            "AttachRolePolicy" if !is_inline && !is_boundary && is_own => Some(Wrote::Keeps),
            "DetachRolePolicy" if !is_inline && !is_boundary && is_own => Some(Wrote::Ends),
            "PutRolePermissionsBoundary" if is_boundary && is_own => Some(Wrote::Keeps),
            "PutRolePermissionsBoundary" if is_boundary && !is_untold() => Some(Wrote::Ends),
            "DeleteRolePermissionsBoundary" if is_boundary => Some(Wrote::Ends),
            // The policy stays on the role, and may say something else from then on.
            "CreatePolicyVersion" | "SetDefaultPolicyVersion" if is_own => {
                (!self.always_denied_as_much(found)).then_some(Wrote::MayBegin)
            }
            "PutRolePolicy" if is_inline && is_untold() => Some(Wrote::MayBegin),
            "AttachRolePolicy" if !is_inline && !is_boundary && is_untold() => Some(Wrote::MayBegin),
            "PutRolePermissionsBoundary" if is_boundary => Some(Wrote::MayBegin),
            _ => None,
        }
    }

    /// Whether the trial's managed policy took away all that it does now with each version it ever had.
    fn always_denied_as_much(&self, found: &Found<'_>) -> bool {
        let arn = found.attached.arn.as_deref();
        let own = || {
            let told = self.seen.writes.iter().filter_map(|write| Some((write.call, write.told?)));
            told.filter(|(_, (policy, _))| Some(*policy) == arn).map(|(call, (_, document))| (call, document))
        };
        let mut versions = own().filter(|(call, _)| {
            matches!(*call, "CreatePolicy" | "CreatePolicyVersion" | "SetDefaultPolicyVersion")
        });
        own().any(|(call, _)| call == "CreatePolicy")
            && versions.all(|(_, document)| self.denies_as_much(found, document))
    }

    /// Whether a trial with this document takes away all that the present one does.
    fn denies_as_much(&self, found: &Found<'_>, document: &str) -> bool {
        let Ok(then) = parse(document, PolicyKind::Identity) else { return false };
        if then == *found.document {
            return true;
        }
        let everything = open();
        let all: &[&Policy] = if found.kind == TrialKind::Boundary { &[] } else { &[&everything] };
        let with = |trial| [all, &[trial]].concat();
        let layer = proof::Settings::identity_layer();
        proof::no_new_access(&with(found.document), &with(&then), &layer).verdict == Verdict::Proven
    }

    /// Whether the trial leaves nothing but what is proposed.
    fn covers(&self, found: &Found<'_>) -> Option<bool> {
        let new: Vec<&Policy> = match self.proposal.verdict {
            ProposalVerdict::Replace => {
                self.proposal.policies.iter().map(|policy| &policy.document).collect()
            }
            ProposalVerdict::DeleteRole => Vec::new(),
            ProposalVerdict::Keep | ProposalVerdict::CannotTell => return None,
        };
        let layer = proof::Settings::identity_layer();
        let proof = match found.kind {
            TrialKind::DenyAll => return Some(true),
            TrialKind::Deny => {
                let mut under = self.grant.policies.clone();
                under.push(found.document);
                proof::no_new_access(&new, &under, &layer)
            }
            TrialKind::Boundary => proof::no_new_access(&new, &[found.document], &layer),
        };
        Some(proof.verdict == Verdict::Proven)
    }

    /// Refused calls since then that the trial explains: it takes the request away, and nothing else was to be seen that did.
    fn denied(&self, found: &Found<'_>, since: Time) -> Vec<TrialDenial> {
        let everything = open();
        let under: Vec<&Policy> = match found.kind {
            TrialKind::Boundary => vec![found.document],
            TrialKind::Deny | TrialKind::DenyAll => vec![&everything, found.document],
        };
        let mut trial = proof::Replay::new(&[&everything], &under, Budget::default());
        let mut own = proof::Replay::new(&self.grant.policies, &self.grant.policies, Budget::default());
        let mut by_action: BTreeMap<Action, TrialDenial> = BTreeMap::new();
        for (row, workload) in self.seen.refused.iter().filter(|(row, _)| row.first >= since) {
            let CallOutcome::Denied(refusal) = &row.call.outcome else { continue };
            let told = Denial::parse(&refusal.code, refusal.message.as_deref(), &row.call.name);
            let is_told = match found.kind {
                TrialKind::Boundary => told.layer == "boundary" && !told.explicit,
                TrialKind::Deny | TrialKind::DenyAll => told.layer == "identity" && told.explicit,
            };
            if !is_told && told.layer != "unknown" {
                continue;
            }
            for request in requests(*row, &told) {
                if trial.retained(&request) == Retained::Kept {
                    continue;
                }
                // Where AWS does not tell who refused, the role's own policies must have granted it.
                if !is_told && own.retained(&request) != Retained::Kept {
                    continue;
                }
                let denial = by_action.entry(request.action.clone()).or_insert_with(|| TrialDenial {
                    action: request.action.clone(),
                    resources: BTreeSet::new(),
                    calls: 0,
                    first: row.first,
                    last: row.last,
                    workloads: BTreeSet::new(),
                    sample: row.sample(),
                });
                denial.calls += row.calls;
                if let ObservedResource::Arn(text) | ObservedResource::Pattern(text) = request.resource {
                    denial.resources.insert(text);
                }
                denial.workloads.extend(workload.map(str::to_owned));
                if row.is_before(denial.first, &denial.sample) {
                    denial.sample = row.sample();
                }
                denial.first = denial.first.min(row.first);
                denial.last = denial.last.max(row.last);
                break;
            }
        }
        by_action.into_values().collect()
    }

    fn verdict(&self, running: &Running) -> (TrialVerdict, Vec<String>) {
        let Some(since) = running.since else {
            let why = "The logs do not show when the trial began: give logs that reach back to it, of the Region of IAM's events (us-east-1).";
            return (TrialVerdict::Continue, vec![why.to_owned()]);
        };
        if !running.denied.is_empty() {
            let calls: u64 = running.denied.iter().map(|denial| denial.calls).sum();
            let calls = if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") };
            let actions: Vec<&str> = running.denied.iter().map(|denial| denial.action.as_str()).collect();
            return (
                TrialVerdict::RollBack,
                vec![
                    format!("The trial denied {calls}: {}.", actions.join(", ")),
                    "Take the trial away, let the calls succeed, and run the audit again: what is used then stays. Or, if nobody should make these calls, silence the caller and begin again.".to_owned(),
                ],
            );
        }
        let issued = self.subject.issuances.iter().filter(|issued| issued.time >= since).count();
        if running.kind == TrialKind::DenyAll && issued > 0 {
            let why =
                format!("Somebody assumed the role {issued} times since the trial began: it is not unused.");
            return (TrialVerdict::RollBack, vec![why]);
        }
        if running.days < running.watch_days {
            let why = format!(
                "The logs cover {} of {} days since {since}, and nothing was denied so far.",
                running.days, running.watch_days
            );
            return (TrialVerdict::Continue, vec![why]);
        }
        if !self.comparison.not_covered.is_empty() {
            let mut why = vec!["Logs are missing, so that nothing was denied proves nothing.".to_owned()];
            why.extend(self.comparison.not_covered.iter().cloned());
            return (TrialVerdict::Continue, why);
        }
        match running.covers_proposal {
            None => {
                let why = "There is nothing proposed any more that the trial could be for.".to_owned();
                (TrialVerdict::Continue, vec![why])
            }
            Some(covers) => {
                let mut why = vec![format!("Nothing was denied for {} days.", running.days)];
                if !covers {
                    why.push(
                        "The proposal may take away more than the trial did (actions the catalog does not know, conditions, resources): that was not tried.".to_owned(),
                    );
                }
                (TrialVerdict::Remove, why)
            }
        }
    }
}

/// What a refused call asked for, as far as the message or the event tells.
fn requests(row: Row<'_>, told: &Denial) -> Vec<Observed> {
    if let Some(action) = &told.action {
        let resource = match told.resource.as_deref() {
            Some("*") => ObservedResource::None,
            Some(text) if text.starts_with("arn:") && text.contains('*') => {
                ObservedResource::Pattern(text.to_owned())
            }
            Some(text) if text.starts_with("arn:") => ObservedResource::Arn(text.to_owned()),
            _ => ObservedResource::Unknown,
        };
        return vec![Observed { action: action.clone(), resource, context: Vec::new() }];
    }
    let each = |need: &crate::catalog::Need| -> Vec<Observed> {
        let request = |resource| Observed { action: need.action.clone(), resource, context: Vec::new() };
        match need.resources.is_empty() {
            true => vec![request(ObservedResource::Unknown)],
            false => need.resources.iter().map(|one| request(ObservedResource::from(one))).collect(),
        }
    };
    row.call.needs.needs.iter().flat_map(each).collect()
}
