//! [`Texts`]: the document as it is served, with the schemas of collections.

use super::{operations, version_3_0};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityScheme;
use utoipa::openapi::tag::Tag;
use utoipa::openapi::{Header, Info, OpenApi, OpenApiVersion, RefOr, Response, Schema, Server};

/// The document as JSON for people to read, in each version, with an end of line.
#[derive(Debug)]
pub struct Texts {
    /// OpenAPI 3.1.
    pub v3_1: String,
    /// OpenAPI 3.0, for tools that don't read 3.1.
    pub v3_0: String,
}

impl Texts {
    /// Writes a document and the schemas of collections.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn new(document: &OpenApi, of_collections: &BTreeMap<String, Value>) -> Result<Self, String> {
        let whole = Whole::new(document, of_collections);
        let value = serde_json::to_value(&whole).map_err(|error| error.to_string())?;
        Ok(Self { v3_1: pretty(&whole)?, v3_0: pretty(&version_3_0::from_3_1(value))? })
    }
}

fn pretty(document: &impl Serialize) -> Result<String, String> {
    Ok(serde_json::to_string_pretty(document).map_err(|error| error.to_string())? + "\n")
}

/// The parts that the document has. utoipa's own type can't hold any JSON Schema, and JSON values forget the order in
/// which the page shows fields.
#[derive(Serialize)]
struct Whole<'d> {
    openapi: &'d OpenApiVersion,
    info: &'d Info,
    servers: &'d Option<Vec<Server>>,
    paths: BTreeMap<&'d str, Operations<'d>>,
    components: Components<'d>,
    tags: &'d Option<Vec<Tag>>,
}

/// The operations of a path, with what deletes behind what changes.
#[derive(Serialize)]
struct Operations<'d> {
    #[serde(skip_serializing_if = "Option::is_none")]
    get: Option<&'d Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post: Option<&'d Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    put: Option<&'d Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<&'d Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete: Option<&'d Operation>,
}

impl<'d> Operations<'d> {
    fn of(item: &'d PathItem) -> Self {
        let PathItem { get, post, put, patch, delete, .. } = item;
        Self {
            get: get.as_ref(),
            post: post.as_ref(),
            put: put.as_ref(),
            patch: patch.as_ref(),
            delete: delete.as_ref(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Components<'d> {
    schemas: BTreeMap<&'d str, SchemaText<'d>>,
    responses: BTreeMap<&'d str, &'d RefOr<Response>>,
    headers: BTreeMap<&'d str, &'d RefOr<Header>>,
    security_schemes: BTreeMap<&'d str, &'d RefOr<SecurityScheme>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SchemaText<'d> {
    OfCode(&'d RefOr<Schema>),
    OfCollection(&'d Value),
}

impl<'d> Whole<'d> {
    fn new(document: &'d OpenApi, of_collections: &'d BTreeMap<String, Value>) -> Self {
        let components = document.components.as_ref();
        let of_code =
            components.iter().flat_map(|all| &all.schemas).map(|(name, schema)| (name, SchemaText::OfCode(schema)));
        let of_collections = of_collections.iter().map(|(name, schema)| (name, SchemaText::OfCollection(schema)));
        let paths = document.paths.paths.iter().filter(|(_, item)| operations(item).any(can_succeed));
        Self {
            openapi: &document.openapi,
            info: &document.info,
            servers: &document.servers,
            paths: paths.map(|(path, item)| (path.as_str(), Operations::of(item))).collect(),
            components: Components {
                schemas: of_code.chain(of_collections).map(|(name, schema)| (name.as_str(), schema)).collect(),
                responses: by_name(components.iter().flat_map(|all| &all.responses)),
                headers: by_name(components.iter().flat_map(|all| &all.headers)),
                security_schemes: by_name(components.iter().flat_map(|all| &all.security_schemes)),
            },
            tags: &document.tags,
        }
    }
}

fn by_name<'d, T>(named: impl Iterator<Item = (&'d String, &'d T)>) -> BTreeMap<&'d str, &'d T> {
    named.map(|(name, part)| (name.as_str(), part)).collect()
}

/// Whether an operation has a success. A path that only refuses is a route, and nothing that a client calls.
fn can_succeed(operation: &Operation) -> bool {
    operation.responses.responses.keys().any(|status| status.starts_with(['2', '3']))
}
