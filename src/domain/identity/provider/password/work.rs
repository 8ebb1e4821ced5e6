//! The work of Argon2 runs, in blocks of 1 KiB, and runs that fill the work of a refusal up to a common end.
//!
//! Argon2's time is that of its blocks. A wrong password costs the stored hash's work, and then what is missing to the
//! highest work of any account. So the time of a refusal tells neither whether an address has an account, nor how old
//! its hash is.

use argon2::password_hash::Error;
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The blocks of the smallest run.
const MIN_BLOCKS: u64 = Params::MIN_M_COST as u64;
/// Slices of each lane, which divide the memory.
const SLICES: u64 = 4;

/// Counts the work of Argon2 runs, in blocks. Clones share their counts.
#[derive(Clone, Debug)]
pub(super) struct Work {
    /// That of the costliest known hash, to which each refusal fills up.
    highest: Arc<AtomicU64>,
    /// All since the start.
    done: Arc<AtomicU64>,
    /// The most memory of a run that fills up, in KiB.
    memory_kib: u32,
}

impl Work {
    /// Knows a hash of these parameters.
    pub(super) fn new(params: &Params) -> Self {
        let highest = Arc::new(AtomicU64::new(blocks_of(params)));
        Self { highest, done: Arc::default(), memory_kib: params.m_cost() }
    }

    /// Counts a run, and returns its blocks.
    pub(super) fn count(&self, params: &Params) -> u64 {
        let blocks = blocks_of(params);
        self.done.fetch_add(blocks, Ordering::Relaxed);
        blocks
    }

    /// Computes what is missing to the highest work.
    pub(super) fn fill_up(&self, done: u64) -> Result<(), Error> {
        let missing = self.highest.fetch_max(done, Ordering::Relaxed).saturating_sub(done);
        for params in runs_of(missing, self.memory_kib) {
            self.count(&params);
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let mut discarded = [0; Params::DEFAULT_OUTPUT_LEN];
            argon2.hash_password_into(b"nobody's", b"no salt at all", &mut discarded)?;
            std::hint::black_box(discarded);
        }
        Ok(())
    }

    /// Makes each refusal at least as long as a run with these parameters.
    pub(super) fn raise_to(&self, params: &Params) {
        self.highest.fetch_max(blocks_of(params), Ordering::Relaxed);
    }

    /// Returns a function that reads how many blocks were computed.
    pub(super) fn done(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let done = Arc::clone(&self.done);
        move || done.load(Ordering::Relaxed)
    }
}

/// Returns how many blocks a run with these parameters computes.
fn blocks_of(params: &Params) -> u64 {
    let unit = SLICES * u64::from(params.p_cost());
    u64::from(params.m_cost()) / unit * unit * u64::from(params.t_cost())
}

/// Returns runs that compute that many blocks, with at most `memory_kib` at once. Fewer than eight blocks are left out.
fn runs_of(blocks: u64, memory_kib: u32) -> Vec<Params> {
    let memory = u64::from(memory_kib).max(MIN_BLOCKS) / SLICES * SLICES;
    let runs = [(memory, blocks / memory), (blocks % memory / SLICES * SLICES, 1)];
    let possible = runs.into_iter().filter(|(memory, passes)| *memory >= MIN_BLOCKS && *passes > 0);
    possible
        .filter_map(|(memory, passes)| {
            Params::new(u32::try_from(memory).ok()?, u32::try_from(passes).ok()?, 1, None).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_compute_the_blocks_that_they_should_within_the_memory() {
        for blocks in [0, 7, 8, 9, 100, 19_456, 38_912, 38_913, 100_000, 1_000_003] {
            for memory in [8, 64, 19_456, 65_536] {
                let runs = runs_of(blocks, memory);
                let computed: u64 = runs.iter().map(blocks_of).sum();
                assert!(computed <= blocks && blocks - computed < 8, "{blocks} with {memory}: {computed}");
                assert!(runs.iter().all(|run| run.m_cost() <= memory));
            }
        }
        assert_eq!(blocks_of(&Params::new(19_456, 2, 1, None).unwrap()), 38_912);
        assert_eq!(blocks_of(&Params::new(65, 3, 4, None).unwrap()), 64 * 3);
    }
}
