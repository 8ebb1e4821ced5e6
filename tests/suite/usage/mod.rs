//! How many requests came with each key: what counts, that nothing is lost, and who reads it.

mod counting;
mod reading;
mod unused;
mod writing;

use crate::support::harness::Test;
use crate::support::http::{Answer, Api};
use crate::support::tenant::Key;
use crate::support::{Server, Tenant};
use keyward::base::config::Config;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    [counting::tests(), reading::tests(), unused::tests(), writing::tests()].into_iter().flatten().collect()
}

const HOUR: Duration = Duration::from_secs(3_600);

/// Limits that no test reaches.
fn lift_limits(config: &mut Config) {
    for plan in config.plans.values_mut() {
        (plan.max_active_keys, plan.requests_per_minute, plan.burst) = (1_000, 1_000_000, 1_000_000);
    }
}

/// Moves the clock to some minutes after a full hour, so that none ends while the test runs.
fn begin_an_hour(server: &Server) {
    let into_hour = server.clock.now().millis().rem_euclid(3_600_000);
    let wait = 3_600_000 - into_hour + 120_000;
    server.clock.advance(Duration::from_millis(wait.try_into().expect("less than two hours")));
}

/// Admitted, limited, refused.
type Counts = [u64; 3];

/// The usage of a key, as its owner sees it at this node.
async fn of_key(node: &Api, tenant: &Tenant<'_>, key: &Key, query: &str) -> Answer {
    let path = tenant.key_path(key, &format!("/usage{query}"));
    node.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200)
}

/// The usage of the workspace, as its owner sees it at this node.
async fn of_workspace(node: &Api, tenant: &Tenant<'_>, query: &str) -> Answer {
    let path = tenant.workspace_path(&format!("/usage{query}"));
    node.get(&path).bearer(&tenant.owner.id_token).send().await.expect(200)
}

/// Each bucket's counts, with its start.
fn buckets(usage: &Answer) -> Vec<(String, Counts)> {
    let bucket = |bucket: &serde_json::Value| {
        let counts = ["admitted", "limited", "refused"].map(|name| bucket[name].as_u64().expect("a count"));
        (bucket["start"].as_str().expect("a time").to_owned(), counts)
    };
    usage["data"].as_array().expect("buckets").iter().map(bucket).collect()
}

/// All buckets together.
fn sum(usage: &Answer) -> Counts {
    buckets(usage).iter().fold([0; 3], |sum, (_, counts)| [0, 1, 2].map(|place| sum[place] + counts[place]))
}

/// What is in the database of a key, hour by hour.
fn written(api: &Api, key: &Key) -> Vec<Counts> {
    let text = "CAST(admitted AS TEXT) || ' ' || CAST(limited AS TEXT) || ' ' || CAST(refused AS TEXT)";
    let rows = format!("SELECT {text} AS text FROM api_key_usage WHERE api_key_id = '{}' ORDER BY hour", key.id);
    let counts = |row: String| {
        let numbers: Vec<u64> = row.split(' ').map(|number| number.parse().expect("a number")).collect();
        numbers.try_into().expect("three counts")
    };
    api.database.texts(&rows).into_iter().map(counts).collect()
}

/// So many requests that the key may make, one after another.
async fn use_key(api: &Api, key: &Key, times: usize) {
    for _ in 0..times {
        api.get("/v1/whoami").bearer(&key.plaintext).send().await.expect(200);
    }
}
