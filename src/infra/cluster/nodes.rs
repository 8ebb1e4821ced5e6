//! Rows of `cluster_nodes`, and notifications between nodes on PostgreSQL.

use crate::base::ids::NodeId;
use crate::base::sql::schema::cluster_nodes as nodes;
use crate::base::sql::{Conn, each};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::collections::HashMap;
use std::time::Duration;

/// Writes this node's row, so that changes wait for this node. A second call changes nothing.
///
/// Unlike a beat, the row must outlive a crash of PostgreSQL: otherwise a node whose listener has not noticed the crash
/// yet would wait for no other node.
pub(super) fn join(conn: &mut Conn, node: NodeId) -> QueryResult<()> {
    let row = (nodes::id.eq(node), nodes::beat.eq(0_i64));
    conn.transaction(|conn| {
        if let Conn::Postgres(postgres) = conn {
            postgres.batch_execute("SET LOCAL synchronous_commit TO DEFAULT")?;
        }
        each!(conn, |native| diesel::insert_into(nodes::table).values(row).on_conflict_do_nothing().execute(native))?;
        Ok(())
    })
}

/// Deletes this node's row. Must be called only after its lease has ended.
pub(super) fn leave(conn: &mut Conn, node: NodeId) -> QueryResult<()> {
    diesel::delete(nodes::table.find(node)).execute(conn)?;
    Ok(())
}

/// Shows that this node is alive. Returns `false` if its row is gone.
pub(super) fn beat(conn: &mut Conn, node: NodeId) -> QueryResult<bool> {
    let beaten = diesel::update(nodes::table.find(node)).set(nodes::beat.eq(nodes::beat + 1)).execute(conn)?;
    Ok(beaten == 1)
}

/// Returns all nodes with their beats.
pub(super) fn all(conn: &mut Conn) -> QueryResult<Vec<(NodeId, i64)>> {
    nodes::table.select((nodes::id, nodes::beat)).load(conn)
}

/// Returns the nodes that a change must wait for.
pub(super) fn others(conn: &mut Conn, own: Option<NodeId>) -> QueryResult<Vec<NodeId>> {
    let all: Vec<NodeId> = nodes::table.select(nodes::id).load(conn)?;
    Ok(all.into_iter().filter(|node| Some(*node) != own).collect())
}

/// Sends a notification on a channel: at the commit, inside a transaction.
pub(super) fn notify(conn: &mut PgConnection, channel: &str, text: &str) -> QueryResult<()> {
    diesel::sql_query("SELECT pg_notify($1, $2)").bind::<Text, _>(channel).bind::<Text, _>(text).execute(conn)?;
    Ok(())
}

/// The last change of each other node's beat, by this node's own clock.
#[derive(Debug, Default)]
pub(super) struct Observations {
    seen: HashMap<NodeId, (i64, Duration)>,
}

impl Observations {
    /// Returns the dead nodes among these rows: those without a new beat for longer than `max_silence`.
    pub(super) fn dead(
        &mut self,
        others: &[(NodeId, i64)],
        now: Duration,
        max_silence: Duration,
    ) -> Vec<(NodeId, i64)> {
        self.seen.retain(|node, _| others.iter().any(|(other, _)| other == node));
        let mut dead = Vec::new();
        for (node, beat) in others {
            let seen = self.seen.entry(*node).or_insert((*beat, now));
            if seen.0 != *beat {
                *seen = (*beat, now);
            } else if now.saturating_sub(seen.1) > max_silence {
                dead.push((*node, *beat));
            }
        }
        dead
    }
}

/// Deletes a dead node's row, unless it has a new beat. Returns whether it was deleted.
pub(super) fn remove_dead(conn: &mut Conn, (node, beat): (NodeId, i64)) -> QueryResult<bool> {
    let same = nodes::id.eq(node).and(nodes::beat.eq(beat));
    Ok(diesel::delete(nodes::table.filter(same)).execute(conn)? == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_node_whose_beat_stands_still_is_dead() {
        let (idle, lively) = (NodeId::new(), NodeId::new());
        let (mut observed, max_silence) = (Observations::default(), Duration::from_secs(2));
        let mut look =
            |second: u64, beats: &[(NodeId, i64)]| observed.dead(beats, Duration::from_secs(second), max_silence);
        assert!(look(1, &[(idle, 7), (lively, 1)]).is_empty());
        assert!(look(3, &[(idle, 7), (lively, 2)]).is_empty());
        assert_eq!(look(4, &[(idle, 7), (lively, 3)]), [(idle, 7)]);
        assert!(look(9, &[(lively, 4)]).is_empty());
        assert!(look(10, &[(idle, 7), (lively, 5)]).is_empty(), "seen anew, it has its time again");
    }
}
