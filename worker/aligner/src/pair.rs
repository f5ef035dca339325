//! Pairing: which alignments of two ends belong together, and how sure that is.

use crate::alignment::{Alignment, Parent};
use crate::context::Context;
use crate::insert_size::Orientations;
use crate::mapping_quality::{crowd_penalty, from_difference, mapping_quality};
use crate::mark::mix;
use genome::maths;

/// Half of log2 e: turns a log-likelihood into matches of four equally likely bases.
const MATCHES_OF_LN: f64 = 0.721;
const MOST_QUALITY: i32 = 60;
/// How far pairing may lift the quality of an end.
const MOST_LIFT: i32 = 40;

/// The pair that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The alignment of each end.
    pub chosen: [usize; 2],
    /// Its mapping quality.
    pub mapping_quality: [u8; 2],
    /// Whether the two belong together.
    pub is_proper: bool,
}

/// The best pairs by score and distance.
#[derive(Debug, Clone, Copy)]
struct BestPair {
    score: i32,
    second_score: i32,
    close_seconds: i32,
    chosen: [usize; 2],
}

/// An alignment in the order of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    place: u64,
    /// Score, index of the alignment, strand, end, from the highest bits.
    packed: u64,
}

impl Entry {
    const fn score(self) -> i32 {
        (self.packed >> 32) as i32
    }

    const fn alignment(self) -> usize {
        (self.packed as u32 >> 2) as usize
    }

    /// Returns strand and end as one number: `strand << 1 | end`.
    const fn class(self) -> usize {
        (self.packed & 3) as usize
    }
}

/// Memory of the pairing.
#[derive(Debug, Default)]
pub(crate) struct Pairer {
    entries: Vec<Entry>,
    pairs: Vec<(u64, u64)>,
}

impl Pairer {
    /// Chooses a pair among marked alignments; `None` if the ends are to be reported each alone.
    ///
    /// `ordinary` is the number of alignments of each end on ordinary contigs. The alignments
    /// chosen become primary.
    pub fn choose(
        &mut self,
        context: &Context<'_>,
        orientations: &Orientations,
        ends: &mut [Vec<Alignment>; 2],
        (ordinary, id): ([usize; 2], u64),
    ) -> Option<Choice> {
        let options = context.options;
        if options.skip_pairing || ordinary.contains(&0) {
            return None;
        }
        self.list_entries(context, ends, ordinary);
        let best = self.best_pair(context, orientations, id)?;
        let is_split = |end: &[Alignment], ordinary: usize| {
            let others = end[..ordinary].iter().skip(1);
            others
                .filter(|a| a.score >= options.min_score)
                .any(Alignment::is_primary)
        };
        if best.score == 0 || is_split(&ends[0], ordinary[0]) || is_split(&ends[1], ordinary[1]) {
            return None;
        }
        let alone = ends[0][0].score + ends[1][0].score - options.unpaired_penalty;
        if best.score <= alone {
            let quality = |end: &[Alignment]| mapping_quality(options, &end[0]);
            return Some(Choice {
                chosen: [0, 0],
                mapping_quality: [quality(&ends[0]), quality(&ends[1])],
                is_proper: false,
            });
        }
        let pair_quality = pair_quality(context, ends, &best, alone);
        let mut qualities = [0; 2];
        for ((end, at), quality) in ends.iter_mut().zip(best.chosen).zip(&mut qualities) {
            if let Parent::Index(parent) = end[at].parent {
                end[at].sub_score = end[parent as usize].score;
                end[at].parent = Parent::None;
            }
            let own = i32::from(mapping_quality(options, &end[at]));
            let lifted = own.max(pair_quality.min(own + MOST_LIFT));
            let tandem = from_difference(options, end[at].score - end[at].tandem_score);
            *quality = lifted.min(tandem).max(0) as u8;
        }
        Some(Choice {
            chosen: best.chosen,
            mapping_quality: qualities,
            is_proper: true,
        })
    }

    fn list_entries(
        &mut self,
        context: &Context<'_>,
        ends: &[Vec<Alignment>; 2],
        ordinary: [usize; 2],
    ) {
        self.entries.clear();
        for (end, (alignments, ordinary)) in (0u64..).zip(ends.iter().zip(ordinary)) {
            for (at, alignment) in (0u64..).zip(&alignments[..ordinary]) {
                let (forward, is_reverse) = context.index.to_forward(alignment.reference_start);
                let offset = context.index.offset(alignment.contig);
                let place = u64::from(alignment.contig) << 32 | (forward - offset).cast_unsigned();
                let score = u64::from(alignment.score.cast_unsigned());
                self.entries.push(Entry {
                    place,
                    packed: score << 32 | at << 2 | u64::from(is_reverse) << 1 | end,
                });
            }
        }
        self.entries.sort_unstable();
    }

