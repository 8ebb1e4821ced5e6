//! The access policy: roles, permissions, the scope of a key, the status of a subscription.

pub mod permission;
mod role;
mod scope;
mod service_permission;
mod subscription_status;

pub use permission::{KeyPermissions, Least, Permission, can};
pub use role::{CreatorRole, OrganizationRole, WorkspaceRole, effective_role};
pub use scope::Scope;
pub use service_permission::{ServicePermission, ServicePermissions};
pub use subscription_status::SubscriptionStatus;
