//! The first start makes the signing key; the later ones open it.

use crate::support::database::TestDatabase;
use crate::support::node::Node;
use crate::support::server::test_config;
use crate::support::{Backend, environment, tests};
use diesel::connection::SimpleConnection;
use keyward::base::config::Config;
use keyward::base::time::Clock;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

tests![
    nodes_that_start_at_once_on_an_empty_database_share_one_key,
    another_master_secret_stops_the_start_and_says_so,
    the_master_secrets_file_is_made_and_others_may_not_read_it,
];

fn empty(db: Backend) -> TestDatabase {
    let database = TestDatabase::empty(db);
    keyward::infra::db::migrate(&database.url()).expect("migrations run");
    database
}

async fn start(config: Config) -> Result<Node, String> {
    tokio::task::spawn_blocking(|| Node::start(config, Clock::system())).await.expect("starting does not panic")
}

async fn published(node: &Node) -> serde_json::Value {
    let url = format!("http://{}/.well-known/jwks.json", node.address());
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).pool_max_idle_per_host(0).build();
    let request = client.expect("a client").get(url).header("connection", "close");
    request.send().await.expect("an answer").json().await.expect("JSON")
}

async fn nodes_that_start_at_once_on_an_empty_database_share_one_key(db: Backend) {
    let database = empty(db);
    // Each finds no key, makes one, and can't store it before all others have got as far.
    let mut blocker = database.connect();
    let lock = match db {
        Backend::Sqlite => "BEGIN IMMEDIATE",
        Backend::Postgres => "BEGIN; LOCK TABLE signing_keys IN EXCLUSIVE MODE",
    };
    blocker.batch_execute(lock).expect("a lock");
    let starts: Vec<_> = (0..3).map(|_| tokio::spawn(start(test_config(&database)))).collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    blocker.batch_execute("ROLLBACK").expect("no lock");
    let mut sets = Vec::new();
    for node in futures_util::future::join_all(starts).await {
        sets.push(published(&node.expect("no panic").expect("it starts")).await);
    }
    assert_eq!(sets[0]["keys"].as_array().map(Vec::len), Some(1));
    assert!(sets.iter().all(|set| set == &sets[0]));
}

async fn another_master_secret_stops_the_start_and_says_so(db: Backend) {
    let database = empty(db);
    drop(start(test_config(&database)).await.expect("the first start"));
    let mut config = test_config(&database);
    config.identity.master_secret = Some(["ab".repeat(32).as_str()].into());
    let reason = start(config).await.err().expect("it does not start");
    assert!(reason.contains("another master secret") && reason.contains("all nodes"), "{reason}");
    assert!(!reason.contains("abab"));
    drop(start(test_config(&database)).await.expect("the right one still opens it"));
}

async fn the_master_secrets_file_is_made_and_others_may_not_read_it(db: Backend) {
    let database = empty(db);
    let directory = tempfile::tempdir_in(environment::directory()).expect("a directory");
    let path = directory.path().join("new/master.key");
    let mut config = test_config(&database);
    config.identity.master_secret = None;
    config.identity.master_secret_file = path.clone();
    drop(start(config.clone()).await.expect("the first start"));
    assert_eq!(std::fs::metadata(&path).expect("the file").mode() & 0o7777, 0o600);
    drop(start(config.clone()).await.expect("the second start"));
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("chmod");
    let reason = start(config).await.err().expect("it does not start");
    assert!(reason.contains("chmod 600"), "{reason}");
}
