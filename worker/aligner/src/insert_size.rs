//! Insert sizes: the distribution of each orientation of pairs, estimated from a batch.

use crate::alignment::Alignment;
use crate::context::Context;
use crate::{Index, Options};

/// Pairs of an orientation below which it is not used.
const MIN_PAIRS: usize = 10;
/// The same as a fraction of the most frequent orientation.
const MIN_FRACTION: f64 = 0.05;
/// A pair counts if the second best score is at most this fraction of the best.
const MAX_SECOND: f64 = 0.8;
/// Quartile distances within which values count, and within which pairs are proper.
const OUTLIER_BOUND: f64 = 2.0;
const PROPER_BOUND: f64 = 3.0;
/// Standard deviations to which the bounds of proper pairs reach at least.
const PROPER_DEVIATIONS: f64 = 4.0;

/// The insert sizes of one orientation, in bp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InsertSize {
    /// Least distance of a proper pair.
    pub low: i64,
    /// Greatest distance of a proper pair.
    pub high: i64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub standard_deviation: f64,
}

impl InsertSize {
    /// Makes a distribution as bwa's `-I mean[,sd[,max[,min]]]` does.
    pub fn given(mean: f64, deviation: Option<f64>, most: Option<f64>, least: Option<f64>) -> Self {
        let standard_deviation = deviation.unwrap_or(mean * 0.1);
        let reach = PROPER_DEVIATIONS * standard_deviation;
        let whole = |value: f64| (value + 0.499) as i64;
        Self {
            low: least.map_or_else(|| whole(mean - reach).max(1), whole),
            high: most.map_or_else(|| whole(mean + reach), whole),
            mean,
            standard_deviation,
        }
    }

    /// Says whether a distance is that of a proper pair.
    pub fn contains(&self, distance: i64) -> bool {
        (self.low..=self.high).contains(&distance)
    }

    /// Estimates a distribution from at least one distance, sorted.
    fn estimate(sorted: &[i64]) -> Self {
        let quantile = |q: f64| sorted[(q * sorted.len() as f64 + 0.499) as usize];
        let (lower, upper) = (quantile(0.25), quantile(0.75));
        let range = (upper - lower) as f64;
        let below = |bound: f64| (lower as f64 - bound * range + 0.499) as i64;
        let above = |bound: f64| (upper as f64 + bound * range + 0.499) as i64;
        let inside = below(OUTLIER_BOUND).max(1)..=above(OUTLIER_BOUND);
        let counted = || sorted.iter().filter(|value| inside.contains(value));
        let count = counted().count() as f64;
        let mean = counted().map(|&value| value as f64).sum::<f64>() / count;
        let squares = counted().map(|&value| (value as f64 - mean) * (value as f64 - mean));
        let standard_deviation = (squares.sum::<f64>() / count).sqrt();
        let (mut low, mut high) = (below(PROPER_BOUND), above(PROPER_BOUND));
        let reach = PROPER_DEVIATIONS * standard_deviation;
        if low as f64 > mean - reach {
            low = (mean - reach + 0.499) as i64;
        }
        if (high as f64) < mean + reach {
            high = (mean + reach + 0.499) as i64;
        }
        Self {
            low: low.max(1),
            high,
            mean,
            standard_deviation,
        }
    }
}

/// The orientations FF, FR, RF, RR; `None` for one that is not used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Orientations(pub [Option<InsertSize>; 4]);

impl Orientations {
    /// Returns the given distribution for FR pairs alone.
    pub const fn given(insert_size: InsertSize) -> Self {
        Self([None, Some(insert_size), None, None])
    }

    /// Estimates all orientations from the distances of a batch.
    pub fn estimate(distances: &mut [Vec<i64>; 4]) -> Self {
        let most = distances.iter().map(Vec::len).max().unwrap_or(0);
        let mut orientations = Self::default();
        for (orientation, sorted) in orientations.0.iter_mut().zip(distances) {
            sorted.sort_unstable();
            let is_used =
                sorted.len() >= MIN_PAIRS && sorted.len() as f64 >= most as f64 * MIN_FRACTION;
            *orientation = is_used.then(|| InsertSize::estimate(sorted));
        }
        orientations
    }
}

