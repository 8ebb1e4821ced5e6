//! [`FastPaths`]: the usual answers to API clients and services whose credentials are in memory, without the full
//! pipeline.
//!
//! A middleware, a scope, an extractor each cost little, and together as much as all that Keyward does for a good key.
//! So hot routes are answered here, before any of them, in the usual case: the credential is in memory and valid, the
//! organization pays, its rate limit has room, and the request needs no log line. Each step is the function that the
//! full pipeline calls, in the same order.
//!
//! Any other case takes the full pipeline, as if nothing had been tried: until the answer is certain, nothing is
//! recorded, counted or charged. So no error is written here.

use crate::api::Credential;
use crate::api::State;
use crate::api::authentication::credential_of;
use crate::base::config::RateLimitStore;
use crate::base::error::ApiError;
use crate::base::time::Moment;
use crate::domain::api_keys::KeyCaller;
use crate::domain::service_tokens::CachedServiceToken;
use crate::domain::subscriptions::subscription_gate;
use crate::infra::http::{DecidingHeader, RouteId, client_address};
use crate::infra::rate_limit::ONE;
use crate::infra::request::{RequestId, X_REQUEST_ID};
use crate::infra::telemetry::metrics::{CredentialKind, Verification};
use crate::infra::telemetry::{is_detailed, traces};
use crate::server::limits;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpResponse};
use futures_util::future::poll_immediate;
use futures_util::{StreamExt, stream};
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;

/// The usual answer of a route.
#[derive(Clone, Copy, Debug)]
pub enum FastPath {
    /// Answers a `GET` of an admitted API client from its key and its headers. It runs before the request is charged,
    /// and has no effect.
    Program(ProgramAnswer),
    /// Answers a service's `POST` of JSON; the address is the caller's. `None` means the full pipeline, and no effect
    /// so far.
    Service(fn(&State, &[u8], Option<IpAddr>) -> Option<HttpResponse>),
}

/// See [`FastPath::Program`].
pub type ProgramAnswer = fn(&KeyCaller, &State, &HeaderMap) -> Result<HttpResponse, ApiError>;

/// The routes that have a fast path.
pub(super) struct FastPaths(Box<[(RouteId, FastPath)]>);

/// The time and the route of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestStart {
    pub(super) at: Moment,
    pub(super) route: RouteId,
}

impl FastPaths {
    /// Takes these paths; none if CORS, a detailed log or traces need each request, or if a check can't be done in
    /// memory.
    pub(super) fn new(state: &State, fast_paths: &[(String, FastPath)]) -> Self {
        let config = &state.config;
        let is_seen = is_detailed(&config.log) || traces::are_on() || !config.server.cors_origins.is_empty();
        // Then the key or the rate limit is not in memory.
        let is_asked = config.cluster.cached_keys == 0 || config.rate_limit.store != RateLimitStore::Memory;
        let fast_paths = if is_seen || is_asked { &[] } else { fast_paths };
        let of_route = |(path, fast_path): &(String, FastPath)| Some((state.routes.of_plain_path(path)?, *fast_path));
        Self(fast_paths.iter().filter_map(of_route).collect())
    }

    pub(super) fn of(&self, route: RouteId) -> Option<FastPath> {
        self.0.iter().find(|(known, _)| *known == route).map(|(_, fast_path)| *fast_path)
    }
}

/// Returns the answer to an API client; `None` if its request needs the full pipeline.
///
/// Cost: verification, the rate limit, the answer's own allocations, and one more reading of the clock.
pub(super) fn answer_program(
    state: &State,
    req: &ServiceRequest,
    start: &RequestStart,
    answer: ProgramAnswer,
) -> Option<HttpResponse> {
    let (Some(Credential::ApiKey(key)), headers) = (usual_credential(state, req, Method::GET), req.headers()) else {
        return None;
    };
    let from = client_address(req.request(), &state.config.server).ok()?;
    let caller = state.api_keys.lookup_cached(key, from, &start.at)?;
    subscription_gate(&state.config, caller.subscription).ok()?;
    let named = DecidingHeader::WorkspaceId.read(headers).ok()?;
    if named.is_some_and(|named| named.as_bytes() != caller.workspace_id.characters()) {
        return None;
    }
    let mut response = answer(&caller, state, headers).ok()?;
    let allowance = state.rate_limits.charge_at_once(caller.rate_limit_subject(), ONE, start.at.monotonic)?;
    state.api_keys.record_admitted(&caller, &start.at);
    allowance.write_headers(response.headers_mut());
    finish(state, &mut response, &Method::GET, start, CredentialKind::ApiKey);
    Some(response)
}

