//! `/organizations`

use crate::api::SignedIn;
use crate::api::State;
use crate::api::errors;
use crate::api::{Idempotency, ReplayOutcome};
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::input::validation::Name;
use crate::base::policy::{OrganizationRole, can};
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use crate::domain::tenancy::Organization;
use crate::infra::http::{Body, ListScope, Page, PageQuery};
use actix_web::{HttpResponse, delete, get, patch, post, web};
use serde::{Deserialize, Serialize};

/// An organization.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationView {
    id: OrganizationId,
    #[schema(example = "Acme")]
    name: String,
    /// The caller's role in it.
    role: OrganizationRole,
    created_at: Timestamp,
}

impl OrganizationView {
    fn new(organization: Organization, role: OrganizationRole) -> Self {
        Self { id: organization.id, name: organization.name, role, created_at: organization.created_at }
    }
}

/// What to call it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Acme" }))]
pub struct OrganizationInput {
    name: Name,
}

/// List organizations
///
/// Those that the caller belongs to.
#[utoipa::path(tag = "Organizations", params(PageQuery),
    responses(errors::Person, (status = 200, description = "A page.", body = Page<OrganizationView>)))]
#[get("/organizations")]
pub async fn list_organizations(
    state: web::Data<State>,
    caller: SignedIn,
    page: PageQuery,
) -> Result<web::Json<Page<OrganizationView>>, ApiError> {
    let user = caller.user().id;
    let scope = ListScope("organizations", &user.text());
    let position = page.position(scope)?;
    let rows = state.reader().read(move |conn| Organization::page_of(conn, user, position)).await?;
    let show = |(organization, role)| OrganizationView::new(organization, role);
    Ok(web::Json(Page::new(rows, &position, scope, |(organization, _)| organization.id, show)))
}

/// Create an organization
///
/// The caller becomes its owner. Its trial starts, unless the caller has had a trial before: then it is expired until it
/// is paid for. A person may create only so many in a day.
#[utoipa::path(tag = "Organizations", params(Idempotency), request_body = OrganizationInput,
    responses(errors::Person, errors::Write, errors::Body, (status = 201, description = "Made.", body = OrganizationView),
        (status = 200, description = "Made before, with the same Idempotency-Key.", body = OrganizationView)))]
#[post("/organizations")]
pub async fn create_organization(
    state: web::Data<State>,
    caller: SignedIn,
    idempotency: Idempotency,
    body: Body<OrganizationInput>,
) -> Result<HttpResponse, ApiError> {
    let (input, bytes) = body.parse().await?;
    let claim = idempotency.claim(&bytes);
    let now = state.clock.now();
    let shared = state.clone();
    let outcome = state
        .for_caller(caller.proof())
        .change_access(move |conn, access_change| {
            let user = caller.user().id;
            let create = |conn: &mut Conn, id| {
                shared.person_limits.count_organization(user, now)?;
                Organization::create(conn, access_change, &shared.config, id, input.name.into_string(), user, now)
            };
            let answer = |made: &Organization| OrganizationView::new(made.clone(), OrganizationRole::Owner);
            claim.run(conn, OrganizationId::new(), now, create, answer)
        })
        .await?;
    Ok(ReplayOutcome::map(outcome, |made| OrganizationView::new(made, OrganizationRole::Owner)).respond())
}

/// Read an organization
///
/// Its name, and the caller's role in it.
#[utoipa::path(tag = "Organizations", responses(errors::Person, errors::Missing, (status = 200, description = "The organization.", body = OrganizationView)))]
#[get("/organizations/{organizationId}")]
pub async fn read_organization(access: OrganizationAccess<can::OrganizationRead>) -> web::Json<OrganizationView> {
    web::Json(OrganizationView::new(access.organization().clone(), access.role()))
}

/// Rename an organization
///
/// Its id stays.
#[utoipa::path(tag = "Organizations", request_body = OrganizationInput,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "Renamed.", body = OrganizationView)))]
#[patch("/organizations/{organizationId}")]
pub async fn rename_organization(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationManage>,
    body: Body<OrganizationInput>,
) -> Result<web::Json<OrganizationView>, ApiError> {
    let input = body.read().await?;
    let role = access.role();
    let organization = state.scoped_to(&access).change_access(move |conn, access_change| {
        Organization::rename(conn, access_change, &access, input.name.into_string())
    });
    let organization = organization.await?;
    Ok(web::Json(OrganizationView::new(organization, role)))
}

/// Delete an organization
///
/// Its workspaces, members and API keys go with it, at once and for good.
#[utoipa::path(tag = "Organizations", responses(errors::Person, errors::Write, (status = 204, description = "Deleted.")))]
#[delete("/organizations/{organizationId}")]
pub async fn delete_organization(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationDelete>,
) -> Result<HttpResponse, ApiError> {
    state
        .scoped_to(&access)
        .change_access(move |conn, access_change| Organization::delete(conn, access_change, &access))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
