//! [`World`]: two tenants, somebody for every caller, and something for every route to work on.

use super::callers::{Caller, Outcome, Who, outcome};
use super::document::Operation;
use super::documents;
use super::reply::Call;
use super::table::{Body, Row, Target};
use crate::billing;
use crate::identity::rest::sign_in;
use crate::identity::sessions::current_session;
use crate::support::http::Api;
use crate::support::process;
use crate::support::secrets;
use crate::support::tenant::{EVERYTHING, Key, User, backend_token, service_token, verify_email};
use crate::support::{Backend, Server, Tenant};
use keyward::base::config::Config;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Index;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What fills a path and a body: the path's parameters by their names, and other values that bodies want.
#[derive(Clone, Debug, Default)]
pub struct Targets(BTreeMap<String, String>);

impl Targets {
    /// The same with another value.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The path of a template.
    pub fn fill(&self, template: &str) -> String {
        let mut parts = template.split('{');
        let mut path = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').expect("a closed brace");
            path += &self[name];
            path += rest;
        }
        path
    }
}

impl Index<&str> for Targets {
    type Output = String;

    fn index(&self, name: &str) -> &String {
        self.0.get(name).unwrap_or_else(|| panic!("nothing to fill {name} with: add it to tests/suite/matrix/world.rs"))
    }
}

/// A server whose limits are not what is tested, with every route that there can be.
pub async fn server(db: Backend) -> Server {
    Server::with(db, configure).await
}

/// The configuration of [`server`].
pub fn configure(config: &mut Config) {
    billing::stripe::configure(config);
    // One refresh token serves a whole test.
    config.identity.sessions.reuse_grace = Duration::from_secs(3600);
    for plan in config.plans.values_mut() {
        (plan.max_active_keys, plan.requests_per_minute, plan.burst) = (1_000_000, 1_000_000, 1_000_000);
    }
    config.collections = toml::from_str(documents::COLLECTIONS).expect("good configuration");
}

/// Everybody and everything.
pub struct World<'s> {
    server: &'s Api,
    /// What the table's routes are about.
    pub acme: Tenant<'s>,
    /// Another tenant.
    pub globex: Tenant<'s>,
    /// A tenant that does not pay any more, and that invites whoever should accept an invitation.
    lapsed: Tenant<'s>,
    people: BTreeMap<Caller, User>,
    credentials: BTreeMap<Caller, Vec<(&'static str, String)>>,
    standing: Targets,
    /// The other tenant's things.
    pub of_globex: Targets,
}

impl<'s> World<'s> {
    pub async fn new(server: &'s Server) -> Self {
        let mut acme = Tenant::new(server).await;
        let expired_token = acme.owner.id_token.clone();
        server.clock.advance(Duration::from_secs(2 * 3600));
        verify_email(server, &mut acme.owner).await;
        let (mut globex, lapsed) = (Tenant::new(server).await, Tenant::new(server).await);
        verify_email(server, &mut globex.owner).await;
        let (reads, manages) = (permissions_of(&acme, "viewer").await, permissions_of(&acme, "admin").await);
        let managers_role = add_role(&acme, "Manager", &manages).await;
        let people = BTreeMap::from([
            (Caller::Owner, acme.owner.clone()),
            (Caller::OrganizationAdmin, acme.add_member("admin", &[]).await),
            (Caller::Member, acme.add_member("member", &[]).await),
            (Caller::WorkspaceAdmin, acme.add_to_workspace("admin").await),
            (Caller::Editor, acme.add_to_workspace("editor").await),
            (Caller::Viewer, acme.add_to_workspace("viewer").await),
            (Caller::CustomReader, acme.add_to_workspace(&add_role(&acme, "Reader", &reads).await).await),
            (Caller::CustomManager, acme.add_to_workspace(&managers_role).await),
            (Caller::OtherTenantsOwner, globex.owner.clone()),
        ]);
        let heirs_id = people[&Caller::Viewer].user_id.clone();
        let standing = standing_of(&acme, &people[&Caller::WorkspaceAdmin]).await;
        let standing = standing.with("heirsId", &heirs_id).with("managersRoleId", &managers_role);
        let of_globex = standing_of(&globex, &globex.owner).await.with("heirsId", &globex.owner.user_id);
        let mut world =
            Self { server, acme, globex, lapsed, people, credentials: BTreeMap::new(), standing, of_globex };
        world.make_credentials(server, expired_token).await;
        world
    }

