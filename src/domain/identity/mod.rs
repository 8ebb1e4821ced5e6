//! Who people are: the built-in identity provider, and the verification of ID tokens, its own and other issuers'.
//!
//! The way of a token: [`IdentityService::verify`] picks a configured [`issuer`] by the token's `iss`, takes the key
//! from it (its own [`key_ring`] of [`signing_keys`], or another's published [`jwks`], whose claims [`oidc`] normalizes), checks the [`token`] by one set of rules, and
//! returns the user.
//!
//! The way of a sign-in: [`firebase`] (the REST API of Firebase Auth, which Firebase's SDK speaks) or [`docs_token`]
//! (OAuth 2, which the Swagger UI speaks) calls [`builtin`], which checks the [`password`] against the [`accounts`]
//! and signs. [`firebase_account`] calls [`self_service`]: what people do with their own account, and the mailed
//! [`oob_codes`], whose links lead to the [`action_page`]. An invitation's link leads to the [`invitation_page`], which
//! signs people up or in by way of [`joining`]. [`well_known`] publishes the keys. The signing keys are sealed under the [`master_secret`].

mod failed_sign_ins;
pub mod provider;
pub mod signing;
pub mod tokens;

pub use failed_sign_ins::{FailedSignIn, FailedSignInWriter, FailedSignIns};
pub use provider::Account;
pub use signing::rotate_signing_key;

use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::time::Clock;
use crate::domain::changes::Store;
use crate::domain::tenancy::{Profile, User};
use crate::infra::mail::Mailer;
use crate::infra::telemetry::Metrics;
use crate::infra::telemetry::metrics::Kind;
use jsonwebtoken::Algorithm;
use provider::{BuiltIn, FirebaseRefusal};
use secrecy::{ExposeSecret, SecretString};
use tokens::{Claims, Expected, Issuer, token};

/// What users of the built-in provider have for an issuer. Not its `iss`, so that a change of `server.public_url` loses
/// nobody.
pub const BUILTIN_ISSUER: &str = "builtin";

/// Sign-in, and the verification of ID tokens.
pub struct IdentityService {
    store: Store,
    clock: Clock,
    builtin: Option<BuiltIn>,
    issuers: Vec<Issuer>,
}

impl IdentityService {
    /// Opens the built-in provider's keys, or makes them, and sets up the other issuers. Fetches nothing.
    ///
    /// # Errors
    /// A text for the operator: the master secret or the database can't be used.
    pub async fn start(
        config: &Config,
        clock: &Clock,
        store: &Store,
        mailer: &Mailer,
        failed_sign_ins: &FailedSignIns,
    ) -> Result<Self, String> {
        let builtin = match config.identity.builtin {
            true => Some(BuiltIn::start(config, clock, store, mailer, failed_sign_ins).await?),
            false => None,
        };
        let issuers =
            config.identity.issuers.iter().map(|issuer| Issuer::new(issuer, config.identity.fetch_timeout)).collect();
        Ok(Self { store: store.clone(), clock: clock.clone(), builtin, issuers })
    }

    /// Registers how busy the hashing of passwords is.
    pub fn register_metrics(&self, metrics: &Metrics) {
        let Some(load) = self.builtin.as_ref().map(|builtin| builtin.passwords.load()) else { return };
        let help = "Runs of Argon2 that go on, and that wait for one to end";
        metrics.register(Kind::Gauge, "password_hashes", help, move |readings| {
            let (running, waiting) = load();
            readings.set(&[("state", "running")], running as u64);
            readings.set(&[("state", "waiting")], waiting as u64);
        });
    }

    /// The user of an ID token, of whichever configured issuer.
    ///
    /// # Errors
    /// `id_token_expired`; `invalid_id_token` for whatever else is wrong with it, in the same words; `unavailable` when
    /// the issuer's keys or the database can't be reached.
    pub async fn verify(&self, token: &SecretString) -> Result<User, ApiError> {
        let verified = self.authenticate(&self.clock, token).await?;
        let now = self.clock.now();
        self.store
            .for_all_tenants()
            .read(move |conn| {
                let profile = match verified {
                    // The row is the truth: what the token says of the account may be an hour old.
                    VerifiedToken::BuiltIn(claims) => Account::find(conn, &claims.sub)?
                        .filter(|account| account.disabled_at.is_none() && account.honours(claims.auth_time))
                        .ok_or(Code::InvalidIdToken)?
                        .profile(),
                    VerifiedToken::Other { issuer, claims } => claims.into_profile(issuer),
                };
                let user = User::of_profile(conn, &profile, now)?;
                if user.disabled_at.is_some() { Err(Code::InvalidIdToken.into()) } else { Ok(user) }
            })
            .await
    }

    /// Whether the built-in provider has an account with that address.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn has_account(&self, email: &str) -> Result<bool, ApiError> {
        let email = email.to_lowercase();
        self.store.for_all_tenants().read(move |conn| Ok(Account::credentials(conn, &email)?.is_some())).await
    }

    /// Makes an account of the built-in provider, as the operator, and tells who its person is among the users.
    ///
    /// # Errors
    /// `validation_failed` when the address is taken or is none or the password is too short, or those of the database.
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

    /// The built-in provider.
    pub(crate) fn builtin(&self) -> Result<&BuiltIn, ApiError> {
        self.builtin.as_ref().ok_or_else(ApiError::not_found)
    }

    /// Verifies a token, up to what only a row can say.
    pub(crate) async fn authenticate(&self, clock: &Clock, token: &SecretString) -> Result<VerifiedToken, ApiError> {
        let token = token.expose_secret();
        let named = token::issuer_of(token)?;
        if let Some(builtin) = self.builtin.as_ref().filter(|builtin| builtin.issuer == named) {
            let (key_id, _) = token::header_of(token, &[Algorithm::RS256])?;
            let key = builtin.keys.find(&key_id).await?;
            let claims = token::open(token, &key)?;
            let expected = Expected {
                issuer: &builtin.issuer,
                audience: &builtin.project_id,
                subject_limit: token::FIREBASE_SUBJECT_LIMIT,
            };
            claims.check(&expected, clock.now())?;
            return Ok(VerifiedToken::BuiltIn(claims));
        }
        let issuer = self.issuers.iter().find(|issuer| issuer.name == named).ok_or(Code::InvalidIdToken)?;
        let claims = issuer.verify(token, clock).await?;
        Ok(VerifiedToken::Other { issuer: issuer.name.clone(), claims })
    }
}

/// A token whose signature and claims are good.
pub(crate) enum VerifiedToken {
    /// Its account must still be looked at.
    BuiltIn(Claims),
    /// Its issuer is the only one to ask.
    Other {
        /// The issuer's name.
        issuer: String,
        /// What it says.
        claims: Claims,
    },
}
