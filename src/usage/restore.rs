//! From partial tables back to a ledger.

use hashbrown::{HashMap, HashSet};

use super::calls::Call;
use super::event_id::EventKey;
use super::fold::Caps;
use super::issuance::IssuedRow;
use super::ledger::{Ledger, Scope};
use super::log::{self, Entry, OUTSIDE, Origin};
use super::observe::Sight;
use super::partial::{Delivery, Tables};
use super::session::{Caller, LONGEST_SESSION};
use super::{CallOutcome, DenialFacts, SessionFacts};
use crate::ident::Time;

/// How tables are read back.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Which events count; as if the records had been read with it.
    pub scope: Scope,
    /// Deliveries of events before this moment are left out; none is left out by default. Issuances shortly before it stay: they
    /// explain sessions that go on after it.
    pub from: Option<Time>,
}

/// Takes in partial tables, one set after another, in any order.
#[derive(Debug)]
pub struct Restorer {
    ledger: Ledger,
    from: Option<Time>,
}

/// One set of tables that is being taken in: first the deliveries, then [`Taking::issuances`].
#[derive(Debug)]
pub struct Taking<'r> {
    restorer: &'r mut Restorer,
    sessions: Vec<SessionFacts>,
    calls: Vec<Call>,
    groups: HashMap<EventKey, EventKey>,
    /// Numbers here of sessions and calls there, when they were met.
    session_numbers: Vec<Option<u32>>,
    call_numbers: Vec<Option<u32>>,
    /// Where the observer has calls: by call, or by call and session when only the caller tells the account.
    call_places: Vec<Option<usize>>,
    other_places: HashMap<(u32, u32), usize>,
    /// Events that issued credentials, and whether a delivery of them was taken in.
    issuing: HashSet<EventKey>,
    live: HashSet<EventKey>,
}

impl Restorer {
    /// Starts with an empty ledger.
    pub fn new(reading: Reading, caps: Caps) -> Self {
        Self { ledger: Ledger::with_caps(reading.scope, caps), from: reading.from }
    }

    /// Begins with one set of tables. `issuing` are the events of its issuances.
    pub fn take(
        &mut self,
        sessions: Vec<SessionFacts>,
        tables: Tables,
        issuing: impl IntoIterator<Item = EventKey>,
    ) -> Taking<'_> {
        let ledger = &mut self.ledger;
        // Numbers of sessions are looked at within one set only.
        ledger.make_room();
        for row in &tables.folds {
            ledger.folds.add(row, &mut ledger.texts);
        }
        for (key, text) in &tables.ids {
            ledger.odd_ids.insert(*key, text);
        }
        for (session, task, seen) in tables.agents {
            if ledger.scope.window.contains(seen.0) {
                ledger.agents.insert(session, task, seen);
            }
        }
        ledger.agents.is_cut |= tables.agents_are_cut;
        Taking {
            session_numbers: vec![None; sessions.len()],
            call_numbers: vec![None; tables.calls.len()],
            call_places: vec![None; tables.calls.len()],
            sessions,
            calls: tables.calls,
            groups: tables.shared.into_iter().collect(),
            other_places: HashMap::new(),
            issuing: issuing.into_iter().collect(),
            live: HashSet::new(),
            restorer: self,
        }
    }

    /// Counts records that are no events.
    pub fn malformed(&mut self, n: u64) {
        self.ledger.n_malformed += n;
    }

    /// The ledger of everything taken in.
    pub fn into_ledger(mut self) -> Ledger {
        self.ledger.fold();
        self.ledger
    }
}

