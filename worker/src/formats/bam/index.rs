//! The index of a BAM file or of a part: BAI, or CSI where a contig is too long for it.

use std::io;

use genome::dictionary::Dictionary;
use genome::record::RecordView;
use genome::region::Region;
use noodles::bam::bai;
use noodles::bgzf::VirtualPosition;
use noodles::core::Position;
use noodles::csi;
use noodles::csi::binning_index::index::ReferenceSequence;
use noodles::csi::binning_index::index::reference_sequence::bin::Chunk;
use noodles::csi::binning_index::index::reference_sequence::index::{BinnedIndex, LinearIndex};
use noodles::csi::binning_index::index::reference_sequence::{Bin, Metadata};
use noodles::csi::binning_index::{
    BinningIndex, Indexer, ReferenceSequence as _, index as noodles_index,
};
use reads::container::Decoder;

/// The longest contig that BAI can index. SAM v1 §5.2 (2024-11-06).
const LONGEST_BAI_CONTIG: u64 = (1 << 29) - 1;

/// log2 of the smallest stretch that an index tells apart.
const MIN_SHIFT: u8 = 14;

/// Levels of BAI's tree of bins.
const BAI_DEPTH: u8 = 5;

/// Virtual positions keep the place in the file above these bits.
const BLOCK_SHIFT: u32 = 16;

/// Why an index could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A record that lies before the one that precedes it, or beyond what the index can say.
    #[error("record cannot be indexed: {0}")]
    Record(String),
    /// The bytes are no such index.
    #[error("index cannot be read or written")]
    Io(#[from] io::Error),
}

/// Which kind of index a reference needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexFormat {
    /// `.bai`.
    Bai,
    /// `.csi` with this many levels.
    Csi {
        /// Levels of the tree of bins.
        depth: u8,
    },
}

impl IndexFormat {
    /// Decides by the longest contig.
    pub fn of(dictionary: &Dictionary) -> Self {
        let lengths = dictionary.contigs().iter().map(|contig| contig.length);
        let longest = lengths.max().unwrap_or(0);
        if longest <= LONGEST_BAI_CONTIG {
            return Self::Bai;
        }
        let covers = |depth: &u8| longest <= 1u64 << (MIN_SHIFT + 3 * depth);
        let depth = (BAI_DEPTH..15).find(covers).unwrap_or(15);
        Self::Csi { depth }
    }

    /// Returns the ending of the index's file.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Bai => "bai",
            Self::Csi { .. } => "csi",
        }
    }
}

/// An index in the making: records come in the order of the file.
#[derive(Debug)]
pub(super) enum IndexBuilder {
    Bai(Indexer<LinearIndex>),
    Csi(u8, Indexer<BinnedIndex>),
}

impl IndexBuilder {
    pub(super) fn new(format: IndexFormat) -> Self {
        let valid = "a depth of at most 15 is valid";
        match format {
            IndexFormat::Bai => Self::Bai(Indexer::new(MIN_SHIFT, BAI_DEPTH).expect(valid)),
            IndexFormat::Csi { depth } => {
                Self::Csi(depth, Indexer::new(MIN_SHIFT, depth).expect(valid))
            }
        }
    }

    /// Adds a record that lies between two virtual positions.
    pub(super) fn add(&mut self, span: &Span, from: u64, to: u64) -> Result<(), IndexError> {
        let chunk = Chunk::new(VirtualPosition::from(from), VirtualPosition::from(to));
        let added = match self {
            Self::Bai(indexer) => indexer.add_record(span.0, chunk),
            Self::Csi(_, indexer) => indexer.add_record(span.0, chunk),
        };
        added.map_err(|error| IndexError::Record(error.to_string()))
    }

    pub(super) fn finish(self, contigs: usize) -> Index {
        match self {
            Self::Bai(indexer) => Index::Bai(indexer.build(contigs)),
            Self::Csi(depth, indexer) => Index::Csi(depth, indexer.build(contigs)),
        }
    }
}

