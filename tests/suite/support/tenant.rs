//! People, organizations, workspaces and keys, made the way that customers make them: through the API.

use super::database::TestDatabase;
use super::http::{Answer, Api};
use super::{process, secrets};
use keyward::domain::identity::Account;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a viewer has in a workspace, where nothing else is declared.
pub const VIEWERS: [&str; 4] = ["workspace:read", "members:read", "content:read", "keys:own"];
/// What an editor has.
pub const EDITORS: [&str; 5] = ["workspace:read", "members:read", "content:read", "content:write", "keys:own"];

/// A person who is signed in.
#[derive(Clone, Debug)]
pub struct User {
    pub email: String,
    pub password: String,
    /// Firebase's `localId`, the subject of the ID tokens.
    pub local_id: String,
    /// Keyward's own id, `usr_…`.
    pub user_id: String,
    pub id_token: String,
    pub refresh_token: String,
}

impl User {
    /// A new person, signed up at the built-in provider, with an e-mail address of their own.
    pub async fn sign_up(server: &Api) -> Self {
        Self::sign_up_as(server, &format!("user-{}@example.com", next_number())).await
    }

    /// A new person of this e-mail address.
    pub async fn sign_up_as(server: &Api, email: &str) -> Self {
        let password = format!("correct-horse-{:08}", next_number());
        let answer = server
            .post("/identitytoolkit.googleapis.com/v1/accounts:signUp?key=test")
            .json(json!({ "email": email, "password": password, "returnSecureToken": true }))
            .send()
            .await
            .expect(200);
        let id_token = answer.text_at("/idToken");
        let me = server.get(&format!("{}/me", server.base_path)).bearer(&id_token).send().await.expect(200);
        Self {
            email: email.to_owned(),
            password,
            local_id: answer.text_at("/localId"),
            user_id: me.text_at("/user/id"),
            id_token,
            refresh_token: answer.text_at("/refreshToken"),
        }
    }

    /// Signs in anew: a session that was not used for long has ended.
    pub async fn sign_in(&mut self, server: &Api) {
        let body = json!({ "email": self.email, "password": self.password, "returnSecureToken": true });
        let sign_in = server.post("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=test");
        let answer = sign_in.json(body).send().await.expect(200);
        (self.id_token, self.refresh_token) = (answer.text_at("/idToken"), answer.text_at("/refreshToken"));
    }

    /// Takes a new ID token, with the claims as they are now.
    pub async fn refresh(&mut self, server: &Api) {
        let answer = server
            .post("/securetoken.googleapis.com/v1/token?key=test")
            .form(&[("grant_type", "refresh_token"), ("refresh_token", &self.refresh_token)])
            .send()
            .await
            .expect(200);
        self.id_token = answer.text_at("/id_token");
        self.refresh_token = answer.text_at("/refresh_token");
    }
}

/// Marks the address as verified, as the operator does, and takes an ID token that says so.
pub async fn verify_email(server: &Api, user: &mut User) {
    Account::verify_email(&mut server.database.connect(), &user.email).expect("the account is there");
    user.refresh(server).await;
}

/// An organization with its owner and one workspace.
pub struct Tenant<'s> {
    server: &'s Api,
    pub owner: User,
    pub organization_id: String,
    pub workspace_id: String,
}

impl<'s> Tenant<'s> {
    pub async fn new(server: &'s Api) -> Self {
        let owner = User::sign_up(server).await;
        let request = server.post(&format!("{}/organizations", server.base_path)).bearer(&owner.id_token);
        let organization_id = request.json(json!({ "name": "Acme" })).send().await.expect(201).text_at("/id");
        let mut tenant = Self { server, owner, organization_id, workspace_id: String::new() };
        tenant.workspace_id = tenant.add_workspace("Production").await;
        tenant
    }

    /// [`Tenant::new`] with an owner whose address is verified, so that invitations are mailed.
    pub async fn verified(server: &'s Api) -> Self {
        let mut tenant = Self::new(server).await;
        verify_email(server, &mut tenant.owner).await;
        tenant
    }

