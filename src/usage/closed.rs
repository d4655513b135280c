//! What is put aside while a ledger is filled: sessions, their texts and how they began. Sessions are of an hour or a day, so those of
//! last week are not looked at again before everything is summed up. They lie in a scratch file meanwhile, so that what a run
//! takes in memory follows the sessions of one time, not those of all time.
//!
//! A session that goes on is met anew and gets one more number; [`Ledger::open`] makes one of all numbers of a session.

use std::io;

use hashbrown::HashSet;

use super::issuances::{self, Issuances};
use super::ledger::{Ledger, Moved};
use super::scratch::Scratch;
use super::session::{self, Sessions};
use super::text::Words;

/// Bytes below which writing to a file is not worth it.
const FEW: usize = 1 << 16;

/// Sessions, words and issuances that were put aside.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    /// The number of the first session.
    first: u32,
    /// So much higher than it was when they were written down.
    moved: u32,
    n_sessions: usize,
    forms: Vec<session::Form>,
    issued: Vec<issuances::Form>,
    lies: Lies,
}

/// Where bytes lie.
#[derive(Clone, Debug)]
enum Lies {
    /// In a file, from a place on, so many.
    Written(Scratch, u64, usize),
    Held(Vec<u8>),
}

/// The scratch file, and when to write to it.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    file: Scratch,
    /// Sessions, or issuances, that are too many to be kept at hand.
    many: usize,
    /// Sessions that were put aside last, by their fingerprints.
    last: HashSet<u64>,
}

impl Shelf {
    pub(super) fn new(many: usize) -> Self {
        Self { file: Scratch::default(), many, last: HashSet::new() }
    }

    fn put(&mut self, bytes: Vec<u8>) -> Lies {
        if bytes.len() < FEW {
            return Lies::Held(bytes);
        }
        match self.file.append(&bytes) {
            Ok(place) => Lies::Written(self.file.clone(), place, bytes.len()),
            // A full disk is no reason to lose a record: what cannot be written stays in memory.
            Err(_) => Lies::Held(bytes),
        }
    }

    /// Sessions that were put aside and come back must not be written again and again: so many more are kept at hand that most of
    /// those put aside are over.
    fn settle(&mut self, sessions: &Sessions) {
        let now: HashSet<u64> = sessions.prints().collect();
        if now.intersection(&self.last).count() * 4 > now.len() {
            self.many = self.many.saturating_mul(2);
        }
        self.last = now;
    }
}

impl Closed {
    fn new(sessions: Sessions, words: &Words, issuances: Issuances, shelf: &mut Shelf) -> Self {
        let (first, n_sessions) = (sessions.first(), sessions.len());
        let size = words.size() + sessions.size() + issuances.size();
        let mut bytes = Vec::with_capacity(size);
        words.write(&mut bytes);
        let mut forms = sessions.write(&mut bytes);
        let mut issued = issuances.write(&mut bytes);
        forms.shrink_to_fit();
        issued.shrink_to_fit();
        Self { first, moved: 0, n_sessions, forms, issued, lies: shelf.put(bytes) }
    }

    /// Moved behind `by` sessions of another ledger.
    pub(super) fn moved(self, by: u32) -> Self {
        Self { first: self.first.saturating_add(by), moved: self.moved.saturating_add(by), ..self }
    }

    fn read(self) -> io::Result<(Sessions, Words, Issuances)> {
        let bytes = match self.lies {
            Lies::Held(bytes) => bytes,
            Lies::Written(file, place, n) => {
                let mut bytes = vec![0; n];
                file.read(place, &mut bytes)?;
                bytes
            }
        };
        let mut from = Bytes(&bytes);
        let read = |from: &mut Bytes<'_>| {
            let words = Words::read(from)?;
            let sessions = Sessions::read(self.first, self.n_sessions, self.forms, from)?;
            Some((sessions, words, Issuances::read(self.issued, self.moved, from)?))
        };
        read(&mut from).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }
}

impl Ledger {
    /// Puts sessions aside if they are many.
    pub(super) fn make_room(&mut self) {
        if self.sessions.len().max(self.issuances.all.len()) >= self.shelf.many {
            self.shelf.settle(&self.sessions);
            self.close();
        }
    }

    /// Puts all sessions aside.
    pub(super) fn close(&mut self) {
        let next = self.sessions.next();
        if self.sessions.len() == 0 && self.issuances.all.len() == 0 {
            return;
        }
        let sessions = std::mem::replace(&mut self.sessions, Sessions::starting_at(next));
        let words = std::mem::take(&mut self.words);
        let issuances = std::mem::take(&mut self.issuances);
        self.closed.push(Closed::new(sessions, &words, issuances, &mut self.shelf));
        self.memo.forget_callers();
    }

    /// Brings everything back that was put aside, each session with one number.
    pub(super) fn open(&mut self) -> io::Result<()> {
        if self.closed.is_empty() {
            return Ok(());
        }
        self.close();
        self.sessions = Sessions::default();
        let mut numbers: Vec<u32> =
            Vec::with_capacity(self.closed.iter().map(|closed| closed.n_sessions).sum());
        for closed in std::mem::take(&mut self.closed) {
            let (sessions, words, issuances) = closed.read()?;
            let first = sessions.first();
            debug_assert_eq!(first as usize, numbers.len(), "sessions are numbered one after the other");
            for (session, number) in sessions.iter().zip(first..) {
                let caller = sessions.caller(number, &words);
                let new = caller.map_or(0, |caller| self.sessions.intern(&caller, &mut self.words));
                if let Some(span) = session.span() {
                    self.sessions.seen(new, span, session.has_own);
                }
                numbers.push(new);
            }
            let words: Vec<u32> = words.iter().map(|word| self.words.intern(word)).collect();
            self.issuances.merge(issuances, &words, &numbers);
        }
        // All are back, and no caller is met any more.
        self.sessions.no_more();
        self.words.shrink();
        self.issuances.all.shrink();
        for (_, entry) in self.shared.values_mut() {
            entry.session = numbers.get(entry.session as usize).copied().unwrap_or_default();
        }
        let log = std::mem::take(&mut self.log);
        self.others.push(Moved { log, first_session: 0, calls: None });
        self.numbers = Some(numbers);
        Ok(())
    }
}

/// Numbers and texts that were written down one after the other.
#[derive(Debug)]
pub(super) struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    pub(super) fn take(&mut self, n: usize) -> Option<&'b [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn short(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*word))
    }

    pub(super) fn long(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    /// Back from [`write_number`].
    pub(super) fn number(&mut self) -> Option<usize> {
        usize::try_from(self.long()?).ok()
    }
}

/// How many of something follow.
pub(super) fn write_number(into: &mut Vec<u8>, number: usize) {
    into.extend_from_slice(&(number as u64).to_le_bytes());
}
