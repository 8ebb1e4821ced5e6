//! Invitations: the only way to become a member.
//!
//! [`crate::domain::delegation`] has their rows, and the bound of what they give: what their maker may give now.
//!
//! An invitation has two tokens. The inviting admin gets one, and may pass it on in any way; a user who accepts with it
//! must have verified the invited address. The other is only mailed to that address (`mails`), so it verifies the
//! address itself: the built-in provider signs users up by it ([`accept_mailed`]).

pub mod accept_mailed;
mod acceptance;
mod accepted;
mod mails;
pub(crate) mod model;
mod token;

pub(crate) use acceptance::MAY_NOT_GIVE;
pub use mails::InvitationMails;
pub use token::InvitationToken;
