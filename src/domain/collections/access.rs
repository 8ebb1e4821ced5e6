//! [`CollectionAccess`]: the guard for the documents of one collection in one workspace.

use super::collection::Collection;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{DocumentId, OrganizationId, WorkspaceId};
use crate::base::policy::PermissionRef;
use crate::domain::access::{Authority, CallerProof, Guard, WorkspaceMembership};
use crate::domain::api_keys::KeyCaller;
use std::marker::PhantomData;
use std::sync::Arc;

/// A use of a collection: [`Read`] or [`Write`].
pub trait Intent: 'static {
    /// The permission that this use requires.
    fn permission(collection: &Collection) -> PermissionRef;
    /// Whether API keys have this use at all.
    fn is_open_to_keys(collection: &Collection) -> bool;
}

/// Reading documents.
#[derive(Debug)]
pub struct Read;

/// Writing documents.
#[derive(Debug)]
pub struct Write;

impl Intent for Read {
    fn permission(collection: &Collection) -> PermissionRef {
        collection.read
    }
    fn is_open_to_keys(_: &Collection) -> bool {
        true
    }
}

impl Intent for Write {
    fn permission(collection: &Collection) -> PermissionRef {
        collection.write
    }
    fn is_open_to_keys(collection: &Collection) -> bool {
        collection.keys_may_write
    }
}

/// Access to the documents of one collection in one workspace, for the use `I`. A program has its key's workspace, a
/// person the workspace that the path names.
#[derive(Debug)]
pub struct CollectionAccess<I> {
    collection: Arc<Collection>,
    organization_id: OrganizationId,
    workspace_id: WorkspaceId,
    parent_id: Option<DocumentId>,
    caller_id: String,
    authority: Authority,
    intent: PhantomData<I>,
}

impl<I> CollectionAccess<I> {
    pub fn collection(&self) -> &Arc<Collection> {
        &self.collection
    }

    pub fn organization_id(&self) -> OrganizationId {
        self.organization_id
    }

    pub fn workspace_id(&self) -> WorkspaceId {
        self.workspace_id
    }

    /// The parent document in a nested collection. Its existence is not checked yet.
    pub fn parent_id(&self) -> Option<DocumentId> {
        self.parent_id
    }

    /// The id of the key, the person or the service.
    pub fn caller_id(&self) -> &str {
        &self.caller_id
    }
}

impl<I> Guard for CollectionAccess<I> {
    fn organization_id(&self) -> OrganizationId {
        self.organization_id
    }

    fn authority(&self) -> Authority {
        self.authority.clone()
    }
}

impl<I: Intent> CollectionAccess<I> {
    /// Makes the guard of a program, in its key's workspace.
    ///
    /// # Errors
    /// `credential_not_accepted` where keys may not do this, `read_only_key`, `insufficient_permission`
    pub fn of_program(collection: Arc<Collection>, key: &KeyCaller) -> Result<Self, ApiError> {
        if !I::is_open_to_keys(&collection) {
            return Err(ApiError::with_message(
                Code::CredentialNotAccepted,
                "API keys can't write here; people can, with an ID token.",
            ));
        }
        let permission = I::permission(&collection);
        key.ensure_may(permission)?;
        let place = (key.organization_id, key.workspace_id);
        Ok(Self::new(collection, place, key.key_id.to_string(), key.authority(Some(permission))))
    }

    /// Makes the guard of a person or a service, in the workspace of a membership. `caller_id` is its id.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn of_member(
        collection: Arc<Collection>,
        membership: &WorkspaceMembership,
        caller: CallerProof,
        caller_id: String,
    ) -> Result<Self, ApiError> {
        let permission = I::permission(&collection);
        membership.ensure_may(permission)?;
        let place = (membership.workspace().organization_id, membership.workspace().id);
        let authority = Authority::new(caller, membership.grant(permission));
        Ok(Self::new(collection, place, caller_id, authority))
    }

    fn new(
        collection: Arc<Collection>,
        (organization_id, workspace_id): (OrganizationId, WorkspaceId),
        caller_id: String,
        authority: Authority,
    ) -> Self {
        let (parent_id, intent) = (None, PhantomData);
        Self { collection, organization_id, workspace_id, parent_id, caller_id, authority, intent }
    }

    /// Limits the guard of a nested collection to the documents of one parent.
    #[must_use]
    pub fn beneath(self, parent_id: Option<DocumentId>) -> Self {
        Self { parent_id, ..self }
    }
}