/// Returns the service of a valid token that sends JSON; `None` if its request needs the full pipeline.
pub(super) fn known_service(
    state: &State,
    req: &ServiceRequest,
    start: &RequestStart,
) -> Option<Arc<CachedServiceToken>> {
    let Some(Credential::ServiceToken(token)) = usual_credential(state, req, Method::POST) else { return None };
    let media_type = DecidingHeader::ContentType.read(req.headers()).ok()?;
    let is_json = media_type.is_some_and(|value| value.as_bytes() == b"application/json");
    is_json.then(|| state.service_tokens.lookup_cached(token, &start.at)).flatten()
}

/// Returns the answer to a service, if its body is there already. `None` if its request needs the full pipeline, which
/// then gets the whole body.
pub(super) async fn answer_service(
    state: &State,
    service: &Arc<CachedServiceToken>,
    req: &mut ServiceRequest,
    start: &RequestStart,
    answer: fn(&State, &[u8], Option<IpAddr>) -> Option<HttpResponse>,
) -> Option<HttpResponse> {
    let from = client_address(req.request(), &state.config.server).ok()?;
    let body = whole_body(req, state.config.server.body_limit).await?;
    let Some(mut response) = answer(state, &body, from) else {
        req.set_payload(Payload::from(body));
        return None;
    };
    state.service_tokens.record_admitted(service, &start.at);
    finish(state, &mut response, &Method::POST, start, CredentialKind::ServiceToken);
    Some(response)
}

/// Returns the credential of a request with this method, without a query, and with acceptable headers.
fn usual_credential<'r>(state: &State, req: &'r ServiceRequest, method: Method) -> Option<Credential<'r>> {
    if *req.method() != method || req.uri().query().is_some() {
        return None;
    }
    limits::check_headers(req.headers(), state).ok()?;
    credential_of(req.headers(), &state.api_keys).ok()
}

/// Takes a body that start in one piece, in the packets of the headers. Any other body stays with the request: the full
/// pipeline waits for it in bounded time.
async fn whole_body(req: &mut ServiceRequest, limit: usize) -> Option<Bytes> {
    // actix passes the request on before it reads the body's first byte, and reads it before it polls again.
    let mut has_waited = false;
    let once = poll_fn(|cx| match std::mem::replace(&mut has_waited, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    });
    once.await;
    let mut payload = req.take_payload();
    let first = poll_immediate(payload.next()).await.flatten();
    let Some(Ok(body)) = first else {
        req.set_payload(restored(first, payload));
        return None;
    };
    match poll_immediate(payload.next()).await {
        Some(None) if body.len() <= limit => Some(body),
        second => {
            let seen = [Some(Ok(body)), second.flatten()].into_iter().flatten();
            req.set_payload(restored(seen, payload));
            None
        }
    }
}

/// Puts the parts that were taken back before the rest of a body.
fn restored(
    seen: impl IntoIterator<Item = Result<Bytes, actix_web::error::PayloadError>> + 'static,
    rest: Payload,
) -> Payload {
    let whole = stream::iter(seen).chain(rest);
    Payload::Stream { payload: Box::pin(whole) }
}

/// Adds the request id, and counts the request and its verification.
fn finish(state: &State, response: &mut HttpResponse, method: &Method, start: &RequestStart, kind: CredentialKind) {
    response.headers_mut().append(X_REQUEST_ID, RequestId::random().header_value());
    state.metrics.verifications.count(Verification { kind, refusal: None });
    state.metrics.requests.observe(start.route, method, response.status().as_u16(), start.at.elapsed());
}
