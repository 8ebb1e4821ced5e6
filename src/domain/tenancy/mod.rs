//! Rows of users, organizations, workspaces and custom roles, and a user's roles in them. Guards are made of these.

mod organizations;
mod person_status;
mod roles;
mod users;
mod workspaces;

pub use organizations::Organization;
pub use person_status::PersonStatus;
pub use roles::Role;
pub(in crate::domain) use roles::{GivenRoleColumns, given_role, given_role_columns, with_custom_role};
pub use users::{Profile, SignedInUser, User, VerifiedIdToken};
pub use workspaces::Workspace;
