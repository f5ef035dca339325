//! What a server honours, found out with a small object: some ignore conditions in silence.

use aws_sdk_s3::primitives::ByteStream as Body;

use super::bucket::{Bucket, Tags};
use super::fault::{Fault, judge};
use super::requests::{Wish, in_base64, put};
use crate::Error;

/// What a server honours. Correctness never rests on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// `If-None-Match: *` keeps a write from replacing an object.
    pub if_none_match: bool,
    /// `If-Match` keeps a write from replacing another version.
    pub if_match: bool,
    /// A CRC64NVME that does not fit is refused.
    pub checksums: bool,
}

/// Tries each of them on an object, which is removed again.
pub(super) async fn probe(bucket: &Bucket, trial: &str) -> Result<Capabilities, Error> {
    let key = format!("{trial}-{:016x}", rand::random::<u64>());
    put(bucket, &key, b"probe".as_slice().into(), &Wish::default()).await?;
    let found = look(bucket, &key).await;
    let removed = bucket.delete(&key).await;
    let found = found?;
    removed?;
    let Capabilities {
        if_none_match,
        if_match,
        checksums,
    } = found;
    let name = bucket.name();
    tracing::info!(
        bucket = name,
        if_none_match,
        if_match,
        checksums,
        "S3 is probed"
    );
    if !if_none_match || !if_match {
        tracing::warn!(
            bucket = name,
            "this server ignores conditional writes: the journal alone keeps outputs single"
        );
    }
    Ok(found)
}

async fn look(bucket: &Bucket, key: &str) -> Result<Capabilities, Error> {
    // What was written must be read back.
    let _stat: (_, Tags) = bucket.look(key).await?;
    Ok(Capabilities {
        if_none_match: refuses(bucket, key, Condition::Absent).await?,
        if_match: refuses(bucket, key, Condition::Version).await?,
        checksums: refuses(bucket, key, Condition::Checksum).await?,
    })
}

/// A condition that does not hold.
#[derive(Debug, Clone, Copy)]
enum Condition {
    Absent,
    Version,
    Checksum,
}

/// Says whether the server refuses a write under a condition that does not hold.
async fn refuses(bucket: &Bucket, key: &str, condition: Condition) -> Result<bool, Error> {
    let outcome = bucket
        .tried(|| async {
            let call = bucket.client.put_object().bucket(&bucket.name).key(key);
            let call = call.body(Body::from_static(b"probe"));
            let call = match condition {
                Condition::Absent => call.if_none_match("*"),
                Condition::Version => call.if_match("\"00000000000000000000000000000000\""),
                Condition::Checksum => call.checksum_crc64_nvme(in_base64(0)),
            };
            match call.send().await {
                Ok(_) => Ok(false),
                Err(error) => refused(judge(key, error)),
            }
        })
        .await;
    match outcome {
        Ok(refused) => Ok(refused),
        // A header that the server does not know may break the request.
        Err(Error::Io { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn refused(fault: Fault) -> Result<bool, Fault> {
    let is_digest = ["BadDigest", "XAmzContentChecksumMismatch", "InvalidDigest"]
        .contains(&fault.code.as_str());
    if is_digest || matches!(fault.error, Error::Changed { .. }) {
        Ok(true)
    } else {
        Err(fault)
    }
}
