//! Joins an organization by a mailed invitation, with a new account or with the account of the address.
//!
//! The mailed token proves that its holder reads the address's mail, so the address counts as verified. Without such a
//! token a call reveals nothing and hashes no password. The transaction that joins checks the token under the
//! organization's lock, and of an existing account the password's hash under the account's.

use crate::base::config::SignUp;
use crate::base::error::ApiError;
use crate::base::input::email::TypedEmail;
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::audit::Actor;
use crate::domain::changes::AccessChange;
use crate::domain::delegation::Invitation;
use crate::domain::identity::Account;
use crate::domain::identity::provider::{BuiltIn, Checked, RightPassword};
use crate::domain::identity::provider::{Change, Person};
use crate::domain::identity::provider::{FirebaseError, FirebaseRefusal};
use crate::domain::invitations::InvitationToken;
use crate::domain::tenancy::User;
use secrecy::SecretString;
use std::net::IpAddr;

/// A valid mailed invitation.
pub(crate) struct Invited {
    pub(crate) email: String,
    pub(crate) organization: String,
    /// Whether the address has an account.
    pub(crate) has_account: bool,
}

impl BuiltIn {
    /// Returns the invitation of a mailed token; `None` for an invalid token. Changes nothing.
    pub(crate) async fn look_at_invitation(&self, token: InvitationToken) -> Result<Option<Invited>, ApiError> {
        let now = self.clock.now();
        let look = move |conn: &mut Conn| {
            let Some((invitation, organization)) = Invitation::find_mailed(conn, &token, now)? else {
                return Ok(None);
            };
            let has_account = Account::named(conn, &TypedEmail::of_stored(&invitation.email))?.is_some();
            Ok(Some(Invited { email: invitation.email, organization, has_account }))
        };
        self.store.for_all_tenants().read(look).await
    }

    /// Signs the invited person up, or in if the address has an account, verifies the address and accepts the
    /// invitation, all in one transaction. The password of an existing account counts as a sign-in attempt. A sign-up
    /// does not count, since a token makes one account, and many colleagues may share one IP address.
    pub(crate) async fn join(
        &self,
        address: Option<IpAddr>,
        token: InvitationToken,
        password: SecretString,
        name: Option<String>,
    ) -> Result<(), FirebaseRefusal> {
        let invited = self.look_at_invitation(token.clone()).await?.ok_or_else(ApiError::not_found)?;
        if !invited.has_account {
            if self.config.identity.sign_up == SignUp::Closed {
                return Err(FirebaseError::AdminOnlyOperation.into());
            }
            return self.join_with_new_account(token, invited.email, password, name).await;
        }
        let email = TypedEmail::of_stored(&invited.email);
        let attempt = self.begin_attempt(&email, address)?;
        let Checked { account_id, outcome } = self.check_password(email.clone(), password).await;
        let outcome = match outcome {
            Ok(checked) => self.join_with_account(token, checked).await,
            Err(refusal) => Err(refusal),
        };
        self.end_attempt(&email, account_id, attempt, &outcome);
        outcome
    }

    async fn join_with_new_account(
        &self,
        token: InvitationToken,
        email: String,
        password: SecretString,
        name: Option<String>,
    ) -> Result<(), FirebaseRefusal> {
        let person = Person { email: &email, name: name.as_deref() };
        let (mut account, hash) = self.prepare(&self.clock, person, password).await?;
        account.email_verified = true;
        let now = account.created_at;
        let joined = self.store.for_all_tenants().change_access(move |conn, access_change| {
            if !account.insert(conn, &hash)? {
                return Ok(Err(FirebaseError::EmailExists));
            }
            if let Some(name) = name {
                account = account.set_profile(conn, Change::Set(name), Change::Keep)?;
            }
            accept(conn, access_change, &token, &account, now).map(Ok)
        });
        Ok(joined.await??)
    }

    async fn join_with_account(&self, token: InvitationToken, checked: RightPassword) -> Result<(), FirebaseRefusal> {
        let now = self.clock.now();
        let joined =
            self.store.for_all_tenants().change_access(move |conn, access_change| match checked.open(conn, now)? {
                Ok(account) => accept(conn, access_change, &token, &account, now).map(Ok),
                Err(refusal) => Ok(Err(refusal)),
            });
        Ok(joined.await??)
    }
}

fn accept(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    token: &InvitationToken,
    account: &Account,
    now: Timestamp,
) -> Result<(), ApiError> {
    let user = User::of_profile(conn, &account.profile(), now)?;
    access_change.act_as(Actor::User(user.id));
    Invitation::accept_mailed(conn, access_change, token, &user, now)
}
