//! Changes of trails inside the window: from that moment on other events are recorded, or none.
//!
//! The snapshot tells what trails record today. When the logs show that somebody changed a trail, that says nothing about the time before,
//! and what was recorded on both sides must be seen there. A trail that was stopped hides everything until it is started.

use std::collections::{BTreeMap, BTreeSet};

use super::recorded::{Recorded, Recording};
use crate::catalog::Resource;
use crate::ident::{Time, TimeRange};
use crate::inventory::Trail;
use crate::usage::{CallOutcome, Row, Usage};

/// Kinds of events that are recorded, or not, together.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Recordable {
    /// Read-only management events.
    ManagementReads,
    /// Write management events.
    ManagementWrites,
    /// Management events of KMS.
    Kms,
    /// Data events of a kind, the read-only ones or the others.
    Data(String, bool),
}

/// What the logs show of the changes of trails, by account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrailChanges {
    by_account: BTreeMap<String, Vec<Change>>,
    seen: BTreeMap<String, BTreeMap<Recordable, Sides>>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Change {
    what: What,
    /// ARN; none when the call does not tell.
    trail: Option<String>,
    first: Time,
    last: Time,
    event: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Recording,
    Created,
    Stopped,
    Started,
}

/// Where a kind of events was seen: before the first change, between it and the last one, after the last one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Sides {
    before: bool,
    between: bool,
    after: bool,
}

/// That what an account's trails record was changed inside the window.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RecordingChange {
    /// The first change.
    pub first: Time,
    /// The last.
    pub last: Time,
    /// `eventID` of the first.
    pub event: String,
    /// What the trails record that were not changed.
    steady: Recorded,
    seen: BTreeMap<Recordable, Sides>,
}

/// A stretch of the window in which a trail was stopped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Stop {
    pub(super) from: Time,
    pub(super) to: Time,
    pub(super) sentence: String,
}

impl TrailChanges {
    /// Looks at every call of the window that changed a trail, and succeeded.
    pub fn of(usage: &Usage) -> Self {
        let mut changes = Self::default();
        for row in usage.rows.iter().filter(|row| row.call.source.as_ref() == "cloudtrail.amazonaws.com") {
            changes.add(row);
        }
        if changes.by_account.is_empty() {
            return changes;
        }
        for row in usage.rows.iter() {
            changes.see(row);
        }
        changes
    }

    fn add(&mut self, row: Row<'_>) {
        let (CallOutcome::Used { failed: None }, Some(account)) =
            (&row.call.outcome, &row.call.recipient_account)
        else {
            return;
        };
        let kinds: &[What] = match row.call.name.as_ref() {
            "PutEventSelectors" | "UpdateTrail" => &[What::Recording],
            // The trail records nothing before, or after.
            "CreateTrail" => &[What::Recording, What::Created],
            "DeleteTrail" => &[What::Recording, What::Stopped],
            "StopLogging" => &[What::Stopped],
            "StartLogging" => &[What::Started],
            _ => return,
        };
        let resources = row.call.needs.needs.iter().flat_map(|need| &need.resources);
        let arns = resources.filter_map(|resource| match resource {
            Resource::Arn(arn) => Some(arn.as_str()),
            _ => None,
        });
        let trail = arns.filter(|arn| arn.contains(":trail/")).find(|arn| !arn.contains(['*', '?']));
        for what in kinds {
            self.by_account.entry(account.to_string()).or_default().push(Change {
                what: *what,
                trail: trail.map(str::to_owned),
                first: row.first,
                last: row.last,
                event: row.sample().to_string(),
            });
        }
    }

    fn see(&mut self, row: Row<'_>) {
        let Some(account) = row.call.recipient_account.as_deref() else { return };
        let Some((first, last)) = self.recording(account, |_| true) else { return };
        let (reads, writes) = (row.call.read_only != Some(false), row.call.read_only != Some(true));
        let mut kinds = Vec::new();
        match &row.call.data_type {
            Some(kind) => {
                kinds.extend(reads.then(|| Recordable::Data(kind.to_string(), true)));
                kinds.extend(writes.then(|| Recordable::Data(kind.to_string(), false)));
            }
            None => {
                kinds.extend(reads.then_some(Recordable::ManagementReads));
                kinds.extend(writes.then_some(Recordable::ManagementWrites));
                kinds.extend((row.call.source.as_ref() == "kms.amazonaws.com").then_some(Recordable::Kms));
            }
        }
        let seen = self.seen.entry(account.to_owned()).or_default();
        for kind in kinds {
            let sides = seen.entry(kind).or_default();
            let is_between = |time: Time| first <= time && time < last;
            sides.before |= row.first < first;
            sides.between |= is_between(row.first) || is_between(row.last);
            sides.after |= row.last >= last;
        }
    }

