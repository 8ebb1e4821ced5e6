//! [`Issuer`]: an external issuer of ID tokens: a Firebase project or an OpenID Connect provider.

use super::jwk::{self, PublicKey};
use super::oidc::Oidc;
use super::token;
use super::token::{Claims, Expected, FIREBASE_SUBJECT_LIMIT, OIDC_SUBJECT_LIMIT};
use crate::base::config::{IssuerSettings, OidcSettings};
use crate::base::error::{ApiError, Code};
use crate::base::time::Clock;
use crate::infra::remote_keys::{ISSUERS, RemoteKeys, Source};
use jsonwebtoken::Algorithm;
use std::time::Duration;

/// The published keys of all Firebase projects.
const GOOGLE_KEYS: &str = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";

/// An external issuer.
pub(crate) struct Issuer {
    /// The `iss` of its tokens, and the issuer of its users.
    pub(crate) name: String,
    /// The accepted algorithms of its tokens.
    algorithms: Vec<Algorithm>,
    rules: Rules,
    keys: RemoteKeys<PublicKey>,
}

enum Rules {
    /// All Firebase projects share their keys; only `aud`, the project, distinguishes their tokens.
    Firebase { audience: String },
    /// The configured rules of an OpenID Connect provider.
    Oidc(Oidc),
}

/// Returns a source's cache of keys for these algorithms. Fetches nothing yet.
fn keys_for(source: Source, algorithms: Vec<Algorithm>, time_limit: Duration) -> RemoteKeys<PublicKey> {
    RemoteKeys::of(source, Box::new(move |json| jwk::verifiers(json, &algorithms)), time_limit, ISSUERS)
}

impl Issuer {
    /// Sets up a configured issuer. Fetches nothing yet.
    pub(crate) fn new(settings: &IssuerSettings, time_limit: Duration) -> Self {
        let name = settings.name();
        match settings {
            IssuerSettings::FirebaseProject { project, jwks_url } => {
                let source = Source::Keys(jwks_url.clone().unwrap_or_else(|| GOOGLE_KEYS.to_owned()));
                let algorithms = vec![Algorithm::RS256];
                let keys = keys_for(source, algorithms.clone(), time_limit);
                Self { name, algorithms, rules: Rules::Firebase { audience: project.clone() }, keys }
            }
            IssuerSettings::Oidc(oidc) => {
                let OidcSettings { issuer, jwks_url, algorithms, .. } = oidc;
                let source =
                    jwks_url.clone().map_or_else(|| Source::Discovery { issuer: issuer.clone() }, Source::Keys);
                let keys = keys_for(source, algorithms.clone(), time_limit);
                Self { name, algorithms: algorithms.clone(), rules: Rules::Oidc(Oidc::new(oidc.clone())), keys }
            }
        }
    }

    /// Verifies a token of this issuer and returns its claims.
    pub(crate) async fn verify(&self, token: &str, clock: &Clock) -> Result<Claims, ApiError> {
        let (key_id, algorithm) = token::header_of(token, &self.algorithms)?;
        let key = self.keys.find(&key_id, clock).await?;
        // The algorithm must fit the key's type, and be the key's own if it names one.
        if !key.algorithms.contains(&algorithm) {
            return Err(Code::InvalidIdToken.into());
        }
        let claims = token::open_map(token, &key.key, algorithm)?;
        let (claims, audience, subject_limit) = match &self.rules {
            Rules::Firebase { audience } => (claims, audience.as_str(), FIREBASE_SUBJECT_LIMIT),
            Rules::Oidc(oidc) => (oidc.normalize(claims)?, oidc.audience(), OIDC_SUBJECT_LIMIT),
        };
        let claims = Claims::of(claims)?;
        claims.check(&Expected { issuer: &self.name, audience, subject_limit }, clock.now())?;
        Ok(claims)
    }
}
