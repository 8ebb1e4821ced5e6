//! A Firebase project's keys: how long they are kept, and what happens while they can't be had.

use super::forge::{FIRST, SECOND};
use super::key_server::Project;
use crate::support::{Backend, tests};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;

tests![
    keys_are_kept_for_max_age,
    nothing_is_fetched_before_a_token_needs_it,
    an_unknown_key_id_is_fetched_for_within_a_budget,
    many_unknown_key_ids_at_once_wait_for_few_fetches,
    a_rotation_is_seen_at_the_first_token_of_the_new_key,
    a_withdrawn_key_stops_with_the_next_fetch,
    many_requests_at_once_fetch_once,
    stale_keys_serve_while_the_endpoint_is_down_and_then_the_answer_is_503,
    without_any_keys_the_answer_is_503_until_they_can_be_had,
    an_answer_that_is_no_key_set_changes_nothing,
    a_redirect_is_not_followed,
    the_built_in_provider_needs_no_endpoint,
];

async fn keys_are_kept_for_max_age(db: Backend) {
    let project = Project::start(db).await;
    for _ in 0..3 {
        project.me(&project.token(&FIRST)).await.expect(200);
    }
    project.advance(3590);
    project.me(&project.token(&FIRST)).await.expect(200);
    assert_eq!(project.keys.fetches(), 1);
    project.advance(10);
    project.me(&project.token(&FIRST)).await.expect(200);
    assert_eq!(project.keys.fetches(), 2);
    project.keys.max_age(0);
    project.advance(3600);
    project.me(&project.token(&FIRST)).await.expect(200);
    project.advance(59);
    project.me(&project.token(&FIRST)).await.expect(200);
    assert_eq!(project.keys.fetches(), 3, "a minute at least");
}

async fn nothing_is_fetched_before_a_token_needs_it(db: Backend) {
    let project = Project::start(db).await;
    project.server.get("/healthz").send().await.expect(200);
    project.me("a.b.c").await.expect_error(401, "invalid_id_token");
    assert_eq!(project.keys.fetches(), 0);
}

async fn an_unknown_key_id_is_fetched_for_within_a_budget(db: Backend) {
    let project = Project::start(db).await;
    project.me(&project.token(&FIRST)).await.expect(200);
    let unknown = |id: &str| FIRST.sign_under(&json!({ "alg": "RS256", "kid": id }), &project.claims("ada"));
    for place in 0..4 {
        project.me(&unknown(&format!("made-up-{place}"))).await.expect_error(401, "invalid_id_token");
    }
    assert_eq!(project.keys.fetches(), 5);
    // Now a made-up key looks like a new one.
    project.keys.publish(&[&FIRST, &SECOND]);
    for _ in 0..20 {
        let answer = project.me(&project.token(&SECOND)).await.expect_error(503, "unavailable");
        let wait: u64 = answer.header("retry-after").expect("a time").parse().expect("seconds");
        assert!((1..=31).contains(&wait), "{wait}");
        project.me(&project.token(&FIRST)).await.expect(200);
    }
    assert_eq!(project.keys.fetches(), 5, "a flood of made-up ids is no flood of fetches");
    project.advance(31);
    project.me(&project.token(&SECOND)).await.expect(200);
    project.me(&unknown("made-up")).await.expect_error(503, "unavailable");
    assert_eq!(project.keys.fetches(), 6);
    project.advance(3600);
    project.me(&unknown("made-up")).await.expect_error(401, "invalid_id_token");
}

async fn many_unknown_key_ids_at_once_wait_for_few_fetches(db: Backend) {
    let project = Project::start(db).await;
    project.me(&project.token(&FIRST)).await.expect(200);
    project.keys.behaviour().delay = Duration::from_millis(300);
    let tokens: Vec<String> = (0..16)
        .map(|place| FIRST.sign_under(&json!({ "alg": "RS256", "kid": format!("k{place}") }), &project.claims("ada")))
        .collect();
    for answer in join_all(tokens.iter().map(|token| project.me(token))).await {
        answer.expect_error(401, "invalid_id_token");
    }
    assert!((2..=3).contains(&project.keys.fetches()), "{}", project.keys.fetches());
}