    /// First and last change of what is recorded.
    fn recording(&self, account: &str, of: impl Fn(&Change) -> bool) -> Option<(Time, Time)> {
        let all = self.by_account.get(account)?.iter();
        let all: Vec<&Change> = all.filter(|change| change.what == What::Recording && of(change)).collect();
        let first = all.iter().map(|change| change.first).min()?;
        Some((first, all.iter().map(|change| change.last).max()?))
    }

    /// The change of what an account's trails record, if there was one.
    pub(super) fn of_account(&self, account: &str, trails: &[Trail]) -> Option<RecordingChange> {
        let (first, last) = self.recording(account, |_| true)?;
        let changes = self.by_account.get(account)?;
        let is_changed = |trail: &Trail| {
            changes.iter().any(|change| change.trail.as_ref().is_none_or(|arn| *arn == trail.arn))
        };
        let steady: Vec<Trail> = trails.iter().filter(|trail| !is_changed(trail)).cloned().collect();
        let event =
            changes.iter().filter(|change| change.first == first).map(|change| &change.event).min()?;
        Some(RecordingChange {
            first,
            last,
            event: event.clone(),
            steady: Recorded::of(account, &steady).unwrap_or_default(),
            seen: self.seen.get(account).cloned().unwrap_or_default(),
        })
    }

    /// When trails of an account were stopped, and no other trail of the snapshot records all management events.
    pub(super) fn stops(&self, account: &str, trails: &[Trail], window: TimeRange) -> Vec<Stop> {
        let Some(changes) = self.by_account.get(account) else { return Vec::new() };
        let named: BTreeSet<Option<&str>> = changes
            .iter()
            .filter(|change| change.what != What::Recording)
            .map(|change| change.trail.as_deref())
            .collect();
        let others: Vec<Trail> = trails
            .iter()
            .filter(|trail| !named.contains(&None) && !named.contains(&Some(trail.arn.as_str())))
            .cloned()
            .collect();
        let steady = Recorded::of(account, &others).unwrap_or_default();
        if steady.management.reads && steady.management.writes {
            return Vec::new();
        }
        named.into_iter().filter_map(|trail| stop(changes, trail, account, window)).collect()
    }
}

/// From the first stop to the last start after it; a trail that is started first was stopped before the window.
fn stop(changes: &[Change], trail: Option<&str>, account: &str, window: TimeRange) -> Option<Stop> {
    let of = |what: What| {
        changes.iter().filter(move |change| change.what == what && change.trail.as_deref() == trail)
    };
    let stopped = of(What::Stopped).min_by_key(|change| (change.first, &change.event));
    let last_stop = of(What::Stopped).map(|change| change.last).max();
    let started = of(What::Started).min_by_key(|change| (change.first, &change.event));
    let last_start = of(What::Started).map(|change| change.last).max();
    // A trail that is new was not missed before.
    let is_new = of(What::Created).next().is_some();
    let is_started_first = !is_new
        && match (stopped, started) {
            (Some(stop), Some(start)) => start.first < stop.first,
            (None, Some(_)) => true,
            _ => false,
        };
    let from = if is_started_first { window.from } else { stopped?.first };
    let to = match (last_stop, last_start) {
        (Some(stop), Some(start)) if start < stop => window.to,
        (Some(_), None) => window.to,
        (_, Some(start)) if is_started_first && last_stop.is_none() => started?.first.min(start),
        (_, Some(start)) => start,
        (None, None) => return None,
    };
    let event = if is_started_first { &started?.event } else { &stopped?.event };
    let name = trail.map_or_else(|| format!("A trail of account {account}"), |arn| format!("Trail {arn}"));
    let sentence = format!(
        "{name} was stopped between {from} and {to} (event {event}), and what happened then may not be in the logs."
    );
    (from < to).then_some(Stop { from, to, sentence })
}

impl RecordingChange {
    /// Whether a kind of events was recorded on all sides of the change: by a trail that was not changed, or for all we see.
    pub(super) fn shows(&self, kind: &Recordable) -> bool {
        let half = |recording: Recording, reads: bool| if reads { recording.reads } else { recording.writes };
        let is_steady = match kind {
            Recordable::ManagementReads => self.steady.management.reads,
            Recordable::ManagementWrites => self.steady.management.writes,
            Recordable::Kms => self.steady.kms.reads && self.steady.kms.writes,
            Recordable::Data(kind, reads) => {
                self.steady.data.get(kind).is_some_and(|recording| half(*recording, *reads))
            }
        };
        let sides = self.seen.get(kind).copied().unwrap_or_default();
        is_steady || (sides.before && sides.after && (sides.between || self.first == self.last))
    }
}
