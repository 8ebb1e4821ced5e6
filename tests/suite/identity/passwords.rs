//! New passwords: which are refused, that a change is mailed, and that a refused sign-in tells nothing by its work.

use super::mailed_codes::{code_of, start};
use super::rest::{assert_firebase_error, call, sign_in};
use crate::metrics;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::environment;
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::config::Argon2Settings;
use serde_json::json;
use tempfile::TempDir;

tests![
    a_simple_password_is_refused_wherever_one_is_chosen,
    words_of_the_product_can_be_configured,
    firebases_least_length_stays_possible,
    a_breached_password_is_refused_wherever_one_is_chosen,
    a_file_of_breached_passwords_that_can_not_be_used_stops_the_start,
    a_file_of_breached_passwords_that_goes_away_is_503_and_no_permission,
    a_new_password_is_mailed_to_its_account,
    a_refused_sign_in_costs_the_same_work_whatever_its_account,
    the_costs_of_hashes_are_known_until_their_last_account_is_gone,
];

const SIMPLE: [&str; 8] =
    ["88888888", "987654321", "abcdefgh", "        ", "asdfghjkl;", "keyward2", "ab12ab12ab12", "example.com"];

async fn a_simple_password_is_refused_wherever_one_is_chosen(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let user = User::sign_up(&server).await;
    let named = json!({ "idToken": user.id_token, "displayName": "Rosalind Franklin" });
    call(&server, "update", named).await.expect(200);
    call(&server, "sendOobCode", json!({ "requestType": "PASSWORD_RESET", "email": user.email })).await.expect(200);
    let code = code_of(&smtp.mail(1).await);
    tenant.invite("grace@example.com", "member", &[]).await;
    let token = crate::invitations::mails::token_in(&smtp.mail(2).await);
    let before = dump(&server.database);
    for password in SIMPLE.into_iter().chain(["rosalind123", "Franklin!!"]) {
        let change = call(&server, "update", json!({ "idToken": user.id_token, "password": password })).await;
        let reset = call(&server, "resetPassword", json!({ "oobCode": code, "newPassword": password })).await;
        let mut answers = vec![change, reset];
        if SIMPLE.contains(&password) {
            let body = json!({ "email": "new@example.com", "password": password });
            answers.push(call(&server, "signUp", body).await);
            let form = [("token", &*token), ("password", password)];
            let page = server.post("/__/auth/invitation").form(&form).send().await.expect(400);
            assert!(page.text.contains("Password "), "{password}: {}", page.text);
        }
        for answer in answers {
            assert_eq!(answer.status, 400, "{password}: {}", answer.text);
            let message = answer.text_at("/error/message");
            assert!(message.starts_with("WEAK_PASSWORD : Password "), "{password}: {message}");
        }
    }
    let with_name = [("token", &*token), ("password", "hopper-grace"), ("name", "Grace Hopper")];
    server.post("/__/auth/invitation").form(&with_name).send().await.expect(400);
    assert_unchanged(&before, &server.database);
    call(&server, "resetPassword", json!({ "oobCode": code, "newPassword": "tangerine-battery" })).await.expect(200);
}

async fn words_of_the_product_can_be_configured(db: Backend) {
    let server =
        Server::with(db, |config| config.identity.password_context_words = vec!["Acme Cloud".to_owned()]).await;
    let before = dump(&server.database);
    let sign_up = async |password: &str| {
        call(&server, "signUp", json!({ "email": "ada@example.org", "password": password })).await
    };
    let message = "WEAK_PASSWORD : Password should not be made of your address, your name or the name of this service";
    assert_firebase_error(&sign_up("acme CLOUD!").await, message);
    assert_unchanged(&before, &server.database);
    sign_up("the acme cloud rains today").await.expect(200);
}

async fn firebases_least_length_stays_possible(db: Backend) {
    let server = Server::with(db, |config| config.identity.min_password_length = 6).await;
    let sign_up = async |password: &str| {
        call(&server, "signUp", json!({ "email": "ada@example.com", "password": password })).await
    };
    let before = dump(&server.database);
    assert_firebase_error(&sign_up("zvkqx").await, "WEAK_PASSWORD : Password should be at least 6 characters");
    let message = "WEAK_PASSWORD : Password should not be made of repetitions and sequences";
    assert_firebase_error(&sign_up("      ").await, message);
    assert_unchanged(&before, &server.database);
    sign_up("zvkqxw").await.expect(200);
}

/// The SHA-1 of `breached-battery-1` and of `breached-battery-2`, sorted, with counts.
const BREACHED: &str = include_str!("breached.txt");
const KNOWN_MESSAGE: &str = "WEAK_PASSWORD : Password is known from a data breach. Choose another one";

async fn a_breached_password_is_refused_wherever_one_is_chosen(db: Backend) {
    let directory = TempDir::new_in(environment::directory()).expect("a directory");
    let file = directory.path().join("breached.txt");
    std::fs::write(&file, BREACHED).expect("a file");
    let server = Server::with(db, |config| config.identity.breached_passwords = Some(file)).await;
    let user = User::sign_up(&server).await;
    let before = dump(&server.database);
    for password in ["breached-battery-1", "breached-battery-2"] {
        let body = json!({ "email": "ada@example.com", "password": password });
        assert_firebase_error(&call(&server, "signUp", body).await, KNOWN_MESSAGE);
        let body = json!({ "idToken": user.id_token, "password": password });
        assert_firebase_error(&call(&server, "update", body).await, KNOWN_MESSAGE);
    }
    assert_unchanged(&before, &server.database);
    let body = json!({ "email": "ada@example.com", "password": "unheard-of-battery-3" });
    call(&server, "signUp", body).await.expect(200);
}

