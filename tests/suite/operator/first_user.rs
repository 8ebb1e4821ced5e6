//! The operator makes the first user: `user create`, `set-password`, `delete`, and `organization create`.

use crate::audit::trail;
use crate::identity::rest::sign_in;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Api;
use crate::support::process::{command_on, fail, output, run};
use crate::support::smtp::{Smtp, code_in};
use crate::support::{Backend, Server, Tenant, environment, secrets, tests};
use serde_json::{Value, json};
use std::fs;

tests![
    the_link_of_a_new_account_sets_its_password_and_the_person_owns_the_organization,
    an_account_is_made_once,
    the_link_is_mailed_where_mail_is_configured,
    an_organization_is_made_for_its_owner,
    a_password_is_set_from_standard_input,
    an_account_is_deleted_as_its_person_could,
];

const PASSWORD: &str = "tangerine-battery-8";

/// The code in the link that a command printed last.
fn code_of(printed: &str) -> String {
    let link = printed.lines().last().expect("a link");
    assert!(link.starts_with("http://localhost:8080/__/auth/action?mode=resetPassword&oobCode="), "{link}");
    code_in(&format!("{link}\n"), "oobCode=").expect("a code")
}

async fn set_password(server: &Api, code: &str, password: &str) -> crate::support::http::Answer {
    let path = "/identitytoolkit.googleapis.com/v1/accounts:resetPassword?key=any";
    server.post(path).json(json!({ "oobCode": code, "newPassword": password })).send().await
}

async fn me(server: &Api, email: &str, password: &str) -> Value {
    let signed_in = sign_in(server, email, password).await.expect(200);
    let token = signed_in.text_at("/idToken");
    secrets::register(&token);
    server.get("/v1/me").bearer(&token).send().await.expect(200).body
}

async fn the_link_of_a_new_account_sets_its_password_and_the_person_owns_the_organization(db: Backend) {
    let server = Server::start(db).await;
    let words = ["user", "create", "Ada@EXAMPLE.com", "--name", "Ada Lovelace", "--owner-of", "Acme"];
    let printed = run(&server.database, &words).await;
    let code = code_of(&printed);
    secrets::register(&code);
    // Nothing but the link opens it.
    let unknown = sign_in(&server, "Ada@example.com", "").await;
    assert_eq!(unknown.status, 400, "{}", unknown.text);
    sign_in(&server, "Ada@example.com", PASSWORD).await.expect(400);
    let page = server.get(&format!("/__/auth/action?mode=resetPassword&oobCode={code}")).send().await.expect(200);
    assert!(page.text.contains("ada@example.com"), "{}", page.text);
    set_password(&server, &code, PASSWORD).await.expect(200);
    set_password(&server, &code, "another-battery-9").await.expect(400);
    let me = me(&server, "Ada@example.com", PASSWORD).await;
    assert_eq!(me["user"]["name"], "Ada Lovelace");
    let verified = "SELECT CASE WHEN email_verified THEN 'yes' ELSE 'no' END AS text FROM accounts";
    assert_eq!(server.database.texts(verified), ["yes"]);
    let organization = &me["organizations"][0];
    assert_eq!((&organization["name"], &organization["role"]), (&json!("Acme"), &json!("owner")));
    let (user, id) = (me["user"]["id"].as_str().expect("an id"), organization["id"].as_str().expect("an id"));
    assert!(printed.contains(user) && printed.contains(id), "{printed}");
    let events = trail(&server.database, id);
    assert_eq!(
        (&events[0]["action"], &events[0]["actor"]["kind"]),
        (&json!("organization.created"), &json!("operator"))
    );
    assert_eq!(events[0]["after"]["owner"], user);
}

async fn an_account_is_made_once(db: Backend) {
    let server = Server::start(db).await;
    run(&server.database, &["user", "create", "ada@example.com"]).await;
    let before = dump(&server.database);
    for email in ["ada@example.com", "ada@EXAMPLE.com"] {
        let said = fail(&server.database, &["user", "create", email, "--owner-of", "Acme"]).await;
        assert!(said.contains("has an account already"), "{said}");
    }
    let said = fail(&server.database, &["user", "create", "nN<ada@example.com>"]).await;
    assert!(said.contains("invalid value"), "{said}");
    let mut off = command_on(&server.database, &["user", "create", "eve@example.com"]);
    off.env("KEYWARD__IDENTITY__BUILTIN", "false");
    off.env("KEYWARD__IDENTITY__ISSUERS", "[{ firebase_project = \"app\" }]");
    let said = output(off).await;
    assert!(!said.status.success() && String::from_utf8_lossy(&said.stderr).contains("identity.builtin"));
    assert_unchanged(&before, &server.database);
}

async fn the_link_is_mailed_where_mail_is_configured(db: Backend) {
    let server = Server::start(db).await;
    let before = dump(&server.database);
    let words = ["user", "create", "ada@example.com", "--mail"];
    let said = fail(&server.database, &words).await;
    assert!(said.contains("mail.smtp_url"), "{said}");
    assert_unchanged(&before, &server.database);
    let smtp = Smtp::start();
    let mut mailing = command_on(&server.database, &words);
    mailing.env("KEYWARD__MAIL__SMTP_URL", smtp.url());
    let said = output(mailing).await;
    let printed = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success() && !printed.contains("oobCode"), "{printed}");
    let mail = smtp.mail(1).await;
    let code = code_in(&mail, "oobCode=").expect("a link");
    set_password(&server, &code, PASSWORD).await.expect(200);
    me(&server, "ada@example.com", PASSWORD).await;
    // A mail that can't be sent: the account is there, and the message says how to go on.
    let mut failing = command_on(&server.database, &["user", "create", "eve@example.com", "--mail"]);
    failing.env("KEYWARD__MAIL__SMTP_URL", "smtp://127.0.0.1:1");
    let said = output(failing).await;
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.code() == Some(1) && errors.contains("user set-password eve@example.com"), "{errors}");
}

