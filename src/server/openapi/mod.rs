//! The OpenAPI document: collected from the routes, then completed with what all operations share, so that no
//! handler has to repeat it and none can forget it: credentials, errors, `X-Request-ID`. [`text()`] is the document as it is
//! served.

mod documented;
mod text;

pub use documented::Documented;
pub use text::text;

use crate::api::collections::TAG;
use crate::base::config::Config;
use crate::base::error::style::Style;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{InvitationId, KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::PartialSchema;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes};
use utoipa::openapi::security::{SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, Required,
    Response, ResponseBuilder, Schema,
};

/// The document that was collected from the routes, with what all operations have in common.
pub fn complete(config: &Config, mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Keyward")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    // A group without operations would be an empty heading.
    let is_used = |name: &str| match name {
        TAG => !config.collections.is_empty(),
        "Billing" => config.billing.stripe.is_some(),
        _ => true,
    };
    let tags = TAGS.iter().filter(|(name, _)| is_used(name));
    document.tags =
        Some(tags.map(|(name, text)| TagBuilder::new().name(*name).description(Some(*text)).build()).collect());
    let mut components = document.components.take().map_or_else(ComponentsBuilder::new, ComponentsBuilder::from);
    for (name, scheme) in credentials(config) {
        components = components.security_scheme(name, scheme);
    }
    if let Some(schema) = error_schema(config) {
        components = components.schema("Error", schema);
    }
    document.components = Some(components.build());
    for (path, item) in &mut document.paths.paths {
        let is_api = path.starts_with(&config.server.base_path);
        let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for (place, operation) in methods.into_iter().enumerate() {
            let Some(operation) = operation else { continue };
            if is_api {
                authenticate(operation, config);
            }
            add_path_parameters(operation, path);
            let takes_credentials = operation.security.as_ref().is_none_or(|ways| *ways != [nothing()]);
            add_errors(operation, config, is_api && takes_credentials, place != 0, path.contains('{'));
            add_request_id(operation);
        }
    }
    document
}

const DESCRIPTION: &str = "Organizations, workspaces, roles, subscriptions and API keys.\n\n\
    People manage with an ID token: choose **Authorize**, then sign in under `signIn` (the client fields stay empty) or \
    paste a token under `idToken`. Programs call with an API key under `apiKey` or `apiKeyHeader`.";

/// The groups of operations, in the order of the page.
const TAGS: [(&str, &str); 13] = [
    ("Account", "The signed-in person."),
    ("Organizations", "The paying customers."),
    ("Members", "People in organizations and workspaces."),
    ("Invitations", "The only way to become a member."),
    ("Workspaces", "Where work and API keys live."),
    ("API keys", "Made by people, used by programs."),
    ("Audit", "Who changed whose access, when and from where."),
    ("Billing", "For the payment provider."),
    ("Programs", "What an API key is good for."),
    (TAG, "What tenants keep here, as configuration declares it."),
    ("Gateways", "Whether an API key is good, for what stands in front of an API of your own."),
    ("Identity", "The built-in identity provider, in the shape of Firebase's."),
    ("Operation", "For probes and load balancers."),
];

/// The ways to authenticate.
fn credentials(config: &Config) -> Vec<(&'static str, SecurityScheme)> {
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

/// Which credentials an operation takes: those it names, or else a person's.
fn authenticate(operation: &mut Operation, config: &Config) {
    let configured: Vec<&str> = credentials(config).into_iter().map(|(name, _)| name).collect();
    let named = |names: &[&str]| {
        let names = names.iter().filter(|name| configured.contains(name));
        names.map(|name| SecurityRequirement::new(*name, Vec::<String>::new())).collect::<Vec<_>>()
    };
    let about_keys = operation.tags.iter().flatten().any(|tag| tag == "API keys");
    match &mut operation.security {
        Some(own) => {
            let known = named(&["apiKey", "apiKeyHeader", "idToken", "signIn", "serviceToken"]);
            own.retain(|requirement| known.contains(requirement) || *requirement == nothing());
        }
        None if about_keys && config.keys.manage_with_keys => {
            operation.security = Some(named(&["idToken", "signIn", "apiKey", "apiKeyHeader"]));
        }
        None => operation.security = Some(named(&["idToken", "signIn"])),
    }
}

/// What an operation for everybody requires.
fn nothing() -> SecurityRequirement {
    SecurityRequirement::default()
}

/// The ids in a path, which guards and not handlers read.
fn add_path_parameters(operation: &mut Operation, path: &str) {
    let known = [
        ("organizationId", OrganizationId::schema()),
        ("workspaceId", WorkspaceId::schema()),
        ("userId", UserId::schema()),
        ("invitationId", InvitationId::schema()),
        ("keyId", KeyId::schema()),
    ];
    for (name, schema) in known {
        if path.contains(&format!("{{{name}}}")) {
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(schema))
                .build();
            operation.parameters.get_or_insert_default().insert(0, RefOr::T(parameter));
        }
    }
}

