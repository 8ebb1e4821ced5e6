//! The document in OpenAPI 3.0, for tools that don't read 3.1.
//!
//! It describes the same requests and answers. JSON Schema keywords that 3.0 lacks are left out, so that a schema of a
//! collection may allow more here than the server does, and never less.

use super::json_schema::children;
use serde_json::{Map, Value, json};

const APACHE_2: &str = "https://www.apache.org/licenses/LICENSE-2.0";
/// What a Schema Object of 3.0 has: <https://spec.openapis.org/oas/v3.0.3#schema-object>.
const KEYWORDS: [&str; 35] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "default",
    "deprecated",
    "description",
    "discriminator",
    "enum",
    "example",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "externalDocs",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "properties",
    "readOnly",
    "required",
    "title",
    "type",
    "uniqueItems",
    "writeOnly",
];

/// Converts a document of 3.1.
pub fn from_3_1(mut document: Value) -> Value {
    document["openapi"] = json!("3.0.3");
    if let Some(license) = document.pointer_mut("/info/license").and_then(Value::as_object_mut)
        && license.remove("identifier").is_some()
    {
        license.insert("url".to_owned(), json!(APACHE_2));
    }
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    if let Some(Value::Object(components)) = document.pointer_mut("/components/schemas") {
        components.values_mut().for_each(|schema| convert(schema, &schemas));
    }
    convert_within(&mut document, &schemas);
    document
}

/// Converts the schemas of parameters, headers and bodies.
fn convert_within(value: &mut Value, schemas: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match name.as_str() {
                    "schema" => convert(field, schemas),
                    // Converted already; or no part of the document's structure.
                    "schemas" | "example" | "examples" => {}
                    _ => convert_within(field, schemas),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| convert_within(item, schemas)),
        _ => {}
    }
}

/// Converts a schema. `schemas` are the components of 3.1, to look up what a reference leads to.
fn convert(schema: &mut Value, schemas: &Value) {
    for (_, child) in children(schema) {
        convert(child, schemas);
    }
    match schema {
        Value::Bool(true) => *schema = json!({}),
        Value::Bool(false) => *schema = json!({"not": {}}),
        Value::Object(fields) => convert_fields(fields, schemas),
        _ => {}
    }
}

fn convert_fields(fields: &mut Map<String, Value>, schemas: &Value) {
    if let Some(value) = fields.remove("const") {
        fields.insert("enum".to_owned(), json!([value]));
    }
    if let Some(Value::Array(examples)) = fields.remove("examples")
        && let Some(first) = examples.into_iter().next()
    {
        fields.entry("example").or_insert(first);
    }
    if fields.contains_key("patternProperties") {
        fields.remove("additionalProperties");
    }
    // `additionalProperties` is true or false as it was: both versions have the same two.
    if let Some(rest) = fields.get_mut("additionalProperties") {
        if *rest == json!({}) {
            *rest = json!(true);
        } else if *rest == json!({"not": {}}) {
            *rest = json!(false);
        }
    }
    bound(fields, "exclusiveMinimum", "minimum", |exclusive, inclusive| exclusive >= inclusive);
    bound(fields, "exclusiveMaximum", "maximum", |exclusive, inclusive| exclusive <= inclusive);
    one_type(fields);
    for keyword in ["oneOf", "anyOf"] {
        nullable_choice(fields, keyword, schemas);
    }
    plain_choices(fields);
    fields.retain(|keyword, _| KEYWORDS.contains(&keyword.as_str()) || keyword.starts_with("x-"));
    if fields.get("required").is_some_and(|required| *required == json!([])) {
        fields.remove("required");
    }
    if fields.get("type").is_some_and(|kind| kind == "array") {
        fields.entry("items").or_insert(json!({}));
    }
    // What stands beside a reference is ignored in 3.0.
    if fields.len() > 1
        && let Some(reference) = fields.remove("$ref")
    {
        require_all(fields, json!({"$ref": reference}));
    }
}

