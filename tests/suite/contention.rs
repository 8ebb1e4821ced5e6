//! Many writes and changes of access of one organization at once: each is answered in time, and none is a deadlock.

use crate::cluster::node::lift_limits;
use crate::support::http::{Answer, Api, Request};
use crate::support::tenant::User;
use crate::support::until::until;
use crate::support::{Backend, Server, Tenant, tests, tests_once};
use diesel::connection::SimpleConnection;
use futures_util::future::join_all;
use keyward::base::sql::Conn;
use keyward::domain::changes::ScopedStore;
use keyward::domain::identity::Account;
use keyward::infra::db::Db;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::cell::RefCell;
use std::time::{Duration, Instant};

tests![writes_and_changes_of_access_at_once_are_all_answered];
tests_once![a_deadlock_is_counted];

/// Who changes things at once, and how often each does.
const ACTORS: u64 = 6;
const ROUNDS: usize = 20;
/// The longest that one answer, and the whole, may take on a busy machine.
const ANSWER: Duration = Duration::from_secs(30);
const WHOLE: Duration = Duration::from_secs(200);
/// What a request may meet that another one overtook.
const OVERTAKEN: [u16; 6] = [400, 401, 403, 404, 409, 422];

/// One organization, whose members and keys everybody changes.
struct Crowd<'s> {
    server: &'s Server,
    tenant: &'s Tenant<'s>,
    owners: Vec<User>,
    /// With the ID token of the last sign-in.
    members: Vec<RefCell<User>>,
}

impl Crowd<'_> {
    /// Some random requests.
    async fn act(&self, random: &mut StdRng) {
        let owner = &self.owners[random.random_range(0..self.owners.len())];
        let other_owner = &self.owners[random.random_range(0..self.owners.len())];
        let place = random.random_range(0..self.members.len());
        let member = self.members[place].borrow().clone();
        let of_organization = self.tenant.organization_path(&format!("/members/{}", member.user_id));
        let of_workspace = self.tenant.workspace_path(&format!("/members/{}", member.user_id));
        let role = ["viewer", "editor", "admin"][random.random_range(0..3)];
        let organization_role = ["member", "admin"][random.random_range(0..2)];
        let api: &Api = self.server;
        let add = || api.put(&of_workspace).json(json!({ "role": role }));
        match random.random_range(0..8) {
            0 => {
                let change = api.patch(&of_organization).json(json!({ "role": organization_role }));
                self.send(change, owner).await;
            }
            1 => {
                self.send(add(), owner).await;
            }
            2 => {
                self.send(api.delete(&of_workspace), owner).await;
                self.send(add(), owner).await;
            }
            3 | 4 => self.use_key(random, &member, owner).await,
            5 => self.switch_account(&self.members[place]).await,
            6 => {
                let path = self.tenant.organization_path("/workspaces");
                let made = self.send(api.post(&path).json(json!({ "name": "Short-lived" })), owner).await;
                let path = format!("/v1/workspaces/{}", made.text_at("/id"));
                self.send(api.post(&format!("{path}/api-keys")).json(json!({})), owner).await;
                self.send(api.delete(&path), owner).await;
            }
            _ => {
                // Owners who change each other and the organization.
                let path = self.tenant.organization_path(&format!("/members/{}", other_owner.user_id));
                self.send(api.patch(&path).json(json!({ "role": "owner" })), owner).await;
                let rename = api.patch(&self.tenant.organization_path("")).json(json!({ "name": "Acme" }));
                self.send(rename, other_owner).await;
            }
        }
    }

    /// Makes a key, and writes with it while it is stopped.
    async fn use_key(&self, random: &mut StdRng, member: &User, owner: &User) {
        let api: &Api = self.server;
        let made = self.send(api.post(&self.tenant.workspace_path("/api-keys")).json(json!({})), member).await;
        if made.status != 201 {
            return;
        }
        let (plaintext, path) =
            (made.text_at("/plaintext"), self.tenant.workspace_path(&format!("/api-keys/{}", made.text_at("/id"))));
        let note = || api.post("/v1/notes").bearer(&plaintext).json(json!({ "text": "busy" }));
        let change = match random.random_range(0..5) {
            0 => api.post(&format!("{path}/roll")).json(json!({})),
            1 => api.post(&format!("{path}/revoke")),
            2 => api.post(&format!("{path}/disable")),
            3 => api.post(&format!("{path}/transfer")).json(json!({ "userId": owner.user_id })),
            _ => api.delete(&path),
        };
        tokio::join!(self.answered(note()), self.send(change, owner), self.answered(note()));
        self.answered(api.post("/v1/whoami/revoke").bearer(&plaintext)).await;
    }

    /// Disables and enables a person, as the operator does. The person signs in again.
    async fn switch_account(&self, member: &RefCell<User>) {
        let User { email, password, .. } = member.borrow().clone();
        for is_disabled in [true, false] {
            let (config, clock, email) = (self.server.config.clone(), self.server.clock.clone(), email.clone());
            let done = tokio::task::spawn_blocking(move || {
                let at = is_disabled.then(|| clock.now());
                let db = Db::new(&config.database).for_all_tenants();
                let store = ScopedStore::for_command(&config, db, &clock).expect("a store");
                store.change_access_blocking(|conn, change| Account::set_disabled(conn, change, &email, at).map(drop))
            });
            done.await.expect("no panic").expect("the operator's change");
        }
        let sign_in = self.server.post("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=test");
        let body = json!({ "email": email, "password": password, "returnSecureToken": true });
        let answer = self.answered(sign_in.json(body)).await;
        if answer.status == 200 {
            member.borrow_mut().id_token = answer.text_at("/idToken");
        }
    }

    async fn send(&self, request: Request, caller: &User) -> Answer {
        self.answered(request.bearer(&caller.id_token)).await
    }

    async fn answered(&self, request: Request) -> Answer {
        let sent = Instant::now();
        let answer = tokio::time::timeout(ANSWER, request.send()).await.expect("an answer in time");
        let was_transferred = answer.status == 503 && sent.elapsed() < Duration::from_secs(4);
        let is_good = (200..300).contains(&answer.status) || OVERTAKEN.contains(&answer.status) || was_transferred;
        assert!(is_good, "{} after {:?}: {}", answer.status, sent.elapsed(), answer.text);
        answer
    }
}

