//! The stored forms of what is kept.

use common::ids::Sha256;
use common::task::ObjectRef;
use common::wire::{WireError, task::digest};
use object_store::CHUNK_BYTES;
use prost::Message;
use proto::state::v1 as wire;

use super::question::Digest;
use super::{Cache, Error, parsed};
use crate::state::keys::SCHEMA_VERSION;

/// What a workflow that is over left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Kept {
    /// Size of all objects.
    pub bytes: u64,
    /// When its results were last used.
    pub used_at_ms: u64,
    /// Keys of its records of results.
    pub records: Vec<String>,
    /// Key prefixes of the attempts whose objects are kept, with their closing `/`.
    pub prefixes: Vec<String>,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptResult {
    /// By this it is known.
    pub key: Digest,
    /// What its attempt reported.
    pub manifest: ObjectRef,
    /// The manifest's object and all that it names.
    pub objects: Vec<KeptObject>,
}

/// An object as it was when its workflow ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptObject {
    /// Its key.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
    /// When it was written, in nanoseconds since 1970.
    pub modified_ns: i64,
}

impl Cache {
    pub(super) async fn read_kept(&self, key: &str) -> Result<Kept, Error> {
        let wire::KeptWorkflow {
            schema_version,
            bytes,
            used_at_ms,
            records,
            prefixes,
        } = self.read_record(key).await?;
        check(key, schema_version)?;
        Ok(Kept {
            bytes,
            used_at_ms,
            records,
            prefixes,
        })
    }

    pub(super) async fn write_kept(&self, key: &str, kept: &Kept) -> Result<(), Error> {
        let Kept {
            bytes,
            used_at_ms,
            records,
            prefixes,
        } = kept;
        let record = wire::KeptWorkflow {
            schema_version: SCHEMA_VERSION,
            bytes: *bytes,
            used_at_ms: *used_at_ms,
            records: records.clone(),
            prefixes: prefixes.clone(),
        };
        self.write(key, record.encode_to_vec()).await
    }

    pub(super) async fn read_results(&self, key: &str) -> Result<Vec<KeptResult>, Error> {
        let wire::KeptResults {
            schema_version,
            results,
        } = self.read_record(key).await?;
        check(key, schema_version)?;
        let results = results.into_iter().map(decoded);
        let results: Result<Vec<_>, WireError> = results.collect();
        results.map_err(|source| Error::Damaged {
            key: key.to_owned(),
            source,
        })
    }

    pub(super) async fn write_results(
        &self,
        key: &str,
        results: &[KeptResult],
    ) -> Result<(), Error> {
        let record = wire::KeptResults {
            schema_version: SCHEMA_VERSION,
            results: results.iter().map(encoded).collect(),
        };
        self.write(key, record.encode_to_vec()).await
    }

    async fn read_record<M: Message + Default>(&self, key: &str) -> Result<M, Error> {
        let bytes = self.objects.read(key).await?;
        M::decode(&bytes[..]).map_err(|error| Error::Damaged {
            key: key.to_owned(),
            source: WireError::new("record", error.to_string()),
        })
    }

    async fn write(&self, key: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let mut writer = self.objects.store().writer(&parsed(key)?).await?;
        let mut rest = bytes::Bytes::from(bytes);
        while !rest.is_empty() {
            let chunk = rest.split_to(rest.len().min(CHUNK_BYTES));
            writer.write(chunk).await?;
        }
        writer.commit().await?;
        Ok(())
    }
}

fn check(key: &str, schema_version: u32) -> Result<(), Error> {
    match schema_version {
        0..=SCHEMA_VERSION => Ok(()),
        _ => Err(Error::Newer(key.to_owned())),
    }
}

fn encoded(result: &KeptResult) -> wire::KeptResult {
    let KeptResult {
        key,
        manifest,
        objects,
    } = result;
    let object = |object: &KeptObject| wire::KeptObject {
        key: object.key.clone(),
        size_bytes: object.size_bytes,
        modified_ns: object.modified_ns,
    };
    wire::KeptResult {
        key: key.0.to_vec(),
        manifest: Some(manifest.into()),
        objects: objects.iter().map(object).collect(),
    }
}

fn decoded(wire: wire::KeptResult) -> Result<KeptResult, WireError> {
    let wire::KeptResult {
        key,
        manifest,
        objects,
    } = wire;
    let object = |object| {
        let wire::KeptObject {
            key,
            size_bytes,
            modified_ns,
        } = object;
        KeptObject {
            key,
            size_bytes,
            modified_ns,
        }
    };
    let key: Sha256 = digest("key", &key)?;
    let manifest = manifest.ok_or_else(|| WireError::new("manifest", "must be set"))?;
    Ok(KeptResult {
        key,
        manifest: manifest.try_into()?,
        objects: objects.into_iter().map(object).collect(),
    })
}
