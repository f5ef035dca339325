//! One end of a fragment, as duplicate marking sees it.

use genome::order::Place;
use genome::record::{Flags, RecordView};

use super::barcode::{BarcodeTags, Barcodes};
use super::key::{EndKey, EndSite, LoneEnd, Orientation, PairKey, PairSite};
use super::location::{Location, NameFormat};

/// Qualities below this do not count for the score.
const MIN_SCORED_QUALITY: u8 = 15;

/// One end's score is cut here, so that a pair's fits 16 bits.
const MAX_SCORE: u32 = i16::MAX as u32 / 2;

/// What a read scores less when the sequencer's filter failed it.
const VENDOR_FAILED_PENALTY: i32 = 16_384;

/// How names and tags are read.
#[derive(Debug, Clone, Default)]
pub struct EndOptions {
    /// How names tell where a cluster lies.
    pub names: NameFormat,
    /// Which tags hold molecular barcodes.
    pub barcodes: BarcodeTags,
}

/// The 5′ end of a mapped primary record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The site of the end.
    pub site: EndSite,
    /// Index of its read group in the header.
    pub read_group: u16,
    /// Whether the record is the first of its pair.
    pub first_of_pair: bool,
    /// Whether the record is one of a pair, its mate mapped or not.
    pub is_read_of_pair: bool,
    /// Whether a mapped mate exists.
    pub paired: bool,
    /// Whether the end is set against others by itself: its mate is not mapped, or on no contig.
    pub lone: bool,
    /// Sum of the good qualities.
    pub score: i16,
    /// Where the cluster lies.
    pub location: Location,
    /// Molecular barcodes, as far as the record knows them.
    pub barcodes: Barcodes,
    /// The record's place in the total order.
    pub place: Place,
}

impl End {
    /// Returns the end of a record; `None` if it is unmapped, secondary or supplementary.
    pub fn of(
        record: &RecordView<'_>,
        place: Place,
        library: u16,
        read_group: u16,
    ) -> Option<Self> {
        Self::with(record, place, (library, read_group), &EndOptions::default())
    }

    /// Returns the end of a record, as the user wants locations and barcodes read; `source` is the
    /// record's library and read group.
    pub fn with(
        record: &RecordView<'_>,
        place: Place,
        source: (u16, u16),
        options: &EndOptions,
    ) -> Option<Self> {
        let (library, read_group) = source;
        let flags = record.flags();
        if !flags.is_primary() {
            return None;
        }
        let contig = record.contig()?.0;
        let coordinate = record.unclipped_five_prime()?;
        let paired = flags.is_paired() && !flags.is_mate_unmapped();
        Some(Self {
            site: EndSite {
                library,
                contig,
                coordinate: coordinate as i32,
                reverse: flags.is_reverse(),
                barcode: 0,
            },
            read_group,
            first_of_pair: flags.has(Flags::FIRST),
            is_read_of_pair: flags.is_paired(),
            paired,
            lone: !paired || record.mate_contig().is_none(),
            score: score(record),
            location: options.names.location(record.name()),
            barcodes: options.barcodes.of(record),
            place,
        })
    }

    /// Returns the end's own key.
    pub fn key(&self) -> EndKey {
        let lone = LoneEnd {
            location: self.location,
            place: self.place,
            score: self.score,
        };
        let own = self.barcodes.own;
        let reads = match self.first_of_pair || !self.is_read_of_pair {
            true => [own, 0],
            false => [0, own],
        };
        EndKey {
            site: EndSite {
                barcode: self.barcodes.joined(reads),
                ..self.site
            },
            lone: self.lone.then_some(lone),
        }
    }

    /// Returns the key of a pair: of this end, and the mate that came before.
    pub fn pair(&self, mate: &Self) -> PairKey {
        let rank = |end: &Self| (end.site.contig, end.site.coordinate, end.place);
        let (left, right) = if rank(self) < rank(mate) {
            (self, mate)
        } else {
            (mate, self)
        };
        let (first, second) = if right.first_of_pair {
            (right, left)
        } else {
            (left, right)
        };
        let point = |end: &Self| (end.site.contig, end.site.coordinate);
        let mut orientation = Orientation::of(left.site.reverse, right.site.reverse);
        // Two ends on one base have no order of their own.
        if point(left) == point(right) && orientation == Orientation::ReverseForward {
            orientation = Orientation::ForwardReverse;
        }
        PairKey {
            site: PairSite {
                library: mate.site.library,
                contig: left.site.contig,
                coordinate: left.site.coordinate,
                orientation,
                second_contig: right.site.contig,
                second_coordinate: right.site.coordinate,
                barcode: mate
                    .barcodes
                    .joined([first.barcodes.own, second.barcodes.own]),
            },
            location: left.location,
            places: [left.place, right.place],
            score: left.score.wrapping_add(right.score),
            read_group: mate.read_group,
            read_orientation: Orientation::of(first.site.reverse, second.site.reverse),
        }
    }
}

fn score(record: &RecordView<'_>) -> i16 {
    let good = record.qualities().iter().copied();
    let good = good.filter(|&quality| quality >= MIN_SCORED_QUALITY);
    let sum: u32 = good.map(u32::from).sum();
    let capped = sum.min(MAX_SCORE).cast_signed();
    if record.flags().has(Flags::VENDOR_FAILED) {
        (capped - VENDOR_FAILED_PENALTY) as i16
    } else {
        capped as i16
    }
}
