//! Passwords: Argon2id, off the reactor, and no more of it at once than the machine can bear.

use super::firebase_error::FirebaseError;
use super::firebase_error::Refusal;
use crate::config::Identity;
use crate::error::ApiError;
use actix_web::web;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The most characters of a password.
const LENGTH_LIMIT: usize = 4096;

/// Checks a new password's length.
pub(super) fn check_strength(password: &SecretString) -> Result<(), FirebaseError> {
    match password.expose_secret().chars().count() {
        0..6 => Err(FirebaseError::WeakPassword("Password should be at least 6 characters")),
        6..=LENGTH_LIMIT => Ok(()),
        _ => Err(FirebaseError::WeakPassword("Password should be at most 4096 characters")),
    }
}

/// Hashes passwords, and checks them against hashes.
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    /// One permit for each run at once.
    running: Arc<Semaphore>,
    /// One permit for each run at once and for each that waits.
    admitted: Arc<Semaphore>,
    /// What an unknown address's password is checked against, so that the answer takes as long as for a known one.
    dummy: SecretString,
}

impl Passwords {
    /// With the configured cost and bounds. Runs Argon2 once.
    pub(super) fn new(config: &Identity) -> Result<Self, String> {
        let settings = config.argon2;
        let params = Params::new(settings.memory_kib, settings.iterations, settings.parallelism, None)
            .map_err(|error| format!("identity.argon2: {error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let at_once = match config.max_concurrent_hashes {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count.min(Semaphore::MAX_PERMITS),
        };
        let admitted = at_once.saturating_add(config.max_queued_hashes).min(Semaphore::MAX_PERMITS);
        let dummy = hash(&argon2, &format!("{:032x}", rand::random::<u128>()).into())
            .map_err(|error| format!("identity.argon2: {error}"))?;
        Ok(Self {
            argon2,
            running: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(admitted)),
            dummy,
        })
    }

    /// The hash of a new password, as a PHC string.
    pub(super) async fn hash(&self, password: SecretString) -> Result<SecretString, Refusal> {
        self.run(move |argon2| hash(&argon2, &password)).await
    }

    /// Whether the password is the one of the hash. Without a hash it is not, after the same work.
    pub(super) async fn verify(&self, password: SecretString, hash: Option<SecretString>) -> Result<bool, Refusal> {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.dummy.clone());
        let matches = self
            .run(move |argon2| {
                let hash = PasswordHash::new(hash.expose_secret())?;
                match argon2.verify_password(password.expose_secret().as_bytes(), &hash) {
                    Ok(()) => Ok(true),
                    Err(Error::PasswordInvalid) => Ok(false),
                    Err(error) => Err(error),
                }
            })
            .await?;
        Ok(matches && is_known)
    }

    async fn run<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        F: FnOnce(Argon2<'static>) -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        let admitted =
            Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| FirebaseError::TooManyAttemptsTryLater)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(ApiError::internal)?;
        let argon2 = self.argon2.clone();
        let outcome = web::block(move || {
            // Held by the work itself: a caller who goes away does not make room for another run.
            let _permits = (admitted, running);
            work(argon2)
        });
        Ok(outcome.await.map_err(ApiError::internal)?.map_err(|error| ApiError::internal(error.to_string()))?)
    }
}

fn hash(argon2: &Argon2<'_>, password: &SecretString) -> Result<SecretString, Error> {
    let hash: PasswordHash = argon2.hash_password(password.expose_secret().as_bytes())?;
    Ok(hash.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_six_to_4096_characters_long() {
        let check = |password: String| check_strength(&password.into()).is_ok();
        assert!(!check("12345".into()) && check("123456".into()) && check("ééöü€𝄞".into()));
        assert!(check("x".repeat(4096)) && !check("x".repeat(4097)));
    }

    #[actix_web::test]
    async fn runs_beyond_the_bounds_are_turned_away() {
        let settings = serde_json::json!({
            "project_id": "app", "builtin": true, "issuers": [], "master_secret_file": "",
            "max_concurrent_hashes": 1, "max_queued_hashes": 1,
            "argon2": {"memory_kib": 8, "iterations": 1, "parallelism": 1},
        });
        let passwords = Passwords::new(&serde_json::from_value(settings).unwrap()).unwrap();
        let hash = passwords.hash("secret".into()).await.ok().unwrap();
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        let verify = |password: &'static str| passwords.verify(password.into(), Some(hash.clone()));
        // One run at once and one that waits: while neither can begin, a third finds no room.
        let held = Arc::clone(&passwords.running).acquire_owned().await.unwrap();
        let refused = async {
            let answer = verify("secret").await;
            drop(held);
            answer
        };
        let (first, second, third) = futures_util::future::join3(verify("secret"), verify("Secret"), refused).await;
        assert!(first.ok().unwrap() && !second.ok().unwrap());
        assert!(matches!(third, Err(Refusal::Firebase(FirebaseError::TooManyAttemptsTryLater))));
        assert!(!passwords.verify("secret".into(), None).await.ok().unwrap());
        assert!(verify("secret").await.ok().unwrap(), "permits come back");
    }
}
