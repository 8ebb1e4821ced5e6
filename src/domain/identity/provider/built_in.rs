//! [`BuiltIn`]: the built-in identity provider: sign-up, sign-in, refresh and lookup of accounts.

use super::accounts::Account;
use super::attempt_limits::{Attempt, AttemptLimits};
use super::firebase_error::{FirebaseError, FirebaseRefusal};
use super::password::{PasswordCheck, Passwords, Person, costs};
use super::refresh_tokens::RefreshToken;
use super::sessions::{ContinuedSession, RefreshOutcome, Session, SignedInAccount};
use super::sign_in_record::{SignInCounts, SignInReason};
use crate::base::config::{Config, SignUp};
use crate::base::error::ApiError;
use crate::base::input::email::{Email, TypedEmail};
use crate::base::sql::Conn;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::domain::changes::{AccessChange, Store};
use crate::domain::identity::SignInEvents;
use crate::domain::identity::sign_up;
use crate::domain::identity::signing::KeyRing;
use crate::domain::identity::signing::MasterSecrets;
use crate::domain::identity::tokens::Claims;
use crate::infra::mail::Mailer;
use actix_web::web;
use secrecy::SecretString;
use std::net::IpAddr;
use std::sync::Arc;

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
    pub(crate) sign_in_events: SignInEvents,
    pub(crate) sign_in_counts: Arc<SignInCounts>,
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

/// The result of a verified password.
pub(crate) struct Checked {
    /// The account of the address.
    pub(crate) account_id: Option<String>,
    pub(crate) outcome: Result<RightPassword, FirebaseRefusal>,
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

impl BuiltIn {
    /// Loads the signing keys, or creates the first one.
    pub(crate) async fn start(
        config: &Config,
        clock: &Clock,
        store: &Store,
        mailer: &Mailer,
        sign_in_events: &SignInEvents,
    ) -> Result<Self, String> {
        let identity = config.identity.clone();
        let passwords = web::block(move || Passwords::new(&identity)).await.map_err(|error| error.to_string())??;
        let costs = costs::known(store, passwords.cost()).await;
        costs.map_err(|error| error.to_string())?.iter().for_each(|cost| passwords.learn_cost(cost));
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
            sign_in_events: sign_in_events.clone(),
            sign_in_counts: Arc::default(),
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
        let (mut account, hash) = self.prepare(&self.clock, Person { email, name: None }, password).await?;
        account.email_verified = email_verified;
        let stored =
            self.store.for_all_tenants().write(move |conn| Ok(account.insert(conn, &hash)?.then_some(account)));
        Ok(stored.await?.ok_or(FirebaseError::EmailExists)?)
    }

    /// Creates an account and signs in, if `identity.sign_up` admits the address.
    pub(crate) async fn sign_up(
        &self,
        address: Option<IpAddr>,
        email: &str,
        password: SecretString,
    ) -> Result<SignIn, FirebaseRefusal> {
        self.keys.keep_fresh().await;
        let person = Person { email, name: None };
        self.passwords.check_strength(person, &password)?;
        // Counts for taken addresses too, since each answer reveals whether an address is taken.
        if !self.limits.sign_up(address, self.clock.now()) {
            return Err(FirebaseError::TooManyAttemptsTryLater.into());
        }
        let (sign_up, now) = (self.config.identity.sign_up, self.clock.now());
        // A check before the costly hashing; the transaction checks again.
        if sign_up != SignUp::Open {
            let email: Email = email.parse().map_err(|_| FirebaseError::InvalidEmail)?;
            let admits = move |conn: &mut Conn| sign_up::admits(conn, sign_up, Some(email.as_str()), now);
            if !self.store.for_all_tenants().read(admits).await? {
                return Err(FirebaseError::AdminOnlyOperation.into());
            }
        }
        let (account, hash) = self.prepare(&self.clock, person, password).await?;
        let now = account.created_at;
        let stored = self.store.for_all_tenants().write(move |conn| {
            if !sign_up::admits(conn, sign_up, Some(&account.email), now)? {
                return Ok(Err(FirebaseError::AdminOnlyOperation));
            }
            if !account.insert(conn, &hash)? {
                return Ok(Err(FirebaseError::EmailExists));
            }
            let (session, token) = Session::start(conn, &account, now, now)?;
            Ok(Ok((account, session, token)))
        });
        let (account, session, token) = stored.await??;
        Ok(self.tokens(account, &session, token, now)?)
    }

