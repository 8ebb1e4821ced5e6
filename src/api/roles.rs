//! `/organizations/{organizationId}/roles`

use crate::api::State;
use crate::api::errors;
use crate::api::list_page;
use crate::api::{Idempotency, ReplayOutcome};
use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, RoleId};
use crate::base::input::validation::{Description, Name, present};
use crate::base::policy::{PermissionNames, RoleName, can};
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use crate::domain::roles::{NewRole, RoleChange};
use crate::domain::tenancy::Role;
use crate::infra::http::{Body, ListScope, Page, PageQuery, path_parameter, query};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use serde::{Deserialize, Serialize};

type RoleAccess = OrganizationAccess<can::OrganizationManage>;

/// A role that the organization made.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleView {
    id: RoleId,
    organization_id: OrganizationId,
    #[schema(example = "Bookkeeper")]
    name: String,
    #[schema(required, example = "Sees invoices, and voids them")]
    description: Option<String>,
    permissions: PermissionNames,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        let Role { id, organization_id, name, description, permissions, created_at, updated_at } = role;
        Self { id, organization_id, name, description, permissions, created_at, updated_at }
    }
}

/// A role to make.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Bookkeeper", "description": "Sees invoices, and voids them", "permissions": ["workspace:read", "content:read"]
}))]
pub struct RoleInput {
    /// Unique in the organization.
    name: Name,
    description: Option<Description>,
    permissions: PermissionNames,
}

/// What to change; what is left out stays. A null description clears it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Bookkeeper", "permissions": ["workspace:read", "content:read"] }))]
pub struct ChangeRole {
    name: Option<Name>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Description>)]
    description: Option<Option<Description>>,
    permissions: Option<PermissionNames>,
}

/// What those who have a deleted role get instead.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeletionQuery {
    /// A built-in role or the id of another custom role, for the members and invitations that have this one. Left out: a
    /// role in use stays.
    #[param(example = "viewer")]
    replace_with: Option<RoleName>,
}

/// List custom roles
///
/// Those that the organization made, newest first. The built-in ones are `viewer`, `editor` and `admin`.
#[utoipa::path(tag = "Roles", security(("person" = []), ("serviceToken" = ["members:read"])), params(PageQuery),
    responses(errors::Person, errors::Missing, (status = 200, description = "A page.", body = Page<RoleView>)))]
#[get("/organizations/{organizationId}/roles")]
pub async fn list_roles(
    state: web::Data<State>,
    access: RoleAccess,
    page: PageQuery,
) -> Result<web::Json<Page<RoleView>>, ApiError> {
    let organization = access.organization_id();
    let scope = ListScope("roles", &organization.text());
    let store = state.scoped_to(&access);
    let read = move |conn: &mut Conn, position| Role::page_of(conn, &access, position);
    Ok(web::Json(list_page(store, &page, scope, read, |role| role.id, Into::into).await?))
}

/// Create a custom role
///
/// A set of permissions in a workspace: those that the configuration declares, and of Keyward's own those of workspaces.
/// Its id is taken wherever a role in a workspace is. An organization has at most 100.
#[utoipa::path(tag = "Roles", security(("person" = []), ("serviceToken" = ["members:write"])), params(Idempotency), request_body = RoleInput,
    responses(errors::Person, errors::Write, errors::Body, (status = 201, description = "Made.", body = RoleView),
        (status = 200, description = "Made before, with the same Idempotency-Key.", body = RoleView)))]
#[post("/organizations/{organizationId}/roles")]
pub async fn create_role(
    state: web::Data<State>,
    access: RoleAccess,
    idempotency: Idempotency,
    body: Body<RoleInput>,
) -> Result<HttpResponse, ApiError> {
    let (input, bytes) = body.parse().await?;
    let claim = idempotency.claim(&bytes);
    let now = state.clock.now();
    let outcome = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| {
            let create = |conn: &mut Conn, id| {
                let RoleInput { name, description, permissions } = input;
                let description = description.map(Description::into_string);
                let new = NewRole { id, name: name.into_string(), description, permissions };
                Role::create(conn, access_change, &access, new, now)
            };
            claim.run(conn, RoleId::new(), now, create, |made: &Role| RoleView::from(made.clone()))
        })
        .await?;
    Ok(ReplayOutcome::map(outcome, RoleView::from).respond())
}

/// Read a custom role
///
/// Its permissions are those that it was given. One that the configuration no longer declares gives nothing.
#[utoipa::path(tag = "Roles", security(("person" = []), ("serviceToken" = ["members:read"])), responses(errors::Person, errors::Missing, (status = 200, description = "The role.", body = RoleView)))]
#[get("/organizations/{organizationId}/roles/{roleId}")]
pub async fn read_role(
    state: web::Data<State>,
    access: RoleAccess,
    req: HttpRequest,
) -> Result<web::Json<RoleView>, ApiError> {
    let id = path_parameter(&req, "roleId")?;
    let role = state.scoped_to(&access).read(move |conn| Role::of(conn, &access, id)).await?;
    Ok(web::Json(role.into()))
}

/// Change a custom role
///
/// Members who have it, and their API keys, have the new permissions from the next request on.
#[utoipa::path(tag = "Roles", security(("person" = []), ("serviceToken" = ["members:write"])), request_body = ChangeRole,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "Changed.", body = RoleView)))]
#[patch("/organizations/{organizationId}/roles/{roleId}")]
pub async fn change_role(
    state: web::Data<State>,
    access: RoleAccess,
    req: HttpRequest,
    body: Body<ChangeRole>,
) -> Result<web::Json<RoleView>, ApiError> {
    let id = path_parameter(&req, "roleId")?;
    let ChangeRole { name, description, permissions } = body.read().await?;
    let change = RoleChange {
        name: name.map(Name::into_string),
        description: description.map(|description| description.map(Description::into_string)),
        permissions,
    };
    let now = state.clock.now();
    let role = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| Role::change(conn, access_change, &access, id, change, now))
        .await?;
    Ok(web::Json(role.into()))
}

/// Delete a custom role
///
/// A role that members or pending invitations have stays, unless `replaceWith` names another for them.
#[utoipa::path(tag = "Roles", security(("person" = []), ("serviceToken" = ["members:write"])), params(DeletionQuery), responses(errors::Person, errors::Write, (status = 204, description = "Deleted.")))]
#[delete("/organizations/{organizationId}/roles/{roleId}")]
pub async fn delete_role(
    state: web::Data<State>,
    access: RoleAccess,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let id = path_parameter(&req, "roleId")?;
    let replacement = query::<DeletionQuery>(&req)?.replace_with;
    let now = state.clock.now();
    state
        .scoped_to(&access)
        .change_access(move |conn, access_change| Role::delete(conn, access_change, &access, (id, replacement), now))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
