//! Shared texts, and fingerprints that are equal in every process.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, Equivalent, HashSet, HashTable};

use super::Text;
use super::closed::{Bytes, write_number};
use crate::ident::Time;

/// No text of a record is kept beyond this many bytes: AWS's own limits are lower, so longer text is not AWS's.
const LONGEST_TEXT: usize = 2_048;

/// The part of `text` that is kept: at most [`LONGEST_TEXT`] bytes, cut between characters.
pub(super) fn limited(text: &str) -> &str {
    shortened(text, LONGEST_TEXT)
}

/// At most `bytes` of `text`, cut between characters.
pub(super) fn shortened(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Texts kept once each.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts(HashSet<Text>);

impl Texts {
    /// The shared copy of `text`, shortened to what is kept of any text.
    pub(super) fn intern(&mut self, text: &str) -> Text {
        let text = limited(text);
        self.0.get_or_insert_with(text, |text| text.into()).clone()
    }

    /// Lets those go that nobody else has any more.
    pub(super) fn prune(&mut self) {
        self.0.retain(|text| Arc::strong_count(text) > 1);
    }

    /// [`Texts::intern`] for what may be absent.
    pub(super) fn option(&mut self, text: Option<&str>) -> Option<Text> {
        text.map(|text| self.intern(text))
    }
}

/// Number of a text in [`Words`].
pub(super) type Word = u32;

/// Texts kept once each in one long buffer, for what there is very much of: names and keys of sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    buffer: String,
    /// Where each word ends; it begins where the one before ends.
    ends: Vec<usize>,
    table: HashTable<Word>,
    hasher: DefaultHashBuilder,
}

impl Words {
    /// Stands for an absent text.
    pub(super) const NONE: Word = u32::MAX;

    /// The number of a text, shortened to what is kept of any text.
    pub(super) fn intern(&mut self, text: &str) -> Word {
        let Self { buffer, ends, table, hasher } = self;
        let text = limited(text);
        let hash = hasher.hash_one(text);
        if let Some(known) = table.find(hash, |known| word(buffer, ends, *known) == text) {
            return *known;
        }
        let new = u32::try_from(ends.len()).unwrap_or(Self::NONE);
        buffer.push_str(text);
        ends.push(buffer.len());
        table.insert_unique(hash, new, |known| hasher.hash_one(word(buffer, ends, *known)));
        new
    }

    /// [`Words::intern`] for what may be absent.
    pub(super) fn option(&mut self, text: Option<&str>) -> Word {
        text.map_or(Self::NONE, |text| self.intern(text))
    }

    /// The text behind a number.
    pub(super) fn text(&self, number: Word) -> Option<&str> {
        (number != Self::NONE).then(|| word(&self.buffer, &self.ends, number))
    }

    /// Bytes of all texts when they are written down.
    pub(super) fn size(&self) -> usize {
        8 + self.ends.len() * 8 + self.buffer.len()
    }

    /// Writes all texts down.
    pub(super) fn write(&self, into: &mut Vec<u8>) {
        write_number(into, self.ends.len());
        let ends = self.ends.iter().map(|end| *end as u64);
        ends.for_each(|end| into.extend_from_slice(&end.to_le_bytes()));
        into.extend_from_slice(self.buffer.as_bytes());
    }

    /// Texts that were written down, to be looked at by number.
    pub(super) fn read(from: &mut Bytes<'_>) -> Option<Self> {
        let n = from.number()?;
        let end = |_| usize::try_from(from.long()?).ok();
        let ends = (0..n).map(end).collect::<Option<Vec<usize>>>()?;
        let text = from.take(ends.last().copied().unwrap_or(0))?;
        Some(Self { buffer: str::from_utf8(text).ok()?.to_owned(), ends, ..Self::default() })
    }

    /// Gives room back when most of what is to be known is known.
    pub(super) fn shrink(&mut self) {
        self.buffer.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Gives back what only finding known texts takes: none is to be interned any more.
    pub(super) fn no_more(&mut self) {
        self.table = HashTable::new();
        self.shrink();
    }

    /// Number of texts.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All texts, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..).zip(&self.ends).map(|(number, _)| word(&self.buffer, &self.ends, number))
    }
}

