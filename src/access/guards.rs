//! Guards: extractors that stand in a handler's signature and can only be built from a request that may do this.
//!
//! Their fields are private and queries for a tenant's rows take them, so the id that was checked is the id that is
//! used. They tell the request's context which organization it was let into, and [`State::of`] takes them, so the database
//! shows a handler that organization's rows ([`crate::db::scope`]). What the caller may not see is 404, with the same body as what is not there; what it may see but not do, 403.

use super::caller::{Caller, KeyCaller};
use super::permission::{Can, Permission};
use super::role::{OrganizationRole, WorkspaceRole};
use crate::error::{ApiError, Code};
use crate::http::path_parameter;
use crate::ids::{OrganizationId, UserId, WorkspaceId};
use crate::organizations::Organization;
use crate::state::State;
use crate::telemetry::RequestContext;
use crate::users::User;
use crate::workspaces::Workspace;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use std::future::{Ready, ready};
use std::marker::PhantomData;

/// The caller that the authentication middleware found.
pub(crate) fn caller_of() -> Result<Caller, ApiError> {
    RequestContext::admitted_caller().ok_or_else(|| Code::MissingCredentials.into())
}

pub(crate) fn state_of(req: &HttpRequest) -> Result<web::Data<State>, ApiError> {
    req.app_data::<web::Data<State>>().cloned().ok_or_else(|| ApiError::internal("the application has no state"))
}

/// Anyone with a valid credential, of any kind.
impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of())
    }
}

/// A guard that lets a request into one organization; it tells the request's context
/// ([`RequestContext::let_into`]) before its handler runs. For programs, `http::authentication` has told it.
pub trait Guard {
    /// Which.
    fn organization_id(&self) -> OrganizationId;
}

/// Any person.
#[derive(Debug)]
pub struct SignedIn(User);

impl SignedIn {
    /// Who it is.
    pub fn user(&self) -> &User {
        &self.0
    }
}

impl FromRequest for SignedIn {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of().and_then(|caller| caller.user().cloned()).map(Self))
    }
}

/// A person who has permission `P` in the organization that the path names.
#[derive(Debug)]
pub struct OrganizationAccess<P> {
    organization: Organization,
    user: User,
    role: OrganizationRole,
    permission: PhantomData<P>,
}

impl<P> OrganizationAccess<P> {
    /// The organization.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// Its id.
    pub fn organization_id(&self) -> OrganizationId {
        self.organization.id
    }

    /// Who asks.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The asker's role.
    pub fn role(&self) -> OrganizationRole {
        self.role
    }

    /// The same guard with another permission, if the role has it.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn require<Q: Can>(self) -> Result<OrganizationAccess<Q>, ApiError> {
        let Self { organization, user, role, .. } = self;
        if !Q::PERMISSION.held_in_organization(role) {
            return Err(Code::InsufficientPermission.into());
        }
        Ok(OrganizationAccess { organization, user, role, permission: PhantomData })
    }
}

impl<P> Guard for OrganizationAccess<P> {
    fn organization_id(&self) -> OrganizationId {
        self.organization.id
    }
}

impl<P: Can> FromRequest for OrganizationAccess<P> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let user = caller_of()?.user()?.clone();
            let id: OrganizationId = path_parameter(&req, "organizationId")?;
            let user_id = user.id;
            let db = state_of(&req)?.db.of(id);
            let found = db.read(move |conn| Organization::with_role_of(conn, id, user_id)).await?;
            let (organization, role) = found.ok_or_else(ApiError::not_found)?;
            RequestContext::let_into(organization.id);
            Self { organization, user, role, permission: PhantomData }.require::<P>()
        })
    }
}

/// Someone who has permission `P` in the workspace that the path names: a person, or, for keys and where
/// `keys.manage_with_keys` says so, an API key of that workspace.
#[derive(Debug)]
pub struct WorkspaceAccess<P> {
    workspace: Workspace,
    user_id: UserId,
    organization_role: OrganizationRole,
    role: WorkspaceRole,
    permission: PhantomData<P>,
}

impl<P> WorkspaceAccess<P> {
    /// The workspace.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Its id.
    pub fn workspace_id(&self) -> WorkspaceId {
        self.workspace.id
    }

