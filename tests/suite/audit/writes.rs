//! A table of every route that writes: which events it leaves, and nothing else. A route of the document that stands
//! neither here nor among the exceptions fails the test.

use super::scene::{Done, Scene, USER_AGENT, actor, event, person, send, target};
use super::{told, trail};
use crate::identity::rest::sign_in;
use crate::identity::sessions::current_session;
use crate::invitations::mails::{PASSWORD, token_in};
use crate::support::http::{Answer, Request};
use crate::support::smtp::Smtp;
use crate::support::tenant::{self, EDITORS, User};
use crate::support::until::until;
use crate::support::{Backend, Server, Tenant, secrets, tests};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

tests![
    every_route_that_writes_leaves_exactly_its_events,
    keys_that_manage_keys_are_actors,
    a_writer_that_forgets_the_trail_fails_in_every_test,
];

/// Routes that change nobody's access to an organization. What new passwords leave, `sign_ins` proves.
const EXCEPTIONS: [&str; 11] = [
    "POST /docs/token",
    "POST /identitytoolkit.googleapis.com/v1/accounts:signUp",
    "POST /identitytoolkit.googleapis.com/v1/accounts:signInWithPassword",
    "POST /identitytoolkit.googleapis.com/v1/accounts:lookup",
    "POST /identitytoolkit.googleapis.com/v1/accounts:update",
    "POST /identitytoolkit.googleapis.com/v1/accounts:sendOobCode",
    "POST /identitytoolkit.googleapis.com/v1/accounts:resetPassword",
    "POST /__/auth/action",
    "POST /__/auth/reset",
    "POST /securetoken.googleapis.com/v1/token",
    // Asks, and changes nothing.
    "POST /v1/keys/verify",
];

