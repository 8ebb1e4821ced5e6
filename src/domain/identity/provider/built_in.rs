//! [`BuiltIn`]: the built-in identity provider: sign-up, sign-in, refresh and lookup of accounts.

use super::accounts::Account;
use super::attempt_limits::{Attempt, AttemptLimits};
use super::firebase_error::{FirebaseError, FirebaseRefusal};
use super::password::Passwords;
use super::refresh_tokens::RefreshToken;
use super::sessions::{RefreshOutcome, Session, SignedInAccount};
use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::ids::SessionId;
use crate::base::input::email::{Email, TypedEmail};
use crate::base::sql::Conn;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::domain::changes::{AccessChange, Store};
use crate::domain::identity::signing::KeyRing;
use crate::domain::identity::signing::MasterSecrets;
use crate::domain::identity::tokens::{Claims, ID_TOKEN_SECONDS};
use crate::domain::identity::{FailedSignIn, FailedSignIns};
use crate::infra::mail::Mailer;
use crate::infra::request::RequestContext;
use actix_web::web;
use secrecy::SecretString;
use serde::Serialize;
use std::net::IpAddr;

/// The built-in identity provider.
pub(crate) struct BuiltIn {
    /// The `iss` of its tokens.
    pub(crate) issuer: String,
    /// The `aud` of its tokens.
    pub(crate) project_id: String,
    pub(crate) keys: KeyRing,
    pub(crate) passwords: Passwords,
    pub(crate) limits: AttemptLimits,
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) mailer: Mailer,
    pub(crate) failed_sign_ins: FailedSignIns,
    /// The page to which mailed links lead.
    pub(crate) action_url: String,
}

/// A successful sign-in with its tokens.
pub(crate) struct SignIn {
    pub(crate) account: Account,
    /// Valid for an hour.
    pub(crate) id_token: SecretString,
    /// Obtains new ID tokens.
    pub(crate) refresh_token: SecretString,
}

/// An account whose password was verified.
pub(crate) struct RightPassword {
    id: String,
    hash: SecretString,
    rehashed: Option<SecretString>,
}

impl RightPassword {
    /// Locks the account, and records the sign-in.
    pub(crate) fn open(self, conn: &mut Conn, now: Timestamp) -> Result<Result<Account, FirebaseError>, ApiError> {
        // The password may have changed during the verification.
        let Some(account) = Account::lock(conn, &self.id, &self.hash)? else {
            return Ok(Err(FirebaseError::InvalidLoginCredentials));
        };
        if account.disabled_at.is_some() {
            return Ok(Err(FirebaseError::UserDisabled));
        }
        account.touch_login(conn, now)?;
        if let Some(rehashed) = &self.rehashed {
            account.replace_hash(conn, rehashed)?;
        }
        Ok(Ok(account))
    }
}

/// The claims of an ID token, in Firebase's form.
#[derive(Serialize)]
struct NewClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    auth_time: i64,
    sid: SessionId,
    user_id: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    email: &'a str,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<&'a str>,
    firebase: FirebaseClaim<'a>,
}

#[derive(Serialize)]
struct FirebaseClaim<'a> {
    identities: Identities<'a>,
    sign_in_provider: &'static str,
}

#[derive(Serialize)]
struct Identities<'a> {
    email: [&'a str; 1],
}

impl BuiltIn {
    /// Loads the signing keys, or creates the first one.
    pub(crate) async fn start(
        config: &Config,
        clock: &Clock,
        store: &Store,
        mailer: &Mailer,
        failed_sign_ins: &FailedSignIns,
    ) -> Result<Self, String> {
        let identity = config.identity.clone();
        let passwords = web::block(move || Passwords::new(&identity)).await.map_err(|error| error.to_string())??;
        let secret = MasterSecrets::load(&config.identity)?;
        Ok(Self {
            issuer: format!("{}/{}", config.server.public_url, config.identity.project_id),
            project_id: config.identity.project_id.clone(),
            keys: KeyRing::open(clock, store.db(), secret).await?,
            passwords,
            limits: AttemptLimits::new(config.identity.limits),
            config: config.clone(),
            store: store.clone(),
            clock: clock.clone(),
            mailer: mailer.clone(),
            failed_sign_ins: failed_sign_ins.clone(),
            action_url: config.mail.action_url(&config.server),
        })
    }

