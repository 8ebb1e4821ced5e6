//! Accepts invitations by either of their tokens.

use super::accepted;
use super::token::InvitationToken;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{SessionId, UserId};
use crate::base::input::email::normal_form_of;
use crate::base::policy::OrganizationRole;
use crate::base::sql::schema::{invitations, organizations};
use crate::base::sql::{Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::delegation::{Giver, Invitation};
use crate::domain::identity::Account;
use crate::domain::members::{OrganizationMember, WorkspaceMember};
use crate::domain::tenancy::Organization;
use crate::domain::tenancy::User;
use diesel::prelude::*;
use serde_json::json;

/// The refusal of an invitation whose maker may not give its role now, or is not known.
pub(crate) const MAY_NOT_GIVE: &str = "The person who made this invitation may not give its role any more. Ask an owner of the organization for a new one.";

/// Selects the invitations that a token accepts now.
macro_rules! accepted_by {
    ($hash:expr, $now:expr) => {
        invitations::expires_at
            .gt($now)
            .and(invitations::token_hash.eq($hash).or(invitations::mailed_token_hash.eq($hash)))
    };
}

impl Invitation {
    /// Makes the user a member, and deletes the invitation. If the same user has accepted it before, and is still a
    /// member, nothing changes.
    ///
    /// The user's address must be the invited one, and verified by the issuer or by the mailed token. The mailed token
    /// also verifies the address of a built-in account, and ends its sessions from before but the given one.
    ///
    /// # Errors
    /// `not_found` for a token that is unknown, expired or used by another user; `insufficient_permission` for a user with
    /// another verified address, and for an invitation that its maker may not give now; `conflict` for a member.
    pub fn accept(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        token: &InvitationToken,
        (user, session): (&User, Option<SessionId>),
        now: Timestamp,
    ) -> Result<(Organization, OrganizationRole), ApiError> {
        let hash = token.hash();
        let pending = invitations::table.filter(accepted_by!(&hash, now)).select(Self::as_select());
        let Some(invitation) = pending.first::<Self>(conn).optional()? else {
            return accepted::membership_by(conn, &hash, user.id);
        };
        // An invitation or a user of an older version may have another form of the same address.
        let invited = normal_form_of(&invitation.email);
        if user.email.as_deref().map(normal_form_of) != Some(invited) {
            return Err(ApiError::with_message(
                Code::InsufficientPermission,
                "This invitation is for another e-mail address. Sign in with the address it was sent to.",
            ));
        }
        if invitation.was_mailed_with(&hash) {
            Account::confirm_email_of(conn, access_change, user.id, session, &invitation.email)?;
        } else if !user.email_verified {
            return Err(ApiError::with_message(
                Code::InsufficientPermission,
                "Verify your e-mail address first, or follow the link that was mailed to it, then accept the invitation.",
            ));
        }
        invitation.add_member(conn, access_change, token, user.id, now)
    }

    /// [`Invitation::accept`] with the mailed token only, for a user of the built-in provider.
    ///
    /// # Errors
    /// Those of [`Invitation::accept`]; also `not_found` for the admin's token.
    pub fn accept_mailed(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        token: &InvitationToken,
        user: &User,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        Self::find_mailed(conn, token, now)?.ok_or_else(ApiError::not_found)?;
        Self::accept(conn, access_change, token, (user, None), now).map(|_| ())
    }

    /// Returns the invitation of a mailed token with the organization's name. Changes nothing.
    ///
    /// # Errors
    /// Database errors.
    pub fn find_mailed(
        conn: &mut Conn,
        token: &InvitationToken,
        now: Timestamp,
    ) -> Result<Option<(Self, String)>, ApiError> {
        Ok(invitations::table
            .inner_join(organizations::table)
            .filter(invitations::mailed_token_hash.eq(token.hash()).and(invitations::expires_at.gt(now)))
            .select((Self::as_select(), organizations::name))
            .first(conn)
            .optional()?)
    }

    fn was_mailed_with(&self, hash: &[u8]) -> bool {
        self.mailed_token_hash.as_deref() == Some(hash)
    }

    /// Adds the user. Locks in the order of deletion: account, user, organization, then the invitation.
    fn add_member(
        self,
        conn: &mut Conn,
        access_change: &mut AccessChange,
        token: &InvitationToken,
        user: UserId,
        now: Timestamp,
    ) -> Result<(Organization, OrganizationRole), ApiError> {
        User::lock(conn, user)?;
        let organization_id = self.organization_id;
        Organization::lock(conn, organization_id)?;
        // Checked again under the lock: of two parallel calls, the second finds nothing.
        let hash = token.hash();
        let pending = invitations::table
            .filter(invitations::id.eq(self.id).and(accepted_by!(&hash, now)))
            .select(Self::as_select());
        let Some(invitation) = ForUpdate(pending).get_result::<Self>(conn).optional()? else {
            return accepted::membership_by(conn, &hash, user);
        };
        if !Giver::of(conn, organization_id, invitation.invited_by)?.may_give(invitation.role) {
            return Err(ApiError::with_message(Code::InsufficientPermission, MAY_NOT_GIVE));
        }
        if !OrganizationMember::add(conn, access_change, organization_id, user, invitation.role, now)? {
            return Err(ApiError::with_message(Code::Conflict, "You are a member of this organization already."));
        }
        let accepted = Self::complete_one(conn, invitation)?;
        let entry = accepted.invitation.entry(Action::InvitationAccepted);
        access_change.audit_only(entry.before(accepted.facts()).after(json!({ "userId": user })));
        for grant in &accepted.grants {
            WorkspaceMember::set(conn, access_change, organization_id, grant.id, user, grant.role, now)?;
        }
        diesel::delete(invitations::table.find(accepted.invitation.id)).execute(conn)?;
        accepted::remember(conn, &accepted.invitation, user)?;
        Organization::with_role_of(conn, organization_id, user)?.ok_or_else(ApiError::not_found)
    }
}
