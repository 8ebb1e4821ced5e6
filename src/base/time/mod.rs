//! Time: the only clock, and the instant in rows and on the wire.

mod clock;
mod timestamp;

pub(crate) use clock::nanoseconds;
pub use clock::{Clock, Moment};
pub use timestamp::Timestamp;
