//! The ways to authenticate, and which of them an operation takes.

use crate::base::config::Config;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes};
use utoipa::openapi::security::{SecurityRequirement, SecurityScheme};

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
    schemes.push(("serviceToken", bearer("A gateway's service token, from the command line.", None)));
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
    operation.security = Some(match operation.security.take() {
        None => named(&OF_PERSONS),
        Some(own) if own == [requirement(KEY_MANAGER)] => {
            let programs = if config.keys.manage_with_keys { &OF_PROGRAMS[..] } else { &[] };
            named(&[&OF_PERSONS[..], programs].concat())
        }
        Some(mut own) => {
            let known = named(&[&OF_PERSONS[..], &OF_PROGRAMS[..], &["serviceToken"]].concat());
            own.retain(|requirement| known.contains(requirement));
            own
        }
    });
}

fn requirement(name: &str) -> SecurityRequirement {
    SecurityRequirement::new(name, Vec::<String>::new())
}
