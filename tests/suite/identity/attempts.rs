//! Guessing passwords: how often one may, from where, and what a password must be.

use super::rest::{PASSWORD, assert_firebase_error, call};
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::{Answer, Api};
use crate::support::tenant::User;
use crate::support::{Backend, Server, tests};
use futures_util::future::join_all;
use keyward::base::config::{Argon2Settings, Config};
use serde_json::json;
use std::time::Duration;

tests![
    guesses_at_one_account_are_limited_and_come_back_with_time,
    an_unknown_address_is_limited_like_a_known_one,
    parallel_guesses_are_no_way_around,
    a_success_resets_nobodys_count,
    an_attacker_locks_the_owner_out_neither_from_one_address_nor_from_many,
    one_address_can_not_try_one_password_on_many_accounts,
    an_address_that_no_trusted_proxy_vouches_for_counts_for_nothing,
    the_documentations_sign_in_is_limited_too,
    sign_ups_from_one_address_are_limited,
    the_commonest_passwords_are_refused_and_the_least_length_is_configured,
    an_unknown_address_costs_the_same_work_as_a_known_one,
    a_sign_in_renews_a_hash_of_another_cost,
];

/// A server behind a trusted proxy, so that a test can come from anywhere, with these limits.
async fn server(db: Backend, change: impl FnOnce(&mut Config)) -> Server {
    Server::with(db, |config| {
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a block")];
        config.identity.limits.failures_per_account_and_address = 3;
        config.identity.limits.failures_per_account = 6;
        config.identity.limits.window = Duration::from_secs(60);
        change(config);
    })
    .await
}

async fn sign_in_from(server: &Api, address: &str, email: &str, password: &str) -> Answer {
    let path = "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=any";
    let request = server.post(path).header("x-forwarded-for", address);
    request.json(json!({ "email": email, "password": password, "returnSecureToken": true })).send().await
}

/// UnknownKeys wrongly; `true`: it was taken as a guess.
async fn guess(server: &Api, address: &str, email: &str) -> bool {
    let answer = sign_in_from(server, address, email, "not-the-password").await;
    let refused = answer.text.contains("TOO_MANY_ATTEMPTS_TRY_LATER");
    let code = if refused { "TOO_MANY_ATTEMPTS_TRY_LATER" } else { "INVALID_LOGIN_CREDENTIALS" };
    assert_firebase_error(&answer, code);
    !refused
}

const HERE: &str = "192.0.2.1";

async fn guesses_at_one_account_are_limited_and_come_back_with_time(db: Backend) {
    let server = server(db, |_| {}).await;
    let user = User::sign_up(&server).await;
    for _ in 0..3 {
        assert!(guess(&server, HERE, &user.email).await);
    }
    let before = dump(&server.database);
    assert!(!guess(&server, HERE, &user.email.to_uppercase()).await);
    let right = sign_in_from(&server, HERE, &user.email, &user.password).await;
    assert_firebase_error(&right, "TOO_MANY_ATTEMPTS_TRY_LATER");
    assert_unchanged(&before, &server.database);
    server.clock.advance(Duration::from_secs(20));
    sign_in_from(&server, HERE, &user.email, &user.password).await.expect(200);
    server.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
}

async fn an_unknown_address_is_limited_like_a_known_one(db: Backend) {
    let server = server(db, |_| {}).await;
    let user = User::sign_up(&server).await;
    let mut answers = Vec::new();
    for email in [user.email.as_str(), "nobody@example.com"] {
        let mut texts = Vec::new();
        for _ in 0..5 {
            texts.push(sign_in_from(&server, HERE, email, "not-the-password").await.text);
        }
        answers.push(texts);
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0][2].contains("INVALID_LOGIN_CREDENTIALS") && answers[0][3].contains("TOO_MANY_ATTEMPTS"));
}

async fn parallel_guesses_are_no_way_around(db: Backend) {
    let server = server(db, |_| {}).await;
    let user = User::sign_up(&server).await;
    let taken = join_all((0..20).map(|_| guess(&server, HERE, &user.email))).await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 3);
}

async fn a_success_resets_nobodys_count(db: Backend) {
    let server = server(db, |_| {}).await;
    let user = User::sign_up(&server).await;
    for _ in 0..3 {
        assert!(guess(&server, HERE, &user.email).await);
    }
    for _ in 0..5 {
        sign_in_from(&server, "198.51.100.1", &user.email, &user.password).await.expect(200);
    }
    assert!(!guess(&server, HERE, &user.email).await);
}

async fn an_attacker_locks_the_owner_out_neither_from_one_address_nor_from_many(db: Backend) {
    let server = server(db, |_| {}).await;
    let mut user = User::sign_up(&server).await;
    while guess(&server, HERE, &user.email).await {}
    // One address is refused; the owner comes from another.
    sign_in_from(&server, "198.51.100.1", &user.email, &user.password).await.expect(200);
    for host in 2..8 {
        while guess(&server, &format!("192.0.2.{host}"), &user.email).await {}
    }
    assert!(!guess(&server, "192.0.2.77", &user.email).await, "strangers are refused wherever they come from");
    sign_in_from(&server, "198.51.100.1", &user.email, &user.password).await.expect(200);
    user.refresh(&server).await;
    server.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
    server.clock.advance(Duration::from_secs(60));
    sign_in_from(&server, "203.0.113.1", &user.email, &user.password).await.expect(200);
}

async fn one_address_can_not_try_one_password_on_many_accounts(db: Backend) {
    let server = server(db, |config| config.identity.limits.failures_per_address = 5).await;
    for number in 0..5 {
        assert!(guess(&server, "2001:db8:1:2::1", &format!("user-{number}@example.com")).await);
    }
    assert!(!guess(&server, "2001:db8:1:2:ffff::9", "user-5@example.com").await, "a /64 is one address");
    assert!(guess(&server, "2001:db8:1:3::1", "user-5@example.com").await);
}

