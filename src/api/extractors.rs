//! Extractors that make callers and guards from requests.

use super::State;
use super::caller::Caller;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, SessionId, UserId, WorkspaceId};
use crate::base::policy::permission::Can;
use crate::base::policy::{Permission, ServicePermission};
use crate::domain::access::{
    CallerProof, OrganizationAccess, OrganizationMembership, WorkspaceAccess, WorkspaceMembership,
};
use crate::domain::api_keys::{KeyCaller, Program, ProgramAccess};
use crate::domain::identity::Session;
use crate::domain::service_tokens::{ServiceActor, ServiceCaller};
use crate::domain::tenancy::{SignedInUser, User};
use crate::infra::http::{DecidingHeader, has_parameter, path_parameter};
use crate::infra::request::RequestContext;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use std::future::{Ready, ready};
use std::sync::Arc;

/// The parameter by which the removal of a member moves API keys, and may give them new values.
const TRANSFER_KEYS_TO: &str = "transferKeysTo";

/// The caller that the authentication middleware admitted.
pub(crate) fn caller_of(req: &HttpRequest) -> Result<Caller, ApiError> {
    req.extensions().get::<Caller>().cloned().ok_or_else(|| Code::MissingCredentials.into())
}

pub(crate) fn state_of(req: &HttpRequest) -> Result<web::Data<State>, ApiError> {
    req.app_data::<web::Data<State>>().cloned().ok_or_else(|| ApiError::internal("the application has no state"))
}

/// Accepts any valid credential.
impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(req))
    }
}

/// A signed-in person.
#[derive(Debug)]
pub struct SignedIn(SignedInUser);

impl SignedIn {
    pub fn user(&self) -> &User {
        &self.0
    }

    /// The session of the request's ID token at the built-in provider.
    pub fn session(&self) -> Option<SessionId> {
        self.0.session()
    }

    /// [`Self::session`], which must be known.
    ///
    /// # Errors
    /// `conflict` for a token of another issuer, or of a version without sessions.
    pub fn own_session(&self) -> Result<SessionId, ApiError> {
        Session::of_caller(&self.0)
    }

    /// The proof for what the person writes.
    pub fn proof(&self) -> CallerProof {
        self.0.proof()
    }
}

impl FromRequest for SignedIn {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(req).and_then(|caller| caller.user().cloned()).map(Self))
    }
}

impl<P: Can> FromRequest for OrganizationAccess<P> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let caller = caller_of(&req)?;
            let actor = match &caller {
                Caller::Service(service) => Some(service_actor(&req, service)?),
                caller => caller.user().map(|_| None)?,
            };
            let id: OrganizationId = path_parameter(&req, "organizationId")?;
            let db = state_of(&req)?.reader_of(id);
            let membership = match actor {
                Some(actor) => {
                    db.read(move |conn| OrganizationMembership::of_service(conn, id, &actor.acting())).await?
                }
                None => {
                    ensure_no_member_is_named(&req)?;
                    let user = caller.user()?.clone();
                    db.read(move |conn| OrganizationMembership::find(conn, id, user)).await?
                }
            };
            RequestContext::set_organization(id);
            membership.authorize()
        })
    }
}

/// The service of a request, which may do what the route asks for, and the member that it acts for.
pub(crate) fn service_actor(req: &HttpRequest, service: &ServiceCaller) -> Result<ServiceActor, ApiError> {
    let needs = state_of(req)?.routes.service_permission(req).ok_or(Code::CredentialNotAccepted)?;
    let member = named_member(req)?;
    let mut actor = ServiceActor::new(service, needs, member)?;
    if has_parameter(req, TRANSFER_KEYS_TO) {
        actor = actor.also(service, ServicePermission::KeysWrite)?;
    }
    if let Some(member) = member {
        RequestContext::set_on_behalf_of(member);
    }
    Ok(actor)
}

/// Reads `Keyward-On-Behalf-Of`.
pub(crate) fn named_member(req: &HttpRequest) -> Result<Option<UserId>, ApiError> {
    let Some(value) = DecidingHeader::OnBehalfOf.read(req.headers())? else { return Ok(None) };
    let read = value.to_str().map_err(|_| "must be text".to_owned()).and_then(str::parse);
    read.map(Some).map_err(|reason| ApiError::bad_request(format!("Keyward-On-Behalf-Of {reason}.")))
}

/// Refuses a person or a program that names a member to act for: only a service can.
pub(crate) fn ensure_no_member_is_named(req: &HttpRequest) -> Result<(), ApiError> {
    match named_member(req)? {
        None => Ok(()),
        Some(_) => Err(ApiError::with_message(
            Code::CredentialNotAccepted,
            "Keyward-On-Behalf-Of is for service tokens. Leave it out.",
        )),
    }
}

impl<P: Can> FromRequest for WorkspaceAccess<P> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(workspace_access(req.clone()))
    }
}

