//! Export of a trail as JSON Lines, oldest first, in batches: memory is bounded for a trail of any length.

use super::model::{AuditEvent, Filter, Head};
use super::view::AuditEventView;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::sql::Conn;

/// How many events are in memory at once.
const BATCH: i64 = 500;

/// A reader of one trail. Events after the reader's creation are not part of the export.
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
    /// Starts before the first event. Returns `None` for an organization without a trail.
    ///
    /// # Errors
    /// Those of the database.
    pub fn start(conn: &mut Conn, organization: OrganizationId, filter: Filter) -> Result<Option<Self>, ApiError> {
        let head = Head::of(conn, organization)?;
        Ok(head.map(|head| Self { organization, filter, position: 0, end: head.sequence }))
    }

    /// Returns the next batch of lines; `None` after the last batch.
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
