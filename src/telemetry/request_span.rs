//! The span around each request, and the one line that tells how it ended.

use crate::error::{ApiError, Code};
use crate::http::errors::Unrouted;
use crate::http::request_id::X_REQUEST_ID;
use crate::http::{RequestId, client_address};
use crate::state::State;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage, web};
use std::error::Error as _;
use tracing::{Span, field};
use tracing_actix_web::RootSpanBuilder;

/// Builds the span: request id, method, route, client address; the caller is recorded once it is known.
///
/// The route is the template, such as `/v1/workspaces/{workspaceId}`, never the path, the query or a header's value
/// that the caller chose, save for an inbound request id, cut to 64 plain characters.
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(req: &ServiceRequest) -> Span {
        let request_id = req.extensions().get::<RequestId>().cloned();
        let trusted = req.app_data::<web::Data<State>>().map_or(&[][..], |state| &state.config.server.trusted_proxies);
        let span = tracing::info_span!(
            "request",
            request_id = request_id.as_ref().map(RequestId::as_str),
            method = %req.method(),
            route = req.match_pattern().as_deref().unwrap_or("(none)"),
            client_address = client_address(req.request(), trusted).map(tracing::field::display),
            inbound_request_id = field::Empty,
            caller = field::Empty,
        );
        if let Some(inbound) = req.headers().get(X_REQUEST_ID).and_then(|value| value.to_str().ok()) {
            let plain: String = inbound.chars().filter(char::is_ascii_graphic).take(64).collect();
            span.record("inbound_request_id", plain);
        }
        span
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let _entered = span.enter();
        let (status, error, reads) = match outcome {
            Ok(response) => {
                let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
                (response.status().as_u16(), error, response.request().method().is_safe())
            }
            Err(error) => {
                let unrouted = error.as_error::<Unrouted>();
                (error.as_response_error().status_code().as_u16(), unrouted.map(|unrouted| &unrouted.error), false)
            }
        };
        let code = error.map(|error| error.code.as_str());
        match error {
            Some(error) if error.code == Code::Internal => {
                tracing::error!(status, code, cause = cause(error), "failed");
            }
            Some(error) if error.code == Code::Unavailable => {
                tracing::warn!(status, code, cause = cause(error), "unavailable");
            }
            Some(_) => tracing::info!(status, code, "refused"),
            // What only reads and succeeds is the bulk of all requests, and of no interest to an operator.
            None if reads && status < 400 => tracing::debug!(status, "answered"),
            None => tracing::info!(status, "answered"),
        }
    }
}

/// The chain of causes, which the caller never sees.
fn cause(error: &ApiError) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.join(": ")
}
