//! `/organizations/{organizationId}/workspaces` and `/workspaces/{workspaceId}`

use crate::api::State;
use crate::api::errors;
use crate::api::list_page;
use crate::api::{Idempotency, ReplayOutcome};
use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, WorkspaceId};
use crate::base::input::validation::Name;
use crate::base::policy::{HeldRole, PermissionCatalog, PermissionNames, RoleName, WorkspaceRole, can};
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::access::{OrganizationAccess, WorkspaceAccess};
use crate::domain::tenancy::Workspace;
use crate::infra::http::{Body, ListScope, Page, PageQuery};
use actix_web::{HttpResponse, delete, get, patch, post, web};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A workspace.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceView {
    id: WorkspaceId,
    organization_id: OrganizationId,
    #[schema(example = "Production")]
    name: String,
    /// The caller's role in it.
    #[schema(required)]
    role: Option<RoleName>,
    /// What the caller may do in it.
    permissions: PermissionNames,
    created_at: Timestamp,
}

impl WorkspaceView {
    fn new(catalog: &PermissionCatalog, workspace: Workspace, role: Option<HeldRole>) -> Self {
        let permissions = role.map(|role| catalog.names_of(role.permissions)).unwrap_or_default();
        let role = role.map(|role| role.name);
        let Workspace { id, organization_id, name, created_at } = workspace;
        Self { id, organization_id, name, role, permissions, created_at }
    }
}

/// What to call it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Staging" }))]
pub struct WorkspaceInput {
    name: Name,
}

/// List workspaces
///
/// Those that the caller sees: a member the ones it was added to, an admin of the organization all of them.
#[utoipa::path(tag = "Workspaces", security(("person" = []), ("serviceToken" = ["workspaces:read"])), params(PageQuery),
    responses(errors::Person, errors::Missing, (status = 200, description = "A page.", body = Page<WorkspaceView>)))]
#[get("/organizations/{organizationId}/workspaces")]
pub async fn list_workspaces(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationRead>,
    page: PageQuery,
) -> Result<web::Json<Page<WorkspaceView>>, ApiError> {
    let (organization, catalog) = (access.organization_id(), Arc::clone(&state.catalog));
    let scope = ListScope("workspaces", &organization.text());
    let store = state.scoped_to(&access);
    let read = move |conn: &mut Conn, position| Workspace::page_of(conn, &catalog, &access, position);
    let show = |(workspace, own): (Workspace, Option<HeldRole>)| WorkspaceView::new(&state.catalog, workspace, own);
    Ok(web::Json(list_page(store, &page, scope, read, |(workspace, _)| workspace.id, show).await?))
}

/// Create a workspace
///
/// The organization's owners and admins are admins of it.
#[utoipa::path(tag = "Workspaces", security(("person" = []), ("serviceToken" = ["workspaces:write"])), params(Idempotency), request_body = WorkspaceInput,
    responses(errors::Person, errors::Write, errors::Body, (status = 201, description = "Made.", body = WorkspaceView),
        (status = 200, description = "Made before, with the same Idempotency-Key.", body = WorkspaceView)))]
#[post("/organizations/{organizationId}/workspaces")]
pub async fn create_workspace(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationManage>,
    idempotency: Idempotency,
    body: Body<WorkspaceInput>,
) -> Result<HttpResponse, ApiError> {
    let (input, bytes) = body.parse().await?;
    let claim = idempotency.claim(&bytes);
    // The creator manages the organization.
    let role = state.catalog.built_in_role(WorkspaceRole::Admin);
    let shared = state.clone();
    let now = state.clock.now();
    let outcome = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| {
            let create = |conn: &mut Conn, id| {
                Workspace::create(conn, access_change, &access, id, input.name.into_string(), now)
            };
            let answer = |made: &Workspace| WorkspaceView::new(&shared.catalog, made.clone(), Some(role));
            claim.run(conn, WorkspaceId::new(), now, create, answer)
        })
        .await?;
    Ok(ReplayOutcome::map(outcome, |workspace| WorkspaceView::new(&state.catalog, workspace, Some(role))).respond())
}

/// Read a workspace
///
/// Its name and organization, and the caller's role in it.
#[utoipa::path(tag = "Workspaces", security(("person" = []), ("serviceToken" = ["workspaces:read"])), responses(errors::Person, errors::Missing, (status = 200, description = "The workspace.", body = WorkspaceView)))]
#[get("/workspaces/{workspaceId}")]
pub async fn read_workspace(
    state: web::Data<State>,
    access: WorkspaceAccess<can::WorkspaceRead>,
) -> web::Json<WorkspaceView> {
    web::Json(WorkspaceView::new(&state.catalog, access.workspace().clone(), Some(access.role())))
}

/// Rename a workspace
///
/// Its id stays.
#[utoipa::path(tag = "Workspaces", security(("person" = []), ("serviceToken" = ["workspaces:write"])), request_body = WorkspaceInput,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "Renamed.", body = WorkspaceView)))]
#[patch("/workspaces/{workspaceId}")]
pub async fn rename_workspace(
    state: web::Data<State>,
    access: WorkspaceAccess<can::WorkspaceManage>,
    body: Body<WorkspaceInput>,
) -> Result<web::Json<WorkspaceView>, ApiError> {
    let input = body.read().await?;
    let role = access.role();
    let workspace = state.scoped_to(&access).change_access(move |conn, access_change| {
        Workspace::rename(conn, access_change, &access, input.name.into_string())
    });
    let workspace = workspace.await?;
    Ok(web::Json(WorkspaceView::new(&state.catalog, workspace, Some(role))))
}

/// Delete a workspace
///
/// Its members and API keys go with it, at once and for good.
#[utoipa::path(tag = "Workspaces", security(("person" = []), ("serviceToken" = ["workspaces:write"])), responses(errors::Person, errors::Write, (status = 204, description = "Deleted.")))]
#[delete("/workspaces/{workspaceId}")]
pub async fn delete_workspace(
    state: web::Data<State>,
    access: WorkspaceAccess<can::WorkspaceManage>,
) -> Result<HttpResponse, ApiError> {
    state
        .scoped_to(&access)
        .change_access(move |conn, access_change| Workspace::delete(conn, access_change, &access))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
