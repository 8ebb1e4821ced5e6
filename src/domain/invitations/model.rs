//! Rows of `invitations` and `invitation_workspaces`.

use super::token::InvitationToken;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{InvitationId, OrganizationId, WorkspaceId};
use crate::base::paging::Position;
use crate::base::policy::{OrganizationRole, WorkspaceRole, can};
use crate::base::sql::schema::{invitation_workspaces, invitations, organization_members, users, workspaces};
use crate::base::sql::{Columns, Conn};
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use crate::domain::audit::{Action, Entry, Target};
use crate::domain::changes::AccessChange;
use crate::domain::members::ensure_may_touch;
use crate::domain::tenancy::Organization;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// The lifetime of an invitation.
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// A role in a workspace that comes with the invitation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceGrant {
    /// A workspace of the organization.
    pub id: WorkspaceId,
    /// The role in it.
    pub role: WorkspaceRole,
}

/// A pending invitation.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = invitations)]
pub struct Invitation {
    pub id: InvitationId,
    pub organization_id: OrganizationId,
    /// In its normal form.
    pub email: String,
    pub role: OrganizationRole,
    /// SHA-256 of the admin's token.
    pub token_hash: Vec<u8>,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    /// SHA-256 of the mailed token, if one was mailed. That token proves that its holder reads the address's mail.
    pub mailed_token_hash: Option<Vec<u8>>,
}

/// An invitation to create.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    pub id: InvitationId,
    /// In its normal form.
    pub email: String,
    pub role: OrganizationRole,
    pub grants: Vec<WorkspaceGrant>,
}

/// The two secrets of a new invitation.
#[derive(Debug)]
pub struct NewTokens {
    /// For the admin who invites. It proves nothing about its holder.
    pub admins: InvitationToken,
    /// For the mail only: it proves that its holder reads the address's mail.
    pub mailed: Option<InvitationToken>,
}

/// An invitation with its workspace roles.
pub type InvitationWithGrants = (Invitation, Vec<WorkspaceGrant>);

impl Invitation {
    /// Invites an address. Withdraws an older invitation of the same address, since its token may be lost.
    ///
    /// Behaviour and answer don't depend on whether the address has an account.
    ///
    /// # Errors
    /// `conflict` for a member's address, `insufficient_permission` for an admin who invites an owner,
    /// `validation_failed` for a workspace that is not the organization's.
    pub fn create(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &OrganizationAccess<can::OrganizationManage>,
        new: NewInvitation,
        is_mailed: bool,
        now: Timestamp,
    ) -> Result<(InvitationWithGrants, NewTokens), ApiError> {
        let NewInvitation { id, email, role, grants } = new;
        let organization_id = access.organization_id();
        Organization::lock(conn, organization_id)?;
        ensure_no_member(conn, organization_id, &email)?;
        ensure_workspaces(conn, organization_id, &grants)?;
        let same = invitations::organization_id.eq(organization_id).and(invitations::email.eq(&email));
        let older: Vec<Self> = invitations::table.filter(same).select(Self::as_select()).load(conn)?;
        for row in older {
            row.end(conn, access_change)?;
        }
        let tokens =
            NewTokens { admins: InvitationToken::generate(), mailed: is_mailed.then(InvitationToken::generate) };
        let row = Self {
            id,
            organization_id,
            email,
            role,
            token_hash: tokens.admins.hash(),
            expires_at: now.plus(LIFETIME),
            created_at: now,
            mailed_token_hash: tokens.mailed.as_ref().map(InvitationToken::hash),
        };
        diesel::insert_into(invitations::table).values(&row).execute(conn)?;
        for grant in &grants {
            diesel::insert_into(invitation_workspaces::table)
                .values((
                    invitation_workspaces::invitation_id.eq(id),
                    invitation_workspaces::organization_id.eq(organization_id),
                    invitation_workspaces::workspace_id.eq(grant.id),
                    invitation_workspaces::role.eq(grant.role),
                ))
                .execute(conn)?;
        }
        access_change.audit_only(row.entry(Action::InvitationCreated).after(row.facts(&grants)));
        Ok(((row, grants), tokens))
    }

    /// Returns an audit entry about the invitation.
    pub(super) fn entry(&self, action: Action) -> Entry {
        Entry::new(action, self.organization_id, Target::invitation(self.id, &self.email))
    }

    /// Returns the invitation's fields for the audit trail.
    pub(super) fn facts(&self, grants: &[WorkspaceGrant]) -> Value {
        json!({ "email": self.email, "role": self.role, "workspaces": grants, "expiresAt": self.expires_at })
    }

    /// Deletes the pending invitation.
    fn end(&self, conn: &mut Conn, access_change: &mut AccessChange) -> Result<(), ApiError> {
        let grants: Vec<WorkspaceGrant> =
            grants_of(conn, std::slice::from_ref(self))?.into_iter().map(|(_, grant)| grant).collect();
        // Of parallel calls, and of a parallel acceptance, only one finds the row.
        if diesel::delete(invitations::table.find(self.id)).execute(conn)? == 0 {
            return Err(ApiError::not_found());
        }
        access_change.audit_only(self.entry(Action::InvitationWithdrawn).before(self.facts(&grants)));
        Ok(())
    }

