//! `/organizations/{organizationId}/members`

use super::removal::remove;
use super::wire::{OrganizationMemberView, OrganizationRoleInput, RemovalQuery};
use crate::api::errors;
use crate::api::list_page;
use crate::api::{Service, State};
use crate::base::error::ApiError;
use crate::base::policy::can;
use crate::base::sql::Conn;
use crate::domain::access::OrganizationAccess;
use crate::domain::api_keys::RemovedKeys;
use crate::domain::members::OrganizationMember;
use crate::infra::http::{Body, ListScope, Page, PageQuery, path_parameter};
use actix_web::{HttpRequest, delete, get, patch, put, web};

/// List an organization's members
///
/// With their roles, newest first.
#[utoipa::path(tag = "Members", security(("person" = []), ("serviceToken" = ["members:read"])), params(PageQuery),
    responses(errors::Person, errors::Missing, (status = 200, description = "A page.", body = Page<OrganizationMemberView>)))]
#[get("/organizations/{organizationId}/members")]
pub async fn list_organization_members(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationRead>,
    page: PageQuery,
) -> Result<web::Json<Page<OrganizationMemberView>>, ApiError> {
    let organization = access.organization_id();
    let scope = ListScope("organization-members", &organization.text());
    let store = state.scoped_to(&access);
    let read = move |conn: &mut Conn, position| OrganizationMember::page_of(conn, &access, position);
    Ok(web::Json(list_page(store, &page, scope, read, |member| member.id, Into::into).await?))
}

/// Change a member's role
///
/// Only an owner names owners and takes the role from them. An organization always keeps one who is not disabled.
/// Invitations that the member made and may not make any more are withdrawn.
#[utoipa::path(tag = "Members", security(("person" = []), ("serviceToken" = ["members:write"])), request_body = OrganizationRoleInput,
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
        .scoped_to(&access)
        .change_access(move |conn, access_change| {
            OrganizationMember::change_role(conn, access_change, &access, user, role)
        })
        .await?;
    Ok(web::Json(member.into()))
}

/// Add a member, or set its role
///
/// For a backend whose users accept no invitations. Only an owner's authority names owners and takes the role from them. A
/// token that is bound to the organization sees no other people than its members, so it sets roles only.
#[utoipa::path(tag = "Members", security(("serviceToken" = ["members:write"])), request_body = OrganizationRoleInput,
    responses(errors::Program, errors::Write, errors::Body, (status = 200, description = "A member with this role.", body = OrganizationMemberView)))]
#[put("/organizations/{organizationId}/members/{userId}")]
pub async fn put_organization_member(
    state: web::Data<State>,
    service: Service,
    access: OrganizationAccess<can::OrganizationManage>,
    req: HttpRequest,
    body: Body<OrganizationRoleInput>,
) -> Result<web::Json<OrganizationMemberView>, ApiError> {
    let user = path_parameter(&req, "userId")?;
    let role = body.read().await?.role;
    let sees_all_people = service.caller().organization().is_none();
    let now = state.clock.now();
    let member = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| {
            OrganizationMember::put(conn, access_change, &access, (user, sees_all_people), role, now)
        })
        .await?;
    Ok(web::Json(member.into()))
}

/// Remove a member
///
/// Its API keys are orphaned, or, with `transferKeysTo`, taken over by another member. Its invitations are withdrawn. Any
/// member may leave.
#[utoipa::path(tag = "Members", security(("person" = []), ("serviceToken" = ["members:write"])), params(RemovalQuery),
    responses(errors::Person, errors::Write, (status = 200, description = "Removed.", body = RemovedKeys)))]
#[delete("/organizations/{organizationId}/members/{userId}")]
pub async fn remove_organization_member(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationRead>,
    req: HttpRequest,
) -> Result<web::Json<RemovedKeys>, ApiError> {
    remove(state, access, &req, OrganizationMember::remove).await
}
