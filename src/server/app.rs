//! [`build`]: makes an application from a configuration, for the command line and for tests.

use super::observe::MetricsServer;
use super::{listen, routes, security_txt, stack, swagger};
use crate::api::{Background, State};
use crate::base::config::Config;
use crate::base::policy::PermissionCatalog;
use crate::base::sql::DatabaseUrl;
use crate::base::time::Clock;
use crate::domain::api_keys::FLUSH_INTERVAL;
use crate::domain::changes::Store;
use crate::domain::roles::{NamedBy, undeclared};
use crate::domain::{audit, collections, identity, usage};
use crate::infra::cluster::Membership;
use crate::infra::db::{self, Db, Migrated};
use crate::infra::http::{Bodies, RouteTable};
use crate::infra::telemetry::metrics::Kind;
use crate::infra::tls::Certificate;
use actix_web::dev::{Server, ServerHandle};
use actix_web::{rt, web};
use std::net::SocketAddr;
use std::sync::Arc;

/// An application that listens, and serves once [`Application::run`] is awaited.
pub struct Application {
    address: SocketAddr,
    server: Server,
    state: web::Data<State>,
    background: Background,
    membership: Option<Membership>,
    metrics: Option<MetricsServer>,
    certificate: Option<Arc<Certificate>>,
    document: web::Data<swagger::Document>,
}

/// Migrates the database or checks its schema, builds the state, and binds the address. Runs in an actix system.
///
/// # Errors
/// A text for the operator.
pub async fn build(config: Config, clock: Clock) -> Result<Application, String> {
    let certificate = config.server.tls.as_ref().map(Certificate::load).transpose()?;
    let settings = config.database.clone();
    let Migrated { applied, notes } =
        web::block(move || db::prepare(&settings)).await.map_err(|error| error.to_string())??;
    if !applied.is_empty() {
        tracing::info!(?applied, "migrated the database");
    }
    notes.iter().for_each(|note| tracing::warn!("{note}"));
    let catalog = Arc::new(config.permission_catalog()?);
    let db = Db::new(&config.database);
    warn_without_row_level_security(&config, &db).await?;
    warn_of_undeclared_permissions(&catalog, &db).await?;
    let collections = routes::compile_collections(&config, &catalog)?;
    let document = routes::document(&config, &collections);
    let docs = if config.docs.enabled { swagger::PATHS.as_slice() } else { &[] };
    let table = RouteTable::new(&document, &[docs, &[security_txt::PATH]].concat());
    let document = web::Data::new(swagger::Document::new(&document, &collections)?);
    let (state, background) = State::start(config, clock, db, catalog, collections, table).await?;
    let state = web::Data::new(state);
    prepare_collections(state.clone(), background.db.clone()).await?;
    state.rate_limits.connect().await;

    let bodies = Bodies::new(state.config.server.body_limit);
    let counted = bodies.clone();
    state.metrics.register(Kind::Gauge, "bodies_awaited", "JSON bodies that handlers wait for", move |readings| {
        readings.set(&[], counted.awaited());
    });
    let shared = state.clone();
    let served = document.clone();
    let tls = certificate.as_ref().map(|certificate| certificate.server_config()).transpose()?;
    let explaining = state.clone();
    let explain = move |status| crate::server::error_responses::of_malformed(status, &explaining);
    let (address, server) = listen(&state.config.server, tls, explain, move || {
        let (app, _) = routes::assemble(&shared.config, &shared.collections);
        let app = app
            .app_data(shared.clone())
            .app_data(shared.routes.clone())
            .app_data(served.clone())
            .app_data(bodies.clone())
            .configure(security_txt::service);
        let app = match shared.config.docs.enabled {
            true => app.configure(|services| swagger::services(services, &shared.config.server)),
            false => app,
        };
        stack(app, &shared, &routes::fast_paths(&shared.config.server.base_path))
    })?;
    let membership = match state.config.cluster.cached_keys {
        0 => None,
        _ => Some(Membership::start(&state.cluster, state.config.database.listen_url())?),
    };
    let metrics = MetricsServer::bind(&state)?;
    if let Some(certificate) = &certificate {
        certificate.register_metrics(&state.metrics);
    }
    Ok(Application { address, server, state, background, membership, metrics, certificate, document })
}

/// Says which permissions keys and roles name that the configuration does not declare. The server goes on without them.
async fn warn_of_undeclared_permissions(catalog: &Arc<PermissionCatalog>, db: &Db) -> Result<(), String> {
    let catalog = Arc::clone(catalog);
    let found = db.for_all_tenants().read(move |conn| undeclared(conn, &catalog)).await;
    for (permission, NamedBy { roles, keys }) in found.map_err(|error| error.to_string())? {
        tracing::warn!(
            permission,
            ?roles,
            ?keys,
            "a permission that is not declared is named by roles or keys; it gives nothing"
        );
    }
    Ok(())
}

