//! [`InvitationToken`]: the secret that accepts an invitation.

use crate::base::secret_token::{SecretToken, TokenKind};

/// The secret that accepts an invitation. The admin who invites is answered one, once; another is mailed to the invited
/// address, once.
pub type InvitationToken = SecretToken<ForInvitation>;

/// The kind of an [`InvitationToken`].
pub enum ForInvitation {}

impl TokenKind for ForInvitation {
    const PREFIX: &'static str = "inv_";
}
