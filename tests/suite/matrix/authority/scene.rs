//! [`Scene`]: a server with everybody and everything, where authority is taken away while a body is on its way.

use super::super::callers::{Caller, Who};
use super::super::reply::{Call, Underway};
use super::super::table::{Body, Row, Target};
use super::super::world::{self, Targets, World};
use super::losses::Loss::{self, *};
use super::people::{Holder, People};
use crate::identity::foreigners::Foreigners;
use crate::support::{Backend, Server};
use keyward::base::config::Config;
use keyward::base::error::ApiError;
use keyward::base::policy::SubscriptionStatus;
use keyward::base::sql::Conn;
use keyward::domain::changes::{AccessChange, ScopedStore};
use keyward::domain::identity::Account;
use keyward::domain::service_tokens::{ServiceToken, ServiceTokenChange};
use keyward::domain::subscriptions::{Subscription, SubscriptionChange};
use keyward::infra::db::Db;
use serde_json::{Value, json};
use std::time::Duration;

/// The matrix's server, which says how many bodies it waits for.
pub async fn server(db: Backend, change: impl FnOnce(&mut Config)) -> Server {
    Server::with(db, |config| {
        world::configure(config);
        config.cluster.lease = Duration::from_millis(100);
        config.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"));
        change(config);
    })
    .await
}

/// The body of a row that writes: that of the table names no key, so there is nothing to revoke.
fn body(row: &Row) -> Body {
    match row.who {
        Who::Service => Body::Json(
            |t| json!([{ "token": t["leakedKey"], "type": "keyward_api_key", "url": "https://example.com/", "source": "content" }]),
        ),
        _ => row.body,
    }
}

pub struct Scene<'s> {
    pub server: &'s Server,
    pub world: World<'s>,
    /// The issuer that people come from, if it is not the built-in provider.
    pub foreigners: Option<Foreigners>,
}

impl<'s> Scene<'s> {
    pub async fn of(server: &'s Server) -> Self {
        Self { server, world: World::new(server).await, foreigners: None }
    }

    pub fn people(&self) -> People<'_, 's> {
        People { server: self.server, acme: &self.world.acme, foreigners: self.foreigners.as_ref() }
    }

    pub async fn holder(&self, who: Who, loss: Option<Loss>) -> Holder {
        self.people().holder(who, loss, json!({})).await
    }

    pub async fn targets(&self, row: &Row, holder: &Holder) -> Targets {
        if row.target == Target::InvitationOfCaller {
            let made = self.world.globex.invite(&holder.person.email, "member", &[]).await;
            return self.world.standing(row.target).with("token", &made.text_at("/token"));
        }
        let targets = self.world.fresh(row.target, Who::SomeonesKey, Caller::WorkspaceAdmin).await;
        match row.who {
            Who::Service => {
                let acme = &self.world.acme;
                targets.with("leakedKey", &acme.create_key(&acme.owner, json!({})).await.plaintext)
            }
            _ => targets,
        }
    }

    /// A row's request, with its body.
    pub fn call(&self, row: &Row, holder: &Holder, targets: &Targets) -> Call {
        let (method, path) = row.operation.split_once(' ').expect("method and path");
        let call = Call::new(method, &targets.fill(path));
        let call = call.header("Authorization", format!("Bearer {}", holder.credential));
        world::with_body(call, &Row { body: body(row), ..*row }, targets)
    }

    /// Sends the beginning of a row's request, and returns when its handler waits for the rest.
    pub async fn begin(&self, row: &Row, holder: &Holder, targets: &Targets) -> Underway {
        self.call(row, holder, targets).begin(self.server, row.operation).await
    }

