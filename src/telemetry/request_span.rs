//! The span around each request, and what happens when it ends: it is counted, and its line is written.

use super::RequestContext;
use super::context::Arrival;
use super::metrics::Verification;
use super::request_lines::{Line, write};
use crate::access::Caller;
use crate::error::ApiError;
use crate::http::errors::Unrouted;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage};
use tracing::{Span, field};
use tracing_actix_web::RootSpanBuilder;

/// Builds the span, for whoever looks at `debug`. At `info` it does not exist and costs one comparison: opening and
/// closing a span takes longer than a cached key's whole verification. Lines have their request's id all the same.
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(req: &ServiceRequest) -> Span {
        tracing::debug_span!(
            "request",
            request_id = RequestContext::current_id().map(field::display),
            method = %req.method(),
            caller = field::Empty,
        )
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let Some(context) = RequestContext::current() else { return };
        let Some(arrival) = context.arrival() else { return };
        let state = &arrival.state;
        let (status, error, route) = match outcome {
            Ok(response) => {
                let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
                let route = arrival.plain_route.unwrap_or_else(|| state.routes.of_request(response.request()));
                (response.status().as_u16(), error, route)
            }
            Err(error) => {
                let unrouted = error.as_error::<Unrouted>().map(|unrouted| &unrouted.error);
                let route = arrival.plain_route.unwrap_or_else(|| state.routes.of_path(arrival.uri.path()));
                (error.as_response_error().status_code().as_u16(), unrouted, route)
            }
        };
        count(arrival, outcome, error);
        state.metrics.requests.observe(route, &arrival.method, status, arrival.started.elapsed());
        let _entered = span.enter();
        let line = Line { context: &context, arrival, route: state.routes.template(route), status, error };
        write(&line, outcome.as_ref().ok().map(ServiceResponse::request));
    }
}

/// Counts how the verification of the caller's credential went.
fn count<B>(arrival: &Arrival, outcome: &Result<ServiceResponse<B>, Error>, error: Option<&ApiError>) {
    let Ok(response) = outcome else { return };
    let request = response.request();
    let refused = error.and_then(|error| Verification::refused(error.code, request.headers()));
    let verification = refused.or_else(|| request.extensions().get::<Caller>().map(Verification::succeeded));
    if let Some(verification) = verification {
        arrival.state.metrics.verifications.count(verification);
    }
}
