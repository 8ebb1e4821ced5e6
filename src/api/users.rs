//! `PUT /users`: a service names the people whom it acts for.

use crate::api::Service;
use crate::api::State;
use crate::api::errors;
use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::input::email::Email;
use crate::base::input::person_name::PersonName;
use crate::base::input::validation::present;
use crate::domain::provisioning::{Subject, UserClaims};
use crate::domain::tenancy::PersonStatus;
use crate::infra::http::Body;
use actix_web::{put, web};
use serde::{Deserialize, Serialize};

/// A user to make, or to change.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutUser {
    /// `external` for people who sign in elsewhere, or the issuer of the ID tokens that they will send: `builtin`, or one of
    /// `identity.issuers`.
    #[schema(example = "external")]
    issuer: String,
    subject: Subject,
    /// What is left out stays; null clears. It never counts as verified.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Email>)]
    email: Option<Option<Email>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<PersonName>)]
    name: Option<Option<PersonName>>,
}

/// A user.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnownUser {
    id: UserId,
    #[schema(example = "external")]
    issuer: String,
    #[schema(example = "user-4711")]
    subject: String,
    #[schema(required, example = "ada@example.com")]
    email: Option<String>,
    /// Whether the issuer's ID token said that the address is the user's.
    email_verified: bool,
    #[schema(required, example = "Ada Lovelace")]
    name: Option<String>,
    status: PersonStatus,
}

/// Create or change a user
///
/// The user of this issuer and subject, who is created if new. Of a user who signs in at the issuer, a verified address
/// stays, and a user of the built-in provider stays as the account is.
#[utoipa::path(tag = "Backends", security(("serviceToken" = ["users:write"])), request_body = PutUser,
    responses(errors::Program, errors::Write, errors::Body, (status = 200, description = "The user as it is now.", body = KnownUser)))]
#[put("/users")]
pub async fn put_user(
    state: web::Data<State>,
    service: Service,
    body: Body<PutUser>,
) -> Result<web::Json<KnownUser>, ApiError> {
    service.actor().ensure_alone()?;
    service.caller().ensure_unbound()?;
    let PutUser { issuer, subject, email, name } = body.read().await?;
    let claims = UserClaims {
        issuer,
        subject: subject.into_string(),
        email: email.map(|email| email.map(Email::into_string)),
        name: name.map(|name| name.map(PersonName::into_string)),
    };
    claims.check(&state.config, "issuer")?;
    let (issuer, subject, now) = (claims.issuer.clone(), claims.subject.clone(), state.clock.now());
    let user = state
        .for_caller(service.actor().proof())
        .change_access(move |conn, access_change| claims.upsert(conn, access_change, now))
        .await?;
    let status = user.status();
    let (id, email, email_verified, name) = (user.id, user.email, user.email_verified, user.name);
    Ok(web::Json(KnownUser { id, issuer, subject, email, email_verified, name, status }))
}
