//! `POST /keys/revoke-leaked`. GitHub authenticates by its signature over the body, other scanners by a service token.

use crate::api::State;
use crate::api::authentication::credential_of;
use crate::api::errors;
use crate::api::{Caller, state_of, verify};
use crate::base::error::{ApiError, Code};
use crate::base::input::from_slice;
use crate::base::input::validation::Object;
use crate::base::policy::ServicePermission;
use crate::base::text::printable;
use crate::base::text::trim_pasted;
use crate::domain::access::CallerProof;
use crate::domain::api_keys::PresentedKey;
use crate::domain::audit::Actor;
use crate::domain::leaks::email;
use crate::domain::leaks::model;
use crate::domain::leaks::model::{BATCH, LeakLocation, LeakOutcome};
use crate::domain::service_tokens::ServiceActor;
use crate::domain::subscriptions::subscription_gate;
use crate::infra::http::{Body, DecidingHeader};
use crate::infra::request::RequestContext;
use actix_web::{HttpRequest, post, web};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The most characters of a page's URL that are stored.
const MAX_URL_LENGTH: usize = 500;

/// A text that looks like a key, and where it was found. Whatever the scanner says of it otherwise, the key must die: the
/// rest may be anything, and texts are kept.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct LeakedKey {
    /// The text.
    #[schema(format = Password, example = "sk_live_4f9TzqKb2LwYx7RmVc1HsDgNpE0aJuQX")]
    token: String,
    /// What the scanner calls such texts.
    #[serde(rename = "type", default)]
    #[schema(example = "keyward_api_key")]
    kind: Value,
    /// The page, if it is known.
    #[schema(
        example = "https://github.com/octocat/Hello-World/blob/12345600b9cbe38a219f39a9941c9319b600c002/foo/bar.txt"
    )]
    #[serde(default)]
    url: Value,
    /// What kind of place.
    #[schema(example = "content")]
    #[serde(default)]
    source: Value,
}

/// Whether a text is a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// It is, or was.
    TruePositive,
    /// It is not.
    FalsePositive,
}

/// What became of a text.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LeakFeedback {
    /// Its SHA-256, in hexadecimal.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    token_hash: String,
    #[schema(example = "keyward_api_key")]
    token_type: String,
    label: Label,
}

/// Revoke API keys that leaked
///
/// In the format of GitHub's secret scanning partner program. Each key that is among the texts is revoked at once, its
/// creator is told by mail, and each text is answered, in their order. GitHub sends no credential but the headers
/// `Github-Public-Key-Identifier` and `Github-Public-Key-Signature`, which are checked where `leaks.github` is configured; a
/// scanner of one's own sends a service token that may verify keys of all organizations.
#[utoipa::path(tag = "Gateways", security(("serviceToken" = ["keys:verify"])), request_body = Vec<LeakedKey>,
    responses(errors::Program, errors::Write, errors::Body, (status = 200, description = "What became of each.", body = Vec<LeakFeedback>)))]
#[post("")]
pub async fn revoke_leaked_keys(
    state: web::Data<State>,
    req: HttpRequest,
    body: Body<Vec<LeakedKey>>,
) -> Result<web::Json<Vec<LeakFeedback>>, ApiError> {
    let (bytes, actor, proof) = authenticate(&req, body).await?;
    let found: Vec<Object<LeakedKey>> = from_slice(&bytes)?;
    let found: Vec<LeakedKey> = found.into_iter().map(|Object(found)| found).collect();
    let mut places: HashMap<[u8; 32], LeakLocation> = HashMap::new();
    for leaked in &found {
        let key = PresentedKey::new(trim_pasted(&leaked.token));
        // Texts of another format can't be keys, so they cost no lookup.
        if state.api_keys.format.recognizes(key) {
            places.entry(key.hash()).or_insert_with(|| leaked.place());
        }
    }
    let mut known: HashSet<[u8; 32]> = HashSet::new();
    let mut texts = places.into_iter().peekable();
    while texts.peek().is_some() {
        let (batch, actor): (HashMap<_, _>, _) = (texts.by_ref().take(BATCH).collect(), actor.clone());
        let now = state.clock.now();
        let LeakOutcome { known: here, revoked } = state
            .for_caller(proof.clone())
            .change_access(move |conn, access_change| {
                access_change.act_as(actor);
                model::revoke(conn, access_change, &batch, now)
            })
            .await?;
        known.extend(here);
        revoked.iter().for_each(|leak| email::send(&state.mailer, leak));
    }
    Ok(web::Json(found.into_iter().map(|leaked| leaked.feedback(&known)).collect()))
}

/// The body, and who vouches for it.
async fn authenticate(
    req: &HttpRequest,
    body: Body<Vec<LeakedKey>>,
) -> Result<(Vec<u8>, Actor, CallerProof), ApiError> {
    let state = state_of(req)?;
    let signature = DecidingHeader::GithubSignature.read(req.headers())?;
    if let Some((github, signature)) = state.github_keys.as_ref().zip(signature) {
        let named = DecidingHeader::GithubKeyIdentifier.read(req.headers())?.and_then(|named| named.to_str().ok());
        let bytes = body.json().await?;
        let proof = github.verify(&state.clock, named, signature.to_str().ok(), &bytes).await?;
        return Ok((bytes, Actor::LeakScanner("github"), proof));
    }
    let credential = credential_of(req.headers(), &state.api_keys)?;
    let caller = verify(&state, &credential, RequestContext::client_address()).await?;
    RequestContext::set_caller(caller.id());
    if let Caller::ApiKey(key) = &caller {
        // A program gets the same subscription error as at other endpoints.
        subscription_gate(&state.config, key.subscription)?;
    }
    let Caller::Service(service) = caller else { return Err(Code::CredentialNotAccepted.into()) };
    service.ensure_unbound()?;
    let actor = ServiceActor::new(&service, ServicePermission::KeysVerify, None)?;
    Ok((body.json().await?, Actor::Service(service.id()), actor.proof()))
}

impl LeakedKey {
    /// Where the key was found. The key is redacted, because a page's URL may contain it.
    fn place(&self) -> LeakLocation {
        let tidy = |text: &str| -> String {
            let text = if self.token.is_empty() { text.to_owned() } else { text.replace(&self.token, "[redacted]") };
            printable(&text, MAX_URL_LENGTH)
        };
        let given = |text: &Value| text.as_str().map(tidy).filter(|text| !text.is_empty());
        LeakLocation { url: given(&self.url), source: given(&self.source) }
    }

    fn feedback(self, known: &HashSet<[u8; 32]>) -> LeakFeedback {
        let token_hash = HEXLOWER.encode(&PresentedKey::new(&self.token).hash());
        let key = PresentedKey::new(trim_pasted(&self.token));
        let label = if known.contains(&key.hash()) { Label::TruePositive } else { Label::FalsePositive };
        LeakFeedback { token_hash, token_type: self.kind.as_str().unwrap_or_default().to_owned(), label }
    }
}
