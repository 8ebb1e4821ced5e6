//! `POST /whoami/revoke`: revokes the API key that is sent. The request needs nothing but the key.
//!
//! The route is outside the authentication middleware: a leaked key must be revocable without a paid subscription,
//! beyond the rate limit, and from any address. A key that has already stopped gets the same 204. Only an unknown key
//! is refused, and counts against the limit on unknown keys of the client's address.

use super::wire::StopKey;
use crate::api::State;
use crate::api::authentication::credential_of;
use crate::api::errors;
use crate::api::{Credential, state_of, verify};
use crate::base::error::{ApiError, Code};
use crate::domain::api_keys::{ApiKey, PresentedKeyOwner, Reason};
use crate::domain::api_keys::{PresentedBy, Refused};
use crate::infra::http::Body;
use crate::infra::request::CallerId;
use crate::infra::request::RequestContext;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, post, web};
use futures_util::future::LocalBoxFuture;

/// The guard of a request that presents a key, whatever the key may do.
async fn presented_key_owner(req: HttpRequest) -> Result<PresentedKeyOwner, ApiError> {
    let state = state_of(&req)?;
    let credential = credential_of(req.headers(), &state.api_keys)?;
    let from = RequestContext::client_address();
    let Credential::ApiKey(key) = credential else {
        // A bad credential of another kind gets its own error, as at other endpoints.
        verify(&state, &credential, from).await?;
        return Err(Code::CredentialNotAccepted.into());
    };
    let known = match state.api_keys.verify(key, from, PresentedBy::Client).await {
        Ok(caller) => caller.into_key(),
        Err(Refused { key: Some(known), .. }) => known,
        Err(Refused { error, key: None }) => return Err(error),
    };
    RequestContext::set_caller(CallerId::ApiKey(known.key_id));
    RequestContext::set_organization(known.organization_id);
    Ok(PresentedKeyOwner::new(&known, key.hash()))
}

impl FromRequest for PresentedKeyOwner {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(presented_key_owner(req.clone()))
    }
}

/// Revoke the API key that is sent
///
/// The key stops at once and for good, with all its values if it was rolled. Each holder of a key may revoke it: a read-only
/// key too, from any address, with any subscription and above the rate limit. A key that has stopped already gets the same
/// answer, and keeps its reason.
#[utoipa::path(tag = "Programs", security(("apiKey" = []), ("apiKeyHeader" = [])), request_body = Option<StopKey>,
    responses(errors::Program, errors::Write, errors::Body, (status = 204, description = "No node honours it any more.")))]
#[post("")]
pub async fn revoke_held_key(
    state: web::Data<State>,
    holder: PresentedKeyOwner,
    body: Body<StopKey>,
) -> Result<HttpResponse, ApiError> {
    let reason: Reason = body.read_or_default().await?.into();
    let (id, now) = (holder.key_id(), state.clock.now());
    let revoked = state
        .scoped_to(&holder)
        .change_access(move |conn, access_change| ApiKey::revoke_held(conn, access_change, id, &reason, now))
        .await;
    revoked.map_err(|error| match error.code {
        // The key was deleted meanwhile, so it is unknown now.
        Code::NotFound => Code::InvalidApiKey.into(),
        _ => error,
    })?;
    Ok(HttpResponse::NoContent().finish())
}
