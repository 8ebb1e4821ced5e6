//! The configured routes in the OpenAPI document.

use crate::api::{Idempotency, errors};
use crate::base::ids::DocumentId;
use crate::base::json_schema;
use crate::base::time::Timestamp;
use crate::domain::collections::DOCUMENT_ID;
use crate::domain::collections::field::{Field, Kind};
use crate::domain::collections::schema::RESERVED;
use crate::domain::collections::{Collection, Collections};
use crate::infra::http::SERVICE_TOKEN;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, Paths, PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, PathItem, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
};
use utoipa::{IntoParams, IntoResponses, PartialSchema};

pub const TAG: &str = "Collections";

/// Returns the schemas that the operations refer to, as JSON, because utoipa's own type covers only a part of JSON
/// Schema.
pub fn schemas(collections: &Collections) -> BTreeMap<String, Value> {
    let mut schemas = BTreeMap::new();
    for collection in collections.iter() {
        let name = sent(collection);
        let mut own = collection.schema.source().clone();
        own["type"] = json!("object");
        schemas.extend(json_schema::hoist(&mut own, &name, &[DOCUMENT, PATCH]));
        schemas.insert(shown(collection), with_own_fields(own.clone()));
        schemas.insert(patched(collection), patch_body(collection));
        schemas.insert(name, own);
    }
    schemas
}

/// The last part of the name of a document's schema.
const DOCUMENT: &str = "document";
/// The last part of the name of the schema of a change's body.
const PATCH: &str = "patch";

/// The name of the schema of requests.
fn sent(collection: &Collection) -> String {
    format!("collections.{}", collection.name)
}

/// The name of the schema of responses.
fn shown(collection: &Collection) -> String {
    format!("{}.{DOCUMENT}", sent(collection))
}

/// The name of the schema of a change's body. It is a named schema because two media types share it.
fn patched(collection: &Collection) -> String {
    format!("{}.{PATCH}", sent(collection))
}

fn patch_body(collection: &Collection) -> Value {
    let patch = ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .description(Some("A merge patch (RFC 7396): fields to set, and null for those to remove."));
    json!(wrapped(collection, Schema::Object(patch.build()).into()))
}

/// Puts the schema of a document into that of the collection's envelope.
fn wrapped(collection: &Collection, schema: RefOr<Schema>) -> RefOr<Schema> {
    let Some(envelope) = &collection.envelope else { return schema };
    Schema::Object(
        ObjectBuilder::new()
            .property(envelope, schema)
            .required(envelope)
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .build(),
    )
    .into()
}

fn with_own_fields(mut schema: Value) -> Value {
    let time = json!(Timestamp::schema());
    let own = [
        json!(DocumentId::schema()),
        time.clone(),
        time,
        json!({
            "type": "string", "description": "The id of the API key, the person or the service token that made it.",
        }),
    ];
    for (name, field) in RESERVED.iter().zip(own) {
        schema["properties"][name] = field;
    }
    let mut required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    required.extend(RESERVED.iter().map(|name| json!(name)));
    schema["required"] = json!(required);
    schema
}

/// Returns the operations of a collection by path, without the base path.
pub fn paths(collection: &Collection) -> Paths {
    let [list, document, peoples_list, peoples_document] = collection.all_paths("");
    let programs = Describe { collection, for_programs: true };
    let people = Describe { collection, for_programs: false };
    PathsBuilder::new()
        .path(list, programs.list_and_create())
        .path(document, programs.one())
        .path(peoples_list, people.list_and_create())
        .path(peoples_document, people.one())
        .build()
}

/// Responses by status.
type ErrorSet = BTreeMap<String, RefOr<Response>>;

struct Describe<'c> {
    collection: &'c Collection,
    for_programs: bool,
}

