//! Reads that wait for their mates: in memory up to a budget, the older ones in a spill file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::names::NameDigest;
use super::waiting::Waiting;

/// The reads that wait, by name.
pub struct Mates {
    /// The reads met last.
    young: FxHashMap<Vec<u8>, Waiting>,
    young_bytes: u64,
    budget_bytes: u64,
    spill: Spill,
}

impl Mates {
    /// Keeps about `budget_bytes` of reads in memory, the others in a file in `folder`.
    pub fn new(folder: &Path, budget_bytes: u64) -> Self {
        Self {
            young: FxHashMap::default(),
            young_bytes: 0,
            budget_bytes,
            spill: Spill::new(folder),
        }
    }

    /// Takes out the read of a name.
    ///
    /// # Errors
    /// What the spill file answers.
    pub fn take(&mut self, name: &[u8], digest: NameDigest) -> io::Result<Option<Waiting>> {
        if let Some(waiting) = self.young.remove(name) {
            self.young_bytes -= waiting.memory_bytes();
            return Ok(Some(waiting));
        }
        self.spill.take(name, digest)
    }

    /// Keeps a read, which is the only one of its name.
    ///
    /// # Errors
    /// What the spill file answers.
    pub fn keep(&mut self, waiting: Waiting) -> io::Result<()> {
        self.young_bytes += waiting.memory_bytes();
        self.young.insert(waiting.read.name.clone(), waiting);
        if self.young_bytes <= self.budget_bytes {
            return Ok(());
        }
        self.young_bytes = 0;
        for (name, waiting) in self.young.drain() {
            self.spill.keep(&waiting, NameDigest::of(&name))?;
        }
        self.spill.flush()
    }

    /// Returns how many reads wait.
    pub fn len(&self) -> u64 {
        (self.young.len() + self.spill.places.len()) as u64
    }

    /// Gives the name and the record number of each read that waits, in no particular order.
    ///
    /// # Errors
    /// What the spill file or `sink` answers.
    pub fn for_each(
        &self,
        mut sink: impl FnMut(NameDigest, u64) -> io::Result<()>,
    ) -> io::Result<()> {
        for (name, waiting) in &self.young {
            sink(NameDigest::of(name), waiting.record)?;
        }
        let mut offsets: Vec<u64> = self
            .spill
            .places
            .iter()
            .map(|&(_, offset)| offset)
            .collect();
        offsets.sort_unstable();
        for offset in offsets {
            let waiting = self.spill.read(offset)?;
            sink(NameDigest::of(&waiting.read.name), waiting.record)?;
        }
        Ok(())
    }
}

/// Reads in a file without a name, found by a hash of theirs.
struct Spill {
    folder: PathBuf,
    file: Option<File>,
    written_bytes: u64,
    /// What follows in the file.
    unwritten: Vec<u8>,
    /// Hash of the name and offset of each read.
    places: BTreeSet<(u64, u64)>,
}

impl Spill {
    /// Bytes that are written at a time.
    const PIECE_BYTES: usize = 1 << 20;

    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            file: None,
            written_bytes: 0,
            unwritten: Vec::new(),
            places: BTreeSet::new(),
        }
    }

    fn keep(&mut self, waiting: &Waiting, digest: NameDigest) -> io::Result<()> {
        let offset = self.written_bytes + self.unwritten.len() as u64;
        waiting.encode(&mut self.unwritten);
        self.places.insert((digest.hash(), offset));
        if self.unwritten.len() >= Self::PIECE_BYTES {
            return self.flush();
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(&self.folder)?,
        };
        let written = file.write_all_at(&self.unwritten, self.written_bytes);
        self.file = Some(file);
        written?;
        self.written_bytes += self.unwritten.len() as u64;
        self.unwritten.clear();
        Ok(())
    }

    fn take(&mut self, name: &[u8], digest: NameDigest) -> io::Result<Option<Waiting>> {
        let hash = digest.hash();
        let same_hash = self.places.range((hash, 0)..=(hash, u64::MAX));
        for &(_, offset) in same_hash {
            let waiting = self.read(offset)?;
            if waiting.read.name == name {
                self.places.remove(&(hash, offset));
                return Ok(Some(waiting));
            }
        }
        Ok(None)
    }

    fn read(&self, offset: u64) -> io::Result<Waiting> {
        let damaged = || io::Error::other("the spill file of waiting reads is damaged");
        let file = self.file.as_ref().ok_or_else(damaged)?;
        let mut size = [0; 4];
        file.read_exact_at(&mut size, offset)?;
        let size = u32::from_le_bytes(size);
        if offset + u64::from(size) > self.written_bytes {
            return Err(damaged());
        }
        let mut bytes = vec![0; size as usize];
        file.read_exact_at(&mut bytes, offset + 4)?;
        Waiting::decode(&bytes).ok_or_else(damaged)
    }
}
