//! Time: the only clock, and the instant as rows and the wire know it.

mod clock;
mod timestamp;

pub(crate) use clock::nanoseconds;
pub use clock::{Clock, Moment};
pub use timestamp::Timestamp;
