//! [`Position`]: which page of a list to fetch.

/// A page to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Position<Id> {
    /// How many rows the page has at most.
    pub size: u16,
    /// The id that the rows come after (older), or from the newest on.
    pub after: Option<Id>,
}

impl<Id> Position<Id> {
    /// How many rows to ask the database for: one more than the page, which tells whether there is a next one.
    pub fn limit(&self) -> i64 {
        i64::from(self.size) + 1
    }
}
