//! A file as a stream of chunks.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt};

use super::blocking;
use crate::{ByteStream, CHUNK_BYTES, Error, Stat};

/// Returns size and time of an open file.
///
/// # Errors
/// What the system says.
pub fn stat_file(file: &File) -> io::Result<Stat> {
    let data = file.metadata()?;
    let modified_ns = data
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(data.mtime_nsec());
    Ok(Stat {
        size_bytes: data.len(),
        modified_ns,
    })
}

/// Streams a range of a file up to its end; `name` stands in errors.
pub fn stream_file(file: File, name: String, range: Range<u64>) -> ByteStream {
    let start = (Arc::new(file), Arc::<str>::from(name), range.start);
    let end = range.end;
    stream::try_unfold(start, move |(file, name, position)| async move {
        let wanted = end.saturating_sub(position).min(CHUNK_BYTES as u64) as usize;
        if wanted == 0 {
            return Ok(None);
        }
        let (source, label) = (Arc::clone(&file), Arc::clone(&name));
        let chunk = blocking(move || {
            let read = read_chunk(&source, position, wanted);
            read.map_err(|e| Error::of_io(&*label, e))
        })
        .await?;
        let next = position + chunk.len() as u64;
        Ok((!chunk.is_empty()).then_some((chunk, (file, name, next))))
    })
    .boxed()
}

/// Reads `wanted` bytes, fewer only at the end of the file.
fn read_chunk(file: &File, position: u64, wanted: usize) -> io::Result<Bytes> {
    let mut chunk = vec![0; wanted];
    let mut filled = 0;
    while filled < wanted {
        match file.read_at(&mut chunk[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(filled);
    Ok(chunk.into())
}
