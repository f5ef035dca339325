//! The index of a compressed VCF: TBI, or CSI where a contig is too long for it.

use std::io;

use genome::dictionary::Dictionary;
use noodles::bgzf::VirtualPosition;
use noodles::core::Position;
use noodles::csi::binning_index::Indexer;
use noodles::csi::binning_index::index::header::Builder;
use noodles::csi::binning_index::index::reference_sequence::bin::Chunk;
use noodles::csi::binning_index::index::reference_sequence::index::BinnedIndex;
use noodles::{csi, tabix};

/// The longest contig that TBI can index. SAM v1 §5.3 (2024-11-06).
const LONGEST_TBI_CONTIG: u64 = (1 << 29) - 1;

/// log2 of the smallest stretch that CSI tells apart, as htslib chooses it.
const MIN_SHIFT: u8 = 14;

/// Why a line can't be indexed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A line that is no record, or lies before the one that precedes it.
    #[error("record cannot be indexed: {line:?}")]
    Record {
        /// The line.
        line: String,
        /// What the indexer says, if it was asked.
        source: Option<io::Error>,
    },
}

/// An index in the making.
#[derive(Debug)]
pub enum Index {
    /// For contigs that TBI can index.
    Tbi(tabix::index::Indexer),
    /// For longer ones; with the names of the contigs.
    Csi(Indexer<BinnedIndex>, Vec<String>),
}

impl Index {
    /// Starts the kind of index that the longest contig asks for.
    pub fn new(dictionary: &Dictionary) -> Self {
        let longest = dictionary
            .contigs()
            .iter()
            .map(|contig| contig.length)
            .max();
        let longest = longest.unwrap_or(0);
        if longest <= LONGEST_TBI_CONTIG {
            let mut indexer = tabix::index::Indexer::default();
            indexer.set_header(Builder::vcf().build());
            return Self::Tbi(indexer);
        }
        let covers = |depth: &u8| longest <= 1u64 << (MIN_SHIFT + 3 * depth);
        let depth = (5..15).find(covers).unwrap_or(15);
        let indexer = Indexer::new(MIN_SHIFT, depth).expect("a depth of at most 15 is valid");
        let names = dictionary
            .contigs()
            .iter()
            .map(|contig| contig.name.clone());
        Self::Csi(indexer, names.collect())
    }

    /// Returns what the index's file name ends in.
    pub const fn ending(&self) -> &'static str {
        match self {
            Self::Tbi(_) => ".tbi",
            Self::Csi(..) => ".csi",
        }
    }

    /// Notes a record, its first and last position from 1.
    ///
    /// # Errors
    /// If the records are not sorted.
    pub fn add(
        &mut self,
        contig: &str,
        (start, end): (u64, u64),
        place: (VirtualPosition, VirtualPosition),
    ) -> io::Result<()> {
        let position = |value: u64| {
            let value = usize::try_from(value).ok().and_then(Position::new);
            value.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
        };
        let (start, end) = (position(start)?, position(end)?);
        let chunk = Chunk::new(place.0, place.1);
        match self {
            Self::Tbi(indexer) => indexer.add_record(contig, start, end, chunk),
            Self::Csi(indexer, names) => {
                let id = names.iter().position(|name| name == contig);
                let id = id.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
                let added = indexer.add_record(Some((id, start, end, true)), chunk);
                added.map_err(io::Error::other)
            }
        }
    }

    /// Returns the bytes of the index's file.
    ///
    /// # Errors
    /// None in memory.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Tbi(indexer) => {
                let mut writer = tabix::io::Writer::new(Vec::new());
                writer.write_index(&indexer.build())?;
                writer.into_inner().finish()
            }
            Self::Csi(indexer, names) => {
                let count = names.len();
                let names = names.into_iter().map(Into::into).collect();
                let header = Builder::vcf().set_reference_sequence_names(names).build();
                let mut writer = csi::io::Writer::new(Vec::new());
                writer.write_index(&indexer.set_header(header).build(count))?;
                writer.into_inner().finish()
            }
        }
    }
}
