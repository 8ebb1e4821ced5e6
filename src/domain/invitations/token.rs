//! [`InvitationToken`]: the secret that accepts an invitation.

use crate::base::secret_token::{SecretToken, TokenKind};

/// A secret that accepts an invitation. One is answered once to the inviting admin; another is mailed once to the invited
/// address.
pub type InvitationToken = SecretToken<ForInvitation>;

/// The kind of an [`InvitationToken`].
pub enum ForInvitation {}

impl TokenKind for ForInvitation {
    const PREFIX: &'static str = "inv_";
}