/// Where a record lies on the reference, as an index wants to know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span(Option<(usize, Position, Position, bool)>);

impl Span {
    pub(super) fn of(record: &RecordView<'_>) -> Self {
        let span = || {
            let start = Position::new(record.position()? as usize + 1)?;
            let end = Position::new(record.end()? as usize)?;
            let contig = record.contig()?.0 as usize;
            Some((contig, start, end, !record.flags().is_unmapped()))
        };
        Self(span())
    }
}

impl Span {
    /// Appends the span's bytes: contig and one, start, end, whether it is mapped.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let fields = self.0.map(|(contig, start, end, is_mapped)| {
            let fields = [contig + 1, start.get(), end.get()];
            (fields.map(|field| field as u32), is_mapped)
        });
        let (fields, is_mapped) = fields.unwrap_or_default();
        for field in fields {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.push(is_mapped.into());
    }

    /// Reads a span back.
    pub(super) fn decode(fields: &mut Decoder<'_>) -> Result<Self, reads::Error> {
        let mut numbers = [0; 3];
        for number in &mut numbers {
            *number = fields.u32()? as usize;
        }
        let [contig, start, end] = numbers;
        let is_mapped = fields.u8()? == 1;
        let span = || {
            let (start, end) = (Position::new(start)?, Position::new(end)?);
            Some((contig.checked_sub(1)?, start, end, is_mapped))
        };
        Ok(Self(span()))
    }
}

/// An index of a file or of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Index {
    /// BAI.
    Bai(bai::Index),
    /// CSI with this many levels.
    Csi(u8, csi::Index),
}

impl Index {
    /// Returns the first block, and the place in it, from which records overlap a region.
    pub fn first_chunk(&self, region: &Region) -> Option<(u64, u16)> {
        let start = Position::new(usize::try_from(region.start).ok()? + 1)?;
        let end = Position::new(usize::try_from(region.end).ok()?)?;
        let contig = region.contig.0 as usize;
        let chunks = match self {
            Self::Bai(index) => index.query(contig, (start..=end).into()),
            Self::Csi(_, index) => index.query(contig, (start..=end).into()),
        };
        let first = chunks.ok()?.iter().map(Chunk::start).min()?;
        Some((first.compressed(), first.uncompressed()))
    }

    /// Returns the index's bytes.
    ///
    /// # Errors
    /// [`IndexError::Io`] if it can't be said in its format.
    pub fn encode(&self) -> Result<Vec<u8>, IndexError> {
        match self {
            Self::Bai(index) => {
                let mut writer = bai::io::Writer::new(Vec::new());
                writer.write_index(index)?;
                Ok(writer.into_inner())
            }
            Self::Csi(_, index) => {
                let mut writer = csi::io::Writer::new(Vec::new());
                writer.write_index(index)?;
                Ok(writer.into_inner().finish()?)
            }
        }
    }

    /// Reads an index of a known format.
    ///
    /// # Errors
    /// [`IndexError::Io`] if the bytes are not one.
    pub fn decode(bytes: &[u8], format: IndexFormat) -> Result<Self, IndexError> {
        match format {
            IndexFormat::Bai => Ok(Self::Bai(bai::io::Reader::new(bytes).read_index()?)),
            IndexFormat::Csi { depth } => {
                Ok(Self::Csi(depth, csi::io::Reader::new(bytes).read_index()?))
            }
        }
    }

