//! Counts reach the database: once, from all nodes, and whatever goes wrong.

use super::{HOUR, begin_an_hour, lift_limits, of_key, of_workspace, sum, use_key, written};
use crate::support::process::Keyward;
use crate::support::until::until;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;

tests![
    nodes_add_to_one_row,
    usage_is_written_when_the_server_stops,
    a_crash_loses_nothing_of_an_earlier_interval,
    what_could_not_be_written_is_kept_and_shown,
    a_deleted_key_leaves_its_usage_to_the_workspace,
    what_is_deleted_holds_up_nobody_elses_counts,
    old_usage_goes_and_the_rest_stays,
];

async fn nodes_add_to_one_row(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    let node = server.another(|_| {}).await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    for _ in 0..3 {
        use_key(&server, &key, 4).await;
        use_key(&node, &key, 3).await;
    }
    until("both wrote", async || written(&server, &key) == [[21, 0, 0]]).await;
    for node in [&server, &node] {
        assert_eq!(sum(&of_key(node, &tenant, &key, "").await), [21, 0, 0]);
    }
}

async fn usage_is_written_when_the_server_stops(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let mut child = Keyward::serve(server.database.clone(), "").await;
    use_key(&child, &key, 5).await;
    assert!(child.terminate().success());
    assert_eq!(sum(&of_key(&server, &tenant, &key, "").await), [5, 0, 0]);
}

async fn a_crash_loses_nothing_of_an_earlier_interval(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let mut child = Keyward::serve(server.database.clone(), "").await;
    use_key(&child, &key, 5).await;
    until("the interval ended", async || sum(&of_key(&server, &tenant, &key, "").await) == [5, 0, 0]).await;
    use_key(&child, &key, 1).await;
    child.kill();
    let [admitted, 0, 0] = sum(&of_key(&server, &tenant, &key, "").await) else { panic!("other outcomes") };
    assert!((5..=6).contains(&admitted), "{admitted}");
}

/// The gauge of what could not be written.
async fn unwritten(server: &Server) -> u64 {
    let address = server.metrics_address().expect("a listener for metrics");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    let request = client.get(format!("http://{address}/metrics")).header("connection", "close");
    let text = request.send().await.expect("an answer").text().await.expect("a text");
    let value = text.lines().find_map(|line| line.strip_prefix("keyward_usage_unwritten "));
    value.expect("the gauge").parse().expect("a number")
}

async fn what_could_not_be_written_is_kept_and_shown(db: Backend) {
    let server = Server::with(db, |config| {
        lift_limits(config);
        config.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let (one, other) =
        (tenant.create_key(&tenant.owner, json!({})).await, tenant.create_key(&tenant.owner, json!({})).await);
    server.database.execute("ALTER TABLE api_key_usage RENAME TO elsewhere");
    use_key(&server, &one, 3).await;
    use_key(&server, &other, 2).await;
    until("a write failed", async || unwritten(&server).await == 2).await;
    use_key(&server, &one, 4).await;
    server.database.execute("ALTER TABLE elsewhere RENAME TO api_key_usage");
    until("it was written later", async || {
        written(&server, &one) == [[7, 0, 0]] && written(&server, &other) == [[2, 0, 0]]
    })
    .await;
    until("nothing is left", async || unwritten(&server).await == 0).await;
    assert_eq!(sum(&of_workspace(&server, &tenant, "").await), [9, 0, 0]);
}

async fn a_deleted_key_leaves_its_usage_to_the_workspace(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let member = tenant.add_to_workspace("editor").await;
    let key = tenant.create_key(&member, json!({})).await;
    use_key(&server, &key, 3).await;
    server.delete(&tenant.key_path(&key, "")).bearer(&tenant.owner.id_token).send().await.expect(204);
    until("written all the same", async || written(&server, &key) == [[3, 0, 0]]).await;
    assert_eq!(sum(&of_workspace(&server, &tenant, "").await), [3, 0, 0]);
    let read = |path: &str| server.get(&tenant.workspace_path(path));
    let own = read("/usage").bearer(&member.id_token).send().await.expect(200);
    assert_eq!(sum(&own), [0, 0, 0], "a deleted key is nobody's own");
    let gone = format!("/api-keys/{}/usage", key.id);
    read(&gone).bearer(&tenant.owner.id_token).send().await.expect_error(404, "not_found");
}

async fn what_is_deleted_holds_up_nobody_elses_counts(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    begin_an_hour(&server);
    let (acme, globex) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let (gone, kept) =
        (acme.create_key(&acme.owner, json!({})).await, globex.create_key(&globex.owner, json!({})).await);
    use_key(&server, &gone, 2).await;
    use_key(&server, &kept, 2).await;
    server.delete(&acme.organization_path("")).bearer(&acme.owner.id_token).send().await.expect(204);
    until("written", async || written(&server, &kept) == [[2, 0, 0]]).await;
    let path = acme.workspace_path("/usage");
    server.get(&path).bearer(&acme.owner.id_token).send().await.expect_error(404, "not_found");
}

async fn old_usage_goes_and_the_rest_stays(db: Backend) {
    let server = Server::with(db, |config| {
        lift_limits(config);
        config.usage.retention = 30 * 24 * HOUR;
    })
    .await;
    begin_an_hour(&server);
    let mut tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    use_key(&server, &key, 1).await;
    until("written", async || written(&server, &key) == [[1, 0, 0]]).await;
    server.clock.advance(29 * 24 * HOUR);
    let paid = ["subscription", "set", &tenant.organization_id, "--status", "active"];
    crate::support::process::run(&server.database, &paid).await;
    use_key(&server, &key, 2).await;
    until("written", async || written(&server, &key) == [[1, 0, 0], [2, 0, 0]]).await;
    // Many of another workspace, more than one transaction takes.
    let hour = server.clock.now().millis() / 3_600_000 - 40 * 24;
    let row = |n: i64| format!("('{}', {}, '{}', 'ws_other', 1, 0, 0)", "key_other", hour - n, tenant.organization_id);
    let rows: Vec<String> = (0..2_500).map(row).collect();
    server.database.execute(&format!("INSERT INTO api_key_usage VALUES {}", rows.join(", ")));
    server.clock.advance(25 * HOUR);
    let left = || server.database.texts("SELECT CAST(admitted AS TEXT) AS text FROM api_key_usage");
    until("old usage is gone", async || left() == ["2"]).await;
    tenant.owner.sign_in(&server).await;
    assert_eq!(sum(&of_key(&server, &tenant, &key, "?interval=day").await), [2, 0, 0]);
}