impl Taking<'_> {
    /// Takes in deliveries; `object` gives the new number of an object, or none when what lay in it is taken back.
    pub fn deliveries(
        &mut self,
        deliveries: impl IntoIterator<Item = Delivery>,
        object: impl Fn(u32) -> Option<u32>,
    ) {
        for delivery in deliveries {
            let time = log::time(delivery.time);
            if self.restorer.from.is_some_and(|from| time < from) {
                continue;
            }
            if let Some(object) = object(delivery.object) {
                self.delivery(&delivery, time, object);
            }
        }
    }

    fn delivery(&mut self, delivery: &Delivery, time: Time, object: u32) {
        if self.issuing.contains(&delivery.event) {
            self.live.insert(delivery.event);
        }
        let mut entry = Entry {
            key: delivery.event,
            fingerprint: u64::MAX,
            time: delivery.time,
            session: 0,
            call: OUTSIDE,
            origin: Origin::new(object, delivery.is_original, delivery.is_shared),
        };
        let is_inside = self.calls.get(delivery.call as usize).is_some_and(|call| {
            let scope = &self.restorer.ledger.scope;
            scope.window.contains(time) && (scope.regions.is_empty() || scope.regions.contains(&*call.region))
        });
        if is_inside
            && let Some(session) = self.session(delivery.session)
            && let Some(call) = self.call(delivery.call)
        {
            entry.fingerprint = delivery.fingerprint;
            entry.session = session;
            entry.call = call;
            self.restorer.ledger.sessions.seen(session, (entry.time, entry.time), !delivery.is_shared);
            self.observe(delivery, time);
        }
        let group = self.groups.get(&delivery.event).copied().filter(|_| delivery.is_shared);
        self.restorer.ledger.append(entry, group);
    }

    /// The number here of a session there.
    fn session(&mut self, number: u32) -> Option<u32> {
        let known = self.session_numbers.get_mut(number as usize)?;
        if known.is_none() {
            let ledger = &mut self.restorer.ledger;
            let caller = Caller::of_facts(self.sessions.get(number as usize)?);
            *known = Some(ledger.sessions.intern(&caller, &mut ledger.words));
        }
        *known
    }

    /// The number here of a call there.
    fn call(&mut self, number: u32) -> Option<u32> {
        let known = self.call_numbers.get_mut(number as usize)?;
        if known.is_none() {
            let ledger = &mut self.restorer.ledger;
            let mut call = self.calls.get(number as usize)?.clone();
            ledger.folds.meet(&call.needs, &mut ledger.texts);
            if let CallOutcome::Denied(DenialFacts { code, message: Some(message) }) = &call.outcome {
                ledger.folds.meet_message((&call.source, &call.name), code, message, &mut ledger.texts);
            }
            call.fold(&ledger.folds);
            *known = Some(ledger.calls.intern(call));
        }
        *known
    }

    fn observe(&mut self, delivery: &Delivery, time: Time) {
        let ledger = &mut self.restorer.ledger;
        let Some(call) = self.calls.get(delivery.call as usize) else { return };
        let by_call = self.call_places.get(delivery.call as usize).copied().flatten();
        let pair = (delivery.call, delivery.session);
        if let Some(place) = by_call.or_else(|| self.other_places.get(&pair).copied()) {
            ledger.observer.again(place, time);
            return;
        }
        let caller = self.sessions.get(delivery.session as usize);
        let account = call.recipient_account.as_deref();
        let sight = Sight {
            account: account.or_else(|| caller?.account.as_deref()),
            region: &call.region,
            source: &call.source,
            data_type: call.data_type.as_deref(),
            // Data events have a type, and other events are not in a ledger.
            is_management: call.data_type.is_none(),
            read_only: call.read_only,
            time,
        };
        let place = ledger.observer.look(&sight, &mut ledger.texts);
        match self.call_places.get_mut(delivery.call as usize).filter(|_| account.is_some()) {
            Some(known) => *known = Some(place),
            None => drop(self.other_places.insert(pair, place)),
        }
    }

    /// Takes in the issuances of events of which a delivery was taken in, or that lie shortly before what is left out.
    pub fn issuances(&mut self, rows: impl IntoIterator<Item = IssuedRow>) {
        for row in rows {
            let explains = self
                .restorer
                .from
                .is_some_and(|from| row.time < from && row.time.plus_seconds(LONGEST_SESSION) >= from);
            if (self.live.contains(&row.event) || explains)
                && let Some(caller) = self.session(row.caller)
            {
                let ledger = &mut self.restorer.ledger;
                ledger.issuances.put(&row, caller, &mut ledger.words);
            }
        }
    }
}
