//! Records each sign-in and each refused one: one log line, one count, and an event for the account's organizations.

use super::built_in::BuiltIn;
use super::firebase_error::{FirebaseError, FirebaseRefusal};
use crate::base::input::email::TypedEmail;
use crate::domain::identity::SignInEvent;
use crate::infra::request::RequestContext;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes of an address's hash in the log.
const HASH_BYTES: usize = 16;

/// How a sign-in ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignInReason {
    /// The person is signed in.
    Success,
    /// The address has an account, and the password is not its password.
    WrongPassword,
    /// The address has no account.
    UnknownAddress,
    /// The text is no e-mail address.
    InvalidAddress,
    /// The password is right, and the account is disabled.
    Disabled,
    /// A limit on guessing was reached; nothing was checked.
    TooManyAttempts,
    /// Too many passwords are being checked at once; nothing was checked.
    Overloaded,
    /// The database or another part failed.
    Unavailable,
}

/// The reasons' texts in logs, events and metrics, in the order of [`SignInReason`].
const TEXTS: [&str; 8] = [
    "success",
    "wrong_password",
    "unknown_address",
    "invalid_address",
    "disabled",
    "too_many_attempts",
    "overloaded",
    "unavailable",
];

/// Counts of sign-ins by reason, since the start.
#[derive(Debug, Default)]
pub(crate) struct SignInCounts([AtomicU64; TEXTS.len()]);

impl SignInCounts {
    /// Returns each reason with its count.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        TEXTS.into_iter().zip(&self.0).map(|(reason, count)| (reason, count.load(Ordering::Relaxed)))
    }

    fn add(&self, reason: SignInReason) {
        if let Some(count) = self.0.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl SignInReason {
    fn as_str(self) -> &'static str {
        TEXTS.get(self as usize).copied().unwrap_or_default()
    }

    /// Returns the reason of an outcome after the limits on guessing.
    pub(super) fn of<T>(account_id: Option<&str>, outcome: &Result<T, FirebaseRefusal>) -> Self {
        match outcome {
            Ok(_) => Self::Success,
            Err(FirebaseRefusal::Firebase(FirebaseError::InvalidLoginCredentials)) => match account_id {
                Some(_) => Self::WrongPassword,
                None => Self::UnknownAddress,
            },
            Err(FirebaseRefusal::Firebase(FirebaseError::UserDisabled)) => Self::Disabled,
            Err(FirebaseRefusal::Firebase(FirebaseError::TooManyAttemptsTryLater)) => Self::Overloaded,
            Err(_) => Self::Unavailable,
        }
    }
}

impl BuiltIn {
    /// Records a sign-in. The log has the address's hash, and only if the address has no known account.
    pub(super) fn record_sign_in(&self, email: Option<&TypedEmail>, account_id: Option<String>, reason: SignInReason) {
        self.sign_in_counts.add(reason);
        let request = RequestContext::origin();
        let address = request.as_ref().and_then(|request| request.address()).map(tracing::field::display);
        let email_hash = email.filter(|_| account_id.is_none()).map(|email| hash_of(&email.limit_key()));
        let (account, reason_text) = (account_id.as_deref(), reason.as_str());
        match reason {
            SignInReason::Success => tracing::info!(account, address, reason = reason_text, "signed in"),
            _ => tracing::info!(account, email_hash, address, reason = reason_text, "sign-in refused"),
        }
        if let Some(account_id) = account_id {
            let succeeded = reason == SignInReason::Success;
            let at = self.clock.now();
            self.sign_in_events.enqueue(SignInEvent { account_id, succeeded, reason: reason_text, request, at });
        }
    }
}

/// Returns the first half of an address's SHA-256 in hex.
fn hash_of(email: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(email)[..HASH_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_text_and_its_count() {
        let counts = SignInCounts::default();
        for (reason, text) in [
            (SignInReason::Success, "success"),
            (SignInReason::WrongPassword, "wrong_password"),
            (SignInReason::UnknownAddress, "unknown_address"),
            (SignInReason::InvalidAddress, "invalid_address"),
            (SignInReason::Disabled, "disabled"),
            (SignInReason::TooManyAttempts, "too_many_attempts"),
            (SignInReason::Overloaded, "overloaded"),
            (SignInReason::Unavailable, "unavailable"),
        ] {
            counts.add(reason);
            assert_eq!(reason.as_str(), text);
            assert!(counts.all().any(|counted| counted == (text, 1)), "{text}");
        }
    }
}
