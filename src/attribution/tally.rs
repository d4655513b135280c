//! Sums up what each principal did, and for whom.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::labels::{Labeller, Labels};
use super::sessions::Sessions;
use super::{Access, Attribution, Denied, Grade, PrincipalAccess, Use, Workload, WorkloadShare, sessions};
use crate::catalog::{GUESSED, Resource, TRIAL_KEY, Verdict};
use crate::ident::{Action, Arn, Time, spanning};
use crate::inventory::Inventory;
use crate::record::{Denial, IdentityType};
use crate::usage::{CallOutcome, DenialFacts, Row, SessionFacts, Usage};

/// Joins the calls of `usage` with the attribution of their sessions (as [`resolve`](super::resolve) gave them).
///
/// A call counts for the principal whose permissions it used: an `AssumeRole` for its caller, a forward access session for the
/// principal it carries (with the service in [`Use::via_services`]). Calls by AWS itself, token exchanges and the copies of foreign
/// accounts' calls are nobody's permissions here, and are counted apart. Refused calls are never use; calls that failed for another
/// reason than permission are; those that prove nothing are neither.
pub fn access(usage: &Usage, attributions: &[Attribution], inventory: &Inventory) -> Access {
    let sessions = Sessions::new(usage);
    let labeller = Labeller::new(usage, inventory);
    // Rows are sorted by session, so each session is asked for its labels once.
    let mut last = None;
    let mut access = Access::default();
    let mut tallies: BTreeMap<&str, Tally<'_>> = BTreeMap::new();
    for row in usage.rows.iter() {
        let index = usize::try_from(row.session.0).unwrap_or(usize::MAX);
        let (Some(facts), Some(attribution)) = (usage.sessions.get(index), attributions.get(index)) else {
            *access.no_principal.entry("the session is unknown".to_owned()).or_default() += row.calls;
            continue;
        };
        match (attribution.is_service, attribution.principal.as_deref()) {
            (true, _) => access.aws_itself += row.calls,
            (false, None) => {
                *access.no_principal.entry(no_principal(facts.kind).to_owned()).or_default() += row.calls;
            }
            (false, Some(principal)) => {
                let tally = tallies.entry(principal).or_default();
                tally.row(row, facts, attribution, inventory);
                tally.session(facts, attribution, row, &sessions);
                if last.replace(index) != Some(index) {
                    tally.labels(attribution, &labeller.of(facts, attribution, &row.sample()));
                }
                let others = usage.groups.get(index).map_or(0, |group| group.others);
                tally.others(attribution, index, others);
            }
        }
    }
    for (principal, tally) in tallies {
        access.principals.insert(principal.to_owned(), tally.finish(principal, inventory));
    }
    access
}

/// The VPC endpoint a call came through. A service that calls on with the principal's permissions does not come through it.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourcevpce>
fn through(row: Row<'_>, facts: &SessionFacts) -> Option<(String, String)> {
    let endpoint = row.call.vpc_endpoint.as_deref().filter(|id| id.starts_with("vpce-"))?;
    via_service(facts).is_none().then(|| ("aws:SourceVpce".to_owned(), endpoint.to_owned()))
}

/// Why a call is no local principal's.
fn no_principal(kind: IdentityType) -> &'static str {
    match kind {
        IdentityType::WebIdentityUser | IdentityType::SamlUser => {
            "a token was exchanged for a session; that needs no permission of the role"
        }
        IdentityType::AwsAccount => {
            "a principal of another account called; this is the resource owner's copy"
        }
        IdentityType::IdentityCenterUser => "an Identity Center user called without an IAM principal",
        IdentityType::Directory => "a directory user called",
        _ => "the record names no principal",
    }
}

#[derive(Default)]
struct Tally<'a> {
    access: PrincipalAccess,
    uses: BTreeMap<(Action, Resource), Use>,
    denied: BTreeMap<DeniedKey<'a>, Denied>,
    shares: BTreeMap<&'a Workload, Share<'a>>,
    /// Calls and latest call by the role's unique id.
    role_ids: BTreeMap<&'a str, (u64, Time)>,
}