impl Describe<'_> {
    fn list_and_create(&self) -> PathItem {
        let list = self.operation("list", "List", &self.list_errors()).parameters(Some(self.list_parameters()));
        let create = self
            .operation("create", "Create a document of", &[errors::Write::responses(), errors::Body::responses()])
            .parameters(Some(Idempotency::into_params(|| None)));
        let mut item = PathItem::new(HttpMethod::Get, list.response("200", json_response("A page.", self.page())));
        item.post = Some(
            create
                .request_body(Some(
                    self.body(wrapped(self.collection, Ref::from_schema_name(sent(self.collection)).into()), false),
                ))
                .response("201", self.document("Made."))
                .response("200", self.document("Made before, with the same Idempotency-Key."))
                .build(),
        );
        item
    }

    fn one(&self) -> PathItem {
        let whole = || self.body(wrapped(self.collection, Ref::from_schema_name(sent(self.collection)).into()), false);
        let if_match = || text_header_parameter("If-Match", "Write only this version: the `ETag` that was read.");
        let if_none_match = text_header_parameter("If-None-Match", "Answer 304 if this is still the version.");
        let id = || self.document_parameter();
        let deleting = [errors::Write::responses(), errors::Conditional::responses()];
        let replacing = [errors::Write::responses(), errors::Conditional::responses(), errors::Body::responses()];
        let mut item = PathItem::new(
            HttpMethod::Get,
            self.operation("read", "Read a document of", &[errors::Missing::responses()])
                .parameters(Some([id(), if_none_match]))
                .response("200", self.document("The document."))
                .response("304", ResponseBuilder::new().description("It is still the version of If-None-Match.")),
        );
        item.put = Some(
            self.operation("replace", "Replace a document of", &replacing)
                .parameters(Some([id(), if_match()]))
                .request_body(Some(whole()))
                .response("200", self.document("Replaced."))
                .build(),
        );
        item.patch = Some(
            self.operation("change", "Change a document of", &replacing)
                .parameters(Some([id(), if_match()]))
                .request_body(Some(self.body(Ref::from_schema_name(patched(self.collection)).into(), true)))
                .response("200", self.document("Changed."))
                .build(),
        );
        item.delete = Some(
            self.operation("delete", "Delete a document of", &deleting)
                .parameters(Some([id(), if_match()]))
                .response("204", ResponseBuilder::new().description("Deleted, with what belongs to it."))
                .build(),
        );
        item
    }

    /// The errors of a list besides those of its credentials.
    fn list_errors(&self) -> Vec<ErrorSet> {
        let has_parameters = !self.for_programs || self.collection.path.parent().is_some();
        has_parameters.then(errors::Missing::responses).into_iter().collect()
    }

    /// Starts an operation with the parts that all share (id, tag, security, the path's parameters, the errors of the
    /// credentials) and the operation's own errors.
    fn operation(&self, verb: &str, title: &str, errors: &[ErrorSet]) -> OperationBuilder {
        let (name, of) = (&self.collection.name, if self.for_programs { "" } else { "workspace_" });
        let whose = if self.for_programs { "the API key's workspace" } else { "a workspace, as a person" };
        let mut operation = OperationBuilder::new()
            .tag(TAG)
            .operation_id(Some(format!("{verb}_{of}{name}")))
            .summary(Some(format!("{title} {name}")))
            .description(Some(format!("In {whose}.")));
        let errors = std::iter::once(errors::Program::responses()).chain(errors.iter().cloned());
        for (status, response) in errors.flatten() {
            operation = operation.response(status, response);
        }
        if let Some(parent) = self.collection.path.parent() {
            operation = operation.parameter(id_parameter(&parent.parameter));
        }
        if self.for_programs {
            let header = text_header_parameter("X-Workspace-Id", "If sent, it must be the key's workspace.");
            operation = operation.parameter(header).securities(Some(
                ["apiKey", "apiKeyHeader"].map(|name| SecurityRequirement::new(name, Vec::<String>::new())),
            ));
        } else {
            let needs = if ["list", "read"].contains(&verb) { "content:read" } else { "content:write" };
            operation = operation.securities(Some([
                SecurityRequirement::new("person", Vec::<String>::new()),
                SecurityRequirement::new(SERVICE_TOKEN, [needs]),
            ]));
        }
        operation
    }

    fn document_parameter(&self) -> Parameter {
        id_parameter(DOCUMENT_ID)
    }

    fn list_parameters(&self) -> Vec<Parameter> {
        let mut parameters = crate::infra::http::PageQuery::into_params(|| Some(ParameterIn::Query));
        let names = self.collection.sorts.iter().map(|field| field.name.as_str());
        let orders: Vec<String> =
            std::iter::once("createdAt").chain(names).flat_map(|name| [name.to_owned(), format!("-{name}")]).collect();
        let order = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(orders));
        parameters.push(query_parameter(
            "sort",
            "The order; with - before it, largest first. Newest first if left out.",
            order.into(),
        ));
        for field in &self.collection.filters {
            let text = "Only documents with this value of the field.";
            parameters.push(query_parameter(&field.name, text, schema_of(field)));
        }
        parameters
    }

    fn body(&self, schema: RefOr<Schema>, is_patch: bool) -> RequestBody {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let body =
            RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", content.clone());
        if is_patch { body.content("application/merge-patch+json", content).build() } else { body.build() }
    }

    fn page(&self) -> RefOr<Schema> {
        let documents = ArrayBuilder::new().items(Ref::from_schema_name(shown(self.collection)));
        let cursor = ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::SchemaType::from_iter([Type::String, Type::Null]));
        Schema::Object(
            ObjectBuilder::new()
                .property("data", documents)
                .required("data")
                .property("nextCursor", cursor.description(Some("For the next page; null on the last one.")))
                .required("nextCursor")
                .build(),
        )
        .into()
    }

    fn document(&self, description: &str) -> ResponseBuilder {
        let tag = HeaderBuilder::new().description(Some("The version, for If-Match and If-None-Match.")).build();
        json_response(description, Ref::from_schema_name(shown(self.collection)).into()).header("ETag", tag)
    }
}

fn json_response(description: &str, schema: RefOr<Schema>) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content("application/json", content)
}

fn id_parameter(name: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(DocumentId::schema()))
        .example(Some(DocumentId::EXAMPLE.into()))
        .build()
}

fn text_header_parameter(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

fn query_parameter(name: &str, description: &str, schema: RefOr<Schema>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn schema_of(field: &Field) -> RefOr<Schema> {
    let kind = match field.kind {
        Kind::Text => Type::String,
        Kind::Number => Type::Number,
        Kind::Boolean => Type::Boolean,
    };
    ObjectBuilder::new().schema_type(kind).into()
}
