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

/// Can the server answer requests?
///
/// 503 while the database can't be reached.
#[utoipa::path(tag = "Operation", security(()), responses((status = 200, description = "It can.", body = Health)))]
#[get("/readyz")]
pub async fn readyz(state: web::Data<State>) -> Result<web::Json<Health>, ApiError> {
    let asked = state.db.read(|conn| Ok(diesel::sql_query("SELECT 1").execute(conn)?)).await;
    asked.map_err(|cause| ApiError::unavailable_because(cause).saying("The database can't be reached."))?;
    Ok(web::Json(Health { status: "ready" }))
}
