//! `GET /forward-auth`: a proxy asks with its client's own key.
//!
//! `api::authentication` has verified the key before, as for every request of a program.

use crate::api::State;
use crate::api::errors;
use crate::base::config::{GatewayRules, plain_path};
use crate::base::error::ApiError;
use crate::base::policy::{PermissionRef, RoleName};
use crate::domain::api_keys::KeyCaller;
use crate::domain::api_keys::Program;
use crate::infra::http::{DecidingHeader, query_beside};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

const KEY_ID: HeaderName = HeaderName::from_static("x-keyward-key-id");
const WORKSPACE_ID: HeaderName = HeaderName::from_static("x-keyward-workspace-id");
const ORGANIZATION_ID: HeaderName = HeaderName::from_static("x-keyward-organization-id");
const ROLE: HeaderName = HeaderName::from_static("x-keyward-role");
const SCOPE: HeaderName = HeaderName::from_static("x-keyward-scope");
const PERMISSIONS: HeaderName = HeaderName::from_static("x-keyward-permissions");

/// What the caller wants to do.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// A permission that the key must have, besides the one that `gateway` in the configuration requires. Without both,
    /// each good key passes.
    #[param(example = "invoices:read")]
    permission: Option<String>,
}

/// The parameters of [`Wanted`].
const PARAMETERS: [&str; 1] = ["permission"];

/// May this request pass?
///
/// For nginx's `auth_request`, Traefik's `ForwardAuth`, Caddy's `forward_auth` and their like. The proxy passes on the
/// headers of its client's request, the client's own key among them, and lets the request pass on 200: then the headers
/// say whose key it is, and the proxy hands them to the API behind it, instead of any of these names that its client sent.
/// Each question counts against the key's rate limit.
///
/// Where the configuration has permissions by method or path (`gateway`), the proxy must send `X-Forwarded-Method` and
/// `X-Forwarded-Uri` of its client's request; without them the answer is 400. Parameters of the client's query that the
/// proxy appends to this one are ignored, if they are in `X-Forwarded-Uri`.
///
/// A proxy must stand in `server.trusted_proxies` and send its client's address in `server.forwarded_header`. Else the
/// address is the proxy's: keys that are bound to addresses are refused, and all its clients share the limit on unknown keys.
#[utoipa::path(get, path = "/forward-auth", tag = "Gateways", params(Wanted,
    ("X-Workspace-Id" = Option<String>, Header, description = "If sent, it must be the key's workspace."),
    ("X-Forwarded-Method" = Option<String>, Header, description = "The method of the client's request, as the proxy got it. Required where permissions depend on it."),
    ("X-Forwarded-Uri" = Option<String>, Header, description = "The path and the query of the client's request, as the proxy got them. Required where permissions depend on the path.")),
    security(("apiKey" = []), ("apiKeyHeader" = [])),
    responses(errors::Program, (status = 200, description = "It may pass. The body is empty.", headers(
        ("X-Keyward-Key-Id" = String, description = "The key."),
        ("X-Keyward-Workspace-Id" = String, description = "Its workspace."),
        ("X-Keyward-Organization-Id" = String, description = "That workspace's organization."),
        ("X-Keyward-Role" = String, description = "The role it has in the workspace now: `viewer`, `editor`, `admin` or the id of a custom role."),
        ("X-Keyward-Scope" = String, description = "What it keeps of the role: `full` or `read_only`."),
        ("X-Keyward-Permissions" = String, description = "What it may do now, with commas between: as many whole names as fit into 4096 bytes.")))))]
pub async fn forward_auth(
    state: web::Data<State>,
    program: Program,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let clients = text(req.headers(), DecidingHeader::ForwardedUri)?.unwrap_or_default();
    let Wanted { permission } = query_beside(&req, clients, &PARAMETERS)?;
    let key = program.key();
    if let Some(name) = permission {
        let undeclared = || ApiError::bad_request(format!("permission: {}", state.catalog.choices()));
        key.ensure_may(state.catalog.find(&name).ok_or_else(undeclared)?)?;
    }
    forward_auth_response(key, &state, req.headers())
}

/// The response of [`forward_auth`] to a valid key, if the proxy's query names no permission.
///
/// # Errors
/// `insufficient_permission` or `read_only_key` where the configuration requires more than the key may do, and
/// `bad_request` where the headers do not say what the client requests.
pub fn forward_auth_response(key: &KeyCaller, state: &State, asked: &HeaderMap) -> Result<HttpResponse, ApiError> {
    if let Some(permission) = needed(&state.gateway, asked)? {
        key.ensure_may(permission)?;
    }
    let id = |text: &[u8]| HeaderValue::from_bytes(text).map_err(ApiError::internal);
    let mut response = HttpResponse::new(StatusCode::OK);
    let headers = response.headers_mut();
    headers.append(KEY_ID, id(&key.key_id.characters())?);
    headers.append(WORKSPACE_ID, id(&key.workspace_id.characters())?);
    headers.append(ORGANIZATION_ID, id(&key.organization_id.characters())?);
    headers.append(
        ROLE,
        match key.role {
            RoleName::BuiltIn(role) => HeaderValue::from_static(role.as_str()),
            RoleName::Custom(role) => id(&role.characters())?,
        },
    );
    headers.append(SCOPE, HeaderValue::from_static(key.scope.as_str()));
    if let Some(permissions) = key.permissions() {
        headers.append(PERMISSIONS, permissions.header());
    }
    // A proxy with a stored response would admit the key after its revocation.
    Ok(response)
}

/// Returns the permission that the configuration requires for the client's request.
fn needed(rules: &GatewayRules, asked: &HeaderMap) -> Result<Option<PermissionRef>, ApiError> {
    if rules.is_empty() {
        return Ok(None);
    }
    let missing = |name: &str| {
        ApiError::bad_request(format!(
            "The header {name} is missing. The gateway must send it, because [gateway] depends on it."
        ))
    };
    let method = text(asked, DecidingHeader::ForwardedMethod)?.ok_or_else(|| missing("X-Forwarded-Method"))?;
    if !rules.reads_paths() {
        return Ok(rules.needs(method, None));
    }
    let target = text(asked, DecidingHeader::ForwardedUri)?.ok_or_else(|| missing("X-Forwarded-Uri"))?;
    let path = plain_path(target).ok_or_else(|| {
        ApiError::bad_request(
            "The path can be read in more than one way. Send it without empty, . and .. segments, backslashes and \
             semicolons, and without escapes of / and %.",
        )
    })?;
    Ok(rules.needs(method, Some(&path)))
}

/// Returns the text of a header, if it was sent.
fn text(headers: &HeaderMap, header: DecidingHeader) -> Result<Option<&str>, ApiError> {
    let Some(value) = header.read(headers)? else { return Ok(None) };
    let is_text = std::str::from_utf8(value.as_bytes());
    is_text.map(Some).map_err(|_| ApiError::bad_request(format!("The header {} is not UTF-8.", header.name())))
}