/// The codes that an operation can answer.
fn codes(operation: &Operation, is_api: bool, writes: bool, has_parameters: bool) -> Vec<Code> {
    let has_body = operation.request_body.is_some();
    let takes_keys = operation.tags.iter().flatten().any(|tag| tag == "Programs" || tag == "Gateways" || tag == TAG);
    let is_conditional = operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.name == "If-Match",
        RefOr::Ref(_) => false,
    });
    let is_bounded = operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.name == "interval",
        RefOr::Ref(_) => false,
    });
    let applies = |code: &Code| match code.status().as_u16() {
        400 => true,
        401 => is_api,
        403 => match code {
            Code::SubscriptionInactive | Code::IpNotAllowed | Code::WorkspaceMismatch => is_api && takes_keys,
            _ => is_api,
        },
        404 => is_api && (has_parameters || writes),
        409 => is_api && writes,
        412 => is_conditional,
        422 => (is_api || operation.tags.iter().flatten().any(|tag| tag == "Billing")) && (writes || is_bounded),
        413 => has_body,
        415 => has_body && is_api,
        // A key is counted wherever it is sent, and before it is refused.
        429 => is_api,
        500 => true,
        503 => true,
        _ => false,
    };
    Code::ALL.iter().copied().filter(applies).collect()
}

fn add_errors(operation: &mut Operation, config: &Config, is_api: bool, writes: bool, has_parameters: bool) {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes(operation, is_api, writes, has_parameters) {
        by_status.entry(code.status().as_u16()).or_default().push(code);
    }
    for (status, codes) in by_status {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_string()).or_insert_with(|| RefOr::T(error_response(config, &codes)));
    }
}

fn error_response(config: &Config, codes: &[Code]) -> Response {
    let shown: Vec<String> = codes.iter().map(|code| format!("`{}`", code.as_str())).collect();
    let examples = codes.iter().map(|code| {
        let mut error = ApiError::new(*code);
        if *code == Code::ValidationFailed {
            error = ApiError::invalid("name", "must be 1 to 100 characters long; it is 0");
        }
        let body = config.errors.body(&error, "req_Xw3PbV9cQ2LzT7mKd1Rf", example_time());
        (code.as_str(), utoipa::openapi::example::ExampleBuilder::new().value(Some(body)).build())
    });
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).examples_from_iter(examples).build();
    let mut response =
        ResponseBuilder::new().description(shown.join(", ")).content(config.errors.content_type(), content);
    match codes.first().map(|code| code.status().as_u16()) {
        Some(401) => response = response.header("WWW-Authenticate", text_header("`Bearer` (RFC 6750).")),
        Some(429) => {
            response = response
                .header("Retry-After", text_header("Seconds to wait."))
                .header("RateLimit-Policy", text_header("The limits, as on each answer to an API key."))
                .header("RateLimit", text_header("What is left of them."));
        }
        Some(503) => response = response.header("Retry-After", text_header("Seconds to wait.")),
        _ => {}
    }
    response.build()
}

fn text_header(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new().description(Some(description)).build()
}

fn add_request_id(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response
                .headers
                .insert("X-Request-ID".to_owned(), RefOr::T(text_header("Names this request in Keyward's logs.")));
        }
    }
}

/// A fixed moment, so that the document does not change from day to day.
fn example_time() -> Timestamp {
    Timestamp::from_millis(1_772_280_000_000).unwrap_or(Timestamp::EPOCH)
}

/// The schema of an error's body in the configured style.
fn error_schema(config: &Config) -> Option<RefOr<Schema>> {
    let text = json!({"type": "string"});
    let details = json!({"type": "array", "items": {"type": "object", "required": ["field", "message"],
        "properties": {"field": text, "message": text}}, "description": "The fields to blame."});
    let object =
        |required: Value, properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let schema = match config.errors.style {
        Style::Envelope => object(
            json!(["error"]),
            json!({"error": object(
                json!(["code", "message", "timestamp", "requestId"]),
                json!({"code": text, "message": text, "timestamp": {"type": "string", "format": "date-time"},
                    "requestId": text, "details": details}),
            )}),
        ),
        Style::Flat => object(json!(["error"]), json!({"error": text})),
        Style::Titled => object(json!(["error", "message"]), json!({"error": text, "message": text})),
        Style::Problem => object(
            json!(["type", "title", "status", "detail", "instance", "code", "requestId"]),
            json!({"type": text, "title": text, "status": {"type": "integer"}, "detail": text, "instance": text,
                "code": text, "requestId": text, "details": details}),
        ),
    };
    serde_json::from_value(schema).ok()
}
