//! [`Heir`]: the member who takes over keys.

use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId, WorkspaceId};
use crate::base::policy::{CreatorRole, HeldRole, PermissionCatalog};
use crate::base::sql::schema::{organization_members, users, workspace_members};
use crate::base::sql::{Conn, text_enum};
use crate::domain::api_keys::CreatorRoles;
use crate::domain::api_keys::model::{CreatorRoleColumns, creator_roles_of};
use crate::domain::tenancy::{given_role_columns, with_custom_role};
use diesel::prelude::*;

text_enum! {
    /// What a transfer does with the value of a key, which its former creator knows.
    TransferMode {
        /// The value works on, and the key has at most what it had.
        Keep = "keep",
        /// All values end at once, and there is a new one. The key has the role of its new creator.
        Roll = "roll",
    }
}

/// The mode of a transfer that names none.
impl Default for TransferMode {
    fn default() -> Self {
        Self::Keep
    }
}

/// The new creator of keys, and the mode of their transfer.
#[derive(Clone, Copy, Debug)]
pub struct Heir {
    pub user: UserId,
    pub mode: TransferMode,
}

/// Returns the roles of an heir, who must be a member who can act and may create keys in the workspace.
///
/// Exact only in a transaction that holds the organization's row, in any mode: each change of members takes it
/// `FOR UPDATE`.
///
/// # Errors
/// `validation_failed`
pub(super) fn ensure_heir(
    conn: &mut Conn,
    catalog: &PermissionCatalog,
    least: CreatorRole,
    (organization, workspace): (OrganizationId, WorkspaceId),
    heir: UserId,
    field: &'static str,
) -> Result<CreatorRoles, ApiError> {
    let of_workspace = workspace_members::table.on(workspace_members::user_id
        .eq(organization_members::user_id)
        .and(workspace_members::workspace_id.eq(workspace)));
    let members = organization_members::table.inner_join(users::table).left_join(of_workspace);
    let found: Option<CreatorRoleColumns> = with_custom_role!(members)
        .filter(organization_members::organization_id.eq(organization).and(organization_members::user_id.eq(heir)))
        .select((organization_members::role.nullable(), given_role_columns!(), users::disabled_at))
        .first(conn)
        .optional()?;
    let roles = found.map(|found| creator_roles_of(catalog, found)).filter(|roles| {
        let admits =
            |(organization, role): (_, HeldRole)| least.admits(organization, catalog.standing(role.permissions));
        let admitted = roles.given().is_some_and(admits);
        roles.status.can_act() && admitted
    });
    roles.ok_or_else(|| {
        let message =
            format!("must be a member who is not disabled, and who may create API keys in the workspace {workspace}");
        ApiError::invalid(field, message)
    })
}
