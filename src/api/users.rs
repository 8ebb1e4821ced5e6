//! `PUT /users`: a service names the people whom it acts for.

use crate::api::Service;
use crate::api::State;
use crate::api::errors;
use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::input::email::Email;
use crate::base::input::person_name::PersonName;
use crate::base::input::validation::present;
use crate::domain::provisioning::{EXTERNAL_ISSUER, UserClaims};
use crate::domain::tenancy::PersonStatus;
use crate::infra::http::Body;
use actix_web::{put, web};
use serde::{Deserialize, Deserializer, Serialize};

/// The most characters of a subject, by OpenID Connect Core 1.0, 2.
const SUBJECT_LIMIT: usize = 255;

/// What identifies a user at an issuer.
#[derive(Clone, Debug)]
pub struct Subject(String);

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_good = (1..=SUBJECT_LIMIT).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        let message = format!("must be 1 to {SUBJECT_LIMIT} characters, without control characters");
        is_good.then_some(Self(text)).ok_or_else(|| serde::de::Error::custom(message))
    }
}

impl utoipa::PartialSchema for Subject {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .min_length(Some(1))
            .max_length(Some(SUBJECT_LIMIT))
            .description(Some("What identifies the user at the issuer: for `external`, an id of your own."))
            .examples(["user-4711"])
            .into()
    }
}
impl utoipa::ToSchema for Subject {}

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

/// The owner of an organization to make. An owner who is known already stays as it is.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnerInput {
    /// `external` if left out.
    #[schema(example = "external")]
    issuer: Option<String>,
    subject: Subject,
    email: Option<Email>,
    name: Option<PersonName>,
}

impl OwnerInput {
    /// Returns who should be the owner.
    ///
    /// # Errors
    /// `validation_failed` for an issuer that is not known here.
    pub fn into_claims(self, config: &Config) -> Result<UserClaims, ApiError> {
        let claims = UserClaims {
            issuer: self.issuer.unwrap_or_else(|| EXTERNAL_ISSUER.to_owned()),
            subject: self.subject.0,
            email: Some(self.email.map(Email::into_string)),
            name: Some(self.name.map(PersonName::into_string)),
        };
        claims.check(config, "owner.issuer").map(|()| claims)
    }
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
        subject: subject.0,
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
