//! The log of events: one small entry for each delivery, sorted into parts by event, and written to a scratch file when there
//! are many. So deduplication over the whole run is exact and takes no memory that grows with the input.

use std::cmp::Ordering;
use std::io;

use super::event_id::EventKey;
use super::scratch::Scratch;
use crate::ident::Time;

/// One delivery of an event. Ordered so that of several contents of one event the same one comes first everywhere: a
/// correction before what it corrects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: EventKey,
    /// Of the record's content before folding.
    pub(super) fingerprint: u64,
    /// Seconds since the epoch, as far as 32 bits reach (1970 to 2106).
    pub(super) time: u32,
    /// In the ledger's table of sessions.
    pub(super) session: u32,
    /// In the ledger's table of calls; [`OUTSIDE`] for an event outside the scope.
    pub(super) call: u32,
    pub(super) origin: Origin,
}

/// Where a delivery lay and how it came, in one word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Origin(u32);

impl Origin {
    const ORIGINAL: u32 = 1;
    const SHARED: u32 = 2;
    /// Objects of one run are numbered below this.
    pub(super) const MOST_OBJECTS: u32 = u32::MAX >> 2;

    /// `is_original`: it is not an addendum that corrects the event. `is_shared`: it carried a `sharedEventID`.
    pub(super) fn new(object: u32, is_original: bool, is_shared: bool) -> Self {
        let original = if is_original { Self::ORIGINAL } else { 0 };
        let shared = if is_shared { Self::SHARED } else { 0 };
        Self((object.min(Self::MOST_OBJECTS) << 2) | original | shared)
    }

    /// The number of the object, as the ledger was told.
    pub(super) fn object(self) -> u32 {
        self.0 >> 2
    }

    pub(super) fn is_original(self) -> bool {
        self.0 & Self::ORIGINAL != 0
    }

    pub(super) fn is_shared(self) -> bool {
        self.0 & Self::SHARED != 0
    }
}

/// The call of an event outside the scope.
pub(super) const OUTSIDE: u32 = u32::MAX;

/// Seconds since the epoch as entries have them.
pub(super) fn seconds(time: Time) -> u32 {
    u32::try_from(time.unix().max(0)).unwrap_or(u32::MAX)
}

/// Back from [`seconds`].
pub(super) fn time(seconds: u32) -> Time {
    Time::from_unix(i64::from(seconds))
}

/// Bytes of an entry as written.
const WIDTH: usize = 40;
/// Parts an event's key decides between: what is looked at together at the end is so much less than everything.
const PARTS: usize = 64;
/// Entries held back until they are written: 160 KB.
const HELD: usize = 1 << 12;
/// Entries that are looked at together at the end: 1.3 MB. Where a part has more it is taken in slices,
const TOGETHER: usize = 1 << 15;
/// but not in more than so many, because all of the part is read for each.
const MOST_SLICES: usize = 8;

impl Entry {
    /// What tells two deliveries apart. Numbers of sessions and calls do not: they belong to one ledger.
    pub(super) fn content(&self) -> (u64, u32) {
        (self.fingerprint, self.time)
    }

    pub(super) fn order(&self, other: &Self) -> Ordering {
        (self.key, self.origin.is_original(), self.content()).cmp(&(
            other.key,
            other.origin.is_original(),
            other.content(),
        ))
    }

    fn write(&self, into: &mut Vec<u8>) {
        let (a, b) = self.key.halves();
        for word in [a, b, self.fingerprint] {
            into.extend_from_slice(&word.to_le_bytes());
        }
        for word in [self.time, self.session, self.call, self.origin.0] {
            into.extend_from_slice(&word.to_le_bytes());
        }
    }

    fn read(bytes: &[u8; WIDTH]) -> Self {
        let (words, rest) = bytes.as_chunks::<8>();
        let long = |at: usize| words.get(at).map_or(0, |word| u64::from_le_bytes(*word));
        let (halves, _) = bytes.as_chunks::<4>();
        let short = |at: usize| halves.get(at).map_or(0, |word| u32::from_le_bytes(*word));
        debug_assert!(rest.is_empty(), "an entry is whole words");
        Self {
            key: EventKey::of_halves(long(0), long(1)),
            fingerprint: long(2),
            time: short(6),
            session: short(7),
            call: short(8),
            origin: Origin(short(9)),
        }
    }

    fn mixed(&self) -> usize {
        let (a, b) = self.key.halves();
        let mixed = (a ^ b.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        usize::try_from(mixed >> 32).unwrap_or_default()
    }

    fn part(&self) -> usize {
        self.mixed() % PARTS
    }
}

/// A share of a part's events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice {
    number: usize,
    of: usize,
}

impl Slice {
    /// All of it.
    pub(super) const WHOLE: Self = Self { number: 0, of: 1 };

