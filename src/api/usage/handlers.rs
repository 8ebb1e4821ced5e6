//! `/workspaces/{workspaceId}/usage` and `/workspaces/{workspaceId}/api-keys/{keyId}/usage`: read only.

use super::wire::UsageSeries;
use crate::api::State;
use crate::api::errors;
use crate::base::error::ApiError;
use crate::base::ids::KeyId;
use crate::base::policy::can;
use crate::base::sql::Conn;
use crate::domain::access::WorkspaceAccess;
use crate::domain::api_keys::ApiKey;
use crate::domain::usage::model;
use crate::domain::usage::model::Whose;
use crate::domain::usage::period::{Period, UsageQuery};
use crate::infra::http::{path_parameter, query};
use actix_web::{HttpRequest, get, web};
use std::collections::HashSet;

/// A caller who can see a key can see its usage.
type KeyAccess = WorkspaceAccess<can::KeysOwn>;

/// Read an API key's usage
///
/// How many requests came with it, by hour or by day in UTC, and what became of them. What this node counted shows at
/// once, what other nodes counted within seconds.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["usage:read"]), ("portalSession" = [])), params(UsageQuery),
    responses(errors::Person, errors::Missing, errors::Invalid, (status = 200, description = "One entry for each hour or day.", body = UsageSeries)))]
#[get("/workspaces/{workspaceId}/api-keys/{keyId}/usage")]
pub async fn read_api_key_usage(
    state: web::Data<State>,
    access: KeyAccess,
    req: HttpRequest,
) -> Result<web::Json<UsageSeries>, ApiError> {
    let id: KeyId = path_parameter(&req, "keyId")?;
    let question: UsageQuery = query(&req)?;
    let (shared, db) = (state.clone(), state.scoped_to(&access));
    let series = db.read(move |conn| {
        ApiKey::visible(conn, &access, id)?;
        let period = question.period(shared.clock.now())?;
        series(&shared, conn, &access, &Whose::Keys(HashSet::from([id])), &period)
    });
    series.await.map(web::Json)
}

/// Read a workspace's usage
///
/// How many requests came with its API keys, by hour or by day in UTC, and what became of them: with all of them, those that
/// were deleted too, for a workspace admin; with their own for other members. What this node counted shows at once, what
/// other nodes counted within seconds.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["usage:read"]), ("portalSession" = [])), params(UsageQuery),
    responses(errors::Person, errors::Missing, errors::Invalid, (status = 200, description = "One entry for each hour or day.", body = UsageSeries)))]
#[get("/workspaces/{workspaceId}/usage")]
pub async fn read_workspace_usage(
    state: web::Data<State>,
    access: KeyAccess,
    req: HttpRequest,
) -> Result<web::Json<UsageSeries>, ApiError> {
    let question: UsageQuery = query(&req)?;
    let period = question.period(state.clock.now())?;
    let (shared, db) = (state.clone(), state.scoped_to(&access));
    let series = db.read(move |conn| {
        let whose = Whose::visible(conn, &access)?;
        series(&shared, conn, &access, &whose, &period)
    });
    series.await.map(web::Json)
}

/// Sums the counts in the database and those that this node has not written yet.
fn series(
    state: &State,
    conn: &mut Conn,
    access: &KeyAccess,
    whose: &Whose,
    period: &Period,
) -> Result<UsageSeries, ApiError> {
    state.api_keys.usage.beside_unwritten(access.workspace_id(), |unwritten| {
        let written = model::by_hour(conn, access, whose, period)?;
        let unwritten = unwritten.filter(|(key, ..)| whose.has(*key)).map(|(_, hour, tally)| (hour, tally));
        Ok(UsageSeries::new(period, written.into_iter().chain(unwritten)))
    })
}
