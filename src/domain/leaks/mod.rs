//! Keys that were found where anybody can read them: `POST /keys/revoke-leaked`, in the format of GitHub's secret scanning
//! partner program (<https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program>).
//!
//! GitHub signs what it sends ([`signature`]); a scanner of one's own brings a service token instead. Every key that is found
//! is revoked at once ([`model`]): it is public, whoever reads about it first. Its creator is told by mail ([`letter`]). The
//! answer says of each text whether it is a key, by the text's SHA-256.

pub(crate) mod email;
pub(crate) mod model;
pub(crate) mod signature;

pub use signature::GithubKeys;
