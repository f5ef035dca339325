//! The store of one machine: a redb file. One durable commit for all transactions of a call.

use std::path::Path;

use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, Table,
    TableDefinition, TableError,
};

use super::{Compare, Outcome, Record, StateStore, StoreError, Transaction, Write, keys, schema};

const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");

/// Memory for pages of the file.
const CACHE_BYTES: usize = 32 << 20;

/// A store in one file.
#[derive(Debug)]
pub struct Embedded {
    database: Database,
}

impl Embedded {
    /// Opens the file, and makes it if there is none.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be opened, another process holds it, or a newer program wrote it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = builder().create(path).map_err(failed("opening the file"))?;
        Self::checked(database)
    }

    /// Opens a store on another medium.
    ///
    /// # Errors
    /// As [`Embedded::open`].
    pub fn on(backend: impl StorageBackend) -> Result<Self, StoreError> {
        let database = builder().create_with_backend(backend);
        Self::checked(database.map_err(failed("opening the medium"))?)
    }

    fn checked(database: Database) -> Result<Self, StoreError> {
        let mut store = Self { database };
        schema::check(&mut store)?;
        Ok(store)
    }
}

impl StateStore for Embedded {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let reading = "reading a record";
        let transaction = self.database.begin_read().map_err(failed(reading))?;
        let table = match transaction.open_table(RECORDS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table.map_err(failed(reading))?,
        };
        let value = table.get(key).map_err(failed(reading))?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn range(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<Record>, StoreError> {
        let reading = "reading a range";
        if start >= end {
            return Ok(Vec::new());
        }
        let transaction = self.database.begin_read().map_err(failed(reading))?;
        let table = match transaction.open_table(RECORDS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            table => table.map_err(failed(reading))?,
        };
        let records = table.range(start..end).map_err(failed(reading))?;
        records
            .take(limit)
            .map(|record| {
                let (key, value) = record.map_err(failed(reading))?;
                Ok((key.value().to_vec(), value.value().to_vec()))
            })
            .collect()
    }

    fn commit(&mut self, transactions: &[Transaction]) -> Result<Vec<Outcome>, StoreError> {
        let writing = "committing";
        let mut group = self.database.begin_write().map_err(failed(writing))?;
        group
            .set_durability(Durability::Immediate)
            .map_err(failed(writing))?;
        // Without it, opening after a crash reads the whole file.
        group.set_quick_repair(true);
        let outcomes = {
            let mut table = group.open_table(RECORDS).map_err(failed(writing))?;
            let run = |transaction| run(&mut table, transaction);
            transactions
                .iter()
                .map(run)
                .collect::<Result<Vec<_>, _>>()?
        };
        group.commit().map_err(failed(writing))?;
        Ok(outcomes)
    }

    fn takes(&self, _: &Transaction) -> bool {
        true
    }
}

fn run(table: &mut Table<&[u8], &[u8]>, transaction: &Transaction) -> Result<Outcome, StoreError> {
    let writing = "writing a record";
    for (index, compare) in transaction.compares.iter().enumerate() {
        let epoch;
        let (key, expected) = match compare {
            Compare::Absent(key) => (key.as_slice(), None),
            Compare::Equal(key, value) => (key.as_slice(), Some(value.as_slice())),
            Compare::Leads(leader) => {
                epoch = schema::epoch_value(*leader);
                (keys::EPOCH, Some(epoch.as_slice()))
            }
        };
        let held = table.get(key).map_err(failed(writing))?;
        if held.as_ref().map(|held| held.value()) != expected {
            return Ok(Outcome::Refused(index));
        }
    }
    for write in &transaction.writes {
        let done = match write {
            Write::Put(key, value) => table.insert(key.as_slice(), value.as_slice()).map(|_| ()),
            Write::Delete(key) => table.remove(key.as_slice()).map(|_| ()),
        };
        done.map_err(failed(writing))?;
    }
    Ok(Outcome::Committed)
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn failed<E: std::error::Error + Send + Sync + 'static>(
    doing: &'static str,
) -> impl Fn(E) -> StoreError {
    move |error| StoreError::Failed {
        doing,
        source: Box::new(error),
    }
}
