//! `GET /me`: the signed-in person and the person's organizations.

use crate::api::SignedIn;
use crate::api::State;
use crate::api::errors;
use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId};
use crate::base::policy::OrganizationRole;
use crate::domain::tenancy::Organization;
use actix_web::{get, web};
use serde::Serialize;

/// A person, as that person sees it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UserView {
    id: UserId,
    #[schema(required, example = "ada@example.com")]
    email: Option<String>,
    #[schema(required, example = "Ada Lovelace")]
    name: Option<String>,
}

/// An organization, and the caller's role in it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MembershipView {
    id: OrganizationId,
    #[schema(example = "Acme")]
    name: String,
    role: OrganizationRole,
}

/// The caller and its organizations.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Me {
    user: UserView,
    organizations: Vec<MembershipView>,
}

/// Who I am
///
/// The signed-in person, and the organizations it belongs to, newest first.
#[utoipa::path(tag = "Account", responses(errors::Person, (status = 200, description = "The caller.", body = Me)))]
#[get("/me")]
pub async fn me(state: web::Data<State>, caller: SignedIn) -> Result<web::Json<Me>, ApiError> {
    let id = caller.user().id;
    let organizations = state.reader().read(move |conn| Organization::all_of(conn, id)).await?;
    let organizations = organizations
        .into_iter()
        .map(|(organization, role)| MembershipView { id: organization.id, name: organization.name, role })
        .collect();
    let user = UserView { id, email: caller.user().email.clone(), name: caller.user().name.clone() };
    Ok(web::Json(Me { user, organizations }))
}
