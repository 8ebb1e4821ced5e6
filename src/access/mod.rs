//! Who may do what.
//!
//! [`verify`] turns a credential into a [`Caller`]; [`permission`] is the one table of roles and permissions; the
//! [`guards`] stand in handlers' signatures and carry the permission that was checked; [`subscription_gate`] stands
//! between authentication and the guards.

mod caller;
mod gate;
pub mod guards;
pub mod permission;
mod role;

pub use caller::{Caller, CallerId, Credential, KeyCaller, verify};
pub use gate::subscription_gate;
pub use guards::{Guard, OrganizationAccess, Program, ProgramAccess, Service, SignedIn, WorkspaceAccess};
pub(crate) use guards::{caller_of, state_of};
pub use permission::{KeyPermissions, Least, Permission, can};
pub use role::{CreatorRole, OrganizationRole, WorkspaceRole, effective_role};