    /// The server that it is on.
    pub fn server(&self) -> &'s Api {
        self.server
    }

    /// Another workspace; gives its id.
    pub async fn add_workspace(&self, name: &str) -> String {
        let path = self.organization_path("/workspaces");
        let request = self.server.post(&path).bearer(&self.owner.id_token);
        request.json(json!({ "name": name })).send().await.expect(201).text_at("/id")
    }

    /// A new person who joins by invitation, with an organization role and workspace roles: `(workspace id, role)`.
    pub async fn add_member(&self, role: &str, workspaces: &[(&str, &str)]) -> User {
        let email = format!("member-{}@example.com", next_number());
        let token = self.invite(&email, role, workspaces).await.text_at("/token");
        let mut user = User::sign_up_as(self.server, &email).await;
        verify_email(self.server, &mut user).await;
        let accept = self.server.post(&format!("{}/invitations/accept", self.server.base_path)).bearer(&user.id_token);
        accept.json(json!({ "token": token })).send().await.expect(200);
        user
    }

    /// A new person in the first workspace.
    pub async fn add_to_workspace(&self, role: &str) -> User {
        self.add_member("member", &[(&self.workspace_id, role)]).await
    }

    /// An invitation by the owner.
    pub async fn invite(&self, email: &str, role: &str, workspaces: &[(&str, &str)]) -> Answer {
        let workspaces: Vec<Value> = workspaces.iter().map(|(id, role)| json!({ "id": id, "role": role })).collect();
        let request = self.server.post(&self.organization_path("/invitations")).bearer(&self.owner.id_token);
        request.json(json!({ "email": email, "role": role, "workspaces": workspaces })).send().await.expect(201)
    }

    /// A key of this person in the first workspace.
    pub async fn create_key(&self, creator: &User, request: Value) -> Key {
        let path = self.workspace_path("/api-keys");
        let answer = self.server.post(&path).bearer(&creator.id_token).json(request).send().await.expect(201);
        Key { id: answer.text_at("/id"), plaintext: answer.text_at("/plaintext"), body: answer.body }
    }

    /// A document of a collection of the first workspace, by the owner; gives its id.
    pub async fn add_document(&self, collection: &str, body: Value) -> String {
        let request = self.server.post(&self.workspace_path(collection)).bearer(&self.owner.id_token);
        request.json(body).send().await.expect(201).text_at("/id")
    }

    /// `/v1/organizations/{organizationId}` and what follows.
    pub fn organization_path(&self, rest: &str) -> String {
        format!("{}/organizations/{}{rest}", self.server.base_path, self.organization_id)
    }

    /// `/v1/workspaces/{workspaceId}` and what follows.
    pub fn workspace_path(&self, rest: &str) -> String {
        format!("{}/workspaces/{}{rest}", self.server.base_path, self.workspace_id)
    }

    /// `/v1/workspaces/{workspaceId}/api-keys/{keyId}` and what follows.
    pub fn key_path(&self, key: &Key, rest: &str) -> String {
        self.workspace_path(&format!("/api-keys/{}{rest}", key.id))
    }
}

/// An API key, as its creation answered.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: String,
    pub plaintext: String,
    pub body: Value,
}

/// All that a service token may do.
pub const EVERYTHING: &str = "keys:verify,organizations:write,subscriptions:read,users:write,workspaces:write,\
    members:write,keys:write,usage:read,audit:read,content:write";

/// A gateway's token, made by the operator.
pub async fn service_token(database: &TestDatabase) -> String {
    backend_token(database, "keys:verify", &[]).await
}

/// A token with these permissions and further arguments, made by the operator.
pub async fn backend_token(database: &TestDatabase, can: &str, more: &[&str]) -> String {
    let arguments = [&["service-token", "create", "--name", "Gateway", "--can", can], more].concat();
    let printed = process::run(database, &arguments).await;
    let (_, token) = printed.trim().split_once('\n').expect("its id and its text");
    secrets::register(token);
    token.to_owned()
}

fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
