//! TLS for servers and clients; certificates are read again when their files change.

mod client;
mod server;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub use client::{ClientTls, TlsConnector};
pub use server::{ServerTls, TlsListener};

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Certificate and key do not fit, or the certificate is not usable.
    #[error("{path}: certificate and key cannot be used")]
    Certificate {
        /// The file of the certificate.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The authority cannot vouch for anybody.
    #[error("{path}: not the certificate of an authority: {reason}")]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A certificate with its key, by their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Certificates in PEM: its own first, then those that vouch for it.
    pub certificate: PathBuf,
    /// Its key in PEM.
    pub key: PathBuf,
}

type Chain = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Identity {
    fn read(&self) -> Result<Chain, TlsError> {
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(fault(&self.key))?;
        Ok((certificates(&self.certificate)?, key))
    }
}

/// Makes the one crypto library the default of this process; may be called again.
pub fn install_provider() {
    // An error means that it is installed already.
    let _ = aws_lc_rs::default_provider().install_default();
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = File::open(path).map_err(fault(path))?;
    let all = CertificateDer::pem_reader_iter(BufReader::new(file));
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(fault(path))?;
    match all.is_empty() {
        true => Err(fault(path)("no certificate in it")),
        false => Ok(all),
    }
}

fn authority(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store
            .add(certificate)
            .map_err(|error| TlsError::Authority {
                path: path.into(),
                reason: error.to_string(),
            })?;
    }
    Ok(store)
}

fn fault<E: ToString>(path: &Path) -> impl Fn(E) -> TlsError {
    move |error| TlsError::File {
        path: path.into(),
        reason: error.to_string(),
    }
}

/// When each file changed last; a file that is away has no time.
fn stamps(files: &[&Path]) -> Vec<Option<SystemTime>> {
    let changed = |path: &&Path| {
        std::fs::metadata(path)
            .and_then(|file| file.modified())
            .ok()
    };
    files.iter().map(changed).collect()
}
