//! The built-in provider's writes wait for a change of the account, and see it. On PostgreSQL: on SQLite no transaction
//! waits within itself.

use crate::support::dump::dump;
use crate::support::tenant::User;
use crate::support::until::until;
use crate::support::{Backend, Server, tests_once};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

tests_once![a_write_that_waits_for_a_disabled_account_is_refused];

const WAITING: &str = "SELECT count(*)::text AS text FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// A path, and its body for a person.
type Row = (&'static str, fn(&User) -> Value);

async fn a_write_that_waits_for_a_disabled_account_is_refused() {
    let server = Server::start(Backend::Postgres).await;
    let rows: [Row; 4] = [
        (
            "/securetoken.googleapis.com/v1/token",
            |user| json!({ "grant_type": "refresh_token", "refresh_token": user.refresh_token }),
        ),
        (
            "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword",
            |user| json!({ "email": user.email, "password": user.password, "returnSecureToken": true }),
        ),
        (
            "/identitytoolkit.googleapis.com/v1/accounts:update",
            |user| json!({ "idToken": user.id_token, "displayName": "Ada" }),
        ),
        ("/identitytoolkit.googleapis.com/v1/accounts:delete", |user| json!({ "idToken": user.id_token })),
    ];
    for (path, body) in rows {
        let user = User::sign_up(&server).await;
        let disable = format!("UPDATE accounts SET disabled_at = created_at WHERE id = '{}'", user.local_id);
        server.database.execute(&disable);
        let disabled = dump(&server.database);
        server.database.execute(&format!("UPDATE accounts SET disabled_at = NULL WHERE id = '{}'", user.local_id));
        let mut other = server.database.connect();
        other.batch_execute(&format!("BEGIN; {disable}")).expect("a change of the account");
        let request = server.post(&format!("{path}?key=test")).json(body(&user)).send();
        let change = async {
            until("its write waits for the lock", async || server.database.texts(WAITING).concat() != "0").await;
            other.batch_execute("COMMIT").expect("the change's commit");
        };
        let (answer, ()) = tokio::join!(request, change);
        assert!(
            answer.status == 400 && answer.text.contains("USER_DISABLED"),
            "{path}: {} {}",
            answer.status,
            answer.text
        );
        assert_eq!(dump(&server.database), disabled, "{path}");
    }
}
