//! `/healthz` and `/readyz`, for probes and load balancers.

use crate::api::State;
use crate::api::errors;
use crate::base::error::{ApiError, Code, FieldError};
use crate::infra::rate_limit::StoreState;
use actix_web::{get, web};
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

/// How this node stands to the others on its database.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    #[schema(example = "ready")]
    status: &'static str,
    /// Milliseconds since the last completed round trip to the database was sent. Above `cluster.lease`, or null: each
    /// request reads the database.
    #[schema(required, example = 130)]
    lease_age_ms: Option<u64>,
    /// How many nodes there are on the database, this one included; 0 for a node that keeps nothing in memory.
    #[schema(example = 3)]
    nodes: usize,
    parts: Parts,
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
/// 503 while the database can't be reached, or a Redis without which programs are refused
/// (`rate_limit.when_unavailable = "deny"`); `details` names each part that is not ready.
#[utoipa::path(tag = "Operation", security(()), responses(errors::Public, (status = 200, description = "It can.", body = Readiness)))]
#[get("/readyz")]
pub async fn readyz(state: web::Data<State>) -> Result<web::Json<Readiness>, ApiError> {
    let asked = state.reader().read(|conn| Ok(diesel::sql_query("SELECT 1").execute(conn)?)).await;
    let mut failing = Vec::new();
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
    Ok(web::Json(Readiness { status: "ready", lease_age_ms, nodes: state.cluster.nodes(), parts }))
}
