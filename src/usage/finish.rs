//! From a merged ledger to what follows from it.

use std::io;

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::alike::{Alike, Seen, alike};
use super::event_id::EventKey;
use super::issuances::Issuances;
use super::ledger::Ledger;
use super::log::{Entry, Log, OUTSIDE, Slice, time};
use super::memo::Memo;
use super::partial::inverse;
use super::rows::{Adding, GONE, Rows, Tally, keep_numbered, renumbered};
use super::text::{Texts, Word, Words};
use super::{EventCounts, IssuanceFacts, Others, SessionFacts, SessionGroup, Usage};
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

/// What the log comes to.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    distinct: u64,
    outside: u64,
    copies: u64,
    conflicting: u64,
}

/// What the log is added up by.
struct Adder<'l> {
    copies: &'l HashSet<EventKey>,
    /// By session: where the one that its calls are counted with stands among the kept.
    sessions: Vec<u32>,
    /// By place of a call: where it stands among all, sorted.
    calls: Vec<u32>,
    rows: Adding<'l>,
}

impl Ledger {
    /// The sums, sorted: equal for the same records, whatever the threads and the order of files.
    pub fn finish(self) -> Result<Usage, LedgerError> {
        self.finish_with(Keep::Alike)
    }

    /// [`Ledger::finish`], with every session kept if wanted: the same for everything that is worked out from it, and larger.
    pub fn finish_with(mut self, keep: Keep) -> Result<Usage, LedgerError> {
        // From here on there is only ever less to be known.
        self.memo = Memo::default();
        let (mut calls, folds) = (std::mem::take(&mut self.calls), std::mem::take(&mut self.folds));
        let fold = || {
            calls.fold(&folds);
            drop(folds);
        };
        let (opened, ()) = rayon::join(|| self.open(), fold);
        opened?;
        self.calls = calls;
        // What is folded needs no text of before.
        self.texts = Texts::default();
        let copies = self.copies();
        self.one_issuance_per_call();
        self.words.no_more();
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
        let stand = || match keep {
            Keep::Alike => alike(&seen),
            Keep::All => Alike {
                stands: (0..).take(is_used.len()).collect(),
                issuances: self.issuances.all.iter().map(|(key, _)| (*key, None)).collect(),
            },
        };
        let (Alike { stands, issuances }, order) = rayon::join(stand, || self.calls.order());
        let mut texts = Texts::default();
        let mut kept = self.kept_sessions(&is_used, &stands, &mut texts);
        let mut places = vec![GONE; stands.len()];
        for ((_, number), place) in kept.iter().zip(0..) {
            if let Some(known) = places.get_mut(*number as usize) {
                *known = place;
            }
        }
        let place = |number: &u32| places.get(*number as usize).copied().unwrap_or(GONE);
        let adder = Adder {
            copies: &copies,
            sessions: stands.iter().map(place).collect(),
            calls: inverse(&order),
            rows: Adding::new(u32::try_from(kept.len()).unwrap_or(u32::MAX), &self.odd_ids),
        };
        drop(places);
        let issuances = self.kept_issuances(&issuances, &mut texts);
        // These are most of what goes on growing, and the log needs room.
        self.issuances = Issuances::default();
        self.words = Words::default();
        let sums = self.sums(&adder)?;
        let mut rows = adder.rows.into_parts();
        let counts = EventCounts {
            read: self.n_records() + self.n_malformed,
            duplicates: self.n_records() - sums.distinct,
            copies: sums.copies,
            malformed: self.n_malformed,
            outside_window: sums.outside,
            counted: sums.distinct - sums.outside - sums.copies,
            conflicting: sums.conflicting,
        };
        number_anew(&mut kept, &mut rows);
        let groups = self.groups_of(&kept, (&is_used, &stands));
        let Self { calls, odd_ids, agents, sessions, .. } = self;
        drop((sessions, stands, is_used));
        let rows = Rows::new(calls.sorted(&order), rows, odd_ids);
        let sessions = kept.into_iter().map(|(facts, _)| facts).collect();
        Ok(Usage { sessions, groups, rows, issuances, counts, observation, agents })
    }

    /// The kept sessions with their numbers, sorted.
    fn kept_sessions(&self, is_used: &[bool], stands: &[u32], texts: &mut Texts) -> Vec<(SessionFacts, u32)> {
        let own = (0_u32..).zip(is_used).zip(stands).filter(|((number, is_used), stand)| {
            // What stands for another stands for itself.
            **is_used && number == *stand
        });
        let facts = |number: u32| Some((self.sessions.caller(number, &self.words)?.to_facts(texts), number));
        let mut kept: Vec<_> = own.map(|((number, _), _)| number).filter_map(facts).collect();
        kept.sort_unstable();
        kept
    }

