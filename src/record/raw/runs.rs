//! Runs of members met before: a caller, a call's name and Region, its parameters, its resources.
//!
//! Records are put together from such runs, written by one program in one order, with what is new each time between them. A
//! record that continues with the bytes of a run that is remembered continues with the same members; so comparing takes the
//! place of cutting and hashing. INVARIANT: a run is one or several whole members of a record, without what separates them
//! from their neighbours, cut by [`super::cut::Syntax`] under the cap on depth of its cutter.

use super::RawKey;
use super::members::{Class, Member};
use super::seeds::Seeds;

/// Runs remembered; each has one place, by its first bytes.
const SLOTS: usize = 1 << 11;
/// Longer runs are not remembered.
const LONGEST: usize = 2_048;
/// Bytes of all runs together; when there are more, all are forgotten, which costs time only.
const MOST_BYTES: usize = 768 << 10;
/// The first bytes that decide a run's place: of long runs and of short ones. What is shorter still is cut as fast as found.
const HEADS: [usize; 2] = [160, 64];
/// Places to note that a run was met once: what is never met again shall take no other's place.
const ONCE: usize = 1 << 12;

/// No run.
pub(super) const NONE: u32 = u32::MAX;

/// What a run tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) class: Class,
    pub(super) key: RawKey,
    /// What [`super::RawRecord::is_about_its_caller`] is from here on, if the run tells.
    pub(super) is_about_its_caller: Option<bool>,
    /// It holds `requestParameters` or `resources`.
    pub(super) is_holder: bool,
    /// The first and the last.
    pub(super) members: (Member, Member),
}

/// A run that is remembered.
#[derive(Clone, Debug)]
pub(super) struct Run {
    text: Vec<u8>,
    pub(super) told: Told,
    /// The run that followed last time, whatever lay between.
    next: u32,
}

/// The runs one cutter met lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    seeds: Seeds,
    slots: Vec<Option<Run>>,
    n_bytes: usize,
    once: Vec<u32>,
}

impl Runs {
    pub(super) fn key(&self, run: &[u8]) -> RawKey {
        self.seeds.key(run)
    }

    fn slot_of(&self, head: &[u8]) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "some bits of a hash")]
        let hash = self.seeds.place(head) as u32;
        hash % SLOTS as u32
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Run> {
        self.slots.get(slot as usize)?.as_ref()
    }

    /// Whether `rest` begins with the run of a place, and the run's last member ends there.
    fn begins(&self, slot: u32, rest: &[u8]) -> Option<(u32, usize)> {
        let run = self.get(slot)?;
        let length = run.text.len();
        // A number could go on; everything else ends in its last byte.
        let is_same = rest.starts_with(&run.text) && matches!(rest.get(length), Some(b',' | b'}'));
        is_same.then_some((slot, length))
    }

    /// The run that `rest` begins with, if it is remembered, and its length; `before` is the place of the last one.
    pub(super) fn find(&self, rest: &[u8], before: u32) -> Option<(u32, usize)> {
        let next = self.get(before).map_or(NONE, |run| run.next);
        self.begins(next, rest).or_else(|| {
            let by_head = |length: usize| self.begins(self.slot_of(rest.get(..length)?), rest);
            HEADS.iter().find_map(|length| by_head(*length))
        })
    }

    /// Notes which run followed another.
    pub(super) fn follows(&mut self, before: u32, slot: u32) {
        if let Some(Some(run)) = self.slots.get_mut(before as usize) {
            run.next = slot;
        }
    }

    /// Remembers a run that was met before; gives its place.
    pub(super) fn put(&mut self, text: &[u8], told: Told) -> u32 {
        let Some(head) = HEADS.iter().find_map(|length| text.get(..*length)) else { return NONE };
        if text.len() > LONGEST || !self.was_met(told.key) {
            return NONE;
        }
        let slot = self.slot_of(head);
        if self.n_bytes + text.len() > MOST_BYTES {
            self.slots.clear();
            self.n_bytes = 0;
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        let Some(place) = self.slots.get_mut(slot as usize) else { return NONE };
        // The room of the run that was here is used again.
        let mut room = place.take().map(|run| run.text).unwrap_or_default();
        let before = room.capacity();
        room.clear();
        room.reserve_exact(text.len());
        room.extend_from_slice(text);
        self.n_bytes += room.capacity() - before;
        *place = Some(Run { text: room, told, next: NONE });
        slot
    }

    /// Whether a run was met lately; it is from now on.
    fn was_met(&mut self, key: RawKey) -> bool {
        if self.once.is_empty() {
            self.once.resize(ONCE, 0);
        }
        let hash = key.short();
        #[expect(clippy::cast_possible_truncation, reason = "some bits of a hash")]
        let (place, mark) = (hash as usize % ONCE, (hash >> 32) as u32 | 1);
        let Some(known) = self.once.get_mut(place) else { return false };
        std::mem::replace(known, mark) == mark
    }
}
