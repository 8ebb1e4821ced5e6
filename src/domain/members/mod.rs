//! Members of organizations and workspaces, and their roles.
//!
//! `organization` and `workspace` have the rows and rules of each. Only invitations add members.

mod organization;
mod workspace;

pub use organization::OrganizationMember;
pub use workspace::WorkspaceMember;
