//! [`stack`]: the middleware around the whole application, in order.

use super::{errors, limits, request_id};
use crate::config::Config;
use crate::telemetry::RequestSpan;
use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::{Condition, from_fn};
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
        // Without an origin to allow there is nothing to say, and saying it takes four headers of each answer.
        .wrap(Condition::new(!config.server.cors_origins.is_empty(), cors(&config.server.cors_origins)))
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
            "idempotency-key",
            "x-api-key",
            "x-workspace-id",
            "x-client-version",
            "x-firebase-client",
            "x-firebase-gmpid",
            "x-firebase-locale",
            "x-firebase-appcheck",
        ])
        .expose_headers(["x-request-id", "retry-after", "ratelimit-policy", "ratelimit", "idempotent-replayed"])
        .block_on_origin_mismatch(false)
        .max_age(3600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::{Sources, load};
    use crate::db::Db;
    use crate::identity::IdentityService;
    use crate::state::State;
    use actix_web::{HttpResponse, test, web};
    use std::time::Duration;

    const ORIGIN: &str = "https://admin.example.com";

    async fn panics() -> HttpResponse {
        panic!("a bug")
    }

    async fn hangs() -> HttpResponse {
        std::future::pending().await
    }

    /// The answer of a route that misbehaves, wrapped as all routes are.
    async fn answer(path: &str) -> (u16, String, serde_json::Value, bool, bool) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/test.db", folder.path().display());
        let mut config = load(&Sources { database_url: Some(url), ..Sources::default() }).unwrap();
        config.identity.builtin = false;
        config.server.request_timeout = Duration::from_millis(50);
        config.server.cors_origins = vec![ORIGIN.to_owned()];
        let (clock, db) = (Clock::system(), Db::new(&config.database));
        let identity = IdentityService::start(&config, &clock, &db).await.unwrap();
        let (state, _) = State::new(config, clock, db, identity).unwrap();
        let state = web::Data::new(state);
        let app = App::new()
            .app_data(state.clone())
            .route("/panics", web::get().to(panics))
            .route("/hangs", web::get().to(hangs));
        let service = test::init_service(stack(app, &state.config)).await;
        let request = test::TestRequest::get().uri(path).insert_header(("origin", ORIGIN)).to_request();
        let response = match actix_web::dev::Service::call(&service, request).await {
            Ok(response) => response.into_parts().1.map_into_boxed_body(),
            Err(error) => error.error_response(),
        };
        let headers = response.headers().clone();
        let id = headers.get("x-request-id").unwrap().to_str().unwrap().to_owned();
        let status = response.status().as_u16();
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap();
        let allowed = headers.get("access-control-allow-origin").is_some_and(|origin| origin == ORIGIN);
        (status, id, body, headers.contains_key("retry-after"), allowed)
    }

    #[actix_web::test]
    async fn a_panic_is_a_500_with_its_id_and_no_word_of_the_cause() {
        let (status, id, body, _, allowed) = answer("/panics").await;
        assert_eq!((status, allowed), (500, true));
        assert_eq!(body["error"]["requestId"], id);
        assert_eq!(body["error"]["code"], "internal");
        assert!(!body.to_string().contains("a bug"));
    }

    #[actix_web::test]
    async fn a_request_that_takes_too_long_is_a_503_with_its_id() {
        let (status, id, body, retry_after, allowed) = answer("/hangs").await;
        assert_eq!((status, retry_after, allowed), (503, true, true));
        assert_eq!(body["error"]["requestId"], id);
        assert_eq!(body["error"]["code"], "unavailable");
    }
}