impl Scene<'_> {
    /// Sends the operation's request, and says what it should leave.
    async fn perform(&self, operation: &str) -> Done {
        let (acme, owner) = (&self.acme, &self.acme.owner);
        let by = |request: Request| send(request.bearer(&owner.id_token));
        let (method, path) = operation.split_once(' ').expect("a method and a path");
        let request = |path: &str| self.server.request(method.parse().expect("a method"), path);
        let done =
            |answer: Answer, events: Vec<Value>| Done { answer, organization: acme.organization_id.clone(), events };
        let me = actor(owner);
        match operation.replace("{organizationId}", "O").replace("{workspaceId}", "W").as_str() {
            "POST /v1/organizations" => {
                let answer = by(request(path).json(json!({ "name": "Initech" }))).await.expect(201);
                let id = answer.text_at("/id");
                let path = format!("/v1/organizations/{id}/subscription");
                let mut subscription = self.server.get(&path).bearer(&owner.id_token).send().await.expect(200).body;
                subscription.as_object_mut().expect("an object").remove("limits");
                let after = json!({ "name": "Initech", "owner": owner.user_id, "subscription": subscription });
                let about = target("organization", &id, "Initech");
                let events = vec![event("organization.created", me, about, None, Value::Null, after)];
                Done { answer, organization: id, events }
            }
            "PATCH /v1/organizations/O" => {
                let answer = by(request(&acme.organization_path("")).json(json!({ "name": "Acme Ltd" }))).await;
                let about = target("organization", &acme.organization_id, "Acme Ltd");
                let (before, after) = (json!({ "name": "Acme" }), json!({ "name": "Acme Ltd" }));
                done(answer, vec![event("organization.renamed", me, about, None, before, after)])
            }
            "DELETE /v1/organizations/O" => {
                let create = self.server.post("/v1/organizations").bearer(&owner.id_token);
                let id = create.json(json!({ "name": "Brief" })).send().await.expect(201).text_at("/id");
                let answer = by(request(&format!("/v1/organizations/{id}"))).await;
                let about = target("organization", &id, "Brief");
                let before = json!({ "name": "Brief", "members": 1, "workspaces": 0, "apiKeys": 0 });
                let gone = event("organization.deleted", me, about, None, before, Value::Null);
                Done { answer, organization: id, events: vec![gone] }
            }
            "PATCH /v1/organizations/O/members/{userId}" => {
                let member = acme.add_member("member", &[]).await;
                let path = acme.organization_path(&format!("/members/{}", member.user_id));
                let answer = by(request(&path).json(json!({ "role": "admin" }))).await;
                let (before, after) = (json!({ "role": "member" }), json!({ "role": "admin" }));
                let changed = event("organization_member.role_changed", me, person(&member), None, before, after);
                done(answer, vec![changed])
            }
            "DELETE /v1/organizations/O/members/{userId}" => {
                let member = acme.add_to_workspace("editor").await;
                let key = acme.create_key(&member, json!({ "name": "CI" })).await;
                let path = acme.organization_path(&format!("/members/{}", member.user_id));
                let answer = by(request(&path)).await;
                let removed = event(
                    "organization_member.removed",
                    me.clone(),
                    person(&member),
                    None,
                    json!({ "role": "member" }),
                    Value::Null,
                );
                let about = target("api_key", &key.id, "CI");
                let before = json!({ "orphaned": false, "lastPermissions": null });
                let after = json!({ "orphaned": true, "lastPermissions": EDITORS });
                let orphaned = event("api_key.orphaned", me, about, Some(&acme.workspace_id), before, after);
                done(answer, vec![removed, orphaned])
            }
            "POST /v1/organizations/O/roles" => {
                let body = json!({ "name": "Bookkeeper", "permissions": ["content:read"] });
                let answer = by(request(&acme.organization_path("/roles")).json(body)).await;
                let about = target("role", &answer.text_at("/id"), "Bookkeeper");
                let facts = json!({ "name": "Bookkeeper", "description": null, "permissions": ["content:read"] });
                done(answer, vec![event("role.created", me, about, None, Value::Null, facts)])
            }
            "PATCH /v1/organizations/O/roles/{roleId}" => {
                let role = add_role(acme, "Auditor").await;
                let body = json!({ "permissions": ["content:write"] });
                let answer = by(request(&acme.organization_path(&format!("/roles/{role}"))).json(body)).await;
                let about = target("role", &role, "Auditor");
                let before = json!({ "permissions": ["content:read"] });
                let after = json!({ "permissions": ["content:write"] });
                done(answer, vec![event("role.changed", me, about, None, before, after)])
            }
            "DELETE /v1/organizations/O/roles/{roleId}" => {
                let role = add_role(acme, "Clerk").await;
                let member = acme.add_to_workspace(&role).await;
                let path = acme.organization_path(&format!("/roles/{role}?replaceWith=viewer"));
                let answer = by(request(&path)).await;
                let place = Some(&*acme.workspace_id);
                let (before, after) = (json!({ "role": role }), json!({ "role": "viewer" }));
                let about = target("user", &member.user_id, &member.email);
                let replaced = event("workspace_member.role_changed", me.clone(), about, place, before, after);
                let facts = json!({ "name": "Clerk", "description": null, "permissions": ["content:read"] });
                let about = target("role", &role, "Clerk");
                done(answer, vec![replaced, event("role.deleted", me, about, None, facts, Value::Null)])
            }
            "POST /v1/organizations/O/invitations" => {
                let older = acme.invite("twice@example.com", "member", &[]).await;
                let grant = json!([{ "id": acme.workspace_id, "role": "viewer" }]);
                let body = json!({ "email": "Twice@example.com", "role": "admin", "workspaces": grant });
                let answer = by(request(&acme.organization_path("/invitations")).json(body)).await.expect(201);
                let facts = |invitation: &Answer| {
                    json!({
                        "email": "twice@example.com", "role": invitation["role"],
                        "workspaces": invitation["workspaces"], "expiresAt": invitation["expiresAt"],
                        "invitedBy": owner.user_id,
                    })
                };
                let about = |invitation: &Answer| target("invitation", &invitation.text_at("/id"), "twice@example.com");
                let withdrawn =
                    event("invitation.withdrawn", me.clone(), about(&older), None, facts(&older), Value::Null);
                let created = event("invitation.created", me, about(&answer), None, Value::Null, facts(&answer));
                done(answer, vec![withdrawn, created])
            }
            "DELETE /v1/organizations/O/invitations/{invitationId}" => {
                let made = acme.invite("never@example.com", "member", &[]).await;
                let id = made.text_at("/id");
                let answer = by(request(&acme.organization_path(&format!("/invitations/{id}")))).await;
                let before = json!({
                    "email": "never@example.com", "role": "member", "workspaces": [], "expiresAt": made["expiresAt"],
                    "invitedBy": owner.user_id,
                });
                let about = target("invitation", &id, "never@example.com");
                done(answer, vec![event("invitation.withdrawn", me, about, None, before, Value::Null)])
            }
            "POST /v1/organizations/O/invitations/{invitationId}/resend" => {
                let made = acme.invite("again@example.com", "member", &[]).await;
                let id = made.text_at("/id");
                let answer =
                    by(request(&acme.organization_path(&format!("/invitations/{id}/resend")))).await.expect(200);
                let (before, after) =
                    (json!({ "expiresAt": made["expiresAt"] }), json!({ "expiresAt": answer["expiresAt"] }));
                let about = target("invitation", &id, "again@example.com");
                done(answer, vec![event("invitation.resent", me, about, None, before, after)])
            }
            "POST /v1/invitations/accept" => {
                let mut guest = User::sign_up(self.server).await;
                tenant::verify_email(self.server, &mut guest).await;
                let made = acme.invite(&guest.email, "member", &[(&acme.workspace_id, "editor")]).await;
                let body = json!({ "token": made["token"] });
                let answer = send(request(path).bearer(&guest.id_token).json(body)).await;
                let events = self.joined(&made, &guest.user_id, &guest.email);
                done(answer, events)
            }
            "POST /__/auth/invitation" => {
                let email = "joins@example.com";
                let made = acme.invite(email, "member", &[(&acme.workspace_id, "editor")]).await;
                let token = token_in(&self.smtp.mail_to(email).await);
                let answer = send(request(path).form(&[("token", &token), ("password", PASSWORD)])).await;
                let members = self.server.get(&acme.organization_path("/members")).bearer(&owner.id_token);
                let id = members.send().await.expect(200).text_at("/data/0/id");
                done(answer, self.joined(&made, &id, email))
            }
            "POST /identitytoolkit.googleapis.com/v1/accounts:delete" => {
                let member = acme.add_to_workspace("editor").await;
                let key = acme.create_key(&member, json!({})).await;
                let answer = send(request(path).json(json!({ "idToken": member.id_token }))).await;
                // The trail names the person, although the account is erased in the same transaction.
                let gone = json!({ "kind": "user", "id": member.user_id, "name": null, "email": member.email });
                let about = json!({ "kind": "user", "id": member.user_id, "name": member.email });
                let left = event(
                    "organization_member.left",
                    gone.clone(),
                    about,
                    None,
                    json!({ "role": "member" }),
                    Value::Null,
                );
                let about = target("api_key", &key.id, key.body["preview"].as_str().expect("a preview"));
                let before = json!({ "orphaned": false, "lastPermissions": null });
                let after = json!({ "orphaned": true, "lastPermissions": EDITORS });
                let orphaned = event("api_key.orphaned", gone, about, Some(&acme.workspace_id), before, after);
                done(answer, vec![left, orphaned])
            }
            "DELETE /v1/me/sessions/{sessionId}" | "POST /v1/me/sign-out" | "POST /v1/me/sign-out-others" => {
                let member = acme.add_member("member", &[]).await;
                let other = sign_in(self.server, &member.email, &member.password).await.expect(200);
                // Its own event comes after the answer.
                until("the sign-in is told", async || {
                    let events = trail(&self.server.database, &acme.organization_id);
                    let is_its = |event: &&Value| event["target"]["id"] == member.user_id.as_str();
                    events.iter().filter(is_its).any(|event| event["action"] == "user.signed_in")
                })
                .await;
                let id = current_session(self.server, &other.text_at("/idToken")).await;
                let path = path.replace("{sessionId}", &id);
                let answer = send(request(&path).bearer(&member.id_token)).await;
                let after = json!({ "sessions": 1, "reason": "ended_by_user" });
                let (actor, about) = (actor(&member), person(&member));
                done(answer, vec![event("user.session_ended", actor, about, None, Value::Null, after)])
            }
            "POST /v1/organizations/O/workspaces" => {
                let path = acme.organization_path("/workspaces");
                let answer = by(request(&path).json(json!({ "name": "Staging" }))).await.expect(201);
                let id = answer.text_at("/id");
                let about = target("workspace", &id, "Staging");
                let made = event("workspace.created", me, about, Some(&id), Value::Null, json!({ "name": "Staging" }));
                done(answer, vec![made])
            }
            "PATCH /v1/workspaces/W" => {
                let id = acme.add_workspace("Old").await;
                let answer = by(request(&format!("/v1/workspaces/{id}")).json(json!({ "name": "New" }))).await;
                let (before, after) = (json!({ "name": "Old" }), json!({ "name": "New" }));
                let about = target("workspace", &id, "New");
                done(answer, vec![event("workspace.renamed", me, about, Some(&id), before, after)])
            }
            "DELETE /v1/workspaces/W" => {
                let id = acme.add_workspace("Brief").await;
                let answer = by(request(&format!("/v1/workspaces/{id}"))).await;
                let about = target("workspace", &id, "Brief");
                let before = json!({ "name": "Brief", "members": 0, "apiKeys": 0 });
                done(answer, vec![event("workspace.deleted", me, about, Some(&id), before, Value::Null)])
            }
            "PUT /v1/workspaces/W/members/{userId}" => {
                let member = acme.add_member("member", &[]).await;
                let path = acme.workspace_path(&format!("/members/{}", member.user_id));
                by(request(&path).json(json!({ "role": "viewer" }))).await.expect(200);
                let answer = by(request(&path).json(json!({ "role": "admin" }))).await;
                let (viewer, admin) = (json!({ "role": "viewer" }), json!({ "role": "admin" }));
                let changed = event(
                    "workspace_member.role_changed",
                    me,
                    person(&member),
                    Some(&acme.workspace_id),
                    viewer,
                    admin,
                );
                done(answer, vec![changed])
            }
            "DELETE /v1/workspaces/W/members/{userId}" => {
                let member = acme.add_to_workspace("editor").await;
                let key = acme.create_key(&member, json!({ "name": "CD" })).await;
                let path =
                    acme.workspace_path(&format!("/members/{}?transferKeysTo={}", member.user_id, owner.user_id));
                let answer = by(request(&path)).await;
                let place = Some(&*acme.workspace_id);
                let removed = event(
                    "workspace_member.removed",
                    me.clone(),
                    person(&member),
                    place,
                    json!({ "role": "editor" }),
                    Value::Null,
                );
                let before = json!({ "createdBy": member.user_id, "permissions": null });
                let after = json!({ "createdBy": owner.user_id, "permissions": EDITORS });
                let about = target("api_key", &key.id, "CD");
                done(answer, vec![removed, event("api_key.transferred", me, about, place, before, after)])
            }
            "POST /v1/whoami/revoke" => {
                let key = acme.create_key(owner, json!({ "name": "Lost" })).await;
                let answer = send(request(path).bearer(&key.plaintext)).await;
                let about = target("api_key", &key.id, "Lost");
                let itself = json!({ "kind": "api_key", "id": key.id, "name": "Lost", "email": null });
                let (before, after) = (json!({ "revoked": false }), json!({ "revoked": true }));
                done(answer, vec![event("api_key.revoked", itself, about, Some(&acme.workspace_id), before, after)])
            }
            "POST /v1/keys/revoke-leaked" => {
                let service = tenant::service_token(&self.server.database).await;
                let key = acme.create_key(owner, json!({ "name": "Public" })).await;
                let url = "https://example.com/octocat/blob/main/.env";
                let body = json!([{ "token": key.plaintext, "type": "key", "url": url, "source": "content" }]);
                let answer = send(request(path).bearer(&service).json(body)).await;
                let rows = self.server.database.texts("SELECT id AS text FROM service_tokens ORDER BY id DESC LIMIT 1");
                let scanner = json!({ "kind": "service", "id": rows[0], "name": "Gateway", "email": null });
                let about = target("api_key", &key.id, "Public");
                let after = json!({ "revoked": true, "reason": "leaked", "foundAt": url, "foundIn": "content" });
                let before = json!({ "revoked": false });
                done(answer, vec![event("api_key.revoked", scanner, about, Some(&acme.workspace_id), before, after)])
            }
            "POST /v1/workspaces/W/api-keys/revoke" => {
                let member = acme.add_to_workspace("editor").await;
                let mut events = Vec::new();
                for name in ["One", "Two"] {
                    let key = acme.create_key(&member, json!({ "name": name })).await;
                    let (before, after) = (json!({ "revoked": false }), json!({ "revoked": true }));
                    let about = target("api_key", &key.id, name);
                    let place = Some(&*acme.workspace_id);
                    events.push(event("api_key.revoked", me.clone(), about, place, before, after));
                }
                let body = json!({ "createdBy": member.user_id });
                let answer = by(request(&acme.workspace_path("/api-keys/revoke")).json(body)).await;
                done(answer, events)
            }
            "PUT /v1/users" => {
                let (backend, member) = self.external_member("Peter").await;
                let body = json!({ "issuer": "external", "subject": member.subject, "name": "Paul" });
                let answer = send(request("/v1/users").bearer(&backend.token).json(body)).await;
                let about = json!({ "kind": "user", "id": member.id, "name": null });
                let (before, after) = (json!({ "name": "Peter" }), json!({ "name": "Paul" }));
                done(answer, vec![event("user.changed", backend.actor, about, None, before, after)])
            }
            "PUT /v1/organizations/O/members/{userId}" => {
                let (backend, user) = self.external_user("Peter").await;
                let path = acme.organization_path(&format!("/members/{}", user.id));
                let answer = send(request(&path).bearer(&backend.token).json(json!({ "role": "member" }))).await;
                let about = json!({ "kind": "user", "id": user.id, "name": null });
                let after = json!({ "role": "member" });
                done(answer, vec![event("organization_member.added", backend.actor, about, None, Value::Null, after)])
            }
            "POST /v1/portal-sessions" => {
                let (backend, _) = self.external_user("Peter").await;
                let body = json!({
                    "userId": owner.user_id, "workspaceId": acme.workspace_id, "permissions": ["keys:own"],
                    "ttlSeconds": 60, "origins": ["https://app.example.com"],
                });
                let answer = send(request("/v1/portal-sessions").bearer(&backend.token).json(body)).await;
                let about = json!({ "kind": "user", "id": owner.user_id, "name": null });
                let after = json!({
                    "permissions": ["keys:own"], "origins": ["https://app.example.com"],
                    "expiresAt": answer["expiresAt"],
                });
                let place = Some(&*acme.workspace_id);
                done(answer, vec![event("portal_session.created", backend.actor, about, place, Value::Null, after)])
            }
            about_keys if about_keys.contains("/api-keys") => self.perform_on_key(operation).await,
            _ => panic!("{operation} writes: say in tests/suite/audit/writes.rs which events it leaves"),
        }
    }
}

