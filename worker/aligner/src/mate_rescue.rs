//! Mate rescue: looks for a read near the place that its mate makes likely.

mod screen;

use crate::alignment::Alignment;
use crate::context::Context;
use crate::dedup::dedup;
use crate::extend::local::{LocalAligner, Width};
use crate::insert_size::{InsertSize, Orientations, orientation};
use genome::base;
use screen::Screen;
use std::ops::Range;

/// Best possible score from which 8-bit lanes are too narrow.
const EIGHT_BIT_LIMIT: i32 = 250;

/// Memory of the mate rescue.
#[derive(Debug, Default)]
pub(crate) struct MateRescuer {
    local: LocalAligner,
    window: Vec<u8>,
    reverse_complement: Vec<u8>,
    /// Words of the read and of its reverse complement, once they are needed.
    screens: [Screen; 2],
    is_screened: [bool; 2],
    stretches: Vec<Range<usize>>,
    candidates: Vec<Alignment>,
}

impl MateRescuer {
    /// Adds to both ends what the good alignments of the other end make likely.
    pub fn rescue_pair(
        &mut self,
        context: &Context<'_>,
        orientations: &Orientations,
        reads: [&[u8]; 2],
        ends: &mut [Vec<Alignment>; 2],
    ) {
        let options = context.options;
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let mut counts = [0; 2];
        for (end, count) in ends.iter().zip(&mut counts) {
            let best = end.first().map_or(0, |best| best.score);
            let is_good = |a: &&Alignment| a.score >= best - options.unpaired_penalty;
            let good = end.iter().filter(is_good).take(options.max_mate_rescues);
            let before = candidates.len();
            candidates.extend(good);
            *count = candidates.len() - before;
        }
        for (at, candidate) in candidates.iter().enumerate() {
            let mate = usize::from(at < counts[0]);
            let is_first = at == 0 || at == counts[0];
            if is_first {
                self.load(reads[mate]);
            }
            self.rescue(
                context,
                orientations,
                candidate,
                (reads[mate], &mut ends[mate]),
            );
        }
        self.candidates = candidates;
    }

    fn load(&mut self, read: &[u8]) {
        self.reverse_complement.clear();
        let codes = read.iter().rev().map(|&code| base::complement_code(code));
        self.reverse_complement.extend(codes);
        self.is_screened = [false; 2];
    }

    /// Searches one mate near one candidate, in each orientation that is not consistent yet.
    fn rescue(
        &mut self,
        context: &Context<'_>,
        orientations: &Orientations,
        candidate: &Alignment,
        (read, mate): (&[u8], &mut Vec<Alignment>),
    ) {
        let mut wanted = orientations.0;
        for found in mate.iter() {
            let (which, distance) = orientation(
                context.index,
                candidate.reference_start,
                found.reference_start,
            );
            if wanted[which].is_some_and(|sizes| sizes.contains(distance)) {
                wanted[which] = None;
            }
        }
        let mut was_searched = false;
        for (which, sizes) in wanted.iter().enumerate() {
            let Some(sizes) = sizes else { continue };
            let side = Side::of(which);
            let (start, end) = side.window(candidate, sizes, read.len() as i64);
            let (start, end) = (start.max(0), end.min(2 * context.index.strand_length()));
            if start < end {
                let middle = (start + end) >> 1;
                let (start, end, contig) = context.index.cut_to_contig((start, end), middle);
                let least = i64::from(context.options.min_seed_length);
                if contig == candidate.contig && end - start >= least {
                    was_searched = true;
                    if let Some(found) = self.search(context, read, side, (start, end)) {
                        if let Some(events) = context.events {
                            events.count_rescued();
                        }
                        insert(mate, found, candidate);
                    }
                }
            }
            if was_searched {
                dedup(context, mate, None);
            }
        }
    }

    /// Aligns the mate locally to a window.
    fn search(
        &mut self,
        context: &Context<'_>,
        read: &[u8],
        side: Side,
        (start, end): (i64, i64),
    ) -> Option<Alignment> {
        let options = context.options;
        self.window.clear();
        context.index.fetch_codes(start, end, &mut self.window);
        let query = if side.is_opposite {
            &self.reverse_complement
        } else {
            read
        };
        let strand = usize::from(side.is_opposite);
        let screen = &mut self.screens[strand];
        if !self.is_screened[strand] {
            self.is_screened[strand] = true;
            screen.load(options, query);
        }
        let read_bp = read.len() as i32;
        let width = if read_bp * options.match_score < EIGHT_BIT_LIMIT {
            Width::Eight
        } else {
            Width::Sixteen
        };
        let padded = width.padded(read.len());
        screen.stretches(&self.window, padded, &mut self.stretches);
        if self.stretches.is_empty() {
            return None;
        }
        let least = options.min_seed_length * options.match_score;
        let found = self.local.align(
            options,
            (query, &self.window),
            &self.stretches,
            (width, least),
        )?;
        let mut alignment = Alignment {
            reference_start: start + i64::from(found.reference_start),
            reference_end: start + i64::from(found.reference_end),
            query_start: found.query_start,
            query_end: found.query_end,
            score: found.score,
            tandem_score: found.second_score.unwrap_or(-1),
            ..Alignment::default()
        };
        if side.is_opposite {
            let both = 2 * context.index.strand_length();
            let (start, end) = (alignment.reference_start, alignment.reference_end);
            (alignment.reference_start, alignment.reference_end) = (both - end, both - start);
            let (start, end) = (alignment.query_start, alignment.query_end);
            (alignment.query_start, alignment.query_end) = (read_bp - end, read_bp - start);
        }
        let shorter = i64::from(alignment.query_span()).min(alignment.reference_span());
        alignment.seed_coverage = shorter as i32 >> 1;
        Some(alignment)
    }
}

/// Where the mate lies with respect to its candidate.
#[derive(Debug, Clone, Copy)]
struct Side {
    is_opposite: bool,
    is_behind: bool,
}

impl Side {
    /// Splits an orientation: 0 FF, 1 FR, 2 RF, 3 RR.
    const fn of(orientation: usize) -> Self {
        Self {
            is_opposite: orientation == 1 || orientation == 2,
            is_behind: orientation < 2,
        }
    }

    /// Returns where the mate may lie.
    const fn window(self, candidate: &Alignment, sizes: &InsertSize, read_bp: i64) -> (i64, i64) {
        let at = candidate.reference_start;
        let (near, far) = if self.is_behind {
            (at + sizes.low, at + sizes.high)
        } else {
            (at - sizes.high, at - sizes.low)
        };
        if self.is_opposite {
            (near - read_bp, far)
        } else {
            (near, far + read_bp)
        }
    }
}

/// Puts a rescued alignment behind those of at least its score.
fn insert(mate: &mut Vec<Alignment>, mut found: Alignment, candidate: &Alignment) {
    found.contig = candidate.contig;
    found.is_alternate = candidate.is_alternate;
    let at = mate.iter().position(|other| other.score < found.score);
    mate.insert(at.unwrap_or(mate.len()), found);
}
