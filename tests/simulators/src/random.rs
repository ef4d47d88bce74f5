//! A small seeded generator: the same seed gives the same ids and faults.
//!
//! SplitMix64, which passes the usual statistical batteries and needs 64 bits of
//! state. Not for secrets.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A deterministic stream of numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream that belongs to `seed` and a name. Decisions about different
    /// things stay independent of the order in which they are asked for.
    #[must_use]
    pub fn keyed(seed: u64, name: &str) -> Self {
        // FNV-1a, 64 bits.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(seed.rotate_left(32) ^ hash)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// True with `probability` (0.0 never, 1.0 always).
    pub fn chance(&mut self, probability: f64) -> bool {
        // 53 bits fill the mantissa of an f64 exactly.
        #[allow(clippy::cast_precision_loss)]
        let unit = (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        unit < probability
    }

    /// A number from 0 to `limit` - 1; 0 if `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 {
            0
        } else {
            self.next_u64() % limit
        }
    }

    /// Puts `items` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1);
            items.swap(last, usize::try_from(other).unwrap_or(0));
        }
    }

    /// An id as Gladly's sessions, customers and conversations have: 16 bytes in
    /// URL-safe base64, 22 characters.
    pub fn slug(&mut self) -> String {
        let (high, low) = (self.next_u64(), self.next_u64());
        let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// An id as Gladly's automation messages have: 12 bytes in hex, 24 characters.
    pub fn hex24(&mut self) -> String {
        let (high, low) = (self.next_u64(), self.next_u64());
        format!("{high:016x}{:08x}", low >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_and_seeds_differ() {
        let mut a = Random::new(7);
        let mut b = Random::new(7);
        let mut c = Random::new(8);
        assert_eq!(a.slug(), b.slug());
        assert_ne!(a.slug(), c.slug());
        assert_ne!(
            Random::keyed(7, "one").next_u64(),
            Random::keyed(7, "two").next_u64()
        );
    }

    #[test]
    fn ids_have_their_shapes() {
        let mut random = Random::new(1);
        assert_eq!(random.slug().len(), 22);
        let hex = random.hex24();
        assert!(hex.len() == 24 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    }

    #[test]
    fn chances_are_about_right() {
        let mut random = Random::new(3);
        let hits = (0..10_000).filter(|_| random.chance(0.25)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert!(!random.chance(0.0));
        assert!(random.chance(1.0));
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..50).collect();
        Random::new(5).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
