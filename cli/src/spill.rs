//! Scratch space of a sort: stretches of files without a name.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

/// Bytes read ahead of each stretch while all are merged.
const READ_AHEAD_BYTES: usize = 64 << 10;

/// Bytes that are written together.
const WRITE_BYTES: usize = 1 << 20;

/// Files of stretches; they go when the program ends, however it ends.
pub struct Spill {
    folder: PathBuf,
    stretches: Vec<File>,
    /// How many of the stretches, the first ones, were merged already.
    merged: usize,
}

impl Spill {
    /// Takes a folder for the files.
    pub fn new_in(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            stretches: Vec::new(),
            merged: 0,
        }
    }

    /// Writes a stretch.
    ///
    /// # Errors
    /// What the file system or `write` answers.
    pub fn add<E: From<io::Error>>(
        &mut self,
        write: impl FnOnce(&mut BufWriter<&File>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut file = tempfile::tempfile_in(&self.folder)?;
        let mut writer = BufWriter::with_capacity(WRITE_BYTES, &file);
        write(&mut writer)?;
        writer.flush()?;
        drop(writer);
        file.rewind()?;
        self.stretches.push(file);
        Ok(())
    }

    /// Says how many stretches wait that are no result of merging.
    pub const fn waiting(&self) -> usize {
        self.stretches.len() - self.merged
    }

    /// Replaces the stretches that wait by one.
    ///
    /// # Errors
    /// What the file system or `merge` answers.
    pub fn merge_waiting<E: From<io::Error>>(
        &mut self,
        merge: impl FnOnce(Vec<BufReader<File>>, &mut BufWriter<&File>) -> Result<(), E>,
    ) -> Result<(), E> {
        let waiting = self.stretches.split_off(self.merged);
        let readers = waiting.into_iter().map(reader).collect();
        self.add(|writer| merge(readers, writer))?;
        self.merged = self.stretches.len();
        Ok(())
    }

    /// Returns the stretches for reading, in the order of writing.
    pub fn into_stretches(self) -> Vec<BufReader<File>> {
        self.stretches.into_iter().map(reader).collect()
    }
}

fn reader(stretch: File) -> BufReader<File> {
    BufReader::with_capacity(READ_AHEAD_BYTES, stretch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn stretches_are_read_side_by_side_and_merged_in_order() {
        let mut spill = Spill::new_in(&std::env::temp_dir());
        let add = |spill: &mut Spill, text: &str| {
            spill.add(|out| out.write_all(text.as_bytes())).unwrap();
        };
        for text in ["first", "", "third"] {
            add(&mut spill, text);
        }
        let merge = |readers: Vec<BufReader<File>>, out: &mut BufWriter<&File>| {
            for mut reader in readers {
                io::copy(&mut reader, out)?;
            }
            Ok::<(), io::Error>(())
        };
        spill.merge_waiting(merge).unwrap();
        assert_eq!(spill.waiting(), 0);
        add(&mut spill, "fourth");
        assert_eq!(spill.waiting(), 1);
        let mut stretches = spill.into_stretches();
        let mut read = |at: usize| {
            let mut text = String::new();
            stretches[at].read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!([read(1), read(0)], ["fourth", "firstthird"]);
    }
}
