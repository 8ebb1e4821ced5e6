//! [`Issuer`]: an external issuer of ID tokens: a Firebase project or an OpenID Connect provider.

use super::admission;
use super::fault::TokenFault;
use super::header::{self, Header, KeyId};
use super::jwk::KeySet;
use super::oidc::Oidc;
use super::token;
use super::token::{Claims, Expected, FIREBASE_SUBJECT_LIMIT, OIDC_SUBJECT_LIMIT};
use crate::base::config::{AdmissionSettings, IssuerSettings, OidcSettings};
use crate::base::error::ApiError;
use crate::base::time::Clock;
use crate::infra::remote_keys::{ISSUERS, RemoteKeys, Source};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
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
    admission: AdmissionSettings,
    keys: RemoteKeys<KeySet>,
}

enum Rules {
    /// All Firebase projects share their keys; only `aud`, the project, distinguishes their tokens.
    Firebase { audience: String },
    /// The configured rules of an OpenID Connect provider.
    Oidc(Box<Oidc>),
}

/// Returns a source's cache of keys for these algorithms. Fetches nothing yet.
fn keys_for(source: Source, algorithms: Vec<Algorithm>, time_limit: Duration) -> RemoteKeys<KeySet> {
    RemoteKeys::of(source, Box::new(move |json| KeySet::parse(json, &algorithms)), time_limit, ISSUERS)
}

impl Issuer {
    /// Sets up a configured issuer. Fetches nothing yet.
    pub(crate) fn new(settings: &IssuerSettings, time_limit: Duration) -> Self {
        let name = settings.name();
        match settings {
            IssuerSettings::FirebaseProject { project, jwks_url, admission } => {
                let source = Source::Keys(jwks_url.clone().unwrap_or_else(|| GOOGLE_KEYS.to_owned()));
                let algorithms = vec![Algorithm::RS256];
                let keys = keys_for(source, algorithms.clone(), time_limit);
                let rules = Rules::Firebase { audience: project.clone() };
                Self { name, algorithms, rules, admission: admission.clone(), keys }
            }
            IssuerSettings::Oidc(oidc) => {
                let OidcSettings { issuer, jwks_url, algorithms, admission, .. } = oidc;
                let source =
                    jwks_url.clone().map_or_else(|| Source::Discovery { issuer: issuer.clone() }, Source::Keys);
                let keys = keys_for(source, algorithms.clone(), time_limit);
                let rules = Rules::Oidc(Box::new(Oidc::new(oidc.clone())));
                Self { name, algorithms: algorithms.clone(), rules, admission: admission.clone(), keys }
            }
        }
    }

    /// Verifies a token of this issuer and returns its claims.
    pub(crate) async fn verify(&self, token: &str, clock: &Clock) -> Result<Claims, ApiError> {
        let key_id = match self.rules {
            Rules::Firebase { .. } => KeyId::Required,
            Rules::Oidc(_) => KeyId::Optional,
        };
        let header = header::header_of(token, &self.algorithms, key_id)?;
        let opened = self.keys.find(|keys| open(keys, token, &header), clock).await?;
        let claims = opened.unwrap_or_else(|| {
            Err(match header.key_id {
                Some(_) => TokenFault::new("kid: the issuer has not published this key"),
                None => TokenFault::new("signature: none of the issuer's keys verifies it"),
            })
        })?;
        // The claims as the issuer wrote them.
        let admitted = admission::check(&self.admission, &claims);
        let (claims, audience, subject_limit) = match &self.rules {
            Rules::Firebase { audience } => (claims, audience.as_str(), FIREBASE_SUBJECT_LIMIT),
            Rules::Oidc(oidc) => (oidc.normalize(claims)?, oidc.audience(), OIDC_SUBJECT_LIMIT),
        };
        let claims = Claims::of(claims)?;
        claims.check(&Expected { issuer: &self.name, audience, subject_limit }, clock.now())?;
        admitted?;
        claims.ensure_unexpired(clock.now())?;
        Ok(claims)
    }
}

/// Returns all claims of a token that one of the candidates verifies; `None` if a newer set may have its key.
fn open(keys: &KeySet, token: &str, header: &Header) -> Option<Result<Map<String, Value>, TokenFault>> {
    let candidates = keys.candidates(header.key_id.as_deref(), header.algorithm);
    for key in &candidates.fitting {
        match token::open_map(token, &key.key, header.algorithm) {
            Err(fault) if fault == token::wrong_signature() => {}
            opened => return Some(opened),
        }
    }
    // Otherwise the signature is good for no key that the token may mean.
    candidates.are_named.then(|| match candidates.fitting.is_empty() {
        true => Err(TokenFault::new("alg: the key is for another algorithm")),
        false => Err(token::wrong_signature()),
    })
}
