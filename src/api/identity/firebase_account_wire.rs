//! Bodies of the operations on the caller's own account, with Firebase's field names.

use super::firebase_wire::ProviderView;
use crate::base::input::person_name;
use crate::base::input::validation::present;
use crate::base::text::is_unprintable;
use crate::domain::identity::Account;
use crate::domain::identity::provider::Change;
use crate::domain::identity::provider::FirebaseError;
use crate::domain::identity::provider::SignIn;
use crate::domain::identity::provider::{MailedCode, Purpose};
use crate::domain::identity::tokens::ID_TOKEN_SECONDS;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// The most characters of a picture's address.
const URL_LIMIT: usize = 2048;

/// A change of the own account.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "idToken": "eyJhbGciOiJSUzI1NiIs…", "displayName": "Ada Lovelace", "photoUrl": "https://example.com/ada.png"
}))]
pub(super) struct UpdateRequest {
    /// An ID token of this server; not needed with `oobCode`, where it keeps its session.
    #[schema(value_type = String, required = false, example = "eyJhbGciOiJSUzI1NiIs…")]
    pub(super) id_token: Option<SecretString>,
    /// The new password.
    #[schema(value_type = String, required = false, example = "correct horse battery staple")]
    pub(super) password: Option<SecretString>,
    /// The new address: refused.
    #[schema(ignore)]
    pub(super) email: Option<String>,
    /// The name to show: at most 256 characters. Null or empty takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, example = "Ada Lovelace")]
    display_name: Option<Option<String>>,
    /// A picture's http or https address. Null or empty takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, example = "https://example.com/ada.png")]
    photo_url: Option<Option<String>>,
    /// `DISPLAY_NAME` and `PHOTO_URL`: what to take away.
    #[serde(default)]
    #[schema(required = false, example = json!(["PHOTO_URL"]))]
    delete_attribute: Vec<String>,
    /// A mailed code that confirms the address.
    #[schema(value_type = String, required = false)]
    pub(super) oob_code: Option<SecretString>,
}

impl UpdateRequest {
    /// Returns the changes of display name and picture, in this order.
    pub(super) fn profile(&self) -> Result<(Change, Change), FirebaseError> {
        let change = |name: &str, value: &Option<Option<String>>| match value
            .as_ref()
            .map(|value| value.as_deref().unwrap_or_default())
        {
            _ if self.delete_attribute.iter().any(|attribute| attribute == name) => Change::Clear,
            None => Change::Keep,
            Some("") => Change::Clear,
            Some(value) => Change::Set(value.to_owned()),
        };
        let name = change("DISPLAY_NAME", &self.display_name);
        let photo = change("PHOTO_URL", &self.photo_url);
        if let Change::Set(name) = &name {
            person_name::check(name).map_err(refusal_of)?;
        }
        if let Change::Set(url) = &photo {
            check_photo(url)?;
        }
        Ok((name, photo))
    }
}

fn refusal_of(fault: person_name::Fault) -> FirebaseError {
    FirebaseError::InvalidProfileAttribute(match fault {
        person_name::Fault::TooLong => "displayName should be at most 256 characters",
        person_name::Fault::Unprintable => "displayName should have no control characters",
        person_name::Fault::Invisible => "displayName should have a visible character",
    })
}

fn check_photo(url: &str) -> Result<(), FirebaseError> {
    let is_plain = url.len() <= URL_LIMIT && !url.chars().any(|c| is_unprintable(c) || c.is_whitespace());
    let parsed = reqwest::Url::parse(url).ok().filter(|_| is_plain);
    match parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        true => Ok(()),
        false => Err(FirebaseError::InvalidProfileAttribute(
            "photoUrl should be an http or https address of at most 2048 characters",
        )),
    }
}

/// The changed account.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateResponse {
    #[schema(value_type = String, example = "identitytoolkit#SetAccountInfoResponse")]
    kind: &'static str,
    #[schema(example = "Vt3Kq0mYw2XbR7nZ5cJ8hD1sLfGa")]
    local_id: String,
    #[schema(example = "ada@example.com")]
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "Ada Lovelace")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    photo_url: Option<String>,
    email_verified: bool,
    /// Exactly one: the password.
    provider_user_info: Vec<ProviderView>,
    /// After a change of the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "eyJhbGciOiJSUzI1NiIs…")]
    id_token: Option<String>,
    /// After a change of the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "AMf-vBx…")]
    refresh_token: Option<String>,
    /// Seconds, as text; after a change of the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "3600")]
    expires_in: Option<String>,
}

