//! API keys: what they look like, their life cycle, and the question whether one is good.
//!
//! [`KeyFormat`] makes and checks the text; [`ApiKey`] is the row, with its creator's role of this moment beside it
//! ([`creator`]); `lifecycle` has the changes; `verification` answers for each request of a program; [`LastUsed`]
//! keeps `lastUsedAt` off the request path. [`import`] and [`export`] let keys move; `holder`, `bulk` and `revocation` stop
//! them in other ways than one by one.

pub(crate) mod creator_roles;
mod creators;
pub mod format;
mod key_caller;
pub mod manage;
pub(crate) mod model;
mod program;
pub mod transfer;
pub(crate) mod unused;
pub mod verify;

pub use creator_roles::{CreatorRoles, KeyStatus};
pub use creators::creator_in;
pub use format::{AllowedIps, KeyFormat, KeyHeaders, PlaintextKey, PresentedKey};
pub use key_caller::KeyCaller;
pub use manage::{KeyFilter, KeyPrefix, MAX_BATCH, NewKey, Removed, RemovedKeys, Selected, issue};
pub use model::ApiKey;
pub use program::{Program, ProgramAccess};
pub use transfer::{export, import};
pub use verify::{ApiKeys, BroughtBy, CachedKey, FLUSH_INTERVAL, LastUse, LastUsed, Refused, Used};
