//! Objects in a bucket of S3, or of a server that speaks its protocol.
//!
//! Main path: [`Connection::from_environment`] → [`Connection::bucket`] → [`S3`]. Requests are tried
//! again as [`Options`] say; a read goes on at its last byte, an upload at its last part. Where a
//! server ignores a condition or a checksum, what it stored is compared here.

mod address;
mod bucket;
mod compose;
mod connect;
mod fault;
mod probe;
mod read;
mod requests;
mod upload;
mod write;

use std::ops::Range;

use async_trait::async_trait;

use crate::{ByteStream, Error, Key, Listed, ObjectStore, ObjectWriter, Stat};

pub use address::{Address, InvalidAddress};
pub use bucket::{Bucket, Place, Tags};
pub use compose::Piece;
pub use connect::{Connection, Environment, Options};
pub use probe::Capabilities;
pub use write::Writer;

/// A store below a prefix of a bucket; clones share connections.
#[derive(Debug, Clone)]
pub struct S3 {
    bucket: Bucket,
    prefix: String,
}

impl S3 {
    /// Makes a store of what is below an address.
    pub fn new(connection: &Connection, address: &Address) -> Self {
        Self {
            bucket: connection.bucket(&address.bucket),
            prefix: address.prefix.clone(),
        }
    }

    /// Finds out what the server honours, and uses what it does. See [`Capabilities`].
    ///
    /// # Errors
    /// [`Error`] if nothing can be written or read here.
    pub async fn probed(self) -> Result<Self, Error> {
        let trial = self.full(".spindle-probe");
        let capabilities = probe::probe(&self.bucket, &trial).await?;
        Ok(self.with_capabilities(capabilities))
    }

    /// Takes for granted what the server honours.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.bucket.capabilities = capabilities;
        self
    }

    /// Returns what the server is known to honour.
    pub const fn capabilities(&self) -> Capabilities {
        self.bucket.capabilities
    }

    /// Returns the bucket.
    pub const fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Returns where the store is.
    pub fn address(&self) -> Address {
        Address {
            bucket: self.bucket.name().to_owned(),
            prefix: self.prefix.clone(),
        }
    }

    /// Says whether a name of a bucket is one of the store's.
    pub fn holds(&self, bucket: &str, key: &str) -> bool {
        let below = key.strip_prefix(&self.prefix);
        let is_below = below.is_some_and(|rest| self.prefix.is_empty() || rest.starts_with('/'));
        bucket == self.bucket.name() && is_below
    }

    /// Returns the place of an object in the bucket.
    pub fn place(&self, key: &Key) -> Place {
        Place {
            bucket: self.bucket.name().to_owned(),
            key: self.full(key.as_str()),
        }
    }

    /// Gives up uploads below the prefix that began `age` ago or earlier; returns how many.
    ///
    /// # Errors
    /// What the server answers; many do not list uploads.
    pub async fn sweep(&self, age: std::time::Duration) -> Result<usize, Error> {
        self.bucket.sweep(&self.full(""), age).await
    }

    fn full(&self, words: &str) -> String {
        if self.prefix.is_empty() {
            words.to_owned()
        } else {
            format!("{}/{words}", self.prefix)
        }
    }
}

#[async_trait]
impl ObjectStore for S3 {
    async fn stat(&self, key: &Key) -> Result<Stat, Error> {
        self.bucket.stat(&self.full(key.as_str())).await
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, Error> {
        self.bucket.read(&self.full(key.as_str()), range).await
    }

    async fn writer(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, Error> {
        Ok(Box::new(self.bucket.writer(&self.full(key.as_str()))))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        let above = self.full("").len();
        let found = self.bucket.list(&self.full(prefix)).await?;
        // What others put here under names that no key can have is not ours.
        let ours = found.into_iter().filter_map(|(name, size_bytes)| {
            let key = name.get(above..)?.parse().ok()?;
            Some(Listed { key, size_bytes })
        });
        let mut listed: Vec<Listed> = ours.collect();
        listed.sort();
        Ok(listed)
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        self.bucket.delete(&self.full(key.as_str())).await
    }

    async fn delete_all(&self, prefix: &str) -> Result<usize, Error> {
        let listed = self.list(prefix).await?;
        let names: Vec<String> = listed.iter().map(|l| self.full(l.key.as_str())).collect();
        self.bucket.delete_many(&names).await?;
        Ok(names.len())
    }

    fn is_patient(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
