//! Shared texts, and fingerprints that are equal in every process.

use hashbrown::{Equivalent, HashSet};

use super::Text;
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

    /// [`Texts::intern`] for what may be absent.
    pub(super) fn option(&mut self, text: Option<&str>) -> Option<Text> {
        text.map(|text| self.intern(text))
    }
}

/// Two texts, to look up a pair of kept ones without owning either.
#[derive(Hash)]
pub(super) struct Pair<'a>(pub(super) &'a str, pub(super) &'a str);

impl Equivalent<(Text, Text)> for Pair<'_> {
    fn equivalent(&self, (a, b): &(Text, Text)) -> bool {
        *self.0 == **a && *self.1 == **b
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
