//! Middleware that authenticates the caller: reads the credential, verifies it ([`verify`]), and checks the
//! subscription and the rate limit of a program, and the limit on a person's writes.
//!
//! It wraps the API's scope: for an unknown caller no handler runs, and no body is read.

use crate::api::State;
use crate::api::{Caller, Credential, verify};
use crate::base::config::SERVICE_TOKEN_PREFIX;
use crate::base::error::{ApiError, Code};
use crate::domain::api_keys::{ApiKeys, CachedKey, PresentedKey};
use crate::domain::portal_sessions::PortalSessions;
use crate::domain::subscriptions::subscription_gate;
use crate::domain::usage::{CountedRequest, RequestOutcome};
use crate::infra::http::{DecidingHeader, ensure_no_body, only, portal_cors};
use crate::infra::rate_limit;
use crate::infra::rate_limit::Allowance;
use crate::infra::request::RequestContext;
use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::{Error, HttpMessage, web};
use futures_util::future::LocalBoxFuture;
use secrecy::SecretString;
use std::cell::OnceCell;
use std::future::{Ready, ready};
use std::rc::Rc;

/// The scheme of a credential in `Authorization`, with the space after it.
const BEARER: &str = "Bearer ";

/// The middleware, for `Scope::wrap`.
///
/// Cost: one allocation for its future, four atomic operations to count a key's request, and the costs of [`verify`]
/// and the rate limit.
#[derive(Clone, Copy, Debug)]
pub struct Authentication(pub AskedBy);

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedBy {
    /// The caller's own.
    Client,
    /// A proxy's, with the headers of its client's request, which is for another API.
    Proxy,
}

impl<S> Transform<S, ServiceRequest> for Authentication
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = Authenticated<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Authenticated { service: Rc::new(service), state: Rc::default(), asked_by: self.0 }))
    }
}

/// The middleware of one worker.
pub struct Authenticated<S> {
    service: Rc<S>,
    /// Set by the first request.
    state: Rc<OnceCell<web::Data<State>>>,
    asked_by: AskedBy,
}

impl<S> Service<ServiceRequest> for Authenticated<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, req: ServiceRequest) -> Self::Future {
        let (service, state, asked_by) = (self.service.clone(), self.state.clone(), self.asked_by);
        Box::pin(async move {
            let (mut allowance, mut counted, mut granted) = (None, None, None);
            let caller = match state_of(&state, &req) {
                Ok(state) => caller_of(state, &req, asked_by, &mut allowance, &mut counted, &mut granted).await,
                Err(error) => Err(error),
            };
            let mut response = match caller {
                Ok(caller) => {
                    RequestContext::set_authenticated();
                    let mut req = req;
                    let response = match refuse_body(&state, &mut req).await {
                        Ok(()) => {
                            req.extensions_mut().insert(caller);
                            service.call(req).await?
                        }
                        Err(error) => req.error_response(error),
                    };
                    if let Some(counted) = &mut counted
                        && matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
                    {
                        counted.ends(RequestOutcome::Refused);
                    }
                    response
                }
                Err(error) => {
                    let error = advised(error, &state, &req);
                    req.error_response(error)
                }
            };
            if let Some(allowance) = allowance {
                allowance.write_headers(response.headers_mut());
            }
            if let Some(origin) = granted {
                portal_cors::grant(origin, response.headers_mut());
            }
            Ok(response)
        })
    }
}

fn state_of<'s>(kept: &'s OnceCell<web::Data<State>>, req: &ServiceRequest) -> Result<&'s State, ApiError> {
    if let Some(state) = kept.get() {
        return Ok(state);
    }
    let state = req.app_data::<web::Data<State>>().cloned();
    let state = state.ok_or_else(|| ApiError::internal("the application has no state"))?;
    Ok(kept.get_or_init(|| state))
}