async fn writes_and_changes_of_access_at_once_are_all_answered(db: Backend) {
    let server = Server::with(db, |config| {
        lift_limits(config);
        config.cluster.lease = Duration::from_millis(50);
        config.database.pool_size = 8;
        let notes = "[notes.schema]\ntype = \"object\"\nproperties.text.type = \"string\"";
        config.collections = toml::from_str(notes).expect("good configuration");
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let mut owners = vec![tenant.owner.clone()];
    owners.push(tenant.add_member("owner", &[]).await);
    let mut members = Vec::new();
    for role in ["viewer", "editor", "admin"] {
        members.push(RefCell::new(tenant.add_to_workspace(role).await));
    }
    let crowd = Crowd { server: &server, tenant: &tenant, owners, members };
    let started = Instant::now();
    let actors = (0..ACTORS).map(async |seed| {
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..ROUNDS {
            crowd.act(&mut random).await;
        }
    });
    tokio::time::timeout(WHOLE, join_all(actors)).await.expect("all is answered in time");
    println!("{} rounds on {} took {:?}", ACTORS * ROUNDS as u64, db.name(), started.elapsed());
    let database = server.database.clone();
    tokio::task::spawn_blocking(move || drop(server)).await.expect("it stops");
    if db == Backend::Postgres {
        // A session that has ended has told its statistics.
        until("the server's sessions end", async || database.texts(OTHERS).concat() == "0").await;
        assert_eq!(database.texts(DEADLOCKS).concat(), "0", "PostgreSQL had to break a deadlock");
    }
}

const OTHERS: &str = "SELECT count(*)::text AS text FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";
/// How many deadlocks PostgreSQL has broken in this database.
const DEADLOCKS: &str = "SELECT deadlocks::text AS text FROM pg_stat_database WHERE datname = current_database()";

/// The counter that the test above looks at counts what it should.
async fn a_deadlock_is_counted() {
    let server = Server::start(Backend::Postgres).await;
    let (one, other) = (Tenant::new(&server).await, Tenant::new(&server).await);
    let lock = |conn: &mut Conn, tenant: &Tenant<'_>| {
        let id = &tenant.organization_id;
        conn.batch_execute(&format!("SELECT 1 FROM organizations WHERE id = '{id}' FOR UPDATE"))
    };
    let (mut first, mut second) = (server.database.connect(), server.database.connect());
    first.batch_execute("BEGIN").expect("a transaction");
    second.batch_execute("BEGIN").expect("a transaction");
    lock(&mut first, &one).expect("a lock");
    lock(&mut second, &other).expect("a lock");
    let crossed = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| lock(&mut first, &other).is_err());
        let is_broken = lock(&mut second, &one).is_err();
        drop(second);
        waiting.join().expect("no panic") || is_broken
    });
    assert!(crossed, "there was no deadlock");
    drop(first);
    until("the deadlock is counted", async || server.database.texts(DEADLOCKS).concat() == "1").await;
}
