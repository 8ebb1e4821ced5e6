//! The part of Firebase Auth's REST API with which people change, delete and recover their own account.

use super::firebase::{no_store, read};
use super::firebase_account_wire::{
    DeleteRequest, DeleteResponse, OobRequest, OobResponse, ResetRequest, ResetResponse, UpdateRequest, UpdateResponse,
};
use super::firebase_wire::read_json;
use crate::api::State;
use crate::api::errors;
use crate::base::error::Code;
use crate::base::time::Clock;
use crate::domain::identity::provider::OobCode;
use crate::domain::identity::provider::{FirebaseError, FirebaseErrorBody, FirebaseRefusal};
use crate::domain::identity::tokens::Claims;
use crate::domain::identity::{IdentityService, VerifiedToken};
use crate::infra::request::RequestContext;
use actix_web::{Error, HttpRequest, HttpResponse, post, web};
use secrecy::{ExposeSecret, SecretString};

impl IdentityService {
    /// Verifies an ID token of the built-in provider, and returns its claims.
    pub(super) async fn own_claims(
        &self,
        clock: &Clock,
        token: Option<SecretString>,
    ) -> Result<Claims, FirebaseRefusal> {
        let token = token.filter(|token| !token.expose_secret().is_empty()).ok_or(FirebaseError::MissingIdToken)?;
        match self.authenticate(clock, &token).await {
            Ok(VerifiedToken::BuiltIn(claims)) => Ok(claims),
            Err(error) if error.code == Code::Unavailable => Err(error.into()),
            // A token of another issuer belongs to no account of this server.
            _ => Err(FirebaseError::InvalidIdToken.into()),
        }
    }
}

/// Counts a change by an account like those with a token in the header.
fn count_write(state: &State, claims: &Claims) -> Result<(), FirebaseError> {
    let counted =
        state.person_limits.count_account_write(&claims.sub, RequestContext::client_address(), state.clock.now());
    counted.map_err(|_| FirebaseError::TooManyAttemptsTryLater)
}

/// Change the own account
///
/// Name, picture, password; or confirms an e-mail address by a mailed code. Firebase's `accounts:update`. A new
/// password ends every sign-in and answers new tokens. A confirmed address ends the sessions from before, but the one
/// whose `idToken` is sent along, or without one those of the same browser: of the same client address and `User-Agent`.
#[utoipa::path(
    operation_id = "update_account",
    tag = "Identity",
    security(()),
    request_body = UpdateRequest,
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "The account; after a change of the password its new tokens, too.",
            body = UpdateResponse),
        (status = 400, description = "Refused: `MISSING_ID_TOKEN`, `INVALID_ID_TOKEN`, `TOKEN_EXPIRED`, \
            `USER_DISABLED`, `USER_NOT_FOUND`, `CREDENTIAL_TOO_OLD_LOGIN_AGAIN` (a new password wants a sign-in of the \
            last five minutes), `WEAK_PASSWORD : …`, `INVALID_PROFILE_ATTRIBUTE : …`, `INVALID_OOB_CODE`, \
            `EXPIRED_OOB_CODE`, `OPERATION_NOT_ALLOWED : …` (a new address), `INVALID_JSON` or \
            `TOO_MANY_ATTEMPTS_TRY_LATER`.", body = FirebaseErrorBody),
    )
)]
#[post("/identitytoolkit.googleapis.com/v1/accounts:update")]
pub(super) async fn update(
    state: web::Data<State>,
    req: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let body = read(&state, payload).await?;
    let request: UpdateRequest = read_json(&req, &body)?;
    let builtin = state.identity.builtin()?;
    if let Some(code) = request.oob_code {
        // The code suffices: a token that is not good only proves no session.
        let claims = match state.identity.own_claims(&state.clock, request.id_token).await {
            Err(FirebaseRefusal::Api(error)) => return Err(error.into()),
            claims => claims.ok(),
        };
        let account = builtin.confirm_email(OobCode::from_client(code), claims).await?;
        return Ok(no_store(UpdateResponse::from(account)));
    }
    let profile = request.profile()?;
    let claims = state.identity.own_claims(&state.clock, request.id_token).await?;
    count_write(&state, &claims)?;
    if request.email.is_some() {
        // Firebase with e-mail enumeration protection does the same: a new address needs proof first.
        return Err(FirebaseError::NotAllowedBecause("E-mail addresses can't be changed.").into());
    }
    let answer = match request.password {
        Some(password) => builtin.change_password(claims, password, profile).await?.into(),
        None => UpdateResponse::from(builtin.change_profile(claims, profile).await?),
    };
    Ok(no_store(answer))
}

