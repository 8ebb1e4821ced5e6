//! Passwords: Argon2id on blocking threads, with a limit on parallel runs.
//!
//! [`rules`] and [`breached`] refuse bad new passwords. [`work`] makes refusals equally long.

mod breached;
pub(super) mod costs;
mod rules;
mod work;

pub(crate) use rules::Person;

use super::firebase_error::FirebaseError;
use super::firebase_error::FirebaseRefusal;
use crate::base::config::Identity;
use crate::base::error::ApiError;
use crate::infra::telemetry::traces;
use actix_web::web;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use breached::BreachedPasswords;
use rules::Rules;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tracing::Instrument;
use work::Work;

/// The result of verifying a password.
pub(crate) struct PasswordCheck {
    pub(crate) is_right: bool,
    /// For a right password, its hash with the current parameters, if the stored hash has others.
    pub(crate) rehashed: Option<SecretString>,
}

/// Hashes and verifies passwords.
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// One permit for each parallel run.
    running: Arc<Semaphore>,
    /// One permit for each parallel run and each waiting one.
    admitted: Arc<Semaphore>,
    /// The initial numbers of permits of `running` and `admitted`.
    bounds: (usize, usize),
    /// Verified instead for an unknown address, so that the answer takes as long as for a known one.
    dummy: SecretString,
    work: Work,
    rules: Rules,
    breached: Option<BreachedPasswords>,
}

impl Passwords {
    pub(crate) fn new(config: &Identity) -> Result<Self, String> {
        let settings = config.argon2;
        let params = Params::new(settings.memory_kib, settings.iterations, settings.parallelism, None)
            .map_err(|error| format!("identity.argon2: {error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let at_once = match config.max_concurrent_hashes {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count.min(Semaphore::MAX_PERMITS),
        };
        let admitted = at_once.saturating_add(config.max_queued_hashes).min(Semaphore::MAX_PERMITS);
        let dummy = dummy_hash(&params).map_err(|error| format!("identity.argon2: {error}"))?;
        Ok(Self {
            argon2,
            running: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(admitted)),
            bounds: (at_once, admitted),
            dummy,
            work: Work::new(&params),
            rules: Rules::new(
                config.min_password_length,
                config.password_context_words.iter().map(String::as_str).chain([config.project_id.as_str()]),
            ),
            breached: config.breached_passwords.as_deref().map(BreachedPasswords::open).transpose()?,
        })
    }

    /// Returns a hash that no password has.
    pub(super) fn unusable_hash(&self) -> Result<SecretString, String> {
        dummy_hash(self.argon2.params()).map_err(|error| error.to_string())
    }

