//! `POST /docs/token`: OAuth 2's password grant ([RFC 6749, 4.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.3)),
//! with which people sign in inside the Swagger UI. It runs the same sign-in as Firebase's path.

use super::firebase::{no_store, read};
use crate::api::State;
use crate::api::errors;
use crate::domain::identity::provider::{FirebaseError, FirebaseRefusal};
use crate::domain::identity::tokens::ID_TOKEN_SECONDS;
use crate::infra::request::RequestContext;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, post, web};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// About the time until one more attempt is allowed.
const RETRY_SECONDS: &str = "60";

/// The form. What else the dialogue sends is ignored: there are no clients and no scopes here.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct PasswordGrant {
    /// `password`
    #[schema(value_type = String, required, example = "password")]
    grant_type: Option<String>,
    /// The e-mail address.
    #[schema(value_type = String, required, example = "ada@example.com")]
    username: Option<String>,
    #[schema(value_type = String, required, example = "correct horse battery staple")]
    password: Option<SecretString>,
}

/// The tokens of a sign-in.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct TokenResponse {
    /// An ID token.
    #[schema(example = "eyJhbGciOiJSUzI1NiIs…")]
    access_token: String,
    #[schema(value_type = String, example = "Bearer")]
    token_type: &'static str,
    /// Seconds.
    #[schema(example = 3600)]
    expires_in: i64,
    #[schema(example = "AMf-vBx…")]
    refresh_token: String,
}

/// An error of OAuth 2.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct OAuthError {
    /// `invalid_request`, `invalid_grant`, `unsupported_grant_type` or `temporarily_unavailable`.
    #[schema(value_type = String, example = "invalid_grant")]
    error: &'static str,
    #[schema(value_type = String, example = "The e-mail address or the password is wrong.")]
    error_description: &'static str,
}

/// Sign in to this page
///
/// OAuth 2's password grant, for the Authorize dialogue.
#[utoipa::path(
    tag = "Identity",
    security(()),
    request_body(content = PasswordGrant, content_type = "application/x-www-form-urlencoded"),
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "An ID token to authorize with.", body = TokenResponse),
        (status = 400, description = "Refused.", body = OAuthError),
        (status = 429, description = "Too many attempts.", body = OAuthError,
            headers(("Retry-After" = String, description = "Seconds to wait."))),
    )
)]
#[post("/docs/token")]
pub(super) async fn docs_token(
    state: web::Data<State>,
    req: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let body = read(&state, payload).await?;
    let form: Option<PasswordGrant> = req
        .content_type()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        .then(|| serde_urlencoded::from_bytes(&body).ok())
        .flatten();
    let Some(PasswordGrant { grant_type: Some(grant_type), username, password }) = form else {
        return Ok(refusal("invalid_request", "Send a form with grant_type, username and password."));
    };
    if grant_type != "password" {
        return Ok(refusal("unsupported_grant_type", "The grant_type must be password."));
    }
    let (Some(username), Some(password)) = (username, password) else {
        return Ok(refusal("invalid_request", "username and password must be there."));
    };
    match state.identity.builtin()?.sign_in(RequestContext::client_address(), &username, password).await {
        Ok(session) => Ok(no_store(TokenResponse {
            access_token: session.id_token.expose_secret().to_owned(),
            token_type: "Bearer",
            expires_in: ID_TOKEN_SECONDS,
            refresh_token: session.refresh_token.expose_secret().to_owned(),
        })),
        Err(FirebaseRefusal::Api(error)) => Err(error.into()),
        Err(FirebaseRefusal::Firebase(FirebaseError::TooManyAttemptsTryLater)) => {
            let body = OAuthError {
                error: "temporarily_unavailable",
                error_description: "Too many attempts. Try again later.",
            };
            Ok(HttpResponse::TooManyRequests().insert_header((RETRY_AFTER, RETRY_SECONDS)).json(body))
        }
        Err(FirebaseRefusal::Firebase(FirebaseError::UserDisabled)) => {
            Ok(refusal("invalid_grant", "The account is disabled."))
        }
        Err(FirebaseRefusal::Firebase(_)) => {
            Ok(refusal("invalid_grant", "The e-mail address or the password is wrong."))
        }
    }
}

fn refusal(error: &'static str, error_description: &'static str) -> HttpResponse {
    HttpResponse::BadRequest().json(OAuthError { error, error_description })
}
