//! [`Scope`]: the share of its creator's permissions that a key has.

use crate::base::sql::text_enum;

text_enum! {
    /// What a key keeps of its creator's role.
    Scope {
        /// All of it.
        Full = "full",
        /// What only reads.
        ReadOnly = "read_only",
    }
}