    /// Replaces the mailed token, and restarts the invitation's lifetime. The admin's token stays valid.
    ///
    /// # Errors
    /// `not_found`; `conflict` when a member has the address by now; `insufficient_permission` for an admin when the
    /// invitation is for an owner.
    pub fn renew(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &OrganizationAccess<can::OrganizationManage>,
        id: InvitationId,
        now: Timestamp,
    ) -> Result<(InvitationWithGrants, InvitationToken), ApiError> {
        Organization::lock(conn, access.organization_id())?;
        let (row, grants) = Self::resendable(conn, access, id)?;
        let token = InvitationToken::generate();
        let before = json!({ "expiresAt": row.expires_at });
        let row: Self = diesel::update(invitations::table.find(row.id))
            .set((
                invitations::mailed_token_hash.eq(Some(token.hash())),
                invitations::expires_at.eq(now.plus(LIFETIME)),
            ))
            .returning(Self::columns())
            .get_result(conn)?;
        let after = json!({ "expiresAt": row.expires_at });
        access_change.audit_only(row.entry(Action::InvitationResent).before(before).after(after));
        Ok(((row, grants), token))
    }

    /// Returns an invitation that the caller may send again.
    ///
    /// # Errors
    /// Those of [`Invitation::renew`].
    pub fn resendable(
        conn: &mut Conn,
        access: &OrganizationAccess<can::OrganizationManage>,
        id: InvitationId,
    ) -> Result<InvitationWithGrants, ApiError> {
        let (row, grants) = Self::of(conn, access, id)?;
        ensure_may_touch(access.role(), row.role)?;
        ensure_no_member(conn, access.organization_id(), &row.email)?;
        Ok((row, grants))
    }

    /// Returns a page of the pending invitations, newest first.
    ///
    /// # Errors
    /// Database errors.
    pub fn page_of(
        conn: &mut Conn,
        access: &OrganizationAccess<can::OrganizationManage>,
        page: Position<InvitationId>,
    ) -> Result<Vec<InvitationWithGrants>, ApiError> {
        let mut query = invitations::table
            .filter(invitations::organization_id.eq(access.organization_id()))
            .select(Self::as_select())
            .order(invitations::id.desc())
            .limit(page.limit())
            .into_boxed();
        if let Some(after) = page.after {
            query = query.filter(invitations::id.lt(after));
        }
        let rows: Vec<Self> = query.load(conn)?;
        let mut grants = grants_of(conn, &rows)?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let own = grants.iter().filter(|(id, _)| *id == row.id).map(|(_, grant)| *grant).collect();
                grants.retain(|(id, _)| *id != row.id);
                (row, own)
            })
            .collect())
    }

    /// Returns one invitation of an organization.
    ///
    /// # Errors
    /// `not_found`
    pub fn of(
        conn: &mut Conn,
        access: &OrganizationAccess<can::OrganizationManage>,
        id: InvitationId,
    ) -> Result<InvitationWithGrants, ApiError> {
        let row: Self = invitations::table
            .filter(invitations::id.eq(id).and(invitations::organization_id.eq(access.organization_id())))
            .select(Self::as_select())
            .first(conn)?;
        let grants = grants_of(conn, std::slice::from_ref(&row))?;
        Ok((row, grants.into_iter().map(|(_, grant)| grant).collect()))
    }

    /// Withdraws an invitation.
    ///
    /// # Errors
    /// `not_found`
    pub fn withdraw(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &OrganizationAccess<can::OrganizationManage>,
        id: InvitationId,
    ) -> Result<(), ApiError> {
        Self::of(conn, access, id)?.0.end(conn, access_change)
    }
}

fn ensure_no_member(conn: &mut Conn, organization: OrganizationId, email: &str) -> Result<(), ApiError> {
    let is_member: bool = diesel::select(diesel::dsl::exists(
        organization_members::table
            .inner_join(users::table)
            .filter(organization_members::organization_id.eq(organization).and(users::email.eq(email))),
    ))
    .get_result(conn)?;
    if is_member {
        return Err(ApiError::with_message(Code::Conflict, "A member of the organization has this address."));
    }
    Ok(())
}

/// Checks that all workspaces are the organization's. Another tenant's workspace gives the error of a missing one.
fn ensure_workspaces(conn: &mut Conn, organization: OrganizationId, grants: &[WorkspaceGrant]) -> Result<(), ApiError> {
    let ids: Vec<WorkspaceId> = grants.iter().map(|grant| grant.id).collect();
    let known: Vec<WorkspaceId> = workspaces::table
        .filter(workspaces::organization_id.eq(organization).and(workspaces::id.eq_any(&ids)))
        .select(workspaces::id)
        .load(conn)?;
    for (place, id) in ids.iter().enumerate() {
        if !known.contains(id) {
            return Err(ApiError::invalid(
                format!("workspaces[{place}].id"),
                "must be a workspace of the organization",
            ));
        }
        if ids[..place].contains(id) {
            return Err(ApiError::invalid(format!("workspaces[{place}].id"), "must not be named twice"));
        }
    }
    Ok(())
}

/// Returns the workspace roles of each invitation.
pub(super) fn grants_of(conn: &mut Conn, rows: &[Invitation]) -> Result<Vec<(InvitationId, WorkspaceGrant)>, ApiError> {
    let ids: Vec<InvitationId> = rows.iter().map(|row| row.id).collect();
    let grants: Vec<(InvitationId, WorkspaceId, WorkspaceRole)> = invitation_workspaces::table
        .filter(invitation_workspaces::invitation_id.eq_any(&ids))
        .select((
            invitation_workspaces::invitation_id,
            invitation_workspaces::workspace_id,
            invitation_workspaces::role,
        ))
        .order(invitation_workspaces::workspace_id)
        .load(conn)?;
    Ok(grants.into_iter().map(|(invitation, id, role)| (invitation, WorkspaceGrant { id, role })).collect())
}
