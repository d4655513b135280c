//! From a merged ledger to what follows from it.

use std::cmp::Ordering;
use std::io;

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::alike::{Alike, Seen, alike};
use super::calls::Call;
use super::event_id::{EventKey, OddIds};
use super::fold::Folds;
use super::ledger::Ledger;
use super::log::{Entry, Log, OUTSIDE};
use super::memo::Memo;
use super::text::{Texts, Word, Words};
use super::{CallOutcome, EventCounts, IssuanceFacts, Others, Row, SessionGroup, SessionId, Usage};
use crate::catalog::Needs;
use crate::ident::Time;

/// Why a ledger cannot be summed up.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// What was written to the system's folder for temporary files does not come back.
    #[error(
        "the ledger's scratch file cannot be read back: {0}; set `TMPDIR` to a folder on a sound disk with room for 40 bytes an event"
    )]
    Scratch(#[from] io::Error),
}

/// Which sessions a summary keeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Keep {
    /// Sessions that attribution must answer alike are counted with a few that stand for them.
    Alike,
    /// Every one.
    All,
}

/// What the events of one row come to.
#[derive(Clone, Copy, Debug)]
struct Tally {
    calls: u64,
    first: u32,
    last: u32,
    sample: EventKey,
}

/// What a part of the log comes to; parts add up in any order.
#[derive(Default)]
struct Sums {
    distinct: u64,
    outside: u64,
    copies: u64,
    conflicting: u64,
    /// By session and place of the call.
    tallies: HashMap<(u32, u32), Tally>,
}

impl Ledger {
    /// The sums, sorted: equal for the same records, whatever the threads and the order of files.
    pub fn finish(self) -> Result<Usage, LedgerError> {
        self.finish_with(Keep::Alike)
    }

    /// [`Ledger::finish`], with every session kept if wanted: the same for everything that is worked out from it, and larger.
    pub fn finish_with(mut self, keep: Keep) -> Result<Usage, LedgerError> {
        let copies = self.copies();
        self.one_issuance_per_call();
        self.calls.fold(&self.folds);
        // From here on there is only ever less to be known.
        self.memo = Memo::default();
        self.folds = Folds::default();
        let observation = std::mem::take(&mut self.observer).finish();
        let is_used = self.used(&copies);
        let seen = Seen {
            sessions: &self.sessions,
            words: &self.words,
            issuances: &self.issuances,
            ids: &self.odd_ids,
            is_used: &is_used,
            observation: &observation,
            agents: &self.agents,
        };
        let Alike { stands, issuances } = match keep {
            Keep::Alike => alike(&seen),
            Keep::All => Alike {
                stands: (0..).take(is_used.len()).collect(),
                issuances: self.issuances.all.keys().map(|key| (*key, None)).collect(),
            },
        };
        let sums = self.sums(&copies, &stands)?;
        let counts = EventCounts {
            read: self.n_records() + self.n_malformed,
            duplicates: self.n_records() - sums.distinct,
            copies: sums.copies,
            malformed: self.n_malformed,
            outside_window: sums.outside,
            counted: sums.distinct - sums.outside - sums.copies,
            conflicting: sums.conflicting,
        };
        let mut texts = Texts::default();
        let counted: HashSet<u32> = sums.tallies.keys().map(|(session, _)| *session).collect();
        let (order, groups) = self.kept_sessions((&is_used, &counted), &stands, &mut texts);
        let issuances = self.kept_issuances(&issuances, &mut texts);
        let Self { calls, odd_ids, agents, sessions, words, issuances: all_issuances, .. } = self;
        drop((sessions, words, all_issuances, stands, is_used));
        let (calls, _) = calls.into_parts();
        let rows = rows(sums.tallies, &calls, &order, &odd_ids);
        let (sessions, groups) = groups.into_iter().unzip();
        Ok(Usage { sessions, groups, rows, issuances, counts, observation, agents })
    }

