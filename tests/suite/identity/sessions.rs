//! Sessions: rotation of refresh tokens, lifetimes, the list, and what ends one.

use super::rest::{assert_firebase_error, call, sign_in};
use crate::audit::{told, trail};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::{Answer, Api, is_timestamp};
use crate::support::process;
use crate::support::tenant::User;
use crate::support::until::until;
use crate::support::{Backend, Server, Tenant, tests};
use diesel::connection::SimpleConnection;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

tests![
    a_refresh_replaces_the_token_and_stays_in_its_session,
    retries_and_tabs_that_refresh_at_once_get_one_successor_and_all_live_on,
    a_retry_leads_to_the_newest_token_if_the_first_was_replaced_again,
    a_token_that_is_used_again_after_its_grace_ends_its_session_and_no_other,
    a_token_that_is_no_longer_stored_ends_its_session_too,
    a_session_that_is_not_used_ends,
    a_session_ends_however_much_it_is_used,
    ended_sessions_are_deleted,
    the_list_shows_where_sessions_are_and_which_one_asks,
    a_person_ends_one_session_and_the_others_go_on,
    somebody_elses_session_is_not_found,
    signing_out_ends_the_session_that_asks,
    signing_out_others_keeps_the_session_that_asks,
    a_write_that_began_before_its_session_ended_is_refused,
    a_new_password_ends_the_others_and_keeps_the_session_that_asks,
    a_reset_password_ends_all,
    a_disabled_account_is_told_so_at_its_refresh_and_stays_signed_out_once_enabled,
    an_upgrade_signs_nobody_out_and_gives_each_session_its_end,
];

const DAY: Duration = Duration::from_secs(86_400);

pub async fn refresh(server: &Api, token: &str) -> Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    server.post("/securetoken.googleapis.com/v1/token").form(&form).send().await
}

async fn sessions(server: &Api, id_token: &str) -> Vec<Value> {
    let answer = server.get("/v1/me/sessions").bearer(id_token).send().await.expect(200);
    answer["data"].as_array().expect("a list").clone()
}

/// The id of the session that asks.
pub async fn current_session(server: &Api, id_token: &str) -> String {
    let all = sessions(server, id_token).await;
    let current = all.iter().find(|session| session["current"] == true).expect("it is among them");
    current["id"].as_str().expect("an id").to_owned()
}

async fn assert_signed_in(server: &Api, id_token: &str) {
    server.get("/v1/me").bearer(id_token).send().await.expect(200);
}

async fn assert_signed_out(server: &Api, id_token: &str, refresh_token: &str) {
    let before = dump(&server.database);
    server.get("/v1/me").bearer(id_token).send().await.expect_error(401, "invalid_id_token");
    assert_firebase_error(&call(server, "lookup", json!({ "idToken": id_token })).await, "TOKEN_EXPIRED");
    assert_firebase_error(&refresh(server, refresh_token).await, "TOKEN_EXPIRED");
    assert_unchanged(&before, &server.database);
}

async fn a_refresh_replaces_the_token_and_stays_in_its_session(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let session = current_session(&server, &user.id_token).await;
    let mut token = user.refresh_token.clone();
    let mut seen = BTreeSet::from([token.clone()]);
    for _ in 0..5 {
        server.clock.advance(Duration::from_secs(3000));
        let answer = refresh(&server, &token).await.expect(200);
        token = answer.text_at("/refresh_token");
        assert!(seen.insert(token.clone()), "a token came twice");
        assert_eq!(current_session(&server, &answer.text_at("/id_token")).await, session);
    }
    let stored = server.database.texts("SELECT session_id AS text FROM refresh_tokens");
    assert_eq!(stored.len(), 2, "the newest and the one before");
}

