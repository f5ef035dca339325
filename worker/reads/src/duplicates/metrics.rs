//! What duplicate marking counts: integers that add up in any order.

use genome::record::Flags;

use super::histogram::Histogram;
use crate::container::{Decoder, Error, put_varint};

/// The counts of one library. Reads of pairs are counted one by one, and halved when printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LibraryMetrics {
    /// Mapped primary reads without a mapped mate.
    pub unpaired_reads: u64,
    /// Mapped primary reads with a mapped mate.
    pub paired_reads: u64,
    /// Secondary and supplementary records.
    pub secondary_or_supplementary: u64,
    /// Unmapped reads.
    pub unmapped_reads: u64,
    /// Duplicates among [`Self::unpaired_reads`].
    pub unpaired_duplicates: u64,
    /// Duplicates among [`Self::paired_reads`].
    pub paired_duplicates: u64,
    /// Pairs that are optical duplicates.
    pub optical_pairs: u64,
}

impl LibraryMetrics {
    fn fields(&mut self) -> [&mut u64; 7] {
        let Self {
            unpaired_reads,
            paired_reads,
            secondary_or_supplementary,
            unmapped_reads,
            unpaired_duplicates,
            paired_duplicates,
            optical_pairs,
        } = self;
        [
            unpaired_reads,
            paired_reads,
            secondary_or_supplementary,
            unmapped_reads,
            unpaired_duplicates,
            paired_duplicates,
            optical_pairs,
        ]
    }

    /// Returns which share of the mapped primary reads are duplicates, as Picard defines it.
    pub fn duplicate_fraction(&self) -> f64 {
        let pairs = self.paired_reads / 2;
        let duplicates = self.unpaired_duplicates + 2 * (self.paired_duplicates / 2);
        let examined = self.unpaired_reads + 2 * pairs;
        if examined == 0 {
            return 0.0;
        }
        duplicates as f64 / examined as f64
    }
}

/// The counts of all libraries, and how large the duplicate sets of pairs are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DuplicateMetrics {
    /// By index of the library; it grows as libraries are met.
    pub libraries: Vec<LibraryMetrics>,
    /// Sizes of the sets.
    pub all_sets: Histogram,
    /// Optical duplicates in a set and one, where there are any.
    pub optical_sets: Histogram,
    /// Sizes of the sets without their optical duplicates.
    pub non_optical_sets: Histogram,
}

impl DuplicateMetrics {
    /// Counts a record by its flags, of which that of duplicates is final.
    pub fn add_record(&mut self, flags: Flags, library: u16) {
        let counts = self.library(library);
        let duplicate = u64::from(flags.is_duplicate());
        if flags.is_unmapped() {
            counts.unmapped_reads += 1;
        } else if !flags.is_primary() {
            counts.secondary_or_supplementary += 1;
        } else if !flags.is_paired() || flags.is_mate_unmapped() {
            counts.unpaired_reads += 1;
            counts.unpaired_duplicates += duplicate;
        } else {
            counts.paired_reads += 1;
            counts.paired_duplicates += duplicate;
        }
    }

    /// Counts a set of pairs.
    pub(super) fn add_set(&mut self, library: u16, size: u64, optical: u64) {
        self.all_sets.add(size);
        if optical > 0 {
            self.optical_sets.add(optical + 1);
            self.library(library).optical_pairs += optical;
        }
        if size > optical {
            self.non_optical_sets.add(size - optical);
        }
    }

    /// Adds the counts of another part of the genome.
    pub fn merge(&mut self, other: &Self) {
        for (index, library) in other.libraries.iter().enumerate() {
            let mut theirs = *library;
            let mine = self.library(index as u16).fields();
            for (mine, theirs) in mine.into_iter().zip(theirs.fields()) {
                *mine += *theirs;
            }
        }
        self.all_sets.merge(&other.all_sets);
        self.optical_sets.merge(&other.optical_sets);
        self.non_optical_sets.merge(&other.non_optical_sets);
    }

    /// Appends the metrics' bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.libraries.len() as u64);
        for library in &self.libraries {
            let mut library = *library;
            for field in library.fields() {
                put_varint(out, *field);
            }
        }
        for histogram in [&self.all_sets, &self.optical_sets, &self.non_optical_sets] {
            histogram.encode(out);
        }
    }

    /// Reads metrics back.
    ///
    /// # Errors
    /// [`Error`] if the bytes are not metrics.
    pub fn decode(fields: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut libraries = Vec::new();
        for _ in 0..fields.count()? {
            let mut library = LibraryMetrics::default();
            for field in library.fields() {
                *field = fields.varint()?;
            }
            libraries.push(library);
        }
        Ok(Self {
            libraries,
            all_sets: Histogram::decode(fields)?,
            optical_sets: Histogram::decode(fields)?,
            non_optical_sets: Histogram::decode(fields)?,
        })
    }

    fn library(&mut self, index: u16) -> &mut LibraryMetrics {
        let index = usize::from(index);
        if self.libraries.len() <= index {
            self.libraries.resize(index + 1, LibraryMetrics::default());
        }
        &mut self.libraries[index]
    }
}
