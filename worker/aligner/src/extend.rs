//! Extension of the anchors of a chain into local alignments.

pub(crate) mod global_row;
pub(crate) mod level;
pub(crate) mod local;
pub(crate) mod scalar;
pub(crate) mod striped;
mod ungapped;
mod vector;

use crate::Options;
use crate::alignment::Alignment;
use crate::chain::{Anchor, Chain};
use crate::context::Context;
use level::Level;
use scalar::{Extender, Extension, Problem};
use vector::VectorExtender;

/// Most bands tried in one direction, each twice as wide as the one before.
const MOST_BANDS: i32 = 2;

/// Memory to extend the chains of a read.
#[derive(Debug, Default)]
pub(crate) struct ChainExtender {
    extenders: Extenders,
    /// Anchors from the least to the greatest score, by index.
    order: Vec<(i32, u32)>,
    /// Whether the anchor at this place of `order` was extended.
    is_skipped: Vec<bool>,
    window: Vec<u8>,
    query_left: Vec<u8>,
    window_left: Vec<u8>,
}

/// The read and the stretch of reference of one chain.
#[derive(Debug, Clone, Copy)]
struct Scene<'a> {
    context: &'a Context<'a>,
    read: &'a [u8],
    window_start: i64,
}

impl ChainExtender {
    /// Appends the alignments that the anchors of a chain grow into.
    ///
    /// `alignments` holds those of the chains before: an anchor that lies well inside one of them
    /// is not extended again.
    pub fn extend_chain(
        &mut self,
        context: &Context<'_>,
        read: &[u8],
        (chain, anchors): (&Chain, &[Anchor]),
        repeat_fraction: f32,
        alignments: &mut Vec<Alignment>,
    ) {
        if anchors.is_empty() {
            return;
        }
        let (window_start, window_end) = window(context, read, anchors);
        let scene = Scene {
            context,
            read,
            window_start,
        };
        self.window.clear();
        let index = context.index;
        index.fetch_codes(window_start, window_end, &mut self.window);
        self.order.clear();
        let scores = anchors.iter().map(|anchor| anchor.score);
        self.order.extend(scores.zip(0..));
        self.order.sort_unstable();
        self.is_skipped.clear();
        self.is_skipped.resize(anchors.len(), false);
        for at in (0..anchors.len()).rev() {
            let anchor = &anchors[self.order[at].1 as usize];
            let is_known = alignments
                .iter()
                .any(|known| is_inside(&scene, anchor, known));
            if is_known && !self.differs_from_extended(anchors, at) {
                self.is_skipped[at] = true;
                continue;
            }
            let mut alignment = self.extend_anchor(&scene, anchor);
            alignment.contig = chain.contig;
            alignment.repeat_fraction = repeat_fraction;
            alignment.seed_coverage = covered(anchors, &alignment);
            alignments.push(alignment);
        }
    }

    /// Says whether an extended anchor, not much shorter, overlaps on another diagonal.
    fn differs_from_extended(&self, anchors: &[Anchor], at: usize) -> bool {
        let anchor = &anchors[self.order[at].1 as usize];
        (at + 1..anchors.len())
            .filter(|&other| !self.is_skipped[other])
            .any(|other| {
                let other = &anchors[self.order[other].1 as usize];
                if f64::from(other.length) < f64::from(anchor.length) * 0.95 {
                    return false;
                }
                let (first, second) = if anchor.query <= other.query {
                    (anchor, other)
                } else {
                    (other, anchor)
                };
                let apart = i64::from(second.query - first.query);
                first.query_end() - second.query >= anchor.length >> 2
                    && apart != second.reference - first.reference
            })
    }

    fn extend_anchor(&mut self, scene: &Scene<'_>, anchor: &Anchor) -> Alignment {
        let options = scene.context.options;
        let seed_score = anchor.length * options.match_score;
        let mut alignment = Alignment {
            score: seed_score,
            true_score: seed_score,
            reference_start: anchor.reference,
            reference_end: anchor.reference_end(),
            query_start: anchor.query,
            query_end: anchor.query_end(),
            band: options.band_width,
            seed_length: anchor.length,
            ..Alignment::default()
        };
        if anchor.query > 0 {
            self.extend_left(scene, anchor, &mut alignment);
        }
        if (anchor.query_end() as usize) < scene.read.len() {
            self.extend_right(scene, anchor, &mut alignment);
        }
        alignment
    }

