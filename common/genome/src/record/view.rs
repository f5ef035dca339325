//! Reading a record in place.

use super::flags::Flags;
use super::long_cigar;
use super::tags::{Tag, TagValue, tags};
use super::{FIXED_BYTES, NIBBLES};
use crate::base;
use crate::cigar::{self, CigarOp};
use crate::region::ContigId;

/// The two letters of each packed byte.
static PAIRS: [[u8; 2]; 256] = {
    let mut letters = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        letters[byte] = [NIBBLES[byte >> 4], NIBBLES[byte & 15]];
        byte += 1;
    }
    letters
};

/// The two codes of each packed byte.
static CODE_PAIRS: [[u8; 2]; 256] = {
    let mut codes = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        let [left, right] = PAIRS[byte];
        codes[byte] = [base::code(left), base::code(right)];
        byte += 1;
    }
    codes
};

/// Why bytes are not a BAM record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The block is shorter than its own lengths say.
    #[error("record of {actual_bytes} bytes is truncated: its fields need {needed_bytes}")]
    Truncated {
        /// What the lengths in the record add up to.
        needed_bytes: usize,
        /// What is there.
        actual_bytes: usize,
    },
    /// The name is empty or not closed by a zero byte.
    #[error("record has a malformed name")]
    Name,
    /// An operation that SAM does not define.
    #[error("record {name} has an undefined CIGAR operation")]
    Cigar {
        /// Name of the read.
        name: String,
    },
    /// CIGAR and bases differ in length.
    #[error("record {name} has {bases} bases but a CIGAR for {cigar}")]
    LengthMismatch {
        /// Name of the read.
        name: String,
        /// Number of bases.
        bases: u64,
        /// Read bases that the CIGAR covers.
        cigar: u64,
    },
}

