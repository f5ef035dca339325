//! The index of a reference: its bases, its contigs and the FM-index over both strands.

mod blockwise;
mod build;
mod digest;
mod error;
mod file;
mod header;
pub(crate) mod occ;
mod plan;
mod suffix_array;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod text;
pub(crate) mod walk;
pub(crate) mod words;
mod write;

pub use build::Builder;
pub use digest::ReferenceDigest;
pub use error::Error;
pub use plan::Limits;

use file::MappedFile;
use genome::dictionary::Dictionary;
use genome::reference::{AmbiguousRun, Reference};
use occ::FmIndex;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use text::Text;
use words::Words;

/// An index file, mapped for reading.
///
/// Coordinates inside the crate run over both strands: the forward strand of all contigs joined,
/// then its reverse complement.
#[derive(Debug)]
pub struct Index {
    file: MappedFile,
    dictionary: Dictionary,
    is_alternate: Vec<bool>,
    comments: Vec<String>,
    runs: Vec<AmbiguousRun>,
    /// Where each contig begins; last the length of all.
    offsets: Vec<u64>,
    digest: [u8; 32],
    primary: u64,
    base_counts: [u64; 4],
    /// Reads announced so far.
    announced: AtomicU64,
}

/// Blocks of the FM-index for which one read makes it worth to copy them into large pages: 100,000
/// reads gained as much as the copy of a million blocks took.
const BLOCKS_PER_READ: u64 = 8;

/// Returns the digest of the reference out of the head of an index: its first bytes, as many as
/// hold all contigs and runs. `None` if they do not, or are damaged.
pub fn reference_digest_in(head: &[u8]) -> Option<[u8; 32]> {
    let version = header::VERSION.to_le_bytes();
    let is_index = head.starts_with(&header::MAGIC) && head.get(8..12) == Some(&version);
    let header = is_index.then(|| header::Header::decode(head))??;
    Some(header.digest)
}

