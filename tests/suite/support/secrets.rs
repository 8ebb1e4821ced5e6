//! Every secret that the suite has seen: whatever is in here must not be in the log.

use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Fields of requests and answers whose values are secrets.
const FIELDS: [&str; 12] = [
    "password",
    "plaintext",
    "idToken",
    "refreshToken",
    "access_token",
    "id_token",
    "refresh_token",
    "token",
    "key",
    "oobCode",
    "newPassword",
    "smtp_url",
];
/// A shorter one is a test's nonsense, and may stand in the log by chance.
const SHORTEST: usize = 12;

static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Remembers a secret.
pub fn register(secret: &str) {
    if secret.len() >= SHORTEST {
        SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.to_owned());
    }
}

/// Remembers the secrets in a JSON document, however deep.
pub fn register_fields(document: &Value) {
    match document {
        Value::Array(items) => items.iter().for_each(register_fields),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) => register_field(name, text),
                    _ => register_fields(value),
                }
            }
        }
        _ => {}
    }
}

/// Remembers the value of a field, if that is a secret by its name.
pub fn register_field(name: &str, value: &str) {
    if FIELDS.contains(&name) {
        register(value);
    }
}

/// Remembers a credential that is sent in a header: a wrong one has no place in the log either.
pub fn register_header(name: &str, value: &str) {
    if name.eq_ignore_ascii_case("authorization") || name.to_ascii_lowercase().ends_with("api-key") {
        register(value.strip_prefix("Bearer ").unwrap_or(value));
    }
}

/// All of them.
pub fn all() -> BTreeSet<String> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