    /// Returns a function that reads the numbers of running and of waiting Argon2 runs.
    pub(crate) fn load(&self) -> impl Fn() -> (usize, usize) + Send + Sync + 'static {
        let (running, admitted, bounds) = (Arc::clone(&self.running), Arc::clone(&self.admitted), self.bounds);
        move || {
            let running = bounds.0.saturating_sub(running.available_permits());
            (running, bounds.1.saturating_sub(admitted.available_permits()).saturating_sub(running))
        }
    }

    /// Returns a function that reads how many blocks of 1 KiB Argon2 has computed.
    pub(crate) fn work_done(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        self.work.done()
    }

    /// Returns the name of the current cost, as hashes have it.
    pub(super) fn cost(&self) -> String {
        let params = self.argon2.params();
        format!("m={},t={},p={}", params.m_cost(), params.t_cost(), params.p_cost())
    }

    /// Makes refusals as long as a run of this cost, named as [`Self::cost`] does.
    pub(super) fn learn_cost(&self, cost: &str) {
        let numbers: Option<Vec<u32>> = ["m=", "t=", "p="]
            .iter()
            .zip(cost.split(','))
            .map(|(name, field)| field.strip_prefix(name)?.parse().ok())
            .collect();
        if let Some([m, t, p]) = numbers.as_deref()
            && let Ok(params) = Params::new(*m, *t, *p, None)
        {
            self.work.raise_to(&params);
        }
    }

    /// Checks that a new password is acceptable for its person, but not whether it is a breached one.
    pub(crate) fn check_strength(&self, person: Person<'_>, password: &SecretString) -> Result<(), FirebaseError> {
        self.rules.check(person, password.expose_secret())
    }

    /// [`Self::check_strength`], and refuses a breached password.
    pub(crate) async fn check_new(&self, person: Person<'_>, password: &SecretString) -> Result<(), FirebaseRefusal> {
        self.check_strength(person, password)?;
        let Some(breached) = self.breached.clone() else { return Ok(()) };
        let password = password.clone();
        let lookup = web::block(move || breached.contain(password.expose_secret()));
        match lookup.await.map_err(ApiError::internal)? {
            Ok(false) => Ok(()),
            Ok(true) => {
                Err(FirebaseError::WeakPassword("Password is known from a data breach. Choose another one").into())
            }
            Err(error) => {
                tracing::error!(%error, "the file of breached passwords can't be read");
                Err(ApiError::unavailable_because("the file of breached passwords can't be read").into())
            }
        }
    }

    /// Hashes a new password to a PHC string.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<SecretString, FirebaseRefusal> {
        let work = self.work.clone();
        let hash = move |argon2: Argon2<'static>| {
            work.count(argon2.params());
            hash(&argon2, &password)
        };
        self.run(hash).instrument(traces::wait("argon2")).await
    }

    /// Verifies a password against a hash. A wrong password, and one without a hash, cost the same work, whatever the
    /// hash's cost.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        stored: Option<SecretString>,
    ) -> Result<PasswordCheck, FirebaseRefusal> {
        let is_known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.dummy.clone());
        let work = self.work.clone();
        self.run(move |argon2| {
            let parsed = PasswordHash::new(stored.expose_secret())?;
            let is_right = match argon2.verify_password(password.expose_secret().as_bytes(), &parsed) {
                Ok(()) => is_known,
                Err(Error::PasswordInvalid) => false,
                Err(error) => return Err(error),
            };
            let done = Params::try_from(&parsed).map_or(0, |params| work.count(&params));
            if !is_right {
                work.fill_up(done)?;
            }
            let is_current = is_made_by(&argon2, &parsed);
            // Only after a right password, so that the time reveals no more than the answer.
            let rehashed = if is_right && !is_current {
                work.count(argon2.params());
                Some(hash(&argon2, &password)?)
            } else {
                None
            };
            Ok(PasswordCheck { is_right, rehashed })
        })
        .instrument(traces::wait("argon2"))
        .await
    }

    async fn run<T, F>(&self, work: F) -> Result<T, FirebaseRefusal>
    where
        F: FnOnce(Argon2<'static>) -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        let admitted =
            Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| FirebaseError::TooManyAttemptsTryLater)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(ApiError::internal)?;
        let argon2 = self.argon2.clone();
        let outcome = web::block(move || {
            // Held by the work itself, so that a client that disconnects makes no room for another run.
            let _permits = (admitted, running);
            work(argon2)
        });
        Ok(outcome.await.map_err(ApiError::internal)?.map_err(|error| ApiError::internal(error.to_string()))?)
    }
}

/// True when the hash has the current algorithm and cost.
fn is_made_by(argon2: &Argon2<'_>, hash: &PasswordHash) -> bool {
    let params = argon2.params();
    let cost = Params::try_from(hash);
    let same_cost = cost.is_ok_and(|cost| {
        (cost.m_cost(), cost.t_cost(), cost.p_cost()) == (params.m_cost(), params.t_cost(), params.p_cost())
    });
    same_cost && hash.algorithm.as_str() == Algorithm::Argon2id.as_str() && hash.version == Some(Version::V0x13.into())
}

fn hash(argon2: &Argon2<'_>, password: &SecretString) -> Result<SecretString, Error> {
    let hash: PasswordHash = argon2.hash_password(password.expose_secret().as_bytes())?;
    Ok(hash.to_string().into())
}

