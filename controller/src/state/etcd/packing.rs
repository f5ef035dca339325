//! Transactions packed into few requests. Pure.
//!
//! Neighbours go together while none looks at or writes what another of them writes: then all
//! compares may be made before all writes, as etcd does.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::state::{Compare, Transaction, Write};

/// Operations of one request. By default etcd takes 128, one of which reads the leader's key when a
/// request is refused.
const OPERATIONS: usize = 127;

/// Bytes of one request: etcd takes 1.5 MiB with all that is around keys and values.
const BYTES: usize = 1 << 20;

/// Bytes of a request for each operation beside key and value.
const FRAME_BYTES: usize = 64;

/// Returns which neighbours go together. A transaction that is too large goes alone.
pub fn pack(transactions: &[Transaction]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut group = Group::default();
    for (index, transaction) in transactions.iter().enumerate() {
        match groups.last_mut() {
            Some(last) if group.takes(transaction) => last.end = index + 1,
            _ => {
                group = Group::default();
                groups.push(index..index + 1);
            }
        }
        group.add(transaction);
    }
    groups
}

/// Says whether a transaction fits a request.
pub fn fits(transaction: &Transaction) -> bool {
    Group::default().takes(transaction)
}

/// Returns the compares of several transactions, each once.
pub fn compares(transactions: &[Transaction]) -> Vec<&Compare> {
    let mut all: Vec<&Compare> = Vec::new();
    for compare in transactions.iter().flat_map(|one| &one.compares) {
        // Keys differ but for the fence, which is first.
        if !all.first().is_some_and(|first| *first == compare) {
            all.push(compare);
        }
    }
    all
}

/// Returns the writes of several transactions, of each key the last.
pub fn writes(transactions: &[Transaction]) -> Vec<&Write> {
    let mut seen = BTreeSet::new();
    let all = transactions.iter().flat_map(|one| &one.writes).rev();
    let mut last: Vec<_> = all.filter(|write| seen.insert(write.key())).collect();
    last.reverse();
    last
}

/// What a request holds so far.
#[derive(Default)]
struct Group<'a> {
    looked_at: BTreeSet<&'a [u8]>,
    written: BTreeSet<&'a [u8]>,
    compares: usize,
    bytes: usize,
}

impl<'a> Group<'a> {
    fn takes(&self, transaction: &Transaction) -> bool {
        let looks = transaction.compares.iter().filter_map(Compare::key);
        let writes = transaction.writes.iter().map(Write::key);
        // A refused request reads all its keys.
        let keys: BTreeSet<_> = looks.clone().chain(writes.clone()).collect();
        let held = self.looked_at.union(&self.written).count();
        let within = self.compares + transaction.compares.len() <= OPERATIONS
            && held + keys.len() <= OPERATIONS
            && self.bytes + bytes(transaction) <= BYTES;
        within
            && looks.clone().all(|key| !self.written.contains(key))
            && writes
                .clone()
                .all(|key| !self.written.contains(key) && !self.looked_at.contains(key))
    }

    fn add(&mut self, transaction: &'a Transaction) {
        let looks = transaction.compares.iter().filter_map(Compare::key);
        self.looked_at.extend(looks);
        self.written
            .extend(transaction.writes.iter().map(Write::key));
        self.compares += transaction.compares.len();
        self.bytes += bytes(transaction);
    }
}

fn bytes(transaction: &Transaction) -> usize {
    let compares = transaction.compares.iter().map(|compare| match compare {
        Compare::Absent(key) => key.len(),
        Compare::Equal(key, value) => key.len() + value.len(),
        Compare::Leads(_) => 0,
    });
    let writes = transaction.writes.iter().map(|write| match write {
        Write::Put(key, value) => key.len() + value.len(),
        Write::Delete(key) => key.len(),
    });
    compares
        .chain(writes)
        .map(|bytes| bytes + FRAME_BYTES)
        .sum()
}

#[cfg(test)]
mod tests {
    use common::ids::Epoch;

    use super::*;

    fn put(key: &str, value: &[u8]) -> Transaction {
        Transaction {
            compares: vec![Compare::Leads(Epoch(7)), Compare::Absent(key.into())],
            writes: vec![Write::Put(key.into(), value.into())],
        }
    }

    #[test]
    fn independent_neighbours_share_a_request_and_one_fence() {
        let all = [put("a", b"1"), put("b", b"2"), put("c", b"3")];
        assert_eq!(pack(&all), vec![0..3; 1]);
        assert_eq!(compares(&all).len(), 4);
        assert_eq!(writes(&all).len(), 3);
    }

    #[test]
    fn a_transaction_that_touches_what_another_writes_waits_for_the_next_request() {
        let all = [
            put("a", b"1"),
            put("b", b"2"),
            put("a", b"3"),
            put("c", b"4"),
        ];
        assert_eq!(pack(&all), [0..2, 2..4]);
        let looks = Transaction {
            compares: vec![Compare::Equal(b"b".to_vec(), vec![])],
            writes: vec![Write::Put(b"d".to_vec(), vec![])],
        };
        assert_eq!(pack(&[put("b", b"2"), looks.clone()]), [0..1, 1..2]);
        assert_eq!(pack(&[looks, put("b", b"2")]), [0..1, 1..2]);
    }

    #[test]
    fn requests_stay_within_operations_and_bytes() {
        let many: Vec<_> = (0..300).map(|i| put(&i.to_string(), b"")).collect();
        let groups = pack(&many);
        assert!(groups.iter().all(|group| group.len() <= 63), "{groups:?}");
        assert_eq!(groups.last().unwrap().end, 300);
        let half = vec![0; 600 << 10];
        assert_eq!(pack(&[put("a", &half), put("b", &half)]), [0..1, 1..2]);
        assert!(fits(&put("a", &half)) && !fits(&put("a", &vec![0; 2 << 20])));
    }

    #[test]
    fn the_last_write_of_a_key_counts() {
        let both = Transaction {
            compares: vec![],
            writes: vec![
                Write::Put(b"k".to_vec(), b"1".to_vec()),
                Write::Put(b"l".to_vec(), b"1".to_vec()),
                Write::Delete(b"k".to_vec()),
            ],
        };
        let kept = [both];
        let kept = writes(&kept);
        assert_eq!(kept[0].key(), b"l");
        assert_eq!(kept[1], &Write::Delete(b"k".to_vec()));
    }
}
