//! Coverage of sorted records, as Picard's `CollectWgsMetrics` counts it.

use std::collections::VecDeque;

use genome::record::{Flags, RecordView};
use genome::reference::Reference;
use genome::region::{ContigId, Region};
use rustc_hash::FxHashMap;

/// Depths are told apart up to here: Picard's `COVERAGE_CAP`.
pub const MAX_DEPTH: usize = 250;

/// Records of lower mapping quality do not count: `MINIMUM_MAPPING_QUALITY`.
const MIN_MAPPING_QUALITY: u8 = 20;

/// Bases of lower quality do not count: `MINIMUM_BASE_QUALITY`.
const MIN_BASE_QUALITY: u8 = 20;

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
    pub const fn total(&self) -> u64 {
        self.mapping_quality
            + self.duplicate
            + self.unpaired
            + self.base_quality
            + self.overlap
            + self.capped
    }
}

/// Coverage of a genome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// By contig.
    pub contigs: Vec<Depths>,
    /// Of the targets.
    pub targets: Depths,
    /// What was left out.
    pub excluded: Excluded,
}

impl Coverage {
    /// Returns the depths of all contigs together.
    pub fn total(&self) -> Depths {
        let mut total = Depths::default();
        self.contigs.iter().for_each(|contig| total.merge(contig));
        total
    }
}

/// Records between two looks for what no other record can reach.
const PURGE_RECORDS: u64 = 1 << 12;

/// Which bases of the records of one name counted.
#[derive(Debug)]
struct Counted {
    start: u64,
    counted: Vec<bool>,
}

/// Counts the depth of each position while sorted records pass.
#[derive(Debug)]
pub struct DepthCounter<'a> {
    reference: Reference<'a>,
    targets: &'a [Region],
    coverage: Coverage,
    contig: ContigId,
    /// The first position that is not finished.
    position: u64,
    /// Depths from there on.
    open: VecDeque<u32>,
    names: FxHashMap<Vec<u8>, Counted>,
    records: u64,
    letters: Vec<u8>,
}

impl<'a> DepthCounter<'a> {
    /// Starts at the first contig; targets are sorted and merged.
    pub fn new(reference: Reference<'a>, targets: &'a [Region]) -> Self {
        let contigs = reference.dictionary().contigs().len();
        Self {
            reference,
            targets,
            coverage: Coverage {
                contigs: vec![Depths::default(); contigs],
                ..Coverage::default()
            },
            contig: ContigId(0),
            position: 0,
            open: VecDeque::new(),
            names: FxHashMap::default(),
            records: 0,
            letters: Vec::new(),
        }
    }

    /// Counts a record on a contig of the reference; records come in order of their positions.
    pub fn add(&mut self, record: &RecordView<'_>) {
        let flags = record.flags();
        let (Some(contig), Some(start)) = (record.contig(), record.position()) else {
            return;
        };
        if flags.is_unmapped() || flags.has(Flags::SECONDARY) {
            return;
        }
        self.go_on_to(contig, start.into());
        self.fetch(record);
        let excluded = &mut self.coverage.excluded;
        let slot = if record.mapping_quality() < MIN_MAPPING_QUALITY {
            &mut excluded.mapping_quality
        } else if flags.is_duplicate() {
            &mut excluded.duplicate
        } else if !flags.is_paired() || flags.is_mate_unmapped() {
            &mut excluded.unpaired
        } else {
            self.count(record);
            return;
        };
        let aligned = record.cigar().filter(|op| op.kind().is_aligned());
        *slot += aligned.map(|op| u64::from(op.len())).sum::<u64>();
    }

    /// Returns the coverage, when the last record has passed.
    pub fn finish(mut self) -> Coverage {
        let contigs = self.coverage.contigs.len() as u32;
        self.go_on_to(ContigId(contigs), 0);
        self.coverage
    }

