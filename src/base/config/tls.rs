//! `[server.tls]`

use reqwest::header::HeaderValue;
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
    /// The `Strict-Transport-Security` of every answer. An empty text omits it.
    #[serde(default = "one_year")]
    pub hsts: String,
}

fn one_year() -> String {
    "max-age=31536000; includeSubDomains".to_owned()
}

impl Tls {
    pub(super) fn check(&self) -> Result<(), String> {
        let is_header = HeaderValue::from_str(&self.hsts).is_ok();
        if !(self.hsts.is_empty() || is_header && self.hsts.starts_with("max-age=")) {
            return Err("server.tls.hsts: must look like \"max-age=31536000; includeSubDomains\", or be empty".into());
        }
        Ok(())
    }
}
