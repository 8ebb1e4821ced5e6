//! Authority that is taken away while a request's body is on its way.
//!
//! Each cell sends the headers and one byte, takes authority away by a call that answers, sends the rest, and expects a
//! refusal and an unchanged database.

use super::callers::{Caller, Who};
use super::document::Document;
use super::failures::Failures;
use super::reply::{Call, Reply};
use super::table::{self, Body, Row, Target};
use super::world::{self, Targets, World};
use crate::support::dump::dump;
use crate::support::tenant::{Key, User, service_token, verify_email};
use crate::support::{Backend, Server, tests};
use keyward::base::error::ApiError;
use keyward::base::policy::SubscriptionStatus;
use keyward::base::sql::Conn;
use keyward::domain::changes::{AccessChange, ScopedStore};
use keyward::domain::identity::Account;
use keyward::domain::service_tokens::ServiceToken;
use keyward::domain::subscriptions::{Subscription, SubscriptionChange};
use keyward::infra::cluster::Cluster;
use keyward::infra::db::Db;
use serde_json::json;
use std::time::Duration;

tests![
    every_writing_route_is_in_the_matrix_of_authority,
    authority_that_is_taken_away_during_a_request_changes_nothing,
    the_matrix_notices_a_write_that_does_not_look_again,
];

/// Routes with a body whose caller is known by the body itself, so not before all of it has come; and one that only reads.
const KNOWN_BY_BODY: [&str; 13] = [
    "POST /docs/token",
    "POST /identitytoolkit.googleapis.com/v1/accounts:signUp",
    "POST /identitytoolkit.googleapis.com/v1/accounts:signInWithPassword",
    "POST /identitytoolkit.googleapis.com/v1/accounts:lookup",
    "POST /identitytoolkit.googleapis.com/v1/accounts:update",
    "POST /identitytoolkit.googleapis.com/v1/accounts:delete",
    "POST /identitytoolkit.googleapis.com/v1/accounts:sendOobCode",
    "POST /identitytoolkit.googleapis.com/v1/accounts:resetPassword",
    "POST /__/auth/action",
    "POST /__/auth/invitation",
    "POST /securetoken.googleapis.com/v1/token",
    "POST /v1/billing/stripe/webhook",
    "POST /v1/keys/verify",
];

/// Routes whose handler reads no body, so it does not wait for one.
const WITHOUT_BODY: [&str; 17] = [
    "DELETE /v1/me/sessions/{sessionId}",
    "POST /v1/me/sign-out",
    "POST /v1/me/sign-out-others",
    "DELETE /v1/organizations/{organizationId}",
    "DELETE /v1/organizations/{organizationId}/members/{userId}",
    "DELETE /v1/organizations/{organizationId}/invitations/{invitationId}",
    "POST /v1/organizations/{organizationId}/invitations/{invitationId}/resend",
    "DELETE /v1/workspaces/{workspaceId}",
    "DELETE /v1/workspaces/{workspaceId}/members/{userId}",
    "DELETE /v1/workspaces/{workspaceId}/api-keys/{keyId}",
    "POST /v1/workspaces/{workspaceId}/api-keys/{keyId}/disable",
    "POST /v1/workspaces/{workspaceId}/api-keys/{keyId}/enable",
    "POST /v1/workspaces/{workspaceId}/api-keys/{keyId}/revoke",
    "DELETE /v1/articles/{documentId}",
    "DELETE /v1/articles/{articleId}/comments/{documentId}",
    "DELETE /v1/workspaces/{workspaceId}/articles/{documentId}",
    "DELETE /v1/workspaces/{workspaceId}/articles/{articleId}/comments/{documentId}",
];

/// Another route without a body, which stands alone because it revokes its own credential.
const REVOKES_ITSELF: &str = "POST /v1/whoami/revoke";

/// How authority is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Removed,
    RemovedFromWorkspace,
    Demoted,
    DemotedInWorkspace,
    Disabled,
    SignedOut,
    KeyRevoked,
    KeyDisabled,
    KeyDeleted,
    KeyRolled,
    KeyNarrowed,
    ServiceTokenRevoked,
    SubscriptionLost,
}

use Loss::*;

