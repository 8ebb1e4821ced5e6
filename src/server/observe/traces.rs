//! The start and the end of a request's span, for OpenTelemetry.

use super::log_line::Line;
use crate::infra::request::RequestId;
use crate::infra::telemetry::traces::TARGET;
use actix_web::dev::ServiceRequest;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header of W3C's Trace Context.
const TRACEPARENT: &str = "traceparent";
/// The methods that semantic conventions know by name.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// Starts the span of a request, under the span that its `traceparent` names.
pub(super) fn request(req: &ServiceRequest, id: RequestId) -> Span {
    let method = known_method(req.method().as_str());
    let span = tracing::debug_span!(
        target: TARGET,
        "request",
        otel.name = method.unwrap_or("HTTP"),
        otel.kind = "server",
        http.request.method = method.unwrap_or("_OTHER"),
        url.scheme = if req.app_config().secure() { "https" } else { "http" },
        keyward.request_id = field::display(id),
    );
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Inbound(req));
    // The span has not begun before, and no other layer holds spans of this target.
    _ = span.set_parent(parent);
    span
}

/// Sets the attributes of an ended request on the current span. Costs an allocation for each text, if the trace is
/// sampled.
pub(super) fn end(line: &Line<'_>) {
    let context = Span::current().context();
    let span = context.span();
    if !span.is_recording() {
        return;
    }
    let method = known_method(line.record.method.as_str()).unwrap_or("HTTP");
    if line.route.starts_with('/') {
        span.update_name(format!("{method} {}", line.route));
        span.set_attribute(KeyValue::new("http.route", line.route.to_owned()));
    }
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(line.status)));
    if let Some(address) = line.context.address() {
        span.set_attribute(KeyValue::new("client.address", address.to_string()));
    }
    if let Some(caller) = line.context.caller() {
        span.set_attribute(KeyValue::new("keyward.caller", caller.to_string()));
    }
    let code = line.error.map(|error| error.code.as_str());
    if let Some(code) = code {
        span.set_attribute(KeyValue::new("keyward.code", code));
    }
    // By the conventions, a 4xx is no error of the server, and the span's status stays unset.
    if line.status >= 500 {
        span.set_attribute(KeyValue::new("error.type", code.unwrap_or("_OTHER")));
        span.set_status(Status::error(""));
    }
}

fn known_method(method: &str) -> Option<&'static str> {
    METHODS.into_iter().find(|known| *known == method)
}

/// Extracts the ids and the flag of a request's trace context. `tracestate` would be text of the caller's choice.
struct Inbound<'a>(&'a ServiceRequest);

impl Extractor for Inbound<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let value = self.0.headers().get(TRACEPARENT).filter(|_| key == TRACEPARENT)?.to_str().ok()?;
        is_well_formed(value).then_some(value)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// Returns whether the parts have their lengths, which the propagator does not check: `00-{32}-{16}-{2}`. Later
/// versions may have more parts.
fn is_well_formed(traceparent: &str) -> bool {
    let bytes = traceparent.as_bytes();
    let digits = |(at, byte): (usize, &u8)| match at {
        2 | 35 | 52 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    bytes.len() >= 55 && bytes.iter().take(55).enumerate().all(digits) && matches!(bytes.get(55), None | Some(b'-'))
}

#[cfg(test)]
mod tests {
    use super::is_well_formed;

    #[test]
    fn a_traceparent_has_parts_of_the_lengths_that_w3c_gives_them() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_well_formed(good) && is_well_formed(&format!("{good}-later")));
        for bad in ["", "00-1-1-01", &good[1..], &good[..54], &format!("{good}0"), &good.replace('f', "+")] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}
