//! The head of an index file and where its sections lie.
//!
//! Layout, all integers little-endian: magic, version (u32), zero (u32), length of the metadata
//! (u64), metadata, SHA-256 of all before. Then, each at the next multiple of 64: packed
//! reference, rows of short words (u64), FM-index blocks, low halves (u32) and, beyond 2^32 rows,
//! high bytes of the sampled suffix array.

use super::occ::{BLOCK_BYTES, BLOCK_SYMBOLS};
use super::words;
use genome::dictionary::Contig;
use genome::reference::AmbiguousRun;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// The first bytes of an index file.
pub(super) const MAGIC: [u8; 8] = *b"SPINDLE\x1a";
/// Version of the format.
pub(super) const VERSION: u32 = 3;
/// Bytes before the metadata.
pub(super) const PREFIX_BYTES: usize = 24;
const CHECKSUM_BYTES: usize = 32;
const ALIGNMENT: u64 = 64;

/// Every 2^SAMPLE_SHIFT-th row of the suffix array is stored.
pub(super) const SAMPLE_SHIFT: u32 = 2;

/// What the head of an index file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Header {
    /// Digest of the reference.
    pub digest: [u8; 32],
    /// Row whose suffix is the whole text.
    pub primary: u64,
    /// How often each base occurs in both strands.
    pub base_counts: [u64; 4],
    /// The contigs, and whether each is an alternate (ALT) one.
    pub contigs: Vec<(Contig, bool)>,
    /// What stands behind the name of each contig in the FASTA file.
    pub comments: Vec<String>,
    /// Letters that two bits cannot say.
    pub runs: Vec<AmbiguousRun>,
}

/// Byte ranges of the sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sections {
    pub packed: Range<u64>,
    pub words: Range<u64>,
    pub blocks: Range<u64>,
    pub samples_low: Range<u64>,
    pub samples_high: Range<u64>,
}

impl Header {
    /// Returns the length of the forward strand.
    pub fn total_length(&self) -> u64 {
        self.contigs.iter().map(|(contig, _)| contig.length).sum()
    }