    /// What each of the kept sessions stands for.
    fn groups_of(
        &self,
        kept: &[(SessionFacts, u32)],
        (is_used, stands): (&[bool], &[u32]),
    ) -> Vec<SessionGroup> {
        let mut members: HashMap<u32, Vec<u32>> = HashMap::new();
        for ((number, is_used), stand) in (0_u32..).zip(is_used).zip(stands) {
            if *is_used && number != *stand {
                members.entry(*stand).or_default().push(number);
            }
        }
        // Sessions are told apart by their keys. Records that tell less of a session, made by a service for it or without its
        // key, are of one of these if they tell the same beginning.
        let told = |number: u32| {
            let (session, form) = self.sessions.get(number)?;
            let begun = (form.principal(), session.name, session.creation());
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
        let groups = kept.iter().zip(more).map(|((_, number), others)| {
            let span = self.sessions.get(*number).and_then(|(session, _)| session.span());
            let span = span.map(|(first, last)| (time(first), time(last)));
            SessionGroup { span, others }
        });
        groups.collect()
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
    fn sums(&self, adder: &Adder<'_>) -> Result<Sums, LedgerError> {
        let part = |entries: &mut Vec<Entry>, part: usize| -> Result<Sums, LedgerError> {
            let mut sums = Sums::default();
            for slice in Slice::all(self.part_len(part)) {
                self.slice(part, slice, entries)?;
                sums = sums.and(self.sum(entries, adder));
            }
            Ok(sums)
        };
        // Each worker uses its room again and again.
        let parts = (0..Log::PARTS).into_par_iter().map_init(Vec::new, part);
        parts.try_reduce(Sums::default, |a, b| Ok(a.and(b)))
    }

    /// Adds up deliveries, sorted.
    fn sum(&self, entries: &[Entry], adder: &Adder<'_>) -> Sums {
        let mut sums = Sums::default();
        for deliveries in entries.chunk_by(|a, b| a.key == b.key) {
            let Some(entry) = deliveries.first() else { continue };
            sums.distinct += 1;
            let mut contents =
                deliveries.iter().filter(|entry| entry.origin.is_original()).map(Entry::content);
            let first = contents.next();
            sums.conflicting += u64::from(contents.any(|content| Some(content) != first));
            if entry.call == OUTSIDE {
                sums.outside += 1;
            } else if adder.copies.contains(&entry.key) {
                sums.copies += 1;
            } else {
                adder.add(entry, self.calls.place(entry.call));
            }
        }
        sums
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
        let mut gone = HashSet::new();
        for members in self.groups(|key| self.issuances.all.get(key).is_some()) {
            let caller = |key: &EventKey| self.issuances.all.get(key).map(|issued| issued.caller);
            let best = |key: &EventKey| caller(key).map_or(0, |caller| self.sessions.richness(caller));
            let Some(winner) = richest(&members, best) else { continue };
            for key in members {
                // A copy is delivered to another account.
                if self.issuances.account_of(key) != self.issuances.account_of(winner) {
                    self.issuances.fill(winner, key, &mut self.words);
                    gone.insert(key);
                }
            }
        }
        if !gone.is_empty() {
            self.issuances.all.retain(|key| !gone.contains(key));
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
    fn and(self, other: Self) -> Self {
        Self {
            distinct: self.distinct + other.distinct,
            outside: self.outside + other.outside,
            copies: self.copies + other.copies,
            conflicting: self.conflicting + other.conflicting,
        }
    }
}

impl Adder<'_> {
    fn add(&self, entry: &Entry, place: u32) {
        let number = |numbers: &[u32], of: u32| numbers.get(of as usize).copied();
        if let Some(session) = number(&self.sessions, entry.session).filter(|session| *session != GONE)
            && let Some(call) = number(&self.calls, place)
        {
            let (first, last, sample) = (entry.time, entry.time, entry.key);
            self.rows.add(Tally { session, call, calls: 1, first, last, sample });
        }
    }
}

/// The first of the best.
fn richest(members: &[EventKey], best: impl Fn(&EventKey) -> u32) -> Option<EventKey> {
    members.iter().rev().max_by_key(|key| best(key)).copied()
}

/// Lets the sessions go of which no call counts, and numbers the others by their places.
fn number_anew(kept: &mut Vec<(SessionFacts, u32)>, rows: &mut [Vec<Tally>]) {
    let numbers = renumbered(kept.len(), rows.iter().flatten().map(|tally| tally.session));
    for tally in rows.iter_mut().flatten() {
        tally.session = numbers.get(tally.session as usize).copied().unwrap_or(GONE);
    }
    keep_numbered(kept, &numbers);
}
