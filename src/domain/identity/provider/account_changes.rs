//! Changes of one account: password, profile and deletion. Each runs in the transaction that has locked the row.

use super::account_user::is_user_of;
use super::accounts::Account;
use super::sessions::Session;
use crate::base::error::ApiError;
use crate::base::ids::{SessionId, UserId};
use crate::base::input::email::normal_form_of;
use crate::base::sql::schema::{accounts, orphaned_refresh_tokens, refresh_tokens, users};
use crate::base::sql::{Columns, Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::members::OrganizationMember;
use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// How long a deleted account's refresh tokens are remembered. After that, the client is signed out all the same.
const ORPHANS_KEPT: Duration = Duration::from_secs(180 * 24 * 3600);

/// A change of an optional text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Keep,
    Clear,
    Set(String),
}

impl Change {
    fn apply(self, old: Option<String>) -> Option<String> {
        match self {
            Self::Keep => old,
            Self::Clear => None,
            Self::Set(new) => Some(new),
        }
    }
}

impl Account {
    /// Locks the account of an id until the transaction ends.
    pub(crate) fn lock_by_id(conn: &mut Conn, id: &str) -> Result<Option<Self>, ApiError> {
        Ok(ForUpdate(accounts::table.find(id).select(Self::as_select())).get_result(conn).optional()?)
    }

    /// Ends all sign-ins up to now: deletes their sessions but the kept one, and refuses their tokens. Call it on the
    /// locked row.
    pub(super) fn end_sign_ins(
        &self,
        conn: &mut Conn,
        kept: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        Session::delete_all(conn, &self.id, kept)?;
        self.refuse_sign_ins(conn, now)
    }

    /// Moves `valid_since`, so that each node refuses the tokens of all sign-ins up to now. Call it on the locked row.
    pub(super) fn refuse_sign_ins(&self, conn: &mut Conn, now: Timestamp) -> Result<Self, ApiError> {
        Ok(diesel::update(accounts::table.find(&self.id))
            .set(accounts::valid_since.eq(self.valid_since_after(now)))
            .returning(Self::columns())
            .get_result(conn)?)
    }

    /// Returns a `valid_since` that refuses all sign-ins up to now. ID tokens have whole seconds: those of the current
    /// second must be invalid too. It never moves back.
    fn valid_since_after(&self, now: Timestamp) -> Timestamp {
        now.max(self.valid_since).plus(Duration::from_secs(1))
    }

    /// Sets a new password, and ends all sign-ins but the kept session, which must be renewed. Writes an audit event in
    /// each of the user's organizations, since another reader of the mail may have set the password.
    pub(crate) fn set_password(
        &self,
        conn: &mut Conn,
        access_change: &mut AccessChange,
        hash: &SecretString,
        kept: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        self.end_sign_ins(conn, kept, now)?;
        let changed = diesel::update(accounts::table.find(&self.id))
            .set((accounts::password_hash.eq(hash.expose_secret()), accounts::password_updated_at.eq(now)))
            .returning(Self::columns())
            .get_result::<Self>(conn)?;
        if let Some(user) = self.user(conn)? {
            for entry in OrganizationMember::entries_everywhere(conn, Action::UserPasswordChanged, user)? {
                access_change.audit_only(entry);
            }
        }
        Ok(changed)
    }

    /// Changes the name and the picture.
    pub(crate) fn set_profile(&self, conn: &mut Conn, name: Change, photo: Change) -> Result<Self, ApiError> {
        let changed = diesel::update(accounts::table.find(&self.id))
            .set((
                accounts::display_name.eq(name.apply(self.display_name.clone())),
                accounts::photo_url.eq(photo.apply(self.photo_url.clone())),
            ))
            .returning(Self::columns())
            .get_result::<Self>(conn)?;
        changed.update_user(conn)?;
        Ok(changed)
    }

    /// Marks the address as verified, in the account and in its user.
    pub(crate) fn set_email_verified(&self, conn: &mut Conn) -> Result<Self, ApiError> {
        let changed = diesel::update(accounts::table.find(&self.id))
            .set(accounts::email_verified.eq(true))
            .returning(Self::columns())
            .get_result::<Self>(conn)?;
        changed.update_user(conn)?;
        Ok(changed)
    }

