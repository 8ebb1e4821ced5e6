//! Guards of programs.

use super::KeyCaller;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::policy::permission::Can;
use crate::domain::access::Guard;
use std::marker::PhantomData;

/// Any program.
#[derive(Debug)]
pub struct Program(KeyCaller);

impl Program {
    /// The program of a key that was found good.
    pub fn new(key: KeyCaller) -> Self {
        Self(key)
    }

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

/// A program whose key has permission `P` in its own workspace.
#[derive(Debug)]
pub struct ProgramAccess<P> {
    key: KeyCaller,
    permission: PhantomData<P>,
}

impl<P: Can> ProgramAccess<P> {
    /// The guard with permission `P`, if the key has it in its workspace.
    ///
    /// # Errors
    /// `read_only_key`, `insufficient_permission`
    pub fn authorize(key: KeyCaller) -> Result<Self, ApiError> {
        key.ensure_may(P::PERMISSION)?;
        Ok(Self { key, permission: PhantomData })
    }
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
