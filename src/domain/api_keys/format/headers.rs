//! [`KeyHeaders`]: the request headers that may carry a key.

use crate::base::config::Keys;
use actix_web::http::header::HeaderName;

/// The headers of `keys.headers`, parsed.
#[derive(Debug)]
pub struct KeyHeaders {
    /// Whether `Authorization: Bearer` may carry a key.
    pub bearer: bool,
    /// The headers that carry only a key.
    pub own: Box<[HeaderName]>,
}

impl KeyHeaders {
    pub fn new(keys: &Keys) -> Self {
        // The configuration was validated: each name is a valid header name.
        Self { bearer: keys.bearer(), own: keys.own_headers().filter_map(|name| name.parse().ok()).collect() }
    }
}
