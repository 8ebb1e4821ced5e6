//! Users' operations on their own accounts: change, delete, and recover by a mailed code.
//!
//! Each transaction authenticates its caller itself, under the account's lock: `lock_own` by the ID token, `use_code` by
//! the mailed code. Only the mailing of a code needs no caller: it goes to the account's own address.

use super::account_changes::Change;
use super::accounts::Account;
use super::built_in::{BuiltIn, SignIn};
use super::firebase_error::{FirebaseError, FirebaseRefusal, TransactionAnswer};
use super::mail_texts::{code_mail, new_password_text};
use super::mailed_codes::{MailedCode, OobCode, Purpose};
use super::password::Person;
use super::sessions::{Session, SignedInAccount};
use crate::base::error::{ApiError, Code};
use crate::base::input::email::{Email, TypedEmail};
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::audit::Actor;
use crate::domain::identity::tokens::Claims;
use crate::infra::mail::Composition;
use crate::infra::request::RequestContext;
use secrecy::SecretString;
use std::net::IpAddr;

/// The maximum age of a sign-in that may set a password or delete the account, in seconds: Firebase's five minutes.
const RECENT_SECONDS: i64 = 5 * 60;
const LAST_OWNER: &str =
    "You are the last owner of an organization. Delete it or make another member an owner, then try again.";

fn check_recent(claims: &Claims, now: Timestamp) -> Result<(), FirebaseError> {
    if now.seconds() - claims.auth_time > RECENT_SECONDS {
        return Err(FirebaseError::CredentialTooOldLoginAgain);
    }
    Ok(())
}

/// Returns the record of a code that is valid now.
fn check_code(conn: &mut Conn, code: &OobCode, now: Timestamp) -> TransactionAnswer<MailedCode> {
    let Some(known) = code.find(conn)? else { return Ok(Err(FirebaseError::InvalidOobCode)) };
    if known.expires_at <= now {
        return Ok(Err(FirebaseError::ExpiredOobCode));
    }
    if known.account.disabled_at.is_some() {
        return Ok(Err(FirebaseError::UserDisabled));
    }
    Ok(Ok(known))
}

/// Consumes a code of this purpose, under the lock of its account.
fn use_code(conn: &mut Conn, code: &OobCode, purpose: Purpose, now: Timestamp) -> TransactionAnswer<Account> {
    let known = match check_code(conn, code, now)? {
        Ok(known) if known.purpose == purpose => known,
        Ok(_) => return Ok(Err(FirebaseError::InvalidOobCode)),
        Err(refusal) => return Ok(Err(refusal)),
    };
    // Checked again under the lock, so that of two requests with one code only one succeeds.
    let Some(account) = Account::lock_by_id(conn, &known.account.id)? else {
        return Ok(Err(FirebaseError::InvalidOobCode));
    };
    if account.disabled_at.is_some() {
        return Ok(Err(FirebaseError::UserDisabled));
    }
    Ok(if code.consume(conn)? { Ok(account) } else { Err(FirebaseError::InvalidOobCode) })
}

