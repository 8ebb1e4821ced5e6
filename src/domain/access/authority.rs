//! [`Authority`]: what a guard was made for, read again by the transaction that acts on it.

use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, WorkspaceId};
use crate::base::policy::{HeldRole, OrganizationRole, PermissionCatalog, PermissionRef, PermissionSet};
use crate::base::sql::Conn;
use crate::base::sql::schema::{accounts, organization_members, sessions, users, workspace_members};
use crate::base::time::Timestamp;
use crate::domain::tenancy::{
    GivenRoleColumns, PersonStatus, SignedInUser, VerifiedIdToken, given_role, given_role_columns, with_custom_role,
};
use diesel::prelude::*;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// A credential that can be checked again. Only the domain makes a [`CallerProof`] of one.
pub trait Confirm: fmt::Debug + Send + Sync {
    /// Adds the locks to take at the start of a writing transaction.
    fn lock(&self, grant: &Grant, locks: &mut Locks);

    /// Refuses the caller unless the credential is still good and still has what was granted.
    ///
    /// # Errors
    /// Those of authentication and of the guard.
    fn confirm(&self, conn: &mut Conn, presented: &Presented, grant: &Grant, today: Today<'_>) -> Result<(), ApiError>;
}

/// What a credential is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Today<'a> {
    pub now: Timestamp,
    /// What roles and permissions mean.
    pub catalog: &'a PermissionCatalog,
}

/// The credential of a program as it was sent, so that it can be checked again. All zero for other callers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Presented {
    /// The SHA-256 of the value.
    pub(in crate::domain) hash: [u8; 32],
    /// The client's address.
    pub(in crate::domain) from: Option<IpAddr>,
    /// Whether the subscription gate is enforced.
    pub(in crate::domain) is_gated: bool,
}

/// The caller of a request, as the domain verified it. Making one of a shared credential, and cloning one, costs a
/// reference count.
#[derive(Clone, Debug)]
pub struct CallerProof {
    credential: Arc<dyn Confirm>,
    presented: Presented,
}

impl CallerProof {
    pub(in crate::domain) fn new(credential: Arc<dyn Confirm>, presented: Presented) -> Self {
        Self { credential, presented }
    }

    /// The proof of a signature over the whole body, which no later change takes away.
    pub(in crate::domain) fn signature() -> Self {
        Self::new(Arc::new(SignedBody), Presented::default())
    }
}

/// What a guard gave its caller.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grant {
    /// `None` for a caller that is let into no organization.
    pub(in crate::domain) organization: Option<OrganizationId>,
    pub(in crate::domain) workspace: Option<WorkspaceId>,
    pub(in crate::domain) permission: Option<PermissionRef>,
    /// The role in the organization that the handler relies on; a lower one refuses the write.
    pub(in crate::domain) organization_role: Option<OrganizationRole>,
    /// The permissions in the workspace that the handler relies on; without one of them the write is refused.
    pub(in crate::domain) permissions: Option<PermissionSet>,
    /// Whether the write may change members, and so needs the organization for itself.
    pub(in crate::domain) is_exclusive: bool,
}

impl Grant {
    /// Checks roles of today against the grant.
    ///
    /// # Errors
    /// `not_found` without a role, `insufficient_permission` with a role that has too little.
    pub(in crate::domain) fn admits(
        &self,
        catalog: &PermissionCatalog,
        organization_role: Option<OrganizationRole>,
        given: Option<HeldRole>,
    ) -> Result<(), ApiError> {
        if self.organization.is_none() {
            return Ok(());
        }
        let organization_role = organization_role.ok_or_else(ApiError::not_found)?;
        let has_permission = match self.workspace {
            None => {
                let held = catalog.in_organization(organization_role);
                self.permission.is_none_or(|permission| held.contains(permission))
            }
            Some(_) => {
                let role = catalog.effective_role(organization_role, given).ok_or_else(ApiError::not_found)?;
                self.permissions.is_none_or(|granted| granted.is_subset(role.permissions))
                    && self.permission.is_none_or(|permission| role.permissions.contains(permission))
            }
        };
        match has_permission && self.organization_role.is_none_or(|granted| organization_role >= granted) {
            true => Ok(()),
            false => Err(Code::InsufficientPermission.into()),
        }
    }
}

/// What a caller may do in the transactions of one request.
#[derive(Clone, Debug)]
pub struct Authority {
    caller: CallerProof,
    grant: Grant,
}

impl Authority {
    pub(in crate::domain) fn new(caller: CallerProof, grant: Grant) -> Self {
        Self { caller, grant }
    }

    /// Returns the SQL of the locks, for PostgreSQL.
    pub(in crate::domain) fn locks(&self) -> String {
        let mut locks = Locks::default();
        self.caller.credential.lock(&self.grant, &mut locks);
        locks.0
    }

    /// Reads the caller's authority again.
    ///
    /// # Errors
    /// Those of authentication and of the guard.
    pub(in crate::domain) fn confirm(&self, conn: &mut Conn, today: Today<'_>) -> Result<(), ApiError> {
        self.caller.credential.confirm(conn, &self.caller.presented, &self.grant, today)
    }
}

