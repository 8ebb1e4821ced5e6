//! The ways to authenticate, and which of them an operation takes.

use crate::base::config::Config;
use crate::infra::http::{PORTAL_SESSION, SERVICE_PERMISSION, SERVICE_TOKEN};
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes};
use utoipa::openapi::security::{SecurityRequirement, SecurityScheme};

/// What operations name that take a person's credential beside others.
const PERSON: &str = "person";
/// What operations about keys name: a person's credential and, with `keys.manage_with_keys`, a program's.
const KEY_MANAGER: &str = "keyManager";
const OF_PERSONS: [&str; 2] = ["idToken", "signIn"];
const OF_PROGRAMS: [&str; 2] = ["apiKey", "apiKeyHeader"];

/// The ways to authenticate.
pub fn schemes(config: &Config) -> Vec<(&'static str, SecurityScheme)> {
    let bearer = |text: &str, format: Option<&str>| {
        let mut scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(text));
        if let Some(format) = format {
            scheme = scheme.bearer_format(format);
        }
        SecurityScheme::Http(scheme.build())
    };
    let mut schemes = vec![("idToken", bearer("A person's ID token.", Some("JWT")))];
    if config.identity.builtin {
        let flow = Flow::Password(Password::new("/docs/token", Scopes::new()));
        let scheme = OAuth2::with_description([flow], "Sign in with e-mail and password.");
        schemes.push(("signIn", SecurityScheme::OAuth2(scheme)));
    }
    if config.keys.bearer() {
        schemes.push(("apiKey", bearer("A program's API key.", None)));
    }
    if let Some(name) = config.keys.own_headers().next() {
        let value = ApiKeyValue::with_description(name, "A program's API key.");
        schemes.push(("apiKeyHeader", SecurityScheme::ApiKey(ApiKey::Header(value))));
    }
    let text = "A gateway's or a backend's service token, from the command line. `x-service-permission` of an \
                operation is the permission that it takes.";
    schemes.push((SERVICE_TOKEN, bearer(text, None)));
    schemes.push((PORTAL_SESSION, bearer("A portal session of a member's browser, made by a backend.", Some("JWT"))));
    schemes
}

/// Reduces what an operation names to what is configured. An operation that names nothing takes a person's credential;
/// one that names the empty requirement takes none.
pub fn authenticate(operation: &mut Operation, config: &Config) {
    let configured: Vec<&str> = schemes(config).into_iter().map(|(name, _)| name).collect();
    let named = |names: &[&str]| {
        let names = names.iter().filter(|name| configured.contains(name));
        names.map(|name| requirement(name)).collect::<Vec<_>>()
    };
    let own = operation.security.take().unwrap_or_else(|| vec![requirement(PERSON)]);
    let programs = if config.keys.manage_with_keys { &OF_PROGRAMS[..] } else { &[] };
    let expand = |own: SecurityRequirement| match name_of(&own).as_deref() {
        Some(PERSON) => named(&OF_PERSONS),
        Some(KEY_MANAGER) => named(&[&OF_PERSONS[..], programs].concat()),
        None => Vec::new(),
        Some(name) if !configured.contains(&name) => Vec::new(),
        _ => vec![own],
    };
    let expanded: Vec<SecurityRequirement> = own.into_iter().flat_map(expand).collect();
    let extensions = &mut operation.extensions;
    operation.security = Some(expanded.into_iter().map(|own| name_permission(extensions, own)).collect());
}

/// Moves what a service token needs from the requirement, where handlers say it, into the extension
/// [`SERVICE_PERMISSION`]: tools know scopes of OAuth 2 only.
fn name_permission(extensions: &mut Option<Extensions>, own: SecurityRequirement) -> SecurityRequirement {
    let Ok(Value::Object(mut schemes)) = serde_json::to_value(&own) else { return own };
    match schemes.remove(SERVICE_TOKEN).as_ref().and_then(|scopes| scopes.get(0)) {
        Some(permission) => {
            extensions.get_or_insert_default().insert(SERVICE_PERMISSION.to_owned(), permission.clone());
            requirement(SERVICE_TOKEN)
        }
        None => own,
    }
}

/// The schemes that an operation takes.
pub fn names_of(operation: &Operation) -> BTreeSet<String> {
    operation.security.iter().flatten().filter_map(name_of).collect()
}

/// The scheme that a requirement names; `None` for the empty requirement. Its fields are private.
fn name_of(requirement: &SecurityRequirement) -> Option<String> {
    match serde_json::to_value(requirement).ok()? {
        Value::Object(schemes) => schemes.into_iter().next().map(|(name, _)| name),
        _ => None,
    }
}

fn requirement(name: &str) -> SecurityRequirement {
    SecurityRequirement::new(name, Vec::<String>::new())
}
