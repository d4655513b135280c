//! The ledger: what one worker writes down, and what several become when they merge.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry as MapEntry;
use std::collections::BTreeSet;

use rayon::prelude::*;

use super::calls::{CallView, Calls, OutcomeView};
use super::closed::{Closed, Shelf};
use super::event_id::{EventKey, OddIds};
use super::fold::{Caps, Folds};
use super::issuance::Issuing;
use super::issuances::Issuances;
use super::log::{Entry, Log, OUTSIDE, Origin, Slice, seconds};
use super::memo::{Known, KnownCaller, Memo};
use super::objects::ObjectCall;
use super::observe::Observer;
use super::session::{Caller, Sessions};
use super::text::{Fingerprint, Texts, Words, limited};
use super::{Agents, denial};
use crate::catalog::Needs;
use crate::ident::TimeRange;
use crate::record::{Category, Event, Outcome, RawObject, RawRecord};

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

/// How much of a record was met before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Again {
    /// Caller and call: the event is written down.
    All,
    /// The caller; what the call needed does not rest on more than is known of it.
    Caller(KnownCaller),
    /// Nothing.
    Nothing,
}

/// What one worker knows of the events it read.
///
/// Every delivery of an event is kept as one small entry of a log, with the numbers of its session and its call; counts,
/// times and samples are worked out from these entries at the end. So the result does not depend on how often and in which
/// order events were delivered, on the split over workers, or on the order of merges: [`Ledger::merge`] is associative and
/// commutative, and merging what was merged before changes nothing but the numbers of records read and of duplicates.
///
/// Memory grows with the number of distinct calls; resources that are too many for that are folded to prefix patterns (`fold.rs`).
/// Sessions are put aside when they are many (`closed.rs`), and the log lies in a scratch file in the system's folder for
/// temporary files (40 bytes a delivery) when it is long.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) scope: Scope,
    pub(super) texts: Texts,
    pub(super) words: Words,
    pub(super) sessions: Sessions,
    pub(super) calls: Calls,
    pub(super) folds: Folds,
    /// Sessions, words and issuances that are not at hand, in the order of their numbers.
    pub(super) closed: Vec<Closed>,
    pub(super) shelf: Shelf,
    /// By number of a session in logs: its number in the table, when it has another.
    pub(super) numbers: Option<Vec<u32>>,
    pub(super) log: Log,
    /// Logs of ledgers that were merged into this one.
    pub(super) others: Vec<Moved>,
    pub(super) odd_ids: OddIds,
    /// `sharedEventID` groups of events that carry one, with the delivery that counts.
    pub(super) shared: HashMap<EventKey, (EventKey, Entry)>,
    pub(super) issuances: Issuances,
    pub(super) observer: Observer,
    pub(super) agents: Agents,
    pub(super) n_malformed: u64,
    pub(super) memo: Memo,
    /// The object that is being read.
    object: u32,
    /// Room for what is to be hashed.
    bytes: Vec<u8>,
    /// Calls above which folding is worth a pass over all of them.
    fold_above: usize,
    /// The least that [`Self::fold_above`] may be.
    min_calls: usize,
}

