//! From a merged ledger to what follows from it.

use std::cmp::Ordering;

use hashbrown::{HashMap, HashSet};

use super::event_id::EventKey;
use super::issuance;
use super::ledger::{Entry, Ledger, OUTSIDE};
use super::rows::{Content, Rows};
use super::session::richness;
use super::{CallOutcome, EventCounts, IssuanceFacts, Row, SessionFacts, SessionId, Usage};
use crate::catalog::Needs;
use crate::ident::Time;

/// What the events of one row come to.
#[derive(Clone, Copy)]
struct Tally {
    calls: u64,
    first: u32,
    last: u32,
    sample: EventKey,
}

impl Ledger {
    /// The sums, sorted: equal for the same records, whatever the threads and the order of files.
    pub fn finish(mut self) -> Usage {
        let corrections: Vec<Entry> = self.corrections.values().copied().collect();
        for entry in corrections {
            self.events.replace(entry);
        }
        let copies = self.copies();
        let (contents, moved) = self.final_rows();
        let mut tallies: Vec<Option<Tally>> = vec![None; contents.len()];
        let mut counts = EventCounts { malformed: self.n_malformed, ..EventCounts::default() };
        counts.conflicting = self.conflicts.len() as u64;
        counts.read = self.n_records + self.n_malformed;
        counts.duplicates = self.n_records - self.events.len() as u64;
        for entry in self.events.iter() {
            if entry.row == OUTSIDE {
                counts.outside_window += 1;
            } else if copies.contains(&entry.key) {
                counts.copies += 1;
            } else {
                counts.counted += 1;
                let row = moved.get(entry.row as usize).copied().unwrap_or(OUTSIDE);
                if let Some(slot) = tallies.get_mut(row as usize) {
                    self.tally(slot, entry);
                }
            }
        }
        let (sessions, numbers) = sorted_sessions(self.sessions.facts(), &contents, &tallies);
        let mut rows: Vec<Row> = contents
            .into_iter()
            .zip(tallies)
            .filter_map(|(content, tally)| {
                let session = *numbers.get(&content.session)?;
                Some(self.row_of(content, tally?, session))
            })
            .collect();
        rows.sort_unstable_by(row_order);
        let issuances = self.final_issuances();
        Usage { sessions, rows, issuances, counts, observation: self.observer.finish(), agents: self.agents }
    }

    fn tally(&self, slot: &mut Option<Tally>, entry: &Entry) {
        let Some(tally) = slot else {
            *slot = Some(Tally { calls: 1, first: entry.time, last: entry.time, sample: entry.key });
            return;
        };
        tally.calls += 1;
        tally.last = tally.last.max(entry.time);
        let earlier = match entry.time.cmp(&tally.first) {
            Ordering::Equal => self.odd_ids.order(entry.key, tally.sample) == Ordering::Less,
            order => order == Ordering::Less,
        };
        if earlier {
            tally.first = entry.time;
            tally.sample = entry.key;
        }
    }

    fn row_of(&self, content: Content, tally: Tally, session: SessionId) -> Row {
        Row {
            session,
            source: content.source,
            name: content.name,
            region: content.region,
            recipient_account: content.recipient_account,
            data_type: content.data_type,
            read_only: content.read_only,
            outcome: content.outcome,
            needs: content.needs,
            vpc_endpoint: content.vpc_endpoint,
            calls: tally.calls,
            first: Time::from_unix(i64::from(tally.first)),
            last: Time::from_unix(i64::from(tally.last)),
            sample: self.odd_ids.text(tally.sample),
        }
    }

    /// The contents in their final form, and where each row went.
    fn final_rows(&mut self) -> (Vec<Content>, Vec<u32>) {
        let mut rows = Rows::default();
        let moved = std::mem::take(&mut self.rows)
            .into_contents()
            .into_iter()
            .map(|mut content| {
                content.fold(&self.folds);
                // From here on only the look counts.
                content.exact = None;
                rows.intern(content)
            })
            .collect();
        (rows.into_contents(), moved)
    }

    /// Events that are another account's copy of a call counted elsewhere: of the events that share a `sharedEventID`, the
    /// one that tells most about the caller stays (the smallest id among equals), and those delivered to other accounts
    /// than that one's go.
    fn copies(&self) -> HashSet<EventKey> {
        let mut copies = HashSet::new();
        let contents = self.rows.contents();
        let sessions = self.sessions.facts();
        for members in self.groups(|key| self.events.get(*key).is_some_and(|entry| entry.row != OUTSIDE)) {
            let of = |key: &EventKey| {
                let content = contents.get(self.events.get(*key)?.row as usize)?;
                Some((sessions.get(content.session as usize)?, &content.recipient_account))
            };
            let best = |key: &EventKey| of(key).map_or(0, |(facts, _)| richness(facts));
            let Some(winner) = self.richest(&members, best) else { continue };
            let own = of(&winner).map(|(_, account)| account);
            copies.extend(members.into_iter().filter(|key| of(key).map(|(_, account)| account) != own));
        }
        copies
    }

    /// One issuance per call: the richest copy, filled with what only the others tell.
    fn final_issuances(&mut self) -> Vec<IssuanceFacts> {
        for members in self.groups(|key| self.issuances.contains_key(key)) {
            let best =
                |key: &EventKey| self.issuances.get(key).map_or(0, |(_, facts)| richness(&facts.caller));
            let Some(winner) = self.richest(&members, best) else { continue };
            let Some((rank, mut own)) = self.issuances.remove(&winner) else { continue };
            for key in members {
                let Some((_, copy)) = self.issuances.get(&key) else { continue };
                if copy.recipient_account != own.recipient_account {
                    issuance::fill(&mut own, copy);
                    self.issuances.remove(&key);
                }
            }
            self.issuances.insert(winner, (rank, own));
        }
        let mut issuances: Vec<IssuanceFacts> = self.issuances.drain().map(|(_, (_, facts))| facts).collect();
        issuances.sort_unstable();
        issuances
    }

    /// Events with a common `sharedEventID`, several each, in the order of their ids.
    fn groups(&self, is_member: impl Fn(&EventKey) -> bool) -> Vec<Vec<EventKey>> {
        let mut pairs: Vec<(EventKey, EventKey)> =
            self.shared.iter().filter(|(key, _)| is_member(key)).map(|(key, group)| (*group, *key)).collect();
        pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.odd_ids.order(a.1, b.1)));
        pairs
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|members| members.len() > 1)
            .map(|members| members.iter().map(|(_, key)| *key).collect())
            .collect()
    }

    /// The first of the best.
    fn richest(&self, members: &[EventKey], best: impl Fn(&EventKey) -> u32) -> Option<EventKey> {
        members.iter().rev().max_by_key(|key| best(key)).copied()
    }
}

/// The sessions of rows that count, sorted, and the new number of each.
fn sorted_sessions(
    facts: &[SessionFacts],
    contents: &[Content],
    tallies: &[Option<Tally>],
) -> (Vec<SessionFacts>, HashMap<u32, SessionId>) {
    let used: HashSet<u32> =
        contents.iter().zip(tallies).filter(|(_, tally)| tally.is_some()).map(|(c, _)| c.session).collect();
    let mut sorted: Vec<(&SessionFacts, u32)> =
        used.into_iter().filter_map(|old| Some((facts.get(old as usize)?, old))).collect();
    sorted.sort_unstable();
    let numbers = sorted.iter().zip(0..).map(|((_, old), new)| (*old, SessionId(new))).collect();
    (sorted.into_iter().map(|(facts, _)| facts.clone()).collect(), numbers)
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
