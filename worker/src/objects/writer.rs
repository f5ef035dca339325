//! Writing an object: straight into the store, or by way of scratch where its writers may break.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use common::backoff::Backoff;
use common::failure::Failure;
use common::task::ObjectRef;
use object_store::{CHUNK_BYTES, Error as StoreError, Key, ObjectWriter, Written};

use super::Objects;
use crate::error;

/// Waits between uploads; together they outlast a controller that is away for some minutes.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(500),
    cap: Duration::from_secs(10),
};
const TRIES: u32 = 60;

/// An object being written; dropped without commit, nothing of it appears.
pub struct OutputWriter {
    objects: Objects,
    key: Key,
    target: Target,
}

enum Target {
    /// The store's own writer, behind a buffer.
    Direct {
        writer: Box<dyn ObjectWriter>,
        buffer: BytesMut,
    },
    /// A scratch file that is sent when it is complete, again if need be.
    Spooled(File),
}

impl OutputWriter {
    pub(super) fn start(objects: Objects, key: Key, scratch: &Path) -> Result<Self, Failure> {
        let target = if objects.store.is_patient() {
            let writer = objects.runtime.block_on(objects.store.writer(&key));
            let writer = writer.map_err(error::writing)?;
            Target::Direct {
                writer,
                buffer: BytesMut::with_capacity(CHUNK_BYTES),
            }
        } else {
            let file = tempfile::tempfile_in(scratch).map_err(|e| error::storage(&e))?;
            Target::Spooled(file)
        };
        Ok(Self {
            objects,
            key,
            target,
        })
    }

    /// Makes the object durable and visible.
    ///
    /// # Errors
    /// What the store or the disk answers.
    pub fn commit(self) -> Result<ObjectRef, Failure> {
        let Self {
            objects,
            key,
            target,
        } = self;
        let written = match target {
            Target::Direct { mut writer, buffer } => {
                let rest = buffer.freeze();
                objects.runtime.block_on(async {
                    writer.write(rest).await?;
                    writer.commit().await
                })
            }
            Target::Spooled(file) => return upload(&objects, &key, file),
        };
        Ok(named(&key, written.map_err(error::writing)?))
    }
}

impl Write for OutputWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            Target::Spooled(file) => file.write(bytes),
            Target::Direct { writer, buffer } => {
                let count = bytes.len().min(CHUNK_BYTES - buffer.len());
                buffer.extend_from_slice(&bytes[..count]);
                if buffer.len() == CHUNK_BYTES {
                    let chunk = buffer.split().freeze();
                    let written = self.objects.runtime.block_on(writer.write(chunk));
                    written.map_err(|e| error::into_io(error::writing(e)))?;
                    buffer.reserve(CHUNK_BYTES);
                }
                Ok(count)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // Bytes count when they are committed, not before.
        Ok(())
    }
}

fn upload(objects: &Objects, key: &Key, mut file: File) -> Result<ObjectRef, Failure> {
    let mut tries = 0;
    loop {
        file.rewind().map_err(|e| error::storage(&e))?;
        match send(objects, key, &mut file)? {
            Ok(written) => return Ok(named(key, written)),
            Err(fault) => {
                tries += 1;
                if !fault.is_retryable() || tries >= TRIES {
                    return Err(error::writing(fault));
                }
                tracing::debug!(%key, tries, %fault, "object is sent again");
                let wait = BACKOFF.wait(tries - 1, rand::random());
                objects
                    .runtime
                    .block_on(async { tokio::time::sleep(wait).await });
            }
        }
    }
}

/// Sends a file once: the outer error is of the disk, the inner one of the store.
fn send(
    objects: &Objects,
    key: &Key,
    file: &mut File,
) -> Result<Result<Written, StoreError>, Failure> {
    let runtime = &objects.runtime;
    let mut writer = match runtime.block_on(objects.store.writer(key)) {
        Ok(writer) => writer,
        Err(fault) => return Ok(Err(fault)),
    };
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let taken = Read::by_ref(file)
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut chunk);
        if taken.map_err(|e| error::storage(&e))? == 0 {
            return Ok(runtime.block_on(writer.commit()));
        }
        if let Err(fault) = runtime.block_on(writer.write(Bytes::from(chunk))) {
            return Ok(Err(fault));
        }
    }
}

fn named(key: &Key, written: Written) -> ObjectRef {
    let Written { size_bytes, sha256 } = written;
    ObjectRef {
        key: key.to_string(),
        size_bytes,
        sha256,
    }
}
