//! What is older than the limit goes, and the rest is still a chain.

use super::{actions, trail};
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::json;
use std::time::{Duration, Instant};

tests![old_events_go_and_the_rest_still_verifies];

const DAY: Duration = Duration::from_secs(86_400);

async fn old_events_go_and_the_rest_still_verifies(db: Backend) {
    let server = Server::with(db, |config| config.audit.retention_days = 30).await;
    let mut acme = Tenant::new(&server).await;
    let globex = Tenant::new(&server).await;
    server.clock.advance(20 * DAY);
    acme.owner.refresh(&server).await;
    acme.add_workspace("Younger").await;
    assert_eq!(trail(&server.database, &acme.organization_id).len(), 3);
    server.clock.advance(11 * DAY);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !trail(&server.database, &globex.organization_id).is_empty()
        || trail(&server.database, &acme.organization_id).len() > 1
    {
        assert!(Instant::now() < deadline, "old events are still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    acme.owner.refresh(&server).await;
    let rename = server.patch(&acme.organization_path("")).bearer(&acme.owner.id_token);
    rename.json(json!({ "name": "Acme Ltd" })).send().await.expect(200);
    let left = trail(&server.database, &acme.organization_id);
    assert_eq!(actions(&left), ["workspace.created", "organization.renamed"]);
    assert_eq!(left.iter().filter_map(|event| event["sequence"].as_i64()).collect::<Vec<_>>(), [3, 4]);
    let report = process::run(&server.database, &["audit", "verify"]).await;
    assert!(report.contains("whole\t2 events\tends at 4") && report.contains("whole\t0 events\tends at 2"), "{report}");
}
