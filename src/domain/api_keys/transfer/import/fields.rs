//! The fields of a row as text: one table for import and export.

use crate::base::policy::PermissionNames;
use crate::domain::api_keys::export::ExportedKey;
use data_encoding::HEXLOWER;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::fmt;

/// A fault of a line, with a message that says how to correct it. It never repeats a field's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    field: Option<&'static str>,
    message: String,
}

impl LineFault {
    /// True when the fault is of this field.
    pub(super) fn blames(&self, field: Field) -> bool {
        self.field == Some(field.name())
    }

    /// A fault of a field.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field), message: message.into() }
    }

    /// A fault of the whole row.
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

/// The list of a key that may do nothing: an empty text stands for no list.
pub(super) const NO_PERMISSION: &str = "none";

macro_rules! fields {
    ($($field:ident = $name:literal $(| $alias:literal)* => $text:expr),+ $(,)?) => {
        /// The fields of a row. An export writes all of them but the plaintext.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Field { $(#[doc = $name] $field),+ }

        impl Field {
            pub const ALL: &'static [Self] = &[$(Self::$field),+];

            /// Returns the field's name in a file.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => $name),+ }
            }

            /// Returns the field's text in an export; empty when the key has no value.
            pub fn text_of(self, key: &ExportedKey) -> String {
                let text: fn(&ExportedKey) -> String = match self { $(Self::$field => $text),+ };
                text(key)
            }

            /// Finds a field by its name, ignoring case and underscores.
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
    Id = "id" => |it| it.key.id.to_string(),
    WorkspaceId = "workspaceId" | "workspace" => |it| it.key.workspace_id.to_string(),
    Name = "name" | "label" => |it| text(&it.key.name),
    CreatedBy = "createdBy" | "creator" => |it| it.key.creator_id.to_string(),
    CreatedByEmail = "createdByEmail" => |it| text(&it.email),
    Sha256 = "sha256" | "hash" => |it| HEXLOWER.encode(&it.hash),
    Plaintext = "plaintext" => |_| String::new(),
    Preview = "preview" | "prefix" | "start" => |it| it.key.preview.clone(),
    Scope = "scope" => |it| it.key.scope.to_string(),
    AllowedIps = "allowedIps" => |it| list(it.key.allowed_ips.blocks()),
    CreatedAt = "createdAt" => |it| it.key.created_at.to_string(),
    ExpiresAt = "expiresAt" => |it| text(&it.key.expires_at),
    LastUsedAt = "lastUsedAt" => |it| text(&it.key.last_used_at),
    DisabledAt = "disabledAt" => |it| text(&it.key.disabled_at),
    RevokedAt = "revokedAt" => |it| text(&it.key.revoked_at),
    OrphanedAt = "orphanedAt" => |it| text(&it.key.orphaned_at),
    RoleLimit = "roleLimit" => |it| text(&it.key.role_limit),
    Permissions = "permissions" => |it| names(&it.key.permissions),
    LastPermissions = "lastPermissions" => |it| names(&it.key.last_permissions),
    Reason = "reason" => |it| text(&it.key.reason),
    Comment = "comment" => |it| text(&it.key.comment),
}

impl Field {
    /// Returns whether the field is a list in JSON. Its text has a space between items.
    pub fn is_list(self) -> bool {
        matches!(self, Self::AllowedIps | Self::Permissions | Self::LastPermissions)
    }
}

fn text(value: &Option<impl ToString>) -> String {
    value.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn names(names: &Option<PermissionNames>) -> String {
    match names {
        None => String::new(),
        Some(names) if names.0.is_empty() => NO_PERMISSION.to_owned(),
        Some(names) => list(names.iter()),
    }
}

fn list(items: impl Iterator<Item = impl ToString>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

/// The texts of a row's fields. Its `Debug` shows no text.
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
    /// Sets a field's text. An empty text means none.
    pub fn set(&mut self, field: Field, text: String) {
        self.texts[field as usize] = Some(text.into()).filter(|text: &SecretString| !text.expose_secret().is_empty());
    }

    /// Reads a row from a JSON object.
    ///
    /// # Errors
    /// An unknown field, or a value of another type than the field's.
    pub fn of_object(object: serde_json::Map<String, Value>) -> Result<Self, LineFault> {
        let mut row = Self::default();
        for (name, value) in object {
            let field = Field::of_name(&name).ok_or_else(|| LineFault::of_row(unknown_fields()))?;
            match value {
                Value::Null => {}
                Value::String(text) => row.set(field, text),
                Value::Array(items) if field.is_list() => {
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

/// Returns the message about an unknown field or column.
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
