//! The master secrets: 32 bytes each that encrypt the signing keys, so that a copy of the database alone can't sign.
//!
//! They come from the configuration, or from a file that the first start creates with one of them. Nodes on one database
//! share them. There are two while one replaces the other: the first encrypts, and all decrypt.

use crate::base::config::Identity;
use crate::base::text::bytes_of_hex;
use crate::infra::process::private_file;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use data_encoding::HEXLOWER;
use secrecy::{ExposeSecret, SecretString};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Encrypts and decrypts by the master secrets, which can't be read back.
pub(crate) struct MasterSecrets {
    /// Encrypts.
    first: RandomizedNonceKey,
    /// Those that it replaces. They only decrypt.
    former: Vec<RandomizedNonceKey>,
}

impl MasterSecrets {
    /// Loads the configured secrets, or those of the file. Creates a missing file.
    pub(crate) fn load(config: &Identity) -> Result<Self, String> {
        match &config.master_secret {
            Some(secrets) => Self::from_hex(secrets.iter()),
            None => Self::from_hex(read_or_create(&config.master_secret_file)?.iter()),
        }
    }

    /// Like [`MasterSecrets::load`], but creates no file: a new secret could not decrypt existing keys.
    pub(crate) fn load_existing(config: &Identity) -> Result<Self, String> {
        let path = &config.master_secret_file;
        if config.master_secret.is_none() && !path.exists() {
            return Err(format!(
                "identity.master_secret_file {}: there is no such file. Run this where a node runs, with its configuration",
                path.display()
            ));
        }
        Self::load(config)
    }

    fn from_hex<'s>(secrets: impl Iterator<Item = &'s SecretString>) -> Result<Self, String> {
        let key = |hex: &SecretString| RandomizedNonceKey::new(&AES_256_GCM, &bytes_of_hex(hex.expose_secret())?).ok();
        let keys: Option<Vec<_>> = secrets.map(key).collect();
        let mut keys = keys.ok_or("the master secret must be 32 bytes in hex")?.into_iter();
        let first = keys.next().ok_or("there is no master secret")?;
        Ok(Self { first, former: keys.collect() })
    }

    /// True when there is another secret beside the one that encrypts.
    pub(crate) fn has_former(&self) -> bool {
        !self.former.is_empty()
    }

    /// Encrypts `plaintext` by the first secret, bound to `context`. Returns nonce, ciphertext and tag.
    pub(crate) fn seal(&self, context: &str, plaintext: &[u8]) -> Result<Vec<u8>, String> {
        let mut sealed = plaintext.to_vec();
        let nonce = self
            .first
            .seal_in_place_append_tag(Aad::from(context), &mut sealed)
            .map_err(|_| "the signing key can't be sealed".to_owned())?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Decrypts; `None` for other secrets or another context.
    pub(crate) fn open(&self, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        std::iter::once(&self.first).chain(&self.former).find_map(|key| open(key, context, sealed))
    }

    /// True when the first secret decrypts it.
    pub(crate) fn is_sealed_by_first(&self, context: &str, sealed: &[u8]) -> bool {
        open(&self.first, context, sealed).is_some()
    }
}

fn open(key: &RandomizedNonceKey, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN)?;
    let mut plaintext = ciphertext.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let length = key.open_in_place(nonce, Aad::from(context), &mut plaintext).ok()?.len();
    plaintext.truncate(length);
    Some(plaintext)
}

fn read_or_create(path: &Path) -> Result<Vec<SecretString>, String> {
    let explain = |error: std::io::Error| format!("identity.master_secret_file {}: {error}", path.display());
    let file = match private_file::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create(path).map_err(explain)?;
            private_file::open(path)
        }
        other => other,
    };
    read(file.map_err(explain)?, path)
}

