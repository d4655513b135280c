//! What the merged ledger gives: everything downstream is a function of this value.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Text;
use super::{Agents, IssuanceFacts, Rows, SessionFacts};
use crate::ident::Time;

/// The merged ledger, sorted: the same input gives the same value whatever the threads and the order of files.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Indexed by [`super::SessionId`], sorted.
    pub sessions: Vec<SessionFacts>,
    /// By session; of a usage made by hand it may be empty, which says that every session stands for itself.
    pub groups: Vec<SessionGroup>,
    /// Sorted; calls inside the window only.
    pub rows: Rows,
    /// Sorted by time; issuances before the window are here too, because sessions outlive windows' edges.
    pub issuances: Vec<IssuanceFacts>,
    /// See [`EventCounts`].
    pub counts: EventCounts,
    /// See [`Observation`].
    pub observation: Observation,
    /// See [`Agents`].
    pub agents: Agents,
}

/// What a session stands for.
///
/// Sessions that attribution must answer alike are counted with the first of them (see [`crate::usage::Keep`]): the rows of a
/// session that stands for others are theirs as well.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SessionGroup {
    /// Earliest and latest call of the session itself.
    pub span: Option<(Time, Time)>,
    /// Number of further sessions its rows are of.
    pub others: u64,
}

/// Where every record read went. INVARIANT: `read = duplicates + copies + malformed + outside_window + counted`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EventCounts {
    /// Records read from objects that hold events.
    pub read: u64,
    /// Further deliveries of an `eventID` already seen.
    pub duplicates: u64,
    /// Other accounts' copies of one call (`sharedEventID`).
    pub copies: u64,
    /// Records that lack what an event needs.
    pub malformed: u64,
    /// Distinct events outside the window (or the Regions) asked for.
    pub outside_window: u64,
    /// Distinct calls inside the window.
    pub counted: u64,
    /// Events of which deliveries with differing content were met (each has its share in `duplicates`); one of the contents,
    /// the same in every run, is the one counted.
    pub conflicting: u64,
}

impl EventCounts {
    /// Whether the invariant holds.
    pub fn balances(&self) -> bool {
        self.read == self.duplicates + self.copies + self.malformed + self.outside_window + self.counted
    }
}

/// What could have been seen: which accounts, Regions, hours and kinds of events the logs show at all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Observation {
    /// By account (the one whose trail delivered), then Region.
    pub regions: BTreeMap<Text, BTreeMap<Text, RegionObservation>>,
    /// By account: the `resources[].type` (or, when untold, the `eventSource`) of each kind of data event seen.
    pub data_types: BTreeMap<Text, BTreeSet<Text>>,
    /// By account, then kind as in `data_types`, then Region: what was seen of it.
    pub data_events: BTreeMap<Text, BTreeMap<Text, BTreeMap<Text, DataObservation>>>,
    /// Accounts in whose logs a read-only management event was seen (a write-only trail shows none).
    pub management_reads: BTreeSet<Text>,
    /// Accounts in whose logs a write management event was seen.
    pub management_writes: BTreeSet<Text>,
    /// Accounts in whose logs a KMS event was seen (trails may exclude them).
    pub kms: BTreeSet<Text>,
    /// First and last event of the whole input, inside the window.
    pub span: Option<(Time, Time)>,
}

impl Observation {
    /// The first event of an account's logs.
    pub fn begins(&self, account: &str) -> Option<Time> {
        let regions = self.regions.get(account)?;
        regions.values().filter_map(|region| region.span).map(|(first, _)| first).min()
    }
}

/// One kind of data event in one Region of one account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DataObservation {
    /// The UTC days (seconds since the epoch / 86400) with at least one such event.
    pub days: BTreeSet<i64>,
    /// An event that reads, or that does not say, was seen.
    pub reads: bool,
    /// An event that writes, or that does not say, was seen.
    pub writes: bool,
}

/// One Region of one account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RegionObservation {
    /// First and last event.
    pub span: Option<(Time, Time)>,
    /// The UTC hours (seconds since the epoch / 3600) in which at least one event lies.
    pub hours: BTreeSet<i64>,
}
