//! [`stack`]: the middleware around the whole application, in order.

use crate::api::State;
use crate::server::FastPath;
use crate::server::cors::cors;
use crate::server::fast_path::FastPaths;
use crate::server::limits;
use crate::server::observe::RequestSpan;
use crate::server::pipeline::Pipeline;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::Condition;
use actix_web::{App, Error, web};
use futures_util::future::Either;
use std::future::ready;
use tracing_actix_web::TracingLogger;

/// Wraps an application in the middleware of all requests. The last `wrap` is the outermost.
///
/// Call it after logging is set up, which decides whether there are spans. `fast_paths` are the paths that have a fast
/// path.
pub fn stack<T>(
    app: App<T>,
    state: &web::Data<State>,
    fast_paths: &[(String, FastPath)],
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<T>>,
        Error = Error,
        InitError = (),
    > + use<T>,
>
where
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
        + 'static,
{
    let settings = &state.config.server;
    let checking = state.clone();
    // Inside CORS, like every other error.
    app.wrap_fn(move |req, next| match limits::check_headers(req.headers(), &checking) {
        Ok(()) => Either::Left(next.call(req)),
        Err(error) => Either::Right(ready(Ok(req.error_response(error)))),
    })
    // Without allowed origins, CORS would only add four headers to each answer.
    .wrap(Condition::new(!settings.cors_origins.is_empty(), cors(state)))
    .wrap(Pipeline::new(state, FastPaths::new(state, fast_paths)))
    .wrap(Condition::new(RequestSpan::is_wanted(), TracingLogger::<RequestSpan>::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::State;
    use crate::base::config::{Sources, load};
    use crate::base::time::Clock;
    use crate::domain::collections::Collections;
    use crate::infra::db::Db;
    use crate::infra::http::RouteTable;
    use crate::infra::request::RequestContext;
    use actix_web::{HttpResponse, test};
    use std::time::Duration;
    use utoipa::openapi::OpenApi;

    const ORIGIN: &str = "https://admin.example.com";

    async fn panics() -> HttpResponse {
        panic!("a bug")
    }

    async fn hangs() -> HttpResponse {
        std::future::pending().await
    }

    async fn tells_of_its_span() -> HttpResponse {
        let span = tracing::Span::current().metadata().map(|metadata| metadata.name());
        HttpResponse::Ok().json((span, RequestContext::current_id().map(|id| id.to_string())))
    }

    /// The answer of a route, wrapped as all routes are.
    async fn answer(path: &str) -> (u16, String, serde_json::Value, bool, bool) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/test.db", folder.path().display());
        let mut config = load(&Sources { database_url: Some(url), ..Sources::default() }).unwrap();
        config.identity.builtin = false;
        config.server.request_timeout = Duration::from_millis(50);
        config.server.cors_origins = vec![ORIGIN.to_owned()];
        let (clock, db) = (Clock::system(), Db::new(&config.database));
        let routes = RouteTable::new(&OpenApi::default(), &[]);
        let catalog = std::sync::Arc::new(config.permission_catalog().unwrap());
        let (state, _) = State::start(config, clock, db, catalog, Collections::default(), routes).await.unwrap();
        let state = web::Data::new(state);
        let app = App::new()
            .app_data(state.clone())
            .route("/panics", web::get().to(panics))
            .route("/hangs", web::get().to(hangs))
            .route("/span", web::get().to(tells_of_its_span));
        let service = test::init_service(stack(app, &state, &[])).await;
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
    async fn a_request_has_a_span_where_the_filter_lets_it_through_and_its_id_anyway() {
        for (filter, span) in [("info", None), ("debug", Some("request")), ("info,keyward=debug", Some("request"))] {
            let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::sink).finish();
            let _installed = tracing::subscriber::set_default(subscriber);
            // `tracing` caches for the whole process whether a span is wanted, when a place in the code is first
            // reached: perhaps by the thread of another test, which wants none. So the cache is rebuilt.
            let (mut found, mut expected) = Default::default();
            for _ in 0..10 {
                tracing::callsite::rebuild_interest_cache();
                let (status, id, body, ..) = answer("/span").await;
                (found, expected) = ((status, body), (200, serde_json::json!([span, id])));
                if found == expected {
                    break;
                }
            }
            assert_eq!(found, expected, "{filter}");
        }
    }

    #[actix_web::test]
    async fn a_request_that_takes_too_long_is_a_503_with_its_id() {
        let (status, id, body, retry_after, allowed) = answer("/hangs").await;
        assert_eq!((status, retry_after, allowed), (503, true, true));
        assert_eq!(body["error"]["requestId"], id);
        assert_eq!(body["error"]["code"], "unavailable");
    }
}
