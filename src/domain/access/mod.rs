//! Guards: proof that a person or a program may do a thing in an organization.
//!
//! A guard is made when a request's headers have come. Its body may come half a minute later, and authority may be taken
//! away meanwhile. So a guard carries its [`Authority`], and the transaction that writes reads it again before the
//! handler's own statements ([`crate::domain::changes`] does that, and no handler can open another transaction that
//! writes: what a read lends is read-only, [`crate::infra::db::scope`]).
//!
//! # Why no interleaving slips through
//! On SQLite each writing transaction is `BEGIN IMMEDIATE`: writers run one after another, so what a write reads of its
//! caller stays true until its commit.
//!
//! On PostgreSQL (READ COMMITTED) the transaction first locks rows, then reads in a statement of its own, which has a
//! newer snapshot. Each change of access locks at least one of these rows before its commit, in a conflicting mode:
//!
//! | change of access | lock | lock of the writer |
//! |---|---|---|
//! | member, workspace member or custom role changed or removed, organization deleted, subscription changed | organization `FOR UPDATE` | organization `FOR KEY SHARE` |
//! | user disabled, signed out, password changed, session ended, account deleted | the user's row is updated or locked `FOR NO KEY UPDATE` | user `FOR SHARE`; for a key, its creator |
//! | what other people's writes decide by a user: user disabled or enabled, account deleted | each organization of the user `FOR UPDATE` | organization `FOR KEY SHARE` |
//! | key revoked, disabled, rolled, changed, transferred, deleted | key `FOR UPDATE` | key `FOR KEY SHARE` |
//! | service token revoked, changed, rolled | its row is updated | its row `FOR SHARE`; the member's for whom it acts, too |
//!
//! So either the change of access held its lock first: then the writer waits for its commit, and its later statement sees
//! it. Or the writer was first: then the change waits for the writer's commit, and answers after it.
//!
//! # Why there is no deadlock
//! All take locks in the order account, user, organization, key, service token, workspace, and the heads of audit trails
//! last. A change of a service token takes no other lock. No
//! transaction asks for a stronger lock on a row that it shares: a write that may change members takes the organization
//! `FOR UPDATE` at once (so does an API key that manages keys, which may change its own row), and one for a person alone
//! takes account and user for itself.

mod acting_service;
mod authority;
mod guards;
mod membership;
mod permission_list;
mod reach;

pub use acting_service::{ActingService, Standing};
pub use authority::{Authority, CallerProof, Confirm, Grant, Locks, Presented, Today};
pub use guards::{Guard, OrganizationAccess, WorkspaceAccess};
pub use membership::{OrganizationMembership, WorkspaceMembership};
pub use permission_list::checked_list;
pub use reach::{Excess, KeyLimits, Reach};
