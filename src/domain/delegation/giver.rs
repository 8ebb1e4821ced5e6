//! [`Giver`]: what a person may give in an organization now.

use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, UserId};
use crate::base::policy::{OrganizationRole, Permission};
use crate::base::sql::Conn;
use crate::base::sql::schema::{organization_members, users};
use crate::base::time::Timestamp;
use crate::domain::tenancy::PersonStatus;
use diesel::prelude::*;

/// What the maker of an invitation may give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Giver {
    /// An invitation from before makers were recorded.
    Unknown,
    /// A member who can act, with the role of this moment.
    Member(OrganizationRole),
    /// A person who is no member, or who can't act.
    Powerless,
}

impl Giver {
    /// Reads the maker's authority. Exact only under `Organization::lock`, which each change of it takes.
    ///
    /// # Errors
    /// Database errors.
    pub fn of(conn: &mut Conn, organization: OrganizationId, maker: Option<UserId>) -> Result<Self, ApiError> {
        let Some(maker) = maker else { return Ok(Self::Unknown) };
        let found: Option<(OrganizationRole, Option<Timestamp>)> = organization_members::table
            .inner_join(users::table)
            .filter(organization_members::organization_id.eq(organization))
            .filter(organization_members::user_id.eq(maker))
            .select((organization_members::role, users::disabled_at))
            .first(conn)
            .optional()?;
        Ok(match found {
            Some((role, disabled_at)) if PersonStatus::of(disabled_at).can_act() => Self::Member(role),
            _ => Self::Powerless,
        })
    }

    /// Whether the maker may give a role in the organization, and with it roles in its workspaces: a member who
    /// manages the organization is an admin of each workspace.
    pub fn may_give(self, role: OrganizationRole) -> bool {
        match self {
            Self::Unknown => role == OrganizationRole::Member,
            Self::Member(own) => {
                Permission::OrganizationManage.held_in_organization(own) && ensure_may_touch(own, role).is_ok()
            }
            Self::Powerless => false,
        }
    }
}

/// Checks that only an owner changes or makes an owner.
///
/// # Errors
/// `insufficient_permission`
pub fn ensure_may_touch(own: OrganizationRole, other: OrganizationRole) -> Result<(), ApiError> {
    if other == OrganizationRole::Owner && !Permission::OwnersManage.held_in_organization(own) {
        return Err(Code::InsufficientPermission.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use OrganizationRole::{Admin, Member, Owner};

    #[test]
    fn each_giver_gives_at_most_its_own_role() {
        let gives = |giver: Giver| [Member, Admin, Owner].map(|role| giver.may_give(role));
        assert_eq!(gives(Giver::Member(Owner)), [true, true, true]);
        assert_eq!(gives(Giver::Member(Admin)), [true, true, false]);
        assert_eq!(gives(Giver::Member(Member)), [false, false, false]);
        assert_eq!(gives(Giver::Powerless), [false, false, false]);
        assert_eq!(gives(Giver::Unknown), [true, false, false]);
    }
}
