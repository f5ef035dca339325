//! An object on its way into a bucket: one request if it is small, else parts of an upload.
//!
//! Dropped without commit, nothing of it stays.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use common::ids::Sha256;
use sha2::Digest as _;

use super::bucket::{Bucket, Tags};
use super::requests::{Wish, put};
use super::upload::Upload;
use crate::{Error, ObjectWriter, Written, metrics};

/// Buffers a part; sends full ones while the next one is filled.
pub struct Writer {
    upload: Upload,
    buffer: BytesMut,
    size_bytes: u64,
    sha256: sha2::Sha256,
}

impl Writer {
    pub(super) fn start(bucket: Bucket, key: String) -> Self {
        Self {
            upload: Upload::new(bucket, key, Wish::default()),
            buffer: BytesMut::new(),
            size_bytes: 0,
            sha256: sha2::Sha256::new(),
        }
    }

    /// Stores texts beside the object. Before the first byte.
    #[must_use]
    pub fn with_tags(mut self, tags: Tags) -> Self {
        self.upload.wish.tags = tags;
        self
    }

    /// Commits only if there is no such object: [`Error::Changed`] if there is.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.upload.wish.absent = true;
        self
    }
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, mut chunk: Bytes) -> Result<(), Error> {
        self.size_bytes += chunk.len() as u64;
        self.sha256.update(&chunk);
        metrics::written("s3", chunk.len());
        while !chunk.is_empty() {
            let part_bytes = self.upload.part_bytes();
            let room = part_bytes - self.buffer.len();
            let taken = chunk.split_to(chunk.len().min(room));
            self.buffer.extend_from_slice(&taken);
            if self.buffer.len() == part_bytes {
                let part = self.buffer.split().freeze();
                self.upload.add(part).await?;
            }
        }
        Ok(())
    }

    fn so_far(&self) -> Written {
        Written {
            size_bytes: self.size_bytes,
            sha256: Sha256(self.sha256.clone().finalize().into()),
        }
    }

    async fn commit(mut self: Box<Self>) -> Result<Written, Error> {
        let written = self.so_far();
        let rest = self.buffer.split().freeze();
        if !self.upload.is_begun() {
            let Upload {
                bucket, key, wish, ..
            } = &self.upload;
            put(bucket, key, rest, wish).await?;
            return Ok(written);
        }
        if !rest.is_empty() {
            self.upload.add(rest).await?;
        }
        self.upload.complete(written.size_bytes).await?;
        Ok(written)
    }
}
