//! `/workspaces/{workspaceId}/api-keys`

use super::wire::{
    ApiKeyView, ApiKeyWithPlaintext, ChangeKey, CreateKey, DeleteKey, RollKey, StopKey, TransferKey, ensure_future,
};
use crate::api::State;
use crate::api::errors;
use crate::api::list_page;
use crate::api::{Idempotency, ReplayOutcome};
use crate::base::error::{ApiError, Code};
use crate::base::ids::KeyId;
use crate::base::policy::can;
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::access::WorkspaceAccess;
use crate::domain::api_keys::manage::giving::ensure_may_create;
use crate::domain::api_keys::manage::lifecycle;
use crate::domain::api_keys::manage::lifecycle::KeyAccess;
use crate::domain::api_keys::unused::KeyListQuery;
use crate::domain::api_keys::{ApiKey, KeyWithCreator, Reason};
use crate::domain::changes::AccessChange;
use crate::infra::http::{Body, ListScope, Page, path_parameter, query};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};

type Answer = Result<web::Json<ApiKeyView>, ApiError>;

/// List API keys
///
/// A member's own; a workspace admin's list has everyone's.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["keys:read"]), ("portalSession" = [])), params(KeyListQuery),
    responses(errors::Person, errors::Missing, (status = 200, description = "A page.", body = Page<ApiKeyView>)))]
#[get("/workspaces/{workspaceId}/api-keys")]
pub async fn list_api_keys(
    state: web::Data<State>,
    access: KeyAccess,
    req: HttpRequest,
) -> Result<web::Json<Page<ApiKeyView>>, ApiError> {
    let (unused_since, page) = query::<KeyListQuery>(&req)?.into_parts(state.clock.now());
    let workspace = access.workspace_id();
    let scope = ListScope("api-keys", &workspace.text());
    let (store, shared) = (state.scoped_to(&access), state.clone());
    let read = move |conn: &mut Conn, position| match unused_since {
        None => ApiKey::page_of(conn, &access, position, None),
        Some(since) => {
            let used = shared.api_keys.last_used.used_since(since);
            ApiKey::page_of_unused(conn, &access, position, since, &used)
        }
    };
    let show = |row| ApiKeyView::new(&state, row);
    Ok(web::Json(list_page(store, &page, scope, read, |(key, _)| key.id, show).await?))
}

/// Create an API key
///
/// The key has its creator's role, today's and not that of its creation. `plaintext` is answered this once. An API key that
/// makes another gives it at most what it has itself: `expiresAt` and `allowedIps` that are left out are its own.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["keys:write"]), ("portalSession" = [])), params(Idempotency), request_body = Option<CreateKey>,
    responses(errors::Person, errors::Write, errors::Body, (status = 201, description = "Made.", body = ApiKeyWithPlaintext),
        (status = 200, description = "Made before, with the same Idempotency-Key: without the plaintext, and with `Idempotent-Replayed: true`.", body = ApiKeyWithPlaintext)))]
#[post("/workspaces/{workspaceId}/api-keys")]
pub async fn create_api_key(
    state: web::Data<State>,
    access: KeyAccess,
    idempotency: Idempotency,
    body: Body<CreateKey>,
) -> Result<HttpResponse, ApiError> {
    let settings = &state.config.keys;
    ensure_may_create(&access, settings.min_creator_role)?;
    let owner = access.owner_of_keys()?;
    let (input, bytes) = body.parse_or_default().await?;
    let now = state.clock.now();
    ensure_future(input.expires_at, now)?;
    let scope = input.scope.or(settings.scopes.first().copied()).ok_or(Code::Internal)?;
    if !settings.scopes.contains(&scope) {
        let allowed: Vec<_> = settings.scopes.iter().map(|scope| scope.as_str()).collect();
        return Err(ApiError::invalid("scope", format!("must be one of: {}", allowed.join(", "))));
    }
    let claim = idempotency.claim(&bytes);
    let shared = state.clone();
    let outcome = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| {
            let create = |conn: &mut Conn, id| {
                let place = (access.workspace().organization_id, access.workspace_id());
                let new = input.of(ApiKey::new(id, place, owner, scope, now), access.reach());
                let plaintext = lifecycle::create(conn, access_change, shared.key_rules(), &access, new, now)?;
                Ok((ApiKey::visible(conn, &access, id)?, plaintext))
            };
            claim.run(conn, KeyId::new(), now, create, |(row, _)| without_plaintext(&shared, row))
        })
        .await?;
    Ok(ReplayOutcome::map(outcome, |(row, plaintext)| {
        ApiKeyWithPlaintext::new(ApiKeyView::new(&state, row), Some(&plaintext))
    })
    .respond())
}

