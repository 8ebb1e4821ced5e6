//! A matrix reports all of its bad cells, not the first one.

use std::collections::BTreeMap;

/// The most cells that are shown.
const SHOWN: usize = 60;

/// What was wrong, and how much was looked at.
#[derive(Default)]
pub struct Failures {
    found: Vec<String>,
    cells: usize,
}

impl Failures {
    /// One cell was looked at.
    pub fn cell(&mut self, fault: Option<String>) {
        self.cells += 1;
        self.found.extend(fault);
    }

    /// Something beyond the single cells was wrong.
    pub fn add(&mut self, fault: String) {
        self.found.push(fault);
    }

    /// The requests of `what` were refused, so the database must be what it was.
    pub fn unless_unchanged(
        &mut self,
        what: &str,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
    ) {
        let changed: Vec<&str> =
            before.keys().filter(|table| before.get(*table) != after.get(*table)).map(String::as_str).collect();
        if !changed.is_empty() {
            self.add(format!("{what}: refused requests changed {}", changed.join(", ")));
        }
    }

    /// Fails with the whole list, and if fewer cells were looked at than the matrix is known to have.
    #[track_caller]
    pub fn conclude(self, least: usize) {
        let Self { found, cells } = self;
        let shown = found.iter().take(SHOWN).map(|fault| format!("\n  {fault}")).collect::<String>();
        let rest = found.len().saturating_sub(SHOWN);
        assert!(found.is_empty(), "{} of {cells} cells are wrong:{shown}\n  and {rest} more", found.len());
        assert!(cells >= least, "only {cells} cells, where {least} were expected: something is not covered any more");
    }
}