    /// Creates an account without signing in, for the operator.
    pub(crate) async fn create_account(
        &self,
        email: &str,
        password: SecretString,
        email_verified: bool,
    ) -> Result<Account, FirebaseRefusal> {
        let (mut account, hash) = self.prepare(&self.clock, email, password).await?;
        account.email_verified = email_verified;
        let stored =
            self.store.for_all_tenants().write(move |conn| Ok(account.insert(conn, &hash)?.then_some(account)));
        Ok(stored.await?.ok_or(FirebaseError::EmailExists)?)
    }

    /// Creates an account and signs in.
    pub(crate) async fn sign_up(
        &self,
        address: Option<IpAddr>,
        email: &str,
        password: SecretString,
    ) -> Result<SignIn, FirebaseRefusal> {
        self.keys.keep_fresh().await;
        self.passwords.check_strength(email, &password)?;
        // Counts for taken addresses too, since each answer reveals whether an address is taken.
        if !self.limits.sign_up(address, self.clock.now()) {
            return Err(FirebaseError::TooManyAttemptsTryLater.into());
        }
        let (account, hash) = self.prepare(&self.clock, email, password).await?;
        let now = account.created_at;
        let stored = self.store.for_all_tenants().write(move |conn| {
            if !account.insert(conn, &hash)? {
                return Ok(None);
            }
            let (session, token) = Session::start(conn, &account, now, now)?;
            Ok(Some((account, session, token)))
        });
        let (account, session, token) = stored.await?.ok_or(FirebaseError::EmailExists)?;
        Ok(self.tokens(account, &session, token, now)?)
    }

    /// Returns a new account and its password hash. Both are validated and not yet stored.
    pub(crate) async fn prepare(
        &self,
        clock: &Clock,
        email: &str,
        password: SecretString,
    ) -> Result<(Account, SecretString), FirebaseRefusal> {
        let email: Email = email.parse().map_err(|_| FirebaseError::InvalidEmail)?;
        self.passwords.check_strength(email.as_str(), &password)?;
        let hash = self.passwords.hash(password).await?;
        Ok((Account::new(email.into_string(), clock.now()), hash))
    }

    /// Signs in. Neither the answer nor its time distinguishes an unknown address from a wrong password.
    pub(crate) async fn sign_in(
        &self,
        address: Option<IpAddr>,
        email: &str,
        password: SecretString,
    ) -> Result<SignIn, FirebaseRefusal> {
        self.keys.keep_fresh().await;
        let email: TypedEmail = email.parse().map_err(|_| FirebaseError::InvalidEmail)?;
        let attempt = self.limits.sign_in(&email.limit_key(), address, self.clock.now());
        let attempt = attempt.ok_or(FirebaseError::TooManyAttemptsTryLater)?;
        let outcome = self.check_and_open(email.clone(), password).await;
        self.record_attempt(&email, attempt, &outcome);
        outcome
    }

    /// Counts an attempt by its outcome, and records a wrong password in the audit trails.
    pub(crate) fn record_attempt<T>(&self, email: &TypedEmail, attempt: Attempt, outcome: &Result<T, FirebaseRefusal>) {
        let now = self.clock.now();
        match outcome {
            Ok(_) => self.limits.succeed(attempt, now),
            // Only a wrong password is a failed attempt; a full queue or a failed database is not.
            Err(FirebaseRefusal::Firebase(FirebaseError::InvalidLoginCredentials)) => {
                let (email, request) = (email.clone(), RequestContext::origin());
                self.failed_sign_ins.enqueue(FailedSignIn { email, request, at: now });
            }
            Err(_) => self.limits.give_back(attempt),
        }
    }

