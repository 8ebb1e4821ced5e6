//! `POST /portal-sessions`: a service lets a member's browser work on the keys of a workspace.

use crate::api::Service;
use crate::api::State;
use crate::api::errors;
use crate::base::config::is_exact_origin;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{UserId, WorkspaceId};
use crate::base::policy::{Least, Permission, can};
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::access::{WorkspaceAccess, WorkspaceMembership};
use crate::domain::audit::{Action, Entry, Target};
use crate::domain::portal_sessions::{MAX_ORIGINS, MAX_SECONDS, NewPortalSession};
use crate::infra::http::Body;
use crate::infra::request::RequestContext;
use actix_web::{HttpResponse, post, web};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// A session to make.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreatePortalSession {
    /// Who uses it: a member with a role in the workspace.
    user_id: UserId,
    workspace_id: WorkspaceId,
    /// The permissions in the workspace that the session keeps; all of the member's if left out. Without `keys:manage` the
    /// session works on the member's own keys only, and makes keys that can't manage keys, members and the workspace.
    #[schema(min_items = 1)]
    permissions: Option<Vec<Permission>>,
    /// How long it lasts.
    #[schema(minimum = 1, maximum = 3600, example = 900)]
    ttl_seconds: u32,
    /// The pages that may use it, as browsers send them in `Origin`.
    #[schema(min_items = 1, max_items = 20, example = json!(["https://app.example.com"]))]
    origins: Vec<String>,
}

impl CreatePortalSession {
    fn check(&self) -> Result<(), ApiError> {
        if !(1..=MAX_SECONDS).contains(&self.ttl_seconds) {
            return Err(ApiError::invalid("ttlSeconds", format!("must be 1 to {MAX_SECONDS}")));
        }
        if !(1..=MAX_ORIGINS).contains(&self.origins.len()) {
            return Err(ApiError::invalid("origins", format!("must name 1 to {MAX_ORIGINS} origins")));
        }
        for (place, origin) in self.origins.iter().enumerate() {
            let field = || format!("origins[{place}]");
            if !is_exact_origin(origin) {
                let message = "must be an origin such as https://app.example.com: in lower case, without a path";
                return Err(ApiError::invalid(field(), message));
            }
            if self.origins[..place].contains(origin) {
                return Err(ApiError::invalid(field(), "must not be named twice"));
            }
        }
        let listed = self.permissions.as_deref().unwrap_or_default();
        if self.permissions.is_some() && listed.is_empty() {
            return Err(ApiError::invalid("permissions", "must name at least one, or be left out"));
        }
        for (place, permission) in listed.iter().enumerate() {
            let field = || format!("permissions[{place}]");
            if !matches!(permission.least(), Least::Workspace(_)) {
                return Err(ApiError::invalid(field(), "must be a permission in a workspace"));
            }
            if listed[..place].contains(permission) {
                return Err(ApiError::invalid(field(), "must not be named twice"));
            }
        }
        Ok(())
    }
}

/// A new session.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedPortalSession {
    /// Sent as `Authorization: Bearer`. It is shown this once.
    #[schema(example = "eyJ0eXAiOiJwb3J0YWwrand0In0.eyJzdWIiOiJ1c3JfMSJ9.c2ln")]
    token: String,
    expires_at: Timestamp,
}

/// Create a portal session
///
/// For the browser of a member: a token for the endpoints of the API keys of one workspace, and for nothing else. It never
/// does more than the member may at that moment, and ends when the member is removed or disabled, or when the service token
/// is revoked or may not write keys any more. Pages of `origins` may call with it: `server.cors_origins` need not name them.
#[utoipa::path(tag = "Backends", security(("serviceToken" = ["keys:write"])), request_body = CreatePortalSession,
    responses(errors::Program, errors::Write, errors::Body, (status = 201, description = "Made.", body = CreatedPortalSession)))]
#[post("/portal-sessions")]
pub async fn create_portal_session(
    state: web::Data<State>,
    service: Service,
    body: Body<CreatePortalSession>,
) -> Result<HttpResponse, ApiError> {
    service.actor().ensure_alone()?;
    let input = body.read().await?;
    input.check()?;
    let CreatePortalSession { user_id, workspace_id, permissions, ttl_seconds, origins } = input;
    let signer = state.portal_sessions.signer(&state.identity).await?;
    let acting = service.actor().clone().acting_for(user_id);
    let proof = acting.proof();
    let catalog = Arc::clone(&state.catalog);
    let read = move |conn: &mut Conn| WorkspaceMembership::of_service(conn, catalog, workspace_id, &acting);
    let membership = state.reader().read(read).await;
    let membership = membership.map_err(|refusal| match refusal.code {
        Code::InsufficientPermission => {
            ApiError::invalid("userId", "must be a member who is not disabled and has a role in the workspace")
        }
        _ => refusal,
    })?;
    for (place, permission) in permissions.iter().flatten().enumerate() {
        membership
            .ensure_may(permission.reference())
            .map_err(|_| ApiError::invalid(format!("permissions[{place}]"), "is one that the member does not have"))?;
    }
    let organization = membership.workspace().organization_id;
    RequestContext::set_organization(organization);
    let access: WorkspaceAccess<can::KeysOwn> = membership.authorize(proof, None)?;
    let now = state.clock.now();
    let wanted = now.plus(Duration::from_secs(u64::from(ttl_seconds)));
    let expires_at = service.caller().ends_at().map_or(wanted, |end| end.min(wanted));
    let new = NewPortalSession {
        user: user_id,
        organization,
        workspace: workspace_id,
        token: service.caller().id(),
        permissions,
        origins,
        expires_at,
    };
    let token = signer.sign(new.clone(), now)?;
    state
        .scoped_to(&access)
        .change_access(move |_, access_change| {
            let facts = json!({
                "permissions": new.permissions, "origins": new.origins, "expiresAt": new.expires_at,
            });
            let target = Target::user(user_id, None);
            let entry = Entry::new(Action::PortalSessionCreated, organization, target).within(workspace_id);
            access_change.audit_only(entry.after(facts));
            Ok(())
        })
        .await?;
    let token = token.expose_secret().to_owned();
    Ok(HttpResponse::Created().json(CreatedPortalSession { token, expires_at }))
}
