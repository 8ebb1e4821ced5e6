//! Writes every error in the configured style: ours, and those of the framework.
//!
//! An [`ApiError`] travels here as an `actix_web::Error` or attached to a response without a body. Whatever else has an
//! error status and no body of ours (actix's own 404, a payload error) becomes the code that goes with its status.
//! A response that brings its own JSON, as the identity provider's do, stays as it is.

use super::RequestId;
use crate::error::{ApiError, Code};
use crate::state::State;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};

/// The middleware.
pub async fn render(req: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let request = req.request().clone();
    let response = match next.call(req).await {
        Ok(response) => response.map_into_boxed_body(),
        Err(error) => ServiceResponse::from_err(error, request),
    };
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
    Ok(match write(error, response.request()) {
        Some(written) => written.onto(response),
        None => response,
    })
}

fn has_own_body(response: &ServiceResponse) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

/// An error of the framework in our words.
fn of_status(status: StatusCode, cause: Option<&Error>) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => ApiError::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed.into(),
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge.into(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType.into(),
        status if status.is_client_error() => {
            ApiError::bad_request(cause.map_or_else(|| Code::BadRequest.message().to_owned(), ToString::to_string))
        }
        _ => ApiError::internal(cause.map_or_else(|| status.to_string(), ToString::to_string)),
    }
}

/// An error as it goes out.
struct Written {
    status: StatusCode,
    body: String,
    content_type: &'static str,
    retry_after: Option<u32>,
    allow: Option<String>,
}

fn write(error: &ApiError, request: &HttpRequest) -> Option<Written> {
    let state = request.app_data::<web::Data<State>>()?;
    let id = request.extensions().get::<RequestId>().cloned();
    let id = id.as_ref().map_or("", RequestId::as_str);
    Some(Written {
        status: error.code.status(),
        body: state.config.errors.body(error, id, state.clock.now()).to_string(),
        content_type: state.config.errors.content_type(),
        retry_after: error.retry_after,
        allow: error.allow.clone(),
    })
}

impl Written {
    /// Puts the body and the headers on a response, and keeps its other headers and the error for the log line.
    fn onto(self, response: ServiceResponse) -> ServiceResponse {
        let (request, response) = response.into_parts();
        let mut response = response.set_body(BoxBody::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        ServiceResponse::new(request, response)
    }
}
