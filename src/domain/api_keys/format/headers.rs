//! [`KeyHeaders`]: where a request may carry its key.

use crate::base::config::Keys;
use actix_web::http::header::HeaderName;

/// The headers of `keys.headers`, parsed once.
#[derive(Debug)]
pub struct KeyHeaders {
    /// Whether `Authorization: Bearer` may carry a key.
    pub bearer: bool,
    /// The headers that carry nothing but a key.
    pub own: Box<[HeaderName]>,
}

impl KeyHeaders {
    /// As configured.
    pub fn new(keys: &Keys) -> Self {
        // The configuration was checked: each of them is a header's name.
        Self { bearer: keys.bearer(), own: keys.own_headers().filter_map(|name| name.parse().ok()).collect() }
    }
}
