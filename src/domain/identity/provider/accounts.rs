//! Rows of `accounts` of the built-in provider.

use super::account_user::is_user_of;
use super::sessions::Session;
use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::input::email::normal_form_of;
use crate::base::sql::schema::{accounts, users};
use crate::base::sql::{Columns, Conn, ForUpdate, each};
use crate::base::time::Timestamp;
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::delegation::withdraw_what_is_lost;
use crate::domain::identity::BUILTIN_ISSUER;
use crate::domain::members::OrganizationMember;
use crate::domain::tenancy::{Organization, Profile};
use diesel::prelude::*;
use rand::RngExt;
use rand::distr::Alphanumeric;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

/// An account. It has no field for the password hash, so that the hash can't leak by accident.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Account {
    /// Firebase's `localId`, the subject of the account's tokens.
    pub id: String,
    /// In its normal form, but for accounts of older versions.
    pub email: String,
    pub email_verified: bool,
    pub display_name: Option<String>,
    pub photo_url: Option<String>,
    /// From then on, sign-ins and tokens are rejected.
    pub disabled_at: Option<Timestamp>,
    /// Tokens of a sign-in before this moment, in whole seconds, are rejected.
    pub valid_since: Timestamp,
    pub password_updated_at: Timestamp,
    pub last_login_at: Timestamp,
    /// The last refresh of a token, or the last sign-in.
    pub last_refresh_at: Timestamp,
    pub created_at: Timestamp,
}

impl Account {
    /// Makes an account without storing it.
    pub(crate) fn new(email: String, now: Timestamp) -> Self {
        Self {
            id: rand::rng().sample_iter(Alphanumeric).take(28).map(char::from).collect(),
            email,
            email_verified: false,
            display_name: None,
            photo_url: None,
            disabled_at: None,
            valid_since: now,
            password_updated_at: now,
            last_login_at: now,
            last_refresh_at: now,
            created_at: now,
        }
    }

    /// Returns the account's profile as a user.
    pub fn profile(&self) -> Profile {
        Profile {
            issuer: BUILTIN_ISSUER.to_owned(),
            subject: self.id.clone(),
            email: Some(normal_form_of(&self.email)),
            email_verified: self.email_verified,
            name: self.display_name.clone(),
        }
    }

    /// True when a sign-in at that second is still valid.
    pub(crate) fn honours(&self, authenticated_at_seconds: i64) -> bool {
        authenticated_at_seconds >= self.valid_since.seconds()
    }

    /// Returns the moment from which sign-ins are valid: `valid_since` in whole seconds.
    pub(super) fn honoured_from(&self) -> Timestamp {
        Timestamp::from_millis(self.valid_since.seconds() * 1000).unwrap_or(self.valid_since)
    }

    /// Stores the account. `false` when the address has an account already.
    pub(crate) fn insert(&self, conn: &mut Conn, password_hash: &SecretString) -> Result<bool, ApiError> {
        if Self::has_older_form(conn, &self.email)? {
            return Ok(false);
        }
        let row = (
            accounts::id.eq(&self.id),
            accounts::email.eq(&self.email),
            accounts::email_verified.eq(self.email_verified),
            accounts::password_hash.eq(password_hash.expose_secret()),
            accounts::valid_since.eq(self.valid_since),
            accounts::password_updated_at.eq(self.password_updated_at),
            accounts::last_login_at.eq(self.last_login_at),
            accounts::last_refresh_at.eq(self.last_refresh_at),
            accounts::created_at.eq(self.created_at),
        );
        let inserted = each!(conn, |native| diesel::insert_into(accounts::table)
            .values(row)
            .on_conflict(accounts::email)
            .do_nothing()
            .execute(native))?;
        Ok(inserted == 1)
    }

    /// Finds the account of an id.
    pub(crate) fn find(conn: &mut Conn, id: &str) -> Result<Option<Self>, ApiError> {
        Ok(accounts::table.find(id).select(Self::as_select()).first(conn).optional()?)
    }

