//! [`AttemptLimits`]: how many passwords can be guessed, and how many accounts made.
//!
//! Each failed sign-in counts in three buckets: of the account and the client's address together, of the account from
//! anywhere, and of the address for any account. Each sign-up counts for the address. A full bucket refuses, before any
//! work is done; buckets refill evenly over `identity.limits.window`.
//!
//! - An unknown e-mail address counts as a known one does, so a refusal tells nothing.
//! - A success takes back what it cost itself, and nothing else.
//! - Nobody is locked out for ever. Who attacks from one address fills the bucket of that address, not the owner's. Who
//!   attacks from many fills the account's, which then refuses strangers; an address from which the owner signed in
//!   before passes it by. Sessions go on in any case: refreshing is not a sign-in.
//! - Behind IPv6 one customer has a /64 at least, so that is one address here.
//!
//! The counts are in memory, of this node: behind a balancer over several nodes an attacker has as many tries at each.
//! Memory is bounded; when it is full, the least used buckets go first.

use crate::config::AttemptLimitSettings;
use crate::db::Timestamp;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most buckets: some megabytes.
const MOST_BUCKETS: usize = 100_000;
/// How long an address is the owner's after a sign-in.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 86_400);

/// The limits and what is used of them.
pub(super) struct AttemptLimits {
    settings: AttemptLimitSettings,
    /// Addresses and accounts are kept as hashes under a random key: nobody can aim at a collision.
    hasher: RandomState,
    /// When each bucket is empty again, in milliseconds (GCRA's theoretical arrival time).
    buckets: Mutex<HashMap<u64, i64>>,
    known: Mutex<HashMap<u64, i64>>,
}