/// Returns a hash that matches no password and costs as much to verify as the parameters say. It is the hash of a
/// random text with the least cost, relabeled with these parameters, so that start-up allocates no Argon2 memory.
fn dummy_hash(params: &Params) -> Result<SecretString, Error> {
    let least = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(Params::MIN_M_COST, 1, 1, None)?);
    let hash = hash(&least, &format!("{:032x}", rand::random::<u128>()).into())?;
    let named = |m: u32, t: u32, p: u32| format!("$m={m},t={t},p={p}$");
    let ours = named(params.m_cost(), params.t_cost(), params.p_cost());
    Ok(hash.expose_secret().replace(&named(Params::MIN_M_COST, 1, 1), &ours).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(memory_kib: u32, min_length: usize) -> Passwords {
        let settings = serde_json::json!({
            "project_id": "app", "builtin": true, "issuers": [], "master_secret_file": "",
            "max_concurrent_hashes": 1, "max_queued_hashes": 1,
            "argon2": {"memory_kib": memory_kib, "iterations": 1, "parallelism": 1}, "min_password_length": min_length,
            "password_context_words": [], "sign_up": "open",
            "fetch_timeout": "5s", "limits": {"failures_per_account_and_address": 1, "failures_per_account": 1,
                "failures_per_address": 1, "sign_ups_per_address": 1, "window": "1m"},
            "sessions": {"idle_lifetime": "30d", "absolute_lifetime": "180d", "reuse_grace": "30s"},
        });
        Passwords::new(&serde_json::from_value(settings).unwrap()).unwrap()
    }

    #[actix_web::test]
    async fn only_a_right_password_of_another_cost_is_hashed_anew() {
        let (old, new) = (passwords(8, 6), passwords(16, 6));
        let hash = old.hash("secret".into()).await.ok().unwrap();
        let verdict = async |passwords: &Passwords, word: &str, hash: &SecretString| {
            passwords.verify(word.into(), Some(hash.clone())).await.ok().unwrap()
        };
        assert!(verdict(&old, "secret", &hash).await.rehashed.is_none());
        let wrong = verdict(&new, "Secret", &hash).await;
        assert!(!wrong.is_right && wrong.rehashed.is_none());
        let rehashed = verdict(&new, "secret", &hash).await.rehashed.unwrap();
        assert!(rehashed.expose_secret().starts_with("$argon2id$v=19$m=16,t=1,p=1$"));
        let again = verdict(&new, "secret", &rehashed).await;
        assert!(again.is_right && again.rehashed.is_none());
    }

    #[actix_web::test]
    async fn an_unknown_addresss_password_costs_what_a_known_ones_does_and_is_never_right() {
        let passwords = passwords(64, 6);
        let known = passwords.hash("secret".into()).await.ok().unwrap();
        let (dummy, known) = (passwords.dummy.expose_secret(), known.expose_secret());
        assert!(dummy.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{dummy}");
        assert_eq!(dummy.len(), known.len());
        assert!(!passwords.verify("secret".into(), None).await.ok().unwrap().is_right);
    }

    #[actix_web::test]
    async fn every_refusal_costs_the_same_work_whatever_the_cost_of_the_hash() {
        let (cheap, costly) = (passwords(64, 6), passwords(1024, 6));
        let hashes = [cheap.hash("secret".into()).await.ok(), costly.hash("secret".into()).await.ok(), None];
        for known_beforehand in [true, false] {
            let passwords = passwords(256, 6);
            match known_beforehand {
                true => [cheap.cost(), costly.cost()].iter().for_each(|cost| passwords.learn_cost(cost)),
                // A hash that costs more than all known ones teaches its cost.
                false => _ = passwords.verify("Secret".into(), hashes[1].clone()).await.ok().unwrap(),
            }
            for hash in &hashes {
                let before = passwords.work_done()();
                assert!(!passwords.verify("Secret".into(), hash.clone()).await.ok().unwrap().is_right);
                assert_eq!(passwords.work_done()() - before, 1024, "{known_beforehand} {hash:?}");
            }
            let current = passwords.hash("secret".into()).await.ok();
            let before = passwords.work_done()();
            assert!(passwords.verify("secret".into(), current).await.ok().unwrap().is_right);
            assert_eq!(passwords.work_done()() - before, 256);
        }
    }

    #[actix_web::test]
    async fn runs_beyond_the_bounds_are_turned_away() {
        let passwords = passwords(8, 6);
        let hash = passwords.hash("secret".into()).await.ok().unwrap();
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        let verify = |password: &'static str| passwords.verify(password.into(), Some(hash.clone()));
        // One run and one that waits are allowed: while neither can begin, a third is rejected.
        let held = Arc::clone(&passwords.running).acquire_owned().await.unwrap();
        let refused = async {
            let answer = verify("secret").await;
            drop(held);
            answer
        };
        let (first, second, third) = futures_util::future::join3(verify("secret"), verify("Secret"), refused).await;
        assert!(first.ok().unwrap().is_right && !second.ok().unwrap().is_right);
        assert!(matches!(third, Err(FirebaseRefusal::Firebase(FirebaseError::TooManyAttemptsTryLater))));
        assert!(!passwords.verify("secret".into(), None).await.ok().unwrap().is_right);
        assert!(verify("secret").await.ok().unwrap().is_right, "permits come back");
    }
}