/// Delete the own account
///
/// Firebase's `accounts:delete`. The person leaves every organization, and its API keys stop.
#[utoipa::path(
    operation_id = "delete_account",
    tag = "Identity",
    security(()),
    request_body = DeleteRequest,
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "Deleted.", body = DeleteResponse),
        (status = 400, description = "Refused: `MISSING_ID_TOKEN`, `INVALID_ID_TOKEN`, `TOKEN_EXPIRED`, \
            `USER_DISABLED`, `USER_NOT_FOUND`, `CREDENTIAL_TOO_OLD_LOGIN_AGAIN` (deletion wants a sign-in of the last \
            five minutes), `OPERATION_NOT_ALLOWED : …` (the last owner of an organization), `TOO_MANY_ATTEMPTS_TRY_LATER` \
            or `INVALID_JSON`.",
            body = FirebaseErrorBody),
    )
)]
#[post("/identitytoolkit.googleapis.com/v1/accounts:delete")]
pub(super) async fn delete(
    state: web::Data<State>,
    req: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let body = read(&state, payload).await?;
    let request: DeleteRequest = read_json(&req, &body)?;
    let claims = state.identity.own_claims(&state.clock, request.id_token).await?;
    count_write(&state, &claims)?;
    state.identity.builtin()?.delete(claims).await?;
    Ok(no_store(DeleteResponse::default()))
}

/// Mail a code
///
/// A link that sets a new password, or confirms the address. Firebase's `accounts:sendOobCode`. Whether an address has
/// an account is not told.
#[utoipa::path(
    tag = "Identity",
    security(()),
    request_body = OobRequest,
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "Accepted. A mail is sent if the address has an account.", body = OobResponse),
        (status = 400, description = "Refused: `MISSING_REQ_TYPE`, `MISSING_EMAIL`, `INVALID_EMAIL`, \
            `MISSING_ID_TOKEN`, `INVALID_ID_TOKEN`, `TOKEN_EXPIRED`, `USER_DISABLED`, `USER_NOT_FOUND`, \
            `OPERATION_NOT_ALLOWED` (another request type, or no mail is sent here), `UNAUTHORIZED_DOMAIN : …` \
            (`continueUrl` is of an origin that is not configured), `TOO_MANY_ATTEMPTS_TRY_LATER` or `INVALID_JSON`.",
            body = FirebaseErrorBody),
    )
)]
#[post("/identitytoolkit.googleapis.com/v1/accounts:sendOobCode")]
pub(super) async fn send_oob_code(
    state: web::Data<State>,
    req: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let body = read(&state, payload).await?;
    let request: OobRequest = read_json(&req, &body)?;
    let builtin = state.identity.builtin()?;
    let address = RequestContext::client_address();
    let continue_url = match request.continue_url.filter(|url| !url.is_empty()) {
        Some(url) => Some(state.config.trusted_page(&url).ok_or(FirebaseError::UnauthorizedDomain)?),
        None => None,
    };
    let email = match request.request_type.as_deref() {
        None | Some("") => return Err(FirebaseError::MissingReqType.into()),
        Some("PASSWORD_RESET") => {
            let email = request.email.filter(|email| !email.is_empty()).ok_or(FirebaseError::MissingEmail)?;
            builtin.request_password_reset(address, &email, continue_url)?.into_string()
        }
        Some("VERIFY_EMAIL") => {
            let claims = state.identity.own_claims(&state.clock, request.id_token).await?;
            builtin.request_verification(address, claims, continue_url).await?.email
        }
        Some(_) => return Err(FirebaseError::OperationNotAllowed.into()),
    };
    Ok(no_store(OobResponse::new(email)))
}

/// Set a new password by a code
///
/// Firebase's `accounts:resetPassword`. Without `newPassword` it only tells what the code is good for.
#[utoipa::path(
    tag = "Identity",
    security(()),
    request_body = ResetRequest,
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "What the code is good for.", body = ResetResponse),
        (status = 400, description = "Refused: `MISSING_OOB_CODE`, `INVALID_OOB_CODE` (unknown, used or replaced), \
            `EXPIRED_OOB_CODE`, `USER_DISABLED`, `WEAK_PASSWORD : …`, `INVALID_JSON` or `TOO_MANY_ATTEMPTS_TRY_LATER`.",
            body = FirebaseErrorBody),
    )
)]
#[post("/identitytoolkit.googleapis.com/v1/accounts:resetPassword")]
pub(super) async fn reset_password(
    state: web::Data<State>,
    req: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let body = read(&state, payload).await?;
    let request: ResetRequest = read_json(&req, &body)?;
    let code = request.oob_code.filter(|code| !code.expose_secret().is_empty()).ok_or(FirebaseError::MissingOobCode)?;
    let builtin = state.identity.builtin()?;
    let answer = match request.new_password {
        Some(password) => builtin.reset_password(code, password).await?.into(),
        None => ResetResponse::from(builtin.look_at_code(OobCode::from_client(code)).await?),
    };
    Ok(no_store(answer))
}
