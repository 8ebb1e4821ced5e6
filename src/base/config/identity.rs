//! `[identity]`: the issuers of ID tokens, and the costs and limits of sign-ins.

use super::trusted_page::web_page;
use super::{IssuerSettings, Secret, SecretAndFormer, duration};
use crate::base::text::bytes_of_hex;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// `[identity]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The audience of the built-in provider's tokens.
    pub project_id: String,
    /// Whether the built-in provider is on.
    pub builtin: bool,
    /// Who may become a user without the operator.
    pub sign_up: SignUp,
    /// The page where people sign in, to which the pages of mailed links lead; `None`: they lead nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_url: Option<String>,
    /// Other issuers whose tokens are accepted.
    pub issuers: Vec<IssuerSettings>,
    /// The secret that seals the signing keys, 32 bytes in hex, and former ones behind it that still open them. It takes
    /// precedence over the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_secret: Option<Secret<SecretAndFormer>>,
    /// The file with the same secrets, one a line. The first start makes it if it is missing.
    pub master_secret_file: PathBuf,
    /// The most Argon2 runs at once; 0: one for each core.
    pub max_concurrent_hashes: usize,
    /// The most sign-ins that wait for an Argon2 run.
    pub max_queued_hashes: usize,
    pub argon2: Argon2Settings,
    /// The fewest characters of a new password.
    pub min_password_length: usize,
    /// Words of the product, of which a password must not be made.
    pub password_context_words: Vec<String>,
    /// A file of breached passwords, which are refused: sorted lines of SHA-1 in hex, as Pwned Passwords publishes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breached_passwords: Option<PathBuf>,
    /// How long a fetch of an issuer's keys may take.
    #[serde(with = "duration")]
    pub fetch_timeout: Duration,
    pub limits: AttemptLimitSettings,
    pub sessions: SessionSettings,
}

impl Identity {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.project_id.is_empty() || self.project_id.contains('/') {
            return Err("identity.project_id: must not be empty or contain /".into());
        }
        if let Some(url) = &self.sign_in_url
            && web_page(url).is_none()
        {
            return Err(format!(
                "identity.sign_in_url: {url:?} must be an address such as https://app.example.com/sign-in"
            ));
        }
        if !self.builtin && self.issuers.is_empty() {
            return Err("identity: with builtin = false, issuers must name at least one".into());
        }
        if let Some(secrets) = &self.master_secret
            && (secrets.is_empty() || secrets.iter().any(|secret| bytes_of_hex(secret.expose_secret()).is_none()))
        {
            return Err(
                "identity.master_secret: must be 32 bytes in hex, as `openssl rand -hex 32` prints, or a list of \
                 such secrets"
                    .into(),
            );
        }
        argon2::Params::new(self.argon2.memory_kib, self.argon2.iterations, self.argon2.parallelism, None)
            .map_err(|error| format!("identity.argon2: {error}"))?;
        if !(6..=64).contains(&self.min_password_length) {
            return Err(format!(
                "identity.min_password_length: {} must be 6 to 64: Firebase's least, and what everybody may use",
                self.min_password_length
            ));
        }
        if self.fetch_timeout.is_zero() {
            return Err("identity.fetch_timeout: must be more than 0".into());
        }
        self.limits.check()?;
        self.sessions.check()?;
        for (place, issuer) in self.issuers.iter().enumerate() {
            issuer.check()?;
            if self.issuers[..place].iter().any(|other| other.name() == issuer.name()) {
                return Err(format!("identity.issuers: {} is there twice", issuer.name()));
            }
        }
        Ok(())
    }
}

/// Who may become a user: at the built-in provider by a sign-up, at another issuer by the first ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignUp {
    /// Anyone.
    Open,
    /// Those whose address has a pending invitation. At another issuer, the address must be verified.
    Invited,
    /// Only those whom the operator makes an account (`keyward user create`), and those who are users already.
    Closed,
}

/// `[identity.limits]`: limits on failed sign-ins and on sign-ups.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptLimitSettings {
    /// The most failed sign-ins to one account from one client address, in a window.
    pub failures_per_account_and_address: u32,
    /// The most failed sign-ins to one account from anywhere; addresses that its owner used before are exempt.
    pub failures_per_account: u32,
    /// The most failed sign-ins from one client address, to any account.
    pub failures_per_address: u32,
    /// The most sign-ups from one client address.
    pub sign_ups_per_address: u32,
    /// How long an exhausted limit takes to refill, at an even rate.
    #[serde(with = "duration")]
    pub window: Duration,
}

impl AttemptLimitSettings {
    fn check(&self) -> Result<(), String> {
        let counts = [
            self.failures_per_account_and_address,
            self.failures_per_account,
            self.failures_per_address,
            self.sign_ups_per_address,
        ];
        if counts.contains(&0) || self.window.is_zero() {
            return Err("identity.limits: every limit and the window must be more than 0".into());
        }
        Ok(())
    }
}

/// The shortest idle lifetime: an ID token's. Clients use their refresh token once in that time.
const MIN_IDLE_LIFETIME: Duration = Duration::from_secs(3600);
/// The longest grace for a replaced refresh token.
const MAX_REUSE_GRACE: Duration = Duration::from_secs(3600);

/// `[identity.sessions]`: how long sign-ins at the built-in provider last.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// How long a session lasts without a refresh of its tokens.
    #[serde(with = "duration")]
    pub idle_lifetime: Duration,
    /// How long a session lasts at most, from its sign-in.
    #[serde(with = "duration")]
    pub absolute_lifetime: Duration,
    /// How long a refresh token that was replaced still gets the same successor, for retries and other tabs. After
    /// that, its use ends the session.
    #[serde(with = "duration")]
    pub reuse_grace: Duration,
}

impl SessionSettings {
    fn check(&self) -> Result<(), String> {
        if self.idle_lifetime < MIN_IDLE_LIFETIME {
            return Err("identity.sessions.idle_lifetime: must be at least 1h, as long as an ID token lasts".into());
        }
        if self.absolute_lifetime < self.idle_lifetime {
            return Err("identity.sessions.absolute_lifetime: must be at least idle_lifetime".into());
        }
        if self.reuse_grace > MAX_REUSE_GRACE {
            return Err("identity.sessions.reuse_grace: must be at most 1h".into());
        }
        Ok(())
    }
}

/// `identity.argon2`: the cost of a password's hash.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argon2Settings {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}
