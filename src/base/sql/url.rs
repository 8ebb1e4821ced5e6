//! [`DatabaseUrl`]: the kind and address of the database.

use crate::base::text::without_password;
use std::fmt;

/// The database's address: `postgres://…` or `sqlite://PATH`. `Display` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A libpq connection URL.
    Postgres(String),
    /// A file's path.
    Sqlite(String),
}

impl std::str::FromStr for DatabaseUrl {
    /// Constant, because the text may hold a password.
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) {
            check_for_libpq(rest)?;
            return Ok(Self::Postgres(url.to_owned()));
        }
        match url.strip_prefix("sqlite://") {
            // SQLite would read `file:` as a URI of its own.
            Some(path) if !path.is_empty() && !path.contains(":memory:") && !path.starts_with("file:") => {
                Ok(Self::Sqlite(path.to_owned()))
            }
            _ => Err("must be postgres://USER:PASSWORD@HOST/DATABASE or sqlite://PATH"),
        }
    }
}

/// Refuses what libpq can't read, because its errors quote the URL with the password (`conninfo_uri_parse_options`).
fn check_for_libpq(rest: &str) -> Result<(), &'static str> {
    if !is_percent_encoded(rest) {
        return Err("has a % without two hexadecimal digits behind it; a % in the user or the password is written %25");
    }
    let (user, rest) = split_user(rest);
    // Other parsers begin the query or the fragment there.
    if user.is_some_and(|user| user.contains(['?', '#'])) {
        return Err(ENCODE);
    }
    let (address, query) = rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
    // An @ behind the first one, or behind a slash, is a password's.
    if address.contains('@') || query.is_some_and(|query| query.contains('@')) {
        return Err(ENCODE);
    }
    let (hosts, _) = address.split_once('/').unwrap_or((address, ""));
    if !hosts.split(',').all(is_host) {
        return Err("has a host that is none; it must be postgres://USER:PASSWORD@HOST:PORT/DATABASE");
    }
    let is_parameter =
        |pair: &str| pair.split_once('=').is_some_and(|(name, value)| !name.is_empty() && !value.contains('='));
    if !query.is_none_or(|query| query.split('&').all(is_parameter)) {
        return Err("has a query that is not NAME=VALUE&…; an = in a value is written %3D");
    }
    Ok(())
}

/// What is said of a URL whose password is not percent-encoded.
const ENCODE: &str =
    "has an @, # or ? too many; in the user and the password, / is written %2F, ? %3F, # %23 and @ %40";

/// Splits user and password off, as libpq does: they end at the first @ before a slash.
fn split_user(rest: &str) -> (Option<&str>, &str) {
    match rest.find(['@', '/']) {
        Some(at) if rest[at..].starts_with('@') => (Some(&rest[..at]), &rest[at + 1..]),
        _ => (None, rest),
    }
}

/// True when each % begins two hexadecimal digits other than those of NUL.
fn is_percent_encoded(text: &str) -> bool {
    let is_byte = |after: &str| {
        let digits = after.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit) && digits != b"00")
    };
    text.split('%').skip(1).all(is_byte)
}

/// True for a name, an address, an IPv6 address in brackets, or nothing, with or without a port.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if !address.is_empty() && (port.is_empty() || port.starts_with(':')) => {
                (address, port.trim_start_matches(':'))
            }
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if !name.contains('[') => (name, port),
            None => (host, ""),
            Some(_) => return false,
        },
    };
    !name.contains([' ', '?', '#']) && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())
}

impl DatabaseUrl {
    /// Returns where the database is, for the operator: the absolute path of a file, or the URL without its password.
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => match std::path::absolute(path) {
                Ok(path) => path.display().to_string(),
                Err(_) => path.clone(),
            },
            Self::Postgres(_) => self.to_string(),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{path}"),
            // libpq takes a password in the authority and as a query parameter; neither is shown.
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libpq_reads_is_taken() {
        for url in [
            "postgres://keyward:p%25w@db.example:5432/keyward?sslmode=require",
            "postgresql://keyward@db.example/keyward",
            "postgres:///keyward?host=/run/postgresql",
            "postgres://%2Frun%2Fpostgresql/keyward",
            "postgres://a:b:c@one:5432,two:5433/db",
            "postgres://[::1]:5432/db",
            "postgres://[::1]/db",
            "postgres://h",
            "postgres://",
            "sqlite://data/keyward.db",
            "sqlite:///var/lib/keyward.db",
        ] {
            assert!(url.parse::<DatabaseUrl>().is_ok(), "{url}");
        }
    }

    #[test]
    fn a_url_whose_error_in_libpq_would_quote_the_password_is_refused() {
        for url in [
            "postgres://keyward:hunter2%@h/db",
            "postgres://keyward:hunter2%z0@h/db",
            "postgres://keyward:hunter2%00@h/db",
            "postgres://keyward:hunter2%2@h/db",
            "postgres://keyward:hunt@er2@h/db",
            "postgres://keyward:hunt/er2@h/db",
            "postgres://keyward:hunt#er2@h/db",
            "postgres://keyward:hunt?er2@h/db",
            "postgres://keyward:hunter2@h:port/db",
            "postgres://keyward:hunter2@[::1/db",
            "postgres://keyward:hunter2@[::1]x/db",
            "postgres://keyward:hunter2@h/db?sslmode",
            "postgres://h/db?password=hunter2%",
            "postgres://h/db?password=hunter2=",
            "sqlite://",
            "sqlite://:memory:",
            "sqlite://file:data.db",
            "hunter2",
        ] {
            assert!(url.parse::<DatabaseUrl>().is_err(), "{url}");
        }
    }
}
