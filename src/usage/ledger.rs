//! The ledger: what one worker writes down, and what several become when they merge.

use hashbrown::hash_map::Entry as MapEntry;
use hashbrown::hash_table::Entry as TableEntry;
use hashbrown::{DefaultHashBuilder, HashMap, HashSet, HashTable};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::hash::BuildHasher;

use super::event_id::{EventKey, OddIds};
use super::fold::{Caps, Folds};
use super::observe::Observer;
use super::rows::{CallView, OutcomeView, Rows};
use super::session::{SessionView, Sessions};
use super::text::{Texts, limited};
use super::{Agents, IssuanceFacts, denial, issuance};
use crate::catalog::Needs;
use crate::ident::TimeRange;
use crate::record::{Category, Event, Outcome};

/// Which events count.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Half-open; events outside are counted as such, and still explain sessions when they issued credentials.
    pub window: TimeRange,
    /// Events of these Regions only; empty is all. Events of other Regions count as outside the window.
    pub regions: BTreeSet<String>,
}

impl Default for Scope {
    fn default() -> Self {
        Self { window: TimeRange::ALWAYS, regions: BTreeSet::new() }
    }
}

impl Scope {
    fn contains(&self, event: &Event<'_>) -> bool {
        self.window.contains(event.time) && (self.regions.is_empty() || self.regions.contains(event.region))
    }
}

/// What one worker knows of the events it read.
///
/// Every event is kept once, under its `eventID`, with the row of its content; counts, times and samples are worked out
/// from these entries at the end. So the result does not depend on how often and in which order events were delivered,
/// on the split over workers, or on the order of merges: [`Ledger::merge`] is associative and commutative, and merging
/// what was merged before changes nothing but the numbers of records read and of duplicates.
///
/// Memory grows by 32 bytes per distinct event, and with the number of distinct sessions and contents; resources that are
/// too many for that are folded to prefix patterns (`fold.rs`).
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) scope: Scope,
    pub(super) texts: Texts,
    pub(super) sessions: Sessions,
    pub(super) rows: Rows,
    pub(super) folds: Folds,
    pub(super) events: Events,
    pub(super) odd_ids: OddIds,
    /// `sharedEventID` groups of events that carry one.
    pub(super) shared: HashMap<EventKey, EventKey>,
    /// Corrected content of events, by the corrected event.
    pub(super) corrections: HashMap<EventKey, Entry>,
    /// By event; a correction's facts (`false`) come before the original's.
    pub(super) issuances: HashMap<EventKey, (bool, IssuanceFacts)>,
    /// Events of which deliveries with differing content were met.
    pub(super) conflicts: HashSet<EventKey>,
    pub(super) observer: Observer,
    pub(super) agents: Agents,
    /// Records that are events, each delivery counted.
    pub(super) n_records: u64,
    pub(super) n_malformed: u64,
    /// Rows above which folding is worth a pass over all events.
    compact_above: usize,
    /// The least that [`Self::compact_above`] may be.
    min_rows: usize,
}

/// One event. Ordered so that of two contents of one event the same one wins everywhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: EventKey,
    /// Of the record's content before folding.
    pub(super) fingerprint: u64,
    pub(super) row: u32,
    /// Seconds since the epoch, as far as 32 bits reach (1970 to 2106).
    pub(super) time: u32,
}

// The promise of the ledger's documentation.
const _: () = assert!(size_of::<Entry>() == 32);

/// The row of an event outside the scope.
pub(super) const OUTSIDE: u32 = u32::MAX;

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.key, self.content()).cmp(&(other.key, other.content()))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl Entry {
    /// What tells two deliveries apart. Row numbers do not: they belong to one ledger.
    fn content(&self) -> (u64, u32) {
        (self.fingerprint, self.time)
    }
}

/// The table of events.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    table: HashTable<Entry>,
    hasher: DefaultHashBuilder,
}

impl Events {
    /// Adds a delivery; true when the event was there with another content.
    fn add(&mut self, entry: Entry) -> bool {
        let Self { table, hasher } = self;
        let hash = hasher.hash_one(entry.key);
        match table.entry(hash, |known| known.key == entry.key, |known| hasher.hash_one(known.key)) {
            TableEntry::Vacant(place) => {
                place.insert(entry);
                false
            }
            TableEntry::Occupied(mut known) => {
                let differs = known.get().content() != entry.content();
                if entry.content() < known.get().content() {
                    *known.get_mut() = entry;
                }
                differs
            }
        }
    }

