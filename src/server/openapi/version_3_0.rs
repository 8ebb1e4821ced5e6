//! The document in OpenAPI 3.0, for tools that don't read 3.1.
//!
//! It describes the same requests and answers. JSON Schema keywords that 3.0 lacks are left out, so that a schema of a
//! collection may allow more here than the server does, and never less.

use super::schema_3_0::convert;
use serde_json::{Value, json};

const APACHE_2: &str = "https://www.apache.org/licenses/LICENSE-2.0";

/// Converts a document of 3.1.
pub fn from_3_1(mut document: Value) -> Value {
    document["openapi"] = json!("3.0.3");
    if let Some(license) = document.pointer_mut("/info/license").and_then(Value::as_object_mut)
        && license.remove("identifier").is_some()
    {
        license.insert("url".to_owned(), json!(APACHE_2));
    }
    if let Some(Value::Object(components)) = document.pointer_mut("/components/schemas") {
        components.values_mut().for_each(convert);
    }
    convert_within(&mut document);
    document
}

/// Converts the schemas of parameters, headers and bodies.
fn convert_within(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match name.as_str() {
                    "schema" => convert(field),
                    // Converted already; or no part of the document's structure.
                    "schemas" | "example" | "examples" => {}
                    _ => convert_within(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(convert_within),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
