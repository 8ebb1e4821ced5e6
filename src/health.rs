//! `/healthz` and `/readyz`, for probes and load balancers.

use crate::error::ApiError;
use crate::state::State;
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
#[utoipa::path(tag = "Operation", security(()), responses((status = 200, description = "It is.", body = Health)))]
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
}

/// Can the server answer requests?
///
/// 503 while the database can't be reached.
#[utoipa::path(tag = "Operation", security(()), responses((status = 200, description = "It can.", body = Readiness)))]
#[get("/readyz")]
pub async fn readyz(state: web::Data<State>) -> Result<web::Json<Readiness>, ApiError> {
    let asked = state.db.read(|conn| Ok(diesel::sql_query("SELECT 1").execute(conn)?)).await;
    asked.map_err(|cause| ApiError::unavailable_because(cause).saying("The database can't be reached."))?;
    let lease_age_ms = state.cluster.lease_age().map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    Ok(web::Json(Readiness { status: "ready", lease_age_ms, nodes: state.cluster.nodes() }))
}
