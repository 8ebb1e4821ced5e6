//! `keyward serve`

use crate::base::config::{Config, Sources, load};
use crate::base::time::Clock;
use crate::infra::process::allocator;
use crate::infra::process::fd_limit;
use crate::infra::telemetry;
use crate::infra::telemetry::TraceExport;
use crate::infra::telemetry::metrics::Kind;
use crate::server::{Application, app};
use actix_web::rt::System;
use clap::Args;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Where to listen, and on which schema.
#[derive(Args)]
pub struct ServeArgs {
    /// Address and port; port 0 takes a free one, and the log says which.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Leave the database's schema alone, and refuse to start where it is not this version's.
    #[arg(long)]
    no_migrate: bool,
}

/// Serves until SIGTERM or SIGINT, then finishes the requests in flight; after SIGTERM it drains first
/// (`server.drain_pause`). Reloads the certificate at SIGHUP.
pub fn run(sources: Sources, args: &ServeArgs) -> Result<(), String> {
    let config = load(&Sources { listen: args.listen.clone(), no_migrate: args.no_migrate, ..sources })?;
    start(config, async |_| Ok(()))
}

/// Builds the application, runs `prepare`, and serves.
pub(super) fn start(
    config: Config,
    prepare: impl AsyncFnOnce(&Application) -> Result<(), String>,
) -> Result<(), String> {
    let pages = allocator::take_small_pages();
    let files = fd_limit::raise();
    let traces = TraceExport::start(&config.traces)?;
    // Dropped last, because the drop writes the buffered lines.
    let log = telemetry::init(&config.log, traces.as_ref())?;
    telemetry::log_panics();
    if let Err(error) = pages {
        tracing::info!(%error, "memory comes in huge pages");
    }
    if let Err(error) = files {
        tracing::info!(%error, "the limit on open files stays as it is");
    }
    let lost_spans = traces.as_ref().map(TraceExport::lost_spans);
    let served = System::new().block_on(async {
        let application = app::build(config, Clock::system()).await?;
        let lost = log.lost_lines();
        application.state().metrics.register(
            Kind::Counter,
            "log_lines_lost",
            "Log lines that nobody read in time",
            move |readings| readings.set(&[], lost()),
        );
        if let Some(lost) = lost_spans {
            application.state().metrics.register(
                Kind::Counter,
                "trace_spans_lost",
                "Spans that the collector did not take",
                move |readings| readings.set(&[], lost()),
            );
        }
        prepare(&application).await?;
        let handle = application.handle();
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let mut hangup = signal(SignalKind::hangup()).map_err(|error| error.to_string())?;
        let certificate = application.certificate();
        // Reading two files may block here: this thread answers no requests.
        actix_web::rt::spawn(async move {
            while hangup.recv().await.is_some() {
                match &certificate {
                    Some(certificate) => certificate.reload(),
                    None => tracing::info!("SIGHUP: there is no certificate to reload"),
                }
            }
        });
        let state = application.state();
        actix_web::rt::spawn(async move {
            let pause = tokio::select! {
                _ = terminate.recv() => state.config.server.drain_pause,
                // A person waits for it.
                _ = interrupt.recv() => Duration::ZERO,
            };
            state.drain.begin();
            if !pause.is_zero() {
                tracing::info!(?pause, "draining: not ready any more; the listener stays open meanwhile");
                tokio::select! {
                    () = actix_web::rt::time::sleep(pause) => {}
                    // A second signal ends the pause.
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            tracing::info!("stopping: finishing the requests in flight");
            handle.stop(true).await;
        });
        application.run().await.map_err(|error| error.to_string())
    });
    if let Some(traces) = traces {
        traces.stop();
    }
    served
}
