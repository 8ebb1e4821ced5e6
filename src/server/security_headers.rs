//! Headers that keep answers out of caches and frames, and browsers from guessing what an answer is.
//!
//! The pipeline adds them to every answer. An answer with a header of its own keeps it: public keys may be cached, and
//! pages have a policy that lets them load their own style.

use crate::base::config::Server;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};

/// The headers of every answer. A browser that shows JSON by itself loads nothing for it, and frames it nowhere.
fn every_answer() -> [(HeaderName, HeaderValue); 3] {
    let policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
    [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
    ]
}

/// Returns the `Strict-Transport-Security` of a server that terminates TLS.
pub(super) fn hsts(server: &Server) -> Option<HeaderValue> {
    let text = server.tls.as_ref().map(|tls| tls.hsts.as_str()).filter(|text| !text.is_empty())?;
    HeaderValue::from_str(text).ok()
}

/// Adds the headers that the answer does not have.
pub(super) fn protect(headers: &mut HeaderMap, hsts: Option<&HeaderValue>) {
    for (name, value) in every_answer() {
        if !headers.contains_key(&name) {
            headers.append(name, value);
        }
    }
    add_hsts(headers, hsts);
}

/// Adds the headers to an answer that has none of them. Cost: three entries of constants, and no lookup.
pub(super) fn protect_hot(headers: &mut HeaderMap, hsts: Option<&HeaderValue>) {
    for (name, value) in every_answer() {
        headers.append(name, value);
    }
    add_hsts(headers, hsts);
}

fn add_hsts(headers: &mut HeaderMap, hsts: Option<&HeaderValue>) {
    if let Some(hsts) = hsts {
        headers.append(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
}