    /// Scores all pairs at a likely distance; ties are broken by a hash of the pair's ordinal.
    fn best_pair(
        &mut self,
        context: &Context<'_>,
        orientations: &Orientations,
        id: u64,
    ) -> Option<BestPair> {
        let salt = salt(id);
        self.pairs.clear();
        let mut last_of_class: [Option<usize>; 4] = [None; 4];
        for (i, entry) in self.entries.iter().enumerate() {
            for strand in 0..2 {
                let Some(sizes) = orientations.0[strand << 1 | entry.class() >> 1] else {
                    continue;
                };
                let class = strand << 1 | (entry.class() & 1 ^ 1);
                let Some(last) = last_of_class[class] else {
                    continue;
                };
                for k in (0..=last)
                    .rev()
                    .filter(|&k| self.entries[k].class() == class)
                {
                    let distance = (entry.place - self.entries[k].place).cast_signed();
                    if distance > sizes.high {
                        break;
                    }
                    if distance < sizes.low {
                        continue;
                    }
                    let off = (distance as f64 - sizes.mean) / sizes.standard_deviation;
                    let unlikely = 2.0 * maths::erfc(off.abs() * std::f64::consts::FRAC_1_SQRT_2);
                    let scores = f64::from(entry.score()) + f64::from(self.entries[k].score());
                    let gain = MATCHES_OF_LN * maths::ln(unlikely);
                    let gain = gain * f64::from(context.options.match_score);
                    let score = ((scores + gain + 0.499) as i32).max(0);
                    let both = (k as u64) << 32 | i as u64;
                    let hash = mix(both ^ salt) & 0xFFFF_FFFF;
                    self.pairs.push(((score as u64) << 32 | hash, both));
                }
            }
            last_of_class[entry.class()] = Some(i);
        }
        self.pairs.sort_unstable();
        let &(key, both) = self.pairs.last()?;
        let others = &self.pairs[..self.pairs.len() - 1];
        let score_of = |key: u64| (key >> 32) as i32;
        let second_score = others.last().map_or(0, |&(key, _)| score_of(key));
        let close = context.options.close_score();
        let is_close = |&&(key, _): &&(u64, u64)| second_score - score_of(key) <= close;
        let mut chosen = [0; 2];
        for at in [both as u32, (both >> 32) as u32] {
            let entry = self.entries[at as usize];
            chosen[entry.class() & 1] = entry.alignment();
        }
        Some(BestPair {
            score: score_of(key),
            second_score,
            close_seconds: others.iter().filter(is_close).count() as i32,
            chosen,
        })
    }
}

/// Returns how sure the pair as a whole is.
fn pair_quality(
    context: &Context<'_>,
    ends: &[Vec<Alignment>; 2],
    best: &BestPair,
    alone: i32,
) -> i32 {
    let ahead = best.score - best.second_score.max(alone);
    let quality = from_difference(context.options, ahead) - crowd_penalty(best.close_seconds);
    let repeats = ends[0][0].repeat_fraction + ends[1][0].repeat_fraction;
    let unique = 1.0 - 0.5 * f64::from(repeats);
    (f64::from(quality.clamp(0, MOST_QUALITY)) * unique + 0.499) as i32
}

/// Returns what the ordinal of a pair adds to the hash: bwa shifts it in a signed 32-bit integer
/// and widens that, so that it wraps from pair 2^23 on.
const fn salt(id: u64) -> u64 {
    (((id as i32) << 8) as i64).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::salt;

    #[test]
    fn ordinals_wrap_where_the_shift_leaves_32_bits() {
        assert_eq!(salt(1), 0x100);
        assert_eq!(salt((1 << 23) - 1), 0x7FFF_FF00);
        assert_eq!(salt(1 << 23), 0xFFFF_FFFF_8000_0000);
        assert_eq!(salt((1 << 24) - 1), 0xFFFF_FFFF_FFFF_FF00);
        assert_eq!(salt(1 << 24), 0);
        // Pairs of reads around 2^31 and beyond 2^32.
        assert_eq!(salt((1 << 30) + 5), 0x500);
        assert_eq!(salt((1 << 33) + (1 << 23)), 0xFFFF_FFFF_8000_0000);
    }
}
