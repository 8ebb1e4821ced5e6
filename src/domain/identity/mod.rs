//! Identity: the built-in identity provider, and the verification of ID tokens of all issuers.
//!
//! The way of a token: [`IdentityService::verify`] picks a configured issuer by the token's `iss` (`tokens::issuer`)
//! and takes its key: from the own keys (`signing::key_ring`), or from the issuer's published keys (`tokens::jwk`,
//! whose claims `tokens::oidc` normalizes). It checks the token by one set of rules (`tokens::token`) and returns the
//! user.
//!
//! The way of a sign-in: `api::identity::firebase` (the REST API of Firebase Auth for Firebase's SDK) or `docs_token`
//! (OAuth 2 for the Swagger UI) calls `provider::built_in`, which verifies the password (`provider::password`) of the
//! account (`provider::accounts`) and signs the token. `firebase_account` calls `provider::self_service` for users'
//! operations on their own accounts, with mailed codes (`provider::mailed_codes`), whose links lead to a page of
//! `api::identity::pages`. An invitation's link leads to another page there, which signs users up or in by
//! `invitations::accept_mailed`. `well_known` publishes the keys. The signing keys are encrypted by
//! `signing::master_secret`.
//!
//! No guard stands before these writes. A sign-in checks the password's hash, a refresh the account, an own change the
//! token or code, each under the account's lock in the transaction that writes. A sign-up writes a new account.
//! Failed sign-ins and signing keys are written in the background, for no caller.

pub mod provider;
mod sign_in_events;
pub(in crate::domain) mod sign_up;
pub mod signing;
pub mod tokens;

pub use provider::{Account, OperatorsAccounts, PasswordLink, Session, keep_sessions, user_named};
pub use sign_in_events::{SignInEvent, SignInEventWriter, SignInEvents};
pub(in crate::domain) use signing::{KeyRing, MasterSecrets};
pub use signing::{rotate_master_secret, rotate_signing_key};

use crate::base::config::{Config, SessionSettings, SignUp};
use crate::base::error::{ApiError, Code};
use crate::base::input::email::TypedEmail;
use crate::base::sql::Conn;
use crate::base::time::{Clock, Timestamp};
use crate::domain::changes::Store;
use crate::domain::tenancy::{Profile, SignedInUser, User};
use crate::infra::mail::Mailer;
use crate::infra::telemetry::Metrics;
use crate::infra::telemetry::metrics::Kind;
use actix_web::web;
use jsonwebtoken::Algorithm;
use provider::{BuiltIn, FirebaseRefusal, SignedInAccount, TransactionAnswer};
use secrecy::{ExposeSecret, SecretString};
use std::borrow::Cow;
use std::sync::Arc;
use tokens::fault::TokenFault;
use tokens::header::{self, KeyId};
use tokens::{Claims, Expected, Issuer, token};
use tokio::sync::OnceCell;

/// The issuer of the built-in provider's users. It is not their tokens' `iss`, so that a change of `server.public_url`
/// keeps the users.
pub const BUILTIN_ISSUER: &str = "builtin";

/// Signs users in, and verifies ID tokens.
pub struct IdentityService {
    store: Store,
    clock: Clock,
    builtin: Option<BuiltIn>,
    issuers: Vec<Issuer>,
    sessions: SessionSettings,
    sign_up: SignUp,
    config: Config,
    /// The signing keys of a server without the built-in provider, which first opens them for a portal session.
    own_keys: OnceCell<KeyRing>,
}

impl IdentityService {
    /// Loads the built-in provider's keys, or creates the first one, and sets up the other issuers. Fetches nothing.
    ///
    /// # Errors
    /// A message for the operator: the master secret or the database can't be used.
    pub async fn start(
        config: &Config,
        clock: &Clock,
        store: &Store,
        mailer: &Mailer,
        sign_in_events: &SignInEvents,
    ) -> Result<Self, String> {
        let builtin = match config.identity.builtin {
            true => Some(BuiltIn::start(config, clock, store, mailer, sign_in_events).await?),
            false => None,
        };
        let issuers =
            config.identity.issuers.iter().map(|issuer| Issuer::new(issuer, config.identity.fetch_timeout)).collect();
        Ok(Self {
            store: store.clone(),
            clock: clock.clone(),
            builtin,
            issuers,
            sessions: config.identity.sessions,
            sign_up: config.identity.sign_up,
            config: config.clone(),
            own_keys: OnceCell::new(),
        })
    }

