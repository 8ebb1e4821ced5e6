//! [`Failure`]: why a client command failed, and its exit code.

use crate::client::refusal::ServerRefusal;
use std::fmt;
use std::process::ExitCode;

/// The exit codes, for `--help`. They never change their meaning.
pub const HELP: &str = "\
Environment, over the file that `keyward configure` writes, and under the flags:
  KEYWARD_API_KEY, KEYWARD_WORKSPACE_ID, KEYWARD_URL (with the base path: https://api.example.com/v1)

Exit codes:
  0  done
  1  refused or failed in another way than below
  2  the arguments are wrong
  3  not configured: there is no API key, or a setting is malformed
  4  401: the key is not accepted
  5  403: the key may not do this
  6  404: there is no such thing
  7  429: too many requests, and waiting did not help
  8  the server failed, or could not be reached";

/// Why a command failed. It never holds a key.
#[derive(Debug)]
pub enum Failure {
    /// The arguments are wrong.
    Usage(String),
    /// A key is missing, or a setting in the environment or the file is malformed.
    NotConfigured(String),
    /// The server answered with an error.
    Refused(ServerRefusal),
    /// There is no answer, or one that is not Keyward's.
    NoAnswer(String),
    /// This machine failed, as when a file can't be written.
    Here(String),
    /// Another failure, with a hint.
    Explained(Box<Failure>, String),
}

impl Failure {
    /// Adds `hint` to a 404 and to missing configuration, where nothing could be asked.
    pub fn hinting_if_unknown(self, hint: String) -> Self {
        match self {
            Self::Refused(ServerRefusal { status: 404, .. }) | Self::NotConfigured(_) => {
                Self::Explained(Box::new(self), hint)
            }
            Self::Explained(failure, earlier) => match failure.hinting_if_unknown(hint) {
                Self::Explained(failure, hint) => Self::Explained(failure, format!("{earlier}\n{hint}")),
                failure => Self::Explained(Box::new(failure), earlier),
            },
            other => other,
        }
    }

    /// Returns the exit code that [`HELP`] lists.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.number())
    }

    fn number(&self) -> u8 {
        match self {
            Self::Here(_) => 1,
            Self::Usage(_) => 2,
            Self::NotConfigured(_) => 3,
            Self::Refused(refusal) => match refusal.status {
                401 => 4,
                403 => 5,
                404 => 6,
                429 => 7,
                500.. => 8,
                _ => 1,
            },
            Self::NoAnswer(_) => 8,
            Self::Explained(failure, _) => failure.number(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::NotConfigured(text) | Self::NoAnswer(text) | Self::Here(text) => {
                f.write_str(text)
            }
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Explained(failure, hint) => write!(f, "{failure}\n{hint}"),
        }
    }
}
