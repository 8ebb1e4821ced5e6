//! Bounds on every request: the size of its headers, the time it takes, and panics.

use crate::api::State;
use crate::base::error::ApiError;
use crate::infra::http::refuse_repeated;
use actix_web::Error;
use actix_web::http::header::HeaderMap;
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

/// Checks the size of the headers, and that none that decides something is repeated.
///
/// # Errors
/// `bad_request`
pub(super) fn check_headers(headers: &HeaderMap, state: &State) -> Result<(), ApiError> {
    let (mut size, mut count) = (0, 0);
    for (name, value) in headers {
        size += name.as_str().len() + value.len();
        count += 1;
    }
    let limit = state.config.server.header_limit;
    if size > limit {
        return Err(ApiError::bad_request(format!("The headers are {size} bytes; at most {limit} are allowed.")));
    }
    // No header was sent twice.
    if count == headers.len_keys() {
        return Ok(());
    }
    refuse_repeated(headers, &state.api_keys.headers.own)
}
