//! How many files this process may open, which bounds how many connections it can serve.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Snapshot free for what is no client's connection: the database's, the log, the mails, Redis, issuers' keys.
const OWN: u64 = 200;

/// Takes as many as the system lets this process have: the usual soft limit of 1,024 is there for programs that use
/// `select`, and this is none.
///
/// # Errors
/// The system refuses, which is no reason not to serve.
pub fn raise() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}

/// How many connections of clients there is room for, at most `wanted`.
///
/// A server that takes more runs out of files: then it can't reach its database either, and what it has accepted fails.
/// What it does not accept waits in the system's queue.
pub fn room_for_connections(wanted: usize) -> usize {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return wanted };
    // Where there is hardly any room, half is better than nothing.
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
