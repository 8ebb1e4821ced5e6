//! The audit trail: who changed whose access, when and from where. One [`AuditEvent`] for each change, written in the
//! change's own transaction.
//!
//! # How an event is written
//! All changes of access run in `ScopedStore::change_access`, and have its `AccessChange`. Only an `AccessChange`
//! announces a change to the other nodes, and an announcement takes an [`Entry`]. So an unrecorded change has no effect
//! on other nodes, and a function that records nothing has an unused parameter, which the lint refuses. Changes that
//! take no access away, such as a new key, are recorded there too (`AccessChange::audit_only`). At the end of the
//! transaction, [`Trail`] adds the actor and the request, and writes the events. `tests/suite/audit/` has a table of
//! all routes and commands that write.
//!
//! # The chain
//! Each organization has its own chain ([`chain`]). An event's hash covers the hash before it, so that a changed,
//! missing or swapped event shows. `audit_heads` has both ends: the last event, so that a cut tail shows, and the last
//! event that [`retention`] deleted. A writer locks the head's row. This is the last lock of its transaction, and
//! several heads are locked in the order of their ids, so no deadlock arises. The database's triggers refuse all other
//! changes of events. [`verification`] checks the chains. A chain that was rewritten as a whole passes this check, so
//! `keyward audit verify` prints each head's hash, for storage elsewhere.
//!
//! # When the organization is deleted
//! The trail stays, without a foreign key: a member who may delete an organization must not be able to delete its
//! history. No member can read the trail any more. The operator can export it, and retention deletes it in the end.

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
