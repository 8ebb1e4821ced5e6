//! Rows of `oob_codes`: codes that go out of band, by mail. Who knows one reads the account's mail.

use super::accounts::Account;
use crate::db::schema::{accounts, oob_codes};
use crate::db::{Conn, Timestamp, text_enum};
use crate::error::ApiError;
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
    pub(super) fn lifetime(self) -> Duration {
        match self {
            Self::PasswordReset => Duration::from_secs(3600),
            Self::VerifyEmail => Duration::from_secs(24 * 3600),
        }
    }

    /// The `mode` of its links.
    pub(super) fn mode(self) -> &'static str {
        match self {
            Self::PasswordReset => "resetPassword",
            Self::VerifyEmail => "verifyEmail",
        }
    }
}

/// A code: 256 random bits, of which the database has the SHA-256.
pub(super) struct OobCode(SecretString);

/// What the database knows of a code.
pub(super) struct Known {
    /// Whose it is.
    pub(super) account: Account,
    /// What it is good for.
    pub(super) purpose: Purpose,
    /// Until when.
    pub(super) expires_at: Timestamp,
}

impl OobCode {
    /// A new one.
    pub(super) fn generate() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()).into())
    }

    /// What a client sent.
    pub(super) fn from_client(text: SecretString) -> Self {
        Self(text)
    }

    /// As the mail has it.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.expose_secret()).to_vec()
    }

    /// Stores it, and ends the account's earlier code of the same purpose. Under the lock of the account.
    pub(super) fn replace(
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
    pub(super) fn drop_all(conn: &mut Conn, account: &Account, purpose: Purpose) -> Result<(), ApiError> {
        let own = oob_codes::account_id.eq(&account.id).and(oob_codes::purpose.eq(purpose));
        diesel::delete(oob_codes::table.filter(own)).execute(conn)?;
        Ok(())
    }

    /// What is known of the code. It is still good afterwards.
    pub(super) fn find(&self, conn: &mut Conn) -> Result<Option<Known>, ApiError> {
        let row: Option<(Account, Purpose, Timestamp)> = oob_codes::table
            .find(self.hash())
            .inner_join(accounts::table)
            .select((Account::as_select(), oob_codes::purpose, oob_codes::expires_at))
            .first(conn)
            .optional()?;
        Ok(row.map(|(account, purpose, expires_at)| Known { account, purpose, expires_at }))
    }

    /// Uses the code up. `false`: somebody else was faster.
    pub(super) fn consume(&self, conn: &mut Conn) -> Result<bool, ApiError> {
        Ok(diesel::delete(oob_codes::table.find(self.hash())).execute(conn)? == 1)
    }
}