    async fn check_and_open(&self, email: TypedEmail, password: SecretString) -> Result<SignIn, FirebaseRefusal> {
        let checked = self.check_password(email, password).await?;
        let now = self.clock.now();
        let signed_in = self.store.for_all_tenants().write(move |conn| {
            let account = match checked.open(conn, now)? {
                Ok(account) => account,
                Err(refusal) => return Ok(Err(refusal)),
            };
            // A sign-in within the second that ended all earlier sign-ins counts as later than those.
            let authenticated_at = now.max(account.valid_since);
            let (session, token) = Session::start(conn, &account, authenticated_at, now)?;
            Ok(Ok((account, session, token)))
        });
        let (account, session, token) = signed_in.await??;
        Ok(self.tokens(account, &session, token, now)?)
    }

    /// Verifies the password of an address, in the same time for an unknown address. The caller counts the attempt.
    pub(crate) async fn check_password(
        &self,
        email: TypedEmail,
        password: SecretString,
    ) -> Result<RightPassword, FirebaseRefusal> {
        let found = self.store.for_all_tenants().read(move |conn| Account::named(conn, &email)).await?;
        let hash = found.as_ref().map(|account| account.password_hash.clone());
        let verdict = self.passwords.verify(password, hash).await?;
        let account = found.filter(|_| verdict.is_right).ok_or(FirebaseError::InvalidLoginCredentials)?;
        Ok(RightPassword { id: account.id, hash: account.password_hash, rehashed: verdict.rehashed })
    }

    /// Returns a new ID token and the next refresh token of a session. A replaced token ends its session.
    pub(crate) async fn refresh(&self, token: &SecretString) -> Result<SignIn, FirebaseRefusal> {
        self.keys.keep_fresh().await;
        let token = RefreshToken::parse(token).ok_or(FirebaseError::InvalidRefreshToken)?;
        let (settings, now) = (self.config.identity.sessions, self.clock.now());
        let store = self.store.for_all_tenants();
        let refreshed = store.clone().write(move |conn| Session::refresh(conn, token, &settings, now));
        match refreshed.await? {
            RefreshOutcome::Continued { account, session, token } => Ok(self.tokens(account, &session, token, now)?),
            RefreshOutcome::Refused(refusal) => Err(refusal.into()),
            RefreshOutcome::Replayed(id) => {
                let end = move |conn: &mut Conn, change: &mut AccessChange| Session::end_replayed(conn, change, id);
                store.change_access(end).await?;
                Err(FirebaseError::TokenExpired.into())
            }
        }
    }

    /// Returns the account of a verified token.
    pub(crate) async fn look_up(&self, claims: Claims) -> Result<Account, FirebaseRefusal> {
        let (settings, now) = (self.config.identity.sessions, self.clock.now());
        let store = self.store.for_all_tenants();
        let own = store.read(move |conn| SignedInAccount::find(conn, &claims, &settings, now)).await??;
        Ok(own.account)
    }

    /// Returns the tokens of a session.
    pub(super) fn tokens(
        &self,
        account: Account,
        session: &Session,
        refresh_token: RefreshToken,
        now: Timestamp,
    ) -> Result<SignIn, ApiError> {
        let id_token = self.keys.sign(&NewClaims {
            iss: &self.issuer,
            aud: &self.project_id,
            auth_time: session.authenticated_at.seconds(),
            sid: session.id,
            user_id: &account.id,
            sub: &account.id,
            iat: now.seconds(),
            exp: now.seconds() + ID_TOKEN_SECONDS,
            email: &account.email,
            email_verified: account.email_verified,
            name: account.display_name.as_deref(),
            picture: account.photo_url.as_deref(),
            firebase: FirebaseClaim {
                identities: Identities { email: [&account.email] },
                sign_in_provider: "password",
            },
        })?;
        Ok(SignIn { account, id_token, refresh_token: refresh_token.into_secret() })
    }
}
