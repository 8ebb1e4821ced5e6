//! `[database]`: the database's address, and the connection pool.

use super::{Secret, duration};
use crate::base::sql::DatabaseUrl;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// `[database]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: DatabaseUrl,
    /// The most connections.
    pub pool_size: u32,
    /// How long a request waits for a free connection.
    #[serde(with = "duration")]
    pub pool_timeout: Duration,
    /// Whether connections keep prepared statements; false if `url` leads to a pooler that does not support them.
    pub prepared_statements: bool,
    /// Whether a start runs missing migrations. If false, a start refuses the schema of another version.
    pub migrate: bool,
    /// PostgreSQL's direct address, if `url` leads to a pooler such as pgbouncer: LISTEN needs a session of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_url: Option<DatabaseUrl>,
}

impl Database {
    /// Returns the address for LISTEN.
    pub fn listen_url(&self) -> &DatabaseUrl {
        self.listen_url.as_ref().unwrap_or(&self.url)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.pool_size == 0 {
            return Err("database.pool_size: must be at least 1".into());
        }
        let both_are_postgres =
            matches!(self.url, DatabaseUrl::Postgres(_)) && matches!(self.listen_url(), DatabaseUrl::Postgres(_));
        if self.listen_url.is_some() && !both_are_postgres {
            return Err("database.listen_url: is for PostgreSQL behind a connection pooler".into());
        }
        Ok(())
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Secret::<SecretString>::deserialize(deserializer)?;
        text.expose_secret().parse().map_err(serde::de::Error::custom)
    }
}
