//! The audit trail: who changed whose access, when and from where. One [`AuditEvent`] for each change, written in the
//! change's own transaction.
//!
//! # How an event comes to be
//! Whatever changes access runs in `State::change_access` and has its `AccessChange`. That is the only way to tell the other
//! nodes of a change, and telling them takes an [`Entry`]: what is not recorded does not take effect elsewhere, and a
//! function that records nothing has a parameter that it does not use, which the lint refuses. What takes nobody's
//! access away, such as a new key, is noted there, too. At the end of the transaction, [`Trail`] adds who acted and
//! from where, and writes. `tests/suite/audit/` has a table of every route and command that writes.
//!
//! # The chain
//! Each organization has a chain of its own ([`chain`]): an event's hash covers the hash before it, so that a changed,
//! missing or swapped event shows. `audit_heads` has both ends: the last event, so that a cut tail shows, and the last
//! one that [`retention`] took away. Whoever writes holds the head's row, the last of all locks and several in the
//! order of their ids, so nobody waits for another in a circle. The database's triggers refuse every other change of an
//! event. [`verification`] looks whether the chains are whole. A chain proves nothing against somebody who rewrites all
//! of it, so `keyward audit verify` prints each head's hash, to be kept elsewhere.
//!
//! # When the organization is deleted
//! The trail stays, without a foreign key: whoever may delete an organization must not be able to wipe out what was
//! done in it. No member can read it any more; the operator can export it, and retention takes it in the end.

mod action;
mod chain;
mod entry;
mod export;
mod model;
mod retention;
mod trail;
mod verification;
mod view;

pub use action::{Action, ActorKind, TargetKind};
pub use entry::{Actor, Entry, Target};
pub use export::Export;
pub use model::{AuditEvent, Filter};
pub use retention::keep_retention;
pub use trail::Trail;
pub use verification::{TrailFault, VerifiedTrail, organizations, verify};
pub use view::AuditEventView;
