//! Rows of `service_tokens`.

use super::format;
use crate::base::error::ApiError;
use crate::base::ids::ServiceTokenId;
use crate::base::sql::Conn;
use crate::base::sql::schema::service_tokens;
use crate::base::time::Timestamp;
use crate::domain::api_keys::PlaintextKey;
use crate::domain::changes::AccessChange;
use diesel::prelude::*;

/// A service token's row, without its hash.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = service_tokens)]
pub struct ServiceToken {
    pub id: ServiceTokenId,
    pub name: String,
    /// The start and end of the token's text, which may be shown.
    pub preview: String,
    pub revoked_at: Option<Timestamp>,
    /// The last use that was flushed.
    pub last_used_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl ServiceToken {
    /// Creates a token. Only this call returns its text.
    ///
    /// # Errors
    /// Database errors.
    pub fn create(conn: &mut Conn, name: &str, now: Timestamp) -> Result<(ServiceTokenId, PlaintextKey), ApiError> {
        let (format, id) = (format(), ServiceTokenId::new());
        let token = format.generate();
        diesel::insert_into(service_tokens::table)
            .values((
                service_tokens::id.eq(id),
                service_tokens::name.eq(name),
                service_tokens::hash.eq(&token.hash()[..]),
                service_tokens::preview.eq(format.preview(token.presented())),
                service_tokens::created_at.eq(now),
            ))
            .execute(conn)?;
        Ok((id, token))
    }

    /// Finds the token of a hash.
    ///
    /// # Errors
    /// Database errors.
    pub fn of_hash(conn: &mut Conn, hash: &[u8]) -> Result<Option<Self>, ApiError> {
        Ok(service_tokens::table
            .filter(service_tokens::hash.eq(hash))
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }

    /// Returns whether a token is revoked; `None` when there is none.
    ///
    /// # Errors
    /// Database errors.
    pub(super) fn is_revoked(conn: &mut Conn, id: ServiceTokenId) -> Result<Option<bool>, ApiError> {
        let row = service_tokens::table.find(id).select(service_tokens::revoked_at);
        Ok(row.first::<Option<Timestamp>>(conn).optional()?.map(|revoked_at| revoked_at.is_some()))
    }

    /// Returns all tokens, newest first.
    ///
    /// # Errors
    /// Database errors.
    pub fn all(conn: &mut Conn) -> Result<Vec<Self>, ApiError> {
        Ok(service_tokens::table.select(Self::as_select()).order(service_tokens::id.desc()).load(conn)?)
    }

    /// Revokes a token permanently. Repeating it changes nothing.
    ///
    /// # Errors
    /// `not_found`
    pub fn revoke(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        id: ServiceTokenId,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        access_change.service_tokens();
        let known: Option<Timestamp> = service_tokens::table.find(id).select(service_tokens::revoked_at).first(conn)?;
        if known.is_none() {
            diesel::update(service_tokens::table.find(id)).set(service_tokens::revoked_at.eq(now)).execute(conn)?;
        }
        Ok(())
    }
}
