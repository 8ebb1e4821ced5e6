//! A trail as JSON Lines, oldest first, batch by batch: however long it is, memory is bounded.

use super::model::{AuditEvent, Filter, Head};
use super::view::AuditEventView;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::sql::Conn;

/// How many events are in memory at once.
const BATCH: i64 = 500;

/// A reader of one trail, as it was when the reader was made: what comes later is not part of it.
#[derive(Clone, Debug)]
pub struct Export {
    organization: OrganizationId,
    filter: Filter,
    /// The last event that was read.
    position: i64,
    /// The last event of the trail.
    end: i64,
}

impl Export {
    /// A reader from the beginning on. `None`: nothing was ever recorded for the organization.
    ///
    /// # Errors
    /// Those of the database.
    pub fn start(conn: &mut Conn, organization: OrganizationId, filter: Filter) -> Result<Option<Self>, ApiError> {
        let head = Head::of(conn, organization)?;
        Ok(head.map(|head| Self { organization, filter, position: 0, end: head.sequence }))
    }

    /// The next lines; `None` after the last ones.
    ///
    /// # Errors
    /// Those of the database.
    pub fn next(&mut self, conn: &mut Conn) -> Result<Option<Vec<u8>>, ApiError> {
        if self.position >= self.end {
            return Ok(None);
        }
        let mut events = AuditEvent::batch_of(conn, self.organization, &self.filter, self.position, BATCH)?;
        let is_last = events.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        events.retain(|event| event.sequence <= self.end);
        self.position = events.last().filter(|_| !is_last).map_or(self.end, |event| event.sequence);
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, &AuditEventView::from(event)).map_err(ApiError::internal)?;
            lines.push(b'\n');
        }
        Ok(Some(lines))
    }
}
