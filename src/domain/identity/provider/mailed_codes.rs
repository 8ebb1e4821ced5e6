//! Rows of `oob_codes`: codes sent by mail ("out of band"). A code proves that its holder reads the account's mail.

use super::accounts::Account;
use crate::base::error::ApiError;
use crate::base::secret_token::{SecretToken, TokenKind};
use crate::base::sql::schema::{accounts, oob_codes};
use crate::base::sql::{Conn, text_enum};
use crate::base::time::Timestamp;
use diesel::prelude::*;
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
    /// Returns the lifetime of a code. It is short, so that a mail found later is useless.
    pub(crate) fn lifetime(self) -> Duration {
        match self {
            Self::PasswordReset => Duration::from_secs(3600),
            Self::VerifyEmail => Duration::from_secs(24 * 3600),
        }
    }

    /// Returns the `mode` parameter of the links.
    pub(crate) fn mode(self) -> &'static str {
        match self {
            Self::PasswordReset => "resetPassword",
            Self::VerifyEmail => "verifyEmail",
        }
    }
}

/// A code in a mail. The database stores its SHA-256.
pub(crate) type OobCode = SecretToken<ForMail>;

/// The kind of an [`OobCode`].
pub(crate) enum ForMail {}

impl TokenKind for ForMail {}

/// A stored code with its account.
pub(crate) struct MailedCode {
    pub(crate) account: Account,
    pub(crate) purpose: Purpose,
    pub(crate) expires_at: Timestamp,
}

impl OobCode {
    /// Stores the code, and deletes the account's earlier code of the same purpose. Call it under the account's lock.
    pub(crate) fn replace(
        &self,
        conn: &mut Conn,
        account: &Account,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        self.replace_until(conn, account, purpose, now.plus(purpose.lifetime()))
    }

    /// [`OobCode::replace`] with another lifetime.
    pub(super) fn replace_until(
        &self,
        conn: &mut Conn,
        account: &Account,
        purpose: Purpose,
        expires_at: Timestamp,
    ) -> Result<(), ApiError> {
        Self::drop_all(conn, account, purpose)?;
        let row = (
            oob_codes::hash.eq(self.hash()),
            oob_codes::account_id.eq(&account.id),
            oob_codes::purpose.eq(purpose),
            oob_codes::expires_at.eq(expires_at),
        );
        diesel::insert_into(oob_codes::table).values(row).execute(conn)?;
        Ok(())
    }

    /// Returns the link to the page `action_url` that uses the code, with the page to go on at afterwards.
    pub(super) fn link(&self, purpose: Purpose, action_url: &str, continue_url: Option<&str>) -> String {
        let mut link = format!("{action_url}?mode={}&oobCode={}", purpose.mode(), self.expose());
        if let Some(continue_url) = continue_url {
            // Text pairs can always be written.
            let parameter = serde_urlencoded::to_string([("continueUrl", continue_url)]).unwrap_or_default();
            link += &format!("&{parameter}");
        }
        link
    }

    /// Deletes the account's codes of a purpose.
    pub(crate) fn drop_all(conn: &mut Conn, account: &Account, purpose: Purpose) -> Result<(), ApiError> {
        let own = oob_codes::account_id.eq(&account.id).and(oob_codes::purpose.eq(purpose));
        diesel::delete(oob_codes::table.filter(own)).execute(conn)?;
        Ok(())
    }

    /// Reads the code's record. The code stays valid.
    pub(crate) fn find(&self, conn: &mut Conn) -> Result<Option<MailedCode>, ApiError> {
        let row: Option<(Account, Purpose, Timestamp)> = oob_codes::table
            .find(self.hash())
            .inner_join(accounts::table)
            .select((Account::as_select(), oob_codes::purpose, oob_codes::expires_at))
            .first(conn)
            .optional()?;
        Ok(row.map(|(account, purpose, expires_at)| MailedCode { account, purpose, expires_at }))
    }

    /// Consumes the code. `false` when another request has consumed it.
    pub(crate) fn consume(&self, conn: &mut Conn) -> Result<bool, ApiError> {
        Ok(diesel::delete(oob_codes::table.find(self.hash())).execute(conn)? == 1)
    }
}
