//! Who reads which usage, and in which buckets.

use super::{HOUR, begin_an_hour, buckets, lift_limits, of_key, of_workspace, sum, use_key, written};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::until::until;
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::json;
use std::time::Duration;

tests![
    whoever_sees_a_key_sees_its_usage_and_nobody_else_does,
    a_workspaces_usage_is_all_of_it_for_admins_and_their_own_for_members,
    every_hour_and_day_has_its_bucket,
    hours_add_up_to_days,
    a_period_that_makes_no_sense_is_refused,
    keys_that_manage_keys_read_usage,
];

async fn whoever_sees_a_key_sees_its_usage_and_nobody_else_does(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    begin_an_hour(&server);
    let (acme, globex) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let (viewer, editor) = (acme.add_to_workspace("viewer").await, acme.add_to_workspace("editor").await);
    let outsider = acme.add_member("member", &[]).await;
    let key = acme.create_key(&viewer, json!({})).await;
    use_key(&server, &key, 3).await;
    let path = acme.key_path(&key, "/usage");
    let read = |token: &str| server.get(&path).bearer(token).send();
    for who in [&viewer, &acme.owner] {
        assert_eq!(sum(&read(&who.id_token).await.expect(200)), [3, 0, 0]);
    }
    for who in [&editor, &outsider, &globex.owner] {
        read(&who.id_token).await.expect_error(404, "not_found");
    }
    read(&key.plaintext).await.expect_error(403, "credential_not_accepted");
    // The same key through another tenant's workspace.
    let through = globex.workspace_path(&format!("/api-keys/{}/usage", key.id));
    server.get(&through).bearer(&globex.owner.id_token).send().await.expect_error(404, "not_found");
    server
        .get(&acme.workspace_path("/usage"))
        .bearer(&globex.owner.id_token)
        .send()
        .await
        .expect_error(404, "not_found");
    assert_eq!(sum(&of_workspace(&server, &globex, "").await), [0, 0, 0]);
}

async fn a_workspaces_usage_is_all_of_it_for_admins_and_their_own_for_members(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let (viewer, editor) = (tenant.add_to_workspace("viewer").await, tenant.add_to_workspace("editor").await);
    let admin = tenant.add_to_workspace("admin").await;
    let of_viewer = tenant.create_key(&viewer, json!({})).await;
    let of_owner = tenant.create_key(&tenant.owner, json!({})).await;
    let elsewhere = tenant.add_workspace("Elsewhere").await;
    use_key(&server, &of_viewer, 2).await;
    use_key(&server, &of_owner, 5).await;
    let read = async |workspace: &str, token: &str| {
        sum(&server.get(&format!("/v1/workspaces/{workspace}/usage")).bearer(token).send().await.expect(200))
    };
    let check = async || {
        let own = &tenant.workspace_id;
        assert_eq!(read(own, &viewer.id_token).await, [2, 0, 0]);
        assert_eq!(read(own, &editor.id_token).await, [0, 0, 0]);
        assert_eq!(read(own, &admin.id_token).await, [7, 0, 0]);
        assert_eq!(read(own, &tenant.owner.id_token).await, [7, 0, 0]);
        assert_eq!(read(&elsewhere, &tenant.owner.id_token).await, [0, 0, 0]);
    };
    // In memory, and in the database.
    check().await;
    until("written", async || {
        written(&server, &of_owner) == [[5, 0, 0]] && written(&server, &of_viewer) == [[2, 0, 0]]
    })
    .await;
    check().await;
}

/// Puts a count into an hour, as if it had been written then.
fn put(server: &Server, tenant: &Tenant<'_>, key: &str, hour: i64, counts: [u64; 3]) {
    let [admitted, limited, refused] = counts;
    server.database.execute(&format!(
        "INSERT INTO api_key_usage (api_key_id, hour, organization_id, workspace_id, admitted, limited, refused) \
         VALUES ('{key}', {hour}, '{}', '{}', {admitted}, {limited}, {refused})",
        tenant.organization_id, tenant.workspace_id
    ));
}

fn starts(usage: &Answer) -> Vec<i64> {
    let start = |(start, _): (String, _)| {
        chrono::DateTime::parse_from_rfc3339(&start).expect("a time").timestamp_millis() / 3_600_000
    };
    buckets(usage).into_iter().map(start).collect()
}

