//! What `CollectAlignmentSummaryMetrics` counts of the reads of one category.

use genome::cigar::CigarKind;
use genome::record::{Flags, RecordView, TagValue, tags};

use super::adapter::is_adapter;
use super::insert_size::PairOrientation;
use super::sight::{Sight, count, differing};
use super::statistics::ratio;
use crate::container::{Decoder, Error, put_varint};
use crate::duplicates::Histogram;

/// Records of at least this mapping quality are well aligned.
const MIN_MAPPING_QUALITY: u8 = 20;

/// Bases of at least this quality are good.
const MIN_BASE_QUALITY: u8 = 20;

/// Bases that are compared together.
const PIECE_BP: usize = 16;

/// Longer fragments are chimeric.
const MAX_INSERT_BP: u32 = 100_000;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counts of first reads, second reads, or reads without a mate.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct AlignmentCounts {
            $($(#[$doc])* pub $name: u64,)*
            /// Lengths of the reads.
            pub read_lengths: Histogram,
            /// Bases that are not clipped, of the reads that the sequencer passed; 0 of unmapped ones.
            pub aligned_lengths: Histogram,
            /// Mismatches of well aligned records.
            pub good_mismatches: Histogram,
            /// Mismatches and Ns by cycle.
            pub bad_cycles: Histogram,
        }

        impl AlignmentCounts {
            fn numbers(&mut self) -> Vec<&mut u64> {
                vec![$(&mut self.$name),*]
            }
        }
    };
}

counts! {
    /// Reads.
    reads,
    /// Reads that the sequencer's filter passed.
    passed,
    /// Reads marked as noise.
    noise,
    /// Reads that are adaptor.
    adapters,
    /// Bases of the reads that passed.
    passed_bases,
    /// Reads that are mapped.
    aligned,
    /// Reads that are mapped in pairs that are not proper.
    improper,
    /// Mapped reads on the forward strand.
    forward,
    /// Reads mapped as their mates are.
    in_pairs,
    /// Reads that could be chimeric.
    maybe_chimeric,
    /// Reads that are.
    chimeric,
    /// Soft-clipped bases.
    soft_clipped,
    /// Hard-clipped bases.
    hard_clipped,
    /// Soft-clipped bases at the end of sequencing.
    end_clipped,
    /// Reads that have any of these.
    end_clipped_reads,
    /// Well aligned reads.
    good_reads,
    /// Bases against the reference.
    aligned_bases,
    /// Such bases of well aligned records.
    good_bases,
    /// Good bases among these.
    good_q20_bases,
    /// Bases that differ from the reference.
    mismatches,
    /// Insertions and deletions.
    indels,
}

impl AlignmentCounts {
    /// Counts a record that is neither secondary nor supplementary.
    pub(super) fn add(&mut self, sight: Sight<'_>) {
        let flags = sight.record.flags();
        self.add_read(&sight.record);
        if flags.is_unmapped() || flags.has(Flags::VENDOR_FAILED) {
            self.add_ambiguous(sight);
        } else {
            self.add_bases(sight);
        }
    }

    fn add_read(&mut self, record: &RecordView<'_>) {
        let flags = record.flags();
        let bases = record.base_count() as u64;
        self.reads += 1;
        if flags.has(Flags::VENDOR_FAILED) {
            return;
        }
        self.read_lengths.add(bases);
        self.passed += 1;
        self.passed_bases += bases;
        let told = Told::of(record);
        self.noise += u64::from(told.is_noise);
        self.adapters += u64::from(is_adapter(record));
        if flags.is_unmapped() {
            self.aligned_lengths.add(0);
            return;
        }
        self.add_clips(record);
        self.aligned += 1;
        self.improper += u64::from(flags.is_paired() && !flags.has(Flags::PROPER_PAIR));
        self.forward += u64::from(!flags.is_reverse());
        let maps_well = record.mapping_quality() >= MIN_MAPPING_QUALITY;
        if flags.is_paired() && !flags.is_mate_unmapped() {
            self.in_pairs += 1;
            let mate_maps_well = |quality: i64| quality >= i64::from(MIN_MAPPING_QUALITY);
            if told
                .mate
                .is_none_or(|quality| mate_maps_well(quality) && maps_well)
            {
                self.maybe_chimeric += 1;
                self.chimeric += u64::from(told.is_split || is_chimeric(record));
            }
        } else if maps_well {
            self.maybe_chimeric += 1;
            self.chimeric += u64::from(told.is_split);
        }
    }

    fn add_clips(&mut self, record: &RecordView<'_>) {
        let of_kind = |kind: CigarKind| {
            let ops = record.cigar().filter(move |op| op.kind() == kind);
            ops.map(|op| u64::from(op.len())).sum::<u64>()
        };
        let soft = of_kind(CigarKind::SoftClip);
        self.soft_clipped += soft;
        self.hard_clipped += of_kind(CigarKind::HardClip);
        self.aligned_lengths.add(record.base_count() as u64 - soft);
        let is_soft = |op: genome::cigar::CigarOp| match op.kind() {
            CigarKind::SoftClip => Some(u64::from(op.len())),
            _ => None,
        };
        let not_hard = |op: &genome::cigar::CigarOp| op.kind() != CigarKind::HardClip;
        let end = match record.flags().is_reverse() {
            true => record.cigar().find(not_hard).and_then(is_soft),
            false => record.cigar().rfind(not_hard).and_then(is_soft),
        };
        self.end_clipped += end.unwrap_or(0);
        self.end_clipped_reads += u64::from(end.is_some());
    }

