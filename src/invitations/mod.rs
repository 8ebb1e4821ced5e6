//! Invitations: the only way to become a member.

mod handlers;
mod model;

pub use handlers::*;
pub use model::{Invitation, InvitationToken, WorkspaceGrant};
