//! Bounds on every request: the size of its headers, the time it takes, and panics.

use crate::base::error::{ApiError, Code};
use actix_web::Error;
use actix_web::http::header::{self, HeaderMap};
use futures_util::FutureExt;
use futures_util::future::poll_immediate;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

/// Runs a request. A panic becomes `internal`, and a request that takes longer than `limit` becomes `unavailable`.
///
/// Cost: most requests of API clients are answered without waiting, and then there is no timer.
pub(super) async fn bounded<T>(limit: Duration, request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut request = pin!(AssertUnwindSafe(request).catch_unwind());
    let answered = match poll_immediate(request.as_mut()).await {
        Some(answered) => Ok(answered),
        None => tokio::time::timeout(limit, request).await,
    };
    match answered {
        Ok(Ok(answer)) => answer,
        // The panic hook has logged the message and the place.
        Ok(Err(_)) => Err(ApiError::internal("a handler panicked").into()),
        Err(_) => Err(ApiError::unavailable_because("the request took longer than server.request_timeout").into()),
    }
}

/// Checks the size of the headers, and that no `Authorization`, `Content-Type` or `Content-Length` is repeated.
///
/// # Errors
/// `bad_request`
pub(super) fn check_headers(headers: &HeaderMap, limit: usize) -> Result<(), ApiError> {
    let (mut size, mut count) = (0, 0);
    for (name, value) in headers {
        size += name.as_str().len() + value.len();
        count += 1;
    }
    if size > limit {
        return Err(ApiError::bad_request(format!("The headers are {size} bytes; at most {limit} are allowed.")));
    }
    // No header was sent twice.
    if count == headers.len_keys() {
        return Ok(());
    }
    // Proxies differ in which of two values they use, so two are refused.
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