    fn extend_left(&mut self, scene: &Scene<'_>, anchor: &Anchor, alignment: &mut Alignment) {
        let options = scene.context.options;
        let query = &scene.read[..anchor.query as usize];
        let reference = &self.window[..(anchor.reference - scene.window_start) as usize];
        let pairs = query
            .iter()
            .rev()
            .copied()
            .zip(reference.iter().rev().copied());
        let known = ungapped::extend(options, alignment.score, pairs);
        let (extension, band) = match known.filter(|_| query.len() <= reference.len()) {
            Some(extension) => (extension, options.band_width),
            None => {
                self.query_left.clear();
                self.query_left.extend(query.iter().rev());
                self.window_left.clear();
                self.window_left.extend(reference.iter().rev());
                let problem = Problem {
                    query: &self.query_left,
                    reference: &self.window_left,
                    band: options.band_width,
                    end_bonus: options.clip_penalty_5,
                    start_score: alignment.score,
                };
                widen(&mut self.extenders, scene, problem, -1)
            }
        };
        alignment.score = extension.score;
        alignment.band = alignment.band.max(band);
        if is_local(&extension, options.clip_penalty_5) {
            alignment.query_start = anchor.query - extension.query_bp;
            alignment.reference_start = anchor.reference - i64::from(extension.reference_bp);
            alignment.true_score = extension.score;
        } else {
            alignment.query_start = 0;
            alignment.reference_start = anchor.reference - i64::from(extension.end_reference_bp);
            alignment.true_score = extension.end_score;
        }
    }

    fn extend_right(&mut self, scene: &Scene<'_>, anchor: &Anchor, alignment: &mut Alignment) {
        let options = scene.context.options;
        let before = alignment.score;
        let problem = Problem {
            query: &scene.read[anchor.query_end() as usize..],
            reference: &self.window[(anchor.reference_end() - scene.window_start) as usize..],
            band: options.band_width,
            end_bonus: options.clip_penalty_3,
            start_score: before,
        };
        let (query, reference) = (problem.query, problem.reference);
        let pairs = query.iter().copied().zip(reference.iter().copied());
        let known = ungapped::extend(options, before, pairs);
        let (extension, band) = match known.filter(|_| query.len() <= reference.len()) {
            Some(extension) => (extension, options.band_width),
            None => widen(&mut self.extenders, scene, problem, before),
        };
        alignment.score = extension.score;
        alignment.band = alignment.band.max(band);
        if is_local(&extension, options.clip_penalty_3) {
            alignment.query_end += extension.query_bp;
            alignment.reference_end += i64::from(extension.reference_bp);
            alignment.true_score += extension.score - before;
        } else {
            alignment.query_end = scene.read.len() as i32;
            alignment.reference_end += i64::from(extension.end_reference_bp);
            alignment.true_score += extension.end_score - before;
        }
    }
}

/// The kernels and their memory.
#[derive(Debug, Default)]
struct Extenders {
    scalar: Extender,
    vector: VectorExtender,
}

impl Extenders {
    /// Extends with the best kernel that the CPU and the options allow and the scores fit.
    #[allow(unsafe_code, reason = "calling a kernel after the CPU was asked")]
    fn extend(&mut self, options: &Options, problem: &Problem<'_>) -> Extension {
        #[cfg(target_arch = "x86_64")]
        if VectorExtender::fits(options, problem) {
            match options.level.min(Level::detected()) {
                // SAFETY: the CPU has just said that it knows AVX-512BW.
                Level::Avx512 => return unsafe { self.vector.extend_avx512(options, problem) },
                // SAFETY: the CPU has just said that it knows AVX2.
                Level::Avx2 => return unsafe { self.vector.extend_avx2(options, problem) },
                Level::Scalar => {}
            }
        }
        self.scalar.extend(options, problem)
    }
}

/// Extends with wider bands until the score stays, and returns the last band too.
fn widen(
    extenders: &mut Extenders,
    scene: &Scene<'_>,
    mut problem: Problem<'_>,
    mut before: i32,
) -> (Extension, i32) {
    let options = scene.context.options;
    let mut extension = Extension::default();
    for doubling in 0..MOST_BANDS {
        problem.band = options.band_width << doubling;
        extension = extenders.extend(options, &problem);
        let (half, quarter) = (problem.band >> 1, problem.band >> 2);
        if extension.score == before || extension.max_offset < half + quarter {
            break;
        }
        before = extension.score;
    }
    (extension, problem.band)
}

