//! A JSON Schema as a Schema Object of OpenAPI 3.0.

use crate::base::json_schema::children;
use serde_json::{Map, Value, json};

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

/// Converts a schema and what is in it.
pub fn convert(schema: &mut Value) {
    for (_, child) in children(schema) {
        convert(child);
    }
    match schema {
        Value::Bool(true) => *schema = json!({}),
        Value::Bool(false) => *schema = json!({"not": {}}),
        Value::Object(fields) => convert_fields(fields),
        _ => {}
    }
}

fn convert_fields(fields: &mut Map<String, Value>) {
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
    for keyword in ["anyOf", "oneOf"] {
        nullable_choice(fields, keyword);
    }
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

/// A choice between one schema and null is that schema, nullable. A reference can't be: nothing may stand beside it, so
/// it stays a choice, between the reference and a schema that only null fits.
fn nullable_choice(fields: &mut Map<String, Value>, keyword: &str) {
    let Some(Value::Array(choices)) = fields.get(keyword) else { return };
    let is_null = |choice: &Value| choice["enum"] == json!([null]);
    let others: Vec<Value> = choices.iter().filter(|choice| !is_null(choice)).cloned().collect();
    let [Value::Object(only)] = others.as_slice() else { return };
    if others.len() == choices.len() {
        return;
    }
    fields.remove(keyword);
    let mut only = only.clone();
    let reference = match only.remove("allOf") {
        Some(Value::Array(all)) if all.iter().all(|part| part.get("$ref").is_some()) => all.into_iter().next(),
        Some(all) => {
            only.insert("allOf".to_owned(), all);
            None
        }
        None => only.remove("$ref").map(|reference| json!({ "$ref": reference })),
    };
    for (name, value) in only {
        fields.entry(name).or_insert(value);
    }
    match reference {
        Some(reference) => {
            let choice = json!([reference, {"type": "string", "nullable": true, "enum": [null]}]);
            if fields.contains_key("anyOf") {
                require_all(fields, json!({"anyOf": choice}));
            } else {
                fields.insert("anyOf".to_owned(), choice);
            }
        }
        None => _ = fields.insert("nullable".to_owned(), json!(true)),
    }
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
        convert(&mut schema);
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
                json!({"oneOf": [{"$ref": "#/components/schemas/Name", "description": "x"}, {"type": "null"}]}),
                json!({"anyOf": [{"$ref": "#/components/schemas/Name"},
                    {"type": "string", "nullable": true, "enum": [null]}], "description": "x"}),
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
}
