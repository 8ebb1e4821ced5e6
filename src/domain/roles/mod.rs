//! Creates, lists, changes and deletes the custom roles of an organization.
//!
//! A change of a role changes the access of all who have it: members, and keys of members. It holds the organization's row
//! `FOR UPDATE`, as each change of members does, and is announced to all nodes.

mod deletion;
mod model;
mod undeclared;

pub use model::{NewRole, RoleChange};
pub use undeclared::{NamedBy, undeclared};
