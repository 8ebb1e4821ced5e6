//! [`Sharded`]: counters that threads do not fight over.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number for each thread, in the order of their first count.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.get().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        NUMBER.set(Some(number));
        number
    })
}

/// One `T` for each of the threads that count; a scrape adds them up.
///
/// Why: a counter that two cores write moves between their caches, some 50 ns each time. One's own costs 1 to 5 ns.
#[derive(Debug)]
pub(super) struct Sharded<T>(Box<[T]>);

impl<T> Sharded<T> {
    /// For about as many threads; more may come, and share.
    pub(super) fn new(threads: usize, make: impl Fn() -> T) -> Self {
        Self((0..threads.clamp(1, 64)).map(|_| make()).collect())
    }

    /// This thread's.
    pub(super) fn mine(&self) -> Option<&T> {
        self.0.get(thread_number() % self.0.len())
    }

    /// The sum over all of them.
    pub(super) fn sum(&self, value: impl Fn(&T) -> u64) -> u64 {
        self.0.iter().map(value).fold(0, u64::wrapping_add)
    }
}