    /// Encodes the head, checksum included.
    pub fn encode(&self) -> Vec<u8> {
        let metadata = self.encode_metadata();
        let mut bytes = Vec::with_capacity(PREFIX_BYTES + metadata.len() + CHECKSUM_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&(metadata.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&metadata);
        let checksum: [u8; 32] = Sha256::digest(&bytes).into();
        bytes.extend_from_slice(&checksum);
        bytes
    }

    fn encode_metadata(&self) -> Vec<u8> {
        let mut bytes = self.digest.to_vec();
        let numbers = [self.primary].into_iter().chain(self.base_counts);
        let counts = [self.contigs.len() as u64, self.runs.len() as u64];
        for number in numbers.chain(counts) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for ((contig, is_alternate), comment) in self.contigs.iter().zip(&self.comments) {
            for text in [&contig.name, comment] {
                bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            bytes.extend_from_slice(&contig.length.to_le_bytes());
            bytes.push(u8::from(*is_alternate));
        }
        for run in &self.runs {
            bytes.extend_from_slice(&run.start.to_le_bytes());
            bytes.extend_from_slice(&run.length.to_le_bytes());
            bytes.push(run.letter);
        }
        bytes
    }

    /// Decodes the head of a file; `None` if the checksum or a field is wrong.
    ///
    /// Magic and version are the caller's to look at.
    pub fn decode(file: &[u8]) -> Option<Self> {
        let length = u64::from_le_bytes(file.get(16..PREFIX_BYTES)?.try_into().ok()?);
        let end = PREFIX_BYTES.checked_add(usize::try_from(length).ok()?)?;
        let checksum = file.get(end..end.checked_add(CHECKSUM_BYTES)?)?;
        if checksum != Sha256::digest(&file[..end]).as_slice() {
            return None;
        }
        let mut fields = Fields(&file[PREFIX_BYTES..end]);
        let mut header = Self {
            digest: fields.take(32)?.try_into().ok()?,
            primary: fields.number()?,
            ..Self::default()
        };
        for count in &mut header.base_counts {
            *count = fields.number()?;
        }
        let (contigs, runs) = (fields.number()?, fields.number()?);
        for _ in 0..contigs {
            let (contig, is_alternate, comment) = fields.contig()?;
            header.contigs.push((contig, is_alternate));
            header.comments.push(comment);
        }
        for _ in 0..runs {
            header.runs.push(AmbiguousRun {
                start: fields.number()?,
                length: fields.number()?,
                letter: fields.take(1)?[0],
            });
        }
        let symbols = header.base_counts.iter().try_fold(0u64, sum)?;
        let mut lengths = header.contigs.iter().map(|(contig, _)| &contig.length);
        let total = lengths.try_fold(0u64, sum)?;
        let fits = fields.0.is_empty()
            && Some(symbols) == total.checked_mul(2)
            && header.primary <= symbols;
        fits.then_some(header)
    }

    /// Returns where the sections of a file with this head lie.
    pub fn sections(&self) -> Sections {
        let head = PREFIX_BYTES + self.encode_metadata().len() + CHECKSUM_BYTES;
        let length = self.total_length();
        let rows = 2 * length + 1;
        let samples = rows.div_ceil(1 << SAMPLE_SHIFT);
        let mut end = head as u64;
        let mut section = |bytes: u64| {
            let start = end.next_multiple_of(ALIGNMENT);
            end = start + bytes;
            start..end
        };
        Sections {
            packed: section(length.div_ceil(4)),
            words: section(8 * words::entries(words::longest(2 * length))),
            blocks: section((2 * length / BLOCK_SYMBOLS + 1) * BLOCK_BYTES as u64),
            samples_low: section(4 * samples),
            samples_high: section(if needs_high_bytes(rows) { samples } else { 0 }),
        }
    }
}

/// Says whether row numbers and positions need more than 32 bits.
pub(super) const fn needs_high_bytes(rows: u64) -> bool {
    rows > 1 << 32
}

fn sum(total: u64, value: &u64) -> Option<u64> {
    total.checked_add(*value)
}

/// The rest of the metadata.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<String> {
        let bytes = usize::try_from(self.number()?).ok()?;
        String::from_utf8(self.take(bytes)?.to_vec()).ok()
    }

    fn contig(&mut self) -> Option<(Contig, bool, String)> {
        let (name, comment) = (self.text()?, self.text()?);
        let length = self.number()?;
        let is_alternate = self.take(1)?[0] == 1;
        Some((Contig { name, length }, is_alternate, comment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let contig = |name: &str, length| Contig {
            name: name.into(),
            length,
        };
        Header {
            digest: [7; 32],
            primary: 9,
            base_counts: [10, 5, 5, 10],
            contigs: vec![(contig("a", 10), false), (contig("b", 5), true)],
            comments: vec!["first".into(), String::new()],
            runs: vec![AmbiguousRun {
                start: 3,
                length: 2,
                letter: b'R',
            }],
        }
    }

    #[test]
    fn decode_undoes_encode() {
        let bytes = header().encode();
        assert_eq!(Header::decode(&bytes), Some(header()));
    }

    #[test]
    fn any_changed_byte_is_found() {
        let bytes = header().encode();
        for at in PREFIX_BYTES..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Header::decode(&damaged), None, "byte {at}");
            assert_eq!(Header::decode(&bytes[..at]), None);
        }
    }

    #[test]
    fn sections_are_aligned_and_follow_one_another() {
        let sections = header().sections();
        assert_eq!(sections.packed.end - sections.packed.start, 4);
        assert_eq!(sections.samples_low.end - sections.samples_low.start, 32);
        for start in [sections.packed.start, sections.blocks.start] {
            assert_eq!(start % 64, 0);
        }
        assert!(sections.packed.end <= sections.blocks.start);
        assert_eq!(sections.samples_high.start, sections.samples_high.end);
    }
}
