//! A seeded generator of its own, so that no dependency's next version changes a byte of the sample.

/// SplitMix64. See: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x5bf0_3635_dcd2_7f1d)
    }

    /// An independent stream: what one actor draws never moves what another one gets.
    pub(crate) fn fork(&self, label: &str, number: u64) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ self.0;
        for byte in label.bytes().chain(number.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self(hash)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `0..n`; the bias of the modulus does not matter here.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// From `low..=high`.
    pub(crate) fn range(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).unsigned_abs()) as i64
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        self.pick::<&'static str>(words)
    }

    pub(crate) fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(*self.pick(alphabet))).collect()
    }

    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.text(b"0123456789abcdef", length)
    }

    pub(crate) fn digits(&mut self, length: usize) -> String {
        self.text(b"0123456789", length)
    }

    pub(crate) fn base36(&mut self, length: usize) -> String {
        self.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", length)
    }

    pub(crate) fn uuid(&mut self) -> String {
        let (a, b, c, d, e) = (self.hex(8), self.hex(4), self.hex(3), self.hex(3), self.hex(12));
        format!("{a}-{b}-4{c}-8{d}-{e}")
    }

    /// An access key id or unique id that says what it is: `ASIA…EXAMPLE`.
    pub(crate) fn aws_id(&mut self, prefix: &str) -> String {
        let length = if prefix == "ASIA" || prefix == "AKIA" { 9 } else { 10 };
        let middle = self.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length);
        format!("{prefix}{middle}EXAMPLE")
    }
}