/// An exclusive bound is a number in 3.1, and in 3.0 a mark of the inclusive one. `is_tighter` compares the two.
fn bound(fields: &mut Map<String, Value>, exclusive: &str, inclusive: &str, is_tighter: fn(f64, f64) -> bool) {
    let Some(value) = fields.remove(exclusive) else { return };
    let (Some(number), other) = (value.as_f64(), fields.get(inclusive).and_then(Value::as_f64)) else { return };
    if other.is_none_or(|other| is_tighter(number, other)) {
        fields.insert(inclusive.to_owned(), value);
        fields.insert(exclusive.to_owned(), json!(true));
    }
}

/// A schema has at most one type, and may be nullable.
fn one_type(fields: &mut Map<String, Value>) {
    let types = match fields.get("type") {
        Some(Value::Array(types)) => types.clone(),
        Some(Value::String(kind)) if kind == "null" => vec![json!("null")],
        _ => return,
    };
    let others: Vec<Value> = types.iter().filter(|kind| **kind != "null").cloned().collect();
    let is_nullable = others.len() < types.len();
    fields.remove("type");
    match others.as_slice() {
        [] => {
            fields.extend([("type".to_owned(), json!("string")), ("enum".to_owned(), json!([null]))]);
        }
        [only] => _ = fields.insert("type".to_owned(), only.clone()),
        several => {
            let choices: Vec<Value> = several
                .iter()
                .map(|kind| {
                    let mut choice = json!({"type": kind});
                    if kind == "array" {
                        choice["items"] = json!({});
                    }
                    if is_nullable {
                        choice["nullable"] = json!(true);
                    }
                    choice
                })
                .collect();
            require_all(fields, json!({"anyOf": choices}));
            return;
        }
    }
    if is_nullable {
        fields.insert("nullable".to_owned(), json!(true));
    }
}

