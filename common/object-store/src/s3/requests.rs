//! Single requests that write. Each carries the SHA-256 of its bytes in its signature, and their
//! CRC64NVME where the server compares it.

use aws_sdk_s3::primitives::ByteStream as Body;
use aws_sdk_s3::types::CompletedPart;
use bytes::Bytes;
use crc_fast::CrcAlgorithm;

use super::bucket::{Bucket, Tags};
use super::fault::{Fault, judge};
use crate::Error;

/// What an object has beside its bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    /// Stored beside the object.
    pub tags: Tags,
    /// Whether there must be no such object yet.
    pub absent: bool,
}

/// Writes a whole object in one request.
pub(super) async fn put(
    bucket: &Bucket,
    key: &str,
    bytes: Bytes,
    wish: &Wish,
) -> Result<(), Error> {
    let crc = bucket.capabilities.checksums.then(|| crc_of(&bytes));
    bucket
        .tried(|| async {
            let call = bucket.client.put_object().bucket(&bucket.name).key(key);
            let mut call = call.body(Body::from(bytes.clone()));
            for (name, text) in &wish.tags {
                call = call.metadata(name, text);
            }
            let sent = call
                .set_if_none_match(wish.absent.then(|| "*".to_owned()))
                .set_checksum_crc64_nvme(crc.clone())
                .send()
                .await;
            sent.map_err(|e| judge(key, e))
        })
        .await?;
    Ok(())
}

/// A part on its way: of which upload, and its number.
#[derive(Debug, Clone)]
pub(super) struct PartOf {
    pub bucket: Bucket,
    pub key: String,
    pub id: String,
    pub number: i32,
}

/// Sends a part.
pub(super) async fn send_part(
    of: &PartOf,
    part: Bytes,
    has_crc: bool,
) -> Result<CompletedPart, Error> {
    let PartOf {
        bucket,
        key,
        id,
        number,
    } = of;
    let crc = has_crc.then(|| crc_of(&part));
    let answer = bucket
        .tried(|| async {
            let call = bucket.client.upload_part().bucket(&bucket.name).key(key);
            let call = call.upload_id(id).part_number(*number);
            let sent = call
                .body(Body::from(part.clone()))
                .set_checksum_crc64_nvme(crc.clone())
                .send()
                .await;
            sent.map_err(|e| of_part(judge(key, e)))
        })
        .await?;
    Ok(CompletedPart::builder()
        .part_number(*number)
        .set_e_tag(answer.e_tag().map(str::to_owned))
        .set_checksum_crc64_nvme(crc)
        .build())
}

/// Lets the server copy a part.
pub(super) async fn copy_part(
    of: &PartOf,
    source: &str,
    range: &str,
) -> Result<CompletedPart, Error> {
    let PartOf {
        bucket,
        key,
        id,
        number,
    } = of;
    let answer = bucket
        .tried(|| async {
            let call = bucket.client.upload_part_copy();
            let call = call.bucket(&bucket.name).key(key).upload_id(id);
            let sent = call
                .part_number(*number)
                .copy_source(source)
                .copy_source_range(range)
                .send()
                .await;
            sent.map_err(|e| judge(key, e))
        })
        .await?;
    let copied = answer.copy_part_result();
    Ok(CompletedPart::builder()
        .part_number(*number)
        .set_e_tag(copied.and_then(|part| part.e_tag()).map(str::to_owned))
        .build())
}

/// A part finds its upload gone when somebody swept it: the whole object is to be sent again.
fn of_part(fault: Fault) -> Fault {
    match fault.error {
        Error::NotFound { key } => Fault::new(Error::Io {
            key,
            source: std::io::Error::other("its upload was given up"),
        }),
        error => Fault { error, ..fault },
    }
}

fn crc_of(bytes: &[u8]) -> String {
    in_base64(crc_fast::checksum(CrcAlgorithm::Crc64Nvme, bytes))
}

/// Writes a checksum as S3 does: most significant byte first, in base64.
pub(super) fn in_base64(crc: u64) -> String {
    aws_smithy_types::base64::encode(crc.to_be_bytes())
}

/// Gives an upload up; succeeds when there is none.
pub(super) async fn abort(bucket: &Bucket, key: &str, id: &str) -> Result<(), Error> {
    let aborted = bucket
        .tried(|| async {
            let call = bucket.client.abort_multipart_upload();
            let call = call.bucket(&bucket.name).key(key).upload_id(id);
            call.send().await.map_err(|e| judge(key, e))
        })
        .await;
    match aborted {
        Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
