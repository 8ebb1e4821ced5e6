//! `POST /workspaces/{workspaceId}/api-keys/revoke`: many keys at once.

use super::wire::ApiKeyView;
use crate::api::State;
use crate::api::errors;
use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::policy::can;
use crate::base::time::Timestamp;
use crate::domain::access::WorkspaceAccess;
use crate::domain::api_keys::{Comment, KeyFilter, KeyPrefix, Reason, ReasonKind};
use crate::infra::http::Body;
use actix_web::{post, web};
use serde::{Deserialize, Serialize};

/// Which keys to revoke: those that everything named here is true of. At least one thing must be named.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "unusedSince": "2026-02-28T12:00:00.000Z", "dryRun": true }))]
pub struct RevokeKeys {
    /// Whose role they inherit.
    created_by: Option<UserId>,
    /// They were not used since then; if never, they were not made since then.
    unused_since: Option<Timestamp>,
    prefix: Option<KeyPrefix>,
    /// Why they are revoked.
    reason: Option<ReasonKind>,
    comment: Option<Comment>,
    /// Only say which they are; false if left out.
    #[serde(default)]
    #[schema(required = false)]
    dry_run: bool,
}

/// The keys that were revoked, or would be.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokedKeys {
    /// Oldest first, as they stand now; at most 500.
    data: Vec<ApiKeyView>,
    /// Whether they were only looked for.
    dry_run: bool,
    /// Whether there are more: the same request again goes on with them, unless it is a dry run.
    has_more: bool,
}

/// Revoke many API keys
///
/// All that match, at most 500 in one request: either all of those or none. They stop at once and for good; their records
/// stay. What is revoked or expired already does not match. A use in the last seconds may not be known yet.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["keys:write"]), ("portalSession" = [])), request_body = RevokeKeys,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "Which ones.", body = RevokedKeys)))]
#[post("")]
pub async fn revoke_api_keys(
    state: web::Data<State>,
    access: WorkspaceAccess<can::KeysManage>,
    body: Body<RevokeKeys>,
) -> Result<web::Json<RevokedKeys>, ApiError> {
    let RevokeKeys { created_by, unused_since, prefix, reason, comment, dry_run } = body.read().await?;
    let filter = KeyFilter { created_by, unused_since, prefix };
    let now = state.clock.now();
    filter.check(&state.api_keys.format, now)?;
    if unused_since.is_some() {
        // Uses that only this node's memory has count too.
        let shared = state.clone();
        web::block(move || shared.api_keys.flush_last_used()).await.map_err(ApiError::internal)?;
    }
    let workspace = access.workspace_id();
    let reason = (!dry_run).then_some(Reason { kind: reason, comment });
    let selected = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| filter.revoke(conn, access_change, workspace, reason.as_ref(), now));
    let selected = selected.await?;
    let data = selected.keys.into_iter().map(|row| ApiKeyView::new(&state, row)).collect();
    Ok(web::Json(RevokedKeys { data, dry_run, has_more: selected.has_more }))
}
