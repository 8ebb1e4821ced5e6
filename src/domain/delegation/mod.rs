//! What a person gives to others in an organization, and the pending invitations that give it later.
//!
//! An invitation is authority that its maker lent. It counts when it is used: at acceptance it gives at most what the
//! maker may give then ([`Giver`]). A change that takes authority from the maker (demotion, removal, disabling, deletion
//! of the account) withdraws the invitations that the maker may no longer give, in its own transaction
//! ([`withdraw_what_is_lost`]).
//!
//! Both hold the organization's row `FOR UPDATE`. So an acceptance either comes first, and the change sees its member;
//! or it comes later, and finds no invitation.

mod giver;
mod pending;

pub use giver::{Giver, ensure_may_touch};
pub use pending::{Invitation, InvitationWithGrants, WorkspaceGrant, withdraw_what_is_lost};
