//! A batch of reads as it comes from a sequencer, in one arena.

/// Reads in input order; mates of a pair are neighbours.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    total_bases: u64,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    name: u32,
    bases: u32,
    qualities: u32,
}

/// One read of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read<'a> {
    /// Name without `/1`, `/2` and without comment.
    pub name: &'a [u8],
    /// Bases as letters, as they came.
    pub bases: &'a [u8],
    /// Raw Phred qualities, as many as bases; empty when there are none (FASTA).
    pub qualities: &'a [u8],
}

impl Reads {
    /// Appends a read; `qualities` are raw Phred, as many as `bases` or none.
    pub fn push(&mut self, read: Read<'_>) {
        debug_assert!(read.qualities.is_empty() || read.qualities.len() == read.bases.len());
        let start = self.bytes.len();
        for part in [read.name, read.bases, read.qualities] {
            self.bytes.extend_from_slice(part);
        }
        self.spans.push(Span {
            start,
            name: read.name.len() as u32,
            bases: read.bases.len() as u32,
            qualities: read.qualities.len() as u32,
        });
        self.total_bases += read.bases.len() as u64;
    }

    /// Makes room for so many reads in all, and bytes of their names, bases and qualities.
    pub fn reserve(&mut self, reads: usize, bytes: usize) {
        self.spans
            .reserve_exact(reads.saturating_sub(self.spans.len()));
        self.bytes
            .reserve_exact(bytes.saturating_sub(self.bytes.len()));
    }

    /// Returns the number of reads.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Says whether the batch has no read.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Returns the number of bases of all reads.
    pub const fn total_bases(&self) -> u64 {
        self.total_bases
    }

    /// Returns a read by its index in the batch.
    ///
    /// # Panics
    /// If there is no such read.
    pub fn get(&self, index: usize) -> Read<'_> {
        let span = self.spans[index];
        let (name, rest) = self.bytes[span.start..].split_at(span.name as usize);
        let (bases, rest) = rest.split_at(span.bases as usize);
        Read {
            name,
            bases,
            qualities: &rest[..span.qualities as usize],
        }
    }

    /// Returns the reads in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Read<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Forgets all reads and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.total_bases = 0;
    }
}
