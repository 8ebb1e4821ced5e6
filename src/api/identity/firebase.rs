//! The part of Firebase Auth's REST API that Firebase's SDK uses to sign people in with e-mail and password.
//!
//! Paths, bodies and errors are Firebase's, so that a frontend that was written for Firebase works against Keyward
//! unchanged. `?key=` is ignored: it names a Firebase project, and this server has only one.

use super::firebase_wire::{
    LookupRequest, LookupResponse, PasswordRequest, RefreshRequest, RefreshResponse, SignInResponse, SignUpResponse,
    read_json,
};
use crate::api::State;
use crate::api::errors;
use crate::base::error::{ApiError, Code};
use crate::domain::identity::provider::BuiltIn;
use crate::domain::identity::provider::{FirebaseError, FirebaseErrorBody};
use crate::infra::request::RequestContext;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, post, web};
use serde::Serialize;

/// Reads a body of at most `server.body_limit` bytes.
pub(super) async fn read(state: &State, payload: web::Payload) -> Result<web::Bytes, ApiError> {
    match payload.to_bytes_limited(state.config.server.body_limit).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(ApiError::bad_request(format!("The body can't be read: {error}."))),
        Err(_) => Err(Code::BodyTooLarge.into()),
    }
}

/// Makes a response that may not be stored, because it contains tokens.
pub(super) fn no_store(body: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body)
}

/// Sign up
///
/// Makes an account with e-mail address and password, and signs in. Firebase's `accounts:signUp`.
#[utoipa::path(
    tag = "Identity",
    security(()),
    request_body = PasswordRequest,
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "The account and its tokens.", body = SignUpResponse),
        (status = 400, description = "Refused: `EMAIL_EXISTS`, `INVALID_EMAIL`, `MISSING_EMAIL`, `MISSING_PASSWORD`, \
            `WEAK_PASSWORD : …`, `ADMIN_ONLY_OPERATION` (neither address nor password), `INVALID_JSON` or \
            `TOO_MANY_ATTEMPTS_TRY_LATER`.", body = FirebaseErrorBody),
    )
)]
#[post("/identitytoolkit.googleapis.com/v1/accounts:signUp")]
pub(super) async fn sign_up(
    state: web::Data<State>,
    req: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let body = read(&state, payload).await?;
    let request: PasswordRequest = read_json(&req, &body)?;
    if request.is_anonymous() {
        return Err(FirebaseError::AdminOnlyOperation.into());
    }
    let (email, password) = request.into_parts()?;
    let session = state.identity.builtin()?.sign_up(RequestContext::client_address(), &email, password).await?;
    Ok(no_store(SignUpResponse::from(session)))
}

/// Sign in
///
/// With e-mail address and password. Firebase's `accounts:signInWithPassword`.
#[utoipa::path(
    tag = "Identity",
    security(()),
    request_body = PasswordRequest,
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "The account and its tokens.", body = SignInResponse),
        (status = 400, description = "Refused: `INVALID_LOGIN_CREDENTIALS` (unknown address and wrong password alike), \
            `USER_DISABLED`, `INVALID_EMAIL`, `MISSING_EMAIL`, `MISSING_PASSWORD`, `INVALID_JSON` or \
            `TOO_MANY_ATTEMPTS_TRY_LATER`.", body = FirebaseErrorBody),
    )
)]
#[post("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword")]
pub(super) async fn sign_in(
    state: web::Data<State>,
    req: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let body = read(&state, payload).await?;
    let (email, password) = read_json::<PasswordRequest>(&req, &body)?.into_parts()?;
    let session = state.identity.builtin()?.sign_in(RequestContext::client_address(), &email, password).await?;
    Ok(no_store(SignInResponse::from(session)))
}

/// Look up the account of an ID token
///
/// Firebase's `accounts:lookup`.
#[utoipa::path(
    operation_id = "look_up_account",
    tag = "Identity",
    security(()),
    request_body = LookupRequest,
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "The account.", body = LookupResponse),
        (status = 400, description = "Refused: `MISSING_ID_TOKEN`, `INVALID_ID_TOKEN`, `TOKEN_EXPIRED` (signed out \
            since), `USER_DISABLED`, `USER_NOT_FOUND` or `INVALID_JSON`.", body = FirebaseErrorBody),
    )
)]
#[post("/identitytoolkit.googleapis.com/v1/accounts:lookup")]
pub(super) async fn look_up(
    state: web::Data<State>,
    req: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let body = read(&state, payload).await?;
    let request: LookupRequest = read_json(&req, &body)?;
    let builtin = state.identity.builtin()?;
    let claims = state.identity.own_claims(&state.clock, request.id_token).await?;
    let account = builtin.look_up(claims).await?;
    Ok(no_store(LookupResponse::from(account)))
}

/// Any other account operation
///
/// Keyward offers none of Firebase's other `accounts:` operations.
#[utoipa::path(
    tag = "Identity",
    security(()),
    params(("operation" = String, Path, description = "The operation.", example = "signInWithIdp")),
    responses(errors::Public, (status = 400, description = "Refused: `OPERATION_NOT_ALLOWED`.", body = FirebaseErrorBody))
)]
#[post("/identitytoolkit.googleapis.com/v1/accounts:{operation}")]
pub(super) async fn other_operation() -> Result<HttpResponse, Error> {
    Err(FirebaseError::OperationNotAllowed.into())
}

/// Refresh an ID token
///
/// Firebase's `securetoken.googleapis.com`. The answer has a new refresh token, which replaces the sent one. For 30
/// seconds (`identity.sessions.reuse_grace`) the sent one gets the same answer again; after that, its use ends the
/// session.
#[utoipa::path(
    operation_id = "refresh_id_token",
    tag = "Identity",
    security(()),
    params(("key" = Option<String>, Query, description = "The Web API key that Firebase's clients send. Any text.")),
    request_body(content(
        (RefreshRequest = "application/x-www-form-urlencoded"),
        (RefreshRequest = "application/json"),
    )),
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "A new ID token.", body = RefreshResponse),
        (status = 400, description = "Refused: `MISSING_GRANT_TYPE`, `INVALID_GRANT_TYPE`, `MISSING_REFRESH_TOKEN`, \
            `INVALID_REFRESH_TOKEN`, `TOKEN_EXPIRED` (the session has ended), `USER_NOT_FOUND` (deleted since), \
            `USER_DISABLED` or `INVALID_JSON`.",
            body = FirebaseErrorBody),
    )
)]
#[post("/securetoken.googleapis.com/v1/token")]
pub(super) async fn refresh(
    state: web::Data<State>,
    req: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let body = read(&state, payload).await?;
    let builtin: &BuiltIn = state.identity.builtin()?;
    let request: RefreshRequest = match req.content_type() {
        "application/json" => read_json(&req, &body)?,
        _ => serde_urlencoded::from_bytes(&body).map_err(|_| FirebaseError::InvalidJson)?,
    };
    match request.grant_type.as_deref() {
        None | Some("") => return Err(FirebaseError::MissingGrantType.into()),
        Some("refresh_token") => {}
        Some(_) => return Err(FirebaseError::InvalidGrantType.into()),
    }
    let token = request.refresh_token.ok_or(FirebaseError::MissingRefreshToken)?;
    let session = builtin.refresh(&token).await?;
    Ok(no_store(RefreshResponse::new(session, builtin.project_id.clone())))
}
