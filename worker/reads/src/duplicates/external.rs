//! Sorting any number of packed keys in bounded memory.

use std::io::{Read, Write};

use rayon::slice::ParallelSliceMut;

use crate::container::Error;
use crate::merge::Merged;
use crate::scratch::{FrameReader, FrameWriter};

/// Bytes of a word.
const WORD_BYTES: usize = 8;

/// Keys of so many words, some of them on scratch storage.
#[derive(Debug)]
pub struct KeySorter<const WORDS: usize> {
    keys: Vec<[u64; WORDS]>,
    most: usize,
}

impl<const WORDS: usize> KeySorter<WORDS> {
    /// Keeps about so many bytes in memory.
    pub const fn new(memory_bytes: usize) -> Self {
        Self {
            keys: Vec::new(),
            most: memory_bytes / (WORDS * WORD_BYTES),
        }
    }

    /// Takes a key.
    pub fn push(&mut self, key: [u64; WORDS]) {
        if self.keys.len() == self.keys.capacity() {
            self.make_room();
        }
        self.keys.push(key);
    }

    /// Makes room for all keys at once where the system lends it: memory that no key reaches is
    /// never touched, and none is copied. Else room grows by steps.
    fn make_room(&mut self) {
        let more = self.most.saturating_sub(self.keys.len());
        if more == 0 || self.keys.try_reserve_exact(more).is_err() {
            let step = (self.keys.len() / 4).max(1 << 10);
            self.keys.reserve_exact(step);
        }
    }

    /// Says whether it is time to spill.
    pub const fn is_full(&self) -> bool {
        self.keys.len() >= self.most
    }

    /// Writes all keys held, sorted, and forgets them.
    ///
    /// # Errors
    /// [`Error::Io`] if the output fails.
    pub fn spill(&mut self, out: &mut impl Write) -> Result<(), Error> {
        let mut stretch = FrameWriter::new(out);
        for key in self.sorted() {
            stretch.item(|frame| {
                let bytes = key.iter().flat_map(|word| word.to_le_bytes());
                frame.extend(bytes);
            })?;
        }
        self.keys.clear();
        stretch.finish()
    }

    /// Returns all keys in order: those spilled to these streams, and those held.
    ///
    /// # Errors
    /// The first error of a stream.
    pub fn merge<R: Read>(
        mut self,
        scratch: Vec<R>,
    ) -> Result<impl Iterator<Item = Result<[u64; WORDS], Error>>, Error> {
        self.sorted();
        let mut streams: Vec<Stretch<R, WORDS>> =
            scratch.into_iter().map(Stretch::spilled).collect();
        streams.push(Stretch::Held(self.keys.into_iter()));
        Merged::new(streams)
    }

    fn sorted(&mut self) -> &[[u64; WORDS]] {
        self.keys.par_sort_unstable();
        &self.keys
    }
}

/// A sorted stretch of keys.
enum Stretch<R, const WORDS: usize> {
    Spilled { frames: FrameReader<R>, next: usize },
    Held(std::vec::IntoIter<[u64; WORDS]>),
}

impl<R: Read, const WORDS: usize> Stretch<R, WORDS> {
    const fn spilled(input: R) -> Self {
        Self::Spilled {
            frames: FrameReader::new(input),
            next: 0,
        }
    }

    fn advance(&mut self) -> Result<Option<[u64; WORDS]>, Error> {
        let (frames, next) = match self {
            Self::Held(keys) => return Ok(keys.next()),
            Self::Spilled { frames, next } => (frames, next),
        };
        if *next == frames.frame().len() {
            if !frames.next_frame()? {
                return Ok(None);
            }
            *next = 0;
        }
        let bytes = frames.frame().get(*next..*next + WORDS * WORD_BYTES);
        let bytes = bytes.ok_or(Error::Truncated {
            what: "spilled key",
        })?;
        *next += bytes.len();
        let mut key = [0; WORDS];
        for (word, bytes) in key.iter_mut().zip(bytes.chunks_exact(WORD_BYTES)) {
            *word = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        }
        Ok(Some(key))
    }
}

impl<R: Read, const WORDS: usize> Iterator for Stretch<R, WORDS> {
    type Item = Result<[u64; WORDS], Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spilling_changes_nothing(
            keys in prop::collection::vec((any::<u64>(), 0u64..9), 0..200), memory in 16usize..2_000,
        ) {
            let mut sorter = KeySorter::<2>::new(memory);
            let mut scratch: Vec<Vec<u8>> = Vec::new();
            for &(high, low) in &keys {
                sorter.push([high % 5, low]);
                if sorter.is_full() {
                    let mut bytes = Vec::new();
                    sorter.spill(&mut bytes).unwrap();
                    scratch.push(bytes);
                }
            }
            let streams = scratch.iter().map(Vec::as_slice).collect();
            let found: Vec<[u64; 2]> =
                sorter.merge(streams).unwrap().collect::<Result<_, _>>().unwrap();
            let mut expected: Vec<[u64; 2]> =
                keys.iter().map(|&(high, low)| [high % 5, low]).collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
