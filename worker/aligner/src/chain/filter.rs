//! Which chains and which of their anchors are worth extending.

use super::{Anchor, Chain, Chainer};
use crate::context::Context;
use crate::extend::local::{LocalAligner, Width};
use crate::sort::introsort;
use genome::maths;

/// Anchors at least this long are never tested by alignment; windows neither.
const SHORT_BP: i32 = 200;
/// Flank of the window around a tested anchor.
const FLANK_BP: i32 = 50;
const WEIGHT_CAP: i32 = (1 << 30) - 1;

/// How far a chain has come through the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Dropped,
    AsFirst,
    Overlapping,
    Alone,
}

/// Memory of the chain filter.
#[derive(Debug, Default)]
pub(crate) struct ChainFilter {
    kept: Vec<Kept>,
    first: Vec<Option<usize>>,
    winners: Vec<usize>,
    window: Vec<u8>,
}

impl ChainFilter {
    /// Sorts the chains by weight and drops those that a heavier one makes unlikely.
    pub fn filter_chains(&mut self, context: &Context<'_>, chainer: &mut Chainer) {
        let options = context.options;
        let chains = &mut chainer.chains;
        chains.retain(|chain| chain.weight >= options.min_chain_weight);
        if chains.is_empty() {
            return;
        }
        introsort(chains, |one, other| one.weight > other.weight);
        self.kept.clear();
        self.kept.resize(chains.len(), Kept::Dropped);
        self.first.clear();
        self.first.resize(chains.len(), None);
        self.winners.clear();
        self.winners.push(0);
        self.kept[0] = Kept::Alone;
        for i in 1..chains.len() {
            self.kept[i] = self.judge(context, chainer, i);
            if self.kept[i] != Kept::Dropped {
                self.winners.push(i);
            }
        }
        for first in self.winners.iter().filter_map(|&winner| self.first[winner]) {
            self.kept[first] = Kept::AsFirst;
        }
        self.limit_extensions(options.max_chain_extensions);
        let mut kept = self.kept.iter();
        let is_kept = |_: &Chain| kept.next().is_some_and(|&kept| kept != Kept::Dropped);
        chainer.chains.retain(is_kept);
    }

    /// Compares chain `i` with those that were kept before it.
    fn judge(&mut self, context: &Context<'_>, chainer: &Chainer, i: usize) -> Kept {
        let options = context.options;
        let chain = &chainer.chains[i];
        let (start, end) = chainer.query_span(chain);
        let mut overlaps = false;
        for &j in &self.winners {
            let winner = &chainer.chains[j];
            let (winner_start, winner_end) = chainer.query_span(winner);
            let overlap = end.min(winner_end) - start.max(winner_start);
            if overlap <= 0 || (winner.is_alternate && !chain.is_alternate) {
                continue;
            }
            let shorter = (end - start).min(winner_end - winner_start);
            if (overlap as f32) < shorter as f32 * options.mask_level
                || shorter >= options.max_chain_gap
            {
                continue;
            }
            overlaps = true;
            self.first[j].get_or_insert(i);
            if (chain.weight as f32) < winner.weight as f32 * options.drop_ratio
                && winner.weight - chain.weight >= 2 * options.min_seed_length
            {
                return Kept::Dropped;
            }
        }
        if overlaps {
            Kept::Overlapping
        } else {
            Kept::Alone
        }
    }

    /// Drops all but the first of the chains that overlap others, when there are too many.
    fn limit_extensions(&mut self, most: usize) {
        let mut count = 0;
        for kept in &mut self.kept {
            if matches!(kept, Kept::AsFirst | Kept::Overlapping) {
                count += 1;
                if count >= most {
                    *kept = Kept::Dropped;
                }
            }
        }
    }

    /// Drops anchors of long reads that do not align well around themselves.
    pub fn filter_anchors(
        &mut self,
        context: &Context<'_>,
        chainer: &mut Chainer,
        read: &[u8],
        aligner: &mut LocalAligner,
    ) {
        let options = context.options;
        let length = read.len() as f64;
        let least = if options.min_chain_weight > 0 {
            f64::from(1.1 * options.min_chain_weight as f32)
        } else {
            f64::from(5.5f32) * maths::ln(length)
        };
        if least > f64::from(0.05 * read.len() as f32) {
            return;
        }
        let least = (f64::from(options.match_score) * least + 0.499) as i32;
        for chain in &mut chainer.chains {
            let mut end = chain.first;
            for at in chain.range() {
                let mut anchor = chainer.anchors[at];
                let score = self.anchor_score(context, &anchor, read, aligner);
                if score.is_some_and(|score| score < least) {
                    continue;
                }
                anchor.score = score.unwrap_or(anchor.length * options.match_score);
                chainer.anchors[end as usize] = anchor;
                end += 1;
            }
            chain.end = end;
        }
    }

    /// Returns the local score around a short anchor; `None` for a long one.
    fn anchor_score(
        &mut self,
        context: &Context<'_>,
        anchor: &Anchor,
        read: &[u8],
        aligner: &mut LocalAligner,
    ) -> Option<i32> {
        if anchor.length >= SHORT_BP {
            return None;
        }
        let strand = context.index.strand_length();
        let middle = (anchor.reference + anchor.reference_end()) >> 1;
        let query_start = (anchor.query - FLANK_BP).max(0);
        let query_end = (anchor.query_end() + FLANK_BP).min(read.len() as i32);
        let mut start = (anchor.reference - i64::from(FLANK_BP)).max(0);
        let mut end = (anchor.reference_end() + i64::from(FLANK_BP)).min(2 * strand);
        if start < strand && strand < end {
            if middle < strand {
                end = strand
            } else {
                start = strand
            }
        }
        if query_end - query_start >= SHORT_BP || end - start >= i64::from(SHORT_BP) {
            return None;
        }
        let (start, end, _) = context.index.cut_to_contig((start, end), middle);
        self.window.clear();
        context.index.fetch_codes(start, end, &mut self.window);
        let query = &read[query_start as usize..query_end as usize];
        let width = Width::Sixteen;
        Some(aligner.best_score(context.options, query, &self.window, width))
    }
}

impl Chainer {
    /// Returns the stretch of the read from the first to the last anchor of a chain.
    fn query_span(&self, chain: &Chain) -> (i32, i32) {
        let anchors = &self.anchors[chain.range()];
        let first = anchors.first().map_or(0, |anchor| anchor.query);
        (first, anchors.last().map_or(0, Anchor::query_end))
    }
}

/// Returns the number of bases that anchors cover on the read or on the reference, whichever is
/// less.
pub(super) fn weight(anchors: &[Anchor]) -> i32 {
    let on_query = anchors
        .iter()
        .map(|anchor| (i64::from(anchor.query), anchor.length));
    let on_reference = anchors
        .iter()
        .map(|anchor| (anchor.reference, anchor.length));
    covered(on_query)
        .min(covered(on_reference))
        .min(i64::from(WEIGHT_CAP)) as i32
}

fn covered(stretches: impl Iterator<Item = (i64, i32)>) -> i64 {
    let (mut covered, mut reached) = (0, 0);
    for (start, length) in stretches {
        let end = start + i64::from(length);
        covered += (end - start.max(reached)).max(0);
        reached = reached.max(end);
    }
    covered
}
