//! Bodies of requests and responses at Firebase's paths, with Firebase's field names and numbers as text.

use crate::base::time::Timestamp;
use crate::domain::identity::Account;
use crate::domain::identity::provider::FirebaseError;
use crate::domain::identity::provider::SignIn;
use crate::domain::identity::tokens::ID_TOKEN_SECONDS;
use actix_web::{HttpMessage, HttpRequest};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Parses a JSON body. Unknown fields are ignored, because the SDK sends some.
pub(super) fn read_json<T: DeserializeOwned>(req: &HttpRequest, body: &[u8]) -> Result<T, FirebaseError> {
    if !req.content_type().eq_ignore_ascii_case("application/json") {
        return Err(FirebaseError::InvalidJson);
    }
    // Without the cause: it may quote a part of the password.
    serde_json::from_slice(body).map_err(|_| FirebaseError::InvalidJson)
}

/// A sign-up or a sign-in.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PasswordRequest)]
pub(super) struct PasswordRequest {
    #[schema(value_type = String, required, example = "ada@example.com")]
    email: Option<String>,
    #[schema(value_type = String, required, example = "correct horse battery staple")]
    password: Option<SecretString>,
    /// Firebase's SDK sends it; tokens are returned in any case.
    #[serde(rename = "returnSecureToken")]
    #[schema(value_type = serde_json::Value, required = false, example = true)]
    _return_secure_token: Option<serde::de::IgnoredAny>,
}

impl PasswordRequest {
    /// Whether the request has neither address nor password: a sign-up for an anonymous account.
    pub(super) fn is_anonymous(&self) -> bool {
        self.email.is_none() && self.password.is_none()
    }

    /// Returns the address and the password. Both are required.
    pub(super) fn into_parts(self) -> Result<(String, SecretString), FirebaseError> {
        let email = self.email.filter(|email| !email.is_empty()).ok_or(FirebaseError::MissingEmail)?;
        let password = self.password.filter(|password| !password.expose_secret().is_empty());
        Ok((email, password.ok_or(FirebaseError::MissingPassword)?))
    }
}

/// A question who a token's person is.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LookupRequest {
    /// An ID token of this server.
    #[schema(value_type = String, required, example = "eyJhbGciOiJSUzI1NiIs…")]
    pub(super) id_token: Option<SecretString>,
}

/// A request for a new ID token, as a form or as JSON.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct RefreshRequest {
    /// `refresh_token`
    #[schema(value_type = String, required, example = "refresh_token")]
    pub(super) grant_type: Option<String>,
    /// The token of a sign-in.
    #[schema(value_type = String, required, example = "AMf-vBx…")]
    pub(super) refresh_token: Option<SecretString>,
}

/// The tokens of a sign-up.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignUpResponse {
    #[schema(value_type = String, example = "identitytoolkit#SignupNewUserResponse")]
    kind: &'static str,
    #[schema(example = "Vt3Kq0mYw2XbR7nZ5cJ8hD1sLfGa")]
    local_id: String,
    #[schema(example = "ada@example.com")]
    email: String,
    #[schema(example = "eyJhbGciOiJSUzI1NiIs…")]
    id_token: String,
    #[schema(example = "AMf-vBx…")]
    refresh_token: String,
    /// Seconds, as text.
    #[schema(example = "3600")]
    expires_in: String,
}

/// The tokens of a sign-in.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignInResponse {
    #[serde(flatten)]
    tokens: SignUpResponse,
    #[schema(example = true)]
    registered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "Ada Lovelace")]
    display_name: Option<String>,
}

impl From<SignIn> for SignUpResponse {
    fn from(session: SignIn) -> Self {
        Self {
            kind: "identitytoolkit#SignupNewUserResponse",
            local_id: session.account.id,
            email: session.account.email,
            id_token: session.id_token.expose_secret().to_owned(),
            refresh_token: session.refresh_token.expose_secret().to_owned(),
            expires_in: ID_TOKEN_SECONDS.to_string(),
        }
    }
}

