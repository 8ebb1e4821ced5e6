//! [`PlanNames`]: the names of the configured plans, which cached keys share.

use crate::base::config::Config;
use std::collections::HashSet;
use std::sync::Arc;

/// The names of the configured plans.
///
/// A shared `String`, and not `Arc<str>`, since a cached key has eight bytes for it: a `str` takes sixteen, with which the
/// record no longer fits in 192 bytes.
#[derive(Debug)]
pub struct PlanNames(HashSet<Arc<String>>);

impl PlanNames {
    /// Those of the configuration.
    pub fn new(config: &Config) -> Self {
        Self(config.plans.keys().cloned().map(Arc::new).collect())
    }

    /// The shared name; a name of its own for a plan that is no longer configured.
    pub fn shared(&self, name: String) -> Arc<String> {
        self.0.get(&name).cloned().unwrap_or_else(|| Arc::new(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_name_is_kept_once() {
        let names = PlanNames(["free", "pro"].map(|name| Arc::new(name.to_owned())).into());
        let [one, same, other, gone] = ["pro", "pro", "free", "old"].map(|name| names.shared(name.to_owned()));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        assert_eq!([&**one, &**other, &**gone], ["pro", "free", "old"]);
    }
}