#[derive(Hash)]
enum Bucket<'a> {
    AccountAndAddress(&'a str, Option<IpAddr>),
    Account(&'a str),
    Address(Option<IpAddr>),
    SignUps(Option<IpAddr>),
}

/// A sign-in that is going on, counted as failed until it has succeeded.
pub(super) struct Attempt {
    /// The buckets it counts in, and what it cost in each.
    charged: Vec<(u64, i64)>,
    known: u64,
}

impl AttemptLimits {
    /// With nothing used.
    pub(super) fn new(settings: AttemptLimitSettings) -> Self {
        Self { settings, hasher: RandomState::new(), buckets: Mutex::default(), known: Mutex::default() }
    }

    /// Counts a sign-in to the account of that e-mail address, in lower case. `None`: there were too many.
    pub(super) fn sign_in(&self, email: &str, address: Option<IpAddr>, now: Timestamp) -> Option<Attempt> {
        let address = address.map(network);
        let settings = &self.settings;
        let known = self.hasher.hash_one(Bucket::AccountAndAddress(email, address));
        let is_known = lock(&self.known).get(&known).is_some_and(|end| now.millis() < *end);
        let mut wanted = vec![
            (Bucket::AccountAndAddress(email, address), settings.failures_per_account_and_address),
            (Bucket::Address(address), settings.failures_per_address),
        ];
        if !is_known {
            wanted.push((Bucket::Account(email), settings.failures_per_account));
        }
        let charged = self.charge(&wanted, now)?;
        Some(Attempt { charged, known })
    }

    /// The sign-in did not fail: it does not count.
    pub(super) fn give_back(&self, attempt: Attempt) {
        let mut buckets = lock(&self.buckets);
        for (key, cost) in attempt.charged {
            if let Some(empty_at) = buckets.get_mut(&key) {
                *empty_at -= cost;
            }
        }
    }

    /// The person signed in: the attempt does not count, and the address is the person's.
    pub(super) fn succeed(&self, attempt: Attempt, now: Timestamp) {
        let mut known = lock(&self.known);
        make_room(&mut known, now.millis());
        known.insert(attempt.known, now.plus(KNOWN_FOR).millis());
        drop(known);
        self.give_back(attempt);
    }

    /// Counts a sign-up. `false`: there were too many.
    pub(super) fn sign_up(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        let bucket = Bucket::SignUps(address.map(network));
        self.charge(&[(bucket, self.settings.sign_ups_per_address)], now).is_some()
    }

    /// Takes one out of each bucket, or, if one of them is used up, out of none.
    fn charge(&self, wanted: &[(Bucket<'_>, u32)], now: Timestamp) -> Option<Vec<(u64, i64)>> {
        let window = i64::try_from(self.settings.window.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
        let now = now.millis();
        let mut buckets = lock(&self.buckets);
        let mut charges = Vec::with_capacity(wanted.len());
        for (bucket, limit) in wanted {
            let cost = (window / i64::from(*limit).max(1)).max(1);
            let key = self.hasher.hash_one(bucket);
            let empty_at = buckets.get(&key).copied().unwrap_or(now).max(now) + cost;
            // A window is not always a multiple of the limit: the last one must fit all the same.
            if empty_at - now > window.max(cost) {
                return None;
            }
            charges.push((key, cost, empty_at));
        }
        make_room(&mut buckets, now);
        for (key, _, empty_at) in &charges {
            buckets.insert(*key, *empty_at);
        }
        Some(charges.into_iter().map(|(key, cost, _)| (key, cost)).collect())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Drops what is over; if that is not enough, the half that would be over first. An attacker who brings ever new
/// addresses displaces buckets with one attempt in them, not those that are nearly full.
fn make_room(ends: &mut HashMap<u64, i64>, now: i64) {
    if ends.len() < MOST_BUCKETS {
        return;
    }
    ends.retain(|_, end| *end > now);
    if ends.len() >= MOST_BUCKETS / 2 {
        let mut sorted: Vec<i64> = ends.values().copied().collect();
        let middle = sorted.len() / 2;
        let (_, median, _) = sorted.select_nth_unstable(middle);
        let median = *median;
        let mut excess = ends.len() / 2;
        ends.retain(|_, end| {
            let goes = *end <= median && excess > 0;
            excess -= usize::from(goes);
            !goes
        });
    }
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> AttemptLimits {
        AttemptLimits::new(AttemptLimitSettings {
            failures_per_account_and_address: 3,
            failures_per_account: 5,
            failures_per_address: 8,
            sign_ups_per_address: 2,
            window: Duration::from_secs(60),
        })
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1000).unwrap()
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn failures_of_one_account_from_one_address_are_limited_and_refill_one_by_one() {
        let limits = limits();
        let try_once = |now| limits.sign_in("a@b.c", address("192.0.2.1"), at(now)).is_some();
        assert_eq!([0; 4].map(try_once), [true, true, true, false]);
        assert!(!try_once(19) && try_once(20) && !try_once(21));
        assert_eq!([81; 4].map(try_once), [true, true, true, false]);
    }

    #[test]
    fn another_address_of_the_same_account_has_its_own_count_up_to_the_accounts() {
        let limits = limits();
        let try_from = |place: &str| limits.sign_in("a@b.c", address(place), at(0)).is_some();
        assert_eq!(["192.0.2.1"; 4].map(try_from), [true, true, true, false]);
        assert_eq!(["192.0.2.2"; 3].map(try_from), [true, true, false], "five in all");
    }

    #[test]
    fn one_address_can_not_try_many_accounts() {
        let limits = limits();
        let tries = (0..10).filter(|n| limits.sign_in(&format!("{n}@b.c"), address("192.0.2.1"), at(0)).is_some());
        assert_eq!(tries.count(), 8);
        assert!(limits.sign_in("9@b.c", address("192.0.2.2"), at(0)).is_some());
    }

    #[test]
    fn a_success_takes_back_its_own_cost_and_nothing_else() {
        let limits = limits();
        let sign_in = || limits.sign_in("a@b.c", address("192.0.2.1"), at(0));
        assert!(sign_in().is_some() && sign_in().is_some());
        for _ in 0..5 {
            limits.succeed(sign_in().unwrap(), at(0));
        }
        assert!(sign_in().is_some() && sign_in().is_none());
    }

    #[test]
    fn the_owners_address_passes_an_attack_from_everywhere_by() {
        let limits = limits();
        let owner = || limits.sign_in("a@b.c", address("198.51.100.1"), at(0));
        limits.succeed(owner().unwrap(), at(0));
        for host in 0..5 {
            assert!(limits.sign_in("a@b.c", address(&format!("192.0.2.{host}")), at(0)).is_some());
        }
        assert!(limits.sign_in("a@b.c", address("192.0.2.99"), at(0)).is_none(), "a stranger is refused");
        assert!(owner().is_some());
    }

    #[test]
    fn an_ipv6_customer_is_one_address() {
        let limits = limits();
        let tries = |host: &str| limits.sign_up(address(host), at(0));
        assert!(tries("2001:db8:1:2::1") && tries("2001:db8:1:2:ffff::2") && !tries("2001:db8:1:2::3"));
        assert!(tries("2001:db8:1:3::1") && tries("192.0.2.1"));
    }

    #[test]
    fn memory_is_bounded_and_a_used_up_bucket_outlives_a_flood() {
        let limits = limits();
        let victim = || limits.sign_in("victim@b.c", address("192.0.2.1"), at(0)).is_some();
        assert!(victim() && victim() && victim() && !victim());
        for n in 0..120_000_u32 {
            limits.sign_in(
                "x@b.c",
                Some(IpAddr::from((0x2001_0db8_u128 << 96 | u128::from(n) << 64).to_be_bytes())),
                at(0),
            );
            limits.sign_up(Some(IpAddr::from(n.to_be_bytes())), at(0));
        }
        assert!(lock(&limits.buckets).len() <= MOST_BUCKETS + 3);
        assert!(!victim(), "still refused");
    }
}
