//! Who reaches a genome's places in S3.

use std::fmt;

use crate::secret::Secret;

/// Who reaches a genome's places in S3.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum S3Access {
    /// Controllers and workers themselves, as their environment says.
    #[default]
    Own,
    /// Whoever submitted it.
    Given(S3Login),
    /// The same; only a controller can open it.
    Sealed(Sealed),
}

/// A login that came with a submission. Its `Debug` tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Login {
    /// Name of the key.
    pub access_key: String,
    /// The key.
    pub secret_key: Secret,
    /// Goes with a key that expires.
    pub session_token: Option<Secret>,
    /// The server; `None`: that of the environment.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: Option<String>,
}

/// Something sealed. Its `Debug` tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for S3Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[login]")
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sealed]")
    }
}