impl From<Account> for UpdateResponse {
    fn from(account: Account) -> Self {
        Self {
            kind: "identitytoolkit#SetAccountInfoResponse",
            provider_user_info: vec![ProviderView::from(&account)],
            local_id: account.id,
            email: account.email,
            display_name: account.display_name,
            photo_url: account.photo_url,
            email_verified: account.email_verified,
            id_token: None,
            refresh_token: None,
            expires_in: None,
        }
    }
}

impl From<SignIn> for UpdateResponse {
    fn from(session: SignIn) -> Self {
        Self {
            id_token: Some(session.id_token.expose_secret().to_owned()),
            refresh_token: Some(session.refresh_token.expose_secret().to_owned()),
            expires_in: Some(ID_TOKEN_SECONDS.to_string()),
            ..session.account.into()
        }
    }
}

/// A wish to be forgotten.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteRequest {
    /// An ID token of this server, of a recent sign-in.
    #[schema(value_type = String, required, example = "eyJhbGciOiJSUzI1NiIs…")]
    pub(super) id_token: Option<SecretString>,
}

/// It is done.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct DeleteResponse {
    #[schema(value_type = String, example = "identitytoolkit#DeleteAccountResponse")]
    kind: &'static str,
}

impl Default for DeleteResponse {
    fn default() -> Self {
        Self { kind: "identitytoolkit#DeleteAccountResponse" }
    }
}

/// A wish for a mail.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "requestType": "PASSWORD_RESET", "email": "ada@example.com" }))]
pub(super) struct OobRequest {
    /// `PASSWORD_RESET`, with `email`, or `VERIFY_EMAIL`, with `idToken`.
    #[schema(value_type = String, required, example = "PASSWORD_RESET")]
    pub(super) request_type: Option<String>,
    /// Whose password it is.
    #[schema(value_type = String, required = false, example = "ada@example.com")]
    pub(super) email: Option<String>,
    /// Whose address it is.
    #[schema(value_type = String, required = false, example = "eyJhbGciOiJSUzI1NiIs…")]
    pub(super) id_token: Option<SecretString>,
    /// The page to go on at afterwards: of the origin of `identity.sign_in_url` or of one in `server.cors_origins`.
    #[schema(value_type = String, required = false)]
    pub(super) continue_url: Option<String>,
}

/// The mail is on its way.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct OobResponse {
    #[schema(value_type = String, example = "identitytoolkit#GetOobConfirmationCodeResponse")]
    kind: &'static str,
    #[schema(example = "ada@example.com")]
    email: String,
}

impl OobResponse {
    pub(super) fn new(email: String) -> Self {
        Self { kind: "identitytoolkit#GetOobConfirmationCodeResponse", email }
    }
}

/// A mailed code, and what to do with it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResetRequest {
    /// The code.
    #[schema(value_type = String, required)]
    pub(super) oob_code: Option<SecretString>,
    /// The new password.
    #[schema(value_type = String, required = false, example = "correct horse battery staple")]
    pub(super) new_password: Option<SecretString>,
}

/// What a code is, or was, good for.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResetResponse {
    #[schema(value_type = String, example = "identitytoolkit#ResetPasswordResponse")]
    kind: &'static str,
    #[schema(example = "ada@example.com")]
    email: String,
    #[schema(value_type = String, example = "PASSWORD_RESET")]
    request_type: Purpose,
}

impl From<MailedCode> for ResetResponse {
    fn from(known: MailedCode) -> Self {
        let kind = "identitytoolkit#ResetPasswordResponse";
        Self { kind, email: known.account.email, request_type: known.purpose }
    }
}

/// The response to a reset of the account's password.
impl From<Account> for ResetResponse {
    fn from(account: Account) -> Self {
        let kind = "identitytoolkit#ResetPasswordResponse";
        Self { kind, email: account.email, request_type: Purpose::PasswordReset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_pictures_are_bounded() {
        assert!(person_name::check(&"é".repeat(256)).is_ok() && person_name::check(&"é".repeat(257)).is_err());
        assert!(person_name::check("a\0b").is_err() && person_name::check("a\u{202e}b").is_err());
        assert!(check_photo("https://example.com/a.png?size=1").is_ok() && check_photo("http://a/").is_ok());
        for bad in [
            "a",
            "/a",
            "//a",
            "javascript:alert(1)",
            "data:,a",
            "ftp://a/b",
            "https://",
            "https://a b/",
            "https://a/\n",
        ] {
            assert!(check_photo(bad).is_err(), "{bad:?}");
        }
        assert!(check_photo(&format!("https://a/{}", "x".repeat(2040))).is_err());
    }
}