    /// Returns a new account and its password hash. Both are validated and not yet stored.
    pub(crate) async fn prepare(
        &self,
        clock: &Clock,
        person: Person<'_>,
        password: SecretString,
    ) -> Result<(Account, SecretString), FirebaseRefusal> {
        let email: Email = person.email.parse().map_err(|_| FirebaseError::InvalidEmail)?;
        self.passwords.check_new(Person { email: email.as_str(), ..person }, &password).await?;
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
        let email: TypedEmail = email.parse().map_err(|_| {
            self.record_sign_in(None, None, SignInReason::InvalidAddress);
            FirebaseError::InvalidEmail
        })?;
        let attempt = self.begin_attempt(&email, address)?;
        let Checked { account_id, outcome } = self.check_password(email.clone(), password).await;
        let outcome = match outcome {
            Ok(checked) => self.open(checked).await,
            Err(refusal) => Err(refusal),
        };
        self.end_attempt(&email, account_id, attempt, &outcome);
        outcome
    }

    /// Counts an attempt to sign in, which counts as failed until [`Self::end_attempt`].
    ///
    /// # Errors
    /// `TooManyAttemptsTryLater` when a limit is reached.
    pub(crate) fn begin_attempt(&self, email: &TypedEmail, address: Option<IpAddr>) -> Result<Attempt, FirebaseError> {
        self.limits.sign_in(&email.limit_key(), address, self.clock.now()).ok_or_else(|| {
            self.record_sign_in(Some(email), None, SignInReason::TooManyAttempts);
            FirebaseError::TooManyAttemptsTryLater
        })
    }

    /// Counts an attempt by its outcome, and records it.
    pub(crate) fn end_attempt<T>(
        &self,
        email: &TypedEmail,
        account_id: Option<String>,
        attempt: Attempt,
        outcome: &Result<T, FirebaseRefusal>,
    ) {
        match outcome {
            Ok(_) => self.limits.succeed(attempt, self.clock.now()),
            // Only a wrong password is a failed attempt; a full queue or a failed database is not.
            Err(FirebaseRefusal::Firebase(FirebaseError::InvalidLoginCredentials)) => {}
            Err(_) => self.limits.give_back(attempt),
        }
        let reason = SignInReason::of(account_id.as_deref(), outcome);
        self.record_sign_in(Some(email), account_id, reason);
    }

    async fn open(&self, checked: RightPassword) -> Result<SignIn, FirebaseRefusal> {
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
    pub(crate) async fn check_password(&self, email: TypedEmail, password: SecretString) -> Checked {
        let found = match self.store.for_all_tenants().read(move |conn| Account::named(conn, &email)).await {
            Ok(found) => found,
            Err(error) => return Checked { account_id: None, outcome: Err(error.into()) },
        };
        let (account_id, hash) = found.map(|account| (account.id, account.password_hash)).unzip();
        let outcome = match self.passwords.verify(password, hash.clone()).await {
            Ok(PasswordCheck { is_right: true, rehashed }) => match (account_id.clone(), hash) {
                (Some(id), Some(hash)) => Ok(RightPassword { id, hash, rehashed }),
                _ => Err(FirebaseError::InvalidLoginCredentials.into()),
            },
            Ok(_) => Err(FirebaseError::InvalidLoginCredentials.into()),
            Err(refusal) => Err(refusal),
        };
        Checked { account_id, outcome }
    }

    /// Returns a new ID token and the next refresh token of a session. A replaced token ends its session.
    pub(crate) async fn refresh(&self, token: &SecretString) -> Result<SignIn, FirebaseRefusal> {
        self.keys.keep_fresh().await;
        let token = RefreshToken::parse(token).ok_or(FirebaseError::InvalidRefreshToken)?;
        let (settings, now) = (self.config.identity.sessions, self.clock.now());
        let store = self.store.for_all_tenants();
        let refreshed = store.clone().write(move |conn| Session::refresh(conn, token, &settings, now));
        match refreshed.await? {
            RefreshOutcome::Continued(continued) => {
                let ContinuedSession { account, session, token } = *continued;
                Ok(self.tokens(account, &session, token, now)?)
            }
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
}
