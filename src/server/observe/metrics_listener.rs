//! [`MetricsServer`]: `/metrics`, on an address of its own, which no customer reaches.

use crate::api::State;
use actix_web::dev::Server;
use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, web};
use std::net::SocketAddr;

/// The media type of OpenMetrics, which Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A bound listener for `/metrics`.
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
            App::new().app_data(state.clone()).service(metrics)
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

async fn scrape(state: web::Data<State>) -> HttpResponse {
    match state.metrics.text() {
        Ok(text) => HttpResponse::Ok().insert_header(("content-type", OPEN_METRICS)).body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics can't be written");
            HttpResponse::InternalServerError().insert_header(ContentType::plaintext()).body("see the log\n")
        }
    }
}
