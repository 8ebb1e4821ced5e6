//! [`cors`]: what pages of other origins may send and read.

use crate::api::State;
use crate::infra::http::DocumentedHeaders;
use actix_cors::Cors;
use actix_web::http::Method;
use std::collections::BTreeSet;

/// Headers that are read before any handler: credentials, media types, conditions of proxies and traces, and those that
/// Firebase's SDK sends.
const READ: [&str; 13] = [
    "authorization",
    "content-type",
    "if-match",
    "if-none-match",
    "traceparent",
    "tracestate",
    "baggage",
    "x-workspace-id",
    "x-client-version",
    "x-firebase-client",
    "x-firebase-gmpid",
    "x-firebase-locale",
    "x-firebase-appcheck",
];

/// Headers that are written after any handler.
const WRITTEN: [&str; 6] =
    ["x-request-id", "retry-after", "etag", "ratelimit-policy", "ratelimit", "idempotent-replayed"];

/// Headers of `rate_limit.x_headers`.
const X_RATELIMIT: [&str; 3] = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];

/// CORS for the configured origins. The headers are those of the document, which are those that handlers read and write.
pub(super) fn cors(state: &State) -> Cors {
    let config = &state.config;
    let DocumentedHeaders { read, written } = state.routes.headers();
    let own = config.keys.own_headers().chain(config.server.cors_headers.iter().map(String::as_str));
    let read: BTreeSet<String> =
        READ.into_iter().chain(own).chain(read.iter().map(String::as_str)).map(str::to_ascii_lowercase).collect();
    let limits = if config.rate_limit.x_headers { &X_RATELIMIT[..] } else { &[] };
    let written: BTreeSet<&str> =
        WRITTEN.into_iter().chain(limits.iter().copied()).chain(written.iter().map(String::as_str)).collect();
    let settings = config.server.clone();
    Cors::default()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allowed_headers(read)
        .expose_headers(written)
        .allowed_origin_fn(move |origin, _| settings.allows_origin(origin.as_bytes()))
        .block_on_origin_mismatch(false)
        .max_age(3600)
}
