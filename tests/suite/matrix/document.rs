//! The OpenAPI document that the server serves, as far as the matrices need it.

use super::schema::Shape;
use super::{table, world};
use crate::support::http::Api;
use crate::support::{Backend, tests};
use serde_json::Value;
use std::collections::BTreeSet;

tests![the_table_and_the_document_name_the_same_routes, the_document_declares_every_path_parameter];

/// Fewer would mean that the document is not read as it should be.
const MIN_OPERATIONS: usize = 48;

/// What the server says it can do.
pub struct Document {
    root: Value,
    pub operations: Vec<Operation>,
}

/// A method of a path.
pub struct Operation {
    /// Such as `GET /v1/me`.
    pub name: String,
    pub method: String,
    pub path: String,
    /// Those of the path's template, in order.
    pub path_parameters: Vec<String>,
    /// Those of the query and the headers that the document declares.
    pub query_parameters: Vec<String>,
    pub header_parameters: Vec<String>,
    declared_path_parameters: BTreeSet<String>,
    /// The media type and the schema of the body; JSON where there is a choice.
    pub body: Option<(String, Value)>,
    /// Whether it takes a request without any body.
    pub body_is_optional: bool,
    /// Every status that the document names.
    pub statuses: BTreeSet<u16>,
    /// Whether it takes no credential.
    pub is_public: bool,
    /// What a service token must be allowed to, if it takes one.
    pub service_permission: Option<String>,
    /// Whether it takes a portal session.
    pub takes_portal_session: bool,
}

impl Document {
    pub async fn of(server: &Api) -> Self {
        let root = server.get("/openapi.json").send().await.expect(200).body;
        let mut operations = Vec::new();
        for (path, item) in root["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("a path's methods") {
                operations.push(Operation::read(path, method, operation));
            }
        }
        assert!(operations.len() >= MIN_OPERATIONS, "the document has only {} operations", operations.len());
        Self { root, operations }
    }

    /// The operation of a name that the table has.
    pub fn operation(&self, name: &str) -> &Operation {
        let found = self.operations.iter().find(|operation| operation.name == name);
        found.unwrap_or_else(|| panic!("the document has no {name}"))
    }

    /// A schema with its references followed.
    pub fn shape<'d>(&'d self, schema: &'d Value) -> Shape<'d> {
        Shape::of(&self.root, schema)
    }
}

impl Operation {
    fn read(path: &str, method: &str, operation: &Value) -> Self {
        let method = method.to_uppercase();
        let declared = |place: &str| {
            let all = operation["parameters"].as_array().into_iter().flatten();
            let here = all.filter(move |parameter| parameter["in"] == place);
            here.map(|parameter| parameter["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
        };
        let content = operation["requestBody"]["content"].as_object();
        let body = content.and_then(|content| {
            let (media, of_type) = content.get_key_value("application/json").or_else(|| content.iter().next())?;
            Some((media.clone(), of_type["schema"].clone()))
        });
        let responses = operation["responses"].as_object().expect("responses");
        let requirements = || operation["security"].as_array().into_iter().flatten();
        let service_permission = operation["x-service-permission"].as_str().map(str::to_owned);
        let takes_portal_session = requirements().any(|one| one["portalSession"].is_array());
        Self {
            name: format!("{method} {path}"),
            method,
            path: path.to_owned(),
            path_parameters: path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.into())).collect(),
            query_parameters: declared("query"),
            header_parameters: declared("header"),
            declared_path_parameters: declared("path").into_iter().collect(),
            body,
            body_is_optional: operation["requestBody"]["required"] != true,
            statuses: responses.keys().map(|status| status.parse().expect("a status")).collect(),
            is_public: operation["security"] == serde_json::json!([]),
            service_permission,
            takes_portal_session,
        }
    }

    /// Whether it is a list with pages.
    pub fn is_list(&self) -> bool {
        self.query_parameters.iter().any(|name| name == "cursor")
    }
}

async fn the_table_and_the_document_name_the_same_routes(db: Backend) {
    let server = world::server(db).await;
    let document = Document::of(&server).await;
    let documented: BTreeSet<&str> = document.operations.iter().map(|operation| operation.name.as_str()).collect();
    let listed: BTreeSet<&str> = table::ROWS.iter().map(|row| row.operation).collect();
    let missing: Vec<_> = documented.difference(&listed).collect();
    let unknown: Vec<_> = listed.difference(&documented).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "not in the table: {missing:#?}\nnot served: {unknown:#?}");
}

async fn the_document_declares_every_path_parameter(db: Backend) {
    let server = world::server(db).await;
    let document = Document::of(&server).await;
    let undeclared: Vec<String> = document
        .operations
        .iter()
        .flat_map(|operation| operation.path_parameters.iter().map(move |name| (operation, name)))
        .filter(|(operation, name)| !operation.declared_path_parameters.contains(*name))
        .map(|(operation, name)| format!("{}: {name}", operation.name))
        .collect();
    assert!(undeclared.is_empty(), "OpenAPI wants each parameter of a path declared: {undeclared:#?}");
}
