//! Guards: proof that a person or a program may do a thing in an organization.

mod guards;
mod membership;

pub use guards::{Guard, OrganizationAccess, WorkspaceAccess};
pub use membership::{OrganizationMembership, WorkspaceMembership};
