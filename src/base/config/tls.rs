//! `[server.tls]`

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[server.tls]`: the files are read at the start, and again at SIGHUP.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The server's certificate and its chain without the root, in PEM.
    pub certificate: PathBuf,
    /// The certificate's private key in PEM, not encrypted.
    pub key: PathBuf,
}
