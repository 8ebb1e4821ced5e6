//! Rows of `accepted_invitations`: tokens that have made members.

use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId};
use crate::base::policy::OrganizationRole;
use crate::base::sql::Conn;
use crate::base::sql::schema::{accepted_invitations as accepted, invitations};
use crate::domain::delegation::Invitation;
use crate::domain::tenancy::Organization;
use diesel::prelude::*;

/// Stores the tokens of an invitation that the user has accepted.
///
/// # Errors
/// Database errors.
pub(super) fn remember(conn: &mut Conn, invitation: &Invitation, user: UserId) -> Result<(), ApiError> {
    for hash in [Some(&invitation.token_hash), invitation.mailed_token_hash.as_ref()].into_iter().flatten() {
        diesel::insert_into(accepted::table)
            .values((
                accepted::token_hash.eq(hash),
                accepted::organization_id.eq(invitation.organization_id),
                accepted::user_id.eq(user),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Returns the membership that the same user has by a token that is no longer valid.
///
/// # Errors
/// `not_found`, which says whether the token has expired.
pub(super) fn membership_by(
    conn: &mut Conn,
    hash: &[u8],
    user: UserId,
) -> Result<(Organization, OrganizationRole), ApiError> {
    let own = accepted::table.filter(accepted::token_hash.eq(hash).and(accepted::user_id.eq(user)));
    let organization: Option<OrganizationId> = own.select(accepted::organization_id).first(conn).optional()?;
    if let Some(id) = organization
        && let Some(membership) = Organization::with_role_of(conn, id, user)?
    {
        return Ok(membership);
    }
    // It was found by no query for valid tokens, so one that is there has expired.
    let by_token = invitations::token_hash.eq(hash).or(invitations::mailed_token_hash.eq(hash));
    let has_expired: bool =
        diesel::select(diesel::dsl::exists(invitations::table.filter(by_token))).get_result(conn)?;
    Err(ApiError::not_found().saying(match has_expired {
        true => "The invitation has expired. Ask for a new one.",
        false => "There is no such invitation: it was withdrawn, replaced by a newer one, or accepted before. Ask for a new one.",
    }))
}
