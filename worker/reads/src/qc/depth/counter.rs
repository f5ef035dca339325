//! Counting the depth of each position of a part while its sorted records pass.

use std::ops::Range;

use genome::record::{Flags, RecordView, tags};
use genome::reference::Reference;
use genome::region::{ContigId, Region};
use rustc_hash::FxHashMap;

use super::super::sight::{Sight, count};
use super::seam::{Counted, DepthPart, HEAD_BP, Stretch};
use super::{Coverage, mark_unknown};

/// Records of lower mapping quality do not count: `MINIMUM_MAPPING_QUALITY`.
const MIN_MAPPING_QUALITY: u8 = 20;

/// Bases of lower quality do not count: `MINIMUM_BASE_QUALITY`.
const MIN_BASE_QUALITY: u8 = 20;

/// Records between two looks for names that no other record can reach.
const PURGE_RECORDS: u64 = 1 << 12;

/// Positions that are settled at a time.
const STRETCH_BP: u64 = 1 << 14;

/// Counts the depth of each position of some regions.
#[derive(Debug)]
pub struct DepthCounter<'a> {
    reference: Reference<'a>,
    regions: &'a [Region],
    targets: &'a [Region],
    coverage: Coverage,
    stretches: Vec<Stretch>,
    /// The region where records are now, and the next.
    present: usize,
    /// The first position that is not settled.
    position: u64,
    /// Depths from there on.
    open: Vec<u32>,
    names: FxHashMap<Vec<u8>, Counted>,
    head: Stretch,
    records: u64,
    letters: Vec<u8>,
}

impl<'a> DepthCounter<'a> {
    /// Starts at the first region. Records start in the regions, which are sorted as the records
    /// are; targets are sorted and merged.
    pub fn new(reference: Reference<'a>, regions: &'a [Region], targets: &'a [Region]) -> Self {
        let contigs = reference.dictionary().contigs().len();
        let mut counter = Self {
            reference,
            regions,
            targets,
            coverage: Coverage::new(contigs, targets.len()),
            stretches: Vec::new(),
            present: 0,
            position: 0,
            open: Vec::new(),
            names: FxHashMap::default(),
            head: Stretch::default(),
            records: 0,
            letters: Vec::new(),
        };
        counter.begin();
        counter
    }

    /// Counts a record; records come in order of their positions.
    pub(in super::super) fn add(&mut self, sight: Sight<'_>) {
        let record = sight.record;
        let flags = record.flags();
        let (Some(contig), Some(start)) = (record.contig(), record.position()) else {
            return;
        };
        if flags.is_unmapped() || flags.has(Flags::SECONDARY) {
            return;
        }
        if !self.go_on_to(contig, start.into()) {
            return;
        }
        let excluded = &mut self.coverage.excluded;
        let slot = if record.mapping_quality() < MIN_MAPPING_QUALITY {
            &mut excluded.mapping_quality
        } else if flags.is_duplicate() {
            &mut excluded.duplicate
        } else if !flags.is_paired() || flags.is_mate_unmapped() {
            &mut excluded.unpaired
        } else {
            // What the sequencer failed counts nowhere else.
            if !flags.has(Flags::VENDOR_FAILED) {
                self.count(sight, start.into());
            }
            return;
        };
        let aligned = record.cigar().filter(|op| op.kind().is_aligned());
        *slot += aligned.map(|op| u64::from(op.len())).sum::<u64>();
    }

    /// Returns what was counted, when the last record has passed.
    pub fn finish(mut self) -> DepthPart {
        while self.present < self.regions.len() {
            self.end();
        }
        DepthPart {
            coverage: self.coverage,
            stretches: self.stretches,
        }
    }

    fn count(&mut self, sight: Sight<'_>, start: u64) {
        let others = self.names.get(sight.record.name());
        let from = (start - self.position) as usize;
        if self.open.len() < from + sight.reference.len() {
            self.open.resize(from + sight.reference.len(), 0);
        }
        let mut counted = vec![false; sight.reference.len()];
        let (mut low, mut overlap) = (0, 0);
        for block in sight.blocks() {
            let (bases, letters) = sight.letters(block);
            let qualities = &sight.record.qualities()[block.read..];
            let place = block.place..block.place + block.length;
            let counted = &mut counted[place.clone()];
            low += tell_good(counted, (bases, letters), qualities);
            if let Some(others) = others {
                let from = start + block.place as u64;
                overlap += without(counted, |at| others.has(from + at));
            }
            let open = &mut self.open[from..][place];
            for (depth, &counts) in open.iter_mut().zip(&*counted) {
                *depth += u32::from(counts);
            }
        }
        self.coverage.excluded.base_quality += low;
        self.coverage.excluded.overlap += overlap;
        self.remember(&sight.record, start, counted);
    }