/// A BAM record, without its `block_size`, read in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordView<'a> {
    bytes: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// Checks a block's lengths, name and CIGAR; later access cannot fail.
    ///
    /// # Errors
    /// [`RecordError`] says what does not fit.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let truncated = |needed_bytes| RecordError::Truncated {
            needed_bytes,
            actual_bytes: bytes.len(),
        };
        if bytes.len() < FIXED_BYTES {
            return Err(truncated(FIXED_BYTES));
        }
        let view = Self { bytes };
        if view.tags_start() > bytes.len() {
            return Err(truncated(view.tags_start()));
        }
        if bytes[8] == 0 || bytes[FIXED_BYTES + bytes[8] as usize - 1] != 0 {
            return Err(RecordError::Name);
        }
        let name = || String::from_utf8_lossy(view.name()).into_owned();
        let count = view.cigar_count();
        let (long_start, long_count) = view.long_cigar().unwrap_or_default();
        let is_known = |at| CigarOp::from_packed(view.u32_at(at)).is_some();
        let are_known = (0..count).all(|i| is_known(view.cigar_start() + 4 * i))
            && (0..long_count).all(|i| is_known(long_start + 4 * i));
        if !are_known {
            return Err(RecordError::Cigar { name: name() });
        }
        let (covered, bases) = (cigar::read_span(view.cigar()), view.base_count() as u64);
        if count > 0 && bases > 0 && covered != bases {
            return Err(RecordError::LengthMismatch {
                name: name(),
                bases,
                cigar: covered,
            });
        }
        Ok(view)
    }

    /// Wraps a block that [`RecordView::parse`] accepted or [`super::Records`] wrote.
    ///
    /// Access to any other block may panic.
    pub const fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Returns the whole block.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the contig, if the record is placed.
    pub fn contig(&self) -> Option<ContigId> {
        u32::try_from(self.i32_at(0)).ok().map(ContigId)
    }

    /// Returns the 0-based position, if the record is placed.
    pub fn position(&self) -> Option<u32> {
        u32::try_from(self.i32_at(4)).ok()
    }

    /// Returns the mapping quality.
    pub fn mapping_quality(&self) -> u8 {
        self.bytes[9]
    }

    /// Returns the flags.
    pub fn flags(&self) -> Flags {
        Flags(self.u16_at(14))
    }

    /// Returns the contig of the mate, if it is placed.
    pub fn mate_contig(&self) -> Option<ContigId> {
        u32::try_from(self.i32_at(20)).ok().map(ContigId)
    }

    /// Returns the 0-based position of the mate, if it is placed.
    pub fn mate_position(&self) -> Option<u32> {
        u32::try_from(self.i32_at(24)).ok()
    }

    /// Returns TLEN in bp.
    pub fn template_length(&self) -> i32 {
        self.i32_at(28)
    }

    /// Returns the read name without its closing zero.
    pub fn name(&self) -> &'a [u8] {
        &self.bytes[FIXED_BYTES..self.cigar_start() - 1]
    }

    /// Returns the CIGAR operations.
    pub fn cigar(&self) -> impl DoubleEndedIterator<Item = CigarOp> + ExactSizeIterator + use<'a> {
        let view = *self;
        let (start, count) = self
            .long_cigar()
            .unwrap_or((self.cigar_start(), self.cigar_count()));
        (0..count).map(move |i| {
            let packed = view.u32_at(start + 4 * i);
            CigarOp::from_packed(packed).expect("operations were checked by parse")
        })
    }

    /// Returns the tags in order, without that of a CIGAR of more than 65535 operations.
    pub fn shown_tags(&self) -> impl Iterator<Item = (Tag, TagValue<'a>)> + use<'a> {
        let is_long = self.long_cigar().is_some();
        tags(self.tag_bytes()).filter(move |(tag, _)| !is_long || *tag != long_cigar::TAG)
    }

    /// Returns where more operations than a record can count begin, and their number.
    fn long_cigar(&self) -> Option<(usize, usize)> {
        if self.cigar_count() != 2 {
            return None;
        }
        let op = |at| CigarOp::from_packed(self.packed_op(at));
        if !long_cigar::is_stand_in([op(0)?, op(1)?], self.base_count()) {
            return None;
        }
        let place = long_cigar::find(self.tag_bytes())?;
        Some((self.tags_start() + place.start, place.len() / 4))
    }

    /// Returns the number of bases that the record holds.
    pub fn base_count(&self) -> usize {
        self.u32_at(16) as usize
    }

    /// Returns the upper-case letter of a base.
    #[inline]
    pub fn base(&self, index: usize) -> u8 {
        let byte = self.bytes[self.bases_start() + index / 2];
        NIBBLES[(if index.is_multiple_of(2) {
            byte >> 4
        } else {
            byte & 15
        }) as usize]
    }

    /// Returns the bases as upper-case letters, as they lie on the forward strand.
    pub fn bases(&self) -> impl ExactSizeIterator<Item = u8> + DoubleEndedIterator + use<'a> {
        let view = *self;
        (0..self.base_count()).map(move |index| view.base(index))
    }

    /// Appends the bases as upper-case letters, as they lie on the forward strand.
    pub fn append_bases(&self, letters: &mut Vec<u8>) {
        self.unpack(&PAIRS, letters);
    }

    /// Appends the codes of the bases, as they lie on the forward strand.
    pub fn append_codes(&self, codes: &mut Vec<u8>) {
        self.unpack(&CODE_PAIRS, codes);
    }

    fn unpack(&self, pairs: &[[u8; 2]; 256], unpacked: &mut Vec<u8>) {
        let (start, count) = (self.bases_start(), self.base_count());
        let packed = &self.bytes[start..start + count.div_ceil(2)];
        let first = unpacked.len();
        unpacked.resize(first + 2 * packed.len(), 0);
        for (two, &byte) in unpacked[first..].chunks_exact_mut(2).zip(packed) {
            two.copy_from_slice(&pairs[usize::from(byte)]);
        }
        unpacked.truncate(first + count);
    }

    /// Returns the raw Phred qualities; all 0xFF when they are missing.
    pub fn qualities(&self) -> &'a [u8] {
        let start = self.qualities_start();
        &self.bytes[start..start + self.base_count()]
    }

    /// Returns the bytes of the tags.
    pub fn tag_bytes(&self) -> &'a [u8] {
        &self.bytes[self.tags_start()..]
    }

    /// Returns one past the last reference position; position + 1 where nothing is covered.
    pub fn end(&self) -> Option<u32> {
        let span = cigar::reference_span(self.cigar()).max(1) as u32;
        self.position()
            .map(|position| position.saturating_add(span))
    }

    /// Returns the 0-based 5′ coordinate with soft and hard clips added back.
    ///
    /// It may lie before 0 or past the contig's end. `None` for an unmapped record.
    pub fn unclipped_five_prime(&self) -> Option<i64> {
        let position = i64::from(self.position()?);
        if self.flags().is_unmapped() {
            return None;
        }
        let clip = |op: &CigarOp| op.kind().is_clip();
        let length = |op: CigarOp| i64::from(op.len());
        if self.flags().is_reverse() {
            let clipped: i64 = self.cigar().rev().take_while(clip).map(length).sum();
            let span = cigar::reference_span(self.cigar()) as i64;
            return Some(position + span - 1 + clipped);
        }
        let clipped: i64 = self.cigar().take_while(clip).map(length).sum();
        Some(position - clipped)
    }

    /// Says where the qualities begin in the block.
    pub fn qualities_start(&self) -> usize {
        self.bases_start() + self.base_count().div_ceil(2)
    }

    fn tags_start(&self) -> usize {
        self.qualities_start() + self.base_count()
    }

    fn bases_start(&self) -> usize {
        self.cigar_start() + 4 * self.cigar_count()
    }

    fn cigar_start(&self) -> usize {
        FIXED_BYTES + self.bytes[8] as usize
    }

    fn cigar_count(&self) -> usize {
        self.u16_at(12) as usize
    }

    fn packed_op(&self, index: usize) -> u32 {
        self.u32_at(self.cigar_start() + 4 * index)
    }

    fn u16_at(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    fn u32_at(&self, at: usize) -> u32 {
        let bytes: [u8; 4] = self.bytes[at..at + 4].try_into().expect("four bytes");
        u32::from_le_bytes(bytes)
    }

    fn i32_at(&self, at: usize) -> i32 {
        self.u32_at(at).cast_signed()
    }
}