/// Returns orientation (0–3) and distance of two alignments by where they begin.
pub(crate) fn orientation(index: &Index, first: i64, second: i64) -> (usize, i64) {
    let strand = index.strand_length();
    let is_same = (first >= strand) == (second >= strand);
    let projected = if is_same {
        second
    } else {
        2 * strand - 1 - second
    };
    let is_behind = projected > first;
    let orientation = usize::from(!is_same) ^ if is_behind { 0 } else { 3 };
    (orientation, (projected - first).abs())
}

/// Returns orientation and distance of a pair if it counts for the estimate.
pub(crate) fn countable(
    context: &Context<'_>,
    first: &[Alignment],
    second: &[Alignment],
) -> Option<(usize, i64)> {
    let (one, other) = (first.first()?, second.first()?);
    let is_clear = |all: &[Alignment]| {
        f64::from(second_score(context.options, all)) <= MAX_SECOND * f64::from(all[0].score)
    };
    if !is_clear(first) || !is_clear(second) || one.contig != other.contig {
        return None;
    }
    let (orientation, distance) =
        orientation(context.index, one.reference_start, other.reference_start);
    let counts = 0 < distance && distance <= context.options.max_insert_size;
    counts.then_some((orientation, distance))
}

/// Returns the score of the best alignment that overlaps the first on the read.
fn second_score(options: &Options, all: &[Alignment]) -> i32 {
    let overlaps = |other: &&Alignment| all[0].overlaps_on_query(other, options.mask_level);
    let least = options.min_seed_length * options.match_score;
    all[1..]
        .iter()
        .find(overlaps)
        .map_or(least, |other| other.score)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::testing::index_of;

    #[test]
    fn outliers_do_not_move_the_mean() {
        let mut fr: Vec<i64> = (0..100).map(|i| 300 + i % 11).collect();
        fr.push(9000);
        let mut distances = [vec![5; 9], fr, vec![], vec![200; 10]];
        let Orientations([ff, fr, rf, rr]) = Orientations::estimate(&mut distances);
        assert_eq!((ff, rf), (None, None));
        let fr = fr.unwrap();
        assert!((fr.mean - 304.9).abs() < 0.1 && fr.standard_deviation < 4.0);
        assert_eq!((fr.low, fr.high), (284, 326));
        assert_eq!(rr.map(|rr| (rr.low, rr.high)), Some((200, 200)));
    }

    #[test]
    fn rare_orientations_are_not_used() {
        let mut distances = [vec![300; 10], vec![300; 201], vec![], vec![]];
        assert_eq!(Orientations::estimate(&mut distances).0[0], None);
        let mut distances = [vec![300; 10], vec![300; 200], vec![], vec![]];
        assert!(Orientations::estimate(&mut distances).0[0].is_some());
    }

    #[test]
    fn orientation_is_read_off_both_strands() {
        let index = index_of(&[&[0; 1000]]);
        let reverse = |forward: i64| 1999 - forward;
        assert_eq!(orientation(&index, 100, 400), (0, 300));
        assert_eq!(orientation(&index, 100, reverse(400)), (1, 300));
        assert_eq!(orientation(&index, 400, reverse(100)), (2, 300));
        assert_eq!(orientation(&index, 400, 100), (3, 300));
    }

    #[test]
    fn a_given_distribution_has_the_usual_defaults() {
        let given = InsertSize::given(200.0, None, None, None);
        assert_eq!(
            (given.low, given.high, given.standard_deviation),
            (120, 280, 20.0)
        );
        let given = InsertSize::given(200.0, Some(100.0), Some(500.0), Some(10.0));
        assert_eq!((given.low, given.high), (10, 500));
    }
}
