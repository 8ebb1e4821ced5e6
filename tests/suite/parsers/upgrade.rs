//! Accounts of an older version, whose addresses have no normal form or share one: the migration reports them and
//! changes nothing of them, and all can sign in.

use crate::support::dump::dump;
use crate::support::http::{Answer, Api};
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, process, tests};
use serde_json::json;

tests![
    accounts_of_one_address_are_reported_and_go_on_working,
    an_account_of_an_older_form_is_found_by_every_spelling_and_made_only_once,
];

async fn sign_in(server: &Api, email: &str, password: &str) -> Answer {
    let request = server.post("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=any");
    request.json(json!({ "email": email, "password": password, "returnSecureToken": true })).send().await
}

/// Makes the account what an older version stored.
fn store(server: &Server, user: &User, email: &str) {
    let id = &user.local_id;
    server.database.execute(&format!("UPDATE accounts SET email = '{email}' WHERE id = '{id}'"));
    server.database.execute(&format!("UPDATE users SET email = '{email}' WHERE subject = '{id}'"));
}

/// Takes the schema back to before the migration.
fn revert(server: &Server) {
    server.database.execute("DROP INDEX accounts_normal_email");
    server.database.execute("ALTER TABLE accounts DROP COLUMN normal_email");
    server.database.execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261128030000'");
}

async fn accounts_of_one_address_are_reported_and_go_on_working(db: Backend) {
    let server = Server::start(db).await;
    let mut users = Vec::new();
    for _ in 0..5 {
        users.push(User::sign_up(&server).await);
    }
    let stored = [
        "ada@b\u{fc}cher.example",
        "ada@xn--bcher-kva.example",
        "ada@bu\u{308}cher.example",
        "nn<victim@example.com>",
        "plain@example.com",
    ];
    for (user, email) in users.iter().zip(stored) {
        store(&server, user, email);
    }
    revert(&server);
    let addresses = "SELECT id || ' ' || email AS text FROM accounts ORDER BY id";
    let (before, all_before) = (server.database.texts(addresses), dump(&server.database));
    let migrate = process::command_on(&server.database, &["migrate"]);
    let output = process::output(migrate).await;
    assert!(output.status.success());
    let notes = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = notes.lines().collect();
    assert_eq!(lines.len(), 2, "{notes}");
    let same = lines.iter().find(|line| line.contains("same address")).expect("a report");
    assert!(
        users[..3].iter().all(|user| same.contains(&user.local_id)) && same.contains("nothing was changed"),
        "{same}"
    );
    let unsendable = lines.iter().find(|line| line.contains("no mail")).expect("a report");
    assert!(unsendable.contains(&users[3].local_id), "{unsendable}");
    assert!(!notes.contains(&users[4].local_id) && !notes.contains('@'), "{notes}");
    assert_eq!(server.database.texts(addresses), before);
    let all_after = dump(&server.database);
    assert!(all_before.iter().all(|(table, rows)| table == "accounts" || all_after[table] == *rows));
    // Once: what was reported is not reported again.
    let again = process::output(process::command_on(&server.database, &["migrate"])).await;
    assert!(again.status.success() && again.stderr.is_empty());
    let node = Server::on(server.database.clone(), |_| {}).await;
    for (user, email) in users.iter().zip(stored) {
        for typed in [email.to_owned(), email.to_uppercase()] {
            let signed_in = sign_in(&node, &typed, &user.password).await.expect(200);
            assert_eq!(signed_in["localId"], user.local_id.as_str(), "{typed}");
        }
        node.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
    }
    // The operator names each as ever.
    process::run(&node.database, &["user", "disable", stored[3]]).await;
    assert_eq!(sign_in(&node, stored[3], &users[3].password).await["error"]["message"], "USER_DISABLED");
    sign_in(&node, stored[0], &users[0].password).await.expect(200);
}

async fn an_account_of_an_older_form_is_found_by_every_spelling_and_made_only_once(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let user = User::sign_up(&server).await;
    store(&server, &user, "ada@b\u{fc}cher.example");
    revert(&server);
    process::run(&server.database, &["migrate"]).await;
    let node = Server::on(server.database.clone(), |_| {}).await;
    for typed in ["Ada@B\u{fc}cher.example", "ada@bu\u{308}cher.example", "ada@xn--bcher-kva.example"] {
        assert_eq!(
            sign_in(&node, typed, &user.password).await.expect(200)["localId"],
            user.local_id.as_str(),
            "{typed}"
        );
        let request = node.post("/identitytoolkit.googleapis.com/v1/accounts:signUp?key=any");
        let body = json!({ "email": typed, "password": "correct-horse-battery", "returnSecureToken": true });
        assert_eq!(request.json(body).send().await["error"]["message"], "EMAIL_EXISTS", "{typed}");
    }
    let me = node.get("/v1/me").bearer(&user.id_token).send().await.expect(200);
    assert_eq!(me["user"]["email"], "ada@xn--bcher-kva.example");
    // An invitation to the normal form is the person's.
    process::run(&node.database, &["user", "verify-email", "ada@xn--bcher-kva.example"]).await;
    let invitation = tenant.invite("ada@xn--bcher-kva.example", "member", &[]).await.text_at("/token");
    let accept = node.post("/v1/invitations/accept").bearer(&user.id_token);
    accept.json(json!({ "token": invitation })).send().await.expect(200);
}