/// Read an API key
///
/// Without its value, which only its creation and a roll answer.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["keys:read"]), ("portalSession" = [])), responses(errors::Person, errors::Missing, (status = 200, description = "The key.", body = ApiKeyView)))]
#[get("/workspaces/{workspaceId}/api-keys/{keyId}")]
pub async fn read_api_key(state: web::Data<State>, access: KeyAccess, req: HttpRequest) -> Answer {
    let id = path_parameter(&req, "keyId")?;
    let row = state.scoped_to(&access).read(move |conn| ApiKey::visible(conn, &access, id)).await?;
    Ok(web::Json(ApiKeyView::new(&state, row)))
}

/// Rename an API key, or change its expiry or addresses
///
/// Fields that are left out stay; null clears. A later end and more addresses take the role that may create keys, and an
/// API key gives at most its own.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["keys:write"]), ("portalSession" = [])), request_body = ChangeKey,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "Changed.", body = ApiKeyView)))]
#[patch("/workspaces/{workspaceId}/api-keys/{keyId}")]
pub async fn change_api_key(
    state: web::Data<State>,
    access: KeyAccess,
    req: HttpRequest,
    body: Body<ChangeKey>,
) -> Answer {
    let input = body.read().await?;
    let change = input.checked(state.clock.now())?;
    let shared = state.clone();
    change_key(state, access, &req, move |conn, access_change, access, id, now| {
        ApiKey::change(conn, access_change, access, &shared.config, id, change, now)
    })
    .await
}

/// Delete an API key
///
/// It stops at once, and its record is gone for good. The reason is in the audit trail.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["keys:write"]), ("portalSession" = [])), params(DeleteKey), responses(errors::Person, errors::Write, (status = 204, description = "Deleted.")))]
#[delete("/workspaces/{workspaceId}/api-keys/{keyId}")]
pub async fn delete_api_key(
    state: web::Data<State>,
    access: KeyAccess,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let id = path_parameter(&req, "keyId")?;
    let reason: Reason = query::<DeleteKey>(&req)?.into();
    state
        .scoped_to(&access)
        .change_access(move |conn, access_change| ApiKey::delete(conn, access_change, &access, id, &reason))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Roll an API key
///
/// A new value for the same record. The old value stops at once or, with `overlapSeconds`, after the overlap. The values of
/// earlier rolls stop at once, so that at most two work. It takes the role that may create keys, and an API key rolls only
/// keys that have at most what it has itself.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["keys:write"]), ("portalSession" = [])), params(Idempotency), request_body = Option<RollKey>,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "Rolled. A replay lacks the plaintext, and has `Idempotent-Replayed: true`.", body = ApiKeyWithPlaintext)))]
#[post("/workspaces/{workspaceId}/api-keys/{keyId}/roll")]
pub async fn roll_api_key(
    state: web::Data<State>,
    access: KeyAccess,
    idempotency: Idempotency,
    req: HttpRequest,
    body: Body<RollKey>,
) -> Result<HttpResponse, ApiError> {
    let id: KeyId = path_parameter(&req, "keyId")?;
    let (input, bytes) = body.parse_or_default().await?;
    let overlap = input.overlap()?;
    let claim = idempotency.claim(&bytes);
    let now = state.clock.now();
    let shared = state.clone();
    let outcome = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| {
            let roll = |conn: &mut Conn, id| {
                let plaintext = ApiKey::roll(conn, access_change, &access, shared.key_rules(), id, overlap, now)?;
                Ok((ApiKey::visible(conn, &access, id)?, plaintext))
            };
            claim.run(conn, id, now, roll, |(row, _)| without_plaintext(&shared, row))
        })
        .await?;
    Ok(ReplayOutcome::map(outcome, |(row, plaintext)| {
        ApiKeyWithPlaintext::new(ApiKeyView::new(&state, row), Some(&plaintext))
    })
    .respond_ok())
}

