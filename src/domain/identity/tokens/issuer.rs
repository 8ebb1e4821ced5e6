//! [`Issuer`]: somebody else whose ID tokens are accepted: a Firebase project, or any issuer of OpenID Connect.

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

/// Where Google publishes the keys of all Firebase projects.
const GOOGLE_KEYS: &str = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";

/// An issuer.
pub(crate) struct Issuer {
    /// The `iss` of its tokens, and what its users have for an issuer.
    pub(crate) name: String,
    /// How its tokens may be signed.
    algorithms: Vec<Algorithm>,
    rules: Rules,
    keys: RemoteKeys<PublicKey>,
}

enum Rules {
    /// Of Firebase: `aud` is the project. All projects share their keys: this is what tells one's tokens from another's.
    Firebase { audience: String },
    /// Of OpenID Connect, as configured.
    Oidc(Oidc),
}

/// The keys of a source for these algorithms. Fetches nothing yet.
fn keys_for(source: Source, algorithms: Vec<Algorithm>, time_limit: Duration) -> RemoteKeys<PublicKey> {
    RemoteKeys::of(source, Box::new(move |json| jwk::verifiers(json, &algorithms)), time_limit, ISSUERS)
}

impl Issuer {
    /// A configured issuer. Fetches nothing yet.
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

    /// The claims of a token of this issuer.
    pub(crate) async fn verify(&self, token: &str, clock: &Clock) -> Result<Claims, ApiError> {
        let (key_id, algorithm) = token::header_of(token, &self.algorithms)?;
        let key = self.keys.find(&key_id, clock).await?;
        // A key of RSA verifies nothing of a curve's; and one that names its algorithm has no other.
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
