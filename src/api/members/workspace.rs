//! `/workspaces/{workspaceId}/members`, and `/members` for programs.

use super::removal::remove;
use super::wire::{RemovalQuery, WorkspaceMemberView, WorkspaceRoleInput};
use crate::api::State;
use crate::api::errors;
use crate::api::hot_json::json;
use crate::api::list_page;
use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, WorkspaceId};
use crate::base::policy::can;
use crate::base::sql::Conn;
use crate::domain::access::{Guard, WorkspaceAccess};
use crate::domain::api_keys::ProgramAccess;
use crate::domain::api_keys::RemovedKeys;
use crate::domain::changes::ScopedStore;
use crate::domain::members::WorkspaceMember;
use crate::infra::http::{Body, ListScope, Page, PageQuery, path_parameter};
use actix_web::{HttpRequest, HttpResponse, delete, get, put, web};
use std::sync::Arc;

/// List a workspace's members
///
/// Everybody with a role in it, the organization's admins and owners included.
#[utoipa::path(tag = "Members", security(("person" = []), ("serviceToken" = ["members:read"])), params(PageQuery),
    responses(errors::Person, errors::Missing, (status = 200, description = "A page.", body = Page<WorkspaceMemberView>)))]
#[get("/workspaces/{workspaceId}/members")]
pub async fn list_workspace_members(
    state: web::Data<State>,
    access: WorkspaceAccess<can::MembersRead>,
    page: PageQuery,
) -> Result<HttpResponse, ApiError> {
    list(&state, state.scoped_to(&access), (access.organization_id(), access.workspace_id()), page).await
}

/// List the members, as a program
///
/// Everybody with a role in the API key's workspace.
#[utoipa::path(tag = "Programs", params(PageQuery, ("X-Workspace-Id" = Option<String>, Header, description = "If sent, it must be the key's workspace.")),
    security(("apiKey" = []), ("apiKeyHeader" = [])),
    responses(errors::Program, (status = 200, description = "A page.", body = Page<WorkspaceMemberView>)))]
#[get("/members")]
pub async fn list_members(
    state: web::Data<State>,
    access: ProgramAccess<can::MembersRead>,
    page: PageQuery,
) -> Result<HttpResponse, ApiError> {
    list(&state, state.scoped_to(&access), (access.organization_id(), access.key().workspace_id), page).await
}

async fn list(
    state: &State,
    db: ScopedStore,
    (organization, workspace): (OrganizationId, WorkspaceId),
    page: PageQuery,
) -> Result<HttpResponse, ApiError> {
    let catalog = Arc::clone(&state.catalog);
    let scope = ListScope("workspace-members", &workspace.text());
    let read =
        move |conn: &mut Conn, position| WorkspaceMember::page_of(conn, &catalog, organization, workspace, position);
    let page = list_page(db, &page, scope, read, WorkspaceMember::place, WorkspaceMemberView::from).await?;
    Ok(json(&page))
}

/// Add a member of the organization to the workspace, or change its role
///
/// The change counts from the next request on, also for the API keys of the member.
#[utoipa::path(tag = "Members", security(("person" = []), ("serviceToken" = ["members:write"])), request_body = WorkspaceRoleInput,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "It has the role.", body = WorkspaceMemberView)))]
#[put("/workspaces/{workspaceId}/members/{userId}")]
pub async fn put_workspace_member(
    state: web::Data<State>,
    access: WorkspaceAccess<can::MembersManage>,
    req: HttpRequest,
    body: Body<WorkspaceRoleInput>,
) -> Result<web::Json<WorkspaceMemberView>, ApiError> {
    let user = path_parameter(&req, "userId")?;
    let role = body.read().await?.role;
    let now = state.clock.now();
    let member = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| WorkspaceMember::put(conn, access_change, &access, user, role, now))
        .await?;
    Ok(web::Json(member.into()))
}

/// Remove a member from the workspace
///
/// Its API keys there are orphaned, or, with `transferKeysTo`, taken over by another member.
#[utoipa::path(tag = "Members", security(("person" = []), ("serviceToken" = ["members:write"])), params(RemovalQuery),
    responses(errors::Person, errors::Write, (status = 200, description = "Removed.", body = RemovedKeys)))]
#[delete("/workspaces/{workspaceId}/members/{userId}")]
pub async fn remove_workspace_member(
    state: web::Data<State>,
    access: WorkspaceAccess<can::MembersManage>,
    req: HttpRequest,
) -> Result<web::Json<RemovedKeys>, ApiError> {
    remove(state, access, &req, WorkspaceMember::remove).await
}
