//! [`PlanName`]: an interned plan name.

use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

/// A plan's name in eight bytes. Equal names share one place in memory.
///
/// Names are never freed: the operator configures a few of them for the life of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PlanName(&'static String);

static KNOWN: Mutex<Option<HashSet<&'static String>>> = Mutex::new(None);

impl From<String> for PlanName {
    /// Cost: one short lock and one lookup; an allocation for a new name.
    fn from(name: String) -> Self {
        // No code can panic while it holds the lock.
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_default();
        Self(known.get(&name).copied().unwrap_or_else(|| {
            let name: &'static String = Box::leak(Box::new(name));
            known.insert(name);
            name
        }))
    }
}

impl Deref for PlanName {
    type Target = str;

    fn deref(&self) -> &str {
        self.0
    }
}

impl fmt::Debug for PlanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once() {
        let [one, same, other] = ["pro", "pro", "free"].map(|name| PlanName::from(name.to_owned()));
        assert!(std::ptr::eq(one.0, same.0) && one == same && one != other);
        assert_eq!((&*one, &*other), ("pro", "free"));
    }
}
