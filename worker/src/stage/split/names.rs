//! Names that were met: whether one of them was met again after its pair was complete.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// A read name, shortened so far that two names of one file never share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameDigest(u128);

impl NameDigest {
    /// Digests a name.
    pub fn of(name: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(name).into();
        let (head, _) = digest.split_first_chunk().expect("32 bytes have 16");
        Self(u128::from_be_bytes(*head))
    }

    /// Returns a part of it, for tables.
    pub const fn hash(self) -> u64 {
        (self.0 >> 64) as u64
    }
}

/// Low bits of an entry that hold the record's number; the others hold the name's digest, of
/// which 88 bits are left: among 10⁹ names two are the same with a chance below 10⁻⁸.
const RECORD_BITS: u32 = 40;

/// Bytes of an entry in memory and in the file.
const ENTRY_BYTES: usize = 16;

/// Names with the record at which each was met: sorted stretches in a file, the rest in memory.
pub struct Names {
    folder: PathBuf,
    entries: Vec<u128>,
    most_entries: usize,
    file: Option<File>,
    /// Where each stretch ends in the file.
    ends: Vec<u64>,
}

impl Names {
    /// Keeps about `budget_bytes` of names in memory, the others in a file in `folder`.
    pub fn new(folder: &Path, budget_bytes: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            entries: Vec::new(),
            most_entries: (budget_bytes as usize / ENTRY_BYTES).max(1),
            file: None,
            ends: Vec::new(),
        }
    }

    /// Adds the name of a pair, or of a read without mate, by its first record.
    ///
    /// # Errors
    /// What the file answers.
    pub fn add(&mut self, name: NameDigest, record: u64) -> io::Result<()> {
        let record = u128::from(record) & ((1 << RECORD_BITS) - 1);
        self.entries
            .push(name.0 >> RECORD_BITS << RECORD_BITS | record);
        if self.entries.len() < self.most_entries {
            return Ok(());
        }
        self.spill()
    }

    /// Returns the first record at which a name was added again.
    ///
    /// # Errors
    /// What the file answers.
    pub fn first_repeated(mut self) -> io::Result<Option<u64>> {
        if self.file.is_some() {
            self.spill()?;
        }
        match &self.file {
            Some(file) => repeated(Merged::open(file, &self.ends)?),
            None => {
                self.entries.sort_unstable();
                repeated(self.entries.into_iter().map(Ok))
            }
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(&self.folder)?,
        };
        self.entries.sort_unstable();
        let bytes: Vec<u8> = self.entries.drain(..).flat_map(u128::to_le_bytes).collect();
        let at = self.ends.last().copied().unwrap_or(0);
        let written = file.write_all_at(&bytes, at);
        self.file = Some(file);
        self.ends.push(at + bytes.len() as u64);
        written
    }
}

/// Returns the smallest record that follows another one of its name in sorted entries.
fn repeated(entries: impl Iterator<Item = io::Result<u128>>) -> io::Result<Option<u64>> {
    let mut first: Option<u64> = None;
    let mut before: Option<u128> = None;
    for entry in entries {
        let entry = entry?;
        if before.is_some_and(|before| before >> RECORD_BITS == entry >> RECORD_BITS) {
            let record = (entry & ((1 << RECORD_BITS) - 1)) as u64;
            first = Some(first.map_or(record, |first| first.min(record)));
        }
        before = Some(entry);
    }
    Ok(first)
}

/// The stretches of a file as one sorted sequence.
struct Merged<'a> {
    stretches: Vec<BufReader<Stretch<'a>>>,
    next: BinaryHeap<Reverse<(u128, usize)>>,
}

impl<'a> Merged<'a> {
    fn open(file: &'a File, ends: &[u64]) -> io::Result<Self> {
        let mut merged = Self {
            stretches: Vec::new(),
            next: BinaryHeap::new(),
        };
        let mut at = 0;
        for (index, &end) in ends.iter().enumerate() {
            let stretch = Stretch { file, at, end };
            merged.stretches.push(BufReader::new(stretch));
            merged.advance(index)?;
            at = end;
        }
        Ok(merged)
    }

    fn advance(&mut self, index: usize) -> io::Result<()> {
        let mut bytes = [0; ENTRY_BYTES];
        let stretch = &mut self.stretches[index];
        if stretch.read(&mut bytes[..1])? == 0 {
            return Ok(());
        }
        stretch.read_exact(&mut bytes[1..])?;
        self.next.push(Reverse((u128::from_le_bytes(bytes), index)));
        Ok(())
    }
}

impl Iterator for Merged<'_> {
    type Item = io::Result<u128>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((entry, index)) = self.next.pop()?;
        Some(self.advance(index).map(|()| entry))
    }
}

/// Bytes of a file from a place to another.
struct Stretch<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Stretch<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_repeated_name_is_found_whatever_the_budget() {
        let folder = tempfile::tempdir().unwrap();
        let table: [(&[u8], Option<u64>); 4] = [
            (b"", None),
            (b"abcdefg", None),
            (b"abcdaefb", Some(5)),
            (b"zzz", Some(2)),
        ];
        for budget in [0, 16, 40, 1 << 20] {
            for (met, expected) in table {
                let mut names = Names::new(folder.path(), budget);
                for (at, &name) in met.iter().enumerate() {
                    names.add(NameDigest::of(&[name]), at as u64 + 1).unwrap();
                }
                assert_eq!(names.first_repeated().unwrap(), expected, "{budget}");
            }
        }
    }
}