/// Creates the file with a new secret, unless another process has created it.
///
/// The secret is first written under another name, so that no process can read a partial file.
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| std::io::Error::other("no randomness"))?;
    let hex = HEXLOWER.encode(&bytes);
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{:016x}", ::rand::random::<u64>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = writeln!(file, "{hex}").and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Reads one secret from each line.
fn read(mut file: File, path: &Path) -> Result<Vec<SecretString>, String> {
    let path = path.display();
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| format!("identity.master_secret_file {path}: {error}"))?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() || lines.iter().any(|hex| bytes_of_hex(hex).is_none()) {
        return Err(format!(
            "identity.master_secret_file {path}: each line must hold 32 bytes in hex, as `openssl rand -hex 32` prints"
        ));
    }
    Ok(lines.into_iter().map(SecretString::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    fn secret(byte: &str) -> MasterSecrets {
        secrets(&[byte])
    }

    fn secrets(bytes: &[&str]) -> MasterSecrets {
        let hex: Vec<SecretString> = bytes.iter().map(|byte| byte.repeat(32).into()).collect();
        MasterSecrets::from_hex(hex.iter()).unwrap()
    }

    #[test]
    fn the_first_secret_seals_and_each_one_opens() {
        let both = secrets(&["0b", "0a"]);
        assert!(both.has_former() && !secret("0b").has_former());
        let (old, new) = (secret("0a").seal("key-1", b"private").unwrap(), both.seal("key-1", b"private").unwrap());
        assert_eq!(both.open("key-1", &old).unwrap(), b"private");
        assert_eq!(secret("0b").open("key-1", &new).unwrap(), b"private");
        assert!(secret("0a").open("key-1", &new).is_none() && both.open("key-2", &old).is_none());
        assert!(both.is_sealed_by_first("key-1", &new) && !both.is_sealed_by_first("key-1", &old));
    }

    #[test]
    fn only_the_same_secret_and_context_open_what_was_sealed() {
        let sealed = secret("0a").seal("key-1", b"private").unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"private"));
        assert_eq!(secret("0a").open("key-1", &sealed).unwrap(), b"private");
        assert!(secret("0b").open("key-1", &sealed).is_none());
        assert!(secret("0a").open("key-2", &sealed).is_none());
        assert!(secret("0a").open("key-1", &sealed[..sealed.len() - 1]).is_none());
        assert!(secret("0a").open("key-1", b"short").is_none());
        assert_ne!(sealed, secret("0a").seal("key-1", b"private").unwrap(), "each sealing has its own nonce");
    }

    #[test]
    fn a_secret_is_64_hexadecimal_digits() {
        assert!(MasterSecrets::from_hex([&"aB".repeat(32).into()].into_iter()).is_ok());
        assert!(MasterSecrets::from_hex(std::iter::empty()).is_err());
        for bad in ["+1".repeat(32), "ab".repeat(31), "ab".repeat(33), "a".repeat(63), "é".repeat(32)] {
            assert!(MasterSecrets::from_hex([&bad.as_str().into()].into_iter()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_file_is_made_once_by_whoever_is_first_and_only_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data/master.key");
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| read_or_create(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()[0].expose_secret().to_owned()).collect()
        });
        assert!(secrets.iter().all(|secret| secret == &secrets[0] && bytes_of_hex(secret).is_some()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft stays behind");
    }

    #[test]
    fn a_file_that_others_can_read_or_that_holds_something_else_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        fs::write(&path, "ab".repeat(32)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_or_create(&path).unwrap_err().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_or_create(&path).unwrap()[0].expose_secret(), "ab".repeat(32));
        fs::write(&path, format!("{}\n{}\n\n", "cd".repeat(32), "ab".repeat(32))).unwrap();
        let two: Vec<String> =
            read_or_create(&path).unwrap().iter().map(|one| one.expose_secret().to_owned()).collect();
        assert_eq!(two, ["cd".repeat(32), "ab".repeat(32)]);
        for bad in ["not a secret", "", "\n", &format!("{}\nnot a secret", "ab".repeat(32))] {
            fs::write(&path, bad).unwrap();
            let error = read_or_create(&path).unwrap_err();
            assert!(error.contains("32 bytes in hex") && !error.contains("not a secret"), "{error}");
        }
    }
}
