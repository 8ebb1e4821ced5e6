//! The ID tokens of the built-in provider.

use super::accounts::Account;
use super::built_in::{BuiltIn, SignIn};
use super::refresh_tokens::RefreshToken;
use super::sessions::Session;
use crate::base::error::ApiError;
use crate::base::ids::SessionId;
use crate::base::time::Timestamp;
use crate::domain::identity::tokens::ID_TOKEN_SECONDS;
use serde::Serialize;

/// The claims of an ID token, in Firebase's form.
#[derive(Serialize)]
struct NewClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    auth_time: i64,
    sid: SessionId,
    user_id: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    email: &'a str,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<&'a str>,
    firebase: FirebaseClaim<'a>,
}

#[derive(Serialize)]
struct FirebaseClaim<'a> {
    identities: Identities<'a>,
    sign_in_provider: &'static str,
}

#[derive(Serialize)]
struct Identities<'a> {
    email: [&'a str; 1],
}

impl BuiltIn {
    /// Returns the tokens of a session.
    pub(super) fn tokens(
        &self,
        account: Account,
        session: &Session,
        refresh_token: RefreshToken,
        now: Timestamp,
    ) -> Result<SignIn, ApiError> {
        let id_token = self.keys.sign(&NewClaims {
            iss: &self.issuer,
            aud: &self.project_id,
            auth_time: session.authenticated_at.seconds(),
            sid: session.id,
            user_id: &account.id,
            sub: &account.id,
            iat: now.seconds(),
            exp: now.seconds() + ID_TOKEN_SECONDS,
            email: &account.email,
            email_verified: account.email_verified,
            name: account.display_name.as_deref(),
            picture: account.photo_url.as_deref(),
            firebase: FirebaseClaim {
                identities: Identities { email: [&account.email] },
                sign_in_provider: "password",
            },
        })?;
        Ok(SignIn { account, id_token, refresh_token: refresh_token.into_secret() })
    }
}