/// Locking statements, in the order account, user, organization, key. They travel with `BEGIN`, in one round trip.
#[derive(Debug, Default)]
pub struct Locks(String);

impl Locks {
    /// Adds a row's lock. The id is Keyward's own: letters, digits and `_`.
    pub(in crate::domain) fn add(&mut self, table: &str, id: impl fmt::Display, mode: &str) {
        if !self.0.is_empty() {
            self.0.push_str("; ");
        }
        self.0.push_str(&format!("SELECT 1 FROM {table} WHERE id = '{id}' FOR {mode}"));
    }

    /// Adds the organization's lock, which changes of its members conflict with.
    pub(in crate::domain) fn add_organization(&mut self, grant: &Grant) {
        if let Some(id) = grant.organization {
            self.add("organizations", id, if grant.is_exclusive { "UPDATE" } else { "KEY SHARE" });
        }
    }
}

impl SignedInUser {
    /// Returns the proof of this caller.
    pub fn proof(&self) -> CallerProof {
        CallerProof::new(self.verified(), Presented::default())
    }
}

impl Confirm for VerifiedIdToken {
    fn lock(&self, grant: &Grant, locks: &mut Locks) {
        if grant.organization.is_some() {
            locks.add("users", self.user.id, "SHARE");
            return locks.add_organization(grant);
        }
        // Such a write may go on to change the account and the user's memberships: it takes their locks at once.
        let id = self.user.id;
        locks.0 = format!(
            "SELECT 1 FROM accounts WHERE id = (SELECT subject FROM users WHERE id = '{id}' AND issuer = 'builtin') \
             FOR UPDATE"
        );
        locks.add("users", id, "NO KEY UPDATE");
    }

    fn confirm(&self, conn: &mut Conn, _: &Presented, grant: &Grant, today: Today<'_>) -> Result<(), ApiError> {
        type AccountColumns = (Option<Timestamp>, Option<Timestamp>);
        type Row = (Option<Timestamp>, AccountColumns, bool, Option<OrganizationRole>, GivenRoleColumns);
        let invalid = || ApiError::from(Code::InvalidIdToken);
        let of_account = accounts::table.on(accounts::id.eq(users::subject));
        let account = (accounts::valid_since.nullable(), accounts::disabled_at.nullable());
        let session = || diesel::dsl::exists(sessions::table.filter(sessions::id.nullable().eq(self.session)));
        let one = users::id.eq(self.user.id);
        let row: Option<Row> = match (grant.organization, grant.workspace) {
            (None, _) => {
                let query = users::table.left_join(of_account).filter(one);
                let columns = (users::disabled_at, account, session());
                let row: Option<(Option<Timestamp>, AccountColumns, bool)> =
                    query.select(columns).first(conn).optional()?;
                row.map(|(disabled_at, account, session)| (disabled_at, account, session, None, (None, None, None)))
            }
            (Some(organization), workspace) => {
                let of_organization = organization_members::table.on(organization_members::user_id
                    .eq(users::id)
                    .and(organization_members::organization_id.eq(organization)));
                let of_workspace = workspace_members::table.on(workspace_members::user_id
                    .eq(users::id)
                    .and(workspace_members::organization_id.eq(organization))
                    .and(workspace_members::workspace_id.nullable().eq(workspace)));
                let members = users::table.left_join(of_account).left_join(of_organization).left_join(of_workspace);
                with_custom_role!(members)
                    .filter(one)
                    .select((
                        users::disabled_at,
                        account,
                        session(),
                        organization_members::role.nullable(),
                        given_role_columns!(),
                    ))
                    .first(conn)
                    .optional()?
            }
        };
        let (disabled_at, account, session_is_there, organization_role, given) = row.ok_or_else(invalid)?;
        let has_ended = self.session.is_some() && !session_is_there;
        if !PersonStatus::of(disabled_at).can_act() || has_ended || !self.is_honoured_by(account) {
            return Err(invalid());
        }
        if self.has_expired(today.now) {
            return Err(Code::IdTokenExpired.into());
        }
        grant.admits(today.catalog, organization_role, given_role(today.catalog, given))
    }
}

/// A body whose signature was verified.
#[derive(Debug)]
struct SignedBody;

impl Confirm for SignedBody {
    fn lock(&self, _: &Grant, _: &mut Locks) {}

    fn confirm(&self, _: &mut Conn, _: &Presented, _: &Grant, _: Today<'_>) -> Result<(), ApiError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::UserId;
    use crate::domain::tenancy::User;

    #[test]
    fn a_proof_shares_the_token_of_its_request() {
        let user = User { id: UserId::new(), email: None, email_verified: false, name: None, disabled_at: None };
        let signed_in = SignedInUser::new(user, None, None, 0);
        let (token, proof) = (signed_in.verified(), signed_in.proof());
        assert_eq!(Arc::strong_count(&token), 3);
        drop(proof);
        assert_eq!(Arc::strong_count(&token), 2);
    }
}