    /// Registers metrics of the password hashing and of sign-ins.
    pub fn register_metrics(&self, metrics: &Metrics) {
        let Some(load) = self.builtin.as_ref().map(|builtin| builtin.passwords.load()) else { return };
        let help = "Runs of Argon2 that go on, and that wait for one to end";
        metrics.register(Kind::Gauge, "password_hashes", help, move |readings| {
            let (running, waiting) = load();
            readings.set(&[("state", "running")], running as u64);
            readings.set(&[("state", "waiting")], waiting as u64);
        });
        let Some(builtin) = &self.builtin else { return };
        let work = builtin.passwords.work_done();
        let help = "Blocks of 1 KiB that Argon2 has computed";
        metrics.register(Kind::Counter, "password_hash_blocks", help, move |readings| readings.set(&[], work()));
        let counts = Arc::clone(&builtin.sign_in_counts);
        let help = "Sign-ins at the built-in provider, by their outcome";
        metrics.register(Kind::Counter, "sign_ins", help, move |readings| {
            counts.all().for_each(|(reason, count)| readings.set(&[("reason", reason)], count));
        });
    }

    /// Returns the user of an ID token from any configured issuer.
    ///
    /// # Errors
    /// `id_token_expired`; `invalid_id_token` for any other fault, with the same message; `insufficient_permission` for a
    /// new person whom `identity.sign_up` does not admit; `unavailable` when the issuer's keys or the database can't be
    /// reached.
    pub async fn verify(&self, token: &SecretString) -> Result<SignedInUser, ApiError> {
        let verified = self.authenticate(&self.clock, token).await?;
        let (now, settings) = (self.clock.now(), self.sessions);
        let known = move |conn: &mut Conn| {
            let user = verified.user(conn, (&settings, now), SignedInAccount::find, User::unchanged)?;
            Ok((user, verified))
        };
        match self.store.reader().read(known).await? {
            (Some(user), _) => Ok(user),
            (None, verified) => self.store_user(verified, now).await,
        }
    }

    /// Writes what a token says anew. The transaction checks the account and the session again, under their lock.
    async fn store_user(&self, verified: VerifiedToken, now: Timestamp) -> Result<SignedInUser, ApiError> {
        let (settings, sign_up) = (self.sessions, self.sign_up);
        let store = move |conn: &mut Conn| {
            let user_of = |conn: &mut Conn, profile: &Profile| {
                sign_up::check_profile(conn, sign_up, profile, now)?;
                User::of_profile(conn, profile, now).map(Some)
            };
            let user = verified.user(conn, (&settings, now), SignedInAccount::lock, user_of)?;
            user.ok_or_else(|| Code::InvalidIdToken.into())
        };
        self.store.for_all_tenants().write(store).await
    }

    /// True when the built-in provider has an account with the address.
    ///
    /// # Errors
    /// Database errors.
    pub async fn has_account(&self, email: &str) -> Result<bool, ApiError> {
        let email = TypedEmail::of_stored(email);
        self.store.for_all_tenants().read(move |conn| Ok(Account::named(conn, &email)?.is_some())).await
    }

    /// Creates an account of the built-in provider for the operator, and returns its user.
    ///
    /// # Errors
    /// `validation_failed` for a taken or invalid address or a rejected password, or a database error.
    pub async fn create_account(
        &self,
        email: &str,
        password: &SecretString,
        email_verified: bool,
    ) -> Result<Profile, ApiError> {
        let account = self.builtin()?.create_account(email, password.clone(), email_verified).await;
        account.map(|account| account.profile()).map_err(|refusal| match refusal {
            FirebaseRefusal::Firebase(error) => ApiError::with_message(Code::ValidationFailed, error.to_string()),
            FirebaseRefusal::Api(error) => error,
        })
    }