/// Says whether clipping the rest of the read is better than aligning to its end.
const fn is_local(extension: &Extension, clip_penalty: i32) -> bool {
    extension.end_score <= 0 || extension.end_score <= extension.score - clip_penalty
}

/// Returns the stretch of reference that alignments of the chain can reach.
fn window(context: &Context<'_>, read: &[u8], anchors: &[Anchor]) -> (i64, i64) {
    let strand = context.index.strand_length();
    let (mut start, mut end) = (2 * strand, 0);
    for anchor in anchors {
        let rest = read.len() as i32 - anchor.query_end();
        let reach = |bp: i32| i64::from(bp + longest_gap(context, bp));
        start = start.min(anchor.reference - reach(anchor.query));
        end = end.max(anchor.reference_end() + reach(rest));
    }
    (start, end) = (start.max(0), end.min(2 * strand));
    let first = anchors[0].reference;
    if start < strand && strand < end {
        if first < strand {
            end = strand
        } else {
            start = strand
        }
    }
    let (start, end, _) = context.index.cut_to_contig((start, end), first);
    (start, end)
}

/// Returns the longest gap worth a look beside `query_bp` bases.
fn longest_gap(context: &Context<'_>, query_bp: i32) -> i32 {
    let options = context.options;
    options.longest_gap(query_bp).min(options.band_width << 1)
}

/// Says whether an anchor lies inside an alignment and near its diagonal at one of the ends.
fn is_inside(scene: &Scene<'_>, anchor: &Anchor, known: &Alignment) -> bool {
    if anchor.reference < known.reference_start
        || anchor.reference_end() > known.reference_end
        || anchor.query < known.query_start
        || anchor.query_end() > known.query_end
        || f64::from(anchor.length - known.seed_length) > 0.1 * scene.read.len() as f64
    {
        return false;
    }
    let is_near = |query: i32, reference: i64| {
        let shorter = i64::from(query).min(reference) as i32;
        let width = longest_gap(scene.context, shorter).min(known.band);
        (i64::from(query) - reference).abs() < i64::from(width)
    };
    is_near(
        anchor.query - known.query_start,
        anchor.reference - known.reference_start,
    ) || is_near(
        known.query_end - anchor.query_end(),
        known.reference_end - anchor.reference_end(),
    )
}

/// Returns the length of the anchors that lie inside an alignment.
fn covered(anchors: &[Anchor], alignment: &Alignment) -> i32 {
    let is_within = |anchor: &&Anchor| {
        anchor.query >= alignment.query_start
            && anchor.query_end() <= alignment.query_end
            && anchor.reference >= alignment.reference_start
            && anchor.reference_end() <= alignment.reference_end
    };
    anchors
        .iter()
        .filter(is_within)
        .map(|anchor| anchor.length)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn every_level_gives_the_scalar_extension(
            query in prop::collection::vec(0u8..5, 1..160),
            changes in prop::collection::vec((0usize..160, 0u8..7, 1usize..30), 0..8),
            costs in (0i32..8, 0i32..8, 0i32..8, 1i32..4, 1i32..4),
            bounds in (1i32..120, 1i32..110, 0i32..60),
        ) {
            let mut reference: Vec<u8> = query.iter().map(|&code| code & 3).collect();
            for (at, change, length) in changes {
                let at = at % (reference.len() + 1);
                match change {
                    4 => { reference.splice(at..at, (0..length).map(|i| (i * i % 7) as u8 & 3)); }
                    5 => { reference.drain(at..(at + length).min(reference.len())); }
                    6 => { reference.truncate(at); }
                    code if at < reference.len() => reference[at] = code & 3,
                    _ => {}
                }
            }
            let mut options = Options {
                z_drop: bounds.2,
                ..Options::of_costs(costs)
            };
            let problem = Problem {
                query: &query,
                reference: &reference,
                band: bounds.1,
                end_bonus: 5,
                start_score: bounds.0,
            };
            let expected = Extender::default().extend(&options, &problem);
            for level in Level::available() {
                options.level = level;
                let found = Extenders::default().extend(&options, &problem);
                prop_assert_eq!(found, expected, "{:?}", level);
            }
        }
    }
}
