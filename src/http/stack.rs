//! [`stack`]: the middleware around the whole application, in order.

use super::{errors, limits, request_id};
use crate::config::Config;
use crate::telemetry::RequestSpan;
use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::from_fn;
use actix_web::{App, Error};
use tracing_actix_web::TracingLogger;

/// Wraps an application in everything that each request goes through. The last `wrap` is the outermost.
pub fn stack<T, B>(
    app: App<T>,
    config: &Config,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<T, B>>,
        Error = Error,
        InitError = (),
    > + use<T, B>,
>
where
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<B>, Error = Error, InitError = ()>
        + 'static,
    B: MessageBody + 'static,
{
    app.wrap(from_fn(limits::enforce))
        .wrap(cors(&config.server.cors_origins))
        .wrap(from_fn(errors::render))
        .wrap(TracingLogger::<RequestSpan>::new())
        .wrap(from_fn(request_id::assign))
}

/// CORS for the configured origins, with the headers that Firebase's SDK sends.
fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .allowed_headers([
            "idempotency-key", "x-api-key", "x-workspace-id", "x-client-version", "x-firebase-client",
            "x-firebase-gmpid", "x-firebase-locale", "x-firebase-appcheck",
        ])
        .expose_headers(["x-request-id", "retry-after", "idempotent-replayed"])
        .block_on_origin_mismatch(false)
        .max_age(3600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
