//! Keys of bytes under random seeds.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::RawKey;

/// Random numbers, of one process and one owner.
#[derive(Clone, Copy, Debug)]
pub struct Seeds([u64; 6]);

impl Default for Seeds {
    fn default() -> Self {
        let random = DefaultHashBuilder::default();
        // Odd, so that none of them is nothing.
        Self([1, 2, 3, 4, 5, 6].map(|number: u64| random.hash_one(number) | 1))
    }
}

/// The lower half, and the upper one.
#[expect(clippy::cast_possible_truncation, reason = "the two halves are meant")]
fn halves(both: u128) -> (u64, u64) {
    (both as u64, (both >> 64) as u64)
}

/// Both halves of a product, one on the other.
fn folded(a: u64, b: u64) -> u64 {
    let (low, high) = halves(u128::from(a) * u128::from(b));
    low ^ high
}

impl Seeds {
    /// Two hashes in one pass, each under seeds of its own: sixteen bytes at a time go into a product with what came before.
    pub(super) fn key(&self, bytes: &[u8]) -> RawKey {
        let [a, b, c, d, e, f] = self.0;
        let length = bytes.len() as u64;
        let (mut one, mut two) = (a ^ length, b ^ length);
        let mut take = |pair: &[u8; 16]| {
            let (low, high) = halves(u128::from_le_bytes(*pair));
            one = folded(low ^ c, high ^ one).wrapping_add(low);
            two = folded(high ^ d, low ^ two).wrapping_add(high);
        };
        let (pairs, rest) = bytes.as_chunks::<16>();
        pairs.iter().for_each(&mut take);
        if !rest.is_empty() {
            let mut last = [0; 16];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            take(&last);
        }
        RawKey(folded(one ^ e, two.rotate_left(32) ^ f), folded(two ^ c, one.rotate_left(32) ^ a))
    }
}

impl Seeds {
    /// A hash of the first bytes of a text, which decides about a place and nothing else: half the work of a key.
    pub(super) fn place(&self, bytes: &[u8]) -> u64 {
        let [a, b, c, ..] = self.0;
        let mut hash = a ^ bytes.len() as u64;
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            let (low, high) = halves(u128::from_le_bytes(*pair));
            hash = folded(low ^ b, high ^ hash);
        }
        rest.iter().fold(hash, |hash, byte| folded(hash ^ u64::from(*byte), c))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn bytes_that_differ_have_other_keys() {
        let seeds = Seeds::default();
        let text: Vec<u8> = (0..200_u8).collect();
        let mut keys = HashSet::new();
        let mut n = 0;
        for end in 0..text.len() {
            for place in 0..=end {
                let mut copy = text[..end].to_vec();
                if let Some(byte) = copy.get_mut(place) {
                    *byte ^= 1;
                }
                let key = seeds.key(&copy);
                keys.insert((key.0, key.1));
                n += 1;
            }
        }
        // Zeros at the end count.
        for zeros in 0..40 {
            let key = seeds.key(&vec![0; 300 + zeros]);
            keys.insert((key.0, key.1));
            n += 1;
        }
        assert_eq!(keys.len(), n);
        assert_ne!(seeds.key(b"a"), Seeds::default().key(b"a"));
    }
}