    /// The slices in which a part of so many entries is best looked at.
    pub(super) fn all(n: usize) -> impl Iterator<Item = Self> {
        let of = (n / TOGETHER + 1).min(MOST_SLICES);
        (0..of).map(move |number| Self { number, of })
    }

    fn has(self, entry: &Entry) -> bool {
        entry.mixed() / PARTS % self.of == self.number
    }
}

/// Entries of one ledger, by part.
#[derive(Clone, Debug)]
pub(super) struct Log {
    held: Vec<Vec<Entry>>,
    n_held: usize,
    written: Vec<Batch>,
    file: Scratch,
    /// The scratch file could not be made or written; everything is held.
    is_refused: bool,
    n: u64,
}

/// What was written together, one part behind the other.
#[derive(Clone, Debug)]
struct Batch {
    /// In the file.
    place: u64,
    /// Entries, by part; there are no more than [`HELD`] together.
    lengths: [u16; PARTS],
}

impl Default for Log {
    fn default() -> Self {
        Self {
            held: vec![Vec::new(); PARTS],
            n_held: 0,
            written: Vec::new(),
            file: Scratch::default(),
            is_refused: false,
            n: 0,
        }
    }
}

impl Log {
    pub(super) const PARTS: usize = PARTS;

    pub(super) fn add(&mut self, entry: Entry) {
        if let Some(part) = self.held.get_mut(entry.part()) {
            part.push(entry);
        }
        self.n += 1;
        self.n_held += 1;
        if self.n_held >= HELD && !self.is_refused {
            // A full disk is no reason to lose a record: what cannot be written stays in memory.
            self.is_refused = self.write().is_err();
        }
    }

    /// Number of deliveries.
    pub(super) fn len(&self) -> u64 {
        self.n
    }

    fn write(&mut self) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(self.n_held * WIDTH);
        self.held.iter().flatten().for_each(|entry| entry.write(&mut bytes));
        let place = self.file.append(&bytes)?;
        let mut lengths = [0; PARTS];
        for (held, length) in self.held.iter_mut().zip(&mut lengths) {
            *length = u16::try_from(held.len()).unwrap_or(u16::MAX);
            held.clear();
        }
        self.written.push(Batch { place, lengths });
        self.n_held = 0;
        Ok(())
    }

    /// Number of entries of one part.
    pub(super) fn part_len(&self, part: usize) -> usize {
        let written = self.written.iter().filter_map(|batch| batch.lengths.get(part));
        self.held.get(part).map_or(0, Vec::len) + written.map(|n| usize::from(*n)).sum::<usize>()
    }

    /// The entries of a slice of one part, in no order, added to `into`.
    pub(super) fn read(&self, part: usize, slice: Slice, into: &mut Vec<Entry>) -> io::Result<()> {
        into.extend(self.held.get(part).into_iter().flatten().filter(|entry| slice.has(entry)));
        let mut bytes = Vec::new();
        for Batch { place, lengths } in &self.written {
            let before: usize = lengths.iter().take(part).map(|n| usize::from(*n)).sum();
            let n = lengths.get(part).copied().map_or(0, usize::from);
            bytes.resize(n * WIDTH, 0);
            self.file.read(*place + (before * WIDTH) as u64, &mut bytes)?;
            let (entries, _) = bytes.as_chunks::<WIDTH>();
            into.extend(entries.iter().map(Entry::read).filter(|entry| slice.has(entry)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back() {
        let mut log = Log::default();
        let entry = |n: u64| Entry {
            key: EventKey::of_halves(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), !n),
            fingerprint: n << 7,
            time: 1_700_000_000,
            session: 7,
            call: if n == 3 { OUTSIDE } else { 9 },
            origin: Origin::new(n as u32, !n.is_multiple_of(5), n.is_multiple_of(3)),
        };
        let n = HELD as u64 * 2 + 17;
        (0..n).for_each(|number| log.add(entry(number)));
        let copy = log.clone();
        log.add(entry(n));
        assert_eq!((log.len(), copy.len(), log.n_held), (n + 1, n, 18));
        let mut all = Vec::new();
        for part in 0..PARTS {
            let before = all.len();
            for slice in Slice::all(TOGETHER * (part % 10)) {
                log.read(part, slice, &mut all).unwrap();
            }
            assert_eq!(all.len() - before, log.part_len(part));
        }
        all.sort_by_key(|entry| entry.fingerprint);
        assert_eq!(all.len() as u64, n + 1);
        for (found, number) in all.iter().zip(0..) {
            let expected = entry(number);
            assert_eq!(found.order(&expected), Ordering::Equal);
            assert_eq!((found.session, found.call), (expected.session, expected.call));
            assert_eq!(found.origin, expected.origin);
            assert_eq!(u64::from(found.origin.object()), number);
            assert_eq!(found.origin.is_shared(), number.is_multiple_of(3));
        }
    }
}
