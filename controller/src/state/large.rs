//! Submissions that are too large for one transaction of the store. Their records are put aside in
//! parts, a small transaction makes them count, then the records take their places.
//!
//! Any controller may finish one that was interrupted after it counted, several at the same time too.

use common::ids::BatchId;
use prost::Message;

use super::records::{check_schema, decoded};
use super::{Compare, Outcome, Record, StateStore, StoreError, Transaction, Write};
use super::{journal, keys};

/// First word of submissions that count, and whose records may still be aside.
pub const SUBMITTED: &[u8] = b"submitted/";

/// Records of one part, and their bytes.
const PART_RECORDS: usize = 60;
const PART_BYTES: usize = 512 << 10;

/// Parts that are taken away together.
const DELETES_TOGETHER: usize = 100;

/// Records that are put aside.
#[derive(Clone, PartialEq, Message)]
struct StoredPart {
    #[prost(uint32, tag = "1")]
    schema_version: u32,
    #[prost(bytes = "vec", repeated, tag = "2")]
    keys: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    values: Vec<Vec<u8>>,
}

/// Makes a submission durable. Its first compare and write are those of its token, all others make
/// new records. `None`: the store does not take one of them.
///
/// # Errors
/// [`StoreError`] if the store failed: it counts or does not.
pub fn submit(
    store: &mut dyn StateStore,
    batch: &BatchId,
    transaction: &Transaction,
) -> Result<Option<Outcome>, StoreError> {
    let (Some(compare), Some((token, records))) = (
        transaction.compares.first(),
        transaction.writes.split_first(),
    ) else {
        return Ok(None);
    };
    let parts = pack(records);
    let asides: Vec<_> = parts
        .iter()
        .enumerate()
        .map(|(i, part)| aside(batch, i, part))
        .collect();
    if !asides.iter().all(|one| store.takes(one)) {
        return Ok(None);
    }
    for one in &asides {
        store.commit(std::slice::from_ref(one))?;
    }
    let count = Transaction {
        compares: vec![compare.clone()],
        writes: vec![token.clone(), Write::Put(submitted(batch), Vec::new())],
    };
    let outcome = store.commit(&[count])?.pop();
    match outcome {
        Some(Outcome::Committed) => finish(store, batch)?,
        _ => clear(store, batch)?,
    }
    Ok(outcome)
}

/// Finishes all submissions that count.
///
/// # Errors
/// [`StoreError`] if the store failed or a record is damaged.
pub fn finish_all(store: &mut dyn StateStore) -> Result<(), StoreError> {
    let mut batches = Vec::new();
    journal::for_each(store, SUBMITTED, |(key, _)| {
        let name = key.get(SUBMITTED.len()..).map(String::from_utf8_lossy);
        batches.extend(name.map(|name| BatchId::new(&*name)));
        Ok(())
    })?;
    batches.iter().try_for_each(|batch| finish(store, batch))
}

/// Lets the records take their places, where they are not there yet.
fn finish(store: &mut dyn StateStore, batch: &BatchId) -> Result<(), StoreError> {
    for (key, value) in parts(store, batch)? {
        let StoredPart {
            schema_version,
            keys,
            values,
        } = decoded(&key, &value)?;
        check_schema(&key, schema_version)?;
        let records: Vec<Record> = keys.into_iter().zip(values).collect();
        if let [Outcome::Refused(_)] = store.commit(&[placed(&records)])?[..] {
            for record in records {
                store.commit(&[placed(&[record])])?;
            }
        }
    }
    clear(store, batch)
}

/// Takes away what was put aside, and then what said that it counts.
fn clear(store: &mut dyn StateStore, batch: &BatchId) -> Result<(), StoreError> {
    let parts = parts(store, batch)?.into_iter();
    let mut deletes: Vec<_> = parts.map(|(key, _)| Write::Delete(key)).collect();
    deletes.push(Write::Delete(submitted(batch)));
    for writes in deletes.chunks(DELETES_TOGETHER) {
        store.commit(&[Transaction {
            compares: Vec::new(),
            writes: writes.to_vec(),
        }])?;
    }
    Ok(())
}

fn parts(store: &dyn StateStore, batch: &BatchId) -> Result<Vec<Record>, StoreError> {
    let mut all = Vec::new();
    journal::for_each(store, format!("aside/{batch}/").as_bytes(), |record| {
        all.push(record);
        Ok(())
    })?;
    Ok(all)
}

