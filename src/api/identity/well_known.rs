//! Public keys and discovery document of the built-in provider. Other services verify its tokens with them.

use crate::api::State;
use crate::api::errors;
use crate::domain::identity::tokens::jwk::JwkSet;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{Error, HttpResponse, get, web};
use serde::Serialize;

/// Five minutes: a new key signs at once, so verifiers should see it soon. They fetch again on an unknown key id.
const CACHE: (actix_web::http::header::HeaderName, &str) = (CACHE_CONTROL, "public, max-age=300");

/// The part of OpenID Connect Discovery that a verifier needs.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct OpenIdConfiguration {
    /// The `iss` of ID tokens.
    #[schema(example = "https://keyward.example.com/keyward")]
    issuer: String,
    #[schema(example = "https://keyward.example.com/.well-known/jwks.json")]
    jwks_uri: String,
    #[schema(value_type = Vec<String>, example = json!(["id_token"]))]
    response_types_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>, example = json!(["public"]))]
    subject_types_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>, example = json!(["RS256"]))]
    id_token_signing_alg_values_supported: [&'static str; 1],
}

/// The keys that verify ID tokens
///
/// A JSON Web Key set (RFC 7517).
#[utoipa::path(
    tag = "Identity",
    security(()),
    responses(errors::Public, (status = 200, description = "The public keys.", body = JwkSet))
)]
#[get("/.well-known/jwks.json")]
pub(super) async fn jwks(state: web::Data<State>) -> Result<HttpResponse, Error> {
    let keys = state.identity.builtin()?.keys.public().await;
    Ok(HttpResponse::Ok().insert_header(CACHE).json(JwkSet { keys }))
}

/// The same keys as certificates
///
/// X.509 certificates in PEM by key id, as Google publishes those of Firebase. They are self-signed: what vouches for
/// them is this server's own address.
#[utoipa::path(
    tag = "Identity",
    security(()),
    responses(errors::Public, (status = 200, description = "The public keys.", body = std::collections::BTreeMap<String, String>))
)]
#[get("/robot/v1/metadata/x509/securetoken@keyward")]
pub(super) async fn certificates(state: web::Data<State>) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().insert_header(CACHE).json(state.identity.builtin()?.keys.certificates().await))
}

/// Where the keys are
///
/// For services that find an issuer's keys by discovery.
#[utoipa::path(
    tag = "Identity",
    security(()),
    responses(errors::Public, (status = 200, description = "The issuer and its keys' address.", body = OpenIdConfiguration))
)]
#[get("/.well-known/openid-configuration")]
pub(super) async fn openid_configuration(state: web::Data<State>) -> Result<HttpResponse, Error> {
    let configuration = OpenIdConfiguration {
        issuer: state.identity.builtin()?.issuer.clone(),
        jwks_uri: format!("{}/.well-known/jwks.json", state.config.server.public_url),
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
    };
    Ok(HttpResponse::Ok().insert_header(CACHE).json(configuration))
}