/// Authenticates and charges a request. `allowance` is set once a program's request is charged, also if the request is
/// refused then. `counted` is set once a key is verified, and has the request's outcome so far. `granted` is set to the
/// origin of a page that may use its portal session.
async fn caller_of<'s>(
    state: &'s State,
    req: &ServiceRequest,
    asked_by: AskedBy,
    allowance: &mut Option<Allowance>,
    counted: &mut Option<CountedRequest<'s, CachedKey>>,
    granted: &mut Option<HeaderValue>,
) -> Result<Caller, ApiError> {
    let credential = match asked_by {
        AskedBy::Client => credential_of(req.headers(), &state.api_keys)?,
        AskedBy::Proxy => credential_for_proxy(req.headers(), &state.api_keys)?,
    };
    let caller = match &credential {
        // Boxed, so that the future for a cached key stays small to move.
        Credential::PortalSession(token) => Box::pin(portal_caller(state, req, token, granted)).await?,
        credential => verify(state, credential, RequestContext::client_address()).await?,
    };
    RequestContext::set_caller(caller.id());
    let person = match &caller {
        Caller::User(user) => Some(user.id),
        Caller::Portal(session) => Some(session.user_id()),
        Caller::ApiKey(_) | Caller::Service(_) => None,
    };
    if let Some(person) = person.filter(|_| !req.method().is_safe()) {
        state.person_limits.count_write(person, RequestContext::client_address(), state.clock.now())?;
    }
    if let Caller::ApiKey(key) = &caller {
        RequestContext::set_organization(key.organization_id);
        let counted = counted.insert(state.api_keys.begin(key));
        subscription_gate(&state.config, key.subscription).inspect_err(|_| counted.ends(RequestOutcome::Refused))?;
        let charged = allowance.insert(state.rate_limits.check(key.rate_limit_subject(), rate_limit::ONE).await?);
        if let Some(refusal) = charged.refusal() {
            counted.ends(RequestOutcome::Limited);
            return Err(refusal);
        }
        let named = DecidingHeader::WorkspaceId.read(req.headers())?;
        if named.is_some_and(|named| named.as_bytes() != key.workspace_id.text().as_bytes()) {
            counted.ends(RequestOutcome::Refused);
            return Err(Code::WorkspaceMismatch.into());
        }
        counted.ends(RequestOutcome::Admitted);
    }
    Ok(caller)
}

/// Adds to a missing credential which ones the route takes.
fn advised(error: ApiError, state: &OnceCell<web::Data<State>>, req: &ServiceRequest) -> ApiError {
    if error.code != Code::MissingCredentials {
        return error;
    }
    let advice = state.get().and_then(|state| state.routes.advice_on_credentials(req.method(), req.path()));
    match advice {
        Some(advice) => error.saying(advice.to_owned()),
        None => error,
    }
}

/// Admits a portal session at the pages of its origins. The page may read a refusal, too, if it has a session of ours.
async fn portal_caller(
    state: &State,
    req: &ServiceRequest,
    token: &SecretString,
    granted: &mut Option<HeaderValue>,
) -> Result<Caller, ApiError> {
    let opened = state.portal_sessions.open(&state.identity, token).await?;
    if let Some(origin) = DecidingHeader::Origin.read(req.headers())? {
        if !opened.admits(origin.as_bytes()) {
            let message = "The portal session was made for pages of other origins.";
            return Err(ApiError::with_message(Code::CredentialNotAccepted, message));
        }
        *granted = Some(origin.clone());
    }
    let session = state.portal_sessions.admit(opened).await?;
    RequestContext::set_on_behalf_of(session.user_id());
    Ok(Caller::Portal(session))
}

/// Refuses a body with content where the route takes none.
async fn refuse_body(state: &OnceCell<web::Data<State>>, req: &mut ServiceRequest) -> Result<(), ApiError> {
    let state = state.get().ok_or_else(|| ApiError::internal("the application has no state"))?;
    if req.method().is_safe() || !state.routes.takes_no_body(req.method(), req.path()) {
        return Ok(());
    }
    let mut payload = req.take_payload();
    ensure_no_body(req.headers(), state.config.server.body_limit, &mut payload).await
}

/// Reads the one credential of a request that a proxy asks about: only a header for keys. If `Authorization` is none, it
/// belongs to the API behind the proxy.
fn credential_for_proxy<'r>(headers: &'r HeaderMap, keys: &ApiKeys) -> Result<Credential<'r>, ApiError> {
    let found = if keys.headers.bearer { bearer(headers, keys)? } else { None };
    only_credential(found, headers, keys)
}

/// Reads the one credential of a request.
pub(crate) fn credential_of<'r>(headers: &'r HeaderMap, keys: &ApiKeys) -> Result<Credential<'r>, ApiError> {
    only_credential(bearer(headers, keys)?, headers, keys)
}

/// Reads the headers that carry only a key. Returns the one credential of these and of what was found before.
fn only_credential<'r>(
    mut found: Option<Credential<'r>>,
    headers: &'r HeaderMap,
    keys: &ApiKeys,
) -> Result<Credential<'r>, ApiError> {
    for name in &keys.headers.own {
        let Some(value) = only(headers, name)? else { continue };
        if let Some(first) = &found {
            return Err(ApiError::bad_request(format!(
                "Two credentials were sent: {} and, in {name}, an API key. Send one of them. In the Swagger UI, choose \
                 Authorize and log out of one.",
                first.kind()
            )));
        }
        let value = text_of(value).ok_or(Code::InvalidApiKey)?;
        found = Some(Credential::ApiKey(PresentedKey::new(value)));
    }
    found.ok_or_else(|| Code::MissingCredentials.into())
}

