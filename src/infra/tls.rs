//! TLS in the server itself, for machines without a proxy in front: `[server.tls]`.
//!
//! TLS 1.2 and 1.3 by rustls with aws-lc-rs, and HTTP/1.1 only. Programs gain little from HTTP/2, whose streams let one
//! client keep a server busy beyond the limit on connections. A proxy in front can offer it.
//!
//! SIGHUP reads the files again. Later handshakes get the new certificate; open connections continue. If the new files
//! are unusable, the current certificate stays: a bad renewal must not stop a working server.

use crate::base::config::Tls;
use crate::infra::process::private_file;
use crate::infra::telemetry::Metrics;
use crate::infra::telemetry::metrics::Kind;
use parking_lot::RwLock;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, ServerConfig};
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The certificate that handshakes get.
pub struct Certificate {
    files: Tls,
    provider: Arc<CryptoProvider>,
    /// Read once per handshake, written by a reload.
    current: RwLock<Arc<CertifiedKey>>,
    reloaded: AtomicU64,
    failed: AtomicU64,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// A message for the operator: the unusable file, and the reason.
    pub fn load(files: &Tls) -> Result<Arc<Self>, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = RwLock::new(Arc::new(read(files, &provider)?));
        let (reloaded, failed) = Default::default();
        Ok(Arc::new(Self { files: files.clone(), provider, current, reloaded, failed }))
    }

    /// Returns the configuration for a listener.
    ///
    /// # Errors
    /// None with the built-in provider.
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, String> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(builder.with_no_client_auth().with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>))
    }

    /// Reads the files again, and logs the result. Unusable files change nothing.
    pub fn reload(&self) {
        let file = self.files.certificate.display();
        match read(&self.files, &self.provider) {
            Ok(new) => {
                *self.current.write() = Arc::new(new);
                self.reloaded.fetch_add(1, Relaxed);
                tracing::info!(certificate = %file, "reloaded the certificate");
            }
            Err(error) => {
                self.failed.fetch_add(1, Relaxed);
                tracing::error!(certificate = %file, error, "the certificate is not reloaded, the one before stays");
            }
        }
    }

    /// Registers the number of reloads by outcome.
    pub fn register_metrics(self: &Arc<Self>, metrics: &Metrics) {
        let certificate = Arc::clone(self);
        metrics.register(
            Kind::Counter,
            "certificate_reloads",
            "Reloads of the certificate, by SIGHUP",
            move |readings| {
                readings.set(&[("outcome", "done")], certificate.reloaded.load(Relaxed));
                readings.set(&[("outcome", "failed")], certificate.failed.load(Relaxed));
            },
        );
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read()))
    }
}

/// Omits the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.files.certificate).finish()
    }
}

fn read(files: &Tls, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let about = |name: &str, path: &Path, what: &str| format!("server.tls.{name}: {}: {what}", path.display());
    let (certificate, key) = (&files.certificate, &files.key);
    let public = std::fs::read(certificate).map_err(|error| about("certificate", certificate, &error.to_string()))?;
    let mut private = Vec::new();
    private_file::open(key)
        .and_then(|mut file| file.read_to_end(&mut private))
        .map_err(|error| about("key", key, &error.to_string()))?;

    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&public).collect();
    let chain = chain.map_err(|error| about("certificate", certificate, &format!("is not PEM: {error}")))?;
    if chain.is_empty() {
        return Err(about("certificate", certificate, "has no certificate in PEM"));
    }
    // The error could quote the file.
    let private_key = PrivateKeyDer::from_pem_slice(&private)
        .map_err(|_| about("key", key, "has no private key in PEM, or an encrypted one"))?;
    CertifiedKey::from_der(chain, private_key, provider).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            about("key", key, &format!("is not the key of the first certificate in {}", certificate.display()))
        }
        Error::InvalidCertificate(_) => about("certificate", certificate, &error.to_string()),
        _ => about("key", key, &error.to_string()),
    })
}
