//! `[audit]`

use serde::{Deserialize, Serialize};

/// `[audit]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSettings {
    /// How many days audit events are kept; 0: for ever.
    pub retention_days: u16,
}
