//! [`DocumentSchema`]: what a collection's documents look like, and what is wrong with one.

use super::body::escaped;
use crate::base::error::{ApiError, FieldError};
use crate::base::sql::JsonObject;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Value, json};

/// What Keyward adds to each document; a schema can't declare fields of these names.
pub const RESERVED: [&str; 4] = ["id", "createdAt", "updatedAt", "createdBy"];
/// The most faults that an answer names.
const MAX_FAULTS: usize = 20;

/// A compiled JSON Schema, [draft 2020-12](https://json-schema.org/draft/2020-12/schema).
#[derive(Debug)]
pub struct DocumentSchema {
    source: Value,
    validator: Validator,
}

impl DocumentSchema {
    /// Compiles a schema; none takes any object.
    ///
    /// Nothing is fetched for a `$ref`, and patterns run in linear time: texts that tenants send can't stall the server.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(source: Option<Value>) -> Result<Self, String> {
        let source = source.unwrap_or_else(|| json!({ "type": "object" }));
        if !source.is_object() {
            return Err("must be a JSON Schema object".into());
        }
        if let Some(dialect) = source.get("$schema")
            && dialect != "https://json-schema.org/draft/2020-12/schema"
        {
            return Err(format!("$schema: must be https://json-schema.org/draft/2020-12/schema; it is {dialect}"));
        }
        if source.get("type").is_some_and(|kind| kind != "object") {
            return Err("type: must be \"object\", since a document is one".into());
        }
        if let Some(name) = RESERVED.iter().find(|name| source["properties"].get(**name).is_some()) {
            return Err(format!("properties.{name}: Keyward gives each document a field of this name"));
        }
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex())
            .build(&source)
            .map_err(|error| format!("{}: {}", error.instance_path(), error))?;
        Ok(Self { source, validator })
    }

    /// As it was written.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// The schema of a field, by its steps, also through `$ref` to a part of this schema.
    pub fn of_field(&self, steps: &[&str]) -> Option<&Value> {
        steps
            .iter()
            .try_fold(self.resolve(&self.source)?, |schema, step| self.resolve(schema.get("properties")?.get(step)?))
    }

    fn resolve<'s>(&'s self, mut schema: &'s Value) -> Option<&'s Value> {
        // A chain of references that is longer than this goes in a circle.
        for _ in 0..32 {
            match schema.get("$ref") {
                None => return Some(schema),
                Some(reference) => schema = self.source.pointer(reference.as_str()?.strip_prefix('#')?)?,
            }
        }
        None
    }

    /// Checks a document. Time grows with its size. `within` is the JSON Pointer of what the client sent it in: empty, or `/post`.
    ///
    /// # Errors
    /// `validation_failed`, each field named by its JSON Pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901))
    /// in the request's body.
    pub fn check(&self, document: JsonObject, within: &str) -> Result<Accepted, ApiError> {
        let JsonObject(document) = document;
        let mut faults: Vec<FieldError> = RESERVED
            .iter()
            .filter(|name| document.contains_key(**name))
            .map(|name| FieldError {
                field: format!("{within}/{name}"),
                message: "is Keyward's own; leave it out".into(),
            })
            .collect();
        let value = Value::Object(document);
        find_null_characters(&value, within, &mut faults);
        for error in self.validator.iter_errors(&value) {
            if faults.len() >= MAX_FAULTS {
                break;
            }
            faults.extend(named(&error, within));
        }
        faults.truncate(MAX_FAULTS);
        match (faults.is_empty(), value) {
            (true, Value::Object(document)) => Ok(Accepted(JsonObject(document))),
            _ => Err(ApiError::invalid_fields(faults)),
        }
    }
}

/// A document that its collection takes: the only kind that is written.
#[derive(Clone, Debug)]
pub struct Accepted(JsonObject);

impl Accepted {
    /// The document.
    pub fn into_object(self) -> JsonObject {
        self.0
    }
}

/// What an error says, at the field that must change: a missing one is named itself, not the object that lacks it.
fn named(error: &ValidationError<'_>, within: &str) -> Vec<FieldError> {
    let place = format!("{within}{}", error.instance_path());
    let below = |name: &str| format!("{place}/{}", escaped(name));
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let field = below(property.as_str().unwrap_or_default());
            vec![FieldError { field, message: "is required".into() }]
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let unknown = |name: &String| FieldError { field: below(name), message: "is not a known field".into() };
            unexpected.iter().map(unknown).collect()
        }
        // Without the value: an answer does not repeat what may be large, or secret.
        _ => vec![FieldError { field: place, message: error.masked_with("the value").to_string() }],
    }
}

/// PostgreSQL can't hold U+0000 in JSON, so neither database takes it.
fn find_null_characters(value: &Value, place: &str, faults: &mut Vec<FieldError>) {
    let fault = |place: &str| FieldError { field: place.to_owned(), message: "must not contain U+0000".into() };
    match value {
        Value::String(text) if text.contains('\0') => faults.push(fault(place)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_null_characters(item, &format!("{place}/{index}"), faults);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                if name.contains('\0') {
                    faults.push(fault(place));
                }
                find_null_characters(field, &format!("{place}/{}", escaped(name)), faults);
            }
        }
        _ => {}
    }
}
