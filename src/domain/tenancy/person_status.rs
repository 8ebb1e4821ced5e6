//! [`PersonStatus`]: whether a person can act.

use crate::base::sql::text_enum;
use crate::base::time::Timestamp;

text_enum! {
    /// Whether a person can act.
    PersonStatus {
        /// Can sign in, and has the authority of the person's roles.
        Active = "active",
        /// Stopped by the operator, or without an account any more. The roles stay, and give nothing.
        Disabled = "disabled",
    }
}

impl PersonStatus {
    /// Returns the status of a user by the column `disabled_at`, which the deletion of an account sets, too.
    pub fn of(disabled_at: Option<Timestamp>) -> Self {
        if disabled_at.is_none() { Self::Active } else { Self::Disabled }
    }

    /// Whether the person can act: sign in, own an organization, take over keys, give roles by an invitation.
    pub fn can_act(self) -> bool {
        self == Self::Active
    }
}
