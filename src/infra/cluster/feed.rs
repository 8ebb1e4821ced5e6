//! [`Feed`]: the connection on which a node receives the changes of other nodes.

use super::announcements::{self, CHANGES, LOG_LENGTH};
use super::{Cluster, nodes};
use crate::base::ids::{ChangeId, NodeId};
use crate::base::sql::schema::access_changes;
use crate::base::sql::{Conn, DatabaseUrl};
use crate::infra::db::{Manager, pooler};
use diesel::connection::SimpleConnection;
use diesel::dsl::max;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

/// The channel on PostgreSQL on which nodes acknowledge changes.
const ACKNOWLEDGEMENTS: &str = "keyward_acknowledgements";

/// The connection, and the position up to which it has been read.
pub(super) struct Feed {
    pub(super) conn: Conn,
    /// SQLite's count of other connections' commits, and the last change read from the log.
    position: (i64, i64),
}

/// Why there is no feed.
#[derive(Debug)]
pub(super) enum Unavailable {
    /// A connection pooler stands between, which takes the session away after each statement.
    Pooled,
    /// The database is unavailable, or a statement failed.
    Failed(String),
}

impl From<diesel::result::Error> for Unavailable {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Feed {
    /// Opens the session and listens. Earlier changes are not in the feed.
    pub(super) fn open(url: &DatabaseUrl, node: NodeId) -> Result<Self, Unavailable> {
        let opened = Manager::new(address(url, node)).open();
        let mut conn = opened.map_err(|error| match pooler::refuses_names(&error) {
            true => Unavailable::Pooled,
            false => Unavailable::Failed(error.to_string()),
        })?;
        let mut position = (0, 0);
        match &mut conn {
            Conn::Postgres(postgres) => {
                if !pooler::has_name(postgres, &node.text())? {
                    return Err(Unavailable::Pooled);
                }
                // A beat that a crash loses was seen by no node, so the loss does no harm. This saves a write to disk
                // for each beat.
                postgres.batch_execute(&format!(
                    "SET synchronous_commit = off; LISTEN {CHANGES}; LISTEN {ACKNOWLEDGEMENTS}"
                ))?;
            }
            Conn::Sqlite(sqlite) => {
                // For the same reason. In WAL mode such a commit is visible to all, and waits for no disk.
                sqlite.batch_execute("PRAGMA synchronous = NORMAL")?;
                position.0 = data_version(sqlite)?;
                let last: Option<i64> = access_changes::table.select(max(access_changes::id)).first(&mut conn)?;
                position.1 = last.unwrap_or(0);
            }
        }
        Ok(Self { conn, position })
    }

    /// Applies the changes that have arrived, and acknowledges them.
    pub(super) fn hear(&mut self, cluster: &Cluster) -> QueryResult<()> {
        match &mut self.conn {
            Conn::Postgres(postgres) => hear_postgres(postgres, cluster),
            Conn::Sqlite(sqlite) => {
                let version = data_version(sqlite)?;
                if version != self.position.0 {
                    self.position.1 = read_log(&mut self.conn, self.position.1, cluster)?;
                    // Set after reading: if that fails, the next call must read again.
                    self.position.0 = version;
                }
                Ok(())
            }
        }
    }
}

/// Handles the notifications that have arrived. Cost of each call: a `recv` that does not block.
fn hear_postgres(conn: &mut PgConnection, cluster: &Cluster) -> QueryResult<()> {
    let mut heard = Vec::new();
    for notification in conn.notifications_iter() {
        let notification = notification?;
        match notification.channel.as_str() {
            CHANGES => heard.extend(hear_change(&notification.payload, cluster)),
            _ => hear_acknowledgement(&notification.payload, cluster),
        }
    }
    // So many ids fit in one notification.
    for changes in heard.chunks(200) {
        let ids: Vec<String> = changes.iter().map(ChangeId::to_string).collect();
        nodes::notify(conn, ACKNOWLEDGEMENTS, &format!("{} {}", cluster.node, ids.join(" ")))?;
    }
    Ok(())
}

/// Applies one change. Returns its id if another process waits for an acknowledgement.
fn hear_change(payload: &str, cluster: &Cluster) -> Option<ChangeId> {
    let mut parts = payload.splitn(3, ' ');
    let (Some(change), Some(from), Some(groups)) = (parts.next(), parts.next(), parts.next()) else {
        tracing::warn!("a notification that no Keyward sent: forgetting all that is cached");
        cluster.generations.advance_all();
        return None;
    };
    // This node's own changes were applied when they were committed.
    if *from == *cluster.node.text() {
        return None;
    }
    announcements::apply(groups, &cluster.generations);
    change.parse().ok()
}

fn hear_acknowledgement(payload: &str, cluster: &Cluster) {
    let mut parts = payload.split(' ');
    let Some(node) = parts.next().and_then(|node| node.parse().ok()) else { return };
    for change in parts.filter_map(|change| change.parse().ok()) {
        cluster.acknowledgements.take(change, node);
    }
}

/// Returns the URL for this node's session. Its time-out ends a wait in a partition, which would otherwise take a
/// quarter of an hour.
fn address(url: &DatabaseUrl, node: NodeId) -> DatabaseUrl {
    match pooler::with_session_name(url, &node.text()) {
        DatabaseUrl::Postgres(named) if !named.contains("tcp_user_timeout") => {
            DatabaseUrl::Postgres(named + "&tcp_user_timeout=5000")
        }
        other => other,
    }
}

#[derive(QueryableByName)]
struct DataVersion {
    #[diesel(sql_type = BigInt)]
    data_version: i64,
}

/// Returns a number that changes with each commit of another connection, in this process or another.
fn data_version(conn: &mut SqliteConnection) -> QueryResult<i64> {
    let row: DataVersion = diesel::sql_query("PRAGMA data_version").get_result(conn)?;
    Ok(row.data_version)
}

/// Applies the log's changes after `last`, and returns the number of the last one.
fn read_log(conn: &mut Conn, last: i64, cluster: &Cluster) -> QueryResult<i64> {
    let rows: Vec<(i64, String)> = access_changes::table
        .filter(access_changes::id.gt(last))
        .order(access_changes::id)
        .limit(LOG_LENGTH + 1)
        .select((access_changes::id, access_changes::touched))
        .load(conn)?;
    let Some((newest, _)) = rows.last() else { return Ok(last) };
    // Numbers have no gaps, so a gap means that older rows were deleted.
    if rows.first().is_some_and(|(first, _)| *first != last + 1) {
        cluster.generations.advance_all();
    }
    rows.iter().for_each(|(_, groups)| announcements::apply(groups, &cluster.generations));
    Ok(*newest)
}
