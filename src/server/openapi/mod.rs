//! The OpenAPI document: collected from the routes, then completed with what all operations share: credentials, error
//! responses, `X-Request-ID`. [`Texts`] is the document as it is served, in OpenAPI 3.1 and 3.0.

mod credentials;
mod documented;
mod error_responses;
mod references;
mod schema_3_0;
mod text;
mod version_3_0;

pub use documented::Documented;
pub use text::Texts;

use crate::api::collections::TAG;
use crate::base::config::Config;
use crate::base::ids::{InvitationId, KeyId, OrganizationId, RoleId, SessionId, UserId, WorkspaceId};
use crate::infra::http::SERVICE_TOKEN;
use actix_web::http::Uri;
use std::collections::BTreeSet;
use utoipa::PartialSchema;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, RefOr, Required, Server, ServerBuilder,
};

/// The document that was collected from the routes, with what all operations have in common.
pub fn complete(config: &Config, mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Keyward")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .contact(Some(ContactBuilder::new().name(Some("Keyward")).build()))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    document.servers = Some(servers(config));
    // A group without operations would be an empty heading.
    let is_used = |name: &str| match name {
        TAG => !config.collections.is_empty(),
        "Billing" => config.billing.stripe.is_some(),
        "Identity" => config.identity.builtin,
        _ => true,
    };
    let tags = TAGS.iter().filter(|(name, _)| is_used(name));
    document.tags =
        Some(tags.map(|(name, text)| TagBuilder::new().name(*name).description(Some(*text)).build()).collect());
    for (path, item) in &mut document.paths.paths {
        for operation in operations_mut(item) {
            credentials::authenticate(operation, config);
            add_path_parameters(operation, path);
            remove_optional_examples(operation);
            add_on_behalf_of(operation, path);
            references::refer_from_body(operation);
            add_replay_header(operation);
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response {
                    error_responses::add_request_id(response);
                }
            }
        }
    }
    make_ids_unique(&mut document);
    let mut components = document.components.take().map_or_else(ComponentsBuilder::new, ComponentsBuilder::from);
    for (name, scheme) in credentials::schemes(config) {
        components = components.security_scheme(name, scheme);
    }
    if let Some(schema) = error_responses::schema(config) {
        components = components.schema("Error", schema);
    }
    let mut components = components.build();
    components.responses = error_responses::used_by(document.paths.paths.values().flat_map(operations), config);
    let header = RefOr::T(error_responses::request_id_header());
    components.headers.insert(error_responses::REQUEST_ID.to_owned(), header);
    references::refer_from_pages(&mut components.schemas);
    references::refer_from_variants(&mut components.schemas);
    document.components = Some(components);
    document
}

const DESCRIPTION: &str = "Organizations, workspaces, roles, subscriptions and API keys.\n\n\
    People manage with an ID token: choose **Authorize**, then sign in under `signIn` (the client fields stay empty) or \
    paste a token under `idToken`. Programs call with an API key under `apiKey` or `apiKeyHeader`. A backend of yours manages \
    with a service token, alone or for the member that `Keyward-On-Behalf-Of` names.";

/// The groups of operations, in the order of the page: first what programs are for, last what a person never calls.
/// Each group comes before the one whose operations delete what it is about.
const TAGS: [(&str, &str); 15] = [
    ("API keys", "Made by people, used by programs."),
    (TAG, "What tenants keep here, as configuration declares it."),
    ("Backends", "What a backend of yours does for its own users, by its service token."),
    ("Gateways", "Whether an API key is good, for what stands in front of an API of your own."),
    ("Programs", "What an API key is good for."),
    ("Members", "People in organizations and workspaces."),
    ("Invitations", "The only way to become a member."),
    ("Roles", "Sets of permissions in workspaces, made by the organization."),
    ("Audit", "Who changed whose access, when and from where."),
    ("Workspaces", "Where work and API keys live."),
    ("Organizations", "The paying customers."),
    ("Account", "The signed-in person."),
    ("Operation", "For probes and load balancers."),
    ("Billing", "For the payment provider."),
    ("Identity", "The built-in identity provider, in the shape of Firebase's."),
];

