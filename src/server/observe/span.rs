//! The span around each request, for whoever looks at `debug`, and for traces.

use crate::infra::request::RequestId;
use crate::infra::telemetry::traces;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage};
use tracing::{Span, field};
use tracing_actix_web::RootSpanBuilder;

/// Builds the span.
///
/// `log.filter` is fixed at start-up. Where it does not let the span through, `tracing-actix-web` has nothing to do and is
/// left out ([`RequestSpan::is_wanted`]): its own request id, its entries in the request's extensions and its future cost a
/// tenth of a cached key's whole request, and opening and closing a span still more. Lines have their request's id all
/// the same, from [`crate::infra::request::RequestContext`].
pub struct RequestSpan;

impl RequestSpan {
    /// Whether the filter of this process lets the span through, or a collector takes it.
    pub fn is_wanted() -> bool {
        traces::are_on() || !Self::open(None, None).is_disabled()
    }

    // Also with nothing to tell: whether a span is wanted is decided for each place in the code.
    fn open(id: Option<RequestId>, method: Option<&str>) -> Span {
        tracing::debug_span!("request", request_id = id.map(field::display), method = method.map(field::display))
    }
}

impl RootSpanBuilder for RequestSpan {
    /// The id is given here, since the span comes before all else: `http::pipeline` finds it in the request.
    fn on_request_start(req: &ServiceRequest) -> Span {
        let id = RequestId::random();
        req.extensions_mut().insert(id);
        match traces::are_on() {
            true => super::traces::request(req, id),
            false => Self::open(Some(id), Some(req.method().as_str())),
        }
    }

    /// Nothing: what is told of a request's end is told inside the span, by `super::request_record`.
    fn on_request_end<B: MessageBody>(_: Span, _: &Result<ServiceResponse<B>, Error>) {}
}
