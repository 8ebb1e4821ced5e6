//! [`text`]: the document as it is served, with the schemas of collections.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::openapi::security::SecurityScheme;
use utoipa::openapi::tag::Tag;
use utoipa::openapi::{Info, OpenApi, OpenApiVersion, Paths, RefOr, Schema};

/// The parts that the document has. utoipa's own type can't hold any JSON Schema, and JSON values forget the order in
/// which the page shows fields.
#[derive(Serialize)]
struct Whole<'d> {
    openapi: &'d OpenApiVersion,
    info: &'d Info,
    paths: &'d Paths,
    components: Components<'d>,
    tags: &'d Option<Vec<Tag>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Components<'d> {
    schemas: BTreeMap<&'d str, SchemaText<'d>>,
    security_schemes: BTreeMap<&'d str, &'d RefOr<SecurityScheme>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SchemaText<'d> {
    OfCode(&'d RefOr<Schema>),
    OfCollection(&'d Value),
}

/// The document as JSON for people to read, with an end of line.
///
/// # Errors
/// Those of the serializer.
pub fn text(document: &OpenApi, of_collections: &BTreeMap<String, Value>) -> Result<String, String> {
    let components = document.components.as_ref();
    let of_code =
        components.iter().flat_map(|all| &all.schemas).map(|(name, schema)| (name, SchemaText::OfCode(schema)));
    let of_collections = of_collections.iter().map(|(name, schema)| (name, SchemaText::OfCollection(schema)));
    let schemes = components.iter().flat_map(|all| &all.security_schemes);
    let whole = Whole {
        openapi: &document.openapi,
        info: &document.info,
        paths: &document.paths,
        components: Components {
            schemas: of_code.chain(of_collections).map(|(name, schema)| (name.as_str(), schema)).collect(),
            security_schemes: schemes.map(|(name, scheme)| (name.as_str(), scheme)).collect(),
        },
        tags: &document.tags,
    };
    Ok(serde_json::to_string_pretty(&whole).map_err(|error| error.to_string())? + "\n")
}
