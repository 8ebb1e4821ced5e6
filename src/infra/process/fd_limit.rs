//! The limit on open files, which bounds how many connections this process can serve.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files reserved for other uses than clients' connections: the database, the log, mails, Redis, issuers' keys.
const OWN: u64 = 200;

/// Raises the limit as far as the system allows. The usual soft limit of 1,024 is for programs that use `select`, and
/// Keyward does not use it.
///
/// # Errors
/// That of the system, if it refuses. The server can run without this.
pub fn raise() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}

/// Returns how many connections of clients there is room for, at most `wanted`.
///
/// A server that accepts more runs out of files: it can't reach its database either, and accepted requests fail.
/// Connections that are not accepted wait in the system's queue.
pub fn room_for_connections(wanted: usize) -> usize {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return wanted };
    // Under a very low limit, half of it is better than nothing.
    let room = limit.saturating_sub(OWN).max(limit / 2);
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_the_rest_of_the_program() {
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        assert_eq!(room_for_connections(1), 1);
        assert!(limit.is_none_or(|limit| room_for_connections(usize::MAX) < limit));
    }
}
