//! Members of organizations and workspaces, and their roles.
//!
//! `organization` and `workspace` have the rows and rules of each; invitations alone make new members.

mod organization;
mod organization_handlers;
mod wire;
mod workspace;
mod workspace_handlers;

pub use organization::OrganizationMember;
pub(crate) use organization::ensure_may_touch;
pub use organization_handlers::*;
pub use workspace::WorkspaceMember;
pub use workspace_handlers::*;