/// Where the API is: on the server that serves the document, and at the address that other machines know.
fn servers(config: &Config) -> Vec<Server> {
    let here = ServerBuilder::new().url("/").description(Some("The server that serves this document."));
    let url = &config.server.public_url;
    let parsed = url.parse::<Uri>().ok();
    let host = parsed.as_ref().and_then(Uri::host).unwrap_or_default();
    let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    let public = ServerBuilder::new().url(url).description(Some("The public address."));
    std::iter::once(here).chain((!is_local).then_some(public)).map(ServerBuilder::build).collect()
}

/// The operations of a path.
fn operations(item: &PathItem) -> impl Iterator<Item = &Operation> {
    [&item.get, &item.post, &item.put, &item.patch, &item.delete].into_iter().flatten()
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// The ids in a path, which guards and not handlers read.
fn add_path_parameters(operation: &mut Operation, path: &str) {
    let known = [
        ("organizationId", OrganizationId::schema(), OrganizationId::EXAMPLE),
        ("workspaceId", WorkspaceId::schema(), WorkspaceId::EXAMPLE),
        ("userId", UserId::schema(), UserId::EXAMPLE),
        ("invitationId", InvitationId::schema(), InvitationId::EXAMPLE),
        ("keyId", KeyId::schema(), KeyId::EXAMPLE),
        ("roleId", RoleId::schema(), RoleId::EXAMPLE),
        ("sessionId", SessionId::schema(), SessionId::EXAMPLE),
    ];
    for (name, schema, example) in known {
        if path.contains(&format!("{{{name}}}")) {
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(schema))
                // The page fills in this one, and none of the schema's.
                .example(Some(example.into()))
                .build();
            operation.parameters.get_or_insert_default().insert(0, RefOr::T(parameter));
        }
    }
}

/// Removes the examples of parameters that may be left out: the page would send them, and show a list of what an invented
/// filter finds.
fn remove_optional_examples(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.required == Required::False
        {
            *parameter = ParameterBuilder::from(parameter.clone()).example(None).build();
        }
    }
}

/// The header by which a service names the member for whom it acts: where people act, too, but for the creation of an
/// organization, which has no member yet.
fn add_on_behalf_of(operation: &mut Operation, path: &str) {
    let taken = credentials::names_of(operation);
    let is_of_people = taken.contains("idToken") && taken.contains(SERVICE_TOKEN);
    let is_of_member = path.contains("{userId}") && taken.contains(SERVICE_TOKEN);
    let creates = operation.operation_id.as_deref() == Some("create_organization");
    if (is_of_people || is_of_member) && !creates {
        let parameter = ParameterBuilder::new()
            .name("Keyward-On-Behalf-Of")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "With a service token: the member for whom it acts. The member's role bounds the call, and so does what the \
                 token may do.",
            ))
            .schema(Some(UserId::schema()))
            .build();
        operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
    }
}

/// The header of a repeated answer, wherever `Idempotency-Key` is taken.
fn add_replay_header(operation: &mut Operation) {
    let mut names = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter.name.as_str()),
        RefOr::Ref(_) => None,
    });
    if names.any(|name| name == "Idempotency-Key")
        && let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200")
    {
        let header = error_responses::text_header("`true`: this was answered before.");
        response.headers.insert("Idempotent-Replayed".to_owned(), header.into());
    }
}

/// Numbers the ids of collections' operations that another operation has, too.
fn make_ids_unique(document: &mut OpenApi) {
    let is_configured = |operation: &Operation| operation.tags.iter().flatten().any(|tag| tag == TAG);
    let all = document.paths.paths.values().flat_map(operations);
    let own = all.filter(|operation| !is_configured(operation));
    let mut taken: BTreeSet<String> = own.filter_map(|operation| operation.operation_id.clone()).collect();
    let all = document.paths.paths.values_mut().flat_map(operations_mut);
    for operation in all.filter(|operation| is_configured(operation)) {
        let id = operation.operation_id.clone().unwrap_or_default();
        let candidates = (1..).map(|count| if count == 1 { id.clone() } else { format!("{id}_{count}") });
        operation.operation_id = candidates.into_iter().find(|id| taken.insert(id.clone()));
    }
}

#[cfg(test)]
mod tests;