async fn every_hour_and_day_has_its_bucket(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let now = server.clock.now().millis() / 3_600_000;
    let hourly = of_key(&server, &tenant, &key, "").await;
    assert_eq!(hourly["interval"], "hour");
    assert_eq!(starts(&hourly), (now - 23..=now).collect::<Vec<_>>());
    assert_eq!(sum(&hourly), [0, 0, 0]);
    let daily = of_key(&server, &tenant, &key, "?interval=day").await;
    assert_eq!(daily["interval"], "day");
    let today = now / 24 * 24;
    assert_eq!(starts(&daily), (0..30).rev().map(|ago| today - 24 * ago).collect::<Vec<_>>());
    put(&server, &tenant, &key.id, now - 23, [1, 2, 3]);
    put(&server, &tenant, &key.id, now - 24, [10, 20, 30]);
    use_key(&server, &key, 4).await;
    let shown = buckets(&of_key(&server, &tenant, &key, "").await);
    assert_eq!((shown[0].1, shown[23].1), ([1, 2, 3], [4, 0, 0]));
    assert!(shown[1..23].iter().all(|(_, counts)| *counts == [0; 3]), "{shown:?}");
    // The bucket that a moment is in is whole.
    let at = |hour: i64, minutes: i64| {
        let time = chrono::DateTime::from_timestamp_millis((hour * 60 + minutes) * 60_000).expect("a time");
        time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let query = format!("?from={}&to={}", at(now - 24, 30), at(now - 23, 1));
    let two = of_key(&server, &tenant, &key, &query).await;
    assert_eq!((starts(&two), sum(&two)), (vec![now - 24, now - 23], [11, 22, 33]));
    let one = of_key(&server, &tenant, &key, &format!("?from={}&to={}", at(now - 24, 0), at(now - 23, 0))).await;
    assert_eq!((starts(&one), sum(&one)), (vec![now - 24], [10, 20, 30]));
    let open = of_key(&server, &tenant, &key, &format!("?from={}", at(now - 1, 0))).await;
    assert_eq!((starts(&open), sum(&open)), (vec![now - 1, now], [4, 0, 0]));
    let before = of_key(&server, &tenant, &key, &format!("?to={}", at(now - 23, 0))).await;
    assert_eq!((starts(&before), sum(&before)), ((now - 47..now - 23).collect(), [10, 20, 30]));
}

async fn hours_add_up_to_days(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let (one, other) =
        (tenant.create_key(&tenant.owner, json!({})).await, tenant.create_key(&tenant.owner, json!({})).await);
    let now = server.clock.now().millis() / 3_600_000;
    let (first, last) = (now / 24 * 24 - 10 * 24, now - 1);
    for hour in (first..=last).step_by(5) {
        let n = u64::try_from(hour - first).expect("not before the first");
        put(&server, &tenant, &one.id, hour, [n, n % 7, n % 3]);
        put(&server, &tenant, &other.id, hour, [1, 2 * n, 0]);
    }
    use_key(&server, &one, 3).await;
    let from = chrono::DateTime::from_timestamp_millis(first * 3_600_000).expect("a time").format("%Y-%m-%dT%H:%M:%SZ");
    let read = async |interval: &str| {
        buckets(&of_workspace(&server, &tenant, &format!("?from={from}&interval={interval}")).await)
    };
    let (hours, days) = (read("hour").await, read("day").await);
    assert_eq!(days.len(), 11);
    for (day, counts) in &days {
        let of_day = hours.iter().filter(|(hour, _)| hour[..10] == day[..10]);
        let sum = of_day.fold([0; 3], |sum, (_, counts)| [0, 1, 2].map(|place| sum[place] + counts[place]));
        assert_eq!(*counts, sum, "{day}");
    }
    let all = |buckets: &[(String, super::Counts)], place: usize| buckets.iter().map(|(_, c)| c[place]).sum::<u64>();
    assert!(all(&days, 0) > 0 && all(&days, 1) > 0 && all(&days, 2) > 0, "{days:?}");
}

async fn a_period_that_makes_no_sense_is_refused(db: Backend) {
    let server = Server::with(db, lift_limits).await;
    let tenant = Tenant::new(&server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    let before = dump(&server.database);
    // Read once: two readings of the running clock differ.
    let now = server.clock.now();
    let ago = |days: u32| now.minus(Duration::from_secs(60) + days * 24 * HOUR).to_string();
    let later = now.plus(2 * HOUR).to_string();
    for rest in [tenant.key_path(&key, "/usage"), tenant.workspace_path("/usage")] {
        let ask = |query: String| server.get(&format!("{rest}?{query}")).bearer(&tenant.owner.id_token).send();
        for (query, advice) in [
            (format!("from={}&to={}", ago(1), ago(1)), "must lie before to"),
            (format!("from={}&to={}", ago(1), ago(2)), "must lie before to"),
            (format!("from={later}"), "name a to"),
            (format!("from={}", ago(32)), "interval=day"),
            (format!("from={}&to={}", ago(100), ago(60)), "at most 31 days"),
            (format!("from={}&interval=day", ago(367)), "at most 366 days"),
        ] {
            let answer = ask(query.clone()).await.expect_error(422, "validation_failed");
            assert_eq!(answer["error"]["details"][0]["field"], "from", "{}", answer.text);
            assert!(answer.text.contains(advice), "{query}: {}", answer.text);
        }
        for query in ["interval=week", "from=yesterday", "to=1", "group=key", "interval=day&interval=hour"] {
            ask(query.to_owned()).await.expect_error(400, "bad_request");
        }
        assert_eq!(ask(format!("from={}", ago(30))).await.expect(200)["interval"], "hour");
        assert_eq!(ask(format!("from={}&interval=day", ago(365))).await.expect(200)["interval"], "day");
    }
    assert_unchanged(&before, &server.database);
}

async fn keys_that_manage_keys_read_usage(db: Backend) {
    let server = Server::with(db, |config| {
        lift_limits(config);
        config.keys.manage_with_keys = true;
    })
    .await;
    begin_an_hour(&server);
    let tenant = Tenant::new(&server).await;
    let viewer = tenant.add_to_workspace("viewer").await;
    let reader = tenant.create_key(&viewer, json!({ "scope": "read_only" })).await;
    let owners = tenant.create_key(&tenant.owner, json!({})).await;
    use_key(&server, &owners, 2).await;
    use_key(&server, &reader, 1).await;
    let read = |path: &str, key: &str| server.get(&tenant.workspace_path(path)).bearer(key).send();
    // Its creator's view, without the request that asks: that is counted when it has ended.
    assert_eq!(sum(&read("/usage", &reader.plaintext).await.expect(200)), [1, 0, 0]);
    assert_eq!(sum(&read("/usage", &owners.plaintext).await.expect(200)), [4, 0, 0]);
    let of_owners = format!("/api-keys/{}/usage", owners.id);
    read(&of_owners, &reader.plaintext).await.expect_error(404, "not_found");
    assert_eq!(sum(&read(&of_owners, &owners.plaintext).await.expect(200)), [3, 0, 0]);
}
