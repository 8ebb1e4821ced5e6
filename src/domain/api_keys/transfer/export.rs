//! Exports keys to another server, in the format that [`super::import`] reads. A key is exported as its SHA-256, which
//! does not reveal it, and its holder can continue to use it there.

use super::import::fields::Field;
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, WorkspaceId};
use crate::base::sql::Conn;
use crate::base::sql::schema::{api_key_secrets, api_keys, users};
use crate::base::time::Timestamp;
use crate::domain::api_keys::ApiKey;
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
    pub(super) key: ApiKey,
    pub(super) email: Option<String>,
    pub(super) hash: Vec<u8>,
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

    /// Returns the key as a JSON object of the fields that have a value.
    pub fn object(&self) -> Value {
        let fields: Map<String, Value> = Self::columns()
            .map(|field| (field, field.text_of(self)))
            .filter(|(_, text)| !text.is_empty())
            .map(|(field, text)| {
                let value = if field.is_list() { text.split(' ').collect() } else { Value::String(text) };
                (field.name().to_owned(), value)
            })
            .collect();
        Value::Object(fields)
    }
}
