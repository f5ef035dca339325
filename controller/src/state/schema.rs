//! The two numbers of a store: its schema version and the epoch of the last leader.

use common::ids::Epoch;

use super::{Compare, Outcome, StateStore, StoreError, Transaction, Write, keys};

/// Checks that this program can read the store; marks a new one.
///
/// # Errors
/// [`StoreError::Newer`] if a newer program wrote it.
pub fn check(store: &mut dyn StateStore) -> Result<(), StoreError> {
    let Some(value) = store.get(keys::SCHEMA)? else {
        let version = keys::SCHEMA_VERSION.to_string().into_bytes();
        let key = keys::SCHEMA.to_vec();
        let mark = Transaction {
            compares: vec![Compare::Absent(key.clone())],
            writes: vec![Write::Put(key, version)],
        };
        return store.commit(&[mark]).map(|_| ());
    };
    let found = number(keys::SCHEMA, &value)? as u32;
    super::records::check_schema(keys::SCHEMA, found)
}

/// Takes the next epoch: higher than that of every leader before.
///
/// # Errors
/// [`StoreError`] if the store failed.
pub fn next_epoch(store: &mut dyn StateStore) -> Result<Epoch, StoreError> {
    loop {
        let key = keys::EPOCH.to_vec();
        let (compare, last) = match store.get(keys::EPOCH)? {
            None => (Compare::Absent(key.clone()), 0),
            Some(value) => {
                let last = number(keys::EPOCH, &value)?;
                (Compare::Equal(key.clone(), value), last)
            }
        };
        let next = Epoch(last + 1);
        let take = Transaction {
            compares: vec![compare],
            writes: vec![Write::Put(key, epoch_value(next))],
        };
        if store.commit(&[take])? == [Outcome::Committed] {
            return Ok(next);
        }
    }
}

/// Returns the compare that fences a leader's writes: no later one may have come.
pub fn fence(epoch: Epoch) -> Compare {
    Compare::Leads(epoch)
}

/// Returns the number of a leadership as it is stored.
pub(crate) fn epoch_value(epoch: Epoch) -> Vec<u8> {
    epoch.0.to_string().into_bytes()
}

fn number(key: &[u8], value: &[u8]) -> Result<u64, StoreError> {
    let text = std::str::from_utf8(value).ok();
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or_else(|| StoreError::damaged(key, "not a number"))
}