/// Returns the same as [`HeaderValue::to_str`], which is slower because it checks byte by byte. The only control
/// character in a header's value is a tab, so a check for ASCII is enough.
fn text_of(value: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()).ok().filter(|text| text.is_ascii())
}

/// Reads all bytes without an early exit, so that the processor compares sixteen at a time.
fn has_several_words(token: &str) -> bool {
    token.bytes().fold(false, |found, byte| found | (byte == b' ') | (byte == b','))
}

fn bearer<'r>(headers: &'r HeaderMap, keys: &ApiKeys) -> Result<Option<Credential<'r>>, ApiError> {
    let Some(value) = DecidingHeader::Authorization.read(headers)? else { return Ok(None) };
    let malformed = || ApiError::new(Code::InvalidAuthorizationFormat);
    let (scheme, token) =
        text_of(value).and_then(|value| value.split_at_checked(BEARER.len())).ok_or_else(malformed)?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case(BEARER) || token.is_empty() || has_several_words(token) {
        return Err(malformed());
    }
    if token.starts_with(SERVICE_TOKEN_PREFIX) {
        return Ok(Some(Credential::ServiceToken(PresentedKey::new(token))));
    }
    if !keys.format.has_prefix(token) && token.split('.').count() == 3 {
        return Ok(Some(match PortalSessions::recognizes(token) {
            true => Credential::PortalSession(token.into()),
            false => Credential::IdToken(token.into()),
        }));
    }
    if !keys.headers.bearer {
        return Err(Code::InvalidIdToken.into());
    }
    Ok(Some(Credential::ApiKey(PresentedKey::new(token))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::config::{Sources, load};
    use crate::base::time::Clock;
    use crate::infra::cluster::Cluster;
    use crate::infra::db::Db;
    use actix_web::http::header::{self, HeaderName};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn keys() -> ApiKeys {
        let url = Some("sqlite:///nowhere/keyward.db".to_owned());
        let config = load(&Sources { database_url: url, ..Sources::default() }).unwrap();
        let catalog = Arc::new(config.permission_catalog().unwrap());
        ApiKeys::new(&config, &catalog, &Db::new(&config.database), &Cluster::new(&config, &Clock::system()))
    }

    fn headers(all: &[(HeaderName, Vec<u8>)]) -> HeaderMap {
        let valid = |(name, value): &(HeaderName, Vec<u8>)| {
            header::HeaderValue::from_bytes(value).ok().map(|value| (name.clone(), value))
        };
        all.iter().filter_map(valid).fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
    }

    fn header_value() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            any::<Vec<u8>>(),
            "(?i)bearer ?[ -~]{0,60}".prop_map(String::into_bytes),
            "Bearer (sk_live_|svc_|ey)[0-9A-Za-z._-]{0,60}".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        /// Any headers give one credential or a documented error: no panic, and no ignored second credential.
        #[test]
        fn any_headers_have_one_credential_or_a_refusal(
            all in proptest::collection::vec(
                (prop_oneof![Just(header::AUTHORIZATION), Just(HeaderName::from_static("x-api-key"))], header_value()),
                0..4,
            )
        ) {
            let (headers, keys) = (headers(&all), keys());
            let sent = headers.get_all(header::AUTHORIZATION).count() + headers.get_all("x-api-key").count();
            match credential_of(&headers, &keys) {
                Ok(_) => prop_assert_eq!(sent, 1),
                Err(error) => {
                    let documented = [
                        Code::BadRequest,
                        Code::MissingCredentials,
                        Code::InvalidAuthorizationFormat,
                        Code::InvalidApiKey,
                    ];
                    prop_assert!(documented.contains(&error.code), "{:?}", error.code);
                }
            }
        }

        /// A token after `Bearer`, in any case and with any spaces between, arrives as it was sent.
        #[test]
        fn a_bearer_arrives_as_it_was_sent(token in "sk_live_[0-9A-Za-z]{1,60}", scheme in "(?i)bearer", gap in " {1,3}") {
            let headers = headers(&[(header::AUTHORIZATION, format!("{scheme}{gap}{token}").into_bytes())]);
            let keys = keys();
            match credential_of(&headers, &keys) {
                Ok(Credential::ApiKey(key)) => prop_assert_eq!(key.hash(), PresentedKey::new(&token).hash()),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn a_headers_text_is_what_to_str_says() {
        for byte in 0..=u8::MAX {
            let bytes = [b"Bearer sk_live_".as_slice(), &[byte], b"0123456789"].concat();
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { continue };
            assert_eq!(text_of(&value), value.to_str().ok(), "{byte}");
        }
    }
}
