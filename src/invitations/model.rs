//! Rows of `invitations` and `invitation_workspaces`.

use crate::access::{OrganizationAccess, OrganizationRole, WorkspaceRole, can};
use crate::cluster::Touched;
use crate::db::schema::{invitation_workspaces, invitations, organization_members, users, workspaces};
use crate::db::{Conn, ForUpdate, Timestamp};
use crate::error::{ApiError, Code};
use crate::http::Position;
use crate::ids::{InvitationId, OrganizationId, WorkspaceId};
use crate::members::{OrganizationMember, WorkspaceMember};
use crate::organizations::Organization;
use crate::users::User;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long an invitation is good.
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// The secret that accepts an invitation: 256 random bits. Its `Debug` shows nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct InvitationToken(SecretString);

impl InvitationToken {
    fn new() -> Self {
        Self(format!("inv_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())).into())
    }

    /// The text: answered once, to the admin who invites.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.expose()).into()
    }
}

/// A role in a workspace that comes with the invitation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceGrant {
    /// A workspace of the organization.
    pub id: WorkspaceId,
    /// The role in it.
    pub role: WorkspaceRole,
}

/// An invitation that nobody has accepted yet.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = invitations)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Where to.
    pub organization_id: OrganizationId,
    /// For whom, in lower case.
    pub email: String,
    /// The role in the organization.
    pub role: OrganizationRole,
    /// SHA-256 of the token.
    pub token_hash: Vec<u8>,
    /// Until when.
    pub expires_at: Timestamp,
    /// Since when.
    pub created_at: Timestamp,
}

/// An invitation and the workspaces that come with it.
pub type InvitationWithGrants = (Invitation, Vec<WorkspaceGrant>);

impl Invitation {
    /// Invites an address. An older invitation of the same address is withdrawn: its token may be lost.
    ///
    /// Whether the address has an account makes no difference to what happens or what is answered.
    ///
    /// # Errors
    /// `conflict` for a member's address, `insufficient_permission` for an admin who invites an owner,
    /// `validation_failed` for a workspace that is not the organization's.
    pub fn create(
        conn: &mut Conn,
        access: &OrganizationAccess<can::OrganizationManage>,
        id: InvitationId,
        email: &str,
        role: OrganizationRole,
        grants: &[WorkspaceGrant],
        now: Timestamp,
    ) -> Result<(InvitationWithGrants, InvitationToken), ApiError> {
        let organization_id = access.organization_id();
        Organization::lock(conn, organization_id)?;
        let is_member: bool = diesel::select(diesel::dsl::exists(
            organization_members::table
                .inner_join(users::table)
                .filter(organization_members::organization_id.eq(organization_id).and(users::email.eq(email))),
        ))
        .get_result(conn)?;
        if is_member {
            return Err(ApiError::with_message(Code::Conflict, "A member of the organization has this address."));
        }
        ensure_workspaces(conn, organization_id, grants)?;
        let same = invitations::organization_id.eq(organization_id).and(invitations::email.eq(email));
        diesel::delete(invitations::table.filter(same)).execute(conn)?;
        let token = InvitationToken::new();
        let row = Self {
            id,
            organization_id,
            email: email.to_owned(),
            role,
            token_hash: token.hash().to_vec(),
            expires_at: now.plus(LIFETIME),
            created_at: now,
        };
        diesel::insert_into(invitations::table).values(&row).execute(conn)?;
        for grant in grants {
            diesel::insert_into(invitation_workspaces::table)
                .values((
                    invitation_workspaces::invitation_id.eq(id),
                    invitation_workspaces::organization_id.eq(organization_id),
                    invitation_workspaces::workspace_id.eq(grant.id),
                    invitation_workspaces::role.eq(grant.role),
                ))
                .execute(conn)?;
        }
        Ok(((row, grants.to_vec()), token))
    }

    /// A page of the invitations that nobody has accepted, newest first.
    ///
    /// # Errors
    /// Those of the database.
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

    /// One invitation of an organization.
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
        access: &OrganizationAccess<can::OrganizationManage>,
        id: InvitationId,
    ) -> Result<(), ApiError> {
        let one = invitations::id.eq(id).and(invitations::organization_id.eq(access.organization_id()));
        match diesel::delete(invitations::table.filter(one)).execute(conn)? {
            0 => Err(ApiError::not_found()),
            _ => Ok(()),
        }
    }

    /// Makes the user a member, and uses the invitation up.
    ///
    /// # Errors
    /// `not_found` for a token that is unknown, used or expired; `insufficient_permission` for a user whose verified
    /// address is another; `conflict` for a member.
    pub fn accept(
        conn: &mut Conn,
        touched: &mut Touched,
        token: &InvitationToken,
        user: &User,
        now: Timestamp,
    ) -> Result<(Organization, OrganizationRole), ApiError> {
        let hash = token.hash();
        let pending = invitations::table
            .filter(invitations::token_hash.eq(&hash[..]).and(invitations::expires_at.gt(now)))
            .select(Self::as_select());
        // Of two at once, the second waits for the first and then finds nothing.
        let invitation: Self = ForUpdate(pending).get_result(conn)?;
        if user.email.as_ref() != Some(&invitation.email) {
            return Err(ApiError::with_message(
                Code::InsufficientPermission,
                "This invitation is for another e-mail address. Sign in with the address it was sent to.",
            ));
        }
        if !user.email_verified {
            return Err(ApiError::with_message(
                Code::InsufficientPermission,
                "Verify your e-mail address first, then accept the invitation.",
            ));
        }
        let organization_id = invitation.organization_id;
        if !OrganizationMember::add(conn, touched, organization_id, user.id, invitation.role, now)? {
            return Err(ApiError::with_message(Code::Conflict, "You are a member of this organization already."));
        }
        for (_, grant) in grants_of(conn, std::slice::from_ref(&invitation))? {
            WorkspaceMember::set(conn, touched, organization_id, grant.id, user.id, grant.role, now)?;
        }
        diesel::delete(invitations::table.find(invitation.id)).execute(conn)?;
        Organization::with_role_of(conn, organization_id, user.id)?.ok_or_else(ApiError::not_found)
    }
}

/// All workspaces must be the organization's; another tenant's is answered like one that does not exist.
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

fn grants_of(conn: &mut Conn, rows: &[Invitation]) -> Result<Vec<(InvitationId, WorkspaceGrant)>, ApiError> {
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
