//! `POST /keys/revoke-leaked`. GitHub has no credential of ours: its signature over the body is one.

use super::letter;
use super::model::{self, BATCH, Outcome, Place};
use super::signature::{KEY_IDENTIFIER, SIGNATURE};
use crate::access::{Caller, state_of, subscription_gate, verify};
use crate::api_keys::PresentedKey;
use crate::audit::Actor;
use crate::error::{ApiError, Code};
use crate::hex;
use crate::http::authentication::credential_of;
use crate::http::validation::{Object, is_unprintable};
use crate::http::{Body, from_slice};
use crate::openapi::errors;
use crate::state::State;
use crate::telemetry::RequestContext;
use actix_web::{HttpRequest, post, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The most characters of a page's address that are kept.
const LONGEST_URL: usize = 500;

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
/// scanner of one's own sends a service token.
#[utoipa::path(tag = "Gateways", security(("serviceToken" = [])), request_body = Vec<LeakedKey>,
    responses(errors::Program, errors::Write, errors::Body, (status = 200, description = "What became of each.", body = Vec<LeakFeedback>)))]
#[post("")]
pub async fn revoke_leaked_keys(
    state: web::Data<State>,
    req: HttpRequest,
    body: Body<Vec<LeakedKey>>,
) -> Result<web::Json<Vec<LeakFeedback>>, ApiError> {
    let (bytes, actor) = authenticate(&req, body).await?;
    let found: Vec<Object<LeakedKey>> = from_slice(&bytes)?;
    let found: Vec<LeakedKey> = found.into_iter().map(|Object(found)| found).collect();
    let mut places: HashMap<[u8; 32], Place> = HashMap::new();
    for leaked in &found {
        let key = PresentedKey::new(&leaked.token);
        // What can't be a key costs no lookup.
        if state.api_keys.format.recognizes(key) {
            places.entry(key.hash()).or_insert_with(|| leaked.place());
        }
    }
    let mut known: HashSet<[u8; 32]> = HashSet::new();
    let mut texts = places.into_iter().peekable();
    while texts.peek().is_some() {
        let (batch, actor): (HashMap<_, _>, _) = (texts.by_ref().take(BATCH).collect(), actor.clone());
        let now = state.clock.now();
        let Outcome { known: here, revoked } = state
            .across_tenants()
            .change_access(move |conn, touched| {
                touched.act_as(actor);
                model::revoke(conn, touched, &batch, now)
            })
            .await?;
        known.extend(here);
        revoked.iter().for_each(|leak| letter::send(&state, leak));
    }
    Ok(web::Json(found.into_iter().map(|leaked| leaked.feedback(&known)).collect()))
}

/// The body, and who vouches for it.
async fn authenticate(req: &HttpRequest, body: Body<Vec<LeakedKey>>) -> Result<(Vec<u8>, Actor), ApiError> {
    let state = state_of(req)?;
    if let Some(github) = state.github_keys.as_ref().filter(|_| req.headers().contains_key(SIGNATURE)) {
        let only = |name: &str| {
            let mut values = req.headers().get_all(name);
            let value = values.next()?.to_str().ok()?;
            values.next().is_none().then_some(value)
        };
        let bytes = body.json().await?;
        github.verify(&state.clock, only(KEY_IDENTIFIER), only(SIGNATURE), &bytes).await?;
        return Ok((bytes, Actor::LeakScanner("github")));
    }
    let credential = credential_of(req.headers(), &state.api_keys)?;
    let caller = verify(&state, &credential, RequestContext::client_address()).await?;
    RequestContext::caller_is(caller.id());
    if let Caller::ApiKey(key) = &caller {
        // A program is told the same as everywhere.
        subscription_gate(&state.config, key)?;
    }
    let Caller::Service(service) = caller else { return Err(Code::CredentialNotAccepted.into()) };
    Ok((body.json().await?, Actor::Service(service.id)))
}

impl LeakedKey {
    /// Where it was found. A page's address may have the text itself in it.
    fn place(&self) -> Place {
        let tidy = |text: &str| -> String {
            let text = if self.token.is_empty() { text.to_owned() } else { text.replace(&self.token, "[redacted]") };
            text.chars().filter(|c| !is_unprintable(*c)).take(LONGEST_URL).collect()
        };
        let given = |text: &Value| text.as_str().map(tidy).filter(|text| !text.is_empty());
        Place { url: given(&self.url), source: given(&self.source) }
    }

    fn feedback(self, known: &HashSet<[u8; 32]>) -> LeakFeedback {
        let hash = PresentedKey::new(&self.token).hash();
        let token_hash = hex::encode(&hash);
        let label = if known.contains(&hash) { Label::TruePositive } else { Label::FalsePositive };
        LeakFeedback { token_hash, token_type: self.kind.as_str().unwrap_or_default().to_owned(), label }
    }
}