    fn add_ambiguous(&mut self, sight: Sight<'_>) {
        let bases = sight.bases.iter().enumerate();
        for (at, _) in bases.filter(|(_, base)| **base == b'N') {
            self.bad_cycles.add(cycle(&sight.record, at));
        }
    }

    fn add_bases(&mut self, sight: Sight<'_>) {
        let record = &sight.record;
        let maps_well = record.mapping_quality() >= MIN_MAPPING_QUALITY;
        self.good_reads += u64::from(maps_well);
        let mut differ = 0;
        for block in sight.blocks() {
            let (bases, letters) = sight.letters(block);
            let others = differing((bases, letters));
            differ += others;
            self.aligned_bases += block.length as u64;
            if maps_well {
                self.good_bases += block.length as u64;
                let qualities = &record.qualities()[block.read..block.read + block.length];
                self.good_q20_bases += count(qualities, |quality| quality >= MIN_BASE_QUALITY);
            }
            if others > 0 || bases.contains(&b'N') {
                self.add_bad_cycles(record, bases, letters);
            }
        }
        let moved = |kind: CigarKind| matches!(kind, CigarKind::Insertion | CigarKind::Deletion);
        self.indels += record.cigar().filter(|op| moved(op.kind())).count() as u64;
        self.mismatches += differ;
        self.good_mismatches.add(if maps_well { differ } else { 0 });
    }

    /// Counts what differs or is ambiguous: from the start of the stretch, as Picard does.
    fn add_bad_cycles(&mut self, record: &RecordView<'_>, bases: &[u8], letters: &[u8]) {
        let pieces = bases.chunks(PIECE_BP).zip(letters.chunks(PIECE_BP));
        for (start, (bases, letters)) in (0..).step_by(PIECE_BP).zip(pieces) {
            if bases == letters && !bases.contains(&b'N') {
                continue;
            }
            let pairs = (start..).zip(bases.iter().zip(letters));
            for (at, _) in pairs.filter(|(_, (base, letter))| base != letter || **base == b'N') {
                self.bad_cycles.add(cycle(record, at));
            }
        }
    }

    /// Returns at how many cycles four reads of five differ from the reference.
    pub(super) fn bad_cycle_count(&self) -> usize {
        let is_bad = |&(_, count): &(u64, u64)| ratio(count, self.reads) >= 0.8;
        self.bad_cycles.iter().filter(is_bad).count()
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        for (mine, theirs) in self.numbers().into_iter().zip(other.numbers()) {
            *mine += *theirs;
        }
        self.read_lengths.merge(&other.read_lengths);
        self.aligned_lengths.merge(&other.aligned_lengths);
        self.good_mismatches.merge(&other.good_mismatches);
        self.bad_cycles.merge(&other.bad_cycles);
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for number in self.clone().numbers() {
            put_varint(out, *number);
        }
        for histogram in [
            &self.read_lengths,
            &self.aligned_lengths,
            &self.good_mismatches,
            &self.bad_cycles,
        ] {
            histogram.encode(out);
        }
    }

    pub(super) fn decode(fields: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut counts = Self::default();
        for number in counts.numbers() {
            *number = fields.varint()?;
        }
        counts.read_lengths = Histogram::decode(fields)?;
        counts.aligned_lengths = Histogram::decode(fields)?;
        counts.good_mismatches = Histogram::decode(fields)?;
        counts.bad_cycles = Histogram::decode(fields)?;
        Ok(counts)
    }
}

fn is_chimeric(record: &RecordView<'_>) -> bool {
    record.template_length().unsigned_abs() > MAX_INSERT_BP
        || record.contig() != record.mate_contig()
        || PairOrientation::of(record) != PairOrientation::ForwardReverse
}

fn cycle(record: &RecordView<'_>, at: usize) -> u64 {
    let cycle = match record.flags().is_reverse() {
        true => record.base_count() - at,
        false => at + 1,
    };
    cycle as u64
}

/// What the tags of a record say.
#[derive(Debug, Default)]
struct Told {
    is_noise: bool,
    is_split: bool,
    /// Mapping quality of the mate.
    mate: Option<i64>,
}

impl Told {
    /// Of tags that come twice the first counts.
    fn of(record: &RecordView<'_>) -> Self {
        let mut told = Self::default();
        let mut noise = None;
        for (tag, value) in tags(record.tag_bytes()) {
            match (tag, value) {
                ([b'S', b'A'], _) => told.is_split = true,
                ([b'X', b'N'], TagValue::Integer(value)) => noise = noise.or(Some(value)),
                ([b'M', b'Q'], TagValue::Integer(value)) => told.mate = told.mate.or(Some(value)),
                _ => {}
            }
        }
        told.is_noise = noise == Some(1);
        told
    }
}
