//! An upload in parts. A part that breaks is sent again, the others stay; dropped before its end,
//! the upload is given up.

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::bucket::Bucket;
use super::fault::judge;
use super::requests::{PartOf, Wish, abort, copy_part, in_base64, send_part};
use crate::Error;

/// The most parts that an upload may have, and how many of them have the usual size: some servers
/// want all parts alike, so they grow only when there would be too many.
const PARTS: usize = 10_000;
const LIKE_PARTS: usize = PARTS * 4 / 5;
/// The tag that names the upload of an object.
const UPLOAD: &str = "spindle-upload";
/// How much larger the others are.
const GROWTH: usize = 16;

/// Parts on their way. Dropped before its end, the upload is given up.
pub(super) struct Upload {
    pub bucket: Bucket,
    pub key: String,
    pub wish: Wish,
    /// Told apart from any other upload by what is stored beside the object.
    name: String,
    id: Option<String>,
    begun: usize,
    sending: JoinSet<Result<CompletedPart, Error>>,
    sent: Vec<CompletedPart>,
    /// Of all bytes, where the server compares it: parts that it copies itself are not counted.
    crc: Option<Digest>,
    runtime: Handle,
}

impl Upload {
    pub fn new(bucket: Bucket, key: String, wish: Wish) -> Self {
        let crc = bucket.capabilities.checksums;
        Self {
            bucket,
            key,
            wish,
            name: format!("{:032x}", rand::random::<u128>()),
            id: None,
            begun: 0,
            sending: JoinSet::new(),
            sent: Vec::new(),
            crc: crc.then(|| Digest::new(CrcAlgorithm::Crc64Nvme)),
            runtime: Handle::current(),
        }
    }

    /// Makes an upload of which the server copies parts: their checksum is not known here.
    pub fn of_copies(bucket: Bucket, key: String, wish: Wish) -> Self {
        let mut upload = Self::new(bucket, key, wish);
        upload.crc = None;
        upload
    }

    /// Says whether a part was sent.
    pub const fn is_begun(&self) -> bool {
        self.id.is_some()
    }

    /// Returns how large the next part is to be.
    pub fn part_bytes(&self) -> usize {
        let usual = self.bucket.options.part_bytes;
        if self.begun < LIKE_PARTS {
            usual
        } else {
            usual * GROWTH
        }
    }

    /// Sends a part while others are still on their way.
    pub async fn add(&mut self, part: Bytes) -> Result<(), Error> {
        if let Some(crc) = &mut self.crc {
            crc.update(&part);
        }
        let of = self.next_part().await?;
        let has_crc = self.crc.is_some();
        self.sending
            .spawn(async move { send_part(&of, part, has_crc).await });
        Ok(())
    }

    /// Lets the server copy a part.
    pub async fn add_copy(&mut self, source: String, range: String) -> Result<(), Error> {
        let of = self.next_part().await?;
        self.sending
            .spawn(async move { copy_part(&of, &source, &range).await });
        Ok(())
    }

    /// Waits for room, and begins the upload when it is the first part.
    async fn next_part(&mut self) -> Result<PartOf, Error> {
        while self.sending.len() >= self.bucket.options.parts_at_once.max(1) {
            self.join_one().await?;
        }
        if self.begun >= PARTS {
            return Err(Error::Full {
                key: self.key.clone(),
            });
        }
        self.begun += 1;
        let number = i32::try_from(self.begun).unwrap_or(i32::MAX);
        let id = match &self.id {
            Some(id) => id.clone(),
            None => self.begin().await?,
        };
        self.id = Some(id.clone());
        Ok(PartOf {
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            id,
            number,
        })
    }

    async fn join_one(&mut self) -> Result<(), Error> {
        if let Some(ended) = self.sending.join_next().await {
            let part = ended.unwrap_or_else(|lost| {
                Err(Error::Transient {
                    key: self.key.clone(),
                    reason: lost.to_string(),
                })
            });
            self.sent.push(part?);
        }
        Ok(())
    }

    async fn begin(&self) -> Result<String, Error> {
        let checked = self.crc.is_some();
        let answer = self
            .bucket
            .tried(|| async {
                let call = self.bucket.client.create_multipart_upload();
                let call = call.bucket(&self.bucket.name).key(&self.key);
                let mut call = call.metadata(UPLOAD, &self.name);
                for (name, text) in &self.wish.tags {
                    call = call.metadata(name, text);
                }
                let sent = call
                    .set_checksum_algorithm(checked.then_some(ChecksumAlgorithm::Crc64Nvme))
                    .set_checksum_type(checked.then_some(ChecksumType::FullObject))
                    .send()
                    .await;
                sent.map_err(|e| judge(&self.key, e))
            })
            .await?;
        let id = answer.upload_id().unwrap_or_default().to_owned();
        if id.is_empty() {
            return Err(Error::Transient {
                key: self.key.clone(),
                reason: "an upload without id".into(),
            });
        }
        Ok(id)
    }

    /// Makes the object of all parts visible, and looks whether it is whole.
    pub async fn complete(mut self, size_bytes: u64) -> Result<(), Error> {
        while !self.sending.is_empty() {
            self.join_one().await?;
        }
        self.sent.sort_by_key(|part| part.part_number());
        let id = self.id.clone().unwrap_or_default();
        let done = self.finish(&id, size_bytes).await;
        if done.is_ok() {
            self.id = None;
        }
        done
    }

    async fn finish(&self, id: &str, size_bytes: u64) -> Result<(), Error> {
        let parts = CompletedMultipartUpload::builder();
        let parts = parts.set_parts(Some(self.sent.clone())).build();
        let crc = self.crc.as_ref().map(|crc| in_base64(crc.finalize()));
        let completed = self
            .bucket
            .tried(|| async {
                let call = self.bucket.client.complete_multipart_upload();
                let call = call.bucket(&self.bucket.name).key(&self.key).upload_id(id);
                let sent = call
                    .multipart_upload(parts.clone())
                    .set_if_none_match(self.wish.absent.then(|| "*".to_owned()))
                    .set_checksum_type(crc.is_some().then_some(ChecksumType::FullObject))
                    .set_checksum_crc64_nvme(crc.clone())
                    .send()
                    .await;
                sent.map_err(|e| judge(&self.key, e))
            })
            .await;
        let refused = match completed {
            Ok(_) => None,
            Err(error @ (Error::Transient { .. } | Error::Changed { .. })) => return Err(error),
            // An earlier try may have come through, its answer not: then the upload is gone.
            Err(error) => Some(error),
        };
        match (self.is_whole(size_bytes).await?, refused) {
            (true, _) => Ok(()),
            (false, Some(error)) => Err(error),
            (false, None) => Err(Error::Transient {
                key: self.key.clone(),
                reason: "another object is there than was completed".to_owned(),
            }),
        }
    }

    /// Says whether this upload's object is there.
    async fn is_whole(&self, size_bytes: u64) -> Result<bool, Error> {
        match self.bucket.look(&self.key).await {
            Ok((stat, tags)) => {
                let is_ours = tags.get(UPLOAD).is_none_or(|name| *name == self.name);
                Ok(stat.size_bytes == size_bytes && is_ours)
            }
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        self.sending.abort_all();
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        self.runtime.spawn(async move {
            if let Err(error) = abort(&bucket, &key, &id).await {
                tracing::warn!(upload = id, "an upload that was given up stays");
                tracing::debug!(key, %error, "it is of this object");
            }
        });
    }
}
