//! Exports keys to another server, in the format that [`super::import`] reads. A key is exported as its SHA-256, which
//! does not reveal it, and its holder can continue to use it there.

use super::import::fields::Field;
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, WorkspaceId};
use crate::base::sql::Conn;
use crate::base::sql::schema::{api_key_secrets, api_keys, users};
use crate::base::time::Timestamp;
use crate::domain::api_keys::ApiKey;
use data_encoding::HEXLOWER;
use diesel::prelude::*;
use serde_json::{Map, Value};

/// The number of keys in memory at once.
const PAGE: i64 = 500;

/// The keys to export.
#[derive(Clone, Copy, Debug)]
pub enum ExportScope {
    Everything,
    Organization(OrganizationId),
    Workspace(WorkspaceId),
}

/// Reads keys page by page, oldest first.
#[derive(Debug)]
pub struct KeyExport {
    pub scope: ExportScope,
    /// Whether revoked and expired keys are included.
    pub with_ended: bool,
    pub now: Timestamp,
    after: Option<KeyId>,
}

/// A key to export.
#[derive(Debug)]
pub struct ExportedKey {
    key: ApiKey,
    email: Option<String>,
    hash: Vec<u8>,
}

impl KeyExport {
    /// Starts at the oldest key.
    pub fn new(scope: ExportScope, with_ended: bool, now: Timestamp) -> Self {
        Self { scope, with_ended, now, after: None }
    }

    /// Returns the next page; an empty one after the last.
    ///
    /// # Errors
    /// Database errors.
    pub fn next(&mut self, conn: &mut Conn) -> Result<Vec<ExportedKey>, ApiError> {
        let mut query = api_keys::table
            .inner_join(users::table)
            .inner_join(api_key_secrets::table)
            .filter(api_key_secrets::valid_until.is_null())
            .select((ApiKey::as_select(), users::email, api_key_secrets::hash))
            .order(api_keys::id)
            .limit(PAGE)
            .into_boxed();
        match self.scope {
            ExportScope::Everything => {}
            ExportScope::Organization(id) => query = query.filter(api_keys::organization_id.eq(id)),
            ExportScope::Workspace(id) => query = query.filter(api_keys::workspace_id.eq(id)),
        }
        if !self.with_ended {
            query = query
                .filter(api_keys::revoked_at.is_null())
                .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(self.now)));
        }
        if let Some(after) = self.after {
            query = query.filter(api_keys::id.gt(after));
        }
        let rows: Vec<(ApiKey, Option<String>, Vec<u8>)> = query.load(conn)?;
        self.after = rows.last().map(|(key, ..)| key.id).or(self.after);
        Ok(rows.into_iter().map(|(key, email, hash)| ExportedKey { key, email, hash }).collect())
    }
}

impl ExportedKey {
    /// Returns the exported fields in order: all but the plaintext.
    pub fn columns() -> impl Iterator<Item = Field> {
        Field::ALL.iter().copied().filter(|field| *field != Field::Plaintext)
    }

    /// True when a value from before a roll still works. That value is not exported.
    pub fn has_older_value(&self, now: Timestamp) -> bool {
        self.key.overlap_ends_at.is_some_and(|end| end > now)
    }

    /// Returns a field's text; empty when the field has no value.
    pub fn text(&self, field: Field) -> String {
        let key = &self.key;
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        match field {
            Field::Id => key.id.to_string(),
            Field::WorkspaceId => key.workspace_id.to_string(),
            Field::Name => key.name.clone().unwrap_or_default(),
            Field::CreatedBy => key.creator_id.to_string(),
            Field::CreatedByEmail => self.email.clone().unwrap_or_default(),
            Field::Sha256 => HEXLOWER.encode(&self.hash),
            Field::Plaintext => String::new(),
            Field::Preview => key.preview.clone(),
            Field::Scope => key.scope.to_string(),
            Field::AllowedIps => key.allowed_ips.blocks().map(|block| block.to_string()).collect::<Vec<_>>().join(" "),
            Field::CreatedAt => key.created_at.to_string(),
            Field::ExpiresAt => time(key.expires_at),
            Field::LastUsedAt => time(key.last_used_at),
            Field::DisabledAt => time(key.disabled_at),
            Field::RevokedAt => time(key.revoked_at),
            Field::OrphanedAt => time(key.orphaned_at),
        }
    }

    /// Returns the key as a JSON object of the fields that have a value.
    pub fn object(&self) -> Value {
        let fields: Map<String, Value> = Self::columns()
            .map(|field| (field, self.text(field)))
            .filter(|(_, text)| !text.is_empty())
            .map(|(field, text)| {
                let value = match field {
                    Field::AllowedIps => text.split(' ').collect(),
                    _ => Value::String(text),
                };
                (field.name().to_owned(), value)
            })
            .collect();
        Value::Object(fields)
    }
}
