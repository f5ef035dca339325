//! The audit log: who changed what, and who read which output. A line of JSON each, chained by
//! HMAC-SHA256 (RFC 2104), so that a line that was changed, removed or moved is found.
//!
//! The line of a call is durable before the call is done.

mod chain;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use common::ids::Sha256;
use common::wire::status::refusal;
use serde::{Deserialize, Serialize};
use tonic::{Code, Status};

use super::Principal;
use chain::Key;
pub use chain::{Broken, Head, verify};

/// One line of the log, without what chains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// From 1, without a gap.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Who: name of a key, subject of a token, certificate.
    pub subject: String,
    /// Of which tenant; `*`: of all.
    pub tenant: String,
    /// In which role.
    pub role: String,
    /// Which call.
    pub action: String,
    /// Of what: ids, names of outputs.
    pub target: String,
}

/// A line as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    entry: Entry,
    /// HMAC over the one before and the entry.
    mac: String,
}

/// The log of one controller.
#[derive(Debug, Clone)]
pub struct Audit(Arc<Mutex<Log>>);

#[derive(Debug)]
struct Log {
    file: File,
    key: Key,
    head: Head,
    /// Set when a line could not be written: the log may end in a part of it.
    is_broken: bool,
}

impl Audit {
    /// Opens the log in a folder, and makes it and its key when they are missing.
    ///
    /// # Errors
    /// If it cannot be read or written, or its chain is broken.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let key = Key::read_or_make(&folder.join("audit.key"))?;
        let path = folder.join("audit.jsonl");
        let head = match fs::read(&path) {
            Ok(log) => verify(&log, &key, None).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Head::default(),
            Err(error) => return Err(error),
        };
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)?;
        tracing::info!(lines = head.number, head = %head.mac, "audit log is open");
        let log = Log {
            file,
            key,
            head,
            is_broken: false,
        };
        Ok(Self(Arc::new(Mutex::new(log))))
    }

    /// Writes a line; it is durable when this returns. Blocks for one write.
    ///
    /// # Errors
    /// `UNAVAILABLE`: what cannot be logged is not done.
    pub fn record(
        &self,
        principal: &Principal,
        action: &str,
        target: &str,
        at_ms: u64,
    ) -> Result<(), Status> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry {
            number: log.head.number + 1,
            at_ms,
            subject: principal.subject.clone(),
            tenant: principal
                .tenant
                .as_ref()
                .map_or("*", |tenant| tenant.as_str())
                .to_owned(),
            role: principal.role.to_string(),
            action: action.to_owned(),
            target: target.to_owned(),
        };
        log.append(entry).map_err(|error| {
            tracing::error!(%error, "the audit log cannot be written");
            let message = "the audit log cannot be written";
            refusal(Code::Unavailable, "AUDIT", message, None)
        })
    }
}

impl Log {
    fn append(&mut self, entry: Entry) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::other("an earlier line could not be written"));
        }
        let mac = self.key.mac(&self.head.mac, &entry)?;
        let number = entry.number;
        let line = Line {
            mac: mac.to_string(),
            entry,
        };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        self.is_broken = true;
        self.file.write_all(&text)?;
        self.file.sync_data()?;
        self.is_broken = false;
        self.head = Head { number, mac };
        Ok(())
    }
}

/// Reads log and key of a folder and checks the chain; `known` is a line that it must have.
///
/// # Errors
/// If one cannot be read, or with the first line that does not fit.
pub fn verify_folder(folder: &Path, known: Option<Head>) -> io::Result<Head> {
    let key = Key::read(&folder.join("audit.key"))?;
    let log = fs::read(folder.join("audit.jsonl"))?;
    verify(&log, &key, known).map_err(io::Error::other)
}

impl Default for Head {
    /// Of an empty log.
    fn default() -> Self {
        Self {
            number: 0,
            mac: Sha256([0; 32]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    fn principal() -> Principal {
        Principal {
            subject: "key:robot".to_owned(),
            tenant: None,
            role: Role::Submitter,
        }
    }

    fn written(folder: &Path) -> Vec<String> {
        let log = fs::read_to_string(folder.join("audit.jsonl")).unwrap();
        log.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_log_goes_on_where_it_was_and_verifies() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..2 {
            let audit = Audit::open(folder.path()).unwrap();
            audit
                .record(&principal(), "SubmitBatch", &format!("B{number}"), 5)
                .unwrap();
            audit
                .record(&principal(), "CancelWorkflow", "W", 6)
                .unwrap();
        }
        assert_eq!(verify_folder(folder.path(), None).unwrap().number, 4);
        assert_eq!(written(folder.path()).len(), 4);
    }

    #[test]
    fn whatever_was_changed_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(folder.path()).unwrap();
        for number in 0..4 {
            audit
                .record(&principal(), "SubmitBatch", &format!("B{number}"), 5)
                .unwrap();
        }
        let good = written(folder.path());
        let text = |lines: &[String]| {
            lines
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>()
        };
        let mut changed = good.clone();
        changed[1] = changed[1].replace("B1", "B7");
        let mut removed = good.clone();
        removed.remove(1);
        let mut swapped = good.clone();
        swapped.swap(1, 2);
        let mut twice = good.clone();
        twice.insert(1, good[1].clone());
        let mut cut = text(&good);
        cut.truncate(cut.len() - 5);
        let forged = [
            text(&changed),
            text(&removed),
            text(&swapped),
            text(&twice),
            cut,
        ];
        for forged in forged {
            fs::write(folder.path().join("audit.jsonl"), &forged).unwrap();
            let error = verify_folder(folder.path(), None).unwrap_err().to_string();
            assert!(error.contains("line "), "{error}");
            assert!(Audit::open(folder.path()).is_err());
        }
        // Lines that are gone from the end are found by the head that was noted elsewhere.
        fs::write(folder.path().join("audit.jsonl"), text(&good)).unwrap();
        let head = verify_folder(folder.path(), None).unwrap();
        assert_eq!(verify_folder(folder.path(), Some(head)).unwrap(), head);
        fs::write(folder.path().join("audit.jsonl"), text(&good[..3])).unwrap();
        assert_eq!(verify_folder(folder.path(), None).unwrap().number, 3);
        assert!(verify_folder(folder.path(), Some(head)).is_err());
    }

    #[test]
    fn another_key_does_not_verify() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(folder.path()).unwrap();
        audit.record(&principal(), "SubmitBatch", "B", 5).unwrap();
        fs::remove_file(folder.path().join("audit.key")).unwrap();
        Key::read_or_make(&folder.path().join("audit.key")).unwrap();
        assert!(verify_folder(folder.path(), None).is_err());
    }
}