    /// Keeps which bases counted, for later records of the name, here and in the part before.
    fn remember(&mut self, record: &RecordView<'_>, start: u64, counted: Vec<bool>) {
        let counted = Counted { start, counted };
        let region = self.regions[self.present];
        if start < head(region).end && may_meet_earlier(record, region) {
            let name = record.name().to_vec();
            self.head.head_names.push((name, counted.clone()));
        }
        match self.names.get_mut(record.name()) {
            Some(known) => known.join(&counted),
            None => {
                self.names.insert(record.name().to_vec(), counted);
            }
        }
        self.records += 1;
        if self.records.is_multiple_of(PURGE_RECORDS) {
            self.names.retain(|_, counted| counted.end() > start);
        }
    }

    /// Goes on to the region of a position; false if there is none.
    fn go_on_to(&mut self, contig: ContigId, position: u64) -> bool {
        let is_before = |region: &Region| (region.contig, region.end) <= (contig, position);
        while self.regions.get(self.present).is_some_and(is_before) {
            self.end();
        }
        let Some(region) = self.regions.get(self.present) else {
            return false;
        };
        if region.contig != contig || position < region.start {
            return false;
        }
        if position - self.position >= STRETCH_BP {
            self.settle_until(position);
        }
        true
    }

    /// Begins the present region.
    fn begin(&mut self) {
        if let Some(&region) = self.regions.get(self.present) {
            self.position = region.start;
            self.head = Stretch {
                region: Some(region),
                ..Stretch::default()
            };
        }
    }

    /// Ends the present region: what hangs over is kept for the part behind it.
    fn end(&mut self) {
        let region = self.regions[self.present];
        self.settle_until(region.end);
        let mut stretch = std::mem::take(&mut self.head);
        let length = self.reference.dictionary().contig(region.contig).length;
        if region.end < length {
            stretch.tail = std::mem::take(&mut self.open);
            let reaching = self.names.drain().filter(|(_, c)| c.end() > region.end);
            stretch.tail_names = reaching
                .map(|(name, c)| (name, c.from(region.end)))
                .collect();
            stretch.tail_names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        }
        if region.start > 0 || region.end < length {
            self.stretches.push(stretch);
        }
        self.open.clear();
        self.names.clear();
        self.present += 1;
        self.begin();
    }

    fn settle_until(&mut self, end: u64) {
        let region = self.regions[self.present];
        let head = head(region);
        while self.position < end {
            let next = end.min(self.position + STRETCH_BP);
            let count = (next - self.position) as usize;
            let known = count.min(self.open.len());
            let mut depths: Vec<u32> = self.open.drain(..known).collect();
            depths.resize(count, 0);
            let at = (region.contig, self.position);
            mark_unknown(&self.reference, at, &mut depths, &mut self.letters);
            let in_head = head.end.saturating_sub(self.position).min(count as u64);
            let (kept, settled) = depths.split_at(in_head as usize);
            self.head.head.extend_from_slice(kept);
            let at = (region.contig, self.position + in_head);
            self.coverage.settle(at, settled, self.targets);
            self.position = next;
        }
    }
}

/// Says which bases of a block are good; returns how many against a known letter are not.
fn tell_good(good: &mut [bool], (bases, letters): (&[u8], &[u8]), qualities: &[u8]) -> u64 {
    let read = bases.iter().zip(qualities);
    for ((good, &letter), (&base, &quality)) in good.iter_mut().zip(letters).zip(read) {
        *good = (letter != b'N') & (base != b'N') & (quality >= MIN_BASE_QUALITY);
    }
    let known = count(letters, |letter| letter != b'N');
    known - count(good, |is_good| is_good)
}

/// Leaves out the bases that count elsewhere; returns how many.
fn without(counted: &mut [bool], counts_elsewhere: impl Fn(u64) -> bool) -> u64 {
    let mut gone = 0;
    for (at, counts) in (0..).zip(counted) {
        if *counts && counts_elsewhere(at) {
            *counts = false;
            gone += 1;
        }
    }
    gone
}

/// Returns the positions of a region whose depths the part before may change.
const fn head(region: Region) -> Range<u64> {
    let most = match region.start {
        0 => 0,
        start => start + HEAD_BP,
    };
    let end = if most < region.end { most } else { region.end };
    region.start..if end < region.start {
        region.start
    } else {
        end
    }
}

/// Says whether a record of the same name may start before the region.
fn may_meet_earlier(record: &RecordView<'_>, region: Region) -> bool {
    let flags = record.flags();
    let mate = record.mate_position().map_or(0, u64::from);
    (record.mate_contig() == Some(region.contig) && mate < region.start)
        || flags.has(Flags::SUPPLEMENTARY)
        || tags(record.tag_bytes()).any(|(tag, _)| tag == *b"SA")
}
