//! What every store must do; each implementation runs it on a store of its own.

use super::{Compare, Outcome, Record, StateStore, StoreError, Transaction, Write};

/// Checks a store that has no key starting with `t/`. Panics where it does not conform.
///
/// # Errors
/// [`StoreError`] if the store failed.
pub fn check(store: &mut dyn StateStore) -> Result<(), StoreError> {
    missing_keys_read_as_none(store)?;
    ranges_are_ordered_half_open_and_limited(store)?;
    a_refused_transaction_writes_nothing(store)?;
    each_transaction_sees_those_before(store)?;
    writes_happen_in_order(store)?;
    keys_and_values_are_any_bytes(store)
}

fn missing_keys_read_as_none(store: &mut dyn StateStore) -> Result<(), StoreError> {
    assert_eq!(store.get(b"t/missing")?, None);
    assert_eq!(store.range(b"t/", b"t0", 10)?, []);
    assert_eq!(store.commit(&[])?, []);
    let gone = Transaction {
        compares: vec![],
        writes: vec![Write::Delete(b"t/missing".to_vec())],
    };
    assert_eq!(store.commit(&[gone])?, [Outcome::Committed]);
    Ok(())
}

fn ranges_are_ordered_half_open_and_limited(store: &mut dyn StateStore) -> Result<(), StoreError> {
    let names = ["t/r/b", "t/r/a", "t/r/d", "t/r/c", "t/r/aa"];
    let puts = names.map(|name| put(name, name));
    assert!(
        store
            .commit(&puts)?
            .iter()
            .all(|o| *o == Outcome::Committed)
    );
    let keys = |records: Vec<Record>| -> Vec<String> {
        let text = |(key, value): Record| {
            assert_eq!(key, value);
            String::from_utf8(key).expect("the keys are text")
        };
        records.into_iter().map(text).collect()
    };
    let all = keys(store.range(b"t/r/", b"t/r0", 100)?);
    assert_eq!(all, ["t/r/a", "t/r/aa", "t/r/b", "t/r/c", "t/r/d"]);
    assert_eq!(keys(store.range(b"t/r/aa", b"t/r/c", 100)?), all[1..3]);
    assert_eq!(keys(store.range(b"t/r/", b"t/r0", 2)?), all[..2]);
    assert_eq!(store.range(b"t/r/", b"t/r0", 0)?, []);
    assert_eq!(store.range(b"t/r/c", b"t/r/c", 9)?, []);
    assert_eq!(store.range(b"t/r/d", b"t/r/a", 9)?, []);
    Ok(())
}

fn a_refused_transaction_writes_nothing(store: &mut dyn StateStore) -> Result<(), StoreError> {
    let absent = |key: &str| Compare::Absent(key.into());
    let equal = |key: &str, value: &str| Compare::Equal(key.into(), value.into());
    let guarded = |compares: Vec<Compare>, value: &str| Transaction {
        compares,
        ..put("t/guarded", value)
    };
    let outcomes = store.commit(&[
        guarded(vec![absent("t/guarded")], "1"),
        guarded(vec![absent("t/guarded")], "2"),
        guarded(vec![equal("t/guarded", "1"), equal("t/guarded", "0")], "3"),
        guarded(vec![equal("t/none", "1")], "4"),
        guarded(vec![equal("t/guarded", "1"), absent("t/none")], "5"),
    ])?;
    let expected = [
        Outcome::Committed,
        Outcome::Refused(0),
        Outcome::Refused(1),
        Outcome::Refused(0),
        Outcome::Committed,
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(store.get(b"t/guarded")?, Some(b"5".to_vec()));
    Ok(())
}

fn each_transaction_sees_those_before(store: &mut dyn StateStore) -> Result<(), StoreError> {
    let mut delete = put("t/s", "unused");
    delete.writes = vec![Write::Delete(b"t/s".to_vec())];
    let mut absent = put("t/s", "again");
    absent.compares = vec![Compare::Absent(b"t/s".to_vec())];
    let outcomes = store.commit(&[put("t/s", "first"), delete, absent])?;
    assert_eq!(outcomes, [Outcome::Committed; 3]);
    assert_eq!(store.get(b"t/s")?, Some(b"again".to_vec()));
    Ok(())
}

fn writes_happen_in_order(store: &mut dyn StateStore) -> Result<(), StoreError> {
    let key = || b"t/o".to_vec();
    let both = Transaction {
        compares: vec![],
        writes: vec![
            Write::Put(key(), b"1".to_vec()),
            Write::Delete(key()),
            Write::Put(key(), b"2".to_vec()),
        ],
    };
    assert_eq!(store.commit(&[both])?, [Outcome::Committed]);
    assert_eq!(store.get(b"t/o")?, Some(b"2".to_vec()));
    Ok(())
}

fn keys_and_values_are_any_bytes(store: &mut dyn StateStore) -> Result<(), StoreError> {
    let key = b"t/\0\x01\xfe".to_vec();
    let large: Vec<u8> = (0..100_000_u32).map(|i| i as u8).collect();
    for value in [vec![], vec![0, 255], large] {
        let write = Transaction {
            compares: vec![],
            writes: vec![Write::Put(key.clone(), value.clone())],
        };
        store.commit(&[write])?;
        assert_eq!(store.get(&key)?, Some(value));
    }
    Ok(())
}

fn put(key: &str, value: &str) -> Transaction {
    Transaction {
        compares: vec![],
        writes: vec![Write::Put(key.into(), value.into())],
    }
}
