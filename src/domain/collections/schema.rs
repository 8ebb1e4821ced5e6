//! [`DocumentSchema`]: the JSON Schema of a collection's documents, and their validation.

use super::body::escaped;
use crate::base::error::{ApiError, FieldError};
use crate::base::sql::JsonObject;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Value, json};

/// The fields that Keyward adds to each document. A schema can't declare fields of these names.
pub const RESERVED: [&str; 4] = ["id", "createdAt", "updatedAt", "createdBy"];
/// The most faults in one response.
pub(super) const MAX_FAULTS: usize = 20;

/// A compiled JSON Schema, [draft 2020-12](https://json-schema.org/draft/2020-12/schema).
#[derive(Debug)]
pub struct DocumentSchema {
    source: Value,
    validator: Validator,
}

impl DocumentSchema {
    /// Compiles a schema. Without a schema, all objects are valid.
    ///
    /// Nothing is fetched for a `$ref`, and patterns run in linear time, so that documents can't stall the server.
    ///
    /// # Errors
    /// A text for the operator with the fault of the schema.
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

    /// The schema as it was configured.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Finds the schema of a field by the steps of its name. Follows `$ref` to parts of this schema.
    pub fn of_field(&self, steps: &[&str]) -> Option<&Value> {
        steps
            .iter()
            .try_fold(self.resolve(&self.source)?, |schema, step| self.resolve(schema.get("properties")?.get(step)?))
    }

    /// Follows `$ref` to parts of this schema.
    pub(super) fn resolve<'s>(&'s self, mut schema: &'s Value) -> Option<&'s Value> {
        // A longer chain of references is a cycle.
        for _ in 0..32 {
            match schema.get("$ref") {
                None => return Some(schema),
                Some(reference) => schema = self.source.pointer(reference.as_str()?.strip_prefix('#')?)?,
            }
        }
        None
    }

    /// Validates a document. The time grows with its size. `within` is the JSON Pointer of the document in the
    /// request's body: empty, or `/post`.
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

/// A valid document. Only valid documents are written.
#[derive(Clone, Debug)]
pub struct Accepted(JsonObject);

impl Accepted {
    pub fn into_object(self) -> JsonObject {
        self.0
    }
}

/// Reports an error at the field that must change. For a missing field, that is the field itself, not the object.
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
        // Without the value, which may be large or secret.
        _ => vec![FieldError { field: place, message: error.masked_with("the value").to_string() }],
    }
}

/// PostgreSQL can't store U+0000 in JSON, so it is refused with either database.
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
