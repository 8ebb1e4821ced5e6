//! The fields of a row, as texts.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::fmt;

/// What is wrong with a line, and what to do. It never repeats what stands in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    field: Option<&'static str>,
    message: String,
}

impl LineFault {
    /// Whether this field is to blame.
    pub(super) fn blames(&self, field: Field) -> bool {
        self.field == Some(field.name())
    }

    /// A field is to blame.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field), message: message.into() }
    }

    /// The row as a whole is.
    pub fn of_row(message: impl Into<String>) -> Self {
        Self { field: None, message: message.into() }
    }
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(field) => write!(f, "{field}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

macro_rules! fields {
    ($($field:ident = $name:literal $(| $alias:literal)*),+ $(,)?) => {
        /// The fields of a row. An export writes all of them but the plaintext.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Field { $(#[doc = $name] $field),+ }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Self] = &[$(Self::$field),+];

            /// As a file calls it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => $name),+ }
            }

            /// The field of a name, in any case and with or without underscores.
            pub fn of_name(name: &str) -> Option<Self> {
                let plain: String = name.trim().chars().filter(|c| *c != '_').collect::<String>().to_lowercase();
                $(if [$name, $($alias),*].iter().any(|known| known.to_lowercase() == plain) {
                    return Some(Self::$field);
                })+
                None
            }
        }
    };
}

fields! {
    Id = "id",
    WorkspaceId = "workspaceId" | "workspace",
    Name = "name" | "label",
    CreatedBy = "createdBy" | "creator",
    CreatedByEmail = "createdByEmail",
    Sha256 = "sha256" | "hash",
    Plaintext = "plaintext",
    Preview = "preview" | "prefix" | "start",
    Scope = "scope",
    AllowedIps = "allowedIps",
    CreatedAt = "createdAt",
    ExpiresAt = "expiresAt",
    LastUsedAt = "lastUsedAt",
    DisabledAt = "disabledAt",
    RevokedAt = "revokedAt",
    OrphanedAt = "orphanedAt",
}

/// The texts of a row's fields. Its `Debug` shows none.
#[derive(Default)]
pub struct RawRow {
    texts: [Option<SecretString>; Field::ALL.len()],
}

impl fmt::Debug for RawRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawRow([redacted])")
    }
}

impl RawRow {
    /// Keeps a text. What is empty is not there.
    pub fn set(&mut self, field: Field, text: String) {
        self.texts[field as usize] = Some(text.into()).filter(|text: &SecretString| !text.expose_secret().is_empty());
    }

    /// The row of a JSON object.
    ///
    /// # Errors
    /// A field that is not known, or no text where one must be.
    pub fn of_object(object: serde_json::Map<String, Value>) -> Result<Self, LineFault> {
        let mut row = Self::default();
        for (name, value) in object {
            let field = Field::of_name(&name).ok_or_else(|| LineFault::of_row(unknown_fields()))?;
            match value {
                Value::Null => {}
                Value::String(text) => row.set(field, text),
                Value::Array(items) if field == Field::AllowedIps => {
                    let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                    let texts = texts.ok_or_else(|| LineFault::new(field.name(), "must be a list of texts"))?;
                    row.set(field, texts.join(" "));
                }
                _ => return Err(LineFault::new(field.name(), "must be a text or null")),
            }
        }
        Ok(row)
    }

    pub(super) fn get(&self, field: Field) -> Option<&str> {
        self.texts[field as usize].as_ref().map(|text| text.expose_secret().trim())
    }
}

/// What to do about a field or a column that nobody knows.
pub(super) fn unknown_fields() -> String {
    let known: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
    format!("has a field that is not known; leave it out. Known are: {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_known_in_any_case_and_by_its_other_names() {
        for name in ["workspaceId", "workspace_id", "WORKSPACE", " workspace "] {
            assert_eq!(Field::of_name(name), Some(Field::WorkspaceId), "{name}");
        }
        assert_eq!(Field::of_name("start"), Some(Field::Preview));
        assert_eq!(Field::of_name("secret"), None);
    }
}