/// Warns if the PostgreSQL role bypasses row-level security: then only the queries separate tenants.
async fn warn_without_row_level_security(config: &Config, db: &Db) -> Result<(), String> {
    let row_level_security_is_active = match config.database.url {
        DatabaseUrl::Sqlite(_) => return Ok(()),
        DatabaseUrl::Postgres(_) => db.for_all_tenants().read(db::scope::row_level_security_is_active).await,
    };
    if !row_level_security_is_active.map_err(|error| format!("can't read what the database's role may do: {error}"))? {
        tracing::warn!(
            "the database's role is a superuser or has BYPASSRLS: row-level security does not apply to it. \
             docs/operations/postgresql.md says how to make a role without"
        );
    }
    Ok(())
}

async fn prepare_collections(state: web::Data<State>, db: Db) -> Result<(), String> {
    let work = move || db.for_all_tenants().write_blocking(|conn| collections::prepare(conn, &state.collections));
    web::block(work)
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| format!("preparing collections failed: {error}"))?
}

impl Application {
    /// Returns the address it listens on, with the port that was taken for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of `/metrics`, unless the configuration disables it.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(MetricsServer::address)
    }

    /// Returns the TLS certificate, to reload it; `None` without TLS.
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// Returns the OpenAPI document that it serves.
    pub fn document(&self) -> &swagger::Document {
        &self.document
    }

    /// Returns a handle that stops the server.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// The database of the operator.
    pub fn store(&self) -> Store {
        self.background.store.clone()
    }

    /// What the handlers share.
    pub fn state(&self) -> web::Data<State> {
        self.state.clone()
    }

    /// Serves until the server is stopped, then finishes running work.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn run(self) -> std::io::Result<()> {
        tracing::info!(address = %self.address, "listening");
        let metrics = self.metrics.map(|metrics| {
            tracing::info!(address = %metrics.address(), "listening for Prometheus");
            let server = metrics.into_server();
            let handle = server.handle();
            (handle, rt::spawn(server))
        });
        let flusher = rt::spawn(keep_flushing(self.state.clone(), self.background.db.clone()));
        let state = self.state.clone();
        let limiter = rt::spawn(async move { state.rate_limits.run().await });
        let retention = rt::spawn(audit::keep_retention(
            self.background.db.clone(),
            self.state.clock.clone(),
            self.state.config.audit.retention_days,
        ));
        let usage_retention = rt::spawn(usage::keep_retention(
            self.background.db.clone(),
            self.state.clock.clone(),
            self.state.config.usage.retention,
        ));
        let session_upkeep = rt::spawn(identity::keep_sessions(
            self.background.db.clone(),
            self.state.clock.clone(),
            self.state.config.identity.sessions,
        ));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let outbox = rt::spawn(self.background.outbox.run(async { _ = stopped.await }));
        let (stop_writer, writer_stopped) = tokio::sync::oneshot::channel::<()>();
        let sign_in_writer = rt::spawn(self.background.sign_in_event_writer.run(async { _ = writer_stopped.await }));
        let ended = self.server.await;
        // This node serves no requests any more, so other nodes need not wait for it.
        drop(self.membership);
        drop((stop, stop_writer));
        // Stopped last, so that a scrape sees the stop to its end.
        if let Some((handle, server)) = metrics {
            handle.stop(true).await;
            match server.await {
                Ok(ended) => ended?,
                Err(error) => tracing::error!(%error, "the metrics listener panicked"),
            }
        }
        if let Err(error) = outbox.await {
            tracing::error!(%error, "the task that sends mails panicked");
        }
        if let Err(error) = sign_in_writer.await {
            tracing::error!(%error, "the task that records sign-ins panicked");
        }
        retention.abort();
        usage_retention.abort();
        session_upkeep.abort();
        flusher.abort();
        limiter.abort();
        flush(self.state, self.background.db).await;
        tracing::info!("stopped");
        ended
    }
}

async fn keep_flushing(state: web::Data<State>, db: Db) {
    let mut ticks = rt::time::interval(FLUSH_INTERVAL);
    loop {
        ticks.tick().await;
        flush(state.clone(), db.clone()).await;
    }
}

async fn flush(state: web::Data<State>, db: Db) {
    let write = move || {
        state.api_keys.last_used.flush(&db);
        state.service_tokens.last_used.flush(&db);
        state.api_keys.usage.flush(&db);
    };
    if let Err(error) = web::block(write).await {
        tracing::error!(%error, "last uses and usage can't be written");
    }
}