    /// The kept sessions sorted, and the new number of each.
    fn kept_sessions(
        &self,
        (is_used, counted): (&[bool], &HashSet<u32>),
        stands: &[u32],
        texts: &mut Texts,
    ) -> (HashMap<u32, SessionId>, Vec<(super::SessionFacts, SessionGroup)>) {
        let mut kept: Vec<(super::SessionFacts, u32)> = Vec::new();
        let mut members: HashMap<u32, Vec<u32>> = HashMap::new();
        for ((number, is_used), stand) in (0_u32..).zip(is_used).zip(stands) {
            if !is_used {
                continue;
            }
            if number != *stand {
                members.entry(*stand).or_default().push(number);
            } else if counted.contains(&number)
                && let Some(caller) = self.sessions.caller(number, &self.words)
            {
                kept.push((caller.to_facts(texts), number));
            }
        }
        kept.sort_unstable();
        let order = kept.iter().zip(0..).map(|((_, old), new)| (*old, SessionId(new))).collect();
        // Sessions are told apart by their keys. Records that tell less of a session, made by a service for it or without its
        // key, are of one of these if they tell the same beginning.
        let told = |number: u32| {
            let (session, form) = self.sessions.get(number)?;
            let begun = (form.principal(), session.name, session.creation);
            let key = (form.invoked_by() == Words::NONE).then_some(session.key);
            Some((key.filter(|key| *key != Words::NONE), begun))
        };
        let mut keys: HashSet<Word> = HashSet::new();
        let mut begun = HashSet::new();
        for (key, own) in kept.iter().filter_map(|(_, number)| told(*number)) {
            keys.extend(key);
            begun.insert(own);
        }
        let mut more = vec![0; kept.len()];
        for with_key in [true, false] {
            for ((_, number), more) in kept.iter().zip(&mut more) {
                let others = members.get(number).into_iter().flatten().filter_map(|other| told(*other));
                for (key, own) in others.filter(|(key, _)| key.is_some() == with_key) {
                    let is_new_begin = begun.insert(own);
                    *more += u64::from(key.map_or(is_new_begin, |key| keys.insert(key)));
                }
            }
        }
        let groups = kept.into_iter().zip(more).map(|((facts, number), others)| {
            let span = self.sessions.get(number).and_then(|(session, _)| session.span);
            let span = span.map(|(first, last)| (time(first), time(last)));
            (facts, SessionGroup { span, others })
        });
        (order, groups.collect())
    }

    fn kept_issuances(
        &self,
        kept: &HashMap<EventKey, Option<(u64, Time, EventKey)>>,
        texts: &mut Texts,
    ) -> Vec<IssuanceFacts> {
        let parts = (&self.sessions, &self.words, &self.odd_ids);
        let mut issuances: Vec<IssuanceFacts> = self
            .issuances
            .all
            .iter()
            .filter_map(|(key, issued)| {
                let others = kept.get(key)?.map(|(count, last, event)| Others {
                    count,
                    last,
                    event: self.odd_ids.text(event),
                });
                let facts = self.issuances.facts((*key, issued), parts, texts)?;
                Some(IssuanceFacts { others, ..facts })
            })
            .collect();
        issuances.sort_unstable();
        issuances
    }

    /// Which sessions made a call that counts, as far as can be told without looking at every event: one of a session that
    /// makes a shared call may be a copy.
    fn used(&self, copies: &HashSet<EventKey>) -> Vec<bool> {
        let mut used: Vec<bool> = self.sessions.iter().map(|session| session.has_own).collect();
        for (key, (_, entry)) in &self.shared {
            if entry.call != OUTSIDE
                && !copies.contains(key)
                && let Some(used) = used.get_mut(entry.session as usize)
            {
                *used = true;
            }
        }
        used
    }

    /// Adds up the log, part by part.
    fn sums(&self, copies: &HashSet<EventKey>, stands: &[u32]) -> Result<Sums, LedgerError> {
        let part = |part: usize| -> Result<Sums, LedgerError> {
            let mut sums = Sums::default();
            for deliveries in self.part(part)?.chunk_by(|a, b| a.key == b.key) {
                let Some(entry) = deliveries.first() else { continue };
                sums.distinct += 1;
                let mut contents =
                    deliveries.iter().filter(|entry| entry.origin.is_original()).map(Entry::content);
                let first = contents.next();
                sums.conflicting += u64::from(contents.any(|content| Some(content) != first));
                if entry.call == OUTSIDE {
                    sums.outside += 1;
                } else if copies.contains(&entry.key) {
                    sums.copies += 1;
                } else {
                    let stand = stands.get(entry.session as usize).copied().unwrap_or(entry.session);
                    let place = self.calls.place(entry.call);
                    let tally = Tally { calls: 1, first: entry.time, last: entry.time, sample: entry.key };
                    sums.add((stand, place), tally, &self.odd_ids);
                }
            }
            Ok(sums)
        };
        (0..Log::PARTS)
            .into_par_iter()
            .map(part)
            .try_reduce(Sums::default, |a, b| Ok(a.merge(b, &self.odd_ids)))
    }

    /// Events that are another account's copy of a call counted elsewhere: of the events that share a `sharedEventID`, the
    /// one that tells most about the caller stays (the smallest id among equals), and those delivered to other accounts
    /// than that one's go.
    fn copies(&self) -> HashSet<EventKey> {
        let mut copies = HashSet::new();
        let entry = |key: &EventKey| self.shared.get(key).map(|(_, entry)| entry);
        let account = |key: &EventKey| {
            let call = entry(key).and_then(|entry| self.calls.get(entry.call));
            call.map(|call| call.recipient_account.as_deref())
        };
        for members in self.groups(|key| entry(key).is_some_and(|entry| entry.call != OUTSIDE)) {
            let best = |key: &EventKey| entry(key).map_or(0, |entry| self.sessions.richness(entry.session));
            let Some(winner) = richest(&members, best) else { continue };
            let own = account(&winner);
            copies.extend(members.into_iter().filter(|key| account(key) != own));
        }
        copies
    }

