//! The shared error responses and the schema of their bodies, in the configured style.

use crate::api::errors::{SHARED, Shared};
use crate::base::config::Config;
use crate::base::error::{ApiError, Code, style::Style};
use crate::base::time::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, Header, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder, Schema};

/// The name of the header that all responses have, in `components.headers`.
pub const REQUEST_ID: &str = "RequestId";

/// The shared responses that the operations refer to, by name.
pub fn used_by<'o>(
    operations: impl Iterator<Item = &'o Operation>,
    config: &Config,
) -> BTreeMap<String, RefOr<Response>> {
    let responses = operations.flat_map(|operation| operation.responses.responses.values());
    let used: BTreeSet<&str> = responses
        .filter_map(|response| match response {
            RefOr::Ref(reference) => reference.ref_location.rsplit('/').next(),
            RefOr::T(_) => None,
        })
        .collect();
    let used = SHARED.iter().filter(|shared| used.contains(shared.name));
    used.map(|shared| (shared.name.to_owned(), RefOr::T(response(config, shared)))).collect()
}

/// The header that names a request, once for all responses.
pub fn request_id_header() -> Header {
    text_header("Names this request in Keyward's logs.")
}

/// Gives a response the header that names its request.
pub fn add_request_id(response: &mut Response) {
    let reference = Ref::new(format!("#/components/headers/{REQUEST_ID}"));
    response.headers.insert("X-Request-ID".to_owned(), RefOr::Ref(reference));
}

fn response(config: &Config, shared: &Shared) -> Response {
    let shown: Vec<String> = shared.codes.iter().map(|code| format!("`{}`", code.as_str())).collect();
    let examples = shared.codes.iter().map(|code| {
        let mut error = ApiError::new(*code);
        if *code == Code::ValidationFailed {
            error = ApiError::invalid("name", "must be 1 to 100 characters long; it is 0");
        }
        let body = config.errors.body(&error, "req_Xw3PbV9cQ2LzT7mKd1Rf", example_time());
        (code.as_str(), ExampleBuilder::new().value(Some(body)).build())
    });
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).examples_from_iter(examples).build();
    let mut response =
        ResponseBuilder::new().description(shown.join(", ")).content(config.errors.content_type(), content);
    match shared.status() {
        400 => {
            response = response.description(format!(
                "{}: malformed; or a header that decides something, such as `X-Workspace-Id`, came twice; or a trusted \
                 proxy names no IP address of its client. The message says which.",
                shown.join(", ")
            ));
        }
        401 => response = response.header("WWW-Authenticate", text_header("`Bearer` (RFC 6750).")),
        429 => {
            response = response
                .header("Retry-After", text_header("Seconds to wait."))
                .header("RateLimit-Policy", text_header("The limits, as on each answer to an API key."))
                .header("RateLimit", text_header("What is left of them."));
        }
        503 => response = response.header("Retry-After", text_header("Seconds to wait.")),
        _ => {}
    }
    let mut response = response.build();
    add_request_id(&mut response);
    response
}

/// A header with a text.
pub fn text_header(description: &str) -> Header {
    HeaderBuilder::new().description(Some(description)).build()
}

/// A fixed moment, so that the document does not change from day to day.
fn example_time() -> Timestamp {
    Timestamp::from_millis(1_772_280_000_000).unwrap_or(Timestamp::EPOCH)
}

/// The schema of an error's body in the configured style.
pub fn schema(config: &Config) -> Option<RefOr<Schema>> {
    let text = json!({"type": "string"});
    let details = json!({"type": "array", "items": {"type": "object", "required": ["field", "message"],
        "properties": {"field": text, "message": text}}, "description": "The fields to blame."});
    let object =
        |required: Value, properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let schema = match config.errors.style {
        Style::Envelope => object(
            json!(["error"]),
            json!({"error": object(
                json!(["code", "message", "timestamp", "requestId"]),
                json!({"code": text, "message": text, "timestamp": {"type": "string", "format": "date-time"},
                    "requestId": text, "details": details}),
            )}),
        ),
        Style::Flat => object(json!(["error"]), json!({"error": text})),
        Style::Titled => object(json!(["error", "message"]), json!({"error": text, "message": text})),
        Style::Problem => object(
            json!(["type", "title", "status", "detail", "instance", "code", "requestId"]),
            json!({"type": text, "title": text, "status": {"type": "integer"}, "detail": text, "instance": text,
                "code": text, "requestId": text, "details": details}),
        ),
    };
    serde_json::from_value(schema).ok()
}
