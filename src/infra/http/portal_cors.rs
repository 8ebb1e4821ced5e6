//! CORS for the pages that use portal sessions, whose origins no configuration names.
//!
//! A preflight carries no credential, so it can't say whose page asks. At the routes of portal sessions it is granted to
//! every origin that has the form of one. That gives a page nothing: the answer has no data, no cookie counts here, and
//! credentials of the browser are not allowed. The page may then send a request with a token that it must have itself, as
//! any program may without a browser. Only the session's own origins may read the answer: the token has them, and
//! `api::authentication` grants it.

use crate::base::config::is_exact_origin;
use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, idempotency-key");
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static("x-request-id, retry-after, idempotent-replayed");
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");
const VARY: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// Answers the preflight of an origin; `None` for a text that is none.
pub fn preflight(origin: &HeaderValue) -> Option<HttpResponse> {
    is_exact_origin(origin.to_str().ok()?).then(|| {
        HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()))
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE))
            .insert_header((header::VARY, VARY))
            .finish()
    })
}

/// Lets pages of the origin read an answer.
pub fn grant(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}
