//! API keys: their life, their limits, and how they follow their creator.

mod creator;
mod guesses;
mod idempotency;
mod import;
mod last_used;
mod life_cycle;
mod limits;
mod reasons;
mod revocation;
mod settings;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        creator::tests(),
        guesses::tests(),
        idempotency::tests(),
        import::tests(),
        last_used::tests(),
        life_cycle::tests(),
        limits::tests(),
        reasons::tests(),
        revocation::tests(),
        settings::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
