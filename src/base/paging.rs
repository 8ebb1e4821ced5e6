//! [`Position`]: the page of a list to fetch.

/// A page to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Position<Id> {
    /// The most rows of the page.
    pub size: u16,
    /// The page starts after this id, with older rows; `None`: with the newest row.
    pub after: Option<Id>,
}

impl<Id> Position<Id> {
    /// Returns the number of rows to query: one more than the page has, which shows whether there is a next page.
    pub fn limit(&self) -> i64 {
        i64::from(self.size) + 1
    }
}