/// Refusals that differ only in resource and moment are one entry.
type DeniedKey<'a> = (Option<Action>, &'a str, &'a str, &'static str, bool);

#[derive(Default)]
struct Share<'a> {
    /// Sessions by access key, with the moment they began and the best evidence for them.
    by_key: BTreeMap<&'a str, (Option<Begun<'a>>, Grade)>,
    /// Sessions without a key of their own.
    by_begin: BTreeMap<Begun<'a>, Grade>,
    /// Sessions that others stand for, by the one that does.
    others: BTreeMap<usize, u64>,
    calls: u64,
    denied: u64,
    chains: Vec<&'a [String]>,
    labels: Labels,
}

/// Principal and creation date: what a forward access session shares with the session it acts for.
type Begun<'a> = (&'a str, Option<Time>);

impl<'a> Tally<'a> {
    fn row(
        &mut self,
        row: Row<'a>,
        facts: &'a SessionFacts,
        attribution: &Attribution,
        inventory: &Inventory,
    ) {
        let access = &mut self.access;
        access.calls += row.calls;
        let own = (row.first, row.last);
        access.span = Some(spanning(access.span.unwrap_or(own), own));
        match &attribution.workload {
            Some(_) => {}
            None => *access.unattributed.entry(attribution.reason.clone()).or_default() += row.calls,
        }
        if let Some(id) = sessions::role_id(facts) {
            let (calls, last) = self.role_ids.entry(id).or_insert((0, row.last));
            *calls += row.calls;
            *last = (*last).max(row.last);
        }
        match &row.call.outcome {
            CallOutcome::Denied(refusal) => {
                self.access.denied_calls += row.calls;
                self.denied(row, refusal, attribution);
            }
            CallOutcome::Unproven(_) => self.access.unproven += row.calls,
            CallOutcome::Used { .. } => self.used(row, facts, attribution, inventory),
        }
    }

    fn used(&mut self, row: Row<'_>, facts: &SessionFacts, attribution: &Attribution, inventory: &Inventory) {
        // A guess may be wrong, so what else the call may have used stays as well.
        if row.call.needs.verdict == Verdict::Unknown || row.call.needs.rule == GUESSED {
            let event = (row.call.source.clone(), row.call.name.clone());
            *self.access.unknown_actions.entry(event).or_default() += row.calls;
        }
        let mut actions = BTreeSet::new();
        let mut counted = BTreeSet::new();
        for need in &row.call.needs.needs {
            actions.insert(&need.action);
            for resource in &need.resources {
                let resource = resolved(resource, facts, row, inventory);
                // What a write of a trial's policy says is no condition key.
                let keys = || need.context.iter().filter(|(key, _)| !key.starts_with(TRIAL_KEY));
                let context = || keys().cloned().collect::<BTreeMap<_, _>>();
                let shown = || -> BTreeMap<String, String> {
                    context().into_iter().chain(through(row, facts)).collect()
                };
                let key = (need.action.clone(), resource.clone());
                let is_new = counted.insert(key.clone());
                let entry = match self.uses.entry(key) {
                    Entry::Vacant(entry) => entry.insert(Use {
                        action: need.action.clone(),
                        resource,
                        evidence: need.evidence,
                        context: context(),
                        shown: shown()
                            .into_iter()
                            .map(|(key, value)| (key, BTreeSet::from([value])))
                            .collect(),
                        calls: 0,
                        first: row.first,
                        last: row.last,
                        workloads: BTreeSet::new(),
                        untraced: 0,
                        via_services: BTreeSet::new(),
                        sample: row.sample(),
                        regions: BTreeSet::new(),
                    }),
                    Entry::Occupied(entry) => {
                        let entry = entry.into_mut();
                        entry.show(&shown());
                        entry
                    }
                };
                entry.evidence = entry.evidence.min(need.evidence);
                if is_new {
                    entry.calls += row.calls;
                    entry.untraced += if attribution.workload.is_none() { row.calls } else { 0 };
                }
                if row.is_before(entry.first, &entry.sample) {
                    entry.sample = row.sample();
                }
                entry.first = entry.first.min(row.first);
                entry.last = entry.last.max(row.last);
                entry.workloads.extend(attribution.workload.as_ref().map(|workload| workload.id.clone()));
                entry.via_services.extend(via_service(facts).map(str::to_owned));
                entry.regions.insert(row.call.region.to_string());
            }
        }
        for action in actions {
            *self.access.calls_by_action.entry(action.clone()).or_default() += row.calls;
        }
    }