    /// Locks the account until the transaction ends, if its password hash still equals `hash`.
    pub(crate) fn lock(conn: &mut Conn, id: &str, hash: &SecretString) -> Result<Option<Self>, ApiError> {
        let row = accounts::table
            .filter(accounts::id.eq(id).and(accounts::password_hash.eq(hash.expose_secret())))
            .select(Self::as_select());
        Ok(ForUpdate(row).get_result(conn).optional()?)
    }

    /// Records a sign-in.
    pub(crate) fn touch_login(&self, conn: &mut Conn, now: Timestamp) -> Result<(), ApiError> {
        let times = (accounts::last_login_at.eq(now), accounts::last_refresh_at.eq(now));
        diesel::update(accounts::table.find(&self.id)).set(times).execute(conn)?;
        Ok(())
    }

    /// Records a refresh.
    pub(crate) fn touch_refresh(&self, conn: &mut Conn, now: Timestamp) -> Result<(), ApiError> {
        diesel::update(accounts::table.find(&self.id)).set(accounts::last_refresh_at.eq(now)).execute(conn)?;
        Ok(())
    }

    /// Returns all accounts, newest first, for the command line.
    ///
    /// # Errors
    /// Database errors.
    pub fn all(conn: &mut Conn) -> Result<Vec<Self>, ApiError> {
        Ok(accounts::table.order((accounts::created_at.desc(), accounts::id)).select(Self::as_select()).load(conn)?)
    }

    /// Disables the account and its user at the given moment, or enables them with `None`.
    ///
    /// Disabling withdraws the user's invitations, and ends all sign-ins: they stay invalid after the account is enabled
    /// again. Their refresh tokens are kept until then, so that a client learns why it is refused.
    ///
    /// # Errors
    /// `not_found` for an unknown address, or a database error.
    pub fn set_disabled(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        email: &str,
        disabled_at: Option<Timestamp>,
    ) -> Result<Self, ApiError> {
        let before = Self::lock_named(conn, email)?;
        match disabled_at {
            Some(now) => _ = before.refuse_sign_ins(conn, now)?,
            None => _ = Session::delete_all(conn, &before.id, None)?,
        }
        let user: Option<UserId> = diesel::update(users::table.filter(is_user_of(&before.id)))
            .set(users::disabled_at.eq(disabled_at))
            .returning(users::id)
            .get_result(conn)
            .optional()?;
        if let Some(user) = user {
            let action = if disabled_at.is_some() { Action::UserDisabled } else { Action::UserEnabled };
            let was = json!({ "disabled": before.disabled_at.is_some() });
            let is = json!({ "disabled": disabled_at.is_some() });
            // Last owners, heirs and acceptances of invitations are decided under these locks.
            let organizations = Organization::lock_all_of(conn, user)?;
            for entry in OrganizationMember::entries_everywhere(conn, action, user)? {
                access_change.revoking(entry.changed(was.clone(), is.clone()));
            }
            for organization in organizations {
                withdraw_what_is_lost(conn, access_change, organization, user)?;
            }
        }
        let after = diesel::update(accounts::table.find(&before.id))
            .set(accounts::disabled_at.eq(disabled_at))
            .returning(Self::columns())
            .get_result(conn)?;
        Ok(after)
    }

    /// Marks the address as verified.
    ///
    /// # Errors
    /// `not_found` for an unknown address, or a database error.
    pub fn verify_email(conn: &mut Conn, email: &str) -> Result<Self, ApiError> {
        Self::lock_named(conn, email)?.set_email_verified(conn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_id_looks_like_firebases() {
        let account = Account::new("a@b.c".into(), crate::base::time::Clock::system().now());
        assert!(account.id.len() == 28 && account.id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(account.honours(account.created_at.seconds()));
    }
}