/// Disable an API key
///
/// It stops at once, until it is enabled. The reason is on the key and in the audit trail.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["keys:write"]), ("portalSession" = [])), request_body = Option<StopKey>,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "Disabled.", body = ApiKeyView)))]
#[post("/workspaces/{workspaceId}/api-keys/{keyId}/disable")]
pub async fn disable_api_key(
    state: web::Data<State>,
    access: KeyAccess,
    req: HttpRequest,
    body: Body<StopKey>,
) -> Answer {
    let reason: Reason = body.read_or_default().await?.into();
    change_key(state, access, &req, move |conn, access_change, access, id, now| {
        ApiKey::disable(conn, access_change, access, id, &reason, now)
    })
    .await
}

/// Enable an API key
///
/// The opposite of disabling it. It takes the role that may create keys.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["keys:write"]), ("portalSession" = [])), responses(errors::Person, errors::Write, (status = 200, description = "Enabled.", body = ApiKeyView)))]
#[post("/workspaces/{workspaceId}/api-keys/{keyId}/enable")]
pub async fn enable_api_key(state: web::Data<State>, access: KeyAccess, req: HttpRequest) -> Answer {
    let shared = state.clone();
    change_key(state, access, &req, move |conn, access_change, access, id, now| {
        ApiKey::enable(conn, access_change, access, &shared.config, id, now)
    })
    .await
}

/// Revoke an API key
///
/// It stops at once and for good; its record stays. The reason is on the key and in the audit trail. If the key was stopped
/// before, a reason replaces the earlier one.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["keys:write"]), ("portalSession" = [])), request_body = Option<StopKey>,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "Revoked.", body = ApiKeyView)))]
#[post("/workspaces/{workspaceId}/api-keys/{keyId}/revoke")]
pub async fn revoke_api_key(
    state: web::Data<State>,
    access: KeyAccess,
    req: HttpRequest,
    body: Body<StopKey>,
) -> Answer {
    let reason: Reason = body.read_or_default().await?.into();
    change_key(state, access, &req, move |conn, access_change, access, id, now| {
        ApiKey::revoke(conn, access_change, access, id, &reason, now)
    })
    .await
}

/// Transfer an API key
///
/// Another member becomes the creator whose role the key inherits. The former one knows the value: by `mode` it works on
/// with at most what it had, or it is rolled. `plaintext` is answered for a rolled key only, and this once.
#[utoipa::path(tag = "API keys", security(("keyManager" = []), ("serviceToken" = ["keys:write"]), ("portalSession" = [])), request_body = TransferKey,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "Transferred.", body = ApiKeyWithPlaintext)))]
#[post("/workspaces/{workspaceId}/api-keys/{keyId}/transfer")]
pub async fn transfer_api_key(
    state: web::Data<State>,
    access: WorkspaceAccess<can::KeysManage>,
    req: HttpRequest,
    body: Body<TransferKey>,
) -> Result<web::Json<ApiKeyWithPlaintext>, ApiError> {
    let id = path_parameter(&req, "keyId")?;
    let heir = body.read().await?.into();
    let shared = state.clone();
    let (row, plaintext) = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| {
            let plaintext = ApiKey::transfer(conn, access_change, &access, shared.key_rules(), id, heir)?;
            Ok((ApiKey::visible(conn, &access, id)?, plaintext))
        })
        .await?;
    Ok(web::Json(ApiKeyWithPlaintext::new(ApiKeyView::new(&state, row), plaintext.as_ref())))
}

/// The answer to a repeated request.
fn without_plaintext(state: &State, row: &KeyWithCreator) -> ApiKeyWithPlaintext {
    ApiKeyWithPlaintext::new(ApiKeyView::new(state, row.clone()), None)
}

/// Changes one key in one transaction, and returns the changed key.
async fn change_key<P: Send + 'static>(
    state: web::Data<State>,
    access: WorkspaceAccess<P>,
    req: &HttpRequest,
    change: impl FnOnce(&mut Conn, &mut AccessChange, &WorkspaceAccess<P>, KeyId, Timestamp) -> Result<(), ApiError>
    + Send
    + 'static,
) -> Answer {
    let id = path_parameter(req, "keyId")?;
    let now = state.clock.now();
    let row = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| {
            change(conn, access_change, &access, id, now)?;
            ApiKey::visible(conn, &access, id)
        })
        .await?;
    Ok(web::Json(ApiKeyView::new(&state, row)))
}