/// Packs the records that are put into parts.
fn pack(writes: &[Write]) -> Vec<Vec<Record>> {
    let records = writes.iter().filter_map(|write| match write {
        Write::Put(key, value) => Some((key.clone(), value.clone())),
        Write::Delete(_) => None,
    });
    let mut parts: Vec<Vec<Record>> = Vec::new();
    let mut bytes = 0;
    for record in records {
        let size = record.0.len() + record.1.len();
        bytes += size;
        match parts.last_mut() {
            Some(part) if part.len() < PART_RECORDS && bytes <= PART_BYTES => part.push(record),
            _ => {
                bytes = size;
                parts.push(vec![record]);
            }
        }
    }
    parts
}

/// The transaction that puts a part aside.
fn aside(batch: &BatchId, index: usize, part: &[Record]) -> Transaction {
    let (keys, values) = part.iter().cloned().unzip();
    let stored = StoredPart {
        schema_version: keys::SCHEMA_VERSION,
        keys,
        values,
    };
    let key = format!("aside/{batch}/{index:06}").into_bytes();
    Transaction {
        compares: Vec::new(),
        writes: vec![Write::Put(key, stored.encode_to_vec())],
    }
}

/// The transaction that makes records which are not there.
fn placed(records: &[Record]) -> Transaction {
    let mut transaction = Transaction::default();
    for (key, value) in records {
        transaction.compares.push(Compare::Absent(key.clone()));
        transaction
            .writes
            .push(Write::Put(key.clone(), value.clone()));
    }
    transaction
}

fn submitted(batch: &BatchId) -> Vec<u8> {
    [SUBMITTED, batch.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::embedded::Embedded;

    const RECORDS: usize = 500;

    fn transaction() -> Transaction {
        let records = (0..=RECORDS).map(|i| {
            let key = format!("spec/{i:04}").into_bytes();
            (key, i.to_le_bytes().repeat(2000))
        });
        let mut records: Vec<Record> = records.collect();
        records[0].0 = b"token/t".to_vec();
        placed(&records)
    }

    fn keys(store: &dyn StateStore) -> Vec<String> {
        let mut all = Vec::new();
        let seen = journal::for_each(store, b"", |(key, _)| {
            all.push(String::from_utf8(key).unwrap());
            Ok(())
        });
        seen.unwrap();
        all
    }

    fn with_store(work: impl FnOnce(&mut Embedded)) {
        let folder = tempfile::tempdir().unwrap();
        work(&mut Embedded::open(&folder.path().join("state")).unwrap());
    }

    #[test]
    fn all_records_take_their_places_and_a_known_token_leaves_nothing() {
        with_store(|store| {
            let before = keys(store);
            let (batch, other) = (BatchId::new("B"), BatchId::new("C"));
            let outcome = submit(store, &batch, &transaction()).unwrap();
            assert_eq!(outcome, Some(Outcome::Committed));
            let after = keys(store);
            assert_eq!(after.len(), before.len() + RECORDS + 1);
            let again = submit(store, &other, &transaction()).unwrap();
            assert_eq!(again, Some(Outcome::Refused(0)));
            assert_eq!(keys(store), after);
        });
    }

    #[test]
    fn one_that_was_interrupted_is_finished_and_one_that_never_counted_is_not() {
        with_store(|store| {
            let (counts, never) = (BatchId::new("B"), BatchId::new("C"));
            let whole = transaction();
            let parts = pack(&whole.writes[1..]);
            assert!(parts.len() > RECORDS / PART_RECORDS);
            for (index, part) in parts.iter().enumerate() {
                store.commit(&[aside(&counts, index, part)]).unwrap();
                store.commit(&[aside(&never, index, part)]).unwrap();
            }
            let counting = Transaction {
                compares: Vec::new(),
                writes: vec![Write::Put(submitted(&counts), Vec::new())],
            };
            // One part and a piece of another have taken their places before.
            store
                .commit(&[counting, placed(&parts[0]), placed(&parts[1][..3])])
                .unwrap();
            finish_all(store).unwrap();
            let keys = keys(store);
            let specs = keys.iter().filter(|key| key.starts_with("spec/"));
            assert_eq!(specs.count(), RECORDS);
            assert!(
                keys.iter()
                    .all(|key| !key.contains("aside/B") && !key.contains("submitted"))
            );
            finish_all(store).unwrap();
        });
    }
}
