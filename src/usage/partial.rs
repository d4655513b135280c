//! A ledger as plain tables, so that it can be written down, carried elsewhere, and become a ledger again.
//!
//! The tables hold everything that [`Ledger::merge`] looks at, and nothing that depends on the order in which records were read:
//! rows are sorted, and numbers are places among the sorted rows. What follows from the deliveries (when a session was seen,
//! which hours of which Region were seen, which events share a `sharedEventID`) is not written down but worked out again, so
//! that deliveries can also be taken back, or be looked at through another window.

use super::calls::Call;
use super::event_id::EventKey;
use super::finish::LedgerError;
use super::fold::FoldRow;
use super::issuance::IssuedRow;
use super::ledger::Ledger;
use super::log::{Log, OUTSIDE, Slice};
use super::{AgentSession, AirflowTask, SessionFacts, Text};
use crate::ident::Time;

/// One delivery of an event.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Delivery {
    /// The event's key.
    pub event: EventKey,
    /// It does not correct an event of that id.
    pub is_original: bool,
    /// It carried a `sharedEventID`.
    pub is_shared: bool,
    /// Of the record's content.
    pub fingerprint: u64,
    /// Seconds since the epoch.
    pub time: u32,
    /// Number of the object it lay in.
    pub object: u32,
    /// Number of the caller among the sessions.
    pub session: u32,
    /// Number of the call among the calls.
    pub call: u32,
}

/// What a user agent told: session, kind of work, time and id of the earliest event that shows it.
pub type AgentRow = (AgentSession, AirflowTask, (Time, Text));

/// The small tables of a ledger.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tables {
    /// Sorted; deliveries name a call by its place here.
    pub calls: Vec<Call>,
    /// Event and group, sorted: events with a `sharedEventID`.
    pub shared: Vec<(EventKey, EventKey)>,
    /// The ids of events whose keys do not give them back, sorted.
    pub ids: Vec<(EventKey, Text)>,
    /// What is folded, sorted.
    pub folds: Vec<FoldRow>,
    /// What user agents told, sorted.
    pub agents: Vec<AgentRow>,
    /// More was told by user agents than is kept.
    pub agents_are_cut: bool,
}

/// A ledger that is being written down.
#[derive(Debug)]
pub struct Partial {
    ledger: Ledger,
    /// See [`Tables`].
    pub tables: Tables,
    /// Sessions in their new order, by old number, and back.
    sessions: Vec<u32>,
    session_places: Vec<u32>,
    /// New number of the call at each old place.
    calls: Vec<u32>,
    issuances: Vec<EventKey>,
}

impl Ledger {
    /// The ledger as tables. It must have been made for [`super::Scope::default`]: what lies outside a window is not written down
    /// with all that is needed.
    pub fn into_partial(mut self) -> Result<Partial, LedgerError> {
        self.open()?;
        self.calls.fold(&self.folds);
        let sessions = self.session_order();
        let session_places = inverse(&sessions);
        let order = self.calls.order();
        let call = |place: &u32| self.calls.all().get(*place as usize);
        let calls = inverse(&order);
        let mut issuances: Vec<EventKey> = self.issuances.all.iter().map(|(key, _)| *key).collect();
        issuances.sort_unstable();
        let mut shared: Vec<_> = self.shared.iter().map(|(key, (group, _))| (*key, *group)).collect();
        shared.sort_unstable();
        let mut agents = Vec::new();
        for (session, tasks) in &self.agents.airflow {
            agents.extend(tasks.iter().map(|(task, seen)| (session.clone(), task.clone(), seen.clone())));
        }
        let tables = Tables {
            calls: order.iter().filter_map(|place| call(place).cloned()).collect(),
            shared,
            ids: self.odd_ids.rows(),
            folds: self.folds.rows(),
            agents,
            agents_are_cut: self.agents.is_cut,
        };
        Ok(Partial { ledger: self, tables, sessions, session_places, calls, issuances })
    }

    /// The numbers of all sessions, sorted by what they say.
    fn session_order(&self) -> Vec<u32> {
        let all: Vec<_> = self.sessions.iter().copied().collect();
        // Forms are few: their order is worked out once.
        let n_forms = all.iter().map(|session| session.form + 1).max().unwrap_or_default();
        let mut forms: Vec<u32> = (0..n_forms).collect();
        let texts = |form: &u32| self.sessions.form(*form).map(|form| form.texts(&self.words));
        forms.sort_by_cached_key(texts);
        let ranks = inverse(&forms);
        let rank = |form: u32| ranks.get(form as usize).copied().unwrap_or_default();
        let mut order: Vec<u32> = (0_u32..).zip(&all).map(|(number, _)| number).collect();
        let key = |number: &u32| {
            let session = all.get(*number as usize)?;
            let (name, key) = (self.words.text(session.name), self.words.text(session.key));
            Some((rank(session.form), name, session.creation(), key))
        };
        order.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        order
    }
}

impl Partial {
    /// Deliveries come in so many parts.
    pub const PARTS: usize = Log::PARTS;

    /// Number of sessions.
    pub fn n_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// The sessions from a number on, `n` at most; sorted, and named by their numbers.
    pub fn sessions(&self, from: usize, n: usize) -> Vec<SessionFacts> {
        let mut texts = super::text::Texts::default();
        let part = self.sessions.iter().skip(from).take(n);
        part.filter_map(|old| {
            Some(self.ledger.sessions.caller(*old, &self.ledger.words)?.to_facts(&mut texts))
        })
        .collect()
    }

    /// Number of issuances.
    pub fn n_issuances(&self) -> usize {
        self.issuances.len()
    }

    /// The issuances from a place on, `n` at most; sorted.
    pub fn issuances(&self, from: usize, n: usize) -> Vec<IssuedRow> {
        let part = self.issuances.iter().skip(from).take(n);
        part.filter_map(|key| {
            let caller = self.ledger.issuances.all.get(key)?.caller;
            let caller = *self.session_places.get(caller as usize)?;
            self.ledger.issuances.row(*key, &self.ledger.words, caller)
        })
        .collect()
    }

    /// The deliveries of one part, sorted.
    pub fn deliveries(&self, part: usize) -> Result<Vec<Delivery>, LedgerError> {
        let mut entries = Vec::new();
        self.ledger.slice(part, Slice::WHOLE, &mut entries)?;
        let number = |numbers: &[u32], old: u32| numbers.get(old as usize).copied().unwrap_or(OUTSIDE);
        let mut deliveries: Vec<Delivery> = entries
            .iter()
            .map(|entry| Delivery {
                event: entry.key,
                is_original: entry.origin.is_original(),
                is_shared: entry.origin.is_shared(),
                fingerprint: entry.fingerprint,
                time: entry.time,
                object: entry.origin.object(),
                session: number(&self.session_places, entry.session),
                call: number(&self.calls, self.ledger.calls.place(entry.call)),
            })
            .collect();
        deliveries.sort_unstable();
        Ok(deliveries)
    }
}

/// Where each number stands in an order.
pub(super) fn inverse(order: &[u32]) -> Vec<u32> {
    let mut places = vec![0; order.len()];
    for (place, number) in (0_u32..).zip(order) {
        if let Some(slot) = places.get_mut(*number as usize) {
            *slot = place;
        }
    }
    places
}