/// A choice between one schema and null is that schema, nullable.
fn nullable_choice(fields: &mut Map<String, Value>, keyword: &str, schemas: &Value) {
    let Some(Value::Array(choices)) = fields.get(keyword) else { return };
    let is_null = |choice: &Value| choice["enum"] == json!([null]);
    let others: Vec<Value> = choices.iter().filter(|choice| !is_null(choice)).cloned().collect();
    let [only] = others.as_slice() else { return };
    if others.len() == choices.len() {
        return;
    }
    fields.remove(keyword);
    let kind = type_of(only, schemas);
    match only {
        Value::Object(inner) if inner.contains_key("$ref") => require_all(fields, only.clone()),
        Value::Object(inner) => {
            for (name, value) in inner {
                fields.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        _ => {}
    }
    if let Some(kind) = kind {
        fields.insert("type".to_owned(), kind);
    }
    fields.insert("nullable".to_owned(), json!(true));
}

/// A discriminator selects among plain references: what stood beside them is left out.
fn plain_choices(fields: &mut Map<String, Value>) {
    if !fields.contains_key("discriminator") {
        return;
    }
    for choice in fields.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(reference) = choice.pointer("/allOf/0/$ref").cloned() {
            *choice = json!({"$ref": reference});
        }
    }
}

/// The type of a schema, through its references.
fn type_of(schema: &Value, schemas: &Value) -> Option<Value> {
    let mut schema = schema;
    // A longer chain of references goes in a circle.
    for _ in 0..32 {
        let reference = schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref")).and_then(Value::as_str);
        match reference {
            Some(reference) => schema = schemas.pointer(reference.strip_prefix("#/components/schemas")?)?,
            None => {
                return match schema.get("type")? {
                    Value::Array(types) => types.iter().find(|kind| **kind != "null").cloned(),
                    kind => Some(kind.clone()),
                };
            }
        }
    }
    None
}

fn require_all(fields: &mut Map<String, Value>, schema: Value) {
    match fields.get_mut("allOf") {
        Some(Value::Array(all)) => all.push(schema),
        _ => _ = fields.insert("allOf".to_owned(), json!([schema])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(mut schema: Value) -> Value {
        let schemas = json!({"Name": {"type": "string"}, "Alias": {"$ref": "#/components/schemas/Name"}});
        convert(&mut schema, &schemas);
        schema
    }

    #[test]
    fn each_keyword_of_3_1_has_its_form_of_3_0() {
        let cases = [
            (json!({"type": ["string", "null"]}), json!({"type": "string", "nullable": true})),
            (json!({"const": 1, "$comment": "x"}), json!({"enum": [1]})),
            (json!({"type": "string", "examples": ["a", "b"]}), json!({"type": "string", "example": "a"})),
            (json!({"exclusiveMinimum": 0}), json!({"minimum": 0, "exclusiveMinimum": true})),
            (json!({"exclusiveMaximum": 9, "maximum": 5}), json!({"maximum": 5})),
            (json!({"type": "array", "prefixItems": [true]}), json!({"type": "array", "items": {}})),
            (json!({"items": true, "type": "array"}), json!({"type": "array", "items": {}})),
            (json!({"properties": {"const": {"const": 1}}}), json!({"properties": {"const": {"enum": [1]}}})),
            (json!({"additionalProperties": false}), json!({"additionalProperties": false})),
            (json!({"patternProperties": {"^x": {}}, "additionalProperties": false}), json!({})),
            (json!({"if": {}, "then": {}, "required": []}), json!({})),
            (
                json!({"type": ["string", "array", "null"]}),
                json!({"allOf": [{"anyOf": [{"type": "string", "nullable": true},
                    {"type": "array", "items": {}, "nullable": true}]}]}),
            ),
            (
                json!({"$ref": "#/components/schemas/Name", "description": "x"}),
                json!({"allOf": [{"$ref": "#/components/schemas/Name"}], "description": "x"}),
            ),
            (
                json!({"oneOf": [{"$ref": "#/components/schemas/Alias", "description": "x"}, {"type": "null"}]}),
                json!({"allOf": [{"$ref": "#/components/schemas/Alias"}], "description": "x", "type": "string",
                    "nullable": true}),
            ),
            (
                json!({"discriminator": {"propertyName": "kind"}, "oneOf": [
                    {"$ref": "#/components/schemas/Name", "description": "x"}, {"$ref": "#/components/schemas/Alias"}]}),
                json!({"discriminator": {"propertyName": "kind"}, "oneOf": [
                    {"$ref": "#/components/schemas/Name"}, {"$ref": "#/components/schemas/Alias"}]}),
            ),
            (
                json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "description": "x"}),
                json!({"type": "integer", "minimum": 1, "description": "x", "nullable": true}),
            ),
        ];
        for (from, to) in cases {
            assert_eq!(converted(from.clone()), to, "{from}");
        }
    }

    #[test]
    fn schemas_are_converted_wherever_they_stand_and_examples_are_left_alone() {
        let document = from_3_1(json!({
            "openapi": "3.1.0",
            "info": {"license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
            "paths": {"/x": {"get": {"parameters": [{"schema": {"const": "a"}}],
                "responses": {"200": {"content": {"application/json": {
                    "schema": {"type": ["string", "null"]}, "example": {"schema": {"const": 1}}}}}}}}},
            "components": {"schemas": {"schema": {"const": 1}}},
        }));
        assert_eq!(document["info"]["license"], json!({"name": "Apache-2.0", "url": APACHE_2}));
        let get = &document["paths"]["/x"]["get"];
        assert_eq!(get["parameters"][0]["schema"], json!({"enum": ["a"]}));
        let content = &get["responses"]["200"]["content"]["application/json"];
        assert_eq!(content["schema"], json!({"type": "string", "nullable": true}));
        assert_eq!(content["example"], json!({"schema": {"const": 1}}));
        assert_eq!(document["components"]["schemas"]["schema"], json!({"enum": [1]}));
    }
}
