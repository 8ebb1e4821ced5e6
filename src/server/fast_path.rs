//! [`FastPaths`]: the usual answers to programs and services whose credentials are in memory, without the way through the
//! application.
//!
//! A middleware, a scope, an extractor each cost little, and together as much as all that Keyward does for a good key. So the
//! routes that are asked all the time are answered here, before any of them, if all is as usual: the credential is in memory
//! and good, the organization pays, its rate limit has room, and nobody wants to read of the request in the log. Each step
//! is the function that the long way calls, in its order.
//!
//! Whatever is unusual goes the long way, as if nothing had been tried: until it is known that the answer is given here, nothing
//! is noted, counted or charged. So no refusal is written here.

use crate::api::Credential;
use crate::api::State;
use crate::api::authentication::{X_WORKSPACE_ID, credential_of};
use crate::base::config::RateLimitStore;
use crate::base::error::ApiError;
use crate::base::time::Moment;
use crate::domain::api_keys::KeyCaller;
use crate::domain::service_tokens::CachedServiceToken;
use crate::domain::subscriptions::subscription_gate;
use crate::infra::http::{RouteId, client_address};
use crate::infra::rate_limit::ONE;
use crate::infra::request::{RequestId, X_REQUEST_ID};
use crate::infra::telemetry::metrics::{CredentialKind, Verification};
use crate::infra::telemetry::{is_detailed, traces};
use crate::server::limits;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
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
    /// Of a `GET` to a program that was let through: made of its key alone. It is asked before the request is charged, and has
    /// no effect.
    Program(fn(&KeyCaller) -> Result<HttpResponse, ApiError>),
    /// Of a `POST` of JSON to a service, whose client is at the address. `None` goes the long way, and then has had no effect.
    Service(fn(&State, &[u8], Option<IpAddr>) -> Option<HttpResponse>),
}

/// The routes that have a shortcut.
pub(super) struct FastPaths(Box<[(RouteId, FastPath)]>);

/// A request, as it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestStart {
    /// When.
    pub(super) at: Moment,
    /// For what.
    pub(super) route: RouteId,
}

impl FastPaths {
    /// Of these paths. None at all where something further in, the log or a collector of traces wants to see each request.
    pub(super) fn new(state: &State, shortcuts: &[(String, FastPath)]) -> Self {
        let config = &state.config;
        let is_seen = is_detailed(&config.log) || traces::are_on() || !config.server.cors_origins.is_empty();
        // What has to be asked elsewhere is not known at once.
        let is_asked = config.cluster.cached_keys == 0 || config.rate_limit.store != RateLimitStore::Memory;
        let shortcuts = if is_seen || is_asked { &[] } else { shortcuts };
        let of_route = |(path, shortcut): &(String, FastPath)| Some((state.routes.of_plain_path(path)?, *shortcut));
        Self(shortcuts.iter().filter_map(of_route).collect())
    }

    /// The shortcut of a route.
    pub(super) fn of(&self, route: RouteId) -> Option<FastPath> {
        self.0.iter().find(|(known, _)| *known == route).map(|(_, shortcut)| *shortcut)
    }
}

/// The answer to a program, or `None` if its request has to go the long way.
///
/// Cost: what verification and the rate limit cost, the answer's own allocations, and one more look at the clock.
pub(super) fn answer_program(
    state: &State,
    req: &ServiceRequest,
    came: &RequestStart,
    answer: fn(&KeyCaller) -> Result<HttpResponse, ApiError>,
) -> Option<HttpResponse> {
    let (Some(Credential::ApiKey(key)), headers) = (usual_credential(state, req, Method::GET), req.headers()) else {
        return None;
    };
    let from = client_address(req.request(), &state.config.server.trusted_proxies);
    let caller = state.api_keys.lookup_cached(key, from, &came.at)?;
    subscription_gate(&state.config, caller.subscription).ok()?;
    let named = headers.get(X_WORKSPACE_ID);
    if named.is_some_and(|named| named.as_bytes() != caller.workspace_id.characters()) {
        return None;
    }
    let mut response = answer(&caller).ok()?;
    let allowance = state.rate_limits.charge_at_once(caller.rate_limit_subject(), ONE, came.at.monotonic)?;
    state.api_keys.record_admitted(&caller, &came.at);
    allowance.write_headers(response.headers_mut());
    finish(state, &mut response, &Method::GET, came, CredentialKind::ApiKey);
    Some(response)
}

/// A service whose token is good, and may ask with a body of JSON; `None` if its request has to go the long way.
pub(super) fn known_service(
    state: &State,
    req: &ServiceRequest,
    came: &RequestStart,
) -> Option<Arc<CachedServiceToken>> {
    let Some(Credential::ServiceToken(token)) = usual_credential(state, req, Method::POST) else { return None };
    let is_json = req.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes() == b"application/json");
    is_json.then(|| state.service_tokens.lookup_cached(token, &came.at)).flatten()
}

/// The answer to such a service, if its body is there already, or `None` if its request has to go the long way, with its body
/// as it came.
pub(super) async fn answer_service(
    state: &State,
    service: &Arc<CachedServiceToken>,
    req: &mut ServiceRequest,
    came: &RequestStart,
    answer: fn(&State, &[u8], Option<IpAddr>) -> Option<HttpResponse>,
) -> Option<HttpResponse> {
    let body = whole_body(req, state.config.server.body_limit).await?;
    let from = client_address(req.request(), &state.config.server.trusted_proxies);
    let Some(mut response) = answer(state, &body, from) else {
        req.set_payload(Payload::from(body));
        return None;
    };
    state.service_tokens.record_admitted(service, &came.at);
    finish(state, &mut response, &Method::POST, came, CredentialKind::ServiceToken);
    Some(response)
}

/// The credential of a request that has nothing unusual about it.
fn usual_credential<'r>(state: &State, req: &'r ServiceRequest, method: Method) -> Option<Credential<'r>> {
    if *req.method() != method || req.uri().query().is_some() {
        return None;
    }
    limits::check_headers(req.headers(), state.config.server.header_limit).ok()?;
    credential_of(req.headers(), &state.api_keys).ok()
}

/// A body that came in one piece, in the packets of the headers. Else it stays with the request: who waits for it bounds the
/// time.
async fn whole_body(req: &mut ServiceRequest, limit: usize) -> Option<Bytes> {
    // actix hands the request on before it looks for the body's first byte. It does that before it asks again.
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

/// The body with what was taken of it.
fn restored(
    seen: impl IntoIterator<Item = Result<Bytes, actix_web::error::PayloadError>> + 'static,
    rest: Payload,
) -> Payload {
    let whole = stream::iter(seen).chain(rest);
    Payload::Stream { payload: Box::pin(whole) }
}

/// What is told of every request that is answered here.
fn finish(state: &State, response: &mut HttpResponse, method: &Method, came: &RequestStart, kind: CredentialKind) {
    response.headers_mut().append(X_REQUEST_ID, RequestId::random().header_value());
    state.metrics.verifications.count(Verification { kind, refusal: None });
    state.metrics.requests.observe(came.route, method, response.status().as_u16(), came.at.elapsed());
}
