//! The callers of the cells: people of the built-in provider or of another issuer, and their keys.

use super::super::callers::Who;
use super::losses::Loss;
use crate::identity::foreigners::Foreigners;
use crate::support::tenant::{EVERYTHING, Key, User, backend_token, service_token, verify_email};
use crate::support::{Server, Tenant};
use serde_json::{Value, json};

/// A caller of one cell.
pub struct Holder {
    pub person: User,
    pub key: Option<Key>,
    pub credential: String,
}

/// Makes holders.
pub struct People<'w, 's> {
    pub server: &'s Server,
    pub acme: &'w Tenant<'s>,
    /// The issuer that people come from, if it is not the built-in provider.
    pub foreigners: Option<&'w Foreigners>,
}

impl People<'_, '_> {
    /// A person who may do what `who` stands for, and who can lose it in that way.
    pub async fn person(&self, who: Who, loss: Option<Loss>) -> User {
        let own_workspace = |role| [(self.acme.workspace_id.as_str(), role)];
        match (loss, who) {
            (Some(Loss::OwnerDemoted), _) | (_, Who::OrganizationOwner) => self.join("owner", &[]).await,
            (Some(Loss::AdminDemoted), _) | (_, Who::OrganizationAdmin) => self.join("admin", &[]).await,
            (_, Who::SignedIn | Who::Service | Who::Backend) => self.newcomer().await,
            (_, Who::WorkspaceViewer) => self.join("member", &own_workspace("viewer")).await,
            (_, Who::WorkspaceEditor) => self.join("member", &own_workspace("editor")).await,
            _ => self.join("member", &own_workspace("admin")).await,
        }
    }

    /// [`People::person`] with what it sends: an ID token, a key of these settings, or a service token.
    pub async fn holder(&self, who: Who, loss: Option<Loss>, settings: Value) -> Holder {
        let person = self.person(who, loss).await;
        if who.is_of_programs() || who == Who::KeyItself {
            return self.with_key(person, settings).await;
        }
        let credential = match who {
            Who::Service => service_token(&self.server.database).await,
            Who::Backend => backend_token(&self.server.database, EVERYTHING, &[]).await,
            _ => person.id_token.clone(),
        };
        Holder { person, key: None, credential }
    }

    /// The person's key, which is what it sends.
    pub async fn with_key(&self, person: User, settings: Value) -> Holder {
        let key = self.acme.create_key(&person, settings).await;
        let credential = key.plaintext.clone();
        Holder { person, key: Some(key), credential }
    }

    async fn newcomer(&self) -> User {
        match self.foreigners {
            Some(foreigners) => foreigners.newcomer(self.server).await,
            None => {
                let mut person = User::sign_up(self.server).await;
                verify_email(self.server, &mut person).await;
                person
            }
        }
    }

    async fn join(&self, role: &str, workspaces: &[(&str, &str)]) -> User {
        let person = self.newcomer().await;
        let token = self.acme.invite(&person.email, role, workspaces).await.text_at("/token");
        let accept = self.server.post("/v1/invitations/accept").bearer(&person.id_token);
        accept.json(json!({ "token": token })).send().await.expect(200);
        person
    }
}