async fn every_route_that_writes_leaves_exactly_its_events(db: Backend) {
    let smtp = Smtp::start();
    let url = smtp.url();
    let server = Server::with(db, |config| {
        config.mail.smtp_url = Some(url.into());
        config.plans.values_mut().for_each(|plan| plan.max_active_keys = 1_000);
    })
    .await;
    let acme = Tenant::verified(&server).await;
    let scene = Scene { server: &server, smtp, acme };
    let document = server.get("/openapi.json").send().await.expect(200).body;
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("methods").keys().filter(|method| *method != "get") {
            let operation = format!("{} {path}", method.to_uppercase());
            if EXCEPTIONS.contains(&&*operation) {
                continue;
            }
            let done = scene.perform(&operation).await;
            assert!((200..300).contains(&done.answer.status), "{operation}: {}", done.answer.text);
            let events = trail(&server.database, &done.organization);
            let own = &events[events.len() - done.events.len().min(events.len())..];
            let shown: Vec<Value> = own.iter().map(told).collect();
            assert_eq!(shown, done.events, "{operation}");
            let request = done.answer.header("x-request-id");
            let of_request = events.iter().filter(|event| event["requestId"].as_str() == request).count();
            assert_eq!(of_request, done.events.len(), "{operation} leaves other events, too: {events:#?}");
            for event in own {
                assert_eq!(event["address"], "127.0.0.1", "{operation}");
                assert_eq!(event["userAgent"], USER_AGENT, "{operation}");
                assert_eq!(event["organizationId"], done.organization.as_str(), "{operation}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 24, "only {tried} routes that write: the document is not read as it should be");
    assert_no_secret(&server);
}

/// Makes a custom role that reads content, and returns its id.
async fn add_role(tenant: &Tenant<'_>, name: &str) -> String {
    let request = tenant.server().post(&tenant.organization_path("/roles")).bearer(&tenant.owner.id_token);
    let body = json!({ "name": name, "permissions": ["content:read"] });
    request.json(body).send().await.expect(201).text_at("/id")
}

/// No secret that the suite has seen is in any event.
fn assert_no_secret(server: &Server) {
    let events = crate::support::dump::dump(&server.database)["audit_events"].clone();
    assert!(events.contains("api_key.created"));
    for secret in secrets::all() {
        assert!(!events.contains(&secret), "a secret is in the audit trail");
    }
}

async fn keys_that_manage_keys_are_actors(db: Backend) {
    let server = Server::with(db, |config| config.keys.manage_with_keys = true).await;
    let acme = Tenant::new(&server).await;
    let manager = acme.create_key(&acme.owner, json!({ "name": "Terraform" })).await;
    let create = server.post(&acme.workspace_path("/api-keys")).bearer(&manager.plaintext);
    create.json(json!({})).send().await.expect(201);
    let events = trail(&server.database, &acme.organization_id);
    let expected = json!({ "kind": "api_key", "id": manager.id, "name": "Terraform", "email": null });
    assert_eq!(events.last().expect("an event")["actor"], expected);
}

/// See `support/unrecorded.sql`, which stands guard in each test on PostgreSQL.
async fn a_writer_that_forgets_the_trail_fails_in_every_test(db: Backend) {
    let server = Server::start(db).await;
    let acme = Tenant::new(&server).await;
    acme.create_key(&acme.owner, json!({})).await;
    if db == Backend::Sqlite {
        // It has no triggers that look at the end of a transaction; the program is the same.
        return;
    }
    for statement in [
        "UPDATE workspaces SET name = 'Unheard of'",
        "UPDATE organization_members SET role = 'member'",
        "UPDATE api_keys SET revoked_at = now()",
        "UPDATE subscriptions SET plan = 'pro'",
        "DELETE FROM organizations",
    ] {
        let refused = server.database.connect().batch_execute(statement).expect_err(statement).to_string();
        assert!(refused.ends_with("without an audit event"), "{refused}");
    }
    server.database.execute("UPDATE api_keys SET last_used_at = now()");
}