/// The rows whose requests can wait for their bodies.
fn rows() -> impl Iterator<Item = &'static Row> {
    table::ROWS.iter().filter(|row| {
        let takes_body = !matches!(row.body, Body::Nothing) && !row.operation.starts_with("GET ");
        takes_body && !KNOWN_BY_BODY.contains(&row.operation)
    })
}

async fn every_writing_route_is_in_the_matrix_of_authority(db: Backend) {
    let server = world::server(db).await;
    let document = Document::of(&server).await;
    for operation in document.operations.iter().filter(|operation| operation.method != "GET") {
        let name = operation.name.as_str();
        let is_here = [
            rows().any(|row| row.operation == name),
            KNOWN_BY_BODY.contains(&name),
            WITHOUT_BODY.contains(&name) || name == REVOKES_ITSELF,
        ];
        let times = is_here.into_iter().filter(|is_here| *is_here).count();
        assert_eq!(times, 1, "{name} must be in exactly one list of tests/suite/matrix/authority.rs");
    }
}

/// What may be lost, and what the request is refused with.
fn losses(who: Who) -> &'static [(Loss, u16, &'static str)] {
    const INVALID: &str = "invalid_id_token";
    match who {
        Who::SignedIn => &[(SignedOut, 401, INVALID), (Disabled, 401, INVALID)],
        Who::OrganizationAdmin | Who::OrganizationOwner => &[
            (Demoted, 403, "insufficient_permission"),
            (Removed, 404, "not_found"),
            (SignedOut, 401, INVALID),
            (Disabled, 401, INVALID),
        ],
        Who::WorkspaceViewer => &[
            (RemovedFromWorkspace, 404, "not_found"),
            (Removed, 404, "not_found"),
            (SignedOut, 401, INVALID),
            (Disabled, 401, INVALID),
        ],
        Who::WorkspaceEditor | Who::WorkspaceAdmin | Who::PresentedKeyOwner => &[
            (DemotedInWorkspace, 403, "insufficient_permission"),
            (RemovedFromWorkspace, 404, "not_found"),
            (Removed, 404, "not_found"),
            (SignedOut, 401, INVALID),
            (Disabled, 401, INVALID),
        ],
        Who::ProgramThatWrites | Who::ProgramOfWorkspaceThatWrites => &[
            (KeyRevoked, 401, "api_key_revoked"),
            (KeyDisabled, 401, "api_key_disabled"),
            (KeyDeleted, 401, "invalid_api_key"),
            (KeyRolled, 401, "invalid_api_key"),
            (KeyNarrowed, 403, "ip_not_allowed"),
            (DemotedInWorkspace, 403, "insufficient_permission"),
            (RemovedFromWorkspace, 401, "api_key_orphaned"),
            (Removed, 401, "api_key_orphaned"),
            (Disabled, 401, "api_key_orphaned"),
            (SubscriptionLost, 403, "subscription_inactive"),
        ],
        Who::Service => &[(ServiceTokenRevoked, 401, "api_key_revoked")],
        who => panic!("nothing says how {who:?} is lost"),
    }
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

/// A caller of one cell.
struct Holder {
    person: User,
    key: Option<Key>,
    credential: String,
}

async fn server(db: Backend, no_confirmation: bool) -> Server {
    Server::with(db, |config| {
        world::configure(config);
        config.cluster.lease = Duration::from_millis(100);
        config.cluster.faults.no_confirmation = no_confirmation;
    })
    .await
}

struct Scene<'s> {
    server: &'s Server,
    world: World<'s>,
}

