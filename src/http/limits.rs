//! Bounds on every request: the size of its headers, the time it takes, and panics.

use crate::error::{ApiError, Code};
use crate::state::State;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error, web};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// The middleware. A panic becomes a 500 and a request that takes too long a 503, each with its id.
pub async fn enforce(
    state: web::Data<State>,
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Err(error) = check_headers(&req, state.config.server.header_limit) {
        return Ok(req.error_response(error).map_into_right_body());
    }
    let answered =
        tokio::time::timeout(state.config.server.request_timeout, AssertUnwindSafe(next.call(req)).catch_unwind());
    match answered.await {
        Ok(Ok(done)) => done.map(ServiceResponse::map_into_left_body),
        // The panic hook has logged the message and the place.
        Ok(Err(_)) => Err(ApiError::internal("a handler panicked").into()),
        Err(_) => Err(ApiError::unavailable_because("the request took longer than server.request_timeout").into()),
    }
}

fn check_headers(req: &ServiceRequest, limit: usize) -> Result<(), ApiError> {
    let headers = req.headers();
    let (mut size, mut count) = (0, 0);
    for (name, value) in headers {
        size += name.as_str().len() + value.len();
        count += 1;
    }
    if size > limit {
        return Err(ApiError::bad_request(format!("The headers are {size} bytes; at most {limit} are allowed.")));
    }
    // Nothing was sent twice: no need to look for what.
    if count == headers.len_keys() {
        return Ok(());
    }
    // Proxies differ in which of two they believe, so two are refused rather than chosen from.
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        if headers.get_all(&name).count() > 1 {
            return Err(ApiError::with_message(
                Code::BadRequest,
                format!("The header {name} was sent more than once."),
            ));
        }
    }
    Ok(())
}
