//! API keys: their text, their life cycle and their verification.
//!
//! [`mod@format`] creates and checks the text ([`KeyFormat`]). [`ApiKey`] is the row; `creator_roles` derives status
//! and role from the creator's current roles. [`manage`] has the changes, one by one and in bulk. [`verify`] verifies
//! the key of each request, and keeps `lastUsedAt` off the request path ([`LastUsed`]). [`import`] and [`export`] move
//! keys between servers.

mod authority;
pub(crate) mod creator_roles;
mod creators;
pub mod format;
mod key_caller;
pub mod manage;
pub(crate) mod model;
mod program;
mod reason;
pub mod transfer;
pub(crate) mod unused;
pub mod verify;

pub use authority::PresentedKeyOwner;
pub use creator_roles::{CreatorRoles, KeyStatus};
pub use creators::creator_in;
pub use format::{AllowedIps, KeyFormat, KeyHeaders, PlaintextKey, PresentedKey};
pub use key_caller::KeyCaller;
pub(in crate::domain) use manage::giving::ensure_may_create;
pub use manage::{
    Heir, KeyFilter, KeyPrefix, KeyRules, MAX_BATCH, RemovedKeys, RemovedMember, RolledKey, Selected, TransferMode,
    issue,
};
pub use model::{ApiKey, KeyWithCreator};
pub use program::{Program, ProgramAccess};
pub use reason::{Comment, Reason, ReasonKind};
pub use transfer::{csv, export, import};
pub use verify::{ApiKeys, CachedKey, FLUSH_INTERVAL, LastUse, LastUsed, PresentedBy, Refused, Used};