    fn denied(&mut self, row: Row<'a>, refusal: &DenialFacts, attribution: &Attribution) {
        let parsed = Denial::parse(&refusal.code, refusal.message.as_deref(), &row.call.name);
        let primary = row.call.needs.needs.first();
        let action = parsed.action.or_else(|| primary.map(|need| need.action.clone()));
        let resources: BTreeSet<String> = match parsed.resource {
            Some(resource) => [resource].into(),
            None => primary.into_iter().flat_map(|need| &need.resources).filter_map(arn).collect(),
        };
        let sample = || refusal.message.as_deref().map(Denial::shown).unwrap_or_default();
        let key = (action.clone(), &*row.call.source, &*row.call.name, parsed.layer, parsed.explicit);
        let entry = self.denied.entry(key).or_insert_with(|| Denied {
            action,
            event: (row.call.source.clone(), row.call.name.clone()),
            resources: BTreeSet::new(),
            layer: parsed.layer,
            explicit: parsed.explicit,
            calls: 0,
            first: row.first,
            last: row.last,
            workloads: BTreeSet::new(),
            sample: sample(),
            sample_event: row.sample(),
        });
        entry.calls += row.calls;
        entry.resources.extend(resources);
        entry.workloads.extend(attribution.workload.as_ref().map(|workload| workload.id.clone()));
        if row.is_before(entry.first, &entry.sample_event) {
            entry.sample = sample();
            entry.sample_event = row.sample();
        }
        entry.first = entry.first.min(row.first);
        entry.last = entry.last.max(row.last);
    }

    fn session(
        &mut self,
        facts: &'a SessionFacts,
        attribution: &'a Attribution,
        row: Row<'_>,
        sessions: &Sessions<'_>,
    ) {
        let Some(workload) = &attribution.workload else { return };
        let share = self.shares.entry(workload).or_default();
        share.calls += row.calls;
        if matches!(row.call.outcome, CallOutcome::Denied(_)) {
            share.denied += row.calls;
        }
        if !share.chains.contains(&attribution.via.as_slice()) {
            share.chains.push(&attribution.via);
        }
        let principal = facts.principal_id.as_deref().or(facts.arn.as_deref()).unwrap_or_default();
        let begun = (principal, facts.creation);
        let own_key = facts.access_key.as_deref().filter(|_| facts.invoked_by.is_none());
        match own_key.filter(|key| sessions.is_good_key(key)) {
            Some(key) => {
                let known = share.by_key.entry(key).or_insert((None, attribution.grade));
                // A key shown with two beginnings keeps one of them, whatever the order of the rows.
                known.0 = known.0.max(facts.creation.map(|_| begun));
                known.1 = known.1.min(attribution.grade);
            }
            None => {
                let known = share.by_begin.entry(begun).or_insert(attribution.grade);
                *known = (*known).min(attribution.grade);
            }
        }
    }

    fn labels(&mut self, attribution: &'a Attribution, labels: &Labels) {
        if let Some(workload) = &attribution.workload {
            self.shares.entry(workload).or_default().labels.extend(labels);
        }
    }

    /// Sessions counted with the one at `index`.
    fn others(&mut self, attribution: &'a Attribution, index: usize, others: u64) {
        if let Some(workload) = &attribution.workload
            && others > 0
        {
            self.shares.entry(workload).or_default().others.insert(index, others);
        }
    }

