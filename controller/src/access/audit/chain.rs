//! What makes tampering show: each line's HMAC covers the HMAC of the line before.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use common::ids::Sha256;
use hmac::{Hmac, Mac};

use super::super::secret_file;
use super::{Entry, Line};

/// The secret of a log: who does not have it cannot make a line that fits.
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The end of a log. Noted elsewhere, it shows whether lines are gone from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of the last line.
    pub number: u64,
    /// Its HMAC.
    pub mac: Sha256,
}

/// The first line that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("audit log: line {line}: {reason}")]
pub struct Broken {
    /// From 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

impl Key {
    /// Reads a key.
    ///
    /// # Errors
    /// If the file is no key.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        let bits: Sha256 = text.trim().parse().map_err(io::Error::other)?;
        Ok(Self(bits.0))
    }

    /// Reads a key, or makes one that only its owner can read.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn read_or_make(path: &Path) -> io::Result<Self> {
        secret_file::read_or_make(path)?;
        Self::read(path)
    }

    /// Returns the HMAC of an entry after the line with this HMAC.
    pub(super) fn mac(&self, before: &Sha256, entry: &Entry) -> io::Result<Sha256> {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.0).map_err(io::Error::other)?;
        mac.update(&before.0);
        mac.update(&serde_json::to_vec(entry)?);
        Ok(Sha256(mac.finalize().into_bytes().into()))
    }
}

/// Checks a whole log and returns its head; `known` is a line that it must have.
///
/// # Errors
/// [`Broken`] names the first line that does not fit.
pub fn verify(log: &[u8], key: &Key, known: Option<Head>) -> Result<Head, Broken> {
    let mut head = Head::default();
    let mut is_known = known.is_none_or(|known| known == head);
    let whole = log.strip_suffix(b"\n");
    let lines = whole.unwrap_or(log).split(|byte| *byte == b'\n');
    let lines = lines.filter(|_| !log.is_empty());
    for (line, text) in (1..).zip(lines) {
        let broken = |reason: &str| Broken {
            line,
            reason: reason.to_owned(),
        };
        let Line { entry, mac } =
            serde_json::from_slice(text).map_err(|error| broken(&error.to_string()))?;
        if entry.number != line {
            return Err(broken(&format!("has the number {}", entry.number)));
        }
        let expected = key
            .mac(&head.mac, &entry)
            .map_err(|error| broken(&error.to_string()))?;
        if mac != expected.to_string() {
            return Err(broken("was not written after the line before it"));
        }
        head = Head {
            number: line,
            mac: expected,
        };
        is_known |= known == Some(head);
    }
    let broken = |line, reason: &str| Broken {
        line,
        reason: reason.to_owned(),
    };
    match known {
        _ if whole.is_none() && !log.is_empty() => Err(broken(head.number, "has no end")),
        Some(known) if !is_known => Err(broken(known.number, "is not the one that is known")),
        _ => Ok(head),
    }
}
