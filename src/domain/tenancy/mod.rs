//! Rows of users, organizations and workspaces, and a user's roles in them. Guards are made of these.

mod organizations;
mod person_status;
mod users;
mod workspaces;

pub use organizations::Organization;
pub use person_status::PersonStatus;
pub use users::{Profile, SignedInUser, User, VerifiedIdToken};
pub use workspaces::Workspace;
