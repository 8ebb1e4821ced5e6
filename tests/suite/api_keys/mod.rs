//! API keys: their life, their limits, and how they follow their creator.

mod creator;
mod guesses;
mod idempotency;
mod last_used;
mod life_cycle;
mod limits;
mod settings;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        creator::tests(),
        guesses::tests(),
        idempotency::tests(),
        last_used::tests(),
        life_cycle::tests(),
        limits::tests(),
        settings::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