    /// Puts a correction in the place of what was delivered.
    pub(super) fn replace(&mut self, entry: Entry) {
        let Self { table, hasher } = self;
        let hash = hasher.hash_one(entry.key);
        match table.entry(hash, |known| known.key == entry.key, |known| hasher.hash_one(known.key)) {
            TableEntry::Vacant(place) => drop(place.insert(entry)),
            TableEntry::Occupied(mut known) => *known.get_mut() = entry,
        }
    }

    pub(super) fn get(&self, key: EventKey) -> Option<&Entry> {
        self.table.find(self.hasher.hash_one(key), |known| known.key == key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter()
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.table.iter_mut()
    }

    /// Makes room for the larger part of what is to be added: ledgers that merge share few events.
    fn reserve(&mut self, additional: usize) {
        let Self { table, hasher } = self;
        table.reserve(additional, |known| hasher.hash_one(known.key));
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}

impl Ledger {
    /// An empty ledger.
    pub fn new(scope: Scope) -> Self {
        Self::with_caps(scope, Caps::default())
    }

    /// An empty ledger that keeps more or less exact. Ledgers that are to merge need equal caps.
    pub fn with_caps(scope: Scope, caps: Caps) -> Self {
        Self {
            scope,
            min_rows: caps.rows,
            texts: Texts::default(),
            sessions: Sessions::default(),
            rows: Rows::default(),
            folds: Folds::new(caps),
            events: Events::default(),
            odd_ids: OddIds::default(),
            shared: HashMap::new(),
            corrections: HashMap::new(),
            issuances: HashMap::new(),
            conflicts: HashSet::new(),
            observer: Observer::default(),
            agents: Agents::default(),
            n_records: 0,
            n_malformed: 0,
            compact_above: caps.rows,
        }
    }

    /// Writes one event down; `needs` is asked what its call needed, unless the record's own refusal says it.
    ///
    /// Events of the categories network activity, Insight and aggregated repeat what other events say and are no use of a
    /// permission: they are ignored here, and callers count them apart.
    pub fn record(&mut self, event: &Event<'_>, needs: impl FnOnce(&Event<'_>) -> Needs) {
        if !matches!(event.category, Category::Management | Category::Data) {
            return;
        }
        self.n_records += 1;
        // An addendum that corrects an event is that event, not a second one.
        let corrected = (event.addendum.get("reason").as_str() == Some("UPDATED_DATA"))
            .then(|| event.addendum.get("originalEventID").text())
            .flatten();
        let id = limited(corrected.unwrap_or(event.id));
        let key = self.odd_ids.key(id);
        if let Some(shared) = event.shared_id {
            let group = EventKey::of_parts([shared, event.source, event.name]);
            smallest(self.shared.entry(key), group);
        }
        if let Some(facts) = issuance::read(event, id, &mut self.texts) {
            smallest(self.issuances.entry(key), (corrected.is_none(), facts));
        }
        let time = u32::try_from(event.time.unix().max(0)).unwrap_or(u32::MAX);
        let mut entry = Entry { key, fingerprint: u64::MAX, row: OUTSIDE, time };
        if self.scope.contains(event) {
            (entry.row, entry.fingerprint) = self.row(event, needs);
            self.agents.see(event, id, &mut self.texts);
        }
        if corrected.is_some() {
            smallest(self.corrections.entry(key), entry);
        } else if self.events.add(entry) {
            self.conflicts.insert(key);
        }
        if self.rows.len() > self.compact_above {
            self.compact();
        }
    }

    /// Counts a record that is no event.
    pub fn malformed(&mut self) {
        self.n_malformed += 1;
    }

    /// The row of an event's content, and the content's fingerprint.
    fn row(&mut self, event: &Event<'_>, needs: impl FnOnce(&Event<'_>) -> Needs) -> (u32, u64) {
        let data_type = data_type(event);
        self.observer.see(event, data_type, &mut self.texts);
        let session = SessionView::of(&event.identity);
        let code = || limited(event.error_code.unwrap_or_default());
        let mut refused = None;
        let outcome = match event.outcome() {
            Outcome::Succeeded => OutcomeView::Used(None),
            Outcome::FailedAuthorized => OutcomeView::Used(Some(code())),
            Outcome::FailedUnproven => OutcomeView::Unproven(code()),
            Outcome::Denied => {
                refused = event.error_message.and_then(denial::needs);
                OutcomeView::Denied(code(), event.error_message.map(denial::kept))
            }
        };
        let needs = refused.unwrap_or_else(|| needs(event));
        let call = CallView {
            session: self.sessions.intern(session, &mut self.texts),
            source: limited(event.source),
            name: limited(event.name),
            region: limited(event.region),
            recipient_account: event.recipient_account.map(limited),
            data_type: data_type.map(limited),
            read_only: event.read_only,
            outcome,
            needs: &needs,
            vpc_endpoint: event.vpc_endpoint.map(limited),
        };
        if let Some(known) = self.rows.find_exact(&call) {
            return known;
        }
        let fingerprint = call.fingerprint(&session);
        self.folds.meet(&needs, &mut self.texts);
        if let OutcomeView::Denied(code, Some(message)) = outcome {
            self.folds.meet_message((call.source, call.name), code, message, &mut self.texts);
        }
        // In a large bucket nearly every object is new, but its folded form is not.
        if let Some(folded) = self.folds.needs(&needs)
            && let Some(known) = self.rows.find_folded(&CallView { needs: &folded, ..call })
        {
            return (known, fingerprint);
        }
        let mut content = Rows::content(&call, fingerprint, &mut self.texts);
        content.fold(&self.folds);
        (self.rows.intern(content), fingerprint)
    }