    /// Marks the address as verified after a proof by mail, and if it was not, ends the sessions from before that are not
    /// the confirming person's ([`Session::end_strangers`]). Call it on the locked row.
    pub(crate) fn confirm_email(
        &self,
        conn: &mut Conn,
        access_change: &mut AccessChange,
        session: Option<SessionId>,
    ) -> Result<Self, ApiError> {
        if !self.email_verified {
            Session::end_strangers(conn, access_change, self, session)?;
        }
        self.set_email_verified(conn)
    }

    /// Marks the address as verified for a user who has proved to read its mail, if the user is the built-in provider's
    /// and has that address. For a user of another issuer, only that issuer decides.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn confirm_email_of(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        user: UserId,
        session: Option<SessionId>,
        email: &str,
    ) -> Result<(), ApiError> {
        let Some(id) = Self::id_of_user(conn, user)? else { return Ok(()) };
        match Self::lock_by_id(conn, &id)? {
            Some(account) if normal_form_of(&account.email) == normal_form_of(email) => {
                account.confirm_email(conn, access_change, session).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// Updates the account's user, if it exists, to what the account's next ID token says.
    fn update_user(&self, conn: &mut Conn) -> Result<(), ApiError> {
        diesel::update(users::table.filter(is_user_of(&self.id)))
            .set((
                users::email.eq(normal_form_of(&self.email)),
                users::email_verified.eq(self.email_verified),
                users::name.eq(&self.display_name),
            ))
            .execute(conn)?;
        Ok(())
    }

    /// Deletes the account.
    ///
    /// The user's row stays, because API keys and records refer to it, but without personal data, and disabled. The
    /// keys are orphaned, like those of any member who leaves, until an admin transfers them.
    ///
    /// # Errors
    /// `last_owner` when an organization would have no owner, or a database error.
    pub(crate) fn erase(
        &self,
        conn: &mut Conn,
        access_change: &mut AccessChange,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        // First, because it locks the user: a parallel join of an organization is seen below, or fails.
        let user: Option<UserId> = diesel::update(users::table.filter(is_user_of(&self.id)))
            .set(users::disabled_at.eq(now))
            .returning(users::id)
            .get_result(conn)
            .optional()?;
        if let Some(user) = user {
            OrganizationMember::remove_everywhere(conn, access_change, user, now)?;
            // Last, because the events of the trail name the person.
            diesel::update(users::table.find(user))
                .set((users::email.eq(None::<String>), users::email_verified.eq(false), users::name.eq(None::<String>)))
                .execute(conn)?;
        }
        let stale = orphaned_refresh_tokens::deleted_at.lt(now.minus(ORPHANS_KEPT));
        diesel::delete(orphaned_refresh_tokens::table.filter(stale)).execute(conn)?;
        let tokens: Vec<Vec<u8>> = refresh_tokens::table
            .filter(refresh_tokens::account_id.eq(&self.id))
            .select(refresh_tokens::hash)
            .load(conn)?;
        for hash in tokens {
            diesel::insert_into(orphaned_refresh_tokens::table)
                .values((orphaned_refresh_tokens::hash.eq(hash), orphaned_refresh_tokens::deleted_at.eq(now)))
                .execute(conn)?;
        }
        diesel::delete(accounts::table.find(&self.id)).execute(conn)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_sign_ins_are_those_of_this_second_and_before_even_when_the_clock_was_set_back() {
        let now = crate::base::time::Clock::system().now();
        let mut account = Account::new("a@b.c".into(), now);
        account.valid_since = account.valid_since_after(now);
        assert!(!account.honours(now.seconds()) && account.honours(now.seconds() + 1));
        let set_back = now.minus(Duration::from_secs(3600));
        account.valid_since = account.valid_since_after(set_back);
        assert!(!account.honours(now.seconds() + 1) && account.honours(now.seconds() + 2));
    }
}