async fn retries_and_tabs_that_refresh_at_once_get_one_successor_and_all_live_on(db: Backend) {
    let server = Server::start(db).await;
    let other_node = server.another(|_| {}).await;
    let user = User::sign_up(&server).await;
    let mut token = user.refresh_token.clone();
    for _ in 0..3 {
        let nodes = [&server, &other_node];
        let answers = join_all((0..6).map(|tab| refresh(nodes[tab % 2], &token))).await;
        let successors: BTreeSet<String> =
            answers.into_iter().map(|answer| answer.expect(200).text_at("/refresh_token")).collect();
        assert_eq!(successors.len(), 1, "tabs share it");
        server.clock.advance(Duration::from_secs(15));
        let late = refresh(&server, &token).await.expect(200);
        assert!(successors.contains(&late.text_at("/refresh_token")), "a retry gets it, too");
        assert_signed_in(&server, &late.text_at("/id_token")).await;
        token = late.text_at("/refresh_token");
        server.clock.advance(Duration::from_secs(3600));
    }
    refresh(&server, &token).await.expect(200);
}

async fn a_retry_leads_to_the_newest_token_if_the_first_was_replaced_again(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let second = refresh(&server, &user.refresh_token).await.expect(200).text_at("/refresh_token");
    let third = refresh(&server, &second).await.expect(200).text_at("/refresh_token");
    let retried = refresh(&server, &user.refresh_token).await.expect(200).text_at("/refresh_token");
    assert_eq!(retried, third);
    server.clock.advance(Duration::from_secs(3600));
    refresh(&server, &retried).await.expect(200);
}

async fn a_token_that_is_used_again_after_its_grace_ends_its_session_and_no_other(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let owner = &tenant.owner;
    let elsewhere = sign_in(&server, &owner.email, &owner.password).await.expect(200);
    let answer = refresh(&server, &owner.refresh_token).await.expect(200);
    let (id_token, newest) = (answer.text_at("/id_token"), answer.text_at("/refresh_token"));
    server.clock.advance(Duration::from_secs(31));
    assert_signed_in(&server, &id_token).await;
    assert_firebase_error(&refresh(&server, &owner.refresh_token).await, "TOKEN_EXPIRED");
    assert_signed_out(&server, &id_token, &newest).await;
    assert_signed_in(&server, &elsewhere.text_at("/idToken")).await;
    refresh(&server, &elsewhere.text_at("/refreshToken")).await.expect(200);
    let events = trail(&server.database, &tenant.organization_id);
    let expected = json!({
        "actor": { "kind": "anonymous", "id": null, "name": null, "email": null },
        "action": "user.session_ended",
        "target": { "kind": "user", "id": owner.user_id, "name": owner.email },
        "workspaceId": null,
        "before": null,
        "after": { "sessions": 1, "reason": "refresh_token_reused" },
    });
    assert_eq!(told(events.last().expect("an event")), expected);
}

async fn a_token_that_is_no_longer_stored_ends_its_session_too(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let (mut id_token, mut token) = (String::new(), user.refresh_token.clone());
    for _ in 0..3 {
        let answer = refresh(&server, &token).await.expect(200);
        (id_token, token) = (answer.text_at("/id_token"), answer.text_at("/refresh_token"));
        server.clock.advance(Duration::from_secs(600));
    }
    assert_firebase_error(&refresh(&server, &user.refresh_token).await, "TOKEN_EXPIRED");
    assert_signed_out(&server, &id_token, &token).await;
}

async fn a_session_that_is_not_used_ends(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    server.clock.advance(DAY * 29);
    let answer = refresh(&server, &user.refresh_token).await.expect(200);
    server.clock.advance(DAY * 29);
    let answer = refresh(&server, &answer.text_at("/refresh_token")).await.expect(200);
    server.clock.advance(DAY * 30);
    assert_firebase_error(&refresh(&server, &answer.text_at("/refresh_token")).await, "TOKEN_EXPIRED");
}

