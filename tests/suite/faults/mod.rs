//! What breaks in operation: a database that restarts, a full disk, a full pool, a lock, kill -9, SIGTERM, slow and
//! idle clients, a clock that is set back. No wrong admission, no lost acknowledged write, no 500 where 503 is meant, and
//! recovery without a restart.
//!
//! [`writers`] change things all the while and know afterwards what must be there. Each test tells [`figures`].

mod clock;
pub mod crowd;
mod disk;
pub mod figures;
mod full_disk;
mod idle_connections;
mod kill;
mod locks;
mod postgres_restart;
mod slow_clients;
mod stop;
mod tally;
mod writers;

use crate::support::harness::Test;

/// Every test of this room.
pub fn all() -> Vec<Test> {
    [
        clock::tests(),
        full_disk::tests_once(),
        idle_connections::tests_once(),
        kill::tests(),
        locks::tests(),
        postgres_restart::tests_once(),
        slow_clients::tests_once(),
        stop::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// For servers under load, which is no customer's.
pub const WITHOUT_LIMITS: &str = "
[plans.free]
requests_per_minute = 60000000
burst = 100000
max_active_keys = 1000000
[rate_limit]
unknown_keys_per_minute = 60000000
[limits]
person_writes = 1000000
address_writes = 1000000
organizations_per_day = 1000000
[subscription]
trials_per_person = 1000000
";
/// The log is searched for secrets, and these tests make a lot of it.
const LOG: &str = "info";
