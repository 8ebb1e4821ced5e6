//! The product's rules and database rows. No module here uses a route or an HTTP request.

pub mod access;
pub mod api_keys;
pub mod audit;
pub mod billing;
pub mod changes;
pub mod collections;
pub mod delegation;
pub mod identity;
pub mod invitations;
pub mod leaks;
pub mod members;
pub mod organizations;
pub mod person_limits;
pub mod portal_sessions;
pub mod provisioning;
pub mod roles;
pub mod service_tokens;
pub mod subscriptions;
pub mod tenancy;
pub mod usage;
pub mod workspaces;
