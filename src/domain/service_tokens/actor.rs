//! [`ServiceActor`]: a service that asks for one thing, whose authority is read again when it writes.

use super::{ServiceCaller, ServiceToken, ensure_may, expired, revoked, unknown};
use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, ServiceTokenId, UserId};
use crate::base::policy::ServicePermission;
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::access::{ActingService, CallerProof, Confirm, Grant, Locks, Presented, Standing, Today};
use std::sync::Arc;

/// A service, what its request needs, and the member that it acts for.
#[derive(Clone, Debug)]
pub struct ServiceActor {
    token: ServiceTokenId,
    /// The SHA-256 of the value that was sent.
    hash: [u8; 32],
    organization: Option<OrganizationId>,
    needs: ServicePermission,
    /// What the request needs besides.
    also: Option<ServicePermission>,
    on_behalf_of: Option<UserId>,
}

impl ServiceActor {
    /// Checks that the service may do this, and returns it with the member that it acts for, if it names one.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn new(
        service: &ServiceCaller,
        needs: ServicePermission,
        on_behalf_of: Option<UserId>,
    ) -> Result<Self, ApiError> {
        service.ensure_may(needs)?;
        Ok(Self {
            token: service.id(),
            hash: service.hash,
            organization: service.organization(),
            needs,
            also: None,
            on_behalf_of,
        })
    }

    /// Checks that the service may do this, too.
    ///
    /// # Errors
    /// `insufficient_permission`
    pub fn also(self, service: &ServiceCaller, needs: ServicePermission) -> Result<Self, ApiError> {
        service.ensure_may(needs)?;
        Ok(Self { also: Some(needs), ..self })
    }

    /// The member that it acts for.
    pub fn on_behalf_of(&self) -> Option<UserId> {
        self.on_behalf_of
    }

    /// The only organization that it sees; `None` for all.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.organization
    }

    /// The service as guards take it.
    pub fn acting(&self) -> ActingService {
        ActingService::new(self.proof(), self.on_behalf_of, self.organization)
    }

    /// Checks that the service acts for no member.
    ///
    /// # Errors
    /// `bad_request`
    pub fn ensure_alone(&self) -> Result<(), ApiError> {
        match self.on_behalf_of {
            None => Ok(()),
            Some(_) => Err(ApiError::bad_request(
                "Keyward-On-Behalf-Of names a member of an organization, and this call is in none. Leave it out.",
            )),
        }
    }

    /// The service as guards take it, for this member.
    pub fn acting_for(self, member: UserId) -> ActingService {
        Self { on_behalf_of: Some(member), ..self }.acting()
    }

    /// Returns the proof of this caller.
    pub fn proof(&self) -> CallerProof {
        CallerProof::new(Arc::new(self.clone()), Presented::default())
    }
}

impl Confirm for ServiceActor {
    fn lock(&self, grant: &Grant, locks: &mut Locks) {
        if let Some(user) = self.on_behalf_of {
            locks.add("users", user, "SHARE");
        }
        locks.add_organization(grant);
        locks.add("service_tokens", self.token, "SHARE");
    }

    fn confirm(&self, conn: &mut Conn, _: &Presented, grant: &Grant, today: Today<'_>) -> Result<(), ApiError> {
        let now = today.now;
        let token = ServiceToken::find(conn, self.token)?.ok_or_else(unknown)?;
        if token.revoked_at.is_some() {
            return Err(revoked());
        }
        if token.has_expired(now) {
            return Err(expired());
        }
        if !token.has_value(&self.hash, now) {
            return Err(unknown());
        }
        for needs in [Some(self.needs), self.also].into_iter().flatten() {
            ensure_may(token.permissions(), needs)?;
        }
        Standing::confirm_service(conn, self.on_behalf_of, grant, today)
    }
}

/// Reads whether a token may still do something in an organization.
///
/// # Errors
/// Database errors.
pub fn is_good_for(
    conn: &mut Conn,
    id: ServiceTokenId,
    permission: ServicePermission,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<bool, ApiError> {
    let found = ServiceToken::find(conn, id)?;
    Ok(found.is_some_and(|token| {
        let sees = token.organization_id.is_none_or(|only| only == organization);
        token.revoked_at.is_none() && !token.has_expired(now) && sees && token.permissions().may(permission)
    }))
}