async fn workspace_access<P: Can>(req: HttpRequest) -> Result<WorkspaceAccess<P>, ApiError> {
    let id: WorkspaceId = path_parameter(&req, "workspaceId")?;
    let state = state_of(&req)?;
    let caller = caller_of(&req)?;
    if let Caller::Service(service) = &caller {
        let acting = service_actor(&req, service)?.acting();
        let (proof, db, catalog) = (acting.proof(), state.reader(), Arc::clone(&state.catalog));
        let membership = db.read(move |conn| WorkspaceMembership::of_service(conn, catalog, id, &acting)).await?;
        RequestContext::set_organization(membership.workspace().organization_id);
        return membership.authorize(proof, None);
    }
    ensure_no_member_is_named(&req)?;
    let (user_id, db, proof, reach) = match &caller {
        // Whose workspace it is shows only in its row.
        Caller::User(user) => (user.id, state.reader(), user.proof(), None),
        Caller::ApiKey(key) => {
            may_manage_keys::<P>(&state, &req, key)?;
            if key.workspace_id != id {
                return Err(ApiError::not_found());
            }
            (key.creator_id, state.reader_of(key.organization_id), key.proof(), Some(key.reach()))
        }
        Caller::Portal(session) => {
            if !state.routes.takes_portal_session(&req) {
                return Err(Code::CredentialNotAccepted.into());
            }
            if session.workspace_id() != id {
                return Err(ApiError::not_found());
            }
            session.ensure_lists(P::PERMISSION)?;
            (session.user_id(), state.reader_of(session.organization_id()), session.proof(), None)
        }
        Caller::Service(_) => return Err(Code::CredentialNotAccepted.into()),
    };
    let catalog = Arc::clone(&state.catalog);
    let membership = db.read(move |conn| WorkspaceMembership::find(conn, catalog, id, user_id)).await?;
    RequestContext::set_organization(membership.workspace().organization_id);
    match &caller {
        Caller::Portal(session) => membership.authorize_within(proof, session.withheld()),
        _ => membership.authorize(proof, reach),
    }
}

/// Checks that an API key may use this management endpoint: it must be about keys, `keys.manage_with_keys` must be on,
/// and a read-only key may only read.
fn may_manage_keys<P: Can>(state: &State, req: &HttpRequest, key: &KeyCaller) -> Result<(), ApiError> {
    let about_keys = matches!(P::PERMISSION, Permission::KeysOwn | Permission::KeysManage);
    if !about_keys || !state.config.keys.manage_with_keys {
        return Err(Code::CredentialNotAccepted.into());
    }
    if !req.method().is_safe() && !P::PERMISSION.reference().kept_by(key.scope) {
        return Err(Code::ReadOnlyKey.into());
    }
    Ok(())
}

/// A service that may do what the route asks for.
#[derive(Debug)]
pub struct Service(ServiceCaller, ServiceActor);

impl Service {
    pub fn caller(&self) -> &ServiceCaller {
        &self.0
    }

    /// The service with what the route asks for.
    pub fn actor(&self) -> &ServiceActor {
        &self.1
    }
}

impl FromRequest for Service {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(req).and_then(|caller| match caller {
            Caller::Service(service) => {
                let actor = service_actor(req, &service)?;
                Ok(Self(service, actor))
            }
            Caller::User(_) | Caller::ApiKey(_) | Caller::Portal(_) => Err(Code::CredentialNotAccepted.into()),
        }))
    }
}

/// A service that may verify keys, for no member in particular. Costs no lookup of the route.
#[derive(Debug)]
pub struct Verifier(ServiceCaller);

impl Verifier {
    pub fn caller(&self) -> &ServiceCaller {
        &self.0
    }
}

impl FromRequest for Verifier {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(req).and_then(|caller| match caller {
            Caller::Service(service) => service.ensure_may(ServicePermission::KeysVerify).map(|()| Self(service)),
            Caller::User(_) | Caller::ApiKey(_) | Caller::Portal(_) => Err(Code::CredentialNotAccepted.into()),
        }))
    }
}

/// A person, or a service: for what is in no organization yet.
#[derive(Debug)]
pub enum PersonOrService {
    Person(SignedIn),
    Service(Service),
}

impl FromRequest for PersonOrService {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(match caller_of(req) {
            Ok(Caller::Service(_)) => Service::from_request(req, payload).into_inner().map(Self::Service),
            _ => ensure_no_member_is_named(req)
                .and_then(|()| SignedIn::from_request(req, payload).into_inner())
                .map(Self::Person),
        })
    }
}

impl FromRequest for Program {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(req).and_then(|caller| match caller {
            Caller::User(_) | Caller::Service(_) | Caller::Portal(_) => Err(Code::CredentialNotAccepted.into()),
            Caller::ApiKey(key) => Ok(Self::new(key)),
        }))
    }
}

impl<P: Can> FromRequest for ProgramAccess<P> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(req).and_then(|caller| match caller {
            Caller::User(_) | Caller::Service(_) | Caller::Portal(_) => Err(Code::CredentialNotAccepted.into()),
            Caller::ApiKey(key) => Self::authorize(key),
        }))
    }
}
