//! [`Files`]: a certificate and its key, as `[server.tls]` names them.

use super::environment;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The files that a configuration names.
pub struct Files {
    directory: TempDir,
}

/// A certificate for `localhost` that stands for itself, and its key.
pub fn issue() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate")
}

impl Files {
    pub fn new(pair: &CertifiedKey<KeyPair>) -> Self {
        let files = Self { directory: TempDir::new_in(environment::directory()).expect("a directory") };
        files.write(pair);
        files
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.directory.path().join("key.pem")
    }

    pub fn write(&self, pair: &CertifiedKey<KeyPair>) {
        fs::write(self.certificate(), pair.cert.pem()).expect("written");
        fs::write(self.key(), pair.signing_key.serialize_pem()).expect("written");
        self.let_read_key(0o600);
    }

    /// Sets the mode of the key's file.
    pub fn let_read_key(&self, mode: u32) {
        fs::set_permissions(self.key(), fs::Permissions::from_mode(mode)).expect("the mode");
    }

    pub fn configuration(&self) -> String {
        format!("[server.tls]\ncertificate = {:?}\nkey = {:?}\n", self.certificate(), self.key())
    }
}
