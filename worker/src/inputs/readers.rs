//! Readers of inputs: one that notices when a file changes under it, one that counts a digest.

use std::fs::File;
use std::io::{self, Read, Write};

use common::failure::Failure;
use common::ids::Sha256;
use common::location::Location;
use object_store::Stat;
use sha2::Digest;

use super::{Inputs, changed};
use crate::error;
use crate::objects::Chunks;

/// Copies a reader into a file.
pub(crate) fn copy(reader: &mut dyn Read, file: &mut File) -> Result<(), Failure> {
    let mut buffer = vec![0; object_store::CHUNK_BYTES];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
            Err(fault) => return Err(error::storage(&fault)),
        };
        file.write_all(&buffer[..count])
            .map_err(|e| error::storage(&e))?;
    }
}

/// Counts the digest of what is read.
pub(super) struct Digesting<'a> {
    inner: &'a mut dyn Read,
    digest: sha2::Sha256,
}

impl<'a> Digesting<'a> {
    /// Begins.
    pub(super) fn new(inner: &'a mut dyn Read) -> Self {
        Self {
            inner,
            digest: sha2::Sha256::new(),
        }
    }

    /// Returns the digest of what was read.
    pub(super) fn finish(self) -> Sha256 {
        Sha256(self.digest.finalize().into())
    }
}

impl Read for Digesting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}

/// Reads an input, and fails at its end if it is no longer what was opened.
pub(super) struct InputReader {
    inputs: Inputs,
    location: Location,
    chunks: Chunks,
    opened: Stat,
}

impl InputReader {
    /// Begins with the chunks of an input, and what it was when it was opened.
    pub(super) fn new(
        inputs: Inputs,
        location: Location,
        (chunks, opened): (Chunks, Stat),
    ) -> Self {
        Self {
            inputs,
            location,
            chunks,
            opened,
        }
    }
}

impl Read for InputReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let location = &self.location;
        let count = self
            .chunks
            .read(buffer, |fault| error::input(location, fault))?;
        if count == 0 && !buffer.is_empty() {
            let now = self.inputs.find(location).map_err(error::into_io)?;
            if now.stat != self.opened {
                return Err(error::into_io(changed(location)));
            }
        }
        Ok(count)
    }
}
