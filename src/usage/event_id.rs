//! `eventID`s as small keys.

use std::cmp::Ordering;

use hashbrown::HashMap;

use super::Text;

/// The key of an event: the GUID itself, or a 128-bit hash of an id that is no GUID.
///
/// The two halves keep the table entries at eight-byte alignment.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EventKey(u64, u64);

/// The ids that are no lower-case GUIDs, so that every id comes back as it was written.
#[derive(Clone, Debug, Default)]
pub(super) struct OddIds(HashMap<EventKey, Text>);

impl EventKey {
    /// The key of any texts together; equal in every process, so that ledgers made apart can merge.
    pub(super) fn of_parts<const N: usize>(parts: [&str; N]) -> Self {
        Self::from_bits(hash_128(parts.map(str::as_bytes)))
    }

    /// The key of an event's id; equal in every process.
    pub fn of(id: &str) -> Self {
        Self::guid(id).unwrap_or_else(|| Self::of_parts([id]))
    }

    /// The value of a GUID written as CloudTrail writes it: lower-case, 8-4-4-4-12.
    fn guid(text: &str) -> Option<Self> {
        let [a, b, c, d, e] = split_guid(text.as_bytes())?;
        let (a, b, c) = (hex(a)?, hex(b)?, hex(c)?);
        let (d, e) = (hex(d)?, hex(e)?);
        Some(Self(a << 32 | b << 16 | c, d << 48 | e))
    }

    /// Both halves, for writing down.
    pub fn halves(self) -> (u64, u64) {
        (self.0, self.1)
    }

    /// Back from [`EventKey::halves`].
    pub fn of_halves(a: u64, b: u64) -> Self {
        Self(a, b)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves are meant")]
    fn from_bits(bits: u128) -> Self {
        Self((bits >> 64) as u64, bits as u64)
    }
}

/// The five groups of digits of a GUID.
fn split_guid(text: &[u8]) -> Option<[&[u8]; 5]> {
    let (a, rest) = text.split_at_checked(8)?;
    let (b, rest) = rest.strip_prefix(b"-")?.split_at_checked(4)?;
    let (c, rest) = rest.strip_prefix(b"-")?.split_at_checked(4)?;
    let (d, rest) = rest.strip_prefix(b"-")?.split_at_checked(4)?;
    let e = rest.strip_prefix(b"-")?;
    (e.len() == 12).then_some([a, b, c, d, e])
}

/// Lower-case hexadecimal digits, sixteen at most.
fn hex(digits: &[u8]) -> Option<u64> {
    let (mut value, mut wrong) = (0_u64, 0_u8);
    for byte in digits {
        // Both kinds of digits have their value in the lower bits; letters are nine more.
        let is_letter = u8::from(matches!(byte, b'a'..=b'f'));
        wrong |= u8::from(!byte.is_ascii_digit()) & !is_letter;
        value = value << 4 | u64::from((byte & 0xf) + 9 * is_letter);
    }
    (wrong & 1 == 0).then_some(value)
}

impl OddIds {
    /// The key of an id; keeps `text` when the key alone would not give it back.
    pub(super) fn key(&mut self, text: &str) -> EventKey {
        EventKey::guid(text).unwrap_or_else(|| {
            let key = EventKey::of_parts([text]);
            self.0.entry(key).or_insert_with(|| text.into());
            key
        })
    }

    /// The text behind a key.
    pub(super) fn text(&self, key: EventKey) -> Text {
        self.0.get(&key).cloned().unwrap_or_else(|| {
            let mut text = [b'-'; 36];
            let digits = (0..32_u32).rev().map(|place| {
                let half = if place < 16 { key.1 } else { key.0 };
                b"0123456789abcdef"
                    .get((half >> (place % 16 * 4) & 0xf) as usize)
                    .copied()
                    .unwrap_or_default()
            });
            let places = text.iter_mut().enumerate().filter(|(at, _)| !matches!(at, 8 | 13 | 18 | 23));
            places.zip(digits).for_each(|((_, place), digit)| *place = digit);
            std::str::from_utf8(&text).unwrap_or_default().into()
        })
    }

    /// The order of the ids' texts.
    pub(super) fn order(&self, a: EventKey, b: EventKey) -> Ordering {
        if self.0.is_empty() { a.cmp(&b) } else { self.text(a).cmp(&self.text(b)) }
    }

    /// The ids whose keys do not give them back, sorted.
    pub(super) fn rows(&self) -> Vec<(EventKey, Text)> {
        let mut rows: Vec<_> = self.0.iter().map(|(key, text)| (*key, text.clone())).collect();
        rows.sort_unstable();
        rows
    }

    /// Takes in a row of another ledger's.
    pub(super) fn insert(&mut self, key: EventKey, text: &Text) {
        self.0.entry(key).or_insert_with(|| text.clone());
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (key, text) in other.0 {
            self.0.entry(key).or_insert(text);
        }
    }
}

/// FNV-1a with 128 bits, each part closed with a byte no UTF-8 text contains.
fn hash_128<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u128 {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for part in parts {
        for byte in part.iter().chain(&[0xff]) {
            hash = (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_comes_back_as_it_was() {
        let mut odd = OddIds::default();
        for text in [
            "8d5840cf-6be3-4947-be6b-cb5147856719",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "8D5840CF-6BE3-4947-BE6B-CB5147856719",
            "8d5840cf-6ne3-4947-be6b-cb5147856719",
            "abc-123",
            "8d5840cf66be3-4947-be6b-cb5147856719",
            "é",
        ] {
            let key = odd.key(text);
            assert_eq!(&*odd.text(key), text);
        }
        assert_eq!(odd.0.len(), 5);
    }

    #[test]
    fn keys_of_guids_sort_like_their_texts() {
        let texts = ["0fffffff-0000-0000-0000-000000000000", "10000000-0000-0000-0000-000000000000"];
        assert!(EventKey::guid(texts[0]) < EventKey::guid(texts[1]));
    }
}
