//! Makes, lists, resends and withdraws invitations.

use super::token::InvitationToken;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{InvitationId, OrganizationId, WorkspaceId};
use crate::base::paging::Position;
use crate::base::policy::{OrganizationRole, can};
use crate::base::sql::schema::{invitation_workspaces, invitations, organization_members, users, workspaces};
use crate::base::sql::{Columns, Conn};
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::delegation::{Invitation, InvitationWithGrants, WorkspaceGrant, ensure_may_touch};
use crate::domain::tenancy::{Organization, Role};
use diesel::prelude::*;
use serde_json::json;
use std::time::Duration;

/// The lifetime of an invitation.
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

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

impl Invitation {
    /// Invites an address. Withdraws an older invitation of the same address, since its token may be lost.
    ///
    /// Behaviour and answer don't depend on whether the address has an account.
    ///
    /// # Errors
    /// `conflict` for a member's address, `insufficient_permission` for an admin who invites an owner or an address that
    /// is invited as an owner, `validation_failed` for a workspace that is not the organization's and for a service that
    /// acts for no member.
    pub fn create(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &OrganizationAccess<can::OrganizationManage>,
        new: NewInvitation,
        is_mailed: bool,
        now: Timestamp,
    ) -> Result<(InvitationWithGrants, NewTokens), ApiError> {
        let inviter = access.named_person()?.clone();
        let NewInvitation { id, email, role, grants } = new;
        let organization_id = access.organization_id();
        Organization::lock(conn, organization_id)?;
        ensure_may_touch(access.role(), role)?;
        ensure_no_member(conn, organization_id, &email)?;
        ensure_workspaces(conn, organization_id, &grants)?;
        for (place, grant) in grants.iter().enumerate() {
            let field = format!("workspaces[{place}].role");
            Role::named(conn, &access_change.catalog(), organization_id, grant.role, &field)?;
        }
        let same = invitations::organization_id.eq(organization_id).and(invitations::email.eq(&email));
        let older: Vec<Self> = invitations::table.filter(same).select(Self::as_select()).load(conn)?;
        for older in Invitation::complete(conn, older)? {
            ensure_may_touch(access.role(), older.invitation.role)?;
            older.end(conn, access_change)?;
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
            invited_by: Some(inviter.id),
        };
        diesel::insert_into(invitations::table).values(&row).execute(conn)?;
        for grant in &grants {
            diesel::insert_into(invitation_workspaces::table)
                .values((
                    invitation_workspaces::invitation_id.eq(id),
                    invitation_workspaces::organization_id.eq(organization_id),
                    invitation_workspaces::workspace_id.eq(grant.id),
                    invitation_workspaces::role.eq(grant.role.column()),
                    invitation_workspaces::role_id.eq(grant.role.custom()),
                ))
                .execute(conn)?;
        }
        let made = InvitationWithGrants { invitation: row, grants, maker: Some(inviter) };
        access_change.audit_only(made.invitation.entry(Action::InvitationCreated).after(made.facts()));
        Ok((made, tokens))
    }

    /// Replaces the mailed token, and restarts the invitation's lifetime. The admin's token stays valid. An invitation
    /// without a maker gets the caller as its maker.
    ///
    /// # Errors
    /// Those of [`Invitation::managed`]; `conflict` when a member has the address by now.
    pub fn renew(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &OrganizationAccess<can::OrganizationManage>,
        id: InvitationId,
        now: Timestamp,
    ) -> Result<(InvitationWithGrants, InvitationToken), ApiError> {
        Organization::lock(conn, access.organization_id())?;
        let sender = access.named_person()?.id;
        let earlier = Self::resendable(conn, access, id)?;
        let token = InvitationToken::generate();
        let row: Self = diesel::update(invitations::table.find(id))
            .set((
                invitations::mailed_token_hash.eq(Some(token.hash())),
                invitations::expires_at.eq(now.plus(LIFETIME)),
                invitations::invited_by.eq(earlier.invitation.invited_by.unwrap_or(sender)),
            ))
            .returning(Self::columns())
            .get_result(conn)?;
        let renewed = Self::complete_one(conn, row)?;
        let mut before = json!({ "expiresAt": earlier.invitation.expires_at });
        let mut after = json!({ "expiresAt": renewed.invitation.expires_at });
        if earlier.invitation.invited_by.is_none() {
            (before["invitedBy"], after["invitedBy"]) = (json!(null), json!(renewed.invitation.invited_by));
        }
        access_change.audit_only(renewed.invitation.entry(Action::InvitationResent).before(before).after(after));
        Ok((renewed, token))
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
        let found = Self::managed(conn, access, id)?;
        ensure_no_member(conn, access.organization_id(), &found.invitation.email)?;
        Ok(found)
    }

    /// Returns an invitation that the caller may send again and withdraw.
    ///
    /// # Errors
    /// `not_found`; `insufficient_permission` for an admin when the invitation is for an owner.
    fn managed(
        conn: &mut Conn,
        access: &OrganizationAccess<can::OrganizationManage>,
        id: InvitationId,
    ) -> Result<InvitationWithGrants, ApiError> {
        let found = Self::of(conn, access, id)?;
        ensure_may_touch(access.role(), found.invitation.role)?;
        Ok(found)
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
        Self::complete(conn, rows)
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
        Self::complete_one(conn, row)
    }

    /// Withdraws an invitation.
    ///
    /// # Errors
    /// Those of [`Invitation::managed`].
    pub fn withdraw(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &OrganizationAccess<can::OrganizationManage>,
        id: InvitationId,
    ) -> Result<(), ApiError> {
        Self::managed(conn, access, id)?.end(conn, access_change)
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