async fn an_address_that_no_trusted_proxy_vouches_for_counts_for_nothing(db: Backend) {
    let server = server(db, |config| config.server.trusted_proxies.clear()).await;
    for host in 0..3 {
        assert!(guess(&server, &format!("192.0.2.{host}"), "ada@example.com").await);
    }
    assert!(!guess(&server, "192.0.2.99", "ada@example.com").await);
}

async fn the_documentations_sign_in_is_limited_too(db: Backend) {
    let server = server(db, |_| {}).await;
    let user = User::sign_up(&server).await;
    for _ in 0..3 {
        assert!(guess(&server, "127.0.0.1", &user.email).await);
    }
    let form = [("grant_type", "password"), ("username", &*user.email), ("password", &*user.password)];
    let refused = server.post("/docs/token").form(&form).send().await.expect(429);
    assert_eq!(refused["error"], "temporarily_unavailable");
    assert!(refused.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    server.clock.advance(Duration::from_secs(60));
    let wrong = [("grant_type", "password"), ("username", &*user.email), ("password", "not-the-password")];
    for _ in 0..3 {
        assert_eq!(server.post("/docs/token").form(&wrong).send().await.expect(400)["error"], "invalid_grant");
    }
    assert!(!guess(&server, "127.0.0.1", &user.email).await, "both ways count together");
}

async fn sign_ups_from_one_address_are_limited(db: Backend) {
    let server = server(db, |config| config.identity.limits.sign_ups_per_address = 2).await;
    let sign_up = async |address: &str, email: &str| {
        let path = "/identitytoolkit.googleapis.com/v1/accounts:signUp?key=any";
        let body = json!({ "email": email, "password": PASSWORD, "returnSecureToken": true });
        server.post(path).header("x-forwarded-for", address).json(body).send().await
    };
    sign_up(HERE, "ada@example.com").await.expect(200);
    assert_firebase_error(&sign_up(HERE, "ada@example.com").await, "EMAIL_EXISTS");
    let before = dump(&server.database);
    assert_firebase_error(&sign_up(HERE, "grace@example.com").await, "TOO_MANY_ATTEMPTS_TRY_LATER");
    assert_firebase_error(&sign_up(HERE, "ada@example.com").await, "TOO_MANY_ATTEMPTS_TRY_LATER");
    assert_unchanged(&before, &server.database);
    sign_up("192.0.2.2", "grace@example.com").await.expect(200);
    server.clock.advance(Duration::from_secs(30));
    sign_up(HERE, "edith@example.com").await.expect(200);
}

async fn the_commonest_passwords_are_refused_and_the_least_length_is_configured(db: Backend) {
    let server = server(db, |config| config.identity.min_password_length = 12).await;
    let before = dump(&server.database);
    for (password, message) in [
        ("elevenchars", "WEAK_PASSWORD : Password should be at least 12 characters"),
        ("1QAZ2wsx3edc", "WEAK_PASSWORD : Password is too easy to guess"),
        ("GRACE@example.com", "WEAK_PASSWORD : Password is too easy to guess"),
    ] {
        let body = json!({ "email": "grace@example.com", "password": password });
        assert_firebase_error(&call(&server, "signUp", body).await, message);
    }
    assert_unchanged(&before, &server.database);
    let body = json!({ "email": "grace@example.com", "password": "aaaa bbbb cc" });
    call(&server, "signUp", body).await.expect(200);
}

async fn an_unknown_address_costs_the_same_work_as_a_known_one(db: Backend) {
    // Time says little on a busy machine. The queue for Argon2 tells who runs it: it is full for either.
    let server = server(db, |config| {
        config.identity.max_concurrent_hashes = 1;
        config.identity.max_queued_hashes = 1;
        config.identity.argon2.memory_kib = 32 * 1024;
        config.identity.limits.failures_per_account_and_address = 1000;
        config.identity.limits.failures_per_account = 1000;
        config.identity.limits.failures_per_address = 1000;
    })
    .await;
    let user = User::sign_up(&server).await;
    for email in [user.email.as_str(), "nobody@example.com"] {
        let taken = join_all((0..12).map(|_| guess(&server, HERE, email))).await;
        let refused = taken.iter().filter(|taken| !**taken).count();
        assert!(refused > 0 && refused < 12, "{email}: {refused} of 12 found the queue full");
    }
}

async fn a_sign_in_renews_a_hash_of_another_cost(db: Backend) {
    let old = Server::start(db).await;
    let user = User::sign_up(&old).await;
    let dearer = Argon2Settings { memory_kib: 128, iterations: 2, parallelism: 1 };
    let new = old.another(|config| config.identity.argon2 = dearer).await;
    let stored = || dump(&old.database)["accounts"].clone();
    assert!(stored().contains("$argon2id$v=19$m=64,t=1,p=1$"));
    assert!(guess(&new, HERE, &user.email).await);
    assert!(stored().contains("m=64,t=1,p=1$"), "a wrong password renews nothing");
    let session = sign_in_from(&new, HERE, &user.email, &user.password).await.expect(200);
    assert!(stored().contains("$argon2id$v=19$m=128,t=2,p=1$") && !stored().contains("m=64"));
    new.get("/v1/me").bearer(&session.text_at("/idToken")).send().await.expect(200);
    new.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
    let after = dump(&old.database)["accounts"].matches("$argon2id$").count();
    assert_eq!(after, 1);
    for node in [&new, &old] {
        sign_in_from(node, HERE, &user.email, &user.password).await.expect(200);
        assert!(guess(node, HERE, &user.email).await);
    }
}
