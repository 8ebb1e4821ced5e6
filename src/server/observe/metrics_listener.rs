//! [`MetricsServer`]: `/metrics`, and `/readyz` with its details, on an address of its own, which no customer reaches.

use crate::api::{State, health};
use crate::server::error_responses;
use actix_web::dev::Server;
use actix_web::http::header::{CACHE_CONTROL, ContentType, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::DefaultHeaders;
use actix_web::{App, HttpResponse, HttpServer, web};
use std::net::SocketAddr;

/// The media type of OpenMetrics, which Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A bound listener for `/metrics` and `/readyz`.
pub struct MetricsServer {
    address: SocketAddr,
    server: Server,
}

impl MetricsServer {
    /// Binds the address, if one is configured. One thread is enough for a scraper.
    ///
    /// # Errors
    /// A text for the operator.
    pub fn bind(state: &web::Data<State>) -> Result<Option<Self>, String> {
        let Some(listen) = state.config.metrics.listen else { return Ok(None) };
        let state = state.clone();
        let server = HttpServer::new(move || {
            let metrics = web::resource("/metrics").route(web::get().to(scrape)).route(web::head().to(scrape));
            let readiness = web::resource("/readyz").route(web::get().to(readyz)).route(web::head().to(readyz));
            let plain = DefaultHeaders::new().add((X_CONTENT_TYPE_OPTIONS, "nosniff")).add((CACHE_CONTROL, "no-store"));
            App::new().wrap(plain).app_data(state.clone()).service(metrics).service(readiness)
        });
        let server = server.workers(1).disable_signals().shutdown_timeout(1).bind(listen).map_err(|error| {
            format!("can't listen on {listen} for metrics: {error}; metrics.listen may be another address, or empty")
        })?;
        let address = server.addrs().first().copied().ok_or("the metrics listener has no address")?;
        Ok(Some(Self { address, server: server.run() }))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the server, to be awaited.
    pub fn into_server(self) -> Server {
        self.server
    }
}

async fn readyz(state: web::Data<State>) -> HttpResponse {
    match health::readiness(&state).await {
        Ok(readiness) => HttpResponse::Ok().json(readiness),
        Err(error) => error_responses::response(&error, &state),
    }
}

async fn scrape(state: web::Data<State>) -> HttpResponse {
    match state.metrics.text() {
        Ok(text) => HttpResponse::Ok().insert_header(("content-type", OPEN_METRICS)).body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics can't be written");
            HttpResponse::InternalServerError().insert_header(ContentType::plaintext()).body("see the log\n")
        }
    }
}
