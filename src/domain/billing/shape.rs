//! Reads the object of an event, and names the field whose shape is not known.

use super::events::API_VERSION;
use crate::base::error::ApiError;
use crate::base::input::plain::plain;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The path of an event's object.
const OBJECT: &str = "data.object";

/// Parses the object of an event.
///
/// # Errors
/// `validation_failed` with the path of the field that is missing or has another shape.
pub(super) fn read<T: DeserializeOwned>(object: &Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(object).map_err(|error| {
        let (path, reason) = (error.path().to_string(), error.inner().to_string());
        let words = plain(&reason);
        // For a missing field, the path is that of the object that lacks it.
        let lacking = reason.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let parts = [Some(OBJECT), Some(path.as_str()).filter(|path| *path != "."), lacking];
        unknown(parts.into_iter().flatten().collect::<Vec<_>>().join("."), &words)
    })
}

/// Returns the error of a field that must be there, by its path in the object.
pub(super) fn missing(path: &str) -> ApiError {
    unknown(format!("{OBJECT}.{path}"), "it is missing")
}

fn unknown(field: String, reason: &str) -> ApiError {
    ApiError::invalid(field, format!("is not as in Stripe's API version {API_VERSION} or before: {reason}"))
}

/// Tells `null` (`Some(None)`) from a field that is not there (`None`, by `serde(default)`).
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