    async fn make_credentials(&mut self, server: &Server, expired_token: String) {
        let bearer = |credential: &str| vec![("Authorization", format!("Bearer {credential}"))];
        let key = async |caller: Caller, request: Value| self.acme.create_key(&self.people[&caller], request).await;
        let admins = key(Caller::WorkspaceAdmin, json!({})).await;
        let viewers = key(Caller::Viewer, json!({})).await;
        let read_only = key(Caller::WorkspaceAdmin, json!({ "scope": "read_only" })).await;
        let customs = key(Caller::CustomReader, json!({})).await;
        let reads = permissions_of(&self.acme, "viewer").await;
        let listed = key(Caller::WorkspaceAdmin, json!({ "permissions": reads })).await;
        let revoked = key(Caller::WorkspaceAdmin, json!({})).await;
        let disabled = key(Caller::WorkspaceAdmin, json!({})).await;
        let soon = server.clock.now().plus(Duration::from_secs(60)).to_string();
        let expired = key(Caller::WorkspaceAdmin, json!({ "expiresAt": soon })).await;
        server.clock.advance(Duration::from_secs(61));
        self.change(&revoked, "/revoke").await;
        self.change(&disabled, "/disable").await;
        let leaver = self.acme.add_to_workspace("admin").await;
        let orphaned = self.acme.create_key(&leaver, json!({})).await;
        let path = self.acme.workspace_path(&format!("/members/{}", leaver.user_id));
        self.server.delete(&path).bearer(&self.acme.owner.id_token).send().await.expect(200);
        let canceled = self.lapsed.create_key(&self.lapsed.owner, json!({})).await;
        let set = ["subscription", "set", &self.lapsed.organization_id, "--status", "canceled"];
        process::run(&self.server.database, &set).await;
        let others = self.globex.create_key(&self.globex.owner, json!({})).await;
        let last = if admins.plaintext.ends_with('0') { "1" } else { "0" };
        let mistyped = format!("{}{last}", &admins.plaintext[..admins.plaintext.len() - 1]);

        let bound = ["--organization", self.acme.organization_id.as_str()];
        let mut credentials: BTreeMap<_, _> =
            self.people.iter().map(|(caller, person)| (*caller, bearer(&person.id_token))).collect();
        credentials.extend([
            (Caller::AdminKey, bearer(&admins.plaintext)),
            (Caller::AdminKeyInItsHeader, vec![("X-API-Key", admins.plaintext)]),
            (Caller::ViewerKey, bearer(&viewers.plaintext)),
            (Caller::CustomReadersKey, bearer(&customs.plaintext)),
            (Caller::ListedKey, bearer(&listed.plaintext)),
            (Caller::ReadOnlyKey, bearer(&read_only.plaintext)),
            (Caller::OtherTenantsKey, bearer(&others.plaintext)),
            (Caller::CanceledKey, bearer(&canceled.plaintext)),
            (Caller::RevokedKey, bearer(&revoked.plaintext)),
            (Caller::DisabledKey, bearer(&disabled.plaintext)),
            (Caller::ExpiredKey, bearer(&expired.plaintext)),
            (Caller::OrphanedKey, bearer(&orphaned.plaintext)),
            (Caller::ServiceToken, bearer(&service_token(&self.server.database).await)),
            (Caller::BackendToken, bearer(&backend_token(&self.server.database, EVERYTHING, &[]).await)),
            (Caller::BoundToken, bearer(&backend_token(&self.server.database, EVERYTHING, &bound).await)),
            (Caller::MistypedKey, bearer(&mistyped)),
            (Caller::Nobody, Vec::new()),
            (Caller::MalformedAuthorization, vec![("Authorization", "Basic YWRhOmNvcnJlY3QtaG9yc2U=".to_owned())]),
            (Caller::GarbageBearer, bearer("neither-a-key-nor-a-token")),
            (Caller::GarbageToken, bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl")),
            (Caller::ExpiredToken, bearer(&expired_token)),
        ]);
        self.credentials = credentials;
    }

    async fn change(&self, key: &Key, how: &str) {
        let request = self.server.post(&self.acme.key_path(key, how)).bearer(&self.acme.owner.id_token);
        request.send().await.expect(200);
    }

    /// The person behind a caller.
    pub fn person(&self, caller: Caller) -> &User {
        &self.people[&caller]
    }

    /// The headers that say who the caller is.
    pub fn credentials(&self, caller: Caller) -> &[(&'static str, String)] {
        &self.credentials[&caller]
    }

    /// What is there all the time, for requests that are refused.
    pub fn standing(&self, target: Target) -> Targets {
        let targets = self.standing.clone().with("freshEmail", &fresh_email());
        let user = if target == Target::Owner { &targets["secondOwnersId"] } else { &targets["userId"] }.clone();
        let document = if target == Target::Comment { &targets["commentId"] } else { &targets["articleId"] }.clone();
        let owner = &self.acme.owner;
        targets
            .with("userId", &user)
            .with("documentId", &document)
            .with("operation", "sendOobCode")
            .with("ownersEmail", &owner.email)
            .with("ownersPassword", &owner.password)
            .with("ownersToken", &owner.id_token)
            .with("ownersRefreshToken", &owner.refresh_token)
    }

    /// Something new, for a request of this caller that succeeds.
    pub async fn fresh(&self, target: Target, who: Who, caller: Caller) -> Targets {
        let targets = self.standing(target);
        match target {
            Target::Standing => targets,
            Target::Organization => {
                let request = self.server.post("/v1/organizations").bearer(&self.acme.owner.id_token);
                let made = request.json(json!({ "name": "Short-lived" })).send().await.expect(201);
                targets.with("organizationId", &made.text_at("/id"))
            }
            Target::Workspace => {
                let id = self.acme.add_workspace("Short-lived").await;
                for (person, role) in
                    [(Caller::WorkspaceAdmin, "admin"), (Caller::CustomManager, &*targets["managersRoleId"])]
                {
                    let path = format!("/v1/workspaces/{id}/members/{}", self.people[&person].user_id);
                    let request = self.server.put(&path).bearer(&self.acme.owner.id_token);
                    request.json(json!({ "role": role })).send().await.expect(200);
                }
                targets.with("workspaceId", &id)
            }
            Target::Member => targets.with("userId", &self.acme.add_to_workspace("viewer").await.user_id),
            Target::Owner => targets.with("userId", &self.acme.add_member("owner", &[]).await.user_id),
            Target::Invitation => {
                let made = self.acme.invite(&fresh_email(), "member", &[]).await;
                targets.with("invitationId", &made.text_at("/id"))
            }
            Target::Role => {
                let role = add_role(&self.acme, &fresh_email(), &json!(["content:read"])).await;
                targets.with("roleId", &role)
            }
            Target::InvitationOfCaller => {
                let made = self.lapsed.invite(&self.people[&caller].email, "member", &[]).await;
                targets.with("token", &made.text_at("/token"))
            }
            Target::Article => targets.with("documentId", &documents::add_article(&self.acme).await),
            Target::Comment => {
                let id = documents::add_comment(&self.acme, &targets["articleId"]).await;
                targets.with("documentId", &id)
            }
            // Other routes need this one after it.
            Target::CallersKey if caller == Caller::AdminKey => {
                let made = self.acme.create_key(&self.people[&Caller::WorkspaceAdmin], json!({})).await;
                targets.with("callersKey", &made.plaintext)
            }
            Target::CallersKey => targets,
            Target::Session => {
                let token = self.sign_in(caller).await;
                targets.with("sessionId", &current_session(self.server, &token).await)
            }
            Target::CallersSession => targets.with("callersKey", &self.sign_in(caller).await),
            Target::Key => {
                let creator = if who == Who::OwnKey { caller } else { Caller::Editor };
                let made = self.acme.create_key(&self.people[&creator], json!({})).await;
                targets.with("keyId", &made.id)
            }
        }
    }

    /// Signs the caller in once more, and gives the ID token.
    async fn sign_in(&self, caller: Caller) -> String {
        let person = &self.people[&caller];
        sign_in(self.server, &person.email, &person.password).await.expect(200).text_at("/idToken")
    }

    /// A row's request: method, path and credential, without a body.
    pub fn bare_call(&self, operation: &Operation, caller: Caller, targets: &Targets) -> Call {
        let call = Call::new(&operation.method, &targets.fill(&operation.path));
        match targets.0.get("callersKey") {
            Some(own) => call.headers(&[("Authorization", format!("Bearer {own}"))]),
            None => call.headers(self.credentials(caller)),
        }
    }

    /// A row's request.
    pub fn call(&self, row: &Row, operation: &Operation, caller: Caller, targets: &Targets) -> Call {
        with_body(self.bare_call(operation, caller, targets), row, targets)
    }

    /// Sends a row's usual request, with something new, and says what is wrong with the answer. What a matrix does to a
    /// request proves something only if the request itself succeeds.
    pub async fn unless_succeeds(&self, row: &Row, operation: &Operation) -> Option<String> {
        let caller = best_caller(row);
        let targets = self.fresh(row.target, row.cases()[0], caller).await;
        let call = self.call(row, operation, caller, &targets);
        call.send(self.server, format!("{} as {caller:?}", row.operation)).await.unless(row.answers)
    }
}

/// A call with its row's body.
pub fn with_body(call: Call, row: &Row, targets: &Targets) -> Call {
    match row.body {
        Body::Nothing => call,
        Body::Json(body) => {
            let body = body(targets);
            secrets::register_fields(&body);
            call.body(Some("application/json"), body.to_string())
        }
        Body::Form(body) => {
            let body = serde_urlencoded::to_string(body(targets)).expect("texts");
            call.body(Some("application/x-www-form-urlencoded"), body)
        }
    }
}

/// Somebody who may do what the row is about.
pub fn best_caller(row: &Row) -> Caller {
    let who = row.cases()[0];
    let found = Caller::ALL.into_iter().find(|caller| outcome(who, *caller) == Outcome::Success);
    found.unwrap_or_else(|| panic!("nobody may {}", row.operation))
}

/// Things of a tenant, for its path parameters.
async fn standing_of(tenant: &Tenant<'_>, holder: &User) -> Targets {
    let member = tenant.add_to_workspace("viewer").await;
    let second_owner = tenant.add_member("owner", &[]).await;
    let invitation = tenant.invite(&fresh_email(), "member", &[]).await;
    let role = add_role(tenant, "Standing", &json!(["content:read"])).await;
    let spare_role = add_role(tenant, "Spare", &json!(["content:read"])).await;
    let key = tenant.create_key(holder, json!({ "name": "standing" })).await;
    let article = documents::add_article(tenant).await;
    let comment = documents::add_comment(tenant, &article).await;
    let session = sign_in(tenant.server(), &tenant.owner.email, &tenant.owner.password).await.expect(200);
    Targets::default()
        .with("sessionId", &current_session(tenant.server(), &session.text_at("/idToken")).await)
        .with("articleId", &article)
        .with("commentId", &comment)
        .with("documentId", &article)
        .with("organizationId", &tenant.organization_id)
        .with("workspaceId", &tenant.workspace_id)
        .with("userId", &member.user_id)
        .with("secondOwnersId", &second_owner.user_id)
        .with("invitationId", &invitation.text_at("/id"))
        .with("token", &invitation.text_at("/token"))
        .with("roleId", &role)
        .with("spareRoleId", &spare_role)
        .with("keyId", &key.id)
        .with("plaintext", &key.plaintext)
}

/// Makes a custom role, and returns its id.
async fn add_role(tenant: &Tenant<'_>, name: &str, permissions: &Value) -> String {
    let request = tenant.server().post(&tenant.organization_path("/roles")).bearer(&tenant.owner.id_token);
    request.json(json!({ "name": name, "permissions": permissions })).send().await.expect(201).text_at("/id")
}

/// What a built-in role has in the tenant's workspace.
async fn permissions_of(tenant: &Tenant<'_>, role: &str) -> Value {
    let person = tenant.add_to_workspace(role).await;
    let read = tenant.server().get(&tenant.workspace_path("")).bearer(&person.id_token);
    read.send().await.expect(200)["permissions"].clone()
}

fn fresh_email() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("matrix-{}@example.com", NEXT.fetch_add(1, Ordering::Relaxed))
}
