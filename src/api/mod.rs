//! Endpoints: each reads a request, calls the domain and writes an answer.

pub mod api_keys;
pub mod audit;
pub mod authentication;
pub mod billing;
mod caller;
pub mod collections;
pub mod errors;
mod extractors;
pub mod gateway;
pub mod health;
mod hot_json;
mod idempotency;
pub mod identity;
pub mod invitations;
pub mod leaks;
mod list;
pub mod me;
pub mod members;
pub mod organizations;
pub mod portal_sessions;
pub mod roles;
pub mod sessions;
mod state;
pub mod subscriptions;
pub mod usage;
pub mod users;
pub mod whoami;
pub mod workspaces;

pub use caller::{Caller, Credential, verify};
pub use extractors::{PersonOrService, Service, SignedIn, Verifier};
pub(crate) use extractors::{caller_of, ensure_no_member_is_named, named_member, service_actor, state_of};
pub use idempotency::{Idempotency, ReplayOutcome};
pub(crate) use list::list_page;
pub use state::{Background, State};
