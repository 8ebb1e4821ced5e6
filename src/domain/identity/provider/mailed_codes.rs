//! Rows of `oob_codes`: codes that go out of band, by mail. Who knows one reads the account's mail.

use super::accounts::Account;
use crate::base::error::ApiError;
use crate::base::sql::schema::{accounts, oob_codes};
use crate::base::sql::{Conn, text_enum};
use crate::base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::time::Duration;

text_enum! {
    /// What a code is good for, in Firebase's words.
    Purpose {
        /// Setting a new password.
        PasswordReset = "PASSWORD_RESET",
        /// Confirming the address.
        VerifyEmail = "VERIFY_EMAIL",
    }
}

impl Purpose {
    /// How long its codes are good for: a mail that somebody else finds later opens nothing.
    pub(crate) fn lifetime(self) -> Duration {
        match self {
            Self::PasswordReset => Duration::from_secs(3600),
            Self::VerifyEmail => Duration::from_secs(24 * 3600),
        }
    }

    /// The `mode` of its links.
    pub(crate) fn mode(self) -> &'static str {
        match self {
            Self::PasswordReset => "resetPassword",
            Self::VerifyEmail => "verifyEmail",
        }
    }
}

/// A code: 256 random bits, of which the database has the SHA-256.
pub(crate) struct OobCode(SecretString);

/// What the database knows of a code.
pub(crate) struct Known {
    /// Whose it is.
    pub(crate) account: Account,
    /// What it is good for.
    pub(crate) purpose: Purpose,
    /// Until when.
    pub(crate) expires_at: Timestamp,
}

impl OobCode {
    /// A new one.
    pub(crate) fn generate() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()).into())
    }

    /// What a client sent.
    pub(crate) fn from_client(text: SecretString) -> Self {
        Self(text)
    }

    /// As the mail has it.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.expose_secret()).to_vec()
    }

    /// Stores it, and ends the account's earlier code of the same purpose. Under the lock of the account.
    pub(crate) fn replace(
        &self,
        conn: &mut Conn,
        account: &Account,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        Self::drop_all(conn, account, purpose)?;
        let row = (
            oob_codes::hash.eq(self.hash()),
            oob_codes::account_id.eq(&account.id),
            oob_codes::purpose.eq(purpose),
            oob_codes::expires_at.eq(now.plus(purpose.lifetime())),
        );
        diesel::insert_into(oob_codes::table).values(row).execute(conn)?;
        Ok(())
    }

    /// Ends the account's code of a purpose.
    pub(crate) fn drop_all(conn: &mut Conn, account: &Account, purpose: Purpose) -> Result<(), ApiError> {
        let own = oob_codes::account_id.eq(&account.id).and(oob_codes::purpose.eq(purpose));
        diesel::delete(oob_codes::table.filter(own)).execute(conn)?;
        Ok(())
    }

    /// What is known of the code. It is still good afterwards.
    pub(crate) fn find(&self, conn: &mut Conn) -> Result<Option<Known>, ApiError> {
        let row: Option<(Account, Purpose, Timestamp)> = oob_codes::table
            .find(self.hash())
            .inner_join(accounts::table)
            .select((Account::as_select(), oob_codes::purpose, oob_codes::expires_at))
            .first(conn)
            .optional()?;
        Ok(row.map(|(account, purpose, expires_at)| Known { account, purpose, expires_at }))
    }

    /// Uses the code up. `false`: somebody else was faster.
    pub(crate) fn consume(&self, conn: &mut Conn) -> Result<bool, ApiError> {
        Ok(diesel::delete(oob_codes::table.find(self.hash())).execute(conn)? == 1)
    }
}
