//! [`from_slice`]: parses JSON, and names the invalid field in the error.

use super::plain::{not_json, plain, unknown_field};
use crate::base::error::ApiError;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Parses JSON.
///
/// # Errors
/// `bad_request` for malformed JSON, `validation_failed` with the field's path for JSON of another shape.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    // A second pass finds the path, because tracking it costs as much as parsing.
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        match cause.classify() {
            Category::Data => wrong(&path, &without_place(&cause)),
            _ => ApiError::bad_request(not_json(bytes, &cause)),
        }
    })?;
    deserializer.end().map_err(|error| ApiError::bad_request(not_json(bytes, &error)))?;
    Ok(value)
}

/// The error of a value at a path. That of an unknown field names the field, and not the object that has it.
fn wrong(path: &str, reason: &str) -> ApiError {
    let path = path.trim_end_matches('?').trim_end_matches('.');
    let field = match unknown_field(reason) {
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        Some(name) => format!("{path}.{name}"),
        None if path.is_empty() => "body".to_owned(),
        None => path.to_owned(),
    };
    ApiError::invalid(field, plain(reason))
}

/// Removes " at line 1 column 2" from serde_json's message, because the error has the path.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}