    fn finish(mut self, principal: &str, inventory: &Inventory) -> PrincipalAccess {
        let mut access = std::mem::take(&mut self.access);
        access.uses = self.uses.into_values().collect();
        access.denied = self.denied.into_values().collect();
        access.workloads = self.shares.into_iter().map(|(workload, share)| share.finish(workload)).collect();
        access.workloads.sort_by(|a, b| a.workload.id.cmp(&b.workload.id));
        // A role deleted and made again has the same ARN and another id; what the earlier one did was granted by another policy.
        let known = inventory.role(principal).map(|role| role.id.as_str()).filter(|id| !id.is_empty());
        let latest = self.role_ids.iter().max_by_key(|(id, (_, last))| (*last, **id)).map(|(id, _)| *id);
        let current = known.or(latest);
        access.earlier_roles = self
            .role_ids
            .iter()
            .filter(|(id, _)| Some(**id) != current)
            .map(|(id, (calls, _))| ((*id).to_owned(), *calls))
            .collect();
        access
    }
}

impl Share<'_> {
    fn finish(mut self, workload: &Workload) -> WorkloadShare {
        // A forward access session, or a record without its key, belongs to a session already counted by its key: what proves
        // the session proves it too.
        let counted: BTreeSet<_> = self.by_key.values().filter_map(|(begun, _)| *begun).collect();
        self.by_begin.retain(|begun, _| !counted.contains(begun));
        let sessions = self.by_key.len() + self.by_begin.len();
        let grades = self.by_key.values().map(|(_, grade)| *grade).chain(self.by_begin.values().copied());
        let weakest = grades.max().unwrap_or(Grade::Unknown);
        self.chains.sort();
        let mut via = Vec::new();
        for role in self.chains.into_iter().flatten() {
            if !via.contains(role) {
                via.push(role.clone());
            }
        }
        WorkloadShare {
            workload: workload.clone(),
            sessions: u64::try_from(sessions).unwrap_or(u64::MAX) + self.others.values().sum::<u64>(),
            calls: self.calls,
            denied: self.denied,
            grade: weakest,
            via,
            labels: self.labels,
        }
    }
}

/// The service that called with the principal's identity. Behind `signin.amazonaws.com` sits a human at the console.
fn via_service(facts: &SessionFacts) -> Option<&str> {
    facts.invoked_by.as_deref().filter(|service| *service != "signin.amazonaws.com")
}

/// An instance profile, or that of a launch template, as the role in it, where the snapshot tells.
fn resolved(resource: &Resource, facts: &SessionFacts, row: Row<'_>, inventory: &Inventory) -> Resource {
    let profile = match resource {
        Resource::InstanceProfile(profile) => profile.as_str(),
        Resource::LaunchTemplate(template) => match inventory.profile_of_launch_template(template) {
            Some(profile) => profile,
            None => return resource.clone(),
        },
        // A name without its path, as IAM's and Glue's calls give it.
        Resource::Arn(pattern) => {
            return whole(pattern, inventory).map_or_else(|| resource.clone(), Resource::Arn);
        }
        _ => return resource.clone(),
    };
    let named =
        Arn::parse(profile).map(|arn| (arn.account, arn.resource.rsplit('/').next().unwrap_or_default()));
    let own = facts.account.as_deref().or(row.call.recipient_account.as_deref());
    let (account, name) = match named {
        Some((account, name)) => (Some(account), name),
        None => (own, profile),
    };
    match inventory.role_of_instance_profile(name, account) {
        Some(role) => Resource::Arn(role.arn.clone()),
        None => resource.clone(),
    }
}

/// The role, user or group meant by a pattern such as `arn:aws:iam::123456789012:role/*NAME`: names are unique in an account,
/// whatever their path.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names>
fn whole(pattern: &str, inventory: &Inventory) -> Option<String> {
    let arn = Arn::parse(pattern).filter(|arn| arn.service == "iam")?;
    let (kind, name) = arn.resource.split_once("/*").filter(|(_, name)| !name.contains('*'))?;
    let account = inventory.accounts.get(arn.account)?;
    let is_it = |known: &&String| known.rsplit('/').next() == Some(name);
    let found = match kind {
        "role" => account.roles.keys().find(is_it),
        "user" => account.users.keys().find(is_it),
        "group" => account.groups.keys().find(is_it),
        _ => None,
    };
    found.cloned()
}

fn arn(resource: &Resource) -> Option<String> {
    match resource {
        Resource::Arn(text) | Resource::InstanceProfile(text) => Some(text.clone()),
        _ => None,
    }
}
