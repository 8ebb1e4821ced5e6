//! Behind pgbouncer in transaction mode, where LISTEN can't work.

use super::node::lift_limits;
use crate::support::database::TestDatabase;
use crate::support::postgres::{Postgres, ROLE, ServerUser};
use crate::support::server::{Server, test_config_at};
use crate::support::{Tenant, environment, log, process, tests_once};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use keyward::base::ids::OrganizationId;
use keyward::base::sql::Conn;
use keyward::base::sql::schema::cluster_nodes;
use keyward::infra::db::{Db, ScopedDb};
use serde_json::json;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

tests_once![
    behind_a_pooler_nothing_is_cached_and_every_revocation_holds,
    behind_a_pooler_with_a_listen_url_keys_are_cached,
    behind_a_pooler_each_tenant_sees_its_own,
    a_pooler_that_nobody_mentioned_is_noticed,
];

const MISSING: &str = "pgbouncer is not installed (apt-get install pgbouncer, brew install pgbouncer)";

/// A pgbouncer in front of a PostgreSQL of its own.
struct Pooler {
    pooler: Child,
    directory: TempDir,
    postgres: Postgres,
}

impl Pooler {
    async fn start() -> Self {
        let start = || {
            let postgres = Postgres::private(&[]).unwrap_or_else(|reason| panic!("{reason}"));
            let url = postgres.application_url().parse().expect("a URL");
            keyward::infra::db::migrate(&url).expect("migrated");
            Self::in_front_of(postgres)
        };
        tokio::task::spawn_blocking(start).await.expect("pgbouncer runs")
    }

