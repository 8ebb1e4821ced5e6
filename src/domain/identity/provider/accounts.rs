//! Rows of `accounts` and `refresh_tokens` of the built-in provider.

use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::sql::schema::{accounts, orphaned_refresh_tokens, refresh_tokens, users};
use crate::base::sql::{Columns, Conn, ForUpdate, each};
use crate::base::time::Timestamp;
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::identity::BUILTIN_ISSUER;
use crate::domain::members::OrganizationMember;
use crate::domain::tenancy::Profile;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use rand::RngExt;
use rand::distr::Alphanumeric;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// An account. It has no field for the password hash, so that the hash can't leak by accident.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Account {
    /// Firebase's `localId`, the subject of the account's tokens.
    pub id: String,
    /// In lower case.
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
            email: Some(self.email.clone()),
            email_verified: self.email_verified,
            name: self.display_name.clone(),
        }
    }

    /// True when a sign-in at that second is still valid.
    pub(crate) fn honours(&self, authenticated_at_seconds: i64) -> bool {
        authenticated_at_seconds >= self.valid_since.seconds()
    }

    /// Stores the account. `false` when the address has an account already.
    pub(crate) fn insert(&self, conn: &mut Conn, password_hash: &SecretString) -> Result<bool, ApiError> {
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

    /// Returns the id and the password hash of an address.
    pub(crate) fn credentials(conn: &mut Conn, email: &str) -> Result<Option<(String, SecretString)>, ApiError> {
        let found: Option<(String, String)> = accounts::table
            .filter(accounts::email.eq(email))
            .select((accounts::id, accounts::password_hash))
            .first(conn)
            .optional()?;
        Ok(found.map(|(id, hash)| (id, hash.into())))
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
    /// Disabling ends all sign-ins: it deletes the refresh tokens, and existing ID tokens stay invalid after the
    /// account is enabled again.
    ///
    /// # Errors
    /// `not_found` for an unknown address, or a database error.
    pub fn set_disabled(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        email: &str,
        disabled_at: Option<Timestamp>,
    ) -> Result<Self, ApiError> {
        conn.write(|conn| {
            let row = accounts::table.filter(accounts::email.eq(email.to_lowercase())).select(Self::as_select());
            let before = ForUpdate(row).get_result::<Self>(conn)?;
            let valid_since = match disabled_at {
                // ID tokens have whole seconds: those of the current second must be invalid too.
                Some(now) => now.max(before.valid_since).plus(Duration::from_secs(1)),
                None => before.valid_since,
            };
            if disabled_at.is_some() {
                diesel::delete(refresh_tokens::table.filter(refresh_tokens::account_id.eq(&before.id)))
                    .execute(conn)?;
            }
            let own = users::issuer.eq(BUILTIN_ISSUER).and(users::subject.eq(&before.id));
            let user: Option<UserId> = diesel::update(users::table.filter(own))
                .set(users::disabled_at.eq(disabled_at))
                .returning(users::id)
                .get_result(conn)
                .optional()?;
            if let Some(user) = user {
                let action = if disabled_at.is_some() { Action::UserDisabled } else { Action::UserEnabled };
                let was = json!({ "disabled": before.disabled_at.is_some() });
                let is = json!({ "disabled": disabled_at.is_some() });
                for entry in OrganizationMember::entries_everywhere(conn, action, user)? {
                    access_change.revoking(entry.changed(was.clone(), is.clone()));
                }
            }
            let after = diesel::update(accounts::table.find(&before.id))
                .set((accounts::disabled_at.eq(disabled_at), accounts::valid_since.eq(valid_since)))
                .returning(Self::columns())
                .get_result(conn)?;
            Ok(after)
        })
    }

    /// Marks the address as verified.
    ///
    /// # Errors
    /// `not_found` for an unknown address, or a database error.
    pub fn verify_email(conn: &mut Conn, email: &str) -> Result<Self, ApiError> {
        conn.write(|conn| {
            let account: Self = diesel::update(accounts::table.filter(accounts::email.eq(email.to_lowercase())))
                .set(accounts::email_verified.eq(true))
                .returning(Self::columns())
                .get_result(conn)?;
            diesel::update(users::table.filter(users::issuer.eq(BUILTIN_ISSUER).and(users::subject.eq(&account.id))))
                .set((users::email.eq(&account.email), users::email_verified.eq(true)))
                .execute(conn)?;
            Ok(account)
        })
    }
}

/// A refresh token of 256 random bits. The database stores its SHA-256.
pub(crate) struct RefreshToken(SecretString);

impl RefreshToken {
    const BYTES: usize = 32;

    pub(crate) fn generate() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; Self::BYTES]>()).into())
    }

    /// Parses a client's token; `None` for another form.
    pub(crate) fn parse(text: &SecretString) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.expose_secret()).ok()?;
        (bytes.len() == Self::BYTES).then(|| Self(text.clone()))
    }

    /// Returns the text for the client.
    pub(crate) fn into_secret(self) -> SecretString {
        self.0
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.expose_secret()).to_vec()
    }

    /// Stores the token of a sign-in.
    pub(crate) fn insert(
        &self,
        conn: &mut Conn,
        account: &Account,
        authenticated_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let row = (
            refresh_tokens::hash.eq(self.hash()),
            refresh_tokens::account_id.eq(&account.id),
            refresh_tokens::authenticated_at.eq(authenticated_at),
            refresh_tokens::created_at.eq(now),
        );
        diesel::insert_into(refresh_tokens::table).values(row).execute(conn)?;
        Ok(())
    }

    /// True when the token belonged to an account that was deleted.
    pub(crate) fn is_orphaned(&self, conn: &mut Conn) -> Result<bool, ApiError> {
        let row = orphaned_refresh_tokens::table.find(self.hash()).select(orphaned_refresh_tokens::hash);
        Ok(row.first::<Vec<u8>>(conn).optional()?.is_some())
    }

    /// Returns the token's account and the time of its sign-in.
    pub(crate) fn owner(&self, conn: &mut Conn) -> Result<Option<(Account, Timestamp)>, ApiError> {
        Ok(refresh_tokens::table
            .find(self.hash())
            .inner_join(accounts::table)
            .select((Account::as_select(), refresh_tokens::authenticated_at))
            .first(conn)
            .optional()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_token_is_known_by_its_form() {
        let token = RefreshToken::generate();
        assert!(RefreshToken::parse(&token.0).is_some_and(|parsed| parsed.hash() == token.hash()));
        assert_ne!(token.hash(), RefreshToken::generate().hash());
        for bad in ["", "short", &"!".repeat(43), &"A".repeat(44), &"é".repeat(20)] {
            assert!(RefreshToken::parse(&(*bad).into()).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_local_id_looks_like_firebases() {
        let account = Account::new("a@b.c".into(), crate::base::time::Clock::system().now());
        assert!(account.id.len() == 28 && account.id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(account.honours(account.created_at.seconds()));
    }
}
