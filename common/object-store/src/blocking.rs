//! A stream of chunks for code that blocks.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use futures::StreamExt;
use tokio::runtime::Handle;

use crate::{ByteStream, Error};

/// Reads a stream on the threads of a runtime. Not for those threads themselves.
pub struct BlockingReader {
    runtime: Handle,
    stream: ByteStream,
    chunk: Bytes,
}

impl BlockingReader {
    /// Wraps a stream.
    pub const fn new(runtime: Handle, stream: ByteStream) -> Self {
        Self {
            runtime,
            stream,
            chunk: Bytes::new(),
        }
    }
}

impl Read for BlockingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() && !buffer.is_empty() {
            match self.runtime.block_on(self.stream.next()) {
                None => return Ok(0),
                Some(next) => self.chunk = next?,
            }
        }
        let count = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// The error travels inside; its kind says what can be decided from it.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::NotFound { .. } => io::ErrorKind::NotFound,
            Error::Full { .. } => io::ErrorKind::StorageFull,
            Error::Denied { .. } | Error::Expired { .. } => io::ErrorKind::PermissionDenied,
            Error::Transient { .. } => io::ErrorKind::TimedOut,
            Error::Io { source, .. } => source.kind(),
            Error::Corrupt { .. } | Error::Changed { .. } | Error::Key(_) => {
                io::ErrorKind::InvalidData
            }
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    #[test]
    fn chunks_are_read_through_and_faults_keep_their_kind() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let lost = || Error::NotFound { key: "k".into() };
        let chunks = [
            Ok(Bytes::from_static(b"abc")),
            Ok(Bytes::new()),
            Ok("de".into()),
            Err(lost()),
        ];
        let stream = stream::iter(chunks).boxed();
        let mut reader = BlockingReader::new(runtime.handle().clone(), stream);
        let mut five = [0; 5];
        reader.read_exact(&mut five).unwrap();
        assert_eq!(&five, b"abcde");
        let fault = reader.read(&mut five).unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::NotFound);
    }
}
