//! Finds accounts by their addresses, also those that an older version stored in another form.

use super::accounts::Account;
use crate::base::error::ApiError;
use crate::base::input::email::{Email, TypedEmail};
use crate::base::sql::schema::accounts;
use crate::base::sql::{Conn, ForUpdate};
use diesel::prelude::*;
use secrecy::SecretString;

/// An account that was found by its address.
pub(crate) struct NamedAccount {
    pub(crate) id: String,
    pub(crate) password_hash: SecretString,
}

impl Account {
    /// Finds the account that an address names. Of several, the first of [`TypedEmail::stored_forms`] counts; then the
    /// oldest account of which the address is the normal form. Cost: one SELECT over two indexes.
    pub(crate) fn named(conn: &mut Conn, typed: &TypedEmail) -> Result<Option<NamedAccount>, ApiError> {
        let forms = typed.stored_forms();
        let normal = typed.normal().map(Email::as_str);
        let found: Vec<(String, String, String)> = accounts::table
            .filter(accounts::email.eq_any(&forms).or(accounts::normal_email.eq(normal).assume_not_null()))
            .select((accounts::id, accounts::email, accounts::password_hash))
            .order((accounts::created_at, accounts::id))
            .load(conn)?;
        let rank = |email: &str| forms.iter().position(|form| *form == email).unwrap_or(forms.len());
        // `min_by_key` returns the first of equals.
        let best = found.into_iter().min_by_key(|(_, email, _)| rank(email));
        Ok(best.map(|(id, _, hash)| NamedAccount { id, password_hash: hash.into() }))
    }

    /// Returns the account that a typed address names, and locks it until the transaction ends.
    ///
    /// # Errors
    /// `not_found` for an unknown address, or those of the database.
    pub(super) fn lock_named(conn: &mut Conn, email: &str) -> Result<Self, ApiError> {
        let typed = email.parse().map_err(|_| ApiError::not_found())?;
        let named = Self::named(conn, &typed)?.ok_or_else(ApiError::not_found)?;
        Ok(ForUpdate(accounts::table.find(named.id).select(Self::as_select())).get_result(conn)?)
    }

    /// Returns whether an account has an older form of this address, so that it can't have another account.
    pub(super) fn has_older_form(conn: &mut Conn, email: &str) -> Result<bool, ApiError> {
        let older = accounts::table.filter(accounts::normal_email.eq(email));
        Ok(diesel::select(diesel::dsl::exists(older)).get_result(conn)?)
    }
}