    /// Lets rows that folding made equal become one.
    fn compact(&mut self) {
        if self.folds.take_fallen() {
            let old = std::mem::take(&mut self.rows);
            let moved: Vec<u32> = old
                .into_contents()
                .into_iter()
                .map(|mut content| {
                    content.fold(&self.folds);
                    self.rows.intern(content)
                })
                .collect();
            for entry in self.events.iter_mut().chain(self.corrections.values_mut()) {
                entry.row = moved.get(entry.row as usize).copied().unwrap_or(OUTSIDE);
            }
        }
        self.compact_above = self.rows.len().saturating_mul(2).max(self.min_rows);
    }

    /// One ledger of two that were made for the same scope and caps.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let (mut into, from) =
            if self.events.len() >= other.events.len() { (self, other) } else { (other, self) };
        into.n_records += from.n_records;
        into.n_malformed += from.n_malformed;
        into.odd_ids.merge(from.odd_ids);
        into.observer.merge(from.observer);
        into.agents.merge(from.agents);
        into.conflicts.extend(from.conflicts);
        into.folds.merge(from.folds, &mut into.texts);
        for (key, group) in from.shared {
            smallest(into.shared.entry(key), group);
        }
        for (key, issuance) in from.issuances {
            smallest(into.issuances.entry(key), issuance);
        }
        let sessions: Vec<u32> = from
            .sessions
            .facts()
            .iter()
            .map(|facts| into.sessions.intern(SessionView::from_facts(facts), &mut into.texts))
            .collect();
        let moved: Vec<u32> = from
            .rows
            .into_contents()
            .into_iter()
            .map(|mut content| {
                content.session = sessions.get(content.session as usize).copied().unwrap_or(content.session);
                content.fold(&into.folds);
                into.rows.intern(content)
            })
            .collect();
        let place = |entry: &Entry| {
            let row = moved.get(entry.row as usize).copied().unwrap_or(OUTSIDE);
            Entry { row, ..*entry }
        };
        into.events.reserve(from.events.len());
        for entry in from.events.iter() {
            if into.events.add(place(entry)) {
                into.conflicts.insert(entry.key);
            }
        }
        for (key, entry) in &from.corrections {
            smallest(into.corrections.entry(*key), place(entry));
        }
        if into.rows.len() > into.compact_above {
            into.compact();
        }
        into
    }
}

/// Keeps the smaller of what is there and `value`.
fn smallest<K: Eq + std::hash::Hash, V: Ord, S: BuildHasher>(place: MapEntry<'_, K, V, S>, value: V) {
    match place {
        MapEntry::Vacant(place) => drop(place.insert(value)),
        MapEntry::Occupied(mut known) => {
            if value < *known.get() {
                known.insert(value);
            }
        }
    }
}

/// What kind of data event this is: the type of its resource (an S3 object rather than its bucket), else its source.
fn data_type<'a>(event: &Event<'a>) -> Option<&'a str> {
    if event.category != Category::Data {
        return None;
    }
    let types = || event.resources.elements().filter_map(|item| item.get("type").text());
    let object = types().find(|kind| *kind == "AWS::S3::Object");
    Some(object.or_else(|| types().next()).unwrap_or(event.source))
}