impl BuiltIn {
    /// Sets a new password, ends all sign-ins, and signs in again.
    pub(crate) async fn change_password(
        &self,
        claims: Claims,
        password: SecretString,
        (name, photo): (Change, Change),
    ) -> Result<SignIn, FirebaseRefusal> {
        // A check before the costly hashing; the transaction checks again.
        let known = self.look_up(claims.clone()).await?;
        let now = self.clock.now();
        check_recent(&claims, now)?;
        let new_name = match &name {
            Change::Set(name) => Some(name.as_str()),
            Change::Keep | Change::Clear => known.display_name.as_deref(),
        };
        self.passwords.check_new(Person { email: &known.email, name: new_name }, &password).await?;
        self.keys.keep_fresh().await;
        let hash = self.passwords.hash(password).await?;
        let settings = self.config.identity.sessions;
        let changed = self.store.for_all_tenants().change_access(move |conn, access_change| {
            let SignedInAccount { account, session } = match SignedInAccount::lock(conn, &claims, &settings, now)? {
                Ok(own) => own,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let kept = session.as_ref().map(|session| session.id);
            account.acts(conn, access_change)?;
            let account =
                account.set_password(conn, access_change, &hash, kept, now)?.set_profile(conn, name, photo)?;
            // A link that was mailed for the old password must not undo the new one.
            OobCode::drop_all(conn, &account, Purpose::PasswordReset)?;
            let authenticated_at = account.valid_since;
            let (session, token) = match session {
                Some(session) => session.renew(conn, authenticated_at, now)?,
                None => Session::start(conn, &account, authenticated_at, now)?,
            };
            Ok(Ok((account, session, token)))
        });
        let (account, session, token) = changed.await??;
        self.notify_of_new_password(&account, now);
        Ok(self.tokens(account, &session, token, now)?)
    }

    /// Changes name and picture. ID tokens contain them after the next refresh.
    pub(crate) async fn change_profile(
        &self,
        claims: Claims,
        (name, photo): (Change, Change),
    ) -> Result<Account, FirebaseRefusal> {
        let (settings, now) = (self.config.identity.sessions, self.clock.now());
        let changed = self.store.for_all_tenants().write(move |conn| {
            match SignedInAccount::lock(conn, &claims, &settings, now)? {
                Ok(own) => Ok(Ok(own.account.set_profile(conn, name, photo)?)),
                Err(refusal) => Ok(Err(refusal)),
            }
        });
        Ok(changed.await??)
    }

    /// Deletes the account. Requires a recent sign-in.
    pub(crate) async fn delete(&self, claims: Claims) -> Result<(), FirebaseRefusal> {
        let (settings, now) = (self.config.identity.sessions, self.clock.now());
        let deleted = self.store.for_all_tenants().change_access(move |conn, access_change| {
            let own = SignedInAccount::lock(conn, &claims, &settings, now)?;
            let account = match own.and_then(|own| check_recent(&claims, now).map(|()| own.account)) {
                Ok(account) => account,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if let Some(user) = account.user(conn)? {
                access_change.act_as_leaving(conn, Actor::User(user))?;
            }
            account.erase(conn, access_change, now)?;
            Ok(Ok(()))
        });
        match deleted.await {
            // An error rolls back: the transaction has left some organizations before it found the last owner.
            Err(error) if error.code == Code::LastOwner => Err(FirebaseError::NotAllowedBecause(LAST_OWNER).into()),
            other => Ok(other??),
        }
    }

    /// Mails a link that sets a new password, if the address has an account.
    ///
    /// The account is looked up after the answer, so neither the answer nor its time reveals it.
    pub(crate) fn request_password_reset(
        &self,
        address: Option<IpAddr>,
        email: &str,
        continue_url: Option<String>,
    ) -> Result<Email, FirebaseRefusal> {
        let typed: TypedEmail = email.parse().map_err(|_| FirebaseError::InvalidEmail)?;
        // An account of an older form that is no address can't get a mail.
        let email = typed.normal().cloned().ok_or(FirebaseError::InvalidEmail)?;
        self.count_mail(address, &typed)?;
        let find = move |conn: &mut Conn| match Account::named(conn, &typed)? {
            Some(account) => Account::lock_by_id(conn, &account.id),
            None => Ok(None),
        };
        self.mail_code(Purpose::PasswordReset, continue_url, find)?;
        Ok(email)
    }

    /// Mails a link that confirms the address of a token's account.
    pub(crate) async fn request_verification(
        &self,
        address: Option<IpAddr>,
        claims: Claims,
        continue_url: Option<String>,
    ) -> Result<Account, FirebaseRefusal> {
        let account = self.look_up(claims).await?;
        self.count_mail(address, &TypedEmail::of_stored(&account.email))?;
        let id = account.id.clone();
        self.mail_code(Purpose::VerifyEmail, continue_url, move |conn| Account::lock_by_id(conn, &id))?;
        Ok(account)
    }

    /// Counts a mail like a failed sign-in, to limit the mails to one address and those caused by one client.
    fn count_mail(&self, address: Option<IpAddr>, email: &TypedEmail) -> Result<(), FirebaseError> {
        if !self.mailer.is_on() {
            return Err(FirebaseError::NotAllowedBecause("This server sends no mail."));
        }
        // A name of its own, so that requested mails don't count against sign-ins.
        let attempt = self.limits.sign_in(&format!("mail to {}", email.limit_key()), address, self.clock.now());
        attempt.map(|_| ()).ok_or(FirebaseError::TooManyAttemptsTryLater)
    }

    /// Creates a code for the account that `find` locks, and mails it, both outside the request's path.
    fn mail_code<F>(&self, purpose: Purpose, continue_url: Option<String>, find: F) -> Result<(), FirebaseRefusal>
    where
        F: FnOnce(&mut Conn) -> Result<Option<Account>, ApiError> + Send + 'static,
    {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let action_url = self.action_url.clone();
        let compose: Composition = Box::pin(async move {
            let stored = store.for_all_tenants().write(move |conn| {
                let Some(account) = find(conn)?.filter(|account| account.disabled_at.is_none()) else {
                    return Ok(None);
                };
                let code = OobCode::generate();
                code.replace(conn, &account, purpose, clock.now())?;
                Ok(Some((account.email, code)))
            });
            let (email, code) = stored.await?.unzip();
            let link = |code: &OobCode| code.link(purpose, &action_url, continue_url.as_deref());
            Ok(email.zip(code).map(|(email, code)| code_mail(purpose, email, &link(&code))))
        });
        Ok(self.mailer.compose_later(compose)?)
    }

    /// Returns the account and purpose of a code.
    pub(crate) async fn look_at_code(&self, code: OobCode) -> Result<MailedCode, FirebaseRefusal> {
        let now = self.clock.now();
        Ok(self.store.for_all_tenants().read(move |conn| check_code(conn, &code, now)).await??)
    }

    /// Sets a new password by a mailed code, and ends all sign-ins. The code proves the address, which becomes
    /// verified.
    pub(crate) async fn reset_password(
        &self,
        code: SecretString,
        password: SecretString,
    ) -> Result<Account, FirebaseRefusal> {
        // A check before the costly hashing; the transaction checks again.
        let known = self.look_at_code(OobCode::from_client(code.clone())).await?;
        if known.purpose != Purpose::PasswordReset {
            return Err(FirebaseError::InvalidOobCode.into());
        }
        let person = Person { email: &known.account.email, name: known.account.display_name.as_deref() };
        self.passwords.check_new(person, &password).await?;
        let hash = self.passwords.hash(password).await?;
        let now = self.clock.now();
        let reset = self.store.for_all_tenants().change_access(move |conn, access_change| {
            let code = OobCode::from_client(code);
            match use_code(conn, &code, Purpose::PasswordReset, now)? {
                Ok(account) => {
                    account.acts(conn, access_change)?;
                    Ok(Ok(account.set_password(conn, access_change, &hash, None, now)?.set_email_verified(conn)?))
                }
                Err(refusal) => Ok(Err(refusal)),
            }
        });
        let account = reset.await??;
        self.notify_of_new_password(&account, now);
        Ok(account)
    }

    /// Mails that the account has a new password. The change stands, whether the mail can be sent or not.
    fn notify_of_new_password(&self, account: &Account, now: Timestamp) {
        if !self.mailer.is_on() {
            return;
        }
        let text = new_password_text(&account.email, RequestContext::client_address(), now);
        if let Err(error) = self.mailer.send(&account.email, "Your password was changed", text.into()) {
            tracing::warn!(%error, account = account.id, "nobody is mailed about a new password");
        }
    }

    /// Confirms an address by a mailed code. Sessions of the account from before end, but the one of the ID token with
    /// these claims, or without a token those of the same browser.
    pub(crate) async fn confirm_email(
        &self,
        code: OobCode,
        claims: Option<Claims>,
    ) -> Result<Account, FirebaseRefusal> {
        let (settings, now) = (self.config.identity.sessions, self.clock.now());
        let confirmed = self.store.for_all_tenants().change_access(move |conn, access_change| {
            let account = match use_code(conn, &code, Purpose::VerifyEmail, now)? {
                Ok(account) => account,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let session = match claims.filter(|claims| claims.sub == account.id) {
                Some(claims) => SignedInAccount::lock(conn, &claims, &settings, now)?.ok().and_then(|own| own.session),
                None => None,
            };
            account.acts(conn, access_change)?;
            Ok(Ok(account.confirm_email(conn, access_change, session.map(|session| session.id))?))
        });
        Ok(confirmed.await??)
    }
}
