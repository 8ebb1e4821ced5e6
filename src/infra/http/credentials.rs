//! The answer to a caller without a credential: the credentials that the operation takes, by the document.

use serde_json::Value;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};

/// The names of security schemes, and the credentials that `Authorization: Bearer` carries for them.
const BEARERS: [(&str, &str); 3] =
    [("apiKey", "an API key"), ("idToken", "a person's ID token"), ("serviceToken", "a service token")];

/// Returns the sentence for an operation; `None` if it needs no credential.
pub(super) fn advice(operation: &Operation, document: &OpenApi) -> Option<String> {
    let requirements = serde_json::to_value(operation.security.as_ref()?).ok()?;
    let takes = |scheme: &str| {
        let names = |requirement: &Value| requirement.as_object().is_some_and(|names| names.contains_key(scheme));
        requirements.as_array().is_some_and(|all| all.iter().any(names))
    };
    let bearers: Vec<&str> = BEARERS.iter().filter(|(name, _)| takes(name)).map(|(_, text)| *text).collect();
    let bearer = (!bearers.is_empty()).then(|| format!("{} as \"Authorization: Bearer …\"", bearers.join(" or ")));
    let header = if takes("apiKeyHeader") { key_header(document) } else { None };
    let header = header.map(|name| format!("an API key in {name}"));
    let ways: Vec<String> = [bearer, header].into_iter().flatten().collect();
    (!ways.is_empty()).then(|| format!("No credentials were sent. Send {}.", ways.join(", or ")))
}

/// Returns the header that carries only a key.
fn key_header(document: &OpenApi) -> Option<&str> {
    match document.components.as_ref()?.security_schemes.get("apiKeyHeader")? {
        RefOr::T(SecurityScheme::ApiKey(ApiKey::Header(value))) => Some(&value.name),
        _ => None,
    }
}
