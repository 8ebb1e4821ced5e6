//! API keys: what they look like, their life cycle, and the question whether one is good.
//!
//! [`KeyFormat`] makes and checks the text; [`ApiKey`] is the row, with its creator's role of this moment beside it
//! ([`standing`]); `lifecycle` has the changes; `verification` answers for each request of a program; [`LastUsed`]
//! keeps `lastUsedAt` off the request path. [`import`] and [`export`] let keys move; `holder`, `bulk` and `revocation` stop
//! them in other ways than one by one.

mod allowed_ips;
mod bulk;
mod creators;
pub mod export;
mod format;
mod guesses;
mod handlers;
mod headers;
mod holder;
pub mod import;
mod imported_format;
mod known;
mod last_used;
mod lifecycle;
mod model;
mod removal;
mod revocation;
mod selection;
mod standing;
mod unused;
mod verification;
mod wire;

pub use allowed_ips::AllowedIps;
pub use bulk::*;
pub use creators::creator_in;
pub use format::{KeyFormat, PlaintextKey, PresentedKey};
pub use handlers::*;
pub use headers::KeyHeaders;
pub use holder::*;
pub use known::KnownKey;
pub use last_used::{FLUSH_INTERVAL, LastUse, LastUsed, Used};
pub use lifecycle::{NewKey, issue};
pub use model::ApiKey;
pub use removal::{Removed, RemovedKeys};
pub use selection::{KeyFilter, KeyStart, MOST_AT_ONCE, Selected};
pub use standing::{KeyStatus, Scope, Standing};
pub use verification::{ApiKeys, BroughtBy, Refused};
