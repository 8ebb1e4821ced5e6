//! `/workspaces/{workspaceId}/members`, and `/members` for programs.

use super::wire::{RemovalQuery, WorkspaceMemberView, WorkspaceRoleInput};
use super::workspace::WorkspaceMember;
use crate::access::{Guard, ProgramAccess, WorkspaceAccess, can};
use crate::api_keys::RemovedKeys;
use crate::error::ApiError;
use crate::http::{Body, ListScope, Page, PageQuery, path_parameter, query};
use crate::ids::{OrganizationId, WorkspaceId};
use crate::json::json;
use crate::openapi::errors;
use crate::state::{Scoped, State};
use actix_web::{HttpRequest, HttpResponse, delete, get, put, web};

/// List a workspace's members
///
/// Everybody with a role in it, the organization's admins and owners included.
#[utoipa::path(tag = "Members", params(PageQuery),
    responses(errors::Person, errors::Missing, (status = 200, description = "A page.", body = Page<WorkspaceMemberView>)))]
#[get("/workspaces/{workspaceId}/members")]
pub async fn list_workspace_members(
    state: web::Data<State>,
    access: WorkspaceAccess<can::MembersRead>,
    page: PageQuery,
) -> Result<HttpResponse, ApiError> {
    list(state.of(&access), access.organization_id(), access.workspace_id(), page).await
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
    list(state.of(&access), access.organization_id(), access.key().workspace_id, page).await
}

async fn list(
    db: Scoped,
    organization: OrganizationId,
    workspace: WorkspaceId,
    page: PageQuery,
) -> Result<HttpResponse, ApiError> {
    let scope = ListScope("workspace-members", &workspace.text());
    let position = page.position(scope)?;
    let rows = db.read(move |conn| WorkspaceMember::page_of(conn, organization, workspace, position)).await?;
    let page = Page::new(rows, &position, scope, |member| member.id, WorkspaceMemberView::from);
    Ok(json(&page))
}

/// Add a member of the organization to the workspace, or change its role
///
/// The change counts from the next request on, also for the API keys of the member.
#[utoipa::path(tag = "Members", request_body = WorkspaceRoleInput,
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
        .of(&access)
        .change_access(move |conn, touched| WorkspaceMember::put(conn, touched, &access, user, role, now))
        .await?;
    Ok(web::Json(member.into()))
}

/// Remove a member from the workspace
///
/// Its API keys there are orphaned, or, with `transferKeysTo`, taken over by another member.
#[utoipa::path(tag = "Members", params(RemovalQuery),
    responses(errors::Person, errors::Write, (status = 200, description = "Removed.", body = RemovedKeys)))]
#[delete("/workspaces/{workspaceId}/members/{userId}")]
pub async fn remove_workspace_member(
    state: web::Data<State>,
    access: WorkspaceAccess<can::MembersManage>,
    req: HttpRequest,
) -> Result<web::Json<RemovedKeys>, ApiError> {
    let user = path_parameter(&req, "userId")?;
    let heir = query::<RemovalQuery>(&req)?.transfer_keys_to;
    let now = state.clock.now();
    let shared = state.clone();
    let keys = state
        .of(&access)
        .change_access(move |conn, touched| {
            WorkspaceMember::remove(conn, touched, &shared.config, &access, user, heir, now)
        })
        .await?;
    Ok(web::Json(keys))
}
