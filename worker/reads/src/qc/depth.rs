//! Coverage of sorted records, as Picard's `CollectWgsMetrics` counts it.
//!
//! Main path: a [`DepthCounter`] for each part of the genome gives a [`DepthPart`]; [`join`] puts
//! the parts together where reads hang over their ends, and gives the [`Coverage`].

mod codec;
mod counter;
mod seam;

use genome::reference::Reference;
use genome::region::{ContigId, Region};

pub use counter::DepthCounter;
pub use seam::{DepthPart, join};

/// Depths are told apart up to here: Picard's `COVERAGE_CAP`.
pub const MAX_DEPTH: usize = 250;

/// The depths whose shares are told: Picard's.
pub const DEPTHS: [usize; 14] = [1, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100];

/// Stands for a position that has no depth, as the reference is unknown there.
const UNKNOWN: u32 = u32::MAX;

/// How many positions have which depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depths {
    /// Positions by depth, 0 to [`MAX_DEPTH`].
    pub positions: Vec<u64>,
}

impl Default for Depths {
    fn default() -> Self {
        Self {
            positions: vec![0; MAX_DEPTH + 1],
        }
    }
}

impl Depths {
    /// Returns how many positions were looked at.
    pub fn territory(&self) -> u64 {
        self.positions.iter().sum()
    }

    /// Returns the sum of all depths.
    pub fn bases(&self) -> u64 {
        let depths = (0u64..).zip(&self.positions);
        depths.map(|(depth, count)| depth * count).sum()
    }

    /// Returns how many positions have at least this depth.
    pub fn at_least(&self, depth: usize) -> u64 {
        self.positions[depth.min(MAX_DEPTH + 1)..].iter().sum()
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.positions.iter_mut().zip(&other.positions) {
            *mine += theirs;
        }
    }
}

/// The coverage of one target, in less room than [`Depths`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TargetDepth {
    /// Positions that were looked at.
    pub territory: u64,
    /// Sum of their depths.
    pub bases: u64,
    /// Positions of at least each of [`DEPTHS`].
    pub at_least: [u64; DEPTHS.len()],
}

impl TargetDepth {
    fn add(&mut self, depth: usize) {
        self.territory += 1;
        self.bases += depth as u64;
        for (count, least) in self.at_least.iter_mut().zip(DEPTHS) {
            *count += u64::from(depth >= least);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.territory += other.territory;
        self.bases += other.bases;
        for (mine, theirs) in self.at_least.iter_mut().zip(other.at_least) {
            *mine += theirs;
        }
    }
}

/// Bases that were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Excluded {
    /// Of records whose mapping quality is low.
    pub mapping_quality: u64,
    /// Of duplicates.
    pub duplicate: u64,
    /// Of reads without a mapped mate.
    pub unpaired: u64,
    /// Whose own quality is low, or that are N.
    pub base_quality: u64,
    /// That the mate covers already.
    pub overlap: u64,
    /// Beyond [`MAX_DEPTH`].
    pub capped: u64,
}

impl Excluded {
    /// Returns the sum.
    pub fn total(&self) -> u64 {
        self.numbers().iter().sum()
    }

    const fn numbers(&self) -> [u64; 6] {
        [
            self.mapping_quality,
            self.duplicate,
            self.unpaired,
            self.base_quality,
            self.overlap,
            self.capped,
        ]
    }

    fn merge(&mut self, other: &Self) {
        self.mapping_quality += other.mapping_quality;
        self.duplicate += other.duplicate;
        self.unpaired += other.unpaired;
        self.base_quality += other.base_quality;
        self.overlap += other.overlap;
        self.capped += other.capped;
    }
}

/// Coverage of a genome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// By contig.
    pub contigs: Vec<Depths>,
    /// Of the targets together.
    pub targets: Depths,
    /// Of each target, in their order.
    pub by_target: Vec<TargetDepth>,
    /// What was left out.
    pub excluded: Excluded,
}

impl Coverage {
    /// Starts at nothing.
    pub(super) fn new(contigs: usize, targets: usize) -> Self {
        Self {
            contigs: vec![Depths::default(); contigs],
            by_target: vec![TargetDepth::default(); targets],
            ..Self::default()
        }
    }

    /// Returns the depths of all contigs together.
    pub fn total(&self) -> Depths {
        let mut total = Depths::default();
        self.contigs.iter().for_each(|contig| total.merge(contig));
        total
    }

    /// Adds the coverage of other positions.
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.contigs.iter_mut().zip(&other.contigs) {
            mine.merge(theirs);
        }
        self.targets.merge(&other.targets);
        for (mine, theirs) in self.by_target.iter_mut().zip(&other.by_target) {
            mine.merge(theirs);
        }
        self.excluded.merge(&other.excluded);
    }

    /// Counts positions of a contig, whose depths are final, from `start` on.
    fn settle(&mut self, (contig, start): (ContigId, u64), depths: &[u32], targets: &[Region]) {
        let positions = &mut self.contigs[contig.0 as usize].positions;
        for &depth in depths.iter().filter(|depth| **depth != UNKNOWN) {
            let kept = (depth as usize).min(MAX_DEPTH);
            self.excluded.capped += u64::from(depth) - kept as u64;
            positions[kept] += 1;
        }
        let here = Region::new(contig, start, start + depths.len() as u64);
        let before = |target: &Region| (target.contig, target.end) <= (contig, start);
        let first = targets.partition_point(before);
        let reaching = targets.iter().enumerate().skip(first);
        for (index, target) in reaching {
            let Some(shared) = target.intersection(&here) else {
                break;
            };
            let stretch = (shared.start - start) as usize..(shared.end - start) as usize;
            for &depth in depths[stretch].iter().filter(|depth| **depth != UNKNOWN) {
                let kept = (depth as usize).min(MAX_DEPTH);
                self.targets.positions[kept] += 1;
                self.by_target[index].add(kept);
            }
        }
    }
}

/// Marks the positions of a stretch at which the reference is not known.
fn mark_unknown(
    reference: &Reference<'_>,
    (contig, start): (ContigId, u64),
    depths: &mut [u32],
    letters: &mut Vec<u8>,
) {
    letters.clear();
    reference.fetch(
        Region::new(contig, start, start + depths.len() as u64),
        letters,
    );
    for (depth, _) in depths.iter_mut().zip(letters).filter(|(_, l)| **l == b'N') {
        *depth = UNKNOWN;
    }
}
