//! What a read lends can't write: only a transaction that reads the caller's authority again may.

use crate::support::dump::{assert_unchanged, dump};
use crate::support::{Backend, Server, tests};
use diesel::prelude::*;
use keyward::base::error::ApiError;
use keyward::base::ids::UserId;
use keyward::base::sql::Conn;
use keyward::base::sql::schema::users;
use keyward::infra::db::Db;

tests![a_connection_that_is_lent_to_read_refuses_writes];

fn add_user(conn: &mut Conn) -> Result<(), ApiError> {
    let id = UserId::new();
    let row = (users::id.eq(id), users::issuer.eq("test"), users::subject.eq(id.to_string()));
    let created_at = users::created_at.eq(keyward::base::time::Clock::system().now());
    diesel::insert_into(users::table).values((row, created_at, users::email_verified.eq(false))).execute(conn)?;
    Ok(())
}

async fn a_connection_that_is_lent_to_read_refuses_writes(db: Backend) {
    let server = Server::start(db).await;
    // Without prepared statements it works as behind a pooler that shares sessions.
    for prepared_statements in [true, false] {
        let mut settings = server.config.database.clone();
        (settings.pool_size, settings.prepared_statements) = (1, prepared_statements);
        let db = Db::new(&settings).for_all_tenants();
        // Whatever the one connection did before.
        let fail = |conn: &mut Conn| add_user(conn).and_then(|()| Err::<(), _>(ApiError::not_found()));
        for prepare in 0..3 {
            match prepare {
                0 => {}
                1 => db.write_blocking(add_user).expect("a write"),
                _ => _ = db.write_blocking(fail).expect_err("it fails"),
            }
            let before = dump(&server.database);
            let written = db.read_blocking(add_user);
            assert!(written.is_err(), "{prepared_statements} {prepare}: a read wrote");
            let written = db.read_blocking(|conn| conn.transaction(add_user));
            assert!(written.is_err(), "{prepared_statements} {prepare}: a read's transaction wrote");
            let written = db.session_blocking(|session| session.snapshot(add_user));
            assert!(written.is_err(), "{prepared_statements} {prepare}: a snapshot wrote");
            assert_unchanged(&before, &server.database);
        }
    }
}
