//! Leaked keys: `POST /keys/revoke-leaked`, in the format of GitHub's secret scanning partner program
//! (<https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program>).
//!
//! GitHub signs its reports (`signature`); another scanner authenticates with a service token. Every reported key is
//! revoked at once (`model`), since it is public, whatever the source of the report. Its creator gets a mail (`email`).
//! The answer states for each text, by its SHA-256, whether it is a key.

pub(crate) mod email;
pub(crate) mod model;
pub(crate) mod signature;

pub use signature::GithubKeys;