    /// Returns the installation's own signing keys: those of the built-in provider, which has them open.
    ///
    /// # Errors
    /// `unavailable` when the master secret or the database can't be used.
    pub(in crate::domain) async fn signing_keys(&self) -> Result<&KeyRing, ApiError> {
        if let Some(builtin) = &self.builtin {
            return Ok(&builtin.keys);
        }
        let open = async || {
            let settings = self.config.identity.clone();
            let secrets =
                web::block(move || MasterSecrets::load(&settings)).await.map_err(|error| error.to_string())??;
            KeyRing::open(&self.clock, self.store.db(), secrets).await
        };
        self.own_keys.get_or_try_init(open).await.map_err(|reason: String| ApiError::unavailable_because(reason))
    }

    /// Returns the built-in provider, or `not_found` when it is off.
    pub(crate) fn builtin(&self) -> Result<&BuiltIn, ApiError> {
        self.builtin.as_ref().ok_or_else(ApiError::not_found)
    }

    /// Verifies a token without reading its account or user.
    pub(crate) async fn authenticate(&self, clock: &Clock, token: &SecretString) -> Result<VerifiedToken, ApiError> {
        let token = token.expose_secret();
        let named = header::issuer_of(token)?;
        if let Some(builtin) = self.builtin.as_ref().filter(|builtin| builtin.issuer == named) {
            let header = header::header_of(token, &[Algorithm::RS256], KeyId::Required)?;
            let key = builtin.keys.find(&header.key_id.unwrap_or_default()).await?;
            let claims = token::open(token, &key)?;
            let expected = Expected {
                issuer: &builtin.issuer,
                audience: &builtin.project_id,
                subject_limit: token::FIREBASE_SUBJECT_LIMIT,
            };
            claims.check(&expected, clock.now())?;
            claims.ensure_unexpired(clock.now())?;
            return Ok(VerifiedToken::BuiltIn(claims));
        }
        let issuer = self.issuers.iter().find(|issuer| issuer.name == named);
        let issuer = issuer.ok_or_else(|| TokenFault::new("iss: is no configured issuer"))?;
        let claims = issuer.verify(token, clock).await?;
        let expires_at = claims.exp;
        Ok(VerifiedToken::Other { profile: claims.into_profile(issuer.name.clone()), expires_at })
    }
}

/// A token with a valid signature and valid claims.
pub(crate) enum VerifiedToken {
    /// The account must still be checked.
    BuiltIn(Claims),
    /// Needs no further check.
    Other {
        profile: Profile,
        /// In seconds since 1970.
        expires_at: i64,
    },
}

impl VerifiedToken {
    /// Returns the user whom the token signs in; `None` where `user_of` finds none.
    ///
    /// What is known of the user is the account's row at the built-in provider, since the token may be an hour old. Of
    /// another issuer's user it is the token.
    ///
    /// # Errors
    /// `invalid_id_token` where the account no longer accepts the token, the session has ended or the user is disabled.
    fn user(
        &self,
        conn: &mut Conn,
        (settings, now): (&SessionSettings, Timestamp),
        account_of: impl FnOnce(&mut Conn, &Claims, &SessionSettings, Timestamp) -> TransactionAnswer<SignedInAccount>,
        user_of: impl FnOnce(&mut Conn, &Profile) -> Result<Option<User>, ApiError>,
    ) -> Result<Option<SignedInUser>, ApiError> {
        let (profile, signed_in_at, session, expires_at) = match self {
            Self::BuiltIn(claims) => {
                let found = account_of(conn, claims, settings, now)?;
                let ended =
                    |_| TokenFault::new("session: has ended, or the account does not accept the token any more");
                let SignedInAccount { account, session } = found.map_err(ended)?;
                let ends_at = session.as_ref().map_or(claims.exp, |session| session.ends_at(settings).seconds());
                let session = session.map(|session| session.id);
                (Cow::Owned(account.profile()), Some(claims.auth_time), session, claims.exp.min(ends_at))
            }
            Self::Other { profile, expires_at } => (Cow::Borrowed(profile), None, None, *expires_at),
        };
        let Some(user) = user_of(conn, &profile)? else { return Ok(None) };
        if !user.status().can_act() {
            return Err(TokenFault::new("sub: the user is disabled").into());
        }
        Ok(Some(SignedInUser::new(user, signed_in_at, session, expires_at)))
    }
}