async fn a_session_ends_however_much_it_is_used(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let mut token = user.refresh_token.clone();
    for _ in 0..7 {
        server.clock.advance(DAY * 25);
        token = refresh(&server, &token).await.expect(200).text_at("/refresh_token");
    }
    server.clock.advance(DAY * 5 - Duration::from_secs(1200));
    let last = refresh(&server, &token).await.expect(200);
    let (id_token, token) = (last.text_at("/id_token"), last.text_at("/refresh_token"));
    assert_signed_in(&server, &id_token).await;
    server.clock.advance(Duration::from_secs(1200));
    // The ID token has 40 minutes left.
    assert_firebase_error(&refresh(&server, &token).await, "TOKEN_EXPIRED");
    server.get("/v1/me").bearer(&id_token).send().await.expect_error(401, "invalid_id_token");
    let again = sign_in(&server, &user.email, &user.password).await.expect(200);
    assert_eq!(sessions(&server, &again.text_at("/idToken")).await.len(), 1, "an ended one is not shown");
}

async fn ended_sessions_are_deleted(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    server.clock.advance(DAY * 20);
    let kept = sign_in(&server, &user.email, &user.password).await.expect(200);
    server.clock.advance(DAY * 11);
    until("the old session goes", async || {
        server.database.texts("SELECT id AS text FROM sessions").len() == 1
            && server.database.texts("SELECT account_id AS text FROM refresh_tokens").len() == 1
    })
    .await;
    refresh(&server, &kept.text_at("/refreshToken")).await.expect(200);
}

async fn the_list_shows_where_sessions_are_and_which_one_asks(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";
    server.clock.advance(Duration::from_secs(60));
    let body = json!({ "email": user.email, "password": user.password });
    let request = server.post("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword").json(body);
    let second = request.header("user-agent", firefox).send().await.expect(200);
    let all = sessions(&server, &user.id_token).await;
    assert_eq!(all.len(), 2);
    let (newer, older) = (&all[0], &all[1]);
    assert_eq!((&newer["device"], &newer["userAgent"]), (&json!("Firefox on Windows"), &json!(firefox)));
    assert_eq!((&newer["current"], &older["current"]), (&json!(false), &json!(true)));
    for session in [newer, older] {
        assert!(session["id"].as_str().is_some_and(|id| id.starts_with("ses_")));
        assert_eq!(session["address"], "127.0.0.1");
        assert_eq!(session["createdAt"], session["lastUsedAt"]);
        assert!(is_timestamp(session["expiresAt"].as_str().expect("text")));
    }
    let from_there = sessions(&server, &second.text_at("/idToken")).await;
    assert_eq!(from_there[0]["current"], true);
    server.clock.advance(Duration::from_secs(1000));
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*second.text_at("/refreshToken"))];
    let request = server.post("/securetoken.googleapis.com/v1/token").form(&form);
    request.header("user-agent", "curl/8.14.1").send().await.expect(200);
    let all = sessions(&server, &user.id_token).await;
    assert_eq!((&all[0]["id"], &all[0]["device"]), (&newer["id"], &json!("curl")));
    assert_eq!(all[0]["createdAt"], newer["createdAt"]);
    assert!(all[0]["lastUsedAt"].as_str() > newer["lastUsedAt"].as_str());
    let first = server.get("/v1/me/sessions?pageSize=1").bearer(&user.id_token).send().await.expect(200);
    let cursor = first.text_at("/nextCursor");
    let rest = server.get(&format!("/v1/me/sessions?pageSize=1&cursor={cursor}")).bearer(&user.id_token).send().await;
    assert_eq!(rest.expect(200)["data"][0]["id"], older["id"]);
    let stranger = User::sign_up(&server).await;
    let foreign = server.get(&format!("/v1/me/sessions?cursor={cursor}")).bearer(&stranger.id_token).send().await;
    foreign.expect_error(400, "bad_request");
}

