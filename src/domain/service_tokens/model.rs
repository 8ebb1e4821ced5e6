//! Rows of `service_tokens`.

use super::format;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, ServiceTokenId};
use crate::base::policy::ServicePermissions;
use crate::base::sql::schema::service_tokens;
use crate::base::sql::{Columns, Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::api_keys::PlaintextKey;
use crate::domain::changes::AccessChange;
use diesel::prelude::*;
use std::time::Duration;

/// A service token's row.
#[derive(Clone, Queryable, Selectable)]
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
    permissions: String,
    /// The only organization that the token sees; `None` for all.
    pub organization_id: Option<OrganizationId>,
    pub expires_at: Option<Timestamp>,
    hash: Vec<u8>,
    former_hash: Option<Vec<u8>>,
    former_ends_at: Option<Timestamp>,
}

/// What a new token may do, where, and until when.
#[derive(Clone, Debug)]
pub struct NewServiceToken<'a> {
    pub name: &'a str,
    pub permissions: ServicePermissions,
    /// `None` for all organizations.
    pub organization: Option<OrganizationId>,
    /// `None` for no end.
    pub expires_at: Option<Timestamp>,
}

/// What a token may do from now on, and until when. `None` leaves it as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceTokenChange {
    pub permissions: Option<ServicePermissions>,
    /// `Some(None)` for no end.
    pub expires_at: Option<Option<Timestamp>>,
}

impl ServiceToken {
    /// Creates a token. Only this call returns its text.
    ///
    /// # Errors
    /// Database errors.
    pub fn create(
        conn: &mut Conn,
        new: &NewServiceToken<'_>,
        now: Timestamp,
    ) -> Result<(ServiceTokenId, PlaintextKey), ApiError> {
        let (format, id) = (format(), ServiceTokenId::new());
        let token = format.generate();
        diesel::insert_into(service_tokens::table)
            .values((
                service_tokens::id.eq(id),
                service_tokens::name.eq(new.name),
                service_tokens::hash.eq(&token.hash()[..]),
                service_tokens::preview.eq(format.preview(token.presented())),
                service_tokens::created_at.eq(now),
                service_tokens::permissions.eq(new.permissions.to_string()),
                service_tokens::organization_id.eq(new.organization),
                service_tokens::expires_at.eq(new.expires_at),
            ))
            .execute(conn)?;
        Ok((id, token))
    }

    /// Finds the token of a hash, which may be that of the value before a roll.
    ///
    /// # Errors
    /// Database errors.
    pub fn of_hash(conn: &mut Conn, hash: &[u8]) -> Result<Option<Self>, ApiError> {
        Ok(service_tokens::table
            .filter(service_tokens::hash.eq(hash).or(service_tokens::former_hash.eq(hash)))
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }

    /// Finds a token by its id.
    ///
    /// # Errors
    /// Database errors.
    pub fn find(conn: &mut Conn, id: ServiceTokenId) -> Result<Option<Self>, ApiError> {
        Ok(service_tokens::table.find(id).select(Self::as_select()).first(conn).optional()?)
    }

    /// Returns all tokens, newest first.
    ///
    /// # Errors
    /// Database errors.
    pub fn all(conn: &mut Conn) -> Result<Vec<Self>, ApiError> {
        Ok(service_tokens::table.select(Self::as_select()).order(service_tokens::id.desc()).load(conn)?)
    }

    pub fn permissions(&self) -> ServicePermissions {
        ServicePermissions::of_stored(&self.permissions)
    }

    /// Returns when a value of the token stops: with the token, or at the end of a roll's overlap. `None` for no end.
    pub(super) fn value_ends_at(&self, hash: &[u8]) -> Option<Timestamp> {
        let overlap = if self.hash == hash { None } else { Some(self.former_ends_at.unwrap_or(Timestamp::EPOCH)) };
        [overlap, self.expires_at].into_iter().flatten().min()
    }

    /// Whether the hash is that of a value which no roll has ended.
    pub(super) fn has_value(&self, hash: &[u8], now: Timestamp) -> bool {
        let is_former = self.former_hash.as_deref() == Some(hash) && self.former_ends_at.is_some_and(|end| end > now);
        self.hash == hash || is_former
    }

    /// Whether the token has reached its end.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
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

    /// Changes what a token may do, or until when.
    ///
    /// # Errors
    /// `not_found`; `conflict` for a revoked token.
    pub fn change(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        id: ServiceTokenId,
        change: ServiceTokenChange,
    ) -> Result<Self, ApiError> {
        access_change.service_tokens();
        let before = Self::lock_unrevoked(conn, id)?;
        let permissions = change.permissions.map_or(before.permissions, |set| set.to_string());
        Ok(diesel::update(service_tokens::table.find(id))
            .set((
                service_tokens::permissions.eq(permissions),
                service_tokens::expires_at.eq(change.expires_at.unwrap_or(before.expires_at)),
            ))
            .returning(Self::columns())
            .get_result(conn)?)
    }

    /// Gives the token a new value, which only this call returns. The old value stops at once, or after the overlap.
    ///
    /// # Errors
    /// `not_found`; `conflict` for a revoked or an expired token.
    pub fn roll(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        id: ServiceTokenId,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<PlaintextKey, ApiError> {
        access_change.service_tokens();
        let before = Self::lock_unrevoked(conn, id)?;
        if before.has_expired(now) {
            return Err(ApiError::with_message(Code::Conflict, "The service token has expired. Create a new one."));
        }
        let (format, overlaps) = (format(), !overlap.is_zero());
        let token = format.generate();
        diesel::update(service_tokens::table.find(id))
            .set((
                service_tokens::hash.eq(&token.hash()[..]),
                service_tokens::preview.eq(format.preview(token.presented())),
                service_tokens::former_hash.eq(overlaps.then_some(before.hash)),
                service_tokens::former_ends_at.eq(overlaps.then(|| now.plus(overlap))),
            ))
            .execute(conn)?;
        Ok(token)
    }

    fn lock_unrevoked(conn: &mut Conn, id: ServiceTokenId) -> Result<Self, ApiError> {
        let row: Self = ForUpdate(service_tokens::table.find(id).select(Self::as_select())).get_result(conn)?;
        match row.revoked_at {
            None => Ok(row),
            Some(_) => Err(ApiError::with_message(Code::Conflict, "The service token is revoked. Create a new one.")),
        }
    }
}
