//! [`OperatorsAccounts`]: accounts that the operator makes, gives a password, and deletes.

use super::account_changes::Change;
use super::accounts::Account;
use super::mailed_codes::{OobCode, Purpose};
use super::password::{Passwords, Person};
use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::input::email::{Email, TypedEmail};
use crate::base::sql::Conn;
use crate::base::sql::schema::users;
use crate::base::time::Timestamp;
use crate::domain::changes::AccessChange;
use crate::domain::tenancy::User;
use crate::infra::mail::Mail;
use actix_web::rt::System;
use diesel::prelude::*;
use secrecy::SecretString;
use std::time::Duration;

/// How long the link to a first password is valid. It may wait in a mailbox for a night.
const LINK_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Makes accounts of the built-in provider for the operator, on a thread that may block.
pub struct OperatorsAccounts {
    passwords: Passwords,
    action_url: String,
}

/// A link that sets an account's password, for a day.
pub struct PasswordLink {
    email: String,
    link: SecretString,
}

impl PasswordLink {
    /// Returns the URL. Its reader gets the account.
    pub fn url(&self) -> &SecretString {
        &self.link
    }

    /// Returns a mail with the link.
    pub fn mail(&self) -> Mail {
        use secrecy::ExposeSecret;
        let text = format!(
            "Hello,\n\nan account was made for {}. Follow this link within a day to choose its password:\n\n{}\n\nIf you \
             did not expect this mail, ignore it.\n",
            self.email,
            self.link.expose_secret()
        );
        Mail { to: self.email.clone(), subject: "Choose the password of your account", text: text.into() }
    }
}

impl OperatorsAccounts {
    /// # Errors
    /// A text for the operator: the provider is off, or its settings can't be used.
    pub fn new(config: &Config) -> Result<Self, String> {
        if !config.identity.builtin {
            return Err("identity.builtin is false: accounts are made at the configured issuer".to_owned());
        }
        let passwords = Passwords::new(&config.identity)?;
        Ok(Self { passwords, action_url: config.mail.action_url(&config.server) })
    }

    /// Creates an account whose password must be set by the link. The account's user exists at once. `None` if the
    /// address has an account.
    ///
    /// # Errors
    /// Database errors.
    pub fn create(
        &self,
        conn: &mut Conn,
        email: &Email,
        name: Option<String>,
        now: Timestamp,
    ) -> Result<Option<(UserId, PasswordLink)>, ApiError> {
        let account = Account::new(email.as_str().to_owned(), now);
        let hash = self.passwords.unusable_hash().map_err(ApiError::internal)?;
        if !account.insert(conn, &hash)? {
            return Ok(None);
        }
        let account = match name {
            Some(name) => account.set_profile(conn, Change::Set(name), Change::Keep)?,
            None => account,
        };
        let code = OobCode::generate();
        code.replace_until(conn, &account, Purpose::PasswordReset, now.plus(LINK_LIFETIME))?;
        let user = User::of_profile(conn, &account.profile(), now)?;
        let link = code.link(Purpose::PasswordReset, &self.action_url, None).into();
        Ok(Some((user.id, PasswordLink { email: account.email, link })))
    }

    /// Checks a new password of an account, and hashes it.
    ///
    /// # Errors
    /// A text for the operator.
    pub fn hash_for(&self, account: &Account, password: SecretString) -> Result<SecretString, String> {
        let person = Person { email: &account.email, name: account.display_name.as_deref() };
        let hashed = System::new().block_on(async {
            self.passwords.check_new(person, &password).await?;
            self.passwords.hash(password).await
        });
        hashed.map_err(|refusal| refusal.to_string())
    }
}

impl Account {
    /// Returns the account that an address names.
    ///
    /// # Errors
    /// `not_found` for an unknown address, or a database error.
    pub fn of_address(conn: &mut Conn, email: &str) -> Result<Self, ApiError> {
        let named = Self::named(conn, &TypedEmail::of_stored(email))?.ok_or_else(ApiError::not_found)?;
        Self::find(conn, &named.id)?.ok_or_else(ApiError::not_found)
    }

    /// Sets a password for the operator, and ends all sign-ins. Links for another password stop working.
    ///
    /// # Errors
    /// `not_found` for an unknown address, or a database error.
    pub fn set_password_of(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        email: &str,
        hash: &SecretString,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let account = Self::lock_named(conn, email)?;
        OobCode::drop_all(conn, &account, Purpose::PasswordReset)?;
        account.set_password(conn, access_change, hash, None, now)
    }

    /// Deletes an account for the operator, as its person could.
    ///
    /// # Errors
    /// `not_found` for an unknown address; `last_owner` when an organization would have no owner; or a database error.
    pub fn delete_of(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        email: &str,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let account = Self::lock_named(conn, email)?;
        account.erase(conn, access_change, now)?;
        Ok(account)
    }
}

/// Returns the user whom the operator names by id or e-mail address. An account's user is created if the person has not
/// signed in yet. `Err` says why there is none.
///
/// # Errors
/// Database errors.
pub fn user_named(conn: &mut Conn, named: &str, now: Timestamp) -> Result<Result<UserId, String>, ApiError> {
    if let Ok(id) = named.parse::<UserId>() {
        let known: Option<UserId> = users::table.find(id).select(users::id).first(conn).optional()?;
        return Ok(known.ok_or_else(|| format!("there is no user {id}")));
    }
    let Ok(typed) = named.parse::<TypedEmail>() else {
        return Ok(Err(format!("{named:?} is neither the id of a user nor an e-mail address")));
    };
    if let Some(found) = Account::named(conn, &typed)?
        && let Some(account) = Account::find(conn, &found.id)?
    {
        return Ok(Ok(User::of_profile(conn, &account.profile(), now)?.id));
    }
    let found: Vec<UserId> = users::table
        .filter(users::email.eq_any(typed.stored_forms()))
        .select(users::id)
        .order(users::id)
        .limit(10)
        .load(conn)?;
    Ok(match found[..] {
        [only] => Ok(only),
        [] => Err(format!("no user has the address {named}: `keyward user create` makes an account")),
        _ => Err(format!("several users have the address {named}; name one by id: {found:?}")),
    })
}
