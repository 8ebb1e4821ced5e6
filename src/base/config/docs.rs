//! `[docs]`

use serde::{Deserialize, Serialize};

/// `[docs]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocsSettings {
    /// Whether the Swagger UI, its sign-in and the OpenAPI documents are served.
    pub enabled: bool,
}
