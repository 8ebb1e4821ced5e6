//! [`Random`]: the same choices for the same seed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A source of choices.
pub struct Random(StdRng);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number from 0 up to, and without, `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end)
    }

    /// A place in something of this length.
    pub fn index(&mut self, length: usize) -> usize {
        self.0.random_range(0..length)
    }
}
