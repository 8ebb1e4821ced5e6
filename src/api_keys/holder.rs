//! `POST /whoami/revoke`: whoever holds a key can kill it, and needs nothing else for that.
//!
//! It stands outside the middleware that lets programs in. A leaked key must die even if its organization does not pay, its
//! limit is used up, or it is found far from the addresses that may use it; and "it is dead" is a good answer for a key that
//! has stopped in another way. Only a key that nobody has is refused, and limited for each address as everywhere.

use super::model::ApiKey;
use super::verification::{BroughtBy, Refused};
use crate::access::{CallerId, Credential, Guard, state_of, verify};
use crate::error::{ApiError, Code};
use crate::http::authentication::credential_of;
use crate::ids::{KeyId, OrganizationId};
use crate::openapi::errors;
use crate::state::State;
use crate::telemetry::RequestContext;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, post, web};
use futures_util::future::LocalBoxFuture;

/// Somebody who holds a key, whatever the key may do.
#[derive(Clone, Copy, Debug)]
pub struct KeyHolder {
    key_id: KeyId,
    organization_id: OrganizationId,
}

impl Guard for KeyHolder {
    fn organization_id(&self) -> OrganizationId {
        self.organization_id
    }
}

impl KeyHolder {
    async fn of_request(req: HttpRequest) -> Result<Self, ApiError> {
        let state = state_of(&req)?;
        let credential = credential_of(req.headers(), &state.api_keys)?;
        let from = RequestContext::client_address();
        let Credential::ApiKey(key) = credential else {
            // A bad credential is told what is wrong with it, as everywhere.
            verify(&state, &credential, from).await?;
            return Err(Code::CredentialNotAccepted.into());
        };
        let known = match state.api_keys.verify(&state, key, from, BroughtBy::ItsUser).await {
            Ok(caller) => caller.into_key(),
            Err(Refused { key: Some(known), .. }) => known,
            Err(Refused { error, key: None }) => return Err(error),
        };
        RequestContext::caller_is(CallerId::ApiKey(known.key_id));
        RequestContext::let_into(known.organization_id);
        Ok(Self { key_id: known.key_id, organization_id: known.organization_id })
    }
}

impl FromRequest for KeyHolder {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(Self::of_request(req.clone()))
    }
}

/// Revoke the API key that is sent
///
/// It stops at once and for good, with all its values if it was rolled. Whoever holds a key may do so, with a read-only one
/// too, from any address, and whatever subscription and rate limit say. A key that has stopped already is answered alike.
#[utoipa::path(tag = "Programs", security(("apiKey" = []), ("apiKeyHeader" = [])),
    responses(errors::Program, errors::Write, (status = 204, description = "No node honours it any more.")))]
#[post("")]
pub async fn revoke_held_key(state: web::Data<State>, holder: KeyHolder) -> Result<HttpResponse, ApiError> {
    let (id, now) = (holder.key_id, state.clock.now());
    let revoked =
        state.of(&holder).change_access(move |conn, touched| ApiKey::revoke_held(conn, touched, id, now)).await;
    revoked.map_err(|error| match error.code {
        // Deleted meanwhile: nobody's.
        Code::NotFound => Code::InvalidApiKey.into(),
        _ => error,
    })?;
    Ok(HttpResponse::NoContent().finish())
}