async fn a_file_of_breached_passwords_that_can_not_be_used_stops_the_start(db: Backend) {
    let server = Server::start(db).await;
    let directory = TempDir::new_in(environment::directory()).expect("a directory");
    let file = directory.path().join("breached.txt");
    for (text, why) in [(None, "No such file"), (Some("password\nqwerty\n"), "SHA-1"), (Some(""), "at least one line")]
    {
        if let Some(text) = text {
            std::fs::write(&file, text).expect("a file");
        }
        let path = file.clone();
        let refused = Server::try_on(&server.database, |config| config.identity.breached_passwords = Some(path)).await;
        let reason = refused.expect_err("it does not start");
        assert!(reason.contains("identity.breached_passwords") && reason.contains(why), "{reason}");
    }
}

async fn a_file_of_breached_passwords_that_goes_away_is_503_and_no_permission(db: Backend) {
    let directory = TempDir::new_in(environment::directory()).expect("a directory");
    let file = directory.path().join("breached.txt");
    std::fs::write(&file, BREACHED).expect("a file");
    let path = file.clone();
    let server = Server::with(db, |config| config.identity.breached_passwords = Some(path)).await;
    std::fs::remove_file(&file).expect("it goes");
    let before = dump(&server.database);
    let body = json!({ "email": "ada@example.com", "password": "unheard-of-battery-3" });
    call(&server, "signUp", body.clone()).await.expect_error(503, "unavailable");
    assert_unchanged(&before, &server.database);
    std::fs::write(&file, BREACHED).expect("a file");
    call(&server, "signUp", body).await.expect(200);
}

async fn a_new_password_is_mailed_to_its_account(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    let body = json!({ "idToken": user.id_token, "password": "tangerine-battery-1" });
    call(&server, "update", body).await.expect(200);
    let changed = smtp.mail(1).await;
    call(&server, "sendOobCode", json!({ "requestType": "PASSWORD_RESET", "email": user.email })).await.expect(200);
    let code = code_of(&smtp.mail(2).await);
    call(&server, "resetPassword", json!({ "oobCode": code, "newPassword": "tangerine-battery-2" })).await.expect(200);
    for mail in [changed, smtp.mail(3).await] {
        for part in ["Subject: Your password was changed", &format!("To: {}", user.email), "127.0.0.1"] {
            assert!(mail.contains(part), "{part} is not in {mail}");
        }
        assert!(!mail.contains("http") && !mail.contains("tangerine"), "{mail}");
    }
    let body = json!({ "idToken": user.id_token, "password": "tangerine-battery-3" });
    assert_firebase_error(&call(&server, "update", body).await, "TOKEN_EXPIRED");
    assert_eq!(smtp.count(), 3, "no mail without a change");
}

fn cost(memory_kib: u32, iterations: u32) -> Argon2Settings {
    Argon2Settings { memory_kib, iterations, parallelism: 1 }
}

async fn a_refused_sign_in_costs_the_same_work_whatever_its_account(db: Backend) {
    let cheap = Server::with(db, |config| config.identity.argon2 = cost(64, 1)).await;
    let costly = cheap.another(|config| config.identity.argon2 = cost(512, 2)).await;
    let (old, dear) = (User::sign_up(&cheap).await, User::sign_up(&costly).await);
    for current in [cost(64, 1), cost(128, 3), cost(512, 2), cost(72, 1)] {
        let server = cheap
            .another(|config| {
                config.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"));
                config.identity.argon2 = current;
            })
            .await;
        for email in [old.email.as_str(), &dear.email, "nobody@example.com"] {
            let blocks = async || metrics::value(&metrics::scrape(&server).await, "keyward_password_hash_blocks_total");
            let before = blocks().await;
            let refused = sign_in(&server, email, "not-the-password").await;
            assert_firebase_error(&refused, "INVALID_LOGIN_CREDENTIALS");
            assert_eq!(blocks().await - before, 1024, "{email} with {current:?}");
        }
    }
}

async fn the_costs_of_hashes_are_known_until_their_last_account_is_gone(db: Backend) {
    let server = Server::with(db, |config| config.identity.argon2 = cost(64, 1)).await;
    let costs = || server.database.texts("SELECT cost AS text FROM password_costs ORDER BY cost");
    let user = User::sign_up(&server).await;
    let dearer = server.another(|config| config.identity.argon2 = cost(128, 1)).await;
    assert_eq!(costs(), ["m=128,t=1,p=1", "m=64,t=1,p=1"]);
    sign_in(&dearer, &user.email, &user.password).await.expect(200);
    let again = server.another(|config| config.identity.argon2 = cost(128, 1)).await;
    assert_eq!(costs(), ["m=128,t=1,p=1"], "a sign-in has renewed the last hash");
    sign_in(&again, &user.email, &user.password).await.expect(200);
}