async fn an_organization_is_made_for_its_owner(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    for owner in [&acme.owner.email, &acme.owner.user_id] {
        let printed = run(&server.database, &["organization", "create", "Initech", "--owner", owner]).await;
        let id = printed.split('\t').next().expect("an id").to_owned();
        let events = trail(&server.database, &id);
        let made = (&json!("organization.created"), &json!("operator"));
        assert_eq!((&events[0]["action"], &events[0]["actor"]["kind"]), made);
        assert_eq!(events[0]["after"]["owner"], acme.owner.user_id.as_str());
        let path = format!("/v1/organizations/{id}");
        assert_eq!(server.get(&path).bearer(&acme.owner.id_token).send().await.expect(200)["role"], "owner");
    }
    run(&server.database, &["user", "create", "new@example.com"]).await;
    run(&server.database, &["organization", "create", "Hooli", "--owner", "new@example.com"]).await;
    run(&server.database, &["user", "disable", "new@example.com"]).await;
    let before = dump(&server.database);
    for (owner, reason) in [
        ("nobody@example.com", "no user has the address"),
        ("usr_01k4w5c9q2e0vb7m3t8z6r1xhd", "there is no user"),
        ("nobody", "neither the id of a user nor an e-mail address"),
        ("new@example.com", "is disabled"),
    ] {
        let said = fail(&server.database, &["organization", "create", "Initech", "--owner", owner]).await;
        assert!(said.contains(reason), "{said}");
    }
    assert_unchanged(&before, &server.database);
}

/// Runs a command with a text as its standard input; gives its status and what it says.
async fn typing(server: &Server, words: &[&str], text: &str) -> (bool, String) {
    let file = environment::directory().join(format!("input-{}", server.address().port()));
    fs::write(&file, text).expect("written");
    let mut command = command_on(&server.database, words);
    command.stdin(fs::File::open(&file).expect("a file"));
    let said = output(command).await;
    (said.status.success(), String::from_utf8_lossy(&said.stderr).into_owned())
}

async fn a_password_is_set_from_standard_input(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    let words = ["user", "set-password", &acme.owner.email];
    let before = dump(&server.database);
    for (text, reason) in [("password\n", "Password"), ("\n", "Password"), ("", "Password")] {
        let (done, said) = typing(&server, &words, text).await;
        assert!(!done && said.contains(reason), "{said}");
    }
    let (done, said) = typing(&server, &["user", "set-password", "nobody@example.com"], "tangerine-battery-8\n").await;
    assert!(!done && said.contains("there is no account"), "{said}");
    // Never as an argument, which every process of the machine can read.
    let (done, _) = typing(&server, &[&words[..], &["typed-for-all-to-see"]].concat(), "").await;
    assert!(!done);
    assert_unchanged(&before, &server.database);

    let (done, said) = typing(&server, &words, &format!("{PASSWORD}\r\n")).await;
    assert!(done, "{said}");
    server.get("/v1/me").bearer(&acme.owner.id_token).send().await.expect_error(401, "invalid_id_token");
    sign_in(&server, &acme.owner.email, &acme.owner.password).await.expect(400);
    me(&server, &acme.owner.email, PASSWORD).await;
    let events = trail(&server.database, &acme.organization_id);
    let changed: Vec<&Value> = events.iter().filter(|event| event["action"] == "user.password_changed").collect();
    assert!(changed.len() == 1 && changed[0]["actor"]["kind"] == "operator", "{changed:#?}");
}

async fn an_account_is_deleted_as_its_person_could(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    let member = acme.add_to_workspace("editor").await;
    let key = acme.create_key(&member, json!({})).await.plaintext;
    let before = dump(&server.database);
    for (words, reason) in [
        (vec!["user", "delete", &member.email], "--yes"),
        (vec!["user", "delete", "nobody@example.com"], "there is no account"),
        (vec!["user", "delete", "nobody@example.com", "--yes"], "there is no account"),
        (vec!["user", "delete", &acme.owner.email, "--yes"], "last owner"),
    ] {
        let said = fail(&server.database, &words).await;
        assert!(said.contains(reason), "{said}");
    }
    assert_unchanged(&before, &server.database);
    run(&server.database, &["user", "delete", &member.email, "--yes"]).await;
    server.get("/v1/me").bearer(&member.id_token).send().await.expect_error(401, "invalid_id_token");
    server.get("/v1/whoami").bearer(&key).send().await.expect_error(401, "api_key_orphaned");
    assert!(!run(&server.database, &["user", "list"]).await.contains(&member.email));
    let events = trail(&server.database, &acme.organization_id);
    let left = events.iter().find(|event| event["action"] == "organization_member.left").expect("an event");
    assert_eq!((&left["actor"]["kind"], &left["target"]["name"]), (&json!("operator"), &json!(member.email)));
}