    /// One issuance per call: the richest copy, filled with what only the others tell.
    fn one_issuance_per_call(&mut self) {
        for members in self.groups(|key| self.issuances.all.contains_key(key)) {
            let caller = |key: &EventKey| self.issuances.all.get(key).map(|issued| issued.caller);
            let best = |key: &EventKey| caller(key).map_or(0, |caller| self.sessions.richness(caller));
            let Some(winner) = richest(&members, best) else { continue };
            for key in members {
                // A copy is delivered to another account.
                if self.issuances.account_of(key) != self.issuances.account_of(winner) {
                    self.issuances.fill(winner, key, &mut self.words);
                    self.issuances.all.remove(&key);
                }
            }
        }
    }

    /// Events with a common `sharedEventID`, several each, in the order of their ids.
    fn groups(&self, is_member: impl Fn(&EventKey) -> bool) -> Vec<Vec<EventKey>> {
        let members = self.shared.iter().filter(|(key, _)| is_member(key));
        let mut pairs: Vec<(EventKey, EventKey)> = members.map(|(key, (group, _))| (*group, *key)).collect();
        pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.odd_ids.order(a.1, b.1)));
        pairs
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|members| members.len() > 1)
            .map(|members| members.iter().map(|(_, key)| *key).collect())
            .collect()
    }
}

impl Sums {
    fn add(&mut self, place: (u32, u32), more: Tally, ids: &OddIds) {
        let known = self.tallies.entry(place).or_insert(Tally { calls: 0, ..more });
        known.calls += more.calls;
        known.last = known.last.max(more.last);
        let order = more.first.cmp(&known.first).then_with(|| ids.order(more.sample, known.sample));
        if order == Ordering::Less {
            known.first = more.first;
            known.sample = more.sample;
        }
    }

    fn merge(self, other: Self, ids: &OddIds) -> Self {
        let (mut into, from) =
            if self.tallies.len() >= other.tallies.len() { (self, other) } else { (other, self) };
        into.distinct += from.distinct;
        into.outside += from.outside;
        into.copies += from.copies;
        into.conflicting += from.conflicting;
        for (place, tally) in from.tallies {
            into.add(place, tally, ids);
        }
        into
    }
}

/// The first of the best.
fn richest(members: &[EventKey], best: impl Fn(&EventKey) -> u32) -> Option<EventKey> {
    members.iter().rev().max_by_key(|key| best(key)).copied()
}

fn time(seconds: u32) -> Time {
    Time::from_unix(i64::from(seconds))
}

fn rows(
    tallies: HashMap<(u32, u32), Tally>,
    calls: &[Call],
    sessions: &HashMap<u32, SessionId>,
    ids: &OddIds,
) -> Vec<Row> {
    let tallies: Vec<_> = tallies.into_iter().collect();
    let row = |((session, place), tally): ((u32, u32), Tally)| {
        let call = calls.get(place as usize)?;
        Some(Row {
            session: *sessions.get(&session)?,
            source: call.source.clone(),
            name: call.name.clone(),
            region: call.region.clone(),
            recipient_account: call.recipient_account.clone(),
            data_type: call.data_type.clone(),
            read_only: call.read_only,
            outcome: call.outcome.clone(),
            needs: call.needs.clone(),
            vpc_endpoint: call.vpc_endpoint.clone(),
            calls: tally.calls,
            first: time(tally.first),
            last: time(tally.last),
            sample: ids.text(tally.sample),
        })
    };
    let mut rows: Vec<Row> = tallies.into_par_iter().filter_map(row).collect();
    rows.par_sort_unstable_by(row_order);
    rows
}

/// Total over everything that tells two rows of one ledger apart.
fn row_order(a: &Row, b: &Row) -> Ordering {
    type Head<'a> = (SessionId, &'a str, &'a str, &'a str);
    fn head(row: &Row) -> Head<'_> {
        (row.session, &row.source, &row.name, &row.region)
    }
    type Tail<'a> = (&'a Option<super::Text>, &'a Option<super::Text>, Option<bool>, &'a CallOutcome);
    fn tail(row: &Row) -> Tail<'_> {
        (&row.recipient_account, &row.data_type, row.read_only, &row.outcome)
    }
    let spelling = |needs: &Needs| -> Vec<String> {
        needs.needs.iter().map(|need| need.action.as_str().to_owned()).collect()
    };
    head(a)
        .cmp(&head(b))
        .then_with(|| tail(a).cmp(&tail(b)))
        .then_with(|| a.vpc_endpoint.cmp(&b.vpc_endpoint))
        .then_with(|| a.needs.cmp(&b.needs))
        .then_with(|| spelling(&a.needs).cmp(&spelling(&b.needs)))
}
