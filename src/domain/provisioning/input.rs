//! What a service sends of a user.

use super::{EXTERNAL_ISSUER, UserClaims};
use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::input::email::Email;
use crate::base::input::person_name::PersonName;
use crate::base::text::{is_unprintable, shows_nothing};
use serde::{Deserialize, Deserializer};

/// The most characters of a subject, by OpenID Connect Core 1.0, 2.
const SUBJECT_LIMIT: usize = 255;

/// What identifies a user at an issuer.
#[derive(Clone, Debug)]
pub struct Subject(String);

impl Subject {
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_good = (1..=SUBJECT_LIMIT).contains(&text.chars().count())
            && !text.chars().any(is_unprintable)
            && !text.chars().all(shows_nothing);
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
            subject: self.subject.into_string(),
            email: Some(self.email.map(Email::into_string)),
            name: Some(self.name.map(PersonName::into_string)),
        };
        claims.check(config, "owner.issuer").map(|()| claims)
    }
}
