//! Extractors that make callers and guards from requests.

use super::State;
use super::caller::Caller;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, SessionId, WorkspaceId};
use crate::base::policy::Permission;
use crate::base::policy::permission::Can;
use crate::domain::access::{
    CallerProof, OrganizationAccess, OrganizationMembership, WorkspaceAccess, WorkspaceMembership,
};
use crate::domain::api_keys::{KeyCaller, Program, ProgramAccess};
use crate::domain::identity::Session;
use crate::domain::tenancy::{SignedInUser, User};
use crate::infra::http::path_parameter;
use crate::infra::request::RequestContext;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use std::future::{Ready, ready};
use std::sync::Arc;

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
            let user = caller_of(&req)?.user()?.clone();
            let id: OrganizationId = path_parameter(&req, "organizationId")?;
            let db = state_of(&req)?.reader_of(id);
            let membership = db.read(move |conn| OrganizationMembership::find(conn, id, user)).await?;
            RequestContext::set_organization(id);
            membership.authorize()
        })
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
    let (user_id, db, proof, reach) = match caller_of(&req)? {
        // Whose workspace it is shows only in its row.
        Caller::User(user) => (user.id, state.reader(), user.proof(), None),
        Caller::ApiKey(key) => {
            may_manage_keys::<P>(&state, &req, &key)?;
            if key.workspace_id != id {
                return Err(ApiError::not_found());
            }
            (key.creator_id, state.reader_of(key.organization_id), key.proof(), Some(key.reach()))
        }
        Caller::Service(_) => return Err(Code::CredentialNotAccepted.into()),
    };
    let catalog = Arc::clone(&state.catalog);
    let membership = db.read(move |conn| WorkspaceMembership::find(conn, catalog, id, user_id)).await?;
    RequestContext::set_organization(membership.workspace().organization_id);
    membership.authorize(proof, reach)
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

/// A gateway or another service.
#[derive(Debug)]
pub struct Service(());

impl FromRequest for Service {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(req).and_then(|caller| match caller {
            Caller::Service(_) => Ok(Self(())),
            Caller::User(_) | Caller::ApiKey(_) => Err(Code::CredentialNotAccepted.into()),
        }))
    }
}

impl FromRequest for Program {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(req).and_then(|caller| match caller {
            Caller::User(_) | Caller::Service(_) => Err(Code::CredentialNotAccepted.into()),
            Caller::ApiKey(key) => Ok(Self::new(key)),
        }))
    }
}

impl<P: Can> FromRequest for ProgramAccess<P> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(req).and_then(|caller| match caller {
            Caller::User(_) | Caller::Service(_) => Err(Code::CredentialNotAccepted.into()),
            Caller::ApiKey(key) => Self::authorize(key),
        }))
    }
}
