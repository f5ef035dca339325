//! What was acknowledged survives power loss; what was not is whole or gone.

use std::io;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use redb::StorageBackend;

use crate::state::embedded::Embedded;
use crate::state::{Outcome, StateStore, Transaction, Write};

/// A medium that forgets what was not synced, and loses power after a number of writes.
#[derive(Debug, Clone, Default)]
struct Medium(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    seen: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Change>,
    /// Writes and syncs until the power goes; `None`: it stays.
    left: Option<u32>,
}

#[derive(Debug, Clone)]
enum Change {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Length(length) => to.resize(*length, 0),
            Self::Bytes(offset, bytes) => {
                let end = offset + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*offset..end].copy_from_slice(bytes);
            }
        }
    }
}

impl Contents {
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        self.spend()?;
        change.apply(&mut self.seen);
        self.unsynced.push(change);
        Ok(())
    }
}

impl Medium {
    /// What is found after the power comes back: each unsynced change is there if `kept` says so.
    fn after_power_loss(&self, mut kept: impl FnMut() -> bool) -> Self {
        let contents = self.0.lock().unwrap();
        let mut found = contents.synced.clone();
        for change in &contents.unsynced {
            if kept() {
                change.apply(&mut found);
            }
        }
        Self(Arc::new(Mutex::new(Contents {
            seen: found.clone(),
            synced: found,
            ..Contents::default()
        })))
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let contents = self.0.lock().unwrap();
        let start = offset as usize;
        let bytes = contents.seen.get(start..start + out.len());
        let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let change = Change::Length(len as usize);
        self.0.lock().unwrap().change(change)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut contents = self.0.lock().unwrap();
        contents.spend()?;
        let unsynced = std::mem::take(&mut contents.unsynced);
        for change in unsynced {
            change.apply(&mut contents.synced);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let change = Change::Bytes(offset as usize, data.to_vec());
        self.0.lock().unwrap().change(change)
    }
}

fn key(name: &str, number: u32) -> Vec<u8> {
    format!("{name}/{number}").into_bytes()
}

/// Two records that must be there together.
fn pair(number: u32) -> Transaction {
    let value = number.to_le_bytes().repeat(300);
    Transaction {
        compares: vec![],
        writes: vec![
            Write::Put(key("left", number), value.clone()),
            Write::Put(key("right", number), value),
        ],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn acknowledged_records_survive_and_no_transaction_is_torn(
        power in 0_u32..120,
        groups in prop::collection::vec(1_usize..4, 1..8),
        kept in prop::collection::vec(any::<bool>(), 64),
    ) {
        let medium = Medium::default();
        let mut store = Embedded::on(medium.clone()).unwrap();
        medium.0.lock().unwrap().left = Some(power);
        let mut tried = 0;
        let mut acknowledged = 0;
        for size in groups {
            let group: Vec<_> = (tried..).take(size).map(pair).collect();
            tried += size as u32;
            match store.commit(&group) {
                Ok(outcomes) => prop_assert!(outcomes.iter().all(|o| *o == Outcome::Committed)),
                Err(_) => break,
            }
            acknowledged = tried;
        }
        let mut kept = kept.into_iter().cycle();
        let found = medium.after_power_loss(|| kept.next().unwrap_or(false));
        drop(store);
        let store = Embedded::on(found).unwrap();
        for number in 0..tried {
            let left = store.get(&key("left", number)).unwrap();
            let right = store.get(&key("right", number)).unwrap();
            prop_assert_eq!(&left, &right, "torn");
            let whole = Some(number.to_le_bytes().repeat(300));
            prop_assert!(left == whole || (left.is_none() && number >= acknowledged), "{} lost", number);
        }
    }
}