async fn a_rotation_is_seen_at_the_first_token_of_the_new_key(db: Backend) {
    let project = Project::start(db).await;
    project.me(&project.token(&FIRST)).await.expect(200);
    project.keys.publish(&[&FIRST, &SECOND]);
    project.me(&project.token(&SECOND)).await.expect(200);
    project.me(&project.token(&FIRST)).await.expect(200);
    assert_eq!(project.keys.fetches(), 2);
}

async fn a_withdrawn_key_stops_with_the_next_fetch(db: Backend) {
    let project = Project::start(db).await;
    project.me(&project.token(&FIRST)).await.expect(200);
    project.keys.publish(&[&SECOND]);
    project.advance(3600);
    project.me(&project.token(&FIRST)).await.expect_error(401, "invalid_id_token");
    project.me(&project.token(&SECOND)).await.expect(200);
}

async fn many_requests_at_once_fetch_once(db: Backend) {
    let project = Project::start(db).await;
    project.keys.behaviour().delay = Duration::from_millis(300);
    let token = project.token(&FIRST);
    let answers = join_all((0..8).map(|_| project.me(&token))).await;
    let ids: Vec<String> = answers.into_iter().map(|answer| answer.expect(200).text_at("/user/id")).collect();
    assert!(ids.iter().all(|id| id == &ids[0]), "and make one user");
    assert_eq!(project.keys.fetches(), 1);
}

async fn stale_keys_serve_while_the_endpoint_is_down_and_then_the_answer_is_503(db: Backend) {
    let project = Project::start(db).await;
    project.me(&project.token(&FIRST)).await.expect(200);
    project.keys.go_down();
    project.advance(3600);
    for _ in 0..3 {
        project.me(&project.token(&FIRST)).await.expect(200);
    }
    assert_eq!(project.keys.fetches(), 2, "an endpoint that is down is not asked at each request");
    project.me(&project.token(&SECOND)).await.expect_error(503, "unavailable");
    project.advance(3590);
    project.me(&project.token(&FIRST)).await.expect(200);
    project.advance(20);
    project.me(&project.token(&FIRST)).await.expect_error(503, "unavailable");
    project.keys.come_back();
    project.advance(6);
    project.me(&project.token(&FIRST)).await.expect(200);
    project.me(&project.token(&SECOND)).await.expect_error(401, "invalid_id_token");
}

async fn without_any_keys_the_answer_is_503_until_they_can_be_had(db: Backend) {
    let project = Project::start(db).await;
    project.keys.go_down();
    project.me(&project.token(&FIRST)).await.expect_error(503, "unavailable");
    project.keys.come_back();
    project.advance(6);
    project.me(&project.token(&FIRST)).await.expect(200);
}

async fn an_answer_that_is_no_key_set_changes_nothing(db: Backend) {
    let project = Project::start(db).await;
    project.me(&project.token(&FIRST)).await.expect(200);
    let huge = format!(r#"{{"keys":[],"padding":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    for body in ["<html>", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","kid":"first","k":"AA"}]}"#, &huge] {
        body.clone_into(&mut project.keys.behaviour().body);
        project.advance(6 * 60);
        project.me(&project.token(&SECOND)).await.expect_error(503, "unavailable");
        project.me(&project.token(&FIRST)).await.expect(200);
    }
    assert_eq!(project.keys.fetches(), 5);
}

async fn a_redirect_is_not_followed(db: Backend) {
    let project = Project::start(db).await;
    let elsewhere = super::key_server::KeyServer::start(&[&FIRST]);
    {
        let mut behaviour = project.keys.behaviour();
        behaviour.status = "302 Found";
        behaviour.headers = format!("Location: {}\r\n", elsewhere.url());
    }
    project.me(&project.token(&FIRST)).await.expect_error(503, "unavailable");
    assert_eq!(elsewhere.fetches(), 0);
}

async fn the_built_in_provider_needs_no_endpoint(db: Backend) {
    let project = Project::start(db).await;
    project.keys.go_down();
    let user = crate::support::tenant::User::sign_up(&project.server).await;
    project.me(&user.id_token).await.expect(200);
    assert_eq!(project.keys.fetches(), 0);
}
