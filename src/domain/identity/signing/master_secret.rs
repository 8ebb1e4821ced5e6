//! The master secret: 32 bytes that encrypt the signing keys, so that a copy of the database alone can't sign.
//!
//! It comes from the configuration, or from a file that the first start creates. Nodes on one database share it.

use crate::base::config::Identity;
use crate::base::text::bytes_of_hex;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use data_encoding::HEXLOWER;
use secrecy::{ExposeSecret, SecretString};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Encrypts and decrypts by the master secret, which can't be read back.
pub(crate) struct MasterSecret(RandomizedNonceKey);

impl MasterSecret {
    /// Loads the configured secret, or that of the file. Creates a missing file.
    pub(crate) fn load(config: &Identity) -> Result<Self, String> {
        match &config.master_secret {
            Some(secret) => Self::from_hex(secret),
            None => Self::from_hex(&read_or_create(&config.master_secret_file)?),
        }
    }

    /// Like [`MasterSecret::load`], but creates no file: a new secret could not decrypt existing keys.
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

    fn from_hex(hex: &SecretString) -> Result<Self, String> {
        let key =
            bytes_of_hex(hex.expose_secret()).and_then(|bytes| RandomizedNonceKey::new(&AES_256_GCM, &bytes).ok());
        key.map(Self).ok_or_else(|| "the master secret must be 32 bytes in hex".to_owned())
    }

    /// Encrypts `plaintext`, bound to `context`. Returns nonce, ciphertext and tag.
    pub(crate) fn seal(&self, context: &str, plaintext: &[u8]) -> Result<Vec<u8>, String> {
        let mut sealed = plaintext.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(context), &mut sealed)
            .map_err(|_| "the signing key can't be sealed".to_owned())?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Decrypts; `None` for another secret or context.
    pub(crate) fn open(&self, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN)?;
        let mut plaintext = ciphertext.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let length = self.0.open_in_place(nonce, Aad::from(context), &mut plaintext).ok()?.len();
        plaintext.truncate(length);
        Some(plaintext)
    }
}

fn read_or_create(path: &Path) -> Result<SecretString, String> {
    let explain = |error: std::io::Error| format!("identity.master_secret_file {}: {error}", path.display());
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create(path).map_err(explain)?;
            File::open(path)
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

fn read(mut file: File, path: &Path) -> Result<SecretString, String> {
    let path = path.display();
    let explain = |error: std::io::Error| format!("identity.master_secret_file {path}: {error}");
    let mode = file.metadata().map_err(explain)?.mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "identity.master_secret_file {path}: others than its owner may read it (mode {:04o}). Run: chmod 600 {path}",
            mode & 0o7777
        ));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(explain)?;
    let hex = text.trim();
    if bytes_of_hex(hex).is_none() {
        return Err(format!(
            "identity.master_secret_file {path}: must hold 32 bytes in hex, as `openssl rand -hex 32` prints"
        ));
    }
    Ok(hex.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn secret(byte: &str) -> MasterSecret {
        MasterSecret::from_hex(&byte.repeat(32).into()).unwrap()
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
        assert!(MasterSecret::from_hex(&"aB".repeat(32).into()).is_ok());
        for bad in ["+1".repeat(32), "ab".repeat(31), "ab".repeat(33), "a".repeat(63), "é".repeat(32)] {
            assert!(MasterSecret::from_hex(&bad.as_str().into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_file_is_made_once_by_whoever_is_first_and_only_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data/master.key");
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| read_or_create(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().expose_secret().to_owned()).collect()
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
        assert_eq!(read_or_create(&path).unwrap().expose_secret(), "ab".repeat(32));
        fs::write(&path, "not a secret").unwrap();
        let error = read_or_create(&path).unwrap_err();
        assert!(error.contains("32 bytes in hex") && !error.contains("not a secret"), "{error}");
    }
}
