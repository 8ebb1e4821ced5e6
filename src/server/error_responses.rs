//! Writes every error, Keyward's and the framework's, in the configured style.
//!
//! An [`ApiError`] arrives as an `actix_web::Error`, or attached to a response without a body. Any other response with
//! an error status and no body of ours (actix's own 404, a payload error) gets the code of its status. A response with
//! its own JSON or page, such as the identity provider's, stays as it is.

use crate::api::State;
use crate::base::error::{ApiError, Code};
use crate::infra::request::RequestId;
use crate::infra::request::X_REQUEST_ID;
use crate::server::security_headers;
use actix_cors::CorsError;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{Error, HttpResponse, ResponseError};

/// Writes the error of a request's outcome, if there is one. `origin` is the request's `Origin`, if it may
/// call.
pub(super) fn render<B: MessageBody + 'static>(
    outcome: Result<ServiceResponse<B>, Error>,
    state: &State,
    id: RequestId,
    origin: Option<HeaderValue>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = outcome.map_err(|error| Unrouted::new(error, state, id, origin))?.map_into_boxed_body();
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(response);
    }
    let own = response.response().error().and_then(|error| error.as_error::<ApiError>());
    let converted;
    let error = match own {
        Some(error) => error,
        None if has_own_body(&response) => return Ok(response),
        None => {
            converted = of_status(status, response.response().error());
            &converted
        }
    };
    let written = Written::new(error, state, id);
    let (request, response) = response.into_parts();
    Ok(ServiceResponse::new(request, written.onto(response)))
}

/// Returns the answer to an error, for a listener without the pipeline.
pub(super) fn response(error: &ApiError, state: &State) -> HttpResponse {
    Written::new(error, state, RequestId::random()).onto(HttpResponse::new(error.code.status()))
}

/// Returns the whole answer to bytes that are not HTTP: status line, headers and body.
pub(super) fn of_malformed(status: StatusCode, state: &State) -> Vec<u8> {
    let error = ApiError::bad_request(match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "The headers are too large.",
        _ => "The request is not HTTP/1.1. Check its first line, its headers and the length of its body.",
    });
    let id = RequestId::random();
    let written = Written::new(&error, state, id);
    let mut response = written.onto(HttpResponse::new(status));
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, id.header_value());
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    security_headers::protect(headers, security_headers::hsts(&state.config.server).as_ref());
    let headers = response.headers().iter();
    let headers: Vec<&[u8]> =
        headers.flat_map(|(name, value)| [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]).collect();
    let body = written.body.as_bytes();
    let start = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    [start.as_bytes(), &headers.concat(), b"\r\n", body].concat()
}

/// An error after a panic or a time-out, or before any handler: there is no request to answer. It makes its own response,
/// because outer middleware can only add to an existing one.
#[derive(Debug)]
pub struct Unrouted {
    pub error: ApiError,
    written: Written,
    request_id: RequestId,
    allow_origin: Option<HeaderValue>,
    hsts: Option<HeaderValue>,
}

impl Unrouted {
    fn new(error: Error, state: &State, id: RequestId, origin: Option<HeaderValue>) -> Self {
        let error = match error.as_error::<ApiError>() {
            Some(error) if error.code == Code::Unavailable => ApiError::unavailable_because(cause_of(error)),
            Some(error) if error.code == Code::Internal => ApiError::internal(cause_of(error)),
            Some(error) => ApiError::with_message(error.code, error.message.clone()),
            None => of_status(error.as_response_error().status_code(), Some(&error)),
        };
        let written = Written::new(&error, state, id);
        Self {
            written,
            error,
            request_id: id,
            allow_origin: origin,
            hsts: security_headers::hsts(&state.config.server),
        }
    }
}

fn cause_of(error: &ApiError) -> String {
    error.cause().unwrap_or_else(|| error.to_string())
}

impl std::fmt::Display for Unrouted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for Unrouted {
    fn status_code(&self) -> StatusCode {
        self.written.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.written.onto(HttpResponse::new(self.written.status));
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, self.request_id.header_value());
        if let Some(origin) = &self.allow_origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        }
        security_headers::protect(headers, self.hsts.as_ref());
        response
    }
}

fn has_own_body<B>(response: &ServiceResponse<B>) -> bool {
    let ours: [&[u8]; 2] = [b"application/json", b"text/html"];
    let named = response.headers().get(header::CONTENT_TYPE);
    named.is_some_and(|value| ours.iter().any(|media| value.as_bytes().starts_with(media)))
}

/// Translates an error of the framework.
fn of_status(status: StatusCode, cause: Option<&Error>) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => ApiError::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed.into(),
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge.into(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType.into(),
        status if status.is_client_error() => match cause.and_then(|cause| cause.as_error::<CorsError>()) {
            Some(refusal) => ApiError::bad_request(of_cors(refusal)),
            // The framework's words say nothing to a client.
            None => Code::BadRequest.into(),
        },
        _ => ApiError::internal(cause.map_or_else(|| status.to_string(), ToString::to_string)),
    }
}

/// Explains a refused request of a page of another origin.
fn of_cors(refusal: &CorsError) -> &'static str {
    match refusal {
        CorsError::OriginNotAllowed | CorsError::MissingOrigin | CorsError::WildcardOrigin => {
            "Pages of this origin may not call. The operator allows origins by server.cors_origins."
        }
        CorsError::MissingRequestMethod | CorsError::BadRequestMethod | CorsError::MethodNotAllowed => {
            "Access-Control-Request-Method must be a method of this API: GET, HEAD, POST, PUT, PATCH or DELETE."
        }
        _ => {
            "Access-Control-Request-Headers names a header that pages may not send. The operator allows more headers by \
             server.cors_headers."
        }
    }
}

/// An error in the configured style.
#[derive(Debug)]
struct Written {
    status: StatusCode,
    body: String,
    content_type: &'static str,
    retry_after: Option<u32>,
    allow: Option<String>,
}

impl Written {
    fn new(error: &ApiError, state: &State, id: RequestId) -> Self {
        Self {
            status: error.code.status(),
            body: state.config.errors.body(error, id.as_str(), state.clock.now()).to_string(),
            content_type: state.config.errors.content_type(),
            retry_after: error.retry_after,
            allow: error.allow.clone(),
        }
    }

    /// Sets the body and the headers of a response. It keeps other headers, and the error for the log line.
    fn onto<B>(&self, response: HttpResponse<B>) -> HttpResponse {
        let mut response = response.set_body(BoxBody::new(self.body.clone()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}
