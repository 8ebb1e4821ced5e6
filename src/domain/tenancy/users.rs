//! Rows of `users`.

use crate::base::error::{ApiError, Code};
use crate::base::ids::{SessionId, UserId};
use crate::base::sql::schema::users;
use crate::base::sql::{Columns, Conn, each};
use crate::base::time::Timestamp;
use crate::domain::tenancy::PersonStatus;
use diesel::prelude::*;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

/// A person, identified by the issuer and subject of an ID token.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct User {
    /// Keyward's own id.
    pub id: UserId,
    /// The address in the last token, in its normal form.
    pub email: Option<String>,
    /// Whether the issuer states that the address is the user's.
    pub email_verified: bool,
    pub name: Option<String>,
    /// When the operator disabled the user.
    pub disabled_at: Option<Timestamp>,
}

/// A user whose ID token was verified. Cloning costs a reference count.
#[derive(Clone, Debug)]
pub struct SignedInUser(Arc<VerifiedIdToken>);

/// A user, and what the verified ID token says about the sign-in.
#[derive(Debug)]
pub struct VerifiedIdToken {
    pub(in crate::domain) user: User,
    /// When the built-in provider signed the user in, in seconds since 1970; `None` for another issuer.
    signed_in_at: Option<i64>,
    /// The session at the built-in provider; `None` for another issuer and for a token of a version without sessions.
    pub(in crate::domain) session: Option<SessionId>,
    /// When the token expires or its session ends, in seconds since 1970.
    expires_at: i64,
}

impl SignedInUser {
    pub(in crate::domain) fn new(
        user: User,
        signed_in_at: Option<i64>,
        session: Option<SessionId>,
        expires_at: i64,
    ) -> Self {
        Self(Arc::new(VerifiedIdToken { user, signed_in_at, session, expires_at }))
    }

    /// Returns the session of the token at the built-in provider.
    pub fn session(&self) -> Option<SessionId> {
        self.0.session
    }

    /// True for a user of the built-in provider.
    pub fn is_built_in(&self) -> bool {
        self.0.signed_in_at.is_some()
    }

    pub(in crate::domain) fn verified(&self) -> Arc<VerifiedIdToken> {
        Arc::clone(&self.0)
    }
}

impl VerifiedIdToken {
    /// True when the account, given as `valid_since` and `disabled_at`, still accepts the session.
    pub(in crate::domain) fn is_honoured_by(&self, account: (Option<Timestamp>, Option<Timestamp>)) -> bool {
        let Some(signed_in_at) = self.signed_in_at else { return true };
        matches!(account, (Some(valid_since), None) if signed_in_at >= valid_since.seconds())
    }

    /// True when the ID token has expired.
    pub(in crate::domain) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now.seconds()
    }
}

impl Deref for SignedInUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0.user
    }
}

/// The user data of a verified ID token.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name of a configured issuer.
    pub issuer: String,
    /// Identifies the user at the issuer.
    pub subject: String,
    /// In its normal form.
    pub email: Option<String>,
    /// Whether the issuer states that the address is the user's.
    pub email_verified: bool,
    pub name: Option<String>,
}

impl User {
    /// Finds a user by id.
    ///
    /// # Errors
    /// Database errors.
    pub(in crate::domain) fn of_id(conn: &mut Conn, id: UserId) -> Result<Option<Self>, ApiError> {
        Ok(users::table.find(id).select(Self::as_select()).first(conn).optional()?)
    }

    /// Whether the person can act.
    pub fn status(&self) -> PersonStatus {
        PersonStatus::of(self.disabled_at)
    }

    /// Returns the stored user of a profile; `None` if there is none, or if the profile has changed since. One SELECT.
    ///
    /// # Errors
    /// Database errors.
    pub fn unchanged(conn: &mut Conn, profile: &Profile) -> Result<Option<Self>, ApiError> {
        Ok(Self::find(conn, profile)?.filter(|user| {
            (&user.email, user.email_verified, &user.name) == (&profile.email, profile.email_verified, &profile.name)
        }))
    }

    /// Returns whether the profile has a user.
    ///
    /// # Errors
    /// Database errors.
    pub(in crate::domain) fn is_known(conn: &mut Conn, profile: &Profile) -> Result<bool, ApiError> {
        Ok(Self::find(conn, profile)?.is_some())
    }

    /// Returns the user of a profile. Creates the user at the first valid token, and updates it when the profile
    /// changed. Needs a writing transaction.
    ///
    /// # Errors
    /// Database errors.
    pub fn of_profile(conn: &mut Conn, profile: &Profile, now: Timestamp) -> Result<Self, ApiError> {
        if let Some(user) = Self::unchanged(conn, profile)? {
            return Ok(user);
        }
        let row = (
            users::id.eq(UserId::new()),
            users::issuer.eq(&profile.issuer),
            users::subject.eq(&profile.subject),
            users::created_at.eq(now),
        );
        // Two first requests at once create one user.
        each!(conn, |native| diesel::insert_into(users::table).values(row).on_conflict_do_nothing().execute(native))?;
        let user = diesel::update(users::table)
            .filter(users::issuer.eq(&profile.issuer).and(users::subject.eq(&profile.subject)))
            .set((
                users::email.eq(&profile.email),
                users::email_verified.eq(profile.email_verified),
                users::name.eq(&profile.name),
            ))
            .returning(Self::columns())
            .get_result(conn)?;
        Ok(user)
    }

    /// Returns the users of these ids, in no order.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn all_of(conn: &mut Conn, ids: impl Iterator<Item = UserId>) -> Result<Vec<Self>, ApiError> {
        let ids: BTreeSet<UserId> = ids.collect();
        Ok(users::table.filter(users::id.eq_any(ids)).select(Self::as_select()).load(conn)?)
    }

    /// Locks the user until the transaction ends, so that the user is not deleted while joining or creating an
    /// organization.
    ///
    /// It is an update without a change, because `FOR UPDATE` would also block inserts of rows that refer to the user.
    ///
    /// # Errors
    /// `invalid_id_token` for a deleted or disabled user, or a database error.
    pub fn lock(conn: &mut Conn, id: UserId) -> Result<(), ApiError> {
        if PersonStatus::of(Self::hold(conn, id)?).can_act() { Ok(()) } else { Err(Code::InvalidIdToken.into()) }
    }

    /// [`User::lock`] for a user of any state. Returns when the user was disabled.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn hold(conn: &mut Conn, id: UserId) -> Result<Option<Timestamp>, ApiError> {
        Ok(diesel::update(users::table.find(id))
            .set(users::disabled_at.eq(users::disabled_at))
            .returning(users::disabled_at)
            .get_result(conn)?)
    }

    /// Counts a trial of the user, unless there were `most` before. Returns whether it is counted. Call it under the
    /// user's lock.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn count_trial(conn: &mut Conn, id: UserId, most: u32) -> Result<bool, ApiError> {
        let most = i32::try_from(most).unwrap_or(i32::MAX);
        let counted = diesel::update(users::table.find(id).filter(users::trials.lt(most)))
            .set(users::trials.eq(users::trials + 1))
            .execute(conn)?;
        Ok(counted == 1)
    }

    fn find(conn: &mut Conn, profile: &Profile) -> Result<Option<Self>, ApiError> {
        Ok(users::table
            .filter(users::issuer.eq(&profile.issuer).and(users::subject.eq(&profile.subject)))
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }
}
