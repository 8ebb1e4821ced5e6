//! [`from_slice`]: parses JSON, and names the invalid field in the error.

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
            Category::Data => ApiError::invalid(if path == "." { "body".into() } else { path }, without_place(&cause)),
            _ => ApiError::bad_request(format!("The body is not JSON: {cause}.")),
        }
    })?;
    deserializer.end().map_err(|error| ApiError::bad_request(format!("The body is not JSON: {error}.")))?;
    Ok(value)
}

/// Removes " at line 1 column 2" from serde_json's message, because the error has the path.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}