    /// Who asks; for an API key, its creator.
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    /// The asker's role in the workspace.
    pub fn role(&self) -> WorkspaceRole {
        self.role
    }

    /// The asker's role in the organization.
    pub fn organization_role(&self) -> OrganizationRole {
        self.organization_role
    }

    /// Whether the asker has this permission too.
    pub fn may(&self, permission: Permission) -> bool {
        permission.held_in_workspace(self.role)
    }
}

impl<P> Guard for WorkspaceAccess<P> {
    fn organization_id(&self) -> OrganizationId {
        self.workspace.organization_id
    }
}

impl<P: Can> WorkspaceAccess<P> {
    async fn of_request(req: HttpRequest) -> Result<Self, ApiError> {
        let id: WorkspaceId = path_parameter(&req, "workspaceId")?;
        let state = state_of(&req)?;
        let (user_id, db) = match caller_of()? {
            // Whose workspace it is shows only in its row.
            Caller::User(user) => (user.id, state.db.across_tenants()),
            Caller::ApiKey(key) => {
                may_manage_keys::<P>(&state, &req, &key)?;
                if key.workspace_id != id {
                    return Err(ApiError::not_found());
                }
                (key.creator_id, state.db.of(key.organization_id))
            }
            Caller::Service(_) => return Err(Code::CredentialNotAccepted.into()),
        };
        let found = db.read(move |conn| Workspace::with_role_of(conn, id, user_id)).await?;
        let (workspace, organization_role, role) = found.ok_or_else(ApiError::not_found)?;
        RequestContext::let_into(workspace.organization_id);
        if !P::PERMISSION.held_in_workspace(role) {
            return Err(Code::InsufficientPermission.into());
        }
        Ok(Self { workspace, user_id, organization_role, role, permission: PhantomData })
    }
}

/// Whether an API key may use this management endpoint: only those for keys, only where configured, and a read-only
/// key only to read.
fn may_manage_keys<P: Can>(state: &State, req: &HttpRequest, key: &KeyCaller) -> Result<(), ApiError> {
    let about_keys = matches!(P::PERMISSION, Permission::KeysOwn | Permission::KeysManage);
    if !about_keys || !state.config.keys.manage_with_keys {
        return Err(Code::CredentialNotAccepted.into());
    }
    if !req.method().is_safe() && !P::PERMISSION.kept_by(key.scope) {
        return Err(Code::ReadOnlyKey.into());
    }
    Ok(())
}

impl<P: Can> FromRequest for WorkspaceAccess<P> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(Self::of_request(req.clone()))
    }
}

/// A gateway or another service.
#[derive(Debug)]
pub struct Service(());

impl FromRequest for Service {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of().and_then(|caller| match caller {
            Caller::Service(_) => Ok(Self(())),
            Caller::User(_) | Caller::ApiKey(_) => Err(Code::CredentialNotAccepted.into()),
        }))
    }
}

/// Any program.
#[derive(Debug)]
pub struct Program(KeyCaller);

impl Program {
    /// The key that asks.
    pub fn key(&self) -> &KeyCaller {
        &self.0
    }
}

impl Guard for Program {
    fn organization_id(&self) -> OrganizationId {
        self.0.organization_id
    }
}

impl FromRequest for Program {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of().and_then(|caller| match caller {
            Caller::User(_) | Caller::Service(_) => Err(Code::CredentialNotAccepted.into()),
            Caller::ApiKey(key) => Ok(Self(key)),
        }))
    }
}

/// A program whose key has permission `P` in its own workspace.
#[derive(Debug)]
pub struct ProgramAccess<P> {
    key: KeyCaller,
    permission: PhantomData<P>,
}

impl<P> ProgramAccess<P> {
    /// The key that asks, and with it the only workspace it can ask about.
    pub fn key(&self) -> &KeyCaller {
        &self.key
    }
}

impl<P> Guard for ProgramAccess<P> {
    fn organization_id(&self) -> OrganizationId {
        self.key.organization_id
    }
}

impl<P: Can> FromRequest for ProgramAccess<P> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Program::from_request(req, payload).into_inner().and_then(|Program(key)| {
            key.ensure_may(P::PERMISSION)?;
            Ok(Self { key, permission: PhantomData })
        }))
    }
}
