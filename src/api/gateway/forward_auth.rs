//! `GET /forward-auth`: a proxy asks with its client's own key.
//!
//! `api::authentication` has verified the key before, as for every request of a program.

use crate::api::errors;
use crate::base::error::ApiError;
use crate::base::policy::Permission;
use crate::domain::api_keys::KeyCaller;
use crate::domain::api_keys::Program;
use crate::infra::http::query;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

const KEY_ID: HeaderName = HeaderName::from_static("x-keyward-key-id");
const WORKSPACE_ID: HeaderName = HeaderName::from_static("x-keyward-workspace-id");
const ORGANIZATION_ID: HeaderName = HeaderName::from_static("x-keyward-organization-id");
const ROLE: HeaderName = HeaderName::from_static("x-keyward-role");
const SCOPE: HeaderName = HeaderName::from_static("x-keyward-scope");

/// What the caller wants to do.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// What the key must be allowed to do. Left out, any good key passes.
    #[param(inline)]
    permission: Option<Permission>,
}

/// May this request pass?
///
/// For nginx's `auth_request`, Traefik's `ForwardAuth`, Caddy's `forward_auth` and their like. The proxy passes on the
/// headers of its client's request, the client's own key among them, and lets the request pass on 200: then the headers
/// say whose key it is, and the proxy hands them to the API behind it, instead of any of these names that its client sent.
/// Each question counts against the key's rate limit.
///
/// A proxy must stand in `server.trusted_proxies` and send its client's address in `server.forwarded_header`. Else the
/// address is the proxy's: keys that are bound to addresses are refused, and all its clients share the limit on unknown keys.
#[utoipa::path(get, path = "/forward-auth", tag = "Gateways", params(Wanted, ("X-Workspace-Id" = Option<String>, Header, description = "If sent, it must be the key's workspace.")),
    security(("apiKey" = []), ("apiKeyHeader" = [])),
    responses(errors::Program, (status = 200, description = "It may pass. The body is empty.", headers(
        ("X-Keyward-Key-Id" = String, description = "The key."),
        ("X-Keyward-Workspace-Id" = String, description = "Its workspace."),
        ("X-Keyward-Organization-Id" = String, description = "That workspace's organization."),
        ("X-Keyward-Role" = String, description = "The role it has in the workspace now: `viewer`, `editor` or `admin`."),
        ("X-Keyward-Scope" = String, description = "What it keeps of the role: `full` or `read_only`.")))))]
pub async fn forward_auth(program: Program, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let Wanted { permission } = query(&req)?;
    let key = program.key();
    if let Some(permission) = permission {
        key.ensure_may(permission)?;
    }
    forward_auth_response(key)
}

/// The response of [`forward_auth`] to a valid key, if the proxy requires no permission.
///
/// # Errors
/// None: every id is a valid header value.
pub fn forward_auth_response(key: &KeyCaller) -> Result<HttpResponse, ApiError> {
    let id = |text: &[u8]| HeaderValue::from_bytes(text).map_err(ApiError::internal);
    let mut response = HttpResponse::new(StatusCode::OK);
    let headers = response.headers_mut();
    headers.append(KEY_ID, id(&key.key_id.characters())?);
    headers.append(WORKSPACE_ID, id(&key.workspace_id.characters())?);
    headers.append(ORGANIZATION_ID, id(&key.organization_id.characters())?);
    headers.append(ROLE, HeaderValue::from_static(key.role.as_str()));
    headers.append(SCOPE, HeaderValue::from_static(key.scope.as_str()));
    // A proxy with a stored response would admit the key after its revocation.
    Ok(response)
}
