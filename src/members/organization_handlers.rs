//! `/organizations/{organizationId}/members`

use super::organization::OrganizationMember;
use super::wire::{OrganizationMemberView, OrganizationRoleInput, RemovalQuery};
use crate::access::{OrganizationAccess, can};
use crate::api_keys::RemovedKeys;
use crate::error::ApiError;
use crate::http::{Body, ListScope, Page, PageQuery, path_parameter, query};
use crate::openapi::errors;
use crate::state::State;
use actix_web::{HttpRequest, delete, get, patch, web};

/// List an organization's members
///
/// With their roles, newest first.
#[utoipa::path(tag = "Members", params(PageQuery),
    responses(errors::Person, errors::Missing, (status = 200, description = "A page.", body = Page<OrganizationMemberView>)))]
#[get("/organizations/{organizationId}/members")]
pub async fn list_organization_members(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationRead>,
    page: PageQuery,
) -> Result<web::Json<Page<OrganizationMemberView>>, ApiError> {
    let organization = access.organization_id();
    let scope = ListScope("organization-members", &organization.text());
    let position = page.position(scope)?;
    let rows = state.of(&access).read(move |conn| OrganizationMember::page_of(conn, &access, position)).await?;
    Ok(web::Json(Page::new(rows, &position, scope, |member| member.id, Into::into)))
}

/// Change a member's role
///
/// Only an owner names owners and takes the role from them. An organization always keeps one.
#[utoipa::path(tag = "Members", request_body = OrganizationRoleInput,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "Changed.", body = OrganizationMemberView)))]
#[patch("/organizations/{organizationId}/members/{userId}")]
pub async fn change_organization_member(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationManage>,
    req: HttpRequest,
    body: Body<OrganizationRoleInput>,
) -> Result<web::Json<OrganizationMemberView>, ApiError> {
    let user = path_parameter(&req, "userId")?;
    let role = body.read().await?.role;
    let member = state
        .of(&access)
        .change_access(move |conn, touched| OrganizationMember::change_role(conn, touched, &access, user, role))
        .await?;
    Ok(web::Json(member.into()))
}

/// Remove a member
///
/// Its API keys are orphaned, or, with `transferKeysTo`, taken over by another member. Any member may leave.
#[utoipa::path(tag = "Members", params(RemovalQuery),
    responses(errors::Person, errors::Write, (status = 200, description = "Removed.", body = RemovedKeys)))]
#[delete("/organizations/{organizationId}/members/{userId}")]
pub async fn remove_organization_member(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationRead>,
    req: HttpRequest,
) -> Result<web::Json<RemovedKeys>, ApiError> {
    let user = path_parameter(&req, "userId")?;
    let heir = query::<RemovalQuery>(&req)?.transfer_keys_to;
    let now = state.clock.now();
    let shared = state.clone();
    let keys = state
        .of(&access)
        .change_access(move |conn, touched| {
            OrganizationMember::remove(conn, touched, &shared.config, &access, user, heir, now)
        })
        .await?;
    Ok(web::Json(keys))
}
