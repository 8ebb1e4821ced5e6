//! The span around each request, for logs at `debug` and for traces.

use crate::infra::request::RequestId;
use crate::infra::telemetry::traces;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage};
use tracing::{Span, field};
use tracing_actix_web::RootSpanBuilder;

/// Builds the span.
///
/// `log.filter` is fixed at start-up. If it excludes the span, `tracing-actix-web` is left out
/// ([`RequestSpan::is_wanted`]): its request id, its entries in the request's extensions and its future cost a tenth of
/// a cached key's whole request, and opening and closing a span costs more. Log lines still have the request's id, from
/// [`crate::infra::request::RequestContext`].
pub struct RequestSpan;

impl RequestSpan {
    /// Returns whether the log filter admits the span, or a collector takes it.
    pub fn is_wanted() -> bool {
        traces::are_on() || !Self::open(None, None).is_disabled()
    }

    // The values may be absent: `tracing` decides for each place in the code whether a span is wanted.
    fn open(id: Option<RequestId>, method: Option<&str>) -> Span {
        tracing::debug_span!("request", request_id = id.map(field::display), method = method.map(field::display))
    }
}

impl RootSpanBuilder for RequestSpan {
    /// Assigns the request's id, because the span comes first. `server::pipeline` finds the id in the request.
    fn on_request_start(req: &ServiceRequest) -> Span {
        let id = RequestId::random();
        req.extensions_mut().insert(id);
        match traces::are_on() {
            true => super::traces::request(req, id),
            false => Self::open(Some(id), Some(req.method().as_str())),
        }
    }

    /// Does nothing: `super::request_record` reports the request's end, inside the span.
    fn on_request_end<B: MessageBody>(_: Span, _: &Result<ServiceResponse<B>, Error>) {}
}