    pub async fn take_away(&self, loss: Loss, holder: &Holder) {
        let acme = &self.world.acme;
        let member = &holder.person.user_id;
        let of_organization = acme.organization_path(&format!("/members/{member}"));
        let of_workspace = acme.workspace_path(&format!("/members/{member}"));
        let owner = &acme.owner.id_token;
        let key_path = |rest: &str| acme.key_path(holder.key.as_ref().expect("a key"), rest);
        let (server, email) = (self.server, holder.person.email.clone());
        let set_role = async |role: &str| {
            let request = server.patch(&of_organization).bearer(owner).json(json!({ "role": role }));
            request.send().await.expect(200);
        };
        let now = server.clock.now();
        match loss {
            Removed => _ = server.delete(&of_organization).bearer(owner).send().await.expect(200),
            RemovedFromWorkspace => _ = server.delete(&of_workspace).bearer(owner).send().await.expect(200),
            Demoted | AdminDemoted => set_role("member").await,
            OwnerDemoted => set_role("admin").await,
            DemotedInWorkspace => {
                let request = server.put(&of_workspace).bearer(owner).json(json!({ "role": "viewer" }));
                request.send().await.expect(200);
            }
            Disabled => {
                self.operate(move |conn, change| Account::set_disabled(conn, change, &email, Some(now)).map(drop))
                    .await;
            }
            SignedOut => self.operate(move |conn, change| Account::sign_out(conn, change, &email, now).map(drop)).await,
            KeyRevoked => _ = server.post(&key_path("/revoke")).bearer(owner).send().await.expect(200),
            KeyDisabled => _ = server.post(&key_path("/disable")).bearer(owner).send().await.expect(200),
            KeyDeleted => _ = server.delete(&key_path("")).bearer(owner).send().await.expect(204),
            KeyRolled => {
                let request = server.post(&key_path("/roll")).bearer(owner).json(json!({ "overlapSeconds": 0 }));
                request.send().await.expect(200);
            }
            KeyNarrowed => {
                let narrow = json!({ "allowedIps": ["203.0.113.0/24"] });
                server.patch(&key_path("")).bearer(owner).json(narrow).send().await.expect(200);
            }
            ServiceTokenRevoked => {
                let revoke = move |conn: &mut Conn, change: &mut AccessChange| {
                    let newest = ServiceToken::all(conn)?.into_iter().next().expect("the holder's token");
                    ServiceToken::revoke(conn, change, newest.id, now)
                };
                self.operate(revoke).await;
            }
            ServiceTokenNarrowed => {
                let narrow = move |conn: &mut Conn, change: &mut AccessChange| {
                    let newest = ServiceToken::all(conn)?.into_iter().next().expect("the holder's token");
                    let less = ServiceTokenChange { permissions: Some(Default::default()), expires_at: None };
                    ServiceToken::change(conn, change, newest.id, less).map(drop)
                };
                self.operate(narrow).await;
            }
            ServiceTokenRolled => {
                let roll = move |conn: &mut Conn, change: &mut AccessChange| {
                    let newest = ServiceToken::all(conn)?.into_iter().next().expect("the holder's token");
                    ServiceToken::roll(conn, change, newest.id, Duration::ZERO, now).map(drop)
                };
                self.operate(roll).await;
            }
            SubscriptionLost => self.set_subscription(SubscriptionStatus::Canceled).await,
        }
    }

    pub async fn set_subscription(&self, status: SubscriptionStatus) {
        let id = self.world.acme.organization_id.parse().expect("an id");
        let change = SubscriptionChange {
            status: Some(status),
            plan: None,
            trial_ends_at: None,
            current_period_end: None,
            grace_ends_at: None,
            later: Vec::new(),
            updated_at: self.server.clock.now(),
        };
        self.operate(move |conn, access_change| Subscription::change(conn, access_change, id, &change).map(drop)).await;
    }

    /// Does what an operator's command does, and returns when no node honours the old access any more.
    async fn operate<F>(&self, body: F)
    where
        F: FnOnce(&mut Conn, &mut AccessChange) -> Result<(), ApiError> + Send + 'static,
    {
        let (config, clock) = (self.server.config.clone(), self.server.clock.clone());
        let done = tokio::task::spawn_blocking(move || {
            let store = ScopedStore::for_command(&config, Db::new(&config.database).for_all_tenants(), &clock)
                .expect("a store");
            store.change_access_blocking(body)
        });
        done.await.expect("the operator does not panic").expect("the operator's change");
    }

    /// A key of the person, with these settings.
    pub async fn with_key(&self, who: Who, settings: Value) -> Holder {
        let person = self.people().person(who, None).await;
        self.people().with_key(person, settings).await
    }
}
