//! Verification of the chains.

use super::chain;
use super::model::{AuditEvent, Filter, Head};
use crate::base::error::ApiError;
use crate::base::error::Code;
use crate::base::ids::OrganizationId;
use crate::base::sql::Conn;
use crate::base::sql::schema::{audit_events, audit_heads};
use crate::infra::db::DatabaseSession;
use data_encoding::HEXLOWER;
use diesel::prelude::*;
use std::collections::BTreeSet;
use std::fmt;

/// How many events are in memory at once.
const BATCH: i64 = 1_000;

/// A chain without a fault.
#[derive(Debug)]
pub struct VerifiedTrail {
    /// How many events there are, without those that retention deleted.
    pub events: i64,
    /// The sequence of the last event.
    pub sequence: i64,
    /// The last event's hash in hex. Stored elsewhere, it proves later that the chain was not rewritten.
    pub hash: String,
}

/// The first fault of a chain.
#[derive(Debug, PartialEq, Eq)]
pub enum TrailFault {
    /// The event was changed, or does not follow the one before it.
    Changed(String, i64),
    /// The event with this sequence can't be read: a column has an invalid value.
    Unreadable(i64),
    /// There is no event with this sequence, but a later one.
    Missing(i64),
    /// The last events are missing, up to this sequence of the head.
    Cut(i64),
    /// The last event differs from the head.
    OtherHead(String, i64),
    /// There are events, but no head.
    NoHead,
}

impl fmt::Display for TrailFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(id, sequence) => {
                write!(f, "event {id} (sequence {sequence}) was changed, or does not follow the one before it")
            }
            Self::Unreadable(sequence) => write!(f, "the event with sequence {sequence} was changed: it can't be read"),
            Self::Missing(sequence) => write!(f, "the event with sequence {sequence} is missing"),
            Self::Cut(sequence) => write!(f, "the trail's end is missing: it went on to sequence {sequence}"),
            Self::OtherHead(id, sequence) => {
                write!(f, "event {id} (sequence {sequence}) is not the one that the trail ended with")
            }
            Self::NoHead => write!(f, "the trail's head is missing"),
        }
    }
}

/// Returns all organizations with a trail, deleted organizations too.
///
/// # Errors
/// Those of the database.
pub fn organizations(conn: &mut Conn) -> Result<BTreeSet<OrganizationId>, ApiError> {
    let mut all: BTreeSet<OrganizationId> =
        audit_heads::table.select(audit_heads::organization_id).load(conn)?.into_iter().collect();
    all.extend(audit_events::table.select(audit_events::organization_id).distinct().load::<OrganizationId>(conn)?);
    Ok(all)
}

/// Computes all hashes of a chain again, in batches, on one snapshot of the database: writers neither wait nor disturb.
///
/// # Errors
/// Those of the database.
pub fn verify(
    session: &mut DatabaseSession<'_>,
    organization: OrganizationId,
) -> Result<Result<VerifiedTrail, TrailFault>, ApiError> {
    session.snapshot(|conn| walk(conn, organization))
}

fn walk(conn: &mut Conn, organization: OrganizationId) -> Result<Result<VerifiedTrail, TrailFault>, ApiError> {
    let Some(head) = Head::of(conn, organization)? else { return Ok(Err(TrailFault::NoHead)) };
    let (mut sequence, mut hash) = (head.pruned_sequence, head.pruned_hash);
    let mut last = None;
    loop {
        let events = match AuditEvent::batch_of(conn, organization, &Filter::default(), sequence, BATCH) {
            Err(error) if error.code == Code::Internal => return unreadable(conn, organization, sequence).map(Err),
            events => events?,
        };
        if events.is_empty() {
            break;
        }
        for event in events {
            if event.sequence != sequence + 1 {
                return Ok(Err(TrailFault::Missing(sequence + 1)));
            }
            if chain::hash(&hash, &event) != event.hash {
                return Ok(Err(TrailFault::Changed(event.id, event.sequence)));
            }
            (sequence, hash, last) = (event.sequence, event.hash, Some(event.id));
        }
    }
    if sequence < head.sequence {
        return Ok(Err(TrailFault::Cut(head.sequence)));
    }
    match last {
        Some(id) if (sequence, &hash) != (head.sequence, &head.hash) => Ok(Err(TrailFault::OtherHead(id, sequence))),
        _ => Ok(Ok(VerifiedTrail { events: sequence - head.pruned_sequence, sequence, hash: HEXLOWER.encode(&hash) })),
    }
}

/// Finds the unreadable event after this sequence, by reading one event at a time.
fn unreadable(conn: &mut Conn, organization: OrganizationId, mut sequence: i64) -> Result<TrailFault, ApiError> {
    loop {
        match AuditEvent::batch_of(conn, organization, &Filter::default(), sequence, 1) {
            Ok(events) => match events.last() {
                Some(event) => sequence = event.sequence,
                None => return Err(ApiError::internal("a batch of events can't be read, and each of them can")),
            },
            Err(error) if error.code == Code::Internal => return Ok(TrailFault::Unreadable(sequence + 1)),
            Err(error) => return Err(error),
        }
    }
}
