//! [`PersonLimits`]: limits what signed-in people write. Programs have the limits of their plans.

use crate::base::config::{Config, PersonLimitSettings};
use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::network::network;
use crate::base::time::Timestamp;
use crate::infra::throttle::Throttle;
use std::net::IpAddr;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The limits, and what this node has counted so far.
pub struct PersonLimits {
    settings: PersonLimitSettings,
    writes: Throttle,
    organizations: Throttle,
}

#[derive(Hash)]
enum WriteLimit<'a> {
    Person(UserId),
    Account(&'a str),
    Address(Option<IpAddr>),
}

impl PersonLimits {
    pub fn new(config: &Config) -> Self {
        let settings = config.limits;
        Self { settings, writes: Throttle::new(settings.window), organizations: Throttle::new(DAY) }
    }

    /// Counts a request that is no read, for the person and for the client's address. An IPv6 /64 is one address.
    ///
    /// # Errors
    /// `rate_limited` when the person or the address has sent too many.
    pub fn count_write(&self, person: UserId, address: Option<IpAddr>, now: Timestamp) -> Result<(), ApiError> {
        self.charge(WriteLimit::Person(person), address, now)
    }

    /// [`PersonLimits::count_write`] for a request of an account of the built-in provider.
    ///
    /// # Errors
    /// `rate_limited` when the account or the address has sent too many.
    pub fn count_account_write(&self, account: &str, address: Option<IpAddr>, now: Timestamp) -> Result<(), ApiError> {
        self.charge(WriteLimit::Account(account), address, now)
    }

    /// Counts a new organization of the person.
    ///
    /// # Errors
    /// `rate_limited` when the person has created too many in a day.
    pub fn count_organization(&self, person: UserId, now: Timestamp) -> Result<(), ApiError> {
        let message = "You have created too many organizations lately. Try again later.";
        let charged = self.organizations.charge(&[(person, self.settings.organizations_per_day)], now);
        charged.map(|_| ()).map_err(|wait| ApiError::rate_limited(message, wait))
    }

    fn charge(&self, person: WriteLimit<'_>, address: Option<IpAddr>, now: Timestamp) -> Result<(), ApiError> {
        let wanted = [
            (person, self.settings.person_writes),
            (WriteLimit::Address(address.map(network)), self.settings.address_writes),
        ];
        let message = "Too many changes were made by you, or from your address. Try again later.";
        self.writes.charge(&wanted, now).map(|_| ()).map_err(|wait| ApiError::rate_limited(message, wait))
    }
}
