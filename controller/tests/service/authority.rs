//! Authorities and certificates for tests.

use std::path::{Path, PathBuf};

use common::tls::Identity;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// An authority whose certificate is in a file.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The certificate.
    pub file: PathBuf,
}

impl Authority {
    /// Makes an authority.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Self { issuer, file }
    }

    /// Writes a certificate for this machine, and its key.
    pub fn vouch(&self, identity: &Identity) {
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(&identity.key, key.serialize_pem()).unwrap();
        std::fs::write(&identity.certificate, certificate.pem()).unwrap();
    }
}

/// Names the files of a certificate and its key.
pub fn identity(folder: &Path, name: &str) -> Identity {
    Identity {
        certificate: folder.join(format!("{name}-cert.pem")),
        key: folder.join(format!("{name}-key.pem")),
    }
}
