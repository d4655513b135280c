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
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct OddIds(HashMap<EventKey, Text>);

impl EventKey {
    /// The key of any texts together; equal in every process, so that ledgers made apart can merge.
    pub(super) fn of_parts<const N: usize>(parts: [&str; N]) -> Self {
        Self::from_bits(hash_128(parts.map(str::as_bytes)))
    }

    /// The key of an event's id; equal in every process.
    pub fn of(id: &str) -> Self {
        Self::guid(id.as_bytes()).unwrap_or_else(|| Self::of_parts([id]))
    }

    /// The value of a GUID written as CloudTrail writes it: lower-case, 8-4-4-4-12.
    pub(super) fn guid(text: &[u8]) -> Option<Self> {
        let (a, rest) = text.split_first_chunk::<8>()?;
        let (b, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<4>()?;
        let (c, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<4>()?;
        let (d, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<4>()?;
        let (e, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<4>()?;
        let f: &[u8; 8] = rest.try_into().ok()?;
        let both = |[a, b, c, d]: [u8; 4], [e, f, g, h]: [u8; 4]| [a, b, c, d, e, f, g, h];
        let whole = |high, low| Some(u64::from(hex(high)?) << 32 | u64::from(hex(low)?));
        Some(Self(whole(*a, both(*b, *c))?, whole(both(*d, *e), *f)?))
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

/// The value of eight lower-case hexadecimal digits, all at once.
fn hex(digits: [u8; 8]) -> Option<u32> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let word = u64::from_le_bytes(digits);
    if word & TOPS != 0 {
        return None;
    }
    // The top bit of each byte that is at least so much; no byte carries into the next.
    let at_least = |byte: u8| (word + u64::from(0x80 - byte) * ONES) & TOPS;
    let letters = at_least(b'a');
    let right = at_least(b'0') & !at_least(b'9' + 1) | letters & !at_least(b'f' + 1);
    if right != TOPS {
        return None;
    }
    // Both kinds of digits have their value in the lower bits; letters are nine more.
    let values = (word & (0xf * ONES)) + (letters >> 7) * 9;
    let pairs = (values << 4 | values >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs << 8 | pairs >> 16) & 0x0000_ffff_0000_ffff;
    u32::try_from((fours << 16 | fours >> 32) & 0xffff_ffff).ok()
}

/// The digits of a number, in lower case.
fn digits(number: u32) -> [u8; 8] {
    let mut digits = [0; 8];
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        let value = (number >> (place * 4) & 0xf) as u8;
        *digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
    }
    digits
}

impl OddIds {
    /// The key of an id; keeps `text` when the key alone would not give it back.
    pub(super) fn key(&mut self, text: &str) -> EventKey {
        EventKey::guid(text.as_bytes()).unwrap_or_else(|| {
            let key = EventKey::of_parts([text]);
            self.0.entry(key).or_insert_with(|| text.into());
            key
        })
    }

    /// The text behind a key.
    pub(super) fn text(&self, key: EventKey) -> Text {
        self.0.get(&key).cloned().unwrap_or_else(|| {
            #[expect(clippy::cast_possible_truncation, reason = "the two halves are meant")]
            let quarters = [key.0 >> 32, key.0, key.1 >> 32, key.1].map(|quarter| digits(quarter as u32));
            let digits = quarters.as_flattened();
            let mut text = [b'-'; 36];
            for (to, from) in
                [(0..8, 0..8), (9..13, 8..12), (14..18, 12..16), (19..23, 16..20), (24..36, 20..32)]
            {
                if let (Some(to), Some(from)) = (text.get_mut(to), digits.get(from)) {
                    to.copy_from_slice(from);
                }
            }
            std::str::from_utf8(&text).unwrap_or_default().into()
        })
    }

    /// The order of the ids' texts.
    pub(super) fn order(&self, a: EventKey, b: EventKey) -> Ordering {
        if self.0.is_empty() { a.cmp(&b) } else { self.text(a).cmp(&self.text(b)) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets the others go.
    pub(super) fn retain(&mut self, wanted: impl Fn(EventKey) -> bool) {
        self.0.retain(|key, _| wanted(*key));
        self.0.shrink_to_fit();
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
    fn every_digit_counts_and_nothing_else_is_one() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut text = *b"0a9f0a9f";
                text[place] = byte;
                let is_digit = byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                let value =
                    std::str::from_utf8(&text).ok().and_then(|text| u32::from_str_radix(text, 16).ok());
                assert_eq!(hex(text), value.filter(|_| is_digit), "{text:?}");
                assert!(value.filter(|_| is_digit).is_none_or(|value| digits(value) == text));
            }
        }
    }

    #[test]
    fn keys_of_guids_sort_like_their_texts() {
        let texts = ["0fffffff-0000-0000-0000-000000000000", "10000000-0000-0000-0000-000000000000"];
        assert!(EventKey::of(texts[0]) < EventKey::of(texts[1]));
    }
}
