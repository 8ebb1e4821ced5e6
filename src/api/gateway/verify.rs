//! `POST /keys/verify`: a service verifies the API key of its client.

use super::wanted::Wanted;
use super::wire::{KeyVerdict, VerifiedKey, VerifyKey};
use crate::api::State;
use crate::api::Verifier;
use crate::api::errors;
use crate::api::hot_json::json;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::input::validation::Object;
use crate::domain::api_keys::KeyCaller;
use crate::domain::api_keys::{CachedKey, PresentedBy, PresentedKey, Refused};
use crate::domain::subscriptions::subscription_gate;
use crate::infra::http::Body;
use crate::infra::rate_limit::Allowance;
use crate::infra::request::RequestContext;
use crate::infra::telemetry::metrics::{CredentialKind, Verification};
use actix_web::{HttpResponse, web};
use secrecy::ExposeSecret;
use std::net::IpAddr;
use std::sync::Arc;

/// Is this key good?
///
/// The answer is 200 whatever the key is; `code` tells. A good key is counted against its rate limit, as if its user had
/// called Keyward, by `cost`; one that is refused for another reason is not. A `cost` above the burst of the key's plan is
/// always `RATE_LIMITED`.
///
/// Unknown keys are `NOT_FOUND` however many they are: the limit on them is for each client address, and a service has
/// many clients behind its own. It should limit its clients itself.
///
/// Keys that are bound to addresses are compared with `clientAddress`. Without it: with the address in
/// `server.forwarded_header`, if the service stands in `server.trusted_proxies`; else with the service's own.
///
/// `permission` and `permissions` take Keyward's permissions and those that the configuration declares. `permissions` in
/// the answer is all that the key may do now.
#[utoipa::path(post, path = "/keys/verify", tag = "Gateways", security(("serviceToken" = ["keys:verify"])), request_body = VerifyKey,
    responses(errors::Program, errors::Write, errors::Body, (status = 200, description = "What there is to say of the key.", body = VerifiedKey)))]
pub async fn verify_key(
    state: web::Data<State>,
    verifier: Verifier,
    body: Body<VerifyKey>,
) -> Result<HttpResponse, ApiError> {
    // A gateway sends one for each of its own requests, so it is logged like a GET.
    RequestContext::mark_read_only();
    let question = body.read().await?;
    let from = question.client_address.0.or(RequestContext::client_address());
    let only = verifier.caller().organization();
    answer(&state, &question, only, from).await.map(|answer| json(&answer.view()))
}

/// Answers [`verify_key`] for a cached key that may pass. For any other key it returns `None`, and has no effect.
pub fn verify_cached(state: &State, question: &[u8], from: Option<IpAddr>) -> Option<HttpResponse> {
    let Object(question) = serde_json::from_slice::<Object<VerifyKey>>(question).ok()?;
    let from = question.client_address.0.or(from);
    let at = state.clock.look();
    let caller = state.api_keys.lookup_cached(PresentedKey::new(question.key.expose_secret()), from, &at)?;
    subscription_gate(&state.config, caller.subscription).ok()?;
    if question.workspace_id.is_some_and(|id| id != caller.workspace_id) {
        return None;
    }
    let wanted = wanted(state, &question).ok()?;
    if !caller.permissions().is_some_and(|held| wanted.is_had_by(held)) {
        return None;
    }
    let allowance = state.rate_limits.charge_at_once(caller.rate_limit_subject(), question.cost.0, at.monotonic)?;
    state.api_keys.record_admitted(&caller, &at);
    count(state, None);
    Some(json(&VerifiedKey::new(KeyVerdict::Valid, Some(&caller), Some(&allowance))))
}

/// `only` is the organization that the service sees, if it is bound to one.
async fn answer(
    state: &State,
    question: &VerifyKey,
    only: Option<OrganizationId>,
    from: Option<IpAddr>,
) -> Result<Finding, ApiError> {
    let wanted = wanted(state, question)?;
    let presented = PresentedKey::new(question.key.expose_secret());
    let verified = state.api_keys.verify(presented, from, PresentedBy::Service).await;
    let mut counted = verified.as_ref().ok().map(|caller| state.api_keys.begin(caller));
    let answer = evaluate(state, question, (only, wanted), verified).await;
    if let (Some(counted), Ok(answer)) = (&mut counted, &answer) {
        counted.ends(answer.verdict.outcome());
    }
    answer
}

/// The result of a verification: the verdict, and the key and its allowance where there are any.
struct Finding {
    verdict: KeyVerdict,
    key: Option<Arc<CachedKey>>,
    allowance: Option<Allowance>,
}

impl Finding {
    fn view(&self) -> VerifiedKey<'_> {
        VerifiedKey::new(self.verdict, self.key.as_deref(), self.allowance.as_ref())
    }
}

async fn evaluate(
    state: &State,
    question: &VerifyKey,
    (only, wanted): (Option<OrganizationId>, Wanted),
    verified: Result<KeyCaller, Refused>,
) -> Result<Finding, ApiError> {
    let verified = verified.and_then(|caller| match subscription_gate(&state.config, caller.subscription) {
        Ok(()) => Ok(caller),
        Err(error) => Err(Refused { error, key: Some(caller.into_key()) }),
    });
    count(state, verified.as_ref().err());
    // A key of another workspace or organization is not found, even if it is revoked.
    let is_elsewhere = |key: &CachedKey| {
        question.workspace_id.is_some_and(|id| id != key.workspace_id)
            || only.is_some_and(|id| id != key.organization_id)
    };
    let not_found = Finding { verdict: KeyVerdict::NotFound, key: None, allowance: None };
    let caller = match verified {
        Ok(caller) if is_elsewhere(&caller) => return Ok(not_found),
        Ok(caller) => caller,
        Err(Refused { key: Some(key), .. }) if is_elsewhere(&key) => return Ok(not_found),
        Err(Refused { error, key }) => return refusal(error, key),
    };
    if !caller.permissions().is_some_and(|held| wanted.is_had_by(held)) {
        return Ok(Finding {
            verdict: KeyVerdict::InsufficientPermission,
            key: Some(caller.into_key()),
            allowance: None,
        });
    }
    let allowance = state.rate_limits.check(caller.rate_limit_subject(), question.cost.0).await?;
    let verdict = if allowance.refusal().is_some() { KeyVerdict::RateLimited } else { KeyVerdict::Valid };
    Ok(Finding { verdict, key: Some(caller.into_key()), allowance: Some(allowance) })
}

fn wanted(state: &State, question: &VerifyKey) -> Result<Wanted, ApiError> {
    Wanted::of(&state.catalog, question.permission.as_ref(), question.permissions.as_ref())
}

/// Turns an error about the key into a verdict. Other errors stay errors.
fn refusal(error: ApiError, key: Option<Arc<CachedKey>>) -> Result<Finding, ApiError> {
    match KeyVerdict::of(error.code) {
        Some(verdict) => Ok(Finding { verdict, key, allowance: None }),
        None => Err(error),
    }
}

/// Counts the verification of the key, in addition to that of the service token.
fn count(state: &State, refused: Option<&Refused>) {
    let refusal = refused.map(|refused| refused.error.code);
    if refusal.is_none_or(|code| KeyVerdict::of(code).is_some()) {
        state.metrics.verifications.count(Verification { kind: CredentialKind::ApiKey, refusal });
    }
}
