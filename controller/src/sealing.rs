//! Secrets that came with submissions, at rest: AES-256-GCM under the key of the controllers.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use common::s3_login::{S3Access, S3Login, Sealed};
use prost::Message;
use proto::v1;

use crate::error::Error;

/// Length of the key's file.
const KEY_BYTES: usize = 32;

/// What is sealed is of no use elsewhere.
const PURPOSE: &[u8] = b"spindle s3 login";

/// Seals and opens. Its `Debug` tells nothing.
#[derive(Clone)]
pub struct Sealer(Arc<RandomizedNonceKey>);

/// Why something cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// This controller has no key.
    #[error("the login to S3 is sealed, and this controller has no --sealing-key")]
    NoKey,
    /// Another key sealed it, or it was tampered with.
    #[error("the login to S3 was sealed with another key")]
    OtherKey,
}

impl Sealer {
    /// Reads the key.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, or has another length than 32 bytes.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let key = fs::read(file).map_err(Error::file(file))?;
        let made = match key.len() {
            KEY_BYTES => RandomizedNonceKey::new(&AES_256_GCM, &key).ok(),
            _ => None,
        };
        let wrong = || std::io::Error::other(format!("not a key of {KEY_BYTES} bytes"));
        let key = made.ok_or_else(wrong).map_err(Error::file(file))?;
        Ok(Self(Arc::new(key)))
    }

    /// Reads the key, which is made when it is missing.
    ///
    /// # Errors
    /// As [`Self::read`], or if it cannot be made.
    pub fn read_or_make(file: &Path) -> Result<Self, Error> {
        if !file.exists() {
            let mut key = [0; KEY_BYTES];
            let no_chance = |_| std::io::Error::other("no random bytes");
            rand::fill(&mut key)
                .map_err(no_chance)
                .map_err(Error::file(file))?;
            let partial = file.with_extension("partial");
            let mut options = OpenOptions::new();
            let opened = options
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&partial);
            opened
                .and_then(|mut out| out.write_all(&key).and_then(|()| out.sync_all()))
                .and_then(|()| fs::rename(&partial, file))
                .map_err(Error::file(file))?;
        }
        Self::read(file)
    }

    /// Seals a login.
    pub fn seal(&self, login: &S3Login) -> Sealed {
        let mut bytes = v1::S3Login::from(login).encode_to_vec();
        let sealed = self
            .0
            .seal_in_place_append_tag(Aad::from(PURPOSE), &mut bytes);
        let nonce = sealed.expect("a login is shorter than what one nonce seals");
        Sealed([&nonce.as_ref()[..], &bytes].concat())
    }

    /// Opens a login.
    ///
    /// # Errors
    /// [`SealError::OtherKey`].
    pub fn open(&self, sealed: &Sealed) -> Result<S3Login, SealError> {
        let (nonce, bytes) = sealed
            .0
            .split_at_checked(NONCE_LEN)
            .ok_or(SealError::OtherKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::OtherKey)?;
        let mut bytes = bytes.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(PURPOSE), &mut bytes);
        let opened = opened.map_err(|_| SealError::OtherKey)?;
        let login = v1::S3Login::decode(&*opened).ok();
        login
            .and_then(|login| login.try_into().ok())
            .ok_or(SealError::OtherKey)
    }
}

/// Returns the login of an access, if it is not the servers' own.
///
/// # Errors
/// [`SealError`] if it cannot be opened.
pub fn login(sealer: Option<&Sealer>, access: &S3Access) -> Result<Option<S3Login>, SealError> {
    match access {
        S3Access::Own => Ok(None),
        S3Access::Given(login) => Ok(Some(login.clone())),
        S3Access::Sealed(sealed) => {
            let sealer = sealer.ok_or(SealError::NoKey)?;
            sealer.open(sealed).map(Some)
        }
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[key]")
    }
}

#[cfg(test)]
mod tests {
    use common::secret::Secret;

    use super::*;

    fn login_of(secret: &str) -> S3Login {
        S3Login {
            access_key: "name".into(),
            secret_key: Secret::new(secret),
            session_token: None,
            endpoint: None,
            region: None,
        }
    }

    #[test]
    fn what_is_sealed_hides_the_secret_and_opens_with_the_same_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let sealer = Sealer::read_or_make(&one).unwrap();
        let sealed = sealer.seal(&login_of("hunter2"));
        assert!(!sealed.0.windows(7).any(|bytes| bytes == b"hunter2"));
        let again = Sealer::read_or_make(&one).unwrap();
        assert_eq!(again.open(&sealed), Ok(login_of("hunter2")));
        let stranger = Sealer::read_or_make(&other).unwrap();
        assert_eq!(stranger.open(&sealed), Err(SealError::OtherKey));
        for at in 0..sealed.0.len() {
            let mut forged = sealed.clone();
            forged.0[at] ^= 1;
            assert_eq!(sealer.open(&forged), Err(SealError::OtherKey));
        }
        assert_eq!(sealer.open(&Sealed(vec![1])), Err(SealError::OtherKey));
        let access = S3Access::Sealed(sealed);
        assert_eq!(login(None, &access), Err(SealError::NoKey));
        assert_eq!(login(None, &S3Access::Own), Ok(None));
    }

    #[test]
    fn a_key_is_its_owners_and_a_broken_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        Sealer::read_or_make(&file).unwrap();
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&file, "short").unwrap();
        assert!(Sealer::read_or_make(&file).is_err());
    }
}
