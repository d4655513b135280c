//! The table of rows: who made which call, how often and when. Rows are many, so each takes 40 bytes; what calls say is there once.

use std::cmp::Ordering;
use std::sync::{Mutex, PoisonError};

use hashbrown::{DefaultHashBuilder, HashSet, HashTable};
use std::hash::BuildHasher;

use super::calls::{Call, Calls};
use super::event_id::{EventKey, OddIds};
use super::log::{seconds, time};
use super::{SessionId, Text};
use crate::ident::Time;

/// One kind of call by one session: everything equal but the time and the event id.
#[derive(Clone, Copy, Debug)]
pub struct Row<'u> {
    /// Who.
    pub session: SessionId,
    /// What.
    pub call: &'u Call,
    /// Number of distinct calls.
    pub calls: u64,
    /// Earliest call.
    pub first: Time,
    /// Latest call.
    pub last: Time,
    sample: EventKey,
    ids: &'u OddIds,
}

impl Row<'_> {
    /// `eventID` of the earliest call (smallest id among equals).
    pub fn sample(&self) -> Text {
        self.ids.text(self.sample)
    }

    /// Whether its earliest call comes before another, by time and then by id.
    pub fn is_before(&self, first: Time, sample: &str) -> bool {
        self.first < first || self.first == first && *self.sample() < *sample
    }
}

/// A row by itself.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "see `Row`, whose members these are")]
pub struct RowFacts {
    pub session: SessionId,
    pub call: Call,
    pub calls: u64,
    pub first: Time,
    pub last: Time,
    pub sample: Text,
}

/// All rows of a usage.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Sorted.
    calls: Vec<Call>,
    /// One after the other these are sorted by session and call.
    parts: Vec<Vec<Tally>>,
    ids: OddIds,
}

/// What the events of one row come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Tally {
    pub(super) session: u32,
    pub(super) call: u32,
    pub(super) calls: u64,
    /// Seconds since the epoch.
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) sample: EventKey,
}

impl Rows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(Vec::is_empty)
    }

    /// The rows by session, then by what the call says.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.parts.iter().flatten().filter_map(|tally| {
            Some(Row {
                session: SessionId(tally.session),
                call: self.calls.get(tally.call as usize)?,
                calls: tally.calls,
                first: time(tally.first),
                last: time(tally.last),
                sample: tally.sample,
                ids: &self.ids,
            })
        })
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.calls == other.calls
            && self.ids == other.ids
            && self.parts.iter().flatten().eq(other.parts.iter().flatten())
    }
}

impl Eq for Rows {}

impl FromIterator<RowFacts> for Rows {
    /// Rows made by hand, in their order. Times are kept as a log's are, from 1970 to 2106.
    fn from_iter<I: IntoIterator<Item = RowFacts>>(rows: I) -> Self {
        let (mut calls, mut ids) = (Calls::default(), OddIds::default());
        let tallies = rows.into_iter().map(|row| Tally {
            session: row.session.0,
            call: calls.intern(row.call),
            calls: row.calls,
            first: seconds(row.first),
            last: seconds(row.last),
            sample: ids.key(&row.sample),
        });
        let parts = vec![tallies.collect()];
        Self { calls: calls.into_parts().0, parts, ids }
    }
}

/// Parts of a table that is being added up, by session.
const PARTS: u32 = 64;

/// Rows that several workers add up at once.
pub(super) struct Adding<'l> {
    /// Sessions are numbered below this.
    n_sessions: u32,
    parts: Vec<Mutex<Part>>,
    hasher: DefaultHashBuilder,
    ids: &'l OddIds,
}

#[derive(Default)]
struct Part {
    all: Vec<Tally>,
    /// By session and call: the place in `all`.
    table: HashTable<u32>,
}

impl<'l> Adding<'l> {
    /// For sessions that are numbered below `n_sessions`.
    pub(super) fn new(n_sessions: u32, ids: &'l OddIds) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { n_sessions: n_sessions.max(1), parts, hasher: DefaultHashBuilder::default(), ids }
    }

    /// Adds events of one session and call, in any order.
    pub(super) fn add(&self, more: Tally) {
        let part = u64::from(more.session) * u64::from(PARTS) / u64::from(self.n_sessions);
        let Some(part) = self.parts.get(usize::try_from(part).unwrap_or(usize::MAX)) else { return };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        let Part { all, table } = &mut *part;
        let hash_of = |tally: &Tally| self.hasher.hash_one((tally.session, tally.call));
        let at = |place: &u32| all.get(*place as usize);
        let is_same = |place: &u32| {
            at(place).is_some_and(|known| (known.session, known.call) == (more.session, more.call))
        };
        let hash = hash_of(&more);
        match table.find(hash, is_same).copied() {
            Some(place) => {
                if let Some(known) = all.get_mut(place as usize) {
                    known.add(more, self.ids);
                }
            }
            None => {
                let place = u32::try_from(all.len()).unwrap_or(u32::MAX);
                table.insert_unique(hash, place, |place| at(place).map_or(0, hash_of));
                all.push(more);
            }
        }
    }

    /// The tallies in the order of sessions and calls.
    pub(super) fn into_parts(self) -> Vec<Vec<Tally>> {
        let sorted = |part: Mutex<Part>| {
            let Part { mut all, .. } = part.into_inner().unwrap_or_else(PoisonError::into_inner);
            all.shrink_to_fit();
            all.sort_unstable_by_key(|tally| (tally.session, tally.call));
            all
        };
        self.parts.into_iter().map(sorted).collect()
    }
}

impl Tally {
    fn add(&mut self, more: Self, ids: &OddIds) {
        self.calls += more.calls;
        self.last = self.last.max(more.last);
        let order = more.first.cmp(&self.first).then_with(|| ids.order(more.sample, self.sample));
        if order == Ordering::Less {
            self.first = more.first;
            self.sample = more.sample;
        }
    }
}

impl Rows {
    /// Sorted tallies of sorted calls; calls that no row is of are left out, and ids of other events.
    pub(super) fn new(mut calls: Vec<Call>, mut parts: Vec<Vec<Tally>>, mut ids: OddIds) -> Self {
        let numbers = renumbered(calls.len(), parts.iter().flatten().map(|tally| tally.call));
        for tally in parts.iter_mut().flatten() {
            tally.call = numbers.get(tally.call as usize).copied().unwrap_or(GONE);
        }
        keep_numbered(&mut calls, &numbers);
        calls.shrink_to_fit();
        if !ids.is_empty() {
            let shown: HashSet<EventKey> = parts.iter().flatten().map(|tally| tally.sample).collect();
            ids.retain(|key| shown.contains(&key));
        }
        Self { calls, parts, ids }
    }
}

/// The new number of what goes.
pub(super) const GONE: u32 = u32::MAX;

/// New numbers, one after the other, for those of the first `n` old ones that are used; [`GONE`] for the others.
pub(super) fn renumbered(n: usize, used: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut numbers = vec![GONE; n];
    for old in used {
        if let Some(number) = numbers.get_mut(old as usize) {
            *number = 0;
        }
    }
    let kept = numbers.iter_mut().filter(|number| **number != GONE);
    (0..).zip(kept).for_each(|(new, number)| *number = new);
    numbers
}

/// Lets what is [`GONE`] go.
pub(super) fn keep_numbered<T>(all: &mut Vec<T>, numbers: &[u32]) {
    let mut numbers = numbers.iter();
    all.retain(|_| numbers.next().is_some_and(|number| *number != GONE));
}
