//! [`Foreigners`]: an issuer whose people come to any server of the suite.

use super::forge::FIRST;
use super::key_server::{KeyServer, settings_of};
use crate::support::Server;
use crate::support::tenant::User;
use keyward::base::config::{AdmissionSettings, IssuerSettings};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An issuer with one key.
pub struct Foreigners {
    settings: IssuerSettings,
    /// What its tokens have as `iss`.
    name: String,
    /// Kept for as long as tokens are verified.
    _keys: KeyServer,
}

impl Foreigners {
    /// An issuer of OpenID Connect, found by discovery.
    pub fn of_oidc() -> Self {
        let keys = KeyServer::start(&[&FIRST]);
        let settings = settings_of(&keys);
        let name = settings.issuer.clone();
        Self { settings: IssuerSettings::Oidc(settings), name, _keys: keys }
    }

    /// A Firebase project.
    pub fn of_firebase() -> Self {
        let keys = KeyServer::start(&[&FIRST]);
        let settings = IssuerSettings::FirebaseProject {
            project: "app".to_owned(),
            jwks_url: Some(keys.url()),
            admission: AdmissionSettings::default(),
        };
        Self { settings, name: "https://securetoken.google.com/app".to_owned(), _keys: keys }
    }

    /// As a server's configuration has it.
    pub fn settings(&self) -> IssuerSettings {
        self.settings.clone()
    }

    /// A new person with a token of an hour, by the server's clock.
    pub async fn newcomer(&self, server: &Server) -> User {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let subject = format!("foreigner-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let (email, now) = (format!("{subject}@example.com"), server.clock.now().seconds());
        let id_token = FIRST.sign(&json!({
            "iss": self.name, "aud": "app", "sub": subject, "user_id": subject, "iat": now, "exp": now + 3600,
            "auth_time": now, "email": email, "email_verified": true,
        }));
        let me = server.get("/v1/me").bearer(&id_token).send().await.expect(200);
        let (password, refresh_token) = (String::new(), String::new());
        User { email, password, local_id: subject, user_id: me.text_at("/user/id"), id_token, refresh_token }
    }
}
