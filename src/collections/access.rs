//! [`CollectionAccess`]: someone who may read or write the documents of the collection that the route is of, in one
//! workspace.

use super::collection::Collection;
use super::path::DOCUMENT_ID;
use crate::access::{Caller, Guard, Permission, caller_of, state_of};
use crate::error::{ApiError, Code};
use crate::http::path_parameter;
use crate::ids::{DocumentId, OrganizationId, WorkspaceId};
use crate::telemetry::RequestContext;
use crate::workspaces::Workspace;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use std::marker::PhantomData;
use std::sync::Arc;

/// What somebody wants with a collection.
pub trait Intent: 'static {
    /// What it takes.
    fn permission(collection: &Collection) -> Permission;
    /// Whether keys may want it at all.
    fn is_open_to_keys(collection: &Collection) -> bool;
}

/// To read.
#[derive(Debug)]
pub struct Read;

/// To write.
#[derive(Debug)]
pub struct Write;

impl Intent for Read {
    fn permission(collection: &Collection) -> Permission {
        collection.read
    }
    fn is_open_to_keys(_: &Collection) -> bool {
        true
    }
}

impl Intent for Write {
    fn permission(collection: &Collection) -> Permission {
        collection.write
    }
    fn is_open_to_keys(collection: &Collection) -> bool {
        collection.keys_may_write
    }
}

/// Someone who may do `I` with the documents of one collection in one workspace: a program in its key's, or a person in
/// the one that the path names.
#[derive(Debug)]
pub struct CollectionAccess<I> {
    collection: Arc<Collection>,
    organization_id: OrganizationId,
    workspace_id: WorkspaceId,
    parent_id: Option<DocumentId>,
    caller_id: String,
    intent: PhantomData<I>,
}

impl<I> CollectionAccess<I> {
    /// Which collection.
    pub fn collection(&self) -> &Arc<Collection> {
        &self.collection
    }

    /// Whose documents.
    pub fn organization_id(&self) -> OrganizationId {
        self.organization_id
    }

    /// Whose documents.
    pub fn workspace_id(&self) -> WorkspaceId {
        self.workspace_id
    }

    /// The document that these belong to, where the collection is nested. Whether it is there is not checked yet.
    pub fn parent_id(&self) -> Option<DocumentId> {
        self.parent_id
    }

    /// Who asks: a key's or a person's id.
    pub fn caller_id(&self) -> &str {
        &self.caller_id
    }
}

impl<I> Guard for CollectionAccess<I> {
    fn organization_id(&self) -> OrganizationId {
        self.organization_id
    }
}

impl<I: Intent> CollectionAccess<I> {
    /// Cost: none for a program; for a person one statement, as for each guard.
    async fn of_request(req: HttpRequest) -> Result<Self, ApiError> {
        let collection = req
            .app_data::<Arc<Collection>>()
            .cloned()
            .ok_or_else(|| ApiError::internal("the route is of no collection"))?;
        let caller = caller_of()?;
        let of_people = req.match_info().get("workspaceId").is_some();
        let permission = I::permission(&collection);
        let (organization_id, workspace_id) = match &caller {
            Caller::ApiKey(key) if !of_people => {
                if !I::is_open_to_keys(&collection) {
                    return Err(ApiError::with_message(
                        Code::CredentialNotAccepted,
                        "API keys can't write here; people can, with an ID token.",
                    ));
                }
                key.ensure_may(permission)?;
                (key.organization_id, key.workspace_id)
            }
            Caller::User(user) if of_people => {
                let (id, user_id) = (path_parameter::<WorkspaceId>(&req, "workspaceId")?, user.id);
                let db = state_of(&req)?.db.across_tenants();
                let found = db.read(move |conn| Workspace::with_role_of(conn, id, user_id)).await?;
                let (workspace, _, role) = found.ok_or_else(ApiError::not_found)?;
                RequestContext::let_into(workspace.organization_id);
                if !permission.held_in_workspace(role) {
                    return Err(Code::InsufficientPermission.into());
                }
                (workspace.organization_id, workspace.id)
            }
            _ => return Err(Code::CredentialNotAccepted.into()),
        };
        let parent_id = match collection.path.parent() {
            Some(parent) => Some(path_parameter(&req, &parent.parameter)?),
            None => None,
        };
        let caller_id = caller.id().to_string();
        Ok(Self { collection, organization_id, workspace_id, parent_id, caller_id, intent: PhantomData })
    }
}

/// The document that the path names.
pub fn document_id(req: &HttpRequest) -> Result<DocumentId, ApiError> {
    path_parameter(req, DOCUMENT_ID)
}

impl<I: Intent> FromRequest for CollectionAccess<I> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(Self::of_request(req.clone()))
    }
}