/// Distinct values, numbered in order of appearance.
#[derive(Clone, Debug)]
pub(super) struct Numbered<T> {
    all: Vec<T>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { all: Vec::new(), table: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<T> Numbered<T> {
    /// Values that have numbers, to be looked at by them.
    pub(super) fn listed(all: Vec<T>) -> Self {
        Self { all, ..Self::default() }
    }
}

impl<T: Eq + Hash> Numbered<T> {
    /// The number of a value.
    pub(super) fn number(&mut self, value: T) -> u32 {
        let Self { all, table, hasher } = self;
        let hash = hasher.hash_one(&value);
        if let Some(known) = table.find(hash, |known| all.get(*known as usize) == Some(&value)) {
            return *known;
        }
        let new = u32::try_from(all.len()).unwrap_or(u32::MAX);
        all.push(value);
        table.insert_unique(hash, new, |known| {
            all.get(*known as usize).map_or(0, |value| hasher.hash_one(value))
        });
        new
    }

    /// The value of a number.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.all.get(number as usize)
    }

    /// All values, in the order of their numbers.
    pub(super) fn into_all(self) -> Vec<T> {
        self.all
    }
}

fn word<'w>(buffer: &'w str, ends: &[usize], number: Word) -> &'w str {
    let number = number as usize;
    let start = number.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    let end = ends.get(number).copied().unwrap_or(start);
    buffer.get(start..end).unwrap_or_default()
}

/// Two texts, to look up a pair of kept ones without owning either.
#[derive(Hash)]
pub(super) struct Pair<'a>(pub(super) &'a str, pub(super) &'a str);

impl Equivalent<(Text, Text)> for Pair<'_> {
    fn equivalent(&self, (a, b): &(Text, Text)) -> bool {
        *self.0 == **a && *self.1 == **b
    }
}

/// [`Pair`] with one more.
#[derive(Hash)]
pub(super) struct Triple<'a>(pub(super) &'a str, pub(super) &'a str, pub(super) &'a str);

impl Equivalent<(Text, Text, Text)> for Triple<'_> {
    fn equivalent(&self, (a, b, c): &(Text, Text, Text)) -> bool {
        *self.0 == **a && *self.1 == **b && *self.2 == **c
    }
}

/// A 64-bit hash of a record's content: the same in every process and on every machine.
///
/// It decides which of two differing deliveries of one event counts, so it must not depend on a random seed. It is no
/// key of a table, so that nobody gains by making values collide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) const fn new() -> Self {
        Self(0x243f_6a88_85a3_08d3)
    }

    pub(super) fn number(&mut self, word: u64) {
        let mixed = u128::from(self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are folded together")]
        let folded = mixed as u64 ^ (mixed >> 64) as u64;
        self.0 = folded.rotate_left(23).wrapping_add(0x1319_8a2e_0370_7344);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        let (words, rest) = text.as_bytes().as_chunks::<8>();
        for word in words {
            self.number(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            self.number(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    /// A long run of bytes, sixteen at a time.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            let both = u128::from_le_bytes(*pair);
            #[expect(clippy::cast_possible_truncation, reason = "the two halves are meant")]
            let (a, b) = (both as u64, (both >> 64) as u64);
            let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ self.0);
            #[expect(clippy::cast_possible_truncation, reason = "both halves are folded together")]
            let folded = product as u64 ^ (product >> 64) as u64;
            // Adding keeps a factor of zero from wiping out what came before.
            self.0 = self.0.rotate_left(29).wrapping_add(folded);
        }
        for byte in rest {
            self.0 = self.0 << 8 ^ self.0 >> 56 ^ u64::from(*byte);
        }
        self.number(rest.len() as u64);
    }

    pub(super) fn option(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.number(u64::MAX),
        }
    }

    pub(super) fn time(&mut self, time: Option<Time>) {
        self.number(time.map_or(u64::MAX, |time| time.unix().cast_unsigned()));
    }

    pub(super) fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(shortened("aé", 2), "a");
        assert_eq!(shortened("aé", 3), "aé");
        assert_eq!(shortened("é", 1), "");
        assert_eq!(limited(&"x".repeat(3_000)).len(), 2_048);
    }

    #[test]
    fn a_fingerprint_tells_where_one_text_ends() {
        let of = |texts: &[Option<&str>]| {
            let mut print = Fingerprint::new();
            texts.iter().for_each(|text| print.option(*text));
            print.value()
        };
        assert_ne!(of(&[Some("ab"), Some("c")]), of(&[Some("a"), Some("bc")]));
        assert_ne!(of(&[None]), of(&[Some("")]));
        assert_ne!(of(&[Some("abcdefgh")]), of(&[Some("abcdefgi")]));
        assert_eq!(of(&[Some("same")]), of(&[Some("same")]));
    }
}
