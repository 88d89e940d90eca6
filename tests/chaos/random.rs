//! Random numbers that follow from a seed.

use std::time::Duration;

/// `SplitMix64` (Steele, Lea, Flood 2014).
pub(crate) struct Random(u64);

impl Random {
    /// The numbers of one round.
    pub(crate) fn of_round(seed: u64, round: u32) -> Self {
        let mut random = Self(seed);
        Self(random.next() ^ (u64::from(round) << 32))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from 0 to `end`, exclusive. `end` must not be 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// Returns one of the items; `None` if there are no items.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        match from.len() {
            0 => None,
            count => from.get(self.below(count)),
        }
    }

    /// Returns a time of up to this number of milliseconds, short times more often.
    pub(crate) fn time(&mut self, most: u32) -> Duration {
        let most = usize::try_from(most).unwrap_or(1) + 1;
        let limit = self.below(most) + 1;
        Duration::from_millis(u64::try_from(self.below(limit)).unwrap_or(0))
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}