    fn count(&mut self, record: &RecordView<'_>) {
        let start = self.position;
        let others = self.names.get(record.name());
        let mut counted = vec![false; self.letters.len()];
        let qualities = record.qualities();
        let (mut read, mut place) = (0, 0);
        for op in record.cigar() {
            let (kind, length) = (op.kind(), op.len() as usize);
            if kind.is_aligned() {
                for i in 0..length.min(self.letters.len().saturating_sub(place)) {
                    let at = place + i;
                    if self.letters[at] == b'N' {
                        continue;
                    }
                    let is_good = qualities[read + i] >= MIN_BASE_QUALITY;
                    if !is_good || record.base(read + i) == b'N' {
                        self.coverage.excluded.base_quality += 1;
                    } else if others.is_some_and(|others| others.has(start + at as u64)) {
                        self.coverage.excluded.overlap += 1;
                    } else {
                        counted[at] = true;
                        if self.open.len() <= at {
                            self.open.resize(at + 1, 0);
                        }
                        self.open[at] += 1;
                    }
                }
            }
            read += if kind.consumes_read() { length } else { 0 };
            place += if kind.consumes_reference() { length } else { 0 };
        }
        self.remember(record.name(), start, counted);
    }

    /// Keeps which bases counted, for later records of the name.
    fn remember(&mut self, name: &[u8], start: u64, counted: Vec<bool>) {
        match self.names.get_mut(name) {
            Some(known) => known.join(start, &counted),
            None => {
                let counted = Counted { start, counted };
                self.names.insert(name.to_vec(), counted);
            }
        }
        self.records += 1;
        if self.records.is_multiple_of(PURGE_RECORDS) {
            let position = self.position;
            self.names.retain(|_, counted| counted.end() > position);
        }
    }

    /// Fetches the letters under a record.
    fn fetch(&mut self, record: &RecordView<'_>) {
        self.letters.clear();
        let length = self.reference.dictionary().contig(self.contig).length;
        let end = record.end().map_or(0, u64::from).min(length);
        if self.position < end {
            let region = Region::new(self.contig, self.position, end);
            self.reference.fetch(region, &mut self.letters);
        }
    }

    /// Finishes all positions before one.
    fn go_on_to(&mut self, contig: ContigId, position: u64) {
        while self.contig < contig {
            let length = self.reference.dictionary().contig(self.contig).length;
            self.finish_until(length);
            self.contig = ContigId(self.contig.0 + 1);
            self.position = 0;
            self.open.clear();
            self.names.clear();
        }
        if position > self.position {
            self.finish_until(position);
        }
    }

    fn finish_until(&mut self, end: u64) {
        const STRETCH_BP: u64 = 1 << 16;
        while self.position < end {
            let stretch = self.position..end.min(self.position + STRETCH_BP);
            let mut letters = Vec::with_capacity(STRETCH_BP as usize);
            let region = Region::new(self.contig, stretch.start, stretch.end);
            self.reference.fetch(region, &mut letters);
            for (at, letter) in stretch.clone().zip(letters) {
                let depth = self.open.pop_front().unwrap_or(0) as usize;
                if letter == b'N' {
                    continue;
                }
                let kept = depth.min(MAX_DEPTH);
                self.coverage.excluded.capped += (depth - kept) as u64;
                self.coverage.contigs[self.contig.0 as usize].positions[kept] += 1;
                if self.is_target(at) {
                    self.coverage.targets.positions[kept] += 1;
                }
            }
            self.position = stretch.end;
        }
    }

    fn is_target(&self, at: u64) -> bool {
        let before = |region: &Region| (region.contig, region.end) <= (self.contig, at);
        let next = self.targets.partition_point(before);
        let next = self.targets.get(next);
        next.is_some_and(|region| region.contig == self.contig && region.start <= at)
    }
}

impl Counted {
    const fn end(&self) -> u64 {
        self.start + self.counted.len() as u64
    }

    /// Adds a record that starts no earlier.
    fn join(&mut self, start: u64, counted: &[bool]) {
        let from = start.saturating_sub(self.start) as usize;
        if from > self.counted.len() {
            // What came before reaches no later record.
            *self = Self {
                start,
                counted: counted.to_vec(),
            };
            return;
        }
        let length = self.counted.len().max(from + counted.len());
        self.counted.resize(length, false);
        for (mine, theirs) in self.counted[from..].iter_mut().zip(counted) {
            *mine |= theirs;
        }
    }

    fn has(&self, position: u64) -> bool {
        let at = position.checked_sub(self.start);
        let counted = at.and_then(|at| self.counted.get(at as usize));
        counted.copied().unwrap_or(false)
    }
}
