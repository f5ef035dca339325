//! A state store in memory: what a simulated cluster shares.

use std::collections::BTreeMap;

use crate::state::{
    Compare, Outcome, Record, StateStore, StoreError, Transaction, Write, keys, schema,
};

/// All records.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<Vec<u8>, Vec<u8>>);

impl StateStore for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn range(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<Record>, StoreError> {
        if start >= end {
            return Ok(Vec::new());
        }
        let range = self.0.range(start.to_vec()..end.to_vec()).take(limit);
        Ok(range
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn commit(&mut self, transactions: &[Transaction]) -> Result<Vec<Outcome>, StoreError> {
        Ok(transactions.iter().map(|one| self.run(one)).collect())
    }

    fn takes(&self, _: &Transaction) -> bool {
        true
    }
}

impl Memory {
    fn run(&mut self, transaction: &Transaction) -> Outcome {
        let fails = |compare: &Compare| match compare {
            Compare::Absent(key) => self.0.contains_key(key),
            Compare::Equal(key, value) => self.0.get(key) != Some(value),
            Compare::Leads(epoch) => {
                let present = self.0.get(keys::EPOCH);
                present != Some(&schema::epoch_value(*epoch))
            }
        };
        if let Some(index) = transaction.compares.iter().position(fails) {
            return Outcome::Refused(index);
        }
        for write in transaction.writes.clone() {
            match write {
                Write::Put(key, value) => drop(self.0.insert(key, value)),
                Write::Delete(key) => drop(self.0.remove(&key)),
            }
        }
        Outcome::Committed
    }
}

#[test]
fn the_store_in_memory_conforms() {
    crate::state::conformance::check(&mut Memory::default()).unwrap();
}
