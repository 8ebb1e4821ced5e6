//! Rows of `invitations` and `invitation_workspaces`, and their end.

use super::giver::Giver;
use crate::base::error::ApiError;
use crate::base::ids::{InvitationId, OrganizationId, RoleId, UserId, WorkspaceId};
use crate::base::input::email::TypedEmail;
use crate::base::policy::{OrganizationRole, RoleName, WorkspaceRole};
use crate::base::sql::Conn;
use crate::base::sql::schema::{invitation_workspaces, invitations};
use crate::base::time::Timestamp;
use crate::domain::audit::{Action, Entry, Target};
use crate::domain::changes::AccessChange;
use crate::domain::tenancy::User;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A role in a workspace that comes with the invitation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceGrant {
    /// A workspace of the organization.
    pub id: WorkspaceId,
    /// The role in it.
    pub role: RoleName,
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
    /// Its maker. `None` for an invitation from before makers were recorded.
    pub invited_by: Option<UserId>,
}

/// An invitation with its workspace roles and its maker.
#[derive(Clone, Debug)]
pub struct InvitationWithGrants {
    pub invitation: Invitation,
    pub grants: Vec<WorkspaceGrant>,
    pub maker: Option<User>,
}

impl Invitation {
    /// Returns whether an invitation to this address is pending, in any organization.
    ///
    /// # Errors
    /// Database errors.
    pub fn is_pending_for(conn: &mut Conn, email: &str, now: Timestamp) -> Result<bool, ApiError> {
        let typed = TypedEmail::of_stored(email);
        let pending = invitations::table
            .filter(invitations::email.eq_any(typed.stored_forms()).and(invitations::expires_at.gt(now)));
        Ok(diesel::select(diesel::dsl::exists(pending)).get_result(conn)?)
    }

    /// Adds the workspace roles and the makers to invitations. One statement for each of both.
    ///
    /// # Errors
    /// Database errors.
    pub fn complete(conn: &mut Conn, rows: Vec<Self>) -> Result<Vec<InvitationWithGrants>, ApiError> {
        let ids: Vec<InvitationId> = rows.iter().map(|row| row.id).collect();
        let grants: Vec<(InvitationId, WorkspaceId, WorkspaceRole, Option<RoleId>)> = invitation_workspaces::table
            .filter(invitation_workspaces::invitation_id.eq_any(&ids))
            .select((
                invitation_workspaces::invitation_id,
                invitation_workspaces::workspace_id,
                invitation_workspaces::role,
                invitation_workspaces::role_id,
            ))
            .order(invitation_workspaces::workspace_id)
            .load(conn)?;
        let makers = User::all_of(conn, rows.iter().filter_map(|row| row.invited_by))?;
        let complete = |invitation: Self| {
            let own = grants.iter().filter(|(id, ..)| *id == invitation.id);
            let grant = |(_, id, role, custom): &(_, _, _, _)| WorkspaceGrant {
                id: *id,
                role: RoleName::of_columns(*role, *custom),
            };
            let grants = own.map(grant).collect();
            let maker = makers.iter().find(|user| Some(user.id) == invitation.invited_by).cloned();
            InvitationWithGrants { invitation, grants, maker }
        };
        Ok(rows.into_iter().map(complete).collect())
    }

    /// [`Invitation::complete`] for one.
    ///
    /// # Errors
    /// Database errors.
    pub fn complete_one(conn: &mut Conn, row: Self) -> Result<InvitationWithGrants, ApiError> {
        Self::complete(conn, vec![row])?.pop().ok_or_else(ApiError::not_found)
    }

    /// Returns an audit entry about the invitation.
    pub(in crate::domain) fn entry(&self, action: Action) -> Entry {
        Entry::new(action, self.organization_id, Target::invitation(self.id, &self.email))
    }
}

impl InvitationWithGrants {
    /// Returns the invitation's fields for the audit trail.
    pub(in crate::domain) fn facts(&self) -> Value {
        let Invitation { email, role, expires_at, invited_by, .. } = &self.invitation;
        let workspaces = &self.grants;
        json!({ "email": email, "role": role, "workspaces": workspaces, "expiresAt": expires_at, "invitedBy": invited_by })
    }

    /// Deletes the pending invitation.
    ///
    /// # Errors
    /// `not_found` when it was accepted or withdrawn meanwhile.
    pub(in crate::domain) fn end(&self, conn: &mut Conn, access_change: &mut AccessChange) -> Result<(), ApiError> {
        // Of parallel calls, and of a parallel acceptance, only one finds the row.
        if diesel::delete(invitations::table.find(self.invitation.id)).execute(conn)? == 0 {
            return Err(ApiError::not_found());
        }
        access_change.audit_only(self.invitation.entry(Action::InvitationWithdrawn).before(self.facts()));
        Ok(())
    }
}

/// The most invitations of one statement.
const BATCH: usize = 500;

/// Withdraws the pending invitations of a maker that the maker may no longer give. Call it under `Organization::lock`,
/// after the change that takes authority away and in its transaction.
///
/// # Errors
/// Database errors.
pub fn withdraw_what_is_lost(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    organization: OrganizationId,
    maker: UserId,
) -> Result<(), ApiError> {
    let giver = Giver::of(conn, organization, Some(maker))?;
    let own: Vec<Invitation> = invitations::table
        .filter(invitations::invited_by.eq(maker).and(invitations::organization_id.eq(organization)))
        .select(Invitation::as_select())
        .order(invitations::id)
        .load(conn)?;
    let lost: Vec<Invitation> = own.into_iter().filter(|invitation| !giver.may_give(invitation.role)).collect();
    for batch in lost.chunks(BATCH) {
        for invitation in Invitation::complete(conn, batch.to_vec())? {
            invitation.end(conn, access_change)?;
        }
    }
    Ok(())
}