    /// Joins the indexes of parts that follow each other in a file.
    ///
    /// Each comes with the place of its part in the file, in bytes.
    pub fn joined(parts: &[(u64, Self)], format: IndexFormat, contigs: usize) -> Self {
        match format {
            IndexFormat::Bai => {
                let bai = |(offset, part): &'_ (u64, Self)| match part {
                    Self::Bai(index) => Some((*offset, index.clone())),
                    Self::Csi(..) => None,
                };
                let parts: Vec<_> = parts.iter().filter_map(bai).collect();
                Self::Bai(join(&parts, BAI_DEPTH, contigs))
            }
            IndexFormat::Csi { depth } => {
                let csi = |(offset, part): &'_ (u64, Self)| match part {
                    Self::Csi(_, index) => Some((*offset, index.clone())),
                    Self::Bai(_) => None,
                };
                let parts: Vec<_> = parts.iter().filter_map(csi).collect();
                Self::Csi(depth, join(&parts, depth, contigs))
            }
        }
    }
}

/// The part of an index that finds the first record of a place.
trait Places: noodles_index::reference_sequence::Index + Default + Clone {
    /// Adds the places of a part that lies `offset` bytes into the file, after all others.
    fn append(&mut self, part: &Self, offset: u64);
}

impl Places for LinearIndex {
    fn append(&mut self, part: &Self, offset: u64) {
        let known = self.len().min(part.len());
        self.extend(part[known..].iter().map(|&place| shifted(place, offset)));
    }
}

impl Places for BinnedIndex {
    fn append(&mut self, part: &Self, offset: u64) {
        for (&bin, &place) in part {
            self.entry(bin).or_insert_with(|| shifted(place, offset));
        }
    }
}

fn shifted(place: VirtualPosition, offset: u64) -> VirtualPosition {
    VirtualPosition::from(u64::from(place) + (offset << BLOCK_SHIFT))
}

fn join<I: Places>(
    parts: &[(u64, noodles_index::Index<I>)],
    depth: u8,
    contigs: usize,
) -> noodles_index::Index<I> {
    let of_contig = |contig: usize| {
        let of_part = |(offset, part): &'_ (u64, noodles_index::Index<I>)| {
            Some((*offset, part.reference_sequences().get(contig)?.clone()))
        };
        join_contig(&parts.iter().filter_map(of_part).collect::<Vec<_>>())
    };
    let unplaced = parts
        .iter()
        .filter_map(|(_, part)| part.unplaced_unmapped_record_count());
    noodles_index::Index::builder()
        .set_min_shift(MIN_SHIFT)
        .set_depth(depth)
        .set_reference_sequences((0..contigs).map(of_contig).collect())
        .set_unplaced_unmapped_record_count(unplaced.sum())
        .build()
}

fn join_contig<I: Places>(parts: &[(u64, ReferenceSequence<I>)]) -> ReferenceSequence<I> {
    let mut joined = ReferenceSequence::new(Default::default(), I::default(), None);
    for (offset, part) in parts {
        let mut bins = joined.bins().clone();
        for (&id, bin) in part.bins() {
            let target = bins.entry(id).or_insert_with(|| Bin::new(Vec::new()));
            for chunk in bin.chunks() {
                let (start, end) = (
                    shifted(chunk.start(), *offset),
                    shifted(chunk.end(), *offset),
                );
                target.add_chunk(Chunk::new(start, end));
            }
        }
        let mut places = joined.index().clone();
        places.append(part.index(), *offset);
        let metadata = join_metadata(joined.metadata(), part.metadata(), *offset);
        joined = ReferenceSequence::new(bins, places, metadata);
    }
    joined
}

fn join_metadata(
    joined: Option<&Metadata>,
    part: Option<&Metadata>,
    offset: u64,
) -> Option<Metadata> {
    let Some(part) = part else {
        return joined.cloned();
    };
    let start = shifted(part.start_position(), offset);
    let (mapped, unmapped) = (part.mapped_record_count(), part.unmapped_record_count());
    let (start, mapped, unmapped) = joined.map_or((start, mapped, unmapped), |before| {
        (
            before.start_position(),
            before.mapped_record_count() + mapped,
            before.unmapped_record_count() + unmapped,
        )
    });
    let end = shifted(part.end_position(), offset);
    Some(Metadata::new(start, end, mapped, unmapped))
}
