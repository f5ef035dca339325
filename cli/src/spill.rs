//! Scratch space of a sort: stretches of one file without a name.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Bytes read ahead of each stretch while all are merged.
const READ_AHEAD_BYTES: usize = 64 << 10;

/// A file of stretches; it goes when the program ends, however it ends.
pub struct Spill {
    file: Arc<File>,
    stretches: Vec<Range<u64>>,
}

impl Spill {
    /// Makes an empty file in a folder.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn new_in(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Arc::new(tempfile::tempfile_in(folder)?),
            stretches: Vec::new(),
        })
    }

    /// Returns where the next stretch is to be written.
    pub fn writer(&self) -> BufWriter<Arc<File>> {
        BufWriter::with_capacity(1 << 20, Arc::clone(&self.file))
    }

    /// Ends the stretch that was written last.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn end_stretch(&mut self, mut writer: BufWriter<Arc<File>>) -> io::Result<()> {
        writer.flush()?;
        let start = self.stretches.last().map_or(0, |last| last.end);
        self.stretches.push(start..self.file.metadata()?.len());
        Ok(())
    }

    /// Returns the stretches for reading.
    pub fn into_stretches(self) -> Vec<BufReader<Stretch>> {
        let stretch = |bytes: &Range<u64>| {
            let file = Arc::clone(&self.file);
            let bytes = bytes.clone();
            BufReader::with_capacity(READ_AHEAD_BYTES, Stretch { file, bytes })
        };
        self.stretches.iter().map(stretch).collect()
    }
}

/// One stretch, read at a place of its own.
pub struct Stretch {
    file: Arc<File>,
    bytes: Range<u64>,
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.end - self.bytes.start).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let read = self.file.read_at(&mut buffer[..length], self.bytes.start)?;
        self.bytes.start += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_read_side_by_side() {
        let mut spill = Spill::new_in(&std::env::temp_dir()).unwrap();
        for text in ["first", "", "third"] {
            let mut writer = spill.writer();
            writer.write_all(text.as_bytes()).unwrap();
            spill.end_stretch(writer).unwrap();
        }
        let mut stretches = spill.into_stretches();
        let mut read = |at: usize| {
            let mut text = String::new();
            stretches[at].read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!([read(2), read(0), read(1)], ["third", "first", ""]);
    }
}