impl From<SignIn> for SignInResponse {
    fn from(mut session: SignIn) -> Self {
        let display_name = session.account.display_name.take();
        let kind = "identitytoolkit#VerifyPasswordResponse";
        Self { tokens: SignUpResponse { kind, ..session.into() }, registered: true, display_name }
    }
}

/// The tokens of a refresh.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct RefreshResponse {
    #[schema(example = "eyJhbGciOiJSUzI1NiIs…")]
    access_token: String,
    /// The same as `access_token`.
    #[schema(example = "eyJhbGciOiJSUzI1NiIs…")]
    id_token: String,
    #[schema(example = "AMf-vBx…")]
    refresh_token: String,
    /// Seconds, as text.
    #[schema(example = "3600")]
    expires_in: String,
    #[schema(value_type = String, example = "Bearer")]
    token_type: &'static str,
    #[schema(example = "Vt3Kq0mYw2XbR7nZ5cJ8hD1sLfGa")]
    user_id: String,
    #[schema(example = "keyward")]
    project_id: String,
}

impl RefreshResponse {
    pub(super) fn new(session: SignIn, project_id: String) -> Self {
        let id_token = session.id_token.expose_secret().to_owned();
        Self {
            access_token: id_token.clone(),
            id_token,
            refresh_token: session.refresh_token.expose_secret().to_owned(),
            expires_in: ID_TOKEN_SECONDS.to_string(),
            token_type: "Bearer",
            user_id: session.account.id,
            project_id,
        }
    }
}

/// Whom a token belongs to.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct LookupResponse {
    #[schema(value_type = String, example = "identitytoolkit#GetAccountInfoResponse")]
    kind: &'static str,
    /// Exactly one.
    users: Vec<AccountView>,
}

/// An account, as Firebase shows it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FirebaseAccount)]
struct AccountView {
    #[schema(example = "Vt3Kq0mYw2XbR7nZ5cJ8hD1sLfGa")]
    local_id: String,
    #[schema(example = "ada@example.com")]
    email: String,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "Ada Lovelace")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    photo_url: Option<String>,
    /// Exactly one: the password.
    provider_user_info: Vec<ProviderView>,
    /// Milliseconds since 1970, as text.
    #[schema(example = "1772280000000")]
    created_at: String,
    /// Milliseconds since 1970, as text.
    #[schema(example = "1772280000000")]
    last_login_at: String,
    /// Seconds since 1970, as text.
    #[schema(example = "1772280000")]
    valid_since: String,
    /// Milliseconds since 1970.
    #[schema(example = 1_772_280_000_000_i64)]
    password_updated_at: i64,
    last_refresh_at: Timestamp,
}

/// A way to sign in.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FirebaseProvider)]
pub(super) struct ProviderView {
    #[schema(value_type = String, example = "password")]
    provider_id: &'static str,
    #[schema(example = "ada@example.com")]
    email: String,
    #[schema(example = "ada@example.com")]
    federated_id: String,
    #[schema(example = "ada@example.com")]
    raw_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "Ada Lovelace")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    photo_url: Option<String>,
}

impl From<&Account> for ProviderView {
    fn from(account: &Account) -> Self {
        Self {
            provider_id: "password",
            email: account.email.clone(),
            federated_id: account.email.clone(),
            raw_id: account.email.clone(),
            display_name: account.display_name.clone(),
            photo_url: account.photo_url.clone(),
        }
    }
}

impl From<Account> for LookupResponse {
    fn from(account: Account) -> Self {
        let provider = ProviderView::from(&account);
        let user = AccountView {
            local_id: account.id,
            email: account.email,
            email_verified: account.email_verified,
            display_name: account.display_name,
            photo_url: account.photo_url,
            provider_user_info: vec![provider],
            created_at: account.created_at.millis().to_string(),
            last_login_at: account.last_login_at.millis().to_string(),
            valid_since: account.valid_since.seconds().to_string(),
            password_updated_at: account.password_updated_at.millis(),
            last_refresh_at: account.last_refresh_at,
        };
        Self { kind: "identitytoolkit#GetAccountInfoResponse", users: vec![user] }
    }
}
