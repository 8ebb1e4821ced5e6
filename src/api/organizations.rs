//! `/organizations`

use crate::api::State;
use crate::api::errors;
use crate::api::{Idempotency, PersonOrService, ReplayOutcome};
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::input::validation::{Name, Object};
use crate::base::policy::{OrganizationRole, PermissionCatalog, PermissionNames, can};
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use crate::domain::provisioning::OwnerInput;
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
    /// The caller's role in it; an owner's for a service that acts for no member.
    role: OrganizationRole,
    /// What the caller may do in it.
    permissions: PermissionNames,
    created_at: Timestamp,
}

impl OrganizationView {
    fn new(catalog: &PermissionCatalog, organization: Organization, role: OrganizationRole) -> Self {
        let Organization { id, name, created_at } = organization;
        Self { id, name, role, permissions: catalog.names_of(catalog.in_organization(role)), created_at }
    }
}

/// What to call it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Acme" }))]
pub struct OrganizationInput {
    name: Name,
}

/// An organization to make.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Acme" }))]
pub struct CreateOrganization {
    name: Name,
    /// Who owns it. Only a service token names an owner, and it must.
    #[schema(value_type = Option<OwnerInput>)]
    owner: Option<Object<OwnerInput>>,
}

/// List organizations
///
/// Those that the caller belongs to. A service token lists those that it sees or, on behalf of a person, the person's.
#[utoipa::path(tag = "Organizations", security(("person" = []), ("serviceToken" = ["organizations:read"])), params(PageQuery),
    responses(errors::Person, (status = 200, description = "A page.", body = Page<OrganizationView>)))]
#[get("/organizations")]
pub async fn list_organizations(
    state: web::Data<State>,
    caller: PersonOrService,
    page: PageQuery,
) -> Result<web::Json<Page<OrganizationView>>, ApiError> {
    let whose = match &caller {
        PersonOrService::Person(person) => person.user().id.to_string(),
        PersonOrService::Service(service) => service.caller().id().to_string(),
    };
    let scope = ListScope("organizations", &whose);
    let position = page.position(scope)?;
    let read = move |conn: &mut Conn| match &caller {
        PersonOrService::Person(person) => Organization::page_of(conn, person.user().id, position),
        PersonOrService::Service(service) => {
            let actor = service.actor();
            Organization::page_of_service(conn, actor.on_behalf_of(), actor.organization(), position)
        }
    };
    let rows = state.reader().read(read).await?;
    let show = |(organization, role)| OrganizationView::new(&state.catalog, organization, role);
    Ok(web::Json(Page::new(rows, &position, scope, |(organization, _)| organization.id, show)))
}

/// Create an organization
///
/// The caller becomes its owner. Its trial starts, unless the caller has had a trial before: then it is expired until it
/// is paid for. A person may create only so many in a day. A service token names the owner, who is created if new.
#[utoipa::path(tag = "Organizations", security(("person" = []), ("serviceToken" = ["organizations:write"])), params(Idempotency), request_body = CreateOrganization,
    responses(errors::Person, errors::Write, errors::Body, (status = 201, description = "Made.", body = OrganizationView),
        (status = 200, description = "Made before, with the same Idempotency-Key.", body = OrganizationView)))]
#[post("/organizations")]
pub async fn create_organization(
    state: web::Data<State>,
    caller: PersonOrService,
    idempotency: Idempotency,
    body: Body<CreateOrganization>,
) -> Result<HttpResponse, ApiError> {
    if let PersonOrService::Service(service) = &caller {
        service.actor().ensure_alone()?;
        service.caller().ensure_unbound()?;
    }
    let (CreateOrganization { name, owner }, bytes) = body.parse().await?;
    let owner = match (&caller, owner) {
        (PersonOrService::Service(_), Some(Object(owner))) => Some(owner.into_claims(&state.config)?),
        (PersonOrService::Service(_), None) => {
            return Err(ApiError::invalid("owner", "must be there: name who owns it"));
        }
        (PersonOrService::Person(_), None) => None,
        (PersonOrService::Person(_), Some(_)) => {
            return Err(ApiError::invalid("owner", "must be left out: a person owns what the person creates"));
        }
    };
    let proof = match &caller {
        PersonOrService::Person(person) => person.proof(),
        PersonOrService::Service(service) => service.actor().proof(),
    };
    let claim = idempotency.claim(&bytes);
    let now = state.clock.now();
    let shared = state.clone();
    let outcome = state
        .for_caller(proof)
        .change_access(move |conn, access_change| {
            let create = |conn: &mut Conn, id| {
                let owner = match (&caller, owner) {
                    (PersonOrService::Person(person), _) => {
                        let user = person.user().id;
                        shared.person_limits.count_organization(user, now)?;
                        user
                    }
                    (_, Some(owner)) => owner.owner(conn, now)?,
                    (_, None) => return Err(ApiError::invalid("owner", "must be there")),
                };
                Organization::create(conn, access_change, &shared.config, id, name.into_string(), owner, now)
            };
            let answer =
                |made: &Organization| OrganizationView::new(&shared.catalog, made.clone(), OrganizationRole::Owner);
            claim.run(conn, OrganizationId::new(), now, create, answer)
        })
        .await?;
    Ok(ReplayOutcome::map(outcome, |made| OrganizationView::new(&state.catalog, made, OrganizationRole::Owner))
        .respond())
}

/// Read an organization
///
/// Its name, and the caller's role in it.
#[utoipa::path(tag = "Organizations", security(("person" = []), ("serviceToken" = ["organizations:read"])), responses(errors::Person, errors::Missing, (status = 200, description = "The organization.", body = OrganizationView)))]
#[get("/organizations/{organizationId}")]
pub async fn read_organization(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationRead>,
) -> web::Json<OrganizationView> {
    web::Json(OrganizationView::new(&state.catalog, access.organization().clone(), access.role()))
}

/// Rename an organization
///
/// Its id stays.
#[utoipa::path(tag = "Organizations", security(("person" = []), ("serviceToken" = ["organizations:write"])), request_body = OrganizationInput,
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
    Ok(web::Json(OrganizationView::new(&state.catalog, organization, role)))
}

/// Delete an organization
///
/// Its workspaces, members and API keys go with it, at once and for good.
#[utoipa::path(tag = "Organizations", security(("person" = []), ("serviceToken" = ["organizations:write"])), responses(errors::Person, errors::Write, (status = 204, description = "Deleted.")))]
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