async fn a_person_ends_one_session_and_the_others_go_on(db: Backend) {
    let server = Server::start(db).await;
    let other_node = server.another(|_| {}).await;
    let user = User::sign_up(&server).await;
    let (one, two) =
        join(sign_in(&server, &user.email, &user.password), sign_in(&other_node, &user.email, &user.password)).await;
    let (one, two) = (one.expect(200), two.expect(200));
    let id = current_session(&server, &one.text_at("/idToken")).await;
    let path = format!("/v1/me/sessions/{id}");
    server.delete(&path).bearer(&user.id_token).send().await.expect(204);
    for node in [&server, &other_node] {
        assert_signed_out(node, &one.text_at("/idToken"), &one.text_at("/refreshToken")).await;
        assert_signed_in(node, &two.text_at("/idToken")).await;
        assert_signed_in(node, &user.id_token).await;
    }
    refresh(&server, &two.text_at("/refreshToken")).await.expect(200);
    let before = dump(&server.database);
    server.delete(&path).bearer(&user.id_token).send().await.expect_error(404, "not_found");
    assert_unchanged(&before, &server.database);
}

async fn somebody_elses_session_is_not_found(db: Backend) {
    let server = Server::start(db).await;
    let (user, other) = (User::sign_up(&server).await, User::sign_up(&server).await);
    let path = format!("/v1/me/sessions/{}", current_session(&server, &other.id_token).await);
    let before = dump(&server.database);
    server.delete(&path).bearer(&user.id_token).send().await.expect_error(404, "not_found");
    assert_unchanged(&before, &server.database);
    assert_signed_in(&server, &other.id_token).await;
}

async fn signing_out_ends_the_session_that_asks(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let elsewhere = sign_in(&server, &user.email, &user.password).await.expect(200);
    server.post("/v1/me/sign-out").bearer(&user.id_token).send().await.expect(204);
    assert_signed_out(&server, &user.id_token, &user.refresh_token).await;
    assert_signed_in(&server, &elsewhere.text_at("/idToken")).await;
}

async fn signing_out_others_keeps_the_session_that_asks(db: Backend) {
    let server = Server::start(db).await;
    let (user, stranger) = (User::sign_up(&server).await, User::sign_up(&server).await);
    let others = [
        sign_in(&server, &user.email, &user.password).await.expect(200),
        sign_in(&server, &user.email, &user.password).await.expect(200),
    ];
    let answer = server.post("/v1/me/sign-out-others").bearer(&user.id_token).send().await.expect(200);
    assert_eq!(answer.body, json!({ "ended": 2 }));
    for other in others {
        assert_signed_out(&server, &other.text_at("/idToken"), &other.text_at("/refreshToken")).await;
    }
    refresh(&server, &user.refresh_token).await.expect(200);
    assert_signed_in(&server, &stranger.id_token).await;
    let before = dump(&server.database);
    let answer = server.post("/v1/me/sign-out-others").bearer(&user.id_token).send().await.expect(200);
    assert_eq!(answer.body, json!({ "ended": 0 }));
    assert_unchanged(&before, &server.database);
}

async fn a_write_that_began_before_its_session_ended_is_refused(db: Backend) {
    let listen = Some("127.0.0.1:0".parse().expect("an address"));
    let server = Server::with(db, |config| config.metrics.listen = listen).await;
    let user = User::sign_up(&server).await;
    let elsewhere = sign_in(&server, &user.email, &user.password).await.expect(200);
    let id = current_session(&server, &user.id_token).await;
    let call = crate::matrix::reply::Call::new("POST", "/v1/organizations")
        .header("Authorization", format!("Bearer {}", user.id_token))
        .body(Some("application/json"), r#"{"name": "Too late"}"#.to_owned());
    let underway = call.begin(&server, "POST /v1/organizations").await;
    let end = server.delete(&format!("/v1/me/sessions/{id}")).bearer(&elsewhere.text_at("/idToken"));
    end.send().await.expect(204);
    let before = dump(&server.database);
    assert_eq!(underway.finish().await.unless_error(401, "invalid_id_token"), None);
    assert_unchanged(&before, &server.database);
}

async fn a_new_password_ends_the_others_and_keeps_the_session_that_asks(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let elsewhere = sign_in(&server, &user.email, &user.password).await.expect(200);
    let session = current_session(&server, &user.id_token).await;
    let body = json!({ "idToken": user.id_token, "password": "tangerine-battery-1" });
    let answer = call(&server, "update", body).await.expect(200);
    assert_signed_out(&server, &elsewhere.text_at("/idToken"), &elsewhere.text_at("/refreshToken")).await;
    // The old tokens of the session are refused, and do not end it: they are of another family.
    assert_signed_out(&server, &user.id_token, &user.refresh_token).await;
    let left = sessions(&server, &answer.text_at("/idToken")).await;
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0]["id"], &left[0]["current"]), (&json!(session), &json!(true)));
    server.clock.advance(Duration::from_secs(60));
    assert_signed_out(&server, &user.id_token, &user.refresh_token).await;
    refresh(&server, &answer.text_at("/refreshToken")).await.expect(200);
}

