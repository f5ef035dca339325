//! Reading an object, from a file or from a stream that runs ahead.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::vec;

use bytes::{Buf, Bytes};
use common::failure::Failure;
use common::ids::Sha256;
use common::task::ObjectRef;
use futures::StreamExt;
use object_store::{ByteStream, Error as StoreError};
use sha2::Digest;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::error;

/// Parcels of chunks that are fetched ahead of the reader.
const AHEAD: usize = 4;

/// Bytes of a parcel, or more by one chunk: each wakes the reader up.
const PARCEL_BYTES: usize = 1 << 18;

type Parcel = Vec<Result<Bytes, StoreError>>;

/// Bytes in order, of a file or of a store that is far away.
pub(crate) enum Chunks {
    File(io::Take<File>),
    Stream {
        receiver: mpsc::Receiver<Parcel>,
        parcel: vec::IntoIter<Result<Bytes, StoreError>>,
        chunk: Bytes,
    },
}

impl Chunks {
    /// Opens a range of a file.
    pub fn of_file(path: &Path, range: Range<u64>) -> io::Result<Self> {
        let mut file = File::open(path)?;
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start))?;
        }
        Ok(Self::File(file.take(range.end - range.start)))
    }

    /// Lets a stream run ahead on the runtime; it ends when this is dropped.
    pub fn of_stream(runtime: &Handle, mut stream: ByteStream) -> Self {
        let (sender, receiver) = mpsc::channel(AHEAD);
        runtime.spawn(async move {
            loop {
                let parcel = parcel(&mut stream).await;
                if parcel.is_empty() || sender.send(parcel).await.is_err() {
                    return;
                }
            }
        });
        Self::Stream {
            receiver,
            parcel: Vec::new().into_iter(),
            chunk: Bytes::new(),
        }
    }

    /// Reads as `Read::read`; `judge` says what a fault of the store means.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        judge: impl Fn(StoreError) -> Failure,
    ) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Stream {
                receiver,
                parcel,
                chunk,
            } => {
                while chunk.is_empty() && !buffer.is_empty() {
                    match parcel.next() {
                        Some(Ok(next)) => *chunk = next,
                        Some(Err(fault)) => return Err(error::into_io(judge(fault))),
                        None => match receiver.blocking_recv() {
                            None => return Ok(0),
                            Some(next) => *parcel = next.into_iter(),
                        },
                    }
                }
                let count = chunk.len().min(buffer.len());
                chunk.split_to(count).copy_to_slice(&mut buffer[..count]);
                Ok(count)
            }
        }
    }
}

/// Waits for the next chunks of a stream; none at its end.
async fn parcel(stream: &mut ByteStream) -> Parcel {
    let (mut parcel, mut bytes) = (Parcel::new(), 0);
    while bytes < PARCEL_BYTES
        && let Some(chunk) = stream.next().await
    {
        bytes += chunk.as_ref().map_or(PARCEL_BYTES, Bytes::len);
        parcel.push(chunk);
    }
    parcel
}

/// Reads an object, or a range of it, and checks at the end that all of it came.
pub struct ObjectReader {
    chunks: Chunks,
    key: String,
    wanted: u64,
    seen: u64,
    digest: Option<(sha2::Sha256, Sha256)>,
}

impl ObjectReader {
    pub(super) fn verified(chunks: Chunks, object: ObjectRef) -> Self {
        let ObjectRef {
            key,
            size_bytes,
            sha256,
        } = object;
        let digest = Some((sha2::Sha256::new(), sha256));
        Self {
            chunks,
            key,
            wanted: size_bytes,
            seen: 0,
            digest,
        }
    }

    pub(super) fn ranged(chunks: Chunks, key: String, wanted: u64) -> Self {
        Self {
            chunks,
            key,
            wanted,
            seen: 0,
            digest: None,
        }
    }

    fn check_end(&mut self) -> io::Result<()> {
        if self.seen != self.wanted {
            return Err(self.lost(&format!("has {} bytes, not {}", self.seen, self.wanted)));
        }
        let Some((digest, expected)) = self.digest.take() else {
            return Ok(());
        };
        if digest.finalize()[..] != expected.0 {
            return Err(self.lost("has another digest than was written"));
        }
        Ok(())
    }

    fn lost(&self, what: &str) -> io::Error {
        let message = format!("object {} {what}", self.key);
        error::into_io(error::lost(&self.key, &message))
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.chunks.read(buffer, error::reading)?;
        if count == 0 && !buffer.is_empty() {
            self.check_end()?;
        }
        self.seen += count as u64;
        if let Some((digest, _)) = &mut self.digest {
            digest.update(&buffer[..count]);
        }
        Ok(count)
    }
}
