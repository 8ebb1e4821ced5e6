//! Routes whose handler reads no body. Their writes wait for a lock that a change of access holds, and see the change.
//!
//! On PostgreSQL only: on SQLite a writer has the whole database, so there is no wait within a transaction.

use super::super::callers::{Caller, Who};
use super::super::failures::Failures;
use super::super::table::{self, Body, Row, Target};
use super::people::Holder;
use super::scene::{Scene, server};
use crate::support::dump::dump;
use crate::support::{Backend, tests_once};
use diesel::connection::SimpleConnection;
use serde_json::json;
use std::time::{Duration, Instant};

tests_once![a_write_that_waits_for_a_change_of_access_sees_it];

/// The longest wait for a write that waits for a lock.
const LIMIT: Duration = Duration::from_secs(20);

/// The rows of writing routes that read no body.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    table::ROWS.iter().filter(|row| matches!(row.body, Body::Nothing) && !row.operation.starts_with("GET "))
}

/// A change of access as the database sees it: the locks that all changes of its kind take, what it does, and what
/// undoes it.
struct Change {
    lock: String,
    take: String,
    give_back: String,
    status: u16,
    code: &'static str,
}

impl Change {
    fn of(scene: &Scene<'_>, who: Who, holder: &Holder) -> Self {
        let user = &holder.person.user_id;
        let organization = &scene.world.acme.organization_id;
        let set_role = |table: &str, role: &str| format!("UPDATE {table} SET role = '{role}' WHERE user_id = '{user}'");
        let of_members = |table: &str, before: &str, after: &str| Self {
            lock: format!("SELECT 1 FROM organizations WHERE id = '{organization}' FOR UPDATE"),
            take: set_role(table, after),
            give_back: set_role(table, before),
            status: 403,
            code: "insufficient_permission",
        };
        match who {
            Who::OrganizationOwner => of_members("organization_members", "owner", "member"),
            Who::OrganizationAdmin => of_members("organization_members", "admin", "member"),
            Who::WorkspaceEditor => of_members("workspace_members", "editor", "viewer"),
            Who::WorkspaceAdmin | Who::PresentedKeyOwner => of_members("workspace_members", "admin", "viewer"),
            Who::SignedIn => Self {
                lock: format!(
                    "SELECT 1 FROM accounts WHERE id = (SELECT subject FROM users WHERE id = '{user}') FOR UPDATE"
                ),
                take: format!("UPDATE users SET disabled_at = created_at WHERE id = '{user}'"),
                give_back: format!("UPDATE users SET disabled_at = NULL WHERE id = '{user}'"),
                status: 401,
                code: "invalid_id_token",
            },
            _ => {
                let key = &holder.key.as_ref().expect("a key").id;
                let (take, give_back, code) = match who {
                    Who::KeyItself => (
                        format!("UPDATE api_key_secrets SET valid_until = '2020-01-01' WHERE api_key_id = '{key}'"),
                        format!("UPDATE api_key_secrets SET valid_until = NULL WHERE api_key_id = '{key}'"),
                        "invalid_api_key",
                    ),
                    _ => (
                        format!("UPDATE api_keys SET disabled_at = created_at WHERE id = '{key}'"),
                        format!("UPDATE api_keys SET disabled_at = NULL WHERE id = '{key}'"),
                        "api_key_disabled",
                    ),
                };
                let lock = format!("SELECT 1 FROM api_keys WHERE id = '{key}' FOR UPDATE");
                Self { lock, take, give_back, status: 401, code }
            }
        }
    }
}

async fn a_write_that_waits_for_a_change_of_access_sees_it() {
    let server = server(Backend::Postgres, |_| {}).await;
    let scene = Scene::of(&server).await;
    let mut failures = Failures::default();
    // A resent invitation needs a mail server.
    for row in rows().filter(|row| !row.operation.ends_with("/resend")) {
        let holder = match row.who {
            Who::KeyItself => scene.with_key(Who::WorkspaceAdmin, json!({})).await,
            who => scene.holder(who, None).await,
        };
        let targets = match row.target {
            // The holder is no member of a new organization or workspace.
            Target::CallersKey | Target::Organization | Target::Workspace => scene.world.standing(Target::Standing),
            target => scene.world.fresh(target, Who::SomeonesKey, Caller::WorkspaceAdmin).await,
        };
        let change = Change::of(&scene, row.who, &holder);
        // What the change leaves, without a request.
        let mut other = server.database.connect_as_superuser();
        other.batch_execute(&format!("{WITHOUT_AUDIT}; {}", change.take)).expect("a change of access");
        let changed = dump(&server.database);
        other.batch_execute(&change.give_back).expect("the access of before");
        other.batch_execute(&format!("BEGIN; {}; {}", change.lock, change.take)).expect("a change of access");
        let request = scene.call(row, &holder, &targets).send(&server, row.operation);
        let waits = async {
            let deadline = Instant::now() + LIMIT;
            while server.database.texts(WAITING).concat() == "0" {
                assert!(Instant::now() < deadline, "{}: its write waits for no lock", row.operation);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            other.batch_execute("COMMIT").expect("the change's commit");
        };
        let (reply, ()) = tokio::join!(request, waits);
        failures.cell(reply.unless_error(change.status, change.code));
        failures.unless_unchanged(row.operation, &changed, &dump(&server.database));
    }
    failures.conclude(15);
}

/// The suite's trigger demands an event of each change.
const WITHOUT_AUDIT: &str = "SET session_replication_role = replica";

const WAITING: &str = "SELECT count(*)::text AS text FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";