    fn in_front_of(postgres: Postgres) -> Self {
        let directory = TempDir::with_prefix("keyward-pgb-").expect("a directory");
        let path = directory.path().display();
        let configuration = format!(
            "[databases]\n* = host={} user={ROLE}\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n\
             unix_socket_dir = {path}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 5\n",
            postgres.socket_directory().display()
        );
        let file = directory.path().join("pgbouncer.ini");
        std::fs::write(&file, configuration).expect("written");
        // It refuses root, too.
        let user = ServerUser::owning(directory.path()).expect("a user");
        let program = ["/usr/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
        let program = program.into_iter().find(|path| Path::new(path).is_file()).expect(MISSING);
        let log = std::fs::File::create(environment::directory().join("pgbouncer.log")).expect("a file");
        let mut command = user.command(Path::new(program));
        let pooler = command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let pooler = Self { pooler: pooler.expect(MISSING), directory, postgres };
        let deadline = Instant::now() + Duration::from_secs(30);
        while UnixStream::connect(pooler.directory.path().join(".s.PGSQL.6432")).is_err() {
            assert!(Instant::now() < deadline, "pgbouncer did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        pooler
    }

    fn url(&self) -> String {
        format!("postgres://{ROLE}@/postgres?host={}&port=6432", self.directory.path().display())
    }

    fn direct(&self) -> Arc<TestDatabase> {
        Arc::new(TestDatabase::elsewhere(self.postgres.application_url().to_owned()))
    }

    fn stop(&mut self) {
        // Whatever fails, it is gone already.
        let _ = self.pooler.kill();
        let _ = self.pooler.wait();
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.stop();
    }
}

fn nodes(database: &TestDatabase) -> i64 {
    cluster_nodes::table.count().get_result(&mut database.connect()).expect("counted")
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn behind_a_pooler_nothing_is_cached_and_every_revocation_holds() {
    const WARNING: &str = "leads through a connection pooler";
    let pooler = Pooler::start().await;
    let direct = Server::on(pooler.direct(), lift_limits).await;
    let url = pooler.url().parse().expect("a URL");
    let pooled = direct
        .another(|config| {
            config.database.url = url;
            config.database.prepared_statements = false;
        })
        .await;
    until("the warning", || log::events_of(WARNING).len() == 1).await;
    until("one node", || nodes(&direct.database) == 1).await;
    let tenant = Tenant::new(&pooled).await;
    for round in 0..6 {
        let key = tenant.create_key(&tenant.owner, json!({})).await;
        for server in [&pooled, &direct, &pooled, &direct] {
            server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
        }
        let (by, other) = if round % 2 == 0 { (&direct, &pooled) } else { (&pooled, &direct) };
        by.post(&tenant.key_path(&key, "/revoke")).bearer(&tenant.owner.id_token).send().await.expect(200);
        for server in [other, by] {
            server.get("/v1/whoami").bearer(&key.plaintext).send().await.expect_error(401, "api_key_revoked");
        }
    }
    // Many at once, on few sessions that are handed around.
    let key = tenant.create_key(&tenant.owner, json!({})).await.plaintext;
    let requests = (0..100).map(|_| pooled.get("/v1/whoami").bearer(&key).send());
    for answer in futures_util::future::join_all(requests).await {
        answer.expect(200);
    }
    assert_eq!((log::events_of(WARNING).len(), nodes(&direct.database)), (1, 1));
}

async fn behind_a_pooler_with_a_listen_url_keys_are_cached() {
    let mut pooler = Pooler::start().await;
    let database = pooler.direct();
    let (url, listen_url) =
        (pooler.url().parse().expect("a URL"), pooler.postgres.application_url().parse().expect("a URL"));
    let server = Server::on(database.clone(), |config| {
        config.database.url = url;
        config.database.listen_url = Some(listen_url);
        config.database.prepared_statements = false;
        config.database.pool_timeout = Duration::from_millis(300);
    })
    .await;
    until("one node", || nodes(&database) == 1).await;
    let tenant = Tenant::new(&server).await;
    let (warm, cold) =
        (tenant.create_key(&tenant.owner, json!({})).await, tenant.create_key(&tenant.owner, json!({})).await);
    for _ in 0..3 {
        server.get("/v1/whoami").bearer(&warm.plaintext).send().await.expect(200);
    }
    pooler.stop();
    // Its session goes on, and so does its lease: it knows that nothing has changed.
    server.get("/v1/whoami").bearer(&warm.plaintext).send().await.expect(200);
    server.get("/v1/whoami").bearer(&cold.plaintext).send().await.expect_error(503, "unavailable");
}

/// Sessions are handed from tenant to tenant, and none remembers whose rows it may show.
async fn behind_a_pooler_each_tenant_sees_its_own() {
    let pooler = Pooler::start().await;
    let url = pooler.url().parse().expect("a URL");
    let server = Server::on(pooler.direct(), |config| {
        lift_limits(config);
        config.cluster.cached_keys = 0;
        config.database.url = url;
        config.database.prepared_statements = false;
    })
    .await;
    let (one, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let keys = [one.create_key(&one.owner, json!({})).await, other.create_key(&other.owner, json!({})).await];
    let tenants = [(&one, &keys[0]), (&other, &keys[1])];
    let visits = tenants.iter().cycle().take(60).map(|(tenant, key)| async {
        let members = server.get("/v1/members").bearer(&key.plaintext).send().await.expect(200);
        assert_eq!(members.text_at("/data/0/email"), tenant.owner.email);
        let owner = &tenant.owner.id_token;
        let changed = server.patch(&tenant.key_path(key, "")).bearer(owner).json(json!({ "name": "K" })).send().await;
        assert_eq!(changed.expect(200).text_at("/id"), key.id);
        let trail = server.get(&tenant.organization_path("/audit-events")).bearer(owner).send().await.expect(200);
        assert!(!trail.text_at("/data/0/id").is_empty());
    });
    futures_util::future::join_all(visits).await;
    // The command line goes through the pooler, too; its check reads on one snapshot.
    let database = TestDatabase::elsewhere(pooler.url());
    let mut check = process::command_on(&database, &["audit", "verify"]);
    check.env("KEYWARD__DATABASE__PREPARED_STATEMENTS", "false");
    let said = process::output(check).await;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.lines().filter(|line| line.contains("whole")).count(), 2, "{said}");
}

/// A pooler that follows prepared statements needs no setting of Keyward's, and hands sessions around all the same.
async fn a_pooler_that_nobody_mentioned_is_noticed() {
    let pooler = Pooler::start().await;
    for (url, is_pooled) in [(pooler.url(), true), (pooler.postgres.application_url().to_owned(), false)] {
        let look = move || {
            let config = test_config_at(url);
            let pools = [(); 2].map(|()| Db::new(&config.database));
            let seen = |db: &ScopedDb| {
                let shown = "SELECT current_setting('keyward.organization', true) AS organization, txid_current() AS transaction";
                db.read_blocking(|conn| {
                    let Conn::Postgres(conn) = conn else { panic!("not PostgreSQL") };
                    let twice = [(); 2].map(|()| diesel::sql_query(shown).get_result::<Shown>(conn));
                    let [first, second] = twice.map(|row| row.expect("a row"));
                    Ok((first.organization, first.transaction == second.transaction))
                })
            };
            for _ in 0..10 {
                for db in &pools {
                    let organization = OrganizationId::new();
                    let seen = seen(&db.for_organization(organization)).expect("a connection");
                    assert_eq!(
                        seen,
                        (organization.to_string(), is_pooled),
                        "whose rows, and whether in one transaction"
                    );
                }
            }
        };
        tokio::task::spawn_blocking(look).await.expect("no panic");
    }
}

#[derive(QueryableByName)]
struct Shown {
    #[diesel(sql_type = Text)]
    organization: String,
    #[diesel(sql_type = BigInt)]
    transaction: i64,
}
