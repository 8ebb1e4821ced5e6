//! `/healthz` and `/readyz`, for probes and load balancers.

use crate::api::State;
use crate::api::errors;
use crate::base::error::{ApiError, Code, FieldError};
use crate::infra::http::is_from_this_machine;
use crate::infra::rate_limit::StoreState;
use actix_web::{HttpRequest, get, web};
use diesel::RunQueryDsl;
use serde::Serialize;

/// How the server is.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Is the process alive?
///
/// It asks nothing of the database; `/readyz` does.
#[utoipa::path(tag = "Operation", security(()), responses(errors::Public, (status = 200, description = "It is.", body = Health)))]
#[get("/healthz")]
pub async fn healthz() -> web::Json<Health> {
    web::Json(Health { status: "ok" })
}

/// Whether this node answers requests. To requests from this machine, and on the listener of the metrics, also how it
/// stands to the others on its database.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    #[schema(example = "ready")]
    status: &'static str,
    /// Milliseconds since the last completed round trip to the database was sent. Above `cluster.lease`, or null: each
    /// request reads the database.
    #[schema(value_type = Option<u64>, required = false, example = 130)]
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_age_ms: Option<Option<u64>>,
    /// How many nodes there are on the database, this one included; 0 for a node that keeps nothing in memory.
    #[schema(nullable = false, example = 3)]
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<usize>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Parts>,
}

/// How each part is that a request may need.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parts {
    #[schema(example = "ok")]
    database: &'static str,
    cache: CacheState,
    /// Where rate limits are counted.
    rate_limit: StoreState,
}

/// What requests are answered from.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum CacheState {
    /// The lease holds: keys that were used before cost no statement.
    Ok,
    /// The lease has run out: each request reads the database until this node hears the others again.
    Behind,
    /// `cluster.cached_keys` is 0.
    Off,
}

/// Can the server answer requests?
///
/// 503 while the server stops, while the database can't be reached, or a Redis without which programs are refused
/// (`rate_limit.when_unavailable = "deny"`). Which part is not ready, and how the node stands to others, is for
/// operators: it is answered to requests from the server's own machine without a forwarding header, and on the listener
/// of the metrics.
#[utoipa::path(tag = "Operation", security(()), responses(errors::Public, (status = 200, description = "It can.", body = Readiness)))]
#[get("/readyz")]
pub async fn readyz(state: web::Data<State>, req: HttpRequest) -> Result<web::Json<Readiness>, ApiError> {
    let readiness = readiness(&state).await;
    if is_from_this_machine(&req) {
        return readiness.map(web::Json);
    }
    match readiness {
        Ok(_) => Ok(web::Json(Readiness { status: READY, lease_age_ms: None, nodes: None, parts: None })),
        Err(error) => {
            let mut error = error.saying(Code::Unavailable.message());
            error.details.clear();
            Err(error)
        }
    }
}

const READY: &str = "ready";

/// Returns how the node is, with all details.
///
/// # Errors
/// `unavailable`, whose details name the parts that are not ready.
pub async fn readiness(state: &State) -> Result<Readiness, ApiError> {
    let asked = state.reader().read(|conn| Ok(diesel::sql_query("SELECT 1").execute(conn)?)).await;
    let mut failing = Vec::new();
    if state.drain.has_begun() {
        failing.push(("server", "The server is stopping."));
    }
    if asked.is_err() {
        failing.push(("database", "The database can't be reached."));
    }
    if state.rate_limits.refuses() {
        failing.push(("rateLimit", "The Redis that counts requests can't be reached."));
    }
    if let Some((_, message)) = failing.first() {
        let unavailable = match asked {
            Err(cause) => ApiError::unavailable_because(cause),
            Ok(_) => ApiError::new(Code::Unavailable),
        };
        let blame = |(part, message): &(&str, &str)| FieldError { field: (*part).into(), message: (*message).into() };
        let details = failing.iter().map(blame).collect();
        let mut unavailable = unavailable.saying(*message);
        unavailable.details = details;
        return Err(unavailable);
    }
    let lease_age_ms = state.cluster.lease_age().map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    let cache = match (state.config.cluster.cached_keys, state.cluster.may_use_cache()) {
        (0, _) => CacheState::Off,
        (_, true) => CacheState::Ok,
        (_, false) => CacheState::Behind,
    };
    let parts = Parts { database: "ok", cache, rate_limit: state.rate_limits.store() };
    let nodes = Some(state.cluster.nodes());
    Ok(Readiness { status: READY, lease_age_ms: Some(lease_age_ms), nodes, parts: Some(parts) })
}
