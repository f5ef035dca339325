//! A read that goes on at its last byte, of the same object, whatever breaks on the way.

use std::ops::Range;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream as Body;
use aws_sdk_s3::types::ChecksumMode;
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};
use futures::stream::{self, StreamExt};

use super::bucket::Bucket;
use super::fault::{Fault, judge};
use crate::{ByteStream, CHUNK_BYTES, Error, WHOLE};

/// Opens an object and streams a range of it.
pub(super) async fn read(
    bucket: Bucket,
    key: String,
    range: Range<u64>,
) -> Result<ByteStream, Error> {
    if range.is_empty() {
        return Ok(stream::empty().boxed());
    }
    let mut reader = Reader {
        bucket,
        key,
        position: range.start,
        end: range.end,
        tries: 0,
        e_tag: None,
        check: (range == WHOLE).then(|| Check {
            counted: Digest::new(CrcAlgorithm::Crc64Nvme),
            told: None,
        }),
        open: None,
        rest: Bytes::new(),
    };
    // What can't be opened is told at once.
    reader.open = reader.opened().await?;
    let chunks = stream::try_unfold(reader, |mut reader| async move {
        Ok(reader.next().await?.map(|chunk| (chunk, reader)))
    });
    Ok(chunks.boxed())
}

struct Reader {
    bucket: Bucket,
    key: String,
    position: u64,
    /// Of the range; of the object once that is known, if it ends before.
    end: u64,
    /// Since the last byte.
    tries: u32,
    /// Of the object that was opened first.
    e_tag: Option<String>,
    check: Option<Check>,
    open: Option<Body>,
    /// Of a chunk that was larger than one may be.
    rest: Bytes,
}

/// The checksum of a whole object: as counted, and as the server stored it with the object.
struct Check {
    counted: Digest,
    told: Option<String>,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if !self.rest.is_empty() {
                let chunk = self.rest.split_to(self.rest.len().min(CHUNK_BYTES));
                return Ok(Some(chunk));
            }
            if self.position >= self.end {
                return self.finish();
            }
            let Some(mut body) = self.open.take() else {
                self.open = self.opened().await?;
                continue;
            };
            match tokio::time::timeout(self.bucket.options.stall, body.next()).await {
                Ok(Some(Ok(chunk))) => {
                    self.take(chunk)?;
                    self.open = Some(body);
                }
                Ok(None) => self.broke("it is cut short").await?,
                Ok(Some(Err(error))) => self.broke(&error.to_string()).await?,
                Err(_) => self.broke("it stalls").await?,
            }
        }
    }

    /// Takes the next bytes in.
    fn take(&mut self, mut chunk: Bytes) -> Result<(), Error> {
        let left = self.end - self.position;
        if chunk.len() as u64 > left {
            return Err(self.corrupt("the server sent more than was asked for"));
        }
        if !chunk.is_empty() {
            self.tries = 0;
        }
        self.position += chunk.len() as u64;
        if let Some(check) = &mut self.check {
            check.counted.update(&chunk);
        }
        std::mem::swap(&mut self.rest, &mut chunk);
        Ok(())
    }

    /// Waits before the body is asked for again.
    async fn broke(&mut self, reason: &str) -> Result<(), Error> {
        self.tries += 1;
        let fault = Error::Transient {
            key: self.key.clone(),
            reason: reason.to_owned(),
        };
        tracing::debug!(
            key = self.key,
            position = self.position,
            reason,
            "read broke"
        );
        let patience = self.bucket.options.patience;
        patience.outlast(self.tries, fault).await
    }

    fn finish(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(Check { counted, told }) = self.check.take()
            && let Some(told) = told
            && told != super::requests::in_base64(counted.finalize())
        {
            return Err(self.corrupt("its bytes are not those of its CRC64NVME"));
        }
        Ok(None)
    }

    /// Asks for what is left; `None`: nothing is.
    async fn opened(&mut self) -> Result<Option<Body>, Error> {
        let asked = self.bucket.tried(|| async { self.ask().await }).await?;
        let Some(answer) = asked else {
            self.end = self.position;
            return Ok(None);
        };
        let e_tag = answer.e_tag().unwrap_or_default().to_owned();
        // A server may ignore If-Match.
        if self.e_tag.get_or_insert_with(|| e_tag.clone()) != &e_tag {
            let key = self.key.clone();
            return Err(Error::Changed { key });
        }
        let length = answer.content_length().and_then(|n| u64::try_from(n).ok());
        match (answer.content_range().map(parse_range), length) {
            (Some(Some((start, total))), _) if start == self.position => {
                self.end = self.end.min(total);
            }
            (None, Some(length)) if self.position == 0 => self.end = self.end.min(length),
            _ => return Err(self.corrupt("the server answers with another range")),
        }
        if let Some(check) = &mut self.check {
            let told = answer.checksum_crc64_nvme().map(str::to_owned);
            check.told = check.told.take().or(told);
        }
        Ok(Some(answer.body))
    }

    /// Asks once; `None`: the range begins past the end.
    async fn ask(&self) -> Result<Option<GetObjectOutput>, Fault> {
        let range = match (self.position, self.end) {
            (0, u64::MAX) => None,
            (start, u64::MAX) => Some(format!("bytes={start}-")),
            (start, end) => Some(format!("bytes={start}-{}", end - 1)),
        };
        let wants_checksum = self.check.is_some() && range.is_none();
        let call = self.bucket.client.get_object();
        let call = call.bucket(&self.bucket.name).key(&self.key);
        let sent = call
            .set_range(range)
            .set_if_match(self.e_tag.clone())
            .set_checksum_mode(wants_checksum.then_some(ChecksumMode::Enabled))
            .send()
            .await;
        match sent.map_err(|error| judge(&self.key, error)) {
            Ok(answer) => Ok(Some(answer)),
            Err(fault) if fault.code == "InvalidRange" => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn corrupt(&self, reason: &str) -> Error {
        Error::Corrupt {
            key: self.key.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// Takes start and total out of `bytes START-END/TOTAL`.
fn parse_range(text: &str) -> Option<(u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_answers_are_understood() {
        assert_eq!(parse_range("bytes 5-9/20"), Some((5, 20)));
        assert_eq!(parse_range("bytes */20"), None);
        assert_eq!(parse_range("5-9/20"), None);
    }
}
