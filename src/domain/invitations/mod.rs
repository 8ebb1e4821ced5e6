//! Invitations: the only way to become a member.
//!
//! An invitation has two tokens. The admin who invites gets one, and may hand it over in any way; whoever accepts with it
//! must have verified the invited address. The other is mailed to that address ([`mails`]) and known to nobody else, so
//! it verifies the address itself: the built-in provider signs people up by it (`identity::joining`).

pub mod accept_mailed;
mod acceptance;
mod mails;
pub(crate) mod model;
mod token;

pub use mails::InvitationMails;
pub use model::{Invitation, WorkspaceGrant};
pub use token::InvitationToken;
