//! [`AttemptLimits`]: limits on guessed passwords and on new accounts.
//!
//! Each failed sign-in counts in three buckets: of the account together with the client's address, of the account from
//! any address, and of the address for any account. Each sign-up counts for the address. A full bucket rejects an
//! attempt before any work; buckets refill evenly over `identity.limits.window`.
//!
//! - An unknown e-mail address counts like a known one, so a rejection reveals nothing.
//! - A success returns only its own charge.
//! - No owner is locked out permanently. An attacker with one address fills the bucket of that address, not the
//!   owner's. An attacker with many addresses fills the account's bucket, which then rejects unknown addresses; an
//!   address from which the owner signed in before bypasses it. Sessions continue in any case, since a refresh is no
//!   sign-in.
//! - An IPv6 customer has at least a /64, so a /64 counts as one address.
//!
//! The counts are in this node's memory: behind a balancer over several nodes, an attacker has the attempts of each.
//! Memory is bounded; when it is full, the least used buckets are removed first.

use crate::base::config::AttemptLimitSettings;
use crate::base::network::network;
use crate::base::time::Timestamp;
use crate::infra::throttle::{Permit, Throttle, evict};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// How long an address counts as the owner's after a sign-in.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 86_400);

/// The limits and the attempts counted so far.
pub(crate) struct AttemptLimits {
    settings: AttemptLimitSettings,
    buckets: Throttle,
    /// Until when an address counts as the account owner's, in milliseconds since 1970.
    known: Mutex<HashMap<u64, i64>>,
}

#[derive(Hash)]
enum AttemptLimit<'a> {
    AccountAndAddress(&'a str, Option<IpAddr>),
    Account(&'a str),
    Address(Option<IpAddr>),
    SignUps(Option<IpAddr>),
}

/// An unfinished sign-in. It counts as failed until it succeeds.
pub(crate) struct Attempt {
    charged: Permit,
    known: u64,
}

impl AttemptLimits {
    pub(crate) fn new(settings: AttemptLimitSettings) -> Self {
        Self { settings, buckets: Throttle::new(settings.window), known: Mutex::default() }
    }

    /// Counts a sign-in to the account of an e-mail address, by its `TypedEmail::limit_key`. `None` when a limit is reached.
    pub(crate) fn sign_in(&self, email: &str, address: Option<IpAddr>, now: Timestamp) -> Option<Attempt> {
        let address = address.map(network);
        let settings = &self.settings;
        let known = self.buckets.key_of(AttemptLimit::AccountAndAddress(email, address));
        let is_known = self.known.lock().get(&known).is_some_and(|end| now.millis() < *end);
        let mut wanted = vec![
            (AttemptLimit::AccountAndAddress(email, address), settings.failures_per_account_and_address),
            (AttemptLimit::Address(address), settings.failures_per_address),
        ];
        if !is_known {
            wanted.push((AttemptLimit::Account(email), settings.failures_per_account));
        }
        let charged = self.buckets.charge(&wanted, now).ok()?;
        Some(Attempt { charged, known })
    }

    /// Returns the charge of an attempt that did not fail.
    pub(crate) fn give_back(&self, attempt: Attempt) {
        self.buckets.give_back(attempt.charged);
    }

    /// Returns the charge of a successful attempt, and remembers the address as the owner's.
    pub(crate) fn succeed(&self, attempt: Attempt, now: Timestamp) {
        let mut known = self.known.lock();
        evict(&mut known, now.millis());
        known.insert(attempt.known, now.plus(KNOWN_FOR).millis());
        drop(known);
        self.give_back(attempt);
    }

    /// Counts a sign-up. `false` when the limit is reached.
    pub(crate) fn sign_up(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        let bucket = AttemptLimit::SignUps(address.map(network));
        self.buckets.charge(&[(bucket, self.settings.sign_ups_per_address)], now).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::throttle::MAX_ENTRIES;

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
        assert!(limits.buckets.len() <= MAX_ENTRIES + 3);
        assert!(!victim(), "still refused");
    }
}