async fn a_reset_password_ends_all(db: Backend) {
    let (server, smtp) = crate::invitations::mails::start(db).await;
    let user = User::sign_up(&server).await;
    let elsewhere = sign_in(&server, &user.email, &user.password).await.expect(200);
    let body = json!({ "requestType": "PASSWORD_RESET", "email": user.email });
    call(&server, "sendOobCode", body).await.expect(200);
    let code = crate::support::smtp::code_in(&smtp.mail(1).await, "oobCode=").expect("a code");
    let body = json!({ "oobCode": code, "newPassword": "tangerine-battery-2" });
    call(&server, "resetPassword", body).await.expect(200);
    assert_signed_out(&server, &user.id_token, &user.refresh_token).await;
    assert_signed_out(&server, &elsewhere.text_at("/idToken"), &elsewhere.text_at("/refreshToken")).await;
    assert_eq!(server.database.texts("SELECT id AS text FROM sessions"), [""; 0]);
}

async fn a_disabled_account_is_told_so_at_its_refresh_and_stays_signed_out_once_enabled(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    process::run(&server.database, &["user", "disable", &user.email]).await;
    process::run(&server.database, &["user", "sign-out", &user.email]).await;
    let before = dump(&server.database);
    assert_firebase_error(&refresh(&server, &user.refresh_token).await, "USER_DISABLED");
    assert_unchanged(&before, &server.database);
    process::run(&server.database, &["user", "enable", &user.email]).await;
    assert_signed_out(&server, &user.id_token, &user.refresh_token).await;
    assert_eq!(server.database.texts("SELECT id AS text FROM sessions"), [""; 0]);
}

/// The migration is undone and run again, so that the data is what the version before leaves.
async fn an_upgrade_signs_nobody_out_and_gives_each_session_its_end(db: Backend) {
    let server = Server::start(db).await;
    let (user, idle) = (User::sign_up(&server).await, User::sign_up(&server).await);
    let database = server.database.clone();
    drop(server);
    let undo = include_str!("../../../migrations/common/2026-11-28-050000_sessions/down.sql");
    database.connect().batch_execute(undo).expect("the version before");
    database.execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261128050000'");
    let server = Server::on(database, |_| {}).await;
    let answer = refresh(&server, &user.refresh_token).await.expect(200);
    assert_ne!(answer["refresh_token"], user.refresh_token.as_str(), "replaced from now on");
    assert_signed_in(&server, &answer.text_at("/id_token")).await;
    until("each token has a session", async || {
        server.database.texts("SELECT account_id AS text FROM refresh_tokens WHERE session_id IS NULL").is_empty()
    })
    .await;
    assert_eq!(server.database.texts("SELECT id AS text FROM sessions").len(), 2);
    server.clock.advance(DAY * 29);
    refresh(&server, &answer.text_at("/refresh_token")).await.expect(200);
    server.clock.advance(DAY);
    assert_firebase_error(&refresh(&server, &idle.refresh_token).await, "TOKEN_EXPIRED");
}