impl Index {
    /// Maps an index file and checks its head and its length.
    ///
    /// # Errors
    /// [`Error`] says what the file is instead.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (file, header) = MappedFile::open(path)?;
        let mut offsets = vec![0];
        let (contigs, is_alternate): (Vec<_>, Vec<_>) = header.contigs.into_iter().unzip();
        for contig in &contigs {
            offsets.push(offsets[offsets.len() - 1] + contig.length);
        }
        Ok(Self {
            file,
            dictionary: Dictionary::new(contigs),
            is_alternate,
            comments: header.comments,
            runs: header.runs,
            offsets,
            digest: header.digest,
            primary: header.primary,
            base_counts: header.base_counts,
            announced: AtomicU64::new(0),
        })
    }

    /// Returns the contigs.
    pub const fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// Returns the bases of the reference.
    pub fn reference(&self) -> Reference<'_> {
        Reference::new(&self.dictionary, self.file.packed(), &self.runs)
    }

    /// Returns the digest of the reference, as [`ReferenceDigest`] computes it.
    pub const fn reference_digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Says whether a contig is an alternate (ALT) one.
    pub fn is_alternate(&self, contig: u32) -> bool {
        self.is_alternate[contig as usize]
    }

    /// Lets a copy of the index in faster memory take at most so many bytes, if it is not made yet.
    pub fn limit_copy(&self, bytes: u64) {
        self.file.limit_copy(bytes);
    }

    /// Says that so many reads will be aligned.
    pub(crate) fn announce(&self, reads: usize) {
        self.announced.fetch_add(reads as u64, Ordering::Relaxed);
    }

    /// Makes the index faster once enough reads are announced, on so many threads.
    pub(crate) fn settle(&self, threads: usize) {
        let reads = self.announced.load(Ordering::Relaxed);
        if reads.saturating_mul(BLOCKS_PER_READ) >= self.file.blocks().len() as u64 {
            self.file.make_resident(threads);
        }
    }

    pub(crate) fn fm(&self) -> FmIndex<'_> {
        FmIndex::new(
            self.file.blocks(),
            self.file.samples(),
            (self.text(), self.words()),
            (self.primary, self.base_counts),
        )
    }

    /// Returns what stands behind the name of a contig in the FASTA file.
    pub fn comment(&self, contig: u32) -> &str {
        &self.comments[contig as usize]
    }

    /// Returns the bases of both strands.
    pub(crate) fn text(&self) -> Text<'_> {
        Text::new(self.file.packed(), self.strand_length().cast_unsigned())
    }

    fn words(&self) -> Words<'_> {
        let symbols = 2 * self.strand_length().cast_unsigned();
        Words::new(self.file.words(), symbols)
    }

    /// Returns the length P of the forward strand.
    pub(crate) fn strand_length(&self) -> i64 {
        self.offsets[self.offsets.len() - 1].cast_signed()
    }

    /// Returns where a contig begins on the forward strand.
    pub(crate) fn offset(&self, contig: u32) -> i64 {
        self.offsets[contig as usize].cast_signed()
    }

    /// Returns a position on the forward strand, and whether it came from the reverse one.
    #[inline]
    pub(crate) fn to_forward(&self, position: i64) -> (i64, bool) {
        let length = self.strand_length();
        if position < length {
            (position, false)
        } else {
            (2 * length - 1 - position, true)
        }
    }

    /// Returns the contig of a position on either strand.
    pub(crate) fn contig_at(&self, position: i64) -> u32 {
        let forward = self.to_forward(position).0.cast_unsigned();
        (self.offsets.partition_point(|&offset| offset <= forward) - 1) as u32
    }

    /// Returns the contig that holds `start..end` on one strand, if one does.
    pub(crate) fn contig_of(&self, start: i64, end: i64) -> Option<u32> {
        if start < self.strand_length() && end > self.strand_length() {
            return None;
        }
        let contig = self.contig_at(start);
        let last = if start < end { end - 1 } else { start };
        (self.contig_at(last) == contig).then_some(contig)
    }

    /// Cuts a range of either strand to the contig around `middle`; returns it with the contig.
    pub(crate) fn cut_to_contig(&self, range: (i64, i64), middle: i64) -> (i64, i64, u32) {
        let contig = self.contig_at(middle);
        let (mut start, mut end) = (self.offset(contig), self.offset(contig + 1));
        if middle >= self.strand_length() {
            let both = 2 * self.strand_length();
            (start, end) = (both - end, both - start);
        }
        (range.0.max(start), range.1.min(end), contig)
    }

    /// Appends the codes of `start..end`, which lies on one strand.
    pub(crate) fn fetch_codes(&self, start: i64, end: i64, codes: &mut Vec<u8>) {
        if start < end {
            let (start, end) = (start.cast_unsigned(), end.cast_unsigned());
            self.text().fetch(start, end, codes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::index_of;
    use super::*;
    use genome::monitor::Monitor;
    use genome::region::{ContigId, Region};
    use std::io::Write;

    fn built() -> Vec<u8> {
        let mut builder = Builder::new();
        builder.add_contig("one", b"ACGTNNRYacgtttgacca");
        builder.add_contig("two", b"GGATC");
        let mut bytes = Vec::new();
        builder.finish(&Monitor::default(), &mut bytes).unwrap();
        bytes
    }

    fn open(bytes: &[u8]) -> Result<Index, Error> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Index::open(file.path())
    }

    #[test]
    fn an_opened_index_gives_the_reference_back() {
        let index = open(&built()).unwrap();
        let letters = |contig, end| {
            let region = Region::new(ContigId(contig), 0, end);
            String::from_utf8(index.reference().letters(region)).unwrap()
        };
        assert_eq!(letters(0, 19), "ACGTNNRYACGTTTGACCA");
        assert_eq!(letters(1, 5), "GGATC");
        assert_eq!(index.dictionary().contigs()[1].name, "two");
        let mut digest = ReferenceDigest::new();
        digest.add_contig("one", b"ACGTNNRYACGTTTGACCA");
        digest.add_contig("two", b"GGATC");
        assert_eq!(index.reference_digest(), digest.finish());
    }

    #[test]
    fn damaged_files_are_refused_by_what_is_wrong() {
        let good = built();
        let refused = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            change(&mut bytes);
            open(&bytes).unwrap_err()
        };
        assert!(matches!(refused(&|b| b.clear()), Error::NotAnIndex { .. }));
        assert!(matches!(
            refused(&|b| b[0] = b'X'),
            Error::NotAnIndex { .. }
        ));
        assert!(matches!(
            refused(&|b| b[8] = 9),
            Error::Version { found: 9, .. }
        ));
        assert!(matches!(refused(&|b| b[40] ^= 1), Error::Corrupt { .. }));
        assert!(matches!(refused(&|b| b.push(0)), Error::Length { .. }));
        assert!(matches!(
            refused(&|b| b.truncate(400)),
            Error::Length { .. }
        ));
        assert!(matches!(
            refused(&|b| b.truncate(60)),
            Error::Corrupt { .. }
        ));
    }

    #[test]
    fn ranges_are_cut_to_the_contig_on_either_strand() {
        let index = index_of(&[&[0, 1, 2, 3], &[3, 3, 2]]);
        assert_eq!(index.contig_at(3), 0);
        assert_eq!(index.contig_at(4), 1);
        assert_eq!(index.contig_at(9), 1);
        assert_eq!(index.contig_at(10), 0);
        assert_eq!(index.cut_to_contig((0, 14), 5), (4, 7, 1));
        assert_eq!(index.cut_to_contig((0, 14), 8), (7, 10, 1));
        assert_eq!(index.contig_of(3, 5), None);
        assert_eq!(index.contig_of(6, 8), None);
        let mut codes = Vec::new();
        index.fetch_codes(7, 14, &mut codes);
        assert_eq!(codes, [1, 0, 0, 0, 1, 2, 3]);
    }

    #[test]
    fn a_cancelled_build_stops() {
        let mut builder = Builder::new();
        builder.add_contig("one", b"ACGT");
        let monitor = Monitor::default();
        monitor.cancel();
        let stopped = builder.finish(&monitor, &mut Vec::new());
        assert!(matches!(stopped, Err(Error::Cancelled)));
    }
}
