//! Guards of API clients ("programs").

use super::KeyCaller;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::policy::Permission;
use crate::base::policy::permission::Can;
use crate::domain::access::{Authority, Guard};
use std::marker::PhantomData;

/// Any API client with a verified key.
#[derive(Debug)]
pub struct Program(KeyCaller);

impl Program {
    pub fn new(key: KeyCaller) -> Self {
        Self(key)
    }

    pub fn key(&self) -> &KeyCaller {
        &self.0
    }
}

impl Guard for Program {
    fn organization_id(&self) -> OrganizationId {
        self.0.organization_id
    }

    fn authority(&self) -> Authority {
        self.0.authority(None)
    }
}

/// An API client whose key has permission `P` in its own workspace.
#[derive(Debug)]
pub struct ProgramAccess<P> {
    key: KeyCaller,
    permission: Permission,
    marker: PhantomData<P>,
}

impl<P: Can> ProgramAccess<P> {
    /// Returns the guard, if the key has permission `P` in its workspace.
    ///
    /// # Errors
    /// `read_only_key`, `insufficient_permission`
    pub fn authorize(key: KeyCaller) -> Result<Self, ApiError> {
        key.ensure_may(P::PERMISSION)?;
        Ok(Self { key, permission: P::PERMISSION, marker: PhantomData })
    }
}

impl<P> ProgramAccess<P> {
    /// The key, and with it the only workspace that the caller can read.
    pub fn key(&self) -> &KeyCaller {
        &self.key
    }
}

impl<P> Guard for ProgramAccess<P> {
    fn organization_id(&self) -> OrganizationId {
        self.key.organization_id
    }

    fn authority(&self) -> Authority {
        self.key.authority(Some(self.permission.reference()))
    }
}