impl Scene<'_> {
    async fn holder(&self, who: Who) -> Holder {
        let acme = &self.world.acme;
        let person = match who {
            Who::SignedIn | Who::Service => {
                let mut person = User::sign_up(self.server).await;
                verify_email(self.server, &mut person).await;
                person
            }
            Who::OrganizationAdmin => acme.add_member("admin", &[]).await,
            Who::OrganizationOwner => acme.add_member("owner", &[]).await,
            Who::WorkspaceViewer => acme.add_to_workspace("viewer").await,
            Who::WorkspaceEditor => acme.add_to_workspace("editor").await,
            _ => acme.add_to_workspace("admin").await,
        };
        if who.is_of_programs() {
            let key = acme.create_key(&person, json!({})).await;
            let credential = key.plaintext.clone();
            return Holder { person, key: Some(key), credential };
        }
        let credential = match who {
            Who::Service => service_token(&self.server.database).await,
            _ => person.id_token.clone(),
        };
        Holder { person, key: None, credential }
    }

    async fn targets(&self, row: &Row, holder: &Holder) -> Targets {
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

    /// Sends a row's request, and does `meanwhile` before the end of its body.
    async fn trickle(&self, row: &Row, holder: &Holder, targets: &Targets, meanwhile: impl AsyncFnOnce()) -> Reply {
        let (method, path) = row.operation.split_once(' ').expect("method and path");
        let call = Call::new(method, &targets.fill(path));
        let call = call.header("Authorization", format!("Bearer {}", holder.credential));
        let row = Row { body: body(row), ..*row };
        world::with_body(call, &row, targets).trickle(self.server, row.operation, meanwhile).await
    }

    async fn take_away(&self, loss: Loss, holder: &Holder) {
        let acme = &self.world.acme;
        let member = &holder.person.user_id;
        let of_organization = acme.organization_path(&format!("/members/{member}"));
        let of_workspace = acme.workspace_path(&format!("/members/{member}"));
        let owner = &acme.owner.id_token;
        let key_path = |rest: &str| acme.key_path(holder.key.as_ref().expect("a key"), rest);
        let (server, email) = (self.server, holder.person.email.clone());
        let now = server.clock.now();
        match loss {
            Removed => _ = server.delete(&of_organization).bearer(owner).send().await.expect(200),
            RemovedFromWorkspace => _ = server.delete(&of_workspace).bearer(owner).send().await.expect(200),
            Demoted => {
                let request = server.patch(&of_organization).bearer(owner).json(json!({ "role": "member" }));
                request.send().await.expect(200);
            }
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
            SubscriptionLost => self.set_subscription(SubscriptionStatus::Canceled).await,
        }
    }

    async fn set_subscription(&self, status: SubscriptionStatus) {
        let id = self.world.acme.organization_id.parse().expect("an id");
        let change = SubscriptionChange {
            status: Some(status),
            plan: None,
            trial_ends_at: None,
            current_period_end: None,
            grace_ends_at: None,
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
            let store = ScopedStore::new(Db::new(&config.database).for_all_tenants(), Cluster::new(&config, &clock));
            store.change_access_blocking(body)
        });
        done.await.expect("the operator does not panic").expect("the operator's change");
    }
}

async fn authority_that_is_taken_away_during_a_request_changes_nothing(db: Backend) {
    let server = server(db, false).await;
    let scene = Scene { server: &server, world: World::new(&server).await };
    let mut failures = Failures::default();
    for row in rows() {
        for (loss, status, code) in losses(row.who) {
            let holder = scene.holder(row.who).await;
            let targets = scene.targets(row, &holder).await;
            let mut before = None;
            let reply = scene.trickle(row, &holder, &targets, async || {
                scene.take_away(*loss, &holder).await;
                before = Some(dump(&server.database));
            });
            let reply = reply.await;
            let what = format!("{} while {loss:?}", row.operation);
            failures.cell(reply.unless_error(*status, code).map(|fault| format!("{loss:?}: {fault}")));
            failures.unless_unchanged(&what, &before.expect("it was taken away"), &dump(&server.database));
            if *loss == SubscriptionLost {
                scene.set_subscription(SubscriptionStatus::Active).await;
            }
        }
    }
    failures.conclude(130);
}

/// Each row succeeds after its first loss, so a cell above fails without the second look.
async fn the_matrix_notices_a_write_that_does_not_look_again(db: Backend) {
    let server = server(db, true).await;
    let scene = Scene { server: &server, world: World::new(&server).await };
    let mut failures = Failures::default();
    for row in rows() {
        let (loss, _, _) = losses(row.who)[0];
        let holder = scene.holder(row.who).await;
        let targets = scene.targets(row, &holder).await;
        let reply = scene.trickle(row, &holder, &targets, async || scene.take_away(loss, &holder).await).await;
        failures.cell(reply.unless(row.answers).map(|fault| format!("{loss:?}: {fault}")));
    }
    failures.conclude(28);
}
