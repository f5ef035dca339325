//! One bucket: its objects by their full names.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use aws_smithy_types::DateTime;
use common::ids::Sha256;

use super::connect::Options;
use super::fault::{Fault, judge};
use super::probe::Capabilities;
use super::{read, requests, write};
use crate::{ByteStream, Error, Stat, metrics};

/// The most objects that one request may delete.
const DELETE_BATCH: usize = 1_000;

/// A bucket; clones share connections.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) options: Options,
    pub(super) capabilities: Capabilities,
}

/// An object by bucket and full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the bucket.
    pub bucket: String,
    /// Name in it.
    pub key: String,
}

/// What is stored beside an object, in small letters.
pub type Tags = BTreeMap<String, String>;

impl Bucket {
    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns size and version of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`] and its like.
    pub async fn stat(&self, key: &str) -> Result<Stat, Error> {
        Ok(self.look(key).await?.0)
    }

    /// Returns size and version of an object, and what is stored beside it.
    ///
    /// # Errors
    /// [`Error::NotFound`] and its like.
    pub async fn look(&self, key: &str) -> Result<(Stat, Tags), Error> {
        let head = self
            .tried(|| async {
                let call = self.client.head_object().bucket(&self.name).key(key);
                call.send().await.map_err(|e| judge(key, e))
            })
            .await?;
        let size_bytes = head.content_length().unwrap_or(0).try_into().unwrap_or(0);
        let modified_ns = version(head.last_modified(), head.e_tag());
        let tags = head.metadata.unwrap_or_default().into_iter().collect();
        let stat = Stat {
            size_bytes,
            modified_ns,
        };
        Ok((stat, tags))
    }

    /// Reads a range of an object; what is past its end is left out.
    ///
    /// # Errors
    /// [`Error::NotFound`] and its like; later in the stream [`Error::Changed`] if another object
    /// took its place.
    pub async fn read(&self, key: &str, range: Range<u64>) -> Result<ByteStream, Error> {
        let stream = read::read(self.clone(), key.to_owned(), range).await?;
        Ok(metrics::read("s3", stream))
    }

    /// Starts an object that appears when it is committed.
    pub fn writer(&self, key: &str) -> write::Writer {
        write::Writer::start(self.clone(), key.to_owned())
    }

    /// Lists names and sizes of the objects whose names start with a text.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .tried(|| async {
                    let call = self.client.list_objects_v2().bucket(&self.name);
                    let call = call.prefix(prefix).set_continuation_token(token.clone());
                    call.send().await.map_err(|e| judge(prefix, e))
                })
                .await?;
            for object in page.contents() {
                let size = object.size().unwrap_or(0).try_into().unwrap_or(0);
                found.extend(object.key().map(|key| (key.to_owned(), size)));
            }
            token = page.next_continuation_token().map(str::to_owned);
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Removes an object; succeeds when there is none.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        let deleted = self
            .tried(|| async {
                let call = self.client.delete_object().bucket(&self.name).key(key);
                call.send().await.map_err(|e| judge(key, e))
            })
            .await;
        match deleted {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes many objects, in batches; one by one where the server knows no batches.
    ///
    /// # Errors
    /// What the server answers about the first that stays.
    pub async fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        for batch in keys.chunks(DELETE_BATCH) {
            let left = match self.delete_batch(batch).await {
                Ok(left) => left,
                Err(error @ (Error::Transient { .. } | Error::Expired { .. })) => {
                    return Err(error);
                }
                Err(_) => batch.to_vec(),
            };
            for key in left {
                self.delete(&key).await?;
            }
        }
        Ok(())
    }

    /// Returns the names that stayed.
    async fn delete_batch(&self, keys: &[String]) -> Result<Vec<String>, Error> {
        let failed = |e: aws_sdk_s3::error::BuildError| Error::Io {
            key: self.name.clone(),
            source: std::io::Error::other(e),
        };
        let mut batch = Delete::builder().quiet(true);
        for key in keys {
            let named = ObjectIdentifier::builder().key(key).build();
            batch = batch.objects(named.map_err(failed)?);
        }
        let batch = batch.build().map_err(failed)?;
        let answer = self
            .tried(|| async {
                let call = self.client.delete_objects().bucket(&self.name);
                let sent = call.delete(batch.clone()).send().await;
                sent.map_err(|e| judge(&self.name, e))
            })
            .await?;
        let left = answer.errors().iter();
        Ok(left.filter_map(|e| e.key().map(str::to_owned)).collect())
    }

    /// Gives up old uploads below a prefix.
    pub(super) async fn sweep(&self, prefix: &str, age: Duration) -> Result<usize, Error> {
        let oldest = DateTime::from(SystemTime::now() - age);
        let mut given_up = 0;
        let (mut after_key, mut after_id) = (None::<String>, None::<String>);
        loop {
            let page = self
                .tried(|| async {
                    let call = self.client.list_multipart_uploads().bucket(&self.name);
                    let call = call.set_key_marker(after_key.clone());
                    let call = call.set_upload_id_marker(after_id.clone());
                    let sent = call.prefix(prefix).send().await;
                    sent.map_err(|e| judge(prefix, e))
                })
                .await?;
            for upload in page.uploads() {
                let is_old = upload.initiated().is_some_and(|begun| *begun <= oldest);
                if let (true, Some(key), Some(id)) = (is_old, upload.key(), upload.upload_id()) {
                    requests::abort(self, key, id).await?;
                    given_up += 1;
                }
            }
            let next = page.next_key_marker().map(str::to_owned);
            if page.is_truncated() != Some(true) || next.is_none() || next == after_key {
                return Ok(given_up);
            }
            after_key = next;
            after_id = page.next_upload_id_marker().map(str::to_owned);
        }
    }

    /// Calls until an answer is not a passing fault, or patience ends.
    pub(super) async fn tried<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        call: impl Fn() -> F,
    ) -> Result<T, Error> {
        let mut tries = 0;
        loop {
            let answer = call().await;
            metrics::asked(&answer);
            let Fault {
                error, retry_after, ..
            } = match answer {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            tries += 1;
            tracing::debug!(bucket = self.name, tries, %error, ?retry_after, "S3 refused");
            let patience = self.options.patience;
            patience.outlast_asked(tries, error, retry_after).await?;
        }
    }
}

/// S3 tells times in whole seconds. The place of the nanoseconds holds a fingerprint of the ETag,
/// so that an object which is replaced within a second is another one.
fn version(modified: Option<&DateTime>, e_tag: Option<&str>) -> i64 {
    const BILLION: u64 = 1_000_000_000;
    let digest = Sha256::of(e_tag.unwrap_or_default().as_bytes());
    let mut head = [0; 8];
    head.copy_from_slice(&digest.0[..8]);
    let fingerprint = (u64::from_le_bytes(head) % BILLION) as i64;
    let seconds = modified.map_or(0, DateTime::secs);
    seconds.saturating_mul(BILLION as i64) + fingerprint
}
