//! Rows of users, organizations and workspaces, and a user's roles in them. Guards are made of these.

mod organizations;
mod users;
mod workspaces;

pub use organizations::Organization;
pub use users::{Profile, Session, SignedInUser, User};
pub use workspaces::Workspace;
