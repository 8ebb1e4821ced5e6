//! [`Shortcuts`]: the usual answer to a program whose key is in memory, without the way through the application.
//!
//! A middleware, a scope, an extractor each cost little, and together as much as all that Keyward does for a good key. So the
//! routes that are asked all the time are answered here, before any of them, if all is as usual: the key is in memory and
//! good, its organization pays, its rate limit has room, and nobody wants to read of the request in the log. Each step is
//! the function that the long way calls, in its order.
//!
//! Whatever is unusual goes the long way, as if nothing had been tried: until it is known that the answer is given here, nothing
//! is noted, counted or charged. So no refusal is written here.

use super::authentication::{X_WORKSPACE_ID, credential_of};
use super::{RequestId, RouteId, client_address, limits, request_id};
use crate::access::{Credential, KeyCaller, subscription_gate};
use crate::clock::Moment;
use crate::error::ApiError;
use crate::state::State;
use crate::telemetry::metrics::{CredentialKind, Verification};
use crate::telemetry::{RequestSpan, tells_of_reads};
use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;

/// What a route answers to a program that was let through, without waiting for anything. It is asked before the request is
/// charged, and has no effect.
pub type ProgramAnswer = fn(&KeyCaller) -> Result<HttpResponse, ApiError>;

/// The routes that have a shortcut.
pub(super) struct Shortcuts(Box<[(RouteId, ProgramAnswer)]>);

impl Shortcuts {
    /// For the answers to `GET` of these paths. None at all where something further in, or the log, wants to see each request.
    pub(super) fn new(state: &State, answers: &[(String, ProgramAnswer)]) -> Self {
        let is_seen = RequestSpan::is_wanted() || tells_of_reads() || !state.config.server.cors_origins.is_empty();
        let answers = if is_seen { &[] } else { answers };
        let of_route = |(path, answer): &(String, ProgramAnswer)| Some((state.routes.of_plain_path(path)?, *answer));
        Self(answers.iter().filter_map(of_route).collect())
    }

    /// The answer to a request that came at this moment, or `None` if it has to go the long way.
    ///
    /// Cost: what verification and the rate limit cost, and one more look at the clock; the answer's own allocations.
    pub(super) fn answer(&self, state: &State, req: &ServiceRequest, route: RouteId, at: &Moment) -> Option<HttpResponse> {
        let (_, answer) = self.0.iter().find(|(known, _)| *known == route)?;
        if req.method() != Method::GET || req.uri().query().is_some() {
            return None;
        }
        let (settings, headers) = (&state.config.server, req.headers());
        limits::check_headers(headers, settings.header_limit).ok()?;
        let Ok(Credential::ApiKey(key)) = credential_of(headers, &state.api_keys) else { return None };
        let from = client_address(req.request(), &settings.trusted_proxies);
        let caller = state.api_keys.recall(key, from, at)?;
        subscription_gate(&state.config, &caller).ok()?;
        let named = headers.get(X_WORKSPACE_ID);
        if named.is_some_and(|named| named.as_bytes() != caller.workspace_id.text().as_bytes()) {
            return None;
        }
        let mut response = answer(&caller).ok()?;
        let allowance = state.rate_limits.charge_at_once(&caller, at.monotonic)?;
        state.api_keys.let_through(&caller, at);
        allowance.write_headers(response.headers_mut());
        response.headers_mut().append(request_id::X_REQUEST_ID, RequestId::random().header_value());
        state.metrics.verifications.count(Verification { kind: CredentialKind::ApiKey, refusal: None });
        state.metrics.requests.observe(route, req.method(), response.status().as_u16(), at.elapsed());
        Some(response)
    }
}