/// Another ledger's log, and what its numbers are here.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub(super) log: Log,
    /// Its sessions are numbered from here on.
    pub(super) first_session: u32,
    /// By number of a call: its number here, when it has another.
    pub(super) calls: Option<Vec<u32>>,
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
            texts: Texts::default(),
            words: Words::default(),
            sessions: Sessions::default(),
            calls: Calls::default(),
            folds: Folds::new(caps),
            closed: Vec::new(),
            shelf: Shelf::new(caps.sessions),
            numbers: None,
            log: Log::default(),
            others: Vec::new(),
            odd_ids: OddIds::default(),
            shared: HashMap::new(),
            issuances: Issuances::default(),
            observer: Observer::default(),
            agents: Agents::default(),
            n_malformed: 0,
            memo: Memo::default(),
            object: 0,
            bytes: Vec::new(),
            fold_above: caps.rows,
            min_calls: caps.rows,
        }
    }

    /// Writes one event down; `needs` is asked what its call needed, unless the record's own refusal says it.
    ///
    /// Events of the categories network activity, Insight and aggregated repeat what other events say and are no use of a
    /// permission: they are ignored here, and callers count them apart.
    pub fn record(&mut self, event: &Event<'_>, needs: impl FnOnce(&Event<'_>) -> Needs) {
        self.write_down(event, None, None, needs);
    }

    /// [`Ledger::record`], and remembers how the record is written, for [`Ledger::again`].
    ///
    /// The event's identity is not looked at when [`Ledger::again`] told the caller; `needs` then sees the parts named below.
    ///
    /// What `needs` answers may rest on anything but the event's id, times, session name and access key; of the caller on no
    /// more than kind, account, partition and the service that calls for it, except for the source `iam.amazonaws.com`.
    pub fn record_raw(
        &mut self,
        event: &Event<'_>,
        raw: &RawRecord<'_>,
        caller: Option<KnownCaller>,
        needs: impl FnOnce(&Event<'_>) -> Needs,
    ) {
        self.write_down(event, Some(raw), caller, needs);
    }

    /// Writes one event down without parsing it, if neither addendum nor user agent say more, and its caller and its call were
    /// met before, written alike.
    pub fn again(&mut self, raw: &RawRecord<'_>) -> Again {
        if raw.has_addendum() || self.memo.agent_may_tell(raw) {
            return Again::Nothing;
        }
        let Some(caller) = self.memo.caller(raw) else { return Again::Nothing };
        if self.known_call(raw, caller).is_some() {
            return Again::All;
        }
        if raw.is_about_its_caller() { Again::Nothing } else { Again::Caller(caller) }
    }

    fn known_call(&mut self, raw: &RawRecord<'_>, caller: KnownCaller) -> Option<()> {
        let call_key = Memo::call_key(raw, caller);
        let known = self.memo.call(call_key);
        // Or met before on another object.
        let on_object = match known {
            Some(_) => None,
            None => {
                let (object, key) = self.memo.object(raw, caller)?;
                Some((self.memo.object_call(key)?, object))
            }
        };
        let (time, shared) = (self.memo.time(raw)?, raw.shared_id()?);
        // A GUID, as nearly always, is no other text.
        let key = match EventKey::guid(raw.id_text()) {
            Some(key) => key,
            None => self.odd_ids.key(limited(raw.id()?)),
        };
        if !self.scope.window.contains(time) {
            return None;
        }
        let shared = match shared {
            Some(shared) => {
                let (source, name) = raw.api()?;
                Some(EventKey::of_parts([shared, source, name]))
            }
            None => None,
        };
        let known = match on_object {
            Some((call, object)) => {
                let known = self.call_on(&call, &object);
                self.memo.put_call(call_key, known);
                known
            }
            None => known?,
        };
        let (_, session_print) = self.sessions.form_and_print(caller.session);
        let entry = Entry {
            key,
            fingerprint: content_print(session_print, known.print),
            time: seconds(time),
            session: caller.session,
            call: known.call,
            origin: Origin::new(self.object, true, shared.is_some()),
        };
        self.sessions.seen(entry.session, (entry.time, entry.time), shared.is_none());
        self.observer.again(known.place, time);
        self.append(entry, shared);
        Some(())
    }

    fn write_down(
        &mut self,
        event: &Event<'_>,
        raw: Option<&RawRecord<'_>>,
        caller: Option<KnownCaller>,
        needs: impl FnOnce(&Event<'_>) -> Needs,
    ) {
        if !matches!(event.category, Category::Management | Category::Data) {
            return;
        }
        // An addendum that corrects an event is that event, not a second one.
        let corrected = (event.addendum.get("reason").as_str() == Some("UPDATED_DATA"))
            .then(|| event.addendum.get("originalEventID").text())
            .flatten();
        let id = limited(corrected.unwrap_or(event.id));
        let key = self.odd_ids.key(id);
        let issuing = Issuing::read(event);
        if let Some(issuing) = &issuing {
            self.issuances.add(key, corrected.is_none(), issuing, &mut self.sessions, &mut self.words);
        }
        let mut entry = Entry {
            key,
            fingerprint: u64::MAX,
            time: seconds(event.time),
            session: 0,
            call: OUTSIDE,
            origin: Origin::new(self.object, corrected.is_none(), event.shared_id.is_some()),
        };
        if self.scope.contains(event) {
            // What is made for later is of use only where it was asked for.
            let object = raw.zip(caller).and_then(|(raw, caller)| self.memo.object(raw, caller));
            let (session, (known, on_object)) = match caller {
                Some(caller) => {
                    let object = object.as_ref().map(|(object, _)| object);
                    (caller.session, self.call_by(caller.session, event, object, needs))
                }
                None => {
                    let caller = Caller::of(&event.identity);
                    (self.sessions.intern(&caller, &mut self.words), self.call(event, None, needs))
                }
            };
            self.agents.see(event, id, &mut self.texts);
            self.sessions.seen(session, (entry.time, entry.time), event.shared_id.is_none());
            let (_, session_print) = self.sessions.form_and_print(session);
            entry.session = session;
            entry.call = known.call;
            entry.fingerprint = content_print(session_print, known.print);
            // An issuance is told anew by each event.
            if let Some(raw) = raw.filter(|raw| issuing.is_none() && !raw.has_addendum()) {
                let caller = caller.unwrap_or_else(|| self.memo.put_caller(raw, &event.identity, session));
                self.memo.put_call(Memo::call_key(raw, caller), known);
                if let Some(((_, key), call)) = object.zip(on_object) {
                    self.memo.put_object_call(key, call);
                }
            }
        }
        let group = event.shared_id.map(|shared| EventKey::of_parts([shared, event.source, event.name]));
        self.append(entry, group);
        self.fold_if_many();
        self.make_room();
    }

    pub(super) fn append(&mut self, entry: Entry, group: Option<EventKey>) {
        if let Some(group) = group {
            share(&mut self.shared, group, entry);
        }
        self.log.add(entry);
    }

    /// The events that follow lie in the object of this number (below 2^30): whoever keeps partial tables can take an object's
    /// deliveries back. Nothing else rests on it.
    pub fn begin_object(&mut self, number: u32) {
        self.object = number;
    }

    /// Counts a record that is no event.
    pub fn malformed(&mut self) {
        self.n_malformed += 1;
    }

    /// The call of an event by a known caller, of whom it says nothing itself.
    fn call_by(
        &mut self,
        session: u32,
        event: &Event<'_>,
        object: Option<&RawObject<'_>>,
        needs: impl FnOnce(&Event<'_>) -> Needs,
    ) -> (Known, Option<ObjectCall>) {
        let words = std::mem::take(&mut self.words);
        let caller = self.sessions.caller(session, &words);
        let identity = caller.map_or(event.identity, |caller| caller.relevant());
        let known = self.call(&Event { identity, ..*event }, object, needs);
        self.words = words;
        known
    }

    /// The call of an event in scope; if it is on an object, also what others are made from that are on another.
    fn call(
        &mut self,
        event: &Event<'_>,
        object: Option<&RawObject<'_>>,
        needs: impl FnOnce(&Event<'_>) -> Needs,
    ) -> (Known, Option<ObjectCall>) {
        let data_type = data_type(event);
        let place = self.observer.see(event, data_type, &mut self.texts);
        let print = self.print(event);
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
        let mut needs = refused.unwrap_or_else(|| needs(event));
        let met = object.map(|object| (object, needs.clone()));
        self.fold_needs(&mut needs);
        let call = CallView {
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
        let on_object = met.and_then(|(object, met)| {
            ObjectCall::of(call, met, (place, &self.bytes), object, &mut self.texts)
        });
        (Known { call: self.number(call), place, print }, on_object)
    }

    /// A call met before, now on this object.
    fn call_on(&mut self, call: &ObjectCall, object: &RawObject<'_>) -> Known {
        let print = call.print(object, &mut self.bytes);
        let mut needs = call.needs(object);
        self.fold_needs(&mut needs);
        let known = Known { call: self.number(call.view(&needs)), place: call.place, print };
        self.fold_if_many();
        known
    }

    /// The fingerprint of all that a call is made from besides its caller, however the record is written.
    fn print(&mut self, event: &Event<'_>) -> u64 {
        let Event { source, name, region, recipient_account, event_type, error_code, vpc_endpoint, .. } =
            event;
        let message = event.error_message.map(denial::kept);
        let into = &mut self.bytes;
        into.clear();
        into.extend_from_slice(&[event.category as u8, event.read_only.map_or(2, u8::from)]);
        let texts = [Some(*source), Some(*name), Some(*region), *recipient_account, *event_type];
        for text in texts.into_iter().chain([*error_code, message, *vpc_endpoint]) {
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            into.extend_from_slice(&length.to_le_bytes());
            into.extend_from_slice(text.unwrap_or_default().as_bytes());
        }
        for value in [event.request, event.response, event.resources] {
            value.write_to(into);
        }
        let mut print = Fingerprint::new();
        print.bytes(into);
        print.value()
    }

    /// Brings what a call needs into its present form: in a large bucket nearly every object is new, but its folded form is not.
    fn fold_needs(&mut self, needs: &mut Needs) {
        self.folds.meet(needs, &mut self.texts);
        self.folds.fold(needs);
    }

    /// The number of a call whose needs are folded.
    fn number(&mut self, call: CallView<'_>) -> u32 {
        let OutcomeView::Denied(code, Some(message)) = call.outcome else {
            return self.calls.number(&call, &mut self.texts);
        };
        let api = (call.source, call.name);
        self.folds.meet_message(api, code, message, &mut self.texts);
        let folded = self.folds.message(api, code, message);
        let message = folded.as_ref().map_or(Some(message), |folded| folded.as_deref());
        let call = CallView { outcome: OutcomeView::Denied(code, message), ..call };
        self.calls.number(&call, &mut self.texts)
    }

    fn fold_if_many(&mut self) {
        if self.calls.len() > self.fold_above {
            self.fold();
        }
    }

    /// Lets calls that folding made equal become one.
    pub(super) fn fold(&mut self) {
        if self.folds.take_fallen() {
            self.calls.fold(&self.folds);
            self.texts.prune();
            self.fold_above = self.calls.len().saturating_mul(2).max(self.min_calls);
        }
    }

    /// Nothing more is to be written down, as a rule.
    pub fn done(&mut self) {
        self.close();
        self.memo = Memo::default();
    }

    /// One ledger of two that were made for the same scope and caps.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let (mut into, mut from) =
            if self.log.len() >= other.log.len() { (self, other) } else { (other, self) };
        into.n_malformed += from.n_malformed;
        // Which sessions are the same is found out at the end, when all are there.
        into.done();
        from.done();
        into.odd_ids.merge(from.odd_ids);
        into.observer.merge(from.observer);
        into.agents.merge(from.agents);
        into.folds.merge(from.folds, &mut into.texts);
        let first_session = into.sessions.first();
        into.sessions = Sessions::starting_at(first_session.saturating_add(from.sessions.first()));
        into.closed.extend(from.closed.into_iter().map(|closed| closed.moved(first_session)));
        let (mut calls, places) = from.calls.into_parts();
        calls.par_iter_mut().for_each(|call| _ = call.fold(&into.folds));
        let moved: Vec<u32> = calls.into_iter().map(|call| into.calls.intern(call)).collect();
        let calls: Vec<u32> =
            places.iter().map(|place| moved.get(*place as usize).copied().unwrap_or(OUTSIDE)).collect();
        let number = |numbers: &[u32], old: u32| numbers.get(old as usize).copied().unwrap_or(OUTSIDE);
        for (group, entry) in from.shared.into_values() {
            let (session, call) = (entry.session.saturating_add(first_session), number(&calls, entry.call));
            share(&mut into.shared, group, Entry { session, call, ..entry });
        }
        for other in from.others {
            into.others.push(Moved {
                log: other.log,
                first_session: other.first_session.saturating_add(first_session),
                calls: Some(match other.calls {
                    Some(theirs) => theirs.iter().map(|old| number(&calls, *old)).collect(),
                    None => calls.clone(),
                }),
            });
        }
        into.others.push(Moved { log: from.log, first_session, calls: Some(calls) });
        into.fold_if_many();
        into
    }

    /// Number of entries of one part.
    pub(super) fn part_len(&self, part: usize) -> usize {
        let others = self.others.iter().map(|other| other.log.part_len(part));
        self.log.part_len(part) + others.sum::<usize>()
    }

    /// The entries of a slice of one part, sorted, in place of what `entries` held: the deliveries of an event lie side by side, the one
    /// that counts first.
    pub(super) fn slice(&self, part: usize, slice: Slice, entries: &mut Vec<Entry>) -> std::io::Result<()> {
        entries.clear();
        self.log.read(part, slice, entries)?;
        for other in &self.others {
            let start = entries.len();
            other.log.read(part, slice, entries)?;
            for entry in entries.iter_mut().skip(start) {
                entry.session = entry.session.saturating_add(other.first_session);
                if let Some(calls) = &other.calls {
                    entry.call = calls.get(entry.call as usize).copied().unwrap_or(OUTSIDE);
                }
            }
        }
        if let Some(numbers) = &self.numbers {
            for entry in entries.iter_mut() {
                entry.session = numbers.get(entry.session as usize).copied().unwrap_or_default();
            }
        }
        entries.sort_unstable_by(Entry::order);
        Ok(())
    }

    /// Number of deliveries written down.
    pub(super) fn n_records(&self) -> u64 {
        self.log.len() + self.others.iter().map(|other| other.log.len()).sum::<u64>()
    }
}

/// The fingerprint of a whole content.
fn content_print(session: u64, call: u64) -> u64 {
    let mut print = Fingerprint::new();
    print.number(session);
    print.number(call);
    print.value()
}

/// Keeps the delivery of a shared event that counts; of several groups told for one event, the smallest.
fn share(shared: &mut HashMap<EventKey, (EventKey, Entry)>, group: EventKey, entry: Entry) {
    match shared.entry(entry.key) {
        MapEntry::Vacant(place) => drop(place.insert((group, entry))),
        MapEntry::Occupied(mut known) => {
            let (known_group, known_entry) = known.get_mut();
            *known_group = group.min(*known_group);
            if entry.order(known_entry).is_lt() {
                *known_entry = entry;
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
